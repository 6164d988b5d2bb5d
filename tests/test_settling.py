"""What REST answers becomes reports: told once, counted once, in the order that settles."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import engine_in_memory
import msgspec
import pytest
from engine_in_memory import Engine, edited
from fixengine.desk.recovery import LAG_S, TOGETHER_MIN, VENUE_TIMEOUT_S
from fixengine.messages import (
    ExecutionReport,
    OrderAmendKeepPriorityRequest,
    OrderAmendReject,
    OrderCancelReject,
    OrderCancelRequest,
    OrderMassCancelRequest,
    OrderUnknown,
    Refused,
    SessionStatus,
    oto,
)
from fixengine.network.settling import FREEZE_S, LOOKED_UP_MAX, Settling
from fixengine.network.sources.answers import Allocation, Because, Order, Problem, Trade
from fixengine.network.sources.asks import Ask
from sessions_in_memory import WALL_NS

SECOND_NS = 1_000_000_000
RECV_WINDOW_NS = 5 * SECOND_NS
NOT_FOUND = Problem(Because.REFUSED.value, "Order does not exist.", 400, -2013)


class Desk:
    """An engine whose questions to REST the test answers."""

    def __init__(self) -> None:
        self.engine = Engine()
        gateway = self.engine.gateway
        self.asked: deque[tuple[int, Ask]] = deque()
        self.count = 0
        self.refusal: Problem | None = None
        self.said: list[tuple[str, str]] = []
        rooms = gateway.orders, gateway.reports.positions, gateway.teller, self.engine.say
        asks = self.ask, self.say, gateway.venue.own
        self.settling = Settling(*rooms, *asks, RECV_WINDOW_NS, SECOND_NS)
        gateway.gate.settling = self.settling

    def ask(self, ask: Ask) -> int | Problem:
        if self.refusal is not None:
            return self.refusal
        self.count += 1
        self.asked.append((self.count, ask))
        return self.count

    def say(self, state: str, text: str, now: int) -> None:
        self.said.append((state, text))

    def wait(self, seconds: float = 0) -> None:
        """Time passes; a session has watched all along."""
        self.engine.now += int(seconds * SECOND_NS)
        self.settling.tick(self.engine.now, self.engine.now - LAG_S * SECOND_NS)

    def question(self) -> tuple[int, Ask]:
        """The next question; time passes until it is due."""
        self.wait()
        while not self.asked:
            deadline = self.settling.deadline
            assert deadline is not None, "nothing is asked any more"
            self.wait(max(0, deadline - self.engine.now) / SECOND_NS + 1e-6)
        return self.asked.popleft()

    def answer(self, *rows: object) -> Ask:
        """Answer the next question."""
        number, ask = self.question()
        now = self.engine.now
        self.settling.on_rows(number, rows, True, now, WALL_NS, 0)
        return ask

    def refuse(self, problem: Problem = NOT_FOUND) -> Ask:
        number, ask = self.question()
        self.settling.on_problem(number, problem, self.engine.now)
        return ask

    def unknown(self, name: str = "o1", acknowledged: bool = True) -> str:
        """Submit an order of which the session's end leaves nothing known; its id on the wire."""
        self.engine.request(self.engine.order(name))
        wire_id = self.engine.last()[11].decode()
        if acknowledged:
            self.engine.report("0", "0", cl_ord_id=wire_id)
        self.lose()
        return wire_id

    def lose(self) -> None:
        """The session ends; nobody watches."""
        for order in self.engine.gateway.orders.lost(self.engine.line.number, unwatched=True):
            self.engine.gateway.teller.unknown(order, "lost", None, self.engine.now)
        self.engine.heard()

    def standing(self, name: str = "o1") -> str:
        order = self.engine.gateway.orders.find(1, name)
        assert order is not None
        return order.standing.value

    def reports(self) -> list[ExecutionReport]:
        return [event for event in self.engine.heard() if isinstance(event, ExecutionReport)]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    assert not desk.settling._asked and not desk.settling._rows and not desk.settling._states


def state(status: str, executed: str = "0", **more: object) -> Order:
    row = Order("BTCUSDT", 77, "id", "50000", "1", executed, status, "GTC", "LIMIT", "BUY", 1, 2)
    return msgspec.structs.replace(row, **more)


def trade(number: int, qty: str) -> Trade:
    return Trade("BTCUSDT", number, 77, "50000", qty, "1", "0.001", "BNB", 3, True, False)


