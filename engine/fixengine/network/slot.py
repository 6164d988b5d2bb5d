"""A slot: a place that is to be filled by a session of one role, whatever becomes of each.

A session from its connect to its end is a Leg, named by its SenderCompID. A slot has at most one
leg that serves or is to serve. Once that one is about to be ended by the venue (News<B>), a
successor is opened beside it; when the successor is active it takes over, and the old leg drains:
what it left unanswered is waited for, then it is logged out.

    CONNECTING -> UP -> LEAVING -> DRAINING -> ENDING

Sessions decides when a leg is begun and under which id; here stands only where each one is.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from fixengine.fix.venue import Venue
from fixengine.messages import SessionState

BACKOFF_S_MIN = 1
BACKOFF_S_MAX = 30
STEADY_S = 60
"""A session that lasted so long makes the next attempt a first one again."""


class Post(NamedTuple):
    """What a slot is for.

    number: its place, from 0. role: of the venue's profiles. everything: whether its sessions get
    all reports of the account (ResponseMode EVERYTHING) or only acknowledgements of their own
    requests. lag_ns: how much later than others the venue reports here.
    """

    number: int
    role: str
    everything: bool
    lag_ns: int = 0


CARRIES_ORDERS = "order_entry"
DROP_COPY = "drop_copy"
ONLY_POST = Post(0, CARRIES_ORDERS, everything=True)
"""That of an engine with one session."""


def posts_of(
    venue: Venue, sessions: int, report_sessions: int, drop_copy: bool
) -> tuple[Post, ...]:
    """The posts of an engine; the first report_sessions of its sessions get all reports."""
    posts = [
        Post(number, CARRIES_ORDERS, everything=number < report_sessions)
        for number in range(sessions)
    ]
    if drop_copy:
        lag_ns = venue.profiles[DROP_COPY].lag_ns
        posts.append(Post(sessions, DROP_COPY, everything=True, lag_ns=lag_ns))
    return tuple(posts)


class Phase(StrEnum):
    """Where a leg stands. LEAVING serves until a successor does; ENDING was asked to log out."""

    CONNECTING = "connecting"
    UP = "up"
    LEAVING = "leaving"
    DRAINING = "draining"
    ENDING = "ending"


SERVING = (Phase.UP, Phase.LEAVING)


class Leg:
    """One session. state: what was last told of it. hole: what was missed on it, in words.
    is_dialling: its attempt has not come to the venue yet, or may not have. drain_from_ns,
    drain_until_ns: while it drains, when it may end at the earliest and must at the latest;
    monotonic ns.
    """

    def __init__(self, comp_id: str) -> None:
        self.comp_id = comp_id
        self.phase = Phase.CONNECTING
        self.state = SessionState.CONNECTING
        self.hole = ""
        self.is_dialling = True
        self.up_since_ns: int | None = None
        self.drain_from_ns = 0
        self.drain_until_ns = 0


class Slot:
    """See the module's top.

    leg: what serves, or is to serve next. old: legs that drain or were asked to log out after a
    hand-over. not_before_ns: when the next attempt may be made. told_due_ns: the attempt that was
    announced last. unanswered: ids of sessions that ended without an answered Logout, since one was
    logged on. is_given_up: the venue will never take a session of it. second_ns: the venue's
    second.
    """

    def __init__(self, post: Post, second_ns: int) -> None:
        self.post = post
        self.second_ns = second_ns
        self.leg: Leg | None = None
        self.successor: Leg | None = None
        self.old: list[Leg] = []
        self.last_comp_id = ""
        self.failures = 0
        self.not_before_ns = 0
        self.told_due_ns = 0
        self.unanswered: set[str] = set()
        self.is_given_up = False

    @property
    def legs(self) -> Iterator[Leg]:
        """Every session it has."""
        if self.leg is not None:
            yield self.leg
        if self.successor is not None:
            yield self.successor
        yield from self.old

    @property
    def lacks(self) -> bool:
        """Whether a further session is to be opened: there is none, or it is about to end."""
        if self.is_given_up:
            return False
        if self.leg is None:
            return True
        return self.leg.phase is Phase.LEAVING and self.successor is None and not self.old

    @property
    def serves(self) -> bool:
        """Whether one of its sessions does what the slot is for."""
        return self.leg is not None and self.leg.phase in SERVING

    def begin(self, comp_id: str) -> Leg:
        """A session is opened under this id."""
        leg = Leg(comp_id)
        self.last_comp_id = comp_id
        if self.leg is None:
            self.leg = leg
        else:
            self.successor = leg
        return leg

    def logged_on(self, leg: Leg, now: int, drain_ns_max: int) -> Leg | None:
        """A session is active; the one that now drains because of it."""
        leg.phase = Phase.UP
        leg.up_since_ns = now
        self.unanswered.clear()
        if leg is not self.successor:
            return None
        old, self.leg, self.successor = self.leg, leg, None
        assert old is not None, "a successor has a predecessor, or it is none"
        old.phase = Phase.DRAINING
        # A report that was on its way while the new session logged on still comes here.
        old.drain_from_ns = now + 2 * self.post.lag_ns
        old.drain_until_ns = max(old.drain_from_ns, now + drain_ns_max)
        self.old.append(old)
        return old

    def ended(self, leg: Leg) -> bool:
        """A session is over; whether the slot waits for another attempt because of it."""
        if leg in self.old:
            self.old.remove(leg)
            return False
        if leg is self.successor:
            self.successor = None
            return True
        self.leg, self.successor = self.successor, None
        return self.leg is None

    def pause(self, leg: Leg, now: int, jitter_permille: int, orderly: bool) -> None:
        """A session is over, or about to be; let what comes after it wait, if need be.

        orderly: it ended with an answered Logout, or with notice.
        """
        if leg.up_since_ns is not None and now - leg.up_since_ns >= STEADY_S * self.second_ns:
            # Only a session that lasted shows that what failed before is over.
            self.failures = 0
        if leg in self.old or leg.phase is Phase.LEAVING:
            # What comes after it was settled when its end was announced.
            return
        if orderly and not self.failures:
            # As before maintenance: come back at once, but not from the next as well.
            self.failures = 1
        else:
            self.back_off(now, jitter_permille)

    def back_off(self, now: int, jitter_permille: int) -> None:
        """Let the next attempt wait, longer each time."""
        wait = min(BACKOFF_S_MAX, BACKOFF_S_MIN << min(self.failures, 10)) * self.second_ns
        self.failures += 1
        self.hold(now + wait + wait * jitter_permille // 2000)

    def hold(self, until_ns: int) -> None:
        """No attempt before this time."""
        self.not_before_ns = max(self.not_before_ns, until_ns)
