"""Cancel-replace, amend and mass cancel in the walk: bytes, outcomes of each part, promises.

The venue here is the venue's side of the same table, and says what its documents say (spec sections
9.5 to 9.7 and 22.4).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from engine_in_memory import EPOCH, NOW, Engine
from fixengine.desk.orders import Kind, Orders
from fixengine.desk.positions import Positions
from fixengine.desk.standings import Standing
from fixengine.fix.dictionary import read
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import (
    ALL_RECEIVED,
    ExecutionReport,
    LimitQuery,
    NewOrderSingle,
    OrderAmendKeepPriorityRequest,
    OrderAmendReject,
    OrderCancelReject,
    OrderCancelRequest,
    OrderCancelRequestAndNewOrderSingle,
    OrderMassCancelReport,
    OrderMassCancelRequest,
    OrderUnknown,
    Refused,
    Sent,
    encode,
)
from fixengine.network.journal.reader import Record
from fixengine.network.journal.record import Kind as RecordKind
from fixengine.network.line import WINDOWS_MAX
from fixengine.network.recall import recall_records

MS = 1_000_000
ALLOW_FAILURE = "2"


@pytest.fixture
def engine() -> Engine:
    """With one live order, o1, known to the venue as 77."""
    engine = Engine()
    engine.request(engine.order("o1"))
    engine.report("0", "0")
    engine.heard()
    return engine


def replacing(cl_ord_id: str = "n", mode: str = "1", of: str = "o1", **more: Any) -> Any:
    order = NewOrderSingle.limit("BTCUSDT", "1", "2", "49000", cl_ord_id=cl_ord_id)
    return OrderCancelRequestAndNewOrderSingle.replacing(
        of, order, mode=mode, cancel_cl_ord_id=f"{cl_ord_id}-c", **more
    )


def amend(cl_ord_id: str = "a", of: str = "o1", order_qty: str = "0.5") -> Any:
    request = OrderAmendKeepPriorityRequest.to(of, order_qty)
    request.cl_ord_id = cl_ord_id
    return request


def mass(cl_ord_id: str = "m", symbol: str = "BTCUSDT") -> Any:
    return OrderMassCancelRequest(cl_ord_id, symbol=symbol)


REQUESTS = {"replace": replacing, "amend": amend, "mass": mass}


def ids(engine: Engine, index: int = -1) -> tuple[str, str]:
    """ClOrdID and CancelClOrdID of a message that was written."""
    framed = engine.wire.written[index].split(b"\x01")
    values = dict(part.split(b"=", 1) for part in framed if part)
    return values[b"11"].decode(), values.get(b"25034", b"").decode()


def told(engine: Engine) -> list[Any]:
    """(kind, own id, OrdStatus or none) of what the strategy heard."""
    return [
        (type(event).__name__, event.cl_ord_id, getattr(event, "ord_status", None))
        for event in engine.heard()
    ]


# --- bytes ----------------------------------------------------------------------------------


def test_a_cancel_replace_names_the_order_by_its_order_id(engine: Engine) -> None:
    engine.request(replacing(mode=ALLOW_FAILURE, rate_limit_exceeded_mode="2"))
    out = engine.last()
    assert (out[35], out[25033], out[25038], out[37]) == (b"XCN", b"2", b"2", b"77")
    assert (out[55], out[54], out[40], out[38], out[44], out[59]) == (
        b"BTCUSDT",
        b"1",
        b"2",
        b"2",
        b"49000",
        b"1",
    )
    assert 41 not in out and 25032 not in out and out[11] != out[25034]


def by_order_id(order_id: str = "77", symbol: str = "BTCUSDT", of: str = "") -> Any:
    return OrderCancelRequest("c", orig_cl_ord_id=of, order_id=order_id, symbol=symbol)


@pytest.mark.parametrize("of", ["", "o1"])
def test_a_cancel_may_name_its_order_by_the_order_id(engine: Engine, of: str) -> None:
    engine.request(by_order_id(of=of))
    out = engine.last()
    assert (out[35], out[37], out[55]) == (b"F", b"77", b"BTCUSDT")
    assert 41 not in out
    engine.report("4", "4", cl_ord_id=out[11].decode(), orig_cl_ord_id=None, exec_id="9")
    (event,) = engine.heard()
    assert isinstance(event, ExecutionReport)
    assert (event.cl_ord_id, event.orig_cl_ord_id, event.ord_status) == ("c", "o1", "4")


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (by_order_id("78"), "order_id: this strategy has no order '78' in 'BTCUSDT'"),
        (by_order_id(symbol="ETHUSDT"), "order_id: this strategy has no order '77' in 'ETHUSDT'"),
        (OrderCancelRequest("c"), "order_id: this strategy has no order None in None"),
        (by_order_id("78", of="o1"), "order_id: o1 is 77 at the venue, not '78'"),
    ],
)
def test_an_order_id_that_is_not_that_of_the_order_ends_nothing(
    engine: Engine, request_: Any, text: str
) -> None:
    engine.request(msgspec.structs.replace(request_))
    (event,) = engine.heard()
    assert isinstance(event, Refused)
    assert (event.reason, event.text.split(";")[0]) == ("unknown_order", text)
    assert engine.last()[35] == b"D"


def test_the_order_id_of_anothers_order_ends_nothing(engine: Engine) -> None:
    engine.hello(b"b", "taker")
    engine.heard(b"b")
    engine.request(by_order_id(), b"b")
    (event,) = engine.heard(b"b")
    assert isinstance(event, Refused) and event.reason == "unknown_order"
    assert engine.last()[35] == b"D"


@pytest.mark.parametrize("kind", ["cancel", "replace", "amend", "mass", "limits"])
def test_the_official_dictionary_has_each_field_and_value(
    engine: Engine, kind: str, shared_data: Path
) -> None:
    official = read((shared_data / "spot-fix-oe.xml").read_bytes())
    if kind == "cancel":
        engine.request(OrderCancelRequest("c", orig_cl_ord_id="o1", cancel_restrictions="1"))
    elif kind == "limits":
        engine.gateway.on_order(b"a", encode(LimitQuery(1)), engine.now)
        engine.gateway.flush(engine.now)
    elif kind == "replace":
        engine.request(replacing(rate_limit_exceeded_mode="1", cancel_restrictions="2"))
    else:
        engine.request(REQUESTS[kind]())
    out = engine.last()
    members = official.messages[out[35].decode()].members
    head = {8, 9, 35, 49, 56, 34, 52, 25000, 10}
    tags = [tag for tag in out if tag not in head]
    assert tags == [member.tag for member in members if member.tag in out], "in its order"
    assert {member.tag for member in members if member.required == "Y"} <= set(tags)
    for tag in tags:
        value = out[tag].decode()
        assert value in official.enums.get(tag, {value: ""}), tag


def test_an_amend_and_a_mass_cancel_are_these_bytes(engine: Engine) -> None:
    engine.request(amend())
    out = engine.last()
    assert (out[35], out[37], out[55], out[38], 41 in out) == (
        b"XAK",
        b"77",
        b"BTCUSDT",
        b"0.5",
        False,
    )
    engine.request(mass())
    out = engine.last()
    assert (out[35], out[55], out[530]) == (b"q", b"BTCUSDT", b"1")


@pytest.mark.parametrize("kind", REQUESTS)
def test_the_intent_is_journalled_before_the_bytes(engine: Engine, kind: str) -> None:
    engine.journal.records.clear()
    engine.request(REQUESTS[kind]())
    kinds = [kind for kind, _ in engine.journal.records]
    assert kinds == [RecordKind.ORDER, RecordKind.INTENT, RecordKind.FRAME_OUT]


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_repeated_id_is_answered_and_not_sent_again(engine: Engine, kind: str) -> None:
    engine.request(REQUESTS[kind]())
    engine.wire.written.clear()
    engine.request(REQUESTS[kind]())
    assert engine.wire.written == []
    (sent,) = engine.heard()
    assert isinstance(sent, Sent)


def test_an_order_may_have_a_shorter_recv_window_of_its_own(engine: Engine) -> None:
    engine.request(engine.order("o2", recv_window_ms=250))
    assert engine.last()[25000] == b"250"
    engine.request(engine.order("o3"))
    assert engine.last()[25000] == b"5000"
    request = replacing()
    request.order.recv_window_ms = 300
    engine.request(request)
    assert engine.last()[25000] == b"300"
    for window in range(1, 2 * WINDOWS_MAX):
        engine.request(engine.order(f"w{window}", recv_window_ms=window))
        assert engine.last()[25000] == str(window).encode()
    assert len(engine.line._windows) <= WINDOWS_MAX


def ending_soon(kind: str, window: int) -> Any:
    amend = OrderAmendKeepPriorityRequest.to("o1", "0.5")
    amend.cl_ord_id = "c"
    made = {
        "F": OrderCancelRequest("c", orig_cl_ord_id="o1"),
        "XAK": amend,
        "q": OrderMassCancelRequest("c", symbol="BTCUSDT"),
    }[kind]
    made.recv_window_ms = window
    return made


@pytest.mark.parametrize("kind", ["F", "XAK", "q"])
def test_a_request_without_an_order_may_have_one_too(
    engine: Engine, shared_data: Path, kind: str
) -> None:
    engine.wire.written.clear()
    engine.request(ending_soon(kind, 5001))
    (event,) = engine.heard()
    assert isinstance(event, Refused)
    assert (event.reason, event.text.split(":")[0]) == ("invalid_field", "recv_window_ms")
    assert engine.wire.written == []
    engine.request(ending_soon(kind, 250))
    sent = engine.last()
    assert (sent[35], sent[25000]) == (kind.encode(), b"250")
    official = read((shared_data / "spot-fix-oe.xml").read_bytes())
    assert 25000 in {member.tag for member in official.messages["header"].members}


@pytest.mark.parametrize("window", [-1, 5001])
def test_a_longer_recv_window_is_refused(engine: Engine, window: int) -> None:
    """The engine's own says when an order can no longer arrive."""
    engine.wire.written.clear()
    engine.request(engine.order("o2", recv_window_ms=window))
    (event,) = engine.heard()
    assert isinstance(event, Refused)
    assert (event.reason, event.text.split(":")[0]) == ("invalid_field", "recv_window_ms")
    assert engine.wire.written == []


