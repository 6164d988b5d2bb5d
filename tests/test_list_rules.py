"""Lists that are put together wrong: what the venue's exchange says of each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fixengine.fix.venue import Complaint
from fixengine.messages import NewOrderList, oco, oto
from test_exchange import NOW, TRAILING
from test_exchange_lists import (
    BUY,
    LIMIT,
    MAKER,
    MARKET,
    SELL,
    STOP,
    STOP_LIMIT,
    TAKE,
    B,
    Venue,
    asked,
    bracket,
    brief,
    buys,
    changed,
    sells,
    venue,
)
from venue_answers import answered

__all__ = ["venue"]


def swapped(made: NewOrderList) -> SimpleNamespace:
    request = asked(made)
    request.orders.reverse()
    return request


AS_MAKER = dict.fromkeys((*TRAILING, "time_in_force")) | {"ord_type": "2", "exec_inst": "6"}
TAKES = oco(STOP(B, SELL, 1, 49000), TAKE(B, SELL, 1, 51000))
TAKES_BUYS = oco(TAKE(B, BUY, 1, 49000), STOP(B, BUY, 1, 51000))


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (swapped(sells()), -1166, "A limit order in a sell OCO must be above."),
        (swapped(buys()), -1196, "A stop loss order in a buy OCO must be above."),
        (swapped(TAKES), -1199, "A take profit order in a sell OCO must be above."),
        (
            changed(buys(), 1, **AS_MAKER),
            -1168,
            "At least one OCO order must be contingent.",
        ),
        (
            changed(TAKES, 1, trigger_price_direction="D"),
            -1197,
            "A stop loss order in a sell OCO must be below.",
        ),
        (
            changed(TAKES_BUYS, 1, trigger_price_direction="D"),
            -1198,
            "A take profit order in a buy OCO must be below.",
        ),
        (
            changed(sells(), 1, exec_inst=None, time_in_force="1"),
            -1158,
            "Order type not supported in OCO.",
        ),
        (changed(sells(), 1, side=BUY), -1128, "Combination of optional parameters invalid."),
        (changed(sells(), 1, order_qty="2"), -1128, "Combination of optional parameters invalid."),
        (changed(sells(), 1, symbol="X"), -1128, "Combination of optional parameters invalid."),
        (changed(sells(), 1, price=None), -1102, "Required tag '44' missing."),
        (
            changed(
                oto(LIMIT(B, BUY, 1, 49000), MARKET(B, SELL, 1)),
                0,
                price=None,
                ord_type="1",
                time_in_force=None,
            ),
            -1116,
            "Invalid orderType.",
        ),
        (
            changed(
                oto(LIMIT(B, BUY, 1, 49000), MARKET(B, SELL, 1)),
                1,
                order_qty=None,
                cash_order_qty="100",
            ),
            -1106,
            "Parameter 'cash_order_qty' sent when not required.",
        ),
    ],
)
def test_orders_of_a_list_stand_where_they_belong(
    venue: Venue, request_: SimpleNamespace, code: int, text: str
) -> None:
    found = venue.exchange.new_list(venue.account, request_, NOW)
    assert isinstance(found, Complaint)
    assert (found.code, found.text) == (code, text)
    assert not venue.account.by_client_id


def test_a_limit_that_buys_stands_below(venue: Venue) -> None:
    both = oco(MAKER(B, BUY, 1, 49000), STOP_LIMIT(B, BUY, 1, 52000, 51000))
    request = swapped(both)
    request.orders[0] = asked(TAKES_BUYS).orders[0]
    found = venue.exchange.new_list(venue.account, request, NOW)
    assert isinstance(found, Complaint)
    assert (found.code, found.text) == (-1165, "A limit order in a buy OCO must be below.")


@pytest.mark.parametrize(
    ("made", "index", "triggers", "wanted"),
    [
        (sells(), 0, None, "(2,1,2)"),
        (sells(), 0, (("1", 1, "2"),), "(2,1,2)"),
        (sells(), 1, (("1", 0, "1"),), "(1,0,2)"),
        (bracket(), 0, (("3", 0, "1"),), "none"),
        (bracket(), 1, (("3", 0, "1"),), "(3,0,1) (2,2,2)"),
        (oto(LIMIT(B, BUY, 1, 49000), MARKET(B, SELL, 1)), 1, (("3", 0, "2"),), "(3,0,1)"),
    ],
)
def test_triggers_are_those_of_the_documents(
    venue: Venue, made: NewOrderList, index: int, triggers: Any, wanted: str
) -> None:
    request = changed(made, index, list_triggering_instructions=triggers)
    found = venue.exchange.new_list(venue.account, request, NOW)
    assert isinstance(found, Complaint)
    assert (found.code, found.tag) == (-1174, 25010)
    assert found.text == (
        "Component 'ListTriggeringInstructions' is incorrectly populated on"
        f" '{'abc'[index]}' order. Recommendation: '{wanted}'"
    )


@pytest.mark.parametrize(("contingency", "count"), [("1", 1), ("1", 3), ("2", 0), ("2", 1)])
def test_a_list_of_another_number_of_orders_is_none(
    venue: Venue, contingency: str, count: int
) -> None:
    request = asked(bracket())
    request.contingency_type, request.orders = contingency, request.orders[:count] or None
    found = venue.exchange.new_list(venue.account, request, NOW)
    assert isinstance(found, Complaint)
    assert (found.code, found.reason, found.tag) == (-1188, 16, 73)


def test_a_list_in_a_symbol_that_is_not_there(venue: Venue) -> None:
    made = oto(LIMIT("NOPE", BUY, 1, 49000), MARKET("NOPE", SELL, 1))
    found = venue.exchange.new_list(venue.account, asked(made), NOW)
    assert isinstance(found, Complaint)
    assert (found.code, found.tag) == (-1121, 55)


def test_a_trailing_order_of_a_list_may_have_a_direction_alone(venue: Venue) -> None:
    request = changed(sells(), 0, trigger_price=None, trigger_trailing_delta_bips="100")
    answers = answered(venue.exchange.new_list(venue.account, request, NOW))
    assert brief(answers) == ["N 4 3 +", "a 00", "b 00 Y"]
    assert brief(venue.at("50000")) == []
    assert brief(venue.at("49500"))[:2] == ["a 00 Y", "b CC 3"]
