"""Reading the journal back, from files and from a ring that nobody has drained yet.

`scan` yields what a file holds and never stops at damage: it says where and why, and goes on at
the next sound record. `read` is for those who need every record: it raises at damage, except at
the very end, where a torn last record is what a power failure leaves behind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Protocol

from fixengine.network.journal.place import LINK_NAME
from fixengine.network.journal.record import (
    CHECKSUMS,
    DATA_BYTES_MAX,
    FIELDS,
    FILE_HEADER_BYTES,
    HEADER_BYTES,
    MAGIC,
    MAGIC_BYTES,
    PREFIX,
    WALL_OFFSET,
    Checksum,
    FileHeader,
    JournalError,
    Kind,
    padded,
)
from fixengine.network.journal.ring import (
    APPENDED,
    DIRECTORY_OFFSET,
    ON_DISK,
    PAGE_BYTES,
    READY,
    RECORDS,
    RING_BYTES,
    RING_BYTES_MIN,
    WALL_OFFSET_AT,
)
from fixengine.network.journal.ring import EPOCH as RING_EPOCH
from fixengine.network.journal.writer import File, files

WINDOW_BYTES = 1 << 20


class Record(NamedTuple):
    """One record. kind may be a number that this version has no Kind for.

    wall_ns: now_ns as nanoseconds since 1970 UTC, by the offset last recorded.
    """

    epoch: int
    sequence: int
    kind: int
    line: int
    flags: int
    now_ns: int
    wall_ns: int
    data: bytes


class Damage(NamedTuple):
    """Bytes that are no sound record. last: nothing sound follows, as after a torn write."""

    path: str
    offset: int
    byte_count: int
    reason: str
    last: bool


class Missing(NamedTuple):
    """A hole in the sequence of a run: records that a full ring refused, or that are damaged."""

    epoch: int
    sequence: int
    record_count: int


Entry = Record | Damage | Missing


class Source(Protocol):
    """Bytes with a name."""

    path: str

    def view(self, offset: int, count: int) -> tuple[bytes, int]:
        """Bytes, and where in them those from offset on begin; fewer than count only at the end."""
        ...

    def take(self, offset: int, count: int) -> bytes:
        """Up to count bytes at offset; fewer only at the end."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class FileSource:
    """A file read through a window, so that its size does not matter."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._start = 0
        self._window = b""
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise JournalError(path, f"cannot be read: {error.strerror}") from None

    def view(self, offset: int, count: int) -> tuple[bytes, int]:
        """See Source; JournalError when the disk cannot deliver."""
        at = offset - self._start
        if at < 0 or at + count > len(self._window):
            try:
                self._window = os.pread(self._file, max(count, WINDOW_BYTES), offset)
            except OSError as error:
                reason = f"cannot be read: {error.strerror}"
                raise JournalError(self.path, reason, offset) from None
            self._start = offset
            at = 0
        return self._window, at

    def take(self, offset: int, count: int) -> bytes:
        """See Source; JournalError when the disk cannot deliver."""
        window, at = self.view(offset, count)
        return window[at : at + count]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class MemorySource:
    """Bytes in memory."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self._data = data

    def view(self, offset: int, count: int) -> tuple[bytes, int]:
        """See Source."""
        return self._data, offset

    def take(self, offset: int, count: int) -> bytes:
        """See Source."""
        return self._data[offset : offset + count]

    def close(self) -> None:
        """See Source."""


def scan(path: Path) -> Iterator[Entry]:
    """Everything in one journal file. JournalError where it cannot be read or is none."""
    found = open_scan(FileSource(path))
    try:
        yield from found
    finally:
        found.close()


def read(path: Path, on_torn: Callable[[Damage], None] | None = None) -> Iterator[Record]:
    """The records of one journal file, in order.

    JournalError names file and offset of damage that sound records follow. A torn last record
    ends the file; on_torn is told. Sequence numbers may have holes: see Missing.
    """
    for entry in scan(path):
        if isinstance(entry, Record):
            yield entry
        elif isinstance(entry, Damage):
            if not entry.last:
                raise JournalError(entry.path, entry.reason, entry.offset)
            if on_torn is not None:
                on_torn(entry)


def entries(path: Path) -> Walk:
    """Everything in a journal file, a journal directory or a state directory, oldest first."""
    return Walk(path)


