"""The venue's connections: TLS bytes in, sessions and exchange in the middle, TLS bytes out.

Everything runs to completion in one event loop: the bytes of one wake-up are framed, each message
goes through its session and, if it is a request, through the exchange; the answers are written
into the sessions they are for; then every session that has something to say gets one write. A
tick, every TICK_S, moves time on: session timers, the house, the drop copy, the record file.

A connection that sends what is no FIX is closed: with a word if it had logged on, without one
before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from fixengine import wire
from fixengine.fix.logon import Acceptor
from fixengine.fix.session import Session
from fixengine.fix.states import Happening, State, Verdict
from fixengine.fix.venue import Complaint, Sender, template
from fixengine.simulator import refusals
from fixengine.simulator.admission import Admission, Credential
from fixengine.simulator.connection import Connection
from fixengine.simulator.delivery import Delivery, Say
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.faults import sessions
from fixengine.simulator.faults.active import Active, Faults
from fixengine.simulator.faults.acts import Acts
from fixengine.simulator.faults.names import Asked, FaultError, Way
from fixengine.simulator.feed import Feeds
from fixengine.simulator.history import History
from fixengine.simulator.meter import Meter
from fixengine.simulator.record import Recorder
from fixengine.simulator.requests import ANSWER_KINDS, Requests
from fixengine.simulator.rest import Rest
from fixengine.simulator.venue import DROP_COPY_DELAY_S, Play

TICK_S = 0.02
LOGON_SILENCE_S = 10
CONNECTIONS_OPEN_MAX = 500
STOP_S = 2.0
ENDS = (Happening.LOGGED_OUT, Happening.LOST, Happening.LOGON_REFUSED)


class Server:
    """All connections of the venue.

    play: the venue table and its time scale. credentials: by API key. recorder: where to note
    what is sent, or None. faults: what goes wrong. uuid: told to clients at Logon. say: tells the
    operator. monotonic_ns, wall_ns: the clocks it lives by.
    """

    def __init__(
        self,
        play: Play,
        exchange: Exchange,
        credentials: dict[str, Credential],
        *,
        recorder: Recorder | None,
        faults: Faults,
        uuid: str,
        say: Say,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.play = play
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self.exchange = exchange
        self.faults = faults
        self.admission = Admission(play.venue, credentials)
        history = History()
        exchange.watchers.append(history.note)
        meter = Meter(play.web)
        self.rest = Rest(meter, exchange, history, credentials)
        self.feeds = Feeds(meter, exchange, history, credentials)
        exchange.watchers.append(self.feeds.note)
        self.delivery = Delivery(faults, recorder, DROP_COPY_DELAY_S * play.second_ns, say)
        self.requests = Requests(play, exchange, self.delivery, faults)
        self.acts = Acts(play, exchange, self.delivery, self.end, uuid)
        self._uuid = uuid
        self._say = say
        # In the order in which they came, so that the same thing is done twice.
        self._connections: dict[Connection, None] = {}
        self._to_do: list[tuple[Active, Connection]] = []
        self._offset_ns = wall_ns() - monotonic_ns()
        self._empty = asyncio.Event()

    # --- connections ------------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """A connection stands and waits for its Logon."""
        now = self._monotonic_ns()

        def judge(form: wire.Message, message: wire.Message, at: int) -> Complaint | None:
            return self._judge(connection, form, message, at)

        connection.session = Session(
            self.play.venue,
            Sender.VENUE,
            Acceptor(judge, self._uuid),
            logon_timeout_ns=LOGON_SILENCE_S * self.play.second_ns,
            offset_ns=self._offset_ns,
            examine=self.requests.examine,
        )
        connection.within_limit = self.admission.attempted(connection.role, now + self._offset_ns)
        self._connections[connection] = None
        if len(self._connections) > CONNECTIONS_OPEN_MAX:
            text = f"more than {CONNECTIONS_OPEN_MAX} connections are open"
            self.delivery.cut_off(connection, text)
            return
        connection.session.connected(now)

    def disconnected(self, connection: Connection) -> None:
        """A connection is gone: its SenderCompID is free, or quarantined."""
        now = self._monotonic_ns()
        session = connection.session
        session.closed(now)
        self._hear(connection)
        self._connections.pop(connection, None)
        self.delivery.forget(connection)
        if connection.credential is not None:
            free_at = now + self._offset_ns + 2 * session.heartbeat_ns
            self.admission.ended(connection.credential, session.client_comp_id, free_at)
        if not self._connections:
            self._empty.set()

    def end(self, connection: Connection, text: str, now: int) -> None:
        """Log a session out of the venue's own accord, and close."""
        connection.ended_by_us = True
        connection.session.fail(text, now)
        self._hear(connection)
        self.delivery.wants_flush(connection)

    async def stop(self) -> None:
        """Log every session out and wait, shortly, until all connections are closed."""
        now = self._monotonic_ns()
        self._empty.clear()
        self.clear(None, None)
        for connection in list(self._connections):
            self.end(connection, "The server is shutting down.", now)
        self.delivery.flush(now)
        if self._connections:
            try:
                await asyncio.wait_for(self._empty.wait(), STOP_S)
            except TimeoutError:
                for connection in list(self._connections):
                    self.delivery.cut_off(connection, "it did not close after Logout")

    def _judge(
        self, connection: Connection, form: wire.Message, message: wire.Message, now: int
    ) -> Complaint | None:
        refused = sessions.refuses_logon(connection.session, self.faults)
        if refused is not None:
            return refused
        wall = now + self._offset_ns
        found = self.admission.judge(message, connection.role, connection.within_limit, wall)
        if isinstance(found, Complaint):
            return found
        connection.credential = found
        connection.everything = form.value("response_mode") != 2
        return None

    def _hear(self, connection: Connection) -> None:
        """Act on what a session has to tell."""
        session = connection.session
        for event in session.take_events():
            if event.kind is Happening.LOGGED_ON:
                self._logged_on(connection)
            elif event.kind in ENDS:
                self._ended(connection, event.clean)
                self._say(event.kind.value, session=session.client_comp_id, text=event.text)

    def _logged_on(self, connection: Connection) -> None:
        session, credential = connection.session, connection.credential
        assert credential is not None
        connection.templates = {
            kind: template(self.play.venue, kind, Sender.VENUE, session.client_comp_id)
            for kind in ANSWER_KINDS
        }
        self.delivery.joined(credential.account.name, connection)
        self._say("logged_on", session=session.client_comp_id, account=credential.account.name)
        connection.link.update_reading()
        acts = self.faults.acts_at_logon(session.client_comp_id)
        self._to_do += [(act, connection) for act in acts]

    def _ended(self, connection: Connection, clean: bool) -> None:
        """No more reports; after a clean end the SenderCompID is free before TLS has closed."""
        credential, comp_id = connection.credential, connection.comp_id
        if credential is None:
            return
        self.delivery.left(credential.account.name, connection)
        if connection.ended_by_us and self.faults.standing("clean-ends", comp_id):
            clean = True
        if clean:
            self.admission.ended(credential, comp_id, None)
            connection.credential = None

    # --- faults -----------------------------------------------------------------------------

    def ask(self, asked: Asked) -> list[str]:
        """Let a fault hold from now on, or carry it out; the SenderCompIDs that it meets now.

        Raises FaultError where it names a session that is not there, or cannot be carried out.
        """
        now = self._monotonic_ns()
        met = [
            connection
            for connection in self._connections
            if connection.session.state is State.ACTIVE
            and asked.session in (None, connection.comp_id)
        ]
        if asked.fault.way is Way.ACT and not asked.at_logon:
            if not met:
                whom = f"no session {asked.session}" if asked.session else "no session"
                raise FaultError(f"{asked.fault.name}: {whom} is logged on; at=logon waits for one")
            self.acts.do(asked, met, now)
            self.delivery.flush(now)
        else:
            self.faults.add(asked)
            self._update_reading()
        return sorted(connection.comp_id for connection in met)

    def clear(self, name: str | None, session: str | None) -> int:
        """End faults by name and session, None for any, News under way included; how many."""
        count = len(self.faults.clear(name, session))
        count += self.acts.clear(name, session)
        self._update_reading()
        return count

    def _update_reading(self) -> None:
        for connection in self._connections:
            connection.link.update_reading()

    # --- bytes in ---------------------------------------------------------------------------

    def received(self, connection: Connection, data: bytes) -> None:
        """Carry out every whole message that has come."""
        now = self._monotonic_ns()
        session, framer = connection.session, connection.framer
        try:
            for piece in connection.pieces(data):
                framer.feed(piece)
                for message in framer:
                    if not session.close_requested:
                        self._message(connection, message, now)
                self._garbled(connection, now)
        except wire.RemoteProtocolError as problem:
            if session.state is State.ACTIVE:
                complaint = self.play.venue.complaints["framing_lost"]
                session.reject(complaint._replace(close=False), None, now, problem)
                session.fail(f"Garbled message: {problem}.", now)
            else:
                session.closed(now, f"sent no FIX: {problem}")
        self._hear(connection)
        self.delivery.wants_flush(connection)
        self.delivery.flush(now)
        if self._to_do:
            self._act(now)

    def _act(self, now: int) -> None:
        """What was to be done at a Logon; the answer to it has been written."""
        while self._to_do:
            act, connection = self._to_do.pop(0)
            if connection.session.state is State.ACTIVE:
                try:
                    self.acts.do(act.asked, [connection], now)
                except FaultError as problem:
                    self._say("fault", session=connection.comp_id, text=str(problem))
        self.delivery.flush(now)

    def _garbled(self, connection: Connection, now: int) -> None:
        """Complain about a message the framer dropped."""
        framer, session = connection.framer, connection.session
        if framer.garbled == connection.garbled or session.close_requested:
            return
        connection.garbled = framer.garbled
        if session.state is not State.ACTIVE:
            session.closed(now, "a message with a wrong CheckSum came instead of a Logon")
            return
        if self._within_limit(connection, now):
            session.garbled(now, framer.last_garbled or b"")

    def _message(self, connection: Connection, message: wire.Message, now: int) -> None:
        session = connection.session
        if session.state is State.ACTIVE and not self._within_limit(connection, now):
            return
        if sessions.swallows(session, self.faults, message, now):
            return
        text = sessions.logs_out_for_seq(session, self.faults, message)
        if text is not None:
            self.end(connection, text, now)
            return
        verdict = session.receive(message, now)
        sessions.unsay_heartbeats(session, self.faults)
        if session.events:
            self._hear(connection)
        if verdict is Verdict.APPLICATION:
            self.requests.carry_out(connection, message, now)

    def _within_limit(self, connection: Connection, now: int) -> bool:
        window = self.play.limits(connection.role).messages
        if connection.messages.add(window, now + self._offset_ns):
            return True
        text = (
            f"Too many messages; current limit is '{window.count_max}' messages"
            f" per '{window.name}'."
        )
        if self.faults.standing("breach-rejects", connection.comp_id):
            connection.session.reject(refusals.complaint(-1181, text), None, now)
        self.end(connection, text, now)
        return False

    # --- time -------------------------------------------------------------------------------

    def tick(self) -> None:
        """Time has passed. Raises OSError where the record cannot be written."""
        now = self._monotonic_ns()
        # One offset for all sessions, so that TransactTime is never after SendingTime.
        self._offset_ns = self._wall_ns() - now
        for connection in list(self._connections):
            session = connection.session
            session.offset_ns = self._offset_ns
            connection.link.pump(now)
            deadline = session.deadline
            if deadline is not None and now >= deadline and not connection.link.is_black_hole:
                session.tick(now)
                sessions.unsay_heartbeats(session, self.faults)
                self._hear(connection)
                self.delivery.wants_flush(connection)
        self.acts.tick(now)
        self.delivery.deliver(self.exchange.tick(now + self._offset_ns), None, now)
        self.delivery.deliver_copies(now)
        self.delivery.flush(now)
        if self.delivery.record_failure is not None:
            raise self.delivery.record_failure
