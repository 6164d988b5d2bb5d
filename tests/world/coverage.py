"""What the worlds have to have met together: each trouble, and each pair of the order table.

A pair is how an order stands when a report comes, and the OrdStatus<39> of that report, as
desk/standings.py is asked about them; Z is a status that nobody knows. What is left out here cannot
come to be, for the reason that stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from unittest import mock

from fixengine.desk import orders
from fixengine.desk.standings import TOLD, Standing

from world.strategies import PLAYED
from world.trouble import kinds_of_trouble

Pair = tuple[str, str]
OTHER = "Z"
STATUSES = (*TOLD, OTHER)
CANNOT: tuple[tuple[tuple[Standing, ...], str, str], ...] = (
    (
        (Standing.PENDING,),
        "".join(STATUSES),
        "what is not written yet has no report; of an earlier run it is unknown",
    ),
    (
        (Standing.DONE,),
        "".join(STATUSES),
        "only cancels are done, and a report is of their order",
    ),
    (
        (Standing.PENDING_NEW, Standing.NEW, Standing.REPLACED, Standing.PARTIALLY_FILLED),
        "8",
        "the venue refuses an order instead of taking it, not behind that",
    ),
    (
        (Standing.REJECTED,),
        "".join(STATUSES).replace("8", ""),
        "an order that was refused never lived, and one session is told of it, once",
    ),
    ((Standing.FILLED,), "648C", "an order ends once: nothing is left to cancel or to expire"),
    ((Standing.CANCELED,), "28C", "an order ends once"),
    ((Standing.EXPIRED,), "6248", "an order ends once, and nobody can have cancelled this one"),
)
"""Standings, statuses, and why no world meets one with the other."""


@contextmanager
def pairs_into(hit: set[Pair]) -> Iterator[None]:
    """Note every pair that the order table is asked about."""
    after = orders.after

    def noted(standing: Standing, ord_status: str, has_fills: bool) -> Standing:
        hit.add((standing.value, ord_status if ord_status in TOLD else OTHER))
        return after(standing, ord_status, has_fills)

    with mock.patch.object(orders, "after", noted):
        yield


def pairs() -> set[Pair]:
    """Every pair that can come to be."""
    cannot = {
        (standing.value, status)
        for standings, statuses, _ in CANNOT
        for standing, status in product(standings, statuses)
    }
    return {(one.value, status) for one, status in product(Standing, STATUSES)} - cannot


def not_met(trouble: Iterable[str], hit: set[Pair]) -> list[str]:
    """What none of the worlds has met, a line for each."""
    missing = sorted((kinds_of_trouble() | set(PLAYED)) - set(trouble))
    return missing + [f"{standing} x {status}" for standing, status in sorted(pairs() - hit)]
