"""The way from a session to its connection: what it says is changed, held, cut or lost here.

Messages go in, writes come out. While no fault holds and nothing waits, a batch of messages is
one write. What is held waits in order; `pump`, called by every tick, lets go what is due.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable

from fixengine.simulator.faults import frames
from fixengine.simulator.faults.active import Faults

RECEIVE_BYTES = 4096
NO_LINGER = struct.pack("ii", 1, 0)


class Link:
    """One connection's way out.

    faults: of the venue. session: answers the SenderCompID, "" before the Logon.
    """

    def __init__(
        self, transport: asyncio.Transport, faults: Faults, session: Callable[[], str]
    ) -> None:
        self.transport = transport
        self._faults = faults
        self._session = session
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0
        self._gathered: list[bytes] = []
        self._gathered_since_ns = 0
        self._end: str | None = None
        self._closing = False
        self._reads = True

    @property
    def unsent_bytes(self) -> int:
        """What the client has not taken, and what is held."""
        return self.transport.get_write_buffer_size() + self._waiting_bytes

    @property
    def _is_plain(self) -> bool:
        """Whether nothing is wrong and nothing is gathered."""
        return not (self._faults.active or self._gathered or self._closing or self._end)

    @property
    def is_black_hole(self) -> bool:
        """Whether the connection stands and nothing passes."""
        return self._faults.standing("black-hole", self._session()) is not None

    def write(self, output: list[bytes], now: int) -> None:
        """Send what a session has to say. now: monotonic ns."""
        if self._end is not None:
            return
        if self._is_plain and not self._waiting:
            self.transport.write(b"".join(output))
            return
        if self.is_black_hole:
            return
        who = self._session()
        changed: list[bytes] = []
        for frame in output:
            for one in frames.apply(frame, self._faults, who):
                if cut := self._faults.take("cut", who, frames.kind_of(frame)):
                    self._release(changed, now)
                    self.cut(one, cut.values["end"])
                    return
                changed.append(one)
        self._release(changed, now)

    def cut(self, frame: bytes, end: str) -> None:
        """Send half of a message; the next tick ends the connection. end: reset or fin."""
        for _, data in self._waiting:
            self.transport.write(data)
        self._waiting.clear()
        self.transport.write(frame[: len(frame) // 2])
        self.end(end)

    def write_raw(self, data: bytes) -> None:
        """Send bytes as they are, before what is held."""
        if not self.is_black_hole:
            self._put(data)

    def end(self, how: str) -> None:
        """End the connection at the next tick, behind what is written already.

        how: reset, so that the client sees RST, or fin.
        """
        self._end = how

    def pump(self, now: int) -> None:
        """Let go what is due, where anything may pass; end the connection behind half a message."""
        if self._is_plain and not self._waiting:
            return
        if self._end is not None:
            if self._end == "reset":
                self._reset()
            else:
                self.transport.close()
            return
        if self.is_black_hole:
            self._waiting.clear()
            self._waiting_bytes = 0
            self._gathered.clear()
            return
        while self._waiting and self._waiting[0][0] <= now:
            data = self._waiting.popleft()[1]
            self._waiting_bytes -= len(data)
            self._put(data)
        if self._gathered:
            self._release([], now)
        if self._closing and not self._waiting:
            self.transport.close()

    def close(self, now: int) -> None:
        """Nothing more will be said: close behind what is held for a delay."""
        data = b"".join(self._gathered)
        self._gathered.clear()
        self._put_or_hold(data, now)
        if self._waiting:
            self._closing = True
        else:
            self.transport.close()

    def _reset(self) -> None:
        peer = self.transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.transport.abort()

    def update_reading(self) -> None:
        """Faults have changed, or the session has its name: read, or stop reading."""
        who = self._session()
        names = ("black-hole", "stop-reading")
        reads = not any(self._faults.standing(name, who) for name in names)
        if reads == self._reads:
            return
        self._reads = reads
        if reads:
            self.transport.resume_reading()
            return
        # Without the limits half a megabyte more would be read ahead and thrown away.
        self.transport.set_read_buffer_limits(high=0)  # type: ignore[attr-defined]
        peer = self.transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        self.transport.pause_reading()

    def _release(self, output: list[bytes], now: int) -> None:
        """Write messages now, or hold them: for a delay, or until they are enough or too old."""
        who = self._session()
        if not self._gathered:
            self._gathered_since_ns = now
        self._gathered += output
        coalesce = self._faults.standing("coalesce", who)
        age_ns = now - self._gathered_since_ns
        if (
            coalesce is not None
            and len(self._gathered) < coalesce.values["count"]
            and age_ns < coalesce.values["ms"] * 1_000_000
        ):
            return
        data = b"".join(self._gathered)
        self._gathered.clear()
        self._put_or_hold(data, now)

    def _put_or_hold(self, data: bytes, now: int) -> None:
        if not data:
            return
        delay = self._faults.standing("delay", self._session())
        if delay is not None or self._waiting:
            held_ns = 0 if delay is None else delay.values["ms"] * 1_000_000
            due = max(now + held_ns, self._waiting[-1][0] if self._waiting else 0)
            self._waiting.append((due, data))
            self._waiting_bytes += len(data)
            return
        self._put(data)

    def _put(self, data: bytes) -> None:
        split = self._faults.standing("split", self._session())
        if split is None:
            self.transport.write(data)
            return
        step = split.values["bytes"]
        for start in range(0, len(data), step):
            self.transport.write(data[start : start + step])
