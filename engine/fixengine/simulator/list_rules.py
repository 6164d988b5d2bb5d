"""A NewOrderList read: how many orders, of which types, where they stand, what sets them off.

What the request is wrong about is answered with Reject<3> and nothing has happened. The triggers of
each order must be those of the documents' table (spec section 9.3). They print that the filled
working order of an OTOCO cancels the pair that it is to release; both are taken for a release.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

from fixengine.fix.venue import Complaint
from fixengine.fix.venues.binance.tables import NEW_ORDER
from fixengine.simulator import orders, refusals
from fixengine.simulator.book import BUY, SELL
from fixengine.simulator.lists import (
    ONE_CANCELS_THE_OTHER,
    ONE_TRIGGERS_THE_OTHER,
    Instruction,
)
from fixengine.simulator.orders import LIMIT, MARKET, PEGGED, STOPS, Terms
from fixengine.simulator.refusals import Refusal, complaint

ACTIVATED, PARTIALLY_FILLED, FILLED = "1", "2", "3"
RELEASE, CANCEL = "1", "2"
COMBINATION = "Combination of optional parameters invalid."
WRONG_TYPE = complaint(-1158, "Order type not supported in OCO.", 40)
WRONG_WORKING_TYPE = complaint(-1116, "Invalid orderType.", 40)
TWO_LIMITS = complaint(-1168, "At least one OCO order must be contingent.", 40)
WRONG_COUNT = refusals.wrong_count(73)
MAKER, STOP_LOSS, TAKE_PROFIT = "limit", "stop loss", "take profit"
PLACES = {
    (BUY, MAKER): (-1165, "below"),
    (SELL, MAKER): (-1166, "above"),
    (BUY, STOP_LOSS): (-1196, "above"),
    (SELL, STOP_LOSS): (-1197, "below"),
    (BUY, TAKE_PROFIT): (-1198, "below"),
    (SELL, TAKE_PROFIT): (-1199, "above"),
}
"""Where an order of a pair has to stand, and the code where it stands on the other side."""
SIDES = {BUY: "buy", SELL: "sell"}

NAMES = (*(row.name for row in NEW_ORDER), "list_triggering_instructions")


def leg_of(row: tuple[Any, ...]) -> Any:
    """An order of the request, by the names of NewOrderSingle's table. row: of the group."""
    return SimpleNamespace(**dict(zip(NAMES, row, strict=True)), sor=None)


class Plan(NamedTuple):
    """A list that may be placed. legs, terms: of each order. refusal: it is not to be."""

    cl_list_id: str
    contingency: str
    legs: tuple[Any, ...]
    terms: tuple[Terms, ...]
    refusal: Refusal | None = None

    @property
    def symbol(self) -> str:
        """The symbol of all of them."""
        return str(self.legs[0].symbol)

    @property
    def pair(self) -> tuple[int, ...]:
        """Which orders are a pair: none of an OTO."""
        return pair_of(self.contingency, len(self.legs))

    @property
    def instructions(self) -> tuple[tuple[Instruction, ...], ...]:
        """Of each order."""
        return tuple(map(_instructions, self.legs))


def read(request: Any) -> Plan | Complaint:
    """Check a NewOrderList and turn its amounts into integers.

    request: anything with the names of its table as attributes; orders: rows of the group.
    """
    legs = tuple(leg_of(row) for row in request.orders or ())
    contingency = request.contingency_type
    if len(legs) not in ((2,) if contingency == ONE_CANCELS_THE_OTHER else (2, 3)):
        return WRONG_COUNT
    for one, other in pairwise(legs):
        if one.symbol != other.symbol:
            return complaint(-1128, COMBINATION, 55)
    plan = Plan(request.cl_list_id, contingency, legs, ())
    if request.opo == "Y":
        return plan._replace(refusal=refusals.not_supported("OPO"))
    terms = []
    for leg in legs:
        found = orders.read(leg, in_list=True)
        if isinstance(found, Complaint):
            return found
        terms.append(found)
    plan = plan._replace(terms=tuple(terms))
    if any(leg.ord_type == PEGGED for leg in legs):
        # Any but a stop without a limit price may be pegged, so that is what is wrong with it.
        return plan._replace(refusal=refusals.not_supported("Pegged"))
    wrong = _working(plan) or _pair(plan) or _triggers(plan)
    return plan if wrong is None else wrong


