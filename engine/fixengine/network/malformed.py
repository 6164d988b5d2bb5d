"""A strategy's bytes that are no message: its name, its id, its wrong field; and the refusal."""

from __future__ import annotations

from typing import Any

import msgspec

from fixengine.desk.orders import Orders
from fixengine.messages import NOT_A_MESSAGE, RefusedReason, request_kinds, wrong_field
from fixengine.network.journal.record import Kind, named
from fixengine.network.strategies import Strategies
from fixengine.network.teller import Teller

RUBBISH_BYTES = 128
PROBLEM_CHARACTERS = 100


def columns_of(payload: bytes) -> list[Any]:
    """The name and the values in bytes that are at least an array; else empty."""
    try:
        columns = msgspec.msgpack.decode(payload)
    except NOT_A_MESSAGE:
        return []
    return columns if isinstance(columns, list) else []


def cl_ord_id_of(columns: list[Any]) -> str:
    """The id in a request that could not be decoded as a whole, or an empty text."""
    return columns[1][:36] if len(columns) > 1 and isinstance(columns[1], str) else ""


def why_malformed(columns: list[Any], problem: Exception) -> str:
    """One line that names the wrong field, or says that this is no message at all.

    It repeats no value: one of them may be a token.
    """
    kind = request_kinds.get(columns[0]) if columns and isinstance(columns[0], str) else None
    wrong = None if kind is None else wrong_field(kind, columns[1:])
    if wrong is not None:
        return f"{wrong[0]}: {wrong[1]}"
    return f"not a bus message: {str(problem)[:PROBLEM_CHARACTERS]}"


def input_of(peer: bytes, payload: bytes) -> bytes:
    """What an ORDER record holds: who sent it, and what."""
    name = peer[:64]
    return named(name if name.isascii() else name.decode("ascii", "replace"), payload)


class Malformed:
    """Answers bytes that are no message, or one with a wrong field."""

    def __init__(self, strategies: Strategies, orders: Orders, teller: Teller) -> None:
        self._strategies = strategies
        self._orders = orders
        self._teller = teller

    def refuse(self, peer: bytes, payload: bytes, problem: Exception, now: int) -> None:
        """Refuse it; only its head is recorded.

        A Hello that cannot be read may hold a secret somewhere: only its length is recorded.
        """
        head = b"%d bytes: " % len(payload)
        head += b"" if b"Hello" in payload[:8] else payload[:RUBBISH_BYTES]
        self._teller.record(Kind.ORDER, now, 0, input_of(peer, head))
        columns = columns_of(payload)
        text = why_malformed(columns, problem)
        strategy = self._strategies.of(peer)
        malformed = RefusedReason.MALFORMED
        if strategy is None:
            self._teller.refuse_peer(peer, "", malformed, text, now)
            return
        cl_ord_id = cl_ord_id_of(columns)
        if self._orders.find(strategy.number, cl_ord_id) is not None:
            # A request of that id did leave: it must not be told that it never did.
            text, cl_ord_id = f"{cl_ord_id}: {text}", ""
        self._teller.refuse(strategy, cl_ord_id, (malformed, text, None), now)
