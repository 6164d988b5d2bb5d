"""The fields of a message as a tree: names, meanings, groups with their entries.

One walk over the flat fields finds for each its name and the meaning of its value in the venue's
table, and nests what belongs to a group. It says what is odd on the way and never stops for it.

Shown is what is there: what an entry inherits from the one before is not written out.

A group has no end on the wire; which fields are its own is told at wire.Plan, and the same here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from fixengine.fix import fields
from fixengine.fix.venue import Layout, Row, Sender, Venue

PROBLEMS_MAX = 20
QUOTED_CHARS_MAX = 40
ENVELOPE = frozenset(fields.HEADER_TYPES)
"""Tags of header and trailer, which no layout lists."""
ENVELOPE_TYPES = {
    tag: form
    for tag, form in fields.HEADER_TYPES.items()
    if tag not in (fields.BODY_LENGTH, fields.CHECK_SUM)
}
"""What has a verdict of its own is not judged twice."""

NAMES = {
    fields.BEGIN_STRING: "BeginString",
    fields.BODY_LENGTH: "BodyLength",
    fields.CHECK_SUM: "CheckSum",
    fields.MSG_SEQ_NUM: "MsgSeqNum",
    fields.MSG_TYPE: "MsgType",
    fields.SENDER_COMP_ID: "SenderCompID",
    fields.SENDING_TIME: "SendingTime",
    fields.TARGET_COMP_ID: "TargetCompID",
}
"""What every FIX has, should a venue's table not name it."""

KINDS = {b"2": "ResendRequest", b"4": "SequenceReset"}
"""MsgTypes of every FIX session that a venue's table need not have."""

LENGTH = re.compile(rb"[0-9]{1,18}\Z")
COUNT = re.compile(rb"0*([0-9]{1,18})\Z")
UNSIGNED = re.compile(rb"[0-9]+")
SIGNED = re.compile(rb"-?[0-9]+")
DECIMAL = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")
ASCII = re.compile(rb"[ -~]*")
TIME = re.compile(
    rb"([0-9]{4})([0-9]{2})([0-9]{2})-([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{3}(?:[0-9]{3})?)?"
)
FORMS: Mapping[str, tuple[re.Pattern[bytes], str]] = {
    "str": (ASCII, "printable ASCII"),
    "id": (ASCII, "printable ASCII"),
    "utf8": (re.compile(rb"[^\x00-\x1f\x7f]*"), "text in UTF-8 without control characters"),
    "char": (re.compile(rb"[ -~]"), "one character"),
    "int": (SIGNED, "a whole number of 64 bits"),
    "length": (UNSIGNED, "a number below 2**63"),
    "seqnum": (UNSIGNED, "a number below 2**32"),
    "group": (UNSIGNED, "a number"),
    "price": (DECIMAL, "a decimal number"),
    "qty": (re.compile(rb"[0-9]+(?:\.[0-9]+)?"), "a decimal number without sign"),
    "float": (DECIMAL, "a decimal number"),
    "bool": (re.compile(rb"[YN]"), "Y or N"),
    "utc": (TIME, "a time such as 20260721-09:07:30.123456"),
}
"""By the table's type: what a value looks like, and that in words; the codec takes the same."""

RANGES = {"int": range(-(1 << 63), 1 << 63), "length": range(1 << 63), "seqnum": range(1 << 32)}
LEAP_SECOND = 60
DIGITS_MAX = 19
"""Of the largest number in RANGES."""


def fits(form: str, raw: bytes) -> bool:
    """Whether a value is one of this type of the table; data may be anything."""
    if form not in FORMS:
        return True
    found = FORMS[form][0].fullmatch(raw)
    if found is None:
        return False
    if form in RANGES:
        digits = raw.lstrip(b"-").lstrip(b"0") or b"0"
        number = int(digits) if len(digits) <= DIGITS_MAX else 1 << 64
        return (-number if raw.startswith(b"-") else number) in RANGES[form]
    try:
        if form == "utc":
            year, month, day, hour, minute, second = map(int, found.groups())
            datetime(year, month, day, hour, minute, min(second, 59))
            return second <= LEAP_SECOND
        raw.decode()
    except ValueError:
        return False
    return True


