"""Orders nobody knows the fate of: the venue is asked, and what it says is told to strategies.

What is asked when, and what settles it, is decided in desk/recovery.py; asking is another room's
work (sources). Here questions become calls, rows become reports, and these go the way of every
report: order table, position, event with its number, journal, bus. A report made of a row has the
source "rest": a fill as one, with the total of the fills known by then, and the state of an order
as ExecType I, ORDER_STATUS.

Sans-I/O: `ask` is handed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any

import msgspec

from fixengine import wire
from fixengine.desk.orders import QTY_DECIMALS, Order, Orders, report_key
from fixengine.desk.orders import Kind as OrderKind
from fixengine.desk.positions import Positions
from fixengine.desk.recovery import (
    OPEN_ORDERS,
    Case,
    Kind,
    Question,
    Recovery,
    Settled,
    State,
    names_of,
)
from fixengine.desk.standings import ALIVE, FINAL, TOLD, Standing
from fixengine.messages import (
    ExecType,
    ExecutionReport,
    OrderAmendKeepPriorityRequest,
    OrderAmendReject,
    OrderCancelReject,
    OrdStatus,
    RefusedReason,
    SessionState,
)
from fixengine.network import renamed
from fixengine.network.reports import Log
from fixengine.network.sources import asks, normalise
from fixengine.network.sources.answers import Allocation, Problem, Trade
from fixengine.network.sources.answers import Order as OrderRow
from fixengine.network.teller import Reason, Teller

REST = "rest"
FREEZE_S = 25
"""So much longer than RecvWindow a strategy's new orders wait for its unknown ones, in the venue's
seconds: until an order that never arrived is dead, and some more for REST."""
AGAIN_MS = 500
MILLISECOND_NS = 1_000_000
LOOKED_UP_MAX = 16
"""Orders that one wake-up settles out of one answer: telling of each takes 50 us and more."""
NO_SUCH_ORDER = -2013


class Settling:
    """See the module's top. step: where it stands. deadline: when `tick` matters next, None where
    something else must happen first; 0: at once.

    recv_window_ns: of the orders we send. second_ns: the venue's. say: tells every strategy how it
    stands, by (state, text, now). own: reads an id of ours, see Venue.
    """

    def __init__(
        self,
        orders: Orders,
        positions: Positions,
        teller: Teller,
        log: Log,
        ask: Callable[[asks.Ask], int | Problem],
        say: Callable[[str, str, int], None],
        own: Callable[[str], renamed.Owner | None],
        recv_window_ns: int,
        second_ns: int,
    ) -> None:
        self._orders = orders
        self._positions = positions
        self._teller = teller
        self._log = log
        self._ask = ask
        self._say = say
        self._own = own
        self.freeze_ns_max = recv_window_ns + FREEZE_S * second_ns
        self._recovery = Recovery(recv_window_ns, second_ns)
        self._asked: dict[int, tuple[list[Case], Question]] = {}
        self._rows: dict[int, list[Any]] = {}
        # Open orders that were told, each time with the cases that are not looked up yet.
        self._found_open: deque[tuple[deque[Case], dict[tuple[str, str], OrderRow]]] = deque()
        self._states: dict[Order, dict[str, Any]] = {}
        self._watched_since_ns: int | None = None
        self.step = Step.NONE
        self.deadline: int | None = None

    @property
    def in_question(self) -> int:
        """How many orders there are of which it is being found out how they stand."""
        return len(self._recovery.cases)

    def why_frozen(self, strategy: int, now: int) -> Reason | None:
        """Why this strategy places no order now: some of its own are in question, not for long.

        A cancel in question is no reason: how its order stands is known.
        """
        order = self._recovery.in_question(strategy, now, self.freeze_ns_max)
        if order is None:
            return None
        text = f"what became of {order.cl_ord_id} is being asked; orders wait for the answer"
        return RefusedReason.RECOVERING, text, AGAIN_MS

    def tick(self, now: int, watched_since_ns: int | None) -> None:
        """Time has passed. watched_since_ns: since when every fill of the account is heard of."""
        self._watched_since_ns = watched_since_ns
        self._open_cases(now)
        self._look_up_some(now, watched_since_ns)
        due = self._recovery.due(now, watched_since_ns)
        self._tell_step(now)
        together = [case for case, question in due if question is OPEN_ORDERS]
        if together:
            self._put(together, OPEN_ORDERS, now)
        for case, question in due:
            if case.is_stuck:
                text = f"what became of {case.order.wire_id} cannot be found out; it is asked again"
                self._log("error", text, event="recovery")
            if question is not OPEN_ORDERS:
                self._put([case], question, now)
        self._set_deadline()

    def on_rows(
        self,
        number: int,
        rows: tuple[Any, ...],
        is_last: bool,
        now: int,
        wall: int,
        watched_since_ns: int | None,
    ) -> None:
        """A piece of an answer. wall: our wall clock, ns since 1970. watched_since_ns: see tick."""
        if number not in self._asked:
            return
        self._rows[number] += rows
        if not is_last:
            return
        self._open_cases(now)
        cases, question = self._asked.pop(number)
        answer = self._rows.pop(number)
        if question is OPEN_ORDERS:
            self._found_open.append((deque(cases), _by_id(answer)))
            self._look_up_some(now, watched_since_ns)
        else:
            (case,) = cases
            self._answer(case, question, answer, now, wall, watched_since_ns)
        self._tell_step(now)
        self._set_deadline()

    def on_problem(self, number: int, problem: Problem, now: int) -> None:
        """There is no answer."""
        if number not in self._asked:
            return
        cases, question = self._asked.pop(number)
        del self._rows[number]
        if problem.code == NO_SUCH_ORDER and question.kind is Kind.ORDER:
            (case,) = cases
            self._recovery.absent(case, now)
        else:
            self._log("warning", f"REST: {problem.text}", event="recovery")
            self._recovery.limited(now + (problem.retry_after_ms or 0) * MILLISECOND_NS)
            for case in cases:
                self._recovery.failed(case, now)
        self._tell_step(now)
        self._set_deadline()

    # --- small steps ------------------------------------------------------------------------

    def _set_deadline(self) -> None:
        # Here, and not where it is looked at: that is in each wake-up.
        watched_since_ns = self._watched_since_ns
        self.deadline = 0 if self._found_open else self._recovery.deadline(watched_since_ns)

    def _look_up_some(self, now: int, watched_since_ns: int | None) -> None:
        """Take some of the orders that were looked for among the open ones, the rest next time."""
        for _ in range(LOOKED_UP_MAX):
            if not self._found_open:
                return
            cases, open_orders = self._found_open[0]
            case = cases.popleft()
            if _is_blind(case, watched_since_ns):
                # All of them at once, so that they are asked about together again.
                for one in (case, *cases):
                    self._recovery.failed(one, now)
                cases.clear()
            else:
                take = partial(self._looked_up, case, open_orders, now)
                self._take(case, take, now, watched_since_ns)
            if not cases:
                self._found_open.popleft()

    def _answer(
        self,
        case: Case,
        question: Question,
        answer: list[Any],
        now: int,
        wall: int,
        watched_since_ns: int | None,
    ) -> None:
        """All that was answered about one order."""
        if question.kind is Kind.ORDER:
            found = partial(self._named, case, answer[0], now) if answer else None
            self._take(case, found, now, watched_since_ns)
            return
        if question.kind is Kind.ALL_ORDERS:
            look = partial(self._last_look, case, answer, now, wall)
            self._take(case, look, now, watched_since_ns)
            return
        try:
            for fill in answer:
                self._fill(case.order, fill, now, wall)
        except wire.LocalProtocolError as problem:
            self._unusable(case, problem, now)
            return
        self._take(case, partial(self._recovery.filled, case, now), now, watched_since_ns)

    def _take(
        self,
        case: Case,
        take: Callable[[], Settled | None] | None,
        now: int,
        watched_since_ns: int | None,
    ) -> None:
        """What an answer says counts, unless it is too old; None: it says nothing."""
        if take is None or case.is_early or _is_blind(case, watched_since_ns):
            self._recovery.failed(case, now)
            return
        try:
            settled = take()
        except wire.LocalProtocolError as problem:
            self._unusable(case, problem, now)
            return
        if settled is not None:
            self._settle(case.order, settled, now)

    def _unusable(self, case: Case, problem: wire.LocalProtocolError, now: int) -> None:
        self._log("error", f"REST: {problem}", event="recovery")
        self._recovery.failed(case, now)

    def _open_cases(self, now: int) -> None:
        for order in self._orders.take_doubted():
            self._recovery.open(order, now)

    def _put(self, cases: list[Case], question: Question, now: int) -> None:
        """Ask a question for these cases."""
        number = self._ask(_call(question))
        if isinstance(number, Problem):
            self._log("warning", f"REST: {number.text}", event="recovery")
            for case in cases:
                self._recovery.failed(case, now)
        else:
            self._asked[number] = cases, question
            self._rows[number] = []

    def _looked_up(
        self, case: Case, open_orders: dict[tuple[str, str], OrderRow], now: int
    ) -> Settled | None:
        """An order among the open ones; they are found by symbol and any of their ids."""
        order = case.order
        names = names_of(order) if order.order_id is None else [order.order_id]
        for name in names:
            row = open_orders.get((order.symbol, name))
            if row is not None and self._can_be(order, row):
                return self._found(case, row, now)
        self._recovery.not_open(case, now)
        return None

    def _can_be(self, order: Order, row: OrderRow) -> bool:
        """Whether a row found under one of the order's names is the order: see renamed.py."""
        if order.order_id is not None:
            # A session may have told it since the name was asked for.
            return str(row.order_id) == order.order_id
        known = self._orders.by_order_id(row.symbol, str(row.order_id))
        return known is None and renamed.fits(order, row)

    def _named(self, case: Case, row: OrderRow, now: int) -> Settled | None:
        """What is known by the name that was asked for."""
        if self._can_be(case.order, row):
            return self._found(case, row, now)
        self._recovery.absent(case, now)
        return None

    def _last_look(self, case: Case, rows: list[OrderRow], now: int, wall: int) -> Settled | None:
        """An order that is known by no name, among all of its symbol."""
        if case.order.order_id is not None:
            # A session has told of it since: it is somewhere, and is asked for by that.
            self._recovery.failed(case, now)
            return None
        wall_ms = wall // MILLISECOND_NS
        row, is_nowhere = renamed.among(self._orders, self._own, case.order, rows, wall_ms)
        if row is not None:
            return self._found(case, row, now)
        if is_nowhere:
            return self._recovery.nowhere(case)
        self._recovery.failed(case, now)
        return None

    def _found(self, case: Case, row: OrderRow, now: int) -> Settled | None:
        values = normalise.order(row)
        order_id = values["order_id"]
        if case.order.order_id is None:
            self._orders.name(case.order, order_id)
        cum_qty = wire.scaled(values["cum_qty"], QTY_DECIMALS)
        routed = values.get("sor") == "Y"
        self._states[case.order] = values
        state = State(values["ord_status"], cum_qty, order_id, routed)
        return self._recovery.found(case, state, now)

    def _settle(self, order: Order, settled: Settled, now: int) -> None:
        """Tell what is known now of an order, and of cancels that did not arrive."""
        values = self._states.pop(order, None)
        order.unwatched = False
        in_question = order.standing is Standing.UNKNOWN or order.in_doubt
        order.in_doubt = False
        # A session that tells of the last fill behind us is not heard again.
        ends = values is not None and TOLD.get(values["ord_status"]) in FINAL
        if settled.state is None:
            text = "the venue has no such order: asked under every id, later than it could arrive"
            rejected = {"ord_status": OrdStatus.REJECTED.value, "text": text}
            self._tell(order, ExecType.REJECTED, rejected, now)
        elif values is not None and order.standing not in FINAL and (in_question or ends):
            self._tell(order, ExecType.ORDER_STATUS, values, now)
        for request in settled.dead_cancels:
            self._orders.finish(request, Standing.DONE)
            self._teller.outcome(request, self._undone(order, request, values, now), now)

    def _undone(self, order: Order, request: Order, values: dict[str, Any] | None, now: int) -> Any:
        """The event that says what became of a cancel, or amend, of an order that lives."""
        head = self._teller.head(REST, now)
        ids = request.cl_ord_id, order.cl_ord_id, request.wire_id, order.wire_id
        if request.kind is OrderKind.CANCEL:
            event: Any = OrderCancelReject(*head, *ids, order.symbol)
            event.text = "the cancel did not arrive: the order lives"
        elif values is not None and _amended_to(request) == _scaled(values["order_qty"]):
            state = {**values, "exec_type": ExecType.ORDER_STATUS.value}
            event = self._event(order, state, now)
            event.cl_ord_id, event.orig_cl_ord_id = ids[:2]
            # As a session tells it: the next run knows by these that the amend has had its answer.
            event.wire_cl_ord_id, event.wire_orig_cl_ord_id = ids[2:]
        else:
            event = OrderAmendReject(*head, *ids, order.symbol)
            event.text = "the amend did not arrive: the order is as it was"
            if any(one.kind is OrderKind.AMEND and one is not request for one in order.cancels):
                event.text = "the order is not as this would have it: another amend came behind it"
                event.text += ", or this one did not arrive"
        event.order_id = order.order_id
        return event

    def _tell(self, order: Order, exec_type: ExecType, values: dict[str, Any], now: int) -> None:
        """Tell how an order stands."""
        if order.standing is not Standing.UNKNOWN or values["ord_status"] in TOLD:
            self._orders.update(order, None, values["ord_status"], order.order_id)
        event = self._event(order, {**values, "exec_type": exec_type.value}, now)
        self._teller.outcome(order, event, now)

    def _fill(self, order: Order, row: Trade | Allocation, now: int, wall: int) -> None:
        """Tell a fill, unless it was told."""
        values = normalise.trade(row) if isinstance(row, Trade) else normalise.allocation(row)
        key = report_key(ExecType.TRADE, None, values.get("trade_id"), values.get("alloc_id"))
        if key is None or key in order.seen:
            return
        last_qty = wire.scaled(values["last_qty"], QTY_DECIMALS)
        order.see(key)
        self._orders.filled(order, last_qty, 0, now)
        if order.standing in ALIVE:
            order.standing = Standing.PARTIALLY_FILLED
        values["ord_status"] = OrdStatus.PARTIALLY_FILLED.value
        values["cum_qty"] = wire.unscaled(order.filled, QTY_DECIMALS)
        event = self._event(order, values, now)
        try:
            self._positions.fill(order.strategy, event, wall)
        except wire.LocalProtocolError as problem:
            text = f"{order.wire_id}: a fill is not in the position: {problem}"
            self._log("error", text, event="recovery")
        # How the order ended, where a session has told that, stays the answer to a repeated id.
        self._teller.outcome(order, event, now, keep=order.standing is Standing.UNKNOWN)

    def _event(self, order: Order, values: dict[str, Any], now: int) -> ExecutionReport:
        ids = order.cl_ord_id, None, order.wire_id, None
        kept = {name: value for name, value in values.items() if name not in NAMES}
        states = values["exec_type"], values["ord_status"]
        head = self._teller.head(REST, now)
        return ExecutionReport(*head, *ids, order.symbol, *states, **kept)

    def _tell_step(self, now: int) -> None:
        """Say when orders are in question, when REST is asked, and when nothing is unknown."""
        count = self.in_question
        step = Step.NONE
        if count:
            step = Step.FROZEN if self._watched_since_ns is None else Step.ASKED
        if step is self.step:
            return
        self.step = step
        if step is Step.NONE:
            # Of those that a session settled between two answers.
            self._states.clear()
            self._log("info", step.value, event="recovery")
            self._say(SessionState.ACTIVE.value, step.value, now)
        else:
            text = f"what became of {count} order{'s' * (count > 1)} is not known; {step.value}"
            self._log("warning", text, event="recovery")
            self._say(SessionState.RECOVERING.value, text, now)


