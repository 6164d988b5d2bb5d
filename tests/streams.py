"""Material for the proofs of the codec: tables, streams of messages, damage, and an observer.

A case is made of choices, and a source of choices is anything with `below(n)`: a seeded generator,
hypothesis, or the bytes of a fuzzer. So the same messages and the same damage serve all of them.
observed() tells everything a message says as plain values; it looks at messages of the codec and of
the reference alike, and what it tells of them must be equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import reference
from fixengine import wire
from fixengine.fix.venue import HEADER_ROWS, HEADER_TAGS, Sender, wire_rows
from fixengine.fix.venues.binance import BINANCE_SPOT

from bench.corpus import Field, framed

SOH = b"\x01"

# Tables ------------------------------------------------------------------------------------------

EVERY_TYPE = (
    (34, "seq", "seqnum", True, ()),
    (11, "id", "id", False, ()),
    (58, "text", "str", False, ()),
    (55, "symbol", "utf8", True, ()),
    (54, "side", "char", False, ()),
    (108, "interval", "int", False, ()),
    (44, "price", "price", False, ()),
    (38, "quantity", "qty", False, ()),
    (211, "offset", "float", False, ()),
    (1057, "aggressor", "bool", False, ()),
    (60, "time", "utc", False, ()),
    (25023, "working", "utc", False, ()),
    (95, "raw_bytes", "length", False, ()),
    (96, "raw", "data", False, ()),
    (354, "encoded_bytes", "length", False, ()),
    (355, "encoded", "str", False, ()),
    (136, "fees", "group", False, ((137, "fee", "qty", True, ()), (138, "asset", "str", True, ()))),
    (123456789, "long", "int", False, ()),
)
LEG = (
    (600, "leg", "str", True, ()),
    (608, "code", "char", True, (), True),  # inherited
    (44, "leg_price", "price", False, ()),  # also of the order, and of the message
)
UNDER = ((11, "id", "str", True, ()), (555, "legs", "group", False, LEG), (44, "p", "price", 0, ()))
NESTED = (
    (34, "seq", "seqnum", True, ()),
    (11, "id", "str", False, ()),  # also a member, so where it stands decides
    (73, "orders", "group", True, UNDER),
    (44, "price", "price", False, ()),
    (552, "sides", "group", False, ((54, "side", "char", True, ()), (58, "text", "utf8", 0, ()))),
)


def binance_rows(kind: bytes) -> Any:
    layout = BINANCE_SPOT.layout(kind, Sender.VENUE)
    return wire_rows(HEADER_ROWS + layout.rows, Sender.VENUE)


TABLES: dict[bytes, tuple[Any, ...]] = {
    b"8": ("ExecutionReport", binance_rows(b"8"), (), HEADER_TAGS),
    b"N": ("ListStatus", binance_rows(b"N"), (), HEADER_TAGS),
    b"B": ("EveryType", EVERY_TYPE, (), (8, 9, 35, 49, 56, 10)),
    b"nested": ("Nested", NESTED, ("orders", "nobody", "price", "sides", "id"), (8, 9, 35, 10)),
}
PLANS = {kind: wire.Plan(*table) for kind, table in TABLES.items()}
REFERENCE_PLANS = {kind: reference.Plan(*table) for kind, table in TABLES.items()}

# Messages ----------------------------------------------------------------------------------------


class Choices(Protocol):
    def below(self, n: int) -> int:
        """A number of 0 to n - 1."""
        ...


TAGS = (
    *(34, 11, 58, 55, 54, 108, 44, 38, 211, 1057, 60, 25023, 95, 96, 354, 355, 136, 137, 138, 139),
    *(73, 555, 600, 608, 552, 17, 37, 39, 150, 41, 52, 123456789, 1, 9, 10, 35, 8, 999999999, 89),
    *(93, 1234567, 12345678, 25016, 14),
)
VALUES: tuple[bytes, ...] = (
    *(b"1", b"2", b"0", b"7", b"Y", b"N", b"A", b"BTCUSDT", b"-5", b"-", b"007", b"+1", b" 1"),
    *(b"0.01500000", b"64250.12", b".5", b"5.", b"1.2.3", b"-0.1", b"0.1e1", b"123456789012345.6"),
    *(b"1234567890123456", b"12345678901234567", b"0.123456789012345678901", b"4294967295"),
    *(b"4294967296", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808"),
    *(b"18446744073709551616", b"18446744073709551617", b"9" * 40, b"0" * 30 + b"2"),
    *(b"20260721-09:07:30.123456", b"20260721-09:07:30.123", b"20260721-09:07:30", bytes(8)),
    *(b"20161231-23:59:60.000", b"20161231-12:00:00.000", b"20240230-00:00:00.000000"),
    *(b"20260721-24:07:30.123456", b"16000101-00:00:00.000", b"22620411-23:47:16.854775"),
    *(b"22620411-23:47:16.854776", b"2026072109:07:30.123456", b"20260721-09:07:3x.123"),
    bytes(8) + b"-12:00:00.000000",
    *("这是测试币".encode(), b"\xc3\x28", b"\xed\xa0\x80", b"a=b==", b"\x7f", b"tab\tin", b"\xff"),
    *(b"x" * 15, b"x" * 63, b"x" * 64, b"y" * 200, b""),
)
KINDS = (b"8", b"N", b"B", b"nested", b"0", b"ABCDEFGHIJKLMNOP")


def some_value(choices: Choices) -> bytes:
    """A value worth reading, or a random number or text."""
    pick = choices.below(8)
    if pick == 0:
        return b"%d.%08d" % (choices.below(100000), choices.below(10**8))
    if pick == 1:
        return bytes(32 + choices.below(95) for _ in range(1 + choices.below(24)))
    return VALUES[choices.below(len(VALUES))]


def some_fields(choices: Choices) -> list[Field]:
    """Fields of a message, MsgType first; some are typed by chance, none is by plan."""
    fields: list[Field] = [(35, KINDS[choices.below(len(KINDS))])]
    if choices.below(4):
        fields += [(34, choices.below(100)), (55, b"X")]
    for _ in range(choices.below(14)):
        if choices.below(6) == 0:
            fields += some_group(choices)
            continue
        tag, value = TAGS[choices.below(len(TAGS))], some_value(choices)
        if tag in (95, 354) and choices.below(4):
            data = bytes(choices.below(4) for _ in range(choices.below(9)))
            told = len(data) + (0, 0, 0, 0, 0, 1, 7, 300)[choices.below(8)]
            fields += [(tag, told), (tag + 1, data)]
        else:
            fields.append((tag, value))
    return fields


def some_group(choices: Choices) -> list[Field]:
    """A group of one of the tables, now and then with the wrong count, a member too many
    or a field that no table knows.
    """
    fields: list[Field] = []
    count = choices.below(4)
    shape = choices.below(3)
    for at in range(count):
        if shape == 0:
            fields += [(137, b"0.1"), (138, b"BNB"), (139, b"4")][: 1 + choices.below(3)]
        elif shape == 1:
            fields.append((11, b"A%d" % choices.below(9)))
            if choices.below(2):
                legs = choices.below(3)
                fields.append((555, legs))
                leg: list[Field] = [(600, b"L"), (608, b"c"), (44, b"1")]
                fields += leg[: 1 + choices.below(3)] * legs
            if choices.below(2):
                fields.append((44, some_value(choices)))
            if at == count - 1 and choices.below(2):
                fields += [(44, b"7"), (11, b"list"), (44, b"8")][: 1 + choices.below(3)]
        else:
            fields += [(54, b"1"), (58, some_value(choices))][: 1 + choices.below(2)]
        if choices.below(6) == 0:
            fields += [(89, b"new")] * (1 + choices.below(2))
    told = count if choices.below(5) else choices.below(5)
    return [((136, 73, 552)[shape], told), *fields]


# Damage ------------------------------------------------------------------------------------------


def repaired(raw: bytes) -> bytes:
    """These bytes with BodyLength<9> and CheckSum<10> as they should be.

    What has no 8 and 9 in front, or no 10 at the end, gets them.
    """
    head = re.match(rb"(8=FIX[!-<>-~]{1,13}\x01)9=[^\x01]*\x01", raw)
    begin, body = (head[1], raw[head.end() :]) if head else (b"8=FIX.4.4\x01", raw)
    body = re.sub(rb"10=[^\x01]{0,9}\x01?\Z", b"", body)
    if not body.startswith(b"35="):
        body = b"35=B\x01" + body
    if not body.endswith(SOH):
        body += SOH
    whole = b"%s9=%d\x01%s" % (begin, len(body), body)
    return b"%s10=%03d\x01" % (whole, sum(whole) % 256)


def damaged(raw: bytes, choices: Choices) -> bytes:
    """These bytes with one to three of them flipped, cut out, put in, or a part repeated."""
    data = bytearray(raw)
    for _ in range(1 + choices.below(3)):
        at = choices.below(len(data) + 1)
        pick = choices.below(5)
        if pick == 0:
            data[at : at + 1] = bytes([choices.below(256)])
        elif pick == 1:
            data[at : at + 1 + choices.below(8)] = b""
        elif pick == 2:
            data[at:at] = (SOH, b"=", b"0", b"\x0110=", bytes(8), b"8=FIX.4.4\x01", b"\xff")[
                choices.below(7)
            ]
        elif pick == 3:
            data[at:at] = data[at : at + choices.below(40)]
        else:
            data[at : at + 1] = (SOH, b"=", b"9", b".", b"-")[choices.below(5)]
    return bytes(data)


def some_stream(choices: Choices) -> bytes:
    """A few messages; some are damaged, and half of the damaged ones repaired so far that they
    are framed again and what reads their fields is reached."""
    parts = []
    for _ in range(1 + choices.below(5)):
        raw = framed(some_fields(choices), digits=7 if choices.below(4) == 0 else 0)
        if choices.below(3) == 0:
            raw = damaged(raw, choices)
            if choices.below(2):
                raw = repaired(raw)
        parts.append(raw)
    if choices.below(4) == 0:
        parts[-1] = parts[-1][: choices.below(len(parts[-1]) + 1)]
    return b"".join(parts)


def some_chunks(stream: bytes, choices: Choices) -> list[bytes]:
    """The stream, cut anywhere."""
    most = (1, 7, 60, 1000)[choices.below(4)]
    chunks = []
    while stream:
        n = 1 + choices.below(most)
        chunks.append(stream[:n])
        stream = stream[n:]
    return chunks


# Observing ---------------------------------------------------------------------------------------

ERRORS = (wire.RemoteProtocolError, reference.Violation)
OBSERVED_TAGS = (8, 10, 34, 11, 58, 55, 108, 44, 60, 95, 96, 12345678, 999999999, 777)


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives, or what it complains of."""
    try:
        return call()
    except ERRORS as error:
        return complaint(error)


