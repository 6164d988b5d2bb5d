"""Encoding 512 different new orders from their Structs, a new id and sequence number each."""

from __future__ import annotations

from collections.abc import Callable

from fixengine.fix.venue import Sender, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import NewOrderSingle
from fixengine.wire import Writer, stamp
from pytest_benchmark.fixture import BenchmarkFixture

from bench import corpus

VALUES = corpus.orders()
ORDERS = [NewOrderSingle(**values) for values in VALUES]
NEW_ORDER = template(BINANCE_SPOT, b"D", Sender.CLIENT, "EXAMPLE")
NOW_NS = 1_784_624_850_123_456_000
TIME = "20260721-09:07:30.123456"
EMPTY: Callable[[], bool] = b"".isalpha
EXPECTED = corpus.digest([corpus.order_message(order, at, TIME) for at, order in enumerate(VALUES)])


def baseline() -> int:
    """As many empty calls of a compiled method as there are orders."""
    for _ in ORDERS:
        EMPTY()
    return len(ORDERS)


def from_structs() -> list[bytes]:
    """By template, stamped with the time of this wake-up."""
    now = stamp(NOW_NS)
    encode = NEW_ORDER.encode
    return [encode(order, at, now) for at, order in enumerate(ORDERS)]


def with_replaced_ids() -> list[bytes]:
    """By template, the strategy's id replaced by that of the wire, as the engine does it."""
    now = stamp(NOW_NS)
    encode = NEW_ORDER.encode
    return [
        encode(order, at, now, {"cl_ord_id": f"1-tjq3wk0-{at:x}"})
        for at, order in enumerate(ORDERS)
    ]


def field_by_field() -> list[bytes]:
    """By writer."""
    writer = Writer(b"FIX.4.4")
    now = stamp(NOW_NS)
    written = []
    for at, order in enumerate(ORDERS):
        writer.start(b"D")
        writer.text(49, "EXAMPLE")
        writer.text(56, "SPOT")
        writer.number(34, at)
        writer.text(52, now)
        writer.text(11, order.cl_ord_id)
        writer.decimal(38, order.order_qty or "")
        writer.text(40, order.ord_type)
        writer.decimal(44, order.price or "")
        writer.text(54, order.side)
        writer.utf8(55, order.symbol)
        writer.text(59, order.time_in_force or "")
        written.append(writer.finish())
    return written


def stamps() -> list[bytes]:
    """The text of as many times, a microsecond apart."""
    return [stamp(NOW_NS + 1000 * at) for at in range(len(ORDERS))]


def test_baseline(benchmark: BenchmarkFixture) -> None:
    assert benchmark(baseline) == corpus.MIX_COUNT


def test_template(benchmark: BenchmarkFixture) -> None:
    assert corpus.digest(benchmark(from_structs)) == EXPECTED


def test_template_with_replaced_ids(benchmark: BenchmarkFixture) -> None:
    assert corpus.digest(benchmark(with_replaced_ids)) == EXPECTED


def test_writer(benchmark: BenchmarkFixture) -> None:
    assert corpus.digest(benchmark(field_by_field)) == EXPECTED


def test_stamp(benchmark: BenchmarkFixture) -> None:
    found = benchmark(stamps)
    expected = [f"20260721-09:07:30.{123456 + at:06d}".encode() for at in range(len(ORDERS))]
    assert corpus.digest(found) == corpus.digest(expected)
