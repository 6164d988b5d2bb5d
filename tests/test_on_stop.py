"""What becomes of open orders when the engine is asked to stop: `[engine] on_stop`."""

from __future__ import annotations

import signal
from itertools import pairwise

import pytest
from fixengine.client import Client
from fixengine.messages import ExecutionReport, NewOrderSingle
from fixengine.network.journal.record import Kind
from fixengine.network.replay.drive import Replay
from fixengine.network.replay.tape import Placed
from fixengine.testing import SimulatedEngine
from processes import Stage, frames, hear, limit, stage, trade
from scripted_venue import read_frame

__all__ = ["stage"]

CANCEL = {"engine": {"on_stop": "cancel"}}
STEP_NS = 10_000_000
SECOND_NS = 1_000_000_000


def rest(client: Client, count: int) -> list[str]:
    """So many orders that rest at the venue."""
    ids = [
        client.submit(NewOrderSingle.limit("BTCUSDT", "1", "0.001", "49000")) for _ in range(count)
    ]
    for _ in ids:
        hear(client, ExecutionReport, exec_type="0")
    return ids


def written(engine: SimulatedEngine) -> list[tuple[int, dict[int, str]]]:
    """When the engine wrote which message."""
    records = [one for one in engine.journal.records if one.kind == Kind.FRAME_OUT]
    return [(one.now_ns, read_frame(one.data)) for one in records]


def assert_named(engine: SimulatedEngine) -> None:
    """Each order that rests at the venue is named at the end, and no other."""
    left = engine.venue.orders
    assert ("error", f"{len(left)} orders may still be open at the venue") in engine.log
    named = [text for level, text in engine.log if text.endswith(": may still be open")]
    assert sorted(named) == sorted(f"{one.wire_cl_ord_id}: may still be open" for one in left)


def test_each_open_order_is_cancelled_by_its_order_id_before_the_logout() -> None:
    with SimulatedEngine(config=CANCEL) as engine:
        maker, taker = engine.client("maker"), engine.client("taker")
        rest(maker, 12)
        rest(taker, 11)
        before, order_ids = len(written(engine)), {one.order_id for one in engine.venue.orders}
        assert engine.stop() == 0
        assert engine.venue.orders == []
        *cancels, (_, logout) = written(engine)[before:]
        assert {frame[37] for _, frame in cancels} == order_ids
        assert {(frame[35], frame.get(41)) for _, frame in cancels} == {("F", None)}
        assert logout[35] == "5"
        times = sorted({at for at, _ in cancels})
        assert len(times) > 1 and all(b - a >= STEP_NS for a, b in pairwise(times)), times
        engine.start()
        assert len([hear(maker, ExecutionReport, exec_type="4") for _ in range(12)]) == 12
        assert maker.snapshot().orders == taker.snapshot().orders == ()


def test_many_orders_are_cancelled_well_within_the_ten_seconds() -> None:
    with SimulatedEngine(config=CANCEL, limits="off") as engine:
        for name in ("maker", "taker"):
            rest(engine.client(name), 200)
        before = engine.now_ns
        assert engine.stop() == 0
        assert engine.venue.orders == []
        assert engine.now_ns - before < SECOND_NS // 2


def test_a_replay_of_a_stop_cancels_the_same() -> None:
    with SimulatedEngine(config=CANCEL) as engine:
        rest(engine.client("maker"), 12)
        assert engine.stop() == 0
        records = engine.journal.records
    placed = [Placed(record, "memory", 0) for record in records]
    assert Replay(records[0].epoch, placed).run().different is None


def test_without_open_orders_nothing_is_waited_for() -> None:
    with SimulatedEngine(config=CANCEL) as engine:
        rest(client := engine.client("maker"), 1)
        client.cancel(next(one.cl_ord_id for one in client.snapshot().orders))
        hear(client, ExecutionReport, exec_type="4")
        before = engine.now_ns
        assert engine.stop() == 0
        assert engine.now_ns - before < SECOND_NS


def test_orders_that_cannot_be_cancelled_are_named_after_ten_seconds() -> None:
    with SimulatedEngine(config=CANCEL) as engine:
        rest(engine.client("maker"), 2)
        engine.venue.fault("swallow", kind="F", times=100)
        before = engine.now_ns
        assert engine.stop() == 1
        assert 10 * SECOND_NS <= engine.now_ns - before < 11 * SECOND_NS
        assert ("info", "open orders are cancelled before the Logout: 2") in engine.log
        assert_named(engine)
        (_, last) = written(engine)[-1]
        assert last[35] == "5"


def test_without_a_session_it_is_waited_for_one_that_can_cancel() -> None:
    with SimulatedEngine(config=CANCEL) as engine:
        rest(engine.client("maker"), 3)
        engine.venue.fault("reset")
        engine.advance(0.1)
        assert engine.stop() == 0
        assert engine.venue.orders == []


def test_orders_are_named_where_a_refused_logon_ends_the_stop() -> None:
    with SimulatedEngine(config=CANCEL) as engine:
        rest(engine.client("maker"), 2)
        engine.venue.fault("refuse-logon", code=-2015, times=9)
        engine.venue.fault("reset")
        engine.advance(0.1)
        assert engine.stop() == 3
        assert_named(engine)


def test_after_a_defect_nothing_more_is_sent_but_the_logout() -> None:
    with SimulatedEngine(config=CANCEL) as engine:
        rest(engine.client("maker"), 1)
        before = len(written(engine))
        process = engine._process
        assert process is not None
        process.on_defect(RuntimeError("a defect"))
        engine.advance(1)
        assert [frame[35] for _, frame in written(engine)[before:]] == ["5"]
        assert not engine.is_running and len(engine.venue.orders) == 1


@pytest.mark.parametrize("rule", ["keep", "cancel"])
def test_a_signal_does_as_the_config_says(stage: Stage, rule: str) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place, engine={"on_stop": rule})
    engine.expect(event="active")
    client = stage.client(engine)
    orders = [trade(client).order_id for _ in range(15)]
    assert engine.end(signal.SIGTERM) == 0
    out = frames(engine.journal(), Kind.FRAME_OUT)
    cancelled = [frame[37] for frame in out if frame[35] == "F"]
    assert (out[-1][35], engine.warnings()) == ("5", [])
    assert cancelled == (orders if rule == "cancel" else [])


def test_a_second_signal_ends_the_wait_for_cancels(stage: Stage) -> None:
    venue = stage.venue("--fault", "swallow:kind=F,times=100")
    engine = stage.engine(venue.place, engine={"on_stop": "cancel"})
    engine.expect(event="active")
    client = stage.client(engine)
    order = hear(client, ExecutionReport, cl_ord_id=client.submit(limit()))
    engine.signal(signal.SIGTERM)
    engine.expect(text="stopping")
    assert engine.end(signal.SIGTERM) == 1
    assert f"{order.wire_cl_ord_id}: may still be open" in engine.warnings()
    assert "ended at once; the venue may hold the SenderCompID" in engine.warnings()
