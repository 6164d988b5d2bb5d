"""Self-trade prevention at the venue's exchange: each mode, and each kind of taker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fixengine.fix.dictionary import read
from fixengine.fix.dictionary.model import Dictionary
from fixengine.messages import NewOrderSingle, SelfTradePreventionMode, Side
from fixengine.simulator.accounts import Account
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.feed import execution_event
from fixengine.simulator.instruments import INSTRUMENTS, units
from fixengine.simulator.reports import Answer
from fixengine.testing import SimulatedEngine
from test_exchange import NOW, SELL, kinds, market, new, trader
from test_exchange_amending import smaller
from venue_answers import answered, hold_against, told

NONE, EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH, DECREMENT, TRANSFER = "123456"
PRICE = "50000"


@pytest.fixture
def official(shared_data: Path) -> Dictionary:
    return read((shared_data / "spot-fix-oe.xml").read_bytes())


@pytest.fixture
def account() -> Account:
    return trader()


def with_offers(
    account: Account, own: str = "0.3", others: str = "0.1", **choices: str
) -> Exchange:
    """An own offer "own" and behind it somebody else's, both at 50000."""
    wanted = {name.replace("_", "-"): way for name, way in choices.items()}
    exchange = Exchange(INSTRUMENTS, choices=wanted)
    offer = new("own", side=SELL, price=PRICE, order_qty=own)
    answered(exchange.new_order(account, offer, NOW))
    offer = new("others", side=SELL, price=PRICE, order_qty=others)
    answered(exchange.new_order(trader("others"), offer, NOW))
    return exchange


def bid(exchange: Exchange, account: Account, mode: str, **changes: str | None) -> list[Answer]:
    """Bid 0.2 at 50000; what the account is told."""
    order = new("bid", price=PRICE, order_qty="0.2", self_trade_prevention_mode=mode)
    for name, value in changes.items():
        setattr(order, name, value)
    answers = answered(exchange.new_order(account, order, NOW))
    return [answer for answer in answers if answer.account is account]


def outline(answers: list[Answer]) -> list[tuple[str, ...]]:
    """(ClOrdID, ExecType, OrdStatus, LeavesQty) of each report, quantities without zeros."""
    return [
        (one[11], one[150], one[39], one[151].rstrip("0").rstrip("."))
        for one in (told(answer) for answer in answers)
    ]


NEW = ("bid", "0", "0", "0.2")
EXPECTED = {
    NONE: [NEW, ("bid", "F", "2", "0"), ("own", "F", "1", "0.1")],
    EXPIRE_TAKER: [NEW, ("bid", "C", "C", "0")],
    EXPIRE_MAKER: [NEW, ("own", "C", "C", "0"), ("bid", "F", "1", "0.1")],
    EXPIRE_BOTH: [NEW, ("bid", "C", "C", "0"), ("own", "C", "C", "0")],
    DECREMENT: [NEW, ("bid", "C", "C", "0"), ("own", "C", "0", "0.1")],
}
LEFT = {NONE: ["own"], EXPIRE_TAKER: ["own"], EXPIRE_MAKER: ["bid"], EXPIRE_BOTH: []}
LOCKED = {
    NONE: ("0", "0.1"),
    EXPIRE_TAKER: ("0", "0.3"),
    EXPIRE_MAKER: ("5000", "0"),
    EXPIRE_BOTH: ("0", "0"),
    DECREMENT: ("0", "0.1"),
}


@pytest.mark.parametrize("mode", EXPECTED)
def test_each_mode_ends_what_it_says(account: Account, official: Dictionary, mode: str) -> None:
    exchange = with_offers(account)
    answers = bid(exchange, account, mode)
    hold_against(official, answers)
    assert outline(answers) == EXPECTED[mode]
    assert list(account.by_client_id) == LEFT.get(mode, ["own"])
    quote, base = LOCKED[mode]
    assert account.balance("USDT").locked == units(quote)
    assert account.balance("BTC").locked == units(base)
    others_left = mode != EXPIRE_MAKER
    assert len(exchange.markets["BTCUSDT"].book) == len(account.by_client_id) + others_left


