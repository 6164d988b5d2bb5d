"""What is wrong with a message by the grammar of its FIX version, in the words of the standard.

A message is taken as its bytes, not as a parsed Message: what is asked here is just what a parser
passes over (a tag that is no number, a field without a value, the order of fields). The answer
names the SessionRejectReason<373>; the first fault in the order of the message counts, what is
missing comes last. Bounded by the message's own size, no recursion deeper than the grammar's.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from fixengine.fix import fields
from fixengine.fix.grammar import Grammar, Part

TEXTS = {
    fields.INVALID_TAG_NUMBER: "Invalid tag number",
    fields.REQUIRED_TAG_MISSING: "Required tag missing",
    fields.TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE: "Tag not defined for this message type",
    fields.TAG_SPECIFIED_WITHOUT_A_VALUE: "Tag specified without a value",
    fields.VALUE_IS_INCORRECT: "Value is incorrect (out of range) for this tag",
    fields.INCORRECT_DATA_FORMAT_FOR_VALUE: "Incorrect data format for value",
    fields.COMPID_PROBLEM: "CompID problem",
    fields.SENDINGTIME_ACCURACY_PROBLEM: "SendingTime accuracy problem",
    fields.INVALID_MSGTYPE: "Invalid MsgType",
    fields.TAG_APPEARS_MORE_THAN_ONCE: "Tag appears more than once",
    fields.TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER: "Tag specified out of required order",
    fields.REPEATING_GROUP_FIELDS_OUT_OF_ORDER: "Repeating group fields out of order",
    fields.INCORRECT_NUMINGROUP_COUNT_FOR_REPEATING_GROUP: (
        "Incorrect NumInGroup count for repeating group"
    ),
}
"""Text<58> for each SessionRejectReason<373>."""

DATE = rb"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
TIME = rb"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?"
WHOLE = rb"-?\d{1,18}"
COUNT = rb"\d{1,10}"
DECIMAL = rb"-?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})"
FORMATS = {
    "INT": WHOLE,
    "LENGTH": COUNT,
    "SEQNUM": COUNT,
    "NUMINGROUP": COUNT,
    "DAYOFMONTH": rb"0?[1-9]|[12]\d|3[01]",
    "FLOAT": DECIMAL,
    "QTY": DECIMAL,
    "PRICE": DECIMAL,
    "PRICEOFFSET": DECIMAL,
    "AMT": DECIMAL,
    "PERCENTAGE": DECIMAL,
    "CHAR": rb"[^\x01]",
    "BOOLEAN": rb"[YN]",
    "CURRENCY": rb"[A-Za-z]{3}",
    "COUNTRY": rb"[A-Za-z]{2}",
    "MONTHYEAR": rb"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]|w[1-5])?",
    "LOCALMKTDATE": DATE,
    "UTCDATE": DATE,
    "UTCDATEONLY": DATE,
    "UTCTIMEONLY": TIME,
    "UTCTIMESTAMP": DATE + b"-" + TIME,
}
PATTERNS = {name: re.compile(pattern) for name, pattern in FORMATS.items()}
TAG = re.compile(rb"[1-9]\d{0,8}")


class Pair(NamedTuple):
    """One field as it came. tag: 0 where what stands before '=' is no tag number."""

    tag: int
    name: bytes
    value: bytes


class Fault(NamedTuple):
    """Why a message is refused. reason: SessionRejectReason<373>. tag: RefTagID<371>, or None."""

    reason: int
    tag: int | None = None


def split(frame: bytes, grammar: Grammar) -> list[Pair]:
    """All fields of a frame in order, 8 to 10; data fields go by their length."""
    pairs = []
    at, data_tag, data_bytes = 0, 0, 0
    while at < len(frame):
        equals = frame.find(b"=", at)
        end = frame.find(b"\x01", at)
        name = frame[at : equals if 0 <= equals < end else end]
        tag = int(name) if TAG.fullmatch(name) else 0
        start = min(at + len(name) + 1, end)
        if (
            tag
            and tag == data_tag
            and frame[start + data_bytes : start + data_bytes + 1] == b"\x01"
        ):
            end = start + data_bytes
        value = frame[start:end]
        pairs.append(Pair(tag, name, value))
        data_tag = grammar.lengths.get(tag, 0)
        data_bytes = int(value) if data_tag and value.isdigit() and len(value) < 10 else 0
        at = end + 1
    return pairs


def fault_of(pairs: list[Pair], kind: bytes, grammar: Grammar) -> Fault | None:
    """What is wrong with a message of a known kind, None where nothing is."""
    part = grammar.messages[kind]
    header, trailer = grammar.header, grammar.trailer
    fault = _misplaced(pairs, header, trailer)
    if fault is not None:
        return fault
    seen: set[int] = set()
    at = 0
    while at < len(pairs):
        tag = pairs[at].tag
        place = header if tag in header.tags else trailer if tag in trailer.tags else part
        found = _field(pairs[at], place, grammar)
        if found is None and tag in seen:
            found = Fault(fields.TAG_APPEARS_MORE_THAN_ONCE, tag)
        if found is not None:
            return found
        seen.add(tag)
        at += 1
        if tag in place.groups:
            group = _group(pairs, at, place.groups[tag], grammar)
            if isinstance(group, Fault):
                return group
            at = group
    for pair, data in pairwise(pairs):
        owner = grammar.lengths.get(pair.tag)
        if owner is not None and (data.tag, len(data.value)) != (owner, int(pair.value)):
            return Fault(fields.INCORRECT_DATA_FORMAT_FOR_VALUE, pair.tag)
    for place in (header, part, trailer):
        for tag in place.required:
            if tag not in seen:
                return Fault(fields.REQUIRED_TAG_MISSING, tag)
    return None


def _misplaced(pairs: list[Pair], header: Part, trailer: Part) -> Fault | None:
    """The first field of the header behind the body, or of the body behind the trailer.

    Members of a header's or trailer's group count as header where they follow their count.
    """
    members = frozenset(tag for group in header.groups.values() for tag in group.tags)
    stage = 0
    for pair in pairs:
        if pair.tag in header.tags:
            here = 0
        elif pair.tag in trailer.tags:
            here = 2
        else:
            here = 0 if stage == 0 and pair.tag in members else 1
        if here < stage:
            return Fault(fields.TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER, pair.tag or None)
        stage = here
    return None


def _field(pair: Pair, part: Part, grammar: Grammar) -> Fault | None:
    """What is wrong with one field, its place in the part included."""
    tag, value = pair.tag, pair.value
    if tag not in grammar.types:
        # The tag is named as it came where it is a number at all: 0, -1, 5000.
        number = int(pair.name) if re.fullmatch(rb"-?\d{1,9}", pair.name) else None
        return Fault(fields.INVALID_TAG_NUMBER, number)
    if not value:
        return Fault(fields.TAG_SPECIFIED_WITHOUT_A_VALUE, tag)
    if tag not in part.tags:
        return Fault(fields.TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE, tag)
    type_name = grammar.types[tag]
    pattern = PATTERNS.get(type_name)
    if pattern is not None and not pattern.fullmatch(value):
        return Fault(fields.INCORRECT_DATA_FORMAT_FOR_VALUE, tag)
    allowed = grammar.values.get(tag)
    if allowed is not None:
        several = type_name == "MULTIPLEVALUESTRING"
        if not all(item in allowed for item in (value.split(b" ") if several else (value,))):
            return Fault(fields.VALUE_IS_INCORRECT, tag)
    return None


def _group(pairs: list[Pair], at: int, part: Part, grammar: Grammar) -> int | Fault:
    """Read the entries of the group whose count is pairs[at - 1]; where they end."""
    count_tag = pairs[at - 1].tag
    count = int(pairs[at - 1].value)
    entries = 0
    seen: set[int] = set()
    while at < len(pairs) and pairs[at].tag in part.tags:
        tag = pairs[at].tag
        if tag == part.first:
            missing = next((need for need in part.required if entries and need not in seen), None)
            if missing is not None:
                return Fault(fields.REQUIRED_TAG_MISSING, missing)
            entries += 1
            seen = set()
        elif entries == 0:
            if count == 0:
                break
            return Fault(fields.REPEATING_GROUP_FIELDS_OUT_OF_ORDER, tag)
        elif tag in seen:
            return Fault(fields.TAG_APPEARS_MORE_THAN_ONCE, tag)
        found = _field(pairs[at], part, grammar)
        if found is not None:
            return found
        seen.add(tag)
        at += 1
        if tag in part.groups:
            inner = _group(pairs, at, part.groups[tag], grammar)
            if isinstance(inner, Fault):
                return inner
            at = inner
    if entries != count:
        return Fault(fields.INCORRECT_NUMINGROUP_COUNT_FOR_REPEATING_GROUP, count_tag)
    missing = next((need for need in part.required if entries and need not in seen), None)
    if missing is not None:
        return Fault(fields.REQUIRED_TAG_MISSING, missing)
    return at
