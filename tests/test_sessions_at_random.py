"""The control plane against a venue that does anything at any time, over restarts.

The venue here keeps its own books: which SenderCompIDs it holds and until when, and when it was
connected to. Whatever happens, no connect breaks its rules, and once it behaves all is up again.
"""

from __future__ import annotations

import random

import pytest
from fixengine.fix.states import Event, Happening
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import SessionState
from fixengine.network.sessions import Connect, Effect, Ended, LogOut, Sessions
from fixengine.network.slot import Post, posts_of

SECOND_NS = 1_000_000_000
HEARTBEAT_NS = 5 * SECOND_NS
LIMITS = BINANCE_SPOT.profiles["order_entry"].limits
CODES = (None, -1021, -1033, -1034, -1111)
STEPS = 200


class World:
    """One engine and one venue. held: CompID -> when it is free again, None while in use."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0
        count = self.chance.randint(1, 9)
        drop_copy = self.chance.random() < 0.5
        spare = self.chance.randint(1, 3)
        ids = count + drop_copy + spare
        self.comp_ids = tuple(f"ID{number}" for number in range(ids))
        self.posts = posts_of(BINANCE_SPOT, count, min(2, count), drop_copy)
        self.held: dict[str, int | None] = {}
        self.connected_ns: list[int] = []
        self.reached_ns: list[int] = []
        self.live: dict[str, Post] = {}
        self.on: set[str] = set()
        self.lingering: list[tuple[str, int]] = []
        self.asked_out: set[str] = set()
        self.start()

    def start(self) -> None:
        """A process starts; one that was killed before left its sessions to the venue."""
        for comp_id, post in self.live.items():
            self.held[comp_id] = self.now + 2 * HEARTBEAT_NS
            self.lingering.append((post.role, self.now + 2 * HEARTBEAT_NS))
        self.live.clear()
        self.on.clear()
        self.asked_out.clear()
        self.plane = Sessions(
            BINANCE_SPOT,
            self.posts,
            self.comp_ids,
            HEARTBEAT_NS,
            locked_until_ns={name: until or 0 for name, until in self.held.items()},
            attempts_ns=tuple(self.connected_ns),
        )
        self.do(self.plane.tick(self.now))

    def do(self, effects: list[Effect]) -> None:
        for effect in effects:
            assert not isinstance(effect, Ended)
            if isinstance(effect, Connect):
                self.connect(effect)
            elif isinstance(effect, LogOut):
                self.asked_out.add(effect.comp_id)

    def connect(self, effect: Connect) -> None:
        """The venue's rules."""
        comp_id = effect.comp_id
        assert comp_id not in self.live
        assert (self.held.get(comp_id) or 0) <= self.now, "a locked SenderCompID"
        self.live[comp_id] = effect.post
        self.held[comp_id] = None
        self.connected_ns.append(self.now)
        # Each reaches the venue up to a second later, when its mark is on disk.
        reached = self.now + self.chance.randrange(SECOND_NS)
        self.reached_ns.append(reached)
        count = LIMITS.connection_attempts.count_max
        self.reached_ns.sort()
        late = self.reached_ns[-3 * count :]
        for first, last in zip(late, late[count:], strict=False):
            assert last - first > 30 * SECOND_NS
        roles = [post.role for post in self.live.values()]
        roles += [role for role, until_ns in self.lingering if until_ns > self.now]
        assert roles.count(effect.post.role) <= LIMITS.connections_max
        slots = [post.number for post in self.live.values()]
        assert slots.count(effect.post.number) <= 2, "more than one successor"

    def end(self, comp_id: str, clean: bool) -> None:
        post = self.live.pop(comp_id)
        self.on.discard(comp_id)
        self.asked_out.discard(comp_id)
        self.held[comp_id] = 0 if clean else self.now + 2 * HEARTBEAT_NS
        if not clean:
            self.lingering.append((post.role, self.now + 2 * HEARTBEAT_NS))

    def tell(self, comp_id: str, event: Event) -> None:
        self.do(self.plane.on_event(comp_id, event, self.now, self.chance.randrange(1000)))

    def behave(self, comp_id: str) -> None:
        """What a sound venue does next with a session."""
        if comp_id in self.asked_out and comp_id in self.on:
            self.end(comp_id, clean=True)
            self.tell(comp_id, Event(Happening.LOGGED_OUT, "", clean=True))
        elif comp_id not in self.on:
            self.on.add(comp_id)
            self.tell(comp_id, Event(Happening.LOGGED_ON, "u"))
        elif comp_id in self.plane.draining:
            self.do(self.plane.drained(comp_id, self.now))

    def misbehave(self, comp_id: str) -> None:
        """What else may happen to it."""
        if comp_id in self.on:
            kind = self.chance.choice(("lost", "out", "news", "news", "stale"))
            if kind == "news":
                self.tell(comp_id, Event(Happening.NEWS, "in 60 seconds"))
            elif kind == "stale":
                self.tell(comp_id, Event(Happening.STALE, "hole"))
            else:
                text = self.chance.choice(("reset", "Too many messages; slow down"))
                self.end(comp_id, clean=False)
                happening = Happening.LOST if kind == "lost" else Happening.LOGGED_OUT
                self.tell(comp_id, Event(happening, text))
            return
        if self.chance.random() < 0.5:
            self.end(comp_id, clean=True)
            jitter = self.chance.randrange(1000)
            self.do(self.plane.connect_failed(comp_id, "no route", self.now, jitter))
            return
        code = self.chance.choice(CODES)
        self.end(comp_id, clean=code not in (None, -1033))
        self.tell(comp_id, Event(Happening.LOGON_REFUSED, "refused", code))

    def step(self, trouble: float) -> None:
        """Some time passes and something happens."""
        deadline = self.plane.deadline
        if deadline is not None and self.chance.random() < 0.7:
            self.now = max(self.now, deadline)
        else:
            self.now += self.chance.randrange(2 * SECOND_NS)
        self.do(self.plane.tick(self.now))
        if self.chance.random() < trouble / 10:
            self.start()
        if self.live:
            comp_id = self.chance.choice(sorted(self.live))
            if self.chance.random() < trouble:
                self.misbehave(comp_id)
            else:
                self.behave(comp_id)


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_no_connect_breaks_the_venues_rules_and_all_comes_up_again(first: int) -> None:
    for seed in range(first, first + 30):
        world = World(seed)
        for _ in range(STEPS):
            world.step(trouble=0.4)
        for _ in range(STEPS):
            world.step(trouble=0.0)
        assert world.plane.state is SessionState.ACTIVE, seed
        assert {world.live[name].number for name in world.on} == {
            post.number for post in world.posts
        }, seed
