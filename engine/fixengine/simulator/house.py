"""House liquidity: an account of the venue that quotes a ladder around each symbol's fair price.

On a tick the house does two things, in this order. It trades with every resting order of a client
that stands beyond the fair price (a bid above it, an offer below it), at that order's price: so a
bid between the fair price and the house's offer is filled as a maker by the next tick. Then it
replaces the orders of its ladder that were touched. Nothing is random; a symbol in which nothing
happened since the last tick is left alone.
"""

from __future__ import annotations

from fixengine.simulator.accounts import Account, PlacedOrder
from fixengine.simulator.book import BUY, SELL
from fixengine.simulator.market import Market

APPETITE = 1 << 62


class House:
    """See the module's top."""

    def __init__(self) -> None:
        self.account = Account("house", {}, unlimited=True)

    def taker(self, market: Market, side: str) -> PlacedOrder | None:
        """An order for all that stands beyond the fair price on the other side, if anything."""
        instrument = market.instrument
        price = instrument.fair + (-instrument.tick if side == BUY else instrument.tick)
        if not market.book.crosses(side, price):
            return None
        return self.order(market, side, price, APPETITE)

    def quote(self, market: Market) -> None:
        """Make the ladder whole again. It never crosses a client's order: those were taken."""
        instrument, ladder = market.instrument, market.instrument.ladder
        for side in (BUY, SELL):
            sign = -1 if side == BUY else 1
            for level in range(ladder.levels):
                price = instrument.fair + sign * (ladder.half_spread + level * ladder.spacing)
                order = market.ladder.get((side, price))
                if order is not None and order.leaves_qty == ladder.quantity:
                    continue
                if order is not None and order.leaves_qty:
                    market.book.cancel(order)
                order = self.order(market, side, price, ladder.quantity)
                market.ladder[side, price] = order
                market.book.rest(order)

    def order(self, market: Market, side: str, price: int, quantity: int) -> PlacedOrder:
        """An order of the house; it locks nothing and is told to nobody."""
        return PlacedOrder(
            market.next_order_id(),
            side,
            price,
            quantity,
            account=self.account,
            instrument=market.instrument,
            cl_ord_id="",
            may_rest=True,
            columns={},
        )
