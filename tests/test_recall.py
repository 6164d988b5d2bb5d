"""A run goes on where the one before it ended: report numbers, ids, orders."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from fixengine.desk.orders import Orders, Standing
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelRequest,
    Refused,
    encode,
    encode_event,
)
from fixengine.network.journal import Journal, Kind, named
from fixengine.network.recall import NEXT_SEQS, Recalled, recall

NUMBERS = {"alpha": 1, "beta": 2}


class Run:
    """One run's journal, written by the test and brought to disk by `end`."""

    def __init__(self, folder: Path, epoch: int, next_seqs: dict[str, int] | None = None) -> None:
        self.epoch = epoch
        self.journal = Journal.open(
            folder,
            epoch,
            0,
            ring_bytes=1 << 20,
            file_bytes_max=1 << 20,
            shared_memory=folder,
        )
        if next_seqs is not None:
            self.journal.append(Kind.START, 1, 0, orjson.dumps({NEXT_SEQS: next_seqs}))
        self.counter = 0

    def intent(self, request: NewOrderSingle | OrderCancelRequest, number: int = 1) -> str:
        self.counter += 1
        wire_id = BINANCE_SPOT.make_cl_ord_id(number, self.epoch, self.counter)
        self.journal.append(Kind.INTENT, 2, 1, named(wire_id, encode(request)))
        return wire_id

    def deliver(self, event: object, seq: int, name: str = "alpha") -> None:
        payload = bytes(encode_event(event, seq))
        self.journal.append(Kind.DELIVERED, 3, 0, named(name, payload))

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
    return orders, recall(folder, epoch, BINANCE_SPOT, orders, NUMBERS.__getitem__)


def test_without_a_journal_there_is_nothing(tmp_path: Path) -> None:
    orders, found = recalled(tmp_path, 5)
    assert len(orders) == 0
    assert found == Recalled({}, ())


def test_numbers_go_on_over_any_count_of_runs(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    run.deliver(report("o", "w", "0"), 1)
    run.deliver(report("o", "w", "0"), 2, "beta")
    run.end()
    _, found = recalled(tmp_path, 6)
    assert found.next_seqs == {"alpha": 2, "beta": 3}
    run = Run(tmp_path, 6, found.next_seqs)
    run.deliver(report("o", "w", "0"), 2)
    run.end()
    _, found = recalled(tmp_path, 7)
    assert found.next_seqs == {"alpha": 3, "beta": 3}


def test_a_run_that_ended_before_its_start_record_hides_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {"alpha": 7})
    run.intent(order("o"))
    run.end()
    broken = Run(tmp_path, 6)
    broken.journal.append(Kind.TICK, 1, 0, b"")
    broken.end()
    orders, found = recalled(tmp_path, 7)
    assert found.next_seqs == {"alpha": 7}
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
    ("status", "standing"), [("0", Standing.LIVE), ("2", Standing.FILLED), ("8", Standing.REJECTED)]
)
def test_a_reported_order_stands_as_last_reported(
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
    assert known.exec_ids == {"9"}
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


def test_a_request_refused_after_its_intent_may_be_used_again(tmp_path: Path) -> None:
    run = Run(tmp_path, 5, {})
    run.intent(order("o"))
    run.deliver(Refused(0, 5, "", False, 1, "o", "too_old", "late"), 1)
    run.end()
    orders, _ = recalled(tmp_path, 6)
    assert orders.find(1, "o") is None


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