def complaint(error: Any) -> Any:
    return None if error is None else ("error", error.reason, error.tag, error.kind, error.seq)


def observed_flat(message: Any) -> list[Any]:
    """What a message says by tag."""
    told = [bytes(message), len(message), message.kind, complaint(message.fault)]
    told.append(outcome(message.fields))
    told += [message.seq_from(b"FIX.4.4", b"SPOT", target) for target in (b"EXAMPLE", b"EX")]
    # A third of the tags, which one the message itself decides: all of them would be slow.
    for tag in OBSERVED_TAGS[len(message) % 3 :: 3]:
        for get in (message.get, message.get_int, message.get_decimal, message.get_str):
            told.append(outcome(lambda get=get, tag=tag: get(tag, "absent")))
    return told


def observed_by_plan(message: Any, table: tuple[Any, ...]) -> list[Any]:
    """What a message that was read by a plan says by name."""
    told: list[Any] = [outcome(message.values), outcome(message.check)]
    told += [tuple(message.missing), list(message.extra), tuple(message.repeated)]
    names = tuple(row[1] for row in table[1])
    for some in (names, names[::2], names[::-1], ()):
        told.append(outcome(lambda some=some: message.pick(some)))
    for _, name, form, _, _ in table[1]:
        told.append(outcome(lambda name=name: message.value(name)))
        if form in ("price", "qty", "float"):
            for scale in (0, 8, 18):
                told.append(outcome(lambda name=name, scale=scale: message.scaled(name, scale)))
        if form == "utc":
            told.append(outcome(lambda name=name: message.time_ns(name)))
    return told


