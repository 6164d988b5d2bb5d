"""The venue's web port: HTTP and WebSocket over TLS for rest.py and feed.py, which decide.

A wall clock of its own is enough: these are other connections than the sessions, so nobody can tell
which came first. A WebSocket is pinged as the venue does, cut where no pong comes, and ended at its
greatest age.
"""

from __future__ import annotations

import asyncio
import ssl
import time

from aiohttp import WSMsgType, web

from fixengine.simulator.admission import Counter
from fixengine.simulator.feed import Feed, Feeds
from fixengine.simulator.rest import Asked, Rest

CLOSE_S = 1.0
FRAME_BYTES_MAX = 1 << 16
SECOND_NS = 1_000_000_000


class Socket:
    """One WebSocket and its feed."""

    def __init__(self, feed: Feed, response: web.WebSocketResponse) -> None:
        self.feed = feed
        self.response = response
        self.news = asyncio.Event()
        self.news.set()
        now = time.monotonic_ns()
        self.opened_ns = self.pinged_ns = self.heard_ns = now

    async def write(self) -> None:
        """Send what the feed says, until this is cancelled."""
        while True:
            await self.news.wait()
            self.news.clear()
            while self.feed.output:
                frames, self.feed.output = self.feed.output, []
                for frame in frames:
                    await self.response.send_str(frame.decode())
            if self.feed.ends:
                await self.response.close()
                return

    async def live(self, ping_ns: int, pong_ns: int, life_ns: int) -> None:
        """Ping, and return when the connection has to end."""
        while True:
            now = time.monotonic_ns()
            due = min(self.pinged_ns + ping_ns, self.heard_ns + pong_ns, self.opened_ns + life_ns)
            if now < due:
                await asyncio.sleep((due - now) / SECOND_NS)
                continue
            if now >= self.opened_ns + life_ns or now >= self.heard_ns + pong_ns:
                return
            self.pinged_ns = now
            await self.response.ping(str(time.time_ns() // 1_000_000).encode())


class WebServer:
    """One port."""

    def __init__(self, rest: Rest, feeds: Feeds) -> None:
        self._rest = rest
        self._feeds = feeds
        self._web = rest.web
        self._server = web.Server(self._handle, access_log=None)
        self._listening: asyncio.Server | None = None
        self._sockets: set[Socket] = set()
        self._connections: dict[str, Counter] = {}
        feeds.wake = self._wake

    async def listen(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Open the port; which one it is. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server, host, port, ssl=context)
        found: int = self._listening.sockets[0].getsockname()[1]
        return found

    async def close(self) -> None:
        """Close the port, say so on every WebSocket, and close the connections."""
        if self._listening is not None:
            self._listening.close()
        self._feeds.shut_down(time.time_ns())
        for one in list(self._sockets):
            for frame in one.feed.output:
                await one.response.send_str(frame.decode())
            one.feed.output.clear()
            await one.response.close()
        await self._server.shutdown(CLOSE_S)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == self._web.stream.path:
            return await self._stream(request)
        asked = Asked(
            request.method,
            # As it stood on the wire: the signature is over these very characters.
            request.raw_path,
            request.headers.get("X-MBX-APIKEY"),
            request.remote or "",
        )
        reply = self._rest.answer(asked, time.time_ns())
        return web.Response(
            status=reply.status,
            headers=reply.headers,
            body=reply.body,
            content_type=reply.content_type,
        )

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        now, address, stream = time.time_ns(), request.remote or "", self._web.stream
        over = self._feeds.meter.add(address, stream.connect_weight, now)
        counter = self._connections.setdefault(address, Counter())
        if over is not None or not counter.add(stream.connections, now):
            return web.Response(status=429 if over is None else over.status)
        response = web.WebSocketResponse(autoping=False, max_msg_size=FRAME_BYTES_MAX)
        await response.prepare(request)
        one = Socket(self._feeds.opened(address, now), response)
        self._sockets.add(one)
        loop = asyncio.get_running_loop()
        writing = loop.create_task(one.write())
        living = loop.create_task(one.live(stream.ping_ns, stream.pong_ns, stream.life_ns))
        living.add_done_callback(lambda task: cut(request, task))
        try:
            async for message in response:
                if message.type == WSMsgType.TEXT:
                    one.feed.request(message.data, time.time_ns())
                    one.news.set()
                elif message.type == WSMsgType.PING:
                    await response.pong(message.data)
                elif message.type == WSMsgType.PONG:
                    one.heard_ns = time.monotonic_ns()
        finally:
            self._sockets.discard(one)
            self._feeds.closed(one.feed)
            for task in (writing, living):
                task.cancel()
            await asyncio.gather(writing, living, return_exceptions=True)
        return response

    def _wake(self) -> None:
        for one in self._sockets:
            one.news.set()


def cut(request: web.BaseRequest, task: asyncio.Task[None]) -> None:
    """End a connection without a word, unless it has ended already."""
    if not task.cancelled() and request.transport is not None:
        request.transport.abort()
