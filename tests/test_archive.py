"""Events found in the journal again: by number, over files and runs; and what is not there."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest
from fixengine.messages import SessionStatus, encode_event, report_seq_of
from fixengine.network.archive import AGAIN_NS, Archive
from fixengine.network.journal import Kind, archive, named
from fixengine.network.journal.archive import EVENTS_MAX, PACKET_EVENTS, Found, Question
from fixengine.network.journal.writer import files
from journal_story import EPOCH, Run, Told

WAIT_S = 30


def told(name: str, *numbers: int) -> list[Told]:
    event = SessionStatus(0, EPOCH, "", False, 0, "active")
    return [(Kind.DELIVERED, named(name, bytes(encode_event(event, seq)))) for seq in numbers]


def answers(reader: archive.Archive, name: str, first: int, last: int) -> tuple[list[int], int]:
    """Numbers of the events found, and up to where they are all there is."""
    pieces = list(reader.answer(Question(1, name, first, last)))
    assert all(len(one.events) <= PACKET_EVENTS for one in pieces)
    assert [one.until for one in pieces[:-1]] == [0] * (len(pieces) - 1)
    numbers = [report_seq_of(event) for one in pieces for event in one.events]
    return numbers, pieces[-1].until


def write(state: Path, epoch: int, records: list[Told]) -> None:
    """A whole run, in small files."""
    run = Run(state, epoch, file_bytes_max=1 << 16)
    for at in range(0, len(records), 500):
        *most, last = records[at : at + 500]
        for kind, data in most:
            assert run.ring.append(kind, 0, 1, data)
        run.tell(last)
    run.end()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Two runs in several files: maker's events 1..3000, of which 2900..3000 were copied by the
    second run, which told 3001..3100; a few of taker's between them.
    """
    first: list[Told] = []
    for seq in range(1, 3001):
        first += told("maker", seq)
        if seq % 1000 == 0:
            first += told("taker", seq // 1000)
    write(tmp_path, EPOCH, first)
    write(tmp_path, EPOCH + 1, told("maker", *range(2900, 3101)))
    assert len(files(tmp_path / "journal")) > 4
    return tmp_path / "journal"


def test_events_are_found_by_their_numbers_over_files_and_runs(journal: Path) -> None:
    reader = archive.Archive(journal)
    assert answers(reader, "maker", 2999, 3003) == ([2999, 3000, 3001, 3002, 3003], 3003)
    assert answers(reader, "maker", 1, 3) == ([1, 2, 3], 3)
    assert answers(reader, "taker", 2, 5) == ([2, 3], 5)
    assert answers(reader, "nobody", 1, 5) == ([], 5)
    assert answers(reader, "maker", 3099, 3200) == ([3099, 3100], 3200)


def test_an_answer_ends_after_so_many_events_and_asking_on_goes_on(journal: Path) -> None:
    reader = archive.Archive(journal)
    found: list[int] = []
    while len(found) < 3100:
        numbers, until = answers(reader, "maker", len(found) + 1, 3100)
        assert len(numbers) <= EVENTS_MAX and until == numbers[-1]
        found += numbers
    assert found == list(range(1, 3101))
    assert answers(reader, "maker", 7, 8) == ([7, 8], 8), "and back"


def test_what_a_removed_file_held_is_not_there(journal: Path) -> None:
    reader = archive.Archive(journal)
    answers(reader, "maker", 1, 10)
    files(journal)[0].path.unlink()
    numbers, until = answers(reader, "maker", 11, 3000)
    assert numbers[0] > 11 and numbers == list(range(numbers[0], numbers[0] + EVENTS_MAX))
    assert until == numbers[-1]


# --- the process --------------------------------------------------------------------------------


class Owner:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Found | str] = asyncio.Queue()

    def on_found(self, found: Found) -> None:
        self.told.put_nowait(found)

    def on_archive_ended(self, text: str) -> None:
        self.told.put_nowait(text)

    async def next(self) -> Found | str:
        return await asyncio.wait_for(self.told.get(), WAIT_S)


def test_the_process_answers_and_one_that_is_killed_is_followed_by_another(journal: Path) -> None:
    async def ask() -> None:
        owner = Owner()
        door = Archive(journal, owner)
        assert door.ask("maker", 3000, 3001) == 1
        found = await owner.next()
        assert isinstance(found, Found)
        assert [report_seq_of(event) for event in found.events] == [3000, 3001]
        assert (found.number, found.until) == (1, 3001)
        assert door._child is not None
        os.kill(door._child.pid, signal.SIGKILL)
        assert await owner.next() == "exit status -9"
        door._started_ns -= AGAIN_NS
        assert door.ask("taker", 1, 1) == 2
        found = await owner.next()
        assert isinstance(found, Found) and found.number == 2 and len(found.events) == 1
        door.close()
        door.close()

    asyncio.run(ask())


def test_a_journal_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.send(archive.encode(Question(3, "maker", 1, 9)))
    ours.shutdown(socket.SHUT_WR)
    archive.serve(theirs, archive.Archive(tmp_path / "journal"))
    found = archive.found_decoder.decode(ours.recv(archive.PACKET_BYTES_MAX))
    assert (found.number, found.events, found.until) == (3, [], 9)
    assert str(tmp_path) in found.problem
    ours.close()
    theirs.close()
