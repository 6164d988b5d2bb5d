"""A strategy that does not read, over real processes: it is cut off, and nobody else notices."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from fixengine.client import Client
from fixengine.messages import (
    Ack,
    ExecutionReport,
    Hello,
    Refused,
    RefusedReason,
    Welcome,
    encode,
)
from processes import THROUGH, Stage, hear, limit, stage
from test_engine_bad_strategies import Raw

__all__ = ["stage"]

BUFFER = 2000
PER_ROUND_TRIP = 3
"""So few that it is not muted."""
QUEUED_MAX = 12_000
"""Events that ZeroMQ and the kernel take of one that does not read."""


def round_trips(client: Client, count: int) -> list[float]:
    """Seconds from an order to the first report of it, each."""
    took = []
    for _ in range(count):
        begin = time.monotonic()
        hear(client, ExecutionReport, cl_ord_id=client.submit(limit(THROUGH)))
        took.append(time.monotonic() - begin)
    return took


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_one_that_does_not_read_is_cut_off_and_gets_it_all_later(stage: Stage) -> None:
    venue = stage.venue()
    engine = stage.engine(
        venue.place, bus={"report_buffer_max": BUFFER}, journal={"ring_bytes": 32 << 20}
    )
    engine.expect(event="active")
    other = stage.client(engine, "other")
    alone = round_trips(other, 200)
    with Raw(engine, "slow") as slow:
        sent = 0
        beside: list[float] = []
        while sent % 300 or not engine.has_said(event="lagging"):
            assert sent < 10 * QUEUED_MAX, "never cut off"
            for _ in range(PER_ROUND_TRIP):
                slow.send(slow.order(epoch=1, cl_ord_id=str(sent)))
                sent += 1
            beside += round_trips(other, 1)
        assert statistics.median(beside) < 3 * statistics.median(alone) + 0.002
        seqs = []
        while not isinstance(event := slow.expect(Refused, object), Refused) or event.report_seq:
            if seq := getattr(event, "report_seq", 0):
                seqs.append(seq)
        assert event.reason == RefusedReason.LAGGING
        slow.send(slow.order(epoch=1, cl_ord_id="late"))
        slow.send(encode(Hello("slow", resume_from=seqs[-1] + 1)))
        assert slow.expect(Welcome).next_seq == seqs[-1] + 1
        while not isinstance(event, Refused) or event.cl_ord_id != "late":
            event = slow.expect(object)
            seqs.append(event.report_seq)
        assert event.reason == RefusedReason.LAGGING
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "none is missing, none twice"
        slow.send(encode(Ack(seqs[-1])))
    assert len(seqs) > QUEUED_MAX // 2
    assert engine.end() == 0
