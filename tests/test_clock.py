"""How far our clock is from the venue's: the estimate, its words, and what it means for orders."""

from __future__ import annotations

import random

import pytest
from engine_in_memory import NOW, WALL_NS, Engine
from fixengine.fix import fields
from fixengine.messages import ExecutionReport, OrderCancelRequest, Refused, RefusedReason
from fixengine.network.clock import MILLISECOND_NS, SECOND_NS, SURE, WINDOW_NS, Clock, Lead
from fixengine.network.slot import Post
from test_lines import ROLE, engine_with

AHEAD_NS, BEHIND_NS = SECOND_NS, 5 * SECOND_NS
HOUR_NS = 3600 * SECOND_NS


class Measured:
    """A clock and what one session says of it; the wall clock is WALL_NS at monotonic 0."""

    def __init__(self) -> None:
        self.clock = Clock(AHEAD_NS, BEHIND_NS)
        self.clock.offset_ns = WALL_NS
        self.lead = Lead()

    def hears(self, ahead_ns: int, now: int = 0) -> str | None:
        """A message whose date is so far behind our clock."""
        return self.clock.sample(self.lead, WALL_NS + now - ahead_ns, now)

    @property
    def lead_ns(self) -> int | None:
        return self.clock.lead_ns(self.lead)

    @property
    def trouble(self) -> str | None:
        return self.clock.trouble(self.lead)


