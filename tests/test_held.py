"""Orders that wait for the disk: none leaves before its mark, and none later than it may."""

from __future__ import annotations

import math

import pytest
from engine_in_memory import Engine
from fixengine.desk.limits import Budget
from fixengine.messages import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelRequest,
    OrderMassCancelRequest,
    OrderUnknown,
    Refused,
)
from fixengine.network.journal.record import ON_DISK, Kind
from fixengine.testing import SimulatedEngine
from sessions_in_memory import parsed

MS = 1_000_000
HELD_MAX = 4


@pytest.fixture
def engine() -> Engine:
    return Engine(held_orders_max=HELD_MAX)


def reach(engine: Engine, mark: int | None = None) -> None:
    """The disk has everything up to a position, or all there is."""
    engine.gateway.on_mark(engine.journal.appended if mark is None else mark, engine.now)
    engine.gateway.flush(engine.now)


def tick(engine: Engine) -> None:
    engine.gateway.on_tick(engine.now)
    engine.gateway.flush(engine.now)


def refusals(engine: Engine) -> list[tuple[str, str]]:
    return [(one.cl_ord_id, one.reason) for one in engine.heard() if isinstance(one, Refused)]


def orders(engine: Engine) -> list[bytes]:
    return [frame for frame in engine.wire.written if b"\x0135=D\x01" in frame]


def kinds(engine: Engine) -> list[int]:
    return [kind for kind, _ in engine.journal.records]


def test_an_order_leaves_once_its_intent_is_on_disk_and_not_before(engine: Engine) -> None:
    seq = engine.line.session.next_out
    engine.request(engine.order())
    intent = kinds(engine).index(Kind.INTENT) + 1
    assert (engine.journal.asked, engine.line.session.next_out) == (1, seq)
    reach(engine, intent - 1)
    tick(engine)
    assert engine.wire.written == []
    reach(engine, intent)
    assert engine.last()[11] == engine.gateway.orders.open_of(1)[0].wire_id.encode()
    assert engine.line.session.next_out == seq + 1
    mark, frame = engine.journal.records[-2:]
    assert mark == (Kind.MARK, ON_DISK.pack(intent))
    assert frame[0] == Kind.FRAME_OUT
    reach(engine)
    assert len(orders(engine)) == 1
    engine.report("0", "0")
    assert isinstance(engine.heard()[-1], ExecutionReport)


def test_orders_leave_in_their_order_and_the_disk_is_asked_once_for_all(engine: Engine) -> None:
    for number in range(3):
        engine.request(engine.order(f"o{number}"), flush=False)
    assert engine.journal.asked == 0
    engine.gateway.flush(engine.now)
    engine.gateway.flush(engine.now)
    assert engine.journal.asked == 1
    ends = [at for at, kind in enumerate(kinds(engine), 1) if kind == Kind.INTENT]
    reach(engine, ends[1])
    assert len(orders(engine)) == 2
    reach(engine)
    wire_ids = [order.wire_id.encode() for order in engine.gateway.orders.open_of(1)]
    assert [parsed(frame)[11] for frame in orders(engine)] == wire_ids


def test_a_mark_that_comes_too_late_lets_nothing_go(engine: Engine) -> None:
    engine.request(engine.order("o1"))
    engine.request(engine.order("o2", valid_for_ms=2000))
    engine.now += 1000 * MS + 1
    reach(engine)
    assert refusals(engine) == [("o1", "too_old")]
    assert len(orders(engine)) == 1
    assert kinds(engine).count(Kind.DROPPED) == 1


def test_an_order_whose_time_runs_out_is_refused_without_any_mark(engine: Engine) -> None:
    engine.request(engine.order("long", valid_for_ms=2000))
    engine.request(engine.order("short", valid_for_ms=500))
    assert engine.gateway.held.deadline == engine.now + 500 * MS + 1
    engine.now += 500 * MS
    tick(engine)
    assert engine.heard() == [], "it may still leave"
    engine.now += 1
    tick(engine)
    assert refusals(engine) == [("short", "too_old")]
    assert engine.gateway.held.deadline == engine.now - 1 - 500 * MS + 2000 * MS + 1
    reach(engine)
    assert len(orders(engine)) == 1
    assert engine.gateway.held.deadline is None
    engine.request(engine.order("short"))
    reach(engine)
    assert len(orders(engine)) == 2, "an id that never left may be used again"


