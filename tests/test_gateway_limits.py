"""The walk keeps the venue's limits, asks for them, and does not trade with a wrong clock."""

from __future__ import annotations

from typing import Any

import pytest
from engine_in_memory import Engine, edited
from fixengine.desk.limits import Budget
from fixengine.desk.unfilled import FILL_LAG_NS, Unfilled
from fixengine.messages import (
    ExecutionReport,
    LimitQuery,
    LimitResponse,
    NewOrderSingle,
    OrderCancelRequest,
    OrderCancelRequestAndNewOrderSingle,
    Refused,
    encode,
)
from fixengine.network.clock import SURE, Lead
from fixengine.network.journal.record import Kind
from fixengine.network.limits import ANSWER_NS_MAX
from sessions_in_memory import parsed

MS = 1_000_000
SECOND_NS = 1000 * MS
INTERVAL_NS = 10 * SECOND_NS


def limited(
    orders_max: int = 5,
    messages_max: int = 1000,
    share_percent: int = 100,
    answered: bool = True,
) -> Engine:
    """answered: the LimitQuery is, with what we know already."""
    windows = ((orders_max, INTERVAL_NS, "10 SECOND"), (500, 86_400 * SECOND_NS, "1 DAY"))
    budget = Budget(messages_max, INTERVAL_NS, 5)
    engine = Engine(budget=budget, unfilled=Unfilled(windows, share_percent))
    # 2026-01-01 00:00:05 at the venue: the middle of a window.
    engine.now += 5 * SECOND_NS
    engine.log.clear()
    if answered:
        says(engine, ("1", 0, orders_max, 10, "s"), ("1", 0, 500, 1, "d"))
        assert engine.log == []
    return engine


def refused(engine: Engine, peer: bytes = b"a") -> Refused:
    (event,) = engine.heard(peer)
    assert isinstance(event, Refused)
    return event


def outs(engine: Engine) -> list[bytes]:
    """Every frame that went out; of the Logon the secrets are masked."""
    return [data for kind, data in engine.journal.records if kind == Kind.FRAME_OUT]


def queries(engine: Engine) -> list[str]:
    """ReqIDs of the LimitQueries that went out."""
    asked = [frame for frame in outs(engine) if b"\x0135=XLQ\x01" in frame]
    return [parsed(frame)[6136].decode() for frame in asked]


def says(engine: Engine, *rows: tuple[Any, ...], req_id: str = "limits-1") -> None:
    """The venue answers: rows of type, used, maximum, interval, unit."""
    engine.venue_says(b"XLR", req_id=req_id, limit_indicators=rows)


def ask_again(engine: Engine) -> str:
    """Let the line ask, as one does that has just logged on; the ReqID."""
    engine.gateway.limits.on_logon(engine.line, engine.now)
    engine.gateway.flush(engine.now)
    return queries(engine)[-1]


