"""What the world holds an engine to; see the folder's top.

The truth is what the venue did (its orders and trades, as it wrote them down itself), when bytes
left the engine, and what each strategy asked for and was told. Nothing of the engine is called
here. A request is known by its tag, a number that the strategy puts into StrategyID<7940>.

I1  a request reaches the venue at most once
I2  every trade of the venue is told once, those of an order that one session tells in order
I3  no order is written behind its deadline, nor by another run than it was submitted to
I4  no request is answered both as refused and as alive, and each part of one that left is
    answered
I5  once the engine stops, no new order leaves
I6  the venue's limits hold by its own count, and orders leave the cancels' share of them alone
I7  once all is quiet, what the engine knows is what is so; and of the dead, what their policy says
I8  no cancel overtakes its order, as long as the order's session lives
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

REJECTED, LIST_REJECTED = "8", "7"
ENDED = {"2", "4", REJECTED, "C"}
ALIVE = {"0", "1", "A"}
LIVE_STANDINGS = {"new", "partially_filled", "pending_new", "replaced"}
MILLISECOND_NS = 1_000_000
WINDOW_NS = 10_000_000_000
CANCELS_SHARE = 0.05
"""Of the messages of a session, what orders may not use."""
BLUR = 2
"""Of these, what the session may have said in the same moment."""


Sent = tuple[int, int, int]
"""When a request was submitted, for how many ms it is good, and to which run of the engine."""


@dataclass
class Ask:
    """A request of a strategy. sent: (time, valid_for_ms, run) of each time it was submitted.
    target: of a cancel, the id of its order. tag: of an order.
    """

    cl_ord_id: str
    tag: str | None
    target: str | None
    sent: list[Sent] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    no_answer: bool = False
    told: int = 0
    first_life: int | None = None


@dataclass
class VenueOrder:
    """An order as the venue wrote it down last."""

    tag: str
    symbol: str
    order_id: str
    status: str
    cum_qty: Decimal


@dataclass(frozen=True)
class Fill:
    """A trade, as the venue or as a strategy knows it."""

    symbol: str
    order_id: str
    trade_id: str
    side: str
    price: Decimal
    quantity: Decimal
    fees: tuple[tuple[str, str], ...]


class Desk:
    """What one strategy asked for and heard."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asks: dict[str, Ask] = {}
        self.last_seq = 0
        self.begins_anew = False
        self.told: set[Fill] = set()
        self.fills: list[tuple[Fill, str]] = []
        self.copies: Counter[Fill] = Counter()
        self.status: dict[str, str] = {}
        self.unknown: set[str] = set()
        self.groups: dict[str, list[Ask]] = {}
        self.cancelled: set[str] = set()

    def dies(self) -> None:
        """What the strategy knew is gone: it hears again what it had not acknowledged."""
        for ask in self.asks.values():
            ask.refused.clear()
            ask.first_life = None
        self.last_seq = 0
        self.begins_anew = True
        self.copies.clear()


