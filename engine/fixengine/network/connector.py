"""Brings lines up: mark on disk, TCP, TLS, a line with its session; tells how each attempt ended.

An attempt is named by its SenderCompID, as everything that sessions.py decides. Nothing is decided
here. Marks are written and cleared by one thread in the order asked for, so that the loop does not
wait for the disk; an attempt does, but no longer than for the connection itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from fixengine.desk.limits import Budget
from fixengine.fix.keys import Signer
from fixengine.fix.logon import Initiator
from fixengine.fix.session import Session
from fixengine.fix.venue import Sender, Venue
from fixengine.network.config import Config
from fixengine.network.line import Line
from fixengine.network.reports import Log
from fixengine.network.sessions import Connect
from fixengine.network.slot import CARRIES_ORDERS
from fixengine.network.state import StateDir, StateError
from fixengine.network.transport import (
    USUAL,
    ConnectError,
    TcpOptions,
    TlsTransport,
    connect,
    tls_context,
)

DISK_S = 10.0
"""How long, at the end, what is still to be written is waited for."""
MILLISECOND_NS = 1_000_000
EVERYTHING, ONLY_ACKS = 1, 2
SEQUENTIAL, UNORDERED = 2, 1


class Owner(Protocol):
    """Who is told. The lines are its own from `on_connected` on."""

    log: Log

    def on_connected(self, line: Line) -> None:
        """TLS stands."""

    def on_not_connected(self, comp_id: str, text: str) -> None:
        """An attempt failed, or was given up."""

    def on_bytes(self, line: Line) -> None:
        """Bytes lie in the line's framer."""

    def on_lost(self, line: Line, reason: str) -> None:
        """The connection of a line is gone."""

    def on_defect(self, problem: BaseException) -> None:
        """An attempt broke in a way that nobody expected."""


