"""Bus and archive, with a note in the journal wherever they did not take what they were given.

Whether a strategy is there and reads is found out by sending to it, and what is decided by that
has to be decided again by a replay.
"""

from __future__ import annotations

from collections.abc import Callable

from fixengine.network.strategies import TAKEN, Archive, Bus, Handed

NOT_NOW = "archive not now"


class NotedBus:
    """note: is told what was read, such as "bus full PEER"."""

    def __init__(self, bus: Bus, note: Callable[[str], None]) -> None:
        self._send = bus.send
        self._note = note

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        """See Bus."""
        handed = self._send(peer, payload)
        if handed is not TAKEN:
            self._note(note_of(handed, peer))
        return handed


class NotedArchive:
    """note: is told that it could not be asked."""

    def __init__(self, archive: Archive, note: Callable[[str], None]) -> None:
        self._ask = archive.ask
        self._note = note

    def ask(self, name: str, first: int, last: int) -> int | None:
        """See Archive."""
        number = self._ask(name, first, last)
        if number is None:
            self._note(NOT_NOW)
        return number


def note_of(handed: Handed, peer: bytes) -> str:
    """What is noted of a peer that did not take what it was given."""
    return f"bus {handed.value} {peer.decode('ascii', 'replace')}"