# --- cancel-replace -------------------------------------------------------------------------


def canceled(engine: Engine, request_id: str, order_id: str = "77") -> None:
    """The venue has cancelled o1, by this request."""
    first = ids(engine, 0)[0]
    engine.report("4", "4", cl_ord_id=request_id, orig_cl_ord_id=first, order_id=order_id)


@pytest.mark.parametrize("mode", ["1", "2"])
def test_both_halves_are_done_and_each_is_told(engine: Engine, mode: str) -> None:
    engine.request(replacing(mode=mode))
    new, cancel = ids(engine)
    canceled(engine, cancel)
    engine.report("0", "0", cl_ord_id=new, order_id="78")
    first, second = engine.heard()
    assert isinstance(first, ExecutionReport) and isinstance(second, ExecutionReport)
    assert (first.cl_ord_id, first.orig_cl_ord_id, first.ord_status) == ("n-c", "o1", "4")
    assert (second.cl_ord_id, second.orig_cl_ord_id, second.ord_status) == ("n", None, "0")
    assert engine.gateway.orders.find(1, "o1").standing is Standing.CANCELED
    assert engine.gateway.orders.find(1, "n-c").standing is Standing.DONE
    assert engine.gateway.orders.find(1, "n").standing is Standing.NEW
    assert not engine.gateway.waits_for(engine.line)


