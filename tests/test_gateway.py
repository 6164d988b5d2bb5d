"""The walk: every way an order can end, and that none of them writes it twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engine_in_memory import EPOCH, NOW, Engine, edited
from fixengine import wire
from fixengine.desk.limits import Budget
from fixengine.desk.orders import Orders
from fixengine.desk.standings import Standing
from fixengine.fix.venue import Sender
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import (
    Ack,
    ExecutionReport,
    Heartbeat,
    OrderCancelReject,
    OrderCancelRequest,
    OrderUnknown,
    Refused,
    Sent,
    SessionStatus,
    encode,
)
from fixengine.network.idle import (
    CANCELS_PER_SECOND_MAX,
    IDLE_PER_SECOND_MAX,
    STRANGERS_PER_SECOND_MAX,
)
from fixengine.network.journal.record import Kind
from fixengine.network.line import line_number

MS = 1_000_000


@pytest.fixture
def engine() -> Engine:
    return Engine()


def refused(engine: Engine) -> Refused:
    (event,) = engine.heard()
    assert isinstance(event, Refused)
    assert engine.wire.written == []
    return event


def test_an_order_goes_out_and_its_report_comes_back(engine: Engine) -> None:
    engine.request(engine.order())
    out = engine.last()
    assert (out[35], out[55], out[44], out[38], out[25000]) == (
        b"D",
        b"BTCUSDT",
        b"50000",
        b"1",
        b"5000",
    )
    engine.report("0", "0", order_qty="1.00000000", exec_id="5")
    (report,) = engine.heard()
    assert isinstance(report, ExecutionReport)
    assert (report.cl_ord_id, report.wire_cl_ord_id) == ("o1", out[11].decode())
    assert (report.report_seq, report.epoch, report.source) == (1, EPOCH, "ME")
    assert (report.exec_type, report.ord_status, report.order_qty) == ("0", "0", "1.00000000")
    assert report.msg_seq_num == 2


def test_the_table_says_what_the_engine_plays(engine: Engine) -> None:
    for sender, kinds in (
        (Sender.CLIENT, engine.line.templates),
        (Sender.VENUE, engine.line.plans),
    ):
        played = {
            layout.kind
            for layout in BINANCE_SPOT.layouts
            if not layout.admin and BINANCE_SPOT.plays(layout.kind, sender)
        }
        assert played == set(kinds)


def test_the_journal_has_input_intent_and_frame_before_the_bytes_leave(engine: Engine) -> None:
    engine.journal.records.clear()
    engine.request(engine.order())
    kinds = [kind for kind, _ in engine.journal.records]
    assert kinds == [Kind.ORDER, Kind.INTENT, Kind.FRAME_OUT]
    assert engine.journal.records[-1][1] == engine.wire.written[-1]


def test_secrets_never_reach_the_journal() -> None:
    engine = Engine()
    engine.hello(b"b", "beta", token="s3cret-token")
    everything = b"".join(data for _, data in engine.journal.records)
    assert b"s3cret-token" not in everything
    assert b"KEY" not in everything
    assert b"ssss" not in everything


def test_a_known_id_is_answered_with_its_outcome_and_not_sent_again(engine: Engine) -> None:
    engine.request(engine.order())
    engine.request(engine.order())
    assert len(engine.wire.written) == 1
    (sent,) = engine.heard()
    assert isinstance(sent, Sent)
    engine.report("0", "0")
    engine.heard()
    engine.request(engine.order(epoch=EPOCH - 1))
    assert len(engine.wire.written) == 1
    (report,) = engine.heard()
    assert isinstance(report, ExecutionReport)
    assert report.replayed
    assert report.exec_type == "0"


def test_two_of_one_id_in_one_wake_up_leave_once(engine: Engine) -> None:
    engine.request(engine.order(), flush=False)
    engine.request(engine.order())
    assert len(engine.wire.written) == 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"epoch": EPOCH - 1}, "wrong_epoch"),
        ({"sent_ns": NOW - 1001 * MS}, "too_old"),
        ({"sent_ns": NOW + 2 * MS}, "from_the_future"),
        ({"valid_for_ms": 10_001}, "invalid_field"),
        ({"cl_ord_id": "no spaces"}, "invalid_field"),
        ({"symbol": "A\x01B"}, "invalid_field"),
        ({"symbol": ""}, "invalid_field"),
        ({"price": "1e5"}, "invalid_field"),
        ({"price": "-1"}, "invalid_field"),
        ({"side": "12"}, "invalid_field"),
    ],
)
def test_what_must_not_go_out_is_refused(engine: Engine, values: dict, reason: str) -> None:
    engine.request(engine.order(**values))
    assert refused(engine).reason == reason
    assert engine.line.session.next_out == 2, "no number was used"
    engine.request(engine.order())
    assert len(engine.wire.written) == 1, "the id may be used again, and nothing else suffered"


def test_the_age_is_looked_at_again_before_the_bytes_are_written(engine: Engine) -> None:
    engine.request(engine.order(), flush=False)
    engine.gateway.flush(engine.now + 1001 * MS)
    assert refused(engine).reason == "too_old"


def test_without_a_session_orders_are_refused_and_never_kept(engine: Engine) -> None:
    engine.gateway.lines.remove(engine.line)
    engine.request(engine.order())
    assert refused(engine).reason == "not_connected"
    engine.gateway.lines.add(engine.line)
    engine.gateway.lines.up(engine.line, engine.now)
    engine.gateway.flush(engine.now)
    assert engine.wire.written == []


def test_a_session_that_ends_in_the_same_wake_up_takes_nothing(engine: Engine) -> None:
    engine.request(engine.order(), flush=False)
    engine.line.session.closed(engine.now)
    engine.gateway.flush(engine.now)
    assert refused(engine).reason == "not_connected"


@pytest.mark.parametrize("unsent_bytes_max", [0, 500, 1 << 20])
def test_a_backlog_that_lets_orders_pass_lets_cancels_pass(unsent_bytes_max: int) -> None:
    engine = Engine(unsent_bytes_max=unsent_bytes_max)
    engine.request(engine.order("live"))
    engine.report("0", "0")
    engine.heard()
    engine.wire.written.clear()
    engine.wire.unsent_bytes = unsent_bytes_max
    engine.request(engine.order("o2"))
    engine.wire.unsent_bytes = unsent_bytes_max + 1000
    engine.request(engine.order("o3"))
    assert [event.reason for event in engine.heard()] == ["backlog"]
    engine.request(OrderCancelRequest("c", orig_cl_ord_id="live"))
    assert len(engine.wire.written) == 2


def test_unsent_bytes_stop_orders_but_not_at_once_cancels(engine: Engine) -> None:
    engine.request(engine.order())
    engine.report("0", "0")
    engine.heard()
    engine.wire.written.clear()
    engine.wire.unsent_bytes = 1
    engine.request(engine.order("o2"))
    assert refused(engine).reason == "backlog"
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    assert engine.last()[35] == b"F"
    engine.wire.written.clear()
    engine.wire.unsent_bytes = 1001
    engine.request(OrderCancelRequest("c2", orig_cl_ord_id="o1"))
    assert refused(engine).reason == "backlog"


def test_the_venues_message_limit_is_kept_with_a_reserve_for_cancels() -> None:
    engine = Engine(budget=Budget(10, 10_000 * MS, 20))
    for number in range(6):
        engine.request(engine.order(f"o{number}"))
    assert len(engine.wire.written) == 6, "the Logon and the LimitQuery counted too"
    engine.heard()
    engine.request(engine.order("o9"))
    (event,) = engine.heard()
    assert isinstance(event, Refused)
    assert event.reason == "limit"
    assert 10_000 <= (event.retry_after_ms or 0) <= 10_500
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    assert engine.last()[35] == b"F"
    engine.now += 10_500 * MS
    engine.request(engine.order("o10"))
    assert engine.last()[35] == b"D"


def test_a_full_journal_refuses_orders(engine: Engine) -> None:
    engine.journal.full = True
    engine.request(engine.order())
    assert refused(engine).reason == "journal_full"


@pytest.mark.parametrize(("healthy", "free_bytes"), [(False, 1 << 30), (True, (1 << 18) - 1)])
def test_what_is_left_of_a_failing_journal_is_for_cancels(
    engine: Engine, healthy: bool, free_bytes: int
) -> None:
    engine.request(engine.order())
    engine.report("0", "0")
    engine.heard()
    engine.wire.written.clear()
    engine.journal.healthy, engine.journal.free_bytes = healthy, free_bytes
    engine.gateway.on_tick(engine.now)
    assert isinstance(engine.heard()[0], SessionStatus)
    engine.request(engine.order("o2"))
    assert refused(engine).reason == "journal_full"
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    assert engine.last()[35] == b"F"


def test_trouble_with_the_journal_is_told_once_and_so_is_its_end(engine: Engine) -> None:
    engine.log.clear()
    engine.journal.healthy, engine.journal.error = False, "journal: No space left on device"
    for number in range(3):
        engine.request(engine.order(f"o{number}"))
        engine.gateway.on_tick(engine.now)
    told = "the disk does not take the journal (journal: No space left on device)"
    assert engine.log == [f"{told}; new orders are refused"]
    status, *refusals = engine.heard()
    assert isinstance(status, SessionStatus)
    assert (status.state, status.text) == (engine.gateway.session_state, engine.log[0])
    assert [event.text for event in refusals] == [told] * 3

    engine.journal.healthy = True
    engine.gateway.on_tick(engine.now)
    assert engine.heard() == [], "it may be back in the next moment"
    engine.now += 1000 * MS
    engine.gateway.on_tick(engine.now)
    assert engine.log[1:] == ["the journal is written again; orders are taken"]
    (status,) = engine.heard()
    assert status.text == engine.log[1]
    engine.request(engine.order("o9"))
    assert engine.last()[35] == b"D"


def test_a_cancel_goes_out_without_room_in_table_and_journal() -> None:
    engine = Engine(orders=Orders(1, 10))
    engine.request(engine.order())
    engine.heard()
    engine.request(engine.order("o2"))
    assert engine.heard()[0].reason == "limit"
    engine.journal.full = True
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    assert engine.last()[35] == b"F"
    assert engine.journal.refused > 0


def test_cancel_by_client_id_before_and_by_order_id_after_the_acknowledgement(
    engine: Engine,
) -> None:
    engine.request(engine.order())
    wire_id = engine.last()[11]
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    out = engine.last()
    assert (out[35], out[41], out[55]) == (b"F", wire_id, b"BTCUSDT")
    assert 37 not in out
    engine.report("0", "0", cl_ord_id=wire_id.decode())
    engine.request(OrderCancelRequest("c2", orig_cl_ord_id="o1"))
    out = engine.last()
    assert out[37] == b"77"
    assert 41 not in out


def test_a_cancelled_order_is_reported_under_the_strategys_ids(engine: Engine) -> None:
    engine.request(engine.order())
    order_id = engine.last()[11].decode()
    engine.report("0", "0")
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    engine.heard()
    engine.report("4", "4", orig_cl_ord_id=order_id)
    (report,) = engine.heard()
    assert isinstance(report, ExecutionReport)
    assert (report.cl_ord_id, report.orig_cl_ord_id) == ("c1", "o1")
    assert report.wire_orig_cl_ord_id == order_id


def test_a_refused_cancel_is_told_and_the_order_lives(engine: Engine) -> None:
    engine.request(engine.order())
    engine.report("0", "0")
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    engine.heard()
    engine.venue_says(
        b"9",
        cl_ord_id=engine.last()[11].decode(),
        symbol="BTCUSDT",
        cxl_rej_response_to="1",
        venue_code="-2011",
        text="Unknown order sent.",
    )
    (event,) = engine.heard()
    assert isinstance(event, OrderCancelReject)
    assert (event.cl_ord_id, event.orig_cl_ord_id, event.venue_code) == ("c1", "o1", "-2011")


def test_a_repeated_cancel_is_answered_though_its_order_ended_first(engine: Engine) -> None:
    engine.request(engine.order())
    wire_id = engine.last()[11].decode()
    engine.report("0", "0")
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    cancel_id = engine.last()[11].decode()
    engine.gateway.on_line_lost(engine.line, "gone", engine.now)
    engine.report("F", "2", cl_ord_id=wire_id)
    engine.heard()
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    (event,) = engine.heard()
    assert isinstance(event, OrderUnknown)
    assert (event.cl_ord_id, event.wire_cl_ord_id) == ("c1", cancel_id)
    assert event.reason == "the outcome is not known; its order is filled"


def test_a_repeated_cancel_that_a_restart_finds_over_is_answered() -> None:
    table = Orders(10, 10)
    order = table.open(1, "o1", "1-5-1", "BTCUSDT")
    cancel = table.open(1, "c1", "1-5-2", "BTCUSDT", order)
    cancel.standing = Standing.UNKNOWN
    table.update(order, None, "2", "77")
    engine = Engine(orders=table)
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    (event,) = engine.heard()
    assert isinstance(event, OrderUnknown)
    assert (event.cl_ord_id, event.wire_cl_ord_id) == ("c1", "1-5-2")
    assert engine.wire.written == []


def test_numbers_of_lines_fit_a_byte_and_are_never_none_or_in_use() -> None:
    assert [line_number(last, ()) for last in (0, 1, 254, 255)] == [1, 2, 255, 1]
    assert line_number(255, {1, 2, 4}) == 3


def test_a_strategy_cannot_cancel_what_is_not_its_own(engine: Engine) -> None:
    engine.request(engine.order())
    engine.hello(b"b", "beta")
    engine.heard(b"b")
    engine.wire.written.clear()
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"), peer=b"b")
    (event,) = engine.heard(b"b")
    assert isinstance(event, Refused)
    assert event.reason == "unknown_order"
    assert engine.wire.written == []


def test_a_reject_by_the_venue_is_mapped_to_its_order(engine: Engine) -> None:
    engine.request(engine.order())
    seq = int(engine.last()[34])
    engine.venue_says(b"3", ref_seq_num=seq, venue_code="-1121", text="Invalid symbol.")
    (report,) = engine.heard()
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_status, report.venue_code) == ("8", "8", "-1121")


def test_a_reject_of_a_cancel_is_a_cancel_reject(engine: Engine) -> None:
    engine.request(engine.order())
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    seq = int(engine.last()[34])
    engine.venue_says(b"3", ref_seq_num=seq, venue_code="-1102", text="bad")
    (event,) = engine.heard()
    assert isinstance(event, OrderCancelReject)


def test_a_session_whose_numbers_the_venue_does_not_take_is_ended(engine: Engine) -> None:
    """It has lost a message of ours, stays, and takes none that follows (spec 22.1)."""
    for name in ("o1", "o2"):
        engine.request(engine.order(name))
    seq = int(engine.last()[34])
    for number in (seq - 1, seq):
        engine.venue_says(
            b"3", ref_seq_num=number, venue_code="-1179", text="MsgSeqNum(34) contains ..."
        )
    assert [event.ord_status for event in engine.heard()] == ["8", "8"], "both answers count"
    assert engine.last()[35] == b"5"
    engine.request(engine.order("o3"))
    (refused,) = engine.heard()
    assert isinstance(refused, Refused)


def test_a_reject_of_nothing_of_ours_is_logged(engine: Engine) -> None:
    engine.venue_says(b"3", ref_seq_num=999, venue_code="-1102", text="what")
    assert engine.heard() == []
    assert "999" in engine.log[-1]


@pytest.mark.parametrize("code", ["-1006", "-1007"])
@pytest.mark.parametrize("form", ["reject", "report"])
def test_an_unknown_outcome_is_never_a_refusal(engine: Engine, code: str, form: str) -> None:
    engine.request(engine.order())
    seq = int(engine.last()[34])
    if form == "reject":
        engine.venue_says(b"3", ref_seq_num=seq, venue_code=code, text="Timeout.")
    else:
        engine.report("8", "8", venue_code=code, exec_id=None, order_id=None)
    (event,) = engine.heard()
    assert isinstance(event, OrderUnknown)
    assert event.venue_code == code
    engine.request(engine.order())
    assert len(engine.wire.written) == 1, "a retry does not send it again"
    engine.heard()
    engine.report("0", "0")
    (late,) = engine.heard()
    assert isinstance(late, ExecutionReport)


@pytest.mark.parametrize(
    ("old", "new", "tag"),
    [
        (b"\x0114=0.00000000\x01", b"\x0114=0.00000000\x0114=0.50000000\x01", "14"),
        (b"\x0139=1\x01", b"\x0139=1\x0139=2\x01", "39"),
        (b"\x0137=77\x01", b"\x0137=77\x0137=78\x01", "37"),
        (b"\x0132=0.00000000\x01", b"\x0132=0.00000000\x0132=0.00000000\x01", "32"),
        (b"\x0114=0.00000000\x01", b"\x0114=-5\x01", "14"),
        (b"\x0132=0.00000000\x01", b"\x0132=-0.5\x01", "32"),
    ],
)
def test_a_report_that_says_two_things_or_an_impossible_one_makes_its_order_unknown(
    engine: Engine, old: bytes, new: bytes, tag: str
) -> None:
    engine.request(engine.order())
    engine.report("0", "0")
    engine.heard()
    engine.log.clear()
    seq = engine.seq
    engine.venue_sends(edited(engine.report_frame("F", "1"), old, new))
    (event,) = engine.heard()
    assert isinstance(event, OrderUnknown)
    assert event.cl_ord_id == "o1"
    (line,) = engine.log
    assert line.startswith(f"ExecutionReport, MsgSeqNum {seq}: ")
    assert tag in line.split(": ", 1)[1]
    assert event.reason == line


def test_a_lost_session_makes_what_was_open_unknown(engine: Engine) -> None:
    engine.request(engine.order("o1"))
    engine.report("0", "0")
    engine.request(engine.order("o2"))
    engine.heard()
    engine.gateway.on_line_lost(engine.line, "connection lost", engine.now)
    events = engine.heard()
    assert all(isinstance(event, OrderUnknown) for event in events)
    assert [event.cl_ord_id for event in events] == ["o2", "o1"], "nobody watches o1 now"
    engine.request(engine.order("o2"))
    assert isinstance(engine.heard()[0], OrderUnknown)
    assert len(engine.wire.written) == 2


def test_when_we_stop_live_orders_are_left_alone(engine: Engine) -> None:
    engine.request(engine.order("o1"))
    engine.report("0", "0")
    engine.heard()
    engine.gateway.gate.stopping = True
    engine.gateway.on_line_lost(engine.line, "engine stops", engine.now)
    assert engine.heard() == []


def test_a_report_that_comes_late_does_not_change_how_the_order_ended(engine: Engine) -> None:
    engine.request(engine.order())
    engine.report("F", "2", exec_id="9", trade_id="1", cum_qty="1")
    engine.report("0", "0", exec_id="8")
    assert len(engine.heard()) == 2
    engine.request(engine.order())
    (outcome,) = engine.heard()
    assert outcome.ord_status == "2"


def test_an_event_is_recorded_before_it_is_handed_over(engine: Engine) -> None:
    engine.request(engine.order())
    order: list[str] = []
    append, send = engine.journal.append, engine.bus.send
    engine.gateway.teller.record = lambda *record: order.append("journal") or append(*record)  # type: ignore[method-assign,func-returns-value]
    engine.bus.send = lambda *sent: order.append("bus") or send(*sent)  # type: ignore[method-assign,func-returns-value]
    engine.report("0", "0")
    assert order == ["journal", "journal", "bus"], "the frame, the report, and then the strategy"


def test_a_refused_id_that_is_live_is_not_named(engine: Engine) -> None:
    engine.request(engine.order())
    parts = ["NewOrderSingle", "o1", EPOCH, NOW, 1000, "BTCUSDT", "1", "2", 1.5, "5"]
    engine.gateway.on_order(b"a", encode(parts), engine.now)
    (event,) = engine.heard()
    assert (event.reason, event.cl_ord_id) == ("malformed", "")


def test_one_that_sends_rubbish_is_muted_for_a_second(engine: Engine) -> None:
    for _ in range(200):
        engine.gateway.on_order(b"a", b"rubbish", engine.now)
    assert len(engine.heard()) == 100, "and one Hello"
    engine.request(engine.order())
    assert engine.wire.written == []
    engine.hello(b"b", "beta")
    engine.request(engine.order(), peer=b"b")
    assert len(engine.wire.written) == 1, "and it alone"
    engine.now += 1_000 * MS
    engine.request(engine.order())
    assert len(engine.wire.written) == 2


def test_rubbish_of_ever_new_sockets_is_passed_over_and_said_once(engine: Engine) -> None:
    def come(count: int) -> int:
        """How many of so many new sockets had an answer to what each sends."""
        peers = [b"%d.%d" % (engine.now, number) for number in range(count)]
        for peer in peers:
            engine.gateway.on_order(peer, b"rubbish", engine.now)
        return sum(bool(engine.heard(peer)) for peer in peers)

    records = len(engine.journal.records)
    for _ in range(2):
        assert come(3 * STRANGERS_PER_SECOND_MAX) == STRANGERS_PER_SECOND_MAX
        engine.now += 1_000 * MS
    assert len(engine.journal.records) - records == 2 * STRANGERS_PER_SECOND_MAX
    told = [text for text in engine.log if "have said no Hello" in text]
    assert len(told) == 1
    come(3 * STRANGERS_PER_SECOND_MAX)
    # What somebody else says is heard meanwhile, and rubbish of a strategy is answered.
    engine.hello(b"b", "beta")
    assert engine.heard(b"b")
    engine.gateway.on_order(b"b", b"rubbish", engine.now)
    assert engine.heard(b"b")
    engine.request(engine.order())
    assert engine.wire.written[-1].find(b"35=D") > 0
    engine.now += 3_000 * MS
    assert come(3 * STRANGERS_PER_SECOND_MAX) == STRANGERS_PER_SECOND_MAX
    assert len([text for text in engine.log if "have said no Hello" in text]) == 2


IDLE: dict[str, Callable[[Engine], Any]] = {
    "an order of another run": lambda engine: engine.order(epoch=1),
    "an order that cannot be written": lambda engine: engine.order(symbol="A\x01"),
    "a known id": lambda engine: engine.order("known"),
    "an old Ack": lambda engine: Ack(0),
    "a sign of life": lambda engine: Heartbeat(),
}


@pytest.mark.parametrize("case", IDLE)
def test_one_whose_messages_lead_to_no_order_is_muted_for_a_second(
    engine: Engine, case: str
) -> None:
    engine.request(engine.order("known"))
    for _ in range(IDLE_PER_SECOND_MAX + 100):
        message = IDLE[case](engine)
        if isinstance(message, Ack | Heartbeat):
            engine.gateway.on_order(b"a", encode(message), engine.now)
        else:
            engine.request(message)
    answers = engine.heard()
    assert len(answers) <= IDLE_PER_SECOND_MAX + 2
    assert (answers[-1].reason, answers[-1].cl_ord_id) == ("limit", "")
    assert 0 < answers[-1].retry_after_ms <= 1000
    assert "muted" in engine.log[-1]
    written = len(engine.wire.written)
    assert not engine.gateway.on_order(b"a", encode(engine.order("o2")), engine.now)
    engine.request(engine.order("o2"))
    assert len(engine.wire.written) == written
    engine.hello(b"b", "beta")
    engine.request(engine.order("o3"), peer=b"b")
    assert len(engine.wire.written) == written + 1, "and it alone"
    engine.now += 1_000 * MS
    engine.request(engine.order("o4"))
    assert len(engine.wire.written) == written + 2


def live_orders(count: int) -> Engine:
    """An engine with so many live orders, o0 and on."""
    engine = Engine(orders=Orders(10_000, 100), outbox_max=100_000)
    for number in range(count):
        engine.request(engine.order(f"o{number}"))
        engine.report("0", "0", order_id=str(number))
    engine.heard()
    return engine


def test_the_cancels_of_one_that_is_muted_go_out() -> None:
    live = CANCELS_PER_SECOND_MAX + 100
    engine = live_orders(live)
    for _ in range(IDLE_PER_SECOND_MAX + 100):
        engine.request(engine.order(epoch=1))
    engine.heard()
    engine.wire.written.clear()
    for number in range(live):
        engine.request(OrderCancelRequest(f"c{number}", orig_cl_ord_id=f"o{number}"))
    assert len(engine.wire.written) == live
    engine.request(engine.order("new"))
    assert len(engine.wire.written) == live
    assert engine.heard() == []


def test_cancels_that_lead_to_nothing_are_heard_to_a_bound_of_their_own() -> None:
    engine = live_orders(1)
    idle_max = IDLE_PER_SECOND_MAX + CANCELS_PER_SECOND_MAX
    for _ in range(idle_max + 100):
        engine.request(OrderCancelRequest("c", orig_cl_ord_id="none"))
    answers = engine.heard()
    assert [event.reason for event in answers].count("limit") == 1
    assert IDLE_PER_SECOND_MAX + 100 < len(answers) <= idle_max + 2
    engine.request(OrderCancelRequest("c", orig_cl_ord_id="o0"))
    assert engine.heard() == []
    assert len(engine.wire.written) == 1, "the order"


def test_one_that_trades_fast_is_not_muted() -> None:
    count = 2 * IDLE_PER_SECOND_MAX
    engine = Engine(orders=Orders(count + 1, 100))
    for number in range(count):
        engine.request(engine.order(f"o{number}"))
        engine.report("0", "0")
        engine.gateway.on_order(b"a", encode(Ack(number + 1)), engine.now)
    assert len(engine.wire.written) == count


def test_one_that_floods_does_not_use_up_the_limit_of_others() -> None:
    engine = Engine(budget=Budget(100, 10_000 * MS, 0, share_percent=50))
    engine.hello(b"b", "beta")
    engine.request(engine.order("first"), peer=b"b")
    for number in range(200):
        engine.request(engine.order(f"o{number}"))
    engine.heard(b"b")
    engine.request(engine.order("second"), peer=b"b")
    assert engine.heard(b"b") == []
    assert len(engine.wire.written) == 52


def test_heartbeats_of_the_session_count_against_the_limit() -> None:
    engine = Engine(budget=Budget(10, 100_000 * MS, 0))
    for number in range(10):
        engine.venue_says(b"1", test_req_id=f"t{number}")
    engine.request(engine.order())
    assert engine.heard()[0].reason == "limit"


def test_a_connection_that_is_going_takes_nothing(engine: Engine) -> None:
    engine.wire.alive = False
    engine.request(engine.order())
    assert refused(engine).reason == "not_connected"


def test_a_report_of_our_own_id_that_is_not_known_reaches_its_strategy(engine: Engine) -> None:
    engine.request(engine.order())
    engine.heard()
    wire_id = engine.last()[11].decode()
    engine.report("F", "2", cl_ord_id=wire_id.rsplit("-", 1)[0] + "-zzz", order_id="5")
    (report,) = engine.heard()
    assert (report.cl_ord_id, report.exec_type) == ("", "F")
    assert "does not know" in engine.log[-1]


def test_one_execution_is_reported_once(engine: Engine) -> None:
    engine.request(engine.order())
    engine.report("F", "1", exec_id="9", trade_id="1")
    engine.report("F", "1", exec_id="9", trade_id="1")
    assert len(engine.heard()) == 1


def test_a_report_that_cannot_be_read_makes_the_order_unknown(engine: Engine) -> None:
    engine.request(engine.order())
    wire_id = engine.last()[11].decode()
    writer = wire.Writer(b"FIX.4.4")
    writer.start(b"8")
    for tag, value in ((49, "SPOT"), (56, "ME"), (34, str(engine.seq))):
        writer.text(tag, value)
    writer.text(52, "20260101-00:00:00.000000")
    writer.text(11, wire_id)
    writer.text(14, "many")
    engine.seq += 1
    engine.venue_sends(writer.finish())
    (event,) = engine.heard()
    assert isinstance(event, OrderUnknown)
    assert event.cl_ord_id == "o1"
    engine.report("0", "0", cl_ord_id=wire_id)
    assert isinstance(engine.heard()[0], ExecutionReport), "the session is not dead"


def test_unknown_fields_and_values_pass_through(engine: Engine) -> None:
    engine.request(engine.order())
    writer = wire.Writer(b"FIX.4.4")
    writer.start(b"8")
    values = {49: "SPOT", 56: "ME", 34: str(engine.seq), 52: "20260101-00:00:00.000000"}
    values |= {11: engine.last()[11].decode(), 40: "Z", 54: "1", 55: "BTCUSDT", 150: "Q"}
    values |= {14: "0", 32: "0", 39: "0", 29999: "new"}
    for tag, value in values.items():
        writer.text(tag, value)
    engine.venue_sends(writer.finish())
    (report,) = engine.heard()
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_type) == ("Q", "Z")
    assert report.extra == ((29999, b"new"),)


def test_reports_for_somebody_elses_orders_disturb_nobody(engine: Engine) -> None:
    engine.request(engine.order())
    engine.report("0", "0", cl_ord_id="web_1", order_id="5")
    assert engine.heard() == []
    assert engine.gateway.reports.foreign == 1


def test_an_engine_of_another_origin_has_other_ids_and_its_reports_are_foreign() -> None:
    """Two engines on one account may have begun in the same second."""
    one, other = Engine(origin=1), Engine(origin=2)
    ids = []
    for engine in (one, other):
        engine.request(engine.order())
        ids.append(engine.last()[11].decode())
    assert ids[0] != ids[1]
    for order_id, wire_id in enumerate(ids):
        one.report("0", "0", cl_ord_id=wire_id, order_id=str(order_id))
    assert len(one.heard()) == 1
    assert one.gateway.reports.foreign == 1
    gone = BINANCE_SPOT.make_cl_ord_id(1, EPOCH - 9, 1 << 32 | 7)
    one.report("F", "2", cl_ord_id=gone, order_id="6", trade_id="1")
    (told,) = one.heard()
    assert (told.wire_cl_ord_id, one.gateway.reports.foreign) == (gone, 1), "an earlier run's"


def test_lost_framing_ends_the_session(engine: Engine) -> None:
    engine.venue_sends(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
    assert engine.wire.closed
    assert not engine.line.can_carry()


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xc1", b"rubbish", b"\x93\xa5Hello", encode(["Nonsense", "x1", 2]), b"\x90"],
)
def test_rubbish_is_answered_and_harms_nobody(engine: Engine, payload: bytes) -> None:
    engine.gateway.on_order(b"a", payload, engine.now)
    assert refused(engine).reason == "malformed"
    engine.request(engine.order())
    assert len(engine.wire.written) == 1


def test_a_float_in_an_order_is_refused_by_the_engine_too(engine: Engine) -> None:
    parts = ["NewOrderSingle", "o1", EPOCH, NOW, 1000, "BTCUSDT", "1", "2", 1.5, "5"]
    engine.gateway.on_order(b"a", encode(parts), engine.now)
    event = refused(engine)
    assert (event.reason, event.cl_ord_id) == ("malformed", "o1")


def test_without_hello_nothing_is_taken(engine: Engine) -> None:
    engine.request(engine.order(), peer=b"stranger")
    (event,) = engine.heard(b"stranger")
    assert isinstance(event, Refused)
    assert (event.reason, event.report_seq) == ("no_hello", 0)
    assert engine.wire.written == []


def test_sent_is_told_only_to_who_asked(engine: Engine) -> None:
    engine.hello(b"b", "beta", wants_sent=True)
    engine.heard(b"b")
    engine.request(engine.order(), peer=b"b")
    (sent,) = engine.heard(b"b")
    assert isinstance(sent, Sent)
    assert sent.msg_seq_num == int(engine.last()[34])


def test_a_stopping_engine_takes_cancels_only(engine: Engine) -> None:
    engine.request(engine.order())
    engine.report("0", "0")
    engine.heard()
    engine.wire.written.clear()
    engine.gateway.gate.stopping = True
    engine.request(engine.order("o2"))
    assert refused(engine).reason == "stopping"
    engine.request(OrderCancelRequest("c1", orig_cl_ord_id="o1"))
    assert engine.last()[35] == b"F"
