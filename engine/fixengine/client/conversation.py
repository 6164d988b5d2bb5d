"""What is said between a strategy and the engine, without sockets and without a clock.

The conversation knows where it stands (no connection, connected, greeted, ready), which requests
wait for an answer, and which report number comes next. Bytes go in through `receive`, events
come out of `take`; time is an argument, in nanoseconds of this machine's monotonic clock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from enum import Enum
from typing import Any

import msgspec

from fixengine.client.arguments import MS_MAX, check_fields, check_id, check_size, check_whole
from fixengine.client.errors import (
    ClientError,
    HelloRefused,
    NoAnswer,
    NoBalances,
    NoInstrument,
    NoLimits,
    TooManyUnanswered,
)
from fixengine.client.inquiry import Inquiry
from fixengine.client.requests import Asked
from fixengine.messages import (
    NOT_A_MESSAGE,
    Balances,
    BalancesRequest,
    ExecutionReport,
    Gap,
    Heartbeat,
    Hello,
    Instrument,
    InstrumentRequest,
    LimitQuery,
    LimitResponse,
    ListedOrder,
    ListStatus,
    NewOrderList,
    NewOrderSingle,
    OrderAmendReject,
    OrderCancelReject,
    OrderCancelRequestAndNewOrderSingle,
    OrderMassCancelReport,
    OrderUnknown,
    Refused,
    RefusedReason,
    Sent,
    SessionStatus,
    Snapshot,
    SnapshotRequest,
    Welcome,
    encode,
    event_decoder,
    request_decoder,
)

OPEN = frozenset(
    {"pending", "written", "pending_new", "new", "replaced", "partially_filled", "unknown"}
)
"""Standings of an OpenOrder that is not over."""

UNANSWERED_MAX = 65_536
"""Requests that may wait for their answer."""

EVENTS_PER_CHECK_MAX = 10_000
"""Events read in one go before unanswered requests are looked at all the same."""


class Raw(msgspec.Struct, frozen=True):
    """An event of a kind, or with content, that this version of the client cannot decode.

    kind: its name, "" where even that cannot be read. payload: its bytes on the bus.
    report_seq: its report number, 0 where it has none.
    """

    kind: str
    payload: bytes
    report_seq: int = 0


Delivery = (
    ExecutionReport
    | OrderCancelReject
    | OrderMassCancelReport
    | OrderAmendReject
    | ListStatus
    | Sent
    | Refused
    | OrderUnknown
    | SessionStatus
    | Gap
    | Raw
)
"""What `reports` hands over."""


ANSWERS = OrderCancelReject, OrderMassCancelReport, OrderAmendReject, Refused, OrderUnknown
"""Besides an ExecutionReport."""


class State(Enum):
    """DOWN: no connection. CONNECTED: Hello is due. GREETED: it was sent. READY: welcomed."""

    DOWN = 0
    CONNECTED = 1
    GREETED = 2
    READY = 3


class Conversation:
    """One strategy's talk with the engine, over any number of connections.

    hello: the Hello to say; its resume_from is kept up to date. clock_is_shared: the engine
    reads the same monotonic clock as we do. run_id: unique for each client ever made, 1..16 of
    [a-zA-Z0-9_-]; it keeps the ids of two runs apart.
    """

    def __init__(
        self,
        hello: Hello,
        *,
        valid_for_ms: int,
        answer_timeout_ms: int,
        clock_is_shared: bool,
        run_id: str,
    ) -> None:
        self.state = State.DOWN
        self.welcome: Welcome | None = None
        self.epoch = 0
        self.processed = 0
        self.acknowledged = 0
        self._hello = hello
        self._valid_for_ms = valid_for_ms
        self._answer_timeout_ms = answer_timeout_ms
        self._clock_is_shared = clock_is_shared
        self._clock_offset_ns = 0
        self._run_id = run_id
        self._id_prefix = ""
        self._id_counter = 0
        self._unanswered: OrderedDict[str, int] = OrderedDict()
        self._events: deque[Delivery] = deque()
        self._events_since_check = 0
        # Report numbers. received: highest accepted; handed: last given out by take; heard:
        # highest the engine has shown on this connection, beyond which nothing is acknowledged.
        self._received = 0
        self._received_epoch = 0
        self._handed = 0
        self._heard = 0
        self._announced = (0, 0)
        self.snapshots = Inquiry(SnapshotRequest, lambda part: bool(part.is_last))
        self.balances = Inquiry(BalancesRequest, lambda part: True)
        self.limits = Inquiry(LimitQuery, lambda part: True)
        self.symbol = ""
        self.instruments = Inquiry(
            lambda number: InstrumentRequest(number, self.symbol), lambda part: True
        )
        if hello.resume_from is not None:
            self._received = self._handed = self.processed = hello.resume_from - 1

    # --- connection -------------------------------------------------------------------------

    def connected(self) -> None:
        """A new connection stands; Hello is due once all of the old one is read."""
        self.state = State.CONNECTED
        # Of an answer that is waited for; else nobody asks.
        for inquiry in (self.snapshots, self.balances, self.limits, self.instruments):
            inquiry.is_due = True

    def disconnected(self) -> None:
        """The connection is gone."""
        self.state = State.DOWN

    def hello(self) -> bytes:
        """Hello for the present connection; `greeted` when it was sent."""
        if self.welcome is not None:
            self._hello.resume_from = self.processed + 1
        return encode(self._hello)

    def greeted(self) -> None:
        """Hello was sent; Welcome or a refusal follows."""
        self.state = State.GREETED

    # --- requests ---------------------------------------------------------------------------

    def complete(self, request: Asked, now: int) -> tuple[str, bytes]:
        """The id and the bytes of a request, with id, epoch, time and age limit filled in.

        The request itself is left as it is. Raises TypeError for a value of a wrong type (a
        float above all), ValueError for an id, an amount or an age limit that is malformed
        and for what is longer than the bus takes, TooManyUnanswered.
        """
        if len(self._unanswered) >= UNANSWERED_MAX:
            raise TooManyUnanswered(
                f"{UNANSWERED_MAX} requests wait for an answer; read reports() before the next one"
            )
        name = "cl_list_id" if isinstance(request, NewOrderList) else "cl_ord_id"
        cl_ord_id = request.cl_ord_id or self._new_id()
        check_id(name, cl_ord_id)
        valid_for_ms = request.valid_for_ms or self._valid_for_ms
        check_whole("valid_for_ms", valid_for_ms, MS_MAX)
        completed = msgspec.structs.replace(
            request,
            epoch=self.epoch,
            sent_ns=now + self._clock_offset_ns,
            valid_for_ms=valid_for_ms,
            **{name: cl_ord_id},
        )
        if isinstance(completed, NewOrderSingle):
            completed.write_amounts_plainly()
        else:
            self._complete_parts(completed)
        try:
            payload = encode(completed)
            # Encoding takes values of any type; decoding is the cheapest check of all of them.
            request_decoder.decode(payload)
        except NOT_A_MESSAGE as problem:
            check_fields(completed)
            raise TypeError(f"{type(request).__name__}: {problem}") from problem
        check_size(completed, payload)
        return cl_ord_id, payload

    def _complete_parts(self, request: Asked) -> None:
        """Fill in what stands within a request that was copied; its parts are copied too."""
        if isinstance(request, OrderCancelRequestAndNewOrderSingle):
            request.order = msgspec.structs.replace(request.order)
            request.order.write_amounts_plainly()
            request.cancel_cl_ord_id = request.cancel_cl_ord_id or self._new_id()
            check_id("cancel_cl_ord_id", request.cancel_cl_ord_id)
        elif isinstance(request, NewOrderList):
            listed = []
            for at, one in enumerate(request.orders):
                order = msgspec.structs.replace(one.order)
                order.cl_ord_id = order.cl_ord_id or f"{request.cl_list_id}-{at}"
                check_id("cl_ord_id", order.cl_ord_id)
                order.write_amounts_plainly()
                listed.append(ListedOrder(order, one.list_triggering_instructions))
            request.orders = tuple(listed)

    def _new_id(self) -> str:
        """An id that no run of any strategy has used."""
        self._id_counter += 1
        return f"{self._id_prefix}{self._id_counter:x}"

    def sent(self, cl_ord_id: str, now: int) -> None:
        """The request was sent: from now on an answer is awaited."""
        self._unanswered[cl_ord_id] = now + self._answer_timeout_ms * 1_000_000
        self._unanswered.move_to_end(cl_ord_id)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Ids of the requests that wait for an answer, the one sent first in front."""
        return tuple(self._unanswered)

    @property
    def deadline(self) -> int | None:
        """When `check` matters next."""
        return next(iter(self._unanswered.values()), None)

    def check(self, now: int) -> None:
        """Raise NoAnswer for the first request whose time is over, once per request."""
        self._events_since_check = 0
        deadline = self.deadline
        if deadline is not None and now >= deadline:
            cl_ord_id, _ = self._unanswered.popitem(last=False)
            raise NoAnswer(cl_ord_id, self._answer_timeout_ms)

    # --- what the strategy owns ---------------------------------------------------------------

    def take_snapshot(self) -> Snapshot | None:
        """The answer to the last SnapshotRequest, in one; None while it is not complete."""
        parts: list[Snapshot] | None = self.snapshots.take()
        if parts is None:
            return None
        latest = {order.cl_ord_id: order for part in parts for order in part.orders}
        orders = tuple(order for order in latest.values() if order.standing in OPEN)
        return msgspec.structs.replace(parts[-1], orders=orders)

    def take_balances(self) -> Balances | None:
        """The answer to the last BalancesRequest; None while there is none. Raises NoBalances."""
        told: Balances | None = _only(self.balances, NoBalances)
        return told

    def take_limits(self) -> LimitResponse | None:
        """The answer to the last LimitQuery; None while there is none. Raises NoLimits."""
        told: LimitResponse | None = _only(self.limits, NoLimits)
        return told

    def take_instrument(self) -> Instrument | None:
        """The answer to the last InstrumentRequest, or None; see above. Raises NoInstrument."""
        told: Instrument | None = _only(self.instruments, NoInstrument)
        return told

    # --- events -----------------------------------------------------------------------------

    @property
    def has_events(self) -> bool:
        """Whether `take` has something to give."""
        return bool(self._events)

    def take(self) -> Delivery:
        """The next event for the strategy."""
        event = self._events.popleft()
        if event.report_seq:
            self._handed = event.report_seq
        return event

    def asked_for_next(self) -> None:
        """The strategy asks for the next event, so it is done with those before."""
        self.processed = self._handed

    @property
    def acknowledgeable(self) -> int:
        """The number to acknowledge now; not above `acknowledged` if there is none."""
        return min(self.processed, self._heard)

    def receive(self, payload: bytes, now: int) -> None:
        """One message from the engine. Raises HelloRefused, and NoAnswer as `check` does."""
        try:
            event = event_decoder.decode(payload)
        except msgspec.DecodeError:
            raw, epoch = _raw(payload)
            self._deliver(raw, epoch, now)
            return
        if isinstance(event, Heartbeat):
            return
        if isinstance(event, Welcome):
            self._welcomed(event, now)
            return
        if isinstance(event, Refused) and event.cl_ord_id == "" and not event.report_seq:
            if self.state is State.GREETED:
                # Said again only if the strategy asks for reports again.
                self.state = State.CONNECTED
                raise HelloRefused(self._hello.strategy, event.reason, event.text)
            if event.reason == RefusedReason.LAGGING and self.state is State.READY:
                self.connected()
        if isinstance(event, Snapshot):
            self.snapshots.hear(event)
            return
        if isinstance(event, Balances):
            self.balances.hear(event)
            return
        if isinstance(event, LimitResponse):
            self.limits.hear(event)
            return
        if isinstance(event, Instrument):
            self.instruments.hear(event)
            return
        self._answered(event)
        self._deliver(event, event.epoch, now)

    def _welcomed(self, welcome: Welcome, now: int) -> None:
        if self.state in (State.DOWN, State.CONNECTED):
            return  # left over from a connection that is gone
        first = self.welcome is None
        self.welcome = welcome
        self.epoch = welcome.epoch
        self.state = State.READY
        self._id_prefix = f"{welcome.epoch:x}-{self._run_id}-"
        if not self._clock_is_shared:
            self._clock_offset_ns = welcome.engine_now_ns - now
        before = welcome.next_seq - 1
        self._heard = before
        if first and self._hello.resume_from is None:
            self._received = self._handed = self.processed = self.acknowledged = before
        self.acknowledged = min(self.acknowledged, before)
        if before > self._received:
            self._add_gap(self._received + 1, before, before, now)
        elif before < self._received and self._received_epoch == 0:
            self._begin_again(before, now)

    def _deliver(self, event: Delivery, epoch: int, now: int) -> None:
        """Queue an event in its place in the order of report numbers."""
        if self.welcome is None:
            return  # an engine says nothing before Welcome
        number = event.report_seq
        if number:
            if number <= self._received:
                # Numbers rise with epochs, so this one was received before, unless its epoch
                # is newer than all that were: then the engine has lost part of its record.
                if epoch <= self._received_epoch:
                    self._heard = max(self._heard, number)
                    return
                self._begin_again(number - 1, now)
            self._heard = number
            if isinstance(event, Gap):
                self._announced = event.missing_from, event.missing_to
            missing_from, missing_to = self._received + 1, number - 1
            first, last = self._announced
            if missing_from <= missing_to and not (first <= missing_from and missing_to <= last):
                self._add_gap(missing_from, missing_to, missing_to, now)
            self._received = number
            self._received_epoch = max(self._received_epoch, epoch)
        self._events.append(event)
        self._events_since_check += 1
        if self._events_since_check >= EVENTS_PER_CHECK_MAX:
            self.check(now)

    def _begin_again(self, before: int, now: int) -> None:
        """Take the engine's numbers, which go back to before + 1, for ours."""
        lost_from = self._received + 1
        self._received = self._handed = self.processed = self._heard = before
        self.acknowledged = min(self.acknowledged, before)
        text = (
            f"the engine's record ends early: its numbers go on from {before + 1}, not from"
            f" {lost_from}; what followed {lost_from - 1} is lost, ask the venue"
        )
        self._add_gap(lost_from, lost_from, before, now, text)

    def _add_gap(
        self,
        missing_from: int,
        missing_to: int,
        report_seq: int,
        now: int,
        text: str = "noticed by the client",
    ) -> None:
        self._received = report_seq
        now_ns = now + self._clock_offset_ns
        self._events.append(
            Gap(report_seq, self.epoch, "", False, now_ns, missing_from, missing_to, text)
        )

    def _answered(self, event: Delivery) -> None:
        if isinstance(event, ExecutionReport):
            self._unanswered.pop(event.cl_ord_id, None)
            if event.orig_cl_ord_id is not None:
                self._unanswered.pop(event.orig_cl_ord_id, None)
        elif isinstance(event, ListStatus):
            self._unanswered.pop(event.cl_list_id, None)
        elif isinstance(event, ANSWERS):
            self._unanswered.pop(event.cl_ord_id, None)


def _only(inquiry: Inquiry, error: type[ClientError]) -> Any:
    """The one part of an answer; None while there is none. Raises error where it is a problem."""
    parts = inquiry.take()
    if parts is None:
        return None
    if parts[-1].problem:
        raise error(parts[-1].problem)
    return parts[-1]


def _raw(payload: bytes) -> tuple[Raw, int]:
    """An undecodable event and its epoch, as far as both can be read."""
    try:
        columns: Any = msgspec.msgpack.decode(payload)
    except msgspec.DecodeError:
        columns = None
    if not isinstance(columns, list) or not columns or not isinstance(columns[0], str):
        return Raw("", payload), 0
    numbers = [value if type(value) is int else 0 for value in [*columns[1:3], 0, 0]]
    return Raw(columns[0], payload, max(numbers[0], 0)), max(numbers[1], 0)
