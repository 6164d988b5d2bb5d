"""The way to disk: real files, real kill -9, a file system that is really full."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import fixengine
import pytest
from fixengine.network.journal import (
    Journal,
    JournalError,
    Kind,
    Missing,
    Record,
    door,
    entries,
    process,
)
from fixengine.network.journal.place import FALLBACK_NAME, LINK_NAME, ring_place
from fixengine.network.journal.record import FILE_HEADER_BYTES, FileHeader
from fixengine.network.journal.ring import Ring
from fixengine.network.journal.writer import Drain, file_name, files, recover
from hypothesis import given, settings
from hypothesis import strategies as st

WAIT_S = 60.0
CHILD = """
import sys
from pathlib import Path
from fixengine.network.journal import Journal, Kind

state, shared, ring_bytes, file_bytes_max = sys.argv[1:]
journal = Journal.open(Path(state), 7, 0, ring_bytes=int(ring_bytes),
                       file_bytes_max=int(file_bytes_max), shared_memory=Path(shared))
number = 0
while True:
    raw = number.to_bytes(8, "little")
    if journal.append(Kind.FRAME_IN, number, 1, raw * (1 + number % 30)):
        number += 1
        sys.stdout.buffer.raw.write(raw)
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    path = tmp_path / "shared"
    path.mkdir(mode=0o700)
    return path


def start(
    state: Path, shared: Path, epoch: int = 7, ring_bytes: int = 1 << 16, limit: int = 1 << 20
) -> Journal:
    return Journal.open(
        state, epoch, 0, ring_bytes=ring_bytes, file_bytes_max=limit, shared_memory=shared
    )


def records(state: Path, epoch: int = 7) -> list[Record]:
    found = []
    for entry in entries(state):
        if isinstance(entry, Missing):
            continue
        assert isinstance(entry, Record), entry
        if entry.epoch == epoch:
            found.append(entry)
    return found


def test_records_reach_the_disk_in_order(state: Path, shared: Path) -> None:
    journal = start(state, shared)
    assert journal.recovered is None
    assert journal.append(Kind.START, 1, 0, b"{}")
    assert journal.append(Kind.FRAME_IN, 2, 3, b"8=FIX")
    assert journal.sync(WAIT_S)
    status = journal.status()
    assert status.appended == status.written_to == status.on_disk == 80
    assert [(r.sequence, r.kind, r.line, r.now_ns, r.data) for r in records(state)] == [
        (1, Kind.START, 0, 1, b"{}"),
        (2, Kind.FRAME_IN, 3, 2, b"8=FIX"),
    ]
    assert journal.close(WAIT_S)


def test_clean_close_leaves_files_only(state: Path, shared: Path) -> None:
    journal = start(state, shared)
    ring = ring_place(state / "journal", shared)
    assert os.path.realpath(state / "journal" / "ring") == os.path.realpath(ring)
    journal.append(Kind.TICK, 1, 0, b"")
    assert journal.close(WAIT_S)
    assert os.listdir(state / "journal") == ["journal-7.fxj"]
    assert os.listdir(shared) == []
    assert (state / "journal").stat().st_mode & 0o777 == 0o700
    assert (state / "journal" / "journal-7.fxj").stat().st_mode & 0o777 == 0o600
    assert not journal.append(Kind.TICK, 2, 0, b"")
    assert journal.close(WAIT_S)
    assert journal.sync(WAIT_S)
    assert journal.status().healthy


def test_files_roll_at_their_limit(state: Path, shared: Path) -> None:
    journal = start(state, shared, limit=300)
    for number in range(20):
        assert journal.clock(number, number * 1000)
        assert journal.sync(WAIT_S)
    assert journal.close(WAIT_S)
    names = [file.path.name for file in files(state / "journal")]
    assert names == [file_name(7, number) for number in range(len(names))]
    assert len(names) == 4
    header = FileHeader.unpack(files(state / "journal")[1].path.read_bytes())
    # 64 + 6 * 40 = 304 bytes fill the first file; the seventh clock record opens the next.
    assert header == (7, 1, 240, 6000, 2)
    assert [record.now_ns for record in records(state)] == list(range(20))
    assert [record.wall_ns for record in records(state)] == [n * 1001 for n in range(20)]


