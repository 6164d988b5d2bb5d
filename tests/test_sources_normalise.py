"""REST rows and stream events in the words of the engine's reports."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from fixengine.fix.venues.binance import words
from fixengine.fix.venues.binance.enums import ENUMS
from fixengine.messages import ExecutionReport, MiscFee
from fixengine.network.sources import events, normalise
from fixengine.network.sources.answers import Allocation, Order, Trade
from hypothesis import given
from hypothesis import strategies as st

# The venue's documents' example, values replaced.
NEW = {
    "e": "executionReport", "E": 1499405658658, "s": "ETHBTC", "c": "a1", "S": "BUY",
    "o": "LIMIT", "f": "GTC", "q": "1.00000000", "p": "0.10264410", "P": "0.00000000",
    "F": "0.00000000", "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 4293153,
    "l": "0.00000000", "z": "0.00000000", "L": "0.00000000", "n": "0", "N": None,
    "T": 1499405658657, "t": -1, "I": 8641984, "w": True, "m": False, "M": False,
    "O": 1499405658657, "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000",
    "W": 1499405658657, "V": "NONE",
}  # fmt: skip
STAMP = "20170707-05:34:18.657000"
ORDER = {
    "symbol": "LTCBTC", "orderId": 1, "orderListId": -1, "clientOrderId": "myOrder1",
    "price": "0.1", "origQty": "1.0", "executedQty": "0.0", "cummulativeQuoteQty": "0.0",
    "status": "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "stopPrice": "0.0",
    "icebergQty": "0.0", "time": 1499405658657, "updateTime": 1499405658657, "isWorking": True,
    "workingTime": 1499405658657, "origQuoteOrderQty": "0.000000",
    "selfTradePreventionMode": "NONE",
}  # fmt: skip
TRADE = {
    "symbol": "BNBBTC", "id": 28457, "orderId": 100234, "orderListId": -1, "price": "4.00000100",
    "qty": "12.00000000", "quoteQty": "48.000012", "commission": "10.10000000",
    "commissionAsset": "BNB", "time": 1499405658657, "isBuyer": True, "isMaker": False,
    "isBestMatch": True,
}  # fmt: skip


def event(**changes: Any) -> Any:
    return events.read(msgspec.json.encode(NEW | changes))


def execution(**changes: Any) -> normalise.Values:
    read = event(**changes)
    assert isinstance(read, events.Execution), read
    return normalise.execution(read)


def order(**changes: Any) -> normalise.Values:
    return normalise.order(msgspec.convert(ORDER | changes, Order))


def test_a_new_order_of_the_stream() -> None:
    assert execution() == {
        "symbol": "ETHBTC",
        "order_id": "4293153",
        "cl_ord_id": "a1",
        "side": "1",
        "ord_type": "2",
        "ord_status": "0",
        "price": "0.10264410",
        "time_in_force": "1",
        "self_trade_prevention_mode": "1",
        "working_indicator": "Y",
        "working_time": STAMP,
        "exec_id": "8641984",
        "exec_type": "0",
        "order_qty": "1.00000000",
        "order_creation_time": STAMP,
        "transact_time": STAMP,
        "cum_qty": "0.00000000",
        "leaves_qty": "1.00000000",
        "cum_quote_qty": "0.00000000",
        "last_qty": "0.00000000",
    }


def test_a_fill_of_the_stream() -> None:
    changes = {"x": "TRADE", "X": "PARTIALLY_FILLED", "t": 77, "l": "0.3", "L": "0.1", "z": "0.4"}
    found = execution(**changes, n="0.00012", N="BNB", m=True)
    assert found["exec_type"] == "F"
    assert (found["trade_id"], found["last_px"], found["last_qty"]) == ("77", "0.1", "0.3")
    assert (found["cum_qty"], found["leaves_qty"]) == ("0.4", "0.60000000")
    assert found["misc_fees"] == (MiscFee("0.00012", "BNB", "4"),)
    assert found["aggressor_indicator"] == "N"


def test_a_cancel_of_the_stream_has_the_ids_of_both() -> None:
    found = execution(x="CANCELED", X="CANCELED", c="cancel", C="a1")
    assert (found["cl_ord_id"], found["orig_cl_ord_id"]) == ("cancel", "a1")
    assert (found["ord_status"], found["leaves_qty"]) == ("4", "0.00000000")


def test_what_was_prevented_does_not_trade_any_more() -> None:
    changes = {"x": "TRADE_PREVENTION", "X": "NEW", "A": "0.25", "B": "0.25", "v": 3, "U": 9}
    found = execution(**changes, pl="0.25", pL="0.1", u=1, Cs="ETHBTC")
    assert (found["exec_type"], found["ord_status"]) == ("C", "0")
    assert found["leaves_qty"] == "0.75000000"
    assert (found["prevented_match_id"], found["counter_order_id"]) == ("3", "9")
    assert (found["last_prevented_qty"], found["prevented_execution_qty"]) == ("0.25", "0.25")


def test_a_routed_fill_has_an_allocation_and_no_trade() -> None:
    changes = {"x": "TRADE", "X": "FILLED", "a": 5, "b": "ONE_PARTY_TRADE_REPORT", "k": "SOR"}
    found = execution(**changes, uS=True)
    assert "trade_id" not in found
    assert (found["alloc_id"], found["match_type"]) == ("5", "1")
    assert (found["working_floor"], found["sor"]) == ("3", "Y")


def test_a_refused_order_of_the_stream() -> None:
    found = execution(x="REJECTED", X="REJECTED", r="INSUFFICIENT_BALANCES")
    assert (found["exec_type"], found["ord_status"], found["ord_rej_reason"]) == ("8", "8", "99")
    assert found["text"] == "Account has insufficient balance for requested action."
    assert execution(r="SOMETHING_NEW")["text"] == "SOMETHING_NEW"


@pytest.mark.parametrize(
    ("kind", "side", "expected"),
    [
        ("LIMIT_MAKER", "BUY", ("2", "6", None)),
        ("MARKET", "BUY", ("1", None, None)),
        ("STOP_LOSS", "BUY", ("3", None, "U")),
        ("STOP_LOSS_LIMIT", "SELL", ("4", None, "D")),
        ("TAKE_PROFIT", "BUY", ("3", None, "D")),
        ("TAKE_PROFIT_LIMIT", "SELL", ("4", None, "U")),
        ("BRAND_NEW", "SIDEWAYS", ("BRAND_NEW", None, None)),
    ],
)
def test_order_types(kind: str, side: str, expected: tuple[str | None, ...]) -> None:
    for found in (execution(o=kind, S=side), order(type=kind, side=side)):
        names = ("ord_type", "exec_inst", "trigger_price_direction")
        assert tuple(found.get(name) for name in names) == expected
        assert found["side"] == words.SIDES.get(side, side)


def test_an_order_of_rest() -> None:
    assert order() == {
        "symbol": "LTCBTC",
        "order_id": "1",
        "cl_ord_id": "myOrder1",
        "side": "1",
        "ord_type": "2",
        "ord_status": "0",
        "price": "0.1",
        "time_in_force": "1",
        "self_trade_prevention_mode": "1",
        "working_indicator": "Y",
        "working_time": STAMP,
        "order_creation_time": STAMP,
        "transact_time": STAMP,
        "cum_qty": "0.0",
        "cum_quote_qty": "0.0",
        "leaves_qty": "1.0",
        "order_qty": "1.0",
    }
    ended = order(status="EXPIRED_IN_MATCH", workingTime=-1, cummulativeQuoteQty="-1.0")
    assert (ended["ord_status"], ended["leaves_qty"]) == ("C", "0.0")
    assert not {"working_time", "cum_quote_qty"} & ended.keys()
    more = {"orderListId": 4, "strategyId": 7, "strategyType": 1000001, "icebergQty": "0.5"}
    more |= {"expiryReason": "OCO_TRIGGER", "trailingDelta": 10, "stopPrice": "2"}
    found = order(**more)
    assert (found["list_id"], found["strategy_id"], found["target_strategy"]) == (
        "4",
        "7",
        "1000001",
    )
    assert (found["max_floor"], found["trigger_price"], found["expiry_reason"]) == ("0.5", "2", "3")
    peg = {"pegPriceType": "PRIMARY_PEG", "pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 2}
    found = order(**peg)
    assert found["ord_type"] == "P"
    assert (found["peg_price_type"], found["peg_offset_type"]) == ("5", "3")


def test_a_trade_and_an_allocation_of_rest() -> None:
    expected = {
        "symbol": "BNBBTC",
        "order_id": "100234",
        "exec_type": "F",
        "side": "1",
        "last_px": "4.00000100",
        "last_qty": "12.00000000",
        "aggressor_indicator": "Y",
        "transact_time": STAMP,
        "misc_fees": (MiscFee("10.10000000", "BNB", "4"),),
    }
    found = normalise.trade(msgspec.convert(TRADE, Trade))
    assert found == {**expected, "trade_id": "28457"}
    routed = {**TRADE, "allocationId": 3, "allocationType": "SOR", "commission": "0.00"}
    found = normalise.allocation(msgspec.convert(routed, Allocation))
    del expected["misc_fees"]
    assert found == {**expected, "alloc_id": "3"}


def test_words_are_complete_and_mean_what_fix_means() -> None:
    """Each covers FIX's enumeration of its tag, and a word is FIX's name where both have it."""
    tables = {
        54: words.SIDES,
        39: words.STATUSES,
        150: words.EXECUTIONS,
        25001: words.SELF_TRADE_PREVENTIONS,
        25056: words.EXPIRY_REASONS,
        574: words.MATCH_TYPES,
        1094: words.PEG_PRICES,
        59: words.TIMES_IN_FORCE,
        836: words.PEG_OFFSETS,
    }
    for tag, table in tables.items():
        assert set(table.values()) == set(ENUMS[tag]), tag
        for word, value in table.items():
            if word in ENUMS[tag].values():
                assert ENUMS[tag][value] == word
    assert set(words.WORKING_FLOORS.values()) < set(ENUMS[25021])
    assert {kind.ord_type for kind in words.KINDS_OF_ORDER.values()} == set(ENUMS[40]) - {"P"}


def test_words_nobody_knows_are_kept() -> None:
    found = execution(x="DREAMED", X="DREAMING", f="GTX", V="SOME", eR="WHY", gP="A", gOT="B")
    assert (found["exec_type"], found["ord_status"]) == ("DREAMED", "DREAMING")
    assert (found["time_in_force"], found["self_trade_prevention_mode"]) == ("GTX", "SOME")
    assert (found["expiry_reason"], found["peg_price_type"], found["peg_offset_type"]) == (
        "WHY",
        "A",
        "B",
    )


KEYS = sorted(NEW.keys() - {"e"})


@given(
    st.dictionaries(
        st.sampled_from(KEYS), st.sampled_from(["", "x", "1.5", "-0", "1e5", -1, 7, None, True])
    )
)
def test_any_event_is_read_or_kept_raw(changes: dict[str, Any]) -> None:
    read = event(**changes)
    if isinstance(read, events.Raw):
        assert msgspec.json.decode(read.json) == NEW | changes
        return
    found = normalise.execution(read)
    assert found.keys() <= set(ExecutionReport.__struct_fields__)
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", found["leaves_qty"])


OTHERS: list[tuple[dict[str, Any], events.Event]] = [
    (
        {"e": "outboundAccountPosition", "E": 2, "u": 1, "B": [{"a": "ETH", "f": "1.0", "l": "0"}]},
        events.Position(2, 1, (events.Holding("ETH", "1.0", "0"),)),
    ),
    (
        {"e": "balanceUpdate", "E": 2, "a": "BTC", "d": "-100.0", "T": 1},
        events.BalanceUpdate(2, "BTC", "-100.0", 1),
    ),
    (
        {"e": "externalLockUpdate", "E": 2, "a": "BTC", "d": "1", "T": 1},
        events.ExternalLock(2, "BTC", "1", 1),
    ),
    (
        {
            "e": "listStatus", "E": 2, "s": "ETHBTC", "g": 2, "c": "OCO", "l": "EXEC_STARTED",
            "L": "EXECUTING", "r": "NONE", "C": "list1", "T": 1,
            "O": [{"s": "ETHBTC", "i": 17, "c": "a"}],
        },
        events.ListStatus(
            2, "ETHBTC", 2, "OCO", "EXEC_STARTED", "EXECUTING", "list1", 1,
            (events.Leg("ETHBTC", 17, "a"),),
        ),
    ),
    ({"e": "eventStreamTerminated", "E": 2}, events.Terminated(2)),
    ({"e": "serverShutdown", "E": 2}, events.ServerShutdown(2)),
]  # fmt: skip


@pytest.mark.parametrize(("json", "expected"), OTHERS, ids=lambda value: str(value)[:20])
def test_other_events(json: dict[str, Any], expected: events.Event) -> None:
    assert events.read(msgspec.json.encode(json | {"brandNew": 1})) == expected
    broken = msgspec.json.encode({"e": json["e"]})
    assert events.read(broken) == events.Raw(broken)


def test_an_event_nobody_knows_is_kept_raw() -> None:
    assert events.read(b'{"e":"tomorrow","E":1}') == events.Raw(b'{"e":"tomorrow","E":1}')
