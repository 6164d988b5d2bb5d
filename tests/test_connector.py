"""What brings lines up, with a disk that does not answer."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import orjson
import pytest
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.network.config import load
from fixengine.network.connector import Connector
from fixengine.network.line import Line
from fixengine.network.sessions import Connect
from fixengine.network.slot import ONLY_POST
from fixengine.network.state import StateDir
from processes import Stage, stage, write_config
from scripted_venue import WAIT_S
from sessions_in_memory import initiator

__all__ = ["stage"]


class Owner:
    """Hears how attempts end."""

    def __init__(self) -> None:
        self.failed: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.logged: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def log(self, level: str, text: str, **_: object) -> None:
        self.logged.put_nowait((level, text))

    def on_connected(self, line: Line) -> None:
        raise AssertionError("connected")

    def on_not_connected(self, comp_id: str, text: str) -> None:
        self.failed.put_nowait((comp_id, text))

    def on_bytes(self, line: Line) -> None:
        raise AssertionError("bytes")

    def on_lost(self, line: Line, reason: str) -> None:
        raise AssertionError("lost")

    def on_defect(self, problem: BaseException) -> None:
        raise problem


class Disk:
    """fsync that answers only once `freed` is set; `asked` when it was called."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.freed = threading.Event()
        self._fsync = os.fsync

    def fsync(self, descriptor: int) -> None:
        self.asked.set()
        assert self.freed.wait(WAIT_S)
        self._fsync(descriptor)


def new_line(wanted: Connect) -> Line:
    return Line(1, BINANCE_SPOT, initiator(wanted.comp_id), recv_window_ms=5000, budget=None)


def test_a_disk_that_does_not_answer_ends_the_attempt_and_holds_nothing_else(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acceptor = stage.acceptor()
    config_file, _ = write_config(tmp_path, acceptor.place, venue={"connect_timeout_ms": 100})
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)

    async def play() -> None:
        owner = Owner()
        connector = Connector(load(config_file), state, owner, new_line)
        connector.start(Connect("ONE", ONLY_POST))
        assert await asyncio.to_thread(disk.asked.wait, WAIT_S)
        comp_id, text = await asyncio.wait_for(owner.failed.get(), WAIT_S)
        assert (comp_id, text) == ("ONE", f"{state.path}: nothing is on disk after 0.1 s")
        # Behind what the disk was asked for before, and nobody waits for it.
        connector.clear("ONE")
        assert not disk.freed.is_set()
        disk.freed.set()
        await connector.close(WAIT_S)
        assert owner.logged.empty()

    with StateDir(tmp_path / "state") as state:
        asyncio.run(play())
    on_disk = orjson.loads((tmp_path / "state" / "state.json").read_bytes())
    assert (on_disk["comp_ids"], len(on_disk["attempts_ns"])) == ({}, 1)


def test_a_mark_that_cannot_be_cleared_is_told(stage: Stage, tmp_path: Path) -> None:
    config_file, _ = write_config(tmp_path, stage.acceptor().place)

    async def play() -> None:
        owner = Owner()
        connector = Connector(load(config_file), state, owner, new_line)
        connector.clear("ONE")
        level, text = await asyncio.wait_for(owner.logged.get(), WAIT_S)
        assert level == "error"
        assert text.endswith("state.json: cannot be written: Is a directory")
        await connector.close(WAIT_S)

    with StateDir(tmp_path / "state") as state:
        state.mark_in_use("ONE", 5, 1)
        (tmp_path / "state" / "state.json.new").mkdir()
        asyncio.run(play())
