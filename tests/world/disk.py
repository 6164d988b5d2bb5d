"""State and journal of the world's engine: what outlives which death.

kill -9 loses nothing that was appended: the ring lies in shared memory. Where the power fails, what
had not reached the disk is lost, and the last record that had begun to may be torn. Where orders do
not wait for the disk, it is quick: with anything that leaves, all before is on it.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fixengine.network.journal.reader import Record
from fixengine.network.journal.record import padded
from fixengine.network.journal.ring import Ring
from fixengine.network.journal.writer import Drain, files
from fixengine.network.recall import Recalled, recall
from fixengine.testing.clock import WALL_OFFSET_NS
from fixengine.testing.storage import JournalInMemory, StateInMemory

Effect = Callable[[str, Callable[[], Any]], Any]
"""effect(kind, action): do it; the process may die before or behind it."""
FILE_BYTES_MAX = 1 << 30
MEMORY = Path("/dev/shm")
"""Quicker than a disk, where there is one."""


class TappedState(StateInMemory):
    """What is on disk, between whose writes the process may die."""

    def __init__(self, effect: Effect, before: StateInMemory | None) -> None:
        super().__init__(before)
        self._effect = effect

    def _write(self, content: Any) -> None:
        self._effect("state", lambda: super(TappedState, self)._write(content))


class Torn(NamedTuple):
    """The end of a journal. share: how much of the record is there; has_length: the file is as
    long as if all of it were.
    """

    record: Record
    share: float
    has_length: bool


class Disk:
    """The journals of all runs, as a power cut leaves them."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._synced: dict[JournalInMemory, int] = {}
        self._torn: dict[JournalInMemory, Torn] = {}

    def sync(self, journal: JournalInMemory) -> None:
        """Everything appended so far is on disk."""
        self._synced[journal] = len(journal.records)

    def lost(self, journal: JournalInMemory) -> list[Record]:
        """The last records: what would be lost if the power failed now."""
        count, position = len(journal.records), journal.appended
        while position > journal.on_disk and count > self._synced.get(journal, 0):
            count -= 1
            position -= padded(len(journal.records[count].data))
        return journal.records[count:]

    def fail(self, journal: JournalInMemory) -> str:
        """The power fails; whether the journal ends whole, lost or torn."""
        records = journal.records
        synced = len(records) - len(self.lost(journal))
        if synced == len(records):
            return "whole"
        kept = self._chance.randrange(synced, len(records))
        last = records[kept]
        del records[kept:]
        # What is left is on disk: the power may fail again before another journal is opened.
        self.sync(journal)
        if self._chance.random() < 0.4:
            return "lost"
        self._torn[journal] = Torn(last, self._chance.random(), self._chance.random() < 0.5)
        return "torn"

    def is_torn(self, journals: list[JournalInMemory]) -> bool:
        """Whether one of these ends with half a record."""
        return any(journal in self._torn for journal in journals)

    def recall(self, journals: list[JournalInMemory], epoch: int, *given: Any) -> Recalled:
        """What a new run reads from files, written and read by the engine's own rooms."""
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
            folder = Path(name) / "journal"
            folder.mkdir()
            for journal in journals:
                torn = self._torn.get(journal)
                if torn is not None:
                    write(folder, [*journal.records, torn.record])
                    tear(files(folder)[-1].path, torn)
                elif journal.records:
                    write(folder, journal.records)
            return recall(Path(name), epoch, *given)


def write(folder: Path, records: list[Record]) -> None:
    """The journal file of one run."""
    room = sum(padded(len(one.data)) for one in records)
    ring = Ring.create(folder / "ring", folder, records[0].epoch, 1 << max(20, room.bit_length()))
    ring.wall_offset_ns = WALL_OFFSET_NS
    for one in records:
        assert ring.append(one.kind, one.now_ns, one.line, one.data), "the ring has room for all"
    drain = Drain(ring, folder, FILE_BYTES_MAX)
    drain.step()
    drain.close()
    ring.close(remove=True)


def tear(path: Path, torn: Torn) -> None:
    """Leave only a part of the file's last record."""
    whole = path.read_bytes()
    size = padded(len(torn.record.data))
    begun = whole[: len(whole) - size + max(8, int(torn.share * (size - 8)))]
    full = begun.ljust(len(whole), b"\0")
    path.write_bytes(full if torn.has_length and full != whole else begun)
