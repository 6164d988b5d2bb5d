"""Any bytes, in any chunks, give the same messages or RemoteProtocolError, and never a read outside
the buffer.

one(data) proves that for one input: `make fuzz` calls it from libFuzzer with a sanitized build of
the codec, the tests call it over the corpus and over seeded mutations of it. The first byte of an
input chooses what is proved of the rest:

* raw, streams: the rest is a stream, or choices of which one is made. It is read whole and in
  chunks, by feed and in place, by plain loops and by vector loops, with plans at once and after;
  each way must tell the same, and now and then the reference decoder must tell it too. Half of the
  raw inputs get a right BodyLength and CheckSum first, so that they come past the framing.
* writer, template: the rest are choices of values. What is refused leaves nothing behind; what is
  written is read back as exactly these fields: one field never becomes two. Vector loops and plain
  loops write the same, from values by name and from the attributes of an object.
* payload: the rest is a request as it comes over the bus. It is refused, or the message is the one
  that comes of the values which msgspec decodes for its rows. Its other elements (epoch, sent_ns,
  valid_for_ms) are not written, and only this is asked of each: some text, an integer or nil.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import msgspec
import reference
import streams
from fixengine import wire
from fixengine.fix.venue import plan, template, wire_rows
from fixengine.fix.venues.binance import BINANCE_SPOT

from bench.corpus import framed

STREAM_BYTES_MAX = 20_000
TIME = b"20260721-09:07:30.123456"


class Bytes:
    """Choices by the bytes of an input; when they are used up, always the first one."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def below(self, n: int) -> int:
        """A number of 0 to n - 1."""
        size = 1 if n <= 256 else 4
        taken = self.data[self.at : self.at + size]
        self.at += size
        return int.from_bytes(taken, "little") % n

    def rest(self) -> bytes:
        taken = self.data[self.at :]
        self.at = len(self.data)
        return taken


def one(data: bytes) -> None:
    """Prove what this input is for; AssertionError where it does not hold."""
    choices = Bytes(data)
    PROOFS[choices.below(len(PROOFS))](choices)


# Reading -----------------------------------------------------------------------------------------


def raw(choices: Bytes) -> None:
    repair = choices.below(2)
    how = [choices.below(256) for _ in range(4)]
    stream = choices.rest()[:STREAM_BYTES_MAX]
    if repair:
        parts = stream.split(b"\x018=FIX")
        stream = b"".join(
            streams.repaired(part if at == 0 else b"8=FIX" + part) for at, part in enumerate(parts)
        )
    read_alike(stream, Bytes(bytes(how) + stream))


def made(choices: Bytes) -> None:
    how = Bytes(bytes(choices.below(256) for _ in range(20)))
    read_alike(streams.some_stream(choices), how)


def read_alike(stream: bytes, how: Bytes) -> None:
    """All ways to read this stream tell the same."""
    limit = (1 << 20, 200)[how.below(8) == 0]
    resync = how.below(2) == 1
    with_reference = how.below(8) == 0
    chunks = streams.some_chunks(stream, how)
    told = []
    for level, parts, at_once in ((2, [stream], True), (1, chunks, False), (0, chunks, True)):
        wire._level(level)  # type: ignore[attr-defined]
        framer = wire.Framer(limit, resync, streams.PLANS if at_once else None)
        told.append(
            streams.observed_stream(
                framer, parts, streams.PLANS, at_once, in_place=parts is chunks and at_once
            )
        )
    assert told[0] == told[1], "whole and in chunks differ"
    assert told[0] == told[2], "vector loops and plain loops differ"
    if with_reference:
        expected = streams.observed_stream(
            reference.Framer(limit, resync), [stream], streams.REFERENCE_PLANS, False
        )
        assert told[0] == expected, "the reference differs"


def read_back(message: bytes) -> Any:
    """The one message that these bytes are."""
    framer = wire.Framer()
    framer.feed(message)
    found = next(framer)
    assert len(found) == len(message)
    assert framer.pending == 0
    return found


# Writing -----------------------------------------------------------------------------------------


def any_text(choices: Bytes) -> str:
    """Text of any kind, mostly of a kind that is refused."""
    pick = choices.below(4)
    if pick == 0:
        return bytes(choices.below(256) for _ in range(choices.below(20))).decode("latin-1")
    if pick == 1:
        return chr(choices.below(0x110000)) * choices.below(3)
    return streams.some_value(choices).decode("utf-8", "surrogateescape")


def any_value(choices: Bytes) -> Any:
    """A value of any type."""
    pick = choices.below(8)
    if pick == 0:
        return choices.below(1 << 20) << choices.below(60)
    if pick == 1:
        return -choices.below(1 << 20)
    if pick == 2:
        return any_text(choices).encode("utf-8", "replace")
    if pick == 3:
        return (None, True, 1.5, (), [()], [("a",)], {}, b"")[choices.below(8)]
    return any_text(choices)


