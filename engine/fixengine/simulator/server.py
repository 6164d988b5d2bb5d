"""The venue's connections: TLS bytes in, sessions and exchange in the middle, TLS bytes out.

Everything runs to completion in one event loop: the bytes of one wake-up are framed, each message
goes through its session and, if it is a request, through the exchange; the answers are written
into the sessions they are for; then every session that has something to say gets one write. A
tick, every TICK_S, moves time on: session timers, the house, the record file.

A client that does not read is cut off once OUTPUT_BYTES_MAX wait for it. A connection that sends
what is no FIX is closed: with a word if it had logged on, without one before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.logon import Acceptor
from fixengine.fix.session import Session
from fixengine.fix.states import Happening, State, Verdict
from fixengine.fix.venue import Complaint, Sender, Window, template
from fixengine.simulator import refusals
from fixengine.simulator.admission import Admission, Counter, Credential
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.faults import Fault, Faults
from fixengine.simulator.record import Recorder
from fixengine.simulator.reports import Answer
from fixengine.simulator.syntax import Syntax, not_played
from fixengine.simulator.venue import Play

TICK_S = 0.02
LOGON_SILENCE_S = 10
MESSAGE_BYTES_MAX = 64 * 1024
OUTPUT_BYTES_MAX = 4 << 20
CONNECTIONS_OPEN_MAX = 500
STOP_S = 2.0
REQUEST_KINDS = (fields.NEW_ORDER_SINGLE, fields.ORDER_CANCEL_REQUEST, fields.LIMIT_QUERY)
ANSWER_KINDS = (fields.EXECUTION_REPORT, fields.ORDER_CANCEL_REJECT, fields.LIMIT_RESPONSE)
ENDS = (Happening.LOGGED_OUT, Happening.LOST, Happening.LOGON_REFUSED)


class Indicator(NamedTuple):
    """One member of the group NoLimitIndicators<25003>."""

    limit_type: str
    limit_count: int
    limit_max: int
    limit_reset_interval: int
    limit_reset_interval_resolution: str


Say = Callable[..., None]
"""say(event, **facts): tell the operator."""


class Connection(asyncio.BufferedProtocol):
    """One TLS connection: its framer, its session, and who logged on over it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.framer = wire.Framer(message_bytes_max=MESSAGE_BYTES_MAX)
        self.garbled = 0
        self.session: Session
        self.transport: asyncio.Transport
        self.within_limit = True
        self.credential: Credential | None = None
        self.everything = True
        self.closing = False
        self.templates: dict[bytes, wire.Template] = {}
        self.messages = Counter()
        self.faults = Faults(server.fault)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands."""
        self.transport = cast(asyncio.Transport, transport)
        self.server.connected(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the framer's buffer."""
        return self.framer.get_buffer(sizehint)

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come into it."""
        if not self.closing and not self.faults.is_mute:
            self.framer.buffer_updated(nbytes)
            self.server.received(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.server.disconnected(self)


class Server:
    """All connections of the venue.

    play: the venue table and its time scale. credentials: by API key. recorder: where to note
    what is sent, or None. uuid: told to clients at Logon. say: tells the operator.
    """

    def __init__(
        self,
        play: Play,
        exchange: Exchange,
        credentials: dict[str, Credential],
        *,
        recorder: Recorder | None,
        fault: Fault | None,
        uuid: str,
        say: Say,
    ) -> None:
        self.play = play
        self.exchange = exchange
        self.fault = fault
        self.admission = Admission(play.venue, credentials)
        self._recorder = recorder
        self._record_failure: OSError | None = None
        self._uuid = uuid
        self._say = say
        self._syntaxes = {
            layout.kind: Syntax(play.venue, layout.kind)
            for layout in play.venue.layouts
            if play.venue.plays(layout.kind, Sender.CLIENT)
        }
        self._connections: set[Connection] = set()
        self._by_account: dict[str, list[Connection]] = {}
        self._to_flush: set[Connection] = set()
        self._offset_ns = time.time_ns() - time.monotonic_ns()
        self._empty = asyncio.Event()

    # --- connections ------------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """A connection stands and waits for its Logon."""
        now = time.monotonic_ns()
        second_ns = self.play.second_ns

        def judge(form: wire.Message, message: wire.Message, at: int) -> Complaint | None:
            return self._judge(connection, form, message, at)

        connection.session = Session(
            self.play.venue,
            Sender.VENUE,
            Acceptor(judge, self._uuid, second_ns),
            logon_timeout_ns=LOGON_SILENCE_S * second_ns,
            offset_ns=self._offset_ns,
            examine=self._examine,
        )
        connection.within_limit = self.admission.attempted(now + self._offset_ns)
        self._connections.add(connection)
        if len(self._connections) > CONNECTIONS_OPEN_MAX:
            self._cut_off(connection, f"more than {CONNECTIONS_OPEN_MAX} connections are open")
            return
        connection.session.connected(now)

    def disconnected(self, connection: Connection) -> None:
        """A connection is gone: its SenderCompID is free, or quarantined."""
        now = time.monotonic_ns()
        session = connection.session
        session.closed(now)
        self._hear(connection)
        self._connections.discard(connection)
        self._to_flush.discard(connection)
        if connection.credential is not None:
            free_at = now + self._offset_ns + 2 * session.heartbeat_ns
            self.admission.ended(connection.credential, session.client_comp_id, free_at)
        if not self._connections:
            self._empty.set()

    async def stop(self) -> None:
        """Log every session out and wait, shortly, until all connections are closed."""
        now = time.monotonic_ns()
        self._empty.clear()
        for connection in list(self._connections):
            connection.session.fail("The server is shutting down.", now)
            self._hear(connection)
            self._to_flush.add(connection)
        self._flush()
        if self._connections:
            try:
                await asyncio.wait_for(self._empty.wait(), STOP_S)
            except TimeoutError:
                for connection in list(self._connections):
                    self._cut_off(connection, "it did not close after Logout")

    def _judge(
        self, connection: Connection, form: wire.Message, message: wire.Message, now: int
    ) -> Complaint | None:
        found = self.admission.judge(message, connection.within_limit, now + self._offset_ns)
        if isinstance(found, Complaint):
            return found
        connection.credential = found
        connection.everything = form.value("response_mode") != 2
        return None

    def _examine(self, message: wire.Message) -> Complaint | None:
        """What is wrong with the form of a message that the session answers."""
        syntax = self._syntaxes.get(message.kind)
        if syntax is None:
            return not_played(self.play.venue, message.kind)
        found = syntax.read(message)
        return found if isinstance(found, Complaint) else None

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
        self._by_account.setdefault(credential.account.name, []).append(connection)
        self._say("logged_on", session=session.client_comp_id, account=credential.account.name)
        connection.faults.logged_on(connection.transport, session)

    def _ended(self, connection: Connection, clean: bool) -> None:
        """No more reports; after a clean end the SenderCompID is free before TLS has closed."""
        credential = connection.credential
        if credential is None:
            return
        members = self._by_account.get(credential.account.name, [])
        if connection in members:
            members.remove(connection)
        if clean:
            self.admission.ended(credential, connection.session.client_comp_id, None)
            connection.credential = None

    def _cut_off(self, connection: Connection, text: str) -> None:
        self._say("cut_off", session=connection.session.client_comp_id, text=text)
        connection.closing = True
        connection.transport.abort()

    # --- bytes in ---------------------------------------------------------------------------

    def received(self, connection: Connection) -> None:
        """Carry out every whole message that has come."""
        now = time.monotonic_ns()
        session, framer = connection.session, connection.framer
        try:
            for message in framer:
                self._garbled(connection, now)
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
        self._to_flush.add(connection)
        self._flush()

    def _garbled(self, connection: Connection, now: int) -> None:
        """Complain about a message the framer dropped."""
        framer, session = connection.framer, connection.session
        if framer.garbled == connection.garbled:
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
        verdict = session.receive(message, now)
        if session.events:
            self._hear(connection)
        if verdict is Verdict.APPLICATION:
            self._request(connection, message, now)

    def _within_limit(self, connection: Connection, now: int) -> bool:
        window = self.play.limits.messages
        if connection.messages.add(window, now + self._offset_ns):
            return True
        text = (
            f"Too many messages; current limit is '{window.count_max}' messages"
            f" per '{window.name}'."
        )
        connection.session.fail(text, now)
        return False

    def _request(self, connection: Connection, message: wire.Message, now: int) -> None:
        session, credential = connection.session, connection.credential
        assert credential is not None
        kind = message.kind
        if kind not in REQUEST_KINDS:
            session.reject(not_played(self.play.venue, kind), message, now)
            return
        request = self._syntaxes[kind].read(message)
        if isinstance(request, Complaint):
            session.reject(request, message, now)
            return
        if kind == fields.LIMIT_QUERY:
            self._tell_limits(connection, request.req_id, now)
            return
        requester: Connection | None = connection
        if kind == fields.NEW_ORDER_SINGLE:
            if connection.faults.loses_outcome:
                session.reject(refusals.OUTCOME_UNKNOWN, message, now)
                if not connection.faults.accepts_secretly():
                    return
                requester = None
            answers = self.exchange.new_order(credential.account, request, now + self._offset_ns)
        else:
            answers = self.exchange.cancel(credential.account, request, now + self._offset_ns)
        if isinstance(answers, Complaint):
            session.reject(answers, message, now)
        else:
            self._deliver(answers, requester, now)

    def _tell_limits(self, connection: Connection, req_id: str, now: int) -> None:
        """LimitResponse: messages of this connection, then the account's unfilled orders."""
        assert connection.credential is not None
        window = self.play.limits.messages
        found = [_indicator("2", window, connection.messages.count)]
        for window, count in connection.credential.account.unfilled.counts(now + self._offset_ns):
            found.append(_indicator("1", window, count))
        values = {"req_id": req_id, "limit_indicators": tuple(found)}
        # Not by _send: it is no report, which the record keeps and faults count.
        connection.session.send(connection.templates[fields.LIMIT_RESPONSE], None, now, values)
        self._to_flush.add(connection)

    # --- bytes out --------------------------------------------------------------------------

    def _deliver(self, answers: list[Answer], requester: Connection | None, now: int) -> None:
        """Put each answer into the sessions it is for (spec 22.2)."""
        for answer in answers:
            for connection in self._by_account.get(answer.account.name, ()):
                asked = connection is requester and answer.ack
                if asked or (answer.push and connection.everything):
                    self._send(connection, answer.kind, answer.values, now)

    def _send(self, connection: Connection, kind: bytes, values: dict[str, Any], now: int) -> None:
        session = connection.session
        seq = session.next_out
        frame = session.send(connection.templates[kind], None, now, values)
        if self._recorder is not None:
            self._recorder.add(session.client_comp_id, seq, kind, values, frame)
        connection.faults.sent(session)
        self._to_flush.add(connection)

    def _flush(self) -> None:
        """One write for each session that has output; close those that are done.

        The record comes first: whatever a client can have received is in it, even if this process
        is killed in between.
        """
        self._write_record()
        while self._to_flush:
            connection = self._to_flush.pop()
            if connection.closing:
                continue
            session, transport = connection.session, connection.transport
            frames = session.take_output()
            if frames:
                transport.write(b"".join(frames))
            if session.close_requested:
                connection.closing = True
                transport.close()
            elif transport.get_write_buffer_size() > OUTPUT_BYTES_MAX:
                self._cut_off(connection, f"it left {OUTPUT_BYTES_MAX} bytes unread")

    def _write_record(self) -> None:
        """Bring the record to its file; a disk that refuses is told by the next tick."""
        if self._recorder is None or self._record_failure is not None:
            return
        try:
            self._recorder.flush()
        except OSError as problem:
            self._record_failure = problem

    def tick(self) -> None:
        """Time has passed. Raises OSError where the record cannot be written."""
        now = time.monotonic_ns()
        # One offset for all sessions, so that TransactTime is never after SendingTime.
        self._offset_ns = time.time_ns() - now
        for connection in list(self._connections):
            session = connection.session
            session.offset_ns = self._offset_ns
            deadline = session.deadline
            if deadline is not None and now >= deadline:
                session.tick(now)
                self._hear(connection)
                self._to_flush.add(connection)
        self._deliver(self.exchange.tick(now + self._offset_ns), None, now)
        self._flush()
        if self._record_failure is not None:
            raise self._record_failure


def _indicator(limit_type: str, window: Window, count: int) -> Indicator:
    """How much of a limit is used. The interval is the venue's own, at any time scale."""
    interval, unit = window.name.split()
    return Indicator(limit_type, count, window.count_max, int(interval), unit[0].lower())