class Checker:
    """Collects the truth while the world turns; `problems` has one line for each breach.

    messages_max: what a session may send in WINDOW_NS. orders_max: how many may be open. cancels:
    the policy for the dead. stopping: whether the engine has been asked to end.
    """

    def __init__(self, messages_max: int, orders_max: int, cancels: bool) -> None:
        self.problems: list[str] = []
        self.stopping = False
        self._open_max = orders_max
        self._alive: set[str] = set()
        self._ordinary_max = BLUR + messages_max - int(-(-messages_max * CANCELS_SHARE // 1))
        self._cancels = cancels
        self._written: dict[str, deque[int]] = {}
        self._tags: dict[str, str] = {}
        self.desks: dict[str, Desk] = {}
        self.by_tag: dict[str, tuple[Desk, Ask]] = {}
        self.arrived: Counter[str] = Counter()
        self.orders: dict[tuple[str, str], VenueOrder] = {}
        self.fills: dict[str, list[Fill]] = {}
        self.unknown_told = 0

    # --- what strategies do and hear --------------------------------------------------------

    def asked(
        self, desk: Desk, cl_ord_id: str, tag: str | None, target: str | None, sent: Sent
    ) -> None:
        """A strategy has handed a request to its client."""
        ask = desk.asks.setdefault(cl_ord_id, Ask(cl_ord_id, tag, target))
        ask.sent.append(sent)
        if target is not None:
            desk.cancelled.add(target)
        if tag is not None:
            self.by_tag[tag] = desk, ask

    def belong(self, desk: Desk, key: str, parts: list[str]) -> None:
        """These requests are one message, which is refused under this one of their ids."""
        desk.groups[key] = [desk.asks[part] for part in parts]

    def heard(self, desk: Desk, event: Any, now: int) -> None:
        """A strategy has read an event."""
        kind = type(event).__name__
        if event.report_seq != desk.last_seq + 1 and not desk.begins_anew:
            self.breach("I2", f"{desk.name}: number {event.report_seq} behind {desk.last_seq}")
        desk.begins_anew = False
        desk.last_seq = event.report_seq
        if kind == "Gap":
            self.breach("I2", f"{desk.name}: a gap: {event.text}")
        ask = desk.asks.get(getattr(event, "cl_ord_id", ""))
        if ask is not None:
            ask.told += 1
        if kind == "ListStatus":
            for name in (event.cl_list_id, *(one.cl_ord_id for one in event.orders)):
                if name in desk.asks:
                    desk.asks[name].told += 1
                    if event.list_order_status == LIST_REJECTED:
                        desk.status.setdefault(name, REJECTED)
        if kind == "Refused" and ask is not None:
            ask.refused.append(now)
            if ask.first_life is not None:
                self.breach("I4", f"{desk.name}: {ask.cl_ord_id} refused after it lived")
            if len(ask.refused) > len(ask.sent):
                self.breach("I4", f"{desk.name}: {ask.cl_ord_id} refused more than asked")
        elif kind == "OrderUnknown":
            self.unknown_told += 1
            desk.unknown.add(event.cl_ord_id)
        elif kind == "ExecutionReport":
            self._report(desk, event, now)

    def _report(self, desk: Desk, event: Any, now: int) -> None:
        order_key = event.orig_cl_ord_id or event.cl_ord_id
        ask = desk.asks.get(order_key)
        if ask is None:
            if event.cl_ord_id or event.exec_type != "F":
                self.breach("I2", f"{desk.name}: a report of {order_key!r}, never asked for")
            return
        ask.told += 1
        if event.ord_status != "8" and ask.first_life is None:
            ask.first_life = now
        before = desk.status.get(order_key)
        if before not in ENDED:
            desk.status[order_key] = event.ord_status
        elif event.ord_status in ENDED and event.ord_status != before:
            self.breach("I4", f"{desk.name}: {order_key} was {before}, now {event.ord_status}")
        if event.exec_type == "F":
            fees = tuple((fee.misc_fee_curr, fee.misc_fee_amt) for fee in event.misc_fees)
            fill = Fill(
                event.symbol,
                event.order_id,
                event.trade_id,
                event.side,
                Decimal(event.last_px),
                Decimal(event.last_qty),
                fees,
            )
            desk.copies[fill] += 1
            if desk.copies[fill] > 1 and not event.replayed:
                self.breach("I2", f"{desk.name}: fill {fill} told twice")
            if fill not in desk.told:
                desk.told.add(fill)
                desk.fills.append((fill, event.source))

    # --- what leaves the engine and reaches the venue ---------------------------------------

    def message(self, line: str, is_order: bool, now: int) -> None:
        """A message is about to leave over a connection of this name."""
        window = self._written.setdefault(line, deque())
        window.append(now)
        while window[0] <= now - WINDOW_NS:
            window.popleft()
        if is_order and len(window) > self._ordinary_max:
            text = f"an order is message {len(window)} over {line}, in the cancels' share"
            self.breach("I6", text)

    def wrote(self, tag: str, wire_id: str, run: int, now: int) -> None:
        """Bytes of an order are about to leave the engine."""
        self._tags[wire_id] = tag
        found = self.by_tag.get(tag)
        if found is None:
            self.breach("I1", f"order {tag} was written, and nobody asked for it")
            return
        _, ask = found
        ask.written.append(now)
        if len(ask.written) > 1:
            self.breach("I1", f"{ask.cl_ord_id} was written {len(ask.written)} times")
        sent = [(at, ms) for at, ms, to in ask.sent if to == run]
        if not any(at <= now <= at + ms * MILLISECOND_NS for at, ms in sent):
            self.breach("I3", f"{ask.cl_ord_id} was written at {now} by {run}: {ask.sent}")
        if self.stopping:
            self.breach("I5", f"{ask.cl_ord_id} was written by an engine that stops")
        if len(self._alive) >= self._open_max:
            self.breach("I6", f"{ask.cl_ord_id} leaves, and {len(self._alive)} orders are open")

    def arrives(self, tag: str, wire_id: str) -> None:
        """An order has reached the venue's exchange."""
        self._tags[wire_id] = tag
        self.arrived[tag] += 1
        if self.arrived[tag] > 1:
            self.breach("I1", f"order {tag} reached the venue {self.arrived[tag]} times")

    def cancel_arrives(
        self, symbol: str, order_id: str | None, wire_id: str | None, overtakes: bool
    ) -> None:
        """A cancel has reached the venue's exchange. overtakes: it came over another session than
        its order, and that one lives.
        """
        known = self.orders.get((symbol, order_id or ""))
        tag = self._tags.get(wire_id or "") if known is None else known.tag
        if tag is None:
            return
        desk, ask = self.by_tag[tag]
        overtakes = overtakes and desk.status.get(ask.cl_ord_id) not in ENDED
        if overtakes and not self.arrived[tag]:
            self.breach("I8", f"{ask.cl_ord_id}: its cancel came first")
        if not self._cancels and ask.cl_ord_id not in desk.cancelled:
            self.breach("I7", f"{ask.cl_ord_id} is cancelled, and its policy is to keep it")

    def dead(self, name: str) -> None:
        """A strategy is away for longer than any grace, and nothing was in the way."""
        if not self._cancels:
            return
        for order in self.orders.values():
            desk, ask = self.by_tag[order.tag]
            if desk.name == name and order.status in ALIVE:
                self.breach("I7", f"{ask.cl_ord_id} lives on, and its policy is to cancel it")

    def venue_report(self, values: dict[str, Any]) -> None:
        """The venue has written something down about an order of ours."""
        tag = values.get("strategy_id")
        key = values["symbol"], values["order_id"]
        if tag is None:
            known = self.orders.get(key)
            if known is None:
                return
            tag = known.tag
        order = VenueOrder(tag, *key, values["ord_status"], Decimal(values["cum_qty"]))
        self.orders[key] = order
        (self._alive.add if order.status in ALIVE else self._alive.discard)(tag)
        if values["exec_type"] == "F":
            fees = tuple((f.misc_fee_curr, f.misc_fee_amt) for f in values.get("misc_fees", ()))
            amounts = Decimal(values["last_px"]), Decimal(values["last_qty"])
            fill = Fill(*key, values["trade_id"], values["side"], *amounts, fees)
            self.fills.setdefault(tag, []).append(fill)

    # --- at the end -------------------------------------------------------------------------

    def finish(self, snapshots: dict[str, Any]) -> None:
        """All is quiet. snapshots: what each strategy was told it owns, by its name."""
        for desk in self.desks.values():
            self._fills_told(desk)
            self._answers(desk)
            self._state(desk, snapshots[desk.name])

    def _fills_told(self, desk: Desk) -> None:
        told = [fill for fill, _ in desk.fills]
        true = [
            fill
            for tag, fills in self.fills.items()
            if self.by_tag[tag][0] is desk
            for fill in fills
        ]
        for fill in set(true) - set(told):
            self.breach("I2", f"{desk.name}: {fill} was never told")
        for fill in set(told) - set(true):
            self.breach("I2", f"{desk.name}: {fill} was told and never happened")
        # What one session lost, another may tell behind what the first told next.
        last: dict[tuple[str, str, str], int] = {}
        for fill, source in desk.fills:
            key = fill.symbol, fill.order_id, source
            if source != "rest":
                if int(fill.trade_id) < last.get(key, 0) and not desk.unknown:
                    self.breach("I2", f"{desk.name}: {fill} told behind a later one")
                last[key] = int(fill.trade_id)

    def _answers(self, desk: Desk) -> None:
        for ask in desk.asks.values():
            lived = ask.tag is not None and self.arrived[ask.tag]
            if (ask.written or lived) and len(ask.refused) >= len(ask.sent):
                self.breach("I4", f"{desk.name}: {ask.cl_ord_id} was refused, and written")
            if ask.written and not ask.told:
                self.breach("I4", f"{desk.name}: {ask.cl_ord_id} was written, and never answered")
        for key, parts in desk.groups.items():
            left = any(ask.written for ask in parts)
            for ask in parts:
                # Of a cancel nobody will ever say more, once its order has ended.
                moot = ask.target is not None and desk.status.get(ask.target) in ENDED
                if left and not ask.told and not moot:
                    text = f"{ask.cl_ord_id} of {key} was written, and never answered"
                    self.breach("I4", f"{desk.name}: {text}")

    def _state(self, desk: Desk, snapshot: Any) -> None:
        true: dict[str, VenueOrder] = {}
        for order in self.orders.values():
            owner, ask = self.by_tag[order.tag]
            if owner is desk:
                true[ask.cl_ord_id] = order
        known = {one.cl_ord_id: one for one in snapshot.orders if one.order.strategy_id}
        for name, one in known.items():
            order = true.get(name)
            if one.standing not in LIVE_STANDINGS:
                where = "not there" if order is None else f"{order.status} there"
                self.breach("I7", f"{desk.name}: {name} is {one.standing} for ever, {where}")
            elif order is None or order.status not in ALIVE:
                self.breach("I7", f"{desk.name}: {name} is {one.standing}, at the venue {order}")
        for name, order in true.items():
            if order.status in ALIVE and name not in known:
                self.breach("I7", f"{desk.name}: {order} lives and the engine does not know it")
            status = desk.status.get(name)
            if order.status in ENDED and status != order.status:
                self.breach("I7", f"{desk.name}: {name} was told as {status}, it is {order}")
        self._positions(desk, snapshot)

    def _positions(self, desk: Desk, snapshot: Any) -> None:
        true: dict[str, list[Decimal]] = {}
        for tag, fills in self.fills.items():
            for fill in fills if self.by_tag[tag][0] is desk else ():
                sums = true.setdefault(fill.symbol, [Decimal()] * 4)
                at = 0 if fill.side == "1" else 1
                sums[at] += fill.quantity
                sums[at + 2] += fill.quantity * fill.price
        told = {
            one.symbol: [Decimal(x) for x in (one.bought, one.sold, one.paid, one.received)]
            for one in snapshot.positions
        }
        if told != true:
            self.breach("I7", f"{desk.name}: positions are {told}, the trades make {true}")
        fees = Counter[tuple[str, str]]()
        for tag, fills in self.fills.items():
            for fill in fills if self.by_tag[tag][0] is desk else ():
                for currency, amount in fill.fees:
                    fees[fill.symbol, currency] += Decimal(amount)  # type: ignore[assignment]
        told_fees = {
            (one.symbol, name): Decimal(amount)
            for one in snapshot.positions
            for name, amount in one.fees
        }
        if {key: value for key, value in fees.items() if value} != {
            key: value for key, value in told_fees.items() if value
        }:
            self.breach("I7", f"{desk.name}: fees are {told_fees}, the trades make {dict(fees)}")

    def breach(self, invariant: str, text: str) -> None:
        """Something that must never be."""
        self.problems.append(f"{invariant}: {text}")
