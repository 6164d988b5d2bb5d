"""Numbers, times and sums: exact both ways, and the vector twins like the plain loops."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fixengine import wire
from fixengine.wire import (
    Framer,
    LocalProtocolError,
    RemoteProtocolError,
    scaled,
    stamp,
    stamp_ns,
    unscaled,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import corpus

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VECTOR_NS = 1_719_487_045_223_000_000


# --- decimal text --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "scale", "value"),
    [
        ("1.50", 8, 150_000_000),
        (b"1.50", 8, 150_000_000),
        ("0", 0, 0),
        ("007", 0, 7),
        ("-1.5", 1, -15),
        ("1.5000", 1, 15),
        ("0.00000001", 8, 1),
        ("92233720368.54775807", 8, 2**63 - 1),
        ("-92233720368.54775808", 8, -(2**63)),
        ("9.223372036854775807", 18, 2**63 - 1),
        ("0" * 50 + "1", 2, 100),
        ("1." + "0" * 50, 2, 100),
    ],
)
def test_scaled_is_exact(text: str | bytes, scale: int, value: int) -> None:
    assert scaled(text, scale) == value


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", ".5", "5.", "1.2.3", "1e5", "+1", " 1", "1 ", "NaN", "٣", "1\x00", "\ud800"],
)
def test_scaled_wants_plain_decimal_text(text: str) -> None:
    with pytest.raises(LocalProtocolError, match="plain decimal"):
        scaled(text, 8)


@pytest.mark.parametrize("value", [1, 1.5, None, Decimal(1), bytearray(b"1")])
def test_scaled_wants_text(value: Any) -> None:
    with pytest.raises(LocalProtocolError, match="expected decimal text"):
        scaled(value, 8)


def test_scaled_drops_no_digit() -> None:
    with pytest.raises(LocalProtocolError, match="more than 2 decimals"):
        scaled("1.001", 2)
    with pytest.raises(LocalProtocolError, match="more than 0 decimals"):
        scaled("1.5", 0)


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("9223372036854775808", 0),
        ("-9223372036854775809", 0),
        ("92233720368.54775808", 8),
        ("18446744073709551616", 0),
        ("184467440737.09551616", 8),
        ("10", 18),
        ("9" * 40, 2),
    ],
)
def test_scaled_reports_overflow(text: str, scale: int) -> None:
    with pytest.raises(LocalProtocolError, match="64 bits"):
        scaled(text, scale)


@pytest.mark.parametrize("scale", [-1, 19])
def test_scale_has_bounds(scale: int) -> None:
    with pytest.raises(LocalProtocolError, match="scale"):
        scaled("1", scale)
    with pytest.raises(LocalProtocolError, match="scale"):
        unscaled(1, scale)


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (150_000_000, 8, "1.50000000"),
        (-150_000_000, 8, "-1.50000000"),
        (0, 0, "0"),
        (0, 3, "0.000"),
        (-1, 8, "-0.00000001"),
        (5, 0, "5"),
        (2**63 - 1, 18, "9.223372036854775807"),
        (-(2**63), 18, "-9.223372036854775808"),
    ],
)
def test_unscaled_has_exactly_its_decimals(value: int, scale: int, text: str) -> None:
    assert unscaled(value, scale) == text


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 18))
@settings(max_examples=300, deadline=None)
def test_unscaled_and_scaled_are_inverse(value: int, scale: int) -> None:
    text = unscaled(value, scale)
    assert Decimal(text) == Decimal(value).scaleb(-scale)
    assert scaled(text, scale) == value


@given(st.text("0123456789.-", max_size=25), st.integers(0, 18))
@settings(max_examples=500, deadline=None)
def test_scaled_agrees_with_decimal(text: str, scale: int) -> None:
    digits = text.removeprefix("-")
    whole, point, rest = digits.partition(".")
    plain = whole.isdigit() and (rest.isdigit() if point else True)
    exact = Decimal(text).scaleb(scale) if plain else None
    if exact is not None and exact == int(exact) and -(2**63) <= exact < 2**63:
        assert scaled(text, scale) == int(exact)
    else:
        with pytest.raises(LocalProtocolError):
            scaled(text, scale)


# --- time ----------------------------------------------------------------------------------------


def test_the_time_of_the_official_vector() -> None:
    assert stamp(VECTOR_NS, 3) == b"20240627-11:17:25.223"
    assert stamp(VECTOR_NS + 456_789) == b"20240627-11:17:25.223456"
    assert stamp(VECTOR_NS, 0) == b"20240627-11:17:25"
    assert stamp_ns(b"20240627-11:17:25.223") == VECTOR_NS


def test_seconds_milliseconds_and_microseconds_are_read() -> None:
    second = VECTOR_NS // 10**9 * 10**9
    assert stamp_ns(b"20240627-11:17:25") == second
    assert stamp_ns(b"20240627-11:17:25.223") == second + 223_000_000
    assert stamp_ns(b"20240627-11:17:25.223456") == second + 223_456_000


def test_times_are_cut_not_rounded() -> None:
    assert stamp(999_999_999, 0) == b"19700101-00:00:00"
    assert stamp(999_999_999, 3) == b"19700101-00:00:00.999"
    assert stamp(999_999_999, 6) == b"19700101-00:00:00.999999"


def test_the_cached_second_is_left_when_it_is_over() -> None:
    for ns in (VECTOR_NS, VECTOR_NS + 10**9, VECTOR_NS, VECTOR_NS - 10**9, 0, 2**63 - 1):
        moment = EPOCH + timedelta(microseconds=ns // 1000)
        assert stamp(ns).decode() == moment.strftime("%Y%m%d-%H:%M:%S.%f")


@given(st.integers(0, 2**63 - 1), st.sampled_from([0, 3, 6]))
@settings(max_examples=500, deadline=None)
def test_stamp_agrees_with_the_calendar_and_back(ns: int, digits: int) -> None:
    moment = EPOCH + timedelta(microseconds=ns // 1000)
    text = moment.strftime("%Y%m%d-%H:%M:%S.%f")
    assert stamp(ns, digits).decode() == text[: 17 if digits == 0 else 18 + digits]
    unit = 10 ** (9 - digits)
    # The last second of the range is refused: with its leap second it might not fit.
    if ns < 2**63 - 2 * 10**9:
        assert stamp_ns(stamp(ns, digits)) == ns // unit * unit


def test_leap_second_is_the_second_that_follows() -> None:
    assert stamp_ns(b"20161231-23:59:60") == stamp_ns(b"20170101-00:00:00")


@pytest.mark.parametrize("text", [b"20240229-00:00:00", b"20000229-00:00:00", b"19000228-00:00:00"])
def test_days_that_exist(text: bytes) -> None:
    moment = datetime.strptime(text.decode(), "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    assert stamp_ns(text) == (moment - EPOCH) // timedelta(microseconds=1) * 1000


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"20240627",
        b"20230229-00:00:00",
        b"19000229-00:00:00",
        b"20240431-00:00:00",
        b"20240001-00:00:00",
        b"20241301-00:00:00",
        b"20240100-00:00:00",
        b"00000101-00:00:00",
        b"20240627-24:00:00",
        b"20240627-11:60:00",
        b"20240627-11:17:61",
        b"20240627 11:17:25",
        b"20240627-11.17.25",
        b"20240627-11:17:25.",
        b"20240627-11:17:25.2",
        b"20240627-11:17:25.2234",
        b"20240627-11:17:25.223456789",
        b"20240627-11:17:25,223",
        b"20240627-1a:17:25",
        b"-0240627-11:17:25",
        b"20240627-11:17:25.22 ",
        b"20240627-11:17:25\x00",
        b"99990101-00:00:00",  # beyond 64 bits of nanoseconds
        b"00010101-00:00:00",
        b"22620411-23:47:17",
    ],
)
def test_texts_that_are_no_time(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="UTC") as caught:
        stamp_ns(text)
    assert caught.value.reason == "malformed"


def test_stamp_refuses() -> None:
    for digits in (-1, 1, 9):
        with pytest.raises(LocalProtocolError, match="digits"):
            stamp(0, digits)
    with pytest.raises(LocalProtocolError, match="1970"):
        stamp(-1)
    with pytest.raises(OverflowError):
        stamp(2**63)


# --- sums and searches ---------------------------------------------------------------------------


@given(st.binary(max_size=300), st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_vector_and_plain_loops_agree(data: bytes, offset: int) -> None:
    twins = getattr(wire, "_twins")  # noqa: B009  not for users, so not in the stub
    view = data[offset:]
    for wanted in (0, 1, 61, 255, view[-1] if view else 7):
        fast_sum, plain_sum, fast_place, plain_place, *_ = twins(view, wanted)
        assert fast_sum == plain_sum == sum(view)
        place = view.find(bytes([wanted]))
        assert fast_place == plain_place == (len(view) if place < 0 else place)


@pytest.mark.parametrize("size", [*range(1, 140), 1000, 100_000])
def test_check_sums_of_every_length(size: int) -> None:
    text = bytes((at * 37 + size) % 255 + 1 for at in range(size)).replace(b"\x01", b"x")
    message = corpus.framed([(35, "B"), (58, text)])
    framer = Framer()
    framer.feed(message)
    assert bytes(next(framer)) == message
    for at in {0, size // 2, size - 1}:
        bad = bytearray(message)
        bad[message.index(b"58=") + 3 + at] ^= 0x80
        framer.feed(bytes(bad))
        assert list(framer) == []
        assert framer.last_garbled == bytes(bad)
