"""Budgets below the venue's limits, so that the venue never has to enforce its own.

A venue may count in windows aligned to its clock or in sliding ones; its documents do not say
for every limit. A Budget therefore allows at most count_max in *any* interval of that length,
which satisfies both. A share is kept for what must always get through: cancels, and a part of
that for the session's own messages, which ask nobody.
"""

from __future__ import annotations

from collections import Counter, deque

SLICES = 50
SESSION = 0
"""The user of the session's own messages; strategies are numbered from 1."""


class Budget:
    """At most count_max uses in any interval_ns; the last reserve_percent only for urgent ones.

    Of that reserve a fifth is left even by urgent ones. share_percent: of the ordinary uses, what
    one user may have in an interval while there are others. However small the limit, one is for
    ordinary uses, one of two or more for SESSION, and one of three or more for urgent ones.

    Time is counted in slices of interval_ns / 50, so a use may be held a slice longer than needed
    and never shorter.
    """

    def __init__(
        self, count_max: int, interval_ns: int, reserve_percent: int, share_percent: int = 100
    ) -> None:
        if not 0 <= reserve_percent < 100:
            raise ValueError("budget: reserve 0..99 percent")
        self._percents = reserve_percent, share_percent
        self._slices: deque[tuple[int, Counter[int]]] = deque()
        self._used: Counter[int] = Counter()
        self._total = 0
        self._set(count_max, interval_ns)

    @property
    def used(self) -> int:
        """Uses that count, as of the last `wait_ns`."""
        return self._total

    def used_at(self, now: int) -> int:
        """Uses that count now."""
        horizon = now // self._slice_ns - SLICES
        return sum(used.total() for index, used in self._slices if index >= horizon)

    def wait_ns(self, now: int, user: int, urgent: bool = False) -> int:
        """0 if this user may use it once more now, else ns until it may (at least 1)."""
        self._expire(now)
        if urgent:
            free = self._total < self.urgent_max
        else:
            shared = len(self._used) - (SESSION in self._used) > 1
            mine = self._used.get(user, 0)
            free = self._total < self.ordinary_max and not (shared and mine >= self.share_max)
        if free:
            return 0
        oldest = self._slices[0][0]
        return max(1, (oldest + SLICES + 1) * self._slice_ns - now)

    def use(self, now: int, user: int, count: int = 1) -> None:
        """Count uses; user SESSION for the session's own messages."""
        index = now // self._slice_ns
        if not self._slices or self._slices[-1][0] != index:
            self._slices.append((index, Counter()))
        self._slices[-1][1][user] += count
        self._used[user] += count
        self._total += count

    def adopt(self, count_max: int, interval_ns: int, used: int, now: int) -> bool:
        """Take over what the venue says of its limit; True where it is another than ours.

        used: what it has counted; ours is raised to that. Raises ValueError as the constructor.
        """
        self._expire(now)
        changed = (count_max, interval_ns) != (self.count_max, self.interval_ns)
        if changed:
            self._set(count_max, interval_ns)
            # When in the other interval each was made no longer fits: count all as made now.
            self._slices.clear()
            if self._total:
                self._slices.append((now // self._slice_ns, self._used.copy()))
        if used > self._total:
            self.use(now, SESSION, used - self._total)
        return changed

    def _set(self, count_max: int, interval_ns: int) -> None:
        if count_max < 1 or interval_ns < SLICES:
            raise ValueError("budget: count_max >= 1, interval_ns >= 50")
        reserve_percent, share_percent = self._percents
        for_session = for_urgent = 0
        if reserve_percent:
            reserve = -(-count_max * reserve_percent // 100)
            for_session = max(1, -(-reserve // 5))
            for_urgent = max(1, reserve - for_session)
        for_session = min(for_session, count_max - 1)
        for_urgent = min(for_urgent, count_max - 1 - for_session)
        self.count_max = count_max
        self.interval_ns = interval_ns
        self.urgent_max = count_max - for_session
        self.ordinary_max = self.urgent_max - for_urgent
        self.share_max = max(1, self.ordinary_max * share_percent // 100)
        self._slice_ns = -(-interval_ns // SLICES)

    def _expire(self, now: int) -> None:
        # A use made anywhere in a slice may count until that slice's end plus the interval.
        horizon = now // self._slice_ns - SLICES
        while self._slices and self._slices[0][0] < horizon:
            _, used = self._slices.popleft()
            self._used -= used
            self._total -= used.total()
