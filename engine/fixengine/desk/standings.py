"""What is known of one request, and how a report changes that: the state machine of an order.

    PENDING -> WRITTEN -> PENDING_NEW -> NEW -> REPLACED -> PARTIALLY_FILLED
                  \\-> UNKNOWN -> any of these, or FILLED | CANCELED | EXPIRED | REJECTED

Whether an order is alive is decided by OrdStatus<39> alone, never by ExecType<150>. Reports come
late where several sessions tell of one order, so what lives only moves forward, and what is over
stays as it ended. UNKNOWN is never guessed away: only a report of the venue ends it.

`after` is total: every standing takes every OrdStatus, those that nobody knows too.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from fixengine.messages import OrdStatus


class Standing(StrEnum):
    """What is known of a request.

    PENDING: taken, not yet written. WRITTEN: given to a session, nothing heard. REPLACED: it lives
    under other terms than it was sent with. DONE: a cancel that is over; what became of its order
    stands with the order.
    """

    PENDING = "pending"
    WRITTEN = "written"
    PENDING_NEW = "pending_new"
    NEW = "new"
    REPLACED = "replaced"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    DONE = "done"


ALIVE = (Standing.PENDING_NEW, Standing.NEW, Standing.REPLACED, Standing.PARTIALLY_FILLED)
"""Of an order the venue has acknowledged and not ended, in the order in which these come."""
FINAL = frozenset(
    {
        Standing.FILLED,
        Standing.CANCELED,
        Standing.EXPIRED,
        Standing.REJECTED,
        Standing.DONE,
    }
)
TOLD = {
    OrdStatus.PENDING_NEW.value: Standing.PENDING_NEW,
    OrdStatus.NEW.value: Standing.NEW,
    OrdStatus.REPLACED.value: Standing.REPLACED,
    OrdStatus.PENDING_CANCEL.value: Standing.NEW,
    OrdStatus.PARTIALLY_FILLED.value: Standing.PARTIALLY_FILLED,
    OrdStatus.FILLED.value: Standing.FILLED,
    OrdStatus.CANCELED.value: Standing.CANCELED,
    OrdStatus.REJECTED.value: Standing.REJECTED,
    OrdStatus.EXPIRED.value: Standing.EXPIRED,
}
"""What an OrdStatus<39> says; one that is missing here says nothing we know."""


# Looked up once; see fix/session.py.
UNKNOWN: Final = Standing.UNKNOWN
REJECTED: Final = Standing.REJECTED


def after(standing: Standing, ord_status: str, has_fills: bool) -> Standing:
    """What is known of an order once a report has come.

    has_fills: whether it was filled in part, by this report or by any before.
    """
    if standing in FINAL:
        return standing
    told = TOLD.get(ord_status, UNKNOWN)
    if told not in ALIVE:
        return told
    if has_fills:
        return Standing.PARTIALLY_FILLED
    return max(standing, told, key=ALIVE.index) if standing in ALIVE else told


def contradiction(standing: Standing, ord_status: str) -> str | None:
    """What an operator must hear about a report: it cannot be, or nobody knows what it says.

    A report of life that comes behind the end is late, and no contradiction; but an order that was
    refused never lived.
    """
    told = TOLD.get(ord_status)
    if told is None:
        return f"OrdStatus {ord_status!r} is not known; see the venue's documents"
    if standing is REJECTED and told in ALIVE:
        return f"OrdStatus {ord_status!r} ({told}) of an order that was refused: it lives"
    if standing in FINAL and told in FINAL and told is not standing:
        return f"OrdStatus {ord_status!r} ({told}) of an order that was {standing} before"
    return None
