"""From the ring to the disk: the drain, the thread that runs it, and recovery at start.

The drain writes the stream at the place in the file that its position gives, syncs, and only then
moves the marks. So it may be stopped anywhere, by kill -9 as well, and be run again by the next
process: it writes the same bytes to the same place. After a disk error everything since the last
sync is written anew, because a failed sync may have dropped what it did not write.

A file is finished once it has reached its limit, always at the end of a record. Nothing but the
file's own header tells where it begins, so there is no second place that could disagree with it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fixengine.network.journal.place import (
    SHARED_MEMORY,
    is_foreign,
    link_ring,
    make_directory,
    old_rings,
    ring_place,
    unlink_ring,
)
from fixengine.network.journal.record import (
    FILE_HEADER_BYTES,
    WALL_OFFSET,
    FileHeader,
    JournalError,
    Kind,
)
from fixengine.network.journal.ring import Ring

POLL_S = 0.005
"""How often the thread looks at the ring: the walk pays nothing to wake it."""
RETRY_S = 0.25
"""Wait between two attempts after a disk error."""

FILE_NAME = re.compile(r"journal-([0-9]{1,20})(?:-([0-9]{1,20}))?\.fxj")


class Recovered(NamedTuple):
    """What the start found in the ring of an earlier run: its epoch and the bytes it saved."""

    epoch: int
    saved_bytes: int


class Status(NamedTuple):
    """The journal as the caller sees it. Positions count bytes of the run's stream.

    error_number: errno of the last disk error, 0 while healthy. refused: records that a full ring
    did not take.
    """

    healthy: bool
    error_number: int
    error: str | None
    appended: int
    written_to: int
    on_disk: int
    ring_bytes: int
    refused: int


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
    """Copies a ring to its files; `step` does it once. Has no thread and no policy."""

    def __init__(self, ring: Ring, directory: Path, file_bytes_max: int) -> None:
        self._ring = ring
        self._directory = directory
        self._file_bytes_max = file_bytes_max
        self._file = -1
        self._number = 0
        self._base = 0

    def step(self) -> int:
        """Bring everything appended so far to the disk; the bytes moved.

        Blocks for the disk. Raises OSError when it refuses; call `close` before the next step.
        """
        ring = self._ring
        start, end = ring.on_disk, ring.appended
        if start == end:
            return 0
        if self._file < 0:
            self._open(self._newest(), start)
        elif self._offset(start) >= self._file_bytes_max:
            self.close()
            self._open(self._number + 1, start)
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
        ring.on_disk = end
        return end - start

    def close(self) -> None:
        """Close the file; the next step opens it again."""
        if self._file >= 0:
            file, self._file = self._file, -1
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
            header = FileHeader(self._ring.epoch, number, position, self._ring.wall_offset_ns)
            write_all(self._file, memoryview(header.pack()), 0)
            sync_directory(self._directory)
            size = FILE_HEADER_BYTES
        self._base = header.base
        ours = header.epoch == self._ring.epoch and header.number == number
        return ours and header.base <= position and size >= self._offset(position)


class Journal:
    """The journal of one run: `append` for the walk, and the thread that brings it to disk.

    `append(kind, now, line, data) -> bool` is Ring.append: False means that the ring is full, or
    the journal closed, and that nothing was kept. It never blocks. `healthy` turns False when the
    disk refuses and True again once it takes everything; until then the ring keeps the records.
    """

    def __init__(self, ring: Ring, drain: Drain, recovered: Recovered | None) -> None:
        self.append: Callable[[int, int, int, bytes], bool] = ring.append
        self.recovered = recovered
        self.healthy = True
        self.error: str | None = None
        self.error_number = 0
        self._ring = ring
        self._drain = drain
        self._stopping = False
        self._finished = False
        self._attempt = 0
        self._failed_attempt = 0
        self._wake = threading.Event()
        self._progress = threading.Condition()
        self._last: Status | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        state_dir: Path,
        epoch: int,
        wall_offset_ns: int,
        *,
        ring_bytes: int,
        file_bytes_max: int,
        shared_memory: Path = SHARED_MEMORY,
    ) -> Journal:
        """Save what an earlier run left in its ring, then start the journal of this run.

        Files go to state_dir/journal (0700). The ring lies in shared_memory, or in that directory
        where there is none; a symbolic link `ring` names it. A file grows beyond file_bytes_max
        by what one step of the drain holds, at most a whole ring. Raises JournalError.
        """
        directory = make_directory(state_dir)
        recovered = recover(directory, shared_memory, file_bytes_max)
        try:
            if any(file.epoch == epoch for file in files(directory)):
                raise JournalError(directory, f"epoch {epoch} has journal files already")
            ring = Ring.create(ring_place(directory, shared_memory), directory, epoch, ring_bytes)
            try:
                link_ring(directory, ring.path)
            except OSError:
                ring.close(remove=True)
                raise
        except OSError as error:
            raise JournalError(directory, f"cannot be used: {error.strerror}") from None
        ring.wall_offset_ns = wall_offset_ns
        return cls(ring, Drain(ring, directory, file_bytes_max), recovered)

    def clock(self, now: int, wall_offset_ns: int) -> bool:
        """Append a CLOCK record; files begun from now on carry this offset in their header."""
        self._ring.wall_offset_ns = wall_offset_ns
        return self.append(Kind.CLOCK, now, 0, WALL_OFFSET.pack(wall_offset_ns))

    @property
    def free_bytes(self) -> int:
        """Room left in the ring: refuse new orders early to keep some for cancels and reports."""
        return self._ring.free_bytes

    def status(self) -> Status:
        """The state now; after close, the state at close."""
        if self._last is not None:
            return self._last
        ring = self._ring
        return Status(
            self.healthy,
            self.error_number,
            self.error,
            ring.appended,
            ring.written_to,
            ring.on_disk,
            ring.ring_bytes,
            ring.refused,
        )

    def sync(self, timeout_s: float) -> bool:
        """Wait until everything appended so far is on disk.

        False after timeout_s, or as soon as the disk refuses an attempt begun after this call.
        """
        if self._last is not None:
            return self._last.on_disk == self._last.appended
        target = self._ring.appended
        with self._progress:
            attempt = self._attempt
            self._wake.set()

            def settled() -> bool:
                done = self._ring.on_disk >= target
                return done or self._finished or self._failed_attempt > attempt

            self._progress.wait_for(settled, timeout_s)
            return self._ring.on_disk >= target

    def close(self, timeout_s: float) -> bool:
        """Refuse further records, bring the rest to disk, end the thread; True when all is there.

        When it returns False the ring stays, and the next start saves what is in it.
        """
        if self._last is not None:
            return self._last.on_disk == self._last.appended
        self._ring.close_for_appending()
        self.sync(timeout_s)
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout_s)
        self._last = self.status()
        done = self._last.on_disk == self._last.appended
        # A thread that hangs in the disk still uses the mapping.
        if not self._thread.is_alive():
            path = self._ring.path
            self._ring.close(remove=done)
            if done:
                unlink_ring(Path(self._ring.directory), path)
        return done

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._wake.wait(POLL_S if self.healthy else RETRY_S)
                self._wake.clear()
                self._step()
        finally:
            self._drain.close()
            with self._progress:
                self._finished = True
                if not self._stopping:
                    self.healthy = False
                    self.error = "the journal thread has ended"
                self._progress.notify_all()

    def _step(self) -> None:
        with self._progress:
            self._attempt += 1
            attempt = self._attempt
        try:
            moved = self._drain.step()
        except OSError as error:
            self._drain.close()
            with self._progress:
                self.error_number = error.errno or 0
                self.error = f"journal: {error.strerror or error}"
                self.healthy = False
                self._failed_attempt = attempt
                self._progress.notify_all()
            return
        if moved or not self.healthy:
            with self._progress:
                self.error_number = 0
                self.error = None
                self.healthy = True
                self._progress.notify_all()


def recover(directory: Path, shared_memory: Path, file_bytes_max: int) -> Recovered | None:
    """Bring what an earlier process left in its ring to that run's files; then remove the ring.

    JournalError where the ring is in use or damaged, or the disk refuses: the ring stays then.
    """
    recovered = None
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
            if moved:
                recovered = Recovered(ring.epoch, moved)
        except OSError as error:
            reason = f"the records of the last run cannot be saved to {directory}: {error.strerror}"
            advice = "they are still in this ring; make room and start again"
            raise JournalError(place, f"{reason}; {advice}") from None
        finally:
            drain.close()
            ring.close(remove=done)
    return recovered


def write_all(file: int, data: memoryview, offset: int) -> None:
    """Write all of data at offset; OSError when the disk refuses."""
    done = 0
    while done < len(data):
        with data[done:] as rest:
            done += os.pwrite(file, rest, offset + done)


def sync_directory(directory: Path) -> None:
    """Bring a directory's entries to disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
