"""What each error code and text of the venue means to a strategy (spec section 13)."""

from __future__ import annotations

from typing import Any

import pytest
from engine_in_memory import Engine
from fixengine.fix.venue import Complaint
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.fix.venues.binance.reasons import BY_TEXT_ONLY, CODES, TEXTS, reject_reason
from fixengine.fix.venues.binance.rules import UNKNOWN_CODES
from fixengine.fix.venues.binance.words import REJECT_TEXTS
from fixengine.messages import (
    FILTER,
    ExecutionReport,
    OrderAmendKeepPriorityRequest,
    OrderAmendReject,
    OrderCancelReject,
    OrderCancelRequest,
    OrderMassCancelReport,
    OrderMassCancelRequest,
    OrderUnknown,
    RejectReason,
)
from fixengine.simulator import refusals

R = RejectReason
BY_CODE = {
    R.UNAUTHORIZED: (-1002, -1022, -2014, -2015),
    R.BUSY: (-1003, -1008, -1016),
    R.INVALID_COMBINATION: (-1014, -1104, -1106, -1114, -1128, -1160, -1182, -1224, -1225),
    R.TOO_MANY_ORDERS: (-1015,),
    R.TOO_MANY_MESSAGES: (-1181,),
    R.TOO_MANY_CONNECTIONS: (-1034,),
    R.NOT_SUPPORTED: (-1020, -1155, -1161),
    R.CLOCK: (-1021,),
    R.SESSION: (-1033, -1035, -1175, -1176, -1178, -1179, -1180)
    + (-1183, -1184, -1185, -1186, -1187, -1191),
    R.MALFORMED: (-1100, -1101, -1102, -1103, -1105, -1118, -1119, -1152, -1153)
    + (-1169, -1170, -1171, -1172, -1173, -1177, -1188, -1189, -1221),
    R.INVALID_FIELD: (-1108, -1115, -1116, -1117, -1130, -1134, -1145, -1151, -1190)
    + (-1194, -1210, -1211),
    R.BAD_PRECISION: (-1111,),
    R.NO_LIQUIDITY: (-1112,),
    R.BAD_SYMBOL: (-1121,),
    R.MARKET_CLOSED: (-1122, -2016),
    R.LIST_ORDERS: (-1158, -1165, -1166, -1168, -1174, -1196, -1197, -1198, -1199, -1222, -1223),
    R.UNKNOWN_ORDER: (-2013, -2026, -2039),
    R.NOT_ATTEMPTED: (-2021, -2022),
}
BY_TEXT = {
    R.UNKNOWN_ORDER: ("Unknown order sent.",),
    R.DUPLICATE_ORDER: ("Duplicate order sent.",),
    R.MARKET_CLOSED: ("Market is closed.",),
    R.INSUFFICIENT_BALANCE: ("Account has insufficient balance for requested action.",),
    R.WOULD_TRIGGER_IMMEDIATELY: ("Order would trigger immediately.",),
    R.WOULD_MATCH_IMMEDIATELY: ("Order would immediately match and take.",),
    R.PRICE_RELATIONSHIP: ("The relationship of the prices for the orders is not correct.",),
    R.CANCEL_RESTRICTIONS: ("Order was not canceled due to cancel restrictions.",),
    R.QUANTITY_INCREASE: ("Order amend (quantity increase) is not supported.",),
    R.NO_CHANGE: ("The requested action would change no state; rejecting.",),
    R.SELF_TRADE_PREVENTION_MODE: (
        "This symbol does not allow the specified self-trade prevention mode.",
    ),
    R.INVALID_FIELD: ("Price * QTY is zero or less.", "IcebergQty exceeds QTY."),
    R.INVALID_COMBINATION: (
        "Unsupported order combination",
        "Cancel order is invalid. Check origClOrdId and orderId.",
        "This order type may not use pegged price.",
        "This price peg cannot be used with this order type.",
    ),
    R.ACCOUNT_RESTRICTED: (
        "This action is disabled on this account.",
        "This account may not place or cancel orders.",
        "This symbol is not permitted for this account.",
        "This symbol is restricted for this account.",
    ),
    R.NO_LIQUIDITY: (
        "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.",
        "Order book liquidity is less than `MARKET_LOT_SIZE` filter minimum quantity.",
        "Order book liquidity is less than symbol minimum quantity.",
        "Order book liquidity is too low for this pegged order.",
    ),
    R.NOT_SUPPORTED: (
        *(
            f"{what} orders are not supported for this symbol."
            for what in ("Market", "Iceberg", "Stop loss", "Stop loss limit", "Take profit")
            + ("Take profit limit", "OPO", "Trailing stop", "Pegged")
        ),
        "OCO orders are not supported for this symbol",
        "Quote order qty market orders are not support for this symbol.",
        "Order amend is not supported for this symbol.",
        "Order cancel-replace is not supported for this symbol.",
        "Order amend (pending OPO order) is not supported.",
        "FIX API trading is not enabled.",
    ),
}
FILTERS = (
    "PRICE_FILTER",
    "PERCENT_PRICE",
    "LOT_SIZE",
    "MIN_NOTIONAL",
    "NOTIONAL",
    "ICEBERG_PARTS",
    "MARKET_LOT_SIZE",
    "MAX_POSITION",
    "MAX_NUM_ORDERS",
    "MAX_NUM_ALGO_ORDERS",
    "MAX_NUM_ICEBERG_ORDERS",
    "MAX_NUM_ORDER_AMENDS",
    "MAX_NUM_ORDER_LISTS",
    "TRAILING_DELTA",
    "EXCHANGE_MAX_NUM_ORDERS",
    "EXCHANGE_MAX_NUM_ALGO_ORDERS",
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS",
    "EXCHANGE_MAX_NUM_ORDER_LISTS",
)


