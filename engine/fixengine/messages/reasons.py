"""Why a venue refused: one word for each case that a program may want to act on."""

from __future__ import annotations

from enum import StrEnum

FILTER = "filter:"
"""What the reason begins with where a filter of the symbol or the account fails; then comes the
venue's name of the filter, such as "filter:PRICE_FILTER"."""


class RejectReason(StrEnum):
    """`reject_reason` of an event, beside the venue's own code and text.

    A reason is one of these, or FILTER and a name. It is never a guess: what the venue says in
    words that are not known is OTHER, and what leaves an outcome open is no refusal at all.
    """

    # Of the account.
    INSUFFICIENT_BALANCE = "insufficient_balance"
    ACCOUNT_RESTRICTED = "account_restricted"
    UNAUTHORIZED = "unauthorized"

    # Of the book.
    WOULD_MATCH_IMMEDIATELY = "would_match_immediately"
    WOULD_TRIGGER_IMMEDIATELY = "would_trigger_immediately"
    NO_LIQUIDITY = "no_liquidity"
    MARKET_CLOSED = "market_closed"

    # Of the symbol.
    BAD_SYMBOL = "bad_symbol"
    NOT_SUPPORTED = "not_supported"
    """The venue, or the symbol, does not have that kind of order or request."""
    SELF_TRADE_PREVENTION_MODE = "self_trade_prevention_mode"
    BAD_PRECISION = "bad_precision"

    # Of the order or the request.
    UNKNOWN_ORDER = "unknown_order"
    DUPLICATE_ORDER = "duplicate_order"
    CANCEL_RESTRICTIONS = "cancel_restrictions"
    PRICE_RELATIONSHIP = "price_relationship"
    """The prices of the orders of a list."""
    LIST_ORDERS = "list_orders"
    """The types, sides or sequence of the orders of a list."""
    QUANTITY_INCREASE = "quantity_increase"
    NO_CHANGE = "no_change"
    INVALID_COMBINATION = "invalid_combination"
    INVALID_FIELD = "invalid_field"
    MALFORMED = "malformed"
    NOT_ATTEMPTED = "not_attempted"
    """The other half of the same request stood in the way; said by the engine."""

    # Of the moment: the same may do later.
    TOO_MANY_ORDERS = "too_many_orders"
    TOO_MANY_MESSAGES = "too_many_messages"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    BUSY = "busy"
    CLOCK = "clock"
    """SendingTime was not within RecvWindow of the venue's clock."""

    SESSION = "session"
    """Something of the session, not of the request."""
    OTHER = "other"
