"""Finds FIX messages in text of any form: raw streams, logs, tickets, dumps.

People meet FIX in many dresses. On the wire fields end with SOH; logs print `|` (also between
spaces), `;`, `^A`, `<SOH>`, `[SOH]` or an escape such as `\\x01` in its place, put a time in front
and a quote behind, and cut lines. This room takes bytes in pieces of any size and gives back each
message as it stood on the wire, with SOH behind each field.

A message begins with `8=FIX` (or `8=` something `9=`) and shows by itself which separator it
uses. Its end is where BodyLength<9> says, if a CheckSum<10> stands there: so a value may hold
newlines, and a data field SOH. Only if none stands there, the message ends with the first
CheckSum, before the next message, or with the line, whichever comes first; in raw FIX a line ends
it only if no CheckSum follows, since a newline may be part of a value there.

With `|` or `;` a value may hold the separator (`58=this|that`). A piece that does not look like
`digits=` is then part of the value before it, unless the CheckSum proves that it is not. One that
does look so (`58=price|44=9 refused`) is a field, unless BodyLength and CheckSum both hold only if
the first free text of the message takes it, and those behind it, in.

Nothing here raises, whatever the bytes, and no more than `message_bytes_max` and one piece of
input is held at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

SOH = b"\x01"
IN_VALUES = (b"|", b" | ", b";")
"""Separators that are common in values too."""
MARKS = (b"^A", b"<SOH>", b"[SOH]", "\u2401".encode(), b"\\x01", b"\\u0001", b"\\001")
SEPARATORS = (SOH, *IN_VALUES, *MARKS)
MESSAGE_BYTES_MAX = 4 << 20
"""A snapshot of 10,000 entries has less than a tenth of it."""


def _begin(separators: bytes) -> bytes:
    """Pattern of BeginString<8> and the separator behind it, which is its last group.

    A digit before it makes it another tag, unless it ends a separator, or `8=FIX` and `9=` are both
    there: then the digit is the last byte of a message that was torn off.
    """
    version, damaged = rb"FIX[0-9A-Za-z.]{0,12}", rb"[^\x00-\x20|;^<[\\\xe2]{0,16}"
    length = rb"(?=(?:" + separators + rb")9=)"
    likely = rb"(?:" + version + rb"|" + damaged + length + rb")"
    alone = rb"(?:(?<![0-9]8=)|" + BEHIND_DIGIT + rb")"
    sure = version + length
    return rb"8=(?:" + sure + rb"|" + alone + likely + rb")(" + separators + rb")" + PROSE


PROSE = rb"(?:(?<!;)|(?=[0-9]{1,9}=))"
"""Behind a `;` a field must follow: in prose one may stand there as well."""
BEHIND_DIGIT = b"|".join(
    rb"(?<=" + re.escape(separator) + rb"8=)"
    for separator in SEPARATORS
    if separator[-1:].isdigit()
)
CONTEXT_BYTES = max(map(len, SEPARATORS))
"""So much of what is before a start may tell whether it is one."""
ANY = b"|".join(re.escape(separator) for separator in SEPARATORS)
START = re.compile(_begin(ANY))
START_BYTES_MAX = 96
"""A start and one that overlaps it fit in that many bytes."""
START_MARGIN_BYTES = 24
"""With that many bytes behind a start nothing that follows can speak for another one."""

CHECK_SUM_BYTES = 6
CHECK_SUM = re.compile(rb"10=[0-9]{3}(?![0-9])")
BODY_LENGTH = re.compile(rb"9=([0-9]{1,9})[\x01|;]")
BODY_LENGTH_BYTES_MAX = 12
MEASURED = re.compile(rb"8=[^\x01]*\x019=([0-9]{1,9})\x01")
FREE_TEXT = re.compile(rb"\x01(?:58|148)=")
"""Text and Headline, where anything may be said, also what looks like a field."""
JOINED_MAX = 255
"""CheckSum tells no more separators from each other."""
SUMMED = re.compile(rb"\x0110=([0-9]{3})\x01?\Z")
LINE_END = re.compile(rb"\r*\n")
ESCAPE = re.compile(
    rb"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([0-3][0-7]{2})|([nrt])|([\\\"'/]))"
)
CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class Found(NamedTuple):
    """One message found in text.

    data: its bytes as on the wire, as far as they are there. line: where it begins, from 1.
    cut: it was longer than the limit and is not complete.
    """

    data: bytes
    line: int
    cut: bool = False


class _Ending(NamedTuple):
    """How messages with one separator end, where BodyLength does not lead to the end."""

    separator: bytes
    ends: re.Pattern[bytes]
    trailer: re.Pattern[bytes]


def _ending(separator: bytes) -> _Ending:
    mark = re.escape(separator)
    line = b"" if separator == SOH else rb"|(?P<line>\r*\n)"
    start = rb"(?P<start>" + _begin(mark) + rb")"
    return _Ending(
        separator,
        re.compile(rb"(?P<trailer>" + mark + rb"10=)|" + start + line),
        re.compile(rb"10=(?:[0-9]{3}(?![0-9])|[^\r\n]{0,32}?(?=" + mark + rb"|[\r\n]|\Z))"),
    )


ENDINGS = {separator: _ending(separator) for separator in SEPARATORS}


def messages(
    pieces: Iterable[bytes], message_bytes_max: int = MESSAGE_BYTES_MAX
) -> Iterator[Found]:
    """The messages in the pieces of a text, each as soon as its end is seen.

    How the text is cut into pieces makes no difference. A message longer than message_bytes_max is
    given as far as that, marked as cut.
    """
    search = Search(message_bytes_max)
    for piece in pieces:
        yield from search.feed(piece, last=False)
    yield from search.feed(b"", last=True)


class Search:
    """What is held of a text between two pieces of it."""

    def __init__(self, message_bytes_max: int) -> None:
        self.message_bytes_max = message_bytes_max
        self.held = b""
        self.at = 0  # where in it to go on; before that stands what is only looked back at
        self.line = 1

    def feed(self, piece: bytes, last: bool) -> Iterator[Found]:
        """Messages that end within what is held and this piece. last: nothing will follow."""
        data = self.held + piece
        at = self.at
        while (start := self._start(data, at, last)) is not None:
            self.line += data.count(b"\n", at, start.start())
            at = start.start()
            stop = _stop(data, start, last, self.message_bytes_max)
            if stop is None:
                break
            segment = data[at:stop]
            message = on_the_wire(segment, start[1])
            cut = stop - at == self.message_bytes_max and not SUMMED.search(message)
            yield Found(message, self.line, cut)
            self.line += segment.count(b"\n")
            at = stop
        if start is None:
            # A start may have come in part; what is before it is of no use.
            keep = max(at, len(data) - START_BYTES_MAX)
            self.line += data.count(b"\n", at, keep)
            at = keep
        self.at = min(at, CONTEXT_BYTES)
        self.held = data[at - self.at :]

    def _start(self, data: bytes, at: int, last: bool) -> re.Match[bytes] | None:
        """The next start, if all that could speak against it or for an earlier one is there."""
        start = START.search(data, at)
        if start is None or (not last and start.end() + START_MARGIN_BYTES > len(data)):
            return None
        return start


def _stop(data: bytes, start: re.Match[bytes], last: bool, bytes_max: int) -> int | None:
    """Where the message ends that begins there; None: more of the text is needed."""
    separator = start[1]
    if len(separator) == 1:
        if not last and len(data) < start.end() + BODY_LENGTH_BYTES_MAX:
            return None
        declared = BODY_LENGTH.match(data, start.end())
        if declared and data[declared.end() - 1 : declared.end()] == separator:
            stop = declared.end() + int(declared[1])
            if stop + CHECK_SUM_BYTES + 1 - start.start() <= bytes_max:
                if not last and stop + CHECK_SUM_BYTES + 1 > len(data):
                    return None
                if data[stop - 1 : stop] == separator and CHECK_SUM.match(data, stop):
                    return _behind(data, stop + CHECK_SUM_BYTES, separator)
    return _first_end(data, start, last, bytes_max)


def _first_end(data: bytes, start: re.Match[bytes], last: bool, bytes_max: int) -> int | None:
    """The end of a message whose BodyLength does not lead to its CheckSum; None: more is needed."""
    ending = ENDINGS[start[1]]
    limit = start.start() + bytes_max
    last = last or len(data) >= limit
    end = ending.ends.search(data, start.end() - len(ending.separator), limit)
    if end is None:
        stop = min(len(data), limit)
    elif end.lastgroup == "trailer":
        trailer = ending.trailer.match(data, end.start() + len(ending.separator), limit)
        if trailer:
            behind = data[trailer.end() : trailer.end() + len(ending.separator)]
            part = behind != ending.separator and ending.separator.startswith(behind)
            if part and not last:
                return None
            return _behind(data, trailer.end(), ending.separator)
        stop = end.start()
    else:
        stop = end.start()
    # What is only beginning may turn out to be another end; a line's end is one, whatever follows.
    line = end is not None and end.lastgroup == "line"
    if not last and not line and (end is None or end.end() + START_MARGIN_BYTES > len(data)):
        return None
    if ending.separator == SOH and (newline := LINE_END.search(data, start.end(), stop)):
        return newline.start()
    return stop


def _behind(data: bytes, stop: int, separator: bytes) -> int:
    """The place behind a separator, if one stands there."""
    return stop + len(separator) if data.startswith(separator, stop) else stop


def on_the_wire(segment: bytes, separator: bytes) -> bytes:
    """A message as it stands in a text, with SOH in place of its separator.

    A last CheckSum<10> gets its SOH where the text has none: logs like to drop it.
    """
    if separator in IN_VALUES:
        data = _split(segment, separator)
    elif separator.startswith(b"\\"):
        data = ESCAPE.sub(_unescaped, segment)
    else:
        data = segment.replace(separator, SOH)
    return data + SOH if SUMMED.search(data) and not data.endswith(SOH) else data


def _unescaped(escape: re.Match[bytes]) -> bytes:
    pair, point, octal, control, plain = escape.groups()
    if pair or octal:
        return bytes([int(pair, 16) if pair else int(octal, 8)])
    if point:
        return chr(int(point, 16)).encode(errors="replace")
    return CONTROLS[control] if control else plain


def _split(segment: bytes, separator: bytes) -> bytes:
    """A message whose separator its values may hold: one ends a field where a tag is behind it."""
    mark = re.escape(separator)
    glued = re.sub(mark + rb"(?=[0-9]+=|\Z)", SOH, segment)
    if _sums(glued):
        return glued
    strict = segment.replace(separator, SOH)
    return strict if _sums(strict) else _joined(glued, separator) or glued


def _joined(data: bytes, separator: bytes) -> bytes | None:
    """The message with some of the fields behind its free text in that; None if none holds."""
    text, end = FREE_TEXT.search(data), SUMMED.search(data)
    if text is None or end is None or end.start() < text.end():
        return None
    lacking = int(end[1]) - sum(data[: end.start() + 1])
    each = sum(separator) - sum(SOH)
    behind = data.count(SOH, text.end(), end.start())
    for count in range(1, min(behind, JOINED_MAX) + 1):
        if (lacking - count * each) % 256 == 0:
            joined = data[: text.end()] + data[text.end() :].replace(SOH, separator, count)
            if _measures(joined):
                return joined
    return None


def _measures(data: bytes) -> bool:
    """Whether the CheckSum at the end of a message is where its BodyLength says."""
    head, end = MEASURED.match(data), SUMMED.search(data)
    return head is not None and end is not None and int(head[1]) == end.start() + 1 - head.end()


def _sums(data: bytes) -> bool:
    """Whether a message ends with the CheckSum it should have."""
    end = SUMMED.search(data)
    return end is not None and sum(data[: end.start() + 1]) % 256 == int(end[1])
