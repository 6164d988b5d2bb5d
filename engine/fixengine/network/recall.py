"""What the run before this one left in the journal, read once at start.

A new run goes on with every strategy's report numbers, knows the ids that were used, so that a
repeated request is answered and not sent again, and finds the orders that later reports are
about. A request without a report is UNKNOWN: it may be live, and nobody guesses.

The START record of a run carries the report numbers it began with, so only the last run that
wrote one (and what came after it) has to be read. Requests of runs before that are not recalled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import orjson

from fixengine.desk.orders import Orders, Standing
from fixengine.fix.venue import Venue
from fixengine.messages import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
    Refused,
    event_decoder,
    report_seq_of,
    request_decoder,
)
from fixengine.network.journal.reader import Damage, Record, scan
from fixengine.network.journal.record import JournalError, Kind, split_named
from fixengine.network.journal.writer import files

NEXT_SEQS = "next_seqs"


class Recalled(NamedTuple):
    """next_seqs: next report_seq by strategy name. damage: what could not be read."""

    next_seqs: dict[str, int]
    damage: tuple[str, ...]


class Recall:
    """Takes the records of earlier runs in order and enters them into the order table.

    number_of: a strategy's number by its name.
    """

    def __init__(self, venue: Venue, orders: Orders, number_of: Callable[[str], int]) -> None:
        self.next_seqs: dict[str, int] = {}
        self.damage: list[str] = []
        self._venue = venue
        self._orders = orders
        self._number_of = number_of

    def take(self, record: Record) -> None:
        """One record; what cannot be understood is noted and passed over."""
        try:
            if record.kind == Kind.START:
                self.next_seqs |= orjson.loads(record.data).get(NEXT_SEQS, {})
            elif record.kind == Kind.INTENT:
                self._intent(*split_named(record.data))
            elif record.kind == Kind.DELIVERED:
                self._delivered(*split_named(record.data))
        except (msgspec.DecodeError, orjson.JSONDecodeError, ValueError) as problem:
            self.damage.append(f"epoch {record.epoch}, record {record.sequence}: {problem}")

    def _intent(self, wire_id: str | None, payload: bytes) -> None:
        owner = self._venue.own(wire_id or "")
        if owner is None or wire_id is None:
            raise ValueError(f"{wire_id!r} is not one of our ids")
        request = request_decoder.decode(payload)
        target = None
        if isinstance(request, NewOrderSingle):
            symbol = request.symbol
        elif isinstance(request, OrderCancelRequest):
            target = self._orders.find(owner[0], request.orig_cl_ord_id)
            if target is None:
                raise ValueError(f"a cancel of {request.orig_cl_ord_id!r}, which is not recalled")
            symbol = target.symbol
        else:
            raise ValueError("neither an order nor a cancel")
        order = self._orders.open(owner[0], request.cl_ord_id, wire_id, symbol, target)
        order.standing = Standing.UNKNOWN

    def _delivered(self, name: str | None, payload: bytes) -> None:
        if name is None:
            raise ValueError("it names no strategy")
        self.next_seqs[name] = max(self.next_seqs.get(name, 1), report_seq_of(payload) + 1)
        event = event_decoder.decode(payload)
        if isinstance(event, Refused):
            known = self._orders.find(self._number_of(name), event.cl_ord_id)
            if known is not None and known.standing is Standing.UNKNOWN:
                self._orders.drop(known)
        elif isinstance(event, ExecutionReport):
            self._report(event, payload)
        elif isinstance(event, OrderCancelReject):
            cancel = self._orders.by_wire(event.wire_cl_ord_id)
            if cancel is not None:
                self._orders.finish(cancel, Standing.DONE)
                cancel.outcome = payload

    def _report(self, event: ExecutionReport, payload: bytes) -> None:
        ids = event.wire_cl_ord_id, event.wire_orig_cl_ord_id
        order, cancel = self._orders.reported(*ids, event.symbol, event.order_id)
        if order is None:
            return
        if event.exec_id is not None:
            order.exec_ids.add(event.exec_id)
        self._orders.update(order, cancel, event.ord_status, event.order_id)
        order.outcome = payload
        if cancel is not None:
            cancel.outcome = payload


def recall(
    state_dir: Path, epoch: int, venue: Venue, orders: Orders, number_of: Callable[[str], int]
) -> Recalled:
    """Enter what the last run before this epoch knew; what is damaged is named and passed over."""
    taken = Recall(venue, orders, number_of)
    for record in _since_last_start(state_dir, epoch, taken.damage):
        taken.take(record)
    return Recalled(taken.next_seqs, tuple(taken.damage))


def _since_last_start(state_dir: Path, epoch: int, damage: list[str]) -> Iterator[Record]:
    """Records of the last run before `epoch` that began with START, and of what followed it."""
    directory = state_dir / "journal"
    earlier = (
        [file for file in files(directory) if file.epoch < epoch] if directory.exists() else []
    )
    first = 0
    for index in range(len(earlier) - 1, -1, -1):
        if earlier[index].number == 0 and _begins_with_start(earlier[index].path):
            first = index
            break
    for file in earlier[first:]:
        try:
            for entry in scan(file.path):
                if isinstance(entry, Record):
                    yield entry
                elif isinstance(entry, Damage):
                    damage.append(f"{entry.path} at {entry.offset}: {entry.reason}")
        except JournalError as problem:
            damage.append(str(problem))


def _begins_with_start(path: Path) -> bool:
    try:
        entry = next(scan(path), None)
    except JournalError:
        return False
    return isinstance(entry, Record) and entry.kind == Kind.START
