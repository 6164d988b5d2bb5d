"""Several lines under one gateway: which carries what, and a report that is told twice."""

from __future__ import annotations

from typing import Any

import pytest
from engine_in_memory import NOW, Engine, Wire, edited
from fixengine import wire
from fixengine.desk.standings import Standing
from fixengine.fix.venue import Sender, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import (
    ExecutionReport,
    OrderCancelRequest,
    OrderUnknown,
    Refused,
)
from fixengine.network.line import Line
from fixengine.network.lines import Lines
from fixengine.network.slot import DROP_COPY, Post
from sessions_in_memory import WALL_NS, initiator, parsed

SECOND_NS = 1_000_000_000
ROLE = "order_entry"
PLACES = {"BTCUSDT": 0, "ETHUSDT": 0, "BNBUSDT": 2, "这是测试币456": 1, "SOLUSDT": 2, "XRPUSDT": 1}


class Side:
    """One line of an engine and the venue's end of it. written: what the engine wrote on it."""

    def __init__(self, engine: Engine, number: int, comp_id: str, post: Post) -> None:
        self.engine = engine
        session = initiator(comp_id)
        session.offset_ns = WALL_NS - NOW
        self.comp_id = comp_id
        self.wire = Wire()
        self.line = Line(number, BINANCE_SPOT, session, recv_window_ms=5000, budget=None, post=post)
        self.line.transport = self.wire
        self.seq = 1
        engine.gateway.lines.add(self.line)
        session.connected(engine.now)
        engine.gateway.flush(engine.now)
        self.says(b"A", encrypt_method=0, heart_bt_int=30, uuid="u")
        engine.gateway.lines.up(self.line, engine.now)
        self.wire.written.clear()

    def says(
        self, kind: bytes, skip: int = 0, edit: tuple[bytes, bytes] | None = None, **values: Any
    ) -> None:
        """The venue sends a message on this line; skip numbers are left out before it."""
        self.seq += skip
        form = template(BINANCE_SPOT, kind, Sender.VENUE, self.comp_id)
        sent_ns = WALL_NS + self.engine.now - NOW + self.engine.venue_ahead_ns
        frame = form.encode(None, self.seq, wire.stamp(sent_ns), values)
        frame = frame if edit is None else edited(frame, *edit)
        self.seq += 1
        self.line.framer.feed(frame)
        self.engine.gateway.on_bytes(self.line, self.engine.now)
        self.engine.gateway.flush(self.engine.now)

    @property
    def written(self) -> list[dict[int, bytes]]:
        return [parsed(frame) for frame in self.wire.written]

    def lose(self, text: str = "reset") -> None:
        """The connection is gone, as the process tells it."""
        gateway = self.engine.gateway
        self.line.transport = None
        self.line.session.closed(self.engine.now, text)
        gateway.on_line_lost(self.line, text, self.engine.now)
        gateway.lines.remove(self.line)


def fields_of(cl_ord_id: str, kind: str = "0", status: str = "0", **more: Any) -> dict[str, Any]:
    """Values of an ExecutionReport."""
    values = {
        "cl_ord_id": cl_ord_id,
        "order_id": "77",
        "exec_id": "1",
        "ord_type": "2",
        "side": "1",
        "symbol": "BTCUSDT",
        "exec_type": kind,
        "ord_status": status,
        "cum_qty": "0.00000000",
        "last_qty": "0.00000000",
    }
    return values | more


def engine_with(*posts: Post, by_symbol: bool = False, **options: Any) -> tuple[Engine, list[Side]]:
    """An engine without its one line, and a side for each post: ONE, TWO, ..."""
    orders = sum(post.role == ROLE for post in posts)
    engine = Engine(lines=Lines(orders, by_symbol), **options)
    engine.gateway.lines.remove(engine.line)
    names = "ONE", "TWO", "THREE", "FOUR"
    sides = [Side(engine, number, names[number - 1], post) for number, post in enumerate(posts, 1)]
    return engine, sides


def two(everything: tuple[bool, bool] = (True, True)) -> tuple[Engine, Side, Side]:
    engine, (one, other) = engine_with(*(Post(n, ROLE, each) for n, each in enumerate(everything)))
    return engine, one, other


