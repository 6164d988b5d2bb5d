"""What the runs before this one left in the journal, read once at start.

A new run goes on with every strategy's report numbers, knows the ids that were used, so that a
repeated request is answered and not sent again, and finds the orders that later reports are
about. A run begins its journal with the requests it took over (CARRIED), the events that were not
acknowledged (DELIVERED) and then START with the report numbers, so only the last run that got as
far as START has to be read, and what came after; a checkpoint of it holds the same in the same
form. A run that ended while it wrote these copies left only some of them, behind the records they
were made from: a copy of what is known changes nothing.

Nobody watched the orders while no engine ran: those that were open are UNKNOWN now. They may be
live, filled or gone; only the venue can say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson

from fixengine import wire
from fixengine.desk.orders import QTY_DECIMALS, TRADE, Order, Orders, report_key
from fixengine.desk.orders import Kind as OrderKind
from fixengine.desk.positions import Positions
from fixengine.desk.standings import ALIVE, FINAL, TOLD, Standing
from fixengine.fix.venue import Venue
from fixengine.messages import (
    Ack,
    ExecutionReport,
    ListStatus,
    OrderAmendReject,
    OrderCancelReject,
    OrderMassCancelReport,
    OrderUnknown,
    Position,
    encode,
    event_decoder,
    report_seq_of,
    request_decoder,
)
from fixengine.network.answers import list_status_key, refuses
from fixengine.network.intents import ORDER_REQUESTS, TARGETING, enter, target_of
from fixengine.network.journal.earlier import Earlier
from fixengine.network.journal.reader import Record
from fixengine.network.journal.record import (
    Carried,
    Kind,
    carried_decoder,
    handed_over_decoder,
    named,
    split_named,
)
from fixengine.network.journal.writer import files
from fixengine.network.strategies import Standing as Numbers

STANDINGS = "standings"
POSITIONS = "positions"
NOTHING: Mapping[str, Any] = {}
CLOSED_MAX = 50_000
"""Finished requests of all strategies whose ids are recognised, in a run and by the next."""
COPIES = frozenset({Kind.CARRIED, Kind.DELIVERED, Kind.CLOCK})
"""What a run begins with, before its START."""


class Recalled(NamedTuple):
    """standings: report numbers by strategy. unread: events by strategy that it has not
    acknowledged, oldest first, without a hole up to its last number. open: orders that nobody
    watched. damage: what could not be read. is_closed: the last run ended in order, as far as
    there is a record of it.
    """

    standings: dict[str, Numbers]
    unread: dict[str, list[bytes]]
    open: tuple[Order, ...]
    damage: tuple[str, ...]
    is_closed: bool = True


class Recall:
    """Takes the records of earlier runs in order and enters them into the order table.

    unread_max: events kept for one strategy; the oldest go first.
    """

    def __init__(self, venue: Venue, orders: Orders, positions: Positions, unread_max: int) -> None:
        self.standings: dict[str, Numbers] = {}
        self._unread: dict[str, deque[tuple[int, bytes]]] = {}
        self._unread_max = unread_max
        self.damage: list[str] = []
        self._venue = venue
        self._orders = orders
        self._positions = positions
        self._wall_ns = 0
        self._is_beginning = False
        self._finished: dict[Order, int] = {}
        self._takers: dict[int, Callable[[str, bytes], None]] = {
            Kind.CARRIED: self._carried,
            Kind.INTENT: self._intent,
            Kind.DROPPED: self._dropped,
            Kind.HANDED_OVER: self._handed_over,
            Kind.DELIVERED: self._delivered,
            Kind.STRATEGY: self._strategy,
            Kind.ACK: self._ack,
        }

    def take(self, record: Record) -> None:
        """One record; what cannot be understood is noted and passed over."""
        kind = record.kind
        if record.sequence == 1:
            self._is_beginning = True
        elif self._is_beginning and kind not in COPIES:
            self._is_beginning = False
        taker = self._takers.get(kind)
        if taker is None and kind != Kind.START:
            return
        self._wall_ns = record.wall_ns
        try:
            if taker is None:
                self._start(orjson.loads(record.data))
            else:
                name, payload = split_named(record.data)
                if name is None:
                    raise ValueError("it has no name")
                taker(name, payload)
        except (
            msgspec.DecodeError,
            orjson.JSONDecodeError,
            wire.LocalProtocolError,
            wire.RemoteProtocolError,
            ValueError,
            TypeError,
        ) as problem:
            self.damage.append(f"epoch {record.epoch}, record {record.sequence}: {problem}")

    def _start(self, start: dict[str, Any]) -> None:
        self._orders.finished_as(self._finished)
        self._finished.clear()
        for name, numbers in start.get(STANDINGS, {}).items():
            self.standings[name] = Numbers(*numbers)
        told = start.get(POSITIONS, {"day": 0, "sums": ()})
        self._positions.restore(
            told["day"],
            [(number, msgspec.convert(sums, Position)) for number, sums in told["sums"]],
        )

    def _carried(self, wire_id: str, payload: bytes) -> None:
        if self._orders.by_wire(wire_id) is not None:
            return
        carried = carried_decoder.decode(payload)
        target = self._orders.by_wire(carried.target_wire_id)
        if carried.target_wire_id is not None and target is None:
            return
        ids = carried.strategy, carried.cl_ord_id, wire_id
        kind = OrderKind(carried.kind) if carried.kind else None
        order = self._orders.open(*ids, carried.symbol, target, kind)
        self._orders.known_as(order, carried.former)
        for key in carried.seen:
            order.see(key)
        # A fill that was missing is missing still.
        self._orders.filled(order, carried.filled, carried.cum_qty, 0)
        order.outcome = carried.outcome
        order.request = carried.request
        order.in_doubt = carried.in_doubt
        standing = Standing(carried.standing)
        if carried.order_id is not None:
            self._orders.name(order, carried.order_id)
        if standing in FINAL:
            self._orders.finish(order, standing)
            self._finished[order] = carried.finished
        else:
            order.standing = standing

    def _intent(self, wire_id: str, payload: bytes) -> None:
        request: Any = request_decoder.decode(payload)
        if type(request) not in ORDER_REQUESTS:
            raise ValueError("neither an order nor about one")
        owner = self._venue.own(wire_id)
        if owner is None:
            raise ValueError(f"{wire_id!r} is not one of our ids")
        target = None
        if type(request) in TARGETING:
            target = target_of(self._orders, owner[0], request)
        order = enter(self._orders, self._venue, owner, wire_id, request, payload, target)[0]
        for part in (order, *order.parts):
            part.standing = Standing.UNKNOWN

    def _dropped(self, wire_id: str, payload: bytes) -> None:
        order = self._orders.by_wire(wire_id)
        for part in () if order is None else (order, *order.parts):
            self._orders.drop(part)

    def _handed_over(self, wire_id: str, payload: bytes) -> None:
        heir, _, cl_ord_id = msgspec.structs.astuple(handed_over_decoder.decode(payload))
        order = self._orders.by_wire(wire_id)
        # A copy of what is known changes nothing.
        if order is not None and order.strategy != heir and order.standing not in FINAL:
            self._orders.hand_over(order, heir, cl_ord_id)

    def _strategy(self, name: str, payload: bytes) -> None:
        self.standings.setdefault(name, Numbers())

    def _ack(self, name: str, payload: bytes) -> None:
        ack = request_decoder.decode(payload)
        if isinstance(ack, Ack):
            standing = self.standings.get(name, Numbers())
            seq = min(ack.report_seq, standing.next_seq - 1)
            self.standings[name] = standing._replace(acknowledged=max(standing.acknowledged, seq))
            unread = self._unread.get(name)
            while unread and unread[0][0] <= seq:
                unread.popleft()

    def unread(self) -> dict[str, list[bytes]]:
        """See Recalled."""
        return {
            name: [payload for _, payload in events]
            for name, events in sorted(self._unread.items())
            if events and events[-1][0] == self.standings[name].next_seq - 1
        }

    def _delivered(self, name: str, payload: bytes) -> None:
        seq = report_seq_of(payload)
        standing = self.standings.get(name)
        if standing is None:
            self.standings[name] = Numbers(seq + 1)
        elif seq >= standing.next_seq:
            self.standings[name] = Numbers(seq + 1, standing.acknowledged)
        unread = self._unread.get(name)
        if unread is None:
            unread = self._unread[name] = deque(maxlen=self._unread_max)
        if unread and seq <= unread[-1][0]:
            # The copy of a run that got no further.
            return
        if unread and unread[-1][0] != seq - 1:
            unread.clear()
        unread.append((seq, payload))
        if self._is_beginning:
            # What a copy tells was taken from the original, or is in what was carried over.
            return
        event = event_decoder.decode(payload)
        if isinstance(event, ExecutionReport):
            self._report(event, payload)
        elif isinstance(event, OrderCancelReject | OrderAmendReject | OrderMassCancelReport):
            request = self._orders.by_wire(event.wire_cl_ord_id)
            if request is not None and not request.is_order:
                self._orders.finish(request, Standing.DONE)
                request.outcome = payload
        elif isinstance(event, ListStatus):
            self._list_status(event, payload)
        elif isinstance(event, OrderUnknown):
            order = self._orders.by_wire(event.wire_cl_ord_id)
            if order is not None:
                self._orders.unknown(order)

    def _list_status(self, event: ListStatus, payload: bytes) -> None:
        whole = self._orders.by_wire(event.wire_cl_list_id)
        if whole is None:
            return
        states = event.list_status_type, event.list_order_status
        whole.see(list_status_key(*states, event.transact_time))
        self._orders.finish(whole, Standing.DONE)
        whole.outcome = payload
        found = [self._orders.by_wire(one.wire_cl_ord_id) for one in event.orders]
        parts = whole.parts or tuple(part for part in found if part is not None)
        if refuses(event.list_order_status, parts):
            for part in parts:
                self._orders.finish(part, Standing.REJECTED)
                part.outcome = payload

    def _report(self, event: ExecutionReport, payload: bytes) -> None:
        ids = event.wire_cl_ord_id, event.wire_orig_cl_ord_id
        order, cancel = self._orders.reported(*ids, event.symbol, event.order_id)
        if order is None:
            return
        names = event.exec_type, event.exec_id, event.trade_id, event.alloc_id
        key = report_key(*names)
        # The answer to a repeated id tells what was told before.
        is_new = key is None or order.see(key)
        late = order.standing in FINAL and TOLD.get(event.ord_status) in ALIVE
        is_fill = is_new and event.exec_type == TRADE
        last_qty = _scaled(event.last_qty) if is_fill else 0
        self._orders.filled(order, last_qty, _scaled(event.cum_qty), 0)
        self._orders.update(order, cancel, event.ord_status, event.order_id)
        if is_fill:
            self._positions.fill(order.strategy, event, self._wall_ns)
        if not late:
            order.outcome = payload
        if cancel is not None and cancel.target is not None and cancel.strategy == order.strategy:
            cancel.outcome = payload


def recall(
    state_dir: Path,
    epoch: int,
    venue: Venue,
    orders: Orders,
    positions: Positions,
    unread_max: int,
    last_epoch: int = 0,
) -> Recalled:
    """Enter what the runs before this epoch knew; what is damaged is named and passed over.

    last_epoch: of the newest of these; 0 where that is not known.
    """
    directory = state_dir / "journal"
    earlier = Earlier(directory, epoch)
    recalled = recall_records(earlier, venue, orders, positions, unread_max)
    damage = *earlier.problems, *recalled.damage
    if last_epoch and not any(file.epoch == last_epoch for file in files(directory)):
        text = f"{directory}: nothing of run {last_epoch}: it ended before it recorded anything, or"
        damage = f"{text} its files are gone, and with them the orders it left open", *damage
    return recalled._replace(damage=damage, is_closed=earlier.is_closed)


def recall_records(
    records: Iterable[Record],
    venue: Venue,
    orders: Orders,
    positions: Positions,
    unread_max: int,
) -> Recalled:
    """The same from the records of the last run that began with START, and of what followed it."""
    taken = Recall(venue, orders, positions, unread_max)
    for record in records:
        taken.take(record)
    unwatched = []
    for order in orders:
        if order.standing not in FINAL:
            order.standing = Standing.UNKNOWN
            unwatched.append(order)
    orders.begin_anew()
    return Recalled(taken.standings, taken.unread(), tuple(unwatched), tuple(taken.damage))


def start_record(
    epoch: int,
    config: dict[str, Any],
    standings: dict[str, Numbers],
    positions: Positions,
    around: Mapping[str, Any] = NOTHING,
) -> bytes:
    """Data of the START record: what holds in this run, the report numbers and the positions.

    around: what else was found outside.
    """
    numbers = {name: list(standing) for name, standing in standings.items()}
    sums = [[strategy, msgspec.to_builtins(sum_)] for strategy, sum_ in positions.carry()]
    day = {"day": positions.day, "sums": sums}
    start = {"epoch": epoch, "config": config, STANDINGS: numbers, POSITIONS: day, **around}
    return orjson.dumps(start)


def carried(orders: Orders, only: Sequence[Order] | None = None) -> Iterator[bytes]:
    """Data of the CARRIED records with which a run begins: every request there is, or some."""
    for order in orders if only is None else only:
        entry = Carried(
            order.strategy,
            order.cl_ord_id,
            order.symbol,
            order.standing.value,
            order.order_id,
            None if order.target is None else order.target.wire_id,
            sorted(order.seen),
            order.outcome,
            order.filled,
            order.cum_qty,
            order.request,
            order.finished,
            orders.former(order),
            order.in_doubt,
            order.kind.value,
        )
        yield named(order.wire_id, encode(entry))


def beginning(
    orders: Orders, unread: dict[str, list[bytes]], start: bytes
) -> Iterator[tuple[Kind, bytes]]:
    """Kind and data of the records with which a run begins, and of which a checkpoint consists.

    start: see start_record.
    """
    for data in carried(orders):
        yield Kind.CARRIED, data
    for name, events in unread.items():
        for payload in events:
            yield Kind.DELIVERED, named(name, payload)
    yield Kind.START, start


def _scaled(qty: str | None) -> int:
    return 0 if qty is None else wire.scaled(qty, QTY_DECIMALS)
