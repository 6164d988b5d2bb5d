"""What the round trip tells of its runs: percentiles, and ratios of one run to the same run."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from fixengine.demo.run import percentile

from bench.arms import Trips

BURST = "burst"
Told = dict[str, dict[str, dict[str, Any]]]
"""By mode and arm."""


class Run(NamedTuple):
    """One run of one arm, in microseconds; per_order_us: its duration for each order."""

    p50_us: float
    p99_us: float
    p99_9_us: float
    per_order_us: float
    cpu_us: float
    cpu_us_by_process: dict[str, float]


def run_of(parts: Sequence[Trips]) -> Run:
    """The run that was measured in these parts, of one order or more."""
    trips = sorted(ns for part in parts for ns in part.trips_ns)
    cpu: dict[str, float] = {}
    for part in parts:
        for name, ns in part.cpu_ns.items():
            cpu[name] = cpu.get(name, 0.0) + ns / 1000 / len(trips)
    p50, p99, p99_9 = (percentile(trips, share) or 0.0 for share in (50.0, 99.0, 99.9))
    per_order_us = sum(part.took_ns for part in parts) / 1000 / len(trips)
    return Run(p50, p99, p99_9, per_order_us, sum(cpu.values()), cpu)


def middle(values: Sequence[float], digits: int = 1) -> float:
    """The median, rounded."""
    return round(statistics.median(values), digits)


def told(runs: Mapping[str, Mapping[str, Sequence[Run]]]) -> Told:
    """See round_trip.py for what is told. runs: by mode and arm, in turns."""
    return {mode: {arm: _arm(mode, arm, by_arm) for arm in by_arm} for mode, by_arm in runs.items()}


def trip_us(mode: str) -> Callable[[Run], float]:
    """What a ratio is about: the median trip, and of a burst the time for each of its orders."""
    return (lambda run: run.per_order_us) if mode == BURST else (lambda run: run.p50_us)


def _arm(mode: str, arm: str, by_arm: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    own, cost = by_arm[arm], trip_us(mode)
    medians = [run.p50_us for run in own]
    found: dict[str, Any] = {
        "p50_us": middle(medians),
        "p50_us_min": min(medians),
        "p50_us_max": max(medians),
        "p99_us": min(run.p99_us for run in own),
        "p99_9_us": min(run.p99_9_us for run in own),
        "per_order_us": middle([run.per_order_us for run in own]),
        "cpu_us": middle([run.cpu_us for run in own]),
        "cpu_us_by_process": {
            name: middle([run.cpu_us_by_process.get(name, 0.0) for run in own])
            for name in own[0].cpu_us_by_process
        },
    }
    if "relay" in by_arm:
        floor = by_arm["relay"]
        pairs = list(zip(own, floor, strict=True))
        ratios = [cost(run) / cost(base) for run, base in pairs]
        found["ratio_to_relay"] = middle(ratios, 2)
        found["ratio_to_relay_min"] = round(min(ratios), 2)
        found["ratio_to_relay_max"] = round(max(ratios), 2)
        lowest = min(run.p99_us for run in floor)
        found["p99_ratio_to_relay"] = round(found["p99_us"] / lowest, 2)
        found["cpu_ratio_to_relay"] = middle([run.cpu_us / base.cpu_us for run, base in pairs], 2)
        found["added_us"] = middle([cost(run) - cost(base) for run, base in pairs])
    if "naive" in by_arm:
        times = [cost(slow) / cost(run) for run, slow in zip(own, by_arm["naive"], strict=True)]
        found["ratio_to_naive"] = middle(times, 2)
    return found
