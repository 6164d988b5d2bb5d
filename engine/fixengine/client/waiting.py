"""An answer rather than a stream: when the waiting of `submit_and_wait` is over, and with what."""

from __future__ import annotations

from typing import NamedTuple

from fixengine.client.conversation import Delivery
from fixengine.client.errors import NotDone
from fixengine.messages import (
    ExecutionReport,
    ListOrderStatus,
    ListStatus,
    NewOrderList,
    NewOrderSingle,
    OrderUnknown,
    OrdStatus,
    Refused,
)

NEW, DONE = "new", "done"
OVER = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED})
LIST_OVER = frozenset({ListOrderStatus.ALL_DONE, ListOrderStatus.REJECT})


class Answer(NamedTuple):
    """event: what ended the waiting: an ExecutionReport, ListStatus, Refused or OrderUnknown.

    events: everything that was heard meanwhile, the event last; what is about other orders too,
    for `reports` does not hand it over again.
    """

    event: Delivery
    events: tuple[Delivery, ...]


class Waiting:
    """One waiting; events: what was heard. deadline_ns: by our clock, None for ever.

    The end of a list whose outcome was unknown may be told order by order, without a ListStatus.
    """

    def __init__(
        self,
        request: NewOrderSingle | NewOrderList,
        cl_ord_id: str,
        until: str,
        deadline_ns: int | None,
    ) -> None:
        self.events: list[Delivery] = []
        self._orders = orders_of(request, cl_ord_id)
        self._open = set(self._orders)
        self._is_doubted = False
        self._cl_ord_id = cl_ord_id
        self._until = until
        self._deadline_ns = deadline_ns

    def left(self, now: int) -> float | None:
        """How long the next event may take, in seconds."""
        return None if self._deadline_ns is None else (self._deadline_ns - now) / 1e9

    def hear(self, event: Delivery | None) -> Answer | None:
        """Take the next event, None where none came in time. Raises NotDone."""
        if event is None:
            raise NotDone(self._cl_ord_id, self._until, tuple(self.events))
        self.events.append(event)
        self._follow(event)
        is_over = ends(event, self._cl_ord_id, self._until)
        is_over = is_over or (self._is_doubted and not self._open)
        return Answer(event, tuple(self.events)) if is_over else None

    def _follow(self, event: Delivery) -> None:
        """What becomes of the orders of a list."""
        if isinstance(event, OrderUnknown):
            self._is_doubted |= event.cl_ord_id in (self._cl_ord_id, *self._orders)
        elif isinstance(event, ExecutionReport) and event.ord_status in OVER:
            self._open -= {event.cl_ord_id, event.orig_cl_ord_id}


def orders_of(request: NewOrderSingle | NewOrderList, cl_ord_id: str) -> tuple[str, ...]:
    """Ids of a request's orders, once it has this id; see `submit_list`."""
    if isinstance(request, NewOrderSingle):
        return (cl_ord_id,)
    listed = enumerate(request.orders)
    return tuple(one.order.cl_ord_id or f"{cl_ord_id}-{at}" for at, one in listed)


def check_until(until: str) -> None:
    """What may be waited for."""
    if until not in (NEW, DONE):
        raise ValueError(f"until: expected {NEW!r} or {DONE!r}, got {until!r}")


def ends(event: Delivery, cl_ord_id: str, until: str) -> bool:
    """Whether the waiting for this order, or list, is over with this event.

    An unknown outcome is an answer, but not the end: recovery settles it later.
    """
    if isinstance(event, ExecutionReport):
        is_own = cl_ord_id in (event.cl_ord_id, event.orig_cl_ord_id)
        return is_own and (until == NEW or event.ord_status in OVER)
    if isinstance(event, ListStatus):
        is_own = event.cl_list_id == cl_ord_id
        return is_own and (until == NEW or event.list_order_status in LIST_OVER)
    if isinstance(event, OrderUnknown):
        return event.cl_ord_id == cl_ord_id and until == NEW
    return isinstance(event, Refused) and event.cl_ord_id == cl_ord_id
