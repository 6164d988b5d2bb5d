"""What goes into an engine once more makes it do the same once more, and what does not is found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fixengine.cli import main
from fixengine.client import Client, NoAnswer
from fixengine.messages import Heartbeat, NewOrderSingle, Side, encode
from fixengine.network.journal import Kind, Record, named
from fixengine.network.journal.record import split_named
from fixengine.network.replay.drive import MALFORMED, Replay, Result
from fixengine.network.replay.tape import Placed
from fixengine.testing import SimulatedEngine
from journal_story import Run
from world.run import World

FAR = "49000"


def limit(price: str = FAR) -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.01", price)


def heard(client: Client, timeout: float = 1) -> None:
    """Read until nothing more comes; requests that got no answer are not waited for."""
    while True:
        try:
            for _ in client.reports(timeout=timeout):
                pass
            return
        except NoAnswer:
            continue


def replayed(records: list[Record]) -> Result:
    placed = [Placed(record, "memory", 0) for record in records]
    return Replay(records[0].epoch, placed).run()


def runs(engine: SimulatedEngine) -> Iterator[list[Record]]:
    for journal in engine.journals:
        yield journal.records


def assert_the_same(engine: SimulatedEngine) -> None:
    for records in runs(engine):
        result = replayed(records)
        found = result.different
        assert found is None, (found.recorded, found.made, found.why)
        assert sum(result.compared.values()) + sum(result.skipped.values()) == len(records)


def trade(engine: SimulatedEngine, client: Client, count: int = 6) -> None:
    """Orders that rest, trade in parts and as a whole, and are cancelled."""
    for number in range(count):
        order = client.submit(limit(FAR if number % 3 else "50100"))
        engine.advance(0.01)
        if number % 3 == 1:
            engine.venue.fill(order, "0.004")
        if number % 3 == 2:
            client.cancel(order)
    heard(client)


def quiet(engine: SimulatedEngine, client: Client) -> None:
    trade(engine, client)


def reset(engine: SimulatedEngine, client: Client) -> None:
    trade(engine, client)
    client.submit(limit())
    engine.venue.fault("reset")
    engine.advance(60)
    heard(client)
    trade(engine, client)


def kill(engine: SimulatedEngine, client: Client) -> None:
    trade(engine, client)
    client.submit(limit())
    client.submit(limit("50100"))
    engine.restart()
    engine.advance(60)
    heard(client)
    trade(engine, client)
    engine.restart()
    engine.advance(60)


def swallowed(engine: SimulatedEngine, client: Client) -> None:
    engine.venue.fault("swallow")
    client.submit(limit())
    engine.advance(60)
    heard(client)


def silence(engine: SimulatedEngine, client: Client) -> None:
    trade(engine, client)
    engine.venue.fault("black-hole")
    engine.advance(300)
    heard(client)


def out_of_reach(engine: SimulatedEngine, client: Client) -> None:
    engine.venue.is_reachable = False
    engine.venue.fault("reset")
    engine.advance(100)
    engine.venue.is_reachable = True
    engine.advance(100)
    heard(client)


def maintenance(engine: SimulatedEngine, client: Client) -> None:
    trade(engine, client)
    engine.venue.fault("news")
    engine.advance(100)
    heard(client)
    trade(engine, client)


def bad_disk(engine: SimulatedEngine, client: Client) -> None:
    engine.journal.healthy = False
    client.submit(limit())
    heard(client)
    engine.journal.healthy = True
    engine.advance(3)
    trade(engine, client)


def one_that_leaves(engine: SimulatedEngine, client: Client) -> None:
    trade(engine, client)
    other = engine.client("other")
    other.submit(limit())
    other.close()
    engine.advance(60)
    trade(engine, client)


def stop(engine: SimulatedEngine, client: Client) -> None:
    trade(engine, client)
    assert engine.stop() == 0


def repeated(engine: SimulatedEngine, client: Client) -> None:
    order = limit()
    order.cl_ord_id = "mine"
    client.submit(order)
    heard(client)
    client.submit(order)
    engine.restart()
    engine.advance(30)
    heard(client)
    client.submit(order)
    heard(client)


STORIES = (
    quiet,
    reset,
    kill,
    swallowed,
    silence,
    out_of_reach,
    maintenance,
    bad_disk,
    one_that_leaves,
    stop,
    repeated,
)
LIVES: dict[str, Any] = {"strategies": {"on_death": "cancel"}}


@pytest.mark.parametrize("story", STORIES)
def test_the_same_comes_out(story: Callable[[SimulatedEngine, Client], None]) -> None:
    with SimulatedEngine(config=LIVES) as engine:
        story(engine, engine.client("maker"))
        engine.advance(5)
        assert_the_same(engine)


def test_over_several_sessions_and_a_drop_copy() -> None:
    config = {"venue": {"sessions": 3, "report_sessions": 1, "drop_copy": True}}
    with SimulatedEngine(config=config) as engine:
        client = engine.client("maker")
        trade(engine, client)
        engine.venue.fault("reset")
        engine.advance(60)
        heard(client)
        trade(engine, client)
        assert_the_same(engine)


@pytest.mark.parametrize("seed", range(4))
def test_what_a_world_recorded_comes_out_again(seed: int) -> None:
    world = World(seed, 600)
    world.run()
    for journal in world.engine.journals:
        if any(record.kind == Kind.START for record in journal.records):
            found = replayed(journal.records).different
            assert found is None, (found.recorded, found.made, found.why)


@pytest.fixture
def records() -> list[Record]:
    with SimulatedEngine() as engine:
        trade(engine, engine.client("maker"))
        engine.advance(40)
        return engine.journal.records


def changed(records: list[Record], kind: Kind, old: bytes, new: bytes) -> list[Record]:
    """The same with the last record of a kind that has this changed."""
    found = [at for at, one in enumerate(records) if one.kind == kind and old in one.data]
    at = found[-1]
    record = records[at]._replace(data=records[at].data.replace(old, new))
    return [*records[:at], record, *records[at + 1 :]]


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        (Kind.FRAME_OUT, b"\x0152=2026", b"\x0152=2027"),
        (Kind.DELIVERED, b"BTCUSDT", b"ETHUSDT"),
        (Kind.INTENT, b"49000", b"49001"),
        (Kind.ACK, b"Ack", b"Bck"),
    ],
)
def test_what_differs_is_found_where_it_does(
    records: list[Record], kind: Kind, old: bytes, new: bytes
) -> None:
    other = changed(records, kind, old, new)
    found = replayed(other).different
    assert found is not None and found.recorded is not None and found.made is not None
    assert found.recorded.record in other and found.recorded.record not in records
    assert (found.made.kind, found.made.data) in [(one.kind, one.data) for one in records]


def test_an_output_too_many_and_one_too_few_are_found(records: list[Record]) -> None:
    at = max(at for at, record in enumerate(records) if record.kind == Kind.DELIVERED)
    twice = [*records[: at + 1], records[at], *records[at + 1 :]]
    found = replayed(twice).different
    assert found is not None and found.recorded is not None
    assert found.recorded.record == records[at]
    found = replayed([*records[:at], *records[at + 1 :]]).different
    assert found is not None and found.made is not None
    assert found.made.data == records[at].data


def test_an_input_that_changed_changes_what_comes_out(records: list[Record]) -> None:
    def other_fill(data: bytes) -> bytes:
        body = data[:-7].replace(b"\x0155=BTCUSDT", b"\x0155=BTCUSDC")
        return body + b"10=%03d\x01" % (sum(body) % 256)

    reports = [one for one in records if one.kind == Kind.FRAME_IN and b"\x0135=8\x01" in one.data]
    at = records.index(reports[-1])
    record = records[at]._replace(data=other_fill(records[at].data))
    found = replayed([*records[:at], record, *records[at + 1 :]]).different
    assert found is not None and found.recorded is not None
    assert found.recorded.record.kind == Kind.DELIVERED


def test_a_run_that_was_cut_off_is_the_same_up_to_there(records: list[Record]) -> None:
    for length in range(1, len(records), 7):
        result = replayed(records[:length])
        assert result.different is None
        assert sum(result.compared.values()) == length


def test_rubbish_of_which_only_the_head_is_recorded_is_named() -> None:
    with SimulatedEngine() as engine:
        client = engine.client("maker")
        trade(engine, client, 1)
        other = engine.client("other")
        peer = split_named(
            next(one.data for one in reversed(engine.journal.records) if one.kind == Kind.ORDER)
        )[0]
        assert peer is not None
        gateway = engine._running().gateway
        for rubbish in (b"\xc1rubbish", b"\xc1" * 300):
            gateway.on_order(peer.encode(), rubbish, engine.now_ns)
            gateway.flush(engine.now_ns)
        other.submit(limit())
        heard(other)
        result = replayed(engine.journal.records)
        assert result.different is None
        assert result.skipped == {MALFORMED: 1}


# --- the command ------------------------------------------------------------------------------


def write(folder: Path, records: list[Record]) -> None:
    run = Run(folder, records[0].epoch)
    for record in records:
        run.put(record)
    run.end()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Two runs on disk, the first of them killed."""
    with SimulatedEngine() as engine:
        client = engine.client("maker")
        trade(engine, client)
        engine.restart()
        engine.advance(30)
        heard(client)
        for found in runs(engine):
            write(tmp_path, found)
    return tmp_path