class Field(NamedTuple):
    """One field. tag: None where none can be read; then value is all that stands there.

    name, meaning: None where the table has none. entries: of a group, under its count field.
    """

    tag: int | None
    name: str | None
    value: str
    meaning: str | None = None
    entries: tuple[tuple[Field, ...], ...] | None = None


class Piece(NamedTuple):
    """A field as it stands in the bytes; tag None where none can be read, then raw is all of it."""

    tag: int | None
    raw: bytes
    value: str
    start: int


class Said:
    """What there is to say about a message: each thing once, and not too many of them."""

    def __init__(self) -> None:
        self._problems: dict[str, None] = {}
        self._notes: dict[str, None] = {}

    def problem(self, text: str) -> None:
        """Something is wrong."""
        self._problems[text] = None

    def note(self, text: str) -> None:
        """Something is not as the table has it."""
        self._notes[text] = None

    def problems(self) -> tuple[str, ...]:
        """The problems in the order found, the last one counting those left out."""
        return _limited(self._problems)

    def notes(self) -> tuple[str, ...]:
        """The same for notes."""
        return _limited(self._notes)


def _limited(texts: Mapping[str, None]) -> tuple[str, ...]:
    kept = tuple(texts)[:PROBLEMS_MAX]
    more = len(texts) - len(kept)
    return (*kept, f"and {more} more of this sort") if more else kept


def quoted(text: str) -> str:
    """A value within a sentence, shortened where it is long."""
    short = text if len(text) <= QUOTED_CHARS_MAX else text[: QUOTED_CHARS_MAX - 1] + "…"
    return f"'{short}'"


