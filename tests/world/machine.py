"""The engine's process in the world: what it does to the world, and how it dies and starts.

An effect is a journal record, an event on the bus, bytes on a link, or a write of the state. Before
and behind each the process may die, and what it had in memory is gone.
"""

from __future__ import annotations

import random
import re
from collections import Counter, deque
from collections.abc import Callable
from typing import Any
from unittest import mock

from fixengine.network.journal import Kind
from fixengine.network.journal.record import split_named
from fixengine.simulator.choices import CHOICES
from fixengine.testing import SimulatedEngine, clock
from fixengine.testing import engine as testing_engine
from fixengine.testing import venue as testing_venue
from fixengine.testing.storage import StateInMemory

from world.checker import Checker
from world.disk import Disk, TappedState
from world.link import Letter, SlowBus, Wiretap
from world.options import Options
from world.strategies import Seat
from world.venue import VenueOfWorld

SECOND_NS = 1_000_000_000
TAIL_LINES = 60
TURNS_AT_ONCE_MAX = 30_000
"""An engine that wakes up so often while no time passes is in an endless loop."""
VENUE_TICK_S = 0.05
POWER_CUTS = 0.3
"""Of the kills, those that take the whole machine."""
COMP_IDS = [f"SIM{number}" for number in range(1, 25)]
LIMIT_RESPONSE = b"\x0135=XLR\x01"
EMPTY = re.compile(r", \w+=(None|'')")
"""Fields of an event that say nothing."""


class Killed(BaseException):
    """The process ends here. No `except` of the engine may hold it up."""


