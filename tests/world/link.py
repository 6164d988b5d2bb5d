"""What leaves the world's engine, on the bus and to the venue, and what reaches it late."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from fixengine.testing.bus import Bus, Hub
from fixengine.testing.clock import Run

IDS = re.compile(rb"\x0111=([^\x01]+).*?\x017940=([0-9]+)", re.DOTALL)
"""ClOrdID<11> and StrategyID<7940> of an order; of a list of its first."""
KINDS = re.compile(rb"\x0135=(D|E|XCN)\x01")
"""Messages with a new order."""
Letter = tuple[bytes, bytes]
"""(peer, payload) of a request."""


class Owner(Protocol):
    """The world, as far as it is asked here."""

    now_ns: int

    def effect(self, kind: str, action: Callable[[], Any]) -> Any:
        """The engine does something; the process may die before or behind it."""

    def leaves(self, line: Any, messages: list[tuple[str, str] | None]) -> None:
        """Messages are about to be written: orders as (wire id, tag), others as None."""


class SlowBus(Bus):
    """A bus whose engine does not come to read it for a while, as one that is stopped. late: what
    was handed over while the run before died; it comes behind the next Hello of its client.
    """

    def __init__(self, hub: Hub, run: Run, world: Owner, late: list[Letter]) -> None:
        super().__init__(hub, run)
        self.paused_until_ns = 0
        self.late = late
        self._world = world

    def flush(self) -> bool:
        """See Bus."""
        return bool(self._requests) and self._world.now_ns >= self.paused_until_ns

    def receive(self) -> Letter | None:
        """See Bus."""
        return self._requests.popleft() if self.flush() else None

    def put(self, peer: bytes, payload: bytes) -> bool:
        """See Bus."""
        taken = super().put(peer, payload)
        if self.late:
            mine = [letter for letter in self.late if letter[0] == peer]
            self.late = [letter for letter in self.late if letter[0] != peer]
            self._requests.extend(mine)
        return taken

    def send(self, peer: bytes, payload: bytes | bytearray) -> Any:
        """See Bus."""
        return self._world.effect("bus", lambda: Bus.send(self, peer, payload))

    @property
    def unread(self) -> list[Letter]:
        """What nobody has read."""
        return [*self._requests, *self.late]


class Wiretap:
    """A line's end of a link: notes what leaves."""

    def __init__(self, world: Owner, line: Any) -> None:
        self._world = world
        self._line = line
        self._end = line.transport
        self.unsent = self._end.unsent
        self.close = self._end.close

    @property
    def alive(self) -> bool:
        """See line.Transport."""
        return bool(self._end.alive)

    def write(self, data: bytes) -> None:
        """See line.Transport."""
        self._world.effect("link", lambda: self._write(data))

    def _write(self, data: bytes) -> None:
        found = [
            IDS.search(frame) if KINDS.search(frame) else None
            for frame in data.split(b"\x0110=")[:-1]
        ]
        messages = [one and (one[1].decode(), one[2].decode()) for one in found]
        self._world.leaves(self._line, messages)
        self._end.write(data)
