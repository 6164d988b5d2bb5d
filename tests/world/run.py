"""A world of trouble for the whole engine, out of one seed: `python -m world --seed 7`.

Process, gateway, sessions, order table and recovery are the real ones, and so is the venue; clock,
link, journal and REST are in memory. Strategies trade, repeat themselves and go away; the link, the
venue, the clocks and REST fail; the process is killed anywhere, also between any two of its effects
(a journal record, an event on the bus, bytes on a link, a write of the state), and what it had in
memory is gone. Then all trouble ends, and what the engine knows has to be what is so.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from unittest import mock

from fixengine.client import Client, HelloRefused, NoAnswer, NotConnected
from fixengine.messages import NewOrderSingle, Side
from fixengine.network.journal import Kind
from fixengine.simulator.parameters import Wrong
from fixengine.testing import FaultError, SimulatedEngine, SimulationError, clock
from fixengine.testing import engine as testing_engine
from fixengine.testing.bus import Bus
from fixengine.testing.storage import StateInMemory
from world_checker import Checker, Desk

SECOND_NS = 1_000_000_000
STEPS = 450
TAIL_LINES = 60
TURNS_AT_ONCE_MAX = 30_000
"""An engine that wakes up so often while no time passes is in an endless loop."""
QUIET_S = 5.0
QUIET_TURNS = 80
EMPTY = re.compile(r", \w+=(None|'')")
"""Fields of an event that say nothing."""
TAG = re.compile(rb"\x017940=([0-9]+)\x01")
NEW_ORDER = re.compile(rb"\x0135=D\x01.*?\x0111=([^\x01]+)")
SYMBOLS = "BTCUSDT", "ETHUSDT"
MIDDLE = {"BTCUSDT": 50_000, "ETHUSDT": 2_500}
EFFECTS = "journal", "bus", "link", "state"

FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reset", {}),
    ("fin", {}),
    ("logout", {}),
    ("garbage", {}),
    ("second-logon", {}),
    ("news", {"seconds": 12}),
    ("burst", {"count": 10}),
    ("burst", {"count": 2}),
    ("drop", {"kind": "8"}),
    ("drop", {"kind": "9"}),
    ("duplicate", {"kind": "8"}),
    ("corrupt", {"kind": "8"}),
    ("cut", {"kind": "8"}),
    ("cut", {"kind": "8", "end": "fin"}),
    ("hole", {}),
    ("duplicate-seq", {}),
    ("swallow", {"kind": "D"}),
    ("swallow", {"kind": "F"}),
    ("reject", {"kind": "D"}),
    ("reject", {"kind": "F"}),
    ("reject", {"kind": "D", "code": -2010}),
    ("instead-of-logon", {}),
    ("refuse-logon", {"code": -1021}),
)
GENTLE = tuple(one for one in FAULTS if one[0] in ("drop", "corrupt", "hole", "swallow", "reject"))
"""What leaves the link standing: who does not notice is not helped by the next logon."""
STANDING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("delay", {"ms": 300}),
    ("delay", {"ms": 3000}),
    ("split", {"bytes": 7}),
    ("coalesce", {"count": 5}),
    ("black-hole", {}),
    ("stop-reading", {}),
    ("silent", {}),
    ("mute-heartbeats", {}),
    ("wrong-clock", {"ms": 1500}),
    ("unknown-outcome", {}),
    ("unknown-outcome", {"form": "report"}),
)


class Killed(BaseException):
    """The process ends here. No `except` of the engine may hold it up."""


class Options(NamedTuple):
    """What a seed decides at first. trouble: how much of it, in per mille of the steps."""

    strategies: int
    sessions: int
    drop_copy: bool
    on_death: str
    recv_window_ms: int
    trouble: int
    kills: int
    skew_ms: int
    gentle: bool


def options_of(chance: random.Random) -> Options:
    """The first draws of a seed."""
    gentle = chance.random() < 0.3
    return Options(
        strategies=chance.choice((1, 2, 3)),
        sessions=chance.choice((1, 1, 2, 3)),
        drop_copy=chance.random() < 0.3,
        on_death=chance.choice(("keep", "keep", "cancel")),
        recv_window_ms=chance.choice((1000, 5000)),
        trouble=chance.choice((20, 40) if gentle else (0, 30, 60, 120)),
        kills=0 if gentle else chance.choice((5, 15, 30)),
        skew_ms=chance.choice((0, 0, -400, 300)),
        gentle=gentle,
    )


class SlowBus(Bus):
    """A bus whose engine does not come to read it for a while, as one that is stopped."""

    world: World

    @property
    def readable(self) -> bool:
        """See Bus."""
        return super().readable and self.world.now_ns >= self.world.paused_until_ns

    def receive(self) -> tuple[bytes, bytes] | None:
        """See Bus."""
        return super().receive() if self.readable else None

    def send(self, peer: bytes, payload: bytes | bytearray) -> Any:
        """See Bus."""
        return self.world.effect("bus", lambda: super(SlowBus, self).send(peer, payload))


class TappedState(StateInMemory):
    """What is on disk, between whose writes the process may die."""

    def __init__(self, world: World, before: StateInMemory | None) -> None:
        super().__init__(before)
        self._world = world

    def _write(self, content: Any) -> None:
        self._world.effect("state", lambda: super(TappedState, self)._write(content))


class Wiretap:
    """A line's end of a link: notes what leaves."""

    def __init__(self, world: World, end: Any) -> None:
        self._world = world
        self._end = end
        self.unsent = end.unsent
        self.close = end.close

    @property
    def alive(self) -> bool:
        """See line.Transport."""
        return bool(self._end.alive)

    def write(self, data: bytes) -> None:
        """See line.Transport."""
        self._world.effect("link", lambda: self._write(data))

    def _write(self, data: bytes) -> None:
        for tag in TAG.findall(data):
            self._world.checker.wrote(tag.decode(), self._world.now_ns)
        if self._world.waits_for_disk:
            self._world.hold_against_disk(NEW_ORDER.findall(data))
        self._end.write(data)


