"""What must hold of any message: wherever it is cut, in whatever order, there and back again."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import reference
import simplefix  # type: ignore[import-untyped]
import streams
from fixengine import wire
from fixengine.fix.decode import Decoder
from fixengine.fix.venue import Sender, plan, template, wire_rows
from fixengine.fix.venues.binance import BINANCE_SPOT
from fuzz import harness

from bench import corpus
from bench.corpus import Field, framed

STREAM = [
    corpus.er(),
    corpus.nos(),
    *corpus.ermix(37, seed=7),
    streams.repaired(b"35=0\x0134=1\x01"),
]
TIME = "20260721-09:07:30.123456"


# Cuts --------------------------------------------------------------------------------------------


def brief(message: wire.Message) -> Any:
    return bytes(message), message.values() if message.kind == b"8" else message.fields()


def in_two(framer: wire.Framer, first: bytes, second: bytes) -> list[Any]:
    found = []
    for part in (first, second):
        framer.feed(part)
        found += [brief(message) for message in framer]
    return found


@pytest.mark.usefixtures("loops")
def test_every_cut_gives_the_same_messages() -> None:
    """Of messages alone, and of three in a row: what was cut is the one before, itself or next."""
    assert len(STREAM) == 40
    whole = in_two(wire.Framer(plans=streams.PLANS), b"".join(STREAM), b"")
    assert [raw for raw, _ in whole] == STREAM
    framer = wire.Framer(plans=streams.PLANS)
    for at in range(len(STREAM)):
        stream = b"".join(STREAM[at : at + 2])
        for cut in range(len(STREAM[at]) + 1):
            assert in_two(framer, stream[:cut], stream[cut:]) == whole[at : at + 2]
    assert (framer.garbled, framer.pending) == (0, 0)


def test_every_cut_of_the_whole_stream() -> None:
    stream = b"".join(STREAM)
    for cut in range(len(stream) + 1):
        framer = wire.Framer()
        framer.feed(stream[:cut])
        found = [bytes(message) for message in framer]
        framer.feed(stream[cut:])
        found += [bytes(message) for message in framer]
        assert found == STREAM, cut


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("in_place", [False, True])
def test_byte_by_byte(in_place: bool) -> None:
    stream = b"".join(STREAM)
    chunks = [stream[at : at + 1] for at in range(len(stream))]
    expected = streams.observed_stream(wire.Framer(), [stream], streams.PLANS, False)
    found = streams.observed_stream(
        wire.Framer(plans=streams.PLANS), chunks, streams.PLANS, True, in_place=in_place
    )
    assert found == expected
    assert len(found[0]) == 40


# There and back ----------------------------------------------------------------------------------

DIRECTIONS = [
    pytest.param(layout, sender, id=f"{layout.name}-{sender.value}")
    for layout in BINANCE_SPOT.layouts
    for sender in sorted(layout.senders, key=lambda item: item.value)
]


class Seeded(harness.Bytes):
    """Choices by a seeded generator."""

    def __init__(self, seed: int) -> None:
        super().__init__(random.Random(seed).randbytes(4000))


def some_values(rows: Any, choices: Seeded) -> dict[str, Any]:
    """Values that fit these rows, by name; an optional one is left out now and then."""
    values = {}
    for row in rows:
        if row[3] or choices.below(3):
            value = fitting(row, choices)
            if value is not None:
                values[row[1]] = value
    return values


def fitting(row: Any, choices: Seeded) -> Any:
    """A value of the row's type."""
    form = row[2]
    if form == "group":
        return [
            tuple(
                fitting(member, choices) if member[3] or at == 0 or choices.below(2) else None
                for at, member in enumerate(row[4])
            )
            for _ in range(1 + choices.below(3))
        ]
    plain: dict[str, Callable[[], Any]] = {
        "str": lambda: f"text = {choices.below(999)}",
        "utf8": lambda: f"这是测试币{choices.below(999)}",
        "id": lambda: str(choices.below(1 << 20)),
        "char": lambda: chr(0x21 + choices.below(94)),
        "int": lambda: choices.below(1 << 20) - 500_000,
        "seqnum": lambda: choices.below(1 << 20),
        "length": lambda: None,
        "data": lambda: bytes(choices.below(4) for _ in range(1 + choices.below(9))),
        "bool": lambda: "YN"[choices.below(2)],
        "utc": lambda: wire.stamp(choices.below(1 << 31) * 10**9, 6).decode(),
    }
    return plain.get(form, lambda: f"{choices.below(10**6)}.{choices.below(10**8):08d}")()


