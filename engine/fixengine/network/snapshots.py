"""What a strategy owns, told in one answer: open orders, and the positions of the day.

A strategy that starts again asks once and goes on. Orders are told in slices, so that a strategy
with very many of them holds up nobody. What changed while the answer was under way is told again at
its end, so that the whole of it holds at one moment: behind the report number before `next_seq`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fixengine.desk.orders import Order, Orders
from fixengine.desk.positions import Positions
from fixengine.desk.standings import FINAL, Standing
from fixengine.messages import Snapshot, encode
from fixengine.network.strategies import Handed, Strategies, Strategy

SLICE_ORDERS = 64


class _Answer:
    """An answer under way. due: orders still to tell; told: how those stood that were told."""

    def __init__(self, strategy: Strategy, peer: bytes, request_id: int) -> None:
        self.strategy = strategy
        self.peer = peer
        self.request_id = request_id
        self.due: list[Order] = []
        self.told: dict[Order, tuple[Standing, bytes | None]] = {}

    def changed(self, orders: list[Order]) -> list[Order]:
        """Orders that were not told as they stand now. orders: those that are open now."""
        told = self.told
        changed = [one for one in orders if told.get(one) != (one.standing, one.outcome)]
        return changed + [one for one in told if one.standing in FINAL]

    def mark(self, orders: list[Order]) -> None:
        """These were told as they stand now."""
        for order in orders:
            if order.standing in FINAL:
                self.told.pop(order, None)
            else:
                self.told[order] = order.standing, order.outcome


class Snapshots:
    """Answers SnapshotRequests; one at a time for each strategy, a new one replaces it."""

    def __init__(
        self, orders: Orders, positions: Positions, strategies: Strategies, epoch: int
    ) -> None:
        self._orders = orders
        self._positions = positions
        self._strategies = strategies
        self._epoch = epoch
        self._answers: dict[int, _Answer] = {}

    @property
    def waiting(self) -> bool:
        """Whether an answer is under way."""
        return bool(self._answers)

    def ask(self, strategy: Strategy, peer: bytes, request_id: int) -> None:
        """A strategy asks; `step` must follow."""
        self._answers[strategy.number] = _Answer(strategy, peer, request_id)
        self._strategies.has_parked = True

    def step(self, wall_ns: int) -> bool:
        """Tell each strategy that waits a slice; whether more can be told at once.

        wall_ns: nanoseconds since 1970 UTC, for the day of the positions.
        """
        more = False
        for number, answer in list(self._answers.items()):
            is_last, handed = False, Handed.GONE
            if answer.strategy.peer == answer.peer:
                is_last, handed = self._tell(answer, wall_ns)
            if handed is Handed.GONE or (handed is Handed.TAKEN and is_last):
                del self._answers[number]
            elif handed is Handed.TAKEN:
                more = True
        return more

    def _tell(self, answer: _Answer, wall_ns: int) -> tuple[bool, Handed]:
        """Send the next slice; whether it is the last, and what became of it."""
        strategy = answer.strategy
        due = answer.due or answer.changed(self._open_of(strategy))
        is_last = not answer.due and len(due) <= SLICE_ORDERS
        part = due[:SLICE_ORDERS]
        positions = self._positions.of(strategy.number, wall_ns) if is_last else ()
        orders = tuple(_told(order) for order in part)
        head = answer.request_id, self._epoch, strategy.next_seq, is_last
        handed = self._strategies.bus.send(answer.peer, encode(Snapshot(*head, orders, positions)))
        if handed is Handed.TAKEN:
            answer.mark(part)
            answer.due = due[SLICE_ORDERS:]
        return is_last, handed

    def _open_of(self, strategy: Strategy) -> list[Order]:
        return [one for one in self._orders.open_of(strategy.number) if one.is_order]


def _told(order: Order) -> Any:
    """An OpenOrder, with the bytes we have of its messages instead of what they decode to."""
    report = None if order.outcome is None else msgspec.Raw(order.outcome)
    ids = order.cl_ord_id, order.wire_id, order.standing.value
    return *ids, msgspec.Raw(order.request), report
