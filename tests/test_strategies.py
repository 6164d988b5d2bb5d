"""Report numbers, parking, replay and gaps, and who may be which strategy."""

from __future__ import annotations

import pytest
from engine_in_memory import Engine
from fixengine.messages import (
    Ack,
    Gap,
    Heartbeat,
    OrderCancelRequest,
    Refused,
    SessionStatus,
    Welcome,
    encode,
    encode_event,
)
from fixengine.network.strategies import (
    NAMES_PER_SEAT_MAX,
    NEW_NAMES_PER_SECOND_MAX,
    SLICE_EVENTS,
    RegisterError,
    Standing,
)

MS = 1_000_000


@pytest.fixture
def engine() -> Engine:
    return Engine()


def tell(engine: Engine, count: int) -> None:
    for number in range(count):
        engine.gateway.on_session("active", str(number), "ME", "active", engine.now)


def seqs(events: list) -> list[int]:
    return [event.report_seq for event in events]


def test_reports_are_numbered_from_one_without_holes(engine: Engine) -> None:
    tell(engine, 3)
    assert seqs(engine.heard()) == [1, 2, 3]


def test_a_strategy_that_was_away_gets_everything_in_order(engine: Engine) -> None:
    tell(engine, 2)
    engine.heard()
    engine.bus.gone.add(b"a")
    tell(engine, 3)
    assert engine.heard() == []
    engine.hello(b"a2", "alpha", resume_from=3)
    welcome, *events = engine.heard(b"a2")
    assert isinstance(welcome, Welcome)
    assert welcome.next_seq == 3
    assert seqs(events) == [3, 4, 5]
    assert [event.replayed for event in events] == [False, False, False]


def test_what_was_handed_over_before_is_flagged_when_it_comes_again(engine: Engine) -> None:
    tell(engine, 3)
    engine.heard()
    engine.bus.gone.add(b"a")
    engine.hello(b"a2", "alpha", resume_from=2)
    _, *events = engine.heard(b"a2")
    assert seqs(events) == [2, 3]
    assert all(event.replayed for event in events)


def test_who_names_no_number_gets_all_that_is_not_acknowledged(engine: Engine) -> None:
    tell(engine, 3)
    engine.gateway.on_order(b"a", encode(Ack(2)), engine.now)
    engine.bus.gone.add(b"a")
    engine.hello(b"a2", "alpha")
    welcome, *events = engine.heard(b"a2")
    assert welcome.next_seq == 3
    assert seqs(events) == [3]


def test_what_cannot_be_kept_becomes_a_gap() -> None:
    engine = Engine(outbox_max=3)
    engine.bus.gone.add(b"a")
    tell(engine, 5)
    engine.hello(b"a2", "alpha", resume_from=1)
    _, gap, *events = engine.heard(b"a2")
    assert isinstance(gap, Gap)
    assert (gap.missing_from, gap.missing_to) == (1, 2)
    assert seqs(events) == [3, 4, 5]


def test_a_number_from_beyond_is_overruled(engine: Engine) -> None:
    tell(engine, 1)
    engine.bus.gone.add(b"a")
    engine.hello(b"a2", "alpha", resume_from=99)
    welcome, *_ = engine.heard(b"a2")
    assert welcome.next_seq == 1


def test_numbers_of_a_lost_record_are_not_taken_for_those_of_this_run() -> None:
    """It had processed 7 when the power failed, and of our record 5 and all after it are lost."""
    engine = Engine(standings={"gamma": Standing(5, 2)})
    tell(engine, 9)
    engine.hello(b"g", "gamma", resume_from=8)
    welcome, *events = engine.heard(b"g")
    assert isinstance(welcome, Welcome)
    assert welcome.next_seq == 5
    assert seqs(events) == [*range(5, 14)]
    engine.bus.gone.add(b"g")
    engine.hello(b"g2", "gamma", resume_from=14)
    welcome, *events = engine.heard(b"g2")
    assert (welcome.next_seq, events) == (14, [])


def test_a_full_queue_parks_and_a_tick_goes_on(engine: Engine) -> None:
    engine.bus.full.add(b"a")
    tell(engine, 2)
    engine.bus.full.clear()
    tell(engine, 1)
    assert engine.heard() == [], "never out of order"
    assert engine.strategies.waiting()
    engine.gateway.on_tick(engine.now)
    assert seqs(engine.heard()) == [1, 2, 3]
    assert not engine.strategies.waiting()


