"""Is a journal sound? Every record is looked at, and whether together they make sense.

Of the bytes: file headers, checksums, the positions of the files within their run, and the
sequence numbers. Of what they say: no request left without its intent recorded before it, and the
reports of a strategy rise by one, over restarts as well. A torn record at the end of a run is what
a power failure leaves behind, and no damage.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from fixengine import messages
from fixengine.network.journal.place import LINK_NAME
from fixengine.network.journal.reader import Damage, Missing, Record, Scan, Walk, is_just_begun
from fixengine.network.journal.record import (
    FILE_HEADER_BYTES,
    FileHeader,
    Kind,
    split_named,
)
from fixengine.network.journal.writer import FILE_NAME

PROBLEMS_MAX = 1000
"""Problems that are kept; the others are counted."""
FIRST_WITH_ID = re.compile(rb"\x01(?:11|25014)=([^\x01]*)")
"""By which the intent is called; a list has its own id before those of its orders."""


class Problem(NamedTuple):
    """what: damage, missing, order, intent, report, file or checkpoint. offset: of the record, in
    bytes.
    """

    what: str
    path: str
    offset: int
    text: str


class Verdict(NamedTuple):
    """problem_count: also of those beyond PROBLEMS_MAX. torn: ends that a crash cut off.
    unchecked: records, and checkpoints, of whose meaning nothing can be said, since records before
    them are gone.
    """

    problems: list[Problem]
    problem_count: int
    torn: list[Problem]
    files: int
    runs: int
    records: int
    byte_count: int
    unchecked: int

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem_count == 0

    def plus(self, found: list[Problem], unchecked: int) -> Verdict:
        """The same with more problems, and more of which nothing can be said."""
        return self._replace(
            problems=self.problems + found,
            problem_count=self.problem_count + len(found),
            unchecked=self.unchecked + unchecked,
        )


class Meaning:
    """What must hold from one record to the next. `take` answers what is wrong, or None."""

    def __init__(self) -> None:
        self.unchecked = 0
        self._epoch = -1
        self._whole = True
        self._intents: set[str] = set()
        self._next: dict[str, int] = {}
        self._copied: dict[str, int] = {}
        self._started = False

    def begin(self, epoch: int, whole: bool) -> None:
        """A run begins; whole: its first file is there."""
        self._epoch = epoch
        self._started = not whole
        self._intents.clear()
        self._copied.clear()
        self._whole = whole
        if not whole:
            self._next.clear()

    def hole(self) -> None:
        """Records are missing here: an intent may be among them, and reports."""
        self._whole = False
        self._next.clear()

    def take(self, record: Record) -> tuple[str, str] | None:
        """(what, text) of what is wrong with it."""
        if record.kind == Kind.INTENT:
            self._intents.add(split_named(record.data)[0] or "")
        elif record.kind == Kind.DROPPED:
            self._intents.discard(split_named(record.data)[0] or "")
        elif record.kind == Kind.FRAME_OUT:
            return self._frame(record.data)
        elif record.kind == Kind.DELIVERED:
            return self._delivered(record.data)
        elif record.kind == Kind.START:
            return self._start(record.data)
        return None

    def _frame(self, data: bytes) -> tuple[str, str] | None:
        found = FIRST_WITH_ID.search(data)
        if found is None:
            return None
        wire_id = found[1].decode(errors="backslashreplace")
        if wire_id in self._intents:
            self._intents.remove(wire_id)
            return None
        if not self._whole:
            self.unchecked += 1
            return None
        return "intent", f"{wire_id} left without an intent of its own before it"

    def _delivered(self, data: bytes) -> tuple[str, str] | None:
        name, payload = split_named(data)
        try:
            number = messages.report_seq_of(payload)
        except messages.NOT_A_MESSAGE as problem:
            return "report", f"it holds no report: {problem}"
        if name is None:
            return "report", "it does not say whose report it is"
        # A run begins with copies of what the runs before it had delivered.
        numbers = self._next if self._started else self._copied
        expected = numbers.get(name)
        numbers[name] = number + 1
        if expected is None and self._started and self._whole:
            expected = 1
        if expected is None:
            self.unchecked += self._started
        elif number != expected:
            return "report", f"report {number} of {name} where {expected} was due"
        return None

    def _start(self, data: bytes) -> tuple[str, str] | None:
        self._started = True
        try:
            standings = orjson.loads(data)["standings"]
            begins = {name: int(numbers[0]) for name, numbers in standings.items()}
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            self._next.clear()
            return None
        before, self._next = self._next, begins
        for name, number in (self._copied | before).items():
            if begins.get(name, 1) != number:
                text = f"the run begins the reports of {name} at {begins.get(name, 1)}"
                return "report", f"{text} where {number} was due"
        return None


class Verifier:
    """Goes through a journal once."""

    def __init__(self, path: Path) -> None:
        self._walk = Walk(path)
        self._meaning = Meaning()
        self._problems: list[Problem] = []
        self._count = 0
        self._torn: list[Problem] = []
        self._epochs: set[int] = set()
        self._files = 0
        self._records = 0
        self._before: FileHeader | None = None
        self._due = 0
        self._last = 0
        self._tail: tuple[int, Problem] | None = None

    def run(self, progress: Callable[[int, int, int], None]) -> Verdict:
        """The verdict. progress: told bytes done, bytes in all and records. JournalError."""
        done = 0
        for scan in self._walk.scans():
            self._files += Path(scan.path).name != LINK_NAME
            if isinstance(scan, Damage):
                self._bad_header(scan)
                continue
            self._header(scan.path, scan.header)
            for entry in scan:
                if isinstance(entry, Record):
                    self._record(entry, scan)
                else:
                    self._unsound(entry, scan)
                progress(done + scan.offset, self._walk.total_bytes, self._records)
            done += scan.offset
            self._due = scan.header.base + scan.offset - FILE_HEADER_BYTES
        self._settle(None)
        return Verdict(
            self._problems,
            self._count,
            self._torn,
            self._files,
            len(self._epochs),
            self._records,
            self._walk.total_bytes,
            self._meaning.unchecked,
        )

    def _record(self, record: Record, scan: Scan) -> None:
        self._records += 1
        if record.sequence <= self._last:
            text = f"#{record.sequence} comes after #{self._last}"
            self._wrong("order", scan.path, scan.at, text)
        self._last = record.sequence
        wrong = self._meaning.take(record)
        if wrong is not None:
            what, text = wrong
            self._wrong(what, scan.path, scan.at, f"#{record.sequence}: {text}")

    def _unsound(self, entry: Damage | Missing, scan: Scan) -> None:
        if isinstance(entry, Missing):
            text = f"{entry.record_count} records from #{entry.sequence} on are not there"
            self._wrong("missing", scan.path, scan.at, text)
            self._meaning.hole()
        elif entry.last:
            problem = Problem("damage", entry.path, entry.offset, entry.reason)
            self._tail = scan.header.epoch, problem
        else:
            self._wrong("damage", entry.path, entry.offset, entry.reason)
            self._meaning.hole()

    def _bad_header(self, damage: Damage) -> None:
        name = FILE_NAME.fullmatch(Path(damage.path).name)
        epoch = int(name[1]) if name else -1
        self._settle(epoch)
        if is_just_begun(Path(damage.path)):
            self._tail = epoch, Problem("damage", damage.path, 0, damage.reason)
            return
        self._wrong("damage", damage.path, 0, damage.reason)
        self._meaning.hole()

    def _header(self, path: str, header: FileHeader) -> None:
        """A file, or the ring, and where it stands in its run."""
        self._settle(header.epoch)
        before, self._before = self._before, header
        name = FILE_NAME.fullmatch(Path(path).name)
        if name and (int(name[1]), int(name[2] or 0)) != (header.epoch, header.number):
            text = f"its header says run {header.epoch}, file {header.number}"
            self._wrong("file", path, 0, text)
        if before is None or before.epoch != header.epoch:
            self._last = 0
            self._epochs.add(header.epoch)
            self._meaning.begin(header.epoch, header.base == 0)
        elif name and header.number != before.number + 1:
            text = f"file {header.number} of the run follows file {before.number}"
            self._wrong("file", path, 0, text)
        elif header.base != self._due:
            text = f"it begins at position {header.base} of the run, where {self._due} was due"
            self._wrong("file", path, 0, text)

    def _settle(self, epoch: int | None) -> None:
        """Bytes at the end of a file are torn only if nothing of their run comes after them."""
        if self._tail is None:
            return
        (of_run, problem), self._tail = self._tail, None
        if of_run == epoch:
            self._wrong(*problem)
            self._meaning.hole()
        else:
            self._torn.append(problem._replace(what="torn"))

    def _wrong(self, what: str, path: str, offset: int, text: str) -> None:
        self._count += 1
        if len(self._problems) < PROBLEMS_MAX:
            self._problems.append(Problem(what, path, offset, text))


def as_json(verdict: Verdict) -> str:
    """The verdict as one JSON object."""

    def told(problems: list[Problem]) -> list[dict[str, Any]]:
        return [problem._asdict() for problem in problems]

    fields = verdict._asdict() | {"torn": told(verdict.torn), "problems": told(verdict.problems)}
    return orjson.dumps({"sound": verdict.sound} | fields).decode()
