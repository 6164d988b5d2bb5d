"""The field tables of Binance Spot order entry and drop copy: every message, both directions.

Rows are in the order of the official QuickFIX dictionary; a field is required where the prose
says so for a request, and where prose or dictionary says so for an answer. Where table and
dictionary differ, overrides.py says why. Integers that name something (an order, an execution, a
choice among values) are typed `id` and kept as text, because other venues have UUIDs or letters
in their place; integers that count are typed `int`.

A layout says how a message looks, not that anybody here plays it: that stands in PLAYED.

Source: spec sections 8-10 and 15.
"""

from __future__ import annotations

from fixengine.fix import fields
from fixengine.fix.venue import Layout, Row, Sender

CLIENT = frozenset({Sender.CLIENT})
VENUE = frozenset({Sender.VENUE})
BOTH = frozenset({Sender.CLIENT, Sender.VENUE})

TRIGGER = (
    Row(1100, "trigger_type", "char"),
    Row(1101, "trigger_action", "char"),
    Row(1102, "trigger_price", "price"),
    Row(1107, "trigger_price_type", "char"),
    Row(1109, "trigger_price_direction", "char"),
    Row(25009, "trigger_trailing_delta_bips", "id"),
)
PEG = (
    Row(211, "peg_offset_value", "float"),
    Row(1094, "peg_price_type", "char"),
    Row(835, "peg_move_type", "id"),
    Row(836, "peg_offset_type", "char"),
)

NEW_ORDER = (
    Row(11, "cl_ord_id", "str", True),
    Row(38, "order_qty", "qty"),
    Row(40, "ord_type", "char", True),
    Row(18, "exec_inst", "char"),
    Row(44, "price", "price"),
    *TRIGGER,
    *PEG,
    Row(54, "side", "char", True),
    Row(55, "symbol", "utf8", True),
    Row(59, "time_in_force", "char"),
    Row(111, "max_floor", "qty"),
    Row(152, "cash_order_qty", "qty"),
    Row(847, "target_strategy", "id"),
    Row(7940, "strategy_id", "id"),
    Row(25001, "self_trade_prevention_mode", "char"),
)
"""What a new order is made of, alone, in a list, or in the place of a cancelled one."""

NEW_ORDER_SINGLE = (*NEW_ORDER, Row(25032, "sor", "bool"))

LIST_TRIGGERING_INSTRUCTIONS = (
    Row(25011, "list_trigger_type", "char", True, True),
    Row(25012, "list_trigger_trigger_index", "int", True, True),
    Row(25013, "list_trigger_action", "char", True, True),
)
TRIGGERING_INSTRUCTIONS = Row(
    25010, "list_triggering_instructions", "group", rows=LIST_TRIGGERING_INSTRUCTIONS
)

NEW_ORDER_LIST = (
    Row(25014, "cl_list_id", "str", True),
    Row(1385, "contingency_type", "id", True),
    Row(25046, "opo", "bool"),
    Row(73, "orders", "group", rows=(*NEW_ORDER, TRIGGERING_INSTRUCTIONS)),
)

ORDER_CANCEL_REQUEST = (
    Row(11, "cl_ord_id", "str", True),
    Row(41, "orig_cl_ord_id", "str"),
    Row(37, "order_id", "id"),
    Row(25015, "orig_cl_list_id", "str"),
    Row(66, "list_id", "id"),
    Row(55, "symbol", "utf8", True),
    Row(25002, "cancel_restrictions", "id"),
)

CANCEL_AND_NEW_ORDER = (
    Row(25033, "order_cancel_request_and_new_order_single_mode", "id", True),
    Row(25038, "order_rate_limit_exceeded_mode", "id"),
    Row(37, "order_id", "id"),
    Row(25034, "cancel_cl_ord_id", "str"),
    Row(41, "orig_cl_ord_id", "str"),
    Row(25002, "cancel_restrictions", "id"),
    *NEW_ORDER,
)

ORDER_MASS_CANCEL_REQUEST = (
    Row(55, "symbol", "utf8", True),
    Row(11, "cl_ord_id", "str", True),
    Row(530, "mass_cancel_request_type", "char", True),
)

ORDER_AMEND_KEEP_PRIORITY_REQUEST = (
    Row(11, "cl_ord_id", "str", True),
    Row(41, "orig_cl_ord_id", "str"),
    Row(37, "order_id", "id"),
    Row(55, "symbol", "utf8", True),
    Row(38, "order_qty", "qty", True),
)

MISC_FEES = (
    Row(137, "misc_fee_amt", "qty", False, True),
    Row(138, "misc_fee_curr", "utf8", False, True),
    Row(139, "misc_fee_type", "id", False, True),
)

