"""The vector loops give what the plain loops give: every case on which they once differed."""

from __future__ import annotations

import gc
import re
from typing import Any

import pytest
from fixengine import wire
from fixengine.wire import (
    Framer,
    LocalProtocolError,
    Message,
    Plan,
    RemoteProtocolError,
    Template,
)

from bench.corpus import Field, framed

ROWS = (
    (34, "seq", "seqnum", True, ()),
    (44, "price", "price", False, ()),
    (60, "time", "utc", False, ()),
    (73, "orders", "group", False, ((11, "id", "str", True, ()), (58, "text", "str", False, ()))),
    (96, "letter", "char", False, ()),
    (354, "text_bytes", "length", False, ()),
    (355, "text", "str", False, ()),
)
PLAN = Plan("Report", ROWS, header_tags=(8, 9, 10, 35))

pytestmark = pytest.mark.usefixtures("loops")


def read(*fields: Field) -> tuple[Framer, Message]:
    framer = Framer(plans={b"8": PLAN})
    framer.feed(framed([(35, "8"), *fields]))
    return framer, next(framer)


def read_second(*fields: Field, before: tuple[Field, ...] = ()) -> Message:
    """Behind another message of the framer: only then is a frame found at one look."""
    framer = Framer(plans={b"8": PLAN})
    framer.feed(framed([(35, "8"), (34, 1), *before]) + framed([(35, "8"), (34, 2), *fields]))
    next(framer)
    return next(framer)


def framed_raw(body: bytes) -> bytes:
    head = b"8=FIX.4.4\x019=%d\x01%s" % (len(body), body)
    return b"%s10=%03d\x01" % (head, sum(head) % 256)


def test_a_field_of_nul_bytes_is_no_field() -> None:
    """Eight NUL bytes looked like the text in a free place of the lookup: tag 0, row 0."""
    framer = Framer(plans={b"8": PLAN})
    framer.feed(framed_raw(b"35=8\x01" + bytes(8) + b"7\x0155=X\x01"))
    message = next(framer)
    assert message.fault is not None and message.fault.reason == "tag"
    assert message.value("seq") is None
    assert message.missing == (34,)


def test_a_date_of_nul_bytes_is_no_date() -> None:
    """It looked like the date in a place where none was kept."""
    for decimals in (b"000", b"000000"):
        _, message = read((34, 1), (60, bytes(8) + b"-12:00:00." + decimals))
        with pytest.raises(RemoteProtocolError):
            message.time_ns("time")
        with pytest.raises(RemoteProtocolError):
            message.check()


def test_a_leap_second_shifts_no_other_time_of_its_date() -> None:
    """The date was kept as the day of the instant, which for 23:59:60 is the next day."""
    for day in ("19720630", "20161231"):  # nothing else in the tests has these dates
        for clock in ("23:59:60.000", "12:00:00.000", "23:59:60.000001", "12:00:00.000001"):
            text = f"{day}-{clock}"
            _, message = read((34, 1), (60, text))
            assert message.time_ns("time") == wire.stamp_ns(text.encode()), text


@pytest.mark.parametrize("count", [2**64, 2**64 + 1, 10 * 2**64 + 1, 2**32 + 1, 2**63 + 1])
def test_a_group_count_is_never_wrapped(count: int) -> None:
    _, message = read((34, 1), (73, count), (11, "A"))
    with pytest.raises(RemoteProtocolError, match="as many as") as caught:
        message.value("orders")
    assert (caught.value.reason, caught.value.tag) == ("group", 73)
    with pytest.raises(RemoteProtocolError):
        message.check()


def test_a_separator_within_data_is_no_plain_text() -> None:
    """A frame counted as printable where the only other bytes were SOH, also within data."""
    _, message = read((34, 1), (95, 1), (96, b"\x01"))
    with pytest.raises(RemoteProtocolError):
        message.check()
    _, message = read((34, 1), (354, 3), (355, b"a\x01b"))
    with pytest.raises(RemoteProtocolError):
        message.check()


def test_code_that_runs_while_values_are_made_may_move_them() -> None:
    """A finalizer or a collection's callback may read more messages, which moves the arena."""
    framer, message = read((34, 1), (60, "20260721-09:07:30.123"), (58, "no row"), (34, 2))
    expected = message.values(), message.extra, message.repeated
    held = []

    def grow(phase: str, _info: object) -> None:
        if phase == "start":
            held.extend(PLANS[len(held) % 2].read(message) for _ in range(200))

    threshold = gc.get_threshold()
    gc.callbacks.append(grow)
    gc.set_threshold(1)
    try:
        found = message.values(), message.extra, message.repeated
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(grow)
    assert found == expected
    assert len(list(framer)) == 0


