"""What the network process has around it: clocks, chance, timers and the ends to the outside.

`Machine` is the real thing. Whoever hands in another one (see fixengine.testing) gets the same
process in another world.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Protocol

from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.fix.venue import Venue
from fixengine.network import (
    archive,
    asker,
    bus,
    checkpoint,
    connector,
    journal,
    recall,
    strategies,
    teller,
    tuning,
)
from fixengine.network.alarm import Timers
from fixengine.network.config import Config
from fixengine.network.line import Line
from fixengine.network.sessions import Connect
from fixengine.network.sources import door
from fixengine.network.state import StateDir


class Bus(strategies.Bus, Protocol):
    """The end towards the strategies."""

    @property
    def fd(self) -> int:
        """Descriptor that becomes readable when something may have happened."""

    def flush(self) -> bool:
        """Send what was handed over; whether a message waits of which fd does not tell."""

    def receive(self) -> tuple[bytes, bytes] | None:
        """(peer, payload) of the next message, or None."""

    def close(self) -> None:
        """Close it."""


class Journal(teller.Journal, Protocol):
    """Where everything is recorded. recovered: what the start found of an unclean end."""

    @property
    def recovered(self) -> journal.Recovered | None:
        """See the class."""

    def clock(self, now: int, wall_offset_ns: int, /) -> bool:
        """Record the wall clock minus the monotonic one; False where there is no room."""

    def sync(self, timeout_s: float, /) -> bool:
        """Wait until all that was recorded is safe; False after the timeout."""

    def close(self, timeout_s: float, /) -> bool:
        """Close it; False where not everything is safe by then."""


class Connector(Protocol):
    """Brings lines up; see connector.py."""

    def start(self, wanted: Connect, /) -> None:
        """Begin an attempt; the owner is told how it ends."""

    def cancel(self, comp_id: str, /) -> None:
        """Give an attempt up; the owner is told."""

    def clear(self, comp_id: str, /) -> None:
        """Clear the mark of a SenderCompID against which the venue holds nothing."""

    async def close(self, timeout_s: float, /) -> None:
        """Give up every attempt; wait for connections that close and for what is written."""


class Archive(strategies.Archive, Protocol):
    """Where events of strategies are found again."""

    def close(self) -> None:
        """Close it."""


class Surroundings(Protocol):
    """See the module's top."""

    @property
    def timers(self) -> Timers:
        """What an event loop does later."""

    def monotonic_ns(self) -> int:
        """The monotonic clock."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""

    def jitter_permille(self) -> int:
        """A number from 0 to 999 by chance."""

    def bus(self, config: Config, /) -> Bus:
        """Open the bus."""

    def journal(self, config: Config, state: StateDir, epoch: int, offset_ns: int, /) -> Journal:
        """Open the journal of a new run."""

    def recall(
        self,
        config: Config,
        state: StateDir,
        epoch: int,
        venue: Venue,
        orders: Orders,
        positions: Positions,
        /,
    ) -> recall.Recalled:
        """Enter what the runs before this one knew into order table and positions."""

    def archive(self, state: StateDir, owner: archive.Owner, /) -> Archive:
        """Open what finds events in the journal again."""

    def connector(
        self,
        config: Config,
        state: StateDir,
        owner: connector.Owner,
        new_line: Callable[[Connect], Line],
        /,
    ) -> Connector:
        """What brings the lines up."""

    def sources(self, config: Config, /) -> Callable[[door.Owner], asker.Sources] | None:
        """What makes the second sources for their owner; None where there are none."""


class Machine:
    """This machine. Make it on the running event loop. tuned: what the system has granted."""

    def __init__(self, tuned: tuning.Tuned = tuning.UNTUNED) -> None:
        self._tuned = tuned
        self.timers: Timers = asyncio.get_running_loop()
        self.monotonic_ns = time.monotonic_ns
        self.wall_ns = time.time_ns

    def jitter_permille(self) -> int:
        """See Surroundings."""
        return random.randrange(1000)

    def bus(self, config: Config) -> Bus:
        """See Surroundings; raises BusError."""
        return bus.Bus(config.bus.endpoint, config.bus.link, self._tuned.threads)

    def journal(self, config: Config, state: StateDir, epoch: int, offset_ns: int) -> Journal:
        """See Surroundings; raises JournalError."""
        return journal.Journal.open(
            state.path,
            epoch,
            offset_ns,
            ring_bytes=config.journal.ring_bytes,
            file_bytes_max=config.journal.file_bytes_max,
            keep=journal.Keep(config.journal.keep_bytes_max, config.journal.keep_days_max),
            checkpoints=journal.Checkpoints(
                config.journal.checkpoint_bytes,
                (checkpoint.__name__, str(config.bus.report_buffer_max)),
            ),
            tells_end=True,
        )

    def recall(
        self,
        config: Config,
        state: StateDir,
        epoch: int,
        venue: Venue,
        orders: Orders,
        positions: Positions,
    ) -> recall.Recalled:
        """See Surroundings."""
        known = orders, positions, config.bus.report_buffer_max
        return recall.recall(state.path, epoch, venue, *known, state.last_epoch)

    def archive(self, state: StateDir, owner: archive.Owner) -> Archive:
        """See Surroundings."""
        return archive.Archive(state.path / "journal", owner)

    def connector(
        self,
        config: Config,
        state: StateDir,
        owner: connector.Owner,
        new_line: Callable[[Connect], Line],
    ) -> Connector:
        """See Surroundings; raises ConnectError for venue.ca_file."""
        return connector.Connector(config, state, owner, new_line, self._tuned.tcp)

    def sources(self, config: Config) -> Callable[[door.Owner], asker.Sources] | None:
        """See Surroundings."""
        if config.rest_place is None and config.stream_place is None:
            return None
        return lambda owner: door.Sources(config, owner)
