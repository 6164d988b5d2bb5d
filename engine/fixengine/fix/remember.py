"""A session that remembers what it sent: written field by field, and sent again when asked.

What may be sent again and what is gap-filled instead is in the venue's `Rules`; messages and
numbers are in the History, which outlives the connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.grammar import Grammar
from fixengine.fix.history import History
from fixengine.fix.peek import text_of
from fixengine.fix.session import Handshake, Session
from fixengine.fix.states import Happening
from fixengine.fix.validate import Pair, split
from fixengine.fix.venue import Sender, Venue
from fixengine.fix.write import Field, framed

ADMIN = frozenset(
    {
        fields.HEARTBEAT,
        fields.TEST_REQUEST,
        fields.RESEND_REQUEST,
        fields.REJECT,
        fields.SEQUENCE_RESET,
        fields.LOGOUT,
        fields.LOGON,
    }
)

WRITTEN = frozenset(
    {
        fields.BEGIN_STRING,
        fields.BODY_LENGTH,
        fields.MSG_TYPE,
        fields.MSG_SEQ_NUM,
        fields.SENDER_COMP_ID,
        fields.SENDING_TIME,
        fields.TARGET_COMP_ID,
    }
)
"""Header fields that every message gets anew."""


class RememberingSession(Session):
    """See the module's top. Raises LocalProtocolError for a venue without a grammar."""

    def __init__(
        self,
        venue: Venue,
        sender: Sender,
        handshake: Handshake,
        history: History,
        *,
        client_comp_id: str,
        **options: Any,
    ) -> None:
        super().__init__(venue, sender, handshake, client_comp_id=client_comp_id, **options)
        if venue.grammar is None:
            raise wire.LocalProtocolError(f"venue {venue.name} has no grammar: it is not classic")
        self.grammar = venue.grammar
        self.history = history
        self.next_out, self.next_in = history.next_out, history.next_in
        names = (client_comp_id.encode(), venue.venue_comp_id.encode())
        self.ours, self.theirs = names if sender is Sender.CLIENT else names[::-1]

    def _send_from(self, begin: int, end: int, now: int) -> None:
        """Send again what may be, from begin to end; fill the gaps between.

        An order that is filled instead may never have come: the owner is told, each time anew.
        """
        due = begin
        for seq, frame in self.history.frames(begin, end):
            if not self.rules.resends:
                self._pass_over(seq, frame)
                continue
            if seq > due:
                self._fill(due, seq, now)
            self._send_again(seq, frame, now)
            due = seq + 1
        if due <= end:
            self._fill(due, end + 1, now)

    def _pass_over(self, seq: int, frame: bytes) -> None:
        for pair in split(frame, self.grammar):
            if pair.tag == fields.CL_ORD_ID:
                self._note(Happening.PASSED_OVER, text_of(pair.value), seq)

    def _send_again(self, seq: int, frame: bytes, now: int) -> None:
        pairs = split(frame, self.grammar)
        head = head_of(pairs, self.grammar)
        places = self.grammar.header.tags | self.grammar.trailer.tags
        body = [(pair.tag, pair.value) for pair in pairs if pair.tag not in places]
        more = {tag: value for tag, value in head.items() if tag not in WRITTEN}
        more |= {
            fields.POSS_DUP_FLAG: b"Y",
            fields.ORIG_SENDING_TIME: head[fields.SENDING_TIME],
        }
        self._write_at(seq, head[fields.MSG_TYPE], body, now, more)

    def _fill(self, seq: int, new: int, now: int) -> None:
        body = [(fields.NEW_SEQ_NO, b"%d" % new), (fields.GAP_FILL_FLAG, b"Y")]
        more = {fields.POSS_DUP_FLAG: b"Y", fields.ORIG_SENDING_TIME: self.stamp(now)}
        self._write_at(seq, fields.SEQUENCE_RESET, body, now, more)

    def _write(self, kind: bytes, body: Iterable[Field], now: int, more: dict[int, bytes]) -> None:
        """Send a message field by field under the next number. more: header fields besides."""
        seq = self.next_out
        self.next_out += 1
        self._keep(kind, seq, self._write_at(seq, kind, body, now, more))

    def _write_at(
        self, seq: int, kind: bytes, body: Iterable[Field], now: int, more: dict[int, bytes]
    ) -> bytes:
        header = {
            fields.MSG_SEQ_NUM: b"%d" % seq,
            fields.SENDER_COMP_ID: self.ours,
            fields.SENDING_TIME: self.stamp(now),
            fields.TARGET_COMP_ID: self.theirs,
        }
        frame = framed(self.venue.begin_string, kind, header | more, body)
        self.last_sent_ns = now
        self.output.append(frame)
        return frame

    def _put(
        self,
        form: wire.Template,
        source: object,
        now: int,
        replace: dict[str, Any] | None,
        sending_time: bytes | None = None,
    ) -> bytes:
        seq = self.next_out
        frame = super()._put(form, source, now, replace, sending_time)
        self._keep(form.kind, seq, frame)
        return frame

    def _keep(self, kind: bytes, seq: int, frame: bytes) -> None:
        self.history.sent(seq, b"" if kind in ADMIN else frame)


def head_of(pairs: Iterable[Pair], grammar: Grammar) -> dict[int, bytes]:
    """Header fields, the first of each tag."""
    head: dict[int, bytes] = {}
    for pair in pairs:
        if pair.tag in grammar.header.tags:
            head.setdefault(pair.tag, pair.value)
    return head
