"""Which second source settles what: how an order whose fate is unknown becomes known again.

A session cannot be asked what became of an order. After a hole, a lost connection, a crash or an
error that leaves the outcome open, the venue's REST API is asked about each such order, and what it
says is told as reports are, with the source named. Nothing is guessed:

| what is unknown | asked | what settles it |
|---|---|---|
| an order | the order, by OrderID, else by its ids at the venue: its own, then its cancels', for a cancel renames it | the state told, once every fill in it is known |
| very many orders | all open orders of the account, in one question | those among them, as above; each of the others is asked about alone |
| fills that are missing | the trades of the order, and its allocations where the venue routed it | each is told once, whoever told it first; then the total is right |
| an order the venue does not know | the same again, under every id, then all orders of its symbol, for a cancel of several orders renames them all | dead only if it was asked twice, later than anything sent could still arrive: RecvWindow, the venue's own time-out and the lag of the source, counted from when it became unknown; and if no order of its terms is there that nobody is known by |
| a cancel | its order | over with its order; where the order lives that much later, it did not arrive |

An answer counts only if it was asked for while a session watched the account, for as long as the
source may lag behind, and if one has watched ever since: what happens later comes over the session,
so nothing falls in between.

Sans-I/O: questions come out of `due`, answers go in, and each call says what is settled by it.
"""  # noqa: E501

from __future__ import annotations

from collections import deque
from enum import Enum
from heapq import heappop, heappush
from typing import NamedTuple

from fixengine.desk.orders import Order
from fixengine.desk.standings import FINAL, TOLD, Standing

SECOND_NS = 1_000_000_000
VENUE_TIMEOUT_S = 10
"""After so long the venue has done with a request, or will not do it (-1007)."""
LAG_S = 2
"""How far the venue's REST may be behind its sessions; its documents promise nothing."""
AGAIN_S_MAX = 30
ABSENT_MIN = 2
TOGETHER_MIN = 20
"""So many orders are looked for among all that are open: that weighs 80, each of them alone 4."""
LOOKED_AT_MAX = 128
"""Cases that one wake-up looks at, whether a session has told meanwhile; the others are next."""
STUCK_ASKED = 8
"""Times a case is asked about before the operator hears that it does not come to an end."""


class Kind(Enum):
    """What is asked."""

    ORDER = "order"
    OPEN_ORDERS = "open orders"
    TRADES = "trades"
    ALLOCATIONS = "allocations"
    ALL_ORDERS = "all orders"


class Question(NamedTuple):
    """One of the two ids is given; neither where all open orders are asked for, of every symbol, or
    all orders of one.
    """

    kind: Kind
    symbol: str
    order_id: str | None
    client_id: str | None


OPEN_ORDERS = Question(Kind.OPEN_ORDERS, "", None, None)


class State(NamedTuple):
    """An order as the source shows it. cum_qty: in units of the order table. routed: SOR took
    part, so that fills are allocations.
    """

    ord_status: str
    cum_qty: int
    order_id: str
    routed: bool = False


class Settled(NamedTuple):
    """What is known now. state: None where the venue never had the order. dead_cancels: cancels
    that did not arrive.
    """

    state: State | None
    dead_cancels: tuple[Order, ...] = ()


class Case:
    """One order that is being asked about. state_ns: when its state was asked for last. is_early:
    since then something else has become unknown of it. is_alone: it is not among the open orders.
    """

    __slots__ = (
        "absent",
        "asked",
        "asked_count",
        "due_ns",
        "is_alone",
        "is_early",
        "names",
        "order",
        "since_ns",
        "state",
        "state_ns",
        "trades_done",
    )

    def __init__(self, order: Order, now: int) -> None:
        self.order = order
        self.since_ns = now
        self.due_ns = now
        self.is_alone = False
        self.is_early = False
        self.asked: Question | None = None
        self.asked_count = 0
        self.absent = 0
        self.names: list[str] = []
        self.state: State | None = None
        self.state_ns = now
        self.trades_done = False

    @property
    def is_stuck(self) -> bool:
        """Whether the operator should look at it; true once."""
        return self.asked_count == STUCK_ASKED


class Agenda:
    """Cases that wait for their time, the first due one first: what one costs does not grow."""

    def __init__(self, cases: dict[Order, Case]) -> None:
        self._cases = cases
        self._entries: list[tuple[int, int, Case]] = []
        self._count = 0

    def put(self, case: Case) -> None:
        """It is due at its due_ns, unless it is put again or over before."""
        self._count += 1
        heappush(self._entries, (case.due_ns, self._count, case))

    def first(self) -> Case | None:
        """The one that is due first."""
        while self._entries:
            due_ns, _, case = self._entries[0]
            waits = case.asked is None and case.due_ns == due_ns
            if waits and self._cases.get(case.order) is case:
                return case
            heappop(self._entries)
        return None

    def take(self, now: int) -> Case | None:
        """The first one whose time has come; it waits here no more."""
        case = self.first()
        if case is None or now < case.due_ns:
            return None
        heappop(self._entries)
        return case


