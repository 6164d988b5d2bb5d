"""The network process: everything that touches the world, and the order of start and stop.

One uvloop, one thread. A wake-up reads the clock once, hands what came to the gateway, and lets it
flush once. What decides stands in gateway, sessions and the rooms below them and is told the time;
what the loop is told to watch stands in serving.py.
"""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import orjson

from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.fix.keys import Signer
from fixengine.fix.states import Event, Happening
from fixengine.messages import report_seq_of
from fixengine.network import making
from fixengine.network.alarm import Alarm, Soon, Timer
from fixengine.network.asker import Asker, Wanted
from fixengine.network.config import Config, effective
from fixengine.network.connector import LineMaker
from fixengine.network.foreign import Rule
from fixengine.network.journal import JournalError, Kind
from fixengine.network.journal.archive import Found
from fixengine.network.journal.record import padded
from fixengine.network.latency import Latency
from fixengine.network.line import Line, line_number
from fixengine.network.noted import NotedArchive, NotedBus
from fixengine.network.recall import CLOSED_MAX, beginning, start_record
from fixengine.network.reports import Log
from fixengine.network.sessions import (
    Clear,
    Connect,
    Effect,
    Ended,
    LogOut,
    SetClock,
    Status,
)
from fixengine.network.state import FILE_NAME, StateDir, StateError
from fixengine.network.strategies import Standing
from fixengine.network.surroundings import Bus, Surroundings

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
DRAIN_MAX = 64
"""Bus messages of one wake-up, so that orders cannot starve the TLS side."""
MUTED_MAX = 32
"""Messages of muted peers in one wake-up; then the bus rests, so that they wait and not others."""
REST_S = 0.001
PARKED_NS = 5 * MILLISECOND_NS
CLOCK_NS_MAX = SECOND_NS
CLOCK_STEP_NS = 50 * MILLISECOND_NS
JOURNAL_CLOSE_S = 10.0
STOP_GRACE_S = 5.0
STOP_CANCEL_NS_MAX = 10 * SECOND_NS
"""How long a stop waits for open orders to be over, where they are cancelled."""
DRAIN_NS_MAX = MILLISECOND_NS
# Words of records.
STOP, END = b"stop", b"end at once"
FOUND, ARCHIVE_ENDED = b"archive found ", b"archive ended"
UP, NOT_UP = "up as ", "not up as "


