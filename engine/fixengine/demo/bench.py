"""A round trip on this machine: this process as the strategy, the engine and the built-in venue.

    submit -> ZeroMQ -> engine -> TLS -> venue and back, to the first ExecutionReport of that order

One order at a time, each filled at once, venue limits off. The floor is the bus alone: the same
kind of socket against a process that sends each order's bytes straight back. Both are measured in
turns, for a shared machine drifts; what counts is the ratio. p50 is the median of the rounds', a
p99 or p99.9 the best of the rounds.
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
from typing import Any

import orjson
import zmq

from fixengine.client import Client, ClientError
from fixengine.demo.processes import DemoError, Stand
from fixengine.demo.run import percentile, remove_shared
from fixengine.demo.signals import Signals, Stopped
from fixengine.messages import ExecType, ExecutionReport, NewOrderSingle, encode
from fixengine.network.latency import read
from fixengine.network.latency_file import copy
from fixengine.screens.streams import complain, say
from fixengine.screens.table import table

ECHO = """
import sys, zmq
socket = zmq.Context().socket(zmq.ROUTER)
socket.bind(sys.argv[1])
print("ready", flush=True)
while True:
    socket.send_multipart(socket.recv_multipart())
"""
LIMITS = "off"
WARM_UP = 200
SILENCE_S = 5.0
ARMS = "round_trip", "bus_alone"
SHARES = (("p99_us_best", 99.0), ("p99_9_us_best", 99.9))

EXAMPLES = """\
examples:
  fixengine bench                          5 rounds of 1000 orders, about ten seconds
  fixengine bench --orders 5000            enough for a steady p99.9
  fixengine bench --json | jq .ratio_p50   for programs
  taskset -c 2,3 fixengine bench           on these processors only
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `fixengine bench`."""
    parser.description = __doc__
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--orders", type=_positive, default=1000, help="orders a round (1000)")
    parser.add_argument("--rounds", type=_positive, default=5, help="rounds (5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Measure and print; the exit status: 128 and the signal's number where one ended it."""
    try:
        with Signals() as signals, signals.cleaning() as stack:
            with signals.held():
                name = stack.enter_context(tempfile.TemporaryDirectory(prefix="fixengine-"))
                folder = Path(name)
                stack.callback(remove_shared, folder)
            stand = stack.enter_context(Stand(folder, LIMITS, signals.held))
            with signals.held():
                echo = stack.enter_context(Echo(folder))
            result = measure(stand, echo, options.orders, options.rounds)
            result["stretches"] = _stretches(folder)
    except (DemoError, ClientError) as problem:
        complain(f"fixengine bench: {problem}")
        return 1
    except Stopped as stopped:
        complain(f"bench {stopped}; its processes have ended")
        return 128 + stopped.number
    say(orjson.dumps(result).decode() if options.json else _text(result))
    return 0


class Echo:
    """The floor: a process that sends back what it gets, and a socket connected to it."""

    def __init__(self, folder: Path) -> None:
        self._endpoint = f"ipc://{folder}/echo.sock"
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Echo:
        command = [sys.executable, "-c", ECHO, self._endpoint]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        assert process.stdout is not None
        self._stack.callback(process.stdout.close)
        process.stdout.readline()
        context = self._stack.enter_context(zmq.Context())
        self._socket: zmq.Socket[bytes] = self._stack.enter_context(context.socket(zmq.DEALER))
        self._socket.connect(self._endpoint)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def trip_ns(self, payload: bytes) -> int:
        """One payload there and back."""
        started = time.perf_counter_ns()
        self._socket.send(payload)
        self._socket.recv()
        return time.perf_counter_ns() - started


def measure(stand: Stand, echo: Echo, orders: int, rounds: int) -> dict[str, Any]:
    """Both arms in turns. ClientError, or DemoError, where an order is not answered."""
    trips: list[list[int]] = []
    echoes: list[list[int]] = []
    digest = hashlib.sha256()
    payload = encode(_order())
    with Client(stand.endpoint, "bench", valid_for_ms=5000) as client:
        for _ in range(min(orders, WARM_UP)):
            trip_ns(client, digest)
            echo.trip_ns(payload)
        for _ in range(rounds):
            trips.append(sorted(trip_ns(client, digest) for _ in range(orders)))
            echoes.append(sorted(echo.trip_ns(payload) for _ in range(orders)))
    arms = dict(zip(ARMS, (_summary(trips), _summary(echoes)), strict=True))
    trip, floor = arms.values()
    return {
        "orders": orders * rounds,
        "venue_limits": LIMITS,
        **arms,
        "ratio_p50": round(trip["p50_us"] / floor["p50_us"], 2),
        "added_us": round(trip["p50_us"] - floor["p50_us"], 1),
        "digest": digest.hexdigest()[:16],
    }


def trip_ns(client: Client, digest: hashlib._Hash) -> int:
    """One order to its first report; the order's other reports are waited for, not timed."""
    request = _order()
    started = time.perf_counter_ns()
    cl_ord_id = client.submit(request)
    first_ns = 0
    for event in client.reports(timeout=SILENCE_S):
        if not isinstance(event, ExecutionReport) or event.cl_ord_id != cl_ord_id:
            raise DemoError(f"unexpected {event}")
        if not first_ns:
            first_ns = time.perf_counter_ns() - started
            if event.exec_type != ExecType.NEW:
                raise DemoError(f"not acknowledged: {event}")
        digest.update((event.ord_status + (event.cum_qty or "")).encode())
        if event.ord_status in ("2", "C"):
            return first_ns
    raise DemoError(f"no report in {SILENCE_S:g} s")


def _order() -> NewOrderSingle:
    """A buy that is filled at once, so that nothing piles up at the venue."""
    return NewOrderSingle.limit("BTCUSDT", "1", "0.001", "50500.00", time_in_force="3")


def _summary(rounds: list[list[int]]) -> dict[str, float]:
    """See the module's top; and the spread of the medians. rounds: each in order."""
    medians = [statistics.median(ordered) / 1000 for ordered in rounds]
    return {
        "p50_us": round(statistics.median(medians), 1),
        "p50_us_min": round(min(medians), 1),
        "p50_us_max": round(max(medians), 1),
        **{
            name: min(percentile(ordered, share) or 0.0 for ordered in rounds)
            for name, share in SHARES
        },
    }


def _stretches(folder: Path) -> dict[str, Any]:
    """What the engine timed itself, without the buckets."""
    stretches = read(copy(folder / "engine"))["stretches"]
    for one in stretches.values():
        one.pop("buckets_us", None)
    return dict(stretches)


def _text(result: dict[str, Any]) -> str:
    columns = ("p50_us", "p99_us_best", "p99_9_us_best")
    rows = [(arm, *(str(result[arm][column]) for column in columns)) for arm in ARMS]
    heads = (f"{result['orders']} orders, us", "p50", "p99", "p99.9")
    ends = ((arm, result[arm]["p50_us_min"], result[arm]["p50_us_max"]) for arm in ARMS)
    spread = ", ".join(f"{arm} {low} to {high}" for arm, low, high in ends)
    added = f"{result['added_us']} us, {result['ratio_p50']} x the bus alone"
    told = ["", f"p50 of the rounds: {spread}", f"engine, TLS and venue add {added}"]
    within = ("p50_us", "p99_us", "p99_9_us")
    stretches = [
        (name, *(str(one.get(column, "-")) for column in within))
        for name, one in result["stretches"].items()
    ]
    inside = table(("inside the engine, us", "p50", "p99", "p99.9"), stretches)
    return "\n".join([*table(heads, rows), *told, "", *inside])


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)
