"""Both clients against a scripted engine: a real ROUTER on a real ipc endpoint.

Each scenario runs three times: with the blocking Client, and with AsyncClient under asyncio and
under uvloop.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import fixengine
import msgspec
import pytest
import zmq
from fixengine.client import Client, HelloRefused, NoAnswer, NotConnected, Raw
from fixengine.messages import (
    CL_ORD_ID,
    Ack,
    Heartbeat,
    Hello,
    OrderCancelRequest,
    RefusedReason,
    SessionStatus,
    SnapshotRequest,
)
from scripted_engine import (
    ALREADY_CONNECTED,
    ENVIRONMENT,
    EPOCH,
    Engine,
    cancel_reject,
    connecting,
    gap,
    open_client,
    order,
    refused,
    report,
    sent,
    snapshot,
    unknown,
    wait_until_down,
    welcome,
)


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/bus.sock"


@pytest.fixture
def engine(endpoint: str) -> Iterator[Engine]:
    engine = Engine(endpoint)
    yield engine
    engine.down()


@pytest.fixture(params=["blocking", "asyncio", "uvloop"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(engine: Engine, kind: str) -> Iterator[Callable[..., Any]]:
    with connecting(engine, kind) as connect:
        yield connect


# --- hello ----------------------------------------------------------------------------------


def test_hello_says_who_and_from_where(engine: Engine, connect: Any) -> None:
    client = connect(welcome(7), token="secret", resume_from=7, wants_sent=True)
    assert client.hello == Hello(
        "maker", "secret", 7, True, client=f"fixengine {fixengine.__version__}"
    )
    assert re.fullmatch(rb"maker\.[0-9a-f]{16}", engine.peer)


def test_welcome_is_adopted(connect: Any) -> None:
    client = connect(welcome(7, state="recovering")).client
    assert (client.strategy, client.epoch, client.connected) == ("maker", EPOCH, True)
    assert client.last_report_seq == 6
    assert client.welcome.state == "recovering"


def test_two_clients_have_two_identities(engine: Engine, connect: Any) -> None:
    connect()
    first = engine.peer
    connect()
    assert engine.peer != first


def test_a_refused_hello_names_the_reason(engine: Engine, kind: str) -> None:
    with (
        engine.doing(engine.greet, ALREADY_CONNECTED),
        pytest.raises(HelloRefused, match=r"maker.*another socket has it") as caught,
    ):
        open_client(kind, engine.endpoint)
    assert caught.value.reason == RefusedReason.ALREADY_CONNECTED


def test_no_engine_is_told_with_the_next_step(endpoint: str, kind: str) -> None:
    with pytest.raises(NotConnected, match=f"{re.escape(endpoint)}.*is the engine running"):
        open_client(kind, endpoint, connect_timeout_ms=30)


def test_a_listener_that_does_not_answer_is_told_apart(engine: Engine) -> None:
    with pytest.raises(NotConnected, match="did not answer Hello"):
        Client(engine.endpoint, "maker", connect_timeout_ms=1000)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"endpoint": "inproc://bus"}, "endpoint"),
        ({"endpoint": "ipc:///" + "x" * 200}, "endpoint"),
        ({"endpoint": "tcp://nowhere"}, "endpoint"),
        ({"endpoint": "ipc:///\ud800"}, "endpoint"),
        ({"strategy": "two words"}, "strategy"),
        ({"strategy": ""}, "strategy"),
        ({"strategy": "x" * 1000}, "strategy"),
        ({"token": "\ud800"}, "token"),
        ({"token": "x" * 4096}, "token"),
        ({"resume_from": 0}, "resume_from"),
        ({"resume_from": 1 << 63}, "resume_from"),
        ({"valid_for_ms": 0}, "valid_for_ms"),
        ({"valid_for_ms": 1 << 70}, "valid_for_ms"),
        ({"answer_timeout_ms": -1}, "answer_timeout_ms"),
        pytest.param({"answer_timeout_ms": 10**5000}, "answer_timeout_ms", id="huge"),
        ({"connect_timeout_ms": 1 << 70}, "connect_timeout_ms"),
        ({"ack_every": 0}, "ack_every"),
    ],
)
def test_a_bad_argument_is_named(options: dict[str, Any], name: str) -> None:
    arguments = {"endpoint": "ipc:///nowhere", "strategy": "maker", **options}
    with pytest.raises(ValueError, match=f"^{name}: ") as caught:
        Client(**arguments)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "value"),
    [("endpoint", 5), ("strategy", b"maker"), ("token", 5), ("resume_from", 1.0)]
    + [("wants_sent", 5), ("valid_for_ms", 0.5), ("connect_timeout_ms", True), ("ack_every", "9")],
)
def test_an_argument_of_a_wrong_type_is_named(name: str, value: Any) -> None:
    arguments = {"endpoint": "ipc:///nowhere", "strategy": "maker", name: value}
    with pytest.raises(TypeError, match=f"^{name}: "):
        Client(**arguments)


# --- requests -------------------------------------------------------------------------------


def test_an_order_goes_out_complete(engine: Engine, connect: Any) -> None:
    client = connect(valid_for_ms=250)
    mine = order()
    before = time.monotonic_ns()
    cl_ord_id = client.client.submit(mine)
    received = engine.receive()
    assert CL_ORD_ID.match(cl_ord_id)
    assert before <= received.sent_ns <= time.monotonic_ns()
    assert received == msgspec.structs.replace(
        mine, cl_ord_id=cl_ord_id, epoch=EPOCH, sent_ns=received.sent_ns, valid_for_ms=250
    )
    assert mine == order()


def test_own_id_and_own_age_limit_are_kept(engine: Engine, connect: Any) -> None:
    client = connect()
    mine = msgspec.structs.replace(order("mine-1"), valid_for_ms=77)
    assert client.client.submit(mine) == "mine-1"
    received = engine.receive()
    assert (received.cl_ord_id, received.valid_for_ms) == ("mine-1", 77)


def test_ids_never_repeat(connect: Any) -> None:
    clients = [connect().client, connect().client]
    ids = [client.submit(order()) for client in clients for _ in range(20)]
    ids += [client.cancel("a") for client in clients for _ in range(20)]
    assert len(set(ids)) == 80


def test_a_cancel_goes_out_complete(engine: Engine, connect: Any) -> None:
    client = connect()
    cl_ord_id = client.client.cancel("mine-1")
    received = engine.receive()
    assert received == OrderCancelRequest(
        cl_ord_id, EPOCH, received.sent_ns, 1000, "mine-1", None, None, None
    )
    assert 0 < received.sent_ns <= time.monotonic_ns()
    named = client.client.cancel(
        "a", cl_ord_id="b", order_id="5", symbol="X", cancel_restrictions="1", valid_for_ms=9
    )
    received = engine.receive()
    assert named == "b"
    assert received == OrderCancelRequest("b", EPOCH, received.sent_ns, 9, "a", "X", "5", "1")
    client.client.cancel(cl_ord_id="c", order_id="5", symbol="X", recv_window_ms=7)
    received = engine.receive()
    assert received.recv_window_ms == 7
    client.client.amend("a", 1, recv_window_ms=8)
    assert engine.receive().recv_window_ms == 8
    client.client.mass_cancel("X", recv_window_ms=9)
    assert engine.receive().recv_window_ms == 9
    client.client.cancel(cl_ord_id="d", order_id="5", symbol="X")
    received = engine.receive()
    assert (received.orig_cl_ord_id, received.order_id, received.symbol) == ("", "5", "X")
    for half in ({"order_id": "5"}, {"symbol": "X"}, {}):
        with pytest.raises(ValueError, match=r"^orig_cl_ord_id: "):
            client.client.cancel(**half)


@pytest.mark.parametrize(
    ("name", "value"),
    [("price", 0.5), ("order_qty", 1.0), ("peg_offset_value", 1.5), ("symbol", None)]
    + [("side", b"1"), ("valid_for_ms", 0.5), ("cl_ord_id", 5), ("sor", object())],
)
def test_a_wrong_type_assigned_later_is_named_and_not_sent(
    engine: Engine, connect: Any, name: str, value: Any
) -> None:
    client = connect()
    wrong = order()
    setattr(wrong, name, value)
    with pytest.raises(TypeError, match=f"^{name}: "):
        client.client.submit(wrong)
    client.client.submit(order("marker"))
    assert engine.receive().cl_ord_id == "marker"


@pytest.mark.parametrize(
    ("name", "value"),
    [("order_qty", "1e5"), ("order_qty", ""), ("price", "NaN"), ("price", "1" * 1000)]
    + [("trigger_trailing_delta_bips", "+5"), ("peg_offset_value", "-1"), ("symbol", "\ud800")]
    + [("valid_for_ms", -5), ("valid_for_ms", 1 << 63)]
    + [pytest.param("valid_for_ms", 10**5000, id="huge")],
)
def test_a_malformed_value_is_named_and_not_sent(
    engine: Engine, connect: Any, name: str, value: Any
) -> None:
    client = connect().client
    wrong = order()
    setattr(wrong, name, value)
    with pytest.raises(ValueError, match=f"^{name}: ") as caught:
        client.submit(wrong)
    assert len(str(caught.value)) < 120
    if name in ("symbol", "valid_for_ms"):
        with pytest.raises(ValueError, match=f"^{name}: "):
            client.cancel("mine-1", **{name: value})
    client.submit(order("marker"))
    assert engine.receive().cl_ord_id == "marker"


def test_an_amount_assigned_later_goes_out_plainly(engine: Engine, connect: Any) -> None:
    client = connect().client
    mine: Any = order()
    mine.price, mine.order_qty = Decimal("1E+2"), 5
    client.submit(mine)
    received = engine.receive()
    assert (received.price, received.order_qty) == ("100", "5")
    assert (mine.price, mine.order_qty) == (Decimal("1E+2"), 5)


@pytest.mark.parametrize("wrong", ["", "x" * 37, "x" * 1000, "a b", "é", "a\n"])
def test_a_malformed_id_is_refused(connect: Any, wrong: str) -> None:
    client = connect()
    with pytest.raises(ValueError, match=r"^orig_cl_ord_id: ") as caught:
        client.client.cancel(wrong)
    assert len(str(caught.value)) < 120
    if wrong:
        with pytest.raises(ValueError, match=r"^cl_ord_id: "):
            client.client.submit(order(wrong))


def test_only_orders_are_submitted(connect: Any) -> None:
    with pytest.raises(TypeError, match="expected NewOrderSingle, not Ack"):
        connect().client.submit(Ack(1))


# --- events ---------------------------------------------------------------------------------


def test_events_of_every_kind_come_in_order(engine: Engine, connect: Any) -> None:
    client = connect()
    status = SessionStatus(5, EPOCH, "S1", False, 5, "active")
    events = [report(1), cancel_reject(2, "c"), sent(3, "x"), refused(4, "x"), status]
    events += [unknown(6, "x"), gap(8, 7, 8), report(9, exec_type="new kind")]
    engine.send(*events[:3], Heartbeat(), *events[3:])
    assert [client.next() for _ in events] == events


def test_a_hole_is_told_before_the_next_event(engine: Engine, connect: Any) -> None:
    client = connect()
    engine.send(report(1), report(4))
    assert client.next() == report(1)
    noticed = client.next()
    assert (noticed.report_seq, noticed.missing_from, noticed.missing_to) == (3, 2, 3)
    assert (noticed.text, noticed.epoch) == ("noticed by the client", EPOCH)
    assert client.next() == report(4)


def test_what_comes_twice_is_dropped(engine: Engine, connect: Any) -> None:
    client = connect()
    again = [report(1, replayed=True), report(2, replayed=True)]
    engine.send(report(1), report(2), *again, report(2), report(3))
    assert [client.next().report_seq for _ in range(3)] == [1, 2, 3]
    assert client.rest() == []


def test_an_unknown_kind_is_handed_on_raw(engine: Engine, connect: Any) -> None:
    client = connect()
    novelty = msgspec.msgpack.encode(["Novelty", 2, EPOCH, "S1", False, 5, {"a": 1}])
    wrong_type = msgspec.msgpack.encode(["Sent", 3, EPOCH, "S1", "no bool"])
    rubbish = [b"\xc1", b"", msgspec.msgpack.encode({"a": 1}), msgspec.msgpack.encode([7])]
    engine.send(report(1), novelty, wrong_type, *rubbish, report(4))
    assert client.next() == report(1)
    assert client.next() == Raw("Novelty", novelty, 2)
    assert client.next() == Raw("Sent", wrong_type, 3)
    assert [client.next() for _ in rubbish] == [Raw("", payload) for payload in rubbish]
    assert client.next() == report(4)


def test_an_event_without_a_number_is_handed_on(engine: Engine, connect: Any) -> None:
    client = connect()
    engine.send(refused(0, "", RefusedReason.MALFORMED), report(1))
    assert client.next().reason == RefusedReason.MALFORMED
    assert client.next() == report(1)


def test_iteration_ends_when_nothing_comes(engine: Engine, connect: Any) -> None:
    client = connect()
    assert client.rest(0) == []
    engine.send(report(1), report(2))
    assert client.next() == report(1)
    assert client.next() == report(2)
    assert client.rest(0.001) == []
    assert client.client.last_report_seq == 2


@pytest.mark.parametrize("wrong", [float("inf"), float("-inf"), float("nan"), 1e300])
def test_a_timeout_without_end_is_refused_by_name(connect: Any, wrong: float) -> None:
    with pytest.raises(ValueError, match=r"^timeout: "):
        connect().client.reports(wrong)


def test_a_timeout_that_is_no_number_is_refused_by_name(connect: Any) -> None:
    with pytest.raises(TypeError, match=r"^timeout: "):
        connect().client.reports("5")


# --- acknowledging --------------------------------------------------------------------------


def acks_before(engine: Engine, marker: str) -> list[int]:
    acks = []
    while isinstance(request := engine.receive(), Ack):
        acks.append(request.report_seq)
    assert request.cl_ord_id == marker
    return acks


@pytest.mark.parametrize("ack_every", [1, 3, 64])
def test_only_what_was_processed_is_acknowledged(
    engine: Engine, connect: Any, ack_every: int
) -> None:
    client = connect(ack_every=ack_every)
    engine.send(*[report(seq) for seq in range(1, 8)])
    for _ in range(4):
        client.next()
    assert client.client.last_report_seq == 3
    client.client.submit(order("marker"))
    acks = [0, *acks_before(engine, "marker")]
    assert acks == sorted(set(acks))
    assert 3 - ack_every < acks[-1] <= 3


def test_all_is_acknowledged_when_idle(engine: Engine, connect: Any) -> None:
    client = connect(ack_every=1000)
    engine.send(*[report(seq) for seq in range(1, 8)])
    for _ in range(7):
        client.next()
    client.rest(0.3)
    client.client.submit(order("marker"))
    acks = acks_before(engine, "marker")
    assert acks == sorted(set(acks))
    assert acks[-1] == 7


def test_closing_acknowledges_what_was_processed(engine: Engine, connect: Any) -> None:
    client = connect(ack_every=1000)
    engine.send(report(1), report(3))
    assert [client.next().report_seq for _ in range(3)] == [1, 2, 3]
    client.client.close()
    last = 0
    while last < 2:
        last = engine.receive().report_seq
    assert last == 2
    connect()  # whose Hello is next: the event in hand was not acknowledged


def test_a_client_that_does_not_read_holds_the_engine_back(engine: Engine, connect: Any) -> None:
    client = connect()
    engine.router.set(zmq.SNDTIMEO, 100)
    accepted = 0
    with suppress(zmq.Again):
        while accepted < 100_000:
            engine.send(report(accepted + 1))
            accepted += 1
    assert 10_000 <= accepted < 100_000
    assert [client.next().report_seq for _ in range(2_000)] == list(range(1, 2_001))


# --- closing --------------------------------------------------------------------------------


def test_closing_is_final_and_may_be_repeated(connect: Any) -> None:
    client = connect().client
    client.close()
    client.close()
    assert not client.connected
    for use in (lambda: client.submit(order()), lambda: client.cancel("a"), client.reports):
        with pytest.raises(NotConnected, match="not open"):
            use()


def test_closing_inside_the_loop_ends_it(engine: Engine) -> None:
    with (
        engine.doing(engine.greet, welcome(), report(1), report(2)),
        Client(engine.endpoint, "maker") as client,
    ):
        seen = []
        for event in client.reports():
            seen.append(event)
            client.close()
    assert seen == [report(1)]


def test_an_error_in_the_block_closes_too(engine: Engine) -> None:
    with engine.doing(engine.greet):
        client = Client(engine.endpoint, "maker")
    with pytest.raises(ZeroDivisionError), client:
        _ = 1 / 0
    assert not client.connected


# --- no answer ------------------------------------------------------------------------------


def test_silence_raises_once_and_a_late_answer_is_delivered(engine: Engine, connect: Any) -> None:
    client = connect(answer_timeout_ms=5)
    client.client.submit(order("lost"))
    with pytest.raises(NoAnswer, match=r"'lost' within 5 ms.*may be live") as caught:
        client.next()
    assert caught.value.cl_ord_id == "lost"
    assert client.rest(0.01) == []
    engine.receive()
    engine.send(report(1, "lost"))
    assert client.next() == report(1, "lost")


def test_who_stops_reading_early_can_ask_what_is_unanswered(engine: Engine, connect: Any) -> None:
    client = connect()
    ids = client.client.submit(order("a")), client.client.submit(order("b"))
    assert client.rest(0.01) == []
    assert client.client.unanswered == ids
    engine.receive()
    engine.send(report(1, "a"))
    assert client.next() == report(1, "a")
    assert client.client.unanswered == ("b",)
    client.client.close()
    assert client.client.unanswered == ("b",)


def test_silence_of_a_dead_engine_raises(engine: Engine, connect: Any) -> None:
    client = connect(answer_timeout_ms=5)
    client.client.submit(order("lost"))
    engine.receive()
    engine.down()
    with pytest.raises(NoAnswer):
        client.next()
    engine.up()


def test_the_client_loads_nothing_of_ours_but_messages() -> None:
    program = (
        "import sys, fixengine.client\n"
        "print(*sorted(name for name in sys.modules if name.startswith('fixengine')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, check=True
    )
    rooms = (b"fixengine.client", b"fixengine.messages")
    loaded = {name for name in done.stdout.split() if not name.startswith(rooms)}
    assert loaded == {b"fixengine"}


# --- what a strategy owns ---------------------------------------------------------------------


def test_a_snapshot_is_put_together_and_no_event_is_lost(engine: Engine, connect: Any) -> None:
    client = connect(welcome(5))

    def answer() -> None:
        request = engine.receive_but_acks()
        assert isinstance(request, SnapshotRequest)
        first = snapshot(request.request_id, 5, False, a="new", b="written", c="unknown")
        stale = snapshot(request.request_id - 1, 5, True, old="new")
        last = snapshot(request.request_id, 7, True, a="filled", b="partially_filled")
        engine.send(stale, first, report(5, "a"), report(6, "b"), last, report(7, "c"))

    with engine.doing(answer):
        got = client.snapshot()
    assert {order.cl_ord_id: order.standing for order in got.orders} == {
        "b": "partially_filled",
        "c": "unknown",
    }
    assert (got.next_seq, got.is_last) == (7, True)
    assert [client.next().report_seq for _ in range(3)] == [5, 6, 7]


def test_a_snapshot_that_never_comes_is_told_in_time(engine: Engine, connect: Any) -> None:
    client = connect(answer_timeout_ms=30)
    with pytest.raises(NotConnected, match="no snapshot within 30 ms; the engine is there"):
        client.snapshot()
    assert isinstance(engine.receive_but_acks(), SnapshotRequest)


def test_a_snapshot_waits_for_an_engine_that_comes_back(engine: Engine, connect: Any) -> None:
    client = connect()

    def die_and_answer() -> None:
        assert isinstance(engine.receive_but_acks(), SnapshotRequest)
        engine.down()
        engine.up()
        engine.greet(welcome())
        request = engine.receive_but_acks()
        engine.send(snapshot(request.request_id, 1, True, a="new"))

    with engine.doing(die_and_answer):
        got = client.snapshot()
    assert [order.cl_ord_id for order in got.orders] == ["a"]


def test_a_snapshot_of_an_engine_that_is_gone(engine: Engine, connect: Any) -> None:
    client = connect(answer_timeout_ms=30)
    engine.down()
    wait_until_down(client)
    with pytest.raises(NotConnected, match="no engine is connected"):
        client.snapshot()
    engine.up()
