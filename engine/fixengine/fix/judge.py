"""What has arrived, taken apart and judged: by its header, and by the grammar of its version.

Whatever is wrong is answered here in the standard's words, Reject<3> or Logout; what is in order
goes back to classic.py, which knows whose turn it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.gaps import Gaps
from fixengine.fix.header import FATAL, header_fault
from fixengine.fix.peek import peek, printable, seq_of
from fixengine.fix.remember import RememberingSession, head_of
from fixengine.fix.states import Happening, State, Verdict
from fixengine.fix.validate import TEXTS, Fault, Pair, fault_of, split
from fixengine.fix.write import reverse_route


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


class JudgingSession(RememberingSession):
    """See the module's top. Arguments are those of RememberingSession.

    gaps: what came ahead of its turn, or was dealt with there.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.gaps = Gaps()
        self._failure: str | None = None

    def fail(self, text: str, now: int, told: bool = True) -> None:
        """Logout with the reason (told), then close when it is answered or after the timeout."""
        if self.state is not State.ACTIVE:
            super().fail(text, now)
            return
        self._emit(fields.LOGOUT, now, {"text": printable(text) if told else None})
        self._enter(State.LOGOUT_SENT, now)
        self._failure = text

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

    def _well_formed(self, arrival: Arrival, now: int) -> bool:
        if arrival.kind not in self.grammar.messages:
            return True
        fault = fault_of(arrival.pairs, arrival.kind, self.grammar)
        if fault is None:
            return True
        self._refuse_message(arrival, fault, now)
        return False

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
