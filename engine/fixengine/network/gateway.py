"""The walk: a strategy's request out to the venue, the venue's report back to the strategy.

Out, `on_order`: decode -> known id -> gate: epoch, age, line and its unsent bytes, limits -> order
table -> journal (intent) -> leaving: pending; then `flush`, once per wake-up: age once more ->
session stamps the template -> journal (frame) -> one write. Where an intent has to be on disk
first, the order is held in between, and `on_mark` looks at everything anew before it lets it go on.

In, `on_bytes`, arriving: framer -> journal (raw frame) -> session -> reports: plan, order table,
event -> teller: report number, journal (delivered), bus.

Both run to completion. Nothing here waits, reads a clock or knows a socket; what was read outside
comes in as an argument. An order that cannot go out now is refused at once and never queued, but
for the disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fixengine.desk.orders import Order, Orders
from fixengine.desk.positions import Positions
from fixengine.desk.recovery import LAG_S
from fixengine.fix.venue import COUNTER_BITS, Venue
from fixengine.messages import (
    FILTER,
    NOT_A_MESSAGE,
    Ack,
    BalancesRequest,
    Hello,
    InstrumentRequest,
    LimitQuery,
    NewOrderList,
    NewOrderSingle,
    OrderCancelRequest,
    OrderMassCancelRequest,
    RefusedReason,
    Request,
    SessionState,
    SnapshotRequest,
    encode,
    request_decoder,
)
from fixengine.network.arriving import Arriving
from fixengine.network.balances import BalanceRoom
from fixengine.network.clock import Clock
from fixengine.network.gate import Gate
from fixengine.network.heirs import Heirs
from fixengine.network.held import Held
from fixengine.network.idle import RUBBISH_WEIGHT, Idle
from fixengine.network.instrument_room import InstrumentRoom
from fixengine.network.intents import (
    ADDING,
    TARGETING,
    OrderRequest,
    cancels_at_limit,
    enter,
    size_of,
    target_of,
)
from fixengine.network.journal.record import Kind, mask_value, named
from fixengine.network.latency import CHECKED, DECODED_OUT, Latency
from fixengine.network.leaving import Leaving
from fixengine.network.limit_room import LimitRoom
from fixengine.network.limits import Limits
from fixengine.network.line import Line, Pending, Source
from fixengine.network.lines import Eye, Lines
from fixengine.network.liveness import KEEP, NO_POLICIES, Liveness, Policy
from fixengine.network.malformed import Malformed, input_of
from fixengine.network.reports import Log, Reports
from fixengine.network.snapshots import Snapshots
from fixengine.network.strategies import SLICE_EVENTS, Strategies, Strategy
from fixengine.network.teller import Journal, Reason, Teller
from fixengine.network.trouble import Trouble
from fixengine.network.values import Values

MILLISECOND_NS = 1_000_000
# Looked up once; see fix/session.py.
ORDER: Final = Kind.ORDER
INTENT: Final = Kind.INTENT
COUNTER_MAX = (1 << COUNTER_BITS) - 1
QUESTION_WEIGHT = 10
"""As how many messages that lead to no order a question about the account counts; see idle.py."""


class Gateway:
    """The walk over one set of rooms; see the module's top. flush and on_mark are those of
    Leaving, on_bytes and on_framing_lost those of Arriving.

    unsent_bytes_max: with more unsent bytes on a line, new orders are refused.
    cancel_unsent_bytes_max: so many more hold up cancels too, which so stay ahead of a backlog.
    held_orders_max: so many may wait until the disk has their intent; 0: none has to. origin: of
    the state directory, see state.Content. latency: stamped on the way, and decides nothing.
    """

    def __init__(
        self,
        venue: Venue,
        orders: Orders,
        positions: Positions,
        strategies: Strategies,
        journal: Journal,
        log: Log,
        *,
        lines: Lines,
        clock: Clock,
        epoch: int,
        valid_for_ms_max: int,
        unsent_bytes_max: int,
        cancel_unsent_bytes_max: int,
        limits: Limits,
        origin: int = 0,
        policies: Mapping[str, Policy] = NO_POLICIES,
        otherwise: Policy = KEEP,
        held_orders_max: int = 0,
        latency: Latency | None = None,
        instruments_refresh_ns: int = 3_600_000_000_000,
    ) -> None:
        self.venue = venue
        self.latency = latency or Latency()
        self._outward = self.latency.outward
        self.limits = limits
        self.orders = orders
        self.strategies = strategies
        self.teller = Teller(strategies, journal, epoch)
        self.lines = lines
        self.clock = clock
        rooms = orders, positions, self.teller, log, self._on_own_report, clock, self.latency
        self.reports = Reports(venue, *rooms, origin)
        self.snapshots = Snapshots(orders, positions, strategies, epoch)
        self.instruments = InstrumentRoom(strategies, epoch, instruments_refresh_ns)
        self.limit_room = LimitRoom(strategies, limits, lines, epoch)
        self.balances = BalanceRoom(strategies, epoch, LAG_S * venue.second_ns)
        self.log = log
        self.epoch = epoch
        self.origin = origin
        self.valid_for_ms_max = valid_for_ms_max
        self.held = Held(held_orders_max)
        self.counter = 0
        self.session_state = SessionState.DOWN.value
        watch = Trouble(self.teller, journal, self._say_journal)
        self.gate = Gate(
            (orders, strategies, lines, limits, clock, self.held, watch),
            venue.name,
            epoch,
            valid_for_ms_max,
            unsent_bytes_max,
            cancel_unsent_bytes_max,
        )
        self._idle = Idle(strategies, self.teller, log)
        self._malformed = Malformed(strategies, orders, self.teller)
        desk = orders, strategies, lines, limits
        self.leaving = Leaving(
            *desk, self.gate, self.held, journal, watch, self.teller, self._idle, self.latency
        )
        self.flush, self.on_mark = self.leaving.flush, self.leaving.on_mark
        arriving = Arriving(venue, limits, clock, self.reports, self.teller, log, self.latency)
        self.on_bytes, self.on_framing_lost = arriving.on_bytes, arriving.on_framing_lost
        heirs = Heirs(strategies, orders, self.teller)
        self.liveness = Liveness(
            strategies, orders, self._cancel_ours, heirs.hand_over, log, policies, otherwise
        )

    # --- out: what a strategy sent ----------------------------------------------------------

    def on_order(self, peer: bytes, payload: bytes, now: int) -> bool:
        """Anything a strategy sent; `flush` must follow in the same wake-up. False: not heard."""
        self._outward.begin()
        if not self._idle.hears(peer, payload, now):
            return False
        self._on_message(peer, payload, now)
        return True

    def _on_message(self, peer: bytes, payload: bytes, now: int) -> None:
        try:
            request = request_decoder.decode(payload)
        except NOT_A_MESSAGE as problem:
            if self._idle.passes_over(peer):
                return
            self._malformed.refuse(peer, payload, problem, now)
            self._idle.count(peer, RUBBISH_WEIGHT, now)
            return
        self._outward.lap(DECODED_OUT)
        if type(request) is Hello:
            token = request.token
            recorded = payload if not token else mask_value(payload, token.encode())
            self.teller.record(ORDER, now, 0, input_of(peer, recorded))
            self._hello(peer, request, now)
            return
        self.teller.record(ORDER, now, 0, input_of(peer, payload))
        strategy = self.strategies.of(peer)
        if strategy is None:
            self._on_unbound(peer, request, payload, now)
            return
        strategy.heard_ns = now
        before = self.counter, strategy.acknowledged
        if isinstance(request, NewOrderSingle):
            self._new_order(strategy, request, payload, now)
        elif isinstance(request, NewOrderList):
            self._new_list(strategy, request, payload, now)
        elif type(request) in TARGETING:
            self._change(strategy, request, payload, now)
        elif isinstance(request, OrderMassCancelRequest):
            self._mass_cancel(strategy, request, payload, now)
        elif isinstance(request, Ack):
            self.strategies.acknowledge(strategy, request.report_seq)
            self.teller.record(Kind.ACK, now, 0, named(strategy.name, payload))
            self.strategies.catch_up(strategy, SLICE_EVENTS, now)
        elif isinstance(request, SnapshotRequest):
            self.snapshots.ask(strategy, peer, request.request_id)
            self.snapshots.step(now + self.clock.offset_ns)
            self._idle.count(peer, RUBBISH_WEIGHT, now)
        elif isinstance(request, BalancesRequest):
            self.balances.ask(strategy, peer, request.request_id, now)
            self._idle.count(peer, QUESTION_WEIGHT, now)
        elif isinstance(request, InstrumentRequest):
            ask = request.request_id, request.symbol
            self.instruments.ask(strategy, peer, *ask, now)
            self._idle.count(peer, QUESTION_WEIGHT, now)
        elif isinstance(request, LimitQuery):
            self.limit_room.ask(strategy, peer, request.request_id, now)
            self._idle.count(peer, QUESTION_WEIGHT, now)
        if before == (self.counter, strategy.acknowledged):
            self._idle.count(peer, 1, now)

    def _on_unbound(self, peer: bytes, request: Request, payload: bytes, now: int) -> None:
        """A message of a socket that is bound to no strategy, or no more."""
        lagging = self.strategies.lagging(peer, now)
        if lagging is None:
            if isinstance(request, OrderRequest):
                # Without its id: under another socket that very request may be live.
                text = f"{request.cl_ord_id[:36]}: the first message on a connection must be Hello"
                self.teller.refuse_peer(peer, "", RefusedReason.NO_HELLO, text, now)
            self._idle.count(peer, RUBBISH_WEIGHT, now)
            return
        # It reads the answer after all that it has missed.
        if isinstance(request, OrderCancelRequest):
            self._change(lagging, request, payload, now)
        elif isinstance(request, OrderRequest) and not self._answer_repeated(
            lagging, request.cl_ord_id, now
        ):
            text = "cut off, for it reads too slowly; say Hello, and read"
            reason = RefusedReason.LAGGING, text, None
            self.teller.refuse(lagging, request.cl_ord_id, reason, now)
        self._idle.count(peer, 1, now)

    def _hello(self, peer: bytes, hello: Hello, now: int) -> None:
        # Saying Hello is dear (all that is not acknowledged is sent again), so it counts.
        self._idle.count(peer, RUBBISH_WEIGHT, now)
        strategy = self.strategies.hello(peer, hello, now, self.session_state)
        if strategy is None and not self.strategies.knows_token(hello):
            # The token itself is not recorded.
            self.teller.record(Kind.READ, now, 0, b"token refused")
        if strategy is not None:
            self.teller.record(Kind.STRATEGY, now, 0, named(strategy.name, b""))
            self.log("info", f"strategy {strategy.name} connected", number=strategy.number)

    def _new_order(
        self, strategy: Strategy, order: NewOrderSingle, payload: bytes, now: int
    ) -> None:
        if self._answer_repeated(strategy, order.cl_ord_id, now):
            return
        reason = self.gate.check_request(order, now) or self.gate.check_engine(strategy.number, now)
        reason = reason or self.instruments.why_not(order, order.symbol, now)
        if reason is None:
            lines = self.lines.for_order(order.symbol)
            reason = self._leave(lines, strategy, order, payload, None, now)
        if reason is not None:
            self.teller.refuse(strategy, order.cl_ord_id, reason, now)

    def _new_list(
        self, strategy: Strategy, request: NewOrderList, payload: bytes, now: int
    ) -> None:
        if self._answer_repeated(strategy, request.cl_list_id, now):
            return
        gate, number = self.gate, strategy.number
        reason = gate.check_request(request, now) or gate.check_list(number, request)
        reason = reason or gate.check_engine(number, now)
        reason = reason or self.instruments.why_not(request, request.symbol, now)
        if reason is None:
            lines = self.lines.for_order(request.symbol)
            reason = self._leave(lines, strategy, request, payload, None, now)
        if reason is not None:
            self.teller.refuse(strategy, request.cl_list_id, reason, now)

    def _change(self, strategy: Strategy, request: Any, payload: bytes, now: int) -> None:
        """A request about one own order: see intents.TARGETING."""
        if self._answer_repeated(strategy, request.cl_ord_id, now):
            return
        adds = type(request) in ADDING
        reason = self.gate.check_request(request, now)
        if reason is None and adds:
            reason = self.gate.check_ids(strategy.number, request)
            reason = reason or self.gate.check_engine(strategy.number, now)
        target = target_of(self.orders, strategy.number, request)
        if reason is None:
            reason = self.gate.check_target(strategy.number, request, target)
            if reason is None and target is not None:
                reason = self.leaving.take_back(target, now)
        if reason is None and target is not None:
            reason = self.instruments.why_not(request, target.symbol, now)
        if reason is None and target is not None:
            lines = self.lines.for_replacing(target) if adds else self.lines.for_cancel(target)
            reason = self._leave(lines, strategy, request, payload, target, now)
        if reason is not None:
            self.teller.refuse(strategy, request.cl_ord_id, reason, now)

    def _mass_cancel(
        self, strategy: Strategy, request: OrderMassCancelRequest, payload: bytes, now: int
    ) -> None:
        if self._answer_repeated(strategy, request.cl_ord_id, now):
            return
        reason = self.gate.check_request(request, now)
        if reason is None and (other := self.orders.other(strategy.number, request.symbol)):
            text = f"symbol: {self.strategies.by_number[other].name} has orders in {request.symbol}"
            reason = RefusedReason.NOT_YOURS, f"{text}, which it would end too", None
        if reason is None:
            self.leaving.take_all_back(strategy.number, request.symbol, now)
            lines = self.lines.for_mass_cancel(self.orders.open_of(strategy.number), request.symbol)
            reason = self._leave(lines, strategy, request, payload, None, now)
        if reason is not None:
            self.teller.refuse(strategy, request.cl_ord_id, reason, now)

    def _cancel_ours(self, strategy: Strategy, target: Order, now: int) -> str | None:
        """Cancel an order for a strategy that cannot; why that cannot leave now, or None."""
        self._outward.begin()  # whatever came before: this one was never on the bus
        cancel = OrderCancelRequest(
            cl_ord_id=f"engine-{self.epoch:x}-{self.counter + 1:x}",
            epoch=self.epoch,
            sent_ns=now,
            valid_for_ms=self.valid_for_ms_max,
            orig_cl_ord_id=target.cl_ord_id,
        )
        if self.orders.find(strategy.number, cancel.cl_ord_id) is not None:
            return f"the strategy has used {cancel.cl_ord_id}"
        lines, payload = self.lines.for_cancel(target), encode(cancel)
        reason = self._leave(lines, strategy, cancel, payload, target, now)
        return None if reason is None else reason[1]

    def _answer_repeated(self, strategy: Strategy, cl_ord_id: str, now: int) -> bool:
        """A known id gets its recorded outcome again, before any other check."""
        known = self.orders.find(strategy.number, cl_ord_id)
        if known is None:
            return False
        if known.strategy != strategy.number:
            heir = self.strategies.by_number[known.strategy]
            self.teller.disown(strategy, cl_ord_id, known, heir.name, now)
            return True
        line = self.lines.numbered(known.line)
        self.teller.again(known, "" if line is None else line.name, now)
        return True

    def _leave(
        self,
        lines: Sequence[Line],
        strategy: Strategy,
        request: OrderRequest,
        payload: bytes,
        target: Order | None,
        now: int,
    ) -> Reason | None:
        """Let a request leave over the first line that can take it; else why none can."""
        ids, orders, window_ms = size_of(request)
        may_exceed = cancels_at_limit(request)
        is_cancel = orders == 0
        reason: Reason | None = None
        for line in lines:
            reason = self.gate.check_line(line, strategy.number, orders, now, may_exceed)
            if reason is None:
                reason = self.gate.check_room(strategy.number, is_cancel)
                if reason is not None:
                    return reason
                return self._intend(line, strategy, request, ids, window_ms, payload, target, now)
        if reason is None:
            text = f"no session with {self.venue.name} is active ({self.session_state})"
            return RefusedReason.NOT_CONNECTED, text, None
        return reason

    def _intend(
        self,
        line: Line,
        strategy: Strategy,
        request: OrderRequest,
        ids: int,
        window_ms: int,
        payload: bytes,
        target: Order | None,
        now: int,
    ) -> Reason | None:
        """Enter the request, journal the intent, and leave it to this wake-up's flush."""
        if self.counter + ids > COUNTER_MAX:
            raise OverflowError("the order counter of this epoch is used up")
        counter = self.origin << COUNTER_BITS | self.counter + 1
        wire_id = self.venue.make_cl_ord_id(strategy.number, self.epoch, counter)
        self.counter += ids
        recorded = self.teller.record(INTENT, now, line.number, named(wire_id, payload))
        if not recorded and type(request) in ADDING:
            text = "the journal's ring is full; the disk is slow or failing"
            return RefusedReason.JOURNAL_FULL, text, None
        order, kind, source, replace = enter(
            self.orders,
            self.venue,
            (strategy.number, self.epoch, counter),
            wire_id,
            request,
            payload,
            target,
        )
        order.line = line.number
        for part in order.parts:
            part.line = line.number
        expires_ns = request.sent_ns + request.valid_for_ms * MILLISECOND_NS
        sample = self._outward.count(CHECKED)
        if sample:
            self.latency.bus.record(now - request.sent_ns)
        item = Pending(order, kind, source, expires_ns, replace, window_ms, sample)
        self.leaving.take(line, item, now)
        return None

    def _on_own_report(
        self, source: Source, order: Order, report: Values, reason: str | None, now: int
    ) -> None:
        """See reports.Watcher."""
        self.limits.on_report(source, order, report, now)
        if reason is not None and reason.startswith(FILTER):
            self.instruments.table.doubt(order.symbol, now)

    # --- session and time -------------------------------------------------------------------

    def on_tick(self, now: int) -> bool:
        """Time has passed; `flush` must follow. True: call again soon."""
        self.limits.tick(now)
        self.reports.tick(now)
        self.leaving.tick(now)
        self.liveness.tick(now)
        for line in self.lines.all:
            line.session.tick(now)
            stuck_ns = line.stuck_ns(now)
            if stuck_ns > line.session.heartbeat_ns > 0:
                # A TestRequest would wait behind the same bytes.
                text = f"unsent bytes did not move for {stuck_ns // MILLISECOND_NS} ms"
                line.session.closed(now, text)
        self.balances.questions.step()
        self.limit_room.questions.step()
        self.instruments.step()
        more = self.snapshots.step(now + self.clock.offset_ns)
        waiting = self.strategies.waiting()
        for strategy in waiting:
            share = max(1, SLICE_EVENTS // len(waiting))
            more = self.strategies.catch_up(strategy, share, now) or more
        return more

    def on_session(self, state: str, text: str, source: str, overall: str, now: int) -> None:
        """Tell every strategy that a session's state changed, and the engine's as a whole."""
        self.session_state = overall
        self.teller.status(state, text, source, overall, now)

    def on_recalled(self, unwatched: Iterable[Order], now: int) -> None:
        """At start: these orders of an earlier run were open, and nobody watched them since."""
        for order in unwatched:
            self.orders.unknown(order)
            self.teller.unknown(order, "open while no engine ran: ask the venue", None, now)

    def waits_for(self, line: Line) -> bool:
        """Whether anything that went out on this line, or is about to, is unanswered."""
        return bool(line.pending) or self.held.on(line) or self.orders.waiting(line.number)

    def on_line_lost(self, line: Line, text: str, now: int) -> None:
        """A session ended: unwritten requests are refused, unanswered ones are unknown.

        text: how it ended; where a hole came before, that is the reason, whatever the Logout says.
        """
        text = line.session.hole or text or "the session was logged out"
        self.leaving.lose(line, text, now)
        self.on_eye_lost(line, text, now)

    def on_eye_lost(self, eye: Eye, text: str, now: int) -> None:
        """What was told on this one is told no more; whoever calls then takes it from `lines`."""
        # When we stop, live orders are left alone; the next run says that it did not watch them.
        unwatched = not self.gate.stopping and not self.lines.covered(eye)
        for order in self.orders.lost(eye.number, unwatched):
            self.teller.unknown(order, text, None, now)

    # --- small steps ------------------------------------------------------------------------

    def _say_journal(self, level: str, text: str, now: int) -> None:
        """Tell operator and strategies where the journal stands."""
        self.log(level, text, event="journal")
        source = self.lines.carriers[0].name if self.lines.carriers else ""
        self.teller.status(self.session_state, text, source, self.session_state, now)
