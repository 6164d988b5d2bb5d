"""What Binance Spot's REST API and user data stream call the values that FIX calls by a character.

Each table maps the word to FIX's value; `word` finds the way back. A value that is not here is a
new one of the venue's and is passed on as it is. Source: REST and stream notes, section 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Kind(NamedTuple):
    """What FIX makes of an order type: OrdType<40>, ExecInst<18>, and which way a trigger looks.

    stops: True for a stop loss, False for a take profit, None where nothing triggers.
    """

    ord_type: str
    exec_inst: str | None = None
    stops: bool | None = None


SIDES: Final = {"BUY": "1", "SELL": "2"}
TIMES_IN_FORCE: Final = {"GTC": "1", "IOC": "3", "FOK": "4"}
KINDS_OF_ORDER: Final = {
    "MARKET": Kind("1"),
    "LIMIT": Kind("2"),
    "LIMIT_MAKER": Kind("2", "6"),
    "STOP_LOSS": Kind("3", None, True),
    "STOP_LOSS_LIMIT": Kind("4", None, True),
    "TAKE_PROFIT": Kind("3", None, False),
    "TAKE_PROFIT_LIMIT": Kind("4", None, False),
}
STATUSES: Final = {
    "NEW": "0",
    "PARTIALLY_FILLED": "1",
    "FILLED": "2",
    "CANCELED": "4",
    "PENDING_CANCEL": "6",
    "REJECTED": "8",
    "PENDING_NEW": "A",
    "EXPIRED": "C",
    # The conversion that the venue documents; FIX has no value of its own for it.
    "EXPIRED_IN_MATCH": "C",
}
EXECUTIONS: Final = {
    "NEW": "0",
    "CANCELED": "4",
    "REPLACED": "5",
    "REJECTED": "8",
    "TRADE": "F",
    "EXPIRED": "C",
    # By inference: FIX knows EXPIRED only, and OrdStatus says whether anything is left.
    "TRADE_PREVENTION": "C",
}
SELF_TRADE_PREVENTIONS: Final = {
    "NONE": "1",
    "EXPIRE_TAKER": "2",
    "EXPIRE_MAKER": "3",
    "EXPIRE_BOTH": "4",
    "DECREMENT": "5",
    "TRANSFER": "6",
}
EXPIRY_REASONS: Final = {
    "REJECTED": "1",
    "EXCHANGE_CANCELED": "2",
    "OCO_TRIGGER": "3",
    "OTO_PHASE_ONE_EXPIRED": "4",
    "UNFILLED_IOC_QUANTITY_EXPIRED": "5",
    "UNFILLED_FOK_ORDER_EXPIRED": "6",
    "INSUFFICIENT_LIQUIDITY": "7",
    "EXECUTION_RULE_PRICE_RANGE_EXCEEDED": "8",
}
CONTINGENCIES: Final = {"OCO": "1", "OTO": "2"}
LIST_STATUS_TYPES: Final = {"RESPONSE": "2", "EXEC_STARTED": "4", "ALL_DONE": "5", "UPDATED": "100"}
LIST_ORDER_STATUSES: Final = {"EXECUTING": "3", "ALL_DONE": "6", "REJECT": "7"}
MATCH_TYPES: Final = {"ONE_PARTY_TRADE_REPORT": "1", "AUTO_MATCH": "4"}
WORKING_FLOORS: Final = {"EXCHANGE": "1", "SOR": "3"}
PEG_PRICES: Final = {"MARKET_PEG": "4", "PRIMARY_PEG": "5"}
PEG_OFFSETS: Final = {"PRICE_LEVEL": "3"}
STOP, STOP_LIMIT = "3", "4"
UP, DOWN = "U", "D"
"""Of TriggerPriceDirection<1109>."""
NO_REASON: Final = "NONE"
REJECT_TEXTS: Final = {
    "INSUFFICIENT_BALANCES": "Account has insufficient balance for requested action.",
    "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY": "Order would trigger immediately.",
    "WOULD_MATCH_IMMEDIATELY": "Order would immediately match and take.",
    "OCO_BAD_PRICES": "The relationship of the prices for the orders is not correct.",
}
"""Reject reason of the stream -> Text<58> of FIX."""


def word(table: Mapping[str, str], value: str) -> str:
    """The first word for a value of FIX's; the value itself where there is none."""
    return next((name for name, known in table.items() if known == value), value)


def status_word(ord_status: str, prevented_match_id: str | None) -> str:
    """The status of an order. prevented_match_id: where self-trade prevention brought it there."""
    found = word(STATUSES, ord_status)
    return "EXPIRED_IN_MATCH" if found == "EXPIRED" and prevented_match_id else found


def order_word(ord_type: str, exec_inst: str | None, side: str, direction: str | None) -> str:
    """The order type. direction: TriggerPriceDirection<1109>, None of a trailing take profit.

    Against a BUY order the price goes up, against a SELL order down: then it is a stop loss.
    """
    stops = None
    if ord_type in (STOP, STOP_LIMIT):
        stops = direction == (UP if side == SIDES["BUY"] else DOWN)
    wanted = Kind(ord_type, exec_inst, stops)
    return next((name for name, kind in KINDS_OF_ORDER.items() if kind == wanted), ord_type)
