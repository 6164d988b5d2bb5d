"""What `durability = "power"` costs: the same orders with it and without, in turns.

    python -m bench.durability [--orders N] [--rounds N] [--folder DIRECTORY] [--json]

Two engines, each with a venue of its own, stand side by side; a round asks each of them for as many
orders one at a time (see fixengine.demo.round_trip), then for as many in bursts of 50, of which the
time until the last one's first report counts for each order. Beside them the floor of the disk: one
write of 400 bytes behind the last and its fdatasync. The folder decides which disk it is.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

import orjson
from fixengine.client import Client
from fixengine.demo.processes import Stand
from fixengine.demo.round_trip import WARM_UP, order, summary, trip_ns
from fixengine.messages import ExecutionReport

from bench import count

LIMITS = "off"
ROUNDS_MIN = 5

DURABILITIES = "process", "power"
BURST = 50
RECORD_BYTES = 400


def burst_ns(client: Client, orders: int) -> int:
    """Nanoseconds for each of so many orders that are submitted at once."""
    started = time.perf_counter_ns()
    waited = {client.submit(order()) for _ in range(orders)}
    open_ = set(waited)
    took = 0
    for event in client.reports(timeout=10.0):
        if not isinstance(event, ExecutionReport) or event.cl_ord_id not in open_:
            raise RuntimeError(f"unexpected {event}")
        waited.discard(event.cl_ord_id)
        if not waited and not took:
            took = (time.perf_counter_ns() - started) // orders
        if event.ord_status in ("2", "C"):
            open_.discard(event.cl_ord_id)
        if not open_:
            return took
    raise RuntimeError("no report in 10 s")


def sync_ns(file: int, position: int) -> int:
    """One record's bytes to the end of a file and to the disk."""
    started = time.perf_counter_ns()
    os.pwrite(file, bytes(RECORD_BYTES), position)
    os.fdatasync(file)
    return time.perf_counter_ns() - started


def measure(orders: int, rounds: int, parent: Path | None) -> dict[str, object]:
    """Run all arms in turns."""
    alone: dict[str, list[list[int]]] = {name: [] for name in DURABILITIES}
    burst: dict[str, list[list[int]]] = {name: [] for name in DURABILITIES}
    disk: list[list[int]] = []
    digest = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="fixengine-", dir=parent)
        folder = Path(stack.enter_context(made))
        clients = {}
        for name in DURABILITIES:
            (folder / name).mkdir(mode=0o700)
            stand = stack.enter_context(Stand(folder / name, LIMITS, durability=name))
            client = Client(stand.endpoint, "bench", valid_for_ms=5000)
            clients[name] = stack.enter_context(client)
            for _ in range(min(orders, WARM_UP)):
                trip_ns(client, digest)
        file = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT, 0o600)
        stack.callback(os.close, file)
        for number in range(rounds):
            for name, client in clients.items():
                alone[name].append(sorted(trip_ns(client, digest) for _ in range(orders)))
                bursts = -(-orders // BURST)
                burst[name].append(sorted(burst_ns(client, BURST) for _ in range(bursts)))
            first = number * orders * RECORD_BYTES
            places = range(first, first + orders * RECORD_BYTES, RECORD_BYTES)
            disk.append(sorted(sync_ns(file, at) for at in places))
    result: dict[str, object] = {"orders": orders * rounds, "burst": BURST}
    for name in DURABILITIES:
        result[name] = {"alone": summary(alone[name]), "in_burst": summary(burst[name])}
    return {**result, "disk_alone": summary(disk)}


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--orders", type=count, default=500, help="orders a round (500)")
    parser.add_argument("--rounds", type=count, default=ROUNDS_MIN, help="rounds (5)")
    parser.add_argument("--folder", type=Path, help="on the disk to measure (the temporary one)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = measure(options.orders, options.rounds, options.folder)
    if options.json:
        print(orjson.dumps(result).decode())
        return 0
    print(f"{result['orders']} orders alone and as many in bursts of {BURST}, each of them:")
    for name in DURABILITIES:
        for arm, figures in result[name].items():  # type: ignore[attr-defined]
            print(f"{name:8} {arm:9}", *(f"{key} {value}" for key, value in figures.items()))
    floor = result["disk_alone"].items()  # type: ignore[attr-defined]
    print(f"{'disk alone':18}", *(f"{key} {value}" for key, value in floor))
    return 0


if __name__ == "__main__":
    sys.exit(main())
