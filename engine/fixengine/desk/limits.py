"""Budgets below the venue's limits, so that the venue never has to enforce its own.

A venue may count in windows aligned to its clock or in sliding ones; its documents do not say
for every limit. A Budget therefore allows at most count_max in *any* interval of that length,
which satisfies both. A share is kept for what must always get through: cancels, and the
session's own heartbeats.
"""

from __future__ import annotations

from collections import deque

SLICES = 50


class Budget:
    """At most count_max uses in any interval_ns; the last reserve_percent only for urgent ones.

    Time is counted in slices of interval_ns / 50, so a use may be held a slice longer than needed
    and never shorter.
    """

    def __init__(self, count_max: int, interval_ns: int, reserve_percent: int) -> None:
        if count_max < 1 or interval_ns < SLICES or not 0 <= reserve_percent < 100:
            raise ValueError("budget: count_max >= 1, interval_ns >= 50, reserve 0..99 percent")
        self.count_max = count_max
        self.ordinary_max = count_max - count_max * reserve_percent // 100
        self._slice_ns = -(-interval_ns // SLICES)
        self._slices: deque[list[int]] = deque()
        self._used = 0

    def wait_ns(self, now: int, urgent: bool = False) -> int:
        """0 if one more use is allowed now, else ns until it may be (at least 1)."""
        self._expire(now)
        if self._used < (self.count_max if urgent else self.ordinary_max):
            return 0
        oldest = self._slices[0][0]
        return max(1, (oldest + SLICES + 1) * self._slice_ns - now)

    def use(self, now: int) -> None:
        """Count one use."""
        index = now // self._slice_ns
        if self._slices and self._slices[-1][0] == index:
            self._slices[-1][1] += 1
        else:
            self._slices.append([index, 1])
        self._used += 1

    def _expire(self, now: int) -> None:
        # A use made anywhere in a slice may count until that slice's end plus the interval.
        horizon = now // self._slice_ns - SLICES
        while self._slices and self._slices[0][0] < horizon:
            self._used -= self._slices.popleft()[1]