def test_the_cancel_may_come_under_the_new_orders_id(engine: Engine) -> None:
    engine.request(replacing())
    canceled(engine, ids(engine)[0])
    assert told(engine) == [("ExecutionReport", "n-c", "4")]
    engine.report("0", "0", order_id="78")
    assert told(engine) == [("ExecutionReport", "n", "0")]


def cancel_reject(engine: Engine, cl_ord_id: str, code: str = "-2011") -> None:
    engine.venue_says(
        b"9",
        cl_ord_id=cl_ord_id,
        symbol="BTCUSDT",
        cxl_rej_response_to="1",
        venue_code=code,
        text="Unknown order sent.",
    )


@pytest.mark.parametrize("at", [0, 1])
def test_a_cancel_that_fails_stops_the_new_order(engine: Engine, at: int) -> None:
    engine.request(replacing())
    cancel_reject(engine, ids(engine)[at])
    first, second = engine.heard()
    assert isinstance(first, OrderCancelReject) and isinstance(second, ExecutionReport)
    assert (first.cl_ord_id, first.orig_cl_ord_id, first.venue_code) == ("n-c", "o1", "-2011")
    assert (second.cl_ord_id, second.ord_status, second.venue_code) == ("n", "8", None)
    assert engine.gateway.orders.find(1, "o1").standing is Standing.NEW
    assert not engine.gateway.waits_for(engine.line)


