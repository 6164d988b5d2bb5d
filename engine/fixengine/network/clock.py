"""How far our wall clock is from the venue's, and when that is too far to trade. Sans-I/O.

Every message of the venue carries its SendingTime<52>. What we read on our clock when it arrives,
less that time, is our clock's lead plus the way of the message, which is never negative: so the
least difference of many is an upper bound of the lead, and a good one, for some message always
comes without delay. The least of a window is kept, so that a clock that drifts is noticed.

A venue refuses what is dated a second ahead of its clock, and what is older than RecvWindow (spec
section 4). An order that would only be refused is refused here, with the reason named.
"""

from __future__ import annotations

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
WINDOW_NS = 60 * SECOND_NS
"""A difference counts for one to two windows; a silent venue still sends a Heartbeat in each."""
SAMPLE_NS = SECOND_NS
"""Among reports one in a second is looked at: a sample costs as much as reading a field."""
WARN_NS = 250 * MILLISECOND_NS
CALM_NS = 200 * MILLISECOND_NS
"""Below it a warning is over; a clock that hovers about the limit is not told of each time."""


class Clock:
    """The lead of our wall clock over the venue's.

    ahead_ns_max: a lead from which on the venue refuses every request. behind_ns_max: a lag beyond
    which it does. due_ns: monotonic ns from which on another report is to be sampled. is_doubted:
    the venue refused our time, and our clock was not read anew since. offset_ns: our wall clock
    less our monotonic clock, kept up to date by the owner.
    """

    def __init__(self, ahead_ns_max: int, behind_ns_max: int) -> None:
        self.ahead_ns_max = ahead_ns_max
        self.behind_ns_max = behind_ns_max
        self.due_ns = 0
        self.is_doubted = False
        self.offset_ns = 0
        self._since_ns = 0
        self._least: int | None = None
        self._least_before: int | None = None
        self._warned = False
        self._refused = False

    @property
    def lead_ns(self) -> int | None:
        """How far our clock is ahead at most; negative: behind. None before the first sample."""
        known = [ns for ns in (self._least, self._least_before) if ns is not None]
        return min(known) if known else None

    def sample(self, sending_ns: int, received_ns: int, now: int) -> str | None:
        """One message: SendingTime<52>, our wall clock at its arrival, our monotonic clock (ns).

        Answers what the operator should be told, where the lead has become, or is no longer, one
        to worry about.
        """
        self.due_ns = now + SAMPLE_NS
        if now - self._since_ns >= WINDOW_NS:
            # Nothing of a window that was longer ago than the last is left.
            recent = now - self._since_ns < 2 * WINDOW_NS
            self._least_before = self._least if recent else None
            self._least = None
            self._since_ns = now
        difference = received_ns - sending_ns
        self._least = difference if self._least is None else min(self._least, difference)
        return self._change()

    def stepped(self, step_ns: int) -> None:
        """Our wall clock was set, or was found to have moved: what was measured moves with it."""
        self.offset_ns += step_ns
        if self._least is not None:
            self._least += step_ns
        if self._least_before is not None:
            self._least_before += step_ns

    def doubt(self) -> None:
        """The venue refused a SendingTime of ours: nothing that was measured holds any more.

        The next sample, best that of the refusal itself, says how far off we are.
        """
        self._least = self._least_before = None
        self.due_ns = 0
        self.is_doubted = self._refused = True

    def read_anew(self) -> None:
        """The owner has read our wall clock anew."""
        self.is_doubted = False

    @property
    def trouble(self) -> str | None:
        """Why the venue would refuse every new order because of the clock, or None."""
        lead = self.lead_ns
        if lead is None or -self.behind_ns_max <= lead < self.ahead_ns_max:
            return None
        return f"{self._words(lead)}, and would refuse the order"

    def _change(self) -> str | None:
        lead = self.lead_ns
        assert lead is not None, "a sample was taken"
        if self._refused:
            self._refused = False
            self._warned = abs(lead) >= WARN_NS
            return f"the venue refused our time: {self._words(lead)}; check chrony or ntp"
        if not self._warned and abs(lead) >= WARN_NS:
            self._warned = True
            return f"{self._words(lead)}; check chrony or ntp"
        if self._warned and abs(lead) < CALM_NS:
            self._warned = False
            return f"{self._words(lead)}: near enough again"
        return None

    def _words(self, lead: int) -> str:
        where = "ahead of" if lead >= 0 else "behind"
        return f"this machine's clock is {abs(lead) // MILLISECOND_NS} ms {where} the venue's"
