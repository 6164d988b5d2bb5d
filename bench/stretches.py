"""Where a round trip goes: the engine's own stretches beside the trips of engine and relay.

    python -m bench.stretches [--orders N]

For each mode of round_trip.py an engine of its own, whose trips take turns with the relay's; then
what it has timed itself (see `fixengine latency`), one message in 17. Medians, in microseconds; a
stretch's is at most 1/32 above the exact one. docs/round_trip.md says what is to be made of it.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from fixengine.demo.processes import DemoError
from fixengine.network.latency import BUS, IN, LOOP, OUT, read
from fixengine.network.latency_file import copy
from fixengine.screens.table import table

from bench import arms, count
from bench.figures import BURST, run_of, trip_us
from bench.native import NativeError
from bench.round_trip import BURST_ORDERS, MODES, SLICE

ORDERS = 5000


def measure(mode: str, orders: int) -> dict[str, float]:
    """Medians by what they are of, in us; of a burst the trips are the time for each order.

    Raises ArmError, DemoError and NativeError.
    """
    size = orders if mode == BURST else min(SLICE, orders)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        yard = arms.Yard(Path(folder), stack)
        both = arms.relay(yard), arms.engine(yard)
        turns = [[arm.run(size, *MODES[mode]) for arm in both] for _ in range(orders // size)]
        stretches = read(copy(Path(folder) / "engine" / "engine"))["stretches"]
    relay_us, engine_us = (trip_us(mode)(run_of(own)) for own in zip(*turns, strict=True))
    found = {"relay's trip": relay_us, "engine's trip": engine_us}
    return found | {name: stretches[name]["p50_us"] for name in (BUS, *OUT, *IN, LOOP)}


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--orders", type=count, default=ORDERS, help=f"of each mode ({ORDERS})")
    orders: int = parser.parse_args().orders
    try:
        found = {mode: measure(mode, BURST_ORDERS if mode == BURST else orders) for mode in MODES}
    except (arms.ArmError, DemoError, NativeError) as problem:
        print(f"bench.stretches: {problem}", file=sys.stderr)
        return 1
    first = next(iter(found.values()))
    rows = [(name, *(f"{found[mode][name]:.1f}" for mode in MODES)) for name in first]
    print("\n".join(table(("p50, us", *MODES), rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
