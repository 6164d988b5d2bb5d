"""Orders that wait until the disk has their intent (`durability = "power"`). Sans-I/O.

The only queue in the walk. An order enters it after its intent is journalled and before it has a
MsgSeqNum, so one that is refused here leaves no gap and never left. Positions only grow, so the
disk reaches the orders in the order in which they came.

Cancels do not wait. An order that nobody remembers is a risk, and its cancel never is; and the
cancel is needed most where the disk is dead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from fixengine.desk.orders import Order
from fixengine.network.line import Line, Pending


class Waiting(NamedTuple):
    """position: of the journal's stream, where the order's intent ends."""

    position: int
    line: Line
    item: Pending


class Held:
    """See the module's top. orders_max: that may wait at once; 0: none has to.

    asks: an order has come since the journal was last asked for the disk.
    """

    def __init__(self, orders_max: int) -> None:
        self.orders_max = orders_max
        self.asks = False
        self._waiting: deque[Waiting] = deque()
        self._deadline: int | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether no further order may wait. Never so where none has to."""
        return len(self._waiting) >= self.orders_max > 0

    @property
    def deadline(self) -> int | None:
        """When the time of one of them may run out."""
        return self._deadline

    def hold(self, position: int, line: Line, item: Pending) -> None:
        """An order waits for this position."""
        self._waiting.append(Waiting(position, line, item))
        self.asks = True
        late_ns = item.expires_ns + 1
        self._deadline = late_ns if self._deadline is None else min(self._deadline, late_ns)

    def reached(self, mark: int) -> list[Waiting]:
        """Those whose intent is on disk, the older before the newer; they wait no more."""
        taken = []
        while self._waiting and self._waiting[0].position <= mark:
            taken.append(self._waiting.popleft())
        if not self._waiting:
            self._deadline = None
        return taken

    def overdue(self, now: int) -> list[Waiting]:
        """Those whose time has run out; they wait no more."""
        if self._deadline is None or now < self._deadline:
            return []
        return self._take(lambda one: now > one.item.expires_ns)

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

    def _take(self, goes: Callable[[Waiting], bool]) -> list[Waiting]:
        taken: list[Waiting] = []
        stay: deque[Waiting] = deque()
        for one in self._waiting:
            (taken if goes(one) else stay).append(one)
        self._waiting = stay
        self._deadline = min((one.item.expires_ns + 1 for one in stay), default=None)
        return taken
