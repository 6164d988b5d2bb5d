"""Orders that wait for a price: STOP_LOSS, TAKE_PROFIT and their LIMIT kinds, no I/O.

The price is that of the last trade in the symbol, whoever traded. A trigger looks up or down from
where the price is: one that the last price meets already is refused, and where nothing has traded
yet none is (spec sections 9.2 and 22.3). Which of the four kinds an order is follows from OrdType,
side and direction and makes no difference to when it is set off.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from fixengine.simulator.orders import Terms

UP = "U"


class Trigger:
    """What an order waits for. price: at SCALE. rises: that the price comes up to it, not down."""

    __slots__ = ("price", "rises")

    def __init__(self, price: int, rises: bool) -> None:
        self.price = price
        self.rises = rises

    def would_be_met(self, last: int | None) -> bool:
        """Whether the price is there already, so that the order is refused. last: or None."""
        return last is not None and self.met(last)

    def met(self, price: int) -> bool:
        """Whether a trade at this price sets the order off."""
        return price >= self.price if self.rises else price <= self.price


def trigger_of(request: Any, terms: Terms) -> Trigger | None:
    """What an order waits for, None where it is no stop. request: see orders.py."""
    if terms.trigger_price is None:
        return None
    return Trigger(terms.trigger_price, request.trigger_price_direction == UP)


OrderType = TypeVar("OrderType")


class Stops(Generic[OrderType]):
    """The waiting orders of one symbol, in the order in which they were accepted."""

    def __init__(self) -> None:
        self._orders: dict[OrderType, Trigger] = {}

    def __len__(self) -> int:
        return len(self._orders)

    def add(self, order: OrderType, trigger: Trigger) -> None:
        """An order begins to wait."""
        self._orders[order] = trigger

    def discard(self, order: OrderType) -> bool:
        """Let an order wait no more; whether it did."""
        return self._orders.pop(order, None) is not None

    def traded(self, price: int) -> list[OrderType]:
        """Those that a trade at this price sets off; they wait no more."""
        found = [order for order, trigger in self._orders.items() if trigger.met(price)]
        for order in found:
            del self._orders[order]
        return found
