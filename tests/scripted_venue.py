"""A venue played by a test: a listening socket, real TLS, and messages made by hand.

It shares no code with the engine's codec: what it reads, a foreign parser has read, and what it
writes may be as wrong as a test wants.
"""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import simplefix
from fixengine.simulator import pki

WAIT_S = 20.0
PASSED_OVER = ("0", "1", "XLQ")
NO_LINGER = struct.pack("ii", 1, 0)


class Place(NamedTuple):
    """Where a venue listens, and the files that an engine needs to reach it."""

    port: int
    ca_file: Path
    api_key_file: Path
    private_key_file: Path


class Acceptor:
    """A listening socket with the certificates of a built-in venue.

    tls: changes the server's context before it listens. receive_bytes: the size of its sockets'
    receive buffers. plain: speak no TLS at all.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tls: Callable[[ssl.SSLContext], None] | None = None,
        receive_bytes: int | None = None,
    ) -> None:
        files = pki.ensure(folder, datetime.datetime.now(datetime.UTC))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.server_certificate_file, files.server_key_file)
        if tls is not None:
            tls(self._context)
        self._open: list[socket.socket] = []
        listener = socket.socket()
        self._open.append(listener)
        self._listener = listener
        if receive_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        listener.settimeout(WAIT_S)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        self.place = Place(port, files.ca_file, files.api_key_file, files.private_key_file)

    def close(self) -> None:
        """Close it and every connection."""
        for one in self._open:
            one.close()

    def accept_plain(self) -> socket.socket:
        """The next TCP connection."""
        raw = self._listener.accept()[0]
        raw.settimeout(WAIT_S)
        self._open.append(raw)
        return raw

    def accept(self) -> Peer:
        """The next connection, TLS done; ssl.SSLError where that fails."""
        secured = self._context.wrap_socket(self.accept_plain(), server_side=True)
        self._open.append(secured)
        return Peer(secured)

    def logon(self) -> Peer:
        """The next connection, logged on."""
        peer = self.accept()
        peer.answer_logon()
        return peer


class Peer:
    """The venue's end of one connection. seq: MsgSeqNum of the next message."""

    def __init__(self, secured: ssl.SSLSocket) -> None:
        self.socket = secured
        self.seq = 1
        self.comp_id = ""
        self.received: list[dict[int, str]] = []
        self._parser = simplefix.FixParser()

    def read(self) -> dict[int, str]:
        """The next message; {} at the end of the connection."""
        while True:
            message = self._parser.get_message()
            if message is not None:
                values = first_values(message)
                self.received.append(values)
                return values
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                self.socket.close()
                return {}
            self._parser.append_buffer(data)

    def read_to_end(self) -> list[dict[int, str]]:
        """Every message up to the end of the connection."""
        return list(iter(self.read, {}))

    def expect(self, kind: str) -> dict[int, str]:
        """The next message of this MsgType; others that are PASSED_OVER may come before."""
        while (values := self.read()) and values[35] in PASSED_OVER and values[35] != kind:
            pass
        assert values.get(35) == kind, values
        return values

    def answer_logon(self, **changes: object) -> dict[int, str]:
        """Read the Logon and accept it; changes as `frame` takes them."""
        logon = self.expect("A")
        self.comp_id = logon[49]
        self.send("A", {98: 0, 108: logon[108], 25037: "uuid"}, **changes)
        return logon

    def frame(self, kind: str, fields: dict[int, object], **changes: object) -> bytes:
        """A message under the next MsgSeqNum; changes such as t34=7, t150=None replace fields."""
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H:%M:%S.%f")
        head: dict[int, object] = {49: "SPOT", 56: self.comp_id, 34: self.seq, 52: stamp}
        self.seq += 1
        fields = head | fields | {int(name[1:]): value for name, value in changes.items()}
        pairs = ((tag, value) for tag, value in fields.items() if value is not None)
        body = f"35={kind}\x01" + "".join(f"{tag}={value}\x01" for tag, value in pairs)
        message = f"8=FIX.4.4\x019={len(body)}\x01{body}".encode()
        return message + b"10=%03d\x01" % (sum(message) % 256)

    def send(self, kind: str, fields: dict[int, object], **changes: object) -> None:
        """Write a message."""
        self.socket.sendall(self.frame(kind, fields, **changes))

    def report(self, order: dict[int, str], **changes: object) -> bytes:
        """An ExecutionReport that acknowledges an order as it was received."""
        fields: dict[int, object] = {17: self.seq, 11: order[11], 37: 100 + self.seq}
        fields |= {38: order[38], 40: order[40], 54: order[54], 55: order[55], 44: order[44]}
        fields |= {150: "0", 14: "0", 151: order[38], 32: "0", 39: "0"}
        return self.frame("8", fields, **changes)

    def logout(self) -> None:
        """Read to the engine's Logout, answer it, and see the end."""
        self.expect("5")
        self.send("5", {})
        assert self.read() == {}

    def reset(self) -> None:
        """Cut the connection off with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        os.close(self.socket.detach())


def read_frame(data: bytes) -> dict[int, str]:
    """A FIX message by a foreign parser, the first value of each tag."""
    parser = simplefix.FixParser()
    parser.append_buffer(data)
    message = parser.get_message()
    assert message is not None, data
    return first_values(message)


def first_values(message: Any) -> dict[int, str]:
    """The first value of each tag of a message that simplefix has read."""
    return {int(tag): value.decode() for tag, value in reversed(message.pairs)}
