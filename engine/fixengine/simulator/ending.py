"""How an open order ends other than by trading: cancelled by somebody, or expired."""

from __future__ import annotations

from fixengine.simulator import reports
from fixengine.simulator.accounts import PlacedOrder
from fixengine.simulator.market import Market
from fixengine.simulator.reports import Answer


def cancel(market: Market, order: PlacedOrder, cl_ord_id: str, now: int) -> Answer:
    """Take an open order away; it has the cancel's id from now on. now: wall clock ns.

    The other orders of its list will follow.
    """
    market.withdraw(order)
    order.account.closed(order)
    if order.order_list is not None:
        order.order_list.canceled_by = cl_ord_id
    previous, order.cl_ord_id = order.cl_ord_id, cl_ord_id
    return reports.canceled(order, market.next_exec_id(), previous, reports.utc(now))


def expire(market: Market, order: PlacedOrder, reason: str, now: int) -> Answer:
    """Take an open order away for a reason of the venue's own."""
    market.withdraw(order)
    order.account.closed(order)
    return reports.expired(order, market.next_exec_id(), reason, reports.utc(now))
