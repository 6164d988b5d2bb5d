"""What is refused before the matching engine sees an order or a list: features, filters, counts.

MAX_NUM_ORDERS and the unfilled order count count every order of a list; a list that would exceed
one is refused as a whole (spec sections 9.3 and 12).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fixengine.simulator import orders, refusals, triggers
from fixengine.simulator.accounts import Account
from fixengine.simulator.book import BUY
from fixengine.simulator.instruments import Instrument
from fixengine.simulator.list_rules import Plan
from fixengine.simulator.market import Market
from fixengine.simulator.orders import STOPS, Terms
from fixengine.simulator.refusals import Refusal

LISTS_MAX = 20
"""MAX_NUM_ORDER_LISTS: open lists of an account in a symbol."""


class Checks:
    """See the module's top. limits: whether what counts orders holds."""

    def __init__(self, limits: bool) -> None:
        self._limits = limits

    def filtered(
        self, account: Account, market: Market, request: Any, terms: Terms
    ) -> Refusal | None:
        """What the symbol does not permit of an order. request: see orders.py."""
        refusal = _not_permitted(account, market.instrument, request, terms)
        if refusal is not None or not self._limits:
            return refusal
        return _crowded(account, market.instrument, [request])

    def too_many(self, account: Account, now: int, orders: int = 1) -> Refusal | None:
        """What an account is told that may not place so many in this window. now: wall clock ns."""
        window = account.unfilled.breached(now, orders) if self._limits else None
        return window and refusals.too_many_orders(window.count_max, window.name)

    def list_refused(
        self, account: Account, market: Market, plan: Plan, now: int
    ) -> Refusal | None:
        """Why a list is refused. now: wall clock ns."""
        instrument, refusal = market.instrument, plan.refusal
        for leg, terms in zip(plan.legs, plan.terms, strict=False):
            refusal = refusal or _not_permitted(account, instrument, leg, terms)
        if refusal is not None or not self._limits:
            return refusal
        lists = [one for one in account.order_lists.values() if one.instrument is instrument]
        if len(lists) >= LISTS_MAX:
            return refusals.filter_failure("MAX_NUM_ORDER_LISTS")
        crowded = _crowded(account, instrument, plan.legs)
        return crowded or self.too_many(account, now, len(plan.legs))


def _not_permitted(
    account: Account, instrument: Instrument, request: Any, terms: Terms
) -> Refusal | None:
    """The feature that a symbol does not have, or the filter that an order does not pass."""
    return (
        orders.feature(instrument, request)
        or orders.filters(instrument, terms, request.side == BUY)
        or triggers.filters(instrument, request, terms)
        or _too_much(account, instrument, request, terms)
    )


def _too_much(
    account: Account, instrument: Instrument, request: Any, terms: Terms
) -> Refusal | None:
    """Whether an account could come to have more of the base asset than it may.

    An order by quote amount has no quantity yet. Those of a list are looked at one by one.
    """
    most = instrument.position_max
    if most is None or terms.quantity is None or request.side != BUY:
        return None
    if account.position_in(instrument) + terms.quantity <= most:
        return None
    return refusals.filter_failure("MAX_POSITION")


def _crowded(account: Account, instrument: Instrument, added: Sequence[Any]) -> Refusal | None:
    """Whether an account would have too many open orders in a symbol. added: the new ones."""
    symbol = instrument.symbol
    if account.open_count.get(symbol, 0) + len(added) > instrument.orders_max:
        return refusals.filter_failure("MAX_NUM_ORDERS")
    stops = sum(order.ord_type in STOPS for order in added)
    if stops and account.stops_in(symbol) + stops > instrument.stops_max:
        return refusals.filter_failure("MAX_NUM_ALGO_ORDERS")
    icebergs = sum(order.max_floor is not None for order in added)
    if icebergs and account.icebergs_in(symbol) + icebergs > instrument.icebergs_max:
        return refusals.filter_failure("MAX_NUM_ICEBERG_ORDERS")
    return None
