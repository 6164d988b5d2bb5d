"""A NewOrderSingle read as an order: what must stand together, and what the symbol permits.

The order of the checks is the venue's as far as it is known: first the fields that belong
together (answered with Reject<3>), then precision, then features the symbol does not have, then
filters (both answered with a rejecting ExecutionReport).

Kinds of order that the real venue has and this one does not play are refused as it refuses them on
a symbol without that feature: pegged and SOR orders. So is the self-trade prevention mode TRANSFER,
but on the symbol that permits it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fixengine import wire
from fixengine.fix.venue import Complaint
from fixengine.simulator import refusals
from fixengine.simulator.instruments import SCALE, Instrument, amount, units
from fixengine.simulator.refusals import Refusal

MARKET, LIMIT, STOP, STOP_LIMIT, PEGGED = "1", "2", "3", "4", "P"
STOPS = (STOP, STOP_LIMIT)
"""Those that wait for a price: a stop loss or take profit, without and with a limit price."""
GTC, IOC, FOK = "1", "3", "4"
TARGET_STRATEGY_MIN = 1_000_000
SELF_TRADE_PREVENTIONS = ("1", "2", "3", "4", "5")
"""NONE to DECREMENT: the modes that every symbol permits."""
TRANSFER = "6"
ICEBERG_PARTS_MAX = 100
"""Slices of an iceberg, when it is placed."""
TRIGGER_FIELDS = (
    (1100, "trigger_type"),
    (1101, "trigger_action"),
    (1102, "trigger_price"),
    (1107, "trigger_price_type"),
    (1109, "trigger_price_direction"),
    (25009, "trigger_trailing_delta_bips"),
)
PEG_FIELDS = (
    (211, "peg_offset_value"),
    (1094, "peg_price_type"),
    (835, "peg_move_type"),
    (836, "peg_offset_type"),
)


@dataclass(slots=True)
class Terms:
    """The numbers of an order at SCALE; None where the field is absent.

    trailing: TriggerTrailingDeltaBips<25009>, in basis points.
    """

    price: int | None
    quantity: int | None
    cash: int | None
    max_floor: int | None = None
    trigger_price: int | None = None
    trailing: int | None = None


def read(request: Any, in_list: bool = False) -> Terms | Complaint:
    """Check what stands together and turn amounts into integers.

    request: anything with the names of the NewOrderSingle table as attributes. in_list: a trailing
    order may have a direction without a price, which says whether it is a stop loss.
    """
    found = _combination(request, in_list)
    if found is not None:
        return found
    amounts: list[int | None] = []
    for tag, name in (
        (44, "price"),
        (38, "order_qty"),
        (152, "cash_order_qty"),
        (111, "max_floor"),
        (1102, "trigger_price"),
    ):
        text = getattr(request, name)
        value = None if text is None else quantity(text, tag, name)
        if isinstance(value, Complaint):
            return value
        amounts.append(value)
    terms, bips = Terms(*amounts), request.trigger_trailing_delta_bips
    if bips is not None:
        terms.trailing = int(bips)
    return terms


def quantity(text: str, tag: int, name: str) -> int | Complaint:
    """A price or quantity at SCALE, or what is wrong with it."""
    try:
        return units(text)
    except wire.LocalProtocolError:
        # The text is a number, its syntax was checked; it is too fine or too big.
        _, _, decimals = text.partition(".")
        if len(decimals.rstrip("0")) > SCALE:
            return refusals.too_precise(tag, name)
        return refusals.overflowed(tag, name)


def _combination(request: Any, in_list: bool) -> Complaint | None:
    ord_type = request.ord_type
    found = _market_combination(request) if ord_type == MARKET else _limit_combination(request)
    if found is None and ord_type in STOPS:
        found = _trigger_combination(request, in_list)
    if found is not None:
        return found
    if ord_type in (MARKET, LIMIT):
        for tag, name in TRIGGER_FIELDS:
            # A limit or market order with a trigger is another order type, not a richer one.
            if getattr(request, name) is not None:
                return refusals.surplus(tag, name)
    if ord_type != PEGGED:
        for tag, name in PEG_FIELDS:
            if getattr(request, name) is not None:
                return refusals.surplus(tag, name)
    target = request.target_strategy
    if target is not None and int(target) < TARGET_STRATEGY_MIN:
        return refusals.BAD_STRATEGY_TYPE
    return None


def _market_combination(request: Any) -> Complaint | None:
    if request.time_in_force is not None:
        return refusals.TIME_IN_FORCE_SURPLUS
    if request.price is not None:
        return refusals.surplus(refusals.PRICE, "price")
    if request.exec_inst is not None:
        return refusals.surplus(18, "exec_inst")
    if request.max_floor is not None:
        return refusals.surplus(111, "max_floor")
    if request.order_qty is None and request.cash_order_qty is None:
        return refusals.missing(refusals.ORDER_QTY)
    if request.order_qty is not None and request.cash_order_qty is not None:
        return refusals.TWO_QUANTITIES
    return None


def _limit_combination(request: Any) -> Complaint | None:
    ord_type = request.ord_type
    if request.cash_order_qty is not None:
        return refusals.surplus(refusals.CASH_ORDER_QTY, "cash_order_qty")
    if request.order_qty is None:
        return refusals.missing(refusals.ORDER_QTY)
    if ord_type == STOP:
        for tag, name in ((refusals.PRICE, "price"), (18, "exec_inst"), (111, "max_floor")):
            if getattr(request, name) is not None:
                return refusals.surplus(tag, name)
        if request.time_in_force is not None:
            return refusals.TIME_IN_FORCE_SURPLUS
    else:
        if request.price is None and ord_type != PEGGED:
            return refusals.missing(refusals.PRICE)
        maker_only = request.exec_inst is not None
        if maker_only and ord_type == STOP_LIMIT:
            return refusals.surplus(18, "exec_inst")
        if request.time_in_force is None and not maker_only:
            return refusals.missing(refusals.TIME_IN_FORCE)
        if request.time_in_force is not None and maker_only:
            return refusals.TIME_IN_FORCE_SURPLUS
    if ord_type == PEGGED and request.peg_price_type is None:
        return refusals.missing(1094)
    return None


def _trigger_combination(request: Any, in_list: bool) -> Complaint | None:
    """A direction belongs to a price (spec 9.2)."""
    if request.trigger_price is None and request.trigger_trailing_delta_bips is None:
        return refusals.missing(1102)
    for tag, name in (TRIGGER_FIELDS[0], TRIGGER_FIELDS[1], TRIGGER_FIELDS[3]):
        if getattr(request, name) is None:
            return refusals.missing(tag)
    has_direction = request.trigger_price_direction is not None
    if request.trigger_price is None and has_direction and not in_list:
        return refusals.surplus(1109, "trigger_price_direction")
    if request.trigger_price is not None and not has_direction:
        return refusals.missing(1109)
    return None


def preventions(instrument: Instrument) -> tuple[str, ...]:
    """The self-trade prevention modes that a symbol permits."""
    return (*SELF_TRADE_PREVENTIONS, TRANSFER) if instrument.transfers else SELF_TRADE_PREVENTIONS


def feature(instrument: Instrument, request: Any) -> Refusal | None:
    """The refusal of a kind of order that is not enabled here, or None."""
    ord_type = request.ord_type
    if request.self_trade_prevention_mode not in (None, *preventions(instrument)):
        return refusals.STP_NOT_ALLOWED
    # Only an order that comes alone can ask to be routed.
    if getattr(request, "sor", None) == "Y":
        # No text of the venue names SOR; this is the nearest of those it has.
        return refusals.UNSUPPORTED_COMBINATION
    if ord_type == PEGGED:
        return refusals.not_supported("Pegged")
    # Time in force is missing where an order must not take.
    if request.max_floor is not None and request.time_in_force in (IOC, FOK):
        return refusals.UNSUPPORTED_COMBINATION
    return None


def filters(instrument: Instrument, terms: Terms, buys: bool) -> Refusal | None:
    """The first filter of the symbol that an order does not pass, or None."""
    price, quantity, slice_qty = terms.price, terms.quantity, terms.max_floor
    if price is not None:
        if not instrument.price_passes(price):
            return refusals.filter_failure("PRICE_FILTER")
        if not instrument.percent_passes(price, buys):
            return refusals.filter_failure(instrument.percent_filter)
    if quantity is not None:
        if not instrument.lot.passes(quantity):
            return refusals.filter_failure("LOT_SIZE")
        if price is None and not instrument.market_lot.passes(quantity):
            return refusals.filter_failure("MARKET_LOT_SIZE")
        if slice_qty is not None:
            if slice_qty > quantity:
                return refusals.ICEBERG_TOO_BIG
            if not instrument.lot.passes(slice_qty):
                return refusals.filter_failure("LOT_SIZE")
            if -(-quantity // slice_qty) > ICEBERG_PARTS_MAX:
                return refusals.filter_failure("ICEBERG_PARTS")
        notional = amount(instrument.fair if price is None else price, quantity)
    else:
        assert terms.cash is not None
        notional = terms.cash
    if not instrument.notional_passes(notional):
        return refusals.filter_failure("NOTIONAL")
    return None
