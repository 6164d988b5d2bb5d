"""The second sources in memory: the venue's REST room, asked by name, with a delay and losses."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from fixengine.network.sources.answers import Account, Because, ExchangeInfo, Problem
from fixengine.network.sources.asks import ROWS, TRADES_A_PAGE, Ask
from fixengine.network.sources.door import Owner
from fixengine.simulator.parameters import Wrong
from fixengine.testing.clock import SECOND_NS, Clock, Run

TOO_MANY, BANNED = 429, 418


class Web(Protocol):
    """The venue, as far as it is asked here; see SimulatedVenue."""

    rest_delay_s: float
    rest_is_reachable: bool

    def call(self, name: str, parameters: dict[str, str | int]) -> Any:
        """What REST answers, as its JSON has it. Raises Wrong."""


class MemorySources:
    """See network/sources/door.py. An answer tells how things stood when it was asked for."""

    def __init__(self, clock: Clock, run: Run, venue: Web, deadline_ms: int, owner: Owner) -> None:
        self.running = False
        self._clock = clock
        self._run = run
        self._venue = venue
        self._deadline_s = deadline_ms / 1000
        self._owner = owner
        self._number = 0

    def start(self) -> None:
        """Begin."""
        self.running = True

    def ask(self, ask: Ask) -> int | Problem:
        """Ask; the number under which the owner hears the answer."""
        self._number += 1
        number, delay_s = self._number, self._venue.rest_delay_s
        found: tuple[Any, ...] | Problem
        if not self._venue.rest_is_reachable or delay_s >= self._deadline_s:
            delay_s = self._deadline_s
            found = Problem(Because.FAILED.value, f"{ask.call}: no answer within {delay_s:g} s")
        else:
            found = self._found(ask)

        def answer() -> None:
            if not self.running:
                return
            if isinstance(found, Problem):
                self._owner.on_problem(number, found)
            else:
                self._owner.on_rows(number, found, True)

        self._clock.at(self._clock.now_ns + int(delay_s * SECOND_NS), answer, self._run)
        return number

    def close(self) -> None:
        """Nothing more is answered."""
        self.running = False

    def _found(self, ask: Ask) -> tuple[Any, ...] | Problem:
        """All pages of an answer; they follow each other without time passing."""
        rows: list[Any] = []
        parameters = dict(ask.parameters)
        try:
            while True:
                page = _rows(ask.call, self._venue.call(ask.call, parameters))
                rows += page
                if not ask.page_by or len(page) < TRADES_A_PAGE:
                    return tuple(rows)
                parameters[ask.page_by] = 1 + max(getattr(row, "id", 0) for row in page)
        except Wrong as wrong:
            because = Because.LIMITED if wrong.status in (TOO_MANY, BANNED) else Because.REFUSED
            return Problem(because.value, f"{ask.call}: {wrong.text}", wrong.status, wrong.code)


def _rows(name: str, found: Any) -> list[Any]:
    """What the venue's JSON holds, as rows of `asks.ROWS`."""
    if name == "exchangeInfo":
        return list(msgspec.convert(found, ExchangeInfo).symbols)
    if name == "account":
        account = msgspec.convert(found, Account)
        return [msgspec.structs.replace(account, balances=()), *account.balances]
    kind: Any = ROWS[name]
    return msgspec.convert(found if isinstance(found, list) else [found], list[kind])
