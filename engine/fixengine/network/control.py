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
from typing import Any

import orjson

NAME = "control"
REQUEST = b'{"status":true}\n'
LINE_BYTES_MAX = 1024
CLIENTS_MAX = 8
BACKLOG = 128
ASK_S_MAX = 5.0
"""How long somebody may take to ask, and to take the answer."""
ANSWER_S = 5.0
ANSWER_BYTES_MAX = 1 << 24

Piece = tuple[str, Any]
"""A part of the answer and its value; lists under the same name are joined."""


class Control:
    """Listens while it is entered, on the running loop.

    pieces: makes the answer; each piece is to be short work. held: told how long each took, ns.
    problem: why nobody can ask, or None: an engine trades without. open: who asks now.
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
        self.open: set[Conversation] = set()
        self._state_dir = state_dir
        self._listening: socket.socket | None = None

    async def __aenter__(self) -> Control:
        try:
            self._listening = _listening(self._state_dir)
        except OSError as problem:
            self.problem = f"{self._state_dir / NAME}: {problem.strerror}"
        else:
            # Readers, not the loop's own servers: with these uvloop was seen, twice and under load,
            # to wait for ever while it was closed. Why is not known.
            asyncio.get_running_loop().add_reader(self._listening, self._accept)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is None:
            return
        asyncio.get_running_loop().remove_reader(self._listening)
        self._listening.close()
        (self._state_dir / NAME).unlink(missing_ok=True)
        for conversation in list(self.open):
            conversation.end()

    def _accept(self) -> None:
        assert self._listening is not None
        try:
            peer, _ = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as problem:
            # No more files may be opened. Who waits would wake the loop again and again.
            self.problem = f"{self._state_dir / NAME}: {problem.strerror}"
            asyncio.get_running_loop().remove_reader(self._listening)
            return
        self.open.add(Conversation(self, peer))


class Conversation:
    """One question, and the answer to it."""

    def __init__(self, control: Control, peer: socket.socket) -> None:
        self._control = control
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._line = b""
        self._unsent = b""
        self._pieces: Iterator[Piece] | None = None
        self._answer: dict[str, Any] = {"ok": True}
        self._is_over = False
        self._timer = self._loop.call_later(ASK_S_MAX, self.end)
        peer.setblocking(False)
        self._loop.add_reader(peer, self._read)
        if len(control.open) >= CLIENTS_MAX:
            self._say({"ok": False, "error": f"{CLIENTS_MAX} others are asking"})

    def end(self) -> None:
        """Whoever asks has the answer, or gets none."""
        if self._is_over:
            return
        self._is_over = True
        self._timer.cancel()
        self._loop.remove_reader(self._peer)
        self._loop.remove_writer(self._peer)
        self._peer.close()
        self._control.open.discard(self)

    def _read(self) -> None:
        """Some of a line may have come."""
        try:
            data = self._peer.recv(LINE_BYTES_MAX + 1)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.end()
        elif self._pieces is None and not self._unsent:
            self._line += data
            line, end, _ = self._line.partition(b"\n")
            if len(line) > LINE_BYTES_MAX:
                self._say({"ok": False, "error": f"more than {LINE_BYTES_MAX} bytes"})
            elif end:
                self._ask(line)

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
        self._unsent = orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)
        self._loop.add_writer(self._peer, self._write)

    def _write(self) -> None:
        """Some of the answer may be taken."""
        try:
            self._unsent = self._unsent[self._peer.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._unsent = b""
        if not self._unsent:
            self.end()


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
            # One of too many has its answer, and its end, before it can ask.
            with contextlib.suppress(BrokenPipeError):
                peer.sendall(REQUEST)
            with contextlib.suppress(ConnectionResetError):
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
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
