"""A price-time-priority order book, pure, on integers at the scale of instruments.py.

A taker trades with the best price first and, at one price, with the order that came first; the
price is always the resting order's. What is left of an order that may rest is put behind the
others of its price. An iceberg shows a slice of itself; once that is traded, the next one stands
behind the others. Nothing here knows accounts, filters or messages.

Each side keeps its prices sorted with the best one last, so that taking from the top of the book
is cheap, and at each price the orders in the order of their arrival.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from fixengine.simulator.instruments import UNIT, amount

BUY = "1"
SELL = "2"


class Apart(Enum):
    """What a taker does at an order that it may not trade with."""

    PASSES = "goes on"
    ENDS = "ends"
    SHRINKS = "loses as much as it would have traded"


class Order:
    """What the book knows of an order.

    price: limit, or None for a market order. leaves_qty: what may still trade. cum_qty,
    cum_quote_qty: what has traded, in base and in quote. max_floor: of an iceberg, the size of a
    slice; shown_qty: what is left of the present one. prevented_qty: what self-trade prevention has
    taken.
    """

    __slots__ = (
        "cum_qty",
        "cum_quote_qty",
        "leaves_qty",
        "max_floor",
        "order_id",
        "prevented_qty",
        "price",
        "shown_qty",
        "side",
    )

    def __init__(
        self,
        order_id: int,
        side: str,
        price: int | None,
        quantity: int,
        max_floor: int | None = None,
    ) -> None:
        self.order_id = order_id
        self.side = side
        self.price = price
        self.leaves_qty = quantity
        self.cum_qty = 0
        self.cum_quote_qty = 0
        self.max_floor = max_floor
        self.shown_qty = 0
        self.prevented_qty = 0

    @property
    def visible_qty(self) -> int:
        """What a taker can trade with before the order's place in the queue changes."""
        return self.leaves_qty if self.max_floor is None else self.shown_qty

    def show(self) -> None:
        """Show the next slice of an iceberg."""
        if self.max_floor is not None:
            self.shown_qty = min(self.max_floor, self.leaves_qty)

    @property
    def spent_qty(self) -> int:
        """What of the order's quantity cannot come back."""
        return self.cum_qty + self.prevented_qty

    def trade(self, price: int, quantity: int) -> None:
        """Count one match."""
        self.leaves_qty -= quantity
        self.shown_qty -= quantity
        self.cum_qty += quantity
        self.cum_quote_qty += amount(price, quantity)

    def prevent(self, quantity: int) -> None:
        """So much will not trade, to keep the order apart from another one."""
        self.leaves_qty -= quantity
        self.shown_qty -= quantity
        self.prevented_qty += quantity


OrderType = TypeVar("OrderType", bound=Order)


class Fill(NamedTuple, Generic[OrderType]):
    """One match with a resting order, at its price. quantity: 0 where the two are kept apart."""

    maker: OrderType
    price: int
    quantity: int


def together(taker: Order, maker: Order) -> bool:
    """Nobody is kept apart."""
    return False


class Half(Generic[OrderType]):
    """One side of the book. Bids are keyed by price, asks by -price: the best key is the last."""

    def __init__(self, side: str) -> None:
        self.sign = 1 if side == BUY else -1
        self.keys: list[int] = []
        self.levels: dict[int, OrderedDict[int, OrderType]] = {}

    @property
    def best(self) -> int | None:
        """The best price, or None when nobody stands here."""
        return self.keys[-1] * self.sign if self.keys else None

    def add(self, order: OrderType, price: int) -> None:
        """Put an order behind the others of its price."""
        key = price * self.sign
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = OrderedDict()
            insort(self.keys, key)
        level[order.order_id] = order

    def remove(self, order: OrderType, price: int) -> None:
        """Take an order away; KeyError when it does not stand here."""
        key = price * self.sign
        level = self.levels[key]
        del level[order.order_id]
        if not level:
            del self.levels[key]
            del self.keys[bisect_left(self.keys, key)]

    def put_last(self, order: OrderType, price: int) -> None:
        """Put an order that stands here behind the others of its price."""
        self.levels[price * self.sign].move_to_end(order.order_id)

    def orders(self, limit: int | None) -> Iterator[tuple[int, OrderType]]:
        """(price, order) in the order they would trade, no worse than limit for the taker.

        The book must not change while this runs.
        """
        for key in reversed(self.keys):
            if limit is not None and key < limit * self.sign:
                return
            for order in self.levels[key].values():
                yield key * self.sign, order


