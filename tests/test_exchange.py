"""The venue's engine: every answer to every request, without sockets and without a clock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fixengine.fix.venue import Complaint, Window
from fixengine.fix.venues.binance.tables import NEW_ORDER_SINGLE, ORDER_CANCEL_REQUEST
from fixengine.simulator import exchange as exchange_room
from fixengine.simulator.accounts import Account, UnfilledOrders
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.instruments import INSTRUMENTS, Instrument, Ladder, Lot, units
from fixengine.simulator.reports import Answer
from hypothesis import given, settings
from hypothesis import strategies as st

SECOND_NS = 1_000_000_000
NOW = 1_700_000_000 * SECOND_NS
STAMP = "20231114-22:13:20.000000"
BUY, SELL = "1", "2"
SYMBOL = "BTCUSDT"

Answers = list[Answer]


def new(cl_ord_id: str, **changes: str | None) -> SimpleNamespace:
    """A LIMIT GTC order to buy 0.001 BTCUSDT, below the house's quotes."""
    values: dict[str, str | None] = {row.name: None for row in NEW_ORDER_SINGLE}
    values |= {"cl_ord_id": cl_ord_id, "symbol": SYMBOL, "side": BUY, "ord_type": "2"}
    values |= {"order_qty": "0.001", "price": "49000", "time_in_force": "1"}
    return SimpleNamespace(**values | changes)


def market(cl_ord_id: str, **changes: str | None) -> SimpleNamespace:
    return new(cl_ord_id, **{"ord_type": "1", "price": None, "time_in_force": None, **changes})


def away(cl_ord_id: str, **changes: str | None) -> SimpleNamespace:
    """An OrderCancelRequest."""
    values: dict[str, str | None] = {row.name: None for row in ORDER_CANCEL_REQUEST}
    return SimpleNamespace(**values | {"cl_ord_id": cl_ord_id, "symbol": SYMBOL} | changes)


def trader(name: str = "trader", **options: Any) -> Account:
    return Account(name, {"USDT": units("1000000"), "BTC": units("10")}, **options)


@pytest.fixture
def venue() -> Exchange:
    """With the house's ladder: 2 BTC at each of 49999, 49998, ... and 50001, 50002, ..."""
    exchange = Exchange(INSTRUMENTS)
    assert exchange.tick(NOW) == []
    return exchange


@pytest.fixture
def bare() -> Exchange:
    """Without a ladder: the first tick has not come."""
    return Exchange(INSTRUMENTS)


def answered(result: Answers | Complaint) -> Answers:
    assert not isinstance(result, Complaint), result
    return result


def told(answer: Answer) -> dict[str, Any]:
    """The fields of an answer that are there."""
    return {name: value for name, value in answer.values.items() if value is not None}


def kinds(answers: Answers) -> list[tuple[str, str]]:
    """(ExecType, OrdStatus) of each answer."""
    return [(answer.values["exec_type"], answer.values["ord_status"]) for answer in answers]


def refusal(result: Answers | Complaint) -> tuple[str, str]:
    """The code and text of the one rejecting report."""
    (answer,) = answered(result)
    assert kinds([answer]) == [("8", "8")]
    assert (answer.ack, answer.push) == (True, False)
    return answer.values["venue_code"], answer.values["text"]


def complaint(result: Answers | Complaint) -> tuple[int | None, int, int | None]:
    """Code, SessionRejectReason and tag of a Reject<3>."""
    assert isinstance(result, Complaint), result
    return result.code, result.reason, result.tag


# --- accepted orders --------------------------------------------------------------------------


def test_a_resting_order_is_reported_as_the_venue_reports_it(venue: Exchange) -> None:
    account = trader()
    (answer,) = answered(venue.new_order(account, new("a"), NOW))
    assert (answer.kind, answer.account, answer.ack, answer.push) == (b"8", account, True, True)
    assert told(answer) == {
        "exec_id": "5000002",
        "cl_ord_id": "a",
        "order_id": "1000041",
        "order_qty": "0.00100000",
        "ord_type": "2",
        "side": BUY,
        "symbol": SYMBOL,
        "price": "49000.00000000",
        "time_in_force": "1",
        "transact_time": STAMP,
        "order_creation_time": STAMP,
        "self_trade_prevention_mode": "1",
        "exec_type": "0",
        "cum_qty": "0.00000000",
        "leaves_qty": "0.00100000",
        "cum_quote_qty": "0.00000000",
        "aggressor_indicator": "Y",
        "last_qty": "0.00000000",
        "ord_status": "0",
        "working_indicator": "Y",
        "working_time": STAMP,
    }
    assert account.balance("USDT").locked == units("49")


