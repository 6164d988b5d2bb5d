"""Real engines with several sessions: hand-over under load, drop copy, the stop."""

from __future__ import annotations

import signal
from collections import Counter

import orjson
import pytest
from fixengine.messages import (
    ExecutionReport,
    NewOrderSingle,
    OrderUnknown,
    Refused,
    SessionState,
    SessionStatus,
)
from processes import COMP_IDS, FAR, Stage, hear, limit, stage
from scripted_venue import Peer

__all__ = ["stage"]

pytestmark = pytest.mark.quick

ORDERS = 200


def actives(client: object, count: int) -> set[str]:
    """SenderCompIDs of the next sessions that become active."""
    return {
        hear(client, SessionStatus, state=SessionState.ACTIVE).source  # type: ignore[arg-type]
        for _ in range(count)
    }


def acknowledge(peer: Peer, order: dict[int, str], *eyes: Peer) -> None:
    """Acknowledge an order on its session, and tell the others that have all reports."""
    for each in (peer, *eyes):
        each.socket.sendall(each.report(order, t17=order[11], t37="9" + order[11][-6:]))


def test_orders_over_two_sessions_are_told_once_as_the_venue_recorded(stage: Stage) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place, venue={"sessions": 2})
    assert {engine.expect(event="active")["session"] for _ in range(2)} == set(COMP_IDS[:2])
    client = stage.client(engine)
    for number in range(ORDERS):
        price = "50500.00" if number % 2 else FAR
        client.submit(NewOrderSingle.limit("BTCUSDT", "1", "0.001", price))
    reports: list[ExecutionReport] = []
    acknowledged = filled = 0
    while acknowledged < ORDERS or filled < ORDERS // 2:
        report = hear(client, ExecutionReport)
        reports.append(report)
        acknowledged += report.exec_type == "0"
        filled += report.ord_status == "2"
    assert engine.end() == 0
    assert engine.marks() == {}

    recorded = [orjson.loads(line) for line in venue.record.read_bytes().splitlines()]
    told = Counter(report.exec_id for report in reports)
    assert set(told.values()) == {1}
    assert set(told) == {line["exec_id"] for line in recorded}
    by_session = Counter(line["session"] for line in recorded)
    assert by_session == dict.fromkeys(COMP_IDS[:2], len(told)), "each session got everything"


def test_a_hand_over_under_load_loses_and_doubles_nothing(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue={"sessions": 2})
    client = stage.client(engine)
    peers = [acceptor.logon(), acceptor.logon()]
    assert actives(client, 2) == {peer.comp_id for peer in peers}
    submitted = [client.submit(limit()) for _ in range(20)]
    unanswered = {peer.comp_id: [peer.expect("D") for _ in range(10)] for peer in peers}

    old, stays = peers
    for seconds in (60, 50, 40):
        old.send("B", {148: f"You'll be disconnected in {seconds} seconds. Please reconnect."})
    hear(client, SessionStatus, state=SessionState.DRAINING, source=old.comp_id)
    # Nothing is answered yet, so the old session still carries orders, and its successor comes.
    submitted += [client.submit(limit()) for _ in range(2)]
    for peer in peers:
        unanswered[peer.comp_id].append(peer.expect("D"))
    new = acceptor.logon()
    assert new.comp_id == COMP_IDS[2]
    assert actives(client, 1) == {new.comp_id}

    submitted += [client.submit(limit()) for _ in range(20)]
    unanswered[new.comp_id] = [new.expect("D") for _ in range(10)]
    unanswered[stays.comp_id] += [stays.expect("D") for _ in range(10)]
    everybody = [old, stays, new]
    for peer in everybody:
        for order in unanswered[peer.comp_id]:
            acknowledge(peer, order, *(each for each in everybody if each is not peer))
    told = [hear(client, ExecutionReport).cl_ord_id for _ in submitted]
    assert sorted(told) == sorted(submitted)
    old.logout()
    down = hear(client, ExecutionReport, OrderUnknown, SessionStatus, source=old.comp_id)
    assert (down.state, down.engine_state) == (SessionState.DOWN, SessionState.ACTIVE)
    engine.signal(signal.SIGTERM)
    for peer in (stays, new):
        peer.logout()
    assert engine.ended() == 0
    written = [order[11] for peer in everybody for order in peer.received if order[35] == "D"]
    assert len(written) == len(set(written)) == len(submitted)


