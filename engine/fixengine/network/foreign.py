"""Open orders on the account that are not ours: another tool's, or a person's.

Once every fill of the account is heard of, at the start and again after nobody heard for a while,
REST is asked for all open orders. One that the order table does not know is left alone, adopted, or
cancelled, as `orders.foreign` says. An adopted order enters the table as the configured strategy's,
by its OrderID, with its fate unknown: recovery then asks for its fills and how it stands, and tells
them as it does of every order, and what comes later is told as of any other. An order that is to be
cancelled enters as that of a strategy that never connects and whose policy is to cancel, so pace,
limits and repetition are those of liveness.py; what is reported of it nobody reads.

Sans-I/O: `ask` is handed in.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from fixengine.messages import Ack, NewOrderSingle, encode, names_of
from fixengine.network.gateway import Gateway
from fixengine.network.journal.record import Kind, named
from fixengine.network.recall import carried
from fixengine.network.sources import asks, normalise
from fixengine.network.sources.answers import Order, Problem
from fixengine.network.strategies import RegisterError, Strategy

NOBODY = "(foreign)"
"""Owns what is cancelled; no strategy can have this name."""
AGAIN_NS = 5_000_000_000
SYMBOLS_TOLD_MAX = 5
CL_ORD_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}\Z", re.ASCII)
NAMES = frozenset(names_of(NewOrderSingle)) - {"cl_ord_id"}
DONE = {"ignore": "they are left alone", "cancel": "they are cancelled"}


class Rule(NamedTuple):
    """What is done with them. what: "ignore", "adopt" or "cancel". owner: the adopting strategy."""

    what: str = "ignore"
    owner: str = ""


class Foreign:
    """See the module's top. lag_ns: how far REST may be behind. say: as of Settling."""

    def __init__(
        self,
        gateway: Gateway,
        rule: Rule,
        ask: Callable[[asks.Ask], int | Problem],
        say: Callable[[str, int], None],
        lag_ns: int,
    ) -> None:
        self._gateway = gateway
        self._rule = rule
        self._ask = ask
        self._say = say
        self._lag_ns = lag_ns
        self._number: int | None = None
        self._begun_ns = 0
        self._asked_ns: int | None = None
        self._not_before_ns = 0
        self._found: Counter[str] = Counter()

    def tick(self, now: int, watched_since_ns: int | None) -> None:
        """Time has passed. watched_since_ns: since when every fill of the account is heard of."""
        self._read_for_nobody(now)
        if self._number is not None or watched_since_ns is None:
            return
        if self._asked_ns is not None and watched_since_ns <= self._asked_ns:
            return
        if now < max(watched_since_ns + self._lag_ns, self._not_before_ns):
            return
        number = self._ask(asks.open_orders())
        if isinstance(number, Problem):
            self._failed(number, now)
            return
        self._number, self._begun_ns = number, now
        self._found.clear()

    def on_rows(self, number: int, rows: tuple[Any, ...], is_last: bool, now: int) -> None:
        """A piece of an answer."""
        if number != self._number:
            return
        for row in rows:
            if not self._is_ours(row):
                self._found[row.symbol] += 1
                if self._rule.what != "ignore":
                    self._take(row, now)
        if is_last:
            self._number, self._asked_ns = None, self._begun_ns
            self._tell(now)

    def on_problem(self, number: int, problem: Problem, now: int) -> None:
        """There is no answer."""
        if number == self._number:
            self._number = None
            self._failed(problem, now)

    # --- small steps ------------------------------------------------------------------------

    def _failed(self, problem: Problem, now: int) -> None:
        self._not_before_ns = now + max(AGAIN_NS, (problem.retry_after_ms or 0) * 1_000_000)
        self._gateway.log("warning", f"REST: {problem.text}", event="foreign")

    def _is_ours(self, row: Order) -> bool:
        orders = self._gateway.orders
        known = orders.by_order_id(row.symbol, str(row.order_id))
        return known is not None or orders.by_wire(row.client_order_id) is not None

    def _tell(self, now: int) -> None:
        count = self._found.total()
        if not count:
            self._gateway.log("info", "every open order on the account is ours", event="foreign")
            return
        shown = [f"{symbol} {n}" for symbol, n in self._found.most_common(SYMBOLS_TOLD_MAX)]
        more = ", ..." if len(self._found) > len(shown) else ""
        done = DONE.get(self._rule.what, f"{self._rule.owner} has them now")
        text = f"open orders on the account that are not ours: {count} ({', '.join(shown)}{more})"
        self._gateway.log("warning", f"{text}; {done}", event="foreign")
        self._say(f"{text}; {done}", now)

    def _take(self, row: Order, now: int) -> None:
        """Enter an order as the owner's. It is in the journal before anything is told of it."""
        gateway = self._gateway
        try:
            strategy = self._owner(now)
        except RegisterError as problem:
            gateway.log("error", f"order {row.order_id} stays foreign: {problem}", event="foreign")
            return
        if gateway.orders.full(strategy.number, is_cancel=False):
            text = f"order {row.order_id} stays foreign: engine.orders_max orders are open"
            gateway.log("error", text, event="foreign")
            return
        order_id = str(row.order_id)
        cl_ord_id = self._free_id(strategy, row)
        ids = cl_ord_id, f"foreign:{order_id}:{row.symbol}", row.symbol
        order = gateway.orders.open(strategy.number, *ids)
        gateway.orders.name(order, order_id)
        values = normalise.order(row).items()
        request = {name: value for name, value in values if name in NAMES}
        order.request = encode(NewOrderSingle(cl_ord_id, **request))
        order.unwatched = True
        gateway.orders.unknown(order)
        for data in carried(gateway.orders, [order]):
            gateway.teller.record(Kind.CARRIED, now, 0, data)

    def _owner(self, now: int) -> Strategy:
        gateway = self._gateway
        name = NOBODY if self._rule.what == "cancel" else self._rule.owner
        strategy = gateway.strategies.named(name, now)
        if strategy.next_seq == 1:
            gateway.teller.record(Kind.STRATEGY, now, 0, named(name, b""))
        return strategy

    def _free_id(self, strategy: Strategy, row: Order) -> str:
        """The venue's client id, or another where the strategy has used that for its own."""
        others = (f"foreign-{row.order_id}-{number}" for number in itertools.count(1))
        for cl_ord_id in itertools.chain([row.client_order_id], others):
            is_free = self._gateway.orders.find(strategy.number, cl_ord_id) is None
            if is_free and CL_ORD_ID.match(cl_ord_id):
                return cl_ord_id
        raise AssertionError("the numbers do not end")

    def _read_for_nobody(self, now: int) -> None:
        """What was told of cancelled orders counts as read, so that it is not kept for ever."""
        strategies = self._gateway.strategies
        strategy = strategies.known(NOBODY)
        if strategy is None or strategy.acknowledged == strategy.next_seq - 1:
            return
        strategy.unsent = strategy.next_seq
        strategies.acknowledge(strategy, strategy.next_seq - 1)
        payload = encode(Ack(strategy.next_seq - 1))
        self._gateway.teller.record(Kind.ACK, now, 0, named(NOBODY, payload))
