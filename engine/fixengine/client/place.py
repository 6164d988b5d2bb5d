"""Where a client finds its engine: over ZeroMQ, or in this process and its simulated time.

An endpoint names a Place. Those that begin with memory:// belong to simulated engines (see
fixengine.testing) and exist as long as these do; so a strategy that is told its endpoint runs on
either without a change.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Protocol

from fixengine.client.dealer import ZeroMqDealer

IN_MEMORY = "memory://"
SCHEMES = ("ipc://", "tcp://", IN_MEMORY)


class Timer(Protocol):
    """Something that is going to happen."""

    def cancel(self) -> None:
        """Let it not happen."""


class Dealer(Protocol):
    """A connection to the engine that keeps coming back."""

    def send(self, payload: bytes, /) -> bool:
        """Hand bytes to the connection; False where there is none or it is full."""

    def receive(self) -> bytes | None:
        """The next message; None where there is none now."""

    def readable(self) -> bool:
        """Whether there is something to receive. Also brings the connection up to date."""

    def changes(self) -> list[bool]:
        """What happened to the connection since last asked: True for up, False for down."""

    def wait(self, timeout_ms: int | None, /) -> None:
        """Wait until something may be there to receive or the connection may have changed."""

    def watch(
        self,
        loop: asyncio.AbstractEventLoop,
        on_readable: Callable[[], None],
        on_change: Callable[[], None],
        /,
    ) -> None:
        """Call back from this loop when either may have happened."""

    def unwatch(self, loop: asyncio.AbstractEventLoop, /) -> None:
        """Call back no more."""

    def alarm(
        self, loop: asyncio.AbstractEventLoop, timeout_ms: int | None, ring: Callable[[], None], /
    ) -> Timer | None:
        """Somebody on this loop waits: ring after the timeout (ms, None: never)."""

    def close(self) -> None:
        """Close; waits shortly for the engine to take what was sent."""

    def close_aside(self) -> None:
        """Close as `close` does, but do not wait."""


class Place(Protocol):
    """An endpoint. clock_is_shared: the engine reads the clock that `now` does."""

    @property
    def clock_is_shared(self) -> bool:
        """See the class."""

    def now(self) -> int:
        """Nanoseconds of the monotonic clock."""

    def run_id(self) -> str:
        """Unique for each client ever made there, 1..16 of [a-zA-Z0-9_-]."""

    def dealer(self, strategy: str, /) -> Dealer:
        """A connection of this strategy. Raises ValueError for the endpoint."""


class ZeroMq:
    """A place that is reached over ZeroMQ, in the time of this machine."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self.clock_is_shared = endpoint.startswith("ipc://")
        self.now = time.monotonic_ns

    def run_id(self) -> str:
        """See Place."""
        return secrets.token_hex(8)

    def dealer(self, strategy: str) -> Dealer:
        """See Place."""
        return ZeroMqDealer(self._endpoint, strategy)


_in_memory: dict[str, Place] = {}


def offer(endpoint: str, place: Place) -> None:
    """Let clients find a place in this process. endpoint: memory://NAME, which nobody has."""
    assert endpoint not in _in_memory, endpoint
    _in_memory[endpoint] = place


def withdraw(endpoint: str) -> None:
    """Let nobody find it any more."""
    del _in_memory[endpoint]


def find(endpoint: str) -> Place:
    """The place of an endpoint. Raises ValueError for a text that names none."""
    if not endpoint.startswith(SCHEMES):
        raise ValueError(f"endpoint: {endpoint!r} does not begin with ipc:// or tcp://")
    if not endpoint.startswith(IN_MEMORY):
        return ZeroMq(endpoint)
    place = _in_memory.get(endpoint)
    if place is None:
        raise ValueError(f"endpoint: {endpoint!r} is no simulated engine of this process")
    return place
