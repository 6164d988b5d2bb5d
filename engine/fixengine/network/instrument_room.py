"""The rules of symbols in the engine: asked of REST, kept on disk, held against each new order.

What is kept on disk is read and written by the process that asks REST; here its answers come in as
those of REST do, so that they are in the journal. Strategies that ask for a symbol are answered
from what is known, or when the venue has told it. What is decided stands in desk/instruments.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fixengine import wire
from fixengine.desk.instruments import Instruments
from fixengine.messages import (
    Broken,
    Instrument,
    NewOrderList,
    NewOrderSingle,
    OrderAmendKeepPriorityRequest,
    OrderCancelRequestAndNewOrderSingle,
    RefusedReason,
)
from fixengine.network.questions import Questions
from fixengine.network.sources import asks
from fixengine.network.sources.answers import Because, Problem, Symbol
from fixengine.network.strategies import Strategies, Strategy
from fixengine.network.teller import Reason

MILLISECOND_NS = 1_000_000
NO_SOURCE = "no second source tells of symbols: sources.rest is off, or sources.port is not known"
NAMES = {
    "PRICE_FILTER": {"min_price": "min_price", "max_price": "max_price", "tick_size": "tick_size"},
    "LOT_SIZE": {"min_qty": "min_qty", "max_qty": "max_qty", "step_size": "step_size"},
    "MARKET_LOT_SIZE": {
        "market_min_qty": "min_qty",
        "market_max_qty": "max_qty",
        "market_step_size": "step_size",
    },
    "MIN_NOTIONAL": {"min_notional": "min_notional"},
    "NOTIONAL": {"min_notional": "min_notional", "max_notional": "max_notional"},
    "TRAILING_DELTA": {
        "min_trailing_above_delta": "min_trailing_above_delta",
        "max_trailing_above_delta": "max_trailing_above_delta",
        "min_trailing_below_delta": "min_trailing_below_delta",
        "max_trailing_below_delta": "max_trailing_below_delta",
    },
    "ICEBERG_PARTS": {"iceberg_parts_max": "limit"},
}
"""By filter: columns of an Instrument, and where they stand in it."""
NOTIONAL_RULES = ("MIN_NOTIONAL", "NOTIONAL")
"""A symbol has one of them."""


class InstrumentRoom:
    """See the module's top. inquire: asks REST; None without it, and then nothing is checked, nor
    asked for. table: its deadline is when `tick` matters next.
    """

    def __init__(self, strategies: Strategies, epoch: int, refresh_ns: int) -> None:
        self.inquire: Callable[[asks.Ask], int | Problem] | None = None
        self.table = Instruments(refresh_ns)
        self._strategies = strategies
        self._epoch = epoch
        self._questions: dict[str, Questions] = {}
        self._number: int | None = None
        self._kept_number: int | None = None
        self._has_kept = False

    @property
    def untaken(self) -> bool:
        """Whether a strategy has not taken its answer yet."""
        return any(questions.untaken for questions in self._questions.values())

    def why_not(self, request: Any, symbol: str, now: int) -> Reason | None:
        """Why a request breaks a rule of its symbol, or None. symbol: of what is amended."""
        if self.inquire is None:
            return None
        found: tuple[str, Broken] | None
        if isinstance(request, NewOrderSingle):
            found = self.table.broken((request,), now)
        elif isinstance(request, OrderCancelRequestAndNewOrderSingle):
            found = self.table.broken((request.order,), now)
        elif isinstance(request, NewOrderList):
            found = self.table.broken((one.order for one in request.orders), now)
        elif isinstance(request, OrderAmendKeepPriorityRequest):
            found = self.table.broken_qty(symbol, request.order_qty)
        else:
            return None
        if found is None:
            return None
        name, (rule, text) = found
        known = self.table.known(name)
        at = wire.stamp((0 if known is None else known.told_ms) * MILLISECOND_NS, 0).decode()
        return RefusedReason.FILTER, f"{rule}: {text} ({name}, as the venue told on {at})", None

    def ask(self, strategy: Strategy, peer: bytes, request_id: int, symbol: str, now: int) -> None:
        """A strategy asks for a symbol."""
        questions = self._questions.setdefault(symbol, Questions(self._strategies))
        questions.ask(strategy, peer, request_id)
        known = self.table.known(symbol)
        if known is not None:
            self._answer(known)
        elif self.inquire is None:
            self._refuse(symbol, NO_SOURCE)
        elif not self.table.want(symbol, now):
            self._refuse(symbol, "too many symbols were asked for")

    def step(self) -> None:
        """Hand over answers that a strategy did not take before."""
        for symbol, questions in list(self._questions.items()):
            questions.step()
            if not questions.untaken and not questions.waiting:
                del self._questions[symbol]

    def tick(self, now: int) -> None:
        """Time has passed: what is kept on disk is asked for once, then what is due."""
        if self.inquire is None or self._number is not None or self._kept_number is not None:
            return
        if not self._has_kept:
            self._has_kept = True
            kept = self.inquire(asks.kept_instruments())
            if not isinstance(kept, Problem):
                self._kept_number = kept
                self.table.hold(True)
                return
        symbol = self.table.due(now)
        if symbol is not None:
            asked = self.inquire(asks.instruments((symbol,)))
            if isinstance(asked, Problem):
                self._fail(asked, now)
            else:
                self._number = asked

    def on_rows(self, number: int, rows: Sequence[Any], is_last: bool, now: int, wall: int) -> None:
        """A piece of an answer. wall: our wall clock, ns since 1970."""
        if number not in (self._number, self._kept_number):
            return
        for row in rows:
            if isinstance(row, Symbol):
                found = instrument(row)
                age_ns = max(0, wall - row.told_ms * MILLISECOND_NS)
                self.table.told(found, now, age_ns if number == self._kept_number else 0)
                self._answer(found)
        if is_last and number == self._number:
            self._number = None
            symbol = self.table.answered(now)
            if symbol is not None:
                self._refuse(symbol, "the venue tells nothing of it")
        elif is_last:
            self._end_kept()

    def on_problem(self, number: int, problem: Problem, now: int) -> None:
        """There is no answer."""
        if number == self._number:
            self._number = None
            self._fail(problem, now)
        elif number == self._kept_number:
            self._end_kept()

    # --- small steps ------------------------------------------------------------------------

    def _end_kept(self) -> None:
        self._kept_number = None
        self.table.hold(False)

    def _fail(self, problem: Problem, now: int) -> None:
        symbol = self.table.answered(now, refused=problem.because == Because.REFUSED)
        if symbol is not None:
            self._refuse(symbol, problem.text)

    def _answer(self, found: Instrument) -> None:
        questions = self._questions.get(found.symbol)
        if questions is not None:
            questions.answer(lambda request_id: self._for(found, request_id))

    def _for(self, found: Instrument, request_id: int) -> Instrument:
        found.request_id, found.epoch = request_id, self._epoch
        return found

    def _refuse(self, symbol: str, text: str) -> None:
        problem = Instrument(0, self._epoch, symbol, problem=text)
        questions = self._questions.get(symbol)
        if questions is not None:
            questions.answer(lambda request_id: self._for(problem, request_id))


def instrument(row: Symbol) -> Instrument:
    """What REST tells of a symbol, in one place."""
    found = Instrument(0, 0, row.symbol, row.told_ms, row.status, row.base_asset, row.quote_asset)
    found.base_precision = row.base_asset_precision
    found.quote_precision = row.quote_asset_precision
    for one in row.filters:
        if one.filter_type in NOTIONAL_RULES:
            found.notional_rule = one.filter_type
        for name, theirs in NAMES.get(one.filter_type, {}).items():
            value = getattr(one, theirs)
            if value is not None:
                setattr(found, name, value)
    return found