def canonical(layout: Any, sender: Sender, seed: int) -> tuple[bytes, dict[str, Any], Any]:
    """A message as the table lays it out, written by a plain joiner; its values; its rows."""
    choices = Seeded(seed)
    rows = wire_rows(layout.rows, sender)
    values = some_values(rows, choices)
    ours, theirs = ("ME", "SPOT") if sender is Sender.CLIENT else ("SPOT", "ME")
    head: list[Field] = [(35, layout.kind), (49, ours), (56, theirs), (34, seed), (52, TIME)]
    listed = tuple(values.get(row[1]) for row in rows)
    return framed([*head, *harness.flat(rows, listed)]), values, rows


@pytest.mark.parametrize(("layout", "sender"), DIRECTIONS)
def test_there_and_back(layout: Any, sender: Sender) -> None:
    """decode(encode(x)) is x, encode(decode(bytes)) is bytes, and a foreign parser agrees."""
    form = template(BINANCE_SPOT, layout.kind, sender, "ME")
    reader = plan(BINANCE_SPOT, layout.kind, sender)
    framer = wire.Framer(plans={layout.kind: reader})
    for seed in range(1, 25):
        raw, values, rows = canonical(layout, sender, seed)
        assert form.encode(None, seed, TIME.encode(), values) == raw
        framer.feed(raw)
        message = next(framer)
        message.check()
        assert (message.extra, message.repeated, message.missing) == ([], (), ())
        told = {row[1]: message.value(row[1]) for row in rows}
        expected = harness.told(rows, tuple(values.get(row[1]) for row in rows))
        assert told == expected
        again = {name: value for name, value in told.items() if value is not None}
        assert form.encode(None, message.value("msg_seq_num"), TIME.encode(), again) == raw
        assert foreign(raw) == message.fields()


def foreign(raw: bytes) -> list[tuple[int, bytes]]:
    """What simplefix reads in one message."""
    parser = simplefix.FixParser()
    parser.append_buffer(raw)
    return [(int(tag), value) for tag, value in parser.get_message().pairs]


@pytest.mark.parametrize(("layout", "sender"), DIRECTIONS)
def test_what_simplefix_writes_a_plan_reads(layout: Any, sender: Sender) -> None:
    reader = plan(BINANCE_SPOT, layout.kind, sender)
    for seed in range(25, 35):
        raw, values, rows = canonical(layout, sender, seed)
        message = simplefix.FixMessage()
        for tag, value in foreign(raw):
            if tag not in (9, 10):
                message.append_pair(tag, value)
        theirs = message.encode()
        assert theirs == raw
        framer = wire.Framer()
        framer.feed(theirs)
        found = reader.read(next(framer))
        for row in rows:
            if row[2] != "length":
                assert found.value(row[1]) == values.get(row[1])


@pytest.mark.parametrize("seed", range(20))
def test_a_stream_in_chunks_is_read_as_simplefix_reads_it(seed: int) -> None:
    chance = random.Random(seed)
    messages = [
        framed([(35, "8"), *((chance.randrange(500, 600), f"v={at}") for at in range(9))])
        for _ in range(9)
    ]
    stream = b"".join(messages)
    theirs = simplefix.FixParser()
    ours = wire.Framer()
    found: list[Any] = []
    expected: list[Any] = []
    while stream:
        n = chance.randrange(1, 50)
        theirs.append_buffer(stream[:n])
        ours.feed(stream[:n])
        stream = stream[n:]
        found += [message.fields() for message in ours]
        while (message := theirs.get_message()) is not None:
            expected.append([(int(tag), value) for tag, value in message.pairs])
    assert found == expected
    assert len(found) == 9


# Groups ------------------------------------------------------------------------------------------

OF_ORDER = ([55], [37], [103], [25016], [58], [25010], [25010, 25011, 25012, 25013], [25010, 25011])
OF_LIST = (55, 66, 103, 25016, 58, 73)


def some_list_status(chance: random.Random) -> list[Field]:
    """Fields of a ListStatus: orders that may be uneven, a count that may lie, and what follows."""
    count = chance.randrange(4)
    told = count if chance.randrange(4) else chance.randrange(4)
    tags = [chance.choice(OF_LIST[:-1]) for _ in range(chance.randrange(3))] + [73]
    for _ in range(count):
        tags += [11, *itertools.chain(*chance.sample(OF_ORDER, chance.randrange(6)))]
    tags += [chance.choice(OF_LIST) for _ in range(chance.randrange(6))]
    return [
        (tag, {73: told, 25010: int(tags[at : at + 1] == [25011])}.get(tag, str(at % 10)))
        for at, tag in enumerate(tags, 1)
    ]


