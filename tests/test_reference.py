"""The codec against the reference decoder: any stream, in any chunks, by every loop."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import reference
import streams
from fixengine import wire
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LEVELS = (0, 1, 2)


class Drawn:
    """Choices by hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def below(self, n: int) -> int:
        return self.data.draw(st.integers(0, n - 1))


class Seeded:
    """Choices by a seeded generator: many more of them in a second."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def below(self, n: int) -> int:
        return self.chance.randrange(n)


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    yield
    wire._level(-1)  # type: ignore[attr-defined]


def differ(choices: streams.Choices) -> None:
    """One stream through the reference and through the codec in every way there is."""
    stream = streams.some_stream(choices)
    chunks = streams.some_chunks(stream, choices)
    limit = (1 << 20, 1 << 20, 300)[choices.below(3)]
    resync = bool(choices.below(2))
    expected = streams.observed_stream(
        reference.Framer(limit, resync), [stream], streams.REFERENCE_PLANS, False
    )
    for level in LEVELS:
        wire._level(level)  # type: ignore[attr-defined]
        for at_once in (False, True):
            framer = wire.Framer(limit, resync, streams.PLANS if at_once else None)
            parts = chunks if (level + at_once) % 2 else [stream]
            found = streams.observed_stream(
                framer, parts, streams.PLANS, at_once, in_place=choices.below(2) == 1
            )
            assert found == expected


@given(st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_drawn_streams(data: st.DataObject) -> None:
    differ(Drawn(data))


@pytest.mark.parametrize("seed", range(10))
def test_seeded_streams(seed: int) -> None:
    for at in range(25):
        differ(Seeded(seed * 1000 + at))


def test_the_reference_reads_the_corpus() -> None:
    """It is not only equal, it is right: values it must give, written out here."""
    body = b"35=B\x0134=7\x0155=\xe8\xbf\x99\x0160=20240630-23:59:60.5\x01"
    framer = reference.Framer(plans=streams.REFERENCE_PLANS)
    framer.feed(streams.repaired(body.replace(b"60.5", b"60.500")) + b"8=FIX")
    message = next(framer)
    assert message.value("symbol") == "这"
    assert message.time_ns("time") == wire.stamp_ns(b"20240701-00:00:00.500")
    assert (message.get_int(34), message.missing, message.extra) == (7, (), [])
    assert next(framer, None) is None
    assert framer.rest == b"8=FIX"
