"""What every message on the bus is, and the limits of what stands in one."""

from __future__ import annotations

import re

import msgspec

CL_ORD_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}\Z")
STRATEGY_NAME = re.compile(r"[a-zA-Z0-9_-]{1,32}\Z")
REPORT_SEQ_MAX = (1 << 63) - 1
MESSAGE_BYTES_MAX = 1 << 12
"""Bytes of one message of a strategy; an order takes some 200. The bus cuts off who sends more."""


class Message(
    msgspec.Struct,
    array_like=True,
    tag=True,
    gc=False,
    omit_defaults=False,
):
    """Base of everything on the bus: a tagged msgpack array."""


class Heartbeat(Message):
    """Nothing but a sign of life, in either direction; carries no report_seq."""


def names_of(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """Field names of a struct, in wire order."""
    return struct.__struct_fields__