def test_a_new_order_that_lives_although_it_was_to_be_stopped_is_an_alarm(engine: Engine) -> None:
    engine.request(replacing())
    new, cancel = ids(engine)
    cancel_reject(engine, cancel)
    engine.heard()
    engine.report("0", "0", cl_ord_id=new, order_id="78")
    assert told(engine) == [("ExecutionReport", "n", "0")]
    assert "of an order that was refused: it lives" in engine.log[-1]


def test_a_cancel_that_fails_does_not_stop_the_new_order_where_that_is_allowed(
    engine: Engine,
) -> None:
    engine.request(replacing(mode=ALLOW_FAILURE))
    new, cancel = ids(engine)
    cancel_reject(engine, cancel)
    assert told(engine) == [("OrderCancelReject", "n-c", None)]
    assert engine.gateway.waits_for(engine.line)
    engine.report("0", "0", cl_ord_id=new, order_id="78")
    assert told(engine) == [("ExecutionReport", "n", "0")]


def test_the_cancel_is_done_and_the_new_order_refused(engine: Engine) -> None:
    engine.request(replacing())
    new, cancel = ids(engine)
    canceled(engine, cancel)
    engine.report("8", "8", cl_ord_id=new, order_id=None, venue_code="-2010", exec_id=None)
    assert told(engine) == [("ExecutionReport", "n-c", "4"), ("ExecutionReport", "n", "8")]


def test_what_is_refused_before_either_half_leaves_the_order_as_it_was(engine: Engine) -> None:
    engine.request(replacing())
    engine.report("8", "8", order_id=None, venue_code="-1013", exec_id=None)
    assert told(engine) == [("ExecutionReport", "n", "8"), ("OrderCancelReject", "n-c", None)]
    assert engine.gateway.orders.find(1, "o1").standing is Standing.NEW
    assert not engine.gateway.waits_for(engine.line)


def reject(engine: Engine, code: int | None) -> None:
    """The venue rejects the last message written."""
    seq = int(engine.last()[34])
    engine.venue_says(b"3", ref_seq_num=seq, venue_code=str(code), text="no")


def test_a_reject_ends_both_halves(engine: Engine) -> None:
    engine.request(replacing())
    reject(engine, -1020)
    assert told(engine) == [("ExecutionReport", "n", "8"), ("OrderCancelReject", "n-c", None)]


def test_an_unknown_outcome_is_unknown_of_both_halves(engine: Engine) -> None:
    engine.request(replacing())
    reject(engine, -1007)
    assert told(engine) == [("OrderUnknown", "n", None), ("OrderUnknown", "n-c", None)]
    assert engine.gateway.orders.find(1, "n").standing is Standing.UNKNOWN
    assert engine.gateway.orders.find(1, "n-c").standing is Standing.UNKNOWN


@pytest.mark.parametrize("is_canceled", [True, False])
def test_a_lost_session_leaves_what_was_not_answered_unknown(
    engine: Engine, is_canceled: bool
) -> None:
    engine.request(replacing())
    if is_canceled:
        canceled(engine, ids(engine)[1])
    engine.heard()
    engine.gateway.lines.remove(engine.line)
    engine.gateway.on_line_lost(engine.line, "gone", engine.now)
    unknown = {name for kind, name, _ in told(engine) if kind == "OrderUnknown"}
    assert unknown == ({"n"} if is_canceled else {"n", "n-c", "o1"})


