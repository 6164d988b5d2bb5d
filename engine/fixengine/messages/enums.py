"""Constants to compare with: FIX's names of the values that fields have.

They are not types of fields: a value that a venue adds tomorrow must reach the strategy, not be
refused by a decoder.
"""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """Side<54>."""

    BUY = "1"
    SELL = "2"


class OrdType(StrEnum):
    """OrdType<40>. LIMIT with ExecInst.PARTICIPATE_DONT_INITIATE is Binance's LIMIT_MAKER.

    STOP and STOP_LIMIT are stop losses or take profits, by side and TriggerPriceDirection.
    """

    MARKET = "1"
    LIMIT = "2"
    STOP = "3"
    STOP_LIMIT = "4"
    PEGGED = "P"


class TimeInForce(StrEnum):
    """TimeInForce<59>."""

    GOOD_TILL_CANCEL = "1"
    IMMEDIATE_OR_CANCEL = "3"
    FILL_OR_KILL = "4"


class ExecInst(StrEnum):
    """ExecInst<18>."""

    PARTICIPATE_DONT_INITIATE = "6"


class ExecType(StrEnum):
    """ExecType<150>: what this report is about. Liveness is in OrdStatus, never here."""

    NEW = "0"
    CANCELED = "4"
    REPLACED = "5"
    REJECTED = "8"
    TRADE = "F"
    EXPIRED = "C"
    ORDER_STATUS = "I"
    """Not an event but how the order stands: told by a second source."""


class OrdStatus(StrEnum):
    """OrdStatus<39>: the state of the order after this report."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    REJECTED = "8"
    PENDING_NEW = "A"
    EXPIRED = "C"


class TriggerPriceDirection(StrEnum):
    """TriggerPriceDirection<1109>: which way the price has to go to trigger an order."""

    UP = "U"
    DOWN = "D"


class PegPriceType(StrEnum):
    """PegPriceType<1094>: the best price of the other side, or of the order's own."""

    MARKET_PEG = "4"
    PRIMARY_PEG = "5"


class SelfTradePreventionMode(StrEnum):
    """SelfTradePreventionMode<25001> of Binance: what ends where two own orders would trade."""

    NONE = "1"
    EXPIRE_TAKER = "2"
    EXPIRE_MAKER = "3"
    EXPIRE_BOTH = "4"
    DECREMENT = "5"
    TRANSFER = "6"


class CancelRestrictions(StrEnum):
    """CancelRestrictions<25002> of Binance: a condition on a cancel."""

    ONLY_NEW = "1"
    ONLY_PARTIALLY_FILLED = "2"


class CancelReplaceMode(StrEnum):
    """OrderCancelRequestAndNewOrderSingleMode<25033> of Binance: what a failed cancel means."""

    STOP_ON_FAILURE = "1"
    """The new order is not attempted."""
    ALLOW_FAILURE = "2"
    """The new order is attempted nevertheless."""


class OrderRateLimitExceededMode(StrEnum):
    """OrderRateLimitExceededMode<25038> of Binance: of a cancel-replace that is one order too many.

    Without one, DO_NOTHING holds.
    """

    DO_NOTHING = "1"
    CANCEL_ONLY = "2"


class MassCancelRequestType(StrEnum):
    """MassCancelRequestType<530>."""

    CANCEL_SYMBOL_ORDERS = "1"


class MassCancelResponse(StrEnum):
    """MassCancelResponse<531>."""

    CANCEL_REQUEST_REJECTED = "0"
    CANCEL_SYMBOL_ORDERS = "1"


class ContingencyType(StrEnum):
    """ContingencyType<1385>. OTOCO, OPO and OPOCO are ONE_TRIGGERS_THE_OTHER."""

    ONE_CANCELS_THE_OTHER = "1"
    ONE_TRIGGERS_THE_OTHER = "2"


class ListTriggerType(StrEnum):
    """ListTriggerType<25011> of Binance: what has to happen to the order that triggers."""

    ACTIVATED = "1"
    PARTIALLY_FILLED = "2"
    FILLED = "3"


class ListTriggerAction(StrEnum):
    """ListTriggerAction<25013> of Binance: what then happens to the order that has it."""

    RELEASE = "1"
    CANCEL = "2"


class ListStatusType(StrEnum):
    """ListStatusType<429>: what a ListStatus is about."""

    RESPONSE = "2"
    """The answer to a placement or a cancel that failed."""
    EXEC_STARTED = "4"
    ALL_DONE = "5"
    UPDATED = "100"


class ListOrderStatus(StrEnum):
    """ListOrderStatus<431>: how the list stands."""

    EXECUTING = "3"
    ALL_DONE = "6"
    REJECT = "7"


class ExpiryReason(StrEnum):
    """ExpiryReason<25056> of Binance, on expired orders."""

    REJECTED = "1"
    EXCHANGE_CANCELED = "2"
    OCO_TRIGGER = "3"
    OTO_PHASE_ONE_EXPIRED = "4"
    UNFILLED_IOC_QUANTITY_EXPIRED = "5"
    UNFILLED_FOK_ORDER_EXPIRED = "6"
    INSUFFICIENT_LIQUIDITY = "7"
    EXECUTION_RULE_PRICE_RANGE_EXCEEDED = "8"


class RefusedReason(StrEnum):
    """Why a request never left the engine (Refused.reason)."""

    MALFORMED = "malformed"
    NOT_CONNECTED = "not_connected"
    ALREADY_CONNECTED = "already_connected"
    NO_HELLO = "no_hello"
    WRONG_EPOCH = "wrong_epoch"
    TOO_OLD = "too_old"
    FROM_THE_FUTURE = "from_the_future"
    BACKLOG = "backlog"
    LIMIT = "limit"
    UNKNOWN_ORDER = "unknown_order"
    INVALID_FIELD = "invalid_field"
    JOURNAL_FULL = "journal_full"
    STATE_FAILED = "state_failed"
    STOPPING = "stopping"
    UNWATCHED = "unwatched"
    CLOCK_SKEW = "clock_skew"
    BAD_TOKEN = "bad_token"
    RECOVERING = "recovering"
    CANCELED = "canceled"
    """The strategy took it back while it waited for the disk."""
    LAGGING = "lagging"
    FILTER = "filter"
    """A rule of the symbol is not kept: the text begins with the venue's name of it."""
    NOT_YOURS = "not_yours"
    """A mass cancel would end orders of other strategies."""


class SessionState(StrEnum):
    """SessionStatus.state."""

    CONNECTING = "connecting"
    ACTIVE = "active"
    STALE = "stale"
    DRAINING = "draining"
    DOWN = "down"
    RECOVERING = "recovering"
    """Of the source "rest": the venue is asked what became of orders."""
