"""Open orders on the account that are not ours: left alone, adopted, or cancelled."""

from __future__ import annotations

from typing import Any

import pytest
from fixengine.client import Client
from fixengine.messages import ExecutionReport, NewOrderSingle, OrderUnknown, SessionStatus, Side
from fixengine.network.foreign import NOBODY
from fixengine.testing import SimulatedEngine
from processes import COMP_IDS, FAR, Stage, hear, stage, trade

__all__ = ["stage"]

SETTLED = 10.0
RULES = [{"foreign": "ignore"}, {"foreign": "adopt", "adopt_as": "desk"}, {"foreign": "cancel"}]


def begun(rule: dict[str, Any], orders: int = 1, **config: Any) -> SimulatedEngine:
    """An engine that starts anew on an account with so many orders of a person."""
    engine = SimulatedEngine(config={"orders": rule, **config})
    engine.kill()
    for number in range(orders):
        engine.venue.place(Side.BUY, "0.010", str(40_000 + number))
    engine.start()
    return engine


def heard(client: Client, timeout: float = SETTLED) -> list[Any]:
    return list(client.reports(timeout))


def reports(events: list[Any]) -> list[tuple[str, str]]:
    return [(one.exec_type, one.source) for one in events if isinstance(one, ExecutionReport)]


def test_by_default_they_are_counted_and_left_alone() -> None:
    with SimulatedEngine() as engine:
        client = engine.client("desk")
        engine.kill()
        engine.venue.place(Side.BUY, "0.010", FAR)
        engine.start()
        text = "open orders on the account that are not ours: 1 (BTCUSDT 1); they are left alone"
        assert hear(client, SessionStatus, source="rest").text == text
        assert text in [line.text for line in engine.log]
        assert client.snapshot().orders == ()
        (order,) = engine.venue.orders
        engine.venue.fill(order)
        assert reports(heard(client)) == []


@pytest.mark.parametrize("rule", RULES)
def test_own_orders_are_not_foreign(rule: dict[str, Any]) -> None:
    with SimulatedEngine(config={"orders": rule}) as engine:
        client = engine.client("maker")
        order = client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.010", FAR))
        hear(client, ExecutionReport, cl_ord_id=order)
        engine.restart()
        heard(client)
        (open_order,) = client.snapshot().orders
        assert (open_order.cl_ord_id, open_order.standing) == (order, "new")
        assert len(engine.venue.orders) == 1
        assert not any("not ours" in line.text for line in engine.log)


def test_an_adopted_order_is_its_strategy_s() -> None:
    with begun(RULES[1]) as engine:
        (placed,) = engine.venue.orders
        engine.venue.fill(placed, "0.004")
        client = engine.client("desk")
        events = heard(client)
        # What was filled before is part of the order's story.
        assert reports(events) == [("F", "rest"), ("I", "rest")]
        assert not any(isinstance(event, OrderUnknown) for event in events)
        (order,) = client.snapshot().orders
        assert (order.standing, order.order.price) == ("partially_filled", "40000.00000000")
        assert (order.order.symbol, order.order.order_qty) == ("BTCUSDT", "0.01000000")
        assert client.snapshot().positions[0].bought == "0.00400000"
        assert order.cl_ord_id == placed.wire_cl_ord_id
        engine.venue.fill(placed, "0.001")
        (fill,) = [one for one in heard(client) if isinstance(one, ExecutionReport)]
        assert (fill.cl_ord_id, fill.cum_qty) == (order.cl_ord_id, "0.00500000")
        # A run later it is still there, and told no more of what was told.
        engine.restart()
        assert reports(heard(client)) == [("I", "rest")]
        cancel = client.cancel(order.cl_ord_id)
        (gone,) = [one for one in heard(client) if isinstance(one, ExecutionReport)]
        assert (gone.cl_ord_id, gone.orig_cl_ord_id) == (cancel, order.cl_ord_id)
        assert engine.venue.orders == []
        assert client.snapshot().positions[0].bought == "0.00500000"


