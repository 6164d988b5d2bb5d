"""One symbol of the built-in venue: its book, what waits beside it, and its counters.

An open order either stands in the book or waits: for the trade that sets it off. What a trade has
set off goes to work, in the order in which it was set off, once the request whose trade that was is
carried out; until then it is in `due`.
"""

from __future__ import annotations

from collections import deque

from fixengine.simulator.accounts import PlacedOrder, apart
from fixengine.simulator.book import BUY, Book
from fixengine.simulator.instruments import Instrument
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
        if not order.waits:
            self.book.cancel(order)
        elif not self.stops.discard(order):
            self.due.remove(order)

    def cost(self, order: PlacedOrder) -> int:
        """What has to be locked for what is left of an order; a market order is walked."""
        if order.side == BUY and order.price is None and not order.waits:
            avoided = apart(order.account, order.prevention_mode)
            return self.book.walk(BUY, None, order.leaves_qty, avoided)[1]
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
