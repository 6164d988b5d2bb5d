"""A line: one venue session with everything that belongs to it alone.

Framer and Session for what comes in, templates and plans of its own, the budget the venue grants
it, and the requests that wait for the end of this wake-up (`pending`). The transport is handed in
by the process; a line without one cannot carry anything.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, Protocol

import msgspec

from fixengine import wire
from fixengine.desk.limits import Budget
from fixengine.desk.orders import Order
from fixengine.fix import fields
from fixengine.fix.session import ACTIVE, Session
from fixengine.fix.venue import Sender, Venue, plan, template
from fixengine.messages import (
    ExecutionReport,
    Message,
    OrderCancelReject,
    names_of,
)
from fixengine.network.clock import Lead
from fixengine.network.slot import CARRIES_ORDERS, ONLY_POST, Post

LINES_MAX = 255
WINDOWS_MAX = 64
"""Templates of requests with a RecvWindow of their own that are kept."""
LAGS = 2
"""A lag is what the venue says of it; twice that is waited for."""


def wire_columns(event: type[Message], engine_columns: int = 9) -> tuple[str, ...]:
    """The columns of an event that stand on the wire: behind the engine's own, before `extra`."""
    names = names_of(event)
    return names[engine_columns : names.index("extra")]


REPORT_COLUMNS = wire_columns(ExecutionReport)
REJECT_COLUMNS = wire_columns(OrderCancelReject)


REPORT_KINDS = (
    fields.ORDER_AMEND_REJECT,
    fields.ORDER_MASS_CANCEL_REPORT,
    fields.LIST_STATUS,
    fields.LIMIT_RESPONSE,
)
"""What the venue says besides the two kinds that come all the time."""


class Source(Protocol):
    """Where the venue tells of orders: a line, or its user data stream.

    name: by which reports name it. is_eye: whether it tells of every order of the account. lead:
    what is known there of our clock. venue_since_ns: see lines.Eye.
    """

    is_eye: bool

    @property
    def name(self) -> str:
        """See above."""

    @property
    def lead(self) -> Lead:
        """See above."""

    @property
    def venue_since_ns(self) -> int | None:
        """See above."""


class Transport(Protocol):
    """What is asked of the TLS connection."""

    def write(self, data: bytes) -> None:
        """Give bytes to TLS; never blocks."""

    @property
    def alive(self) -> bool:
        """Whether what is written now can still leave."""

    def unsent(self) -> int:
        """Bytes given but not yet sent: user space and the kernel's together, but for what the
        congestion window alone holds back; -1 where it is not alive.
        """

    def close(self) -> None:
        """Close after what was written; `abort` where that would wait for ever."""


class Pending(msgspec.Struct, gc=False):
    """A request that passed every check and is written at the end of this wake-up.

    order: its place in the order table. kind: MsgType<35>. source: what its fields are taken from,
    but for those in replace. expires_ns: engine's monotonic clock beyond which it must not be
    written any more. recv_window_ms: RecvWindow<25000>, 0 for that of the line. sample: the ticket
    of one that is timed; see wire.Walk.
    """

    order: Order
    kind: bytes
    source: Message
    expires_ns: int
    replace: dict[str, Any]
    recv_window_ms: int = 0
    sample: int = 0


SENDING_TIME = b"\x0152="


def line_number(last: int, used: Container[int]) -> int:
    """The number of a new line, after the one given last: 1..255, none that is in use.

    The journal has a byte for it, and 0 there says that no line is concerned.
    """
    number = last % LINES_MAX + 1
    while number in used:
        number = number % LINES_MAX + 1
    return number


def sending_ns(frame: bytes) -> int | None:
    """SendingTime<52> of a message, ns since 1970; None where it has none that can be read."""
    at = frame.find(SENDING_TIME) + len(SENDING_TIME)
    if at < len(SENDING_TIME):
        return None
    try:
        return wire.stamp_ns(frame[at : frame.find(b"\x01", at)])
    except wire.RemoteProtocolError:
        return None


