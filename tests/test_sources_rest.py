"""The REST client against the venue's own REST over TLS, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fixengine.fix.keys import Signer, load_private_key
from fixengine.fix.venue import Web
from fixengine.fix.venues.binance import WEB
from fixengine.network.config.settings import Place
from fixengine.network.sources import asks, rest
from fixengine.network.sources.answers import Because, Order, Problem, Trade
from fixengine.network.sources.asks import Ask
from fixengine.network.sources.budget import Budget
from fixengine.network.sources.rest import Rest
from fixengine.network.transport import tls_context
from fixengine.simulator import pki
from fixengine.simulator.accounts import Account
from fixengine.simulator.admission import Credential
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.feed import Feeds
from fixengine.simulator.history import History
from fixengine.simulator.instruments import INSTRUMENTS, units
from fixengine.simulator.meter import Meter
from fixengine.simulator.rest import Rest as VenueRest
from fixengine.simulator.venue import play
from fixengine.simulator.web import WebServer
from test_exchange import new
from test_keys import OFFICIAL_KEY

SECOND_NS = 1_000_000_000
API_KEY = "A" * 64
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> pki.Files:
    return pki.ensure(tmp_path_factory.mktemp("pki") / "state", datetime.datetime.now(datetime.UTC))


def server_context(files: pki.Files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server_certificate_file, files.server_key_file)
    return context


class Venue:
    """The venue's exchange behind its REST, in this process."""

    def __init__(self, files: pki.Files) -> None:
        self.exchange = Exchange(INSTRUMENTS, limits=False)
        self.account = Account("trader", {"USDT": units("1000000")}, taker_ppm=1000)
        history = History()
        self.exchange.watchers.append(history.note)
        self.exchange.tick(time.time_ns())
        credential = Credential(self.account, pki.read_public_key(files))
        meter = Meter(play("venue", 1).web)
        known = {pki.read_api_key(files): credential}
        self.rest = VenueRest(meter, self.exchange, history, known)
        self.feeds = Feeds(meter, self.exchange, history, known)
        self.exchange.watchers.append(self.feeds.note)

    def buy(self, cl_ord_id: str, price: str = "50001", **changes: str) -> int:
        request = new(cl_ord_id, price=price, **changes)
        answers = self.exchange.new_order(self.account, request, time.time_ns())
        assert isinstance(answers, list)
        return int(answers[0].values["order_id"])


def client(files: pki.Files, port: int, **changes: Any) -> Rest:
    options: dict[str, Any] = {
        "web": WEB,
        "place": Place("127.0.0.1", port, "fix-oe.simulator"),
        "api_key": pki.read_api_key(files),
        "signer": load_private_key(files.private_key_file),
        "context": tls_context(files.ca_file),
        "weight_max": 6000,
        "deadline_ms": 20_000,
    }
    return Rest(**options | changes)


@asynccontextmanager
async def talking(files: pki.Files, venue: Venue, **changes: Any) -> AsyncIterator[Rest]:
    """A client of the venue."""
    server = WebServer(venue.rest, venue.feeds)
    port = await server.listen("127.0.0.1", 0, server_context(files))
    async with client(files, port, **changes) as talk:
        yield talk
    await server.close()


@asynccontextmanager
async def meeting(files: pki.Files, handler: Handler, **changes: Any) -> AsyncIterator[Rest]:
    """A client of a server that does what the test says."""
    server = web.Server(handler, access_log=None)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(server, "127.0.0.1", 0, ssl=server_context(files))
    async with client(files, listening.sockets[0].getsockname()[1], **changes) as talk:
        yield talk
    listening.close()
    await server.shutdown(0.1)


async def all_of(talk: Rest, ask: Ask) -> list[Any]:
    """All rows of an answer; the problem, where there is one, last."""
    found: list[Any] = []
    async for page in talk.pages(ask):
        found += page.rows
        if page.problem is not None:
            found.append(page.problem)
    return found


# --- what is asked --------------------------------------------------------------------------


def test_the_signature_of_a_query() -> None:
    """The sample key of the venue's FIX documents over the query of a REST sample."""
    query = (
        "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2"
        "&timestamp=1668481559918&recvWindow=5000"
    )
    key = load_pem_private_key(OFFICIAL_KEY, None)
    assert isinstance(key, Ed25519PrivateKey)
    assert Signer(key).sign(query.encode()) == (
        b"inDT086KVIP8vgUfw5sV3VTkescWztiAGlf4x8FLKHM4NInsn0c1kYVLoGMO8cyjfR6vmTku2YQE0gtfVVlfCw=="
    )