def test_both_sides_are_told_of_the_same_match_that_was_not(account: Account) -> None:
    exchange = with_offers(account)
    _, taker, maker = bid(exchange, account, DECREMENT)
    tags = range(25024, 25032)
    event = {25024: "1", 25025: "50000.00000000", 25026: "0.20000000", 25027: "-1"}
    event |= {25028: "BTCUSDT", 25030: "0.20000000", 25031: "0.20000000"}
    assert told(taker, *tags) == event | {25029: "1000001"}
    assert told(maker, *tags) == event | {25029: "1000003"}
    assert told(maker, 38, 14, 636, 1057) == {
        38: "0.30000000",
        14: "0.00000000",
        636: "Y",
        1057: "Y",
    }
    assert not (taker.ack or maker.ack) and taker.push and maker.push
    # Quantity, traded, and prevented make what is left, also in later reports.
    taker, maker = bid(exchange, account, NONE, order_qty="0.05")[1:]
    assert told(maker, 38, 14, 151, *tags) == {
        38: "0.30000000",
        14: "0.05000000",
        151: "0.05000000",
        25030: "0.20000000",
    }
    (_, maker) = bid(exchange, account, EXPIRE_MAKER, order_qty="0.0002", price="50000.5")[:2]
    assert told(maker, 25024, 25026, 25030, 25031) == {
        25024: "2",
        25026: "0.00020000",
        25030: "0.25000000",
        25031: "0.05000000",
    }


@pytest.mark.parametrize(("way", "exec_type"), [("replaced", "5"), ("silent", None)])
def test_how_a_survivor_is_told_is_a_choice(
    account: Account, official: Dictionary, way: str, exec_type: str | None
) -> None:
    exchange = with_offers(account, prevention_survivor=way)
    answers = bid(exchange, account, DECREMENT)
    hold_against(official, answers)
    survivor = [("own", exec_type, "0", "0.1")] if exec_type else []
    assert outline(answers) == [NEW, ("bid", "C", "C", "0"), *survivor]


def test_a_taker_that_lives_on_trades_with_the_others(account: Account) -> None:
    exchange = with_offers(account, own="0.15")
    assert outline(bid(exchange, account, DECREMENT)) == [
        NEW,
        ("bid", "C", "0", "0.05"),
        ("own", "C", "C", "0"),
        ("bid", "F", "2", "0"),
    ]
    assert account.balance("USDT").locked == account.balance("BTC").locked == 0


def test_equal_orders_end_each_other(account: Account) -> None:
    exchange = with_offers(account, own="0.2")
    assert outline(bid(exchange, account, DECREMENT))[1:] == [
        ("bid", "C", "C", "0"),
        ("own", "C", "C", "0"),
    ]


IOC = {"time_in_force": "3"}
FOK = {"time_in_force": "4", "order_qty": "0.1"}
MARKET = {"ord_type": "1", "price": None, "time_in_force": None}
CASH = MARKET | {"order_qty": None, "cash_order_qty": "5000"}


@pytest.mark.parametrize(
    ("mode", "changes", "expected", "reason"),
    [
        (EXPIRE_MAKER, IOC, ["0 0", "C C", "F 1", "C C"], "5"),
        (EXPIRE_MAKER, MARKET, ["0 0", "C C", "F 1", "C C"], "7"),
        (EXPIRE_TAKER, MARKET, ["0 0", "C C"], None),
        (DECREMENT, MARKET | {"order_qty": "0.35"}, ["0 0", "C 0", "C C", "F 2"], None),
        (DECREMENT, MARKET | {"order_qty": "0.5"}, ["0 0", "C 0", "C C", "F 1", "C C"], "7"),
        (EXPIRE_MAKER, CASH, ["0 0", "C C", "F 2"], None),
        (EXPIRE_TAKER, CASH, ["0 0", "C C"], None),
        (EXPIRE_MAKER, FOK, ["0 0", "C C", "F 2"], None),
        (EXPIRE_MAKER, FOK | {"order_qty": "0.2"}, ["0 0", "C C"], "6"),
        *((mode, FOK, ["0 0", "C C"], "6") for mode in (EXPIRE_TAKER, EXPIRE_BOTH, DECREMENT)),
    ],
)
def test_takers_that_do_not_rest(
    account: Account, mode: str, changes: dict[str, Any], expected: list[str], reason: str | None
) -> None:
    exchange = with_offers(account)
    answers = bid(exchange, account, mode, **changes)
    assert [" ".join(kind) for kind in kinds(answers)] == expected
    assert answers[-1].values.get("expiry_reason") == reason
    assert "bid" not in account.by_client_id
    assert account.balance("USDT").locked == 0
    assert account.balance("BTC").locked == sum(
        order.leaves_qty for order in account.by_client_id.values()
    )


