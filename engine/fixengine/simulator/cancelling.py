"""Cancels: of one order, which a request names by either of its ids, and of all in a symbol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fixengine.simulator import choices, refusals, reports
from fixengine.simulator.accounts import Account, PlacedOrder
from fixengine.simulator.market import Market
from fixengine.simulator.refusals import Refusal
from fixengine.simulator.reports import Answer

ONLY_NEW, ONLY_PARTIALLY_FILLED = "1", "2"


def find(
    account: Account, symbol: str, order_id: str | None, cl_ord_id: str | None
) -> PlacedOrder | None:
    """The open order that a request names; by OrderID first, and both ids must agree."""
    if order_id is not None:
        order = account.by_order_id.get((symbol, int(order_id)))
        agrees = order is not None and cl_ord_id in (None, order.cl_ord_id)
        return order if agrees else None
    order = account.by_client_id.get(cl_ord_id or "")
    return order if order is not None and order.instrument.symbol == symbol else None


def cancel(
    account: Account,
    market: Market,
    request: Any,
    cl_ord_id: str,
    chosen: Mapping[str, str],
    now: int,
) -> Answer:
    """Cancel the one order that a request names, or refuse to; the answer.

    request: has order_id, orig_cl_ord_id and cancel_restrictions. cl_ord_id: of the cancel. chosen:
    see choices.py. now: wall clock ns.
    """
    order = find(account, request.symbol, request.order_id, request.orig_cl_ord_id)
    if order is None:
        return reports.cancel_refused(account, request, cl_ord_id, unknown_order(chosen))
    wanted = request.cancel_restrictions
    if (wanted == ONLY_NEW and order.cum_qty) or (
        wanted == ONLY_PARTIALLY_FILLED and not order.cum_qty
    ):
        return reports.cancel_refused(account, request, cl_ord_id, refusals.RESTRICTED)
    return end(market, order, cl_ord_id, now)


def cancel_all(
    account: Account, market: Market, request: Any, chosen: Mapping[str, str], now: int
) -> list[Answer]:
    """Cancel every open order of an account in a symbol: a report for each, and the answer last.

    request: an OrderMassCancelRequest; now: wall clock ns.
    """
    symbol = market.instrument.symbol
    found = [order for (at, _), order in account.by_order_id.items() if at == symbol]
    if not found and chosen[choices.EMPTY_MASS_CANCEL] == "refuse":
        return [reports.mass_cancel_refused(account, request, refusals.UNKNOWN_ORDER)]
    answers = [end(market, order, request.cl_ord_id, now) for order in found]
    return [*answers, reports.mass_canceled(account, request, len(found))]


def end(market: Market, order: PlacedOrder, cl_ord_id: str, now: int) -> Answer:
    """Take an open order away; it has the cancel's id from now on."""
    market.withdraw(order)
    order.account.closed(order)
    previous, order.cl_ord_id = order.cl_ord_id, cl_ord_id
    return reports.canceled(order, market.next_exec_id(), previous, reports.utc(now))


def unknown_order(chosen: Mapping[str, str]) -> Refusal:
    """What is said to a cancel for an order that is not there."""
    return refusals.UNKNOWN_ORDER._replace(code=int(chosen[choices.UNKNOWN_CANCEL]))
