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
from typing import Any, NamedTuple

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.classic_logon import ClassicAcceptor, ClassicInitiator
from fixengine.fix.gaps import ASKED_MAX, Gaps
from fixengine.fix.header import FATAL, header_fault
from fixengine.fix.history import History
from fixengine.fix.peek import peek, peek_number, printable, reread, seq_of
from fixengine.fix.remember import ADMIN, RememberingSession, head_of
from fixengine.fix.states import TRANSITIONS, Happening, State, Verdict
from fixengine.fix.validate import TEXTS, Fault, Pair, fault_of, split
from fixengine.fix.venue import Sender, Venue
from fixengine.fix.write import Field, reverse_route

INFINITY = (0, 999_999)
"""EndSeqNo<16> that means "all there is"; the second by some engines."""

RESEND_TIMEOUT_NS = 10_000_000_000


class Arrival(NamedTuple):
    """A message that came. pairs: all its fields. head: header fields, the first of each tag."""

    message: wire.Message
    kind: bytes
    seq: int
    pairs: list[Pair]
    head: dict[int, bytes]

    @property
    def is_copy(self) -> bool:
        """Whether it says that it may have come before."""
        return self.head.get(fields.POSS_DUP_FLAG) == b"Y"


class ClassicSession(RememberingSession):
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
        self.reset = handshake.reset
        self.gaps = Gaps()
        self._released: list[tuple[wire.Message, Verdict]] = []
        self._failure: str | None = None

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

    def fail(self, text: str, now: int, told: bool = True) -> None:
        """Logout with the reason (told), then close when it is answered or after the timeout."""
        if self.state is not State.ACTIVE:
            super().fail(text, now)
            return
        self._emit(fields.LOGOUT, now, {"text": printable(text) if told else None})
        self._enter(State.LOGOUT_SENT, now)
        self._failure = text

    def garbled(self, now: int, frame: bytes = b"") -> None:
        """A garbled message was dropped: nobody else logs on with one, later it is a hole."""
        if self.state is State.LOGON_AWAITED:
            self._end(Happening.LOGON_REFUSED, "a garbled message came instead of a Logon", now)

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

    def _arrival(self, message: wire.Message, now: int) -> Arrival | None:
        """What came, taken apart; None where it cannot be of this session."""
        if peek(message, fields.BEGIN_STRING) != self.venue.begin_string:
            self._refuse("Incorrect BeginString", now)
            return None
        seq = seq_of(message)
        if seq is None:
            self._refuse("MsgSeqNum(34) is missing or malformed", now)
            return None
        pairs = split(bytes(message), self.grammar)
        return Arrival(message, message.kind, seq, pairs, head_of(pairs, self.grammar))

    def _refuse(self, text: str, now: int) -> None:
        """End without a word to whom we do not know, with one to whom we do."""
        if self.state is State.LOGON_AWAITED:
            self._end(Happening.LOGON_REFUSED, text, now)
        elif self._failure is None:
            self.fail(text, now)

    def _header_holds(self, arrival: Arrival, now: int) -> bool:
        """Whether the header of a message of an active session is in order; answered if not."""
        fault = self._header_fault(arrival, now)
        if fault is None:
            return True
        self._count(arrival)
        self._refuse_message(arrival, fault, now)
        if fault.reason in FATAL:
            self.fail(TEXTS[fault.reason], now, told=False)
        return False

    def _header_fault(self, arrival: Arrival, now: int) -> Fault | None:
        off_ns_max = self.venue.clock_ahead_ns_max if self.rules.check_clock else None
        comp_ids = self.theirs, self.ours
        return header_fault(arrival.head, arrival.kind, comp_ids, now + self.offset_ns, off_ns_max)

    def _count(self, arrival: Arrival) -> None:
        """A message is dealt with, in its turn or not."""
        if arrival.seq == self.next_in:
            self.next_in += 1
        elif arrival.seq > self.next_in:
            self.gaps.hold(arrival.seq, b"")

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

    def _well_formed(self, arrival: Arrival, now: int) -> bool:
        if arrival.kind not in self.grammar.messages:
            return True
        fault = fault_of(arrival.pairs, arrival.kind, self.grammar)
        if fault is None:
            return True
        self._refuse_message(arrival, fault, now)
        return False

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
            if self.reset or peek(message, fields.RESET_SEQ_NUM_FLAG) == b"Y":
                self.restart()
        fault = fault_of(arrival.pairs, arrival.kind, self.grammar)
        if fault is not None:
            return self._end_logon(TEXTS[fault.reason], now)
        if arrival.seq < self.next_in:
            return self._end_logon(self._too_low(arrival.seq), now)
        self._count(arrival)
        if not awaited:
            return self._logon_answered(message, now)
        complaint = self.handshake.logon(self, message, now)
        if complaint is not None:
            return self._end_logon(complaint.text, now)
        self._enter(State.ACTIVE, now)
        self._note(Happening.LOGGED_ON, self.client_comp_id)
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
        due = self.sender is Sender.VENUE and self.state is State.ACTIVE
        if arrival.seq != 1 or not due:
            self.fail("a Logon with ResetSeqNumFlag came that was not due", now)
            return Verdict.DROP
        self.restart()
        self._count(arrival)
        complaint = self.handshake.logon(self, arrival.message, now)
        if complaint is not None:
            self.fail(complaint.text, now)
        return Verdict.ADMIN

    def _out_of_turn(self, arrival: Arrival, now: int) -> Verdict:
        """Logout and ResendRequest are answered whatever their number."""
        if arrival.is_copy and arrival.seq < self.next_in:
            return Verdict.DROP
        self._count(arrival)
        if arrival.kind == fields.RESEND_REQUEST:
            if self._well_formed(arrival, now):
                self._answer_resend_request(arrival, now)
            return Verdict.ADMIN
        verdict: Verdict = getattr(self, TRANSITIONS[self.state, arrival.kind])(
            arrival.message, now
        )
        return verdict

    def _reset(self, arrival: Arrival, now: int) -> Verdict:
        """SequenceReset without GapFillFlag: the peer says where it goes on, whatever came."""
        if self._well_formed(arrival, now):
            self._go_on_at(arrival, self.next_in, now)
        return Verdict.ADMIN

    def _gap_fill(self, arrival: Arrival, now: int) -> Verdict:
        self._go_on_at(arrival, arrival.seq + 1, now)
        return Verdict.ADMIN

    def _go_on_at(self, arrival: Arrival, low: int, now: int) -> None:
        new = peek_number(arrival.message, fields.NEW_SEQ_NO)
        if new is None or new < low:
            self._refuse_message(arrival, Fault(fields.VALUE_IS_INCORRECT), now)
            return
        self.next_in = new
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
        if self.state is not State.ACTIVE or (self.gaps.asked_at_ns is not None and not again):
            return
        self.gaps.ask(now)
        self._emit(fields.RESEND_REQUEST, now, {"begin_seq_no": self.next_in, "end_seq_no": 0})

    # --- what is written --------------------------------------------------------------------

    def _refuse_message(self, arrival: Arrival, fault: Fault, now: int) -> Verdict:
        """Reject<3> of one message, in the standard's words."""
        # A Reject is never answered with one, or two sides could go on for ever.
        if arrival.kind == fields.REJECT:
            self._note(Happening.WARNING, f"Reject that is malformed: {TEXTS[fault.reason]}")
            return Verdict.DROP
        body = [
            (fields.REF_SEQ_NUM, b"%d" % arrival.seq),
            (fields.TEXT, TEXTS[fault.reason].encode()),
        ]
        if fault.tag is not None:
            body.append((fields.REF_TAG_ID, b"%d" % fault.tag))
        body.append((fields.REF_MSG_TYPE, arrival.kind))
        reason = b"%d" % fault.reason
        # FIX.4.2 knows fewer reasons; there the text alone says it.
        if reason in self.grammar.values.get(fields.SESSION_REJECT_REASON, (reason,)):
            body.append((fields.SESSION_REJECT_REASON, reason))
        self._write(fields.REJECT, body, now, reverse_route(arrival.head))
        return Verdict.DROP
