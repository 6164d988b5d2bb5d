"""Orders made smaller, at the venue's exchange."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fixengine.fix.dictionary import read
from fixengine.fix.dictionary.model import Dictionary
from fixengine.fix.venues.binance.tables import ORDER_AMEND_KEEP_PRIORITY_REQUEST
from fixengine.messages import NewOrderSingle, Side
from fixengine.simulator.accounts import Account
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.instruments import INSTRUMENTS, units
from fixengine.testing import SimulatedEngine
from test_exchange import BUY, NOW, SECOND_NS, SELL, STAMP, TEN_SECONDS, complaint, new, trader
from venue_answers import answered, hold_against, request, told

NO_CHANGE = "The requested action would change no state; rejecting."


def smaller(order_qty: str, /, **changes: str | None) -> SimpleNamespace:
    """Make the order "a" one of order_qty, and call it "b"."""
    form = ORDER_AMEND_KEEP_PRIORITY_REQUEST
    values = {"symbol": "BTCUSDT", "cl_ord_id": "b", "orig_cl_ord_id": "a"}
    return SimpleNamespace(**vars(request(form, **values, order_qty=order_qty)) | changes)


@pytest.fixture
def official(shared_data: Path) -> Dictionary:
    return read((shared_data / "spot-fix-oe.xml").read_bytes())


@pytest.fixture
def account() -> Account:
    return trader(unfilled_orders=(TEN_SECONDS,))


def with_order(account: Account, side: str = BUY, **choices: str) -> Exchange:
    """The account's order "a", 0.5 BTC at 50000, in a book without others."""
    wanted = {name.replace("_", "-"): way for name, way in choices.items()}
    exchange = Exchange(INSTRUMENTS, choices=wanted)
    order = new("a", side=side, price="50000", order_qty="0.5")
    answered(exchange.new_order(account, order, NOW))
    return exchange


def trade(exchange: Exchange, side: str, quantity: str, price: str = "50000") -> list[str]:
    """Somebody trades; the client ids of the makers, in the order in which they traded."""
    taker = new("t", side=side, price=price, order_qty=quantity, time_in_force="3")
    answers = answered(exchange.new_order(trader("taker"), taker, NOW))
    reports = [one.values for one in answers if one.account.name != "taker"]
    return [report["cl_ord_id"] for report in reports]


def test_an_amended_order_is_told_as_the_venue_tells_it(
    account: Account, official: Dictionary
) -> None:
    exchange = with_order(account)
    assert account.balance("USDT").locked == units("25000")
    assert trade(exchange, SELL, "0.1") == ["a"]
    answers = answered(exchange.amend(account, smaller("0.3"), NOW + SECOND_NS))
    hold_against(official, answers)
    (answer,) = answers
    assert (answer.ack, answer.push) == (True, True)
    assert told(answer) == {
        17: "5000010",
        11: "b",
        41: "a",
        37: "1000001",
        38: "0.30000000",
        40: "2",
        54: "1",
        55: "BTCUSDT",
        44: "50000.00000000",
        59: "1",
        60: "20231114-22:13:21.000000",
        25018: STAMP,
        25001: "1",
        150: "5",
        14: "0.10000000",
        151: "0.20000000",
        25017: "5000.00000000",
        1057: "Y",
        32: "0.00000000",
        39: "1",
        636: "Y",
        25023: STAMP,
    }
    assert account.balance("USDT").locked == units("10000")
    assert account.balance("USDT").free == units("985000")
    assert account.unfilled.counts(NOW) == [(TEN_SECONDS, 1)]
    assert trade(exchange, SELL, "0.3") == ["b"]
    assert account.balance("USDT").locked == 0
    assert not account.by_client_id


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"order_id": "1000001"},
        {"order_id": "1000001", "orig_cl_ord_id": None},
        {"cl_ord_id": "a"},
    ],
)
def test_an_offer_is_amended_by_either_id_and_may_keep_its_own(
    account: Account, changes: dict[str, str]
) -> None:
    exchange = with_order(account, SELL)
    (answer,) = answered(exchange.amend(account, smaller("0.2", **changes), NOW))
    name = changes.get("cl_ord_id", "b")
    assert told(answer, 11, 41, 37, 150, 39) == {
        11: name,
        41: "a",
        37: "1000001",
        150: "5",
        39: "0",
    }
    assert account.balance("BTC").locked == units("0.2")
    assert list(account.by_client_id) == [name]


def test_an_amended_order_keeps_its_place(account: Account) -> None:
    exchange, other = with_order(account), trader("other")
    answered(exchange.new_order(other, new("o", price="50000", order_qty="0.1"), NOW))
    answered(exchange.amend(account, smaller("0.2"), NOW))
    assert trade(exchange, SELL, "0.25") == ["b", "o"]


