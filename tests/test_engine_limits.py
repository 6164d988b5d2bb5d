"""A real engine that is asked for ten times too much keeps its session, and its cancels.

Once before the built-in venue with its limits on, once before a socket that tells smaller ones, so
that several of its windows pass in a test.
"""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fixengine.client import Client
from fixengine.messages import ExecutionReport, Refused, RefusedReason, Sent
from fixengine.network.journal import Kind
from processes import WAIT_S, Engine, Stage, frames, hear, limit, stage
from scripted_venue import Peer

__all__ = ["stage"]

pytestmark = pytest.mark.quick

PATIENT: dict[str, Any] = {
    "limits": {"mode": "venue"},
    "engine": {"unsent_bytes_max": 1 << 16},
    "journal": {"ring_bytes": 1 << 23},
}
"""Nothing but limits refuses anything, however slow the machine is."""
ANSWERS = Refused, ExecutionReport
TEN_TIMES = 2000
"""Orders; the venue's table allows 200 in ten seconds."""


def answers(told: list[object]) -> list[object]:
    """Without what a session's state is told by."""
    return [event for event in told if isinstance(event, ANSWERS)]


def drained(client: Client) -> list[object]:
    """What a strategy is told, as far as it has come."""
    return list(client.reports(timeout=0.0))


def answered_test_request(engine: Engine, client: Client) -> bool:
    """Wait for a TestRequest of the venue that was answered under its own id."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        records = engine.journal()
        asked = {frame[112] for frame in frames(records, Kind.FRAME_IN) if frame[35] == "1"}
        said = {frame.get(112) for frame in frames(records, Kind.FRAME_OUT) if frame[35] == "0"}
        if asked & said:
            return True
        next(client.reports(timeout=0.05), None)
    return False


def test_ten_times_the_venues_limit_costs_refusals_and_nothing_else(stage: Stage) -> None:
    venue = stage.venue("--limits", "venue", "--time-scale", "10")
    engine = stage.engine(venue.place, **PATIENT)
    flood, calm = stage.client(engine, "flood"), stage.client(engine, "calm")
    engine.expect(event="active")
    resting = [calm.submit(limit()) for _ in range(10)]
    for cl_ord_id in resting:
        hear(calm, ExecutionReport, cl_ord_id=cl_ord_id, exec_type="0")

    told: list[object] = []
    for number in range(TEN_TIMES):
        flood.submit(limit())
        if number % (TEN_TIMES // 10) == 0:
            cancel = calm.cancel(resting.pop())
            assert hear(calm, ExecutionReport, cl_ord_id=cancel).exec_type == "4"
            told += drained(flood)
    while len(answers(told)) < TEN_TIMES:
        told += [hear(flood, *ANSWERS), *drained(flood)]
    refused = [event for event in told if isinstance(event, Refused)]
    accepted = [event for event in told if isinstance(event, ExecutionReport)]
    assert {event.exec_type for event in accepted} == {"0"}, "the venue refused none"
    assert 0 < len(accepted) <= 390
    assert len(refused) + len(accepted) == TEN_TIMES
    assert {event.reason for event in refused} == {RefusedReason.LIMIT}
    assert all(0 < (event.retry_after_ms or 0) <= 12_000 for event in refused)
    assert "unfilled orders" in refused[0].text

    assert answered_test_request(engine, calm)
    assert engine.end() == 0
    assert engine.warnings() == []
    assert venue.expect(event="logged_out")["session"] == "ONE"


def tell_limits(peer: Peer, messages: int, orders: int) -> None:
    """Answer the LimitQuery: limits for one second."""
    query = peer.expect("XLQ")
    rows = [
        f"25004={kind}\x0125005=0\x0125006={count_max}\x0125007=1\x0125008=s"
        for kind, count_max in ((2, messages), (1, orders))
    ]
    first, rest = "\x01".join(rows).split("=", 1)
    peer.send("XLR", {6136: query[6136], 25003: len(rows), int(first): rest})


def test_the_limits_that_the_venue_tells_hold_over_several_windows(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, **PATIENT)
    client = stage.client(engine, wants_sent=True)
    peer = acceptor.logon()
    tell_limits(peer, messages=100, orders=20)
    engine.expect(text="messages: 100 per 1 SECOND, unfilled orders: 20 per 1 SECOND is new")
    # Who is told that the session is active may order: its limits are known.
    engine.expect(event="active")
    first = client.submit(limit())
    peer.expect("D")

    told: list[object] = []
    ids, sent = {first}, 0
    deadline = time.monotonic() + WAIT_S
    while sent < 25 and time.monotonic() < deadline:
        ids.add(client.submit(limit()))
        for _ in range(4):
            client.cancel(first)
        told += list(client.reports(timeout=0.005))
        sent = sum(isinstance(event, Sent) and event.cl_ord_id in ids for event in told)
    engine.signal(signal.SIGTERM)
    while peer.read()[35] != "5":
        pass
    peer.send("5", {})
    assert peer.read() == {}
    assert engine.ended() == 0
    assert {event.reason for event in told if isinstance(event, Refused)} == {RefusedReason.LIMIT}

    at_us = [round(when(message) * 1e6) for message in peer.received]
    for index, start in enumerate(at_us):
        assert sum(1 for at in at_us[index:] if at < start + 1_000_000) <= 100
    orders = Counter(int(when(message)) for message in peer.received if message[35] == "D")
    assert len(orders) > 1
    assert max(orders.values()) <= 20
    cancels = Counter(int(when(message)) for message in peer.received if message[35] == "F")
    assert min(cancels.values()) > 0


def when(message: dict[int, str]) -> float:
    """SendingTime, s since 1970."""
    return datetime.strptime(message[52], "%Y%m%d-%H:%M:%S.%f").replace(tzinfo=UTC).timestamp()


def stamp(ahead_s: float) -> str:
    """A SendingTime of a venue whose clock is so far ahead of ours."""
    at = datetime.now(UTC) + timedelta(seconds=ahead_s)
    return at.strftime("%Y%m%d-%H:%M:%S.%f")


def test_a_clock_that_the_venue_would_refuse_stops_orders_until_it_is_right(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place)
    client = stage.client(engine)
    peer = acceptor.accept()
    peer.answer_logon(t52=stamp(-0.5))
    told = engine.expect(level="warning", event="clock")
    assert re.search(r"clock is 5\d\d ms ahead of the venue's; check chrony or ntp", told["text"])
    order = client.submit(limit())
    seq = peer.expect("D")[34]
    reason = {25016: "-1021", 58: "Timestamp for this request was 1000ms ahead.", 373: 10}
    peer.send("3", {45: seq, 372: "D"} | reason, t52=stamp(-2))
    told = engine.expect(level="error", event="clock")
    assert re.search(r"refused our time: this .* clock is 20\d\d ms ahead", told["text"])
    assert hear(client, ExecutionReport, cl_ord_id=order).venue_code == "-1021"
    refused = hear(client, Refused, cl_ord_id=client.submit(limit()))
    assert refused.reason == RefusedReason.CLOCK_SKEW
    peer.send("0", {})
    engine.expect(event="clock", text="near enough again")
    client.submit(limit())
    peer.expect("D")
    engine.signal(signal.SIGTERM)
    peer.logout()
    assert engine.ended() == 0
