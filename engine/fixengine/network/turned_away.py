"""Tells the operator of those for whom the bus has no room; they see nothing but an end."""

from __future__ import annotations

from collections.abc import Callable

from fixengine.network.alarm import EachSecond, Timers
from fixengine.network.reports import Log


class TurnedAway:
    """Looks every second, and says so once for as long as some are turned away in each.

    count: how many were, ever. Close it before the bus.
    """

    def __init__(self, count: Callable[[], int], loop: Timers, log: Log) -> None:
        self._count = count
        self._log = log
        self._before = 0
        self._told = False
        self.close = EachSecond(loop, self._look).close

    def _look(self) -> None:
        count = self._count()
        some = count - self._before
        if some and not self._told:
            text = f"bus: no room for more connections: {some} turned away; end some, or have fewer"
            self._log("warning", text, event="bus")
        self._before, self._told = count, some > 0
