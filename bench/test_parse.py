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
    """Feed, iterate and look for a field; messages are indexed when they are framed."""
    framer = Framer()
    found: list[object] = []
    for raw in messages:
        framer.feed(raw)
        found.append(next(framer).get(10))
    return found


def values(messages: list[bytes]) -> list[Values]:
    """Feed, iterate, and the 15 fields at once."""
    framer = Framer(plans={b"8": REPORT})
    found = []
    for raw in messages:
        framer.feed(raw)
        found.append(next(framer).values())
    return found


def by_name(messages: list[bytes]) -> list[Values]:
    """Feed, iterate, and the 15 fields one by one, by name."""
    framer = Framer(plans={b"8": REPORT})
    found: list[Values] = []
    for raw in messages:
        framer.feed(raw)
        value = next(framer).value
        found.append(tuple([value(name) for name in corpus.REPORT_COLUMNS]))
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
def test_by_name(benchmark: BenchmarkFixture, case: str) -> None:
    assert corpus.digest(benchmark(by_name, CASES[case])) == expected(CASES[case])
