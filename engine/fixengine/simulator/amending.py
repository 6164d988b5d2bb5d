"""An order made smaller (OrderAmendKeepPriorityRequest): same OrderID, same place in the queue.

It has the request's ClOrdID from then on, which may be the one it had. What is refused is refused
by an OrderAmendReject, and nothing has changed. Source: spec sections 9.7 and 22.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fixengine.simulator import choices, ending, list_reports, refusals, reports
from fixengine.simulator.accounts import Account, PlacedOrder
from fixengine.simulator.cancelling import find
from fixengine.simulator.instruments import amount, text_of
from fixengine.simulator.market import Market
from fixengine.simulator.refusals import Refusal
from fixengine.simulator.reports import Answer

AMENDS_MAX = 10
"""Of one order."""


def amend(
    account: Account,
    market: Market,
    request: Any,
    quantity: int,
    chosen: Mapping[str, str],
    now: int,
) -> list[Answer]:
    """Carry out an OrderAmendKeepPriorityRequest that names an order.

    quantity: the order's new one at SCALE, what it has traded included. chosen: see choices.py.
    now: wall clock ns.
    """
    order = find(account, request.symbol, request.order_id, request.orig_cl_ord_id)
    if order is None:
        return [reports.amend_refused(account, request, quantity, refusals.UNKNOWN_AMEND)]
    refusal = _refusal(account, order, request.cl_ord_id, quantity, chosen)
    if refusal is not None:
        return [reports.amend_refused(account, request, quantity, refusal)]
    previous = order.cl_ord_id
    account.rename(order, request.cl_ord_id)
    order.amends += 1
    answers = [_shrunk(market, order, quantity, previous, now)]
    group = order.order_list
    partner = None if group is None else group.partner(order)
    if partner is not None:
        # Both of a pair are for one quantity.
        shrunk = _shrunk(market, partner, quantity, partner.cl_ord_id, now)
        answers.append(shrunk._replace(ack=False))
    for one in (order, partner):
        if one is not None:
            account.relock(one, market.cost(one))
    if group is not None and order.cl_ord_id != previous:
        group.renamed(order)
        answers.append(list_reports.renamed(group, now))
    if order.leaves_qty == 0:
        account.closed(order)
        answers.append(reports.expired(order, market.next_exec_id(), None, reports.utc(now)))
        if group is not None and group.working is order:
            # It has expired, whatever it has traded: nothing is released.
            waiting = [one for one in group.orders if not one.ended]
            why = reports.PHASE_ONE_EXPIRED
            answers += [ending.expire(market, one, why, now) for one in waiting]
    return answers


def _shrunk(market: Market, order: PlacedOrder, quantity: int, previous: str, now: int) -> Answer:
    """Make an order smaller, and take it away where nothing is left; its report."""
    order.columns["order_qty"] = text_of(quantity)
    left = max(0, quantity - order.spent_qty)
    order.leaves_qty = left
    if order.max_floor is not None and quantity < order.max_floor:
        order.max_floor = quantity
        order.columns["max_floor"] = text_of(quantity)
    order.shown_qty = min(order.shown_qty, left)
    if left == 0:
        market.withdraw(order)
    market.touched = True
    return reports.replaced(order, market.next_exec_id(), previous, reports.utc(now))


def _refusal(
    account: Account, order: PlacedOrder, cl_ord_id: str, quantity: int, chosen: Mapping[str, str]
) -> Refusal | None:
    """Why an order cannot be amended, or None."""
    instrument, present = order.instrument, order.spent_qty + order.leaves_qty
    if quantity == present:
        return refusals.AMEND_OF_NOTHING
    if quantity > present:
        return refusals.AMEND_TO_MORE
    if not instrument.lot.passes(quantity):
        return refusals.filter_failure("LOT_SIZE")
    price = instrument.fair if order.price is None else order.price
    if not instrument.notional_passes(amount(price, quantity)):
        return refusals.filter_failure("NOTIONAL")
    if order.amends >= AMENDS_MAX:
        return refusals.TOO_MANY_AMENDS
    if account.by_client_id.get(cl_ord_id, order) is not order:
        return refusals.DUPLICATE_AMEND
    if quantity <= order.spent_qty and chosen[choices.SPENT_AMEND] == "refuse":
        # No text of the venue is known for it; what is left of the order cannot shrink.
        return refusals.AMEND_OF_NOTHING
    return None
