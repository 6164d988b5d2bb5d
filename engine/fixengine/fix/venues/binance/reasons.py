"""What the error codes and texts of Binance Spot mean, as RejectReasons. Source: spec section 13.

Most codes say it alone. Five of the matching engine (-1010, -1013, -2010, -2011, -2038) stand for
many cases that only the text tells apart; texts are constants of the wire, compared without a full
stop at their end. Code and text of a case differ between the venue's own documents, so a text that
is known rules over the code. Codes after which an outcome is not known have no reason.
"""

from __future__ import annotations

from typing import Final

from fixengine.fix.venues.binance.rules import UNKNOWN_CODES
from fixengine.messages import FILTER, RejectReason

R = RejectReason

CODES: Final = {
    -1002: R.UNAUTHORIZED,
    -1003: R.BUSY,
    -1008: R.BUSY,
    -1014: R.INVALID_COMBINATION,
    -1015: R.TOO_MANY_ORDERS,
    -1016: R.BUSY,
    -1020: R.NOT_SUPPORTED,
    -1021: R.CLOCK,
    -1022: R.UNAUTHORIZED,
    -1033: R.SESSION,
    -1034: R.TOO_MANY_CONNECTIONS,
    -1035: R.SESSION,
    -1100: R.MALFORMED,
    -1101: R.MALFORMED,
    -1102: R.MALFORMED,
    -1103: R.MALFORMED,
    -1104: R.INVALID_COMBINATION,
    -1105: R.MALFORMED,
    -1106: R.INVALID_COMBINATION,
    -1108: R.INVALID_FIELD,
    -1111: R.BAD_PRECISION,
    -1112: R.NO_LIQUIDITY,
    -1114: R.INVALID_COMBINATION,
    -1115: R.INVALID_FIELD,
    -1116: R.INVALID_FIELD,
    -1117: R.INVALID_FIELD,
    -1118: R.MALFORMED,
    -1119: R.MALFORMED,
    -1121: R.BAD_SYMBOL,
    -1122: R.MARKET_CLOSED,
    -1128: R.INVALID_COMBINATION,
    -1130: R.INVALID_FIELD,
    -1134: R.INVALID_FIELD,
    -1145: R.INVALID_FIELD,
    -1151: R.INVALID_FIELD,
    -1152: R.MALFORMED,
    -1153: R.MALFORMED,
    -1155: R.NOT_SUPPORTED,
    -1158: R.LIST_ORDERS,
    -1160: R.INVALID_COMBINATION,
    -1161: R.NOT_SUPPORTED,
    -1165: R.LIST_ORDERS,
    -1166: R.LIST_ORDERS,
    -1168: R.LIST_ORDERS,
    -1169: R.MALFORMED,
    -1170: R.MALFORMED,
    -1171: R.MALFORMED,
    -1172: R.MALFORMED,
    -1173: R.MALFORMED,
    -1174: R.LIST_ORDERS,
    -1175: R.SESSION,
    -1176: R.SESSION,
    -1177: R.MALFORMED,
    -1178: R.SESSION,
    -1179: R.SESSION,
    -1180: R.SESSION,
    -1181: R.TOO_MANY_MESSAGES,
    -1182: R.INVALID_COMBINATION,
    -1183: R.SESSION,
    -1184: R.SESSION,
    -1185: R.SESSION,
    -1186: R.SESSION,
    -1187: R.SESSION,
    -1188: R.MALFORMED,
    -1189: R.MALFORMED,
    -1190: R.INVALID_FIELD,
    -1191: R.SESSION,
    -1194: R.INVALID_FIELD,
    -1196: R.LIST_ORDERS,
    -1197: R.LIST_ORDERS,
    -1198: R.LIST_ORDERS,
    -1199: R.LIST_ORDERS,
    -1210: R.INVALID_FIELD,
    -1211: R.INVALID_FIELD,
    -1221: R.MALFORMED,
    -1222: R.LIST_ORDERS,
    -1223: R.LIST_ORDERS,
    -1224: R.INVALID_COMBINATION,
    -1225: R.INVALID_COMBINATION,
    -2013: R.UNKNOWN_ORDER,
    -2014: R.UNAUTHORIZED,
    -2015: R.UNAUTHORIZED,
    -2016: R.MARKET_CLOSED,
    -2021: R.NOT_ATTEMPTED,
    -2022: R.NOT_ATTEMPTED,
    -2026: R.UNKNOWN_ORDER,
    -2039: R.UNKNOWN_ORDER,
}
BY_TEXT_ONLY: Final = frozenset({-1010, -1013, -2010, -2011, -2038})

