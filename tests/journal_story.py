"""Journals for tests: a run told as records, written the way an engine writes them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import orjson
from fixengine import messages
from fixengine.network.journal import Kind, Record, named
from fixengine.network.journal.place import ring_place
from fixengine.network.journal.ring import Ring
from fixengine.network.journal.writer import Drain

EPOCH = 1_700_000_000
BEGIN_NS = EPOCH * 1_000_000_000
STEP_NS = 1_000_000
"""Between two records."""
NUMBERS = {"maker": 1, "taker": 2}

Told = tuple[int, bytes]


class Ids(NamedTuple):
    """One order's names: of the strategy, of the wire, of the venue."""

    strategy: str
    own: str
    wire: str
    order_id: str
    symbol: str


def digits(number: int) -> str:
    """Base 36, as wire ids are written."""
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + text
    return text or "0"


def ids(strategy: str, number: int, symbol: str = "BTCUSDT", epoch: int = EPOCH) -> Ids:
    wire = f"{NUMBERS[strategy]}-{digits(epoch)}-{digits(number)}"
    return Ids(strategy, f"{strategy[0]}-{number}", wire, str(7000 + number), symbol)


def start(epoch: int = EPOCH, **next_seq: int) -> Told:
    standings = {name: [number, 0] for name, number in next_seq.items()}
    return Kind.START, orjson.dumps({"epoch": epoch, "config": {}, "standings": standings})


def asked(order: Ids) -> list[Told]:
    """ORDER, INTENT and FRAME_OUT of a new order."""
    request = messages.NewOrderSingle.limit(order.symbol, "1", "0.10", "50.0", cl_ord_id=order.own)
    payload = messages.encode(request)
    frame = f"8=FIX.4.4|9=5|35=D|11={order.wire}|38=0.10|44=50.0|55={order.symbol}|10=000|"
    return [
        (Kind.ORDER, named(f"{order.strategy}.3f", payload)),
        (Kind.INTENT, named(order.wire, payload)),
        (Kind.FRAME_OUT, frame.replace("|", "\x01").encode()),
    ]


def cancelled(order: Ids, by: Ids) -> list[Told]:
    """ORDER, INTENT and FRAME_OUT of a cancel, which names no symbol of its own."""
    request = messages.OrderCancelRequest(cl_ord_id=by.own, orig_cl_ord_id=order.own)
    payload = messages.encode(request)
    frame = f"8=FIX.4.4|9=5|35=F|11={by.wire}|37={order.order_id}|55={order.symbol}|10=000|"
    return [
        (Kind.ORDER, named(f"{order.strategy}.3f", payload)),
        (Kind.INTENT, named(by.wire, payload)),
        (Kind.FRAME_OUT, frame.replace("|", "\x01").encode()),
    ]


def report(order: Ids, seq: int, by: Ids | None = None) -> messages.ExecutionReport:
    of = by or order
    return messages.ExecutionReport(
        report_seq=seq,
        epoch=EPOCH,
        source="EX1",
        replayed=False,
        received_ns=5,
        cl_ord_id=of.own,
        orig_cl_ord_id=order.own if by else None,
        wire_cl_ord_id=of.wire,
        wire_orig_cl_ord_id=order.wire if by else None,
        symbol=order.symbol,
        exec_type="4" if by else "0",
        ord_status="4" if by else "0",
        order_id=order.order_id,
        order_qty="0.10",
        price="50.0",
    )


def answered(order: Ids, seq: int, by: Ids | None = None) -> list[Told]:
    """FRAME_IN and DELIVERED."""
    frame = f"8=FIX.4.4|9=5|35=8|37={order.order_id}|11={(by or order).wire}"
    frame += (f"|41={order.wire}" if by else "") + f"|55={order.symbol}|150=0|10=000|"
    payload = bytes(messages.encode_event(report(order, seq, by), seq))
    return [
        (Kind.FRAME_IN, frame.replace("|", "\x01").encode()),
        (Kind.DELIVERED, named(order.strategy, payload)),
    ]


class Run:
    """One run's journal in state/journal; `tell` brings records to disk."""

    def __init__(self, state: Path, epoch: int = EPOCH, file_bytes_max: int = 1 << 30) -> None:
        self.directory = state / "journal"
        self.directory.mkdir(mode=0o700, exist_ok=True)
        place = ring_place(self.directory, self.directory)
        self.ring = Ring.create(place, self.directory, epoch, 1 << 20)
        self.ring.wall_offset_ns = BEGIN_NS
        self._drain = Drain(self.ring, self.directory, file_bytes_max)
        self._now = 0

    def tell(self, *told: Told) -> None:
        for kind, data in told:
            assert self.ring.append(kind, self._now, 1, data)
            self._now += STEP_NS
            self._drain.step()

    def refuse(self, count: int) -> None:
        """So many records for which there is no room."""
        for _ in range(count):
            assert not self.ring.append(Kind.TICK, self._now, 1, bytes(1 << 20))

    def put(self, record: Record) -> None:
        """A record as it is, but for its sequence number."""
        assert self.ring.append(record.kind, record.now_ns, record.line, record.data)
        self._drain.step()

    def end(self) -> None:
        self._drain.close()
        self.ring.close(remove=True)


def tell(state: Path, *told: Told, epoch: int = EPOCH, file_bytes_max: int = 1 << 30) -> None:
    """A whole run."""
    run = Run(state, epoch, file_bytes_max)
    run.tell(*told)
    run.end()
