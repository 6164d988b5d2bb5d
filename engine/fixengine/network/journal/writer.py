"""From the ring to the disk: the drain, and recovery at start.

The drain writes the stream at the place in the file that its position gives, syncs, and only then
moves the marks. So it may be stopped anywhere, by kill -9 as well, and be run again by the next
process: it writes the same bytes to the same place. After a disk error everything since the last
sync is written anew, because a failed sync may have dropped what it did not write.

A file is finished once it has reached its limit, always at the end of a record. Nothing but the
file's own header tells where it begins, so there is no second place that could disagree with it.

Room is taken ahead, as much as the ring holds and behind the end of the file, so that its size
stays what was written. That makes no step faster (each still moves the end), but a full disk is
told while there is room: new orders are refused, and the cancels and reports that follow still
reach the disk.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

from fixengine.network.journal.place import (
    has_lost_ring,
    is_foreign,
    old_rings,
)
from fixengine.network.journal.record import (
    FILE_HEADER_BYTES,
    FileHeader,
    JournalError,
)
from fixengine.network.journal.ring import Ring

KEEP_SIZE = 1
"""FALLOC_FL_KEEP_SIZE of Linux, which Python's own posix_fallocate does not know."""
NO_ROOM_AHEAD = (errno.EOPNOTSUPP, errno.ENOSYS)
"""The file system takes no room ahead; then there is none."""
libc = ctypes.CDLL(None, use_errno=True)

FILE_NAME = re.compile(r"journal-([0-9]{1,20})(?:-([0-9]{1,20}))?\.fxj")


class Recovered(NamedTuple):
    """The earlier run that did not end cleanly, as its ring or the link to that tells: its epoch,
    and the bytes that only the ring had; None where the ring is gone.
    """

    epoch: int
    saved_bytes: int | None


def file_name(epoch: int, number: int) -> str:
    """Name of one file of a run."""
    return f"journal-{epoch}.fxj" if number == 0 else f"journal-{epoch}-{number}.fxj"


class File(NamedTuple):
    """A journal file by its name."""

    epoch: int
    number: int
    path: Path


def files(directory: Path) -> list[File]:
    """The journal files of a directory, oldest first."""
    found = []
    for path in directory.iterdir():
        if match := FILE_NAME.fullmatch(path.name):
            found.append(File(int(match[1]), int(match[2] or 0), path))
    return sorted(found)


