"""What only an AsyncClient can get wrong: its place among other tasks of the loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop
from fixengine.client import AsyncClient, Client, ClientError, NotConnected
from scripted_engine import ENVIRONMENT, WAIT_MS, Engine, order, report


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(f"ipc://{tmp_path}/bus.sock")
    yield engine
    engine.down()


# --- asyncio alone --------------------------------------------------------------------------


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


def echo(engine: Engine, count: int) -> None:
    """Answer each order with a report until so many were answered."""
    engine.greet()
    for seq in range(1, count + 1):
        engine.send(report(seq, engine.receive_but_acks().cl_ord_id))


def test_one_task_submits_while_another_waits(engine: Engine, run: Any) -> None:
    async def strategy() -> list[str]:
        async with AsyncClient(engine.endpoint, "maker") as client:
            reports = client.reports(WAIT_MS / 1000)

            async def one_way_and_back() -> str:
                waiting = asyncio.ensure_future(anext(reports))
                await asyncio.sleep(0)  # now it waits
                cl_ord_id = client.submit(order())
                event: Any = await waiting
                assert event.cl_ord_id == cl_ord_id
                return cl_ord_id

            return [await one_way_and_back() for _ in range(300)]

    with engine.doing(echo, engine, 300):
        assert len(set(run(strategy()))) == 300


def test_a_blocking_client_misses_no_wake_up(engine: Engine) -> None:
    with (
        engine.doing(echo, engine, 300),
        Client(engine.endpoint, "maker", ack_every=1) as client,
    ):
        for _ in range(300):
            cl_ord_id = client.submit(order())
            event: Any = next(client.reports(WAIT_MS / 1000))
            assert event.cl_ord_id == cl_ord_id


def test_submitting_does_not_hide_an_event_that_has_come(engine: Engine, run: Any) -> None:
    async def strategy() -> Any:
        async with AsyncClient(engine.endpoint, "maker") as client:
            # ZeroMQ reads its signals on sending only if the last sending is some time ago.
            assert [event async for event in client.reports(0.01)] == []
            waiting = asyncio.ensure_future(anext(client.reports()))
            await asyncio.sleep(0)
            engine.send(report(1))
            assert client._dealer is not None
            client._dealer.wait(WAIT_MS)
            client.submit(order())
            return await waiting

    with engine.doing(engine.greet):
        assert run(strategy()) == report(1)


def test_an_unread_event_does_not_keep_the_loop_busy(engine: Engine, run: Any) -> None:
    calls = []

    class Counting(AsyncClient):
        def _on_readable(self) -> None:
            calls.append(1)
            super()._on_readable()

    async def strategy() -> None:
        async with Counting(engine.endpoint, "maker") as client:
            engine.send(report(1))
            assert client._dealer is not None
            client._dealer.wait(WAIT_MS)
            await asyncio.sleep(0.02)
            assert len(calls) < 20
            assert await anext(client.reports()) == report(1)

    with engine.doing(engine.greet):
        run(strategy())


def test_closing_leaves_nothing_on_the_loop(engine: Engine, run: Any) -> None:
    async def strategy() -> None:
        async with AsyncClient(engine.endpoint, "maker") as client:
            assert client._dealer is not None
            watched = client._dealer.descriptor, client._dealer.monitor_descriptor
            client.close()
            loop = asyncio.get_running_loop()
            assert not any(loop.remove_reader(descriptor) for descriptor in watched)

    with engine.doing(engine.greet):
        run(strategy())


def test_closing_does_not_wait_for_an_engine_that_does_not_read(engine: Engine, run: Any) -> None:
    async def strategy() -> None:
        async with AsyncClient(engine.endpoint, "maker") as client:
            with suppress(NotConnected):
                while True:
                    client.submit(order())
            started = time.monotonic()
            client.close()
            assert time.monotonic() - started < 0.1

    with engine.doing(engine.greet):
        run(strategy())
    (closing,) = [thread for thread in threading.enumerate() if thread.name == "fixengine-close"]
    assert not closing.daemon
    closing.join(WAIT_MS / 1000)
    assert not closing.is_alive()


def test_a_program_that_ends_at_once_has_sent_what_it_submitted(engine: Engine) -> None:
    program = f"""
import asyncio
from fixengine.client import AsyncClient
from fixengine.messages import NewOrderSingle

async def strategy():
    async with AsyncClient({engine.endpoint!r}, "maker") as client:
        for number in range(900):
            client.submit(NewOrderSingle.limit("X", "1", "1", "2", cl_ord_id=str(number)))

asyncio.run(strategy())
"""
    with subprocess.Popen([sys.executable, "-c", program], env=ENVIRONMENT) as process:
        engine.greet()
        assert process.wait(WAIT_MS / 1000) == 0
        got = [engine.receive().cl_ord_id for _ in range(900)]
    assert got == [str(number) for number in range(900)]


def test_cancelling_a_waiting_task_loses_nothing(engine: Engine, run: Any) -> None:
    async def strategy() -> Any:
        async with AsyncClient(engine.endpoint, "maker") as client:
            waiting = asyncio.ensure_future(anext(client.reports()))
            await asyncio.sleep(0)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            client.submit(order("go"))
            return await anext(client.reports(WAIT_MS / 1000))

    with engine.doing(echo, engine, 1):
        assert run(strategy()) == report(1, "go")


def test_a_second_reader_is_refused_and_closing_frees_the_first(engine: Engine, run: Any) -> None:
    async def strategy() -> None:
        async with AsyncClient(engine.endpoint, "maker") as client:
            waiting = asyncio.ensure_future(anext(client.reports()))
            await asyncio.sleep(0)
            with pytest.raises(ClientError, match="another task"):
                await anext(client.reports())
            client.close()
            with pytest.raises(StopAsyncIteration):
                await waiting

    with engine.doing(engine.greet):
        run(strategy())


def test_a_stream_of_events_leaves_turns_to_other_tasks(engine: Engine, run: Any) -> None:
    async def strategy() -> None:
        async with AsyncClient(engine.endpoint, "maker") as client:
            engine.send(*[report(seq) for seq in range(1, 1001)])
            turn = asyncio.ensure_future(asyncio.sleep(0))
            reports = client.reports(WAIT_MS / 1000)
            for _ in range(200):
                await anext(reports)
            assert turn.done()

    with engine.doing(engine.greet):
        run(strategy())


def test_an_async_client_is_entered_once(engine: Engine, run: Any) -> None:
    async def strategy() -> None:
        client = AsyncClient(engine.endpoint, "maker")
        assert not client.connected
        with pytest.raises(NotConnected, match="not open"):
            client.submit(order())
        async with client:
            with pytest.raises(ClientError, match="entered once"):
                await client.__aenter__()
        with pytest.raises(ClientError, match="entered once"):
            await client.__aenter__()

    with engine.doing(engine.greet):
        run(strategy())


def test_a_failed_entry_leaves_nothing_of_its_connection(engine: Engine, run: Any) -> None:
    client = AsyncClient(engine.endpoint, "maker", connect_timeout_ms=100)
    with pytest.raises(NotConnected):
        run(client.__aenter__())
    engine.down()
    with pytest.raises(NotConnected, match="nothing was listening"):
        run(client.__aenter__())
    engine.up()


def test_both_clients_have_the_same_methods() -> None:
    def public(client: type) -> set[str]:
        return {name for name in dir(client) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)
