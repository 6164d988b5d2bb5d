"""What a client may be given. Each check raises TypeError or ValueError that names the argument."""

from __future__ import annotations

from numbers import Real
from typing import Any

import msgspec

from fixengine.messages import CL_ORD_ID, MESSAGE_BYTES_MAX, Message, encode, wrong_field

MS_MAX = (1 << 31) - 1
"""Longest of all durations in milliseconds: 24 days."""

TIMEOUT_S_MAX = 1_000_000_000
CHARACTERS_SHOWN = 40


def check_whole(name: str, value: int, highest: int) -> None:
    """A whole number from 1 to highest."""
    if type(value) is not int:
        raise TypeError(f"{name}: expected a whole number, not {type(value).__name__}")
    if not 1 <= value <= highest:
        raise ValueError(f"{name}: expected a whole number from 1 to {highest}")


def check_text(name: str, value: str) -> None:
    """Text that can be sent."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected text, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as problem:
        raise ValueError(f"{name}: {problem}") from problem


def check_id(name: str, value: str) -> None:
    """Text in the form of a cl_ord_id."""
    check_text(name, value)
    if not CL_ORD_ID.match(value):
        shown = value[:CHARACTERS_SHOWN]
        raise ValueError(f"{name}: {shown!r} is not 1..36 characters of a-z A-Z 0-9 - _")


def check_timeout(timeout: float | None) -> None:
    """Seconds to wait, or None."""
    if timeout is None:
        return
    if not isinstance(timeout, Real):
        raise TypeError(f"timeout: expected seconds or None, not {type(timeout).__name__}")
    if not -TIMEOUT_S_MAX <= timeout <= TIMEOUT_S_MAX:
        raise ValueError(f"timeout: expected at most {TIMEOUT_S_MAX} seconds; None waits for ever")


def check_fields(message: Message) -> None:
    """A message whose every value fits its field."""
    values: tuple[Any, ...] = msgspec.structs.astuple(message)
    wrong = wrong_field(type(message), values)
    if wrong is not None:
        name, problem = wrong
        of_type = isinstance(problem, TypeError | msgspec.ValidationError)
        raise (TypeError if of_type else ValueError)(f"{name}: {problem}") from problem


def check_size(message: Message, payload: bytes) -> None:
    """Bytes that the engine's bus takes; more of them would cost the connection."""
    if len(payload) <= MESSAGE_BYTES_MAX:
        return
    values: dict[str, Any] = msgspec.structs.asdict(message)
    name = max(values, key=lambda name: len(encode(values[name])))
    kind, size = type(message).__name__, len(payload)
    raise ValueError(
        f"{name}: too long; {kind} takes {size} bytes, expected at most {MESSAGE_BYTES_MAX} bytes"
    )
