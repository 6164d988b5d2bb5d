"""The last step of the walk in: an event gets its report number, its journal record, its socket.

Everything a strategy hears passes here, so this is also where each kind of event is put together
that is not the venue's own report.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec

from fixengine.desk.orders import Order
from fixengine.desk.standings import Standing
from fixengine.messages import (
    ExecType,
    ExecutionReport,
    ListStatus,
    OrderAmendReject,
    OrderCancelReject,
    OrderMassCancelReport,
    OrderUnknown,
    Refused,
    RefusedReason,
    Sent,
    SessionStatus,
    encode,
    encode_event,
    report_head,
)
from fixengine.network.journal.record import Kind, named
from fixengine.network.strategies import Strategies, Strategy
from fixengine.network.values import Values

NONE = encode(None)
DELIVERED: Final = Kind.DELIVERED  # looked up once; see fix/session.py

OUTCOMES = (
    ExecutionReport | OrderCancelReject | OrderAmendReject | OrderMassCancelReport | ListStatus
)
STANDS = (
    "order_qty",
    "ord_type",
    "side",
    "exec_inst",
    "price",
    "trigger_price",
    "time_in_force",
    "order_creation_time",
    "cash_order_qty",
    "cum_qty",
    "leaves_qty",
    "cum_quote_qty",
    "working_indicator",
)
"""Columns of a report that tell how an order stands, not what happened."""

Reason = tuple[RefusedReason, str, int | None]
"""Why a request is refused: reason, text for people, and retry_after_ms where waiting helps."""


class Journal(Protocol):
    """Where every input and output is recorded."""

    @property
    def healthy(self) -> bool:
        """Whether the disk takes what is recorded."""

    @property
    def error(self) -> str | None:
        """What the disk said when it last refused, while it is not healthy."""

    @property
    def free_bytes(self) -> int:
        """Room left between the walk and the disk."""

    @property
    def reserve_bytes(self) -> int:
        """Room that is kept for cancels and reports; with less, new orders are refused."""

    def has_room(self, room_bytes: int, /) -> bool:
        """Whether it is healthy, and this much room is left."""

    @property
    def appended(self) -> int:
        """Position in the run's stream where the last record ends."""

    @property
    def on_disk(self) -> int:
        """Position up to which the stream is known to be on disk."""

    def ask(self) -> None:
        """Ask for the disk now; once it was tried, the process is woken."""

    def append(self, kind: int, now: int, line: int, data: bytes, /) -> bool:
        """Record; False where there is no room."""


