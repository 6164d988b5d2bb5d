"""The guard of the whole chain: how many times the bare relay's round trip the engine's may take.

    python -m bench.chain       # exit status 1 where it is more, 2 where that is not known

What is gated is the p50 of the ping-pong of round_trip.py, engine to relay, in the median of short
rounds in which the two take turns, on processors that do not sleep: where they do, it differs from
one minute to the next by more than what is gated. In 20 runs beside other work it was 1.15 to 1.25,
and twice not known, so that the limit trips on every one of them made 20 % slower and on none as it
was. p99 and processor time do not repeat as well: round_trip.py tells them. How much of a trip is
the system's differs by machine: where the relay alone takes much more or less than it took there,
or the rounds do not agree, the ratio is not known.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fixengine.demo.processes import DemoError

from bench import arms
from bench.figures import Run, run_of
from bench.guard import Unknown
from bench.native import NativeError

RATIO_MAX = 1.35
"""The target too."""
RELAY_US = (50.0, 200.0)
"""About half and twice what the relay's trip took where the limit was taken."""
SPREAD_MAX = 1.15
"""Of the ratios of a run's rounds."""
ROUNDS = 8
TURNS = 4
ORDERS = 250
"""Of one turn."""
ONE_AT_A_TIME = 1, 0


def ratio(relay: Sequence[Run], engine: Sequence[Run]) -> float:
    """The median of the rounds' ratios. Raises Unknown; see the module's top."""
    floor_us = statistics.median(run.p50_us for run in relay)
    least, most = RELAY_US
    if not least <= floor_us <= most:
        raise Unknown(
            f"the relay's trip takes {floor_us:.0f} us, and the limit was taken where it takes"
            f" {least:g} to {most:g}"
        )
    found = [run.p50_us / base.p50_us for run, base in zip(engine, relay, strict=True)]
    if max(found) > SPREAD_MAX * min(found):
        said = ", ".join(f"{one:.2f}" for one in found)
        raise Unknown(f"the rounds do not agree: {said}; measure on a quiet machine")
    return statistics.median(found)


def measured() -> float:
    """The ratio of a run of its own. Raises Unknown, and ArmError, DemoError and NativeError."""
    runs: dict[str, list[Run]] = {"relay": [], "engine": []}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        yard = arms.Yard(Path(folder), stack, "awake")
        both = arms.relay(yard), arms.engine(yard)
        for arm in both:
            arm.run(ORDERS, *ONE_AT_A_TIME)
        for _ in range(ROUNDS):
            turns = [
                {arm.name: arm.run(ORDERS, *ONE_AT_A_TIME) for arm in both} for _ in range(TURNS)
            ]
            for name, own in runs.items():
                own.append(run_of([turn[name] for turn in turns]))
    return ratio(runs["relay"], runs["engine"])


def main() -> int:
    """Entry."""
    try:
        found = measured()
    except Unknown as problem:
        print(f"NOT KNOWN: {problem}")
        return 2
    except (arms.ArmError, DemoError, NativeError) as problem:
        print(f"bench.chain: {problem}", file=sys.stderr)
        return 2
    verdict = "  EXCEEDED" if found > RATIO_MAX else ""
    print(f"engine to relay, p50 of the ping-pong: {found:.2f}, at most {RATIO_MAX:g}{verdict}")
    return 1 if verdict else 0


if __name__ == "__main__":
    sys.exit(main())
