"""The network process against strategies that fail: rubbish, floods, death, twins, silence.

Whatever a strategy does, it alone is affected: another one trades on meanwhile.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import zmq
from fixengine.client import Client, HelloRefused
from fixengine.messages import (
    Ack,
    ExecutionReport,
    Heartbeat,
    Hello,
    OrderCancelRequest,
    Refused,
    RefusedReason,
    SessionStatus,
    Welcome,
    encode,
    event_decoder,
    names_of,
    request_kinds,
)
from fixengine.network.bus import CONNECTIONS_MAX
from fixengine.network.idle import IDLE_PER_SECOND_MAX
from fixengine.network.process import MUTED_MAX
from processes import Engine, Stage, Venue, hear, limit, stage, trade
from scripted_venue import WAIT_S
from test_link import frame, hello

__all__ = ["stage"]

FLOOD = 100_000


class Raw:
    """A socket on the bus without the client library, which would not send what is sent here."""

    def __init__(self, engine: Engine, name: str = "", **hello: Any) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.set(zmq.ROUTING_ID, f"{name}.{secrets.token_hex(8)}".encode())
        self.socket.set(zmq.LINGER, 0)
        self.socket.connect(engine.endpoint)
        self.epoch = self.next_seq = 0
        if name:
            self.send(encode(Hello(name, **hello)))
            welcome = self.expect(Welcome)
            self.epoch, self.next_seq = welcome.epoch, welcome.next_seq

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)

    def send(self, *parts: bytes) -> None:
        """One message."""
        self.socket.send_multipart(parts)

    def expect(self, *kinds: type) -> Any:
        """The next event, which is of these kinds."""
        event = self.hear(WAIT_S)
        assert isinstance(event, kinds), event
        return event

    def hear(self, seconds: float) -> Any:
        """The next event within that time, or None; signs of life are passed over."""
        deadline = time.monotonic() + seconds
        while self.socket.poll(max(0, int(1000 * (deadline - time.monotonic())))):
            event = event_decoder.decode(self.socket.recv())
            if not isinstance(event, Heartbeat):
                return event
        return None

    def order(self, **changes: Any) -> bytes:
        """An order in order, but for the changes."""
        values: dict[str, Any] = {"cl_ord_id": secrets.token_hex(8), "epoch": self.epoch}
        values |= {"sent_ns": time.monotonic_ns(), "valid_for_ms": 5000}
        order = limit()
        for name, value in (values | changes).items():
            setattr(order, name, value)
        return encode(order)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Venue, Engine]]:
    """One engine at one venue: it has to stand all of these tests."""
    with contextlib.closing(Stage(tmp_path_factory.mktemp("shared"))) as one:
        venue = one.venue()
        engine = one.engine(
            venue.place,
            bus={"report_buffer_max": 1 << 18},
            journal={"ring_bytes": 32 << 20},
        )
        engine.expect(event="active")
        yield one, venue, engine
        assert engine.end() == 0
        assert set(engine.warnings()) <= {
            "strategy noise sends rubbish; muted for a second",
            "strategy flood sends too much that leads to no order; muted for a second",
        }


@pytest.fixture
def engine(shared: tuple[Stage, Venue, Engine]) -> Engine:
    return shared[2]


@pytest.fixture
def other(shared: tuple[Stage, Venue, Engine]) -> Iterator[Client]:
    """A strategy that nothing here may disturb."""
    with Client(shared[2].endpoint, "other", valid_for_ms=5000) as client:
        yield client


# --- what is said -----------------------------------------------------------------------------

GOOD = encode(limit(cl_ord_id="x"))
RUBBISH = {
    "nothing": b"",
    "noise": bytes(range(256)),
    "text": b"NewOrderSingle BTCUSDT 1 @ 50000",
    "FIX": b"8=FIX.4.4\x019=5\x0135=D\x0110=000\x01",
    "cut short": GOOD[:-5],
    "more": GOOD + b"\xc0",
    "not UTF-8": b"\x92\xaeNewOrderSingle\xa1\xff",
    "deep": b"\x91" * 4000,
    "deep in a known kind": b"\xdc\x00\xff" + GOOD[3:] + b"\x91" * 4000,
    "a length that is none": b"\xdd\xff\xff\xff\xff",
    "long unknown kind": encode(("A" * 2000, "x")),
    "unknown kind": encode(("NoSuchRequest", "x", "BTCUSDT")),
    "an event": encode(Welcome("rubbish", 1, 1, 1, 1, "ready")),
}


def test_what_is_no_message_is_refused_and_disturbs_nobody(engine: Engine, other: Client) -> None:
    with Raw(engine, "rubbish") as raw, Raw(engine) as stranger:
        for name, payload in RUBBISH.items():
            raw.send(payload)
            refused = raw.expect(Refused)
            assert refused.reason == RefusedReason.MALFORMED, name
            assert refused.text.startswith("not a bus message: "), name
            assert len(refused.text) < 200, name
            assert refused.report_seq > 0
            stranger.send(payload)
            refused = stranger.expect(Refused)
            assert (refused.reason, refused.report_seq) == (RefusedReason.MALFORMED, 0), name
        raw.send(GOOD, GOOD)
        assert raw.expect(Refused).reason == RefusedReason.MALFORMED
        trade(other)
        raw.send(raw.order())
        raw.expect(ExecutionReport)


def test_a_message_with_a_field_of_a_wrong_type_is_told_which(
    engine: Engine, other: Client
) -> None:
    cases: list[tuple[bytes, str]] = [
        (encode(limit(cl_ord_id="x")), "price"),
        (encode(limit(cl_ord_id="x")), "order_qty"),
        (encode(limit(cl_ord_id="x")), "sent_ns"),
        (encode(limit(cl_ord_id="x")), "symbol"),
        (encode(OrderCancelRequest("x", 1, 1, 1, "y")), "orig_cl_ord_id"),
        (encode(Hello("wrong", "secret")), "token"),
        (encode(Hello("wrong", "secret")), "strategy"),
        (encode(Ack(1)), "report_seq"),
    ]
    with Raw(engine, "wrong") as raw, Raw(engine) as stranger:
        for payload, name in cases:
            columns = msgspec.msgpack.decode(payload)
            kind = request_kinds[columns[0]]
            columns[1 + names_of(kind).index(name)] = 0.5
            for socket_ in (raw, stranger):
                socket_.send(encode(columns))
                refused = socket_.expect(Refused)
                assert refused.reason == RefusedReason.MALFORMED, name
                assert refused.text.startswith(f"{name}: Expected "), refused
                assert "\n" not in refused.text and "secret" not in refused.text
        stranger.send(encode(["Hello"]))
        assert stranger.expect(Refused).text == "strategy: is missing"
        trade(other)


def test_a_malformed_order_gets_one_clear_line(engine: Engine, other: Client) -> None:
    now = time.monotonic_ns()
    cases: list[tuple[dict[str, Any], RefusedReason, str]] = [
        ({"cl_ord_id": "a" * 37}, RefusedReason.INVALID_FIELD, "cl_ord_id: 1..36 of"),
        ({"cl_ord_id": "a b"}, RefusedReason.INVALID_FIELD, "cl_ord_id"),
        ({"epoch": 1}, RefusedReason.WRONG_EPOCH, "epoch: 1 is not this run"),
        ({"valid_for_ms": 0}, RefusedReason.INVALID_FIELD, "valid_for_ms: expected 1..10000"),
        ({"valid_for_ms": 1 << 60}, RefusedReason.INVALID_FIELD, "valid_for_ms"),
        ({"sent_ns": now + 3_600_000_000_000}, RefusedReason.FROM_THE_FUTURE, "sent_ns"),
        ({"sent_ns": now - 6_000_000_000}, RefusedReason.TOO_OLD, "ms old, valid for 5000 ms"),
        ({"symbol": "BTC\x01USDT"}, RefusedReason.INVALID_FIELD, "55"),
        ({"side": ""}, RefusedReason.INVALID_FIELD, "54"),
        ({"order_qty": "1e5"}, RefusedReason.INVALID_FIELD, "38"),
    ]
    with Raw(engine, "malformed") as raw:
        for changes, reason, text in cases:
            raw.send(raw.order(**changes))
            refused = raw.expect(Refused)
            assert (refused.reason, text in refused.text) == (reason, True), refused
            assert "\n" not in refused.text
        raw.send(encode(OrderCancelRequest("c", raw.epoch, now, 5000, "no-such-order")))
        assert raw.expect(Refused).reason == RefusedReason.UNKNOWN_ORDER
        raw.send(encode(Ack(1 << 60)))
        trade(other)


def test_nothing_goes_out_before_hello(engine: Engine, other: Client) -> None:
    with Raw(engine) as raw:
        raw.send(GOOD)
        assert raw.expect(Refused).reason == RefusedReason.NO_HELLO
        raw.send(encode(Hello("a name with blanks")))
        assert "1..32 characters" in raw.expect(Refused).text
        raw.send(encode(Hello("first")))
        raw.expect(Welcome)
        raw.send(encode(Hello("second")))
        assert raw.expect(Refused).text == "this socket is already bound to first"
    trade(other)


def test_what_is_no_zeromq_or_too_large_ends_that_connection(engine: Engine, other: Client) -> None:
    with socket.socket(socket.AF_UNIX) as bare:
        bare.connect(engine.endpoint.removeprefix("ipc://"))
        bare.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
        trade(other)
    with Raw(engine, "large") as raw:
        changes = raw.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        raw.send(raw.order(symbol="A" * (1 << 20)))
        assert changes.poll(int(WAIT_S * 1000))
        trade(other)
    with Client(engine.endpoint, "large") as client:
        trade(client)


def flood(raw: Raw, payload: bytes, other: Client) -> None:
    """Send FLOOD messages and read nothing; whenever no more fits, let the other one trade."""
    trades = flooded = 0
    while flooded < FLOOD:
        try:
            raw.socket.send(payload, zmq.DONTWAIT)
            flooded += 1
        except zmq.Again:
            trade(other)
            trades += 1
    trade(other)
    assert trades > 10


def test_a_flood_without_reading_is_muted_answered_in_order_and_nobody_waits(
    engine: Engine, other: Client
) -> None:
    with Raw(engine, "flood") as raw:
        started = time.monotonic()
        flood(raw, raw.order(epoch=1), other)
        reasons = set()
        seq = 0
        raw.send(raw.order())
        while not isinstance(event := raw.hear(0.2), ExecutionReport):
            if event is None:
                # As long as it is muted, nothing of it is heard.
                raw.send(raw.order())
                continue
            seq += 1
            assert isinstance(event, Refused) and event.report_seq == seq
            reasons.add(event.reason)
            if seq % 1000 == 0:
                raw.send(encode(Ack(seq)))
        assert event.report_seq == seq + 1
        # An order may have waited for longer than it is good for.
        assert {RefusedReason.WRONG_EPOCH} <= reasons
        assert reasons <= {RefusedReason.WRONG_EPOCH, RefusedReason.LIMIT, RefusedReason.TOO_OLD}
        seconds = time.monotonic() - started
        # A refusal for each, and one that says that the others of the second are not heard.
        assert seq <= (IDLE_PER_SECOND_MAX + 2) * (seconds + 1)


def test_a_flood_of_rubbish_is_not_even_answered(engine: Engine, other: Client) -> None:
    with Raw(engine, "noise") as raw:
        started = time.monotonic()
        flood(raw, b"rubbish", other)
        # What nobody hears is taken slowly, so that its sender waits and not the others.
        assert time.monotonic() - started > FLOOD / (1000 * MUTED_MAX) / 2
        engine.expect(level="warning", text="strategy noise sends rubbish; muted for a second")
        assert raw.expect(Refused).report_seq == 1
        last = 1
        while raw.socket.poll(0):
            last = raw.expect(Refused).report_seq
        assert last < FLOOD / 10


def test_more_connections_than_the_soft_limit_of_open_files_are_borne(stage: Stage) -> None:
    venue = stage.venue()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        engine = stage.engine(venue.place)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    client = stage.client(engine)
    engine.expect(event="active")
    assert resource.prlimit(engine.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    with contextlib.ExitStack() as ends:
        for _ in range(300):
            bare = ends.enter_context(socket.socket(socket.AF_UNIX))
            bare.connect(engine.endpoint.removeprefix("ipc://"))
        trade(client)
    assert engine.end() == 0


def crowd(engine: Engine, count: int) -> contextlib.ExitStack:
    """So many connections to the bus that say nothing, until it is closed."""
    with contextlib.ExitStack() as ends:
        for _ in range(count):
            bare = ends.enter_context(socket.socket(socket.AF_UNIX))
            bare.connect(engine.endpoint.removeprefix("ipc://"))
        return ends.pop_all()


def test_more_connections_than_the_hard_limit_of_open_files_are_borne(stage: Stage) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place)
    most = (256, 256)
    resource.prlimit(engine.pid, resource.RLIMIT_NOFILE, most)
    assert not os.path.exists(engine.endpoint.removeprefix("ipc://"))
    client = stage.client(engine)
    engine.expect(event="active")
    with crowd(engine, 1000):
        trade(client)
        # Who says nothing makes room for who does, and what is kept lets its state be written.
        trade(stage.client(engine, "late"))
        trade(client)
    assert resource.prlimit(engine.pid, resource.RLIMIT_NOFILE) == most
    assert engine.end() == 0


def test_with_no_descriptor_left_those_who_are_there_are_served(stage: Stage) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place)
    client = stage.client(engine)
    engine.expect(event="active")
    trade(client)
    # None is kept of what is left now.
    most = len(os.listdir(f"/proc/{engine.pid}/fd")) + 20
    resource.prlimit(engine.pid, resource.RLIMIT_NOFILE, (most, most))
    with crowd(engine, 10 * most):
        trade(client)
    trade(client)
    assert engine.end() == 0


def test_the_operator_hears_of_those_for_whom_the_bus_has_no_room(stage: Stage) -> None:
    engine = stage.engine(stage.venue().place)
    client = stage.client(engine)
    engine.expect(event="active")
    place = engine.endpoint.removeprefix("ipc://")
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        with contextlib.ExitStack() as ends:
            # Those that have said who they are make room for nobody.
            for number in itertools.count():
                bare = ends.enter_context(socket.socket(socket.AF_UNIX))
                bare.connect(place)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    bare.sendall(hello(b"%d" % number))
                if number > CONNECTIONS_MAX:
                    trade(client)
                    if engine.has_said(level="warning", event="bus", text="bus: no room for"):
                        break
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
    assert len(engine.warnings()) == 1
    assert engine.end() == 0


def test_connections_that_come_again_and_again_with_rubbish_are_told_once(stage: Stage) -> None:
    engine = stage.engine(stage.venue().place)
    client = stage.client(engine)
    engine.expect(event="active")
    place = engine.endpoint.removeprefix("ipc://")
    rubbish = frame(b"rubbish")
    for number in range(1000):
        with socket.socket(socket.AF_UNIX) as bare:
            bare.connect(place)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                bare.sendall(hello(b"%d" % number) + 100 * rubbish)
    engine.expect(level="warning", event="bus", text="no Hello send rubbish")
    trade(client)
    assert len(engine.warnings()) == 1
    assert engine.end() == 0
    taken = [record for record in engine.journal() if b"rubbish" in record.data]
    assert len(taken) < 10_000


# --- who says it ------------------------------------------------------------------------------


def test_a_strategy_killed_and_started_again_is_told_what_it_missed(
    shared: tuple[Stage, Venue, Engine], other: Client
) -> None:
    stage, venue, engine = shared
    venue.signal(signal.SIGSTOP)
    first = stage.strategy(engine, "mortal", "49000.00", "48000.00")
    first.expect(event="Sent", report_seq=1)
    first.expect(event="Sent", report_seq=2)
    first.end(signal.SIGKILL)
    venue.signal(signal.SIGCONT)
    trade(other)

    second = stage.strategy(engine, "mortal")
    second.expect(event="connected")
    second.expect(event="ExecutionReport", report_seq=3)
    second.expect(event="ExecutionReport", report_seq=4)
    second.end(signal.SIGKILL)
    # Also where nothing was to be said to the dead one, so that nobody has noticed.
    stage.strategy(engine, "mortal").expect(event="connected")


def test_a_replay_begins_where_it_is_asked_for(engine: Engine) -> None:
    with Raw(engine, "again") as raw:
        for _ in range(5):
            raw.send(raw.order())
            raw.expect(ExecutionReport)
    with Raw(engine, "again", resume_from=3) as raw:
        assert raw.next_seq == 3
        events = [raw.expect(ExecutionReport) for _ in range(3)]
        assert [(event.report_seq, event.replayed) for event in events] == [
            (3, True),
            (4, True),
            (5, True),
        ]
        raw.send(raw.order())
        event = raw.expect(ExecutionReport)
        assert (event.report_seq, event.replayed) == (6, False)


def test_the_second_of_two_with_one_name_is_refused(
    shared: tuple[Stage, Venue, Engine], other: Client
) -> None:
    stage, _, engine = shared
    before = trade(other)
    twin = stage.strategy(engine, "other", "47000.00")
    assert twin.ended() == 1
    assert "already_connected" in twin.errors
    with pytest.raises(HelloRefused, match="connected already") as problem:
        Client(engine.endpoint, "other")
    assert problem.value.reason == RefusedReason.ALREADY_CONNECTED
    after = trade(other)
    assert after.report_seq == before.report_seq + 1


def test_events_beyond_the_buffer_come_from_the_journal(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, bus={"report_buffer_max": 16, "strategies_max": 1})
    with Raw(engine, "away") as raw:
        seq = 0
        for _ in range(50):
            raw.send(b"rubbish")
            while not isinstance(event := raw.expect(Refused, SessionStatus), Refused):
                pass
            seq = event.report_seq
    with Raw(engine, "away", resume_from=1) as raw:
        for number in range(1, seq + 1):
            assert raw.expect(Refused, SessionStatus).report_seq == number
        with pytest.raises(HelloRefused, match="strategies_max"):
            stage.client(engine, "one-too-many")


# --- when it was said -------------------------------------------------------------------------


def test_an_order_that_waited_for_the_engine_too_long_never_goes_out(stage: Stage) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place)
    client = stage.client(engine)
    engine.expect(event="active")
    engine.signal(signal.SIGSTOP)
    stale = [client.submit(limit(valid_for_ms=1)) for _ in range(3)]
    fresh = client.submit(limit())
    until_ns = time.monotonic_ns() + 2_000_000
    while time.monotonic_ns() < until_ns:
        pass
    engine.signal(signal.SIGCONT)
    refused = [hear(client, Refused) for _ in stale]
    assert [(event.cl_ord_id, event.reason) for event in refused] == [
        (cl_ord_id, RefusedReason.TOO_OLD) for cl_ord_id in stale
    ]
    assert hear(client, ExecutionReport).cl_ord_id == fresh
    assert engine.end() == 0
    assert venue.end() == 0
    assert len(venue.record.read_bytes().splitlines()) == 1
