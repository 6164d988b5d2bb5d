"""The venue's REST API: signatures, limits, orders, trades and balances, without sockets."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fixengine.simulator import history as history_room
from fixengine.simulator.accounts import Account
from fixengine.simulator.admission import Credential
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.history import History
from fixengine.simulator.instruments import INSTRUMENTS, units
from fixengine.simulator.meter import BAN_S, REFUSED_MAX, Meter
from fixengine.simulator.rest import Asked, Reply, Rest
from fixengine.simulator.venue import play
from test_exchange import NOW, SECOND_NS, SELL, away, market, new

MS = NOW // 1_000_000
KEY = Ed25519PrivateKey.generate()
HERE = "127.0.0.1"


class Stand:
    """An account with 1,000,000 USDT and 10 BTC, and who asks for it."""

    def __init__(self, limits: str = "venue") -> None:
        self.exchange = Exchange(INSTRUMENTS)
        self.history = History()
        self.exchange.watchers.append(self.history.note)
        self.exchange.tick(NOW)
        self.account = Account(
            "trader",
            {"USDT": units("1000000"), "BTC": units("10"), "BNB": 0},
            maker_ppm=1000,
            taker_ppm=1000,
        )
        credentials = {"key": Credential(self.account, KEY.public_key())}
        self.rest = Rest(Meter(play(limits, 1).web), self.exchange, self.history, credentials)
        self.now = NOW

    def get(self, target: str, api_key: str | None = "key") -> Reply:
        return self.rest.answer(Asked("GET", target, api_key, HERE), self.now)

    def read(self, name: str, **parameters: object) -> Any:
        """A signed read that succeeds."""
        reply = self.get(signed(name, **parameters))
        assert reply.status == 200, reply.body
        return orjson.loads(reply.body)

    def refused(self, target: str, api_key: str | None = "key") -> tuple[int, int, str]:
        """Status, code and text of a read that does not."""
        reply = self.get(target, api_key)
        body = orjson.loads(reply.body)
        return reply.status, body["code"], body["msg"]

    def order(self, cl_ord_id: str, **changes: str | None) -> int:
        """Place one; its order id."""
        answers = self.exchange.new_order(self.account, new(cl_ord_id, **changes), self.now)
        assert isinstance(answers, list)
        return int(answers[0].values["order_id"])


def signed(name: str, **parameters: object) -> str:
    """The target of a signed request, at NOW."""
    query = "&".join(f"{key}={quote(str(value))}" for key, value in parameters.items())
    if "timestamp" not in parameters:
        query += ("&" if query else "") + f"timestamp={MS}"
    return f"/api/v3/{name}?{query}&signature={sign(query)}"


def sign(query: str) -> str:
    return quote(base64.b64encode(KEY.sign(query.encode())), safe="")


@pytest.fixture
def stand() -> Stand:
    return Stand()


# --- who asks -------------------------------------------------------------------------------


def test_time_needs_no_key(stand: Stand) -> None:
    reply = stand.get("/api/v3/time", None)
    assert (reply.status, orjson.loads(reply.body)) == (200, {"serverTime": MS})
    assert reply.headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_the_signature_is_over_the_bytes_as_sent(stand: Stand) -> None:
    assert stand.read("openOrders", symbol="这是测试币456") == []
    query = f"symbol=BTCUSDT&timestamp={MS}"
    raw = f"symbol=%42TCUSDT&timestamp={MS}"
    bad = (400, -1022, "Signature for this request is not valid.")
    assert stand.refused(f"/api/v3/openOrders?{raw}&signature={sign(query)}") == bad
    assert stand.refused(f"/api/v3/openOrders?{query}&signature=x") == bad
    assert stand.get(f"/api/v3/openOrders?signature={sign(query)}&{query}").status == 200


def test_who_may_not_ask(stand: Stand) -> None:
    target = signed("account")
    assert stand.refused(target, None)[:2] == (401, -2014)
    assert stand.refused(target, "other")[:2] == (401, -2015)
    text = "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."
    assert stand.refused(f"/api/v3/account?timestamp={MS}") == (400, -1102, text)
    query = "omitZeroBalances=true"
    target = f"/api/v3/account?{query}&signature={sign(query)}"
    assert "'timestamp'" in stand.refused(target)[2]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"timestamp": MS + 1000}, -1021),
        ({"timestamp": MS + 999}, 0),
        ({"timestamp": MS - 5000}, 0),
        ({"timestamp": MS - 5001}, -1021),
        ({"timestamp": MS - 5001, "recvWindow": 6000}, 0),
        ({"timestamp": MS * 1000 - 1500, "recvWindow": "1.499"}, -1021),
        ({"timestamp": MS * 1000 - 1500, "recvWindow": "1.5"}, 0),
        ({"recvWindow": 60001}, -1131),
        ({"recvWindow": "-5"}, -1100),
    ],
)
def test_the_time_of_a_request(stand: Stand, parameters: dict[str, Any], code: int) -> None:
    reply = stand.get(signed("account", **parameters))
    assert orjson.loads(reply.body).get("code", 0) == code


def test_a_page_that_is_not_there_is_html(stand: Stand) -> None:
    reply = stand.get("/api/v3/userDataStream")
    assert (reply.status, reply.content_type) == (404, "text/html")


# --- how much -------------------------------------------------------------------------------


def test_weights_are_counted_and_told(stand: Stand) -> None:
    reads = [signed("openOrders"), signed("openOrders", symbol="BTCUSDT")]
    reads += [signed("myTrades", symbol="BTCUSDT"), signed("myTrades", symbol="BTCUSDT", orderId=1)]
    reads += [signed("order", symbol="BTCUSDT", orderId=1), "/api/v3/exchangeInfo"]
    used = [int(stand.get(target).headers["X-MBX-USED-WEIGHT-1M"]) for target in reads]
    assert used == [80, 86, 106, 111, 115, 135]
    stand.now += 60 * SECOND_NS
    assert stand.get("/api/v3/time").headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_too_much_is_refused_then_banned(stand: Stand) -> None:
    for _ in range(75):
        assert stand.get(signed("openOrders")).status == 200
    reply = stand.get("/api/v3/time")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "40")
    assert orjson.loads(reply.body)["code"] == -1003
    for _ in range(REFUSED_MAX - 1):
        assert stand.get("/api/v3/time").status == 429
    reply = stand.get("/api/v3/time")
    assert (reply.status, reply.headers["Retry-After"]) == (418, str(BAN_S))
    assert f"banned until {MS + BAN_S * 1000}." in orjson.loads(reply.body)["msg"]
    stand.now += BAN_S * SECOND_NS - 1
    assert stand.get("/api/v3/time").status == 418
    stand.now += 1
    assert stand.get("/api/v3/time").status == 200


def test_without_limits_nobody_is_refused() -> None:
    stand = Stand("off")
    for _ in range(200):
        assert stand.get(signed("openOrders")).status == 200


# --- orders ---------------------------------------------------------------------------------


def test_an_open_order(stand: Stand) -> None:
    order_id = stand.order("mine", target_strategy="1000001", strategy_id="7")
    expected = {
        "symbol": "BTCUSDT",
        "orderId": order_id,
        "orderListId": -1,
        "clientOrderId": "mine",
        "price": "49000.00000000",
        "origQty": "0.00100000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": MS,
        "updateTime": MS,
        "isWorking": True,
        "workingTime": MS,
        "selfTradePreventionMode": "NONE",
        "strategyId": 7,
        "strategyType": 1000001,
    }
    assert stand.read("openOrders") == [expected]
    assert stand.read("openOrders", symbol="BTCUSDT") == [expected]
    assert stand.read("openOrders", symbol="ETHUSDT") == []
    assert stand.read("order", symbol="BTCUSDT", orderId=order_id) == expected
    assert stand.read("order", symbol="BTCUSDT", origClientOrderId="mine") == expected


def test_a_cancel_renames_the_order(stand: Stand) -> None:
    order_id = stand.order("mine")
    stand.now += SECOND_NS
    stand.exchange.cancel(stand.account, away("gone", orig_cl_ord_id="mine"), stand.now)
    assert stand.read("openOrders") == []
    found = stand.read("order", symbol="BTCUSDT", orderId=order_id)
    assert (found["status"], found["clientOrderId"]) == ("CANCELED", "gone")
    assert (found["time"], found["updateTime"]) == (MS, MS + 1000)
    unknown = (400, -2013, "Order does not exist.")
    assert stand.refused(signed("order", symbol="BTCUSDT", origClientOrderId="mine")) == unknown
    both = signed("order", symbol="BTCUSDT", orderId=order_id, origClientOrderId="mine")
    assert stand.refused(both)[:2] == (400, -2039)
    assert stand.read("order", symbol="BTCUSDT", origClientOrderId="gone") == found
    # The old id is free for another order.
    again = stand.order("mine")
    assert stand.read("order", symbol="BTCUSDT", origClientOrderId="mine")["orderId"] == again
    rows = stand.read("allOrders", symbol="BTCUSDT")
    assert [row["orderId"] for row in rows] == [order_id, again]
    assert stand.read("allOrders", symbol="BTCUSDT", orderId=again, limit=1) == rows[1:]


def test_what_an_order_ends_of(stand: Stand) -> None:
    order_id = stand.order("ioc", price="50001", order_qty="3", time_in_force="3")
    found = stand.read("order", symbol="BTCUSDT", orderId=order_id)
    assert found["status"] == "EXPIRED"
    assert found["expiryReason"] == "UNFILLED_IOC_QUANTITY_EXPIRED"
    assert (found["executedQty"], found["workingTime"]) == ("2.00000000", -1)


@pytest.mark.parametrize(
    ("name", "parameters", "code"),
    [
        ("order", {"symbol": "BTCUSDT"}, -1102),
        ("order", {"orderId": 1}, -1102),
        ("order", {"symbol": "", "orderId": 1}, -1105),
        ("order", {"symbol": "NONE", "orderId": 1}, -1121),
        ("order", {"symbol": "BTCUSDT", "orderId": "x"}, -1100),
        ("order", {"symbol": "BTCUSDT", "orderId": 1}, -2013),
        ("order", {"symbol": "BTCUSDT", "orderId": 1, "other": 1}, -1104),
        ("myTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}, -1128),
        ("myTrades", {"symbol": "BTCUSDT", "orderId": 1, "endTime": 1}, -1128),
        ("myTrades", {"symbol": "BTCUSDT", "startTime": 1, "endTime": 86_400_002}, -1127),
        ("myTrades", {"symbol": "BTCUSDT", "limit": 1001}, -1130),
        ("openOrders", {"symbol": "none"}, -1121),
    ],
)
def test_what_is_wrong_with_parameters(
    stand: Stand, name: str, parameters: dict[str, Any], code: int
) -> None:
    assert stand.refused(signed(name, **parameters))[:2] == (400, code)


def test_a_parameter_given_twice(stand: Stand) -> None:
    query = f"symbol=BTCUSDT&symbol=BTCUSDT&timestamp={MS}"
    target = f"/api/v3/openOrders?{query}&signature={sign(query)}"
    assert stand.refused(target)[:2] == (400, -1101)


# --- trades and balances --------------------------------------------------------------------


def test_a_trade(stand: Stand) -> None:
    order_id = stand.order("taker", price="50001")
    [trade] = stand.read("myTrades", symbol="BTCUSDT")
    assert trade.pop("id") > 0
    assert trade == {
        "symbol": "BTCUSDT",
        "orderId": order_id,
        "orderListId": -1,
        "price": "50001.00000000",
        "qty": "0.00100000",
        "quoteQty": "50.00100000",
        "commission": "0.00000100",
        "commissionAsset": "BTC",
        "time": MS,
        "isBuyer": True,
        "isMaker": False,
        "isBestMatch": True,
    }


def test_trades_are_read_page_by_page(stand: Stand) -> None:
    orders = [stand.order(f"o{number}", price="50001") for number in range(7)]
    every = stand.read("myTrades", symbol="BTCUSDT")
    assert [trade["orderId"] for trade in every] == orders
    read: list[Any] = []
    first = 0
    while page := stand.read("myTrades", symbol="BTCUSDT", fromId=first, limit=3):
        read += page
        first = page[-1]["id"] + 1
    assert read == every
    assert stand.read("myTrades", symbol="BTCUSDT", limit=2) == every[-2:]
    assert stand.read("myTrades", symbol="BTCUSDT", orderId=orders[3]) == [every[3]]
    assert stand.read("myTrades", symbol="BTCUSDT", startTime=MS, limit=2) == every[:2]
    assert stand.read("myTrades", symbol="BTCUSDT", startTime=MS + 1) == []
    assert stand.read("myTrades", symbol="BTCUSDT", endTime=MS - 1) == []
    assert stand.read("myAllocations", symbol="BTCUSDT") == []


def balances(stand: Stand) -> dict[str, tuple[str, str]]:
    account = stand.read("account", omitZeroBalances="true")
    return {one["asset"]: (one["free"], one["locked"]) for one in account["balances"]}


def test_balances_follow_orders_and_fills(stand: Stand) -> None:
    assert balances(stand) == {
        "USDT": ("1000000.00000000", "0.00000000"),
        "BTC": ("10.00000000", "0.00000000"),
    }
    stand.order("rests")
    assert balances(stand)["USDT"] == ("999951.00000000", "49.00000000")
    # A buy pays quote and gets base less the fee; a sale the other way round.
    stand.order("buys", order_qty="1", price="50001")
    assert balances(stand)["USDT"] == ("949950.00000000", "49.00000000")
    assert balances(stand)["BTC"] == ("10.99900000", "0.00000000")
    stand.order("sells", side=SELL, order_qty="1", price="49999")
    assert balances(stand)["USDT"] == ("999899.00100000", "49.00000000")
    stand.exchange.cancel(stand.account, away("gone", orig_cl_ord_id="rests"), stand.now)
    assert balances(stand)["USDT"] == ("999948.00100000", "0.00000000")
    account = stand.read("account")
    assert [one["asset"] for one in account["balances"]] == ["USDT", "BTC", "BNB"]
    assert account["commissionRates"]["maker"] == "0.00100000"
    assert account["updateTime"] == MS


def test_an_order_beyond_the_balance_is_refused_and_leaves_no_trace(stand: Stand) -> None:
    too_much = market("big", side=SELL, order_qty="11")
    [answer] = stand.exchange.new_order(stand.account, too_much, NOW)  # type: ignore[misc]
    assert answer.values["venue_code"] == "-2010"
    assert answer.values["text"] == "Account has insufficient balance for requested action."
    assert stand.read("allOrders", symbol="BTCUSDT") == []
    assert balances(stand)["BTC"] == ("10.00000000", "0.00000000")


def test_exchange_info(stand: Stand) -> None:
    info = orjson.loads(stand.get("/api/v3/exchangeInfo?symbol=BTCUSDT", None).body)
    [symbol] = info["symbols"]
    assert all(symbol[f"{what}Allowed"] for what in ("iceberg", "amend", "cancelReplace"))
    modes = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"]
    assert symbol["allowedSelfTradePreventionModes"] == modes
    assert {"filterType": "ICEBERG_PARTS", "limit": 100} in symbol["filters"]
    assert {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10} in symbol["filters"]
    assert (symbol["symbol"], symbol["baseAsset"], symbol["quoteAsset"]) == (
        "BTCUSDT",
        "BTC",
        "USDT",
    )
    filters = {one["filterType"]: one for one in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert filters["PERCENT_PRICE"]["multiplierDown"] == "0.20000000"
    assert filters["MAX_NUM_ICEBERG_ORDERS"]["maxNumIcebergOrders"] == 10
    assert "MAX_POSITION" not in filters
    assert info["rateLimits"][0]["limit"] == 6000
    two = quote('["BTCUSDT","ETHUSDT"]')
    info = orjson.loads(stand.get(f"/api/v3/exchangeInfo?symbols={two}").body)
    assert len(info["symbols"]) == 2
    path = f"/api/v3/exchangeInfo?symbol={quote('这是测试币456')}"
    [symbol] = orjson.loads(stand.get(path).body)["symbols"]
    filters = {one["filterType"]: one for one in symbol["filters"]}
    assert symbol["allowedSelfTradePreventionModes"] == [*modes, "TRANSFER"]
    assert filters["MAX_POSITION"]["maxPosition"] == "150000.00000000"
    assert filters["PERCENT_PRICE_BY_SIDE"]["askMultiplierDown"] == "0.50000000"
    assert filters["PERCENT_PRICE_BY_SIDE"]["bidMultiplierUp"] == "5.00000000"
    assert stand.refused("/api/v3/exchangeInfo?symbol=NONE")[:2] == (400, -1121)


def test_old_orders_are_forgotten(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_room, "ORDERS_MAX", 10)
    resting = stand.order("rests")
    for number in range(20):
        stand.order(f"o{number}", price="50001")
    assert len(stand.history.of(stand.account).orders) <= 10
    assert [row["orderId"] for row in stand.read("openOrders")] == [resting]
    unknown = signed("order", symbol="BTCUSDT", origClientOrderId="o0")
    assert stand.refused(unknown)[1] == -2013
