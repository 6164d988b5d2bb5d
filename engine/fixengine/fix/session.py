"""The FIX session, sans-I/O, for both roles.

A Session is told what happened (`connected`, `receive`, `send`, `tick`, `closed`) and when, as
monotonic nanoseconds. It answers with bytes ready to be written (`output`), with what an owner
must know (`events`), with the wish to close (`close_requested`: write the output, then close),
and with the time at which it wants to be called again (`deadline`). It reads no clock: the wall
clock is `now + offset_ns`, and the owner keeps the offset. The same inputs give the same bytes.

States and transitions are a table in states.py that does not know which side we are; one method
here per entry. What differs by side stands in the venue's `Rules`; the handshake is in logon.py.

    DISCONNECTED -> LOGON_SENT | LOGON_AWAITED -> ACTIVE -> LOGOUT_SENT -> CLOSED

Sequence numbers start at 1 in every session and are never continued, so nothing is ever resent:
a `hole` makes the session stale, and its owner has to look elsewhere for what was missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Protocol

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.peek import (
    after,
    peek,
    peek_number,
    peek_text,
    printable,
    reread,
    seq_of,
    shown,
    text_of,
)
from fixengine.fix.states import OTHERWISE, TRANSITIONS, Event, Happening, State, Verdict
from fixengine.fix.venue import Complaint, Sender, Venue, template

# Looked up once: in Python 3.11 a member of an enumeration takes longer than a field of a message.
ACTIVE: Final = State.ACTIVE
OVER: Final = State.CLOSED, State.DISCONNECTED
APPLICATION: Final = Verdict.APPLICATION

FAULTS = {"tag": "bad_tag_number"}
"""Names of complaints by the reason of a message's fault; every other is "garbled"."""

WRONG_CHECK_SUM = "a message with a wrong CheckSum was dropped"


class Handshake(Protocol):
    """The part of a session that differs by role; see logon.py."""

    def connected(self, session: Session, now: int) -> State:
        """The connection stands: answer the state to wait in, after sending what is due."""

    def logon(self, session: Session, message: wire.Message, now: int) -> Complaint | None:
        """A Logon came: answer what is wrong with it, or None once the session may start."""