def cancel_of(cl_ord_id: str) -> OrderCancelRequest:
    return OrderCancelRequest(f"cancel-{cl_ord_id}", orig_cl_ord_id=cl_ord_id)


# --- which line carries what ----------------------------------------------------------------


def test_orders_go_over_the_lines_in_turn() -> None:
    engine, one, other = two()
    for number in range(6):
        engine.request(engine.order(f"o{number}"))
    assert (len(one.written), len(other.written)) == (3, 3)
    assert [order[34] for order in one.written] == [b"2", b"3", b"4"]


def test_orders_of_a_symbol_stay_on_one_line() -> None:
    engine, sides = engine_with(*(Post(n, ROLE, True) for n in range(3)), by_symbol=True)
    for symbol in [*PLACES, *PLACES]:
        engine.request(engine.order(f"o{engine.gateway.counter}", symbol=symbol))
    found = {symbol: [n for n, side in enumerate(sides) for order in side.written
                      if order[55].decode() == symbol] for symbol in PLACES}  # fmt: skip
    assert all(len(set(places)) == 1 and len(places) == 2 for places in found.values())
    assert {places[0] for places in found.values()} == {0, 1, 2}
    # The same in every process, which Python's own hash of a text is not.
    assert {symbol: places[0] for symbol, places in found.items()} == PLACES


def test_a_line_with_a_backlog_is_passed_by_where_any_will_do() -> None:
    engine, one, other = two()
    one.wire.unsent_bytes = 1
    for number in range(4):
        engine.request(engine.order(f"o{number}"))
    assert (len(one.written), len(other.written)) == (0, 4)
    other.wire.unsent_bytes = 1
    engine.request(engine.order("o5"))
    assert [event.reason for event in engine.heard() if isinstance(event, Refused)] == ["backlog"]


def test_a_cancel_of_an_unanswered_order_goes_on_its_own_line() -> None:
    engine, one, other = two()
    for name in ("a", "b"):
        engine.request(engine.order(name))
        engine.request(cancel_of(name))
    assert [[message[35] for message in side.written] for side in (one, other)] == [
        [b"D", b"F"],
        [b"D", b"F"],
    ]


def test_a_cancel_in_the_same_wake_up_stays_behind_its_order() -> None:
    engine, one, other = two()
    for name in ("a", "b"):
        engine.request(engine.order(name), flush=False)
    for name in ("a", "b"):
        engine.request(cancel_of(name), flush=False)
    engine.gateway.flush(engine.now)
    for side in (one, other):
        order, cancel = side.written
        assert cancel[41] == order[11]


def test_a_cancel_of_an_unanswered_order_does_not_leave_its_line_while_that_ends() -> None:
    engine, one, other = two()
    engine.request(engine.order("a"))
    own, sibling = (one, other) if one.written else (other, one)
    own.line.session.logout("stale", engine.now)
    engine.request(cancel_of("a"))
    (event,) = engine.heard()
    assert isinstance(event, Refused)
    assert event.reason == "not_connected"
    assert sibling.written == []


def test_a_cancel_of_an_order_whose_line_is_gone_goes_over_any() -> None:
    engine, one, other = two()
    engine.request(engine.order("a"))
    own, sibling = (one, other) if one.written else (other, one)
    own.lose()
    engine.heard()
    engine.request(cancel_of("a"))
    assert [message[35] for message in sibling.written] == [b"F"]
    sibling.says(
        b"9",
        cl_ord_id=sibling.written[0][11].decode(),
        symbol="BTCUSDT",
        cxl_rej_response_to="1",
        venue_code="-2011",
        text="Unknown order sent.",
    )
    order = engine.gateway.orders.find(1, "a")
    assert order is not None
    assert order.standing is Standing.UNKNOWN, "what was not found is not dead"


def test_a_cancel_of_an_acknowledged_order_prefers_its_line_but_needs_it_not() -> None:
    engine, one, other = two()
    engine.request(engine.order("a"))
    own, sibling = (one, other) if one.written else (other, one)
    own.says(b"8", **fields_of(own.written[0][11].decode()))
    own.wire.unsent_bytes = 10_000
    engine.request(cancel_of("a"))
    assert [message[35] for message in sibling.written] == [b"F"]
    own.wire.unsent_bytes = 0
    engine.request(OrderCancelRequest("again", orig_cl_ord_id="a"))
    assert [message[35] for message in own.written] == [b"D", b"F"]


