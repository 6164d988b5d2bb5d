"""A cancel and a new order in its place, at the venue's exchange: each outcome of both halves."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fixengine.fix.dictionary import read
from fixengine.fix.dictionary.model import Dictionary
from fixengine.fix.venues.binance.tables import CANCEL_AND_NEW_ORDER
from fixengine.messages import NewOrderSingle, OrderUnknown, Side
from fixengine.simulator.accounts import Account
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.instruments import INSTRUMENTS, units
from fixengine.testing import SimulatedEngine
from test_exchange import NOW, SELL, TEN_SECONDS, complaint, new, trader
from venue_answers import answered, hold_against, request, told

STOP_ON_FAILURE, ALLOW_FAILURE = "1", "2"
BOTH = (STOP_ON_FAILURE, ALLOW_FAILURE)
TOO_MANY = "Too many new orders; current limit is 3 orders per 10 SECOND."
FUNDS = "Account has insufficient balance for requested action."


def replacing(mode: str = STOP_ON_FAILURE, **changes: str | None) -> SimpleNamespace:
    """Replace the order "old" by "new", a LIMIT GTC order to buy 0.002 BTCUSDT at 48000."""
    order = {"cl_ord_id": "new", "symbol": "BTCUSDT", "side": "1", "ord_type": "2"}
    order |= {"order_qty": "0.002", "price": "48000", "time_in_force": "1"}
    order |= {"order_cancel_request_and_new_order_single_mode": mode, "orig_cl_ord_id": "old"}
    return SimpleNamespace(**vars(request(CANCEL_AND_NEW_ORDER, **order)) | changes)


@pytest.fixture
def official(shared_data: Path) -> Dictionary:
    return read((shared_data / "spot-fix-oe.xml").read_bytes())


@pytest.fixture
def account() -> Account:
    return trader(unfilled_orders=(TEN_SECONDS,))


@pytest.fixture
def exchange(account: Account) -> Exchange:
    """With the order "old" in the book, the account's first of three in this window."""
    exchange = Exchange(INSTRUMENTS)
    answered(exchange.new_order(account, new("old"), NOW))
    return exchange


def open_ids(account: Account) -> list[str]:
    return list(account.by_client_id)


CANCELED = {150: "4", 11: "new", 41: "old"}
UNKNOWN = {11: "new", 434: "1", 25016: "-2011", 58: "Unknown order sent."}
ACCEPTED = {150: "0", 11: "new"}
REFUSED = {150: "8", 11: "new", 25016: "-2010", 58: FUNDS}
TAGS = 11, 41, 150, 434, 25016, 58
DEAR = {"order_qty": "30"}


@pytest.mark.parametrize(
    ("mode", "changes", "expected", "left"),
    [
        *((mode, {}, [CANCELED, ACCEPTED], ["new"]) for mode in BOTH),
        *((mode, DEAR, [CANCELED, REFUSED], []) for mode in BOTH),
        (STOP_ON_FAILURE, {"orig_cl_ord_id": "no"}, [UNKNOWN | {41: "no"}], ["old"]),
        (
            ALLOW_FAILURE,
            {"orig_cl_ord_id": "no"},
            [UNKNOWN | {41: "no"}, ACCEPTED],
            ["old", "new"],
        ),
        (STOP_ON_FAILURE, DEAR | {"orig_cl_ord_id": "no"}, [UNKNOWN | {41: "no"}], ["old"]),
        (ALLOW_FAILURE, DEAR | {"orig_cl_ord_id": "no"}, [UNKNOWN | {41: "no"}, REFUSED], ["old"]),
    ],
)
def test_each_half_is_answered_by_itself(
    exchange: Exchange,
    account: Account,
    official: Dictionary,
    mode: str,
    changes: dict[str, str],
    expected: list[dict[int, str]],
    left: list[str],
) -> None:
    answers = answered(exchange.cancel_replace(account, replacing(mode, **changes), NOW))
    hold_against(official, answers)
    assert [told(answer, *TAGS) for answer in answers] == expected
    assert all(answer.ack for answer in answers)
    assert [answer.push for answer in answers] == [25016 not in one for one in expected]
    assert open_ids(account) == left
    assert len(exchange.markets["BTCUSDT"].book) == len(left)
    # Whether or not the new order was attempted.
    assert account.unfilled.counts(NOW) == [(TEN_SECONDS, 2)]


def test_the_money_of_the_old_order_is_there_for_the_new_one(
    exchange: Exchange, account: Account
) -> None:
    account.balance("USDT").free = units("50")
    answers = answered(exchange.cancel_replace(account, replacing(), NOW))
    assert [told(answer, 150)[150] for answer in answers] == ["4", "0"]
    assert account.balance("USDT").locked == units("96")


def test_a_replacement_may_trade_at_once(exchange: Exchange, account: Account) -> None:
    other = trader("other")
    answered(exchange.new_order(other, new("offer", side=SELL, price="50000"), NOW))
    changes = {"ord_type": "1", "price": None, "time_in_force": None, "order_qty": "0.001"}
    answers = answered(exchange.cancel_replace(account, replacing(**changes), NOW))
    assert [told(one, 11, 150) for one in answers if one.account is account] == [
        {11: "new", 150: exec_type} for exec_type in "40F"
    ]


def test_the_cancel_may_have_an_id_and_conditions_of_its_own(
    exchange: Exchange, account: Account
) -> None:
    odd = {"cancel_cl_ord_id": "half", "cancel_restrictions": "2"}
    answers = answered(exchange.cancel_replace(account, replacing(**odd), NOW))
    assert [told(answer, *TAGS, 25002) for answer in answers] == [
        {
            11: "half",
            41: "old",
            25002: "2",
            434: "1",
            25016: "-2011",
            58: "Order was not canceled due to cancel restrictions.",
        }
    ]
    odd["cancel_restrictions"] = "1"
    answers = answered(exchange.cancel_replace(account, replacing(cl_ord_id="old", **odd), NOW))
    assert [told(answer, 11, 41, 150) for answer in answers] == [
        {11: "half", 41: "old", 150: "4"},
        {11: "old", 150: "0"},
    ]


