"""The network process against venues that fail: no TLS, rubbish, silence, death.

Whatever the peer does, the engine says so in one clear line and a status, goes on, writes no
order twice, and tells a strategy of each order whose outcome it cannot know.
"""

from __future__ import annotations

import datetime
import signal
import socket
import ssl
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from fixengine.client import Client
from fixengine.messages import (
    ExecutionReport,
    OrderUnknown,
    Refused,
    RefusedReason,
    Sent,
    SessionState,
    SessionStatus,
)
from fixengine.network.journal import Kind
from fixengine.network.transport import cause_text
from processes import (
    COMP_IDS,
    SCALED,
    SCALED_VENUE,
    Engine,
    Stage,
    Venue,
    frames,
    hear,
    limit,
    stage,
    trade,
)
from scripted_venue import NO_LINGER, WAIT_S, Acceptor, Peer

__all__ = ["stage"]

pytestmark = pytest.mark.quick

SECOND_NS = 1_000_000_000
Play = Callable[[Acceptor], object]


def written_once(engine: Engine) -> list[str]:
    """Ids of the orders that the engine's journal says were written, each of them once."""
    sent = frames(engine.journal(), Kind.FRAME_OUT)
    ids = [frame[11] for frame in sent if frame[35] == "D"]
    assert len(ids) == len(set(ids))
    return ids


def assert_nothing_goes_out(client: Client) -> None:
    refused = hear(client, Refused, cl_ord_id=client.submit(limit()))
    assert refused.reason == RefusedReason.NOT_CONNECTED


# --- no session comes to be -------------------------------------------------------------------


