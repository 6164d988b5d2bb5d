"""The built-in venue in memory: its own server, exchange and sessions, and what a test does to it.

Prices and quantities are `str`, `int` or `Decimal` as everywhere, and text where they come back.
Orders of the strategies are named by the cl_ord_id that the strategy knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fixengine.fix.venue import Complaint
from fixengine.messages import Amount, NewOrderSingle, Side, decimal_text
from fixengine.simulator import refusals, reports
from fixengine.simulator.accounts import Account, PlacedOrder, client_account
from fixengine.simulator.admission import Credential
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.faults import names
from fixengine.simulator.faults.active import Faults
from fixengine.simulator.faults.names import FaultError
from fixengine.simulator.feed import Feed
from fixengine.simulator.instruments import INSTRUMENTS, text_of, units
from fixengine.simulator.list_rules import Plan
from fixengine.simulator.lists import OrderList
from fixengine.simulator.market import Market
from fixengine.simulator.orders import Terms
from fixengine.simulator.refusals import Refusal
from fixengine.simulator.reports import Answer
from fixengine.simulator.server import TICK_S, Server
from fixengine.simulator.venue import ORDER_ENTRY, play
from fixengine.testing.clock import SECOND_NS, Clock
from fixengine.testing.errors import SimulationError

PLENTY = "10000000000"
"""What others have of each asset."""
SYMBOL = "BTCUSDT"
REJECTED_CODE = -2010
REST_DELAY_S = 0.05
STREAM_DELAY_S = 0.01

Rule = Callable[[Any], bool]


class Ids(NamedTuple):
    """How the venue may know an order: by the id it was sent with, or once acknowledged by OrderID.

    An amend gives the order another client id.
    """

    wire_cl_ord_id: str
    symbol: str
    order_id: str | None


IdsOf = Callable[[str], Ids | None]
"""Answers the ids of an order of a strategy."""


class VenueOrder(NamedTuple):
    """An order of the strategies that rests at the venue; amounts are text.

    wire_cl_ord_id: the engine's id of it, as in the reports. price: None of a market order.
    """

    order_id: str
    wire_cl_ord_id: str
    symbol: str
    side: str
    price: str | None
    leaves_qty: str
    cum_qty: str


class VenueTrade(NamedTuple):
    """One match of an order of the strategies. is_maker: it rested."""

    order_id: str
    symbol: str
    side: str
    price: str
    quantity: str
    is_maker: bool


class Balance(NamedTuple):
    """What the strategies' account has of an asset; text."""

    free: str
    locked: str


class RuledExchange(Exchange):
    """The venue's exchange; it notes an account's trades, and rejects its orders by rule."""

    def __init__(
        self, account: Account, *, limits: bool, house: bool, choices: Mapping[str, str]
    ) -> None:
        super().__init__(INSTRUMENTS, limits=limits, house=house, choices=choices)
        self.rules: list[tuple[Rule, Refusal]] = []
        self.trades: list[VenueTrade] = []
        self._watched = account

    def _place(
        self, account: Account, market: Market, request: Any, terms: Terms, now: int
    ) -> PlacedOrder | Refusal:
        for rule, refusal in self.rules if account is self._watched else ():
            if rule(request):
                return refusal
        return super()._place(account, market, request, terms, now)

    def _place_list(
        self, account: Account, market: Market, plan: Plan, now: int
    ) -> OrderList | Refusal:
        for rule, refusal in self.rules if account is self._watched else ():
            if any(rule(leg) for leg in plan.legs):
                return refusal
        return super()._place_list(account, market, plan, now)

    def _settle(
        self, order: PlacedOrder, price: int, quantity: int, takes: bool
    ) -> tuple[int, str]:
        if order.account is self._watched:
            ids = str(order.order_id), order.instrument.symbol, order.side
            self.trades.append(VenueTrade(*ids, text_of(price), text_of(quantity), not takes))
        return super()._settle(order, price, quantity, takes)


