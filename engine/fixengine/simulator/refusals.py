"""What the venue says when it refuses: codes, texts, and which SessionRejectReason goes with each.

Two kinds of refusal exist. A `Complaint` becomes Reject<3>: the message itself was wrong. A
`Refusal` becomes an ExecutionReport with ExecType REJECTED or an OrderCancelReject: the message was
sound and the venue will not do it. Texts are constants of the wire, clients tell cases apart by
them.
"""

from __future__ import annotations

from typing import NamedTuple

from fixengine.fix import fields
from fixengine.fix.venue import Complaint

ORDER_QTY = 38
PRICE = 44
TIME_IN_FORCE = 59
CASH_ORDER_QTY = 152

REASONS = {
    -1169: fields.INVALID_TAG_NUMBER,
    -1170: fields.TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE,
    -1103: fields.UNDEFINED_TAG,
    -1100: fields.VALUE_IS_INCORRECT,
    -1115: fields.VALUE_IS_INCORRECT,
    -1116: fields.VALUE_IS_INCORRECT,
    -1117: fields.VALUE_IS_INCORRECT,
    -1121: fields.VALUE_IS_INCORRECT,
    -1130: fields.VALUE_IS_INCORRECT,
    -1134: fields.VALUE_IS_INCORRECT,
    -1145: fields.VALUE_IS_INCORRECT,
    -1175: fields.VALUE_IS_INCORRECT,
    -1178: fields.VALUE_IS_INCORRECT,
    -1102: fields.INCORRECT_DATA_FORMAT_FOR_VALUE,
    -1108: fields.INCORRECT_DATA_FORMAT_FOR_VALUE,
    -1177: fields.INCORRECT_DATA_FORMAT_FOR_VALUE,
    -1022: fields.SIGNATURE_PROBLEM,
    -1171: fields.TAG_APPEARS_MORE_THAN_ONCE,
    -1172: fields.TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER,
    -1173: fields.REPEATING_GROUP_FIELDS_OUT_OF_ORDER,
    -1188: fields.INCORRECT_NUMINGROUP_COUNT_FOR_REPEATING_GROUP,
}
"""SessionRejectReason<373> by code (spec 22.1); every other code has 99."""


class Refusal(NamedTuple):
    """A sound request that the venue will not carry out."""

    code: int
    text: str


def complaint(code: int, text: str, tag: int | None = None) -> Complaint:
    """A Complaint with the reason that goes with its code."""
    return Complaint(code, REASONS.get(code, fields.OTHER), text, tag)


def missing(tag: int) -> Complaint:
    """A required field is not there, always or beside the others that are."""
    return Complaint(-1102, fields.REQUIRED_TAG_MISSING, f"Required tag '{tag}' missing.", tag)


def malformed(tag: int | None, text: str) -> Complaint:
    """A field whose value has not the form of its type."""
    return complaint(-1102, text, tag)


def surplus(tag: int, name: str) -> Complaint:
    """A field that has no place beside the others."""
    return complaint(-1106, f"Parameter '{name}' sent when not required.", tag)


def too_precise(tag: int, name: str) -> Complaint:
    """A price or quantity with more decimals than its asset has."""
    return complaint(-1111, f"Parameter '{name}' has too much precision.", tag)


def overflowed(tag: int, name: str) -> Complaint:
    """A number too big to be counted with."""
    return complaint(-1108, f"Parameter '{name}' overflowed.", tag)


def wrong_count(tag: int) -> Complaint:
    """A repeating group with not as many entries as it declares, or as the message takes."""
    return complaint(-1188, f"Incorrect NumInGroup count for repeating group '{tag}'.", tag)


def not_supported(what: str) -> Refusal:
    """A kind of order that is not enabled on the symbol."""
    return Refusal(-2010, f"{what} orders are not supported for this symbol.")


def filter_failure(name: str) -> Refusal:
    """A filter of exchangeInfo that does not pass."""
    return Refusal(-1013, f"Filter failure: {name}")


TIME_IN_FORCE_SURPLUS = complaint(
    -1114, "TimeInForce parameter sent when not required.", TIME_IN_FORCE
)
TWO_QUANTITIES = complaint(-1128, "Combination of optional parameters invalid.", CASH_ORDER_QTY)
TWO_TARGETS = complaint(-1128, "Combination of optional parameters invalid.", 66)
BAD_SYMBOL = complaint(-1121, "Invalid symbol.", fields.SYMBOL)
BAD_STRATEGY_TYPE = complaint(-1134, "`strategyType` was less than 1000000.", 847)
BUSY = complaint(
    -1008,
    "Server is currently overloaded with other requests. Please try again in a few minutes.",
)
OUTCOME_UNKNOWN = complaint(
    -1007,
    "Timeout waiting for response from backend server. Send status unknown;"
    " execution status unknown.",
)
UNSUPPORTED_OPERATION = complaint(-1020, "This operation is not supported.", fields.MSG_TYPE)
NOT_IN_ORDER_ENTRY = complaint(
    -1186, "Requested operation is not allowed in order entry sessions.", fields.MSG_TYPE
)
NOT_IN_DROP_COPY = complaint(
    -1183, "Requested operation is not allowed in drop copy sessions.", fields.MSG_TYPE
)

DUPLICATE_ORDER = Refusal(-2010, "Duplicate order sent.")
INSUFFICIENT_BALANCE = Refusal(-2010, "Account has insufficient balance for requested action.")
WRONG_PRICES = Refusal(-2010, "The relationship of the prices for the orders is not correct.")
WOULD_TRIGGER = Refusal(-2010, "Order would trigger immediately.")
WOULD_MATCH = Refusal(-2010, "Order would immediately match and take.")
UNSUPPORTED_COMBINATION = Refusal(-2010, "Unsupported order combination")
ICEBERG_TOO_BIG = Refusal(-2010, "IcebergQty exceeds QTY.")
NOTHING_ON_BOOK = Refusal(-2010, "Order book liquidity is less than symbol minimum quantity.")
LESS_THAN_LOT = Refusal(
    -2010, "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."
)
STP_NOT_ALLOWED = Refusal(
    -1013, "This symbol does not allow the specified self-trade prevention mode."
)
UNKNOWN_ORDER = Refusal(-2011, "Unknown order sent.")
UNKNOWN_AMEND = Refusal(-2038, "Unknown order sent.")
DUPLICATE_AMEND = Refusal(-2038, "Duplicate order sent.")
AMEND_OF_NOTHING = Refusal(-2038, "The requested action would change no state; rejecting.")
AMEND_TO_MORE = Refusal(-2038, "Order amend (quantity increase) is not supported.")
TOO_MANY_AMENDS = Refusal(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS")
RESTRICTED = Refusal(-2011, "Order was not canceled due to cancel restrictions.")


def too_many_orders(count_max: int, window: str) -> Refusal:
    """The unfilled order count is used up."""
    return Refusal(-1015, f"Too many new orders; current limit is {count_max} orders per {window}.")
