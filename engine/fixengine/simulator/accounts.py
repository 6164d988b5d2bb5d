"""What the venue keeps for one account: balances, open orders, the unfilled order count.

Balances are integers at the scale of instruments.py, in two parts: free, and locked by open
orders. The house is an account too; it is `unlimited`, so its balances are not kept.

Client order ids are unique among an account's open orders and free again once an order is done.
Open orders are therefore found by their present client id, or by symbol and order id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from fixengine.fix.venue import Window
from fixengine.simulator.book import BUY, SELL, Apart, Order
from fixengine.simulator.instruments import Instrument, amount, units
from fixengine.simulator.lists import OrderList
from fixengine.simulator.triggers import Trigger

PPM = 1_000_000
TAKER_DECREMENT = 1
MAKER_DECREMENT = 5
DECREMENT_DELAY_NS = 100_000_000
FEE_PPM = 1000
BALANCES = {
    "USDT": "100000000",
    "BTC": "1000",
    "ETH": "10000",
    "BNB": "10000",
    "这是测试币": "100000",
    "456": "100000",
}
"""What the client's account begins with."""


NO_PREVENTION = "1"


def apart(account: Account, mode: str | None) -> Callable[[PlacedOrder], bool] | None:
    """Which resting orders a taker of this account cannot trade with; None: it can with any.

    mode: SelfTradePreventionMode<25001>.
    """
    if mode in (None, NO_PREVENTION):
        return None
    return lambda maker: maker.account is account


AT_OWN = {"2": Apart.ENDS, "4": Apart.ENDS, "5": Apart.SHRINKS, "6": Apart.SHRINKS}
"""What a taker does at an order of its own account, by SelfTradePreventionMode<25001>: it expires,
or is decremented; or else it goes on."""


class Wait(Enum):
    """What an open order waits for before it works: its price, or an order of its list."""

    TRIGGER = "trigger"
    RELEASE = "release"


class PlacedOrder(Order):
    """An accepted order of an account.

    cl_ord_id: its present client id; a cancel gives it another one. locked: what the account has
    locked for it, in `locked_asset`. may_rest: whether what it cannot trade at once stands in the
    book: LIMIT GTC, LIMIT_MAKER, and a stop with a limit price and GTC once it is set off. trigger:
    of a stop, what sets it off. waits: for what, None once it works. columns: what every report of
    it repeats. amends: how often it was made smaller. order_list: where it is in one. ended: it is
    open no more.
    """

    __slots__ = (
        "account",
        "amends",
        "cl_ord_id",
        "columns",
        "ended",
        "instrument",
        "locked",
        "locked_asset",
        "may_rest",
        "order_list",
        "trigger",
        "waits",
    )

    def __init__(
        self,
        order_id: int,
        side: str,
        price: int | None,
        quantity: int,
        *,
        account: Account,
        instrument: Instrument,
        cl_ord_id: str,
        may_rest: bool,
        columns: dict[str, str | None],
        max_floor: int | None = None,
        trigger: Trigger | None = None,
    ) -> None:
        super().__init__(order_id, side, price, quantity, max_floor)
        self.account = account
        self.amends = 0
        self.instrument = instrument
        self.cl_ord_id = cl_ord_id
        self.may_rest = may_rest
        self.locked_asset = instrument.base if side == SELL else instrument.quote
        self.locked = 0
        self.columns = columns
        self.trigger = trigger
        self.waits: Wait | None = None
        self.order_list: OrderList | None = None
        self.ended = False

    @property
    def is_filled(self) -> bool:
        """Whether it has traded as much as it was for."""
        return self.leaves_qty == 0 and self.cum_qty == self.spent_qty

    @property
    def prevention_mode(self) -> str:
        """SelfTradePreventionMode<25001> it was placed with; the house's have none."""
        return self.columns.get("self_trade_prevention_mode") or NO_PREVENTION

    def worth(self, quantity: int) -> int:
        """What is locked for so much of a limit order or a stop, in `locked_asset`.

        A stop that will buy at the market locks what it would cost at its trigger price, a trailing
        one without at the fair price.
        """
        if self.side == SELL:
            return quantity
        price = self.price
        if price is None and self.trigger is not None:
            price = self.trigger.price
        return amount(self.instrument.fair if price is None else price, quantity)


@dataclass(slots=True)
class Balance:
    """One asset of an account, at SCALE."""

    free: int = 0
    locked: int = 0


class UnfilledOrders:
    """The unfilled order count: placed orders less a reward for fills, in fixed windows.

    An order counts one; a taker's first fill takes one back, a maker's first fill five, both
    a little late and never below zero. Once the longest window is over its limit, the shorter
    ones no longer count (spec sections 12 and 22.3).
    """

    def __init__(self, windows: tuple[Window, ...]) -> None:
        self._windows = sorted(windows, key=lambda window: window.interval_ns)
        self._counts = [0] * len(windows)
        self._indexes = [0] * len(windows)
        self._due: deque[tuple[int, int]] = deque()

    def breached(self, now: int, orders: int = 1) -> Window | None:
        """The window in which so many more orders may not be placed, if any. now: wall clock ns."""
        self._settle(now)
        for window, count in zip(self._windows, self._counts, strict=True):
            if count + orders > window.count_max:
                return window
        return None

    def counts(self, now: int) -> list[tuple[Window, int]]:
        """Each window with its count, the shortest first."""
        self._settle(now)
        return list(zip(self._windows, self._counts, strict=True))

    def placed(self, now: int) -> None:
        """Count an order."""
        self._settle(now)
        if not self._windows:
            return
        longest_is_over = self._counts[-1] >= self._windows[-1].count_max
        for index in range(len(self._counts)):
            if not longest_is_over or index == len(self._counts) - 1:
                self._counts[index] += 1

    def filled(self, decrement: int, now: int) -> None:
        """The first fill of an order."""
        if self._windows:
            self._due.append((now + DECREMENT_DELAY_NS, decrement))

    def _settle(self, now: int) -> None:
        while self._due and self._due[0][0] <= now:
            due_ns, decrement = self._due.popleft()
            self._roll(due_ns)
            self._counts = [max(0, count - decrement) for count in self._counts]
        self._roll(now)

    def _roll(self, now: int) -> None:
        for index, window in enumerate(self._windows):
            current = now // window.interval_ns
            if current > self._indexes[index]:
                self._indexes[index] = current
                self._counts[index] = 0


