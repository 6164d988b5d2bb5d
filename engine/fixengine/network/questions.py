"""Strategies that wait for an answer which is the same for all of them. Sans-I/O.

Of each strategy the last question counts. An answer that its socket does not take at once is kept
and handed over by `step`, as long as that socket is the strategy's.
"""

from __future__ import annotations

from collections.abc import Callable

from fixengine.messages import Message, encode
from fixengine.network.strategies import Handed, Strategies, Strategy


class Questions:
    """See the module's top."""

    def __init__(self, strategies: Strategies) -> None:
        self._strategies = strategies
        self._waiting: dict[int, tuple[bytes, int]] = {}
        self._answers: dict[int, tuple[bytes, bytes]] = {}

    @property
    def untaken(self) -> bool:
        """Whether a strategy has not taken its answer yet."""
        return bool(self._answers)

    @property
    def waiting(self) -> bool:
        """Whether a strategy waits for an answer that is not there yet."""
        return bool(self._waiting)

    def ask(self, strategy: Strategy, peer: bytes, request_id: int) -> None:
        """A strategy asks; a new question replaces one that waits."""
        self._waiting[strategy.number] = peer, request_id

    def answer(self, make: Callable[[int], Message]) -> None:
        """Answer everyone that waits. make: the answer to a question of this request_id."""
        for number, (peer, request_id) in self._waiting.items():
            self._answers[number] = peer, encode(make(request_id))
            self._strategies.has_parked = True
        self._waiting.clear()
        self.step()

    def step(self) -> None:
        """Hand over answers that a strategy did not take before."""
        for number, (peer, payload) in list(self._answers.items()):
            handed = Handed.GONE
            if self._strategies.by_number[number].peer == peer:
                handed = self._strategies.bus.send(peer, payload)
            if handed is not Handed.FULL:
                del self._answers[number]