def test_numbers_sort_as_numbers(tmp_path: Path) -> None:
    names = ["journal-9.fxj", "journal-10.fxj", "journal-10-2.fxj", "journal-10-10.fxj"]
    for name in [*reversed(names), "journal-.fxj", "journal-1.txt", "journal-1-2-3.fxj", "ring"]:
        (tmp_path / name).touch()
    assert [file.path.name for file in files(tmp_path)] == names


def test_second_journal_of_the_directory_is_refused(
    state: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = start(state, shared)
    monkeypatch.setattr(door, "LOCK_WAIT_S", 0.1)
    with pytest.raises(JournalError, match="in use by another process"):
        start(state, shared, epoch=8)
    assert journal.append(Kind.TICK, 1, 0, b"")
    assert journal.close(WAIT_S)
    assert len(records(state)) == 1


def test_epoch_is_used_once(state: Path, shared: Path) -> None:
    journal = start(state, shared)
    journal.append(Kind.TICK, 1, 0, b"")
    assert journal.close(WAIT_S)
    with pytest.raises(JournalError, match="epoch 7 has journal files already"):
        start(state, shared)


def test_open_directory_is_refused(state: Path, shared: Path) -> None:
    (state / "journal").mkdir()
    (state / "journal").chmod(0o750)
    with pytest.raises(JournalError, match="other users have access"):
        start(state, shared)


def test_missing_state_directory_is_named(tmp_path: Path, shared: Path) -> None:
    with pytest.raises(JournalError, match=r"nowhere/journal: cannot be made: No such file"):
        start(tmp_path / "nowhere", shared)


def test_what_is_no_file_is_named(state: Path, shared: Path) -> None:
    (state / "journal" / "journal-5.fxj").mkdir(parents=True)
    (state / "journal").chmod(0o700)
    with pytest.raises(JournalError, match=r"journal-5\.fxj: cannot be used: Is a directory"):
        start(state, shared)


def test_without_shared_memory_the_ring_is_a_file(state: Path, tmp_path: Path) -> None:
    journal = start(state, tmp_path / "absent")
    assert (state / "journal" / FALLBACK_NAME).stat().st_size == 4096 + (1 << 16)
    journal.append(Kind.TICK, 1, 0, b"")
    assert journal.close(WAIT_S)
    assert os.listdir(state / "journal") == ["journal-7.fxj"]


# --- recovery -------------------------------------------------------------------------------


@pytest.mark.parametrize("kill_after", [0, 1, 40, 600])
@pytest.mark.parametrize(
    ("ring_bytes", "limit", "in_memory"),
    [(1 << 20, 1 << 30, True), (4096, 3000, True), (1 << 15, 20_000, False)],
    ids=["large", "tiny", "file"],
)
def test_kill_9_loses_and_doubles_nothing(
    state: Path, tmp_path: Path, kill_after: int, ring_bytes: int, limit: int, in_memory: bool
) -> None:
    shared = Path("/dev/shm") if in_memory else tmp_path / "absent"
    root = Path(fixengine.__file__).parents[1]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(state), str(shared), str(ring_bytes), str(limit)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(root), "PATH": os.environ["PATH"]},
        bufsize=0,
    )
    assert child.stdout is not None
    acknowledged = b""
    while len(acknowledged) < 8 * (kill_after + 1):
        chunk = child.stdout.read(8 * (kill_after + 1) - len(acknowledged))
        assert chunk, "the child died by itself"
        acknowledged += chunk
    child.send_signal(signal.SIGKILL)
    while chunk := child.stdout.read(1 << 16):
        acknowledged += chunk
    child.stdout.close()
    assert child.wait(WAIT_S) == -signal.SIGKILL

    # Before any recovery a reader sees it all, in files and ring together.
    before = records(state)
    journal = start(state, shared, epoch=8)
    assert journal.close(WAIT_S)
    found = records(state)
    assert found == before
    # One record more than was acknowledged: killed between the ring and the pipe.
    assert len(acknowledged) // 8 <= len(found) <= len(acknowledged) // 8 + 1
    for number, record in enumerate(found):
        raw = number.to_bytes(8, "little")
        assert (record.now_ns, record.data) == (number, raw * (1 + number % 30))
    assert not ring_place(state / "journal", shared).exists()


