"""Round trips over real processes: strategy -> ZeroMQ -> ... -> TLS -> venue and back.

    python -m bench.round_trip [--orders N] [--burst N] [--rounds N] [--placement P] [--json]

The arms take turns, a thousand orders each: the bare C relay, this engine, this engine through
stunnel where that is installed, and the naive gateway (arms.py). The strategy and the answering
venue are the same compiled programs for all. Every order has an id, a price and a quantity of its
own, and every report is held against them. Three modes, each in as many rounds:

    ping_pong   one order at a time
    paced       one order a millisecond, whether the one before was answered or not
    burst       all at once

Told of each arm and mode: p50_us, the median of the rounds' (and the least and the most of them);
p99_us and p99_9_us, the best of the rounds; per_order_us, the duration for each order; cpu_us, the
processors' time for each order of all processes between strategy and venue, and of each process.
ratio_to_relay is p50 to the relay's p50 of the same round, in the median of the rounds (and the
least and the most), added_us the difference; ratio_to_naive how many times the naive arm's p50
is this one's. In a burst they are ratios of per_order_us. Beside them p99_ratio_to_relay,
cpu_ratio_to_relay, and burst_to_ping_pong: how many times the throughput of the one is the other's.

The placement, pinned: strategy and venue on the first processor that is allowed, what is between
them on the last one. awake: so, and no processor sleeps between two messages, as on a machine that
is tuned for it; on a virtual one that halves the relay's trip, and the figures repeat. free: where
the kernel puts them.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import platform
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from fixengine.demo.processes import DemoError
from fixengine.screens.table import table

from bench import count
from bench.arms import ARMS, PLACEMENTS, Arm, ArmError, Trips, Yard
from bench.figures import BURST, Run, Told, run_of, told
from bench.native import NativeError

ORDERS = 20_000
BURST_ORDERS = 10_000
ROUNDS = 5
SLICE = 1000
"""Orders of one turn: short, for a machine drifts."""
WARM_UP = 500
WITHOUT_END = 1 << 62
MILLISECOND_NS = 1_000_000
MODES = {"ping_pong": (1, 0), "paced": (WITHOUT_END, MILLISECOND_NS), BURST: (WITHOUT_END, 0)}
"""Orders without their report at a time, and nanoseconds from one to the next."""
TARGETS = {
    ("ping_pong", "ratio_to_relay"): 1.35,
    ("ping_pong", "p99_ratio_to_relay"): 1.6,
    ("ping_pong", "cpu_ratio_to_relay"): 1.6,
}
"""At most, of the engine."""
TARGETS_MIN = {("ping_pong", "ratio_to_naive"): 3.5, (BURST, "burst_to_ping_pong"): 3.0}
"""At least, of the engine."""


def measure(arms: Sequence[Arm], orders: int, burst: int, rounds: int) -> tuple[Told, str]:
    """All modes, in rounds of turns; and the digest of what was reported, the same in each arm.

    Raises ArmError where an arm fails, or reports what others do not.
    """
    digests: list[str] = []
    _turn(arms, min(WARM_UP, orders), "ping_pong", digests)
    runs: dict[str, dict[str, list[Run]]] = {}
    for mode in MODES:
        runs[mode] = {arm.name: [] for arm in arms}
        for _ in range(rounds):
            parts: dict[str, list[Trips]] = {arm.name: [] for arm in arms}
            left = burst if mode == BURST else orders
            while left:
                size = left if mode == BURST else min(left, SLICE)
                for name, trips in _turn(arms, size, mode, digests).items():
                    parts[name].append(trips)
                left -= size
            for name, own in parts.items():
                runs[mode][name].append(run_of(own))
    found = told(runs)
    for name, figures in found[BURST].items():
        alone_us = found["ping_pong"][name]["per_order_us"]
        figures["burst_to_ping_pong"] = round(alone_us / figures["per_order_us"], 2)
    total = sum(int(digest, 16) for digest in digests)
    return found, f"{total % (1 << 64):016x}"


def _turn(arms: Sequence[Arm], size: int, mode: str, digests: list[str]) -> dict[str, Trips]:
    """So many orders in each arm, one arm after the other."""
    window, interval_ns = MODES[mode]
    found = {arm.name: arm.run(size, window, interval_ns) for arm in arms}
    reported = {trips.digest for trips in found.values()}
    if len(reported) > 1:
        raise ArmError(f"the arms do not report the same: {reported}")
    digests += reported
    return found


def started(yard: Yard) -> tuple[list[Arm], dict[str, str]]:
    """All arms, and why one is not among them."""
    arms, missing = [], {}
    for name, start in ARMS.items():
        try:
            arms.append(start(yard))
        except FileNotFoundError as problem:
            missing[name] = str(problem)
    return arms, missing


def machine() -> dict[str, Any]:
    """What it was measured on."""
    about = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", about)
    return {
        "processor": model[1] if model else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def text(result: dict[str, Any]) -> str:
    """The result for people."""
    heads = (
        "p50 us",
        "p99",
        "p99.9",
        "per order",
        "cpu",
        "/ relay",
        "of rounds",
        "+ us",
        "naive /",
    )
    names = ("p50_us", "p99_us", "p99_9_us", "per_order_us", "cpu_us", "ratio_to_relay")
    lines = []
    for mode, arms in result["modes"].items():
        rows = []
        for arm, figures in arms.items():
            between = f"{figures['ratio_to_relay_min']}-{figures['ratio_to_relay_max']}"
            last = (between, str(figures["added_us"]), str(figures["ratio_to_naive"]))
            rows.append((arm, *(str(figures[name]) for name in names), *last))
        lines += [*table((mode, *heads), rows), ""]
    lines += [f"{arm} is not measured: {why}" for arm, why in result["missing"].items()]
    for (mode, name), limit in {**TARGETS, **TARGETS_MIN}.items():
        figure = result["modes"][mode]["engine"][name]
        most = (mode, name) in TARGETS
        holds = figure <= limit if most else figure >= limit
        target = f"target {'<=' if most else '>='} {limit:g}, {'holds' if holds else 'missed'}"
        lines.append(f"engine, {mode}, {name}: {figure} ({target})")
    lines.append(f"{result['placement']}; {result['machine']}; {result['date']}")
    return "\n".join([*lines, f"digest of what was reported in every arm: {result['digest']}"])


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.round_trip",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--orders", type=count, default=ORDERS, help=f"a round ({ORDERS})")
    parser.add_argument("--burst", type=count, default=BURST_ORDERS, help=f"({BURST_ORDERS})")
    parser.add_argument("--rounds", type=count, default=ROUNDS, help=f"of each mode ({ROUNDS})")
    parser.add_argument("--placement", choices=PLACEMENTS, default="pinned", help="(pinned)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    about = {"placement": options.placement, "machine": machine()}
    about |= {"date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"}
    about |= {"orders": options.orders, "burst": options.burst, "rounds": options.rounds}
    try:
        with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
            arms, missing = started(Yard(Path(name), stack, options.placement))
            found, digest = measure(arms, options.orders, options.burst, options.rounds)
    except (ArmError, DemoError, NativeError) as problem:
        print(f"bench.round_trip: {problem}", file=sys.stderr)
        return 1
    result = {**about, "modes": found, "missing": missing, "digest": digest}
    print(orjson.dumps(result).decode() if options.json else text(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