TEXTS: Final = {
    "Unknown order sent": R.UNKNOWN_ORDER,
    "Duplicate order sent": R.DUPLICATE_ORDER,
    "Market is closed": R.MARKET_CLOSED,
    "Account has insufficient balance for requested action": R.INSUFFICIENT_BALANCE,
    "Quote order qty market orders are not support for this symbol": R.NOT_SUPPORTED,
    "Order amend is not supported for this symbol": R.NOT_SUPPORTED,
    "Order cancel-replace is not supported for this symbol": R.NOT_SUPPORTED,
    "Price * QTY is zero or less": R.INVALID_FIELD,
    "IcebergQty exceeds QTY": R.INVALID_FIELD,
    "Unsupported order combination": R.INVALID_COMBINATION,
    "Order would trigger immediately": R.WOULD_TRIGGER_IMMEDIATELY,
    "Order would immediately match and take": R.WOULD_MATCH_IMMEDIATELY,
    "The relationship of the prices for the orders is not correct": R.PRICE_RELATIONSHIP,
    "Cancel order is invalid. Check origClOrdId and orderId": R.INVALID_COMBINATION,
    "Order was not canceled due to cancel restrictions": R.CANCEL_RESTRICTIONS,
    "This action is disabled on this account": R.ACCOUNT_RESTRICTED,
    "This account may not place or cancel orders": R.ACCOUNT_RESTRICTED,
    "This symbol is not permitted for this account": R.ACCOUNT_RESTRICTED,
    "This symbol is restricted for this account": R.ACCOUNT_RESTRICTED,
    "FIX API trading is not enabled": R.NOT_SUPPORTED,
    "Order amend (quantity increase) is not supported": R.QUANTITY_INCREASE,
    "Order amend (pending OPO order) is not supported": R.NOT_SUPPORTED,
    "The requested action would change no state; rejecting": R.NO_CHANGE,
    "The requested action would change no state": R.NO_CHANGE,
    "This order type may not use pegged price": R.INVALID_COMBINATION,
    "This price peg cannot be used with this order type": R.INVALID_COMBINATION,
    "This symbol does not allow the specified self-trade prevention mode": (
        R.SELF_TRADE_PREVENTION_MODE
    ),
}
NOT_SUPPORTED_END: Final = " orders are not supported for this symbol"
LIQUIDITY_START: Final = "Order book liquidity is "
FILTER_START: Final = "Filter failure: "


def reject_reason(venue_code: str | None, text: str | None) -> str | None:
    """Why the venue refused, by ErrorCode<25016> and Text<58>; None where it did not refuse.

    A RejectReason, or FILTER and the filter's name.
    """
    said = (text or "").strip().removesuffix(".")
    try:
        code = None if venue_code is None else int(venue_code)
    except ValueError:
        return R.OTHER.value
    if code in UNKNOWN_CODES or (code is None and not said):
        return None
    if said.startswith(FILTER_START):
        return FILTER + said.removeprefix(FILTER_START)
    found = TEXTS.get(said)
    if found is None and said.endswith(NOT_SUPPORTED_END):
        found = R.NOT_SUPPORTED
    elif found is None and said.startswith(LIQUIDITY_START):
        found = R.NO_LIQUIDITY
    elif found is None:
        found = R.OTHER if code is None else CODES.get(code, R.OTHER)
    return found.value
