"""The venue of the world: its own account of what happened, for the checker, and its slowness.

What the exchange was asked and did is noted where it happens, not where it is told. An exchange may
take its time: what came over one session is then carried out later, in order, also when that
session has ended meanwhile, and REST does not know of it before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Protocol

import msgspec
from fixengine.messages import (
    NewOrderSingle,
    OrderAmendKeepPriorityRequest,
    OrderCancelRequest,
    OrderCancelRequestAndNewOrderSingle,
    OrderMassCancelRequest,
)
from fixengine.simulator.accounts import UnfilledOrders
from fixengine.simulator.parameters import Wrong
from fixengine.simulator.venue import ORDER_ENTRY
from fixengine.testing.clock import Clock

from world.checker import Checker
from world.options import Options

NAMES = {
    one.name
    for kind in (
        NewOrderSingle,
        OrderAmendKeepPriorityRequest,
        OrderCancelRequest,
        OrderCancelRequestAndNewOrderSingle,
        OrderMassCancelRequest,
    )
    for one in msgspec.structs.fields(kind)
}
MILLISECOND_NS = 1_000_000
WINDOW_NS = 20_000_000_000
"""Twice the shortest window in which the venue counts orders."""
BLUR_NS = 1_000_000_000


NEW, PENDING_NEW, PENDING_CANCEL, REPLACED = "0", "A", "6", "5"
PLAINLY = (NEW,)
STRANGELY = (
    (PENDING_NEW, NEW),
    (PENDING_NEW, PENDING_NEW, NEW),
    (NEW, REPLACED),
    (PENDING_NEW, REPLACED, REPLACED),
    (REPLACED,),
    (PENDING_NEW,),
    (),
)
"""How a venue may acknowledge an order, which somebody else may amend at once."""


def plainly() -> tuple[str, ...]:
    """As every order is acknowledged."""
    return PLAINLY


class Owner(Protocol):
    """The world, as far as it is told here."""

    checker: Checker

    limits_told: bool

    def count(self, what: str, number: int = 1) -> None:
        """So many steps of the venue."""

    def met(self, trouble: str) -> None:
        """A kind of trouble has come."""

    def cancel_arrives(self, asker: Any, symbol: str, order_id: Any, wire_id: Any) -> None:
        """A cancel is about to be carried out. asker: the connection it came over."""


class Kept(SimpleNamespace):
    """A request that outlives its message."""

    def __getattr__(self, name: str) -> None:
        """What it does not say."""


class VenueOfWorld:
    """Taps the built-in venue. rest_lag_ms: how old what REST knows is. slow_ms: how long what
    comes now waits before it is carried out. acknowledgement: how the next order is acknowledged, a
    status for each report; where that is not plainly, a cancel is told as PENDING_CANCEL first.
    blur_ns: by how much the two sides may differ about when a connection ended.
    """

    def __init__(self, venue: Any, clock: Clock, world: Owner, options: Options) -> None:
        self.rest_lag_ms = 0
        self.slow_ms = 0
        self.acknowledgement = plainly
        self.blur_ns = BLUR_NS
        self._venue = venue
        self._clock = clock
        self._world = world
        self._checker = world.checker
        self._asker: Any = None
        self._last_due_ns: dict[Any, int] = {}
        self._slow_until_ns = 0
        self._ended_by_venue: set[str] = set()
        self._limit(options)
        self._tap_requests()
        self._tap_sessions()
        self._tap_rest()
        venue.server.exchange.watchers.append(self._watch)

    # --- limits -----------------------------------------------------------------------------

    def _limit(self, options: Options) -> None:
        server = self._venue.server
        table = server.play.venue
        profile = table.profiles[ORDER_ENTRY]
        messages = profile.limits.messages._replace(count_max=options.messages_max)
        first, *others = profile.limits.unfilled_orders
        unfilled = first._replace(count_max=options.unfilled_max), *others
        limits = profile.limits._replace(messages=messages, unfilled_orders=unfilled)
        self._venue._account.unfilled = UnfilledOrders(unfilled)
        profiles = {**table.profiles, ORDER_ENTRY: profile._replace(limits=limits)}
        server.play = server.requests._play = replace(
            server.play, venue=replace(table, profiles=profiles)
        )

    # --- requests ---------------------------------------------------------------------------

    def _tap_requests(self) -> None:
        requests, exchange = self._venue.server.requests, self._venue.server.exchange
        carry_out = requests._order

        def asked(connection: Any, *given: Any) -> None:
            self._world.count("venue takes")
            self._asker = connection
            carry_out(connection, *given)
            self._asker = None

        requests._order = asked
        for name, carry in (
            ("new_order", self._order),
            ("cancel", self._cancel),
            ("cancel_replace", self._replace),
            ("amend", self._simply),
            ("mass_cancel", self._simply),
        ):
            setattr(exchange, name, self._tapped(getattr(exchange, name), carry))

    def _tapped(self, original: Any, carry: Any) -> Any:
        """A method of the exchange, carried out in its time and noted where it is ours."""

        def asked(account: Any, request: Any, now: int) -> Any:
            if account is not self._venue._account:
                return original(account, request, now)
            asker = self._asker
            return self._in_time(lambda one, at: carry(original, asker, one, at), request, now)

        return asked

    def _in_time(self, action: Callable[[Any, int], Any], request: Any, now: int) -> Any:
        """Carry out a request of ours now, or behind what is slow; then its session is told."""
        asker, at = self._asker, self._clock.now_ns
        due_ns = max(at + self.slow_ms * MILLISECOND_NS, self._last_due_ns.get(asker, 0))
        if due_ns <= at or asker is None:
            return action(request, now)
        self._last_due_ns[asker] = due_ns
        self._slow_until_ns = max(self._slow_until_ns, due_ns + WINDOW_NS)
        # A request is read from the bytes of its message, which will be gone.
        kept = Kept(**{name: getattr(request, name, None) for name in NAMES})

        def later() -> None:
            answers = action(kept, self._clock.wall_ns())
            delivery = self._venue.server.delivery
            delivery.deliver(answers, asker, self._clock.now_ns)
            delivery.flush(self._clock.now_ns)

        self._clock.at(due_ns, later)
        return []

    def _simply(self, original: Any, asker: Any, request: Any, now: int) -> Any:
        return original(self._venue._account, request, now)

    def _replace(self, replace: Any, asker: Any, request: Any, now: int) -> Any:
        ids = request.symbol, request.order_id, request.orig_cl_ord_id
        self._world.cancel_arrives(asker, *ids)
        self._checker.arrives(request.strategy_id, request.cl_ord_id)
        return replace(self._venue._account, request, now)

    def _order(self, new_order: Any, asker: Any, request: Any, now: int) -> Any:
        self._checker.arrives(request.strategy_id, request.cl_ord_id)
        answers = new_order(self._venue._account, request, now)
        first = answers[0]
        if first.values["exec_type"] != NEW:
            return answers
        told = self.acknowledgement()
        if told != PLAINLY:
            self._world.met(f"acknowledged as {'+'.join(told) or 'nothing'}")
        head = [self._as(first, status, at) for at, status in enumerate(told)]
        return [*head, *answers[1:]]

    def _as(self, answer: Any, status: str, number: int) -> Any:
        """The same report with another status; those that are not the venue's own have an ExecID
        of their own.
        """
        if status == answer.values["ord_status"]:
            return answer
        values = {**answer.values, "exec_type": status, "ord_status": status}
        values["exec_id"] = f"{number}-{values['exec_id']}"
        return answer._replace(values=values)

    def _cancel(self, cancel: Any, asker: Any, request: Any, now: int) -> Any:
        ids = request.symbol, request.order_id, request.orig_cl_ord_id
        self._world.cancel_arrives(asker, *ids)
        answers = cancel(self._venue._account, request, now)
        last = answers[-1]
        if last.kind == b"8" and self.acknowledgement() != PLAINLY:
            self._world.met("PENDING_CANCEL")
            answers = [self._as(last, PENDING_CANCEL, 0), last]
        return answers

    def _watch(self, answers: list[Any], now: int) -> None:
        self._world.count("venue sends", len(answers))
        for answer in answers:
            values = answer.values
            if answer.account is not self._venue._account:
                continue
            if answer.kind == b"8" and values.get("order_id") and answer.push:
                self._checker.venue_report(values)
            # What was slow counts later than it was sent, and beside what was sent later.
            was_slow = self._clock.now_ns < self._slow_until_ns
            if values.get("venue_code") in ("-1015", -1015) and not was_slow:
                self._checker.breach("I6", f"the venue refuses: {values.get('text')}")

    # --- sessions ---------------------------------------------------------------------------

    def _tap_sessions(self) -> None:
        server = self._venue.server
        connected, end, judge = server.connected, server.end, server.admission.judge

        def comes(connection: Any) -> None:
            connected(connection)
            emit = connection.session._emit

            def says(kind: bytes, *given: Any) -> None:
                if kind == b"5":
                    self._ended_by_venue.add(connection.comp_id)
                emit(kind, *given)

            connection.session._emit = says
            if not connection.within_limit:
                self._checker.breach("I6", "more connection attempts than allowed")

        def ends(connection: Any, text: str, now: int) -> None:
            if text.startswith("Too many") and self._world.limits_told:
                self._checker.breach("I6", f"the venue ends a session: {text}")
            end(connection, text, now)

        def judged(message: Any, role: str, within_limit: bool, now: int) -> Any:
            found = judge(message, role, within_limit, now)
            if getattr(found, "code", None) in (-1033, -1034):
                self._refused(found.text, message.get_str(49), role, now + self.blur_ns)
            else:
                self._ended_by_venue.discard(message.get_str(49))
            return found

        server.connected, server.admission.judge = comes, judged
        server.end = server.acts._end = ends

    def _refused(self, text: str, comp_id: str, role: str, soon: int) -> None:
        """A Logon is refused; that the venue lets go a little later than we think is no breach."""
        (credential,) = self._venue.server.admission._credentials.values()
        held = {
            name
            for name, taken in credential.taken.items()
            if taken.role == role and (taken.free_at is None or taken.free_at > soon)
        }
        places = self._venue.server.play.limits(role).connections_max
        # Where its Logout met ours on the way, each may take the other's for the answer.
        held -= self._ended_by_venue
        if comp_id in held or len(held) >= places or "attempts" in text:
            self._checker.breach("I6", f"the venue refuses a Logon as {comp_id}: {text}")

    # --- REST -------------------------------------------------------------------------------

    def _tap_rest(self) -> None:
        call = self._venue.call

        def asked(name: str, parameters: Any) -> Any:
            self._world.met("REST asked")
            try:
                found = call(name, parameters)
            except Wrong as wrong:
                if wrong.status in (418, 429):
                    self._checker.breach("I6", f"REST: {wrong.text}")
                raise
            # The copy that answers is behind: it does not know yet what has come last.
            known_ms = self._clock.wall_ns() // MILLISECOND_NS - self.rest_lag_ms
            if name == "order" and found["time"] > known_ms:
                raise Wrong(400, -2013, "Order does not exist.")
            if name == "myTrades":
                return [trade for trade in found if trade["time"] <= known_ms]
            return found

        self._venue.call = asked
