"""How far our wall clock is from the venue's, and when that is too far to trade. Sans-I/O.

Every message of the venue carries its SendingTime<52>. What we read on our clock when it arrives,
less that time, is our clock's lead plus the way of the message, which is never negative: so the
least difference of many is an upper bound of the lead, and a good one, for some message always
comes without delay. The least of a window are kept, so that a clock that drifts is noticed.

A message with a wrong date may be the least by far, and in a burst all but the first may come
late. So the lead lies between the least and the third least, of few the middle one, and is taken
to be as small as that allows. Each session is measured by itself, for the machine at its other
end has a clock of its own.

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
RANK = 3
KEPT = 2 * RANK - 1
SURE = 3
"""Of fewer messages none is believed that says our clock is too far behind."""
WARN_NS = 250 * MILLISECOND_NS
TELL_NS = SECOND_NS
"""Each order on its way is refused; that is told once in so long."""
CALM_NS = 200 * MILLISECOND_NS
"""Below it a warning is over; a clock that hovers about the limit is not told of each time."""


class Lead:
    """What the messages of one session say. due_ns: monotonic ns from which on another report is
    to be sampled. bounds_ns: between which our monotonic clock less the venue's lies; None before
    the first sample. is_sure: whether enough messages say so, or the venue itself by its refusal.
    warnings: how often it became one to worry about. told_ns: when it was last told that the venue
    refused our time, monotonic.
    """

    __slots__ = (
        "_before",
        "_least",
        "_since_ns",
        "bounds_ns",
        "due_ns",
        "is_refused",
        "is_warned",
        "told_ns",
        "warnings",
    )

    def __init__(self) -> None:
        self.due_ns = 0
        self.bounds_ns: tuple[int, int] | None = None
        self.is_refused = False
        self.is_warned = False
        self.told_ns: int | None = None
        self.warnings = 0
        self._since_ns = 0
        self._least: list[int] = []
        self._before: list[int] = []

    @property
    def is_sure(self) -> bool:
        """See above."""
        return self.is_refused or len(self._least) + len(self._before) >= SURE

    def add(self, difference_ns: int, now: int) -> None:
        """One message: our monotonic clock at its arrival less its SendingTime."""
        self.due_ns = now + SAMPLE_NS
        if now - self._since_ns >= WINDOW_NS:
            # Nothing of a window that was longer ago than the last is left.
            recent = now - self._since_ns < 2 * WINDOW_NS
            self._before = self._least if recent else []
            self._least = []
            self._since_ns = now
        self._least = sorted((*self._least, difference_ns))[:KEPT]
        kept = sorted((*self._least, *self._before))[:KEPT]
        self.bounds_ns = kept[0], kept[(len(kept) - 1) // 2]
        self.is_refused = self.is_refused and len(kept) < SURE

    def forget(self) -> None:
        """The venue refused our time: nothing that was measured holds any more."""
        self._least, self._before, self.bounds_ns = [], [], None
        self.due_ns = 0
        self.is_refused = True


class Clock:
    """The lead of our wall clock over the venue's.

    ahead_ns_max: a lead from which on the venue refuses every request. behind_ns_max: a lag beyond
    which it does. is_doubted: the venue refused our time, and our clock was not read anew since.
    offset_ns: our wall clock less our monotonic clock, kept up to date by the owner.
    """

    def __init__(self, ahead_ns_max: int, behind_ns_max: int) -> None:
        self.ahead_ns_max = ahead_ns_max
        self.behind_ns_max = behind_ns_max
        self.is_doubted = False
        self.offset_ns = 0

    def sample(self, lead: Lead, sending_ns: int, now: int) -> str | None:
        """One message of a session: its SendingTime<52>, our monotonic clock at its arrival (ns).

        Answers what the operator should be told, where the lead has become, or is no longer, one
        to worry about.
        """
        was_refused = lead.is_refused and lead.bounds_ns is None
        lead.add(now - sending_ns, now)
        lead_ns = self.lead_ns(lead)
        assert lead_ns is not None, "a sample was taken"
        if was_refused:
            lead.is_warned = abs(lead_ns) >= WARN_NS
            if lead.told_ns is not None and now - lead.told_ns < TELL_NS:
                return None
            lead.told_ns = now
            return self._why_refused(lead_ns)
        if not lead.is_warned and abs(lead_ns) >= WARN_NS:
            lead.is_warned = True
            lead.warnings += 1
            again = f" ({lead.warnings} times on this session)" if lead.warnings > 1 else ""
            return f"{_words(lead_ns)}; check chrony or ntp{again}"
        if lead.is_warned and abs(lead_ns) < CALM_NS:
            lead.is_warned = False
            return f"{_words(lead_ns)}: near enough again"
        return None

    def _why_refused(self, lead_ns: int) -> str:
        words = _words(lead_ns)
        if not -self.behind_ns_max <= lead_ns < self.ahead_ns_max:
            return f"the venue refused our time: {words}; check chrony or ntp"
        window_ms = self.behind_ns_max // MILLISECOND_NS
        return (
            f"the venue refused our time, and as measured {words}: what reaches it later than"
            f" RecvWindow ({window_ms} ms, or the request's own) is refused too, so a delay may be"
            " the cause as well as a clock; check the load here and the way, and chrony or ntp"
        )

    def lead_ns(self, lead: Lead) -> int | None:
        """How far our clock is ahead at most; negative: behind. None before the first sample."""
        if lead.bounds_ns is None:
            return None
        # For each order, so without calls: the least or 0, if that is more, but not above the most.
        least, most = lead.bounds_ns[0] + self.offset_ns, lead.bounds_ns[1] + self.offset_ns
        least = least if least > 0 else 0
        return least if least < most else most

    def venue_ns(self, lead: Lead, now: int) -> int:
        """The venue's clock, as far as it is known, at this time of our monotonic clock."""
        return now + self.offset_ns - (self.lead_ns(lead) or 0)

    def stepped(self, step_ns: int) -> None:
        """Our wall clock was set, or was found to have moved: every lead moves with it."""
        self.offset_ns += step_ns

    def doubt(self, lead: Lead) -> None:
        """The venue refused a SendingTime of ours: nothing measured on that session holds.

        The next sample, best that of the refusal itself, says how far off we are.
        """
        lead.forget()
        self.is_doubted = True

    def read_anew(self) -> None:
        """The owner has read our wall clock anew."""
        self.is_doubted = False

    def trouble(self, lead: Lead) -> str | None:
        """Why the venue would refuse every new order because of the clock, or None.

        That we are ahead is believed at once: the next message will say if the first was only
        late. That we are behind is more likely a wrong date, while only one or two say so and the
        venue has not refused ours: it has just taken our Logon.
        """
        lead_ns = self.lead_ns(lead)
        if lead_ns is None or -self.behind_ns_max <= lead_ns < self.ahead_ns_max:
            return None
        if lead_ns < 0 and not lead.is_sure:
            return None
        return f"{_words(lead_ns)}, and would refuse the order"


def _words(lead_ns: int) -> str:
    where = "ahead of" if lead_ns >= 0 else "behind"
    return f"this machine's clock is {abs(lead_ns) // MILLISECOND_NS} ms {where} the venue's"
