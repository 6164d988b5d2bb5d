"""The walk without a world: a gateway whose bus, journal, transport and clock the test holds.

What the gateway decides is real; only the ends are the test's own. The venue's answers are real
FIX bytes made by the venue's side of the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from fixengine import wire
from fixengine.desk.limits import Budget
from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.desk.unfilled import Unfilled
from fixengine.fix.venue import Sender, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import Event, Heartbeat, Hello, NewOrderSingle, encode, event_decoder
from fixengine.network.clock import Clock
from fixengine.network.gateway import Gateway
from fixengine.network.limits import Limits
from fixengine.network.line import Line
from fixengine.network.lines import Lines
from fixengine.network.liveness import NO_POLICIES, Policy
from fixengine.network.slot import ONLY_POST
from fixengine.network.strategies import NO_TOKENS, Handed, Standing, Strategies
from sessions_in_memory import SECOND_NS, WALL_NS, initiator, parsed

EPOCH = 1000
NOW = 1_000_000_000_000


class Bus:
    """Keeps what each peer was sent; `gone` and `full` ones take nothing."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Event]] = []
        self.gone: set[bytes] = set()
        self.full: set[bytes] = set()

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        if peer in self.gone:
            return Handed.GONE
        if peer in self.full:
            return Handed.FULL
        self.sent.append((peer, event_decoder.decode(bytes(payload))))
        return Handed.TAKEN


class Journal:
    """Keeps records until `full`; positions count them. asked: how often the disk was. refused: how
    many records came while it was full.
    """

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes]] = []
        self.full = False
        self.refused = 0
        self.healthy = True
        self.error: str | None = None
        self.free_bytes = 1 << 30
        self.reserve_bytes = 1 << 18
        self.on_disk = 0
        self.asked = 0

    @property
    def appended(self) -> int:
        return len(self.records)

    def has_room(self, room_bytes: int) -> bool:
        return self.healthy and self.free_bytes >= room_bytes

    def ask(self) -> None:
        self.asked += 1

    def append(self, kind: int, now: int, line: int, data: bytes) -> bool:
        if self.full:
            self.refused += 1
            return False
        self.records.append((kind, data))
        return True


class Wire:
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.unsent_bytes = 0
        self.closed = False
        self.alive = True

    def write(self, data: bytes) -> None:
        framer = wire.Framer()
        framer.feed(data)
        self.written += [bytes(message) for message in framer]

    def unsent(self) -> int:
        return self.unsent_bytes

    def close(self) -> None:
        self.closed = True


