"""The ZeroMQ end: one ROUTER for all strategies, on ipc in a private directory. No rules.

A ROUTER drops silently what it cannot deliver unless it is told not to (ROUTER_MANDATORY); here
`send` says so instead. The socket's descriptor signals edges, so after every send and after
every bounded drain the owner has to ask `readable` again. Where the last `receive` found nothing
and nothing was sent since, that costs no system call.

Messages pass through `fixengine.link`, which is compiled and calls pyzmq's libzmq itself, or
through plain pyzmq, which does the same and takes longer.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import zmq

from fixengine.link import Link, LinkError
from fixengine.messages import MESSAGE_BYTES_MAX
from fixengine.network.strategies import Handed

RECEIVE_HWM = 1000
SEND_HWM = 10_000
LINGER_MS = 500
OUTCOMES = Handed.TAKEN, Handed.FULL, Handed.GONE
NOT_TAKEN = {errno.EAGAIN: Handed.FULL, errno.EHOSTUNREACH: Handed.GONE}


class BusError(Exception):
    """The bus cannot be opened; the text says why, for people."""


class Threads(NamedTuple):
    """How libzmq's own threads run. cores: where, () as the one that opens the bus; where they may
    not run, libzmq ends the process. priority: that of SCHED_FIFO; 0: as all others.
    """

    cores: tuple[int, ...] = ()
    priority: int = 0


USUAL = Threads()


class End(Protocol):
    """What passes messages through a ROUTER; see Link."""

    def readable(self) -> bool:
        """Whether a message is waiting that the descriptor will not tell of."""

    def receive(self) -> tuple[bytes, bytes] | None:
        """(peer, payload) of the next message, or None; b"" for one of more parts than that."""

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        """Hand bytes to a peer without waiting."""

    def close(self) -> None:
        """Touch the socket no more."""


class Bus:
    """The engine's end of the bus. endpoint: ipc://PATH, in a directory only the user may enter.

    link: what messages pass through; where the compiled one cannot be had it is the plain one.
    standing: which it is and why, as (level, text) for the log. readable, receive, send: its own,
    see End. Raises BusError.
    """

    def __init__(
        self,
        endpoint: str,
        link: Literal["compiled", "plain"] = "compiled",
        threads: Threads = USUAL,
    ) -> None:
        self._path = Path(endpoint.removeprefix("ipc://"))
        self._bound = False
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
        self._socket.set(zmq.LINGER, LINGER_MS)
        self._end, self.standing = _end_of(self._socket, link)
        # Each message passes here: bound, they cost no call more.
        self.readable = self._end.readable
        self.receive = self._end.receive
        self.send = self._end.send
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_shared(self._path.parent.stat())
            self._refuse_if_taken()
            self._socket.bind(endpoint)
            self._bound = True
        except (zmq.ZMQError, OSError) as problem:
            self.close()
            raise BusError(f"bus.endpoint: cannot bind {endpoint}: {problem}") from None
        except BusError:
            self.close()
            raise

    def _refuse_shared(self, directory: os.stat_result) -> None:
        """BusError where others may enter the directory; it may be theirs, so it stays as it is."""
        if directory.st_uid != os.geteuid():
            trouble = f"belongs to user {directory.st_uid}"
        elif directory.st_mode & 0o077:
            trouble = f"has mode {directory.st_mode & 0o7777:04o}, open to others"
        else:
            return
        raise BusError(
            f"bus.endpoint: {self._path.parent} {trouble}, who could place orders; choose a"
            " directory of your own with mode 0700, which is made where it is missing"
        )

    def _refuse_if_taken(self) -> None:
        """BusError where bind would take the path from a listener or delete somebody's file."""
        if self._path.exists() and not self._path.is_socket():
            raise BusError(f"bus.endpoint: {self._path} is a file; name a path that is free")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._path))
            except (FileNotFoundError, ConnectionRefusedError):
                return
        raise BusError(
            f"bus.endpoint: {self._path} is in use by another process; one engine per endpoint"
        )

    @property
    def fd(self) -> int:
        """Descriptor that becomes readable when something may have happened."""
        return int(self._socket.get(zmq.FD))

    def close(self) -> None:
        """Close, giving queued messages LINGER_MS to leave, and remove the socket's file."""
        self._end.close()
        self._socket.close()
        self._context.term()
        if self._bound:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()


class Plain:
    """The end of a ROUTER through pyzmq; see Link."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._is_drained = False

    def readable(self) -> bool:
        """See Link."""
        if not self._is_drained:
            self._is_drained = not int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN
        return not self._is_drained

    def receive(self) -> tuple[bytes, bytes] | None:
        """See Link."""
        self._is_drained = False
        try:
            parts = self._socket.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            self._is_drained = True
            return None
        return parts[0], parts[1] if len(parts) == 2 else b""

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        """See Link."""
        self._is_drained = False
        try:
            self._socket.send_multipart((peer, bytes(payload)), zmq.DONTWAIT)
        except zmq.ZMQError as problem:
            if problem.errno in NOT_TAKEN:
                return NOT_TAKEN[problem.errno]
            raise
        return Handed.TAKEN

    def close(self) -> None:
        """See Link; the socket's maker closes it."""


def compiled(router: zmq.Socket[bytes]) -> Link:
    """The compiled end of a ROUTER. Raises LinkError where pyzmq's libzmq cannot be called."""
    # The module pyzmq calls libzmq with: what it is linked to is the libzmq of its sockets.
    backend = next(kind.__module__ for kind in type(router).__mro__ if "backend" in kind.__module__)
    file = sys.modules[backend].__file__
    if file is None:
        raise LinkError(f"{backend} is not a file")
    return Link(router.underlying, file, zmq.zmq_version_info(), OUTCOMES)


def _end_of(
    router: zmq.Socket[bytes], link: Literal["compiled", "plain"]
) -> tuple[End, tuple[str, str]]:
    if link == "plain":
        return Plain(router), ("info", "bus: plain pyzmq, as bus.link says")
    try:
        end = compiled(router)
    except LinkError as problem:
        text = f"bus: plain pyzmq, for the compiled link cannot be used: {problem}"
        return Plain(router), ("warning", text)
    return end, ("info", f"bus: compiled link to libzmq {zmq.zmq_version()}")