PLANS = (Plan("A", ROWS), Plan("B", ROWS))


@pytest.mark.parametrize("above", [256, 512, 768])
def test_a_checksum_is_not_taken_modulo_256(above: int) -> None:
    raw = framed([(35, "0"), (34, 1)])
    claimed = int(raw[-4:-1]) + above
    if claimed > 999:
        raw = framed([(35, "0"), (34, 2)])
        claimed = int(raw[-4:-1]) + above
    framer = Framer()
    framer.feed(raw[:-4] + b"%03d\x01" % claimed + raw)
    assert [message.get_int(34) for message in framer] == [int(raw.split(b"\x0134=")[1][:1])]
    assert framer.garbled == 1


@pytest.mark.parametrize("kind", [b"8\0", b"8=", b"a b", b"\xff", b""])
def test_a_plan_is_for_a_kind_that_there_can_be(kind: bytes) -> None:
    """The kind b"8" and a NUL would have been taken for b"8"."""
    with pytest.raises(LocalProtocolError):
        Framer(plans={kind: PLAN})


TIME = b"20260721-09:07:30"
PRICES = (
    *(".", "5.", ".5", "1.5", "-", "-1", "1.2.3", "", "1", "0.015", "1e5", "12345678901234.5"),
    *("1234567.8", "123.", ".123", "1234567890123456.", ".1234567890123456", "x", "1 ", "12x4"),
)


@pytest.mark.parametrize("price", PRICES)
def test_a_decimal_is_sent_as_the_plain_loop_sends_it(price: str) -> None:
    """A point alone was once sent as a price."""
    rows = ((44, "price", "price", False, ()),)
    form = Template(b"FIX.4.4", b"D", [(34, None), (52, None)], rows, 0, ("x", ("price",)))
    payload = b"\x92\xa1x" + bytes([0xA0 | len(price)]) + price.encode()
    right = re.fullmatch(r"\d+(\.\d+)?", price)
    for write in (
        lambda: form.encode(None, 1, TIME, {"price": price}),
        lambda: form.encode_payload(payload, 1, TIME),
    ):
        if right:
            assert b"\x0144=" + price.encode() + b"\x01" in write()
        else:
            with pytest.raises(LocalProtocolError):
                write()


def test_code_that_runs_while_a_type_is_learnt_may_not_use_the_template() -> None:
    """It would leave the places of one type's slots to be read in an instance of another."""
    rows = ((44, "price", "price", False, ()), (58, "text", "str", False, ()))
    form = Template(b"FIX.4.4", b"D", [(34, None), (52, None)], rows)
    caught = []

    class Meta(type):
        @property
        def __mro__(cls) -> Any:
            try:
                form.encode(None, 1, TIME, {})
            except LocalProtocolError as error:
                caught.append(error)
            return type.__dict__["__mro__"].__get__(cls)

    class Source(metaclass=Meta):
        __slots__ = ("price", "text")

    source = Source()
    source.price, source.text = "1.5", "x"
    assert form.encode(source, 1, TIME).count(b"\x01") == 8
    assert caught


