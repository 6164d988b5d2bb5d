"""The user data stream: the venue's WebSocket API, and the client that keeps it open."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import WSMsgType, web
from fixengine.fix.keys import load_private_key
from fixengine.fix.venue import Web
from fixengine.fix.venues.binance import WEB
from fixengine.messages import ExecutionReport
from fixengine.network.config.settings import Place
from fixengine.network.sources import asks, events, normalise, user_data
from fixengine.network.sources.events import Execution, Position
from fixengine.network.sources.packets import Stream, StreamEvent, StreamState
from fixengine.network.sources.user_data import UserData
from fixengine.network.transport import tls_context
from fixengine.simulator import pki
from fixengine.simulator.feed import Feed
from fixengine.simulator.reports import Answer
from fixengine.simulator.web import WebServer
from processes import Stage, hear, limit, stage, trade
from scripted_venue import WAIT_S
from test_exchange import SELL, away
from test_sources_door import config_of, talk
from test_sources_rest import Venue, files, server_context

__all__ = ["files", "stage"]

MS = 1_000_000
SUBSCRIBED_MS = 1_767_225_600_000
SECOND_NS = 1_000_000_000
FAST = WEB._replace(
    stream=WEB.stream._replace(ping_ns=20 * MS, pong_ns=10 * SECOND_NS, life_ns=60 * SECOND_NS)
)


# --- the venue's side, without sockets ------------------------------------------------------


def call(feed: Feed, method: str, at_ns: int | None = None, **parameters: Any) -> dict[str, Any]:
    """One request and its answer; what else was said stays in the feed."""
    before = len(feed.output)
    asked = {"id": method, "method": method, "params": parameters}
    feed.request(orjson.dumps(asked).decode(), time.time_ns() if at_ns is None else at_ns)
    frames = [orjson.loads(frame) for frame in feed.output[before:]]
    [answer] = [frame for frame in frames if "id" in frame]
    return dict(answer)


def credentials(files: pki.Files, **changes: Any) -> dict[str, Any]:
    parameters = {"apiKey": pki.read_api_key(files), "timestamp": time.time_ns() // MS} | changes
    payload = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    signature = load_private_key(files.private_key_file).sign(payload.encode()).decode()
    return parameters | {"signature": signature}


def test_a_session_and_its_subscription(files: pki.Files) -> None:
    venue = Venue(files)
    feed = venue.feeds.opened("1", time.time_ns())
    assert call(feed, "userDataStream.subscribe")["error"]["code"] == -2015
    status = call(feed, "v3/session.logon", **credentials(files))
    assert status["status"] == 200
    assert status["result"]["apiKey"] == pki.read_api_key(files)
    assert not status["result"]["userDataStream"]
    assert call(feed, "userDataStream.subscribe")["result"] == {"subscriptionId": 0}
    assert call(feed, "userDataStream.subscribe")["error"]["code"] == -2035
    again = call(feed, "userDataStream.subscribe.signature", **credentials(files))
    assert again["error"]["code"] == -2035
    assert call(feed, "session.subscriptions")["result"] == [{"subscriptionId": 0}]
    feed.output.clear()
    assert call(feed, "session.logout")["result"]["apiKey"] is None
    ended = orjson.loads(feed.output[0])
    assert (ended["subscriptionId"], ended["event"]["e"]) == (0, "eventStreamTerminated")
    assert call(feed, "userDataStream.unsubscribe", subscriptionId=0)["error"]["code"] == -2036
    by_hand = call(feed, "userDataStream.subscribe.signature", **credentials(files))
    assert by_hand["result"] == {"subscriptionId": 1}
    assert call(feed, "userDataStream.unsubscribe")["result"] == {}
    assert call(feed, "session.subscriptions")["result"] == []


def test_a_logon_that_is_refused(files: pki.Files) -> None:
    feed = Venue(files).feeds.opened("1", time.time_ns())
    assert call(feed, "session.logon", **credentials(files, apiKey="other"))["status"] == 401
    wrong = credentials(files) | {"recvWindow": 5000}
    assert call(feed, "session.logon", **wrong)["error"]["code"] == -1022
    late = credentials(files, timestamp=time.time_ns() // MS - 5100)
    assert call(feed, "session.logon", **late)["error"]["code"] == -1021
    assert call(feed, "session.logon", timestamp=1)["error"]["code"] == -2015


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", -1135), ("[]", -1135), ('{"id":1}', -1135), ('{"id":1,"method":"order.place"}', -1000)],
)
def test_frames_that_make_no_sense(files: pki.Files, text: str, code: int) -> None:
    feed = Venue(files).feeds.opened("1", time.time_ns())
    feed.request(text, time.time_ns())
    assert orjson.loads(feed.output[0])["error"]["code"] == code


def test_weights_hold_for_frames_too(files: pki.Files) -> None:
    feed = Venue(files).feeds.opened("1", 0)
    at_ns = 600 * SECOND_NS
    for _ in range(3000):
        assert call(feed, "ping", at_ns)["status"] == 200
    refused = call(feed, "ping", at_ns)
    assert (refused["status"], refused["error"]["code"]) == (429, -1003)
    assert refused["error"]["data"]["retryAfter"] == 660_000
    for _ in range(10):
        refused = call(feed, "ping", at_ns)
    assert refused["status"] == 418
    assert feed.ends


def subscribed(files: pki.Files, venue: Venue) -> Feed:
    feed = venue.feeds.opened("1", time.time_ns())
    call(feed, "userDataStream.subscribe.signature", **credentials(files))
    feed.output.clear()
    return feed


def told(feed: Feed) -> list[events.Told]:
    """The events a feed has told, read as the client does."""
    frames, feed.output = [orjson.loads(frame) for frame in feed.output], []
    assert all(frame["subscriptionId"] == 0 for frame in frames)
    return [events.read(orjson.dumps(frame["event"])) for frame in frames]


def test_events_say_what_the_sessions_say(files: pki.Files) -> None:
    """Each report of the exchange, told by the stream and normalised, has the report's values."""
    venue = Venue(files)
    venue.account.balance("BTC").free = 10 * 10**8
    feed = subscribed(files, venue)
    answers: list[Answer] = []
    venue.exchange.watchers.append(lambda some, _: answers.extend(some))
    venue.buy("rests", "49000", target_strategy="1000001", strategy_id="7")
    venue.buy("takes", "50001", order_qty="3")
    venue.buy("ioc", "50002", order_qty="9", time_in_force="3")
    venue.buy("sells", "50000.5", side=SELL)
    venue.buy("meets", "50000.5", order_qty="0.0005")
    venue.exchange.cancel(venue.account, away("gone", orig_cl_ord_id="rests"), time.time_ns())
    reports = [event for event in told(feed) if isinstance(event, Execution)]
    assert len(reports) == len(answers) > 10
    kinds = set()
    for event, answer in zip(reports, answers, strict=True):
        found = normalise.execution(event)
        expected = {name: value for name, value in answer.values.items() if value}
        # The stream tells of whether one was the aggressor where there was a trade, times in ms.
        if expected["exec_type"] != "F":
            del expected["aggressor_indicator"]
        for name in ("transact_time", "order_creation_time", "working_time"):
            assert (name in found) == (name in expected)
            assert found.pop(name, "")[:-4] == expected.pop(name, "")[:-4] or name != (
                "transact_time"
            )
        expected.setdefault("working_indicator", "N")
        assert found == expected
        assert found.keys() <= set(ExecutionReport.__struct_fields__)
        kinds.add((found["exec_type"], found["ord_status"]))
    assert kinds == {("0", "0"), ("F", "1"), ("F", "2"), ("C", "C"), ("4", "4")}


