"""A scripted engine on a real ROUTER, what it may say, and both clients driven alike."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fixengine
import uvloop
import zmq
from fixengine.client import AsyncClient, Client
from fixengine.messages import (
    Ack,
    ExecutionReport,
    Gap,
    Hello,
    NewOrderSingle,
    OpenOrder,
    OrderCancelReject,
    OrderUnknown,
    Refused,
    RefusedReason,
    Sent,
    Side,
    Snapshot,
    Welcome,
    encode,
    request_decoder,
)

EPOCH = 1_700_000_000
WAIT_MS = 20_000
SOURCE_ROOT = Path(fixengine.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE_ROOT), "PYTHONUNBUFFERED": "1"}


# --- what the engine says -------------------------------------------------------------------


def welcome(next_seq: int = 1, epoch: int = EPOCH, state: str = "ready") -> Welcome:
    return Welcome("maker", 1, epoch, next_seq, time.monotonic_ns(), state)


def report(
    seq: int, cl_ord_id: str = "x", *, epoch: int = EPOCH, replayed: bool = False, **fields: Any
) -> ExecutionReport:
    columns = {"orig_cl_ord_id": None, "exec_type": "0", "ord_status": "0", **fields}
    return ExecutionReport(
        report_seq=seq,
        epoch=epoch,
        source="S1",
        replayed=replayed,
        received_ns=5,
        cl_ord_id=cl_ord_id,
        wire_cl_ord_id="w",
        wire_orig_cl_ord_id=None,
        symbol="BTCUSDT",
        **columns,
    )


def refused(seq: int, cl_ord_id: str, reason: str = RefusedReason.LIMIT, text: str = "") -> Refused:
    return Refused(seq, EPOCH, "", False, 5, cl_ord_id, str(reason), text)


def gap(seq: int, missing_from: int, missing_to: int) -> Gap:
    return Gap(seq, EPOCH, "", False, 5, missing_from, missing_to, "by the engine")


def cancel_reject(seq: int, cl_ord_id: str) -> OrderCancelReject:
    return OrderCancelReject(seq, EPOCH, "S1", False, 5, cl_ord_id, "x", None, None)


def unknown(seq: int, cl_ord_id: str) -> OrderUnknown:
    return OrderUnknown(seq, EPOCH, "S1", False, 5, cl_ord_id, None, "session lost")


def sent(seq: int, cl_ord_id: str) -> Sent:
    return Sent(seq, EPOCH, "S1", False, 5, cl_ord_id, "w", 7, 5)


def snapshot(request_id: int, next_seq: int, is_last: bool, **orders: str) -> Snapshot:
    """A part that names orders by their standings."""
    told = (OpenOrder(name, "w", standing, order(name)) for name, standing in orders.items())
    return Snapshot(request_id, EPOCH, next_seq, is_last, tuple(told))


def order(cl_ord_id: str = "") -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.01", "50000", cl_ord_id=cl_ord_id)


ALREADY_CONNECTED = refused(0, "", RefusedReason.ALREADY_CONNECTED, "another socket has it")


class Engine:
    """A ROUTER that says what the test tells it to. `peer` is whoever it heard last."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.peer = b""
        # A client may go on, and have the test send more, before greet's own send has returned.
        self._sending = threading.Lock()
        self.up()

    def up(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.router = self.context.socket(zmq.ROUTER)
        self.router.set(zmq.ROUTER_MANDATORY, 1)
        self.router.set(zmq.LINGER, 0)
        self.router.set(zmq.SNDHWM, 1_000)
        self.router.set(zmq.RCVTIMEO, WAIT_MS)
        self.router.set(zmq.SNDTIMEO, WAIT_MS)
        self.monitor = self.router.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        self.monitor.set(zmq.RCVTIMEO, WAIT_MS)
        self.router.bind(self.endpoint)

    def meet(self) -> None:
        """Wait until a client is connected, though it may have said nothing yet."""
        self.monitor.recv_multipart()

    def down(self) -> None:
        self.router.disable_monitor()
        self.monitor.close()
        self.router.close()
        self.context.term()

    def receive(self) -> Any:
        self.peer, payload = self.router.recv_multipart()
        return request_decoder.decode(payload)

    def receive_but_acks(self) -> Any:
        while isinstance(request := self.receive(), Ack):
            pass
        return request

    def send(self, *events: Any) -> None:
        for event in events:
            payload = event if isinstance(event, bytes) else encode(event)
            with self._sending:
                self.router.send_multipart([self.peer, payload])

    def greet(self, *answers: Any) -> Any:
        """Wait for Hello, before which nothing may come, and answer it."""
        hello = self.receive()
        assert isinstance(hello, Hello)
        self.send(*(answers or (welcome(),)))
        return hello

    @contextmanager
    def doing(self, action: Callable[..., Any], *args: Any) -> Iterator[list[Any]]:
        """Run an action of the engine in a thread while the block runs; its result is [0]."""
        result: list[Any] = []
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(action, *args)
            yield result
            result.append(future.result())


# --- the clients, driven alike --------------------------------------------------------------


class Blocking:
    """A Client."""

    def __init__(self, endpoint: str, **options: Any) -> None:
        self.client: Client | AsyncClient = Client(endpoint, "maker", **options)

    def next(self) -> Any:
        assert isinstance(self.client, Client)
        return next(self.client.reports(WAIT_MS / 1000))

    def rest(self, timeout: float = 0) -> list[Any]:
        assert isinstance(self.client, Client)
        return list(self.client.reports(timeout))

    def snapshot(self) -> Any:
        assert isinstance(self.client, Client)
        return self.client.snapshot()

    def close(self) -> None:
        self.client.close()


class Asynchronous:
    """An AsyncClient, on a loop that runs while something is waited for."""

    def __init__(self, make_loop: Callable[[], Any], endpoint: str, **options: Any) -> None:
        self.runner = asyncio.Runner(loop_factory=make_loop)
        try:
            self.client: Any = AsyncClient(endpoint, "maker", **options)
            self.runner.run(self.client.__aenter__())
        except BaseException:
            self.runner.close()
            raise

    def next(self) -> Any:
        return self.runner.run(anext(self.client.reports(WAIT_MS / 1000)))

    def rest(self, timeout: float = 0) -> list[Any]:
        async def collect() -> list[Any]:
            return [event async for event in self.client.reports(timeout)]

        return self.runner.run(collect())

    def snapshot(self) -> Any:
        return self.runner.run(self.client.snapshot())

    def close(self) -> None:
        self.client.close()
        self.runner.close()


def open_client(kind: str, endpoint: str, **options: Any) -> Any:
    if kind == "blocking":
        return Blocking(endpoint, **options)
    make_loop = asyncio.new_event_loop if kind == "asyncio" else uvloop.new_event_loop
    return Asynchronous(make_loop, endpoint, **options)


@contextmanager
def connecting(engine: Engine, kind: str) -> Iterator[Callable[..., Any]]:
    """Lend a function that makes a client, which the engine answers with the given messages."""
    clients = []

    def connect(*answers: Any, **options: Any) -> Any:
        with engine.doing(engine.greet, *answers) as hello:
            client = open_client(kind, engine.endpoint, **options)
        client.hello = hello[0]
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


def wait_until_down(client: Any) -> None:
    while client.client.connected:
        client.rest(0.005)