class Account:
    """One account; see the module's top.

    maker_ppm, taker_ppm: fee rates in millionths, taken from what is received. unlimited: the
    house, whose balances are not kept and who gets no reports.
    """

    def __init__(
        self,
        name: str,
        balances: dict[str, int],
        *,
        maker_ppm: int = 0,
        taker_ppm: int = 0,
        unlimited: bool = False,
        unfilled_orders: tuple[Window, ...] = (),
    ) -> None:
        self.name = name
        self.balances = {asset: Balance(free) for asset, free in balances.items()}
        self.maker_ppm = maker_ppm
        self.taker_ppm = taker_ppm
        self.unlimited = unlimited
        self.unfilled = UnfilledOrders(unfilled_orders)
        self.by_client_id: dict[str, PlacedOrder] = {}
        self.by_order_id: dict[tuple[str, int], PlacedOrder] = {}
        self.open_count: dict[str, int] = {}
        self.order_lists: dict[int, OrderList] = {}

    def balance(self, asset: str) -> Balance:
        """The balance of an asset; an account starts with nothing of what it was not given."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found

    def stops_in(self, symbol: str) -> int:
        """How many open orders of a symbol are, or were, stops."""
        return sum(
            order.columns["trigger_type"] is not None
            for (at, _), order in self.by_order_id.items()
            if at == symbol
        )

    def icebergs_in(self, symbol: str) -> int:
        """How many open orders of a symbol show a part of themselves only."""
        return sum(
            order.max_floor is not None
            for (at, _), order in self.by_order_id.items()
            if at == symbol
        )

    def position_in(self, instrument: Instrument) -> int:
        """What the account has of the base asset, and what its open BUY orders may add."""
        held = self.balance(instrument.base)
        return (
            held.free
            + held.locked
            + sum(
                order.leaves_qty
                for (at, _), order in self.by_order_id.items()
                if at == instrument.symbol and order.side == BUY
            )
        )

    def opened(self, order: PlacedOrder, cost: int) -> bool:
        """Accept an order: lock what it may cost and know it by its ids.

        False where not so much is free; nothing has happened then.
        """
        if not self.relock(order, cost):
            return False
        symbol = order.instrument.symbol
        self.by_client_id[order.cl_ord_id] = order
        self.by_order_id[symbol, order.order_id] = order
        self.open_count[symbol] = self.open_count.get(symbol, 0) + 1
        return True

    def relock(self, order: PlacedOrder, quantity: int) -> bool:
        """Lock another amount for an order; False where not so much is free."""
        balance, more = self.balance(order.locked_asset), quantity - order.locked
        if more > balance.free:
            return False
        balance.free -= more
        balance.locked += more
        order.locked = quantity
        return True

    def traded(self, order: PlacedOrder, reserved: int, paid: int, received: int) -> None:
        """Settle one match: what was locked for it, what it cost, what came in after fees."""
        if self.unlimited:
            return
        instrument = order.instrument
        buys = order.locked_asset == instrument.quote
        order.locked -= reserved
        paying = self.balance(order.locked_asset)
        paying.locked -= reserved
        paying.free += reserved - paid
        self.balance(instrument.base if buys else instrument.quote).free += received
        if order.order_list is not None:
            order.order_list.touch()

    def rename(self, order: PlacedOrder, cl_ord_id: str) -> None:
        """An open order has another client id from now on; its old one is free."""
        del self.by_client_id[order.cl_ord_id]
        order.cl_ord_id = cl_ord_id
        self.by_client_id[cl_ord_id] = order

    def unlock(self, order: PlacedOrder, quantity: int) -> None:
        """So much of what is locked for an order will not be needed."""
        balance = self.balance(order.locked_asset)
        balance.locked -= quantity
        balance.free += quantity
        order.locked -= quantity

    def closed(self, order: PlacedOrder) -> None:
        """An order is done: unlock the rest and free its client id."""
        if self.unlimited:
            return
        self.unlock(order, order.locked)
        symbol = order.instrument.symbol
        del self.by_client_id[order.cl_ord_id]
        del self.by_order_id[symbol, order.order_id]
        self.open_count[symbol] -= 1
        order.ended = True
        if order.order_list is not None:
            order.order_list.touch()


def client_account(balances: Mapping[str, str], unfilled_orders: tuple[Window, ...]) -> Account:
    """The account that clients of the venue trade on. balances: text of each, by asset."""
    return Account(
        "simulator",
        {asset: units(text) for asset, text in balances.items()},
        maker_ppm=FEE_PPM,
        taker_ppm=FEE_PPM,
        unfilled_orders=unfilled_orders,
    )
