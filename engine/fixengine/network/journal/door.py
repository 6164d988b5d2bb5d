"""The walk's door to the journal: the ring it appends to, and the process that drains it."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fixengine.network.journal.checkpoint import Checkpoints
from fixengine.network.journal.place import (
    SHARED_MEMORY,
    link_ring,
    lock_directory,
    make_directory,
    ring_place,
    unlink_ring,
)
from fixengine.network.journal.record import CLOSED, WALL_OFFSET, JournalError, Kind
from fixengine.network.journal.retention import Keep
from fixengine.network.journal.ring import Ring
from fixengine.network.journal.writer import Recovered, files, recover

KEEP_ALL = Keep()
LOCK_WAIT_S = 10.0
"""How long a start waits for the journal process of a run that has ended."""
RESTART_NS = 1_000_000_000
"""Least time between two starts of a journal process."""
REAP_S = 0.02
RESERVED = 4
"""One part of so many of the ring is kept."""
END_S = 1.0
"""What the journal process is given to end once everything is said."""


class Status(NamedTuple):
    """The journal as the caller sees it. Positions count bytes of the run's stream.

    error_number: errno of the last disk error, 0 while healthy. refused: records that a full ring
    did not take. process: id of the journal process, 0 where there is none.
    """

    healthy: bool
    error_number: int
    error: str | None
    appended: int
    written_to: int
    on_disk: int
    ring_bytes: int
    refused: int
    process: int


class Journal:
    """The journal of one run: `append` for the walk, and the process that brings it to disk.

    `append(kind, now, line, data) -> bool` is Ring.append: False means that the ring is full, or
    the journal closed, and that nothing was kept. It never blocks. fd: becomes readable when the
    journal process has answered `ask` or has ended, then call `look`; -1 while there is none.
    reserve_bytes: of the ring, kept for cancels and reports. Each order that is refused for want of
    room takes some of it, so it is a part of the ring, and not as much as a burst of reports takes.
    """

    def __init__(
        self,
        ring: Ring,
        directory: Path,
        file_bytes_max: int,
        keep: Keep,
        checkpoints: Checkpoints | None,
        lock: int,
        recovered: Recovered | None,
        tells_end: bool,
    ) -> None:
        self.append: Callable[[int, int, int, bytes], bool] = ring.append
        self.recovered = recovered
        self.reserve_bytes = ring.ring_bytes // RESERVED
        self._ring = ring
        self._lock = lock
        self._file_bytes_max = file_bytes_max
        self._keep = keep
        self._checkpoints = checkpoints
        self._tells_end = tells_end
        self._directory = directory
        self._down: str | None = None
        self._last: Status | None = None
        self._started_ns = 0
        self._socket: socket.socket | None = None
        self._process = self._start()

    @classmethod
    def open(
        cls,
        state_dir: Path,
        epoch: int,
        wall_offset_ns: int,
        *,
        ring_bytes: int,
        file_bytes_max: int,
        keep: Keep = KEEP_ALL,
        checkpoints: Checkpoints | None = None,
        tells_end: bool = False,
        shared_memory: Path = SHARED_MEMORY,
    ) -> Journal:
        """Save what an earlier run left in its ring, then start the journal of this run.

        Files go to state_dir/journal (0700), which is locked. The ring lies in shared_memory, or
        in that directory where there is none; a symbolic link `ring` names it. A file grows beyond
        file_bytes_max by what one step of the drain holds, at most a whole ring. checkpoints: None
        makes none. tells_end: `close` records that the run ended in order. JournalError.
        """
        directory = make_directory(state_dir)
        lock = -1
        try:
            lock = lock_directory(directory, LOCK_WAIT_S)
            recovered = recover(directory, shared_memory, file_bytes_max)
            if any(file.epoch == epoch for file in files(directory)):
                raise JournalError(directory, f"epoch {epoch} has journal files already")
            ring = Ring.create(ring_place(directory, shared_memory), directory, epoch, ring_bytes)
            try:
                link_ring(directory, ring.path)
                ring.wall_offset_ns = wall_offset_ns
                rules = directory, file_bytes_max, keep, checkpoints
                return cls(ring, *rules, lock, recovered, tells_end)
            except OSError:
                ring.close(remove=True)
                unlink_ring(directory, ring.path)
                raise
        except OSError as error:
            close(lock)
            where = error.filename or directory
            raise JournalError(where, f"cannot be used: {error.strerror}") from None
        except JournalError:
            close(lock)
            raise

    @property
    def fd(self) -> int:
        """See the class."""
        return -1 if self._socket is None else self._socket.fileno()

    @property
    def healthy(self) -> bool:
        """Whether the disk takes what is appended; until it does again, the ring keeps it."""
        if self._last is not None:
            return self._last.healthy
        return self._down is None and self._ring.error_number == 0

    @property
    def error(self) -> str | None:
        """Why it is not healthy."""
        if self._last is not None:
            return self._last.error
        number = self._ring.error_number
        return self._down or (f"journal: {os.strerror(number)}" if number else None)

    def clock(self, now: int, wall_offset_ns: int) -> bool:
        """Append a CLOCK record; files begun from now on carry this offset in their header."""
        self._ring.wall_offset_ns = wall_offset_ns
        return self.append(Kind.CLOCK, now, 0, WALL_OFFSET.pack(wall_offset_ns))

    @property
    def appended(self) -> int:
        """Position in the run's stream where the last record ends."""
        return self._ring.appended

    @property
    def on_disk(self) -> int:
        """Position up to which the stream is known to be on disk."""
        return self._ring.on_disk

    @property
    def free_bytes(self) -> int:
        """Room left in the ring: refuse new orders early to keep some for cancels and reports."""
        return self._ring.free_bytes

    def has_room(self, room_bytes: int) -> bool:
        """Whether it is healthy, and the ring has this much room left."""
        return self._down is None and self._ring.has_room(room_bytes)

    def silent_ns(self, now: int) -> int:
        """For how long nothing was heard of a journal process that has not ended: it is stopped,
        or waits for the disk. now: monotonic ns.
        """
        if self._last is not None or self._down is not None:
            return 0
        return now - max(self._ring.stepped_ns, self._started_ns)

    def status(self) -> Status:
        """The state now; after close, the state at close."""
        if self._last is not None:
            return self._last
        ring = self._ring
        return Status(
            self.healthy,
            ring.error_number,
            self.error,
            ring.appended,
            ring.written_to,
            ring.on_disk,
            ring.ring_bytes,
            ring.refused,
            0 if self._socket is None else self._process.pid,
        )

    def ask(self) -> None:
        """Ask for the disk now. Never blocks; fd is readable once it was tried.

        Without a journal process nobody answers; that it has ended is told by `look`.
        """
        if self._socket is not None:
            # A full socket asks already, and an end of it is for `look`.
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                self._socket.send(b"?")

    def look(self, now: int) -> bool:
        """Notice that the journal process has answered (True), ended or begun; start another one,
        but not too often. Call when fd is readable, and every second or so. now: monotonic ns.
        """
        if self._last is not None:
            return False
        answered = self._hear()
        if self._socket is None:
            status = self._process.poll()
            if status is not None and now - self._started_ns >= RESTART_NS:
                try:
                    self._process = self._start()
                except OSError as problem:
                    self._down = f"no journal process can be started: {problem.strerror}"
        elif self._ring.drainer == self._process.pid and self._ring.stepped_ns > self._started_ns:
            self._down = None
        return answered

    def sync(self, timeout_s: float) -> bool:
        """Wait until everything appended so far is on disk.

        False after timeout_s, or as soon as the disk refuses an attempt begun after this call.
        """
        if self._last is not None:
            return self._last.on_disk == self._last.appended
        deadline = time.monotonic() + timeout_s
        target, attempt = self._ring.appended, self._ring.attempt
        while self._ring.on_disk < target:
            left_s = deadline - time.monotonic()
            if self._ring.failed > attempt or left_s <= 0:
                return False
            self.look(time.monotonic_ns())
            self._wait(left_s)
        return True

    def close(self, timeout_s: float) -> bool:
        """Refuse further records, bring the rest to disk, end the process; True when all is there.

        When it returns False the ring stays, and the next start saves what is in it.
        """
        if self._last is not None:
            return self._last.on_disk == self._last.appended
        deadline = time.monotonic() + timeout_s
        if self._tells_end:
            end = Kind.CONTROL, time.monotonic_ns(), 0, CLOSED
            # Where the ring is full and the disk refuses, the ring itself stays and tells.
            if not self.append(*end) and self.sync(timeout_s):
                self.append(*end)
        self._ring.close_for_appending()
        self.sync(timeout_s)
        self._hang_up()
        try:
            self._process.wait(max(END_S, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            # It is stopped, or hangs in the disk. Its locks would keep the next start waiting.
            self._down = "the journal process did not end"
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
        self._last = self.status()
        done = self._last.on_disk == self._last.appended
        path = self._ring.path
        self._ring.close(remove=done)
        if done:
            unlink_ring(self._directory, path)
        os.close(self._lock)
        return done

    def _start(self) -> subprocess.Popen[bytes]:
        self._started_ns = time.monotonic_ns()
        self._ring.drainer = 0
        ours, theirs = socket.socketpair()
        descriptor = self._ring.descriptor
        # -P: nothing of the directory we happen to run in is imported.
        command = [sys.executable, "-P", "-m", "fixengine.network.journal.process"]
        command += [str(theirs.fileno()), str(descriptor), str(self._ring.path)]
        command += [str(self._directory), str(self._file_bytes_max)]
        command += ["" if limit is None else str(limit) for limit in self._keep]
        if self._checkpoints is not None:
            command += [str(self._checkpoints.every_bytes), *self._checkpoints.maker]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), descriptor, self._lock),
                # What a terminal sends to the engine is not for it. No session of its own: Linux
                # groups the processes of each (sched(7), autogroup), and beside a busy one the
                # journal's did not run for seconds.
                process_group=0,
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._socket = ours
        return process

    def _wait(self, wait_s: float) -> None:
        """Ask for the disk now and wait for the answer, or a moment where nobody is there."""
        if self._socket is None:
            time.sleep(min(REAP_S, wait_s))
            return
        self.ask()
        # Not select: an engine has more descriptors open than that can name.
        watched = select.poll()
        watched.register(self._socket, select.POLLIN)
        watched.poll(wait_s * 1000)
        self._hear()

    def _hear(self) -> bool:
        """Take answers off the socket, True where there are any; its end is the process's."""
        if self._socket is None:
            return False
        try:
            if self._socket.recv(4096):
                return True
        except BlockingIOError:
            return False
        except ConnectionResetError:
            pass
        self._hang_up()
        self._down = "the journal process has ended; another one is started"
        return False

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


def close(descriptor: int) -> None:
    """Close a descriptor that may never have been opened."""
    if descriptor >= 0:
        os.close(descriptor)
