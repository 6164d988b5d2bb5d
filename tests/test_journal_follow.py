"""Following a journal as it grows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fixengine.network.journal import Damage, JournalError, Kind, Missing, Record
from fixengine.network.journal.follow import Follower, follow
from journal_story import EPOCH, Run, answered, asked, ids, tell

first = ids("maker", 1)
STORY = [*asked(first), *answered(first, 1)]


def more(follower: Follower) -> list[int]:
    found = list(follower.more())
    assert [entry for entry in found if not isinstance(entry, Record)] == []
    return [entry.sequence for entry in found if isinstance(entry, Record)]


def test_over_files_and_runs(tmp_path: Path) -> None:
    run = Run(tmp_path, file_bytes_max=400)
    run.tell(*STORY[:2])
    follower = Follower(tmp_path, newest=False)
    assert more(follower) == [1, 2]
    assert more(follower) == []
    run.tell(*STORY[2:], *STORY, *STORY)
    assert len(os.listdir(tmp_path / "journal")) > 3
    assert more(follower) == list(range(3, 16))
    run.end()
    second = Run(tmp_path, EPOCH + 1, file_bytes_max=400)
    assert more(follower) == []
    second.tell(*STORY)
    assert more(follower) == [1, 2, 3, 4, 5]
    second.end()
    follower.close()


def test_from_the_newest_file_on(tmp_path: Path) -> None:
    run = Run(tmp_path, file_bytes_max=100)
    run.tell(*STORY)
    follower = Follower(tmp_path, newest=True)
    assert more(follower) == [5]
    run.tell(*STORY)
    assert more(follower) == [6, 7, 8, 9, 10]
    run.end()
    follower.close()


def test_unfinished_bytes_at_the_end_wait(tmp_path: Path) -> None:
    tell(tmp_path, *STORY)
    path = tmp_path / "journal" / f"journal-{EPOCH}.fxj"
    whole = path.read_bytes()
    follower = Follower(tmp_path, newest=False)
    found = []
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        found += more(follower)
    assert found == [1, 2, 3, 4, 5]
    # Zeros that a file system may show before the bytes, and then the bytes.
    path.write_bytes(whole + bytes(64))
    assert more(follower) == []
    path.write_bytes(whole + whole[64:])
    assert more(follower) == [1, 2, 3, 4, 5]
    follower.close()


def test_an_end_that_another_file_follows_is_damage(tmp_path: Path) -> None:
    tell(tmp_path, *STORY)
    path = tmp_path / "journal" / f"journal-{EPOCH}.fxj"
    size = path.stat().st_size
    os.truncate(path, size - 8)
    follower = Follower(tmp_path, newest=False)
    assert more(follower) == [1, 2, 3, 4]
    (path.parent / f"journal-{EPOCH}-1.fxj").write_bytes(b"x" * 100)
    tell(tmp_path, *STORY, epoch=EPOCH + 1)
    found = list(follower.more())
    assert [type(entry) for entry in found] == [Damage, Damage, *[Record] * 5]
    torn, header = found[:2]
    assert isinstance(torn, Damage) and isinstance(header, Damage)
    assert (torn.path, torn.last) == (str(path), True)
    assert (header.path, header.offset) == (f"{path.parent}/journal-{EPOCH}-1.fxj", 0)
    follower.close()


def test_a_hole_between_two_files_is_told(tmp_path: Path) -> None:
    run = Run(tmp_path, file_bytes_max=100)
    run.tell(*STORY)
    follower = Follower(tmp_path, newest=False)
    assert more(follower) == [1, 2, 3, 4, 5]
    run.refuse(2)
    run.tell((Kind.TICK, b""))
    assert next(follower.more()) == Missing(EPOCH, 6, 2)
    run.end()
    follower.close()


def test_files_that_were_removed_meanwhile_are_passed_over(tmp_path: Path) -> None:
    run = Run(tmp_path, file_bytes_max=100)
    run.tell(*STORY[:1])
    follower = Follower(tmp_path, newest=False)
    assert more(follower) == [1]
    run.tell(*STORY[1:])
    for number in (0, 1, 2):
        (tmp_path / "journal" / f"journal-{EPOCH}{f'-{number}' if number else ''}.fxj").unlink()
    found = list(follower.more())
    assert found[0] == Missing(EPOCH, 2, 2)
    assert [entry.sequence for entry in found[1:] if isinstance(entry, Record)] == [4, 5]
    run.end()
    follower.close()


def test_one_file(tmp_path: Path) -> None:
    run = Run(tmp_path, file_bytes_max=250)
    run.tell(*STORY[:1])
    path = tmp_path / "journal" / f"journal-{EPOCH}.fxj"
    told = iter([STORY[1], STORY[2], STORY[3], None])

    def wait() -> bool:
        one = next(told)
        if one is not None:
            run.tell(one)
        return one is not None

    found = [entry for entry in follow(path, True, wait) if isinstance(entry, Record)]
    assert [entry.sequence for entry in found] == [1, 2]
    run.end()


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: None, Path.touch])
def test_what_is_no_journal_is_named(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "absent"
    make(path)
    with pytest.raises(JournalError, match="absent"):
        list(follow(path, True, lambda: False))
