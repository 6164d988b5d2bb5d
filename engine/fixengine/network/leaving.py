"""What was let through leaves: it waits for the disk where it has to, is stamped and written.

Whatever keeps a request here from leaving refuses it: its strategy is told, and its places in the
tables and the budgets are free again. Nothing of it has left the machine then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fixengine import wire
from fixengine.desk.limits import SESSION
from fixengine.desk.orders import Order, Orders
from fixengine.fix.masking import mask
from fixengine.messages import RefusedReason
from fixengine.network.gate import Gate
from fixengine.network.held import Held, Waiting
from fixengine.network.idle import Idle
from fixengine.network.intents import at_limit
from fixengine.network.journal.record import ON_DISK, Kind, named
from fixengine.network.latency import ENCODED, Latency
from fixengine.network.limits import Limits
from fixengine.network.line import Line, Pending
from fixengine.network.lines import Lines
from fixengine.network.strategies import Strategies
from fixengine.network.teller import Journal, Reason, Teller
from fixengine.network.trouble import Trouble

# Looked up once; see fix/session.py.
FRAME_OUT: Final = Kind.FRAME_OUT


class Leaving:
    """See the module's top."""

    def __init__(
        self,
        orders: Orders,
        strategies: Strategies,
        lines: Lines,
        limits: Limits,
        gate: Gate,
        held: Held,
        journal: Journal,
        trouble: Trouble,
        teller: Teller,
        idle: Idle,
        latency: Latency,
    ) -> None:
        self._orders = orders
        self._strategies = strategies
        self._lines = lines
        self._limits = limits
        self._gate = gate
        self._held = held
        self._journal = journal
        self._trouble = trouble
        self._teller = teller
        self._idle = idle
        self._outward = latency.outward

    def take(self, line: Line, item: Pending, now: int) -> None:
        """A request whose intent is journalled leaves with this wake-up, or waits for the disk."""
        # Where the disk is dead an order was refused already, and a cancel goes on without it.
        held, is_cancel = self._held, item.order.is_cancel
        if held.orders_max and (not is_cancel or self._trouble.look(now) is None):
            held.hold(self._journal.appended, line, item, now)
        else:
            self._let_go(line, item, now)

    def _let_go(self, line: Line, item: Pending, now: int) -> None:
        """A request is written by this wake-up's flush, and counts from now on."""
        line.pending.append(item)
        self._limits.count(line, item.order, now)

    # --- the disk ---------------------------------------------------------------------------

    def on_mark(self, mark: int, now: int) -> None:
        """The journal is on disk up to this position: requests may have waited for it.

        They have no other right to leave than a new one; `flush` must follow.
        """
        reached = self._held.reached(mark)
        if reached:
            self._teller.record(Kind.MARK, now, 0, ON_DISK.pack(mark))
        for _, line, item, _ in reached:
            strategy = item.order.strategy
            orders = sum(part.is_order for part in (item.order, *item.order.parts))
            reason = self._gate.check_engine(strategy, now) if orders else None
            may_exceed = at_limit(item.replace)
            reason = reason or self._gate.check_line(line, strategy, orders, now, may_exceed)
            if reason is None:
                self._let_go(line, item, now)
            else:
                self._drop(item.order, reason, now)

    def tick(self, now: int) -> None:
        """Orders that have waited too long for the disk, or wait for one that is dead, are refused;
        cancels go on without it.
        """
        trouble = self._trouble.look(now)
        if trouble is not None and self._held:
            orders = self._cancels_go(self._held.take_all(), now)
            self._refuse(orders, (RefusedReason.JOURNAL_FULL, trouble, None), now)
        text = "its time ran out while it waited for the disk"
        overdue = self._held.overdue(now)
        self._refuse(self._cancels_go(overdue, now), (RefusedReason.TOO_OLD, text, None), now)

    def _cancels_go(self, waited: Iterable[Waiting], now: int) -> list[Waiting]:
        """Let those that are cancels go on without the disk; the others.

        Those beside which they waited were not counted when they came: all together they may be
        more messages than the session has left.
        """
        for _, line, item, _ in waited:
            if not item.order.is_cancel:
                continue
            reason = self._gate.check_line(line, item.order.strategy, 0, now, False)
            if reason is None:
                self._let_go(line, item, now)
            else:
                self._drop(item.order, reason, now)
        return [one for one in waited if not one.item.order.is_cancel]

    def _refuse(self, waited: Iterable[Waiting], reason: Reason, now: int) -> None:
        for _, _, item, _ in waited:
            self._drop(item.order, reason, now)

    def take_back(self, target: Order, now: int) -> Reason | None:
        """Refuse an order that waits for the disk and is to be cancelled or changed: not sent, the
        request could overtake its order and miss it. The reason for the request then.
        """
        whole = target.whole or target
        if not self._held.take_back(whole):
            return None
        reason = "its cancel, or what was to change it, came while it waited for the disk"
        self._drop(whole, (RefusedReason.CANCELED, reason, None), now)
        text = f"orig_cl_ord_id: {target.cl_ord_id} had not left and is refused instead"
        return RefusedReason.UNKNOWN_ORDER, text, None

    def take_all_back(self, strategy: int, symbol: str, now: int) -> None:
        """Refuse a strategy's orders in a symbol that wait for the disk: sent later than a mass
        cancel, which waits less long, they would outlive it.
        """
        text = "a mass cancel of its symbol came while it waited for the disk"
        waited = self._held.take_orders(strategy, symbol)
        self._refuse(waited, (RefusedReason.CANCELED, text, None), now)

    def lose(self, line: Line, text: str, now: int) -> None:
        """A session ended: what was to leave over it is refused."""
        pending, line.pending = line.pending, []
        for item in pending:
            self._drop(item.order, (RefusedReason.NOT_CONNECTED, text, None), now)
        waited = self._held.take_line(line)
        self._refuse(waited, (RefusedReason.NOT_CONNECTED, text, None), now)

    # --- the end of a wake-up ---------------------------------------------------------------

    def flush(self, now: int) -> None:
        """Write what this wake-up produced: one write a line, ages looked at once more."""
        if self._held.asks:
            # Once for all that came in this wake-up.
            self._held.asks = False
            self._journal.ask()
        for line in self._lines.all:
            pending = line.pending
            if pending:
                line.pending = []
            stamped = 0
            for item in pending:
                stamped += self._stamp(line, item, now)
            if line.session.output or line.session.close_requested:
                self._write(line, stamped, now)

    def _stamp(self, line: Line, item: Pending, now: int) -> bool:
        """Put one request to the session's output; False where it was refused instead."""
        order = item.order
        if not line.can_carry():
            text = f"session {line.name} ended before the bytes were written"
            self._drop(order, (RefusedReason.NOT_CONNECTED, text, None), now)
            return False
        if now > item.expires_ns:
            text = "its time ran out before the bytes were written"
            self._drop(order, (RefusedReason.TOO_OLD, text, None), now)
            return False
        seq = line.session.next_out
        try:
            line.session.send(line.form(item), item.source, now, item.replace)
        except wire.LocalProtocolError as problem:
            self._drop(order, (RefusedReason.INVALID_FIELD, str(problem), None), now)
            return False
        self._outward.resume(item.sample, ENCODED)
        self._orders.written(order, line.number, seq, now)
        if self._strategies.by_number[order.strategy].wants_sent:
            self._teller.sent(order, line.name, now)
        return True

    def _write(self, line: Line, stamped: int, now: int) -> None:
        """Journal and write the session's output; all but `stamped` are its own messages."""
        frames = line.session.take_output()
        own = len(frames) - stamped
        if own and line.budget is not None:
            for _ in range(own):
                line.budget.use(now, SESSION)
        for frame in frames:
            # No request of a strategy holds a secret.
            secret = own and b"\x0135=A\x01" in frame[:40]
            self._teller.record(FRAME_OUT, now, line.number, mask(frame) if secret else frame)
        if line.transport is not None:
            if frames:
                line.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
                self._outward.finish()
            if line.session.close_requested:
                line.transport.close()

    def _drop(self, order: Order, reason: Reason, now: int) -> None:
        """The request never left: forget it and refuse it."""
        self._teller.record(Kind.DROPPED, now, 0, named(order.wire_id, b""))
        for part in (order, *order.parts):
            self._limits.undo(part)
            self._orders.drop(part)
        strategy = self._strategies.by_number[order.strategy]
        self._teller.refuse(strategy, order.cl_ord_id, reason, now)
        if strategy.peer is not None:
            self._idle.count(strategy.peer, 1, now)
