"""One symbol of the built-in venue: its book, what waits beside it, and its counters.

An open order either stands in the book or waits: for the trade that sets it off, or for an order of
its list. What was set off goes to work, in the order in which it was, once the request is carried
out that did it; until then it is in `due`. Lists to which something has happened are in `lists`.
"""

from __future__ import annotations

from collections import deque

from fixengine.simulator.accounts import AT_OWN, PlacedOrder, Wait, apart
from fixengine.simulator.book import BUY, Apart, Book
from fixengine.simulator.instruments import Instrument
from fixengine.simulator.lists import OrderList
from fixengine.simulator.triggers import Stops

EXEC_ID_STEP = 2


class Market:
    """See the module's top.

    ladder: the house's orders. touched: something happened since the last tick. last_price: of the
    last trade, None before the first. ExecIDs rise with gaps, as the venue's do.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.book: Book[PlacedOrder] = Book()
        self.stops: Stops[PlacedOrder] = Stops()
        self.due: deque[PlacedOrder] = deque()
        self.lists: dict[OrderList, None] = {}
        self.ladder: dict[tuple[str, int], PlacedOrder] = {}
        self.touched = True
        self.last_price: int | None = None
        self._order_id = 1_000_000
        self._exec_id = 5_000_000
        self._trade_id = 300_000
        self._prevented_match_id = 0

    def __len__(self) -> int:
        """Open orders, the house's among them."""
        return len(self.book) + len(self.stops)

    def traded(self, price: int, stamp: str) -> None:
        """A trade of whomever: the last price is another, and stops may be set off.

        stamp: UTC timestamp.
        """
        self.last_price = price
        if self.stops:
            self.due += self.stops.traded(price, stamp)

    def withdraw(self, order: PlacedOrder) -> None:
        """Take an open order away from where it stands or waits."""
        self.touched = True
        if order.waits is None:
            self.book.cancel(order)
        elif not self.stops.discard(order) and order in self.due:
            self.due.remove(order)

    def cost(self, order: PlacedOrder) -> int:
        """What an order has to lock for what is left of it, or for its pair (lists.py).

        Nothing while it waits for an order of its list.
        """
        if order.waits is Wait.RELEASE:
            return 0
        group = order.order_list
        partner = None if group is None else group.partner(order)
        if group is None or partner is None:
            return self._cost_alone(order)
        return max(map(self._cost_alone, group.pair)) if group.carries(order) else 0

    def _cost_alone(self, order: PlacedOrder) -> int:
        """A market order is walked."""
        if order.side == BUY and order.price is None and order.waits is None:
            mode = order.prevention_mode
            avoided, there = apart(order.account, mode), AT_OWN.get(mode, Apart.PASSES)
            return self.book.walk(BUY, None, order.leaves_qty, avoided, there)[1]
        return order.worth(order.leaves_qty)

    def next_order_id(self) -> int:
        """The number of a new order, unique within the symbol."""
        self._order_id += 1
        return self._order_id

    def next_exec_id(self) -> int:
        """The number of a new report, rising within the symbol."""
        self._exec_id += EXEC_ID_STEP
        return self._exec_id

    def next_trade_id(self) -> int:
        """The number of a new match, the same for both sides."""
        self._trade_id += 1
        return self._trade_id

    def next_prevented_match_id(self) -> int:
        """The number of two orders that were kept apart, the same for both."""
        self._prevented_match_id += 1
        return self._prevented_match_id
