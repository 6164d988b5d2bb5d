"""The unfilled order count is never below the venue's, whatever the clock and the way there do."""

from __future__ import annotations

import random

import pytest
from fixengine.desk.unfilled import FILL_LAG_NS, GUARD_NS, Blocked, Told, Unfilled
from fixengine.fix.venue import Window
from fixengine.simulator.accounts import UnfilledOrders

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
SHORT = (5, 10 * SECOND_NS, "10 SECOND")
DAY = (12, DAY_NS, "1 DAY")
NOON = 20_000 * DAY_NS + 43_200 * SECOND_NS
MIDDLE = NOON + 5 * SECOND_NS


def placed(unfilled: Unfilled, now: int, count: int, user: int = 1) -> None:
    for _ in range(count):
        assert unfilled.blocked(now, user) is None
        unfilled.place(now, user)


def test_a_window_is_fixed_and_the_wait_leads_into_the_next() -> None:
    unfilled = Unfilled([SHORT, DAY])
    placed(unfilled, MIDDLE, 5)
    found = unfilled.blocked(MIDDLE, 1)
    assert found == Blocked(5, 5, "10 SECOND", 5 * SECOND_NS + GUARD_NS, False)
    assert unfilled.blocked(MIDDLE + found.wait_ns - 1, 1) is not None
    placed(unfilled, MIDDLE + found.wait_ns, 5)


def test_a_share_of_a_small_limit_is_one_at_least() -> None:
    unfilled = Unfilled([(2, 10 * SECOND_NS, "10 SECOND")], share_percent=10)
    for user in (1, 2):
        unfilled.blocked(MIDDLE, user)
    for user in (1, 2):
        placed(unfilled, MIDDLE, 1, user)
        assert unfilled.blocked(MIDDLE, user) is not None


