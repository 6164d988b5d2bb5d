"""Classic FIX 4.2 and 4.4: numbers that last, resends, and the standard's own reasons to refuse.

A counterparty of this kind has no name of its own: who it is stands in the two CompIDs, which
`plain` takes. The facts of a version stand in fix42.py and fix44.py, the messages written by table
in tables.py.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fixengine.fix import fields, grammar
from fixengine.fix.venue import Rules, Sender, Venue
from fixengine.fix.venues.binance.hooks import make_cl_ord_id, own
from fixengine.fix.venues.plain import fix42, fix44
from fixengine.fix.venues.plain.tables import LAYOUTS, TAKEN

__all__ = ["VERSIONS", "plain"]

SECOND_NS = 1_000_000_000
VERSIONS = {"FIX.4.2": fix42, "FIX.4.4": fix44}
RULES = {
    # An order is never sent twice of our own accord: what a client sent is always gap-filled.
    Sender.CLIENT: Rules(
        strict=False,
        gap="resend",
        silence_percent=120,
        check_clock=True,
        silence_text="no answer to TestRequest",
    ),
    Sender.VENUE: Rules(
        strict=False,
        gap="resend",
        silence_percent=120,
        check_clock=True,
        resends=True,
        test_req_id="TEST",
    ),
}


def logon_values(heart_bt_int: int, reset: bool) -> dict[str, Any]:
    """Values of a Logon, the same from both sides. reset: both sides start at 1 again."""
    return {
        "encrypt_method": 0,
        "heart_bt_int": heart_bt_int,
        "reset_seq_num_flag": "Y" if reset else None,
    }


def logon_payload(*_: object) -> bytes:
    """Nothing of a classic Logon is signed."""
    return b""


def plain(version: str, venue_comp_id: str) -> Venue:
    """The table of one counterparty. version: a key of VERSIONS; KeyError for any other."""
    facts: ModuleType = VERSIONS[version]
    found = grammar.read(
        facts.FIELDS,
        facts.VALUES,
        facts.HEADER,
        facts.TRAILER,
        facts.COMPONENTS,
        facts.MESSAGES,
        facts.OTHERS,
    )
    return Venue(
        name="plain",
        begin_string=version.encode(),
        venue_comp_id=venue_comp_id,
        header=(
            fields.MSG_SEQ_NUM,
            fields.SENDER_COMP_ID,
            fields.SENDING_TIME,
            fields.TARGET_COMP_ID,
        ),
        stamp_digits=3,
        layouts=LAYOUTS,
        played=frozenset(layout.kind for layout in LAYOUTS),
        names=found.names,
        kinds=found.kinds,
        enums={},
        scopes={},
        overrides=(),
        profiles={},
        rules=RULES,
        complaints={},
        heartbeat_s_min=1,
        heartbeat_s_max=3600,
        recv_window_ms_default=0,
        recv_window_ms_max=0,
        clock_ahead_ns_max=120 * SECOND_NS,
        id_pattern=r"^[!-~]{1,64}$",
        comp_id_pattern=r"^[!-~]{1,64}$",
        unknown_codes=frozenset(),
        refusals={},
        logon_values=logon_values,
        logon_payload=logon_payload,
        make_cl_ord_id=make_cl_ord_id,
        own=own,
        grammar=found,
        taken=TAKEN,
    )