def test_recovery_repeats_what_was_written_but_not_marked(tmp_path: Path) -> None:
    """Killed after the write, before the mark, and with the file rolled in between."""
    directory = tmp_path / "journal"
    directory.mkdir(mode=0o700)
    place = ring_place(directory, tmp_path)
    ring = Ring.create(place, directory, 7, 4096)
    drain = Drain(ring, directory, 200)
    for number in range(40):
        assert ring.append(Kind.ORDER, number, 0, bytes([number]) * 50)
        copy = tmp_path / f"ring-{number}"
        shutil.copyfile(place, copy)
        drain.step()
    drain.close()
    ring.close(remove=True)
    expected = [(file.path.name, file.path.read_bytes()) for file in files(directory)]
    # The last steps again, from their older marks; the sound files must not change.
    for number in (39, 38):
        shutil.copyfile(tmp_path / f"ring-{number}", place)
        assert recover(directory, tmp_path, 200) is not None
        assert [(file.path.name, file.path.read_bytes()) for file in files(directory)] == expected
    assert not place.exists()


@pytest.mark.parametrize("size", [0, 10, 63])
def test_recovery_finishes_a_file_whose_header_was_cut_off(tmp_path: Path, size: int) -> None:
    directory = tmp_path / "journal"
    directory.mkdir(mode=0o700)
    ring = Ring.create(ring_place(directory, tmp_path), directory, 7, 4096)
    ring.append(Kind.TICK, 1, 0, b"")
    ring.close(remove=False)
    (directory / "journal-7.fxj").write_bytes(FileHeader(7, 0, 0, 0).pack()[:size])
    # So it looks, too, while the drain begins a file; who reads then finds nothing amiss.
    (directory / LINK_NAME).symlink_to(ring.path)
    assert [record.kind for record in records(tmp_path)] == [Kind.TICK]
    recovered = recover(directory, tmp_path, 1 << 20)
    assert recovered == (7, 32)
    assert [record.kind for record in records(tmp_path)] == [Kind.TICK]


