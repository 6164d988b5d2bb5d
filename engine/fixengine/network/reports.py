"""From a venue's message to what its order's strategy is told.

A report finds its order by the ids on the wire, changes the order table, and becomes one event.
What carries the code of an unknown outcome, whatever its form, makes the request unknown and is
never taken for a refusal. What several sessions tell is known by its key and told once; a raw
look at each message before would cost more than the plan, which the framer has read already. A
report that cannot be read makes its order unknown, not the session dead. Reports about orders of
others are counted and passed over. What the user data stream tells goes the same way (stream.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from fixengine import wire
from fixengine.desk.orders import (
    QTY_DECIMALS,
    TRADE,
    UNKNOWN,
    WRITTEN,
    Order,
    Orders,
    report_key,
)
from fixengine.desk.positions import Fill, Positions
from fixengine.desk.recovery import VENUE_TIMEOUT_S
from fixengine.desk.standings import ALIVE, FINAL, TOLD, Standing, contradiction
from fixengine.fix import fields
from fixengine.fix.peek import peek, peek_number, peek_text
from fixengine.fix.venue import COUNTER_BITS, Venue
from fixengine.messages import (
    NOT_A_MESSAGE,
    ExecType,
    MiscFee,
    OrderCancelReject,
    OrdStatus,
    RejectReason,
    request_decoder,
)
from fixengine.network.answers import Answers, number_of
from fixengine.network.clock import Clock
from fixengine.network.intents import kind_of
from fixengine.network.latency import DECODED_IN, PUBLISHED, Latency
from fixengine.network.line import Line, Source
from fixengine.network.teller import Teller
from fixengine.network.values import Sparse, Values

FOREIGN_TOLD_MAX = 1000
"""Reports of own orders that are in no table any more: how many are known for the next line."""
FILL_GRACE_S = 5
"""How much later than the total of an order a fill of it may come, on another session."""
NEW: Final = ExecType.NEW.value
REJECTED: Final = OrdStatus.REJECTED.value
LOOKED_AT = (
    *("cl_ord_id", "orig_cl_ord_id", "symbol", "order_id", "venue_code"),
    *("exec_type", "ord_status", "exec_id", "trade_id", "alloc_id"),
)
"""What decides what becomes of an ExecutionReport."""
KEY_TAGS = fields.EXEC_TYPE, fields.EXEC_ID, fields.TRADE_ID, fields.ALLOC_ID


class Log(Protocol):
    """Where the operator is told things."""

    def __call__(self, level: str, text: str, **details: object) -> None:
        """level: "info", "warning" or "error"."""


Watcher = Callable[[Source, Order, Values, str | None, int], None]
"""Is told each report of an own order that is of a fill, or has a code of the venue or a reason why
it was refused, once, with that reason, before its strategy is."""


class Reports:
    """Interprets application messages and Rejects.

    foreign: reports of orders not ours. answer_ns_max: silence for so long, on a session that
    lives, says nothing of a request. origin: of our state directory, see state.Content.
    """

    def __init__(
        self,
        venue: Venue,
        orders: Orders,
        positions: Positions,
        teller: Teller,
        log: Log,
        watcher: Watcher,
        clock: Clock,
        latency: Latency,
        origin: int = 0,
    ) -> None:
        self.venue = venue
        self._own_origins = 0, origin
        self.orders = orders
        self.positions = positions
        self.teller = teller
        self.watcher = watcher
        self.log = log
        self.clock = clock
        self.latency = latency
        self.answers = Answers(orders, teller, self._make_unknown, venue)
        # RecvWindow, and the time after which the venue has done with what it took.
        self.answer_ns_max = clock.behind_ns_max + VENUE_TIMEOUT_S * venue.second_ns
        self.fill_grace_ns = FILL_GRACE_S * venue.second_ns
        self.foreign = 0
        self._foreign_told: dict[tuple[str, str | None, str | None], None] = {}

    def on_application(self, line: Line, message: wire.Message, now: int) -> None:
        """An application message of the venue."""
        kind = message.kind
        plan = line.plans.get(kind)
        if plan is None:
            self.log("warning", f"MsgType {kind!r} is not handled yet", session=line.name)
            return
        read = plan.read(message)
        # The tables of a classic venue hold less than our events.
        report = read if self.venue.grammar is None else Sparse(read, plan.names)
        try:
            read.check()
            self.latency.inward.lap(DECODED_IN)
            if kind == fields.EXECUTION_REPORT:
                self.on_report(line, report, now)
            elif kind == fields.ORDER_CANCEL_REJECT:
                self._on_cancel_reject(line, report, now)
            else:
                self.answers.on_answer(line, kind, report, now)
        except wire.RemoteProtocolError as problem:
            self._on_broken(line, message, problem, now)

    def on_reject(self, line: Line, message: wire.Message, now: int) -> None:
        """Reject<3>: RefSeqNum<45> says which of our messages it is about."""
        seq = peek_number(message, fields.REF_SEQ_NUM)
        code = peek_number(message, fields.ERROR_CODE)
        text = peek_text(message, fields.TEXT)
        order = self.orders.by_seq(line.number, seq)
        if order is not None and order.standing is not WRITTEN:
            # It comes late, for what was told as unknown; nothing then may speak against it.
            kind = peek(message, fields.REF_MSG_TYPE)
            over = all(one.standing in FINAL for one in (order, *order.parts))
            if over or kind not in (b"", kind_of(order)):
                order = None
        if order is None:
            what = f"the venue rejected message {seq}: {code} {text}"
            self.log("error", what, session=line.name)
            return
        venue_code = None if code is None else str(code)
        seq_in = peek_number(message, fields.MSG_SEQ_NUM)
        for part in (order, *order.parts):
            if code in self.venue.unknown_codes:
                self._make_unknown(part, text, venue_code, now)
            elif part.standing not in FINAL:
                self.answers.reject(line.name, part, (seq_in, venue_code, text), now)

    def on_report(self, source: Source, report: Values, now: int) -> None:
        """An ExecutionReport. Raises RemoteProtocolError where it makes no sense."""
        wire_id, orig_wire_id, symbol, order_id, code, exec_type, ord_status, *key_parts = (
            report.pick(LOOKED_AT)
        )
        order, cancel = self.orders.reported(wire_id, orig_wire_id, symbol, order_id)
        if order is None:
            self._on_foreign(source, report, now)
            return
        if code is not None and number_of(code) in self.venue.unknown_codes:
            self._make_unknown(order, report.value("text") or "", code, now)
            return
        last_qty = report.scaled("last_qty", QTY_DECIMALS) or 0
        cum_qty = report.scaled("cum_qty", QTY_DECIMALS) or 0
        key = report_key(exec_type, *key_parts)
        if key is not None and not order.see(key):
            return
        is_over = order.standing in FINAL
        if is_over or ord_status not in TOLD:
            self._alert(source, order, ord_status)
        in_question = order.unwatched or order.standing is UNKNOWN
        # A report that comes late, such as a NEW after the fill, does not tell how it ended.
        is_late = is_over and TOLD.get(ord_status) in ALIVE
        self.orders.filled(order, last_qty if exec_type == TRADE else 0, cum_qty, now)
        self.orders.update(order, cancel, ord_status, order_id)
        named = order
        if cancel is not None and cancel.strategy == order.strategy:
            named = cancel
        original = None if cancel is None and orig_wire_id is None else order.cl_ord_id
        ids = named.cl_ord_id, original, wire_id, orig_wire_id
        reason = self._why_refused(report) if ord_status == REJECTED else None
        if exec_type == TRADE or code is not None or reason is not None:
            self.watcher(source, order, report, reason, now)
        if exec_type == TRADE:
            self._take_position(source, order, report, now)
        payload = self.teller.report(order.strategy, source.name, report, ids, reason, now)
        if not is_late:
            order.outcome = payload
        if self.latency.inward.count(PUBLISHED):
            self._time_trip(order, exec_type)
            self._time_venue(source, order, report, now)
        if cancel is not None and cancel is named and cancel.target is not None:
            # Of an order that was handed over meanwhile it speaks in words of the heir's.
            cancel.outcome = payload
        if order.parts and ord_status == REJECTED:
            self.answers.not_attempted(source, order, now)
        if in_question and order.standing in ALIVE:
            self._look_after_gap(source, order, report.value("transact_time"), now)

    def _time_trip(self, order: Order, exec_type: str | None) -> None:
        """How long ago the strategy sent an order of which this is the first report."""
        if exec_type != NEW or not order.request:
            return
        try:
            sent_ns = getattr(request_decoder.decode(order.request), "sent_ns", 0)
        except NOT_A_MESSAGE:
            return  # of an earlier version's run: the figures are for people
        ago_ns = self.latency.inward.counted_ns - sent_ns
        # 0 is that of an order within a list. A clock that is behind was one of an earlier boot.
        if sent_ns and ago_ns > 0:
            self.latency.trip.record(ago_ns)

    def _time_venue(self, source: Source, order: Order, report: Values, now: int) -> None:
        """What the time stamps of a report tell of the way to the venue and back."""
        stamps = [report.value("sending_time")]
        if report.value("exec_type") == NEW:
            stamps.append(report.value("transact_time"))
        to_ours_ns = self.clock.venue_ns(source.lead, 0)
        try:
            sent_ns, *transacted_ns = (
                wire.stamp_ns(stamp.encode()) - to_ours_ns for stamp in stamps if stamp is not None
            )
        except (wire.RemoteProtocolError, ValueError):
            return  # the report stands whatever its stamps: these are for people
        self.latency.venue(order.written_ns, next(iter(transacted_ns), None), sent_ns, now)

    def tick(self, now: int) -> None:
        """Time has passed: what is missing of an order for too long is told, and so is silence."""
        for order in self.orders.silent(now, self.answer_ns_max):
            text = f"no answer within {self.answer_ns_max / 1_000_000_000:g} s"
            self.log("error", f"{order.wire_id}: {text}", event="silence")
            self.teller.unknown(order, text, None, now)
        for order in self.orders.short(now, self.fill_grace_ns):
            total, filled = (
                wire.unscaled(qty, QTY_DECIMALS) for qty in (order.cum_qty, order.filled)
            )
            text = f"a fill is missing: CumQty is {total}, and the fills reported make {filled}"
            if order.filled >= order.cum_qty:
                order.in_doubt = True
                text = "the venue says it has no such live order, and nothing tells how it ended"
            self.log("error", f"{order.wire_id}: {text}", event="fill")
            self.teller.unknown(order, text, None, now)

    def _take_position(self, source: Source, order: Order, report: Values, now: int) -> None:
        value = report.value
        fees = tuple(MiscFee(*fee) for fee in value("misc_fees") or ())
        fill = Fill(value("symbol"), value("side"), value("last_qty"), value("last_px"), fees)
        # By the venue's clock: ours may be set over midnight and back, and days do not come back.
        wall_ns = self.clock.venue_ns(source.lead, now)
        try:
            self.positions.fill(order.strategy, fill, wall_ns)
        except wire.LocalProtocolError as problem:
            text = f"{order.wire_id}: a fill is not in the position: {problem}"
            self.log("error", text, session=source.name)

    def _alert(self, source: Source, order: Order, ord_status: str) -> None:
        problem = contradiction(order.standing, ord_status)
        if problem is not None:
            self.log("error", f"{order.wire_id}: {problem}", session=source.name)

    def _why_refused(self, report: Values) -> str | None:
        """The reason of a report of REJECTED, by which a program can act."""
        return self.venue.reject_reason(report.value("venue_code"), report.value("text"))

    def _on_foreign(self, source: Source, report: Values, now: int) -> None:
        """An order of another session, or one of ours from a run that is no longer recalled."""
        wire_id, orig_wire_id = report.value("cl_ord_id"), report.value("orig_cl_ord_id")
        owner = self.venue.own(orig_wire_id or "") or self.venue.own(wire_id or "")
        if owner is not None and owner[2] >> COUNTER_BITS not in self._own_origins:
            owner = None  # another engine's
        strategy = None if owner is None else self.teller.strategies.by_number.get(owner[0])
        if strategy is None:
            self.foreign += 1
            return
        names = (report.value(name) for name in ("exec_type", "exec_id", "trade_id", "alloc_id"))
        key = report.value("symbol"), report.value("order_id"), report_key(*names)
        if key in self._foreign_told:
            return
        self._foreign_told[key] = None
        if len(self._foreign_told) > FOREIGN_TOLD_MAX:
            del self._foreign_told[next(iter(self._foreign_told))]
        text = f"a report of order {wire_id} that this run does not know; {strategy.name} is told"
        self.log("error", text, session=source.name)
        ids = "", None, wire_id, orig_wire_id
        is_refused = report.value("ord_status") == REJECTED
        reason = self._why_refused(report) if is_refused else None
        self.teller.report(strategy.number, source.name, report, ids, reason, now)

    def _on_cancel_reject(self, line: Line, report: Values, now: int) -> None:
        wire_id, orig_wire_id = report.value("cl_ord_id"), report.value("orig_cl_ord_id")
        cancel = self.orders.by_wire(wire_id)
        if cancel is not None and cancel.parts:
            # Of a cancel with an order in its place, it may come under the order's id.
            cancel = cancel.parts[0]
        if cancel is None or cancel.target is None:
            self.foreign += 1
            return
        code = report.value("venue_code")
        if number_of(code) in self.venue.unknown_codes:
            self._make_unknown(cancel, report.value("text") or "", code, now)
            return
        self.orders.finish(cancel, Standing.DONE)
        columns: list[Any] = [*self.teller.head(line.name, now), cancel.cl_ord_id]
        columns += [cancel.target.cl_ord_id, wire_id, orig_wire_id]
        columns += [*report.values(), tuple(report.extra)]
        event = OrderCancelReject(*columns)
        event.reject_reason = self.venue.reject_reason(code, event.text)
        self.teller.outcome(cancel, event, now)
        if event.reject_reason == RejectReason.UNKNOWN_ORDER and cancel.target.standing in ALIVE:
            self.orders.not_there(cancel.target, now)
        if cancel.stops and cancel.whole is not None and cancel.whole.standing not in FINAL:
            text = "not attempted: the cancel before it failed"
            self.answers.reject(line.name, cancel.whole, (None, None, text), now)

    def _on_broken(
        self, line: Line, message: wire.Message, problem: wire.RemoteProtocolError, now: int
    ) -> None:
        tags = fields.ORIG_CL_ORD_ID, fields.CL_ORD_ID, fields.SYMBOL, fields.ORDER_ID
        orig_id, cl_id, symbol, order_id = (peek_text(message, tag) for tag in tags)
        # An empty value is no id of an event.
        key = report_key(*(peek_text(message, tag) or None for tag in KEY_TAGS))
        self.on_unreadable(line, (orig_id, cl_id, symbol, order_id), key, str(problem), now)

    def on_unreadable(
        self,
        source: Source,
        ids: tuple[str, str, str, str],
        key: str | None,
        text: str,
        now: int,
    ) -> None:
        """A report that makes no sense: its order is unknown.

        ids: OrigClOrdID, ClOrdID, Symbol and OrderID, "" for none. key: its report_key.
        """
        self.log("error", text, session=source.name)
        orig_id, cl_id, symbol, order_id = ids
        order = (
            self.orders.by_wire(orig_id)
            or self.orders.by_wire(cl_id)
            or self.orders.by_order_id(symbol, order_id)
        )
        if order is not None and order.target is not None and order.standing in FINAL:
            # An amended order is known by the amend's id from then on.
            order = order.target
        # Another source may bring the same report whole, so it is not taken for seen.
        if order is not None and (order.see(f"broken {key}") or key is None):
            if order.is_order and order.standing in FINAL:
                self.orders.doubt(order)
            self._make_unknown(order, text, None, now)

    def _look_after_gap(
        self, source: Source, order: Order, transact_time: str | None, now: int
    ) -> None:
        """A report of an order that nobody watched for a while, or that is unknown.

        An eye tells of all that comes, and CumQty<14> of what came before. An acknowledgement may
        be as old as the order: whether a fill followed it that no line told of, it cannot say. No
        more can what happened before the eye was opened, as drop copy tells of a second later.
        """
        since_ns = source.venue_since_ns
        happened_ns = None if transact_time is None else _stamp_ns(transact_time)
        is_old = False
        if since_ns is not None and happened_ns is not None:
            is_old = happened_ns < since_ns
        if source.is_eye and not is_old:
            order.unwatched = False
        elif source.is_eye:
            text = f"told of what happened before {source.name} watched: ask the venue"
            self._make_unknown(order, text, None, now)
        elif order.unwatched:
            text = "acknowledged, but for a while nobody watched it: ask the venue"
            self._make_unknown(order, text, None, now)

    def _make_unknown(self, order: Order, reason: str, code: str | None, now: int) -> None:
        if order.standing in FINAL:
            # It stays over, whoever tells so late; nothing would ever follow an OrderUnknown.
            self.log("error", f"{order.wire_id} was {order.standing} before: {reason}")
            return
        self.orders.unknown(order)
        self.teller.unknown(order, reason, code, now)


def _stamp_ns(text: str) -> int | None:
    try:
        return wire.stamp_ns(text.encode())
    except wire.RemoteProtocolError:
        return None
