"""The engine's end of the bus over real sockets: what passes, and what is told of what does not.

Each test plays through the compiled link and through plain pyzmq: who decides must not see a
difference. The strategies' end is libzmq's in all of them; what only the link does, for it speaks
the protocol itself, stands in test_link.py.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq
from fixengine.messages import MESSAGE_BYTES_MAX
from fixengine.network import bus as room
from fixengine.network.bus import Bus, BusError
from fixengine.network.strategies import Handed

WAIT_MS = 20_000


@pytest.fixture(params=["compiled", "plain"])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    made = Bus(f"ipc://{tmp_path}/bus/engine", request.param)
    assert made.standing[0] == "info"
    assert request.param in made.standing[1]
    yield made
    made.close()


@contextmanager
def dealer(bus: Bus, name: bytes, **options: int) -> Iterator[zmq.Socket[bytes]]:
    """A strategy's end, known to the bus: its first message has come."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as made:
        made.set(zmq.ROUTING_ID, name)
        made.set(zmq.LINGER, 0)
        made.set(zmq.RCVTIMEO, WAIT_MS)
        for option, value in options.items():
            made.set(getattr(zmq, option), value)
        made.connect(f"ipc://{bus.path}")
        made.send(b"here")
        assert await_message(bus) == (name, b"here")
        yield made


def await_message(bus: Bus) -> tuple[bytes, bytes]:
    """The next message, waiting by the descriptor as the engine's loop does."""
    while (message := bus.receive()) is None:
        await_signal(bus)
    return message


def await_signal(bus: Bus) -> None:
    """Wait until the descriptor tells of something."""
    assert select.select([bus.fd], [], [], WAIT_MS / 1000)[0], "nothing came"


def serve(bus: Bus, until: Future[Any]) -> None:
    """What waits to leave leaves when the descriptor tells that there is room."""
    while not until.done():
        select.select([bus.fd], [], [], 0.01)
        assert bus.receive() is None
        bus.flush()


def await_turn(bus: Bus, before: Callable[[], object] = lambda: None) -> tuple[bytes, bytes]:
    """The next message, as the engine's loop comes to it at the end of a wake-up.

    before: done ahead of each look.
    """
    while True:
        if not bus.flush():
            await_signal(bus)
        if (message := bus.receive()) is not None:
            return message
        # It was about something else, such as room for what is full.
        before()


def test_messages_pass_both_ways_in_order(bus: Bus) -> None:
    assert bus.receive() is None
    assert not bus.flush()
    payloads = [b"", b"\0", b"x" * 29, b"y" * 4096, bytes(MESSAGE_BYTES_MAX)]
    with dealer(bus, b"maker") as one, dealer(bus, b"taker") as two:
        for payload in payloads:
            one.send(payload)
        assert [await_message(bus) for _ in payloads] == [(b"maker", it) for it in payloads]
        for payload in payloads:
            two.send(payload)
            one.send(payload)
            came = {await_message(bus), await_message(bus)}
            assert came == {(b"maker", payload), (b"taker", payload)}
            assert bus.send(b"taker", payload) is Handed.TAKEN
            assert bus.send(b"maker", bytearray(payload)) is Handed.TAKEN
            assert not bus.flush()
            assert (one.recv(), two.recv()) == (payload, payload)
        assert bus.receive() is None


def test_a_peer_of_any_bytes_is_itself(bus: Bus) -> None:
    name = bytes(range(1, 256))
    with dealer(bus, name) as one:
        assert bus.send(name, b"for you") is Handed.TAKEN
        assert one.recv() == b"for you"


def test_a_message_of_more_parts_has_no_payload_and_takes_nothing_of_the_next(bus: Bus) -> None:
    with dealer(bus, b"maker") as one:
        one.send_multipart([b"a", b"b"])
        one.send_multipart([b"a", b"", b"c" * 100, b"d"])
        one.send(b"whole")
        came = [await_message(bus) for _ in range(3)]
        assert came == [(b"maker", b""), (b"maker", b""), (b"maker", b"whole")]
        assert bus.receive() is None


def test_nobody_there_and_a_full_queue_are_told(bus: Bus) -> None:
    assert bus.send(b"nobody", b"x") is Handed.GONE
    with dealer(bus, b"slow", RCVHWM=1) as slow, dealer(bus, b"quick") as quick:
        payload = bytes(10_000)
        taken = 0
        while (handed := bus.send(b"slow", payload)) is Handed.TAKEN:
            taken += 1
            assert taken <= 2 * room.SEND_HWM, "it never fills"
        assert handed is Handed.FULL
        # That one does not read is no matter of the others.
        assert bus.send(b"quick", b"on time") is Handed.TAKEN
        bus.flush()
        assert quick.recv() == b"on time"
        with ThreadPoolExecutor(1) as strategy:
            came = strategy.submit(lambda: [slow.recv() for _ in range(taken)])
            serve(bus, came)
        assert came.result() == [payload] * taken, "what was taken comes"
        while bus.send(b"slow", b"again") is not Handed.TAKEN:
            await_signal(bus)
            assert bus.receive() is None  # which also sees that there is room
            assert not bus.flush()
        bus.flush()
        assert slow.recv() == b"again"
    assert bus.send(b"nobody", b"x") is Handed.GONE