def test_a_file_that_another_process_began_has_its_name_on_disk_before_the_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever began it may have been killed, or refused by the disk, before it came to that."""
    directory = tmp_path / "journal"
    directory.mkdir(mode=0o700)
    ring = Ring.create(ring_place(directory, tmp_path), directory, 7, 4096)
    ring.append(Kind.TICK, 1, 0, b"")
    (directory / "journal-7.fxj").write_bytes(FileHeader(7, 0, 0, 0).pack())
    marks: list[int] = []

    def sync(descriptor: int) -> None:
        if os.path.sameopenfile(descriptor, folder):
            marks.append(ring.on_disk)

    folder = os.open(directory, os.O_RDONLY)
    monkeypatch.setattr(os, "fsync", sync)
    drain = Drain(ring, directory, 1 << 20)
    assert drain.step() == 32
    assert marks == [0]
    ring.append(Kind.TICK, 2, 0, b"")
    assert drain.step() == 32
    assert marks == [0], "once is enough"
    drain.close()
    ring.close(remove=True)
    os.close(folder)


def test_recovery_leaves_a_file_that_was_cut_short_alone(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    directory.mkdir(mode=0o700)
    ring = Ring.create(ring_place(directory, tmp_path), directory, 7, 4096)
    drain = Drain(ring, directory, 1 << 20)
    ring.append(Kind.TICK, 1, 0, b"")
    ring.append(Kind.TICK, 2, 0, b"")
    drain.step()
    drain.close()
    ring.append(Kind.TICK, 3, 0, b"")
    ring.close(remove=False)
    os.truncate(directory / "journal-7.fxj", 64 + 32)
    assert recover(directory, tmp_path, 1 << 20) == (7, 32)
    assert [record.now_ns for record in records(tmp_path)] == [1, 3]
    assert Missing(7, 2, 1) in entries(tmp_path)


def test_moved_state_directory_finds_its_ring(tmp_path: Path, state: Path, shared: Path) -> None:
    journal = state / "journal"
    journal.mkdir(mode=0o700)
    ring = Ring.create(ring_place(journal, shared), journal, 7, 4096)
    (journal / "ring").symlink_to(ring.path)
    ring.append(Kind.TICK, 1, 0, b"")
    ring.close(remove=False)
    moved = tmp_path / "moved"
    state.rename(moved)
    again = start(moved, shared, epoch=8)
    assert again.recovered == (7, 32)
    assert again.close(WAIT_S)
    assert os.listdir(shared) == []


def test_copied_state_directory_leaves_the_ring_to_its_owner(
    tmp_path: Path, state: Path, shared: Path
) -> None:
    journal = state / "journal"
    journal.mkdir(mode=0o700)
    ring = Ring.create(ring_place(journal, shared), journal, 7, 4096)
    (journal / "ring").symlink_to(ring.path)
    ring.append(Kind.TICK, 1, 0, b"")
    ring.close(remove=False)
    copy = tmp_path / "copy"
    shutil.copytree(state, copy, symlinks=True)
    second = start(copy, shared, epoch=8)
    assert second.recovered is None
    assert second.close(WAIT_S)
    first = start(state, shared, epoch=8)
    assert first.recovered == (7, 32)
    assert first.close(WAIT_S)


def test_damaged_ring_stops_the_start(state: Path, shared: Path) -> None:
    (state / "journal").mkdir(mode=0o700)
    place = ring_place(state / "journal", shared)
    place.write_bytes(b"x" * 8192)
    with pytest.raises(JournalError, match=r"\.ring: the ring is damaged"):
        start(state, shared)
    assert place.read_bytes() == b"x" * 8192


# --- a disk that refuses --------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "fixengine-test", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small file system cannot be mounted here: {error}")
    yield path
    # A journal that a failing test left open must not keep the file system mounted.
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_full_disk_is_reported_and_survived(small_disk: Path, shared: Path) -> None:
    journal = start(small_disk, shared, ring_bytes=1 << 18)
    for number in range(100):
        assert journal.append(Kind.FRAME_IN, number, 1, bytes([number]) * 1000)
    assert not journal.sync(WAIT_S)
    status = journal.status()
    assert (status.healthy, status.error_number) == (False, errno.ENOSPC)
    assert status.error == "journal: No space left on device"
    assert status.on_disk < status.appended
    # The walk goes on into the ring, until that is full too.
    number = 100
    while journal.append(Kind.FRAME_IN, number, 1, bytes([number]) * 1000):
        number += 1
    assert number == (1 << 18) // 1032
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    assert journal.sync(WAIT_S)
    assert journal.status()[:3] == (True, 0, None)
    assert journal.append(Kind.TICK, number, 0, b"")
    assert journal.close(WAIT_S)
    assert [record.now_ns for record in records(small_disk)] == list(range(number + 1))
    assert Missing(7, number + 1, 1) in entries(small_disk)


def test_close_on_a_full_disk_keeps_the_ring_for_the_next_start(
    small_disk: Path, shared: Path
) -> None:
    journal = start(small_disk, shared, ring_bytes=1 << 18)
    for number in range(100):
        assert journal.append(Kind.FRAME_IN, number, 1, bytes([number]) * 1000)
    assert not journal.close(WAIT_S)
    with pytest.raises(JournalError, match="No space left on device; they are still in this ring"):
        start(small_disk, shared, epoch=8)
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    again = start(small_disk, shared, epoch=8)
    assert again.recovered is not None
    assert again.recovered.epoch == 7
    assert again.close(WAIT_S)
    assert [record.now_ns for record in records(small_disk)] == list(range(100))


@pytest.fixture
def ahead(small_disk: Path) -> Iterator[tuple[Ring, Drain, Path]]:
    """A drain that takes 8 KiB ahead on a file system of 64 KiB, and another file there."""
    directory = small_disk / "journal"
    directory.mkdir(mode=0o700)
    ring = Ring.create(small_disk / "ring", directory, 7, 4096)
    drain = Drain(ring, directory, 16 << 10, 8 << 10)
    ring.append(Kind.TICK, 1, 0, b"")
    drain.step()
    yield ring, drain, small_disk / "filler"
    drain.close()
    ring.close(remove=True)


def fill(path: Path) -> None:
    """Use up what is left of a small file system."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(512)):
            pass


def used(path: Path) -> tuple[int, int]:
    """(size of a file, bytes that it takes on the disk)."""
    status = path.stat()
    return status.st_size, status.st_blocks * 512


def test_room_is_taken_ahead_and_the_size_is_what_was_written(
    ahead: tuple[Ring, Drain, Path],
) -> None:
    ring, drain, _ = ahead
    path = files(Path(ring.directory))[0].path
    size, taken = used(path)
    assert size == FILE_HEADER_BYTES + 32
    assert taken >= 16 << 10
    drain.finish()
    assert used(path) == (size, 4096)


