"""The venue's WebSocket API as far as it serves the user data stream: sessions and events.

One `Feed` for each connection: it is handed text frames and the exchange's reports, and what it
has to say waits in `output`; no clock and no I/O. `Feeds` knows them all and is told of reports.

Played: time, ping, session.logon, session.status, session.logout, session.subscriptions, and
userDataStream.subscribe, .subscribe.signature, .unsubscribe. Not: orders and queries, which REST
has. After the reports of one request comes one outboundAccountPosition, with what both assets of
each symbol are then. Source: REST and stream notes, sections 3, 4 and 9; [I] there holds here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from fixengine.fix import fields
from fixengine.fix.venues.binance import words
from fixengine.simulator.accounts import Account
from fixengine.simulator.admission import Credential
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.history import History
from fixengine.simulator.instruments import amount, text_of, units
from fixengine.simulator.meter import Meter
from fixengine.simulator.parameters import Parameters, Wrong, check_signature, missing
from fixengine.simulator.reports import ZERO, Answer
from fixengine.simulator.rest import at_ms, list_of, order_word

MILLISECOND_NS = 1_000_000
SUBSCRIPTIONS_MAX = 65_535
NONE_GIVEN = -1
EVENTS_WAITING_MAX = 100_000
"""Frames that may wait for a client that does not read, before it is cut off."""
BAD_KEY = (401, -2015, "Invalid API-key, IP, or permissions for action.")
BAD_FORM = (400, -1135, "Invalid JSON Request.")
NO_SUCH_METHOD = (404, -1000, "Unknown method.")
ALREADY = (400, -2035, "User Data Stream subscription already active.")
INACTIVE = (400, -2036, "User Data Stream subscription not active.")


class Feed:
    """One connection; see the module's top.

    address: the client's. opened_ns: wall clock. ends: it is to be closed after its output.
    """

    def __init__(self, feeds: Feeds, address: str, opened_ns: int) -> None:
        self._feeds = feeds
        self._address = address
        self._opened_ns = opened_ns
        self._api_key: str | None = None
        self._since_ns = 0
        self._by_logon: int | None = None
        self._next = 0
        self.subscriptions: dict[int, Account] = {}
        self.output: list[bytes] = []
        self.ends = False

    def request(self, text: str, now: int) -> None:
        """Answer one text frame. now: wall clock ns."""
        number: Any = None
        try:
            try:
                asked = orjson.loads(text)
            except orjson.JSONDecodeError:
                raise Wrong(*BAD_FORM) from None
            if not isinstance(asked, dict):
                raise Wrong(*BAD_FORM)
            number = asked.get("id")
            given = asked.get("params") or {}
            if not isinstance(asked.get("method"), str) or not isinstance(given, dict):
                raise Wrong(*BAD_FORM)
            over = self._feeds.meter.add(self._address, self._feeds.weight, now)
            if over is not None:
                self.ends = over.status == 418
                until_ms = over.until_ns // MILLISECOND_NS
                data = {"serverTime": now // MILLISECOND_NS, "retryAfter": until_ms}
                error = {"code": -1003, "msg": over.text, "data": data}
                self._say({"id": number, "status": over.status, "error": error})
                return
            result = self._carried_out(asked["method"].removeprefix("v3/"), given, now)
            self._say({"id": number, "status": 200, "result": result})
        except Wrong as wrong:
            error = {"code": wrong.code, "msg": wrong.text}
            self._say({"id": number, "status": wrong.status, "error": error})

    def tell(self, account: Account, event: dict[str, Any]) -> None:
        """Push an event of an account, once for each subscription to it."""
        for number, whose in self.subscriptions.items():
            if whose is account:
                self._say({"subscriptionId": number, "event": event})

    def shut_down(self, now: int) -> None:
        """Say that the server is about to stop."""
        self._say({"event": {"e": "serverShutdown", "E": now // MILLISECOND_NS}})

    # --- methods ----------------------------------------------------------------------------

    def _carried_out(self, method: str, given: dict[str, Any], now: int) -> Any:
        methods: dict[str, Callable[[Parameters, dict[str, Any], int], Any]] = {
            "ping": lambda *_: {},
            "time": lambda *_: {"serverTime": now // MILLISECOND_NS},
            "session.logon": self._logon,
            "session.status": lambda *_: self._status(now),
            "session.logout": self._logout,
            "session.subscriptions": lambda *_: [
                {"subscriptionId": number} for number in self.subscriptions
            ],
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_by_signature,
            "userDataStream.unsubscribe": self._unsubscribe,
        }
        if method not in methods:
            raise Wrong(*NO_SUCH_METHOD)
        parameters = Parameters((name, as_text(value)) for name, value in given.items())
        return methods[method](parameters, given, now)

    def _logon(self, parameters: Parameters, given: dict[str, Any], now: int) -> Any:
        self._authorised(parameters, given, now)
        self._api_key, self._since_ns = str(given["apiKey"]), now
        return self._status(now)

    def _status(self, now: int) -> Any:
        logged_on = self._api_key is not None
        return {
            "apiKey": self._api_key,
            "authorizedSince": self._since_ns // MILLISECOND_NS if logged_on else None,
            "connectedSince": self._opened_ns // MILLISECOND_NS,
            "returnRateLimits": False,
            "serverTime": now // MILLISECOND_NS,
            "userDataStream": bool(self.subscriptions),
        }

    def _logout(self, parameters: Parameters, given: dict[str, Any], now: int) -> Any:
        self._api_key = None
        if self._by_logon is not None:
            self._end(self._by_logon, now)
        return self._status(now)

    def _subscribe(self, parameters: Parameters, given: dict[str, Any], now: int) -> Any:
        credential = self._feeds.credentials.get(self._api_key or "")
        if credential is None:
            raise Wrong(*BAD_KEY)
        self._by_logon = self._new_subscription(credential.account)
        return {"subscriptionId": self._by_logon}

    def _subscribe_by_signature(
        self, parameters: Parameters, given: dict[str, Any], now: int
    ) -> Any:
        credential = self._authorised(parameters, given, now)
        return {"subscriptionId": self._new_subscription(credential.account)}

    def _unsubscribe(self, parameters: Parameters, given: dict[str, Any], now: int) -> Any:
        number = parameters.number("subscriptionId")
        if number is not None and number not in self.subscriptions:
            raise Wrong(*INACTIVE)
        for one in [number] if number is not None else list(self.subscriptions):
            self._end(one, now)
        return {}

    # --- small steps ------------------------------------------------------------------------

    def _authorised(self, parameters: Parameters, given: dict[str, Any], now: int) -> Credential:
        credential = self._feeds.credentials.get(parameters.raw("apiKey") or "")
        if credential is None:
            raise Wrong(*BAD_KEY)
        signature = parameters.raw("signature")
        if not signature:
            raise missing("signature")
        # Sorted by name and not percent-encoded, unlike REST.
        pairs = (f"{name}={as_text(given[name])}" for name in sorted(given) if name != "signature")
        check_signature(credential.public_key, "&".join(pairs).encode(), signature)
        parameters.in_time(now)
        parameters.nothing_else()
        return credential

    def _new_subscription(self, account: Account) -> int:
        if any(one is account for one in self.subscriptions.values()):
            raise Wrong(*ALREADY)
        if self._next >= SUBSCRIPTIONS_MAX:
            raise Wrong(400, -2042, "Too many subscriptions.")
        number, self._next = self._next, self._next + 1
        self.subscriptions[number] = account
        return number

    def _end(self, number: int, now: int) -> None:
        event = {"e": "eventStreamTerminated", "E": now // MILLISECOND_NS}
        self._say({"subscriptionId": number, "event": event})
        del self.subscriptions[number]
        if number == self._by_logon:
            self._by_logon = None

    def _say(self, message: dict[str, Any]) -> None:
        self.output.append(orjson.dumps(message))
        if len(self.output) > EVENTS_WAITING_MAX:
            self.ends = True
            self.output.clear()


class Feeds:
    """All connections. credentials: by API key. wake: called when some have something to say."""

    def __init__(
        self,
        meter: Meter,
        exchange: Exchange,
        history: History,
        credentials: dict[str, Credential],
    ) -> None:
        self.meter = meter
        self.weight = meter.web.stream.call_weight
        self.credentials = credentials
        self._exchange = exchange
        self._history = history
        self._open: set[Feed] = set()
        self.wake: Callable[[], None] = lambda: None

    def opened(self, address: str, now: int) -> Feed:
        """A connection stands."""
        feed = Feed(self, address, now)
        self._open.add(feed)
        return feed

    def closed(self, feed: Feed) -> None:
        """A connection is gone."""
        self._open.discard(feed)

    def note(self, answers: list[Answer], now: int) -> None:
        """Tell of reports, and of the balances behind them. now: wall clock ns."""
        if not any(feed.subscriptions for feed in self._open):
            return
        assets: dict[Account, dict[str, None]] = {}
        for answer in answers:
            if answer.kind == fields.LIST_STATUS and answer.push:
                self._tell(answer.account, list_event(answer.values, now))
            elif answer.kind == fields.EXECUTION_REPORT and answer.push:
                opened_ns = self._opened_ns(answer, now)
                self._tell(answer.account, execution_event(answer.values, opened_ns, now))
                instrument = self._exchange.markets[answer.values["symbol"]].instrument
                both = dict.fromkeys((instrument.base, instrument.quote))
                assets.setdefault(answer.account, {}).update(both)
        for account, names in assets.items():
            self._tell(account, position_event(account, list(names), now))
        self.wake()

    def cut(self) -> None:
        """End every connection, with what waits on it; nothing is told there any more."""
        for feed in self._open:
            feed.subscriptions.clear()
            feed.output.clear()
            feed.ends = True
        self.wake()

    def shut_down(self, now: int) -> None:
        """Tell every connection that the server is about to stop."""
        for feed in self._open:
            feed.shut_down(now)
        self.wake()

    def _tell(self, account: Account, event: dict[str, Any]) -> None:
        for feed in self._open:
            feed.tell(account, event)

    def _opened_ns(self, answer: Answer, now: int) -> int:
        values = answer.values
        order_id = int(values["order_id"])
        past = self._history.find(answer.account, values["symbol"], order_id, None)
        return now if past is None else past.opened_ns


def as_text(value: Any) -> str:
    """A JSON value as it stands in what is signed: without quotes."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def execution_event(values: dict[str, Any], opened_ns: int, now: int) -> dict[str, Any]:
    """An ExecutionReport as the stream tells it."""
    now_ms, opened_ms = now // MILLISECOND_NS, opened_ns // MILLISECOND_NS
    last_px, last_qty = values.get("last_px") or ZERO, values["last_qty"]
    fees = values.get("misc_fees", ())
    event = {
        "e": "executionReport",
        "E": now_ms,
        "s": values["symbol"],
        "c": values["cl_ord_id"],
        "S": words.word(words.SIDES, values["side"]),
        "o": order_word(values),
        "f": words.word(words.TIMES_IN_FORCE, values["time_in_force"] or "1"),
        "q": values["order_qty"] or values["cum_qty"],
        "p": values["price"] or ZERO,
        "P": values["trigger_price"] or ZERO,
        "F": values["max_floor"] or ZERO,
        "g": list_of(values),
        "C": values.get("orig_cl_ord_id") or "",
        "x": words.word(words.EXECUTIONS, values["exec_type"]),
        "X": words.status_word(values["ord_status"], values.get("prevented_match_id")),
        "r": words.NO_REASON,
        "i": int(values["order_id"]),
        "l": last_qty,
        "z": values["cum_qty"],
        "L": last_px,
        "n": fees[0].misc_fee_amt if fees else "0",
        "N": fees[0].misc_fee_curr if fees else None,
        "T": now_ms,
        "t": int(values.get("trade_id") or NONE_GIVEN),
        "I": int(values["exec_id"]),
        "w": values.get("working_indicator") == "Y",
        "m": values["aggressor_indicator"] == "N",
        "M": False,
        "O": opened_ms,
        "Z": values["cum_quote_qty"],
        "Y": text_of(amount(units(last_px), units(last_qty))),
        "Q": values["cash_order_qty"] or ZERO,
        "V": words.word(words.SELF_TRADE_PREVENTIONS, values["self_trade_prevention_mode"]),
    }
    if values["working_time"] is not None:
        event["W"] = at_ms(values["working_time"])
    if values["trigger_trailing_delta_bips"] is not None:
        event["d"] = int(values["trigger_trailing_delta_bips"])
        if values["trailing_time"] is not None:
            event["D"] = at_ms(values["trailing_time"])
    if values["prevented_qty"] is not None:
        event["A"] = values["prevented_qty"]
    if values.get("prevented_match_id") is not None:
        event |= prevention_of(values)
    for ours, theirs in (("strategy_id", "j"), ("target_strategy", "J")):
        if values[ours] is not None:
            event[theirs] = int(values[ours])
    if values.get("expiry_reason") is not None:
        event["eR"] = words.word(words.EXPIRY_REASONS, values["expiry_reason"])
    return event