def test_a_disk_that_refuses_ends_the_wait(engine: Engine) -> None:
    engine.request(engine.order())
    engine.journal.healthy = False
    tick(engine)
    assert refusals(engine) == [("o1", "journal_full")]
    engine.journal.healthy = True
    reach(engine)
    assert engine.wire.written == []


def test_trouble_that_the_mark_finds_first_lets_nothing_go(engine: Engine) -> None:
    engine.request(engine.order())
    engine.journal.healthy = False
    reach(engine)
    assert refusals(engine) == [("o1", "journal_full")]
    assert engine.wire.written == []


def test_a_line_lost_meanwhile_refuses_and_leaves_nothing_unknown(engine: Engine) -> None:
    engine.request(engine.order())
    assert engine.gateway.waits_for(engine.line)
    engine.gateway.on_line_lost(engine.line, "connection lost", engine.now)
    (event,) = engine.heard()
    assert isinstance(event, Refused)
    assert (event.reason, event.text) == ("not_connected", "connection lost")
    assert kinds(engine)[-2:] == [Kind.DROPPED, Kind.DELIVERED]
    assert not engine.gateway.waits_for(engine.line)
    reach(engine)
    assert engine.wire.written == []


def test_a_line_that_can_carry_nothing_when_the_mark_comes_takes_nothing(engine: Engine) -> None:
    engine.request(engine.order())
    engine.wire.alive = False
    reach(engine)
    assert refusals(engine) == [("o1", "not_connected")]
    engine.wire.alive = True
    engine.request(engine.order("o2"))
    engine.wire.unsent_bytes = 1
    reach(engine)
    assert refusals(engine) == [("o2", "backlog")]
    assert engine.wire.written == []


def test_the_limit_of_messages_counts_when_they_leave() -> None:
    engine = Engine(budget=Budget(10, 10_000 * MS, 20), held_orders_max=8)
    for number in range(8):
        engine.request(engine.order(f"o{number}"))
    engine.now += 900 * MS
    reach(engine)
    assert len(orders(engine)) == 6, "the Logon and the LimitQuery counted too"
    assert refusals(engine) == [("o6", "limit"), ("o7", "limit")]
    engine.now += 9_200 * MS
    engine.request(engine.order("o8"))
    assert refusals(engine) == [("o8", "limit")], "the window is that of the bytes"


def test_an_engine_that_stops_lets_nothing_go(engine: Engine) -> None:
    engine.request(engine.order())
    engine.gateway.gate.stopping = True
    reach(engine)
    assert refusals(engine) == [("o1", "stopping")]
    assert engine.wire.written == []


def resting(engine: Engine) -> None:
    """An order that is acknowledged."""
    engine.request(engine.order("resting"))
    reach(engine)
    engine.report("0", "0")
    engine.wire.written.clear()
    engine.heard()


def test_only_so_many_orders_may_wait_and_any_number_of_cancels(engine: Engine) -> None:
    resting(engine)
    for number in range(HELD_MAX + 1):
        engine.request(engine.order(f"o{number}"))
    assert refusals(engine) == [(f"o{HELD_MAX}", "journal_full")]
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="resting"))
    assert engine.wire.written == [], "the power may fail, and its order be found under its id only"
    reach(engine)
    assert engine.last()[35] == b"F"
    assert len(orders(engine)) == HELD_MAX


def test_a_cancel_does_not_wait_long_for_a_disk_that_stands_still(engine: Engine) -> None:
    resting(engine)
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="resting"))
    assert engine.gateway.held.deadline == engine.now + 50 * MS + 1
    engine.now += 50 * MS
    tick(engine)
    assert engine.wire.written == []
    engine.now += 1
    tick(engine)
    assert engine.last()[35] == b"F"
    assert refusals(engine) == []


