"""Orders that wait for a price: STOP_LOSS, TAKE_PROFIT and their LIMIT kinds, no I/O.

The price is that of the last trade in the symbol, whoever traded. A trigger looks up or down from
where the price is: one that the last price meets already is refused, and where nothing has traded
yet none is (spec sections 9.2 and 22.3). Which of the four kinds an order is follows from OrdType,
side and direction and makes no difference to when it is set off.

A trailing order is not set off there: from that trade on, or where it has no trigger price from the
next one, it keeps the lowest price (a BUY; the highest, a SELL) and is set off once the price has
turned back by so many basis points of it, both bounds included.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from fixengine.simulator import refusals
from fixengine.simulator.book import BUY, SELL
from fixengine.simulator.instruments import Instrument
from fixengine.simulator.orders import Terms
from fixengine.simulator.refusals import Refusal

UP = "U"
WHOLE_BIPS = 10_000


class Trigger:
    """What an order waits for.

    price: TriggerPrice<1102> at SCALE, None for a trailing order that follows the price at once.
    rises: it looks up, for the price to come to `price` or above; else down. buys: the order does.
    bips: how far the price must turn back, in basis points; None where it need not. since: of a
    trailing order, UTC timestamp of the trade from which on it follows the price; None before.
    """

    __slots__ = ("_extreme", "bips", "buys", "price", "rises", "since")

    def __init__(self, price: int | None, rises: bool, buys: bool, bips: int | None) -> None:
        self.price = price
        self.rises = rises
        self.buys = buys
        self.bips = bips
        self.since: str | None = None
        self._extreme = 0

    def would_be_met(self, last: int | None) -> bool:
        """Whether the price is there already, so that the order is refused. last: or None."""
        return last is not None and self.price is not None and self._met(last)

    def traded(self, price: int, stamp: str) -> bool:
        """Look at a trade; whether it sets the order off. stamp: UTC timestamp."""
        if self.bips is None:
            return self._met(price)
        if self.since is None:
            if self._met(price):
                self._extreme, self.since = price, stamp
            return False
        if self.buys:
            self._extreme = min(self._extreme, price)
            return price * WHOLE_BIPS >= self._extreme * (WHOLE_BIPS + self.bips)
        self._extreme = max(self._extreme, price)
        return price * WHOLE_BIPS <= self._extreme * (WHOLE_BIPS - self.bips)

    def _met(self, price: int) -> bool:
        if self.price is None:
            return True
        return price >= self.price if self.rises else price <= self.price


def trigger_of(request: Any, terms: Terms) -> Trigger | None:
    """What an order waits for, None where it is no stop. request: see orders.py."""
    if terms.trigger_price is None and terms.trailing is None:
        return None
    rises = request.trigger_price_direction == UP
    return Trigger(terms.trigger_price, rises, request.side == BUY, terms.trailing)


def filters(instrument: Instrument, request: Any, terms: Terms) -> Refusal | None:
    """The first filter of the symbol that a trigger does not pass, or None."""
    price, bips = terms.trigger_price, terms.trailing
    if price is not None and not instrument.price_passes(price):
        return refusals.filter_failure("PRICE_FILTER")
    if bips is not None:
        # Without a direction it is a take profit (spec 9.2): above where it sells.
        above = request.trigger_price_direction == UP
        if request.trigger_price_direction is None:
            above = request.side == SELL
        least, most = instrument.trailing_above if above else instrument.trailing_below
        if not least <= bips <= most:
            return refusals.filter_failure("TRAILING_DELTA")
    return None


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

    def traded(self, price: int, stamp: str) -> list[OrderType]:
        """Those that a trade sets off; they wait no more. stamp: UTC timestamp."""
        found = [order for order, one in self._orders.items() if one.traded(price, stamp)]
        for order in found:
            del self._orders[order]
        return found
