"""Classic sessions that are cut anywhere: what was said arrives once, in order; bytes never crash.

Both sides keep their History over many connections. Each connection is cut after a random number
of frames, so Logons, reports, ResendRequests and their answers get lost in every combination.
"""

from __future__ import annotations

import random
import time

import pytest
from fixengine.fix.classic import ClassicSession
from fixengine.fix.classic_logon import ClassicAcceptor, ClassicInitiator
from fixengine.fix.history import History
from fixengine.fix.resync import Resync
from fixengine.fix.states import Happening, State, Verdict
from fixengine.fix.venue import Sender
from fixengine.fix.venues.plain import plain
from script_venues import VENUES
from sessions_in_memory import SECOND_NS, WALL_NS

CONNECTIONS = 12
VENUE = plain("FIX.4.4", "VENUE")


class Side:
    """One side over all its connections: its history, and what was delivered to its owner."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.history = History()
        self.delivered: list[str] = []
        self.passed_over: list[str] = []
        self.said = 0

    def connect(self) -> None:
        client = self.sender is Sender.CLIENT
        self.resync = Resync(1 << 20)
        self.session = ClassicSession(
            VENUE,
            self.sender,
            ClassicInitiator(30) if client else ClassicAcceptor(reset=False),
            self.history,
            client_comp_id="ME",
            offset_ns=WALL_NS,
        )

    def say(self, now: int) -> None:
        if self.session.state is State.ACTIVE:
            self.said += 1
            VENUES["plain"].say(self.session, f"{self.said}", now)

    def hear(self, data: bytes, now: int) -> None:
        self.resync.feed(data)
        for message in self.resync:
            verdict = self.session.receive(message, now)
            for came, what in [(message, verdict), *self.session.take_released()]:
                if what is Verdict.APPLICATION:
                    self.delivered.append(came.get_str(11))


@pytest.mark.parametrize("seed", range(20))
def test_reports_arrive_once_and_in_order_whatever_is_cut(seed: int) -> None:
    chance = random.Random(seed)
    client, venue = Side(Sender.CLIENT), Side(Sender.VENUE)
    now = 0
    for number in range(CONNECTIONS + 1):
        last = number == CONNECTIONS
        frames_left = 1 << 20 if last else chance.randrange(1, 25)
        client.connect()
        venue.connect()
        venue.session.connected(now)
        client.session.connected(now)
        for turn in range(200):
            now += SECOND_NS // 100
            for side in (client, venue):
                if turn < 60 and chance.random() < 0.3:
                    side.say(now)
            to_venue, to_client = client.session.take_output(), venue.session.take_output()
            for frames, side in ((to_venue, venue), (to_client, client)):
                for frame in frames:
                    if frames_left > 0:
                        side.hear(frame, now)
                    frames_left -= 1
            client.passed_over += [
                event.text
                for event in client.session.take_events()
                if event.kind is Happening.PASSED_OVER
            ]
        client.session.closed(now)
        venue.session.closed(now)
    assert client.session.gaps.asked_at_ns is None
    assert venue.said > CONNECTIONS
    assert client.delivered == [f"{number}" for number in range(1, venue.said + 1)]
    # Orders that were lost are gap-filled and never sent again: some are missing, none comes twice.
    numbers = [int(name) for name in venue.delivered]
    assert numbers == sorted(set(numbers))
    # What is missing its owner was told of, and of nothing that came.
    orders = {f"{number}" for number in range(1, client.said + 1)}
    assert set(client.passed_over) == orders - set(venue.delivered)


def talking(reports: int) -> tuple[Side, bytes]:
    """A client that is logged on, and the bytes of so many reports for it."""
    client, venue = Side(Sender.CLIENT), Side(Sender.VENUE)
    for side in (venue, client):
        side.connect()
        side.session.connected(0)
    venue.hear(b"".join(client.session.take_output()), 0)
    client.hear(b"".join(venue.session.take_output()), 0)
    for _ in range(reports):
        venue.say(0)
    return client, b"".join(venue.session.take_output())


def test_a_burst_is_delivered_whole_and_in_order() -> None:
    client, data = talking(10_000)
    client.hear(data, 0)
    assert client.delivered == [f"{number}" for number in range(1, 10_001)]
    assert client.session.take_output() == []


def test_a_stream_is_read_whole_at_every_cut() -> None:
    _, data = talking(2)
    for cut in range(len(data) + 1):
        client, _ = talking(0)
        client.hear(data[:cut], 0)
        client.hear(data[cut:], 0)
        assert client.delivered == ["1", "2"], cut


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_end_in_a_state(seed: int) -> None:
    chance = random.Random(seed)
    client, venue = Side(Sender.CLIENT), Side(Sender.VENUE)
    for _ in range(30):
        client.connect()
        venue.connect()
        venue.session.connected(0)
        client.session.connected(0)
        for _ in range(20):
            client.say(0)
            venue.say(0)
            if client.session.state is State.ACTIVE:
                client.session._ask(0, again=True)
            for giver, taker in ((client, venue), (venue, client)):
                for frame in giver.session.take_output():
                    taker.hear(spoilt(frame, chance), 0)
        assert client.session.state in State
        assert venue.session.state in State


def spoilt(frame: bytes, chance: random.Random) -> bytes:
    """A frame whose body may be wrong in any way, its length and sum mostly right."""
    if chance.random() < 0.5:
        return frame
    head, _, rest = frame.partition(b"\x019=")
    body = bytearray(rest.partition(b"\x01")[2][: -len(b"10=000\x01")])
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(body))
        match chance.randrange(4):
            case 0:
                body[at] = chance.choice(b"0123456789=\x01\xffYN-.")
            case 1:
                del body[at : at + chance.randrange(1, 9)]
            case 2:
                body[at:at] = chance.choice((b"=", b"\x01", b"95=9\x01", b"43=Y\x01", b"0" * 25))
            case _:
                body[at:at] = body[: chance.randrange(40)]
    text = head + b"\x019=%d\x01" % len(body) + bytes(body)
    return text + b"10=%03d\x01" % (sum(text) % 256)


def test_beginnings_without_an_end_cost_no_search_each() -> None:
    """A peer that sends nothing but these would hold us up: 16 s where each is searched for."""
    resync = Resync(1 << 16)
    begin = time.process_time()
    for _ in range(100):
        resync.feed(b"8=FIX.4.4\x019=10\x01" * 4000)
        assert list(resync) == []
    assert resync.garbled > 350_000
    assert time.process_time() - begin < 4
