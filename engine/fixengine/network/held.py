"""Requests that wait until the disk has their intent (`durability = "power"`). Sans-I/O.

The only queue in the walk. A request enters it after its intent is journalled and before it has a
MsgSeqNum, so one that is refused here leaves no gap and never left. Positions only grow, so the
disk reaches the requests in the order in which they came.

Cancels wait too, for a cancel renames its order at the venue: where the power takes both the cancel
and the order's OrderID from us, nobody finds the order under the id we know, and its fills would
be lost. But a disk that stands still must not keep an order alive: a cancel waits CANCEL_MS at
most, and not at all for a disk that is known to be dead, and goes on without it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from fixengine.desk.orders import Order
from fixengine.network.line import Line, Pending

CANCEL_MS = 50
"""A disk that is well writes within a few."""
MILLISECOND_NS = 1_000_000


class Waiting(NamedTuple):
    """position: of the journal's stream, where the request's intent ends. last_ns: it waits no
    longer than until then.
    """

    position: int
    line: Line
    item: Pending
    last_ns: int


class Held:
    """See the module's top. orders_max: orders are refused while so many requests wait; 0: none
    has to wait.

    asks: a request has come since the journal was last asked for the disk. deadline: when the time
    of one of them may run out; None while none waits.
    """

    def __init__(self, orders_max: int) -> None:
        self.orders_max = orders_max
        self.asks = False
        self._waiting: deque[Waiting] = deque()
        self.deadline: int | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether no further order may wait. Never so where none has to."""
        return len(self._waiting) >= self.orders_max > 0

    def hold(self, position: int, line: Line, item: Pending, now: int) -> None:
        """A request waits for this position."""
        last_ns = item.expires_ns
        if item.order.is_cancel:
            last_ns = min(last_ns, now + CANCEL_MS * MILLISECOND_NS)
        self._waiting.append(Waiting(position, line, item, last_ns))
        self.asks = True
        late_ns = last_ns + 1
        self.deadline = late_ns if self.deadline is None else min(self.deadline, late_ns)

    def reached(self, mark: int) -> list[Waiting]:
        """Those whose intent is on disk, the older before the newer; they wait no more."""
        taken = []
        while self._waiting and self._waiting[0].position <= mark:
            taken.append(self._waiting.popleft())
        if not self._waiting:
            self.deadline = None
        return taken

    def overdue(self, now: int) -> list[Waiting]:
        """Those whose time has run out; they wait no more."""
        if self.deadline is None or now < self.deadline:
            return []
        return self._take(lambda one: now > one.last_ns)

    def on(self, line: Line) -> bool:
        """Whether one waits to leave over this line."""
        return any(one.line is line for one in self._waiting)

    def take_line(self, line: Line) -> list[Waiting]:
        """Those that were to leave over this line; they wait no more."""
        return self._take(lambda one: one.line is line)

    def take_all(self) -> list[Waiting]:
        """All of them; none waits any more."""
        return self._take(lambda one: True)

    def take_back(self, order: Order) -> bool:
        """Whether this order was waiting; it does no more."""
        return bool(self._take(lambda one: one.item.order is order))

    def take_orders(self, strategy: int, symbol: str) -> list[Waiting]:
        """A strategy's orders, and lists of them, in a symbol; they wait no more."""

        def goes(one: Waiting) -> bool:
            order = one.item.order
            is_meant = order.strategy == strategy and order.symbol == symbol
            return is_meant and not order.is_cancel

        return self._take(goes)

    def _take(self, goes: Callable[[Waiting], bool]) -> list[Waiting]:
        taken: list[Waiting] = []
        stay: deque[Waiting] = deque()
        for one in self._waiting:
            (taken if goes(one) else stay).append(one)
        self._waiting = stay
        self.deadline = min((one.last_ns + 1 for one in stay), default=None)
        return taken