def test_an_order_trades_level_by_level_and_pays_its_fee(venue: Exchange) -> None:
    account = trader(taker_ppm=1000, maker_ppm=1)
    order = new("a", order_qty="3", price="50002.5")
    answers = answered(venue.new_order(account, order, NOW))
    assert kinds(answers) == [("0", "0"), ("F", "1"), ("F", "2")]
    assert [answer.ack for answer in answers] == [True, False, False]
    first, last = told(answers[1]), told(answers[2])
    assert (first["last_qty"], first["last_px"]) == ("2.00000000", "50001.00000000")
    assert (first["cum_qty"], first["leaves_qty"]) == ("2.00000000", "1.00000000")
    assert first["working_indicator"] == "Y"
    assert (last["last_qty"], last["last_px"]) == ("1.00000000", "50002.00000000")
    assert (last["cum_qty"], last["leaves_qty"]) == ("3.00000000", "0.00000000")
    assert last["cum_quote_qty"] == "150004.00000000"
    assert "working_indicator" not in last
    assert last["working_time"] == STAMP
    (fee,) = last["misc_fees"]
    assert (fee.misc_fee_amt, fee.misc_fee_curr, fee.misc_fee_type) == ("0.00100000", "BTC", "4")
    assert int(first["trade_id"]) < int(last["trade_id"])
    ids = [int(answer.values["exec_id"]) for answer in answers]
    assert ids == sorted(set(ids))
    assert account.balance("USDT").free == units("1000000") - units("150004")
    assert account.balance("USDT").locked == 0
    assert account.balance("BTC").free == units("12.997")


def test_no_fee_no_group(venue: Exchange) -> None:
    answers = answered(venue.new_order(trader(), market("a"), NOW))
    assert "misc_fees" not in told(answers[-1])


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("1", [("0", "0"), ("F", "2")]),
        ("80", [("0", "0"), *[("F", "1")] * 20, ("C", "C")]),
    ],
)
def test_market_order_reports_new_first_then_fills_then_what_is_left(
    venue: Exchange, quantity: str, expected: list[tuple[str, str]]
) -> None:
    account = Account("rich", {"USDT": units("90000000")})
    answers = answered(venue.new_order(account, market("a", order_qty=quantity), NOW))
    assert kinds(answers) == expected
    assert "working_time" not in told(answers[0])
    assert "price" not in told(answers[0])
    if expected[-1] == ("C", "C"):
        report = told(answers[-1])
        assert (report["expiry_reason"], report["leaves_qty"]) == ("7", "0.00000000")
        assert report["cum_qty"] == "40.00000000"
    assert account.balance("USDT").locked == 0


def test_market_order_on_an_empty_book_expires(bare: Exchange) -> None:
    answers = answered(bare.new_order(trader(), market("a"), NOW))
    assert kinds(answers) == [("0", "0"), ("C", "C")]
    assert told(answers[1])["expiry_reason"] == "7"


def test_market_order_by_quote_amount(venue: Exchange) -> None:
    account = trader()
    order = market("a", order_qty=None, cash_order_qty="100")
    answers = answered(venue.new_order(account, order, NOW))
    assert kinds(answers) == [("0", "0"), ("F", "2")]
    report = told(answers[1])
    # 100 / 50001 = 0.00199996, cut to the step of 0.00001.
    assert report["last_qty"] == "0.00199000"
    assert report["cash_order_qty"] == "100.00000000"
    assert "order_qty" not in report
    assert account.balance("USDT").free == units("1000000") - units("99.50199")
    assert account.balance("USDT").locked == 0


def test_quote_amount_without_liquidity_is_refused(bare: Exchange) -> None:
    order = market("a", order_qty=None, cash_order_qty="100")
    code, text = refusal(bare.new_order(trader(), order, NOW))
    assert (code, text) == (
        "-2010",
        "Order book liquidity is less than symbol minimum quantity.",
    )


def test_ioc_expires_with_what_it_could_not_take(venue: Exchange) -> None:
    account = trader()
    order = new("a", order_qty="3", price="50001", time_in_force="3")
    answers = answered(venue.new_order(account, order, NOW))
    assert kinds(answers) == [("0", "0"), ("F", "1"), ("C", "C")]
    report = told(answers[2])
    assert (report["expiry_reason"], report["cum_qty"]) == ("5", "2.00000000")
    assert (report["cl_ord_id"], "orig_cl_ord_id" in report) == ("a", False)
    assert "working_indicator" not in told(answers[1])
    assert account.balance("USDT").locked == 0
    assert not account.by_client_id


def test_fok_is_all_or_nothing(venue: Exchange) -> None:
    account = trader()
    order = new("a", order_qty="3", price="50001", time_in_force="4")
    answers = answered(venue.new_order(account, order, NOW))
    assert kinds(answers) == [("0", "0"), ("C", "C")]
    assert told(answers[1])["expiry_reason"] == "6"
    assert account.balance("BTC").free == units("10")
    order = new("b", order_qty="3", price="50002", time_in_force="4")
    assert kinds(answered(venue.new_order(account, order, NOW)))[-1] == ("F", "2")