class Session:
    """One FIX session over one connection; see the module's top.

    examine: what a strict role finds wrong with the form of a message that the session itself
    answers, None where nothing is; application messages are examined by whoever takes them.
    sender: who we are. client_comp_id: the client's SenderCompID; an acceptor leaves it empty and
    learns it from the Logon. offset_ns: wall clock minus monotonic clock, kept by the owner.
    heartbeat_ns: HeartBtInt; the handshake sets it. hole: what was missed first, in words; None
    while nothing was.
    """

    def __init__(
        self,
        venue: Venue,
        sender: Sender,
        handshake: Handshake,
        *,
        client_comp_id: str = "",
        heartbeat_ns: int = 0,
        logon_timeout_ns: int = 10_000_000_000,
        logout_timeout_ns: int = 10_000_000_000,
        offset_ns: int = 0,
        body_length_digits: int = 0,
        examine: Callable[[wire.Message], Complaint | None] | None = None,
    ) -> None:
        self.venue = venue
        self.sender = sender
        self.peer = Sender.VENUE if sender is Sender.CLIENT else Sender.CLIENT
        self.rules = venue.rules[sender]
        self.handshake = handshake
        self.heartbeat_ns = heartbeat_ns
        self.logon_timeout_ns = logon_timeout_ns
        self.logout_timeout_ns = logout_timeout_ns
        self.offset_ns = offset_ns
        self.body_length_digits = body_length_digits
        self.examine = examine
        self.state = State.DISCONNECTED
        self.output: list[bytes] = []
        self.events: list[Event] = []
        self.close_requested = False
        self.hole: str | None = None
        self._logout_text: str | None = None
        self._logged_on = False
        self.next_out = 1
        self.next_in = 1
        self.last_sent_ns = 0
        self.last_received_ns = 0
        self._state_since_ns = 0
        self._test_sent_ns: int | None = None
        self._test_count = 0
        self._passed_over = 0
        self._templates: dict[bytes, wire.Template] = {}
        sent = {layout.kind for layout in venue.layouts if self.peer in layout.senders}
        self._played = venue.played & sent
        # Of a role that is not strict, and only while it is active: see `receive`.
        usual = (kind for kind in self._played if (ACTIVE, kind) not in TRANSITIONS)
        self._usual = frozenset(() if self.rules.strict else usual)
        self._venue_comp_id = venue.venue_comp_id.encode()
        self._set_client_comp_id(client_comp_id)

    # --- what the owner tells us ------------------------------------------------------------

    def connected(self, now: int) -> None:
        """The connection stands (TLS included): an initiator logs on, an acceptor waits."""
        self.last_sent_ns = self.last_received_ns = now
        self._enter(self.handshake.connected(self, now), now)

    def receive(self, message: wire.Message, now: int) -> Verdict:
        """One message came. APPLICATION and REJECT are for the owner to interpret.

        REJECT is the peer's Reject<3> of something we sent (RefSeqNum<45>).
        """
        self.last_received_ns = now
        kind = message.kind
        if self.state is ACTIVE and kind in self._usual:
            # Nearly all that comes: a report with the header it should have. What is below finds
            # the same of it, and the words for all else.
            seq = message.seq_from(
                self.venue.begin_string, self._venue_comp_id, self._client_comp_id
            )
            if seq == self.next_in != fields.SEQ_NUM_MAX:
                self.next_in = seq + 1
                return APPLICATION
        if self.state in OVER:
            return self._after_the_end(message, now)
        if not self._accept_header(message, kind, now):
            return Verdict.DROP
        name = TRANSITIONS.get((self.state, kind))
        if name is not None and not self._examined(message, now):
            return Verdict.DROP
        verdict: Verdict = getattr(self, name or OTHERWISE[self.state])(message, now)
        return verdict

    def send(
        self,
        form: wire.Template,
        source: object,
        now: int,
        replace: dict[str, Any] | None = None,
    ) -> bytes:
        """Stamp an application message with MsgSeqNum and SendingTime and put it to the output.

        Raises LocalProtocolError where the session is not active, or where a value has no place
        in a FIX field; then nothing was kept and no sequence number was used.
        """
        if self.state is not ACTIVE:
            raise wire.LocalProtocolError(
                f"session {self.client_comp_id} is {self.state}: nothing can be sent now"
            )
        return self._put(form, source, now, replace)

    def logout(self, text: str, now: int) -> None:
        """Ask for an orderly end: Logout now, close when it is answered or after the timeout.

        While our Logon is unanswered a Logout would be no message the peer can take, and closing
        would leave the SenderCompID locked: then the Logout follows the answer, for which no more
        than the Logon's own timeout is waited.
        """
        if self.state is State.ACTIVE:
            self._emit(fields.LOGOUT, now, {"text": printable(text) or None})
            self._enter(State.LOGOUT_SENT, now)
        elif self.state is State.LOGON_SENT:
            self._logout_text = text
        elif self.state is not State.LOGOUT_SENT:
            self._end(Happening.LOST, text, now)

    def tick(self, now: int) -> None:
        """Time has passed; call when `deadline` is reached (earlier does no harm)."""
        if self.state in (State.LOGON_SENT, State.LOGON_AWAITED):
            if now >= self._state_since_ns + self.logon_timeout_ns:
                self._end(Happening.LOGON_REFUSED, "no Logon came in time", now)
        elif self.state is State.LOGOUT_SENT:
            if now >= self._state_since_ns + self.logout_timeout_ns:
                self._end(Happening.LOST, "Logout was not answered in time", now)
        elif self.state is State.ACTIVE:
            self._tick_active(now)

    def closed(self, now: int, text: str = "connection closed by the peer") -> None:
        """The connection is gone."""
        if self.state is not State.CLOSED:
            before_logon = self.state in (State.LOGON_SENT, State.LOGON_AWAITED)
            kind = Happening.LOGON_REFUSED if before_logon else Happening.LOST
            self._end(kind, text, now)

    def fail(self, text: str, now: int) -> None:
        """The peer broke the protocol beyond repair: Logout with the reason, then close."""
        if self.state in (State.ACTIVE, State.LOGON_SENT):
            self._emit(fields.LOGOUT, now, {"text": printable(text)})
        self._end(Happening.LOST, text, now)

    @property
    def deadline(self) -> int | None:
        """Monotonic ns at which `tick` matters next; None: never."""
        # Looked at in each wake-up, and nearly always of a session that is active.
        state, heartbeat_ns = self.state, self.heartbeat_ns
        if state is ACTIVE:
            if heartbeat_ns <= 0:
                return None
            speak_ns = self.last_sent_ns + heartbeat_ns
            if self._test_sent_ns is not None:
                silence_ns = self._test_sent_ns + heartbeat_ns
            else:
                silence_ns = self.last_received_ns + self._silence_ns
            return speak_ns if speak_ns < silence_ns else silence_ns
        if state in (State.LOGON_SENT, State.LOGON_AWAITED):
            return self._state_since_ns + self.logon_timeout_ns
        if state is State.LOGOUT_SENT:
            return self._state_since_ns + self.logout_timeout_ns
        return None

    def take_output(self) -> list[bytes]:
        """Frames to be written, in order; the list is handed over."""
        frames, self.output = self.output, []
        return frames

    def take_events(self) -> list[Event]:
        """Events since the last call."""
        events, self.events = self.events, []
        return events

    # --- what a handshake and a strict owner use --------------------------------------------

    def stamp(self, now: int) -> bytes:
        """SendingTime<52> for this instant."""
        return wire.stamp(now + self.offset_ns, self.venue.stamp_digits)

    def emit_logon(self, values: dict[str, Any], now: int, sending_time: bytes) -> None:
        """Send our Logon under the very SendingTime that was signed."""
        self._put(self._template(fields.LOGON), None, now, values, sending_time)

    def reject(
        self,
        complaint: Complaint,
        message: wire.Message | None,
        now: int,
        argument: object = None,
        tag: int | None = None,
    ) -> None:
        """Answer a message with Reject<3>; a complaint that closes ends the session.

        argument fills the %s of the complaint's text; tag overrides its RefTagID<371>.
        """
        text = complaint.text % argument if "%s" in complaint.text else complaint.text
        self._emit(
            fields.REJECT,
            now,
            {
                "ref_seq_num": None if message is None else seq_of(message),
                "ref_tag_id": tag or complaint.tag,
                "ref_msg_type": None if message is None else text_of(message.kind),
                "session_reject_reason": complaint.reason,
                "venue_code": None if complaint.code is None else str(complaint.code),
                "text": printable(text),
            },
        )
        if complaint.close:
            self._end(Happening.LOST, text, now)

    def garbled(self, now: int, frame: bytes = b"") -> None:
        """The framer dropped a message with a wrong checksum. frame: its bytes, where known.

        There is no resend, so it is a hole: whatever it said is lost to this session. A strict
        role names in its Reject what can be read of it; the number is used up if it was expected.
        Of a session that is over it is no event and gets no answer.
        """
        if self.state in OVER:
            self.hole = self.hole or WRONG_CHECK_SUM
        elif self.rules.strict:
            message = reread(frame)
            if message is not None and seq_of(message) == self.next_in:
                self.next_in = after(self.next_in)
            self._complain("garbled", message, now, "wrong CheckSum")
        elif self.state is State.LOGON_SENT:
            self.fail("a message with a wrong CheckSum came instead of a Logon", now)
        else:
            self._mark_stale(WRONG_CHECK_SUM)

    # --- header -----------------------------------------------------------------------------

    def _accept_header(self, message: wire.Message, kind: bytes, now: int) -> bool:
        """CompIDs, sequence and clock. False: the message ends here."""
        seq = seq_of(message)
        if self.rules.strict:
            return self._accept_strictly(message, seq, now)
        if peek(message, fields.BEGIN_STRING) != self.venue.begin_string:
            self.fail(f"wrong BeginString in MsgType {text_of(kind)}", now)
            return False
        if not self._comp_ids_fit(message) and not self._is_news_to_all(message, kind):
            self.fail(f"wrong SenderCompID or TargetCompID in MsgType {text_of(kind)}", now)
            return False
        if seq is None:
            self.fail("MsgSeqNum(34) is missing or malformed", now)
            return False
        if seq != self.next_in:
            if seq < self.next_in:
                if peek(message, fields.POSS_DUP_FLAG) == b"Y" and self.state is State.ACTIVE:
                    # The venue's tables do not have the flag; where it says so, nothing is new.
                    self._show_passed(f"a copy of MsgSeqNum {seq} (PossDupFlag)")
                    return False
                self.fail(f"MsgSeqNum too low, expecting {self.next_in} received {seq}", now)
                return False
            if self.state is State.LOGON_SENT:
                self.fail(f"Logon with MsgSeqNum {seq}, expected {self.next_in}", now)
                return False
            self._mark_stale(f"MsgSeqNum {self.next_in} expected, {seq} received")
        self.next_in = after(seq)
        if message.fault is not None:
            self._note(Happening.WARNING, f"MsgSeqNum {seq}: {message.fault}")
        return True

    def _accept_strictly(self, message: wire.Message, seq: int | None, now: int) -> bool:
        if peek(message, fields.BEGIN_STRING) != self.venue.begin_string:
            # As where framing is lost: what else it says is of another protocol.
            self._complain("bad_begin_string", message, now)
            self.fail(f"wrong BeginString in MsgType {text_of(message.kind)}", now)
            return False
        if seq is None:
            return self._complain_of_header(fields.MSG_SEQ_NUM, message, now)
        if seq != self.next_in:
            return self._complain("bad_seq_num", message, now, self.next_in)
        self.next_in = after(seq)
        fault = message.fault
        if fault is not None:
            name = FAULTS.get(fault.reason, "garbled")
            return self._complain(name, message, now, fault, fault.tag)
        for tag in (fields.SENDER_COMP_ID, fields.TARGET_COMP_ID, fields.SENDING_TIME):
            if not peek(message, tag):
                return self._complain_of_header(tag, message, now)
        if not self.client_comp_id:
            self._learn_client_comp_id(message)
        if peek(message, fields.TARGET_COMP_ID) != self.venue.venue_comp_id.encode():
            return self._complain("bad_target_comp_id", message, now)
        if peek(message, fields.SENDER_COMP_ID) != self.client_comp_id.encode():
            return self._complain("bad_sender_comp_id", message, now)
        if self.rules.check_clock:
            return self._accept_clock(message, now)
        return True

    def _complain_of_header(self, tag: int, message: wire.Message, now: int) -> bool:
        """A header field is not there, or cannot be read."""
        name = "header_malformed" if peek(message, tag) else "header_missing"
        return self._complain(name, message, now, tag, tag)

    def _examined(self, message: wire.Message, now: int) -> bool:
        """Whether a message that the session answers may be acted on."""
        # A Reject is not answered whatever it says, or two sides could go on for ever.
        if self.examine is None or message.kind == fields.REJECT:
            return True
        complaint = self.examine(message)
        if complaint is None:
            return True
        self._answer(complaint, message, now)
        return False

    def _set_client_comp_id(self, comp_id: str) -> None:
        self.client_comp_id = comp_id
        self._client_comp_id = comp_id.encode()

    def _learn_client_comp_id(self, message: wire.Message) -> None:
        comp_id = peek_text(message, fields.SENDER_COMP_ID)
        if re.match(self.venue.comp_id_pattern, comp_id):
            self._set_client_comp_id(comp_id)
            self._templates.clear()

    def _accept_clock(self, message: wire.Message, now: int) -> bool:
        """Check 1 of spec section 4: not a second ahead, not older than RecvWindow."""
        tag = fields.SENDING_TIME
        try:
            sent = wire.stamp_ns(message.get(tag, b""))
            tag = fields.RECV_WINDOW
            window_ms = message.get_decimal(tag)
        except wire.RemoteProtocolError:
            return self._complain_of_header(tag, message, now)
        wall = now + self.offset_ns
        if sent >= wall + self.venue.clock_ahead_ns_max:
            return self._complain("ahead_of_time", message, now)
        if window_ms is None and message.kind == fields.LOGON:
            window_ms = self.venue.recv_window_ms_default
        if window_ms is not None and wall - sent > int(window_ms * 1_000_000):
            return self._complain("outside_recv_window", message, now)
        return True

    def _comp_ids_fit(self, message: wire.Message) -> bool:
        return (
            peek(message, fields.SENDER_COMP_ID) == self._venue_comp_id
            and peek(message, fields.TARGET_COMP_ID) == self._client_comp_id
        )

    def _is_news_to_all(self, message: wire.Message, kind: bytes) -> bool:
        """News of the venue to another TargetCompID, as in its documents' sample: told, taken."""
        theirs = self.venue.venue_comp_id.encode()
        if kind != fields.NEWS or peek(message, fields.SENDER_COMP_ID) != theirs:
            return False
        target = text_of(peek(message, fields.TARGET_COMP_ID))
        self._note(Happening.WARNING, f"News for {target or 'nobody'}")
        return True

    # --- one method per kind of message -----------------------------------------------------

    def _logon_answered(self, message: wire.Message, now: int) -> Verdict:
        complaint = self.handshake.logon(self, message, now)
        if complaint is not None:
            self.fail(complaint.text, now)
            return Verdict.DROP
        self._enter(State.ACTIVE, now)
        self._note(Happening.LOGGED_ON, peek_text(message, fields.UUID))
        if self._logout_text is not None:
            self.logout(self._logout_text, now)
        return Verdict.ADMIN

    def _logon_asked(self, message: wire.Message, now: int) -> Verdict:
        complaint = self.handshake.logon(self, message, now)
        if complaint is not None:
            self._refuse_logon(complaint, message, now)
            return Verdict.DROP
        self._enter(State.ACTIVE, now)
        self._note(Happening.LOGGED_ON, self.client_comp_id)
        return Verdict.ADMIN

    def _logon_refused(self, message: wire.Message, now: int) -> Verdict:
        code = peek_number(message, fields.ERROR_CODE)
        text = peek_text(message, fields.TEXT) or "no reason given"
        self._end(Happening.LOGON_REFUSED, text, now, code)
        return Verdict.ADMIN

    def _before_logon(self, message: wire.Message, now: int) -> Verdict:
        if self.rules.strict:
            self._refuse_logon(self.venue.complaints["expected_logon"], message, now)
        else:
            self.fail(f"MsgType {text_of(message.kind)} came instead of a Logon", now)
        return Verdict.DROP

    def _heartbeat(self, message: wire.Message, now: int) -> Verdict:
        if peek(message, fields.TEST_REQ_ID) == self._test_id():
            self._test_sent_ns = None
        return Verdict.ADMIN

    def _test_request(self, message: wire.Message, now: int) -> Verdict:
        try:
            test_req_id = message.get_str(fields.TEST_REQ_ID)
            if test_req_id is None:
                raise wire.RemoteProtocolError("TestReqID(112) is missing")
            self._emit(fields.HEARTBEAT, now, {"test_req_id": test_req_id})
        except (wire.RemoteProtocolError, wire.LocalProtocolError) as problem:
            self._note(Happening.WARNING, f"TestRequest that cannot be echoed: {problem}")
        return Verdict.ADMIN

    def _reject(self, message: wire.Message, now: int) -> Verdict:
        # The venue answers a client's Reject with nothing (since 2025-08), so nor do we.
        return Verdict.ADMIN if self.rules.strict else Verdict.REJECT

    def _news(self, message: wire.Message, now: int) -> Verdict:
        self._note(Happening.NEWS, peek_text(message, fields.HEADLINE))
        return Verdict.ADMIN

    def _second_logon(self, message: wire.Message, now: int) -> Verdict:
        if self.rules.strict:
            self._complain("already_logged_in", message, now)
        else:
            self.fail("a second Logon came", now)
        return Verdict.DROP

    def _logout_asked(self, message: wire.Message, now: int) -> Verdict:
        text = peek_text(message, fields.TEXT)
        strict = self.rules.strict
        self._emit(fields.LOGOUT, now, {"text": "Logout acknowledgment." if strict else None})
        # Only a Logout of the client's own making leaves its SenderCompID free at once.
        self._end(Happening.LOGGED_OUT, text or "Logout", now, clean=strict)
        return Verdict.ADMIN

    def _logout_answered(self, message: wire.Message, now: int) -> Verdict:
        text = peek_text(message, fields.TEXT)
        self._end(Happening.LOGGED_OUT, text, now, clean=not self.rules.strict)
        return Verdict.ADMIN

    def _application(self, message: wire.Message, now: int) -> Verdict:
        if self.rules.strict or message.kind in self._played:
            return APPLICATION
        name = self.venue.kinds.get(message.kind, "unknown")
        if message.kind in fields.RESENDING:
            # Nothing is ever resent here; a peer that thinks so has lost its place in the session.
            self.fail(f"MsgType {text_of(message.kind)} came, which this venue does not have", now)
            return Verdict.DROP
        self._show_passed(f"{name} MsgType {text_of(message.kind)}", f": {shown(message)}")
        return Verdict.DROP

    def _after_the_end(self, message: wire.Message, now: int) -> Verdict:
        """Reports that lay behind a Logout in the same bytes are still the venue's word."""
        seq = seq_of(message)
        if self.rules.strict or seq is None or seq < self.next_in or not self._logged_on:
            return Verdict.DROP
        if message.kind not in self._played or not self._comp_ids_fit(message):
            return Verdict.DROP
        self.next_in = after(seq)
        return Verdict.DROP if self._is_admin(message.kind) else Verdict.APPLICATION

    def _is_admin(self, kind: bytes) -> bool:
        return self.venue.layout(kind, self.peer).admin

    # --- time -------------------------------------------------------------------------------

    @property
    def _silence_ns(self) -> int:
        return self.heartbeat_ns * self.rules.silence_percent // 100

    def _tick_active(self, now: int) -> None:
        if self.heartbeat_ns <= 0:
            return
        tested = self._test_sent_ns
        if tested is not None and not self.rules.strict and self.last_received_ns > tested:
            # Anything received proves life; only a strict role insists on the id.
            tested = self._test_sent_ns = None
        if tested is not None and now >= tested + self.heartbeat_ns:
            text = f"silent for {(now - self.last_received_ns) // 1_000_000} ms"
            if self.rules.silence_text is not None:
                self._emit(fields.LOGOUT, now, {"text": self.rules.silence_text})
            self._end(Happening.LOST, text, now)
            return
        if tested is None and now >= self.last_received_ns + self._silence_ns:
            self._test_count += 1
            self._test_sent_ns = now
            self._emit(fields.TEST_REQUEST, now, {"test_req_id": text_of(self._test_id())})
        if now >= self.last_sent_ns + self.heartbeat_ns:
            self._emit(fields.HEARTBEAT, now, {})

    def _test_id(self) -> bytes:
        text = self.rules.test_req_id
        return (text % self._test_count if "%d" in text else text).encode()

    # --- small steps ------------------------------------------------------------------------

    def _enter(self, state: State, now: int) -> None:
        self._logged_on = self._logged_on or state is State.ACTIVE
        self.state = state
        self._state_since_ns = now

    def _end(
        self, kind: Happening, text: str, now: int, code: int | None = None, clean: bool = False
    ) -> None:
        if self.state is not State.CLOSED:
            self._enter(State.CLOSED, now)
            self._note(kind, text, code, clean)
        self.close_requested = True

    def _note(
        self, kind: Happening, text: str, code: int | None = None, clean: bool = False
    ) -> None:
        self.events.append(Event(kind, text, code, clean))

    def _show_passed(self, what: str, more: str = "") -> None:
        """Show the operator a message that nothing is done with, and how many there were."""
        self._passed_over += 1
        count = f" ({self._passed_over} on this session)" if self._passed_over > 1 else ""
        self._note(Happening.WARNING, f"{what} passed over{count}{more}")

    def _mark_stale(self, text: str) -> None:
        if self.hole is None:
            self.hole = text
            self._note(Happening.STALE, text)

    def _complain(
        self,
        name: str,
        message: wire.Message | None,
        now: int,
        argument: object = None,
        tag: int | None = None,
    ) -> bool:
        self._answer(self.venue.complaints[name], message, now, argument, tag)
        return False

    def _answer(
        self,
        complaint: Complaint,
        message: wire.Message | None,
        now: int,
        argument: object = None,
        tag: int | None = None,
    ) -> None:
        """Reject a message; before the Logon that is the end of the attempt."""
        if self.state is State.LOGON_AWAITED:
            self._refuse_logon(complaint, message, now, argument, tag)
        else:
            self.reject(complaint, message, now, argument, tag)

    def _refuse_logon(
        self,
        complaint: Complaint,
        message: wire.Message | None,
        now: int,
        argument: object = None,
        tag: int | None = None,
    ) -> None:
        self.reject(complaint._replace(close=False), message, now, argument, tag)
        self._end(Happening.LOGON_REFUSED, complaint.text, now, complaint.code)

    def _template(self, kind: bytes) -> wire.Template:
        found = self._templates.get(kind)
        if found is None:
            client = self.client_comp_id or "UNKNOWN"
            found = template(self.venue, kind, self.sender, client, None, self.body_length_digits)
            self._templates[kind] = found
        return found

    def _emit(self, kind: bytes, now: int, values: dict[str, Any]) -> None:
        self._put(self._template(kind), None, now, values)

    def _put(
        self,
        form: wire.Template,
        source: object,
        now: int,
        replace: dict[str, Any] | None,
        sending_time: bytes | None = None,
    ) -> bytes:
        seq = self.next_out
        frame = form.encode(source, seq, sending_time or self.stamp(now), replace)
        self.next_out = seq + 1 if seq != fields.SEQ_NUM_MAX else after(seq)
        self.last_sent_ns = now
        self.output.append(frame)
        return frame
