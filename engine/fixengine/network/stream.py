"""The user data stream as an eye: what it tells becomes reports, and while it lasts it watches.

The process that follows it (sources) tells how it stands and what it says. Here its events about
orders take the way of every report of a session, with the source "user_data", so that a report
that a session, a drop copy or REST has told already is told no more. What was told before it was
subscribed is asked of REST, for nothing is replayed; nothing has to be kept back meanwhile, since a
report is known by its key whichever source brings it first. When it ends, what no other eye has
watched all along is unknown. Everything it says is an input and is journalled.

Sans-I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from fixengine import wire
from fixengine.desk.orders import report_key
from fixengine.fix.venues.binance import words
from fixengine.messages import SessionState
from fixengine.network.clock import Lead
from fixengine.network.gateway import Gateway
from fixengine.network.line import LAGS, REPORT_COLUMNS
from fixengine.network.reports import Log
from fixengine.network.sources import normalise
from fixengine.network.sources.events import (
    BalanceUpdate,
    Execution,
    ExternalLock,
    Position,
    Raw,
    Told,
)
from fixengine.network.sources.packets import Stream, StreamState
from fixengine.network.values import packed

USER_DATA = "user_data"
MILLISECOND_NS = 1_000_000
EXECUTION = "executionReport"


class UserStream:
    """See the module's top. lag_ns: how much later than a session the venue may tell here.

    up_since_ns: when it was subscribed; it counts while `is_whole`. is_eye: the same, for what a
    replaced connection still says does not watch once the one in its place is lost.
    """

    name = USER_DATA
    number = 0

    def __init__(self, gateway: Gateway, lag_ns: int, log: Log) -> None:
        self.is_whole = self.is_eye = False
        self.up_since_ns = 0
        self._gateway = gateway
        self._lag_ns = lag_ns
        self._log = log
        self._lead = Lead()
        self._heard_ns = 0
        self._since_ms = 0
        self._told_ms = 0
        self._said: SessionState | None = None

    # --- as an eye: see lines.Eye -----------------------------------------------------------

    def is_watching(self) -> bool:
        """See lines.Eye."""
        return self.is_whole

    @property
    def seen_until_ns(self) -> int:
        """See lines.Eye."""
        return self._heard_ns - LAGS * self._lag_ns

    @property
    def venue_since_ns(self) -> int | None:
        """See lines.Eye."""
        return self._since_ms * MILLISECOND_NS

    @property
    def venue_until_ns(self) -> int | None:
        """See lines.Eye."""
        return self._told_ms * MILLISECOND_NS - LAGS * self._lag_ns

    @property
    def lead(self) -> Lead:
        """What a session knows of our clock: events come too late to tell."""
        carriers = self._gateway.lines.carriers
        return carriers[0].lead if carriers else self._lead

    # --- what the sources tell --------------------------------------------------------------

    def on_state(self, told: StreamState, now: int) -> None:
        """The stream stands otherwise."""
        text = f"user data stream {told.state}"
        text = f"{text}: {told.text}" if told.text else text
        if told.state == Stream.LIVE:
            self._begin(told.since_ms, now)
            self._log("info", text, event="sources")
            self._say(SessionState.ACTIVE, text, now)
        elif told.state == Stream.MISSED and self.is_whole:
            self._log("warning", text, event="sources")
            self.end(text, now)
            self._begin(told.since_ms, now)
            self._say(SessionState.ACTIVE, text, now)
        elif told.state in (Stream.DOWN, Stream.REFUSED):
            self._log("error" if told.state == Stream.REFUSED else "warning", text, event="sources")
            self.end(text, now)
        else:
            self._log("info", text, event="sources")
            if self._said is None:
                self._say(SessionState.CONNECTING, text, now)

    def on_event(self, event: Told, now: int) -> bool:
        """The stream told something; whether it was a report nobody had told."""
        self._heard_ns = now
        if isinstance(event, Raw):
            return self._on_raw(event, now)
        self._told_ms = max(self._told_ms, event.event_time)
        if isinstance(event, Position):
            self._gateway.balances.on_position(event, now)
        elif isinstance(event, BalanceUpdate | ExternalLock):
            self._gateway.balances.on_move(now)
        if not isinstance(event, Execution) or self._is_known(event):
            return False
        try:
            self._gateway.reports.on_report(self, Read(normalise.execution(event)), now)
        except wire.RemoteProtocolError as problem:
            ids = event.orig_client_order_id, event.client_order_id, event.symbol
            self._doubt((*ids, str(event.order_id)), _key(event), str(problem), now)
        return True

    def end(self, text: str, now: int) -> None:
        """Nothing is told from now on, until it is live again."""
        if self.is_whole:
            self._gateway.on_eye_lost(self, text, now)
            self._gateway.lines.shut_eye(self)
            self._gateway.balances.end()
            self.is_whole = self.is_eye = False
        self._say(SessionState.DOWN, text, now)

    # --- small steps ------------------------------------------------------------------------

    def _begin(self, since_ms: int, now: int) -> None:
        self._since_ms = self._told_ms = since_ms
        self._heard_ns = now
        self.is_whole = self.is_eye = True
        self._gateway.lines.open_eye(self, now)
        self._gateway.balances.begin(now)

    def _is_known(self, event: Execution) -> bool:
        """Whether it was told: most are, for a session is faster; so they cost little."""
        order = self._gateway.orders.by_order_id(event.symbol, str(event.order_id))
        return order is not None and _key(event) in order.seen

    def _on_raw(self, event: Raw, now: int) -> bool:
        """An event that is news to us, or a report that cannot be read."""
        seen: Any = msgspec.json.decode(event.json)
        # It may have told what the account has now.
        self._gateway.balances.on_move(now)
        if not isinstance(seen, dict) or seen.get("e") != EXECUTION:
            self._log("info", f"user data stream: an event of no kind we know: {seen!s:.200}")
            return False
        ids = tuple(str(seen.get(name, "")) for name in ("C", "c", "s", "i"))
        text = f"an executionReport that makes no sense: {seen!s:.500}"
        self._doubt(ids, f"E{seen.get('I')}", text, now)
        return True

    def _doubt(self, ids: Any, key: str | None, text: str, now: int) -> None:
        self._gateway.reports.on_unreadable(self, ids, key, text, now)

    def _say(self, state: SessionState, text: str, now: int) -> None:
        """Tell every strategy, where that is news."""
        if state is not self._said:
            self._said = state
            overall = self._gateway.session_state
            self._gateway.teller.status(state.value, text, USER_DATA, overall, now)


class Read:
    """Values of a normalised event, as reports.Values."""

    extra: Sequence[tuple[int, bytes]] = ()

    def __init__(self, values: normalise.Values) -> None:
        self._values = values

    def value(self, name: str) -> Any:
        """See Values."""
        value = self._values.get(name)
        if name == "misc_fees" and value is not None:
            return tuple(msgspec.structs.astuple(fee) for fee in value)
        return value

    def pick(self, names: tuple[str, ...]) -> Sequence[Any]:
        """See Values."""
        return [self.value(name) for name in names]

    def values(self) -> Sequence[Any]:
        """See Values."""
        return [self._values.get(name) for name in REPORT_COLUMNS]

    def scaled(self, name: str, scale: int) -> int | None:
        """See Values."""
        text = self._values.get(name)
        try:
            return None if text is None else wire.scaled(text, scale)
        except wire.LocalProtocolError as problem:
            raise wire.RemoteProtocolError(f"{name}: {problem}") from None

    def pack(self, head: bytes, tail: bytes) -> bytes:
        """See Values."""
        return packed(self, head, tail)


def _key(event: Execution) -> str | None:
    """Its report_key."""
    exec_type = words.EXECUTIONS.get(event.execution_type)
    numbers = event.trade_id, event.allocation_id
    trade_id, alloc_id = (None if one is None or one < 0 else str(one) for one in numbers)
    return report_key(exec_type, str(event.execution_id), trade_id, alloc_id)
