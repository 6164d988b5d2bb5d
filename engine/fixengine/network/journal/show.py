"""The journal made readable, for people and for programs.

Whatever a record holds comes out as one line: bytes that are not text are escaped, so that no
frame of a venue can steer a terminal. Secrets are masked once more, should a caller have forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import orjson

from fixengine import messages
from fixengine.fix.masking import mask
from fixengine.network.journal.about import Own
from fixengine.network.journal.choice import Choice, select
from fixengine.network.journal.reader import Damage, Entry, Missing, Record, entries
from fixengine.network.journal.record import (
    FRAMES,
    NAMED,
    ON_DISK,
    WALL_OFFSET,
    Kind,
    carried_decoder,
    handed_over_decoder,
    split_named,
)

SOH = "\x01"
QTY_UNIT = 10**8
"""Quantities of the order table are whole numbers of its hundred-millionth."""
names_of = cache(messages.names_of)
"""It reads annotations anew each time, which takes milliseconds."""
TEXTS = frozenset({Kind.START, Kind.LINK, Kind.CONTROL, Kind.SOURCE, Kind.READ})
NAMES = {
    Kind.ORDER: "peer",
    Kind.INTENT: "wire_cl_ord_id",
    Kind.DELIVERED: "strategy",
    Kind.STRATEGY: "strategy",
    Kind.CARRIED: "wire_cl_ord_id",
    Kind.DROPPED: "wire_cl_ord_id",
    Kind.ACK: "strategy",
    Kind.HANDED_OVER: "wire_cl_ord_id",
}


def show(
    path: Path, as_json: bool, choice: Choice, own: Own, tail: int | None = None
) -> Iterator[str]:
    """The lines of `fixengine journal show`: of a file, a journal directory or a state directory.

    tail: only the last so many of what is chosen. JournalError.
    """
    return printed(select(entries(path), choice, own, tail), as_json)


def printed(found: Iterable[Entry], as_json: bool) -> Iterator[str]:
    """A line for each entry, for programs or for people."""
    return show_json(found) if as_json else show_text(found)


def kind_name(kind: int) -> str:
    """FRAME_IN and so on; KIND_99 for a number of a later version."""
    try:
        return Kind(kind).name
    except ValueError:
        return f"KIND_{kind}"


def utc_text(wall_ns: int) -> str:
    """Nanoseconds since 1970 as UTC text; the bare number where no calendar holds it."""
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    try:
        moment = time.gmtime(seconds)
    except (OverflowError, OSError, ValueError):
        return f"{wall_ns}ns"
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', moment)}.{rest:09d}Z"


def one_line(text: str) -> str:
    """Text with everything that is not printable escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def frame_text(data: bytes) -> str:
    """A FIX message for people: '|' for SOH, other unprintable bytes escaped."""
    return one_line(mask(data).decode(errors="backslashreplace").replace(SOH, "|"))


def readable(message: msgspec.Struct) -> dict[str, Any]:
    """A message of the bus as a dict of what it carries; a Hello's token is masked."""
    fields: dict[str, Any] = {"message": type(message).__name__}
    for name in names_of(type(message)):
        value = getattr(message, name)
        if name == "token" and value is not None:
            value = "*" * len(value)
        if name == "extra":
            value = [[tag, raw.decode(errors="backslashreplace")] for tag, raw in value]
        elif name == "misc_fees":
            value = [
                {key: item for key, item in msgspec.structs.asdict(fee).items() if item}
                for fee in value
            ]
        if value is not None and value != []:
            fields[name] = value
    return fields


def payload(kind: int, data: bytes) -> dict[str, Any]:
    """A message of the bus, a request carried over, or the bytes in hex where it is neither."""
    if kind == Kind.CARRIED:
        return carried(data)
    if kind == Kind.HANDED_OVER:
        return handed_over(data)
    decoders = (messages.request_decoder.decode, messages.event_decoder.decode)
    for decode in decoders[::-1] if kind == Kind.DELIVERED else decoders:
        try:
            return readable(decode(data))
        except msgspec.DecodeError:
            continue
    return {"hex": data.hex()}