def old_tls(context: ssl.SSLContext) -> None:
    """A server that knows nothing newer than TLS 1.1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def fail_in_tls(acceptor: Acceptor) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        acceptor.accept()


def speak_no_tls(acceptor: Acceptor) -> None:
    acceptor.accept_plain().sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")


def cut_off_before_tls(acceptor: Acceptor) -> None:
    raw = acceptor.accept_plain()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    raw.close()


def cut_off_within_tls(acceptor: Acceptor) -> None:
    raw = acceptor.accept_plain()
    # With nothing left unread its end is a FIN, of which asyncio makes an exception without text.
    raw.recv(1 << 16)
    raw.close()


NO_SESSION: dict[str, tuple[dict[str, Any], dict[str, Any], Play, str]] = {
    "old TLS": ({"tls": old_tls}, {}, fail_in_tls, "protocol"),
    "no TLS": ({}, {}, speak_no_tls, "wrong version number"),
    "silence": ({}, {"connect_timeout_ms": 200}, Acceptor.accept_plain, "within 0.2 s"),
    "cut off": ({}, {}, cut_off_before_tls, "Connection reset by peer"),
    "cut off later": ({}, {}, cut_off_within_tls, "Connection reset by peer"),
    "name": (
        {},
        {"server_name": "fix-oe.example.com"},
        fail_in_tls,
        "not accepted for fix-oe.example.com",
    ),
}


@pytest.mark.parametrize("case", NO_SESSION)
def test_a_peer_that_is_not_the_venue_gets_no_session(stage: Stage, case: str) -> None:
    options, venue, play, text = NO_SESSION[case]
    acceptor = stage.acceptor(**options)
    engine = stage.engine(acceptor.place, venue=venue)
    client = stage.client(engine)
    play(acceptor)
    assert_one_clear_line(engine, client, text)


def test_a_certificate_of_another_authority_is_refused(stage: Stage) -> None:
    theirs, ours = stage.acceptor(), stage.acceptor(name="ours")
    engine = stage.engine(theirs.place, venue={"ca_file": str(ours.place.ca_file)})
    client = stage.client(engine)
    fail_in_tls(theirs)
    assert_one_clear_line(engine, client, "the certificate was not accepted for localhost")


def test_nobody_listens(stage: Stage) -> None:
    acceptor = stage.acceptor()
    acceptor.close()
    engine = stage.engine(acceptor.place)
    assert_one_clear_line(engine, stage.client(engine), "Connection refused")


def assert_one_clear_line(engine: Engine, client: Client, text: str) -> None:
    """One warning with this text, a status, no order, no CompID lost, and an orderly end."""
    down = engine.expect(event="down")
    (warning,) = engine.warnings()
    assert text in warning
    assert warning.startswith("127.0.0.1:")
    assert f"{warning}; next attempt in " in down["text"]
    hear(client, SessionStatus, state=SessionState.DOWN, text=warning)
    assert_nothing_goes_out(client)
    assert engine.end() == 0
    assert engine.marks() == {}
    assert written_once(engine) == []


def test_sigterm_gives_up_a_connection_under_way(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue={"connect_timeout_ms": 60_000})
    acceptor.accept_plain()
    assert engine.end() == 0
    assert engine.warnings() == ["the attempt was given up: stopping"]
    assert engine.marks() == {}


# --- no Logon ---------------------------------------------------------------------------------


def test_a_venue_that_never_answers_the_logon(stage: Stage) -> None:
    venue = stage.venue("--fault", "silent")
    engine = stage.engine(venue.place, venue={"logon_timeout_ms": 200})
    client = stage.client(engine)
    engine.expect(event="down", text="no Logon came in time")
    assert engine.warnings() == ["session logon_refused: no Logon came in time"]
    assert_nothing_goes_out(client)
    assert engine.end() == 1
    assert list(engine.marks()) == [COMP_IDS[0]]
    assert written_once(engine) == []


def test_sigterm_while_the_logon_is_not_answered(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue={"logon_timeout_ms": 10_000})
    peer = acceptor.accept()
    logon = peer.expect("A")
    engine.signal(signal.SIGTERM)
    engine.expect(text="stopping")
    peer.comp_id = logon[49]
    peer.send("A", {98: 0, 108: logon[108], 25037: "uuid"})
    assert peer.expect("5")[58] == "engine stops"
    peer.send("5", {})
    assert peer.read() == {}
    assert engine.ended() == 0
    assert engine.marks() == {}
    assert "active" not in [line.get("event") for line in engine.said]


def test_sigterm_while_the_logon_is_never_answered(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue={"logon_timeout_ms": 300})
    peer = acceptor.accept()
    peer.expect("A")
    engine.signal(signal.SIGTERM)
    assert peer.read() == {}
    assert engine.ended() == 1
    engine.expect(event="down", text="no Logon came in time")
    engine.expect(
        level="error", text=f"no Logout was answered of the last session as {COMP_IDS[0]}"
    )
    assert list(engine.marks()) == [COMP_IDS[0]]


NOT_A_LOGON: dict[str, tuple[Callable[[Peer], bytes], str]] = {
    "no FIX": (lambda _: b"220 mail.example.com ESMTP\r\n" * 9, "framing lost"),
    "too long": (lambda _: b"8=FIX.4.4\x019=9999999\x0135=A\x01", "framing lost"),
    "a report": (lambda peer: peer.frame("8", {}), "MsgType 8 came instead of a Logon"),
    "heartbeat": (
        lambda peer: peer.frame("A", {98: 0, 108: 77, 25037: "u"}),
        "HeartBtInt 77, 5 was asked",
    ),
    "number": (lambda peer: peer.frame("A", {98: 0, 108: 5}, t34=3), "MsgSeqNum 3, expected 1"),
    "name": (lambda peer: peer.frame("A", {98: 0, 108: 5}, t56="YOU"), "wrong SenderCompID"),
    "refused": (
        lambda peer: peer.frame("3", {45: 1, 25016: -1015, 58: "not today"}),
        "not today (-1015)",
    ),
    "nothing": (lambda _: b"", "connection closed"),
}


@pytest.mark.parametrize("case", NOT_A_LOGON)
def test_what_is_no_answer_to_the_logon_ends_the_attempt(stage: Stage, case: str) -> None:
    answer, text = NOT_A_LOGON[case]
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place)
    peer = acceptor.accept()
    peer.comp_id = peer.expect("A")[49]
    peer.socket.sendall(answer(peer))
    if not answer(peer):
        peer.socket.close()
    else:
        peer.read_to_end()
    down = engine.expect(event="down")
    assert text in down["text"]
    assert len(engine.warnings()) == 1
    # Where it is not certain that the venue never let it in, the SenderCompID has to rest.
    status, marks = (0, []) if case == "refused" else (1, [COMP_IDS[0]])
    assert (engine.end(), list(engine.marks())) == (status, marks)


# --- a session that goes wrong ----------------------------------------------------------------


def test_rubbish_after_the_logon(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue=SCALED)
    client = stage.client(engine)
    acceptor.logon().socket.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    down = engine.expect(event="down")
    assert "framing lost" in down["text"]
    (warning,) = engine.warnings()
    assert warning.startswith("session lost: framing lost")
    # The next attempt finds nobody who accepts it before the test does.
    assert_nothing_goes_out(client)
    assert COMP_IDS[0] in engine.marks()
    assert acceptor.logon().comp_id == COMP_IDS[1]
    engine.expect(event="active", text=COMP_IDS[1])


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("hole", "MsgSeqNum 3 expected, 4 received"),
        ("duplicate-seq", "MsgSeqNum too low, expecting 3 received 2"),
    ],
)
def test_a_break_in_the_sequence_ends_the_session(stage: Stage, fault: str, text: str) -> None:
    venue = stage.venue("--fault", fault, *SCALED_VENUE)
    engine = stage.engine(venue.place, venue=SCALED)
    client = stage.client(engine)
    engine.expect(event="active")
    first = trade(client)
    second = client.submit(limit())
    # Beyond a hole reports are still taken; a number that was used before says nothing.
    kind = ExecutionReport if fault == "hole" else OrderUnknown
    hear(client, kind, cl_ord_id=second)
    hear(client, SessionStatus, state=SessionState.DOWN)
    assert text in engine.expect(level="warning")["text"]
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    third = trade(client)
    assert (first.source, third.source) == (COMP_IDS[0], COMP_IDS[1])
    assert engine.end() == 0
    assert len(written_once(engine)) == 3


def test_a_reset_in_the_middle_of_a_report(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue=SCALED)
    client = stage.client(engine)
    peer = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    unanswered = client.submit(limit())
    order = peer.expect("D")
    peer.socket.sendall(peer.report(order)[:-20])
    peer.reset()
    assert hear(client, OrderUnknown).cl_ord_id == unanswered
    hear(client, SessionStatus, state=SessionState.DOWN)
    assert_nothing_goes_out(client)

    second = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    second.socket.sendall(second.report(order))
    late = hear(client, ExecutionReport)
    assert (late.cl_ord_id, late.source) == (unanswered, COMP_IDS[1])
    fresh = client.submit(limit())
    second.socket.sendall(second.report(second.expect("D")))
    assert hear(client, ExecutionReport).cl_ord_id == fresh
    engine.expect(event="active", text=COMP_IDS[1])
    (warning,) = engine.warnings()
    assert warning.startswith("session lost: connection lost")
    assert written_once(engine)[0] == order[11]


def test_a_venue_that_does_not_end_tls_has_its_connection_closed_all_the_same(
    stage: Stage,
) -> None:
    acceptor = stage.acceptor()
    stage.engine(acceptor.place)
    peer = acceptor.logon()
    peer.send("A", {98: 0, 108: 5, 25037: "u"})
    assert peer.expect("5")[58] == "a second Logon came"
    assert peer.socket.recv(1) == b"", "the engine has ended TLS"
    with socket.socket(fileno=peer.socket.detach()) as raw:
        raw.settimeout(WAIT_S)
        assert raw.recv(1) == b""


@pytest.fixture
def trading(stage: Stage) -> tuple[Venue, Engine, Client]:
    """A venue, and a strategy whose engine is logged on there."""
    venue = stage.venue(*SCALED_VENUE)
    engine = stage.engine(venue.place, venue=SCALED)
    client = stage.client(engine, wants_sent=True)
    engine.expect(event="active")
    return venue, engine, client


def test_a_venue_killed_in_mid_session_and_started_again(
    stage: Stage, trading: tuple[Venue, Engine, Client]
) -> None:
    venue, engine, client = trading
    answered = trade(client)
    venue.signal(signal.SIGSTOP)
    unanswered = [client.submit(limit()) for _ in range(3)]
    for cl_ord_id in unanswered:
        hear(client, Sent, cl_ord_id=cl_ord_id)
    venue.end(signal.SIGKILL)
    assert [hear(client, OrderUnknown).cl_ord_id for _ in unanswered] == unanswered
    hear(client, SessionStatus, state=SessionState.DOWN)

    again = stage.venue(*SCALED_VENUE, port=venue.place.port)
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    # What is not known stays so: the id is answered from the record and does not go out.
    client.submit(limit(cl_ord_id=unanswered[0]))
    assert hear(client, OrderUnknown).cl_ord_id == unanswered[0]
    report = trade(client)
    # Which id depends on how many attempts the venue's start took.
    assert answered.source == COMP_IDS[0]
    assert report.source in COMP_IDS[1:]
    assert engine.end() == 0
    assert len(written_once(engine)) == 5
    assert again.end() == 0
    assert len(again.record.read_bytes().splitlines()) == 1


def test_odd_messages_leave_a_session_alive(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place)
    client = stage.client(engine)
    peer = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    incomplete, lost, fine = (client.submit(limit()) for _ in range(3))
    orders = [peer.expect("D") for _ in range(3)]

    peer.send("U7", {58: "a kind of message that nobody knows"})
    peer.socket.sendall(peer.report(orders[0], t150=None))
    peer.socket.sendall(peer.report({**orders[0], 11: "somebody-else"}))
    peer.send("3", {45: orders[1][34], 25016: -1007, 58: "timeout"})
    peer.socket.sendall(peer.report(orders[2]))
    peer.send("B", {148: "You'll be disconnected in 10 minutes"})

    assert hear(client, OrderUnknown).cl_ord_id == incomplete
    unknown = hear(client, OrderUnknown)
    assert (unknown.cl_ord_id, unknown.venue_code) == (lost, "-1007")
    assert hear(client, ExecutionReport).cl_ord_id == fine
    hear(client, SessionStatus, state=SessionState.DRAINING)
    client.submit(limit())
    assert peer.expect("D")[34] == "5"


def test_a_report_with_a_wrong_checksum_is_a_hole(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place)
    client = stage.client(engine)
    peer = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    order = client.submit(limit())
    report = peer.report(peer.expect("D"))
    peer.socket.sendall(report[:-4] + b"%03d\x01" % ((int(report[-4:-1]) + 1) % 256))
    stale = hear(client, SessionStatus, state=SessionState.STALE)
    assert stale.text == "a message with a wrong CheckSum was dropped"
    peer.logout()
    unknown = hear(client, OrderUnknown)
    assert (unknown.cl_ord_id, unknown.reason) == (order, stale.text)
    assert acceptor.logon().comp_id == COMP_IDS[1]


def test_an_order_lost_in_a_hole_is_told_of_the_hole(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place)
    client = stage.client(engine)
    peer = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    order = client.submit(limit())
    peer.expect("D")
    peer.send("0", {}, t34=3)
    peer.seq = 4
    peer.expect("5")
    peer.send("5", {58: "Logout acknowledgment."})
    unknown = hear(client, OrderUnknown)
    hole = "MsgSeqNum 2 expected, 3 received"
    assert (unknown.cl_ord_id, unknown.reason) == (order, hole)


# --- a venue that stops reading ---------------------------------------------------------------


def test_no_order_grows_old_before_a_venue_that_stops_reading(stage: Stage) -> None:
    valid_for_ms = 300
    acceptor = stage.acceptor(receive_bytes=4096)
    engine = stage.engine(acceptor.place)
    client = stage.client(engine, wants_sent=True, valid_for_ms=valid_for_ms)
    peer = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)

    submitted_ns: dict[str, int] = {}
    sent: dict[str, str] = {}
    refused: list[Refused] = []
    until_ns = 0
    while not refused or time.time_ns() < until_ns:
        now_ns = time.time_ns()
        submitted_ns[cl_ord_id := client.submit(limit())] = now_ns
        answer = hear(client, Sent, Refused, cl_ord_id=cl_ord_id)
        if isinstance(answer, Sent):
            sent[answer.wire_cl_ord_id] = cl_ord_id
        else:
            # The first one refused starts the clock: nothing may wait until it is too old.
            until_ns = until_ns or now_ns + 2 * valid_for_ms * 1_000_000
            refused.append(answer)
    assert {answer.reason for answer in refused} == {RefusedReason.BACKLOG}
    assert len(sent) > 10
    # A cancel still finds room behind them.
    cancel = client.cancel(next(iter(sent.values())))
    assert hear(client, Sent, Refused, cl_ord_id=cancel).wire_cl_ord_id

    received = [peer.expect("D") for _ in sent]
    assert [order[11] for order in received] == list(sent)
    for order in received:
        stamp = datetime.datetime.strptime(order[52] + "+0000", "%Y%m%d-%H:%M:%S.%f%z")
        age_ns = int(stamp.timestamp() * 1e9) - submitted_ns[sent[order[11]]]
        assert age_ns <= valid_for_ms * 1_000_000 + 2_000
        assert order[25000] == "5000"
    peer.expect("F")
    after = client.submit(limit())
    assert hear(client, Sent, Refused, cl_ord_id=after).wire_cl_ord_id == peer.expect("D")[11]
    peer.socket.close()
    unknown = {hear(client, OrderUnknown).cl_ord_id for _ in range(len(sent) + 2)}
    assert unknown == {*sent.values(), cancel, after}


def fill_up(client: Client, request: Callable[[], str]) -> list[str]:
    """Make requests until one is refused because earlier ones do not leave; those that left."""
    left = []
    while isinstance(
        answer := hear(client, Sent, Refused, cl_ord_id=(cl_ord_id := request())), Sent
    ):
        left.append(cl_ord_id)
    assert answer.reason == RefusedReason.BACKLOG
    return left


def test_a_session_whose_bytes_do_not_move_for_a_heartbeat_is_given_up(stage: Stage) -> None:
    acceptor = stage.acceptor(receive_bytes=4096)
    engine = stage.engine(acceptor.place, venue={"time_scale": 100, "heartbeat_s": 50})
    client = stage.client(engine, wants_sent=True)
    peer = acceptor.logon()
    engine.expect(event="active")
    left = fill_up(client, lambda: client.submit(limit()))
    told: list[Any] = []
    while not any(isinstance(event, SessionStatus) for event in told):
        # It speaks, so its silence is not what ends the session.
        with suppress(ConnectionError):
            peer.send("0", {})
        told += client.reports(timeout=0.1)
    engine.expect(event="down", text="unsent bytes did not move for")
    assert [event.cl_ord_id for event in told if isinstance(event, OrderUnknown)] == left
    assert COMP_IDS[0] in engine.marks()


def test_sigterm_before_a_venue_that_stops_reading(stage: Stage) -> None:
    acceptor = stage.acceptor(receive_bytes=4096)
    limits, times = {"mode": "off"}, {"logout_timeout_ms": 200}
    engine = stage.engine(acceptor.place, limits=limits, venue=times)
    client = stage.client(engine, wants_sent=True)
    acceptor.logon()
    engine.expect(event="active")
    order = fill_up(client, lambda: client.submit(limit()))[0]
    # Cancels may queue up longer than orders; behind them the Logout never leaves.
    fill_up(client, lambda: client.cancel(order))
    assert engine.end() == 1
    assert list(engine.marks()) == [COMP_IDS[0]]


def test_a_venue_that_stops_reading_and_dies(stage: Stage) -> None:
    venue = stage.venue("--fault", "stop-reading")
    engine = stage.engine(venue.place)
    client = stage.client(engine, wants_sent=True)
    engine.expect(event="active")
    left = fill_up(client, lambda: client.submit(limit()))
    venue.end(signal.SIGKILL)
    assert [hear(client, OrderUnknown).cl_ord_id for _ in left] == left
    hear(client, SessionStatus, state=SessionState.DOWN)
    assert engine.end() == 1
    assert len(written_once(engine)) == len(left)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        # As asyncio says it where the reset comes before the connect is known to have succeeded.
        (ConnectionResetError(104, "Connect call failed ('::1', 9)"), "Connection reset by peer"),
        (ConnectionResetError(), "Connection reset by peer"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
    ],
)
def test_a_failed_connection_is_told_by_its_reason(problem: OSError, text: str) -> None:
    assert text in cause_text(problem)
    assert "Connect call" not in cause_text(problem)
