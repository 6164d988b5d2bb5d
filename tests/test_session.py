"""The session's rules, one a test, without sockets and with a clock that the test turns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from fixengine import wire
from fixengine.fix.logon import Acceptor, Initiator
from fixengine.fix.session import Session
from fixengine.fix.states import Happening, State, Verdict
from fixengine.fix.venue import Complaint, Sender, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import NewOrderSingle
from hypothesis import given, settings
from hypothesis import strategies as st
from sessions_in_memory import SECOND_NS, WALL_NS, Pair, acceptor, frame, initiator, parsed

REPORT = {
    "ord_type": "2",
    "side": "1",
    "symbol": "BTCUSDT",
    "exec_type": "0",
    "cum_qty": "0",
    "last_qty": "0",
    "ord_status": "0",
}
OFFICIAL = (
    b"8=FIX.4.4|9=247|35=A|34=1|49=EXAMPLE|52=20240627-11:17:25.223|56=SPOT|95=88|96=4MHXelVVcpkd"
    b"wuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA==|98=0|108=30|"
    b"141=Y|553=sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb|25035=2|10=227|"
).replace(b"|", b"\x01")


def kinds(events: list) -> list[Happening]:
    return [event.kind for event in events]


def test_the_official_logon_is_reproduced_byte_for_byte() -> None:
    """Spec section 3: the venue prints this message, its key and its signature."""
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    seed = "8244616b4606b8400a66fd0efcbea9af1611fd2540e975b3808b20007d9bcf6e"
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    # The sample writes its header sorted by tag, with milliseconds; both are data of the venue.
    venue = dataclasses.replace(BINANCE_SPOT, header=(34, 49, 52, 56), stamp_digits=3)
    handshake = Initiator(
        "sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb",
        lambda payload: base64.b64encode(key.sign(payload)),
        heart_bt_int=30,
        message_handling=2,
        response_mode=None,
    )
    session = Session(venue, Sender.CLIENT, handshake, client_comp_id="EXAMPLE")
    session.connected(wire.stamp_ns(b"20240627-11:17:25.223"))
    assert session.take_output() == [OFFICIAL]


def test_logon_then_active_on_both_sides() -> None:
    pair = Pair()
    pair.log_on()
    assert (pair.client.state, pair.venue.state) == (State.ACTIVE, State.ACTIVE)
    logon, answer = (parsed(data) for data in pair.wire)
    assert logon[35] == b"A" and logon[34] == b"1" and logon[141] == b"Y"
    assert answer[108] == b"30" and answer[25037] == b"uuid-1"


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert Pair().log_on().wire == Pair().log_on().wire


def test_nothing_can_be_sent_before_logon() -> None:
    session = initiator()
    form = template(BINANCE_SPOT, b"D", Sender.CLIENT, "ME")
    with pytest.raises(wire.LocalProtocolError, match="disconnected"):
        session.send(form, NewOrderSingle.limit("A", "1", 1, 1, cl_ord_id="a"), 0)
    assert session.next_out == 1


def test_a_value_that_cannot_be_fix_uses_no_number() -> None:
    pair = Pair().log_on()
    form = template(BINANCE_SPOT, b"D", Sender.CLIENT, "ME")
    order = NewOrderSingle.limit("A\x0138=9", "1", 1, 1, cl_ord_id="a")
    with pytest.raises(wire.LocalProtocolError, match="symbol"):
        pair.client.send(form, order, 0)
    assert pair.client.next_out == 2
    assert pair.client.output == []


def test_heartbeat_after_own_silence_and_no_earlier() -> None:
    pair = Pair().log_on()
    pair.at(29.9)
    assert len(pair.wire) == 2
    pair.at(30)
    assert parsed(pair.wire[2])[35] in (b"0", b"1")
    assert pair.client.state is State.ACTIVE


def test_test_request_is_echoed_exactly() -> None:
    pair = Pair().log_on()
    odd = "a=b c" + "x" * 59
    pair.give(pair.client, frame(b"1", 2, test_req_id=odd))
    answer = parsed(pair.client.take_output()[0])
    assert (answer[35], answer[112]) == (b"0", odd.encode())


def test_silence_draws_a_test_request_and_then_the_end() -> None:
    client = initiator()
    client.connected(0)
    client.take_output()
    framer = wire.Framer()
    framer.feed(frame(b"A", 1, encrypt_method=0, heart_bt_int=30, uuid="u"))
    client.receive(next(framer), 0)
    assert client.deadline == 30 * SECOND_NS
    client.tick(36 * SECOND_NS)
    sent = [parsed(data) for data in client.take_output()]
    assert [message[35] for message in sent] == [b"1"]
    client.tick(66 * SECOND_NS - 1)
    assert client.state is State.ACTIVE
    client.tick(66 * SECOND_NS)
    assert client.state is State.CLOSED and client.close_requested
    assert client.take_events()[-1].kind is Happening.LOST


def test_a_venue_insists_on_the_id_of_its_test_request() -> None:
    pair = Pair().log_on()
    pair.now = 30 * SECOND_NS
    pair.venue.tick(pair.now)
    pair.venue.take_output()
    pair.give(pair.venue, frame(b"0", 2, Sender.CLIENT, test_req_id="wrong"))
    pair.now = 60 * SECOND_NS
    pair.venue.tick(pair.now)
    assert parsed(pair.venue.take_output()[-1])[35] == b"5"
    assert pair.venue.close_requested


def test_without_a_heartbeat_interval_nothing_is_said_and_no_silence_is_too_long() -> None:
    pair = Pair(heart_bt_int=0).log_on()
    pair.client.heartbeat_ns = 0
    pair.client.tick(3600 * SECOND_NS)
    assert (pair.client.state, pair.client.take_output()) == (State.ACTIVE, [])


def test_what_came_with_the_test_request_itself_proves_nothing() -> None:
    pair = Pair().log_on()
    pair.client.tick(36 * SECOND_NS)
    pair.now = 36 * SECOND_NS
    pair.give(pair.client, frame(b"0", 2))
    pair.client.tick(66 * SECOND_NS)
    assert pair.client.state is State.CLOSED
    pair = Pair().log_on()
    pair.client.tick(36 * SECOND_NS)
    pair.now = 36 * SECOND_NS + 1
    pair.give(pair.client, frame(b"0", 2))
    pair.client.tick(66 * SECOND_NS)
    assert pair.client.state is State.ACTIVE


def test_each_test_request_has_an_id_of_its_own() -> None:
    pair = Pair().log_on()
    for at in (36, 72 + 36):
        pair.now = (at - 36) * SECOND_NS
        pair.give(pair.client, frame(b"0", pair.client.next_in))
        pair.client.tick(at * SECOND_NS)
    asked = [parsed(data) for data in pair.client.take_output()]
    ids = [message[112] for message in asked if message[35] == b"1"]
    assert len(ids) == len(set(ids)) == 2


def test_a_hole_makes_the_session_stale_and_delivers_what_came() -> None:
    pair = Pair().log_on()
    pair.give(pair.client, frame(b"8", 3, **REPORT))
    assert pair.verdicts[-1] is Verdict.APPLICATION
    assert pair.client.hole and pair.client.state is State.ACTIVE
    assert kinds(pair.client.take_events()) == [Happening.STALE]
    assert pair.client.output == [], "never a ResendRequest"
    pair.give(pair.client, frame(b"8", 4, **REPORT))
    assert pair.client.take_events() == []


def test_a_number_seen_twice_is_not_delivered_twice() -> None:
    pair = Pair().log_on()
    pair.give(pair.client, frame(b"8", 2, **REPORT))
    pair.give(pair.client, frame(b"8", 2, **REPORT))
    assert pair.verdicts[-2:] == [Verdict.APPLICATION, Verdict.DROP]
    logout = parsed(pair.client.take_output()[0])
    assert logout[58] == b"MsgSeqNum too low, expecting 3 received 2"
    assert pair.client.close_requested


def test_sequence_numbers_roll_over_to_zero() -> None:
    pair = Pair().log_on()
    pair.client.next_in = (1 << 32) - 1
    pair.give(pair.client, frame(b"8", (1 << 32) - 1, **REPORT))
    pair.give(pair.client, frame(b"8", 0, **REPORT))
    assert pair.verdicts[-2:] == [Verdict.APPLICATION] * 2
    pair.client.next_out = (1 << 32) - 1
    pair.client.logout("x", pair.now)
    assert pair.client.next_out == 0


@pytest.mark.parametrize("seq", [2, 5])
def test_a_logon_answer_out_of_sequence_is_not_accepted(seq: int) -> None:
    client = initiator()
    client.connected(0)
    framer = wire.Framer()
    framer.feed(frame(b"A", seq, encrypt_method=0, heart_bt_int=30, uuid="u"))
    client.receive(next(framer), 0)
    assert client.state is State.CLOSED and client.close_requested
    assert all(parsed(data)[35] != b"2" for data in client.take_output())


@pytest.mark.parametrize("kind", [b"8", b"0"])
def test_anything_before_the_logon_answer_ends_the_attempt(kind: bytes) -> None:
    client = initiator()
    client.connected(0)
    framer = wire.Framer()
    framer.feed(frame(kind, 1, **(REPORT if kind == b"8" else {})))
    client.receive(next(framer), 0)
    assert client.state is State.CLOSED


def test_another_heart_bt_int_in_the_answer_is_refused() -> None:
    client = initiator()
    client.connected(0)
    framer = wire.Framer()
    framer.feed(frame(b"A", 1, encrypt_method=0, heart_bt_int=60, uuid="u"))
    client.receive(next(framer), 0)
    assert client.state is State.CLOSED


def test_a_reject_of_the_logon_gives_its_code() -> None:
    client = initiator()
    client.connected(0)
    framer = wire.Framer()
    framer.feed(frame(b"3", 1, venue_code="-1022", text="Signature for this request is not valid."))
    client.receive(next(framer), 0)
    (event,) = client.take_events()
    assert (event.kind, event.code) == (Happening.LOGON_REFUSED, -1022)


def test_no_answer_to_the_logon_has_a_deadline() -> None:
    client = initiator()
    client.connected(0)
    assert client.deadline == 10 * SECOND_NS
    client.tick(10 * SECOND_NS)
    assert kinds(client.take_events()) == [Happening.LOGON_REFUSED]


def test_a_logout_before_the_logon_is_answered_follows_that_answer() -> None:
    pair = Pair()
    pair.venue.connected(0)
    pair.client.connected(0)
    pair.client.logout("bye", 0)
    assert (pair.client.state, pair.client.close_requested) == (State.LOGON_SENT, False)
    assert pair.client.deadline == 10 * SECOND_NS
    pair.pump()
    assert [parsed(data)[35] for data in pair.wire] == [b"A", b"A", b"5", b"5"]
    events = pair.client.take_events()
    assert kinds(events) == [Happening.LOGGED_ON, Happening.LOGGED_OUT]
    assert events[-1].clean


def test_a_logout_waits_no_longer_for_the_logon_than_the_logon_does() -> None:
    client = initiator()
    client.connected(0)
    client.logout("bye", 5 * SECOND_NS)
    client.tick(10 * SECOND_NS)
    assert kinds(client.take_events()) == [Happening.LOGON_REFUSED]
    assert client.close_requested


def test_logout_is_answered_and_clean_for_the_one_who_asked() -> None:
    pair = Pair().log_on()
    pair.client.logout("bye", pair.now)
    pair.pump()
    (event,) = pair.client.take_events()
    assert event.kind is Happening.LOGGED_OUT and event.clean
    assert parsed(pair.wire[-1])[58] == b"Logout acknowledgment."


def test_reports_between_logout_and_its_answer_are_delivered() -> None:
    pair = Pair().log_on()
    pair.client.logout("bye", pair.now)
    pair.give(pair.client, frame(b"8", 2, **REPORT))
    assert pair.verdicts[-1] is Verdict.APPLICATION


def test_a_logout_that_is_not_answered_has_a_deadline() -> None:
    pair = Pair().log_on()
    pair.client.logout("bye", 0)
    pair.client.tick(10 * SECOND_NS)
    (event,) = pair.client.take_events()
    assert event.kind is Happening.LOST and pair.client.close_requested


def test_a_logout_of_the_venue_is_answered_and_not_clean() -> None:
    pair = Pair().log_on()
    pair.give(pair.client, frame(b"5", 2, text="Too many messages"))
    assert parsed(pair.client.take_output()[0])[35] == b"5"
    (event,) = pair.client.take_events()
    assert event.kind is Happening.LOGGED_OUT and not event.clean
    assert event.text == "Too many messages"


def test_wrong_comp_ids_end_the_session_but_not_in_news() -> None:
    pair = Pair().log_on()
    form = template(BINANCE_SPOT, b"B", Sender.VENUE, "OE")
    pair.give(pair.client, form.encode(None, 2, wire.stamp(WALL_NS), {"headline": "10 seconds"}))
    assert kinds(pair.client.take_events()) == [Happening.WARNING, Happening.NEWS]
    form = template(BINANCE_SPOT, b"8", Sender.VENUE, "OE")
    pair.give(pair.client, form.encode(None, 3, wire.stamp(WALL_NS), REPORT))
    assert pair.client.state is State.CLOSED


def bare(kind: bytes, seq: int) -> bytes:
    """A message with nothing but a header."""
    writer = wire.Writer(b"FIX.4.4")
    writer.start(kind)
    for tag, value in (
        (49, "SPOT"),
        (56, "ME"),
        (34, str(seq)),
        (52, wire.stamp(WALL_NS).decode()),
    ):
        writer.text(tag, value)
    return writer.finish()


@pytest.mark.parametrize("kind", [b"W", b"y"])
def test_a_message_that_is_described_but_not_played_is_told_and_dropped(kind: bytes) -> None:
    pair = Pair().log_on()
    pair.give(pair.client, bare(kind, 2))
    assert pair.verdicts[-1] is Verdict.DROP
    (event,) = pair.client.take_events()
    assert event.kind is Happening.WARNING
    text = f"{BINANCE_SPOT.kinds[kind]} MsgType {kind.decode()} passed over: 8=FIX.4.4|9="
    assert event.text.startswith(text)
    pair.give(pair.client, frame(b"5", 3) + bare(kind, 4))
    assert pair.verdicts[-1] is Verdict.DROP
    assert not BINANCE_SPOT.plays(kind, Sender.VENUE)


def test_a_garbled_message_is_a_hole_at_once() -> None:
    pair = Pair().log_on()
    bad = frame(b"8", 2, **REPORT)
    bad = bad[:-4] + (b"000\x01" if bad[-4:-1] != b"000" else b"001\x01")
    pair.give(pair.client, bad)
    pair.client.garbled(pair.now)
    assert kinds(pair.client.take_events()) == [Happening.STALE]
    pair.give(pair.client, frame(b"8", 3, **REPORT))
    assert pair.verdicts[-1] is Verdict.APPLICATION


def test_reports_behind_a_logout_are_delivered_and_nothing_else_is() -> None:
    pair = Pair().log_on()
    reports = frame(b"8", 3, **REPORT) + frame(b"8", 3, **REPORT) + frame(b"1", 4, test_req_id="x")
    pair.give(pair.client, frame(b"5", 2) + reports)
    assert pair.verdicts[-3:] == [Verdict.APPLICATION, Verdict.DROP, Verdict.DROP]
    assert len(pair.client.take_output()) == 1, "the Logout and no Heartbeat"


# --- the strict role --------------------------------------------------------------------------


def reject_of(pair: Pair) -> dict[int, bytes]:
    message = parsed(pair.venue.take_output()[0])
    assert message[35] == b"3"
    return message


def test_a_venue_rejects_a_wrong_number_and_goes_on() -> None:
    pair = Pair().log_on()
    pair.give(pair.venue, frame(b"0", 5, Sender.CLIENT))
    reject = reject_of(pair)
    assert reject[25016] == b"-1179" and reject[45] == b"5"
    assert reject[58] == b"MsgSeqNum(34) contains an unexpected value. Expected: '2'."
    pair.give(pair.venue, frame(b"0", 2, Sender.CLIENT))
    assert pair.verdicts[-1] is Verdict.ADMIN


def test_a_venue_refuses_a_changed_comp_id() -> None:
    pair = Pair().log_on()
    form = template(BINANCE_SPOT, b"0", Sender.CLIENT, "OTHER")
    pair.give(pair.venue, form.encode(None, 2, wire.stamp(WALL_NS), {}))
    assert reject_of(pair)[25016] == b"-1178"


@pytest.mark.parametrize(
    ("shift_ms", "window", "refused"),
    [(999, None, False), (1000, None, True), (-60_000, None, False), (-5001, 5000, True)]
    + [(-5000, 5000, False)],
)
def test_the_clock_rule(shift_ms: int, window: int | None, refused: bool) -> None:
    pair = Pair().log_on()
    form = template(BINANCE_SPOT, b"D", Sender.CLIENT, "ME", window)
    order = NewOrderSingle.limit("A", "1", 1, 1, cl_ord_id="a")
    sent = wire.stamp(WALL_NS + shift_ms * 1_000_000)
    pair.give(pair.venue, form.encode(order, 2, sent))
    assert (pair.verdicts[-1] is Verdict.DROP) == refused
    if refused:
        assert reject_of(pair)[25016] == b"-1021"


def test_a_venue_wants_a_logon_first_and_only_once() -> None:
    venue = acceptor()
    venue.connected(0)
    framer = wire.Framer()
    framer.feed(frame(b"0", 1, Sender.CLIENT))
    venue.receive(next(framer), 0)
    reject = parsed(venue.take_output()[0])
    assert (reject[25016], reject[34]) == (b"-1180", b"1")
    assert venue.close_requested

    pair = Pair().log_on()
    logon = pair.wire[0]
    again = frame(b"A", 2, Sender.CLIENT, **_logon_values(logon))
    pair.give(pair.venue, again)
    assert reject_of(pair)[25016] == b"-1176"
    assert pair.venue.state is State.ACTIVE


def test_a_judged_logon_is_refused_with_one_reject_and_the_end() -> None:
    complaint = Complaint(-1022, 8, "Signature for this request is not valid.")
    session = Session(
        BINANCE_SPOT, Sender.VENUE, Acceptor(lambda *_: complaint, "u"), offset_ns=WALL_NS
    )
    session.connected(0)
    client = initiator()
    client.connected(0)
    framer = wire.Framer()
    framer.feed(client.take_output()[0])
    session.receive(next(framer), 0)
    (data,) = session.take_output()
    assert parsed(data)[25016] == b"-1022"
    assert session.close_requested


def test_a_logon_without_a_required_field_is_refused_by_name() -> None:
    venue = acceptor()
    venue.connected(0)
    writer = wire.Writer(b"FIX.4.4")
    writer.start(b"A")
    for tag, value in ((49, "ME"), (56, "SPOT"), (34, "1")):
        writer.text(tag, value)
    writer.text(52, wire.stamp(WALL_NS))
    writer.data(95, 96, b"s" * 88)
    writer.number(98, 0)
    writer.number(108, 30)
    writer.text(141, "Y")
    writer.text(553, "KEY")
    framer = wire.Framer()
    framer.feed(writer.finish())
    venue.receive(next(framer), 0)
    reject = parsed(venue.take_output()[0])
    assert (reject[25016], reject[371], reject[373]) == (b"-1102", b"25035", b"1")


def _logon_values(data: bytes) -> dict[str, object]:
    fields = parsed(data)
    return {
        "raw_data_length": len(fields[96]),
        "raw_data": fields[96],
        "encrypt_method": 0,
        "heart_bt_int": 30,
        "reset_seq_num_flag": "Y",
        "username": "KEY",
        "message_handling": 2,
    }


# --- the short way of a report -------------------------------------------------------------------

SEQ_NUM_MAX = 4_294_967_295
OTHERS = st.sampled_from(
    [
        *(b"8=FIX.4.4", b"8=FIX.4.2", b"8=FIX.4.", b"34=2", b"34=02", b"34=-2", b"34=+2", b"34=2 "),
        *(b"34=4294967296", b"34=99999999999999999999", b"34=-0", b"34=x", b"34=", b"49=SPOT"),
        *(b"49=SPO", b"49=SPOTS", b"49=", b"56=ME", b"56=", b"56=ME ", b"56=YOU", b"=2", b"95=9"),
        *(b"58=x", b"43=Y"),
    ]
)
Change = tuple[int, int, list[bytes]]
"""At which field, how many are left out, and what comes in their place."""


def header_of(seq: int, changes: Sequence[Change] = (), kind: bytes = b"8") -> bytes:
    """A report's bytes, with some of its fields replaced by others, or left out, or added."""
    fields = [b"49=SPOT", b"56=ME", b"34=%d" % seq, b"52=20260101-00:00:00.000000", b"55=A"]
    for place, count, others in changes:
        fields[place : place + count] = others
    body = b"".join(field + b"\x01" for field in fields if not field.startswith(b"8="))
    begin = next((field for field in fields if field.startswith(b"8=")), b"8=FIX.4.4")
    body = b"35=%s\x01%s" % (kind, body)
    framed = b"%s\x019=%d\x01%s" % (begin, len(body), body)
    return b"%s10=%03d\x01" % (framed, sum(framed) % 256)