def as_tree(rows: Any, fields: Any) -> dict[str, Any]:
    """What a tree shows, as a plan tells it: by name, the first of each, entries as tuples."""
    names = {row[0]: row for row in rows}
    told: dict[str, Any] = {}
    for field in fields:
        row = names.get(field.tag)
        if row is not None:
            entries = field.entries and [as_tree(row[4], entry) for entry in field.entries]
            value = (
                field.value
                if entries is None
                else [tuple(entry.get(member[1]) for member in row[4]) for entry in entries]
            )
            told.setdefault(row[1], int(value) if row[2] == "int" else value)
    return told


def test_plan_reference_and_tree_find_the_same_groups() -> None:
    chance = random.Random(73)
    rows = wire_rows(BINANCE_SPOT.layout(b"N", Sender.VENUE).rows, Sender.VENUE)

    def told_by(framer: Any, raw: bytes) -> dict[str, Any]:
        framer.feed(raw)
        message = next(framer)
        found = {
            name: streams.outcome(lambda name=name: message.value(name)) for _, name, *_ in rows
        }
        return {name: value for name, value in found.items() if value is not None}

    lied = 0
    for seed in range(600):
        raw = framed([*corpus.header("N", seed, "SPOT", "ME", TIME), *some_list_status(chance)])
        told = told_by(wire.Framer(plans=streams.PLANS), raw)
        assert told == told_by(reference.Framer(plans=streams.REFERENCE_PLANS), raw)
        decoded = Decoder(BINANCE_SPOT).decode(raw)
        if isinstance(told.get("orders", []), list):
            assert told == as_tree(rows, decoded.fields)
        else:
            lied += 1
            assert re.search("NoOrders<73>|NoListTriggering", " ".join(decoded.problems))
    assert 50 < lied < 300


# Order -------------------------------------------------------------------------------------------

BLOCKS: tuple[list[Field], ...] = (
    [(34, 7)],
    [(11, "id")],
    [(58, "text")],
    [(55, "这是测试币")],
    [(54, "1")],
    [(44, "-0.5"), (108, -30)],
    [(60, TIME)],
    [(95, 3), (96, b"a\x01b")],
    [(136, 2), (137, "0.1"), (138, "BNB"), (137, "0.2"), (138, "BTC")],
    [(777, "unknown")],
)


@pytest.mark.usefixtures("loops")
def test_the_order_of_fields_of_the_body_is_irrelevant() -> None:
    """Pairs of length and data stay together, so do groups; FIX orders nothing else."""
    table = streams.TABLES[b"B"]

    def told(blocks: Any) -> Any:
        framer = wire.Framer(plans=streams.PLANS)
        framer.feed(framed([(35, "B"), *itertools.chain.from_iterable(blocks)]))
        return streams.observed_by_plan(next(framer), table)

    expected = told(BLOCKS)
    assert expected[1] is None  # check raised nothing
    chance = random.Random(1)
    for _ in range(300):
        assert told(chance.sample(BLOCKS, len(BLOCKS))) == expected


# Length ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("length", [*range(1, 70), 255, 256, 900, 1023, 1024, 1100, 65_535, 70_000])
def test_text_of_every_length_is_written_and_read(length: int) -> None:
    """By template, from a request, and by writer; a message grows as long as its text."""
    text = "".join(chr(0x20 + at % 95) for at in range(length))
    rows = ((11, "id", "str", True, ()), (58, "text", "utf8", True, ()))
    form = wire.Template(
        b"FIX.4.4", b"B", [(34, None), (52, None)], rows, 0, ("t", ("no row", "id", "text"))
    )
    expected = framed([(35, "B"), (34, 7), (52, TIME), (11, text), (58, text + "币")])
    values = {"id": text, "text": text + "币"}
    assert form.encode(None, 7, TIME.encode(), values) == expected
    request = msgspec.msgpack.encode(["t", 2**63 - 1, *values.values()])
    assert form.encode_payload(request, 7, TIME.encode()) == expected
    writer = wire.Writer(b"FIX.4.4")
    writer.start(b"B")
    writer.number(34, 7)
    writer.text(52, TIME)
    writer.text(11, text)
    writer.utf8(58, text + "币")
    assert writer.finish() == expected
    framer = wire.Framer()
    framer.feed(expected)
    assert next(framer).fields()[5:-1] == [(11, text.encode()), (58, (text + "币").encode())]
