"""Tells the operator that something a running engine needs under its name was taken away.

Nothing shows it otherwise: who has the file open goes on with it. So does the engine, for to stop
trading by surprise would be worse; but what comes after it finds nothing there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from fixengine.network.alarm import EachSecond, Timers
from fixengine.network.bus import identity
from fixengine.network.reports import Log


class Place(NamedTuple):
    """path: it is there when the watch begins, and is held open or bound as long as that lasts, so
    that nothing else can look the same. event: of the log lines. what: it is. advice: what follows
    from its end, and what to do.
    """

    path: Path
    event: str
    what: str
    advice: str


class Gone:
    """Looks every second, and tells once when one is gone and once when it is there again.

    told: what is to be said of each that is gone now.
    """

    def __init__(
        self, places: Iterable[Place], loop: Timers, log: Log, told: dict[Path, str]
    ) -> None:
        self._places = [(place, identity(place.path)) for place in places]
        self._log = log
        self._told = told
        self.close = EachSecond(loop, self._look).close

    def _look(self) -> None:
        for place, first in self._places:
            path = place.path
            is_there = identity(path) == first
            if is_there and self._told.pop(path, None) is not None:
                self._log("info", f"{place.what}, {path}, is there again", event=place.event)
            elif not is_there and path not in self._told:
                text = f"{place.what}, {path}, is gone or another's: {place.advice}"
                self._told[path] = text
                self._log("error", text, event=place.event)
