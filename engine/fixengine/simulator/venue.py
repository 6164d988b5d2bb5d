"""The venue table as the simulator plays it: with or without limits, and at another time scale.

Both are data of the table. Limits that count (messages, connections, attempts, orders) are lifted
by count_max; the time scale divides every interval the venue measures: limit windows, quarantine of
a SenderCompID, the silence before a Logon, HeartBtInt as the venue keeps it, pings and life of
streams. It does not touch the clock rule (RecvWindow, a second ahead): clients run on the real
clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fixengine.fix.venue import Limits, Profile, Venue, Web, at_scale
from fixengine.fix.venues.binance import BINANCE_SPOT

UNLIMITED = 1 << 62
ORDER_ENTRY = "order_entry"
DROP_COPY = "drop_copy"
DROP_COPY_DELAY_S = 1


@dataclass(frozen=True, slots=True)
class Play:
    """A venue table, scaled. limited: whether counting limits hold."""

    venue: Venue
    limited: bool

    @property
    def second_ns(self) -> int:
        """How long the venue's second lasts."""
        return self.venue.second_ns

    @property
    def web(self) -> Web:
        """REST and user data stream."""
        assert self.venue.web is not None, "the table has them"
        return self.venue.web

    def limits(self, role: str) -> Limits:
        """The limits that hold for a kind of session, `off` and time scale already applied."""
        return self.venue.profiles[role].limits


def play(limits: str, time_scale: int) -> Play:
    """The table for --limits (venue or off) and --time-scale (1..TIME_SCALE_MAX)."""
    limited = limits == "venue"
    venue = at_scale(BINANCE_SPOT, time_scale)
    if limited:
        return Play(venue, limited)

    def lifted(profile: Profile) -> Profile:
        real = profile.limits
        limits = Limits(
            messages=real.messages._replace(count_max=UNLIMITED),
            connection_attempts=real.connection_attempts._replace(count_max=UNLIMITED),
            connections_max=UNLIMITED,
            unfilled_orders=tuple(
                one._replace(count_max=UNLIMITED) for one in real.unfilled_orders
            ),
        )
        return profile._replace(limits=limits)

    profiles = {role: lifted(profile) for role, profile in venue.profiles.items()}
    web = venue.web
    if web is not None:
        connections = web.stream.connections._replace(count_max=UNLIMITED)
        web = web._replace(
            weights=web.weights._replace(count_max=UNLIMITED),
            requests=web.requests._replace(count_max=UNLIMITED),
            stream=web.stream._replace(connections=connections),
        )
    return Play(replace(venue, profiles=profiles, web=web), limited)