def test_a_query_is_escaped_before_it_is_signed() -> None:
    parameters: dict[str, asks.Value] = {"symbol": "这是测试币456", "note": "a b/ü~-_."}
    assert rest.encoded(parameters) == (
        "symbol=%E8%BF%99%E6%98%AF%E6%B5%8B%E8%AF%95%E5%B8%81456&note=a%20b%2F%C3%BC~-_."
    )


def test_what_is_signed_is_what_is_sent(files: pki.Files) -> None:
    asked: list[str] = []

    async def look(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.raw_path)
        return web.Response(body=b"[]")

    async def main() -> None:
        async with meeting(files, look) as talk:
            assert await all_of(talk, Ask("openOrders", {"symbol": "a/b+c:这"})) == []

    asyncio.run(main())
    query, _, signature = asked[0].removeprefix("/api/v3/openOrders?").partition("&signature=")
    assert query.startswith("symbol=a%2Fb%2Bc%3A%E8%BF%99&recvWindow=5000&timestamp=")
    assert not set(signature) & set("+/=")
    key = pki.read_public_key(files)
    key.verify(base64.b64decode(unquote(signature)), query.encode())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: asks.order("X"), "order: give order_id or client_order_id"),
        (lambda: asks.trades("X"), "trades: give from_id, order_id or start_ms"),
        (lambda: asks.trades("X", from_id=1, start_ms=1), "trades: the venue takes start_ms alone"),
        (lambda: asks.instruments(()), "instruments: expected 1..100 symbols, got 0"),
    ],
)
def test_questions_without_an_answer_are_not_asked(make: Callable[[], Ask], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


# --- answers --------------------------------------------------------------------------------


def test_everything_is_read_from_the_venue(files: pki.Files) -> None:
    venue = Venue(files)
    order_id = venue.buy("rests", "49000")
    bought = venue.buy("buys", order_qty="1")

    async def main() -> None:
        async with talking(files, venue) as talk:
            [clock] = await all_of(talk, asks.time())
            assert abs(clock.server_time - time.time_ns() // 1_000_000) < 60_000
            assert abs(talk.offset_ns) < SECOND_NS
            [order] = await all_of(talk, asks.open_orders())
            assert isinstance(order, Order)
            assert (order.order_id, order.price, order.status) == (
                order_id,
                "49000.00000000",
                "NEW",
            )
            assert await all_of(talk, asks.order("BTCUSDT", order_id=order_id)) == [order]
            assert await all_of(talk, asks.order("BTCUSDT", client_order_id="rests")) == [order]
            rows = await all_of(talk, asks.all_orders("BTCUSDT", from_order_id=0))
            assert [row.order_id for row in rows] == [order_id, bought]
            [trade] = await all_of(talk, asks.trades("BTCUSDT", order_id=bought))
            assert isinstance(trade, Trade)
            assert (trade.qty, trade.commission) == ("1.00000000", "0.00100000")
            assert await all_of(talk, asks.allocations("BTCUSDT")) == []
            account, *rows = await all_of(talk, asks.account())
            assert account.can_trade
            balances = {one.asset: (one.free, one.locked) for one in rows}
            assert balances["BTC"] == ("0.99900000", "0.00000000")
            assert balances["USDT"] == ("949950.00000000", "49.00000000")
            [symbol] = await all_of(talk, asks.instruments(("BTCUSDT",)))
            assert (symbol.base_asset, symbol.filters[0].tick_size) == ("BTC", "0.01000000")
            # 1 + 80 + 4 + 4 + 20 + 5 + 20 + 20 + 20: what we count is what the venue counts.
            assert talk.budget.used == 174

    asyncio.run(main())


def test_the_order_of_a_symbol_that_is_not_ascii(files: pki.Files) -> None:
    venue = Venue(files)
    venue.account.balance("456").free = units("100")
    changes = {"symbol": "这是测试币456", "order_qty": "10", "price": "0.9"}
    order_id = venue.buy("unicode", **changes)

    async def main() -> None:
        async with talking(files, venue) as talk:
            [order] = await all_of(talk, asks.order("这是测试币456", order_id=order_id))
            assert order.symbol == "这是测试币456"

    asyncio.run(main())


@pytest.mark.parametrize("rows_a_page", [1000, 7, 3, 2])
def test_trades_page_by_page(
    files: pki.Files, monkeypatch: pytest.MonkeyPatch, rows_a_page: int
) -> None:
    """Both sides of each trade are ours, so ids come in pairs, and pages cut pairs apart."""
    monkeypatch.setattr(asks, "TRADES_A_PAGE", rows_a_page)
    venue = Venue(files)
    venue.account.balance("BTC").free = units("10")
    for number in range(5):
        venue.buy(f"buy{number}", "50000.5")
        venue.buy(f"sell{number}", "50000.5", side="2")

    async def main() -> None:
        async with talking(files, venue) as talk:
            trades = await all_of(talk, asks.trades("BTCUSDT", start_ms=1))
            assert len(trades) == len({(trade.id, trade.order_id) for trade in trades}) == 10
            assert [trade.id for trade in trades] == sorted(trade.id for trade in trades)
            middle = trades[4].id
            rest_of = await all_of(talk, asks.trades("BTCUSDT", from_id=middle))
            assert rest_of == [trade for trade in trades if trade.id >= middle]

    asyncio.run(main())


def test_what_the_venue_refuses_is_a_value(files: pki.Files) -> None:
    async def main() -> None:
        async with talking(files, Venue(files)) as talk:
            [problem] = await all_of(talk, asks.order("BTCUSDT", order_id=1))
            assert problem == Problem(
                Because.REFUSED.value, "order: Order does not exist.", 400, -2013
            )
        async with talking(files, Venue(files), api_key="other") as talk:
            [problem] = await all_of(talk, asks.account())
            assert (problem.because, problem.status, problem.code) == ("refused", 401, -2015)

    asyncio.run(main())


@pytest.mark.parametrize("skew_s", [-10, 10])
def test_a_wrong_clock_is_corrected_by_the_venue_s(files: pki.Files, skew_s: int) -> None:
    def wall_ns() -> int:
        return time.time_ns() + skew_s * SECOND_NS

    async def main() -> None:
        async with talking(files, Venue(files), wall_ns=wall_ns) as talk:
            account, _ = await all_of(talk, asks.account())
            assert account.can_trade
            assert abs(talk.offset_ns + skew_s * SECOND_NS) < SECOND_NS
            assert talk.budget.used == 41

    asyncio.run(main())


# --- limits ---------------------------------------------------------------------------------


def test_our_share_of_the_limit_is_kept_before_the_venue_has_to(files: pki.Files) -> None:
    async def main() -> None:
        async with talking(files, Venue(files), weight_max=100, deadline_ms=20_000) as talk:
            # In the middle of the venue's window, whatever the time is.
            talk._wall_ns = lambda: 600 * SECOND_NS
            talk.offset_ns = 0
            for _ in range(2):
                await all_of(talk, asks.time())
                talk.offset_ns = 0
            talk.budget.spend(90, 600 * SECOND_NS)
            [problem] = await all_of(talk, asks.account())
            assert problem.because == Because.LIMITED
            assert problem.status == 0
            assert problem.retry_after_ms == 60_000
            assert "weight 20 of 100 is not free, 92 used" in problem.text

    asyncio.run(main())


def test_what_others_at_our_address_use_counts(files: pki.Files) -> None:
    venue = Venue(files)

    async def main() -> None:
        async with talking(files, venue) as ours, talking(files, venue) as theirs:
            for _ in range(3):
                await all_of(theirs, asks.open_orders())
            await all_of(ours, asks.time())
            assert ours.budget.used == 241

    asyncio.run(main())


@pytest.mark.parametrize(("status", "told", "wait_ms"), [(429, "7", 7000), (418, "120", 120_000)])
def test_after_a_refusal_for_the_limit_nothing_goes(
    files: pki.Files, status: int, told: str, wait_ms: int
) -> None:
    asked = []

    async def refuse(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.raw_path)
        body = b'{"code":-1003,"msg":"Too much request weight used"}'
        headers = {"Retry-After": told, "X-MBX-USED-WEIGHT-1M": "6001"}
        return web.Response(status=status, body=body, headers=headers)

    async def main() -> None:
        async with meeting(files, refuse, deadline_ms=100) as talk:
            [problem] = await all_of(talk, asks.time())
            assert (problem.because, problem.status, problem.code) == ("limited", status, -1003)
            assert problem.retry_after_ms == wait_ms
            [problem] = await all_of(talk, asks.time())
            assert (problem.because, problem.status) == ("limited", 0)
            assert 0 < problem.retry_after_ms <= wait_ms
            assert len(asked) == 1

    asyncio.run(main())


def test_budget() -> None:
    budget = Budget(WEB.weights, 100)
    minute = WEB.weights.interval_ns
    assert budget.wait_ns(80, 10 * minute) == 0
    budget.spend(80, 10 * minute)
    assert budget.wait_ns(20, 10 * minute + 1) == 0
    assert budget.wait_ns(21, 10 * minute + 1) == minute - 1
    assert budget.wait_ns(21, 11 * minute) == 0
    budget.told(50, 11 * minute)
    budget.told(40, 11 * minute)
    assert budget.used == 50
    assert budget.pause(11 * minute + 5, None) == minute - 5
    assert budget.wait_ns(1, 11 * minute + 6) == minute - 6
    # A call heavier than the whole budget goes when nothing else did.
    assert budget.wait_ns(101, 12 * minute) == 0
    assert Budget(WEB.weights, 9999).weight_max == 6000


def test_a_budget_goes_on_where_the_clock_is_set_back() -> None:
    minute, hour = WEB.weights.interval_ns, 60 * WEB.weights.interval_ns
    budget = Budget(WEB.weights, 100)
    budget.spend(60, 2 * hour)
    # What was used may be of this window, and is over with it.
    assert budget.wait_ns(60, hour + 5) == minute - 5
    assert budget.wait_ns(60, hour + minute) == 0
    assert budget.pause(2 * hour, 5) == 5_000_000_000
    assert budget.wait_ns(1, hour + 1) == 5_000_000_000 - 1
    assert budget.wait_ns(1, hour + 5_000_000_000) == 0


# --- no usable answer -----------------------------------------------------------------------


def answer(**options: Any) -> Handler:
    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(**options)

    return handle


@pytest.mark.parametrize(
    ("options", "because", "text"),
    [
        (
            {"status": 403, "body": b"<html>\n<h1>Blocked</h1>", "content_type": "text/html"},
            "failed",
            "account: HTTP 403, <html> <h1>Blocked</h1>",
        ),
        ({"status": 502, "body": b"\xff\x00"}, "failed", "HTTP 502"),
        ({"status": 500}, "failed", "account: HTTP 500, without a word"),
        (
            {"status": 504, "body": b'{"code":-1007,"msg":"Timeout waiting"}'},
            "failed",
            "account: Timeout waiting",
        ),
        ({"body": b"[1]"}, "failed", "an answer that makes no sense"),
        ({"body": b'{"canTrade":1}'}, "failed", "an answer that makes no sense"),
        (
            {
                "body": b'{"canTrade":true,"updateTime":1,"balances":['
                b'{"asset":"A","free":"1","locked":"1e5"}]}'
            },
            "failed",
            "an answer that makes no sense: locked '1e5' is no amount",
        ),
        ({"body": b"[" * 100_000}, "failed", "an answer that makes no sense"),
        ({"body": b" " * (rest.ANSWER_BYTES_MAX + 1)}, "failed", "an answer of more than"),
        (
            {"status": 302, "headers": {"Location": "https://127.0.0.1:1/"}},
            "failed",
            "account: HTTP 302",
        ),
    ],
)
def test_an_answer_that_cannot_be_used(
    files: pki.Files, options: dict[str, Any], because: str, text: str
) -> None:
    async def main() -> None:
        async with meeting(files, answer(**options)) as talk:
            [problem] = await all_of(talk, asks.account())
            assert problem.because == because
            assert text in problem.text
            assert problem.status == options.get("status", 200)

    asyncio.run(main())


def test_an_answer_that_does_not_come(files: pki.Files) -> None:
    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def main() -> None:
        async with meeting(files, hang, deadline_ms=100) as talk:
            [problem] = await all_of(talk, asks.account())
            assert problem.text.endswith("no answer within 0.1 s")

    asyncio.run(main())


def test_who_is_not_there_or_is_not_the_venue(files: pki.Files, tmp_path: Path) -> None:
    async def main() -> None:
        place = Place("127.0.0.1", 1, "localhost")
        async with client(files, 1, place=place) as talk:
            [problem] = await all_of(talk, asks.account())
            assert "127.0.0.1:1" in problem.text and "refused" in problem.text
        async with meeting(files, answer(), context=ssl.create_default_context()) as talk:
            [problem] = await all_of(talk, asks.account())
            assert (problem.because, "certificate" in problem.text) == ("failed", True)
        venue = Venue(files)
        server = WebServer(venue.rest, venue.feeds)
        port = await server.listen("127.0.0.1", 0, server_context(files))
        other = Place("127.0.0.1", port, "other.example")
        async with client(files, port, place=other) as talk:
            [problem] = await all_of(talk, asks.time())
            assert "certificate" in problem.text
        await server.close()

    asyncio.run(main())


def test_rows_may_have_fields_and_words_nobody_knows(files: pki.Files) -> None:
    body = (
        b'[{"symbol":"X","orderId":1,"clientOrderId":"a","price":"1","origQty":"1","time":1,'
        b'"executedQty":"0","status":"DREAMING","timeInForce":"GTX","type":"LIMIT","side":"BUY",'
        b'"updateTime":1,"brandNew":{"a":[1]}}]'
    )

    async def main() -> None:
        async with meeting(files, answer(body=body)) as talk:
            [order] = await all_of(talk, asks.open_orders())
            assert (order.status, order.time_in_force) == ("DREAMING", "GTX")

    asyncio.run(main())


def test_every_call_of_the_table_can_be_asked_and_read() -> None:
    assert isinstance(WEB, Web)
    assert set(WEB.calls) == set(asks.ROWS) == set(rest.DECODERS)