def test_limit_maker_rests_or_is_refused(venue: Exchange) -> None:
    account = trader()
    maker = {"exec_inst": "6", "time_in_force": None}
    refused = venue.new_order(account, new("a", price="50001", **maker), NOW)
    assert refusal(refused) == ("-2010", "Order would immediately match and take.")
    (answer,) = answered(venue.new_order(account, new("a", price="50000.99", **maker), NOW))
    assert told(answer)["exec_inst"] == "6"
    assert "time_in_force" not in told(answer)


def test_a_match_between_two_accounts_reports_both_sides_with_one_trade_id(bare: Exchange) -> None:
    rates = {"maker_ppm": 1000, "taker_ppm": 2000}
    maker, taker = trader("maker", **rates), trader("taker", **rates)
    bare.new_order(maker, new("m", side=SELL, price="50000", order_qty="0.5"), NOW)
    assert maker.balance("BTC").locked == units("0.5")
    answers = answered(
        bare.new_order(taker, new("t", price="50010", order_qty="0.2"), NOW + SECOND_NS)
    )
    assert [(a.account.name, a.values["exec_type"], a.ack) for a in answers] == [
        ("taker", "0", True),
        ("taker", "F", False),
        ("maker", "F", False),
    ]
    aggressor, passive = told(answers[1]), told(answers[2])
    assert aggressor["trade_id"] == passive["trade_id"]
    assert aggressor["exec_id"] != passive["exec_id"]
    assert (aggressor["last_px"], passive["last_px"]) == ("50000.00000000",) * 2
    assert (aggressor["aggressor_indicator"], passive["aggressor_indicator"]) == ("Y", "N")
    assert (passive["ord_status"], passive["leaves_qty"]) == ("1", "0.30000000")
    assert passive["order_creation_time"] != passive["transact_time"]
    assert passive["misc_fees"][0].misc_fee_amt == "10.00000000"
    assert aggressor["misc_fees"][0].misc_fee_amt == "0.00040000"
    # The better price comes back at once.
    assert taker.balance("USDT").free == units("990000")
    assert maker.balance("USDT").free == units("1009990")


STOP = {
    "trigger_type": "4",
    "trigger_action": "1",
    "trigger_price": "51000",
    "trigger_price_type": "2",
    "trigger_price_direction": "U",
}
"""Of a stop loss that buys."""
TRAILING = {
    **STOP,
    "trigger_price": None,
    "trigger_price_direction": None,
    "trigger_trailing_delta_bips": "100",
}


# --- refused orders ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"symbol": "NOPE"}, (-1121, 5, 55)),
        ({"order_qty": None}, (-1102, 1, 38)),
        ({"price": None}, (-1102, 1, 44)),
        ({"time_in_force": None}, (-1102, 1, 59)),
        ({"exec_inst": "6"}, (-1114, 99, 59)),
        ({"cash_order_qty": "10"}, (-1106, 99, 152)),
        ({"trigger_price": "1"}, (-1106, 99, 1102)),
        ({"peg_price_type": "4"}, (-1106, 99, 1094)),
        ({"price": "1.000000001"}, (-1111, 99, 44)),
        ({"order_qty": "0.000000001"}, (-1111, 99, 38)),
        ({"order_qty": "99999999999999999999"}, (-1108, 6, 38)),
        ({"target_strategy": "999999"}, (-1134, 5, 847)),
        ({"ord_type": "3"}, (-1106, 99, 44)),
        ({"ord_type": "4"}, (-1102, 1, 1102)),
        ({"ord_type": "4", "trigger_price": "1"}, (-1102, 1, 1100)),
        ({"ord_type": "4", **STOP, "trigger_price_direction": None}, (-1102, 1, 1109)),
        ({"ord_type": "4", **STOP, "exec_inst": "6", "time_in_force": None}, (-1106, 99, 18)),
        ({"ord_type": "4", **STOP, "time_in_force": None}, (-1102, 1, 59)),
        ({"ord_type": "4", **TRAILING, "trigger_price_direction": "U"}, (-1106, 99, 1109)),
        ({"ord_type": "3", **STOP, "price": None}, (-1114, 99, 59)),
        (
            {"ord_type": "3", **STOP, "price": None, "time_in_force": None, "exec_inst": "6"},
            (-1106, 99, 18),
        ),
        (
            {"ord_type": "3", **STOP, "price": None, "time_in_force": None, "max_floor": "1"},
            (-1106, 99, 111),
        ),
        ({"ord_type": "P"}, (-1102, 1, 1094)),
        ({"ord_type": "1", "price": None}, (-1114, 99, 59)),
        ({"ord_type": "1", "time_in_force": None}, (-1106, 99, 44)),
    ],
)
def test_what_does_not_stand_together_is_rejected(
    venue: Exchange, changes: dict[str, str | None], expected: tuple[int, int, int]
) -> None:
    account = trader()
    assert complaint(venue.new_order(account, new("a", **changes), NOW)) == expected
    assert not account.by_client_id


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"order_qty": None}, (-1102, 1, 38)),
        ({"cash_order_qty": "10"}, (-1128, 99, 152)),
        ({"max_floor": "1"}, (-1106, 99, 111)),
        ({"exec_inst": "6"}, (-1106, 99, 18)),
    ],
)
def test_market_orders_that_do_not_fit(
    venue: Exchange, changes: dict[str, str | None], expected: tuple[int, int, int]
) -> None:
    assert complaint(venue.new_order(trader(), market("a", **changes), NOW)) == expected