@pytest.mark.parametrize("reads", [True, False])
def test_of_many_events_that_were_missed_the_rest_is_known_to_be_parked(reads: bool) -> None:
    engine = Engine()
    engine.bus.gone.add(b"a")
    tell(engine, SLICE_EVENTS + 1)
    assert not engine.strategies.waiting()
    engine.strategies.has_parked = False
    if not reads:
        engine.bus.full.add(b"a2")
    engine.hello(b"a2", "alpha", resume_from=1)
    assert engine.strategies.waiting()
    assert engine.strategies.has_parked


def test_one_that_is_gone_is_waited_for_without_work(engine: Engine) -> None:
    engine.bus.gone.add(b"a")
    tell(engine, 2)
    assert not engine.strategies.waiting()


def test_who_names_no_number_is_told_what_cannot_be_kept_any_more() -> None:
    engine = Engine(outbox_max=3)
    engine.bus.gone.add(b"a")
    tell(engine, 5)
    engine.hello(b"a2", "alpha")
    welcome, gap, *events = engine.heard(b"a2")
    assert welcome.next_seq == 1
    assert (gap.missing_from, gap.missing_to) == (1, 2)
    assert seqs(events) == [3, 4, 5]


def test_events_of_an_earlier_run_that_were_not_acknowledged_are_a_gap() -> None:
    engine = Engine(standings={"alpha": Standing(10, 6)})
    engine.hello(b"a", "alpha")
    welcome, gap = engine.heard()
    assert welcome.next_seq == 7
    assert isinstance(gap, Gap)
    assert (gap.missing_from, gap.missing_to, gap.report_seq) == (7, 9, 9)
    tell(engine, 1)
    assert seqs(engine.heard()) == [10]


def test_events_of_an_earlier_run_that_were_kept_come_again_flagged(engine: Engine) -> None:
    tell(engine, 4)
    kept = [bytes(payload) for payload in engine.strategies.by_number[1].outbox.values()][1:]
    later = Engine(standings={"alpha": Standing(5, 0)})
    later.strategies.restore("alpha", kept)
    later.hello(b"a", "alpha")
    _, gap, *events = later.heard()
    assert (gap.missing_from, gap.missing_to) == (1, 1)
    assert seqs(events) == [2, 3, 4]
    assert all(event.replayed for event in events)


def test_reports_for_a_strategy_that_is_not_back_yet_wait() -> None:
    engine = Engine(standings={"gamma": Standing(4, 3)})
    tell(engine, 1)
    engine.hello(b"g", "gamma", resume_from=4)
    assert seqs(engine.heard(b"g")[1:]) == [4]


def test_a_second_socket_of_a_living_strategy_is_refused(engine: Engine) -> None:
    engine.hello(b"twin", "alpha")
    (event,) = engine.heard(b"twin")
    assert isinstance(event, Refused)
    assert event.reason == "already_connected"
    asked = [event for peer, event in engine.bus.sent if peer == b"a"]
    assert asked == [Heartbeat()], "the first was asked for a sign of life"
    tell(engine, 1)
    assert isinstance(engine.heard()[0], SessionStatus)


def test_a_restarted_strategy_takes_its_place(engine: Engine) -> None:
    engine.bus.gone.add(b"a")
    engine.hello(b"a2", "alpha")
    tell(engine, 1)
    assert isinstance(engine.heard(b"a2")[-1], SessionStatus)
    engine.request(engine.order(), peer=b"a")
    assert engine.wire.written == [], "the old socket is bound to nothing any more"


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "a\x01"])
def test_a_bad_name_is_refused(engine: Engine, name: str) -> None:
    engine.hello(b"n", name)
    (event,) = engine.heard(b"n")
    assert (event.reason, "Hello.strategy" in event.text) == ("malformed", True)


def test_a_socket_keeps_its_strategy(engine: Engine) -> None:
    engine.hello(b"a", "beta")
    (event,) = engine.heard()
    assert isinstance(event, Refused)


def test_there_is_a_limit_to_strategies(engine: Engine) -> None:
    for number in range(8):
        engine.hello(b"p%d" % number, f"s{number}")
    (event,) = engine.heard(b"p7")
    assert "strategies_max" in event.text
    engine.bus.gone.add(b"p3")
    engine.hello(b"p7", "s7")
    assert isinstance(engine.heard(b"p7")[0], Welcome), "the seat of one who left is free"


