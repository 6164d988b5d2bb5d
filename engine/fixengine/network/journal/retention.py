"""Which journal files may go: the oldest, once there are too many bytes or days of them.

A start needs the last run that got as far as START and what came after it; or, of that run, a
checkpoint and what came after that. Two checkpoints are kept, and what the older one needs stays,
whatever its size and age. What is removed is always the oldest, so that what is left has no hole.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from fixengine.network.journal.checkpoint import KEPT, checkpoints
from fixengine.network.journal.reader import FileSource, Record, file_header, scan
from fixengine.network.journal.record import JournalError, Kind
from fixengine.network.journal.writer import File, files

DAY_S = 86_400


class Keep(NamedTuple):
    """What is kept beyond what a start needs. None: everything.

    bytes_max: of all files together. days_max: since a file was last written.
    """

    bytes_max: int | None = None
    days_max: int | None = None


def prune(directory: Path, keep: Keep, wall_s: float) -> list[Path]:
    """Remove the files that are too many or too old; which. wall_s: seconds since 1970.

    Call when everything written is on disk. Raises OSError or JournalError.
    """
    found = files(directory)
    going = _beyond(found, keep, wall_s)
    if going:
        needed = _needed(directory, found)
        going = [file for file in going if file not in needed]
    for file in going:
        file.path.unlink()
    return [file.path for file in going]


def _beyond(found: list[File], keep: Keep, wall_s: float) -> list[File]:
    """The oldest files, up to the first that may stay."""
    stats = [file.path.stat() for file in found]
    total = sum(stat.st_size for stat in stats)
    count = 0
    for stat in stats:
        too_many = keep.bytes_max is not None and total > keep.bytes_max
        too_old = keep.days_max is not None and wall_s - stat.st_mtime > keep.days_max * DAY_S
        if not too_many and not too_old:
            break
        total -= stat.st_size
        count += 1
    return found[:count]


def _needed(directory: Path, found: list[File]) -> list[File]:
    since = started(found)
    usable = [one for one in checkpoints(directory) if since is None or one.epoch >= since]
    if len(usable) >= KEPT:
        oldest = usable[KEPT - 1]
        return after(found, oldest.epoch, oldest.position)
    return found if since is None else [file for file in found if file.epoch >= since]


def after(found: list[File], epoch: int, position: int) -> list[File]:
    """The files that hold what came after a position of a run."""
    later = [file for file in found if file.epoch >= epoch]
    first = 0
    for at, file in enumerate(later):
        # A file whose header is cut off, or damaged, begins nobody knows where.
        if file.epoch == epoch and (base := base_of(file.path)) is not None and base <= position:
            first = at
    return later[first:]


def base_of(path: Path) -> int | None:
    """Position of the run's stream at which a file begins; None where it does not say so."""
    source = FileSource(path)
    try:
        return file_header(source).base
    except JournalError:
        return None
    finally:
        source.close()


def started(found: list[File]) -> int | None:
    """Epoch of the last run among the files that got as far as START; None where none did."""
    for file in reversed(found):
        if file.number == 0 and begins_with_start(file.path):
            return file.epoch
    return None


def begins_with_start(path: Path) -> bool:
    """Whether the run of this first file got as far as START, behind what it carried over."""
    try:
        for entry in scan(path):
            if not isinstance(entry, Record):
                return False
            if entry.kind not in (Kind.CARRIED, Kind.DELIVERED, Kind.CLOCK):
                return entry.kind == Kind.START
    except JournalError:
        return False
    return False
