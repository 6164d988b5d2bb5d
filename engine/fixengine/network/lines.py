"""The lines there are, and which of them carries what.

New orders go over the lines that carry orders, one for each slot: in turn, or by the symbol. A
cancel of an order that the venue has not acknowledged goes on that order's own line, even where
that one carries no new orders any more: on another it could overtake its order, miss it, and the
order would live. Every other cancel goes where orders go, its order's own line first.

An eye is a line on which the venue tells of every order of the account. Live orders are watched
as long as one eye has seen everything since before another was lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from fixengine.desk.orders import Order
from fixengine.desk.standings import Standing
from fixengine.fix.states import State
from fixengine.network.line import Line

UNACKNOWLEDGED = (Standing.PENDING, Standing.WRITTEN, Standing.UNKNOWN)


class Lines:
    """See the module's top. slots: how many lines are to carry orders. by_symbol: those of one
    symbol go over one line as long as it lasts.

    all: every line that is connected. carriers: those that take new orders, by slot.
    """

    def __init__(self, slots: int = 1, by_symbol: bool = False) -> None:
        self.slots = slots
        self.by_symbol = by_symbol
        self.all: list[Line] = []
        self.carriers: list[Line] = []
        self._eyes: list[Line] = []
        self._by_slot: dict[int, Line] = {}
        self._turn = 0

    def __iter__(self) -> Iterator[Line]:
        return iter(self.all)

    def add(self, line: Line) -> None:
        """A line is connected; it carries nothing before it is `up`."""
        self.all.append(line)

    def up(self, line: Line, now: int) -> None:
        """A line is logged on: it takes over what its slot does."""
        line.up_since_ns = now
        if line.is_eye:
            self._eyes.append(line)
        if line.carries_orders:
            self._by_slot[line.slot] = line
            self._order()

    def remove(self, line: Line) -> None:
        """A line is gone, or it ends: nothing new goes over it."""
        self.all.remove(line)
        if line in self._eyes:
            self._eyes.remove(line)
        if self._by_slot.get(line.slot) is line:
            del self._by_slot[line.slot]
            self._order()

    def named(self, comp_id: str) -> Line | None:
        """The line of a SenderCompID."""
        return next((line for line in self.all if line.name == comp_id), None)

    def numbered(self, number: int) -> Line | None:
        """The line of a number of the order table."""
        return next((line for line in self.all if line.number == number), None)

    @property
    def are_watched(self) -> bool:
        """Whether an eye is up, so that no fill can go unseen."""
        for eye in self._eyes:
            session = eye.session
            if session.state is State.ACTIVE and session.hole is None:
                return True
        return False

    @property
    def watched_since_ns(self) -> int | None:
        """Since when the eye that is up for longest sees everything; None where none does."""
        since = [
            eye.up_since_ns
            for eye in self._eyes
            if eye.session.state is State.ACTIVE and eye.session.hole is None
        ]
        return min(since) if since else None

    def covered(self, lost: Line) -> bool:
        """Whether live orders are watched although this line is gone, without a gap.

        What was still to come on it when it was last heard, another eye must have seen.
        """
        if not lost.is_eye:
            return True
        # A lag is what the venue says of it; twice that is waited for at a hand-over too.
        seen_until_ns = lost.heard_ns - 2 * lost.lag_ns
        return any(
            eye is not lost
            and eye.session.hole is None
            and eye.up_since_ns <= seen_until_ns
            and eye.saw_what_came_after(lost)
            for eye in self._eyes
        )

    def for_order(self, symbol: str) -> Sequence[Line]:
        """The lines that may take a new order, the first choice first."""
        carriers = self.carriers
        if len(carriers) < 2:
            return carriers
        if self.by_symbol:
            # Python's own hash of a text is another one in each process.
            number = zlib.crc32(symbol.encode())
            pinned = self._by_slot.get(number % self.slots)
            return (carriers[number % len(carriers)],) if pinned is None else (pinned,)
        self._turn += 1
        first = self._turn % len(carriers)
        return carriers[first:] + carriers[:first]

    def for_cancel(self, target: Order) -> Sequence[Line]:
        """The lines that may take the cancel of this order, the first choice first.

        Once the own line of an unacknowledged order is gone, any will do. What of the order had
        reached the venue by then may still be on its way to the book, so that this cancel misses
        it; but refusing would leave no way to end an order that may live. That the venue knows
        nothing to cancel is therefore no word on the order: it stays unknown until a report.
        """
        own = self.numbered(target.line)
        if own is None or not own.carries_orders:
            return self.carriers
        if target.order_id is None and target.standing in UNACKNOWLEDGED:
            return (own,)
        if own not in self.carriers:
            return self.carriers
        return (own, *(line for line in self.carriers if line is not own))

    def _order(self) -> None:
        self.carriers = [self._by_slot[slot] for slot in sorted(self._by_slot)]
