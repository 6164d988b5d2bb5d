"""The walk: a strategy's request out to the venue, the venue's report back to the strategy.

Out, `on_order`: decode -> known id -> epoch, age -> line and its unsent bytes -> limits -> order
table -> journal (intent) -> pending; then `flush`, once per wake-up: age and backlog once more ->
session stamps the template -> journal (frame) -> one write.

In, `on_bytes`: framer -> journal (raw frame) -> session -> plan -> order table -> report with its
number -> journal (delivered) -> bus.

Both run to completion. Nothing here waits, reads a clock or knows a socket; what was read outside
comes in as an argument. An order that cannot go out now is refused at once and never queued.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from fixengine import wire
from fixengine.desk.orders import Order, Orders, Standing
from fixengine.fix import fields
from fixengine.fix.session import Verdict
from fixengine.fix.venue import Venue
from fixengine.messages import (
    CL_ORD_ID,
    Ack,
    ExecType,
    ExecutionReport,
    Heartbeat,
    Hello,
    MiscFee,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
    OrderUnknown,
    OrdStatus,
    Refused,
    RefusedReason,
    Sent,
    SessionState,
    SessionStatus,
    request_decoder,
)
from fixengine.network.journal.record import Kind, mask, mask_value, named
from fixengine.network.line import Line, Pending
from fixengine.network.strategies import Strategies, Strategy

MILLISECOND_NS = 1_000_000
COUNTER_MAX = (1 << 48) - 1
CATCH_UP_EVENTS = 256


class Journal(Protocol):
    """Where every input and output is recorded."""

    def append(self, kind: int, now: int, line: int, data: bytes) -> bool:
        """Record; False where there is no room."""


class Log(Protocol):
    """Where the operator is told things."""

    def __call__(self, level: str, text: str, **details: object) -> None:
        """level: "info", "warning" or "error"."""


class Gateway:
    """The walk over one set of rooms; see the module's top.

    unsent_bytes_max: with more unsent bytes on a line, new orders are refused.
    cancel_unsent_bytes_max: the same for cancels, so that these stay ahead of a backlog.
    """

    def __init__(
        self,
        venue: Venue,
        orders: Orders,
        strategies: Strategies,
        journal: Journal,
        log: Log,
        *,
        epoch: int,
        valid_for_ms_max: int,
        unsent_bytes_max: int,
        cancel_unsent_bytes_max: int,
    ) -> None:
        self.venue = venue
        self.orders = orders
        self.strategies = strategies
        self.journal = journal
        self.log = log
        self.epoch = epoch
        self.valid_for_ms_max = valid_for_ms_max
        self.unsent_bytes_max = unsent_bytes_max
        self.cancel_unsent_bytes_max = cancel_unsent_bytes_max
        self.active: Line | None = None
        self.lines: list[Line] = []
        self.stopping = False
        self.counter = 0
        self.session_state = SessionState.DOWN.value
        self.journal_missed = 0
        self.foreign_reports = 0

    # --- out --------------------------------------------------------------------------------

    def on_order(self, peer: bytes, payload: bytes, now: int) -> None:
        """Anything a strategy sent; `flush` must follow in the same wake-up."""
        try:
            request = request_decoder.decode(payload)
        except (msgspec.DecodeError, ValueError, TypeError) as problem:
            self._record(Kind.ORDER, now, 0, _journal_input(peer, payload))
            self._refuse_malformed(peer, payload, problem, now)
            return
        token = request.token if isinstance(request, Hello) else None
        recorded = payload if not token else mask_value(payload, token.encode())
        self._record(Kind.ORDER, now, 0, _journal_input(peer, recorded))
        if isinstance(request, Hello):
            self._hello(peer, request, now)
            return
        strategy = self.strategies.of(peer)
        if strategy is None:
            self._refuse_stranger(peer, request, now)
        elif isinstance(request, NewOrderSingle):
            self._new_order(strategy, request, payload, now)
        elif isinstance(request, OrderCancelRequest):
            self._cancel(strategy, request, payload, now)
        elif isinstance(request, Ack):
            self.strategies.acknowledge(strategy, request.report_seq)
            self.strategies.catch_up(strategy, CATCH_UP_EVENTS, now)

    def _new_order(
        self, strategy: Strategy, order: NewOrderSingle, payload: bytes, now: int
    ) -> None:
        if self._answer_repeated(strategy, order.cl_ord_id, now):
            return
        reason = self._check_request(order, now)
        if reason is None and self.stopping:
            reason = RefusedReason.STOPPING, "the engine is stopping", None
        if reason is None:
            reason = self._check_line(self.unsent_bytes_max, now, urgent=False)
        if reason is not None:
            self._refuse(strategy, order.cl_ord_id, reason, now)
            return
        self._intend(strategy, order, payload, order.symbol, None, now)

    def _cancel(
        self, strategy: Strategy, cancel: OrderCancelRequest, payload: bytes, now: int
    ) -> None:
        if self._answer_repeated(strategy, cancel.cl_ord_id, now):
            return
        reason = self._check_request(cancel, now)
        target = self.orders.find(strategy.number, cancel.orig_cl_ord_id)
        if reason is None and (target is None or target.is_cancel):
            text = f"orig_cl_ord_id: this strategy has no order {cancel.orig_cl_ord_id!r}"
            reason = RefusedReason.UNKNOWN_ORDER, text, None
        if reason is None:
            reason = self._check_line(self.cancel_unsent_bytes_max, now, urgent=True)
        if reason is not None or target is None:
            self._refuse(strategy, cancel.cl_ord_id, reason or _NO_REASON, now)
            return
        self._intend(strategy, cancel, payload, target.symbol, target, now)

    def _answer_repeated(self, strategy: Strategy, cl_ord_id: str, now: int) -> bool:
        """A known id gets its recorded outcome again, before any other check."""
        known = self.orders.find(strategy.number, cl_ord_id)
        if known is None:
            return False
        if known.outcome is not None:
            event = msgspec.msgpack.decode(known.outcome, type=_OUTCOMES)
            event.replayed = True
            self._tell(strategy, event, now)
        elif known.standing is Standing.WRITTEN:
            self._tell_sent(strategy, known, now, replayed=True)
        elif known.standing is Standing.UNKNOWN:
            self._tell_unknown(known, "the outcome is not known", None, now)
        return True

    def _check_request(
        self, request: NewOrderSingle | OrderCancelRequest, now: int
    ) -> _Reason | None:
        if not CL_ORD_ID.match(request.cl_ord_id):
            return RefusedReason.INVALID_FIELD, "cl_ord_id: 1..36 of a-z A-Z 0-9 - _", None
        if request.epoch != self.epoch:
            text = f"epoch: {request.epoch} is not this run of the engine ({self.epoch})"
            return RefusedReason.WRONG_EPOCH, text, None
        if not 0 < request.valid_for_ms <= self.valid_for_ms_max:
            text = f"valid_for_ms: expected 1..{self.valid_for_ms_max}, got {request.valid_for_ms}"
            return RefusedReason.INVALID_FIELD, text, None
        return self._check_age(request.sent_ns, request.valid_for_ms, now)

    def _check_age(self, sent_ns: int, valid_for_ms: int, now: int) -> _Reason | None:
        if sent_ns > now + MILLISECOND_NS:
            text = f"sent_ns: {(sent_ns - now) // 1000} us ahead of the engine's clock"
            return RefusedReason.FROM_THE_FUTURE, text, None
        if now > sent_ns + valid_for_ms * MILLISECOND_NS:
            age_ms = (now - sent_ns) // MILLISECOND_NS
            text = f"{age_ms} ms old, valid for {valid_for_ms} ms"
            return RefusedReason.TOO_OLD, text, None
        return None

    def _check_line(self, unsent_bytes_max: int, now: int, urgent: bool) -> _Reason | None:
        line = self.active
        if line is None or not line.can_carry:
            text = f"no session with {self.venue.name} is active ({self.session_state})"
            return RefusedReason.NOT_CONNECTED, text, None
        unsent = line.unsent()
        if unsent > unsent_bytes_max:
            text = f"{unsent} bytes are still unsent on session {line.name}"
            return RefusedReason.BACKLOG, text, None
        if self.orders.full:
            text = f"engine.orders_max ({self.orders.open_max}) requests are open"
            return RefusedReason.LIMIT, text, None
        wait_ns = 0 if line.budget is None else line.budget.wait_ns(now, urgent)
        if wait_ns:
            wait_ms = -(-wait_ns // MILLISECOND_NS)
            text = "the venue's message limit would be exceeded"
            return RefusedReason.LIMIT, text, wait_ms
        return None

    def _intend(
        self,
        strategy: Strategy,
        request: NewOrderSingle | OrderCancelRequest,
        payload: bytes,
        symbol: str,
        target: Order | None,
        now: int,
    ) -> None:
        """Enter the request, journal the intent, and leave it to this wake-up's flush."""
        line = self.active
        assert line is not None, "_check_line passed"
        if self.counter >= COUNTER_MAX:
            raise OverflowError("the order counter of this epoch is used up")
        self.counter += 1
        wire_id = self.venue.make_cl_ord_id(strategy.number, self.epoch, self.counter)
        replace: dict[str, str | None] = {"cl_ord_id": wire_id}
        if target is not None:
            # OrderID alone once it is known: the venue documents that as faster, and a cancel by
            # client id can miss an order that was renamed.
            known = target.order_id
            replace["orig_cl_ord_id"] = None if known else target.wire_id
            replace["order_id"] = known
            replace["symbol"] = symbol
        if not self._record(Kind.INTENT, now, line.number, named(wire_id, payload)):
            text = "the journal's ring is full; the disk is slow or failing"
            self._refuse(strategy, request.cl_ord_id, (RefusedReason.JOURNAL_FULL, text, None), now)
            return
        order = self.orders.open(strategy.number, request.cl_ord_id, wire_id, symbol, target)
        expires_ns = request.sent_ns + request.valid_for_ms * MILLISECOND_NS
        line.pending.append(Pending(order, request, expires_ns, replace))
        if line.budget is not None:
            line.budget.use(now)

    def flush(self, now: int) -> None:
        """Write what this wake-up produced: one write a line, ages looked at once more."""
        for line in self.lines:
            if line.pending:
                pending, line.pending = line.pending, []
                for item in pending:
                    self._write(line, item, now)
            self._write_output(line, now)

    def _write(self, line: Line, item: Pending, now: int) -> None:
        strategy = self.strategies.by_number[item.order.strategy]
        if not line.can_carry:
            text = f"session {line.name} ended before the bytes were written"
            self._drop(strategy, item.order, (RefusedReason.NOT_CONNECTED, text, None), now)
            return
        if now > item.expires_ns:
            text = "its time ran out before the bytes were written"
            self._drop(strategy, item.order, (RefusedReason.TOO_OLD, text, None), now)
            return
        kind = fields.ORDER_CANCEL_REQUEST if item.order.is_cancel else fields.NEW_ORDER_SINGLE
        seq = line.session.next_out
        try:
            line.session.send(line.templates[kind], item.request, now, item.replace)
        except wire.LocalProtocolError as problem:
            reason = RefusedReason.INVALID_FIELD, str(problem), None
            self._drop(strategy, item.order, reason, now)
            return
        self.orders.written(item.order, line.number, seq)
        if strategy.wants_sent:
            self._tell_sent(strategy, item.order, now)

    def _write_output(self, line: Line, now: int) -> None:
        frames = line.session.take_output()
        for frame in frames:
            self._record(Kind.FRAME_OUT, now, line.number, _journal_frame(frame))
        if line.transport is not None:
            if frames:
                line.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
            if line.session.close_requested:
                line.transport.close()

    # --- in ---------------------------------------------------------------------------------

    def on_bytes(self, line: Line, now: int) -> None:
        """Bytes of the venue lie in the line's framer; `flush` must follow."""
        try:
            for message in line.framer:
                self._record(Kind.FRAME_IN, now, line.number, bytes(message))
                verdict = line.session.receive(message, now)
                if verdict is Verdict.APPLICATION:
                    self._on_application(line, message, now)
                elif verdict is Verdict.REJECT:
                    self._on_reject(line, message, now)
        except wire.RemoteProtocolError as problem:
            line.session.fail(f"framing lost: {problem}", now)
        if line.framer.garbled != line.garbled_seen:
            line.garbled_seen = line.framer.garbled
            line.session.garbled(now)

    def _on_application(self, line: Line, message: wire.Message, now: int) -> None:
        plan = line.plans.get(message.kind)
        if plan is None:
            self.log("warning", f"MsgType {message.kind!r} is not handled yet", session=line.name)
            return
        report = plan.read(message)
        try:
            report.check()
            if message.kind == fields.EXECUTION_REPORT:
                self._on_report(line, report, now)
            else:
                self._on_cancel_reject(line, report, now)
        except wire.RemoteProtocolError as problem:
            self._on_broken_report(line, message, problem, now)

    def _on_report(self, line: Line, report: wire.Fields, now: int) -> None:
        wire_id, orig_wire_id = report.get("cl_ord_id"), report.get("orig_cl_ord_id")
        symbol, order_id = report.get("symbol"), report.get("order_id")
        order, cancel = self.orders.reported(wire_id, orig_wire_id, symbol, order_id)
        if order is None:
            self.foreign_reports += 1
            return
        code = _number(report.get("venue_code"))
        if code in self.venue.unknown_codes:
            self._forget_outcome(order, report.get("text") or "", str(code), now)
            return
        exec_id = report.get("exec_id")
        if exec_id is not None:
            if exec_id in order.exec_ids:
                return
            order.exec_ids.add(exec_id)
        self.orders.update(order, cancel, report.get("ord_status"), order_id)
        named = order if cancel is None else cancel
        event = ExecutionReport(
            0,
            self.epoch,
            line.name,
            False,
            now,
            named.cl_ord_id,
            None if cancel is None and orig_wire_id is None else order.cl_ord_id,
            wire_id,
            orig_wire_id,
            *report.values(),
            extra=tuple(report.extra),
        )
        event.misc_fees = tuple(MiscFee(*fee) for fee in event.misc_fees or ())
        self._tell_outcome(order, event, now)
        if cancel is not None:
            cancel.outcome = order.outcome

    def _on_cancel_reject(self, line: Line, report: wire.Fields, now: int) -> None:
        wire_id, orig_wire_id = report.get("cl_ord_id"), report.get("orig_cl_ord_id")
        cancel = self.orders.by_wire(wire_id)
        if cancel is None or cancel.target is None:
            self.foreign_reports += 1
            return
        if _number(report.get("venue_code")) in self.venue.unknown_codes:
            text = report.get("text") or ""
            self._forget_outcome(cancel, text, report.get("venue_code"), now)
            return
        self.orders.finish(cancel, Standing.DONE)
        event = OrderCancelReject(
            0,
            self.epoch,
            line.name,
            False,
            now,
            cancel.cl_ord_id,
            cancel.target.cl_ord_id,
            wire_id,
            orig_wire_id or cancel.target.wire_id,
            *report.values(),
            extra=tuple(report.extra),
        )
        self._tell_outcome(cancel, event, now)

    def _on_reject(self, line: Line, message: wire.Message, now: int) -> None:
        """Reject<3>: RefSeqNum<45> says which of our messages it is about."""
        seq, code = _tag_number(message, fields.REF_SEQ_NUM), _tag_number(message, 25016)
        text = message.get(fields.TEXT, b"").decode("utf-8", "replace")
        order = self.orders.by_seq(line.number, seq)
        if order is None:
            self.log(
                "error",
                f"the venue rejected message {seq}: {code} {text}",
                session=line.name,
            )
            return
        if code in self.venue.unknown_codes:
            self._forget_outcome(order, text, str(code), now)
            return
        head = (0, self.epoch, line.name, False, now, order.cl_ord_id)
        venue_code = None if code is None else str(code)
        seq_in = _tag_number(message, fields.MSG_SEQ_NUM)
        if order.target is not None:
            self.orders.finish(order, Standing.DONE)
            event: Any = OrderCancelReject(
                *head,
                order.target.cl_ord_id,
                order.wire_id,
                order.target.wire_id,
                symbol=order.symbol,
                msg_seq_num=seq_in,
                venue_code=venue_code,
                text=text,
            )
        else:
            self.orders.finish(order, Standing.REJECTED)
            event = ExecutionReport(
                *head,
                None,
                order.wire_id,
                None,
                order.symbol,
                ExecType.REJECTED.value,
                OrdStatus.REJECTED.value,
                msg_seq_num=seq_in,
                venue_code=venue_code,
                text=text,
            )
        self._tell_outcome(order, event, now)

    def _on_broken_report(
        self, line: Line, message: wire.Message, problem: wire.RemoteProtocolError, now: int
    ) -> None:
        """A report that cannot be read makes its order unknown, not the session dead."""
        seq = _tag_number(message, fields.MSG_SEQ_NUM)
        text = f"MsgType {message.kind.decode('ascii', 'replace')}, MsgSeqNum {seq}: {problem}"
        self.log("error", text, session=line.name)
        ids = (message.get(tag) for tag in (fields.ORIG_CL_ORD_ID, fields.CL_ORD_ID))
        for wire_id in ids:
            order = self.orders.by_wire(wire_id.decode("ascii", "replace") if wire_id else None)
            if order is not None:
                self._forget_outcome(order, text, None, now)
                return

    # --- session and time -------------------------------------------------------------------

    def on_tick(self, now: int) -> bool:
        """Time has passed: session timers, parked reports. True: call again soon."""
        for line in self.lines:
            line.session.tick(now)
        more = False
        for strategy in self.strategies.waiting():
            more = self.strategies.catch_up(strategy, CATCH_UP_EVENTS, now) or more
        return more

    def on_session(self, state: str, text: str, source: str, now: int) -> None:
        """Tell every strategy that a session's state changed."""
        self.session_state = state
        for strategy in list(self.strategies.by_number.values()):
            status = SessionStatus(0, self.epoch, source, False, now, state, text)
            self._tell(strategy, status, now)

    def on_line_lost(self, line: Line, text: str, now: int) -> None:
        """A session ended: unwritten requests are refused, unanswered ones are unknown."""
        pending, line.pending = line.pending, []
        for item in pending:
            strategy = self.strategies.by_number[item.order.strategy]
            reason = RefusedReason.NOT_CONNECTED, text, None
            self._drop(strategy, item.order, reason, now)
        for order in self.orders.lost(line.number):
            self._tell_unknown(order, text, None, now)

    # --- telling strategies -----------------------------------------------------------------

    def _hello(self, peer: bytes, hello: Hello, now: int) -> None:
        strategy = self.strategies.hello(peer, hello, now, self.session_state)
        if strategy is not None:
            self._record(Kind.STRATEGY, now, 0, named(strategy.name, b"%d" % strategy.number))
            self.log("info", f"strategy {strategy.name} connected", number=strategy.number)

    def _tell(self, strategy: Strategy, event: Any, now: int) -> bytearray:
        payload = self.strategies.tell(strategy, event)
        self._record(Kind.DELIVERED, now, 0, named(strategy.name, bytes(payload)))
        return payload

    def _tell_outcome(self, order: Order, event: Any, now: int) -> None:
        strategy = self.strategies.by_number[order.strategy]
        order.outcome = bytes(self._tell(strategy, event, now))

    def _tell_unknown(self, order: Order, reason: str, code: str | None, now: int) -> None:
        event = OrderUnknown(
            0, self.epoch, "", False, now, order.cl_ord_id, order.wire_id, reason, code
        )
        self._tell(self.strategies.by_number[order.strategy], event, now)

    def _forget_outcome(self, order: Order, reason: str, code: str | None, now: int) -> None:
        self.orders.unknown(order)
        self._tell_unknown(order, reason, code, now)

    def _tell_sent(
        self, strategy: Strategy, order: Order, now: int, replayed: bool = False
    ) -> None:
        source = next((line.name for line in self.lines if line.number == order.line), "")
        ids = order.cl_ord_id, order.wire_id
        sent = Sent(0, self.epoch, source, replayed, now, *ids, order.seq, now)
        self._tell(strategy, sent, now)

    def _refuse(self, strategy: Strategy, cl_ord_id: str, reason: _Reason, now: int) -> None:
        kind, text, retry_after_ms = reason
        head = (0, self.epoch, "", False, now)
        self._tell(strategy, Refused(*head, cl_ord_id, kind.value, text, retry_after_ms), now)

    def _drop(self, strategy: Strategy, order: Order, reason: _Reason, now: int) -> None:
        self.orders.drop(order)
        self._refuse(strategy, order.cl_ord_id, reason, now)

    def _refuse_stranger(self, peer: bytes, request: object, now: int) -> None:
        if isinstance(request, Heartbeat | Ack):
            return
        cl_ord_id = getattr(request, "cl_ord_id", "")
        text = "the first message on a connection must be Hello"
        head = (0, self.epoch, "", False, now)
        self.strategies.answer(peer, Refused(*head, cl_ord_id, RefusedReason.NO_HELLO.value, text))

    def _refuse_malformed(self, peer: bytes, payload: bytes, problem: Exception, now: int) -> None:
        text = f"not a bus message: {problem}"
        strategy = self.strategies.of(peer)
        cl_ord_id = _cl_ord_id_of(payload)
        reason = RefusedReason.MALFORMED, text, None
        if strategy is not None:
            self._refuse(strategy, cl_ord_id, reason, now)
        else:
            head = (0, self.epoch, "", False, now)
            refused = Refused(*head, cl_ord_id, RefusedReason.MALFORMED.value, text)
            self.strategies.answer(peer, refused)

    def _record(self, kind: Kind, now: int, line: int, data: bytes) -> bool:
        if self.journal.append(kind, now, line, data):
            return True
        self.journal_missed += 1
        return False


_Reason = tuple[RefusedReason, str, int | None]
_NO_REASON: _Reason = (RefusedReason.UNKNOWN_ORDER, "no such order", None)
_OUTCOMES = ExecutionReport | OrderCancelReject


def _journal_input(peer: bytes, payload: bytes) -> bytes:
    return named(peer[:64].decode("ascii", "replace"), payload)


def _journal_frame(frame: bytes) -> bytes:
    return mask(frame) if b"\x0135=A\x01" in frame[:40] else frame


def _tag_number(message: wire.Message, tag: int) -> int | None:
    try:
        number: int | None = message.get_int(tag)
    except wire.RemoteProtocolError:
        return None
    return number


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _cl_ord_id_of(payload: bytes) -> str:
    """The id in a request that could not be decoded as a whole, or an empty text."""
    try:
        parts = msgspec.msgpack.decode(payload)
    except msgspec.DecodeError:
        return ""
    if isinstance(parts, list) and len(parts) > 1 and isinstance(parts[1], str):
        return parts[1][:36]
    return ""
