"""What can be said of a strategy's bytes that are no message: its name, its id, its wrong field."""

from __future__ import annotations

from typing import Any

import msgspec

from fixengine.messages import NOT_A_MESSAGE, request_kinds, wrong_field

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
