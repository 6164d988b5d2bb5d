"""The codec against a parser and an encoder written by somebody else (simplefix), both ways."""

from __future__ import annotations

import pytest
import simplefix  # type: ignore[import-untyped]
from fixengine.wire import Framer, Template, Writer
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import corpus

# simplefix ends a message at 10= and also knows the pairs of length and data of later versions.
PAIRS = list(
    zip(simplefix.FixParser().raw_len_tags, simplefix.FixParser().raw_data_tags, strict=True)
)
PAIRS_OF_4_4 = [pair for pair in PAIRS if pair[0] < 1000]
TAGS = st.integers(11, 99_999).filter(
    lambda tag: tag != 35 and not any(tag in pair for pair in PAIRS)
)
TEXT = st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b"\x01", b"="))
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)
DATA = st.binary(min_size=1, max_size=40)


def foreign_fields(raw: bytes) -> list[tuple[int, bytes]]:
    """What the foreign parser reads in one message."""
    parser = simplefix.FixParser()
    parser.append_buffer(raw)
    message = parser.get_message()
    assert message is not None
    return [(int(tag), value) for tag, value in message.pairs]


def own_fields(raw: bytes) -> list[tuple[int, bytes]]:
    """What ours reads in it."""
    framer = Framer()
    framer.feed(raw)
    return next(framer).fields()


@pytest.mark.parametrize("pair", PAIRS_OF_4_4)
def test_pairs_of_length_and_data(pair: tuple[int, int]) -> None:
    writer = Writer(b"FIX.4.4")
    writer.start(b"B")
    writer.data(*pair, b"a\x01b=c")
    raw = writer.finish()
    assert own_fields(raw) == foreign_fields(raw)
    assert own_fields(raw)[-2] == (pair[1], b"a\x01b=c")


@given(st.lists(st.tuples(TAGS, TEXT), max_size=20), st.none() | DATA)
@settings(max_examples=200, deadline=None)
def test_what_they_write_we_read(fields: list[tuple[int, bytes]], data: bytes | None) -> None:
    message = simplefix.FixMessage()
    message.append_pair(8, "FIX.4.4")
    message.append_pair(35, "B")
    for tag, value in fields:
        message.append_pair(tag, value)
    if data is not None:
        message.append_data(95, 96, data)
        fields = [*fields, (95, b"%d" % len(data)), (96, data)]
    raw = message.encode()
    found = own_fields(raw)
    assert found[3:-1] == fields
    assert found == foreign_fields(raw)


@given(st.lists(st.tuples(TAGS, PRINTABLE), max_size=20), st.none() | DATA)
@settings(max_examples=200, deadline=None)
def test_what_we_write_they_read(fields: list[tuple[int, str]], data: bytes | None) -> None:
    writer = Writer(b"FIX.4.4")
    writer.start(b"B")
    for tag, value in fields:
        writer.text(tag, value)
    expected = [(tag, value.encode()) for tag, value in fields]
    if data is not None:
        writer.data(95, 96, data)
        expected += [(95, b"%d" % len(data)), (96, data)]
    raw = writer.finish()
    assert foreign_fields(raw)[3:-1] == expected
    assert foreign_fields(raw) == own_fields(raw)


@given(
    st.integers(0, 2**32 - 1),
    st.fixed_dictionaries({"cl_ord_id": PRINTABLE}, optional={"text": PRINTABLE, "raw": DATA}),
)
@settings(max_examples=100, deadline=None)
def test_templates_write_what_they_read(seq: int, values: dict[str, str | bytes]) -> None:
    rows = [
        (11, "cl_ord_id", "str", True, ()),
        (95, "raw_length", "length", False, ()),
        (96, "raw", "data", False, ()),
        (58, "text", "str", False, ()),
    ]
    template = Template(b"FIX.4.4", b"D", [(49, b"A"), (56, b"B"), (34, None), (52, None)], rows)
    raw = template.encode(None, seq, b"20240627-11:17:25", dict(values))
    assert foreign_fields(raw) == own_fields(raw)
    found = dict(foreign_fields(raw))
    assert found[34] == b"%d" % seq
    assert found[11] == str(values["cl_ord_id"]).encode()
    assert found.get(96) == values.get("raw")


def test_the_corpus_is_read_alike() -> None:
    for raw in (corpus.er(), corpus.nos(), *corpus.ermix(100)):
        assert own_fields(raw) == foreign_fields(raw)
