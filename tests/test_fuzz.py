"""The fuzzer's proofs without its fuzzer: over the corpus, and over seeded mutations of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixengine import wire
from fuzz import harness
from fuzz.corpus_files import inputs

MUTATIONS = 6000


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    yield
    wire._level(-1)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", inputs("codec"), ids=lambda path: path.name)
def test_the_corpus_of_the_codec(path: Path) -> None:
    harness.one(path.read_bytes())


@pytest.mark.parametrize("path", inputs("headers"), ids=lambda path: path.name)
def test_the_corpus_of_the_headers(path: Path) -> None:
    """Its inputs are a byte of choices and the body of a message."""
    for repair in (b"\0", b"\1"):
        harness.one(b"\0" + repair + b"\1\0\0\3" + path.read_bytes()[1:])


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The input with a few bytes flipped, cut out, put in or repeated."""
    raw = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(4):
            case 0:
                raw[at : at + 1] = chance.randbytes(1)
            case 1:
                raw[at : at + chance.randrange(1, 9)] = b""
            case 2:
                raw[at:at] = chance.choice((b"\x01", b"=", bytes(8), b"\xff", b"9" * 20))
            case _:
                raw[at:at] = raw[at : at + chance.randrange(30)]
    return bytes(raw)


def test_seeded_mutations_of_the_corpus() -> None:
    chance = random.Random(20260721)
    corpus = [path.read_bytes() for path in inputs("codec")]
    for _ in range(MUTATIONS):
        data = mutated(chance.choice(corpus), chance)
        harness.one(bytes([chance.randrange(len(harness.PROOFS))]) + data[1:])