def test_the_command_says_the_same(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "replay", str(state)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "the same"
    assert len([line for line in lines if line.startswith("run ")]) == 2
    assert any(line.startswith("not compared: of a Logon") for line in lines)
    files = sorted((state / "journal").glob("journal-*.fxj"))
    assert main(["journal", "replay", "--json", *map(str, files)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["same"] is True and [run["difference"] for run in told["runs"]] == [None, None]
    assert main(["journal", "replay", str(state), str(state)]) == 0, "what is given twice is one"


def test_the_command_names_the_first_difference(
    tmp_path: Path, records: list[Record], capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, changed(records, Kind.INTENT, b"49000", b"49001"))
    assert main(["journal", "replay", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    at = next(at for at, line in enumerate(lines) if "first difference: #" in line)
    assert "price=49001" in lines[at + 1] and "price=49000" in lines[at + 2]
    assert lines[-1] == "not the same"
    assert main(["journal", "replay", str(tmp_path), "--json"]) == 1
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    sides = [run["difference"][side]["content"]["price"] for side in ("recorded", "replayed")]
    assert sides == ["49001", "49000"]


def test_behind_a_hole_nothing_is_said_to_be_the_same(
    tmp_path: Path, records: list[Record], capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, records)
    (file,) = (tmp_path / "journal").glob("journal-*.fxj")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert main(["journal", "replay", str(tmp_path)]) == 1
    assert "nothing behind it can be replayed" in capsys.readouterr().out


@pytest.mark.parametrize("kind", [Kind.LINK, Kind.READ, Kind.SOURCE, Kind.START, Kind.STRATEGY])
def test_a_record_that_makes_no_sense_differs(
    tmp_path: Path, records: list[Record], kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    at = next(at for at, record in enumerate(records) if record.kind == kind and record.data)
    data = bytearray(records[at].data)
    data[-1 if kind == Kind.READ else 1] = 0xFF
    hurt = records[at]._replace(data=bytes(data))
    write(tmp_path, [*records[:at], hurt, *records[at + 1 :]])
    assert main(["journal", "replay", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "not the same"


@pytest.mark.parametrize("cut", [0, 30])
def test_a_file_that_cannot_be_read_is_a_hole(
    state: Path, cut: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sorted((state / "journal").glob("journal-*.fxj"))[-1]
    data = file.read_bytes()
    file.write_bytes(data[:cut] if cut else b"?" + data[1:])
    assert main(["journal", "replay", str(state)]) == 1
    said = capsys.readouterr().out
    assert file.name in said and said.splitlines()[-1] == "not the same"


def test_a_run_of_which_the_beginning_is_gone_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path)
    run.tell((Kind.ORDER, named("a.1", encode(Heartbeat()))))
    run.end()
    assert main(["journal", "replay", str(tmp_path)]) == 2
    assert "its beginning is not there" in capsys.readouterr().err


def test_a_run_of_an_older_version_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path)
    run.tell((Kind.START, msgspec.json.encode({"epoch": 1, "config": {}, "standings": {}})))
    run.end()
    assert main(["journal", "replay", str(tmp_path)]) == 2
    assert "did not record all it read" in capsys.readouterr().err


def test_what_came_out_of_the_journal_and_what_was_handed_over() -> None:
    config = {
        "bus": {"report_buffer_max": 16},
        "strategy": {"maker": {"on_death": "hand_over", "heir": "desk"}},
    }
    with SimulatedEngine(config=config) as engine:
        with engine.client("maker") as maker:
            order = maker.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "1", FAR))
            heard(maker)
        for _ in range(50):
            engine.venue.fill(order, "0.01")
        with engine.client("maker", resume_from=1) as maker:
            heard_again = [event.report_seq for event in maker.reports(timeout=1)]
            assert len(heard_again) > 50
            assert heard_again == list(range(1, len(heard_again) + 1)), "none is a Gap"
        engine.advance(20)
        desk = engine.client("desk")
        (inherited,) = desk.snapshot().orders
        desk.cancel(inherited.cl_ord_id)
        heard(desk)
        assert desk.snapshot().orders == ()
        assert_the_same(engine)
