"""The socket on which a running venue is told what to do wrong: a JSON line in, a JSON line out.

    {"fault": "news", "session": "ENGINE1", "seconds": 60}   -> {"ok": true, "sessions": [...]}
    {"clear": "delay"}  {"clear": "all", "session": "X"}     -> {"ok": true, "cleared": 1}
    {"status": true}                                         -> {"ok": true, "faults": [...], ...}

What is wrong with a line is answered with {"ok": false, "error": "one sentence"} and changes
nothing. The socket is for its owner alone: mode 0600, in a directory that nobody else can enter.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from fixengine.simulator.faults import names
from fixengine.simulator.faults.active import ACTIVE_MAX, Faults
from fixengine.simulator.faults.names import ALWAYS, Asked, FaultError

LINE_BYTES_MAX = 16 * 1024
CLIENTS_MAX = 16
PATH_BYTES_MAX = 107
ALL = "all"


class ControlError(Exception):
    """The control socket cannot be opened; the text names it and the next step."""


class Control:
    """Answers the lines of the control socket.

    ask, clear: what the server does with a fault, and with the wish to end some.
    """

    def __init__(
        self,
        faults: Faults,
        ask: Callable[[Asked], list[str]],
        clear: Callable[[str | None, str | None], int],
    ) -> None:
        self._faults = faults
        self._ask = ask
        self._clear = clear
        self._clients = 0

    async def listen(self, path: Path) -> asyncio.Server:
        """Open the socket. Raises ControlError."""
        _make_room(path)
        mask = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._serve, path, limit=LINE_BYTES_MAX)
        except OSError as problem:
            text = problem.strerror or problem
            raise ControlError(f"--control {path}: {text}; choose another path") from problem
        finally:
            os.umask(mask)

    def answer(self, line: bytes) -> dict[str, Any]:
        """Carry out one line."""
        try:
            return {"ok": True, **self._answer(line)}
        except FaultError as problem:
            return {"ok": False, "error": str(problem)}

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            told = orjson.loads(line)
        except orjson.JSONDecodeError as problem:
            raise FaultError(f"not JSON: {problem}") from problem
        if not isinstance(told, dict):
            raise FaultError('not a JSON object such as {"fault": "news", "seconds": 60}')
        verbs = [verb for verb in ("fault", "clear", "status") if verb in told]
        if len(verbs) != 1:
            raise FaultError('say one of "fault", "clear" and "status"')
        what = told.pop(verbs[0])
        if verbs[0] == "fault":
            return self._add(what, told)
        if verbs[0] == "clear":
            return self._end(what, told)
        return {"faults": [_shown(one) for one in self._faults.active]}

    def _add(self, name: object, given: dict[str, object]) -> dict[str, Any]:
        asked = names.read(name, given, live=True)
        if len(self._faults.active) >= ACTIVE_MAX:
            raise FaultError(f"{ACTIVE_MAX} faults hold already; clear some")
        return {"sessions": self._ask(asked)}

    def _end(self, name: object, given: dict[str, object]) -> dict[str, Any]:
        session = given.pop("session", None)
        if given or not isinstance(session, str | None):
            raise FaultError("clear: it takes a session, which is text, and nothing else")
        if name != ALL and name not in names.BY_NAME:
            known = ", ".join((ALL, *names.BY_NAME))
            raise FaultError(f"clear: no fault {str(name)[:60]!r}; there are {known}")
        return {"cleared": self._clear(None if name == ALL else str(name), session)}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients > CLIENTS_MAX:
                await _say(writer, {"ok": False, "error": f"more than {CLIENTS_MAX} connections"})
                return
            while line := await reader.readline():
                await _say(writer, self.answer(line))
        except ValueError:
            text = f"a line is longer than {LINE_BYTES_MAX} bytes"
            await _say(writer, {"ok": False, "error": text})
        except OSError:
            # Whoever asked is gone; what was asked for has been done.
            return
        finally:
            self._clients -= 1
            writer.close()


async def _say(writer: asyncio.StreamWriter, told: dict[str, Any]) -> None:
    writer.write(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
    await writer.drain()


def _shown(one: Any) -> dict[str, Any]:
    times = None if one.times >= ALWAYS else one.times
    return {"fault": one.name, "session": one.asked.session, "times": times, **one.values}


def _make_room(path: Path) -> None:
    """See that the socket can be made where only its owner gets at it."""
    if len(os.fsencode(path)) > PATH_BYTES_MAX:
        raise ControlError(
            f"--control {path}: longer than {PATH_BYTES_MAX} bytes; choose a shorter"
        )
    try:
        folder = path.parent.stat()
    except OSError as problem:
        raise ControlError(f"--control {path}: {path.parent}: {problem.strerror}") from problem
    if folder.st_uid != os.getuid() or stat.S_IMODE(folder.st_mode) & 0o077:
        raise ControlError(
            f"--control {path}: {path.parent} is open to others;"
            " choose a directory of your own with mode 0700"
        )
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ControlError(f"--control {path}: is there and no socket; choose another path")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        refused = probe.connect_ex(os.fsencode(path)) == errno.ECONNREFUSED
    if not refused:
        raise ControlError(f"--control {path}: another venue listens there; choose another path")
    path.unlink(missing_ok=True)
