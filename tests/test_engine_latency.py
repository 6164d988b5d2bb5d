"""`fixengine latency` beside a real engine: every stretch of both walks, with its counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fixengine.network.latency import BUS, EVERY, IN, LOOP, NAMES, OUT, TRIP, VENUE
from processes import Stage, stage, trade

__all__ = ["stage"]
SAMPLES = 3


def latency(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fixengine", "latency", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def figures(path: Path) -> dict[str, Any]:
    done = latency(path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_each_stretch_is_counted_and_can_be_seen(stage: Stage) -> None:
    engine = stage.engine(stage.venue().place)
    client = stage.client(engine)
    engine.expect(event="active")
    # Whoever has the report of the last one knows that those before were counted.
    for _ in range(SAMPLES * EVERY + 1):
        trade(client)
    seen = figures(engine.state_dir)
    assert (seen["every"], seen["pid"]) == (EVERY, engine.process.pid)
    assert seen["running"]
    counts = {name: one["count"] for name, one in seen["stretches"].items()}
    assert {name: counts[name] for name in (BUS, *OUT, *IN, TRIP, *VENUE)} == dict.fromkeys(
        NAMES[:-1], SAMPLES
    )
    assert counts[LOOP] > 2 * SAMPLES * EVERY, "each order and each report wakes it"
    trip, *within = (seen["stretches"][name]["mean_us"] for name in (TRIP, BUS, OUT[-1], IN[-1]))
    assert sum(within) < trip < 1e6, "it is of the same orders, and has the venue in it"
    for walk in (OUT, IN):
        parts, whole = walk[:-1], seen["stretches"][walk[-1]]
        means = [seen["stretches"][name]["mean_us"] for name in parts]
        assert min(means) > 0
        assert sum(means) == pytest.approx(whole["mean_us"], abs=0.01)
        assert whole["p50_us"] <= whole["p99_us"] <= whole["max_us"]
    drawn = latency(engine.state_dir.parent / "engine.toml", "--stretch", OUT[-1])
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert f"o {OUT[-1]}" in drawn.stdout
    picture = stage.folder / "latency.svg"
    assert latency(engine.state_dir, "--svg", picture).returncode == 0
    assert len(ElementTree.parse(picture).findall("{*}polyline")) == len(NAMES)
    assert engine.end() == 0
    last = figures(engine.state_dir)
    assert last["stretches"][OUT[-1]] == seen["stretches"][OUT[-1]]
    assert not last["running"]
    assert "no engine runs now" in latency(engine.state_dir).stdout


def test_figures_of_an_engine_that_was_killed_are_not_taken_for_a_running_one(
    stage: Stage,
) -> None:
    engine = stage.engine(stage.venue().place)
    engine.expect(event="active")
    assert figures(engine.state_dir)["running"]
    engine.process.kill()
    engine.process.wait()
    assert not figures(engine.state_dir)["running"]


def test_what_cannot_be_shown_is_said_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "latency")
    wrong = {
        (tmp_path / "pipe",): f"{tmp_path / 'pipe' / 'latency'}: 0 bytes, expected",
        (tmp_path,): "is it the engine.state_dir of an engine that has run?",
        (tmp_path, "--stretch", "out"): f"--stretch out: expected one of {', '.join(NAMES)}",
    }
    for arguments, text in wrong.items():
        done = latency(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert text in done.stderr
