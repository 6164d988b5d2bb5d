"""A budget never allows more than the venue would, however the venue aligns its windows."""

from __future__ import annotations

import pytest
from fixengine.desk.limits import Budget
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
        wait = budget.wait_ns(now)
        if wait and patient:
            now += wait
            assert budget.wait_ns(now) == 0, "the wait that was told is enough"
            wait = 0
        if not wait:
            budget.use(now)
            used.append(now)
    for index, first in enumerate(used):
        inside = [at for at in used[index:] if at - first <= interval_ns]
        assert len(inside) <= count_max


def test_the_reserve_is_for_the_urgent() -> None:
    budget = Budget(10, 1000, 20)
    for _ in range(8):
        budget.use(0)
    assert budget.wait_ns(0) > 0
    assert budget.wait_ns(0, urgent=True) == 0
    budget.use(0)
    budget.use(0)
    assert budget.wait_ns(0, urgent=True) > 0


def test_the_wait_is_not_much_longer_than_needed() -> None:
    budget = Budget(1, 1000, 0)
    budget.use(0)
    assert 1000 <= budget.wait_ns(0) <= 1040


@pytest.mark.parametrize(
    ("count_max", "interval_ns", "reserve"), [(0, 100, 0), (1, 1, 0), (1, 100, 100), (1, 100, -1)]
)
def test_nonsense_is_refused(count_max: int, interval_ns: int, reserve: int) -> None:
    with pytest.raises(ValueError, match="budget"):
        Budget(count_max, interval_ns, reserve)
