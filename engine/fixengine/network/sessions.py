"""The control plane, sans-I/O: which sessions there are to be, under which SenderCompID, and when.

It is told what happened and answers with effects; the process carries them out. Every session is
named by its SenderCompID, which no two have at once. What is guarded here:

* A venue locks the SenderCompID of a session that ended without an answered Logout for twice
  HeartBtInt. A CompID is therefore marked in use before the connect and cleared only when the
  venue certainly holds nothing against it; a marked one is not used again before its time. So long
  its connection counts among those that the venue allows at once.
* Connection attempts never exceed the venue's window, whatever fails: it counts those of all
  sessions of an account together, those of a hand-over among them. One is counted from its decision
  on, and a whole window from its outcome: in between it may come to the venue at any time, for its
  mark waits for the disk and its packets for the network.
* A session that the venue is about to end is replaced before it ends (see slot.py). However often
  the venue says so, one successor is opened at a time; where it says so of every new session, each
  waits longer, and some attempts are left to posts that have no session at all.
* A refusal that another attempt cannot cure (wrong key, wrong signature) ends the attempts. What
  is up goes on: its orders are better watched than left alone. Where only a place is wrong, it
  ends those of its post.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from fixengine.fix.states import Event, Happening
from fixengine.fix.venue import Venue, Window
from fixengine.messages import SessionState
from fixengine.network.slot import CARRIES_ORDERS, Leg, Phase, Post, Slot

SECOND_NS = 1_000_000_000
DRAIN_NS_MAX = 10 * SECOND_NS
ATTEMPT_LAG_NS = SECOND_NS
"""How much longer than its window an attempt counts: a Logon follows the connection, and two need
not take the same time to the venue.
"""
SPARED_ATTEMPTS = 5
"""Of the venue's window: what hand-overs leave to posts without a session."""


class Connect(NamedTuple):
    """Connect and log on under this SenderCompID for this post; mark it in use on disk before."""

    comp_id: str
    post: Post


class Clear(NamedTuple):
    """The venue holds nothing against this SenderCompID: clear its mark."""

    comp_id: str


class LogOut(NamedTuple):
    """Ask this session for an orderly end; where it is still being connected, give that up."""

    comp_id: str
    text: str


class SetClock(NamedTuple):
    """The venue found our SendingTime wrong: sample the wall clock at once."""


class Status(NamedTuple):
    """Tell the strategies and the operator.

    comp_id: which session; of a slot that waits, the one it had last. until_ns: monotonic ns of
    the next attempt, where one is waited for. alarm: somebody should look into it.
    """

    comp_id: str
    state: SessionState
    text: str
    until_ns: int | None = None
    alarm: bool = False


class Ended(NamedTuple):
    """No session is left and no further attempt will be made. clean: each last Logout was
    answered; the text names those that were not.
    """

    text: str
    clean: bool
    failed: bool


Effect = Connect | Clear | LogOut | SetClock | Status | Ended


