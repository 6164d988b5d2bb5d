"""Whether the journal is written, and who is told when it is not. Sans-I/O."""

from __future__ import annotations

from collections.abc import Callable

from fixengine.network.journal.record import Kind
from fixengine.network.teller import Journal, Teller

SECOND_NS = 1_000_000_000
WELL = "well"

Say = Callable[[str, str, int], None]
"""say(level, text, now): tell operator and strategies."""


class Trouble:
    """Looks at the journal and tells when its trouble begins and when it is over: after a second
    without, so that a ring that hovers about its limit is not told of each time.
    """

    def __init__(self, teller: Teller, journal: Journal, say: Say) -> None:
        self._teller = teller
        self._journal = journal
        self._reserve_bytes = journal.reserve_bytes
        self._say = say
        self._trouble_ns: int | None = None
        self._read: str | None = None

    def look(self, now: int) -> str | None:
        """Why no new order may be taken because of the journal, or None."""
        # For each order: one question while all is well.
        well = self._read is None and self._trouble_ns is None
        if well and self._journal.has_room(self._reserve_bytes):
            return None
        trouble = self._teller.journal_trouble
        if trouble != self._read:
            self._read = trouble
            self._teller.record(Kind.READ, now, 0, f"journal {trouble or WELL}".encode())
        if trouble is None:
            since = self._trouble_ns
            if since is not None and now - since >= SECOND_NS:
                self._trouble_ns = None
                self._say("info", "the journal is written again; orders are taken", now)
            return None
        if self._trouble_ns is None:
            self._say("error", f"{trouble}; new orders are refused", now)
        self._trouble_ns = now
        return trouble
