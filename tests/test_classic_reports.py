"""What a classic counterparty reports, from its bytes to what a strategy is told.

The engine does not open classic sessions yet; its walk in is held to them here: a gateway with the
`plain` table, over a classic session, with one order that is entered as if it had been sent.
"""

from __future__ import annotations

from typing import Any

import pytest
from engine_in_memory import EPOCH, NOW, Bus, Journal, Register, Wire
from fixengine import wire
from fixengine.desk.orders import Order, Orders
from fixengine.desk.positions import Positions
from fixengine.desk.standings import Standing
from fixengine.fix.classic import ClassicSession
from fixengine.fix.classic_logon import ClassicInitiator
from fixengine.fix.history import History
from fixengine.fix.states import State
from fixengine.fix.venue import Sender, template
from fixengine.fix.venues.plain import plain
from fixengine.messages import (
    ExecutionReport,
    Heartbeat,
    Hello,
    OrderCancelReject,
    OrderUnknown,
    encode,
)
from fixengine.network.clock import SECOND_NS, Clock
from fixengine.network.gateway import Gateway
from fixengine.network.limits import Limits
from fixengine.network.line import Line
from fixengine.network.lines import Lines
from fixengine.network.strategies import Strategies
from sessions_in_memory import WALL_NS

ALPHA = 1


class Desk:
    """Strategy alpha, its order `o1` that went out as w1 and its cancel `c1` as w2, and a venue."""

    def __init__(self) -> None:
        self.venue = plain("FIX.4.4", "VENUE")
        self.bus, self.log = Bus(), list[str]()
        strategies = Strategies(
            self.bus,
            Register(),
            EPOCH,
            strategies_max=8,
            outbox_max=100,
            valid_for_ms_max=10_000,
            standings={},
        )
        clock = Clock(SECOND_NS, 5 * SECOND_NS)
        clock.offset_ns = WALL_NS - NOW
        self.gateway = Gateway(
            self.venue,
            Orders(100, 100),
            Positions(),
            strategies,
            Journal(),
            self.say,
            lines=Lines(),
            clock=clock,
            limits=Limits(self.venue, clock, None, self.say),
            epoch=EPOCH,
            valid_for_ms_max=10_000,
            unsent_bytes_max=0,
            cancel_unsent_bytes_max=1000,
        )
        session = ClassicSession(
            self.venue,
            Sender.CLIENT,
            ClassicInitiator(30),
            History(),
            client_comp_id="ME",
            offset_ns=WALL_NS - NOW,
        )
        self.line = Line(1, self.venue, session, recv_window_ms=5000, budget=None)
        self.line.transport = self.wire = Wire()
        self.seq = 0
        self.gateway.lines.add(self.line)
        session.connected(NOW)
        self.venue_says(b"A", encrypt_method=0, heart_bt_int=30)
        self.gateway.lines.up(self.line, NOW)
        self.gateway.on_order(b"a", encode(Hello("alpha")), NOW)
        self.order = self.sent("o1", "w1", None)
        self.cancel = self.sent("c1", "w2", self.order)
        self.wire.written.clear()
        self.bus.sent.clear()
        self.log.clear()

    def say(self, level: str, text: str, **details: object) -> None:
        self.log.append(text)

    def sent(self, cl_ord_id: str, wire_id: str, target: Order | None) -> Order:
        orders = self.gateway.orders
        order = orders.open(ALPHA, cl_ord_id, wire_id, "X", target)
        orders.written(order, self.line.number, self.line.session.next_out, NOW)
        return order

    def venue_says(self, kind: bytes, **values: Any) -> None:
        self.seq += 1
        form = template(self.venue, kind, Sender.VENUE, "ME")
        self.line.framer.feed(form.encode(None, self.seq, wire.stamp(WALL_NS, 3), values))
        self.gateway.on_bytes(self.line, NOW)
        self.gateway.flush(NOW)

    def report(self, exec_type: str, ord_status: str, **more: Any) -> None:
        values = {
            "cl_ord_id": "w1",
            "order_id": "77",
            "exec_id": f"e{self.seq}",
            "exec_type": exec_type,
            "ord_status": ord_status,
            "side": "1",
            "symbol": "X",
            "avg_px": "0",
            "cum_qty": "0",
            "leaves_qty": "0",
        }
        self.venue_says(b"8", **{**values, **more})

    def fill(self, ord_status: str, **more: Any) -> None:
        self.report("F", ord_status, last_qty="1", last_px="50", cum_qty="1", **more)

    def heard(self) -> list[Any]:
        events = [event for _, event in self.bus.sent if not isinstance(event, Heartbeat)]
        self.bus.sent.clear()
        return events


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_report_of_an_order_never_sent_is_counted_and_passed_over(desk: Desk) -> None:
    desk.report("0", "0", cl_ord_id="web_1", order_id="500")
    desk.fill("2", cl_ord_id="web_1", order_id="500")
    rejected = {"ord_status": "8", "orig_cl_ord_id": "web_1", "cxl_rej_response_to": "1"}
    desk.venue_says(b"9", cl_ord_id="web_2", order_id="500", **rejected)
    assert desk.gateway.reports.foreign == 3
    assert (desk.heard(), desk.wire.written, desk.log) == ([], [], [])
    desk.report("0", "0")
    (event,) = desk.heard()
    assert (event.cl_ord_id, event.wire_cl_ord_id, event.order_id) == ("o1", "w1", "77")
    assert desk.line.session.state is State.ACTIVE


