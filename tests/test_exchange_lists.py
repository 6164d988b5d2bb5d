"""Order lists on the venue's exchange: placed or refused whole, and what one order does to others.

A list is asked for as the client's constructors make it, so what they build is what is played.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from fixengine.fix.dictionary import read
from fixengine.fix.dictionary.model import Dictionary
from fixengine.fix.venue import Window
from fixengine.fix.venues.binance.tables import (
    CANCEL_AND_NEW_ORDER,
    NEW_ORDER,
    NEW_ORDER_LIST,
    ORDER_AMEND_KEEP_PRIORITY_REQUEST,
    ORDER_MASS_CANCEL_REQUEST,
)
from fixengine.messages import (
    ALL_RECEIVED,
    ExecutionReport,
    ListStatus,
    NewOrderList,
    NewOrderSingle,
    Side,
    oco,
    opo,
    oto,
    otoco,
)
from fixengine.simulator.accounts import Account, Wait
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.instruments import INSTRUMENTS, units
from fixengine.simulator.reports import Answer
from fixengine.testing import SimulatedEngine
from hypothesis import given, settings
from hypothesis import strategies as st
from test_exchange import NOW, SECOND_NS, away, new, trader
from venue_answers import answered, hold_against, told
from venue_answers import request as request_of

B = "BTCUSDT"
BUY, SELL = Side.BUY, Side.SELL
LIMIT, MAKER, MARKET = NewOrderSingle.limit, NewOrderSingle.limit_maker, NewOrderSingle.market
STOP, STOP_LIMIT = NewOrderSingle.stop_loss, NewOrderSingle.stop_loss_limit
TAKE, TAKE_LIMIT = NewOrderSingle.take_profit, NewOrderSingle.take_profit_limit
NAMES = tuple(row.name for row in NEW_ORDER)


def asked(made: NewOrderList, name: str = "l", *ids: str) -> SimpleNamespace:
    """The request as the venue reads it; its orders are called a, b, c unless ids say otherwise."""
    rows = []
    for listed, cl_ord_id in zip(made.orders, ids or "abc", strict=False):
        listed.order.cl_ord_id = cl_ord_id
        triggers = tuple(
            (one.list_trigger_type, one.list_trigger_trigger_index, one.list_trigger_action)
            for one in listed.list_triggering_instructions
        )
        values = tuple(getattr(listed.order, field) for field in NAMES)
        rows.append((*values, triggers or None))
    values: Any = {"cl_list_id": name, "contingency_type": made.contingency_type}
    return request_of(NEW_ORDER_LIST, **values, orders=rows, opo=made.opo)


class Venue:
    """Nothing trades but what the test lets trade; the last price is 50000."""

    def __init__(self, *, limits: bool = True, account: Account | None = None, **choices: str):
        wanted = {name.replace("_", "-"): way for name, way in choices.items()}
        self.exchange = Exchange(INSTRUMENTS, limits=limits, house=False, choices=wanted)
        self.others = Account("others", {"USDT": units("99000000"), "BTC": units("1000")})
        self.account = account or trader()
        self.count = 0
        self.at("50000")

    @property
    def book(self) -> list[str]:
        """Client ids of what the account has in the book, bids first."""
        book = self.exchange.markets[B].book
        orders = [*book.orders(BUY), *book.orders(SELL)]
        return [order.cl_ord_id for order in orders if order.account is self.account]

    def place(self, made: NewOrderList, name: str = "l", *ids: str) -> list[Answer]:
        request = asked(made, name, *ids)
        answers = answered(self.exchange.new_list(self.account, request, NOW))
        return [answer for answer in answers if answer.account is self.account]

    def offer(self, side: str, price: str, quantity: str = "0.001") -> list[Answer]:
        """Others order; what the account is told because of it."""
        self.count += 1
        terms = {"side": side, "price": price, "order_qty": quantity}
        request = new(f"o{self.count}", **terms)
        answers = answered(self.exchange.new_order(self.others, request, NOW))
        return [answer for answer in answers if answer.account is self.account]

    def at(self, price: str) -> list[Answer]:
        """Others trade with each other; what the account is told because of it."""
        return self.offer(SELL, price) + self.offer(BUY, price)

    def cancel(self, **target: str) -> list[Answer]:
        return answered(self.exchange.cancel(self.account, away("x", **target), NOW))

    def amend(self, cl_ord_id: str, orig_cl_ord_id: str, order_qty: str) -> list[Answer]:
        values = {"symbol": B, "orig_cl_ord_id": orig_cl_ord_id, "order_qty": order_qty}
        request = request_of(ORDER_AMEND_KEEP_PRIORITY_REQUEST, cl_ord_id=cl_ord_id, **values)
        return answered(self.exchange.amend(self.account, request, NOW))

    def locked(self, asset: str) -> int:
        return self.account.balance(asset).locked


def brief(answers: list[Answer]) -> list[str]:
    """Of each answer what a reader wants to see; "+" for one that comes with acks only."""
    lines = []
    for answer in answers:
        values = answer.values
        if answer.kind == b"N":
            text = f"N {values['list_status_type']} {values['list_order_status']}"
        elif answer.kind == b"9":
            text = f"9 {values['venue_code']}"
        else:
            text = f"{values['cl_ord_id']} {values['exec_type']}{values['ord_status']}"
            if values.get("working_indicator") == "Y":
                text += " Y"
            if values.get("expiry_reason"):
                text += f" {values['expiry_reason']}"
        lines.append(text + " +" * answer.ack)
    return lines


def refused(answers: list[Answer]) -> tuple[str, str]:
    """Code and text of a refused list; each of its orders has them."""
    (answer,) = answers
    assert (answer.kind, answer.ack, answer.push) == (b"N", True, False)
    (found,) = {(one.venue_code, one.text) for one in answer.values["orders"]}
    return found


def changed(made: NewOrderList, index: int, **values: Any) -> SimpleNamespace:
    request = asked(made)
    names = (*NAMES, "list_triggering_instructions")
    row = dict(zip(names, request.orders[index], strict=True)) | values
    request.orders[index] = tuple(row.values())
    return request


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def official(shared_data: Path) -> Dictionary:
    return read((shared_data / "spot-fix-oe.xml").read_bytes())


def sells(quantity: str = "1") -> NewOrderList:
    """Stop loss at 49000, limit maker at 51000."""
    return oco(STOP(B, SELL, quantity, 49000), MAKER(B, SELL, quantity, 51000))


def buys() -> NewOrderList:
    """Limit maker at 49000, stop loss at 51000 with a limit of 52000."""
    return oco(MAKER(B, BUY, 1, 49000), STOP_LIMIT(B, BUY, 1, 52000, 51000))


def bracket(working: NewOrderSingle | None = None) -> NewOrderList:
    """Buys at 49500, then sells at 48000 or 52000."""
    first = working or LIMIT(B, BUY, 1, 49500)
    return otoco(first, STOP(B, SELL, 1, 48000), MAKER(B, SELL, 1, 52000))


# --- one cancels the other --------------------------------------------------------------------


def test_an_oco_is_placed_as_the_venue_tells_it(venue: Venue, official: Dictionary) -> None:
    answers = venue.place(sells())
    hold_against(official, answers)
    assert brief(answers) == ["N 4 3 +", "a 00", "b 00 Y"]
    status, stop, maker = map(told, answers)
    head = {66: "1", 25014: "l", 25015: "l", 429: "4", 431: "3", 1385: "1", 73: "2"}
    assert {tag: status[tag] for tag in head} == head
    assert 55 not in list(status)[: list(status).index(73)]
    rows = answers[0].values["orders"]
    assert [(one.cl_ord_id, one.symbol, one.order_id) for one in rows] == [
        ("a", B, stop[37]),
        ("b", B, maker[37]),
    ]
    assert [one.list_triggering_instructions for one in rows] == [
        (("2", 1, "2"),),
        (("1", 0, "2"),),
    ]
    assert (stop[66], maker[66], stop[1102]) == ("1", "1", "49000.00000000")
    assert venue.book == ["b"]
    assert venue.locked("BTC") == units("1"), "once for both"
    assert venue.account.by_client_id["b"].locked == units("1"), "by the one that may trade"


def test_the_first_fill_of_one_ends_the_other(venue: Venue, official: Dictionary) -> None:
    venue.place(sells())
    answers = venue.offer(BUY, "51000", "0.4")
    hold_against(official, answers)
    assert brief(answers) == ["b F1 Y", "a CC 3"]
    assert venue.at("48000") == []
    answers = venue.offer(BUY, "51000", "0.6")
    hold_against(official, answers)
    assert brief(answers) == ["b F2", "N 5 6"]
    assert venue.locked("BTC") == 0
    assert not venue.account.by_client_id and not venue.account.order_lists


def test_a_pair_of_which_one_was_decremented_locks_for_the_other(venue: Venue) -> None:
    venue.place(sells())
    own = new("own", price="55000", order_qty="0.4", self_trade_prevention_mode="5")
    answered(venue.exchange.new_order(venue.account, own, NOW))
    assert venue.locked("BTC") == units("1")
    assert brief(venue.at("49000"))[:2] == ["a 00 Y", "b CC 3"]
    assert (venue.locked("BTC"), venue.account.open_count[B]) == (0, 0)


def test_the_one_that_is_set_off_ends_the_other(venue: Venue) -> None:
    venue.place(sells())
    venue.offer(BUY, "48000", "0.4")
    answers = venue.at("48999")
    assert brief(answers) == ["a 00 Y", "b CC 3", "a F1", "a CC 7", "N 5 6"]
    assert venue.book == []
    assert venue.locked("BTC") == 0


def test_two_stops_end_each_other(venue: Venue) -> None:
    made = oco(STOP_LIMIT(B, SELL, 1, 48000, 49000), TAKE_LIMIT(B, SELL, 1, 51000, 50500))
    assert brief(venue.place(made)) == ["N 4 3 +", "a 00", "b 00"]
    assert venue.locked("BTC") == units("1")
    assert brief(venue.at("50500")) == ["b 00 Y", "a CC 3"]
    assert (venue.book, venue.locked("BTC")) == (["b"], units("1"))
    assert brief(venue.cancel(orig_cl_ord_id="b")) == ["x 44 +", "N 5 6"]
    assert venue.locked("BTC") == 0


def test_a_pair_that_buys_locks_for_the_dearer_one(venue: Venue) -> None:
    venue.place(buys())
    assert venue.locked("USDT") == units("52000")
    assert brief(venue.offer(SELL, "49000", "0.5")) == ["a F1 Y", "b CC 3"]
    assert venue.locked("USDT") == units("24500"), "what the other would have cost is free"
    other = Venue()
    other.place(buys())
    assert brief(other.at("51000")) == ["b 00 Y", "a CC 3"]
    assert other.locked("USDT") == units("52000")


def test_what_is_free_once_the_other_ends_pays_for_the_one_that_is_set_off() -> None:
    venue = Venue(account=Account("just", {"USDT": units("51000")}))
    made = oco(MAKER(B, BUY, 1, 49000), STOP(B, BUY, 1, 51000))
    venue.place(made)
    assert venue.account.balance("USDT").free == 0
    venue.offer(SELL, "51000", "3")
    assert brief(venue.offer(BUY, "51000", "1")) == ["b 00 Y", "a CC 3", "b F2", "N 5 6"]
    poor = Venue(account=Account("poor", {"USDT": units("51000")}))
    poor.place(oco(MAKER(B, BUY, 1, 49000), STOP(B, BUY, 1, 51000)))
    poor.offer(SELL, "51001", "3")
    assert brief(poor.at("51000")) == ["b CC 1", "a CC 3", "N 5 6"]
    assert poor.account.balance("USDT").free == units("51000")


def test_what_happens_first_counts(venue: Venue) -> None:
    """One buyer trades below the stop, which is then due, and goes on up to the maker."""
    venue.place(sells())
    venue.offer(SELL, "48500", "0.1")
    answers = venue.offer(BUY, "51000", "0.2")
    assert brief(answers) == ["b F1 Y", "a CC 3"]
    assert venue.book == ["b"]


@pytest.mark.parametrize(
    "target",
    [
        {"orig_cl_ord_id": "a"},
        {"orig_cl_ord_id": "b", "cancel_restrictions": "1"},
        {"list_id": "1"},
        {"orig_cl_list_id": "l"},
        {"list_id": "1", "orig_cl_list_id": "l", "cancel_restrictions": "1"},
    ],
)
def test_the_cancel_of_one_or_of_the_list_ends_the_list(
    venue: Venue, official: Dictionary, target: dict[str, str]
) -> None:
    venue.place(sells())
    answers = venue.cancel(**target)
    hold_against(official, answers)
    assert brief(answers) == ["x 44 +", "x 44", "N 5 6"]
    assert sorted(answer.values["orig_cl_ord_id"] for answer in answers[:-1]) == ["a", "b"]
    assert [one.cl_ord_id for one in answers[-1].values["orders"]] == ["a", "b"]
    assert venue.book == [] and venue.at("40000") == []
    assert venue.locked("BTC") == 0


@pytest.mark.parametrize(
    "target",
    [
        {"list_id": "2"},
        {"orig_cl_list_id": "m"},
        {"list_id": "1", "orig_cl_list_id": "m"},
        {"list_id": "1", "symbol": "ETHUSDT"},
        {"list_id": "1", "cancel_restrictions": "2"},
    ],
)
def test_cancels_of_lists_that_are_refused(venue: Venue, target: dict[str, str]) -> None:
    venue.place(sells())
    (answer,) = venue.cancel(**target)
    restricted = "cancel_restrictions" in target
    text = "Order was not canceled due to cancel restrictions."
    assert answer.values["text"] == (text if restricted else "Unknown order sent.")
    assert (answer.kind, answer.values["list_id"]) == (b"9", target.get("list_id"))
    assert venue.book == ["b"]


def test_restrictions_look_at_all_orders_of_a_list(venue: Venue) -> None:
    venue.place(bracket())
    venue.offer(SELL, "49500", "0.1")
    assert brief(venue.cancel(list_id="1", cancel_restrictions="1")) == ["9 -2011 +"]
    assert brief(venue.cancel(list_id="1", cancel_restrictions="2"))[-1] == "N 5 6"


@pytest.mark.parametrize("restriction", ["1", "2"])
def test_an_order_that_waits_is_neither_new_nor_partly_filled(
    venue: Venue, restriction: str
) -> None:
    venue.place(bracket())
    answers = venue.cancel(orig_cl_ord_id="b", cancel_restrictions=restriction)
    assert brief(answers) == ["9 -2011 +"]
    assert venue.book == ["a"]


def test_a_mass_cancel_tells_of_lists_before_its_answer(venue: Venue) -> None:
    venue.place(sells())
    values = {"cl_ord_id": "m", "symbol": B, "mass_cancel_request_type": "1"}
    request = request_of(ORDER_MASS_CANCEL_REQUEST, **values)
    answers = answered(venue.exchange.mass_cancel(venue.account, request, NOW))
    assert [answer.kind for answer in answers] == [b"8", b"8", b"N", b"r"]
    assert answers[-1].values["total_affected_orders"] == 2


def test_an_order_in_the_place_of_one_ends_the_list_first() -> None:
    venue = Venue(account=Account("just", {"BTC": units("1")}))
    venue.place(sells())
    values = {"cl_ord_id": "n", "symbol": B, "side": SELL, "ord_type": "2", "order_qty": "1"}
    values |= {"price": "53000", "time_in_force": "1", "orig_cl_ord_id": "a"}
    mode = {"order_cancel_request_and_new_order_single_mode": "1"}
    request = request_of(CANCEL_AND_NEW_ORDER, **values, **mode)
    answers = answered(venue.exchange.cancel_replace(venue.account, request, NOW))
    assert brief(answers) == ["n 44 +", "n 44", "N 5 6", "n 00 Y +"]


def test_an_amend_makes_both_of_a_pair_smaller(venue: Venue, official: Dictionary) -> None:
    venue.place(sells())
    answers = venue.amend("a2", "a", "0.4")
    hold_against(official, answers)
    assert brief(answers) == ["a2 50 +", "b 50 Y", "N 100 3"]
    assert [one.cl_ord_id for one in answers[-1].values["orders"]] == ["a2", "b"]
    assert venue.locked("BTC") == units("0.4")
    assert brief(venue.offer(BUY, "51000", "0.4")) == ["b F2", "a2 CC 3", "N 5 6"]


# --- one triggers the other -------------------------------------------------------------------


def test_what_waits_is_released_once_the_working_order_is_filled(
    venue: Venue, official: Dictionary
) -> None:
    answers = venue.place(oto(LIMIT(B, BUY, 1, 49000), LIMIT(B, SELL, 2, 53000)))
    hold_against(official, answers)
    assert brief(answers) == ["N 4 3 +", "a 00 Y", "b 0A"]
    assert answers[0].values["contingency_type"] == "2"
    assert "working_time" not in answers[2].values or answers[2].values["working_time"] is None
    assert venue.locked("BTC") == 0, "what waits locks nothing"
    assert brief(venue.offer(SELL, "49000", "0.4")) == ["a F1 Y"]
    answers = venue.offer(SELL, "49000", "0.6")
    hold_against(official, answers)
    assert brief(answers) == ["a F2", "b 00 Y"]
    assert (venue.book, venue.locked("BTC")) == (["b"], units("2"))
    assert brief(venue.offer(BUY, "53000", "2")) == ["b F2", "N 5 6"]


def test_a_working_order_that_is_filled_at_once(venue: Venue) -> None:
    venue.offer(SELL, "49000", "1")
    venue.offer(BUY, "48000", "1")
    answers = venue.place(oto(LIMIT(B, BUY, 1, 49000), MARKET(B, SELL, 1)))
    assert brief(answers) == ["N 4 3 +", "a 00 Y", "b 0A", "a F2", "b 00 Y", "b F2", "N 5 6"]


def test_a_released_stop_waits_for_its_price(venue: Venue) -> None:
    venue.place(oto(LIMIT(B, BUY, 1, 49000), TAKE_LIMIT(B, SELL, 1, 53000, 52000)))
    assert venue.at("52500") == [], "it is not in the market yet"
    assert brief(venue.offer(SELL, "49000", "1")) == ["a F2", "b 00"]
    assert brief(venue.at("52000")) == ["b 00 Y"]
    assert venue.book == ["b"]


@pytest.mark.parametrize(
    "pending",
    [
        LIMIT(B, SELL, "20", 53000),
        MAKER(B, SELL, 1, 48500),
        STOP(B, SELL, 1, 49000),
    ],
    ids=["funds", "would match", "would trigger"],
)
def test_what_is_refused_when_it_is_released_expires(venue: Venue, pending: NewOrderSingle) -> None:
    venue.offer(BUY, "48500", "1")
    venue.place(oto(LIMIT(B, BUY, 1, 49000), pending))
    assert brief(venue.offer(SELL, "49000", "1")) == ["a F2", "b CC 1", "N 5 6"]
    assert venue.locked("BTC") == 0


def test_a_working_order_that_expires_takes_what_waits_with_it(venue: Venue) -> None:
    working = LIMIT(B, BUY, 1, 49000, time_in_force="3")
    answers = venue.place(bracket(working))
    assert brief(answers) == [
        "N 4 3 +",
        "a 00",
        "b 0A",
        "c 0A",
        "a CC 5",
        "b CC 4",
        "c CC 4",
        "N 5 6",
    ]
    venue.offer(SELL, "49000", "0.4")
    assert brief(venue.place(bracket(working), "m"))[4:] == [
        "a F1",
        "a CC 5",
        "b CC 4",
        "c CC 4",
        "N 5 6",
    ]


def test_a_cancelled_working_order_takes_what_waits_with_it(venue: Venue) -> None:
    venue.place(bracket())
    venue.offer(SELL, "49500", "0.4")
    assert brief(venue.cancel(orig_cl_ord_id="c")) == ["x 44 +", "x 44", "x 44", "N 5 6"]
    assert venue.locked("USDT") == 0


@pytest.mark.parametrize("quantity", ["0.4", "0.3"])
def test_a_working_order_amended_to_what_it_traded_releases_nothing(
    venue: Venue, quantity: str
) -> None:
    venue.place(bracket())
    venue.offer(SELL, "49500", "0.4")
    answers = venue.amend("x", "a", quantity)
    assert brief(answers) == ["x 51 +", "N 100 3", "x CC", "b CC 4", "c CC 4", "N 5 6"]
    assert (venue.book, venue.locked("USDT"), venue.locked("BTC")) == ([], 0, 0)


@pytest.mark.parametrize("action", ["1", "2"])
def test_an_oto_of_a_pair_becomes_an_oco(venue: Venue, action: str) -> None:
    """Action 2 is what the documents print."""
    first = LIMIT(B, BUY, 1, 49500)
    pair = STOP(B, SELL, 1, 48000), MAKER(B, SELL, 1, 52000)
    made = otoco(first, *pair, first_trigger_action=action)
    assert brief(venue.place(made)) == ["N 4 3 +", "a 00 Y", "b 0A", "c 0A"]
    assert brief(venue.offer(SELL, "49500", "1")) == ["a F2", "b 00", "c 00 Y"]
    assert venue.locked("BTC") == units("1")
    assert brief(venue.offer(BUY, "52000", "1")) == ["c F2", "b CC 3", "N 5 6"]


def test_a_released_pair_of_which_one_is_refused_ends(venue: Venue) -> None:
    venue.offer(BUY, "47000", "5")
    venue.place(bracket())
    venue.at("47900")
    answers = venue.offer(SELL, "49500", "1")
    assert brief(answers) == ["a F2", "b 00", "c 00 Y"], "the fill is the last price"
    other = Venue()
    other.place(otoco(LIMIT(B, BUY, 1, 49500), STOP(B, SELL, 1, 49600), MAKER(B, SELL, 1, 52000)))
    answers = other.offer(SELL, "49500", "1")
    assert brief(answers) == ["a F2", "b CC 1", "c CC 3", "N 5 6"]
    assert other.locked("BTC") == 0


# --- refused lists ----------------------------------------------------------------------------

PRICES = ("-2010", "The relationship of the prices for the orders is not correct.")
PEGGED = ("-2010", "Pegged orders are not supported for this symbol.")
FUNDS = ("-2010", "Account has insufficient balance for requested action.")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (oco(STOP(B, SELL, 1, 50000), MAKER(B, SELL, 1, 51000)), PRICES),
        (oco(STOP(B, SELL, 1, 49000), MAKER(B, SELL, 1, 50000)), PRICES),
        (oco(MAKER(B, BUY, 1, 50000), STOP(B, BUY, 1, 51000)), PRICES),
        (oco(MAKER(B, BUY, 1, 49000), STOP(B, BUY, 1, 50000)), PRICES),
        (oco(STOP(B, SELL, 1, 49000), TAKE_LIMIT(B, SELL, 1, 49500, 50500)), PRICES),
        (
            oco(STOP(B, SELL, 1, 49000), TAKE_LIMIT(B, SELL, 1, 50500, 49500)),
            ("-2010", "Order would trigger immediately."),
        ),
        (sells("11"), FUNDS),
        (oto(LIMIT(B, BUY, 21, 49000), MARKET(B, SELL, 1)), FUNDS),
        (
            oto(LIMIT(B, BUY, 1, 49000), LIMIT(B, SELL, 1, "51000.001")),
            ("-1013", "Filter failure: PRICE_FILTER"),
        ),
        (
            oto(LIMIT(B, BUY, 1, 49000, self_trade_prevention_mode="6"), MARKET(B, SELL, 1)),
            ("-1013", "This symbol does not allow the specified self-trade prevention mode."),
        ),
        (
            oto(MAKER(B, BUY, 1, 50500), MARKET(B, SELL, 1)),
            ("-2010", "Order would immediately match and take."),
        ),
        (
            opo(LIMIT(B, BUY, 1, 49000), LIMIT(B, SELL, ALL_RECEIVED, 51000)),
            ("-2010", "OPO orders are not supported for this symbol."),
        ),
        (oto(LIMIT(B, BUY, 1, None, peg_price_type="5"), MARKET(B, SELL, 1)), PEGGED),
        (oco(STOP(B, SELL, 1, 49000), MAKER(B, SELL, 1, None, peg_price_type="5")), PEGGED),
    ],
)
def test_a_list_that_is_refused_leaves_nothing(
    venue: Venue, official: Dictionary, made: NewOrderList, expected: tuple[str, str]
) -> None:
    venue.offer(SELL, "50500", "1")
    answers = venue.place(made)
    hold_against(official, answers)
    assert refused(answers) == expected
    status = told(answers[0])
    assert (status[429], status[431], status[1386], status[103]) == ("2", "7", "99", "99")
    assert status.keys().isdisjoint({66, 37, 25010})
    assert venue.book == [] and not venue.account.by_client_id
    assert venue.locked("BTC") == venue.locked("USDT") == 0


def test_the_price_of_a_stop_loss_is_the_one_that_sets_it_off(venue: Venue) -> None:
    made = oco(STOP_LIMIT(B, SELL, 1, 50500, 49000), MAKER(B, SELL, 1, 51000))
    assert brief(venue.place(made))[0] == "N 4 3 +"


@pytest.mark.parametrize(("price", "fits"), [("52000", False), ("51999.99", True)])
def test_a_pair_that_waits_stands_in_order(venue: Venue, price: str, fits: bool) -> None:
    request = changed(bracket(), 1, trigger_price=price)
    answers = answered(venue.exchange.new_list(venue.account, request, NOW))
    if fits:
        assert brief(answers)[0] == "N 4 3 +", "whatever the last price is"
    else:
        assert refused(answers) == PRICES


def test_a_refusal_may_stand_at_the_list() -> None:
    (answer,) = Venue(list_refusal="list").place(sells("11"))
    values = answer.values
    assert (values["ord_rej_reason"], values["venue_code"], values["text"]) == ("99", *FUNDS)
    assert {one.venue_code for one in values["orders"]} == {None}


def test_ids_of_a_list_are_its_own(venue: Venue) -> None:
    duplicate = ("-2010", "Duplicate order sent.")
    venue.place(sells())
    assert refused(venue.place(sells(), "m")) == duplicate, "orders"
    assert refused(venue.place(sells(), "l", "d", "e")) == duplicate, "list"
    assert refused(venue.place(sells(), "m", "d", "d")) == duplicate, "twice in one"
    assert refused(venue.place(sells(), "d", "d", "e")) == duplicate, "list and order"
    assert brief(venue.place(sells(), "m", "d", "e"))[0] == "N 4 3 +"


def test_all_orders_of_a_list_are_counted() -> None:
    made = oto(LIMIT(B, BUY, "0.001", 49000), MARKET(B, SELL, "0.001"))
    ten_seconds = Window(3, 10 * SECOND_NS, "10 SECOND")
    venue = Venue(account=trader(unfilled_orders=(ten_seconds,)))
    venue.place(made)
    assert refused(venue.place(made, "m", "d", "e")) == (
        "-1015",
        "Too many new orders; current limit is 3 orders per 10 SECOND.",
    )
    many = Venue()
    for number in range(199):
        answered(many.exchange.new_order(many.account, new(f"n{number}", price="40000"), NOW))
    assert refused(many.place(made)) == ("-1013", "Filter failure: MAX_NUM_ORDERS")
    stops = Venue()
    for number in range(3):
        stops.place(sells("0.1"), f"l{number}", f"a{number}", f"b{number}")
    too_many = ("-1013", "Filter failure: MAX_NUM_ALGO_ORDERS")
    take = oco(STOP(B, SELL, 1, 49000), TAKE(B, SELL, 1, 51000))
    assert brief(stops.place(take))[0] == "N 4 3 +"
    assert refused(stops.place(sells(), "m", "d", "e")) == too_many
    stops.cancel(orig_cl_ord_id="a")
    stops.place(sells("0.1"))
    assert refused(stops.place(take, "m", "d", "e")) == too_many, "four and two"


def test_lists_are_counted_where_limits_hold() -> None:
    made = oto(LIMIT(B, BUY, "0.001", 49000), MARKET(B, SELL, "0.001"))
    for limits in (True, False):
        venue = Venue(limits=limits)
        for number in range(20):
            venue.place(made, f"l{number}", f"a{number}", f"b{number}")
        answers = venue.place(made)
        if limits:
            assert refused(answers) == ("-1013", "Filter failure: MAX_NUM_ORDER_LISTS")
        else:
            assert brief(answers)[0] == "N 4 3 +"


# --- what is left open ------------------------------------------------------------------------


def test_the_other_of_a_pair_may_be_cancelled_instead() -> None:
    venue = Venue(oco_partner="canceled")
    venue.place(sells())
    assert brief(venue.offer(BUY, "51000", "1")) == ["b F2", "a 44", "N 5 6"]


def test_each_change_of_a_list_may_be_told() -> None:
    venue = Venue(list_changes="told")
    venue.place(bracket())
    assert brief(venue.offer(SELL, "49500", "0.5")) == ["a F1 Y"]
    answers = venue.offer(SELL, "49500", "0.5")
    assert brief(answers) == ["a F2", "N 4 3", "b 00", "c 00 Y", "N 4 3"] or brief(answers) == [
        "a F2",
        "N 4 3",
        "b 00",
        "N 4 3",
        "c 00 Y",
        "N 4 3",
    ]


# --- the whole way ----------------------------------------------------------------------------


def lines(events: list[Any]) -> list[str]:
    """Of each event what a reader wants to see."""
    found = []
    for one in events:
        if isinstance(one, ListStatus):
            found.append(f"{one.cl_list_id} {one.list_status_type} {one.list_order_status}")
        elif isinstance(one, ExecutionReport):
            text = f"{one.cl_ord_id} {one.exec_type}{one.ord_status} {one.expiry_reason or ''}"
            found.append(text.strip())
    return found


SUBMITTED: list[tuple[NewOrderList, list[str], list[str]]] = [
    (sells("0.01"), ["l 4 3", "a 00", "b 00"], ["b F2", "a CC 3", "l 5 6"]),
    (
        oto(LIMIT(B, BUY, "0.01", 49500), MARKET(B, SELL, "0.01")),
        ["l 4 3", "a 00", "b 0A"],
        ["a F2", "b 00", "b F2", "l 5 6"],
    ),
    (
        otoco(
            LIMIT(B, BUY, "0.01", 49500),
            STOP(B, SELL, "0.01", 48000),
            TAKE_LIMIT(B, SELL, "0.01", 49000, 52000),
        ),
        ["l 4 3", "a 00", "b 0A", "c 0A"],
        ["a F2", "b 00", "c 00", "c 00", "b CC 3", "c F2", "l 5 6"],
    ),
]


@pytest.mark.parametrize(("made", "placed", "done"), SUBMITTED, ids=["oco", "oto", "otoco"])
def test_a_list_goes_the_whole_way(made: NewOrderList, placed: list[str], done: list[str]) -> None:
    with SimulatedEngine(house=False) as engine:
        engine.venue.sell(1, 50000)
        engine.venue.buy(1, 50000)
        engine.venue.buy(1, 49000)
        client = engine.client("maker")
        made.cl_list_id = "l"
        for listed, name in zip(made.orders, "abc", strict=False):
            listed.order.cl_ord_id = name
        client.submit_list(made)
        heard = list(client.reports(timeout=1))
        assert lines(heard) == placed
        rows = engine.venue.call("openOrders", {})
        assert {row["orderListId"] for row in rows} == {int(heard[0].list_id)}
        assert [row["status"] for row in rows] == [
            "PENDING_NEW" if line.endswith("A") else "NEW" for line in placed[1:]
        ]
        assert [row["isWorking"] for row in rows] == [
            one.working_indicator == "Y" for one in heard[1:]
        ]
        engine.venue.fill("b" if placed[2] == "b 00" else "a")
        if len(made.orders) == 3:
            engine.venue.buy(1, 52000)
            engine.venue.sell("0.1", 52000)
        assert lines(list(client.reports(timeout=1))) == done
        assert engine.venue.orders == []
        assert client.unanswered == ()


def test_a_list_that_is_refused_or_cancelled_goes_the_whole_way() -> None:
    with SimulatedEngine(house=False) as engine:
        engine.venue.sell(1, 50000)
        engine.venue.buy(1, 50000)
        client = engine.client("maker")
        client.submit_list(oco(STOP(B, SELL, 1, 50000), MAKER(B, SELL, 1, 51000)))
        (event,) = client.reports(timeout=1)
        assert isinstance(event, ListStatus)
        assert [one.reject_reason for one in event.orders] == ["price_relationship"] * 2
        engine.venue.reject_when(lambda order: order.side == SELL, "No sales.", -2010)
        client.submit_list(sells())
        (event,) = client.reports(timeout=1)
        assert isinstance(event, ListStatus)
        assert [one.text for one in event.orders] == ["No sales."] * 2
        engine.venue.reject_no_more()
        client.submit_list(sells("0.5"))
        _, stop, _ = client.reports(timeout=1)
        cancel = client.cancel(stop.cl_ord_id)
        first, second, over = client.reports(timeout=1)
        assert [one.cl_ord_id for one in (first, second)] == [cancel, cancel]
        assert (over.list_status_type, over.list_order_status) == ("5", "6")
        client.cancel(stop.cl_ord_id)
        assert not any(isinstance(one, ListStatus) for one in client.reports(timeout=1))
        assert engine.venue.balance("BTC").locked == "0.00000000"


def test_the_stream_tells_of_lists_and_their_orders() -> None:
    with SimulatedEngine(house=False) as engine:
        feed = engine.venue.subscribe()
        client = engine.client("maker")
        made = oto(LIMIT(B, BUY, "0.01", 49500), LIMIT(B, SELL, "0.01", 53000))
        client.submit_list(made)
        (status, *_) = client.reports(timeout=1)
        events = [orjson.loads(frame)["event"] for frame in feed.output]
        told, working, pending, position = events
        assert position["e"] == "outboundAccountPosition"
        assert [one["g"] for one in (told, working, pending)] == [int(status.list_id)] * 3
        assert [one["X"] for one in (working, pending)] == ["NEW", "PENDING_NEW"]
        assert [one["w"] for one in (working, pending)] == [True, False]
        assert {name: told[name] for name in ("e", "s", "c", "l", "L", "r", "C")} == {
            "e": "listStatus",
            "s": B,
            "c": "OTO",
            "l": "EXEC_STARTED",
            "L": "EXECUTING",
            "r": "NONE",
            "C": status.wire_cl_list_id,
        }
        assert told["O"] == [{"s": B, "i": one["i"], "c": one["c"]} for one in (working, pending)]


def test_a_drop_copy_session_tells_of_lists_too() -> None:
    """The session that asked hears the first answer to each request and nothing else."""
    config = {"venue": {"drop_copy": True, "report_sessions": 0}}
    with SimulatedEngine(house=False, config=config) as engine:
        engine.advance(5)
        client = engine.client("maker")
        client.submit_list(oto(LIMIT(B, BUY, "0.01", 49500), LIMIT(B, SELL, "0.01", 53000)))
        status, *reports = client.reports(timeout=3)
        assert isinstance(status, ListStatus)
        assert [type(one).__name__ for one in reports] == ["ExecutionReport"] * 2
        assert len({one.source for one in (status, *reports)}) == 2
        client.cancel(reports[0].cl_ord_id)
        *canceled, over = client.reports(timeout=3)
        assert [one.exec_type for one in canceled] == ["4", "4"]
        assert isinstance(over, ListStatus)
        assert over.list_order_status == "6"


# --- any sequence -----------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("trade", "trade", "stop", "trail", "oco", "oto", "otoco", "cancel", "amend")
        ),
        st.sampled_from((BUY, SELL)),
        st.integers(-20, 20),
        st.integers(1, 20),
    ),
    max_size=30,
)


def made_at(kind: str, side: Side, price: int, quantity: int) -> NewOrderList:
    """A list around a price; what it buys or sells is on one side of it and what ends it beyond."""
    other = SELL if side == BUY else BUY
    if kind == "oto":
        return oto(LIMIT(B, side, quantity, price), MARKET(B, other, quantity))
    if side == BUY:
        pair = MAKER(B, BUY, quantity, price - 5), STOP(B, BUY, quantity, price + 5)
    else:
        pair = STOP(B, SELL, quantity, price - 5), MAKER(B, SELL, quantity, price + 5)
    return oco(*pair) if kind == "oco" else otoco(LIMIT(B, other, quantity, price), *pair)


def check(venue: Venue) -> None:
    """What holds after every request."""
    market, account = venue.exchange.markets[B], venue.account
    opened = list(account.by_order_id.values())
    standing = [one for side in (BUY, SELL) for one in market.book.orders(side)]
    standing = [one for one in standing if one.account is account]
    assert set(standing) == {one for one in opened if one.waits is None}
    assert not market.due and not market.lists
    assert len(market.stops) == sum(one.waits is Wait.TRIGGER for one in opened)
    for asset in ("BTC", "USDT"):
        balance = account.balance(asset)
        assert balance.free >= 0
        assert balance.locked == sum(one.locked for one in opened if one.locked_asset == asset)
    for one in opened:
        assert one.locked >= 0
        group = one.order_list
        partner = None if group is None else group.partner(one)
        if one.waits is Wait.RELEASE:
            assert one.locked == 0 and group is not None and not group.orders[0].ended
        elif group is None or partner is None:
            assert one.locked == one.worth(one.leaves_qty)
        else:
            assert one.cum_qty == partner.cum_qty == 0
            most = max(one.worth(one.leaves_qty), partner.worth(partner.leaves_qty))
            assert {one.locked, partner.locked} == {0, most}
    assert {group.list_id for group in account.order_lists.values()} == {
        one.order_list.list_id for one in opened if one.order_list is not None
    }


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_money_is_conserved_and_nothing_is_left_behind(
    steps: list[tuple[str, Side, int, int]],
) -> None:
    venue = Venue(limits=False)
    venue.account.balance("BTC").free = units("40")
    for number, (kind, side, offset, quantity) in enumerate(steps):
        price, name = 50000 + offset, f"n{number}"
        if kind == "trade":
            venue.offer(side, str(price), str(quantity))
        elif kind in ("cancel", "amend"):
            names = sorted(venue.account.by_client_id)
            if not names:
                continue
            target = names[quantity % len(names)]
            if kind == "cancel":
                answered(
                    venue.exchange.cancel(venue.account, away(name, orig_cl_ord_id=target), NOW)
                )
            else:
                values = {"cl_ord_id": name, "symbol": B, "orig_cl_ord_id": target}
                values["order_qty"] = str(quantity)
                request = request_of(ORDER_AMEND_KEEP_PRIORITY_REQUEST, **values)
                answered(venue.exchange.amend(venue.account, request, NOW))
        elif kind in ("stop", "trail"):
            made = STOP_LIMIT(B, side, quantity, price, price)
            if kind == "trail":
                made = TAKE(B, side, quantity, trigger_trailing_delta_bips=10)
            made.cl_ord_id = name
            answered(venue.exchange.new_order(venue.account, made, NOW))
        else:
            ids = (f"{name}-{at}" for at in range(3))
            venue.place(made_at(kind, side, price, quantity), name, *ids)
        check(venue)
    for asset, total in (("USDT", "100000000"), ("BTC", "1040")):
        held = [one.balance(asset) for one in (venue.account, venue.others)]
        assert sum(one.free + one.locked for one in held) == units(total)
