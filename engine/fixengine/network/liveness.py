"""Whether each strategy is alive, and what becomes of its orders when it is not.

A strategy is gone when its socket is, or when it says nothing for longer than its policy allows,
though its client says a Heartbeat in time. One that comes back within the grace finds everything as
it was. After that its policy holds: its open orders are kept, or handed over to an heir (see
heirs.py), or each is cancelled by its OrderID, some at a time, within the limits and again until
the venue says that it is over. The strategy is told of those cancels as of its own, when it is
back.

A strategy that never came since the engine started is gone as well: its grace begins with the run.

Where the engine is to end with no order open (`end_all`), the same is done for every strategy,
whether it is there or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from fixengine.desk.orders import Kind, Order, Orders
from fixengine.desk.standings import FINAL, Standing
from fixengine.network.reports import Log
from fixengine.network.strategies import Strategies, Strategy

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
PROBE_NS = SECOND_NS
STEP_NS = 50 * MILLISECOND_NS
CANCELS_PER_STEP = 10
HANDED_PER_STEP = 5
STOP_STEP_NS = 10 * MILLISECOND_NS
STOP_CANCELS_PER_STEP = 20
"""Of all strategies together where the engine stops, when no new order needs the walk: 2,000 a
second, which the venue's limit of messages holds back where it is lower.
"""
NONE_OPEN = "none of its orders is open any more"
AGAIN_NS = 5 * SECOND_NS
"""An order whose cancel nobody answers is cancelled again after so long."""
REFUSED_AGAIN_NS = SECOND_NS // 2
"""The same where the cancel was refused: its order is over, which will be told, or it lives."""


class Policy(NamedTuple):
    """What holds of a strategy. cancels: its orders, once it is gone for grace_ns. silence_ns_max:
    how long it may say nothing while it is connected; 0: for ever. heir: who gets its orders then.
    """

    cancels: bool = False
    grace_ns: int = 5 * SECOND_NS
    silence_ns_max: int = 0
    heir: str = ""


NO_POLICIES: Mapping[str, Policy] = {}
KEEP = Policy()
END = Policy(cancels=True)

Cancel = Callable[[Strategy, Order, int], str | None]
"""Sends a cancel of an order; why it cannot leave now, or None."""


HandOver = Callable[[Strategy, Order, str, int], str | None]
"""Hands an order over to the heir of this name; why it cannot be now, or None."""


class Liveness:
    """See the module's top. policies: by strategy; `otherwise` holds for those without one.

    deadline: when `tick` matters next, where that is soon: strategies that are gone, or may be.
    """

    def __init__(
        self,
        strategies: Strategies,
        orders: Orders,
        cancel: Cancel,
        hand_over: HandOver,
        log: Log,
        policies: Mapping[str, Policy],
        otherwise: Policy,
    ) -> None:
        self._strategies = strategies
        self._orders = orders
        self._cancel = cancel
        self._hand_over = hand_over
        self._log = log
        self._policies = policies
        self._otherwise = otherwise
        self._gone: set[str] = set()
        self._left_ns: dict[str, int] = {}
        self._ending: set[str] = set()
        self._cannot: dict[str, str] = {}
        self._suspects: set[str] = set()
        self._ends_all = False
        self._asked_ns: dict[Order, int] = {}
        self._probed_ns = -PROBE_NS
        self._due_ns = 0
        self.deadline: int | None = None

    @property
    def open_count(self) -> int:
        """How many orders of all strategies are not known to be over."""
        return sum(len(self._open_of(one)) for one in self._strategies.by_number.values())

    @property
    def open_ids(self) -> tuple[str, ...]:
        """Ids by which the venue knows these orders."""
        strategies = self._strategies.by_number.values()
        return tuple(order.wire_id for one in strategies for order in self._open_of(one))

    def end_all(self) -> None:
        """From the next tick on, cancel every open order until none is left."""
        self._ends_all = True
        self._due_ns = 0
        self._set_deadline()

    def policy(self, name: str) -> Policy:
        """What holds of a strategy of this name."""
        return self._policies.get(name, self._otherwise)

    def tick(self, now: int) -> None:
        """Time has passed."""
        if now < self._due_ns:
            return
        self._due_ns = now + (STOP_STEP_NS if self._ends_all else STEP_NS)
        self._look_at_all(now)
        self._set_deadline()

    def _look_at_all(self, now: int) -> None:
        if now - self._probed_ns >= PROBE_NS:
            self._probed_ns = now
            self._strategies.probe(now)
        for strategy, behind in self._strategies.take_lagging():
            text = f"strategy {strategy.name} is lagging, {behind} events behind: it is cut off"
            self._log("warning", text, event="lagging")
        for order in [one for one in self._asked_ns if one.standing in FINAL]:
            del self._asked_ns[order]
        if self._ends_all:
            self._end_all(now)
            return
        # An heir may be entered meanwhile.
        for strategy in list(self._strategies.by_number.values()):
            why = self._why_gone(strategy, now)
            if why is None:
                self._back(strategy)
                continue
            policy = self.policy(strategy.name)
            if strategy.name not in self._gone:
                self._gone.add(strategy.name)
                self._say_gone(strategy, why, policy)
            if policy.cancels or policy.heir:
                self._end_orders(strategy, policy, now, CANCELS_PER_STEP)

    def _set_deadline(self) -> None:
        self.deadline = self._due_ns if self._ending or self._suspects else None

    def _end_all(self, now: int) -> None:
        left = STOP_CANCELS_PER_STEP
        for strategy in self._strategies.by_number.values():
            left -= self._end_orders(strategy, END, now, left)

    def _why_gone(self, strategy: Strategy, now: int) -> str | None:
        policy = self.policy(strategy.name)
        if strategy.peer is None:
            self._suspects.discard(strategy.name)
            # One that is quiet and leaves was heard of long ago: what counts is when it left.
            left_ns = self._left_ns.setdefault(strategy.name, now)
            return "is gone" if now - left_ns >= policy.grace_ns else None
        self._left_ns.pop(strategy.name, None)
        silent_ns = now - strategy.heard_ns
        if not policy.silence_ns_max or silent_ns < policy.silence_ns_max:
            self._suspects.discard(strategy.name)
            return None
        if strategy.name not in self._gone and strategy.name not in self._suspects:
            # It may be we who were stopped: what it said meanwhile is read before the next look.
            self._suspects.add(strategy.name)
            return None
        self._suspects.discard(strategy.name)
        return f"says nothing for {silent_ns // MILLISECOND_NS} ms"

    def _say_gone(self, strategy: Strategy, why: str, policy: Policy) -> None:
        count = len(self._open_of(strategy))
        if count:
            what = "are cancelled" if policy.cancels else "stay"
            what = f"are handed over to {policy.heir}" if policy.heir else what
            text = f"strategy {strategy.name} {why}: its open orders ({count}) {what}"
            self._log("info" if what == "stay" else "warning", text, event="gone")

    def _end_orders(self, strategy: Strategy, policy: Policy, now: int, cancels_max: int) -> int:
        """Go on with it; how many cancels were sent."""
        if self._open_of(strategy):
            self._ending.add(strategy.name)
            if not policy.heir:
                return self._cancel_some(strategy, now, cancels_max)
            self._hand_over_some(strategy, policy.heir, now)
        elif strategy.name in self._ending:
            self._ending.remove(strategy.name)
            what = f"all its orders are {policy.heir}'s" if policy.heir else NONE_OPEN
            self._log("info", f"strategy {strategy.name}: {what}", event="gone")
        return 0

    def _hand_over_some(self, strategy: Strategy, heir: str, now: int) -> None:
        for order in self._open_of(strategy)[:HANDED_PER_STEP]:
            if order.standing is Standing.PENDING:
                return
            why = self._hand_over(strategy, order, heir, now)
            if why is not None and self._cannot.get(strategy.name) != why:
                self._cannot[strategy.name] = why
                text = f"{order.wire_id} cannot be handed over to {heir} yet: {why}"
                self._log("error", text, event="gone")
            if why is not None:
                return

    def _back(self, strategy: Strategy) -> None:
        """It lives: nothing more is cancelled for it."""
        if strategy.name in self._gone:
            self._gone.remove(strategy.name)
            self._ending.discard(strategy.name)
            for order in [one for one in self._asked_ns if one.strategy == strategy.number]:
                del self._asked_ns[order]

    def _cancel_some(self, strategy: Strategy, now: int, cancels_max: int) -> int:
        left = cancels_max
        waits_for: set[int] = set()
        for order in self._open_of(strategy):
            if left == 0 or order.standing is Standing.PENDING:
                break
            asked_ns = self._asked_ns.get(order)
            cancels = (one for one in order.cancels if one.kind is Kind.CANCEL)
            is_open = any(one.standing not in FINAL for one in cancels)
            pause_ns = AGAIN_NS if is_open else REFUSED_AGAIN_NS
            if asked_ns is not None and now - asked_ns < pause_ns:
                continue
            if asked_ns is None and is_open:
                # The strategy's own may be under way. One that nobody answers is no answer.
                self._asked_ns[order] = now
                continue
            if order.order_id is None and order.line in waits_for:
                continue
            if self._cancel(strategy, order, now) is None:
                self._asked_ns[order] = now
                left -= 1
            elif order.order_id is None:
                # It has to wait for its own session, and those of other sessions need not.
                waits_for.add(order.line)
            else:
                break
        return cancels_max - left

    def _open_of(self, strategy: Strategy) -> list[Order]:
        return [one for one in self._orders.open_of(strategy.number) if one.is_order]