def test_cancels_that_waited_for_a_disk_that_stands_still_keep_to_the_limit_of_messages() -> None:
    engine = Engine(budget=Budget(10, 10_000 * MS, 20), held_orders_max=HELD_MAX)
    resting(engine)
    for number in range(9):
        engine.request(OrderCancelRequest(f"c{number}", orig_cl_ord_id="resting"))
    engine.now += 50 * MS + 1
    tick(engine)
    assert len(engine.wire.written) == 6, "the Logon, the LimitQuery and the order counted too"
    assert refusals(engine) == [("c6", "limit"), ("c7", "limit"), ("c8", "limit")]


def test_a_cancel_does_not_wait_for_a_disk_that_is_dead(engine: Engine) -> None:
    resting(engine)
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="resting"))
    engine.request(engine.order("o1"))
    engine.journal.healthy = False
    tick(engine)
    assert engine.last()[35] == b"F"
    assert refusals(engine) == [("o1", "journal_full")]
    engine.wire.written.clear()
    engine.request(OrderCancelRequest("c2", orig_cl_ord_id="resting"))
    assert engine.last()[35] == b"F"


def test_the_cancel_of_an_order_that_waits_takes_it_back(engine: Engine) -> None:
    engine.request(engine.order("o1"))
    engine.request(engine.order("o2"))
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    assert refusals(engine) == [("o1", "canceled"), ("c1", "unknown_order")]
    reach(engine)
    assert len(engine.wire.written) == 1
    assert [order.cl_ord_id for order in engine.gateway.orders.open_of(1)] == ["o2"]


def test_a_mass_cancel_takes_back_what_waits_in_its_symbol(engine: Engine) -> None:
    engine.request(engine.order("o1"))
    engine.request(engine.order("o2", symbol="ETHUSDT"))
    engine.request(OrderMassCancelRequest("m1", symbol="BTCUSDT"))
    assert refusals(engine) == [("o1", "canceled")]
    engine.now += 50 * MS + 1
    tick(engine)
    assert engine.last()[35] == b"q", "it does not wait long for a disk that stands still"
    reach(engine)
    assert [order.cl_ord_id for order in engine.gateway.orders.open_of(1)] == ["o2", "m1"]


def test_an_id_that_waits_is_not_held_twice(engine: Engine) -> None:
    engine.request(engine.order())
    engine.request(engine.order())
    assert engine.heard() == []
    reach(engine)
    assert len(orders(engine)) == 1


# --- the process, in memory -----------------------------------------------------------------


def powered() -> SimulatedEngine:
    return SimulatedEngine(config={"journal": {"durability": "power"}})


def buy(price: str = "49000") -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", "1", "0.01", price)


def test_an_order_takes_as_long_as_the_disk() -> None:
    with powered() as engine:
        client = engine.client()
        engine.advance(1)
        for disk_ms in (0, 20):
            engine.journal.disk_ms = disk_ms
            before = engine.now_ns
            client.submit(buy())
            reports = (one for one in client.reports() if isinstance(one, ExecutionReport))
            assert next(reports).exec_type == "0"
            assert (engine.now_ns - before) // MS == disk_ms


def test_a_disk_that_hangs_refuses_orders_when_their_time_is_over() -> None:
    with powered() as engine:
        client = engine.client(valid_for_ms=300)
        engine.advance(1)
        engine.journal.disk_ms = math.inf
        before = engine.now_ns
        cl_ord_id = client.submit(buy())
        refused = [one for one in client.reports(timeout=0.4) if isinstance(one, Refused)]
        assert [(one.cl_ord_id, one.reason) for one in refused] == [(cl_ord_id, "too_old")]
        assert (refused[0].received_ns - before) // MS == 300
        assert engine.venue.orders == []


def test_after_kill_9_an_order_that_waited_is_unknown_and_then_known_as_dead() -> None:
    with powered() as engine:
        client = engine.client(valid_for_ms=1000)
        engine.advance(1)
        engine.journal.disk_ms = math.inf
        cl_ord_id = client.submit(buy())
        list(client.reports(timeout=0))
        engine.restart()
        events = list(client.reports(timeout=120))
        assert engine.venue.orders == []
        about = [one for one in events if getattr(one, "cl_ord_id", None) == cl_ord_id]
        assert [type(one) for one in about] == [OrderUnknown, ExecutionReport]
        assert isinstance(about[-1], ExecutionReport)
        assert about[-1].ord_status == "8", "it never arrived, and so says the venue"
