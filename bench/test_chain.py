"""The guard of the whole chain, as it runs in CI; see chain.py."""

from __future__ import annotations

import pytest

from bench import chain
from bench.figures import Run
from bench.guard import Unknown

SLOWDOWN = 1.2
LEAST_SEEN, MOST_SEEN = 1.15, 1.25


@pytest.mark.usefixtures("ends")
def test_the_engine_does_not_fall_behind_the_relay() -> None:
    try:
        found = chain.measured()
    except Unknown as problem:
        pytest.skip(f"the ratio to the relay is not checked: {problem}")
    assert found <= chain.RATIO_MAX


# What the guard makes of runs ---------------------------------------------------------------------


def runs(*p50_us: float) -> list[Run]:
    """Rounds with these medians."""
    return [Run(one, 2 * one, 3 * one, one, one, {}) for one in p50_us]


def test_a_slowdown_trips_it_and_nothing_that_was_seen_does() -> None:
    for seen in (LEAST_SEEN, MOST_SEEN):
        assert chain.ratio(runs(100.0), runs(100.0 * seen)) <= chain.RATIO_MAX
        assert chain.ratio(runs(100.0), runs(100.0 * seen * SLOWDOWN)) > chain.RATIO_MAX


def test_each_round_is_held_against_the_relay_of_that_round() -> None:
    assert chain.ratio(runs(60.0, 100.0, 140.0), runs(120.0, 200.0, 300.0)) == 2.0


@pytest.mark.parametrize("relay_us", [chain.RELAY_US[0] - 1, chain.RELAY_US[1] + 1])
def test_nothing_is_known_of_a_machine_that_is_another(relay_us: float) -> None:
    with pytest.raises(Unknown, match="the relay's trip takes"):
        chain.ratio(runs(relay_us), runs(2 * relay_us))


def test_nothing_is_known_where_the_rounds_do_not_agree() -> None:
    with pytest.raises(Unknown, match="the rounds do not agree"):
        chain.ratio(runs(100.0, 100.0), runs(200.0, 200.0 * chain.SPREAD_MAX + 1))
