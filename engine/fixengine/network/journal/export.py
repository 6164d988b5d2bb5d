"""The journal as a table, for other programs: SQLite, CSV, or JSON lines.

The file comes to be under another name and is renamed once it is whole and on disk, so whoever
finds it finds all of it. It holds what the journal holds and is, like it, its owner's alone.
Prices and quantities are text, as they are everywhere.
"""

from __future__ import annotations

import contextlib
import csv
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from fixengine.fix.masking import mask
from fixengine.network.journal.about import NAMED_BY_WIRE_ID, about, decoded
from fixengine.network.journal.reader import Damage, Entry, Missing, Record
from fixengine.network.journal.record import FRAMES, NAMED, JournalError
from fixengine.network.journal.show import content, dumps, kind_name, show_json, utc_text
from fixengine.network.journal.writer import sync_directory

FORMATS = {
    "sqlite": (".sqlite", ".sqlite3", ".db"),
    "csv": (".csv",),
    "jsonl": (".jsonl", ".ndjson"),
}
"""Each format with the ends of names that stand for it."""

FIELDS = {
    "msg_type": 35,
    "side": 54,
    "ord_type": 40,
    "order_qty": 38,
    "price": 44,
    "exec_type": 150,
    "ord_status": 39,
    "last_qty": 32,
    "last_px": 31,
    "cum_qty": 14,
    "leaves_qty": 151,
    "exec_id": 17,
    "trade_id": 1003,
    "text": 58,
}
"""Columns that a frame and a message of the bus have in common, each with its FIX tag."""

WIRE_NAMES = {"wire_cl_ord_id": 11, "wire_orig_cl_ord_id": 41}
OWN_NAMES = ("cl_ord_id", "orig_cl_ord_id")
COLUMNS = (
    *("epoch", "sequence", "kind", "line", "flags", "now_ns", "time", "message"),
    *("strategy", *OWN_NAMES, *WIRE_NAMES, "order_id", "symbol", "report_seq"),
    *FIELDS,
    "content",
)
NUMBERS = frozenset({"epoch", "sequence", "line", "flags", "now_ns", "report_seq"})
INDEXES = ("time", "strategy", "cl_ord_id", "wire_cl_ord_id", "order_id", "symbol")
TAGS = {str(tag).encode(): name for name, tag in (FIELDS | WIRE_NAMES).items()}
FIELD = re.compile(rb"\x01(" + b"|".join(TAGS) + rb")=([^\x01]*)")
BATCH = 1000
INTEGER_MAX = (1 << 63) - 1

Row = dict[str, int | str | None]
Value = int | str | None


def format_of(path: Path, given: str | None) -> str:
    """The format asked for, else the one the name stands for. JournalError where it does not."""
    if given is not None:
        return given
    for name, ends in FORMATS.items():
        if path.suffix.lower() in ends:
            return name
    ends_known = ", ".join(end for ends in FORMATS.values() for end in ends)
    reason = f"expected a name ending in one of {ends_known}, or --format"
    raise JournalError(path, reason)


def export(found: Iterable[Entry], path: Path, form: str, replace: bool) -> int:
    """Write what is found to path in a format of FORMATS; the number of rows. JournalError.

    replace: whether a file that is there may be replaced.
    """
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file() or not replace):
        raise JournalError(path, "is there already; take another name, or --force for a file")
    # In the same directory, since a rename does not leave its file system.
    temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}.new")
    write = {"sqlite": _sqlite, "csv": _csv, "jsonl": _jsonl}[form]
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o600)
    except OSError as problem:
        raise JournalError(path, f"cannot be written: {problem.strerror}") from None
    try:
        count = write(found, temporary, file)
        os.fsync(file)
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as problem:
        raise JournalError(path, f"cannot be written: {problem.strerror}") from None
    except sqlite3.Error as problem:
        raise JournalError(path, f"cannot be written: {problem}") from None
    finally:
        os.close(file)
        temporary.unlink(missing_ok=True)
        temporary.with_name(f"{temporary.name}-journal").unlink(missing_ok=True)
    return count


