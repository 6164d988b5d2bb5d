"""The one timer of the network process, on the loop it runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from fixengine.network.alarm import NEAR_NS, SECOND_NS, Alarm


def on_a_loop(play: Callable[[Alarm, list[float]], Awaitable[None]]) -> list[float]:
    """Play with an alarm on a uvloop; the times at which it rang."""
    rang: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await play(Alarm(loop, lambda: rang.append(loop.time())), rang)

    uvloop.run(main())
    return rang


async def until_idle() -> None:
    """A few turns of the loop: everything that is due by now has run."""
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize("delays", [(0.0, 0.0), (0.0, 10.0, 0.0), (10.0, 0.0), (0.0003, 0.0)])
def test_it_rings_once_also_when_it_is_set_again_while_it_is_due(delays: tuple[float, ...]) -> None:
    async def play(alarm: Alarm, rang: list[float]) -> None:
        for delay_s in delays:
            alarm.set(round(delay_s * SECOND_NS), 0)
        assert rang == []
        await until_idle()

    assert len(on_a_loop(play)) == 1


class Loop:
    """Keeps for how long it was asked to wait, and how often not to."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.cancelled = 0

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Loop:
        self.delays.append(delay)
        return self

    def cancel(self) -> None:
        self.cancelled += 1


def test_it_is_moved_for_a_millisecond_and_not_for_less() -> None:
    loop: Any = Loop()
    alarm = Alarm(loop, lambda: None)
    alarm.set(5 * NEAR_NS, 0)
    alarm.set(6 * NEAR_NS - 1, 2 * NEAR_NS)
    alarm.set(4 * NEAR_NS + 1, 2 * NEAR_NS)
    assert (loop.delays, loop.cancelled) == ([0.005], 0)
    alarm.set(6 * NEAR_NS, 2 * NEAR_NS)
    assert (loop.delays, loop.cancelled) == ([0.005, 0.004], 1)
    alarm.set(5 * NEAR_NS, 2 * NEAR_NS)
    assert (loop.delays, loop.cancelled) == ([0.005, 0.004, 0.003], 2)


def test_what_is_over_is_due_now() -> None:
    loop: Any = Loop()
    alarm = Alarm(loop, lambda: None)
    alarm.set(0, 9 * NEAR_NS)
    alarm.set(5 * NEAR_NS, 9 * NEAR_NS)
    assert (loop.delays, loop.cancelled) == ([0.0], 0), "it could not ring earlier"


def test_it_is_moved_and_cleared() -> None:
    async def play(alarm: Alarm, rang: list[float]) -> None:
        alarm.set(0, 0)
        alarm.set(10 * SECOND_NS, 0)
        await until_idle()
        assert rang == []
        alarm.set(0, 0)
        alarm.clear()
        await until_idle()
        assert rang == []
        alarm.set(0, 0)
        await until_idle()
        alarm.set(0, 0)
        await until_idle()

    assert len(on_a_loop(play)) == 2
