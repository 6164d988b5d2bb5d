"""Real engines against the built-in venue that misbehaves: by flag, and while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixengine.client import Client
from fixengine.messages import ExecutionReport, Refused, RefusedReason
from processes import COMP_IDS, Stage, hear, limit, stage, trade
from test_faults import Controlled

__all__ = ["stage"]

pytestmark = pytest.mark.quick

BURST = 10_000


def test_what_the_venue_may_do_from_the_logon_on_changes_nothing(stage: Stage) -> None:
    odd = "padded-length", "header-order", "split"
    venue = stage.venue(*(option for fault in odd for option in ("--fault", fault)))
    engine = stage.engine(venue.place)
    engine.expect(event="active")
    client = stage.client(engine)
    submitted = [client.submit(limit()) for _ in range(30)]
    told = [hear(client, ExecutionReport) for _ in submitted]
    assert [report.cl_ord_id for report in told] == submitted
    assert {report.source for report in told} == {COMP_IDS[0]}


@pytest.fixture
def trading(stage: Stage, tmp_path: Path) -> tuple[Controlled, Client]:
    """A venue that takes orders for faults, and a strategy whose engine is logged on there."""
    path = tmp_path / "control"
    one = Controlled(stage.venue("--control", str(path)), path)
    # Ten megabytes of records: a slow disk must not be what this is about.
    engine = stage.engine(one.venue.place, journal={"ring_bytes": 1 << 25})
    engine.expect(event="active")
    return one, stage.client(engine)


def test_a_burst_of_reports_comes_whole_and_in_order(trading: tuple[Controlled, Client]) -> None:
    one, client = trading
    big = client.submit(limit(order_qty="1"))
    hear(client, ExecutionReport, cl_ord_id=big)
    one.fault("burst", count=BURST, session=COMP_IDS[0])
    told = [hear(client, ExecutionReport, exec_type="F") for _ in range(BURST)]
    numbers = [report.msg_seq_num for report in told]
    assert numbers == list(range(numbers[0], numbers[0] + BURST))
    assert len({report.trade_id for report in told}) == BURST
    assert trade(client).source == COMP_IDS[0], "the session lived through it"


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (-2000, "ahead of the venue's"),
        (2000, "behind the venue's"),
    ],
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
