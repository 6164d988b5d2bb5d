"""Where the time goes: histograms that are always on, laid out in one piece of memory.

Two walks are timed stretch by stretch, one message in EVERY: out, from the bus to TLS, and in,
from TLS to the bus. Each stretch is named after its end. Beside them stand how long a request was
under way to us, how long each wake-up held the loop, and, of the timed reports, how long ago the
strategy sent the order, where a report is the order's first, and what the venue's own time stamps
tell, by its clock as `clock` knows it: a SendingTime less the lead of our clock.
The lead is taken from the quickest messages, so what is left of a way is what it took beyond that,
and the way back of the quickest counts as the way there.

Nothing here decides anything, and nothing of it is journalled: a replay has other figures.

The memory can be mapped by whoever wants to look (see latency_file): a header of HEADER_BYTES with
JSON and zeros, then the histograms in the order of NAMES. Counters are aligned words, so a reader
needs no lock; it may see a message in one histogram and not yet in the next.

What is left of what the strategy waits for, the report's way over the bus, it measures itself: it
and the engine read CLOCK_MONOTONIC (`time.monotonic_ns()`), and `fixengine bench` does just that.
"""

from __future__ import annotations

import itertools
from typing import Any

import orjson

from fixengine import wire

EVERY = 17
"""One message in so many is timed; a prime, so that it keeps step with nothing that repeats."""
OUT = ("out.decoded", "out.checked", "out.encoded", "out.written", "out.whole")
DECODED_OUT, CHECKED, ENCODED, _WRITTEN, _ = range(len(OUT))
IN = ("in.framed", "in.decoded", "in.published", "in.whole")
FRAMED, DECODED_IN, PUBLISHED, _ = range(len(IN))
BUS, TRIP, LOOP = "bus.received", "trip.published", "loop.held"
VENUE = ("venue.transacted", "venue.sent", "venue.read")
NAMES = (BUS, *OUT, *IN, TRIP, *VENUE, LOOP)
MEANINGS = {
    BUS: "strategy's sent_ns -> engine has read it from the bus",
    "out.decoded": "received -> decoded",
    "out.checked": "-> id, age, limits; in the order table and the journal",
    "out.encoded": "-> FIX message of the session (with power: after the disk has the intent)",
    "out.written": "-> journalled, given to TLS",
    "out.whole": "received -> written",
    "in.framed": "read -> framed",
    "in.decoded": "-> journalled, session's rules, fields",
    "in.published": "-> order table, event, journal, bus",
    "in.whole": "read -> published",
    TRIP: "strategy's sent_ns -> published, the first report of an order; then the bus",
    "venue.transacted": "written -> TransactTime of the first report, with the quickest's way back",
    "venue.sent": "TransactTime -> SendingTime",
    "venue.read": "SendingTime -> read, beyond the quickest",
    LOOP: "length of a wake-up: all else waits as long (each one)",
}
HEADER_BYTES = 4096
BYTES = HEADER_BYTES + len(NAMES) * wire.HISTOGRAM_BYTES
VERSION = 1
SHARES = (("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99_9", 99.9))


class Latency:
    """The histograms of one run, in `memory` (BYTES, zeros; None: its own).

    outward, inward: the walks, stamped on the way. bus, trip, loop: see NAMES.
    """

    def __init__(self, memory: bytearray | memoryview | None = None) -> None:
        self._memory = memoryview(bytearray(BYTES) if memory is None else memory)
        made = dict(zip(NAMES, _histograms(self._memory), strict=True))
        self.bus, self.trip, self.loop = made[BUS], made[TRIP], made[LOOP]
        self.outward = wire.Walk([made[name] for name in OUT], EVERY)
        self.inward = wire.Walk([made[name] for name in IN], EVERY)
        self._venue = [made[name] for name in VENUE]

    def head(self, epoch: int, pid: int) -> None:
        """Say in the memory what it holds; only then is it read by others."""
        header = {"version": VERSION, "epoch": epoch, "pid": pid, "every": EVERY, "names": NAMES}
        data = orjson.dumps(header)
        self._memory[: len(data)] = data

    def venue(self, written_ns: int, transacted_ns: int | None, sent_ns: int, read_ns: int) -> None:
        """A report of the venue, in ns of one clock. transacted_ns: None where it tells of none, or
        is not the first of its request.

        None is read before it was sent: one that seems to be tells that the venue's clock is less
        far off, as the first messages after a slow Logon do, and counts as the quickest.
        """
        transacted, sent, read = self._venue
        early_ns = max(0, sent_ns - read_ns)
        read.record(read_ns - sent_ns)
        if transacted_ns is not None:
            transacted.record(transacted_ns - early_ns - written_ns)
            sent.record(sent_ns - transacted_ns)


class NoLatency(Exception):
    """The memory holds no figures that can be read; the text says why, for people."""


def read(memory: bytes) -> dict[str, Any]:
    """The figures in a copy of an engine's memory, as `fixengine latency --json` prints them.

    Durations in us; a percentile is not below the exact one, and at most 1/32 above it. NoLatency
    for other memory.
    """
    try:
        header = orjson.loads(memory[:HEADER_BYTES].rstrip(b"\0"))
    except orjson.JSONDecodeError:
        raise NoLatency("holds no figures (yet)") from None
    told = (header.get("version"), header.get("names")) if isinstance(header, dict) else None
    if told != (VERSION, list(NAMES)):
        raise NoLatency("was written by another version of fixengine; use that one's command")
    histograms = _histograms(memoryview(bytearray(memory)))
    return {
        "epoch": header["epoch"],
        "pid": header["pid"],
        "every": header["every"],
        "stretches": {
            name: {"meaning": MEANINGS[name], **_figures(one)}
            for name, one in zip(NAMES, histograms, strict=True)
        },
    }


def _histograms(memory: memoryview) -> list[wire.Histogram]:
    size = wire.HISTOGRAM_BYTES
    ends = itertools.pairwise(range(HEADER_BYTES, BYTES + 1, size))
    return [wire.Histogram(memory[start:end]) for start, end in ends]


def _figures(one: wire.Histogram) -> dict[str, Any]:
    count = one.count
    figures: dict[str, Any] = {"count": count}
    if count:
        figures["mean_us"] = _us(one.sum_ns / count)
        figures |= {name: _us(one.percentile_ns(share) or 0) for name, share in _named()}
        figures["max_us"] = _us(one.max_ns)
        figures["buckets_us"] = [[_us(upper), number] for upper, number in one.buckets()]
    return figures


def _named() -> list[tuple[str, float]]:
    return [(f"{name}_us", share) for name, share in SHARES]


def _us(ns: float) -> float:
    return round(ns / 1000, 3)
