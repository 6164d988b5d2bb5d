"""The ring in shared memory between the walk and the disk.

The walk appends records to a mapped file on tmpfs: no system call, no wait, and the pages outlive
a kill -9 of the process. The journal process copies the bytes to disk and moves the mark up to
which they are safe; that much of the ring may then be reused.

Positions count bytes of the run's stream from 0 and never wrap; the place in the ring is the
position modulo its size. The ring holds the stream from `on_disk` to `appended`. First page:

    offset  type  ring header, native byte order
         0  u64   magic "fxjring3", written last: without it the ring was never in use
         8  u64   ring_bytes, a power of two
        16  u64   epoch of the run
        24  u64   appended: end of the last whole record
        32  u64   written_to: handed to the file system up to here
        40  u64   on_disk: known to be on disk up to here; always a record boundary
        48  i64   wall_offset_ns, for the headers of files
        56  u64   process id of the writer
        64  u64   process id of the journal process, 0 until it has begun
        72  u64   error_number: errno of its last attempt, 0 where that went well
        80  u64   attempt: how often it has tried
        88  u64   failed: number of the last attempt that the disk refused
        96  i64   stepped_ns: monotonic clock at the end of its last attempt
       104  24s   zeros
       128  u32   length, then the journal directory's real path

A ring with the magic "fxjring2" is an older engine's, and holds records of version 1 of the format.

A mark is one aligned 8-byte store, so a reader never sees half of one. A record's bytes are
written before `appended` moves past them.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

from fixengine import wire
from fixengine.network.journal.record import VERSION, WALL_OFFSET, JournalError

PAGE_BYTES = 4096
RING_BYTES_MIN = 4096
RING_MAGIC = int.from_bytes(b"fxjring3", "little")
RECORDS = {int.from_bytes(b"fxjring2", "little"): 1, RING_MAGIC: VERSION}
"""The version of the records in a ring, by its magic."""
DIRECTORY_OFFSET = 128
DIRECTORY_LENGTH = struct.Struct("<I")
WALL_OFFSET_AT = 48

MARK_BYTES = 8
# Indexes of the marks.
READY, RING_BYTES, EPOCH, APPENDED, WRITTEN_TO, ON_DISK, _WALL, PROCESS = range(8)
DRAINER, ERROR_NUMBER, ATTEMPT, FAILED, STEPPED_NS = range(8, 13)

Append = Callable[[int, int, int, bytes], bool]


class Ring:
    """A mapped ring; make one with `create`, `attach` or `inherit`.

    One engine at a time has it, together with its journal process (an advisory lock on the file,
    which those two share), and one thread appends. append, has_room: see wire.Appender.
    """

    __slots__ = (
        "_appender",
        "_descriptor",
        "_end",
        "_mapping",
        "_marks",
        "_mask",
        "_view",
        "append",
        "directory",
        "epoch",
        "has_room",
        "path",
        "ring_bytes",
        "version",
    )

    def __init__(self, path: Path, descriptor: int, ring_bytes: int) -> None:
        self.path = path
        self.ring_bytes = ring_bytes
        self._descriptor = descriptor
        self._end = PAGE_BYTES + ring_bytes
        # Every page is mapped now, so that no append waits for a page fault.
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        self._mapping = mmap.mmap(descriptor, self._end, flags)
        self._view = memoryview(self._mapping)
        self._marks = self._view[:DIRECTORY_OFFSET].cast("Q")
        self._mask = ring_bytes - 1
        marks = (MARK_BYTES * index for index in (APPENDED, ON_DISK, ERROR_NUMBER))
        self._appender = wire.Appender(self._mapping, PAGE_BYTES, *marks)
        self.append: Append = self._appender.append
        self.has_room: Callable[[int], bool] = self._appender.has_room
        self.epoch = self._marks[EPOCH]
        self.version = RECORDS.get(self._marks[READY], VERSION)
        (length,) = DIRECTORY_LENGTH.unpack_from(self._mapping, DIRECTORY_OFFSET)
        start = DIRECTORY_OFFSET + DIRECTORY_LENGTH.size
        self.directory = os.fsdecode(self._mapping[start : min(start + length, PAGE_BYTES)])

    @classmethod
    def create(cls, path: Path, directory: Path, epoch: int, ring_bytes: int) -> Ring:
        """A new, empty ring for one run. directory: where its files go.

        ring_bytes: a power of two, 4096 or more. JournalError where the file exists or there is
        no room for it: all its memory is taken now, since a ring that runs out of pages later
        would kill the process.
        """
        if ring_bytes < RING_BYTES_MIN or ring_bytes & (ring_bytes - 1):
            raise JournalError(path, f"ring_bytes: expected a power of two, not {ring_bytes}")
        name = os.fsencode(os.path.realpath(directory))
        start = DIRECTORY_OFFSET + DIRECTORY_LENGTH.size
        if len(name) > PAGE_BYTES - start:
            raise JournalError(directory, "the name of the journal directory is too long")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise JournalError(path, f"the ring cannot be made: {error.strerror}") from None
        try:
            take_lock(path, descriptor)
            os.posix_fallocate(descriptor, 0, PAGE_BYTES + ring_bytes)
            ring = cls(path, descriptor, ring_bytes)
        except OSError as error:
            os.close(descriptor)
            os.unlink(path)
            advice = "; set journal.ring_bytes lower" if error.errno == errno.ENOSPC else ""
            reason = f"no room for a ring of {ring_bytes} bytes: {error.strerror}{advice}"
            raise JournalError(path, reason) from None
        DIRECTORY_LENGTH.pack_into(ring._mapping, DIRECTORY_OFFSET, len(name))
        ring._mapping[start : start + len(name)] = name
        ring.directory = os.fsdecode(name)
        ring.epoch = epoch
        ring._marks[RING_BYTES] = ring_bytes
        ring._marks[EPOCH] = epoch
        ring._marks[PROCESS] = os.getpid()
        ring._marks[READY] = RING_MAGIC
        return ring

    @classmethod
    def attach(cls, path: Path) -> Ring | None:
        """The ring that an earlier process left; None where it was never finished.

        It can be drained, not appended to. JournalError where it is not ours, in use, or damaged.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise JournalError(path, f"the ring cannot be opened: {error.strerror}") from None
        try:
            ring_bytes = cls._check(path, descriptor)
            if ring_bytes is None:
                os.close(descriptor)
                return None
            ring = cls(path, descriptor, ring_bytes)
        except BaseException:
            os.close(descriptor)
            raise
        ring.close_for_appending()
        return ring

    @classmethod
    def inherit(cls, path: Path, descriptor: int) -> Ring:
        """The ring of the process that started this one, on its descriptor and under its lock.

        It can be drained, not appended to. JournalError where it is none.
        """
        ring_bytes = cls._check(path, descriptor)
        if ring_bytes is None:
            raise JournalError(path, "the ring was never finished")
        ring = cls(path, descriptor, ring_bytes)
        ring.close_for_appending()
        return ring

    @staticmethod
    def _check(path: Path, descriptor: int) -> int | None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise JournalError(path, "the ring is not a file of this user; remove it")
        take_lock(path, descriptor)
        raw = os.pread(descriptor, DIRECTORY_OFFSET, 0)
        if len(raw) < DIRECTORY_OFFSET or not any(raw[:8]):
            return None
        magic, ring_bytes, _, appended, written_to, on_disk, _, _ = struct.unpack_from("@8Q", raw)
        sound = (
            magic in RECORDS
            and ring_bytes >= RING_BYTES_MIN
            and ring_bytes & (ring_bytes - 1) == 0
            and status.st_size == PAGE_BYTES + ring_bytes
            and on_disk <= written_to <= appended <= on_disk + ring_bytes
        )
        if not sound:
            raise JournalError(
                path, "the ring is damaged or of another version; move it away to start without it"
            )
        return int(ring_bytes)

    @property
    def appended(self) -> int:
        """Position of the end of the last record."""
        return self._marks[APPENDED]

    @property
    def written_to(self) -> int:
        """Position up to which the bytes were handed to the file system."""
        return self._marks[WRITTEN_TO]

    @written_to.setter
    def written_to(self, position: int) -> None:
        """Move the mark."""
        self._marks[WRITTEN_TO] = position

    @property
    def on_disk(self) -> int:
        """Position up to which the bytes are on disk; the ring keeps everything after it."""
        return self._marks[ON_DISK]

    @on_disk.setter
    def on_disk(self, position: int) -> None:
        """Move the mark, and with it free the ring up to there."""
        self._marks[ON_DISK] = position

    @property
    def descriptor(self) -> int:
        """For whoever is to `inherit` it."""
        return self._descriptor

    @property
    def drainer(self) -> int:
        """Process id of the journal process, 0 until it has begun."""
        return self._marks[DRAINER]

    @drainer.setter
    def drainer(self, process: int) -> None:
        self._marks[DRAINER] = process

    @property
    def error_number(self) -> int:
        """errno of the last attempt to reach the disk, 0 where that went well."""
        return self._marks[ERROR_NUMBER]

    @error_number.setter
    def error_number(self, number: int) -> None:
        self._marks[ERROR_NUMBER] = number

    @property
    def attempt(self) -> int:
        """How many attempts have begun."""
        return self._marks[ATTEMPT]

    @attempt.setter
    def attempt(self, number: int) -> None:
        self._marks[ATTEMPT] = number

    @property
    def failed(self) -> int:
        """Number of the last attempt that the disk refused."""
        return self._marks[FAILED]

    @failed.setter
    def failed(self, number: int) -> None:
        self._marks[FAILED] = number

    @property
    def stepped_ns(self) -> int:
        """Monotonic clock at the end of the last attempt."""
        return self._marks[STEPPED_NS]

    @stepped_ns.setter
    def stepped_ns(self, now: int) -> None:
        self._marks[STEPPED_NS] = now

    @property
    def wall_offset_ns(self) -> int:
        """Wall clock minus monotonic clock, as last set."""
        (offset,) = WALL_OFFSET.unpack_from(self._mapping, WALL_OFFSET_AT)
        return int(offset)

    @wall_offset_ns.setter
    def wall_offset_ns(self, offset_ns: int) -> None:
        """Set it for the files begun from now on."""
        WALL_OFFSET.pack_into(self._mapping, WALL_OFFSET_AT, offset_ns)

    @property
    def sequence(self) -> int:
        """Of the last record, those that found no room among them."""
        return self._appender.sequence

    @property
    def refused(self) -> int:
        """How many records found no room."""
        return self._appender.refused

    @property
    def free_bytes(self) -> int:
        """Room left, in bytes."""
        return self.ring_bytes - (self._marks[APPENDED] - self._marks[ON_DISK])

    def parts(self, start: int, end: int) -> list[memoryview]:
        """The stream from position start to end as one or two views; release them after use."""
        count = end - start
        at = PAGE_BYTES + (start & self._mask)
        if at + count <= self._end:
            return [self._view[at : at + count]]
        first = self._end - at
        return [self._view[at : self._end], self._view[PAGE_BYTES : PAGE_BYTES + count - first]]

    def close_for_appending(self) -> None:
        """From now on append refuses everything."""
        self._appender.close()

    def close(self, *, remove: bool) -> None:
        """Unmap and unlock; remove also deletes the file. The ring cannot be used afterwards."""
        self.close_for_appending()
        if remove:
            # Whoever cleans up shared memory may have been here.
            self.path.unlink(missing_ok=True)
        self._appender.release()
        self._marks.release()
        self._view.release()
        self._mapping.close()
        os.close(self._descriptor)


def take_lock(path: Path, descriptor: int) -> None:
    """Take the ring's lock or raise JournalError. It ends with the process, however it ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalError(path, "the ring is in use by another process") from None
