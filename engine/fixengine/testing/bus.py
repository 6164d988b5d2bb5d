"""The bus in memory: what the engine's process has of it, and what a client has."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType

from fixengine.network.strategies import HEARTBEAT, Handed
from fixengine.testing.clock import SECOND_NS, Clock, Run, Timer
from fixengine.testing.errors import NothingHappens

REQUESTS_MAX = 10_000
EVENTS_MAX = 20_000
SILENCE_NS_MAX = 600 * SECOND_NS
"""A wait without a timeout for an event that does not come in this time is an error."""
MILLISECOND_NS = 1_000_000


class Bus:
    """One run's end. on_request: called soon after a request has come."""

    fd = -1

    def __init__(self, hub: Hub, run: Run) -> None:
        self.on_request: Callable[[], None] = lambda: None
        self._hub = hub
        self._run = run
        self._requests: deque[tuple[bytes, bytes]] = deque()

    def flush(self) -> bool:
        """Whether a request waits."""
        return bool(self._requests)

    def receive(self) -> tuple[bytes, bytes] | None:
        """(peer, payload) of the next request, or None."""
        return self._requests.popleft() if self._requests else None

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        """Hand an event to a client."""
        dealer = self._hub.dealers.get(peer)
        if dealer is None:
            return Handed.GONE
        return Handed.TAKEN if dealer.take(bytes(payload)) else Handed.FULL

    def put(self, peer: bytes, payload: bytes) -> bool:
        """A client's request; False where too many wait."""
        if len(self._requests) >= REQUESTS_MAX:
            return False
        if not self._requests:
            self._run.call_soon(self.on_request)
        self._requests.append((peer, payload))
        return True

    def close(self) -> None:
        """The run ends."""
        if self._hub.bus is self:
            self._hub.connect(None)


class Hub:
    """Joins the clients with the bus of the present run. dealers: the clients', by peer."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.bus: Bus | None = None
        self.dealers: dict[bytes, MemoryDealer] = {}
        self._count = 0

    def connect(self, bus: Bus | None) -> None:
        """A run has begun, or (None) has ended."""
        self.bus = bus
        for dealer in self.dealers.values():
            dealer.changed(bus is not None)

    def dealer(self, strategy: str) -> MemoryDealer:
        """A client's end."""
        self._count += 1
        dealer = MemoryDealer(self, f"{strategy}.{self._count}".encode())
        self.dealers[dealer.peer] = dealer
        if self.bus is not None:
            dealer.changed(True)
        return dealer


class MemoryDealer:
    """A client's end; see client/place.py. While it waits, simulated time goes by."""

    def __init__(self, hub: Hub, peer: bytes) -> None:
        self.peer = peer
        self._hub = hub
        self._clock = hub.clock
        self._events: deque[bytes] = deque()
        self._changes: list[bool] = []
        self._on_readable: Callable[[], None] | None = None
        self._on_change: Callable[[], None] | None = None
        self._problem: BaseException | None = None
        self._silent_since_ns: int | None = None  # while somebody waits for ever

    # --- what the hub does ------------------------------------------------------------------

    def take(self, payload: bytes) -> bool:
        """An event of the engine; False where too many were not read."""
        if len(self._events) >= EVENTS_MAX:
            return False
        self._events.append(payload)
        if self._on_readable is not None:
            self._on_readable()
        return True

    def changed(self, up: bool) -> None:
        """The engine is there, or is gone."""
        self._changes.append(up)
        if self._on_change is not None:
            self._on_change()

    # --- what the client does ---------------------------------------------------------------

    def send(self, payload: bytes) -> bool:
        """See Dealer."""
        bus = self._hub.bus
        return bus is not None and bus.put(self.peer, payload)

    def receive(self) -> bytes | None:
        """See Dealer. What happens without time passing has happened before."""
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem
        if not self._events:
            self._clock.settle()
        payload = self._events.popleft() if self._events else None
        if payload is not None and payload != HEARTBEAT:
            self._silent_since_ns = None
        return payload

    def readable(self) -> bool:
        """See Dealer."""
        return bool(self._events)

    def changes(self) -> list[bool]:
        """See Dealer."""
        changes, self._changes = self._changes, []
        return changes

    def wait(self, timeout_ms: int | None, for_ever: bool = False) -> None:
        """See Dealer. Raises NothingHappens."""
        give_up_ns = self._give_up_ns(for_ever)
        until_ns = self._until_ns(timeout_ms, give_up_ns)
        while not self._events and not self._changes and self._clock.turn(until_ns):
            pass
        if give_up_ns is not None and self._clock.now_ns >= give_up_ns:
            raise _nothing_happens()

    def watch(
        self,
        loop: asyncio.AbstractEventLoop,
        on_readable: Callable[[], None],
        on_change: Callable[[], None],
    ) -> None:
        """See Dealer."""
        self._on_readable, self._on_change = on_readable, on_change

    def unwatch(self, loop: asyncio.AbstractEventLoop) -> None:
        """See Dealer."""
        self._on_readable = self._on_change = None

    def alarm(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout_ms: int | None,
        ring: Callable[[], None],
        for_ever: bool = False,
    ) -> Wait:
        """See Dealer. One thing happens in each turn of the loop, as long as somebody waits."""

        def fail(problem: BaseException) -> None:
            self._problem = problem
            ring()

        give_up_ns = self._give_up_ns(for_ever)
        until_ns = self._until_ns(timeout_ms, give_up_ns)
        gives_up = until_ns == give_up_ns
        timer = self._clock.at(until_ns, lambda: fail(_nothing_happens()) if gives_up else ring())
        return Wait(self._clock, loop, timer, fail)

    def _give_up_ns(self, for_ever: bool) -> int | None:
        """When a waiting for ever has lasted too long."""
        if not for_ever:
            self._silent_since_ns = None
            return None
        if self._silent_since_ns is None:
            self._silent_since_ns = self._clock.now_ns
        return self._silent_since_ns + SILENCE_NS_MAX

    def _until_ns(self, timeout_ms: int | None, give_up_ns: int | None) -> int:
        wait_ns = SILENCE_NS_MAX if timeout_ms is None else timeout_ms * MILLISECOND_NS
        until_ns = self._clock.now_ns + wait_ns
        return until_ns if give_up_ns is None else min(until_ns, give_up_ns)

    def close(self) -> None:
        """See Dealer."""
        self._clock.settle()
        self._hub.dealers.pop(self.peer, None)

    def close_aside(self) -> None:
        """See Dealer."""
        self.close()


class Wait:
    """A task of an event loop waits: simulated time goes by until it does no more.

    fail: what goes wrong meanwhile is for the task, not for the loop.
    """

    def __init__(
        self,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        timer: Timer,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._clock = clock
        self._loop = loop
        self._timer = timer
        self._fail = fail
        self._is_over = False
        loop.call_soon(self._turn)

    def cancel(self) -> None:
        """It waits no more."""
        self._is_over = True
        self._timer.cancel()

    def _turn(self) -> None:
        if not self._is_over:
            with self:
                self._clock.turn(self._clock.now_ns + SILENCE_NS_MAX)
            self._loop.call_soon(self._turn)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        where: TracebackType | None,
    ) -> bool:
        if isinstance(problem, Exception):
            self._fail(problem)
            return True
        return False


def _nothing_happens() -> NothingHappens:
    minutes = SILENCE_NS_MAX // (60 * SECOND_NS)
    return NothingHappens(
        f"reports() waits without a timeout, and in {minutes} simulated minutes no event came; give"
        " it a timeout, or let the venue do something first"
    )