def test_a_finished_file_gives_back_what_it_took_ahead(ahead: tuple[Ring, Drain, Path]) -> None:
    ring, drain, _ = ahead
    while len(files(Path(ring.directory))) < 2:
        assert ring.append(Kind.TICK, 2, 0, bytes(1000))
        drain.step()
    first, second = (used(file.path) for file in files(Path(ring.directory)))
    assert first[1] - first[0] < 4096
    assert second[1] - second[0] >= 8 << 10


def test_a_disk_that_refuses_is_tidied_once_the_run_has_begun(
    ahead: tuple[Ring, Drain, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, drain, filler = ahead
    monkeypatch.setattr(process, "TIDY_S", 0.0)
    tidied = threading.Semaphore(0)

    def tidy() -> None:
        if ring.error_number:
            filler.unlink(missing_ok=True)
        tidied.release()

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    serving = threading.Thread(target=process.serve, args=(theirs, ring, drain, tidy, lambda: None))
    serving.start()
    with ours, theirs:
        for _ in range(2):
            assert tidied.acquire(timeout=WAIT_S)
        fill(filler)
        deadline = time.monotonic() + WAIT_S
        while filler.exists() and time.monotonic() < deadline:
            ring.append(Kind.TICK, 2, 0, bytes(1000))
            tidied.acquire(timeout=0.01)
        assert not filler.exists()
        ours.shutdown(socket.SHUT_RDWR)
        serving.join(WAIT_S)
    assert not serving.is_alive()
    assert (ring.error_number, ring.on_disk) == (0, ring.appended)


def test_what_a_killed_process_took_ahead_is_free_with_the_next_start(
    ahead: tuple[Ring, Drain, Path],
) -> None:
    ring, drain, _ = ahead
    directory = Path(ring.directory)
    path = files(directory)[0].path
    drain.close()
    assert used(path)[1] >= 16 << 10
    recover(directory, directory.parent, 1 << 20)
    assert used(path) == (FILE_HEADER_BYTES + 32, 4096)


def test_a_full_disk_is_told_while_there_is_room_ahead(ahead: tuple[Ring, Drain, Path]) -> None:
    ring, drain, filler = ahead
    fill(filler)
    steps = 0
    while not ring.error_number:
        assert ring.append(Kind.TICK, steps, 0, bytes(1000))
        with suppress(OSError):
            drain.step()
        steps += 1
    # From here on new orders are refused; what follows still reaches the disk.
    drain.close()
    for _ in range(6):
        assert (ring.error_number, ring.on_disk) == (errno.ENOSPC, ring.appended)
        assert ring.append(Kind.TICK, steps, 0, bytes(1000))
        with pytest.raises(OSError, match="No space left"):
            drain.step()
        drain.close()
        steps += 1
    with pytest.raises(OSError, match="No space left"):
        drain.step()
    filler.unlink()
    drain.close()
    assert drain.step() == 0
    assert ring.error_number == 0
    found = [one for one in entries(Path(ring.directory)) if isinstance(one, Record)]
    assert len(found) == steps + 1


def test_no_room_for_the_ring_is_a_clear_error(small_disk: Path, state: Path) -> None:
    with pytest.raises(JournalError, match=r"No space left on device; set journal\.ring_bytes low"):
        start(state, small_disk, ring_bytes=1 << 20)
    assert os.listdir(small_disk) == []


# --- round trip -----------------------------------------------------------------------------

appends = st.tuples(
    st.integers(0, 255),
    st.integers(-(1 << 62), 1 << 62),
    st.integers(0, 255),
    st.binary(max_size=2000),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(appends, max_size=40), st.integers(1, 4000))
def test_random_records_through_process_and_files(
    wanted: list[tuple[int, int, int, bytes]], limit: int
) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as name:
        state = Path(name)
        journal = start(state, state, ring_bytes=4096, limit=limit)
        for kind, now, line, data in wanted:
            while not journal.append(kind, now, line, data):
                assert journal.sync(WAIT_S)
        assert journal.close(WAIT_S)
        if wanted:
            found = [(r.kind, r.now_ns, r.line, r.data) for r in records(state)]
            assert found == wanted