def test_new_names_are_entered_at_a_bounded_rate(engine: Engine) -> None:
    engine.now += 5_000 * MS
    for number in range(NEW_NAMES_PER_SECOND_MAX + 3):
        engine.hello(b"x%d" % number, f"new{number}")
        engine.bus.gone.add(b"x%d" % number)
        engine.now += MS
    assert len(engine.strategies.by_number) == 1 + NEW_NAMES_PER_SECOND_MAX
    peer, refused = engine.bus.sent[-1]
    assert (peer, refused.reason) == (b"x12", "limit")
    assert refused.retry_after_ms == 1000 - 12
    engine.hello(b"y", "new0")
    assert isinstance(engine.bus.sent[-1][1], Welcome), "a name that is known costs nothing"
    engine.now += (refused.retry_after_ms - 1) * MS
    engine.hello(b"z", "new12")
    assert isinstance(engine.bus.sent[-1][1], Welcome)


def test_no_process_can_use_up_all_names(engine: Engine) -> None:
    names_max = engine.strategies.strategies_max * NAMES_PER_SEAT_MAX
    for number in range(names_max + 5):
        engine.hello(b"x%d" % number, f"new{number}")
        engine.bus.gone.add(b"x%d" % number)
        engine.now += 1_000 * MS
    assert len(engine.strategies.by_number) == names_max
    _, refused = engine.bus.sent[-1]
    assert (refused.reason, refused.retry_after_ms) == ("limit", None)
    assert "bus.strategies_max" in refused.text
    engine.hello(b"y", "new0")
    assert isinstance(engine.bus.sent[-1][1], Welcome)


def test_a_strategy_that_cannot_be_entered_is_told_why(engine: Engine) -> None:
    def full(name: str) -> int:
        raise RegisterError("state.json: cannot be written: No space left on device")

    engine.strategies.register.strategy_number = full  # type: ignore[method-assign]
    engine.hello(b"n", "new")
    (event,) = engine.heard(b"n")
    assert (event.reason, "No space" in event.text) == ("state_failed", True)
    assert engine.strategies.of(b"n") is None


def test_a_bogus_acknowledgement_drops_nothing_unsent(engine: Engine) -> None:
    engine.bus.full.add(b"a")
    tell(engine, 2)
    engine.bus.full.clear()
    engine.gateway.on_order(b"a", encode(Ack(1 << 40)), engine.now)
    assert seqs(engine.heard()) == [1, 2]


# --- what memory keeps no more -----------------------------------------------------------------


class Archive:
    """Keeps questions until the test answers them."""

    def __init__(self, engine: Engine) -> None:
        self.asked: list[tuple[str, int, int]] = []
        self.is_there = True
        self._engine = engine
        engine.strategies.archive = self

    def ask(self, name: str, first: int, last: int) -> int | None:
        if not self.is_there:
            return None
        self.asked.append((name, first, last))
        return len(self.asked)

    def answer(self, numbers: list[int], until: int, question: int = 0) -> None:
        """Events with these numbers, to the question asked last or another."""
        event = SessionStatus(0, 0, "", False, 0, "active")
        events = [bytes(encode_event(event, seq)) for seq in numbers]
        number = question or len(self.asked)
        self._engine.strategies.found(number, events, until, self._engine.now)


def away(outbox_max: int, events: int) -> tuple[Engine, Archive]:
    """An engine whose strategy alpha missed so many events, and is back."""
    engine = Engine(outbox_max=outbox_max)
    archive = Archive(engine)
    engine.bus.gone.add(b"a")
    tell(engine, events)
    engine.hello(b"a2", "alpha", resume_from=1)
    assert isinstance(engine.heard(b"a2")[0], Welcome)
    return engine, archive


def test_older_events_come_from_the_journal_and_then_from_memory() -> None:
    engine, archive = away(3, 9)
    assert archive.asked == [("alpha", 1, 6)]
    archive.answer([1, 2], 0)
    assert seqs(engine.heard(b"a2")) == [1, 2], "as the pieces come"
    engine.gateway.on_tick(engine.now)
    archive.answer([3, 4], 4)
    assert seqs(engine.heard(b"a2")) == [3, 4]
    assert archive.asked[1:] == [("alpha", 5, 6)], "an answer ends somewhere: asked on"
    archive.answer([5, 6], 6)
    assert seqs(engine.heard(b"a2")) == [5, 6, 7, 8, 9]
    tell(engine, 1)
    assert seqs(engine.heard(b"a2")) == [10]


