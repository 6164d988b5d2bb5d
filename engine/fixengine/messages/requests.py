"""What a strategy may send."""

from __future__ import annotations

from fixengine.messages.amounts import Amount, decimal_text
from fixengine.messages.base import Message
from fixengine.messages.enums import ExecInst, OrdType, TimeInForce

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


class Hello(Message):
    """First message on every new connection: binds this socket to a strategy.

    resume_from: the report_seq the strategy expects next; None takes what the engine offers.
    wants_sent: also deliver Sent once bytes of an order were given to TLS.
    token: the strategy's secret where the engine asks for one; masked in the journal.
    """

    strategy: str
    token: str | None = None
    resume_from: int | None = None
    wants_sent: bool = False
    client: str = ""


class NewOrderSingle(Message):
    """An order (MsgType D). Use `limit`, `limit_maker` or `market`, or name the fields.

    cl_ord_id: the strategy's own id and its idempotency key, 1..36 of [a-zA-Z0-9_-]; the client
    library makes one where it is empty. epoch, sent_ns (engine's monotonic clock, ns) and
    valid_for_ms are filled in by the client library. The fields in AMOUNTS may be given as str,
    int or Decimal and are kept as text; a float raises TypeError. Text is looked at by `limit`,
    `limit_maker` and `market`, and otherwise by the client's `submit`.
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
        order_qty: Amount,
        price: Amount,
        *,
        time_in_force: str = TimeInForce.GOOD_TILL_CANCEL,
        cl_ord_id: str = "",
    ) -> NewOrderSingle:
        """A LIMIT order; time_in_force GTC (default), IOC or FOK."""
        return cls(
            cl_ord_id=cl_ord_id,
            symbol=symbol,
            side=side,
            ord_type=OrdType.LIMIT.value,
            order_qty=decimal_text(order_qty, "order_qty"),
            price=decimal_text(price, "price"),
            time_in_force=time_in_force,
        )

    @classmethod
    def limit_maker(
        cls, symbol: str, side: str, order_qty: Amount, price: Amount, *, cl_ord_id: str = ""
    ) -> NewOrderSingle:
        """A LIMIT_MAKER (post-only) order: refused by the venue if it would match at once."""
        return cls(
            cl_ord_id=cl_ord_id,
            symbol=symbol,
            side=side,
            ord_type=OrdType.LIMIT.value,
            order_qty=decimal_text(order_qty, "order_qty"),
            price=decimal_text(price, "price"),
            exec_inst=ExecInst.PARTICIPATE_DONT_INITIATE.value,
        )

    @classmethod
    def market(
        cls,
        symbol: str,
        side: str,
        order_qty: Amount | None = None,
        *,
        cash_order_qty: Amount | None = None,
        cl_ord_id: str = "",
    ) -> NewOrderSingle:
        """A MARKET order over a base quantity or, by cash_order_qty, over a quote amount.

        Raises ValueError unless exactly one of the two is given.
        """
        if (order_qty is None) == (cash_order_qty is None):
            raise ValueError("market order: give order_qty or cash_order_qty, exactly one of them")
        return cls(
            cl_ord_id=cl_ord_id,
            symbol=symbol,
            side=side,
            ord_type=OrdType.MARKET.value,
            order_qty=None if order_qty is None else decimal_text(order_qty, "order_qty"),
            cash_order_qty=(
                None if cash_order_qty is None else decimal_text(cash_order_qty, "cash_order_qty")
            ),
        )


class OrderCancelRequest(Message):
    """A cancel (MsgType F) of one own order.

    cl_ord_id is the id of this request; orig_cl_ord_id the strategy's id of the order. The engine
    writes its own symbol and order_id of that order, whatever stands here, and refuses the cancel
    of an order that it does not know.
    """

    cl_ord_id: str = ""
    epoch: int = 0
    sent_ns: int = 0
    valid_for_ms: int = 0
    orig_cl_ord_id: str = ""
    symbol: str | None = None
    order_id: str | None = None
    cancel_restrictions: str | None = None


class Ack(Message):
    """The strategy has processed every event up to and including report_seq."""

    report_seq: int


class SnapshotRequest(Message):
    """Ask for a Snapshot. request_id: comes back in each part of the answer."""

    request_id: int


class BalancesRequest(Message):
    """Ask for Balances. request_id: comes back in the answer."""

    request_id: int
