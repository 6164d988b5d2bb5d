"""What an engine keeps on disk, kept in memory: it outlives a run, and kill -9 loses none of it."""

from __future__ import annotations

import math
from collections.abc import Callable

from fixengine.network import state
from fixengine.network.journal import Kind, Record
from fixengine.network.journal.record import WALL_OFFSET, padded
from fixengine.testing.clock import WALL_OFFSET_NS, Run

ROOM_BYTES = 1 << 30


class StateInMemory(state.StateInMemory):
    """The state directory of a run. before: that of the run before."""

    def __init__(self, before: StateInMemory | None = None) -> None:
        super().__init__(None if before is None else before._content)


class JournalInMemory:
    """The journal of one run. healthy: what it says of its disk; False refuses new orders.

    Positions count bytes, as on a disk. disk_ms: how long its disk takes when it is asked;
    math.inf: it hangs. That matters with durability "power" only. on_mark: what is called then.
    """

    recovered = None
    free_bytes = reserve_bytes = ROOM_BYTES

    def __init__(self, epoch: int, run: Run) -> None:
        self.records: list[Record] = []
        self.healthy = True
        self.disk_ms: float = 0
        self.on_disk = 0
        self.appended = 0
        self.on_mark: Callable[[], None] = lambda: None
        self._epoch = epoch
        self._run = run

    @property
    def error(self) -> str | None:
        """What is wrong with its disk."""
        return None if self.healthy else "No space left on device"

    def has_room(self, room_bytes: int) -> bool:
        """Whether it is healthy: there is always room."""
        return self.healthy

    def ask(self) -> None:
        """Ask for the disk now."""
        if self.disk_ms != math.inf:
            position = self.appended
            self._run.call_later(self.disk_ms / 1000, lambda: self._written(position))

    def _written(self, position: int) -> None:
        if self.healthy:
            self.on_disk = max(self.on_disk, position)
        self.on_mark()

    def append(self, kind: int, now: int, line: int, data: bytes) -> bool:
        """Record. There is always room: the disk that refuses is bridged by the ring."""
        number = len(self.records) + 1
        wall = now + WALL_OFFSET_NS
        self.records.append(Record(self._epoch, number, kind, line, 0, now, wall, data))
        self.appended += padded(len(data))
        return True

    def clock(self, now: int, wall_offset_ns: int) -> bool:
        """Record that the wall clock was set."""
        return self.append(Kind.CLOCK, now, 0, WALL_OFFSET.pack(wall_offset_ns))

    def sync(self, timeout_s: float) -> bool:
        """Everything is safe at once."""
        return True

    def close(self, timeout_s: float) -> bool:
        """The run ends."""
        return True
