"""Nothing in the walk may grow with what is open, or with how many trade; in small."""

from __future__ import annotations

import pytest

from bench import scale


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan of all that is open would show in a tenth of the messages."""
    monkeypatch.setattr(scale, "MESSAGES", 200)


def test_a_report_costs_the_same_however_much_is_open() -> None:
    few, many = scale.report_costs((1, 20_000))
    assert many < 1.5 * few, f"{many:.1f} us instead of {few:.1f}"


def test_an_order_costs_the_same_however_many_trade() -> None:
    one, many = scale.trade_costs((scale.Walk(), scale.Walk(strategies=8)))
    assert many < 1.5 * one, f"{many:.1f} us instead of {one:.1f}"


def test_an_order_costs_the_same_however_many_sessions_carry() -> None:
    one, many = scale.trade_costs((scale.Walk(), scale.Walk(sessions=5)))
    assert many < 1.5 * one, f"{many:.1f} us instead of {one:.1f}"
