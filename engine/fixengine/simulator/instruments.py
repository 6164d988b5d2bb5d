"""The symbols the built-in venue trades, with their filters, as data.

Every price, quantity and amount is an integer at one scale: 8 decimals, the precision the venue
renders on order entry. An amount of money is price * quantity / 10**8; tick and step are
chosen so that this division is exact, and `Instrument` refuses a pair for which it is not.

`fair` is the price around which the house quotes and the reference price of the filters. It
never moves: the venue must do the same thing twice when it is told the same thing twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from fixengine import wire

SCALE = 8
UNIT: int = 10**SCALE
ICEBERGS_MAX = 10


def units(text: str) -> int:
    """Decimal text -> integer at SCALE. Raises wire's errors for text that does not fit."""
    return wire.scaled(text, SCALE)


def text_of(value: int) -> str:
    """Integer at SCALE -> text as the venue renders it, always with eight decimals."""
    return wire.unscaled(value, SCALE)


def amount(price: int, quantity: int) -> int:
    """price * quantity at SCALE; exact for every valid pair of one instrument."""
    return price * quantity // UNIT


@dataclass(frozen=True, slots=True)
class Lot:
    """A LOT_SIZE or MARKET_LOT_SIZE filter."""

    quantity_min: int
    quantity_max: int
    step: int

    def passes(self, quantity: int) -> bool:
        """Whether a quantity lies within the limits and on the step."""
        return self.quantity_min <= quantity <= self.quantity_max and (
            self.step == 0 or quantity % self.step == 0
        )


@dataclass(frozen=True, slots=True)
class Ladder:
    """House liquidity of one symbol: orders on both sides of the fair price.

    levels: orders per side. quantity: size of each. half_spread: distance of the first level from
    the fair price. spacing: distance between levels.
    """

    levels: int
    quantity: int
    half_spread: int
    spacing: int


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol; field names follow exchangeInfo. All numbers are integers at SCALE.

    percent_down, percent_up: PERCENT_PRICE multipliers, in hundredths of the fair price; with
    percent_by_side they are those of BUY orders in PERCENT_PRICE_BY_SIDE, and it holds those of
    SELL orders. stops_max: MAX_NUM_ALGO_ORDERS. icebergs_max: MAX_NUM_ICEBERG_ORDERS.
    position_max: MAX_POSITION, None where the symbol has none. transfers: it permits the
    self-trade prevention mode TRANSFER. trailing_above, trailing_below:
    TRAILING_DELTA, the least and the most basis points, of stops that look up and of those that
    look down.
    Raises ValueError where tick and step have more than SCALE decimals together.
    """

    symbol: str
    base: str
    quote: str
    tick: int
    price_min: int
    price_max: int
    lot: Lot
    market_lot: Lot
    notional_min: int
    notional_max: int
    percent_down: int
    percent_up: int
    orders_max: int
    stops_max: int
    trailing_above: tuple[int, int]
    trailing_below: tuple[int, int]
    fair: int
    ladder: Ladder
    icebergs_max: int = ICEBERGS_MAX
    position_max: int | None = None
    percent_by_side: tuple[int, int] | None = None
    transfers: bool = False

    def __post_init__(self) -> None:
        if self.tick * self.lot.step % UNIT:
            raise ValueError(
                f"{self.symbol}: tick and step together have more than {SCALE} decimals,"
                " so amounts would not be exact; choose coarser ones"
            )

    def price_passes(self, price: int) -> bool:
        """PRICE_FILTER."""
        return self.price_min <= price <= self.price_max and price % self.tick == 0

    def percent_passes(self, price: int, buys: bool) -> bool:
        """PERCENT_PRICE, or PERCENT_PRICE_BY_SIDE."""
        down, up = self.percent_down, self.percent_up
        if self.percent_by_side is not None and not buys:
            down, up = self.percent_by_side
        return self.fair * down <= price * 100 <= self.fair * up

    @property
    def percent_filter(self) -> str:
        """The name of what `percent_passes` looks at."""
        return "PERCENT_PRICE" if self.percent_by_side is None else "PERCENT_PRICE_BY_SIDE"

    def notional_passes(self, notional: int) -> bool:
        """NOTIONAL."""
        return self.notional_min <= notional <= self.notional_max


def instrument(
    symbol: str,
    base: str,
    quote: str,
    *,
    tick: str,
    step: str,
    fair: str,
    quantity: str,
    position_max: str | None = None,
    percent_by_side: tuple[int, int] | None = None,
    transfers: bool = False,
) -> Instrument:
    """An instrument with the venue's usual filters and a ladder of 20 levels a side."""
    tick_units, step_units, fair_units = units(tick), units(step), units(fair)
    spread = max(10 * tick_units, fair_units // 50_000 // tick_units * tick_units)
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick=tick_units,
        price_min=tick_units,
        price_max=units("1000000"),
        lot=Lot(step_units, units("9000"), step_units),
        market_lot=Lot(0, units("100"), 0),
        notional_min=units("5"),
        notional_max=units("9000000"),
        percent_down=20,
        percent_up=500,
        orders_max=200,
        stops_max=5,
        trailing_above=(10, 2000),
        trailing_below=(10, 2000),
        fair=fair_units,
        ladder=Ladder(levels=20, quantity=units(quantity), half_spread=spread, spacing=spread),
        position_max=None if position_max is None else units(position_max),
        percent_by_side=percent_by_side,
        transfers=transfers,
    )


INSTRUMENTS = (
    instrument(
        "BTCUSDT", "BTC", "USDT", tick="0.01", step="0.00001", fair="50000.00", quantity="2"
    ),
    instrument("ETHUSDT", "ETH", "USDT", tick="0.01", step="0.0001", fair="3000.00", quantity="40"),
    instrument("BNBUSDT", "BNB", "USDT", tick="0.01", step="0.001", fair="600.00", quantity="200"),
    # The symbol of the venue's testnet whose name is not ASCII; with what others lack.
    instrument(
        "这是测试币456",
        "这是测试币",
        "456",
        tick="0.0001",
        step="0.1",
        fair="1.0000",
        quantity="900",
        position_max="150000",
        percent_by_side=(50, 1000),
        transfers=True,
    ),
)
