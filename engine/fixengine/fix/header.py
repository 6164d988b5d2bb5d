"""The header of a classic message: from our peer, of now, and honest about being a copy."""

from __future__ import annotations

from collections.abc import Mapping

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.validate import Fault

FATAL = frozenset({fields.COMPID_PROBLEM, fields.SENDINGTIME_ACCURACY_PROBLEM})
"""Reasons after which the session ends."""


def header_fault(
    head: Mapping[int, bytes],
    kind: bytes,
    comp_ids: tuple[bytes, bytes],
    wall_ns: int,
    off_ns_max: int | None,
) -> Fault | None:
    """What is wrong with a header, None where nothing is.

    comp_ids: SenderCompID, TargetCompID as they must be. wall_ns: now. off_ns_max: by how much
    SendingTime<52> may differ from that, None where the clock is not held against it.
    """
    for tag in (fields.SENDER_COMP_ID, fields.TARGET_COMP_ID, fields.SENDING_TIME):
        if tag not in head:
            return Fault(fields.REQUIRED_TAG_MISSING, tag)
        if not head[tag]:
            return Fault(fields.TAG_SPECIFIED_WITHOUT_A_VALUE, tag)
    if (head[fields.SENDER_COMP_ID], head[fields.TARGET_COMP_ID]) != comp_ids:
        return Fault(fields.COMPID_PROBLEM)
    tag = fields.SENDING_TIME
    try:
        sent = wire.stamp_ns(head[tag])
        if off_ns_max is not None and abs(wall_ns - sent) > off_ns_max:
            return Fault(fields.SENDINGTIME_ACCURACY_PROBLEM)
        if head.get(fields.POSS_DUP_FLAG) != b"Y" or kind == fields.SEQUENCE_RESET:
            return None
        tag = fields.ORIG_SENDING_TIME
        if tag not in head:
            return Fault(fields.REQUIRED_TAG_MISSING, tag)
        if wire.stamp_ns(head[tag]) > sent:
            return Fault(fields.SENDINGTIME_ACCURACY_PROBLEM)
    except wire.RemoteProtocolError:
        return Fault(fields.INCORRECT_DATA_FORMAT_FOR_VALUE, tag)
    return None
