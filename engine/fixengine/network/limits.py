"""The venue's limits as the walk keeps them: whether a request may leave, and what counts.

Messages are counted for each line, unfilled orders for the account. Both start from the venue's
table; at each logon, and when the venue says that an order was one too many, a LimitQuery asks
what really holds and is used. Its answer can only make us more careful with what is used, and its
limits replace ours. Without an answer, or with one that cannot be read, the table holds on; where
it was refused for our clock it is asked again, before the first order that the clock allows.

After a start the venue may count orders that we know nothing of, those of the run before among
them. New orders therefore wait for its first answer, or until it is late; so long the session is
not told to be active.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fixengine import wire
from fixengine.desk.orders import TRADE, Order
from fixengine.desk.unfilled import Told, Unfilled
from fixengine.fix import fields
from fixengine.fix.peek import peek_number, peek_text
from fixengine.fix.venue import Venue
from fixengine.messages import LimitIndicator, RefusedReason
from fixengine.network.clock import Clock
from fixengine.network.line import Line, Source
from fixengine.network.reports import Log
from fixengine.network.teller import Reason
from fixengine.network.values import Values

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
ANSWER_NS_MAX = 10 * SECOND_NS
WAIT_MS = 100
"""What a strategy is told to wait while the first answer is under way; one way and back."""
ROWS_MAX = 32
UNITS_S = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}
CODE = re.compile(r"-?[0-9]{1,9}\Z")
LIMIT_NUMBER_MAX = (1 << 63) - 1
TOO_MANY_ORDERS = "ask_limits"
SET_CLOCK = "set_clock"


Heard = Callable[[Line, tuple[LimitIndicator, ...], str, int], None]
"""Is told each answer to a LimitQuery, or why there is none: line, limits, problem, now."""


class Query(NamedTuple):
    """A LimitQuery that is not answered. placed: orders counted before it."""

    req_id: str
    seq: int
    asked_ns: int
    placed: int


class Limits:
    """See the module's top.

    unfilled: None where that limit is not kept; messages are not counted where a line has no
    budget. on_told: see Heard.
    """

    def __init__(
        self,
        venue: Venue,
        clock: Clock,
        unfilled: Unfilled | None,
        log: Log,
    ) -> None:
        self._clock = clock
        self._venue = venue
        self._unfilled = unfilled
        self._log = log
        self.on_told: Heard = lambda line, indicators, problem, now: None
        self._queries: dict[Line, Query] = {}
        self._query_count = 0
        self._is_told = unfilled is None
        self._messages: tuple[int, int] | None = None  # what the venue said last of its limit
        self._lines: set[Line] = set()  # that may not know it yet
        self._owed: set[Line] = set()  # on which it was refused for our clock alone

    # --- out ------------------------------------------------------------------------------------

    def check(
        self, line: Line, user: int, now: int, orders: int, may_exceed: bool = False
    ) -> Reason | None:
        """Why a strategy's request may not leave over this line now, or None.

        orders: how many new ones it brings; 0 for what can only end or shrink orders. may_exceed:
        beyond the account's limit of unfilled orders too, where the venue does what else it asks
        for and refuses the order; not beyond this strategy's share, for there it would not.
        """
        if orders and self._unfilled is not None:
            reason = self._check_unfilled(self._unfilled, line, user, now, orders, may_exceed)
            if reason is not None:
                return reason
        budget = line.budget
        is_cancel = orders == 0
        wait_ns = 0 if budget is None else budget.wait_ns(now, user, is_cancel)
        if budget is None or not wait_ns:
            return None
        wait_ms = -(-wait_ns // MILLISECOND_NS)
        text = (
            f"message limit of session {line.name}: {budget.used} of {budget.count_max} in"
            f" {budget.interval_ns // MILLISECOND_NS} ms are used, and the rest is kept for"
            f" {'the session' if is_cancel else 'others and cancels'}; free in {wait_ms} ms"
        )
        return RefusedReason.LIMIT, text, wait_ms

    def count(self, line: Line, order: Order, now: int) -> None:
        """A request that passed is about to leave."""
        if line.budget is not None:
            line.budget.use(now, order.strategy)
        if self._unfilled is None:
            return
        for part in (order, *order.parts):
            if part.is_order:
                part.opened_ns = self._venue_ns(line, now)
                self._unfilled.place(part.opened_ns, part.strategy)

    def undo(self, order: Order) -> None:
        """A request that was counted never left; the messages of its line stay counted."""
        if self._unfilled is not None and order.opened_ns:
            self._unfilled.undo(order.opened_ns, order.strategy)
            order.opened_ns = 0

    def on_logon(self, line: Line, now: int) -> None:
        """A session is up: ask where anything is counted. Until that is answered, what the venue
        said on another line holds.
        """
        self._lines.add(line)
        self._spread(now)
        if self._unfilled is not None or line.budget is not None:
            self.ask(line, now)

    def ask(self, line: Line, now: int) -> bool:
        """Send a LimitQuery, unless one is under way on this line; False where it cannot."""
        form = line.templates.get(fields.LIMIT_QUERY)
        if line in self._queries:
            return True
        if form is None or not line.can_carry():
            return False
        self._query_count += 1
        req_id = f"limits-{self._query_count}"
        placed = 0 if self._unfilled is None else self._unfilled.placed
        self._queries[line] = Query(req_id, line.session.next_out, now, placed)
        line.session.send(form, None, now, {"req_id": req_id})
        return True

    # --- in -------------------------------------------------------------------------------------

    def on_response(self, line: Line, message: wire.Message, now: int) -> None:
        """LimitResponse<XLR>."""
        query = self._queries.get(line)
        if query is None or peek_text(message, fields.REQ_ID) != query.req_id:
            self._log("warning", "a LimitResponse to no LimitQuery of ours", session=line.name)
            return
        del self._queries[line]
        try:
            rows = self._rows(line, message)
            orders, messages = self._read(rows)
        except (wire.RemoteProtocolError, ValueError) as problem:
            text = f"the LimitResponse cannot be read, the limits known so far hold: {problem}"
            self._fail(line, text, now)
            return
        changes = []
        if messages is not None and line.budget is not None:
            count_max, interval_ns, name, used = messages
            self._messages = count_max, interval_ns
            if line.budget.adopt(count_max, interval_ns, used, now):
                changes.append(f"messages: {count_max} per {name}")
            self._spread(now)
        if orders and self._unfilled is not None:
            at = self._venue_ns(line, now)
            self._is_told = True
            changed = self._unfilled.adopt(orders, query.placed, at)
            changes += [f"unfilled orders: {change}" for change in changed]
        if changes:
            text = f"the venue's limits differ from ours and hold: {', '.join(changes)}"
            self._log("info", text, session=line.name)
        self.on_told(line, tuple(LimitIndicator(*row[:5]) for row in rows), "", now)

    def on_reject(self, line: Line, message: wire.Message, now: int) -> bool:
        """Reject<3> of something of ours; True where it was a LimitQuery and is dealt with."""
        query = self._queries.get(line)
        if query is None or peek_number(message, fields.REF_SEQ_NUM) != query.seq:
            code, text = (peek_text(message, tag) for tag in (fields.ERROR_CODE, fields.TEXT))
            self._on_code(line, code, text, now)
            return False
        del self._queries[line]
        text = (
            f"the venue refused the LimitQuery, the limits known so far hold:"
            f" {peek_text(message, fields.ERROR_CODE)} {peek_text(message, fields.TEXT)}"
        )
        if self._meaning(peek_text(message, fields.ERROR_CODE)) == SET_CLOCK:
            self._owed.add(line)
        self._fail(line, text, now)
        return True

    def on_report(self, source: Source, order: Order, report: Values, now: int) -> None:
        """A report of an own order: a first fill makes room, a refusal may say there is none."""
        if report.value("exec_type") == TRADE:
            if self._unfilled is not None and order.opened_ns:
                at = self._venue_ns(source, now)
                self._unfilled.fill(order.opened_ns, order.strategy, at)
                order.opened_ns = 0
        elif isinstance(source, Line) and (code := report.value("venue_code")) is not None:
            self._on_code(source, code, report.value("text") or "", now)

    def awaits(self, line: Line) -> bool:
        """Whether new orders wait for the first answer, and this line has asked for it."""
        return not self._is_told and line in self._queries

    def tick(self, now: int) -> None:
        """Time has passed: a LimitQuery may have gone unanswered."""
        if self._lines:
            self._lines = {line for line in self._lines if line.can_carry()}
        if self._owed:
            self._owed = {line for line in self._owed if line.can_carry()}
        for line, query in list(self._queries.items()):
            if not line.can_carry():
                del self._queries[line]
                self.on_told(line, (), f"session {line.name} ended before the answer", now)
            elif now - query.asked_ns >= ANSWER_NS_MAX:
                del self._queries[line]
                text = "the LimitQuery was not answered, the limits known so far hold"
                self._fail(line, text, now)

    def used(self, now: int) -> list[Told]:
        """The limits of unfilled orders as they are counted here, none where they are not kept."""
        return [] if self._unfilled is None else self._unfilled.used(now + self._clock.offset_ns)

    # --- small steps ----------------------------------------------------------------------------

    def _spread(self, now: int) -> None:
        """What the venue said of one line's messages holds on every line."""
        if self._messages is None:
            return
        for line in self._lines:
            if line.budget is not None:
                line.budget.adopt(*self._messages, 0, now)
        self._lines.clear()

    def _check_unfilled(
        self, unfilled: Unfilled, line: Line, user: int, now: int, orders: int, may_exceed: bool
    ) -> Reason | None:
        if not self._is_told and line in self._owed:
            # Our clock is right now, or no order would come this far.
            self._owed.remove(line)
            self.ask(line, now)
        if not self._is_told and any(line.carries_orders for line in self._queries):
            text = "unfilled orders: the venue has not yet said how many it counts"
            return RefusedReason.LIMIT, text, WAIT_MS
        blocked = unfilled.blocked(self._venue_ns(line, now), user, orders)
        if blocked is None or (may_exceed and not blocked.is_share):
            return None
        wait_ms = -(-blocked.wait_ns // MILLISECOND_NS)
        whose = "this strategy's share" if blocked.is_share else "the account's limit"
        text = (
            f"unfilled orders, {whose}: {blocked.used} of {blocked.count_max} per {blocked.name}"
            f" are used; free in {wait_ms} ms"
        )
        return RefusedReason.LIMIT, text, wait_ms

    def _on_code(self, line: Line, code: str, text: str, now: int) -> None:
        """Act on the code of a refused order."""
        if self._unfilled is None or self._meaning(code) != TOO_MANY_ORDERS:
            return
        name = self._unfilled.exhaust(text, self._venue_ns(line, now))
        said = (
            f"the venue counts more unfilled orders than we do ({text}); none until {name} is over"
        )
        self._log("warning", said, session=line.name)
        self.ask(line, now)

    def _meaning(self, code: str) -> str | None:
        """What a code means beyond the request it refuses."""
        return self._venue.refusals.get(int(code)) if CODE.match(code) else None

    def _venue_ns(self, source: Source, now: int) -> int:
        """The venue's clock as far as we know it."""
        return self._clock.venue_ns(source.lead, now)

    def _fail(self, line: Line, text: str, now: int) -> None:
        self._log("warning", text, session=line.name)
        self.on_told(line, (), text, now)

    def _rows(self, line: Line, message: wire.Message) -> Sequence[Any]:
        response = line.plans[fields.LIMIT_RESPONSE].read(message)
        response.check()
        rows: Sequence[Any] = response.value("limit_indicators") or ()
        if len(rows) > ROWS_MAX:
            raise ValueError(f"it has {len(rows)} limits, more than {ROWS_MAX}")
        return rows

    def _read(self, rows: Sequence[Any]) -> tuple[list[Told], Told | None]:
        """What is said of unfilled orders and of messages. ValueError for what makes no sense."""
        orders: list[Told] = []
        messages = None
        for row in rows:
            kind = self._venue.enums[fields.LIMIT_TYPE].get(row[0])
            if kind not in ("ORDER_LIMIT", "MESSAGE_LIMIT"):
                continue
            told = self._told(*row[1:5])
            if kind == "ORDER_LIMIT":
                orders.append(told)
            elif told.count_max < 1:
                raise ValueError(f"a message limit of {told.count_max}")
            else:
                messages = told
        return orders, messages

    def _told(self, count: Any, count_max: Any, interval: Any, resolution: Any) -> Told:
        unit = self._venue.enums[fields.LIMIT_RESET_INTERVAL_RESOLUTION].get(resolution or "")
        numbers = int(count), int(count_max), int(interval or 0)
        if unit not in UNITS_S or min(numbers) < 0 or max(numbers) > LIMIT_NUMBER_MAX:
            raise ValueError(f"limit {count_max} per {interval} {resolution}, {count} used")
        if numbers[2] < 1:
            raise ValueError(f"a limit per {interval} {unit}")
        interval_ns = numbers[2] * UNITS_S[unit] * self._venue.second_ns
        return Told(numbers[1], interval_ns, f"{numbers[2]} {unit}", numbers[0])