class Register:
    """Strategy numbers in order of appearance."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def strategy_number(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers) + 1)


class Engine:
    """A gateway that is logged on, with strategy "alpha" connected as peer b"a"."""

    def __init__(
        self,
        outbox_max: int = 100,
        budget: Budget | None = None,
        standings: dict[str, Standing] | None = None,
        orders: Orders | None = None,
        unfilled: Unfilled | None = None,
        lines: Lines | None = None,
        policies: Mapping[str, Policy] = NO_POLICIES,
        tokens: Mapping[str, bytes] = NO_TOKENS,
        unsent_bytes_max: int = 0,
        held_orders_max: int = 0,
        origin: int = 0,
    ) -> None:
        self.now = NOW
        self.bus = Bus()
        self.journal = Journal()
        self.log: list[str] = []
        self.clock = Clock(SECOND_NS, 5 * SECOND_NS)
        self.clock.offset_ns = WALL_NS - NOW
        self.strategies = Strategies(
            self.bus,
            Register(),
            EPOCH,
            strategies_max=8,
            outbox_max=outbox_max,
            valid_for_ms_max=10_000,
            standings=standings or {},
            tokens=tokens,
            now=NOW,
        )
        self.gateway = Gateway(
            BINANCE_SPOT,
            Orders(1000, 100) if orders is None else orders,
            Positions(),
            self.strategies,
            self.journal,
            self.say,
            lines=Lines() if lines is None else lines,
            clock=self.clock,
            epoch=EPOCH,
            origin=origin,
            valid_for_ms_max=10_000,
            unsent_bytes_max=unsent_bytes_max,
            cancel_unsent_bytes_max=1000,
            limits=Limits(BINANCE_SPOT, self.clock, unfilled, self.say),
            policies=policies,
            held_orders_max=held_orders_max,
        )
        self.wire = Wire()
        self.venue_ahead_ns = 0
        self.log_on(self.new_line(budget))
        self.wire.written.clear()
        if standings is None:
            self.hello(b"a", "alpha")
        self.bus.sent.clear()

    def say(self, level: str, text: str, **details: object) -> None:
        self.log.append(text)

    def new_line(self, budget: Budget | None = None, number: int = 1) -> Line:
        session = initiator()
        session.offset_ns = WALL_NS - NOW
        post = ONLY_POST._replace(number=number - 1)
        line = Line(number, BINANCE_SPOT, session, recv_window_ms=5000, budget=budget, post=post)
        line.transport = self.wire
        self.gateway.lines.add(line)
        session.connected(self.now)
        self.gateway.flush(self.now)
        return line

    def log_on(self, line: Line) -> None:
        """The venue answers the Logon of a line, and from now on speaks on that one."""
        self.line, self.seq = line, 1
        self.venue_says(b"A", encrypt_method=0, heart_bt_int=30, uuid="u")
        self.gateway.lines.up(line, self.now)

    def hello(self, peer: bytes, name: str, **values: Any) -> None:
        self.gateway.on_order(peer, encode(Hello(name, **values)), self.now)

    def request(self, request: Any, peer: bytes = b"a", flush: bool = True) -> None:
        """A request of a strategy, its engine fields filled in where the test left them."""
        request.epoch = request.epoch or EPOCH
        request.sent_ns = request.sent_ns or self.now
        request.valid_for_ms = request.valid_for_ms or 1000
        self.gateway.on_order(peer, encode(request), self.now)
        if flush:
            self.gateway.flush(self.now)

    def order(self, cl_ord_id: str = "o1", **more: Any) -> NewOrderSingle:
        """A limit order of the test's."""
        made = NewOrderSingle.limit("BTCUSDT", "1", "1", "50000", cl_ord_id=cl_ord_id)
        for name, value in more.items():
            setattr(made, name, value)
        return made

    def venue_says(self, kind: bytes, seq: int | None = None, **values: Any) -> None:
        """The venue sends a message with its next number."""
        self.venue_sends(self.frame(kind, seq, **values))

    def frame(self, kind: bytes, seq: int | None = None, **values: Any) -> bytes:
        """A message of the venue with its next number."""
        if seq is None:
            seq, self.seq = self.seq, self.seq + 1
        return bytes(
            venue_form(kind).encode(
                None, seq, wire.stamp(WALL_NS + self.now - NOW + self.venue_ahead_ns), values
            )
        )

    def venue_sends(self, data: bytes) -> None:
        self.line.framer.feed(data)
        self.gateway.on_bytes(self.line, self.now)
        self.gateway.flush(self.now)

    def report(self, exec_type: str, ord_status: str, **more: Any) -> None:
        """The venue sends a `report_frame`."""
        self.venue_sends(self.report_frame(exec_type, ord_status, **more))

    def fill(self, last_qty: str | None, cum_qty: str, ord_status: str = "1", **more: Any) -> None:
        """The venue reports a trade of the last order written."""
        self.report("F", ord_status, last_qty=last_qty, cum_qty=cum_qty, **more)

    def report_frame(self, exec_type: str, ord_status: str, **more: Any) -> bytes:
        """An ExecutionReport about the last order written, unless ids are given."""
        if "cl_ord_id" not in more:
            more["cl_ord_id"] = self.last()[11].decode()
        values = {
            "order_id": "77",
            "ord_type": "2",
            "side": "1",
            "symbol": "BTCUSDT",
            "exec_type": exec_type,
            "ord_status": ord_status,
            "cum_qty": "0.00000000",
            "last_qty": "0.00000000",
            "exec_id": str(1000 + self.seq),
        }
        return self.frame(b"8", **{**values, **more})

    def last(self) -> dict[int, bytes]:
        """The last application message that was written."""
        return parsed(self.wire.written[-1])

    def heard(self, peer: bytes = b"a") -> list[Event]:
        """Events sent to a peer since the last call; Heartbeats are not among them."""
        sent = [event for at, event in self.bus.sent if at == peer]
        events = [event for event in sent if not isinstance(event, Heartbeat)]
        self.bus.sent = [item for item in self.bus.sent if item[0] != peer]
        return events


@cache
def venue_form(kind: bytes) -> wire.Template:
    """Of a message of the venue; to make one takes more than the whole walk does."""
    return template(BINANCE_SPOT, kind, Sender.VENUE, "ME")


def edited(frame: bytes, old: bytes, new: bytes) -> bytes:
    """A frame with one part of its body replaced, and a right BodyLength and CheckSum."""
    head, body = frame.split(b"\x0135=", 1)
    assert body.count(old) == 1
    body = b"35=" + body[: -len(b"10=000\x01")].replace(old, new)
    begin = head.split(b"\x019=")[0]
    checked = begin + b"\x019=%d\x01" % len(body) + body
    return checked + b"10=%03d\x01" % (sum(checked) % 256)
