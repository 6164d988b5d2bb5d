"""CRC32C: the vectors of RFC 3720, a reference by single bits, and both loops against it."""

from __future__ import annotations

import array

import pytest
from fixengine import wire
from fixengine.wire import crc32c
from hypothesis import given
from hypothesis import strategies as st

READ_COMMAND = bytes.fromhex(
    "01c00000000000000000000000000000140000000000040000000014000000182800000000000000"
    "0200000000000000"
)


def reference(data: bytes) -> int:
    """The polynomial, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (READ_COMMAND, 0xD9963A56),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_the_vectors_of_rfc_3720(data: bytes, crc: int) -> None:
    assert crc32c(data) == reference(data) == crc


@given(st.binary(max_size=300), st.integers(0, 40))
def test_both_loops_give_what_the_bits_give(data: bytes, offset: int) -> None:
    twins = getattr(wire, "_twins")  # noqa: B009  not for users, so not in the stub
    *_, fast, plain = twins(data[offset:], 0)
    assert fast == plain == reference(data[offset:])
    assert crc32c(memoryview(data)[offset:]) == fast


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_what_comes_in_parts_is_one(parts: list[bytes]) -> None:
    crc = 0
    for part in parts:
        crc = crc32c(part, crc)
    assert crc == crc32c(b"".join(parts))


@pytest.mark.parametrize("bits", range(9 * 8))
def test_no_single_bit_goes_unseen(bits: int) -> None:
    data = bytearray(b"123456789")
    data[bits // 8] ^= 1 << bits % 8
    assert crc32c(data) != 0xE3069283


def test_what_is_no_data_is_refused() -> None:
    assert crc32c(array.array("B", b"123456789")) == 0xE3069283  # type: ignore[arg-type]
    for wrong in ("text", None, 7):
        with pytest.raises(TypeError):
            crc32c(wrong)  # type: ignore[arg-type]
    with pytest.raises(BufferError):
        crc32c(memoryview(b"123456789")[::2])
    for value in (-1, 1 << 32):
        with pytest.raises(OverflowError):
            crc32c(b"", value)
