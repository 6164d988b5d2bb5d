"""The ring in shared memory, without any disk behind it."""

from __future__ import annotations

import os
import struct
import tempfile
from pathlib import Path

import pytest
from fixengine import wire
from fixengine.network.journal.record import JournalError, named
from fixengine.network.journal.ring import PAGE_BYTES, Ring
from hypothesis import given, settings
from hypothesis import strategies as st
from test_crc32c import reference


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "test.ring"


def make(place: Path, ring_bytes: int = 4096) -> Ring:
    return Ring.create(place, place.parent, 7, ring_bytes)


def stream(ring: Ring) -> bytes:
    parts = ring.parts(ring.on_disk, ring.appended)
    data = b"".join(parts)
    for part in parts:
        part.release()
    return data


def test_record_byte_for_byte(place: Path) -> None:
    ring = make(place)
    assert ring.append(4, -2, 200, b"8=FIX")
    rest = bytes.fromhex("05000000 04 c8 0000 0100000000000000 feffffffffffffff") + b"8=FIX\0\0\0"
    assert stream(ring) == b"FXJ1" + reference(rest).to_bytes(4, "little") + rest
    ring.close(remove=True)


def test_a_ring_whose_file_is_gone_is_closed_all_the_same(place: Path) -> None:
    ring = make(place)
    place.unlink()
    ring.close(remove=True)
    make(place).close(remove=True)


def test_full_ring_refuses_then_resumes(place: Path) -> None:
    ring = make(place)
    count = 0
    while ring.append(5, count, 1, bytes(96)):
        count += 1
    assert count == 4096 // 128
    assert (ring.refused, ring.free_bytes, ring.appended) == (1, 0, 4096)
    before = stream(ring)
    assert not ring.append(5, 0, 1, b"")
    assert stream(ring) == before
    ring.on_disk = 128
    assert ring.append(5, 0, 1, bytes(96))
    assert not ring.append(5, 0, 1, b"")
    # The three refused ones have used up their numbers.
    assert ring.sequence == count + 1 + 3
    ring.close(remove=True)


def test_room_is_what_is_free_while_the_disk_is_well(place: Path) -> None:
    ring = make(place)
    assert ring.has_room(4096)
    assert not ring.has_room(4097)
    ring.append(5, 0, 1, bytes(96))
    assert (ring.free_bytes, ring.has_room(3968), ring.has_room(3969)) == (3968, True, False)
    ring.on_disk = 128
    assert ring.has_room(4096)
    ring.error_number = 28
    assert not ring.has_room(0)
    ring.error_number = 0
    assert ring.has_room(0)
    ring.close_for_appending()
    assert not ring.has_room(0)
    ring.close(remove=True)


def test_record_larger_than_the_ring_is_refused(place: Path) -> None:
    ring = make(place)
    assert not ring.append(5, 0, 1, bytes(4096))
    assert ring.append(5, 0, 1, bytes(4096 - 32))
    ring.close(remove=True)


@pytest.mark.parametrize(
    ("kind", "now", "line", "data"),
    [(256, 0, 0, b""), (1, 1 << 63, 0, b""), (1, 0, -1, b""), (1, 0, 0, "text")],
)
def test_wrong_argument_leaves_the_ring_as_it_was(
    place: Path, kind: int, now: int, line: int, data: bytes
) -> None:
    ring = make(place)
    with pytest.raises((OverflowError, TypeError)):
        ring.append(kind, now, line, data)
    assert (ring.appended, ring.sequence) == (0, 0)
    ring.close(remove=True)


@given(
    st.text(max_size=200) | st.text("\ud800a", max_size=40) | st.binary(max_size=200), st.binary()
)
def test_named_data_is_a_length_a_name_and_the_payload(name: str | bytes, payload: bytes) -> None:
    raw = name if isinstance(name, bytes) else name.encode(errors="backslashreplace")
    raw = raw[:127]
    assert named(name, payload) == bytes((len(raw),)) + raw + payload


def test_a_name_is_text_or_bytes() -> None:
    with pytest.raises(TypeError, match="a name is str or bytes, not int"):
        named(7, b"")  # type: ignore[arg-type]


def test_a_ring_that_is_none_is_refused() -> None:
    """Its size, and its marks: in front of it, and aligned."""
    for memory, first, appended, on_disk, error in (
        (bytearray(100), 64, 0, 8, 16),
        (bytearray(64), 64, 0, 8, 16),
        (bytearray(128), 64, 4, 8, 16),
        (bytearray(128), 64, 0, 64, 16),
        (bytearray(128), 64, -8, 8, 16),
        (bytearray(128), 64, 0, 8, 17),
    ):
        with pytest.raises(wire.LocalProtocolError, match="Appender: "):
            wire.Appender(memory, first, appended, on_disk, error)