def test_a_successor_takes_new_orders_and_the_old_line_its_cancels() -> None:
    engine, (old,) = engine_with(Post(0, ROLE, True))
    engine.request(engine.order("a"))
    new = Side(engine, 2, "TWO", Post(0, ROLE, True))
    engine.request(engine.order("b"))
    engine.request(cancel_of("a"))
    assert [message[35] for message in old.written] == [b"D", b"F"]
    assert [message[35] for message in new.written] == [b"D"]
    assert engine.gateway.waits_for(old.line)
    old.says(b"8", **fields_of(old.written[0][11].decode(), "0", "0"))
    assert engine.gateway.waits_for(old.line), "the cancel is unanswered"
    ids = {"orig_cl_ord_id": old.written[0][11].decode(), "exec_id": "2"}
    new.says(b"8", **fields_of(old.written[1][11].decode(), "4", "4", **ids))
    assert not engine.gateway.waits_for(old.line), "either line may have told it"


def test_a_cancel_of_an_acknowledged_order_leaves_the_old_line_alone() -> None:
    engine, (old,) = engine_with(Post(0, ROLE, True))
    live_order(engine, old)
    new = Side(engine, 2, "TWO", Post(0, ROLE, True))
    engine.request(cancel_of("live"))
    assert [message[35] for message in old.written] == [b"D"]
    assert [message[35] for message in new.written] == [b"F"]
    assert new.written[0][37] == b"77"


# --- one report, many lines -----------------------------------------------------------------


def reports(engine: Engine) -> list[str]:
    return [event.exec_type for event in engine.heard() if isinstance(event, ExecutionReport)]


@pytest.mark.parametrize("first", [0, 1])
def test_what_two_lines_tell_is_told_once_whoever_is_first(first: int) -> None:
    engine, one, other = two()
    engine.request(engine.order("a"))
    sides = [one, other] if first == 0 else [other, one]
    wire_id = (one.written or other.written)[0][11].decode()
    told = [
        fields_of(wire_id, "0", "0", exec_id="1"),
        fields_of(wire_id, "F", "1", exec_id="2", trade_id="5"),
        fields_of(wire_id, "F", "2", exec_id="3", trade_id="6"),
    ]
    for side in sides:
        for values in told:
            side.says(b"8", **values)
    assert reports(engine) == ["0", "F", "F"]


def test_a_fill_is_known_by_its_trade_or_allocation_whatever_its_exec_id() -> None:
    engine, one, other = two()
    engine.request(engine.order("a"))
    wire_id = (one.written or other.written)[0][11].decode()
    for values, told in (
        (fields_of(wire_id, "F", "1", exec_id="2", trade_id="5"), ["F"]),
        (fields_of(wire_id, "F", "1", exec_id="9", trade_id="5"), []),
        (fields_of(wire_id, "F", "1", exec_id="9", alloc_id="5"), ["F"]),
        (fields_of(wire_id, "F", "1", exec_id="8", alloc_id="5"), []),
        (fields_of(wire_id, "0", "1", exec_id="5"), ["0"]),
        (fields_of(wire_id, "0", "1", exec_id="5"), []),
    ):
        one.says(b"8", **values)
        other.says(b"8", **values)
        assert reports(engine) == told, values


def test_two_own_orders_of_one_trade_are_both_told_of_it() -> None:
    engine, one, other = two()
    for name, order_id in (("a", "77"), ("b", "78")):
        engine.request(engine.order(name))
        order = engine.gateway.orders.find(1, name)
        assert order is not None
        for side in (one, other):
            values = fields_of(order.wire_id, "F", "2", trade_id="5", order_id=order_id)
            side.says(b"8", **values)
    assert reports(engine) == ["F", "F"]