def observed(message: Any, plans: dict[bytes, Any], at_once: bool) -> list[Any]:
    """Everything a message says. at_once: its framer had these plans."""
    told = observed_flat(message)
    for kind, plan in plans.items():
        if kind == message.kind or (message.kind not in plans and kind == b"B"):
            read = message if at_once and kind == message.kind else plan.read(message)
            told.append(observed_by_plan(read, TABLES[kind]))
    return told


def feed_all(framer: Any, chunks: Iterable[bytes], in_place: bool = False) -> Iterable[Any]:
    """Each message while it is valid; in_place: by get_buffer and buffer_updated."""
    for chunk in chunks:
        if in_place:
            room = framer.get_buffer(-1)
            room[: len(chunk)] = chunk
            framer.buffer_updated(len(chunk))
        else:
            framer.feed(chunk)
        yield from framer


def observed_stream(
    framer: Any, chunks: Iterable[bytes], plans: dict[bytes, Any], at_once: bool, **how: Any
) -> tuple[Any, ...]:
    """Everything a stream gives: the messages, how it ended, and what was counted."""
    told = []
    end = None
    try:
        for message in feed_all(framer, chunks, **how):
            told.append(observed(message, plans, at_once))
    except ERRORS as error:
        end = complaint(error)
    return told, end, framer.garbled, framer.skipped, framer.last_garbled
