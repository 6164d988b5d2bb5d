"""A connection of the engine with the venue in memory: two streams of bytes, no TLS, no sockets.

What one end writes reaches the other without time passing, but never while it is still writing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from fixengine.network.line import Line
from fixengine.simulator.connection import Connection
from fixengine.testing.clock import Clock, Run

CLOSED = "connection closed"
RESET = "connection lost: Connection reset by peer"


class Pipe:
    """See the module's top. on_bytes, on_lost: called in the engine's run.

    unread: what the engine wrote and the venue has not read. reads: whether the venue does.
    """

    def __init__(
        self,
        clock: Clock,
        run: Run,
        line: Line,
        connection: Connection,
        on_bytes: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.is_open = True
        self.reads = True
        self.engine_is_open = True
        self.unread: deque[bytes] = deque()
        self.engine_end = EngineEnd(self)
        self._clock = clock
        self._run = run
        self._line = line
        self._connection = connection
        self._on_bytes = on_bytes
        self._on_lost = on_lost

    def open(self) -> None:
        """Tell the venue of it."""
        self._connection.connection_made(VenueEnd(self))

    def to_venue(self, data: bytes) -> None:
        """The engine writes."""
        if self.is_open and self.engine_is_open:
            self.unread.append(data)
            self._clock.soon(self.drain)

    def to_engine(self, data: bytes) -> None:
        """The venue writes."""

        def arrive() -> None:
            if self.is_open and self.engine_is_open:
                self._line.framer.feed(data)
                self._on_bytes()

        if data:
            self._clock.soon(arrive, self._run)

    def drain(self) -> None:
        """Let the venue read."""
        while self.unread and self.reads and self.is_open:
            self._connection.data_received(self.unread.popleft())

    def end(self, reason: str) -> None:
        """Close both ends, behind what is on its way."""
        self._clock.soon(lambda: self._end(reason))

    def _end(self, reason: str) -> None:
        if not self.is_open:
            return
        self.is_open = False
        self._connection.connection_lost(None)
        self._clock.soon(lambda: self._on_lost(reason), self._run)


class EngineEnd:
    """What a line has of it; see line.Transport."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def write(self, data: bytes) -> None:
        """Give bytes."""
        self._pipe.to_venue(data)

    @property
    def alive(self) -> bool:
        """Whether what is written now can still leave."""
        return self._pipe.is_open and self._pipe.engine_is_open

    def unsent(self) -> int:
        """Bytes that a venue that stopped reading has left; -1 where it is not alive."""
        if not self.alive:
            return -1
        return 0 if self._pipe.reads else sum(map(len, self._pipe.unread))

    def close(self) -> None:
        """Close after what was written."""
        if self._pipe.engine_is_open:
            self._pipe.end(CLOSED)
            self._pipe.engine_is_open = False


class VenueEnd(asyncio.Transport):
    """What the venue's connection has of it."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Give bytes."""
        if not self._closing:
            self._pipe.to_engine(bytes(data))

    def get_write_buffer_size(self) -> int:
        """The engine reads everything at once."""
        return 0

    def pause_reading(self) -> None:
        """Read no more."""
        self._pipe.reads = False

    def resume_reading(self) -> None:
        """Read on."""
        self._pipe.reads = True
        self._pipe.drain()

    def set_read_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is read ahead."""

    def close(self) -> None:
        """Close after what was written."""
        self._end(CLOSED)

    def abort(self) -> None:
        """Reset the connection."""
        self._end(RESET)

    def _end(self, reason: str) -> None:
        if not self._closing:
            self._closing = True
            self._pipe.end(reason)
