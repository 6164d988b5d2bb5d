"""The journal process: what becomes of records when it, or its engine, is stopped or killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixengine.network.journal import Journal, Kind, Record, entries
from fixengine.network.journal.door import RESTART_NS
from fixengine.network.journal.ring import APPENDED, ON_DISK
from fixengine.network.journal.verify import Verifier

WAIT_S = 60.0
ENGINE = """
import sys
from pathlib import Path
from fixengine.network.journal import Journal, Kind

state = Path(sys.argv[1])
journal = Journal.open(state, 7, 0, ring_bytes=1 << 16, file_bytes_max=1 << 20,
                       shared_memory=state)
assert journal.append(Kind.TICK, 0, 0, b"") and journal.sync(60)
print(journal.status().process, flush=True)
sys.stdin.read(1)
for number in range(1, 100):
    assert journal.append(Kind.TICK, number, 0, b"")
print("appended", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


def start(state: Path, epoch: int = 7) -> Journal:
    return Journal.open(
        state, epoch, 0, ring_bytes=1 << 16, file_bytes_max=1 << 20, shared_memory=state
    )


@pytest.fixture
def journal(state: Path) -> Iterator[Journal]:
    """A journal whose process has begun."""
    one = start(state)
    assert one.append(Kind.TICK, 0, 0, b"") and one.sync(WAIT_S)
    yield one
    one.close(WAIT_S)


def process_of(journal: Journal) -> int:
    process = journal.status().process
    assert process > 0
    return process


def ended(process: int) -> bool:
    """Wait for the end of a process that need not be a child."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    found = select.select([descriptor], [], [], WAIT_S)[0]
    os.close(descriptor)
    return bool(found)


def stopped(process: int) -> None:
    os.kill(process, signal.SIGSTOP)
    os.waitid(os.P_PID, process, os.WSTOPPED | os.WNOWAIT)


def times(state: Path) -> list[int]:
    found = list(entries(state))
    assert [entry for entry in found if not isinstance(entry, Record)] == []
    return [entry.now_ns for entry in found if isinstance(entry, Record)]


def marks(state: Path) -> memoryview:
    return memoryview((state / "journal" / "ring").read_bytes()[:128]).cast("Q")


def test_a_killed_one_is_told_and_another_goes_on_from_the_marks(
    journal: Journal, state: Path
) -> None:
    first = process_of(journal)
    assert journal.healthy
    os.kill(first, signal.SIGKILL)
    assert select.select([journal.fd], [], [], WAIT_S)[0]
    now = time.monotonic_ns()
    journal.look(now)
    assert not journal.healthy
    assert journal.error == "the journal process has ended; another one is started"
    assert journal.append(Kind.TICK, 1, 0, b"")
    assert journal.sync(WAIT_S)
    journal.look(time.monotonic_ns())
    assert journal.healthy
    assert journal.error is None
    assert process_of(journal) != first
    assert journal.close(WAIT_S)
    assert times(state) == [0, 1]


def test_starts_are_not_more_often_than_one_a_second(journal: Journal) -> None:
    at = time.monotonic_ns()
    os.kill(process_of(journal), signal.SIGKILL)
    assert select.select([journal.fd], [], [], WAIT_S)[0]
    journal.look(at)
    # The end of the socket comes before the end of the process.
    while journal.fd < 0:
        journal.look(time.monotonic_ns() + RESTART_NS)
    second = process_of(journal)
    began = time.monotonic_ns()
    os.kill(second, signal.SIGKILL)
    assert select.select([journal.fd], [], [], WAIT_S)[0]
    assert ended(second)
    journal.look(began)
    for early in range(10):
        journal.look(began + early * RESTART_NS // 20)
    assert journal.fd == -1
    assert not journal.healthy
    journal.look(began + RESTART_NS)
    assert process_of(journal) != second
    assert journal.sync(WAIT_S)


def test_a_stopped_one_is_silent_and_a_full_ring_refuses(journal: Journal, state: Path) -> None:
    process = process_of(journal)
    stopped(process)
    at = time.monotonic_ns()
    count = 1
    while journal.append(Kind.TICK, count, 0, bytes(1000)):
        count += 1
    assert journal.status().refused == 1
    assert not journal.sync(0.01)
    assert journal.silent_ns(at + 2 * RESTART_NS) > RESTART_NS
    assert journal.healthy, "slow is not failed; the ring is there for that"
    os.kill(process, signal.SIGCONT)
    assert journal.sync(WAIT_S)
    assert journal.silent_ns(time.monotonic_ns()) < 60 * RESTART_NS
    assert journal.close(WAIT_S)
    assert times(state) == list(range(count))


def test_a_stopped_one_does_not_hold_up_the_end(journal: Journal, state: Path) -> None:
    process = process_of(journal)
    stopped(process)
    assert journal.append(Kind.TICK, 1, 0, b"")
    assert not journal.close(0.1)
    assert ended(process)
    assert journal.error == "the journal process did not end"
    again = start(state, epoch=8)
    assert again.recovered == (7, 32)
    assert again.close(WAIT_S)
    assert times(state) == [0, 1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_to_everybody_do_not_end_it(journal: Journal, number: int) -> None:
    process = process_of(journal)
    os.kill(process, number)
    assert journal.append(Kind.TICK, 1, 0, b"")
    assert journal.sync(WAIT_S)
    assert process_of(journal) == process
    assert journal.status().healthy


def test_a_killed_engine_loses_nothing_and_its_journal_process_ends(state: Path) -> None:
    command = [sys.executable, "-c", ENGINE, str(state)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as engine:  # type: ignore[call-overload]
        process = int(engine.stdout.readline())
        os.kill(process, signal.SIGSTOP)
        # What it appends now is in the ring alone.
        engine.stdin.write("g")
        engine.stdin.flush()
        assert engine.stdout.readline() == "appended\n"
        engine.kill()
        engine.wait(WAIT_S)
        os.kill(process, signal.SIGCONT)
    assert ended(process)
    found = marks(state)
    assert found[ON_DISK] == found[APPENDED] == 32 * 100
    assert Verifier(state).run(lambda done, total, records: None).sound
    # The ring is left for the next start to see that the end was not in order.
    again = start(state, epoch=8)
    assert again.recovered == (7, 0)
    assert again.close(WAIT_S)
    assert times(state) == list(range(100))


def test_its_locks_keep_others_out_until_it_has_ended(state: Path) -> None:
    """A new start waits for what a killed engine's journal process is still saving."""
    command = [sys.executable, "-c", ENGINE, str(state)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as engine:  # type: ignore[call-overload]
        assert int(engine.stdout.readline())
        engine.stdin.write("g")
        engine.stdin.flush()
        assert engine.stdout.readline() == "appended\n"
        engine.kill()
    again = start(state, epoch=8)
    assert again.recovered is not None
    assert again.close(WAIT_S)
    assert times(state) == list(range(100))