NO_SUPPORT = " orders are not supported for this symbol."


def test_the_bounds_of_filters_belong_to_them(venue: Exchange) -> None:
    for cl_ord_id, changes in (
        ("low", {"price": "10000"}),
        ("high", {"price": "250000", "side": SELL}),
        ("small", {"price": "50000", "order_qty": "0.0001"}),
    ):
        answers = answered(venue.new_order(trader(), new(cl_ord_id, **changes), NOW))
        assert kinds(answers)[0] == ("0", "0")


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"price": "49000.001"}, "-1013", "Filter failure: PRICE_FILTER"),
        ({"price": "0"}, "-1013", "Filter failure: PRICE_FILTER"),
        ({"price": "9999.99"}, "-1013", "Filter failure: PERCENT_PRICE"),
        ({"price": "250000.01"}, "-1013", "Filter failure: PERCENT_PRICE"),
        ({"order_qty": "0.000015"}, "-1013", "Filter failure: LOT_SIZE"),
        ({"order_qty": "0"}, "-1013", "Filter failure: LOT_SIZE"),
        ({"order_qty": "9000.00001"}, "-1013", "Filter failure: LOT_SIZE"),
        ({"order_qty": "0.0001"}, "-1013", "Filter failure: NOTIONAL"),
        ({"order_qty": "1000"}, "-1013", "Filter failure: NOTIONAL"),
        (
            {"self_trade_prevention_mode": "6"},
            "-1013",
            "This symbol does not allow the specified self-trade prevention mode.",
        ),
        ({"order_qty": "21"}, "-2010", "Account has insufficient balance for requested action."),
        (
            {"side": SELL, "price": "51000", "order_qty": "10.00001"},
            "-2010",
            "Account has insufficient balance for requested action.",
        ),
        (
            {"max_floor": "0.0005", "time_in_force": "3"},
            "-2010",
            "Unsupported order combination",
        ),
        ({"max_floor": "0.00101"}, "-2010", "IcebergQty exceeds QTY."),
        ({"max_floor": "0.000005"}, "-1013", "Filter failure: LOT_SIZE"),
        ({"max_floor": "0", "order_qty": "1"}, "-1013", "Filter failure: LOT_SIZE"),
        ({"max_floor": "0.00999", "order_qty": "1"}, "-1013", "Filter failure: ICEBERG_PARTS"),
        ({"ord_type": "P", "peg_price_type": "5"}, "-2010", "Pegged" + NO_SUPPORT),
        ({"sor": "Y"}, "-2010", "Unsupported order combination"),
        (
            {"ord_type": "4", **TRAILING, "trigger_trailing_delta_bips": "9"},
            "-1013",
            "Filter failure: TRAILING_DELTA",
        ),
        (
            {"ord_type": "4", **TRAILING, "trigger_trailing_delta_bips": "2001"},
            "-1013",
            "Filter failure: TRAILING_DELTA",
        ),
        (
            {"ord_type": "4", **STOP, "trigger_price": "51000.001"},
            "-1013",
            "Filter failure: PRICE_FILTER",
        ),
    ],
)
def test_what_the_symbol_or_the_account_does_not_permit_is_refused(
    venue: Exchange, changes: dict[str, str | None], code: str, text: str
) -> None:
    account = trader()
    assert refusal(venue.new_order(account, new("a", **changes), NOW)) == (code, text)
    assert account.balance("USDT").free == units("1000000")
    assert account.balance("BTC").free == units("10")


def test_market_quantity_and_amount_pass_their_filters(venue: Exchange) -> None:
    def code_of(**changes: str | None) -> str:
        return refusal(venue.new_order(trader(), market("a", **changes), NOW))[1]

    assert code_of(order_qty="100.00001") == "Filter failure: MARKET_LOT_SIZE"
    assert code_of(order_qty="0.00009") == "Filter failure: NOTIONAL"
    assert code_of(order_qty=None, cash_order_qty="4.99") == "Filter failure: NOTIONAL"
    funds = "Account has insufficient balance for requested action."
    assert code_of(order_qty="30") == funds
    assert code_of(side=SELL, order_qty="10.1") == funds


OTHER = "这是测试币456"
"""Its fair price is 1; it has 150,000 as MAX_POSITION and PERCENT_PRICE_BY_SIDE."""


