"""The journal process: brings a ring to its files until the engine that started it is gone.

`Journal` starts it with a socket, the ring's and the locked directory's descriptors. A byte on the
socket asks for the disk now and is answered by one after the attempt; the socket's end means that
no record will follow: the rest is drained, and the process ends. How it fares stands in the ring's
first page. A signal to the engine's whole group, or service, must not end it before the engine.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fixengine.network.journal.checkpoint import Checkpoints
from fixengine.network.journal.checkpoint import checkpoints as list_of
from fixengine.network.journal.record import JournalError
from fixengine.network.journal.retention import Keep, prune
from fixengine.network.journal.ring import Ring
from fixengine.network.journal.writer import Drain

POLL_MS = 20
"""How often the ring is looked at, where nobody asks: the walk pays nothing to wake us. As much may
a loss of power take. At 5 ms the disk's part of an order took a tenth of all its processor time."""
RETRY_MS = 250
"""Wait between two attempts after a disk error."""
TIDY_S = 60.0
"""How often it is looked for files that may go."""
ASKED_BYTES_MAX = 4096


def step(ring: Ring, drain: Drain) -> bool:
    """One attempt to bring everything to disk, and how it went."""
    attempt = ring.attempt + 1
    ring.attempt = attempt
    try:
        drain.step()
    except OSError as error:
        drain.close()
        ring.error_number = error.errno or 0
        ring.failed = attempt
    ring.stepped_ns = time.monotonic_ns()
    return ring.failed != attempt


class Making:
    """Has checkpoints made, one after the other, each by a process of its own."""

    def __init__(self, ring: Ring, directory: Path, checkpoints: Checkpoints) -> None:
        self._ring = ring
        self._checkpoints = checkpoints
        module, *arguments = checkpoints.maker
        self._command = [sys.executable, "-P", "-m", module, str(directory), *arguments]
        of_ours = [made.position for made in list_of(directory) if made.epoch == ring.epoch]
        self._position = max(of_ours, default=0)
        self._maker: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Begin one if it is time. One that fails is made again when the next is due."""
        if self._maker is not None and self._maker.poll() is not None:
            self._maker = None
        on_disk = self._ring.on_disk
        if self._maker is None and on_disk - self._position >= self._checkpoints.every_bytes:
            self._position = on_disk
            # What cannot be started now is started when the next is due.
            with contextlib.suppress(OSError):
                self._maker = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)

    def end(self) -> None:
        """Leave none behind that writes where the next run does."""
        if self._maker is not None:
            self._maker.kill()
            self._maker.wait()


def serve(
    engine: socket.socket,
    ring: Ring,
    drain: Drain,
    tidy: Callable[[], object],
    look: Callable[[], object],
) -> None:
    """Drain until the engine's end of the socket is closed, and once more then.

    look: called after each step while everything written is on disk, and tidy now and then. Where
    the disk refuses, tidying goes on if it was done twice before: the run has long begun then, so
    what a start needs is on disk, and the room it makes may be what is missing.
    """
    watched = select.poll()
    watched.register(engine, select.POLLIN)
    well = True
    tidy_due = 0.0
    tidied = 0
    while True:
        asked = b""
        if watched.poll(POLL_MS if well else RETRY_MS):
            with contextlib.suppress(ConnectionResetError):
                asked = engine.recv(ASKED_BYTES_MAX)
            if not asked:
                # What the disk refuses now stays in the ring, for the next start.
                if step(ring, drain):
                    with contextlib.suppress(OSError):
                        drain.finish()
                return
        well = step(ring, drain)
        if asked:
            # At once: orders may wait for it.
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                engine.send(b"!", socket.MSG_DONTWAIT)
        if well:
            look()
        if (well or tidied > 1) and time.monotonic() >= tidy_due:
            tidy_due = time.monotonic() + TIDY_S
            tidied += well
            # What cannot be removed now is tried again, and a full disk is told by itself.
            with contextlib.suppress(OSError, JournalError):
                tidy()


def leave_the_engines_core() -> None:
    """An engine that is pinned to a core wants it for itself."""
    mine = os.sched_getaffinity(0)
    if len(mine) == 1:
        # Where there is no other core that may be used, we stay.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - mine)


def main(arguments: list[str]) -> None:
    """Run with what `Journal` gives: two descriptors, ring, directory, file_bytes_max, Keep, and
    Checkpoints or nothing.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    leave_the_engines_core()
    at, descriptor, path, place, file_bytes_max, bytes_max, days_max, *checkpoints = arguments
    directory = Path(place)
    keep = Keep(*(int(limit) if limit else None for limit in (bytes_max, days_max)))
    ring = Ring.inherit(Path(path), int(descriptor))
    drain = Drain(ring, directory, int(file_bytes_max), ring.ring_bytes)
    making = None
    if checkpoints:
        every_bytes, *maker = checkpoints
        making = Making(ring, directory, Checkpoints(int(every_bytes), tuple(maker)))
    with socket.socket(fileno=int(at)) as engine:
        ring.drainer = os.getpid()
        look = making.look if making is not None else lambda: None
        serve(engine, ring, drain, lambda: prune(directory, keep, time.time()), look)
    if making is not None:
        making.end()


if __name__ == "__main__":
    main(sys.argv[1:])
