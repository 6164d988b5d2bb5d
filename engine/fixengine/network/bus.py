"""The engine's end of ZeroMQ: a ROUTER for all strategies, on ipc in a private directory. No rules.

A ROUTER drops silently what it cannot deliver unless it is told not to (ROUTER_MANDATORY); here
`send` says so instead. It is `fixengine.link`, which speaks ZeroMQ's protocol on the sockets
itself, or plain pyzmq, whose messages pass through a thread of libzmq's: that takes longer.

pyzmq's descriptor signals edges, so after every send and after every bounded drain the owner has to
`flush` again. Where the last `receive` found nothing and nothing was sent since, that costs no
system call.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import zmq

from fixengine.link import Link
from fixengine.messages import MESSAGE_BYTES_MAX
from fixengine.network.strategies import Handed

BACKLOG = 128
CONNECTIONS_MAX = 2048
"""Peers of the compiled link: twice the strategies there can be."""
FILES_KEPT = 128
"""Descriptors that they never take: the journal and the connections to the venue need some."""
RECEIVE_HWM = 1000
SEND_HWM = 10_000
LINGER_MS = 500
OUTCOMES = Handed.TAKEN, Handed.FULL, Handed.GONE
NOT_TAKEN = {errno.EAGAIN: Handed.FULL, errno.EHOSTUNREACH: Handed.GONE}


class BusError(Exception):
    """The bus cannot be opened; the text says why, for people."""


def identity(path: Path) -> tuple[int, int] | None:
    """Device and number of what a path names; None where it cannot be found."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Threads(NamedTuple):
    """How libzmq's own threads run, where there are any. cores: where, () as the one that opens the
    bus; where they may not run, libzmq ends the process. priority: that of SCHED_FIFO; 0: as all
    others.
    """

    cores: tuple[int, ...] = ()
    priority: int = 0


USUAL = Threads()


class End(Protocol):
    """A ROUTER; see Link.

    fd: a descriptor that becomes readable when something may have happened.
    """

    @property
    def fd(self) -> int:
        """See the class."""

    def receive(self) -> tuple[bytes, bytes] | None:
        """(peer, payload) of the next message, or None; b"" for one of more parts than that."""

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        """Hand bytes to a peer without waiting; by `flush` at the latest they leave."""

    def flush(self) -> bool:
        """Send what was handed over; whether a message waits of which fd does not tell."""

    def close(self, wait_ms: int) -> None:
        """Close, giving what was handed over so long to leave."""