@pytest.mark.parametrize("kind", ["replace", "amend"])
def test_silence_makes_every_part_unknown(engine: Engine, kind: str) -> None:
    engine.request(REQUESTS[kind]())
    engine.now += 16_000 * MS
    engine.gateway.reports.tick(engine.now)
    unknown = ["n", "n-c"] if kind == "replace" else ["a"]
    assert told(engine) == [("OrderUnknown", name, None) for name in unknown]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (replacing(of="nobody"), "unknown_order"),
        (replacing(of="o1-x"), "unknown_order"),
        (amend(of="nobody"), "unknown_order"),
        (amend("no id"), "invalid_field"),
        (mass("no id"), "invalid_field"),
    ],
)
def test_what_cannot_leave_is_refused(engine: Engine, request_: Any, reason: str) -> None:
    engine.wire.written.clear()
    engine.request(request_)
    (event,) = engine.heard()
    assert isinstance(event, Refused) and event.reason == reason
    assert engine.wire.written == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"mode": "3"}, "mode"),
        ({"rate_limit_exceeded_mode": "CANCEL_ONLY"}, "rate_limit_exceeded_mode"),
        ({"cancel_restrictions": "3"}, "cancel_restrictions"),
    ],
)
def test_a_value_that_is_none_of_the_venues_is_refused_by_field(
    more: dict[str, str], field: str
) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        replacing(**more)


def test_what_comes_in_the_place_of_an_order_is_an_order_with_a_quantity() -> None:
    make: Any = OrderCancelRequestAndNewOrderSingle.replacing
    open_order = NewOrderSingle.limit("BTCUSDT", "1", ALL_RECEIVED, "49000")
    with pytest.raises(ValueError, match=r"^order_qty: "):
        make("o1", open_order)
    with pytest.raises(TypeError, match=r"^order: expected NewOrderSingle, not NoneType"):
        make("o1", None)


@pytest.mark.parametrize("cancel_id", ["", "no id", "o1", "n"])
def test_each_half_needs_an_id_of_its_own(engine: Engine, cancel_id: str) -> None:
    engine.wire.written.clear()
    request = replacing()
    request.cancel_cl_ord_id = cancel_id
    engine.request(request)
    (event,) = engine.heard()
    assert isinstance(event, Refused) and event.reason == "invalid_field"
    assert event.text.startswith("cancel_cl_ord_id: ")
    assert engine.wire.written == []
    assert engine.gateway.orders.find(1, "n") is None


def test_an_order_in_another_symbol_replaces_nothing(engine: Engine) -> None:
    request = replacing()
    request.order.symbol = "ETHUSDT"
    engine.request(request)
    (event,) = engine.heard()
    assert isinstance(event, Refused) and event.text.startswith("symbol:")


def test_what_waits_for_the_disk_is_taken_back_whole() -> None:
    engine = Engine(held_orders_max=8)
    engine.request(engine.order("o1"))
    engine.gateway.on_mark(engine.journal.appended, engine.now)
    engine.gateway.flush(engine.now)
    engine.report("0", "0")
    engine.request(replacing())
    engine.request(OrderCancelRequest("c", orig_cl_ord_id="n"))
    engine.heard()
    assert engine.gateway.orders.find(1, "n") is None
    assert engine.gateway.orders.find(1, "n-c") is None
    assert engine.gateway.orders.find(1, "o1").cancels == ()


# --- amend ----------------------------------------------------------------------------------


def test_an_amended_order_keeps_its_id_for_the_strategy(engine: Engine) -> None:
    engine.request(amend())
    first, new = ids(engine, 0)[0], ids(engine)[0]
    engine.report("5", "0", cl_ord_id=new, orig_cl_ord_id=first, order_qty="0.50000000")
    (event,) = engine.heard()
    assert isinstance(event, ExecutionReport)
    assert (event.cl_ord_id, event.orig_cl_ord_id, event.order_qty) == ("a", "o1", "0.50000000")
    engine.fill("0.5", "0.5", "2", cl_ord_id=new)
    (event,) = engine.heard()
    assert isinstance(event, ExecutionReport)
    assert (event.cl_ord_id, event.orig_cl_ord_id, event.ord_status) == ("o1", None, "2")
    assert engine.gateway.orders.find(1, "a").standing is Standing.DONE


