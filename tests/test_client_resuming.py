"""Both clients through the death of either end: what is told again, and what never is sent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fixengine.client import HelloRefused, NotConnected
from fixengine.messages import Hello
from scripted_engine import (
    ALREADY_CONNECTED,
    ENVIRONMENT,
    EPOCH,
    WAIT_MS,
    Engine,
    connecting,
    open_client,
    order,
    report,
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
    client = connect(welcome(9), resume_from=5)
    noticed = client.next()
    engine.send(report(9))
    assert (noticed.missing_from, noticed.missing_to, noticed.report_seq) == (5, 8, 8)
    assert client.next() == report(9)


def test_a_record_that_ends_earlier_is_a_gap_and_its_numbers_rule(
    engine: Engine, connect: Any
) -> None:
    client = connect(welcome(3), resume_from=500)
    noticed = client.next()
    engine.send(report(3), report(4, replayed=True))
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


def test_a_restart_between_two_looks_is_noticed(engine: Engine, connect: Any) -> None:
    client = connect(welcome(), report(1), ack_every=1)
    client.next()
    engine.down()
    engine.up()
    engine.meet()
    with pytest.raises(NotConnected, match="nothing was sent"):
        client.client.submit(order("early"))
    with engine.doing(engine.greet, welcome(2, EPOCH + 1), report(2, epoch=EPOCH + 1)):
        assert client.next().report_seq == 2


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


def submit_many(client: Any) -> None:
    for _ in range(100_000):
        client.client.submit(order("stale"))


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
    with hung, closing(open_client(kind, endpoint, connect_timeout_ms=WAIT_MS)) as client:
        os.kill(hung.pid, signal.SIGSTOP)
        with pytest.raises(NotConnected, match="does not read"):
            submit_many(client)
        hung.kill()
        wait_until_down(client)
        engine = Engine(endpoint)
        with engine.doing(engine.greet, welcome(1, 2), report(1)):
            client.next()
        client.client.submit(order("fresh"))
        assert engine.receive().cl_ord_id == "fresh"
        engine.down()
