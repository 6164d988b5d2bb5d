"""The messages a classic session writes by table, fields ascending by tag as engines write them.

What is only echoed, re-sent or refused is written field by field and needs no row here.
"""

from __future__ import annotations

from fixengine.fix.venue import Layout, Row, Sender

CLIENT = frozenset({Sender.CLIENT})
VENUE = frozenset({Sender.VENUE})
BOTH = frozenset({Sender.CLIENT, Sender.VENUE})

LOGON = (
    Row(98, "encrypt_method", "int", True, True),
    Row(108, "heart_bt_int", "int", True, True),
    Row(141, "reset_seq_num_flag", "bool"),
    Row(789, "next_expected_msg_seq_num", "seqnum"),
)
NEW_ORDER_SINGLE = (
    Row(11, "cl_ord_id", "str", True),
    Row(21, "handl_inst", "char"),
    Row(38, "order_qty", "qty"),
    Row(40, "ord_type", "char", True),
    Row(44, "price", "price"),
    Row(54, "side", "char", True),
    Row(55, "symbol", "utf8", True),
    Row(59, "time_in_force", "char"),
    Row(60, "transact_time", "utc", True),
)
ORDER_CANCEL_REQUEST = (
    Row(11, "cl_ord_id", "str", True),
    Row(37, "order_id", "id"),
    Row(38, "order_qty", "qty"),
    Row(41, "orig_cl_ord_id", "str", True),
    Row(54, "side", "char", True),
    Row(55, "symbol", "utf8", True),
    Row(60, "transact_time", "utc", True),
)
EXECUTION_REPORT = (
    Row(6, "avg_px", "price", False, True),
    Row(11, "cl_ord_id", "str"),
    Row(14, "cum_qty", "qty", False, True),
    Row(17, "exec_id", "id", False, True),
    Row(20, "exec_trans_type", "char"),
    Row(31, "last_px", "price"),
    Row(32, "last_qty", "qty"),
    Row(37, "order_id", "id", False, True),
    Row(38, "order_qty", "qty"),
    Row(39, "ord_status", "char", False, True),
    Row(41, "orig_cl_ord_id", "str"),
    Row(54, "side", "char", False, True),
    Row(55, "symbol", "utf8"),
    Row(58, "text", "str"),
    Row(150, "exec_type", "char", False, True),
    Row(151, "leaves_qty", "qty", False, True),
)
ORDER_CANCEL_REJECT = (
    Row(11, "cl_ord_id", "str", False, True),
    Row(37, "order_id", "id", False, True),
    Row(39, "ord_status", "char", False, True),
    Row(41, "orig_cl_ord_id", "str", False, True),
    Row(58, "text", "str"),
    Row(102, "cxl_rej_reason", "id"),
    Row(434, "cxl_rej_response_to", "char", False, True),
)
LAYOUTS = (
    Layout(b"0", "Heartbeat", BOTH, True, (Row(112, "test_req_id", "str"),)),
    Layout(b"1", "TestRequest", BOTH, True, (Row(112, "test_req_id", "str", True, True),)),
    Layout(
        b"2",
        "ResendRequest",
        BOTH,
        True,
        (
            Row(7, "begin_seq_no", "seqnum", True, True),
            Row(16, "end_seq_no", "seqnum", True, True),
        ),
    ),
    Layout(b"5", "Logout", BOTH, True, (Row(58, "text", "str"),)),
    Layout(b"8", "ExecutionReport", VENUE, False, EXECUTION_REPORT),
    Layout(b"9", "OrderCancelReject", VENUE, False, ORDER_CANCEL_REJECT),
    Layout(b"A", "Logon", BOTH, True, LOGON),
    Layout(b"D", "NewOrderSingle", CLIENT, False, NEW_ORDER_SINGLE),
    Layout(b"F", "OrderCancelRequest", CLIENT, False, ORDER_CANCEL_REQUEST),
)

TAKEN = {
    Sender.CLIENT: frozenset({b"D", b"E", b"F", b"G", b"H", b"V", b"B", b"c", b"d"}),
    Sender.VENUE: frozenset({b"8", b"9", b"B", b"W", b"X", b"Y", b"d", b"j"}),
}
"""Application messages by who may send them; any other is refused as not supported."""
