"""The venue's answers as named values: what stands in each ExecutionReport and OrderCancelReject.

Which fields a report has follows the venue's own captures (spec section 10.1) and, where those are
silent, the defaults of spec section 22.3. Values are the text of the wire; names are those of the
venue table, so that a Template can write them as they are.

A report of an order that may rest says WorkingIndicator and WorkingTime from its first report on;
IOC, FOK and MARKET orders never stand on the book and never say so. A stop says neither while it
waits. Once it is set off a second report with ExecType NEW says both, whatever it became.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.venue import Window
from fixengine.messages import MiscFee
from fixengine.simulator.accounts import Account, PlacedOrder, Wait
from fixengine.simulator.instruments import text_of
from fixengine.simulator.orders import TRIGGER_FIELDS, Terms
from fixengine.simulator.refusals import Refusal

ZERO = text_of(0)
STP_NONE = "1"
EXCHANGE_FEES = "4"
NO_GROUP = "-1"

NEW, PARTIALLY_FILLED, FILLED, CANCELED, REJECTED, EXPIRED = "0", "1", "2", "4", "8", "C"
PENDING_NEW = "A"
TRADE, REPLACED = "F", "5"
ORDER_LIMIT, MESSAGE_LIMIT = "1", "2"
NONE_OF_SYMBOL, ALL_OF_SYMBOL = "0", "1"
REFUSED_LATER, OTHER_OF_PAIR, PHASE_ONE_EXPIRED = "1", "3", "4"
UNFILLED_IOC, UNFILLED_FOK, NO_LIQUIDITY = "5", "6", "7"

ECHO = (
    "cl_ord_id",
    "ord_type",
    "side",
    "symbol",
    "exec_inst",
    "trigger_type",
    "trigger_action",
    "trigger_price",
    "trigger_price_type",
    "trigger_price_direction",
    "trigger_trailing_delta_bips",
    "peg_offset_value",
    "peg_price_type",
    "peg_move_type",
    "peg_offset_type",
    "time_in_force",
    "self_trade_prevention_mode",
)


class Answer(NamedTuple):
    """One message of the venue.

    account: whose. kind: MsgType. values: by the names of the venue table. ack: it answers the
    request that is being carried out, so the session that asked gets it in any ResponseMode.
    push: every session of the account with ResponseMode EVERYTHING gets it.
    """

    account: Account
    kind: bytes
    values: dict[str, Any]
    ack: bool = False
    push: bool = True


class Match(NamedTuple):
    """One side of a match. takes: this side was the aggressor."""

    exec_id: int
    trade_id: int
    price: int
    quantity: int
    takes: bool


class Prevented(NamedTuple):
    """One side of a match that self-trade prevention kept from happening.

    price, quantity: of that match. counter_order_id: the other order. last_qty: what this order has
    lost by it.
    """

    match_id: int
    price: int
    quantity: int
    counter_order_id: int
    last_qty: int


def utc(now: int) -> str:
    """Wall clock ns -> the text of a UTC timestamp with microseconds."""
    return wire.stamp(now).decode("ascii")


def status(order: PlacedOrder) -> str:
    """OrdStatus<39> of an order that is not canceled or expired."""
    return _open_status(order) if order.leaves_qty else FILLED


def columns(
    request: Any, order_id: int, terms: Terms, works: bool, now: str
) -> dict[str, str | None]:
    """What every report of an accepted order repeats; request is its NewOrderSingle.

    works: it may rest, and nothing has to set it off first.
    """
    return {
        "order_id": str(order_id),
        "order_qty": _optional(terms.quantity),
        "ord_type": request.ord_type,
        "side": request.side,
        "symbol": request.symbol,
        "exec_inst": request.exec_inst,
        "price": _optional(terms.price),
        **{name: getattr(request, name) for _, name in TRIGGER_FIELDS},
        "trigger_price": _optional(terms.trigger_price),
        "time_in_force": request.time_in_force,
        "order_creation_time": now,
        "max_floor": _optional(terms.max_floor),
        "cash_order_qty": _optional(terms.cash),
        "target_strategy": request.target_strategy,
        "strategy_id": request.strategy_id,
        "self_trade_prevention_mode": request.self_trade_prevention_mode or STP_NONE,
        "prevented_qty": None,
        "working_time": now if works else None,
    }


def accepted(order: PlacedOrder, exec_id: int, now: str) -> Answer:
    """ExecType NEW."""
    values = _report(order, exec_id, NEW, _open_status(order), now)
    values["leaves_qty"] = text_of(order.leaves_qty)
    if order.columns["working_time"] is not None:
        values["working_indicator"] = "Y"
    return Answer(order.account, fields.EXECUTION_REPORT, values, ack=True)


def started(order: PlacedOrder, exec_id: int, now: str) -> Answer:
    """ExecType NEW once more: an order that waited works from now on."""
    order.columns["working_time"] = now
    return accepted(order, exec_id, now)._replace(ack=False)


def traded(order: PlacedOrder, match: Match, fee: tuple[int, str], now: str) -> Answer:
    """ExecType TRADE; the order has already counted the match. fee: amount and asset."""
    values = _report(order, match.exec_id, TRADE, status(order), now)
    values["leaves_qty"] = text_of(order.leaves_qty)
    values["trade_id"] = str(match.trade_id)
    values["last_px"] = text_of(match.price)
    values["last_qty"] = text_of(match.quantity)
    values["aggressor_indicator"] = "Y" if match.takes else "N"
    if order.may_rest and order.leaves_qty:
        values["working_indicator"] = "Y"
    if fee[0]:
        values["misc_fees"] = (MiscFee(text_of(fee[0]), fee[1], EXCHANGE_FEES),)
    return Answer(order.account, fields.EXECUTION_REPORT, values)


def expired(order: PlacedOrder, exec_id: int, reason: str | None, now: str) -> Answer:
    """ExecType EXPIRED: nothing of the order is left. reason: None where the venue has none."""
    values = _report(order, exec_id, EXPIRED, EXPIRED, now)
    values["expiry_reason"] = reason
    return Answer(order.account, fields.EXECUTION_REPORT, values)


def prevented(
    order: PlacedOrder, exec_id: int, event: Prevented, exec_type: str, now: str
) -> Answer:
    """What self-trade prevention has left of an order: nothing, or less than before."""
    values = _report(order, exec_id, exec_type, status(order) if order.leaves_qty else EXPIRED, now)
    values["leaves_qty"] = text_of(order.leaves_qty)
    if order.may_rest and order.leaves_qty:
        values["working_indicator"] = "Y"
    values.update(
        prevented_match_id=str(event.match_id),
        prevented_execution_price=text_of(event.price),
        prevented_execution_qty=text_of(event.quantity),
        trade_group_id=NO_GROUP,
        counter_symbol=order.instrument.symbol,
        counter_order_id=str(event.counter_order_id),
        last_prevented_qty=text_of(event.last_qty),
    )
    return Answer(order.account, fields.EXECUTION_REPORT, values)


def canceled(order: PlacedOrder, exec_id: int, orig_cl_ord_id: str, now: str) -> Answer:
    """ExecType CANCELED by the client; the order already has the id of the cancel."""
    values = _report(order, exec_id, CANCELED, CANCELED, now)
    values["orig_cl_ord_id"] = orig_cl_ord_id
    return Answer(order.account, fields.EXECUTION_REPORT, values, ack=True)


def replaced(order: PlacedOrder, exec_id: int, orig_cl_ord_id: str, now: str) -> Answer:
    """ExecType REPLACED: the order has its new id and quantity, and may have nothing left."""
    values = _report(order, exec_id, REPLACED, _open_status(order), now)
    values["orig_cl_ord_id"] = orig_cl_ord_id
    values["leaves_qty"] = text_of(order.leaves_qty)
    if order.leaves_qty and order.waits is None:
        values["working_indicator"] = "Y"
    return Answer(order.account, fields.EXECUTION_REPORT, values, ack=True)


def refused(account: Account, request: Any, terms: Terms, refusal: Refusal, now: int) -> Answer:
    """ExecType REJECTED: for the session that asked and nobody else. now: wall clock ns."""
    values = {name: getattr(request, name) for name in ECHO}
    values.update(
        order_qty=_optional(terms.quantity),
        price=_optional(terms.price),
        trigger_price=_optional(terms.trigger_price),
        transact_time=utc(now),
        exec_type=REJECTED,
        ord_status=REJECTED,
        cum_qty=ZERO,
        last_qty=ZERO,
        ord_rej_reason="99",
        venue_code=str(refusal.code),
        text=refusal.text,
    )
    return Answer(account, fields.EXECUTION_REPORT, values, ack=True, push=False)


def cancel_refused(account: Account, request: Any, cl_ord_id: str, refusal: Refusal) -> Answer:
    """OrderCancelReject: for the session that asked and nobody else.

    request: the cancel, or a replacement, which can name no list. cl_ord_id: of the cancel.
    """
    values = {
        "cl_ord_id": cl_ord_id,
        "orig_cl_ord_id": request.orig_cl_ord_id,
        "order_id": request.order_id,
        "orig_cl_list_id": getattr(request, "orig_cl_list_id", None),
        "list_id": getattr(request, "list_id", None),
        "symbol": request.symbol,
        "cancel_restrictions": request.cancel_restrictions,
        "cxl_rej_response_to": "1",
        "venue_code": str(refusal.code),
        "text": refusal.text,
    }
    return Answer(account, fields.ORDER_CANCEL_REJECT, values, ack=True, push=False)


def amend_refused(account: Account, request: Any, quantity: int, refusal: Refusal) -> Answer:
    """OrderAmendReject: for the session that asked and nobody else."""
    values = {
        "cl_ord_id": request.cl_ord_id,
        "orig_cl_ord_id": request.orig_cl_ord_id,
        "order_id": request.order_id,
        "symbol": request.symbol,
        "order_qty": text_of(quantity),
        "venue_code": str(refusal.code),
        "text": refusal.text,
    }
    return Answer(account, fields.ORDER_AMEND_REJECT, values, ack=True, push=False)


def mass_canceled(account: Account, request: Any, count: int) -> Answer:
    """OrderMassCancelReport behind the reports of so many orders; for the session that asked."""
    return _mass_cancel_report(account, request, ALL_OF_SYMBOL, total_affected_orders=count)


def mass_cancel_refused(account: Account, request: Any, refusal: Refusal) -> Answer:
    """OrderMassCancelReport: for the session that asked."""
    return _mass_cancel_report(
        account,
        request,
        NONE_OF_SYMBOL,
        mass_cancel_reject_reason="99",
        venue_code=str(refusal.code),
        text=refusal.text,
    )


def _mass_cancel_report(account: Account, request: Any, response: str, **more: object) -> Answer:
    values = {
        "symbol": request.symbol,
        "cl_ord_id": request.cl_ord_id,
        "mass_cancel_request_type": request.mass_cancel_request_type,
        "mass_cancel_response": response,
        **more,
    }
    return Answer(account, fields.ORDER_MASS_CANCEL_REPORT, values, ack=True, push=False)


class Indicator(NamedTuple):
    """One entry of LimitResponse, by the names of the venue table."""

    limit_type: str
    limit_count: int
    limit_max: int
    limit_reset_interval: int
    limit_reset_interval_resolution: str


def indicator(limit_type: str, window: Window, count: int) -> Indicator:
    """How much of a limit is used. The interval is the venue's own, at any time scale."""
    interval, unit = window.name.split()
    return Indicator(limit_type, count, window.count_max, int(interval), unit[0].lower())


def _open_status(order: PlacedOrder) -> str:
    """OrdStatus<39> of an order that has not ended."""
    if order.waits is Wait.RELEASE:
        return PENDING_NEW
    return PARTIALLY_FILLED if order.cum_qty else NEW


def _report(
    order: PlacedOrder, exec_id: int, exec_type: str, ord_status: str, now: str
) -> dict[str, Any]:
    return {
        **order.columns,
        "exec_id": str(exec_id),
        "cl_ord_id": order.cl_ord_id,
        "transact_time": now,
        "exec_type": exec_type,
        "ord_status": ord_status,
        "cum_qty": text_of(order.cum_qty),
        "leaves_qty": ZERO,
        "cum_quote_qty": text_of(order.cum_quote_qty),
        "aggressor_indicator": "Y",
        "last_qty": ZERO,
        "trailing_time": None if order.trigger is None else order.trigger.since,
    }


def _optional(value: int | None) -> str | None:
    return None if value is None else text_of(value)
