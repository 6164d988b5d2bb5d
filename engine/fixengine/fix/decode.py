"""A FIX message described: every field with its name and meaning, groups nested, faults in words.

This is the reader for people. The compiled one (fixengine.wire) stops at the first thing that is
wrong, as a session must; this one goes on, says what is wrong and shows the rest, whatever the
bytes. Names, meanings and groups come from a venue's table. What the table does not know (a new
field, a new value of an enum, a message without a layout) is no fault: venues change monthly. It
is shown as it is, and noted.

Groups are nested by the table (tree.py says how); a message that it has no layout for is shown
flat. Who wrote a message tells the CompID of the venue; where that is not there, the kind of the
message, if only one side has it.

Values of secrets (tags 96, 553, 554) are masked at the same length unless asked for, since what
is printed here gets pasted elsewhere; also where they stand within another value, because a
separator is not what it should be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from fixengine.fix import fields
from fixengine.fix.masking import SECRET_TAGS, WITHIN, mask, mask_within
from fixengine.fix.tree import KINDS, LENGTH, NAMES, UNSIGNED, Field, Piece, Said, Tree, quoted
from fixengine.fix.venue import Layout, Sender, Venue

SOH = b"\x01"
ESCAPED = "backslashreplace"
"""Bytes that are not UTF-8 come out as \\xNN."""
HEAD = (fields.BEGIN_STRING, fields.BODY_LENGTH, fields.MSG_TYPE)
ORDINALS = ("first", "second", "third")
HEADER = (fields.SENDER_COMP_ID, fields.TARGET_COMP_ID, fields.MSG_SEQ_NUM, fields.SENDING_TIME)

FIELDS_MAX = 200_000
"""More fields are not described: each takes about 600 bytes, and no message has so many."""

TAG = re.compile(rb"[1-9][0-9]{0,8}\Z")
LIKE_A_SECRET = re.compile(rb"[^1-9=]*(?:9[^0-9=]*6|5[^0-9=]*5[^0-9=]*[34])(?![0-9])")
"""A secret's tag at the start of what is no field, whatever damage is in and behind it."""
SUM = re.compile(rb"[0-9]{3}\Z")
STARS = re.compile(rb"\*+\Z")


class Verdict(NamedTuple):
    """BodyLength<9> or CheckSum<10>: what the message says and what its bytes give.

    said, expected: None where it is missing or cannot be told. ok: None where it cannot be told,
    since the input has stars in place of a secret.
    """

    said: str | None
    expected: str | None
    ok: bool | None


class Decoded(NamedTuple):
    """A message described. Texts are None where their field is missing.

    kind: MsgType<35>. name: of the message, where the table has it. seq: MsgSeqNum<34>.
    problems: what is wrong with it. notes: what the table does not know, or would not expect.
    """

    kind: str | None
    name: str | None
    sender: str | None
    target: str | None
    seq: int | None
    sending_time: str | None
    fields: tuple[Field, ...]
    body_length: Verdict
    check_sum: Verdict
    problems: tuple[str, ...]
    notes: tuple[str, ...]