def test_the_day_is_that_of_utc_and_stops_everything() -> None:
    unfilled = Unfilled([SHORT, DAY])
    for step in range(3):
        now = MIDDLE + step * 10 * SECOND_NS
        placed(unfilled, now, 4)
    found = unfilled.blocked(now, 1)
    assert found is not None
    assert (found.used, found.count_max, found.name) == (12, 12, "1 DAY")
    midnight = (now // DAY_NS + 1) * DAY_NS
    assert now + found.wait_ns == midnight + GUARD_NS
    placed(unfilled, midnight + 5 * SECOND_NS, 5)


def test_near_the_end_of_a_window_an_order_counts_in_both() -> None:
    unfilled = Unfilled([SHORT])
    placed(unfilled, NOON - GUARD_NS + 1, 5)
    assert unfilled.blocked(NOON + 5 * SECOND_NS, 1) is not None
    assert unfilled.blocked(NOON + 10 * SECOND_NS + GUARD_NS, 1) is None


def test_a_first_fill_takes_one_off_a_while_later() -> None:
    unfilled = Unfilled([SHORT])
    placed(unfilled, NOON + 2 * SECOND_NS, 5)
    unfilled.fill(NOON + 2 * SECOND_NS, 1, MIDDLE)
    assert unfilled.blocked(MIDDLE + FILL_LAG_NS - 1, 1) is not None
    placed(unfilled, MIDDLE + FILL_LAG_NS, 1)
    assert unfilled.blocked(MIDDLE + FILL_LAG_NS, 1) is not None, "one, and no more"


def test_a_fill_in_another_window_than_its_order_takes_nothing_off() -> None:
    unfilled = Unfilled([SHORT])
    placed(unfilled, MIDDLE, 1)
    later = MIDDLE + 10 * SECOND_NS
    placed(unfilled, later, 5)
    unfilled.fill(MIDDLE, 1, later)
    assert unfilled.blocked(later + FILL_LAG_NS, 1) is not None


def test_a_fill_near_the_end_of_a_window_takes_nothing_off() -> None:
    unfilled = Unfilled([SHORT])
    placed(unfilled, MIDDLE, 5)
    end = NOON + 10 * SECOND_NS
    unfilled.fill(MIDDLE, 1, end - GUARD_NS // 2)
    at = end - GUARD_NS // 2 + FILL_LAG_NS
    assert unfilled.blocked(at, 1) is not None, "the venue may have counted it off the next"


def test_what_never_left_is_taken_back() -> None:
    unfilled = Unfilled([SHORT])
    placed(unfilled, NOON, 5)
    unfilled.undo(NOON, 1)
    placed(unfilled, NOON, 1)
    assert unfilled.blocked(NOON, 1) is not None


def test_a_flood_leaves_room_for_others_that_want_to_order() -> None:
    unfilled = Unfilled([(10, 10 * SECOND_NS, "10 SECOND")], share_percent=50)
    placed(unfilled, MIDDLE, 10)
    assert unfilled.blocked(MIDDLE, 2) is not None
    later = MIDDLE + 10 * SECOND_NS
    placed(unfilled, later, 5)
    found = unfilled.blocked(later, 1)
    assert found is not None
    assert (found.used, found.count_max, found.is_share) == (5, 5, True)
    placed(unfilled, later, 5, user=2)


def test_the_venues_word_raises_counts_and_replaces_limits() -> None:
    unfilled = Unfilled([SHORT, DAY])
    before = unfilled.placed
    placed(unfilled, MIDDLE, 1)
    told = [Told(8, 10 * SECOND_NS, "10 SECOND", 6), Told(12, DAY_NS, "1 DAY", 0)]
    assert unfilled.adopt(told, before, MIDDLE) == ["8 per 10 SECOND instead of 5"]
    placed(unfilled, MIDDLE, 1)
    assert unfilled.blocked(MIDDLE, 1) is not None, "6, one since it was asked, and one more"
    unfilled.adopt(told, unfilled.placed, MIDDLE)
    assert unfilled.blocked(MIDDLE, 1) is not None, "what it says less of stays"
    minute = Told(3, 60 * SECOND_NS, "1 MINUTE", 3)
    changes = unfilled.adopt([minute], unfilled.placed, MIDDLE)
    assert changes == ["3 per 1 MINUTE is new", "no more limit per 10 SECOND", *changes[2:]]
    found = unfilled.blocked(MIDDLE, 1)
    assert found is not None
    assert found.name == "1 MINUTE"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Too many new orders; current limit is 5 orders per 10 SECOND.", "10 SECOND"),
        ("Too many new orders; current limit is 12 orders per 1 DAY.", "1 DAY"),
        ("Too many new orders.", "10 SECOND"),
    ],
)
def test_the_venues_refusal_fills_the_window_it_names(text: str, name: str) -> None:
    unfilled = Unfilled([DAY, SHORT])
    assert unfilled.exhaust(text, MIDDLE) == name
    found = unfilled.blocked(MIDDLE, 1)
    assert found is not None
    assert found.name == name
    assert Unfilled([]).exhaust(text, MIDDLE) == ""


@pytest.mark.parametrize("seed", range(60))
def test_the_venue_never_has_to_refuse(seed: int) -> None:
    """Against the built-in venue's own count, with a way there that takes up to the guard."""
    chance = random.Random(seed)
    windows = [Window(*SHORT), Window(40, 60 * SECOND_NS, "1 MINUTE")]
    unfilled = Unfilled(windows, share_percent=100)
    venue = UnfilledOrders(tuple(windows))
    # What it believes of the venue's clock may be wrong by a part of the guard, either way.
    wrong_ns = chance.randrange(-GUARD_NS // 3, GUARD_NS // 3)
    now, arrived = MIDDLE, 0
    open_orders: list[tuple[int, int]] = []
    for _ in range(400):
        now += chance.choice((0, 1, 50_000_000, SECOND_NS, 3 * SECOND_NS))
        if unfilled.blocked(now, 1) is None:
            unfilled.place(now, 1)
            at = max(arrived, now + wrong_ns + chance.randrange(GUARD_NS // 2))
            arrived = at
            assert venue.breached(at) is None
            venue.placed(at)
            open_orders.append((now, at))
        elif open_orders and chance.random() < 0.5:
            mine, at = open_orders.pop(chance.randrange(len(open_orders)))
            filled = max(arrived, now + wrong_ns)
            arrived = filled
            venue.filled(chance.choice((1, 5)), filled)
            now = max(now, filled - wrong_ns)
            unfilled.fill(mine, 1, now)
    assert unfilled.placed > 60
