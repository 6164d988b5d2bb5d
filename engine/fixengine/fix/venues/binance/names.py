"""What the tags and message kinds of Binance Spot are called: FIX's own names.

Names decide nothing; they are for people, and for holding our tables against the official
dictionaries (order entry with drop copy, and market data), each of which has a scope below: the
tags and kinds it defines. PROSE_TAGS adds what only the venue's prose or its SBE schema names.

Source: spec sections 7-11 and 15.
"""

from __future__ import annotations

from typing import Final

from fixengine.fix.venue import Scope
from fixengine.fix.venues.binance.market_data import LAYOUTS as MARKET_DATA_LAYOUTS

BOTH_TAGS: Final = {
    8: "BeginString",
    9: "BodyLength",
    10: "CheckSum",
    34: "MsgSeqNum",
    35: "MsgType",
    45: "RefSeqNum",
    49: "SenderCompID",
    52: "SendingTime",
    55: "Symbol",
    56: "TargetCompID",
    58: "Text",
    60: "TransactTime",
    95: "RawDataLength",
    96: "RawData",
    98: "EncryptMethod",
    108: "HeartBtInt",
    112: "TestReqID",
    141: "ResetSeqNumFlag",
    148: "Headline",
    371: "RefTagID",
    372: "RefMsgType",
    373: "SessionRejectReason",
    553: "Username",
    1003: "TradeID",
    6136: "ReqID",
    25000: "RecvWindow",
    25003: "NoLimitIndicators",
    25004: "LimitType",
    25005: "LimitCount",
    25006: "LimitMax",
    25007: "LimitResetInterval",
    25008: "LimitResetIntervalResolution",
    25016: "ErrorCode",
    25035: "MessageHandling",
    25037: "UUID",
    25050: "SBESchemaID",
    25051: "SBESchemaVersion",
    25052: "SBESchemaVersionDeprecated",
    25056: "ExpiryReason",
}
"""Tags that both dictionaries define, header and trailer among them."""

ORDER_ENTRY_TAGS: Final = {
    11: "ClOrdID",
    14: "CumQty",
    17: "ExecID",
    18: "ExecInst",
    31: "LastPx",
    32: "LastQty",
    37: "OrderID",
    38: "OrderQty",
    39: "OrdStatus",
    40: "OrdType",
    41: "OrigClOrdID",
    44: "Price",
    54: "Side",
    59: "TimeInForce",
    66: "ListID",
    70: "AllocID",
    73: "NoOrders",
    103: "OrdRejReason",
    111: "MaxFloor",
    136: "NoMiscFees",
    137: "MiscFeeAmt",
    138: "MiscFeeCurr",
    139: "MiscFeeType",
    150: "ExecType",
    151: "LeavesQty",
    152: "CashOrderQty",
    211: "PegOffsetValue",
    429: "ListStatusType",
    431: "ListOrderStatus",
    434: "CxlRejResponseTo",
    530: "MassCancelRequestType",
    531: "MassCancelResponse",
    532: "MassCancelRejectReason",
    533: "TotalAffectedOrders",
    574: "MatchType",
    636: "WorkingIndicator",
    811: "PriceDelta",
    835: "PegMoveType",
    836: "PegOffsetType",
    839: "PeggedPrice",
    847: "TargetStrategy",
    1057: "AggressorIndicator",
    1094: "PegPriceType",
    1100: "TriggerType",
    1101: "TriggerAction",
    1102: "TriggerPrice",
    1107: "TriggerPriceType",
    1109: "TriggerPriceDirection",
    1385: "ContingencyType",
    1386: "ListRejectReason",
    7940: "StrategyID",
    9406: "DropCopyFlag",
    25001: "SelfTradePreventionMode",
    25002: "CancelRestrictions",
    25009: "TriggerTrailingDeltaBips",
    25010: "NoListTriggeringInstructions",
    25011: "ListTriggerType",
    25012: "ListTriggerTriggerIndex",
    25013: "ListTriggerAction",
    25014: "ClListID",
    25015: "OrigClListID",
    25017: "CumQuoteQty",
    25018: "OrderCreationTime",
    25021: "WorkingFloor",
    25022: "TrailingTime",
    25023: "WorkingTime",
    25024: "PreventedMatchID",
    25025: "PreventedExecutionPrice",
    25026: "PreventedExecutionQty",
    25027: "TradeGroupID",
    25028: "CounterSymbol",
    25029: "CounterOrderID",
    25030: "PreventedQty",
    25031: "LastPreventedQty",
    25032: "SOR",
    25033: "OrderCancelRequestAndNewOrderSingleMode",
    25034: "CancelClOrdID",
    25036: "ResponseMode",
    25038: "OrderRateLimitExceededMode",
    25045: "ExecutionReportType",
    25046: "OPO",
}