class Decoder:
    """Describes messages by the table of one venue."""

    def __init__(self, venue: Venue, show_secrets: bool = False) -> None:
        self.venue = venue
        self.show_secrets = show_secrets
        self.layouts: dict[bytes, dict[Sender, Layout]] = {}
        for layout in venue.layouts:
            for sender in layout.senders:
                self.layouts.setdefault(layout.kind, {})[sender] = layout

    def decode(self, data: bytes, cut: bool = False) -> Decoded:
        """Any bytes that are meant as one message, SOH behind each field. Never raises.

        cut: more of the message was there, and is left out.
        """
        said = Said()
        shown = _first_fields(data)
        cut, data = cut or len(shown) < len(data), shown
        pieces = split(data, said, self.show_secrets)
        first: dict[int | None, Piece] = {}
        for piece in pieces:
            first.setdefault(piece.tag, piece)
        kind = first[fields.MSG_TYPE].raw if fields.MSG_TYPE in first else None
        sender = self._sender(first, kind)
        self._check_kind(first.get(fields.MSG_TYPE), said)
        layout = self._layout(kind, sender, said)
        if cut:
            said.problem(f"too long: only its first {len(data)} bytes are shown")
        body = _body(data, pieces, first)
        _check_envelope(pieces, first, body.whole, said)
        # Of a message without its end nothing is missing, and its last value may be half of one.
        half = len(pieces) - 1 if not body.whole and not data.endswith(SOH) else None
        tree = Tree(self.venue, layout, sender if body.whole else None, pieces, said, half)
        described = tree.fields()
        body_length = _length_verdict(data, first.get(fields.BODY_LENGTH), body, said)
        check_sum = _sum_verdict(data, pieces, body, said)
        seq = _value(first, fields.MSG_SEQ_NUM)
        return Decoded(
            kind=_value(first, fields.MSG_TYPE),
            name=(self.venue.kinds.get(kind) or KINDS.get(kind)) if kind is not None else None,
            sender=_value(first, fields.SENDER_COMP_ID),
            target=_value(first, fields.TARGET_COMP_ID),
            seq=int(seq)
            if seq is not None and len(seq) < 19 and UNSIGNED.fullmatch(seq.encode())
            else None,
            sending_time=_value(first, fields.SENDING_TIME),
            fields=described,
            body_length=body_length,
            check_sum=check_sum,
            problems=said.problems(),
            notes=said.notes(),
        )

    def _sender(self, first: Mapping[int | None, Piece], kind: bytes | None) -> Sender | None:
        """Who wrote it: by the CompIDs, else whichever side alone has such a message."""
        if _value(first, fields.SENDER_COMP_ID) == self.venue.venue_comp_id:
            return Sender.VENUE
        if _value(first, fields.TARGET_COMP_ID) == self.venue.venue_comp_id:
            return Sender.CLIENT
        senders = self.layouts.get(kind or b"", {})
        return next(iter(senders)) if len(senders) == 1 else None

    def _check_kind(self, kind: Piece | None, said: Said) -> None:
        if kind is not None and kind.raw and kind.raw not in self.venue.kinds:
            text = quoted(kind.value)
            said.note(f"MsgType<35> {text} is not in the table of {self.venue.name}")

    def _layout(self, kind: bytes | None, sender: Sender | None, said: Said) -> Layout | None:
        known = self.layouts.get(kind or b"", {})
        if not known:
            return None
        if sender is None or sender in known:
            return known[sender] if sender else next(iter(known.values()))
        layout = next(iter(known.values()))
        said.note(f"{layout.name} <{layout.kind.decode()}> is not for the {sender.value} to send")
        return layout


def _value(first: Mapping[int | None, Piece], tag: int) -> str | None:
    return first[tag].value if tag in first else None


def _first_fields(data: bytes) -> bytes:
    """As much of a message as FIELDS_MAX separators end."""
    if data.count(SOH) <= FIELDS_MAX:
        return data
    places = re.finditer(SOH, data)
    return data[: next(islice(places, FIELDS_MAX - 1, None)).end()]


def split(data: bytes, said: Said, show_secrets: bool) -> list[Piece]:
    """The fields of a message in their order; RawData<96> may hold SOH, by RawDataLength<95>."""
    shown = data if show_secrets else mask(data)
    pieces: list[Piece] = []
    declared: int | None = None
    leaking = False
    at = 0
    while at < len(data):
        stop = data.find(SOH, at)
        if stop < 0:
            stop = len(data)
        equals = data.find(b"=", at, stop)
        if equals < 0 or not TAG.match(data[at:equals]):
            # What follows a secret and is no field is likely to be the rest of it.
            alike = LIKE_A_SECRET.match(data, at, stop) is not None
            hidden = not show_secrets and (leaking or alike)
            text = "*" * (stop - at) if hidden else _text(shown[at:stop], show_secrets)
            leaking = leaking or alike or WITHIN.search(data, at, stop) is not None
            said.problem(_no_tag(text))
            pieces.append(Piece(None, data[at:stop], text, at))
            declared, at = None, stop + 1
            continue
        tag, begin = int(data[at:equals]), equals + 1
        if tag == fields.RAW_DATA:
            stop = _data_stop(data, begin, stop, declared, said)
        text = _text(shown[begin:stop], show_secrets)
        piece = Piece(tag, data[begin:stop], text, at)
        pieces.append(piece)
        declared = None
        leaking = tag in SECRET_TAGS or WITHIN.search(piece.raw) is not None
        if tag == fields.RAW_DATA_LENGTH and LENGTH.match(piece.raw):
            declared = int(piece.raw)
        at = stop + 1
    return pieces


def _text(value: bytes, show_secrets: bool) -> str:
    return (value if show_secrets else mask_within(value)).decode(errors=ESCAPED)


def _no_tag(text: str) -> str:
    if not text:
        return "an empty field: two separators in a row"
    tag, equals, _ = text.partition("=")
    return f"tag {quoted(tag)} is not a tag number" if equals else f"{quoted(text)} is not a field"


