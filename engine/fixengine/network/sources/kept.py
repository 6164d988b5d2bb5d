"""What the venue told of symbols: instruments.json in engine.state_dir, each with its date.

Read once at start, so that the first orders of a run are held against the rules of the last one;
written whenever a symbol was told anew. It is no record: what cannot be read is nothing, and is
asked for again. Only the process that asks REST touches it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fixengine.network.sources.answers import Symbol

FILE = "instruments.json"
BYTES_MAX = 16 << 20


class Kept:
    """See the module's top."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE
        self._symbols: dict[str, Symbol] | None = None

    def load(self) -> tuple[Symbol, ...]:
        """Every symbol that is there."""
        if self._symbols is None:
            self._symbols = {one.symbol: one for one in self._read()}
        return tuple(self._symbols.values())

    def keep(self, symbols: Iterable[Symbol]) -> None:
        """Keep these too; the file is replaced as a whole. OSError where the disk refuses."""
        self.load()
        assert self._symbols is not None, "it was loaded"
        self._symbols |= {one.symbol: one for one in symbols}
        data = msgspec.json.encode(list(self._symbols.values()))
        beside = self._path.with_suffix(".new")
        with open(beside, "wb", opener=_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def _read(self) -> list[Symbol]:
        try:
            with open(self._path, "rb") as file:
                return msgspec.json.decode(file.read(BYTES_MAX), type=list[Symbol])
        except (OSError, msgspec.DecodeError):
            return []


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
