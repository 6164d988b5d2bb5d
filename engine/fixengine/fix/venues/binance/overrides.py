"""Where our table departs from the official dictionaries on purpose, and why.

The one list of it: tests hold the table against the dictionaries with nothing else set aside, and
that every entry is still needed; `fixengine dictionary diff` leaves these out. Where prose and
dictionary disagree and we follow the dictionary (types of 17, 66, 574, 1003, 25018, 25056 on the
wire; 1385 and 38 of an amend required; 37 in ListStatus optional; 893 still defined), nothing
differs and nothing stands here.

Source: spec section 15, and section 6 for UTF-8.
"""

from __future__ import annotations

from typing import Final

from fixengine.fix.venue import Override

ORDER_ENTRY = "order_entry"
MARKET_DATA = "market_data"
SCOPES = (ORDER_ENTRY, MARKET_DATA)

NAMING = (
    "an integer on this wire that names a thing; kept as text, because other venues have UUIDs or"
    " letters there"
)
CHOOSING = "an integer that chooses among values; kept as text, like the enumerated characters"
PASSED_ON = "an integer that is passed on unread; kept as the text it came as"
UNICODE = "UTF-8 since 2025-12, which the dictionary has no word for"
ONE_LOGON = (
    "one message serves request and reply; the prose requires it of the side that has to send it"
)
SIGNED_SAMPLE = "the order of the prose's signed sample, which our Logon reproduces byte for byte"
NEWS = "the prose lists News among the administrative messages; our session answers to it"
LIST_REFUSED = (
    "the prose has it for the whole list, the dictionary only for each order; accepted at both"
    " levels"
)

OVERRIDES: Final = (
    *(
        Override(ORDER_ENTRY, "", tag, "type", "INT", "id", NAMING)
        for tag in (17, 37, 66, 70, 1003, 25016, 25024, 25027, 25029)
    ),
    *(
        Override(ORDER_ENTRY, "", tag, "type", "INT", "id", CHOOSING)
        for tag in (103, 139, 429, 431, 532, 835, 1385, 1386)
    ),
    *(Override(MARKET_DATA, "", tag, "type", "INT", "id", NAMING) for tag in (1003, 25016)),
    Override(MARKET_DATA, "", 559, "type", "INT", "id", CHOOSING),
    *(Override(MARKET_DATA, "", tag, "type", "STRING", "utf8", UNICODE) for tag in (15, 55)),
    *(
        Override(ORDER_ENTRY, "", tag, "type", "INT", "id", CHOOSING)
        for tag in (25002, 25021, 25033, 25038, 25056)
    ),
    *(Override(ORDER_ENTRY, "", tag, "type", "INT", "id", PASSED_ON) for tag in (847, 7940, 25009)),
    *(
        Override(ORDER_ENTRY, "", tag, "type", "STRING", "utf8", UNICODE)
        for tag in (55, 138, 25028)
    ),
    *(Override(scope, "A", 98, "required", "N", "Y", ONE_LOGON) for scope in SCOPES),
    *(
        Override(scope, "A", tag, "required", "N", "client only", ONE_LOGON)
        for scope in SCOPES
        for tag in (95, 96, 141, 553, 25035)
    ),
    *(Override(scope, "A", 95, "place", "108", "first", SIGNED_SAMPLE) for scope in SCOPES),
    *(Override(scope, "A", 25037, "required", "N", "venue only", ONE_LOGON) for scope in SCOPES),
    *(Override(ORDER_ENTRY, "N", tag, "field", "", "N", LIST_REFUSED) for tag in (103, 25016, 58)),
    *(Override(scope, "B", 0, "category", "app", "admin", NEWS) for scope in SCOPES),
    *(
        Override(
            ORDER_ENTRY,
            "",
            1109,
            f"value {value}",
            f"TRIGGER_IF_THE_PRICE_OF_THE_SPECIFIED_TYPE_GOES_{name}_TO_OR_THROUGH_THE_SPECIFIED"
            "_TRIGGER_PRICE",
            name,
            "the prose's word for the same, short enough to be read",
        )
        for value, name in (("U", "UP"), ("D", "DOWN"))
    ),
    *(
        Override(
            scope,
            "",
            373,
            "value 12",
            "",
            "XML_VALIDATION_ERROR",
            "only the prose lists it; a Reject with it must be readable",
        )
        for scope in SCOPES
    ),
    *(
        Override(
            scope,
            "",
            25004,
            f"value {value}",
            "",
            name,
            "the other dictionary lists it; there is one LimitType for all sessions",
        )
        for scope, value, name in (
            (ORDER_ENTRY, "3", "SUBSCRIPTION_LIMIT"),
            (MARKET_DATA, "1", "ORDER_LIMIT"),
        )
    ),
)
