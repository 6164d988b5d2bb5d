"""Commands whose standard streams are closed or full: a clear line, a status, no traceback."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixengine.network.journal import Journal, Kind
from fixengine.network.state import StateDir
from processes import Stage, stage, write_config
from scripted_venue import WAIT_S

__all__ = ["stage"]

CLOSED = (">&-", "2>&-", "<&-", ">&- 2>&- <&-")
FULL = "the output cannot be written: No space left on device"


def start(redirection: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A command as a shell starts it with this redirection."""
    words = shlex.join([sys.executable, "-m", "fixengine", *arguments])
    return subprocess.Popen(
        ["/bin/sh", "-c", f"exec {words} {redirection}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Buffered, as for a user: an error then shows when the buffer is written.
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Exit status, stdout, stderr; a process that does not end is killed."""
    with process:
        try:
            out, errors = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
    return process.returncode, out.decode(), errors.decode()


def commands(tmp_path: Path) -> dict[str, list[str]]:
    """A command of each kind that prints and ends, with a journal to show."""
    state_dir = tmp_path / "shown"
    with StateDir(state_dir):
        journal = Journal.open(
            state_dir, 1, 0, ring_bytes=1 << 20, file_bytes_max=1 << 20, shared_memory=tmp_path
        )
        for number in range(1000):
            assert journal.append(Kind.LINK, number, 1, b"up as somebody")
        assert journal.close(WAIT_S)
    return {
        "config": ["config"],
        "journal": ["journal", "show", str(state_dir)],
        "help": ["--help"],
        "version": ["--version"],
        "demo": ["demo", "--orders", "1"],
        "demo json": ["demo", "--orders", "1", "--json"],
    }


@pytest.mark.parametrize("name", ["config", "journal", "help", "version", "demo", "demo json"])
def test_a_full_stdout_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    status, _, errors = finish(start(">/dev/full", *commands(tmp_path)[name]))
    assert (status, errors) == (2, f"fixengine: {FULL}\n")


def test_check_on_a_full_stdout(tmp_path: Path, stage: Stage) -> None:
    config, _ = write_config(tmp_path, stage.acceptor().place)
    status, _, errors = finish(start(">/dev/full", "check", "--offline", str(config)))
    assert (status, errors) == (2, f"fixengine: {FULL}\n")


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_an_error_that_cannot_be_told_keeps_its_status(redirection: str) -> None:
    assert finish(start(redirection, "run", "/nowhere/c.toml")) == (2, "", "")
    assert finish(start(redirection, "nonsense")) == (2, "", "")


@pytest.mark.parametrize("redirection", CLOSED)
def test_what_prints_to_a_closed_stream_prints_to_nobody(tmp_path: Path, redirection: str) -> None:
    for name in ("config", "journal", "version", "demo json"):
        status, _, errors = finish(start(redirection, *commands(tmp_path / name)[name]))
        # One order is too few for a demo that succeeds.
        assert status == (1 if name == "demo json" else 0), name
        assert "Traceback" not in errors


@pytest.mark.parametrize("redirection", CLOSED)
@pytest.mark.parametrize("as_json", [True, False])
def test_an_engine_trades_with_closed_streams(
    stage: Stage, tmp_path: Path, redirection: str, as_json: bool
) -> None:
    acceptor = stage.acceptor()
    home = tmp_path / "home"
    home.mkdir()
    config, _ = write_config(home, acceptor.place)
    process = start(redirection, "run", str(config), *(["--json"] if as_json else []))
    peer = acceptor.logon()
    process.send_signal(signal.SIGTERM)
    peer.logout()
    status, _, errors = finish(process)
    assert status == 0
    assert "Traceback" not in errors


@pytest.mark.parametrize("redirection", [*CLOSED, ">/dev/full 2>/dev/full"])
def test_the_venue_plays_with_closed_and_full_streams(tmp_path: Path, redirection: str) -> None:
    arguments = ("simulate", "--port", "0", "--state-dir", str(tmp_path / "v"))
    process = start(redirection, *arguments)
    # Its engine.toml is written once it listens.
    listening = tmp_path / "v" / "engine.toml"
    while not listening.exists():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    status, _, errors = finish(process)
    assert (status, errors) == (0, "")