class Process:
    """One engine from start to stop: `start`, then `on_timer` and what follows from it, `close`.

    tokens: the secret of each strategy that has one. status: the exit status, None while it lives.
    ended: called once it has one. on_quiet: called after a second without a message. on_woken:
    at the end of a wake-up by a strategy or the venue, with the clock. heed: told whether on_bus is
    to be called where the bus's descriptor is readable. gone: see Gone.
    """

    def __init__(
        self,
        config: Config,
        api_key: str,
        signer: Signer,
        log: Log,
        surroundings: Surroundings,
        tokens: Mapping[str, bytes] | None = None,
        latency: Latency | None = None,
    ) -> None:
        self.config = config
        self.latency = latency or Latency()
        self.log = log
        self.venue = making.venue(config)
        self.status: int | None = None
        self.gone: dict[Path, str] = {}
        self.ended: Callable[[], object] = lambda: None
        self.on_quiet: Callable[[], object] = lambda: None
        self.on_woken: Callable[[int], object] = lambda now: None
        self.heed: Callable[[bool], object] = lambda heeds: None
        self._tokens = tokens or {}
        self._around = surroundings
        # Bound: a wake-up reads it a few times.
        self._monotonic_ns = surroundings.monotonic_ns
        self._line_maker = LineMaker(config, self.venue, api_key, signer)
        self._ends = contextlib.ExitStack()
        # Where more waits than one wake-up takes. Every wake-up finds that, and were each to ask
        # for a turn of its own, the bus would have more and more of them between two reads of TLS.
        self._tick_soon = Soon(self._around.timers, self.on_timer)
        self._bus_soon = Soon(self._around.timers, self.on_bus)
        # The loop rings before it reads its sockets. Where we stood still, an answer that lies in
        # them is no silence: they are read between these two turns.
        self._alarm_soon = Soon(self._around.timers, self._tick_soon.set)
        self._alarm = Alarm(self._around.timers, self._alarm_soon.set)
        self._busy = False
        self._unready: dict[Line, Event] = {}  # logged on, and orders wait for its limits
        self._bugs = 0
        self._last_line = 0
        self._resting: Timer | None = None
        # Unsent bytes are looked at as often, and that they do not move shows within HeartBtInt.
        heartbeat_ns = config.venue.heartbeat_s * self.venue.second_ns
        self._clock_ns = min(CLOCK_NS_MAX, heartbeat_ns // 5)
        self._last_clock_ns = 0
        self._log_out_by_ns: int | None = None  # a stop's, while what is open is cancelled
        self._now = 0  # of this wake-up
        self._woke_ns = 0  # when it began; 0: not a wake-up that is timed
        self._heard = False  # somebody spoke in it; that time passes is no sign of more to come
        self._parked_due_ns = 0  # when waiting reports are looked at again; 0: none wait

    # --- start and stop ---------------------------------------------------------------------

    def start(self, state: StateDir) -> None:
        """Open journal and bus, and take over from the run before."""
        now = self._around.monotonic_ns()
        wall = self._around.wall_ns()
        self.offset_ns = wall - now
        epoch = state.next_epoch(wall)
        self.latency.head(epoch, os.getpid())
        self.state = state
        self.journal = self._around.journal(self.config, state, epoch, self.offset_ns)
        self._ends.callback(self._close_journal)
        recovered = self.journal.recovered
        if recovered is not None and recovered.saved_bytes is None:
            text = (
                "an earlier run ended uncleanly, and its ring is gone, as a reboot leaves it: what"
            )
            self.log("warning", f"{text} was not on disk by then is lost; see the venue's orders")
        elif recovered is not None:
            self.log("warning", "an earlier run ended uncleanly; its journal was completed")
        bus = self._around.bus(self.config)
        self._ends.callback(bus.close)
        self._take_over(bus, epoch, now)

    def close(self) -> None:
        """Close bus and journal, as far as they were opened."""
        self._ends.close()

    def _close_journal(self) -> None:
        if not self.journal.close(JOURNAL_CLOSE_S):
            self.log("error", f"the journal is not all on disk: {self.journal.error}")

    def _take_over(self, bus: Bus, epoch: int, now: int) -> None:
        share = self.config.limits.strategy_share_percent
        orders = Orders(self.config.engine.orders_max, CLOSED_MAX, share)
        positions = Positions()
        recalled = self._around.recall(
            self.config, self.state, epoch, self.venue, orders, positions
        )
        for text in recalled.damage:
            self.log("warning", f"the journal of an earlier run is damaged: {text}")
        if not recalled.is_closed and self.journal.recovered is None:
            text = "the journal of the run before has no end: it was cut off (or is of an older"
            self.log("warning", f"{text} version); look at the venue's open orders")
        numbered = self.state.strategies()
        if lost := sorted(recalled.standings.keys() - numbered.keys()):
            # Numbered anew, one strategy would be given the orders of another.
            text = f"it has no number for strategy {lost[0]}, of whom the journal tells, so it is"
            advice = "put back a newer copy; or, with no order open, move the journal away too"
            raise StateError(self.state.path / FILE_NAME, f"{text} older than that; {advice}")
        standings = dict.fromkeys(numbered, Standing()) | recalled.standings
        around = {
            "wall_offset_ns": self.offset_ns,
            "state": self.state.told(),
            "has_sources": self._around.sources(self.config) is not None,
        }
        start = start_record(epoch, effective(self.config), standings, positions, around)
        for kind, data in beginning(orders, recalled.unread, start):
            self._prologue(kind, now, data)
        self._build(bus, orders, positions, standings, epoch, now)
        for name, events in recalled.unread.items():
            self.strategies.restore(name, events)
        archive = self._around.archive(self.state, self)
        self._ends.callback(archive.close)
        self.strategies.archive = NotedArchive(archive, lambda read: self._note(0, read))
        self.gateway.on_recalled(recalled.open, now)

    def _prologue(self, kind: Kind, now: int, data: bytes) -> None:
        """Record before trading starts, when there is time to wait for the disk."""
        # Looked at first: a record that the ring refuses is missing to who reads, come what may.
        size = padded(len(data))
        while self.journal.free_bytes < size or not self.journal.append(kind, now, 0, data):
            if not self.journal.sync(JOURNAL_CLOSE_S):
                raise JournalError(self.state.path, f"cannot be written: {self.journal.error}")

    def _build(
        self,
        bus: Bus,
        orders: Orders,
        positions: Positions,
        standings: dict[str, Standing],
        epoch: int,
        now: int,
    ) -> None:
        config, state = self.config, self.state
        self.bus = bus
        noted = NotedBus(bus, lambda read: self._note(0, read))
        self.strategies = making.strategies(
            config, state, noted, standings, self._tokens, epoch, now
        )
        clock = making.clock(config, self.venue, self.offset_ns)
        self.gateway = making.gateway(
            config,
            self.venue,
            state.origin,
            orders,
            positions,
            self.strategies,
            self.journal,
            self.log,
            clock,
            epoch,
            self.latency,
        )
        self.sessions = making.sessions(config, self.venue, state, self.offset_ns, now)
        self.connector = self._around.connector(config, state, self, self._new_line)
        self._asker = self._make_asker()

    def _make_asker(self) -> Asker | None:
        config = self.config
        make = self._around.sources(config)
        if make is None:
            return None
        recv_window_ns = config.venue.recv_window_ms * MILLISECOND_NS
        rule = Rule(config.orders.foreign, config.orders.adopt_as)
        places = config.rest_place is not None, config.stream_place is not None
        wanted = Wanted(*places, rule, config.instruments.check)
        ends = self._clocks, self.settle, self.log
        asker = Asker(make, self.gateway, recv_window_ns, wanted, *ends)
        self._ends.callback(asker.close)
        return asker

    def _clocks(self) -> tuple[int, int]:
        """Monotonic and wall clock, ns."""
        now = self._wake()
        return now, now + self.offset_ns

    def _wake(self) -> int:
        """The monotonic clock, as it decides until it is read again."""
        self._now = self._monotonic_ns()
        return self._now

    def _note(self, line: int, read: str) -> None:
        """Record what was read from outside; a replay reads the same there."""
        self.journal.append(Kind.READ, self._now, line, read.encode())

    def _jitter(self) -> int:
        jitter = self._around.jitter_permille()
        self._note(0, f"jitter {jitter}")
        return jitter

    def rest(self) -> None:
        """It has ended: no timer of its own rings any more."""
        self._alarm.clear()
        self._tick_soon.clear()
        self._bus_soon.clear()
        self._alarm_soon.clear()
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    def stop(self) -> None:
        """Stop in order, as for a signal; a second one, or a Logout that hangs, ends it at once."""
        if self.gateway.gate.stopping:
            self.force_end()
            return
        now = self._wake()
        self.journal.append(Kind.CONTROL, now, 0, STOP)
        self.log("info", "stopping")
        self.gateway.gate.stopping = True
        venue = self.config.venue
        # A Logon may be unanswered, and its Logout follows the answer.
        grace_ms = venue.logon_timeout_ms + venue.logout_timeout_ms
        self._log_out_by_ns = now
        # After a defect what we know may be wrong, and so would be what we cancel.
        if self.config.engine.on_stop == "cancel" and not self._bugs:
            self._log_out_by_ns += STOP_CANCEL_NS_MAX
            self.gateway.liveness.end_all()
            count = self.gateway.liveness.open_count
            self.log("info", f"open orders are cancelled before the Logout: {count}", event="stop")
            self._tick_soon.set()
        wait_s = (self._log_out_by_ns - now) / SECOND_NS
        self._around.timers.call_later(wait_s + grace_ms / 1000 + STOP_GRACE_S, self.force_end)
        self.settle(now)

    def _end_sessions(self, by_ns: int, now: int) -> None:
        """Log out for good: once no order is open where they are cancelled, else by by_ns."""
        if now < by_ns and self.gateway.liveness.open_count:
            return
        self._log_out_by_ns = None
        self._apply(self.sessions.stop("engine stops", now), now)

    def force_end(self) -> None:
        """End at once, unless it has ended."""
        if self.status is None:
            self.journal.append(Kind.CONTROL, self._wake(), 0, END)
            self.log("error", "ended at once; the venue may hold the SenderCompID")
            self._exit(1)

    def _exit(self, status: int) -> None:
        left = self.gateway.liveness.open_ids if self.config.engine.on_stop == "cancel" else ()
        if left:
            text = f"{len(left)} orders may still be open at the venue"
            self.log("error", text, event="stop")
        for wire_id in left:
            self.log("error", f"{wire_id}: may still be open", event="stop")
        self.status = 4 if self._bugs else status or int(bool(left))
        self.ended()

    def on_defect(self, problem: BaseException | None, what: str = "connecting failed") -> None:
        """An exception nobody expected: what we know may be wrong, so trade no further."""
        where = "".join(traceback.format_exception(problem)) if problem else ""
        self.log("error", f"a defect of the engine; stopping: {what}\n{where}")
        self._bugs += 1
        self.stop()

    # --- wake-ups ---------------------------------------------------------------------------

    def on_bus(self) -> None:
        """Requests of strategies may wait in the bus."""
        now = self._now = self._woke_ns = self._monotonic_ns()
        self._heard = True
        until = now + DRAIN_NS_MAX
        muted = 0
        if self._bus_soon.handle is not None:
            self._bus_soon.clear()
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
            self.heed(True)
        for _ in range(DRAIN_MAX):
            message = self.bus.receive()
            if message is None:
                break
            self._busy = True
            # Read anew for each: a message that came while the one before it was worked on may
            # be younger than the wake-up, and would seem to come from the future.
            now = self._now = self._monotonic_ns()
            muted += not self.gateway.on_order(*message, now)
            if muted == MUTED_MAX:
                self._resting = self._around.timers.call_later(REST_S, self.on_bus)
                self.heed(False)
            if now > until or self._resting is not None:
                break
        self.settle(self._monotonic_ns())

    def on_bytes(self, line: Line) -> None:
        """Bytes of the venue lie in a line's framer."""
        self._busy = self._heard = True
        now = self._now = self._woke_ns = self._monotonic_ns()
        self.gateway.on_bytes(line, now)
        self.settle(now)

    def on_lost(self, line: Line, reason: str) -> None:
        """The connection of a line is gone."""
        now = self._wake()
        self.journal.append(Kind.LINK, now, line.number, reason.encode())
        line.transport = None
        self.sessions.disconnected(line.name, now)
        line.session.closed(now, reason)
        self.settle(now)

    def on_mark(self) -> None:
        """More of the journal may be on disk."""
        now = self._wake()
        self.gateway.on_mark(self.journal.on_disk, now)
        self.settle(now)

    def on_timer(self) -> None:
        """Time has passed; the first call starts it all."""
        self._alarm.clear()
        self._alarm_soon.clear()
        self._tick_soon.clear()
        self._parked_due_ns = 0
        now = self._woke_ns = self._wake()
        self.journal.append(Kind.TICK, now, 0, b"")
        if now - self._last_clock_ns >= self._clock_ns:
            self._on_second(now)
        self._apply(self.sessions.tick(now), now)
        if self._asker is not None:
            self._asker.tick(now, self.gateway.lines.watched_since_ns)
        if self.gateway.on_tick(now):
            self._tick_soon.set()
        self.settle(now)

    def _on_second(self, now: int) -> None:
        """Sample the wall clock; say that a second was quiet."""
        self._last_clock_ns = now
        self.gateway.clock.read_anew()
        offset_ns = self._around.wall_ns() - self._around.monotonic_ns()
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
            self.on_quiet()
        self._busy = False

    def settle(self, now: int) -> None:
        """The end of every wake-up: write, look at what happened, set the next timer."""
        self._now = now
        if self.status is not None:
            return
        gateway = self.gateway
        if gateway.clock.is_doubted:
            self._on_second(now)
        if self.sessions.draining:
            self._drain(now)
        if self._log_out_by_ns is not None:
            self._end_sessions(self._log_out_by_ns, now)
        gateway.flush(now)
        for line in gateway.lines.all:
            if line.session.events:
                self._look_at_all(now)
                break
        if self._unready:
            self._decide_ready(now)
        if self.bus.flush() and self._resting is None:
            self._bus_soon.set()
        self._set_timer(now)
        for line in gateway.lines.all:
            # What was written has left, as a rule, and that costs a system call to know. Here
            # nobody waits for it, and the next order is spared it.
            if line.transport is not None:
                line.transport.unsent()
        if self._woke_ns:
            now = self._monotonic_ns()
            self.latency.loop.record(now - self._woke_ns)
            self._woke_ns = 0
            if self._heard:
                self._heard = False
                self.on_woken(now)

    def _look_at_all(self, now: int) -> None:
        # What follows from an event may take its line out of the list, or end another's session.
        for line in list(self.gateway.lines.all):
            self._look_at(line, now)

    def _look_at(self, line: Line, now: int) -> None:
        for event in line.session.take_events():
            over = event.kind in (Happening.LOST, Happening.LOGGED_OUT, Happening.LOGON_REFUSED)
            level = "info" if event.kind in ("logged_on", "logged_out") else "warning"
            self.log(level, f"session {event.kind}: {event.text}", session=line.name)
            if event.kind is Happening.LOGGED_ON:
                self.gateway.lines.up(line, now)
                if self.gateway.limits.awaits(line):
                    # Who is told that it is active may send an order at that instant.
                    self._unready[line] = event
                    continue
            elif over:
                self._retire(line, event.text, now)
            self._decide(line, event, now)
            if over:
                break
        if line.session.output or line.session.close_requested:
            self.gateway.flush(now)

    def _decide(self, line: Line, event: Event, now: int) -> None:
        """Do what follows from an event of a session."""
        self._apply(self.sessions.on_event(line.name, event, now, self._jitter()), now)

    def _decide_ready(self, now: int) -> None:
        for line in [one for one in self._unready if not self.gateway.limits.awaits(one)]:
            self._decide(line, self._unready.pop(line), now)

    def _retire(self, line: Line, text: str, now: int) -> None:
        self._unready.pop(line, None)
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
        due_ns = self._last_clock_ns + self._clock_ns
        if self.strategies.has_parked and self._has_parked():
            self._parked_due_ns = self._parked_due_ns or now + PARKED_NS
            due_ns = min(due_ns, self._parked_due_ns)
        gateway = self.gateway
        # Plain attributes: each wake-up looks at all of them, and they seldom change.
        for deadline in (
            self.sessions.deadline,
            gateway.liveness.deadline,
            gateway.held.deadline,
            gateway.instruments.table.deadline,
            None if gateway.gate.settling is None else gateway.gate.settling.deadline,
        ):
            if deadline is not None and deadline < due_ns:
                due_ns = deadline
        for line in gateway.lines.all:
            deadline = line.session.deadline
            if deadline is not None and deadline < due_ns:
                due_ns = deadline
        self._alarm.set(due_ns, now)

    def _has_parked(self) -> bool:
        """Whether a strategy that is connected was not told all that it is to be told."""
        gateway = self.gateway
        parked = bool(
            self.strategies.waiting()
            or gateway.snapshots.waiting
            or gateway.balances.questions.untaken
            or gateway.limit_room.questions.untaken
            or gateway.instruments.untaken
        )
        self.strategies.has_parked = parked
        return parked

    # --- what the archive tells -------------------------------------------------------------

    def on_found(self, found: Found) -> None:
        """A piece of what the journal has of a strategy's events."""
        if found.problem:
            self.log("error", f"events that lie in the journal are missing: {found.problem}")
        now = self._wake()
        numbers = [report_seq_of(payload) for payload in found.events]
        told = FOUND + orjson.dumps([found.number, numbers, found.until])
        self.journal.append(Kind.CONTROL, now, 0, told)
        self.strategies.found(found.number, found.events, found.until, now)
        self.settle(now)

    def on_archive_ended(self, text: str) -> None:
        """The process that reads the journal is gone; it is started again when it is needed."""
        self.log("error", f"the process that reads the journal has ended: {text}")
        self.journal.append(Kind.CONTROL, self._around.monotonic_ns(), 0, ARCHIVE_ENDED)
        self.strategies.ask_anew()

    # --- what the connector tells -----------------------------------------------------------

    def on_connected(self, line: Line) -> None:
        """TLS of a line stands: its session logs on."""
        now = self._wake()
        self.journal.append(Kind.LINK, now, line.number, f"{UP}{line.name}".encode())
        # It was made when the attempt began, and the wall clock may have been set since.
        line.session.offset_ns = self.offset_ns
        self.gateway.lines.add(line)
        self.sessions.connected(line.name, now)
        line.session.connected(now)
        self.settle(now)

    def on_not_connected(self, comp_id: str, text: str) -> None:
        """An attempt came to nothing."""
        if self.status is not None:
            return
        now = self._wake()
        self.journal.append(Kind.LINK, now, 0, f"{NOT_UP}{comp_id}: {text}".encode())
        self.log("warning", text, session=comp_id)
        self._apply(self.sessions.connect_failed(comp_id, text, now, self._jitter()), now)
        self.settle(now)

    def _new_line(self, wanted: Connect) -> Line:
        used = {line.number for line in self.gateway.lines}
        self._last_line = line_number(self._last_line, used)
        line = self._line_maker.make(wanted, self._last_line, self.offset_ns)
        # Not a function of the line itself, which would keep it alive until it is looked for.
        line.note = partial(self._note, line.number)
        return line

    # --- effects of the control plane -------------------------------------------------------

    def _apply(self, effects: list[Effect], now: int) -> None:
        for effect in effects:
            if isinstance(effect, Connect):
                self.connector.start(effect)
            elif isinstance(effect, Clear):
                self.connector.clear(effect.comp_id)
            elif isinstance(effect, LogOut):
                self._log_out(effect, now)
            elif isinstance(effect, SetClock):
                self._on_second(now)
            elif isinstance(effect, Status):
                self._tell(effect, now)
            elif self.status is None:
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

    def _end(self, ended: Ended) -> None:
        if not ended.clean:
            self.log("error", ended.text)
        self._exit(3 if ended.failed else 0 if ended.clean else 1)

    def _log_out(self, effect: LogOut, now: int) -> None:
        line = self.gateway.lines.named(effect.comp_id)
        if line is None:
            self.connector.cancel(effect.comp_id)
        else:
            line.session.logout(effect.text, now)
