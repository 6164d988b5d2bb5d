"""What a script is played on: the sans-I/O core with a clock the script turns, no sockets.

`SessionStage` holds one Session and does what its owner does with bytes and verdicts.
`EngineStage` holds gateway, control plane and sessions, wired together as the network process
does, with memory in place of TLS, bus, journal and disk.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from engine_in_memory import EPOCH, NOW, Bus, Journal, Register, Wire
from fixengine import wire
from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.fix.classic import ClassicSession
from fixengine.fix.history import History
from fixengine.fix.resync import Resync
from fixengine.fix.session import Session
from fixengine.fix.states import Happening, State, Verdict
from fixengine.messages import (
    Heartbeat,
    Hello,
    NewOrderSingle,
    OrderCancelRequest,
    SessionStatus,
    encode,
)
from fixengine.network.clock import SECOND_NS, Clock
from fixengine.network.gateway import Gateway
from fixengine.network.limits import Limits
from fixengine.network.line import Line
from fixengine.network.lines import Lines
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
from fixengine.network.slot import DROP_COPY, posts_of
from fixengine.network.strategies import Strategies
from script_reader import UNIT_NS, Script
from script_venues import Dialect
from sessions_in_memory import WALL_NS

TICKS_MAX = 10_000
ENDS = (Happening.LOST, Happening.LOGGED_OUT, Happening.LOGON_REFUSED)


class Link:
    """One connection: what we sent and the peer has not looked at, and both sides' numbers.

    next_theirs: MsgSeqNum of what the peer sends next; next_ours: what we should send next.
    """

    def __init__(self, session: Session, framer: wire.Framer | Resync) -> None:
        self.session = session
        self.framer = framer
        self.sent: deque[bytes] = deque()
        self.sent_ns: deque[int] = deque()
        self.closing = False
        self.gone = False
        self.garbled = 0
        self.next_theirs = 1
        self.next_ours = 1

    def add(self, frames: list[bytes], now: int) -> None:
        """We have sent these."""
        for frame in frames:
            self.sent.append(frame)
            self.sent_ns.append(now)


class SessionStage:
    """One Session, and its owner's half of the work."""

    def __init__(self, script: Script, role: str, dialect: Dialect) -> None:
        self.now = 0
        self.role = role
        self.dialect = dialect
        self.script = script
        self.history = History()
        self.session = self._new_session()
        self.links: dict[str, Link] = {}
        self.newest = script.ids[0]
        self.told: deque[tuple[str, Any]] = deque()
        self.delivered: deque[wire.Message] = deque()

    def connect(self) -> Link:
        """The connection stands; the session is a new one where there was one before."""
        if self.links:
            self.session = self._new_session()
        self.links[self.newest] = Link(self.session, self.dialect.framer())
        self.session.connected(self.now)
        self._settle()
        return self.links[self.newest]

    def _new_session(self) -> Session:
        script = self.script
        return self.dialect.session(
            self.role, script.version, script.heartbeat_ns, script.ids[0], self.history
        )

    def receive(self, link: Link, data: bytes) -> None:
        """Bytes of the peer."""
        link.framer.feed(data)
        session, strict = self.session, self.session.rules.strict
        try:
            for message in link.framer:
                self._garbled(link)
                if strict and session.close_requested:
                    continue
                if session.receive(message, self.now) in (Verdict.APPLICATION, Verdict.REJECT):
                    self.delivered.append(message)
                if isinstance(session, ClassicSession):
                    self.delivered += [held for held, _ in session.take_released()]
        except wire.RemoteProtocolError as problem:
            if strict and session.state is State.ACTIVE:
                complaint = session.venue.complaints["framing_lost"]
                session.reject(complaint._replace(close=False), None, self.now, problem)
                session.fail(f"Garbled message: {problem}.", self.now)
            elif strict:
                session.closed(self.now, f"sent no FIX: {problem}")
            else:
                session.fail(f"framing lost: {problem}", self.now)
        self._garbled(link)
        self._settle()

    def _garbled(self, link: Link) -> None:
        if link.framer.garbled != link.garbled:
            link.garbled = link.framer.garbled
            self.session.garbled(self.now, link.framer.last_garbled or b"")

    def lost(self, link: Link, text: str) -> None:
        """The peer has ended the connection."""
        link.gone = True
        self.session.closed(self.now, text)
        self._settle()

    def advance(self, until: int) -> None:
        """Let time pass, timers running when they are due."""
        for _ in range(TICKS_MAX):
            deadline = self.session.deadline
            if deadline is None or deadline > until:
                self.now = until
                return
            self.now = max(self.now, deadline)
            self.session.tick(self.now)
            self._settle()
        raise AssertionError(f"more than {TICKS_MAX} timers in one step of time")

    @property
    def state(self) -> str:
        """Of the session."""
        return str(self.session.state)

    def log_out(self, text: str) -> None:
        """We ask for the end."""
        self.session.logout(text, self.now)
        self._settle()

    def say(self, name: str) -> None:
        """We send an application message."""
        self.dialect.say(self.session, name, self.now)
        self._settle()

    def _settle(self) -> None:
        link = self.links[self.newest]
        link.add(self.session.take_output(), self.now)
        link.closing = self.session.close_requested
        self.told += [(event.kind.value, event) for event in self.session.take_events()]


