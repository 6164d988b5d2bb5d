"""Journal files that are missing, cut, copied or renamed: each is named at the next start."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fixengine.network.journal import Record
from fixengine.network.journal.checkpoint import checkpoints
from fixengine.network.journal.reader import read
from fixengine.network.journal.record import FILE_HEADER_BYTES, padded
from fixengine.network.journal.writer import files
from test_checkpoint import known, story, tell

__all__ = ["story"]


def remove_one(directory: Path) -> str:
    """The third file of the run."""
    path = files(directory)[2].path
    path.unlink()
    return path.with_name(files(directory)[2].path.name).name


def cut_between_records(directory: Path) -> str:
    """The second file loses its last whole record."""
    found = files(directory)
    *_, last = read(found[1].path)
    data = found[1].path.read_bytes()
    found[1].path.write_bytes(data[: len(data) - padded(len(last.data))])
    return found[2].path.name


def empty(directory: Path) -> str:
    """The second file keeps its header only."""
    found = files(directory)
    found[1].path.write_bytes(found[1].path.read_bytes()[:FILE_HEADER_BYTES])
    return found[2].path.name


def exchange(directory: Path) -> str:
    """A file under the name of another."""
    found = files(directory)
    shutil.copy(found[2].path, found[1].path)
    return found[1].path.name


def copy(directory: Path) -> str:
    """A copy of the first file behind the last."""
    found = files(directory)
    path = directory / f"journal-{found[0].epoch}-{len(found)}.fxj"
    shutil.copy(found[0].path, path)
    return path.name


@pytest.mark.parametrize("hurt", [remove_one, cut_between_records, empty, exchange, copy])
def test_what_the_files_do_not_hold_is_named(
    tmp_path: Path, story: list[Record], hurt: Callable[[Path], str]
) -> None:
    directory = tell(tmp_path, story)
    whole = known(directory)
    assert whole[-1] == ()
    name = hurt(directory)
    told = known(directory)
    assert told[-1], "a start says so"
    assert name in told[-1][0]
    if hurt is copy:
        assert told[:-1] == whole[:-1], "and a copy changes nothing"


def test_what_followed_a_checkpoint_and_is_gone_is_named(
    tmp_path: Path, story: list[Record]
) -> None:
    directory = tell(tmp_path, story, 100)
    for file in files(directory):
        file.path.unlink()
    (damage,) = known(directory)[-1]
    (made,) = checkpoints(directory)
    assert f"run {made.epoch}" in damage and f"{made.position}" in damage


def test_a_checkpoint_under_the_name_of_another_is_passed_over(
    tmp_path: Path, story: list[Record]
) -> None:
    directory = tell(tmp_path, story, 100)
    whole = known(directory)
    (made,) = checkpoints(directory)
    later = made.path.with_name(f"checkpoint-{made.epoch}-{made.position + 4096}.fxj")
    made.path.rename(later)
    told = known(directory)
    assert told[:-1] == whole[:-1]
    assert later.name in told[-1][0]
