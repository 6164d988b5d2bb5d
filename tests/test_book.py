"""The book against the rules of matching, and against a slow, obvious one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from fixengine.simulator.book import BUY, SELL, Book, Order
from fixengine.simulator.instruments import UNIT
from hypothesis import given, settings
from hypothesis import strategies as st


def order(number: int, side: str, price: int | None, quantity: int) -> Order:
    """Prices and quantities in whole units."""
    return Order(number, side, None if price is None else price * UNIT, quantity * UNIT)


def rest(book: Book[Order], *orders: Order) -> None:
    for item in orders:
        assert not list(book.match(item))
        book.rest(item)


def fills(book: Book[Order], taker: Order) -> list[tuple[int, int, int]]:
    """(maker's number, price, quantity) in whole units."""
    return [
        (fill.maker.order_id, fill.price // UNIT, fill.quantity // UNIT)
        for fill in book.match(taker)
    ]


def test_best_price_first_then_first_come() -> None:
    book: Book[Order] = Book()
    rest(
        book,
        order(1, SELL, 102, 1),
        order(2, SELL, 101, 2),
        order(3, SELL, 101, 3),
        order(4, SELL, 100, 1),
    )
    taker = order(9, BUY, 101, 5)
    assert fills(book, taker) == [(4, 100, 1), (2, 101, 2), (3, 101, 2)]
    assert taker.leaves_qty == 0
    assert taker.cum_quote_qty == (100 + 202 + 202) * UNIT
    assert [item.order_id for item in book.orders(SELL)] == [3, 1]
    assert len(book) == 2


def test_bids_are_a_mirror() -> None:
    book: Book[Order] = Book()
    rest(book, order(1, BUY, 99, 1), order(2, BUY, 100, 1), order(3, BUY, 100, 1))
    assert (book.best_bid, book.best_ask) == (100 * UNIT, None)
    assert fills(book, order(9, SELL, None, 5)) == [(2, 100, 1), (3, 100, 1), (1, 99, 1)]
    assert (book.best_bid, len(book)) == (None, 0)


def test_a_limit_is_never_passed() -> None:
    book: Book[Order] = Book()
    rest(book, order(1, SELL, 101, 1), order(2, SELL, 103, 1))
    assert not book.crosses(BUY, 100 * UNIT)
    assert book.crosses(BUY, 101 * UNIT)
    taker = order(9, BUY, 102, 3)
    assert fills(book, taker) == [(1, 101, 1)]
    book.rest(taker)
    assert (book.best_bid, book.best_ask) == (102 * UNIT, 103 * UNIT)


def test_a_cancelled_order_is_passed_over_and_its_price_goes() -> None:
    book: Book[Order] = Book()
    first, second = order(1, SELL, 101, 1), order(2, SELL, 101, 1)
    rest(book, first, second)
    book.cancel(first)
    assert fills(book, order(9, BUY, 101, 1)) == [(2, 101, 1)]
    assert book.best_ask is None
    with pytest.raises(KeyError):
        book.cancel(first)


def test_a_walk_tells_what_a_taker_would_get_and_changes_nothing() -> None:
    book: Book[Order] = Book()
    rest(book, order(1, SELL, 100, 1), order(2, SELL, 110, 2))
    assert book.walk(BUY, 105 * UNIT, 9 * UNIT) == (UNIT, 100 * UNIT)
    assert book.walk(BUY, None, 2 * UNIT) == (2 * UNIT, 210 * UNIT)
    assert book.walk(BUY, None, 9 * UNIT) == (3 * UNIT, 320 * UNIT)
    assert book.walk(SELL, None, UNIT) == (0, 0)
    assert len(book) == 2


def test_a_quote_amount_is_cut_to_the_step_at_each_price() -> None:
    book: Book[Order] = Book()
    rest(book, order(1, SELL, 100, 1), order(2, SELL, 110, 2))
    step = UNIT // 10
    # 100 for the first order; the 54 left buy 0.4909..., cut to 0.4.
    assert book.walk_quote(BUY, 154 * UNIT, step) == UNIT + 4 * step
    assert book.walk_quote(BUY, 9 * UNIT, step) == 0
    assert book.walk_quote(BUY, 1000 * UNIT, step) == 3 * UNIT
    assert book.walk_quote(SELL, 1000 * UNIT, step) == 0


def test_a_quote_amount_never_skips_a_better_price() -> None:
    book: Book[Order] = Book()
    rest(book, order(1, BUY, 100, 1), order(2, BUY, 55, 2), order(3, BUY, 50, 2))
    # The 54 left are less than one unit at 55, and would be one at 50.
    assert book.walk_quote(SELL, 154 * UNIT, UNIT) == UNIT


# --- against a slow, obvious book -----------------------------------------------------------


@dataclass
class Entry:
    number: int
    side: str
    price: int
    left: int


class Slow:
    """All resting orders in one list, in the order of their arrival."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def reachable(self, side: str, limit: int | None) -> list[Entry]:
        buys = side == BUY
        found = [entry for entry in self.entries if entry.side != side]
        if limit is not None:
            found = [e for e in found if (e.price <= limit if buys else e.price >= limit)]
        return sorted(found, key=lambda entry: entry.price if buys else -entry.price)

    def take(self, side: str, limit: int | None, quantity: int) -> list[tuple[int, int, int]]:
        done = []
        for entry in self.reachable(side, limit):
            part = min(entry.left, quantity)
            if part:
                entry.left -= part
                quantity -= part
                done.append((entry.number, entry.price, part))
        self.entries = [entry for entry in self.entries if entry.left]
        return done


SIDES = st.sampled_from((BUY, SELL))
PRICES = st.integers(95, 105)
QUANTITIES = st.integers(1, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("limit"), SIDES, PRICES, QUANTITIES),
        st.tuples(st.just("ioc"), SIDES, PRICES, QUANTITIES),
        st.tuples(st.just("market"), SIDES, st.none(), QUANTITIES),
        st.tuples(st.just("cancel"), SIDES, st.none(), st.integers(0, 20)),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_any_sequence_matches_as_the_slow_book_does(
    steps: list[tuple[str, str, int | None, int]],
) -> None:
    book: Book[Order] = Book()
    slow = Slow()
    everybody: list[Order] = []
    for number, (kind, side, price, quantity) in enumerate(steps):
        if kind == "cancel":
            resting = book.orders(side)
            if resting:
                gone = resting[quantity % len(resting)]
                book.cancel(gone)
                slow.entries = [e for e in slow.entries if e.number != gone.order_id]
            continue
        taker = order(number, side, price, quantity)
        everybody.append(taker)
        reach = sum(entry.left for entry in slow.reachable(side, price))
        limit = None if price is None else price * UNIT
        assert book.walk(side, limit, taker.leaves_qty)[0] == min(reach, quantity) * UNIT
        assert fills(book, taker) == slow.take(side, price, quantity)
        if kind == "limit" and taker.leaves_qty:
            assert price is not None
            book.rest(taker)
            slow.entries.append(Entry(number, side, price, taker.leaves_qty // UNIT))
        for half in (BUY, SELL):
            kept = [(o.order_id, o.leaves_qty // UNIT) for o in book.orders(half)]
            other = SELL if half == BUY else BUY
            assert kept == [(e.number, e.left) for e in slow.reachable(other, None)]
        assert len(book) == len(slow.entries)
        bid, ask = book.best_bid, book.best_ask
        assert bid is None or ask is None or bid < ask
    bought = sum(item.cum_qty for item in everybody if item.side == BUY)
    sold = sum(item.cum_qty for item in everybody if item.side == SELL)
    paid = sum(item.cum_quote_qty for item in everybody if item.side == BUY)
    earned = sum(item.cum_quote_qty for item in everybody if item.side == SELL)
    assert (bought, paid) == (sold, earned)
    assert len({item.order_id for item in book.orders(BUY) + book.orders(SELL)}) == len(book)