def fill(engine: Engine, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        engine.request(engine.order(f"o{number}"))
    assert engine.heard() == []


def test_a_limit_query_is_the_first_thing_after_the_logon() -> None:
    engine = limited(answered=False)
    logon, query = outs(engine)
    assert b"\x0135=A\x01" in logon
    assert (parsed(query)[34], queries(engine)) == (b"2", ["limits-1"])
    assert queries(Engine()) == [], "where no limit is kept nothing is asked"


def test_unfilled_orders_are_refused_beyond_the_limit_and_cancels_are_not() -> None:
    engine = limited()
    fill(engine, 5)
    engine.request(engine.order("o5"))
    event = refused(engine)
    assert event.reason == "limit"
    assert event.retry_after_ms == 6000, "to the end of the window, and a second to be sure"
    assert event.text == (
        "unfilled orders, the account's limit: 5 of 5 per 10 SECOND are used; free in 6000 ms"
    )
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o0"))
    assert engine.last()[35] == b"F"
    engine.now += 6000 * MS
    fill(engine, 5, first=6)


def replacing(cl_ord_id: str, limit_mode: str | None) -> OrderCancelRequestAndNewOrderSingle:
    order = NewOrderSingle.limit("BTCUSDT", "1", "2", "49000", cl_ord_id=cl_ord_id)
    return OrderCancelRequestAndNewOrderSingle.replacing(
        "o0", order, rate_limit_exceeded_mode=limit_mode, cancel_cl_ord_id=f"{cl_ord_id}-c"
    )


@pytest.mark.parametrize("limit_mode", [None, "1"])
def test_beyond_the_limit_nothing_is_replaced(limit_mode: str | None) -> None:
    engine = limited()
    fill(engine, 5)
    engine.request(replacing("n", limit_mode))
    assert (refused(engine).reason, engine.last()[35]) == ("limit", b"D")


def test_a_cancel_that_is_wanted_beyond_the_limit_too_leaves() -> None:
    engine = limited()
    fill(engine, 5)
    engine.request(replacing("n", "2"))
    assert (engine.last()[35], engine.last()[25038]) == (b"XCN", b"2")
    assert engine.heard() == []


def test_of_a_strategy_that_has_used_its_share_no_order_leaves_beside_a_cancel() -> None:
    """The venue would take the order, for the account's limit is not reached."""
    engine = limited(orders_max=10, share_percent=50)
    engine.hello(b"b", "taker")
    engine.heard(b"b")
    engine.request(engine.order("t0"), b"b")
    fill(engine, 5)
    engine.request(replacing("n", "2"))
    event = refused(engine)
    assert (event.reason, "share" in event.text) == ("limit", True)


def test_what_the_venue_said_on_one_line_holds_on_the_next_until_that_is_answered() -> None:
    engine = limited()
    says(engine, ("2", 0, 100, 10, "s"), req_id=ask_again(engine))
    line = engine.line
    line.budget = Budget(2000, INTERVAL_NS, 5)
    ask_again(engine)
    assert (line.budget.count_max, line.budget.ordinary_max) == (100, 95)


@pytest.mark.parametrize(("ahead_s", "wait_ms"), [(3, 3000), (-4, 10_000)])
def test_windows_of_unfilled_orders_are_those_of_the_venues_clock(
    ahead_s: int, wait_ms: int
) -> None:
    engine = limited()
    engine.clock.ahead_ns_max = 5 * SECOND_NS
    engine.venue_ahead_ns = ahead_s * SECOND_NS
    engine.line.lead = Lead()
    for _ in range(SURE):
        engine.venue_says(b"0")
    fill(engine, 5)
    engine.request(engine.order("o5"))
    assert refused(engine).retry_after_ms == wait_ms


def test_a_first_fill_makes_room_and_neither_a_second_nor_a_cancel_does() -> None:
    engine = limited()
    engine.now -= 4 * SECOND_NS
    fill(engine, 5)
    filled = {"cum_qty": "1.00000000", "last_qty": "1.00000000", "trade_id": "9"}
    engine.report("F", "1", **filled)
    filled |= {"cum_qty": "2.00000000", "trade_id": "10"}
    engine.report("F", "1", **filled)
    engine.report("4", "4")
    engine.heard()
    engine.now += FILL_LAG_NS
    fill(engine, 1, first=5)
    engine.request(engine.order("o9"))
    assert refused(engine).reason == "limit"


def test_an_order_that_never_left_is_not_counted() -> None:
    engine = limited()
    for number in range(5):
        engine.request(engine.order(f"o{number}", valid_for_ms=1), flush=False)
    engine.now += 2 * MS
    engine.gateway.flush(engine.now)
    assert {event.reason for event in engine.heard() if isinstance(event, Refused)} == {"too_old"}
    fill(engine, 5)


def test_the_answer_calibrates_counts_and_limits() -> None:
    engine = limited(answered=False)
    says(engine, ("2", 990, 2000, 10, "s"), ("1", 6, 8, 10, "s"), ("1", 6, 500, 1, "d"))
    assert engine.log == [
        "the venue's limits differ from ours and hold: messages: 2000 per 10 SECOND,"
        " unfilled orders: 8 per 10 SECOND instead of 5"
    ]
    fill(engine, 2)
    engine.request(engine.order("o9"))
    assert "8 of 8 per 10 SECOND" in refused(engine).text
    assert engine.line.budget is not None
    assert (engine.line.budget.count_max, engine.line.budget.used) == (2000, 992)


def test_an_answer_that_says_less_is_used_changes_nothing() -> None:
    engine = limited()
    fill(engine, 5)
    engine.gateway.limits.on_logon(engine.line, engine.now)
    says(
        engine,
        ("2", 0, 1000, 10, "s"),
        ("1", 0, 5, 10, "s"),
        ("1", 0, 500, 1, "d"),
        req_id="limits-2",
    )
    assert engine.log == []
    engine.request(engine.order("o9"))
    assert refused(engine).reason == "limit"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (("2", 0, 0, 10, "s"), "a message limit of 0"),
        (("1", -1, 5, 10, "s"), "limit 5 per 10 s, -1 used"),
        (("1", 0, 5, 0, "s"), "a limit per 0 SECOND"),
        (("1", 0, 5, 10, "w"), "limit 5 per 10 w, 0 used"),
        (("1", 0, 5, None, None), "limit 5 per None None, 0 used"),
    ],
)
def test_an_answer_that_makes_no_sense_is_told_and_the_table_holds(
    row: tuple[Any, ...], problem: str
) -> None:
    engine = limited(answered=False)
    says(engine, row)
    (text,) = engine.log
    assert "cannot be read, the limits known so far hold" in text
    assert problem in text
    fill(engine, 5)
    engine.request(engine.order("o9"))
    assert refused(engine).reason == "limit"


