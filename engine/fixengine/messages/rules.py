"""What the venue refuses of an order whatever its symbol: fields that do not go together.

Source: spec sections 9.1 and 9.2. What depends on the symbol (its filters, what is enabled on it)
or on the account is not looked at here.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

from fixengine.messages.enums import (
    OrdType,
    PegPriceType,
    SelfTradePreventionMode,
    Side,
    TimeInForce,
)

TRIGGER_FIELDS = (
    "trigger_type",
    "trigger_action",
    "trigger_price",
    "trigger_price_type",
    "trigger_price_direction",
    "trigger_trailing_delta_bips",
)
PEG_FIELDS = ("peg_offset_value", "peg_price_type", "peg_move_type", "peg_offset_type")
TARGET_STRATEGY_MIN = 1_000_000
PEG_OFFSET_MAX = 100
LABEL_DIGITS_MAX = 19
LABEL_MAX = (1 << 63) - 1
"""TargetStrategy and StrategyID are whole numbers of 64 bits."""
NAMES_OF_TYPES = {
    OrdType.MARKET.value: "a MARKET order",
    OrdType.LIMIT.value: "a LIMIT order",
    OrdType.STOP.value: "a STOP_LOSS or TAKE_PROFIT order",
    OrdType.STOP_LIMIT.value: "a STOP_LOSS_LIMIT or TAKE_PROFIT_LIMIT order",
    OrdType.PEGGED.value: "a pegged order",
}


def check_order(order: Any, needs_qty: bool = True) -> None:
    """Raise ValueError, naming the field, for an order that the venue refuses on every symbol.

    order: anything with the fields of NewOrderSingle, its amounts plain text. needs_qty: whether it
    has to say how much.
    """
    what = NAMES_OF_TYPES.get(order.ord_type)
    if what is None:
        raise ValueError(f"ord_type: expected an OrdType, got {order.ord_type!r}")
    if order.exec_inst is not None and order.ord_type == OrdType.LIMIT:
        what = "a LIMIT_MAKER order"
    if not isinstance(order.symbol, str) or not order.symbol:
        raise ValueError("symbol: expected the venue's name of one, such as 'BTCUSDT'")
    if order.side not in (Side.BUY, Side.SELL):
        raise ValueError(f"side: expected Side.BUY or Side.SELL, got {order.side!r}")
    if needs_qty:
        _check_qty(order, what)
    if order.ord_type == OrdType.MARKET:
        _without(order, what, "price", "time_in_force", "exec_inst", "max_floor")
    else:
        _check_priced(order, what)
    if order.ord_type in (OrdType.MARKET, OrdType.LIMIT):
        _without(order, what, *TRIGGER_FIELDS)
    elif order.ord_type != OrdType.PEGGED or order.trigger_type is not None:
        _check_trigger(order, what)
    if order.ord_type == OrdType.PEGGED:
        _check_peg(order, what)
    else:
        _without(order, what, *PEG_FIELDS)
    for name in ("order_qty", "cash_order_qty", "price", "max_floor", "trigger_price"):
        value = getattr(order, name)
        if value is not None and not Decimal(value):
            raise ValueError(f"{name}: {what} of {value}; expected more than nothing")
    check_choice(
        "self_trade_prevention_mode", order.self_trade_prevention_mode, SelfTradePreventionMode
    )
    _check_labels(order)
    if order.sor is not None and order.ord_type not in (OrdType.MARKET, OrdType.LIMIT):
        raise ValueError(f"sor: {what} cannot be routed; only MARKET and LIMIT can")


def check_choice(name: str, value: str | None, choices: type[StrEnum]) -> None:
    """Raise ValueError, naming the field, for a value that is not None and none of the venue's."""
    if value is not None and value not in tuple(choices):
        raise ValueError(f"{name}: expected a {choices.__name__}, got {value!r}")


def _check_qty(order: Any, what: str) -> None:
    if order.ord_type != OrdType.MARKET:
        _with(order, what, "order_qty")
    elif (order.order_qty is None) == (order.cash_order_qty is None):
        raise ValueError(f"order_qty: {what} has order_qty or cash_order_qty, exactly one of them")
    if order.sor is not None and order.cash_order_qty is not None:
        raise ValueError("sor: an order by cash_order_qty cannot be routed; give order_qty")


