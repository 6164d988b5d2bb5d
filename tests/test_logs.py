"""Finding FIX messages in text of any form."""

from __future__ import annotations

import itertools

import pytest
from fixengine.fix.logs import (
    IN_VALUES,
    MESSAGE_BYTES_MAX,
    SEPARATORS,
    SOH,
    Found,
    Search,
    messages,
)
from hypothesis import given
from hypothesis import strategies as st

from bench import corpus

ER = corpus.er()
NOS = corpus.nos()
TEXT_SEPARATORS = SEPARATORS[1:]
names = [separator.decode() for separator in SEPARATORS]


def found(text: bytes, bytes_max: int = MESSAGE_BYTES_MAX) -> list[bytes]:
    return [each.data for each in messages([text], bytes_max)]


def dressed(message: bytes, separator: bytes) -> bytes:
    return message.replace(SOH, separator)


def news(headline: bytes) -> bytes:
    """A message with one value of choice."""
    time = "20260721-09:07:30.123456"
    return corpus.framed([*corpus.header("B", 3, "SPOT", "EXAMPLE", time), (148, headline)])


# --- forms of text ----------------------------------------------------------------------------


@pytest.mark.parametrize("separator", SEPARATORS, ids=names)
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (b"", b""),
        (b"", b"\r\n"),
        (b"2026-07-21 09:07:30,123 INFO [fix] IN: ", b"\n"),
        (b'{"frame": "', b'", "line": 1}\n'),
        (b"<20260721-09:07:30, FIX.4.4:EXAMPLE->SPOT, incoming> (", b")\n"),
        (b"b'", b"'\n"),
        (b"\x80\xff\x00", b"\x00\xfe\n"),
    ],
)
def test_a_message_is_found_whatever_stands_around_it(
    separator: bytes, before: bytes, behind: bytes
) -> None:
    line = before + dressed(ER, separator) + behind
    assert found(line) == [ER]
    assert found(line * 3) == [ER] * 3


@pytest.mark.parametrize("separator", TEXT_SEPARATORS, ids=names[1:])
def test_a_log_may_drop_the_last_separator(separator: bytes) -> None:
    line = dressed(ER[:-1], separator)
    assert found(line) == [ER]
    assert found(b"(" + line + b") " + line + b"\n") == [ER, ER]


def test_raw_messages_need_no_newline_between_them() -> None:
    stream = corpus.ermix(64)
    assert found(b"".join(stream)) == stream
    assert found(b"\n".join(stream)) == stream


@pytest.mark.parametrize("separator", [SOH, b"|"])
def test_a_value_may_hold_newlines_and_what_looks_like_a_message(separator: bytes) -> None:
    for headline in (b"one\ntwo\r\n", b"see 8=FIX.4.4 there", b"no 8=FIX.4.4^A9=5^A35=0^A10=000^A"):
        message = news(headline)
        assert found(dressed(message, separator) * 2) == [message] * 2


def test_a_data_field_may_hold_separators() -> None:
    time = "20260721-09:07:30.123456"
    secret = b"a\x0110=000\x018=FIX.4.4\x019=\n"
    head = corpus.header("A", 1, "EXAMPLE", "SPOT", time)
    message = corpus.framed([*head, (95, len(secret)), (96, secret)])
    assert found(message + ER) == [message, ER]


@pytest.mark.parametrize("separator", IN_VALUES)
def test_a_value_may_hold_the_separator(separator: bytes) -> None:
    for headline in (b"this|that", b"|", b"a||b", b"this|that|", b"a|b=c"):
        message = news(headline.replace(b"|", separator))
        assert found(dressed(message, separator)) == [message]


def test_the_checksum_tells_a_bad_tag_from_a_pipe_in_a_value() -> None:
    time = "20260721-09:07:30.123456"
    body = b"35=B\x01abc=5\x01148=x\x01\x01"
    head = b"8=FIX.4.4\x019=%d\x01%s" % (len(body), body)
    message = b"%s10=%03d\x01" % (head, sum(head) % 256)
    assert found(dressed(message, b"|")) == [message]
    assert time.encode() not in message


def reject(text: bytes, *behind: corpus.Field) -> bytes:
    """A message with free text of choice and fields behind it."""
    time = "20260721-09:07:30.123456"
    return corpus.framed([*corpus.header("3", 3, "SPOT", "EXAMPLE", time), (58, text), *behind])


