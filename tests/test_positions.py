"""Sums of fills: exact, by strategy and symbol, of one day, and over restarts."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from fixengine import wire
from fixengine.desk.positions import DAY_NS, Positions, plain, units
from fixengine.messages import ExecutionReport, MiscFee, Position
from hypothesis import given
from hypothesis import strategies as st

TODAY = 20_000 * DAY_NS


def fill(side: str, last_qty: str, last_px: str, *fees: tuple[str, str]) -> ExecutionReport:
    ids = "o", None, "w", None
    report = ExecutionReport(1, 1, "ME", False, 1, *ids, "BNBUSDT", "F", "1")
    report.side, report.last_qty, report.last_px = side, last_qty, last_px
    report.misc_fees = tuple(MiscFee(*fee) for fee in fees)
    return report


def test_fills_sum_up_by_side_with_their_fees() -> None:
    positions = Positions()
    positions.fill(1, fill("1", "2", "600.5", ("0.002", "BNB")), TODAY)
    positions.fill(1, fill("1", "1", "600", ("0.001", "BNB"), ("0.5", "USDT")), TODAY + 1)
    positions.fill(1, fill("2", "0.5", "610.00000001", ("0.3", "USDT")), TODAY + 2)
    positions.fill(2, fill("2", "9", "1"), TODAY)
    (position,) = positions.of(1, TODAY)
    assert position == Position(
        "BNBUSDT",
        "3.00000000",
        "0.50000000",
        "1801.0000000000000000",
        "305.0000000050000000",
        (("BNB", "0.00300000"), ("USDT", "0.80000000")),
    )
    assert position.net("BNB") == Decimal("2.497")
    assert position.net("USDT") == Decimal("1.7"), "the caller says which asset is the base"


def test_a_new_day_begins_with_nothing() -> None:
    positions = Positions()
    positions.fill(1, fill("1", "2", "1"), TODAY)
    assert positions.of(1, TODAY + DAY_NS - 1) != ()
    assert positions.of(1, TODAY + DAY_NS) == ()
    positions.fill(1, fill("1", "3", "1"), TODAY + DAY_NS)
    # The clock was set back over midnight: what was counted stays.
    positions.fill(1, fill("1", "4", "1"), TODAY + DAY_NS - 1)
    assert positions.of(1, TODAY + DAY_NS)[0].bought == "7.00000000"


@pytest.mark.parametrize("name", ["last_qty", "last_px"])
def test_an_amount_that_cannot_be_counted_counts_nothing(name: str) -> None:
    positions = Positions()
    bad = fill("1", "1", "1")
    setattr(bad, name, "0.123456789")
    with pytest.raises(wire.LocalProtocolError, match="more than 8 decimals"):
        positions.fill(1, bad, TODAY)
    assert positions.of(1, TODAY) == ()


AMOUNTS = st.integers(1, 10**17).map(lambda value: plain(value, 8))


@given(st.lists(st.tuples(st.sampled_from("12"), AMOUNTS, AMOUNTS, AMOUNTS), max_size=8))
def test_sums_are_exact_and_survive_a_restart(fills: list[tuple[str, str, str, str]]) -> None:
    positions = Positions()
    for side, quantity, price, fee in fills:
        positions.fill(1, fill(side, quantity, price, (fee, "BNB")), TODAY)
    again = Positions()
    again.restore(positions.day, positions.carry())
    assert again.of(1, TODAY) == positions.of(1, TODAY)
    for position in again.of(1, TODAY):
        for side, base, quote in (
            ("1", position.bought, position.paid),
            ("2", position.sold, position.received),
        ):
            mine = [(Fraction(q), Fraction(p)) for at, q, p, _ in fills if at == side]
            assert Fraction(base) == sum(quantity for quantity, _ in mine)
            assert Fraction(quote) == sum(quantity * price for quantity, price in mine)
        assert Fraction(dict(position.fees)["BNB"]) == sum(Fraction(one[3]) for one in fills)


@pytest.mark.parametrize("value", [0, 5, -5, 10**8, -(10**8) - 1, 10**30])
def test_text_of_any_size_and_back(value: int) -> None:
    assert units(plain(value, 8), 8) == value
    assert Fraction(plain(value, 8)) == Fraction(value, 10**8)