class EngineStage:
    """Gateway, control plane, lines and sessions, with a strategy called alpha.

    The glue is what network/process.py does around them; where that has a socket or a disk, here
    is memory: `dialled` are attempts not yet answered, `marked` the ids that are in use on disk.
    """

    def __init__(self, script: Script, dialect: Dialect) -> None:
        self.script = script
        self.dialect = dialect
        self.venue = dialect.venue(script.version)
        self.now = NOW
        self.links: dict[str, Link] = {}
        self.newest = ""
        self.lines: dict[str, Line] = {}
        self.dialled: deque[Connect] = deque()
        self.marked: set[str] = set()
        self.told: deque[tuple[str, Any]] = deque()
        self.published: deque[tuple[str, Any]] = deque()
        self.ended: Ended | None = None
        self.log: list[str] = []
        self.alarms: list[str] = []
        self.clock_read = False
        self.bus = Bus()
        self.requests: dict[str, Any] = {}
        self._numbers = 0
        self._build()
        self._apply(self.sessions.tick(self.now))
        self._settle()

    def _build(self) -> None:
        journal = Journal()
        self.strategies = Strategies(
            self.bus,
            Register(),
            EPOCH,
            strategies_max=8,
            outbox_max=100_000,
            valid_for_ms_max=10_000,
            standings={},
        )
        clock = Clock(SECOND_NS, 5 * SECOND_NS)
        clock.offset_ns = WALL_NS - NOW

        def say(level: str, text: str, **details: object) -> None:
            self.log.append(text)

        self.gateway = Gateway(
            self.venue,
            Orders(1000, 100),
            Positions(),
            self.strategies,
            journal,
            say,
            lines=Lines(self.script.sessions),
            clock=clock,
            limits=Limits(self.venue, clock, None, say),
            epoch=EPOCH,
            valid_for_ms_max=10_000,
            unsent_bytes_max=0,
            cancel_unsent_bytes_max=1000,
        )
        script = self.script
        posts = posts_of(self.venue, script.sessions, 1, script.drop_copy)
        self.sessions = Sessions(self.venue, posts, script.ids, script.heartbeat_ns)
        self.gateway.on_order(b"a", encode(Hello("alpha")), self.now)
        self.bus.sent.clear()

    # --- the world ----------------------------------------------------------------------------

    def connect(self) -> Link:
        """The attempt under way succeeds."""
        assert self.dialled, "the engine does not try to connect"
        comp_id, post = self.dialled.popleft()
        session = self.dialect.session(
            "initiator", self.script.version, self.script.heartbeat_ns, comp_id, History()
        )
        session.offset_ns = WALL_NS - NOW
        if post.role == DROP_COPY:
            # Its Logon differs, and nothing else.
            session.handshake.response_mode = None
            session.handshake.more = self.venue.profiles[DROP_COPY].logon
        self._numbers += 1
        line = Line(self._numbers, self.venue, session, recv_window_ms=5000, budget=None, post=post)
        line.transport = Wire()
        before = self.links.get(comp_id)
        if before is not None and (before.sent or (before.closing and not before.gone)):
            raise AssertionError("the script has not said all that its last connection did")
        self.links[comp_id] = Link(session, line.framer)
        self.lines[comp_id] = line
        self.newest = comp_id
        self.gateway.lines.add(line)
        session.connected(self.now)
        self._settle()
        return self.links[comp_id]

    def connect_fails(self, text: str) -> None:
        """The attempt under way does not."""
        assert self.dialled, "the engine does not try to connect"
        comp_id, _ = self.dialled.popleft()
        self._apply(self.sessions.connect_failed(comp_id, text, self.now, 0))
        self._settle()

    def receive(self, link: Link, data: bytes) -> None:
        """Bytes of the venue."""
        link.framer.feed(data)
        self.gateway.on_bytes(self._line_of(link), self.now)
        self._settle()

    def lost(self, link: Link, text: str) -> None:
        """The venue has ended the connection."""
        link.gone = True
        self._line_of(link).transport = None
        link.session.closed(self.now, text)
        self._settle()

    def advance(self, until: int) -> None:
        """Let time pass, timers running when they are due."""
        for _ in range(TICKS_MAX):
            due = [line.session.deadline for line in self.gateway.lines]
            times = [at for at in [*due, self.sessions.deadline] if at is not None]
            # The process wakes once a second whatever is due.
            self.now = min([*times, self.now + UNIT_NS["s"], until])
            self.now = max(self.now, NOW)
            self._apply(self.sessions.tick(self.now))
            self.gateway.on_tick(self.now)
            self._settle()
            if self.now >= until:
                return
        raise AssertionError(f"more than {TICKS_MAX} timers in one step of time")

    def unsent(self, count: int) -> None:
        """So many bytes are written and not sent."""
        transport = self.lines[self.newest].transport
        assert isinstance(transport, Wire)
        transport.unsent_bytes = count

    def stop(self) -> None:
        """As SIGTERM does."""
        self.gateway.gate.stopping = True
        self._apply(self.sessions.stop("engine stops", self.now))
        self._settle()

    # --- the strategy -------------------------------------------------------------------------

    def order(self, name: str, valid_for_ms: int) -> None:
        """alpha orders; a name that was used is the same request once more."""
        made = self.requests.get(name)
        if made is None:
            made = NewOrderSingle.limit("BTCUSDT", "1", "1", "50000", cl_ord_id=name)
        self._request(name, made, valid_for_ms)

    def cancel(self, name: str, of: str) -> None:
        """alpha cancels."""
        made = self.requests.get(name) or OrderCancelRequest(cl_ord_id=name, orig_cl_ord_id=of)
        self._request(name, made, 1000)

    def _request(self, name: str, request: Any, valid_for_ms: int) -> None:
        self.requests[name] = request
        request.epoch, request.sent_ns, request.valid_for_ms = EPOCH, self.now, valid_for_ms
        self.gateway.on_order(b"a", encode(request), self.now)
        self._settle()

    @property
    def state(self) -> str:
        """As it was published last."""
        return self.gateway.session_state

    def wire_id(self, name: str) -> str | None:
        """ClOrdID on the wire of a request of alpha's, None where none is known."""
        order = self.gateway.orders.find(1, name)
        return None if order is None else order.wire_id

    # --- the process --------------------------------------------------------------------------

    def _line_of(self, link: Link) -> Line:
        return next(line for line in self.lines.values() if line.session is link.session)

    def _settle(self) -> None:
        for comp_id in self.sessions.draining:
            old = self.gateway.lines.named(comp_id)
            if old is None or not self.gateway.waits_for(old):
                self._apply(self.sessions.drained(comp_id, self.now))
        self.gateway.flush(self.now)
        for line in list(self.gateway.lines):
            for event in line.session.take_events():
                self.log.append(f"session {event.kind}: {event.text}")
                if event.kind is Happening.LOGGED_ON:
                    self.gateway.lines.up(line, self.now)
                elif event.kind in ENDS:
                    self._retire(line, event.text)
                self._apply(self.sessions.on_event(line.name, event, self.now, 0))
            self.gateway.flush(self.now)
        for comp_id, line in self.lines.items():
            link = self.links[comp_id]
            if isinstance(line.transport, Wire):
                link.add(line.transport.written, self.now)
                link.closing = line.transport.closed
                line.transport.written.clear()
        for _, event in self.bus.sent:
            if isinstance(event, Heartbeat):
                # Said for its own sake, to find strategies that left; no script is about it.
                continue
            taker = self.published if isinstance(event, SessionStatus) else self.told
            taker.append((type(event).__name__, event))
        self.bus.sent.clear()

    def _retire(self, line: Line, text: str) -> None:
        self.gateway.flush(self.now)
        self.gateway.on_line_lost(line, text, self.now)
        self.gateway.lines.remove(line)

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Connect):
                self.marked.add(effect.comp_id)
                self.dialled.append(effect)
            elif isinstance(effect, Clear):
                self.marked.discard(effect.comp_id)
            elif isinstance(effect, LogOut):
                line = self.gateway.lines.named(effect.comp_id)
                if line is not None:
                    line.session.logout(effect.text, self.now)
            elif isinstance(effect, Status):
                self.log.append(f"{effect.state}: {effect.text}")
                if effect.alarm:
                    self.alarms.append(effect.text)
                state, source = effect.state.value, effect.comp_id
                best = self.sessions.state.value
                self.gateway.on_session(state, effect.text, source, best, self.now)
            elif isinstance(effect, SetClock):
                self.clock_read = True
            else:
                self.ended = effect
