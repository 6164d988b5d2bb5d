"""The history of a classic session in a file: numbers, and messages that may be sent again.

Append only. A change is written before the bytes it speaks of leave, so a process that is killed
goes on with the right numbers; there is no fsync, so a machine that loses its power may not. A
record cut short by the end of its process is passed over. The file is rewritten at the start and
whenever it has grown by BYTES_MAX.

    out NUMBER LENGTH \\n FRAME \\n      in NUMBER 0 \\n \\n      reset 1 0 \\n \\n
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fixengine.fix.history import Change, History

BYTES_MAX = 64 << 20
KINDS = ("out", "in", "reset")


class NumbersError(Exception):
    """The file cannot be used; the text is one line for the user."""


class Numbers:
    """The file of one session. history: what it held, recorded from now on.

    Raises NumbersError for a file that is in use by another process or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.history = History(recorded=True)
        self._path = path
        self._bytes = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for change in _changes(path.read_bytes()):
                self.history.apply(change)
            self._rewrite()
        except BlockingIOError:
            raise NumbersError(f"{path}: in use by another process") from None
        except OSError as problem:
            raise NumbersError(f"{path}: {problem.strerror}") from None

    def save(self) -> None:
        """Append what has changed. Raises OSError; what was not written is written next time."""
        if self.history.changes:
            self._bytes += _append(self._fd, self.history.changes)
            self.history.take_changes()
            if self._bytes > BYTES_MAX:
                self._rewrite()

    def close(self) -> None:
        """Let another process have the file."""
        os.close(self._fd)
        os.close(self._lock)

    def _rewrite(self) -> None:
        """Put a short file in the place of the long one, which stays as it is until then."""
        fresh = self._path.with_suffix(".new")
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        fd = os.open(fresh, flags, 0o600)
        try:
            _append(fd, self.history.as_changes())
            fresh.replace(self._path)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd, self._bytes = fd, 0
        self.history.take_changes()


def _append(fd: int, changes: Iterable[Change]) -> int:
    """Write whole records or nothing, for nothing is read behind a torn one; how many bytes."""
    data = memoryview(b"".join(_record(change) for change in changes))
    done = 0
    try:
        while done < len(data):
            done += os.write(fd, data[done:])
    except OSError:
        os.ftruncate(fd, os.lseek(fd, 0, os.SEEK_END) - done)
        raise
    return done


def _record(change: Change) -> bytes:
    head = f"{change.what} {change.number} {len(change.frame)}\n".encode()
    return head + change.frame + b"\n"


def _changes(data: bytes) -> Iterator[Change]:
    """Whole records from the start; what follows the first that is none is passed over."""
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        words = data[at:end].decode("ascii", "replace").split()
        if len(words) != 3 or words[0] not in KINDS or not (words[1] + words[2]).isdecimal():
            return
        start, length = end + 1, int(words[2])
        if data[start + length : start + length + 1] != b"\n":
            return
        yield Change(words[0], int(words[1]), data[start : start + length])
        at = start + length + 1
