"""`fixengine journal`: show, follow, verify, replay and export what an engine recorded."""

from __future__ import annotations

import argparse
import select
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.network.checkpoint import wrong_checkpoints
from fixengine.network.journal.choice import Choice, Filter, kind_number, moment_ns
from fixengine.network.journal.export import FORMATS, export, format_of
from fixengine.network.journal.follow import follow
from fixengine.network.journal.reader import (
    Damage,
    Entry,
    Missing,
    Walk,
    entries,
    journal_directory,
)
from fixengine.network.journal.record import JournalError
from fixengine.network.journal.show import one_line, printed, show
from fixengine.network.journal.verify import Problem, Verdict, Verifier, as_json
from fixengine.screens import streams

USAGE_ERROR = 2
UNSOUND = 1
WAIT_MS = 100
"""How often a journal that is followed is looked at."""
TAIL_DEFAULT = 10
PROGRESS_S = 0.2
PROGRESS_RECORDS = 1024
"""The clock is read once in so many records."""

PATH_HELP = "an engine's state directory, its journal directory, or a journal file"
CHOICE_HELP = """\
--order takes any id: the strategy's, the wire's or the venue's; cancels belong to their order.
--from and --to take UTC (2026-03-01T09:30:00.5) or how long ago (90s, 1h30m, 2d).
"""
EXAMPLES = {
    "show": """\
examples:
  fixengine journal show STATE_DIR --tail 20
  fixengine journal show STATE_DIR --order 0f3a --json | jq .content
  fixengine journal show STATE_DIR --strategy maker --symbol BTCUSDT --from 10m
  fixengine journal show STATE_DIR --from 2026-03-01T09:30 --to 2026-03-01T09:31

exit status: 0 shown, 2 it cannot be read
""",
    "follow": """\
examples:
  fixengine journal follow STATE_DIR
  fixengine journal follow STATE_DIR --strategy maker --kind DELIVERED
  fixengine journal follow STATE_DIR --from 1h --json

exit status: 130 ended by Ctrl-C, 2 it cannot be read
""",
    "verify": """\
examples:
  fixengine journal verify STATE_DIR
  fixengine journal verify STATE_DIR --json | jq '.problems[].text'

exit status: 0 sound, 1 not sound, 2 it cannot be read
""",
    "replay": """\
examples:
  fixengine journal replay STATE_DIR
  fixengine journal replay STATE_DIR/journal/journal-1772323200.fxj
  fixengine journal replay STATE_DIR --json | jq '.runs[].difference'

exit status: 0 the same came out, 1 not the same, 2 it cannot be read or replayed
""",
    "export": """\
examples:
  fixengine journal export STATE_DIR today.sqlite --from 1d
  fixengine journal export STATE_DIR fills.csv --strategy maker --kind DELIVERED
  fixengine journal export STATE_DIR all.jsonl --force

exit status: 0 written, 2 it cannot be read or written
""",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `fixengine journal`."""
    inner = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    added = _add(inner, "show", "print records", "Prints records, oldest first.")
    _add_choice(added)
    added.add_argument("--tail", type=int, metavar="N", help="only the last N of them")
    added.add_argument("--json", action="store_true", help="one JSON object a record")
    text = "Prints the last records, then new ones as the disk takes them, until Ctrl-C."
    added = _add(inner, "follow", "print records as they come", text)
    _add_choice(added)
    tail = f"begin with the last N (default {TAIL_DEFAULT}; all that --from chooses)"
    added.add_argument("--tail", type=int, metavar="N", help=tail)
    added.add_argument("--json", action="store_true", help="one JSON object a record")
    text = (
        "Checks every record: checksums, holes, the order of files; that nothing left without\n"
        "its intent; that each strategy's report numbers rise by one; that checkpoints say\n"
        "what the records say. A torn last record, as a power failure leaves it, is told and\n"
        "is no damage."
    )
    added = _add(inner, "verify", "say whether a journal is sound", text)
    added.add_argument("--json", action="store_true", help="one JSON object")
    _add_replay(inner)
    text = "Writes records as a table: SQLite, CSV or JSON lines. Prices are text."
    added = _add(inner, "export", "write records to a file for other programs", text)
    added.add_argument("out", type=Path, metavar="FILE", help="the file to write, whole or not")
    added.add_argument("--format", choices=FORMATS, help="where FILE's name does not say it")
    added.add_argument("--force", action="store_true", help="replace FILE")
    _add_choice(added)


def _add_replay(inner: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = (
        "Feeds everything that came in, at its time, through a new gateway, sessions, order table\n"
        "and limits, and says whether the same comes out: each frame to the venue, each event to\n"
        "a strategy, each intent and everything else that was recorded, byte by byte. Prints the\n"
        "first difference of each run, decoded on both sides, and names what is not compared.\n"
        "Nothing is sent, and the journal is only read."
    )
    added = inner.add_parser(
        "replay",
        help="run it again and compare",
        description=text,
        epilog=EXAMPLES["replay"],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.add_argument("path", type=Path, nargs="+", metavar="PATH", help=PATH_HELP)
    added.add_argument("--json", action="store_true", help="one JSON object")


def _add(
    inner: argparse._SubParsersAction[argparse.ArgumentParser], name: str, help: str, text: str
) -> argparse.ArgumentParser:
    added = inner.add_parser(
        name,
        help=help,
        description=text if name == "verify" else f"{text}\n\n{CHOICE_HELP}",
        epilog=EXAMPLES[name],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.add_argument("path", type=Path, metavar="PATH", help=PATH_HELP)
    return added


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strategy", metavar="NAME", help="only this strategy's")
    parser.add_argument("--order", metavar="ID", help="only this order's, with its cancels")
    parser.add_argument("--symbol", metavar="SYMBOL", help="only what is about this symbol")
    parser.add_argument("--from", dest="since", metavar="TIME", help="only from this time on")
    parser.add_argument("--to", dest="until", metavar="TIME", help="only what was before this time")
    parser.add_argument("--kind", help="only this kind of record, such as INTENT")
    parser.add_argument("--line", type=int, help="only this session's records")


def run(options: argparse.Namespace) -> int:
    """The command; its exit status."""
    what = {
        "show": _show,
        "follow": _follow,
        "verify": _verify,
        "replay": _replay,
        "export": _export,
    }[options.what]
    try:
        return what(options)
    except JournalError as problem:
        streams.complain(f"fixengine: {one_line(str(problem))}")
        return USAGE_ERROR


def _choice(options: argparse.Namespace) -> Choice:
    now_ns = time.time_ns()
    since, until = options.since, options.until
    choice = Choice(
        None if options.kind is None else kind_number(options.kind),
        options.line,
        options.strategy,
        options.order,
        options.symbol,
        None if since is None else moment_ns("--from", since, now_ns),
        None if until is None else moment_ns("--to", until, now_ns),
    )
    tail = getattr(options, "tail", None)
    if tail is not None and not 0 <= tail <= sys.maxsize:
        raise JournalError("--tail", f"expected 0 or more, up to {sys.maxsize}, got {tail}")
    return choice


def _show(options: argparse.Namespace) -> int:
    choice = _choice(options)
    for line in show(options.path, options.json, choice, BINANCE_SPOT.own, options.tail):
        streams.say(line, flush=False)
    return 0


def _follow(options: argparse.Namespace) -> int:
    choice = _choice(options)
    tail = options.tail
    if tail is None and choice.from_ns is None:
        tail = TAIL_DEFAULT
    chosen = Filter(choice, BINANCE_SPOT.own)
    # The newest file has the end; only who asks for a time may want more of what was.
    found = follow(options.path, choice.from_ns is None, _wait)
    chosen.learn(entries(options.path))
    for line in printed(_passing(found, chosen, tail), options.json):
        streams.say(line, flush=False)
    return 0


def _passing(found: Iterable[Entry | None], chosen: Filter, tail: int | None) -> Iterator[Entry]:
    """What passes; of what is there at first only the last `tail`."""
    first: deque[Entry] | None = None if tail is None else deque(maxlen=tail)
    for entry in found:
        if entry is None:
            if first is not None:
                yield from first
                first = None
            streams.finish()
        elif chosen.takes(entry):
            if first is None:
                yield entry
            else:
                first.append(entry)


def _wait() -> bool:
    """Let some time pass; BrokenPipeError once nobody reads our output any more."""
    watched = select.poll()
    watched.register(sys.stdout.fileno(), 0)
    if watched.poll(WAIT_MS):
        raise BrokenPipeError
    return True


def _verify(options: argparse.Namespace) -> int:
    progress = Progress()
    try:
        verdict = Verifier(options.path).run(progress.show)
        directory = journal_directory(options.path)
        if directory is not None:
            verdict = _checked(verdict, directory)
    finally:
        progress.clear()
    if options.json:
        streams.say(as_json(verdict))
    else:
        for line in _told(verdict):
            streams.say(line, flush=False)
    return 0 if verdict.sound else UNSOUND


def _checked(verdict: Verdict, directory: Path) -> Verdict:
    """The verdict, with what is wrong with checkpoints."""
    found = list(wrong_checkpoints(directory))
    wrong = [Problem("checkpoint", str(one.path), 0, text) for one, text in found if text]
    return verdict.plus(wrong, unchecked=len(found) - len(wrong))


def _told(verdict: Verdict) -> Iterator[str]:
    def line(problem: Problem) -> str:
        what, path, offset, text = problem
        return f"{what}: {one_line(path)} at offset {offset}: {one_line(text)}"

    yield from map(line, verdict.problems)
    more = verdict.problem_count - len(verdict.problems)
    if more:
        yield f"and {more} more"
    yield from map(line, verdict.torn)
    if verdict.unchecked:
        yield f"{verdict.unchecked} records could not be held against others that are gone"
    count = verdict.problem_count
    yield (
        f"{'sound' if verdict.sound else f'not sound: {count} problems'}; {verdict.records} records"
        f" of {verdict.runs} runs in {verdict.files} files, {verdict.byte_count} bytes"
    )


def _replay(options: argparse.Namespace) -> int:
    # It brings the whole engine along, which nothing else here needs.
    from fixengine.network.replay import report

    progress = Progress()
    try:
        told = report.replay(options.path, progress.show)
    finally:
        progress.clear()
    for line in (report.as_json(told),) if options.json else report.as_text(told):
        streams.say(line, flush=False)
    return 0 if told.is_same else UNSOUND


def _export(options: argparse.Namespace) -> int:
    choice = _choice(options)
    form = format_of(options.out, options.format)
    chosen = Filter(choice, BINANCE_SPOT.own)
    unsound = 0

    def passing() -> Iterator[Entry]:
        nonlocal unsound
        for entry in progress.over(walk):
            if chosen.takes(entry):
                unsound += isinstance(entry, Damage | Missing)
                yield entry

    progress = Progress()
    walk = Walk(options.path)
    try:
        if chosen.looks_ahead:
            chosen.learn(progress.over(walk))
        count = export(passing(), options.out, form, options.force)
    finally:
        progress.clear()
    if unsound:
        streams.complain(f"{unsound} places of the journal are damaged or missing; see verify")
    streams.say(f"{count} rows in {one_line(str(options.out))}")
    return 0


class Progress:
    """How far something is, on a terminal's stderr; nothing where it is none."""

    def __init__(self) -> None:
        self._shown = False
        self._due = 0.0
        self._on = sys.stderr.isatty()

    def over(self, walk: Walk) -> Iterator[Entry]:
        """The walk, and how far it is."""
        for count, entry in enumerate(walk):
            self.show(walk.done_bytes, walk.total_bytes, count)
            yield entry

    def show(self, done_bytes: int, total_bytes: int, records: int) -> None:
        """Call it for each record."""
        if not self._on or records % PROGRESS_RECORDS:
            return
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + PROGRESS_S
        percent = min(100, 100 * done_bytes // max(1, total_bytes))
        self._write(f"\r{percent:3} %  {records} records ")
        self._shown = True

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if self._shown:
            self._write("\r\x1b[K")
            self._shown = False

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            self._on = False
            streams.drop(sys.stderr)
