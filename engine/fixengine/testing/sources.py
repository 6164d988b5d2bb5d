"""The second sources in memory: the venue's rooms for REST and stream, with a delay and losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import msgspec

from fixengine.network.config.settings import Sources
from fixengine.network.sources import events
from fixengine.network.sources.answers import Account, Because, ExchangeInfo, Problem
from fixengine.network.sources.asks import KEPT, ROWS, TRADES_A_PAGE, Ask, Value
from fixengine.network.sources.budget import Budget
from fixengine.network.sources.door import Owner
from fixengine.network.sources.packets import Stream, StreamState
from fixengine.simulator.feed import Feed
from fixengine.simulator.parameters import Wrong
from fixengine.simulator.server import Server
from fixengine.testing.clock import SECOND_NS, Clock, Run

TOO_MANY, BANNED = 429, 418
MILLISECOND_NS = 1_000_000
AGAIN_S = 1.0


class Pushed(msgspec.Struct):
    """A frame that the venue sends unasked."""

    event: msgspec.Raw


class Web(Protocol):
    """The venue, as far as it is asked here; see SimulatedVenue."""

    rest_delay_s: float
    rest_is_reachable: bool
    stream_delay_s: float
    stream_is_reachable: bool
    server: Server

    @property
    def rest_weight(self) -> int:
        """What we have used of REST's weight limit, as each answer tells it."""

    def call(self, name: str, parameters: dict[str, str | int]) -> Any:
        """What REST answers, as its JSON has it. Raises Wrong."""

    def subscribe(self) -> Feed:
        """A connection of the user data stream that is subscribed."""


class MemorySources:
    """See network/sources/door.py. An answer tells how things stood when the venue was asked, and
    it is asked once its weight limit has room.
    """

    def __init__(self, clock: Clock, run: Run, venue: Web, settings: Sources, owner: Owner) -> None:
        self.running = False
        self._clock = clock
        self._run = run
        self._venue = venue
        self._deadline_s = settings.deadline_ms / 1000
        self._web = venue.server.rest.web
        weights = self._web.weights
        self._budget = Budget(weights, weights.count_max * settings.weight_percent // 100)
        self._owner = owner
        self._number = 0
        self._feed: Feed | None = None
        self._connections = 0

    def start(self) -> None:
        """Begin."""
        self.running = True

    def ask(self, ask: Ask) -> int | Problem:
        """Ask; the number under which the owner hears the answer."""
        self._number += 1
        self._page(self._number, ask, dict(ask.parameters), [])
        return self._number

    def _page(self, number: int, ask: Ask, parameters: dict[str, Value], rows: list[Any]) -> None:
        """Ask for what is left of an answer: pages follow each other without time passing, but for
        the venue's weight limit.
        """
        delay_s = self._venue.rest_delay_s
        if not self._venue.rest_is_reachable or delay_s >= self._deadline_s:
            text = f"{ask.call}: no answer within {self._deadline_s:g} s"
            self._answer(number, Problem(Because.FAILED.value, text), self._deadline_s)
            return
        wait_ns = 0 if ask.call == KEPT else self._wait_ns(ask.call, parameters)
        if wait_ns > self._deadline_s * SECOND_NS:
            text = f"{ask.call}: no weight is free"
            wait_ms = -(-wait_ns // MILLISECOND_NS)
            problem = Problem(Because.LIMITED.value, text, retry_after_ms=wait_ms)
            self._answer(number, problem, 0)
        elif wait_ns:
            again = partial(self._page, number, ask, parameters, rows)
            self._later(wait_ns / SECOND_NS, again)
        elif (found := self._found(ask, parameters, rows)) is None:
            self._page(number, ask, parameters, rows)
        else:
            self._answer(number, found, delay_s)

    def _wait_ns(self, name: str, parameters: dict[str, Value]) -> int:
        """How long a call has to wait; where it may go now, it is counted."""
        weight, wall_ns = self._web.weight(name, parameters), self._clock.wall_ns()
        wait_ns = self._budget.wait_ns(weight, wall_ns)
        if not wait_ns:
            self._budget.spend(weight, wall_ns)
        return wait_ns

    def _answer(self, number: int, found: tuple[Any, ...] | Problem, delay_s: float) -> None:
        def answer() -> None:
            if not self.running:
                return
            if isinstance(found, Problem):
                self._owner.on_problem(number, found)
            else:
                self._owner.on_rows(number, found, True)

        self._later(delay_s, answer)

    def follow(self) -> bool:
        """Subscribe to the user data stream, again whenever it is lost."""
        self._venue.server.feeds.wake = lambda: self._later(self._venue.stream_delay_s, self._read)
        self._later(0, self._subscribe)
        return True

    def close(self) -> None:
        """Nothing more is answered."""
        self.running = False
        if self._feed is not None:
            self._venue.server.feeds.closed(self._feed)

    def _later(self, seconds: float, action: Callable[[], object]) -> None:
        self._clock.at(self._clock.now_ns + int(seconds * SECOND_NS), action, self._run)

    def _subscribe(self) -> None:
        self._connections += 1
        self._tell(Stream.CONNECTING)
        if self._venue.stream_is_reachable:
            self._feed = self._venue.subscribe()
            self._tell(Stream.LIVE, since_ms=1 + self._clock.wall_ns() // MILLISECOND_NS)
        else:
            self._lost("Connection refused")

    def _read(self) -> None:
        """What the feed has to say, and its end."""
        feed = self._feed
        if feed is None:
            return
        frames, feed.output = feed.output, []
        for frame in frames:
            pushed = msgspec.json.decode(frame, type=Pushed)
            self._owner.on_event(self._connections, events.read(bytes(pushed.event)))
        if feed.ends:
            self._venue.server.feeds.closed(feed)
            self._feed = None
            self._lost("the connection is closed")

    def _lost(self, text: str) -> None:
        self._tell(Stream.DOWN, text)
        self._later(AGAIN_S, self._subscribe)

    def _tell(self, state: Stream, text: str = "", since_ms: int = 0) -> None:
        self._owner.on_stream(StreamState(state.value, self._connections, text, since_ms))

    def _found(
        self, ask: Ask, parameters: dict[str, Value], rows: list[Any]
    ) -> tuple[Any, ...] | Problem | None:
        """The answer, whole; None where more pages follow, and parameters name the next."""
        if ask.call == KEPT:
            return ()
        try:
            page = _rows(ask.call, self._venue.call(ask.call, parameters))
        except Wrong as wrong:
            because = Because.LIMITED if wrong.status in (TOO_MANY, BANNED) else Because.REFUSED
            return Problem(because.value, f"{ask.call}: {wrong.text}", wrong.status, wrong.code)
        finally:
            self._budget.told(self._venue.rest_weight, self._clock.wall_ns())
        rows += page
        if not ask.page_by or len(page) < TRADES_A_PAGE:
            return tuple(rows)
        parameters[ask.page_by] = 1 + max(getattr(row, "id", 0) for row in page)
        return None


def _rows(name: str, found: Any) -> list[Any]:
    """What the venue's JSON holds, as rows of `asks.ROWS`."""
    if name == "exchangeInfo":
        return list(msgspec.convert(found, ExchangeInfo).rows)
    if name == "account":
        account = msgspec.convert(found, Account)
        return [msgspec.structs.replace(account, balances=()), *account.balances]
    kind: Any = ROWS[name]
    return msgspec.convert(found if isinstance(found, list) else [found], list[kind])
