"""Order lists: orders that cancel or release each other at the venue.

The constructors put the orders in the sequence that the venue wants and give each the triggers that
make the list what it is called; they refuse orders that do not fit, and name the argument. Source:
spec section 9.3. **None of it was tried against the venue**, and its documents contradict
themselves about one trigger; see `otoco`.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fixengine.messages.base import Message
from fixengine.messages.enums import (
    ContingencyType,
    ListTriggerAction,
    ListTriggerType,
    OrdType,
    Side,
    TriggerPriceDirection,
)
from fixengine.messages.orders import NewOrderSingle
from fixengine.messages.rules import check_choice

LIST_ORDERS_MAX = 3


class ListTriggeringInstruction(msgspec.Struct, array_like=True, gc=False):
    """Once this happens to another order of the list, this is done with the one that has it.

    list_trigger_type: a ListTriggerType. list_trigger_trigger_index: which order, from 0.
    list_trigger_action: a ListTriggerAction.
    """

    list_trigger_type: str
    list_trigger_trigger_index: int
    list_trigger_action: str


class ListedOrder(msgspec.Struct, array_like=True, gc=False):
    """An order in a list, and what sets it off; its own epoch and times do not count."""

    order: NewOrderSingle
    list_triggering_instructions: tuple[ListTriggeringInstruction, ...] = ()


class NewOrderList(Message):
    """Two or three orders in one symbol that belong together (MsgType E). See `oco` and others.

    cl_list_id: the strategy's own id of the list and its idempotency key; each order has an id of
    its own too. contingency_type: a ContingencyType. opo: "Y" makes the pending orders as large as
    what the working one received.
    """

    cl_list_id: str = ""
    epoch: int = 0
    sent_ns: int = 0
    valid_for_ms: int = 0
    contingency_type: str = ""
    opo: str | None = None
    orders: tuple[ListedOrder, ...] = ()

    @property
    def cl_ord_id(self) -> str:
        """The id by which the request is known, as other requests have it."""
        return self.cl_list_id

    @property
    def symbol(self) -> str:
        """Of every order in it; empty where there is none."""
        return self.orders[0].order.symbol if self.orders else ""


def oco(below: NewOrderSingle, above: NewOrderSingle, *, cl_list_id: str = "") -> NewOrderList:
    """One cancels the other: a stop loss, and a limit maker or take profit, of one quantity.

    below, above: by their prices. Of two SELL orders the stop loss is below, of two BUY orders
    above. Once one is triggered or filled in part, the other expires.
    """
    _check_types(below=below, above=above)
    below, above = _checked_pair(below, above)
    first = ListedOrder(below, (_ends(above, 1),))
    second = ListedOrder(above, (_ends(below, 0),))
    return _made(ContingencyType.ONE_CANCELS_THE_OTHER, cl_list_id, first, second)


def oto(working: NewOrderSingle, pending: NewOrderSingle, *, cl_list_id: str = "") -> NewOrderList:
    """One triggers the other: pending goes to the book once working is filled in full.

    working: a LIMIT or LIMIT_MAKER. pending: of any type but MARKET by quote amount.
    """
    _check_types(working=working, pending=pending)
    _check_working(working)
    _check_pending("pending", pending)
    listed = ListedOrder(working), ListedOrder(pending, (_released(None),))
    return _made(ContingencyType.ONE_TRIGGERS_THE_OTHER, cl_list_id, *listed)


def otoco(
    working: NewOrderSingle,
    below: NewOrderSingle,
    above: NewOrderSingle,
    *,
    first_trigger_action: str = ListTriggerAction.RELEASE,
    cl_list_id: str = "",
) -> NewOrderList:
    """One triggers an OCO: below and above go to the book once working is filled in full.

    first_trigger_action: what the filled working order does with the pair. The venue's table
    prints CANCEL, which contradicts what the list is for; here it is RELEASE, as for `oto`.
    """
    _check_types(working=working, below=below, above=above)
    _check_working(working)
    below, above = _checked_pair(below, above)
    listed = _with_pair(working, below, above, first_trigger_action)
    return _made(ContingencyType.ONE_TRIGGERS_THE_OTHER, cl_list_id, *listed)


def opo(working: NewOrderSingle, pending: NewOrderSingle, *, cl_list_id: str = "") -> NewOrderList:
    """One pays the other: an OTO whose pending SELL is as large as what the working BUY got.

    pending: made with order_qty=ALL_RECEIVED.
    """
    _check_types(working=working, pending=pending)
    _check_working(working, Side.BUY)
    _check_paid("pending", pending)
    listed = ListedOrder(working), ListedOrder(pending, (_released(None),))
    return _made(ContingencyType.ONE_TRIGGERS_THE_OTHER, cl_list_id, *listed, opo="Y")


def opoco(
    working: NewOrderSingle,
    below: NewOrderSingle,
    above: NewOrderSingle,
    *,
    first_trigger_action: str = ListTriggerAction.RELEASE,
    cl_list_id: str = "",
) -> NewOrderList:
    """One pays an OCO: `otoco` with a working BUY, its SELL pair as large as what that got.

    below, above: made with order_qty=ALL_RECEIVED. first_trigger_action: see `otoco`.
    """
    _check_types(working=working, below=below, above=above)
    _check_working(working, Side.BUY)
    for name, order in (("below", below), ("above", above)):
        _check_paid(name, order)
    below, above = _checked_pair(below, above)
    listed = _with_pair(working, below, above, first_trigger_action)
    return _made(ContingencyType.ONE_TRIGGERS_THE_OTHER, cl_list_id, *listed, opo="Y")


def _made(
    contingency: ContingencyType, cl_list_id: str, *listed: ListedOrder, opo: str | None = None
) -> NewOrderList:
    symbol = listed[0].order.symbol
    for index, one in enumerate(listed):
        is_open = one.order.order_qty is None and one.order.cash_order_qty is None
        if is_open and (opo is None or index == 0):
            raise ValueError("order_qty: only what waits in an opo or opoco may be ALL_RECEIVED")
        if one.order.symbol != symbol:
            raise ValueError(f"symbol: {symbol} and {one.order.symbol}; a list has one symbol")
        if one.order.sor is not None:
            raise ValueError("sor: an order in a list cannot be routed")
    times = [one.order.valid_for_ms for one in listed if one.order.valid_for_ms]
    return NewOrderList(
        cl_list_id=cl_list_id,
        valid_for_ms=min(times, default=0),
        contingency_type=contingency.value,
        opo=opo,
        orders=listed,
    )


def _with_pair(
    working: NewOrderSingle, below: NewOrderSingle, above: NewOrderSingle, action: str
) -> tuple[ListedOrder, ListedOrder, ListedOrder]:
    check_choice("first_trigger_action", action, ListTriggerAction)
    first = _released(action)
    return (
        ListedOrder(working),
        ListedOrder(below, (first, _ends(above, 2))),
        ListedOrder(above, (first, _ends(below, 1))),
    )


def _released(action: str | None) -> ListTriggeringInstruction:
    """Set off once the first order of the list is filled in full."""
    done = ListTriggerAction.RELEASE.value if action is None else str(action)
    return ListTriggeringInstruction(ListTriggerType.FILLED.value, 0, done)


def _ends(partner: NewOrderSingle, index: int) -> ListTriggeringInstruction:
    """Cancelled once its partner in the pair begins to trade, or is triggered."""
    when = ListTriggerType.PARTIALLY_FILLED if _is_maker(partner) else ListTriggerType.ACTIVATED
    return ListTriggeringInstruction(when.value, index, ListTriggerAction.CANCEL.value)


def _is_maker(order: NewOrderSingle) -> bool:
    return order.exec_inst is not None


def _is_stop_loss(order: NewOrderSingle) -> bool:
    """A trigger against the order; one without a direction is a take profit (spec 9.2)."""
    return order.trigger_type is not None and order.trigger_price_direction == _against(order.side)


def _only_trails(order: NewOrderSingle) -> bool:
    """Follows the price from the next trade on: a stop loss or a take profit, by its place."""
    return order.trigger_type is not None and order.trigger_price is None


def _against(side: str) -> str:
    """Which way the price goes against an order of this side."""
    found = TriggerPriceDirection.UP if side == Side.BUY else TriggerPriceDirection.DOWN
    return found.value


def _check_types(**orders: NewOrderSingle) -> None:
    for name, order in orders.items():
        if not isinstance(order, NewOrderSingle):
            raise TypeError(f"{name}: expected NewOrderSingle, not {type(order).__name__}")


def _checked_pair(
    below: NewOrderSingle, above: NewOrderSingle
) -> tuple[NewOrderSingle, NewOrderSingle]:
    """Two orders of which one cancels the other, below and above as they are sent.

    A stop loss that only trails gets the direction that tells it from a take profit: in a list, and
    nowhere else, the venue takes one without a price (spec 9.2).
    """
    if below.side != above.side:
        raise ValueError("side: both orders of the pair are BUY, or both are SELL")
    if below.order_qty != above.order_qty and not (
        below.order_qty and above.order_qty and Decimal(below.order_qty) == Decimal(above.order_qty)
    ):
        raise ValueError(f"order_qty: {below.order_qty} and {above.order_qty}; a pair has one")
    sells = below.side == Side.SELL
    stop, other = (below, above) if sells else (above, below)
    place, place_of_other = ("below", "above") if sells else ("above", "below")
    side = Side(below.side).name
    if not _is_stop_loss(stop) and not _only_trails(stop):
        raise ValueError(f"{place}: of two {side} orders the one {place} is the stop loss")
    if not _is_maker(other) and (other.trigger_type is None or _is_stop_loss(other)):
        raise ValueError(f"{place_of_other}: expected a limit maker or a take profit")
    # Of a stop loss the price that sets it off counts, of the other one its limit price if any.
    price = other.trigger_price if other.price is None else other.price
    low, high = (stop.trigger_price, price) if sells else (price, stop.trigger_price)
    if low is not None and high is not None and Decimal(low) >= Decimal(high):
        raise ValueError(f"below: {low} is not below {high}")
    if stop.trigger_price_direction is None:
        stop = msgspec.structs.replace(stop, trigger_price_direction=_against(stop.side))
    return (stop, other) if sells else (other, stop)


def _check_working(order: NewOrderSingle, side: Side | None = None) -> None:
    if order.trigger_type is not None or order.ord_type not in (OrdType.LIMIT, OrdType.PEGGED):
        raise ValueError("working: expected a LIMIT or LIMIT_MAKER order")
    if side is not None and order.side != side:
        raise ValueError(f"working: expected a {side.name} order")


def _check_pending(name: str, order: NewOrderSingle) -> None:
    if order.cash_order_qty is not None:
        raise ValueError(f"{name}: a MARKET order by cash_order_qty cannot wait in a list")


def _check_paid(name: str, order: NewOrderSingle) -> None:
    _check_pending(name, order)
    if order.side != Side.SELL:
        raise ValueError(f"{name}: expected a SELL order")
    if order.order_qty is not None:
        raise ValueError(f"{name}: order_qty is what working receives; give ALL_RECEIVED")