class Connector:
    """See the module's top. new_line: makes the line of an attempt. tcp: of each connection."""

    def __init__(
        self,
        config: Config,
        state: StateDir,
        owner: Owner,
        new_line: Callable[[Connect], Line],
        tcp: TcpOptions = USUAL,
    ) -> None:
        self.config = config
        self._tcp = tcp
        self._state = state
        self._owner = owner
        self._new_line = new_line
        self._tls = tls_context(config.venue.ca_file)
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._open: set[TlsTransport] = set()
        self._disk = ThreadPoolExecutor(1, "marks")
        self._writes: set[asyncio.Future[None]] = set()

    def start(self, wanted: Connect) -> None:
        """Begin an attempt; the owner is told how it ends."""
        task = asyncio.get_running_loop().create_task(self._connect(wanted))
        self._attempts[wanted.comp_id] = task
        task.add_done_callback(lambda task: self._on_done(wanted.comp_id, task))

    def cancel(self, comp_id: str) -> None:
        """Give up an attempt while TCP or TLS is under way; it reports itself as failed."""
        if comp_id in self._attempts:
            self._attempts[comp_id].cancel()

    def clear(self, comp_id: str) -> None:
        """The venue holds nothing against a SenderCompID: clear its mark."""
        self._write(self._state.clear, comp_id).add_done_callback(self._on_cleared)

    async def close(self, timeout_s: float) -> None:
        """Give up every attempt; wait until the connections that are to be closed are gone, and
        what was to be written is on disk.
        """
        tasks = list(self._attempts.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.gather(*(protocol.wait_closed(timeout_s) for protocol in self._open))
        if self._writes:
            # A mark that stays costs the next start the id's rest: a slow disk is waited for.
            await asyncio.wait(self._writes, timeout=DISK_S)
        self._disk.shutdown(wait=False, cancel_futures=True)

    # --- one attempt ------------------------------------------------------------------------

    async def _connect(self, wanted: Connect) -> None:
        venue, owner = self.config.venue, self._owner
        line = self._new_line(wanted)
        protocol = TlsTransport(
            line.framer,
            lambda: owner.on_bytes(line),
            lambda reason: self._on_lost(line, protocol, reason),
        )
        place = venue.order_entry if line.carries_orders else venue.drop_copy_place
        timeout_s = venue.connect_timeout_ms / 1000
        self._open.add(protocol)
        try:
            await self._marked(wanted.comp_id, timeout_s)
            name = place.server_name
            await connect(protocol, *place[:2], self._tls, name, timeout_s, self._tcp)
        except (ConnectError, StateError) as problem:
            self._open.discard(protocol)
            owner.on_not_connected(wanted.comp_id, str(problem))
            return
        line.transport = protocol
        owner.on_connected(line)

    def _on_done(self, comp_id: str, task: asyncio.Task[None]) -> None:
        """An attempt is over; one that was cancelled or broke has not said so itself."""
        if self._attempts.get(comp_id) is task:
            del self._attempts[comp_id]
        problem = None if task.cancelled() else task.exception()
        if task.cancelled() or problem is not None:
            text = f"the attempt was given up: {problem or 'stopping'}"
            self._owner.on_not_connected(comp_id, text)
        if problem is not None:
            self._owner.on_defect(problem)

    def _on_lost(self, line: Line, protocol: TlsTransport, reason: str) -> None:
        self._open.discard(protocol)
        self._owner.on_lost(line, reason)

    # --- the state directory, in its thread -------------------------------------------------

    def _write(self, change: Callable[[str], None], comp_id: str) -> asyncio.Future[None]:
        written = asyncio.get_running_loop().run_in_executor(self._disk, change, comp_id)
        self._writes.add(written)
        written.add_done_callback(self._writes.discard)
        return written

    async def _marked(self, comp_id: str, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._write(self._mark, comp_id)
        except TimeoutError:
            text = f"{self._state.path}: nothing is on disk after {timeout_s:g} s"
            raise ConnectError(text) from None

    def _on_cleared(self, written: asyncio.Future[None]) -> None:
        problem = None if written.cancelled() else written.exception()
        if isinstance(problem, StateError):
            # The mark stays: the next start lets the id rest, which costs time and no money.
            self._owner.log("error", str(problem))
        elif problem is not None:
            self._owner.on_defect(problem)

    def _mark(self, comp_id: str) -> None:
        """Put on disk that this attempt is made."""
        venue = self.config.venue
        # The mark and the connect have that long each.
        over_ns = time.monotonic_ns() + 2 * venue.connect_timeout_ms * MILLISECOND_NS
        self._state.attempt(over_ns)
        # Against a venue whose intervals are divided, the id rests as much shorter.
        heartbeat_s = -(-venue.heartbeat_s // venue.time_scale)
        self._state.mark_in_use(comp_id, heartbeat_s, time.time_ns())


class LineMaker:
    """Makes the lines of one engine, each with its session, out of the configuration."""

    def __init__(self, config: Config, venue: Venue, api_key: str, signer: Signer) -> None:
        self.config = config
        self.venue = venue
        self._api_key = api_key
        self._signer = signer

    def make(self, wanted: Connect, number: int, offset_ns: int) -> Line:
        """A line that is not connected. number: its own; offset_ns: wall minus monotonic clock."""
        config, post = self.config.venue, wanted.post
        profile = self.venue.profiles[post.role]
        mode = None
        if post.role == CARRIES_ORDERS:
            mode = EVERYTHING if post.everything else ONLY_ACKS
        handshake = Initiator(
            self._api_key,
            self._signer.sign,
            heart_bt_int=config.heartbeat_s,
            message_handling=SEQUENTIAL if config.message_handling == "sequential" else UNORDERED,
            response_mode=mode,
            more=profile.logon,
        )
        session = Session(
            self.venue,
            Sender.CLIENT,
            handshake,
            client_comp_id=wanted.comp_id,
            logon_timeout_ns=config.logon_timeout_ms * MILLISECOND_NS,
            logout_timeout_ns=config.logout_timeout_ms * MILLISECOND_NS,
            offset_ns=offset_ns,
        )
        window = profile.limits.messages
        budget = None
        if self.config.limits.mode == "venue":
            limits = self.config.limits
            shares = limits.cancel_reserve_percent, limits.strategy_share_percent
            budget = Budget(window.count_max, window.interval_ns, *shares)
        return Line(
            number,
            self.venue,
            session,
            recv_window_ms=config.recv_window_ms,
            budget=budget,
            post=post,
        )
