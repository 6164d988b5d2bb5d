"""The process in a world of its own: what it does with the clocks it reads."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import engine_in_memory
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from engine_in_memory import NOW, Wire
from fixengine import wire
from fixengine.fix.keys import Signer
from fixengine.fix.states import Event, Happening
from fixengine.fix.venue import Sender, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import (
    BalancesRequest,
    Hello,
    InstrumentRequest,
    LimitQuery,
    OrderCancelRequest,
    SnapshotRequest,
    encode,
)
from fixengine.network.config import Config, parse
from fixengine.network.line import Line
from fixengine.network.process import PARKED_NS, Process
from fixengine.network.recall import Recalled
from fixengine.network.sessions import Connect
from fixengine.network.state import StateDir
from fixengine.network.surroundings import Machine
from sessions_in_memory import SECOND_NS, WALL_NS, parsed

CONFIG = """
[venue]
environment = "testnet"
sender_comp_ids = ["ONE", "TWO"]
[key]
api_key_file = "api_key"
private_key_file = "private.pem"
[engine]
state_dir = "state"
"""


class Bus(engine_in_memory.Bus):
    """One that nobody speaks on."""

    fd = -1

    def flush(self) -> bool:
        return False

    def receive(self) -> None:
        return None

    def close(self) -> None:
        return None


class Archive:
    """One that has nothing."""

    def ask(self, *_: object) -> None:
        return None

    def close(self) -> None:
        return None


class Journal(engine_in_memory.Journal):
    """Takes everything."""

    recovered = None

    def clock(self, now: int, wall_offset_ns: int) -> bool:
        return True

    def sync(self, timeout_s: float) -> bool:
        return True

    def close(self, timeout_s: float) -> bool:
        return True


class World:
    """Clocks the test turns, ends in memory, and a venue whose clock is always right.

    wall_ahead_ns: how far the machine's wall clock is ahead. Timers do not ring by themselves.
    rings_ns: when the one that was set last would.
    """

    def __init__(self, tmp_path: Path, state: StateDir) -> None:
        self.now = NOW
        self.wall_ahead_ns = 0
        self.jitter = 0
        self.rings_ns = 0
        self.timers: Any = self
        self.log: list[str] = []
        self.wanted: list[Connect] = []
        signer = Signer(Ed25519PrivateKey.generate())
        config = parse(CONFIG, tmp_path / "engine.toml")
        self.process = Process(config, "KEY", signer, self.say, self)
        self.process.start(state)
        self.process.on_timer()
        self.log_on()

    # --- what the process asks for ------------------------------------------------------------

    def say(self, level: str, text: str, **details: object) -> None:
        self.log.append(text)

    def monotonic_ns(self) -> int:
        return self.now

    def wall_ns(self) -> int:
        return WALL_NS + self.now - NOW + self.wall_ahead_ns

    def jitter_permille(self) -> int:
        return self.jitter

    def time(self) -> float:
        return self.now / SECOND_NS

    def call_soon(self, callback: Callable[[], object]) -> World:
        return self

    def call_later(self, delay: float, callback: Callable[[], object]) -> World:
        self.rings_ns = self.now + round(delay * SECOND_NS)
        return self

    def call_at(self, when: float, callback: Callable[[], object]) -> World:
        return self

    def sources(self, *_: object) -> None:
        """There are none."""

    def cancel(self, *_: object) -> None:
        """A timer, or an attempt to connect, is given up."""

    def bus(self, config: Config) -> Bus:
        self.strategies = Bus()
        return self.strategies

    def journal(self, *_: object) -> Journal:
        return Journal()

    def recall(self, *_: object) -> Recalled:
        return Recalled({}, {}, (), ())

    def archive(self, *_: object) -> Archive:
        return Archive()

    def connector(self, _config: Any, _state: Any, _owner: Any, new_line: Any) -> World:
        self.new_line: Callable[[Connect], Line] = new_line
        return self

    def clear(self, comp_id: str) -> None:
        """The mark of a SenderCompID is cleared."""

    def start(self, wanted: Connect) -> None:
        self.wanted.append(wanted)

    # --- a strategy ---------------------------------------------------------------------------

    def request(self, request: Any) -> None:
        """A strategy sends something."""
        self.process.gateway.on_order(b"a", encode(request), self.now)
        self.process.settle(self.now)

    # --- the venue ----------------------------------------------------------------------------

    def log_on(self) -> None:
        """The attempt under way succeeds, and the Logon is answered."""
        self.line = self.new_line(self.wanted.pop())
        self.line.transport = self.wire = Wire()
        self.seq = 1
        self.process.on_connected(self.line)
        self.says(b"A", encrypt_method=0, heart_bt_int=30, uuid="u")

    def says(self, kind: bytes, **values: Any) -> None:
        """The venue sends a message, dated by its own clock."""
        form = template(BINANCE_SPOT, kind, Sender.VENUE, self.line.name)
        stamp = wire.stamp(WALL_NS + self.now - NOW)
        self.line.framer.feed(form.encode(None, self.seq, stamp, values))
        self.seq += 1
        self.process.on_bytes(self.line)

    def last_sending_ns(self) -> int:
        """SendingTime of what was written last."""
        return wire.stamp_ns(parsed(self.wire.written[-1])[52])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with StateDir(tmp_path / "state") as state:
        yield World(tmp_path, state)


@pytest.mark.parametrize("step_ns", [3 * SECOND_NS, -7 * SECOND_NS])
def test_a_step_of_the_wall_clock_is_told_and_followed(world: World, step_ns: int) -> None:
    for _ in range(5):
        world.says(b"0")
    clock, lead = world.process.gateway.clock, world.line.lead
    assert (clock.lead_ns(lead), clock.trouble(lead)) == (0, None)
    world.wall_ahead_ns = step_ns
    world.now += SECOND_NS
    world.process.on_timer()
    assert f"the wall clock stepped by {step_ns // 1_000_000} ms" in world.log
    # What we write is dated by the clock as it is now, and what we know of its error too.
    world.says(b"1", test_req_id="t")
    assert world.last_sending_ns() == WALL_NS + world.now - NOW + step_ns
    assert clock.lead_ns(lead) == step_ns
    assert clock.trouble(lead) is not None
    # The venue's own clock did not move, and its windows neither.
    assert clock.venue_ns(lead, world.now) == WALL_NS + world.now - NOW


def test_the_clock_is_read_at_once_when_the_venue_refuses_our_time(world: World) -> None:
    world.wall_ahead_ns = -7 * SECOND_NS
    world.says(b"3", ref_seq_num=2, venue_code="-1021", text="Timestamp ...")
    assert not world.process.gateway.clock.is_doubted
    assert "the wall clock stepped by -7000 ms" in world.log
    world.says(b"1", test_req_id="t")
    assert world.last_sending_ns() == WALL_NS + world.now - NOW - 7 * SECOND_NS
    assert world.process.gateway.clock.lead_ns(world.line.lead) == -7 * SECOND_NS


def test_a_second_without_a_message_is_told(world: World) -> None:
    quiet: list[int] = []
    world.process.on_quiet = lambda: quiet.append(world.now)
    world.says(b"0")
    for _ in range(2):
        world.now += SECOND_NS
        world.process.on_timer()
    assert quiet == [world.now]


@pytest.mark.parametrize("busy", ["bus", "timer"])
def test_what_takes_many_turns_has_one_between_two_of_the_loop(
    world: World, monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    turns: list[str] = []
    loop = asyncio.new_event_loop()
    monkeypatch.setattr(world, "call_soon", loop.call_soon)
    if busy == "bus":
        monkeypatch.setattr(world.strategies, "flush", lambda: True)
        monkeypatch.setattr(world.strategies, "receive", lambda: turns.append(busy))
    else:
        monkeypatch.setattr(
            world.process.gateway, "on_tick", lambda now: turns.append(busy) is None
        )

    async def play() -> None:
        for _ in range(9):
            # Whatever else wakes it up finds that more waits, as the turn before has.
            world.says(b"0")
            if busy == "timer":
                world.process.on_timer()
            turns.clear()
            await asyncio.sleep(0)
            assert turns == [busy]

    try:
        loop.run_until_complete(play())
    finally:
        world.process.rest()
        loop.close()


def test_that_time_passes_is_no_sign_of_more_to_come(world: World) -> None:
    woken: list[str] = []
    wakes: dict[str, Callable[[], None]] = {
        "venue": lambda: world.says(b"0"),
        "strategy": world.process.on_bus,
        "time": world.process.on_timer,
    }
    for name in ("time", "venue", "time", "strategy", "time"):
        world.process.on_woken = lambda now, name=name: woken.append(name)
        world.now += 1
        wakes[name]()
    assert woken == ["venue", "strategy"]


def test_nothing_of_a_session_that_is_over_waits_for_the_garbage_collector(world: World) -> None:
    over = weakref.ref(world.line)
    gc.collect()
    gc.disable()
    try:
        world.process.on_lost(world.line, "reset")
        del world.line, world.wire
        world.now += 100 * SECOND_NS
        world.process.on_timer()
        assert over() is None
    finally:
        gc.enable()


def test_what_happened_to_one_of_several_sessions_is_seen(world: World) -> None:
    (slot,) = world.process.sessions.slots
    second = world.new_line(Connect(world.line.name, slot.post))
    world.process.gateway.lines.add(second)
    for line in (world.line, second):
        text = f"of line {line.number}"
        line.session.events.append(Event(Happening.WARNING, text))
        world.process.settle(world.now)
        assert world.log[-1] == f"session warning: {text}"


@pytest.mark.parametrize(
    "request_",
    [
        OrderCancelRequest("c", "unknown"),
        SnapshotRequest(1),
        BalancesRequest(1),
        LimitQuery(1),
        InstrumentRequest(1, "BTCUSDT"),
    ],
    ids=lambda request: type(request).__name__,
)
def test_what_a_strategy_does_not_take_is_offered_again_soon(world: World, request_: Any) -> None:
    # Without a session that could ask the venue the answers are there at once.
    world.process.on_lost(world.line, "reset")
    world.request(Hello("alpha"))
    bus = world.strategies
    bus.full.add(b"a")
    bus.sent.clear()
    world.request(request_)
    for _ in range(3):
        assert world.rings_ns == world.now + PARKED_NS
        world.now = world.rings_ns
        world.process.on_timer()
    bus.full.clear()
    assert bus.sent == []
    world.now = world.rings_ns
    world.process.on_timer()
    assert len(bus.sent) == 1
    assert world.rings_ns > world.now + PARKED_NS, "nobody waits"
    assert not world.process.strategies.has_parked, "nor is anybody looked for"


def test_who_is_behind_is_told_later_what_comes_meanwhile(world: World) -> None:
    world.request(Hello("alpha"))
    strategy = world.process.strategies.by_number[1]
    world.strategies.full.add(b"a")
    world.request(OrderCancelRequest("c1", "unknown"))
    # As if nobody had noted that the first one was not taken.
    world.process.strategies.has_parked = False
    world.request(OrderCancelRequest("c2", "unknown"))
    assert strategy.next_seq - strategy.unsent == 2
    assert world.rings_ns == world.now + PARKED_NS


@pytest.mark.parametrize("name", ["sessions", "liveness", "held", "table", "settling", "session"])
def test_each_deadline_is_met(world: World, name: str) -> None:
    process, gateway = world.process, world.process.gateway
    rooms: dict[str, Any] = {
        "sessions": process.sessions,
        "liveness": gateway.liveness,
        "held": gateway.held,
        "table": gateway.instruments.table,
        "settling": SimpleNamespace(deadline=None),
    }
    gateway.gate.settling = rooms["settling"]
    due_ns = world.now + 20_000_000
    if name == "session":
        session = world.line.session
        session.last_sent_ns = due_ns - session.heartbeat_ns
    else:
        rooms[name].deadline = due_ns
    process.settle(world.now)
    assert world.rings_ns == due_ns


def test_what_chance_adds_to_a_pause_is_asked_of_the_machine(world: World) -> None:
    world.jitter = 600
    world.process.on_lost(world.line, "reset")
    (slot,) = world.process.sessions.slots
    assert slot.not_before_ns == world.now + 1_300_000_000
    world.now = slot.not_before_ns
    world.process.on_timer()
    world.process.on_not_connected(world.wanted.pop().comp_id, "no route")
    assert slot.not_before_ns == world.now + 2_600_000_000


def test_the_machine_leaves_a_pause_to_chance() -> None:
    async def draw() -> list[int]:
        machine = Machine()
        return [machine.jitter_permille() for _ in range(1000)]

    drawn = asyncio.run(draw())
    assert min(drawn) >= 0 and max(drawn) <= 999
    assert len(set(drawn)) > 300
