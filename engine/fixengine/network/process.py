"""The network process: everything that touches the world, and the order of start and stop.

One uvloop, one thread; the journal's disk is another process's. A wake-up reads the clock once,
hands what came to the gateway, and lets it flush once. asyncio appears here and in transport only;
what decides stands in gateway, sessions and the rooms below them and is told the time.
"""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import time
import traceback
from typing import Any

from fixengine.desk.orders import Orders
from fixengine.desk.unfilled import Unfilled
from fixengine.fix.keys import Signer
from fixengine.fix.states import Happening
from fixengine.fix.venue import Venue
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.network.alarm import Alarm
from fixengine.network.bus import Bus
from fixengine.network.clock import Clock
from fixengine.network.config import Config, effective
from fixengine.network.connector import Connector
from fixengine.network.gateway import Gateway
from fixengine.network.journal import Journal, JournalError, Keep, Kind, named
from fixengine.network.limits import Limits
from fixengine.network.line import Line, line_number
from fixengine.network.lines import Lines
from fixengine.network.log import Log
from fixengine.network.recall import carried, recall, start_record
from fixengine.network.sessions import (
    Clear,
    Connect,
    Effect,
    Ended,
    LogOut,
    Sessions,
    SetClock,
    Status,
)
from fixengine.network.slot import CARRIES_ORDERS, posts_of
from fixengine.network.state import StateDir, StateError
from fixengine.network.strategies import RegisterError, Standing, Strategies

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
DRAIN_MAX = 64
"""Bus messages of one wake-up, so that orders cannot starve the TLS side."""
MUTED_MAX = 32
"""Messages of muted peers in one wake-up; then the bus rests, so that they wait and not others."""
REST_S = 0.001
PARKED_NS = 5 * MILLISECOND_NS
CLOCK_NS = SECOND_NS
CLOCK_STEP_NS = 50 * MILLISECOND_NS
CANCEL_UNSENT_BYTES = 1 << 14
CLOSED_MAX = 50_000
JOURNAL_CLOSE_S = 10.0
CLOSE_S = 2.0
STOP_GRACE_S = 5.0
DRAIN_NS_MAX = MILLISECOND_NS
JOURNAL_SILENT_NS_MAX = 2 * SECOND_NS
"""The journal process looks at its ring every few milliseconds, unless the disk holds it up."""