class Drain:
    """Copies a ring to its files; `step` does it once. Has no process and no policy.

    ahead_bytes: room to take on the disk ahead of what is written; 0: none.
    """

    def __init__(
        self, ring: Ring, directory: Path, file_bytes_max: int, ahead_bytes: int = 0
    ) -> None:
        self._ring = ring
        self._directory = directory
        self._file_bytes_max = file_bytes_max
        self._ahead_bytes = ahead_bytes
        self._file = -1
        self._number = 0
        self._base = 0
        self._taken = 0  # offset up to which room is taken
        self._short = False

    def step(self) -> int:
        """Bring everything appended so far to the disk; the bytes moved.

        Blocks for the disk. Raises OSError when it refuses, and when everything is there but no
        room ahead any more; call `close` before the next step.
        """
        ring = self._ring
        start, end = ring.on_disk, ring.appended
        if start == end and not self._short:
            return 0
        if self._file < 0:
            self._open(self._newest(), start)
        elif self._offset(start) >= self._file_bytes_max:
            self.finish()
            self._open(self._number + 1, start)
        problem = self._take_room(self._offset(end))
        self._short = problem is not None
        if start != end:
            self._write(start, end)
        # Before the mark that others wait for: who sees that one finds all of it well.
        ring.error_number = 0 if problem is None else problem.errno or 0
        ring.on_disk = end
        if problem is not None:
            raise problem
        return end - start

    def _write(self, start: int, end: int) -> None:
        ring = self._ring
        offset = self._offset(start)
        parts = ring.parts(start, end)
        try:
            for part in parts:
                write_all(self._file, part, offset)
                offset += len(part)
        finally:
            # The ring cannot be unmapped while a view of it lives.
            for part in parts:
                part.release()
        ring.written_to = end
        os.fdatasync(self._file)

    def _take_room(self, offset: int) -> OSError | None:
        """Have room taken behind this offset where there is less than there has to be; why not."""
        if offset + self._ahead_bytes <= self._taken or not self._ahead_bytes:
            return None
        # Twice as much, so that it does not have to be done in every step.
        count = 2 * self._ahead_bytes
        try:
            allocate(self._file, offset, count)
        except OSError as problem:
            if problem.errno not in NO_ROOM_AHEAD:
                return problem
            count = sys.maxsize
        self._taken = offset + count
        return None

    def finish(self) -> None:
        """Close the file for good: what was taken ahead is free again. OSError."""
        if self._file >= 0 and self._taken:
            os.ftruncate(self._file, os.fstat(self._file).st_size)
        self.close()

    def close(self) -> None:
        """Close the file; the next step opens it again."""
        if self._file >= 0:
            file, self._file = self._file, -1
            self._taken = 0
            os.close(file)

    def _offset(self, position: int) -> int:
        return FILE_HEADER_BYTES + position - self._base

    def _newest(self) -> int:
        ours = [file for file in files(self._directory) if file.epoch == self._ring.epoch]
        return ours[-1].number if ours else 0

    def _open(self, number: int, position: int) -> None:
        # A file that was cut, replaced or damaged stays untouched; the stream goes on behind it.
        while not self._try(number, position):
            self.close()
            number += 1

    def _try(self, number: int, position: int) -> bool:
        """Open one file; whether the stream can go on in it at this position."""
        path = self._directory / file_name(self._ring.epoch, number)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)
        self._number = number
        size = os.fstat(self._file).st_size
        try:
            header = FileHeader.unpack(os.pread(self._file, FILE_HEADER_BYTES, 0))
        except ValueError:
            if size > FILE_HEADER_BYTES:
                return False
            # New, or cut off while the header was written.
            ring = self._ring
            header = FileHeader(ring.epoch, number, position, ring.wall_offset_ns, ring.version)
            write_all(self._file, memoryview(header.pack()), 0)
            size = FILE_HEADER_BYTES
        self._base = header.base
        ours = header.epoch == self._ring.epoch and header.number == number
        if not (ours and header.base <= position and size >= self._offset(position)):
            return False
        # Whoever began the file may have been stopped before its name was on disk.
        sync_directory(self._directory)
        return True


def recover(directory: Path, shared_memory: Path, file_bytes_max: int) -> Recovered | None:
    """Bring what an earlier process left in its ring to that run's files; then remove the ring.

    What it had taken ahead on the disk is free again.
    JournalError where the ring is in use or damaged, or the disk refuses: the ring stays then.
    """
    recovered = None
    if has_lost_ring(directory):
        newest = max((file.epoch for file in files(directory)), default=0)
        recovered = Recovered(newest, None)
    for place in old_rings(directory, shared_memory):
        ring = Ring.attach(place)
        if ring is None:
            place.unlink()
            continue
        if is_foreign(ring, directory):
            ring.close(remove=False)
            continue
        done = False
        drain = Drain(ring, directory, file_bytes_max)
        try:
            moved = drain.step()
            done = True
            if ring.appended:
                recovered = Recovered(ring.epoch, moved)
        except OSError as error:
            reason = f"the records of the last run cannot be saved to {directory}: {error.strerror}"
            advice = "they are still in this ring; make room and start again"
            raise JournalError(place, f"{reason}; {advice}") from None
        finally:
            drain.close()
            ring.close(remove=done)
    for file in files(directory)[-1:]:
        os.truncate(file.path, file.path.stat().st_size)
    return recovered


def write_all(file: int, data: memoryview, offset: int) -> None:
    """Write all of data at offset; OSError when the disk refuses."""
    done = 0
    while done < len(data):
        with data[done:] as rest:
            done += os.pwrite(file, rest, offset + done)


def allocate(file: int, offset: int, count: int) -> None:
    """Take room for count bytes at offset; the file's size stays. OSError without room."""
    if libc.fallocate(file, KEEP_SIZE, ctypes.c_int64(offset), ctypes.c_int64(count)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def sync_directory(directory: Path) -> None:
    """Bring a directory's entries to disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
