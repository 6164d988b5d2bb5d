"""Whether a message is well formed: its tags, its values, its names. The first fault is answered.

Faults of the frame (checksum, empty values, bytes outside ASCII) never come here, the session has
answered them. What fields must stand together is the exchange's business.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.peek import peek
from fixengine.fix.venue import Complaint, Row, Sender, Venue, plan
from fixengine.simulator import refusals
from fixengine.simulator.venue import ORDER_ENTRY

CLIENT_ID_TAGS = (fields.CL_ORD_ID, fields.ORIG_CL_ORD_ID, 25014, 25015, 25034)
INTEGER = re.compile(r"-?[0-9]{1,19}\Z")
UNSIGNED = re.compile(r"[0-9]")
ID_RANGE = "^[a-zA-Z0-9-_]{1,36}$"

MARKET_DATA_REQUESTS = frozenset({b"V", b"x"})

ENUM_COMPLAINTS = {
    40: refusals.complaint(-1116, "Invalid orderType.", 40),
    54: refusals.complaint(-1117, "Invalid side.", 54),
    59: refusals.complaint(-1115, "Invalid timeInForce.", 59),
    25002: refusals.complaint(
        -1145,
        "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.",
        25002,
    ),
}


class Syntax:
    """Reads and checks one kind of request of one venue."""

    def __init__(self, venue: Venue, kind: bytes) -> None:
        layout = venue.layout(kind, Sender.CLIENT)
        self._plan = plan(venue, kind, Sender.CLIENT)
        self._request: Any = namedtuple(layout.name, self._plan.names)  # type: ignore[misc]
        self._defined = venue.scopes[ORDER_ENTRY].tags
        self._tests = [
            (self._plan.names.index(row.name), test, found)
            for row in layout.rows
            for test, found in tests_of(venue, row)
        ]
        self._groups = [
            (self._plan.names.index(row.name), GroupSyntax(venue, row.rows))
            for row in layout.rows
            if row.rows
        ]
        self._heads = heads_of(layout.rows)
        self._data = [
            (length.tag, row.tag)
            for length, row in pairwise(layout.rows)
            if row.type == "data" and length.type == "length"
        ]
        self._window_ms_max = venue.recv_window_ms_max

    def read(self, message: wire.Message) -> Any:
        """A Complaint that says what is wrong, or the request.

        A request has each row's name as an attribute, None where the field is absent. It is a copy
        and outlives the message.
        """
        form = self._plan.read(message)
        found = self._check_tags(form) or self._check_order(message)
        if found is not None:
            return found
        try:
            values = form.values()
        except wire.RemoteProtocolError as problem:
            return self._malformed(message, problem)
        for index, test, complaint in self._tests:
            value = values[index]
            if value is not None and not test(value):
                return complaint
        for index, group in self._groups:
            if (wrong := group.check(values[index] or ())) is not None:
                return wrong
        found = self._check_window(message)
        return self._request._make(values) if found is None else found

    def _check_tags(self, form: wire.Message) -> Complaint | None:
        for tag, _ in form.extra:
            if tag not in self._defined:
                return refusals.complaint(-1103, "Undefined Tag.", tag)
            text = f"Tag '{tag}' not defined for this message type."
            return refusals.complaint(-1170, text, tag)
        if form.repeated:
            tag = form.repeated[0]
            return refusals.complaint(-1171, f"Tag '{tag}' appears more than once.", tag)
        if form.missing:
            return refusals.missing(form.missing[0])
        return None

    def _check_order(self, message: wire.Message) -> Complaint | None:
        """Data stand right behind their length, and what begins a group's entry behind its count.

        Spec sections 8 and 9.3.
        """
        if not self._data and not self._heads:
            return None
        tags = [tag for tag, _ in message.fields()]
        for count, first in pairwise(tags):
            if self._heads.get(count, first) != first:
                text = f"Repeating group '{count}' fields out of order."
                return refusals.complaint(-1173, text, count)
        for length, data in self._data:
            if data in tags and (length, data) not in pairwise(tags):
                text = f"Tag '{length}' specified out of required order."
                return refusals.complaint(-1172, text, length)
        return None

    def _malformed(self, message: wire.Message, problem: wire.RemoteProtocolError) -> Complaint:
        tag = problem.tag
        if tag is not None and not peek(message, tag).isascii():
            text = "Only printable ASCII characters and SOH (Start of Header) are allowed."
            return refusals.complaint(-1177, text, tag)
        if tag in self._heads and peek(message, tag).isdigit():
            return refusals.wrong_count(tag)
        return refusals.malformed(tag, str(problem))

    def _check_window(self, message: wire.Message) -> Complaint | None:
        window = message.get(fields.RECV_WINDOW)
        # The session has read it as a number; only a long one can be above the maximum.
        if window is None or len(window) < len(str(self._window_ms_max)):
            return None
        if message.get_decimal(fields.RECV_WINDOW) > self._window_ms_max:
            text = (
                "'recvWindow' contains unexpected value."
                f" Cannot be greater than '{self._window_ms_max}'."
            )
            return refusals.malformed(fields.RECV_WINDOW, text)
        return None


class GroupSyntax:
    """Checks the entries of one repeating group, and those within them."""

    def __init__(self, venue: Venue, rows: tuple[Row, ...]) -> None:
        self._required = [(index, row.tag) for index, row in enumerate(rows) if row.request]
        self._tests = [
            (index, test, found)
            for index, row in enumerate(rows)
            for test, found in tests_of(venue, row)
        ]
        self._groups = [
            (index, GroupSyntax(venue, row.rows)) for index, row in enumerate(rows) if row.rows
        ]

    def check(self, entries: Iterable[tuple[Any, ...]]) -> Complaint | None:
        """The first thing that is wrong, or None."""
        for entry in entries:
            for index, tag in self._required:
                if entry[index] is None:
                    return refusals.missing(tag)
            for index, test, complaint in self._tests:
                if entry[index] is not None and not test(entry[index]):
                    return complaint
            for index, group in self._groups:
                if (wrong := group.check(entry[index] or ())) is not None:
                    return wrong
        return None


def heads_of(rows: tuple[Row, ...]) -> dict[int, int]:
    """The tag of each group's count, nested ones too, and the one that begins its entries."""
    heads: dict[int, int] = {}
    for row in rows:
        if row.rows:
            heads |= {row.tag: row.rows[0].tag, **heads_of(row.rows)}
    return heads


