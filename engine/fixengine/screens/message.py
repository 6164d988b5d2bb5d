"""A described FIX message as text for people and as JSON for programs.

Text never steers a terminal: whatever is not printable comes out escaped. Colours only stress what
the words say already, so that a ticket without them reads the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from fixengine.fix.decode import Decoded, Verdict
from fixengine.fix.tree import Field

NAME_COLUMNS_MAX = 40
TAG_COLUMNS = 7
RESET = "\x1b[0m"
STYLES = {
    "head": "\x1b[1m",
    "quiet": "\x1b[2m",
    "meaning": "\x1b[36m",
    "good": "\x1b[32m",
    "note": "\x1b[33m",
    "bad": "\x1b[31m",
}


class Painter:
    """Puts text into a style, on a terminal only."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours

    def __call__(self, style: str, text: str) -> str:
        return f"{STYLES[style]}{text}{RESET}" if self._colours and text else text


def one_line(text: str) -> str:
    """Text with everything that is not printable escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def text_of(message: Decoded, line: int, paint: Painter) -> Iterator[str]:
    """The lines of one message: head, fields, verdicts, problems, notes. line: where it began."""
    yield _head(message, line, paint)
    width = min(NAME_COLUMNS_MAX, max(map(_name_columns, message.fields), default=0))
    yield from _fields(message.fields, 0, width, paint)
    yield f"  {_verdict('BodyLength', message.body_length, paint)}, " + _verdict(
        "CheckSum", message.check_sum, paint
    )
    for problem in message.problems:
        yield f"  {paint('bad', 'wrong:')} {one_line(problem)}"
    for note in message.notes:
        yield f"  {paint('note', 'note:')} {one_line(note)}"


def _head(message: Decoded, line: int, paint: Painter) -> str:
    kind = "" if message.kind is None else f" <{message.kind}>"
    name = message.name or ("Message of unknown type" if kind else "Message without type")
    parts = [paint("head", one_line(name + kind))]
    if message.sender or message.target:
        parts.append(one_line(f"{message.sender or '?'} -> {message.target or '?'}"))
    if message.seq is not None:
        parts.append(f"MsgSeqNum {message.seq}")
    if message.sending_time:
        parts.append(one_line(message.sending_time))
    return "  ".join([*parts, paint("quiet", f"line {line}")])


def _name_columns(field: Field, depth: int = 0) -> int:
    """Columns the name of a field takes, or of the widest in its entries with their indent."""
    inner = (_name_columns(each, depth + 1) for entry in field.entries or () for each in entry)
    return max(len(field.name or "") + depth * TAG_COLUMNS, max(inner, default=0))


def _fields(fields: tuple[Field, ...], depth: int, width: int, paint: Painter) -> Iterator[str]:
    for field in fields:
        yield from _field(field, " " * (depth * TAG_COLUMNS), depth, width, paint)


def _field(field: Field, indent: str, depth: int, width: int, paint: Painter) -> Iterator[str]:
    """A field's line and those of its entries. indent: what stands before the tag's column."""
    tag = paint("quiet", ("?" if field.tag is None else str(field.tag)).rjust(TAG_COLUMNS))
    name = (field.name or "").ljust(max(0, width - depth * TAG_COLUMNS))
    meaning = f"  {paint('meaning', one_line(field.meaning))}" if field.meaning else ""
    yield f"{indent}{tag}  {name}  {one_line(field.value)}{meaning}".rstrip()
    inner = depth + 1
    for number, entry in enumerate(field.entries or (), 1):
        # The entry's number stands before its first field, where the indent is on the others.
        mark = f"#{number}".rjust(inner * TAG_COLUMNS)
        for place, each in enumerate(entry):
            lead = " " * len(mark) if place else paint("quiet", mark)
            yield from _field(each, lead, inner, width, paint)


def _verdict(name: str, verdict: Verdict, paint: Painter) -> str:
    said = "missing" if verdict.said is None else one_line(verdict.said) or "empty"
    if verdict.ok:
        return f"{name} {said} {paint('good', 'ok')}"
    if verdict.ok is None:
        return f"{name} {said} {paint('note', 'cannot be told')}"
    if verdict.expected is None:
        return f"{name} {said}{'' if verdict.said is None else paint('bad', ' not reached')}"
    return f"{name} {said}, {paint('bad', f'should be {verdict.expected}')}"


def json_of(message: Decoded, line: int) -> bytes:
    """One message as a JSON object and a newline.

    checksum_ok is null where stars in place of a secret make it impossible to tell. problems and
    notes are there only if there are some.
    """
    known: dict[str, Any] = {
        "kind": message.kind,
        "name": message.name,
        "sender": message.sender,
        "target": message.target,
        "seq": message.seq,
        "sending_time": message.sending_time,
        "line": line,
        "fields": [_json_field(field) for field in message.fields],
        "body_length_ok": message.body_length.ok,
        "checksum_ok": message.check_sum.ok,
    }
    if message.problems:
        known["problems"] = message.problems
    if message.notes:
        known["notes"] = message.notes
    return orjson.dumps(known, option=orjson.OPT_APPEND_NEWLINE)


def _json_field(field: Field) -> dict[str, Any]:
    known: dict[str, Any] = {
        "tag": field.tag,
        "name": field.name,
        "value": field.value,
        "meaning": field.meaning,
    }
    if field.entries is not None:
        known["entries"] = [[_json_field(each) for each in entry] for entry in field.entries]
    return known