@pytest.mark.parametrize("separator", IN_VALUES)
@pytest.mark.parametrize(
    "text",
    [b"44=9", b"price|44=9 refused", b"a|b|44=9|c|38=1|", b"35=D|55=X|58=y|44=9", b"|10=000|x"],
)
def test_free_text_may_hold_what_looks_like_fields(separator: bytes, text: bytes) -> None:
    for behind in ((), ((25016, -1013), (44, "1.0"))):
        message = reject(text.replace(b"|", separator), *behind)
        if b"10=" not in text or len(separator) == 1:
            assert found(dressed(message, separator) + b"\n" + ER) == [message, ER]


def summed(body: bytes) -> bytes:
    """With the right CheckSum behind it."""
    return b"%s10=%03d\x01" % (body, sum(body) % 256)


def test_a_wrong_checksum_or_length_joins_no_fields() -> None:
    """Without both there is no reading that is more likely than another."""
    message = reject(b"price|44=9 refused", (25016, -1013))
    body = message[: message.rindex(b"10=")]
    length = int(body[12 : body.index(SOH, 12)])
    longer = summed(body.replace(b"9=%d\x01" % length, b"9=%d\x01" % (length + 1)))
    damaged = summed(body).replace(b"49=SPOT", b"49=SPOU")
    for wrong in (longer, damaged):
        assert found(dressed(wrong, b"|")) == [wrong.replace(b"|", SOH)]


def test_many_fields_behind_a_free_text_take_no_time() -> None:
    body = b"35=B|" + b"58=x|" * 500_000
    text = b"8=FIX.4.4|9=%d|%s10=001|" % (len(body), body)
    assert [each.replace(b"|", SOH) for each in found(text)] == [text.replace(b"|", SOH)]


def test_escapes_of_a_dump_are_undone() -> None:
    message = news('"a\\b" 测\t\n'.encode())
    assert found(repr(message).encode()) == [message]
    text = message.decode().replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert found(text.replace("\x01", "\\u0001").replace("测", "\\u6d4b").encode()) == [message]
    assert found(b"8=FIX.4.4\\u000135=\\ud800\\x\\q\\u0001") == [b"8=FIX.4.4\x0135=?\\x\\q\x01"]


# --- broken messages --------------------------------------------------------------------------


@pytest.mark.parametrize("separator", SEPARATORS, ids=names)
@pytest.mark.parametrize("length", [b"9=330", b"9=329", b"9=", b"9=x", b"9=99999999999", b"9=0"])
def test_a_wrong_length_does_not_lose_what_follows(separator: bytes, length: bytes) -> None:
    assert b"\x019=330\x01" in ER
    wrong = ER.replace(b"9=330", length)
    assert found(dressed(wrong, separator) + b"\n" + dressed(NOS, separator)) == [wrong, NOS]
    if length == b"9=330":
        assert found(dressed(wrong + NOS, separator)) == [wrong, NOS]


@pytest.mark.parametrize("separator", SEPARATORS, ids=names)
def test_a_line_that_was_cut_ends_its_message(separator: bytes) -> None:
    for size in (12, 13, 100, len(ER) - 8, len(ER) - 4):
        text = dressed(ER[:size], separator) + b"\r\nother words\n" + dressed(NOS, separator)
        assert found(text) == [ER[:size], NOS]


@pytest.mark.parametrize("separator", SEPARATORS, ids=names)
def test_a_message_ends_where_the_next_one_begins(separator: bytes) -> None:
    assert found(dressed(ER[:101] + NOS, separator)) == [ER[:101], NOS]


@pytest.mark.parametrize(
    "trailer", [b"10=", b"10=1", b"10=1234", b"10=abc", b"10=\x01\x01", b"10=- -"]
)
def test_a_bad_checksum_ends_its_message(trailer: bytes) -> None:
    broken = ER[:-7] + trailer + SOH
    for separator in (SOH, b"|", b"^A"):
        assert found(dressed(broken, separator) + b"\n" + NOS)[-1] == NOS
        assert len(found(dressed(broken, separator) + b"\n" + NOS)) == 2


def test_a_damaged_begin_string_is_known_by_what_follows() -> None:
    for text in (b"8=FIX.4.4", b"8=FIXT.1.1", b"8=FX.4.4", b"8="):
        assert found(b"> " + ER.replace(b"8=FIX.4.4", text)) == [ER.replace(b"8=FIX.4.4", text)]
    assert found(b"58=FIX.4.4|35=5|") == found(b"8=cat|35=5|") == []
    assert found(b"8=FIX.4.4 is a version\n8=FIX.4.4") == []
    assert found(b"it is 8=FIX.4.4; 8=FIX.4.2;\nmay be sent") == []


