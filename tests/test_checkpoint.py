"""A start from a checkpoint knows what a start from all the records knows."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import NewOrderSingle, SessionStatus, Side
from fixengine.network.checkpoint import make_checkpoint, wrong_checkpoints
from fixengine.network.journal import Checkpoints, Journal, Keep, Kind, Record, read
from fixengine.network.journal.checkpoint import checkpoints, read_checkpoint, write_checkpoint
from fixengine.network.journal.retention import prune
from fixengine.network.journal.writer import file_name, files
from fixengine.network.recall import carried, recall
from fixengine.testing import SimulatedEngine
from journal_story import EPOCH, Run
from processes import THROUGH, Stage, hear, stage, trade

__all__ = ["stage"]

UNREAD_MAX = 1000
WAIT_S = 60.0


@pytest.fixture(scope="module")
def story() -> list[Record]:
    """What a run recorded in which orders rest, trade in parts, are cancelled and rejected, and
    of which one strategy has not read the last events.
    """
    with SimulatedEngine() as engine:
        reads, sleeps = engine.client("reads"), engine.client("sleeps")
        for number in range(12):
            for client in (reads, sleeps):
                price = "49000" if number % 3 else "50100"
                order = client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.01", price))
                engine.advance(0.01)
                if number % 3 == 1:
                    engine.venue.fill(order, "0.004")
                if number % 4 == 2:
                    client.cancel(order)
            if number == 8:
                engine.venue.fault("reset")
                engine.advance(10)
            for _ in reads.reports(timeout=0.05):
                pass
        engine.advance(1)
        return engine.journal.records


def tell(folder: Path, story: list[Record], *cuts: int) -> Path:
    """The story on disk, with a checkpoint made at each cut; the journal's directory."""
    run = Run(folder, file_bytes_max=4000)
    before = 0
    for cut in (*cuts, len(story)):
        run.tell(*((record.kind, record.data) for record in story[before:cut]))
        before = cut
        if cut != len(story):
            assert make_checkpoint(run.directory, UNREAD_MAX) is not None
    run.end()
    return run.directory