def _data_stop(data: bytes, begin: int, stop: int, declared: int | None, said: Said) -> int:
    """Where a data field ends: where its length says, if a field ends there."""
    if declared is None:
        said.problem("RawData<96> without RawDataLength<95> right before it")
        return stop
    by_length = begin + declared
    if data[by_length : by_length + 1] == SOH or by_length == len(data):
        return by_length
    said.problem(f"RawDataLength<95> says {declared}, RawData<96> has {stop - begin} bytes")
    return stop


class _Body(NamedTuple):
    """What BodyLength<9> counts. stop: the offset of CheckSum<10>, or the end where it is missing.

    size: bytes there are, None where it has no begin. declared: what BodyLength says. whole:
    nothing is cut off, but for the CheckSum perhaps.
    """

    stop: int
    size: int | None
    declared: int | None
    whole: bool


def _body(data: bytes, pieces: Sequence[Piece], first: Mapping[int | None, Piece]) -> _Body:
    length, trailer = first.get(fields.BODY_LENGTH), first.get(fields.CHECK_SUM)
    if trailer is not None and pieces[-1].tag == fields.CHECK_SUM:
        trailer = pieces[-1]
    stop = trailer.start if trailer else len(data)
    begin = length.start + len(b"9=") + len(length.raw) + 1 if length else None
    size = None if begin is None or begin > stop else stop - begin
    declared = int(length.raw) if length and LENGTH.match(length.raw) else None
    complete = size is not None and size == declared and data.endswith(SOH)
    return _Body(stop, size, declared, trailer is not None or complete)


def _check_envelope(
    pieces: Sequence[Piece], first: Mapping[int | None, Piece], whole: bool, said: Said
) -> None:
    """Problems of header and trailer, but for the two verdicts."""
    for place, tag in enumerate(HEAD):
        if tag in first and (len(pieces) <= place or pieces[place].tag != tag):
            said.problem(f"{NAMES[tag]}<{tag}> is not the {ORDINALS[place]} field")
    for tag in (*HEAD, *HEADER) if whole else ():
        if tag not in first:
            said.problem(f"{NAMES[tag]}<{tag}> is missing")
    if fields.CHECK_SUM in first and pieces[-1].tag != fields.CHECK_SUM:
        said.problem("CheckSum<10> is not the last field")


def _length_verdict(data: bytes, length: Piece | None, body: _Body, said: Said) -> Verdict:
    """BodyLength<9> against the bytes; with a problem too where the message was cut off."""
    if not body.whole:
        said.problem(_truncated(data, body.declared, body.size))
        return Verdict(length.value if length else None, None, False)
    good = body.size is not None and body.size == body.declared
    if length and not good:
        what = "is not a number" if body.declared is None else "is wrong"
        should = "" if body.size is None else f", should be {body.size}"
        said.problem(f"BodyLength<9> {quoted(length.value)} {what}{should}")
    expected = None if body.size is None else str(body.size)
    return Verdict(length.value if length else None, expected, good)


def _sum_verdict(data: bytes, pieces: Sequence[Piece], body: _Body, said: Said) -> Verdict:
    """CheckSum<10> against the bytes."""
    if not body.whole:
        return Verdict(None, None, False)
    expected = f"{sum(data[: body.stop]) % 256:03d}"
    trailer = next((piece for piece in pieces[::-1] if piece.start == body.stop), None)
    if trailer is None:
        said.problem("CheckSum<10> is missing")
        return Verdict(None, expected, False)
    if trailer.raw == expected.encode():
        return Verdict(trailer.value, expected, True)
    if SUM.match(trailer.raw) and _stars(pieces):
        said.note("CheckSum<10> cannot be told: secrets were masked in the input")
        return Verdict(trailer.value, None, None)
    what = "is wrong" if SUM.match(trailer.raw) else "is not three digits"
    said.problem(f"CheckSum<10> {quoted(trailer.value)} {what}, should be {expected}")
    return Verdict(trailer.value, expected, False)


def _truncated(data: bytes, declared: int | None, body: int | None) -> str:
    where = "" if data.endswith(SOH) else " within its last field"
    text = f"truncated{where}, no CheckSum<10>"
    if declared is None or body is None:
        return text
    return f"{text}: {body} of the {declared} bytes that BodyLength<9> says"


def _stars(pieces: Sequence[Piece]) -> bool:
    """Whether somebody has masked secrets already, so that the bytes are not those of the wire."""
    return any(piece.tag in SECRET_TAGS and STARS.match(piece.raw) for piece in pieces)