EXECUTION_REPORT = (
    Row(17, "exec_id", "id"),
    Row(11, "cl_ord_id", "str"),
    Row(41, "orig_cl_ord_id", "str"),
    Row(37, "order_id", "id"),
    Row(38, "order_qty", "qty"),
    Row(40, "ord_type", "char", False, True),
    Row(54, "side", "char", False, True),
    Row(55, "symbol", "utf8", False, True),
    Row(18, "exec_inst", "char"),
    Row(44, "price", "price"),
    *TRIGGER,
    *PEG,
    Row(839, "pegged_price", "price"),
    Row(59, "time_in_force", "char"),
    Row(60, "transact_time", "utc"),
    Row(25018, "order_creation_time", "utc"),
    Row(111, "max_floor", "qty"),
    Row(66, "list_id", "id"),
    Row(152, "cash_order_qty", "qty"),
    Row(847, "target_strategy", "id"),
    Row(7940, "strategy_id", "id"),
    Row(25001, "self_trade_prevention_mode", "char"),
    Row(150, "exec_type", "char", False, True),
    Row(14, "cum_qty", "qty", False, True),
    Row(151, "leaves_qty", "qty"),
    Row(25017, "cum_quote_qty", "qty"),
    Row(1057, "aggressor_indicator", "bool"),
    Row(1003, "trade_id", "id"),
    Row(31, "last_px", "price"),
    Row(32, "last_qty", "qty", False, True),
    Row(39, "ord_status", "char", False, True),
    Row(70, "alloc_id", "id"),
    Row(574, "match_type", "str"),
    Row(25021, "working_floor", "id"),
    Row(636, "working_indicator", "bool"),
    Row(25023, "working_time", "utc"),
    Row(25022, "trailing_time", "utc"),
    Row(25024, "prevented_match_id", "id"),
    Row(25025, "prevented_execution_price", "price"),
    Row(25026, "prevented_execution_qty", "qty"),
    Row(25027, "trade_group_id", "id"),
    Row(25028, "counter_symbol", "utf8"),
    Row(25029, "counter_order_id", "id"),
    Row(25030, "prevented_qty", "qty"),
    Row(25031, "last_prevented_qty", "qty"),
    Row(25032, "sor", "bool"),
    Row(136, "misc_fees", "group", False, False, MISC_FEES),
    Row(103, "ord_rej_reason", "id"),
    Row(25016, "venue_code", "id"),
    Row(58, "text", "str"),
    Row(25056, "expiry_reason", "id"),
)

ORDER_CANCEL_REJECT = (
    Row(11, "cl_ord_id", "str", False, True),
    Row(41, "orig_cl_ord_id", "str"),
    Row(37, "order_id", "id"),
    Row(25015, "orig_cl_list_id", "str"),
    Row(66, "list_id", "id"),
    Row(55, "symbol", "utf8", False, True),
    Row(25002, "cancel_restrictions", "id"),
    Row(434, "cxl_rej_response_to", "char", False, True),
    Row(25016, "venue_code", "id", False, True),
    Row(58, "text", "str", False, True),
)

ORDER_MASS_CANCEL_REPORT = (
    Row(55, "symbol", "utf8", False, True),
    Row(11, "cl_ord_id", "str", False, True),
    Row(530, "mass_cancel_request_type", "char", False, True),
    Row(531, "mass_cancel_response", "char", False, True),
    Row(532, "mass_cancel_reject_reason", "id"),
    Row(533, "total_affected_orders", "int"),
    Row(25016, "venue_code", "id"),
    Row(58, "text", "str"),
)

REFUSED = (
    Row(103, "ord_rej_reason", "id"),
    Row(25016, "venue_code", "id"),
    Row(58, "text", "str"),
)

LISTED_ORDER = (
    Row(11, "cl_ord_id", "str", False, True),
    Row(55, "symbol", "utf8", False, True),
    Row(37, "order_id", "id"),
    TRIGGERING_INSTRUCTIONS,
    *REFUSED,
)

LIST_STATUS = (
    Row(55, "symbol", "utf8"),
    Row(66, "list_id", "id"),
    Row(25014, "cl_list_id", "str"),
    Row(25015, "orig_cl_list_id", "str"),
    Row(1385, "contingency_type", "id"),
    Row(429, "list_status_type", "id", False, True),
    Row(431, "list_order_status", "id", False, True),
    Row(1386, "list_reject_reason", "id"),
    Row(60, "transact_time", "utc"),
    # Before the group: behind it they would be its last order's, as the dictionary has them.
    *REFUSED,
    Row(73, "orders", "group", rows=LISTED_ORDER),
)

ORDER_AMEND_REJECT = (
    Row(11, "cl_ord_id", "str", False, True),
    Row(41, "orig_cl_ord_id", "str"),
    Row(37, "order_id", "id"),
    Row(55, "symbol", "utf8", False, True),
    Row(38, "order_qty", "qty", False, True),
    Row(25016, "venue_code", "id", False, True),
    Row(58, "text", "str", False, True),
)