def test_an_order_that_lives_is_told_as_it_stands(desk: Desk) -> None:
    desk.unknown()
    ask = desk.answer(state("NEW"))
    assert (ask.call, ask.parameters) == ("order", {"symbol": "BTCUSDT", "orderId": 77})
    (report,) = desk.reports()
    assert (report.source, report.exec_type, report.ord_status) == ("rest", "I", "0")
    assert (report.cl_ord_id, report.order_id, report.cum_qty) == ("o1", "77", "0")
    assert (report.price, report.leaves_qty, report.exec_id) == ("50000", "1", None)
    assert desk.standing() == "new"
    assert desk.settling.deadline is None


def test_fills_nobody_told_of_come_before_the_state_and_count_once(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.fill("0.25", "0.25", trade_id="5", last_px="50000")
    desk.lose()
    desk.answer(state("FILLED", "1"))
    ask = desk.answer(trade(5, "0.25"), trade(6, "0.5"), trade(7, "0.25"))
    assert (ask.call, ask.parameters["orderId"]) == ("myTrades", 77)
    reports = desk.reports()
    assert [(one.exec_type, one.ord_status, one.last_qty, one.cum_qty) for one in reports] == [
        ("F", "1", "0.5", "0.75000000"),
        ("F", "1", "0.25", "1.00000000"),
        ("I", "2", None, "1"),
    ]
    assert [one.trade_id for one in reports] == ["6", "7", None]
    assert desk.standing() == "filled"
    positions = desk.engine.gateway.reports.positions
    assert positions.of(1, WALL_NS)[0].bought == "1.00000000"
    # The session comes back and tells of one too.
    desk.engine.fill("0.5", "0.75", trade_id="6")
    assert desk.reports() == []


def test_a_fill_routed_elsewhere_has_an_allocation(desk: Desk) -> None:
    desk.unknown()
    desk.answer(state("FILLED", "1", used_sor=True))
    desk.answer()
    allocation = Allocation("BTCUSDT", 9, "SOR", 77, "50000", "1", "1", "0", "BNB", 3, True, False)
    assert desk.answer(allocation).call == "myAllocations"
    fill, final = desk.reports()
    assert (fill.alloc_id, fill.trade_id, fill.last_qty) == ("9", None, "1")
    assert final.ord_status == "2"


def look_last(desk: Desk, wire_id: str, *rows: object) -> Ask:
    """The venue has no order of that id; the last question, answered with all of the symbol."""
    while True:
        number, ask = desk.question()
        if ask.call == "allOrders":
            desk.settling.on_rows(number, rows, True, desk.engine.now, WALL_NS, 0)
            return ask
        assert ask.parameters == {"symbol": "BTCUSDT", "origClientOrderId": wire_id}
        desk.settling.on_problem(number, NOT_FOUND, desk.engine.now)


def test_an_order_that_never_arrived_is_rejected_late(desk: Desk) -> None:
    wire_id = desk.unknown(acknowledged=False)
    began = desk.engine.now
    assert look_last(desk, wire_id).parameters == {"symbol": "BTCUSDT", "limit": 1000}
    assert desk.engine.now - began >= RECV_WINDOW_NS + (VENUE_TIMEOUT_S + LAG_S) * SECOND_NS
    (report,) = desk.reports()
    assert (report.exec_type, report.ord_status, report.source) == ("8", "8", "rest")
    assert "no such order" in (report.text or "")
    assert desk.standing() == "rejected"
    desk.engine.request(desk.engine.order("o1"))
    (again,) = desk.reports()
    assert (again.replayed, again.text) == (True, report.text)


def test_an_order_under_its_cancel_s_name_is_found(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    cancel_id = desk.engine.last()[11].decode()
    desk.lose()
    desk.refuse()
    ask = desk.answer(state("CANCELED"))
    assert ask.parameters["origClientOrderId"] == cancel_id
    (report,) = desk.reports()
    assert (report.cl_ord_id, report.ord_status) == ("o1", "4")
    assert (desk.standing(), desk.standing("c1")) == ("canceled", "done")


@pytest.mark.parametrize("quantity", ["1", "0.50"])
def test_an_amend_is_done_or_did_not_arrive_by_the_quantity_shown(
    desk: Desk, quantity: str
) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.report("0", "0")
    amend = OrderAmendKeepPriorityRequest.to("o1", "0.5")
    amend.cl_ord_id = "a1"
    desk.engine.request(amend)
    desk.lose()
    began = desk.engine.now
    while desk.standing("a1") == "unknown":
        desk.answer(state("NEW", orig_qty=quantity))
    assert desk.engine.now - began >= RECV_WINDOW_NS + (VENUE_TIMEOUT_S + LAG_S) * SECOND_NS
    event = desk.engine.heard()[-1]
    assert (event.cl_ord_id, event.orig_cl_ord_id, event.source) == ("a1", "o1", "rest")
    if quantity == "1":
        assert isinstance(event, OrderAmendReject) and "did not arrive" in (event.text or "")
    else:
        assert isinstance(event, ExecutionReport)
        assert (event.exec_type, event.ord_status, event.order_qty) == ("I", "0", "0.50")
        own, request = (desk.engine.gateway.orders.find(1, name) for name in ("o1", "a1"))
        assert own is not None and request is not None
        # As on a session; by these the next run knows that the amend has had its answer.
        assert event.wire_cl_ord_id == request.wire_id
        assert event.wire_orig_cl_ord_id == own.wire_id
    assert desk.standing() == "new"


def test_of_an_amend_that_another_one_may_have_undone_nothing_is_guessed(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.report("0", "0")
    for name, quantity in (("a1", "0.5"), ("a2", "0.3")):
        amend = OrderAmendKeepPriorityRequest.to("o1", quantity)
        amend.cl_ord_id = name
        desk.engine.request(amend)
    desk.lose()
    while desk.standing("a1") == "unknown":
        desk.answer(state("NEW", orig_qty="0.3"))
    told = {event.cl_ord_id: event for event in desk.engine.heard()}
    assert isinstance(told["a1"], OrderAmendReject)
    assert "another amend came behind it" in (told["a1"].text or "")
    assert isinstance(told["a2"], ExecutionReport)


@pytest.mark.parametrize("since", ["never", "later"])
@pytest.mark.parametrize("in_question", ["the state", "the fills"])
def test_a_state_asked_for_before_the_watch_was_lost_settles_nothing(
    desk: Desk, since: str, in_question: str
) -> None:
    """The eye dies between question and answer: of a fill behind that state nobody will tell."""
    desk.unknown()
    if in_question == "the fills":
        desk.answer(state("PARTIALLY_FILLED", "0.5"))
    number, _ = desk.question()
    row = state("NEW") if in_question == "the state" else trade(6, "0.5")
    blind = None if since == "never" else desk.engine.now + 1
    desk.settling.on_rows(number, (row,), True, desk.engine.now, WALL_NS, blind)
    assert desk.standing() == "unknown"
    desk.answer(state("FILLED", "1"))
    desk.answer(trade(6, "0.5"), trade(7, "0.5"))
    assert desk.standing() == "filled"
    assert [one.trade_id for one in desk.reports() if one.trade_id] == ["6", "7"]


def test_an_order_that_was_settled_is_watched_again(desk: Desk) -> None:
    desk.unknown()
    order = desk.engine.gateway.orders.find(1, "o1")
    assert order is not None
    assert order.unwatched
    desk.answer(state("NEW"))
    assert not order.unwatched


def test_a_cancel_that_did_not_arrive_is_refused_when_its_order_lives_on(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.report("0", "0")
    desk.engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    desk.engine.gateway.orders.lost(desk.engine.line.number, unwatched=False)
    desk.engine.heard()
    desk.answer(state("NEW"))
    assert desk.standing("c1") == "unknown"
    assert desk.settling.why_frozen(1, desk.engine.now) is None, "how the order stands is known"
    desk.answer(state("NEW"))
    (reject,) = [one for one in desk.engine.heard() if isinstance(one, OrderCancelReject)]
    assert (reject.cl_ord_id, reject.orig_cl_ord_id, reject.source) == ("c1", "o1", "rest")
    assert (desk.standing(), desk.standing("c1")) == ("new", "done")


def test_a_strategy_waits_while_its_own_orders_are_in_question_and_not_for_ever(
    desk: Desk,
) -> None:
    desk.unknown()
    desk.engine.hello(b"b", "beta")
    desk.engine.heard(b"b")
    desk.question()
    desk.engine.request(desk.engine.order("later"))
    (refused,) = desk.engine.heard()
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.retry_after_ms) == ("recovering", 500)
    assert "o1" in refused.text
    desk.engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    assert desk.engine.last()[35] == b"F", "cancels go"
    desk.engine.request(desk.engine.order("theirs"), peer=b"b")
    assert desk.engine.heard(b"b") == []
    desk.engine.now += RECV_WINDOW_NS + FREEZE_S * SECOND_NS - 1
    assert desk.settling.why_frozen(1, desk.engine.now) is not None
    desk.engine.now += 1
    desk.engine.request(desk.engine.order("later"))
    assert not any(isinstance(event, Refused) for event in desk.engine.heard())
    desk.settling._asked.clear()
    desk.settling._rows.clear()


def test_a_source_that_fails_is_told_and_asked_again(desk: Desk) -> None:
    desk.unknown()
    desk.refuse(Problem(Because.FAILED.value, "no route to the host"))
    assert desk.engine.log[-1] == "REST: no route to the host"
    desk.refusal = Problem(Because.LIMITED.value, "64 questions are open")
    desk.wait(10)
    assert desk.engine.log[-1] == "REST: 64 questions are open"
    desk.refusal = None
    desk.answer(state("NEW"))
    assert desk.standing() == "new"


def test_a_source_that_says_when_it_answers_again_is_asked_then_and_not_before(desk: Desk) -> None:
    desk.unknown()
    busy = Problem(Because.LIMITED.value, "weight is not free", retry_after_ms=43_000)
    desk.refuse(busy)
    desk.refusal = busy
    before = len(desk.engine.log)
    for _ in range(42):
        desk.wait(1)
    assert len(desk.engine.log) == before, "nothing was asked, and nothing is told again"
    desk.refusal = None
    desk.wait(1)
    desk.answer(state("NEW"))
    assert desk.standing() == "new"


def test_amounts_that_cannot_be_counted_settle_nothing(desk: Desk) -> None:
    desk.unknown()
    desk.answer(state("FILLED", "0.123456789"))
    assert "more than 8 decimals" in desk.engine.log[-1]
    assert desk.standing() == "unknown"
    desk.answer(state("FILLED", "1"))
    desk.answer(trade(6, "1"))
    assert desk.standing() == "filled"


def test_a_fill_whose_fee_cannot_be_counted_is_told_all_the_same(desk: Desk) -> None:
    desk.unknown()
    desk.answer(state("FILLED", "1"))
    desk.answer(msgspec.structs.replace(trade(6, "1"), commission="0.123456789"))
    assert [one.trade_id for one in desk.reports()] == ["6", None]
    assert any("a fill is not in the position" in text for text in desk.engine.log)
    assert desk.standing() == "filled"


def test_a_fill_that_cannot_be_counted_is_not_taken_for_told(desk: Desk) -> None:
    desk.unknown()
    for qty in ("1.000000001", "1"):
        desk.answer(state("FILLED", "1"))
        desk.answer(trade(6, qty))
    assert [one.trade_id for one in desk.reports()] == ["6", None]


def test_a_status_nobody_knows_leaves_the_order_unknown(desk: Desk) -> None:
    desk.unknown()
    desk.answer(state("FROZEN"))
    (report,) = desk.reports()
    assert report.ord_status == "FROZEN"
    assert desk.standing() == "unknown"
    desk.wait()
    assert not desk.asked, "the same answer would come again, for ever"


def test_a_status_nobody_knows_is_asked_about_though_a_late_report_follows(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.report("4", "Z", exec_id="2")
    assert desk.standing() == "unknown"
    desk.engine.report("0", "0", exec_id="1")
    assert desk.standing() == "new"
    desk.answer(state("CANCELED"))
    assert desk.standing() == "canceled"
    assert [report.ord_status for report in desk.reports()] == ["Z", "0", "4"]
    assert desk.settling.deadline is None


def test_a_state_asked_for_before_a_status_nobody_knows_settles_nothing(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.report("0", "Z", exec_id="1")
    number, _ = desk.question()
    desk.engine.report("4", "Z", exec_id="2")
    desk.settling.on_rows(number, (state("NEW"),), True, desk.engine.now, WALL_NS, 0)
    assert desk.standing() == "unknown"
    desk.answer(state("CANCELED"))
    assert desk.standing() == "canceled"


def test_a_last_fill_that_rest_tells_first_ends_its_order(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.report("0", "0", cum_qty="1")
    desk.wait(1)
    desk.engine.gateway.on_tick(desk.engine.now + 5 * SECOND_NS)
    desk.answer(state("FILLED", "1"))
    desk.answer(trade(5, "0.5"), trade(6, "0.5"))
    desk.engine.fill("0.5", "0.5", "1", trade_id="5", last_px="50000")
    desk.engine.fill("0.5", "1", "2", trade_id="6", last_px="50000")
    assert desk.standing() == "filled"
    assert [report.ord_status for report in desk.reports()] == ["0", "1", "1", "2"]


def test_a_report_behind_the_end_that_cannot_be_read_may_be_a_fill(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    wire_id = desk.engine.last()[11].decode()
    desk.engine.report("4", "4")
    desk.reports()
    fill = {"last_qty": "0.25", "cum_qty": "0.25", "trade_id": "5", "last_px": "50000"}
    frame = desk.engine.report_frame("F", "1", cl_ord_id=wire_id, **fill)
    desk.engine.venue_sends(edited(frame, b"\x0139=1", b""))
    assert desk.engine.heard() == [], "it is over, and stays so"
    desk.answer(state("CANCELED", "0.25"))
    desk.answer(trade(5, "0.25"))
    (told,) = desk.reports()
    assert (told.cl_ord_id, told.trade_id, told.last_qty) == ("o1", "5", "0.25")
    assert desk.settling.deadline is None


def test_a_fill_that_cannot_be_read_under_an_amend_s_id_is_asked_for(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    wire_id = desk.engine.last()[11].decode()
    desk.engine.report("0", "0")
    desk.engine.request(OrderAmendKeepPriorityRequest("a1", orig_cl_ord_id="o1", order_qty="0.5"))
    amend = desk.engine.last()[11].decode()
    desk.engine.report("5", "0", cl_ord_id=amend, orig_cl_ord_id=wire_id)
    desk.engine.heard()
    fill = {"last_qty": "0.25", "cum_qty": "0.25", "trade_id": "5", "last_px": "50000"}
    frame = desk.engine.report_frame("F", "1", cl_ord_id=amend, **fill)
    desk.engine.venue_sends(edited(frame, b"\x0139=1", b""))
    assert [(e.cl_ord_id, type(e)) for e in desk.engine.heard()] == [("o1", OrderUnknown)]
    desk.answer(state("PARTIALLY_FILLED", "0.25"))
    desk.answer(trade(5, "0.25"))
    assert [report.last_qty for report in desk.reports()] == ["0.25", None]


def test_trades_that_are_newer_than_the_state_have_it_asked_for_again(desk: Desk) -> None:
    desk.unknown()
    desk.answer(state("PARTIALLY_FILLED", "0.25"))
    desk.answer(trade(5, "0.25"), trade(6, "0.75"))
    desk.engine.fill("0.75", "1", "2", trade_id="6", last_px="50000")
    desk.answer(state("FILLED", "1"))
    assert desk.standing() == "filled"
    assert [report.ord_status for report in desk.reports()] == ["1", "1", "2"]


def test_an_answer_comes_in_pieces(desk: Desk) -> None:
    desk.unknown()
    desk.answer(state("FILLED", "1"))
    number, _ = desk.question()
    for at in range(10):
        assert desk.reports() == []
        rows = (trade(at, "0.1"),)
        desk.settling.on_rows(number, rows, at == 9, desk.engine.now, WALL_NS, 0)
    assert len(desk.reports()) == 11


def test_beginning_and_end_are_said_once(desk: Desk) -> None:
    desk.unknown("o1")
    desk.unknown("o2", acknowledged=False)
    desk.wait()
    assert desk.said == [
        ("recovering", "what became of 2 orders is not known; REST is asked"),
    ]
    for _ in range(2):
        number, ask = desk.question()
        row = state("NEW", order_id=77 if "orderId" in ask.parameters else 78)
        desk.settling.on_rows(number, (row,), True, desk.engine.now, WALL_NS, 0)
    assert desk.said[1:] == [("active", "every order is known again")]
    assert not any(isinstance(event, OrderUnknown) for event in desk.engine.heard())
    assert not any(isinstance(event, SessionStatus) for event in desk.engine.heard())


def test_what_a_session_tells_at_once_is_no_recovery(desk: Desk) -> None:
    wire_id = desk.unknown()
    desk.engine.report("0", "0", cl_ord_id=wire_id, exec_id="later")
    desk.wait()
    assert (desk.said, desk.settling.deadline) == ([], None)


def test_how_an_order_ended_stays_the_answer_to_its_id(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.fill("0.5", "1", "2", trade_id="7")
    (final,) = desk.reports()
    desk.engine.now += 5 * SECOND_NS
    desk.engine.gateway.on_tick(desk.engine.now)
    desk.answer(state("FILLED", "1"))
    desk.answer(trade(6, "0.5"), trade(7, "0.5"))
    (missed,) = desk.reports()
    assert (missed.trade_id, missed.exec_type) == ("6", "F")
    desk.engine.request(desk.engine.order("o1"))
    (again,) = desk.reports()
    assert (again.replayed, again.exec_id) == (True, final.exec_id)


def many_unknown(desk: Desk) -> list[str]:
    """Orders with the OrderIDs 1000, 1001, ..., all unknown; their ids on the wire."""
    wire_ids = []
    for number in range(TOGETHER_MIN):
        desk.engine.request(desk.engine.order(f"m{number}"))
        wire_ids.append(desk.engine.last()[11].decode())
        if number:
            order_id = str(1000 + number)
            desk.engine.report("0", "0", cl_ord_id=wire_ids[-1], order_id=order_id)
    desk.lose()
    return wire_ids


def test_very_many_unknown_orders_are_found_in_one_answer(desk: Desk) -> None:
    wire_ids = many_unknown(desk)
    number, ask = desk.question()
    assert (ask.call, ask.parameters, len(desk.asked)) == ("openOrders", {}, 0)
    rows = [state("NEW", order_id=1000, client_order_id=wire_ids[0])]
    rows += [state("NEW", order_id=1000 + n) for n in range(1, TOGETHER_MIN - 1)]
    rows.append(state("NEW", order_id=1000 + TOGETHER_MIN - 1, symbol="ETHUSDT"))
    now = desk.engine.now
    desk.settling.on_rows(number, tuple(rows[:7]), False, now, WALL_NS, 0)
    desk.settling.on_rows(number, tuple(rows[7:]), True, now, WALL_NS, 0)
    desk.wait()
    assert [report.cl_ord_id for report in desk.reports()] == [
        f"m{number}" for number in range(TOGETHER_MIN - 1)
    ]
    assert desk.standing("m0") == desk.standing("m18") == "new"
    assert desk.standing("m19") == "unknown", "an order of that number, of another symbol"
    ask = desk.answer(state("CANCELED", order_id=1000 + TOGETHER_MIN - 1))
    assert (ask.call, ask.parameters["orderId"]) == ("order", 1000 + TOGETHER_MIN - 1)
    assert desk.standing("m19") == "canceled"
    assert desk.settling.deadline is None


def test_one_answer_about_very_many_orders_is_taken_in_slices(desk: Desk) -> None:
    many_unknown(desk)
    number, _ = desk.question()
    rows = tuple(state("NEW", order_id=1000 + n) for n in range(1, TOGETHER_MIN))
    desk.settling.on_rows(number, rows, True, desk.engine.now, WALL_NS, 0)
    # The first one's OrderID is not known, and no row has its id.
    assert len(desk.reports()) == LOOKED_UP_MAX - 1
    assert desk.settling.deadline == 0, "the others are next"
    desk.answer(state("NEW", order_id=1000))
    assert len(desk.reports()) == TOGETHER_MIN - LOOKED_UP_MAX + 1


def test_where_nobody_watches_any_more_the_rest_of_an_answer_counts_no_more(desk: Desk) -> None:
    many_unknown(desk)
    number, _ = desk.question()
    rows = tuple(state("NEW", order_id=1000 + n) for n in range(TOGETHER_MIN))
    desk.settling.on_rows(number, rows, True, desk.engine.now, WALL_NS, 0)
    desk.settling.tick(desk.engine.now, None)
    assert desk.standing("m19") == "unknown"
    assert desk.settling.deadline is None
    for _ in range(TOGETHER_MIN - LOOKED_UP_MAX + 1):
        desk.answer(state("NEW", order_id=1000))


def test_where_the_open_orders_are_not_told_all_are_asked_for_again(desk: Desk) -> None:
    many_unknown(desk)
    assert desk.refuse(Problem(Because.REFUSED.value, "later", 429, -1003)).call == "openOrders"
    number, ask = desk.question()
    assert ask.call == "openOrders"
    now = desk.engine.now
    desk.settling.on_rows(number, (), True, now, WALL_NS, now + 1)
    assert desk.standing("m3") == "unknown", "nobody watched when the venue was asked"
    number, ask = desk.question()
    assert ask.call == "openOrders"
    rows = tuple(state("NEW", order_id=1000 + n) for n in range(TOGETHER_MIN))
    desk.settling.on_rows(number, rows, True, desk.engine.now, WALL_NS, 0)
    assert desk.standing("m3") == "new"
    assert desk.answer(state("NEW", order_id=1000)).call == "order", "its OrderID was not known"
    assert desk.settling.deadline is None


def lost_and_renamed(desk: Desk, name: str, **more: object) -> Order:
    """A row of an order that a mass cancel has ended, and whose OrderID was never heard of."""
    terms = {"price": "50000", "orig_qty": "1", "client_order_id": name, "time": LATE_MS}
    return state("CANCELED", **{**terms, **more})


LATE_MS = 1 << 42


def swept(desk: Desk, *names: str) -> tuple[str, str]:
    """Orders, then a mass cancel, and no answer to any; ids on the wire of the first and last."""
    for name in names:
        desk.engine.request(desk.engine.order(name))
    first = desk.engine.last()[11].decode()
    desk.engine.request(OrderMassCancelRequest("m", symbol="BTCUSDT"))
    last = desk.engine.last()[11].decode()
    desk.lose()
    return first, last


def test_an_order_that_a_mass_cancel_renamed_is_found_with_its_fills(desk: Desk) -> None:
    own, mass = swept(desk, "o1")
    look_last(desk, own, lost_and_renamed(desk, mass, executed_qty="0.25"))
    desk.answer(trade(6, "0.25"))
    fill, ended = desk.reports()
    assert (fill.exec_type, fill.last_qty) == ("F", "0.25")
    assert (ended.exec_type, ended.ord_status, ended.order_id) == ("I", "4", "77")
    assert desk.standing() == "canceled"


@pytest.mark.parametrize(
    "other",
    [{"price": "50001"}, {"orig_qty": "0.6"}, {"side": "SELL"}, {"time": 0}, {"type": "MARKET"}],
)
def test_an_order_of_other_terms_is_another_one(desk: Desk, other: dict[str, Any]) -> None:
    own, mass = swept(desk, "o1")
    look_last(desk, own, lost_and_renamed(desk, mass, **other))
    assert desk.standing() == "rejected"


def test_an_order_named_by_what_left_before_it_is_another_one(desk: Desk) -> None:
    desk.engine.request(OrderMassCancelRequest("m", symbol="BTCUSDT"))
    before = desk.engine.last()[11].decode()
    own = desk.unknown(acknowledged=False)
    look_last(desk, own, lost_and_renamed(desk, before))
    assert desk.standing() == "rejected"


@pytest.mark.parametrize("name", ["mass", "web_1"])
def test_an_epoch_that_a_clock_ahead_has_left_is_no_time(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, name: str
) -> None:
    ahead = WALL_NS // SECOND_NS + 86_400
    monkeypatch.setattr(engine_in_memory, "EPOCH", ahead)
    monkeypatch.setattr(desk.engine.gateway, "epoch", ahead)
    desk.engine.gateway.gate.epoch = ahead
    own, mass = swept(desk, "o1")
    row = lost_and_renamed(desk, mass, executed_qty="0.25", time=WALL_NS // 1_000_000)
    row = row if name == "mass" else msgspec.structs.replace(row, client_order_id=name)
    look_last(desk, own, row)
    if name == "mass":
        desk.answer(trade(6, "0.25"))
    assert desk.standing() == ("canceled" if name == "mass" else "unknown")


@pytest.mark.parametrize("executed", ["0.25", "0"])
def test_of_two_that_may_be_it_none_is_taken_unless_it_is_the_same(
    desk: Desk, executed: str
) -> None:
    own, mass = swept(desk, "o1")
    twice = [lost_and_renamed(desk, mass, order_id=77 + n, executed_qty=executed) for n in (0, 1)]
    look_last(desk, own, *twice)
    assert desk.standing() == ("unknown" if executed != "0" else "canceled")
    if executed != "0":
        look_last(desk, own)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_left_before_it_on_another_session_may_have_named_it(
    desk: Desk, restarted: bool
) -> None:
    """The venue takes up to ten seconds: a cancel can be carried out behind a later order."""
    desk.engine.request(OrderMassCancelRequest("m", symbol="BTCUSDT"))
    mass = desk.engine.last()[11].decode()
    own = desk.unknown(acknowledged=False)
    sweep = desk.engine.gateway.orders.find(1, "m")
    assert sweep is not None
    # Who is entered anew from the journal has no line.
    sweep.line = -1 if restarted else desk.engine.line.number + 1
    look_last(desk, own, lost_and_renamed(desk, mass, executed_qty="0.25"))
    if restarted:
        assert desk.standing() == "unknown", "on the same session it would be another order"
        look_last(desk, own)
        assert desk.standing() == "rejected"
    else:
        desk.answer(trade(6, "0.25"))
        assert [one.exec_type for one in desk.reports()] == ["F", "I"]
        assert desk.standing() == "canceled"


def test_what_an_earlier_run_sent_may_have_named_it(
    monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    desk.engine.request(OrderMassCancelRequest("m", symbol="BTCUSDT"))
    mass = desk.engine.last()[11].decode()
    later = desk.engine.gateway.epoch + 1
    monkeypatch.setattr(engine_in_memory, "EPOCH", later)
    monkeypatch.setattr(desk.engine.gateway, "epoch", later)
    desk.engine.gateway.gate.epoch = later
    own = desk.unknown(acknowledged=False)
    look_last(desk, own, lost_and_renamed(desk, mass, executed_qty="0.25"))
    desk.answer(trade(6, "0.25"))
    assert desk.standing() == "canceled"


def test_the_cancel_of_one_order_of_a_list_has_named_the_other_one(desk: Desk) -> None:
    first, second = desk.engine.order("o1"), desk.engine.order("o2", price="50001")
    desk.engine.request(oto(first, second, cl_list_id="l"))
    desk.engine.request(OrderCancelRequest("c", orig_cl_ord_id="o1"))
    cancel_id = desk.engine.last()[11].decode()
    desk.lose()
    rows = (
        lost_and_renamed(desk, cancel_id, executed_qty="0.25"),
        lost_and_renamed(desk, cancel_id, order_id=78, price="50001"),
    )
    desk.wait()
    while desk.settling.in_question:
        number, ask = desk.question()
        told = rows if ask.call == "allOrders" else (trade(6, "0.25"),)
        if ask.call == "order":
            desk.settling.on_problem(number, NOT_FOUND, desk.engine.now)
        else:
            desk.settling.on_rows(number, told, True, desk.engine.now, WALL_NS, 0)
    assert (desk.standing(), desk.standing("o2")) == ("canceled", "canceled")


def test_a_name_says_nothing_once_a_session_has_told_the_order_id(desk: Desk) -> None:
    """A cancel of a list gives both of its orders one name, and the other one is shown."""
    desk.unknown(acknowledged=False)
    number, ask = desk.question()
    assert "origClientOrderId" in ask.parameters
    order = desk.engine.gateway.orders.find(1, "o1")
    assert order is not None
    desk.engine.gateway.orders.name(order, "77")
    row = state("CANCELED", "0.25", order_id=78)
    desk.settling.on_rows(number, (row,), True, desk.engine.now, WALL_NS, 0)
    ask = desk.answer(state("NEW"))
    assert (ask.call, ask.parameters) == ("order", {"symbol": "BTCUSDT", "orderId": 77})
    assert desk.standing() == "new"


def test_an_order_a_session_told_of_after_the_last_question_is_somewhere(desk: Desk) -> None:
    own, mass = swept(desk, "o1")
    while True:
        number, ask = desk.question()
        if ask.call == "allOrders":
            break
        desk.settling.on_problem(number, NOT_FOUND, desk.engine.now)
    desk.engine.report("0", "0", cl_ord_id=own, order_id="77")
    row = lost_and_renamed(desk, mass)
    desk.settling.on_rows(number, (row,), True, desk.engine.now, WALL_NS, 0)
    assert not any(one.ord_status == "8" for one in desk.reports())
    assert desk.standing() in ("new", "unknown")
    if desk.standing() == "unknown":
        desk.answer(row)


def test_an_order_of_somebody_else_s_name_leaves_it_unknown(desk: Desk) -> None:
    own = desk.unknown(acknowledged=False)
    look_last(desk, own, lost_and_renamed(desk, "web_1"))
    assert desk.standing() == "unknown"
    look_last(desk, own)
    assert desk.standing() == "rejected"


def test_another_order_under_the_name_of_its_cancel_is_not_taken_for_it(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    desk.lose()
    desk.refuse()
    desk.answer(lost_and_renamed(desk, "c1", side="SELL"))
    assert desk.standing() == "unknown"
    while desk.standing() == "unknown":
        number, ask = desk.question()
        if ask.call == "allOrders":
            desk.settling.on_rows(number, (), True, desk.engine.now, WALL_NS, 0)
        else:
            desk.settling.on_problem(number, NOT_FOUND, desk.engine.now)
