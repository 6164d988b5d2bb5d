"""Faults of the built-in venue met by a running engine: what the strategy, log and journal say.

One engine lives through all of them. Whatever it meets, no order is written twice and no report
told twice (`trial` asks the journal at the end), and an order whose report is lost is unknown.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fault_trials import HEARTBEAT_NS, SCALE, Trial, named, trial, until_another_session
from fixengine.client import Client, NoAnswer
from fixengine.messages import (
    ExecutionReport,
    OrderCancelReject,
    OrderUnknown,
    Refused,
    RefusedReason,
    Sent,
    SessionState,
    SessionStatus,
)
from fixengine.network.journal import Kind
from processes import THROUGH, hear, limit, trade

pytestmark = pytest.mark.quick

BURST = 100
STOOD_STILL_S = 0.8 * HEARTBEAT_NS / 1_000_000_000
LATE_NS_MAX = 500_000_000
"""A tenth of the shortest HeartBtInt that the venue takes."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """One engine and one venue for all tests."""
    folder = tmp_path_factory.mktemp("faults")
    with trial(folder, limits={"mode": "off"}) as started:
        yield started


@pytest.fixture
def one(shared: Trial) -> Iterator[Trial]:
    """The shared trial, without faults afterwards."""
    yield shared
    shared.clear()


class End(NamedTuple):
    """A fault that costs the session.

    text: how the engine's log says why, with this event. strikes: an order that trades at once
    meets the fault. told: the ExecTypes that its strategy hears of it on the old session. says:
    kinds of the engine's own last messages there. rests: whether the SenderCompID has to.
    """

    fault: str
    values: dict[str, Any]
    text: str
    strikes: bool = True
    told: str = ""
    says: tuple[str, ...] = ()
    rests: bool = True
    event: str = "down"


ENDS = {
    "reset": End("reset", {}, "connection lost", strikes=False),
    "fin": End("fin", {}, "connection closed", strikes=False),
    "logout": End("logout", {"text": "bye"}, "bye", strikes=False, says=("5",)),
    "garbage": End("garbage", {}, "framing lost", strikes=False, says=("5",)),
    "second Logon": End("second-logon", {}, "a second Logon", strikes=False, says=("5",)),
    "cut, reset": End("cut", {"end": "reset"}, "connection lost"),
    "cut, fin": End("cut", {"end": "fin"}, "connection closed"),
    "cut within the fill": End("cut", {"after": 1}, "connection lost", told="0"),
    "drop": End("drop", {}, "MsgSeqNum", told="F", says=("5",), rests=False, event="stale"),
    "drop the fill": End(
        "drop", {"after": 1}, "MsgSeqNum", told="0", says=("5",), rests=False, event="stale"
    ),
    "drop both": End("drop", {"times": 2}, "MsgSeqNum", says=("5",), rests=False, event="stale"),
    "corrupt": End("corrupt", {}, "MsgSeqNum", told="F", says=("5",), rests=False, event="stale"),
    "corrupt the fill": End(
        "corrupt", {"after": 1}, "CheckSum", told="0", says=("5",), rests=False, event="stale"
    ),
    "duplicate": End("duplicate", {}, "MsgSeqNum too low", told="0F", says=("5",)),
    "mute": End("mute-heartbeats", {}, "silent for", strikes=False, says=("1",)),
    "mute, with an order": End("mute-heartbeats", {}, "silent for", told="0F", says=("1",)),
    "black hole": End("black-hole", {}, "silent for", says=("1",)),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_session_is_given_up_and_the_next_goes_on(one: Trial, case: str) -> None:
    end = ENDS[case]
    client, resting = one.client()
    old = resting.source
    one.fault(end.fault, session=old, **end.values)
    struck = client.submit(limit(THROUGH)) if end.strikes else None
    told, new = until_another_session(client, old)

    unknown = [event.cl_ord_id for event in told if isinstance(event, OrderUnknown)]
    reports = [event for event in told if isinstance(event, ExecutionReport)]
    lost = {resting.cl_ord_id} | ({struck} if struck and "F" not in end.told else set())
    assert (sorted(unknown), len(unknown)) == (sorted(lost), len(lost))
    assert [(event.cl_ord_id, event.exec_type) for event in reports] == [
        (struck, exec_type) for exec_type in end.told
    ]
    assert {event.source for event in reports} <= {old}
    states = [event.state for event in told if isinstance(event, SessionStatus)]
    assert states[-3:] == [SessionState.DOWN, SessionState.CONNECTING, SessionState.ACTIVE]
    one.engine.expect(session=old, event=end.event, text=end.text)

    assert trade(client).source == new
    said = named(one.engine.journal(), old, Kind.FRAME_OUT)
    assert tuple(message[35] for message in said[-len(end.says) :] if end.says) == end.says
    assert (old in one.engine.marks()) == end.rests
    one.clear()
    if end.fault == "black-hole":
        # The venue reads at last: what lay in its socket trades, and the new session tells.
        late = hear(client, ExecutionReport, cl_ord_id=struck, exec_type="F")
        assert (late.source, late.ord_status) == (new, "2")


def test_a_session_whose_venue_stops_reading_ends_alone(one: Trial) -> None:
    client, resting = one.client(wants_sent=True)
    old = resting.source
    one.fault("stop-reading", session=old)
    told: list[Any] = []
    states: list[str] = []
    while SessionState.ACTIVE not in states:
        for _ in range(0 if states else 50):
            client.submit(limit())
        told += client.reports(timeout=0.02)
        states = [event.state for event in told if isinstance(event, SessionStatus)]
    # The venue hears nothing either, and which of the two ends it first is a matter of luck.
    ended = one.engine.expect(session=old, event="down")["text"]
    assert ended.startswith(("down: unsent bytes did not move", "down: Heartbeat missing.")), ended
    refused = [event for event in told if isinstance(event, Refused)]
    assert refused[0].reason == RefusedReason.BACKLOG
    sent = [event for event in told if isinstance(event, Sent) and event.source == old]
    left = {event.cl_ord_id for event in sent} | {resting.cl_ord_id}
    unknown = [event.cl_ord_id for event in told if isinstance(event, OrderUnknown)]
    assert (set(unknown), len(unknown)) == (left, len(left))
    assert old in one.engine.marks()
    assert trade(client).source != old


def lost_by_reset(one: Trial, client: Client, name: str) -> list[str]:
    """End a session; the ids whose outcome is unknown because of that."""
    one.fault("reset", session=name)
    told, _ = until_another_session(client, name)
    return [event.cl_ord_id for event in told if isinstance(event, OrderUnknown)]


# --- the session goes on ----------------------------------------------------------------------


def test_what_came_while_the_engine_stood_still_is_heard_before_the_silence(
    tmp_path: Path,
) -> None:
    # No answer within RecvWindow and what is a hundredth of ten seconds here counts as silence.
    with trial(tmp_path, venue={"recv_window_ms": 200}) as one:
        client, resting = one.client(wants_sent=True)
        one.fault("delay", session=resting.source, ms=100)
        submitted = client.submit(limit(THROUGH))
        hear(client, Sent, cl_ord_id=submitted)
        # Whoever is answered by the next wake-up knows that the one before has written.
        hear(client, Refused, cl_ord_id=client.cancel("nobody"))
        one.engine.signal(signal.SIGSTOP)
        # The answer is there after the delay, and that time over before the venue misses us.
        stopped = time.monotonic()
        while time.monotonic() - stopped < STOOD_STILL_S:
            time.sleep(0.01)
        one.engine.signal(signal.SIGCONT)
        told = [hear(client, ExecutionReport, OrderUnknown) for _ in range(2)]
        assert [getattr(event, "exec_type", "unknown") for event in told] == ["0", "F"]


@pytest.mark.parametrize(
    ("fault", "values"),
    [
        ("padded-length", {"digits": 9}),
        ("header-order", {}),
        ("split", {"bytes": 1}),
        ("split", {"bytes": 150}),
        ("coalesce", {"count": 1000, "ms": 50}),
        ("delay", {"ms": 200}),
    ],
)
def test_what_the_venue_may_do_changes_nothing(
    one: Trial, fault: str, values: dict[str, Any]
) -> None:
    client, resting = one.client()
    one.fault(fault, session=resting.source, **values)
    submitted = [client.submit(limit(THROUGH)) for _ in range(10)]
    told = [hear(client, ExecutionReport, SessionStatus) for _ in range(20)]
    assert [event.cl_ord_id for event in told] == [one for one in submitted for _ in range(2)]
    assert [event.exec_type for event in told] == ["0", "F"] * 10
    assert {event.source for event in told} == {resting.source}
    cancel = client.cancel(resting.cl_ord_id)
    assert hear(client, ExecutionReport, cl_ord_id=cancel).exec_type == "4"


def test_a_swallowed_order_stays_open_and_is_never_sent_again(one: Trial) -> None:
    client, resting = one.client(answer_timeout_ms=200, wants_sent=True)
    one.fault("swallow", session=resting.source)
    struck = client.submit(limit())
    assert not hear(client, Sent, cl_ord_id=struck).replayed
    with pytest.raises(NoAnswer, match=struck):
        hear(client, ExecutionReport)
    client.submit(limit(cl_ord_id=struck))
    assert hear(client, Sent, cl_ord_id=struck).replayed
    assert trade(client).source == resting.source
    cancel = client.cancel(struck)
    rejected = hear(client, OrderCancelReject, cl_ord_id=cancel)
    # The venue knows no such order, which is no word on one that may still be on its way.
    assert (rejected.orig_cl_ord_id, rejected.venue_code) == (struck, "-2011")
    client.submit(limit(cl_ord_id=struck))
    assert hear(client, Sent, OrderUnknown, ExecutionReport, cl_ord_id=struck).replayed
    assert struck in lost_by_reset(one, client, resting.source)


def test_a_swallowed_cancel_leaves_its_order_alive(one: Trial) -> None:
    client, resting = one.client(answer_timeout_ms=200)
    one.fault("swallow", kind="F", session=resting.source)
    cancel = client.cancel(resting.cl_ord_id)
    with pytest.raises(NoAnswer, match=cancel):
        hear(client, ExecutionReport)
    again = client.cancel(resting.cl_ord_id)
    ended = hear(client, ExecutionReport, OrderCancelReject)
    assert (ended.cl_ord_id, ended.exec_type) == (again, "4")


@pytest.mark.parametrize("ref", ["own", "absent", "unknown"])
def test_a_reject_is_for_the_order_it_names(one: Trial, ref: str) -> None:
    client, resting = one.client()
    one.fault("reject", session=resting.source, ref=ref, code=-1008, reason=5, text="not now")
    struck = client.submit(limit())
    if ref == "own":
        refused = hear(client, ExecutionReport, OrderUnknown)
        assert (refused.cl_ord_id, refused.exec_type) == (struck, "8")
        assert (refused.venue_code, refused.text) == ("-1008", "not now")
    assert trade(client).source == resting.source
    assert client.unanswered == (() if ref == "own" else (struck,))
    if ref != "own":
        seq = None if ref == "absent" else 1_000_000_000
        one.engine.expect(level="error", text=f"rejected message {seq}: -1008 not now")
        assert struck in lost_by_reset(one, client, resting.source)


@pytest.mark.parametrize(("form", "code"), [("reject", -1007), ("report", -1006)])
def test_an_outcome_that_the_venue_does_not_know_is_no_refusal(
    one: Trial, form: str, code: int
) -> None:
    client, resting = one.client()
    one.fault("unknown-outcome", session=resting.source, form=form, code=code)
    orders = [client.submit(limit(THROUGH)) for _ in range(4)]
    told = [hear(client, ExecutionReport, OrderUnknown) for _ in range(8)]
    unknown = [event for event in told if isinstance(event, OrderUnknown)]
    assert [event.cl_ord_id for event in unknown] == orders
    assert {event.venue_code for event in unknown} == {str(code)}
    # The first and the third were carried out, and their reports come all the same.
    reports = [event for event in told if isinstance(event, ExecutionReport)]
    assert [(event.cl_ord_id, event.exec_type) for event in reports] == [
        (order, exec_type) for order in orders[::2] for exec_type in "0F"
    ]
    client.submit(limit(cl_ord_id=orders[1]))
    assert hear(client, OrderUnknown, ExecutionReport, Sent).cl_ord_id == orders[1]


def test_a_venue_that_only_reports_is_alive(one: Trial) -> None:
    client, resting = one.client()
    one.fault("mute-heartbeats", session=resting.source)
    last = resting
    # A session that hears nothing is given up after 2.2 times HeartBtInt.
    while last.received_ns - resting.received_ns < 2.5 * HEARTBEAT_NS:
        assert list(client.reports(timeout=HEARTBEAT_NS / 2e9)) == []
        last = trade(client)
        assert last.source == resting.source


def test_a_split_burst_comes_whole_and_heartbeats_are_on_time(one: Trial) -> None:
    client, resting = one.client()
    big = client.submit(limit(order_qty="1"))
    hear(client, ExecutionReport, cl_ord_id=big, exec_type="0")
    one.fault("split", session=resting.source, bytes=2)
    told: list[ExecutionReport] = []
    while not told or told[-1].received_ns - told[0].received_ns < 1.2 * HEARTBEAT_NS:
        one.fault("burst", session=resting.source, count=BURST)
        told += [hear(client, ExecutionReport, SessionStatus) for _ in range(BURST)]
    numbers = [event.msg_seq_num or 0 for event in told]
    # Heartbeats of the venue may stand between bursts, never within one.
    for first in range(0, len(told), BURST):
        start = numbers[first]
        assert numbers[first : first + BURST] == list(range(start, start + BURST))
    assert len({event.trade_id for event in told}) == len(told)
    one.clear()
    assert trade(client).source == resting.source
    records = one.records(resting.source)
    at_ns = [record.now_ns for record in records if record.kind == Kind.FRAME_OUT]
    assert any(told[0].received_ns < at < told[-1].received_ns for at in at_ns)
    late_ns = max(after - before for before, after in itertools.pairwise(at_ns)) - HEARTBEAT_NS
    assert late_ns <= LATE_NS_MAX


def test_a_session_ended_for_its_rate_waits_for_the_venues_window(one: Trial) -> None:
    client, resting = one.client()
    old = resting.source
    breach = "Too many messages; current limit is '10000' messages per '10 SECOND'."
    # As breach-rejects has it: a Reject of nothing in particular, then the Logout.
    one.fault("reject", session=old, ref="absent", code=-1181, text=breach)
    struck = client.submit(limit())
    one.engine.expect(level="error", text=f"rejected message None: -1181 {breach}")
    one.fault("logout", session=old, text=breach)
    told, _ = until_another_session(client, old)
    unknown = {event.cl_ord_id for event in told if isinstance(event, OrderUnknown)}
    assert unknown == {resting.cl_ord_id, struck}
    down = one.engine.expect(event="down", session=old, level="error")["text"]
    assert breach in down
    assert int(down.split("next attempt in ")[1].split(" ms")[0]) >= 10_000 // SCALE
