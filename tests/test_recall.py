"""A run goes on where the one before it ended: report numbers, ids, orders."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.desk.standings import Standing
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import (
    Ack,
    ExecutionReport,
    NewOrderSingle,
    OrderCancelRequest,
    Refused,
    encode,
    encode_event,
    event_decoder,
    report_seq_of,
)
from fixengine.network.journal import Journal, Kind, named
from fixengine.network.journal.record import HandedOver
from fixengine.network.recall import Recalled, carried, recall, start_record
from fixengine.network.strategies import Standing as Numbers


class Run:
    """One run's journal, written by the test and brought to disk by `end`."""

    def __init__(
        self,
        folder: Path,
        epoch: int,
        standings: dict[str, Numbers] | None = None,
        taken_over: Orders | None = None,
    ) -> None:
        self.epoch = epoch
        self.journal = Journal.open(
            folder,
            epoch,
            0,
            ring_bytes=1 << 20,
            file_bytes_max=1 << 20,
            shared_memory=folder,
        )
        for data in carried(taken_over) if taken_over is not None else ():
            self.journal.append(Kind.CARRIED, 1, 0, data)
        if standings is not None:
            self.journal.append(Kind.START, 1, 0, start_record(epoch, {}, standings, Positions()))
        self.counter = 0

    def intent(self, request: NewOrderSingle | OrderCancelRequest, number: int = 1) -> str:
        self.counter += 1
        wire_id = BINANCE_SPOT.make_cl_ord_id(number, self.epoch, self.counter)
        self.journal.append(Kind.INTENT, 2, 1, named(wire_id, encode(request)))
        return wire_id

    def deliver(self, event: object, seq: int, name: str = "alpha") -> None:
        payload = bytes(encode_event(event, seq))
        self.journal.append(Kind.DELIVERED, 3, 0, named(name, payload))

    def note(self, kind: Kind, name: str, payload: bytes = b"") -> None:
        self.journal.append(kind, 3, 0, named(name, payload))

    def end(self) -> None:
        assert self.journal.close(10)


def order(cl_ord_id: str) -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", "1", 1, 1, cl_ord_id=cl_ord_id)


def report(
    cl_ord_id: str, wire_id: str, status: str, orig: str | None = None, orig_wire: str | None = None
) -> ExecutionReport:
    ids = cl_ord_id, orig, wire_id, orig_wire
    event = ExecutionReport(0, 5, "ME", False, 1, *ids, "BTCUSDT", status, status)
    event.order_id = "77"
    event.exec_id = "9"
    return event


def recalled(folder: Path, epoch: int) -> tuple[Orders, Recalled]:
    orders = Orders(100, 100)
    return orders, recall(folder, epoch, BINANCE_SPOT, orders, Positions(), 4)


def test_without_a_journal_there_is_nothing(tmp_path: Path) -> None:
    orders, found = recalled(tmp_path, 5)
    assert len(orders) == 0
    assert found == Recalled({}, {}, (), ())