MARKET_DATA_TAGS: Final = {
    15: "Currency",
    146: "NoRelatedSym",
    262: "MDReqID",
    263: "SubscriptionRequestType",
    264: "MarketDepth",
    266: "AggregatedBook",
    267: "NoMDEntryTypes",
    268: "NoMDEntries",
    269: "MDEntryType",
    270: "MDEntryPx",
    271: "MDEntrySize",
    279: "MDUpdateAction",
    281: "MDReqRejReason",
    320: "InstrumentReqID",
    559: "InstrumentListRequestType",
    562: "MinTradeVol",
    893: "LastFragment",
    969: "MinPriceIncrement",
    1140: "MaxTradeVol",
    2446: "AggressorSide",
    2551: "StartPriceRange",
    2552: "EndPriceRange",
    25039: "MinQtyIncrement",
    25040: "MarketMinTradeVol",
    25041: "MarketMaxTradeVol",
    25042: "MarketMinQtyIncrement",
    25043: "FirstBookUpdateID",
    25044: "LastBookUpdateID",
}

PROSE_TAGS: Final = {
    107: "SecurityDesc",
    198: "SecondaryOrderID",
    528: "OrderCapacity",
    25019: "SecondarySymbol",
    25020: "SecondaryExternalAccountID",
}
"""Tags of the changelog and of the SBE ExecutionReport; no text dictionary has them."""

NAMES: Final = {**BOTH_TAGS, **ORDER_ENTRY_TAGS, **MARKET_DATA_TAGS, **PROSE_TAGS}
"""Tag -> name of every field the venue has ever named."""

BOTH_KINDS: Final = {
    b"0": "Heartbeat",
    b"1": "TestRequest",
    b"3": "Reject",
    b"5": "Logout",
    b"A": "Logon",
    b"XLQ": "LimitQuery",
    b"XLR": "LimitResponse",
    b"B": "News",
}

ORDER_ENTRY_KINDS: Final = {
    b"8": "ExecutionReport",
    b"9": "OrderCancelReject",
    b"XCN": "OrderCancelRequestAndNewOrderSingle",
    b"D": "NewOrderSingle",
    b"E": "NewOrderList",
    b"F": "OrderCancelRequest",
    b"N": "ListStatus",
    b"q": "OrderMassCancelRequest",
    b"r": "OrderMassCancelReport",
    b"XAK": "OrderAmendKeepPriorityRequest",
    b"XAR": "OrderAmendReject",
}

MARKET_DATA_KINDS: Final = {
    b"x": "InstrumentListRequest",
    b"y": "InstrumentList",
    b"V": "MarketDataRequest",
    b"Y": "MarketDataRequestReject",
    b"W": "MarketDataSnapshot",
    b"X": "MarketDataIncrementalRefresh",
}

KINDS: Final = {**BOTH_KINDS, **ORDER_ENTRY_KINDS, **MARKET_DATA_KINDS, b"2": "ResendRequest"}
"""MsgType<35> -> name. The prose names ResendRequest<2> only to say that it is not supported."""

SCOPES: Final = {
    "order_entry": Scope(
        "order entry and drop copy",
        frozenset(BOTH_TAGS) | frozenset(ORDER_ENTRY_TAGS),
        frozenset(BOTH_KINDS) | frozenset(ORDER_ENTRY_KINDS),
    ),
    "market_data": Scope(
        "market data",
        frozenset(BOTH_TAGS) | frozenset(MARKET_DATA_TAGS),
        frozenset(BOTH_KINDS) | frozenset(MARKET_DATA_KINDS),
        MARKET_DATA_LAYOUTS,
    ),
}
"""What each official dictionary defines."""
