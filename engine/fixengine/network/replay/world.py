"""What the network process has around it in a replay: everything answers as the tape says.

Nothing is sent, connected, asked or waited for. What the process reads of it was recorded where it
was read, so the tape's next record says what the answer was; where it says nothing, nothing had
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.fix.venue import Venue
from fixengine.messages import Hello
from fixengine.network import archive, connector, recall
from fixengine.network.asker import ASKED, RUN
from fixengine.network.config import Config
from fixengine.network.journal import Kind, Record
from fixengine.network.journal.record import WALL_OFFSET
from fixengine.network.line import Line
from fixengine.network.noted import NOT_NOW, note_of
from fixengine.network.replay.tape import Made, Tape
from fixengine.network.sessions import Connect
from fixengine.network.sources import door
from fixengine.network.sources.answers import Problem
from fixengine.network.sources.asks import Ask
from fixengine.network.state import StateDir
from fixengine.network.strategies import Handed
from fixengine.network.trouble import WELL

ROOM_BYTES = 1 << 40
DISK = "the disk does not take the journal"


class World:
    """See Surroundings. now_ns: the monotonic clock, which whoever drives sets. lines: those that
    were made, by SenderCompID. has_sources: whether the recorded engine had any.
    """

    def __init__(self, tape: Tape, now_ns: int, offset_ns: int, has_sources: bool) -> None:
        self.tape = tape
        self.now_ns = now_ns
        self.timers = NoTimers()
        self.lines: dict[str, Line] = {}
        self.told: TapeJournal = TapeJournal(tape)
        self.owner: door.Owner | None = None
        self._offset_ns = offset_ns
        self._has_sources = has_sources

    def monotonic_ns(self) -> int:
        """See Surroundings."""
        return self.now_ns

    def wall_ns(self) -> int:
        """See Surroundings: whether the clocks had parted was recorded at once."""
        record = self.tape.peek()
        if record is not None and record.kind == Kind.CLOCK:
            (self._offset_ns,) = WALL_OFFSET.unpack(record.data)
        return self.now_ns + self._offset_ns

    def jitter_permille(self) -> int:
        """See Surroundings."""
        return int(self.tape.read(b"jitter ") or 0)

    def bus(self, config: Config) -> TapeBus:
        """See Surroundings."""
        return TapeBus(self.tape)

    def journal(self, config: Config, state: StateDir, epoch: int, offset_ns: int) -> TapeJournal:
        """See Surroundings."""
        return self.told

    def recall(
        self,
        config: Config,
        state: StateDir,
        epoch: int,
        venue: Venue,
        orders: Orders,
        positions: Positions,
    ) -> recall.Recalled:
        """See Surroundings: what the run took over stands at its beginning."""
        unread_max = config.bus.report_buffer_max
        return recall.recall_records(self._beginning(), venue, orders, positions, unread_max)

    def _beginning(self) -> Iterator[Record]:
        for record in self.tape.coming():
            yield record
            if record.kind == Kind.START:
                return

    def connector(
        self,
        config: Config,
        state: StateDir,
        owner: connector.Owner,
        new_line: Callable[[Connect], Line],
    ) -> World:
        """See Surroundings."""
        self._new_line = new_line
        return self

    def start(self, wanted: Connect) -> None:
        """An attempt begins; how it ends is on the tape."""
        self.lines[wanted.comp_id] = self._new_line(wanted)

    def cancel(self, comp_id: str) -> None:
        """See Connector."""

    def clear(self, comp_id: str) -> None:
        """See Connector."""

    async def close(self, timeout_s: float) -> None:
        """See Connector."""

    def archive(self, state: StateDir, owner: archive.Owner) -> TapeArchive:
        """See Surroundings."""
        return TapeArchive(self.tape)

    def sources(self, config: Config) -> Callable[[door.Owner], TapeSources] | None:
        """See Surroundings."""
        return self._made_sources if self._has_sources else None

    def _made_sources(self, owner: door.Owner) -> TapeSources:
        self.owner = owner
        return TapeSources(self.tape)


class NoTimers:
    """Time is on the tape: each time a timer rang was recorded."""

    def time(self) -> float:
        """See Timers."""
        return 0.0

    def call_soon(self, callback: Callable[[], object]) -> NoTimers:
        """See Timers."""
        return self

    def call_later(self, delay: float, callback: Callable[[], object]) -> NoTimers:
        """See Timers."""
        return self

    def call_at(self, when: float, callback: Callable[[], object]) -> NoTimers:
        """See Timers."""
        return self

    def cancel(self) -> None:
        """See Timer."""


class TapeJournal:
    """Holds each record against the tape. on_disk: set by whoever drives."""

    recovered = None
    reserve_bytes = ROOM_BYTES

    def __init__(self, tape: Tape) -> None:
        self.on_disk = 0
        self._tape = tape
        self._trouble = WELL

    def append(self, kind: int, now: int, line: int, data: bytes) -> bool:
        """See Journal."""
        self._tape.make(Made(kind, line, data))
        return True

    def clock(self, now: int, wall_offset_ns: int) -> bool:
        """See Journal."""
        return self.append(Kind.CLOCK, now, 0, WALL_OFFSET.pack(wall_offset_ns))

    @property
    def appended(self) -> int:
        """See Journal."""
        return self._tape.position

    def ask(self) -> None:
        """See Journal."""

    def _look(self) -> str:
        read = self._tape.read(b"journal ")
        if read is not None:
            self._trouble = read.decode()
        return self._trouble

    @property
    def healthy(self) -> bool:
        """See Journal."""
        return not self._look().startswith(DISK)

    @property
    def error(self) -> str | None:
        """See Journal."""
        trouble = self._look().removeprefix(DISK)
        return trouble[2:-1] if trouble.startswith(" (") else None

    def has_room(self, room_bytes: int) -> bool:
        """See Journal."""
        return self.free_bytes >= room_bytes

    @property
    def free_bytes(self) -> int:
        """See Journal."""
        return ROOM_BYTES if self.healthy and self._look() == WELL else 0

    def sync(self, timeout_s: float) -> bool:
        """See Journal."""
        return True

    def close(self, timeout_s: float) -> bool:
        """See Journal."""
        return True


class TapeBus:
    """What strategies sent is put in by whoever drives; what they are sent nobody gets."""

    fd = -1

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def flush(self) -> bool:
        """See Bus."""
        return False

    def receive(self) -> None:
        """See Bus."""

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        """See Bus."""
        for handed in (Handed.FULL, Handed.GONE):
            if self._tape.read(note_of(handed, peer).encode()) is not None:
                return handed
        return Handed.TAKEN

    def close(self) -> None:
        """See Bus."""


class TapeArchive:
    """What was found in the journal is put in by whoever drives."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._number = 0

    def ask(self, name: str, first: int, last: int) -> int | None:
        """See Archive."""
        if self._tape.read(NOT_NOW.encode()) is not None:
            return None
        self._number += 1
        return self._number

    def close(self) -> None:
        """See Archive."""


