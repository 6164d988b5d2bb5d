"""Where an engine's latency figures lie for others to look at while it runs.

They lie in shared memory, where a write never waits for a disk, and the state directory has a
symbolic link to them. In the end the figures take the link's place, as a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
from collections.abc import Callable
from pathlib import Path

from fixengine.network.latency import BYTES, NoLatency

SHARED_MEMORY = Path("/dev/shm")
NAME = "latency"


class LatencyFile:
    """A context manager. memory: what Latency counts in. problem: why nobody else can see it, or
    None: an engine trades without.
    """

    def __init__(self, state_dir: Path, shared_memory: Path = SHARED_MEMORY) -> None:
        digest = hashlib.sha256(os.fsencode(os.path.realpath(state_dir))).hexdigest()[:16]
        self._place = shared_memory / f"fixengine-{os.geteuid()}-{digest}.latency"
        self._link = state_dir / NAME
        self.problem: str | None = None
        self.memory: memoryview = memoryview(bytearray(BYTES))
        try:
            self.memory = memoryview(self._map())
            self._replace(lambda new: new.symlink_to(self._place))
        except OSError as problem:
            self.problem = f"{self._place}: {problem.strerror}"

    def __enter__(self) -> LatencyFile:
        return self

    def __exit__(self, *_: object) -> None:
        # The figures are of use to people only: where they cannot be kept, they are not.
        with contextlib.suppress(OSError):
            self._replace(lambda new: new.write_bytes(self.memory))
        self._place.unlink(missing_ok=True)

    def _map(self) -> mmap.mmap:
        self._place.unlink(missing_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._place, flags, 0o600)
        try:
            # Where memory is short that shows here, and not as SIGBUS on the walk.
            os.posix_fallocate(descriptor, 0, BYTES)
            return mmap.mmap(descriptor, BYTES, mmap.MAP_SHARED | mmap.MAP_POPULATE)
        except OSError:
            self._place.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    def _replace(self, make: Callable[[Path], object]) -> None:
        """Put a new thing in the place of the link."""
        new = self._link.with_name(f"{NAME}.new")
        new.unlink(missing_ok=True)
        make(new)
        new.replace(self._link)


def copy(state_dir: Path) -> bytes:
    """The memory of the engine with this state directory, or of its last run that ended in order.

    Raises NoLatency.
    """
    path = state_dir / NAME
    try:
        # A pipe in its place would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            memory = file.read(BYTES + 1)
    except OSError as problem:
        hint = "is it the engine.state_dir of an engine that has run?"
        raise NoLatency(f"{path}: {problem.strerror}; {hint}") from None
    if len(memory) != BYTES:
        raise NoLatency(f"{path}: {len(memory)} bytes, expected {BYTES}")
    return memory


def is_running(state_dir: Path, pid: int) -> bool:
    """Whether the engine that these figures are of still counts: it has not put a file in the place
    of its link, and there is such a process in our namespace.
    """
    if not (state_dir / NAME).is_symlink():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's, then
    return True