def test_numbers_go_on_over_any_count_of_runs(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    run.note(Kind.STRATEGY, "gamma")
    run.deliver(report("o", "w", "0"), 1)
    run.deliver(report("o", "w", "0"), 2, "beta")
    run.note(Kind.ACK, "beta", encode(Ack(2)))
    run.end()
    _, found = recalled(tmp_path, 6)
    assert found.standings == {"alpha": (2, 0), "beta": (3, 2), "gamma": (1, 0)}
    run = Run(tmp_path, 6, found.standings)
    run.deliver(report("o", "w", "0"), 2)
    run.note(Kind.ACK, "alpha", encode(Ack(1 << 40)))
    run.end()
    _, found = recalled(tmp_path, 7)
    assert found.standings == {"alpha": (3, 2), "beta": (3, 2), "gamma": (1, 0)}


def test_events_that_were_not_acknowledged_are_kept_over_runs(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    for seq in range(1, 8):
        run.deliver(report("o", "w", "0"), seq)
    run.note(Kind.ACK, "alpha", encode(Ack(4)))
    run.end()
    _, found = recalled(tmp_path, 6)
    assert [report_seq_of(payload) for payload in found.unread["alpha"]] == [5, 6, 7]
    again = Run(tmp_path, 6)
    for payload in found.unread["alpha"]:
        again.note(Kind.DELIVERED, "alpha", payload)
    again.journal.append(Kind.START, 1, 0, start_record(6, {}, found.standings, Positions()))
    again.end()
    assert recalled(tmp_path, 7)[1].unread == found.unread


def test_a_start_cut_short_anywhere_loses_no_event_and_changes_no_order(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    first, second = run.intent(order("o")), run.intent(order("p"))
    run.deliver(report("o", first, "0"), 1)
    run.deliver(report("o", first, "1"), 2)
    run.deliver(report("p", second, "0"), 3)
    run.deliver(report("p", second, "2"), 4)
    run.deliver(report("o", first, "0"), 1, "beta")
    run.deliver(report("o", first, "1"), 2, "beta")
    run.end()
    orders, before = recalled(tmp_path, 6)
    known = list(carried(orders))
    copies = [(Kind.CARRIED, data) for data in known]
    copies += [
        (Kind.DELIVERED, named(name, payload))
        for name, payloads in before.unread.items()
        for payload in payloads
    ]
    for epoch, cut in enumerate(range(len(copies) + 1), 6):
        again = Run(tmp_path, epoch)
        for kind, data in copies[:cut]:
            again.journal.append(kind, 1, 0, data)
        again.end()
        orders, after = recalled(tmp_path, epoch + 1)
        assert (after.unread, after.standings) == (before.unread, before.standings), cut
        assert list(carried(orders)) == known, cut


def test_what_is_open_is_carried_over_any_count_of_runs(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    wire_id = run.intent(order("o"))
    cancel_id = run.intent(OrderCancelRequest("c", orig_cl_ord_id="o"))
    run.deliver(report("o", wire_id, "0"), 1)
    run.end()
    for epoch in (6, 7, 8):
        orders, found = recalled(tmp_path, epoch)
        known = orders.by_wire(wire_id)
        assert known is not None
        assert found.open == (known, orders.by_wire(cancel_id))
        assert (known.order_id, known.seen) == ("77", ("E9",))
        Run(tmp_path, epoch, found.standings, orders).end()
    run = Run(tmp_path, 9, {}, orders)
    run.deliver(report("c", cancel_id, "4", "o", wire_id), 2)
    run.end()
    orders, found = recalled(tmp_path, 10)
    assert found.open == ()
    assert orders.find(1, "o") is not None, "its id is still known"


def test_what_was_handed_over_is_the_heirs_over_any_count_of_runs(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {"alpha": Numbers(), "desk": Numbers()})
    wire_id = run.intent(order("o"))
    run.deliver(report("o", wire_id, "0"), 1)
    run.note(Kind.HANDED_OVER, wire_id, encode(HandedOver(2, "desk", wire_id)))
    run.end()
    for epoch in (6, 7):
        orders, found = recalled(tmp_path, epoch)
        known = orders.find(2, wire_id)
        assert found.open == (known,) and known is not None
        assert (known.strategy, known.cl_ord_id, known.order_id) == (2, wire_id, "77")
        assert orders.find(1, "o") is known, "the id that it had stays taken"
        assert (len(orders.open_of(1)), len(orders.open_of(2))) == (0, 1)
        Run(tmp_path, epoch, found.standings, orders).end()
    run = Run(tmp_path, 8, {}, orders)
    cancel_id = run.intent(OrderCancelRequest("c", orig_cl_ord_id=wire_id), number=2)
    run.deliver(report("c", cancel_id, "4", wire_id, wire_id), 2, name="desk")
    run.end()
    orders, found = recalled(tmp_path, 9)
    assert found.open == () and found.damage == ()


def test_a_run_that_ended_before_its_start_record_hides_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {"alpha": Numbers(7, 3)})
    run.intent(order("o"))
    run.end()
    taken_over, _ = recalled(tmp_path, 6)
    Run(tmp_path, 6, None, taken_over).end()
    orders, found = recalled(tmp_path, 7)
    assert found.standings == {"alpha": (7, 3)}
    assert len(orders) == 1
    assert orders.find(1, "o") is not None


def test_a_request_without_a_report_is_unknown(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    wire_id = run.intent(order("o"))
    run.end()
    orders, _ = recalled(tmp_path, 6)
    known = orders.find(1, "o")
    assert known is not None
    assert known is orders.by_wire(wire_id)
    assert known.standing is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("status", "standing"),
    [("0", Standing.UNKNOWN), ("2", Standing.FILLED), ("8", Standing.REJECTED)],
)
def test_a_reported_order_stands_as_last_reported_unless_it_was_open(
    tmp_path: Path, status: str, standing: Standing
) -> None:
    run = Run(tmp_path, 5, {})
    wire_id = run.intent(order("o"))
    run.deliver(report("o", wire_id, status), 1)
    run.end()
    orders, _ = recalled(tmp_path, 6)
    known = orders.find(1, "o")
    assert known is not None
    assert known.standing is standing
    assert known.outcome is not None
    assert known.seen == ("E9",)
    assert orders.reported("renamed", None, "BTCUSDT", "77")[0] is known


def test_a_cancelled_order_and_its_cancel_are_over(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    wire_id = run.intent(order("o"))
    cancel_id = run.intent(OrderCancelRequest("c", orig_cl_ord_id="o"))
    run.deliver(report("c", cancel_id, "4", "o", wire_id), 1)
    run.end()
    orders, _ = recalled(tmp_path, 6)
    known, cancel = orders.find(1, "o"), orders.find(1, "c")
    assert known is not None
    assert cancel is not None
    assert (known.standing, cancel.standing) == (Standing.CANCELED, Standing.DONE)


def test_a_request_dropped_after_its_intent_may_be_used_again(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    run.note(Kind.DROPPED, run.intent(order("o")))
    run.intent(order("p"))
    run.deliver(Refused(0, 5, "", False, 1, "p", "malformed", "rubbish of that id"), 1)
    run.end()
    orders, _ = recalled(tmp_path, 6)
    assert orders.find(1, "o") is None
    assert orders.find(1, "p") is not None, "a refusal alone does not say that it never left"


def test_a_late_report_does_not_hide_how_an_order_ended(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    wire_id = run.intent(order("o"))
    run.deliver(report("o", wire_id, "2"), 1)
    run.deliver(report("o", wire_id, "0"), 2)
    run.end()
    orders, _ = recalled(tmp_path, 6)
    known = orders.find(1, "o")
    assert known is not None
    assert known.outcome is not None
    outcome = event_decoder.decode(known.outcome)
    assert isinstance(outcome, ExecutionReport)
    assert outcome.ord_status == "2"


def test_damage_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    run.intent(order("a"))
    run.journal.append(Kind.INTENT, 2, 1, named("not-ours", encode(order("x"))))
    run.journal.append(Kind.INTENT, 2, 1, named("1-5-9", b"\xc1"))
    run.intent(order("b"))
    run.end()
    orders, found = recalled(tmp_path, 6)
    assert orders.find(1, "a") is not None
    assert orders.find(1, "b") is not None
    assert len(found.damage) == 2
    assert "not-ours" in found.damage[0]


def test_fills_are_counted_over_runs_and_each_once(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    wire_id = run.intent(order("o"))
    fill = report("o", wire_id, "1")
    fill.exec_type, fill.trade_id, fill.last_qty, fill.cum_qty = "F", "7", "0.25", "0.5"
    run.deliver(fill, 1)
    run.deliver(fill, 2)  # the answer to a repeated id
    run.end()
    orders, found = recalled(tmp_path, 6)
    Run(tmp_path, 6, found.standings, orders).end()
    for table in (orders, recalled(tmp_path, 7)[0]):
        known = table.find(1, "o")
        assert known is not None
        assert (known.filled, known.cum_qty) == (25_000_000, 50_000_000)
        assert table.short(1, 0) == [known], "the other half is missing in every run"