class Seat:
    """A strategy: its client while it is there, and the ids it has used."""

    def __init__(self, name: str) -> None:
        self.desk = Desk(name)
        self.client: Client | None = None
        self.orders: list[NewOrderSingle] = []


class World:
    """See the module's top. hit: how often each kind of trouble came. events: journal records and
    steps.
    """

    def __init__(self, seed: int, steps: int = STEPS) -> None:
        self.seed = seed
        self.steps = steps
        self.chance = random.Random(seed)
        self.options = options_of(self.chance)
        self.checker = Checker()
        self.hit: Counter[str] = Counter()
        self.events = 0
        self._tail: deque[tuple[int, str, Any]] = deque(maxlen=TAIL_LINES)
        self.paused_until_ns = 0
        self._fuse: int | None = None
        self._rest_lag_ms = 0
        self._tags = 0
        self._skew_ns = self.options.skew_ms * 1_000_000
        # Not drawn, so that the other seeds stay what they are.
        self.waits_for_disk = seed % 5 == 4
        durability = "power" if self.waits_for_disk else "process"
        venue = {
            "sessions": self.options.sessions,
            "drop_copy": self.options.drop_copy,
            "heartbeat_s": 5,
            "recv_window_ms": self.options.recv_window_ms,
        }
        strategies = {"on_death": self.options.on_death}
        self.engine = SimulatedEngine(
            seed=seed,
            house=False,
            config={
                "venue": venue,
                "strategies": strategies,
                "journal": {"durability": durability},
            },
        )
        clock.TURNS_AT_ONCE_MAX = TURNS_AT_ONCE_MAX
        self._tap()
        self.seats = [Seat(f"s{number}") for number in range(self.options.strategies)]
        for seat in self.seats:
            self.checker.desks[seat.desk.name] = seat.desk
        # The run that began untapped; and midnight, where a position begins, is behind all clocks.
        self.engine.kill()
        self.engine.advance(10)
        self._start()

    @property
    def now_ns(self) -> int:
        """The world's clock."""
        return self.engine.now_ns

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

    # --- effects ----------------------------------------------------------------------------

    def effect(self, kind: str, action: Callable[[], Any]) -> Any:
        """Something the engine does to the world; it may be the last thing, or not even that."""
        self._burn(kind)
        result = action()
        self._burn(kind)
        return result

    def _burn(self, kind: str) -> None:
        if self._fuse is not None:
            self._fuse -= 1
            if self._fuse < 0:
                self._fuse = None
                self.hit[f"kill at {kind}"] += 1
                raise Killed

    def _tap(self) -> None:
        around: Any = self.engine._around
        venue: Any = self.engine.venue
        clock, hub = around.clock, around._hub

        def bus(endpoint: str) -> Bus:
            around.opened = SlowBus(hub, around.run)
            around.opened.world = self
            return around.opened  # type: ignore[no-any-return]

        make_journal, connect = around.journal, around.connect

        def journal(*given: Any) -> Any:
            made = make_journal(*given)
            append = made.append

            def tapped(*record: Any) -> Any:
                self.events += 1
                return self.effect("journal", lambda: append(*record))

            made.append = tapped
            made.disk_ms = self.seed % 4 * 10
            return made

        def connected(line: Any, owner: Any) -> None:
            connect(line, owner)
            line.transport = Wiretap(self, line.transport)

        around.bus, around.journal, around.connect = bus, journal, connected
        around.wall_ns = lambda: clock.wall_ns() + self._skew_ns
        self._tap_venue(venue)

    def hold_against_disk(self, wire_ids: list[bytes]) -> None:
        """These orders leave: a power failure now must leave their intents."""
        journal = self.engine.journal
        for wire_id in wire_ids:
            self.hit["left after the disk had it"] += 1
            on_disk = itertools.islice(journal.records, journal.on_disk)
            if not any(one.kind == Kind.INTENT and wire_id in one.data for one in on_disk):
                self.checker.breach("I1", f"{wire_id.decode()} leaves and is not on disk")

    def _tap_venue(self, venue: Any) -> None:
        exchange, server = venue.server.exchange, venue.server
        new_order, connected, end = exchange.new_order, server.connected, server.end
        judge = server.admission.judge

        def arrives(account: Any, request: Any, now: int) -> Any:
            if account is venue._account:
                self.checker.arrives(request.strategy_id)
            return new_order(account, request, now)

        def watch(answers: list[Any], now: int) -> None:
            for answer in answers:
                values = answer.values
                if answer.account is not venue._account:
                    continue
                if answer.kind == b"8" and values.get("order_id") and answer.push:
                    self.checker.venue_report(values)
                if values.get("venue_code") in ("-1015", -1015):
                    self.checker.breach("I6", f"the venue refuses: {values.get('text')}")

        def comes(connection: Any) -> None:
            connected(connection)
            if not connection.within_limit:
                self.checker.breach("I6", "more connection attempts than allowed")

        def ends(connection: Any, text: str, now: int) -> None:
            if text.startswith("Too many"):
                self.checker.breach("I6", f"the venue ends a session: {text}")
            end(connection, text, now)

        def judged(*given: Any) -> Any:
            found = judge(*given)
            if getattr(found, "code", None) == -1034:
                self.checker.breach("I6", f"the venue refuses a Logon: {found.text}")
            return found

        exchange.new_order, server.connected, server.admission.judge = arrives, comes, judged
        server.end = server.acts._end = ends
        self._tap_rest(venue)
        exchange.watchers.append(watch)

    def _tap_rest(self, venue: Any) -> None:
        call = venue.call

        def asked(name: str, parameters: Any) -> Any:
            self.hit["REST asked"] += 1
            try:
                found = call(name, parameters)
            except Wrong as wrong:
                if wrong.status in (418, 429):
                    self.checker.breach("I6", f"REST: {wrong.text}")
                raise
            # The copy that answers is behind: it does not know yet what has come last.
            known_ms = venue._clock.wall_ns() // 1_000_000 - self._rest_lag_ms
            if name == "order" and found["time"] > known_ms:
                raise Wrong(400, -2013, "Order does not exist.")
            if name == "myTrades":
                return [trade for trade in found if trade["time"] <= known_ms]
            return found

        venue.call = asked

    # --- the process ------------------------------------------------------------------------

    def survive(self, action: Callable[[], Any]) -> Any:
        """Do something in which the process may die; None then."""
        try:
            return action()
        except Killed:
            self.note("killed between two effects")
            self.engine.kill()
            return None

    def _start(self) -> None:
        self.note("the engine starts")
        if self.chance.randrange(100) < self.options.kills:
            self._fuse = self.chance.randrange(12)

        def state(before: StateInMemory | None) -> TappedState:
            return TappedState(self, before)

        with mock.patch.object(testing_engine, "StateInMemory", state):
            self.survive(self.engine.start)

    def _kill(self) -> None:
        if self.engine.is_running:
            self.note("kill -9")
            self.hit["kill"] += 1
            self.survive(self.engine.kill)

    def _stop(self) -> None:
        if self.engine.is_running:
            self.note("SIGTERM")
            self.hit["stop"] += 1
            self.survive(self.engine.stop)

    # --- strategies -------------------------------------------------------------------------

    def _read(self, seat: Seat, seconds: float = 0) -> None:
        while seat.client is not None:
            try:
                for event in seat.client.reports(seconds):
                    self.events += 1
                    self.note(f"{seat.desk.name} hears", event)
                    self.checker.heard(seat.desk, event, self.now_ns)
                return
            except NoAnswer as problem:
                ask = seat.desk.asks.get(problem.cl_ord_id)
                if ask is not None:
                    ask.no_answer = True
                self.note(f"{seat.desk.name}: {problem}")
            except HelloRefused as problem:
                self.note(f"{seat.desk.name}: {problem}")
                return

    def _come(self, seat: Seat) -> None:
        if seat.client is not None or not self.engine.is_running:
            return
        try:
            seat.client = self.survive(
                lambda: Client(
                    self.engine.endpoint,
                    seat.desk.name,
                    resume_from=seat.desk.last_seq + 1,
                    wants_sent=self.seed % 2 == 0,
                )
            )
        except (NotConnected, HelloRefused) as problem:
            self.note(f"{seat.desk.name} does not get in: {problem}")
            return
        self.note(f"{seat.desk.name} comes")

    def _go(self, seat: Seat) -> None:
        client, seat.client = seat.client, None
        if client is not None:
            self.note(f"{seat.desk.name} goes")
            self.hit["strategy away"] += 1
            self.survive(client.close)

    def _order(self, seat: Seat) -> NewOrderSingle:
        chance = self.chance
        self._tags += 1
        symbol = chance.choice(SYMBOLS)
        side = chance.choice((Side.BUY, Side.SELL))
        quantity = f"0.{chance.randrange(10, 60):03}"
        cl_ord_id = f"{seat.desk.name}-{self._tags}"
        if chance.random() < 0.06:
            order = NewOrderSingle.market(symbol, side, quantity, cl_ord_id=cl_ord_id)
        else:
            price = MIDDLE[symbol] + chance.randrange(-6, 7)
            order = NewOrderSingle.limit(symbol, side, quantity, price, cl_ord_id=cl_ord_id)
            if chance.random() < 0.05:
                order.time_in_force = "3"
        order.strategy_id = str(self._tags)
        return order

    def _submit(self, seat: Seat, order: NewOrderSingle) -> None:
        client = seat.client
        if client is None:
            return
        ms = self.chance.choice((50, 500, 1000, 3000))
        order.valid_for_ms = ms
        try:
            client.submit(order)
        except NotConnected:
            return
        self.note(f"{seat.desk.name} submits {order.cl_ord_id} {order.side} {order.price}")
        now = self.now_ns
        self.checker.asked(seat.desk, order.cl_ord_id, order.strategy_id, None, now, ms)
        seat.orders.append(order)

    def _repeat(self, seat: Seat) -> None:
        if seat.orders:
            self.hit["repeated id"] += 1
            self._submit(seat, self.chance.choice(seat.orders[-12:]))

    def _cancel(self, seat: Seat) -> None:
        if seat.client is None or not seat.orders:
            return
        target = self.chance.choice(seat.orders[-20:]).cl_ord_id
        try:
            cl_ord_id = seat.client.cancel(target)
        except NotConnected:
            return
        self.note(f"{seat.desk.name} cancels {target}")
        self.checker.asked(seat.desk, cl_ord_id, None, target, self.now_ns, 1000)

    # --- everybody else ---------------------------------------------------------------------

    def _market(self) -> None:
        """Somebody trades, with a strategy's order or with anybody's."""
        venue, chance = self.engine.venue, self.chance
        orders = self.survive(lambda: venue.orders)
        try:
            if orders and chance.random() < 0.7:
                order = chance.choice(orders)
                part = chance.choice((None, "0.001", "0.005"))
                self.note(f"somebody fills {part or 'all'} of {order.wire_cl_ord_id}")
                self.survive(lambda: venue.fill(order, part))
            else:
                symbol = chance.choice(SYMBOLS)
                price = MIDDLE[symbol] + chance.randrange(-8, 9)
                trade = chance.choice((venue.buy, venue.sell))
                self.survive(lambda: trade("0.05", price, symbol))
        except SimulationError as problem:
            self.note(f"nobody trades: {problem}")

    # --- trouble ----------------------------------------------------------------------------

    def _trouble(self) -> None:
        chance = self.chance
        if self.options.gentle:
            self._ask_fault(*chance.choice(GENTLE))
            return
        kinds: tuple[tuple[Callable[[], None], int], ...] = (
            (self._fault, 12),
            (self._standing, 8),
            (self._unreachable, 1),
            (self._rest, 3),
            (self._clock, 2),
            (self._pause, 2),
            (self._disk, 1),
        )
        chance.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]()

    def _ask_fault(self, name: str, values: dict[str, Any]) -> bool:
        try:
            self.survive(lambda: self.engine.venue.fault(name, **values))
        except FaultError:
            return False
        self.note(f"fault {name} {values}")
        self.hit[name] += 1
        return True

    def _fault(self) -> None:
        self._ask_fault(*self.chance.choice(FAULTS))

    def _standing(self) -> None:
        name, values = self.chance.choice(STANDING)
        if self._ask_fault(name, values):
            self._later(lambda: self.engine.venue.clear(name), f"{name} ends")

    def _later(self, action: Callable[[], Any], text: str) -> None:
        def act() -> None:
            self.note(text)
            action()

        self.engine.later(self.chance.choice((0.5, 3.0, 8.0, 20.0)), act)

    def _unreachable(self) -> None:
        self.hit["unreachable"] += 1
        self.note("the venue cannot be reached")
        self.engine.venue.is_reachable = False

        def end() -> None:
            self.engine.venue.is_reachable = True

        self._later(end, "the venue can be reached")

    def _rest(self) -> None:
        venue = self.engine.venue
        if self.chance.random() < 0.5:
            self.hit["REST lags"] += 1
            venue.rest_delay_s = self.chance.choice((0.01, 0.3, 1.0, 1.9))
            self._rest_lag_ms = self.chance.choice((0, 200, 1000, 1800))
            return
        self.hit["REST fails"] += 1
        venue.rest_is_reachable = False

        def end() -> None:
            venue.rest_is_reachable = True

        self._later(end, "REST answers again")

    def _clock(self) -> None:
        self.hit["clock steps"] += 1
        self._skew_ns = self.chance.choice((-3000, -800, -100, 0, 60, 700, 1500)) * 1_000_000
        self.note(f"our wall clock is off by {self._skew_ns // 1_000_000} ms")

        def end() -> None:
            self._skew_ns = 0

        self._later(end, "our wall clock is right again")

    def _pause(self) -> None:
        """The engine does not read its bus for a while."""
        self.hit["pause"] += 1
        pause_s = self.chance.choice((0.1, 0.6, 2.0))
        self.paused_until_ns = self.now_ns + int(pause_s * SECOND_NS)
        self.note(f"the engine reads no requests for {pause_s} s")
        around: Any = self.engine._around
        self.engine.later(pause_s, lambda: around.run.call_soon(around.opened.on_request))

    def _disk(self) -> None:
        if not self.engine.is_running:
            return
        self.hit["disk full"] += 1
        journal = self.engine.journal
        journal.healthy = False
        self.note("the disk is full")

        def end() -> None:
            journal.healthy = True

        self._later(end, "the disk has room")

    # --- a run ------------------------------------------------------------------------------

    def _step(self) -> None:
        chance, seat = self.chance, self.chance.choice(self.seats)
        self.events += 1
        if not self.engine.is_running:
            if chance.random() < 0.3:
                self._start()
        elif chance.randrange(1000) < self.options.kills:
            if chance.random() < 0.7:
                self._fuse = chance.choice((chance.randrange(12), chance.randrange(120)))
            else:
                chance.choice((self._kill, self._kill, self._stop))()
        if chance.randrange(1000) < self.options.trouble:
            self._trouble()
        if seat.client is None:
            if chance.random() < 0.2:
                self._come(seat)
        else:
            draw = chance.random()
            if draw < 0.50:
                self._submit(seat, self._order(seat))
            elif draw < 0.52:
                for _ in range(chance.randrange(5, 60)):
                    self._submit(seat, self._order(seat))
            elif draw < 0.75:
                self._cancel(seat)
            elif draw < 0.80:
                self._repeat(seat)
            elif draw < 0.81:
                self._go(seat)
        if chance.random() < 0.35:
            self._market()
        for one in self.seats:
            if chance.random() < 0.7:
                self.survive(lambda one=one: self._read(one))  # type: ignore[misc]
        pause_s = chance.choice((0, 0, 0, 0.001, 0.01, 0.05, 0.3))
        if chance.random() < 0.02:
            pause_s = chance.choice((2, 7, 15))
        self.survive(lambda: self.engine.advance(pause_s))

    def _quiet(self) -> None:
        """All trouble ends; time goes by until everything is known."""
        self.note("all trouble ends")
        self._fuse = None
        self._skew_ns = 0
        venue = self.engine.venue
        venue.clear()
        venue.is_reachable = venue.rest_is_reachable = True
        venue.rest_delay_s = 0.05
        self._rest_lag_ms = 0
        self.engine.advance(25)  # what was to happen later has happened
        venue.clear()
        self._skew_ns = 0
        for turn in range(QUIET_TURNS):
            if not self.engine.is_running:
                self._start()
            for seat in self.seats:
                self._come(seat)
                self._read(seat)
            self.engine.advance(QUIET_S)
            if turn >= 6 and self._is_known():
                break

    def _snapshots(self) -> dict[str, Any]:
        found = {}
        for seat in self.seats:
            assert seat.client is not None, "it came when all trouble ended"
            found[seat.desk.name] = seat.client.snapshot()
            self._read(seat)
        return found

    def _is_known(self) -> bool:
        return all(
            order.standing in ("new", "partially_filled")
            for snapshot in self._snapshots().values()
            for order in snapshot.orders
        )

    def run(self) -> list[str]:
        """Live through it all; what was wrong, nothing for a world as it should be."""
        try:
            for _ in range(self.steps):
                self._step()
            self._quiet()
            self.checker.finish(self._snapshots())
            for line in self.engine.log:
                if "a defect of the engine" in line.text:
                    self.checker.breach("I7", line.text)
        finally:
            for seat in self.seats:
                if seat.client is not None:
                    seat.client.close()
            self.engine.close()
        return self.checker.problems


