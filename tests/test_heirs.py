"""Orders of a strategy that is gone, and of its heir from then on."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from engine_in_memory import Engine
from fixengine.client import Client
from fixengine.messages import (
    ExecutionReport,
    OrderCancelRequest,
    OrderUnknown,
    Refused,
    SessionStatus,
    Snapshot,
    SnapshotRequest,
    encode,
)
from fixengine.network.journal import Kind
from fixengine.network.liveness import HANDED_PER_STEP, Policy
from fixengine.network.strategies import RegisterError
from processes import WAIT_S, Stage, hear, stage
from test_liveness import orders, wait

__all__ = ["stage"]

SECOND_NS = 1_000_000_000
TO_DESK = {"alpha": Policy(grace_ns=SECOND_NS, heir="desk")}


def handed_over(count: int = 1, desk_is_there: bool = True) -> tuple[Engine, list[str]]:
    """An engine whose strategy alpha died with so many orders; their ids on the wire."""
    engine = Engine(policies=TO_DESK)
    if desk_is_there:
        engine.hello(b"d", "desk")
    wires = orders(engine, count)
    engine.heard()
    engine.heard(b"d")
    engine.bus.gone.add(b"a")
    wait(engine, 2)
    return engine, wires


def snapshot(engine: Engine, peer: bytes) -> Snapshot:
    engine.gateway.on_order(peer, encode(SnapshotRequest(1)), engine.now)
    (told,) = [event for event in engine.heard(peer) if isinstance(event, Snapshot)]
    return told


def standings(engine: Engine, peer: bytes) -> list[tuple[str, str]]:
    """Id and standing of the open orders of a strategy."""
    return [(order.cl_ord_id, order.standing) for order in snapshot(engine, peer).orders]


def test_the_heir_is_told_how_each_order_stands_and_has_it_in_its_snapshot() -> None:
    engine, wires = handed_over(2)
    told = engine.heard(b"d")
    assert [type(event) for event in told] == [ExecutionReport] * 2
    assert [event.cl_ord_id for event in told] == [event.wire_cl_ord_id for event in told] == wires
    assert [event.report_seq for event in told] == [1, 2]
    first = told[0]
    assert (first.exec_type, first.ord_status, first.order_id, first.last_qty, first.exec_id) == (
        ("I", "0", "0", None, None)
    )
    assert first.text == "handed over by alpha"
    assert standings(engine, b"d") == [(wire, "new") for wire in wires]
    assert engine.log[-2:] == [
        "strategy alpha is gone: its open orders (2) are handed over to desk",
        "strategy alpha: all its orders are desk's",
    ]


def test_what_follows_is_told_to_the_heir_alone_which_may_cancel() -> None:
    engine, (wire,) = handed_over()
    engine.heard(b"d")
    engine.fill("0.25", "0.25", cl_ord_id=wire, order_id="0", trade_id="9")
    engine.request(OrderCancelRequest("c", orig_cl_ord_id=wire), peer=b"d")
    assert engine.last()[37] == b"0"
    cancel = engine.last()[11].decode()
    engine.report("4", "4", cl_ord_id=cancel, orig_cl_ord_id=wire, order_id="0")
    fill, over = engine.heard(b"d")
    assert (fill.exec_type, fill.cl_ord_id, fill.last_qty) == ("F", wire, "0.25")
    assert (over.exec_type, over.cl_ord_id, over.orig_cl_ord_id) == ("4", "c", wire)
    (position,) = snapshot(engine, b"d").positions
    assert position.bought == "0.25000000"
    engine.bus.gone.clear()
    engine.hello(b"a", "alpha")
    disowned = engine.heard()[-1]
    assert isinstance(disowned, OrderUnknown)
    assert (disowned.cl_ord_id, disowned.reason) == ("o0", "handed over to desk")


def test_the_former_strategy_repeats_and_cancels_nothing_of_it() -> None:
    engine, (wire,) = handed_over()
    engine.bus.gone.clear()
    engine.hello(b"a", "alpha")
    engine.heard()
    engine.wire.written.clear()
    engine.request(engine.order("o0"))
    engine.request(OrderCancelRequest("c", orig_cl_ord_id="o0"))
    assert engine.wire.written == []
    again, refused = engine.heard()
    assert (again.cl_ord_id, again.wire_cl_ord_id, again.reason) == (
        ("o0", wire, "handed over to desk")
    )
    assert (refused.reason, "handed over to desk" in refused.text) == ("unknown_order", True)
    assert standings(engine, b"a") == []


def test_a_cancel_that_ended_a_handed_over_order_is_answered_under_its_own_id() -> None:
    engine = Engine(policies=TO_DESK)
    (wire,) = orders(engine, 1)
    engine.request(OrderCancelRequest("c", orig_cl_ord_id="o0"))
    cancel = engine.last()[11].decode()
    engine.bus.gone.add(b"a")
    wait(engine, 2)
    engine.report("4", "4", cl_ord_id=cancel, orig_cl_ord_id=wire, order_id="0")
    engine.bus.gone.clear()
    engine.hello(b"a", "alpha")
    engine.heard()
    engine.request(OrderCancelRequest("c", orig_cl_ord_id="o0"))
    (again,) = engine.heard()
    assert isinstance(again, OrderUnknown)
    assert (again.cl_ord_id, again.reason) == (
        ("c", "the outcome is not known; its order is canceled")
    )


def test_an_order_nobody_has_answered_is_unknown_to_the_heir_until_it_is() -> None:
    engine = Engine(policies=TO_DESK)
    (wire,) = orders(engine, 1, acknowledged=False)
    engine.bus.gone.add(b"a")
    engine.heard()
    wait(engine, 2)
    engine.hello(b"d", "desk")
    _, told = engine.heard(b"d")
    assert isinstance(told, OrderUnknown)
    assert (told.cl_ord_id, "handed over by alpha" in told.reason) == (wire, True)
    engine.report("0", "0", cl_ord_id=wire)
    (report,) = engine.heard(b"d")
    assert (report.cl_ord_id, report.exec_type) == (wire, "0")


def test_many_are_handed_over_some_at_a_time_and_no_more_once_it_is_back() -> None:
    engine = Engine(policies=TO_DESK)
    orders(engine, 3 * HANDED_PER_STEP)
    engine.bus.gone.add(b"a")
    while not snapshot_count(engine, 2):
        wait(engine, 0.05)
    wait(engine, 0.05)
    assert snapshot_count(engine, 2) == 2 * HANDED_PER_STEP
    engine.bus.gone.clear()
    engine.hello(b"a", "alpha")
    wait(engine, 5)
    assert snapshot_count(engine, 1) == HANDED_PER_STEP


def snapshot_count(engine: Engine, number: int) -> int:
    return len(engine.gateway.orders.open_of(number))


def test_what_cannot_be_handed_over_is_told_once_and_tried_again() -> None:
    engine = Engine(policies=TO_DESK)
    orders(engine, 1)
    engine.bus.gone.add(b"a")
    register = engine.strategies.register.strategy_number

    def full(name: str) -> int:
        raise RegisterError("No space left on device")

    engine.strategies.register.strategy_number = full  # type: ignore[method-assign]
    wait(engine, 3)
    assert [text for text in engine.log if "No space" in text] == [
        next(text for text in engine.log if "cannot be handed over to desk yet" in text)
    ]
    engine.strategies.register.strategy_number = register  # type: ignore[method-assign]
    wait(engine, 1)
    assert snapshot_count(engine, 2) == 1


def test_it_is_recorded_before_anybody_is_told() -> None:
    engine, _ = handed_over()
    kinds = [kind for kind, _ in engine.journal.records]
    assert kinds[-3:] == [Kind.HANDED_OVER, Kind.DELIVERED, Kind.DELIVERED]


# --- real processes -----------------------------------------------------------------------------


@pytest.mark.parametrize("engine_dies", [False, True])
def test_the_heir_of_a_killed_strategy_ends_its_orders(stage: Stage, engine_dies: bool) -> None:
    venue = stage.venue()
    rules: dict[str, Any] = {
        "strategies": {"grace_ms": 300},
        "strategy.dying": {"on_death": "hand_over", "heir": "desk"},
    }
    engine = stage.engine(venue.place, **rules)
    engine.expect(event="active")
    desk = stage.client(engine, "desk")
    dying = stage.strategy(engine, "dying", *["19000.00"] * 12)
    for _ in range(12):
        dying.expect(event="ExecutionReport")
    dying.end(signal.SIGKILL)
    engine.expect(event="gone", text="its open orders (12) are handed over to desk")
    engine.expect(event="gone", text="all its orders are desk's")
    if engine_dies:
        engine.end(signal.SIGKILL)
        engine = stage.engine(venue.place, **rules)
        engine.expect(event="active")
    told = [hear(desk, ExecutionReport, exec_type="I", source="ONE") for _ in range(12)]
    wires = {event.cl_ord_id for event in told}
    assert len(wires) == 12
    assert {order.cl_ord_id for order in desk.snapshot().orders} == wires
    if engine_dies:
        wait_until_active(desk)
    for wire in sorted(wires):
        desk.cancel(wire)
    ended = [hear(desk, ExecutionReport, ord_status="4") for _ in wires]
    assert {event.orig_cl_ord_id for event in ended} == wires
    assert desk.snapshot().orders == ()
    assert engine.end() == 0


def wait_until_active(client: Client) -> None:
    for event in client.reports(timeout=WAIT_S):
        if isinstance(event, SessionStatus) and event.engine_state == "active":
            return
        assert not isinstance(event, Refused)
    raise AssertionError("no session")
