"""`fixengine bench` in smoke size: real processes, and a summary that programs can read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDERS = 10
ROUNDS = 2


def test_the_round_trip_runs_and_sums_up() -> None:
    command = [sys.executable, "-m", "fixengine", "bench", "--json"]
    command += ["--orders", str(ORDERS), "--rounds", str(ROUNDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["orders"] == ORDERS * ROUNDS
    assert result["venue_limits"] == "off"
    for arm in ("round_trip", "bus_alone"):
        figures = result[arm]
        assert 0 < figures["p50_us_min"] <= figures["p50_us"] <= figures["p50_us_max"], arm
        assert figures["p99_us_best"] > 0, arm
        assert figures["p99_9_us_best"] >= figures["p99_us_best"], arm
    assert result["ratio_p50"] > 1
    added_us = result["round_trip"]["p50_us"] - result["bus_alone"]["p50_us"]
    assert result["added_us"] == pytest.approx(added_us, abs=0.1)
    timed = {name: one["count"] for name, one in result["stretches"].items()}
    assert min(timed.values()) > 0, "the engine has timed each of its stretches"
