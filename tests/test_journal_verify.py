"""Whether a journal is sound: each kind of damage is found, named and told from the others."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest
from fixengine import wire
from fixengine.network.journal import Kind, named
from fixengine.network.journal.reader import Record, entries
from fixengine.network.journal.record import FileHeader
from fixengine.network.journal.verify import Verdict, Verifier, as_json
from fixengine.network.journal.writer import file_name
from journal_story import EPOCH, Run, Told, answered, asked, cancelled, ids, start, tell

first, second = ids("maker", 1), ids("taker", 2)
cancel = ids("maker", 4)
GOOD: list[Told] = [
    start(),
    *asked(first),
    *asked(second),
    *answered(first, 1),
    *cancelled(first, cancel),
    *answered(first, 2, cancel),
    *answered(second, 1),
]


def verify(state: Path) -> Verdict:
    return Verifier(state).run(lambda done, total, records: None)


def wrong(state: Path) -> list[tuple[str, str, int]]:
    """What is wrong: (what, name of the file, offset)."""
    verdict = verify(state)
    assert verdict.problem_count == len(verdict.problems)
    return [(item.what, Path(item.path).name, item.offset) for item in verdict.problems]


def file(state: Path, number: int = 0) -> Path:
    return state / "journal" / file_name(EPOCH, number)


def offsets(path: Path) -> list[int]:
    """Where the records of a file begin."""
    found, at = [], 64
    for entry in entries(path):
        assert isinstance(entry, Record)
        found.append(at)
        at += (32 + len(entry.data) + 7) // 8 * 8
    return found


def test_sound(tmp_path: Path) -> None:
    tell(tmp_path, *GOOD)
    tell(tmp_path, start(EPOCH + 1, maker=3, taker=2), *answered(first, 3), epoch=EPOCH + 1)
    verdict = verify(tmp_path)
    assert (verdict.problems, verdict.torn) == ([], [])
    assert (verdict.sound, verdict.files, verdict.runs) == (True, 2, 2)
    assert (verdict.records, verdict.unchecked) == (len(GOOD) + 3, 0)
    told = json.loads(as_json(verdict))
    assert (told["sound"], told["problems"], told["records"]) == (True, [], len(GOOD) + 3)
    assert verify(file(tmp_path)).sound


def test_sound_over_many_files_and_a_ring_that_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path, file_bytes_max=400)
    run.tell(*GOOD)
    (tmp_path / "journal" / "ring").symlink_to(run.ring.path)
    for kind, data in answered(second, 2):
        run.ring.append(kind, 0, 1, data)
    verdict = verify(tmp_path)
    assert (verdict.problems, verdict.unchecked) == ([], 0)
    assert verdict.records == len(GOOD) + 2
    assert verdict.files > 4
    # What the ring goes on with is held against what was before it.
    for kind, data in answered(second, 4):
        run.ring.append(kind, 0, 1, data)
    assert [what for what, *_ in wrong(tmp_path)] == ["report"]
    run.end()


@pytest.mark.parametrize("at", [0, 5, 13, 24, 40])
def test_a_byte_that_changed_is_damage_at_its_record(tmp_path: Path, at: int) -> None:
    tell(tmp_path, *GOOD)
    path = file(tmp_path)
    offset, behind = offsets(path)[4:6]
    raw = bytearray(path.read_bytes())
    raw[offset + at] ^= 1
    path.write_bytes(raw)
    assert wrong(tmp_path) == [("damage", path.name, offset), ("missing", path.name, behind)]


def test_a_torn_tail_is_told_and_is_no_damage(tmp_path: Path) -> None:
    tell(tmp_path, *GOOD)
    path = file(tmp_path)
    end = offsets(path)[-1]
    os.truncate(path, path.stat().st_size - 1)
    verdict = verify(tmp_path)
    assert verdict.sound
    assert [(item.what, item.path, item.offset) for item in verdict.torn] == [
        ("torn", str(path), end)
    ]
    # A later run begins anew; what it goes on with is held against what is left.
    tell(tmp_path, start(EPOCH + 1, maker=3), *answered(first, 3), epoch=EPOCH + 1)
    assert verify(tmp_path).sound


def test_a_cut_file_that_another_one_follows_is_damage(tmp_path: Path) -> None:
    tell(tmp_path, *GOOD, file_bytes_max=400)
    path = file(tmp_path, 1)
    end = offsets(path)[-1]
    os.truncate(path, path.stat().st_size - 1)
    found = wrong(tmp_path)
    assert found[0] == ("damage", path.name, end)
    assert ("file", file(tmp_path, 2).name, 0) in found
    assert ("missing", file(tmp_path, 2).name, 64) in found
    assert not verify(tmp_path).torn


def test_a_file_that_is_gone_is_missed(tmp_path: Path) -> None:
    tell(tmp_path, *GOOD, file_bytes_max=400)
    file(tmp_path, 2).unlink()
    assert wrong(tmp_path)[0] == ("file", file(tmp_path, 3).name, 0)
    assert "file 3 of the run follows file 1" in verify(tmp_path).problems[0].text


def test_first_files_may_have_been_removed_by_age(tmp_path: Path) -> None:
    tell(tmp_path, *GOOD, file_bytes_max=400)
    file(tmp_path).unlink()
    file(tmp_path, 1).unlink()
    verdict = verify(tmp_path)
    assert verdict.sound
    assert verdict.unchecked > 0


def test_headers(tmp_path: Path) -> None:
    tell(tmp_path, *GOOD, file_bytes_max=400)
    raw = bytearray(file(tmp_path, 1).read_bytes())
    raw[17] ^= 1
    file(tmp_path, 1).write_bytes(raw)
    assert wrong(tmp_path)[0] == ("damage", file(tmp_path, 1).name, 0)
    header = FileHeader.unpack(bytes(file(tmp_path, 2).read_bytes()))
    raw[:64] = header._replace(number=1, base=header.base + 8).pack()
    file(tmp_path, 1).write_bytes(raw)
    assert wrong(tmp_path)[0] == ("file", file(tmp_path, 1).name, 0)
    raw[:64] = header._replace(number=9).pack()
    file(tmp_path, 1).write_bytes(raw)
    assert "its header says run 1700000000, file 9" in verify(tmp_path).problems[0].text


def test_a_new_file_whose_header_was_cut_off_is_torn(tmp_path: Path) -> None:
    tell(tmp_path, *GOOD)
    file(tmp_path, 1).write_bytes(b"FXJ")
    verdict = verify(tmp_path)
    assert verdict.sound
    assert [(item.what, item.path) for item in verdict.torn] == [("torn", str(file(tmp_path, 1)))]
    file(tmp_path, 1).write_bytes(b"FXJ" + bytes(100))
    assert wrong(tmp_path) == [("damage", file(tmp_path, 1).name, 0)]


def test_records_that_a_full_ring_refused_are_missed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.tell(start())
    run.refuse(3)
    run.tell(*answered(first, 7))
    run.end()
    verdict = verify(tmp_path)
    assert [(item.what, item.text) for item in verdict.problems] == [
        ("missing", "3 records from #2 on are not there")
    ]
    assert verdict.unchecked == 1


def test_sequence_that_goes_back(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.tell(start(), *asked(first))
    run.tell((Kind.TICK, b""))
    run.end()
    whole = bytearray(file(tmp_path, 0).read_bytes())
    last = memoryview(whole)[-32:]
    struct.pack_into("<Q", last, 16, 3)
    struct.pack_into("<I", last, 4, wire.crc32c(last[8:]))
    file(tmp_path, 0).write_bytes(whole)
    assert [(item.what, item.text) for item in verify(tmp_path).problems] == [
        ("order", "#3 comes after #4")
    ]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (asked(first)[2:], f"{first.wire} left without an intent"),
        ([*asked(first), asked(first)[2]], f"{first.wire} left without an intent"),
        (
            [*asked(first)[:2], (Kind.DROPPED, named(first.wire, b"")), asked(first)[2]],
            f"{first.wire} left without an intent",
        ),
        ([asked(first)[0], asked(first)[2], asked(first)[1]], "left without an intent"),
    ],
    ids=["none", "twice", "dropped", "after"],
)
def test_what_left_without_an_intent(tmp_path: Path, told: list[Told], text: str) -> None:
    tell(tmp_path, start(), *told)
    (problem,) = verify(tmp_path).problems
    assert problem.what == "intent"
    assert text in problem.text
    assert problem.offset in offsets(file(tmp_path))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (answered(first, 2), "report 2 of maker where 1 was due"),
        ([*answered(first, 1), *answered(first, 1)], "report 1 of maker where 2 was due"),
        ([*answered(first, 1), *answered(first, 3)], "report 3 of maker where 2 was due"),
        ([(Kind.DELIVERED, named("maker", b"\x91"))], "it holds no report"),
    ],
)
def test_report_numbers_rise_by_one(tmp_path: Path, told: list[Told], text: str) -> None:
    tell(tmp_path, start(), *told)
    (problem,) = verify(tmp_path).problems
    assert problem.what == "report"
    assert text in problem.text


def test_report_numbers_go_on_over_a_restart(tmp_path: Path) -> None:
    tell(tmp_path, *GOOD)
    # It begins with copies of what was not acknowledged.
    copies = [answered(first, 1)[1], answered(first, 2)[1], answered(second, 1)[1]]
    late = start(EPOCH + 1, maker=2, taker=2)
    tell(tmp_path, *copies, late, *answered(first, 2), epoch=EPOCH + 1)
    (problem,) = verify(tmp_path).problems
    assert problem.what == "report"
    assert "begins the reports of maker at 2 where 3 was due" in problem.text
