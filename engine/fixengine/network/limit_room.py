"""What the venue counts of messages and orders, told to a strategy that asks.

A LimitQuery goes out on a session that carries orders, unless one is under way; whoever asks
meanwhile, and within a second after an answer, hears the same. Where no session can ask, or the
venue refuses or does not answer, the strategy hears why.
"""

from __future__ import annotations

from fixengine.messages import LimitIndicator, LimitResponse
from fixengine.network.limits import Limits
from fixengine.network.line import Line
from fixengine.network.lines import Lines
from fixengine.network.questions import Questions
from fixengine.network.strategies import Strategies, Strategy

FRESH_NS = 1_000_000_000


class LimitRoom:
    """See the module's top."""

    def __init__(self, strategies: Strategies, limits: Limits, lines: Lines, epoch: int) -> None:
        self.questions = Questions(strategies)
        self._limits = limits
        self._lines = lines
        self._epoch = epoch
        self._last: LimitResponse | None = None
        limits.on_told = self._on_told

    def ask(self, strategy: Strategy, peer: bytes, request_id: int, now: int) -> None:
        """A strategy asks; `flush` must follow."""
        self.questions.ask(strategy, peer, request_id)
        if self._last is not None and now - self._last.received_ns < FRESH_NS:
            self._answer(self._last)
        elif not any(self._limits.ask(line, now) for line in self._lines.carriers):
            text = "no session is up that could ask the venue"
            self._answer(LimitResponse(0, self._epoch, "", now, problem=text))

    def _on_told(
        self, line: Line, indicators: tuple[LimitIndicator, ...], problem: str, now: int
    ) -> None:
        """A LimitQuery was answered, whoever asked."""
        told = LimitResponse(0, self._epoch, line.name, now, indicators, problem)
        self._last = None if problem else told
        self._answer(told)

    def _answer(self, told: LimitResponse) -> None:
        def answer(request_id: int) -> LimitResponse:
            told.request_id = request_id
            return told

        self.questions.answer(answer)
