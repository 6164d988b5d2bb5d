"""A strategy process of the demo: sends a fixed mixture of orders and records what it hears.

It uses nothing but the client library to trade. Afterwards it writes down every report it got:
where it came from (session, MsgSeqNum), what it is (ExecID, TradeID) and a digest of the FIX
bytes, which it makes by putting the report back through the venue's field table. A field that was
lost or changed on the way from the venue's socket to here changes the digest.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from fixengine import wire
from fixengine.client import Client, ClientError
from fixengine.fix import fields
from fixengine.fix.venue import Sender, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import (
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderUnknown,
    OrdStatus,
    Refused,
    TimeInForce,
)

OUTSTANDING_MAX = 8
PROGRESS_NS = 200_000_000
SILENCE_S = 5.0
BUY, SELL = "1", "2"
DONE = (
    OrdStatus.FILLED.value,
    OrdStatus.CANCELED.value,
    OrdStatus.EXPIRED.value,
    OrdStatus.REJECTED.value,
)

Make = Callable[[str, str], NewOrderSingle]

# The built-in venue quotes BTCUSDT around 50000 in steps of 0.01; see simulator/instruments.py.
FAR = {BUY: "49000.00", SELL: "51000.00"}
THROUGH = {BUY: "50500.00", SELL: "49500.00"}


def _rest(side: str, symbol: str) -> NewOrderSingle:
    return NewOrderSingle.limit(symbol, side, "0.001", FAR[side])


def _take(side: str, symbol: str) -> NewOrderSingle:
    return NewOrderSingle.limit(
        symbol, side, "0.002", THROUGH[side], time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL.value
    )


def _all_or_nothing(side: str, symbol: str) -> NewOrderSingle:
    return NewOrderSingle.limit(
        symbol, side, "0.002", THROUGH[side], time_in_force=TimeInForce.FILL_OR_KILL.value
    )


def _post(side: str, symbol: str) -> NewOrderSingle:
    return NewOrderSingle.limit_maker(symbol, side, "0.001", FAR[side])


def _post_through(side: str, symbol: str) -> NewOrderSingle:
    return NewOrderSingle.limit_maker(symbol, side, "0.001", THROUGH[side])


def _market(side: str, symbol: str) -> NewOrderSingle:
    return NewOrderSingle.market(symbol, side, "0.001")


def _market_by_amount(side: str, symbol: str) -> NewOrderSingle:
    return NewOrderSingle.market(symbol, side, cash_order_qty="100")


def _off_lot(side: str, symbol: str) -> NewOrderSingle:
    return NewOrderSingle.limit(symbol, side, "0.000015", FAR[side])


def _not_fix(side: str, symbol: str) -> NewOrderSingle:
    return NewOrderSingle.limit("\x01", side, "0.001", FAR[side])


MIXTURE: tuple[Make, ...] = (
    _rest,
    _take,
    _post,
    _market,
    _rest,
    _all_or_nothing,
    _post_through,
    _market_by_amount,
    _rest,
    _off_lot,
    _take,
    _post,
)
"""Repeated; most rest and are cancelled, some fill, some are refused by the venue."""
NOT_FIX_EVERY = 97
"""Every so many orders one that no FIX field can hold, which the engine itself refuses."""


class Tally:
    """What one strategy sent and heard."""

    def __init__(self) -> None:
        self.orders_sent = 0
        self.orders_acked = 0
        self.fills = 0
        self.cancels = 0
        self.refused = 0
        self.unknown = 0
        self.cancel_rejects = 0
        self.latencies_ns: list[int] = []
        self.events: list[ExecutionReport | OrderCancelReject] = []

    def counts(self) -> dict[str, int]:
        """The counters, by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int)}


