"""Binance Spot order entry as data, and its signing function.

Source: the venue's FIX API documents as of 2026-07-21. tables.py holds the messages, names.py and
enums.py what tags, kinds and values are called, overrides.py where we depart from the official
dictionaries and why, rules.py limits and rules, hooks.py the signature and order ids; web.py REST
and the user data stream, words.py what values are called there; reasons.py what error codes and
texts mean. This room puts them together.

Nothing in this table was tried against the live venue.
"""

from __future__ import annotations

from fixengine.fix import fields
from fixengine.fix.venue import Venue
from fixengine.fix.venues.binance.enums import ENUMS
from fixengine.fix.venues.binance.hooks import logon_payload, logon_values, make_cl_ord_id, own
from fixengine.fix.venues.binance.names import KINDS, NAMES, SCOPES
from fixengine.fix.venues.binance.overrides import OVERRIDES
from fixengine.fix.venues.binance.reasons import reject_reason
from fixengine.fix.venues.binance.rules import (
    COMPLAINTS,
    DROP_COPY,
    ORDER_ENTRY,
    REFUSALS,
    RULES,
    SECOND_NS,
    TOO_MANY_MESSAGES,
    UNKNOWN_CODES,
)
from fixengine.fix.venues.binance.tables import LAYOUTS, PLAYED
from fixengine.fix.venues.binance.web import WEB

__all__ = ["BINANCE_SPOT", "DROP_COPY", "ORDER_ENTRY", "SECOND_NS", "WEB"]

BINANCE_SPOT = Venue(
    name="binance-spot",
    begin_string=b"FIX.4.4",
    venue_comp_id="SPOT",
    header=(
        fields.SENDER_COMP_ID,
        fields.TARGET_COMP_ID,
        fields.MSG_SEQ_NUM,
        fields.SENDING_TIME,
        fields.RECV_WINDOW,
    ),
    stamp_digits=6,
    layouts=LAYOUTS,
    played=PLAYED,
    names=NAMES,
    kinds=KINDS,
    enums=ENUMS,
    scopes=SCOPES,
    overrides=OVERRIDES,
    profiles={"order_entry": ORDER_ENTRY, "drop_copy": DROP_COPY},
    rules=RULES,
    complaints=COMPLAINTS,
    heartbeat_s_min=5,
    heartbeat_s_max=60,
    recv_window_ms_default=5000,
    recv_window_ms_max=60_000,
    clock_ahead_ns_max=SECOND_NS,
    id_pattern=r"^[a-zA-Z0-9-_]{1,36}$",
    comp_id_pattern=r"^[a-zA-Z0-9-_]{1,8}$",
    unknown_codes=UNKNOWN_CODES,
    refusals=REFUSALS,
    logon_values=logon_values,
    logon_payload=logon_payload,
    make_cl_ord_id=make_cl_ord_id,
    own=own,
    too_many_messages=TOO_MANY_MESSAGES,
    web=WEB,
    reject_reason=reject_reason,
)
