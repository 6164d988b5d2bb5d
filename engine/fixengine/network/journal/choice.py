"""Which records are shown, followed or exported: the same options for each of them."""

from __future__ import annotations

import calendar
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fixengine.network.journal.about import Chosen, Own
from fixengine.network.journal.reader import Entry, Record
from fixengine.network.journal.record import JournalError, Kind

SECOND_NS = 1_000_000_000
UNITS_NS = {
    "d": 86_400 * SECOND_NS,
    "h": 3600 * SECOND_NS,
    "m": 60 * SECOND_NS,
    "s": SECOND_NS,
    "ms": 1_000_000,
}
DURATION = re.compile(r"(?:[0-9]{1,9}(?:d|h|ms|m|s))+\Z")
PART = re.compile(r"([0-9]+)(d|h|ms|m|s)")
MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?)?Z?\Z"
)
TIME_EXPECTED = "a UTC time such as 2026-03-01T09:30:00.5 or a time back from now such as 1h30m"


class Choice(NamedTuple):
    """What is asked for; None leaves a thing open.

    kind: number of a Kind. line: number of a session. strategy: name. order: any id of one.
    from_ns, to_ns: nanoseconds since 1970 UTC; from_ns itself is in, to_ns is not.
    """

    kind: int | None = None
    line: int | None = None
    strategy: str | None = None
    order: str | None = None
    symbol: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None


class Filter:
    """Lets through what a choice asks for. Damage and missing records always pass."""

    def __init__(self, choice: Choice, own: Own) -> None:
        self._choice = choice
        asked = choice.strategy, choice.order, choice.symbol
        self._chosen = None if asked == (None, None, None) else Chosen(own, *asked)

    @property
    def looks_ahead(self) -> bool:
        """Whether `learn` is worth its time."""
        return self._chosen is not None and self._chosen.looks_ahead

    def learn(self, found: Iterable[Entry]) -> None:
        """Look through what will be asked about, where that is needed to know names by it."""
        if self._chosen is not None and self._chosen.looks_ahead:
            self._chosen.learn(found)

    def takes(self, entry: Entry) -> bool:
        """Whether an entry passes."""
        if not isinstance(entry, Record):
            return True
        choice = self._choice
        # Asked about each record, for it learns from those that are not shown as well.
        taken = self._chosen is None or self._chosen.takes(entry)
        return (
            taken
            and (choice.kind is None or entry.kind == choice.kind)
            and (choice.line is None or entry.line == choice.line)
            and (choice.from_ns is None or entry.wall_ns >= choice.from_ns)
            and (choice.to_ns is None or entry.wall_ns < choice.to_ns)
        )


def select(
    found: Iterable[Entry], choice: Choice, own: Own, tail: int | None = None
) -> Iterator[Entry]:
    """What passes of found, and only the last `tail` of it. Iterates twice where it must."""
    chosen = Filter(choice, own)
    if chosen.looks_ahead:
        chosen.learn(found)
    passed = (entry for entry in found if chosen.takes(entry))
    return passed if tail is None else iter(deque(passed, maxlen=tail))


def moment_ns(name: str, text: str, now_ns: int) -> int:
    """A time as people write it, in ns since 1970 UTC. JournalError, with the option's name.

    text: UTC, or how long before now_ns: days d, hours h, minutes m, seconds s, ms.
    """
    if DURATION.match(text):
        return now_ns - sum(int(count) * UNITS_NS[unit] for count, unit in PART.findall(text))
    found = MOMENT.match(text)
    if found is None:
        raise JournalError(name, f"expected {TIME_EXPECTED}, got {text!r}")
    parts = [int(part or 0) for part in found.groups()[:6]]
    try:
        seconds = calendar.timegm((*parts, 0, 0, 0))
    except ValueError:
        seconds = 0
    # timegm carries over what is too much for a day, an hour or a minute.
    if list(time.gmtime(seconds)[:6]) != parts:
        raise JournalError(name, f"there is no such time: {text!r}")
    return seconds * SECOND_NS + int((found[7] or "").ljust(9, "0"))


def kind_number(text: str) -> int:
    """The number of a kind given by name, in any case, or by number; JournalError lists them."""
    if re.fullmatch("[0-9]{1,3}", text):
        return int(text)
    try:
        return Kind[text.upper()].value
    except KeyError:
        names = ", ".join(kind.name for kind in Kind)
        raise JournalError("kind", f"expected one of {names}, got {text!r}") from None
