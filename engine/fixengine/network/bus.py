"""The ZeroMQ end: one ROUTER for all strategies, on ipc in a private directory. No rules.

A ROUTER drops silently what it cannot deliver unless it is told not to (ROUTER_MANDATORY); here
`send` says so instead. The socket's descriptor signals edges, so after every send and after
every bounded drain the owner has to ask `readable` again.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import zmq

from fixengine.messages import MESSAGE_BYTES_MAX
from fixengine.network.strategies import Handed

RECEIVE_HWM = 1000
SEND_HWM = 10_000
LINGER_MS = 500


class BusError(Exception):
    """The bus cannot be opened; the text says why, for people."""


class Bus:
    """The engine's end of the bus. endpoint: ipc://PATH, in a directory only the user may enter."""

    def __init__(self, endpoint: str) -> None:
        self._path = Path(endpoint.removeprefix("ipc://"))
        self._bound = False
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.set(zmq.ROUTER_MANDATORY, 1)
        self._socket.set(zmq.ROUTER_HANDOVER, 0)
        self._socket.set(zmq.RCVHWM, RECEIVE_HWM)
        self._socket.set(zmq.SNDHWM, SEND_HWM)
        self._socket.set(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        self._socket.set(zmq.LINGER, LINGER_MS)
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

    @property
    def readable(self) -> bool:
        """Whether a message is waiting."""
        return bool(int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN)

    def receive(self) -> tuple[bytes, bytes] | None:
        """(peer, payload) of the next message, or None; b"" for one of more parts than that."""
        try:
            parts = self._socket.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return None
        return parts[0], parts[1] if len(parts) == 2 else b""

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        """Hand bytes to a peer without waiting."""
        try:
            self._socket.send_multipart((peer, bytes(payload)), zmq.DONTWAIT)
        except zmq.Again:
            return Handed.FULL
        except zmq.ZMQError as problem:
            if problem.errno == zmq.EHOSTUNREACH:
                return Handed.GONE
            raise
        return Handed.TAKEN

    def close(self) -> None:
        """Close, giving queued messages LINGER_MS to leave, and remove the socket's file."""
        self._socket.close()
        self._context.term()
        if self._bound:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()
