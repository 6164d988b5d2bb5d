"""What the event loop is asked to call later: moved, never doubled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

SECOND_NS = 1_000_000_000
NEAR_NS = 1_000_000
"""Two times this close are one: the loop counts milliseconds, and moving a timer costs."""


class Timer(Protocol):
    """Something that is going to happen."""

    def cancel(self) -> None:
        """Let it not happen."""


class Timers(Protocol):
    """What is asked of an event loop."""

    def time(self) -> float:
        """Seconds on a clock that never goes back."""

    def call_soon(self, callback: Callable[[], object], /) -> Timer:
        """Call it once what is under way is done."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Call it in so many seconds."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call it when `time` says so."""


class Alarm:
    """Calls `callback` once at the time last set. `set` may be called any number of times.

    Times are those of the caller's clock: the loop's own is asked only where the timer is moved.
    """

    def __init__(self, loop: Timers, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._handle: Timer | None = None
        self._at_ns = 0

    def set(self, at_ns: int, now: int) -> None:
        """Ring at at_ns, at once where that is over, and not at the time set before."""
        at_ns = at_ns if at_ns > now else now
        if self._handle is not None:
            if -NEAR_NS < at_ns - self._at_ns < NEAR_NS:
                return
            self._handle.cancel()
        self._at_ns = at_ns
        self._handle = self._loop.call_later((at_ns - now) / SECOND_NS, self._ring)

    def clear(self) -> None:
        """Do not ring until `set` is called."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        self._handle = None
        self._callback()


class EachSecond:
    """Calls `callback` in a second, and a second after each call; until `close`, which ends it."""

    def __init__(self, loop: Timers, callback: Callable[[], object]) -> None:
        self._loop = loop
        self._callback = callback
        self._timer = loop.call_later(1, self._ring)

    def close(self) -> None:
        """Call it no more."""
        self._timer.cancel()

    def _ring(self) -> None:
        # First: a defect of the callback does not end it.
        self._timer = self._loop.call_later(1, self._ring)
        self._callback()


class Soon:
    """Calls `callback` once in the loop's next turn, however often it is `set` before.

    handle: of that call, None where there is none to come.
    """

    def __init__(self, loop: Timers, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self.handle: Timer | None = None

    def set(self) -> None:
        """Call it in the next turn."""
        if self.handle is None:
            self.handle = self._loop.call_soon(self._ring)

    def clear(self) -> None:
        """Do not call it until `set` is called."""
        if self.handle is not None:
            self.handle.cancel()
            self.handle = None

    def _ring(self) -> None:
        self.handle = None
        self._callback()
