"""How far the clocks are apart, in simulated time: late messages, drift, and steps of either."""

from __future__ import annotations

import random

from fixengine.network.clock import SAMPLE_NS, WINDOW_NS, Clock

MS = 1_000_000
SECOND_NS = 1000 * MS
WALL_NS = 1_767_225_600 * SECOND_NS


class Place:
    """Our clock and the venue's; what comes from there takes `late_ms`. ahead_ms: ours."""

    def __init__(self, ahead_ms: int = 0) -> None:
        self.now = 0
        self.ahead_ns = ahead_ms * MS
        self.clock = Clock(SECOND_NS, 5 * SECOND_NS, 250 * MS)
        self.said: list[tuple[str, str]] = []

    def hear(self, late_ms: float = 1, after_ms: int = 1000) -> None:
        self.now += after_ms * MS
        true_ns = WALL_NS + self.now
        sent_ns = true_ns - int(late_ms * MS)
        self.clock.sample(sent_ns, true_ns + self.ahead_ns, self.now)
        self.note()

    def step(self, step_ms: int) -> None:
        """Our clock is set, and the engine sees it."""
        self.ahead_ns += step_ms * MS
        self.clock.stepped(step_ms * MS)
        self.note()

    def note(self) -> None:
        news = self.clock.news()
        if news is not None:
            self.said.append(news)

    @property
    def levels(self) -> list[str]:
        return [level for level, _ in self.said]


def test_the_least_sample_counts_and_late_messages_change_nothing() -> None:
    place = Place()
    for late_ms in (40, 3, 900, 4000, 12):
        place.hear(late_ms)
    assert place.clock.ahead_ns == 3 * MS
    assert place.clock.refusal() is None
    assert place.said == []


def test_a_clock_that_is_off_is_told_once_and_once_when_it_is_over() -> None:
    place = Place(ahead_ms=260)
    for _ in range(5):
        place.hear()
    ((level, text),) = place.said
    assert level == "warning"
    assert text.startswith("our clock is 261 ms ahead of the venue's; check chrony")
    place.step(-40)
    assert len(place.said) == 1, "221 ms are neither over nor new"
    place.step(-100)
    assert place.levels == ["warning", "info"]
    place.step(-400)
    place.hear()
    assert place.levels == ["warning", "info", "warning"]
    assert "our clock is 279 ms behind the venue's" in place.said[-1][1]


def test_what_the_venue_would_refuse_is_refused_either_way() -> None:
    for ahead_ms, refused in ((990, False), (1000, True), (-5000, False), (-5002, True)):
        place = Place(ahead_ms)
        place.hear()
        refusal = place.clock.refusal()
        assert (refusal is not None) is refused, ahead_ms
        assert place.levels == ["error" if refused else "warning"]
    assert refusal is not None
    assert refusal.startswith("our clock is 5001 ms behind the venue's, and the venue refuses 5000")


def test_a_leap_of_two_seconds_is_seen_at_once_and_its_repair_too() -> None:
    for step_ms in (2000, -2000):
        place = Place()
        for _ in range(10):
            place.hear()
        place.step(step_ms)
        assert (place.clock.refusal() is not None) is (step_ms > 0)
        assert place.levels[-1] in ("error", "warning")
        place.hear(late_ms=5)
        assert place.clock.ahead_ns == (step_ms + 1) * MS
        place.step(-step_ms)
        assert place.clock.refusal() is None
        assert place.levels[-1] == "info"


def test_slow_drift_is_followed_though_it_only_ever_raises_the_samples() -> None:
    place = Place()
    for _ in range(1200):
        place.ahead_ns += MS
        place.hear()
        if place.clock.refusal() is not None:
            break
    # One ms in a second: the window's length is what it is behind.
    assert SECOND_NS <= place.ahead_ns <= SECOND_NS + WINDOW_NS // 1000 + 2 * MS
    assert place.levels == ["warning", "error"]


def test_a_venue_whose_clock_jumps_ahead_is_seen_with_its_first_message() -> None:
    place = Place()
    for _ in range(5):
        place.hear()
    place.hear(late_ms=-6000)
    assert place.clock.refusal() is not None
    place = Place()
    place.hear()
    place.hear(late_ms=2000)
    assert place.clock.refusal() is None, "this may be a late message"
    for _ in range(WINDOW_NS // SECOND_NS + 1):
        place.hear(late_ms=2000)
    assert place.clock.refusal() is not None, "these cannot all be late"


def test_a_refused_time_ends_all_belief_and_names_what_its_message_says() -> None:
    place = Place()
    for _ in range(5):
        place.hear()
    now, wall = place.now, WALL_NS + place.now
    text = place.clock.doubt(wall - 3 * SECOND_NS, wall, now)
    assert "our clock is 3000 ms ahead of the venue's; check chrony or ntp" in text
    assert place.clock.is_doubted
    assert place.clock.refusal() is not None
    place.clock.read_anew()
    assert not place.clock.is_doubted
    assert "is not known" in place.clock.doubt(None, wall, now)
    assert place.clock.refusal() is None


def test_samples_are_few_whatever_comes() -> None:
    chance = random.Random(1)
    place = Place()
    for _ in range(20_000):
        place.hear(late_ms=chance.random() * 50, after_ms=10)
    assert len(place.clock._samples) <= WINDOW_NS // SAMPLE_NS + 2
    assert not place.clock.wants(place.now)
    assert place.clock.wants(place.now + SAMPLE_NS)


def test_the_last_sample_is_kept_whatever_its_age() -> None:
    place = Place(ahead_ms=1500)
    place.hear()
    place.now += 10 * WINDOW_NS
    assert place.clock.refusal() is not None
