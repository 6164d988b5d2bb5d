"""What each strategy has traded today, by symbol: exact sums of fills, and the fees taken.

Only fills count, each once, never differences of CumQty<14>. A day is one of UTC, and the sums
begin anew with it; a fill belongs to the day on which it was heard of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fixengine import wire
from fixengine.desk.orders import QTY_DECIMALS
from fixengine.messages import ExecutionReport, MiscFee, Position, Side

DAY_NS = 86_400 * 1_000_000_000
QUOTE_DECIMALS = 2 * QTY_DECIMALS


class Fill(NamedTuple):
    """What counts of a report of a fill."""

    symbol: str
    side: str
    last_qty: str | None
    last_px: str | None
    misc_fees: tuple[MiscFee, ...]


class Traded:
    """Sums over the fills of one strategy in one symbol; integers, exact.

    bought, sold: in units of 10**-QTY_DECIMALS; paid, received: of quote, 10**-QUOTE_DECIMALS.
    """

    __slots__ = ("bought", "fees", "paid", "received", "sold")

    def __init__(self) -> None:
        self.bought = 0
        self.sold = 0
        self.paid = 0
        self.received = 0
        self.fees: Counter[str] = Counter()

    def told(self, symbol: str) -> Position:
        """As a strategy is told of it."""
        quantities = plain(self.bought, QTY_DECIMALS), plain(self.sold, QTY_DECIMALS)
        amounts = plain(self.paid, QUOTE_DECIMALS), plain(self.received, QUOTE_DECIMALS)
        fees = tuple((name, plain(fee, QTY_DECIMALS)) for name, fee in sorted(self.fees.items()))
        return Position(symbol, *quantities, *amounts, fees)


class Positions:
    """All strategies' sums of one day. day: days since 1970."""

    def __init__(self) -> None:
        self.day = 0
        self._traded: dict[tuple[int, str], Traded] = {}

    def fill(self, strategy: int, fill: Fill | ExecutionReport, wall_ns: int) -> None:
        """Count a fill. wall_ns: nanoseconds since 1970 UTC.

        Raises LocalProtocolError for amounts that are no numbers or have more decimals than
        QTY_DECIMALS; nothing is counted then.
        """
        quantity = wire.scaled(fill.last_qty or "0", QTY_DECIMALS)
        quote = quantity * wire.scaled(fill.last_px or "0", QTY_DECIMALS)
        fees = [
            (fee.misc_fee_curr, wire.scaled(fee.misc_fee_amt, QTY_DECIMALS))
            for fee in fill.misc_fees
        ]
        day = wall_ns // DAY_NS
        if day > self.day:
            self.day = day
            self._traded.clear()
        traded = self._traded.get((strategy, fill.symbol))
        if traded is None:
            traded = self._traded[strategy, fill.symbol] = Traded()
        if fill.side == Side.BUY:
            traded.bought += quantity
            traded.paid += quote
        else:
            traded.sold += quantity
            traded.received += quote
        for name, fee in fees:
            traded.fees[name] += fee

    def of(self, strategy: int, wall_ns: int) -> tuple[Position, ...]:
        """A strategy's positions of the day that it is now."""
        if wall_ns // DAY_NS > self.day:
            return ()
        return tuple(
            traded.told(symbol)
            for (owner, symbol), traded in self._traded.items()
            if owner == strategy
        )

    def carry(self) -> Iterator[tuple[int, Position]]:
        """(strategy, position) of all, for the journal."""
        for (strategy, symbol), traded in self._traded.items():
            yield strategy, traded.told(symbol)

    def restore(self, day: int, sums: Iterable[tuple[int, Position]]) -> None:
        """Begin with what a run before this one has carried on that day."""
        self.day = day
        self._traded.clear()
        for strategy, position in sums:
            traded = self._traded[strategy, position.symbol] = Traded()
            traded.bought = units(position.bought, QTY_DECIMALS)
            traded.sold = units(position.sold, QTY_DECIMALS)
            traded.paid = units(position.paid, QUOTE_DECIMALS)
            traded.received = units(position.received, QUOTE_DECIMALS)
            for name, fee in position.fees:
                traded.fees[name] = units(fee, QTY_DECIMALS)


def plain(value: int, decimals: int) -> str:
    """An integer of any size in units of 10**-decimals as text: 150000000, 8 -> 1.50000000."""
    whole, part = divmod(abs(value), 10**decimals)
    return f"{'-' if value < 0 else ''}{whole}.{part:0{decimals}d}"


def units(text: str, decimals: int) -> int:
    """What `plain` made, as the integer again. ValueError for other text."""
    whole, point, part = text.partition(".")
    if not point or len(part) != decimals:
        raise ValueError(f"{text!r} has not {decimals} decimals")
    value = int(whole.lstrip("-") + part)
    return -value if whole.startswith("-") else value
