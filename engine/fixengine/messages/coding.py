"""Messages to bytes and back, and what can be read and changed in the bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, get_args

import msgspec

from fixengine.messages.base import Heartbeat, Message
from fixengine.messages.events import (
    Balances,
    ExecutionReport,
    Gap,
    LimitResponse,
    ListStatus,
    OrderAmendReject,
    OrderCancelReject,
    OrderMassCancelReport,
    OrderUnknown,
    Refused,
    Sent,
    SessionStatus,
    Snapshot,
    Welcome,
)
from fixengine.messages.instruments import Instrument
from fixengine.messages.lists import NewOrderList
from fixengine.messages.orders import NewOrderSingle
from fixengine.messages.requests import (
    Ack,
    BalancesRequest,
    Hello,
    InstrumentRequest,
    LimitQuery,
    OrderAmendKeepPriorityRequest,
    OrderCancelRequest,
    OrderCancelRequestAndNewOrderSingle,
    OrderMassCancelRequest,
    SnapshotRequest,
)

Request = (
    Hello
    | NewOrderSingle
    | OrderCancelRequest
    | OrderMassCancelRequest
    | OrderCancelRequestAndNewOrderSingle
    | OrderAmendKeepPriorityRequest
    | NewOrderList
    | Ack
    | Heartbeat
    | SnapshotRequest
    | BalancesRequest
    | LimitQuery
    | InstrumentRequest
)
Event = (
    Welcome
    | ExecutionReport
    | OrderCancelReject
    | OrderMassCancelReport
    | OrderAmendReject
    | ListStatus
    | Sent
    | Refused
    | OrderUnknown
    | SessionStatus
    | Gap
    | Heartbeat
    | Snapshot
    | Balances
    | LimitResponse
    | Instrument
)

encode = msgspec.msgpack.Encoder().encode
"""Any message -> its bytes on the bus."""

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


# --- a report from what is packed already ----------------------------------------------------

_REPORT_HEAD = (
    b"\xdc"
    + (1 + len(ExecutionReport.__struct_fields__)).to_bytes(2, "big")
    + encode(ExecutionReport.__name__)
    + b"\xcf"
)
"""The bytes of an ExecutionReport up to its report_seq, whose first byte is the last of these."""


def report_head(report_seq: int, *columns: Any) -> bytes:
    """The beginning of an ExecutionReport: its report_seq and the columns behind it, up to 15."""
    # Behind the one byte in which an array says how long it is.
    return _REPORT_HEAD + report_seq.to_bytes(8, "big") + encode(columns)[1:]


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
