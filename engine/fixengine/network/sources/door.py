"""The network process's end of the second sources: questions out, rows and events in.

The work is done in another process (worker.py). Here a packet is decoded and handed to the owner,
PACKETS_A_WAKE_UP at most each time the loop comes by, so that orders and reports go on in between.
Starting that process takes the loop from half a millisecond to several, so it belongs where nobody
trades yet, or where nobody can. What the owner makes of it all stands elsewhere: nothing is decided
here.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import Any, Protocol

from fixengine.network.config import Config, effective
from fixengine.network.sources.answers import Because, Problem
from fixengine.network.sources.asks import Ask
from fixengine.network.sources.events import Told
from fixengine.network.sources.packets import (
    PACKET_BYTES_MAX,
    Broken,
    Failed,
    Follow,
    Question,
    Rows,
    Setup,
    StreamState,
    encode,
    from_worker,
)

QUESTIONS_MAX = 64
PACKETS_A_WAKE_UP = 4


class Owner(Protocol):
    """Who is told. Everything happens in the loop that `start` was called in."""

    def on_rows(self, number: int, rows: tuple[Any, ...], is_last: bool) -> None:
        """A piece of the answer to question `number`; rows as its Ask says, in order."""

    def on_problem(self, number: int, problem: Problem) -> None:
        """There is no answer to question `number`, or no more of it. It is not asked again."""

    def on_stream(self, state: StreamState) -> None:
        """The user data stream stands otherwise."""

    def on_event(self, connection: int, event: Told) -> None:
        """The user data stream told something, in its order on one connection."""

    def on_ended(self, text: str) -> None:
        """The process that asks is gone; its questions have been answered with a problem. Only
        `start` begins another one.
        """


class Sources:
    """See the module's top."""

    def __init__(self, config: Config, owner: Owner) -> None:
        self._config = config
        self._owner = owner
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._number = 0
        self._open: set[int] = set()
        self._why = ""

    @property
    def running(self) -> bool:
        """Whether there is a process to ask."""
        return self._socket is not None

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start the process; needs a running loop. OSError where the system refuses one."""
        if self._socket is not None:
            return
        self._reap()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "fixengine.network.sources.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
            ours.setblocking(False)
            ours.send(encode(Setup(effective(self._config))))
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._socket, self._why = ours, ""
        asyncio.get_running_loop().add_reader(ours.fileno(), self._on_readable)

    def ask(self, ask: Ask) -> int | Problem:
        """Ask; the number under which the owner hears the answer, or why it cannot be asked."""
        if len(self._open) >= QUESTIONS_MAX:
            text = f"{QUESTIONS_MAX} questions are open; wait for an answer to one of them"
            return Problem(Because.LIMITED.value, text)
        self._number += 1
        if not self._send(Question(self._number, ask)):
            return Problem(Because.FAILED.value, "the process that asks does not run, or listen")
        self._open.add(self._number)
        return self._number

    def follow(self) -> bool:
        """Open the user data stream and keep it open; the owner hears how it stands.

        Once is enough for each process. False: there is no process that listens.
        """
        return self._send(Follow())

    def close(self) -> None:
        """End the process; the owner hears nothing more."""
        self._disconnect()
        self._open.clear()
        self._reap()

    # --- small steps ------------------------------------------------------------------------

    def _send(self, packet: Question | Follow) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.send(encode(packet))
        except OSError:
            # Full, or about to be heard of as ended.
            return False
        return True

    def _on_readable(self) -> None:
        for _ in range(PACKETS_A_WAKE_UP):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._ended()
                return
            packet = from_worker.decode(data)
            if isinstance(packet, Rows):
                if packet.is_last:
                    self._open.discard(packet.number)
                self._owner.on_rows(packet.number, packet.rows, packet.is_last)
            elif isinstance(packet, Failed):
                self._open.discard(packet.number)
                self._owner.on_problem(packet.number, packet.problem)
            elif isinstance(packet, StreamState):
                self._owner.on_stream(packet)
            elif isinstance(packet, Broken):
                self._why = packet.text
            else:
                self._owner.on_event(packet.connection, packet.event)

    def _ended(self) -> None:
        self._disconnect()
        status = self._reap()
        why = self._why or f"exit status {status}"
        text = f"the process that asks REST and the stream has ended: {why}"
        numbers, self._open = sorted(self._open), set()
        for number in numbers:
            self._owner.on_problem(number, Problem(Because.FAILED.value, text))
        self._owner.on_ended(text)

    def _disconnect(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _reap(self) -> int | None:
        if self._child is None:
            return None
        child, self._child = self._child, None
        if child.poll() is None:
            # Its socket is closed, so it has nothing left to do; nobody waits for its own end.
            child.kill()
        return child.wait()
