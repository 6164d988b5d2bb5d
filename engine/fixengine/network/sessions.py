"""The control plane, sans-I/O: when to connect, under which SenderCompID, and when to give up.

It is told what happened and answers with effects; the process carries them out. What it guards:

* A venue locks the SenderCompID of a session that ended without an answered Logout for twice
  HeartBtInt. A CompID is therefore marked in use before the connect and cleared only when the
  venue certainly holds nothing against it; a marked one is not used again before its time.
* Connection attempts never exceed the venue's window, whatever fails.
* A refusal that another attempt cannot cure (wrong key, wrong signature) ends the attempts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from fixengine.fix.states import Event, Happening
from fixengine.fix.venue import Venue, Window
from fixengine.messages import SessionState

SECOND_NS = 1_000_000_000
BACKOFF_NS_MIN = 1 * SECOND_NS
BACKOFF_NS_MAX = 30 * SECOND_NS
STEADY_NS = 60 * SECOND_NS
"""A session that lasted so long makes the next attempt a first one again."""


class Connect(NamedTuple):
    """Connect and log on under this SenderCompID; mark it in use on disk before."""

    comp_id: str


class Clear(NamedTuple):
    """The venue holds nothing against this SenderCompID: clear its mark."""

    comp_id: str


class LogOut(NamedTuple):
    """Ask the session for an orderly end."""

    text: str


class Status(NamedTuple):
    """Tell the strategies and the operator.

    until_ns: monotonic ns of the next attempt, where one is waited for.
    """

    state: SessionState
    text: str
    until_ns: int | None = None


class Ended(NamedTuple):
    """No further attempt will be made. clean: the last Logout was answered."""

    text: str
    clean: bool
    failed: bool


Effect = Connect | Clear | LogOut | Status | Ended


class Phase(StrEnum):
    """Where the control plane stands."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    UP = "up"
    STOPPING = "stopping"
    ENDED = "ended"


