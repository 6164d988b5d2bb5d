"""The venue's REST API as far as an engine reads it to settle what a session cannot tell.

A request comes in as it stood on the wire and goes out as status, headers and body: no clock, no
I/O. What it tells comes from the exchange and from history.py, so it agrees with the sessions; the
real venue's answers may lag behind its sessions, these never do. Sources are listed in the venue
table (fix/venues/binance/web.py); anything else is answered as a page that is not there, in HTML,
as the real front does. Orders cannot be placed here.

Source: REST and stream notes, sections 3, 5, 6 and 7. [I]: the order of the checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from fixengine import wire
from fixengine.fix.venues.binance import words
from fixengine.simulator.accounts import PPM, Account
from fixengine.simulator.admission import Credential
from fixengine.simulator.book import BUY
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.exchange_info import symbol_object
from fixengine.simulator.history import History, Past, Trade, from_id
from fixengine.simulator.instruments import UNIT, Instrument, text_of
from fixengine.simulator.meter import Meter, Over
from fixengine.simulator.orders import STOPS
from fixengine.simulator.parameters import Parameters, Wrong, check_signature, missing
from fixengine.simulator.reports import PENDING_NEW, ZERO

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
DAY_MS = 86_400_000
ROWS_DEFAULT = 500
NOT_THERE = b"<html><body><h1>404 Not Found</h1></body></html>"
NO_LIST = -1
NO_ORDER = (400, -2013, "Order does not exist.")
BAD_COMBINATION = (400, -1128, "Combination of optional parameters invalid.")


class Asked(NamedTuple):
    """A request. target: path and query exactly as on the wire. address: the client's."""

    method: str
    target: str
    api_key: str | None
    address: str


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    content_type: str = "application/json"