def tests_of(venue: Venue, row: Row) -> list[tuple[Callable[[str], object], Complaint]]:
    """What a value of this row must pass beyond the form of its type, with the complaint."""
    tag = row.tag
    not_valid = refusals.complaint(-1130, f"Data sent for parameter '{tag}' is not valid.", tag)
    tests: list[tuple[Callable[[str], object], Complaint]] = []
    if row.type == "id":
        # This venue's ids are integers; the table takes text because other venues' are not.
        form = refusals.malformed(tag, f"Tag '{tag}' is not an integer.")
        tests.append((INTEGER.match, form))
    if row.type in ("price", "qty", "float"):
        tests.append((UNSIGNED.match, refusals.malformed(tag, f"Tag '{tag}' is negative.")))
    if tag in CLIENT_ID_TAGS:
        text = f"Illegal characters found in parameter '{row.name}'; legal range is '{ID_RANGE}'."
        pattern = re.compile(venue.id_pattern.replace("$", r"\Z"))
        tests.append((pattern.match, refusals.complaint(-1100, text, tag)))
    if tag in venue.enums and row.type in ("char", "id"):
        allowed = frozenset(venue.enums[tag])
        tests.append((allowed.__contains__, ENUM_COMPLAINTS.get(tag, not_valid)))
    return tests


def not_played(venue: Venue, kind: bytes) -> Complaint:
    """What is said to a message that this simulator does not play, described or not."""
    if any(item.kind == kind and Sender.CLIENT in item.senders for item in venue.layouts):
        return refusals.UNSUPPORTED_OPERATION
    if kind in MARKET_DATA_REQUESTS:
        return refusals.NOT_IN_ORDER_ENTRY
    return refusals.complaint(-1130, "Data sent for parameter 'MsgType' is not valid.", 35)
