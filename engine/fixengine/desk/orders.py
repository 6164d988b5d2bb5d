"""The table of own requests: which ids belong together, and what is known of each order.

A request is an order, or about orders: a cancel of one, an amend, a mass cancel, a list. It has the
strategy's id, which is its idempotency key, and the id on the wire. One message may make several: a
cancel and the order in its place are two requests, and the second is a part of the first. Once the
venue has named an order, (symbol, OrderID) is its key and the client ids are aliases: a cancel or
an amend renames the order at the venue.

What an order's standing becomes is decided in standings.py. Fills are counted from trade reports
alone and held against CumQty<14>: where the venue says that more was filled than its reports told
of, one of them is missing (`Orders.short`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from fixengine.desk.standings import ALIVE, FINAL, Standing, after
from fixengine.messages import ExecType

TRADE = ExecType.TRADE.value
QTY_DECIMALS = 8
"""Of quantities kept as integers, and of those a venue writes: more are refused, not rounded."""


class Kind(StrEnum):
    """What a request is. All but an order are over once they are answered."""

    ORDER = "order"
    CANCEL = "cancel"
    AMEND = "amend"
    MASS_CANCEL = "mass_cancel"
    LIST = "list"


# Looked up once; see fix/session.py.
ORDER: Final = Kind.ORDER
PENDING: Final = Standing.PENDING
WRITTEN: Final = Standing.WRITTEN
UNKNOWN: Final = Standing.UNKNOWN
DONE: Final = Standing.DONE

ENDS_OR_SHRINKS = frozenset({Kind.CANCEL, Kind.AMEND, Kind.MASS_CANCEL})
FEW = 4
"""Keys of so many reports are kept as a tuple, which takes a third of a set's memory."""


class Order:
    """One request.

    kind: see Kind. is_order: whether this is an order, not something about orders. is_cancel:
    whether it can only end or shrink orders, so that it goes where new ones may not. target: of a
    cancel or amend, the order it is for. parts: requests that left in the same message, behind this
    one; whole: of such a part, the first one. stops: of a cancel with an order in its place, that
    this is not attempted where the cancel fails.
    line, seq, written_ns: the session and the MsgSeqNum it was written with, and when. outcome: the
    last event that told its strategy about it, as bus bytes; a repeated request is answered with
    it. request: of an order, as it came over the bus. opened_ns: on
    the venue's clock, when it was counted as unfilled; 0 where it is not, or is filled in part.
    seen: keys of the reports that were taken, see `report_key`. filled: sum of LastQty<32> of the
    fills among them; cum_qty: the highest CumQty<14> told. Both count units of 10**-QTY_DECIMALS.
    unwatched: for a while nobody would have told of its fills, and no eye has told of it since.
    in_doubt: whatever a session tells now may be older than what is already known to have happened,
    so that only a second source can say how it stands.
    finished: the how-many-th of the requests that are over it is; 0 while it is not.
    """

    __slots__ = (
        "cancels",
        "cl_ord_id",
        "cum_qty",
        "filled",
        "finished",
        "in_doubt",
        "is_cancel",
        "is_order",
        "kind",
        "line",
        "opened_ns",
        "order_id",
        "outcome",
        "parts",
        "request",
        "seen",
        "seq",
        "standing",
        "stops",
        "strategy",
        "symbol",
        "target",
        "unwatched",
        "whole",
        "wire_id",
        "written_ns",
    )

    def __init__(
        self,
        strategy: int,
        cl_ord_id: str,
        wire_id: str,
        symbol: str,
        target: Order | None,
        kind: Kind,
    ) -> None:
        self.kind = kind
        self.is_order = kind is ORDER
        self.is_cancel = kind in ENDS_OR_SHRINKS
        self.strategy = strategy
        self.cl_ord_id = cl_ord_id
        self.wire_id = wire_id
        self.symbol = symbol
        self.target = target
        self.parts: tuple[Order, ...] = ()
        self.whole: Order | None = None
        self.stops = False
        self.standing = PENDING
        self.order_id: str | None = None
        self.opened_ns = 0
        self.cum_qty = 0
        self.filled = 0
        self.finished = 0
        self.line = -1
        self.seq = -1
        self.written_ns = 0
        self.unwatched = False
        self.in_doubt = False
        # Of a million orders that rest, nearly all have one report and no cancel.
        self.seen: tuple[str, ...] | set[str] = ()
        self.cancels: tuple[Order, ...] = ()
        self.outcome: bytes | None = None
        self.request = b""

    def see(self, key: str) -> bool:
        """Take a report with this key; False where one was taken before."""
        seen = self.seen
        if key in seen:
            return False
        if isinstance(seen, set):
            seen.add(key)
        elif len(seen) < FEW:
            self.seen = (*seen, key)
        else:
            self.seen = {*seen, key}
        return True


