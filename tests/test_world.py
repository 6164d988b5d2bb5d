"""Worlds of trouble (world/): nothing is lost, doubled or guessed, whatever dies when.

The worlds of SEEDS run in as many processes as there are cores. `make soak` goes through all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from fixengine.desk.standings import TOLD, Standing
from world.coverage import CANNOT, OTHER, STATUSES, Pair, not_met, pairs
from world.run import Lived, World, live

SEEDS = range(200)
EVENTS_MIN = 2_000

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def lived() -> list[Lived]:
    """What came of every world."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(live, SEEDS, chunksize=4))


def test_no_world_finds_anything_wrong(lived: list[Lived]) -> None:
    said = [one.said for one in lived if one.said]
    assert not said, "\n\n".join(said)
    assert min(one.events for one in lived) >= EVENTS_MIN


def test_the_worlds_together_meet_every_trouble_and_every_state_with_every_event(
    lived: list[Lived],
) -> None:
    trouble: Counter[str] = Counter()
    met: set[Pair] = set()
    for one in lived:
        trouble += one.hit
        met |= one.pairs
    assert not_met(trouble, met) == []
    assert met <= pairs(), f"these cannot be, and were met: {sorted(met - pairs())}"


def test_what_cannot_be_met_is_said_once_and_why() -> None:
    listed = [
        (standing, one) for standings, those, _ in CANNOT for standing in standings for one in those
    ]
    assert len(listed) == len(set(listed))
    assert {one for _, one in listed} <= set(STATUSES) == {*TOLD, OTHER}
    assert len(pairs()) == len(Standing) * len(STATUSES) - len(listed)
    assert all(why for _, _, why in CANNOT)


def test_what_was_not_met_is_named() -> None:
    met = pairs() - {("new", "4")}
    assert "new x 4" in not_met([], met)
    assert "stale epoch" in not_met(["reset"], met)
    assert "reset" not in not_met(["reset"], met)


def test_a_seed_is_the_reproduction() -> None:
    lines = []
    for _ in range(2):
        world = World(3, steps=60)
        assert world.run() == []
        lines.append((world.tail, world.events, world.hit))
    assert lines[0] == lines[1]


def test_it_can_be_run_by_hand() -> None:
    command = [sys.executable, "-m", "world", "--seed", "1"]
    done = subprocess.run(
        command, check=False, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 seeds" in done.stdout
    assert "nothing wrong" in done.stdout
