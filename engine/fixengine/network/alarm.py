"""One timer of the event loop that is moved, never doubled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

NEAR_S = 0.001
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
    """Calls `callback` once at the time last set. `set` may be called any number of times."""

    def __init__(self, loop: Timers, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._handle: Timer | None = None
        # Kept here: of a time that is due, uvloop's call_at gives a handle that knows no time.
        self._at_s = 0.0

    def set(self, delay_s: float) -> None:
        """Ring in delay_s seconds (0 or more) and not at the time set before."""
        at_s = self._loop.time() + delay_s
        if self._handle is not None:
            if abs(self._at_s - at_s) < NEAR_S:
                return
            self._handle.cancel()
        self._at_s = at_s
        self._handle = self._loop.call_at(at_s, self._ring)

    def clear(self) -> None:
        """Do not ring until `set` is called."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        self._handle = None
        self._callback()