@pytest.mark.parametrize(
    ("side", "fits", "fails"),
    [(BUY, "0.2", "0.1999"), (BUY, "5", "5.0001"), (SELL, "0.5", "0.4999"), (SELL, "10", "10.01")],
)
def test_each_side_may_have_bounds_of_its_own(
    venue: Exchange, side: str, fits: str, fails: str
) -> None:
    def place(cl_ord_id: str, price: str) -> Any:
        order = new(cl_ord_id, symbol=OTHER, side=side, price=price, order_qty="100")
        funds = {"456": units("100000"), "这是测试币": units("1000")}
        return venue.new_order(Account(cl_ord_id, funds), order, NOW)

    assert refusal(place("a", fails)) == ("-1013", "Filter failure: PERCENT_PRICE_BY_SIDE")
    assert kinds(answered(place("b", fits)))[0] == ("0", "0")


def test_a_position_has_an_end(bare: Exchange) -> None:
    account = Account("a", {"456": units("100000"), "这是测试币": units("100000")})

    def place(cl_ord_id: str, quantity: str, **changes: str | None) -> Any:
        terms = {"symbol": OTHER, "price": "0.5", "order_qty": quantity, **changes}
        order = new(cl_ord_id, **terms)
        return bare.new_order(account, order, NOW)

    too_much = ("-1013", "Filter failure: MAX_POSITION")
    for cl_ord_id, quantity in (("b", "8000"), ("c", "9000"), ("d", "9000"), ("e", "9000")):
        assert kinds(answered(place(cl_ord_id, quantity))) == [("0", "0")]
    # What is on offer may not be sold, so it counts still.
    assert kinds(answered(place("s", "9000", side=SELL, price="2"))) == [("0", "0")]
    assert kinds(answered(place("f", "9000"))) == [("0", "0")]
    assert refusal(place("g", "6000.1")) == too_much
    assert kinds(answered(place("h", "6000"))) == [("0", "0")]
    assert refusal(place("i", "10")) == too_much
    answered(bare.cancel(account, away("x", orig_cl_ord_id="h", symbol=OTHER), NOW))
    assert kinds(answered(place("j", "10"))) == [("0", "0")]


def test_icebergs_are_counted(bare: Exchange) -> None:
    account = trader()
    for number in range(10):
        order = new(f"i{number}", max_floor="0.0005")
        assert kinds(answered(bare.new_order(account, order, NOW))) == [("0", "0")]
    one_more = new("more", max_floor="0.0005")
    assert refusal(bare.new_order(account, one_more, NOW)) == (
        "-1013",
        "Filter failure: MAX_NUM_ICEBERG_ORDERS",
    )
    assert kinds(answered(bare.new_order(account, new("plain"), NOW))) == [("0", "0")]
    answered(bare.cancel(account, away("x", orig_cl_ord_id="i0"), NOW))
    assert kinds(answered(bare.new_order(account, one_more, NOW))) == [("0", "0")]


def test_quote_amount_below_the_smallest_lot_is_refused(bare: Exchange) -> None:
    seller = trader("seller")
    bare.new_order(seller, new("s", side=SELL, price="250000", order_qty="0.1"), NOW)
    dear = Instrument(
        **{
            **{name: getattr(INSTRUMENTS[0], name) for name in Instrument.__slots__},
            "lot": Lot(units("0.01"), units("10"), units("0.00001")),
        }
    )
    exchange = Exchange((dear,))
    exchange.new_order(seller, new("t", side=SELL, price="50000", order_qty="0.1"), NOW)
    order = market("a", order_qty=None, cash_order_qty="100")
    code, text = refusal(exchange.new_order(trader(), order, NOW))
    assert (code, text.startswith("Order book liquidity is less than `LOT_SIZE`")) == (
        "-2010",
        True,
    )


def test_a_refusing_report_has_the_fields_of_the_request_and_no_more(venue: Exchange) -> None:
    order = new("a", order_qty="0.000015", strategy_id="7")
    (answer,) = answered(venue.new_order(trader(), order, NOW))
    assert told(answer) == {
        "cl_ord_id": "a",
        "order_qty": "0.00001500",
        "ord_type": "2",
        "side": BUY,
        "symbol": SYMBOL,
        "price": "49000.00000000",
        "time_in_force": "1",
        "transact_time": STAMP,
        "exec_type": "8",
        "ord_status": "8",
        "cum_qty": "0.00000000",
        "last_qty": "0.00000000",
        "ord_rej_reason": "99",
        "venue_code": "-1013",
        "text": "Filter failure: LOT_SIZE",
    }


def test_a_client_id_is_unique_while_its_order_is_open(venue: Exchange) -> None:
    account = trader()
    answered(venue.new_order(account, new("a"), NOW))
    assert refusal(venue.new_order(account, new("a"), NOW)) == ("-2010", "Duplicate order sent.")
    assert kinds(answered(venue.new_order(trader("other"), new("a"), NOW))) == [("0", "0")]
    answered(venue.cancel(account, away("c", orig_cl_ord_id="a"), NOW))
    assert kinds(answered(venue.new_order(account, new("a"), NOW))) == [("0", "0")]


