"""`fixengine journal replay`: runs as they stand on disk, and what is said of their replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from fixengine.network.journal import Damage, Record
from fixengine.network.journal.reader import Missing, Walk
from fixengine.network.journal.record import JournalError
from fixengine.network.journal.show import body_text, content, kind_name, one_line
from fixengine.network.journal.writer import FILE_NAME
from fixengine.network.replay.drive import Replay, Result
from fixengine.network.replay.tape import Different, Hole, Made, Placed

NOT_COMPARED = (
    "of a Logon the BodyLength, CheckSum, signature, user name and password",
    "answers that are not recorded: Welcome, Heartbeat, Snapshot, refusals before Hello",
    "what the operator is told (the log), and what is asked of a connection beside writing",
    "when exactly a READ record was written",
)
"""Of every run."""

Progress = Callable[[int, int, int], None]


class Told(NamedTuple):
    """What became of all runs. refused: those that cannot be replayed, and why."""

    results: list[Result]
    refused: list[tuple[int, str]]

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return all(result.different is None for result in self.results)


def replay(paths: list[Path], progress: Progress) -> Told:
    """Replay every run at these paths, oldest first. progress: told bytes done, bytes in all and
    records. A path that is given twice counts once. JournalError where none can be read or
    replayed.
    """
    told = Told([], [])
    once = list({path.resolve(): path for path in paths}.values())
    for epoch, placed in groupby(_placed(once, progress), key=lambda one: one[0]):
        try:
            told.results.append(_replayed(epoch, _whole(item for _, item in placed)))
        except JournalError as problem:
            told.refused.append((epoch, str(problem)))
    if not told.results:
        why = told.refused[0][1] if told.refused else "there is no record"
        raise JournalError(paths[0], f"nothing can be replayed: {why}")
    return told


def _replayed(epoch: int, placed: Iterator[Placed]) -> Result:
    try:
        return Replay(epoch, placed).run()
    except Different as found:
        return Result(epoch, Counter(), found, Counter())
    except Hole as hole:
        return Result(epoch, Counter(), Different(None, None, str(hole)), Counter())


def _placed(
    paths: list[Path], progress: Progress
) -> Iterator[tuple[int, Placed | Damage | Missing]]:
    """Every entry with the epoch of its run."""
    records = 0
    for path in paths:
        walk, done = Walk(path), 0
        for scan in walk.scans():
            if isinstance(scan, Damage):
                # A file without a header; of which run is told by its name alone.
                if match := FILE_NAME.fullmatch(Path(scan.path).name):
                    yield int(match[1]), scan._replace(last=False)
                continue
            for entry in scan:
                records += 1
                progress(done + scan.offset, walk.total_bytes, records)
                epoch = scan.header.epoch
                if isinstance(entry, Record):
                    yield epoch, Placed(entry, scan.path, scan.at)
                else:
                    yield epoch, entry
            done += scan.offset


def _whole(found: Iterator[Placed | Damage | Missing]) -> Iterator[Placed]:
    """The records of a run, as long as none is missing."""
    last = 0
    for item in found:
        if isinstance(item, Damage):
            if item.last and next(found, None) is None:
                # As a power failure leaves it.
                return
            text = f"{item.path} at {item.offset}: {item.reason}"
            raise Hole(f"{text}; nothing behind it can be replayed")
        if not last and isinstance(item, Placed) and item.record.sequence != 1:
            raise JournalError(item.path, "the beginning of the run is not there")
        if isinstance(item, Missing) or item.record.sequence != last + 1:
            raise Hole(f"records are missing behind #{last}; nothing behind can be replayed")
        last = item.record.sequence
        yield item


def as_text(told: Told) -> Iterator[str]:
    """For people: what differs, what was not compared, and the verdict."""
    for epoch, why in told.refused:
        yield f"run {epoch} was not replayed: {one_line(why)}"
    skipped: Counter[str] = Counter()
    for result in told.results:
        skipped += result.skipped
        counts = ", ".join(f"{count} {kind_name(kind)}" for kind, count in _sorted(result))
        yield f"run {result.epoch}: {counts or 'nothing'} came out again"
        if result.different is not None:
            yield from _difference(result.epoch, result.different)
    for text, count in skipped.items():
        yield f"not compared: {count} {text}"
    for text in NOT_COMPARED:
        yield f"not compared: {text}"
    yield "the same" if told.is_same else "not the same"


def _sorted(result: Result) -> list[tuple[int, int]]:
    return sorted(result.compared.items())


def _difference(epoch: int, found: Different) -> Iterator[str]:
    recorded, made = found.recorded, found.made
    if recorded is None:
        yield f"  {one_line(found.why)}"
        return
    record, path, offset = recorded
    yield f"  first difference: #{record.sequence}, {one_line(path)} at offset {offset}"
    yield f"  recorded: {_line(record)}"
    yield f"  replayed: {_line(_as_record(record, made)) if made else found.why or 'nothing'}"


def _line(record: Record) -> str:
    return f"{kind_name(record.kind)} line {record.line} {body_text(record)}".rstrip()


def _as_record(near: Record, made: Made) -> Record:
    return near._replace(kind=made.kind, line=made.line, data=made.data)


def as_json(told: Told) -> str:
    """The same as one JSON object."""
    runs = []
    for result in told.results:
        counts = {kind_name(kind): count for kind, count in _sorted(result)}
        run: dict[str, Any] = {"epoch": result.epoch, "compared": counts}
        run["skipped"] = dict(result.skipped)
        run["difference"] = None
        if result.different is not None:
            run["difference"] = _difference_fields(result.different)
        runs.append(run)
    refused = [{"epoch": epoch, "why": why} for epoch, why in told.refused]
    verdict = {"same": told.is_same, "runs": runs, "not_replayed": refused}
    return orjson.dumps(verdict | {"not_compared": NOT_COMPARED}, default=str).decode()


def _difference_fields(found: Different) -> dict[str, Any]:
    if found.recorded is None:
        return {"why": found.why}
    record, path, offset = found.recorded
    made = None if found.made is None else _side(_as_record(record, found.made))
    place = {"sequence": record.sequence, "path": path, "offset": offset}
    return place | {"recorded": _side(record), "replayed": made, "why": found.why}


def _side(record: Record) -> dict[str, Any]:
    return {"kind": kind_name(record.kind), "line": record.line, "content": content(record)}
