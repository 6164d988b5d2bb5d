"""Icebergs at the venue's exchange: a slice is shown, and the next one stands behind the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixengine.fix.dictionary import read
from fixengine.messages import NewOrderSingle, Side
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.instruments import INSTRUMENTS
from fixengine.simulator.reports import Answer
from fixengine.testing import SimulatedEngine
from test_exchange import NOW, SELL, new, trader
from test_exchange_amending import smaller
from venue_answers import answered, hold_against, told

PRICE = "50000"


@pytest.fixture
def exchange() -> Exchange:
    """A book without others."""
    return Exchange(INSTRUMENTS)


def sweep(exchange: Exchange, quantity: str, **changes: str) -> list[tuple[str, str]]:
    """Somebody sells: (client id, LastQty) of each maker in the order in which they traded."""
    taker = new("t", side=SELL, price=PRICE, order_qty=quantity, **changes)
    answers = answered(exchange.new_order(trader("taker"), taker, NOW))
    makers = [told(answer, 11, 32) for answer in answers if answer.account.name != "taker"]
    return [(maker[11], maker[32].rstrip("0")) for maker in makers]


def iceberg(exchange: Exchange, quantity: str = "0.5", max_floor: str = "0.2") -> list[Answer]:
    order = new("ice", price=PRICE, order_qty=quantity, max_floor=max_floor)
    return answered(exchange.new_order(trader("maker"), order, NOW))


def test_a_slice_is_traded_and_the_next_one_is_last(exchange: Exchange, shared_data: Path) -> None:
    answers = iceberg(exchange)
    hold_against(read((shared_data / "spot-fix-oe.xml").read_bytes()), answers)
    assert told(answers[0], 111, 38, 151) == {
        111: "0.20000000",
        38: "0.50000000",
        151: "0.50000000",
    }
    answered(exchange.new_order(trader("other"), new("o", price=PRICE, order_qty="0.1"), NOW))
    assert sweep(exchange, "0.05") == [("ice", "0.05")]
    assert sweep(exchange, "0.2") == [("ice", "0.15"), ("o", "0.05")]
    answered(exchange.new_order(trader("late"), new("l", price=PRICE, order_qty="0.1"), NOW))
    # Its second slice stands before who came later, its last one, 0.1, behind.
    assert sweep(exchange, "0.45") == [("o", "0.05"), ("ice", "0.2"), ("l", "0.1"), ("ice", "0.1")]
    assert len(exchange.markets["BTCUSDT"].book) == 0


def test_what_is_hidden_counts_for_who_takes_all_or_nothing(exchange: Exchange) -> None:
    iceberg(exchange)
    assert sweep(exchange, "0.51", time_in_force="4") == []
    filled = sweep(exchange, "0.5", time_in_force="4")
    assert filled == [("ice", "0.2"), ("ice", "0.2"), ("ice", "0.1")]


def test_an_iceberg_takes_first_and_then_shows_a_whole_slice(exchange: Exchange) -> None:
    answered(
        exchange.new_order(trader("s"), new("s", side=SELL, price=PRICE, order_qty="0.3"), NOW)
    )
    first, trade, _ = iceberg(exchange)
    assert (told(first, 150), told(trade, 150, 32)) == ({150: "0"}, {150: "F", 32: "0.30000000"})
    answered(exchange.new_order(trader("other"), new("o", price=PRICE, order_qty="0.1"), NOW))
    assert sweep(exchange, "0.25") == [("ice", "0.2"), ("o", "0.05")]


def test_an_amend_shrinks_a_slice_only_below_its_size(exchange: Exchange) -> None:
    account = trader("maker")
    for name, quantity in (("a", "0.5"), ("o", "0.1")):
        max_floor = "0.2" if name == "a" else None
        order = new(name, price=PRICE, order_qty=quantity, max_floor=max_floor)
        answered(exchange.new_order(account, order, NOW))
    (answer,) = answered(exchange.amend(account, smaller("0.3", cl_ord_id="a"), NOW))
    assert told(answer, 38, 111) == {38: "0.30000000", 111: "0.20000000"}
    (answer,) = answered(exchange.amend(account, smaller("0.15", cl_ord_id="a"), NOW))
    assert told(answer, 38, 111) == {38: "0.15000000", 111: "0.15000000"}
    assert sweep(exchange, "0.25") == [("a", "0.15"), ("o", "0.1")]


def test_a_hundred_slices_are_not_too_many(exchange: Exchange) -> None:
    assert told(iceberg(exchange, "1", "0.01")[0], 150) == {150: "0"}


def test_the_house_fills_an_iceberg_beyond_its_slice() -> None:
    with SimulatedEngine(house=False) as engine:
        client = engine.client()
        order = NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.010", "49000", max_floor="0.004")
        name = client.submit(order)
        (answer,) = client.reports(timeout=1)
        assert (answer.max_floor, answer.leaves_qty) == ("0.00400000", "0.01000000")
        engine.venue.buy("0.001", "49000")
        engine.venue.fill(name, "0.005")
        engine.venue.sell("0.006", "49000")
        quantities = [one.last_qty for one in client.reports(timeout=1)]
        # Whoever stood behind it was next, and its last slice is what was left.
        assert quantities == ["0.00500000", "0.00400000", "0.00100000"]
        assert engine.venue.orders == []
        assert engine.venue.balance("USDT").locked == "0.00000000"