def writer(choices: Bytes) -> None:
    """What a writer took is what is read, field by field."""
    form = wire.Writer(b"FIX.4.4", choices.below(10))
    form.start(b"B")
    expected = []
    for _ in range(choices.below(20)):
        tag = streams.TAGS[choices.below(len(streams.TAGS))]
        value = any_value(choices)
        try:
            if choices.below(5) == 0:
                data = bytes(choices.below(4) for _ in range(choices.below(9)))
                form.data(tag, tag + 1, data)
                expected += [(tag, b"%d" % len(data)), (tag + 1, data)]
                continue
            put = (form.text, form.utf8, form.number, form.decimal)[choices.below(4)]
            put(tag, value)
        except wire.LocalProtocolError:
            continue
        except TypeError:
            assert not isinstance(value, bytes | str | int)
            continue
        expected.append((tag, value if isinstance(value, bytes) else str(value).encode()))
    found = read_back(form.finish())
    assert found.fields()[3:-1] == expected, "a field was changed on its way"


WRITABLE = tuple(row for row in streams.EVERY_TYPE if row[0] not in (34, 354, 355))


def forms() -> list[tuple[Any, Any, Any]]:
    """(template, plan, rows) of the table with every type, and of every layout of the venue."""
    header = [(49, b"ME"), (56, b"SPOT"), (34, None), (52, None)]
    head_rows = ((34, "msg_seq_num", "seqnum", True, ()), (52, "sending_time", "utc", True, ()))
    head_tags = (8, 9, 35, 49, 56, 10)
    found: list[tuple[Any, Any, Any]] = [
        (
            wire.Template(b"FIX.4.4", b"B", header, WRITABLE),
            wire.Plan("EveryType", head_rows + WRITABLE, (), head_tags),
            WRITABLE,
        )
    ]
    for layout in BINANCE_SPOT.layouts:
        for sender in sorted(layout.senders, key=lambda item: item.value):
            rows = wire_rows(layout.rows, sender)
            form = template(BINANCE_SPOT, layout.kind, sender, "ME")
            found.append((form, plan(BINANCE_SPOT, layout.kind, sender), rows))
    return found


FORMS = forms()


def fitting(row: Any, choices: Bytes) -> Any:
    """A value that fits the row, or now and then any value."""
    form, members = row[2], row[4]
    if choices.below(16) == 0:
        return any_value(choices)
    if form == "group":
        return [
            tuple(fitting(member, choices) for member in members) for _ in range(choices.below(3))
        ]
    if form in ("int", "seqnum"):
        return choices.below(1 << 20)
    if form == "data":
        return bytes(choices.below(4) for _ in range(1 + choices.below(9)))
    if form == "length":
        return None
    return {
        "char": "1",
        "price": "64250.12",
        "qty": "0.015",
        "float": "1",
        "bool": "Y",
        "utc": "20260721-09:07:30.123",
    }.get(form) or any_text(choices)


def flat(rows: Any, values: Any) -> list[tuple[int, bytes]]:
    """The fields that these values must become."""
    found: list[tuple[int, bytes]] = []
    for (tag, _, form, _, members), value in zip(rows, values, strict=True):
        if form == "length" and tag in reference.DATA_OF:
            data = values[[row[0] for row in rows].index(reference.DATA_OF[tag])]
            found += [] if data is None else [(tag, b"%d" % len(data))]
        elif form == "group":
            found += [(tag, b"%d" % len(value))] if value else []
            for entry in value or ():
                found += flat(members, entry)
        elif value is not None:
            found.append((tag, value if isinstance(value, bytes) else str(value).encode()))
    return found


def told(rows: Any, values: Any) -> dict[str, Any]:
    """What a plan must tell of these values."""
    found = {row[1]: value for row, value in zip(rows, values, strict=True)}
    for tag, name, form, _, _ in rows:
        if form == "length" and tag in reference.DATA_OF:
            data = values[[row[0] for row in rows].index(reference.DATA_OF[tag])]
            found[name] = None if data is None else len(data)
    return found


def form(choices: Bytes) -> None:
    """What a template took is what a plan tells."""
    writer_, reader, rows = FORMS[choices.below(len(FORMS))]
    values = tuple(
        None if not row[3] and choices.below(3) == 0 else fitting(row, choices) for row in rows
    )
    given = {row[1]: value for row, value in zip(rows, values, strict=True)}
    message = written_alike(lambda: writer_.encode(None, 7, TIME, given))
    source = types.SimpleNamespace(**given)
    assert message == written_alike(lambda: writer_.encode(source, 7, TIME)), "sources differ"
    if message is None:
        return
    found = reader.read(read_back(message))
    assert found.fields()[7:-1] == flat(rows, values), "a field was changed on its way"
    found.check()
    for name, value in told(rows, values).items():
        if not isinstance(value, list | tuple):
            assert found.value(name) == value, name


