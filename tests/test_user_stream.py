"""The user data stream as an eye: each report once, whoever tells it, and what its end means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from fixengine.client import Client
from fixengine.messages import (
    ExecutionReport,
    NewOrderSingle,
    OrderUnknown,
    Refused,
    SessionStatus,
    Side,
)
from fixengine.network.journal import Kind
from fixengine.network.sources.packets import Stream, StreamState
from fixengine.testing import SimulatedEngine
from processes import FAR, Stage, hear, limit, stage
from test_faults import Controlled

__all__ = ["stage"]

FOLLOWED = {"sources": {"user_data": True}}
ONLY_STREAM = FOLLOWED | {"venue": {"report_sessions": 0}}
FRESH = 5.0
SCALE = 20


@pytest.fixture
def engine() -> Iterator[SimulatedEngine]:
    with SimulatedEngine(config=FOLLOWED) as engine:
        engine.advance(5)
        yield engine


def heard(client: Client, timeout: float = FRESH) -> list[Any]:
    """Everything that comes until nothing more does."""
    return list(client.reports(timeout))


def reports(events: list[Any]) -> list[tuple[str, str]]:
    """(ExecType, "user_data" or "" for any other source) of each report."""
    return [
        (one.exec_type, one.source if one.source in ("user_data", "rest") else "")
        for one in events
        if isinstance(one, ExecutionReport)
    ]


def unknown(events: list[Any]) -> list[str]:
    return [one.cl_ord_id for one in events if isinstance(one, OrderUnknown)]


def resting(client: Client) -> str:
    """An order that rests at the venue."""
    order = client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.010", FAR))
    hear(client, ExecutionReport, cl_ord_id=order)
    return order


def test_what_a_session_told_is_told_no_more(engine: SimulatedEngine) -> None:
    client = engine.client("maker")
    order = resting(client)
    engine.venue.fill(order, "0.004")
    client.cancel(order)
    events = heard(client)
    assert reports(events) == [("F", ""), ("4", "")]
    assert client.snapshot().positions[0].bought == "0.00400000"
    told = [record.data for record in engine.journal.records if record.kind == Kind.SOURCE]
    entries = [orjson.loads(data) for data in told]
    events = [entry["told"] for entry in entries if entry["source"] == "user_data"]
    kinds = [told[2]["e"] for told in events if told[0] == "StreamEvent"]
    assert kinds.count("executionReport") == 3


def test_fills_while_the_session_is_gone_come_from_the_stream_once(
    engine: SimulatedEngine,
) -> None:
    client = engine.client("maker")
    order = resting(client)
    engine.venue.is_reachable = False
    engine.venue.fault("reset")
    engine.venue.fill(order, "0.004")
    engine.venue.fill(order, "0.001")
    events = heard(client, 1.0)
    assert unknown(events) == [], "the stream has watched all along"
    assert reports(events) == [("F", "user_data"), ("F", "user_data")]
    fill = next(one for one in events if isinstance(one, ExecutionReport))
    assert (fill.cl_ord_id, fill.last_qty, fill.cum_qty) == (order, "0.00400000", "0.00400000")
    assert (fill.ord_status, fill.leaves_qty, fill.price) == ("1", "0.00600000", "49000.00000000")
    assert fill.misc_fees[0].misc_fee_amt
    assert (fill.msg_seq_num, fill.trade_id is None) == (None, False)
    engine.venue.is_reachable = True
    heard(client, 60.0)
    snapshot = client.snapshot()
    assert snapshot.positions[0].bought == "0.00500000"
    assert [one.standing for one in snapshot.orders] == ["partially_filled"]
    client.cancel(order)
    assert [one.exec_type for one in heard(client) if isinstance(one, ExecutionReport)] == ["4"]


def test_what_the_stream_told_first_a_session_tells_no_more(engine: SimulatedEngine) -> None:
    client = engine.client("maker")
    order = resting(client)
    engine.venue.fault("delay", ms=200)
    engine.venue.fill(order, "0.004")
    client.cancel(order)
    assert reports(heard(client)) == [("F", "user_data"), ("4", "user_data")]
    assert client.snapshot().positions[0].bought == "0.00400000"


def test_with_acknowledgements_only_the_stream_tells_the_rest() -> None:
    with SimulatedEngine(config=ONLY_STREAM) as engine:
        client = engine.client("maker")
        engine.advance(1)
        order = resting(client)
        engine.venue.fill(order)
        assert reports(heard(client)) == [("F", "user_data")]


def test_without_the_only_eye_orders_are_refused_and_live_ones_unknown() -> None:
    with SimulatedEngine(config=ONLY_STREAM) as engine:
        client = engine.client("maker")
        engine.advance(1)
        order = resting(client)
        engine.venue.stream_is_reachable = False
        engine.venue.cut_stream()
        events = heard(client, 0.5)
        assert unknown(events) == [order]
        states = [(one.source, one.state) for one in events if isinstance(one, SessionStatus)]
        assert states == [("user_data", "down")]
        engine.venue.fill(order, "0.004")
        second = client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.010", FAR))
        assert hear(client, Refused, cl_ord_id=second).reason in ("unwatched", "recovering")
        # It is back: what it missed is asked for, and told once.
        engine.venue.stream_is_reachable = True
        events = heard(client, 10.0)
        assert reports(events) == [("F", "rest"), ("I", "rest")]
        states = [(one.source, one.state) for one in events if isinstance(one, SessionStatus)]
        steps = "rest recovering", "user_data active", "rest recovering", "rest active"
        assert [" ".join(state) for state in states] == list(steps)
        engine.venue.fill(order, "0.001")
        assert reports(heard(client)) == [("F", "user_data")]


def test_what_may_be_missing_of_a_replaced_connection_is_asked_for() -> None:
    with SimulatedEngine(config=ONLY_STREAM) as engine:
        client = engine.client("maker")
        engine.advance(1)
        order = resting(client)
        asker: Any = engine._running()._asker
        since_ms = engine.now_ns // 1_000_000
        asker.on_stream(StreamState(Stream.MISSED.value, 2, "broken off", since_ms))
        events = heard(client)
        assert unknown(events) == [order]
        assert reports(events) == [("I", "rest")]
        states = [(one.source, one.state) for one in events if isinstance(one, SessionStatus)]
        assert states[:2] == [("user_data", "down"), ("user_data", "active")]
        engine.venue.fill(order)
        assert reports(heard(client)) == [("F", "user_data")]


@pytest.mark.parametrize(("seconds", "is_covered"), [(0.5, False), (4.0, True)])
def test_what_was_under_way_when_the_stream_ended_another_eye_must_have_seen(
    engine: SimulatedEngine, seconds: float, is_covered: bool
) -> None:
    client = engine.client("maker")
    engine.venue.fault("reset")
    hear(client, SessionStatus, state="active")
    order = resting(client)
    engine.advance(seconds)
    # The last that the stream tells; the session is younger than what may be missing of it.
    engine.venue.fill(order, "0.001")
    heard(client, 0.1)
    engine.venue.cut_stream()
    assert unknown(heard(client, 0.5)) == ([] if is_covered else [order])


def test_a_quiet_stream_that_came_after_the_session_is_not_missed(
    engine: SimulatedEngine,
) -> None:
    client = engine.client("maker")
    resting(client)
    engine.venue.cut_stream()
    engine.advance(2)
    engine.venue.cut_stream()
    assert unknown(heard(client)) == []


def test_a_report_that_makes_no_sense_makes_its_order_unknown(engine: SimulatedEngine) -> None:
    client = engine.client("maker")
    order = resting(client)
    (placed,) = engine.venue.orders
    heard(client)
    event = {"e": "executionReport", "s": "BTCUSDT", "i": int(placed.order_id), "c": 7}
    stream(engine, event)
    assert unknown(heard(client, 0.1)) == [order]
    assert "makes no sense" in next(one.text for one in engine.log if one.level == "error")
    # It is asked, and what REST says settles it.
    assert reports(heard(client)) == [("I", "rest")]
    stream(engine, {"e": "somethingNew", "E": 1})
    stream(engine, [1])
    assert unknown(heard(client)) == []


def test_a_time_that_no_clock_shows_is_none(engine: SimulatedEngine) -> None:
    client = engine.client("maker")
    order = resting(client)
    (placed,) = engine.venue.orders
    heard(client)
    event = {
        "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": "", "S": "BUY", "o": "LIMIT",
        "x": "TRADE", "X": "PARTIALLY_FILLED", "i": int(placed.order_id), "I": 1, "t": 1,
        "l": "0.001", "z": "0.001", "L": FAR, "T": 1 << 62, "O": 1 << 62, "q": "0.010",
    }  # fmt: skip
    stream(engine, event)
    (fill,) = (one for one in heard(client, 0.1) if isinstance(one, ExecutionReport))
    assert (fill.cl_ord_id, fill.last_qty, fill.transact_time) == (order, "0.001", None)


def stream(engine: SimulatedEngine, event: object) -> None:
    """Let the venue's stream say something, and the engine hear it."""
    push(engine, event)
    engine.advance(0.1)


