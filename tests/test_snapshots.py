"""A strategy asks what it owns, and is told one moment, however long the telling takes."""

from __future__ import annotations

import pytest
from engine_in_memory import Engine
from fixengine.desk.positions import DAY_NS
from fixengine.messages import (
    ExecutionReport,
    OpenOrder,
    OrderCancelRequest,
    Position,
    Snapshot,
    SnapshotRequest,
    encode,
)
from fixengine.network.snapshots import SLICE_ORDERS


def ask(engine: Engine, request_id: int = 1, peer: bytes = b"a") -> None:
    engine.gateway.on_order(peer, encode(SnapshotRequest(request_id)), engine.now)


def parts(engine: Engine, peer: bytes = b"a") -> list[Snapshot]:
    """Every part until the answer is complete."""
    while engine.gateway.on_tick(engine.now):
        pass
    return [event for event in engine.heard(peer) if isinstance(event, Snapshot)]


def standings(told: list[Snapshot]) -> dict[str, str]:
    return {order.cl_ord_id: order.standing for part in told for order in part.orders}


def test_positions_outlive_a_clock_that_is_set_over_midnight_and_back() -> None:
    engine = Engine()
    engine.request(engine.order("o1"))
    engine.fill("0.25", "0.25", "1", last_px="100", trade_id="1")
    engine.clock.stepped(DAY_NS)
    engine.fill("0.25", "0.5", "1", last_px="100", trade_id="2")
    engine.clock.stepped(-DAY_NS)
    engine.fill("0.25", "0.75", "1", last_px="100", trade_id="3")
    ask(engine)
    (snapshot,) = parts(engine)
    assert snapshot.positions[0].bought == "0.75000000"


def test_open_orders_and_positions_of_the_one_who_asks() -> None:
    engine = Engine()
    engine.hello(b"b", "beta")
    engine.request(engine.order("other"), peer=b"b")
    for name in ("over", "part", "mute"):
        engine.request(engine.order(name))
        if name != "mute":
            status, quantity = ("2", "1") if name == "over" else ("1", "0.25")
            more = {"order_id": name, "last_px": "100", "trade_id": name}
            engine.fill(quantity, quantity, status, **more)
    engine.request(OrderCancelRequest("cancel", orig_cl_ord_id="part"))
    last = [event for event in engine.heard() if isinstance(event, ExecutionReport)][-1]
    ask(engine, 7)
    (snapshot,) = parts(engine)
    assert (snapshot.request_id, snapshot.is_last) == (7, True)
    assert snapshot.next_seq == last.report_seq + 1
    assert standings([snapshot]) == {"part": "partially_filled", "mute": "written"}
    part, mute = snapshot.orders
    assert (part.report, part.order.order_qty, mute.report) == (last, "1", None)
    assert isinstance(part, OpenOrder) and part.wire_cl_ord_id == last.wire_cl_ord_id
    sums = "1.25000000", "0.00000000", "125.0000000000000000", "0.0000000000000000"
    assert snapshot.positions == (Position("BTCUSDT", *sums),)
    ask(engine, peer=b"b")
    (theirs,) = parts(engine, b"b")
    assert (standings([theirs]), theirs.positions) == ({"other": "written"}, ())


def many(count: int) -> Engine:
    engine = Engine()
    for number in range(count):
        engine.request(engine.order(f"o{number}"))
    engine.heard()
    return engine


@pytest.mark.parametrize("count", [0, 1, SLICE_ORDERS, SLICE_ORDERS + 1, 5 * SLICE_ORDERS])
def test_every_order_is_told_once(count: int) -> None:
    engine = many(count)
    ask(engine)
    told = parts(engine)
    assert [part.is_last for part in told] == [False] * (len(told) - 1) + [True]
    assert max(len(part.orders) for part in told) <= SLICE_ORDERS
    assert sum(len(part.orders) for part in told) == len(standings(told)) == count


def test_what_changes_meanwhile_is_told_again_and_all_holds_at_the_end() -> None:
    engine = many(2 * SLICE_ORDERS)
    wires = [str(order.wire_id) for order in engine.gateway.orders]
    ask(engine)
    # Told already: one ends, one is filled in part. Not told yet: one ends. And a new one comes.
    engine.fill("1", "1", "2", cl_ord_id=wires[0], order_id="1", trade_id="1")
    engine.fill("0.5", "0.5", "1", cl_ord_id=wires[1], order_id="2", trade_id="2")
    engine.report("4", "4", cl_ord_id=wires[-1], order_id="3")
    engine.request(engine.order("late"))
    told = parts(engine)
    last = engine.strategies.by_number[1].next_seq
    assert told[-1].next_seq == last == told[0].next_seq + 3
    expected = {f"o{number}": "written" for number in range(2 * SLICE_ORDERS - 1)}
    expected |= {"o0": "filled", "o1": "partially_filled", "late": "written"}
    expected[f"o{2 * SLICE_ORDERS - 1}"] = "canceled"
    assert standings(told) == expected
    assert told[-1].positions[0].bought == "1.50000000"


def test_a_strategy_that_does_not_read_is_told_later_and_one_that_left_never() -> None:
    engine = many(3 * SLICE_ORDERS)
    engine.bus.full.add(b"a")
    ask(engine)
    assert parts(engine) == []
    assert engine.gateway.snapshots.waiting
    engine.bus.full.clear()
    assert len(standings(parts(engine))) == 3 * SLICE_ORDERS
    assert not engine.gateway.snapshots.waiting
    ask(engine)
    engine.bus.gone.add(b"a")
    assert parts(engine) != []
    assert not engine.gateway.snapshots.waiting


def test_a_new_question_ends_the_answer_to_the_one_before() -> None:
    engine = many(3 * SLICE_ORDERS)
    ask(engine, 1)
    ask(engine, 2)
    told = parts(engine)
    assert [part.request_id for part in told] == [1, 2, 2, 2, 2]


def test_asking_without_end_is_muted() -> None:
    engine = many(0)
    for number in range(200):
        ask(engine, number)
    assert len(parts(engine)) < 150
