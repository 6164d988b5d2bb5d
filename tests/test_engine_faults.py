"""Real engines against the built-in venue that misbehaves: by flag, and while it runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest
from fixengine.messages import ExecutionReport, Refused, RefusedReason, SessionState, SessionStatus
from processes import COMP_IDS, Stage, Venue, hear, limit, stage, trade
from test_faults import Controlled

__all__ = ["stage"]

BURST = 10_000


def controlled(stage: Stage, path: Path, *options: str) -> Controlled:
    """The built-in venue with a control socket; a second of it lasts a fiftieth."""
    venue = stage.venue("--time-scale", "50", "--control", str(path), *options)
    return Controlled(venue, path)


def recorded(venue: Venue) -> list[str]:
    """ExecIDs of every report the venue wrote down, each once for each session it went to."""
    return [orjson.loads(line)["exec_id"] for line in venue.record.read_bytes().splitlines()]


def test_orders_go_on_through_maintenance_and_each_report_comes_once(
    stage: Stage, tmp_path: Path
) -> None:
    one = controlled(stage, tmp_path / "control")
    engine = stage.engine(one.venue.place)
    engine.expect(event="active")
    client = stage.client(engine)
    one.fault("news", session=COMP_IDS[0], seconds=60)
    reports: list[ExecutionReport] = []
    sources: set[str] = set()
    sent, acknowledged, old_is_down = 0, set(), False
    # The next order leaves when the one before is acknowledged, until the old session has ended.
    waited_for = client.submit(limit())
    while True:
        event = hear(client, ExecutionReport, SessionStatus)
        if isinstance(event, SessionStatus):
            gone = event.source == COMP_IDS[0] and event.state == SessionState.DOWN
            old_is_down = old_is_down or gone
            continue
        reports.append(event)
        acknowledged.add(event.cl_ord_id)
        sources.add(event.source)
        sent += event.cl_ord_id == waited_for
        if old_is_down and sent >= 50:
            break
        if event.cl_ord_id == waited_for:
            waited_for = client.submit(limit())
    assert sources >= set(COMP_IDS[:2])
    told = Counter(report.exec_id for report in reports)
    assert set(told.values()) == {1}
    assert engine.end() == 0
    assert set(recorded(one.venue)) == set(told)


@pytest.mark.parametrize("fault", ["padded-length", "header-order", "split"])
def test_what_the_venue_may_do_changes_nothing(stage: Stage, fault: str) -> None:
    venue = stage.venue("--fault", fault)
    engine = stage.engine(venue.place)
    engine.expect(event="active")
    client = stage.client(engine)
    submitted = [client.submit(limit()) for _ in range(30)]
    told = [hear(client, ExecutionReport) for _ in submitted]
    assert [report.cl_ord_id for report in told] == submitted
    assert {report.source for report in told} == {COMP_IDS[0]}


@pytest.mark.parametrize("fault", ["drop:after=1", "corrupt:after=1"])
def test_a_lost_report_is_a_hole_that_ends_the_session(stage: Stage, fault: str) -> None:
    venue = stage.venue("--fault", fault)
    engine = stage.engine(venue.place)
    engine.expect(event="active")
    client = stage.client(engine)
    trade(client)
    client.submit(limit())
    client.submit(limit())
    hear(client, SessionStatus, state=SessionState.STALE, source=COMP_IDS[0])
    hear(client, SessionStatus, state=SessionState.ACTIVE, source=COMP_IDS[1])
    trade(client)


def test_a_burst_of_reports_comes_whole_and_in_order(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "control"
    one = Controlled(stage.venue("--control", str(path)), path)
    engine = stage.engine(one.venue.place)
    engine.expect(event="active")
    client = stage.client(engine)
    big = client.submit(limit(order_qty="1"))
    hear(client, ExecutionReport, cl_ord_id=big)
    one.fault("burst", count=BURST, session=COMP_IDS[0])
    told = [hear(client, ExecutionReport, exec_type="F") for _ in range(BURST)]
    numbers = [report.msg_seq_num for report in told]
    assert numbers == list(range(numbers[0], numbers[0] + BURST))
    assert len({report.trade_id for report in told}) == BURST
    assert trade(client).source == COMP_IDS[0], "the session lived through it"


@pytest.mark.parametrize(
    ("ms", "words"), [(-2000, "ahead of the venue's"), (2000, "behind the venue's")]
)
def test_a_clock_that_is_wrong_is_told_and_stops_what_would_be_refused(
    stage: Stage, ms: int, words: str
) -> None:
    venue = stage.venue("--fault", f"wrong-clock:ms={ms}")
    engine = stage.engine(venue.place)
    assert words in engine.expect(event="clock")["text"]
    engine.expect(event="active")
    client = stage.client(engine)
    cl_ord_id = client.submit(limit())
    answer = hear(client, Refused, ExecutionReport)
    assert answer.cl_ord_id == cl_ord_id
    if ms < 0:
        assert (answer.reason, words in answer.text) == (RefusedReason.CLOCK_SKEW, True)
    else:
        assert answer.exec_type == "0"