class Sessions:
    """Keeps one session of a role alive.

    comp_ids: the pool of SenderCompIDs. locked_until_ns: by CompID, monotonic ns before which it
    must not be used. attempts_ns: monotonic ns of attempts made before this start.
    """

    def __init__(
        self,
        venue: Venue,
        comp_ids: tuple[str, ...],
        heartbeat_ns: int,
        attempts: Window,
        *,
        locked_until_ns: dict[str, int] | None = None,
        attempts_ns: tuple[int, ...] = (),
    ) -> None:
        self.venue = venue
        self.comp_ids = comp_ids
        self.heartbeat_ns = heartbeat_ns
        self.window = attempts
        self.phase = Phase.WAITING
        self.comp_id = ""
        self.failures = 0
        self._locked_until_ns = dict(locked_until_ns or {})
        self._attempts_ns: deque[int] = deque(attempts_ns, maxlen=attempts.count_max)
        self._not_before_ns = 0
        self._told_due_ns = 0
        self._up_since_ns = 0
        self._clean = True

    @property
    def deadline(self) -> int | None:
        """Monotonic ns at which `tick` matters next; None while something else must happen."""
        return self._due()[0] if self.phase is Phase.WAITING else None

    def tick(self, now: int) -> list[Effect]:
        """Connect if it is time; say once why it is not, where nothing before has said so."""
        if self.phase is not Phase.WAITING:
            return []
        due, why = self._due()
        if now < due:
            return [] if due == self._told_due_ns else [self._waiting(why, due, now)]
        self.comp_id = self._next_comp_id()
        self._attempts_ns.append(now)
        self.phase = Phase.CONNECTING
        return [
            Status(SessionState.CONNECTING, f"connecting as {self.comp_id}"),
            Connect(self.comp_id),
        ]

    def connect_failed(self, text: str, now: int, jitter_permille: int) -> list[Effect]:
        """No session came to be: TCP, TLS or the certificate failed."""
        self._back_off(now, jitter_permille)
        return [Clear(self.comp_id), *self._wait(text, now, clean=True)]

    def on_event(self, event: Event, now: int, jitter_permille: int) -> list[Effect]:
        """Something happened to the session."""
        if event.kind is Happening.LOGGED_ON:
            self._up_since_ns = now
            if self.phase is Phase.STOPPING:
                # The answer to a Logon that was under way when the stop came; its Logout follows.
                return []
            self.phase = Phase.UP
            return [Status(SessionState.ACTIVE, f"session {self.comp_id} is active")]
        if event.kind is Happening.STALE:
            return [Status(SessionState.STALE, event.text), LogOut("MsgSeqNum gap")]
        if event.kind is Happening.NEWS:
            return [Status(SessionState.DRAINING, event.text)]
        if event.kind is Happening.LOGON_REFUSED:
            return self._refused(event, now, jitter_permille)
        if event.kind is Happening.LOGGED_OUT and event.clean:
            self._session_ended(now)
            if self.failures or self.phase is Phase.STOPPING:
                self._back_off(now, jitter_permille)
            else:
                # An orderly end after a long session, as before maintenance: come back at once.
                self.failures = 1
            return [Clear(self.comp_id), *self._wait(event.text or "logged out", now, clean=True)]
        if event.kind in (Happening.LOGGED_OUT, Happening.LOST):
            self._session_ended(now)
            self._back_off(now, jitter_permille)
            self._lock(now)
            return self._wait(event.text, now)
        return []

    def stop(self, text: str, now: int) -> list[Effect]:
        """End for good: log out if there is a session."""
        if self.phase in (Phase.UP, Phase.CONNECTING):
            self.phase = Phase.STOPPING
            return [LogOut(text)]
        if self.phase is Phase.WAITING:
            self.phase = Phase.ENDED
            return [Ended(text, clean=self._clean, failed=False)]
        return []

    # --- small steps ------------------------------------------------------------------------

    def _refused(self, event: Event, now: int, jitter_permille: int) -> list[Effect]:
        code = event.code
        text = event.text if code is None else f"{event.text} ({code})"
        self._back_off(now, jitter_permille)
        if code is None:
            self._lock(now)
            return self._wait(f"Logon failed: {text}", now)
        action = self.venue.refusals.get(code)
        if action == "stop" and self.phase is not Phase.STOPPING:
            self.phase = Phase.ENDED
            text = f"the venue refused the Logon for good: {text}; check the key and its rights"
            return [
                Clear(self.comp_id),
                Status(SessionState.DOWN, text),
                Ended(text, clean=True, failed=True),
            ]
        if action == "wait":
            self._not_before_ns = max(self._not_before_ns, now + self.window.interval_ns)
        if action == "next_comp_id":
            self._lock(now)
            return self._wait(f"Logon refused: {text}", now)
        return [Clear(self.comp_id), *self._wait(f"Logon refused: {text}", now, clean=True)]

    def _wait(self, text: str, now: int, clean: bool = False) -> list[Effect]:
        if self.phase is Phase.STOPPING:
            self.phase = Phase.ENDED
            return [
                Status(SessionState.DOWN, text),
                Ended(text, clean=clean, failed=False),
            ]
        self.phase = Phase.WAITING
        due, why = self._due()
        return [self._waiting(f"{text}; {why}" if why else text, due, now)]

    def _waiting(self, text: str, due: int, now: int) -> Status:
        self._told_due_ns = due
        wait_ms = -(-max(0, due - now) // 1_000_000)
        return Status(SessionState.DOWN, f"{text}; next attempt in {wait_ms} ms", due)

    def _session_ended(self, now: int) -> None:
        """Only a session that lasted shows that what failed before is over."""
        self._clean = True
        if now - self._up_since_ns >= STEADY_NS:
            self.failures = 0

    def _lock(self, now: int) -> None:
        self._clean = False
        self._locked_until_ns[self.comp_id] = now + 2 * self.heartbeat_ns

    def _back_off(self, now: int, jitter_permille: int) -> None:
        wait = min(BACKOFF_NS_MAX, BACKOFF_NS_MIN << min(self.failures, 10))
        self.failures += 1
        self._not_before_ns = now + wait + wait * jitter_permille // 2000

    def _next_comp_id(self) -> str:
        """The id that is free first; among free ones the next after the last used."""
        ids = self.comp_ids
        start = ids.index(self.comp_id) + 1 if self.comp_id in ids else 0
        ring = ids[start:] + ids[:start]
        return min(ring, key=lambda comp_id: self._locked_until_ns.get(comp_id, 0))

    def _due(self) -> tuple[int, str]:
        """Monotonic ns of the next attempt, and what it waits for beyond the ordinary pause."""
        due, why = self._not_before_ns, ""
        rests_until = self._locked_until_ns.get(self._next_comp_id(), 0)
        if rests_until > due:
            due, why = rests_until, RESTS
        window_until = attempt_free_ns(self._attempts_ns, self.window)
        if window_until > due:
            due, why = window_until, window_full(self.window)
        return due, why


RESTS = "every SenderCompID rests after an unclean end of its session"


def window_full(window: Window) -> str:
    """Why no further connection attempt is made."""
    seconds = window.interval_ns / SECOND_NS
    return f"the venue takes no more than {window.count_max} connection attempts in {seconds:g} s"


def attempt_free_ns(attempts_ns: Sequence[int], window: Window) -> int:
    """From when on one more attempt keeps the window, on the clock of attempts_ns (oldest first,
    ns); 0 where any time will do.
    """
    if len(attempts_ns) < window.count_max:
        return 0
    return attempts_ns[-window.count_max] + window.interval_ns + 1