def report_key(
    exec_type: str | None, exec_id: str | None, trade_id: str | None, alloc_id: str | None
) -> str | None:
    """What names a report among those of one order, on whichever session it comes; None: nothing.

    A fill is named by its TradeID<1003>, or by its AllocID<70> where the venue routed the order;
    anything else by its ExecID<17>.
    """
    if exec_type == TRADE:
        if trade_id is not None:
            return "T" + trade_id
        if alloc_id is not None:
            return "A" + alloc_id
    return None if exec_id is None else "E" + exec_id


class Orders:
    """All requests of one engine run.

    open_max: requests that are not finished, unknown ones among them; cancels may go up to twice
    that. share_percent: of open_max, what one strategy may take while there are others.
    closed_max: finished requests that are kept to recognise a repeated id. Where there are more,
    the strategy that has most of them loses its oldest.
    """

    def __init__(self, open_max: int, closed_max: int, share_percent: int = 100) -> None:
        self.open_max = open_max
        self.closed_max = closed_max
        self.share_max = max(1, open_max * share_percent // 100)
        self._by_id: dict[tuple[int, str], Order] = {}
        self._by_wire: dict[str, Order] = {}
        self._by_order_id: dict[tuple[str, str], Order] = {}
        self._by_seq: dict[tuple[int, int], Order] = {}
        self._silent: dict[tuple[int, int], Order] = {}
        self._closed: dict[int, deque[Order]] = {}
        self._closed_total = 0
        self._finished = 0
        self._open: dict[int, dict[Order, None]] = {}
        self._open_total = 0
        self._former: dict[Order, tuple[tuple[int, str], ...]] = {}
        self._short: dict[Order, int | None] = {}
        self._doubted: dict[Order, None] = {}
        self._parts: dict[Order, None] = {}

    def __len__(self) -> int:
        return len(self._by_wire)

    def __iter__(self) -> Iterator[Order]:
        """Every request, the older before the newer."""
        return iter(self._by_wire.values())

    def full(self, strategy: int, is_cancel: bool) -> bool:
        """Whether this strategy may open no further order, or no further cancel."""
        if is_cancel:
            return self._open_total >= 2 * self.open_max
        shared = len(self._open) > 1
        mine = len(self._open.get(strategy, ()))
        return self._open_total >= self.open_max or (shared and mine >= self.share_max)

    def open_of(self, strategy: int) -> list[Order]:
        """A strategy's requests that are not finished, the older before the newer."""
        return list(self._open.get(strategy, ()))

    def open_count(self, strategy: int) -> int:
        """How many of a strategy's requests are not finished."""
        return len(self._open.get(strategy, ()))

    def other(self, strategy: int, symbol: str) -> int | None:
        """Another strategy that has an open order in a symbol, or None."""
        for number, mine in self._open.items():
            if number != strategy and any(one.symbol == symbol and one.is_order for one in mine):
                return number
        return None

    def find(self, strategy: int, cl_ord_id: str) -> Order | None:
        """The request a strategy knows by this id."""
        return self._by_id.get((strategy, cl_ord_id))

    def by_wire(self, wire_id: str | None) -> Order | None:
        """The request with this id on the wire."""
        return None if wire_id is None else self._by_wire.get(wire_id)

    def by_seq(self, line: int, seq: int | None) -> Order | None:
        """The request that went out with this MsgSeqNum on this session, and is unanswered.

        One that is UNKNOWN for its silence is still found, while the session lasts and nobody has
        told of it, or of a part of it: after that the venue cannot mean it any more.
        """
        if seq is None:
            return None
        silent = self._silent.get((line, seq))
        if silent is None:
            return self._by_seq.get((line, seq))
        # A second source names the order, which is no answer of the session's.
        is_known = any(one.order_id is not None for one in (silent, *silent.parts))
        return None if is_known else silent

    def open(
        self,
        strategy: int,
        cl_ord_id: str,
        wire_id: str,
        symbol: str,
        target: Order | None = None,
        kind: Kind | None = None,
    ) -> Order:
        """Enter a request whose ids are both new.

        kind: None for an order, or for a cancel of target.
        """
        if kind is None:
            kind = ORDER if target is None else Kind.CANCEL
        order = Order(strategy, cl_ord_id, wire_id, symbol, target, kind)
        self._open.setdefault(strategy, {})[order] = None
        self._open_total += 1
        if target is not None:
            target.cancels = (*target.cancels, order)
        self._by_id[strategy, cl_ord_id] = order
        self._by_wire[wire_id] = order
        return order

    def join(self, whole: Order, *parts: Order) -> None:
        """These requests leave in one message, which is known by the first one's id."""
        whole.parts = parts
        for part in parts:
            part.whole = whole

    def drop(self, order: Order) -> None:
        """The request never left the engine: forget it, its id may be used again."""
        self._close(order)
        if order.target is not None:
            order.target.cancels = tuple(one for one in order.target.cancels if one is not order)
        for key in (*self._former.pop(order, ()), (order.strategy, order.cl_ord_id)):
            self._by_id.pop(key, None)
        self._by_wire.pop(order.wire_id, None)
        # The circle would outlive them.
        order.parts, order.whole = (), None

    def hand_over(self, order: Order, strategy: int, cl_ord_id: str) -> None:
        """The order, which is open, is another strategy's now, which knows it by this id.

        The id that it had before stays taken.
        """
        self._close(order)
        former = *self.former(order), (order.strategy, order.cl_ord_id)
        order.strategy, order.cl_ord_id = strategy, cl_ord_id
        self.known_as(order, former)
        self._by_id[strategy, cl_ord_id] = order
        self._open.setdefault(strategy, {})[order] = None
        self._open_total += 1
        if order.standing is UNKNOWN or order.filled < order.cum_qty:
            # From now on it is in question among the other's.
            self._doubted[order] = None

    def former(self, order: Order) -> tuple[tuple[int, str], ...]:
        """Strategy and id of those who had an order before, the first one first."""
        return self._former.get(order, ())

    def known_as(self, order: Order, former: tuple[tuple[int, str], ...]) -> None:
        """These had the order before."""
        if former:
            self._former[order] = former
        for key in former:
            self._by_id[key] = order

    def written(self, order: Order, line: int, seq: int, now: int) -> None:
        """The request was given to the session's output under this number."""
        order.standing = WRITTEN
        order.written_ns = now
        order.line = line
        order.seq = seq
        self._by_seq[line, seq] = order
        for part in order.parts:
            part.standing = WRITTEN
            part.written_ns, part.line, part.seq = now, line, seq
            self._parts[part] = None

    def lost(self, line: int, unwatched: bool) -> list[Order]:
        """A session ended: its unanswered requests are now UNKNOWN; they are returned.

        unwatched: so are all live orders, because nobody hears of their fills until a session
        is up again. What other sessions have not answered yet may come to live meanwhile.
        """
        self._silent = {key: order for key, order in self._silent.items() if key[0] != line}
        lost = [order for (at, _), order in self._by_seq.items() if at == line]
        lost += [part for part in self._parts if part.line == line]
        if unwatched:
            for order in (order for mine in self._open.values() for order in mine):
                order.unwatched = True
                if order.standing in ALIVE:
                    lost.append(order)
        for order in lost:
            self.unknown(order)
        return lost

    def silent(self, now: int, wait_ns: int) -> list[Order]:
        """Requests that were written so long ago and have no answer: they are UNKNOWN now."""
        silent, unanswered = [], {}
        for key, order in self._by_seq.items():
            if now - order.written_ns < wait_ns:
                break
            silent.append(order)
            if all(part in self._parts for part in order.parts):
                unanswered[key] = order
        for part in self._parts:
            if now - part.written_ns < wait_ns:
                break
            silent.append(part)
        for order in silent:
            self.unknown(order)
        self._silent |= unanswered
        return silent

    def waiting(self, line: int) -> bool:
        """Whether anything that went out on this session is unanswered."""
        return any(at == line for at, _ in self._by_seq) or any(
            part.line == line for part in self._parts
        )

    def unknown(self, order: Order) -> None:
        """The outcome of this request is not known."""
        self._answered(order)
        ended = order.target is not None and order.target.standing in FINAL
        if ended or order.kind in (Kind.MASS_CANCEL, Kind.LIST):
            # What became of it no longer matters, and nobody will ever say: the orders tell.
            self.finish(order, DONE)
        elif order.standing not in FINAL:
            order.standing = UNKNOWN
            self._doubted[order] = None

    def take_doubted(self) -> list[Order]:
        """Requests that have become unknown, and orders of which a fill is missing, since the last
        call.
        """
        doubted, self._doubted = list(self._doubted), {}
        return doubted

    def by_order_id(self, symbol: str, order_id: str) -> Order | None:
        """The order the venue knows by this number."""
        return self._by_order_id.get((symbol, order_id))

    def reported(
        self,
        cl_ord_id: str | None,
        orig_cl_ord_id: str | None,
        symbol: str,
        order_id: str | None,
    ) -> tuple[Order | None, Order | None]:
        """(order, request) a report is about, by the ids on the wire; (None, None): foreign.

        On a cancelled order ClOrdID<11> is the id of the cancel or mass cancel and OrigClOrdID<41>
        the order's. An amended order is known by the amend's id from then on.
        """
        named = None if cl_ord_id is None else self._by_wire.get(cl_ord_id)
        order = None if orig_cl_ord_id is None else self._subject(orig_cl_ord_id)
        if order is None and named is not None:
            order = named if named.is_order else named.target
        if order is None and order_id is not None:
            order = self._by_order_id.get((symbol, order_id))
        if named is None:
            return order, None
        if named.is_order:
            if not named.parts:
                return order, None
            # Of a cancel with an order in its place, the cancel may come under the order's id.
            part = next((part for part in named.parts if part.target is order), None)
            return order, part
        if named.kind is Kind.AMEND and orig_cl_ord_id is None:
            return order, None
        return order, named

    def _subject(self, wire_id: str) -> Order | None:
        """The order that the venue knows, or knew, by this id."""
        named = self._by_wire.get(wire_id)
        return named if named is None or named.is_order else named.target

    def update(
        self, order: Order, cancel: Order | None, ord_status: str, order_id: str | None
    ) -> None:
        """Take over what a report says of an order (and of the request that caused it)."""
        if order_id is not None and order.order_id is None:
            # As `name` does: each acknowledgement comes by here, and a call takes as long.
            order.order_id = order_id
            self._by_order_id[order.symbol, order_id] = order
        if cancel is not None and cancel.target is not None:
            self.finish(cancel, DONE)
        standing = after(order.standing, ord_status, order.cum_qty > 0)
        if standing in FINAL:
            self.finish(order, standing)
        elif standing is UNKNOWN:
            # A status that nobody knows, and a report that is late may follow it.
            order.in_doubt = True
            self.unknown(order)
        else:
            self._answered(order)
            order.standing = standing

    def filled(self, order: Order, last_qty: int, cum_qty: int, now: int) -> None:
        """Count a fill (last_qty 0: none), and hold CumQty<14> of its report against all of them.

        now: any clock, for `short`.
        """
        if last_qty or cum_qty > order.cum_qty:
            order.filled += last_qty
            order.cum_qty = max(order.cum_qty, cum_qty, order.filled)
        if order.cum_qty > order.filled:
            self._short.setdefault(order, now)
        elif self._short:
            self._short.pop(order, None)

    def not_there(self, order: Order, now: int) -> None:
        """The venue says it has no such live order, and nothing has told how it ended."""
        self._short.setdefault(order, now)

    def doubt(self, order: Order) -> None:
        """What was told of an order that is over could not be read: it may have been a fill."""
        order.in_doubt = True
        self._doubted[order] = None

    def short(self, now: int, grace_ns: int) -> list[Order]:
        """Orders of which a fill, or their end, has been missing for grace_ns, each named once.

        It may come late, on another session; so long it is not missing yet.
        """
        overdue = []
        for order, since_ns in self._short.items():
            if since_ns is not None and now - since_ns >= grace_ns:
                overdue.append(order)
        for order in overdue:
            self._short[order] = None
            self._doubted[order] = None
        return overdue

    def name(self, order: Order, order_id: str) -> None:
        """The venue has named the order: OrderID<37>, unique within its symbol."""
        order.order_id = order_id
        self._by_order_id[order.symbol, order_id] = order

    def finish(self, order: Order, standing: Standing) -> None:
        """The request is over; it is kept among the closed to recognise its id."""
        self._answered(order)
        if order.standing in FINAL:
            return
        order.standing = standing
        self._close(order)
        if self._short and order.filled >= order.cum_qty:
            self._short.pop(order, None)
        self._finished += 1
        order.finished = self._finished
        closed = self._closed.setdefault(order.strategy, deque())
        closed.append(order)
        self._closed_total += 1
        if self._closed_total > self.closed_max:
            if len(closed) * len(self._closed) <= self.closed_max:
                closed = max(self._closed.values(), key=len)
            self._closed_total -= 1
            self._forget(closed.popleft())
        cancels, order.cancels = order.cancels, ()
        for cancel in cancels:
            # What became of it no longer matters, and nobody will ever say.
            if cancel.standing is UNKNOWN:
                self.finish(cancel, DONE)

    def finished_as(self, finished: dict[Order, int]) -> None:
        """Requests that were entered anew were finished in this order (`Order.finished`)."""
        for order, count in finished.items():
            order.finished = count
            self._finished = max(self._finished, count)
        for strategy, closed in self._closed.items():
            self._closed[strategy] = deque(sorted(closed, key=lambda order: order.finished))

    def begin_anew(self) -> None:
        """All requests were entered anew: nothing follows from when something became of them."""
        self._doubted = {}
        self._short = {order: 0 for order in self if order in self._short}

    def _close(self, order: Order) -> None:
        """The request counts as open no more."""
        mine = self._open.get(order.strategy, {})
        if order in mine:
            del mine[order]
            self._open_total -= 1
            if not mine:
                del self._open[order.strategy]

    def _answered(self, order: Order) -> None:
        # The numbers of lines come round again: the entry may be that of a younger request.
        key = order.line, order.seq
        if self._by_seq.get(key) is order:
            del self._by_seq[key]
        elif self._parts:
            self._parts.pop(order, None)
        if self._silent and self._silent.get(key) in (order, order.whole or order):
            del self._silent[key]

    def _forget(self, order: Order) -> None:
        self.drop(order)
        self._short.pop(order, None)
        self._doubted.pop(order, None)
        if order.order_id is not None:
            self._by_order_id.pop((order.symbol, order.order_id), None)
