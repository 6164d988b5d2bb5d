"""The rules of a symbol: whether an order keeps them, and its amounts rounded so that they do.

Rules are the venue's filters, by its own names; a part that is "0" is off. Nothing here rounds
unasked. Source: spec section 12.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Context, Decimal
from typing import NamedTuple

import msgspec

from fixengine.messages.amounts import AMOUNT_CHARACTERS_MAX, Amount, decimal_text
from fixengine.messages.base import Message
from fixengine.messages.enums import OrdType, Side
from fixengine.messages.orders import NewOrderSingle

EXACT = Context(prec=3 * AMOUNT_CHARACTERS_MAX)
"""Products and remainders of amounts, in full."""


class Broken(NamedTuple):
    """A rule that an order does not keep. rule: the venue's name of the filter, or PRECISION."""

    rule: str
    text: str


class Instrument(Message):
    """What the venue tells of a symbol, or why that cannot be told. Carries no report_seq.

    told_ms: when the venue told it, ms since 1970. status: its word, such as "TRADING". Names of
    amounts are those of the venue's filters: PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE and NOTIONAL
    (or MIN_NOTIONAL, whichever notional_rule says). …_precision: most decimals of an amount.
    problem: why there is no answer. …_delta: of TRAILING_DELTA, in basis points.
    """

    request_id: int
    epoch: int
    symbol: str = ""
    told_ms: int = 0
    status: str = ""
    base_asset: str = ""
    quote_asset: str = ""
    base_precision: int = 8
    quote_precision: int = 8
    min_price: str = "0"
    max_price: str = "0"
    tick_size: str = "0"
    min_qty: str = "0"
    max_qty: str = "0"
    step_size: str = "0"
    market_min_qty: str = "0"
    market_max_qty: str = "0"
    market_step_size: str = "0"
    min_notional: str = "0"
    max_notional: str = "0"
    iceberg_parts_max: int = 0
    problem: str = ""
    notional_rule: str = "NOTIONAL"
    min_trailing_above_delta: int = 0
    max_trailing_above_delta: int = 0
    min_trailing_below_delta: int = 0
    max_trailing_below_delta: int = 0

    def price(self, value: Amount, side: str) -> str:
        """A price that is a multiple of tick_size: of a BUY the next lower, of a SELL the higher.

        So it never trades at a worse price than was asked for. Raises as decimal_text does.
        """
        rounding = ROUND_FLOOR if side == Side.BUY else ROUND_CEILING
        return _multiple(decimal_text(value, "price"), self.tick_size, rounding)

    def quantity(self, value: Amount) -> str:
        """The next lower quantity that is a multiple of step_size. Raises as decimal_text does."""
        return _multiple(decimal_text(value, "order_qty"), self.step_size, ROUND_DOWN)

    def rounded(self, order: NewOrderSingle) -> NewOrderSingle:
        """A copy of an order with its prices and quantities rounded; see `price` and `quantity`.

        A trigger price is rounded as a price is, the quantity of a MARKET order by market_step_size
        too, a quote amount down to the quote asset's precision. What is too small or too big stays
        so.
        """
        found = msgspec.structs.replace(order)
        for name in ("price", "trigger_price"):
            if (value := getattr(order, name)) is not None:
                setattr(found, name, self.price(value, order.side))
        for name in ("order_qty", "max_floor"):
            if (value := getattr(order, name)) is not None:
                setattr(found, name, self.quantity(value))
        if order.ord_type == OrdType.MARKET and found.order_qty is not None:
            found.order_qty = _multiple(found.order_qty, self.market_step_size, ROUND_DOWN)
        if order.cash_order_qty is not None:
            cash = decimal_text(order.cash_order_qty, "cash_order_qty")
            unit = f"{Decimal(1).scaleb(-self.quote_precision):f}"
            found.cash_order_qty = _multiple(cash, unit, ROUND_DOWN)
        return found

    def broken(self, order: NewOrderSingle) -> Broken | None:
        """The first rule that an order does not keep, or None. Its amounts are plain text."""
        return Rules(self).broken(order)


