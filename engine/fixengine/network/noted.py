"""The bus, with a note in the journal wherever it did not simply take what it was given.

Whether a strategy is there and reads is found out by sending to it, and what is decided by that
has to be decided again by a replay.
"""

from __future__ import annotations

from collections.abc import Callable

from fixengine.network.strategies import Bus, Handed


class NotedBus:
    """note: is told what was read, such as "bus full PEER"."""

    def __init__(self, bus: Bus, note: Callable[[str], None]) -> None:
        self._send = bus.send
        self._note = note

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        """See Bus."""
        handed = self._send(peer, payload)
        if handed is not Handed.TAKEN:
            self._note(note_of(handed, peer))
        return handed


def note_of(handed: Handed, peer: bytes) -> str:
    """What is noted of a peer that did not take what it was given."""
    return f"bus {handed.value} {peer.decode('ascii', 'replace')}"