def test_a_trade_before_its_new_counts_and_the_late_new_revives_nothing(desk: Desk) -> None:
    desk.fill("2")
    desk.report("0", "0")
    trade, late = desk.heard()
    assert isinstance(trade, ExecutionReport) and isinstance(late, ExecutionReport)
    assert (trade.exec_type, trade.last_qty, trade.last_px) == ("F", "1", "50")
    assert (late.exec_type, late.ord_status) == ("0", "0")
    assert desk.order.standing is Standing.FILLED
    assert desk.order.filled == desk.order.cum_qty == 100_000_000
    assert desk.log == []


def test_a_canceled_behind_a_filled_is_told_with_an_alarm(desk: Desk) -> None:
    desk.fill("2")
    desk.report("4", "4", cl_ord_id="w2", orig_cl_ord_id="w1", cum_qty="1")
    _, canceled = desk.heard()
    assert (canceled.cl_ord_id, canceled.orig_cl_ord_id) == ("c1", "o1")
    assert desk.order.standing is Standing.FILLED
    (alarm,) = desk.log
    assert "OrdStatus '4' (canceled) of an order that was filled before" in alarm


def test_a_fill_that_races_a_cancel_fills_and_the_refused_cancel_is_told(desk: Desk) -> None:
    desk.fill("2")
    rejected = {"ord_status": "2", "orig_cl_ord_id": "w1", "cxl_rej_response_to": "1"}
    desk.venue_says(b"9", cl_ord_id="w2", order_id="77", text="Too late", **rejected)
    fill, refused = desk.heard()
    assert fill.ord_status == "2"
    assert isinstance(refused, OrderCancelReject)
    assert (refused.cl_ord_id, refused.orig_cl_ord_id, refused.text) == ("c1", "o1", "Too late")
    assert (desk.order.standing, desk.cancel.standing) == (Standing.FILLED, Standing.DONE)


def test_a_fill_told_again_counts_once(desk: Desk) -> None:
    desk.fill("1", exec_id="e")
    desk.fill("1", exec_id="e")
    assert len(desk.heard()) == 1
    assert desk.order.filled == 100_000_000


def test_a_status_that_this_engine_does_not_know_makes_the_order_unknown(desk: Desk) -> None:
    desk.report("0", "0")
    desk.report("3", "3")  # done for the day
    new, done = desk.heard()
    assert (new.ord_status, done.ord_status) == ("0", "3")
    assert not isinstance(done, OrderUnknown)
    assert desk.order.standing is Standing.UNKNOWN
    assert "OrdStatus '3' is not known" in desk.log[0]