def test_open_orders_are_counted_where_limits_hold() -> None:
    for limits, expected in ((True, "8"), (False, "0")):
        exchange, account = Exchange(INSTRUMENTS, limits=limits), trader()
        for number in range(200):
            order = new(f"o{number}", price="10000")
            assert kinds(answered(exchange.new_order(account, order, NOW))) == [("0", "0")]
        answers = answered(exchange.new_order(account, new("last", price="10000"), NOW))
        assert answers[0].values["exec_type"] == expected
        if limits:
            assert refusal(answers) == ("-1013", "Filter failure: MAX_NUM_ORDERS")


def test_a_full_book_takes_no_more(venue: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_room, "BOOK_ORDERS_MAX", 41)
    account = trader()
    answered(venue.new_order(account, new("a"), NOW))
    assert complaint(venue.new_order(account, new("b"), NOW)) == (-1008, 99, None)


# --- the unfilled order count -----------------------------------------------------------------

TEN_SECONDS = Window(3, 10 * SECOND_NS, "10 SECOND")


def test_too_many_unfilled_orders_are_refused_until_the_window_ends(venue: Exchange) -> None:
    account = trader(unfilled_orders=(TEN_SECONDS,))
    for number in range(3):
        answered(venue.new_order(account, new(f"o{number}"), NOW))
    assert refusal(venue.new_order(account, new("x"), NOW)) == (
        "-1015",
        "Too many new orders; current limit is 3 orders per 10 SECOND.",
    )
    # A cancel gives nothing back; the next window does.
    answered(venue.cancel(account, away("c", orig_cl_ord_id="o0"), NOW))
    assert refusal(venue.new_order(account, new("x"), NOW + 9 * SECOND_NS))[0] == "-1015"
    assert kinds(answered(venue.new_order(account, new("x"), NOW + 10 * SECOND_NS))) == [("0", "0")]


def test_fills_give_orders_back_a_little_later(venue: Exchange) -> None:
    account = trader(unfilled_orders=(TEN_SECONDS,))
    for number in range(3):
        answered(venue.new_order(account, market(f"o{number}"), NOW))
    assert refusal(venue.new_order(account, new("x"), NOW))[0] == "-1015"
    assert kinds(answered(venue.new_order(account, new("x"), NOW + SECOND_NS)))[0] == ("0", "0")


def test_a_makers_fill_gives_more_back_and_never_below_zero() -> None:
    count = UnfilledOrders((TEN_SECONDS,))
    for _ in range(3):
        count.placed(NOW)
    count.filled(5, NOW)
    assert count.breached(NOW) == TEN_SECONDS
    assert count.breached(NOW + SECOND_NS) is None
    for _ in range(2):
        count.placed(NOW + SECOND_NS)
    assert count.breached(NOW + SECOND_NS) is None
    count.placed(NOW + SECOND_NS)
    assert count.breached(NOW + SECOND_NS) == TEN_SECONDS


def test_once_the_day_is_used_up_the_seconds_no_longer_count() -> None:
    day = Window(2, 86_400 * SECOND_NS, "1 DAY")
    count = UnfilledOrders((TEN_SECONDS, day))
    for _ in range(5):
        count.placed(NOW)
    assert count.breached(NOW) == day
    assert count._counts == [2, 5]


# --- cancels ----------------------------------------------------------------------------------


def test_a_cancel_renames_the_order_and_gives_the_money_back(venue: Exchange) -> None:
    account = trader()
    (placed,) = answered(venue.new_order(account, new("a"), NOW))
    (answer,) = answered(venue.cancel(account, away("c", orig_cl_ord_id="a"), NOW + SECOND_NS))
    assert (answer.ack, answer.push) == (True, True)
    report = told(answer)
    assert (report["cl_ord_id"], report["orig_cl_ord_id"]) == ("c", "a")
    assert (report["exec_type"], report["ord_status"]) == ("4", "4")
    assert (report["leaves_qty"], report["cum_qty"]) == ("0.00000000", "0.00000000")
    assert report["order_id"] == placed.values["order_id"]
    assert report["working_time"] == STAMP
    assert "working_indicator" not in report
    assert account.balance("USDT").free == units("1000000")


def test_a_partly_filled_order_is_cancelled_with_what_it_traded(bare: Exchange) -> None:
    maker = trader("maker")
    bare.new_order(maker, new("m", side=SELL, price="50000", order_qty="0.5"), NOW)
    bare.new_order(trader("taker"), new("t", price="50000", order_qty="0.2"), NOW)
    (answer,) = answered(bare.cancel(maker, away("c", orig_cl_ord_id="m"), NOW))
    assert told(answer)["cum_qty"] == "0.20000000"
    assert maker.balance("BTC").free == units("9.8")
    assert maker.balance("BTC").locked == 0


