"""The socket on which a running engine is asked how it stands: `control` in its state directory.

One line of JSON comes, {"status": true}, one line goes, and that is the end of the connection:
nothing can be changed here. The socket is for its owner alone (mode 0600, in a directory of 0700).

The answer is made in pieces, and the loop goes on in between: no order waits for all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import orjson

NAME = "control"
REQUEST = b'{"status":true}\n'
LINE_BYTES_MAX = 1024
CLIENTS_MAX = 8
ASK_S_MAX = 5.0
"""How long somebody may take to ask, and to take the answer."""
ANSWER_S = 5.0
ANSWER_BYTES_MAX = 1 << 24

Piece = tuple[str, Any]
"""A part of the answer and its value; lists under the same name are joined."""


class Control:
    """Listens while it is entered, on the running loop.

    pieces: makes the answer; each piece is to be short work. held: told how long each took, ns.
    problem: why nobody can ask, or None: an engine trades without.
    """

    def __init__(
        self,
        state_dir: Path,
        pieces: Callable[[], Iterator[Piece]],
        held: Callable[[int], object],
    ) -> None:
        self.pieces = pieces
        self.held = held
        self.problem: str | None = None
        self.clients = 0
        self._state_dir = state_dir
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Control:
        try:
            listening = _listening(self._state_dir)
        except OSError as problem:
            self.problem = f"{self._state_dir / NAME}: {problem.strerror}"
            return self
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: Conversation(self), sock=listening)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            (self._state_dir / NAME).unlink(missing_ok=True)


class Conversation(asyncio.Protocol):
    """One question, and the answer to it."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._line = b""
        self._pieces: Iterator[Piece] | None = None
        self._answer: dict[str, Any] = {"ok": True}
        self._is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody came."""
        # uvloop's transports are no subclasses of asyncio's, though they offer the same.
        self._transport = cast(asyncio.Transport, transport)
        self._timer = self._loop.call_later(ASK_S_MAX, self._transport.abort)
        self._control.clients += 1
        if self._control.clients > CLIENTS_MAX:
            self._say({"ok": False, "error": f"{CLIENTS_MAX} others are asking"})

    def data_received(self, data: bytes) -> None:
        """Some of a line has come."""
        if self._pieces is not None or self._is_over:
            return
        self._line += data
        line, end, _ = self._line.partition(b"\n")
        if len(line) > LINE_BYTES_MAX:
            self._say({"ok": False, "error": f"more than {LINE_BYTES_MAX} bytes"})
        elif end:
            self._ask(line)

    def connection_lost(self, problem: Exception | None) -> None:
        """Whoever asked is gone, or has the answer."""
        self._is_over = True
        self._timer.cancel()
        self._control.clients -= 1

    def _ask(self, line: bytes) -> None:
        try:
            told = orjson.loads(line)
        except orjson.JSONDecodeError:
            told = None
        if told != {"status": True}:
            self._say({"ok": False, "error": 'say {"status": true}, and nothing else'})
            return
        self._pieces = self._control.pieces()
        self._step(self._pieces)

    def _step(self, pieces: Iterator[Piece]) -> None:
        """Make one piece, and let the loop go on before the next."""
        if self._is_over:
            return
        began_ns = time.monotonic_ns()
        piece = next(pieces, None)
        if piece is None:
            self._say(self._answer)
        else:
            name, value = piece
            if isinstance(value, list):
                value = self._answer.get(name, []) + value
            self._answer[name] = value
            self._loop.call_soon(self._step, pieces)
        self._control.held(time.monotonic_ns() - began_ns)

    def _say(self, answer: dict[str, Any]) -> None:
        self._is_over = True
        self._transport.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
        self._transport.close()


class NoAnswer(Exception):
    """No engine answers; the text says why, for people."""


def ask(state_dir: Path, timeout_s: float = ANSWER_S) -> dict[str, Any]:
    """What the engine with this state directory answers. Raises NoAnswer."""
    where = state_dir / NAME
    answer = b""
    try:
        with _directory(state_dir) as at, socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(timeout_s)
            peer.connect(at)
            peer.sendall(REQUEST)
            while (more := peer.recv(1 << 16)) and len(answer) < ANSWER_BYTES_MAX:
                answer += more
        told: dict[str, Any] = orjson.loads(answer)
    except TimeoutError:
        text = f"no answer within {timeout_s:g} s; the engine starts, or it is stopped or held up"
        raise NoAnswer(f"{where}: {text}") from None
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        known = "no engine runs with this state directory" if state_dir.is_dir() else "is not there"
        raise NoAnswer(f"{state_dir}: {known}; start one with fixengine run") from None
    except OSError as problem:
        raise NoAnswer(f"{where}: {problem.strerror}") from None
    except orjson.JSONDecodeError:
        raise NoAnswer(f"{where}: the engine ended before it had answered") from None
    if not told.pop("ok", False):
        raise NoAnswer(f"{where}: {told.get('error')}")
    return told


@contextlib.contextmanager
def _directory(state_dir: Path) -> Iterator[str]:
    """The name of the socket by way of its open directory: a socket's own has 107 bytes at most."""
    descriptor = os.open(state_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def _listening(state_dir: Path) -> socket.socket:
    """A socket that listens. What an engine has left behind that was killed gives way to it: the
    state directory's lock says that there is no other.
    """
    made = socket.socket(socket.AF_UNIX)
    try:
        with _directory(state_dir) as at:
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISSOCK(os.lstat(at).st_mode):
                    raise OSError(errno.EEXIST, "is there and no socket; remove it")
                os.unlink(at)
            made.bind(at)
            os.chmod(at, 0o600)
        made.listen(CLIENTS_MAX)
    except OSError:
        made.close()
        raise
    return made
