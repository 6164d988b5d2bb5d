"""What the engine's process has around it in memory; see network/surroundings.py."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.fix.venue import Venue
from fixengine.messages import report_seq_of
from fixengine.network import archive
from fixengine.network.config import Config
from fixengine.network.connector import Owner
from fixengine.network.journal import Kind
from fixengine.network.journal.archive import EVENTS_MAX, Found
from fixengine.network.journal.record import split_named
from fixengine.network.line import Line
from fixengine.network.recall import Recalled, recall_records
from fixengine.network.sessions import Connect
from fixengine.network.sources import door
from fixengine.network.state import StateDir
from fixengine.simulator.connection import Connection
from fixengine.simulator.venue import DROP_COPY, ORDER_ENTRY
from fixengine.testing.bus import Bus, Hub, MemoryDealer
from fixengine.testing.clock import Clock, Run, Timer
from fixengine.testing.pipe import RESET, Pipe
from fixengine.testing.sources import MemorySources
from fixengine.testing.storage import JournalInMemory
from fixengine.testing.venue import SimulatedVenue


class World:
    """See the module's top.

    run: timers of the present run. venue: whom it connects to. opened: the present run's bus.
    journals: of all runs, the present one last.
    """

    venue: SimulatedVenue
    opened: Bus

    def __init__(self, clock: Clock, hub: Hub, seed: int) -> None:
        self.clock = clock
        self.run = Run(clock, lambda: None)
        self.journals: list[JournalInMemory] = []
        self.monotonic_ns = clock.monotonic_ns
        self.wall_ns = clock.wall_ns
        self._hub = hub
        self._chance = random.Random(seed)
        self._pipes: list[Pipe] = []

    @property
    def timers(self) -> Run:
        """See Surroundings."""
        return self.run

    def jitter_permille(self) -> int:
        """See Surroundings."""
        return self._chance.randrange(1000)

    def bus(self, config: Config) -> Bus:
        """See Surroundings."""
        self.opened = Bus(self._hub, self.run)
        return self.opened

    def journal(
        self, config: Config, state: StateDir, epoch: int, offset_ns: int
    ) -> JournalInMemory:
        """See Surroundings."""
        self.journals.append(JournalInMemory(epoch, self.run))
        return self.journals[-1]

    def recall(
        self,
        config: Config,
        state: StateDir,
        epoch: int,
        venue: Venue,
        orders: Orders,
        positions: Positions,
    ) -> Recalled:
        """See Surroundings. Each run begins with what those before knew, and says so with START;
        one that was killed earlier only adds to the one before it.
        """
        runs = [journal.records for journal in self.journals[:-1]]
        started = [at for at, run in enumerate(runs) if any(one.kind == Kind.START for one in run)]
        records = [record for run in runs[started[-1] if started else 0 :] for record in run]
        unread_max = config.bus.report_buffer_max
        return recall_records(records, venue, orders, positions, unread_max)

    def archive(self, state: StateDir, owner: archive.Owner) -> MemoryArchive:
        """See Surroundings."""
        return MemoryArchive(self.run, self.journals, owner)

    def connector(
        self,
        config: Config,
        state: StateDir,
        owner: Owner,
        new_line: Callable[[Connect], Line],
    ) -> MemoryConnector:
        """See Surroundings."""
        return MemoryConnector(self, config, state, owner, new_line)

    def connect(self, line: Line, owner: Owner) -> None:
        """Join a line with the venue."""
        role = ORDER_ENTRY if line.carries_orders else DROP_COPY
        pipe = Pipe(
            self.clock,
            self.run,
            line,
            Connection(self.venue.server, role),
            lambda: owner.on_bytes(line),
            lambda reason: owner.on_lost(line, reason),
        )
        self._pipes = [one for one in self._pipes if one.is_open]
        self._pipes.append(pipe)
        line.transport = pipe.engine_end
        pipe.open()

    def end(self) -> None:
        """The present run is over."""
        self.run.is_over = True
        for pipe in self._pipes:
            pipe.end(RESET)
        self._pipes.clear()

    def sources(self, config: Config) -> Callable[[door.Owner], MemorySources] | None:
        """See Surroundings."""
        if config.rest_place is None and config.stream_place is None:
            return None
        rooms = self.clock, self.run, self.venue, config.sources
        return lambda owner: MemorySources(*rooms, owner)


class MemoryArchive:
    """Finds events in the journals of all runs; see network/archive.py."""

    def __init__(self, run: Run, journals: list[JournalInMemory], owner: archive.Owner) -> None:
        self._run = run
        self._journals = journals
        self._owner = owner
        self._number = 0

    def ask(self, name: str, first: int, last: int) -> int:
        """See Archive."""
        self._number += 1
        number = self._number
        events: dict[int, bytes] = {}
        for record in (one for journal in self._journals for one in journal.records):
            if record.kind != Kind.DELIVERED:
                continue
            owner, payload = split_named(record.data)
            if owner == name and first <= (seq := report_seq_of(payload)) <= last:
                events.setdefault(seq, payload)
        numbers = sorted(events)[:EVENTS_MAX]
        until = numbers[-1] if len(numbers) == EVENTS_MAX else last
        found = Found(number, [events[seq] for seq in numbers], until)
        self._run.call_soon(lambda: self._owner.on_found(found))
        return number

    def close(self) -> None:
        """See Archive."""


class MemoryConnector:
    """Brings lines up without time passing; see network/connector.py."""

    def __init__(
        self,
        world: World,
        config: Config,
        state: StateDir,
        owner: Owner,
        new_line: Callable[[Connect], Line],
    ) -> None:
        self._world = world
        self._config = config.venue
        self._state = state
        self._owner = owner
        self._new_line = new_line
        self._attempts: dict[str, Timer] = {}

    def start(self, wanted: Connect) -> None:
        """See Connector."""
        timer = self._world.run.call_soon(lambda: self._connect(wanted))
        self._attempts[wanted.comp_id] = timer

    def cancel(self, comp_id: str) -> None:
        """See Connector."""
        timer = self._attempts.pop(comp_id, None)
        if timer is not None:
            timer.cancel()
            text = "the attempt was given up: stopping"
            self._world.run.call_soon(lambda: self._owner.on_not_connected(comp_id, text))

    def clear(self, comp_id: str) -> None:
        """See Connector."""
        self._state.clear(comp_id)

    async def close(self, timeout_s: float) -> None:
        """See Connector."""

    def _connect(self, wanted: Connect) -> None:
        comp_id = wanted.comp_id
        del self._attempts[comp_id]
        line = self._new_line(wanted)
        self._state.attempt(self._world.monotonic_ns())
        self._state.mark_in_use(comp_id, self._config.heartbeat_s, self._world.wall_ns())
        if not self._world.venue.is_reachable:
            self._owner.on_not_connected(comp_id, "the venue: Connection refused")
            return
        self._world.connect(line, self._owner)
        self._owner.on_connected(line)


class MemoryPlace:
    """Where clients find the engine; see client/place.py."""

    clock_is_shared = True

    def __init__(self, clock: Clock, hub: Hub) -> None:
        self.now = clock.monotonic_ns
        self._hub = hub
        self._run_ids = itertools.count(1)

    def run_id(self) -> str:
        """See Place."""
        return f"{next(self._run_ids):x}"

    def dealer(self, strategy: str) -> MemoryDealer:
        """See Place."""
        return self._hub.dealer(strategy)
