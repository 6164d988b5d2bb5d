"""Message: the flat index of a frame, its getters, and what is malformed in it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fixengine import wire
from fixengine.wire import Framer, LocalProtocolError, Message, RemoteProtocolError
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import corpus
from bench.corpus import Field


def message_of(raw: bytes, message_bytes_max: int = 1 << 20) -> Message:
    """The one message in these bytes."""
    framer = Framer(message_bytes_max)
    framer.feed(raw)
    message = next(framer)
    assert bytes(message) == raw
    return message


def made(*fields: Field) -> Message:
    """A message B with these fields behind 35."""
    return message_of(corpus.framed([(35, "B"), *fields]))


def raw_body(body: bytes) -> Message:
    """A message B with this raw text behind 35."""
    body = b"35=B\x01" + body
    head = b"8=FIX.4.4\x019=%d\x01%s" % (len(body), body)
    return message_of(b"%s10=%03d\x01" % (head, sum(head) % 256))


def fault_of(message: Message) -> RemoteProtocolError:
    """The fault, which must be there and must be what fields() raises."""
    fault = message.fault
    assert fault is not None
    with pytest.raises(RemoteProtocolError) as caught:
        message.fields()
    assert (caught.value.tag, caught.value.reason) == (fault.tag, fault.reason)
    return fault


def test_reads_the_fields_in_wire_order() -> None:
    raw = corpus.er()
    message = message_of(raw)
    fields = message.fields()
    assert [b"%d=%s" % field for field in fields] == raw.split(b"\x01")[:-1]
    assert message.fault is None
    assert message.kind == b"8"
    assert len(message) == len(raw) == 353
    assert [tag for tag, _ in fields[:3]] == [8, 9, 35]
    assert fields[-1][0] == 10


@pytest.mark.parametrize("kind", ["XCN", "XAR", "n"])
def test_kind_of_several_characters(kind: str) -> None:
    assert message_of(corpus.framed([(35, kind), (58, "x")])).kind == kind.encode()


def test_only_the_first_equals_sign_separates() -> None:
    message = made((58, "Symbol='BNBBUSD'"), (96, "abc=="), (55, "="))
    assert message.get(58) == b"Symbol='BNBBUSD'"
    assert message.get(96) == b"abc=="
    assert message.get(55) == b"="
    assert message.fault is None


@pytest.mark.parametrize("order", [(34, 49, 52, 56), (49, 56, 34, 52)])
def test_header_order_does_not_matter(order: tuple[int, ...]) -> None:
    message = made(*((tag, str(tag)) for tag in order))
    assert all(message.get_int(tag) == tag for tag in order)


def test_getters_answer_for_the_first_occurrence() -> None:
    message = made((37, "1"), (58, "x"), (37, "2"))
    for _ in range(3):
        assert message.get(37) == b"1"
    assert message.get(58) == b"x"
    assert message.get(37) == b"1"


def test_absent_gives_the_default() -> None:
    message = made((58, "x"))
    marker = object()
    for getter in (message.get, message.get_int, message.get_decimal, message.get_str):
        assert getter(99) is None
        assert getter(99, marker) is marker
        assert getter(-1) is None
        assert getter(2**40) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("007", 7),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_get_int(text: str, value: int) -> None:
    assert made((58, text)).get_int(58) == value


@pytest.mark.parametrize(
    "text",
    ["9223372036854775808", "-9223372036854775809", "1.0", "+1", "-", "1e3", " 1", "0x1"],
)
def test_get_int_refuses(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="58") as caught:
        made((58, text)).get_int(58)
    assert (caught.value.tag, caught.value.reason) == (58, "malformed")


@pytest.mark.parametrize("text", ["0", "-1.50", "0.00000001", "00012.5", "9" * 60 + "." + "1" * 60])
def test_get_decimal_is_exact(text: str) -> None:
    value = made((44, text)).get_decimal(44)
    assert value == Decimal(text)
    assert value.as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize(
    "text", ["1e5", "NaN", "Infinity", ".5", "5.", "1.2.3", "--1", "+1", "1_0"]
)
def test_get_decimal_refuses(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="44") as caught:
        made((44, text)).get_decimal(44)
    assert (caught.value.tag, caught.value.reason) == (44, "malformed")


@pytest.mark.parametrize("tag", [15, 55, 107, 138, 25019, 25028])
def test_utf8_values(tag: int) -> None:
    assert made((tag, "这是测试币456")).get_str(tag) == "这是测试币456"


def test_get_str_is_strict() -> None:
    with pytest.raises(RemoteProtocolError, match="55") as caught:
        made((55, b"\xff\xfe")).get_str(55)
    assert (caught.value.tag, caught.value.reason) == (55, "malformed")


# --- length-prefixed data ------------------------------------------------------------------------

PAIRS = [
    *((tag, tag + 1) for tag in (90, 95, 212, 348, 350, 352, 354, 356, 358, 360, 362, 364)),
    (445, 446),
    (618, 619),
    (621, 622),
    (93, 89),
]


@pytest.mark.parametrize("pair", PAIRS)
def test_data_may_hold_soh_and_equals(pair: tuple[int, int]) -> None:
    data = b"\x01a=b\x0110=000\x01=="
    message = made((pair[0], len(data)), (pair[1], data), (58, "after"))
    assert message.get(pair[1]) == data
    assert message.get(58) == b"after"
    assert message.get(10) == bytes(message)[-4:-1]
    assert message.fault is None


@pytest.mark.parametrize(
    "length", ["2", "4", "999999", "4294967295", "99999999999999999999", "x", "-1"]
)
def test_wrong_data_length_ends_the_index_there(length: str) -> None:
    message = made((58, "before"), (95, length), (96, b"abc"), (55, "after"))
    fault = fault_of(message)
    assert (fault.tag, fault.reason) == (95, "data")
    assert message.get(58) == b"before"
    for read in (message.get, message.get_str, message.get_int, message.get_decimal):
        for tag in (96, 55, 7):  # what stands behind the data, if anything, cannot be told
            with pytest.raises(RemoteProtocolError) as caught:
                read(tag)
            assert (caught.value.tag, caught.value.reason) == (95, "data")


def test_data_is_bounded_by_the_end_of_the_message() -> None:
    for length in range(1, 20):
        message = made((95, length), (96, b"abc"))
        assert (message.fault is None) == (length == 3)


def test_a_length_without_its_data_is_a_plain_field() -> None:
    message = made((95, "999"), (58, "x"), (96, "abc"))
    assert message.fault is None
    assert message.get(96) == b"abc"


def test_empty_data_is_an_empty_field() -> None:
    fault = fault_of(raw_body(b"95=0\x0196=\x01"))
    assert (fault.tag, fault.reason) == (96, "empty")


# --- malformed fields ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    [
        b"x=1",
        b"=1",
        b"58",
        b"5x=1",
        b"058=1",
        b"0=1",
        b"-5=1",
        b" 5=1",
        b"1234567890=1",
        b"",
        b"+5=1",
    ],
)
def test_a_tag_that_is_no_number(field: bytes) -> None:
    message = raw_body(b"55=A\x01" + field + b"\x0158=text\x01")
    fault = fault_of(message)
    assert (fault.tag, fault.reason) == (None, "tag")
    assert message.get(55) == b"A"
    assert message.get(58) == b"text"


def test_a_tag_of_forty_digits() -> None:
    message = raw_body(b"1" * 40 + b"=x\x0158=text\x01")
    assert fault_of(message).reason == "tag"
    assert message.get(58) == b"text"


def test_a_tag_without_value() -> None:
    message = raw_body(b"55=A\x0158=\x0160=t\x01")
    fault = fault_of(message)
    assert (fault.tag, fault.reason) == (58, "empty")
    assert message.get(60) == b"t"
    for read in (message.get, message.get_str, message.get_int, message.get_decimal):
        with pytest.raises(RemoteProtocolError, match=r"MsgType B.* None: tag 58") as caught:
            read(58)
        assert (caught.value.tag, caught.value.reason) == (58, "empty")
        assert read(7, "default") == "default"


def test_the_field_asked_for_is_malformed_whatever_else_is() -> None:
    message = raw_body(b"34=9\x0158=\x0138=\x0144=1\x0138=5\x01x=1\x0195=5\x0196=ab\x0140=2\x01")
    for tag, culprit in ((38, 38), (58, 58), (40, 95), (96, 95)):
        with pytest.raises(RemoteProtocolError) as caught:
            message.get_int(tag)
        assert (caught.value.tag, caught.value.kind, caught.value.seq) == (culprit, b"B", 9)
    assert message.get_int(44) == 1


def test_the_first_of_several_faults_is_told() -> None:
    assert fault_of(raw_body(b"58=\x01x=1\x01")).reason == "empty"
    assert fault_of(raw_body(b"x=1\x0158=\x01")).reason == "tag"


def test_the_largest_tag() -> None:
    assert made((999_999_999, "x")).get(999_999_999) == b"x"


# --- the header of a session ---------------------------------------------------------------------


def test_seq_from_a_header_as_it_is_expected() -> None:
    header: list[Field] = [(35, "8"), (49, "SPOT"), (56, "ME"), (34, 7)]
    assert made(*header).seq_from(b"FIX.4.4", b"SPOT", b"ME") == 7
    assert made(*header, (34, 8), (49, "X")).seq_from(b"FIX.4.4", b"SPOT", b"ME") == 7
    for wrong in range(3):
        given_ones = [b"FIX.4.4", b"SPOT", b"ME"]
        for other in (b"", given_ones[wrong] + b"x", given_ones[wrong][:-1], b"FIX.4.2"):
            assert (
                made(*header).seq_from(*given_ones[:wrong], other, *given_ones[wrong + 1 :]) == -1
            )
    for lacking in range(1, 4):
        rest = header[:lacking] + header[lacking + 1 :]
        assert made(*rest).seq_from(b"FIX.4.4", b"SPOT", b"ME") == -1


@pytest.mark.parametrize(
    ("seq", "told"),
    [
        *((b"0", 0), (b"-0", 0), (b"007", 7), (b"4294967295", 4_294_967_295)),
        *((text, -1) for text in (b"4294967296", b"-1", b"+1", b"1 ", b"x", b"9" * 30, b"1.0")),
    ],
)
def test_seq_from_takes_the_numbers_of_a_seqnum(seq: bytes, told: int) -> None:
    message = raw_body(b"49=SPOT\x0156=ME\x0134=%s\x01" % seq)
    assert message.seq_from(b"FIX.4.4", b"SPOT", b"ME") == told


@pytest.mark.parametrize("fault", [b"58=\x01", b"x=1\x01", b"95=9\x0196=a\x01"])
def test_seq_from_answers_for_no_message_with_a_fault(fault: bytes) -> None:
    message = raw_body(b"49=SPOT\x0156=ME\x0134=7\x01" + fault)
    assert (message.get_int(34), message.seq_from(b"FIX.4.4", b"SPOT", b"ME")) == (7, -1)


# --- life and misuse -----------------------------------------------------------------------------


def test_every_use_of_a_stale_message_is_refused() -> None:
    framer = Framer()
    framer.feed(corpus.er())
    message = next(framer)
    assert message.get(35) == b"8"
    framer.feed(b"")
    uses: list[Callable[[], object]] = [
        lambda: message.kind,
        lambda: message.fault,
        lambda: message.get(35),
        lambda: message.get_int(34),
        lambda: message.get_decimal(38),
        lambda: message.get_str(55),
        lambda: message.seq_from(b"FIX.4.4", b"SPOT", b"EXAMPLE"),
        message.fields,
        lambda: len(message),
        lambda: bytes(message),
    ]
    for use in uses:
        with pytest.raises(LocalProtocolError, match="message used after"):
            use()


def test_a_message_of_nobody_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        Message().get(35)


def test_messages_of_one_feed_do_not_disturb_each_other() -> None:
    raws = corpus.ermix(64)
    framer = Framer()
    framer.feed(b"".join(raws))
    messages = list(framer)
    assert all(message.get(10) for message in messages)
    for message, raw in reversed(list(zip(messages, raws, strict=True))):
        assert [b"%d=%s" % field for field in message.fields()] == raw.split(b"\x01")[:-1]


# --- hostile size --------------------------------------------------------------------------------


def test_a_million_bytes_of_the_shortest_fields() -> None:
    count = 250_000
    message = raw_body(b"1=a\x01" * count)
    assert len(message.fields()) == count + 4
    assert message.get(10) is not None


def test_memory_stays_flat_over_many_large_messages() -> None:
    raw = corpus.framed([(35, "B"), *((1, "a") for _ in range(20_000))])
    framer = Framer()

    def spin(times: int) -> int:
        for _ in range(times):
            framer.feed(raw)
            assert next(framer).get(9999) is None
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = spin(3)
        assert spin(30) <= first + 1000
    finally:
        tracemalloc.stop()


def test_one_endless_field() -> None:
    message = made((58, "x" * 1_000_000))
    value = message.get(58)
    assert value == b"x" * 1_000_000
    with pytest.raises(RemoteProtocolError):
        message.get_int(58)


# --- against a plain reading ---------------------------------------------------------------------

TAGS = st.integers(11, 999_999_999).filter(
    lambda tag: tag not in {35, *(t for p in PAIRS for t in p)}
)
VALUES = st.binary(min_size=1, max_size=80).map(lambda raw: raw.replace(b"\x01", b"=") or b"=")


@given(st.lists(st.tuples(TAGS, VALUES), max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_fields_are_read_as_written(fields: list[tuple[int, bytes]]) -> None:
    message = made(*fields)
    assert message.fields()[3:-1] == fields
    for tag, value in reversed(fields):
        expected = next(found for number, found in fields if number == tag)
        assert message.get(tag) == expected, value


# Not for users, so not in the stub: which loops are used, and the pass over one frame.
use_level = getattr(wire, "_level")  # noqa: B009
LEVELS = range(use_level() + 1)


def scan(frame: bytes, level: int) -> Any:
    """((entries, fault, sum, plain), whether a vector loop made it) with the loops of a level."""
    assert use_level(level) == level
    try:
        return getattr(wire, "_scan")(frame)  # noqa: B009
    finally:
        use_level()


PIECES = st.sampled_from(
    [b"\x01", b"=", b"95=", b"96=", b"5", b"0", b"58=x\x01", b"1234567=", b"12345678=", b"x", b"ab"]
    + [b"123456789=", b"1234567890=", b"95=3\x0196=a\x01b\x01", b"95=600\x0196=", b"y" * 40]
)


@given(st.lists(PIECES | st.binary(max_size=3) | st.just(b"z=" * 300), max_size=60))
@settings(max_examples=500, deadline=None)
def test_vector_and_plain_index_agree(pieces: list[bytes]) -> None:
    frame = b"".join(pieces) + b"\x0110=000\x01"
    found = [scan(frame, level)[0] for level in LEVELS]
    assert found == found[:1] * len(LEVELS)


def test_the_vector_loop_takes_ordinary_messages_wherever_their_fields_lie() -> None:
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    raw = corpus.er()
    for shift in range(1, 130):
        moved = raw.replace(b"\x0117=", b"\x0158=" + b"=" * shift + b"x\x0117=")
        found = [scan(moved, level) for level in LEVELS]
        assert [index for index, _ in found] == [found[0][0]] * len(LEVELS)
        assert [ordinary for _, ordinary in found] == [level > 0 for level in LEVELS]
        assert (len(LEVELS) > 1) == (" avx2 " in flags and " bmi2 " in flags)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_body_gives_fields_or_a_fault(body: bytes) -> None:
    message = raw_body(body + b"\x01")
    if message.fault is None:
        assert corpus.joined(message.fields()) == bytes(message)
    else:
        assert message.fault.reason in ("tag", "empty", "data")
