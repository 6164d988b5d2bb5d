"""What one address has used of the venue's limits on its web ports, and when it is banned.

Weight and requests are counted in fixed windows. Over the limit every request is refused until the
window ends; whoever goes on asking REFUSED_MAX times meanwhile is banned, for two minutes at first
and twice as long each time, three days at most. How soon is by inference: the documents say only
that going on leads there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fixengine.fix.venue import Web
from fixengine.simulator.admission import Counter

SECOND_NS = 1_000_000_000
REFUSED_MAX = 10
BAN_S, BAN_S_MAX = 120, 259_200
ADDRESSES_MAX = 1000


class Over(NamedTuple):
    """A request that is one too many. until_ns: wall clock. window: whose limit it was."""

    status: int
    until_ns: int
    text: str


@dataclass(slots=True)
class Use:
    """One address. weight: used in the window that began at index."""

    requests: Counter = field(default_factory=Counter)
    index: int = 0
    weight: int = 0
    refused: int = 0
    banned_until_ns: int = 0
    ban_s: int = BAN_S


class Meter:
    """Counts for all addresses."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self._uses: dict[str, Use] = {}

    def used(self, address: str, now: int) -> int:
        """Weight of this window so far."""
        return self._use(address, now).weight

    def add(self, address: str, weight: int, now: int) -> Over | None:
        """Count one request; says so where it is one too many. now: wall clock ns."""
        use, window = self._use(address, now), self.web.weights
        if now < use.banned_until_ns:
            return self._banned(use)
        use.weight += weight
        within = use.requests.add(self.web.requests, now)
        if use.weight <= window.count_max and within:
            return None
        use.refused += 1
        if use.refused > REFUSED_MAX:
            use.refused = 0
            use.banned_until_ns = now + use.ban_s * SECOND_NS
            use.ban_s = min(2 * use.ban_s, BAN_S_MAX)
            return self._banned(use)
        interval = window.interval_ns if within else self.web.requests.interval_ns
        until = (now // interval + 1) * interval
        text = (
            f"Too much request weight used; current limit is {window.count_max} request weight"
            f" per {window.name}. Please use WebSocket Streams for live updates to avoid polling"
            " the API."
        )
        return Over(429, until, text)

    def _use(self, address: str, now: int) -> Use:
        if address not in self._uses and len(self._uses) >= ADDRESSES_MAX:
            self._uses.pop(next(iter(self._uses)))
        use = self._uses.setdefault(address, Use())
        index = now // self.web.weights.interval_ns
        if index != use.index:
            use.index, use.weight, use.refused = index, 0, 0
        return use

    def _banned(self, use: Use) -> Over:
        until_ms = use.banned_until_ns // 1_000_000
        text = (
            f"Way too much request weight used; IP banned until {until_ms}. Please use"
            " WebSocket Streams for live updates to avoid bans."
        )
        return Over(418, use.banned_until_ns, text)
