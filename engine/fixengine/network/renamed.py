"""Orders that the venue knows by a name that is not their own.

The venue gives an order the id of the cancel that ended it. A mass cancel, or the cancel of a list,
gives several orders the same one, and a person's cancel an id of theirs. An order that was ended so
before its OrderID was heard of is found under none of its names, or another one is found instead.
It is therefore looked for among all orders of its symbol. A row can be it only if nobody else is
known by that OrderID, its terms are the order's, and what gave it its name may have reached the
venue after the order. What left before it can do so on another session, or on one of the run
before, for which the venue may take ten seconds; not on the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from fixengine import wire
from fixengine.desk.orders import QTY_DECIMALS, Kind, Order, Orders
from fixengine.messages import NewOrderSingle
from fixengine.network.sources import normalise
from fixengine.network.sources.answers import Order as OrderRow

TERMS = ("symbol", "side", "ord_type", "exec_inst", "strategy_id")
ROWS_MAX = 1000
"""So many orders of a symbol are told at most, the newest ones."""
SECOND_MS = 1000
MARGIN_MS = 10 * SECOND_MS
"""More than the venue's clock may be behind ours."""

Owner = tuple[int, int, int]
"""Strategy number, epoch and counter of an id of ours."""


def fits(order: Order, row: OrderRow) -> bool:
    """Whether a row has the terms that the order was sent with; True where these are not known.

    Raises LocalProtocolError for an amount that is no number.
    """
    if not order.request:
        return True
    asked = msgspec.msgpack.decode(order.request, type=NewOrderSingle)
    told = normalise.order(row)
    if any(told.get(name) != getattr(asked, name) for name in TERMS):
        return False
    names = ["price"]
    if not any(one.kind is Kind.AMEND for one in order.cancels):
        names.append("order_qty")
    for name in names:
        wanted, given = getattr(asked, name), told.get(name)
        if wanted is not None and _scaled(wanted) != _scaled(given or "0"):
            return False
    return True


def among(
    orders: Orders,
    own: Callable[[str], Owner | None],
    order: Order,
    rows: Sequence[OrderRow],
    wall_ms: int,
) -> tuple[OrderRow | None, bool]:
    """The row that is this order, and whether it is known that there is none.

    None and False: one of several may be it, or of somebody else's name, or not all were told.
    own: reads an id of ours. wall_ms: our wall clock now, ms since 1970. Raises
    LocalProtocolError as `fits`.
    """
    _, *sent = own(order.wire_id) or (0, 0, 0)
    began_ms = sent[0] * SECOND_MS
    # An epoch is the time its run began, unless one before it began with a clock that ran ahead.
    first_ms = began_ms - MARGIN_MS if began_ms <= wall_ms else 0
    ours: list[OrderRow] = []
    others: list[OrderRow] = []
    for row in rows:
        known = orders.by_wire(row.client_order_id)
        if orders.by_order_id(row.symbol, str(row.order_id)) is not None or row.time < first_ms:
            continue
        subject = known if known is None or known.is_order else known.target
        if subject not in (None, order) and not _in_one_list(known, subject, order):
            continue
        named = own(row.client_order_id)
        left_before = named is not None and [*named[1:]] < sent
        if (left_before and known is None) or not fits(order, row):
            continue
        is_unclear = False
        if left_before and known is not None and named is not None and named[1] == sent[0]:
            if order.line == known.line >= 0:
                continue
            # After a restart nobody knows any more on which session each of them left.
            is_unclear = order.line < 0 or known.line < 0
        # A strategy's own mark tells as much as its engine's.
        is_ours = not is_unclear and (named is not None or row.strategy_id is not None)
        (ours if is_ours else others).append(row)
    if len({(row.status, row.executed_qty) for row in ours}) == 1 and _no_matter(ours):
        return ours[0], False
    is_whole = len(rows) < ROWS_MAX or min(row.time for row in rows) < first_ms
    return None, is_whole and not ours and not others


def _in_one_list(named: Order | None, subject: Order | None, order: Order) -> bool:
    """Whether what a row is named by is the cancel of another order of this order's list."""
    if named is None or subject is None or named.is_order:
        return False
    return order.whole is not None and order.whole is subject.whole


def _no_matter(rows: list[OrderRow]) -> bool:
    """Whether it is the same which of these is taken for the order: one, or none has traded."""
    return len(rows) == 1 or not _scaled(rows[0].executed_qty)


def _scaled(text: str) -> int:
    return wire.scaled(text, QTY_DECIMALS)
