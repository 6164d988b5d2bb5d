"""Streams cut anywhere, floods and messages without end, through the walk and in simulated time.

None may be lost and none may come out of order, whatever the pieces a stream arrives in, and the
session's own timers may not be late for it. What never ends is closed at the largest message we
take, in flat memory.
"""

from __future__ import annotations

import random
import tracemalloc

import pytest
from engine_in_memory import Engine
from fixengine import wire
from fixengine.fix.session import Session
from fixengine.fix.states import Happening, State, Verdict
from fixengine.messages import Event
from fixengine.network.latency import EVERY, IN
from fixengine.network.latency import read as figures_of
from sessions_in_memory import SECOND_NS, frame, initiator

REPORTS = 10_000
MIB = 1 << 20
TLS_RECORD_BYTES = 1 << 14


def traded(engine: Engine, count: int) -> bytes:
    """Fills of the one order that is open, each with an ExecID of its own."""
    frames = []
    for number in range(1, count + 1):
        status = "2" if number == count else "1"
        quantity = f"0.{number:05d}"
        more = {"exec_id": str(number), "cum_qty": quantity, "last_qty": "0.00001"}
        frames.append(engine.report_frame("F", status, **more))
    return b"".join(frames)


def one_order(outbox_max: int = 2 * REPORTS) -> Engine:
    engine = Engine(outbox_max=outbox_max)
    engine.request(engine.order())
    engine.heard()
    return engine


def exec_ids(events: list[Event]) -> list[int]:
    return [int(event.exec_id) for event in events]


def test_a_burst_is_told_whole_and_in_order() -> None:
    """As TLS hands it over: in records of 16 KiB, each of which cuts a report in two."""
    engine = one_order()
    data = traded(engine, REPORTS)
    for at in range(0, len(data), TLS_RECORD_BYTES):
        engine.venue_sends(data[at : at + TLS_RECORD_BYTES])
    events = engine.heard()
    assert exec_ids(events) == list(range(1, REPORTS + 1))
    assert [event.report_seq for event in events] == list(
        range(events[0].report_seq, events[0].report_seq + REPORTS)
    )
    assert engine.line.session.hole is None


def test_what_waits_behind_others_of_its_read_is_timed_from_the_read_on() -> None:
    engine = one_order()
    latency = engine.gateway.latency
    latency.head(1, 2)
    engine.venue_sends(traded(engine, 3 * EVERY))
    seen = figures_of(bytes(latency._memory))["stretches"]
    framed, decoded, published = (seen[name] for name in IN[:-1])
    assert framed["count"] == 3
    # Two that were timed, and many that were not, came before the last.
    assert framed["max_us"] > 2 * (decoded["mean_us"] + published["mean_us"])


def test_a_burst_byte_by_byte_is_told_whole_and_heartbeats_are_on_time() -> None:
    """The burst takes 70 s: Heartbeats are due every 30 s of our silence, within a byte's time."""
    engine = one_order()
    data = traded(engine, REPORTS)
    began = engine.now
    step_ns = 70 * SECOND_NS // len(data)
    sent_ns: list[int] = []
    engine.wire.written.clear()
    line, gateway = engine.line, engine.gateway
    deadline = line.session.deadline
    for index in range(len(data)):
        engine.now += step_ns
        line.framer.feed(data[index : index + 1])
        gateway.on_bytes(line, engine.now)
        if deadline is not None and engine.now >= deadline:
            gateway.on_tick(engine.now)
            gateway.flush(engine.now)
            deadline = line.session.deadline
            sent_ns += [engine.now] * (len(engine.wire.written) - len(sent_ns))
    assert exec_ids(engine.heard()) == list(range(1, REPORTS + 1))
    assert [bytes(sent).split(b"\x01")[2] for sent in engine.wire.written] == [b"35=0"] * 2
    late_ns = [at - began - due * SECOND_NS for at, due in zip(sent_ns, (30, 60), strict=True)]
    assert all(0 <= late <= 2 * step_ns for late in late_ns), late_ns


