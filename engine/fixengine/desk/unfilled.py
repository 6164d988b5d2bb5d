"""The unfilled order count: how many orders an account may still place, never below the venue's.

The venue adds one for each order placed by the account, whatever the session, and takes off at an
order's first fill. It counts in fixed windows aligned to its own clock, the day's being that of
UTC; a cancel or an expiry takes nothing off. We cannot see its count, so ours errs upwards:

* An order near the end of a window counts in both windows, for it may arrive in either, and the
  venue's clock is known only so well.
* A first fill takes one off, though the venue takes off more for makers; only where order and
  fill certainly lie in one window; and a while later, for the venue's own count lags too.
* Orders whose outcome is unknown stay counted, and so do those that the venue refused.

Once the day is used up no order goes out, so the shorter windows are not counted on either, as at
the venue. Nothing is kept over a restart: the venue's word at logon (`adopt`) says more.

Time is the venue's wall clock as far as it is known, ns since 1970.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

SECOND_NS = 1_000_000_000
GUARD_NS = SECOND_NS
"""How far from the end of a window an order counts in both, or a tenth of a short window."""
FILL_LAG_NS = SECOND_NS
OTHERS = 0
"""The user of what was placed elsewhere; strategies are numbered from 1."""


class Blocked(NamedTuple):
    """Why no order may be placed. wait_ns: until the window is over. is_share: it is this user's
    share of the window that is used up, while others want to place orders too.
    """

    used: int
    count_max: int
    name: str
    wait_ns: int
    is_share: bool


class Told(NamedTuple):
    """One limit, as the venue tells it, or as it is counted here. used: in the current window."""

    count_max: int
    interval_ns: int
    name: str
    used: int


class _Window:
    """The counts of one interval, by the number of the window: in total, and of each user."""

    def __init__(self, count_max: int, interval_ns: int, name: str) -> None:
        if count_max < 0 or interval_ns < 1:
            raise ValueError("unfilled orders: count_max >= 0, interval_ns >= 1")
        self.count_max = count_max
        self.interval_ns = interval_ns
        self.name = name
        self.guard_ns = min(GUARD_NS, interval_ns // 10)
        self.users: dict[int, dict[int, int]] = {}
        self.totals: dict[int, int] = {}

    def around(self, now: int) -> tuple[int, ...]:
        """The windows that the venue may be in."""
        first = (now - self.guard_ns) // self.interval_ns
        last = (now + self.guard_ns) // self.interval_ns
        return (first,) if first == last else (first, last)

    def add(self, index: int, user: int, count: int) -> None:
        """Count for one window; those long over are forgotten."""
        if index not in self.totals:
            if count < 0:
                return
            self.totals[index] = 0
            self.users[index] = {}
            for old in [known for known in self.totals if known < index - 2]:
                del self.totals[old], self.users[old]
        self.totals[index] += count
        users = self.users[index]
        users[user] = users.get(user, 0) + count

    def raise_to(self, count: int, now: int) -> None:
        """Let at least so many count, whoever placed them."""
        for index in self.around(now):
            missing = count - self.totals.get(index, 0)
            if missing > 0:
                self.add(index, OTHERS, missing)


class Unfilled:
    """See the module's top.

    windows: (count_max, interval_ns, name) of each. share_percent: what one user may have of a
    window while others ask too. placed: orders counted since the start.
    """

    def __init__(self, windows: Sequence[tuple[int, int, str]], share_percent: int = 100) -> None:
        self.placed = 0
        self._share_percent = share_percent
        self._windows = [_Window(*window) for window in windows]
        self._asked_ns: dict[int, int] = {}
        self._due: deque[tuple[int, int, int, tuple[_Window, ...]]] = deque()

    def blocked(self, now: int, user: int, orders: int = 1) -> Blocked | None:
        """Why this user may not place so many orders now; None where it may."""
        self._asked_ns[user] = now
        self._settle(now)
        worst: Blocked | None = None
        for window in self._windows:
            share_max = max(1, window.count_max * self._share_percent // 100)
            for index in window.around(now):
                used = window.totals.get(index, 0)
                mine = window.users[index].get(user, 0) if used else 0
                is_full = used + orders > window.count_max
                fits = mine + orders <= share_max
                if not is_full and (fits or not self._is_shared(user, now)):
                    continue
                wait_ns = (index + 1) * window.interval_ns + window.guard_ns - now
                if worst is None or wait_ns > worst.wait_ns:
                    counts = (used, window.count_max) if is_full else (mine, share_max)
                    worst = Blocked(*counts, window.name, wait_ns, not is_full)
        return worst

    def used(self, now: int) -> list[Told]:
        """Each limit with what counts now, of two windows the fuller one."""
        return [
            Told(
                window.count_max,
                window.interval_ns,
                window.name,
                max(window.totals.get(index, 0) for index in window.around(now)),
            )
            for window in self._windows
        ]

    def place(self, now: int, user: int) -> None:
        """Count an order."""
        self.placed += 1
        self._add(now, user, 1)

    def undo(self, placed_ns: int, user: int) -> None:
        """An order that was counted then never left."""
        self.placed -= 1
        self._add(placed_ns, user, -1)

    def fill(self, placed_ns: int, user: int, now: int) -> None:
        """The first fill of an order that was counted then."""
        certain = tuple(
            window
            for window in self._windows
            if len(around := window.around(placed_ns)) == 1 and around == window.around(now)
        )
        if certain:
            self._due.append((now + FILL_LAG_NS, placed_ns, user, certain))

    def exhaust(self, text: str, now: int) -> str:
        """The venue says that a limit is used up: the window its text names, or the shortest.

        Answers the name of that window; empty where we know of none.
        """
        if not self._windows:
            return ""
        shortest = min(self._windows, key=lambda window: window.interval_ns)
        window = next((one for one in self._windows if f"per {one.name}" in text), shortest)
        window.raise_to(window.count_max, now)
        return window.name

    def adopt(self, told: Sequence[Told], placed_before: int, now: int) -> list[str]:
        """Take over the venue's windows and limits; a count becomes the higher of both.

        placed_before: `placed` when the venue was asked: what was placed since may not be in its
        count. Answers what of the limits is new, in words.
        """
        known = {window.interval_ns: window for window in self._windows}
        self._windows = []
        changes = []
        for count_max, interval_ns, name, used in told:
            window = known.pop(interval_ns, None)
            if window is None:
                window = _Window(count_max, interval_ns, name)
                changes.append(f"{count_max} per {name} is new")
            elif window.count_max != count_max:
                changes.append(f"{count_max} per {name} instead of {window.count_max}")
                window.count_max = count_max
            window.raise_to(used + self.placed - placed_before, now)
            self._windows.append(window)
        return changes + [f"no more limit per {window.name}" for window in known.values()]

    def _add(self, at: int, user: int, count: int) -> None:
        for window in self._windows:
            for index in window.around(at):
                window.add(index, user, count)

    def _is_shared(self, user: int, now: int) -> bool:
        """Whether others asked lately: refused ones too, or whoever comes first keeps it all."""
        recent_ns = 2 * min(window.interval_ns for window in self._windows)
        return any(
            now - asked_ns <= recent_ns for one, asked_ns in self._asked_ns.items() if one != user
        )

    def _settle(self, now: int) -> None:
        while self._due and self._due[0][0] <= now:
            _, placed_ns, user, certain = self._due.popleft()
            for window in certain:
                index = window.around(placed_ns)[0]
                if window.totals.get(index, 0) > 0:
                    window.add(index, user, -1)
