"""Garbage is looked for in quiet seconds, where there is little to look through."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import closing

import pytest
from fixengine.network.garbage import ORDERS_MAX, YOUNG_MAX, Garbage


class Knot:
    """Knows itself: Python alone does not free it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def garbage() -> Iterator[Garbage]:
    with closing(Garbage()) as one:
        assert not gc.isenabled()
        yield one
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_garbage_of_quiet_seconds_is_found(garbage: Garbage) -> None:
    for made in (ORDERS_MAX, 2 * ORDERS_MAX):
        knot = weakref.ref(Knot())
        garbage.look(made)
        assert knot() is None


@pytest.mark.parametrize(("orders", "objects"), [(ORDERS_MAX + 1, 0), (0, YOUNG_MAX + 1)])
def test_after_a_busy_time_nothing_is_gone_through(
    garbage: Garbage, orders: int, objects: int
) -> None:
    frozen = gc.get_freeze_count()
    kept = [[number] for number in range(objects)]
    knot = weakref.ref(Knot())
    garbage.look(orders)
    assert knot() is not None
    assert gc.get_freeze_count() > frozen + len(kept)
    # What comes in the next quiet second is looked through again, and nothing else.
    later = weakref.ref(Knot())
    garbage.look(orders)
    assert (later(), knot() is None) == (None, False)