@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"price": "48000.001"}, "-1013", "Filter failure: PRICE_FILTER"),
        ({"order_qty": "0.00001"}, "-1013", "Filter failure: NOTIONAL"),
        (
            {"self_trade_prevention_mode": "6"},
            "-1013",
            "This symbol does not allow the specified self-trade prevention mode.",
        ),
    ],
)
def test_filters_come_before_both_halves(
    exchange: Exchange,
    account: Account,
    official: Dictionary,
    mode: str,
    changes: dict[str, str],
    code: str,
    text: str,
) -> None:
    answers = answered(exchange.cancel_replace(account, replacing(mode, **changes), NOW))
    hold_against(official, answers)
    assert [told(answer, *TAGS) for answer in answers] == [
        {11: "new", 150: "8", 25016: code, 58: text}
    ]
    assert open_ids(account) == ["old"]
    assert account.unfilled.counts(NOW) == [(TEN_SECONDS, 1)]


def test_the_order_to_cancel_counts_among_the_open_ones(
    exchange: Exchange, account: Account
) -> None:
    account.open_count["BTCUSDT"] = INSTRUMENTS[0].orders_max
    (answer,) = answered(exchange.cancel_replace(account, replacing(ALLOW_FAILURE), NOW))
    assert told(answer, 58) == {58: "Filter failure: MAX_NUM_ORDERS"}


OVER = {150: "8", 11: "new", 25016: "-1015", 58: TOO_MANY}


@pytest.mark.parametrize(
    ("mode", "over", "target", "expected", "left"),
    [
        *((mode, over, "old", [OVER], 3) for mode in BOTH for over in (None, "1")),
        *((mode, "2", "old", [CANCELED, OVER], 2) for mode in BOTH),
        (STOP_ON_FAILURE, "2", "no", [UNKNOWN | {41: "no"}], 3),
        (ALLOW_FAILURE, "2", "no", [UNKNOWN | {41: "no"}, OVER], 3),
    ],
)
def test_with_too_many_orders_nothing_is_done_or_only_the_cancel(
    exchange: Exchange,
    account: Account,
    mode: str,
    over: str | None,
    target: str,
    expected: list[dict[int, str]],
    left: int,
) -> None:
    for name in ("b", "c"):
        answered(exchange.new_order(account, new(name), NOW))
    changes = {"order_rate_limit_exceeded_mode": over, "orig_cl_ord_id": target}
    answers = answered(exchange.cancel_replace(account, replacing(mode, **changes), NOW))
    assert [told(answer, *TAGS) for answer in answers] == expected
    assert len(open_ids(account)) == left
    assert account.unfilled.counts(NOW) == [(TEN_SECONDS, 3)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"symbol": "NOPE"}, (-1121, 5, 55)),
        ({"orig_cl_ord_id": None}, (-1102, 1, 37)),
        ({"order_qty": None}, (-1102, 1, 38)),
        ({"price": "1.000000001"}, (-1111, 99, 44)),
        ({"exec_inst": "6"}, (-1114, 99, 59)),
    ],
)
def test_what_does_not_stand_together_is_rejected(
    exchange: Exchange, account: Account, changes: dict[str, str | None], expected: Any
) -> None:
    assert complaint(exchange.cancel_replace(account, replacing(**changes), NOW)) == expected
    assert open_ids(account) == ["old"]


# --- the whole way ----------------------------------------------------------------------------


def buy(price: str) -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.010", price)


@pytest.mark.parametrize("rejected", [False, True])
def test_a_strategy_replaces_an_order(rejected: bool) -> None:
    with SimulatedEngine() as engine:
        client = engine.client()
        old = client.submit(buy("49000"))
        list(client.reports(timeout=1))
        if rejected:
            engine.venue.reject_when(lambda order: order.price == "48000", text="Not now.")
        fresh = client.cancel_replace(old, buy("48000"), cancel_cl_ord_id="half")
        gone, answer = client.reports(timeout=1)
        assert (gone.exec_type, gone.cl_ord_id, gone.orig_cl_ord_id) == ("4", "half", old)
        assert (answer.exec_type, answer.cl_ord_id) == ("8" if rejected else "0", fresh)
        assert [one.price for one in engine.venue.orders] == (
            [] if rejected else ["48000.00000000"]
        )
        assert [one.cl_ord_id for one in client.snapshot().orders] == ([] if rejected else [fresh])
        assert client.unanswered == ()


@pytest.mark.parametrize("form", ["reject", "report"])
@pytest.mark.parametrize("carry", ["always", "never"])
def test_what_became_of_a_replacement_may_be_lost(form: str, carry: str) -> None:
    with SimulatedEngine() as engine:
        client = engine.client()
        old = client.submit(buy("49000"))
        list(client.reports(timeout=1))
        engine.venue.fault("unknown-outcome", form=form, carry=carry)
        fresh = client.cancel_replace(old, buy("48000"))
        unknown = [one for one in client.reports(timeout=30) if isinstance(one, OrderUnknown)]
        assert fresh in [one.cl_ord_id for one in unknown]
        done = carry == "always"
        assert [one.price for one in engine.venue.orders] == [
            "48000.00000000" if done else "49000.00000000"
        ]
        # REST has told how they stand.
        assert [one.cl_ord_id for one in client.snapshot().orders] == [fresh if done else old]