def test_an_amended_order_is_cancelled_under_the_amends_id(engine: Engine) -> None:
    engine.request(amend())
    first, new = ids(engine, 0)[0], ids(engine)[0]
    engine.report("5", "0", cl_ord_id=new, orig_cl_ord_id=first)
    engine.request(OrderCancelRequest("c", orig_cl_ord_id="o1"))
    engine.heard()
    engine.report("4", "4", orig_cl_ord_id=new)
    (event,) = engine.heard()
    assert isinstance(event, ExecutionReport)
    assert (event.cl_ord_id, event.orig_cl_ord_id, event.ord_status) == ("c", "o1", "4")


def test_an_amend_that_is_refused_changes_nothing(engine: Engine) -> None:
    engine.request(amend(order_qty="5"))
    engine.venue_says(
        b"XAR",
        cl_ord_id=ids(engine)[0],
        order_id="77",
        symbol="BTCUSDT",
        order_qty="5.00000000",
        venue_code="-2038",
        text="Order amend (quantity increase) is not supported.",
    )
    (event,) = engine.heard()
    assert isinstance(event, OrderAmendReject)
    assert (event.cl_ord_id, event.orig_cl_ord_id, event.venue_code) == ("a", "o1", "-2038")
    assert engine.gateway.orders.find(1, "o1").standing is Standing.NEW
    engine.request(amend(order_qty="5"))
    (again,) = engine.heard()
    assert isinstance(again, OrderAmendReject) and again.replayed


@pytest.mark.parametrize("code", [-1007, -2038])
def test_a_rejected_amend_is_refused_or_unknown(engine: Engine, code: int) -> None:
    engine.request(amend())
    reject(engine, code)
    kind = "OrderUnknown" if code == -1007 else "OrderAmendReject"
    assert told(engine) == [(kind, "a", None)]


# --- mass cancel ----------------------------------------------------------------------------


def mass_report(engine: Engine, cl_ord_id: str, response: str = "1", **more: Any) -> None:
    engine.venue_says(
        b"r",
        symbol="BTCUSDT",
        cl_ord_id=cl_ord_id,
        mass_cancel_request_type="1",
        mass_cancel_response=response,
        **more,
    )


def test_a_mass_cancel_ends_each_order_and_is_reported_last(engine: Engine) -> None:
    engine.request(engine.order("o2"))
    engine.report("0", "0", order_id="78")
    engine.heard()
    engine.request(mass())
    (first, _), (second, _), (request, _) = (ids(engine, at) for at in (0, 1, 2))
    for order, order_id in ((first, "77"), (second, "78")):
        engine.report("4", "4", cl_ord_id=request, orig_cl_ord_id=order, order_id=order_id)
    assert engine.gateway.waits_for(engine.line)
    mass_report(engine, request, total_affected_orders=2)
    one, two, report = engine.heard()
    assert isinstance(one, ExecutionReport) and isinstance(two, ExecutionReport)
    assert [(event.cl_ord_id, event.orig_cl_ord_id) for event in (one, two)] == [
        ("m", "o1"),
        ("m", "o2"),
    ]
    assert isinstance(report, OrderMassCancelReport)
    assert (report.cl_ord_id, report.total_affected_orders) == ("m", 2)
    assert not engine.gateway.waits_for(engine.line)


def test_a_mass_cancel_spares_the_orders_of_others(engine: Engine) -> None:
    engine.hello(b"b", "beta")
    engine.request(engine.order("theirs"), b"b")
    engine.request(mass())
    (event,) = engine.heard()
    assert isinstance(event, Refused)
    assert (event.reason, "beta" in event.text) == ("not_yours", True)
    engine.request(mass(symbol="ETHUSDT"))
    assert engine.last()[55] == b"ETHUSDT"


def test_an_order_of_another_that_it_ends_is_told_under_its_own_id(engine: Engine) -> None:
    engine.request(mass())
    engine.hello(b"b", "beta")
    engine.request(engine.order("theirs"), b"b")
    theirs, request = ids(engine)[0], ids(engine, -2)[0]
    engine.report("4", "4", cl_ord_id=request, orig_cl_ord_id=theirs, order_id="99")
    event = engine.heard(b"b")[-1]
    assert isinstance(event, ExecutionReport)
    assert (event.cl_ord_id, event.orig_cl_ord_id) == ("theirs", "theirs")
    assert engine.heard() == []