LIMIT_QUERY = (Row(6136, "req_id", "str", True),)

LIMIT_INDICATORS = (
    Row(25004, "limit_type", "char", False, True),
    Row(25005, "limit_count", "int", False, True),
    Row(25006, "limit_max", "int", False, True),
    Row(25007, "limit_reset_interval", "int"),
    Row(25008, "limit_reset_interval_resolution", "char"),
)

LIMIT_RESPONSE = (
    Row(6136, "req_id", "str", False, True),
    Row(25003, "limit_indicators", "group", False, True, LIMIT_INDICATORS),
)

LOGON = (
    Row(95, "raw_data_length", "length", True),
    Row(96, "raw_data", "data", True),
    Row(98, "encrypt_method", "int", True, True),
    Row(108, "heart_bt_int", "int", True, True),
    Row(141, "reset_seq_num_flag", "bool", True),
    Row(553, "username", "str", True),
    Row(25035, "message_handling", "int", True),
    Row(25036, "response_mode", "int"),
    Row(25045, "execution_report_type", "int"),
    Row(9406, "drop_copy_flag", "bool"),
    Row(25037, "uuid", "str", False, True),
    Row(25050, "sbe_schema_id", "int"),
    Row(25051, "sbe_schema_version", "int"),
)

REJECT = (
    Row(45, "ref_seq_num", "int"),
    Row(371, "ref_tag_id", "int"),
    Row(372, "ref_msg_type", "str"),
    Row(373, "session_reject_reason", "int"),
    Row(25016, "venue_code", "id"),
    Row(58, "text", "str"),
)

LAYOUTS = (
    Layout(b"0", "Heartbeat", BOTH, True, (Row(112, "test_req_id", "str"),)),
    Layout(b"1", "TestRequest", BOTH, True, (Row(112, "test_req_id", "str", True, True),)),
    Layout(b"3", "Reject", VENUE, True, REJECT),
    Layout(b"5", "Logout", BOTH, True, (Row(58, "text", "str"),)),
    Layout(b"8", "ExecutionReport", VENUE, False, EXECUTION_REPORT),
    Layout(b"9", "OrderCancelReject", VENUE, False, ORDER_CANCEL_REJECT),
    Layout(b"A", "Logon", BOTH, True, LOGON),
    Layout(b"B", "News", VENUE, True, (Row(148, "headline", "str", False, True),)),
    Layout(b"D", "NewOrderSingle", CLIENT, False, NEW_ORDER_SINGLE),
    Layout(b"E", "NewOrderList", CLIENT, False, NEW_ORDER_LIST),
    Layout(b"F", "OrderCancelRequest", CLIENT, False, ORDER_CANCEL_REQUEST),
    Layout(b"N", "ListStatus", VENUE, False, LIST_STATUS),
    Layout(
        b"XAK", "OrderAmendKeepPriorityRequest", CLIENT, False, ORDER_AMEND_KEEP_PRIORITY_REQUEST
    ),
    Layout(b"XAR", "OrderAmendReject", VENUE, False, ORDER_AMEND_REJECT),
    Layout(b"XCN", "OrderCancelRequestAndNewOrderSingle", CLIENT, False, CANCEL_AND_NEW_ORDER),
    Layout(b"XLQ", "LimitQuery", CLIENT, False, LIMIT_QUERY),
    Layout(b"XLR", "LimitResponse", VENUE, False, LIMIT_RESPONSE),
    Layout(b"q", "OrderMassCancelRequest", CLIENT, False, ORDER_MASS_CANCEL_REQUEST),
    Layout(b"r", "OrderMassCancelReport", VENUE, False, ORDER_MASS_CANCEL_REPORT),
)

PLAYED = frozenset(
    {
        fields.LIMIT_RESPONSE,
        fields.HEARTBEAT,
        fields.TEST_REQUEST,
        fields.REJECT,
        fields.LOGOUT,
        fields.EXECUTION_REPORT,
        fields.ORDER_CANCEL_REJECT,
        fields.LOGON,
        fields.NEWS,
        fields.NEW_ORDER_SINGLE,
        fields.NEW_ORDER_LIST,
        fields.LIST_STATUS,
        fields.ORDER_CANCEL_REQUEST,
        fields.ORDER_CANCEL_REQUEST_AND_NEW_ORDER_SINGLE,
        fields.ORDER_AMEND_KEEP_PRIORITY_REQUEST,
        fields.ORDER_AMEND_REJECT,
        fields.ORDER_MASS_CANCEL_REQUEST,
        fields.ORDER_MASS_CANCEL_REPORT,
        fields.LIMIT_QUERY,
    }
)
"""The kinds that the engine and the built-in venue play; the other layouts only describe."""
