"""What a strategy may send, besides a new order."""

from __future__ import annotations

import msgspec

from fixengine.messages.amounts import Amount, decimal_text
from fixengine.messages.base import Message
from fixengine.messages.enums import (
    CancelReplaceMode,
    CancelRestrictions,
    MassCancelRequestType,
    OrderRateLimitExceededMode,
)
from fixengine.messages.orders import NewOrderSingle
from fixengine.messages.rules import check_choice


class Hello(Message):
    """First message on every new connection: binds this socket to a strategy.

    resume_from: the report_seq the strategy expects next; None takes what the engine offers.
    wants_sent: also deliver Sent once bytes of an order were given to TLS.
    token: the strategy's secret where the engine asks for one; masked in the journal.
    """

    strategy: str
    token: str | None = None
    resume_from: int | None = None
    wants_sent: bool = False
    client: str = ""


class OrderCancelRequest(Message):
    """A cancel (MsgType F) of one own order.

    cl_ord_id is the id of this request; orig_cl_ord_id the strategy's id of the order, or empty
    where order_id and symbol name it. The engine writes its own ids of that order and refuses the
    cancel of an order that it does not know, or whose order_id is another one. recv_window_ms: as
    of NewOrderSingle; here and in the other requests.
    """

    cl_ord_id: str = ""
    epoch: int = 0
    sent_ns: int = 0
    valid_for_ms: int = 0
    orig_cl_ord_id: str = ""
    symbol: str | None = None
    order_id: str | None = None
    cancel_restrictions: str | None = None
    recv_window_ms: int = 0


class OrderMassCancelRequest(Message):
    """A cancel (MsgType q) of every open order of the account in one symbol, lists included.

    The venue knows no strategies: it ends the orders of other programs and people too. The engine
    refuses it (not_yours) while another strategy has open orders in the symbol.
    """

    cl_ord_id: str = ""
    epoch: int = 0
    sent_ns: int = 0
    valid_for_ms: int = 0
    symbol: str = ""
    mass_cancel_request_type: str = MassCancelRequestType.CANCEL_SYMBOL_ORDERS.value
    recv_window_ms: int = 0


class OrderCancelRequestAndNewOrderSingle(Message):
    """A cancel and a new order in its place (MsgType XCN), in one message; see `replacing`.

    The venue cancels first, and each half has an answer of its own: that of the cancel comes under
    cancel_cl_ord_id, that of the new order under cl_ord_id. orig_cl_ord_id: the strategy's id of
    the order to cancel. order: what comes in its place; its own ids and times do not count.
    order_cancel_request_and_new_order_single_mode: a CancelReplaceMode.
    order_rate_limit_exceeded_mode: an OrderRateLimitExceededMode. cancel_restrictions: a
    CancelRestrictions.
    """

    cl_ord_id: str = ""
    epoch: int = 0
    sent_ns: int = 0
    valid_for_ms: int = 0
    orig_cl_ord_id: str = ""
    order: NewOrderSingle = msgspec.field(default_factory=NewOrderSingle)
    order_cancel_request_and_new_order_single_mode: str = CancelReplaceMode.STOP_ON_FAILURE.value
    order_rate_limit_exceeded_mode: str | None = None
    cancel_cl_ord_id: str = ""
    cancel_restrictions: str | None = None

    @property
    def symbol(self) -> str:
        """Of both halves: the venue takes no other."""
        return self.order.symbol

    @classmethod
    def replacing(
        cls,
        orig_cl_ord_id: str,
        order: NewOrderSingle,
        *,
        mode: str = CancelReplaceMode.STOP_ON_FAILURE,
        rate_limit_exceeded_mode: str | None = None,
        cancel_restrictions: str | None = None,
        cancel_cl_ord_id: str = "",
    ) -> OrderCancelRequestAndNewOrderSingle:
        """Cancel orig_cl_ord_id and place order, which the other constructors have made.

        Its cl_ord_id, where it has one, is the request's. Raises ValueError where the venue would
        refuse it whatever the symbol, and names the field; TypeError for an order that is none.
        """
        if not isinstance(order, NewOrderSingle):
            raise TypeError(f"order: expected NewOrderSingle, not {type(order).__name__}")
        if order.order_qty is None and order.cash_order_qty is None:
            raise ValueError("order_qty: an order that comes in the place of another needs it")
        if order.sor is not None:
            raise ValueError("sor: an order that comes in the place of another cannot be routed")
        if mode not in tuple(CancelReplaceMode):
            raise ValueError(f"mode: expected a CancelReplaceMode, got {mode!r}")
        limit_mode = rate_limit_exceeded_mode
        check_choice("rate_limit_exceeded_mode", limit_mode, OrderRateLimitExceededMode)
        check_choice("cancel_restrictions", cancel_restrictions, CancelRestrictions)
        return cls(
            cl_ord_id=order.cl_ord_id,
            valid_for_ms=order.valid_for_ms,
            orig_cl_ord_id=orig_cl_ord_id,
            order=order,
            order_cancel_request_and_new_order_single_mode=mode,
            order_rate_limit_exceeded_mode=limit_mode,
            cancel_cl_ord_id=cancel_cl_ord_id,
            cancel_restrictions=cancel_restrictions,
        )


class OrderAmendKeepPriorityRequest(Message):
    """Make an own order smaller (MsgType XAK); it keeps its place in the queue. See `to`.

    cl_ord_id is the id of this request; orig_cl_ord_id the strategy's id of the order. order_qty:
    the new total quantity, what was filled included; smaller than the present one.
    """

    cl_ord_id: str = ""
    epoch: int = 0
    sent_ns: int = 0
    valid_for_ms: int = 0
    orig_cl_ord_id: str = ""
    order_qty: str = ""
    recv_window_ms: int = 0

    @classmethod
    def to(cls, orig_cl_ord_id: str, order_qty: Amount) -> OrderAmendKeepPriorityRequest:
        """Make orig_cl_ord_id an order of order_qty in all.

        Raises TypeError or ValueError for an amount that is none, or nothing.
        """
        text = decimal_text(order_qty, "order_qty")
        if not text.strip("0."):
            raise ValueError(f"order_qty: {text}; to end an order, cancel it")
        return cls(orig_cl_ord_id=orig_cl_ord_id, order_qty=text)


class Ack(Message):
    """The strategy has processed every event up to and including report_seq."""

    report_seq: int


class SnapshotRequest(Message):
    """Ask for a Snapshot. request_id: comes back in each part of the answer."""

    request_id: int


class BalancesRequest(Message):
    """Ask for Balances. request_id: comes back in the answer."""

    request_id: int


class InstrumentRequest(Message):
    """Ask for an Instrument. request_id: comes back in the answer."""

    request_id: int
    symbol: str


class LimitQuery(Message):
    """Ask for a LimitResponse (MsgType XLQ). request_id: comes back in the answer."""

    request_id: int
