"""One TLS connection of the venue: its framer, its session, and who logged on over it.

Bytes are handed to the framer in pieces that end where a message can end, so that each garbled
message is told of: of several in one read the framer itself keeps only the last.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Protocol, cast

from fixengine import wire
from fixengine.fix.session import Session
from fixengine.simulator.admission import Counter, Credential
from fixengine.simulator.faults.active import Faults
from fixengine.simulator.faults.link import Link

MESSAGE_BYTES_MAX = 64 * 1024
END = re.compile(rb"\x0110=[0-9]{3}\x01")
END_BYTES = len(b"\x0110=000\x01")


class Owner(Protocol):
    """Who has the connections; see server.py."""

    faults: Faults

    def connected(self, connection: Connection) -> None:
        """TLS stands."""

    def received(self, connection: Connection, data: bytes) -> None:
        """Bytes have come."""

    def disconnected(self, connection: Connection) -> None:
        """It is gone."""


class Connection(asyncio.Protocol):
    """See the module's top.

    role: the kind of session that its port is for. within_limit: whether the connection attempt
    was. everything: ResponseMode EVERYTHING. closing: nothing more is read or written.
    ended_by_us: the venue has ended the session. orders: how many had their outcome lost.
    """

    def __init__(self, server: Owner, role: str) -> None:
        self.server = server
        self.role = role
        self.framer = wire.Framer(message_bytes_max=MESSAGE_BYTES_MAX)
        self.garbled = 0
        self.session: Session
        self.transport: asyncio.Transport
        self.link: Link
        self.within_limit = True
        self.credential: Credential | None = None
        self.everything = True
        self.closing = False
        self.ended_by_us = False
        self.templates: dict[bytes, wire.Template] = {}
        self.messages = Counter()
        self.orders = 0
        self._tail = b""

    @property
    def comp_id(self) -> str:
        """The client's SenderCompID; empty before its Logon."""
        return self.session.client_comp_id

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands."""
        self.transport = cast(asyncio.Transport, transport)
        self.link = Link(self.transport, self.server.faults, lambda: self.comp_id)
        self.server.connected(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        faults = self.server.faults
        if self.closing or self.link.is_black_hole or faults.standing("silent", self.comp_id):
            return
        self.server.received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.server.disconnected(self)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The bytes of one read, cut behind whatever looks like the end of a message."""
        before = len(self._tail)
        seen = self._tail + data
        start = before
        for found in END.finditer(seen):
            if found.end() > start:
                yield seen[start : found.end()]
                start = found.end()
        if start < len(seen):
            yield seen[start:]
        self._tail = seen[-END_BYTES + 1 :]