@pytest.mark.parametrize("lead_ms", [-7000, -400, 0, 400, 1500])
def test_the_least_delayed_messages_tell_the_lead(lead_ms: int) -> None:
    one, draw, now = Measured(), random.Random(lead_ms), 0
    for _ in range(1000):
        now += draw.randrange(SECOND_NS // 10)
        delay_ns = draw.randrange(MILLISECOND_NS, 900 * MILLISECOND_NS)
        one.hears(lead_ms * MILLISECOND_NS + delay_ns, now)
    assert one.lead_ns is not None
    # Never below the truth, and above it by no more than the quickest messages took.
    assert 0 < one.lead_ns - lead_ms * MILLISECOND_NS < 40 * MILLISECOND_NS


@pytest.mark.parametrize(
    ("lead_ns", "words"),
    [
        (AHEAD_NS - 1, None),
        (AHEAD_NS, "1000 ms ahead of"),
        (-BEHIND_NS, None),
        (-BEHIND_NS - MILLISECOND_NS, "5001 ms behind"),
    ],
)
def test_trading_stops_where_the_venue_would_refuse(lead_ns: int, words: str | None) -> None:
    one = Measured()
    assert one.trouble is None
    for _ in range(SURE):
        one.hears(lead_ns)
    if words is None:
        assert one.trouble is None
    else:
        assert words in (one.trouble or "")


@pytest.mark.parametrize("heard", [0, 1, 2, 3, 10, 200])
@pytest.mark.parametrize("wrong_ns", [-6 * SECOND_NS, -HOUR_NS])
def test_one_message_dated_ahead_of_the_venue_says_nothing(heard: int, wrong_ns: int) -> None:
    one, now = Measured(), 0
    for _ in range(heard):
        now += SECOND_NS // 2
        one.hears(MILLISECOND_NS, now)
    one.hears(wrong_ns, now)
    assert one.trouble is None
    for _ in range(200):
        now += SECOND_NS // 2
        one.hears(MILLISECOND_NS, now)
        assert one.trouble is None
    assert one.lead_ns in (0, MILLISECOND_NS)


def test_a_burst_that_comes_late_says_nothing_against_one_message_that_did_not() -> None:
    one = Measured()
    one.hears(MILLISECOND_NS)
    for second in range(1, 10):
        one.hears(3 * SECOND_NS, second * SECOND_NS)
    assert (one.lead_ns, one.trouble) == (MILLISECOND_NS, None)


def test_that_we_are_behind_is_believed_at_once_when_the_venue_refuses_our_time() -> None:
    one = Measured()
    for _ in range(10):
        one.hears(MILLISECOND_NS)
    one.clock.doubt(one.lead)
    assert one.lead_ns is None
    assert "the venue refused our time" in (one.hears(-6 * SECOND_NS) or "")
    assert "6000 ms behind" in (one.trouble or "")
    for _ in range(SURE):
        one.hears(MILLISECOND_NS)
    assert one.trouble is None
    one.hears(-6 * SECOND_NS, 3 * WINDOW_NS)
    assert one.trouble is None, "the refusal was long ago"


def test_a_refusal_that_the_clock_does_not_explain_may_be_for_a_delay() -> None:
    one = Measured()
    one.clock.doubt(one.lead)
    told = one.hears(MILLISECOND_NS) or ""
    for text in ("refused our time", "clock is 1 ms ahead of", "RecvWindow (5000 ms", "delay"):
        assert text in told
    one.clock.doubt(one.lead)
    assert "delay" not in (one.hears(AHEAD_NS, SECOND_NS) or "delay")


def test_a_burst_that_is_refused_for_our_time_is_told_once_in_a_second() -> None:
    one, told = Measured(), []
    for index in range(40):
        one.clock.doubt(one.lead)
        told.append(one.hears(-HOUR_NS, index * SECOND_NS // 20))
        assert "3600000 ms behind" in (one.trouble or "")
    assert [index for index, text in enumerate(told) if text] == [0, 20]


def test_a_drift_is_told_once_and_once_when_it_is_over() -> None:
    one, told = Measured(), []
    leads_ms = [*range(0, 300, 10), *range(300, 100, -10), 100, 100]
    for index, lead_ms in enumerate(leads_ms):
        told.append(one.hears(lead_ms * MILLISECOND_NS, index * WINDOW_NS))
    beginning, end = [text for text in told if text is not None]
    assert "260 ms ahead" in beginning or "250 ms ahead" in beginning
    assert "chrony" in beginning
    assert "near enough" in end
    told = [one.hears(SECOND_NS, (len(leads_ms) + more) * WINDOW_NS) for more in range(3)]
    (again,) = [text for text in told if text is not None]
    assert again.endswith("check chrony or ntp (2 times on this session)")


def test_what_was_measured_moves_with_our_clock_and_the_venues_time_does_not() -> None:
    one = Measured()
    for now in (0, 1, WINDOW_NS):
        one.hears(0, now)
    for step_ns, lead_ns in ((2 * SECOND_NS, 2 * SECOND_NS), (-10 * SECOND_NS, -8 * SECOND_NS)):
        one.clock.stepped(step_ns)
        assert one.lead_ns == lead_ns
        assert one.clock.venue_ns(one.lead, WINDOW_NS) == WALL_NS + WINDOW_NS
    assert "8000 ms behind" in (one.trouble or "")


def test_a_silence_forgets_what_was_measured_before_it() -> None:
    one = Measured()
    one.hears(-SECOND_NS)
    one.hears(SECOND_NS, 2 * WINDOW_NS)
    assert one.lead_ns == SECOND_NS


def test_one_session_with_a_wrong_clock_leaves_the_others_alone() -> None:
    engine, (one, other) = engine_with(Post(0, ROLE, True), Post(1, ROLE, True))
    for _ in range(SURE):
        engine.clock.sample(one.line.lead, WALL_NS + 6 * SECOND_NS, NOW)
    for number in range(4):
        engine.request(engine.order(f"o{number}"))
    assert (len(one.written), len(other.written)) == (0, 4)
    assert engine.heard() == []


def test_an_order_that_the_clock_would_doom_is_refused_and_a_cancel_is_not() -> None:
    engine = Engine()
    engine.request(engine.order("live"))
    engine.report("0", "0", order_qty="1.00000000", exec_id="5")
    assert isinstance(engine.heard()[0], ExecutionReport)
    engine.gateway.clock.stepped(2 * SECOND_NS)
    engine.request(engine.order("late"))
    (refused,) = engine.heard()
    assert isinstance(refused, Refused)
    assert refused.reason == RefusedReason.CLOCK_SKEW
    assert "2000 ms ahead" in refused.text
    engine.wire.written.clear()
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="live"))
    assert len(engine.wire.written) == 1


def test_reports_are_sampled_once_a_second_and_what_does_not_count_never() -> None:
    engine = Engine()
    engine.now += 10 * SECOND_NS
    before = engine.line.lead.due_ns
    engine.venue_says(fields.HEARTBEAT)
    assert engine.line.lead.due_ns == engine.now + SECOND_NS > before
    engine.request(engine.order("o1"))
    engine.now += SECOND_NS // 2
    due_ns = engine.line.lead.due_ns
    engine.report("0", "0", exec_id="5")
    assert engine.line.lead.due_ns == due_ns
    engine.now += SECOND_NS
    engine.report("4", "4", exec_id="6")
    assert engine.line.lead.due_ns == engine.now + SECOND_NS
    assert engine.clock.lead_ns(engine.line.lead) == 0
    assert engine.now > NOW
