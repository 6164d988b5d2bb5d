"""The few things of Binance Spot that are functions: the logon's signature, order ids.

Source: spec sections 3, 5 and 6.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from fixengine.fix import fields


def logon_payload(
    sender_comp_id: str, target_comp_id: str, msg_seq_num: int, sending_time: bytes
) -> bytes:
    """What the Ed25519 key signs: 35, 49, 56, 34, 52 joined by SOH (spec section 3)."""
    return b"\x01".join(
        (
            fields.LOGON,
            sender_comp_id.encode(),
            target_comp_id.encode(),
            str(msg_seq_num).encode(),
            sending_time,
        )
    )


def logon_values(
    signature: bytes,
    api_key: str,
    heart_bt_int: int,
    message_handling: int,
    response_mode: int | None,
) -> dict[str, Any]:
    """Values of our Logon; response_mode None leaves tag 25036 out."""
    return {
        "encrypt_method": 0,
        "heart_bt_int": heart_bt_int,
        "raw_data_length": len(signature),
        "raw_data": signature,
        "reset_seq_num_flag": "Y",
        "username": api_key,
        "message_handling": message_handling,
        "response_mode": response_mode,
    }


DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
PAIRS = [high + low for high in DIGITS for low in DIGITS]
NUMBER = "[1-9a-z][0-9a-z]{0,9}"
OWN = re.compile(f"({NUMBER})-(0|{NUMBER})-(0|{NUMBER})")


def base36(value: int) -> str:
    """A non-negative integer in base 36."""
    text = ""
    while value >= 36:
        value, pair = divmod(value, 36 * 36)
        text = PAIRS[pair] + text
    return (DIGITS[value] + text).lstrip("0") or "0"


def make_cl_ord_id(number: int, epoch: int, counter: int) -> str:
    """ClOrdID of the wire: strategy number, epoch and counter in base 36, joined by '-'.

    number 1..65535, epoch 32 bits, counter 48 bits (see venue.COUNTER_BITS): at most
    4 + 7 + 10 + 2 = 23 characters.
    """
    high, low = divmod(counter, len(PAIRS))
    if high == 0:
        return f"{base36(number)}-{base36(epoch)}-{base36(counter)}"
    return prefix_of(number, epoch, high) + PAIRS[low]


@lru_cache(maxsize=1024)
def prefix_of(number: int, epoch: int, high: int) -> str:
    """What an id begins with; behind it comes one of PAIRS."""
    return f"{base36(number)}-{base36(epoch)}-{base36(high)}"


def own(cl_ord_id: str) -> tuple[int, int, int] | None:
    """(number, epoch, counter) of an id made by make_cl_ord_id; None for anybody else's."""
    parts = OWN.fullmatch(cl_ord_id)
    if parts is None:
        return None
    number, epoch, counter = (int(part, 36) for part in parts.groups())
    if number > 0xFFFF or epoch >= 1 << 32 or counter >= 1 << 48:
        return None
    return number, epoch, counter
