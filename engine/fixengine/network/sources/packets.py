"""What crosses the socket between the network process and the one that asks (worker.py).

A SOCK_SEQPACKET pair of this user's two processes: each packet is one msgpack message, whole or not
at all, so there is no framing. Rows come in pieces of ROWS_A_PACKET: a piece of trades takes 13 us
to decode, of orders 20 us, of symbols 43 us (medians), so no packet holds the walk for long.

| direction | packets |
|---|---|
| to the worker | Setup first, then Question and Follow |
| from the worker | Rows, Failed; StreamState, StreamEvent; Broken, and then its end |
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from fixengine.network.sources import answers, events
from fixengine.network.sources.asks import Ask

ROWS_A_PACKET = 25
PACKET_BYTES_MAX = 1 << 16
"""Well below what the kernel takes as one packet on such a socket."""

Row = (
    answers.ServerTime
    | answers.Order
    | answers.Trade
    | answers.Allocation
    | answers.Account
    | answers.Balance
    | answers.Symbol
)


class Packet(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of all."""


class Setup(Packet, frozen=True):
    """The configuration, as `effective` gives it: names of key files, no secret."""

    config: dict[str, Any]


class Question(Packet, frozen=True):
    """Ask this; the answers come back under the number."""

    number: int
    ask: Ask


class Follow(Packet, frozen=True):
    """Open the user data stream, and keep it open."""


class Rows(Packet, frozen=True):
    """A piece of an answer, in the venue's order; is_last: it is complete."""

    number: int
    rows: tuple[Row, ...]
    is_last: bool


class Failed(Packet, frozen=True):
    """There is no answer, or no more of it."""

    number: int
    problem: answers.Problem


class Stream(StrEnum):
    """How the user data stream stands (StreamState.state)."""

    CONNECTING = "connecting"
    LIVE = "live"
    """Subscribed: everything from now on is told. What was before has to be asked."""
    RENEWED = "renewed"
    """Another connection has taken over without a hole; for a while events may come twice."""
    MISSED = "missed"
    """The connection that was replaced broke off at once: what was under way on it may be missing.
    From since_ms on everything is told.
    """
    DOWN = "down"
    """Lost, or refused: from here to the next LIVE there is a hole."""
    REFUSED = "refused"
    """The venue does not take the key; it is not tried again."""


class StreamState(Packet, frozen=True):
    """The stream stands otherwise. state: one of Stream. connection: counts them, from 1.

    since_ms: of LIVE and MISSED, the venue's clock from which on everything is told; ms since 1970.
    """

    state: str
    connection: int
    text: str = ""
    since_ms: int = 0


class StreamEvent(Packet, frozen=True):
    """What the stream told, and on which connection."""

    connection: int
    event: events.Told


class Broken(Packet, frozen=True):
    """The worker cannot go on, and why; one line with the next step."""

    text: str


ToWorker = Setup | Question | Follow
FromWorker = Rows | Failed | StreamState | StreamEvent | Broken

encode = msgspec.msgpack.Encoder().encode
to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