@pytest.mark.parametrize("separator", SEPARATORS, ids=names)
@pytest.mark.parametrize(("old", "new"), [(b"9=330\x01", b""), (b"8=FIX.4.4", b"8=FX.4.4")])
def test_a_damaged_head_right_behind_a_message(separator: bytes, old: bytes, new: bytes) -> None:
    wrong = ER.replace(old, new)
    text = dressed(NOS + wrong + NOS, separator)
    assert found(text) == [NOS, wrong, NOS]
    assert [each.data for each in messages(bytes([byte]) for byte in text)] == [NOS, wrong, NOS]


def test_nothing_is_found_where_nothing_is() -> None:
    for text in (b"", b"\n", bytes(range(256)) * 1000, b"8=" * 100_000, b"\x01" * 100_000):
        assert found(text) == []


def test_a_message_without_end_is_cut_at_the_limit() -> None:
    endless = b"8=FIX.4.4\x0158=" + b"x" * 5000
    assert list(messages([endless], 1000)) == [Found(endless[:1000], 1, cut=True)]
    whole = b"8=FIX.4.4\x0158=" + b"x" * 980 + b"\x0110=123\x01"
    assert len(whole) == 1001
    assert list(messages([whole[:20] + whole[21:] + NOS], 1000)) == [
        Found(whole[:20] + whole[21:], 1),
        Found(NOS, 1),
    ]


def test_no_more_is_held_than_the_limit_and_a_piece() -> None:
    held = []

    search = Search(100_000)
    for _ in range(1000):
        list(search.feed(b"8=FIX.4.4\x019=900000000\x0158=" + b"x" * 10_000, last=False))
        held.append(len(search.held))
    assert max(held) < 120_000


# --- places and pieces ------------------------------------------------------------------------


def test_lines_are_counted() -> None:
    text = b"\n\nIN " + NOS + b"\n" + news(b"a\nb") + b"\n" + dressed(ER, b"|") + b"\n" + NOS
    assert [each.line for each in messages([text])] == [3, 4, 6, 7]
    assert [each.line for each in messages([bytes([byte]) for byte in text])] == [3, 4, 6, 7]


@pytest.mark.parametrize("separator", [SOH, b"|", b"^A", b"\\x01"])
def test_a_message_is_given_as_soon_as_its_line_is_there(separator: bytes) -> None:
    search = Search(MESSAGE_BYTES_MAX)
    for message in (ER, NOS, ER):
        given_now = list(search.feed(b"IN " + dressed(message, separator) + b"\n", last=False))
        assert [each.data for each in given_now] == [message]


FRAGMENTS = st.sampled_from(
    [
        b"8=FIX.4.4", b"8=", b"8", b"=", b"9=5", b"9=12", b"35=0", b"10=161", b"10=", b"1", b"58=a",
        b"95=3", b"96=a\x01b", b"\n", b"\r\n", b"\\x01", b"^A", b"^", b"|", b"\x01", b"<SOH>",
        b"\\", b"x", "\u2401".encode(), b"\xe2", b"8=FIX.4.4|9=5|35=0|10=161|", b"8=X\x019=",
        b";", b" | ", b"[SOH]", b"\\u0001", b"\\001", b"8=X\\0019=",
        b"8=FIX.4.4\\x019=5\\x0135=0\\x0110=161\\x01",
    ]
)  # fmt: skip
RUBBISH = st.lists(FRAGMENTS | st.binary(max_size=4), max_size=60).map(b"".join)


@given(RUBBISH, st.lists(st.integers(0, 300), max_size=10), st.sampled_from([20, 100, 10_000]))
def test_the_cut_into_pieces_makes_no_difference(
    text: bytes, cuts: list[int], bytes_max: int
) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    whole = list(messages([text], bytes_max))
    assert list(messages(pieces, bytes_max)) == whole
    assert list(messages((bytes([byte]) for byte in text), bytes_max)) == whole


@given(st.lists(st.sampled_from(corpus.ermix(32)), max_size=5), st.sampled_from(SEPARATORS))
def test_forms_are_equivalent(stream: list[bytes], separator: bytes) -> None:
    text = b"".join(b"00:00 IN: " + dressed(each, separator) + b"\n" for each in stream)
    assert found(text) == stream
