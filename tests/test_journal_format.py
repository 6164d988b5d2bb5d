"""The format as the document beside the code draws it, read by nothing but that document."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from fixengine.network.journal import Kind, record, ring
from fixengine.network.journal.place import ring_place
from fixengine.network.journal.ring import Ring
from fixengine.network.journal.writer import Drain
from test_crc32c import reference

WIDTHS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i64": "q"}
ROW = re.compile(r" +([0-9]+)  (\w+|) +(\S.*)")
PUT = b"three words here"


def drawn(document: str | None, title: str, order: str) -> list[tuple[int, struct.Struct | None]]:
    """The table under a title: (offset, how to read it, None for the data) for each row."""
    assert document is not None
    lines = document.split(f"offset  type  {title}", 1)[1].splitlines()[1:]
    rows = []
    for line in lines:
        found = ROW.fullmatch(line)
        if found is None:
            break
        offset, kind = int(found[1]), found[2]
        code = WIDTHS.get(kind, kind)
        rows.append((offset, struct.Struct(order + code) if kind else None))
    return rows


def read(rows: list[tuple[int, struct.Struct | None]], raw: bytes) -> list[int | bytes]:
    return [how.unpack_from(raw, offset)[0] for offset, how in rows if how is not None]


@pytest.fixture
def raw(tmp_path: Path) -> bytes:
    """A file of the second of two records."""
    tmp_path.chmod(0o700)
    one = Ring.create(ring_place(tmp_path, tmp_path), tmp_path, 7, 4096)
    one.wall_offset_ns = -5
    drain = Drain(one, tmp_path, 100)
    for now in (1_000, 2_000):
        assert one.append(Kind.LINK, now, 3, PUT + bytes(now // 1_000))
        drain.step()
    drain.close()
    one.close(remove=True)
    return (tmp_path / "journal-7-1.fxj").read_bytes()


def test_file_header_by_the_document(raw: bytes) -> None:
    rows = drawn(record.__doc__, "file header", "<")
    size = rows[-1][0] + 16
    assert read(rows, raw) == [
        b"FXJ\x02\r\n\x1a\n", size, reference(raw[16:size]), 7, 1, 56, -5, bytes(16),
    ]  # fmt: skip
    assert size == 64


def test_record_by_the_document(raw: bytes) -> None:
    rows = drawn(record.__doc__, "record", "<")
    at, how = rows[-1]
    assert (at, how) == (32, None)
    data = PUT + bytes(2)
    assert read(rows, raw[64:]) == [
        0x314A5846, reference(raw[72:]), len(data), 9, 3, 0, 2, 2_000,
    ]  # fmt: skip
    assert raw[64 + at :] == data + bytes(-len(data) % 8)
    assert (len(raw) - 64) % 8 == 0


def test_ring_header_by_the_document(tmp_path: Path) -> None:
    one = Ring.create(tmp_path / "ring", tmp_path, 7, 4096)
    one.append(Kind.TICK, 1, 0, b"")
    page = one.path.read_bytes()
    rows = drawn(ring.__doc__, "ring header", "@")
    found = read(rows, page)
    assert found[:4] == [ring.RING_MAGIC, 4096, 7, 32]
    start = rows[-1][0] + 4
    assert page[start : start + int(found[-1])] == bytes(tmp_path)
    one.close(remove=True)


def test_every_kind_is_in_the_document() -> None:
    document = record.__doc__ or ""
    described = document.split("Data by kind:", 1)[1]
    assert [kind.name for kind in Kind if kind.name not in described] == []