def test_an_answer_without_end_is_not_taken_over() -> None:
    engine = limited(answered=False)
    says(engine, *(("1", 0, 5, number, "s") for number in range(1, 40)))
    assert engine.log[0].endswith("it has 39 limits, more than 32")


def test_an_answer_without_what_it_must_have_is_told_and_the_table_holds() -> None:
    engine = limited(answered=False)
    rows = (("1", 0, 5, 10, "s"),)
    whole = engine.frame(b"XLR", req_id="limits-1", limit_indicators=rows)
    engine.venue_sends(edited(whole, b"\x0125005=0", b""))
    (text,) = engine.log
    assert "cannot be read, the limits known so far hold" in text
    assert "25005" in text


def test_an_answer_to_nothing_changes_nothing() -> None:
    engine = limited()
    says(engine, ("1", 5, 5, 10, "s"), req_id="limits-7")
    assert engine.log == ["a LimitResponse to no LimitQuery of ours"]
    fill(engine, 5)


def test_a_query_that_is_refused_or_not_answered_is_told() -> None:
    engine = limited(answered=False)
    engine.venue_says(b"3", ref_seq_num=2, venue_code="-1000", text="No.")
    assert engine.log == [
        "the venue refused the LimitQuery, the limits known so far hold: -1000 No."
    ]
    fill(engine, 5)
    engine = limited(answered=False)
    engine.now += ANSWER_NS_MAX
    engine.gateway.on_tick(engine.now)
    engine.gateway.on_tick(engine.now)
    assert engine.log == ["the LimitQuery was not answered, the limits known so far hold"]
    fill(engine, 5)


def test_orders_wait_for_the_first_answer_and_cancels_do_not() -> None:
    """The run before may have used up all there is."""
    engine = limited(answered=False)
    engine.request(engine.order("o1"))
    event = refused(engine)
    assert (event.reason, event.retry_after_ms) == ("limit", 100)
    says(engine, ("1", 4, 5, 10, "s"), ("1", 4, 500, 1, "d"))
    fill(engine, 1, first=2)
    engine.request(engine.order("o3"))
    assert "5 of 5 per 10 SECOND" in refused(engine).text
    engine.gateway.limits.on_logon(engine.line, engine.now)
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o2"))
    assert engine.last()[35] == b"F"
    engine.now += INTERVAL_NS
    fill(engine, 1, first=4)


