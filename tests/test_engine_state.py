"""What a start says of a state directory of which something is gone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from fixengine.network.gone import Gone, Place
from fixengine.network.journal.reader import Scan, Walk
from processes import WAIT_S, Engine, Stage, stage, trade

__all__ = ["stage"]


def on_disk(engine: Engine, wire_id: str) -> bool:
    """Whether the journal's files have all of an order up to the report of it."""
    places = (engine.state_dir / "journal").glob("*.fxj")
    return sum(place.read_bytes().count(wire_id.encode()) for place in places) >= 4


@pytest.fixture
def killed(stage: Stage) -> Engine:
    """An engine that was killed, and its journal process too, while orders of two were open."""
    venue = stage.venue()
    engine = stage.engine(venue.place)
    engine.expect(event="active")
    orders = [trade(stage.client(engine, name)) for name in ("maker", "taker")]
    journal = engine.journal_process()
    deadline = time.monotonic() + WAIT_S
    while not on_disk(engine, orders[1].wire_cl_ord_id or ""):
        assert time.monotonic() < deadline, "the journal does not come to the disk"
        time.sleep(0.01)
    os.kill(journal, signal.SIGSTOP)
    engine.process.kill()
    engine.ended()
    os.kill(journal, signal.SIGKILL)
    return engine


def test_what_a_start_says_of_what_is_gone(stage: Stage, killed: Engine) -> None:
    state = killed.state_dir
    copy = state.with_name("copy")
    (state / "journal" / "ring").resolve().unlink()
    shutil.copytree(state, copy, symlinks=True, ignore=shutil.ignore_patterns("control"))

    def put_back() -> None:
        shutil.rmtree(state)
        shutil.copytree(copy, state, symlinks=True)

    again = stage.engine(stage.venue(name="other").place)
    again.expect(event="active")
    assert "its ring is gone" in again.warnings()[0]
    assert again.end() == 0

    put_back()
    (state / "state.json").unlink()
    refused = stage.engine(stage.venue(name="third").place)
    assert refused.ended() == 2
    assert "state.json: it has no number for strategy maker" in refused.errors
    os.truncate(refused.log, 0)

    put_back()
    for path in (state / "journal").iterdir():
        path.unlink()
    again = stage.engine(stage.venue(name="fourth").place)
    again.expect(event="active")
    assert "its files are gone" in again.warnings()[0]


def test_a_journal_that_ends_early_is_told_and_one_that_is_whole_is_not(stage: Stage) -> None:
    venue = stage.venue()
    for _ in range(2):
        engine = stage.engine(venue.place)
        engine.expect(event="active")
        assert engine.warnings() == []
        trade(stage.client(engine, "maker"))
        assert engine.end() == 0
    (*_, last) = sorted((engine.state_dir / "journal").glob("*.fxj"))
    ends = [scan.offset for scan in Walk(last).scans() if isinstance(scan, Scan) for _ in scan]
    os.truncate(last, ends[-2])
    again = stage.engine(venue.place)
    again.expect(event="active")
    (said,) = again.warnings()
    assert "has no end" in said


def test_a_socket_that_is_taken_away_is_told_and_trading_goes_on(stage: Stage) -> None:
    engine = stage.engine(stage.venue().place)
    client = stage.client(engine)
    engine.expect(event="active")
    trade(client)
    place = Path(engine.endpoint.removeprefix("ipc://"))
    aside = place.with_name("aside")
    place.rename(aside)
    told = engine.expect(level="error", event="bus")["text"]
    assert str(place) in told and "is gone" in told and "move it back" in told
    trade(client)
    asked = subprocess.run(
        [sys.executable, "-m", "fixengine", "status", str(engine.state_dir), "--json"],
        capture_output=True,
        check=True,
    )
    assert orjson.loads(asked.stdout)["engine"]["gone"] == [told]
    aside.rename(place)
    engine.expect(level="info", event="bus", text="is there again")
    place.unlink()
    place.write_text("somebody's")
    engine.expect(level="error", event="bus", text="is gone")
    trade(client)
    assert engine.end() == 0
    assert place.exists()


def test_a_journal_directory_that_is_taken_away_is_told(tmp_path: Path) -> None:
    place = tmp_path / "journal"
    place.mkdir()
    told: dict[Path, str] = {}
    looks: list[Any] = []
    log: list[tuple[str, str]] = []

    def say(level: str, text: str, **more: Any) -> None:
        log.append((level, text))

    class Loop:
        def call_later(self, delay: float, callback: Any) -> Any:
            looks[:] = [callback]

    loop: Any = Loop()
    Gone([Place(place, "journal", "the directory", "move it back")], loop, say, told)
    for change in (lambda: None, lambda: place.rename(tmp_path / "aside"), lambda: None):
        change()
        looks[0]()
    assert [level for level, _ in log] == ["error"]
    assert list(told) == [place] and "is gone" in told[place]
    (tmp_path / "aside").rename(place)
    looks[0]()
    assert log[1][0] == "info" and not told
