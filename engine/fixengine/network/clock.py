"""How far our clock is off the venue's, from the SendingTime<52> of what it sends. Sans-I/O.

Each message gives `our time at receipt - SendingTime`: how far we are ahead plus the time the
message took. That time is never negative, so the least sample is the best: a negative one says for
certain that we are behind, and we are ahead by no more than it says. What was held up on its way
gives a higher sample and changes nothing. Samples older than WINDOW_NS are forgotten, so that slow
drift is followed; the last one is kept whatever its age.

Our own clock's steps are known, so they move all samples and need no new ones. When the venue
refuses a time, whatever we believed is wrong: all is forgotten, and `is_doubted` asks the owner to
read the clock anew.
"""

from __future__ import annotations

from collections import deque

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
SAMPLE_NS = SECOND_NS
"""Samples closer together than this are one."""
WINDOW_NS = 120 * SECOND_NS
"""Two of the longest HeartBtInt: in a quiet session no single late message decides."""
ADVICE = "check chrony or ntp on this machine"


class Clock:
    """See the module's top.

    ahead_ns_max: the venue refuses what is so far ahead of its clock. behind_ns_max: RecvWindow of
    our requests. warn_ns: the operator is told from there on. is_doubted: set until `read_anew`.
    """

    def __init__(self, ahead_ns_max: int, behind_ns_max: int, warn_ns: int) -> None:
        self.is_doubted = False
        self._ahead_ns_max = ahead_ns_max
        self._behind_ns_max = behind_ns_max
        self._warn_ns = warn_ns
        self._level = "info"
        # The least sample of each stretch of SAMPLE_NS, rising: what comes before a lower one and
        # is older than it will never be the least again.
        self._samples: deque[tuple[int, int]] = deque()

    @property
    def ahead_ns(self) -> int:
        """Estimate of our clock minus the venue's, ns; 0 where nothing is known."""
        return self._samples[0][1] if self._samples else 0

    def wants(self, now: int) -> bool:
        """Whether the last sample is old enough that one more is worth its price."""
        return not self._samples or now - self._samples[-1][0] >= SAMPLE_NS

    def sample(self, sending_time_ns: int, wall_ns: int, now: int) -> None:
        """A message came. wall_ns: our clock at its receipt; now: monotonic."""
        ahead_ns = wall_ns - sending_time_ns
        samples = self._samples
        while samples and samples[-1][1] >= ahead_ns:
            samples.pop()
        if not samples or now - samples[-1][0] >= SAMPLE_NS:
            samples.append((now, ahead_ns))
        while len(samples) > 1 and now - samples[0][0] > WINDOW_NS:
            samples.popleft()

    def stepped(self, step_ns: int) -> None:
        """Our clock now shows so much more than before."""
        self._samples = deque((at, ahead_ns + step_ns) for at, ahead_ns in self._samples)

    def doubt(self, sending_time_ns: int | None, wall_ns: int, now: int) -> str:
        """The venue refused a SendingTime: forget everything but the message that says so.

        Arguments as of `sample`; None where that message has no time. Answers what to tell.
        """
        self._samples.clear()
        if sending_time_ns is not None:
            self.sample(sending_time_ns, wall_ns, now)
        self.is_doubted = True
        return f"the venue refused our SendingTime: {self._state()}; {ADVICE}"

    def read_anew(self) -> None:
        """The owner has read the clock anew."""
        self.is_doubted = False

    def refusal(self) -> str | None:
        """Why no order may leave: the venue would refuse its SendingTime. None: one may."""
        ahead_ns = self.ahead_ns
        if ahead_ns >= self._ahead_ns_max:
            limit_ns = self._ahead_ns_max
        elif -ahead_ns > self._behind_ns_max:
            limit_ns = self._behind_ns_max
        else:
            return None
        return f"{self._state()}, and the venue refuses {limit_ns // MILLISECOND_NS} ms; {ADVICE}"

    def news(self) -> tuple[str, str] | None:
        """(level, text) for the operator where things got worse or better; None otherwise.

        They are better below four fifths of warn_ns, so that a clock about the limit says it once.
        """
        off_ns = abs(self.ahead_ns)
        refusal = self.refusal()
        if refusal is not None:
            level, text = "error", f"new orders are refused: {refusal}"
        elif off_ns >= self._warn_ns:
            level, text = "warning", f"{self._state()}; {ADVICE}"
        elif off_ns < self._warn_ns * 4 // 5:
            level, text = "info", f"the clocks agree again: {self._state()}"
        else:
            # Between the two nothing begins and nothing is over, but refusing.
            level = "info" if self._level == "info" else "warning"
            text = f"{self._state()}; {ADVICE}"
        if level == self._level:
            return None
        self._level = level
        return level, text

    def _state(self) -> str:
        if not self._samples:
            return "how far our clock is off the venue's is not known"
        ahead_ms = self.ahead_ns // MILLISECOND_NS
        way = "ahead of" if ahead_ms >= 0 else "behind"
        return f"our clock is {abs(ahead_ms)} ms {way} the venue's"
