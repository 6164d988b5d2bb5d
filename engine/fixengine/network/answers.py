"""Answers of the venue that are not about one order's life: rejects, and reports of mass cancels.

A list status is the answer to a list, and later tells how the list stands.

Each ends the request that it answers, and becomes one event. What carries the code of an unknown
outcome makes the request unknown and is never taken for a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fixengine.desk.orders import Kind, Order, Orders
from fixengine.desk.standings import FINAL, Standing
from fixengine.fix import fields
from fixengine.fix.venue import Venue
from fixengine.messages import (
    ExecType,
    ExecutionReport,
    ListedOrderStatus,
    ListOrderStatus,
    ListStatus,
    ListStatusType,
    ListTriggeringInstruction,
    MassCancelResponse,
    OrderAmendReject,
    OrderCancelReject,
    OrderMassCancelReport,
    OrdStatus,
    RejectReason,
)
from fixengine.network.line import Line, Source, wire_columns
from fixengine.network.teller import Teller
from fixengine.network.values import Values

AMEND_REJECT_COLUMNS = wire_columns(OrderAmendReject)
LIST_STATUS_COLUMNS = wire_columns(ListStatus)[:-1]
"""All but its orders."""
MASS_CANCEL_COLUMNS = wire_columns(OrderMassCancelReport, 7)
Rejected = tuple[int | None, str | None, str]
"""MsgSeqNum<34> of the message, ErrorCode<25016>, Text<58>."""


class Answers:
    """See the module's top. unknown: makes a request unknown, by (order, text, code, now).

    foreign: answers to nobody we know.
    """

    def __init__(
        self,
        orders: Orders,
        teller: Teller,
        unknown: Callable[[Order, str, str | None, int], None],
        venue: Venue,
    ) -> None:
        self.orders = orders
        self.teller = teller
        self.foreign = 0
        self._unknown = unknown
        self._unknown_codes = venue.unknown_codes
        self._reason = venue.reject_reason

    def on_answer(self, line: Line, kind: bytes, answer: Values, now: int) -> None:
        """An OrderAmendReject, OrderMassCancelReport or ListStatus."""
        if kind == fields.LIST_STATUS:
            self._on_list_status(line, answer, now)
            return
        wire_id = answer.value("cl_ord_id")
        request = self.orders.by_wire(wire_id)
        wanted = Kind.AMEND if kind == fields.ORDER_AMEND_REJECT else Kind.MASS_CANCEL
        if request is None or request.kind is not wanted:
            self.foreign += 1
            return
        code = answer.value("venue_code")
        if number_of(code) in self._unknown_codes:
            self._unknown(request, answer.value("text") or "", code, now)
            return
        self.orders.finish(request, Standing.DONE)
        head = *self.teller.head(line.name, now), request.cl_ord_id
        event: OrderAmendReject | OrderMassCancelReport
        if request.target is not None:
            ids = request.target.cl_ord_id, wire_id, answer.value("orig_cl_ord_id")
            columns = [answer.value(name) for name in AMEND_REJECT_COLUMNS]
            event = OrderAmendReject(*[*head, *ids, *columns, tuple(answer.extra)])
        else:
            columns = [answer.value(name) for name in MASS_CANCEL_COLUMNS]
            event = OrderMassCancelReport(*[*head, wire_id, *columns, tuple(answer.extra)])
        event.reject_reason = self._reason(code, event.text)
        self.teller.outcome(request, event, now)

    def reject(self, source: str, request: Order, why: Rejected, now: int) -> None:
        """The venue has refused a request, and said so without the words of its kind."""
        head = *self.teller.head(source, now), request.cl_ord_id
        target = request.target
        ids = None if target is None else target.cl_ord_id, request.wire_id, None
        event: Any
        if request.is_order:
            states = ExecType.REJECTED.value, OrdStatus.REJECTED.value
            event = ExecutionReport(*head, *ids, request.symbol, *states)
        elif request.kind is Kind.AMEND:
            event = OrderAmendReject(*head, *ids, request.symbol)
        elif request.kind is Kind.MASS_CANCEL:
            rejected = MassCancelResponse.CANCEL_REQUEST_REJECTED.value
            event = OrderMassCancelReport(*head, request.wire_id, request.symbol, rejected)
        elif request.kind is Kind.LIST:
            self._reject_list(head, request, why, now)
            return
        else:
            event = OrderCancelReject(*head, *ids, request.symbol)
        self._say_why(event, why)
        self.orders.finish(request, Standing.REJECTED if request.is_order else Standing.DONE)
        self.teller.outcome(request, event, now)

    def _reject_list(self, head: Any, whole: Order, why: Rejected, now: int) -> None:
        """One event answers for the list and for its orders."""
        states = ListStatusType.RESPONSE.value, ListOrderStatus.REJECT.value
        orders = tuple(
            ListedOrderStatus(part.cl_ord_id, part.wire_id, part.symbol) for part in whole.parts
        )
        event = ListStatus(*[*head, whole.wire_id, *states])
        event.orders = orders
        self._say_why(event, why)
        self._end_list(whole, whole.parts, event, now)

    def _say_why(self, event: Any, why: Rejected) -> None:
        event.msg_seq_num, event.venue_code, event.text = why
        reason = RejectReason.NOT_ATTEMPTED.value
        if event.venue_code is not None:
            reason = self._reason(event.venue_code, event.text) or reason
        event.reject_reason = reason

    def _end_list(self, whole: Order, parts: Sequence[Order], event: ListStatus, now: int) -> None:
        self.orders.finish(whole, Standing.DONE)
        for part in parts:
            self.orders.finish(part, Standing.REJECTED)
        payload = self.teller.outcome(whole, event, now)
        for part in parts:
            part.outcome = payload

    def _on_list_status(self, line: Line, status: Values, now: int) -> None:
        wire_ids = status.value("cl_list_id"), status.value("orig_cl_list_id")
        rows = status.value("orders") or ()
        named = (self.orders.by_wire(wire_id) for wire_id in reversed(wire_ids))
        whole = next((one for one in named if one is not None and one.kind is Kind.LIST), None)
        if whole is None:
            # Of others, or forgotten for long: then the orders' own reports have to do.
            self.foreign += 1
            return
        found = [self.orders.by_wire(row[0]) for row in rows]
        parts = whole.parts or tuple(part for part in found if part is not None)
        states = status.value("list_status_type"), status.value("list_order_status")
        key = list_status_key(*states, status.value("transact_time"))
        if key in whole.seen:
            return
        codes = {status.value("venue_code"), *(row[5] for row in rows)} - {None}
        for code in codes:
            if number_of(code) in self._unknown_codes:
                for request in (whole, *parts):
                    self._unknown(request, status.value("text") or "", code, now)
                return
        whole.see(key)
        columns = [status.value(name) for name in LIST_STATUS_COLUMNS]
        orders = tuple(self._listed(row) for row in rows)
        head = *self.teller.head(line.name, now), whole.cl_ord_id, whole.wire_id
        event = ListStatus(*[*head, *states, *columns, orders, tuple(status.extra)])
        # Where the venue says why at each order, the first one's reason is the list's.
        reasons = (self._reason(event.venue_code, event.text), *(o.reject_reason for o in orders))
        event.reject_reason = next((one for one in reasons if one is not None), None)
        if refuses(states[1], parts):
            self._end_list(whole, parts, event, now)
        else:
            self.orders.finish(whole, Standing.DONE)
            self.teller.outcome(whole, event, now)

    def _listed(self, row: Any) -> ListedOrderStatus:
        """row: of the table's LISTED_ORDER."""
        wire_id, symbol, order_id, instructions, *refused = row
        order = self.orders.by_wire(wire_id)
        own_id = "" if order is None else order.cl_ord_id
        found = tuple(ListTriggeringInstruction(*one) for one in instructions or ())
        reason = self._reason(refused[1], refused[2])
        names = own_id, wire_id, symbol, order_id, found
        return ListedOrderStatus(*[*names, *refused, reason])

    def not_attempted(self, source: Source, order: Order, now: int) -> None:
        """An order that was to come in the place of another was refused.

        The venue cancels first and tells that first. Where nothing was told of the cancel on the
        session that has the answers, it refused both before it did either.
        """
        for part in order.parts:
            if part.standing not in FINAL and getattr(source, "number", -1) == part.line:
                text = "not attempted: the order in its place was refused before"
                self.reject(source.name, part, (None, None, text), now)


def list_status_key(list_status_type: str, list_order_status: str, time: str | None) -> str:
    """What names a ListStatus among those of one list, on whichever session it comes."""
    return f"N{list_status_type} {list_order_status} {time}"


def refuses(list_order_status: str, parts: Sequence[Order]) -> bool:
    """Whether a ListStatus refuses the list itself; where its orders are known it was a cancel."""
    return list_order_status == ListOrderStatus.REJECT and all(
        part.order_id is None and part.standing not in FINAL for part in parts
    )


def number_of(text: str | None) -> int | None:
    """An ErrorCode<25016> as a number, None where it is none."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