class Walk:
    """Iterates over what lies at a path: a journal file, a journal or a state directory.

    Of a directory also what still lies in the ring: after a crash, or while the disk refuses. A
    file whose header cannot be read is one Damage. JournalError where there is no journal. Can be
    iterated over anew, and then looks anew.

    done_bytes: of total_bytes, as far as it is read.
    """

    def __init__(self, path: Path) -> None:
        self._given = path
        self.done_bytes = 0
        self.total_bytes = 0

    def __iter__(self) -> Iterator[Entry]:
        before = 0
        for scan in self.scans():
            if isinstance(scan, Damage):
                yield scan
                continue
            for entry in scan:
                self.done_bytes = before + scan.offset
                yield entry
            before = self.done_bytes

    def scans(self) -> Iterator[Scan | Damage]:
        """A scan of each file and of the ring, each to be exhausted before the next is asked for;
        Damage for a file whose header is not sound.
        """
        self.done_bytes = 0
        try:
            directory = journal_directory(self._given)
            # Looked at before the files: what the disk takes meanwhile lies in both.
            ring = None if directory is None else ring_rest(directory)
            found = [] if directory is None else files(directory)
            paths = [self._given] if directory is None else [file.path for file in found]
            self.total_bytes = sum(path.stat().st_size for path in paths)
        except OSError as error:
            raise JournalError(self._given, f"cannot be read: {error.strerror}") from None
        if directory is None:
            with closing(open_scan(FileSource(self._given))) as scan:
                yield scan
        elif ring is None and not found:
            raise JournalError(self._given, "there is no journal here")
        else:
            yield from self._all(found, ring)

    def _all(
        self, found: list[File], ring: tuple[MemorySource, FileHeader] | None
    ) -> Iterator[Scan | Damage]:
        before: File | None = None
        last: int | None = 0
        for file in found:
            if before is None or file.epoch != before.epoch:
                # The first files of a run may have been removed by age.
                last = 0 if file.number == 0 else None
            before = file
            is_drained = ring is not None and ring[1].epoch == file.epoch
            if is_drained and file is found[-1] and is_just_begun(file.path):
                # The drain is about to write its header, and the ring has what comes behind.
                continue
            try:
                scan = open_scan(FileSource(file.path), last)
            except JournalError as error:
                yield Damage(str(file.path), 0, FILE_HEADER_BYTES, error.reason, True)
                continue
            if ring is not None and ring[1].epoch == scan.header.epoch:
                scan.end = FILE_HEADER_BYTES + ring[1].base - scan.header.base
            with closing(scan):
                yield scan
            last = scan.last
        if ring is not None:
            source, header = ring
            goes_on = before is not None and header.epoch == before.epoch
            yield Scan(source, 0, header, last if goes_on else 0)


def journal_directory(path: Path) -> Path | None:
    """The directory of a journal or state directory's journal; None for a file. OSError."""
    if not path.is_dir():
        return None
    return path / "journal" if (path / "journal").is_dir() else path


def is_just_begun(path: Path) -> bool:
    """Whether a file has not even its whole header: the drain was there just now, or was stopped
    there. False also where there is none any more; who opens it says so.
    """
    try:
        return path.stat().st_size < FILE_HEADER_BYTES
    except OSError:
        return False


def open_scan(source: FileSource, last: int | None = None) -> Scan:
    """A scan of a whole file; JournalError where its header is not sound, and it is closed."""
    try:
        return Scan(source, FILE_HEADER_BYTES, file_header(source), last)
    except JournalError:
        source.close()
        raise


def scan_from(file: Path, position: int, wall_offset_ns: int) -> Scan:
    """A scan of one file from a position of the run's stream on, where a record begins, or from the
    file's beginning, if that is later; JournalError as for `open_scan`.

    wall_offset_ns: what was last recorded before the position.
    """
    scan = open_scan(FileSource(file))
    if position > scan.header.base:
        scan.begin(FILE_HEADER_BYTES + position - scan.header.base, wall_offset_ns)
    return scan


def file_header(source: Source) -> FileHeader:
    """The header of a file; JournalError for a bad one."""
    try:
        return FileHeader.unpack(source.take(0, FILE_HEADER_BYTES))
    except ValueError as error:
        raise JournalError(source.path, str(error), 0) from None