def test_a_market_order_locks_what_it_pays_to_others(account: Account) -> None:
    exchange = with_offers(account)
    dear = new("dear", side=SELL, price="60000", order_qty="0.1")
    answered(exchange.new_order(trader("others"), dear, NOW))
    account.balance("USDT").free = units("10999")
    short = bid(exchange, account, EXPIRE_MAKER, **MARKET)
    assert told(short[0], 58) == {58: "Account has insufficient balance for requested action."}
    account.balance("USDT").free = units("11000")
    bid(exchange, account, EXPIRE_MAKER, **MARKET)
    assert (account.balance("USDT").free, account.balance("USDT").locked) == (0, 0)


@pytest.mark.parametrize(
    ("mode", "paid", "quantity"),
    [
        (EXPIRE_TAKER, "0", "0.2"),
        (EXPIRE_BOTH, "0", "0.2"),
        (DECREMENT, "0", "0.2"),
        (DECREMENT, "5000", "0.4"),
        (DECREMENT, "10999", "0.5"),
        (DECREMENT, "11000", "0.5"),
    ],
)
def test_a_market_order_needs_no_money_for_what_prevention_keeps_from_it(
    account: Account, mode: str, paid: str, quantity: str
) -> None:
    exchange = with_offers(account)
    dear = new("dear", side=SELL, price="60000", order_qty="0.1")
    answered(exchange.new_order(trader("others"), dear, NOW))
    account.balance("USDT").free = units(paid)
    answers = bid(exchange, account, mode, **(MARKET | {"order_qty": quantity}))
    is_refused = paid == "10999"
    assert kinds(answers)[0] == (("8", "8") if is_refused else ("0", "0"))
    text = "Account has insufficient balance for requested action."
    assert answers[0].values.get("text") == (text if is_refused else None)
    assert account.balance("USDT").free == (units(paid) if is_refused else 0)
    assert account.balance("USDT").locked == 0


def test_a_sale_at_the_market_is_a_mirror(account: Account) -> None:
    exchange = Exchange(INSTRUMENTS)
    answered(exchange.new_order(account, new("own", price=PRICE, order_qty="0.3"), NOW))
    sale = market("sale", side=SELL, order_qty="0.2", self_trade_prevention_mode=DECREMENT)
    answers = answered(exchange.new_order(account, sale, NOW))
    assert outline(answers)[1:] == [("sale", "C", "C", "0"), ("own", "C", "0", "0.1")]
    assert account.balance("USDT").locked == units("5000")
    assert account.balance("BTC").locked == 0


def test_an_iceberg_is_decremented_slice_by_slice(account: Account) -> None:
    exchange = Exchange(INSTRUMENTS)
    offer = new("own", side=SELL, price=PRICE, order_qty="0.3", max_floor="0.1")
    answered(exchange.new_order(account, offer, NOW))
    other = new("others", side=SELL, price=PRICE, order_qty="0.1")
    answered(exchange.new_order(trader("others"), other, NOW))
    assert outline(bid(exchange, account, DECREMENT))[1:] == [
        ("bid", "C", "0", "0.1"),
        ("own", "C", "0", "0.2"),
        ("bid", "F", "2", "0"),
    ]