class _Steps:
    """Least, most and step of an amount; 0 turns a part off."""

    __slots__ = ("high", "low", "rule", "step")

    def __init__(self, rule: str, low: str, high: str, step: str) -> None:
        self.rule = rule
        self.low, self.high, self.step = Decimal(low), Decimal(high), Decimal(step)

    def broken(self, name: str, value: Decimal) -> Broken | None:
        """Whether an amount is beyond these."""
        if self.low and value < self.low:
            return Broken(self.rule, f"{name} {value:f} is less than {self.low:f}")
        if self.high and value > self.high:
            return Broken(self.rule, f"{name} {value:f} is more than {self.high:f}")
        if self.step and EXACT.remainder(value, self.step):
            return Broken(self.rule, f"{name} {value:f} is no multiple of {self.step:f}")
        return None


class Rules:
    """The same of an Instrument, read once, for one order after the other."""

    def __init__(self, told: Instrument) -> None:
        self.told = told
        self._price = _Steps("PRICE_FILTER", told.min_price, told.max_price, told.tick_size)
        self._lot = _Steps("LOT_SIZE", told.min_qty, told.max_qty, told.step_size)
        market = told.market_min_qty, told.market_max_qty, told.market_step_size
        self._market_lot = _Steps("MARKET_LOT_SIZE", *market)
        self._notional = _Steps(told.notional_rule, told.min_notional, told.max_notional, "0")

        above = str(told.min_trailing_above_delta), str(told.max_trailing_above_delta)
        below = str(told.min_trailing_below_delta), str(told.max_trailing_below_delta)
        self._trailing_above = _Steps("TRAILING_DELTA", *above, "0")
        self._trailing_below = _Steps("TRAILING_DELTA", *below, "0")

    def broken(self, order: NewOrderSingle) -> Broken | None:
        """See Instrument.broken."""
        price = None if order.price is None else Decimal(order.price)
        quantity = None if order.order_qty is None else Decimal(order.order_qty)
        found = None
        if price is not None:
            found = self._price.broken("price", price)
        if found is None and quantity is not None:
            found = self._lot.broken("order_qty", quantity)
            if found is None and order.ord_type == OrdType.MARKET:
                found = self._market_lot.broken("order_qty", quantity)
        if found is None and price is not None and quantity is not None:
            notional = EXACT.multiply(price, quantity)
            found = self._notional.broken("price * order_qty", notional)
        return found or self._broken_besides(order, quantity)

    def broken_qty(self, order_qty: str) -> Broken | None:
        """The rule that a new quantity of an order does not keep, or None."""
        return self._lot.broken("order_qty", Decimal(order_qty))

    def _broken_besides(self, order: NewOrderSingle, quantity: Decimal | None) -> Broken | None:
        """Of fields that most orders do not have, and of their decimals."""
        found = None
        if order.trigger_price is not None:
            found = self._price.broken("trigger_price", Decimal(order.trigger_price))
        if found is None and order.max_floor is not None:
            floor, most = Decimal(order.max_floor), self.told.iceberg_parts_max
            found = self._lot.broken("max_floor", floor)
            if found is None and most and quantity is not None and quantity > floor * most:
                text = f"order_qty {quantity:f} has more than {most} parts of max_floor {floor:f}"
                found = Broken("ICEBERG_PARTS", text)
        if found is None and order.trigger_trailing_delta_bips is not None:
            found = self._trailing_broken(order, Decimal(order.trigger_trailing_delta_bips))
        told = self.told
        for name, value, most in (
            ("price", order.price, told.quote_precision),
            ("trigger_price", order.trigger_price, told.quote_precision),
            ("order_qty", order.order_qty, told.base_precision),
            ("cash_order_qty", order.cash_order_qty, told.quote_precision),
        ):
            if found is None and value is not None and _decimals(value) > most:
                found = Broken("PRECISION", f"{name} {value} has more than {most} decimals")
        return found

    def _trailing_broken(self, order: NewOrderSingle, bips: Decimal) -> Broken | None:
        """The bounds above hold for a stop that rises, those below for one that falls."""
        direction = order.trigger_price_direction
        # Without a direction the venue takes it for a take profit: above where it sells.
        above = direction == "U" if direction is not None else order.side == Side.SELL
        return (self._trailing_above if above else self._trailing_below).broken(
            "trigger_trailing_delta_bips", bips
        )


def _decimals(text: str) -> int:
    """Decimals of an amount; zeros at the end are none."""
    return len(text.partition(".")[2].rstrip("0"))


def _multiple(text: str, step: str, rounding: str) -> str:
    unit = Decimal(step)
    if not unit:
        return text
    context = Context(prec=EXACT.prec, rounding=rounding)
    count = context.divide(Decimal(text), unit).to_integral_value(rounding)
    return f"{EXACT.multiply(count, unit):f}"