class Scan:
    """Iterates over everything in a source from an offset on, and can go on where it stopped.

    last: sequence number before it, None where it is not known. at: where the entry began that
    came last. offset: where the next one begins. end: where to stop, None for the source's end.
    """

    def __init__(self, source: Source, offset: int, header: FileHeader, last: int | None) -> None:
        self.path = source.path
        self.header = header
        self.last = last
        self.at = offset
        self.offset = offset
        self.end: int | None = None
        self._source = source
        self._checksum = CHECKSUMS[header.version]
        self.wall_offset_ns = header.wall_offset_ns

    def begin(self, offset: int, wall_offset_ns: int) -> None:
        """Begin here instead, where this wall offset holds."""
        self.at = self.offset = offset
        self.wall_offset_ns = wall_offset_ns

    @property
    def position(self) -> int:
        """Position in the run's stream where the next entry begins."""
        return self.header.base + self.offset - FILE_HEADER_BYTES

    def __iter__(self) -> Iterator[Entry]:
        return self.entries(growing=False)

    def entries(self, growing: bool) -> Iterator[Entry]:
        """What there is. growing: leave what is unsound at the very end for the next time."""
        while self.end is None or self.offset < self.end:
            found = record_at(self._source, self.offset, self._checksum)
            if found is None:
                return
            if isinstance(found, str):
                resume, end = next_record(self._source, self.offset + 8, self._checksum)
                if growing and not resume:
                    return
                self.at, self.offset = self.offset, end
                yield Damage(self.path, self.at, end - self.at, found, not resume)
                continue
            kind, line, flags, sequence, now_ns, data = found
            self.at, self.offset = self.offset, self.offset + padded(len(data))
            if self.last is not None and sequence > self.last + 1:
                yield Missing(self.header.epoch, self.last + 1, sequence - self.last - 1)
            self.last = sequence
            if kind == Kind.CLOCK and len(data) == WALL_OFFSET.size:
                (self.wall_offset_ns,) = WALL_OFFSET.unpack(data)
            wall_ns = now_ns + self.wall_offset_ns
            yield Record(self.header.epoch, sequence, kind, line, flags, now_ns, wall_ns, data)

    def close(self) -> None:
        """Close the source."""
        self._source.close()


def record_at(
    source: Source, offset: int, checksum_of: Checksum
) -> tuple[int, int, int, int, int, bytes] | str | None:
    """(kind, line, flags, sequence, now_ns, data) there; None at the end; else what is wrong."""
    window, at = source.view(offset, HEADER_BYTES)
    left = len(window) - at
    if left <= 0:
        return None
    if left < HEADER_BYTES:
        return f"the record is cut off: {left} of at least {HEADER_BYTES} bytes"
    magic, checksum = PREFIX.unpack_from(window, at)
    if magic != MAGIC:
        return "no record begins here"
    size, kind, line, flags, sequence, now_ns = FIELDS.unpack_from(window, at + PREFIX.size)
    if size > DATA_BYTES_MAX:
        return f"the record gives its length as {size} bytes"
    whole = padded(size)
    if left < whole:
        window, at = source.view(offset, whole)
        if len(window) - at < whole:
            return f"the record is cut off: {len(window) - at} of {whole} bytes"
    if checksum_of(memoryview(window)[at + PREFIX.size : at + whole]) != checksum:
        return "the record's checksum does not match"
    data_at = at + HEADER_BYTES
    return kind, line, flags, sequence, now_ns, window[data_at : data_at + size]


def next_record(source: Source, offset: int, checksum_of: Checksum) -> tuple[bool, int]:
    """(True, where the next sound record begins), or (False, the end)."""
    while window := source.take(offset, WINDOW_BYTES):
        at = window.find(MAGIC_BYTES)
        while at >= 0:
            # Records begin at multiples of 8, as the damage did.
            found = record_at(source, offset + at, checksum_of) if at % 8 == 0 else None
            if isinstance(found, tuple):
                return True, offset + at
            at = window.find(MAGIC_BYTES, at + 1)
        offset += len(window)
    return False, offset


def ring_rest(directory: Path) -> tuple[MemorySource, FileHeader] | None:
    """What a directory's ring holds beyond the disk, read without touching it; None if no ring."""
    link = directory / LINK_NAME
    try:
        raw = link.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalError(link, f"the ring cannot be read: {error.strerror}") from None
    if len(raw) < PAGE_BYTES:
        return None
    marks = memoryview(raw)[:DIRECTORY_OFFSET].cast("Q")
    ring_bytes, start, end = marks[RING_BYTES], marks[ON_DISK], marks[APPENDED]
    sound = len(raw) == PAGE_BYTES + ring_bytes and ring_bytes >= RING_BYTES_MIN
    version = RECORDS.get(marks[READY])
    if version is None or not sound or not start <= end <= start + ring_bytes:
        raise JournalError(link, "the ring is damaged or of another version")
    at = start & (ring_bytes - 1)
    body = raw[PAGE_BYTES:]
    data = (body[at:] + body[:at])[: end - start]
    (wall_offset_ns,) = WALL_OFFSET.unpack_from(raw, WALL_OFFSET_AT)
    header = FileHeader(marks[RING_EPOCH], 0, start, wall_offset_ns, version)
    return MemorySource(str(link), data), header
