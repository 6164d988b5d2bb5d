"""How much of the venue's weight limit is left for us, so that the venue never has to refuse.

The limit is of the address, so other programs use it too: what the venue says of its use counts
where it is more than what we know of. Pure; time is the venue's wall clock as far as it is known,
ns, because its windows are aligned to that.
"""

from __future__ import annotations

from fixengine.fix.venue import Window


class Budget:
    """The use of one window. weight_max: as far as we may bring it, not more than the venue's."""

    def __init__(self, window: Window, weight_max: int) -> None:
        self.window = window
        self.weight_max = min(weight_max, window.count_max)
        self.used = 0
        self._index = 0
        self._paused_until_ns = 0

    def wait_ns(self, weight: int, now: int) -> int:
        """How long a call of this weight has to wait; 0: it may go now."""
        self._roll(now)
        if now < self._paused_until_ns:
            return self._paused_until_ns - now
        # A weight above the whole budget may go alone: it would wait for ever.
        if self.used and self.used + weight > self.weight_max:
            return (self._index + 1) * self.window.interval_ns - now
        return 0

    def spend(self, weight: int, now: int) -> None:
        """A call goes out."""
        self._roll(now)
        self.used += weight

    def told(self, used: int, now: int) -> None:
        """What the venue said, with an answer that just came, is used in this window."""
        self._roll(now)
        self.used = max(self.used, used)

    def pause(self, now: int, wait_s: int | None) -> int:
        """The venue refused for its limit: nothing goes for wait_s, or until its window ends.

        Answers how long that is, ns.
        """
        self._roll(now)
        end = (self._index + 1) * self.window.interval_ns
        until = end if wait_s is None else now + wait_s * 1_000_000_000
        self._paused_until_ns = max(self._paused_until_ns, until)
        return self._paused_until_ns - now

    def _roll(self, now: int) -> None:
        index = now // self.window.interval_ns
        if index > self._index:
            self._index, self.used = index, 0
        elif index < self._index:
            # The clock was set back, or the venue's is known only now. Until the old time came
            # round again no window would end. What was used may be of this window, and the pause
            # has as long to go as before, to a window exactly.
            self._paused_until_ns -= (self._index - index) * self.window.interval_ns
            self._index = index