def told_by(session: Session, data: list[bytes]) -> list[object]:
    """All that a session says of these bytes, message by message."""
    told: list[object] = []
    for raw in data:
        framer = wire.Framer()
        framer.feed(raw)
        try:
            told += [session.receive(message, 5) for message in framer]
        except wire.RemoteProtocolError:
            told.append("no frame")
        told += [session.next_in, session.state, session.hole, session.close_requested]
        told += [session.last_received_ns, session.take_events(), session.take_output()]
    return told


changes = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 1), st.lists(OTHERS, max_size=1)), max_size=2
)
steps = st.sampled_from([0, 0, 0, 0, 1, -1])
message_kinds = st.sampled_from([b"8", b"8", b"8", b"9", b"0", b"B", b"D", b"zz"])


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.tuples(steps, changes, message_kinds), max_size=3),
    st.sampled_from([2, SEQ_NUM_MAX - 1, SEQ_NUM_MAX, 0]),
)
def test_the_short_way_of_a_report_finds_what_the_long_one_does(
    messages: list[tuple[int, list[Change], bytes]], next_in: int
) -> None:
    short, long = Pair().log_on().client, Pair().log_on().client
    long._usual = frozenset()
    short.next_in = long.next_in = next_in
    seqs = [(next_in + at) % (SEQ_NUM_MAX + 1) for at in range(3)]
    data = [
        header_of(seq + step, *what) for seq, (step, *what) in zip(seqs, messages, strict=False)
    ]
    assert told_by(short, data) == told_by(long, data)


def test_a_report_as_it_should_be_goes_the_short_way() -> None:
    """And only one that is: otherwise the test above would compare the long way with itself."""
    session = Pair().log_on().client
    session._accept_header = lambda *_: False  # type: ignore[method-assign]
    assert told_by(session, [header_of(2)])[:2] == [Verdict.APPLICATION, 3]
    assert told_by(session, [header_of(4)])[:2] == [Verdict.DROP, 3]
