"""Why a request may not leave, asked in the order in which `gateway` asks it.

Of the request itself first (its ids, its run of the engine, its age), then of the engine as a
whole, of the order it is about, of our tables, and of the line it would leave over. A reason names
the thing and what to do; None lets the request on.
"""

from __future__ import annotations

from typing import Any

from fixengine.desk.orders import Order, Orders
from fixengine.fix.session import ACTIVE
from fixengine.messages import CL_ORD_ID, LIST_ORDERS_MAX, NewOrderList, RefusedReason
from fixengine.network.clock import Clock
from fixengine.network.held import Held
from fixengine.network.intents import (
    ADDING,
    OrderRequest,
    contradiction,
    other_ids,
    recv_window_ms,
)
from fixengine.network.limits import Limits
from fixengine.network.line import Line
from fixengine.network.lines import Lines
from fixengine.network.settling import Settling
from fixengine.network.strategies import Strategies
from fixengine.network.teller import Reason
from fixengine.network.trouble import Trouble

MILLISECOND_NS = 1_000_000


class Gate:
    """venue: its name. epoch: of this run. valid_for_ms_max: the longest time a request may ask
    for. For the numbers of unsent bytes see Gateway.

    stopping: the engine takes no new orders any more. settling: what REST is asked of unknown
    orders; None where it is not.
    """

    def __init__(
        self,
        rooms: tuple[Orders, Strategies, Lines, Limits, Clock, Held, Trouble],
        venue: str,
        epoch: int,
        valid_for_ms_max: int,
        unsent_bytes_max: int,
        cancel_unsent_bytes_max: int,
    ) -> None:
        orders, strategies, lines, limits, clock, held, trouble = rooms
        self._orders = orders
        self._strategies = strategies
        self._lines = lines
        self._limits = limits
        self._clock = clock
        self._held = held
        self._trouble = trouble
        self._venue = venue
        self.epoch = epoch
        self._valid_for_ms_max = valid_for_ms_max
        self._recv_window_ms_max = clock.behind_ns_max // MILLISECOND_NS
        self._unsent_bytes_max = unsent_bytes_max
        self._cancel_unsent_bytes_max = unsent_bytes_max + cancel_unsent_bytes_max
        self.stopping = False
        self.settling: Settling | None = None

    def check_request(self, request: OrderRequest, now: int) -> Reason | None:
        """By itself: its id, its epoch, its age, and the times it asks for."""
        if not CL_ORD_ID.match(request.cl_ord_id):
            return RefusedReason.INVALID_FIELD, "cl_ord_id: 1..36 of a-z A-Z 0-9 - _", None
        if request.epoch != self.epoch:
            text = f"epoch: {request.epoch} is not this run of the engine ({self.epoch})"
            return RefusedReason.WRONG_EPOCH, text, None
        if not 0 < request.valid_for_ms <= self._valid_for_ms_max:
            text = f"valid_for_ms: expected 1..{self._valid_for_ms_max}, got {request.valid_for_ms}"
            return RefusedReason.INVALID_FIELD, text, None
        window = recv_window_ms(request)
        if not 0 <= window <= self._recv_window_ms_max:
            text = f"recv_window_ms: expected 0..{self._recv_window_ms_max}, got {window}"
            return RefusedReason.INVALID_FIELD, text, None
        if request.sent_ns > now + MILLISECOND_NS:
            text = f"sent_ns: {(request.sent_ns - now) // 1000} us ahead of the engine's clock"
            return RefusedReason.FROM_THE_FUTURE, text, None
        if now > request.sent_ns + request.valid_for_ms * MILLISECOND_NS:
            age_ms = (now - request.sent_ns) // MILLISECOND_NS
            text = f"{age_ms} ms old, valid for {request.valid_for_ms} ms"
            return RefusedReason.TOO_OLD, text, None
        return None

    def check_ids(self, strategy: int, request: OrderRequest) -> Reason | None:
        """Whether every other id of a message with several requests may be used."""
        ids = other_ids(request)
        name = "cl_ord_id" if type(request) is NewOrderList else "cancel_cl_ord_id"
        for one in ids:
            if not CL_ORD_ID.match(one):
                text = f"{name}: {one[:36]!r} is no id: 1..36 of a-z A-Z 0-9 - _"
                return RefusedReason.INVALID_FIELD, text, None
            twice = ids.count(one) > 1 or one == request.cl_ord_id
            if twice or self._orders.find(strategy, one) is not None:
                text = f"{name}: this strategy has used {one}; give each request its own"
                return RefusedReason.INVALID_FIELD, text, None
        return None

    def check_list(self, strategy: int, request: NewOrderList) -> Reason | None:
        """A list by itself: the ids of its orders, their symbol, and how many they are."""
        reason = self.check_ids(strategy, request)
        if reason is not None:
            return reason
        if len({one.order.symbol for one in request.orders}) != 1:
            text = "orders: a list is of orders in one symbol"
            return RefusedReason.INVALID_FIELD, text, None
        if len(request.orders) > LIST_ORDERS_MAX:
            text = f"orders: {len(request.orders)}; a list has {LIST_ORDERS_MAX} at most"
            return RefusedReason.INVALID_FIELD, text, None
        return None

    def check_engine(self, strategy: int, now: int) -> Reason | None:
        """Why a new order may not leave now, over whatever line."""
        trouble = self._trouble.look(now)
        if self.stopping:
            return RefusedReason.STOPPING, "the engine is stopping", None
        reason = None if self.settling is None else self.settling.why_frozen(strategy, now)
        if reason is None and trouble is not None:
            reason = RefusedReason.JOURNAL_FULL, trouble, None
        return reason

    def check_target(self, strategy: int, request: Any, target: Order | None) -> Reason | None:
        """Whether an order can be cancelled, replaced or amended by its owner."""
        name = request.orig_cl_ord_id[:36]
        text = None
        if target is None and not name:
            where = f"{request.order_id!r:.40} in {request.symbol!r:.40}"
            text = f"order_id: this strategy has no order {where}; or give orig_cl_ord_id"
        elif target is None or not target.is_order:
            text = f"orig_cl_ord_id: this strategy has no order {name!r}"
        elif (text := contradiction(request, target)) is not None:
            pass
        elif target.strategy != strategy:
            heir = self._strategies.by_number[target.strategy]
            text = f"orig_cl_ord_id: {name} was handed over to {heir.name}"
        elif type(request) in ADDING and request.symbol != target.symbol:
            text = f"symbol: {name} is an order in {target.symbol}; both have one symbol"
            return RefusedReason.INVALID_FIELD, text, None
        return None if text is None else (RefusedReason.UNKNOWN_ORDER, text, None)

    def check_room(self, strategy: int, is_cancel: bool) -> Reason | None:
        """Whether a request finds a place in our tables."""
        if self._orders.full(strategy, is_cancel):
            text = f"too many requests are open (engine.orders_max is {self._orders.open_max})"
            return RefusedReason.LIMIT, text, None
        if self._held.orders_max and not is_cancel and self._held.full:
            text = f"{len(self._held)} orders wait for the disk (journal.held_orders_max)"
            return RefusedReason.JOURNAL_FULL, text, None
        return None

    def check_line(
        self, line: Line, strategy: int, orders: int, now: int, may_exceed: bool
    ) -> Reason | None:
        """Whether a request that brings so many new orders could leave over this line now.

        may_exceed: see Limits.check.
        """
        is_cancel = orders == 0
        if line.transport is None or line.session.state is not ACTIVE:
            text = f"session {line.name} with {self._venue} is {line.session.state}"
            return RefusedReason.NOT_CONNECTED, text, None
        unsent = line.unsent()
        if unsent < 0:
            text = f"the connection of session {line.name} is gone"
            return RefusedReason.NOT_CONNECTED, text, None
        if unsent > (self._cancel_unsent_bytes_max if is_cancel else self._unsent_bytes_max):
            text = f"{unsent} bytes are still unsent on session {line.name}"
            return RefusedReason.BACKLOG, text, None
        trouble = None if is_cancel else self._clock.trouble(line.lead)
        if trouble is not None:
            return RefusedReason.CLOCK_SKEW, trouble, None
        if not is_cancel and not self._lines.are_watched():
            text = "no session with all reports, drop copy or user data stream is up:"
            text += " fills could go unseen"
            return RefusedReason.UNWATCHED, text, None
        return self._limits.check(line, strategy, now, orders, may_exceed)
