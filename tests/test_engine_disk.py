"""An engine whose disk refuses: full, at its limit, or broken. Cancels and reports go on, and when
the disk takes again, so do orders; nothing was lost or doubled by the venue's own file.
"""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from fixengine.client import Client
from fixengine.messages import (
    ExecutionReport,
    Refused,
    RefusedReason,
    SessionState,
    SessionStatus,
)
from fixengine.network.journal import Kind
from fixengine.network.journal.verify import Verifier
from fixengine.network.journal.writer import files
from processes import THROUGH, Engine, Stage, Venue, frames, hear, limit, stage

__all__ = ["stage"]

DISK_BYTES = 16 << 20
RESTING = 4


class Disk(NamedTuple):
    """How to make the engine's disk refuse, and take again; what it then says."""

    refuse: Callable[[], None]
    take: Callable[[], None]
    error: str


Maker = Callable[[Engine], Disk]


def fill(path: Path) -> None:
    """Use up a file system to the last byte."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            while file.write(bytes(size)) == size:
                pass


@pytest.fixture
def small(stage: Stage) -> Iterator[Path]:
    """The journal of the engine to come, on a file system of its own that is small."""
    path = stage.folder / "engine" / "state" / "journal"
    path.mkdir(parents=True, mode=0o700)
    path.parent.chmod(0o700)
    options = f"size={DISK_BYTES},mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "fixengine-test", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small file system cannot be mounted here: {error}")
    yield path
    # The engine ends after this, and must not keep it mounted.
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def full(engine: Engine) -> Disk:
    """No space left on the device."""
    filler = engine.state_dir / "journal" / "filler"
    return Disk(lambda: fill(filler), filler.unlink, "No space left on device")


def at_limit(engine: Engine) -> Disk:
    """No file may grow any more."""
    process = engine.journal_process()
    free = resource.RLIM_INFINITY, resource.RLIM_INFINITY

    def refuse() -> None:
        # There is no file yet where the journal process got no processor.
        held = max(
            (file.path.stat().st_size for file in files(engine.state_dir / "journal")), default=0
        )
        resource.prlimit(process, resource.RLIMIT_FSIZE, (held, resource.RLIM_INFINITY))

    def take() -> None:
        resource.prlimit(process, resource.RLIMIT_FSIZE, free)

    return Disk(refuse, take, "File too large")


def broken(engine: Engine) -> Disk:
    """Whatever is written, its sync fails: nobody knows what reached the disk."""
    tracers: list[subprocess.Popen[str]] = []
    process = str(engine.journal_process())

    def refuse() -> None:
        if shutil.which("strace") is None:
            pytest.skip("there is no strace here to let fdatasync fail")
        command = ["strace", "-p", process, "-e", "trace=fdatasync"]
        command += ["-e", "inject=fdatasync:error=EIO"]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        if "attached" not in said:
            tracer.wait()
            pytest.skip(f"strace may not look at a process here: {said}")
        tracers.append(tracer)

    def take() -> None:
        tracer = tracers.pop()
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()

    return Disk(refuse, take, "Input/output error")


class Book:
    """What a strategy was told of its reports."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.told: Counter[str | None] = Counter()

    def cancel(self, resting: ExecutionReport) -> None:
        """Cancel an order and hear of it."""
        cl_ord_id = self.client.cancel(resting.cl_ord_id)
        self.hear(cl_ord_id, "4")

    def buy(self, price: str) -> ExecutionReport | Refused:
        """An order, until it rests, is filled or is refused."""
        return self.hear(self.client.submit(limit(price)), "2" if price == THROUGH else "0")

    def hear(self, cl_ord_id: str, ord_status: str) -> ExecutionReport | Refused:
        """All reports of an order until one says this."""
        while True:
            event = hear(self.client, ExecutionReport, Refused, cl_ord_id=cl_ord_id)
            if isinstance(event, Refused):
                return event
            self.told[event.exec_id] += 1
            if event.ord_status == ord_status:
                return event

    def until_refused(self, error: str) -> None:
        """Trade until an order is refused for this error of the disk.

        Where the journal process gets no processor, the ring may be full before it has tried.
        """
        while True:
            event = self.buy(THROUGH)
            if isinstance(event, Refused):
                assert event.reason == RefusedReason.JOURNAL_FULL
                if error in event.text:
                    return


def recorded(venue: Venue) -> Counter[str]:
    """ExecIDs of all reports that the venue has sent."""
    lines = map(orjson.loads, venue.record.read_bytes().splitlines())
    return Counter(line["exec_id"] for line in lines)


def assert_whole(engine: Engine) -> None:
    """Nothing is missing in the journal, and no order left twice."""
    verdict = Verifier(engine.state_dir).run(lambda done, total, records: None)
    assert (verdict.problems, verdict.torn, verdict.unchecked) == ([], [], 0)
    sent = [frame[11] for frame in frames(engine.journal(), Kind.FRAME_OUT) if 11 in frame]
    assert set(Counter(sent).values()) == {1}


@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.parametrize("make", [full, at_limit, broken])
def test_a_disk_that_refuses_and_takes_again(
    stage: Stage, request: pytest.FixtureRequest, make: Maker, durability: str
) -> None:
    if make is full:
        request.getfixturevalue("small")
    venue = stage.venue()
    engine = stage.engine(venue.place, journal={"durability": durability})
    book = Book(stage.client(engine))
    engine.expect(event="active")
    resting = [book.buy("49000.00") for _ in range(RESTING)]
    disk = make(engine)
    for _ in range(2):
        disk.refuse()
        book.until_refused(disk.error)
        told = engine.expect(event="journal", text="new orders are refused")
        assert told["level"] == "error"
        # What is left of the ring is for these.
        for _ in range(RESTING // 2):
            one = resting.pop()
            assert isinstance(one, ExecutionReport)
            book.cancel(one)
        disk.take()
        engine.expect(event="journal", text="the journal is written again")
        assert isinstance(book.buy(THROUGH), ExecutionReport)
    assert engine.end() == 0
    assert set(book.told.values()) == {1}
    assert book.told == recorded(venue)
    assert_whole(engine)


@pytest.mark.usefixtures("small")
def test_an_engine_that_is_killed_while_its_disk_is_full(stage: Stage) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place)
    book = Book(stage.client(engine))
    engine.expect(event="active")
    resting = book.buy("49000.00")
    assert isinstance(resting, ExecutionReport)
    disk = full(engine)
    disk.refuse()
    book.until_refused(disk.error)
    book.cancel(resting)
    engine.end(signal.SIGKILL)
    disk.take()
    engine = stage.engine(venue.place)
    engine.expect(text="an earlier run ended uncleanly; its journal was completed")
    hear(book.client, SessionStatus, engine_state=SessionState.ACTIVE)
    assert isinstance(book.buy(THROUGH), ExecutionReport)
    assert engine.end() == 0
    assert book.told == recorded(venue)
    assert_whole(engine)
