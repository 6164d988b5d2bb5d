"""A loop that looks for more for a while before it sleeps: for how long, and that it ends."""

from __future__ import annotations

from collections.abc import Callable

from fixengine.network.linger import Linger


class Played:
    """A loop whose every turn takes 10 us, and sleeps where nobody wants the next one."""

    def __init__(self) -> None:
        self.now = 0
        self.soon: list[Callable[[], object]] = []

    def call_soon(self, callback: Callable[[], object]) -> None:
        self.soon.append(callback)

    def turns(self, at_most: int = 1000) -> int:
        """How many turns it takes until it sleeps."""
        for turn in range(at_most):
            if not self.soon:
                return turn
            self.now += 10_000
            callbacks, self.soon = self.soon, []
            for callback in callbacks:
                callback()
        return at_most


def test_it_looks_for_as_long_as_it_was_told_and_then_sleeps() -> None:
    loop = Played()
    linger = Linger(loop, lambda: loop.now, 50)
    linger.on_woken(loop.now)
    assert loop.turns() == 5
    linger.on_woken(loop.now)
    assert loop.turns() == 5


def test_what_comes_meanwhile_begins_it_anew_and_does_not_double_it() -> None:
    loop = Played()
    linger = Linger(loop, lambda: loop.now, 50)
    linger.on_woken(loop.now)
    assert loop.turns(3) == 3
    linger.on_woken(loop.now)
    linger.on_woken(loop.now)
    assert len(loop.soon) == 1
    assert loop.turns() == 5
