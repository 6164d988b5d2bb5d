"""Stop losses and take profits on the venue's exchange: when they wait, go off and end.

The price moves by trades of others: `at` lets two of them trade at a price of the test's choice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fixengine.client import Client
from fixengine.fix.dictionary import read
from fixengine.fix.dictionary.model import Dictionary
from fixengine.fix.venues.binance.tables import ORDER_AMEND_KEEP_PRIORITY_REQUEST
from fixengine.messages import ExecutionReport, NewOrderSingle, Side
from fixengine.network.sources.normalise import utc
from fixengine.simulator import exchange as exchange_room
from fixengine.simulator.accounts import Account
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.instruments import INSTRUMENTS, Instrument, units
from fixengine.testing import SimulatedEngine, SimulationError
from test_exchange import (
    BUY,
    NOW,
    SECOND_NS,
    SELL,
    STAMP,
    STOP,
    TRAILING,
    Answers,
    answered,
    away,
    complaint,
    kinds,
    new,
    refusal,
    told,
    trader,
)
from venue_answers import hold_against
from venue_answers import request as request_of

MARKET = {"ord_type": "3", "price": None, "time_in_force": None}
LATER = NOW + SECOND_NS
LATER_STAMP = "20231114-22:13:21.000000"


class Venue:
    """Without a house: nothing trades but what the test lets trade. now: of every request."""

    def __init__(self, limits: bool = True) -> None:
        self.exchange = Exchange(INSTRUMENTS, limits=limits, house=False)
        self.others = Account("others", {"USDT": units("99000000"), "BTC": units("1000")})
        self.now = NOW
        self.count = 0

    def place(self, account: Account, cl_ord_id: str, **changes: str | None) -> Answers:
        return answered(self.exchange.new_order(account, new(cl_ord_id, **changes), self.now))

    def offer(self, side: str, price: str, quantity: str = "0.001") -> None:
        """Others stand in the book."""
        self.count += 1
        terms = {"side": side, "price": price, "order_qty": quantity}
        assert kinds(self.place(self.others, f"r{self.count}", **terms)) == [("0", "0")]

    def at(self, price: str) -> Answers:
        """Others trade at a price; what anybody else is told because of it."""
        self.offer(SELL, price)
        self.count += 1
        answers = self.place(self.others, f"t{self.count}", price=price, time_in_force="3")
        return [answer for answer in answers if answer.account is not self.others]


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def official(shared_data: Path) -> Dictionary:
    return read((shared_data / "spot-fix-oe.xml").read_bytes())


def stop(side: str, direction: str, trigger: str, **changes: str | None) -> dict[str, str | None]:
    """A LIMIT kind, its limit price in the market, unless changes say something else."""
    terms = {"ord_type": "4", "side": side, "price": "50000", **STOP}
    return terms | {"trigger_price": trigger, "trigger_price_direction": direction} | changes


KINDS = [
    ("stop loss buys", BUY, "U", "51000", ["50999.99"], "51000"),
    ("stop loss buys, through", BUY, "U", "51000", ["49000"], "51000.01"),
    ("stop loss sells", SELL, "D", "49000", ["49000.01", "52000"], "49000"),
    ("take profit buys", BUY, "D", "49000", ["49000.01"], "48999.99"),
    ("take profit sells", SELL, "U", "51000", ["49000"], "51000"),
]


@pytest.mark.parametrize(
    ("side", "direction", "price", "before", "trade"),
    [one[1:] for one in KINDS],
    ids=[one[0] for one in KINDS],
)
def test_a_stop_waits_until_a_trade_meets_its_price(
    venue: Venue,
    official: Dictionary,
    side: str,
    direction: str,
    price: str,
    before: list[str],
    trade: str,
) -> None:
    venue.at("50000")
    account = trader()
    terms = stop(side, direction, price, price="45000" if side == BUY else "52000")
    (accepted,) = venue.place(account, "a", **terms)
    report = told(accepted)
    assert (report["exec_type"], report["ord_status"], accepted.ack) == ("0", "0", True)
    assert report.keys().isdisjoint({"working_indicator", "working_time"})
    trigger = ("trigger_type", "trigger_action", "trigger_price_type", "trigger_price_direction")
    assert [report[name] for name in trigger] == ["4", "1", "2", direction]
    assert report["trigger_price"] == f"{price}.00000000"
    assert len(venue.exchange.markets["BTCUSDT"].book) == 0
    for each in before:
        assert venue.at(each) == []
    venue.now = LATER
    (started,) = venue.at(trade)
    hold_against(official, [accepted, started])
    report = told(started)
    assert (report["exec_type"], report["ord_status"], started.ack) == ("0", "0", False)
    assert (report["working_indicator"], report["working_time"]) == ("Y", LATER_STAMP)
    assert (report["order_creation_time"], report["transact_time"]) == (STAMP, LATER_STAMP)
    assert report["leaves_qty"] == "0.00100000"
    assert int(report["exec_id"]) > int(accepted.values["exec_id"])
    (resting,) = venue.exchange.markets["BTCUSDT"].book.orders(side)
    assert (resting.cl_ord_id, resting.waits) == ("a", None)
    assert venue.at(trade) == [], "only once"


def test_a_stop_without_a_limit_becomes_a_market_order(venue: Venue, official: Dictionary) -> None:
    account = trader()
    terms = stop(BUY, "U", "50500", **MARKET)
    assert kinds(venue.place(account, "a", **terms)) == [("0", "0")]
    assert account.balance("USDT").locked == units("50.5")
    venue.offer(SELL, "50700", "0.0006")
    venue.offer(SELL, "50800", "0.0003")
    answers = venue.at("50600")
    assert kinds(answers) == [("0", "0"), ("F", "1"), ("F", "1"), ("C", "C")]
    hold_against(official, answers)
    assert [answer.ack for answer in answers] == [False] * 4
    started, first, second, last = (told(answer) for answer in answers)
    assert started["working_indicator"] == "Y"
    assert [one["last_px"] for one in (first, second)] == ["50700.00000000", "50800.00000000"]
    assert first["aggressor_indicator"] == "Y"
    assert "working_indicator" not in first
    assert (last["expiry_reason"], last["cum_qty"]) == ("7", "0.00090000")
    assert last["working_time"] == STAMP
    assert account.balance("USDT").locked == 0
    assert account.balance("USDT").free == units("1000000") - units("45.66")
    assert not account.by_client_id


def test_a_stop_that_cannot_be_paid_for_once_it_goes_off_expires(venue: Venue) -> None:
    account = Account("poor", {"USDT": units("50")})
    venue.place(account, "a", **stop(BUY, "U", "50000", **MARKET))
    assert account.balance("USDT").free == 0
    venue.offer(SELL, "50100", "0.001")
    (answer,) = venue.at("50000")
    report = told(answer)
    assert (report["exec_type"], report["ord_status"]) == ("C", "C")
    assert (report["expiry_reason"], report["cl_ord_id"]) == ("1", "a")
    assert "working_time" not in report
    assert (account.balance("USDT").free, account.balance("USDT").locked) == (units("50"), 0)
    # What is left of a market where it is cheaper than expected comes back.
    rich = Account("rich", {"USDT": units("50")})
    venue.place(rich, "b", **stop(BUY, "D", "49990", **MARKET))
    venue.offer(SELL, "48000", "0.001")
    assert kinds(venue.at("48000"))[-1] == ("F", "2")
    assert (rich.balance("USDT").free, rich.balance("USDT").locked) == (units("2"), 0)


@pytest.mark.parametrize(
    ("side", "direction", "price"),
    [(BUY, "U", "50000"), (BUY, "D", "50000"), (SELL, "U", "49999.99"), (SELL, "D", "50000.01")],
)
def test_a_stop_that_the_last_price_meets_is_refused(
    venue: Venue, side: str, direction: str, price: str
) -> None:
    account = trader()
    terms = stop(side, direction, price)
    (accepted,) = venue.place(account, "early", **terms)
    assert told(accepted)["exec_type"] == "0", "nothing has traded yet"
    venue.exchange.cancel(account, away("c", orig_cl_ord_id="early"), NOW)
    venue.at("50000")
    answers = venue.place(account, "a", **terms)
    assert refusal(answers) == ("-2010", "Order would trigger immediately.")
    report = told(answers[0])
    assert (report["trigger_price"], report["trigger_price_direction"]) == (
        f"{units(price) / 10**8:.8f}",
        direction,
    )
    assert account.balance("USDT").locked == account.balance("BTC").locked == 0


def test_a_waiting_stop_is_cancelled_and_its_money_comes_back(venue: Venue) -> None:
    account = trader()
    venue.place(account, "buys", **stop(BUY, "U", "51000", price="52000"))
    venue.place(account, "sells", **stop(SELL, "D", "49000", order_qty="0.5"))
    assert account.balance("USDT").locked == units("52")
    assert account.balance("BTC").locked == units("0.5")
    for name in ("buys", "sells"):
        request = away(f"{name}-c", orig_cl_ord_id=name, cancel_restrictions="1")
        (answer,) = answered(venue.exchange.cancel(account, request, NOW))
        report = told(answer)
        assert (report["exec_type"], report["ord_status"]) == ("4", "4")
        assert (report["orig_cl_ord_id"], "working_time" in report) == (name, False)
    assert account.balance("USDT").locked == account.balance("BTC").locked == 0
    assert venue.at("60000") == venue.at("40000") == []


def test_a_waiting_stop_is_amended_and_keeps_its_place(venue: Venue) -> None:
    account = trader()
    venue.place(account, "a", **stop(BUY, "U", "51000", **MARKET))
    venue.place(account, "b", **stop(BUY, "U", "51000", **MARKET))
    terms = {"cl_ord_id": "a2", "orig_cl_ord_id": "a", "symbol": "BTCUSDT", "order_qty": "0.0004"}
    request = request_of(ORDER_AMEND_KEEP_PRIORITY_REQUEST, **terms)
    (replaced,) = answered(venue.exchange.amend(account, request, NOW))
    assert told(replaced)["leaves_qty"] == "0.00040000"
    assert account.balance("USDT").locked == units("71.4")
    answers = venue.at("51000")
    assert [answer.values["cl_ord_id"] for answer in answers] == ["a2", "a2", "b", "b"]
    assert account.balance("USDT").locked == 0


def test_one_that_works_is_cancelled_in_the_book(venue: Venue) -> None:
    account = trader()
    venue.place(account, "a", **stop(BUY, "U", "51000"))
    venue.at("51000")
    answers = answered(venue.exchange.cancel(account, away("c", orig_cl_ord_id="a"), NOW))
    assert told(answers[0])["working_time"] == STAMP
    assert len(venue.exchange.markets["BTCUSDT"].book) == 0


def test_several_go_off_in_the_order_in_which_they_came(venue: Venue) -> None:
    account = trader()
    for name, price in (("a", "50300"), ("b", "50100"), ("c", "50200"), ("d", "50400")):
        venue.place(account, name, **stop(BUY, "U", price, order_qty="0.0001", price="50000"))
    answers = venue.at("50300")
    assert [answer.values["cl_ord_id"] for answer in answers] == ["a", "b", "c"]


def test_what_one_trades_sets_the_next_off(venue: Venue) -> None:
    """The reports of the first are whole before those of the second."""
    account = trader()
    venue.place(account, "second", **stop(SELL, "D", "48500", **MARKET))
    venue.place(account, "first", **stop(SELL, "D", "49000", **MARKET))
    venue.offer(BUY, "48500", "0.0015")
    answers = venue.at("49000")
    names = [(answer.values["cl_ord_id"], answer.values["exec_type"]) for answer in answers]
    assert names == [
        ("first", "0"),
        ("first", "F"),
        ("second", "0"),
        ("second", "F"),
        ("second", "C"),
    ]


def test_the_trades_of_the_house_set_stops_off() -> None:
    venue = Venue()
    venue.exchange = Exchange(INSTRUMENTS)
    venue.exchange.tick(NOW)
    account = trader()
    venue.place(account, "a", **stop(SELL, "U", "50000.5", price="60000"))
    (bid, *_) = venue.place(account, "bid", price="50000.6")
    assert kinds([bid]) == [("0", "0")]
    answers = venue.exchange.tick(NOW)
    assert [answer.values["cl_ord_id"] for answer in answers] == ["bid", "a"]
    assert venue.exchange.fill(account.by_client_id["a"], units("0.001"), NOW)


def test_a_burst_is_of_orders_that_stand_in_the_book(venue: Venue) -> None:
    account = trader()
    venue.place(account, "a", **stop(BUY, "U", "51000", order_qty="1"))
    assert venue.exchange.burst(account, 1, NOW) == "no order rests"
    venue.place(account, "b")
    answers = venue.exchange.burst(account, 1, NOW)
    assert not isinstance(answers, str)
    assert [answer.values["cl_ord_id"] for answer in answers] == ["b"]


def test_stops_of_one_symbol_are_counted_where_limits_hold() -> None:
    for limits in (True, False):
        venue, account = Venue(limits), trader()
        for number in range(5):
            venue.place(account, f"s{number}", **stop(BUY, "U", "51000"))
        venue.place(account, "other", **stop(BUY, "U", "3100", price="3000", symbol="ETHUSDT"))
        answers = venue.place(account, "last", **stop(BUY, "U", "51000"))
        if limits:
            assert refusal(answers) == ("-1013", "Filter failure: MAX_NUM_ALGO_ORDERS")
        else:
            assert kinds(answers) == [("0", "0")]


def test_stops_stand_among_the_orders_that_a_market_can_hold(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_room, "BOOK_ORDERS_MAX", 1)
    account = trader()
    venue.place(account, "a", **stop(BUY, "U", "51000"))
    assert complaint(venue.exchange.new_order(account, new("b"), NOW)) == (-1008, 99, None)


# --- trailing ---------------------------------------------------------------------------------


def trail(side: str, **changes: str | None) -> dict[str, str | None]:
    """A trailing take profit that follows the price from the next trade on."""
    price = "45000" if side == BUY else "55000"
    return {"ord_type": "4", "side": side, "price": price, **TRAILING} | changes


@pytest.mark.parametrize(
    ("side", "trades", "last"),
    [
        (SELL, ["50000", "51000", "50490.01", "50999"], "50490"),
        (BUY, ["50000", "49000", "49489.99", "49001"], "49490"),
    ],
)
def test_a_trailing_order_follows_the_price_until_it_turns(
    venue: Venue, official: Dictionary, side: str, trades: list[str], last: str
) -> None:
    venue.at("70000" if side == SELL else "30000")
    account = trader()
    (accepted,) = venue.place(account, "a", **trail(side))
    report = told(accepted)
    assert report["trigger_trailing_delta_bips"] == "100"
    assert report.keys().isdisjoint({"trailing_time", "trigger_price", "trigger_price_direction"})
    venue.now = LATER
    for price in trades:
        assert venue.at(price) == []
        venue.now = LATER + SECOND_NS
    (started,) = venue.at(last)
    hold_against(official, [accepted, started])
    assert told(started)["trailing_time"] == LATER_STAMP
    assert told(started)["working_indicator"] == "Y"


def test_with_a_trigger_price_it_follows_from_the_trade_that_meets_it(venue: Venue) -> None:
    account = trader()
    changes = {"trigger_trailing_delta_bips": "100", "price": "55000"}
    venue.place(account, "a", **stop(SELL, "D", "49000", **changes))
    for price in ("52000", "49000.01", "49000", "48510.01", "49500", "49005.01"):
        assert venue.at(price) == []
    assert kinds(venue.at("49005")) == [("0", "0")]


def test_a_cancel_tells_since_when_the_price_was_followed(venue: Venue) -> None:
    account = trader()
    venue.place(account, "a", **trail(BUY))
    venue.place(account, "b", **trail(BUY))
    expected: list[str | None] = [None, STAMP]
    for name, since in zip("ab", expected, strict=True):
        answers = venue.exchange.cancel(account, away(f"{name}-c", orig_cl_ord_id=name), NOW)
        assert told(answered(answers)[0]).get("trailing_time") == since
        venue.at("50000")


def test_only_a_trigger_price_can_be_met_already(venue: Venue) -> None:
    venue.at("50000")
    account = trader()
    assert kinds(venue.place(account, "a", **trail(SELL))) == [("0", "0")]
    terms = stop(SELL, "U", "50000", trigger_trailing_delta_bips="100")
    assert refusal(venue.place(account, "b", **terms))[1] == "Order would trigger immediately."


def test_a_trailing_market_order_locks_at_the_fair_price(venue: Venue) -> None:
    account = trader()
    venue.place(account, "a", **trail(BUY, **MARKET))
    assert account.balance("USDT").locked == units("50")


@pytest.mark.parametrize(
    ("terms", "least"),
    [
        (stop(BUY, "U", "51000"), 20),
        (stop(SELL, "U", "51000"), 20),
        (stop(BUY, "D", "49000"), 30),
        (stop(SELL, "D", "49000"), 30),
        (trail(SELL), 20),
        (trail(BUY), 30),
    ],
)
def test_how_far_it_may_trail(terms: dict[str, str | None], least: int) -> None:
    values = {name: getattr(INSTRUMENTS[0], name) for name in Instrument.__slots__}
    values |= {"trailing_above": (20, 25), "trailing_below": (30, 35)}
    exchange = Exchange((Instrument(**values),), limits=False)
    for bips, passes in ((least, True), (least + 5, True), (least - 1, False), (least + 6, False)):
        order = new("a", **terms | {"trigger_trailing_delta_bips": str(bips)})
        answers = answered(exchange.new_order(trader(), order, NOW))
        if passes:
            assert kinds(answers) == [("0", "0")]
        else:
            assert refusal(answers) == ("-1013", "Filter failure: TRAILING_DELTA")


# --- the whole way ----------------------------------------------------------------------------


def heard(client: Client) -> list[Any]:
    return [one for one in client.reports(timeout=1) if isinstance(one, ExecutionReport)]


ORDERS: list[tuple[NewOrderSingle, list[str], list[str]]] = [
    (
        NewOrderSingle.stop_loss("BTCUSDT", Side.SELL, "0.01", "49000"),
        ["49500", "49000"],
        ["0 None", "0 Y", "F None"],
    ),
    (
        NewOrderSingle.stop_loss_limit("BTCUSDT", Side.BUY, "0.01", "50500", "51000"),
        ["50500", "51000"],
        ["0 None", "0 Y"],
    ),
    (
        NewOrderSingle.take_profit("BTCUSDT", Side.SELL, "0.01", "51000"),
        ["50500", "51000"],
        ["0 None", "0 Y", "F None"],
    ),
    (
        NewOrderSingle.take_profit_limit("BTCUSDT", Side.BUY, "0.01", "48000", "49000"),
        ["49500", "49000"],
        ["0 None", "0 Y"],
    ),
]


@pytest.mark.parametrize(
    ("order", "moves", "states"),
    ORDERS,
    ids=["stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit"],
)
def test_a_stop_goes_the_whole_way(
    order: NewOrderSingle, moves: list[str], states: list[str]
) -> None:
    trigger = f"{order.trigger_price}.00000000"
    with SimulatedEngine(house=False) as engine:
        engine.venue.buy(1, 47000)
        client = engine.client("maker")
        cl_ord_id = client.submit(order)
        with pytest.raises(SimulationError, match="no order"):
            engine.venue.fill(cl_ord_id)
        (waiting,) = engine.venue.orders
        (row,) = engine.venue.call("openOrders", {})
        assert (row["orderId"], row["stopPrice"]) == (int(waiting.order_id), trigger)
        assert (row["isWorking"], row["workingTime"]) == (False, -1)
        reports = heard(client)
        for price in moves:
            engine.venue.sell(1, price)
            engine.venue.buy(1, price)
        reports += heard(client)
        assert [f"{one.exec_type} {one.working_indicator}" for one in reports] == states
        assert {one.cl_ord_id for one in reports} == {cl_ord_id}
        assert {one.trigger_price for one in reports} == {trigger}
        found = engine.venue.call("order", {"symbol": "BTCUSDT", "orderId": waiting.order_id})
        stops = (order.side == Side.BUY) == (order.trigger_price_direction == "U")
        word = {True: "STOP_LOSS", False: "TAKE_PROFIT"}[stops]
        assert found["type"] == word + ("_LIMIT" if order.price else "")
        assert found["isWorking"] and found["workingTime"] > found["time"]


BIPS = {"trigger_trailing_delta_bips": 100}


@pytest.mark.parametrize(
    "order",
    [
        NewOrderSingle.stop_loss("BTCUSDT", Side.SELL, "0.01", "49000", **BIPS),
        NewOrderSingle.stop_loss_limit("BTCUSDT", Side.SELL, "0.01", "60000", "49000", **BIPS),
        NewOrderSingle.take_profit("BTCUSDT", Side.SELL, "0.01", **BIPS),
        NewOrderSingle.take_profit_limit("BTCUSDT", Side.SELL, "0.01", "60000", **BIPS),
    ],
    ids=["stop_loss", "stop_loss_limit", "take_profit", "take_profit_limit"],
)
def test_a_trailing_order_goes_the_whole_way(order: NewOrderSingle) -> None:
    """What happens after its acknowledgement is told by the user data stream alone."""
    config = {"sources": {"user_data": True}, "venue": {"report_sessions": 0}}
    with SimulatedEngine(house=False, config=config) as engine:
        engine.advance(5)
        engine.venue.buy(1, 47000)
        client = engine.client("maker")
        client.submit(order)
        reports = heard(client)
        for price in ("49000", "49500", "49005"):
            engine.venue.sell("0.001", price)
            engine.venue.buy("0.001", price)
            reports += heard(client)
        states = ["0 N", "0 Y"] + ["F N"] * (order.price is None)
        assert [f"{one.exec_type} {one.working_indicator or 'N'}" for one in reports] == states
        row = engine.venue.call("allOrders", {"symbol": "BTCUSDT"})[-1]
        since = utc(row["trailingTime"])
        assert [one.trailing_time for one in reports] == [None] + [since] * (len(reports) - 1)
        assert {one.trigger_trailing_delta_bips for one in reports} == {"100"}
        trigger = order.trigger_price and f"{order.trigger_price}.00000000"
        assert {one.trigger_price for one in reports} == {trigger}
        assert row["trailingDelta"] == 100
        assert row["time"] < row["trailingTime"] < row["workingTime"]
        assert [one.working_time for one in reports][1] == utc(row["workingTime"])