def test_an_amend_counts_what_was_prevented(account: Account) -> None:
    exchange = with_offers(account)
    bid(exchange, account, DECREMENT)
    amend = smaller("0.25", orig_cl_ord_id="own", cl_ord_id="own")
    (answer,) = answered(exchange.amend(account, amend, NOW))
    assert told(answer, 38, 151, 25030) == {
        38: "0.25000000",
        151: "0.05000000",
        25030: "0.20000000",
    }
    assert account.balance("BTC").locked == units("0.05")


def test_a_post_only_order_is_refused_all_the_same(account: Account) -> None:
    exchange = with_offers(account)
    maker = {"exec_inst": "6", "time_in_force": None}
    (answer,) = bid(exchange, account, EXPIRE_MAKER, **maker)
    assert told(answer, 58) == {58: "Order would immediately match and take."}


# --- the whole way ----------------------------------------------------------------------------


def test_the_stream_tells_of_it_in_its_own_words(account: Account) -> None:
    exchange = with_offers(account)
    _, taker, maker = (
        execution_event(answer.values, NOW, NOW) for answer in bid(exchange, account, DECREMENT)
    )
    names = ("x", "X", "v", "A", "B", "u", "U", "Cs", "pl", "pL", "pY", "l")
    same = ["BTCUSDT", "0.20000000", "50000.00000000", "10000.00000000", "0.00000000"]
    lost = ["0.20000000", "0.20000000", -1]
    assert [taker[name] for name in names] == [
        *("TRADE_PREVENTION", "EXPIRED_IN_MATCH", 1, *lost, 1_000_001, *same)
    ]
    assert [maker[name] for name in names] == [
        *("TRADE_PREVENTION", "NEW", 1, *lost, 1_000_003, *same)
    ]


def test_a_strategy_does_not_trade_with_itself() -> None:
    with SimulatedEngine(house=False, config={"sources": {"user_data": True}}) as engine:
        client = engine.client()
        mode = SelfTradePreventionMode.DECREMENT
        limit = NewOrderSingle.limit
        resting = client.submit(limit("BTCUSDT", Side.SELL, "0.010", PRICE))
        list(client.reports(timeout=1))
        taking = client.submit(
            limit("BTCUSDT", Side.BUY, "0.004", PRICE, self_trade_prevention_mode=mode)
        )
        events: list[Any] = list(client.reports(timeout=1))
        assert [(one.cl_ord_id, one.exec_type, one.ord_status) for one in events] == [
            (taking, "0", "0"),
            (taking, "C", "C"),
            (resting, "C", "0"),
        ]
        assert events[1].prevented_match_id == events[2].prevented_match_id == "1"
        assert [one.cl_ord_id for one in client.snapshot().orders] == [resting]
        told = engine.venue.call("order", {"symbol": "BTCUSDT", "orderId": events[1].order_id})
        assert (told["status"], told["preventedMatchId"]) == ("EXPIRED_IN_MATCH", 1)
        assert told["preventedQuantity"] == "0.00400000"
        engine.venue.buy("0.006", PRICE)
        (answer,) = client.reports(timeout=1)
        assert (answer.cl_ord_id, answer.ord_status, answer.cum_qty) == (
            resting,
            "2",
            "0.00600000",
        )
        assert engine.venue.orders == []


@pytest.mark.parametrize("makers", [DECREMENT, TRANSFER, NONE])
def test_a_transfer_within_an_account_takes_off_both(makers: str) -> None:
    other = "这是测试币456"
    exchange = Exchange(INSTRUMENTS)
    account = Account("a", {"456": units("1000"), "这是测试币": units("1000")})

    def place(name: str, side: str, quantity: str, mode: str) -> list[Answer]:
        order = new(name, symbol=other, side=side, price="1", order_qty=quantity)
        order.self_trade_prevention_mode = mode
        return answered(exchange.new_order(account, order, NOW))

    place("own", SELL, "300", makers)
    told_of = place("bid", "1", "200", TRANSFER)
    assert outline(told_of) == [
        ("bid", "0", "0", "200"),
        ("bid", "C", "C", "0"),
        ("own", "C", "0", "100"),
    ]
    assert account.balance("这是测试币").locked == units("100")
    assert account.balance("456").locked == 0
