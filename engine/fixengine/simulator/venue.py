"""The venue table as the simulator plays it: with or without limits, and at another time scale.

Both are data of the table. Limits that count (messages, connections, attempts, orders) are lifted
by count_max; the time scale divides every interval the venue measures: limit windows, quarantine of
a SenderCompID, the silence before a Logon, HeartBtInt as the venue keeps it, pings and life of
streams. It does not touch
the clock rule (RecvWindow, a second ahead): clients run on the real clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fixengine.fix.venue import Limits, Profile, Venue, Web, Window
from fixengine.fix.venues.binance import BINANCE_SPOT, SECOND_NS, WEB

TIME_SCALE_MAX = 1000
UNLIMITED = 1 << 62
ORDER_ENTRY = "order_entry"
DROP_COPY = "drop_copy"
DROP_COPY_DELAY_S = 1


@dataclass(frozen=True, slots=True)
class Play:
    """A venue table and the length of its second. limited: whether counting limits hold."""

    venue: Venue
    web: Web
    second_ns: int
    limited: bool

    def limits(self, role: str) -> Limits:
        """The limits that hold for a kind of session, `off` and time scale already applied."""
        return self.venue.profiles[role].limits


def play(limits: str, time_scale: int) -> Play:
    """The table for --limits (venue or off) and --time-scale (1..TIME_SCALE_MAX)."""
    limited = limits == "venue"

    def window(real: Window) -> Window:
        count_max = real.count_max if limited else UNLIMITED
        return Window(count_max, real.interval_ns // time_scale, real.name)

    def scaled(profile: Profile) -> Profile:
        real = profile.limits
        return profile._replace(
            limits=Limits(
                messages=window(real.messages),
                connection_attempts=window(real.connection_attempts),
                connections_max=real.connections_max if limited else UNLIMITED,
                unfilled_orders=tuple(window(item) for item in real.unfilled_orders),
            )
        )

    profiles = {role: scaled(profile) for role, profile in BINANCE_SPOT.profiles.items()}
    stream = WEB.stream._replace(
        connections=window(WEB.stream.connections),
        ping_ns=WEB.stream.ping_ns // time_scale,
        pong_ns=WEB.stream.pong_ns // time_scale,
        life_ns=WEB.stream.life_ns // time_scale,
    )
    web = WEB._replace(weights=window(WEB.weights), requests=window(WEB.requests), stream=stream)
    venue = replace(BINANCE_SPOT, profiles=profiles, web=web)
    return Play(venue, web, SECOND_NS // time_scale, limited)
