"""Where a journal lies: its directory and its ring.

The ring's name follows from the directory's path, and a symbolic link in the directory says it
too, so that a state directory that was moved still finds what a crash left behind.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import time
from pathlib import Path

from fixengine.network.journal.record import JournalError
from fixengine.network.journal.ring import Ring

SHARED_MEMORY = Path("/dev/shm")
LINK_NAME = "ring"
LOCK_POLL_S = 0.02
FALLBACK_NAME = "ring.data"


def old_rings(directory: Path, shared_memory: Path) -> list[Path]:
    """Rings that may hold records of this directory: the linked one, and those at our names."""
    places = [ring_place(directory, shared_memory), directory / FALLBACK_NAME]
    link = directory / LINK_NAME
    if link.is_symlink():
        places.insert(0, directory / os.readlink(link))
    found = []
    for place in places:
        if place not in found and os.path.lexists(place):
            found.append(place)
    return found


def has_lost_ring(directory: Path) -> bool:
    """Whether the link is there and its ring is not: a clean end removes both."""
    link = directory / LINK_NAME
    return link.is_symlink() and not link.exists()


def is_foreign(ring: Ring, directory: Path) -> bool:
    """Whether the ring belongs to another directory that still exists (this one is its copy)."""
    return ring.directory != os.path.realpath(directory) and os.path.isdir(ring.directory)


def ring_place(directory: Path, shared_memory: Path) -> Path:
    """Where the ring of a journal directory lies; the name follows from the directory's path."""
    if not (shared_memory.is_dir() and os.access(shared_memory, os.W_OK | os.X_OK)):
        return directory / FALLBACK_NAME
    digest = hashlib.sha256(os.fsencode(os.path.realpath(directory))).hexdigest()[:16]
    return shared_memory / f"fixengine-{os.geteuid()}-{digest}.ring"


def link_ring(directory: Path, place: Path) -> None:
    """Record where the ring lies, as a symbolic link in the journal directory."""
    temporary = directory / f"{LINK_NAME}.new"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(place)
    temporary.replace(directory / LINK_NAME)


def unlink_ring(directory: Path, place: Path) -> None:
    """Remove the link to a ring that is gone."""
    link = directory / LINK_NAME
    if link.is_symlink() and os.readlink(link) == str(place):
        link.unlink()


def lock_directory(directory: Path, wait_s: float) -> int:
    """A descriptor that holds the directory's lock for as long as it, or a copy, is open.

    Waits for the journal process of an engine that has ended: it may still be saving the last
    records. JournalError where the lock is not free in time.
    """
    deadline = time.monotonic() + wait_s
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                reason = "the journal is in use by another process; `fuser` tells which"
                raise JournalError(directory, reason) from None
            time.sleep(LOCK_POLL_S)


def make_directory(state_dir: Path) -> Path:
    """The journal directory, made 0700 where it is missing. JournalError for an unsafe one."""
    directory = state_dir / "journal"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.stat()
    except OSError as error:
        raise JournalError(directory, f"cannot be made: {error.strerror}") from None
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise JournalError(directory, "other users have access; expected your own, mode 0700")
    return directory
