"""Looks after the journal process while the engine serves: its answers, its end, its silence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from fixengine.network.alarm import EachSecond
from fixengine.network.journal import Journal
from fixengine.network.reports import Log

SILENT_NS_MAX = 2_000_000_000
"""The journal process looks at its ring every few milliseconds, unless the disk holds it up."""


class Watch:
    """Looks at once when the process ends, and every second; close it before the journal.

    changed: called when the journal may not be `healthy` any more, or be it again. answered:
    called when the journal process has tried what it was asked for. holds: whether orders wait
    for it.
    """

    def __init__(
        self,
        journal: Journal,
        loop: asyncio.AbstractEventLoop,
        log: Log,
        changed: Callable[[], None],
        answered: Callable[[], None],
        *,
        holds: bool,
    ) -> None:
        self._journal = journal
        self._loop = loop
        self._log = log
        self._changed = changed
        self._answered = answered
        self._meanwhile = "held until it is heard" if holds else "taken until its ring is full"
        self._fd = -1
        self._silent = False
        self._each_second = EachSecond(loop, self._look)
        self._look()

    def close(self) -> None:
        """Look no more."""
        self._each_second.close()
        self._unwatch()

    def _unwatch(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
        self._fd = -1

    def _look(self) -> None:
        # Before it may be closed, and its number be another file's.
        self._unwatch()
        now = time.monotonic_ns()
        healthy = self._journal.healthy
        answered = self._journal.look(now)
        self._fd = self._journal.fd
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._look)
        if answered:
            self._answered()
        if self._journal.healthy != healthy:
            self._changed()
        silent = self._journal.silent_ns(now) > SILENT_NS_MAX
        if silent and not self._silent:
            process = self._journal.status().process
            text = f"the journal process ({process}) is silent: it is stopped, or the disk hangs"
            self._log("error", f"{text}; orders are {self._meanwhile}", event="journal")
        elif self._silent and not silent:
            self._log("info", "the journal process is no longer silent", event="journal")
        self._silent = silent
