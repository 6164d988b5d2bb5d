"""The demo when something ends before its time: signals, killed processes, a folder's odd name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from fixengine.demo.signals import Signals, Stopped

WAIT_S = 60.0
MANY = "1000000"
"""More orders than anybody waits for."""


@contextmanager
def running(*options: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A demo that was started; ended, with its children, if a test leaves it running."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fixengine", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **variables},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def pids(process: subprocess.Popen[bytes], names: tuple[str, ...]) -> list[int]:
    """Process ids as the demo prints them at its start, up to the last of the names."""
    assert process.stdout is not None
    found = []
    for name in names:
        line = process.stdout.readline().decode().split()
        assert line[:2] == [name, "pid"], line
        found.append(int(line[2].rstrip(":")))
    return found


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_orders(process: subprocess.Popen[bytes]) -> None:
    """Until the demo tells of some acknowledged orders."""
    assert process.stdout is not None
    for line in process.stdout:
        words = line.split()
        if words[:1] == [b"orders_sent"] and int(words[3]) > 0:
            return


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_every_process_and_leaves_no_folder(short_path: Path, number: int) -> None:
    with running("--orders", MANY, TMPDIR=str(short_path)) as process:
        children = pids(process, ("venue", "engine", "strategy", "strategy"))
        wait_for_orders(process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=WAIT_S)
        left = [pid for pid in children if is_running(pid)]
        assert (left, list(short_path.iterdir())) == ([], [])
        assert process.returncode == 128 + number
        assert errors.decode().startswith(f"demo stopped by {signal.Signals(number).name}")
        assert len(errors.splitlines()) == 1


def test_no_signal_interrupts_the_clean_up() -> None:
    cleaned = []

    def clean() -> None:
        signal.raise_signal(signal.SIGTERM)
        cleaned.append("all")

    with Signals() as signals, signals.cleaning() as stack:
        stack.callback(clean)
    assert cleaned == ["all"]


def test_a_signal_waits_until_a_child_is_known() -> None:
    known = []

    def start() -> None:
        with Signals() as signals:
            with signals.held():
                signal.raise_signal(signal.SIGTERM)
                known.append("child")
            known.append("more")

    with pytest.raises(Stopped, match="stopped by SIGTERM"):
        start()
    assert known == ["child"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_killed_engine_leaves_nothing_in_shared_memory(short_path: Path) -> None:
    names = ("venue", "engine", "strategy", "strategy")
    with running("--orders", "20000", TMPDIR=str(short_path)) as process:
        engine = pids(process, names)[1]
        wait_for_orders(process)
        (link,) = short_path.glob("*/engine/journal/ring")
        ring = link.resolve()
        assert ring.exists()
        os.kill(engine, signal.SIGKILL)
        process.communicate(timeout=WAIT_S)
    assert not ring.exists()
    assert list(short_path.iterdir()) == []


@pytest.mark.parametrize("victim", ["venue", "engine", "strategy"])
def test_the_summary_is_true_where_a_process_was_killed(tmp_path: Path, victim: str) -> None:
    names = ("venue", "engine", "strategy", "strategy")
    with running("--orders", "20000", "--keep", str(tmp_path / "k")) as process:
        children = dict(zip(names, pids(process, names), strict=False))
        wait_for_orders(process)
        os.kill(children[victim], signal.SIGKILL)
        if victim == "strategy":
            # The other one would go on for ever.
            os.kill(children["engine"], signal.SIGKILL)
        out, errors = process.communicate(timeout=WAIT_S)
    (tmp_path / "k" / "engine" / "journal" / "ring").resolve().unlink(missing_ok=True)
    assert process.returncode == 1
    assert b"Traceback" not in errors
    assert f"{victim} was killed by SIGKILL" in errors.decode() or victim == "strategy"
    told = dict(line.rsplit(maxsplit=1) for line in out.decode().splitlines() if "  " in line)
    sent = int(told["orders sent"])
    acked = int(told["acknowledged"])
    assert sent >= acked > 0
    assert told["reports duplicated"] == "0", "nothing was received twice"
    assert told["reports invented"] == "0", "the venue's record is never behind what it sent"
    received = [
        path for name in ("alpha", "beta") if (path := tmp_path / "k" / f"{name}.jsonl").exists()
    ]
    lines = sum(len(path.read_bytes().splitlines()) for path in received)
    assert int(told["reports delivered"]) == lines
    # The strategy that was not killed may have heard nothing by then.
    assert lines > 0 or victim == "strategy"


def test_the_json_names_what_went_wrong_and_what_held(tmp_path: Path) -> None:
    with running("--json", "--orders", "1") as process:
        out, _ = process.communicate(timeout=WAIT_S)
    summary: dict[str, Any] = orjson.loads(out)
    assert process.returncode == 1
    assert "no fills occurred; run more orders" in summary["problems"]
    assert (summary["limits"], summary["time_scale"]) == ("off", 1)
    assert summary["reports_invented"] == 0


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / 'a "b" \\c'
    with running("--json", "--orders", "60", "--keep", str(folder)) as process:
        out, errors = process.communicate(timeout=WAIT_S)
    assert errors == b""
    assert orjson.loads(out)["orders_sent"] == 60


def test_a_child_that_ends_early_is_not_waited_for(tmp_path: Path) -> None:
    # A path too long for a socket: the engine refuses its configuration at once.
    with running("--json", "--orders", "1", "--keep", str(tmp_path / ("x" * 120))) as process:
        out, errors = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (1, b"")
    assert b"engine ended with exit status 2 before it was active" in errors
    assert b"endpoint" in errors
    assert b"within" not in errors