def test_a_report_that_two_lines_tell_and_none_can_read_is_told_once() -> None:
    engine, one, other = two()
    engine.request(engine.order("a"))
    wire_id = (one.written or other.written)[0][11].decode()
    for side in (one, other):
        side.says(b"8", **fields_of(wire_id))
    engine.heard()
    values = fields_of(wire_id, "F", "1", exec_id="2", trade_id="5")
    for side in (one, other):
        side.says(b"8", edit=(b"\x0114=0.00000000", b"\x0114=none"), **values)
    assert [type(event) for event in engine.heard()] == [OrderUnknown]


def test_the_same_number_twice_on_one_line_ends_it() -> None:
    engine, one, other = two()
    engine.request(engine.order("a"))
    wire_id = (one.written or other.written)[0][11].decode()
    one.says(b"8", **fields_of(wire_id))
    one.seq -= 1
    one.says(b"8", **fields_of(wire_id, "F", "2", exec_id="2", trade_id="5"))
    assert one.written[-1][35] == b"5"
    assert reports(engine) == ["0"]


# --- watching -------------------------------------------------------------------------------


def live_order(engine: Engine, *sides: Side) -> str:
    """A live order that every eye has told of; its wire id."""
    engine.request(engine.order("live"))
    order = engine.gateway.orders.find(1, "live")
    assert order is not None
    for side in sides:
        side.says(b"8", **fields_of(order.wire_id))
    engine.heard()
    return order.wire_id


def unknown(engine: Engine) -> list[str]:
    return [event.cl_ord_id for event in engine.heard() if isinstance(event, OrderUnknown)]


def test_live_orders_stay_live_while_another_eye_watches() -> None:
    engine, one, other = two()
    live_order(engine, one, other)
    one.lose()
    assert unknown(engine) == []
    other.lose()
    assert unknown(engine) == ["live"]


def test_an_eye_that_came_later_than_what_the_lost_one_saw_does_not_count() -> None:
    engine, (one,) = engine_with(Post(0, ROLE, True))
    live_order(engine, one)
    engine.now += SECOND_NS
    Side(engine, 2, "TWO", Post(1, ROLE, True))
    one.lose()
    assert unknown(engine) == ["live"]


def test_a_drop_copy_that_is_lost_may_have_had_twice_its_lag_more_to_tell() -> None:
    drop_copy = Post(1, DROP_COPY, True, lag_ns=SECOND_NS)
    for after_ns, told in ((2 * SECOND_NS - 1, ["live"]), (2 * SECOND_NS, [])):
        engine, (one, copy) = engine_with(Post(0, ROLE, True), drop_copy)
        live_order(engine, one, copy)
        one.lose()
        assert unknown(engine) == [], "the drop copy watches"
        engine.now += SECOND_NS
        new = Side(engine, 3, "THREE", Post(0, ROLE, True))
        engine.now += after_ns
        copy.says(b"0")
        new.says(b"0")
        copy.lose()
        assert unknown(engine) == told


def test_a_line_with_acknowledgements_only_is_no_eye() -> None:
    engine, one, other = two((True, False))
    live_order(engine, one)
    other.lose()
    assert unknown(engine) == []
    engine.request(engine.order("a"))
    assert len(one.written) == 1


def test_unanswered_orders_of_a_lost_line_are_unknown_until_a_sibling_tells() -> None:
    engine, one, other = two()
    engine.request(engine.order("a"))
    own, sibling = (one, other) if one.written else (other, one)
    own.lose()
    assert unknown(engine) == ["a"]
    sibling.says(b"8", **fields_of(own.written[0][11].decode()))
    assert reports(engine) == ["0"]
    order = engine.gateway.orders.find(1, "a")
    assert order is not None
    assert order.standing is Standing.NEW


def test_what_a_sibling_has_told_is_not_unknown_when_its_own_line_is_lost() -> None:
    engine, one, other = two()
    engine.request(engine.order("a"))
    own, sibling = (one, other) if one.written else (other, one)
    sibling.says(b"8", **fields_of(own.written[0][11].decode()))
    assert reports(engine) == ["0"]
    own.lose()
    assert unknown(engine) == []


