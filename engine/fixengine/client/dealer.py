"""The ZeroMQ end of a strategy: one DEALER and the monitor that tells of its connections.

IMMEDIATE lets the DEALER queue only towards a connection that stands, and what is queued dies
with the connection: no request outlives the engine it was meant for. ZeroMQ's descriptors are
edge-like: readable means that something may have changed since the socket was last looked at.
So whoever waits must first have received until nothing is left, and must look again after each
send.
"""

from __future__ import annotations

import asyncio
import secrets
import select
import struct
import threading
from collections.abc import Callable

import zmq

EVENTS_QUEUED_MAX = 10_000
REQUESTS_QUEUED_MAX = 10_000
LINGER_MS = 1_000
RECONNECT_MS = 20
RECONNECT_MS_MAX = 500
WAIT_MS_MAX = 3_600_000

_DONTWAIT = int(zmq.DONTWAIT)
_EVENTS = zmq.EVENTS
_READABLE = int(zmq.POLLIN)
_UP = int(zmq.EVENT_HANDSHAKE_SUCCEEDED)
_DOWN = int(zmq.EVENT_DISCONNECTED)


class ZeroMqDealer:
    """A connection to the engine that keeps coming back. Raises ValueError for the endpoint."""

    def __init__(self, endpoint: str, strategy: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._monitor = self._socket.get_monitor_socket(_UP | _DOWN)
        # A second socket with the same identity would never be heard: the suffix is random.
        self._socket.set(zmq.ROUTING_ID, f"{strategy}.{secrets.token_hex(8)}".encode())
        self._socket.set(zmq.IMMEDIATE, 1)
        self._socket.set(zmq.LINGER, LINGER_MS)
        self._socket.set(zmq.RCVHWM, EVENTS_QUEUED_MAX)
        self._socket.set(zmq.SNDHWM, REQUESTS_QUEUED_MAX)
        self._socket.set(zmq.RECONNECT_IVL, RECONNECT_MS)
        self._socket.set(zmq.RECONNECT_IVL_MAX, RECONNECT_MS_MAX)
        self.descriptor = int(self._socket.get(zmq.FD))
        self.monitor_descriptor = int(self._monitor.get(zmq.FD))
        self._news = select.poll()
        self._news.register(self.monitor_descriptor, select.POLLIN)
        self._anything = select.poll()
        self._anything.register(self.descriptor, select.POLLIN)
        self._anything.register(self.monitor_descriptor, select.POLLIN)
        # Its descriptor gives a first sign only after the queue was once seen empty.
        self._monitor.get(_EVENTS)
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as problem:
            self.close()
            raise ValueError(f"endpoint: {endpoint!r} cannot be used: {problem}") from problem

    def send(self, payload: bytes) -> bool:
        """Hand bytes to the connection; False where there is none or it is full."""
        try:
            self._socket.send(payload, _DONTWAIT)
        except zmq.Again:
            return False
        return True

    def receive(self) -> bytes | None:
        """The next message; None where there is none now."""
        try:
            return self._socket.recv(_DONTWAIT)
        except zmq.Again:
            return None

    def readable(self) -> bool:
        """Whether there is something to receive. Also brings the socket up to date."""
        return bool(int(self._socket.get(_EVENTS)) & _READABLE)

    def changes(self) -> list[bool]:
        """What happened to the connection since last asked: True for up, False for down."""
        changes: list[bool] = []
        if self._news.poll(0):
            try:
                while True:
                    event, _endpoint = self._monitor.recv_multipart(_DONTWAIT)
                    changes.append(struct.unpack_from("=H", event)[0] == _UP & 0xFFFF)
            except zmq.Again:
                pass
        return changes

    def wait(self, timeout_ms: int | None) -> None:
        """Wait until something may be there to receive or the connection may have changed."""
        self._anything.poll(WAIT_MS_MAX if timeout_ms is None else min(timeout_ms, WAIT_MS_MAX))

    def watch(
        self,
        loop: asyncio.AbstractEventLoop,
        on_readable: Callable[[], None],
        on_change: Callable[[], None],
    ) -> None:
        """Call back from this loop when something may have come in, or the connection changed."""
        loop.add_reader(self.descriptor, on_readable)
        loop.add_reader(self.monitor_descriptor, on_change)

    def unwatch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call back no more."""
        loop.remove_reader(self.descriptor)
        loop.remove_reader(self.monitor_descriptor)

    def alarm(
        self, loop: asyncio.AbstractEventLoop, timeout_ms: int | None, ring: Callable[[], None]
    ) -> asyncio.TimerHandle | None:
        """Ring after the timeout; None: never."""
        return None if timeout_ms is None else loop.call_later(timeout_ms / 1000, ring)

    def close(self) -> None:
        """Close; waits up to LINGER_MS for the engine to take what was sent, then drops it."""
        self._close_sockets()
        self._context.term()

    def close_aside(self) -> None:
        """Close as `close` does, but do not wait: a thread does, and the program's end for it."""
        self._close_sockets()
        threading.Thread(target=self._context.term, name="fixengine-close").start()

    def _close_sockets(self) -> None:
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close()