class Trader:
    """Keeps up to OUTSTANDING_MAX orders going until all are sent and settled.

    orders: how many to send. tally: where they and what is heard are counted.
    """

    def __init__(self, client: Client, symbol: str, orders: int, tally: Tally) -> None:
        self.client = client
        self.symbol = symbol
        self.orders = orders
        self.tally = tally
        self.makers = itertools.cycle(MIXTURE)
        self.open: dict[str, int] = {}
        self.waiting: dict[str, int] = {}
        self.cancels: dict[str, str] = {}
        self.last_progress_ns = 0

    def run(self) -> None:
        """Trade; raises ClientError where an order stays without any answer."""
        while self.tally.orders_sent < self.orders or self.open:
            while len(self.open) < OUTSTANDING_MAX and self.tally.orders_sent < self.orders:
                self._submit()
            for event in self.client.reports(timeout=SILENCE_S):
                self._hear(event)
                self._progress()
                if len(self.open) < OUTSTANDING_MAX:
                    break
            else:
                ids = ", ".join(list(self.open)[:3])
                raise ClientError(f"{len(self.open)} orders do not settle, such as {ids}")

    def _submit(self) -> None:
        number = self.tally.orders_sent
        make = _not_fix if number % NOT_FIX_EVERY == NOT_FIX_EVERY - 1 else next(self.makers)
        order = make(BUY if number % 2 == 0 else SELL, self.symbol)
        started_ns = time.monotonic_ns()
        cl_ord_id = self.client.submit(order)
        self.open[cl_ord_id] = self.waiting[cl_ord_id] = started_ns
        self.tally.orders_sent += 1

    def _hear(self, event: Any) -> None:
        if isinstance(event, ExecutionReport):
            self.tally.events.append(event)
            self._report(event)
        elif isinstance(event, OrderCancelReject):
            self.tally.events.append(event)
            self.tally.cancel_rejects += 1
        elif isinstance(event, Refused):
            if event.cl_ord_id in self.cancels:
                self._cancel(self.cancels.pop(event.cl_ord_id))
            else:
                self._settle(event.cl_ord_id)
                self.tally.refused += 1
        elif isinstance(event, OrderUnknown):
            self._settle(event.cl_ord_id)
            self.tally.unknown += 1

    def _report(self, report: ExecutionReport) -> None:
        order_id = report.orig_cl_ord_id or report.cl_ord_id
        started_ns = self.waiting.pop(order_id, None)
        if started_ns is not None:
            self.tally.latencies_ns.append(time.monotonic_ns() - started_ns)
        if report.exec_type == ExecType.NEW:
            self.tally.orders_acked += 1
            if report.working_indicator == "Y" and report.price == _eight(FAR[report.side or BUY]):
                self._cancel(order_id)
        elif report.exec_type == ExecType.TRADE:
            self.tally.fills += 1
        elif report.exec_type == ExecType.CANCELED:
            self.tally.cancels += 1
        elif report.exec_type == ExecType.REJECTED:
            self.tally.refused += 1
        if report.ord_status in DONE:
            self._settle(order_id)

    def _cancel(self, cl_ord_id: str) -> None:
        self.cancels[self.client.cancel(cl_ord_id)] = cl_ord_id

    def _settle(self, cl_ord_id: str) -> None:
        self.open.pop(cl_ord_id, None)
        self.waiting.pop(cl_ord_id, None)

    def _progress(self) -> None:
        now = time.monotonic_ns()
        if now - self.last_progress_ns > PROGRESS_NS:
            self.last_progress_ns = now
            print_line({"event": "progress", **self.tally.counts()})


def _eight(price: str) -> str:
    """The price as the venue renders it, with eight decimals."""
    return wire.unscaled(wire.scaled(price, 8), 8)


def print_line(values: dict[str, Any]) -> None:
    """One JSON object on a line of stdout, at once."""
    sys.stdout.buffer.write(orjson.dumps(values) + b"\n")
    sys.stdout.flush()


def received_lines(events: list[ExecutionReport | OrderCancelReject]) -> list[bytes]:
    """What was received, in the form the venue records what it sent."""
    forms: dict[tuple[str, bytes], wire.Template] = {}
    lines = []
    for event in events:
        if isinstance(event, ExecutionReport) and event.ord_type is None:
            continue  # made by the engine of a Reject<3>; the venue's record holds reports only
        kind = (
            fields.EXECUTION_REPORT
            if isinstance(event, ExecutionReport)
            else fields.ORDER_CANCEL_REJECT
        )
        form = forms.get((event.source, kind))
        if form is None:
            form = template(BINANCE_SPOT, kind, Sender.VENUE, event.source)
            forms[event.source, kind] = form
        ids = {"cl_ord_id": event.wire_cl_ord_id, "orig_cl_ord_id": event.wire_orig_cl_ord_id}
        frame = form.encode(event, event.msg_seq_num or 0, (event.sending_time or "").encode(), ids)
        lines.append(
            orjson.dumps(
                {
                    "session": event.source,
                    "seq": event.msg_seq_num,
                    "kind": kind.decode(),
                    "exec_id": getattr(event, "exec_id", None),
                    "trade_id": getattr(event, "trade_id", None),
                    "digest": hashlib.sha256(frame).hexdigest(),
                }
            )
            + b"\n"
        )
    return lines


def main() -> int:
    """Entry of the strategy process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--strategy", required=True)
    parser.add_argument("--symbol", required=True)
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--received", type=Path, required=True)
    options = parser.parse_args()
    tally = Tally()
    failure: ClientError | None = None
    elapsed_ns = 0
    try:
        with Client(options.endpoint, options.strategy, valid_for_ms=5000) as client:
            trader = Trader(client, options.symbol, options.orders, tally)
            started_ns = time.monotonic_ns()
            try:
                trader.run()
            finally:
                elapsed_ns = time.monotonic_ns() - started_ns
    except ClientError as problem:
        failure = problem
    # What came before a failure did come: it is written down and counted all the same.
    options.received.write_bytes(b"".join(received_lines(tally.events)))
    print_line(
        {
            "event": "done" if failure is None else "failed",
            "text": "" if failure is None else str(failure),
            **tally.counts(),
            "elapsed_ns": elapsed_ns,
            "latencies_ns": tally.latencies_ns,
        }
    )
    return 0 if failure is None else 1


if __name__ == "__main__":
    sys.exit(main())
