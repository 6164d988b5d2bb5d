"""The vocabulary on the bus between strategies and the engine.

Every message is a tagged, array-shaped msgspec Struct, so a message is one msgpack array whose
first element is its name. The structs are append-only: a new field goes last and has a default,
which lets an old strategy talk to a new engine and the other way round.

Field names are FIX's own, in snake case; values are the FIX characters and the venue's text.
Prices and quantities are plain decimal text from end to end and never float. The enumerations
below are constants to compare with, not types of fields: a value that a venue adds tomorrow
must reach the strategy, not be refused by a decoder.

Direction: `Request` is what a strategy may send, `Event` what it may receive. Every event but
Welcome and Heartbeat carries `report_seq`, the strategy's own report number: it starts at 1,
rises by one, and goes on over restarts of the engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, get_args

import msgspec

PLAIN_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?\Z")
CL_ORD_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}\Z")
STRATEGY_NAME = re.compile(r"[a-zA-Z0-9_-]{1,32}\Z")
REPORT_SEQ_MAX = (1 << 63) - 1
MESSAGE_BYTES_MAX = 1 << 12
"""Bytes of one message of a strategy; an order takes some 200. libzmq cuts off who sends more."""

Amount = str | int | Decimal
"""What constructors take for a price or a quantity; a float is refused."""

AMOUNT_CHARACTERS_MAX = 64
AMOUNT_CHARACTERS_SHOWN = 40
"""How much of a wrong amount an error repeats."""


class Side(StrEnum):
    """Side<54>."""

    BUY = "1"
    SELL = "2"


class OrdType(StrEnum):
    """OrdType<40>. LIMIT with ExecInst.PARTICIPATE_DONT_INITIATE is Binance's LIMIT_MAKER."""

    MARKET = "1"
    LIMIT = "2"
    STOP = "3"
    STOP_LIMIT = "4"
    PEGGED = "P"


class TimeInForce(StrEnum):
    """TimeInForce<59>."""

    GOOD_TILL_CANCEL = "1"
    IMMEDIATE_OR_CANCEL = "3"
    FILL_OR_KILL = "4"


class ExecInst(StrEnum):
    """ExecInst<18>."""

    PARTICIPATE_DONT_INITIATE = "6"


class ExecType(StrEnum):
    """ExecType<150>: what this report is about. Liveness is in OrdStatus, never here."""

    NEW = "0"
    CANCELED = "4"
    REPLACED = "5"
    REJECTED = "8"
    TRADE = "F"
    EXPIRED = "C"
    ORDER_STATUS = "I"
    """Not an event but how the order stands: told by a second source."""


