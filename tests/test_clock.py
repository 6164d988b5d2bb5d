"""How far our clock is from the venue's: the estimate, its words, and what it means for orders."""

from __future__ import annotations

import random

import pytest
from engine_in_memory import NOW, WALL_NS, Engine
from fixengine.fix import fields
from fixengine.messages import ExecutionReport, OrderCancelRequest, Refused, RefusedReason
from fixengine.network.clock import MILLISECOND_NS, SECOND_NS, WINDOW_NS, Clock

AHEAD_NS, BEHIND_NS = SECOND_NS, 5 * SECOND_NS


def clock() -> Clock:
    return Clock(AHEAD_NS, BEHIND_NS)


@pytest.mark.parametrize("lead_ms", [-7000, -400, 0, 400, 1500])
def test_the_least_delayed_message_tells_the_lead(lead_ms: int) -> None:
    one, draw, now = clock(), random.Random(lead_ms), 0
    for _ in range(1000):
        now += draw.randrange(SECOND_NS // 10)
        delay_ns = draw.randrange(MILLISECOND_NS, 900 * MILLISECOND_NS)
        venue_ns = WALL_NS + now - delay_ns
        one.sample(venue_ns, WALL_NS + now + lead_ms * MILLISECOND_NS, now)
    lead_ns = one.lead_ns
    assert lead_ns is not None
    # Never below the truth, and above it by no more than the quickest message took.
    assert 0 < lead_ns - lead_ms * MILLISECOND_NS < 40 * MILLISECOND_NS


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
    one = clock()
    assert one.trouble is None
    one.sample(WALL_NS, WALL_NS + lead_ns, 0)
    if words is None:
        assert one.trouble is None
    else:
        assert words in (one.trouble or "")


def test_a_drift_is_told_once_and_once_when_it_is_over() -> None:
    one, told = clock(), []
    leads_ms = [*range(0, 300, 10), *range(300, 100, -10), 100, 100]
    for index, lead_ms in enumerate(leads_ms):
        now = index * WINDOW_NS
        told.append(one.sample(WALL_NS, WALL_NS + lead_ms * MILLISECOND_NS, now))
    beginning, end = [text for text in told if text is not None]
    assert "260 ms ahead" in beginning or "250 ms ahead" in beginning
    assert "chrony" in beginning
    assert "near enough" in end


def test_what_was_measured_moves_with_our_clock() -> None:
    one = clock()
    one.sample(WALL_NS, WALL_NS, 0)
    one.sample(WALL_NS, WALL_NS, WINDOW_NS)
    one.stepped(2 * SECOND_NS)
    assert one.lead_ns == 2 * SECOND_NS
    one.stepped(-10 * SECOND_NS)
    assert "8000 ms behind" in (one.trouble or "")


def test_a_silence_forgets_what_was_measured_before_it() -> None:
    one = clock()
    one.sample(WALL_NS, WALL_NS - SECOND_NS, 0)
    one.sample(WALL_NS, WALL_NS + SECOND_NS, 2 * WINDOW_NS)
    assert one.lead_ns == SECOND_NS


def test_an_order_that_the_clock_would_doom_is_refused_and_a_cancel_is_not() -> None:
    engine = Engine()
    engine.request(engine.order("live"))
    engine.report("0", "0", order_qty="1.00000000", exec_id="5")
    assert isinstance(engine.heard()[0], ExecutionReport)
    engine.line.session.offset_ns += 2 * SECOND_NS
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
    before = engine.gateway.clock.due_ns
    engine.venue_says(fields.HEARTBEAT)
    assert engine.gateway.clock.due_ns == engine.now + SECOND_NS > before
    engine.request(engine.order("o1"))
    engine.now += SECOND_NS // 2
    due_ns = engine.gateway.clock.due_ns
    engine.report("0", "0", exec_id="5")
    assert engine.gateway.clock.due_ns == due_ns
    engine.now += SECOND_NS
    engine.report("4", "4", exec_id="6")
    assert engine.gateway.clock.due_ns == engine.now + SECOND_NS
    assert engine.gateway.clock.lead_ns == 0
    assert engine.now > NOW
