"""Cancels: of one order or list, named by either of its ids, and of all orders in a symbol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fixengine.simulator import choices, ending, list_play, refusals, reports
from fixengine.simulator.accounts import Account, PlacedOrder, Wait
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
    # One that waits for an order of its list is PENDING_NEW: neither NEW nor PARTIALLY_FILLED.
    waits = order.waits is Wait.RELEASE and request.cancel_restrictions is not None
    if waits or _restricted(request, order.cum_qty > 0):
        return reports.cancel_refused(account, request, cl_ord_id, refusals.RESTRICTED)
    return ending.cancel(market, order, cl_ord_id, now)


def cancel_list(
    account: Account, market: Market, request: Any, chosen: Mapping[str, str], now: int
) -> Answer:
    """Cancel the list that a request names by either of its ids, or refuse to; the first answer.

    The other orders of the list follow. Arguments as for `cancel`.
    """
    cl_ord_id, name = request.cl_ord_id, request.orig_cl_list_id
    group = next(
        (
            one
            for one in account.order_lists.values()
            if request.list_id in (None, str(one.list_id)) and name in (None, one.cl_list_id)
        ),
        None,
    )
    if group is None or group.instrument is not market.instrument:
        return reports.cancel_refused(account, request, cl_ord_id, unknown_order(chosen))
    if _restricted(request, any(order.cum_qty for order in group.orders)):
        return reports.cancel_refused(account, request, cl_ord_id, refusals.RESTRICTED)
    first = next(order for order in group.orders if not order.ended)
    return ending.cancel(market, first, cl_ord_id, now)


def _restricted(request: Any, has_traded: bool) -> bool:
    """Whether CancelRestrictions<25002> forbid it."""
    wanted = request.cancel_restrictions
    return (wanted == ONLY_NEW and has_traded) or (
        wanted == ONLY_PARTIALLY_FILLED and not has_traded
    )


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
    answers = [ending.cancel(market, order, request.cl_ord_id, now) for order in found]
    answers += list_play.settle(market, chosen, now)
    return [*answers, reports.mass_canceled(account, request, len(found))]


def unknown_order(chosen: Mapping[str, str]) -> Refusal:
    """What is said to a cancel for an order that is not there."""
    return refusals.UNKNOWN_ORDER._replace(code=int(chosen[choices.UNKNOWN_CANCEL]))