def pair_of(contingency: str, count: int) -> tuple[int, ...]:
    """Which orders of a list are a pair; none of an OTO."""
    found = range(count) if contingency == ONE_CANCELS_THE_OTHER else range(1, count)
    return tuple(found) if len(found) == 2 else ()


def kind_of(leg: Any) -> str | None:
    """What an order is in a pair, None where it can be in none."""
    if leg.ord_type == LIMIT:
        return None if leg.exec_inst is None else MAKER
    if leg.ord_type not in STOPS:
        return None
    against = "U" if leg.side == BUY else "D"
    return STOP_LOSS if leg.trigger_price_direction == against else TAKE_PROFIT


def _working(plan: Plan) -> Complaint | None:
    """The order that the others wait for, and what may wait for it."""
    if plan.contingency != ONE_TRIGGERS_THE_OTHER:
        return None
    if plan.legs[0].ord_type != LIMIT:
        return WRONG_WORKING_TYPE
    for leg in plan.legs[1:]:
        if leg.ord_type == MARKET and leg.cash_order_qty is not None:
            return refusals.surplus(refusals.CASH_ORDER_QTY, "cash_order_qty")
    return None


def _pair(plan: Plan) -> Complaint | None:
    """Two orders of which one cancels the other; the first stands below."""
    if not plan.pair:
        return None
    pair = [plan.legs[index] for index in plan.pair]
    kinds = [kind_of(leg) for leg in pair]
    if None in kinds:
        return WRONG_TYPE
    if kinds == [MAKER, MAKER]:
        return TWO_LIMITS
    if pair[0].side != pair[1].side:
        return complaint(-1128, COMBINATION, 54)
    for kind, leg, place in zip(kinds, pair, ("below", "above"), strict=True):
        code, right = PLACES[leg.side, kind or ""]
        if place != right:
            text = f"A {kind} order in a {SIDES[leg.side]} OCO must be {right}."
            return complaint(code, text, 40)
    first, second = (plan.terms[index].quantity for index in plan.pair)
    return None if first == second else complaint(-1128, COMBINATION, refusals.ORDER_QTY)


def _triggers(plan: Plan) -> Complaint | None:
    """Whether each order has the triggers of the documents' table."""
    for index, leg in enumerate(plan.legs):
        wanted = list(_wanted(plan, index))
        found = [
            one._replace(list_trigger_action=RELEASE) if one[:2] == (FILLED, 0) else one
            for one in _instructions(leg)
        ]
        if found != wanted or (len(plan.legs) == 2 and _cancels_its_release(leg)):
            shown = " ".join(f"({','.join(map(str, one))})" for one in wanted) or "none"
            text = (
                "Component 'ListTriggeringInstructions' is incorrectly populated on"
                f" '{leg.cl_ord_id}' order. Recommendation: '{shown}'"
            )
            return complaint(-1174, text, 25010)
    return None


def _wanted(plan: Plan, index: int) -> Iterator[Instruction]:
    if plan.contingency == ONE_TRIGGERS_THE_OTHER and index > 0:
        yield Instruction(FILLED, 0, RELEASE)
    if index in plan.pair:
        (partner,) = set(plan.pair) - {index}
        maker = kind_of(plan.legs[partner]) == MAKER
        yield Instruction(PARTIALLY_FILLED if maker else ACTIVATED, partner, CANCEL)


def _cancels_its_release(leg: Any) -> bool:
    """What only a pair may say."""
    return (FILLED, 0, CANCEL) in _instructions(leg)


def _instructions(leg: Any) -> tuple[Instruction, ...]:
    return tuple(Instruction(*row) for row in leg.list_triggering_instructions or ())
