"""The venue's web port: HTTP over TLS for rest.py. Everything is decided there.

A wall clock of its own is enough: REST is asked in other processes and on other connections than
the sessions, so nobody can tell which came first.
"""

from __future__ import annotations

import asyncio
import ssl
import time

from aiohttp import web

from fixengine.simulator.delivery import Say
from fixengine.simulator.rest import Asked, Rest

CLOSE_S = 1.0


class WebServer:
    """One port. say: tells the operator."""

    def __init__(self, rest: Rest, say: Say) -> None:
        self._rest = rest
        self._say = say
        self._server = web.Server(self._handle, access_log=None)
        self._listening: asyncio.Server | None = None

    async def listen(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Open the port; which one it is. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server, host, port, ssl=context)
        found: int = self._listening.sockets[0].getsockname()[1]
        return found

    async def close(self) -> None:
        """Close the port and its connections."""
        if self._listening is not None:
            self._listening.close()
        await self._server.shutdown(CLOSE_S)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
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
