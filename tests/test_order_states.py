"""Every report in every state of an order: told as it came, and OrdStatus alone decides.

Reports come late, early and in orders that cannot be. None of them may stop the engine, be lost,
revive an order that is over, or make us write anything.
"""

from __future__ import annotations

from itertools import product

import pytest
from engine_in_memory import Engine
from fixengine.fix.states import State
from fixengine.messages import ExecutionReport

STATUSES = {
    "0": "live",
    "1": "live",
    "2": "filled",
    "4": "canceled",
    "6": "live",
    "8": "rejected",
    "A": "live",
    "C": "expired",
    "Z": "unknown",
}
"""OrdStatus<39> -> what the order then is; Z is one that nobody knows."""
EXEC_TYPES = "0458ACFDZ"
BEFORE = ("written", "live", "filled", "canceled", "rejected", "expired", "unknown")
OVER = ("filled", "canceled", "rejected", "expired")


def order_in(state: str) -> Engine:
    """An engine whose one order is in this state."""
    engine = Engine()
    engine.request(engine.order())
    if state != "written":
        status = next(status for status, after in STATUSES.items() if after == state)
        engine.report("0", status)
    order = engine.gateway.orders.find(1, "o1")
    assert order is not None and order.standing == state
    engine.heard()
    return engine


@pytest.mark.parametrize("before", BEFORE)
def test_a_report_in_any_state(before: str) -> None:
    for status, exec_type in product(STATUSES, EXEC_TYPES):
        engine = order_in(before)
        written = len(engine.wire.written)
        engine.report(exec_type, status, exec_id="last", cum_qty="0.5", last_qty="0.5")
        case = f"{before}, then ExecType {exec_type}, OrdStatus {status}"
        (event,) = engine.heard()
        assert isinstance(event, ExecutionReport), case
        assert (event.exec_type, event.ord_status, event.cum_qty) == (exec_type, status, "0.5")
        order = engine.gateway.orders.find(1, "o1")
        assert order is not None, case
        assert order.standing == (before if before in OVER else STATUSES[status]), case
        assert len(engine.wire.written) == written, f"{case}: something was written"
        assert engine.line.session.state is State.ACTIVE, case
        engine.report(exec_type, status, exec_id="last")
        assert engine.heard() == [], f"{case}: told twice"
