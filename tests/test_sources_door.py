"""The second sources as a process: asked through their door, over a real venue with real orders."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fixengine.network.config import Config, load
from fixengine.network.sources import asks, door
from fixengine.network.sources.answers import Because, Problem
from fixengine.network.sources.asks import Ask
from fixengine.network.sources.door import Sources
from fixengine.network.sources.events import Told
from fixengine.network.sources.packets import ROWS_A_PACKET, StreamState
from processes import Stage, Venue, hear, limit, stage, trade, write_config
from scripted_venue import WAIT_S, Place

__all__ = ["stage"]


class Ear:
    """An owner that keeps what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.rows: dict[int, list[Any]] = {}
        self.pieces: dict[int, list[tuple[int, bool]]] = {}
        self.done: set[int] = set()
        self.problems: dict[int, Problem] = {}
        self.stream: list[StreamState] = []
        self.events: list[Told] = []
        self.ends: list[str] = []
        self._news = asyncio.Event()

    def on_rows(self, number: int, rows: tuple[Any, ...], is_last: bool) -> None:
        self.rows.setdefault(number, []).extend(rows)
        self.pieces.setdefault(number, []).append((len(rows), is_last))
        if is_last:
            self.done.add(number)
        self._news.set()

    def on_problem(self, number: int, problem: Problem) -> None:
        self.problems[number] = problem
        self._news.set()

    def on_stream(self, state: StreamState) -> None:
        self.stream.append(state)
        self._news.set()

    def on_event(self, connection: int, event: Told) -> None:
        self.events.append(event)
        self._news.set()

    def on_ended(self, text: str) -> None:
        self.ends.append(text)
        self._news.set()

    async def until(self, is_so: Callable[[], Any]) -> None:
        """Wait until something is so; a failure shows all that was told."""
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                self._news.clear()
                await self._news.wait()

    async def answer(self, sources: Sources, ask: Ask) -> Any:
        """Rows, or the problem."""
        number = sources.ask(ask)
        assert isinstance(number, int), number
        await self.until(lambda: number in self.done or number in self.problems)
        return self.problems.get(number) or self.rows[number]


def config_of(folder: Path, place: Place, web_port: int, **changes: Any) -> Config:
    path, _ = write_config(folder, place, sources={"port": web_port, **changes})
    return load(path)


def talk(config: Config, work: Callable[[Sources, Ear], Awaitable[None]]) -> None:
    """Run a test's work with a started process."""

    async def main() -> None:
        ear = Ear()
        sources = Sources(config, ear)
        sources.start()
        try:
            await work(sources, ear)
        finally:
            sources.close()

    asyncio.run(main())


def fill_history(stage: Stage, venue: Venue, fills: int) -> list[str]:
    """Orders of a real strategy, one that rests and some that are filled; the venue's ids."""
    engine = stage.engine(venue.place)
    engine.expect(event="active")
    client = stage.client(engine)
    ids = [str(trade(client).order_id)]
    for _ in range(fills):
        cl_ord_id = client.submit(limit("50100.00"))
        ids.append(str(hear(client, object, cl_ord_id=cl_ord_id, ord_status="2").order_id))
    client.close()
    return ids


def test_what_a_strategy_did_can_be_read_back(stage: Stage, tmp_path: Path) -> None:
    venue = stage.venue()
    resting, *filled = fill_history(stage, venue, ROWS_A_PACKET + 5)
    (tmp_path / "asks").mkdir()
    config = config_of(tmp_path / "asks", venue.place, venue.web_port)

    async def work(sources: Sources, ear: Ear) -> None:
        [order] = await ear.answer(sources, asks.open_orders())
        assert (str(order.order_id), order.price) == (resting, "49000.00000000")
        number = sources.ask(asks.trades("BTCUSDT", from_id=0))
        assert isinstance(number, int)
        await ear.until(lambda: number in ear.done)
        assert [str(row.order_id) for row in ear.rows[number]] == filled
        assert ear.pieces[number] == [(ROWS_A_PACKET, False), (5, True)]
        account, *balances = await ear.answer(sources, asks.account())
        assert account.can_trade
        locked = {row.asset: row.locked for row in balances}
        assert locked["USDT"] == "49.00000000"
        assert await ear.answer(sources, asks.allocations("BTCUSDT")) == []
        problem = await ear.answer(sources, asks.order("BTCUSDT", order_id=1))
        assert (problem.because, problem.code) == (Because.REFUSED, -2013)

    talk(config, work)


