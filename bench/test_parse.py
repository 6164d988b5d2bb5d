"""Parsing reports: feed, iterate, and 15 named fields read as values. Per 512 messages.

er is one message over and over, ermix 512 different ones; ermix is the figure that counts.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fixengine.fix.venue import Sender, plan
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.wire import Framer
from pytest_benchmark.fixture import BenchmarkFixture

from bench import corpus

CASES = {"er": [corpus.er()] * corpus.MIX_COUNT, "ermix": corpus.ermix()}
REPORT = plan(BINANCE_SPOT, b"8", Sender.VENUE, corpus.REPORT_COLUMNS)
TAGS = (11, 37, 17, 55, 54, 40, 150, 39, 38, 44, 14, 151, 32, 60, 1003)
EMPTY: Callable[[], bool] = b"".isalpha

Values = tuple[object, ...]


def baseline(messages: list[bytes]) -> int:
    """As many empty calls of a compiled method as there are messages."""
    for _ in messages:
        EMPTY()
    return len(messages)


def index(messages: list[bytes]) -> list[object]:
    """Feed, iterate and index: the first touch of a field makes the index of all."""
    framer = Framer()
    found: list[object] = []
    for raw in messages:
        framer.feed(raw)
        found.append(next(framer).get(10))
    return found


def values(messages: list[bytes]) -> list[Values]:
    """Feed, iterate, and the 15 fields at once."""
    framer = Framer()
    found = []
    for raw in messages:
        framer.feed(raw)
        found.append(REPORT.read(next(framer)).values())
    return found


def attributes(messages: list[bytes]) -> list[Values]:
    """Feed, iterate, and the 15 fields by name."""
    framer = Framer()
    found: list[Values] = []
    for raw in messages:
        framer.feed(raw)
        report = REPORT.read(next(framer))
        found.append(
            (
                *(report.cl_ord_id, report.order_id, report.exec_id, report.symbol, report.side),
                *(report.ord_type, report.exec_type, report.ord_status, report.order_qty),
                *(report.price, report.cum_qty, report.leaves_qty, report.last_qty),
                *(report.transact_time, report.trade_id),
            )
        )
    return found


def expected(messages: list[bytes]) -> str:
    """Digest of the 15 fields, read without the codec."""
    found = []
    for raw in messages:
        fields = dict(
            reversed([field.partition(b"=")[::2] for field in raw.split(corpus.SOH)[:-1]])
        )
        texts = [fields.get(b"%d" % tag) for tag in TAGS]
        found.append(tuple(None if text is None else text.decode() for text in texts))
    return corpus.digest(found)


@pytest.mark.parametrize("case", CASES)
def test_baseline(benchmark: BenchmarkFixture, case: str) -> None:
    assert benchmark(baseline, CASES[case]) == corpus.MIX_COUNT


@pytest.mark.parametrize("case", CASES)
def test_index_only(benchmark: BenchmarkFixture, case: str) -> None:
    found = benchmark(index, CASES[case])
    assert corpus.digest(found) == corpus.digest([raw[-4:-1] for raw in CASES[case]])


@pytest.mark.parametrize("case", CASES)
def test_values(benchmark: BenchmarkFixture, case: str) -> None:
    assert corpus.digest(benchmark(values, CASES[case])) == expected(CASES[case])


@pytest.mark.parametrize("case", CASES)
def test_attributes(benchmark: BenchmarkFixture, case: str) -> None:
    assert corpus.digest(benchmark(attributes, CASES[case])) == expected(CASES[case])
