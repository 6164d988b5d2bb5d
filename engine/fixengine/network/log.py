"""What the process says to its operator: a line for each thing, written by a thread of its own.

Trading never waits for a terminal, a pipe or a disk: lines go through a bounded queue, and what
does not fit is dropped and counted. Control characters of a peer's text are not shown.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time

import orjson

LEVELS = ("debug", "info", "warning", "error")
LINES_MAX = 10_000
CLOSE_S = 2.0


class Log:
    """Says lines of at least a level, for people or as JSON for programs."""

    def __init__(self, as_json: bool, least: str = "info") -> None:
        self.dropped = 0
        self._as_json = as_json
        self._levels = LEVELS[LEVELS.index(least) :]
        # The descriptor itself: what a broken pipe left in a buffer would fail again at exit.
        self._out = (sys.stdout if as_json else sys.stderr).fileno()
        self._lines: queue.Queue[bytes | None] = queue.Queue(LINES_MAX)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def __call__(self, level: str, text: str, **details: object) -> None:
        """Say something; never waits. details: names and values; `event` is for programs only."""
        if level not in self._levels:
            return
        if self.dropped:
            text = f"{text} ({self.dropped} lines before this one were dropped)"
        line = _for_programs if self._as_json else _for_people
        try:
            self._lines.put_nowait(line(level, text, details))
        except queue.Full:
            self.dropped += 1
        else:
            self.dropped = 0

    def close(self) -> None:
        """Write what was said, unless nobody takes it within two seconds."""
        deadline = time.monotonic() + CLOSE_S
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=CLOSE_S)
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            rest = line + b"\n"
            try:
                while rest:
                    rest = rest[os.write(self._out, rest) :]
            except BrokenPipeError:
                # Whoever read it is gone; there is nobody to tell.
                return
            except OSError:
                # A full disk, for example: this line is lost, a later one may not be.
                continue


def _for_people(level: str, text: str, details: dict[str, object]) -> bytes:
    extra = "".join(f" {name}={value}" for name, value in details.items() if name != "event")
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    shown = "".join(char if char.isprintable() or char == "\n" else "?" for char in text + extra)
    return f"{stamp} {level:7} {shown}".encode(errors="backslashreplace")


def _for_programs(level: str, text: str, details: dict[str, object]) -> bytes:
    return orjson.dumps({"time_ns": time.time_ns(), "level": level, "text": text, **details})
