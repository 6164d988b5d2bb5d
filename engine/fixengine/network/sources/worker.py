"""The process that asks REST and follows the user data stream, so that the walk is never held.

Started by door.py with one end of a socket pair as its only argument; it ends when the other end
is closed, so also when the network process dies in whatever way. It reads its own key files and
gets no secret by the socket. It decides nothing: see rest.py and user_data.py.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import msgspec

from fixengine.fix.keys import KeyFileError, Signer, load
from fixengine.fix.venues.binance import WEB
from fixengine.network.config import Config, ConfigError
from fixengine.network.host import harden
from fixengine.network.journal.process import leave_the_engines_core
from fixengine.network.sources.answers import Because, Problem, Symbol
from fixengine.network.sources.asks import INSTRUMENTS, KEPT
from fixengine.network.sources.kept import Kept
from fixengine.network.sources.packets import (
    PACKET_BYTES_MAX,
    ROWS_A_PACKET,
    Broken,
    Failed,
    Follow,
    FromWorker,
    Question,
    Rows,
    Setup,
    Stream,
    StreamEvent,
    StreamState,
    encode,
    to_worker,
)
from fixengine.network.sources.rest import Rest
from fixengine.network.sources.user_data import Tell, UserData
from fixengine.network.transport import ConnectError, tls_context

PARALLEL_MAX = 4


class Worker:
    """Serves one socket. rest: None where it is off. follow: keeps the stream open, telling what
    it is handed; None where it is off. kept: what is known of symbols from earlier runs.
    """

    def __init__(
        self,
        ours: socket.socket,
        rest: Rest | None,
        follow: Callable[[Tell], Coroutine[Any, Any, None]] | None,
        kept: Kept,
    ) -> None:
        self._socket = ours
        self._kept = kept
        self._rest = rest
        self._follow = follow
        self._sending = asyncio.Lock()
        self._at_once = asyncio.Semaphore(PARALLEL_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the other end is closed."""
        while (packet := await receive(self._socket)) is not None:
            if isinstance(packet, Question):
                self._start(self._answer(packet))
            elif isinstance(packet, Follow):
                await self._start_following()
        for task in self._tasks:
            task.cancel()

    async def send(self, packet: FromWorker) -> None:
        """Hand a packet over, waiting while the other side is busy."""
        data = encode(packet)
        if len(data) > PACKET_BYTES_MAX:
            text = f"more than {PACKET_BYTES_MAX} bytes: {len(data)}"
            if isinstance(packet, Rows):
                problem = Problem(Because.FAILED.value, f"rows of {text}")
                data = encode(Failed(packet.number, problem))
            else:
                # It is a hole in what is told, and must not look like less.
                raise OSError(f"an event of {text}")
        async with self._sending:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def _start_following(self) -> None:
        follow, self._follow = self._follow, None
        if follow is not None:
            self._start(follow(self._tell))
        else:
            text = (
                "the stream is off (sources.user_data), its port is not known (sources.port),"
                " or it is followed already"
            )
            await self.send(StreamState(Stream.REFUSED.value, 0, text))

    async def _tell(self, packet: StreamState | StreamEvent) -> None:
        await self.send(packet)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            # Nobody must wait for an answer that does not come: the other side sees the end.
            if not isinstance(problem, OSError):
                sys.excepthook(type(problem), problem, problem.__traceback__)
            os._exit(1)

    async def _answer(self, question: Question) -> None:
        if question.ask.call == KEPT:
            await self._send_rows(question.number, self._kept.load(), True)
            return
        if self._rest is None:
            text = "REST is off (sources.rest), or its port is not known (sources.port)"
            await self.send(Failed(question.number, Problem(Because.FAILED.value, text)))
            return
        async with self._at_once:
            async for page in self._rest.pages(question.ask):
                if page.problem is not None:
                    await self.send(Failed(question.number, page.problem))
                    return
                rows: Any = tuple(page.rows)
                if question.ask.call == INSTRUMENTS:
                    self._keep(rows)
                await self._send_rows(question.number, rows, page.is_last)

    async def _send_rows(self, number: int, rows: tuple[Any, ...], ends: bool) -> None:
        """ends: whether no further page follows."""
        pieces = [rows[at : at + ROWS_A_PACKET] for at in range(0, len(rows), ROWS_A_PACKET)] or [
            ()
        ]
        for piece in pieces:
            await self.send(Rows(number, piece, ends and piece is pieces[-1]))

    def _keep(self, symbols: tuple[Symbol, ...]) -> None:
        # A disk that is full makes itself heard elsewhere, and nothing follows from this one file.
        with suppress(OSError):
            self._kept.keep(symbols)


async def receive(ours: socket.socket) -> Any:
    """The next packet, or None at the end."""
    data = await asyncio.get_running_loop().sock_recv(ours, PACKET_BYTES_MAX)
    return to_worker.decode(data) if data else None


async def serve(ours: socket.socket) -> None:
    """Everything, from Setup on. Raises what is wrong with keys and files."""
    setup = await receive(ours)
    if not isinstance(setup, Setup):
        return
    config = msgspec.convert(setup.config, Config, dec_hook=lambda kind, given: kind(given))
    api_key, signer = load(config.sources_key)
    context = tls_context(config.venue.ca_file)
    rest = make_rest(config, api_key, signer, context)
    follow, kept = None, Kept(config.engine.state_dir)
    if (place := config.stream_place) is not None:

        async def follow(tell: Tell) -> None:
            deadline_ms = config.sources.deadline_ms
            await UserData(
                WEB, place, api_key, signer, context, deadline_ms=deadline_ms, tell=tell
            ).run()

    if rest is None:
        await Worker(ours, None, follow, kept).run()
        return
    async with rest:
        await Worker(ours, rest, follow, kept).run()


def make_rest(config: Config, api_key: str, signer: Signer, context: ssl.SSLContext) -> Rest | None:
    """REST by the configuration; None where it is off."""
    place = config.rest_place
    if place is None:
        return None
    return Rest(
        WEB,
        place,
        api_key,
        signer,
        context,
        weight_max=WEB.weights.count_max * config.sources.weight_percent // 100,
        deadline_ms=config.sources.deadline_ms,
    )


def main(descriptor: str) -> int:
    """See the module's top; the exit status."""
    # The network process decides when this one ends, by closing the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ours = socket.socket(fileno=int(descriptor))
    ours.setblocking(False)
    try:
        harden()
        leave_the_engines_core()
        asyncio.run(serve(ours))
    except (KeyFileError, ConnectError, ConfigError) as problem:
        ours.setblocking(True)
        ours.send(encode(Broken(str(problem))))
        return 2
    except OSError:
        # The other end went away in the middle of a packet.
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