class Step(StrEnum):
    """Where the settling of unknown orders stands, in words for people."""

    NONE = "every order is known again"
    FROZEN = "nobody tells of fills now: REST is asked once a session or the stream does"
    ASKED = "REST is asked"


NAMES = frozenset({"symbol", "exec_type", "ord_status", "cl_ord_id", "orig_cl_ord_id"})
"""Columns of a report that are filled in here."""


def _is_blind(case: Case, watched_since_ns: int | None) -> bool:
    """Whether nobody watched since its state was asked for: no session tells what followed."""
    return watched_since_ns is None or watched_since_ns > case.state_ns


def _amended_to(amend: Order) -> int:
    """The quantity that an amend asked for."""
    return _scaled(
        msgspec.msgpack.decode(amend.request, type=OrderAmendKeepPriorityRequest).order_qty
    )


def _scaled(qty: str) -> int:
    return wire.scaled(qty, QTY_DECIMALS)


def _by_id(rows: list[OrderRow]) -> dict[tuple[str, str], OrderRow]:
    """Orders by symbol and each of their ids. An OrderID goes before a client id that reads so."""
    by_client_id = {(row.symbol, row.client_order_id): row for row in rows}
    return by_client_id | {(row.symbol, str(row.order_id)): row for row in rows}


def _call(question: Question) -> asks.Ask:
    """The call that a question is."""
    if question is OPEN_ORDERS:
        return asks.open_orders()
    if question.kind is Kind.ALL_ORDERS:
        return asks.all_orders(question.symbol)
    order_id = None if question.order_id is None else int(question.order_id)
    if question.kind is Kind.ORDER:
        return asks.order(question.symbol, order_id=order_id, client_order_id=question.client_id)
    if question.kind is Kind.TRADES:
        return asks.trades(question.symbol, order_id=order_id)
    return asks.allocations(question.symbol, order_id=order_id)