class SimulatedVenue:
    """See the module's top; made by SimulatedEngine.

    is_reachable: whether new connections come to be; those that stand are not touched.
    rest_is_reachable: whether REST, which settles what became of unknown orders, answers at all.
    rest_delay_s: how long an answer of it takes; it tells how things stood when it was asked for.
    stream_is_reachable: whether the user data stream can be subscribed; one that is lasts on.
    stream_delay_s: how much later than a session it tells.
    """

    def __init__(
        self,
        clock: Clock,
        keys: dict[str, Ed25519PublicKey],
        ids_of: IdsOf,
        *,
        limits: str,
        house: bool,
        balances: Mapping[str, str],
        choices: Mapping[str, str],
    ) -> None:
        rules = play(limits, 1)
        self.is_reachable = True
        self.rest_is_reachable = True
        self.rest_delay_s = REST_DELAY_S
        self.stream_is_reachable = True
        self.stream_delay_s = STREAM_DELAY_S
        self._clock = clock
        self._ids_of = ids_of
        self._account = client_account(balances, rules.limits(ORDER_ENTRY).unfilled_orders)
        assets = {asset for item in INSTRUMENTS for asset in (item.base, item.quote)}
        self._others = Account("others", dict.fromkeys(assets, units(PLENTY)))
        self._exchange = RuledExchange(
            self._account, limits=rules.limited, house=house, choices=choices
        )
        self.server = Server(
            rules,
            self._exchange,
            {api_key: Credential(self._account, key) for api_key, key in keys.items()},
            recorder=None,
            faults=Faults(),
            uuid="00000000-0000-4000-8000-000000000000",
            say=lambda *_, **__: None,
            monotonic_ns=clock.monotonic_ns,
            wall_ns=clock.wall_ns,
        )
        self._tick()

    def _tick(self) -> None:
        self.server.tick()
        self._clock.at(self._clock.now_ns + int(TICK_S * SECOND_NS), self._tick)

    # --- the market -------------------------------------------------------------------------

    def buy(self, quantity: Amount, price: Amount | None = None, symbol: str = SYMBOL) -> str:
        """Somebody else buys, at a limit that rests or (None) at the market; the OrderID.

        Raises SimulationError with the venue's words where it refuses, and where nobody is there
        to trade with at the market.
        """
        return self._order(self._others, Side.BUY, quantity, price, symbol)

    def sell(self, quantity: Amount, price: Amount | None = None, symbol: str = SYMBOL) -> str:
        """Somebody else sells; as `buy`."""
        return self._order(self._others, Side.SELL, quantity, price, symbol)

    def place(
        self, side: str, quantity: Amount, price: Amount | None = None, symbol: str = SYMBOL
    ) -> str:
        """A person, or another program, orders on the strategies' own account; as `buy`."""
        return self._order(self._account, side, quantity, price, symbol)

    def cancel(self, order_id: str, symbol: str = SYMBOL) -> None:
        """Somebody else cancels what is left of an order. SimulationError: nothing is left."""
        self._clock.settle()
        order = self._others.by_order_id.get((symbol, int(order_id)))
        if order is None:
            raise SimulationError(f"no order {order_id} of others rests in {symbol}")
        market = self._exchange.markets[symbol]
        market.book.cancel(order)
        market.touched = True
        self._others.closed(order)

    def fill(self, order: str | VenueOrder, quantity: Amount | None = None) -> None:
        """Somebody trades with a strategy's resting order at its price, whoever stands before it.

        order: its cl_ord_id, or one of `orders`. quantity: None for all that is left. Raises
        SimulationError where the order does not rest, or has less than that left.
        """
        self._clock.settle()
        ids: Ids | None
        if isinstance(order, VenueOrder):
            cl_ord_id = order.wire_cl_ord_id
            ids = Ids(cl_ord_id, order.symbol, order.order_id)
        else:
            cl_ord_id, ids = order, self._ids_of(order)
        placed = None if ids is None else self._placed(ids)
        if placed is None or placed.waits is not None:
            raise SimulationError(f"no order {cl_ord_id!r} rests at the venue; see venue.orders")
        wanted = placed.leaves_qty
        if quantity is not None:
            wanted = units(decimal_text(quantity, "quantity"))
        if not 0 < wanted <= placed.leaves_qty:
            left = text_of(placed.leaves_qty)
            raise SimulationError(f"quantity: {quantity} of {cl_ord_id!r}, which has {left} left")
        self._deliver(self._exchange.fill(placed, wanted, self._clock.wall_ns()))

    def _placed(self, ids: Ids) -> PlacedOrder | None:
        if ids.order_id is None:
            return self._account.by_client_id.get(ids.wire_cl_ord_id)
        return self._account.by_order_id.get((ids.symbol, int(ids.order_id)))

    def _order(
        self, account: Account, side: str, quantity: Amount, price: Amount | None, symbol: str
    ) -> str:
        self._clock.settle()
        count = len(account.by_order_id)
        cl_ord_id = f"other-{side}-{count}-{self._clock.now_ns}"
        request = (
            NewOrderSingle.market(symbol, side, quantity, cl_ord_id=cl_ord_id)
            if price is None
            else NewOrderSingle.limit(symbol, side, quantity, price, cl_ord_id=cl_ord_id)
        )
        answers = self._exchange.new_order(account, request, self._clock.wall_ns())
        if isinstance(answers, Complaint):
            raise SimulationError(f"the venue refuses this order of others: {answers.text}")
        values = answers[0].values
        if values["exec_type"] == reports.REJECTED:
            raise SimulationError(f"the venue refuses this order of others: {values['text']}")
        self._deliver(answers)
        own = [one.values for one in answers if one.values.get("cl_ord_id") == cl_ord_id]
        last = own[-1]
        if last["exec_type"] == reports.EXPIRED and last["cum_qty"] == reports.ZERO:
            raise SimulationError(f"{symbol}: nobody stands on the other side of this order")
        return str(values["order_id"])

    def _deliver(self, answers: list[Answer]) -> None:
        now = self._clock.now_ns
        self.server.delivery.deliver(answers, None, now)
        self.server.delivery.flush(now)
        self._clock.settle()

    # --- what goes wrong --------------------------------------------------------------------

    def reject_when(
        self, rule: Rule, text: str = "Rejected on demand.", code: int = REJECTED_CODE
    ) -> None:
        """From now on reject the strategies' orders for which the rule answers True.

        rule: is given the order with the fields of NewOrderSingle (symbol, side, price, order_qty,
        ...), values as text. text, code: Text<58> and ErrorCode<25016> of the report.
        """
        self._exchange.rules.append((rule, Refusal(code, text)))

    def reject_no_more(self) -> None:
        """Forget the rules."""
        self._exchange.rules.clear()

    def fault(self, name: str, **values: object) -> None:
        """Let the venue do something wrong: any fault of `fixengine fault`, by the same names.

        fault("reset") cuts every link, fault("drop", kind="8") loses the next report,
        fault("swallow") the next request, fault("news", seconds=30) announces maintenance,
        fault("black-hole") holds all links open and is mute. Raises FaultError, which names what
        is there, for what it does not know or cannot do now.
        """
        self._clock.settle()
        asked = names.read(name, values, live=True)
        if asked.fault.name in names.CONNECTION_FAULTS:
            raise FaultError(f"{name}: in memory there is no TLS; see venue.is_reachable")
        self.server.ask(asked)
        self._clock.settle()

    def clear(self, name: str | None = None) -> None:
        """End a fault that holds, or (None) all."""
        self.server.clear(name, None)

    def call(self, name: str, parameters: dict[str, str | int]) -> Any:
        """What REST answers the engine, as its JSON has it. Raises simulator.parameters.Wrong."""
        place = self._account, "memory", self._clock.wall_ns()
        return self.server.rest.call(name, parameters, *place)

    @property
    def rest_weight(self) -> int:
        """What the engine has used of REST's weight limit in this window."""
        return self.server.rest.meter.used("memory", self._clock.wall_ns())

    def cut_stream(self) -> None:
        """Cut the user data stream, with what was under way on it; it is subscribed anew."""
        self._clock.settle()
        self.server.feeds.cut()
        self._clock.settle()

    def subscribe(self) -> Feed:
        """A connection of the user data stream, subscribed to the strategies' account."""
        feed = self.server.feeds.opened("memory", self._clock.wall_ns())
        feed.subscriptions[0] = self._account
        return feed

    # --- what there is ----------------------------------------------------------------------

    @property
    def orders(self) -> list[VenueOrder]:
        """The strategies' resting orders, the oldest first."""
        self._clock.settle()
        return [
            VenueOrder(
                str(order.order_id),
                order.cl_ord_id,
                order.instrument.symbol,
                order.side,
                None if order.price is None else text_of(order.price),
                text_of(order.leaves_qty),
                text_of(order.cum_qty),
            )
            for order in self._account.by_order_id.values()
        ]

    @property
    def trades(self) -> list[VenueTrade]:
        """All trades of the strategies, the oldest first."""
        self._clock.settle()
        return list(self._exchange.trades)

    def balance(self, asset: str) -> Balance:
        """What the strategies' account has of an asset."""
        self._clock.settle()
        found = self._account.balance(asset)
        return Balance(text_of(found.free), text_of(found.locked))

    def best(self, symbol: str = SYMBOL) -> tuple[str | None, str | None]:
        """Best bid and best offer; None where nobody stands."""
        self._clock.settle()
        market = self._exchange.markets.get(symbol)
        if market is None:
            raise SimulationError(f"{refusals.BAD_SYMBOL.text} {symbol!r}")
        bid, ask = market.book.best_bid, market.book.best_ask
        return None if bid is None else text_of(bid), None if ask is None else text_of(ask)