def row(entry: Entry) -> tuple[Value, ...]:
    """An entry as a value for each of COLUMNS. Damage and missing records have a kind of theirs."""
    values = _row(entry)
    return tuple(values.get(name) for name in COLUMNS)


def _row(entry: Entry) -> Row:
    if isinstance(entry, Damage):
        return {"kind": "DAMAGE", "content": dumps(entry._asdict())}
    if isinstance(entry, Missing):
        epoch, sequence = _number(entry.epoch), _number(entry.sequence)
        told = dumps(entry._asdict())
        return {"epoch": epoch, "sequence": sequence, "kind": "MISSING", "content": told}
    values: Row = {
        "epoch": _number(entry.epoch),
        "sequence": _number(entry.sequence),
        "kind": kind_name(entry.kind),
        "line": entry.line,
        "flags": entry.flags,
        "now_ns": entry.now_ns,
        "time": utc_text(entry.wall_ns),
        "content": dumps(content(entry)),
    }
    what = about(entry)
    values |= {"strategy": what.strategy, "order_id": what.order_id, "symbol": what.symbol}
    if entry.kind in FRAMES:
        for tag, value in FIELD.findall(mask(entry.data)):
            values.setdefault(TAGS[tag], value.decode(errors="backslashreplace"))
    elif entry.kind in NAMED:
        if entry.kind in NAMED_BY_WIRE_ID and what.wire:
            values["wire_cl_ord_id"] = what.wire[0]
        values |= _fields(entry)
    return values


def _fields(record: Record) -> Row:
    _, message = decoded(record)
    if message is None:
        return {}
    found: Row = {"message": type(message).__name__}
    for name in (*OWN_NAMES, *WIRE_NAMES, *FIELDS, "report_seq"):
        value = getattr(message, name, None)
        if value is not None:
            found[name] = _number(value) if isinstance(value, int) else str(value)
    return found


def _number(value: int) -> Value:
    """A number that SQLite has room for, else as text."""
    return value if value <= INTEGER_MAX else str(value)


def _jsonl(found: Iterable[Entry], temporary: Path, file: int) -> int:
    count = 0
    with _text(file) as out:
        for line in show_json(found):
            out.write(line)
            out.write("\n")
            count += 1
    return count


def _csv(found: Iterable[Entry], temporary: Path, file: int) -> int:
    count = 0
    with _text(file) as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for entry in found:
            writer.writerow(row(entry))
            count += 1
    return count


@contextlib.contextmanager
def _text(file: int) -> Iterator[IO[str]]:
    out = os.fdopen(
        file, "w", encoding="utf-8", errors="backslashreplace", newline="", closefd=False
    )
    try:
        yield out
        out.flush()
    finally:
        # What is left in the buffer of a file that takes no more is given up with it.
        with contextlib.suppress(OSError):
            out.close()


def _sqlite(found: Iterable[Entry], temporary: Path, file: int) -> int:
    # A number column has no type, for SQLite would make a float of what is too large for it.
    columns = ", ".join(name if name in NUMBERS else f"{name} TEXT" for name in COLUMNS)
    marks = ", ".join("?" * len(COLUMNS))
    count = 0
    with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as base:
        # What is half done goes with the temporary file.
        base.execute("PRAGMA journal_mode = OFF")
        base.execute("PRAGMA synchronous = OFF")
        base.execute("BEGIN")
        base.execute(f"CREATE TABLE records ({columns})")
        for batch in _batches(row(entry) for entry in found):
            base.executemany(f"INSERT INTO records VALUES ({marks})", batch)
            count += len(batch)
        for name in INDEXES:
            base.execute(f"CREATE INDEX by_{name} ON records ({name})")
        base.execute("COMMIT")
    return count


def _batches(rows: Iterable[tuple[Value, ...]]) -> Iterator[list[tuple[Value, ...]]]:
    batch: list[tuple[Value, ...]] = []
    for one in rows:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