def test_a_session_that_dies_takes_only_its_unanswered_orders_along(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue={"sessions": 2})
    client = stage.client(engine)
    one, other = acceptor.logon(), acceptor.logon()
    actives(client, 2)
    live = [client.submit(limit()) for _ in range(2)]
    acknowledge(one, one.expect("D"), other)
    acknowledge(other, other.expect("D"), one)
    assert {hear(client, ExecutionReport).cl_ord_id for _ in live} == set(live)
    for _ in range(2):
        client.submit(limit())
    lost = one.expect("D")
    acknowledge(other, other.expect("D"), one)
    hear(client, ExecutionReport)
    one.reset()
    unknown = hear(client, OrderUnknown)
    assert unknown.wire_cl_ord_id == lost[11]
    other.socket.sendall(other.report(lost, t37="424242"))
    assert hear(client, OrderUnknown, ExecutionReport).cl_ord_id == unknown.cl_ord_id
    client.submit(limit())
    other.expect("D")


def test_without_an_eye_new_orders_are_refused(stage: Stage) -> None:
    acceptor, copies = stage.acceptor(), stage.acceptor("copies")
    places = {"drop_copy": True, "drop_copy_port": copies.place.port, "report_sessions": 0}
    engine = stage.engine(
        acceptor.place, venue=places | {"ca_file": str(both(stage, acceptor, copies))}
    )
    client = stage.client(engine)
    peer = acceptor.accept()
    logon = peer.answer_logon()
    assert (logon[25036], logon.get(9406)) == ("2", None)
    copy = copies.accept()
    hear(client, SessionStatus, state=SessionState.ACTIVE, source=peer.comp_id)
    client.submit(limit())
    assert hear(client, Refused).reason == "unwatched"
    logon = copy.answer_logon()
    assert (logon.get(25036), logon[9406]) == (None, "Y")
    hear(client, SessionStatus, state=SessionState.ACTIVE, source=copy.comp_id)
    cl_ord_id = client.submit(limit())
    order = peer.expect("D")
    peer.socket.sendall(peer.report(order, t17="1", t37="5"))
    copy.socket.sendall(copy.report(order, t17="1", t37="5"))
    copy.socket.sendall(copy.report(order, t17="2", t37="5", t150="F", t39="2", t1003="7"))
    assert hear(client, ExecutionReport).cl_ord_id == cl_ord_id
    fill = hear(client, ExecutionReport)
    assert (fill.exec_type, fill.source) == ("F", copy.comp_id)


def both(stage: Stage, *acceptors: object) -> object:
    """A file with the authorities of two acceptors."""
    path = stage.folder / "both.pem"
    path.write_bytes(b"".join(each.place.ca_file.read_bytes() for each in acceptors))  # type: ignore[attr-defined]
    return path


def test_a_stop_is_clean_only_if_every_session_answered(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue={"sessions": 2})
    client = stage.client(engine)
    one, other = acceptor.logon(), acceptor.logon()
    actives(client, 2)
    engine.signal(signal.SIGTERM)
    one.logout()
    other.expect("5")
    assert other.read() == {}
    assert engine.ended() == 1
    assert set(engine.marks()) == {other.comp_id}


def test_a_session_ended_for_its_rate_is_held_and_alarmed(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place)
    client = stage.client(engine)
    peer = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    peer.send("5", {58: "Too many messages; current limit is '10000' messages per '10 SECOND'."})
    told = engine.expect(event="down", level="error")
    assert "Too many messages" in told["text"]
    assert "next attempt in 10000 ms" in told["text"] or "next attempt in 9" in told["text"]