@pytest.mark.parametrize("reason", BY_CODE)
def test_a_code_means_this(reason: RejectReason) -> None:
    for code in BY_CODE[reason]:
        assert reject_reason(str(code), "words that nobody knows") == reason
        assert reject_reason(str(code), None) == reason


def test_no_code_is_left_out_or_counted_twice() -> None:
    listed = [code for codes in BY_CODE.values() for code in codes]
    assert sorted(listed) == sorted(CODES)
    assert not set(listed) & (BY_TEXT_ONLY | UNKNOWN_CODES)


@pytest.mark.parametrize("reason", BY_TEXT)
def test_a_text_means_this_whatever_the_code_and_the_full_stop(reason: RejectReason) -> None:
    for text in BY_TEXT[reason]:
        for code in ("-1010", "-1013", "-2010", "-2011", "-2038", None):
            assert reject_reason(code, text) == reason, text
            assert reject_reason(code, text.removesuffix(".")) == reason, text


def test_no_text_is_left_out() -> None:
    listed = {text.removesuffix(".") for texts in BY_TEXT.values() for text in texts}
    # The documents print this one with and without its last word.
    assert set(TEXTS) - listed == {"The requested action would change no state"}


@pytest.mark.parametrize("name", [*FILTERS, "TOMORROWS"])
def test_a_filter_is_named(name: str) -> None:
    assert reject_reason("-1013", f"Filter failure: {name}") == FILTER + name


@pytest.mark.parametrize("code", sorted(UNKNOWN_CODES))
def test_an_unknown_outcome_is_no_refusal(code: int) -> None:
    assert reject_reason(str(code), "Unknown order sent.") is None


@pytest.mark.parametrize("code", [*sorted(BY_TEXT_ONLY), "-9999", "not a number"])
def test_what_nobody_knows_is_not_guessed(code: Any) -> None:
    assert reject_reason(str(code), "something new") == R.OTHER


def test_where_nothing_is_said_there_is_no_reason() -> None:
    assert reject_reason(None, None) is None
    assert reject_reason(None, "") is None


def test_what_the_built_in_venue_and_the_stream_say_is_known() -> None:
    said: list[tuple[Any, str]] = [(None, text) for text in REJECT_TEXTS.values()]
    for found in vars(refusals).values():
        if isinstance(found, refusals.Refusal | Complaint):
            said.append((found.code, found.text))
    assert len(said) > 15
    for code, text in said:
        if code not in UNKNOWN_CODES:
            assert reject_reason(None if code is None else str(code), text) != R.OTHER, text


def test_every_kind_of_refusal_carries_its_reason() -> None:
    engine = Engine()
    engine.request(engine.order("o1"))
    engine.report("0", "0")
    engine.request(engine.order("o2"))
    text = "Account has insufficient balance for requested action."
    engine.report("8", "8", venue_code="-2010", text=text, exec_id=None, order_id=None)
    engine.request(OrderCancelRequest("c", orig_cl_ord_id="o1"))
    refused = {"venue_code": "-2011", "text": "Unknown order sent.", "symbol": "BTCUSDT"}
    wire_id = engine.last()[11].decode()
    engine.venue_says(b"9", cl_ord_id=wire_id, cxl_rej_response_to="1", **refused)
    engine.request(OrderAmendKeepPriorityRequest("a", orig_cl_ord_id="o1", order_qty="0.5"))
    wire_id = engine.last()[11].decode()
    filtered = refused | {"venue_code": "-2038", "text": "Filter failure: MAX_NUM_ORDER_AMENDS"}
    engine.venue_says(b"XAR", cl_ord_id=wire_id, order_qty="0.5", **filtered)
    engine.request(OrderMassCancelRequest("m", symbol="BTCUSDT"))
    engine.venue_says(b"3", ref_seq_num=int(engine.last()[34]), venue_code="-1020", text="no")
    heard = [
        (type(event), getattr(event, "cl_ord_id", ""), getattr(event, "reject_reason", ""))
        for event in engine.heard()
    ]
    assert heard == [
        (ExecutionReport, "o1", None),
        (ExecutionReport, "o2", R.INSUFFICIENT_BALANCE),
        (OrderCancelReject, "c", R.UNKNOWN_ORDER),
        (OrderAmendReject, "a", "filter:MAX_NUM_ORDER_AMENDS"),
        (OrderMassCancelReport, "m", R.NOT_SUPPORTED),
    ]


@pytest.mark.parametrize("code", sorted(UNKNOWN_CODES))
@pytest.mark.parametrize("kind", ["report", "reject"])
def test_an_unknown_outcome_stays_unknown(kind: str, code: int) -> None:
    engine = Engine()
    engine.request(engine.order("o1"))
    if kind == "report":
        engine.report("8", "8", venue_code=str(code), text="Unknown order sent.", exec_id=None)
    else:
        seq = int(engine.last()[34])
        engine.venue_says(b"3", ref_seq_num=seq, venue_code=str(code), text="no")
    (event,) = engine.heard()
    assert isinstance(event, OrderUnknown)
    assert event.venue_code == str(code)
    assert BINANCE_SPOT.unknown_codes == UNKNOWN_CODES
