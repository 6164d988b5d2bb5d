"""Both clients against a scripted engine: a real ROUTER on a real ipc endpoint.

Each scenario runs three times: with the blocking Client, and with AsyncClient under asyncio and
under uvloop. What depends on time alone is told to a Conversation, which is handed its clock.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop
import zmq

import fixengine
from fixengine.client import (
    AsyncClient,
    Client,
    ClientError,
    HelloRefused,
    NoAnswer,
    NotConnected,
    Raw,
    TooManyUnanswered,
)
from fixengine.client.conversation import EVENTS_PER_CHECK_MAX, UNANSWERED_MAX, Conversation
from fixengine.messages import (
    CL_ORD_ID,
    Ack,
    ExecutionReport,
    Gap,
    Heartbeat,
    Hello,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
    OrderUnknown,
    Refused,
    RefusedReason,
    Sent,
    SessionStatus,
    Side,
    Welcome,
    encode,
    request_decoder,
)

EPOCH = 1_700_000_000
WAIT_MS = 20_000
SOURCE_ROOT = Path(fixengine.__file__).parents[1]
EXAMPLES = SOURCE_ROOT.parent / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE_ROOT), "PYTHONUNBUFFERED": "1"}


# --- what the engine says -------------------------------------------------------------------


def welcome(next_seq: int = 1, epoch: int = EPOCH, state: str = "ready") -> Welcome:
    return Welcome("maker", 1, epoch, next_seq, time.monotonic_ns(), state)


def report(
    seq: int, cl_ord_id: str = "x", *, epoch: int = EPOCH, replayed: bool = False, **fields: Any
) -> ExecutionReport:
    columns = {"orig_cl_ord_id": None, "exec_type": "0", "ord_status": "0", **fields}
    return ExecutionReport(
        report_seq=seq,
        epoch=epoch,
        source="S1",
        replayed=replayed,
        received_ns=5,
        cl_ord_id=cl_ord_id,
        wire_cl_ord_id="w",
        wire_orig_cl_ord_id=None,
        symbol="BTCUSDT",
        **columns,
    )


def refused(seq: int, cl_ord_id: str, reason: str = RefusedReason.LIMIT, text: str = "") -> Refused:
    return Refused(seq, EPOCH, "", False, 5, cl_ord_id, str(reason), text)


def gap(seq: int, missing_from: int, missing_to: int) -> Gap:
    return Gap(seq, EPOCH, "", False, 5, missing_from, missing_to, "by the engine")


def cancel_reject(seq: int, cl_ord_id: str) -> OrderCancelReject:
    return OrderCancelReject(seq, EPOCH, "S1", False, 5, cl_ord_id, "x", None, None)


def unknown(seq: int, cl_ord_id: str) -> OrderUnknown:
    return OrderUnknown(seq, EPOCH, "S1", False, 5, cl_ord_id, None, "session lost")


def sent(seq: int, cl_ord_id: str) -> Sent:
    return Sent(seq, EPOCH, "S1", False, 5, cl_ord_id, "w", 7, 5)


def order(cl_ord_id: str = "") -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.01", "50000", cl_ord_id=cl_ord_id)


ALREADY_CONNECTED = refused(0, "", RefusedReason.ALREADY_CONNECTED, "another socket has it")


class Engine:
    """A ROUTER that says what the test tells it to. `peer` is whoever it heard last."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.peer = b""
        self.up()

    def up(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.router = self.context.socket(zmq.ROUTER)
        self.router.set(zmq.ROUTER_MANDATORY, 1)
        self.router.set(zmq.LINGER, 0)
        self.router.set(zmq.SNDHWM, 1_000)
        self.router.set(zmq.RCVTIMEO, WAIT_MS)
        self.router.set(zmq.SNDTIMEO, WAIT_MS)
        self.router.bind(self.endpoint)

    def down(self) -> None:
        self.router.close()
        self.context.term()

    def receive(self) -> Any:
        self.peer, payload = self.router.recv_multipart()
        return request_decoder.decode(payload)

    def receive_but_acks(self) -> Any:
        while isinstance(request := self.receive(), Ack):
            pass
        return request

    def send(self, *events: Any) -> None:
        for event in events:
            payload = event if isinstance(event, bytes) else encode(event)
            self.router.send_multipart([self.peer, payload])

    def greet(self, *answers: Any) -> Any:
        """Wait for Hello, skipping Acks, and answer it."""
        hello = self.receive_but_acks()
        assert isinstance(hello, Hello)
        self.send(*(answers or (welcome(),)))
        return hello

    @contextmanager
    def doing(self, action: Callable[..., Any], *args: Any) -> Iterator[list[Any]]:
        """Run an action of the engine in a thread while the block runs; its result is [0]."""
        result: list[Any] = []
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(action, *args)
            yield result
            result.append(future.result())


# --- the clients, driven alike --------------------------------------------------------------


class Blocking:
    """A Client."""

    def __init__(self, endpoint: str, **options: Any) -> None:
        self.client: Client | AsyncClient = Client(endpoint, "maker", **options)

    def next(self) -> Any:
        assert isinstance(self.client, Client)
        return next(self.client.reports(WAIT_MS / 1000))

    def rest(self, timeout: float = 0) -> list[Any]:
        assert isinstance(self.client, Client)
        return list(self.client.reports(timeout))

    def close(self) -> None:
        self.client.close()


class Asynchronous:
    """An AsyncClient, on a loop that runs while something is waited for."""

    def __init__(self, make_loop: Callable[[], Any], endpoint: str, **options: Any) -> None:
        self.runner = asyncio.Runner(loop_factory=make_loop)
        try:
            self.client: Any = AsyncClient(endpoint, "maker", **options)
            self.runner.run(self.client.__aenter__())
        except BaseException:
            self.runner.close()
            raise

    def next(self) -> Any:
        return self.runner.run(anext(self.client.reports(WAIT_MS / 1000)))

    def rest(self, timeout: float = 0) -> list[Any]:
        async def collect() -> list[Any]:
            return [event async for event in self.client.reports(timeout)]

        return self.runner.run(collect())

    def close(self) -> None:
        self.client.close()
        self.runner.close()


def open_client(kind: str, endpoint: str, **options: Any) -> Any:
    if kind == "blocking":
        return Blocking(endpoint, **options)
    make_loop = asyncio.new_event_loop if kind == "asyncio" else uvloop.new_event_loop
    return Asynchronous(make_loop, endpoint, **options)


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
    """Make a client that the engine answers with the given messages; closed at the end."""
    clients = []

    def connect(*answers: Any, **options: Any) -> Any:
        with engine.doing(engine.greet, *answers) as hello:
            client = open_client(kind, engine.endpoint, **options)
        client.hello = hello[0]
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


def wait_until_down(client: Any) -> None:
    while client.client.connected:
        client.rest(0.005)


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
        pytest.raises(HelloRefused, match="maker.*another socket has it") as caught,
    ):
        open_client(kind, engine.endpoint)
    assert caught.value.reason == RefusedReason.ALREADY_CONNECTED


