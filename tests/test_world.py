"""Worlds of trouble (world.py): nothing is lost, doubled or guessed, whatever dies when."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from world import World, kinds_of_trouble, live

SEEDS = (*range(18), 40)
"""0.8 s and 5,900 events each, on a core of one's own; together they meet every kind of trouble.
`make soak` goes through all numbers.
"""
EVENTS_MIN = 2_000

hit: Counter[str] = Counter()
seen: set[int] = set()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    trouble, events, failed = live([seed], print)
    assert not failed, capsys.readouterr().out
    assert events >= EVENTS_MIN
    hit.update(trouble)
    seen.add(seed)


def test_the_worlds_together_met_every_kind_of_trouble() -> None:
    if len(seen) < len(SEEDS):
        pytest.skip("this needs all of the worlds above to have run, and well")
    assert kinds_of_trouble() - hit.keys() == set()


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