class Recovery:
    """See the module's top.

    recv_window_ns: of the orders we send. second_ns: how long the venue's second lasts. open_max:
    questions under way at once.
    """

    def __init__(self, recv_window_ns: int, second_ns: int = SECOND_NS, open_max: int = 8) -> None:
        self.lag_ns = LAG_S * second_ns
        self.arrival_ns = recv_window_ns + VENUE_TIMEOUT_S * second_ns + self.lag_ns
        self.open_max = open_max
        self._again_ns = second_ns
        self._again_ns_max = AGAIN_S_MAX * second_ns
        self._limited_until_ns = 0
        self.cases: dict[Order, Case] = {}
        # Those that open orders may tell of, and those that are asked about alone.
        self._together = Agenda(self.cases)
        self._alone = Agenda(self.cases)
        self._under_way = 0
        self._to_look_at: deque[Case] = deque()
        self._by_strategy: dict[int, deque[Case]] = {}

    def open(self, order: Order, now: int) -> None:
        """Nobody knows what became of this order or cancel, or a fill of it is missing."""
        subject = order if order.target is None else order.target
        case = self.cases.get(subject)
        if case is None:
            case = self.cases[subject] = Case(subject, now)
            self._to_look_at.append(case)
            self._wait(case, now)
        elif not order.is_order:
            # It may have been sent just now, and what is asked already may be too early for it.
            case.since_ns = now
        else:
            case.state = None
            case.is_early = case.asked is not None
        self._by_strategy.setdefault(subject.strategy, deque()).append(case)

    def in_question(self, strategy: int, now: int, ns_max: int) -> Order | None:
        """An order of this strategy that is in question, and has not been for longer than ns_max.

        A cancel in question is none: how its order stands is known.
        """
        cases = self._by_strategy.get(strategy, ())
        while cases:
            case, order = cases[0], cases[0].order
            mine = self.cases.get(order) is case and order.strategy == strategy
            unsure = order.standing is Standing.UNKNOWN or order.filled < order.cum_qty
            if mine and unsure and now - case.since_ns < ns_max:
                return order
            # It comes again when it is opened again.
            cases.popleft()
        return None

    def due(self, now: int, watched_since_ns: int | None) -> list[tuple[Case, Question]]:
        """What to ask now; each counts as asked. watched_since_ns: since when a session that hears
        of everything is up, None where none is. OPEN_ORDERS is one question for all cases it
        stands beside.
        """
        self._look_at_some()
        if watched_since_ns is None:
            return []
        if now < max(watched_since_ns + self.lag_ns, self._limited_until_ns):
            return []
        together = []
        while (case := self._taken(self._together, now)) is not None:
            together.append(case)
        if len(together) >= TOGETHER_MIN:
            return [(case, self._asked(case, OPEN_ORDERS, now)) for case in together]
        for case in together:
            self._alone.put(case)
        questions = []
        while self._under_way < self.open_max:
            case = self._taken(self._alone, now)
            if case is None:
                break
            questions.append((case, self._asked(case, self._question(case), now)))
        return questions

    def deadline(self, watched_since_ns: int | None) -> int | None:
        """When `due` matters next; None where an answer has to come first."""
        first = self._together.first(), self._alone.first()
        waiting = [case.due_ns for case in first if case is not None]
        if not waiting or watched_since_ns is None or self._under_way >= self.open_max:
            return None
        return max(min(waiting), watched_since_ns + self.lag_ns, self._limited_until_ns)

    def limited(self, until_ns: int) -> None:
        """The source answers nothing until then: nothing is asked."""
        self._limited_until_ns = max(self._limited_until_ns, until_ns)

    def found(self, case: Case, state: State, now: int) -> Settled | None:
        """The source knows the order; the caller has told its OrderID to the order table."""
        self._answered(case)
        case.absent = 0
        case.state = state
        return self._settle(case, now)

    def filled(self, case: Case, now: int) -> Settled | None:
        """Trades, or allocations, were answered in full, and told where they were new."""
        asked = self._answered(case)
        state, filled = case.state, case.order.filled
        if state is not None and filled == state.cum_qty:
            return self._settle(case, now)
        if state is not None and filled > state.cum_qty:
            # It has moved on, and a session that tells of the same fill later is not heard again.
            case.order.in_doubt = True
            case.state = None
            self._later(case, now)
            return None
        if state is not None and state.routed and asked is not None and asked.kind is Kind.TRADES:
            case.trades_done = True
            self._wait(case, now)
            return None
        # One of them is not shown yet: begin again, for the order may have moved on meanwhile.
        case.state = None
        self._later(case, now)
        return None

    def not_open(self, case: Case, now: int) -> None:
        """It is not among the open orders, which says nothing of how it ended, or that it did."""
        self._answered(case)
        case.is_alone = True
        self._wait(case, now)

    def absent(self, case: Case, now: int) -> None:
        """The source knows no order of the id that was asked for, or it is another one."""
        self._answered(case)
        if case.names:
            self._wait(case, now)
            return
        arrived_ns = case.since_ns + self.arrival_ns
        if case.order.order_id is not None or now < arrived_ns:
            self._later(case, now)
            return
        case.absent += 1
        self._wait(case, now + (self._again_ns if case.absent < ABSENT_MIN else 0))

    def nowhere(self, case: Case) -> Settled:
        """It is none of all orders of its symbol: the venue never had it."""
        self._answered(case)
        del self.cases[case.order]
        return Settled(None)

    def failed(self, case: Case, now: int) -> None:
        """There was no answer, or one that says nothing of now: begin again."""
        self._answered(case)
        case.state = None
        self._later(case, now)

    # --- small steps ------------------------------------------------------------------------

    def _wait(self, case: Case, due_ns: int) -> None:
        """It is due then."""
        case.due_ns = due_ns
        begins = case.state is None and not case.names and not case.is_alone
        (self._together if begins else self._alone).put(case)

    def _taken(self, agenda: Agenda, now: int) -> Case | None:
        """The next case that is due, and not over."""
        while (case := agenda.take(now)) is not None and self._is_over(case):
            del self.cases[case.order]
        return case

    def _look_at_some(self) -> None:
        """End cases that a session has settled meanwhile."""
        for _ in range(min(LOOKED_AT_MAX, len(self._to_look_at))):
            case = self._to_look_at.popleft()
            if self.cases.get(case.order) is not case:
                continue
            if case.asked is None and self._is_over(case):
                del self.cases[case.order]
            else:
                self._to_look_at.append(case)
        if not self.cases:
            self._by_strategy.clear()

    def _asked(self, case: Case, question: Question, now: int) -> Question:
        """Count a question as asked."""
        case.asked = question
        case.asked_count += 1
        self._under_way += question is not OPEN_ORDERS
        if question.kind in (Kind.ORDER, Kind.OPEN_ORDERS, Kind.ALL_ORDERS):
            case.state_ns = now
            case.is_early = False
        return question

    def _answered(self, case: Case) -> Question | None:
        """The question that is open no more."""
        asked, case.asked = case.asked, None
        self._under_way -= asked not in (None, OPEN_ORDERS)
        return asked

    def _settle(self, case: Case, now: int) -> Settled | None:
        """What the state says, or None where fills are to be asked for first."""
        state, order = case.state, case.order
        assert state is not None, "it was found"
        # A session may know of more than the source did when it was asked.
        if order.filled < max(state.cum_qty, order.cum_qty):
            case.trades_done = False
            self._wait(case, now)
            return None
        unknown = tuple(one for one in order.cancels if one.standing is Standing.UNKNOWN)
        ends = TOLD.get(state.ord_status) in FINAL
        if not unknown or ends:
            del self.cases[order]
            return Settled(state)
        if now >= case.since_ns + self.arrival_ns:
            del self.cases[order]
            return Settled(state, unknown)
        # It lives, and what was to end it may still arrive.
        case.state = None
        self._wait(case, case.since_ns + self.arrival_ns)
        return Settled(state)

    def _later(self, case: Case, now: int) -> None:
        """Ask again, ever less often."""
        case.names = []
        case.is_alone = False
        wait_ns = min(self._again_ns << min(case.asked_count, 5), self._again_ns_max)
        self._wait(case, now + wait_ns)

    def _is_over(self, case: Case) -> bool:
        """Whether a session has told meanwhile what was to be found out."""
        order = case.order
        unknown = order.standing is Standing.UNKNOWN or any(
            cancel.standing is Standing.UNKNOWN for cancel in order.cancels
        )
        return not unknown and not order.in_doubt and order.filled >= order.cum_qty

    def _question(self, case: Case) -> Question:
        order, state = case.order, case.state
        if state is not None:
            kind = Kind.ALLOCATIONS if case.trades_done else Kind.TRADES
            return Question(kind, order.symbol, state.order_id, None)
        if order.order_id is not None:
            return Question(Kind.ORDER, order.symbol, order.order_id, None)
        if case.absent >= ABSENT_MIN:
            return Question(Kind.ALL_ORDERS, order.symbol, None, None)
        if not case.names:
            case.names = names_of(order)
        return Question(Kind.ORDER, order.symbol, None, case.names.pop(0))


def names_of(order: Order) -> list[str]:
    """The ids under which the venue may know an order: its own, and those of its cancels."""
    # A cancel that was refused has renamed nothing.
    cancels = [one for one in order.cancels if one.standing is not Standing.DONE]
    return [order.wire_id, *(cancel.wire_id for cancel in cancels)]
