"""What a strategy may receive."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fixengine.messages.base import Message
from fixengine.messages.lists import ListTriggeringInstruction
from fixengine.messages.orders import NewOrderSingle


class Welcome(Message):
    """The engine's answer to Hello.

    next_seq: report_seq of the event that follows; it rules. engine_now_ns: the engine's
    monotonic clock when this was written. state: "ready" or "recovering". heartbeat_ms: the engine
    wants to hear something that often, a Heartbeat where there is nothing else; 0: it does not.
    """

    strategy: str
    strategy_number: int
    epoch: int
    next_seq: int
    engine_now_ns: int
    state: str
    valid_for_ms_max: int = 0
    session_state: str = ""
    heartbeat_ms: int = 0


class MiscFee(msgspec.Struct, array_like=True, gc=False):
    """One entry of the fee group (NoMiscFees<136>)."""

    misc_fee_amt: str
    misc_fee_curr: str
    misc_fee_type: str | None = None


class ExecutionReport(Message):
    """What became of an order (MsgType 8), with the engine's columns first.

    report_seq, epoch: the strategy's report number and the engine's run. source: SenderCompID of
    the session it came on. replayed: delivered again after a reconnect. received_ns: engine's
    monotonic clock when the bytes arrived. cl_ord_id, orig_cl_ord_id: the strategy's ids;
    wire_…: the ids on the wire. A Reject<3> by the venue is turned into exec_type "8" with
    ord_status "8". extra: fields this version does not know, as (tag, bytes). reject_reason: why it
    was refused, a RejectReason or FILTER and a filter's name; here and in the events below.
    """

    report_seq: int
    epoch: int
    source: str
    replayed: bool
    received_ns: int
    cl_ord_id: str
    orig_cl_ord_id: str | None
    wire_cl_ord_id: str | None
    wire_orig_cl_ord_id: str | None
    symbol: str
    exec_type: str
    ord_status: str
    msg_seq_num: int | None = None
    sending_time: str | None = None
    exec_id: str | None = None
    order_id: str | None = None
    order_qty: str | None = None
    ord_type: str | None = None
    side: str | None = None
    exec_inst: str | None = None
    price: str | None = None
    trigger_type: str | None = None
    trigger_action: str | None = None
    trigger_price: str | None = None
    trigger_price_type: str | None = None
    trigger_price_direction: str | None = None
    trigger_trailing_delta_bips: str | None = None
    peg_offset_value: str | None = None
    peg_price_type: str | None = None
    peg_move_type: str | None = None
    peg_offset_type: str | None = None
    pegged_price: str | None = None
    time_in_force: str | None = None
    transact_time: str | None = None
    order_creation_time: str | None = None
    max_floor: str | None = None
    list_id: str | None = None
    cash_order_qty: str | None = None
    target_strategy: str | None = None
    strategy_id: str | None = None
    self_trade_prevention_mode: str | None = None
    cum_qty: str | None = None
    leaves_qty: str | None = None
    cum_quote_qty: str | None = None
    aggressor_indicator: str | None = None
    trade_id: str | None = None
    last_px: str | None = None
    last_qty: str | None = None
    alloc_id: str | None = None
    match_type: str | None = None
    working_floor: str | None = None
    working_indicator: str | None = None
    working_time: str | None = None
    trailing_time: str | None = None
    prevented_match_id: str | None = None
    prevented_execution_price: str | None = None
    prevented_execution_qty: str | None = None
    trade_group_id: str | None = None
    counter_symbol: str | None = None
    counter_order_id: str | None = None
    prevented_qty: str | None = None
    last_prevented_qty: str | None = None
    sor: str | None = None
    misc_fees: tuple[MiscFee, ...] = ()
    ord_rej_reason: str | None = None
    venue_code: str | None = None
    text: str | None = None
    expiry_reason: str | None = None
    extra: tuple[tuple[int, bytes], ...] = ()
    reject_reason: str | None = None


class OrderCancelReject(Message):
    """The venue refused a cancel (MsgType 9, or a Reject<3> that names the cancel)."""

    report_seq: int
    epoch: int
    source: str
    replayed: bool
    received_ns: int
    cl_ord_id: str
    orig_cl_ord_id: str | None
    wire_cl_ord_id: str | None
    wire_orig_cl_ord_id: str | None
    symbol: str | None = None
    msg_seq_num: int | None = None
    sending_time: str | None = None
    order_id: str | None = None
    orig_cl_list_id: str | None = None
    list_id: str | None = None
    cancel_restrictions: str | None = None
    cxl_rej_response_to: str | None = None
    venue_code: str | None = None
    text: str | None = None
    extra: tuple[tuple[int, bytes], ...] = ()
    reject_reason: str | None = None


class OrderMassCancelReport(Message):
    """The venue's answer to a mass cancel (MsgType r, or a Reject<3> that names it).

    mass_cancel_response: a MassCancelResponse; "0" says that it was refused. Each cancelled order
    has its own ExecutionReport.
    """

    report_seq: int
    epoch: int
    source: str
    replayed: bool
    received_ns: int
    cl_ord_id: str
    wire_cl_ord_id: str
    symbol: str
    mass_cancel_response: str
    msg_seq_num: int | None = None
    sending_time: str | None = None
    mass_cancel_request_type: str | None = None
    mass_cancel_reject_reason: str | None = None
    total_affected_orders: int | None = None
    venue_code: str | None = None
    text: str | None = None
    extra: tuple[tuple[int, bytes], ...] = ()
    reject_reason: str | None = None


class OrderAmendReject(Message):
    """The venue refused to amend an order (MsgType XAR, or a Reject<3> that names the amend)."""

    report_seq: int
    epoch: int
    source: str
    replayed: bool
    received_ns: int
    cl_ord_id: str
    orig_cl_ord_id: str | None
    wire_cl_ord_id: str | None
    wire_orig_cl_ord_id: str | None
    symbol: str | None = None
    msg_seq_num: int | None = None
    sending_time: str | None = None
    order_id: str | None = None
    order_qty: str | None = None
    venue_code: str | None = None
    text: str | None = None
    extra: tuple[tuple[int, bytes], ...] = ()
    reject_reason: str | None = None


class ListedOrderStatus(msgspec.Struct, array_like=True, gc=False):
    """An order in a ListStatus. cl_ord_id: the strategy's id, empty where it is not an own order.

    ord_rej_reason, venue_code and text: of an order for which the list was refused.
    """

    cl_ord_id: str
    wire_cl_ord_id: str
    symbol: str
    order_id: str | None = None
    list_triggering_instructions: tuple[ListTriggeringInstruction, ...] = ()
    ord_rej_reason: str | None = None
    venue_code: str | None = None
    text: str | None = None
    reject_reason: str | None = None


class ListStatus(Message):
    """How an order list stands (MsgType N, or a Reject<3> that names the list).

    list_status_type: a ListStatusType. list_order_status: a ListOrderStatus; REJECT says that the
    list, or its cancel, was refused. Each order has its own ExecutionReports, but in a list that
    was refused: then this is the answer for all of them, and reject_reason that of the first order
    which has one, where the venue says why at each.
    """

    report_seq: int
    epoch: int
    source: str
    replayed: bool
    received_ns: int
    cl_list_id: str
    wire_cl_list_id: str
    list_status_type: str
    list_order_status: str
    msg_seq_num: int | None = None
    sending_time: str | None = None
    symbol: str | None = None
    list_id: str | None = None
    orig_cl_list_id: str | None = None
    contingency_type: str | None = None
    list_reject_reason: str | None = None
    transact_time: str | None = None
    ord_rej_reason: str | None = None
    venue_code: str | None = None
    text: str | None = None
    orders: tuple[ListedOrderStatus, ...] = ()
    extra: tuple[tuple[int, bytes], ...] = ()
    reject_reason: str | None = None


class Sent(Message):
    """The bytes of a request were given to TLS; nothing was heard from the venue yet."""

    report_seq: int
    epoch: int
    source: str
    replayed: bool
    received_ns: int
    cl_ord_id: str
    wire_cl_ord_id: str
    msg_seq_num: int
    sent_ns: int


class Refused(Message):
    """A request never left the engine: nothing was consumed and its id may be used again.

    reason: a RefusedReason. report_seq is 0 where the socket is bound to no strategy.
    """

    report_seq: int
    epoch: int
    source: str
    replayed: bool
    received_ns: int
    cl_ord_id: str
    reason: str
    text: str
    retry_after_ms: int | None = None


class OrderUnknown(Message):
    """An order or cancel left the engine and its outcome is not known. It may be live."""

    report_seq: int
    epoch: int
    source: str
    replayed: bool
    received_ns: int
    cl_ord_id: str
    wire_cl_ord_id: str | None
    reason: str
    venue_code: str | None = None


class SessionStatus(Message):
    """State of a venue session (SessionState) changed.

    source: its SenderCompID. state: its state. engine_state: that of the engine as a whole, active
    while at least one session carries orders; empty from an engine that does not say.
    """

    report_seq: int
    epoch: int
    source: str
    replayed: bool
    received_ns: int
    state: str
    text: str = ""
    engine_state: str = ""


class Gap(Message):
    """Events missing_from..missing_to (inclusive) can no longer be delivered."""

    report_seq: int
    epoch: int
    source: str
    replayed: bool
    received_ns: int
    missing_from: int
    missing_to: int
    text: str = ""


class OpenOrder(msgspec.Struct, array_like=True, gc=False):
    """An order that is not over, as the engine knows it.

    standing: "pending", "written", "pending_new", "new", "replaced", "partially_filled" or
    "unknown"; in a part of a Snapshot also how an order ended that an earlier part named. order: as
    it was submitted. report: the last that told of it, None before the first.
    """

    cl_ord_id: str
    wire_cl_ord_id: str
    standing: str
    order: NewOrderSingle
    report: ExecutionReport | None = None


class Position(msgspec.Struct, array_like=True, gc=False):
    """What a strategy's fills of one day (UTC) in one symbol sum up to, exact.

    bought, sold: of the base asset, fees not taken off. paid, received: of the quote asset. fees:
    (currency, amount) of each; in the base asset they make the position smaller, see `net`.
    """

    symbol: str
    bought: str
    sold: str
    paid: str
    received: str
    fees: tuple[tuple[str, str], ...] = ()

    def net(self, base_asset: str) -> Decimal:
        """Bought less sold less the fees taken in the base asset, which the caller names."""
        fees = sum((Decimal(fee) for name, fee in self.fees if name == base_asset), Decimal())
        return Decimal(self.bought) - Decimal(self.sold) - fees


class Snapshot(Message):
    """A part of what a strategy owns, or (from a client) all of it. Carries no report_seq.

    An order in a later part replaces the same in an earlier one. is_last: the answer is complete;
    positions come with it. next_seq: in the last, events with lower numbers are in it already,
    whether they were read or not, and none with higher ones is.
    """

    request_id: int
    epoch: int
    next_seq: int
    is_last: bool
    orders: tuple[OpenOrder, ...] = ()
    positions: tuple[Position, ...] = ()


class Balance(msgspec.Struct, array_like=True, gc=False):
    """What the account has of one asset: free, and locked by open orders; the venue's text."""

    asset: str
    free: str
    locked: str