def written_alike(write: Callable[[], bytes]) -> bytes | None:
    """What every loop writes; None where each refuses."""
    written = []
    for level in (2, 1, 0):
        wire._level(level)  # type: ignore[attr-defined]
        try:
            written.append(write())
        except wire.LocalProtocolError:
            written.append(None)
    assert written[0] == written[1] == written[2], "vector loops and plain loops write differently"
    return written[0]


def some_payload(rows: Any, choices: Bytes) -> bytes:
    """A request with fitting values, a few bytes of it damaged now and then."""
    values = [
        None if choices.below(3) == 0 else fitting(row, choices)
        for row in rows[: len(rows) - choices.below(2)]
    ]
    values = [value if isinstance(value, str | int) else None for value in values]
    try:
        data = msgspec.msgpack.encode(["request", *values])
    except (UnicodeEncodeError, OverflowError):
        data = b"\x92\xa7request\xa1x"
    return streams.damaged(data, choices) if choices.below(3) == 0 else data


def payload(choices: Bytes) -> None:
    """What a template makes of a request is what it makes of the values in it."""
    writer_, reader, rows = SHORT_FORMS[choices.below(len(SHORT_FORMS))]
    raw_payload = choices.below(3) == 0
    data = choices.rest() if raw_payload else some_payload(rows, choices)
    if raw_payload and choices.data[1:2] != b"\0":
        data = b"\xdc\0" + bytes([len(rows) + 1]) + b"\xa7request" + data
    replaced = rows[choices.below(len(rows))]
    replace = None if choices.below(2) else {replaced[1]: fitting(replaced, choices)}
    if replaced[0] == 0 or replaced[2] in ("length", "data"):
        replace = None
    message = written_alike(lambda: writer_.encode_payload(data, 7, TIME, replace))
    try:
        tag, *values = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, TypeError, ValueError):
        # Ours may be content with text that is no UTF-8 in an element that is no row.
        if message is not None:
            read_back(message).fields()
        return
    if tag != "request" or any(type(value) not in (str, int, type(None)) for value in values):
        assert message is None, "a request of another kind was written"
        return
    values = (values + [None] * len(rows))[: len(rows)]
    pairs = [(row, value) for row, value in zip(rows, values, strict=True) if row[0] != 0]
    given = {row[1]: value for row, value in pairs} | (replace or {})
    assert message == written_alike(lambda: writer_.encode(None, 7, TIME, given)), "ways differ"
    if message is not None:
        found = reader.read(read_back(message))
        listed = [(row, given[row[1]]) for row, _ in pairs]
        assert found.fields()[7:-1] == flat(*zip(*listed, strict=True)), "a field was changed"
        found.check()


def short_forms() -> list[tuple[Any, Any, Any]]:
    """(template with a payload, plan, rows) of the tables without groups and data."""
    header = [(49, b"ME"), (56, b"SPOT"), (34, None), (52, None)]
    plain = tuple(row for row in WRITABLE if row[2] not in ("data", "group") and row[0] != 95)
    found = []
    strangers = [(0, f"stranger{at}", form, False, ()) for at, form in enumerate(("int", "str"))]
    for kind, listed in [
        (b"B", plain),
        (b"D", (strangers[0], *plain[1:], strangers[1], plain[0])),
    ]:
        # A request has elements that are no rows of the message.
        rows = tuple(row for row in listed if row[0] != 0)
        names = tuple(row[1] for row in listed)
        found.append(
            (
                wire.Template(b"FIX.4.4", kind, header, rows, payload=("request", names)),
                wire.Plan("Short", rows, (), (8, 9, 35, 49, 56, 34, 52, 10)),
                listed,
            )
        )
    return found


SHORT_FORMS = short_forms()
PROOFS = (raw, made, writer, form, payload)


def seeds() -> list[bytes]:
    """Inputs to begin with: messages as they come, and a few choices of each kind."""
    found = []
    for kind in streams.KINDS[:4]:
        for fields in (
            [(35, kind), (34, 7), (55, "BTCUSDT"), (95, 3), (96, b"a\x01b"), (136, 1), (137, "1")],
            [(35, kind), (73, 2), (11, "A"), (555, 1), (600, "L"), (11, "B"), (44, "1.5")],
            [(35, kind), (60, "20161231-23:59:60.000"), (60, "20161231-12:00:00.000"), (38, "0.1")],
        ):
            found.append(b"\0\0\1\0\1\0" + framed(fields))
    return found