class Sessions:
    """Keeps one session in each slot alive.

    comp_ids: the pool of SenderCompIDs, more than there are posts. drain_ns_max: how long an old
    session is kept for what it left unanswered. locked_until_ns: by CompID, monotonic ns before
    which it must not be used. attempts_ns: monotonic ns of attempts made before this start.

    deadline: monotonic ns at which `tick` matters next; None while something else must happen.
    draining: SenderCompIDs that `drained` is to be called for once they have nothing unanswered.
    """

    def __init__(
        self,
        venue: Venue,
        posts: Sequence[Post],
        comp_ids: tuple[str, ...],
        heartbeat_ns: int,
        *,
        drain_ns_max: int = DRAIN_NS_MAX,
        locked_until_ns: dict[str, int] | None = None,
        attempts_ns: tuple[int, ...] = (),
    ) -> None:
        self.venue = venue
        self.comp_ids = comp_ids
        self.heartbeat_ns = heartbeat_ns
        self.drain_ns_max = drain_ns_max
        self.window = venue.profiles[CARRIES_ORDERS].limits.connection_attempts
        self.slots = [Slot(post, venue.second_ns) for post in posts]
        self.deadline: int | None = 0
        self.draining: tuple[str, ...] = ()
        self._stopping = False
        self._refused_for_good = ""
        self._last_comp_id = ""
        self._locked_until_ns = dict(locked_until_ns or {})
        self._locked_role: dict[str, str] = {}
        self._attempts_ns: deque[int] = deque(attempts_ns, maxlen=self.window.count_max)
        self._not_before_ns = 0

    @property
    def state(self) -> SessionState:
        """The best of all that may carry orders: ACTIVE while one of them does."""
        slots = [slot for slot in self.slots if slot.post.role == CARRIES_ORDERS]
        if any(slot.serves for slot in slots):
            return SessionState.ACTIVE
        told = {leg.state for slot in slots for leg in slot.legs}
        better = SessionState.DRAINING, SessionState.STALE, SessionState.CONNECTING
        return next((state for state in better if state in told), SessionState.DOWN)

    # --- what the process tells -------------------------------------------------------------

    def tick(self, now: int) -> list[Effect]:
        """Connect where it is time; say once why it is not; end what has drained long enough."""
        effects: list[Effect] = []
        for slot in self.slots:
            for leg in slot.old:
                if leg.phase is Phase.DRAINING and now >= leg.drain_until_ns:
                    effects.append(self._log_out(leg, "handed over, though not all was answered"))
        if not self._stopping and not self._refused_for_good:
            # What has no session at all comes before what is to be replaced.
            for slot in sorted(self.slots, key=lambda slot: slot.leg is not None):
                effects += self._advance(slot, now)
        return self._planned(effects)

    def connected(self, comp_id: str, now: int) -> None:
        """TCP and TLS of a session stand."""
        _, leg = self._find(comp_id)
        self._count(leg, now)

    def disconnected(self, comp_id: str, now: int) -> None:
        """The connection of a session is gone, maybe long after its end: its id rests from now."""
        locked = self._locked_until_ns.get(comp_id, 0) > now
        if locked and comp_id in self._unused():
            self._locked_until_ns[comp_id] = now + 2 * self.heartbeat_ns
            self._planned([])

    def connect_failed(
        self, comp_id: str, text: str, now: int, jitter_permille: int
    ) -> list[Effect]:
        """No session came to be: TCP, TLS or the certificate failed."""
        slot, leg = self._find(comp_id)
        self._count(leg, now)
        if not self._stopping:
            slot.back_off(now, jitter_permille)
        return self._planned([Clear(comp_id), *self._end(slot, leg, text, now, clean=None)])

    def on_event(self, comp_id: str, event: Event, now: int, jitter_permille: int) -> list[Effect]:
        """Something happened to a session."""
        slot, leg = self._find(comp_id)
        self._count(leg, now)
        effects: list[Effect] = []
        if event.kind is Happening.LOGGED_ON:
            effects = self._logged_on(slot, leg, now)
        elif event.kind is Happening.STALE:
            leg.hole = event.text
            effects = [self._tell(leg, SessionState.STALE, event.text, alarm=True)]
            effects.append(self._log_out(leg, "MsgSeqNum gap"))
        elif event.kind is Happening.NEWS:
            effects = self._leaving(slot, leg, event.text, now, jitter_permille)
        elif event.kind is Happening.LOGON_REFUSED:
            effects = self._refused(slot, leg, event, now, jitter_permille)
        elif event.kind in (Happening.LOGGED_OUT, Happening.LOST):
            effects = self._over(slot, leg, event, now, jitter_permille)
        return self._planned(effects)

    def drained(self, comp_id: str, now: int) -> list[Effect]:
        """A session of `draining` has nothing unanswered."""
        _, leg = self._find(comp_id)
        if leg.phase is not Phase.DRAINING or now < leg.drain_from_ns:
            return []
        return self._planned([self._log_out(leg, "handed over")])

    def stop(self, text: str, now: int) -> list[Effect]:
        """End for good: log out whatever there is."""
        if self._stopping:
            return []
        self._stopping = True
        for slot in self.slots:
            if slot.serves:
                # What was handed over to it, and lost, is of no interest any more.
                slot.unanswered.clear()
        effects: list[Effect] = [self._log_out(leg, text) for leg in self._legs()]
        return self._planned(effects or [self._ended(text)])

    # --- how a session begins ---------------------------------------------------------------

    def _advance(self, slot: Slot, now: int) -> list[Effect]:
        """Open the session that a slot lacks, if it is time."""
        due, why = self._due(slot)
        if due is None:
            return []
        if now < due:
            return [] if due == slot.told_due_ns else [self._waiting(slot, why, due, now)]
        leg = slot.begin(self._next_comp_id(now))
        self._last_comp_id = leg.comp_id
        text = f"connecting as {leg.comp_id}"
        return [
            self._tell(leg, SessionState.CONNECTING, text),
            Connect(leg.comp_id, slot.post),
        ]

    def _logged_on(self, slot: Slot, leg: Leg, now: int) -> list[Effect]:
        if leg.phase is Phase.ENDING:
            # The answer to a Logon that was under way when the stop came; its Logout follows.
            leg.up_since_ns = now
            slot.unanswered.clear()
            return []
        old = slot.logged_on(leg, now, self.drain_ns_max)
        effects: list[Effect] = [
            self._tell(leg, SessionState.ACTIVE, f"session {leg.comp_id} is active")
        ]
        if old is not None:
            text = f"handed over to session {leg.comp_id}"
            effects.append(self._tell(old, SessionState.DRAINING, text))
        return effects

    def _leaving(
        self, slot: Slot, leg: Leg, text: str, now: int, jitter_permille: int
    ) -> list[Effect]:
        """The venue is about to end a session."""
        told = self._tell(leg, SessionState.DRAINING, text)
        if leg.phase is not Phase.UP:
            return [told]
        slot.pause(leg, now, jitter_permille, orderly=True)
        leg.phase = Phase.LEAVING
        due, why = self._due(slot)
        if due is None or due <= now:
            return [told]
        return [self._waiting(slot, f"{text}; {why}" if why else text, due, now)]

    # --- how a session ends -----------------------------------------------------------------

    def _over(
        self, slot: Slot, leg: Leg, event: Event, now: int, jitter_permille: int
    ) -> list[Effect]:
        """A session that was logged on is over."""
        text = event.text or "logged out"
        if leg.hole:
            # Why it ended is not what the venue answers to our Logout.
            text = leg.hole if event.clean else f"{leg.hole}; {text}"
        slot.pause(leg, now, jitter_permille, orderly=event.clean)
        if event.clean:
            return [Clear(leg.comp_id), *self._end(slot, leg, text, now, clean=True)]
        self._lock(slot, leg, now)
        limit = self.venue.too_many_messages
        if limit is None or not event.text.startswith(limit):
            return self._end(slot, leg, text, now, clean=False)
        slot.hold(now + self.venue.profiles[slot.post.role].limits.messages.interval_ns)
        return self._end(slot, leg, text, now, clean=False, alarm=True)

    def _refused(
        self, slot: Slot, leg: Leg, event: Event, now: int, jitter_permille: int
    ) -> list[Effect]:
        """The venue did not take a Logon; its code says what that means for the next one."""
        slot.back_off(now, jitter_permille)
        if event.code is None:
            self._lock(slot, leg, now)
            return self._end(slot, leg, f"Logon failed: {event.text}", now, clean=False)
        text = f"{event.text} ({event.code})"
        action = self.venue.refusals.get(event.code)
        effects: list[Effect] = [Clear(leg.comp_id)]
        if action == "wrong_place" and slot.post.role == CARRIES_ORDERS:
            # So it would be for every session that carries orders.
            action = "stop"
        elif action == "wrong_place":
            slot.is_given_up = True
            text = f"{REFUSED}: {text}; check the place of the {slot.post.role} session"
            return effects + self._end(slot, leg, text, now, None, alarm=True)
        if action == "stop" and not self._stopping:
            text = f"{REFUSED}: {text}; check the key and its rights, and where we connect to"
            self._refused_for_good = text
            for each in self.slots:
                each.unanswered.clear()
            return effects + self._end(slot, leg, text, now, None, alarm=True)
        if action == "next_comp_id":
            self._lock(slot, leg, now)
            return self._end(slot, leg, f"Logon refused: {text}", now, clean=False)
        if action == "wait":
            self._not_before_ns = max(self._not_before_ns, now + self.window.interval_ns)
        elif action == "set_clock":
            effects.append(SetClock())
        return effects + self._end(slot, leg, f"Logon refused: {text}", now, clean=None)

    def _end(
        self,
        slot: Slot,
        leg: Leg,
        text: str,
        now: int,
        clean: bool | None,
        alarm: bool = False,
    ) -> list[Effect]:
        """Take a session out of its slot. clean None: there was none that could be unclean."""
        waits = slot.ended(leg)
        if clean is False:
            slot.unanswered.add(leg.comp_id)
        if self._stopping or self._refused_for_good:
            told = self._tell(leg, SessionState.DOWN, text, alarm=alarm)
            return [told] if any(self._legs()) else [told, self._ended(text)]
        due, why = self._due(slot) if waits else (None, "")
        if due is None:
            return [self._tell(leg, SessionState.DOWN, text, alarm=alarm)]
        status = self._waiting(slot, f"{text}; {why}" if why else text, due, now)
        return [status._replace(comp_id=leg.comp_id, state=SessionState.DOWN, alarm=alarm)]

    def _ended(self, text: str) -> Ended:
        unanswered = sorted(set().union(*(slot.unanswered for slot in self.slots)))
        if unanswered:
            text = f"no Logout was answered of the last session as {', '.join(unanswered)}"
        failed = bool(self._refused_for_good)
        return Ended(self._refused_for_good or text, not unanswered, failed)

    # --- small steps ------------------------------------------------------------------------

    def _legs(self) -> list[Leg]:
        return [leg for slot in self.slots for leg in slot.legs]

    def _find(self, comp_id: str) -> tuple[Slot, Leg]:
        for slot in self.slots:
            for leg in slot.legs:
                if leg.comp_id == comp_id:
                    return slot, leg
        raise KeyError(f"there is no session {comp_id}")

    def _count(self, leg: Leg, now: int) -> None:
        """An attempt has come to the venue by now, or never will."""
        if leg.is_dialling:
            leg.is_dialling = False
            self._attempts_ns.append(now)

    def _log_out(self, leg: Leg, text: str) -> LogOut:
        leg.phase = Phase.ENDING
        return LogOut(leg.comp_id, text)

    def _tell(self, leg: Leg, state: SessionState, text: str, alarm: bool = False) -> Status:
        leg.state = state
        return Status(leg.comp_id, state, text, alarm=alarm)

    def _waiting(self, slot: Slot, text: str, due: int, now: int) -> Status:
        slot.told_due_ns = due
        wait_ms = -(-max(0, due - now) // 1_000_000)
        state = SessionState.DOWN if slot.leg is None else SessionState.DRAINING
        comp_id = slot.last_comp_id if slot.leg is None else slot.leg.comp_id
        return Status(comp_id, state, f"{text}; next attempt in {wait_ms} ms", due)

    def _lock(self, slot: Slot, leg: Leg, now: int) -> None:
        self._locked_until_ns[leg.comp_id] = now + 2 * self.heartbeat_ns
        self._locked_role[leg.comp_id] = slot.post.role

    def _place_free_ns(self, role: str, unused: set[str]) -> int | None:
        """From when on the venue allows one more connection of a role, monotonic ns; None: not
        before one of ours has ended.
        """
        count = sum(1 for slot in self.slots if slot.post.role == role for _ in slot.legs)
        places = self.venue.profiles[role].limits.connections_max - count
        # Of what an earlier run left locked nobody knows the role: it counts in each.
        lingering = sorted(
            until
            for comp_id, until in self._locked_until_ns.items()
            if comp_id in unused and self._locked_role.get(comp_id, role) == role
        )
        if places <= 0:
            return None
        return 0 if len(lingering) < places else lingering[-places]

    def _next_comp_id(self, now: int) -> str:
        """Among the ids that are free the next after the last used."""
        ids = self.comp_ids
        start = ids.index(self._last_comp_id) + 1 if self._last_comp_id in ids else 0
        unused = self._unused()
        free = [comp_id for comp_id in ids[start:] + ids[:start] if comp_id in unused]
        return min(free, key=lambda comp_id: max(now, self._locked_until_ns.get(comp_id, 0)))

    def _unused(self) -> set[str]:
        return set(self.comp_ids) - {leg.comp_id for leg in self._legs()}

    def _due(self, slot: Slot) -> tuple[int | None, str]:
        """Monotonic ns of a slot's next attempt, and what it waits for beyond the ordinary pause.

        None: it lacks nothing, or another session must end before.
        """
        if not slot.lacks:
            return None, ""
        unused = self._unused()
        place_ns = self._place_free_ns(slot.post.role, unused)
        if place_ns is None or not unused:
            return None, ""
        due, why = max(slot.not_before_ns, self._not_before_ns), ""
        if place_ns > due:
            due, why = place_ns, COUNTED
        rests_until = min(self._locked_until_ns.get(comp_id, 0) for comp_id in unused)
        if rests_until > due:
            due, why = rests_until, RESTS
        dialling = sum(leg.is_dialling for leg in self._legs())
        dialling += 0 if slot.leg is None else SPARED_ATTEMPTS
        if dialling >= self.window.count_max:
            return None, ""
        window_until = attempt_free_ns(self._attempts_ns, self.window, dialling)
        if window_until > due:
            due, why = window_until, window_full(self.window)
        return due, why

    def _planned(self, effects: list[Effect]) -> list[Effect]:
        """Note what comes next, so that asking for it costs nothing."""
        old = [leg for slot in self.slots for leg in slot.old if leg.phase is Phase.DRAINING]
        self.draining = tuple(leg.comp_id for leg in old)
        due = [leg.drain_until_ns for leg in old]
        if not self._stopping and not self._refused_for_good:
            due += [at for at, _ in map(self._due, self.slots) if at is not None]
        self.deadline = min(due, default=None)
        return effects


COUNTED = "the venue still counts connections that ended uncleanly"
REFUSED = "the venue refused the Logon for good"
RESTS = "every SenderCompID rests after an unclean end of its session"


def window_full(window: Window) -> str:
    """Why no further connection attempt is made."""
    seconds = window.interval_ns / SECOND_NS
    return f"the venue takes no more than {window.count_max} connection attempts in {seconds:g} s"


def attempt_free_ns(attempts_ns: Sequence[int], window: Window, dialling: int = 0) -> int:
    """From when on one more attempt keeps the window, on the clock of attempts_ns (oldest first,
    ns); 0 where any time will do.

    dialling: attempts under way beside those, fewer than the window takes.
    """
    count_max = window.count_max - dialling
    if len(attempts_ns) < count_max:
        return 0
    return attempts_ns[-count_max] + window.interval_ns + ATTEMPT_LAG_NS
