"""FIX tag numbers and message kinds as plain constants, by FIX's own names.

Only what code names by hand stands here; everything else is data in a venue's table.
"""

from __future__ import annotations

from typing import Final

# Header and trailer
BEGIN_STRING: Final = 8
BODY_LENGTH: Final = 9
CHECK_SUM: Final = 10
POSS_RESEND: Final = 97
ON_BEHALF_OF_COMP_ID: Final = 115
ON_BEHALF_OF_SUB_ID: Final = 116
ORIG_SENDING_TIME: Final = 122
DELIVER_TO_COMP_ID: Final = 128
DELIVER_TO_SUB_ID: Final = 129
ON_BEHALF_OF_LOCATION_ID: Final = 144
DELIVER_TO_LOCATION_ID: Final = 145
MSG_SEQ_NUM: Final = 34
MSG_TYPE: Final = 35
POSS_DUP_FLAG: Final = 43
SENDER_COMP_ID: Final = 49
SENDING_TIME: Final = 52
TARGET_COMP_ID: Final = 56
RECV_WINDOW: Final = 25000
HEADER_TYPES: Final = {
    BEGIN_STRING: "str",
    BODY_LENGTH: "length",
    CHECK_SUM: "str",
    MSG_SEQ_NUM: "seqnum",
    MSG_TYPE: "str",
    SENDER_COMP_ID: "str",
    SENDING_TIME: "utc",
    TARGET_COMP_ID: "str",
    RECV_WINDOW: "float",
}
"""Types (wire.TYPES) of what stands in no layout: framer, session and templates write it."""

# Session level
BEGIN_SEQ_NO: Final = 7
END_SEQ_NO: Final = 16
NEW_SEQ_NO: Final = 36
GAP_FILL_FLAG: Final = 123
REF_SEQ_NUM: Final = 45
TEXT: Final = 58
RAW_DATA_LENGTH: Final = 95
RAW_DATA: Final = 96
ENCRYPT_METHOD: Final = 98
HEART_BT_INT: Final = 108
TEST_REQ_ID: Final = 112
RESET_SEQ_NUM_FLAG: Final = 141
HEADLINE: Final = 148
REF_TAG_ID: Final = 371
REF_MSG_TYPE: Final = 372
SESSION_REJECT_REASON: Final = 373
BUSINESS_REJECT_REASON: Final = 380
USERNAME: Final = 553
NEXT_EXPECTED_MSG_SEQ_NUM: Final = 789
ERROR_CODE: Final = 25016
UUID: Final = 25037

# Orders
CL_ORD_ID: Final = 11
ORIG_CL_ORD_ID: Final = 41
ORDER_ID: Final = 37
SYMBOL: Final = 55
EXEC_TYPE: Final = 150
EXEC_ID: Final = 17
TRADE_ID: Final = 1003
ALLOC_ID: Final = 70

# Limits
REQ_ID: Final = 6136
LIMIT_TYPE: Final = 25004
LIMIT_RESET_INTERVAL_RESOLUTION: Final = 25008

# Message kinds (values of MsgType)
HEARTBEAT: Final = b"0"
TEST_REQUEST: Final = b"1"
RESEND_REQUEST: Final = b"2"
REJECT: Final = b"3"
SEQUENCE_RESET: Final = b"4"
LOGOUT: Final = b"5"
EXECUTION_REPORT: Final = b"8"
ORDER_CANCEL_REJECT: Final = b"9"
LOGON: Final = b"A"
NEWS: Final = b"B"
NEW_ORDER_SINGLE: Final = b"D"
NEW_ORDER_LIST: Final = b"E"
ORDER_CANCEL_REQUEST: Final = b"F"
LIST_STATUS: Final = b"N"
ORDER_AMEND_KEEP_PRIORITY_REQUEST: Final = b"XAK"
ORDER_AMEND_REJECT: Final = b"XAR"
ORDER_CANCEL_REQUEST_AND_NEW_ORDER_SINGLE: Final = b"XCN"
ORDER_MASS_CANCEL_REQUEST: Final = b"q"
ORDER_MASS_CANCEL_REPORT: Final = b"r"
RESENDING: Final = frozenset({RESEND_REQUEST, SEQUENCE_RESET})
SECURITY_DEFINITION: Final = b"d"
BUSINESS_MESSAGE_REJECT: Final = b"j"
LIMIT_QUERY: Final = b"XLQ"
LIMIT_RESPONSE: Final = b"XLR"
REQUEST_KINDS: Final = (
    NEW_ORDER_SINGLE,
    NEW_ORDER_LIST,
    ORDER_CANCEL_REQUEST,
    ORDER_CANCEL_REQUEST_AND_NEW_ORDER_SINGLE,
    ORDER_AMEND_KEEP_PRIORITY_REQUEST,
    ORDER_MASS_CANCEL_REQUEST,
    LIMIT_QUERY,
)
"""All that a client asks for in order entry."""

# SessionRejectReason<373>
INVALID_TAG_NUMBER: Final = 0
REQUIRED_TAG_MISSING: Final = 1
TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE: Final = 2
UNDEFINED_TAG: Final = 3
TAG_SPECIFIED_WITHOUT_A_VALUE: Final = 4
VALUE_IS_INCORRECT: Final = 5
INCORRECT_DATA_FORMAT_FOR_VALUE: Final = 6
SIGNATURE_PROBLEM: Final = 8
COMPID_PROBLEM: Final = 9
SENDINGTIME_ACCURACY_PROBLEM: Final = 10
INVALID_MSGTYPE: Final = 11
TAG_APPEARS_MORE_THAN_ONCE: Final = 13
TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER: Final = 14
REPEATING_GROUP_FIELDS_OUT_OF_ORDER: Final = 15
INCORRECT_NUMINGROUP_COUNT_FOR_REPEATING_GROUP: Final = 16
OTHER: Final = 99

# BusinessRejectReason<380>
UNSUPPORTED_MESSAGE_TYPE: Final = 3

SEQ_NUM_MAX: Final = (1 << 32) - 1
"""SEQNUM is an unsigned 32-bit number; the next one after this is 0 (spec section 6)."""
