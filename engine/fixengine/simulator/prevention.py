"""Self-trade prevention: what becomes of two orders of one account that would trade together.

The taker's mode alone decides. EXPIRE_TAKER, EXPIRE_MAKER and EXPIRE_BOTH end what is left of those
orders; DECREMENT takes what would have been traded off both, which ends the smaller one. A taker
that lives on goes on matching. NONE lets them trade. TRANSFER within one account, and there is no
other here, is DECREMENT.

An order to be filled as a whole or not at all is never filled in part because of this: where an own
order stands in its way, it expires like one that finds too little. Source: spec sections 9.2 and
22.3.
"""

from __future__ import annotations

from collections.abc import Mapping

from fixengine.simulator import choices, reports
from fixengine.simulator.accounts import NO_PREVENTION, PlacedOrder
from fixengine.simulator.book import Book
from fixengine.simulator.instruments import text_of
from fixengine.simulator.market import Market
from fixengine.simulator.orders import TRANSFER
from fixengine.simulator.reports import Answer, Prevented

EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH, DECREMENT = "2", "3", "4", "5"


def applies(taker: PlacedOrder, maker: PlacedOrder) -> bool:
    """Whether these may not trade with each other."""
    return taker.account is maker.account and taker.prevention_mode != NO_PREVENTION


def fillable(book: Book[PlacedOrder], taker: PlacedOrder) -> bool:
    """Whether the whole of an order can be filled now."""
    wanted = taker.leaves_qty
    for _, maker in book.reach(taker.side, taker.price):
        if applies(taker, maker):
            if taker.prevention_mode != EXPIRE_MAKER:
                return False
            continue
        wanted -= maker.leaves_qty
        if wanted <= 0:
            return True
    return False


def prevent(
    market: Market,
    taker: PlacedOrder,
    maker: PlacedOrder,
    chosen: Mapping[str, str],
    stamp: str,
) -> list[Answer]:
    """Keep two orders apart that have met; the reports of both. chosen: see choices.py."""
    assert maker.price is not None
    mode = taker.prevention_mode
    quantity = min(maker.visible_qty, taker.leaves_qty)
    match_id = market.next_prevented_match_id()
    answers = []
    for order, other, expires in (
        (taker, maker, mode in (EXPIRE_TAKER, EXPIRE_BOTH)),
        (maker, taker, mode in (EXPIRE_MAKER, EXPIRE_BOTH)),
    ):
        if not expires and mode not in (DECREMENT, TRANSFER):
            continue
        last = order.leaves_qty if expires else quantity
        order.prevent(last)
        group = order.order_list
        if group is not None and group.partner(order) is not None:
            # The other one is as large as ever, and one of the two locks for both.
            order.account.relock(order, market.cost(order))
        elif order.price is not None:
            order.account.unlock(order, order.worth(last))
        order.columns["prevented_qty"] = text_of(order.prevented_qty)
        if order.leaves_qty == 0 or chosen[choices.PREVENTION_SURVIVOR] != "silent":
            exec_type = reports.EXPIRED
            if order.leaves_qty and chosen[choices.PREVENTION_SURVIVOR] == "replaced":
                exec_type = reports.REPLACED
            event = Prevented(match_id, maker.price, quantity, other.order_id, last)
            exec_id = market.next_exec_id()
            answers.append(reports.prevented(order, exec_id, event, exec_type, stamp))
        if order is maker:
            market.book.traded(maker)
            if maker.leaves_qty == 0:
                maker.account.closed(maker)
    return answers
