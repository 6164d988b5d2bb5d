"""A NewOrderList at the matching engine: all of its orders are accepted, or none is."""

from __future__ import annotations

from fixengine.simulator import list_reports, list_rules, placing, refusals, reports
from fixengine.simulator.accounts import Account, PlacedOrder, Wait
from fixengine.simulator.list_rules import Plan
from fixengine.simulator.lists import ONE_TRIGGERS_THE_OTHER, OrderList
from fixengine.simulator.market import Market
from fixengine.simulator.refusals import Refusal
from fixengine.simulator.reports import Answer


def place(
    account: Account, market: Market, plan: Plan, list_id: int, now: int
) -> OrderList | Refusal:
    """The matching engine's own checks; then the list exists and its money is locked."""
    names = [leg.cl_ord_id for leg in plan.legs]
    known = {group.cl_list_id for group in account.order_lists.values()}
    if len(set(names)) < len(names) or account.by_client_id.keys() & set(names):
        return refusals.DUPLICATE_ORDER
    if plan.cl_list_id in known or plan.cl_list_id in names:
        return refusals.DUPLICATE_ORDER
    made = tuple(_made(account, market, plan, index, now) for index in range(len(names)))
    if not _prices_fit(market, plan, made):
        return refusals.WRONG_PRICES
    for order in made:
        refusal = None if order.waits is Wait.RELEASE else placing.refused_now(market, order)
        if refusal is not None:
            return refusal
    group = OrderList(
        list_id, plan.cl_list_id, plan.contingency, made, plan.instructions, market.lists
    )
    for order in made:
        order.order_list = group
        order.columns["list_id"] = str(list_id)
    for index, order in enumerate(made):
        if not account.opened(order, market.cost(order)):
            for earlier in made[:index]:
                earlier.order_list = None
                account.closed(earlier)
            return refusals.INSUFFICIENT_BALANCE
    account.order_lists[list_id] = group
    return group


def accepted(market: Market, group: OrderList, now: int) -> list[Answer]:
    """The answers to a list that was accepted; its stops wait for their prices from now on."""
    answers = [list_reports.placed(group, now)]
    for order in group.orders:
        report = reports.accepted(order, market.next_exec_id(), reports.utc(now))
        answers.append(report._replace(ack=False))
        if order.waits is Wait.TRIGGER and order.trigger is not None:
            market.stops.add(order, order.trigger)
    return answers


def _made(account: Account, market: Market, plan: Plan, index: int, now: int) -> PlacedOrder:
    terms = plan.terms[index]
    assert terms.quantity is not None
    order = placing.made(account, market, plan.legs[index], terms, terms.quantity, now)
    if plan.contingency == ONE_TRIGGERS_THE_OTHER and index > 0:
        order.waits = Wait.RELEASE
        order.columns["working_time"] = None
    return order


def _prices_fit(market: Market, plan: Plan, made: tuple[PlacedOrder, ...]) -> bool:
    """Whether a pair has the last price between its two; one that waits, only the right order."""
    if not plan.pair:
        return True
    below, above = (_price(plan, made, index) for index in plan.pair)
    if below is not None and above is not None and below >= above:
        return False
    last = market.last_price
    if last is None or made[plan.pair[0]].waits is Wait.RELEASE:
        return True
    return (below is None or below < last) and (above is None or above > last)


def _price(plan: Plan, made: tuple[PlacedOrder, ...], index: int) -> int | None:
    """The price of an order of a pair that counts: a stop loss's is the one that sets it off."""
    order = made[index]
    if order.trigger is None:
        return order.price
    stop_loss = list_rules.kind_of(plan.legs[index]) == list_rules.STOP_LOSS
    return order.trigger.price if stop_loss or order.price is None else order.price
