"""A reference decoder: what the codec must do, written as plainly as FIX lets one write it.

Nothing of the codec is used here and nothing is fast: bytes are sliced, text is matched by regular
expressions, numbers are Python's own. Framer, Message and Plan have the names, the meaning and the
errors of fixengine.wire, so that one observer can look at both and the two must look the same.

A stream is framed by BodyLength: 8, 9 and 35 come first, then the body ends where 9 says, and
there stands 10=ddd. A wrong sum drops the message; anything else wrong loses the stream. Within a
message the first '=' separates, and a data field is as long as the length in front of it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import starmap
from typing import Any, NamedTuple, NoReturn

SOH = b"\x01"
INT64 = range(-(2**63), 2**63)
DATA_OF = {93: 89} | {
    length: length + 1
    for length in (90, 95, 212, 348, 350, 352, 354, 356, 358, 360, 362, 364, 445, 618, 621)
}
"""The data field that each length of FIX 4.4 announces."""


def whole(digits: bytes) -> int:
    """Digits as an int; what is beyond every bound here need not be exact."""
    digits = digits.lstrip(b"0")
    return int(digits or b"0") if len(digits) <= 40 else 10**40


class Violation(Exception):
    """What wire.RemoteProtocolError is, without a text."""

    def __init__(
        self, reason: str, tag: int | None = None, kind: bytes | None = None, seq: int | None = None
    ) -> None:
        super().__init__(reason, tag, kind, seq)
        self.reason, self.tag, self.kind, self.seq = reason, tag, kind, seq


# The stream --------------------------------------------------------------------------------------

MORE, LOST = "more", "lost"


class Frame(NamedTuple):
    """A whole frame at the start of some bytes."""

    length: int
    kind: bytes


def header_field(data: bytes, name: bytes, value: str, most: int) -> bytes | str:
    """The value of the field at the start of data, which must have this name; MORE or LOST.

    value: the class of characters allowed; there is at least one of them and at most `most`.
    """
    if len(data) < len(name):
        return MORE if name.startswith(data) else LOST
    if not data.startswith(name):
        return LOST
    text, soh, _ = data[len(name) :].partition(SOH)
    if len(text) > most or not re.fullmatch(f"{value}*".encode(), text):
        return LOST
    if not soh:
        return MORE
    return text or LOST


def look(data: bytes, limit: int) -> Frame | str:
    """The frame that data begins with; MORE where it is not all there, LOST where it is none."""
    begin = header_field(data, b"8=FIX", "[!-<>-~]", 13)
    if isinstance(begin, str):
        return begin
    at = len(b"8=FIX") + len(begin) + 1
    digits = re.match(rb"9=([0-9]*)", data[at:])
    if digits and digits[1] and whole(digits[1]) > limit:
        return LOST
    length = header_field(data[at:], b"9=", "[0-9]", 20)
    if isinstance(length, str):
        return length
    at += len(b"9=") + len(length) + 1
    body = int(length)
    end = at + body + len(b"10=000|")
    if body < len(b"35=0|") or end > limit:
        return LOST
    # The kind and its SOH lie within the body.
    kind = header_field(data[at:], b"35=", "[!-~]", min(16, body - len(b"35=|")))
    if isinstance(kind, str):
        return kind
    trailer = data[at + body - 1 : end]
    if not re.fullmatch(rb"\x0110=[0-9]{3}\x01", trailer + b"\x0110=000\x01"[len(trailer) :]):
        return LOST
    return Frame(end, kind) if len(data) >= end else MORE


class Framer:
    """wire.Framer over all bytes ever fed."""

    def __init__(
        self,
        message_bytes_max: int = 1 << 20,
        resync: bool = False,
        plans: Mapping[bytes, Plan] | None = None,
    ) -> None:
        self.limit, self.resync, self.plans = message_bytes_max, resync, plans or {}
        self.rest = b""
        self.lost = False
        self.garbled = 0
        self.skipped = 0
        self.last_garbled: bytes | None = None

    def feed(self, data: bytes) -> None:
        self.rest += data

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        while not self.lost:
            found = look(self.rest, self.limit) if self.rest else MORE
            if found == MORE:
                raise StopIteration
            if isinstance(found, Frame):
                raw, self.rest = self.rest[: found.length], self.rest[found.length :]
                if sum(raw[:-7]) % 256 == int(raw[-4:-1]):
                    return Message(raw, found.kind, self.plans.get(found.kind))
                self.garbled += 1
                self.last_garbled = raw
            elif self.resync:
                self.skip()
            else:
                self.lost = True
        raise Violation("framing")

    def skip(self) -> None:
        """Go to where the next 8=FIX stands, or may stand when more bytes are here."""
        starts = (
            at for at in range(1, len(self.rest)) if b"8=FIX".startswith(self.rest[at : at + 5])
        )
        at = next(starts, len(self.rest))
        self.skipped += at
        self.rest = self.rest[at:]


# The fields of a message -------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """A field, or what is wrong with it: reason "tag", "empty" or "data"."""

    tag: int | None
    value: bytes
    reason: str | None = None


def fields_of(raw: bytes) -> Iterator[Field]:
    """The fields of a whole message; it ends with a field whose reason is "data"."""
    before = None
    while raw:
        name = re.match(rb"([1-9][0-9]{0,8})=", raw)
        if name is None:
            raw = raw.partition(SOH)[2]
            before = None
            yield Field(None, b"", "tag")
            continue
        tag, raw = int(name[1]), raw[name.end() :]
        if before is not None and DATA_OF.get(before.tag or 0) == tag:
            length = whole(before.value) if re.fullmatch(rb"[0-9]+", before.value) else 2**64
            if length + len(b"|10=000|") > len(raw) or raw[length : length + 1] != SOH:
                yield Field(before.tag, b"", "data")
                return
            value, raw = raw[:length], raw[length + 1 :]
        else:
            value, _, raw = raw.partition(SOH)
        before = Field(tag, value) if value else None
        yield before or Field(tag, b"", "empty")


# Values ------------------------------------------------------------------------------------------

DECIMAL = rb"-?[0-9]+(\.[0-9]+)?"
FORMS = {
    "str": rb"[ -~]*",
    "id": rb"[ -~]*",
    "utf8": rb"[^\x00-\x1f\x7f]*",
    "char": rb"[ -~]",
    "int": rb"-?[0-9]+",
    "length": rb"[0-9]+",
    "seqnum": rb"[0-9]+",
    "price": DECIMAL,
    "float": DECIMAL,
    "qty": rb"[0-9]+(\.[0-9]+)?",
    "bool": rb"[YN]",
    "utc": rb"[0-9]{8}-[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3}([0-9]{3})?)?",
    "data": rb"(?s:.*)",
}
INTEGERS = {"int": INT64, "length": range(2**63), "seqnum": range(2**32)}


def instant(text: bytes) -> int | None:
    """Nanoseconds since 1970 of a time of that form; None where there is no such time."""
    stamp, _, fraction = text.decode().partition(".")
    leap = stamp.endswith(":60")
    try:
        moment = datetime.strptime(stamp[:-2] + "59" if leap else stamp, "%Y%m%d-%H:%M:%S")
    except ValueError:
        return None
    second = int((moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return (second + leap) * 10**9 + int(fraction.ljust(9, "0"))


def typed(form: str, raw: bytes) -> Any:
    """The Python value of wire text; ValueError where it is not of this form."""
    if not re.fullmatch(FORMS[form], raw):
        raise ValueError(form)
    if form in INTEGERS:
        number = -whole(raw[1:]) if raw.startswith(b"-") else whole(raw)
        if number not in INTEGERS[form]:
            raise ValueError(form)
        return number
    if form == "utc" and instant(raw) is None:
        raise ValueError(form)
    return raw if form == "data" else raw.decode()


# Tables ------------------------------------------------------------------------------------------


class Row(NamedTuple):
    tag: int
    name: str
    type: str
    required: bool
    rows: Any
    inherited: bool = False


class Plan:
    """wire.Plan."""

    def __init__(
        self, name: str, rows: Iterable[Any], columns: Iterable[str] = (), header_tags: Any = ()
    ) -> None:
        self.name = name
        self.rows = [Row(*row) for row in rows]
        self.columns = tuple(columns) or tuple(row.name for row in self.rows)
        self.header_tags = set(header_tags)

    def read(self, message: Message) -> Message:
        return Message(message.raw, message.kind_, self)


class Group(NamedTuple):
    """What stands behind a count: the entries as they are, and where the group ends."""

    entries: list[list[tuple[Row, int]]]  # members in wire order, with their places
    end: int

    def twice(self) -> bool:
        return any(len({row.tag for row, _ in entry}) < len(entry) for entry in self.entries)


class Message:
    """wire.Message."""

    def __init__(self, raw: bytes, kind: bytes, plan: Plan | None = None) -> None:
        self.raw, self.kind_, self.plan = raw, kind, plan
        self.all = list(fields_of(raw))
        self.good = [field for field in self.all if field.reason is None]

    @property
    def kind(self) -> bytes:
        return self.kind_

    def __len__(self) -> int:
        return len(self.raw)

    def __bytes__(self) -> bytes:
        return self.raw

    def violation(self, reason: str, tag: int | None) -> Violation:
        seq = next((field.value for field in self.good if field.tag == 34), b"")
        number = whole(seq) if re.fullmatch(rb"[0-9]+", seq) and whole(seq) < 2**32 else None
        return Violation(reason, tag, self.kind_, number)

    def refuse(self, reason: str, tag: int | None) -> NoReturn:
        raise self.violation(reason, tag)

    @property
    def fault(self) -> Violation | None:
        for field in self.all:
            if field.reason is not None:
                return self.violation(field.reason, field.tag)
        return None

    # By tag

    def get(self, tag: int, default: Any = None) -> Any:
        for field in self.all:
            if field.reason == "data" or (field.tag == tag and field.reason is not None):
                self.refuse(field.reason, field.tag)
            if field.tag == tag:
                return field.value
        return default

    def get_int(self, tag: int, default: Any = None) -> Any:
        raw = self.get(tag, default)
        try:
            return default if raw is default else typed("int", raw)
        except ValueError:
            self.refuse("malformed", tag)

    def seq_from(self, begin_string: bytes, sender: bytes, target: bytes) -> int:
        try:
            said = [self.get(tag) for tag in (8, 49, 56)]
            seq: int = self.get_int(34, -1)
        except Violation:
            return -1
        fits = self.fault is None and said == [begin_string, sender, target]
        return seq if fits and 0 <= seq < 2**32 else -1

    def get_decimal(self, tag: int, default: Any = None) -> Any:
        raw = self.get(tag, default)
        if raw is not default and not re.fullmatch(DECIMAL, raw):
            self.refuse("malformed", tag)
        return default if raw is default else Decimal(raw.decode())

    def get_str(self, tag: int, default: Any = None) -> Any:
        raw = self.get(tag, default)
        try:
            return default if raw is default else raw.decode()
        except UnicodeDecodeError:
            self.refuse("malformed", tag)

    def fields(self) -> list[tuple[int | None, bytes]]:
        if self.fault is not None:
            raise self.fault
        return [(field.tag, field.value) for field in self.good]

    # By plan

    def top(self) -> Iterator[tuple[int, Row | None]]:
        """The places of the fields outside groups, each with its row or None."""
        assert self.plan is not None
        at = 0
        while at < len(self.good):
            row = next((row for row in self.plan.rows if row.tag == self.good[at].tag), None)
            yield at, row
            at = at + 1 if row is None or row.type != "group" else self.group_at(row, at).end

    def group_at(self, row: Row, at: int) -> Group:
        """The group whose count stands at `at`; the rule is told at wire.Plan."""
        members = {member.tag: member for member in starmap(Row, row.rows)}
        shared = members.keys() & self.around(row)
        known = members.keys() | self.around(row) | self.plan.header_tags
        declared = whole(self.good[at].value) if self.good[at].value.isdigit() else None
        entries: list[list[tuple[Row, int]]] = []
        at += 1
        while (place := self.known_from(at, known) if entries else at) < len(self.good):
            member = members.get(self.good[place].tag or 0)
            if member is None:
                break
            begins = not entries or member == entries[0][0][0]
            full = declared is not None and len(entries) >= declared
            again = begins or member in [there for there, _ in entries[-1]]
            if full and again and member.tag in shared:
                break
            if begins:
                entries.append([])
            entries[-1].append((member, place))
            at = self.group_at(member, place).end if member.type == "group" else place + 1
        return Group(entries, at)

    def known_from(self, at: int, known: set[int]) -> int:
        """The place of the first field from there on that some table knows."""
        while at < len(self.good) and self.good[at].tag not in known:
            at += 1
        return at

    def around(self, group: Row) -> set[int]:
        """The tags of all rows that stand around the members of this group."""
        assert self.plan is not None

        def search(rows: list[Row], around: set[int]) -> set[int] | None:
            around = around | {row.tag for row in rows}
            if any(row is group or row == group for row in rows):
                return around
            inner = (search(list(starmap(Row, row.rows)), around) for row in rows if row.rows)
            return next((found for found in inner if found is not None), None)

        found = search(self.plan.rows, set())
        assert found is not None
        return found

    def first(self, row: Row) -> int | None:
        return next((at for at, found in self.top() if found is row), None)

    def row(self, name: str) -> Row:
        assert self.plan is not None
        return next(row for row in self.plan.rows if row.name == name)

    def value_at(self, row: Row, at: int) -> Any:
        raw = self.good[at].value
        if row.type != "group":
            try:
                return typed(row.type, raw)
            except ValueError:
                self.refuse("malformed", row.tag)
        group = self.group_at(row, at)
        if not re.fullmatch(rb"[0-9]+", raw):
            self.refuse("malformed", row.tag)
        if whole(raw) != len(group.entries) or group.twice():
            self.refuse("group", row.tag)
        found = []
        before: dict[int, Any] = {}
        for entry in group.entries:
            values = {member.tag: self.value_at(member, place) for member, place in entry}
            for member in starmap(Row, row.rows):
                if member.inherited and member.tag in before:
                    values.setdefault(member.tag, before[member.tag])
            found.append(tuple(values.get(member[0]) for member in row.rows))
            before = values
        return found

    def place_of(self, row: Row) -> int | None:
        """The place of a row's field; refused where that may be another than the first one."""
        at = self.first(row)
        if at is not None and row.type == "group" and self.fault is not None:
            raise self.fault
        self.get(row.tag)
        return at

    def value(self, name: str) -> Any:
        row = self.row(name)
        at = self.place_of(row)
        return None if at is None else self.value_at(row, at)

    def pick(self, names: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple(self.value(name) for name in names)

    def values(self) -> tuple[Any, ...]:
        assert self.plan is not None
        known = {row.name for row in self.plan.rows}
        return tuple(self.value(name) if name in known else None for name in self.plan.columns)

    def scaled(self, name: str, scale: int) -> int | None:
        at = self.place_of(self.row(name))
        if at is None:
            return None
        raw = self.good[at].value
        if re.fullmatch(FORMS[self.row(name).type], raw):
            before, _, behind = raw.lstrip(b"-").partition(b".")
            number = whole(before + behind[:scale].ljust(scale, b"0"))
            number = -number if raw.startswith(b"-") else number
            if number in INT64 and not behind[scale:].strip(b"0"):
                return number
        self.refuse("malformed", self.good[at].tag)

    def time_ns(self, name: str) -> int | None:
        at = self.place_of(self.row(name))
        if at is None:
            return None
        raw = self.good[at].value
        ns = instant(raw) if re.fullmatch(FORMS["utc"], raw) else None
        return ns if ns is not None and ns in INT64 else self.refuse("malformed", self.good[at].tag)

    def lacking(self, row: Row, at: int) -> Iterator[int]:
        """Tags of required members that entries of this group lack, inner groups first."""
        inherited: set[int] = set()
        for entry in self.group_at(row, at).entries:
            for member, place in entry:
                if member.type == "group":
                    yield from self.lacking(member, place)
            there = inherited | {member.tag for member, _ in entry}
            inherited |= {member.tag for member, _ in entry if member.inherited}
            for member in starmap(Row, row.rows):
                if member.required and member.tag not in there:
                    yield member.tag

    @property
    def missing(self) -> tuple[int, ...]:
        assert self.plan is not None
        found: list[int] = []
        for row in self.plan.rows:
            at = self.first(row)
            if at is None:
                found += [row.tag] if row.required else []
            elif row.type == "group":
                found += self.lacking(row, at)
        return tuple(found)

    @property
    def extra(self) -> list[tuple[int | None, bytes]]:
        assert self.plan is not None
        found: list[int] = []
        for at, row in self.top():
            if row is None:
                found += [at] if self.good[at].tag not in self.plan.header_tags else []
            elif row.type == "group":
                held = self.held(row)
                inside = range(at + 1, self.group_at(row, at).end)
                found += [place for place in inside if self.good[place].tag not in held]
        return [(self.good[at].tag, self.good[at].value) for at in found]

    def held(self, group: Row) -> set[int]:
        """The tags of a group's members and of those of the groups in it."""
        members = list(starmap(Row, group.rows))
        return {row.tag for row in members}.union(*(self.held(row) for row in members if row.rows))

    @property
    def repeated(self) -> tuple[int | None, ...]:
        assert self.plan is not None
        seen: set[int | None] = set()
        twice: dict[int | None, None] = {}
        for at, row in self.top():
            tag = self.good[at].tag
            if row is not None or tag in self.plan.header_tags:
                if tag in seen:
                    twice[tag] = None
                seen.add(tag)
        return tuple(twice)

    def check(self) -> None:
        assert self.plan is not None
        if self.fault is not None:
            raise self.fault
        for above, row in zip([None, *self.plan.rows], self.plan.rows, strict=False):
            at = self.first(row)
            if at is not None:
                self.value_at(row, at)
                for tag in self.lacking(row, at) if row.type == "group" else ():
                    self.refuse("missing", tag)
            elif row.required:
                self.refuse("missing", row.tag)
            if row.type == "data" and above is not None and DATA_OF.get(above.tag) == row.tag:
                length = self.first(above)
                if (at, length) != (None, None) and (length is None or at != length + 1):
                    self.refuse("malformed", above.tag)
        for tag in self.repeated:
            self.refuse("repeated", tag)