class Line:
    """One session; number is its place in the journal and in the order table.

    name: the SenderCompID, by which reports name their source. post: what its slot is for. lead:
    what its messages say of our clock. up_since_ns: when it was logged on. blind_since_ns: once
    something was missed on it, when it was last heard before.
    first_frame, last_frame: the Logon answer, and the last message before anything was missed.
    note: told what was read of the transport, when it is not what it was.
    """

    def __init__(
        self,
        number: int,
        venue: Venue,
        session: Session,
        *,
        recv_window_ms: int,
        budget: Budget | None,
        post: Post = ONLY_POST,
        message_bytes_max: int = 1 << 20,
    ) -> None:
        self.number = number
        self.session = session
        self.budget = budget
        self.slot = post.number
        self.carries_orders = post.role == CARRIES_ORDERS
        self.is_eye = post.everything
        self.lag_ns = post.lag_ns
        self.lead = Lead()
        self.up_since_ns = 0
        self.blind_since_ns: int | None = None
        self.first_frame = b""
        self.last_frame = b""
        self.note: Callable[[str], object] = lambda read: None
        self._read_unsent = 0
        self._read_dead = False
        self._unsent = 0
        self._moved_ns = 0
        self.transport: Transport | None = None
        self.pending: list[Pending] = []
        self.garbled_seen = 0
        comp_id = self.name = session.client_comp_id
        self._venue = venue
        self._windows: dict[tuple[bytes, int], wire.Template] = {}
        self.templates = {
            kind: template(venue, kind, Sender.CLIENT, comp_id, recv_window_ms)
            for kind in fields.REQUEST_KINDS
            if venue.plays(kind, Sender.CLIENT)
        }
        self.plans = {
            fields.EXECUTION_REPORT: plan(
                venue, fields.EXECUTION_REPORT, Sender.VENUE, REPORT_COLUMNS
            ),
            fields.ORDER_CANCEL_REJECT: plan(
                venue, fields.ORDER_CANCEL_REJECT, Sender.VENUE, REJECT_COLUMNS
            ),
        }
        self.plans |= {
            kind: plan(venue, kind, Sender.VENUE)
            for kind in REPORT_KINDS
            if venue.plays(kind, Sender.VENUE)
        }
        self.framer = wire.Framer(message_bytes_max, plans=self.plans)

    def can_carry(self) -> bool:
        """Whether a request could be written now."""
        transport = self.transport
        if transport is None or self.session.state is not ACTIVE:
            return False
        if transport.alive:
            return True
        self._note_dead()
        return False

    @property
    def is_whole(self) -> bool:
        """See lines.Eye."""
        return self.session.hole is None

    def is_watching(self) -> bool:
        """See lines.Eye."""
        # For each order: no more calls than need be.
        session = self.session
        return session.state is ACTIVE and session.hole is None

    @property
    def seen_until_ns(self) -> int:
        """See lines.Eye: when it was last heard before anything was missed on it."""
        blind = self.blind_since_ns
        heard_ns = self.session.last_received_ns if blind is None else blind
        return heard_ns - LAGS * self.lag_ns

    @property
    def venue_since_ns(self) -> int | None:
        """See lines.Eye."""
        return sending_ns(self.first_frame)

    @property
    def venue_until_ns(self) -> int | None:
        """See lines.Eye."""
        until_ns = sending_ns(self.last_frame)
        return None if until_ns is None else until_ns - LAGS * self.lag_ns

    def form(self, item: Pending) -> wire.Template:
        """The template of a request."""
        if not item.recv_window_ms:
            return self.templates[item.kind]
        key = item.kind, item.recv_window_ms
        found = self._windows.get(key)
        if found is None:
            if len(self._windows) >= WINDOWS_MAX:
                self._windows.clear()
            form = self._venue, item.kind, Sender.CLIENT, self.name, item.recv_window_ms
            found = self._windows[key] = template(*form)
        return found

    def unsent(self) -> int:
        """Bytes that were written but have not left this machine; -1 where none can any more."""
        unsent = -1 if self.transport is None else self.transport.unsent()
        if unsent < 0:
            self._note_dead()
        elif unsent != self._read_unsent:
            self._read_unsent = unsent
            self.note(f"unsent {unsent}")
        return unsent

    def stuck_ns(self, now: int) -> int:
        """For how long its unsent bytes have not become fewer; 0 where there are none.

        Call it five times in HeartBtInt: what moved in between must not be hidden by what was
        added.
        """
        unsent = max(0, self.unsent())
        if unsent == 0 or unsent < self._unsent or self._unsent == 0:
            self._moved_ns = now
        self._unsent = unsent
        return now - self._moved_ns

    def _note_dead(self) -> None:
        if not self._read_dead:
            self._read_dead = True
            self.note("dead")