def test_what_the_journal_does_not_have_is_a_gap() -> None:
    engine, archive = away(3, 9)
    archive.answer([3, 5], 6)
    events = engine.heard(b"a2")
    assert seqs(events) == [2, 3, 4, 5, 6, 7, 8, 9]
    gaps = [(one.missing_from, one.missing_to) for one in events if isinstance(one, Gap)]
    assert gaps == [(1, 2), (4, 4), (6, 6)]


def test_an_archive_that_cannot_be_asked_is_asked_later() -> None:
    engine, archive = away(3, 5)
    archive.is_there = False
    engine.strategies.ask_anew()
    engine.gateway.on_tick(engine.now)
    archive.is_there = True
    engine.gateway.on_tick(engine.now)
    assert archive.asked == [("alpha", 1, 2)] * 2
    archive.answer([1, 2], 2)
    assert seqs(engine.heard(b"a2")) == [1, 2, 3, 4, 5]


def test_an_answer_to_an_earlier_connection_is_none() -> None:
    engine, archive = away(3, 9)
    archive.answer([1], 0)
    engine.bus.gone.add(b"a2")
    engine.hello(b"a3", "alpha", resume_from=4)
    archive.answer([2, 3, 4, 5, 6], 6, question=1)
    assert seqs(engine.heard(b"a3")[1:]) == []
    archive.answer([4, 5, 6], 6)
    assert seqs(engine.heard(b"a3")) == [4, 5, 6, 7, 8, 9]


# --- who falls too far behind --------------------------------------------------------------------


def lagging() -> Engine:
    """An engine of which alpha, with an order, was cut off with 10 events waiting."""
    engine = Engine(outbox_max=5)
    engine.request(engine.order())
    engine.report("0", "0")
    engine.heard()
    engine.hello(b"b", "beta")
    engine.bus.full.add(b"a")
    tell(engine, 5)
    assert engine.strategies.of(b"a") is not None
    tell(engine, 5)
    assert engine.strategies.of(b"a") is None
    engine.wire.written.clear()
    return engine


def test_one_that_falls_too_far_behind_is_cut_off_and_told() -> None:
    engine = lagging()
    assert seqs(engine.heard(b"b")[1:]) == list(range(1, 11)), "nobody else notices"
    engine.gateway.on_tick(engine.now)
    assert engine.log[-1] == "strategy alpha is lagging, 6 events behind: it is cut off"
    engine.bus.full.clear()
    engine.now += 1000 * MS
    engine.gateway.on_tick(engine.now)
    (told,) = engine.heard()
    assert isinstance(told, Refused)
    assert (told.reason, told.report_seq, told.cl_ord_id) == ("lagging", 0, "")
    assert "bus.report_buffer_max (5)" in told.text
    engine.now += 1000 * MS
    engine.gateway.on_tick(engine.now)
    assert engine.heard() == [], "once"
    engine.hello(b"a", "alpha", resume_from=7)
    assert seqs(engine.heard()[1:]) == [7, 8, 9, 10, 11]
    tell(engine, 1)
    assert seqs(engine.heard()) == [12]


def test_one_that_was_cut_off_may_cancel_and_nothing_else_before_it_reads() -> None:
    engine = lagging()
    engine.request(engine.order("o2"))
    engine.request(engine.order("o1"))
    assert engine.wire.written == []
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    assert len(engine.wire.written) == 1
    engine.bus.full.clear()
    engine.request(engine.order("o3"))
    (told,) = engine.heard()
    assert (told.reason, told.report_seq) == ("lagging", 0)
    engine.hello(b"a", "alpha", resume_from=12)
    _, second, first, third = engine.heard()
    assert (second.cl_ord_id, second.reason) == ("o2", "lagging")
    assert (first.cl_ord_id, first.exec_type) == ("o1", "0"), "the outcome as it was recorded"
    assert (third.cl_ord_id, third.reason) == ("o3", "lagging")


def test_who_comes_late_may_fall_as_far_behind_again() -> None:
    engine = Engine(outbox_max=5)
    engine.bus.gone.add(b"a")
    tell(engine, 20)
    engine.bus.full.add(b"a2")
    engine.hello(b"a2", "alpha", resume_from=1)
    tell(engine, 5)
    assert engine.strategies.of(b"a2") is not None, "it was as far behind when it came"
    tell(engine, 1)
    assert engine.strategies.of(b"a2") is None
