"""The venue's ports: TCP connections accepted, TLS done, each handed to a Connection.

The venue accepts for itself instead of leaving it to the event loop, so that each connection can
meet other TLS: a wrong certificate, no answer to the handshake, or nobody who accepts at all.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable

from fixengine.simulator.connection import Connection
from fixengine.simulator.faults.active import Faults

TLS_TIMEOUT_S = 10.0
TLS_CLOSE_TIMEOUT_S = 1.0
BACKLOG_MAX = 100
HANDSHAKES_MAX = 200
RETRY_S = 0.05
"""After an accept that failed, or while nobody is to be accepted."""


class Listener:
    """One port. context: answers the TLS that the next connection meets."""

    def __init__(
        self, make: Callable[[], Connection], faults: Faults, context: Callable[[], ssl.SSLContext]
    ) -> None:
        self._make = make
        self._faults = faults
        self._context = context
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        self._hanging: list[socket.socket] = []

    def listen(self, host: str, port: int) -> tuple[str, int]:
        """Open the port; the address it has. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)
        opened = socket.socket(*found[0][:3])
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(found[0][4])
            opened.listen(BACKLOG_MAX)
            opened.setblocking(False)
        except OSError:
            opened.close()
            raise
        self._socket = opened
        self._task = asyncio.get_running_loop().create_task(self._accept(opened))
        address = opened.getsockname()
        return address[0], address[1]

    async def close(self) -> None:
        """Close the port; connections that stand go on."""
        tasks = [*self._handshakes, *((self._task,) if self._task else ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in self._hanging:
            one.close()
        if self._socket is not None:
            self._socket.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self._faults.standing("never-accept", "") or len(self._handshakes) >= HANDSHAKES_MAX:
                await asyncio.sleep(RETRY_S)
                continue
            try:
                peer, _ = await loop.sock_accept(listening)
            except OSError as problem:
                if problem.errno in (errno.EBADF, errno.EINVAL):
                    raise
                # Too many open files, or a client that left at once.
                await asyncio.sleep(RETRY_S)
                continue
            if any(self._faults.standing(name, "") for name in ("hang-tls", "never-accept")):
                # The wait may have begun before the fault: to the client both are one.
                self._hang(peer)
                continue
            task = loop.create_task(self._handshake(peer))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _handshake(self, peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make,
                peer,
                ssl=self._context(),
                ssl_handshake_timeout=TLS_TIMEOUT_S,
                ssl_shutdown_timeout=TLS_CLOSE_TIMEOUT_S,
            )
        except OSError:
            # What does not speak TLS, or not ours, or not in time, is not answered.
            peer.close()

    def _hang(self, peer: socket.socket) -> None:
        self._hanging.append(peer)
        if len(self._hanging) > BACKLOG_MAX:
            self._hanging.pop(0).close()


def cause(problem: OSError) -> str:
    """The reason alone; that of a failed name look-up has no errno of the system."""
    known = isinstance(problem.errno, int) and problem.errno > 0
    return os.strerror(problem.errno or 0) if known else str(problem.strerror or problem)