def test_what_was_told_of_a_symbol_is_kept_for_the_next_process(
    stage: Stage, tmp_path: Path
) -> None:
    venue = stage.venue()
    config = config_of(tmp_path, venue.place, venue.web_port)
    config.engine.state_dir.mkdir(mode=0o700, exist_ok=True)
    told: list[Any] = []

    async def ask(sources: Sources, ear: Ear) -> None:
        number = sources.ask(asks.kept_instruments())
        assert isinstance(number, int)
        await ear.until(lambda: number in ear.done)
        assert ear.rows[number] == told
        told[:] = await ear.answer(sources, asks.instruments(("BTCUSDT",)))
        assert [(row.symbol, row.told_ms > 0) for row in told] == [("BTCUSDT", True)]

    talk(config, ask)
    talk(config, ask)


def test_a_process_that_dies_is_told_and_can_be_started_anew(stage: Stage, tmp_path: Path) -> None:
    venue = stage.venue()
    config = config_of(tmp_path, venue.place, venue.web_port)

    async def work(sources: Sources, ear: Ear) -> None:
        await ear.answer(sources, asks.time())
        assert sources.pid is not None
        os.kill(sources.pid, signal.SIGSTOP)
        number = sources.ask(asks.time())
        assert isinstance(number, int)
        os.kill(sources.pid, signal.SIGKILL)
        await ear.until(lambda: ear.ends)
        assert "exit status -9" in ear.ends[0]
        assert ear.problems[number].because == Because.FAILED
        assert not sources.running
        assert isinstance(sources.ask(asks.time()), Problem)
        assert not sources.follow()
        sources.start()
        await ear.answer(sources, asks.time())

    talk(config, work)


def test_questions_are_bounded(stage: Stage, tmp_path: Path) -> None:
    config = config_of(tmp_path, stage.acceptor().place, stage.acceptor("other").place.port)

    async def work(sources: Sources, ear: Ear) -> None:
        for _ in range(door.QUESTIONS_MAX):
            assert isinstance(sources.ask(asks.time()), int)
        problem = sources.ask(asks.time())
        assert isinstance(problem, Problem)
        assert problem.text.startswith("64 questions are open")

    talk(config, work)


@pytest.mark.parametrize("changes", [{"rest": False}, {"port": 0}])
def test_rest_that_is_off(stage: Stage, tmp_path: Path, changes: dict[str, Any]) -> None:
    config = config_of(tmp_path, stage.acceptor().place, 1, **changes)

    async def work(sources: Sources, ear: Ear) -> None:
        problem = await ear.answer(sources, asks.time())
        assert problem.text == (
            "REST is off (sources.rest), or its port is not known (sources.port)"
        )

    talk(config, work)


def test_a_key_that_cannot_be_read(stage: Stage, tmp_path: Path) -> None:
    place = stage.acceptor().place
    files = {"api_key_file": str(tmp_path / "none"), "private_key_file": str(tmp_path / "none")}
    config = config_of(tmp_path, place, 1, **files)

    async def work(sources: Sources, ear: Ear) -> None:
        await ear.until(lambda: ear.ends)
        reason = f"{tmp_path / 'none'}: cannot be opened: No such file or directory"
        assert ear.ends == [f"the process that asks REST and the stream has ended: {reason}"]

    talk(config, work)


def test_the_process_ends_with_the_one_that_asks(stage: Stage, tmp_path: Path) -> None:
    config = config_of(tmp_path, stage.acceptor().place, 1)
    watched: list[int] = []

    async def work(sources: Sources, ear: Ear) -> None:
        assert sources.pid is not None
        watched.append(os.pidfd_open(sources.pid))
        sources._disconnect()
        # What is left of it reads the end of its socket, as after a kill -9 of this process.
        end = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(watched[0], lambda: end.done() or end.set_result(0))
        await asyncio.wait_for(end, WAIT_S)
        asyncio.get_running_loop().remove_reader(watched[0])
        assert sources._child is not None
        assert sources._child.wait() == 0

    talk(config, work)
    os.close(watched[0])


def test_answers_do_not_hold_the_loop(stage: Stage, tmp_path: Path) -> None:
    """The time that handling of one packet takes, at its best of many, is far below 200 us."""
    venue = stage.venue()
    fill_history(stage, venue, ROWS_A_PACKET)
    (tmp_path / "asks").mkdir()
    config = config_of(tmp_path / "asks", venue.place, venue.web_port)
    took: list[int] = []

    async def work(sources: Sources, ear: Ear) -> None:
        read = sources._on_readable

        def timed() -> None:
            before = time.perf_counter_ns()
            read()
            took.append(time.perf_counter_ns() - before)

        loop = asyncio.get_running_loop()
        assert sources._socket is not None
        loop.add_reader(sources._socket.fileno(), timed)
        for _ in range(20):
            rows = await ear.answer(sources, asks.trades("BTCUSDT", from_id=0))
            assert len(rows) == ROWS_A_PACKET

    talk(config, work)
    assert min(took) < 200_000
