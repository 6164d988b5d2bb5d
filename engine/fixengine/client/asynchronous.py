"""The asyncio client: the same connection, waited for on the running loop.

ZeroMQ's two descriptors are watched with add_reader, which every loop on Linux has; no task is
started and nothing is read ahead. What is not asked for stays in ZeroMQ's bounded queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from fixengine.client.arguments import check_text, check_timeout
from fixengine.client.connection import SPEAK_MS, Connection, T
from fixengine.client.conversation import Delivery, State
from fixengine.client.errors import ClientError, NoAnswer
from fixengine.client.inquiry import Inquiry
from fixengine.client.place import Dealer
from fixengine.client.requests import Asked
from fixengine.client.waiting import Answer, Waiting, check_until
from fixengine.messages import (
    Balances,
    Instrument,
    LimitResponse,
    NewOrderList,
    NewOrderSingle,
    Snapshot,
)

EVENTS_PER_TURN_MAX = 64
"""Events handed over before other tasks of the loop get their turn."""


class AsyncClient(Connection):
    """A strategy's connection to the engine, for asyncio and uvloop.

    Used as `async with AsyncClient(endpoint, strategy) as client:`, which waits until the engine
    welcomes it and closes it at the end; the constructor alone opens nothing. Arguments and
    errors are those of Client, raised on entering. `submit`, `cancel` and the other requests, and
    `close`, are plain functions, as they do not wait for anything. One task at a time may iterate
    `reports`; any task of the same loop may submit.
    """

    _loop: asyncio.AbstractEventLoop
    _waiter: asyncio.Future[None] | None = None
    _events_this_turn = 0

    def reports(self, timeout: float | None = None) -> Reports:
        """Events in the order of their numbers, as an asynchronous iterator.

        As Client.reports. Cancelling the waiting task loses no event.
        """
        self._opened()
        check_timeout(timeout)
        return Reports(self, timeout)

    async def submit_and_wait(
        self,
        order: NewOrderSingle | NewOrderList,
        until: str = "new",
        timeout: float | None = 5.0,
    ) -> Answer:
        """Submit, and read until there is an answer; see Client.submit_and_wait.

        Not while a task waits in `reports`.
        """
        check_until(until)
        check_timeout(timeout)
        cl_ord_id = self._send(order)
        deadline_ns = None if timeout is None else self._now() + int(timeout * 1e9)
        waiting = Waiting(order, cl_ord_id, until, deadline_ns)
        answer = None
        try:
            while answer is None:
                answer = waiting.hear(await self._next(waiting.left(self._now())))
        except NoAnswer as problem:
            problem.events = tuple(waiting.events)
            raise
        return answer

    async def snapshot(self) -> Snapshot:
        """What this strategy owns now; see Client.snapshot. Not while a task waits in `reports`."""
        talk = self._conversation
        return await self._inquire("snapshot", talk.snapshots, talk.take_snapshot)

    async def balances(self) -> Balances:
        """What the account has; see Client.balances. Not while a task waits in `reports`."""
        talk = self._conversation
        return await self._inquire("balances", talk.balances, talk.take_balances)

    async def limits(self) -> LimitResponse:
        """What the venue counts; see Client.limits. Not while a task waits in `reports`."""
        talk = self._conversation
        return await self._inquire("limits", talk.limits, talk.take_limits)

    async def instrument(self, symbol: str) -> Instrument:
        """The rules of a symbol; see Client.instrument. Not while a task waits in `reports`."""
        check_text("symbol", symbol)
        talk = self._conversation
        talk.symbol = symbol
        return await self._inquire("instrument", talk.instruments, talk.take_instrument)

    async def _inquire(self, what: str, inquiry: Inquiry, take: Callable[[], T | None]) -> T:
        dealer = self._opened()
        if self._waiter is not None:
            raise ClientError(f"{what}(): a task waits in reports(); ask before, or between events")
        inquiry.want()
        until = self._now() + self._answer_timeout_ms * 1_000_000
        while (answer := self._hear(dealer, inquiry, take)) is None:
            left_ns = until - self._now()
            if left_ns <= 0:
                raise self._nothing_heard(what)
            await self._wait(dealer, min(SPEAK_MS, -(-left_ns // 1_000_000)))
            dealer = self._opened()
        return answer

    def close(self) -> None:
        """Acknowledge what was processed and close, without waiting. A second call does nothing.

        What was sent still leaves within a second, as with Client.close, while the loop goes on;
        a program that ends meanwhile ends when that is done. A task that waits in `reports` finds
        the iteration ended.
        """
        super().close()
        self._wake()

    def _leave(self, dealer: Dealer) -> None:
        if not self._loop.is_closed():
            dealer.unwatch(self._loop)
        dealer.close_aside()

    async def _next(self, timeout: float | None) -> Delivery | None:
        dealer = self._dealer
        if dealer is None:
            return None
        if self._waiter is not None:
            raise ClientError("reports(): another task iterates already; only one may at a time")
        self._processed(dealer)
        self._events_this_turn += 1
        if self._events_this_turn > EVENTS_PER_TURN_MAX:
            await self._wait(dealer, 0)
        until = None if timeout is None else self._now() + int(timeout * 1e9)
        while self._dealer is not None and not self._pump(dealer):
            if until is not None and self._now() >= until:
                return None
            await self._wait(dealer, self._patience_ms(until), self._waits_for_ever(until))
        return None if self._dealer is None else self._conversation.take()

    async def _wait(self, dealer: Dealer, timeout_ms: int | None, for_ever: bool = False) -> None:
        waiter = self._waiter = self._loop.create_future()
        timer = dealer.alarm(self._loop, timeout_ms, self._wake, for_ever)
        try:
            await waiter
        finally:
            self._waiter = None
            self._events_this_turn = 0
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _on_readable(self) -> None:
        # Looking also quiets the descriptor, which would otherwise stay readable for ever.
        if self._dealer is not None and self._dealer.readable():
            self._wake()

    def _on_change(self) -> None:
        if self._dealer is not None:
            self._watch(self._dealer)

    def _watch(self, dealer: Dealer) -> bool:
        changed = super()._watch(dealer)
        if changed:
            self._wake()
        return changed

    def _request(self, request: Asked) -> str:
        cl_ord_id = super()._request(request)
        if self._waiter is not None:
            # Sending may have taken the sign that something came in.
            self._on_readable()
        return cl_ord_id

    async def __aenter__(self) -> Self:
        if self._dealer is not None or self.welcome is not None:
            raise ClientError("an AsyncClient is entered once; make a new one")
        self._loop = asyncio.get_running_loop()
        dealer = self._dealer = self._place.dealer(self._strategy)
        try:
            dealer.watch(self._loop, self._on_readable, self._on_change)
            await self._connect(dealer)
        except BaseException:
            self.close()
            raise
        return self

    async def _connect(self, dealer: Dealer) -> None:
        until = self._now() + self._connect_timeout_ms * 1_000_000
        while not self._pump(dealer) and self._conversation.state is not State.READY:
            if self._now() >= until:
                raise self._not_welcomed()
            await self._wait(dealer, self._patience_ms(until))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()


class Reports:
    """The asynchronous iterator over a client's events; see Client.reports."""

    def __init__(self, client: AsyncClient, timeout: float | None) -> None:
        self._client = client
        self._timeout = timeout

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        event = await self._client._next(self._timeout)
        if event is None:
            raise StopAsyncIteration
        return event
