"""`fixengine simulate --venue plain --echo`: a classic FIX counterparty that sends orders back.

One session identity on a port of plain TCP. NewOrderSingle and SecurityDefinition come back as
they were, fields in the order of their tags; a copy that says PossResend is passed over where its
ClOrdID is known. Every session starts at 1 (ResetOnLogon), unless a state directory was named:
then the numbers go on, across kills as well. While one connection is logged on, others that try
the same are closed without a word.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Protocol, cast

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.classic import ClassicSession
from fixengine.fix.classic_logon import ClassicAcceptor
from fixengine.fix.history import History
from fixengine.fix.peek import peek
from fixengine.fix.resync import Resync
from fixengine.fix.states import State, Verdict
from fixengine.fix.validate import split
from fixengine.fix.venue import Sender, Venue
from fixengine.fix.write import ascending
from fixengine.simulator.numbers import Numbers, NumbersError

TICK_S = 0.02
CONNECTIONS_MAX = 16
MESSAGE_BYTES_MAX = 64 * 1024
UNSENT_BYTES_MAX = 8 << 20
FRAMES_UNSENT_MAX = 100
IDS_MAX = 10_000
LOGOUT_TIMEOUT_NS = 2_000_000_000
CLOSE_S = 2.0
ECHOED = frozenset({fields.NEW_ORDER_SINGLE, fields.SECURITY_DEFINITION})


class Say(Protocol):
    """Tells the operator of an event."""

    def __call__(self, event: str, text: str | None = None, **facts: object) -> None:
        """One line."""


class Echo:
    """The counterparty. target: the client's SenderCompID. numbers: None forgets with each Logon.

    failed: called with what kept the numbers from being written; nothing is sent after that.
    """

    def __init__(
        self,
        venue: Venue,
        target: str,
        numbers: Numbers | None,
        say: Say,
        failed: Callable[[OSError], None],
    ) -> None:
        self.venue = venue
        self.target = target
        self.history = History() if numbers is None else numbers.history
        self.say = say
        self.connections: set[Connection] = set()
        self._numbers = numbers
        self._failed = failed

    def session(self) -> ClassicSession:
        """The session of a new connection."""
        return ClassicSession(
            self.venue,
            Sender.VENUE,
            ClassicAcceptor(reset=self._numbers is None),
            self.history,
            client_comp_id=self.target,
            logout_timeout_ns=LOGOUT_TIMEOUT_NS,
            offset_ns=time.time_ns() - time.monotonic_ns(),
        )

    @property
    def busy(self) -> bool:
        """Whether somebody is logged on."""
        states = (State.ACTIVE, State.LOGOUT_SENT)
        return any(connection.session.state in states for connection in self.connections)

    def save(self) -> bool:
        """Write the numbers down, before anything leaves; whether that worked."""
        try:
            if self._numbers is not None:
                self._numbers.save()
        except OSError as problem:
            self._failed(problem)
            return False
        return True

    def tick(self) -> None:
        """Time has passed."""
        now = time.monotonic_ns()
        for connection in list(self.connections):
            session = connection.session
            session.offset_ns = time.time_ns() - now
            if session.deadline is not None and now >= session.deadline:
                session.tick(now)
                connection.flush()

    async def stop(self) -> None:
        """Log out whoever is logged on; wait a little for the answers."""
        now = time.monotonic_ns()
        for connection in list(self.connections):
            connection.session.logout("the venue stops", now)
            connection.flush()
        until = now + LOGOUT_TIMEOUT_NS
        while self.connections and time.monotonic_ns() < until:
            await asyncio.sleep(TICK_S)
        for connection in list(self.connections):
            connection.transport.abort()


class Connection(asyncio.Protocol):
    """One TCP connection: framing, its session, and the ClOrdIDs seen on it."""

    def __init__(self, echo: Echo) -> None:
        self.echo = echo
        self.session = echo.session()
        self.transport: asyncio.Transport
        self._resync = Resync(MESSAGE_BYTES_MAX)
        self._garbled_told = 0
        self._ids: dict[bytes, None] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport = cast(asyncio.Transport, transport)
        if len(self.echo.connections) >= CONNECTIONS_MAX:
            self.transport.abort()
            return
        self.echo.connections.add(self)
        self.session.connected(time.monotonic_ns())

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self.transport.is_closing():
            return
        now = time.monotonic_ns()
        self._resync.feed(data)
        for message in self._resync:
            self._garbled(now)
            if self.session.state is State.LOGON_AWAITED and self.echo.busy:
                self.session.closed(now, "somebody is logged on already")
                break
            self._take(message, self.session.receive(message, now), now)
            for held, verdict in self.session.take_released():
                self._take(held, verdict, now)
            if self.session.close_requested:
                break
            if len(self.session.output) > FRAMES_UNSENT_MAX:
                self.flush()
                if self.transport.is_closing():
                    break
        self._garbled(now)
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.echo.connections.discard(self)
        self.session.closed(time.monotonic_ns())
        self.flush()

    def flush(self) -> None:
        """Tell what happened, write down the numbers, then send and close as due."""
        for event in self.session.take_events():
            self.echo.say(event.kind, event.text)
        frames = self.session.take_output()
        if not self.echo.save() or self.transport.is_closing():
            return
        if frames:
            self.transport.write(b"".join(frames))
        if self.transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            self.transport.abort()
        elif self.session.close_requested:
            self.transport.close()
            asyncio.get_running_loop().call_later(CLOSE_S, self.transport.abort)

    def _garbled(self, now: int) -> None:
        while self._garbled_told < self._resync.garbled:
            self._garbled_told += 1
            self.session.garbled(now)

    def _take(self, message: wire.Message, verdict: Verdict, now: int) -> None:
        if verdict is not Verdict.APPLICATION or message.kind not in ECHOED:
            return
        cl_ord_id = peek(message, fields.CL_ORD_ID)
        if peek(message, fields.POSS_RESEND) == b"Y" and cl_ord_id in self._ids:
            return
        if cl_ord_id:
            self._ids[cl_ord_id] = None
            if len(self._ids) > IDS_MAX:
                del self._ids[next(iter(self._ids))]
        if self.session.state is not State.ACTIVE:
            return
        grammar = self.session.grammar
        places = grammar.header.all_tags | grammar.trailer.all_tags
        body = [pair for pair in split(bytes(message), grammar) if pair.tag not in places]
        fields_in_order = ascending(body, grammar.messages[message.kind])
        self.session.answer(message.kind, fields_in_order, message, now)


async def serve(
    venue: Venue,
    target: str,
    numbers: Numbers | None,
    host: str,
    port: int,
    say: Say,
    listening: Callable[[str, int], None],
) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises OSError where it cannot listen, NumbersError where numbers cannot be written.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    failures: list[OSError] = []

    def failed(problem: OSError) -> None:
        failures.append(problem)
        stop.set()

    echo = Echo(venue, target, numbers, say, failed)
    server = await loop.create_server(lambda: Connection(echo), host, port)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    address = server.sockets[0].getsockname()
    listening(address[0], address[1])

    def tick() -> None:
        echo.tick()
        loop.call_later(TICK_S, tick)

    tick()
    await stop.wait()
    server.close()
    await echo.stop()
    if failures:
        raise NumbersError(
            f"the numbers cannot be written: {failures[0].strerror}; nothing was sent"
        )
