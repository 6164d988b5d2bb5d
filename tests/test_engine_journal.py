"""An engine whose journal process is killed, stopped, or left behind."""

from __future__ import annotations

import os
import signal

from fixengine.messages import (
    ExecutionReport,
    Refused,
    RefusedReason,
)
from fixengine.network.journal.verify import Verifier
from processes import Engine, Stage, hear, limit, stage, trade

__all__ = ["stage"]

REFUSED = 1000


def sound(engine: Engine) -> bool:
    verdict = Verifier(engine.state_dir).run(lambda done, total, records: None)
    assert verdict.problems == []
    return not verdict.torn and verdict.unchecked == 0


def test_a_killed_journal_process_is_told_at_once_and_replaced(stage: Stage) -> None:
    engine = stage.engine(stage.venue().place)
    client = stage.client(engine)
    engine.expect(event="active")
    resting = trade(client)
    first = engine.journal_process()
    os.kill(first, signal.SIGKILL)
    line = engine.expect(event="journal")
    assert (line["level"], "the journal process has ended" in line["text"]) == ("error", True)
    # Cancels and reports go on; whether a new order is refused is a matter of time.
    cancel = client.cancel(resting.cl_ord_id)
    assert hear(client, ExecutionReport, cl_ord_id=cancel).ord_status == "4"
    engine.expect(event="journal", text="the journal is written again")
    trade(client)
    assert engine.journal_process() != first
    assert engine.end() == 0
    assert sound(engine)


def test_a_stopped_journal_process_is_told_and_a_full_ring_refuses(stage: Stage) -> None:
    engine = stage.engine(stage.venue().place, journal={"ring_bytes": 4 << 20})
    client = stage.client(engine)
    engine.expect(event="active")
    resting = trade(client)
    process = engine.journal_process()
    os.kill(process, signal.SIGSTOP)
    engine.expect(event="journal", text=f"the journal process ({process}) is silent")
    trade(client)
    answer: type = ExecutionReport
    while answer is not Refused:
        event = hear(client, ExecutionReport, Refused, cl_ord_id=client.submit(limit()))
        answer = type(event)
    assert event.reason == RefusedReason.JOURNAL_FULL
    assert "ring is nearly full" in event.text
    # Each of these is recorded, and leaves the cancel and its report their room nevertheless.
    for _ in range(REFUSED):
        assert isinstance(hear(client, Refused, cl_ord_id=client.submit(limit())), Refused)
    cancel = client.cancel(resting.cl_ord_id)
    assert hear(client, ExecutionReport, cl_ord_id=cancel).ord_status == "4"
    os.kill(process, signal.SIGCONT)
    engine.expect(event="journal", text="no longer silent")
    trade(client)
    assert engine.end() == 0
    assert sound(engine)


def test_a_start_with_more_orders_than_the_ring_holds_misses_no_record(stage: Stage) -> None:
    venue = stage.venue("--limits", "off")
    # That of the first run holds all that comes, however slow the disk is beside other work.
    sizes = {"ring_bytes": 32 << 20}, {"ring_bytes": 1 << 20}
    engine = stage.engine(venue.place, limits={"mode": "off"}, journal=sizes[0])
    client = stage.client(engine)
    engine.expect(event="active")
    # Each is carried over with its last report, in more than 500 bytes.
    for _ in range(50):
        ids = [client.submit(limit()) for _ in range(50)]
        hear(client, ExecutionReport, cl_ord_id=ids[-1])
    assert engine.end() == 0
    engine = stage.engine(venue.place, limits={"mode": "off"}, journal=sizes[1])
    engine.expect(event="active")
    assert engine.end() == 0
    assert sound(engine)


def test_a_killed_engine_leaves_a_whole_journal_and_no_process(stage: Stage) -> None:
    engine = stage.engine(stage.venue().place)
    client = stage.client(engine)
    engine.expect(event="active")
    reports = [trade(client) for _ in range(5)]
    engine.kill()
    assert sound(engine)
    told = b"".join(record.data for record in engine.journal())
    assert all((one.order_id or "?").encode() in told for one in reports)
