"""A new order, and the constructors that read like the venue's own names of order types.

A constructor refuses what the venue would refuse whatever the symbol, and names the field; see
rules.py. Who names the fields by hand goes unchecked but for the amounts, so that nothing the venue
allows tomorrow is out of reach.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, TypedDict, Unpack

from fixengine.messages.amounts import Amount, decimal_text
from fixengine.messages.base import Message
from fixengine.messages.enums import ExecInst, OrdType, Side, TimeInForce, TriggerPriceDirection
from fixengine.messages.rules import check_order

AMOUNTS = (
    "order_qty",
    "price",
    "cash_order_qty",
    "max_floor",
    "trigger_price",
    "trigger_trailing_delta_bips",
    "peg_offset_value",
)
"""Fields of NewOrderSingle that hold plain decimal text."""


PRICE_MOVEMENT, ACTIVATE, LAST_TRADE = "4", "1", "2"
"""The one value of each: TriggerType<1100>, TriggerAction<1101>, TriggerPriceType<1107>."""
FIXED, PRICE_TIER = "1", "3"
"""The one value of each: PegMoveType<835>, PegOffsetType<836>."""


class AllReceived(Enum):
    """ALL_RECEIVED, in the place of order_qty: as much as another order of its list received.

    Only for orders that wait in a list made by `opo` or `opoco`; the venue refuses it elsewhere.
    """

    ALL_RECEIVED = "ALL_RECEIVED"


ALL_RECEIVED = AllReceived.ALL_RECEIVED


class OrderOptions(TypedDict, total=False):
    """What any order may have besides, as keyword arguments.

    cl_ord_id: the strategy's own id. valid_for_ms: how old the order may become before its bytes
    are written. recv_window_ms: RecvWindow<25000>, how late it may come to the venue, which refuses
    it then (-1021); not more than the engine's. target_strategy: at least 1000000; strategy_id: any
    whole number; both are the venue's free labels. self_trade_prevention_mode: a
    SelfTradePreventionMode; without one the symbol's own holds.
    """

    cl_ord_id: str
    valid_for_ms: int
    recv_window_ms: int
    target_strategy: str | int | None
    strategy_id: str | int | None
    self_trade_prevention_mode: str | None


class RestingOptions(OrderOptions, total=False):
    """What an order with a limit price may have besides.

    max_floor: shows no more than so much of it at once (iceberg). peg_price_type: a PegPriceType;
    the venue then chooses the price when the order enters the book, and the price argument may be
    None. peg_offset_value: so many price levels further from the other side, 1..100.
    """

    max_floor: Amount | None
    peg_price_type: str | None
    peg_offset_value: Amount | None


class NewOrderSingle(Message):
    """An order (MsgType D). Use a constructor, `limit`, `market` and so on, or name the fields.

    cl_ord_id: the strategy's own id and its idempotency key, 1..36 of [a-zA-Z0-9_-]; the client
    library makes one where it is empty. epoch, sent_ns (engine's monotonic clock, ns) and
    valid_for_ms are filled in by the client library. The fields in AMOUNTS may be given as str,
    int or Decimal and are kept as text; a float raises TypeError. Text is looked at by the
    constructors, and otherwise by the client's `submit`. recv_window_ms: RecvWindow<25000>, 0 for
    the engine's (venue.recv_window_ms); a longer one is refused, for the engine's own tells it when
    an order can no longer arrive.

    A constructor raises TypeError or ValueError for what the venue would refuse whatever the
    symbol, and names the field: spec sections 9.1 and 9.2.
    """

    cl_ord_id: str = ""
    epoch: int = 0
    sent_ns: int = 0
    valid_for_ms: int = 0
    symbol: str = ""
    side: str = ""
    ord_type: str = ""
    order_qty: str | None = None
    price: str | None = None
    time_in_force: str | None = None
    exec_inst: str | None = None
    cash_order_qty: str | None = None
    max_floor: str | None = None
    trigger_type: str | None = None
    trigger_action: str | None = None
    trigger_price: str | None = None
    trigger_price_type: str | None = None
    trigger_price_direction: str | None = None
    trigger_trailing_delta_bips: str | None = None
    peg_offset_value: str | None = None
    peg_price_type: str | None = None
    peg_move_type: str | None = None
    peg_offset_type: str | None = None
    target_strategy: str | None = None
    strategy_id: str | None = None
    self_trade_prevention_mode: str | None = None
    sor: str | None = None
    recv_window_ms: int = 0

    def __post_init__(self) -> None:
        # Types only, and no loop: this also runs for each order the engine decodes, where
        # every amount is text or None.
        if (
            (type(self.order_qty) is not str and self.order_qty is not None)
            or (type(self.price) is not str and self.price is not None)
            or (self.cash_order_qty is not None and type(self.cash_order_qty) is not str)
            or (self.max_floor is not None and type(self.max_floor) is not str)
            or (self.trigger_price is not None and type(self.trigger_price) is not str)
            or (
                self.trigger_trailing_delta_bips is not None
                and type(self.trigger_trailing_delta_bips) is not str
            )
            or (self.peg_offset_value is not None and type(self.peg_offset_value) is not str)
        ):
            self.write_amounts_plainly()

    def write_amounts_plainly(self) -> None:
        """Turn every amount, of whatever type `Amount` allows, into plain decimal text.

        Raises TypeError or ValueError, naming the field, as decimal_text does.
        """
        for name in AMOUNTS:
            value = getattr(self, name)
            if value is not None:
                setattr(self, name, decimal_text(value, name))

    @classmethod
    def limit(
        cls,
        symbol: str,
        side: str,
        order_qty: Amount | AllReceived,
        price: Amount | None,
        *,
        time_in_force: str = TimeInForce.GOOD_TILL_CANCEL,
        sor: bool = False,
        **options: Unpack[RestingOptions],
    ) -> NewOrderSingle:
        """A LIMIT order; time_in_force GTC (default), IOC or FOK. sor: let the venue route it."""
        terms = {"order_qty": order_qty, "price": price, "time_in_force": time_in_force}
        return _made(symbol, side, OrdType.LIMIT, options, sor="Y" if sor else None, **terms)

    @classmethod
    def limit_maker(
        cls,
        symbol: str,
        side: str,
        order_qty: Amount | AllReceived,
        price: Amount | None,
        **options: Unpack[RestingOptions],
    ) -> NewOrderSingle:
        """A LIMIT_MAKER (post-only) order: refused by the venue if it would match at once."""
        maker = ExecInst.PARTICIPATE_DONT_INITIATE.value
        terms = {"order_qty": order_qty, "price": price, "exec_inst": maker}
        return _made(symbol, side, OrdType.LIMIT, options, **terms)

    @classmethod
    def market(
        cls,
        symbol: str,
        side: str,
        order_qty: Amount | AllReceived | None = None,
        *,
        cash_order_qty: Amount | None = None,
        sor: bool = False,
        **options: Unpack[OrderOptions],
    ) -> NewOrderSingle:
        """A MARKET order over a base quantity or, by cash_order_qty, over a quote amount.

        A BUY spends that much of the quote asset, a SELL receives it. sor: let the venue route it.
        """
        terms = {"order_qty": order_qty, "cash_order_qty": cash_order_qty}
        return _made(symbol, side, OrdType.MARKET, options, sor="Y" if sor else None, **terms)

    @classmethod
    def stop_loss(
        cls,
        symbol: str,
        side: str,
        order_qty: Amount | AllReceived,
        trigger_price: Amount | None = None,
        *,
        trigger_trailing_delta_bips: Amount | None = None,
        **options: Unpack[OrderOptions],
    ) -> NewOrderSingle:
        """A STOP_LOSS: a market order once the price has moved against it to trigger_price.

        trigger_trailing_delta_bips (hundredths of a percent): from there on it follows the price
        at that distance, and triggers when that turns back so far. With it trigger_price may be
        left out, and the price is followed from the next trade on; the venue then calls it a take
        profit, unless it is the stop loss of an `oco` or `otoco`.
        """
        terms = {"order_qty": order_qty}
        trigger = _trigger(trigger_price, trigger_trailing_delta_bips, _against(side))
        return _made(symbol, side, OrdType.STOP, options, **terms, **trigger)

    @classmethod
    def stop_loss_limit(
        cls,
        symbol: str,
        side: str,
        order_qty: Amount | AllReceived,
        price: Amount | None,
        trigger_price: Amount | None = None,
        *,
        time_in_force: str = TimeInForce.GOOD_TILL_CANCEL,
        trigger_trailing_delta_bips: Amount | None = None,
        **options: Unpack[RestingOptions],
    ) -> NewOrderSingle:
        """A STOP_LOSS_LIMIT: a limit order at price once `stop_loss` would trigger."""
        terms = {"order_qty": order_qty, "price": price, "time_in_force": time_in_force}
        trigger = _trigger(trigger_price, trigger_trailing_delta_bips, _against(side))
        return _made(symbol, side, OrdType.STOP_LIMIT, options, **terms, **trigger)

    @classmethod
    def take_profit(
        cls,
        symbol: str,
        side: str,
        order_qty: Amount | AllReceived,
        trigger_price: Amount | None = None,
        *,
        trigger_trailing_delta_bips: Amount | None = None,
        **options: Unpack[OrderOptions],
    ) -> NewOrderSingle:
        """A TAKE_PROFIT: a market order once the price has moved in its favour to trigger_price.

        trigger_trailing_delta_bips: as of `stop_loss`, trigger_price may be left out too.
        """
        terms = {"order_qty": order_qty}
        trigger = _trigger(trigger_price, trigger_trailing_delta_bips, _for(side))
        return _made(symbol, side, OrdType.STOP, options, **terms, **trigger)

    @classmethod
    def take_profit_limit(
        cls,
        symbol: str,
        side: str,
        order_qty: Amount | AllReceived,
        price: Amount | None,
        trigger_price: Amount | None = None,
        *,
        time_in_force: str = TimeInForce.GOOD_TILL_CANCEL,
        trigger_trailing_delta_bips: Amount | None = None,
        **options: Unpack[RestingOptions],
    ) -> NewOrderSingle:
        """A TAKE_PROFIT_LIMIT: a limit order at price once `take_profit` would trigger."""
        terms = {"order_qty": order_qty, "price": price, "time_in_force": time_in_force}
        trigger = _trigger(trigger_price, trigger_trailing_delta_bips, _for(side))
        return _made(symbol, side, OrdType.STOP_LIMIT, options, **terms, **trigger)


def _against(side: str) -> TriggerPriceDirection:
    """Which way the price goes against an order of this side."""
    return TriggerPriceDirection.UP if side == Side.BUY else TriggerPriceDirection.DOWN


def _for(side: str) -> TriggerPriceDirection:
    return TriggerPriceDirection.DOWN if side == Side.BUY else TriggerPriceDirection.UP


def _trigger(
    price: Amount | None, trailing: Amount | None, direction: TriggerPriceDirection
) -> dict[str, Any]:
    """The trigger's fields. Without a price it has no direction: spec section 9.2."""
    return {
        "trigger_type": PRICE_MOVEMENT,
        "trigger_action": ACTIVATE,
        "trigger_price": price,
        "trigger_price_type": LAST_TRADE,
        "trigger_price_direction": None if price is None else direction.value,
        "trigger_trailing_delta_bips": trailing,
    }


def _made(symbol: str, side: str, ord_type: OrdType, options: Any, **values: Any) -> NewOrderSingle:
    """An order of these values and options, checked."""
    values |= options
    for name in ("target_strategy", "strategy_id"):
        if type(values.get(name)) is int:
            values[name] = str(values[name])
    if values.get("peg_price_type") is not None:
        ord_type = OrdType.PEGGED
        values["peg_move_type"] = FIXED
        if values.get("peg_offset_value") is not None:
            values["peg_offset_type"] = PRICE_TIER
    is_open = values["order_qty"] is ALL_RECEIVED
    if is_open:
        values["order_qty"] = None
    order = NewOrderSingle(symbol=symbol, side=side, ord_type=ord_type.value, **values)
    order.write_amounts_plainly()
    check_order(order, needs_qty=not is_open)
    return order
