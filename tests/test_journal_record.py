"""The record format and the masking of secrets."""

from __future__ import annotations

import pytest
from fixengine.fix.masking import mask
from fixengine.network.journal.record import (
    FILE_HEADER_BYTES,
    FileHeader,
    JournalError,
    Kind,
    mask_value,
    named,
    padded,
    split_named,
)
from hypothesis import given
from hypothesis import strategies as st
from test_crc32c import reference

SOH = "\x01"


def fix(text: str) -> bytes:
    return text.replace("|", SOH).encode()


def test_kinds_keep_their_numbers() -> None:
    # Files of earlier versions hold these numbers.
    assert {kind.name: kind.value for kind in Kind} == {
        "START": 1,
        "ORDER": 2,
        "INTENT": 3,
        "FRAME_OUT": 4,
        "FRAME_IN": 5,
        "DELIVERED": 6,
        "TICK": 7,
        "CLOCK": 8,
        "LINK": 9,
        "CONTROL": 10,
        "STRATEGY": 11,
        "CARRIED": 12,
        "DROPPED": 13,
        "ACK": 14,
        "SOURCE": 15,
        "MARK": 16,
        "READ": 17,
        "HANDED_OVER": 18,
    }


def test_file_header_byte_for_byte() -> None:
    fields = bytes.fromhex(
        "0700000000000000 0200000000000000 1027000000000000 ffffffffffffffff" + "00" * 16
    )
    raw = bytes.fromhex("46584a020d0a1a0a 40000000")
    raw += reference(fields).to_bytes(4, "little") + fields
    assert FileHeader(7, 2, 10_000, -1).pack() == raw
    assert FileHeader.unpack(raw) == (7, 2, 10_000, -1, 2)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "cut off: 0 of 64"),
        (FileHeader(7, 0, 0, 0).pack()[:63], "cut off: 63 of 64"),
        (b"#!/bin/sh" + bytes(64), "not a journal file"),
        (b"FXJ\x03" + FileHeader(7, 0, 0, 0).pack()[4:], "format 3, but this engine reads 1 to 2"),
        (FileHeader(7, 0, 0, 0).pack()[:-1] + b"x", "checksum"),
    ],
)
def test_bad_file_header_says_why(raw: bytes, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        FileHeader.unpack(raw)


def test_header_size() -> None:
    assert len(FileHeader(1, 0, 0, 0).pack()) == FILE_HEADER_BYTES


@pytest.mark.parametrize(("data_bytes", "record_bytes"), [(0, 32), (1, 40), (8, 40), (9, 48)])
def test_padding(data_bytes: int, record_bytes: int) -> None:
    assert padded(data_bytes) == record_bytes


def test_error_names_file_and_offset() -> None:
    error = JournalError("/x/journal-7.fxj", "the record's checksum does not match", 96)
    assert str(error) == "/x/journal-7.fxj at offset 96: the record's checksum does not match"
    assert (error.path, error.offset) == ("/x/journal-7.fxj", 96)


def test_named_and_back() -> None:
    assert split_named(named("quoter.3f", b"\x93abc")) == ("quoter.3f", b"\x93abc")
    assert split_named(named("", b"\x93abc")) == ("", b"\x93abc")
    assert split_named(b"\x93abc") == (None, b"\x93abc")
    assert split_named(b"\x7fabc") == (None, b"\x7fabc")
    assert split_named(b"") == (None, b"")
    assert split_named(named("x" * 128, b"\x93")) == ("x" * 127, b"\x93")
    assert split_named(named(b"\xff" * 64, b"\x93")) == (r"\xff" * 64, b"\x93")
    assert split_named(named("\udcff", b"\x93")) == (r"\udcff", b"\x93")


@pytest.mark.parametrize(
    ("plain", "masked"),
    [
        (
            "8=FIX.4.4|35=A|95=4|96=c2ln|98=0|553=KEY|554=pw|10=1|",
            "8=FIX.4.4|35=A|95=4|96=****|98=0|553=***|554=**|10=1|",
        ),
        ("95=7|96=ab|cdef|553=KEY|", "95=7|96=*******|553=***|"),
        ("95=7|58=x|96=ab|cdef|10=1|", "95=7|58=x|96=*******|10=1|"),
        ("96=secret", "96=******"),
        ("553=secret|", "553=******|"),
        ("95=99999|96=se|cret|", "95=99999|96=********"),
        ("95=6|96=no|553=KEY|58=x|", "95=6|96=**********|58=x|"),
        ("95=1|96=secret|58=x|", "95=1|96=******|58=x|"),
        ("95=9999999999|96=secret|58=x|", "95=9999999999|96=******|58=x|"),
        ("95=-4|96=secret|58=x|", "95=-4|96=******|58=x|"),
        ("35=D|58=553=not a field|196=7|1553=8|", "35=D|58=553=not a field|196=7|1553=8|"),
        ("553=|554=|96=|", "553=|554=|96=|"),
        ("553=a|553=bb|", "553=*|553=**|"),
    ],
)
def test_mask(plain: str, masked: str) -> None:
    assert mask(fix(plain)) == fix(masked)


def test_mask_leaves_other_frames_alone() -> None:
    frame = fix("8=FIX.4.4|9=5|35=D|11=x|10=1|")
    assert mask(frame) is frame


pieces = st.lists(
    st.sampled_from(
        [b"95=", b"96=", b"553=", b"554=", b"\x01", b"7", b"|", b"=", b"\xff\xfe", b"secret", b""]
    ),
    max_size=40,
)


@given(pieces)
def test_mask_of_garbage_keeps_length_and_never_shows_a_secret_field(parts: list[bytes]) -> None:
    data = b"".join(parts)
    masked = mask(data)
    assert len(masked) == len(data)
    assert mask(masked) == masked
    for field in masked.split(b"\x01"):
        if field.startswith((b"96=", b"553=", b"554=")):
            assert field.partition(b"=")[2].strip(b"*") == b""


def test_mask_value() -> None:
    assert mask_value(b"\x94Hello\xa3abc\xa3abd abc", b"abc") == b"\x94Hello\xa3***\xa3abd ***"
    assert mask_value(b"abc", b"") == b"abc"
