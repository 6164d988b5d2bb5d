"""The file of a classic session's numbers: what a disk that fails leaves behind."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fixengine.simulator import numbers
from fixengine.simulator.numbers import Numbers


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def again(path: Path, kept: Numbers) -> Numbers:
    """What the next process finds."""
    kept.close()
    return Numbers(path)


def test_what_a_full_disk_refused_is_written_once_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "a.numbers"
    kept = Numbers(path)
    kept.history.sent(1, b"first")
    kept.save()
    kept.history.sent(2, b"second" * 10)
    with largest_file(path.stat().st_size + 20), pytest.raises(OSError, match="File too large"):
        kept.save()
    kept.history.sent(3, b"third")
    kept.history.received(7)
    kept.save()
    found = again(path, kept)
    assert (found.history.next_out, found.history.next_in) == (4, 7)
    assert [frame for _, frame in found.history.frames(1, 9)] == [
        b"first",
        b"second" * 10,
        b"third",
    ]
    found.close()


def test_a_rewrite_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "BYTES_MAX", 100)
    path = tmp_path / "a.numbers"
    kept = Numbers(path)
    kept.history.sent(1, b"x" * 200)
    # A directory in the place of the fresh file: it cannot be made.
    path.with_suffix(".new").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        kept.save()
    path.with_suffix(".new").rmdir()
    # A file descriptor that was closed too early would now be this one.
    with os.fdopen(os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT), "rb") as other:
        kept.history.sent(2, b"y")
        kept.save()
        assert other.read() == b""
    found = again(path, kept)
    assert list(found.history.frames(1, 9)) == [(1, b"x" * 200), (2, b"y")]
    found.close()
