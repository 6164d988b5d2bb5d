"""A question to the engine whose answer comes under its number, beside the events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixengine.messages import Message, encode


class Inquiry:
    """One kind of question. make: the request with a number. is_last: whether a part of the answer
    completes it. It is asked again on a new connection, where an answer is waited for.
    """

    def __init__(self, make: Callable[[int], Message], is_last: Callable[[Any], bool]) -> None:
        self._make = make
        self._is_last = is_last
        self._number = 0
        self._parts: list[Any] = []
        self.is_due = False

    def want(self) -> None:
        """A new answer is wanted; what came of an earlier request is forgotten."""
        self._parts.clear()
        self.is_due = True

    def ask(self) -> bytes:
        """The bytes of a new request; `asked` when it was sent."""
        self._number += 1
        self._parts.clear()
        return encode(self._make(self._number))

    def asked(self) -> None:
        """The request was sent; it is due again on the next connection."""
        self.is_due = False

    def hear(self, part: Any) -> None:
        """A part of an answer, to whichever request."""
        if part.request_id == self._number:
            self._parts.append(part)

    def take(self) -> list[Any] | None:
        """The parts of the answer to the last request; None while it is not complete."""
        if not self._parts or not self._is_last(self._parts[-1]):
            return None
        parts, self._parts = self._parts, []
        return parts