class Rest:
    """See the module's top. credentials: by API key. web: the venue table's part of this."""

    def __init__(
        self,
        meter: Meter,
        exchange: Exchange,
        history: History,
        credentials: dict[str, Credential],
    ) -> None:
        self.meter = meter
        self.web = meter.web
        self._exchange = exchange
        self._history = history
        self._credentials = credentials
        self._public: dict[str, Callable[[Parameters, int], Any]] = {
            "time": self._time,
            "exchangeInfo": self._exchange_info,
        }
        self._private: dict[str, Callable[[Account, Parameters], Any]] = {
            "openOrders": self._open_orders,
            "order": self._order,
            "allOrders": self._all_orders,
            "myTrades": self._my_trades,
            "myAllocations": self._my_allocations,
            "account": self._account,
        }
        self._names = {call.path: name for name, call in self.web.calls.items()}

    def answer(self, asked: Asked, now: int) -> Reply:
        """The answer to one request. now: wall clock ns."""
        path, _, query = asked.target.partition("?")
        name = self._names.get(path) if asked.method == "GET" else None
        given = {piece.partition("=")[0] for piece in query.split("&")}
        weight = 1 if name is None else self.web.weight(name, given)
        over = self.meter.add(asked.address, weight, now)
        used = str(self.meter.used(asked.address, now))
        headers = {self.web.weight_header: used, "X-MBX-USED-WEIGHT": used}
        if over is not None:
            headers["Retry-After"] = str(max(1, -(-(over.until_ns - now) // SECOND_NS)))
            return Reply(over.status, headers, too_much(over))
        if name is None:
            return Reply(404, headers, NOT_THERE, "text/html")
        try:
            parameters = Parameters.of_query(query)
            found = self._found(name, asked, query, parameters, now)
        except Wrong as wrong:
            return Reply(wrong.status, headers, refusal(wrong))
        return Reply(200, headers, orjson.dumps(found))

    def call(
        self, name: str, given: Mapping[str, str | int], account: Account, address: str, now: int
    ) -> Any:
        """What the body of an answer holds, asked for without HTTP, key and signature.

        name: of the venue table's calls. Raises Wrong, also for a request that is one too many.
        """
        over = self.meter.add(address, self.web.weight(name, given), now)
        if over is not None:
            raise Wrong(over.status, -1003, over.text)
        parameters = Parameters((key, str(value)) for key, value in given.items())
        if name in self._public:
            return self._public[name](parameters, now)
        return self._private[name](account, parameters)

    def _found(self, name: str, asked: Asked, query: str, parameters: Parameters, now: int) -> Any:
        if name in self._public:
            return self._public[name](parameters, now)
        if asked.api_key is None:
            raise Wrong(401, -2014, "API-key format invalid.")
        credential = self._credentials.get(asked.api_key)
        if credential is None:
            raise Wrong(401, -2015, "Invalid API-key, IP, or permissions for action.")
        signature = parameters.raw("signature")
        if not signature:
            raise missing("signature")
        # The very bytes that were sent, less the signature, wherever in the query it stood.
        pieces = [piece for piece in query.split("&") if not piece.startswith("signature=")]
        check_signature(credential.public_key, "&".join(pieces).encode(), signature)
        parameters.in_time(now)
        return self._private[name](credential.account, parameters)

    # --- public -----------------------------------------------------------------------------

    def _time(self, parameters: Parameters, now: int) -> Any:
        parameters.nothing_else()
        return {"serverTime": now // MILLISECOND_NS}

    def _exchange_info(self, parameters: Parameters, now: int) -> Any:
        one, several = parameters.text("symbol", "symbol"), parameters.raw("symbols")
        parameters.nothing_else()
        if one is not None and several is not None:
            raise Wrong(*BAD_COMBINATION)
        symbols = list(self._exchange.markets)
        if one is not None:
            symbols = [one]
        elif several is not None:
            try:
                symbols = list(orjson.loads(several))
            except (orjson.JSONDecodeError, TypeError):
                text = "Illegal characters found in parameter 'symbols'."
                raise Wrong(400, -1100, text) from None
        web = self.web
        limits = (
            ("REQUEST_WEIGHT", "MINUTE", 1, web.weights.count_max),
            ("RAW_REQUESTS", "MINUTE", 5, web.requests.count_max),
        )
        names = ("rateLimitType", "interval", "intervalNum", "limit")
        return {
            "timezone": "UTC",
            "serverTime": now // MILLISECOND_NS,
            "rateLimits": [dict(zip(names, limit, strict=True)) for limit in limits],
            "exchangeFilters": [],
            "symbols": [symbol_object(self._instrument(symbol)) for symbol in symbols],
        }

    # --- an account's -----------------------------------------------------------------------

    def _open_orders(self, account: Account, parameters: Parameters) -> Any:
        symbol = parameters.text("symbol", "symbol")
        parameters.nothing_else()
        if symbol is not None:
            self._instrument(symbol)
        return [order_object(past) for past in self._history.open_orders(account, symbol)]

    def _order(self, account: Account, parameters: Parameters) -> Any:
        symbol = self._symbol(parameters)
        order_id = parameters.number("orderId")
        client_id = parameters.text("origClientOrderId", "client id")
        parameters.nothing_else()
        if order_id is None and client_id is None:
            text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise Wrong(400, -1102, text)
        past = self._history.find(account, symbol, order_id, client_id)
        if past is None:
            raise Wrong(*NO_ORDER)
        if client_id not in (None, past.values["cl_ord_id"]):
            text = "Client order ID is not correct for this order ID."
            raise Wrong(400, -2039, text)
        return order_object(past, ended=True)

    def _all_orders(self, account: Account, parameters: Parameters) -> Any:
        symbol, limit = self._symbol(parameters), self._limit(parameters, "allOrders")
        order_id = parameters.number("orderId")
        start, end = self._span(parameters)
        parameters.nothing_else()
        if order_id is not None and (start is not None or end is not None):
            raise Wrong(*BAD_COMBINATION)
        found = self._history.all_orders(account, symbol)
        if order_id is not None:
            found = [past for past in found if past.order_id >= order_id]
        found = [past for past in found if within(past.opened_ns, start, end)]
        rows = page(found, limit, from_first=order_id is not None or start is not None)
        return [order_object(past, ended=True) for past in rows]

    def _my_trades(self, account: Account, parameters: Parameters) -> Any:
        symbol, limit = self._symbol(parameters), self._limit(parameters, "myTrades")
        order_id, first = parameters.number("orderId"), parameters.number("fromId")
        start, end = self._span(parameters)
        parameters.nothing_else()
        by_time = start is not None or end is not None
        if by_time and (order_id is not None or first is not None):
            raise Wrong(*BAD_COMBINATION)
        found = self._history.trades(account, symbol)
        if first is not None:
            found = from_id(found, first)
        if order_id is not None:
            found = [trade for trade in found if trade.order_id == order_id]
        if by_time:
            found = [trade for trade in found if within(trade.traded_ns, start, end)]
        rows = page(found, limit, from_first=first is not None or start is not None)
        return [trade_object(trade, self._instrument(symbol)) for trade in rows]

    def _my_allocations(self, account: Account, parameters: Parameters) -> Any:
        self._symbol(parameters)
        self._limit(parameters, "myAllocations")
        self._span(parameters)
        parameters.number("fromAllocationId")
        parameters.number("orderId")
        parameters.nothing_else()
        # Nothing is routed elsewhere here, so there are never any.
        return []

    def _account(self, account: Account, parameters: Parameters) -> Any:
        omits_zero = parameters.raw("omitZeroBalances") == "true"
        parameters.nothing_else()
        maker, taker = (ppm * UNIT // PPM for ppm in (account.maker_ppm, account.taker_ppm))
        balances = [
            {"asset": asset, "free": text_of(one.free), "locked": text_of(one.locked)}
            for asset, one in account.balances.items()
            if one.free or one.locked or not omits_zero
        ]
        rates = {"maker": text_of(maker), "taker": text_of(taker), "buyer": ZERO, "seller": ZERO}
        return {
            "makerCommission": account.maker_ppm // 100,
            "takerCommission": account.taker_ppm // 100,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": rates,
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": True,
            "updateTime": self._history.of(account).updated_ns // MILLISECOND_NS,
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": 1,
        }

    # --- parameters -------------------------------------------------------------------------

    def _symbol(self, parameters: Parameters) -> str:
        symbol = parameters.text("symbol", "symbol")
        if symbol is None:
            raise missing("symbol")
        return self._instrument(symbol).symbol

    def _instrument(self, symbol: str) -> Instrument:
        market = self._exchange.markets.get(symbol)
        if market is None:
            raise Wrong(400, -1121, "Invalid symbol.")
        return market.instrument

    def _limit(self, parameters: Parameters, name: str) -> int:
        limit = parameters.number("limit")
        rows_max = self.web.calls[name].rows_max
        if limit is not None and not 1 <= limit <= rows_max:
            raise Wrong(400, -1130, "Data sent for parameter 'limit' is not valid.")
        return min(ROWS_DEFAULT, rows_max) if limit is None else limit

    def _span(self, parameters: Parameters) -> tuple[int | None, int | None]:
        start, end = parameters.number("startTime"), parameters.number("endTime")
        if start is not None and end is not None and end - start > DAY_MS:
            raise Wrong(400, -1127, "More than 24 hours between startTime and endTime.")
        return start, end


def refusal(wrong: Wrong) -> bytes:
    """The body of a refused request."""
    return orjson.dumps({"code": wrong.code, "msg": wrong.text})


def too_much(over: Over) -> bytes:
    """The body of a request that is one too many."""
    return orjson.dumps({"code": -1003, "msg": over.text})


def within(at_ns: int, start_ms: int | None, end_ms: int | None) -> bool:
    """Whether a time lies between two others, both included, where they are given."""
    at_ms = at_ns // MILLISECOND_NS
    return (start_ms is None or at_ms >= start_ms) and (end_ms is None or at_ms <= end_ms)


def page(rows: list[Any], limit: int, from_first: bool) -> list[Any]:
    """The oldest of what is there, or the newest."""
    return rows[:limit] if from_first else rows[-limit:]


def order_object(past: Past, ended: bool = False) -> dict[str, Any]:
    """An order as REST shows it. ended: with the reason of its end, which openOrders leaves out."""
    values = past.values
    working_ms = at_ms(values["working_time"])
    order = {
        "symbol": values["symbol"],
        "orderId": past.order_id,
        "orderListId": list_of(values),
        "clientOrderId": values["cl_ord_id"],
        "price": values["price"] or ZERO,
        "origQty": values["order_qty"] or values["cum_qty"],
        "executedQty": values["cum_qty"],
        "origQuoteOrderQty": values["cash_order_qty"] or ZERO,
        "cummulativeQuoteQty": values["cum_quote_qty"],
        "status": words.status_word(values["ord_status"], values.get("prevented_match_id")),
        "timeInForce": words.word(words.TIMES_IN_FORCE, values["time_in_force"] or "1"),
        "type": order_word(values),
        "side": words.word(words.SIDES, values["side"]),
        "stopPrice": values["trigger_price"] or ZERO,
        "icebergQty": values["max_floor"] or ZERO,
        "time": past.opened_ns // MILLISECOND_NS,
        "updateTime": past.updated_ns // MILLISECOND_NS,
        "isWorking": bool(working_ms) or not _waits(values),
        "workingTime": working_ms or -1,
        "selfTradePreventionMode": words.word(
            words.SELF_TRADE_PREVENTIONS, values["self_trade_prevention_mode"]
        ),
    }
    for ours, theirs in (
        ("strategy_id", "strategyId"),
        ("target_strategy", "strategyType"),
        ("prevented_match_id", "preventedMatchId"),
    ):
        if values.get(ours) is not None:
            order[theirs] = int(values[ours])
    if values["trigger_trailing_delta_bips"] is not None:
        order["trailingDelta"] = int(values["trigger_trailing_delta_bips"])
        order["trailingTime"] = at_ms(values["trailing_time"]) or -1
    if values["prevented_qty"] is not None:
        order["preventedQuantity"] = values["prevented_qty"]
    if ended and values.get("expiry_reason") is not None:
        order["expiryReason"] = words.word(words.EXPIRY_REASONS, values["expiry_reason"])
    return order


def list_of(values: dict[str, Any]) -> int:
    """The order list of an order, NO_LIST for none."""
    return int(values.get("list_id") or NO_LIST)


def _waits(values: dict[str, Any]) -> bool:
    """Whether an order that has never worked would have to be set off first."""
    return values["ord_type"] in STOPS or values["ord_status"] == PENDING_NEW


def at_ms(stamp: str | None) -> int | None:
    """The text of a UTC timestamp -> ms since 1970."""
    return None if stamp is None else wire.stamp_ns(stamp.encode()) // MILLISECOND_NS


def order_word(values: dict[str, Any]) -> str:
    """What REST and the stream call the type of an order."""
    terms = (values[name] for name in ("ord_type", "exec_inst", "side", "trigger_price_direction"))
    return words.order_word(*terms)


def trade_object(trade: Trade, instrument: Instrument) -> dict[str, Any]:
    """A trade as REST shows it."""
    values = trade.values
    buys = values["side"] == BUY
    fees = values.get("misc_fees", ())
    received = instrument.base if buys else instrument.quote
    return {
        "symbol": values["symbol"],
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": list_of(values),
        "price": values["last_px"],
        "qty": values["last_qty"],
        "quoteQty": trade.quote_qty,
        "commission": fees[0].misc_fee_amt if fees else ZERO,
        "commissionAsset": fees[0].misc_fee_curr if fees else received,
        "time": trade.traded_ns // MILLISECOND_NS,
        "isBuyer": buys,
        "isMaker": values["aggressor_indicator"] == "N",
        "isBestMatch": True,
    }
