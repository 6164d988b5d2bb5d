"""Reading a journal as it grows: from file to file and from run to run.

What is followed is what the disk has, so a record comes up to some milliseconds after the walk
appended it, and not at all while the disk refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fixengine.network.journal.reader import (
    Damage,
    Entry,
    FileSource,
    Scan,
    journal_directory,
    open_scan,
)
from fixengine.network.journal.record import FILE_HEADER_BYTES, JournalError
from fixengine.network.journal.writer import File, files


class Follower:
    """Yields what is new each time it is asked; close it.

    path: a journal or state directory, whose newest file is always gone over to, or one file.
    newest: begin with the newest file, not the oldest. JournalError where there is no journal.
    """

    def __init__(self, path: Path, newest: bool) -> None:
        self._given = path
        self._newest = newest
        self._at: File | None = None
        self._scan: Scan | None = None
        self._last: tuple[int, int] | None = None
        self._directory: Path | None = None
        try:
            self._directory = journal_directory(path)
        except OSError as error:
            raise JournalError(path, f"cannot be read: {error.strerror}") from None
        if not self._files():
            raise JournalError(path, "there is no journal here")

    def more(self) -> Iterator[Entry]:
        """What has come since the last time; unfinished bytes at the very end wait."""
        while True:
            # Listed first: a file behind which there is another one grows no more.
            later = [file for file in self._files() if self._at is None or file > self._at]
            if self._scan is None and self._at is not None:
                self._open(self._at)
            if self._scan is not None:
                yield from self._scan.entries(growing=not later)
                self._last = self._scan.header.epoch, self._scan.last or 0
            if not later:
                return
            if self._scan is None and self._at is not None:
                reason = "the file header is cut off or not sound"
                yield Damage(str(self._at.path), 0, FILE_HEADER_BYTES, reason, True)
            self.close()
            self._at = later[-1 if self._newest else 0]
            self._newest = False

    def close(self) -> None:
        """Close the file."""
        if self._scan is not None:
            self._scan.close()
        self._scan = None

    def _files(self) -> list[File]:
        if self._directory is None:
            return [File(0, 0, self._given)]
        try:
            return files(self._directory)
        except OSError as error:
            raise JournalError(self._directory, f"cannot be read: {error.strerror}") from None

    def _open(self, file: File) -> None:
        """Open a file; one whose header is not there yet is tried again the next time."""
        source = FileSource(file.path)
        if self._directory is not None and len(source.take(0, 1)) == 0:
            source.close()
            return
        goes_on = self._last is not None and self._last[0] == file.epoch
        last = self._last[1] if goes_on and self._last else None
        try:
            self._scan = open_scan(source, 0 if file.number == 0 else last)
        except JournalError:
            if self._directory is None:
                raise
            return


def follow(path: Path, newest: bool, wait: Callable[[], bool]) -> Iterator[Entry | None]:
    """Everything from the oldest or newest file on, then what comes, until wait answers False.

    wait: called whenever nothing new is there. None is yielded before it, so that whoever prints
    can flush.
    """
    follower = Follower(path, newest)
    try:
        while True:
            yield from follower.more()
            yield None
            if not wait():
                return
    finally:
        follower.close()
