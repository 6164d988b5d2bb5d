"""Framer: any chunks of any bytes give the same messages or RemoteProtocolError, nothing else."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterable, Iterator

import pytest
from fixengine.wire import Framer, LocalProtocolError, RemoteProtocolError
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import corpus

HEARTBEAT = corpus.framed([*corpus.header("0", 1, "A", "B", "20260721-00:00:00"), (112, "x")])
ORDER = corpus.nos()


def read(chunks: Iterable[bytes], message_bytes_max: int = 1 << 20) -> list[bytes]:
    """The messages of a stream fed in these chunks."""
    framer = Framer(message_bytes_max)
    found = []
    for chunk in chunks:
        framer.feed(chunk)
        for message in framer:
            found.append(bytes(message))
            assert b"\x0135=%s\x01" % message.kind in found[-1][:60]
    return found


def outcome(chunks: Iterable[bytes], resync: bool) -> tuple[object, ...]:
    """Everything a stream led to: messages, counters and the error."""
    framer = Framer(4096, resync)
    found: list[bytes] = []
    error = None
    try:
        for chunk in chunks:
            framer.feed(chunk)
            for message in framer:
                found.append(bytes(message))  # one by one: an error must not lose the list
    except RemoteProtocolError as caught:
        error = (str(caught), caught.reason)
    return found, error, framer.garbled, framer.last_garbled, framer.skipped if resync else 0


def cut(stream: bytes, places: Iterable[int]) -> Iterator[bytes]:
    """The stream in pieces that end at these places."""
    start = 0
    for place in [*sorted(places), len(stream)]:
        yield stream[start:place]
        start = place


def broken_sum(message: bytes) -> bytes:
    """The message with a wrong CheckSum in its right place."""
    return message[:-4] + b"%03d\x01" % ((int(message[-4:-1]) + 1) % 256)


def lost(stream: bytes, message_bytes_max: int = 1 << 20) -> RemoteProtocolError:
    """The error with which framing of this stream is lost."""
    framer = Framer(message_bytes_max)
    framer.feed(stream)
    with pytest.raises(RemoteProtocolError) as caught:
        list(framer)
    assert caught.value.reason == "framing"
    return caught.value


# --- splits --------------------------------------------------------------------------------------


def forty() -> list[bytes]:
    """40 messages of several kinds."""
    return [*corpus.ermix(36), ORDER, HEARTBEAT, corpus.er(), ORDER]


def test_every_cut_of_a_stream_gives_the_same_messages() -> None:
    messages = forty()
    stream = b"".join(messages)
    for place in range(len(stream) + 1):
        framer = Framer()
        framer.feed(stream[:place])
        found = [bytes(message) for message in framer]
        framer.feed(stream[place:])
        found += [bytes(message) for message in framer]
        assert found == messages, f"cut at {place}"


def test_byte_by_byte_gives_the_same_messages() -> None:
    messages = forty()
    stream = b"".join(messages)
    assert read(stream[i : i + 1] for i in range(len(stream))) == messages


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_random_cuts_give_the_same_messages(data: st.DataObject) -> None:
    messages = forty()
    stream = b"".join(messages)
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=30))
    assert read(cut(stream, places)) == messages


@given(st.binary(max_size=200), st.integers(0, 2**32), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_bytes_in_any_chunks_end_the_same(noise: bytes, seed: int, resync: bool) -> None:
    chance = random.Random(seed)
    stream = bytearray(b"".join([ORDER, noise, HEARTBEAT, broken_sum(ORDER), HEARTBEAT, noise]))
    for _ in range(chance.randrange(3)):
        stream[chance.randrange(len(stream))] = chance.randrange(256)
    whole = bytes(stream)
    expected = outcome([whole], resync)
    assert outcome([whole[i : i + 1] for i in range(len(whole))], resync) == expected
    places = [chance.randrange(len(whole)) for _ in range(5)]
    assert outcome(cut(whole, places), resync) == expected


def test_through_the_lent_buffer_as_through_feed() -> None:
    messages = forty()
    stream = b"".join(messages)
    framer = Framer()
    found = []
    for at in range(0, len(stream), 1000):
        chunk = stream[at : at + 1000]
        room = framer.get_buffer(-1)
        room[: len(chunk)] = chunk
        framer.buffer_updated(len(chunk))
        found += [bytes(message) for message in framer]
    assert found == messages
    assert framer.pending == 0


# --- what a frame is -----------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [0, 3, 7, 20])
def test_body_length_may_have_zeros_in_front(digits: int) -> None:
    fields = [*corpus.header("0", 1, "A", "B", "20260721-00:00:00"), (112, "zero")]
    message = corpus.framed(fields, digits=digits)
    assert read([message, ORDER]) == [message, ORDER]


def test_frames_by_body_length_not_by_searching() -> None:
    text = (58, "8=FIX.4.4|9=5|10=000| says the text")
    inner = (96, b"\x018=FIX.4.4\x019=5\x0135=0\x0110=161\x01")
    message = corpus.framed([(35, "B"), text, (95, len(bytes(inner[1]))), inner])
    assert read([message + ORDER]) == [message, ORDER]


def test_other_begin_strings_and_a_change_of_it() -> None:
    stream = [corpus.framed([(35, "0")], name) for name in (b"FIX.4.2", b"FIXT.1.1", b"FIX.4.4")]
    assert read([b"".join(stream * 2)]) == stream * 2


def test_smallest_message() -> None:
    message = b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01"
    assert read([message]) == [message]


def test_wrong_sum_is_dropped_counted_and_kept_for_the_log() -> None:
    framer = Framer()
    assert framer.last_garbled is None
    bad = broken_sum(ORDER)
    framer.feed(ORDER + bad + HEARTBEAT + bad)
    assert [bytes(message) for message in framer] == [ORDER, HEARTBEAT]
    assert framer.garbled == 2
    assert framer.last_garbled == bad
    assert framer.pending == 0


@pytest.mark.parametrize(
    "garbage", [b"x", b"\x01", b"8=FIY", b"8=FIX.4.4\x0135", b"9=5\x01", b"8=FIX\x01"]
)
def test_garbage_is_seen_at_once(garbage: bytes) -> None:
    lost(garbage)
    lost(ORDER + garbage)


@pytest.mark.parametrize(
    "start",
    [
        b"8=FIX.4.4\x019=x",
        b"8=FIX.4.4\x019=-",
        b"8=FIX.4.4\x019=\x01",
        b"8=FIX.4.4\x019=1 ",
        b"8=FIX.4.4\x019=" + b"0" * 21,  # without end
        b"8=FIX.4.4\x019=1048577",  # more than message_bytes_max
        b"8=FIX.4.4\x019=4\x01",  # no room for 35
        b"8=FIX.4.4\x019=50\x0134",
        b"8=FIX.4.4\x019=50\x0135=\x01",
        b"8=FIX.4.4\x019=6\x0135=ABC",
        b"8=FIX.4.4\x019=500\x0135=" + b"A" * 17,
        b"8=FIX" + b"4" * 14,
        b"8=FIX8=",
        b"8=FIX.4.4\x02",
    ],
)
def test_lost_framing_is_seen_as_soon_as_the_bytes_prove_it(start: bytes) -> None:
    """Each case is the shortest proof: without its last byte there may still be a message."""
    for size in range(len(start)):
        assert read([start[:size]]) == []
    error = lost(start)
    assert "framing lost" in str(error)


@pytest.mark.parametrize("at", range(-8, 0))
def test_check_sum_must_stand_where_body_length_says(at: int) -> None:
    bad = bytearray(ORDER)
    bad[at] = ord("x")
    cut_off = len(bad) + at + 1
    lost(bytes(bad[:cut_off]))  # what follows is not needed to know
    if at != -1:
        framer = Framer()
        framer.feed(bytes(bad[: cut_off - 1]))
        assert list(framer) == []


@pytest.mark.parametrize("wrong", [-7, -1, 1, 7])
def test_body_length_that_misses(wrong: int) -> None:
    bad = ORDER.replace(b"9=114", b"9=%d" % (114 + wrong))
    assert bad != ORDER
    lost(bad + ORDER)


def test_message_bytes_max_counts_the_whole_message() -> None:
    assert read([ORDER], len(ORDER)) == [ORDER]
    lost(ORDER[:20], len(ORDER) - 1)


def test_lost_framing_stays_lost_and_keeps_nothing() -> None:
    framer = Framer()
    framer.feed(ORDER + b"junk" + ORDER)
    good = next(framer)
    for _ in range(3):
        with pytest.raises(RemoteProtocolError, match="framing lost"):
            next(framer)
    assert bytes(good) == ORDER
    assert good.get(35) == b"D"
    for _ in range(100):
        framer.feed(ORDER * 100)
        room = framer.get_buffer(1)
        framer.buffer_updated(len(room))
    assert framer.pending < 100
    with pytest.raises(RemoteProtocolError, match="framing lost"):
        next(framer)


def test_a_body_length_of_a_gigabyte_is_refused_at_once() -> None:
    framer = Framer()
    framer.feed(b"8=FIX.4.4\x019=1073741824\x0135=D\x01")
    with pytest.raises(RemoteProtocolError, match="BodyLength<9>"):
        next(framer)


# --- resynchronising -----------------------------------------------------------------------------


def resynced(stream: bytes) -> tuple[list[bytes], int]:
    """Messages and count of skipped bytes."""
    framer = Framer(4096, resync=True)
    framer.feed(stream)
    return [bytes(message) for message in framer], framer.skipped


def test_resync_goes_on_at_the_next_begin_string() -> None:
    assert resynced(b"junk" + ORDER + b"8=FI" + HEARTBEAT) == ([ORDER, HEARTBEAT], 8)


def test_resync_loses_no_good_message_behind_a_long_claim() -> None:
    claim = b"8=FIX.4.4\x019=400\x0135=D\x01"
    stream = claim + ORDER + HEARTBEAT + ORDER + ORDER
    assert resynced(stream) == ([ORDER, HEARTBEAT, ORDER, ORDER], len(claim))


def test_resync_through_many_false_starts() -> None:
    false_starts = b"8=FIX" * 2000
    assert resynced(false_starts + b"8" + ORDER) == ([ORDER], len(false_starts) + 1)


def test_resync_keeps_nothing_of_endless_junk() -> None:
    framer = Framer(4096, resync=True)
    for _ in range(50):
        framer.feed(b"\x00" * 100_000)
        assert list(framer) == []
        assert framer.pending == 0
    assert framer.skipped == 5_000_000


def test_a_message_that_ends_where_the_buffer_ends() -> None:
    """A vector loop must not see what lies behind: neither other memory nor older bytes."""
    framer = Framer()
    for spare in range(1, 70):
        room = framer.get_buffer(-1)
        room[:] = b"\x01=" * (len(room) // 2) + b"\x01" * (len(room) % 2)
        filler = corpus.framed([(35, "B"), (58, "x" * (len(room) - 300))])
        last = corpus.framed([(35, "B"), (55, "y" * spare), (58, "z" * 100)])
        missing = len(room) - len(filler) - len(last)
        filler = corpus.framed([(35, "B"), (58, "x" * (len(room) - 300 + missing))])
        assert len(filler) + len(last) == len(room)
        room[:] = filler + last
        framer.buffer_updated(len(room))
        found = list(framer)
        assert [bytes(message) for message in found] == [filler, last]
        assert corpus.joined(found[1].fields()) == last


def test_a_shorter_message_over_the_bytes_of_a_longer_one() -> None:
    framer = Framer()
    for raw in (corpus.er(), ORDER, HEARTBEAT, corpus.er()):
        framer.feed(raw)
        assert corpus.joined(next(framer).fields()) == raw


# --- life of a message ---------------------------------------------------------------------------


def test_messages_are_objects_of_their_own_and_stay_until_the_next_feed() -> None:
    framer = Framer()
    framer.feed(ORDER + HEARTBEAT)
    first = next(framer)
    second = next(framer)
    assert first is not second
    with pytest.raises(StopIteration):
        next(framer)
    assert (first.kind, second.kind) == (b"D", b"0")
    framer.feed(ORDER)
    third = next(framer)
    for stale in (first, second):
        with pytest.raises(LocalProtocolError, match="feed or get_buffer"):
            bytes(stale)
    assert bytes(third) == ORDER


def test_get_buffer_ends_the_life_of_messages_too() -> None:
    framer = Framer()
    framer.feed(ORDER)
    message = next(framer)
    framer.get_buffer(0)
    with pytest.raises(LocalProtocolError, match="feed or get_buffer"):
        message.get(35)


def test_messages_outlive_their_framer() -> None:
    framer = Framer()
    framer.feed(ORDER)
    message = next(framer)
    del framer
    gc.collect()
    assert bytes(message) == ORDER


def test_lent_memory_stays_valid_when_the_framer_grows_or_dies() -> None:
    framer = Framer()
    rooms = []
    for _ in range(4):
        rooms.append(framer.get_buffer(0))
        framer.feed(ORDER * 5000)
        assert len(list(framer)) == 5000
    last = framer.get_buffer(1 << 20)
    assert len(last) >= 1 << 20
    del framer
    gc.collect()
    for room in [*rooms, last]:
        room[:] = bytes(len(room))
        assert room[-1] == 0


# --- bounds and misuse ---------------------------------------------------------------------------


@pytest.mark.parametrize("hint", [-1, 0, 1, 65_536, 65_537, 1 << 20])
def test_lends_plenty_of_room(hint: int) -> None:
    framer = Framer()
    framer.feed(ORDER[:50])
    room = framer.get_buffer(hint)
    assert len(room) >= max(hint, 65_536)
    assert not room.readonly


def test_a_message_larger_than_the_first_buffer() -> None:
    message = corpus.framed([(35, "B"), (58, "x" * 1_000_000)])
    assert read([message]) == [message]
    for stream in ([message], [ORDER, message, HEARTBEAT], [HEARTBEAT, message, message, ORDER]):
        raw = b"".join(stream)
        for size in (65_536, 100_000, 250_000):
            assert read(raw[i : i + size] for i in range(0, len(raw), size)) == stream
    lost(message, 1_000_000)


def test_feed_takes_any_bytes_like_object_and_any_size() -> None:
    stream = ORDER * 20_000
    assert len(read([stream])) == 20_000
    for data in (bytearray(ORDER), memoryview(ORDER)):
        framer = Framer()
        framer.feed(data)
        assert bytes(next(framer)) == ORDER
    with pytest.raises(TypeError):
        Framer().feed("text")


def test_feeding_what_was_lent_is_safe() -> None:
    framer = Framer()
    room = framer.get_buffer(0)
    room[: len(ORDER)] = ORDER
    framer.feed(room[: len(ORDER)])
    assert bytes(next(framer)) == ORDER


def test_feeding_without_iterating_is_bounded() -> None:
    framer = Framer(4096)

    def feed_on() -> None:
        for _ in range(1000):
            framer.feed(ORDER)

    with pytest.raises(LocalProtocolError, match="iterate"):
        feed_on()
    found = len(list(framer))
    assert found * len(ORDER) < 4096 + 2 * 65_536
    framer.feed(ORDER)
    assert len(list(framer)) == 1


def test_buffer_updated_must_fit_what_was_lent() -> None:
    framer = Framer()
    with pytest.raises(LocalProtocolError, match="get_buffer"):
        framer.buffer_updated(1)
    room = framer.get_buffer(0)
    with pytest.raises(LocalProtocolError, match="lent"):
        framer.buffer_updated(len(room) + 1)
    with pytest.raises(LocalProtocolError, match="lent"):
        framer.buffer_updated(-1)
    room[:5] = b"8=FIX"
    framer.buffer_updated(5)
    with pytest.raises(LocalProtocolError, match="lent"):
        framer.buffer_updated(1)
    assert framer.pending == 5


@pytest.mark.parametrize("size", [63, -1, (1 << 30) + 1])
def test_message_bytes_max_has_bounds(size: int) -> None:
    with pytest.raises(LocalProtocolError, match="message_bytes_max"):
        Framer(size)


def test_an_absurd_hint_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="hint"):
        Framer().get_buffer(1 << 40)
