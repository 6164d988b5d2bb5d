"""How the messages of market data look, by the official dictionary of these sessions.

They are not among the venue's layouts: nothing here reads, writes or plays market data yet. What
a newer dictionary changes in them is told all the same (`fixengine dictionary diff`).

Source: spec sections 11 and 15.
"""

from __future__ import annotations

from typing import Final

from fixengine.fix.venue import Layout, Row
from fixengine.fix.venues.binance.tables import BOTH, CLIENT, LOGON, VENUE

ORDER_ENTRY_ONLY = frozenset({25036, 25045, 9406})
"""Fields that the Logon of these sessions has not: of responses, reports and drop copies."""

INSTRUMENT_LIST_REQUEST = (
    Row(320, "instrument_req_id", "str", True),
    Row(559, "instrument_list_request_type", "id", True),
    Row(55, "symbol", "utf8"),
)

INSTRUMENT = (
    Row(55, "symbol", "utf8", False, True),
    Row(15, "currency", "utf8", False, True),
    Row(562, "min_trade_vol", "qty"),
    Row(1140, "max_trade_vol", "qty"),
    Row(25039, "min_qty_increment", "qty"),
    Row(25040, "market_min_trade_vol", "qty"),
    Row(25041, "market_max_trade_vol", "qty"),
    Row(25042, "market_min_qty_increment", "qty"),
    Row(2551, "start_price_range", "price"),
    Row(2552, "end_price_range", "price"),
    Row(969, "min_price_increment", "price"),
)

INSTRUMENT_LIST = (
    Row(320, "instrument_req_id", "str", False, True),
    Row(146, "related_sym", "group", False, True, INSTRUMENT),
)

MARKET_DATA_REQUEST = (
    Row(262, "md_req_id", "str", True),
    Row(263, "subscription_request_type", "char", True),
    Row(264, "market_depth", "int"),
    Row(146, "related_sym", "group", rows=(Row(55, "symbol", "utf8", True),)),
    Row(267, "md_entry_types", "group", rows=(Row(269, "md_entry_type", "char", True),)),
    Row(266, "aggregated_book", "bool"),
)

MARKET_DATA_REQUEST_REJECT = (
    Row(262, "md_req_id", "str", False, True),
    Row(281, "md_req_rej_reason", "char"),
    Row(25016, "venue_code", "id"),
    Row(58, "text", "str"),
)

LEVEL = (
    Row(269, "md_entry_type", "char", False, True),
    Row(270, "md_entry_px", "price", False, True),
    Row(271, "md_entry_size", "qty", False, True),
)

MARKET_DATA_SNAPSHOT = (
    Row(262, "md_req_id", "str", False, True),
    Row(55, "symbol", "utf8", False, True),
    Row(25044, "last_book_update_id", "int"),
    Row(268, "md_entries", "group", False, True, LEVEL),
)

CHANGE = (
    Row(279, "md_update_action", "char", False, True),
    Row(270, "md_entry_px", "price", False, True),
    Row(271, "md_entry_size", "qty"),
    Row(269, "md_entry_type", "char", False, True),
    Row(55, "symbol", "utf8", inherited=True),
    Row(60, "transact_time", "utc"),
    Row(1003, "trade_id", "id"),
    Row(2446, "aggressor_side", "char"),
    Row(25043, "first_book_update_id", "int", inherited=True),
    Row(25044, "last_book_update_id", "int", inherited=True),
)

MARKET_DATA_INCREMENTAL_REFRESH = (
    Row(262, "md_req_id", "str", False, True),
    Row(893, "last_fragment", "bool"),
    Row(268, "md_entries", "group", False, True, CHANGE),
)

LAYOUTS: Final = (
    Layout(b"A", "Logon", BOTH, True, tuple(r for r in LOGON if r.tag not in ORDER_ENTRY_ONLY)),
    Layout(b"V", "MarketDataRequest", CLIENT, False, MARKET_DATA_REQUEST),
    Layout(b"W", "MarketDataSnapshot", VENUE, False, MARKET_DATA_SNAPSHOT),
    Layout(b"X", "MarketDataIncrementalRefresh", VENUE, False, MARKET_DATA_INCREMENTAL_REFRESH),
    Layout(b"Y", "MarketDataRequestReject", VENUE, False, MARKET_DATA_REQUEST_REJECT),
    Layout(b"x", "InstrumentListRequest", CLIENT, False, INSTRUMENT_LIST_REQUEST),
    Layout(b"y", "InstrumentList", VENUE, False, INSTRUMENT_LIST),
)
