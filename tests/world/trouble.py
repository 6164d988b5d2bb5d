"""Everything that goes wrong in the world, and when it is over again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from fixengine.testing import FaultError

from world.options import Options
from world.venue import BLUR_NS, PLAINLY, STRANGELY, VenueOfWorld, plainly

SECOND_NS = 1_000_000_000
SKEWS_MS = (-3000, -800, -100, 0, 60, 700, 1500)
EFFECTS = "journal", "bus", "link", "state"

Given = tuple[str, dict[str, Any]]
FAULTS: tuple[Given, ...] = (
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
    ("reject", {"kind": "D", "code": -1006}),
    ("field", {"kind": "8", "tag": 39, "value": "Z", "times": 3}),
    ("instead-of-logon", {}),
    ("refuse-logon", {"code": -1021}),
    ("refuse-logon", {"code": -1033}),
)
GENTLE = tuple(
    one for one in FAULTS if one[0] in ("drop", "corrupt", "hole", "swallow", "reject", "field")
)
"""What leaves the link standing: who does not notice is not helped by the next logon."""
STANDING: tuple[Given, ...] = (
    ("delay", {"ms": 300}),
    ("delay", {"ms": 3000}),
    ("split", {"bytes": 60}),
    ("coalesce", {"count": 5}),
    ("black-hole", {}),
    ("stop-reading", {}),
    ("silent", {}),
    ("mute-heartbeats", {}),
    ("wrong-clock", {"ms": 1500}),
    ("unknown-outcome", {}),
    ("unknown-outcome", {"code": -1006}),
    ("unknown-outcome", {"form": "report"}),
)
NAMES: dict[tuple[str, object], str] = {
    ("refuse-logon", -1033): "Logon refused with -1033",
    ("unknown-outcome", -1006): "outcome unknown with -1006",
    ("unknown-outcome", None): "outcome unknown with -1007",
    ("black-hole", None): "half-open",
    ("cut", None): "cut in the middle of a message",
    ("news", None): "News",
    ("field", None): "unknown OrdStatus",
}
"""What the faults that matter most are called."""


class Owner(Protocol):
    """The world, as far as it is put to trouble here."""

    chance: random.Random
    options: Options
    engine: Any
    venue: VenueOfWorld
    now_ns: int
    skew_ns: int

    def met(self, trouble: str) -> None:
        """A kind of trouble has come."""

    def note(self, text: str, event: Any = "") -> None:
        """For the one who reads a failure."""

    def survive(self, action: Callable[[], Any]) -> Any:
        """Do something in which the engine may die."""

    def pause(self, seconds: float) -> None:
        """The engine reads no requests for so long."""


class Trouble:
    """See the module's top."""

    def __init__(self, world: Owner) -> None:
        self._world = world
        self._chance = world.chance
        self._weighed: tuple[tuple[Callable[[], None], int], ...] = (
            (self._fault, 12),
            (self._standing, 8),
            (self._late_session, 9),
            (self._slow_venue, 3),
            (self._acknowledgements, 3),
            (self._rejects, 2),
            (self._unreachable, 1),
            (self._rest, 3),
            (self._clock, 2),
            (self._pause, 2),
            (self._disk, 1),
            (self._stream, 4 * world.options.followed),
        )

    def come(self) -> None:
        """Let something go wrong."""
        if self._world.options.late and self._chance.random() < 0.7:
            self._late_session()
        elif self._world.options.gentle:
            gentle = (
                self._late_session,
                self._slow_venue,
                self._acknowledgements,
                self._rejects,
            )
            if self._chance.random() < 0.3:
                self._chance.choice(gentle)()
            else:
                self._ask(*self._chance.choice(GENTLE))
        else:
            kinds, weights = zip(*self._weighed, strict=True)
            self._chance.choices(kinds, weights)[0]()

    def end(self) -> None:
        """Nothing goes wrong any more."""
        world = self._world
        venue = world.engine.venue
        venue.clear()
        venue.is_reachable = venue.rest_is_reachable = venue.stream_is_reachable = True
        venue.stream_delay_s = 0.01
        venue.rest_delay_s = 0.05
        world.skew_ns = 0
        world.venue.rest_lag_ms = world.venue.slow_ms = 0
        world.venue.acknowledgement = plainly
        venue.reject_no_more()

    # --- what the venue does wrong ----------------------------------------------------------

    def _ask(self, name: str, values: dict[str, Any]) -> bool:
        try:
            self._world.survive(lambda: self._world.engine.venue.fault(name, **values))
        except FaultError:
            return False
        self._world.note(f"fault {name} {values}")
        code = values.get("code")
        self._world.met(NAMES.get((name, code)) or NAMES.get((name, None)) or name)
        return True

    def _fault(self) -> None:
        self._ask(*self._chance.choice(FAULTS))

    def _standing(self) -> None:
        name, values = self._chance.choice(STANDING)
        if self._ask(name, values):
            self._later(lambda: self._world.engine.venue.clear(name), f"{name} ends")

    def _late_session(self) -> None:
        """What one session tells comes behind what others tell."""
        venue = self._world.engine.venue
        names = [one.comp_id for one in venue.server._connections if one.comp_id]
        if len(names) < 2:
            return
        name, other = self._chance.sample(names, 2)
        if not self._ask("delay", {"ms": self._chance.choice((200, 2500)), "session": name}):
            return
        self._world.met("reordered between sessions")
        self._later(lambda: venue.clear("delay"), "delay ends")
        # What only the late one tells is what comes late to the engine.
        if self._chance.random() < 0.7:
            times = self._chance.choice((1, 2, 4))
            self._ask("drop", {"kind": "8", "session": other, "times": times})
        if self._chance.random() < 0.4:
            odd = {"kind": "8", "tag": 39, "value": "Z", "times": 8, "session": name}
            self._ask("field", odd)
        if self._chance.random() < 0.5:
            self._acknowledgements()

    def _slow_venue(self) -> None:
        """Requests wait before they are carried out, longer than their link may last."""
        world = self._world
        room_ms = world.options.recv_window_ms + 9000
        world.venue.slow_ms = self._chance.choice((20, 300, 2000, room_ms))
        world.met("slow venue")
        world.note(f"the venue takes {world.venue.slow_ms} ms for a request")

        def end() -> None:
            world.venue.slow_ms = 0

        self._later(end, "the venue carries out at once")

    def _acknowledgements(self) -> None:
        world = self._world
        world.note("orders are acknowledged strangely")
        ways = PLAINLY, *STRANGELY
        world.venue.acknowledgement = lambda: self._chance.choice(ways)

        def end() -> None:
            world.venue.acknowledgement = plainly

        self._later(end, "orders are acknowledged plainly")

    def _rejects(self) -> None:
        venue = self._world.engine.venue
        self._world.met("orders rejected")
        self._world.note("the venue rejects every third order")
        venue.reject_when(lambda request: int(request.strategy_id) // 10 % 3 == 0)
        self._later(venue.reject_no_more, "orders are rejected no more")

    def _unreachable(self) -> None:
        self._world.met("unreachable")
        self._world.note("the venue cannot be reached")
        self._world.engine.venue.is_reachable = False

        def end() -> None:
            self._world.engine.venue.is_reachable = True

        self._later(end, "the venue can be reached")

    def _rest(self) -> None:
        venue = self._world.engine.venue
        if self._chance.random() < 0.5:
            self._world.met("REST lags")
            venue.rest_delay_s = self._chance.choice((0.01, 0.3, 1.0, 1.9))
            self._world.venue.rest_lag_ms = self._chance.choice((0, 200, 1000, 1800))
            return
        self._world.met("REST fails")
        venue.rest_is_reachable = False

        def end() -> None:
            venue.rest_is_reachable = True

        self._later(end, "REST answers again")

    def _stream(self) -> None:
        """The user data stream is late, or cut and back at once or later."""
        venue = self._world.engine.venue
        if self._chance.random() < 0.3:
            self._world.met("stream lags")
            venue.stream_delay_s = self._chance.choice((0.001, 0.3, 1.0, 1.9))
            return
        self._world.met("stream cut")
        self._world.note("the stream is cut")
        venue.stream_is_reachable = self._chance.random() < 0.5
        self._world.survive(venue.cut_stream)

        def end() -> None:
            venue.stream_is_reachable = True

        self._later(end, "the stream can be had")

    # --- what goes wrong at home ------------------------------------------------------------

    def _clock(self) -> None:
        world = self._world
        world.met("clock steps")
        world.skew_ns = self._chance.choice(SKEWS_MS) * 1_000_000
        # How long a SenderCompID rests over a restart is counted by the wall clock.
        world.venue.blur_ns = BLUR_NS + (max(SKEWS_MS) - min(SKEWS_MS)) * 1_000_000
        world.note(f"our wall clock is off by {world.skew_ns // 1_000_000} ms")

        def end() -> None:
            world.skew_ns = 0

        self._later(end, "our wall clock is right again")

    def _pause(self) -> None:
        self._world.met("pause")
        self._world.pause(self._chance.choice((0.1, 0.6, 2.0)))

    def _disk(self) -> None:
        engine = self._world.engine
        if not engine.is_running:
            return
        self._world.met("disk full")
        journal = engine.journal
        journal.healthy = False
        self._world.note("the disk is full")

        def end() -> None:
            journal.healthy = True

        self._later(end, "the disk has room")

    def _later(self, action: Callable[[], Any], text: str) -> None:
        def act() -> None:
            self._world.note(text)
            action()

        self._world.engine.later(self._chance.choice((0.5, 3.0, 8.0, 20.0)), act)


def kinds_of_trouble() -> set[str]:
    """Everything that has to come over all seeds together."""
    named = {
        NAMES.get((name, values.get("code"))) or NAMES.get((name, None)) or name
        for name, values in (*FAULTS, *STANDING)
    }
    venue = {"reordered between sessions", "slow venue", "orders rejected", "PENDING_CANCEL"}
    venue |= {"stream lags", "stream cut"}
    venue |= {f"acknowledged as {'+'.join(told) or 'nothing'}" for told in STRANGELY}
    own = {"unreachable", "REST lags", "REST fails", "REST asked", "clock steps", "clock skew"}
    home = {"left when the disk had it"}
    home |= {"pause", "disk full", "stop", "strategy away", "repeated id", "stale epoch"}
    dead = {"orders of the dead cancelled", "orders of the dead kept"}
    ends = {"kill", "power cut: lost", "power cut: torn"} | {f"kill at {kind}" for kind in EFFECTS}
    return named | venue | own | home | dead | ends