def known(directory: Path) -> tuple[Any, ...]:
    """All that a start would know, and what it says of damage."""
    orders, positions = Orders(100, 100), Positions()
    found = recall(directory.parent, EPOCH + 1, BINANCE_SPOT, orders, positions, UNREAD_MAX)
    wire_ids = [order.wire_id for order in found.open]
    told = found.standings, found.unread, wire_ids, list(carried(orders)), positions.day
    return *told, list(positions.carry()), found.damage


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_a_start_from_a_checkpoint_knows_the_same(tmp_path: Path, story: list[Record]) -> None:
    whole = known(tell(tmp_path, story))
    assert whole[-1] == ()
    for cut in (len(story) // 5, len(story) // 2, len(story) - 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        directory = tell(folder, story, cut)
        assert known(directory) == whole, cut


def test_one_made_from_another_has_the_same_bytes(tmp_path: Path, story: list[Record]) -> None:
    for name in ("chain", "alone"):
        (tmp_path / name).mkdir()
    cuts = range(50, len(story), 50)
    chain = tell(tmp_path / "chain", story, *cuts)
    alone = tell(tmp_path / "alone", story, cuts[-1])
    assert len(checkpoints(chain)) == 2
    newest, other = checkpoints(chain)[0], checkpoints(alone)[0]
    assert newest.path.read_bytes() == other.path.read_bytes()
    assert make_checkpoint(chain, UNREAD_MAX) is not None
    assert make_checkpoint(chain, UNREAD_MAX) is None


@pytest.mark.parametrize("hurt", ["flipped", "cut", "no START", "empty", "pipe"])
def test_a_damaged_one_is_passed_over_and_named(
    tmp_path: Path, story: list[Record], hurt: str
) -> None:
    directory = tell(tmp_path, story, 100, len(story) - 20)
    whole = known(directory)

    def damage(path: Path) -> None:
        data = path.read_bytes()
        if hurt == "flipped":
            flip(path, len(data) // 2)
        elif hurt == "cut":
            path.write_bytes(data[:-3])
        elif hurt == "no START":
            _, records = read_checkpoint(path)
            start = (len(records[-1].data) + 7 + 32) & -8
            path.write_bytes(data[:-start])
        elif hurt == "pipe":
            path.unlink()
            os.mkfifo(path)
        else:
            path.write_bytes(b"")

    newest, older = checkpoints(directory)
    for count, one in enumerate((newest, older), 1):
        damage(one.path)
        told = known(directory)
        assert told[:-1] == whole[:-1]
        assert len(told[-1]) == count and one.path.name in told[-1][count - 1]
    assert {one for one, _ in wrong_checkpoints(directory)} == {newest, older}
    # The next one takes their place.
    assert make_checkpoint(directory, UNREAD_MAX) is not None
    assert known(directory)[:-1] == whole[:-1]


def test_what_lies_before_the_older_one_may_go(tmp_path: Path, story: list[Record]) -> None:
    directory = tell(tmp_path, story, 100, len(story) - 20)
    whole, before = known(directory), len(files(directory))
    gone = prune(directory, Keep(bytes_max=1), 0)
    assert gone and len(files(directory)) == before - len(gone)
    assert known(directory) == whole
    newest, older = checkpoints(directory)
    flip(newest.path, 1000)
    told = known(directory)
    assert told[:-1] == whole[:-1] and len(told[-1]) == 1
    assert prune(directory, Keep(bytes_max=1), 0) == []
    # Nobody can say what was before both.
    flip(older.path, 1000)
    assert any("on, is gone" in text for text in known(directory)[-1])
    assert make_checkpoint(directory, UNREAD_MAX) is None


def test_with_one_alone_nothing_goes(tmp_path: Path, story: list[Record]) -> None:
    directory = tell(tmp_path, story, len(story) - 20)
    assert prune(directory, Keep(bytes_max=1), 0) == []


def test_those_of_a_run_that_another_took_over_from_are_not_used(
    tmp_path: Path, story: list[Record]
) -> None:
    directory = tell(tmp_path, story, 100, 200)
    run = Run(tmp_path, EPOCH + 1)
    start = orjson.dumps({"standings": {"reads": [77, 3]}})
    run.tell((Kind.START, start))
    run.end()
    orders = Orders(100, 100)
    found = recall(tmp_path, EPOCH + 2, BINANCE_SPOT, orders, Positions(), UNREAD_MAX)
    assert len(orders) == 0 and found.standings["reads"] == (77, 3)
    gone = prune(directory, Keep(bytes_max=1), 0)
    assert {file.epoch for file in files(directory)} == {EPOCH + 1} and gone


def test_one_that_lies_is_found(tmp_path: Path, story: list[Record]) -> None:
    directory = tell(tmp_path, story, 100, len(story) - 20)
    assert list(wrong_checkpoints(directory)) == []
    newest, older = checkpoints(directory)
    header, records = read_checkpoint(newest.path)
    told = [(Kind(record.kind), record.data) for record in records]
    del told[2]
    write_checkpoint(directory, header, 1, told)
    assert list(wrong_checkpoints(directory)) == [
        (newest, "its record 3 is not what the journal says")
    ]
    # Without what it was made from, nothing can be said of the older one.
    prune(directory, Keep(bytes_max=1), 0)
    assert [(one, bool(text)) for one, text in wrong_checkpoints(directory)] == [
        (older, False),
        (newest, True),
    ]


def test_of_damaged_records_none_is_made(tmp_path: Path, story: list[Record]) -> None:
    directory = tell(tmp_path, story)
    first = files(directory)[0].path
    flip(first, first.stat().st_size // 2)
    assert make_checkpoint(directory, UNREAD_MAX) is None
    assert checkpoints(directory) == []


def test_a_torn_end_is_left_out(tmp_path: Path, story: list[Record]) -> None:
    directory = tell(tmp_path, story)
    last = files(directory)[-1].path
    data = last.read_bytes()
    *_, whole = read(last)
    last.write_bytes(data[:-8])
    made = make_checkpoint(directory, UNREAD_MAX)
    assert made is not None
    last.write_bytes(data)
    assert made.position == sum(file.path.stat().st_size - 64 for file in files(directory)) - (
        (32 + len(whole.data) + 7) & -8
    )
    assert list(wrong_checkpoints(directory)) == []


@pytest.mark.parametrize("size", [0, 63])
def test_a_file_that_was_just_begun_is_no_damage(
    tmp_path: Path, story: list[Record], size: int
) -> None:
    directory = tell(tmp_path, story)
    begun = directory / file_name(EPOCH, len(files(directory)))
    begun.write_bytes(files(directory)[0].path.read_bytes()[:size])
    assert make_checkpoint(directory, UNREAD_MAX) is not None
    assert list(wrong_checkpoints(directory)) == []


def test_the_journal_process_has_them_made(tmp_path: Path, story: list[Record]) -> None:
    maker = ("fixengine.network.checkpoint", str(UNREAD_MAX))
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    journal = Journal.open(
        state,
        EPOCH,
        0,
        ring_bytes=1 << 20,
        file_bytes_max=1 << 20,
        shared_memory=state,
        checkpoints=Checkpoints(1 << 13, maker),
    )
    for record in story:
        assert journal.append(record.kind, record.now_ns, record.line, record.data)
    assert journal.sync(WAIT_S)
    directory = state / "journal"
    # It is woken by what is asked of it, and answers when it has looked.
    while not checkpoints(directory):
        assert journal.append(Kind.TICK, 1, 0, b"") and journal.sync(WAIT_S)
    assert journal.close(WAIT_S)
    assert list(wrong_checkpoints(directory)) == []


def test_an_engine_that_was_killed_goes_on_from_its_checkpoint(stage: Stage) -> None:
    venue = stage.venue()
    journal = {"checkpoint_bytes": 1 << 16}
    engine = stage.engine(venue.place, journal=journal)
    engine.expect(event="active")
    client = stage.client(engine)
    resting = {trade(client).cl_ord_id for _ in range(5)}
    directory = engine.state_dir / "journal"
    for _ in range(80):
        trade(client, THROUGH)
    deadline = time.monotonic() + WAIT_S
    while not checkpoints(directory) and time.monotonic() < deadline:
        time.sleep(0.05)
    engine.kill()
    # Without it the start would know nothing of what was before.
    (made, *_) = checkpoints(directory)
    for file in files(directory):
        data = bytearray(file.path.read_bytes())
        data[64 : 64 + made.position] = bytes(made.position)
        file.path.write_bytes(data)
    again = stage.engine(venue.place, journal=journal)
    again.expect(event="active")
    hear(client, SessionStatus, engine_state="active")
    assert {order.cl_ord_id for order in client.snapshot().orders} == resting
    assert not any("damaged" in line.get("text", "") for line in again.said)
