"""A new order at the matching engine: what it may be refused for, and what it becomes.

Filters, features and counts have let it pass. What an order may do right now is asked of the order
itself, because one that waits in a list is asked again when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixengine.simulator import orders, refusals, reports, triggers
from fixengine.simulator.accounts import Account, PlacedOrder, Wait, apart
from fixengine.simulator.book import BUY
from fixengine.simulator.market import Market
from fixengine.simulator.orders import Terms
from fixengine.simulator.refusals import Refusal


def place(
    account: Account, market: Market, request: Any, terms: Terms, now: int
) -> PlacedOrder | Refusal:
    """The matching engine's own checks; then the order exists and its money is locked.

    request: see orders.py. now: wall clock ns.
    """
    if request.cl_ord_id in account.by_client_id:
        return refusals.DUPLICATE_ORDER
    quantity = terms.quantity
    if quantity is None:
        assert terms.cash is not None
        avoided = apart(account, request.self_trade_prevention_mode)
        found = _quantity_for(market, request.side, terms.cash, avoided)
        if isinstance(found, Refusal):
            return found
        quantity = found
    order = made(account, market, request, terms, quantity, now)
    refusal = refused_now(market, order)
    if refusal is None and not account.opened(order, market.cost(order)):
        return refusals.INSUFFICIENT_BALANCE
    return order if refusal is None else refusal


def made(
    account: Account, market: Market, request: Any, terms: Terms, quantity: int, now: int
) -> PlacedOrder:
    """An order of these terms that is in no book yet and has locked nothing."""
    maker_only = request.exec_inst is not None
    may_rest = terms.price is not None and (maker_only or request.time_in_force == orders.GTC)
    trigger = triggers.trigger_of(request, terms)
    order_id, works = market.next_order_id(), may_rest and trigger is None
    order = PlacedOrder(
        order_id,
        request.side,
        terms.price,
        quantity,
        account=account,
        instrument=market.instrument,
        cl_ord_id=request.cl_ord_id,
        may_rest=may_rest,
        columns=reports.columns(request, order_id, terms, works, reports.utc(now)),
        max_floor=terms.max_floor,
        trigger=trigger,
    )
    order.waits = None if trigger is None else Wait.TRIGGER
    return order


def refused_now(market: Market, order: PlacedOrder) -> Refusal | None:
    """Why the price does not permit an order right now, or None."""
    maker_only = order.columns["exec_inst"] is not None
    if maker_only and order.price is not None and market.book.crosses(order.side, order.price):
        return refusals.WOULD_MATCH
    if order.trigger is not None and order.trigger.would_be_met(market.last_price):
        return refusals.WOULD_TRIGGER
    return None


def _quantity_for(
    market: Market, side: str, cash: int, avoided: Callable[[PlacedOrder], bool] | None
) -> int | Refusal:
    """The base quantity of a market order given by quote amount (spec 22.3)."""
    lot = market.instrument.lot
    quantity = market.book.walk_quote(side, cash, lot.step, avoided)
    if quantity >= lot.quantity_min and quantity > 0:
        return quantity
    other = market.book.best_ask if side == BUY else market.book.best_bid
    return refusals.NOTHING_ON_BOOK if other is None else refusals.LESS_THAN_LOT