def test_a_query_that_was_refused_for_our_clock_is_asked_again_before_any_order() -> None:
    engine = limited(answered=False)
    engine.venue_says(b"3", ref_seq_num=2, venue_code="-1021", text="Timestamp ...")
    engine.request(engine.order("o1"))
    event = refused(engine)
    assert (event.reason, event.retry_after_ms) == ("limit", 100)
    assert queries(engine) == ["limits-1", "limits-2"]
    says(engine, ("1", 4, 5, 10, "s"), ("1", 4, 500, 1, "d"), req_id="limits-2")
    fill(engine, 1, first=2)
    engine.request(engine.order("o3"))
    assert "5 of 5 per 10 SECOND" in refused(engine).text
    assert queries(engine) == ["limits-1", "limits-2"]


def test_a_cancel_leaves_while_the_first_answer_is_under_way() -> None:
    engine = limited(answered=False)
    order = engine.gateway.orders.open(1, "old", "w-1", "BTCUSDT")
    engine.gateway.orders.unknown(order)
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="old"))
    assert engine.heard() == []
    assert engine.last()[35] == b"F"


@pytest.mark.parametrize("as_reject", [False, True])
def test_when_the_venue_counts_more_nothing_goes_out_until_its_window_ends(
    as_reject: bool,
) -> None:
    engine = limited(answered=False)
    says(engine, ("1", 0, 5, 10, "s"), ("1", 0, 500, 1, "d"))
    fill(engine, 1)
    code, text = "-1015", "Too many new orders; current limit is 5 orders per 10 SECOND."
    if as_reject:
        seq = int(engine.last()[34])
        engine.venue_says(b"3", ref_seq_num=seq, venue_code=code, text=text)
    else:
        engine.report("8", "8", venue_code=code, text=text)
    (event,) = engine.heard()
    assert isinstance(event, ExecutionReport)
    assert event.venue_code == code
    assert "the venue counts more unfilled orders than we do" in engine.log[-1]
    assert queries(engine) == ["limits-1", "limits-2"]
    engine.venue_says(b"3", ref_seq_num=99, venue_code=code, text=text)
    assert queries(engine) == ["limits-1", "limits-2"], "one at a time"
    engine.request(engine.order("o5"))
    assert refused(engine).retry_after_ms == 6000
    says(engine, ("1", 5, 5, 10, "s"), ("1", 5, 500, 1, "d"), req_id="limits-2")
    engine.now += 6000 * MS
    fill(engine, 1, first=6)


def test_the_message_limit_is_named_and_cancels_keep_their_share() -> None:
    engine = limited(orders_max=400, messages_max=100)
    fill(engine, 93)
    engine.request(engine.order("o95"))
    event = refused(engine)
    assert event.reason == "limit"
    assert event.retry_after_ms is not None
    assert event.text.startswith("message limit of session ME: 95 of 100 in 10000 ms are used")
    for number in range(4):
        engine.request(OrderCancelRequest(f"c{number}", orig_cl_ord_id="o0"))
    assert engine.heard() == []
    engine.request(OrderCancelRequest("c9", orig_cl_ord_id="o0"))
    assert "kept for the session" in refused(engine).text


