"""The blocking client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from fixengine.client.arguments import check_text, check_timeout
from fixengine.client.connection import SPEAK_MS, Connection, T
from fixengine.client.conversation import Delivery, State
from fixengine.client.errors import NoAnswer
from fixengine.client.inquiry import Inquiry
from fixengine.client.place import Dealer
from fixengine.client.waiting import Answer, Waiting, check_until
from fixengine.messages import (
    Balances,
    Instrument,
    LimitResponse,
    NewOrderList,
    NewOrderSingle,
    Snapshot,
)


class Client(Connection):
    """A strategy's connection to the engine; construction waits until the engine welcomes it.

    endpoint: where the engine binds its bus, such as "ipc:///run/desk/bus.sock".
    strategy: this strategy's name, 1..32 of [a-zA-Z0-9_-]; one client at a time may have it.
    token: the strategy's secret, where the engine asks for one.
    resume_from: the first report number wanted, normally a former run's last_report_seq + 1;
    None takes everything that this strategy has not acknowledged.
    wants_sent: also deliver Sent, when bytes of a request were given to TLS.
    valid_for_ms: the engine refuses a request that is older than this when it would be written.
    answer_timeout_ms: how long after its sending a request may stay without an answer.
    connect_timeout_ms: how long to wait for Welcome.
    ack_every: acknowledge after so many processed events; when idle, after 0.1 s.

    Raises TypeError or ValueError that names a bad argument, NotConnected where no engine answers
    in time, and HelloRefused where the engine refuses, for example because the name is connected
    already.
    """

    def _constructed(self) -> None:
        dealer = self._dealer = self._place.dealer(self._strategy)
        try:
            self._connect(dealer)
        except BaseException:
            self.close()
            raise

    def reports(self, timeout: float | None = None) -> Iterator[Delivery]:
        """Events in the order of their numbers, as they come; see Delivery.

        timeout: seconds without an event after which the iteration ends; 0 or less takes only
        what is there, None waits for ever. Asking for an event says that the one before is
        processed, and leaving the loop early does not: that event comes again in a next run.

        Raises NoAnswer, once for each request that had no answer within answer_timeout_ms, which
        a shorter timeout does not live to see (look at `unanswered` then); HelloRefused where an
        engine that came back refuses us; NotConnected where the client is closed. After any
        of the first two, call `reports` again to go on: nothing is lost. While the engine is
        away this waits for it. TypeError and ValueError for a timeout that is no number of
        seconds.
        """
        self._opened()
        check_timeout(timeout)
        return self._iterate(timeout)

    def submit_and_wait(
        self,
        order: NewOrderSingle | NewOrderList,
        until: str = "new",
        timeout: float | None = 5.0,
    ) -> Answer:
        """Submit an order or a list, and read until there is an answer.

        until: "new" for the venue's first word on it, or that it was refused here or is unknown;
        "done" for its end. timeout: seconds, None for ever. What is heard meanwhile stands in the
        Answer, and counts as processed when the next event or answer is asked for.

        Raises NotDone when the time is over, with what was heard; NoAnswer, and what `submit` and
        `reports` raise. The order may be live after each of these but those of `submit`.
        """
        check_until(until)
        check_timeout(timeout)
        cl_ord_id = self._send(order)
        deadline_ns = None if timeout is None else self._now() + int(timeout * 1e9)
        waiting = Waiting(order, cl_ord_id, until, deadline_ns)
        answer = None
        try:
            while answer is None:
                answer = waiting.hear(self._next(waiting.left(self._now())))
        except NoAnswer as problem:
            problem.events = tuple(waiting.events)
            raise
        return answer

    def snapshot(self) -> Snapshot:
        """What this strategy owns now: its open orders, and what it traded today (UTC).

        For a strategy that starts again. It holds at one moment: events with numbers below its
        `next_seq` are in it already, though `reports` may still bring them, and those from there
        on are not. No event is lost meanwhile. Raises NotConnected where no answer comes within
        answer_timeout_ms, and what `reports` raises.
        """
        talk = self._conversation
        return self._inquire("snapshot", talk.snapshots, talk.take_snapshot)

    def balances(self) -> Balances:
        """What the account has, of all strategies together, as the venue's REST or its user data
        stream tells it. That may be a second or two behind the reports.

        Raises NoBalances where the engine has no such source, or that gives no answer;
        NotConnected where no answer comes within answer_timeout_ms, and what `reports` raises.
        """
        talk = self._conversation
        return self._inquire("balances", talk.balances, talk.take_balances)

    def limits(self) -> LimitResponse:
        """What the venue counts now: orders of the account that are not filled, and messages of
        the session that asked, each with its limit. A second old at most.

        Raises NoLimits where no session is up, or the venue gives no answer; NotConnected where
        no answer comes within answer_timeout_ms, and what `reports` raises.
        """
        talk = self._conversation
        return self._inquire("limits", talk.limits, talk.take_limits)

    def instrument(self, symbol: str) -> Instrument:
        """The rules of a symbol, as REST told them, and its amounts rounded by them on request.

        What the engine has kept of it is told at once, whatever its age (`told_ms`). Raises
        NoInstrument where there is no such symbol, or no REST; NotConnected where no answer comes
        within answer_timeout_ms, and what `reports` raises.
        """
        check_text("symbol", symbol)
        talk = self._conversation
        talk.symbol = symbol
        return self._inquire("instrument", talk.instruments, talk.take_instrument)

    def _inquire(self, what: str, inquiry: Inquiry, take: Callable[[], T | None]) -> T:
        dealer = self._opened()
        inquiry.want()
        until = self._now() + self._answer_timeout_ms * 1_000_000
        while (answer := self._hear(dealer, inquiry, take)) is None:
            left_ns = until - self._now()
            if left_ns <= 0:
                raise self._nothing_heard(what)
            dealer.wait(min(SPEAK_MS, -(-left_ns // 1_000_000)))
        return answer

    def _iterate(self, timeout: float | None) -> Iterator[Delivery]:
        while (event := self._next(timeout)) is not None:
            yield event

    def _next(self, timeout: float | None) -> Delivery | None:
        dealer = self._dealer
        if dealer is None:
            return None
        self._processed(dealer)
        until = None if timeout is None else self._now() + int(timeout * 1e9)
        while not self._pump(dealer):
            if until is not None and self._now() >= until:
                return None
            dealer.wait(self._patience_ms(until), self._waits_for_ever(until))
        return self._conversation.take()

    def _connect(self, dealer: Dealer) -> None:
        until = self._now() + self._connect_timeout_ms * 1_000_000
        while not self._pump(dealer) and self._conversation.state is not State.READY:
            if self._now() >= until:
                raise self._not_welcomed()
            dealer.wait(self._patience_ms(until))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()
