"""Checkpoints: what a start has to know, beside the journal, so that it need not read all of it.

A file `checkpoint-<epoch>-<position>.fxj` has the form of a journal file. Its `base` is the
position of the run's stream up to which it holds, its `wall_offset_ns` what was recorded last
before that. It holds what a run begins with: CARRIED, DELIVERED, and START as its last record; one
without is not whole. It is read back before it gets its name, so a file of that name was sound
once; one that has been damaged since is passed over, and the one before it taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from fixengine import wire
from fixengine.network.journal.reader import FileSource, Record, file_header, scan
from fixengine.network.journal.record import (
    FIELDS,
    MAGIC,
    PREFIX,
    VERSION,
    FileHeader,
    JournalError,
    Kind,
)
from fixengine.network.journal.writer import sync_directory

NAME = re.compile(r"checkpoint-([0-9]{1,20})-([0-9]{1,20})\.fxj")
KEPT = 2
"""The newest, and one in case that one is damaged."""
UNFINISHED = "checkpoint.new"


class Checkpoints(NamedTuple):
    """When they are made and by whom. every_bytes: of the stream. maker: the module to run, which
    is given the directory, and arguments of its own.
    """

    every_bytes: int
    maker: tuple[str, ...]


class Checkpoint(NamedTuple):
    """A checkpoint by its name. position: in the stream of the run `epoch`."""

    epoch: int
    position: int
    path: Path


def checkpoint_name(header: FileHeader) -> str:
    """The name of the checkpoint with this header."""
    return f"checkpoint-{header.epoch}-{header.base}.fxj"


def checkpoints(directory: Path) -> list[Checkpoint]:
    """Those of a journal directory, newest first."""
    found = []
    for path in directory.iterdir():
        if match := NAME.fullmatch(path.name):
            found.append(Checkpoint(int(match[1]), int(match[2]), path))
    return sorted(found, reverse=True)


def read_checkpoint(path: Path) -> tuple[FileHeader, list[Record]]:
    """All it holds; JournalError where it is not whole and sound, or is another by its header."""
    with closing(FileSource(path)) as source:
        header = file_header(source)
    records: list[Record] = []
    for entry in scan(path):
        if not isinstance(entry, Record) or entry.sequence != len(records) + 1:
            raise JournalError(path, "the checkpoint is damaged")
        records.append(entry)
    if not records or records[-1].kind != Kind.START:
        raise JournalError(path, "the checkpoint is cut off")
    name = checkpoint_name(header)
    if path.name not in (name, UNFINISHED):
        raise JournalError(path, f"the checkpoint is {name} by its header")
    return header, records


def write_checkpoint(
    directory: Path, header: FileHeader, now_ns: int, told: Iterable[tuple[Kind, bytes]]
) -> Checkpoint:
    """Write one, bring it to disk and read it back; then those beyond KEPT go.

    told: kind and data of its records. now_ns: for all of them. Raises OSError and JournalError.
    """
    made = Checkpoint(header.epoch, header.base, directory / checkpoint_name(header))
    unfinished = directory / UNFINISHED
    unfinished.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(unfinished, flags, 0o600), "wb") as file:
            # The records that it is of may be of an earlier version; it is of this one.
            file.write(header._replace(version=VERSION).pack())
            for sequence, (kind, data) in enumerate(told, 1):
                file.write(packed(kind, sequence, now_ns, data))
            file.flush()
            os.fsync(file.fileno())
        read_checkpoint(unfinished)
        unfinished.replace(made.path)
    except (OSError, JournalError):
        unfinished.unlink(missing_ok=True)
        raise
    sync_directory(directory)
    for old in checkpoints(directory)[KEPT:]:
        old.path.unlink(missing_ok=True)
    return made


def packed(kind: Kind, sequence: int, now_ns: int, data: bytes) -> bytes:
    """The bytes of one record."""
    checked = FIELDS.pack(len(data), kind, 0, 0, sequence, now_ns) + data
    checked += bytes(-(PREFIX.size + len(checked)) % 8)
    return PREFIX.pack(MAGIC, wire.crc32c(checked)) + checked
