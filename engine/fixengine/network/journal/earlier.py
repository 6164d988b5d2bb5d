"""The records of earlier runs that a start needs: from the newest checkpoint on, if there is one.

Without a checkpoint it is the last run that got as far as START and all that came after it. What
is damaged is named and passed over; of checkpoints, the one before it is taken then.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fixengine.network.journal.checkpoint import Checkpoint, checkpoints, read_checkpoint
from fixengine.network.journal.reader import Damage, Record, Scan, is_just_begun, scan_from
from fixengine.network.journal.record import (
    CLOSED,
    FILE_HEADER_BYTES,
    FileHeader,
    JournalError,
    Kind,
)
from fixengine.network.journal.retention import after, started
from fixengine.network.journal.writer import File, file_name, files


class Earlier:
    """Iterates once over the records, oldest first.

    damage: what could not be read. torn: a last record or file header that is cut off, as a power
    failure leaves it, or a disk that is being written to. is_closed: what came last is how a run
    ends that ends in order, or there was nothing. unusable: damaged checkpoints. since: the one it
    began with. end: the position up to which it has come, as the header of a file that would begin
    there; None before anything was read.
    """

    def __init__(
        self, directory: Path, before: int | None = None, until: Checkpoint | None = None
    ) -> None:
        """before: only runs before this epoch. until: only what it holds, and without its help."""
        self._directory = directory
        self._before = before if until is None else until.epoch + 1
        self._until = until
        self.damage: list[str] = []
        self.torn: str | None = None
        self.is_closed = True
        self.unusable: list[str] = []
        self.end: FileHeader | None = None
        self.since: Checkpoint | None = None

    def __iter__(self) -> Iterator[Record]:
        if not self._directory.exists():
            return
        found = files(self._directory)
        if self._before is not None:
            found = [file for file in found if file.epoch < self._before]
        first = started(found)
        yield from self._checkpoint(first)
        if self.since is None:
            found = [file for file in found if first is None or file.epoch >= first]
        else:
            found = after(found, self.since.epoch, self.since.position)
        if self.since is not None and not (found and found[0].epoch == self.since.epoch):
            where = f"{self.since.position} of run {self.since.epoch}"
            text = f"{self._directory}: no file holds what came after {where}, where the checkpoint"
            self.damage.append(f"{text} {self.since.path.name} ends")
        for file in found:
            yield from self._file(file)

    @property
    def problems(self) -> list[str]:
        """All that is to be told of it."""
        return self.unusable + self.damage + ([] if self.torn is None else [self.torn])

    def _checkpoint(self, first: int | None) -> list[Record]:
        """Records of the newest sound checkpoint of that run or a later one."""
        for found in checkpoints(self._directory):
            is_later = self._before is not None and found.epoch >= self._before
            is_later = is_later or (self._until is not None and found >= self._until)
            if is_later or (first is not None and found.epoch < first):
                continue
            try:
                self.end, records = read_checkpoint(found.path)
            except JournalError as problem:
                self.unusable.append(f"{problem}; what came before it is read instead")
                continue
            self.since = found
            self.is_closed = False
            return records
        return []

    def _file(self, file: File) -> Iterator[Record]:
        if self.torn is not None:
            # Nothing but the very end may be.
            self.damage.append(self.torn)
            self.torn = None
        position, wall_offset_ns = 0, 0
        if self.end is not None and file.epoch == self.end.epoch:
            position, wall_offset_ns = self.end.base, self.end.wall_offset_ns
        try:
            scan = scan_from(file.path, position, wall_offset_ns)
        except JournalError as problem:
            if is_just_begun(file.path):
                self.torn = str(problem)
            else:
                self.damage.append(str(problem))
            return
        header = scan.header
        if self._until is not None and header.epoch == self._until.epoch:
            scan.end = FILE_HEADER_BYTES + self._until.position - header.base
        try:
            if (header.epoch, header.number) != (file.epoch, file.number):
                name = file_name(header.epoch, header.number)
                self.damage.append(f"{file.path}: it is {name} by its header, and is not read")
            elif scan.end is None or scan.end > FILE_HEADER_BYTES:
                if header.base > position:
                    text = f"{file.path}: it begins at {header.base} of the run, and what came"
                    self.damage.append(f"{text} before it, from {position} on, is gone")
                yield from self._records(scan)
        except JournalError as problem:
            self.damage.append(str(problem))
        finally:
            scan.close()

    def _records(self, scan: Scan) -> Iterator[Record]:
        for entry in scan:
            if isinstance(entry, Record):
                self.is_closed = entry.kind == Kind.CONTROL and entry.data == CLOSED
                yield entry
            elif isinstance(entry, Damage) and entry.last:
                self.torn = f"{entry.path} at {entry.offset}: {entry.reason}"
                scan.begin(entry.offset, scan.wall_offset_ns)
                break
            elif isinstance(entry, Damage):
                self.damage.append(f"{entry.path} at {entry.offset}: {entry.reason}")
        self.end = scan.header._replace(
            number=0, base=scan.position, wall_offset_ns=scan.wall_offset_ns
        )
