"""What the user data stream tells of an account, as typed values; amounts are the venue's text.

The venue names fields by one letter; the names here say what they are. Fields it adds are passed
over, words it adds stay as they are, and an event it adds comes through as `Raw`. Times are ms
since 1970. Source: REST and stream notes, section 9.
"""

from __future__ import annotations

import msgspec

from fixengine.network.sources.answers import NONE_GIVEN, Amount, unsound


class Event(msgspec.Struct, frozen=True, tag_field="e", gc=False, omit_defaults=True):
    """Base of all."""


class Execution(
    Event,
    frozen=True,
    tag="executionReport",
    gc=False,
    rename={
        "event_time": "E",
        "symbol": "s",
        "client_order_id": "c",
        "orig_client_order_id": "C",
        "side": "S",
        "type": "o",
        "time_in_force": "f",
        "order_qty": "q",
        "price": "p",
        "stop_price": "P",
        "iceberg_qty": "F",
        "quote_order_qty": "Q",
        "order_list_id": "g",
        "execution_type": "x",
        "status": "X",
        "reject_reason": "r",
        "order_id": "i",
        "execution_id": "I",
        "last_qty": "l",
        "executed_qty": "z",
        "last_price": "L",
        "executed_quote_qty": "Z",
        "commission": "n",
        "commission_asset": "N",
        "time": "T",
        "order_time": "O",
        "working_time": "W",
        "trade_id": "t",
        "is_working": "w",
        "is_maker": "m",
        "self_trade_prevention_mode": "V",
        "expiry_reason": "eR",
        "trailing_delta": "d",
        "trailing_time": "D",
        "strategy_id": "j",
        "strategy_type": "J",
        "prevented_match_id": "v",
        "prevented_qty": "A",
        "last_prevented_qty": "B",
        "trade_group_id": "u",
        "counter_order_id": "U",
        "counter_symbol": "Cs",
        "prevented_execution_qty": "pl",
        "prevented_execution_price": "pL",
        "match_type": "b",
        "allocation_id": "a",
        "working_floor": "k",
        "used_sor": "uS",
        "peg_price_type": "gP",
        "peg_offset_type": "gOT",
        "peg_offset_value": "gOV",
        "pegged_price": "gp",
    },
):
    """What happened to an order (executionReport).

    client_order_id: the id of this event; of a cancel it is the cancel's, and orig_client_order_id
    the order's. Find an order by order_id first. trade_id, order_list_id: -1 for none.
    """

    event_time: int
    symbol: str
    client_order_id: str
    side: str
    type: str
    execution_type: str
    status: str
    order_id: int
    execution_id: int
    executed_qty: Amount
    time: int
    orig_client_order_id: str = ""
    time_in_force: str = "GTC"
    order_qty: Amount = "0"
    price: Amount = "0"
    stop_price: Amount = "0"
    iceberg_qty: Amount = "0"
    quote_order_qty: Amount = "0"
    order_list_id: int = NONE_GIVEN
    reject_reason: str = "NONE"
    last_qty: Amount = "0"
    last_price: Amount = "0"
    executed_quote_qty: Amount = "0"
    commission: Amount = "0"
    commission_asset: str | None = None
    order_time: int = NONE_GIVEN
    working_time: int | None = None
    trade_id: int = NONE_GIVEN
    is_working: bool = False
    is_maker: bool = False
    self_trade_prevention_mode: str = "NONE"
    expiry_reason: str | None = None
    trailing_delta: int | None = None
    trailing_time: int | None = None
    strategy_id: int | None = None
    strategy_type: int | None = None
    prevented_match_id: int | None = None
    prevented_qty: Amount | None = None
    last_prevented_qty: Amount | None = None
    trade_group_id: int | None = None
    counter_order_id: int | None = None
    counter_symbol: str | None = None
    prevented_execution_qty: Amount | None = None
    prevented_execution_price: Amount | None = None
    match_type: str | None = None
    allocation_id: int | None = None
    working_floor: str | None = None
    used_sor: bool | None = None
    peg_price_type: str | None = None
    peg_offset_type: str | None = None
    peg_offset_value: int | None = None
    pegged_price: Amount | None = None


class Holding(
    msgspec.Struct, frozen=True, gc=False, rename={"asset": "a", "free": "f", "locked": "l"}
):
    """One asset of a Position."""

    asset: str
    free: Amount
    locked: Amount


class Position(
    Event,
    frozen=True,
    tag="outboundAccountPosition",
    gc=False,
    rename={"event_time": "E", "update_time": "u", "balances": "B"},
):
    """Balances that may have changed, absolute."""

    event_time: int
    update_time: int
    balances: tuple[Holding, ...]


MOVE = {"event_time": "E", "asset": "a", "delta": "d", "time": "T"}


class BalanceUpdate(Event, frozen=True, tag="balanceUpdate", gc=False, rename=MOVE):
    """A deposit, withdrawal or transfer. delta: signed."""

    event_time: int
    asset: str
    delta: Amount
    time: int | None = None


class ExternalLock(Event, frozen=True, tag="externalLockUpdate", gc=False, rename=MOVE):
    """Another product of the venue locked or unlocked a balance. delta: signed."""

    event_time: int
    asset: str
    delta: Amount
    time: int | None = None


class Leg(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"symbol": "s", "order_id": "i", "client_order_id": "c"},
):
    """One order of a list."""

    symbol: str
    order_id: int
    client_order_id: str


class ListStatus(
    Event,
    frozen=True,
    tag="listStatus",
    gc=False,
    rename={
        "event_time": "E",
        "symbol": "s",
        "order_list_id": "g",
        "contingency": "c",
        "list_status_type": "l",
        "list_order_status": "L",
        "reject_reason": "r",
        "list_client_order_id": "C",
        "time": "T",
        "legs": "O",
    },
):
    """What happened to an order list."""

    event_time: int
    symbol: str
    order_list_id: int
    contingency: str
    list_status_type: str
    list_order_status: str
    list_client_order_id: str
    time: int
    legs: tuple[Leg, ...]
    reject_reason: str = "NONE"


class Terminated(
    Event, frozen=True, tag="eventStreamTerminated", gc=False, rename={"event_time": "E"}
):
    """The subscription has ended, the connection has not."""

    event_time: int


class ServerShutdown(
    Event, frozen=True, tag="serverShutdown", gc=False, rename={"event_time": "E"}
):
    """The server is about to stop: connect elsewhere now."""

    event_time: int


class Raw(Event, frozen=True, tag="raw", gc=False):
    """An event that is none of these, or makes no sense as one: its JSON."""

    json: bytes


Told = (
    Execution
    | Position
    | BalanceUpdate
    | ExternalLock
    | ListStatus
    | Terminated
    | ServerShutdown
    | Raw
)
KNOWN: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)


def read(json: bytes) -> Told:
    """The event in its JSON; Raw for one that cannot be read."""
    try:
        event = KNOWN.decode(json)
    except msgspec.DecodeError:
        return Raw(json)
    return Raw(json) if unsound(event) else event