@pytest.mark.parametrize("code", [-1007, -2011])
def test_a_mass_cancel_that_fails_is_refused_or_unknown(engine: Engine, code: int) -> None:
    engine.request(mass())
    mass_report(engine, ids(engine)[0], "0", venue_code=str(code), text="no")
    kind = "OrderUnknown" if code == -1007 else "OrderMassCancelReport"
    assert told(engine) == [(kind, "m", None)]
    assert engine.gateway.orders.find(1, "m").standing is Standing.DONE
    assert engine.gateway.orders.take_doubted() == []


def test_a_rejected_mass_cancel_is_refused(engine: Engine) -> None:
    engine.request(mass())
    reject(engine, -1020)
    (event,) = engine.heard()
    assert isinstance(event, OrderMassCancelReport)
    assert (event.cl_ord_id, event.mass_cancel_response, event.venue_code) == ("m", "0", "-1020")


# --- the next run ---------------------------------------------------------------------------


def recalled(engine: Engine) -> Orders:
    """What the next run knows."""
    orders = Orders(1000, 100)
    records = [
        Record(EPOCH, sequence, kind, 0, 0, NOW, NOW, data)
        for sequence, (kind, data) in enumerate(engine.journal.records, 1)
    ]
    assert recall_records(records, BINANCE_SPOT, orders, Positions(), 100).damage == ()
    return orders


@pytest.mark.parametrize("kind", REQUESTS)
def test_the_next_run_knows_what_was_under_way(engine: Engine, kind: str) -> None:
    engine.request(REQUESTS[kind]())
    known = {order.cl_ord_id: order for order in recalled(engine)}
    now = {order.cl_ord_id: order for order in engine.gateway.orders}
    assert known.keys() == now.keys()
    for name, order in known.items():
        assert (order.wire_id, order.kind) == (now[name].wire_id, now[name].kind)
        assert order.standing is Standing.UNKNOWN
        assert (order.target is None) == (now[name].target is None)
        assert order.request == now[name].request


def test_the_next_run_knows_whose_cancel_it_is(engine: Engine) -> None:
    engine.request(by_order_id())
    (cancel,) = (order for order in recalled(engine) if order.kind is Kind.CANCEL)
    assert cancel.target is not None and cancel.target.cl_ord_id == "o1"


@pytest.mark.parametrize("kind", REQUESTS)
def test_the_next_run_knows_what_was_dropped(engine: Engine, kind: str) -> None:
    engine.request(REQUESTS[kind](), flush=False)
    engine.gateway.flush(engine.now + 2000 * MS)
    assert [order.cl_ord_id for order in recalled(engine)] == ["o1"]
    assert [order.cl_ord_id for order in engine.gateway.orders] == ["o1"]


def test_the_next_run_knows_what_was_answered(engine: Engine) -> None:
    engine.request(amend())
    reject(engine, -2038)
    engine.request(mass())
    reject(engine, -1020)
    engine.request(replacing())
    reject(engine, -1020)
    engine.request(amend("b"))
    new = ids(engine)[0]
    engine.report("5", "0", cl_ord_id=new, orig_cl_ord_id=ids(engine, 0)[0])
    known = {order.cl_ord_id: (order.kind, order.standing) for order in recalled(engine)}
    assert known == {
        "o1": (Kind.ORDER, Standing.UNKNOWN),
        "a": (Kind.AMEND, Standing.DONE),
        "m": (Kind.MASS_CANCEL, Standing.DONE),
        "n": (Kind.ORDER, Standing.REJECTED),
        "n-c": (Kind.CANCEL, Standing.DONE),
        "b": (Kind.AMEND, Standing.DONE),
    }


def test_what_leaves_no_trace_may_be_asked_again(engine: Engine) -> None:
    engine.journal.full = True
    engine.request(replacing())
    (event,) = engine.heard()
    assert isinstance(event, Refused) and event.reason == "journal_full"
    engine.journal.full = False
    engine.request(replacing())
    assert engine.last()[35] == b"XCN"
    assert not any(isinstance(event, OrderUnknown) for event in engine.heard())