class Bus:
    """The engine's end of the bus. endpoint: ipc://PATH, in a directory only the user may enter.

    link: which ROUTER it is. threads: of the plain one. standing: which it is, as (level, text) for
    the log. path: of its socket. fd, receive, send, flush: its own, see End. Raises BusError.
    """

    def __init__(
        self,
        endpoint: str,
        link: Literal["compiled", "plain"] = "compiled",
        threads: Threads = USUAL,
    ) -> None:
        self.path = Path(endpoint.removeprefix("ipc://"))
        self._listener: socket.socket | None = None
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_shared(self.path.parent.stat())
            self._refuse_if_taken()
            self._end = self._listen() if link == "compiled" else Plain(endpoint, threads)
        except (zmq.ZMQError, OSError) as problem:
            self._close_listener()
            raise BusError(f"bus.endpoint: cannot bind {endpoint}: {problem}") from None
        self._identity = identity(self.path)
        how = "ZMTP 3.1" if link == "compiled" else f"pyzmq, libzmq {zmq.zmq_version()}"
        self.standing = "info", f"bus: {link} link, {how}"
        # Each message passes here: bound, they cost no call more.
        self.receive = self._end.receive
        self.send = self._end.send
        self.flush = self._end.flush

    def _listen(self) -> End:
        with contextlib.suppress(FileNotFoundError):
            # Whoever left it there has gone.
            self.path.unlink()
        listener = self._listener = socket.socket(socket.AF_UNIX)
        listener.setblocking(False)
        listener.bind(str(self.path))
        listener.listen(BACKLOG)
        return Link(listener.fileno(), self._connections_max(), MESSAGE_BYTES_MAX, OUTCOMES)

    def _connections_max(self) -> int:
        files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if files_max == resource.RLIM_INFINITY:
            return CONNECTIONS_MAX
        return min(CONNECTIONS_MAX, max(files_max - FILES_KEPT, files_max // 2))

    def _refuse_shared(self, directory: os.stat_result) -> None:
        """BusError where others may enter the directory; it may be theirs, so it stays as it is."""
        if directory.st_uid != os.geteuid():
            trouble = f"belongs to user {directory.st_uid}"
        elif directory.st_mode & 0o077:
            trouble = f"has mode {directory.st_mode & 0o7777:04o}, open to others"
        else:
            return
        raise BusError(
            f"bus.endpoint: {self.path.parent} {trouble}, who could place orders; choose a"
            " directory of your own with mode 0700, which is made where it is missing"
        )

    def _refuse_if_taken(self) -> None:
        """BusError where bind would take the path from a listener or delete somebody's file."""
        if self.path.exists() and not self.path.is_socket():
            raise BusError(f"bus.endpoint: {self.path} is a file; name a path that is free")
        with socket.socket(socket.AF_UNIX) as probe:
            # One that is stopped or hangs takes no connection: its backlog is full.
            probe.setblocking(False)
            try:
                probe.connect(str(self.path))
            except (FileNotFoundError, ConnectionRefusedError):
                return
            except BlockingIOError:
                pass
        raise BusError(
            f"bus.endpoint: {self.path} is in use by another process; one engine per endpoint"
        )

    @property
    def fd(self) -> int:
        """See End."""
        return self._end.fd

    @property
    def turned_away(self) -> int:
        """How many connections had no room; libzmq does not tell."""
        return self._end.turned_away if isinstance(self._end, Link) else 0

    def close(self) -> None:
        """Close, giving what was handed over LINGER_MS to leave, and remove the socket's file."""
        self._end.close(LINGER_MS)
        self._close_listener()
        # Another engine's may lie there, where ours was removed.
        if identity(self.path) == self._identity:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()


class Plain:
    """A ROUTER of pyzmq; see End."""

    def __init__(self, endpoint: str, threads: Threads) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        for core in threads.cores:
            self._context.set(zmq.THREAD_AFFINITY_CPU_ADD, core)
        if threads.priority:
            self._context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_FIFO)
            self._context.set(zmq.THREAD_PRIORITY, threads.priority)
        # The first socket begins them.
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.set(zmq.ROUTER_MANDATORY, 1)
        self._socket.set(zmq.ROUTER_HANDOVER, 0)
        self._socket.set(zmq.RCVHWM, RECEIVE_HWM)
        self._socket.set(zmq.SNDHWM, SEND_HWM)
        self._socket.set(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        self.fd = int(self._socket.get(zmq.FD))
        self._is_drained = False
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError:
            self.close(0)
            raise

    def receive(self) -> tuple[bytes, bytes] | None:
        """See End."""
        self._is_drained = False
        try:
            parts = self._socket.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            self._is_drained = True
            return None
        return parts[0], parts[1] if len(parts) == 2 else b""

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        """See End."""
        self._is_drained = False
        try:
            self._socket.send_multipart((peer, bytes(payload)), zmq.DONTWAIT)
        except zmq.ZMQError as problem:
            if problem.errno in NOT_TAKEN:
                return NOT_TAKEN[problem.errno]
            raise
        return Handed.TAKEN

    def flush(self) -> bool:
        """See End."""
        if not self._is_drained:
            self._is_drained = not int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN
        return not self._is_drained

    def close(self, wait_ms: int) -> None:
        """See End."""
        self._socket.close(wait_ms)
        self._context.term()