def _check_priced(order: Any, what: str) -> None:
    _without(order, what, "cash_order_qty")
    if order.ord_type == OrdType.STOP:
        _without(order, what, "price", "time_in_force", "exec_inst", "max_floor")
        return
    if order.ord_type != OrdType.PEGGED:
        _with(order, what, "price")
    if order.exec_inst is not None:
        _without(order, what, "time_in_force")
        if order.ord_type == OrdType.STOP_LIMIT:
            _without(order, what, "exec_inst")
    elif order.time_in_force not in tuple(TimeInForce):
        raise ValueError(f"time_in_force: {what} needs a TimeInForce, got {order.time_in_force!r}")
    if order.max_floor is not None:
        if order.exec_inst is None and order.time_in_force != TimeInForce.GOOD_TILL_CANCEL:
            raise ValueError("max_floor: an iceberg needs time_in_force GOOD_TILL_CANCEL")
        if order.order_qty is not None and Decimal(order.max_floor) > Decimal(order.order_qty):
            raise ValueError(
                f"max_floor: {order.max_floor} is more than order_qty {order.order_qty}"
            )


def _check_trigger(order: Any, what: str) -> None:
    _with(order, what, "trigger_type", "trigger_action", "trigger_price_type")
    trailing = order.trigger_trailing_delta_bips
    if order.trigger_price is None and trailing is None:
        raise ValueError(f"trigger_price: {what} needs it or trigger_trailing_delta_bips")
    if order.trigger_price is not None:
        _with(order, what, "trigger_price_direction")
    if trailing is not None and not (trailing.isdigit() and int(trailing)):
        raise ValueError(
            f"trigger_trailing_delta_bips: expected a whole number from 1, got {trailing!r}"
        )


def _check_peg(order: Any, what: str) -> None:
    peg, offset = order.peg_price_type, order.peg_offset_value
    if peg not in tuple(PegPriceType):
        raise ValueError(f"peg_price_type: expected a PegPriceType, got {peg!r}")
    if offset is not None and not (offset.isdigit() and 1 <= int(offset) <= PEG_OFFSET_MAX):
        raise ValueError(
            f"peg_offset_value: expected whole price levels from 1 to {PEG_OFFSET_MAX},"
            f" got {offset!r}"
        )
    if (offset is None) != (order.peg_offset_type is None):
        raise ValueError("peg_offset_type: stands with peg_offset_value or not at all")
    if order.exec_inst is not None and peg != PegPriceType.PRIMARY_PEG:
        raise ValueError(
            "peg_price_type: a LIMIT_MAKER order can be pegged to its own side only, PRIMARY_PEG"
        )
    is_stop = order.trigger_type is not None
    gtc = order.time_in_force in (None, TimeInForce.GOOD_TILL_CANCEL)
    if peg == PegPriceType.PRIMARY_PEG and not is_stop and not gtc:
        raise ValueError("time_in_force: a LIMIT order with PRIMARY_PEG is GOOD_TILL_CANCEL only")
    if order.sor is not None:
        raise ValueError(f"sor: {what} cannot be routed")


def _check_labels(order: Any) -> None:
    for name, low in (("target_strategy", TARGET_STRATEGY_MIN), ("strategy_id", None)):
        value = getattr(order, name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise TypeError(f"{name}: expected a whole number, not {type(value).__name__}")
        digits = value.removeprefix("-")
        fits = digits.isascii() and digits.isdigit() and len(digits) <= LABEL_DIGITS_MAX
        fits = fits and -LABEL_MAX <= int(value) <= LABEL_MAX
        if not fits or (low is not None and int(value) < low):
            least = "" if low is None else f" from {low}"
            raise ValueError(f"{name}: expected a whole number{least}, got {value[:40]!r}")


def _with(order: Any, what: str, *names: str) -> None:
    for name in names:
        if getattr(order, name) is None:
            raise ValueError(f"{name}: {what} needs it")


def _without(order: Any, what: str, *names: str) -> None:
    for name in names:
        if getattr(order, name) is not None:
            raise ValueError(f"{name}: {what} has none")
