"""The vocabulary on the bus between strategies and the engine.

Every message is a tagged, array-shaped msgspec Struct, so a message is one msgpack array whose
first element is its name. The structs are append-only: a new field goes last and has a default,
which lets an old strategy talk to a new engine and the other way round.

Field names are FIX's own, in snake case; values are the FIX characters and the venue's text.
Prices and quantities are plain decimal text from end to end and never float. The enumerations
here are constants to compare with, not types of fields: a value that a venue adds tomorrow
must reach the strategy, not be refused by a decoder.

Direction: `Request` is what a strategy may send, `Event` what it may receive. Every event but
Welcome and Heartbeat carries `report_seq`, the strategy's own report number: it starts at 1,
rises by one, and goes on over restarts of the engine.
"""

from __future__ import annotations

from fixengine.messages.amounts import (
    AMOUNT_CHARACTERS_MAX,
    AMOUNT_CHARACTERS_SHOWN,
    PLAIN_DECIMAL,
    Amount,
    decimal_text,
)
from fixengine.messages.base import (
    CL_ORD_ID,
    MESSAGE_BYTES_MAX,
    REPORT_SEQ_MAX,
    STRATEGY_NAME,
    Heartbeat,
    Message,
    names_of,
)
from fixengine.messages.coding import (
    NOT_A_MESSAGE,
    Event,
    Request,
    encode,
    encode_event,
    event_decoder,
    mark_replayed,
    report_seq_of,
    request_decoder,
    request_kinds,
    wrong_field,
)
from fixengine.messages.enums import (
    CancelRestrictions,
    ExecInst,
    ExecType,
    ExpiryReason,
    OrdStatus,
    OrdType,
    PegPriceType,
    RefusedReason,
    SelfTradePreventionMode,
    SessionState,
    Side,
    TimeInForce,
    TriggerPriceDirection,
)
from fixengine.messages.events import (
    Balance,
    Balances,
    ExecutionReport,
    Gap,
    MiscFee,
    OpenOrder,
    OrderCancelReject,
    OrderUnknown,
    Position,
    Refused,
    Sent,
    SessionStatus,
    Snapshot,
    Welcome,
)
from fixengine.messages.orders import (
    AMOUNTS,
    NewOrderSingle,
    OrderOptions,
    RestingOptions,
)
from fixengine.messages.requests import (
    Ack,
    BalancesRequest,
    Hello,
    OrderCancelRequest,
    SnapshotRequest,
)

__all__ = [
    "AMOUNTS",
    "AMOUNT_CHARACTERS_MAX",
    "AMOUNT_CHARACTERS_SHOWN",
    "Ack",
    "Amount",
    "Balance",
    "Balances",
    "BalancesRequest",
    "CL_ORD_ID",
    "CancelRestrictions",
    "Event",
    "ExecInst",
    "ExecType",
    "ExecutionReport",
    "ExpiryReason",
    "Gap",
    "Heartbeat",
    "Hello",
    "MESSAGE_BYTES_MAX",
    "Message",
    "MiscFee",
    "NOT_A_MESSAGE",
    "NewOrderSingle",
    "OpenOrder",
    "OrdStatus",
    "OrdType",
    "OrderCancelReject",
    "OrderCancelRequest",
    "OrderOptions",
    "OrderUnknown",
    "PLAIN_DECIMAL",
    "PegPriceType",
    "Position",
    "REPORT_SEQ_MAX",
    "Refused",
    "RefusedReason",
    "Request",
    "RestingOptions",
    "STRATEGY_NAME",
    "SelfTradePreventionMode",
    "Sent",
    "SessionState",
    "SessionStatus",
    "Side",
    "Snapshot",
    "SnapshotRequest",
    "TimeInForce",
    "TriggerPriceDirection",
    "Welcome",
    "decimal_text",
    "encode",
    "encode_event",
    "event_decoder",
    "mark_replayed",
    "names_of",
    "report_seq_of",
    "request_decoder",
    "request_kinds",
    "wrong_field",
]
