"""What a seed decides before anything happens."""

from __future__ import annotations

import random
from typing import NamedTuple


class Options(NamedTuple):
    """trouble: how much of it, in per mille of the steps. kills: the same of kills. gentle: only
    what leaves the link standing. late: above all, one session tells behind the others.
    messages_max: of a session in ten seconds, at the venue; unfilled_max: of orders of the account
    in ten seconds. orders_max: open at once, of our own accord. durability: of the journal;
    disk_ms: how long its disk takes, the longest beyond what a cancel waits for it. followed: by
    the user data stream.
    """

    strategies: int
    sessions: int
    drop_copy: bool
    on_death: str
    recv_window_ms: int
    trouble: int
    kills: int
    skew_ms: int
    gentle: bool
    late: bool
    messages_max: int
    unfilled_max: int
    orders_max: int
    by_symbol: bool
    durability: str
    disk_ms: int
    followed: bool


def options_of(chance: random.Random) -> Options:
    """The first draws of a seed."""
    late = chance.random() < 0.25
    gentle = late or chance.random() < 0.3
    return Options(
        strategies=chance.choice((1, 2, 3)),
        sessions=chance.choice((2, 3) if late else (1, 2, 2, 3)),
        drop_copy=chance.random() < 0.4,
        on_death=chance.choice(("keep", "keep", "cancel")),
        recv_window_ms=chance.choice((1000, 5000)),
        trouble=120 if late else chance.choice((30, 60) if gentle else (0, 40, 80, 150)),
        kills=0 if gentle else chance.choice((5, 15, 30)),
        skew_ms=chance.choice((0, 0, -400, 300)),
        gentle=gentle,
        late=late,
        messages_max=chance.choice((100, 10_000)),
        unfilled_max=chance.choice((40, 200)),
        orders_max=chance.choice((25, 100_000, 100_000)),
        by_symbol=chance.random() < 0.3,
        durability=chance.choice(("power", "process", "process", "process")),
        disk_ms=chance.choice((0, 10, 200)),
        followed=chance.random() < 0.3,
    )
