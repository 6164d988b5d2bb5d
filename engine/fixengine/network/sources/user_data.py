"""Keeps the user data stream open: logged on, subscribed, answered, renewed before it ends.

It tells what it hears and how it stands (packets.Stream), and decides nothing about orders. The
venue replays nothing: between DOWN and the next LIVE there is a hole that only asking can fill.
A connection that is about to end, because the server says so or because of its age, is replaced by
a second one first; both are heard for LINGER_S, so there is no hole then, but events come twice.
Where the old one breaks off meanwhile, without a word, something may be missing, and that is told.

Source: REST and stream notes, sections 3 and 4.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from fixengine.fix.keys import Signer
from fixengine.fix.venue import Web
from fixengine.network.config.settings import Place
from fixengine.network.sources import events
from fixengine.network.sources.answers import Refusal
from fixengine.network.sources.packets import Stream, StreamEvent, StreamState
from fixengine.network.transport import cause_text

FRAME_BYTES_MAX = 1 << 20
LINGER_S = 5.0
WAIT_S_MIN, WAIT_S_MAX = 1.0, 30.0
RENEW_PERCENT = 95
"""Of its greatest age, a connection is replaced."""
EARLY_MAX = 10_000
BROKEN_OFF = 1006
"""What stands for a close code where no close frame came."""
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
STOP_CODES = frozenset({-1022, -2014, -2015})
"""Signature, key or permission: asking again changes nothing."""

Tell = Callable[[StreamState | StreamEvent], Awaitable[None]]


class Frame(msgspec.Struct, frozen=True):
    """What the venue sends: an answer, or an event; event is empty in an answer."""

    id: int | str | None = None
    status: int = 0
    result: dict[str, Any] | list[Any] | None = None
    error: Refusal | None = None
    event: msgspec.Raw = msgspec.Raw()


FRAME = msgspec.json.Decoder(Frame)


class StreamError(Exception):
    """The stream cannot be opened, or has ended. is_final: the venue will not have this key.

    is_orderly: the venue has ended it, and everything it had sent before was heard.
    """

    def __init__(
        self,
        text: str,
        *,
        is_final: bool = False,
        code: int | None = None,
        is_orderly: bool = False,
    ) -> None:
        super().__init__(text)
        self.is_final = is_final
        self.code = code
        self.is_orderly = is_orderly


class Connection:
    """One WebSocket, from its opening on. leaving: the server said it is about to stop.

    since_ms: the venue's clock when it was subscribed already.
    """

    def __init__(self, owner: UserData, number: int) -> None:
        self._owner = owner
        self.number = number
        self.leaving = asyncio.Event()
        self.opened_ns = 0
        self.since_ms = 0
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._early: list[events.Told] = []
        self._calls = 0

    async def open(self) -> None:
        """Connect, log on and subscribe within the deadline. Raises StreamError."""
        owner = self._owner
        try:
            async with asyncio.timeout(owner.deadline_s):
                self._socket = await owner.connect()
                self.opened_ns = time.monotonic_ns()
                try:
                    await self.call("session.logon", owner.credentials())
                except StreamError as problem:
                    if problem.code != owner.web.clock_code:
                        raise
                    await self._read_clock()
                    await self.call("session.logon", owner.credentials())
                await self.call("userDataStream.subscribe", {})
                # A millisecond may be part over when its number is read.
                self.since_ms = 1 + await self._server_time()
        except TimeoutError:
            await self.close()
            raise StreamError(f"no subscription within {owner.deadline_s:g} s") from None
        except (aiohttp.ClientError, OSError) as problem:
            await self.close()
            raise StreamError(cause_text(problem)) from None
        except BaseException:
            await self.close()
            raise

    async def call(self, method: str, parameters: dict[str, str | int]) -> Any:
        """The result of a call; events that come before it are kept. Raises StreamError."""
        assert self._socket is not None
        self._calls += 1
        asked = {"id": self._calls, "method": method, "params": parameters}
        await self._socket.send_str(msgspec.json.encode(asked).decode())
        while True:
            frame = await self._next()
            if told := bytes(frame.event):
                if len(self._early) >= EARLY_MAX:
                    raise StreamError(f"more than {EARLY_MAX} events before the answer")
                self._early.append(events.read(told))
            elif frame.id == self._calls:
                return frame.result

    async def read(self) -> None:
        """Tell every event, until StreamError says why there are no more."""
        try:
            for event in self._early:
                await self._tell(event)
            self._early.clear()
            while True:
                frame = await self._next()
                if not (told := bytes(frame.event)):
                    continue
                event = events.read(told)
                await self._tell(event)
                if isinstance(event, events.Terminated):
                    raise StreamError("the venue has ended the subscription", is_orderly=True)
        except (aiohttp.ClientError, OSError) as problem:
            raise StreamError(cause_text(problem)) from None
        finally:
            await self.close()

    async def close(self) -> None:
        """Close it."""
        if self._socket is not None:
            await self._socket.close()

    async def _tell(self, event: events.Told) -> None:
        if isinstance(event, events.ServerShutdown):
            self.leaving.set()
        await self._owner.tell(StreamEvent(self.number, event))

    async def _read_clock(self) -> None:
        sent_ns = self._owner.wall_ns()
        server_time = await self._server_time()
        middle_ns = (sent_ns + self._owner.wall_ns()) // 2
        self._owner.offset_ns = server_time * MILLISECOND_NS - middle_ns

    async def _server_time(self) -> int:
        """The venue's clock, ms since 1970."""
        result = await self.call("time", {})
        if isinstance(result, dict) and isinstance(result.get("serverTime"), int):
            return int(result["serverTime"])
        raise StreamError(f"the venue's time is none: {str(result)[:100]}")

    async def _next(self) -> Frame:
        """The next frame that says something. Raises StreamError at the end, or for a refusal."""
        assert self._socket is not None
        silence_s = self._owner.web.stream.pong_ns / SECOND_NS
        while True:
            try:
                message = await self._socket.receive(silence_s)
            except TimeoutError:
                raise StreamError(f"nothing came for {silence_s:g} s, not even a ping") from None
            if message.type == aiohttp.WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type == aiohttp.WSMsgType.TEXT:
                try:
                    frame = FRAME.decode(message.data)
                except (msgspec.DecodeError, UnicodeEncodeError) as problem:
                    raise StreamError(f"a frame that makes no sense: {problem}") from None
                if frame.error is not None:
                    text = f"{frame.error.msg[:200]} ({frame.error.code})"
                    code = frame.error.code
                    raise StreamError(text, is_final=code in STOP_CODES, code=code)
                return frame
            elif message.type == aiohttp.WSMsgType.PONG:
                continue
            else:
                close_code = self._socket.close_code
                text = f"the connection is closed, close code {close_code}"
                raise StreamError(text, is_orderly=close_code not in (None, BROKEN_OFF))


