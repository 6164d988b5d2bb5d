"""Every report in every state of an order: told as it came, and OrdStatus alone decides.

Reports come late, early and in orders that cannot be. None of them may stop the engine, be lost,
revive an order that is over, or make us write anything.
"""

from __future__ import annotations

from itertools import product

import pytest
from engine_in_memory import Engine
from fixengine.desk.standings import ALIVE, TOLD, Standing
from fixengine.fix.states import State
from fixengine.messages import ExecutionReport, OrderCancelRequest, OrderUnknown

TABLE = """
                  0                 1                 2         4         5                 6                 8         A                 C         Z
written           new               partially_filled  filled    canceled  replaced          new               rejected  pending_new       expired   unknown
pending_new       new               partially_filled  filled    canceled  replaced          new               rejected  pending_new       expired   unknown
new               new               partially_filled  filled    canceled  replaced          new               rejected  new               expired   unknown
replaced          replaced          partially_filled  filled    canceled  replaced          replaced          rejected  replaced          expired   unknown
partially_filled  partially_filled  partially_filled  filled    canceled  partially_filled  partially_filled  rejected  partially_filled  expired   unknown
filled            filled            filled            filled    filled    filled            filled            filled    filled            filled    filled
canceled          canceled          canceled          canceled  canceled  canceled          canceled          canceled  canceled          canceled  canceled
rejected          rejected          rejected          rejected  rejected  rejected          rejected          rejected  rejected          rejected  rejected
expired           expired           expired           expired   expired   expired           expired           expired   expired           expired   expired
unknown           new               partially_filled  filled    canceled  replaced          new               rejected  pending_new       expired   unknown
"""  # noqa: E501
"""What an order is (down) and OrdStatus<39> of the report (across) -> what it is then.

Z is a status that nobody knows.
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
STATUSES = ROWS[0]
AFTER = {
    (row[0], status): to for row in ROWS[1:] for status, to in zip(STATUSES, row[1:], strict=True)
}
EXEC_TYPES = "0458ACDZ"
BEFORE = [row[0] for row in ROWS[1:]]
OVER = ("filled", "canceled", "rejected", "expired")
LATE = "0156A"
"""Statuses of an order that lives: behind its end they are late, and nothing to be told of."""


def order_in(state: str) -> Engine:
    """An engine whose one order is in this state."""
    engine = Engine()
    engine.request(engine.order())
    if state != "written":
        status = next(one for one in STATUSES if AFTER["written", one] == state)
        engine.report("0", status)
    order = engine.gateway.orders.find(1, "o1")
    assert order is not None and order.standing == state
    engine.heard()
    return engine


def test_the_table_names_every_standing() -> None:
    assert set(BEFORE) == set(Standing) - {Standing.PENDING, Standing.DONE}
    assert set(TOLD) < set(STATUSES)


@pytest.mark.parametrize("before", BEFORE)
def test_a_report_in_any_state(before: str) -> None:
    for status, exec_type in product(STATUSES, EXEC_TYPES):
        engine = order_in(before)
        written = len(engine.wire.written)
        engine.log.clear()
        engine.report(exec_type, status, exec_id="last", text="why")
        case = f"{before}, then ExecType {exec_type}, OrdStatus {status}"
        (event,) = engine.heard()
        assert isinstance(event, ExecutionReport), case
        assert (event.exec_type, event.ord_status, event.text) == (exec_type, status, "why")
        assert standing(engine) == AFTER[before, status], case
        contradicts = before in OVER and status not in LATE and AFTER["new", status] != before
        # What was refused never lived, so a late report of life is an alarm there.
        contradicts |= before == "rejected" and TOLD.get(status) in ALIVE
        assert bool(engine.log) == (contradicts or status == "Z"), f"{case}: {engine.log}"
        assert len(engine.wire.written) == written, f"{case}: something was written"
        assert engine.line.session.state is State.ACTIVE, case
        engine.report(exec_type, status, exec_id="last")
        assert engine.heard() == [], f"{case}: told twice"


@pytest.mark.parametrize("before", BEFORE)
def test_a_fill_in_any_state_is_told_and_counted(before: str) -> None:
    for status in STATUSES:
        engine = order_in(before)
        engine.fill("0.25", "0.25", status, trade_id="9")
        case = f"{before}, then a fill with OrdStatus {status}"
        (event,) = engine.heard()
        assert isinstance(event, ExecutionReport) and event.last_qty == "0.25", case
        order = engine.gateway.orders.find(1, "o1")
        assert order is not None and (order.filled, order.cum_qty) == (25_000_000,) * 2, case
        told = AFTER[before, status]
        lives = told in ("new", "replaced", "pending_new", "partially_filled")
        assert standing(engine) == ("partially_filled" if lives else told), case


def test_an_order_that_somebody_amended_is_still_known_by_its_order_id() -> None:
    engine = order_in("new")
    ours = engine.last()[11].decode()
    engine.report("5", "0", cl_ord_id="web-1", orig_cl_ord_id=ours, order_qty="0.5")
    engine.fill("0.25", "0.25", cl_ord_id="web-1", trade_id="9")
    amended, fill = engine.heard()
    assert isinstance(amended, ExecutionReport) and isinstance(fill, ExecutionReport)
    assert (amended.exec_type, amended.order_qty, amended.cl_ord_id) == ("5", "0.5", "o1")
    assert (fill.exec_type, fill.cl_ord_id) == ("F", "o1")
    assert (standing(engine), engine.log[1:]) == ("partially_filled", [])


def standing(engine: Engine) -> str:
    order = engine.gateway.orders.find(1, "o1")
    assert order is not None
    return order.standing.value


# --- fills against the venue's total ------------------------------------------------------------


def unknowns(engine: Engine) -> list[str]:
    return [event.reason for event in engine.heard() if isinstance(event, OrderUnknown)]


def wait(engine: Engine, seconds: float) -> None:
    engine.now += int(seconds * 1_000_000_000)
    engine.gateway.on_tick(engine.now)


def test_a_missing_fill_is_told_once_when_it_does_not_come() -> None:
    engine = order_in("new")
    engine.fill("0.2", "0.2", trade_id="1")
    engine.fill("0.3", "0.6", trade_id="3")
    wait(engine, 4.9)
    assert unknowns(engine) == []
    wait(engine, 0.1)
    assert unknowns(engine) == [
        "a fill is missing: CumQty is 0.60000000, and the fills reported make 0.50000000"
    ]
    assert "a fill is missing" in engine.log[-1]
    wait(engine, 10)
    assert unknowns(engine) == []
    assert standing(engine) == "partially_filled"


def test_an_outcome_that_is_told_as_unknown_behind_the_end_is_no_news() -> None:
    engine = order_in("new")
    wire_id = engine.last()[11].decode()
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    ids = {"cl_ord_id": engine.last()[11].decode(), "orig_cl_ord_id": wire_id}
    engine.report("4", "4", **ids)
    engine.heard()
    unknown = {"venue_code": "-1007", "text": "Timeout waiting for response"}
    engine.venue_says(b"9", symbol="BTCUSDT", cxl_rej_response_to="1", **unknown, **ids)
    engine.report("8", "8", cl_ord_id=wire_id, **unknown)
    assert engine.heard() == [], "nothing would ever follow"
    assert engine.log[-1].endswith("was canceled before: Timeout waiting for response")


def refuse_cancel(engine: Engine, text: str = "Unknown order sent.") -> None:
    """The strategy cancels, and the venue says that there is nothing to cancel."""
    order = engine.gateway.orders.find(1, "o1")
    assert order is not None
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    ids = {"cl_ord_id": engine.last()[11].decode(), "orig_cl_ord_id": order.wire_id}
    more = {"cxl_rej_response_to": "1", "venue_code": "-2011", "text": text}
    engine.venue_says(b"9", symbol="BTCUSDT", **more, **ids)
    engine.heard()


def test_an_order_that_is_not_there_is_in_doubt_when_nothing_tells_how_it_ended() -> None:
    engine = order_in("new")
    refuse_cancel(engine)
    wait(engine, 4.9)
    assert unknowns(engine) == [] and engine.gateway.orders.take_doubted() == []
    wait(engine, 0.1)
    text = "the venue says it has no such live order, and nothing tells how it ended"
    assert unknowns(engine) == [text]
    (order,) = engine.gateway.orders.take_doubted()
    assert (order.cl_ord_id, order.in_doubt) == ("o1", True)


def test_an_order_whose_end_crossed_its_cancel_is_in_no_doubt() -> None:
    engine = order_in("new")
    wire_id = engine.last()[11].decode()
    refuse_cancel(engine)
    engine.fill("1", "1", ord_status="2", cl_ord_id=wire_id, trade_id="9")
    wait(engine, 10)
    assert unknowns(engine) == [] and engine.gateway.orders.take_doubted() == []


def test_a_cancel_refused_for_another_reason_says_nothing_of_its_order() -> None:
    engine = order_in("new")
    refuse_cancel(engine, "Order was not canceled due to cancel restrictions.")
    wait(engine, 10)
    assert unknowns(engine) == [] and engine.gateway.orders.take_doubted() == []


def test_a_fill_that_comes_late_is_not_missing() -> None:
    engine = order_in("new")
    engine.fill("0.3", "0.5", trade_id="2")
    wait(engine, 4)
    engine.fill("0.2", "0.2", trade_id="1")
    wait(engine, 10)
    assert unknowns(engine) == []


def test_the_missing_part_of_an_order_that_ended_is_told_too() -> None:
    engine = order_in("new")
    engine.report("4", "4", cum_qty="0.1")
    wait(engine, 5)
    (reason,) = unknowns(engine)
    assert reason.endswith("the fills reported make 0.00000000")
    assert standing(engine) == "canceled"


def test_a_fill_told_again_is_counted_once() -> None:
    engine = order_in("new")
    engine.fill("0.2", "0.2", trade_id="1")
    engine.fill("0.2", "0.2", trade_id="1")
    order = engine.gateway.orders.find(1, "o1")
    assert order is not None and order.filled == 20_000_000


def test_a_fill_whose_quantity_we_cannot_count_makes_the_order_unknown() -> None:
    engine = order_in("new")
    engine.fill("1.123456789", "1", trade_id="1")
    (reason,) = unknowns(engine)
    assert "32" in reason
    assert standing(engine) == "unknown"
    engine.fill("1", "1", "2", trade_id="1")
    assert standing(engine) == "filled", "another session brings it whole"
