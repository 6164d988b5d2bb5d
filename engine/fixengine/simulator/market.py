"""One symbol of the venue: its book, the house's ladder and its counters."""

from __future__ import annotations

from fixengine.simulator.accounts import PlacedOrder
from fixengine.simulator.book import Book
from fixengine.simulator.instruments import Instrument

EXEC_ID_STEP = 2


class Market:
    """See the module's top.

    touched: something happened since the last tick. ExecIDs rise with gaps, as the venue's do.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.book: Book[PlacedOrder] = Book()
        self.ladder: dict[tuple[str, int], PlacedOrder] = {}
        self.touched = True
        self._order_id = 1_000_000
        self._exec_id = 5_000_000
        self._trade_id = 300_000
        self._prevented_match_id = 0

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