class Machine:
    """See the module's top. hit: how often each kind of trouble came. counts: events by kind,
    journal records apart. skew_ns: by how much our wall clock is wrong. limits_told: whether the
    venue has told this run its limits, which before that it takes from its table. is_quiet: all
    trouble has ended, so no process dies of itself.
    """

    def __init__(self, seed: int, options: Options, chance: random.Random) -> None:
        self.seed = seed
        self.options = options
        self.chance = chance
        self.checker = Checker(
            options.messages_max, options.orders_max, options.on_death == "cancel"
        )
        self.hit: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.skew_ns = options.skew_ms * 1_000_000
        if self.skew_ns:
            self.met("clock skew")
        self.seats: list[Seat] = []
        self._disk = Disk(chance)
        self._tail: deque[tuple[int, str, Any]] = deque(maxlen=TAIL_LINES)
        self._fuse: int | None = None
        self.is_quiet = False
        self._power_failed = False
        self._torn_read = False
        self.limits_told = False
        self._late: list[Letter] = []
        self._bus: SlowBus | None = None
        self._line_of: dict[str, Any] = {}
        clock.TURNS_AT_ONCE_MAX = TURNS_AT_ONCE_MAX
        testing_venue.TICK_S = VENUE_TICK_S
        of_venue = {
            "sessions": options.sessions,
            "spread": "symbol" if options.by_symbol else "round_robin",
            "drop_copy": options.drop_copy,
            "heartbeat_s": 5,
            "recv_window_ms": options.recv_window_ms,
            "sender_comp_ids": COMP_IDS,
        }
        config = {"venue": of_venue, "strategies": {"on_death": options.on_death}}
        config["engine"] = {"state_dir": "memory", "orders_max": options.orders_max}
        config["sources"] = {"user_data": options.followed}
        config["journal"] = {"durability": options.durability}
        choices = {one.name: one.ways[seed % len(one.ways)] for one in CHOICES}
        self.engine = SimulatedEngine(seed=seed, house=False, config=config, choices=choices)
        self._around: Any = self.engine._around
        rooms = self.engine.venue, self._around.clock, self
        self.venue = VenueOfWorld(*rooms, options)
        self._tap()
        # The run that began untapped; and midnight, where a position begins, is behind all clocks.
        self.engine.kill()
        self.engine.advance(10)

    # --- what the other rooms ask -----------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The world's clock."""
        return self._around.clock.now_ns  # type: ignore[no-any-return]

    @property
    def events(self) -> int:
        """How many there were so far; see the folder's top."""
        records = sum(len(journal.records) for journal in self._around.journals)
        return self.counts.total() + records

    def count(self, what: str, number: int = 1) -> None:
        """So many events of a kind."""
        self.counts[what] += number

    def met(self, trouble: str) -> None:
        """A kind of trouble has come."""
        self.hit[trouble] += 1

    def note(self, text: str, event: Any = "") -> None:
        """Remember what happens, for the one who reads a failure."""
        self._tail.append((self.now_ns, text, event))

    @property
    def tail(self) -> str:
        """What happened last, a line for each thing."""
        lines = []
        for at, text, event in self._tail:
            shown = EMPTY.sub("", str(event))
            lines.append(f"{(at - clock.START_NS) / SECOND_NS:11.6f} {text} {shown}"[:400])
        return "\n".join(lines)

    def pause(self, seconds: float) -> None:
        """The engine does not read its bus for a while."""
        around = self._around
        around.opened.paused_until_ns = self.now_ns + int(seconds * SECOND_NS)
        self.note(f"the engine reads no requests for {seconds} s")
        self.engine.later(seconds, lambda: around.run.call_soon(around.opened.on_request))

    def leaves(self, line: Any, messages: list[tuple[str, str] | None]) -> None:
        """Messages are about to be written: orders as (wire id, tag), others as None."""
        orders = [one for one in messages if one is not None]
        journal = self._around.journals[-1]
        run = journal.records[0].epoch
        if self.options.durability == "process":
            self._disk.sync(journal)
        elif orders:
            self._hold_against_disk(journal, orders)
        name = f"{line.name} of {run}, line {line.number}"
        for message in messages:
            judged = message is not None and self.limits_told
            self.checker.message(name, judged, self.now_ns)
            if message is not None:
                wire_id, tag = message
                self._line_of[wire_id] = line
                self.checker.wrote(tag, wire_id, run, self.now_ns)

    def _hold_against_disk(self, journal: Any, orders: list[tuple[str, str]]) -> None:
        """If the power failed now, the intents of these would have to be there."""
        self.met("left when the disk had it")
        lost = [one.data for one in self._disk.lost(journal) if one.kind == Kind.INTENT]
        for wire_id, _ in orders:
            if any(split_named(data)[0] == wire_id for data in lost):
                self.checker.breach("I1", f"{wire_id} leaves and is not on disk")

    def cancel_arrives(self, asker: Any, symbol: str, order_id: Any, wire_id: Any) -> None:
        """A cancel is about to be carried out, which came over this connection."""
        line = self._line_of.get(wire_id or "")
        other = line is not None and line.name != asker.comp_id
        lives = other and line.transport is not None and line.transport.alive
        self.checker.cancel_arrives(symbol, order_id, wire_id, lives)

    # --- effects ----------------------------------------------------------------------------

    def effect(self, kind: str, action: Callable[[], Any]) -> Any:
        """Something the engine does to the world; it may be the last thing, or not even that."""
        if kind != "journal":
            self.counts[kind] += 1
        if self._fuse is None:
            return action()
        self._burn(kind)
        result = action()
        self._burn(kind)
        return result

    def _burn(self, kind: str) -> None:
        """The process dies where the fuse has burned down, and does nothing more: whoever tidies up
        on the way out, as a client does, may let time pass.
        """
        if self._fuse is None:
            return
        if self._fuse == 0:
            self.met(f"kill at {kind}")
        self._fuse -= 1
        if self._fuse < 0:
            raise Killed

    def _tap(self) -> None:
        around = self._around
        make_journal, connect, recall = around.journal, around.connect, around.recall

        def bus(config: Any) -> SlowBus:
            self._bus = around.opened = SlowBus(around._hub, around.run, self, self._late)
            self._late = []
            return self._bus

        def journal(*given: Any) -> Any:
            # Whoever opens a new one brings to disk what is left of those before.
            for earlier in around.journals:
                self._disk.sync(earlier)
            made = make_journal(*given)
            append = made.append

            def tapped(*record: Any) -> Any:
                if record[0] == Kind.FRAME_IN and LIMIT_RESPONSE in record[3]:
                    self.limits_told = True
                if self._fuse is None:
                    return append(*record)
                return self.effect("journal", lambda: append(*record))

            made.append = tapped
            made.disk_ms = self.options.disk_ms
            return made

        def connected(line: Any, owner: Any) -> None:
            connect(line, owner)
            line.transport = Wiretap(self, line)

        def recalled(config: Any, state: Any, epoch: int, *given: Any) -> Any:
            earlier = around.journals[:-1]
            if not self._power_failed:
                return recall(config, state, epoch, *given)
            self._power_failed = False
            starts = [any(one.kind == Kind.START for one in run.records) for run in earlier]
            begun = len(starts) - 1 - starts[::-1].index(True) if any(starts) else 0
            self._torn_read = self._disk.is_torn(earlier[begun:])
            return self._disk.recall(earlier[begun:], epoch, *given, config.bus.report_buffer_max)

        around.bus, around.journal, around.connect = bus, journal, connected
        around.recall = recalled
        around.wall_ns = lambda: around.clock.wall_ns() + self.skew_ns

    # --- the process ------------------------------------------------------------------------

    def survive(self, action: Callable[[], Any]) -> Any:
        """Do something in which the process may die; None then."""
        try:
            return action()
        except Killed:
            self.note("killed between two effects")
            self._end()
            return None

    def _end(self) -> None:
        """The engine is gone. Now and then with it all that had not reached the disk, and all
        strategies: the machine is.
        """
        self._fuse = None
        self.checker.stopping = False
        if self._bus is not None:
            self._late += self._bus.unread
            self._bus = None
        journal = self._around.journals[-1]
        self.engine.kill()
        if self.chance.random() < POWER_CUTS:
            end = self._disk.fail(journal)
            self.note(f"the power fails, and the journal is {end}")
            self.met(f"power cut: {end}")
            self._power_failed = True
            self._late = []
            for seat in self.seats:
                seat.die()

    def start(self) -> None:
        """Start the engine, which may die at once."""
        self.note("the engine starts")
        if not self.is_quiet and self.chance.randrange(100) < self.options.kills:
            self._fuse = self.chance.randrange(12)
        said = len(self.engine.log)
        self._torn_read = self.limits_told = False

        def state(before: StateInMemory | None) -> TappedState:
            return TappedState(self.effect, before)

        with mock.patch.object(testing_engine, "StateInMemory", state):
            self.survive(self.engine.start)
        damage = [one.text for one in self.engine.log[said:] if "is damaged" in one.text]
        if self.engine.is_running and bool(damage) != self._torn_read:
            self.checker.breach("I2", f"a torn journal: {self._torn_read}; told: {damage}")

    def kill(self) -> None:
        """End the engine between two wake-ups."""
        if self.engine.is_running:
            self.note("kill -9")
            self.met("kill")
            self._end()

    def stop(self) -> None:
        """Ask the engine to end in order."""
        if self.engine.is_running:
            self.note("SIGTERM")
            self.met("stop")
            self.checker.stopping = True
            if self.survive(self.engine.stop) is not None:
                self._disk.sync(self._around.journals[-1])
            self.checker.stopping = False
