"""What the venue sent, from its bytes to the room that it is for.

Framer -> journal (raw frame) -> session, which says what a message is -> reports, limits, or the
answer to a Reject. On the way SendingTime<52> is held against our clock.
"""

from __future__ import annotations

from typing import Final

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.peek import peek, peek_number
from fixengine.fix.session import APPLICATION
from fixengine.fix.states import Verdict
from fixengine.fix.venue import Venue
from fixengine.network.clock import Clock
from fixengine.network.journal.record import Kind
from fixengine.network.latency import FRAMED, Latency
from fixengine.network.limits import Limits
from fixengine.network.line import Line
from fixengine.network.reports import Log, Reports
from fixengine.network.teller import Teller

# Looked up once; see fix/session.py.
FRAME_IN: Final = Kind.FRAME_IN
ADMIN: Final = Verdict.ADMIN


class Arriving:
    """See the module's top."""

    def __init__(
        self,
        venue: Venue,
        limits: Limits,
        clock: Clock,
        reports: Reports,
        teller: Teller,
        log: Log,
        latency: Latency,
    ) -> None:
        self._venue = venue
        self._limits = limits
        self._clock = clock
        self._reports = reports
        self._teller = teller
        self._log = log
        self._inward = latency.inward

    def on_bytes(self, line: Line, now: int) -> None:
        """Bytes of the venue lie in the line's framer; `flush` must follow."""
        session = line.session
        heard_ns = session.last_received_ns
        self._inward.begin()
        try:
            for message in line.framer:
                self._inward.lap(FRAMED)
                frame = bytes(message)
                self._teller.record(FRAME_IN, now, line.number, frame)
                verdict = session.receive(message, now)
                if session.hole is None:
                    line.last_frame = frame
                if verdict is APPLICATION:
                    if message.kind == fields.LIMIT_RESPONSE:
                        self._limits.on_response(line, message, now)
                    else:
                        self._reports.on_application(line, message, now)
                elif verdict is Verdict.REJECT or message.kind == fields.REJECT:
                    self._on_reject(line, message, verdict, now)
                elif verdict is ADMIN and message.kind == fields.LOGON:
                    line.first_frame = frame
                    self._limits.on_logon(line, now)
                if verdict is ADMIN or now >= line.lead.due_ns:
                    self._sample_clock(line, message, verdict, now)
                self._inward.begin()
        except wire.RemoteProtocolError as problem:
            self.on_framing_lost(line, str(problem), now)
        if line.framer.garbled != line.garbled_seen:
            line.garbled_seen = line.framer.garbled
            self._teller.record(Kind.READ, now, line.number, b"garbled")
            session.garbled(now)
        if session.hole is not None and line.blind_since_ns is None:
            line.blind_since_ns = heard_ns

    def on_framing_lost(self, line: Line, text: str, now: int) -> None:
        """Where the next message of a line begins cannot be told any more."""
        self._teller.record(Kind.READ, now, line.number, f"framing lost: {text}".encode())
        line.session.fail(f"framing lost: {text}", now)

    def _on_reject(self, line: Line, message: wire.Message, verdict: Verdict, now: int) -> None:
        """A Reject<3>, of a Logon (then the session has dealt with it) or of something later."""
        code = peek_number(message, fields.ERROR_CODE)
        if code is not None and self._venue.refusals.get(code) == "set_clock":
            self._clock.doubt(line.lead)
        if verdict is Verdict.REJECT and not self._limits.on_reject(line, message, now):
            self._reports.on_reject(line, message, now)
        bad_seq_num = self._venue.complaints.get("bad_seq_num")
        if bad_seq_num is not None and code == bad_seq_num.code and verdict is Verdict.REJECT:
            # It has lost something we sent, and will take nothing more; its Rejects may still come.
            line.session.logout("the venue expects another MsgSeqNum", now)

    def _sample_clock(self, line: Line, message: wire.Message, verdict: Verdict, now: int) -> None:
        """Hold SendingTime<52> of a message that counted against our clock."""
        if verdict is Verdict.DROP:
            return
        sending_time = peek(message, fields.SENDING_TIME)
        try:
            sending_ns = wire.stamp_ns(sending_time)
        except wire.RemoteProtocolError:
            text = f"SendingTime {sending_time[:30]!r} cannot be read"
            self._log("warning", text, session=line.name)
            return
        level = "error" if self._clock.is_doubted else "warning"
        change = self._clock.sample(line.lead, sending_ns, now)
        if change is not None:
            self._log(level, change, event="clock", session=line.name)
