"""Reading the journal: damage is found, named, and survived."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixengine.network.journal import (
    Damage,
    JournalError,
    Kind,
    Missing,
    Record,
    entries,
    read,
    scan,
)
from fixengine.network.journal.place import ring_place
from fixengine.network.journal.reader import WINDOW_BYTES
from fixengine.network.journal.record import WALL_OFFSET
from fixengine.network.journal.ring import Ring
from fixengine.network.journal.writer import Drain

SIZES = (0, 1, 8, 100, 33)
OFFSETS = (64, 96, 136, 176, 312, 384)
"""Where the records of these sizes begin, and the end of the file."""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    path.mkdir(mode=0o700)
    return path


def fill(directory: Path, sizes: tuple[int, ...] = SIZES, epoch: int = 7) -> Path:
    """A journal file with records of these sizes, now_ns counting from 0; and no ring."""
    ring = Ring.create(ring_place(directory, directory), directory, epoch, 1 << 22)
    ring.wall_offset_ns = 1000
    drain = Drain(ring, directory, 1 << 30)
    for number, size in enumerate(sizes):
        assert ring.append(Kind.FRAME_IN, number, 1, bytes([number + 1]) * size)
    drain.step()
    drain.close()
    ring.close(remove=True)
    return directory / f"journal-{epoch}.fxj"


def test_read(directory: Path) -> None:
    path = fill(directory)
    assert list(read(path)) == [
        Record(7, number + 1, 5, 1, 0, number, number + 1000, bytes([number + 1]) * size)
        for number, size in enumerate(SIZES)
    ]
    assert path.stat().st_size == OFFSETS[-1]


def test_large_records_beyond_the_window(directory: Path) -> None:
    sizes = (WINDOW_BYTES - 100, 5, WINDOW_BYTES + 7, 70)
    assert [len(record.data) for record in read(fill(directory, sizes))] == list(sizes)


@pytest.mark.parametrize("cut", range(OFFSETS[3] + 1, OFFSETS[4]))
def test_torn_tail_at_every_byte_is_reported_and_not_fatal(directory: Path, cut: int) -> None:
    path = fill(directory)
    with path.open("r+b") as file:
        file.truncate(cut)
    torn: list[Damage] = []
    assert [record.now_ns for record in read(path, torn.append)] == [0, 1, 2]
    assert [(item.path, item.offset, item.last) for item in torn] == [(str(path), 176, True)]
    assert f"the record is cut off: {cut - 176} of " in torn[0].reason
    assert list(scan(path))[3:] == torn


def test_zeros_behind_the_last_record_are_a_torn_tail(directory: Path) -> None:
    path = fill(directory)
    with path.open("ab") as file:
        file.write(bytes(5000))
    assert list(scan(path))[5:] == [Damage(str(path), 384, 5000, "no record begins here", True)]


@pytest.mark.parametrize("bit", range(0, (OFFSETS[4] - OFFSETS[3]) * 8, 5))
def test_every_flipped_bit_is_detected_and_named(directory: Path, bit: int) -> None:
    path = fill(directory)
    raw = bytearray(path.read_bytes())
    raw[OFFSETS[3] + bit // 8] ^= 1 << bit % 8
    path.write_bytes(raw)
    found = list(scan(path))
    assert [entry.now_ns for entry in found if isinstance(entry, Record)] == [0, 1, 2, 4]
    damage = [entry for entry in found if isinstance(entry, Damage)]
    assert [(item.offset, item.byte_count, item.last) for item in damage] == [(176, 136, False)]
    with pytest.raises(JournalError, match=rf"{path} at offset 176: (the|no) record") as caught:
        list(read(path))
    assert caught.value.offset == 176


def test_absurd_length_is_not_read(directory: Path) -> None:
    path = fill(directory)
    raw = bytearray(path.read_bytes())
    raw[OFFSETS[3] + 8 : OFFSETS[3] + 12] = b"\xff\xff\xff\x7f"
    path.write_bytes(raw)
    damage = [entry for entry in scan(path) if isinstance(entry, Damage)]
    assert [item.reason for item in damage] == ["the record gives its length as 2147483647 bytes"]


def test_hole_in_the_sequence_is_counted(directory: Path) -> None:
    ring = Ring.create(ring_place(directory, directory), directory, 7, 4096)
    drain = Drain(ring, directory, 1 << 30)
    assert ring.append(Kind.FRAME_IN, 1, 1, bytes(4000))
    assert not ring.append(Kind.FRAME_IN, 2, 1, bytes(4000))
    assert not ring.append(Kind.FRAME_IN, 3, 1, bytes(4000))
    drain.step()
    assert ring.append(Kind.TICK, 4, 0, b"")
    drain.step()
    drain.close()
    ring.close(remove=True)
    found = list(scan(directory / "journal-7.fxj"))
    assert [type(entry) for entry in found] == [Record, Missing, Record]
    assert found[1] == Missing(7, 2, 2)
    assert [record.now_ns for record in read(directory / "journal-7.fxj")] == [1, 4]


def test_unknown_kinds_stay_readable(directory: Path) -> None:
    ring = Ring.create(ring_place(directory, directory), directory, 7, 4096)
    assert ring.append(250, 1, 2, b"later")
    ring.close(remove=False)
    (directory / "ring").symlink_to(ring_place(directory, directory))
    assert list(entries(directory)) == [Record(7, 1, 250, 2, 0, 1, 1, b"later")]


def test_clock_record_moves_the_wall_time_of_what_follows(directory: Path) -> None:
    ring = Ring.create(ring_place(directory, directory), directory, 7, 4096)
    drain = Drain(ring, directory, 1 << 30)
    assert ring.append(Kind.TICK, 1, 0, b"")
    assert ring.append(Kind.CLOCK, 2, 0, WALL_OFFSET.pack(-500))
    assert ring.append(Kind.TICK, 3, 0, b"")
    drain.step()
    drain.close()
    ring.close(remove=True)
    walls = [record.wall_ns for record in read(directory / "journal-7.fxj")]
    assert walls == [1, 2 - 500, 3 - 500]


def test_entries_of_a_state_directory_run_by_run_and_the_ring_last(directory: Path) -> None:
    fill(directory, (1, 2), epoch=9)
    fill(directory, (3,), epoch=10)
    ring = Ring.create(ring_place(directory, directory), directory, 11, 4096)
    (directory / "ring").symlink_to(ring.path)
    for number in range(3):
        ring.append(Kind.TICK, number, 0, b"")
    for path in (directory, directory.parent):
        found = [entry for entry in entries(path) if isinstance(entry, Record)]
        assert [(record.epoch, record.sequence) for record in found] == [
            (9, 1),
            (9, 2),
            (10, 1),
            (11, 1),
            (11, 2),
            (11, 3),
        ]
    assert len(list(entries(directory / "journal-10.fxj"))) == 1
    # Written but not marked yet: in the file and in the ring, shown once.
    drain = Drain(ring, directory, 1 << 30)
    drain.step()
    drain.close()
    ring.on_disk = 32
    found = [entry for entry in entries(directory) if isinstance(entry, Record)]
    assert [record.sequence for record in found if record.epoch == 11] == [1, 2, 3]
    ring.close(remove=True)
    assert len(list(entries(directory))) == 6


def test_what_is_being_written_is_no_damage(directory: Path) -> None:
    ring = Ring.create(ring_place(directory, directory), directory, 7, 4096)
    (directory / "ring").symlink_to(ring.path)
    drain = Drain(ring, directory, 1 << 30)
    ring.append(Kind.TICK, 0, 0, b"")
    drain.step()
    ring.append(Kind.TICK, 1, 0, bytes(100))
    drain.step()
    drain.close()
    # As if the last write had come half way, and its mark nowhere.
    ring.on_disk = 32
    with (directory / "journal-7.fxj").open("r+b") as file:
        file.truncate(64 + 32 + 50)
    found = [entry.sequence for entry in entries(directory) if isinstance(entry, Record)]
    assert found == [1, 2]
    assert len(list(entries(directory))) == 2
    ring.close(remove=True)


def test_ring_that_wraps_is_read_in_order(directory: Path) -> None:
    ring = Ring.create(ring_place(directory, directory), directory, 7, 4096)
    (directory / "ring").symlink_to(ring.path)
    drain = Drain(ring, directory, 1 << 30)
    for number in range(30):
        assert ring.append(Kind.TICK, number, 0, bytes(180))
        if number < 15:
            drain.step()
    drain.close()
    assert [entry.now_ns for entry in entries(directory) if isinstance(entry, Record)] == list(
        range(30)
    )
    ring.close(remove=True)


def test_bad_files_are_named(directory: Path) -> None:
    with pytest.raises(JournalError, match="no journal here"):
        list(entries(directory))
    missing = directory / "journal-1.fxj"
    with pytest.raises(JournalError, match=r"journal-1\.fxj: cannot be read: No such file"):
        list(read(missing))
    missing.write_bytes(b"\x7fELF" + bytes(100))
    with pytest.raises(JournalError, match=r"journal-1\.fxj at offset 0: not a journal file"):
        list(scan(missing))
    # Among others it is reported, and the others are read.
    fill(directory)
    found = list(entries(directory))
    assert found[0] == Damage(str(missing), 0, 64, "not a journal file", True)
    assert len(found) == 6
    (directory / "ring").write_bytes(b"x" * 8192)
    with pytest.raises(JournalError, match="ring is damaged"):
        list(entries(directory))
