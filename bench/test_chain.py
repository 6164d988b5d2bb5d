"""The guard of the whole chain, as it runs in CI; see chain.py."""

from __future__ import annotations

import pytest

from bench import chain
from bench.figures import Run
from bench.guard import Unknown

SLOWDOWN = 1.2
LEAST, MIDDLE, MOST = (
    chain.Figures(1.14, 1.75, 0.1),
    chain.Figures(1.22, 1.90, 0.17),
    chain.Figures(1.26, 2.07, 0.25),
)


@pytest.mark.usefixtures("ends")
def test_the_engine_does_not_fall_behind_the_relay() -> None:
    try:
        found = chain.measured()
    except Unknown as problem:
        pytest.skip(f"the engine is not held against the relay: {problem}")
    assert chain.exceeded(found) == []


# What the guard makes of runs ---------------------------------------------------------------------


def runs(*p50_us: float, cpu: float = 1.0) -> list[Run]:
    """Rounds with these medians."""
    return [Run(one, 2 * one, 3 * one, one, cpu * one, {}) for one in p50_us]


BURSTS = runs(1.0)


def test_a_slowdown_trips_it_and_nothing_that_was_seen_does() -> None:
    for seen, trips in ((LEAST, 1), (MIDDLE, 2), (MOST, 2)):
        relay, bursts = runs(100.0), runs(100.0 * seen.p50 * seen.burst)
        cpu = seen.cpu / seen.p50
        engine, slower = (runs(100.0 * seen.p50 * times, cpu=cpu) for times in (1, SLOWDOWN))
        assert chain.exceeded(chain.figures(relay, engine, bursts)) == []
        assert len(chain.exceeded(chain.figures(relay, slower, bursts))) == trips


def test_a_burst_that_goes_one_by_one_trips_it() -> None:
    (found,) = chain.exceeded(chain.figures(runs(100.0), runs(110.0), runs(100.0)))
    assert found == "engine, an order of a burst to one alone: 0.91, at most 0.33"


def test_each_round_is_held_against_the_relay_of_that_round() -> None:
    found = chain.figures(runs(60.0, 100.0, 140.0), runs(120.0, 200.0, 300.0), BURSTS)
    assert (found.p50, found.cpu) == (2.0, 2.0)


@pytest.mark.parametrize("relay_us", [chain.RELAY_US[0] - 1, chain.RELAY_US[1] + 1])
def test_nothing_is_known_of_a_machine_that_is_another(relay_us: float) -> None:
    with pytest.raises(Unknown, match="the relay's trip takes"):
        chain.figures(runs(relay_us), runs(2 * relay_us), BURSTS)


def test_nothing_is_known_where_the_rounds_do_not_agree() -> None:
    with pytest.raises(Unknown, match="the rounds do not agree"):
        chain.figures(runs(100.0, 100.0), runs(200.0, 200.0 * chain.SPREAD_MAX + 1), BURSTS)


OVER = chain.Figures(1.42, 1.9, 0.1)


def test_one_run_over_a_limit_does_not_trip_it_and_three_do() -> None:
    later = [OVER, OVER, MIDDLE]
    assert chain.exceeded(chain.measured(lambda: later.pop(0), str)) == []
    later = [OVER, OVER._replace(p50=1.36), OVER, MIDDLE]
    (found,) = chain.exceeded(chain.measured(lambda: later.pop(0), str))
    assert found == "engine to relay, p50 of the ping-pong: 1.36, at most 1.35"
    assert later == [MIDDLE]


@pytest.mark.parametrize("at", range(2 * chain.RUNS))
def test_nothing_is_known_of_a_limit_that_is_exceeded_beside_a_loud_neighbour(at: int) -> None:
    said = [""] * 2 * chain.RUNS
    said[at] = "it is loud"
    with pytest.raises(Unknown, match=r"1\.42, at most 1\.35; but it is loud"):
        chain.measured(lambda: OVER, lambda: said.pop(0))
    assert chain.measured(lambda: MIDDLE, lambda: "it is loud") == MIDDLE


def test_a_run_whose_rounds_do_not_agree_is_made_again() -> None:
    later: list[chain.Figures | None]

    def run() -> chain.Figures:
        if (found := later.pop(0)) is None:
            raise Unknown("they do not agree")
        return found

    later = [None, OVER, None, MIDDLE]
    assert chain.exceeded(chain.measured(run, str)) == []
    assert later == []
    later = [OVER, None, OVER, None, OVER]
    assert len(chain.exceeded(chain.measured(run, str))) == 1
    later = [OVER, *[None] * chain.RUNS, None, OVER]
    with pytest.raises(Unknown, match="they do not agree"):
        chain.measured(run, str)