def test_an_amend_below_what_was_traded_ends_the_order(
    account: Account, official: Dictionary
) -> None:
    for quantity in ("0.1", "0.05"):
        exchange = with_order(account)
        trade(exchange, SELL, "0.1")
        answers = answered(exchange.amend(account, smaller(quantity), NOW))
        hold_against(official, answers)
        assert [told(answer, 11, 41, 38, 150, 39, 14, 151, 636, 25056) for answer in answers] == [
            {
                11: "b",
                41: "a",
                38: f"{quantity:0<10}",
                150: "5",
                39: "1",
                14: "0.10000000",
                151: "0.00000000",
            },
            {
                11: "b",
                38: f"{quantity:0<10}",
                150: "C",
                39: "C",
                14: "0.10000000",
                151: "0.00000000",
            },
        ]
        assert len(exchange.markets["BTCUSDT"].book) == 0
        assert account.balance("USDT").locked == 0
        assert not account.by_client_id


UNKNOWN = ("-2038", "Unknown order sent.")


@pytest.mark.parametrize(
    ("quantity", "changes", "expected"),
    [
        ("0.3", {"orig_cl_ord_id": "no"}, UNKNOWN),
        ("0.3", {"order_id": "1000002"}, UNKNOWN),
        ("0.3", {"order_id": "1000001", "orig_cl_ord_id": "no"}, UNKNOWN),
        ("0.3", {"symbol": "ETHUSDT"}, UNKNOWN),
        ("0.5", {}, ("-2038", NO_CHANGE)),
        ("0.50001", {}, ("-2038", "Order amend (quantity increase) is not supported.")),
        ("0.300001", {}, ("-1013", "Filter failure: LOT_SIZE")),
        ("0", {}, ("-1013", "Filter failure: LOT_SIZE")),
        ("0.00009", {}, ("-1013", "Filter failure: NOTIONAL")),
        ("0.3", {"cl_ord_id": "other"}, ("-2038", "Duplicate order sent.")),
    ],
)
def test_amends_that_are_refused(
    account: Account,
    official: Dictionary,
    quantity: str,
    changes: dict[str, str],
    expected: tuple[str, str],
) -> None:
    exchange = with_order(account)
    answered(exchange.new_order(account, new("other"), NOW))
    answers = answered(exchange.amend(account, smaller(quantity, **changes), NOW))
    hold_against(official, answers)
    (answer,) = answers
    assert (answer.kind, answer.ack, answer.push) == (b"XAR", True, False)
    echo = {11: "b", 41: "a", 55: "BTCUSDT", 38: quantity}
    names = {"cl_ord_id": 11, "orig_cl_ord_id": 41, "order_id": 37, "symbol": 55}
    echo |= {names[name]: value for name, value in changes.items()}
    found = told(answer)
    assert (found.pop(25016), found.pop(58)) == expected
    assert units(found[38]) == units(quantity)
    assert found | {38: quantity} == echo
    assert account.balance("USDT").locked == units("25049")


def test_an_amend_of_what_is_spent_can_be_refused(account: Account) -> None:
    exchange = with_order(account, spent_amend="refuse")
    trade(exchange, SELL, "0.1")
    (answer,) = answered(exchange.amend(account, smaller("0.1"), NOW))
    assert told(answer, 25016, 58) == {25016: "-2038", 58: NO_CHANGE}
    assert list(account.by_client_id) == ["a"]


def test_an_order_is_amended_ten_times(account: Account) -> None:
    exchange = with_order(account)
    for number in range(10):
        amend = smaller(f"0.4{9 - number}", cl_ord_id="a")
        (answer,) = answered(exchange.amend(account, amend, NOW))
        assert told(answer, 150) == {150: "5"}
    (answer,) = answered(exchange.amend(account, smaller("0.3"), NOW))
    failure = "Filter failure: MAX_NUM_ORDER_AMENDS"
    assert told(answer, 25016, 58) == {25016: "-2038", 58: failure}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"symbol": "NOPE"}, (-1121, 5, 55)),
        ({"orig_cl_ord_id": None}, (-1102, 1, 37)),
        ({"order_qty": "0.000000001"}, (-1111, 99, 38)),
        ({"order_qty": "99999999999999999999"}, (-1108, 6, 38)),
    ],
)
def test_amends_that_are_malformed(
    account: Account, changes: dict[str, str | None], expected: Any
) -> None:
    exchange = with_order(account)
    assert complaint(exchange.amend(account, smaller("0.3", **changes), NOW)) == expected


def test_a_strategy_amends_an_order_and_cancels_it() -> None:
    with SimulatedEngine() as engine:
        client = engine.client()
        order = client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.010", "49000"))
        list(client.reports(timeout=1))
        amend = client.amend(order, "0.004")
        (answer,) = client.reports(timeout=1)
        assert (answer.exec_type, answer.cl_ord_id, answer.orig_cl_ord_id) == ("5", amend, order)
        assert (answer.order_qty, answer.leaves_qty) == ("0.00400000", "0.00400000")
        assert [one.leaves_qty for one in engine.venue.orders] == ["0.00400000"]
        assert engine.venue.balance("USDT").locked == "196.00000000"
        client.amend(order, "0.004")
        (answer,) = client.reports(timeout=1)
        assert (answer.venue_code, answer.text) == ("-2038", NO_CHANGE)
        client.cancel(order)
        (answer,) = client.reports(timeout=1)
        assert (answer.exec_type, answer.orig_cl_ord_id) == ("4", order)
        assert (engine.venue.orders, client.unanswered) == ([], ())
