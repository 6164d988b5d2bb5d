"""What the venue sends: which answer goes to which session, the record, and the writes.

Every wake-up ends with `flush`: one write for each session that has something to say. The record
comes first: whatever a client can have received is in it, even if this process is killed in
between. A client that does not read is cut off once OUTPUT_BYTES_MAX wait for it.

Drop copy sessions get the account's successful ExecutionReports and ListStatus a second later than
the others, under MsgSeqNums of their own (spec sections 10.7 and 22.1).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from fixengine.fix import fields
from fixengine.simulator.connection import Connection
from fixengine.simulator.faults.active import Faults
from fixengine.simulator.record import Recorder
from fixengine.simulator.reports import Answer
from fixengine.simulator.venue import DROP_COPY

OUTPUT_BYTES_MAX = 4 << 20
DROP_COPY_WAITING_MAX = 500_000
COPIED = (fields.EXECUTION_REPORT, fields.LIST_STATUS)

Say = Callable[..., None]
"""say(event, **facts): tell the operator."""


class Delivery:
    """The way out of the venue; see the module's top.

    drop_copy_delay_ns: how much later drop copy sessions hear. The wall clock decides, as in the
    reports.
    """

    def __init__(
        self, faults: Faults, recorder: Recorder | None, drop_copy_delay_ns: int, say: Say
    ) -> None:
        self._faults = faults
        self._recorder = recorder
        self._delay_ns = drop_copy_delay_ns
        self._say = say
        self._by_account: dict[str, list[Connection]] = {}
        self._copies: deque[tuple[int, Answer]] = deque()
        # In the order in which they had something to say: a set's order differs from run to run.
        self._to_flush: dict[Connection, None] = {}
        self.record_failure: OSError | None = None

    # --- who is there -----------------------------------------------------------------------

    def joined(self, account: str, connection: Connection) -> None:
        """A session has logged on."""
        self._by_account.setdefault(account, []).append(connection)

    def left(self, account: str, connection: Connection) -> None:
        """No more reports for this one."""
        members = self._by_account.get(account, [])
        if connection in members:
            members.remove(connection)

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        self._to_flush.pop(connection, None)

    # --- answers ----------------------------------------------------------------------------

    def deliver(self, answers: list[Answer], requester: Connection | None, now: int) -> None:
        """Put each answer into the sessions it is for (spec 22.2). now: monotonic ns."""
        for answer in answers:
            for connection in self._by_account.get(answer.account.name, ()):
                if connection.role == DROP_COPY and connection is not requester:
                    continue
                asked = connection is requester and answer.ack
                if asked or (answer.push and connection.everything):
                    self._send(connection, answer, now)
            if answer.push and answer.kind in COPIED:
                self._copies.append((now + self._delay_ns, answer))

    def deliver_copies(self, now: int) -> None:
        """Let the drop copy sessions hear what is due."""
        while self._copies:
            due, answer = self._copies[0]
            if due > now and len(self._copies) <= DROP_COPY_WAITING_MAX:
                return
            self._copies.popleft()
            for connection in self._by_account.get(answer.account.name, ()):
                if connection.role == DROP_COPY:
                    self._send(connection, answer, now)

    def answer(self, connection: Connection, kind: bytes, values: dict[str, Any], now: int) -> None:
        """Send one message to one session, unrecorded: it is no report."""
        connection.session.send(connection.templates[kind], None, now, values)
        self._to_flush[connection] = None

    def _send(self, connection: Connection, answer: Answer, now: int) -> None:
        session = connection.session
        seq = session.next_out
        frame = session.send(connection.templates[answer.kind], None, now, answer.values)
        if self._recorder is not None:
            self._recorder.add(connection.comp_id, seq, answer.kind, answer.values, frame)
        if self._faults.take("hole", connection.comp_id):
            session.next_out += 1
        if self._faults.take("duplicate-seq", connection.comp_id):
            session.next_out -= 1
        self._to_flush[connection] = None

    # --- writes -----------------------------------------------------------------------------

    def wants_flush(self, connection: Connection) -> None:
        """A session may have something to say."""
        self._to_flush[connection] = None

    def flush(self, now: int) -> None:
        """One write for each session that has output; close those that are done."""
        self._write_record()
        while self._to_flush:
            connection = next(iter(self._to_flush))
            del self._to_flush[connection]
            if connection.closing:
                continue
            session, link = connection.session, connection.link
            frames = session.take_output()
            if frames:
                link.write(frames, now)
            if link.is_black_hole:
                continue
            if session.close_requested:
                connection.closing = True
                link.close(now)
            elif link.unsent_bytes > OUTPUT_BYTES_MAX:
                self.cut_off(connection, f"it left {OUTPUT_BYTES_MAX} bytes unread")

    def cut_off(self, connection: Connection, text: str) -> None:
        """End a connection without a word."""
        self._say("cut_off", session=connection.comp_id, text=text)
        connection.closing = True
        connection.transport.abort()

    def _write_record(self) -> None:
        """Bring the record to its file; a disk that refuses is told by the next tick."""
        if self._recorder is None or self.record_failure is not None:
            return
        try:
            self._recorder.flush()
        except OSError as problem:
            self.record_failure = problem
