"""Looks for more for a while, after something has come, before the loop sleeps.

A thread that sleeps is woken late, and what it runs then has been forgotten by the processor: on a
virtual machine the first walk after a sleep takes two to three times as long as the next. Messages
come together, so a look of some microseconds often saves both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Loop(Protocol):
    """What is asked of an event loop."""

    def call_soon(self, callback: Callable[[], object], /) -> object:
        """Call it in the next turn, before which the loop looks at its descriptors and does not
        wait.
        """


class Linger:
    """Keeps a loop from sleeping for linger_us after each `on_woken`.

    monotonic_ns: the clock that on_woken is told.
    """

    def __init__(self, loop: Loop, monotonic_ns: Callable[[], int], linger_us: int) -> None:
        self._call_soon = loop.call_soon
        self._monotonic_ns = monotonic_ns
        self._linger_ns = linger_us * 1000
        self._until_ns = 0
        self._looks = False

    def on_woken(self, now: int) -> None:
        """A wake-up has ended. now: ns."""
        self._until_ns = now + self._linger_ns
        if not self._looks:
            self._looks = True
            self._call_soon(self._look)

    def _look(self) -> None:
        if self._monotonic_ns() < self._until_ns:
            self._call_soon(self._look)
        else:
            self._looks = False
