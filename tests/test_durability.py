"""bench/durability.py in smoke size: real processes, and a summary that programs can read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ORDERS = 10
ROUNDS = 2


def test_what_the_disk_costs_is_measured_and_summed_up() -> None:
    command = [sys.executable, "-m", "bench.durability", "--json"]
    command += ["--orders", str(ORDERS), "--rounds", str(ROUNDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["orders"] == ORDERS * ROUNDS
    arms = [result[name][arm] for name in ("process", "power") for arm in ("alone", "in_burst")]
    for figures in (*arms, result["disk_alone"]):
        assert 0 < figures["p50_us_min"] <= figures["p50_us"] <= figures["p50_us_max"]
