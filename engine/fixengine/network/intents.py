"""What a request of a strategy enters into the order table, and what of it changes on the wire.

The gateway enters a request before it leaves, and a later run enters it again from its intent in
the journal: both here, so that both know the same. Every id on the wire is the engine's; a message
with several requests has one id for each, counted on from its own.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fixengine.desk.orders import Kind, Order, Orders
from fixengine.fix import fields
from fixengine.fix.venue import Sender, Venue
from fixengine.messages import (
    CancelReplaceMode,
    Message,
    NewOrderList,
    NewOrderSingle,
    OrderAmendKeepPriorityRequest,
    OrderCancelRequest,
    OrderCancelRequestAndNewOrderSingle,
    OrderMassCancelRequest,
    OrderRateLimitExceededMode,
    encode,
)

OrderRequest = (
    NewOrderSingle
    | OrderCancelRequest
    | OrderCancelRequestAndNewOrderSingle
    | OrderAmendKeepPriorityRequest
    | OrderMassCancelRequest
    | NewOrderList
)
"""What leaves for the venue and has a place in the order table."""

ORDER_REQUESTS = frozenset(OrderRequest.__args__)
ADDING = frozenset({NewOrderSingle, OrderCancelRequestAndNewOrderSingle, NewOrderList})
"""Those that can bring a new order to the book."""
TargetingRequest = (
    OrderCancelRequest | OrderCancelRequestAndNewOrderSingle | OrderAmendKeepPriorityRequest
)
TARGETING = frozenset(TargetingRequest.__args__)
"""Those that are about one own order."""

MSG_TYPES = {
    Kind.ORDER: fields.NEW_ORDER_SINGLE,
    Kind.CANCEL: fields.ORDER_CANCEL_REQUEST,
    Kind.AMEND: fields.ORDER_AMEND_KEEP_PRIORITY_REQUEST,
    Kind.MASS_CANCEL: fields.ORDER_MASS_CANCEL_REQUEST,
    Kind.LIST: fields.NEW_ORDER_LIST,
}
CANCEL_ONLY = OrderRateLimitExceededMode.CANCEL_ONLY.value


Entered = tuple[Order, bytes, Message, dict[str, Any]]
"""A request in the order table, and kind, source and replace of its line.Pending."""


def recv_window_ms(request: OrderRequest) -> int:
    """RecvWindow<25000> of a request; 0 for the engine's. Of a list the shortest of its orders'."""
    if type(request) is NewOrderSingle:
        return request.recv_window_ms
    if isinstance(request, OrderCancelRequestAndNewOrderSingle):
        return request.order.recv_window_ms
    if isinstance(request, NewOrderList):
        windows = (one.order.recv_window_ms for one in request.orders)
        return min((window for window in windows if window), default=0)
    return request.recv_window_ms


def size_of(request: OrderRequest) -> tuple[int, int, int]:
    """How many ids on the wire the message takes, how many new orders it can bring to the book, and
    its `recv_window_ms`.
    """
    if type(request) is NewOrderSingle:
        return 1, 1, request.recv_window_ms
    window_ms = recv_window_ms(request)
    if type(request) is NewOrderList:
        return 1 + len(request.orders), len(request.orders), window_ms
    if type(request) is OrderCancelRequestAndNewOrderSingle:
        return 2, 1, window_ms
    return 1, 0, window_ms


def cancels_at_limit(request: OrderRequest) -> bool:
    """Whether the venue is to carry out its cancel though no further order may be placed."""
    return (
        type(request) is OrderCancelRequestAndNewOrderSingle
        and request.order_rate_limit_exceeded_mode == CANCEL_ONLY
    )


def at_limit(replace: dict[str, Any]) -> bool:
    """The same of a request that was entered. replace: see Entered."""
    return replace.get("order_rate_limit_exceeded_mode") == CANCEL_ONLY


def target_of(orders: Orders, strategy: int, request: TargetingRequest) -> Order | None:
    """The order that a request is about, None where there is none of this strategy.

    A cancel may name it by the venue's OrderID and its symbol instead of the strategy's id.
    """
    if type(request) is OrderCancelRequest and not request.orig_cl_ord_id:
        found = orders.by_order_id(request.symbol or "", request.order_id or "")
        return found if found is not None and found.strategy == strategy else None
    return orders.find(strategy, request.orig_cl_ord_id)


def contradiction(request: TargetingRequest, target: Order) -> str | None:
    """Why both ids of a cancel cannot mean this order, or None: the venue refuses that too."""
    if type(request) is not OrderCancelRequest or None in (request.order_id, target.order_id):
        return None
    if request.order_id == target.order_id:
        return None
    name = request.orig_cl_ord_id[:36]
    return f"order_id: {name} is {target.order_id} at the venue, not {request.order_id!r:.40}"


def kind_of(order: Order) -> bytes:
    """MsgType<35> of the message that a request left in, alone or as the first of several."""
    if order.kind is Kind.ORDER and order.parts:
        return fields.ORDER_CANCEL_REQUEST_AND_NEW_ORDER_SINGLE
    return MSG_TYPES[order.kind]


def other_ids(request: OrderRequest) -> tuple[str, ...]:
    """The ids of a strategy in the message, besides the one by which it is known."""
    if isinstance(request, NewOrderList):
        return tuple(one.order.cl_ord_id for one in request.orders)
    if type(request) is OrderCancelRequestAndNewOrderSingle:
        return (request.cancel_cl_ord_id,)
    return ()


def enter(
    orders: Orders,
    venue: Venue,
    owner: tuple[int, int, int],
    wire_id: str,
    request: OrderRequest,
    payload: bytes,
    target: Order | None,
) -> Entered:
    """Enter a request. owner: strategy, epoch and counter of wire_id, as venue.own tells them.

    payload: the request as it came over the bus. target: the order it is about, None where it is
    about none, or (in a later run) about one that is forgotten.
    """
    number = owner[0]
    if isinstance(request, NewOrderSingle):
        order = orders.open(number, request.cl_ord_id, wire_id, request.symbol)
        order.request = payload
        return order, fields.NEW_ORDER_SINGLE, request, {"cl_ord_id": wire_id}
    if isinstance(request, OrderMassCancelRequest):
        ids = number, request.cl_ord_id, wire_id, request.symbol
        order = orders.open(*ids, None, Kind.MASS_CANCEL)
        replace = {"cl_ord_id": wire_id}
        return order, fields.ORDER_MASS_CANCEL_REQUEST, request, replace
    if isinstance(request, NewOrderList):
        return _enter_list(orders, venue, owner, wire_id, request)
    if isinstance(request, OrderCancelRequestAndNewOrderSingle):
        part_id = venue.make_cl_ord_id(number, owner[1], owner[2] + 1)
        return _enter_replacing(orders, number, (wire_id, part_id), request, target)
    if target is None:
        raise ValueError(f"it is about {request.orig_cl_ord_id!r}, which is not recalled")
    replace = {"cl_ord_id": wire_id, **_named(target)}
    ids = number, request.cl_ord_id, wire_id, target.symbol
    if isinstance(request, OrderCancelRequest):
        order = orders.open(*ids, target)
        return order, fields.ORDER_CANCEL_REQUEST, request, replace
    order = orders.open(*ids, target, Kind.AMEND)
    order.request = payload
    return order, fields.ORDER_AMEND_KEEP_PRIORITY_REQUEST, request, replace


def _enter_replacing(
    orders: Orders,
    number: int,
    wire_ids: tuple[str, str],
    request: OrderCancelRequestAndNewOrderSingle,
    target: Order | None,
) -> Entered:
    """A cancel and the order in its place: two requests, the order first."""
    wire_id, part_id = wire_ids
    order = orders.open(number, request.cl_ord_id, wire_id, request.symbol)
    request.order.cl_ord_id = request.cl_ord_id
    order.request = encode(request.order)
    mode = request.order_cancel_request_and_new_order_single_mode
    replace: dict[str, Any] = {
        "cl_ord_id": wire_id,
        "order_cancel_request_and_new_order_single_mode": mode,
        "order_rate_limit_exceeded_mode": request.order_rate_limit_exceeded_mode,
        "cancel_restrictions": request.cancel_restrictions,
        "cancel_cl_ord_id": part_id,
    }
    if target is not None:
        part = orders.open(number, request.cancel_cl_ord_id, part_id, target.symbol, target)
        part.stops = mode == CancelReplaceMode.STOP_ON_FAILURE
        orders.join(order, part)
        replace |= _named(target)
    kind = fields.ORDER_CANCEL_REQUEST_AND_NEW_ORDER_SINGLE
    return order, kind, request.order, replace


def _enter_list(
    orders: Orders,
    venue: Venue,
    owner: tuple[int, int, int],
    wire_id: str,
    request: NewOrderList,
) -> Entered:
    """A list and its orders: the list first."""
    number, epoch, counter = owner
    whole = orders.open(number, request.cl_list_id, wire_id, request.symbol, None, Kind.LIST)
    parts, entries = [], []
    for at, (order, instructions) in enumerate(map(msgspec.structs.astuple, request.orders), 1):
        part_id = venue.make_cl_ord_id(number, epoch, counter + at)
        part = orders.open(number, order.cl_ord_id, part_id, order.symbol)
        part.request = encode(order)
        parts.append(part)
        values = msgspec.structs.asdict(order)
        values |= {"cl_ord_id": part_id, "list_triggering_instructions": instructions or None}
        entries.append(values)
    orders.join(whole, *parts)
    layout = venue.layout(fields.NEW_ORDER_LIST, Sender.CLIENT)
    rows = next(row.rows for row in layout.rows if row.name == "orders")
    groups = tuple(tuple(values[row.name] for row in rows) for values in entries)
    return whole, fields.NEW_ORDER_LIST, request, {"cl_list_id": wire_id, "orders": groups}


def _named(target: Order) -> dict[str, Any]:
    """How the venue is told which order is meant.

    OrderID alone once it is known: the venue documents that as faster, and by client id it can miss
    an order that was renamed.
    """
    return {
        "orig_cl_ord_id": None if target.order_id else target.wire_id,
        "order_id": target.order_id,
        "symbol": target.symbol,
    }
