"""What the account has, told to a strategy that asks.

REST is asked, once a second at most, and whoever asks meanwhile hears the same answer. While the
user data stream was live already when REST was asked, its events keep that answer current, and REST
is asked no more; a transfer, of which the stream tells only how much, ends that. Of one asset what
the venue wrote later holds. Where there is no REST, or it gives no answer, the strategy hears why.

Sans-I/O: asking is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from fixengine.messages import Balance, Balances
from fixengine.network.questions import Questions
from fixengine.network.settling import REST
from fixengine.network.sources import asks, normalise
from fixengine.network.sources.answers import Account, Problem
from fixengine.network.sources.events import Position
from fixengine.network.strategies import Strategies, Strategy

USER_DATA = "user_data"
FRESH_NS = 1_000_000_000
NO_SOURCE = "no second source tells balances: sources.rest is off, or sources.port is not known"


class Holding(NamedTuple):
    """One asset, and when it was so by the venue's clock, ms since 1970."""

    free: str
    locked: str
    at_ms: int


class BalanceRoom:
    """See the module's top. inquire: asks REST; None where there is none."""

    def __init__(self, strategies: Strategies, epoch: int, lag_ns: int) -> None:
        self.inquire: Callable[[asks.Ask], int | Problem] | None = None
        self.questions = Questions(strategies)
        self._epoch = epoch
        self._lag_ns = lag_ns
        self._number: int | None = None
        self._rows: list[Any] = []
        self._held: dict[str, Holding] = {}
        self._shown: tuple[Balance, ...] | None = None
        self._source = REST
        self._updated_ms = 0
        self._told_ns: int | None = None
        self._asked_ns = 0
        # The stream: since when it is live, and what made its events insufficient last.
        self._live_since_ns: int | None = None
        self._moved_ns = -1
        self._is_kept = False

    def ask(self, strategy: Strategy, peer: bytes, request_id: int, now: int) -> None:
        """A strategy asks."""
        self.questions.ask(strategy, peer, request_id)
        if self.inquire is None:
            self._refuse(NO_SOURCE)
        elif self._is_kept or (self._told_ns is not None and now - self._told_ns < FRESH_NS):
            self._answer()
        elif self._number is None:
            number = self.inquire(asks.account())
            if isinstance(number, Problem):
                self._refuse(number.text)
            else:
                self._number, self._asked_ns, self._rows = number, now, []

    # --- what the sources tell --------------------------------------------------------------

    def on_rows(self, number: int, rows: tuple[Any, ...], is_last: bool, now: int) -> None:
        """A piece of an answer."""
        if number != self._number:
            return
        self._rows += rows
        if not is_last:
            return
        self._number = None
        account, *balances = self._rows or (None,)
        if not isinstance(account, Account):
            self._refuse("REST: the account is missing in its answer")
            return
        self._take(account, balances)
        since_ns = self._live_since_ns
        self._is_kept = (
            since_ns is not None
            and self._asked_ns >= since_ns + self._lag_ns
            and self._asked_ns > self._moved_ns
        )
        self._source, self._told_ns = REST, now
        self._answer()

    def on_problem(self, number: int, problem: Problem, now: int) -> None:
        """There is no answer."""
        if number == self._number:
            self._number = None
            self._refuse(problem.text)

    def begin(self, now: int) -> None:
        """The stream is live."""
        self._live_since_ns = now

    def end(self) -> None:
        """The stream is lost. Of what it told last, REST knows as much, and may know more: it tells
        when the account changed, not each asset, and two changes may have one time.
        """
        self._live_since_ns = self._told_ns = None
        self._is_kept = False
        self._held = {}

    def on_position(self, event: Position, now: int) -> None:
        """The stream told what some assets are now."""
        for one in event.balances:
            held = self._held.get(one.asset)
            if held is None or held.at_ms <= event.update_time:
                self._held[one.asset] = Holding(one.free, one.locked, event.update_time)
        self._shown = None
        self._updated_ms = max(self._updated_ms, event.update_time)
        if self._is_kept:
            self._source, self._told_ns = USER_DATA, now

    def on_move(self, now: int) -> None:
        """The stream told that some asset has changed, and not what it is now."""
        self._moved_ns = now
        self._is_kept = False

    # --- small steps ------------------------------------------------------------------------

    def _take(self, account: Account, balances: list[Any]) -> None:
        """What REST says, but for assets of which the stream told later."""
        at_ms = account.update_time
        held = {row.asset: Holding(row.free, row.locked, at_ms) for row in balances}
        later = {asset: one for asset, one in self._held.items() if one.at_ms >= at_ms}
        self._held, self._shown = held | later, None
        self._updated_ms = max([at_ms, *(one.at_ms for one in later.values())])

    def _answer(self) -> None:
        if self._shown is None:
            self._shown = tuple(
                Balance(asset, one.free, one.locked)
                for asset, one in sorted(self._held.items())
                if Decimal(one.free) or Decimal(one.locked)
            )
        # An account that never changed has no such time.
        updated = normalise.utc(self._updated_ms or None)
        facts = self._source, updated, self._told_ns or 0, self._shown
        self.questions.answer(lambda request_id: Balances(request_id, self._epoch, *facts))

    def _refuse(self, text: str) -> None:
        self.questions.answer(lambda request_id: Balances(request_id, self._epoch, problem=text))