class TapeTransport:
    """The connection of one line."""

    def __init__(self, tape: Tape, line: int) -> None:
        self._tape = tape
        self._line = line
        self._unsent = 0
        self._is_alive = True

    def write(self, data: bytes) -> None:
        """See Transport: the frames are compared before."""

    @property
    def alive(self) -> bool:
        """See Transport."""
        self._is_alive = self._is_alive and self._tape.read(b"dead", self._line) is None
        return self._is_alive

    def unsent(self) -> int:
        """See Transport."""
        if not self.alive:
            return -1
        read = self._tape.read(b"unsent ", self._line)
        if read is not None:
            self._unsent = int(read)
        return self._unsent

    def close(self) -> None:
        """See Transport."""


class TapeSources:
    """The second sources: what they told is put in by whoever drives."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._is_running = False

    @property
    def running(self) -> bool:
        """See Sources."""
        read = self._tape.read(b"sources ")
        if read is not None:
            self._is_running = read == RUN.encode()
        return self._is_running

    def start(self) -> None:
        """See Sources."""

    def follow(self) -> bool:
        """See Sources."""
        return True

    def ask(self, ask: Ask) -> int | Problem:
        """See Sources."""
        read = self._tape.read(ASKED)
        return 0 if read is None else asked.decode(read)

    def close(self) -> None:
        """See Sources."""


asked: msgspec.json.Decoder[int | Problem] = msgspec.json.Decoder(int | Problem)


class Tokens(dict[str, bytes]):
    """Tokens are masked on the tape: whoever was admitted said the right one.

    hello: what is put in now, and whether its token was refused.
    """

    hello: tuple[Hello, bool] | None = None

    def get(self, name: str, otherwise: Any = None) -> Any:
        """The token that the strategy should say."""
        if self.hello is None or self.hello[1]:
            return otherwise
        return (self.hello[0].token or "").encode()
