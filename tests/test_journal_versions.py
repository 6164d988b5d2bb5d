"""What an engine before version 2 of the format left: files and rings with CRC-32 for CRC32C."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from fixengine.network.journal import Damage, Kind, Record, entries
from fixengine.network.journal.place import link_ring, ring_place
from fixengine.network.journal.record import FILE_HEADER_BYTES, FileHeader
from fixengine.network.journal.ring import PAGE_BYTES, Ring
from fixengine.network.journal.verify import Verifier
from fixengine.network.journal.writer import Drain, recover

DATA = [bytes(range(count)) for count in (0, 1, 8, 100)]


def aged_records(data: bytes) -> bytes:
    """Records as version 1 has them."""
    raw, at = bytearray(data), 0
    while at < len(raw):
        end = at + (32 + int.from_bytes(raw[at + 8 : at + 12], "little") + 7 & -8)
        raw[at + 4 : at + 8] = struct.pack("<I", zlib.crc32(raw[at + 8 : end]))
        at = end
    return bytes(raw)


def aged_file(path: Path) -> None:
    raw = path.read_bytes()
    head = bytearray(raw[:FILE_HEADER_BYTES])
    head[3] = 1
    head[12:16] = struct.pack("<I", zlib.crc32(head[16:]))
    path.write_bytes(bytes(head) + aged_records(raw[FILE_HEADER_BYTES:]))


def aged_ring(ring: Ring) -> None:
    raw = bytearray(ring.path.read_bytes())
    raw[:8] = b"fxjring2"
    end = PAGE_BYTES + ring.appended
    raw[PAGE_BYTES:end] = aged_records(bytes(raw[PAGE_BYTES:end]))
    ring.path.write_bytes(bytes(raw))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "journal"
    directory.mkdir(mode=0o700)
    return directory


def ring_of(directory: Path, epoch: int) -> Ring:
    ring = Ring.create(ring_place(directory, directory.parent), directory, epoch, 4096)
    link_ring(directory, ring.path)
    return ring


def drained(directory: Path, epoch: int) -> Path:
    """A file of a run."""
    ring = ring_of(directory, epoch)
    drain = Drain(ring, directory, 1 << 20)
    for number, data in enumerate(DATA):
        assert ring.append(Kind.SOURCE, number, 0, data)
    drain.step()
    drain.close()
    ring.close(remove=True)
    (directory / "ring").unlink()
    return directory / f"journal-{epoch}.fxj"


def test_a_file_of_version_1_is_read_as_ever(directory: Path) -> None:
    path = drained(directory, 6)
    now = path.read_bytes()
    aged_file(path)
    assert path.read_bytes() != now
    drained(directory, 7)
    found = [(one.epoch, one.data) for one in entries(directory) if isinstance(one, Record)]
    assert found == [(epoch, data) for epoch in (6, 7) for data in DATA]
    verdict = Verifier(directory.parent).run(lambda done, total, records: None)
    assert (verdict.problems, verdict.torn) == ([], [])


def test_a_damaged_record_of_version_1_is_found(directory: Path) -> None:
    path = drained(directory, 6)
    aged_file(path)
    raw = bytearray(path.read_bytes())
    raw[-60] ^= 1
    path.write_bytes(bytes(raw))
    assert any(isinstance(one, Damage) and one.last for one in entries(path))


@pytest.mark.parametrize("written", [0, 2, 4])
def test_a_run_of_version_1_is_brought_to_its_end_in_it(directory: Path, written: int) -> None:
    ring = ring_of(directory, 6)
    drain = Drain(ring, directory, 1 << 20)
    for number, data in enumerate(DATA):
        assert ring.append(Kind.SOURCE, number, 0, data)
        if number < written:
            drain.step()
    drain.close()
    aged_ring(ring)
    path = directory / "journal-6.fxj"
    if written:
        aged_file(path)
    ring.close(remove=False)
    before = [one.data for one in entries(directory) if isinstance(one, Record)]
    assert before == DATA, "and it is read from the ring"
    assert recover(directory, directory.parent, 1 << 20) is not None
    assert FileHeader.unpack(path.read_bytes()).version == 1
    assert [one.data for one in entries(directory) if isinstance(one, Record)] == DATA
    assert len(list(entries(directory))) == len(DATA)