def test_no_engine_is_told_with_the_next_step(endpoint: str, kind: str) -> None:
    with pytest.raises(NotConnected, match=f"{re.escape(endpoint)}.*is the engine running"):
        open_client(kind, endpoint, connect_timeout_ms=30)


def test_a_listener_that_does_not_answer_is_told_apart(engine: Engine, kind: str) -> None:
    with (
        engine.doing(engine.receive),
        pytest.raises(NotConnected, match="did not answer Hello"),
    ):
        open_client(kind, engine.endpoint, connect_timeout_ms=500)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"endpoint": "inproc://bus"}, "endpoint"),
        ({"endpoint": "ipc:///" + "x" * 200}, "endpoint"),
        ({"endpoint": "tcp://nowhere"}, "endpoint"),
        ({"strategy": "two words"}, "strategy"),
        ({"strategy": ""}, "strategy"),
        ({"resume_from": 0}, "resume_from"),
        ({"valid_for_ms": 0}, "valid_for_ms"),
        ({"valid_for_ms": 0.5}, "valid_for_ms"),
        ({"answer_timeout_ms": -1}, "answer_timeout_ms"),
        ({"connect_timeout_ms": True}, "connect_timeout_ms"),
        ({"ack_every": 0}, "ack_every"),
    ],
)
def test_a_bad_argument_is_named(options: dict[str, Any], name: str) -> None:
    arguments = {"endpoint": "ipc:///nowhere", "strategy": "maker", **options}
    with pytest.raises(ValueError, match=f"^{name}: "):
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