UNKNOWN = ("-2011", "Unknown order sent.")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"orig_cl_ord_id": "nope"}, UNKNOWN),
        ({"order_id": "1"}, UNKNOWN),
        ({"order_id": "1000041", "orig_cl_ord_id": "nope"}, UNKNOWN),
        ({"orig_cl_ord_id": "a", "symbol": "ETHUSDT"}, UNKNOWN),
        ({"list_id": "1"}, UNKNOWN),
        (
            {"orig_cl_ord_id": "a", "cancel_restrictions": "2"},
            ("-2011", "Order was not canceled due to cancel restrictions."),
        ),
    ],
)
def test_cancels_that_are_refused(
    venue: Exchange, request_: dict[str, str], expected: tuple[str, str]
) -> None:
    account = trader()
    answered(venue.new_order(account, new("a"), NOW))
    (answer,) = answered(venue.cancel(account, away("c", **request_), NOW))
    assert (answer.kind, answer.ack, answer.push) == (b"9", True, False)
    report = told(answer)
    assert (report.pop("venue_code"), report.pop("text")) == expected
    assert report == {"cl_ord_id": "c", "symbol": SYMBOL, "cxl_rej_response_to": "1"} | request_
    assert "a" in account.by_client_id


def test_a_cancel_may_name_the_order_in_each_way(venue: Exchange) -> None:
    account = trader()
    for request in (
        {"orig_cl_ord_id": "a"},
        {"order_id": "1000042"},
        {"order_id": "1000043", "orig_cl_ord_id": "a", "cancel_restrictions": "1"},
    ):
        answered(venue.new_order(account, new("a"), NOW))
        assert kinds(answered(venue.cancel(account, away("c", **request), NOW))) == [("4", "4")]


def test_only_new_is_not_partly_filled(bare: Exchange) -> None:
    maker = trader("maker")
    bare.new_order(maker, new("m", side=SELL, price="50000", order_qty="0.5"), NOW)
    bare.new_order(trader("taker"), new("t", price="50000", order_qty="0.2"), NOW)
    for restriction, kind in (("1", b"9"), ("2", b"8")):
        request = away("c", orig_cl_ord_id="m", cancel_restrictions=restriction)
        assert answered(bare.cancel(maker, request, NOW))[0].kind == kind


def test_cancels_that_are_malformed(venue: Exchange) -> None:
    account = trader()
    assert complaint(venue.cancel(account, away("c"), NOW)) == (-1102, 1, 37)
    both = away("c", order_id="1", list_id="1")
    assert complaint(venue.cancel(account, both, NOW)) == (-1128, 99, 66)
    elsewhere = away("c", order_id="1", symbol="NOPE")
    assert complaint(venue.cancel(account, elsewhere, NOW)) == (-1121, 5, 55)


def test_nobody_cancels_anothers_order(venue: Exchange) -> None:
    answered(venue.new_order(trader("a"), new("a"), NOW))
    request = away("c", order_id="1000041")
    assert answered(venue.cancel(trader("b"), request, NOW))[0].kind == b"9"


# --- the house --------------------------------------------------------------------------------


def test_the_ladder_is_made_whole_on_tick(venue: Exchange) -> None:
    account = trader()
    before = venue.markets[SYMBOL].book.walk(BUY, None, units("1000"))
    assert before[0] == units("40")
    answered(venue.new_order(account, market("a", order_qty="3"), NOW))
    assert venue.markets[SYMBOL].book.walk(BUY, None, units("1000"))[0] == units("37")
    assert venue.tick(NOW) == []
    assert venue.markets[SYMBOL].book.walk(BUY, None, units("1000")) == before
    assert len(venue.markets[SYMBOL].book) == 40


def test_the_house_takes_what_stands_beyond_the_fair_price_at_its_price(venue: Exchange) -> None:
    account = trader()
    for cl_ord_id, side, price in (
        ("bid", BUY, "50000.01"),
        ("fair", BUY, "50000"),
        ("offer", SELL, "49999.99"),
    ):
        # An offer below the bid would trade with it at once.
        answers = answered(venue.new_order(account, new(cl_ord_id, side=side, price=price), NOW))
        if cl_ord_id == "offer":
            assert kinds(answers) == [("0", "0"), ("F", "2"), ("F", "2")]
    venue.tick(NOW)
    answered(venue.new_order(account, new("bid", price="50000.01"), NOW))
    answers = venue.tick(NOW)
    assert kinds(answers) == [("F", "2")]
    report = told(answers[0])
    assert (report["cl_ord_id"], report["last_px"]) == ("bid", "50000.01000000")
    assert (report["aggressor_indicator"], answers[0].ack) == ("N", False)
    assert "fair" in account.by_client_id
    assert venue.tick(NOW) == []


def test_every_symbol_has_a_market(venue: Exchange) -> None:
    account = Account("rich", {item.quote: units("1000000") for item in INSTRUMENTS})
    for item in INSTRUMENTS:
        order = market("a", symbol=item.symbol, order_qty=None, cash_order_qty="100")
        answers = answered(venue.new_order(account, order, NOW))
        assert kinds(answers)[-1] == ("F", "2")
        assert account.balance(item.base).free > 0