class UserData:
    """See the module's top. place: where. tell: is handed every state and event, in order.

    deadline_ms: to open one connection. wall_ns: the wall clock.
    """

    def __init__(
        self,
        web: Web,
        place: Place,
        api_key: str,
        signer: Signer,
        context: ssl.SSLContext,
        *,
        deadline_ms: int,
        tell: Tell,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.web = web
        self.tell = tell
        self.wall_ns = wall_ns
        self.deadline_s = deadline_ms / 1000
        self.offset_ns = 0
        self._place = place
        self._api_key = api_key
        self._signer = signer
        self._context = context
        self._session: aiohttp.ClientSession
        self._number = 0
        self._current: Connection
        self._lingering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Keep the stream open until the venue refuses the key, or this is cancelled."""
        wait_s = WAIT_S_MIN
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._context),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        ) as self._session:
            while True:
                connection = self._current = self._new()
                await self._state(Stream.CONNECTING)
                try:
                    await connection.open()
                    wait_s = WAIT_S_MIN
                    await self._state(Stream.LIVE, since_ms=connection.since_ms)
                    await self._keep(connection)
                except StreamError as problem:
                    if problem.is_final:
                        await self._state(Stream.REFUSED, str(problem))
                        return
                    await self._state(Stream.DOWN, str(problem))
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, WAIT_S_MAX)

    async def connect(self) -> aiohttp.ClientWebSocketResponse:
        """A new WebSocket."""
        place = self._place
        host = f"[{place.host}]" if ":" in place.host else place.host
        return await self._session.ws_connect(
            URL(f"wss://{host}:{place.port}{self.web.stream.path}?returnRateLimits=false"),
            server_hostname=place.server_name,
            autoping=False,
            max_msg_size=FRAME_BYTES_MAX,
        )

    def credentials(self) -> dict[str, str | int]:
        """The parameters of a logon at this moment."""
        at_ms = (self.wall_ns() + self.offset_ns) // MILLISECOND_NS
        parameters: dict[str, str | int] = {
            "apiKey": self._api_key,
            "recvWindow": self.web.recv_window_ms,
            "timestamp": at_ms,
        }
        # By name, and not percent-encoded, unlike REST.
        payload = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
        return parameters | {"signature": self._signer.sign(payload.encode()).decode()}

    # --- renewing ---------------------------------------------------------------------------

    async def _keep(self, connection: Connection) -> None:
        """Read, and replace the connection in time, until StreamError says how one was lost."""
        reading = self._reading(connection)
        try:
            while True:
                leaving = asyncio.ensure_future(connection.leaving.wait())
                age_ns = time.monotonic_ns() - connection.opened_ns
                left_ns = self.web.stream.life_ns * RENEW_PERCENT // 100 - age_ns
                await asyncio.wait(
                    (reading, leaving),
                    timeout=max(0.0, left_ns / SECOND_NS),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                leaving.cancel()
                if reading.done():
                    reading.result()
                following = self._new()
                try:
                    await following.open()
                except StreamError as problem:
                    if problem.is_final:
                        raise
                    # The present one may live on for a while; when it ends, that is a hole.
                    await asyncio.wait((reading,), timeout=WAIT_S_MIN)
                    continue
                self._current = following
                await self._state(Stream.RENEWED)
                self._let_linger(reading, following)
                connection, reading = following, self._reading(following)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _reading(self, connection: Connection) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(connection.read())

    def _let_linger(self, reading: asyncio.Task[None], following: Connection) -> None:
        """What was under way on the old connection is still heard."""

        async def linger() -> None:
            await asyncio.wait((reading,), timeout=LINGER_S)
            reading.cancel()
            (end,) = await asyncio.gather(reading, return_exceptions=True)
            if isinstance(end, StreamError) and not end.is_orderly:
                await self._state(Stream.MISSED, str(end), since_ms=following.since_ms)

        task = asyncio.get_running_loop().create_task(linger())
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)

    def _new(self) -> Connection:
        self._number += 1
        return Connection(self, self._number)

    async def _state(self, state: Stream, text: str = "", since_ms: int = 0) -> None:
        await self.tell(StreamState(state.value, self._current.number, text, since_ms))
