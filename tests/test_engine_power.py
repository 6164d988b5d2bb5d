"""An engine whose orders wait for the disk: what a power failure would find is never too little."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter

from fixengine.messages import (
    ExecutionReport,
    OrderUnknown,
    Refused,
    RefusedReason,
)
from fixengine.network.journal import Kind, Record, scan
from fixengine.network.journal.record import split_named
from fixengine.network.journal.writer import files
from processes import Engine, Stage, Venue, frames, hear, limit, stage, trade

__all__ = ["stage"]

ORDERS = 100


def powered(stage: Stage, venue: Venue) -> Engine:
    return stage.engine(
        venue.place,
        journal={"durability": "power"},
        venue={"time_scale": 20, "heartbeat_s": 40, "recv_window_ms": 1000},
        sources={"port": venue.web_port},
    )


def reported(venue: Venue) -> int:
    """How many reports the venue has written, one at least for each order that came to it."""
    return len(venue.record.read_bytes().splitlines())


def intents(engine: Engine) -> set[str | None]:
    """Ids on the wire of the intents that the files hold, the ring not looked at."""
    found = set()
    for file in files(engine.state_dir / "journal"):
        for entry in scan(file.path):
            if isinstance(entry, Record) and entry.kind == Kind.INTENT:
                found.add(split_named(entry.data)[0])
    return found


def test_the_intent_is_in_the_file_before_the_venue_has_the_order(stage: Stage) -> None:
    engine = powered(stage, stage.venue("--time-scale", "20"))
    client = stage.client(engine)
    engine.expect(event="active")
    for _ in range(ORDERS):
        assert trade(client).wire_cl_ord_id in intents(engine)
    assert engine.end() == 0
    written = Counter(
        frame[11] for frame in frames(engine.journal(), Kind.FRAME_OUT) if 11 in frame
    )
    assert set(written.values()) == {1}
    assert len(written) == ORDERS
    # The marks are on the record, so what waited for them leaves at the same place again.
    command = [sys.executable, "-m", "fixengine", "journal", "replay", str(engine.state_dir)]
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr


def test_no_order_passes_a_journal_process_that_stands_still(stage: Stage) -> None:
    venue = stage.venue("--time-scale", "20")
    engine = powered(stage, venue)
    client = stage.client(engine)
    engine.expect(event="active")
    first, second = trade(client), trade(client)
    process = engine.journal_process()
    os.kill(process, signal.SIGSTOP)
    before = reported(venue)
    late = client.submit(limit(valid_for_ms=200))
    patient = client.submit(limit(valid_for_ms=9000))
    # On the same session and behind them: had they left, they would be there.
    assert hear(client, ExecutionReport, cl_ord_id=client.cancel(first.cl_ord_id))
    assert reported(venue) == before + 1
    refused = hear(client, Refused, cl_ord_id=late)
    assert refused.reason == RefusedReason.TOO_OLD
    engine.expect(event="journal", text="orders are held until it is heard")
    assert hear(client, ExecutionReport, cl_ord_id=client.cancel(second.cl_ord_id))
    assert reported(venue) == before + 2
    os.kill(process, signal.SIGCONT)
    assert hear(client, ExecutionReport, cl_ord_id=patient).exec_type == "0"
    assert reported(venue) == before + 3
    assert engine.end() == 0


def test_a_killed_journal_process_refuses_what_waits_for_it(stage: Stage) -> None:
    venue = stage.venue("--time-scale", "20")
    engine = powered(stage, venue)
    client = stage.client(engine)
    engine.expect(event="active")
    resting = trade(client)
    process = engine.journal_process()
    os.kill(process, signal.SIGSTOP)
    waits = client.submit(limit(valid_for_ms=9000))
    assert hear(client, ExecutionReport, cl_ord_id=client.cancel(resting.cl_ord_id))
    os.kill(process, signal.SIGKILL)
    refused = hear(client, Refused, cl_ord_id=waits)
    assert refused.reason == RefusedReason.JOURNAL_FULL
    engine.expect(event="journal", text="the journal is written again")
    before = reported(venue)
    assert trade(client).wire_cl_ord_id in intents(engine)
    assert reported(venue) == before + 1
    assert engine.end() == 0


def test_after_kill_9_an_order_that_waited_is_unknown_and_found_dead(stage: Stage) -> None:
    venue = stage.venue("--time-scale", "20")
    engine = powered(stage, venue)
    client = stage.client(engine)
    engine.expect(event="active")
    resting = trade(client)
    process = engine.journal_process()
    os.kill(process, signal.SIGSTOP)
    waits = client.submit(limit(valid_for_ms=9000))
    assert hear(client, ExecutionReport, cl_ord_id=client.cancel(resting.cl_ord_id))
    engine.end(signal.SIGKILL)
    os.kill(process, signal.SIGCONT)
    before = reported(venue)
    engine = powered(stage, venue)
    assert hear(client, OrderUnknown, cl_ord_id=waits)
    dead = hear(client, ExecutionReport, cl_ord_id=waits)
    assert (dead.ord_status, dead.source) == ("8", "rest")
    assert reported(venue) == before, "it never came there"
    trade(client)
    assert engine.end() == 0
