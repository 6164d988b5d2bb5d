"""The edges of what a request may be: of which run, how old, and whether its id came before."""

from __future__ import annotations

from typing import Any

import pytest
from engine_in_memory import EPOCH, NOW, Engine
from fixengine.desk.orders import Orders
from fixengine.messages import OrderCancelReject, OrderCancelRequest, Refused

MS = 1_000_000


@pytest.fixture
def engine() -> Engine:
    return Engine()


def cancel(**values: Any) -> OrderCancelRequest:
    return OrderCancelRequest(**{"cl_ord_id": "c1", "orig_cl_ord_id": "o1", **values})


def live(engine: Engine) -> None:
    """An order o1 that lives; nothing of it is left to be heard, or among what was written."""
    engine.request(engine.order())
    engine.report("0", "0")
    engine.heard()
    engine.wire.written.clear()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"valid_for_ms": 5, "sent_ns": NOW - 5 * MS}, None),
        ({"valid_for_ms": 5, "sent_ns": NOW - 5 * MS - 1}, "too_old"),
        ({"sent_ns": NOW + MS}, None),
        ({"sent_ns": NOW + MS + 1}, "from_the_future"),
        ({"epoch": EPOCH - 1}, "wrong_epoch"),
        ({"epoch": EPOCH + 1}, "wrong_epoch"),
        ({"epoch": EPOCH - 1, "sent_ns": NOW - 9_999 * MS}, "wrong_epoch"),
        ({"valid_for_ms": 10_000}, None),
        ({"valid_for_ms": 10_001}, "invalid_field"),
        ({"valid_for_ms": -1}, "invalid_field"),
    ],
)
def test_orders_and_cancels_of_another_run_or_too_old_do_not_leave(
    engine: Engine, values: dict[str, Any], reason: str | None
) -> None:
    live(engine)
    engine.request(engine.order("o2", **values))
    engine.request(cancel(**values))
    refused = [event.reason for event in engine.heard() if isinstance(event, Refused)]
    assert refused == ([] if reason is None else [reason] * 2)
    assert len(engine.wire.written) == (2 if reason is None else 0)


def test_what_the_venue_rejected_is_answered_with_that(engine: Engine) -> None:
    engine.request(engine.order())
    engine.report("8", "8", venue_code="-2010", text="insufficient balance")
    engine.request(engine.order(sent_ns=NOW - 9_999 * MS, epoch=EPOCH - 1))
    first, again = engine.heard()
    assert (again.ord_status, again.text, again.replayed) == ("8", first.text, True)
    assert len(engine.wire.written) == 1


def test_a_cancel_that_came_before_is_answered_with_what_became_of_it(engine: Engine) -> None:
    live(engine)
    engine.request(cancel())
    engine.request(cancel())
    assert len(engine.wire.written) == 1
    named = {"cl_ord_id": engine.last()[11].decode(), "symbol": "BTCUSDT"}
    engine.venue_says(b"9", **named, cxl_rej_response_to="1", venue_code="-2011", text="why")
    engine.heard()
    engine.request(cancel())
    (again,) = engine.heard()
    assert isinstance(again, OrderCancelReject)
    assert (again.cl_ord_id, again.text, again.replayed) == ("c1", "why", True)
    assert len(engine.wire.written) == 1


def test_an_id_is_one_whatever_it_is_used_for(engine: Engine) -> None:
    live(engine)
    engine.request(cancel(cl_ord_id="o1"))
    engine.request(cancel())
    engine.request(engine.order("c1"))
    assert len(engine.wire.written) == 1
    report, *rest = engine.heard()
    assert (report.cl_ord_id, report.exec_type) == ("o1", "0")
    assert [type(event).__name__ for event in rest] == ["Sent"]


def test_the_same_id_of_another_strategy_is_another(engine: Engine) -> None:
    live(engine)
    engine.hello(b"b", "beta")
    engine.request(engine.order(), peer=b"b")
    assert len(engine.wire.written) == 1


def test_an_id_is_known_for_as_many_finished_requests_as_are_kept() -> None:
    engine = Engine(orders=Orders(1000, 5))
    for number in range(6):
        engine.request(engine.order(f"o{number}"))
        fill = {"last_qty": "1", "cum_qty": "1", "order_id": str(number)}
        engine.report("F", "2", trade_id=str(number), **fill)
    engine.wire.written.clear()
    for number in range(1, 6):
        engine.request(engine.order(f"o{number}"))
    assert engine.wire.written == []
    engine.request(engine.order("o0"))
    assert len(engine.wire.written) == 1, "it is forgotten, as the documents say"
