"""The compiled link against peers that speak for themselves: any bytes, in pieces of any size.

What a peer of libzmq's sees stands in test_bus.py; here one says what libzmq never would. Where it
makes sense the plain ROUTER is played the same way, as the reference.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from fixengine.link import Link
from fixengine.messages import MESSAGE_BYTES_MAX
from fixengine.network import bus as room
from fixengine.network.bus import Bus
from fixengine.network.strategies import Handed
from hypothesis import given, settings
from hypothesis import strategies as st

WAIT_S = 20.0
GREETING = b"\xff" + bytes(7) + b"\x01\x7f\x03\x01NULL" + bytes(48)
MORE, LONG, COMMAND = 1, 2, 4
PING = b"\x04PING\x00\x00"
OUTPUT_BYTES_MIN = 1 << 12


def frame(body: bytes, flags: int = 0) -> bytes:
    """One frame; a long one where it has to be, or where flags say so."""
    if flags & LONG or len(body) > 255:
        return bytes([flags | LONG]) + struct.pack(">Q", len(body)) + body
    return bytes([flags, len(body)]) + body


def pair(key: bytes, value: bytes) -> bytes:
    """A property of a READY."""
    return bytes([len(key)]) + key + struct.pack(">I", len(value)) + value


def ready(name: bytes, kind: bytes = b"DEALER") -> bytes:
    return frame(b"\x05READY" + pair(b"Socket-Type", kind) + pair(b"Identity", name), COMMAND)


def hello(name: bytes) -> bytes:
    """All that a peer says before its first message."""
    return GREETING + ready(name)


OURS = GREETING + frame(b"\x05READY" + pair(b"Socket-Type", b"ROUTER") + pair(b"Identity", b""), 4)


class Near:
    """A Link on a socket of its own."""

    def __init__(self, path: Path, connections_max: int = 64) -> None:
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.setblocking(False)
        self.listener.bind(self.path)
        self.listener.listen(128)
        outcomes = Handed.TAKEN, Handed.FULL, Handed.GONE
        self.link = Link(self.listener.fileno(), connections_max, MESSAGE_BYTES_MAX, outcomes)
        self._waits = False
        self._ends = contextlib.ExitStack()

    def far(self, *said: bytes) -> socket.socket:
        """A peer that has connected and said this."""
        made = self._ends.enter_context(socket.socket(socket.AF_UNIX))
        made.settimeout(WAIT_S)
        made.connect(self.path)
        made.sendall(b"".join(said))
        return made

    def turn(self) -> list[tuple[bytes, bytes]]:
        """The messages of one wake-up."""
        found = []
        while (message := self.link.receive()) is not None:
            found.append(message)
        self._waits = self.link.flush()
        return found

    def all(self) -> list[tuple[bytes, bytes]]:
        """All that is here: until nobody tells of anything more."""
        found = self.turn()
        while self._waits or select.select([self.link.fd], [], [], 0)[0]:
            found += self.turn()
        return found

    def close(self) -> None:
        self._ends.close()
        self.link.close(0)
        self.listener.close()


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Near]:
    made = Near(tmp_path / "bus")
    yield made
    made.close()


def has_ended(far: socket.socket) -> bool:
    """Whether the other end was closed; what came before is passed over."""
    far.setblocking(False)
    try:
        while far.recv(1 << 16):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    return True


def heard(far: socket.socket, size: int) -> bytes:
    """So many bytes of what was sent to it."""
    found = b""
    while len(found) < size and (more := far.recv(size - len(found))):
        found += more
    return found


# --- what is said -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 63, 64, 65, 1000])
def test_pieces_of_any_size_make_the_same_messages(near: Near, size: int) -> None:
    bodies = [b"", b"a", b"b" * 255, b"c" * 256, b"d" * MESSAGE_BYTES_MAX]
    said = hello(b"me") + b"".join(map(frame, bodies)) + frame(b"e", LONG)
    far = near.far()
    found = []
    for at in range(0, len(said), size):
        far.sendall(said[at : at + size])
        found += near.all()
    assert found == [(b"me", body) for body in [*bodies, b"e"]]


def test_the_greeting_and_the_answer_are_those_of_a_router(near: Near) -> None:
    far = near.far()
    near.all()
    assert heard(far, 64) == GREETING
    far.sendall(hello(b"me"))
    near.all()
    answer = frame(b"\x05READY" + pair(b"Socket-Type", b"ROUTER"), COMMAND)
    assert heard(far, len(answer)) == answer
    for size in (0, 255, 256, 70_000):
        assert near.link.send(b"me", bytes(size)) is Handed.TAKEN
        near.link.flush()
        assert heard(far, len(frame(bytes(size)))) == frame(bytes(size))


TALKS = b"\x05READY" + pair(b"Socket-Type", b"DEALER")
BAD = {
    "no greeting": b"GET / HTTP/1.1\r\n" * 5,
    "version 2": GREETING[:10] + b"\x02" + GREETING[11:] + ready(b"bad"),
    "another mechanism": GREETING[:12] + b"PLAIN" + GREETING[17:] + ready(b"bad"),
    "a message before READY": GREETING + frame(b"x"),
    "another command": GREETING + frame(b"\x05ERROR\x00", COMMAND),
    "no kind": GREETING + frame(b"\x05READY" + pair(b"Identity", b"bad"), COMMAND),
    "another kind": GREETING + ready(b"bad", b"PUB"),
    "a name too long": hello(b"n" * 256),
    "a property cut off": GREETING + frame(TALKS + b"\x08Identity\0\0\0\x05bad", COMMAND),
    "a property's huge length": GREETING + frame(TALKS + b"\x01a\xff\xff\xff\xff", COMMAND),
    "a key without an end": GREETING + frame(TALKS + b"\xffab", COMMAND),
    "a READY too long": GREETING + b"\x06" + struct.pack(">Q", 1 << 20),
    "flags": hello(b"bad") + b"\x08\x00",
    "a command of more frames": hello(b"bad") + b"\x05\x00",
    "too long": hello(b"bad") + b"\x02" + struct.pack(">Q", MESSAGE_BYTES_MAX + 1),
    "2^63": hello(b"bad") + b"\x02" + struct.pack(">Q", 1 << 63),
    "2^64 - 1": hello(b"bad") + b"\x02" + b"\xff" * 8,
    "2^64 - 9": hello(b"bad") + b"\x02" + struct.pack(">Q", (1 << 64) - 9),
    "a command of 2^63": hello(b"bad") + b"\x06" + struct.pack(">Q", 1 << 63),
    "a part of 2^63": hello(b"bad") + b"\x03" + struct.pack(">Q", 1 << 63),
}


@pytest.mark.parametrize("said", BAD.values(), ids=BAD)
def test_who_says_what_is_none_of_it_is_cut_off_alone(near: Near, said: bytes) -> None:
    good, bad = near.far(hello(b"good")), near.far(said)
    assert near.all() == []
    assert has_ended(bad)
    assert near.link.send(b"bad", b"x") is Handed.GONE
    good.sendall(frame(b"still here"))
    assert near.all() == [(b"good", b"still here")]


def test_parts_and_commands_in_between_are_no_messages(near: Near) -> None:
    parts = frame(b"a", MORE) + frame(PING, COMMAND) + frame(b"b", MORE) * 500 + frame(b"c")
    near.far(hello(b"me"), frame(b"", COMMAND), parts, frame(b"next"))
    assert near.all() == [(b"me", b""), (b"me", b"next")]


@pytest.mark.parametrize("name", [b"n", b"\xff" * 255])
def test_a_name_is_who_is_answered(near: Near, name: bytes) -> None:
    far = near.far(hello(name), frame(b"x"))
    assert near.all() == [(name, b"x")]
    near.link.send(name, b"y")
    assert heard(far, len(OURS) - 13 + 3)[-3:] == frame(b"y")


def test_who_has_no_name_gets_one(near: Near) -> None:
    bare = GREETING + frame(b"\x05READY" + pair(b"socket-type", b"DEALER"), COMMAND)
    fars = near.far(bare, frame(b"0")), near.far(hello(b""), frame(b"1"))
    found = near.all()
    assert sorted(payload for _, payload in found) == [b"0", b"1"]
    assert found[0][0] != found[1][0]
    assert [near.link.send(name, payload) for name, payload in found] == [Handed.TAKEN] * 2
    for at, far in enumerate(fars):
        assert heard(far, len(OURS) - 13 + 3)[-3:] == frame(b"%d" % at)


BODIES = st.lists(
    st.tuples(
        st.binary(max_size=600), st.sampled_from([0, 0, 0, LONG, MORE, MORE | LONG, COMMAND])
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(BODIES, st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_any_stream_cut_anywhere_is_what_was_meant(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[tuple[bytes, int]], cuts: list[int]
) -> None:
    meant, in_parts = [], False
    for body, flags in bodies:
        if flags & COMMAND:
            continue
        if not flags & MORE:
            meant.append((b"me", b"" if in_parts else body))
        in_parts = bool(flags & MORE)
    said = hello(b"me") + b"".join(frame(body, flags) for body, flags in bodies)
    with contextlib.closing(Near(tmp_path_factory.mktemp("link") / "bus")) as near:
        far, found, turn = near.far(), [], 0
        while said:
            far.sendall(said[: cuts[turn % len(cuts)]])
            said = said[cuts[turn % len(cuts)] :]
            found += near.all()
            turn += 1
    assert found == meant


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([b"", GREETING, hello(b"bad")]), st.binary(max_size=3000))
def test_no_bytes_harm_the_others(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, noise: bytes
) -> None:
    with contextlib.closing(Near(tmp_path_factory.mktemp("link") / "bus")) as near:
        good = near.far(hello(b"good"))
        near.far(first, noise)
        near.all()
        good.sendall(frame(b"x"))
        assert [message for message in near.all() if message[0] == b"good"] == [(b"good", b"x")]
        assert near.link.send(b"good", b"y") is Handed.TAKEN


# --- who takes more than a share --------------------------------------------------------------


def test_thousands_of_messages_of_one_keep_no_other_waiting(near: Near) -> None:
    # A wake-up takes so many and no more, as the engine's does.
    drain_max = 32
    far, quiet = near.far(hello(b"chatty")), near.far(hello(b"quiet"))
    assert near.all() == []
    far.sendall(frame(b"") * 20_000)
    assert near.link.receive() == (b"chatty", b"")
    near.link.flush()
    for _ in range(4):
        near.link.receive()
        near.link.flush()
    quiet.sendall(frame(b"order"))
    found = [near.link.receive() for _ in range(drain_max)]
    assert (b"quiet", b"order") in found
    # Nothing of the chatty one is lost by looking while its input is full.
    chatty = 5 + sum(message == (b"chatty", b"") for message in found)
    assert chatty + len(near.all()) == 20_000
    assert not has_ended(far)


def test_a_look_while_an_input_is_full_is_not_taken_for_an_end(near: Near) -> None:
    fars = near.far(hello(b"1")), near.far(hello(b"2"))
    assert near.all() == []
    for far in fars:
        far.sendall(frame(b"") * 20_000)
    for _ in range(10):
        # One is taken of one of them; the other's input stays as full as it is.
        assert near.link.receive() is not None
        near.link.flush()
    assert len(near.all()) == 2 * 20_000 - 10
    assert not any(map(has_ended, fars))


def test_pings_of_who_never_reads_are_answered_up_to_a_limit_and_harm_nobody(near: Near) -> None:
    bad, good = near.far(hello(b"bad")), near.far(hello(b"good"))
    near.all()
    pings = frame(PING + b"c" * 16, COMMAND) * 300
    for _ in range(200):
        bad.sendall(pings)
        near.all()
    good.sendall(frame(b"x"))
    assert near.all() == [(b"good", b"x")]
    # What the system did not take of the answers is not kept beyond so much.
    bad.setblocking(False)
    in_system = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            in_system += len(bad.recv(1 << 20))
    near.all()
    kept = len(bad.recv(1 << 20))
    assert 0 < kept < 2 * OUTPUT_BYTES_MIN
    # Who reads is answered again.
    bad.sendall(frame(PING, COMMAND))
    near.all()
    bad.setblocking(True)
    assert bad.recv(1 << 20).endswith(frame(b"\x04PONG", COMMAND))


@pytest.mark.parametrize("said", [frame(b"\x04PONG", COMMAND), frame(b"a", MORE)])
def test_what_is_no_message_has_turns_as_messages_have(near: Near, said: bytes) -> None:
    fars = [near.far(hello(b"%d" % number)) for number in range(20)]
    good = near.far(hello(b"good"))
    near.all()
    for far in fars:
        far.sendall(said * 2000)
    good.sendall(frame(b"order"))
    for _ in range(3):
        # No wake-up goes through all of it; some hundreds of frames take some microseconds.
        taken = near.link.receive()
        if taken is not None:
            break
        assert near.link.flush()
    assert taken == (b"good", b"order")
    assert near.link.receive() is None and near.link.flush(), "all of it was gone through"
    assert near.all() == []
    assert not any(map(has_ended, fars))


def test_a_ping_is_answered_with_its_context_and_without_a_call_for_each(near: Near) -> None:
    contexts = [b"", b"c", b"c" * 16]
    far = near.far(hello(b"me"), *(frame(PING + context, COMMAND) for context in contexts))
    assert near.link.receive() is None
    while near.link.receive() is None and len(far.recv(1 << 16, socket.MSG_PEEK)) < 91:
        pass
    before = far.recv(1 << 16)
    assert b"PONG" not in before
    near.link.flush()
    pongs = b"".join(frame(b"\x04PONG" + context, COMMAND) for context in contexts)
    assert heard(far, len(pongs)) == pongs
    # A context over the specification's limit is no PING.
    far.sendall(frame(PING + b"c" * 17, COMMAND) + frame(PING, COMMAND))
    near.all()
    assert heard(far, 7) == frame(b"\x04PONG", COMMAND)


def test_a_peer_that_reads_again_gets_everything_in_order(near: Near) -> None:
    far = near.far(hello(b"me"))
    near.all()
    count = 0
    while near.link.send(b"me", b"%08d" % count) is Handed.TAKEN:
        count += 1
    near.link.flush()
    # Now it leaves as the descriptor tells that there is room.
    got = bytearray()
    want = len(OURS) - 13 + 10 * count
    while len(got) < want:
        got += far.recv(1 << 20)
        near.all()
    reports = bytes(got[-10 * count :])
    assert reports == b"".join(frame(b"%08d" % at) for at in range(count))


# --- who comes and goes -----------------------------------------------------------------------


def test_who_dies_is_read_to_the_end_first(near: Near) -> None:
    near.far(hello(b"me"), *(frame(b"%d" % at) for at in range(5000))).close()
    assert near.all() == [(b"me", b"%d" % at) for at in range(5000)]
    assert near.link.send(b"me", b"x") is Handed.GONE


def test_who_died_with_reports_unsent_is_gone_and_read_to_the_end(near: Near) -> None:
    far = near.far(hello(b"me"))
    near.all()
    while near.link.send(b"me", bytes(4000)) is Handed.TAKEN:
        pass
    far.sendall(frame(b"last"))
    far.close()
    assert near.all() == [(b"me", b"last")]
    assert near.link.send(b"me", b"x") is Handed.GONE


def test_who_ends_only_its_own_saying_is_gone_after_its_last_message(near: Near) -> None:
    far = near.far(hello(b"me"), frame(b"last"))
    far.shutdown(socket.SHUT_WR)
    assert near.all() == [(b"me", b"last")]
    assert near.link.send(b"me", b"x") is Handed.GONE
    assert has_ended(far)


def test_who_no_longer_reads_on_purpose_is_told_that_it_ends(near: Near) -> None:
    far = near.far(hello(b"me"))
    near.all()
    far.shutdown(socket.SHUT_RD)
    assert near.link.send(b"me", b"x") is Handed.GONE
    far.sendall(frame(b"still said"))
    assert near.all() == [(b"me", b"still said")]


@pytest.mark.parametrize("is_told", [False, True])
@pytest.mark.parametrize("count", [1, 90, 1000])
def test_the_same_name_comes_again_once_the_first_was_read_to_its_end(
    near: Near, count: int, is_told: bool
) -> None:
    first, second = near.far(hello(b"me")), near.far(GREETING)
    near.all()
    # The system tells of the second first.
    second.sendall(ready(b"me"))
    old = [b"%d" % number * 40 for number in range(count)]
    first.sendall(b"".join(map(frame, old)))
    first.close()
    if is_told:
        # Sending finds out that it has gone before all that it sent is read.
        assert near.link.send(b"me", b"x") is Handed.GONE
    assert near.link.receive() == (b"me", old[0])
    assert has_ended(second)
    second = near.far(hello(b"me"))
    came = [old[0]]
    for _ in range(count + 1):
        # As many a wake-up as the engine takes.
        for _ in range(64):
            message = near.link.receive()
            if message is not None:
                came.append(message[1])
        near.link.flush()
        if has_ended(second):
            # It heard no READY, so it has sent nothing yet, and comes again.
            second = near.far(hello(b"me"))
    assert came == old
    second.sendall(frame(b"new"))
    assert near.all() == [(b"me", b"new")]
    assert near.link.send(b"me", b"x") is Handed.TAKEN
    second.settimeout(WAIT_S)
    assert second.recv(1 << 16)[-3:] == frame(b"x")


def test_the_second_of_two_that_live_is_turned_away(near: Near) -> None:
    first = near.far(hello(b"me"))
    near.all()
    for _ in range(100):
        second = near.far(hello(b"me"), frame(b"not heard"))
        assert near.all() == []
        assert has_ended(second)
    first.sendall(frame(b"x"))
    assert near.all() == [(b"me", b"x")]
    assert near.link.send(b"me", b"y") is Handed.TAKEN


def test_who_never_greets_makes_room_and_who_stands_does_not(tmp_path: Path) -> None:
    with contextlib.closing(Near(tmp_path / "bus", connections_max=3)) as near:
        standing = near.far(hello(b"0"))
        near.all()
        silent = near.far()
        near.all()
        half = near.far(GREETING[:30])
        near.all()
        others = [near.far(hello(name), frame(b"x")) for name in (b"1", b"2")]
        assert sorted(near.all()) == [(b"1", b"x"), (b"2", b"x")]
        assert has_ended(silent) and has_ended(half)
        late = near.far(hello(b"3"))
        assert near.all() == []
        assert has_ended(late)
        assert near.link.turned_away == 1
        assert not any(map(has_ended, [standing, *others]))


SCARCE = """
import os, resource, sys
from pathlib import Path
from test_link import Near, frame, has_ended, hello
near = Near(Path(sys.argv[1]), 1000)
good = near.far(hello(b"good"))
near.all()
stand = sys.argv[2] == "stand"
fars = [near.far(hello(b"%d" % at) if stand else b"") for at in range(100)]
most = 6 + max(map(int, os.listdir("/proc/self/fd")))
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
near.all()
alive = [far for far in fars if not has_ended(far)]
assert 4 <= len(alive) <= 7, len(alive)
late = fars[0] if stand else fars[-1]
assert late in alive
late.setblocking(True)
late.sendall(frame(b"y") if stand else hello(b"0") + frame(b"y"))
assert near.all() == [(b"0", b"y")]
good.sendall(frame(b"x"))
assert near.all() == [(b"good", b"x")]
print("served")
"""


@pytest.mark.parametrize("what", ["stand", "say nothing"])
def test_with_no_descriptor_left_the_others_are_served(tmp_path: Path, what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCARCE, str(tmp_path / "bus"), what],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("served\n", "")


def test_with_no_descriptor_at_all_the_loop_is_not_kept_awake_for_who_comes(near: Near) -> None:
    far = near.far(hello(b"me"))
    here, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
    try:
        for _ in range(3):
            assert near.link.receive() is None
            near.link.flush()
        assert select.select([near.link.fd], [], [], 0)[0] == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (here, most))
    near.link.flush()
    far.sendall(frame(b"x"))
    assert near.all() == [(b"me", b"x")]


def test_some_descriptors_are_kept_from_the_bus(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = room.FILES_KEPT + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    bus = Bus(f"ipc://{tmp_path}/bus/engine")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with contextlib.ExitStack() as ends:
            fars = []
            for _ in range(120):
                far = ends.enter_context(socket.socket(socket.AF_UNIX))
                far.connect(str(bus.path))
                assert bus.receive() is None
                fars.append(far)
            while select.select([bus.fd], [], [], 0)[0]:
                assert bus.receive() is None
            assert sum(not has_ended(far) for far in fars) == max(100, limit // 2)
    finally:
        bus.close()


# --- beginning and end ------------------------------------------------------------------------


def test_a_link_that_cannot_be_made_closes_nothing_of_others(near: Near) -> None:
    was = os.fstat(0)
    bad: list[tuple[Any, ...]] = [
        ("no number", 1, 1, (1, 2, 3)),
        (near.listener.fileno(), 1, 0, (1, 2, 3)),
        (near.listener.fileno(), 1, 1 << 20, (1, 2, 3)),
        (near.listener.fileno(), 1, 1, (1, 2)),
        (-1, 1, 1, (1, 2, 3)),
    ]
    for arguments in bad:
        with pytest.raises((TypeError, ValueError, OSError)):
            Link(*arguments)
        gc.collect()
        assert os.fstat(0).st_ino == was.st_ino
    assert near.all() == []


def test_a_closed_link_says_so(near: Near) -> None:
    near.link.close(0)
    near.link.close(0)
    for act in (near.link.receive, near.link.flush, lambda: near.link.send(b"x", b"y")):
        with pytest.raises(OSError, match="Bad file descriptor"):
            act()


def test_the_end_waits_once_for_all_that_do_not_read_and_not_for_each(near: Near) -> None:
    fars = [near.far(hello(b"%d" % at)) for at in range(5)]
    near.all()
    for at in range(5):
        while near.link.send(b"%d" % at, bytes(10_000)) is Handed.TAKEN:
            pass
    ended = threading.Event()

    def trickle() -> None:
        """Read now and then, so that there is always a little progress."""
        for far in fars:
            while not ended.wait(0.05):
                with contextlib.suppress(OSError):
                    if not far.recv(1 << 18):
                        break

    reader = threading.Thread(target=trickle)
    reader.start()
    started = time.monotonic()
    near.link.close(200)
    ended.set()
    reader.join()
    assert time.monotonic() - started < 5 * 0.2


@pytest.mark.parametrize("link", ["compiled", "plain"])
@pytest.mark.parametrize("ttl_ms", [0, 1000])
def test_dealers_with_heartbeats_stay_connected(tmp_path: Path, link: Any, ttl_ms: int) -> None:
    bus = Bus(f"ipc://{tmp_path}/bus/engine", link)
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.set(zmq.ROUTING_ID, b"me")
        dealer.set(zmq.LINGER, 0)
        dealer.set(zmq.HEARTBEAT_IVL, 20)
        dealer.set(zmq.HEARTBEAT_TIMEOUT, 200)
        dealer.set(zmq.HEARTBEAT_TTL, ttl_ms)
        with dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED) as changes:
            dealer.connect(f"ipc://{bus.path}")
            dealer.send(b"here")
            until = time.monotonic() + 1
            found = []
            while time.monotonic() < until:
                select.select([bus.fd], [], [], 0.01)
                while (message := bus.receive()) is not None:
                    found.append(message)
                bus.flush()
            assert found == [(b"me", b"here")]
            assert not changes.poll(0)
            assert bus.send(b"me", b"answer") is Handed.TAKEN
            bus.flush()
            assert dealer.poll(int(WAIT_S * 1000)) and dealer.recv() == b"answer"
        dealer.disable_monitor()
    bus.close()