def test_an_id_the_strategy_has_used_is_not_used_again() -> None:
    with SimulatedEngine(config={"orders": RULES[1]}) as engine:
        client = engine.client("desk")
        engine.kill()
        order_id = engine.venue.place(Side.BUY, "0.010", FAR)
        (placed,) = engine.venue.orders
        engine.start()
        hear(client, SessionStatus, engine_state="active")
        own = NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.010", FAR)
        own.cl_ord_id = placed.wire_cl_ord_id
        client.submit(own)
        heard(client)
        ids = {order.cl_ord_id for order in client.snapshot().orders}
        assert ids == {own.cl_ord_id, f"foreign-{order_id}-1"}


def test_orders_are_cancelled_until_none_is_left_and_nobody_keeps_their_reports() -> None:
    with begun(RULES[2], orders=100) as engine:
        client = engine.client("maker")
        engine.venue.fault("swallow", kind="F", times=3)
        heard(client, 60.0)
        assert engine.venue.orders == []
        texts = [line.text for line in engine.log]
        assert f"strategy {NOBODY}: none of its orders is open any more" in texts
        engine.advance(2)
        assert not engine._running().strategies.known(NOBODY).outbox
        # A run later nothing is left of it.
        engine.restart()
        assert reports(heard(client)) == []
        assert not engine._running().strategies.known(NOBODY).outbox


def test_what_came_while_nobody_watched_is_asked_for_again() -> None:
    with SimulatedEngine(config={"orders": RULES[2]}) as engine:
        engine.advance(10)
        engine.venue.place(Side.BUY, "0.010", FAR)
        engine.advance(30)
        assert len(engine.venue.orders) == 1, "it came while we watched: it is somebody's work"
        engine.venue.fault("reset")
        engine.advance(30)
        assert engine.venue.orders == []


def test_a_source_that_fails_is_asked_again() -> None:
    with SimulatedEngine(config={"orders": RULES[2]}) as engine:
        engine.kill()
        engine.venue.place(Side.BUY, "0.010", FAR)
        engine.venue.rest_is_reachable = False
        engine.start()
        engine.advance(30)
        assert len(engine.venue.orders) == 1
        engine.venue.rest_is_reachable = True
        engine.advance(30)
        assert engine.venue.orders == []


def test_beyond_the_most_open_orders_they_stay_foreign() -> None:
    with begun(RULES[1], orders=5, engine={"orders_max": 3}) as engine:
        client = engine.client("desk")
        heard(client)
        assert len(client.snapshot().orders) == 3
        assert sum("stays foreign" in line.text for line in engine.log) == 2


def test_real_processes_cancel_what_another_engine_left(stage: Stage) -> None:
    venue = stage.venue("--time-scale", "20")
    of_venue = {"time_scale": 20, "heartbeat_s": 60}
    sections: dict[str, Any] = {"sources": {"port": venue.web_port}}
    other = stage.engine(venue.place, name="other", venue=of_venue, **sections)
    other.expect(event="active")
    # Started within one second, both have the same epoch: the ids differ by the strategy's number.
    stage.client(other, "first").close()
    client = stage.client(other, "second")
    order = trade(client)
    ids = [f"B{comp_id}" for comp_id in COMP_IDS]
    sections["orders"] = {"foreign": "cancel"}
    engine = stage.engine(venue.place, venue=of_venue | {"sender_comp_ids": ids}, **sections)
    engine.expect(event="foreign", text="not ours: 1 (BTCUSDT 1); they are cancelled")
    engine.expect(event="gone", text="none of its orders is open any more")
    assert engine.end() == 0
    gone = hear(client, ExecutionReport, exec_type="4")
    assert (gone.order_id, gone.ord_status) == (order.order_id, "4")
    assert other.end() == 0
