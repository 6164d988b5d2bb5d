"""A budget never allows more than the venue would, however the venue aligns its windows."""

from __future__ import annotations

import pytest
from fixengine.desk.limits import SESSION, Budget
from hypothesis import given
from hypothesis import strategies as st


@given(
    st.integers(1, 20),
    st.integers(50, 5000),
    st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=120),
)
def test_no_interval_holds_more_than_the_limit(
    count_max: int, interval_ns: int, steps: list[tuple[int, bool]]
) -> None:
    budget = Budget(count_max, interval_ns, 0)
    now = 0
    used: list[int] = []
    for step, patient in steps:
        now += step
        wait = budget.wait_ns(now, 1)
        if wait and patient:
            now += wait
            assert budget.wait_ns(now, 1) == 0, "the wait that was told is enough"
            wait = 0
        if not wait:
            budget.use(now, 1)
            used.append(now)
    for index, first in enumerate(used):
        inside = [at for at in used[index:] if at - first <= interval_ns]
        assert len(inside) <= count_max


def test_the_reserve_is_for_the_urgent() -> None:
    budget = Budget(10, 1000, 20)
    for _ in range(8):
        budget.use(0, 1)
    assert budget.wait_ns(0, 1) > 0
    assert budget.wait_ns(0, 1, urgent=True) == 0
    budget.use(0, 1)
    budget.use(0, 1)
    assert budget.wait_ns(0, 1, urgent=True) > 0


@pytest.mark.parametrize(
    ("count_max", "ordinary", "urgent"),
    [(2, 1, 0), (3, 1, 1), (5, 3, 1), (19, 17, 1), (20, 18, 1), (60, 57, 2)],
)
def test_a_small_limit_keeps_one_for_the_session_and_one_for_cancels(
    count_max: int, ordinary: int, urgent: int
) -> None:
    budget = Budget(count_max, 1000, 5, share_percent=10)
    for _ in range(ordinary):
        assert budget.wait_ns(0, 1) == 0
        budget.use(0, 1)
    assert budget.wait_ns(0, 1) > 0
    for _ in range(urgent):
        assert budget.wait_ns(0, 1, urgent=True) == 0
        budget.use(0, 1)
    assert budget.wait_ns(0, 1, urgent=True) > 0
    assert count_max - budget.used == 1


def test_a_share_of_a_small_limit_is_one_at_least() -> None:
    budget = Budget(4, 1000, 5, share_percent=10)
    budget.use(0, 1)
    assert budget.wait_ns(0, 2) == 0
    budget.use(0, 2)
    assert budget.wait_ns(0, 1) > 0


def test_the_wait_is_not_much_longer_than_needed() -> None:
    budget = Budget(1, 1000, 0)
    budget.use(0, 1)
    assert 1000 <= budget.wait_ns(0, 1) <= 1040


def test_the_sessions_own_messages_count_and_keep_a_part_of_the_reserve() -> None:
    budget = Budget(100, 1000, 20)
    for _ in range(96):
        budget.use(0, 1)
    assert budget.wait_ns(0, 1, urgent=True) > 0, "the last four are the session's"
    budget = Budget(10, 1000, 0)
    for _ in range(10):
        budget.use(0, SESSION)
    assert budget.wait_ns(0, 1) > 0


def test_one_user_cannot_take_all_from_another() -> None:
    budget = Budget(10, 1000, 0, share_percent=50)
    for _ in range(7):
        budget.use(0, 1)
    assert budget.wait_ns(0, 1) == 0, "alone it may"
    budget.use(0, 2)
    assert budget.wait_ns(0, 1) > 0
    assert budget.wait_ns(0, 2) == 0


def test_the_venues_word_raises_what_is_used_and_replaces_the_limit() -> None:
    budget = Budget(10, 1000, 20)
    budget.use(0, 1)
    assert not budget.adopt(10, 1000, 7, 0), "the same limit"
    assert budget.used == 7
    assert budget.wait_ns(0, 1) == 0
    budget.use(0, 1)
    assert budget.wait_ns(0, 1) > 0
    assert not budget.adopt(10, 1000, 0, 0)
    assert budget.used == 8, "what it says less of stays"
    assert budget.adopt(20, 2000, 1 << 40, 500)
    assert budget.wait_ns(500, 1) >= 2000
    assert budget.wait_ns(2700, 1) == 0
    with pytest.raises(ValueError, match="budget"):
        budget.adopt(0, 1000, 0, 2700)


@pytest.mark.parametrize(
    ("count_max", "interval_ns", "reserve"), [(0, 100, 0), (1, 1, 0), (1, 100, 100), (1, 100, -1)]
)
def test_nonsense_is_refused(count_max: int, interval_ns: int, reserve: int) -> None:
    with pytest.raises(ValueError, match="budget"):
        Budget(count_max, interval_ns, reserve)
