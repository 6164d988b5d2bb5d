"""Which question is asked next, and when an answer settles an order."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from fixengine.desk.orders import Order, Orders
from fixengine.desk.recovery import (
    AGAIN_S_MAX,
    LOOKED_AT_MAX,
    OPEN_ORDERS,
    SECOND_NS,
    STUCK_ASKED,
    TOGETHER_MIN,
    Case,
    Kind,
    Question,
    Recovery,
    Settled,
    State,
)
from fixengine.desk.standings import Standing

LAG_NS = 2 * SECOND_NS
RECV_WINDOW_NS = 5 * SECOND_NS
ARRIVAL_NS = RECV_WINDOW_NS + 10 * SECOND_NS + LAG_NS


class Desk:
    """An order table, its recovery, and a clock; a session has watched since 0."""

    def __init__(self) -> None:
        self.now = 0
        self.watched_since_ns: int | None = -LAG_NS
        self.orders = Orders(100, 100)
        self.recovery = Recovery(RECV_WINDOW_NS)

    def order(self, name: str = "o", order_id: str | None = None) -> Order:
        order = self.orders.open(1, name, f"w-{name}", "S")
        if order_id is not None:
            self.orders.name(order, order_id)
        self.orders.unknown(order)
        self.recovery.open(order, self.now)
        return order

    def cancel(self, target: Order, name: str = "c") -> Order:
        cancel = self.orders.open(1, name, f"w-{name}", "S", target)
        self.orders.unknown(cancel)
        self.recovery.open(cancel, self.now)
        return cancel

    def ask(self) -> tuple[Case, Question]:
        """The one question that is due now."""
        (asked,) = self.due()
        return asked

    def due(self) -> list[tuple[Case, Question]]:
        return self.recovery.due(self.now, self.watched_since_ns)

    def next(self) -> tuple[Case, Question]:
        """The next question, when its time comes."""
        deadline = self.recovery.deadline(self.watched_since_ns)
        assert deadline is not None
        self.now = max(self.now, deadline)
        return self.ask()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_order_is_asked_for_by_its_order_id_and_settled_by_its_state(desk: Desk) -> None:
    desk.order(order_id="77")
    case, question = desk.ask()
    assert question == (Kind.ORDER, "S", "77", None)
    assert desk.due() == [], "one question at a time"
    state = State("0", 0, "77")
    assert desk.recovery.found(case, state, desk.now) == Settled(state)
    assert desk.recovery.cases == {}


def test_nothing_is_asked_before_a_session_has_watched_for_the_lag(desk: Desk) -> None:
    desk.order()
    desk.watched_since_ns = None
    assert desk.due() == []
    assert desk.recovery.deadline(None) is None
    desk.watched_since_ns = desk.now
    assert desk.due() == []
    assert desk.recovery.deadline(desk.now) == LAG_NS
    desk.now = LAG_NS - 1
    assert desk.due() == []
    desk.now = LAG_NS
    assert len(desk.due()) == 1


def test_fills_that_are_not_known_are_asked_for_before_the_state_counts(desk: Desk) -> None:
    order = desk.order(order_id="77")
    case, _ = desk.ask()
    state = State("2", 5, "77")
    assert desk.recovery.found(case, state, desk.now) is None
    case, question = desk.ask()
    assert question == (Kind.TRADES, "S", "77", None)
    desk.orders.filled(order, 5, 5, desk.now)
    assert desk.recovery.filled(case, desk.now) == Settled(state)


def test_a_state_older_than_what_a_session_told_does_not_hide_a_missing_fill(desk: Desk) -> None:
    order = desk.order(order_id="77")
    case, _ = desk.ask()
    desk.orders.filled(order, 4, 5, desk.now)
    assert desk.recovery.found(case, State("1", 3, "77"), desk.now) is None
    case, question = desk.ask()
    assert question.kind is Kind.TRADES
    desk.orders.filled(order, 1, 0, desk.now)
    assert desk.recovery.filled(case, desk.now) is None
    case, question = desk.next()
    state = State("2", 5, "77")
    assert desk.recovery.found(case, state, desk.now) == Settled(state)


def test_a_trade_list_that_lacks_one_begins_anew(desk: Desk) -> None:
    order = desk.order(order_id="77")
    case, _ = desk.ask()
    desk.recovery.found(case, State("2", 5, "77"), desk.now)
    case, _ = desk.ask()
    desk.orders.filled(order, 3, 3, desk.now)
    assert desk.recovery.filled(case, desk.now) is None
    assert desk.due() == [], "not at once"
    case, question = desk.next()
    assert question.kind is Kind.ORDER


def test_a_routed_order_has_allocations_too(desk: Desk) -> None:
    order = desk.order(order_id="77")
    case, _ = desk.ask()
    state = State("2", 5, "77", routed=True)
    desk.recovery.found(case, state, desk.now)
    case, question = desk.ask()
    assert question.kind is Kind.TRADES
    desk.orders.filled(order, 1, 1, desk.now)
    assert desk.recovery.filled(case, desk.now) is None
    case, question = desk.ask()
    assert question == (Kind.ALLOCATIONS, "S", "77", None)
    desk.orders.filled(order, 4, 5, desk.now)
    assert desk.recovery.filled(case, desk.now) == Settled(state)


def test_an_order_without_an_order_id_is_asked_for_under_every_name(desk: Desk) -> None:
    order = desk.order()
    desk.cancel(order)
    desk.orders.finish(desk.cancel(order, "refused"), Standing.DONE)
    for name in ("w-o", "w-c"):
        case, question = desk.ask()
        assert question == (Kind.ORDER, "S", None, name)
        desk.recovery.absent(case, desk.now)
    assert desk.due() == []


def test_not_found_is_dead_only_late_and_twice(desk: Desk) -> None:
    desk.order()
    asked = []
    while True:
        case, question = desk.next()
        if question.kind is not Kind.ORDER:
            break
        asked.append(desk.now)
        desk.recovery.absent(case, desk.now)
    assert question == (Kind.ALL_ORDERS, "S", None, None), "the last look"
    assert desk.recovery.nowhere(case) == Settled(None)
    assert len([at for at in asked if at >= ARRIVAL_NS]) == 2
    assert len(asked) > 2, "it was asked for early as well, where an answer may have ended it"
    assert desk.recovery.cases == {}


def test_a_name_found_between_two_absences_is_not_dead(desk: Desk) -> None:
    order = desk.order()
    desk.now = ARRIVAL_NS
    case, _ = desk.ask()
    desk.recovery.absent(case, desk.now)
    case, _ = desk.next()
    assert desk.recovery.found(case, State("0", 0, "77"), desk.now) is not None
    desk.recovery.open(order, desk.now)
    desk.now += ARRIVAL_NS
    case, _ = desk.ask()
    desk.recovery.absent(case, desk.now)
    _, question = desk.next()
    assert question.kind is Kind.ORDER, "counted anew"


def test_an_order_the_venue_has_named_is_never_dead_by_absence(desk: Desk) -> None:
    desk.order(order_id="77")
    for _ in range(50):
        case, _ = desk.next()
        desk.recovery.absent(case, desk.now)
    assert desk.now > 10 * ARRIVAL_NS


def test_a_question_without_an_answer_is_asked_ever_less_often(desk: Desk) -> None:
    desk.order()
    waits, stuck = [], 0
    for _ in range(12):
        case, _ = desk.next()
        stuck += case.is_stuck
        before = desk.now
        desk.recovery.failed(case, desk.now)
        deadline = desk.recovery.deadline(desk.watched_since_ns)
        assert deadline is not None
        waits.append(deadline - before)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (2 * SECOND_NS, AGAIN_S_MAX * SECOND_NS)
    assert stuck == 1
    assert STUCK_ASKED <= 12


def test_what_a_session_tells_meanwhile_ends_the_case(desk: Desk) -> None:
    order = desk.order()
    desk.orders.update(order, None, "0", "77")
    assert desk.due() == []
    assert desk.recovery.cases == {}


def test_a_missing_fill_of_an_order_that_ended_is_looked_for(desk: Desk) -> None:
    order = desk.order(order_id="77")
    desk.orders.filled(order, 0, 5, desk.now)
    desk.orders.update(order, None, "2", "77")
    case, question = desk.ask()
    assert question.kind is Kind.ORDER
    assert desk.recovery.found(case, State("2", 5, "77"), desk.now) is None
    case, question = desk.ask()
    assert question.kind is Kind.TRADES


def test_a_cancel_ends_with_its_order(desk: Desk) -> None:
    order = desk.orders.open(1, "o", "w-o", "S")
    desk.orders.update(order, None, "0", "77")
    desk.cancel(order)
    case, question = desk.ask()
    assert question.order_id == "77"
    state = State("4", 0, "77")
    assert desk.recovery.found(case, state, desk.now) == Settled(state)
    assert desk.recovery.cases == {}


def test_a_cancel_whose_order_lives_is_dead_only_when_it_can_no_longer_arrive(desk: Desk) -> None:
    order = desk.orders.open(1, "o", "w-o", "S")
    desk.orders.update(order, None, "0", "77")
    cancel = desk.cancel(order)
    state = State("0", 0, "77")
    case, _ = desk.ask()
    assert desk.recovery.found(case, state, desk.now) == Settled(state)
    case, _ = desk.next()
    assert desk.now == ARRIVAL_NS
    assert desk.recovery.found(case, state, desk.now) == Settled(state, (cancel,))
    assert desk.recovery.cases == {}


def test_a_later_cancel_of_an_order_in_question_has_its_own_time(desk: Desk) -> None:
    order = desk.orders.open(1, "o", "w-o", "S")
    desk.orders.update(order, None, "0", "77")
    desk.cancel(order)
    desk.now = 3 * SECOND_NS
    desk.cancel(order, "c2")
    case, _ = desk.ask()
    desk.recovery.found(case, State("0", 0, "77"), desk.now)
    desk.next()
    assert desk.now == 3 * SECOND_NS + ARRIVAL_NS


def test_no_more_questions_at_once_than_allowed(desk: Desk) -> None:
    for number in range(TOGETHER_MIN - 1):
        desk.order(f"o{number}")
    first = desk.due()
    assert len(first) == desk.recovery.open_max == 8
    assert desk.recovery.deadline(desk.watched_since_ns) is None, "an answer comes first"
    desk.recovery.failed(first[0][0], desk.now)
    assert len(desk.due()) == 1


def test_very_many_orders_are_looked_for_among_the_open_ones_first(desk: Desk) -> None:
    orders = [desk.order(str(number), order_id=str(number)) for number in range(TOGETHER_MIN)]
    asked = desk.due()
    assert [case.order for case, _ in asked] == orders
    assert {question for _, question in asked} == {OPEN_ORDERS}
    assert desk.due() == [], "one question for all of them"
    state = State("0", 0, "0")
    assert desk.recovery.found(asked[0][0], state, desk.now) == Settled(state)
    desk.recovery.not_open(asked[1][0], desk.now)
    assert desk.ask() == (asked[1][0], (Kind.ORDER, "S", "1", None)), "how it ended is asked alone"


def test_that_an_order_is_not_open_does_not_make_it_absent(desk: Desk) -> None:
    desk.now = 2 * ARRIVAL_NS
    for number in range(TOGETHER_MIN):
        desk.order(str(number))
    desk.now += ARRIVAL_NS
    for case, _ in desk.due():
        desk.recovery.not_open(case, desk.now)
    case, question = desk.due()[0]
    assert question == (Kind.ORDER, "S", None, "w-0")
    desk.recovery.absent(case, desk.now)
    assert case in desk.recovery.cases.values(), "it counts once it was asked twice, alone"


# --- very many --------------------------------------------------------------------------------

VERY_MANY = 5000
LINES_MAX = 2000
"""Lines of Python that one wake-up may run, however many cases there are."""


def lines_run(call: Callable[[], object]) -> int:
    """How many lines of Python a call runs: what it costs, whatever the machine does beside."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.fixture