def test_ten_times_too_much_over_several_windows_is_never_one_too_many() -> None:
    """One strategy floods, another cancels now and then; the venue counts by its own windows."""
    engine = limited(orders_max=40, messages_max=100, share_percent=50)
    engine.hello(b"b", "beta")
    engine.heard(b"b")
    engine.request(engine.order("mine"), peer=b"b")
    counts: dict[int, int] = {}
    orders: dict[int, int] = {}
    cancels = 0
    for number in range(10 * 40 * 4):
        engine.now += 25 * MS
        engine.wire.written.clear()
        engine.request(engine.order(f"f{number}"))
        if number % 200 == 0:
            engine.request(OrderCancelRequest(f"c{number}", orig_cl_ord_id="mine"), peer=b"b")
            cancels += engine.wire.written[-1].count(b"\x0135=F\x01")
            assert engine.heard(b"b") == []
        window = engine.now // INTERVAL_NS
        for frame in engine.wire.written:
            counts[window] = counts.get(window, 0) + 1
            orders[window] = orders.get(window, 0) + (parsed(frame)[35] == b"D")
    assert cancels == 8
    assert max(counts.values()) <= 100
    assert 30 < max(orders.values()) <= 40
    told = [event for event in engine.heard() if isinstance(event, Refused)]
    assert {event.reason for event in told} == {"limit"}
    assert all(event.retry_after_ms for event in told)


@pytest.mark.parametrize("what", ["order", "logon"])
def test_a_time_that_the_venue_refuses_is_an_alarm_and_asks_for_the_clock(what: str) -> None:
    engine = Engine()
    engine.log.clear()
    engine.venue_ahead_ns = -2500 * MS
    if what == "order":
        engine.request(engine.order("o1"))
        seq = int(engine.last()[34])
    else:
        engine.line = engine.new_line()
        engine.seq, seq = 1, 1
    engine.venue_says(b"3", ref_seq_num=seq, venue_code="-1021", text="Timestamp ...")
    assert engine.log[0] == (
        "the venue refused our time: this machine's clock is 2500 ms ahead of the venue's;"
        " check chrony or ntp"
    )
    assert engine.clock.is_doubted
    assert "2500 ms ahead" in (engine.clock.trouble(engine.line.lead) or "")
    engine.clock.read_anew()
    assert not engine.clock.is_doubted


# --- told to a strategy ---------------------------------------------------------------------


def ask(engine: Engine, request_id: int = 1) -> None:
    engine.gateway.on_order(b"a", encode(LimitQuery(request_id)), engine.now)
    engine.gateway.flush(engine.now)


def told(engine: Engine) -> LimitResponse:
    (answer,) = engine.heard()
    assert isinstance(answer, LimitResponse)
    return answer


def test_a_strategy_is_told_what_the_venue_counts_and_the_venue_asked_once_a_second() -> None:
    engine = Engine()
    ask(engine)
    ask(engine, 2)
    assert queries(engine) == ["limits-1"], "one is under way"
    says(engine, ("1", 3, 200, 10, "s"), ("2", 1, 10_000, 10, "s"))
    first = told(engine)
    assert (first.request_id, first.source, first.problem) == (2, "ME", "")
    assert [(one.limit_type, one.limit_count) for one in first.limit_indicators] == [
        ("1", 3),
        ("2", 1),
    ]
    ask(engine, 3)
    again = told(engine)
    assert (again.request_id, again.limit_indicators) == (3, first.limit_indicators)
    engine.now += SECOND_NS
    ask(engine, 4)
    assert queries(engine) == ["limits-1", "limits-2"]


@pytest.mark.parametrize("why", ["refused", "unread", "silence", "lost", "no session"])
def test_a_strategy_is_told_why_nobody_knows_what_the_venue_counts(why: str) -> None:
    engine = Engine()
    if why == "no session":
        engine.gateway.lines.remove(engine.line)
    ask(engine)
    if why == "refused":
        seq = int(engine.last()[34])
        engine.venue_says(b"3", ref_seq_num=seq, venue_code="-1015", text="no")
    elif why == "unread":
        says(engine, ("1", 0, 5, 10, "x"))
    elif why == "silence":
        engine.now += ANSWER_NS_MAX
        engine.gateway.limits.tick(engine.now)
    elif why == "lost":
        engine.line.session.closed(engine.now)
        engine.gateway.limits.tick(engine.now)
    answer = told(engine)
    assert (answer.limit_indicators, bool(answer.problem)) == ((), True)
