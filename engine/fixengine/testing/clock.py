"""Simulated time: what is going to happen, in order, and a clock that jumps to the next of it."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

from fixengine.testing.errors import SimulationError

SECOND_NS = 1_000_000_000
START_NS = 1_000 * SECOND_NS
"""What the monotonic clock says at first."""
WALL_OFFSET_NS = 1_767_225_600 * SECOND_NS - START_NS
"""The wall clock less the monotonic one: the world begins on 2026-01-01 at 00:00:00 UTC."""
TURNS_AT_ONCE_MAX = 300_000
"""Things that may happen without a nanosecond passing."""

Callback = Callable[[], object]


class Timer:
    """Something that is going to happen."""

    __slots__ = ("callback", "run")

    def __init__(self, callback: Callback, run: Run | None) -> None:
        self.callback: Callback | None = callback
        self.run = run

    def cancel(self) -> None:
        """Let it not happen."""
        self.callback = None


class Clock:
    """See the module's top. now_ns: the monotonic clock."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self._queue: list[tuple[int, int, Timer]] = []
        self._count = 0
        self._at_once = 0
        self._turning = False

    def monotonic_ns(self) -> int:
        """Nanoseconds of the monotonic clock."""
        return self.now_ns

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return self.now_ns + WALL_OFFSET_NS

    def at(self, due_ns: int, callback: Callback, run: Run | None = None) -> Timer:
        """Let something happen at a time, after all that was asked for that time before.

        run: it does not happen once this one is over.
        """
        timer = Timer(callback, run)
        self._count += 1
        heapq.heappush(self._queue, (max(due_ns, self.now_ns), self._count, timer))
        return timer

    def soon(self, callback: Callback, run: Run | None = None) -> Timer:
        """Let something happen now, once what is under way is done."""
        return self.at(self.now_ns, callback, run)

    def turn(self, until_ns: int) -> bool:
        """Let the next thing happen if it is due by then; else the clock goes on to then."""
        if self._turning:
            raise SimulationError(
                "a client waits, or time is advanced, out of something that happens; an action of"
                " later(), or a rule, can only act"
            )
        while self._queue and self._queue[0][0] <= until_ns:
            due_ns, _, timer = heapq.heappop(self._queue)
            callback, run = timer.callback, timer.run
            if callback is None or (run is not None and run.is_over):
                continue
            self._go_to(due_ns)
            self._turning = True
            try:
                callback()
            finally:
                self._turning = False
            if run is not None:
                run.after()
            return True
        self._go_to(max(until_ns, self.now_ns))
        return False

    def settle(self) -> None:
        """Let everything happen that is due now. Nothing where it is called out of a happening."""
        while not self._turning and self.turn(self.now_ns):
            pass

    def advance(self, until_ns: int) -> None:
        """Let everything happen that is due by then."""
        while self.turn(until_ns):
            pass

    def _go_to(self, now_ns: int) -> None:
        self._at_once = self._at_once + 1 if now_ns == self.now_ns else 0
        if self._at_once > TURNS_AT_ONCE_MAX:
            self._at_once = 0
            raise SimulationError(
                f"{TURNS_AT_ONCE_MAX} things happened and no time passed; does a strategy answer"
                " each report with another request?"
            )
        self.now_ns = now_ns


class Run:
    """The timers of one run of the engine; with it they end. after: called after each."""

    def __init__(self, clock: Clock, after: Callable[[], None]) -> None:
        self.is_over = False
        self.after = after
        self._clock = clock

    def time(self) -> float:
        """Seconds of the monotonic clock."""
        return self._clock.now_ns / SECOND_NS

    def call_soon(self, callback: Callback) -> Timer:
        """As an event loop's."""
        return self._clock.soon(callback, self)

    def call_later(self, delay: float, callback: Callback) -> Timer:
        """As an event loop's."""
        return self.call_at(self.time() + delay, callback)

    def call_at(self, when: float, callback: Callback) -> Timer:
        """As an event loop's; never early."""
        return self._clock.at(math.ceil(when * SECOND_NS), callback, self)
