"""The round trip of `fixengine bench`: this process as the strategy, the engine, the venue.

    submit -> ZeroMQ -> engine -> TLS -> venue and back, to the first ExecutionReport of that order

One order at a time, each filled at once. The floor is the bus alone: a socket of the same kind
against a process that sends each order's bytes straight back. Both are measured in turns, for a
shared machine drifts; what counts is the ratio. p50 is the median of the rounds', a p99 or p99.9
the best of the rounds.
"""

from __future__ import annotations

import contextlib
import hashlib
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import zmq

from fixengine.client import Client
from fixengine.demo.processes import DemoError, Stand
from fixengine.demo.run import percentile
from fixengine.messages import ExecType, ExecutionReport, NewOrderSingle, encode

ECHO = """
import sys, zmq
socket = zmq.Context().socket(zmq.ROUTER)
socket.bind(sys.argv[1])
print("ready", flush=True)
while True:
    socket.send_multipart(socket.recv_multipart())
"""
WARM_UP = 200
SILENCE_S = 5.0
SHARES = (("p99_us_best", 99.0), ("p99_9_us_best", 99.9))


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
        self._socket.set(zmq.RCVTIMEO, round(SILENCE_S * 1000))
        self._socket.set(zmq.LINGER, 0)
        self._socket.connect(self._endpoint)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def trip_ns(self, payload: bytes) -> int:
        """One payload there and back."""
        started = time.perf_counter_ns()
        self._socket.send(payload)
        try:
            self._socket.recv()
        except zmq.Again:
            raise DemoError(f"the bus alone: no echo in {SILENCE_S:g} s") from None
        return time.perf_counter_ns() - started


def measure(stand: Stand, echo: Echo, orders: int, rounds: int) -> dict[str, Any]:
    """Both arms in turns, with `rounds` of so many orders; times in us.

    Raises ClientError, or DemoError, where something is not answered.
    """
    trips: list[list[int]] = []
    echoes: list[list[int]] = []
    digest = hashlib.sha256()
    payload = encode(order())
    with Client(stand.endpoint, "bench", valid_for_ms=5000) as client:
        for _ in range(min(orders, WARM_UP)):
            trip_ns(client, digest)
            echo.trip_ns(payload)
        for _ in range(rounds):
            trips.append(sorted(trip_ns(client, digest) for _ in range(orders)))
            echoes.append(sorted(echo.trip_ns(payload) for _ in range(orders)))
    trip, floor = summary(trips), summary(echoes)
    return {
        "orders": orders * rounds,
        "round_trip": trip,
        "bus_alone": floor,
        "ratio_p50": round(trip["p50_us"] / floor["p50_us"], 2),
        "added_us": round(trip["p50_us"] - floor["p50_us"], 1),
        "digest": digest.hexdigest()[:16],
    }


def trip_ns(client: Client, digest: hashlib._Hash) -> int:
    """One order to its first report; the order's other reports are waited for, not timed."""
    request = order()
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


def order() -> NewOrderSingle:
    """A buy that is filled at once, so that nothing piles up at the venue."""
    return NewOrderSingle.limit("BTCUSDT", "1", "0.001", "50500.00", time_in_force="3")


def summary(rounds: list[list[int]]) -> dict[str, float]:
    """See the module's top; and the spread of the medians. rounds: ns, each in order."""
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