def test_an_eye_with_a_hole_does_not_cover_the_loss_of_another() -> None:
    engine, one, other = two()
    wire_id = live_order(engine, one, other)
    engine.now += 1
    other.says(b"8", skip=1, **fields_of(wire_id, "F", "1", exec_id="3", trade_id="6"))
    one.says(b"0")
    engine.heard()
    one.lose()
    assert unknown(engine) == ["live"]


@pytest.mark.parametrize("what", ["hole", "logout"])
def test_while_the_only_eye_has_a_hole_or_ends_no_order_leaves(what: str) -> None:
    engine, eye, acks = two((True, False))
    if what == "hole":
        eye.says(b"0", skip=1)
    else:
        eye.line.session.logout("handed over", engine.now)
    assert (eye.line.session.hole is not None) == (what == "hole")
    assert not engine.gateway.lines.are_watched()
    for number in range(2):
        engine.request(engine.order(f"o{number}"))
    assert [message[35] for message in acks.written] == []
    reasons = {event.reason for event in engine.heard() if isinstance(event, Refused)}
    assert "unwatched" in reasons


def test_a_hole_on_one_line_is_filled_by_the_other() -> None:
    engine, one, other = two()
    wire_id = live_order(engine, one, other)
    engine.now += 1
    other.says(b"8", **fields_of(wire_id, "F", "1", exec_id="2", trade_id="5"))
    one.says(b"8", skip=1, **fields_of(wire_id, "F", "1", exec_id="3", trade_id="6"))
    assert one.line.session.hole is not None
    one.lose("logged out")
    assert reports(engine) == ["F", "F"]
    assert engine.gateway.lines.are_watched()


def test_an_eye_that_came_after_the_hole_began_does_not_cover_it() -> None:
    engine, (one,) = engine_with(Post(0, ROLE, True))
    wire_id = live_order(engine, one)
    engine.now += 1
    other = Side(engine, 2, "TWO", Post(1, ROLE, True))
    engine.now += 1
    one.says(b"8", skip=1, **fields_of(wire_id, "F", "1", exec_id="3", trade_id="6"))
    other.says(b"0")
    engine.heard()
    one.lose("logged out")
    assert unknown(engine) == ["live"]


@pytest.mark.parametrize(("happened_ns", "standing"), [(-1000, "unknown"), (0, "new")])
def test_what_happened_before_an_eye_was_opened_settles_no_unknown_order(
    happened_ns: int, standing: str
) -> None:
    """Drop copy tells a second late; what came after that, and before the other line, is lost."""
    engine, (one,) = engine_with(Post(0, ROLE, True))
    wire_id = live_order(engine, one)
    one.lose()
    assert unknown(engine) == ["live"]
    engine.now += SECOND_NS
    copy = Side(engine, 2, "TWO", Post(1, DROP_COPY, True, lag_ns=SECOND_NS))
    at = wire.stamp(WALL_NS + engine.now - NOW + happened_ns).decode()
    engine.now += 1000
    copy.says(b"8", **fields_of(wire_id, exec_id="9", transact_time=at))
    assert [order.standing for order in engine.gateway.orders.open_of(1)] == [standing]
    assert unknown(engine) == (["live"] if standing == "unknown" else [])


def test_without_an_eye_orders_are_refused_and_cancels_go() -> None:
    engine, one, other = two((True, False))
    live_order(engine, one)
    one.lose()
    engine.heard()
    engine.request(engine.order("a"))
    (event,) = engine.heard()
    assert isinstance(event, Refused)
    assert event.reason == "unwatched"
    before = len(other.written)
    engine.request(cancel_of("live"))
    assert len(other.written) == before + 1
    drop_copy = Side(engine, 3, "THREE", Post(2, DROP_COPY, True, lag_ns=SECOND_NS))
    engine.request(engine.order("b"))
    assert len(other.written) == before + 2
    assert drop_copy.written == []


def test_unsent_bytes_that_do_not_move_for_a_heartbeat_end_their_line_alone() -> None:
    engine, one, other = two()
    one.wire.unsent_bytes = 500
    for second in range(31):
        engine.now = NOW + second * SECOND_NS
        for side in (one, other):
            side.says(b"0")
        engine.gateway.on_tick(engine.now)
        assert one.line.session.take_events()[1 if second == 0 else 0 :] == []
    engine.now += SECOND_NS
    engine.gateway.on_tick(engine.now)
    (event,) = one.line.session.take_events()
    assert (event.kind, event.text) == ("lost", "unsent bytes did not move for 31000 ms")
    assert one.line.session.close_requested
    assert not other.line.session.close_requested


