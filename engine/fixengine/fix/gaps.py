"""Messages that came before their turn, and the one request for what is missing.

At most one ResendRequest is outstanding: until all that was known to be missing has come, messages
that are ahead are held and nothing more is asked. Held are at most HELD_MAX messages and
HELD_BYTES_MAX bytes; what finds no room is dropped and comes with a later resend, since its number
is then missing in its turn.
"""

from __future__ import annotations

HELD_MAX = 1000
HELD_BYTES_MAX = 1 << 20
ASKED_MAX = 3


class Gaps:
    """What is known beyond the next expected number.

    asked_at_ns: when the outstanding ResendRequest was sent, None where there is none. asked:
    how often this gap was asked for.
    """

    def __init__(self) -> None:
        self.asked_at_ns: int | None = None
        self.asked = 0
        self._highest = 0
        self._asked_to = 0
        self._held: dict[int, bytes] = {}
        self._bytes = 0

    def hold(self, seq: int, frame: bytes) -> None:
        """Keep a message that is ahead; an empty frame for one that was dealt with already."""
        self._highest = max(self._highest, seq)
        fits = len(self._held) < HELD_MAX and self._bytes + len(frame) <= HELD_BYTES_MAX
        if fits and seq not in self._held:
            self._held[seq] = frame
            self._bytes += len(frame)

    def take(self, seq: int) -> bytes | None:
        """The message with this number, which is now due; None where it is not held."""
        frame = self._held.pop(seq, None)
        if frame is not None:
            self._bytes -= len(frame)
        return frame

    def take_before(self, end: int) -> list[bytes]:
        """All messages held before this number, in order."""
        numbers = sorted(seq for seq in self._held if seq < end)
        return [frame for seq in numbers if (frame := self.take(seq))]

    def missing(self, next_in: int) -> bool:
        """Whether something before a message that came is missing; forgets what is behind."""
        if self._highest < next_in:
            self.clear()
            return False
        for seq in [seq for seq in self._held if seq < next_in]:
            self.take(seq)
        return True

    def ask(self, now: int) -> None:
        """A ResendRequest goes out."""
        self.asked_at_ns = now
        self.asked += 1
        self._asked_to = self._highest

    def awaits(self, next_in: int) -> bool:
        """Whether what was asked for is still to come. What came later may have found no room, and
        lies behind all that is resent.
        """
        return self.asked_at_ns is not None and next_in <= self._asked_to

    def progressed(self, now: int) -> None:
        """What was asked for is coming: its time runs anew."""
        if self.asked_at_ns is not None:
            self.asked_at_ns = now
            self.asked = 1

    def clear(self) -> None:
        """Nothing is missing, or the numbers start anew."""
        self.asked_at_ns = None
        self.asked = 0
        self._highest = 0
        self._held.clear()
        self._bytes = 0
