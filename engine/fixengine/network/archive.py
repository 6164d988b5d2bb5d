"""The network process's end of the archive: events that memory has let go of, out of the journal.

The files are read in another process (journal/archive.py). Here a packet of few events is handed
on, one each time the loop comes by, so that orders and reports go on in between. That process is
started when it is first needed, which takes the loop about a millisecond, once.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from fixengine.network.journal.archive import (
    PACKET_BYTES_MAX,
    Found,
    Question,
    encode,
    found_decoder,
)

AGAIN_NS = 1_000_000_000
"""After one that ended by itself, the next process is not started before that."""


class Owner(Protocol):
    """Who is told."""

    def on_found(self, found: Found) -> None:
        """A piece of an answer, or (with a problem) all there will be of it."""

    def on_archive_ended(self, text: str) -> None:
        """The process ended by itself: no question is open any more, and each may be asked anew."""


class Archive:
    """See the module's top. directory: the journal's."""

    def __init__(self, directory: Path, owner: Owner) -> None:
        self._directory = directory
        self._owner = owner
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._number = 0
        self._started_ns = -AGAIN_NS

    def ask(self, name: str, first: int, last: int) -> int | None:
        """Ask for events first..last of a strategy; the number of the answer, or None: not now."""
        ours = self._socket or self._start()
        if ours is None:
            return None
        try:
            ours.send(encode(Question(self._number + 1, name, first, last)))
        except OSError:
            # Full, or about to be heard of as ended.
            return None
        self._number += 1
        return self._number

    def close(self) -> None:
        """End the process; the owner hears nothing more."""
        self._disconnect()
        self._reap()

    # --- small steps ------------------------------------------------------------------------

    def _start(self) -> socket.socket | None:
        now = time.monotonic_ns()
        if now - self._started_ns < AGAIN_NS:
            return None
        self._started_ns = now
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        module = "fixengine.network.journal.archive"
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), str(self._directory)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        except OSError as problem:
            ours.close()
            text = f"it cannot be started: {problem.strerror}"
            asyncio.get_running_loop().call_soon(self._owner.on_archive_ended, text)
            return None
        finally:
            theirs.close()
        ours.setblocking(False)
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._on_readable)
        return ours

    def _on_readable(self) -> None:
        assert self._socket is not None, "it is not watched without"
        try:
            data = self._socket.recv(PACKET_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._owner.on_found(found_decoder.decode(data))
            return
        self._disconnect()
        self._owner.on_archive_ended(f"exit status {self._reap()}")

    def _disconnect(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _reap(self) -> int | None:
        child, self._child = self._child, None
        if child is None:
            return None
        if child.poll() is None:
            child.kill()
        return child.wait()