def push(engine: SimulatedEngine, event: object) -> None:
    """Let the venue's stream say something."""
    feeds = engine.venue.server.feeds
    for feed in feeds._open:
        feed.output.append(orjson.dumps({"subscriptionId": 0, "event": event}))
    feeds.wake()


def test_orders_of_others_are_counted_and_passed_over(engine: SimulatedEngine) -> None:
    client = engine.client("maker")
    event = {
        "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": "web", "S": "BUY", "o": "LIMIT",
        "x": "NEW", "X": "NEW", "i": 4711, "I": 4712, "z": "0", "T": 1, "q": "1",
    }  # fmt: skip
    stream(engine, event)
    assert heard(client, 0.1) == []


# --- real processes -------------------------------------------------------------------------


def test_a_session_that_dies_in_the_middle_of_fills(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "control"
    venue = Controlled(stage.venue("--time-scale", str(SCALE), "--control", str(path)), path)
    of_venue = {"time_scale": SCALE, "heartbeat_s": 60, "recv_window_ms": 1000}
    sections: dict[str, Any] = {"venue": of_venue, "sources": {"port": venue.venue.web_port}}
    engine = stage.engine(venue.venue.place, **sections)
    engine.expect(event="active")
    engine.expect(event="sources", text="stream live")
    client = stage.client(engine)
    order = client.submit(limit())
    hear(client, ExecutionReport, cl_ord_id=order)
    venue.fault("cut", after=5)
    venue.fault("burst", count=20)
    fills = [hear(client, ExecutionReport, exec_type="F") for _ in range(20)]
    assert len({fill.trade_id for fill in fills}) == 20
    sources = [fill.source for fill in fills]
    assert sources.count("user_data") >= 15
    engine.expect(event="active")
    assert client.snapshot().positions[0].bought == "0.00020000"
    gone = hear(client, ExecutionReport, OrderUnknown, cl_ord_id=client.cancel(order))
    assert gone.ord_status == "4", "nothing was unknown, and no fill came again"
    assert engine.end() == 0


def test_what_still_comes_of_a_replaced_connection_does_not_watch() -> None:
    """The new connection is lost while the old one says its last: nobody tells what follows."""
    with SimulatedEngine(config=ONLY_STREAM) as engine:
        client = engine.client("maker")
        engine.advance(1)
        order = resting(client)
        asker: Any = engine._running()._asker
        asker.on_stream(StreamState(Stream.DOWN.value, 2, "broken off"))
        assert unknown(heard(client, 0.1)) == [order]
        engine.venue.fill(order, "0.004")
        events = heard(client, 1)
        assert ("F", "user_data") in reports(events)
        assert unknown(events) == [order], "it may have traded on, and nobody would have told"
        since_ms = engine.now_ns // 1_000_000
        asker.on_stream(StreamState(Stream.LIVE.value, 3, "", since_ms))
        assert reports(heard(client)) == [("I", "rest")]