def test_file_is_private_and_named(place: Path) -> None:
    ring = make(place)
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.stat().st_size == PAGE_BYTES + 4096
    assert ring.directory == os.path.realpath(place.parent)
    ring.close(remove=True)
    assert not place.exists()


def test_attached_ring_holds_what_was_appended(place: Path) -> None:
    ring = make(place)
    ring.wall_offset_ns = -5
    ring.append(5, 1, 1, b"one")
    ring.append(5, 2, 1, b"two")
    expected = stream(ring)
    ring.close(remove=False)
    again = Ring.attach(place)
    assert again is not None
    assert stream(again) == expected
    assert (again.epoch, again.wall_offset_ns) == (7, -5)
    assert again.directory == os.path.realpath(place.parent)
    assert not again.append(5, 3, 1, b"three")
    again.close(remove=True)


def test_ring_in_use_is_refused(place: Path) -> None:
    ring = make(place)
    with pytest.raises(JournalError, match="in use by another process"):
        Ring.attach(place)
    ring.close(remove=True)


def test_unfinished_ring_is_no_ring(place: Path) -> None:
    for content in (b"", bytes(10), bytes(PAGE_BYTES + 4096)):
        place.write_bytes(content)
        assert Ring.attach(place) is None


@pytest.mark.parametrize(
    ("mark", "value"),
    [(0, 1), (1, 5000), (1, 8192), (3, 4097), (4, 4096), (5, 128)],
    ids=["magic", "no power", "size", "appended", "written", "on disk"],
)
def test_damaged_ring_is_refused_by_name(place: Path, mark: int, value: int) -> None:
    make(place).close(remove=False)
    with place.open("r+b") as file:
        file.seek(mark * 8)
        file.write(value.to_bytes(8, "little"))
    with pytest.raises(JournalError, match=r"test\.ring: the ring is damaged"):
        Ring.attach(place)
    # Nothing stays locked after the refusal.
    place.write_bytes(b"")
    assert Ring.attach(place) is None


def test_foreign_file_and_link_are_refused(place: Path) -> None:
    place.write_bytes(bytes(PAGE_BYTES))
    os.chown(place, 12345, 12345) if os.geteuid() == 0 else pytest.skip("needs root for chown")
    with pytest.raises(JournalError, match="not a file of this user"):
        Ring.attach(place)
    link = place.with_suffix(".link")
    link.symlink_to(place)
    with pytest.raises(JournalError, match="cannot be opened"):
        Ring.attach(link)


def test_existing_file_is_not_overwritten(place: Path) -> None:
    place.write_bytes(b"precious")
    with pytest.raises(JournalError, match="File exists"):
        make(place)
    assert place.read_bytes() == b"precious"


@pytest.mark.parametrize("ring_bytes", [0, 2048, 5000])
def test_size_is_checked(place: Path, ring_bytes: int) -> None:
    with pytest.raises(JournalError, match="expected a power of two"):
        make(place, ring_bytes)


@pytest.mark.parametrize("before", range(8, 136, 8))
def test_record_wraps_at_every_place(place: Path, before: int) -> None:
    """before: bytes of the record that stand before the end of the ring."""
    ring = make(place)
    assert ring.append(5, 0, 0, bytes(4096 - before - 32))
    ring.on_disk = ring.appended
    assert ring.append(5, 1, 1, b"\xa5" * 104)
    record = stream(ring)
    assert record[:4] == b"FXJ1"
    assert record[4:8] == reference(record[8:]).to_bytes(4, "little")
    assert record[32:] == b"\xa5" * 104
    ring.close(remove=True)


records = st.tuples(
    st.integers(0, 255),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(0, 255),
    st.binary(max_size=5000),
)


@settings(max_examples=60, deadline=None)
@given(st.integers(3900, 4064), st.lists(st.tuples(records, st.booleans()), max_size=60))
def test_random_records_through_a_ring_that_wraps(
    start: int, steps: list[tuple[tuple[int, int, int, bytes], bool]]
) -> None:
    """The stream is what was accepted, in order, wherever it wraps and whenever it is drained."""
    with tempfile.TemporaryDirectory() as directory:
        ring = make(Path(directory) / "ring")
        assert ring.append(0, 0, 0, bytes(start))
        ring.on_disk = ring.appended
        out = b""
        expected = b""
        for number, ((kind, now, line, data), drain) in enumerate(steps, 2):
            count = (32 + len(data) + 7) // 8 * 8
            fits = count <= ring.free_bytes
            assert ring.append(kind, now, line, data) == fits
            if fits:
                rest = struct.pack("<IBBHQq", len(data), kind, line, 0, number, now) + data
                rest += bytes(count - 8 - len(rest))
                expected += b"FXJ1" + reference(rest).to_bytes(4, "little") + rest
            if drain:
                out += stream(ring)
                ring.on_disk = ring.appended
        out += stream(ring)
        assert out == expected
        ring.close(remove=True)
