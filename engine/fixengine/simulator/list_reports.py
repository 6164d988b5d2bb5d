"""What the venue says of an order list: ListStatus, once it is placed, refused, changed or over.

A refusal has its code and text at each order, or at the list (a choice): the venue's dictionary and
its prose differ. Symbol<55> of the list is no longer sent. Source: spec sections 10.4 and 22.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fixengine.fix import fields
from fixengine.simulator import choices, reports
from fixengine.simulator.accounts import Account
from fixengine.simulator.list_rules import Plan
from fixengine.simulator.lists import Instruction, OrderList
from fixengine.simulator.refusals import Refusal
from fixengine.simulator.reports import Answer

RESPONSE, EXEC_STARTED, ALL_DONE_TYPE, UPDATED = "2", "4", "5", "100"
"""Of ListStatusType<429>."""
EXECUTING, ALL_DONE, REJECT = "3", "6", "7"
"""Of ListOrderStatus<431>."""
OTHER = "99"


class Listed(NamedTuple):
    """One order in a ListStatus, by the names of the venue's table."""

    cl_ord_id: str
    symbol: str
    order_id: str | None = None
    list_triggering_instructions: tuple[Instruction, ...] | None = None
    ord_rej_reason: str | None = None
    venue_code: str | None = None
    text: str | None = None


def placed(group: OrderList, now: int) -> Answer:
    """The list was accepted: the answer to its request. now: wall clock ns."""
    return _told(group, EXEC_STARTED, EXECUTING, now)._replace(ack=True)


def changed(group: OrderList, now: int) -> Answer:
    """Something has become of an order of it, and others are open."""
    return _told(group, EXEC_STARTED, EXECUTING, now)


def renamed(group: OrderList, now: int) -> Answer:
    """An order of it has another client id."""
    return _told(group, UPDATED, EXECUTING, now)


def over(group: OrderList, now: int) -> Answer:
    """All its orders have ended."""
    return _told(group, ALL_DONE_TYPE, ALL_DONE, now)


def refused(
    account: Account, plan: Plan, refusal: Refusal, chosen: Mapping[str, str], now: int
) -> Answer:
    """The list was refused: for the session that asked and nobody else."""
    reason = OTHER, str(refusal.code), refusal.text
    at_list = chosen[choices.LIST_REFUSAL] == "list"
    at_order = (None,) * 3 if at_list else reason
    rows = tuple(Listed(leg.cl_ord_id, leg.symbol, None, None, *at_order) for leg in plan.legs)
    values = _values(plan.cl_list_id, plan.contingency, RESPONSE, REJECT, now)
    values |= {"list_reject_reason": OTHER, "orders": rows}
    if at_list:
        values |= dict(zip(("ord_rej_reason", "venue_code", "text"), reason, strict=True))
    return Answer(account, fields.LIST_STATUS, values, ack=True, push=False)


def _told(group: OrderList, kind: str, status: str, now: int) -> Answer:
    values = _values(group.cl_list_id, group.contingency, kind, status, now)
    named = zip(group.names, group.orders, group.instructions, strict=True)
    values["list_id"] = str(group.list_id)
    values["orders"] = tuple(
        Listed(name, order.instrument.symbol, str(order.order_id), instructions or None)
        for name, order, instructions in named
    )
    return Answer(group.orders[0].account, fields.LIST_STATUS, values)


def _values(cl_list_id: str, contingency: str, kind: str, status: str, now: int) -> dict[str, Any]:
    return {
        "cl_list_id": cl_list_id,
        "orig_cl_list_id": cl_list_id,
        "contingency_type": contingency,
        "list_status_type": kind,
        "list_order_status": status,
        "transact_time": reports.utc(now),
    }
