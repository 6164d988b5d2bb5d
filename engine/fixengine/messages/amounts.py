"""Amounts are plain decimal text from end to end, and never float."""

from __future__ import annotations

import re
from decimal import Decimal

PLAIN_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?\Z")

Amount = str | int | Decimal
"""What constructors take for a price or a quantity; a float is refused."""

AMOUNT_CHARACTERS_MAX = 64
AMOUNT_CHARACTERS_SHOWN = 40
"""How much of a wrong amount an error repeats."""


def decimal_text(value: Amount, name: str) -> str:
    """The plain decimal text (digits, optionally a point and digits) of a price or quantity.

    Takes text in that form, a non-negative int, or a finite non-negative Decimal, and changes no
    digit: Decimal("1.50") gives "1.50". Raises TypeError for a float or any other type, and
    ValueError for a value without that plain form or with more than 64 characters of it; both
    name the field.
    """
    # Bounded before it is written out: few bytes of a number can stand for any number of digits.
    text: str | None = None
    if isinstance(value, str):
        text = str(value)
    elif isinstance(value, Decimal):
        if abs(value.adjusted()) <= AMOUNT_CHARACTERS_MAX:
            text = format(value, "f")
    elif isinstance(value, float):
        raise TypeError(
            f"{name}: a float ({value!r}) is not exact; give text, an int or a Decimal,"
            f" such as {name}='{value!r}'"
        )
    elif isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: expected text, int or Decimal, not {type(value).__name__}")
    elif abs(value) < 10**AMOUNT_CHARACTERS_MAX:
        text = str(value)
    if text is None or len(text) > AMOUNT_CHARACTERS_MAX:
        raise ValueError(
            f"{name}: longer than {AMOUNT_CHARACTERS_MAX} characters as plain decimal text"
        )
    if not PLAIN_DECIMAL.match(text):
        shown = text[:AMOUNT_CHARACTERS_SHOWN]
        raise ValueError(f"{name}: {shown!r} is not plain decimal text such as '0.015'")
    return text