def carried(data: bytes) -> dict[str, Any]:
    """What is left of a request of an earlier run; its outcome as a message of the bus."""
    try:
        entry = carried_decoder.decode(data)
    except msgspec.DecodeError:
        return {"hex": data.hex()}
    fields = msgspec.structs.asdict(entry)
    if entry.outcome is not None:
        fields["outcome"] = payload(Kind.DELIVERED, entry.outcome)
    if entry.request:
        fields["request"] = payload(Kind.INTENT, entry.request)
    for name in ("filled", "cum_qty"):
        whole, rest = divmod(fields[name], QTY_UNIT)
        fields[name] = f"{whole}.{rest:08d}" if fields[name] else None
    fields["finished"] = entry.finished or None
    nothing: tuple[object, ...] = None, [], (), b"", False
    return {name: value for name, value in fields.items() if value not in nothing}


def handed_over(data: bytes) -> dict[str, Any]:
    """Whose an order is from now on."""
    try:
        return msgspec.structs.asdict(handed_over_decoder.decode(data))
    except msgspec.DecodeError:
        return {"hex": data.hex()}


def plain_text(data: bytes) -> str | None:
    """data as text, None where it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def content(record: Record) -> dict[str, Any]:
    """What a record says, for a program. Bytes that are not UTF-8 come in hex."""
    kind, data = record.kind, record.data
    if kind in FRAMES:
        text = plain_text(mask(data))
        return {"hex": mask(data).hex()} if text is None else {"frame": text}
    if kind in NAMED:
        name, rest = split_named(data)
        known: dict[str, Any] = {} if name is None else {NAMES.get(Kind(kind), "name"): name}
        return known | payload(kind, rest) if rest else known
    if kind == Kind.CLOCK and len(data) == WALL_OFFSET.size:
        return {"wall_offset_ns": WALL_OFFSET.unpack(data)[0]}
    if kind == Kind.MARK and len(data) == ON_DISK.size:
        return {"on_disk": ON_DISK.unpack(data)[0]}
    if not data:
        return {}
    if kind in TEXTS and (text := plain_text(data)) is not None:
        try:
            return {"value": orjson.loads(text)}
        except orjson.JSONDecodeError:
            return {"text": text}
    return {"hex": data.hex()}


def body_text(record: Record) -> str:
    """What a record says, for people."""
    if record.kind in FRAMES:
        return frame_text(record.data)
    parts = content(record)
    if set(parts) in ({"text"}, {"hex"}):
        return one_line(next(iter(parts.values())))
    if set(parts) == {"value"}:
        return one_line(dumps(parts["value"]))
    head = parts.pop("message", None)
    text = " ".join(
        f"{name}={value if isinstance(value, str | int) else dumps(value)}"
        for name, value in parts.items()
    )
    return one_line(f"{head} {text}" if head else text)


def dumps(value: Any) -> str:
    """A value as one line of JSON; numbers beyond 64 bits as text."""
    return orjson.dumps(value, default=str).decode()


def show_text(found: Iterable[Entry]) -> Iterator[str]:
    """One line for each entry: UTC time, ns since the line before, number, kind, line, content."""
    before: tuple[int, int] | None = None
    for entry in found:
        if isinstance(entry, Damage):
            what = "torn last record" if entry.last else "damage"
            place = f"{one_line(entry.path)} at offset {entry.offset}"
            yield f"-- {what}: {place}: {entry.reason} ({entry.byte_count} bytes)"
        elif isinstance(entry, Missing):
            count, first = entry.record_count, entry.sequence
            yield f"-- {count} records missing from #{first} on (run {entry.epoch})"
        else:
            if before is None or before[0] != entry.epoch:
                yield f"-- run {entry.epoch}"
                before = (entry.epoch, entry.now_ns)
            yield (
                f"{utc_text(entry.wall_ns)} {entry.now_ns - before[1]:+}ns #{entry.sequence}"
                f" {kind_name(entry.kind)} line {entry.line} {body_text(entry)}"
            ).rstrip()
            before = (entry.epoch, entry.now_ns)


def show_json(found: Iterable[Entry]) -> Iterator[str]:
    """One JSON object for each entry, without a newline. A frame keeps its SOH as \\u0001."""
    for entry in found:
        if isinstance(entry, Damage):
            yield dumps({"damage": entry._asdict() | {"path": one_line(entry.path)}})
        elif isinstance(entry, Missing):
            yield dumps({"missing": entry._asdict()})
        else:
            known = {
                "epoch": entry.epoch,
                "sequence": entry.sequence,
                "kind": kind_name(entry.kind),
                "line": entry.line,
                "flags": entry.flags,
                "now_ns": entry.now_ns,
                "time": utc_text(entry.wall_ns),
            }
            yield dumps(known | {"content": content(entry)})