@pytest.mark.parametrize("asks", [False, True])
def test_what_came_since_nothing_was_found_the_descriptor_tells(bus: Bus, asks: bool) -> None:
    with dealer(bus, b"maker") as one:
        if asks:
            bus.send(b"maker", b"event")
            assert not bus.flush()
        else:
            assert bus.receive() is None
        one.send(b"first")
        one.send(b"second")
        await_signal(bus)
        assert not bus.flush(), "somebody was asked, which costs system calls"
        await_signal(bus)
        assert await_message(bus) == (b"maker", b"first")
        # Behind a message there may be more, of which the descriptor does not tell.
        assert await_turn(bus) == (b"maker", b"second")


@pytest.mark.parametrize("peer", [b"maker", b"nobody", b"full"])
def test_after_each_send_it_is_asked_again(bus: Bus, peer: bytes) -> None:
    """With libzmq a send takes the edge away, whatever becomes of it: nobody would come to read."""
    with dealer(bus, b"maker") as one, dealer(bus, b"full", RCVHWM=1):
        payload = bytes(10_000)
        while peer == b"full" and bus.send(peer, payload) is Handed.TAKEN:
            pass
        while bus.receive() is not None or bus.flush():
            pass
        one.send(b"request")
        await_signal(bus)
        bus.send(peer, payload)
        assert await_turn(bus, lambda: bus.send(peer, payload)) == (b"maker", b"request")


def test_a_message_over_the_limit_cuts_its_sender_off_and_nobody_else(bus: Bus) -> None:
    with dealer(bus, b"wild") as wild, dealer(bus, b"tame") as tame:
        with wild.get_monitor_socket(zmq.EVENT_DISCONNECTED) as monitor:
            wild.send(bytes(MESSAGE_BYTES_MAX + 1))
            looks = WAIT_MS // 10
            while not monitor.poll(10):
                assert bus.receive() is None
                assert (looks := looks - 1), "it stays connected"
            wild.disable_monitor()
        tame.send(bytes(MESSAGE_BYTES_MAX))
        assert await_message(bus) == (b"tame", bytes(MESSAGE_BYTES_MAX))
        assert bus.receive() is None


def test_signals_in_between_lose_nothing(bus: Bus) -> None:
    numbers = [str(number).encode() for number in range(900)]
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    with dealer(bus, b"maker") as one:

        def play() -> list[bytes]:
            for number in numbers:
                one.send(number)
            return [one.recv() for _ in numbers]

        with ThreadPoolExecutor(1) as strategy:
            signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
            try:
                came = strategy.submit(play)
                for number in numbers:
                    assert await_message(bus) == (b"maker", number)
                    assert bus.send(b"maker", number) is Handed.TAKEN
                    bus.flush()
                serve(bus, came)
                assert came.result() == numbers
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)


def test_a_closed_bus_is_not_touched(tmp_path: Path) -> None:
    made = Bus(f"ipc://{tmp_path}/bus/engine", "compiled")
    end: Any = made._end
    made.close()
    made.close()
    calls = end.receive, lambda: end.send(b"x", b"y"), end.flush
    for call in calls:
        with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
            call()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("link", ["compiled", "plain"])
def test_an_engine_that_hangs_keeps_its_endpoint(tmp_path: Path, link: Any) -> None:
    tmp_path.chmod(0o700)
    path = f"{tmp_path}/engine"
    with ExitStack() as ends:
        other = ends.enter_context(socket.socket(socket.AF_UNIX))
        other.bind(path)
        other.listen(0)
        taken = 0
        while taken == 0:
            # Nobody takes them: the backlog gets full.
            peer = ends.enter_context(socket.socket(socket.AF_UNIX))
            peer.setblocking(False)
            taken = peer.connect_ex(path)
        assert taken == errno.EAGAIN
        with pytest.raises(BusError, match="in use by another process"):
            Bus(f"ipc://{path}", link)


def test_what_was_handed_over_leaves_before_the_end(bus: Bus) -> None:
    with dealer(bus, b"maker") as one:
        assert bus.send(b"maker", b"first") is Handed.TAKEN
        assert bus.send(b"maker", b"last") is Handed.TAKEN
        bus.close()
        assert (one.recv(), one.recv()) == (b"first", b"last")
    assert not bus.path.exists()