def prevention_of(values: dict[str, Any]) -> dict[str, Any]:
    """What the stream says of two orders that were kept apart."""
    price, quantity = values["prevented_execution_price"], values["prevented_execution_qty"]
    return {
        "x": "TRADE_PREVENTION",
        "v": int(values["prevented_match_id"]),
        "B": values["last_prevented_qty"],
        "u": int(values["trade_group_id"]),
        "U": int(values["counter_order_id"]),
        "Cs": values["counter_symbol"],
        "pl": quantity,
        "pL": price,
        "pY": text_of(amount(units(price), units(quantity))),
    }


def list_event(values: dict[str, Any], now: int) -> dict[str, Any]:
    """A ListStatus as the stream tells it."""
    return {
        "e": "listStatus",
        "E": now // MILLISECOND_NS,
        "s": values["orders"][0].symbol,
        "g": int(values["list_id"]),
        "c": words.word(words.CONTINGENCIES, values["contingency_type"]),
        "l": words.word(words.LIST_STATUS_TYPES, values["list_status_type"]),
        "L": words.word(words.LIST_ORDER_STATUSES, values["list_order_status"]),
        "r": words.NO_REASON,
        "C": values["cl_list_id"],
        "T": now // MILLISECOND_NS,
        "O": [
            {"s": one.symbol, "i": int(one.order_id), "c": one.cl_ord_id}
            for one in values["orders"]
        ],
    }


def position_event(account: Account, assets: list[str], now: int) -> dict[str, Any]:
    """Balances as they are."""
    rows = [(asset, account.balance(asset)) for asset in assets]
    return {
        "e": "outboundAccountPosition",
        "E": now // MILLISECOND_NS,
        "u": now // MILLISECOND_NS,
        "B": [
            {"a": asset, "f": text_of(one.free), "l": text_of(one.locked)} for asset, one in rows
        ],
    }
