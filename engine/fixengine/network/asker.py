"""Keeps the process of the second sources running, and hands on what it tells.

Nothing is decided here: what to ask and what an answer means stands in settling.py and in
desk/recovery.py, what the user data stream says in stream.py, how both are reached in sources.
Where REST is off, unknown orders stay unknown until a session or the stream tells of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from fixengine.desk.recovery import LAG_S
from fixengine.messages import SessionState
from fixengine.network.foreign import Foreign, Rule
from fixengine.network.gateway import Gateway
from fixengine.network.journal.record import Kind
from fixengine.network.reports import Log
from fixengine.network.settling import REST, Settling
from fixengine.network.sources.answers import Problem
from fixengine.network.sources.asks import Ask
from fixengine.network.sources.door import Owner
from fixengine.network.sources.events import Told
from fixengine.network.sources.packets import (
    Broken,
    Failed,
    FromWorker,
    Rows,
    StreamEvent,
    StreamState,
)
from fixengine.network.stream import USER_DATA, UserStream

SECOND_NS = 1_000_000_000
AGAIN_NS = 5 * SECOND_NS
# Words of READ records.
RUN = "run"
ASKED = b"asked "


class Sources(Protocol):
    """Who asks, such as sources.door.Sources."""

    @property
    def running(self) -> bool:
        """Whether there is somebody to ask."""

    def start(self) -> None:
        """Begin; OSError where the system refuses."""

    def ask(self, ask: Ask) -> int | Problem:
        """Ask; the number of the answer to come, or why not."""

    def follow(self) -> bool:
        """Keep the user data stream open; False where nobody runs who could."""

    def close(self) -> None:
        """End; nothing more is answered."""


class Wanted(NamedTuple):
    """Which second sources the configuration gives, and what is done with orders of others.

    instruments: whether orders are held against the rules of their symbols.
    """

    rest: bool
    user_data: bool
    foreign: Rule
    instruments: bool = True


class Asker:
    """See the module's top.

    make: makes the sources, which are given this as their owner. clocks: (monotonic, wall) ns.
    settled: called after what they tell, when something may have to be sent.
    """

    def __init__(
        self,
        make: Callable[[Owner], Sources],
        gateway: Gateway,
        recv_window_ns: int,
        wanted: Wanted,
        clocks: Callable[[], tuple[int, int]],
        settled: Callable[[int], None],
        log: Log,
    ) -> None:
        self._sources = make(self)
        self._now = 0
        self._is_running: bool | None = None
        rooms = gateway.orders, gateway.reports.positions, gateway.teller, log
        times = recv_window_ns, gateway.venue.second_ns
        asks = self._ask, self._say, gateway.venue.own
        self.settling = Settling(*rooms, *asks, *times)
        if wanted.rest:
            gateway.gate.settling = self.settling
            gateway.balances.inquire = self._ask
            if wanted.instruments:
                gateway.instruments.inquire = self._ask
        ends = self._ask, lambda text, now: self._say(SessionState.ACTIVE.value, text, now)
        self._foreign = Foreign(gateway, wanted.foreign, *ends, LAG_S * gateway.venue.second_ns)
        web = gateway.venue.web
        lag_ns = 0 if web is None else web.stream.lag_ns
        self.stream = UserStream(gateway, lag_ns, log)
        self._wanted = wanted
        self._gateway = gateway
        self._clocks = clocks
        self._settled = settled
        self._log = log
        self._begun_ns: int | None = None

    def _say(self, state: str, text: str, now: int) -> None:
        self._gateway.teller.status(state, text, REST, self._gateway.session_state, now)

    def tick(self, now: int, watched_since_ns: int | None) -> None:
        """Time has passed."""
        self._now = now
        since = self._begun_ns
        running = self._sources.running
        if running != self._is_running:
            self._is_running = running
            self._record(Kind.READ, f"sources {RUN if running else 'do not run'}".encode())
        if not running and (since is None or now - since >= AGAIN_NS):
            self._begun_ns = now
            try:
                self._sources.start()
                if self._wanted.user_data:
                    self._sources.follow()
            except OSError as problem:
                text = f"second sources: the process that asks cannot start: {problem.strerror}"
                self._log("error", text, event="sources")
        if self._wanted.rest:
            self._foreign.tick(now, watched_since_ns)
            self.settling.tick(now, watched_since_ns)
            self._gateway.instruments.tick(now)

    def close(self) -> None:
        """Ask no more."""
        self._sources.close()

    def _ask(self, ask: Ask) -> int | Problem:
        asked = self._sources.ask(ask)
        self._record(Kind.READ, ASKED + msgspec.json.encode(asked))
        return asked

    def _record(self, kind: Kind, data: bytes) -> None:
        self._gateway.teller.record(kind, self._now, 0, data)

    def _hear(self, source: str, told: FromWorker) -> tuple[int, int]:
        """What a source tells is recorded before anything follows from it; the clocks."""
        self._now, wall = self._clocks()
        self._record(Kind.SOURCE, msgspec.json.encode({"source": source, "told": told}))
        return self._now, wall

    # --- what the sources tell --------------------------------------------------------------

    def on_rows(self, number: int, rows: tuple[Any, ...], is_last: bool) -> None:
        """See sources.door.Owner."""
        now, wall = self._hear(REST, Rows(number, rows, is_last))
        watched_since_ns = self._gateway.lines.watched_since_ns
        self._foreign.on_rows(number, rows, is_last, now)
        self._gateway.balances.on_rows(number, rows, is_last, now)
        self._gateway.instruments.on_rows(number, rows, is_last, now, wall)
        self.settling.on_rows(number, rows, is_last, now, wall, watched_since_ns)
        self._settled(now)

    def on_problem(self, number: int, problem: Problem) -> None:
        """See sources.door.Owner."""
        now, _ = self._hear(REST, Failed(number, problem))
        self._foreign.on_problem(number, problem, now)
        self._gateway.balances.on_problem(number, problem, now)
        self._gateway.instruments.on_problem(number, problem, now)
        self.settling.on_problem(number, problem, now)
        self._settled(now)

    def on_stream(self, state: StreamState) -> None:
        """See sources.door.Owner."""
        now, _ = self._hear(USER_DATA, state)
        self.stream.on_state(state, now)
        self._settled(now)

    def on_event(self, connection: int, event: Told) -> None:
        """See sources.door.Owner."""
        now, _ = self._hear(USER_DATA, StreamEvent(connection, event))
        if self.stream.on_event(event, now):
            self._settled(now)

    def on_ended(self, text: str) -> None:
        """See sources.door.Owner."""
        now, _ = self._hear(USER_DATA, Broken(text))
        self._log("error", f"second sources: {text}; it is started again", event="sources")
        if self._wanted.user_data:
            self.stream.end(text, now)
            self._settled(now)