class OrdStatus(StrEnum):
    """OrdStatus<39>: the state of the order after this report."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    REJECTED = "8"
    PENDING_NEW = "A"
    EXPIRED = "C"


class CancelRestrictions(StrEnum):
    """CancelRestrictions<25002> of Binance: a condition on a cancel."""

    ONLY_NEW = "1"
    ONLY_PARTIALLY_FILLED = "2"


class ExpiryReason(StrEnum):
    """ExpiryReason<25056> of Binance, on expired orders."""

    REJECTED = "1"
    EXCHANGE_CANCELED = "2"
    OCO_TRIGGER = "3"
    OTO_PHASE_ONE_EXPIRED = "4"
    UNFILLED_IOC_QUANTITY_EXPIRED = "5"
    UNFILLED_FOK_ORDER_EXPIRED = "6"
    INSUFFICIENT_LIQUIDITY = "7"
    EXECUTION_RULE_PRICE_RANGE_EXCEEDED = "8"


class RefusedReason(StrEnum):
    """Why a request never left the engine (Refused.reason)."""

    MALFORMED = "malformed"
    NOT_CONNECTED = "not_connected"
    ALREADY_CONNECTED = "already_connected"
    NO_HELLO = "no_hello"
    WRONG_EPOCH = "wrong_epoch"
    TOO_OLD = "too_old"
    FROM_THE_FUTURE = "from_the_future"
    BACKLOG = "backlog"
    LIMIT = "limit"
    UNKNOWN_ORDER = "unknown_order"
    INVALID_FIELD = "invalid_field"
    JOURNAL_FULL = "journal_full"
    STATE_FAILED = "state_failed"
    STOPPING = "stopping"
    UNWATCHED = "unwatched"
    CLOCK_SKEW = "clock_skew"
    BAD_TOKEN = "bad_token"
    RECOVERING = "recovering"
    CANCELED = "canceled"
    """The strategy took it back while it waited for the disk."""
    LAGGING = "lagging"


class SessionState(StrEnum):
    """SessionStatus.state."""

    CONNECTING = "connecting"
    ACTIVE = "active"
    STALE = "stale"
    DRAINING = "draining"
    DOWN = "down"
    RECOVERING = "recovering"
    """Of the source "rest": the venue is asked what became of orders."""


def decimal_text(value: Amount, name: str) -> str:
    """The plain decimal text (digits, optionally a point and digits) of a price or quantity.

    Takes text in that form, a non-negative int, or a finite non-negative Decimal, and changes no
    digit: Decimal("1.50") gives "1.50". Raises TypeError for a float or any other type, and
    ValueError for a value without that plain form or with more than 64 characters of it; both
    name the field.
    """
    # Bounded before it is written out: few bytes of a number can stand for any number of digits.
    text: str | None = None
    if isinstance(value, str):
        text = str(value)
    elif isinstance(value, Decimal):
        if abs(value.adjusted()) <= AMOUNT_CHARACTERS_MAX:
            text = format(value, "f")
    elif isinstance(value, float):
        raise TypeError(
            f"{name}: a float ({value!r}) is not exact; give text, an int or a Decimal,"
            f" such as {name}='{value!r}'"
        )
    elif isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: expected text, int or Decimal, not {type(value).__name__}")
    elif abs(value) < 10**AMOUNT_CHARACTERS_MAX:
        text = str(value)
    if text is None or len(text) > AMOUNT_CHARACTERS_MAX:
        raise ValueError(
            f"{name}: longer than {AMOUNT_CHARACTERS_MAX} characters as plain decimal text"
        )
    if not PLAIN_DECIMAL.match(text):
        shown = text[:AMOUNT_CHARACTERS_SHOWN]
        raise ValueError(f"{name}: {shown!r} is not plain decimal text such as '0.015'")
    return text


class Message(
    msgspec.Struct,
    array_like=True,
    tag=True,
    gc=False,
    omit_defaults=False,
):
    """Base of everything on the bus: a tagged msgpack array."""


# --- from a strategy to the engine ----------------------------------------------------------


AMOUNTS = (
    "order_qty",
    "price",
    "cash_order_qty",
    "max_floor",
    "trigger_price",
    "trigger_trailing_delta_bips",
    "peg_offset_value",
)
"""Fields of NewOrderSingle that hold plain decimal text."""


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


class NewOrderSingle(Message):
    """An order (MsgType D). Use `limit`, `limit_maker` or `market`, or name the fields.

    cl_ord_id: the strategy's own id and its idempotency key, 1..36 of [a-zA-Z0-9_-]; the client
    library makes one where it is empty. epoch, sent_ns (engine's monotonic clock, ns) and
    valid_for_ms are filled in by the client library. The fields in AMOUNTS may be given as str,
    int or Decimal and are kept as text; a float raises TypeError. Text is looked at by `limit`,
    `limit_maker` and `market`, and otherwise by the client's `submit`.
    """

    cl_ord_id: str = ""
    epoch: int = 0
    sent_ns: int = 0
    valid_for_ms: int = 0
    symbol: str = ""
    side: str = ""
    ord_type: str = ""
    order_qty: str | None = None
    price: str | None = None
    time_in_force: str | None = None
    exec_inst: str | None = None
    cash_order_qty: str | None = None
    max_floor: str | None = None
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
    target_strategy: str | None = None
    strategy_id: str | None = None
    self_trade_prevention_mode: str | None = None
    sor: str | None = None

    def __post_init__(self) -> None:
        # Types only, and no loop: this also runs for each order the engine decodes, where
        # every amount is text or None.
        if (
            (type(self.order_qty) is not str and self.order_qty is not None)
            or (type(self.price) is not str and self.price is not None)
            or (self.cash_order_qty is not None and type(self.cash_order_qty) is not str)
            or (self.max_floor is not None and type(self.max_floor) is not str)
            or (self.trigger_price is not None and type(self.trigger_price) is not str)
            or (
                self.trigger_trailing_delta_bips is not None
                and type(self.trigger_trailing_delta_bips) is not str
            )
            or (self.peg_offset_value is not None and type(self.peg_offset_value) is not str)
        ):
            self.write_amounts_plainly()

    def write_amounts_plainly(self) -> None:
        """Turn every amount, of whatever type `Amount` allows, into plain decimal text.

        Raises TypeError or ValueError, naming the field, as decimal_text does.
        """
        for name in AMOUNTS:
            value = getattr(self, name)
            if value is not None:
                setattr(self, name, decimal_text(value, name))

    @classmethod
    def limit(
        cls,
        symbol: str,
        side: str,
        order_qty: Amount,
        price: Amount,
        *,
        time_in_force: str = TimeInForce.GOOD_TILL_CANCEL,
        cl_ord_id: str = "",
    ) -> NewOrderSingle:
        """A LIMIT order; time_in_force GTC (default), IOC or FOK."""
        return cls(
            cl_ord_id=cl_ord_id,
            symbol=symbol,
            side=side,
            ord_type=OrdType.LIMIT.value,
            order_qty=decimal_text(order_qty, "order_qty"),
            price=decimal_text(price, "price"),
            time_in_force=time_in_force,
        )

    @classmethod
    def limit_maker(
        cls, symbol: str, side: str, order_qty: Amount, price: Amount, *, cl_ord_id: str = ""
    ) -> NewOrderSingle:
        """A LIMIT_MAKER (post-only) order: refused by the venue if it would match at once."""
        return cls(
            cl_ord_id=cl_ord_id,
            symbol=symbol,
            side=side,
            ord_type=OrdType.LIMIT.value,
            order_qty=decimal_text(order_qty, "order_qty"),
            price=decimal_text(price, "price"),
            exec_inst=ExecInst.PARTICIPATE_DONT_INITIATE.value,
        )

    @classmethod
    def market(
        cls,
        symbol: str,
        side: str,
        order_qty: Amount | None = None,
        *,
        cash_order_qty: Amount | None = None,
        cl_ord_id: str = "",
    ) -> NewOrderSingle:
        """A MARKET order over a base quantity or, by cash_order_qty, over a quote amount.

        Raises ValueError unless exactly one of the two is given.
        """
        if (order_qty is None) == (cash_order_qty is None):
            raise ValueError("market order: give order_qty or cash_order_qty, exactly one of them")
        return cls(
            cl_ord_id=cl_ord_id,
            symbol=symbol,
            side=side,
            ord_type=OrdType.MARKET.value,
            order_qty=None if order_qty is None else decimal_text(order_qty, "order_qty"),
            cash_order_qty=(
                None if cash_order_qty is None else decimal_text(cash_order_qty, "cash_order_qty")
            ),
        )


class OrderCancelRequest(Message):
    """A cancel (MsgType F) of one own order.

    cl_ord_id is the id of this request; orig_cl_ord_id the strategy's id of the order. The engine
    writes its own symbol and order_id of that order, whatever stands here, and refuses the cancel
    of an order that it does not know.
    """

    cl_ord_id: str = ""
    epoch: int = 0
    sent_ns: int = 0
    valid_for_ms: int = 0
    orig_cl_ord_id: str = ""
    symbol: str | None = None
    order_id: str | None = None
    cancel_restrictions: str | None = None


class Ack(Message):
    """The strategy has processed every event up to and including report_seq."""

    report_seq: int


class SnapshotRequest(Message):
    """Ask for a Snapshot. request_id: comes back in each part of the answer."""

    request_id: int


class BalancesRequest(Message):
    """Ask for Balances. request_id: comes back in the answer."""

    request_id: int


class Heartbeat(Message):
    """Nothing but a sign of life, in either direction; carries no report_seq."""


# --- from the engine to a strategy ----------------------------------------------------------


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
    ord_status "8". extra: fields this version does not know, as (tag, bytes).
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


Request = (
    Hello
    | NewOrderSingle
    | OrderCancelRequest
    | Ack
    | Heartbeat
    | SnapshotRequest
    | BalancesRequest
)
Event = (
    Welcome
    | ExecutionReport
    | OrderCancelReject
    | Sent
    | Refused
    | OrderUnknown
    | SessionStatus
    | Gap
    | Heartbeat
    | Snapshot
    | Balances
)

encode = msgspec.msgpack.Encoder().encode
"""Any message above -> its bytes on the bus."""

NOT_A_MESSAGE = (
    msgspec.DecodeError,
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
)
"""What encoding and decoding raise for values and bytes that are no message: text that is not
UTF-8, numbers of more than 64 bits, or arrays nested a thousand deep, among them."""

request_decoder: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
event_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)


request_kinds: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Request)}
"""Every Request by the name that stands first in its bytes."""


def wrong_field(kind: type[Message], values: Sequence[Any]) -> tuple[str, Exception] | None:
    """Name of the first field whose value does not fit it, and why; None where all fit.

    For a message that could not be encoded or decoded: msgspec tells a column, or not even that.
    values: the message's, in wire order.
    """
    for at, (name, required, decode) in enumerate(_columns(kind)):
        if at >= len(values):
            return (name, ValueError("is missing")) if required else None
        try:
            decode(encode(values[at]))
        except NOT_A_MESSAGE as problem:
            return name, problem
    return None


@cache
def _columns(kind: type[Message]) -> tuple[tuple[str, bool, Callable[[bytes], Any]], ...]:
    """Name, whether it is required, and decoder of each field."""
    return tuple(
        (field.name, field.required, msgspec.msgpack.Decoder(field.type).decode)
        for field in msgspec.structs.fields(kind)
    )


def names_of(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """Field names of a struct, in wire order."""
    return tuple(field.name for field in msgspec.structs.fields(struct))


# --- patching ready bytes -------------------------------------------------------------------
#
# report_seq always takes nine bytes (0xcf + 8) and replayed one, so a replay changes bytes in
# place instead of decoding. msgspec reads the wide form for small numbers too.

_WIDE = 1 << 63


def encode_event(event: Any, report_seq: int) -> bytearray:
    """An event's bytes with report_seq in its fixed nine-byte form."""
    event.report_seq = report_seq | _WIDE
    payload = bytearray(encode(event))
    event.report_seq = report_seq
    payload[_report_seq_at(payload) + 1] &= 0x7F
    return payload


def report_seq_of(payload: bytes) -> int:
    """report_seq in bytes made by encode_event; ValueError for any other bytes."""
    try:
        at = _report_seq_at(payload)
        if payload[at] == 0xCF:
            return int.from_bytes(payload[at + 1 : at + 9], "big")
    except IndexError:
        pass
    raise ValueError("not the bytes of an event with a report_seq")


def mark_replayed(payload: bytearray) -> None:
    """Set `replayed` in bytes made by encode_event."""
    at = _after_number(payload, _report_seq_at(payload))
    at = _after_number(payload, at)
    at = _after_text(payload, at)
    if payload[at] not in (0xC2, 0xC3):
        raise ValueError("not the bytes of an event with a replayed column")
    payload[at] = 0xC3


def _report_seq_at(payload: bytes | bytearray) -> int:
    # array header: fixarray is one byte, array 16 three
    return _after_text(payload, 3 if payload[0] == 0xDC else 1)


def _after_text(payload: bytes | bytearray, at: int) -> int:
    first = payload[at]
    if 0xA0 <= first <= 0xBF:
        return at + 1 + (first & 0x1F)
    if first == 0xD9:
        return at + 2 + payload[at + 1]
    raise ValueError(f"not a short text at byte {at} of a bus message")


def _after_number(payload: bytes | bytearray, at: int) -> int:
    first = payload[at]
    if first <= 0x7F:
        return at + 1
    width = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}.get(first)
    if width is None:
        raise ValueError(f"not an unsigned number at byte {at} of a bus message")
    return at + 1 + width