class Tree:
    """One walk over the fields of a message that nests groups and finds names and meanings."""

    def __init__(
        self,
        venue: Venue,
        layout: Layout | None,
        sender: Sender | None,
        pieces: Sequence[Piece],
        said: Said,
        half: int | None,
    ) -> None:
        self.venue = venue
        self.layout = layout
        self.sender = sender
        self.pieces = pieces
        self.said = said
        self.half = half
        self.at = 0
        self.strangers = range(0)  # fields in a row that no table knows, looked at by `inside`

    def fields(self) -> tuple[Field, ...]:
        """All fields; those of a group as its entries."""
        rows = {row.tag: row for row in self.layout.rows} if self.layout else {}
        found: list[Field] = []
        seen: set[int] = set()
        outer = ENVELOPE | rows.keys()
        while self.at < len(self.pieces):
            tag = self.pieces[self.at].tag
            if tag is not None:
                if tag in seen and (self.layout is not None or tag in ENVELOPE):
                    self.said.problem(f"{self.label(tag)} is repeated")
                elif self.layout is not None and tag in self.venue.names and tag not in outer:
                    where = self.layout.name
                    self.said.note(f"{self.label(tag)} does not belong to {where} by the table")
                seen.add(tag)
            found.append(self.field(rows, outer))
        if self.layout:
            self.check_required(self.layout.rows, seen, self.layout.name)
        return tuple(found)

    def field(self, rows: Mapping[int, Row], outer: frozenset[int]) -> Field:
        """The field at hand and, if it is a group's count, what belongs to the group."""
        piece = self.pieces[self.at]
        self.at += 1
        if piece.tag is None:
            return Field(None, None, piece.value)
        name = self.name(piece.tag)
        if name is None:
            self.said.note(f"tag {piece.tag} is not in the table of {self.venue.name}")
        row = rows.get(piece.tag)
        meaning = self.meaning(piece)
        if self.at - 1 != self.half:
            self.check_value(piece, row, meaning)
        if row is None or not row.rows:
            return Field(piece.tag, name, piece.value, meaning)
        entries = self.entries(piece, row, outer)
        return Field(piece.tag, name, piece.value, meaning, entries)

    def check_value(self, piece: Piece, row: Row | None, meaning: str | None) -> None:
        """Problem where a value is not of its type; note where it is none the table lists."""
        tag = piece.tag
        if tag is None:
            return
        form = row.type if row is not None else ENVELOPE_TYPES.get(tag)
        if not piece.raw:
            self.said.problem(f"{self.label(tag)} has no value")
        elif form is not None and not fits(form, piece.raw):
            text = f"{quoted(piece.value)} is not {FORMS[form][1]}"
            self.said.problem(f"{self.label(tag)} {text}")
        elif meaning is None and tag in self.venue.enums and tag != fields.MSG_TYPE:
            text = f"{quoted(piece.value)} is not among the values of the table"
            self.said.note(f"{self.label(tag)} {text}")

    def entries(
        self, count: Piece, group: Row, outer: frozenset[int]
    ) -> tuple[tuple[Field, ...], ...]:
        """The entries of a group, as many as are there, whatever the count says."""
        members = {row.tag: row for row in group.rows}
        inner = outer | members.keys()
        digits = COUNT.match(count.raw)
        declared = int(digits[1]) if digits else None
        first = self.pieces[self.at].tag if self.at < len(self.pieces) else None
        entries: list[list[Field]] = []
        seen: list[set[int]] = []
        while self.at < len(self.pieces):
            tag = self.pieces[self.at].tag
            full = declared is not None and len(entries) >= declared
            begins = tag == first or not entries
            if tag in members:
                if full and tag in outer and (begins or tag in seen[-1]):
                    break
            elif not entries or not self.inside(members, outer):
                break
            if begins:
                entries.append([])
                seen.append(set())
            elif tag in seen[-1] and tag is not None:
                where = f"entry {len(entries)} of {self.label(group.tag)}"
                self.said.problem(f"{self.label(tag)} is repeated in {where}")
            if tag is not None:
                seen[-1].add(tag)
            entries[-1].append(self.field(members, inner))
        self.check_count(count, group, declared, len(entries))
        inherited: set[int] = set()
        for number, tags in enumerate(seen, 1):
            where = f"entry {number} of {self.label(group.tag)}"
            self.check_required(group.rows, tags | inherited, where)
            inherited |= {row.tag for row in group.rows if row.inherited} & tags
        return tuple(tuple(entry) for entry in entries)

    def inside(self, members: Mapping[int, Row], outer: frozenset[int]) -> bool:
        """Whether a field that no table knows has a member of the group behind it, and so is in it.

        Others that no table knows may stand between.
        """
        if self.at not in self.strangers:
            known = outer | members.keys()
            behind = self.at
            while behind < len(self.pieces) and self.pieces[behind].tag not in known:
                behind += 1
            self.strangers = range(self.at, behind)
        # A group around this one asks again, and for it the same field behind may be a member.
        behind = self.strangers.stop
        return behind < len(self.pieces) and self.pieces[behind].tag in members

    def check_count(self, count: Piece, group: Row, declared: int | None, found: int) -> None:
        """Problem where a count and the entries behind it differ."""
        if declared is not None and declared != found:
            entries = "1 entry follows" if found == 1 else f"{found or 'no'} entries follow"
            said = count.value if len(count.value) < QUOTED_CHARS_MAX else quoted(count.value)
            self.said.problem(f"{self.label(group.tag)} says {said}, {entries}")

    def check_required(self, rows: Sequence[Row], present: set[int], where: str) -> None:
        """Notes of fields that this sender should have written."""
        for row in rows:
            required = (self.sender is Sender.CLIENT and row.request) or (
                self.sender is Sender.VENUE and row.answer
            )
            if required and row.tag not in present:
                self.said.note(f"{where} without {self.label(row.tag)}, required by the table")

    def name(self, tag: int) -> str | None:
        """FIX's name of a tag."""
        return self.venue.names.get(tag) or NAMES.get(tag)

    def label(self, tag: int) -> str:
        """A tag within a sentence: with its name where it has one."""
        name = self.name(tag)
        return f"{name}<{tag}>" if name else f"tag {tag}"

    def meaning(self, piece: Piece) -> str | None:
        """What a value of an enum stands for."""
        if piece.tag == fields.MSG_TYPE:
            return self.venue.kinds.get(piece.raw) or KINDS.get(piece.raw)
        values = self.venue.enums.get(piece.tag) if piece.tag is not None else None
        return values.get(piece.value) if values else None
