"""Old files go, and never one that a start needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fixengine.network.journal import Journal, Keep, Kind
from fixengine.network.journal.retention import prune
from fixengine.network.journal.verify import Verifier
from fixengine.network.journal.writer import files
from journal_story import EPOCH, answered, asked, ids, start, tell

WAIT_S = 60.0
NOW_S = 2_000_000_000.0
DAY_S = 86_400
first = ids("maker", 1)
STORY = [start(), *asked(first), *answered(first, 1)]


def age(path: Path, days: float) -> None:
    os.utime(path, (NOW_S - days * DAY_S,) * 2)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Three runs of several files; the last never got as far as START."""
    tell(tmp_path, *STORY, file_bytes_max=300)
    again = start(EPOCH + 1, maker=2)
    tell(tmp_path, again, *asked(first), *answered(first, 2), epoch=EPOCH + 1, file_bytes_max=300)
    copy = answered(first, 2)[1]
    tell(tmp_path, copy, epoch=EPOCH + 2, file_bytes_max=300)
    for file in files(tmp_path / "journal"):
        age(file.path, 10)
    return tmp_path / "journal"


def names(directory: Path) -> list[str]:
    return [file.path.name for file in files(directory)]


def of_runs(directory: Path, *epochs: int) -> list[str]:
    return [file.path.name for file in files(directory) if file.epoch in epochs]


def test_what_a_start_needs_stays_whatever_its_size_and_age(directory: Path) -> None:
    needed = of_runs(directory, EPOCH + 1, EPOCH + 2)
    gone = prune(directory, Keep(bytes_max=1, days_max=1), NOW_S)
    assert [path.name for path in gone] == sorted(
        (path.name for path in gone), key=lambda name: (len(name), name)
    )
    assert names(directory) == needed
    assert len(gone) > 1
    assert Verifier(directory).run(lambda done, total, records: None).sound
    assert prune(directory, Keep(1, 1), NOW_S) == []


def test_nothing_goes_where_no_run_is_known_to_have_started(tmp_path: Path) -> None:
    tell(tmp_path, (Kind.TICK, b""), epoch=EPOCH)
    tell(tmp_path, answered(first, 1)[1], epoch=EPOCH + 1)
    assert prune(tmp_path / "journal", Keep(bytes_max=1), NOW_S) == []


def test_bytes(directory: Path) -> None:
    every = names(directory)
    sizes = [file.path.stat().st_size for file in files(directory)]
    assert prune(directory, Keep(), NOW_S) == []
    assert prune(directory, Keep(bytes_max=sum(sizes)), NOW_S) == []
    gone = prune(directory, Keep(bytes_max=sum(sizes) - 1), NOW_S)
    assert names(directory) == every[1:]
    assert [path.name for path in gone] == every[:1]


def test_days(directory: Path) -> None:
    every = names(directory)
    assert prune(directory, Keep(days_max=10), NOW_S) == []
    age(directory / every[0], 10.1)
    # An old one behind a younger one waits, so that no hole comes to be.
    age(directory / every[2], 10.1)
    prune(directory, Keep(days_max=10), NOW_S)
    assert names(directory) == every[1:]
    verdict = Verifier(directory).run(lambda done, total, records: None)
    assert verdict.sound


def test_the_journal_process_removes_them(directory: Path) -> None:
    needed = of_runs(directory, EPOCH + 1, EPOCH + 2)
    journal = Journal.open(
        directory.parent,
        EPOCH + 3,
        0,
        ring_bytes=1 << 16,
        file_bytes_max=1 << 20,
        keep=Keep(bytes_max=1),
        shared_memory=directory,
    )
    assert journal.append(Kind.TICK, 1, 0, b"") and journal.sync(WAIT_S)
    # It looks after its first step at the latest, which the next one follows.
    assert journal.append(Kind.TICK, 2, 0, b"") and journal.sync(WAIT_S)
    assert names(directory) == [*needed, f"journal-{EPOCH + 3}.fxj"]
    assert journal.close(WAIT_S)
