"""What becomes of the other orders of a list when something has happened to one of them.

It is looked at once the request is carried out that it happened in, so an order's own reports come
before those of the others, and ListStatus ALL_DONE comes last (spec section 22.5).

    one of a pair trades or is set off    the other expires (OCO_TRIGGER)
    one of a pair has expired             so does the other, for the same reason
    the working order is filled in full   what waits for it is due, to work or to wait for its price
    the working order has expired         what waits for it expires (OTO_PHASE_ONE_EXPIRED)
    one was cancelled                     all are
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

from fixengine.simulator import choices, ending, list_reports, reports
from fixengine.simulator.accounts import PlacedOrder, Wait
from fixengine.simulator.lists import OrderList
from fixengine.simulator.market import Market
from fixengine.simulator.reports import Answer


def settle(market: Market, chosen: Mapping[str, str], now: int) -> list[Answer]:
    """Follow what has happened to orders in lists. chosen: see choices.py; now: wall clock ns."""
    answers: list[Answer] = []
    while market.lists:
        group = next(iter(market.lists))
        del market.lists[group]
        answers += _follow(market, group, chosen, now)
        if group.is_over:
            account = group.orders[0].account
            if account.order_lists.pop(group.list_id, None) is not None:
                answers.append(list_reports.over(group, now))
        elif chosen[choices.LIST_CHANGES] == "told" and group.state != group.present_state():
            group.state = group.present_state()
            answers.append(list_reports.changed(group, now))
    return answers


def _follow(market: Market, group: OrderList, chosen: Mapping[str, str], now: int) -> list[Answer]:
    answers: list[Answer] = []
    if group.canceled_by is not None:
        for order in group.orders:
            if not order.ended:
                cancel = ending.cancel(market, order, group.canceled_by, now)
                # The first one's report was the answer to the request.
                answers.append(cancel._replace(ack=False))
        return answers
    working = group.working
    if working is not None and working.ended:
        waiting = [
            order
            for order in group.orders
            if order.waits is Wait.RELEASE and not order.ended and order not in market.due
        ]
        if working.is_filled:
            market.due += waiting
        else:
            why = reports.PHASE_ONE_EXPIRED
            answers += [ending.expire(market, order, why, now) for order in waiting]
    for one, other in permutations(group.pair, 2):
        if (one.ended or _is_active(one)) and not (other.ended or _is_active(other)):
            answers.append(_expired(market, other, chosen, now))
            if not one.ended:
                # What the other one would have cost beyond this.
                one.account.relock(one, market.cost(one))
    return answers


def _is_active(order: PlacedOrder) -> bool:
    """Whether an order of a pair has traded or was set off."""
    return order.cum_qty > 0 or (order.trigger is not None and order.waits is None)


def _expired(market: Market, order: PlacedOrder, chosen: Mapping[str, str], now: int) -> Answer:
    answer = ending.expire(market, order, reports.OTHER_OF_PAIR, now)
    if chosen[choices.OCO_PARTNER] == "canceled":
        ends = {"exec_type": reports.CANCELED, "ord_status": reports.CANCELED}
        answer.values.update(ends, expiry_reason=None)
    return answer