def test_names_that_are_no_plain_text_are_no_rows() -> None:
    """Looking them up would run their code while values are borrowed."""

    class Name(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return hash(str(self))

    rows = ((44, "price", "price", False, ()),)
    form = Template(b"FIX.4.4", b"D", [(34, None), (52, None)], rows)
    with pytest.raises(LocalProtocolError, match="no row"):
        form.encode(None, 1, TIME, {Name("price"): "1.5"})


@pytest.mark.parametrize("length", [40, 60, 200, 900])
def test_bytes_fed_out_of_the_lent_room_may_overlap_their_place(length: int) -> None:
    """A part of the memoryview from before what was received: it is copied over itself."""
    rest = bytes(0x21 + at % 90 for at in range(length - 5 - 8))
    raw = framed([(35, "B"), (58, b"x" * 10 + rest)])
    begin = raw.index(b"x" * 10) + 5
    framer = Framer()
    room = framer.get_buffer(-1)
    # What was received ends with five x, and the five x of what is fed are the same bytes.
    room[: len(raw) - 5] = raw[:begin] + raw[begin + 5 :]
    framer.buffer_updated(begin)
    framer.feed(room[begin - 5 : len(raw) - 5])
    assert [bytes(message) for message in framer] == [raw]


# The bounds of the vector loops ------------------------------------------------------------------


@pytest.mark.parametrize("size", range(13, 20))
def test_a_decimal_is_read_as_a_whole_up_to_a_vector_and_beyond(size: int) -> None:
    digits = "1234567890123456789"[:size]
    for decimals in (0, 1, 7, 8, size - 2):
        text = digits
        if decimals:
            text = f"{digits[: size - 1 - decimals]}.{digits[size - 1 - decimals : -1]}"
        assert len(text) == size
        message = read_second((44, text))
        assert message.scaled("price", decimals) == int(text.replace(".", "")), text


@pytest.mark.parametrize(
    ("clock", "second"),
    [
        ("23:00:00", 23 * 3600),
        ("24:00:00", None),
        ("00:59:00", 59 * 60),
        ("00:60:00", None),
        ("00:00:59", 59),
        ("00:00:60", 60),
        ("00:00:61", None),
    ],
)
def test_the_last_hour_minute_and_second_of_a_date_that_is_kept(
    clock: str, second: int | None
) -> None:
    midnight_ns = wire.stamp_ns(b"20260721-00:00:00")
    for decimals in ("000", "000000"):
        text = f"20260721-{clock}.{decimals}"
        message = read_second((60, text), before=((60, "20260721-12:00:00.000"),))
        if second is not None:
            assert message.time_ns("time") == midnight_ns + second * 10**9, text
            continue
        with pytest.raises(RemoteProtocolError) as caught:
            message.time_ns("time")
        assert (caught.value.tag, caught.value.reason) == (60, "malformed"), text


def lost_second(raw: bytes, message_bytes_max: int = 1 << 20) -> bool:
    """Whether framing is lost at this message, which is fed behind another one."""
    first = framed([(35, "0"), (34, 1)])
    framer = Framer(message_bytes_max)
    framer.feed(first + raw)
    assert bytes(next(framer)) == first
    try:
        assert bytes(next(framer)) == raw
    except RemoteProtocolError as error:
        return error.reason == "framing"
    return False


@pytest.mark.parametrize("message_bytes_max", [150, 151, 900])
def test_a_message_may_be_as_long_as_the_longest_and_no_longer(message_bytes_max: int) -> None:
    rest_bytes = len(framed([(35, "B"), (58, "x" * 100)])) - 100
    for length in (message_bytes_max, message_bytes_max + 1):
        raw = framed([(35, "B"), (58, "x" * (length - rest_bytes))])
        assert len(raw) == length
        assert lost_second(raw, message_bytes_max) == (length > message_bytes_max)


@pytest.mark.parametrize("at", range(-8, 0))
@pytest.mark.parametrize("byte", [b"/", b":", b"\xc0"])
def test_a_byte_beside_the_digits_is_none_of_a_checksum(at: int, byte: bytes) -> None:
    raw = framed([(35, "B"), (58, "x")])
    assert not lost_second(raw)
    assert lost_second(raw[:at] + byte + raw[len(raw) + at + 1 :])


@pytest.mark.parametrize("size", [1, 7, 8])
def test_the_longest_kind_that_a_plan_can_be_for(size: int) -> None:
    kind = b"ABCDEFGH"[:size]
    framer = Framer(plans={kind: PLAN})
    for read_by_plan, sent in ((True, kind), (False, kind + b"I")):
        raw = framed([(35, sent), (34, 7)])
        framer.feed(raw + raw)
        for message in framer:
            assert message.kind == sent
            if read_by_plan:
                assert message.value("seq") == 7
            else:
                with pytest.raises(LocalProtocolError, match="plan"):
                    message.value("seq")
    assert framer.pending == 0


WRITTEN = (
    (58, "text", "str", False, ()),
    (44, "price", "price", False, ()),
    (54, "side", "char", False, ()),
)
WRITABLE = {
    "text": re.compile(r"[ -~]+"),
    "price": re.compile(r"[0-9]+(\.[0-9]+)?"),
    "side": re.compile(r"[ -~]"),
}


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33])
def test_each_byte_at_each_place_of_a_text_is_judged_when_it_is_written(
    name: str, size: int
) -> None:
    form = Template(b"FIX.4.4", b"8", [(34, None), (52, None)], WRITTEN)
    time = b"20260721-09:07:30.123456"
    for place in sorted({0, 1, size // 2, size - 2, size - 1} & set(range(size))):
        for code in range(128):
            text = "7" * place + chr(code) + "7" * (size - place - 1)
            fits = WRITABLE[name].fullmatch(text) is not None
            try:
                written = form.encode(None, 1, time, {name: text})
            except LocalProtocolError:
                assert not fits, repr(text)
            else:
                assert fits, repr(text)
                assert b"=%s\x01" % text.encode() in written