def crowd() -> Desk:
    """Very many orders in question, none of them open, so that each is asked about alone."""
    desk = Desk()
    desk.orders = Orders(VERY_MANY, VERY_MANY)
    for number in range(VERY_MANY):
        desk.order(str(number))
    for case, question in desk.due():
        assert question is OPEN_ORDERS
        desk.recovery.not_open(case, desk.now)
    return desk


def test_a_wake_up_costs_no_more_where_very_many_are_in_question(crowd: Desk) -> None:
    # What the first question has left behind is cleared away once.
    for case, _ in crowd.due():
        crowd.recovery.found(case, State("0", 0, "7"), crowd.now)
    asked: list[tuple[Case, Question]] = []
    assert lines_run(lambda: asked.extend(crowd.due())) < LINES_MAX
    assert len(asked) == crowd.recovery.open_max
    assert lines_run(lambda: crowd.recovery.deadline(0)) < LINES_MAX


def test_who_has_none_in_question_does_not_pay_for_those_who_have(crowd: Desk) -> None:
    def ask() -> None:
        assert crowd.recovery.in_question(2, crowd.now, SECOND_NS) is None

    assert lines_run(ask) < 100
    assert crowd.recovery.in_question(1, crowd.now, SECOND_NS) is not None
    crowd.now += SECOND_NS
    assert crowd.recovery.in_question(1, crowd.now, SECOND_NS) is None


def test_what_sessions_told_meanwhile_ends_every_case_in_a_few_wake_ups(crowd: Desk) -> None:
    for order in list(crowd.recovery.cases):
        crowd.orders.update(order, None, "0", None)
    crowd.watched_since_ns = None
    for _ in range(VERY_MANY // LOOKED_AT_MAX + 1):
        crowd.due()
    assert crowd.recovery.cases == {}


def test_an_order_handed_over_is_in_question_for_its_heir(desk: Desk) -> None:
    order = desk.order()
    desk.orders.take_doubted()
    desk.orders.hand_over(order, 2, "heirs")
    for doubted in desk.orders.take_doubted():
        desk.recovery.open(doubted, desk.now)
    assert desk.recovery.in_question(1, desk.now, SECOND_NS) is None
    assert desk.recovery.in_question(2, desk.now, SECOND_NS) is order