@pytest.mark.parametrize("wrong", ["", "x" * 37, "a b", "é", "a\n"])
def test_a_malformed_id_is_refused(connect: Any, wrong: str) -> None:
    client = connect()
    with pytest.raises(ValueError, match="^orig_cl_ord_id: "):
        client.client.cancel(wrong)
    if wrong:
        with pytest.raises(ValueError, match="^cl_ord_id: "):
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
    acks = acks_before(engine, "marker")
    assert acks == sorted(set(acks))
    assert (acks or [0])[-1] == (3 if ack_every < 4 else (acks or [0])[-1]) <= 3


def test_all_is_acknowledged_before_waiting(engine: Engine, connect: Any) -> None:
    client = connect(ack_every=1000)
    engine.send(*[report(seq) for seq in range(1, 8)])
    for _ in range(7):
        client.next()
    client.rest(0)
    client.client.submit(order("marker"))
    assert acks_before(engine, "marker")[-1] == 7


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


STRATEGY = """
import sys
from fixengine.client import Client
with Client(sys.argv[1], "maker", ack_every=1) as client:
    for event in client.reports():
        print(event.report_seq)
        if event.report_seq == 3:
            sys.stdin.read()
"""


def test_a_killed_strategy_is_told_again_of_what_it_had_in_hand(
    engine: Engine, connect: Any
) -> None:
    strategy = subprocess.Popen(
        [sys.executable, "-c", STRATEGY, engine.endpoint],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    with strategy:
        assert strategy.stdout is not None
        engine.greet()
        engine.send(*[report(seq) for seq in range(1, 6)])
        assert [int(strategy.stdout.readline()) for _ in range(3)] == [1, 2, 3]
        acks = [engine.receive().report_seq, engine.receive().report_seq]
        strategy.kill()
    # The next thing the engine hears is the Hello of the strategy's next run.
    client = connect(welcome(3), *[report(seq, replayed=True) for seq in range(3, 6)])
    assert acks == [1, 2]
    assert client.hello.resume_from is None
    assert [client.next().report_seq for _ in range(3)] == [3, 4, 5]


# --- resuming -------------------------------------------------------------------------------


def test_resuming_drops_nothing_and_doubles_nothing(engine: Engine, connect: Any) -> None:
    client = connect(welcome(5), resume_from=5)
    engine.send(report(5, replayed=True), report(6))
    assert [client.next().report_seq for _ in range(2)] == [5, 6]


def test_a_record_that_begins_later_is_a_gap(engine: Engine, connect: Any) -> None:
    client = connect(welcome(9), report(9), resume_from=5)
    noticed = client.next()
    assert (noticed.missing_from, noticed.missing_to, noticed.report_seq) == (5, 8, 8)
    assert client.next() == report(9)


def test_a_record_that_ends_earlier_is_a_gap_and_its_numbers_rule(
    engine: Engine, connect: Any
) -> None:
    client = connect(welcome(3), report(3), report(4, replayed=True), resume_from=500)
    noticed = client.next()
    assert (noticed.missing_from, noticed.missing_to, noticed.report_seq) == (500, 500, 2)
    assert "go on from 3, not from 500" in noticed.text
    assert [client.next().report_seq for _ in range(2)] == [3, 4]
    client.rest()
    assert client.client.last_report_seq == 4


def test_the_engine_restarts_and_the_client_goes_on(engine: Engine, connect: Any) -> None:
    client = connect()
    engine.send(report(1))
    assert client.next() == report(1)
    engine.down()
    wait_until_down(client)
    engine.up()
    after = [report(1, replayed=True), report(2), report(3, epoch=EPOCH + 1)]
    with engine.doing(engine.greet, welcome(1, EPOCH + 1), *after) as hello:
        assert client.next() == report(2)
    assert hello[0].resume_from == 2
    assert client.next() == report(3, epoch=EPOCH + 1)
    client.client.submit(order("after"))
    received = engine.receive_but_acks()
    assert (received.cl_ord_id, received.epoch) == ("after", EPOCH + 1)


def test_a_listener_survives_many_restarts(engine: Engine, connect: Any) -> None:
    client = connect()
    for seq in range(1, 6):
        engine.down()
        engine.up()
        with engine.doing(engine.greet, welcome(seq, EPOCH + seq), report(seq, epoch=EPOCH + seq)):
            assert client.next().report_seq == seq
    assert client.client.epoch == EPOCH + 5


def test_an_engine_that_comes_back_may_refuse(engine: Engine, connect: Any) -> None:
    client = connect()
    engine.down()
    engine.up()
    with engine.doing(engine.greet, ALREADY_CONNECTED), pytest.raises(HelloRefused):
        client.next()
    assert not client.client.connected
    with engine.doing(engine.greet, welcome(1, EPOCH + 1), report(1)):
        assert client.next() == report(1)


def test_while_the_engine_is_down_nothing_is_sent_or_kept(engine: Engine, connect: Any) -> None:
    client = connect()
    engine.down()
    wait_until_down(client)
    for _ in range(50):
        with pytest.raises(NotConnected, match="nothing was sent"):
            client.client.submit(order("stale"))
    engine.up()
    with engine.doing(engine.greet, welcome(1, EPOCH + 1), report(1)):
        client.next()
    client.client.submit(order("fresh"))
    assert engine.receive().cl_ord_id == "fresh"


def test_before_welcome_nothing_is_sent_to_a_new_engine(engine: Engine, connect: Any) -> None:
    client = connect()
    engine.down()
    engine.up()
    with engine.doing(engine.receive) as hello:
        while not engine_is_greeted(client):
            client.rest(0.005)
    assert isinstance(hello[0], Hello)
    with pytest.raises(NotConnected, match="has not welcomed us yet"):
        client.client.submit(order("early"))
    engine.send(welcome(1, EPOCH + 1), report(1))
    client.next()
    client.client.submit(order("fresh"))
    assert engine.receive().cl_ord_id == "fresh"


def engine_is_greeted(client: Any) -> bool:
    return not client.client.connected and client.client._conversation.state.name == "GREETED"


ENGINE = """
import sys, zmq
from fixengine.messages import Welcome, encode
router = zmq.Context().socket(zmq.ROUTER)
router.bind(sys.argv[1])
peer, hello = router.recv_multipart()
router.send_multipart([peer, encode(Welcome("maker", 1, 1, 1, 5, "ready"))])
print("welcomed")
sys.stdin.read()
"""


def test_requests_that_a_hung_engine_never_read_die_with_it(endpoint: str, kind: str) -> None:
    hung = subprocess.Popen(
        [sys.executable, "-c", ENGINE, endpoint],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    with hung:
        client = open_client(kind, endpoint, connect_timeout_ms=WAIT_MS)
        os.kill(hung.pid, signal.SIGSTOP)
        sent_count = 0
        with pytest.raises(NotConnected, match="does not read"):
            while True:
                client.client.submit(order("stale"))
                sent_count += 1
        hung.kill()
    assert sent_count >= 1000
    wait_until_down(client)
    engine = Engine(endpoint)
    with engine.doing(engine.greet, welcome(1, 2), report(1)):
        client.next()
    client.client.submit(order("fresh"))
    assert engine.receive().cl_ord_id == "fresh"
    client.close()
    engine.down()


def test_a_client_that_does_not_read_holds_the_engine_back(engine: Engine, connect: Any) -> None:
    client = connect()
    engine.router.set(zmq.SNDTIMEO, 100)
    accepted = 0
    with suppress(zmq.Again):
        while accepted < 100_000:
            engine.send(report(accepted + 1))
            accepted += 1
    assert 10_000 <= accepted < 100_000
    assert [client.next().report_seq for _ in range(10_000)] == list(range(1, 10_001))


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
    client = None
    with (
        pytest.raises(ZeroDivisionError),
        engine.doing(engine.greet),
        Client(engine.endpoint, "maker") as client,
    ):
        _ = 1 / 0
    assert client is not None
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


def test_silence_of_a_dead_engine_raises(engine: Engine, connect: Any) -> None:
    client = connect(answer_timeout_ms=5)
    client.client.submit(order("lost"))
    engine.receive()
    engine.down()
    with pytest.raises(NoAnswer):
        client.next()
    engine.up()


def conversation(resume_from: int | None = None, *, ipc: bool = True) -> Conversation:
    """A conversation whose engine has welcomed it at time 0, with a patience of 10 ns x 10^6."""
    talk = Conversation(
        Hello("maker", resume_from=resume_from),
        valid_for_ms=1000,
        answer_timeout_ms=10,
        clock_is_shared=ipc,
        run_id="run",
    )
    talk.connected()
    talk.greeted()
    talk.receive(encode(Welcome("maker", 1, EPOCH, resume_from or 1, 5_000, "ready")), 2_000)
    return talk


def take_all(talk: Conversation) -> list[Any]:
    events = []
    while talk.has_events:
        talk.asked_for_next()
        events.append(talk.take())
    talk.asked_for_next()
    return events


@pytest.mark.parametrize(
    ("answer", "answered"),
    [
        (report(1, "a"), True),
        (report(1, "a", ord_status="8", exec_type="8"), True),
        (report(1, "cancel", orig_cl_ord_id="a"), True),
        (refused(1, "a"), True),
        (refused(0, "a"), True),
        (unknown(1, "a"), True),
        (cancel_reject(1, "a"), True),
        (sent(1, "a"), False),
        (report(1, "b"), False),
        (SessionStatus(1, EPOCH, "S1", False, 5, "down"), False),
    ],
)
def test_what_counts_as_an_answer(answer: Any, answered: bool) -> None:
    talk = conversation()
    talk.sent("a", 0)
    talk.receive(encode(answer), 1)
    assert talk.deadline == (None if answered else 10_000_000)


def test_each_request_is_awaited_from_its_own_sending() -> None:
    talk = conversation()
    talk.sent("a", 0)
    talk.sent("b", 1)
    talk.sent("a", 2)
    talk.check(10_000_000)
    with pytest.raises(NoAnswer, match="'b'"):
        talk.check(10_000_001)
    assert talk.deadline == 10_000_002
    with pytest.raises(NoAnswer, match="'a'"):
        talk.check(99_000_000)
    talk.check(99_000_000)


def test_an_endless_stream_does_not_hide_a_silence() -> None:
    talk = conversation()
    talk.sent("a", 0)
    for seq in range(1, EVENTS_PER_CHECK_MAX):
        talk.receive(encode(report(seq)), 99_000_000)
    with pytest.raises(NoAnswer):
        talk.receive(encode(report(EVENTS_PER_CHECK_MAX)), 99_000_000)
    assert len(take_all(talk)) == EVENTS_PER_CHECK_MAX


def test_requests_without_answer_are_bounded() -> None:
    talk = conversation()
    for number in range(UNANSWERED_MAX):
        talk.sent(str(number), 0)
    with pytest.raises(TooManyUnanswered, match=r"read reports\(\)"):
        talk.complete(order(), 1)
    talk.receive(encode(report(1, "5")), 1)
    talk.complete(order(), 1)


# --- the order of numbers -------------------------------------------------------------------


def numbers(events: list[Any]) -> list[Any]:
    return [
        (event.missing_from, event.missing_to) if isinstance(event, Gap) else event.report_seq
        for event in events
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([report(1), gap(5, 2, 5), report(6)], [1, (2, 5), 6]),
        ([report(1), gap(2, 2, 5), report(6)], [1, (2, 5), 6]),
        ([report(1), gap(6, 2, 5), report(7)], [1, (2, 5), 7]),
        ([report(1), gap(5, 3, 5), report(6)], [1, (2, 4), (3, 5), 6]),
        ([report(1), gap(2, 2, 5), report(8)], [1, (2, 5), (3, 7), 8]),
        ([report(1), gap(3, 2, 3), report(9)], [1, (2, 3), (4, 8), 9]),
    ],
)
def test_the_engines_gap_and_ours_add_up(events: list[Any], expected: list[Any]) -> None:
    talk = conversation()
    for event in events:
        talk.receive(encode(event), 1)
    assert numbers(take_all(talk)) == expected


def test_a_newer_run_with_older_numbers_is_another_record() -> None:
    talk = conversation()
    for seq in range(1, 6):
        talk.receive(encode(report(seq)), 1)
    assert numbers(take_all(talk)) == [1, 2, 3, 4, 5]
    talk.disconnected()
    talk.connected()
    assert msgspec.msgpack.decode(talk.hello())[3] == 6
    talk.greeted()
    talk.receive(encode(Welcome("maker", 1, EPOCH + 9, 3, 5_000, "ready")), 2)
    assert talk.acknowledgeable == 2
    talk.receive(encode(report(3, replayed=True)), 2)
    assert talk.acknowledgeable == 3
    assert not talk.has_events
    talk.receive(encode(report(4, epoch=EPOCH + 9)), 2)
    talk.receive(encode(report(5, epoch=EPOCH + 9, replayed=True)), 2)
    talk.receive(encode(report(5, epoch=EPOCH + 9, replayed=True)), 2)
    assert talk.acknowledgeable == 3
    assert numbers(take_all(talk)) == [(6, 6), 4, 5]
    assert (talk.processed, talk.acknowledgeable) == (5, 5)


def test_a_recorded_outcome_of_an_older_run_does_not_move_the_run_back() -> None:
    talk = conversation()
    for event in (report(1, epoch=EPOCH + 1), report(2, epoch=EPOCH), report(2, epoch=EPOCH + 1)):
        talk.receive(encode(event), 1)
    assert numbers(take_all(talk)) == [1, 2]


def test_a_welcome_of_a_connection_that_is_gone_is_not_taken() -> None:
    talk = conversation()
    talk.disconnected()
    talk.connected()
    talk.receive(encode(welcome(1, EPOCH + 1)), 1)
    assert (talk.state.name, talk.epoch) == ("CONNECTED", EPOCH)


def test_over_tcp_time_counts_from_the_arrival_of_welcome() -> None:
    _, payload = conversation(ipc=False).complete(order(), 2_500)
    assert request_decoder.decode(payload).sent_ns == 5_500
    _, payload = conversation().complete(order(), 2_500)
    assert request_decoder.decode(payload).sent_ns == 2_500


# --- asyncio alone --------------------------------------------------------------------------


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


def echo(engine: Engine, count: int) -> None:
    """Answer each order with a report until so many were answered."""
    engine.greet()
    for seq in range(1, count + 1):
        engine.send(report(seq, engine.receive_but_acks().cl_ord_id))


def test_one_task_submits_while_another_waits(engine: Engine, run: Any) -> None:
    async def strategy() -> list[str]:
        async with AsyncClient(engine.endpoint, "maker") as client:
            reports = client.reports(WAIT_MS / 1000)

            async def one_way_and_back() -> str:
                waiting = asyncio.ensure_future(anext(reports))
                await asyncio.sleep(0)  # now it waits
                cl_ord_id = client.submit(order())
                event: Any = await waiting
                assert event.cl_ord_id == cl_ord_id
                return cl_ord_id

            return [await one_way_and_back() for _ in range(300)]

    with engine.doing(echo, engine, 300):
        assert len(set(run(strategy()))) == 300


def test_a_blocking_client_misses_no_wake_up(engine: Engine) -> None:
    with (
        engine.doing(echo, engine, 300),
        Client(engine.endpoint, "maker", ack_every=1) as client,
    ):
        for _ in range(300):
            cl_ord_id = client.submit(order())
            event: Any = next(client.reports(WAIT_MS / 1000))
            assert event.cl_ord_id == cl_ord_id


def test_cancelling_a_waiting_task_loses_nothing(engine: Engine, run: Any) -> None:
    async def strategy() -> Any:
        async with AsyncClient(engine.endpoint, "maker") as client:
            waiting = asyncio.ensure_future(anext(client.reports()))
            await asyncio.sleep(0)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            client.submit(order("go"))
            return await anext(client.reports(WAIT_MS / 1000))

    with engine.doing(echo, engine, 1):
        assert run(strategy()) == report(1, "go")


def test_a_second_reader_is_refused_and_closing_frees_the_first(engine: Engine, run: Any) -> None:
    async def strategy() -> None:
        async with AsyncClient(engine.endpoint, "maker") as client:
            waiting = asyncio.ensure_future(anext(client.reports()))
            await asyncio.sleep(0)
            with pytest.raises(ClientError, match="another task"):
                await anext(client.reports())
            client.close()
            with pytest.raises(StopAsyncIteration):
                await waiting

    with engine.doing(engine.greet):
        run(strategy())


def test_a_stream_of_events_leaves_turns_to_other_tasks(engine: Engine, run: Any) -> None:
    async def strategy() -> None:
        async with AsyncClient(engine.endpoint, "maker") as client:
            first = await anext(client.reports(WAIT_MS / 1000))
            assert first.report_seq == 1
            turns = asyncio.ensure_future(asyncio.sleep(0))
            async for event in client.reports(WAIT_MS / 1000):
                if event.report_seq == 1000:
                    break
                if event.report_seq == 200:
                    assert turns.done()

    with engine.doing(engine.greet, welcome(), *[report(seq) for seq in range(1, 1001)]):
        run(strategy())


def test_an_async_client_is_entered_once(engine: Engine, run: Any) -> None:
    async def strategy() -> None:
        client = AsyncClient(engine.endpoint, "maker")
        assert not client.connected
        with pytest.raises(NotConnected, match="not open"):
            client.submit(order())
        async with client:
            with pytest.raises(ClientError, match="entered once"):
                await client.__aenter__()
        with pytest.raises(ClientError, match="entered once"):
            await client.__aenter__()

    with engine.doing(engine.greet):
        run(strategy())


def test_both_clients_have_the_same_methods() -> None:
    def public(client: type) -> set[str]:
        return {name for name in dir(client) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)


# --- the module and the examples ------------------------------------------------------------


def test_the_client_loads_nothing_of_ours_but_messages() -> None:
    program = (
        "import sys, fixengine.client\n"
        "print(*sorted(name for name in sys.modules if name.startswith('fixengine')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, check=True
    )
    allowed = {b"fixengine", b"fixengine.messages", b"fixengine.client"}
    loaded = set(done.stdout.split())
    assert {name for name in loaded if not name.startswith(b"fixengine.client.")} == allowed


def run_example(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
        text=True,
        timeout=WAIT_MS / 1000,
    )


def play_venue(engine: Engine, cancels: int) -> None:
    """Acknowledge each order and cancel it when asked to, so many times."""
    engine.greet()
    seq = 0
    while cancels:
        request = engine.receive_but_acks()
        seq += 1
        if isinstance(request, NewOrderSingle):
            engine.send(report(seq, request.cl_ord_id))
        else:
            cancels -= 1
            original = {"orig_cl_ord_id": request.orig_cl_ord_id}
            status = {"exec_type": "4", "ord_status": "4"}
            engine.send(report(seq, request.cl_ord_id, **original, **status))


def play_refusal(engine: Engine) -> None:
    engine.greet()
    engine.send(refused(1, engine.receive_but_acks().cl_ord_id, text="too many orders"))


@pytest.mark.parametrize(
    ("name", "cancels"), [("quote_and_cancel.py", 1), ("async_quotes.py", 2)]
)
def test_an_example_runs(engine: Engine, name: str, cancels: int) -> None:
    with ThreadPoolExecutor(1) as pool:
        venue = pool.submit(play_venue, engine, cancels)
        done = run_example(name, "--endpoint", engine.endpoint)
        assert (done.returncode, done.stderr) == (0, "")
        venue.result()


@pytest.mark.parametrize("name", ["quote_and_cancel.py", "async_quotes.py"])
def test_an_example_says_what_is_wrong(engine: Engine, name: str) -> None:
    nowhere = run_example(name, "--endpoint", f"{engine.endpoint}.none", "--patience-ms", "50")
    assert nowhere.returncode == 1
    assert re.fullmatch(r"ipc://.*is the engine running.*\n", nowhere.stderr)
    with engine.doing(play_refusal, engine):
        done = run_example(name, "--endpoint", engine.endpoint)
    assert done.returncode == 1
    assert "too many orders" in done.stdout