def test_unsent_bytes_that_move_are_waited_for() -> None:
    engine, one, _ = two()
    for second in range(100):
        engine.now = NOW + second * SECOND_NS
        one.wire.unsent_bytes = 5000 - second
        one.says(b"0")
        engine.gateway.on_tick(engine.now)
    assert not one.line.session.close_requested


def test_a_report_of_an_own_order_that_is_in_no_table_is_told_once() -> None:
    engine, one, other = two()
    for side in (one, other):
        side.says(b"8", **fields_of(BINANCE_SPOT.make_cl_ord_id(1, 7, 7)))
    assert reports(engine) == ["0"]


@pytest.mark.parametrize(
    ("eye_post", "is_back"),
    [
        (Post(0, ROLE, True), False),
        (Post(0, ROLE, True), True),
        (Post(1, DROP_COPY, True, lag_ns=SECOND_NS), False),
    ],
)
def test_an_acknowledgement_is_no_word_on_what_nobody_watched(
    eye_post: Post, is_back: bool
) -> None:
    engine, (acks, eye) = engine_with(Post(1 - eye_post.number, ROLE, False), eye_post)
    engine.request(engine.order("a"))
    if not acks.written:
        engine.request(engine.order("a2"))
    wire_id = acks.written[0][11].decode()
    order = engine.gateway.orders.by_wire(wire_id)
    assert order is not None
    eye.lose()
    engine.heard()
    engine.now += 2 * SECOND_NS
    if is_back:
        eye = Side(engine, 9, "NINE", eye_post)
    # Since it was accepted it may have been filled, and no line will ever tell of that.
    acks.says(b"8", **fields_of(wire_id))
    events = engine.heard()
    assert [type(event) for event in events] == [ExecutionReport, OrderUnknown]
    assert order.standing is Standing.UNKNOWN
    assert order.order_id == "77"
    if is_back:
        eye.says(b"8", **fields_of(wire_id, "F", "1", exec_id="2", trade_id="5"))
        assert order.standing is Standing.PARTIALLY_FILLED, "an eye is believed"
        acks.says(b"8", **fields_of(wire_id, exec_id="3"))
        assert unknown(engine) == []
    acks.says(b"8", **fields_of(wire_id, "4", "4", exec_id="4"))
    assert order.standing is Standing.CANCELED, "what is over is over, whoever tells"
    assert unknown(engine) == []


def test_a_line_that_ran_late_is_not_covered_by_one_that_came_after() -> None:
    engine, (one,) = engine_with(Post(0, ROLE, True))
    engine.request(engine.order("o1"))
    one.says(b"8", **fields_of(one.written[-1][11].decode()))
    engine.heard()
    # ONE is two seconds behind: what the venue told on it before TWO's Logon is still on its way.
    engine.now += 2 * SECOND_NS
    other = Side(engine, 2, "TWO", Post(1, ROLE, True))
    assert other.line.up_since_ns == engine.now
    engine.now += SECOND_NS // 2
    engine.venue_ahead_ns = -2 * SECOND_NS
    one.says(b"0")
    engine.venue_ahead_ns = 0
    one.lose()
    (unknown,) = [event for event in engine.heard() if isinstance(event, OrderUnknown)]
    assert unknown.cl_ord_id == "o1"


def test_a_line_in_time_is_covered_by_one_that_came_before_its_last_message() -> None:
    engine, (one,) = engine_with(Post(0, ROLE, True))
    engine.request(engine.order("o1"))
    one.says(b"8", **fields_of(one.written[-1][11].decode()))
    engine.now += 2 * SECOND_NS
    Side(engine, 2, "TWO", Post(1, ROLE, True))
    engine.now += SECOND_NS // 2
    engine.heard()
    one.says(b"0")
    one.lose()
    assert not any(isinstance(event, OrderUnknown) for event in engine.heard())
