"""A message of a venue, read: its values by the names of the venue table.

What a session brings is a wire.Message with a plan, and has all of this itself. What comes from
elsewhere, or by a table that lacks some of our names, is made to look like one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fixengine import wire
from fixengine.messages import encode
from fixengine.network.line import REPORT_COLUMNS

FEES = REPORT_COLUMNS.index("misc_fees")


class Values(Protocol):
    """See the module's top."""

    @property
    def extra(self) -> Sequence[tuple[int, bytes]]:
        """Fields this version does not know."""

    def value(self, name: str) -> Any:
        """The value of a field, None where it is not there."""

    def pick(self, names: tuple[str, ...]) -> Sequence[Any]:
        """`value` of each of these names; cheapest with the very same tuple each time."""

    def values(self) -> Sequence[Any]:
        """Of an ExecutionReport or OrderCancelReject all, in the order of the event's columns."""

    def scaled(self, name: str, scale: int) -> int | None:
        """An amount as an integer. Raises RemoteProtocolError for one with more decimals."""

    def pack(self, head: bytes, tail: bytes) -> bytes:
        """`values`, then `extra`, as they stand on the bus, between head and tail."""


class Sparse:
    """Values of a message by a table that lacks some of our names: those are None."""

    def __init__(self, message: wire.Message, names: Sequence[str]) -> None:
        self._message = message
        self._names = names

    @property
    def extra(self) -> Sequence[tuple[int, bytes]]:
        """See Values."""
        return self._message.extra

    def value(self, name: str) -> Any:
        """See Values."""
        return self._message.value(name) if name in self._names else None

    def pick(self, names: tuple[str, ...]) -> Sequence[Any]:
        """See Values."""
        return [self.value(name) for name in names]

    def values(self) -> Sequence[Any]:
        """See Values."""
        return self._message.values()

    def scaled(self, name: str, scale: int) -> int | None:
        """See Values."""
        return self._message.scaled(name, scale)

    def pack(self, head: bytes, tail: bytes) -> bytes:
        """See Values."""
        return packed(self, head, tail)


def packed(values: Values, head: bytes, tail: bytes) -> bytes:
    """What wire.Message.pack does in compiled code; here in plain words.

    A report's fees are its one group, and an absent group is an empty array.
    """
    columns = list(values.values())
    columns[FEES] = columns[FEES] or ()
    return b"".join((head, *map(encode, columns), encode(tuple(values.extra)), tail))
