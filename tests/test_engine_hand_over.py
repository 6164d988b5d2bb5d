"""Maintenance and drop copy of the built-in venue, met by a running engine with several sessions.

The venue's record, the engine's journal and what the strategy was told are held against each other
report by report.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_trials import SCALE, Trial, assert_record_by_record, trial
from fixengine.client import Client
from fixengine.messages import (
    ExecutionReport,
    OrderCancelReject,
    OrderUnknown,
    Refused,
    SessionState,
    SessionStatus,
)
from processes import FAR, THROUGH, hear, limit, trade

pytestmark = pytest.mark.quick

ORDERS_AFTER = 20
Eyes = tuple[Trial, Client, str]


def actives(one: Trial, count: int) -> list[str]:
    """SenderCompIDs of the next sessions that become active."""
    return [one.engine.expect(event="active")["session"] for _ in range(count)]


def trade_until_down(client: Client, olds: set[str]) -> list[ExecutionReport]:
    """Trade, each order behind the report of the one before, until well after these have ended."""
    reports: list[ExecutionReport] = []
    waited_for, count, after = client.submit(limit()), 1, 0
    gone: set[str] = set()
    while after < ORDERS_AFTER:
        event = hear(client, ExecutionReport, OrderUnknown, Refused, SessionStatus)
        if isinstance(event, SessionStatus):
            if event.state == SessionState.DOWN:
                gone.add(event.source)
            continue
        assert isinstance(event, ExecutionReport), "no order is refused, none is unknown"
        reports.append(event)
        if event.cl_ord_id == waited_for:
            waited_for = client.submit(limit(THROUGH if count % 2 else FAR))
            count += 1
            after += gone >= olds
    return reports


@pytest.fixture
def started(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trial]:
    """An engine with so many sessions, and a drop copy, all active."""
    with trial(tmp_path, "--drop-copy-port", "0", venue={"sessions": request.param}) as one:
        actives(one, request.param)
        yield one


@pytest.mark.parametrize(
    ("started", "olds"),
    [(1, {"ID0"}), (2, {"ID1"}), (2, {"ID0", "ID1", "ID2"})],
    indirect=["started"],
)
def test_maintenance_under_load_loses_and_doubles_nothing(started: Trial, olds: set[str]) -> None:
    one = started
    client = one.stage.client(one.engine, "maker")
    for old in olds:
        # Longer than any machine needs: the old session ends because it was handed over.
        one.fault("news", seconds=1000, session=old)
    reports = trade_until_down(client, olds)
    one.engine.signal(signal.SIGTERM)
    reports += [event for event in client.reports(0.05) if isinstance(event, ExecutionReport)]
    assert one.engine.ended() == 0
    assert one.engine.marks() == {}
    assert_record_by_record(one)
    told = Counter(report.exec_id for report in reports)
    assert set(told.values()) == {1}
    assert set(told) == {line["exec_id"] for line in one.recorded()}
    assert all(text.startswith("session news") for text in one.engine.warnings())


# --- the drop copy as a second eye ------------------------------------------------------------


@pytest.fixture
def two(started: Trial) -> Eyes:
    """One session, ID0, and a drop copy; a strategy, and the drop copy's SenderCompID."""
    return started, started.stage.client(started.engine, "maker"), "ID1"


ONE_SESSION = pytest.mark.parametrize("started", [1], indirect=True)


@ONE_SESSION
def test_a_drop_copy_beyond_its_60_messages_waits_and_trading_goes_on(two: Eyes) -> None:
    one, client, copy = two
    first = trade(client)
    breach = "Too many messages; current limit is '60' messages per '60 SECOND'."
    one.fault("logout", session=copy, text=breach)
    assert breach in hear(client, SessionStatus, state=SessionState.DOWN, source=copy).text
    down = one.engine.expect(event="down", session=copy, level="error")
    reports, back = [first], None
    while back is None:
        submitted = client.submit(limit(THROUGH))
        while not reports or reports[-1].cl_ord_id != submitted or reports[-1].exec_type != "F":
            event = hear(client, ExecutionReport, OrderUnknown, Refused, SessionStatus)
            if isinstance(event, SessionStatus):
                back = event if event.state == SessionState.ACTIVE else back
            else:
                reports.append(event)
    assert {event.source for event in reports} <= {"ID0", back.source}
    again = one.engine.expect(event="active", session=back.source)
    assert (again["time_ns"] - down["time_ns"]) * SCALE >= 59_000_000_000
    assert all(isinstance(event, ExecutionReport) for event in reports)


@ONE_SESSION
def test_fills_come_over_the_drop_copy_while_no_session_is_up(two: Eyes) -> None:
    one, client, copy = two
    resting = trade(client)
    one.fault("cut", session="ID0")
    one.fault("delay", session=copy, ms=200)
    struck = client.submit(limit(THROUGH))
    one.fault("hang-tls")
    told = []
    while len(told) < 3:
        told.append(hear(client, ExecutionReport, OrderUnknown))
    # The order that was acknowledged was watched all along; the other is known again by its copies.
    assert [(type(event), event.cl_ord_id) for event in told] == [
        (OrderUnknown, struck),
        (ExecutionReport, struck),
        (ExecutionReport, struck),
    ]
    assert [event.exec_type for event in told[1:]] == ["0", "F"]
    assert one.say(b'{"clear": "delay"}')["ok"]
    one.fault("burst", session=copy, count=1)
    fill = hear(client, ExecutionReport, OrderUnknown)
    assert (fill.cl_ord_id, fill.exec_type, fill.source) == (resting.cl_ord_id, "F", copy)
    assert hear(client, Refused, cl_ord_id=client.submit(limit())).reason == "not_connected"
    one.clear()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    assert trade(client).source not in ("ID0", copy)
    cancel = client.cancel(resting.cl_ord_id)
    ended = hear(client, ExecutionReport, OrderUnknown, OrderCancelReject)
    assert (ended.cl_ord_id, ended.exec_type, ended.cum_qty) == (cancel, "4", fill.last_qty)