def test_a_test_request_is_answered_before_orders_that_wait() -> None:
    """Both in one wake-up: the answer must not stand behind what strategies want."""
    engine = one_order()
    engine.wire.written.clear()
    engine.request(engine.order("o2"), flush=False)
    engine.request(engine.order("o3"), flush=False)
    engine.venue_says(b"1", test_req_id="x=1")
    kinds = [sent.split(b"\x01")[2] for sent in engine.wire.written]
    assert kinds == [b"35=0", b"35=D", b"35=D"]


def forty() -> list[bytes]:
    """A stream of reports, Heartbeats and TestRequests behind a Logon."""
    report = {
        "ord_type": "2",
        "side": "1",
        "symbol": "BTCUSDT",
        "exec_type": "0",
        "cum_qty": "0",
        "last_qty": "0",
        "ord_status": "0",
    }
    made = []
    for seq in range(2, 42):
        if seq % 7 == 0:
            made.append(frame(b"0", seq))
        elif seq % 11 == 0:
            made.append(frame(b"1", seq, test_req_id=f"t={seq}"))
        else:
            made.append(frame(b"8", seq, exec_id=str(seq), text="8=FIX.4.4 9=5 10=000", **report))
    return made


STREAM = forty()
DELIVERED = [seq for seq in range(2, 42) if seq % 7 and seq % 11]


def logged_on() -> tuple[Session, wire.Framer]:
    session, framer = initiator(), wire.Framer()
    session.connected(0)
    framer.feed(frame(b"A", 1, encrypt_method=0, heart_bt_int=30, uuid="u"))
    session.receive(next(framer), 0)
    session.take_output()
    return session, framer


def read(pieces: list[bytes]) -> None:
    """Let a session have the stream in these pieces and hold what it made of it to be right."""
    session, framer = logged_on()
    delivered = []
    for piece in pieces:
        framer.feed(piece)
        for message in framer:
            if session.receive(message, 0) is Verdict.APPLICATION:
                delivered.append(message.get_int(34))
    assert delivered == DELIVERED
    answers = [sent.split(b"\x01112=")[1].split(b"\x01")[0] for sent in session.take_output()]
    assert answers == [b"t=11", b"t=22", b"t=33"]
    assert session.hole is None and session.state is State.ACTIVE and session.next_in == 42


def test_a_stream_is_read_whole_at_every_cut() -> None:
    data = b"".join(STREAM)
    for cut in range(len(data) + 1):
        read([data[:cut], data[cut:]])


def test_a_stream_is_read_whole_in_random_pieces() -> None:
    data = b"".join(STREAM)
    for seed in range(1000):
        chance = random.Random(seed)
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(1, 60)))
        read([data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)])


@pytest.mark.parametrize(
    "head",
    [
        b"8=FIX.4.4\x019=1073741824\x0135=8\x01",
        b"8=FIX.4.4\x019=1048577\x0135=8\x01",
        b"8=FIX.4.4\x019=" + b"0" * 40,
        b"8=" + b"x" * 40,
    ],
)
def test_a_message_larger_than_we_take_is_closed_at_its_head(head: bytes) -> None:
    engine = one_order()
    engine.venue_sends(head)
    assert engine.wire.closed
    assert engine.line.session.take_events()[-1].kind is Happening.LOST
    assert b"\x0158=framing lost: " in engine.wire.written[-1]


@pytest.mark.parametrize("unit", [b"x", b"1=1\x01"], ids=["one field", "a million fields"])
def test_a_message_without_end_is_closed_at_the_largest_we_take(unit: bytes) -> None:
    """BodyLength says as much as we take; what comes has no end, and no CheckSum at its place."""
    engine = one_order()
    engine.venue_sends(b"8=FIX.4.4\x019=1048000\x0135=8\x0134=2\x0158=")
    chunk = unit * (65536 // len(unit))
    fed = 0
    while not engine.wire.closed:
        engine.venue_sends(chunk)
        fed += len(chunk)
        assert fed <= MIB + 2 * len(chunk)
    assert engine.line.session.take_events()[-1].kind is Happening.LOST
    tracemalloc.start()
    try:
        for _ in range(64):
            engine.venue_sends(chunk)
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()
    assert engine.line.framer.pending <= 64, "what comes behind the end is not kept"