class Book(Generic[OrderType]):
    """The resting orders of one symbol."""

    def __init__(self) -> None:
        self._halves: dict[str, Half[OrderType]] = {BUY: Half(BUY), SELL: Half(SELL)}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def best_bid(self) -> int | None:
        """The highest price somebody pays."""
        return self._halves[BUY].best

    @property
    def best_ask(self) -> int | None:
        """The lowest price somebody takes."""
        return self._halves[SELL].best

    def orders(self, side: str) -> list[OrderType]:
        """The resting orders of one side in the order they would trade."""
        return [order for _, order in self._halves[side].orders(None)]

    def crosses(self, side: str, price: int) -> bool:
        """Whether an order of this side and price would trade at once."""
        best = self._other(side).best
        if best is None:
            return False
        return best <= price if side == BUY else best >= price

    def reach(self, side: str, limit: int | None) -> Iterator[tuple[int, OrderType]]:
        """(price, order) as a taker would meet them, hidden parts as if they were shown.

        The book must not change while this runs.
        """
        return self._other(side).orders(limit)

    def walk(
        self,
        side: str,
        limit: int | None,
        quantity: int,
        apart: Callable[[OrderType], bool] | None = None,
        there: Apart = Apart.PASSES,
    ) -> tuple[int, int]:
        """(quantity, quote amount) that a taker would trade; nothing is changed.

        apart: which orders it may not trade with; there: what it does at them.
        """
        found = quote = 0
        for price, maker in self.reach(side, limit):
            is_apart = apart is not None and apart(maker)
            if is_apart and there is Apart.PASSES:
                continue
            if found == quantity or (is_apart and there is Apart.ENDS):
                break
            take = min(maker.leaves_qty, quantity - found)
            if is_apart:
                quantity -= take
            else:
                found += take
                quote += amount(price, take)
        return found, quote

    def walk_quote(
        self,
        side: str,
        quote: int,
        step: int,
        apart: Callable[[OrderType], bool] | None = None,
    ) -> int:
        """The quantity a taker gets for a quote amount, never above it.

        apart: which orders it passes over. At each price the amount left is turned into quantity
        and cut down to the step; the first price that cannot be emptied ends the walk (spec 22.3,
        CashOrderQty<152>).
        """
        found, left = 0, quote
        for price, maker in self.reach(side, None):
            if apart is not None and apart(maker):
                continue
            affordable = left * UNIT // price
            affordable -= affordable % step
            take = min(maker.leaves_qty, affordable)
            found += take
            left -= amount(price, take)
            if take < maker.leaves_qty:
                break
        return found

    def match(
        self,
        taker: OrderType,
        apart: Callable[[OrderType, OrderType], bool] = together,
    ) -> Iterator[Fill[OrderType]]:
        """Trade an order against the book as far as its price and quantity reach.

        Each match is handed out once both sides are counted up and a maker that is done has left
        the book; nothing else may change the book until the last one was taken. The taker is not
        put into it: see `rest`.

        apart: whether a taker and a maker may not trade. Such two are handed out as they are, and
        one of them has to be the smaller for it before the next match is taken.
        """
        other = self._other(taker.side)
        while taker.leaves_qty and other.keys:
            price = other.keys[-1] * other.sign
            if taker.price is not None and other.keys[-1] < taker.price * other.sign:
                return
            maker = next(iter(other.levels[other.keys[-1]].values()))
            if apart(taker, maker):
                yield Fill(maker, price, 0)
                continue
            quantity = min(maker.visible_qty, taker.leaves_qty)
            maker.trade(price, quantity)
            taker.trade(price, quantity)
            self.traded(maker)
            yield Fill(maker, price, quantity)

    def rest(self, order: OrderType) -> None:
        """Put what is left of a limit order into the book; match it first."""
        assert order.price is not None
        order.show()
        self._halves[order.side].add(order, order.price)
        self._count += 1

    def traded(self, order: OrderType) -> None:
        """A resting order has lost a part: take it out where nothing is left, or let an iceberg
        whose slice is gone show the next one, behind the others of its price.
        """
        if order.leaves_qty == 0:
            self.cancel(order)
        elif order.visible_qty <= 0:
            assert order.price is not None
            order.show()
            self._halves[order.side].put_last(order, order.price)

    def cancel(self, order: OrderType) -> None:
        """Take a resting order out; KeyError when it does not rest here."""
        assert order.price is not None
        self._halves[order.side].remove(order, order.price)
        self._count -= 1

    def _other(self, side: str) -> Half[OrderType]:
        return self._halves[SELL if side == BUY else BUY]