class Teller:
    """Tells strategies. record: the journal's append, which whoever changes something calls: False
    where there is no room, and the journal counts it.
    """

    def __init__(self, strategies: Strategies, journal: Journal, epoch: int) -> None:
        self.strategies = strategies
        self.epoch = epoch
        self.record = journal.append
        self._journal = journal

    @property
    def journal_trouble(self) -> str | None:
        """Why no new order may be taken: what is left of the journal is for cancels and reports."""
        if not self._journal.healthy:
            error = self._journal.error
            return "the disk does not take the journal" + (f" ({error})" if error else "")
        if self._journal.free_bytes < self._journal.reserve_bytes:
            return "the journal's ring is nearly full; the disk is too slow"
        return None

    def tell(self, strategy: Strategy, event: Any, now: int) -> bytes:
        """Deliver an event, now or when the strategy can take it; its bytes.

        Recorded before it is handed over, so that no number is used again after a crash.
        """
        payload = bytes(encode_event(event, strategy.next_seq))
        self.record(DELIVERED, now, 0, named(strategy.name, payload))
        self.strategies.deliver(strategy, payload, now)
        return payload

    def report(
        self,
        number: int,
        source: str,
        report: Values,
        ids: tuple[str, str | None, str | None, str | None],
        reject_reason: str | None,
        now: int,
    ) -> bytes:
        """`tell` a strategy a venue's report as an ExecutionReport; its bytes.

        They are made of what was read, without an event in between: most of what comes is this.
        number: the strategy's. ids: cl_ord_id, orig_cl_ord_id and the two on the wire. Raises
        RemoteProtocolError where a value is malformed; then nothing was delivered.
        """
        strategy = self.strategies.by_number[number]
        head = report_head(strategy.next_seq, self.epoch, source, False, now, *ids)
        tail = NONE if reject_reason is None else encode(reject_reason)
        payload = report.pack(head, tail)
        self.record(DELIVERED, now, 0, named(strategy.name, payload))
        self.strategies.deliver(strategy, payload, now)
        return payload

    def outcome(self, order: Order, event: Any, now: int, keep: bool = True) -> bytes:
        """Deliver what became of a request, and keep it as the answer to a repeated id."""
        payload = self.tell(self._owner(order), event, now)
        if keep:
            order.outcome = payload
        return payload

    def again(self, order: Order, source: str, now: int) -> None:
        """Tell once more what is known of a request, for its id has come again.

        One that waits for this wake-up's flush gets nothing more: its answer is about to come.
        A cancel whose order ended first may be over without an outcome: nobody will ever say.
        """
        if order.standing is Standing.UNKNOWN:
            self.unknown(order, "the outcome is not known", None, now)
        elif order.outcome is not None:
            event: Any = msgspec.msgpack.decode(order.outcome, type=OUTCOMES)
            event.replayed = True
            self.tell(self._owner(order), event, now)
        elif order.standing is Standing.WRITTEN:
            self.sent(order, source, now, replayed=True)
        elif order.standing is not Standing.PENDING:
            text = "the outcome is not known"
            if order.target is not None:
                text += f"; its order is {order.target.standing}"
            self.unknown(order, text, None, now)

    def disown(self, of: Strategy, own_id: str, order: Order, heir: str, now: int) -> None:
        """Tell a strategy that an order it knows by own_id is no longer its own."""
        head = self.head("", now)
        reason = f"handed over to {heir}"
        self.tell(of, OrderUnknown(*head, own_id, order.wire_id, reason), now)

    def inherited(self, order: Order, of: str, now: int) -> None:
        """Tell a strategy how an order stands that it has from another one."""
        text = f"handed over by {of}"
        if order.outcome is not None:
            last: Any = msgspec.msgpack.decode(order.outcome, type=OUTCOMES)
            if isinstance(last, ExecutionReport):
                self.outcome(order, self._as_inherited(order, last, text, now), now)
        if order.outcome is None or order.standing is Standing.UNKNOWN:
            self.unknown(order, f"{text}; the outcome is not known", None, now)

    def _as_inherited(
        self, order: Order, last: ExecutionReport, text: str, now: int
    ) -> ExecutionReport:
        """How the order stands by its last report, without the event which that told of."""
        head = self.head(last.source, now)
        ids = order.cl_ord_id, None, order.wire_id, None
        event = ExecutionReport(
            *head, *ids, order.symbol, ExecType.ORDER_STATUS.value, last.ord_status
        )
        for name in STANDS:
            setattr(event, name, getattr(last, name))
        event.order_id = order.order_id
        event.text = text
        return event

    def unknown(self, order: Order, reason: str, code: str | None, now: int) -> None:
        """Tell that the outcome of a request is not known."""
        head = self.head("", now)
        event = OrderUnknown(*head, order.cl_ord_id, order.wire_id, reason, code)
        self.tell(self._owner(order), event, now)

    def sent(self, order: Order, source: str, now: int, replayed: bool = False) -> None:
        """Tell that the bytes were given to TLS."""
        head = 0, self.epoch, source, replayed, now
        event = Sent(*head, order.cl_ord_id, order.wire_id, order.seq, now)
        self.tell(self._owner(order), event, now)

    def refuse(self, strategy: Strategy, cl_ord_id: str, reason: Reason, now: int) -> None:
        """Tell that a request never left the engine."""
        kind, text, retry_after_ms = reason
        head = self.head("", now)
        self.tell(strategy, Refused(*head, cl_ord_id, kind.value, text, retry_after_ms), now)

    def refuse_peer(
        self, peer: bytes, cl_ord_id: str, kind: RefusedReason, text: str, now: int
    ) -> None:
        """Refuse a socket that is bound to no strategy, and so has no report numbers."""
        head = self.head("", now)
        self.strategies.answer(peer, Refused(*head, cl_ord_id, kind.value, text))

    def status(self, state: str, text: str, source: str, engine_state: str, now: int) -> None:
        """Tell every strategy that a session's state changed, and how the engine stands."""
        head = self.head(source, now)
        for strategy in list(self.strategies.by_number.values()):
            self.tell(strategy, SessionStatus(*head, state, text, engine_state), now)

    def head(self, source: str, now: int) -> tuple[int, int, str, bool, int]:
        """The first columns of an event: report_seq (given later), epoch, source, ..."""
        return 0, self.epoch, source, False, now

    def _owner(self, order: Order) -> Strategy:
        return self.strategies.by_number[order.strategy]
