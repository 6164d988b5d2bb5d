"""Asks the venue's REST API: signed, within its limits, before a deadline; answers typed values.

It runs in a process of its own (worker.py), because it would hold the walk: a page of 1000 trades
is 252 kB of JSON and takes 0.5 ms to decode (median of 200 on a shared virtual core, p99 8 ms),
TLS and HTTP not counted, where 0.2 ms is the most that anything may take there. 50 of those rows
as msgpack take 25 us; in smaller pieces they reach the network process. `fixengine check` has no
walk to hold and uses this room directly.

No decision about orders is made here. What the venue refuses is a `Problem`, as is no answer.
Nothing is repeated, with one exception: a timestamp that the venue does not take (-1021) is a
matter of clocks, so the venue's is read, and the question asked once more with the better time.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from fixengine.fix.keys import Signer
from fixengine.fix.venue import Web
from fixengine.network.config.settings import Place
from fixengine.network.sources import asks
from fixengine.network.sources.answers import (
    Account,
    Answer,
    Because,
    ExchangeInfo,
    Order,
    Problem,
    Refusal,
    ServerTime,
    unsound,
)
from fixengine.network.sources.asks import ROWS, Ask
from fixengine.network.sources.budget import Budget
from fixengine.network.transport import cause_text

ANSWER_BYTES_MAX = 8 << 20
"""1000 orders are 0.6 MB. A larger answer is given up, so that nobody can fill this memory."""
PAGES_MAX = 1000
CONNECTIONS_MAX = 4
CHUNK_BYTES = 1 << 16
TEXT_SHOWN_MAX = 200
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
OK, TOO_MANY, BANNED = 200, 429, 418

DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(
        {
            "time": ServerTime,
            "order": Order,
            "account": Account,
            "exchangeInfo": ExchangeInfo,
        }.get(name, list[kind])  # type: ignore[valid-type]
    )
    for name, kind in ROWS.items()
}
REFUSAL = msgspec.json.Decoder(Refusal)


class Page(NamedTuple):
    """Rows of an answer. is_last: nothing follows. problem: there are none, for this reason."""

    rows: Sequence[Answer]
    is_last: bool
    problem: Problem | None = None


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    body: bytes
    headers: Any


class Rest:
    """See the module's top; `async with` it.

    place: host, port and the name its certificate must have. weight_max: of the venue's limit.
    deadline_ms: for one answer, waits for the limit included. wall_ns: the wall clock.
    """

    def __init__(
        self,
        web: Web,
        place: Place,
        api_key: str,
        signer: Signer,
        context: ssl.SSLContext,
        *,
        weight_max: int,
        deadline_ms: int,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._web = web
        self._place = place
        self._api_key = api_key
        self._signer = signer
        self._context = context
        self._deadline_s = deadline_ms / 1000
        self._wall_ns = wall_ns
        self._session: aiohttp.ClientSession
        self.budget = Budget(web.weights, weight_max)
        self.offset_ns = 0
        """The venue's clock minus ours, as last measured."""

    async def __aenter__(self) -> Rest:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=self._context),
            cookie_jar=aiohttp.DummyCookieJar(),
            # The deadline is kept below, over everything that a question takes.
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"Accept-Encoding": "identity", "User-Agent": "fixengine"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def pages(self, ask: Ask) -> AsyncIterator[Page]:
        """The answer, one page after the other; a page with a problem is the last."""
        parameters = dict(ask.parameters)
        seen: set[tuple[int, int]] = set()
        for _ in range(PAGES_MAX):
            found = await self.call(ask.call, parameters)
            if isinstance(found, Problem):
                yield Page((), True, found)
                return
            is_last = not ask.page_by or len(found) < int(parameters["limit"])
            yield Page([row for row in found if key_of(row) not in seen], is_last)
            if is_last:
                return
            # Times may only stand beside no id; from here on ids lead. The last id is asked for
            # again: where both sides of a trade are ours, two rows have it, and a page may end
            # between them.
            last = key_of(found[-1])[0]
            seen = {key for key in map(key_of, found) if key[0] == last}
            parameters.pop("startTime", None)
            parameters[ask.page_by] = last + (len(seen) == len(found))
        text = f"{ask.call}: more than {PAGES_MAX} pages; begin later"
        yield Page((), True, Problem(Because.FAILED.value, text))

    async def call(
        self, name: str, parameters: dict[str, asks.Value]
    ) -> Sequence[Answer] | Problem:
        """One answer of the venue, within the deadline."""
        try:
            async with asyncio.timeout(self._deadline_s):
                found = await self._call(name, parameters)
                refused_time = isinstance(found, Problem) and found.code == self._web.clock_code
                if refused_time:
                    await self._call("time", {})
                    found = await self._call(name, parameters)
                return found
        except TimeoutError:
            return self._failed(name, f"no answer within {self._deadline_s:g} s")

    # --- one question -----------------------------------------------------------------------

    async def _call(
        self, name: str, parameters: dict[str, asks.Value]
    ) -> Sequence[Answer] | Problem:
        weight = self._web.weight(name, parameters)
        wait_ns = self.budget.wait_ns(weight, self._venue_ns())
        if wait_ns > self._deadline_s * SECOND_NS:
            wait_ms = -(-wait_ns // MILLISECOND_NS)
            text = (
                f"{name}: weight {weight} of {self.budget.weight_max} is not free,"
                f" {self.budget.used} used; free in {wait_ms} ms"
            )
            return Problem(Because.LIMITED.value, text, retry_after_ms=wait_ms)
        while wait_ns > 0:
            await asyncio.sleep(wait_ns / SECOND_NS)
            wait_ns = self.budget.wait_ns(weight, self._venue_ns())
        self.budget.spend(weight, self._venue_ns())
        sent_ns = self._wall_ns()
        try:
            reply = await self._get(name, parameters)
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            return self._failed(name, cause_text(problem))
        if isinstance(reply, Problem):
            return reply
        received_ns = self._wall_ns()
        used = reply.headers.get(self._web.weight_header, "")
        if used.isdecimal() and used.isascii():
            self.budget.told(int(used), self._venue_ns())
        if reply.status != OK:
            return self._problem(name, reply)
        try:
            found = DECODERS[name].decode(reply.body)
        except msgspec.DecodeError as problem:
            return self._failed(name, f"an answer that makes no sense: {problem}", reply.status)
        if isinstance(found, ServerTime):
            middle_ns = (sent_ns + received_ns) // 2
            self.offset_ns = found.server_time * MILLISECOND_NS - middle_ns
        rows: Sequence[Answer] = found if isinstance(found, list) else (found,)
        if isinstance(found, ExchangeInfo):
            rows = found.rows
        elif isinstance(found, Account):
            rows = (msgspec.structs.replace(found, balances=()), *found.balances)
        for row in rows:
            if bad := unsound(row):
                reason = f"an answer that makes no sense: {bad} is no amount"
                return self._failed(name, reason, reply.status)
        return rows

    async def _get(self, name: str, parameters: dict[str, asks.Value]) -> Reply | Problem:
        place, headers = self._place, {}
        query = encoded(parameters)
        if self._web.calls[name].signed:
            query = self._signed(parameters)
            headers[self._web.key_header] = self._api_key
        host = f"[{place.host}]" if ":" in place.host else place.host
        target = f"https://{host}:{place.port}{self._web.calls[name].path}"
        # The signature is over these very bytes, so nobody may encode them once more.
        url = URL(f"{target}?{query}" if query else target, encoded=True)
        async with self._session.get(
            url, headers=headers, server_hostname=place.server_name, allow_redirects=False
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    response.close()
                    text = f"an answer of more than {ANSWER_BYTES_MAX} bytes"
                    return self._failed(name, text, response.status)
            return Reply(response.status, bytes(body), response.headers)

    def _signed(self, parameters: dict[str, asks.Value]) -> str:
        timed = {
            **parameters,
            "recvWindow": self._web.recv_window_ms,
            "timestamp": self._venue_ns() // MILLISECOND_NS,
        }
        query = encoded(timed)
        signature = self._signer.sign(query.encode()).decode()
        return f"{query}&signature={quote(signature, safe='')}"

    def _venue_ns(self) -> int:
        return self._wall_ns() + self.offset_ns

    def _problem(self, name: str, reply: Reply) -> Problem:
        """An answer that is no success. Its body need not be the venue's JSON."""
        code, text = None, reply.body[:TEXT_SHOWN_MAX].decode("utf-8", "replace")
        try:
            refusal = REFUSAL.decode(reply.body)
            code, text = refusal.code, refusal.msg[:TEXT_SHOWN_MAX]
        except msgspec.DecodeError:
            text = f"HTTP {reply.status}, {' '.join(text.split()) or 'without a word'}"
        if reply.status in (TOO_MANY, BANNED):
            told = reply.headers.get("Retry-After", "")
            wait_s = int(told) if told.isdecimal() and told.isascii() else None
            wait_ns = self.budget.pause(self._venue_ns(), wait_s)
            wait_ms = -(-wait_ns // MILLISECOND_NS)
            because = Because.LIMITED.value
            return Problem(because, f"{name}: {text}", reply.status, code, wait_ms)
        because = (Because.FAILED if code is None or reply.status >= 500 else Because.REFUSED).value
        return Problem(because, f"{name}: {text}", reply.status, code)

    def _failed(self, name: str, reason: str, status: int = 0) -> Problem:
        where = f"{self._place.host}:{self._place.port}"
        return Problem(Because.FAILED.value, f"{name}: {where}: {reason}", status)


def encoded(parameters: dict[str, asks.Value]) -> str:
    """A query string, escaped as the venue wants what is signed."""
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parameters.items())


def key_of(row: Answer) -> tuple[int, int]:
    """What names a row in its list: the id it is paged by, and the order it belongs to."""
    order_id: int = getattr(row, "order_id", 0)
    for name in ("id", "allocation_id"):
        if hasattr(row, name):
            return getattr(row, name), order_id
    return order_id, order_id
