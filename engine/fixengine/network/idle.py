"""Who sends much that leads to nothing is not heard for the rest of the second.

Each message takes the loop as long as an order does, so one strategy's could starve the others'.
Cancels are heard nevertheless, up to a bound of their own: who overloads the engine with orders
must be able to end those that live.

Who has said no Hello may come with a new socket for each few messages, so their rubbish is counted
for all of them together. What is too much of it is passed over: muted sockets hold up the bus.
"""

from __future__ import annotations

from fixengine.messages import OrderCancelRequest, OrderMassCancelRequest, RefusedReason
from fixengine.network.reports import Log
from fixengine.network.strategies import Strategies
from fixengine.network.teller import Teller

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
IDLE_PER_SECOND_MAX = 5000
"""Messages of one socket in a second that lead to no order and acknowledge nothing."""
CANCELS_PER_SECOND_MAX = 1000
"""As many more may count before not even a cancel is heard; those that go out do not count."""
CANCELS = tuple(kind.__name__.encode() for kind in (OrderCancelRequest, OrderMassCancelRequest))
CANCEL_AT = 2
"""Where they stand in the bytes of a cancel, behind two of msgpack's."""
RUBBISH_WEIGHT = 50
"""As how many of these counts what is no message, a Hello, or anything before Hello."""
STRANGERS_PER_SECOND_MAX = IDLE_PER_SECOND_MAX // RUBBISH_WEIGHT
"""Rubbish of those who are no strategy that is answered and recorded in a second."""


class Idle:
    """Counts by socket what led to nothing in this second."""

    def __init__(self, strategies: Strategies, teller: Teller, log: Log) -> None:
        self._strategies = strategies
        self._teller = teller
        self._log = log
        self._counts: dict[bytes, int] = {}
        self._strangers = 0
        self._told = False
        self._since_ns = 0

    def hears(self, peer: bytes, payload: bytes, now: int) -> bool:
        """Whether a message of this socket is to be looked at."""
        if now - self._since_ns >= SECOND_NS:
            # Here, for while the bus is busy the timer is moved on and on.
            too_many = self._strangers > STRANGERS_PER_SECOND_MAX
            self._told = too_many and now - self._since_ns < 2 * SECOND_NS
            self._strangers = 0
            self._since_ns = now
            self._counts.clear()
        beyond = self._counts.get(peer, 0) - IDLE_PER_SECOND_MAX
        return beyond <= 0 or (
            beyond <= CANCELS_PER_SECOND_MAX and payload.startswith(CANCELS, CANCEL_AT)
        )

    def passes_over(self, peer: bytes) -> bool:
        """Count rubbish of this socket; whether it goes without answer and record.

        That is said once, for as long as each second has too much.
        """
        if self._strategies.of(peer) is not None:
            return False
        self._strangers += 1
        if self._strangers <= STRANGERS_PER_SECOND_MAX:
            return False
        if not self._told:
            self._told = True
            text = "bus: connections that have said no Hello send rubbish, which is passed over"
            self._log("warning", f"{text}; see whose they are: ss -xp", event="bus")
        return True

    def count(self, peer: bytes, weight: int, now: int) -> None:
        """Count what led to nothing; where it is too much, say so once, for the peer is muted."""
        before = self._counts.get(peer, 0)
        self._counts[peer] = before + weight
        if not before <= IDLE_PER_SECOND_MAX < before + weight:
            return
        strategy = self._strategies.of(peer)
        if strategy is None:
            return
        what = "too much that leads to no order" if weight == 1 else "rubbish"
        self._log("warning", f"strategy {strategy.name} sends {what}; muted for a second")
        if weight == 1:
            text = (
                f"{IDLE_PER_SECOND_MAX} messages in this second led to no order;"
                " of the rest of it only cancels are heard"
            )
            wait_ms = max(1, (self._since_ns + SECOND_NS - now) // MILLISECOND_NS)
            self._teller.refuse(strategy, "", (RefusedReason.LIMIT, text, wait_ms), now)
