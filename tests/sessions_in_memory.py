"""Two sessions joined in memory, with a clock the test turns: nothing here sleeps or opens."""

from __future__ import annotations

from fixengine import wire
from fixengine.fix.logon import Acceptor, Initiator
from fixengine.fix.session import Session
from fixengine.fix.states import Verdict
from fixengine.fix.venue import Sender, template
from fixengine.fix.venues.binance import BINANCE_SPOT

SECOND_NS = 1_000_000_000
WALL_NS = 1_767_225_600 * SECOND_NS
"""2026-01-01 00:00:00 UTC."""


def initiator(comp_id: str = "ME", heart_bt_int: int = 30) -> Session:
    """A client's session, not connected yet."""
    handshake = Initiator(
        "KEY",
        lambda payload: b"s" * 88,
        heart_bt_int=heart_bt_int,
        message_handling=2,
        response_mode=1,
    )
    return Session(
        BINANCE_SPOT, Sender.CLIENT, handshake, client_comp_id=comp_id, offset_ns=WALL_NS
    )


def acceptor() -> Session:
    """A venue's session that takes every Logon."""
    return Session(
        BINANCE_SPOT, Sender.VENUE, Acceptor(lambda *_: None, "uuid-1"), offset_ns=WALL_NS
    )


class Pair:
    """A client and a venue, and the verdicts each gave."""

    def __init__(self, heart_bt_int: int = 30) -> None:
        self.now = 0
        self.client = initiator(heart_bt_int=heart_bt_int)
        self.venue = acceptor()
        self.framers = {Sender.CLIENT: wire.Framer(), Sender.VENUE: wire.Framer()}
        self.wire: list[bytes] = []
        self.verdicts: list[Verdict] = []

    def log_on(self) -> Pair:
        """Connect and finish the handshake."""
        self.venue.connected(self.now)
        self.client.connected(self.now)
        self.pump()
        self.client.take_events()
        self.venue.take_events()
        return self

    def pump(self) -> None:
        """Carry bytes both ways until nobody has anything to say."""
        while self.client.output or self.venue.output:
            for giver, taker in ((self.client, self.venue), (self.venue, self.client)):
                for frame in giver.take_output():
                    self.wire.append(frame)
                    self.give(taker, frame)

    def give(self, taker: Session, data: bytes) -> None:
        """Let one side receive bytes."""
        framer = self.framers[taker.sender]
        framer.feed(data)
        for message in framer:
            self.verdicts.append(taker.receive(message, self.now))

    def at(self, seconds: float) -> None:
        """Turn the clock to this second, tick both sides, carry what comes of it."""
        self.now = int(seconds * SECOND_NS)
        self.client.tick(self.now)
        self.venue.tick(self.now)
        self.pump()


def frame(kind: bytes, seq: int, sender: Sender = Sender.VENUE, **values: object) -> bytes:
    """Bytes of one message, with any sequence number."""
    form = template(BINANCE_SPOT, kind, sender, "ME")
    return form.encode(None, seq, wire.stamp(WALL_NS), values)


def parsed(data: bytes) -> dict[int, bytes]:
    """Tags and values of one message (flat)."""
    framer = wire.Framer()
    framer.feed(data)
    return dict(next(framer).fields())