def test_balances_follow_each_change(files: pki.Files) -> None:
    venue = Venue(files)
    feed = subscribed(files, venue)
    venue.buy("rests", "49000")
    first = [event for event in told(feed) if isinstance(event, Position)]
    assert [(one.asset, one.free, one.locked) for one in first[0].balances] == [
        ("BTC", "0.00000000", "0.00000000"),
        ("USDT", "999951.00000000", "49.00000000"),
    ]
    venue.buy("takes", "50001")
    [position] = [event for event in told(feed) if isinstance(event, Position)]
    assert position.balances[0].free == "0.00099900"


def test_only_who_subscribed_hears(files: pki.Files) -> None:
    venue = Venue(files)
    silent, feed = venue.feeds.opened("1", 0), subscribed(files, venue)
    venue.buy("rests", "49000")
    assert not silent.output
    assert len(feed.output) == 2
    venue.feeds.closed(feed)
    venue.buy("more", "49000")
    assert len(feed.output) == 2


# --- the client, over TLS -------------------------------------------------------------------


class Ear:
    """What a stream tells, and a wait for it."""

    def __init__(self) -> None:
        self.states: list[StreamState] = []
        self.events: list[StreamEvent] = []
        self._news = asyncio.Event()

    async def tell(self, packet: StreamState | StreamEvent) -> None:
        if isinstance(packet, StreamState):
            self.states.append(packet)
        else:
            self.events.append(packet)
        self._news.set()

    async def until(self, is_so: Callable[[], Any]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                self._news.clear()
                await self._news.wait()

    async def state(self, *wanted: Stream) -> StreamState:
        """Wait for exactly these states."""
        await self.until(lambda: len(self.states) >= len(wanted))
        assert [one.state for one in self.states] == list(wanted)
        return self.states[-1]


@asynccontextmanager
async def following(files: pki.Files, port: int, **changes: Any) -> AsyncIterator[Ear]:
    """A client that follows."""
    ear = Ear()
    options: dict[str, Any] = {
        "web": FAST,
        "place": Place("127.0.0.1", port, "fix-oe.simulator"),
        "api_key": pki.read_api_key(files),
        "signer": load_private_key(files.private_key_file),
        "context": tls_context(files.ca_file),
        "deadline_ms": 10_000,
        "tell": ear.tell,
    }
    task = asyncio.get_running_loop().create_task(UserData(**options | changes).run())
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def serving(files: pki.Files, venue: Venue, table: Web = FAST) -> AsyncIterator[WebServer]:
    """The venue's web port."""
    venue.rest.web = table
    server = WebServer(venue.rest, venue.feeds)
    server.port = await server.listen("127.0.0.1", 0, server_context(files))
    try:
        yield server
    finally:
        await server.close()


def test_the_stream_tells_of_orders_in_order(files: pki.Files) -> None:
    async def main() -> None:
        venue = Venue(files)
        async with serving(files, venue) as server, following(files, server.port) as ear:
            assert (await ear.state(Stream.CONNECTING, Stream.LIVE)).connection == 1
            ids = [venue.buy(f"o{number}", "49000") for number in range(20)]
            await ear.until(lambda: len(ear.events) == 40)
            heard = [one.event for one in ear.events if isinstance(one.event, Execution)]
            assert [event.order_id for event in heard] == ids
            assert {one.connection for one in ear.events} == {1}

    asyncio.run(main())


@pytest.mark.parametrize("skew_s", [-10, 10])
def test_the_venue_s_clock_is_read_where_ours_is_wrong(files: pki.Files, skew_s: int) -> None:
    def wall_ns() -> int:
        return time.time_ns() + skew_s * SECOND_NS

    async def main() -> None:
        async with (
            serving(files, Venue(files)) as server,
            following(files, server.port, wall_ns=wall_ns) as ear,
        ):
            await ear.state(Stream.CONNECTING, Stream.LIVE)

    asyncio.run(main())


def test_a_key_that_is_refused_is_not_tried_again(files: pki.Files) -> None:
    async def main() -> None:
        async with (
            serving(files, Venue(files)) as server,
            following(files, server.port, api_key="other") as ear,
        ):
            state = await ear.state(Stream.CONNECTING, Stream.REFUSED)
            assert state.text == "Invalid API-key, IP, or permissions for action. (-2015)"

    asyncio.run(main())


def test_a_shutdown_is_followed_by_another_connection_without_a_hole(files: pki.Files) -> None:
    async def main() -> None:
        venue = Venue(files)
        async with serving(files, venue) as server, following(files, server.port) as ear:
            await ear.state(Stream.CONNECTING, Stream.LIVE)
            first = venue.buy("first", "49000")
            venue.feeds.shut_down(time.time_ns())
            state = await ear.state(Stream.CONNECTING, Stream.LIVE, Stream.RENEWED)
            assert state.connection == 2
            second = venue.buy("second", "49000")
            await ear.until(lambda: len(ear.events) >= 7)
            heard = [
                (one.connection, one.event.order_id)
                for one in ear.events
                if isinstance(one.event, Execution)
            ]
            # The old connection lingers, so what happens meanwhile is heard on both.
            assert sorted(heard) == [(1, first), (1, second), (2, second)]

    asyncio.run(main())


def test_a_connection_is_renewed_before_it_is_too_old(files: pki.Files) -> None:
    stream = FAST.stream._replace(life_ns=2 * SECOND_NS)

    async def main() -> None:
        venue = Venue(files)
        table = FAST._replace(stream=stream)
        async with (
            serving(files, venue) as server,
            following(files, server.port, web=table) as ear,
        ):
            await ear.state(Stream.CONNECTING, Stream.LIVE, Stream.RENEWED)

    asyncio.run(main())


def test_a_lost_connection_is_told_and_made_anew(
    files: pki.Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_data, "WAIT_S_MIN", 0.01)
    life = FAST._replace(stream=FAST.stream._replace(life_ns=SECOND_NS // 2))

    async def main() -> None:
        venue = Venue(files)
        # The venue cuts at half a second; the client believes in a minute.
        async with serving(files, venue, life) as server, following(files, server.port) as ear:
            wanted = [Stream.CONNECTING, Stream.LIVE, Stream.DOWN, Stream.CONNECTING, Stream.LIVE]
            await ear.until(lambda: len(ear.states) >= len(wanted))
            assert [one.state for one in ear.states[: len(wanted)]] == wanted

    asyncio.run(main())


def test_a_venue_that_is_not_there(files: pki.Files) -> None:
    async def main() -> None:
        async with following(files, 1) as ear:
            state = await ear.state(Stream.CONNECTING, Stream.DOWN)
            assert "refused" in state.text

    asyncio.run(main())


Handler = Callable[[web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def scripted(files: pki.Files, handler: Handler) -> AsyncIterator[int]:
    """A WebSocket server that does what the test says; its port."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.WebSocketResponse(autoping=False)
        await response.prepare(request)
        await handler(response)
        return response

    server = web.Server(handle, access_log=None)
    context = server_context(files)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(server, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await server.shutdown(0.1)


async def subscribe(response: web.WebSocketResponse) -> None:
    """Answer logon, subscription and time as the venue would, an event before the second."""
    logon = orjson.loads((await response.receive()).data)
    await response.send_str(orjson.dumps({"id": logon["id"], "status": 200, "result": {}}).decode())
    asked = orjson.loads((await response.receive()).data)
    assert asked["method"] == "userDataStream.subscribe"
    early = {"subscriptionId": 0, "event": {"e": "early", "E": 1}}
    await response.send_str(orjson.dumps(early).decode())
    await response.send_str(
        orjson.dumps({"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}}).decode()
    )
    asked = orjson.loads((await response.receive()).data)
    assert asked["method"] == "time"
    answer = {"id": asked["id"], "status": 200, "result": {"serverTime": SUBSCRIBED_MS}}
    await response.send_str(orjson.dumps(answer).decode())


@pytest.mark.parametrize(("breaks_off", "states"), [(True, [Stream.MISSED]), (False, [])])
def test_the_end_of_a_connection_that_was_replaced(
    files: pki.Files, breaks_off: bool, states: list[Stream]
) -> None:
    async def main() -> None:
        renewed, over, connections = asyncio.Event(), asyncio.Event(), itertools.count(1)

        async def handler(response: web.WebSocketResponse) -> None:
            number = next(connections)
            await subscribe(response)
            if number == 1:
                await response.send_str('{"event":{"e":"serverShutdown","E":1}}')
                await renewed.wait()
                if breaks_off:
                    assert response._req is not None and response._req.transport is not None
                    response._req.transport.abort()
                await response.close()
                over.set()
            else:
                await over.wait()
                for _ in range(20):
                    # A way there and back each: the client has dealt with the first one's end.
                    await response.ping(b"1")
                    await response.receive()
                await response.send_str('{"subscriptionId":0,"event":{"e":"late"}}')
                await response.receive()

        async with scripted(files, handler) as port, following(files, port) as ear:
            await ear.until(lambda: len(ear.states) == 2)
            # The second connection is opened once the first has spoken of its end.
            renewed.set()
            await ear.until(lambda: len(ear.states) == 3 + len(states))
            await ear.until(lambda: ear.events[-1].event == events.Raw(b'{"e":"late"}'))
            wanted = [Stream.CONNECTING, Stream.LIVE, Stream.RENEWED, *states]
            assert [one.state for one in ear.states] == wanted
            if states:
                assert ear.states[-1].since_ms == SUBSCRIBED_MS + 1

    asyncio.run(main())


def test_an_event_before_the_answer_is_not_lost_and_pings_are_answered(files: pki.Files) -> None:
    pongs: list[bytes] = []

    async def handler(response: web.WebSocketResponse) -> None:
        await subscribe(response)
        await response.ping(b"1234567890")
        message = await response.receive()
        assert message.type == WSMsgType.PONG
        pongs.append(message.data)
        await response.send_str('{"subscriptionId":0,"event":{"e":"late"}}')
        await response.receive()

    async def main() -> None:
        async with scripted(files, handler) as port, following(files, port) as ear:
            await ear.until(lambda: len(ear.events) == 2)
            assert [one.event for one in ear.events] == [
                events.Raw(b'{"e":"early","E":1}'),
                events.Raw(b'{"e":"late"}'),
            ]
            assert pongs == [b"1234567890"]
            assert ear.states[-1].since_ms == SUBSCRIBED_MS + 1

    asyncio.run(main())


async def silent(response: web.WebSocketResponse) -> None:
    await subscribe(response)
    await response.receive()


async def terminates(response: web.WebSocketResponse) -> None:
    await subscribe(response)
    await response.send_str('{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}')
    await response.receive()


async def babbles(response: web.WebSocketResponse) -> None:
    await subscribe(response)
    await response.send_str("nonsense")
    await response.receive()


async def closes(response: web.WebSocketResponse) -> None:
    await subscribe(response)
    await response.close(code=1008)


async def bans(response: web.WebSocketResponse) -> None:
    await response.receive()
    error = {"code": -1003, "msg": "Way too much"}
    frame = {"id": 1, "status": 418, "error": error}
    await response.send_str(orjson.dumps(frame).decode())
    await response.receive()


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        (silent, "nothing came for 0.2 s, not even a ping"),
        (terminates, "the venue has ended the subscription"),
        (babbles, "a frame that makes no sense"),
        (closes, "the connection is closed, close code 1008"),
        (bans, "Way too much (-1003)"),
    ],
)
def test_how_a_stream_is_lost(files: pki.Files, handler: Handler, text: str) -> None:
    table = FAST._replace(stream=FAST.stream._replace(pong_ns=SECOND_NS // 5))

    async def main() -> None:
        async with scripted(files, handler) as port, following(files, port, web=table) as ear:
            await ear.until(lambda: ear.states and ear.states[-1].state == Stream.DOWN)
            assert text in ear.states[-1].text

    asyncio.run(main())


def test_a_revoked_key_ends_the_stream_for_good(files: pki.Files) -> None:
    async def handler(response: web.WebSocketResponse) -> None:
        await subscribe(response)
        error = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
        await response.send_str(orjson.dumps({"id": None, "status": 401, "error": error}).decode())
        await response.receive()

    async def main() -> None:
        async with scripted(files, handler) as port, following(files, port) as ear:
            state = await ear.state(Stream.CONNECTING, Stream.LIVE, Stream.REFUSED)
            assert "-2015" in state.text

    asyncio.run(main())


def test_a_pong_that_does_not_come_ends_a_connection(files: pki.Files) -> None:
    table = FAST._replace(stream=FAST.stream._replace(pong_ns=SECOND_NS // 5))

    async def main() -> None:
        async with serving(files, Venue(files), table) as server:
            async with asyncio.timeout(WAIT_S):
                async with aiohttp.ClientSession() as session:
                    socket = await session.ws_connect(
                        f"https://127.0.0.1:{server.port}/ws-api/v3",
                        ssl=tls_context(files.ca_file),
                        server_hostname="fix-oe.simulator",
                        autoping=False,
                    )
                    pings = 0
                    while (message := await socket.receive()).type == WSMsgType.PING:
                        assert message.data.isdigit()
                        pings += 1
                    assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE)
                    assert pings > 1

    asyncio.run(main())


# --- the whole way --------------------------------------------------------------------------


def test_a_strategy_s_orders_are_heard_through_the_door(stage: Stage, tmp_path: Path) -> None:
    venue = stage.venue()
    (tmp_path / "asks").mkdir()
    config = config_of(tmp_path / "asks", venue.place, venue.web_port)
    engine = stage.engine(venue.place)
    engine.expect(event="active")
    client = stage.client(engine)

    async def work(sources: Any, ear: Any) -> None:
        assert sources.follow()
        await ear.until(lambda: ear.stream and ear.stream[-1].state == Stream.LIVE)
        resting = trade(client)
        cl_ord_id = client.submit(limit("50100.00"))
        filled = hear(client, ExecutionReport, cl_ord_id=cl_ord_id, ord_status="2")
        await ear.until(lambda: len(ear.events) >= 5)
        heard = [normalise.execution(one) for one in ear.events if isinstance(one, Execution)]
        assert [(one["order_id"], one["exec_id"]) for one in heard][::2] == [
            (resting.order_id, resting.exec_id),
            (filled.order_id, filled.exec_id),
        ]
        assert heard[-1]["misc_fees"] == filled.misc_fees
        rows = await ear.answer(sources, asks.trades("BTCUSDT", from_id=0))
        assert normalise.trade(rows[0])["trade_id"] == heard[-1]["trade_id"] == filled.trade_id
        assert sources.follow()
        await ear.until(lambda: ear.stream[-1].state == Stream.REFUSED)
        assert "followed already" in ear.stream[-1].text

    talk(config, work)