def test_tick_and_step_finer_than_amounts_are_refused() -> None:
    good = {name: getattr(INSTRUMENTS[0], name) for name in Instrument.__slots__}
    good["ladder"] = Ladder(1, 1, 1, 1)
    with pytest.raises(ValueError, match="coarser"):
        Instrument(**good | {"tick": units("0.0001")})


# --- any sequence -----------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("gtc", "gtc", "iceberg", "iceberg", "ioc", "fok", "maker", "market", "cash")
            + ("cancel", "replace", "amend", "tick")
        ),
        st.integers(0, 1),
        st.sampled_from((BUY, SELL)),
        st.integers(49_995, 50_005),
        st.integers(1, 500),
        st.sampled_from(("1", "2", "3", "4", "5")),
    ),
    min_size=12,
    max_size=30,
)
FORCES = {"gtc": "1", "iceberg": "1", "replace": "1", "ioc": "3", "fok": "4", "maker": None}


def about(kind: str, target: str, number: int, order: SimpleNamespace) -> SimpleNamespace:
    """A request about an order. order: a new one, for what takes its place."""
    mode = {"order_cancel_request_and_new_order_single_mode": "1", "cancel_cl_ord_id": None}
    mode |= {"order_rate_limit_exceeded_mode": None, "orig_cl_ord_id": target}
    if kind == "replace":
        return SimpleNamespace(**vars(away("")) | vars(order) | mode)
    if kind == "amend":
        return away(target, orig_cl_ord_id=target, order_qty=order.order_qty)
    return away(f"c{number}", orig_cl_ord_id=target)


@settings(max_examples=50, deadline=None)
@given(STEPS)
def test_money_is_conserved_and_every_order_ends_once(
    steps: list[tuple[str, int, str, int, int, str]],
) -> None:
    exchange = Exchange(INSTRUMENTS)
    accounts = [trader("a"), trader("b")]
    for account in accounts:
        account.balance("USDT").free = units("3000000")
    leaves: dict[tuple[str, str], str] = {}
    house = {"USDT": 0, "BTC": 0}
    for number, (kind, who, side, price, size, prevention) in enumerate(steps):
        account = accounts[who]
        limit: dict[str, str | None] = {"side": side, "order_qty": f"{size / 100:.2f}"}
        limit |= {"self_trade_prevention_mode": prevention}
        if kind in ("market", "cash"):
            if kind == "cash":
                limit |= {"order_qty": None, "cash_order_qty": str(size * 100)}
            order = market(f"o{number}", **limit)
        else:
            force = FORCES.get(kind)
            limit |= {"price": str(price), "time_in_force": force}
            limit |= {"exec_inst": None if force else "6"}
            limit |= {"max_floor": f"{size // 3 / 100 + 0.01:.2f}" if kind == "iceberg" else None}
            order = new(f"o{number}", **limit)
        if kind == "tick":
            answers = exchange.tick(NOW)
        elif kind in ("cancel", "replace", "amend"):
            if not account.by_client_id:
                continue
            target = sorted(account.by_client_id)[size % len(account.by_client_id)]
            request = about(kind, target, number, order)
            carry_out = {"replace": exchange.cancel_replace, "amend": exchange.amend}
            answers = answered(carry_out.get(kind, exchange.cancel)(account, request, NOW))
        else:
            answers = answered(exchange.new_order(account, order, NOW))
        for answer in answers:
            report = answer.values
            key = (answer.account.name, report.get("orig_cl_ord_id") or report["cl_ord_id"])
            if answer.kind != b"8" or report["exec_type"] == "8":
                continue
            assert (key in leaves) == (report["exec_type"] != "0")
            leaves[key] = report["ord_status"]
            if report["exec_type"] == "F":
                sign = 1 if report["side"] == BUY else -1
                house["BTC"] += sign * units(report["last_qty"])
                traded = units(report["last_px"]) * units(report["last_qty"]) // 10**8
                house["USDT"] -= sign * traded
            if report["ord_status"] in ("2", "4", "C"):
                del leaves[key]
        for resting in (one for each in accounts for one in each.by_client_id.values()):
            assert resting.locked == resting.worth(resting.leaves_qty)
            assert 0 < resting.visible_qty <= resting.leaves_qty
    for account in accounts:
        held = {key[1] for key in leaves if key[0] == account.name}
        assert held == set(account.by_client_id)
        for asset, balance in account.balances.items():
            locked = sum(
                order.locked
                for order in account.by_client_id.values()
                if order.locked_asset == asset
            )
            assert balance.locked == locked
            assert balance.free >= 0
    for asset, start in (("USDT", units("6000000")), ("BTC", units("20"))):
        total = sum(a.balance(asset).free + a.balance(asset).locked for a in accounts)
        assert total == start + house[asset]
