"""What one side of a classic FIX session remembers across its connections.

The next numbers in both directions, and the messages sent that may be sent again. Bounded: beyond
the limits the oldest messages are forgotten and will be gap-filled. Nothing is read or written
here; who keeps it in a file takes the changes and appends them before the bytes go out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

FRAMES_MAX = 10_000
FRAME_BYTES_MAX = 4 << 20


class Change(NamedTuple):
    """One step of a history: "out" or "in" with the number that comes next, or "reset".

    frame: of "out", the message if it may be sent again.
    """

    what: str
    number: int = 1
    frame: bytes = b""


class History:
    """Numbers and messages of one session; see the module's top.

    next_out, next_in: MsgSeqNum of the next message sent, expected. changes: what was not taken
    yet; stays empty unless recorded.
    """

    def __init__(self, recorded: bool = False) -> None:
        self.next_out = 1
        self.next_in = 1
        self.changes: list[Change] = []
        self._recorded = recorded
        self._frames: dict[int, bytes] = {}
        self._bytes = 0

    def sent(self, seq: int, frame: bytes = b"") -> None:
        """A message went out; its frame is kept if it may be sent again."""
        self.next_out = seq + 1
        if frame:
            self._frames[seq] = frame
            self._bytes += len(frame)
            while len(self._frames) > FRAMES_MAX or self._bytes > FRAME_BYTES_MAX:
                self._bytes -= len(self._frames.pop(next(iter(self._frames))))
        self._record(Change("out", self.next_out, frame))

    def received(self, next_in: int) -> None:
        """All before this number came."""
        if next_in != self.next_in:
            self.next_in = next_in
            self._record(Change("in", next_in))

    def reset(self) -> None:
        """Both directions start again at 1."""
        self.next_out = self.next_in = 1
        self._frames.clear()
        self._bytes = 0
        self._record(Change("reset"))

    def frames(self, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        """(MsgSeqNum, frame) of what may be sent again from begin to end, in order."""
        for seq, frame in self._frames.items():
            if begin <= seq <= end:
                yield seq, frame

    def apply(self, change: Change) -> None:
        """Take a change that was recorded by another run."""
        if change.what == "out":
            self.sent(change.number - 1, change.frame)
        elif change.what == "in":
            self.received(change.number)
        else:
            self.reset()

    def take_changes(self) -> list[Change]:
        """Changes since the last call, in order; the list is handed over."""
        changes, self.changes = self.changes, []
        return changes

    def as_changes(self) -> list[Change]:
        """The shortest list of changes that leads here from nothing."""
        kept = [Change("out", seq + 1, frame) for seq, frame in self._frames.items()]
        return [Change("reset"), *kept, Change("out", self.next_out), Change("in", self.next_in)]

    def _record(self, change: Change) -> None:
        if self._recorded:
            self.changes.append(change)
