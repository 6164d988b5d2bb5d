"""The examples run as a user runs them, against a scripted engine."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fixengine.messages import NewOrderSingle
from scripted_engine import ENVIRONMENT, SOURCE_ROOT, WAIT_MS, Engine, refused, report

EXAMPLES = SOURCE_ROOT.parent / "examples"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(f"ipc://{tmp_path}/bus.sock")
    yield engine
    engine.down()


def run_example(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
        text=True,
        timeout=WAIT_MS / 1000,
    )


def play_venue(engine: Engine, cancels: int) -> None:
    """Acknowledge each order and cancel it when asked to, so many times."""
    engine.greet()
    seq = 0
    while cancels:
        request = engine.receive_but_acks()
        seq += 1
        if isinstance(request, NewOrderSingle):
            engine.send(report(seq, request.cl_ord_id))
        else:
            cancels -= 1
            cancelled: dict[str, Any] = {"exec_type": "4", "ord_status": "4"}
            cancelled["orig_cl_ord_id"] = request.orig_cl_ord_id
            engine.send(report(seq, request.cl_ord_id, **cancelled))


def play_refusal(engine: Engine) -> None:
    engine.greet()
    engine.send(refused(1, engine.receive_but_acks().cl_ord_id, text="too many orders"))


@pytest.mark.parametrize(("name", "cancels"), [("quote_and_cancel.py", 1), ("async_quotes.py", 2)])
def test_an_example_runs(engine: Engine, name: str, cancels: int) -> None:
    with ThreadPoolExecutor(1) as pool:
        venue = pool.submit(play_venue, engine, cancels)
        done = run_example(name, "--endpoint", engine.endpoint)
        assert (done.returncode, done.stderr) == (0, "")
        venue.result()


@pytest.mark.parametrize("name", ["quote_and_cancel.py", "async_quotes.py"])
def test_an_example_says_what_is_wrong(engine: Engine, name: str) -> None:
    nowhere = run_example(name, "--endpoint", f"{engine.endpoint}.none", "--patience-ms", "50")
    assert nowhere.returncode == 1
    assert re.fullmatch(r"ipc://.*is the engine running.*\n", nowhere.stderr)
    with engine.doing(play_refusal, engine):
        done = run_example(name, "--endpoint", engine.endpoint)
    assert done.returncode == 1
    assert "too many orders" in done.stdout