def kinds_of_trouble() -> set[str]:
    """Everything that has to come over all seeds together."""
    named = {name for name, _ in (*FAULTS, *STANDING)}
    own = {"unreachable", "REST lags", "REST fails", "clock steps", "pause", "disk full"}
    ways = {"kill", "stop", "strategy away", "repeated id", "REST asked"}
    ways.add("left after the disk had it")
    return named | own | ways | {f"kill at {kind}" for kind in EFFECTS}


def live(seeds: Iterable[int], say: Callable[[str], None]) -> tuple[Counter[str], int, list[int]]:
    """Run worlds; (trouble that came, events, seeds that failed)."""
    hit: Counter[str] = Counter()
    events, failed = 0, []
    for seed in seeds:
        world = World(seed)
        try:
            problems = world.run()
        except Exception:
            say(world.tail)
            say(f"seed {seed}: {world.options}")
            raise
        hit += world.hit
        events += world.events
        if problems:
            failed.append(seed)
            say(world.tail)
            say(f"seed {seed}: {world.options}")
            say("\n".join(problems[:12]))
            say(f"again: PYTHONPATH=tests python -m world --seed {seed}")
    return hit, events, failed


def main() -> int:
    """See the module's top."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many; 0: until something fails")
    parser.add_argument("--tail", action="store_true", help="say what happened all the same")
    given = parser.parse_args()
    seed, total, began = given.seed, 0, time.monotonic()
    while given.seeds == 0 or seed < given.seed + given.seeds:
        _, events, failed = live([seed], print)
        total += events
        if failed:
            return 1
        seed += 1
        if given.seeds == 0 and seed % 100 == 0:
            rate = total / (time.monotonic() - began)
            print(f"{seed - given.seed} seeds, {total} events, {rate:.0f} a second", flush=True)
    seconds = time.monotonic() - began
    print(f"{seed - given.seed} seeds, {total} events in {seconds:.1f} s, nothing wrong")
    return 0


if __name__ == "__main__":
    sys.exit(main())