class Balances(Message):
    """What the account has, or why that cannot be told. Carries no report_seq.

    source: "rest", or "user_data" where the user data stream told last. update_time: when the
    account changed last, by the venue's clock. received_ns: when the source told it, by the
    engine's monotonic clock. balances: assets of which there is anything. problem: why there is no
    answer; empty where there is one.
    """

    request_id: int
    epoch: int
    source: str = ""
    update_time: str | None = None
    received_ns: int = 0
    balances: tuple[Balance, ...] = ()
    problem: str = ""


class LimitIndicator(msgspec.Struct, array_like=True, gc=False):
    """One limit of the venue: limit_count of limit_max are used.

    limit_type: "1" orders that are not filled, "2" messages of the session that asked. It begins
    anew every limit_reset_interval of limit_reset_interval_resolution, "s", "m", "h" or "d".
    """

    limit_type: str
    limit_count: int
    limit_max: int
    limit_reset_interval: int | None = None
    limit_reset_interval_resolution: str | None = None


class LimitResponse(Message):
    """What the venue counts (MsgType XLR), or why that cannot be told. Carries no report_seq.

    source: SenderCompID of the session that asked. received_ns: when it was told, by the engine's
    monotonic clock. problem: why there is no answer; empty where there is one.
    """

    request_id: int
    epoch: int
    source: str = ""
    received_ns: int = 0
    limit_indicators: tuple[LimitIndicator, ...] = ()
    problem: str = ""
