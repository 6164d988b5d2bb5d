"""Framing: bytes in, whole messages out, nothing read in them. Figures are per 512 messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fixengine.wire import Framer
from pytest_benchmark.fixture import BenchmarkFixture

from bench import corpus

MIX = corpus.ermix()
EMPTY: Callable[[], bool] = b"".isalpha
READ_BYTES = 65_536


def baseline() -> int:
    """As many empty calls of a compiled method as there are messages."""
    for _ in MIX:
        EMPTY()
    return len(MIX)


def one_by_one() -> list[int]:
    """One message in each feed, as in ping-pong."""
    framer = Framer()
    lengths = []
    for raw in MIX:
        framer.feed(raw)
        lengths.append(len(next(framer)))
    return lengths


def reads(stream: bytes, size: int) -> Iterator[bytes]:
    """The stream in reads of this size."""
    return (stream[at : at + size] for at in range(0, len(stream), size))


def burst(size: int) -> list[int]:
    """All messages back to back, in reads of this size."""
    framer = Framer()
    lengths = []
    for chunk in reads(b"".join(MIX), size):
        room = framer.get_buffer(len(chunk))
        room[: len(chunk)] = chunk
        framer.buffer_updated(len(chunk))
        lengths += [len(message) for message in framer]
    return lengths


EXPECTED = corpus.digest([len(raw) for raw in MIX])


def test_baseline(benchmark: BenchmarkFixture) -> None:
    assert benchmark(baseline) == corpus.MIX_COUNT


def test_frame_one_by_one(benchmark: BenchmarkFixture) -> None:
    assert corpus.digest(benchmark(one_by_one)) == EXPECTED


@pytest.mark.parametrize("size", [1460, READ_BYTES])
def test_frame_burst(benchmark: BenchmarkFixture, size: int) -> None:
    assert corpus.digest(benchmark(burst, size)) == EXPECTED
