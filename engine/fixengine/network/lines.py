"""The lines there are, and which of them carries what.

New orders go over the lines that carry orders, one for each slot: in turn, or by the symbol. A
cancel of an order that the venue has not acknowledged goes on that order's own line, even where
that one carries no new orders any more: on another it could overtake its order, miss it, and the
order would live. Every other cancel goes where orders go, its order's own line first.

An eye is a line on which the venue tells of every order of the account, or its user data stream.
Live orders are watched as long as one eye has seen everything since before another was lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Protocol

from fixengine.desk.orders import Order
from fixengine.desk.standings import Standing
from fixengine.network.line import Line, Source

UNACKNOWLEDGED = (Standing.PENDING, Standing.WRITTEN, Standing.UNKNOWN)


class Eye(Source, Protocol):
    """A source that tells of every order of the account, as long as it lasts.

    number: of a line, or 0. up_since_ns: when it began, by our clock.
    """

    number: int
    up_since_ns: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing was missed on it since it began."""

    def is_watching(self) -> bool:
        """Whether it is whole, and what happens now will be told on it."""

    @property
    def seen_until_ns(self) -> int:
        """Everything that happened until then, by our clock, was told on it."""

    @property
    def venue_since_ns(self) -> int | None:
        """When it began, by the venue's clock; None where that is not known."""

    @property
    def venue_until_ns(self) -> int | None:
        """The same as seen_until_ns by the venue's clock."""


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
        self._eyes: list[Eye] = []
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
            self.open_eye(line, now)
        if line.carries_orders:
            self._by_slot[line.slot] = line
            self._order()

    def remove(self, line: Line) -> None:
        """A line is gone, or it ends: nothing new goes over it."""
        self.all.remove(line)
        self.shut_eye(line)
        if self._by_slot.get(line.slot) is line:
            del self._by_slot[line.slot]
            self._order()

    def open_eye(self, eye: Eye, now: int) -> None:
        """An eye sees, from now on."""
        eye.up_since_ns = now
        self._eyes.append(eye)

    def shut_eye(self, eye: Eye) -> None:
        """An eye sees no more."""
        if eye in self._eyes:
            self._eyes.remove(eye)

    def named(self, comp_id: str) -> Line | None:
        """The line of a SenderCompID."""
        return next((line for line in self.all if line.name == comp_id), None)

    def numbered(self, number: int) -> Line | None:
        """The line of a number of the order table."""
        return next((line for line in self.all if line.number == number), None)

    def are_watched(self) -> bool:
        """Whether an eye is up, so that no fill can go unseen."""
        # A loop, because a generator costs each order more.
        for eye in self._eyes:  # noqa: SIM110
            if eye.is_watching():
                return True
        return False

    @property
    def watched_since_ns(self) -> int | None:
        """Since when the eye that is up for longest sees everything; None where none does."""
        return min((eye.up_since_ns for eye in self._eyes if eye.is_watching()), default=None)

    def covered(self, lost: Eye) -> bool:
        """Whether live orders are watched although this eye is gone, without a gap.

        What was still to come on it when it was last heard, another eye must have seen. One that
        was there before it began has seen everything since, however long nothing was heard.
        """
        if not lost.is_eye:
            return True
        seen_until_ns = max(lost.up_since_ns, lost.seen_until_ns)
        return any(
            eye is not lost
            and eye.is_whole
            and eye.up_since_ns <= seen_until_ns
            and _began_before(eye, lost)
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

    def for_replacing(self, target: Order) -> Sequence[Line]:
        """The lines that may take the cancel of this order together with a new one."""
        return [line for line in self.for_cancel(target) if line in self.carriers]

    def for_mass_cancel(self, orders: Sequence[Order], symbol: str) -> Sequence[Line]:
        """The lines that may take the cancel of all orders in a symbol, of which these are open.

        That of the youngest which is not acknowledged goes first: on it no order is overtaken that
        went there. Those on other lines may be.
        """
        for order in reversed(orders):
            if order.symbol == symbol and order.is_order and order.standing in UNACKNOWLEDGED:
                return self.for_cancel(order)
        return self.carriers

    def _order(self) -> None:
        self.carriers = [self._by_slot[slot] for slot in sorted(self._by_slot)]


def _began_before(eye: Eye, lost: Eye) -> bool:
    """Whether the venue had begun one before it told the last we have of another, or began that.

    By the venue's own clock: one of them may have run late, and by ours nothing would be missing.
    """
    since_ns = eye.venue_since_ns
    until = [at for at in (lost.venue_since_ns, lost.venue_until_ns) if at is not None]
    return since_ns is not None and bool(until) and since_ns <= max(until)
