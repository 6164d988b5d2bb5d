"""Processes started by one command: the built-in venue and an engine connected to it."""

from __future__ import annotations

import contextlib
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import orjson

from fixengine.simulator.engine_config import engine_config

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0


class DemoError(Exception):
    """The demo could not run; the text says which process failed and where its log is."""


class Child:
    """One process of the demo, whose stdout is JSON lines and whose stderr is a log file."""

    def __init__(self, name: str, arguments: list[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._log_file = self.log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log_file,
        )
        self._tail = b""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def out(self) -> IO[bytes]:
        """Its stdout."""
        assert self.process.stdout is not None
        return self.process.stdout

    def lines(self) -> list[dict[str, Any]] | None:
        """JSON lines that have come since the last call; None at the end."""
        chunk = self.out.read1(1 << 20)  # type: ignore[attr-defined]
        if not chunk:
            return None
        *whole, self._tail = (self._tail + chunk).split(b"\n")
        return [orjson.loads(line) for line in whole if line]

    def wait_for(self, event: str, timeout_s: float) -> dict[str, Any]:
        """The first line with this event; DemoError where it does not come within timeout_s, or
        the process ends without it.
        """
        deadline = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as ready:
            ready.register(self.out, selectors.EVENT_READ)
            while ready.select(max(0.0, deadline - time.monotonic())):
                lines = self.lines()
                if lines is None:
                    # Closing its stdout is the last but one thing a process does.
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self.process.wait(STOP_TIMEOUT_S)
                    why = f"{self.name} {ended_text(self.stop())} before it was {event}"
                    raise DemoError(f"{why}; {self.last_words()}")
                for line in lines:
                    if line.get("event") == event:
                        return line
        raise DemoError(f"{self.name}: not {event} within {timeout_s:g} s; {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log, for an error message."""
        text = self.log.read_text("utf-8", "replace").strip().splitlines()
        return text[-1] if text else "its log is empty"

    def stop(self) -> int:
        """SIGTERM, and the exit status (negative: the signal that ended it); killed if it does
        not end. May be called again.
        """
        if self.process.poll() is None:
            self.process.terminate()
        # What it still prints must be read, or it may wait for ever to write.
        with contextlib.suppress(subprocess.TimeoutExpired):
            if not self.out.closed:
                self.process.communicate(timeout=STOP_TIMEOUT_S)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log_file.close()
        return self.process.returncode


def ended_text(status: int) -> str:
    """How a process ended, for people. status: as subprocess gives it."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


class Stand:
    """The built-in venue and an engine logged on to it, as a context manager.

    limits: "venue" or "off". held: a context manager in which no signal interrupts; a child is
    started in one. durability: of the journal, None for the default. endpoint: the bus. where:
    host and port of the venue. time_scale: what the venue divides its intervals by. written: the
    file in which the venue records what it sent; complete after `stop`.
    """

    def __init__(
        self,
        folder: Path,
        limits: str,
        held: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
        durability: str | None = None,
    ) -> None:
        self.endpoint = f"ipc://{folder}/engine/bus/bus.sock"
        self.written = folder / "venue.jsonl"
        self._stack = contextlib.ExitStack()
        try:
            with held():
                self.venue = self._start_venue(folder, limits)
            listening = self.venue.wait_for("listening", START_TIMEOUT_S)
            self.where = f"{listening['host']}:{listening['port']}"
            self.time_scale: int = listening["time_scale"]
            config = folder / "engine.toml"
            config.write_text(_config(listening, folder, self.endpoint, limits, durability))
            with held():
                self.engine = Child("engine", ["fixengine", "run", str(config), "--json"], folder)
                self._stack.callback(self.engine.stop)
            self.engine.wait_for("active", START_TIMEOUT_S)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Stand:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def stop(self) -> list[str]:
        """Engine first, so that it can log out; what went wrong."""
        problems = []
        for child in (self.engine, self.venue):
            status = child.stop()
            if status:
                problems.append(f"{child.name} {ended_text(status)}; {child.last_words()}")
        return problems

    def _start_venue(self, folder: Path, limits: str) -> Child:
        arguments = ["fixengine", "simulate", "--port", "0", "--json", "--limits", limits]
        arguments += ["--state-dir", str(folder / "venue"), "--record", str(self.written)]
        venue = Child("venue", arguments, folder)
        self._stack.callback(venue.stop)
        return venue


def _config(
    listening: dict[str, Any], folder: Path, endpoint: str, limits: str, durability: str | None
) -> str:
    return engine_config(
        host=listening["host"],
        port=listening["port"],
        server_name="localhost",
        ca_file=listening["ca_file"],
        api_key_file=listening["api_key_file"],
        private_key_file=listening["private_key_file"],
        comp_ids=("DEMO1", "DEMO2"),
        state_dir=folder / "engine",
        endpoint=endpoint,
        limits=limits,
        durability=durability,
    )
