"""Round trips with real processes: strategy -> engine -> TLS venue -> engine -> strategy.

    python -m bench.round_trip [--orders N] [--rounds N] [--json]

Measured is the time from the call of submit to the first ExecutionReport of that order, one order
at a time. The floor is the bus alone: the same client socket against a process that sends each
order's bytes straight back. Both are measured in turns within one run, because a shared machine
drifts; what counts is the ratio. Medians over rounds; p99 is the best of the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
import zmq
from fixengine.client import Client
from fixengine.demo.processes import Stand
from fixengine.demo.run import percentile
from fixengine.messages import ExecType, ExecutionReport, NewOrderSingle, encode

from bench import count

ECHO = """
import sys, zmq
socket = zmq.Context().socket(zmq.ROUTER)
socket.bind(sys.argv[1])
print("ready", flush=True)
while True:
    socket.send_multipart(socket.recv_multipart())
"""
LIMITS = "off"
ROUNDS_MIN = 5


def order() -> NewOrderSingle:
    """A buy that is filled at once, so that nothing piles up at the venue."""
    return NewOrderSingle.limit("BTCUSDT", "1", "0.001", "50500.00", time_in_force="3")


def trip_ns(client: Client, request: NewOrderSingle, digest: hashlib._Hash) -> int:
    """One order to its first report; the order's other reports are waited for, not timed."""
    started = time.perf_counter_ns()
    cl_ord_id = client.submit(request)
    first_ns = 0
    for event in client.reports(timeout=5.0):
        if not isinstance(event, ExecutionReport) or event.cl_ord_id != cl_ord_id:
            raise RuntimeError(f"unexpected {event}")
        if not first_ns:
            first_ns = time.perf_counter_ns() - started
            if event.exec_type != ExecType.NEW:
                raise RuntimeError(f"not acknowledged: {event}")
        digest.update((event.ord_status + (event.cum_qty or "")).encode())
        if event.ord_status in ("2", "C"):
            return first_ns
    raise RuntimeError("no report in 5 s")


def echo_ns(socket: zmq.Socket[bytes], payload: bytes) -> int:
    """One payload to the echo process and back."""
    started = time.perf_counter_ns()
    socket.send(payload)
    socket.recv()
    return time.perf_counter_ns() - started


def summarise(rounds: list[list[int]]) -> dict[str, float | None]:
    """Median of the rounds' medians; the best of their p99; the spread of the medians."""
    medians = [statistics.median(ordered) / 1000 for ordered in rounds]
    p99 = min(percentile(sorted(ordered), 99) or 0.0 for ordered in rounds)
    return {
        "p50_us": round(statistics.median(medians), 1),
        "p99_us_best": p99,
        "p50_us_min": round(min(medians), 1),
        "p50_us_max": round(max(medians), 1),
    }


def measure(orders: int, rounds: int) -> dict[str, object]:
    """Run both arms in turns."""
    trips: list[list[int]] = []
    echoes: list[list[int]] = []
    digest = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fixengine-")))
        stand = stack.enter_context(Stand(folder, LIMITS))
        endpoint = f"ipc://{folder}/echo.sock"
        echo = subprocess.Popen([sys.executable, "-c", ECHO, endpoint], stdout=subprocess.PIPE)
        stack.callback(echo.wait)
        stack.callback(echo.terminate)
        assert echo.stdout is not None
        echo.stdout.readline()
        stack.callback(echo.stdout.close)
        context = stack.enter_context(zmq.Context())
        socket = stack.enter_context(context.socket(zmq.DEALER))
        socket.connect(endpoint)
        client = stack.enter_context(Client(stand.endpoint, "bench", valid_for_ms=5000))
        payload = encode(order())
        for _ in range(min(orders, 200)):
            trip_ns(client, order(), digest)
            echo_ns(socket, payload)
        for _ in range(rounds):
            trips.append([trip_ns(client, order(), digest) for _ in range(orders)])
            echoes.append([echo_ns(socket, payload) for _ in range(orders)])
    trip, floor = summarise(trips), summarise(echoes)
    return {
        "orders": orders * rounds,
        "venue_limits": LIMITS,
        "round_trip": trip,
        "bus_alone": floor,
        "ratio_p50": round((trip["p50_us"] or 0) / (floor["p50_us"] or 1), 2),
        "digest": digest.hexdigest()[:16],
    }


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--orders", type=count, default=1000, help="orders a round (1000)")
    parser.add_argument("--rounds", type=count, default=ROUNDS_MIN, help="rounds (5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = measure(options.orders, options.rounds)
    if options.json:
        print(orjson.dumps(result).decode())
        return 0
    print(f"{result['orders']} orders one at a time, venue limits {LIMITS}")
    for name in ("round_trip", "bus_alone"):
        print(f"{name:12}", *(f"{key} {value}" for key, value in result[name].items()))  # type: ignore[attr-defined]
    print(f"ratio of the medians {result['ratio_p50']}, digest {result['digest']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
