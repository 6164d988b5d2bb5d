"""Limits, rules per role, complaints and error codes of Binance Spot order entry.

Source: spec sections 1, 4, 12, 13 and 22.1.
"""

from __future__ import annotations

from fixengine.fix import fields
from fixengine.fix.venue import Complaint, Limits, Profile, Rules, Sender, Window

SECOND_NS = 1_000_000_000

ORDER_ENTRY = Profile(
    role="order_entry",
    hosts={
        "production": "fix-oe.binance.com",
        "testnet": "fix-oe.testnet.binance.vision",
        "demo": "demo-fix-oe.binance.com",
    },
    port=9000,
    limits=Limits(
        messages=Window(10_000, 10 * SECOND_NS, "10 SECOND"),
        connection_attempts=Window(15, 30 * SECOND_NS, "30 SECOND"),
        connections_max=10,
        # The numbers of the documents' LimitResponse sample: the venue changes them at will.
        unfilled_orders=(
            Window(200, 10 * SECOND_NS, "10 SECOND"),
            Window(200_000, 86_400 * SECOND_NS, "1 DAY"),
        ),
    ),
)

DROP_COPY = Profile(
    role="drop_copy",
    hosts={
        "production": "fix-dc.binance.com",
        "testnet": "fix-dc.testnet.binance.vision",
        "demo": "demo-fix-dc.binance.com",
    },
    port=9000,
    limits=Limits(
        messages=Window(60, 60 * SECOND_NS, "60 SECOND"),
        connection_attempts=Window(15, 30 * SECOND_NS, "30 SECOND"),
        connections_max=10,
    ),
    logon={"drop_copy_flag": "Y"},
    lag_ns=SECOND_NS,
)

RULES = {
    # A client never sends Reject: the venue does not answer one and nothing is gained.
    Sender.CLIENT: Rules(strict=False, gap="stale", silence_percent=120, check_clock=False),
    Sender.VENUE: Rules(
        strict=True,
        gap="reject",
        silence_percent=100,
        check_clock=True,
        silence_text="Heartbeat missing.",
    ),
}

COMPLAINTS = {
    "expected_logon": Complaint(
        -1180, fields.OTHER, "Expected Logon as the first message.", fields.MSG_TYPE, close=True
    ),
    "already_logged_in": Complaint(
        -1176, fields.OTHER, "You have already logged on.", fields.MSG_TYPE
    ),
    "bad_seq_num": Complaint(
        -1179,
        fields.OTHER,
        "MsgSeqNum(34) contains an unexpected value. Expected: '%s'.",
        fields.MSG_SEQ_NUM,
    ),
    "header_missing": Complaint(-1102, fields.REQUIRED_TAG_MISSING, "Required tag '%s' missing."),
    "header_malformed": Complaint(
        -1102, fields.INCORRECT_DATA_FORMAT_FOR_VALUE, "Value of tag '%s' is malformed."
    ),
    "bad_begin_string": Complaint(
        -1177,
        fields.VALUE_IS_INCORRECT,
        "Garbled message: BeginString(8) must be FIX.4.4.",
        fields.BEGIN_STRING,
    ),
    "bad_tag_number": Complaint(-1169, fields.INVALID_TAG_NUMBER, "Invalid tag number."),
    "bad_sender_comp_id": Complaint(
        -1178,
        fields.VALUE_IS_INCORRECT,
        "SenderCompID(49) is currently in use or has changed.",
        fields.SENDER_COMP_ID,
    ),
    "bad_target_comp_id": Complaint(
        -1130, fields.VALUE_IS_INCORRECT, "TargetCompID(56) must be SPOT.", fields.TARGET_COMP_ID
    ),
    "ahead_of_time": Complaint(
        -1021,
        fields.SENDINGTIME_ACCURACY_PROBLEM,
        "Timestamp for this request was 1000ms ahead of the server's time.",
        fields.SENDING_TIME,
    ),
    "outside_recv_window": Complaint(
        -1021,
        fields.SENDINGTIME_ACCURACY_PROBLEM,
        "Timestamp for this request is outside of the recvWindow.",
        fields.SENDING_TIME,
    ),
    "garbled": Complaint(
        -1177,
        fields.INCORRECT_DATA_FORMAT_FOR_VALUE,
        "Garbled message: %s.",
    ),
    "framing_lost": Complaint(
        -1177, fields.INCORRECT_DATA_FORMAT_FOR_VALUE, "Garbled message: %s.", None, close=True
    ),
}

UNKNOWN_CODES = frozenset({-1000, -1001, -1006, -1007})
"""-1006 and -1007 by the documents, -1000 and -1001 by judgement: the order may be live."""

REFUSALS = {
    -1002: "stop",
    -1015: "ask_limits",
    -1021: "set_clock",
    -1022: "stop",
    -2014: "stop",
    -2015: "stop",
    -1033: "next_comp_id",
    -1034: "wait",
    -1184: "wrong_place",
    -1185: "wrong_place",
}
"""What a refusal means beyond the request; a Logon with any other code is tried again later."""

TOO_MANY_MESSAGES = "Too many messages"