class Process:
    """One engine from start to stop. `run` returns the exit status."""

    def __init__(self, config: Config, api_key: str, signer: Signer, log: Log) -> None:
        self.config = config
        self.log = log
        self.venue = _venue(config)
        self._api_key = api_key
        self._signer = signer
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._alarm = Alarm(self._loop, self._on_timer)
        self._busy = False
        self._bugs = 0
        self._last_line = 0
        self._resting: asyncio.TimerHandle | None = None
        self._last_clock_ns = 0
        self._journal_fd = -1
        self._journal_silent = False
        self._parked_due_ns = 0  # when waiting reports are looked at again; 0: none wait

    # --- start and stop ---------------------------------------------------------------------

    async def run(self, state: StateDir) -> int:
        """Start every room, trade until told to end, stop in order."""
        now = time.monotonic_ns()
        self.offset_ns = time.time_ns() - now
        epoch = state.next_epoch(time.time_ns())
        self.state = state
        journal = Journal.open(
            state.path,
            epoch,
            self.offset_ns,
            ring_bytes=self.config.journal.ring_bytes,
            file_bytes_max=self.config.journal.file_bytes_max,
            keep=Keep(self.config.journal.keep_bytes_max, self.config.journal.keep_days_max),
        )
        try:
            if journal.recovered is not None:
                self.log("warning", "an earlier run ended uncleanly; its journal was completed")
            self.journal = journal
            bus = Bus(self.config.bus.endpoint)
            try:
                return await self._trade(bus, epoch, now)
            finally:
                bus.close()
        finally:
            if not journal.close(JOURNAL_CLOSE_S):
                self.log("error", f"the journal is not all on disk: {journal.error}")

    async def _trade(self, bus: Bus, epoch: int, now: int) -> int:
        """Take over from the run before, then serve until the end."""
        share = self.config.limits.strategy_share_percent
        orders = Orders(self.config.engine.orders_max, CLOSED_MAX, share)
        unread_max = self.config.bus.report_buffer_max
        recalled = recall(self.state.path, epoch, self.venue, orders, unread_max)
        for text in recalled.damage:
            self.log("warning", f"the journal of an earlier run is damaged: {text}")
        standings = dict.fromkeys(self.state.strategies(), Standing()) | recalled.standings
        for data in carried(orders):
            self._prologue(Kind.CARRIED, now, data)
        for name, events in recalled.unread.items():
            for payload in events:
                self._prologue(Kind.DELIVERED, now, named(name, payload))
        self._prologue(Kind.START, now, start_record(epoch, effective(self.config), standings))
        self._build(bus, orders, standings, epoch, now)
        for name, events in recalled.unread.items():
            self.strategies.restore(name, events)
        self.gateway.on_recalled(recalled.open, now)
        return await self._serve()

    def _prologue(self, kind: Kind, now: int, data: bytes) -> None:
        """Record before trading starts, when there is time to wait for the disk."""
        while not self.journal.append(kind, now, 0, data):
            if not self.journal.sync(JOURNAL_CLOSE_S):
                raise JournalError(self.state.path, f"cannot be written: {self.journal.error}")

    def _build(
        self, bus: Bus, orders: Orders, standings: dict[str, Standing], epoch: int, now: int
    ) -> None:
        config, state = self.config, self.state
        self.bus = bus
        self.strategies = Strategies(
            bus,
            Numbers(state),
            epoch,
            strategies_max=config.bus.strategies_max,
            outbox_max=config.bus.report_buffer_max,
            valid_for_ms_max=config.bus.valid_for_ms_max,
            standings=standings,
        )
        behind_ns_max = config.venue.recv_window_ms * MILLISECOND_NS
        clock = Clock(self.venue.clock_ahead_ns_max, behind_ns_max)
        self.gateway = Gateway(
            self.venue,
            orders,
            self.strategies,
            self.journal,
            self.log,
            lines=Lines(config.venue.sessions, by_symbol=config.venue.spread == "symbol"),
            clock=clock,
            epoch=epoch,
            valid_for_ms_max=config.bus.valid_for_ms_max,
            unsent_bytes_max=config.engine.unsent_bytes_max,
            cancel_unsent_bytes_max=CANCEL_UNSENT_BYTES,
            limits=self._limits(clock),
        )
        wall = now + self.offset_ns
        venue = config.venue
        posts = posts_of(self.venue, venue.sessions, venue.reporting, venue.drop_copy)
        self.sessions = Sessions(
            self.venue,
            posts,
            venue.sender_comp_ids,
            venue.heartbeat_s * SECOND_NS,
            drain_ns_max=venue.drain_ms_max * MILLISECOND_NS,
            locked_until_ns={
                comp_id: state.locked_until(comp_id, wall) - self.offset_ns
                for comp_id in venue.sender_comp_ids
            },
            attempts_ns=tuple(at - self.offset_ns for at in state.attempts(wall)),
        )
        self.connector = Connector(
            config,
            self.venue,
            self._api_key,
            self._signer,
            state,
            self,
            number=self._new_number,
            offset_ns=lambda: self.offset_ns,
        )

    def _limits(self, clock: Clock) -> Limits:
        unfilled = None
        if self.config.limits.mode == "venue":
            windows = self.venue.profiles[CARRIES_ORDERS].limits.unfilled_orders
            unfilled = Unfilled(windows, self.config.limits.strategy_share_percent)
        return Limits(self.venue, clock, unfilled, self.log)

    async def _serve(self) -> int:
        loop = self._loop
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)
        loop.set_exception_handler(self._on_bug)
        loop.add_reader(self.bus.fd, self._on_bus)
        self._look_at_journal(time.monotonic_ns())
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self._on_timer()
            # The bus may have become readable before its descriptor was watched.
            loop.call_soon(self._on_bus)
            return await self._ended
        finally:
            gc.enable()
            loop.remove_reader(self.bus.fd)
            if self._journal_fd >= 0:
                loop.remove_reader(self._journal_fd)
            self._alarm.clear()
            if self._resting is not None:
                self._resting.cancel()
            await self.connector.close(CLOSE_S)

    def _on_signal(self) -> None:
        """Stop in order; a second signal, or a Logout that hangs, ends it at once."""
        if self.gateway.stopping:
            self._force_end()
            return
        self.log("info", "stopping")
        self.gateway.stopping = True
        venue = self.config.venue
        # A Logon may be unanswered, and its Logout follows the answer.
        grace_ms = venue.logon_timeout_ms + venue.logout_timeout_ms
        self._loop.call_later(grace_ms / 1000 + STOP_GRACE_S, self._force_end)
        now = time.monotonic_ns()
        self._apply(self.sessions.stop("engine stops", now), now)
        self._settle(now)

    def _force_end(self) -> None:
        if not self._ended.done():
            self.log("error", "ended at once; the venue may hold the SenderCompID")
            self._ended.set_result(4 if self._bugs else 1)

    def _on_bug(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception nobody expected: what we know may be wrong, so trade no further."""
        problem = context.get("exception")
        where = "".join(traceback.format_exception(problem)) if problem else ""
        self.log("error", f"a defect of the engine; stopping: {context['message']}\n{where}")
        self._bugs += 1
        self._on_signal()

    # --- wake-ups ---------------------------------------------------------------------------

    def _on_bus(self) -> None:
        now = time.monotonic_ns()
        until = now + DRAIN_NS_MAX
        muted = 0
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        for _ in range(DRAIN_MAX):
            message = self.bus.receive()
            if message is None:
                break
            self._busy = True
            # Read anew for each: a message that came while the one before it was worked on may
            # be younger than the wake-up, and would seem to come from the future.
            now = time.monotonic_ns()
            muted += not self.gateway.on_order(*message, now)
            if muted == MUTED_MAX:
                self._resting = self._loop.call_later(REST_S, self._on_bus)
            if now > until or self._resting is not None:
                break
        self._settle(time.monotonic_ns())

    def on_bytes(self, line: Line) -> None:
        """Bytes of the venue lie in a line's framer."""
        self._busy = True
        now = time.monotonic_ns()
        self.gateway.on_bytes(line, now)
        self._settle(now)

    def on_lost(self, line: Line, reason: str) -> None:
        """The connection of a line is gone."""
        now = time.monotonic_ns()
        self.journal.append(Kind.LINK, now, line.number, reason.encode())
        line.transport = None
        line.session.closed(now, reason)
        self._settle(now)

    def _on_timer(self) -> None:
        self._alarm.clear()
        self._parked_due_ns = 0
        now = time.monotonic_ns()
        if now - self._last_clock_ns >= CLOCK_NS:
            self._on_second(now)
        self._apply(self.sessions.tick(now), now)
        if self.gateway.on_tick(now):
            self._loop.call_soon(self._on_timer)
        self._settle(now)

    def _on_journal(self) -> None:
        """The journal process has ended, or answers late."""
        self._look_at_journal(time.monotonic_ns())
        self._on_timer()

    def _look_at_journal(self, now: int) -> None:
        """Whether the journal process lives; the gateway tells of what `healthy` says."""
        if self._journal_fd >= 0:
            # Before it may be closed, and its number be another file's.
            self._loop.remove_reader(self._journal_fd)
        self.journal.look(now)
        self._journal_fd = self.journal.fd
        if self._journal_fd >= 0:
            self._loop.add_reader(self._journal_fd, self._on_journal)
        silent = self.journal.silent_ns(now) > JOURNAL_SILENT_NS_MAX
        if silent and not self._journal_silent:
            process = self.journal.status().process
            text = f"the journal process ({process}) is silent: it is stopped, or the disk hangs"
            self.log("error", f"{text}; orders are taken until its ring is full", event="journal")
        elif self._journal_silent and not silent:
            self.log("info", "the journal process is no longer silent", event="journal")
        self._journal_silent = silent

    def _on_second(self, now: int) -> None:
        """Sample the wall clock; look at the journal; collect garbage in a quiet second."""
        self._last_clock_ns = now
        self._look_at_journal(now)
        self.gateway.clock.read_anew()
        offset_ns = time.time_ns() - time.monotonic_ns()
        step_ns = offset_ns - self.offset_ns
        if abs(step_ns) > CLOCK_STEP_NS:
            self.log("warning", f"the wall clock stepped by {step_ns // MILLISECOND_NS} ms")
        if step_ns:
            self.offset_ns = offset_ns
            self.journal.clock(now, offset_ns)
            self.gateway.clock.stepped(step_ns)
            for line in self.gateway.lines:
                line.session.offset_ns = offset_ns
        if not self._busy:
            gc.collect(0)
        self._busy = False

    def _settle(self, now: int) -> None:
        """The end of every wake-up: write, look at what happened, set the next timer."""
        if self._ended.done():
            return
        if self.gateway.clock.is_doubted:
            self._on_second(now)
        if self.sessions.draining:
            self._drain(now)
        self.gateway.flush(now)
        for line in list(self.gateway.lines):
            self._look_at(line, now)
        if self.bus.readable and self._resting is None:
            self._loop.call_soon(self._on_bus)
        self._set_timer(now)

    def _look_at(self, line: Line, now: int) -> None:
        for event in line.session.take_events():
            level = "info" if event.kind in ("logged_on", "logged_out") else "warning"
            self.log(level, f"session {event.kind}: {event.text}", session=line.name)
            if event.kind is Happening.LOGGED_ON:
                self.gateway.lines.up(line, now)
            elif event.kind in (Happening.LOST, Happening.LOGGED_OUT, Happening.LOGON_REFUSED):
                self._retire(line, event.text, now)
            jitter = random.randrange(1000)
            self._apply(self.sessions.on_event(line.name, event, now, jitter), now)
        if line.session.output or line.session.close_requested:
            self.gateway.flush(now)

    def _retire(self, line: Line, text: str, now: int) -> None:
        self.gateway.flush(now)
        self.gateway.on_line_lost(line, text, now)
        self.gateway.lines.remove(line)

    def _drain(self, now: int) -> None:
        """Say which of the sessions that were handed over have nothing unanswered."""
        for comp_id in self.sessions.draining:
            line = self.gateway.lines.named(comp_id)
            if line is None or not self.gateway.waits_for(line):
                self._apply(self.sessions.drained(comp_id, now), now)

    def _set_timer(self, now: int) -> None:
        # Counted from what was last done, not from now: traffic that wakes us ever again would put
        # both off for ever.
        due = [self._last_clock_ns + CLOCK_NS]
        if self.sessions.deadline is not None:
            due.append(self.sessions.deadline)
        due += [line.session.deadline for line in self.gateway.lines if line.session.deadline]
        if self.strategies.waiting():
            self._parked_due_ns = self._parked_due_ns or now + PARKED_NS
            due.append(self._parked_due_ns)
        self._alarm.set(max(0.0, (min(due) - now) / SECOND_NS))

    # --- what the connector tells -----------------------------------------------------------

    def on_connected(self, line: Line) -> None:
        """TLS of a line stands: its session logs on."""
        now = time.monotonic_ns()
        self.journal.append(Kind.LINK, now, line.number, f"up as {line.name}".encode())
        self.gateway.lines.add(line)
        line.session.connected(now)
        self._settle(now)

    def on_not_connected(self, comp_id: str, text: str) -> None:
        """An attempt came to nothing."""
        if self._ended.done():
            return
        now = time.monotonic_ns()
        self.log("warning", text, session=comp_id)
        jitter = random.randrange(1000)
        self._apply(self.sessions.connect_failed(comp_id, text, now, jitter), now)
        self._settle(now)

    def on_defect(self, problem: BaseException) -> None:
        """An attempt broke in a way that nobody expected."""
        self._on_bug(self._loop, {"message": "connecting failed", "exception": problem})

    def _new_number(self) -> int:
        used = {line.number for line in self.gateway.lines}
        self._last_line = line_number(self._last_line, used)
        return self._last_line

    # --- effects of the control plane -------------------------------------------------------

    def _apply(self, effects: list[Effect], now: int) -> None:
        for effect in effects:
            if isinstance(effect, Connect):
                self.connector.start(effect)
            elif isinstance(effect, Clear):
                self._clear(effect.comp_id)
            elif isinstance(effect, LogOut):
                self._log_out(effect, now)
            elif isinstance(effect, SetClock):
                self._on_second(now)
            elif isinstance(effect, Status):
                self._tell(effect, now)
            elif not self._ended.done():
                self._end(effect)

    def _tell(self, status: Status, now: int) -> None:
        """Tell the operator and the strategies where the session stands."""
        text = status.text
        if status.until_ns is not None and status.until_ns > now:
            at = time.gmtime((status.until_ns + self.offset_ns) // SECOND_NS)
            text = f"{text}, at {time.strftime('%H:%M:%S', at)} UTC"
        level = "error" if status.alarm else "info"
        source, state = status.comp_id, str(status.state)
        self.log(level, f"{state}: {text}", event=state, session=source)
        self.gateway.on_session(state, text, source, self.sessions.state.value, now)

    def _clear(self, comp_id: str) -> None:
        try:
            self.state.clear(comp_id)
        except StateError as problem:
            # The mark stays: the next start lets the id rest, which costs time and no money.
            self.log("error", str(problem))

    def _end(self, ended: Ended) -> None:
        if not ended.clean:
            self.log("error", f"the Logout was not answered: {ended.text}")
        status = 3 if ended.failed else 0 if ended.clean else 1
        self._ended.set_result(4 if self._bugs else status)

    def _log_out(self, effect: LogOut, now: int) -> None:
        line = self.gateway.lines.named(effect.comp_id)
        if line is None:
            self.connector.cancel(effect.comp_id)
        else:
            line.session.logout(effect.text, now)


class Numbers:
    """The state directory as the register of strategies."""

    def __init__(self, state: StateDir) -> None:
        self._state = state

    def strategy_number(self, name: str) -> int:
        """See Register."""
        try:
            return self._state.strategy_number(name)
        except StateError as problem:
            raise RegisterError(str(problem)) from None


def _venue(config: Config) -> Venue:
    """The venue table a config names; config has checked the name."""
    return BINANCE_SPOT
