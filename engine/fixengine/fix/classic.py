"""The classic session: numbers last, what is missing is asked for again, faults are named.

The states and the keeping of time are those of session.py; what is different is what comes in:

    bytes -> Resync -> header (CompIDs, clock, copies) -> number -> grammar -> the state machine

A message ahead of its turn is held and one ResendRequest asks for what is missing; SequenceReset
and Logout, and ResendRequest itself, need no turn. What came out of turn and is due now lies in
`take_released`, behind the message just received. Numbers and messages sent are in the History,
which outlives the connection.

Where the two sides both ask, each answers the other's request at once and holds what follows, so
that both finish.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.classic_logon import ClassicAcceptor, ClassicInitiator
from fixengine.fix.gaps import ASKED_MAX
from fixengine.fix.history import History
from fixengine.fix.judge import Arrival, JudgingSession
from fixengine.fix.peek import peek, peek_number, printable, reread
from fixengine.fix.remember import ADMIN, head_of
from fixengine.fix.states import TRANSITIONS, Happening, State, Verdict
from fixengine.fix.validate import TEXTS, Fault, fault_of, split
from fixengine.fix.venue import Sender, Venue
from fixengine.fix.write import Field, reverse_route

INFINITY = (0, 999_999)
"""EndSeqNo<16> that means "all there is"; the second by some engines."""

RESEND_TIMEOUT_NS = 10_000_000_000


class ClassicSession(JudgingSession):
    """One classic FIX session over one connection; see the module's top.

    client_comp_id: the client's SenderCompID, known to both sides. history: what was before.
    """

    def __init__(
        self,
        venue: Venue,
        sender: Sender,
        handshake: ClassicInitiator | ClassicAcceptor,
        history: History,
        *,
        client_comp_id: str,
        **options: Any,
    ) -> None:
        super().__init__(
            venue, sender, handshake, history, client_comp_id=client_comp_id, **options
        )
        self.handshake: ClassicInitiator | ClassicAcceptor = handshake
        self.reset = handshake.reset
        self._released: list[tuple[wire.Message, Verdict]] = []

    # --- what the owner tells us ------------------------------------------------------------

    def connected(self, now: int) -> None:
        """The connection stands: an initiator logs on, an acceptor waits."""
        if self.reset and self.sender is Sender.CLIENT:
            self.restart()
        super().connected(now)

    def receive(self, message: wire.Message, now: int) -> Verdict:
        """One message came; look into `take_released` for those held that are due behind it."""
        if self.state in (State.CLOSED, State.DISCONNECTED):
            return Verdict.DROP
        self.last_received_ns = now
        verdict = self._admit(message, now)
        while self._failure is None and (frame := self.gaps.take(self.next_in)) is not None:
            self._release(frame, now)
        if self.gaps.missing(self.next_in):
            self._ask(now)
        self.history.received(self.next_in)
        return verdict

    def take_released(self) -> list[tuple[wire.Message, Verdict]]:
        """What was held and is due now, in order; the list is handed over."""
        released, self._released = self._released, []
        return released

    def tick(self, now: int) -> None:
        """Time has passed; a ResendRequest that brings nothing is repeated, then given up."""
        overdue = now >= self._state_since_ns + self.logout_timeout_ns
        if self._failure is not None and self.state is State.LOGOUT_SENT and overdue:
            self._end(Happening.LOST, self._failure, now)
        super().tick(now)
        asked = self.gaps.asked_at_ns
        if self.state is State.ACTIVE and asked is not None and now >= asked + RESEND_TIMEOUT_NS:
            if self.gaps.asked >= ASKED_MAX:
                self.fail("ResendRequest was not answered", now)
            else:
                self._ask(now, again=True)

    @property
    def deadline(self) -> int | None:
        """Monotonic ns at which `tick` matters next; None: never."""
        due = super().deadline
        asked = self.gaps.asked_at_ns
        if self.state is not State.ACTIVE or asked is None:
            return due
        return asked + RESEND_TIMEOUT_NS if due is None else min(due, asked + RESEND_TIMEOUT_NS)

    def garbled(self, now: int, frame: bytes = b"") -> None:
        """A garbled message was dropped: nobody logs on with one, later it is a hole."""
        text = "a garbled message came instead of a Logon"
        if self.state is State.LOGON_AWAITED:
            self._end(Happening.LOGON_REFUSED, text, now)
        elif self.state is State.LOGON_SENT:
            self.fail(text, now)

    def restart(self) -> None:
        """Both directions start at 1 again."""
        self.history.reset()
        self.gaps.clear()
        self.next_out = self.next_in = 1

    def answer(self, kind: bytes, body: Iterable[Field], to: wire.Message, now: int) -> None:
        """Send an application message, its fields as they are, back to where `to` came from.

        Routing fields are reversed, PossResend<97> is kept. Raises LocalProtocolError where the
        session is not active.
        """
        if self.state is not State.ACTIVE:
            raise wire.LocalProtocolError(f"session is {self.state}: nothing can be sent now")
        route = reverse_route(head_of(split(bytes(to), self.grammar), self.grammar))
        if peek(to, fields.POSS_RESEND) == b"Y":
            route[fields.POSS_RESEND] = b"Y"
        self._write(kind, body, now, route)

    # --- header and number ------------------------------------------------------------------

    def _admit(self, message: wire.Message, now: int) -> Verdict:
        """A message has come: is it from our peer, of now, and in its turn?"""
        arrival = self._arrival(message, now)
        if arrival is None:
            return Verdict.DROP
        if self._failure is not None:
            if arrival.kind == fields.LOGOUT:
                self._end(Happening.LOST, self._failure, now)
            return Verdict.DROP
        if self.state in (State.LOGON_AWAITED, State.LOGON_SENT):
            return self._admit_logon(arrival, now)
        if not self._header_holds(arrival, now):
            return Verdict.DROP
        kind, seq = arrival.kind, arrival.seq
        if kind == fields.SEQUENCE_RESET and peek(message, fields.GAP_FILL_FLAG) != b"Y":
            return self._reset(arrival, now)
        if kind == fields.LOGON and peek(message, fields.RESET_SEQ_NUM_FLAG) == b"Y":
            return self._restarted(arrival, now)
        if kind in (fields.LOGOUT, fields.RESEND_REQUEST):
            return self._out_of_turn(arrival, now)
        if seq > self.next_in:
            self.gaps.hold(seq, bytes(message))
            return Verdict.DROP
        if seq < self.next_in:
            if not arrival.is_copy:
                self.fail(self._too_low(seq), now)
            return Verdict.DROP
        return self._in_turn(arrival, now)

    def _too_low(self, seq: int) -> str:
        return f"MsgSeqNum too low, expecting {self.next_in} but received {seq}"

    # --- messages in their turn -------------------------------------------------------------

    def _release(self, frame: bytes, now: int) -> None:
        """A message that was held is due; an empty frame stands for one dealt with already."""
        message = reread(frame) if frame else None
        if message is None:
            self.next_in += 1
            return
        arrival = self._arrival(message, now)
        if arrival is not None and self.state is not State.CLOSED:
            verdict = self._in_turn(arrival, now)
            if verdict in (Verdict.APPLICATION, Verdict.REJECT):
                self._released.append((message, verdict))

    def _in_turn(self, arrival: Arrival, now: int) -> Verdict:
        self.next_in = arrival.seq + 1
        self.gaps.progressed(now)
        kind = arrival.kind
        if kind not in self.grammar.kinds:
            return self._refuse_message(arrival, Fault(fields.INVALID_MSGTYPE), now)
        if not self._well_formed(arrival, now):
            return Verdict.DROP
        if kind == fields.SEQUENCE_RESET:
            return self._gap_fill(arrival, now)
        if kind not in ADMIN:
            return self._take(arrival, now)
        name = TRANSITIONS[self.state, kind]
        verdict: Verdict = getattr(self, name)(arrival.message, now)
        return verdict

    def _test_request(self, message: wire.Message, now: int) -> Verdict:
        """The answer holds the TestReqID byte for byte, whatever its bytes are."""
        body = [(fields.TEST_REQ_ID, peek(message, fields.TEST_REQ_ID))]
        self._write(fields.HEARTBEAT, body, now, {})
        return Verdict.ADMIN

    def _take(self, arrival: Arrival, now: int) -> Verdict:
        if arrival.kind in self.venue.taken[self.peer]:
            return Verdict.APPLICATION
        if arrival.kind == fields.BUSINESS_MESSAGE_REJECT:
            return Verdict.DROP
        text = b"Unsupported Message Type"
        body = [
            (fields.REF_SEQ_NUM, b"%d" % arrival.seq),
            (fields.TEXT, text),
            (fields.REF_MSG_TYPE, arrival.kind),
            (fields.BUSINESS_REJECT_REASON, b"%d" % fields.UNSUPPORTED_MESSAGE_TYPE),
        ]
        self._write(fields.BUSINESS_MESSAGE_REJECT, body, now, reverse_route(arrival.head))
        return Verdict.DROP

    # --- Logon, numbers set anew, what was asked for again ------------------------------------

    def _admit_logon(self, arrival: Arrival, now: int) -> Verdict:
        """What comes before the session stands: a Logon, or the end."""
        awaited = self.state is State.LOGON_AWAITED
        message = arrival.message
        if awaited and arrival.kind != fields.LOGON:
            self._refuse("no Logon came first", now)
            return Verdict.DROP
        fault = self._header_fault(arrival, now)
        if fault is not None:
            self._refuse(TEXTS[fault.reason], now)
            return Verdict.DROP
        if arrival.kind != fields.LOGON:
            self._count(arrival)
            name = TRANSITIONS.get((self.state, arrival.kind), "_before_logon")
            verdict: Verdict = getattr(self, name)(message, now)
            return verdict
        if awaited:
            # Another connection may have gone on since this one was made.
            self.next_out, self.next_in = self.history.next_out, self.history.next_in
            if self.reset:
                self.restart()
        fault = fault_of(arrival.pairs, arrival.kind, self.grammar)
        if fault is not None:
            return self._end_logon(TEXTS[fault.reason], now)
        if awaited:
            # A Logon that is refused must have changed nothing, the numbers least of all.
            complaint = self.handshake.logon(self, message, now)
            if complaint is not None:
                return self._end_logon(complaint.text, now)
            if peek(message, fields.RESET_SEQ_NUM_FLAG) == b"Y":
                self.restart()
        if arrival.seq < self.next_in:
            return self._end_logon(self._too_low(arrival.seq), now)
        self._count(arrival)
        return self._logon_taken(message, now) if awaited else self._logon_answered(message, now)

    def _logon_taken(self, message: wire.Message, now: int) -> Verdict:
        """Answer a Logon; fill what its NextExpectedMsgSeqNum says that the client missed."""
        own = self.next_out
        self.handshake.answer(self, message, now)
        self._enter(State.ACTIVE, now)
        self._note(Happening.LOGGED_ON, self.client_comp_id)
        expected = peek_number(message, fields.NEXT_EXPECTED_MSG_SEQ_NUM)
        if expected is not None:
            if expected < own:
                self._send_from(max(1, expected), own, now)
            if self.gaps.missing(self.next_in):
                # The client has been told what we expect, and sends it unasked.
                self.gaps.ask(now)
        return Verdict.ADMIN

    def _end_logon(self, text: str, now: int) -> Verdict:
        """A Logon of the peer we know cannot be taken: say why, then close."""
        self._emit(fields.LOGOUT, now, {"text": printable(text)})
        self._end(Happening.LOGON_REFUSED, text, now)
        return Verdict.DROP

    def _restarted(self, arrival: Arrival, now: int) -> Verdict:
        """A Logon within the session that starts both directions at 1."""
        if not self._well_formed(arrival, now):
            return Verdict.DROP
        if arrival.seq != 1 or self.state is not State.ACTIVE:
            self.fail("a Logon with ResetSeqNumFlag came that was not due", now)
            return Verdict.DROP
        complaint = self.handshake.logon(self, arrival.message, now)
        if complaint is not None:
            self.fail(complaint.text, now)
            return Verdict.DROP
        if self.gaps.missing(self.next_in):
            self._mark_stale(f"the peer started at 1 again while MsgSeqNum {self.next_in} missed")
        self.restart()
        self._count(arrival)
        self.handshake.answer(self, arrival.message, now)
        return Verdict.ADMIN

    def _out_of_turn(self, arrival: Arrival, now: int) -> Verdict:
        """Logout and ResendRequest are answered whatever their number."""
        if arrival.is_copy and arrival.seq < self.next_in:
            return Verdict.DROP
        self._count(arrival)
        # The end that we asked for is one in any form.
        is_end = arrival.kind == fields.LOGOUT and self.state is State.LOGOUT_SENT
        if not is_end and not self._well_formed(arrival, now):
            return Verdict.DROP
        if arrival.kind == fields.RESEND_REQUEST:
            self._answer_resend_request(arrival, now)
            return Verdict.ADMIN
        verdict: Verdict = getattr(self, TRANSITIONS[self.state, arrival.kind])(
            arrival.message, now
        )
        return verdict

    def _reset(self, arrival: Arrival, now: int) -> Verdict:
        """SequenceReset without GapFillFlag: the peer says where it goes on, whatever came.

        What it passes over was lost; a gap fill on the other hand says that nothing was.
        """
        due = self.next_in
        if self._well_formed(arrival, now):
            self._go_on_at(arrival, due, now)
        if self.next_in > due:
            text = f"SequenceReset passed over MsgSeqNum {due} to {self.next_in - 1}"
            self._mark_stale(text)
        return Verdict.ADMIN

    def _gap_fill(self, arrival: Arrival, now: int) -> Verdict:
        self._go_on_at(arrival, arrival.seq + 1, now)
        return Verdict.ADMIN

    def _go_on_at(self, arrival: Arrival, low: int, now: int) -> None:
        new = peek_number(arrival.message, fields.NEW_SEQ_NO)
        if new is None or not low <= new <= fields.SEQ_NUM_MAX:
            self._refuse_message(arrival, Fault(fields.VALUE_IS_INCORRECT), now)
            return
        if self.sender is Sender.CLIENT:
            # A report that is here already is a fact. An order that is passed over is none.
            for frame in self.gaps.take_before(new):
                self._release(frame, now)
        # A gap fill that was held among them may go further.
        self.next_in = max(self.next_in, new)
        self.gaps.progressed(now)

    def _answer_resend_request(self, arrival: Arrival, now: int) -> None:
        begin = peek_number(arrival.message, fields.BEGIN_SEQ_NO) or 1
        end = peek_number(arrival.message, fields.END_SEQ_NO) or 0
        last = self.next_out - 1
        end = last if end in INFINITY else min(end, last)
        if 1 <= begin <= end:
            self._send_from(begin, end, now)
        else:
            fault = Fault(fields.VALUE_IS_INCORRECT, fields.BEGIN_SEQ_NO)
            self._refuse_message(arrival, fault, now)

    def _ask(self, now: int, again: bool = False) -> None:
        """One ResendRequest for all that is missing, unless one is open already."""
        if self.state is not State.ACTIVE or (self.gaps.awaits(self.next_in) and not again):
            return
        self.gaps.ask(now)
        self._emit(fields.RESEND_REQUEST, now, {"begin_seq_no": self.next_in, "end_seq_no": 0})
