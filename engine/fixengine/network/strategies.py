"""Who is connected as which strategy, and what each still has to be told.

A socket is bound to a strategy by Hello. Every event a strategy gets has its own report number;
its bytes stay here until the strategy has acknowledged them, so that a strategy that was slow,
away or restarted is told everything in order. What cannot be kept any longer becomes a Gap,
which the strategy is told of: nothing is dropped silently.

Sans-I/O: `bus` is handed in and only asked to send; it answers whether the bytes were taken.
"""

from __future__ import annotations

from typing import Any, Protocol

from fixengine.messages import (
    STRATEGY_NAME,
    Gap,
    Heartbeat,
    Hello,
    Refused,
    RefusedReason,
    Welcome,
    encode,
    encode_event,
    mark_replayed,
)

HEARTBEAT = encode(Heartbeat())
WELCOME_EVENTS = 256
"""Missed events sent with the Welcome; the rest follows in slices, so that nobody else waits."""


class Bus(Protocol):
    """What is asked of the ZeroMQ end."""

    def send(self, peer: bytes, payload: bytes | bytearray) -> bool:
        """Hand bytes to a peer without waiting; False where it is gone or its queue is full."""


class RegisterError(Exception):
    """A new strategy cannot be entered; the text says why."""


class Register(Protocol):
    """Where strategy numbers are kept over restarts."""

    def strategy_number(self, name: str) -> int:
        """The number 1..65535 of this name, a new one for a new name; or RegisterError."""


class Strategy:
    """One strategy: its report numbers and the events it has not acknowledged.

    next_seq: number of the next event. unsent: number of the first event not yet handed to the
    bus on the present connection. sent_high: first number that was never handed to any.
    """

    __slots__ = (
        "name",
        "next_seq",
        "number",
        "outbox",
        "peer",
        "sent_high",
        "unsent",
        "wants_sent",
    )

    def __init__(self, name: str, number: int, next_seq: int) -> None:
        self.name = name
        self.number = number
        self.next_seq = next_seq
        self.unsent = next_seq
        self.sent_high = next_seq
        self.peer: bytes | None = None
        self.wants_sent = False
        self.outbox: dict[int, bytearray] = {}


class Strategies:
    """All strategies of one engine.

    strategies_max: how many may be known. outbox_max: events kept for one strategy.
    next_seqs: next report_seq by strategy name, from the runs before this one.
    """

    def __init__(
        self,
        bus: Bus,
        register: Register,
        epoch: int,
        *,
        strategies_max: int,
        outbox_max: int,
        valid_for_ms_max: int,
        next_seqs: dict[str, int],
    ) -> None:
        self.bus = bus
        self.register = register
        self.epoch = epoch
        self.strategies_max = strategies_max
        self.outbox_max = outbox_max
        self.valid_for_ms_max = valid_for_ms_max
        self.by_number: dict[int, Strategy] = {}
        self._by_name: dict[str, Strategy] = {}
        self._by_peer: dict[bytes, Strategy] = {}
        # Reports of their orders may come before they connect again.
        for name, next_seq in next_seqs.items():
            self._enter(name, next_seq)

    def of(self, peer: bytes) -> Strategy | None:
        """The strategy a socket is bound to."""
        return self._by_peer.get(peer)

    def hello(self, peer: bytes, hello: Hello, now: int, session_state: str) -> Strategy | None:
        """Bind a socket to a strategy and send what it missed; None where it was refused."""
        if not STRATEGY_NAME.match(hello.strategy):
            text = "Hello.strategy: expected 1..32 characters of a-z A-Z 0-9 - _"
            self._refuse_hello(peer, RefusedReason.MALFORMED, text, now)
            return None
        bound = self._by_peer.get(peer)
        if bound is not None and bound.name != hello.strategy:
            text = f"this socket is already bound to strategy {bound.name}"
            self._refuse_hello(peer, RefusedReason.MALFORMED, text, now)
            return None
        strategy = self._by_name.get(hello.strategy)
        if strategy is None:
            if len(self._by_name) >= self.strategies_max:
                text = f"bus.strategies_max ({self.strategies_max}) strategies are known already"
                self._refuse_hello(peer, RefusedReason.LIMIT, text, now)
                return None
            try:
                strategy = self._enter(hello.strategy, 1)
            except RegisterError as problem:
                self._refuse_hello(peer, RefusedReason.STATE_FAILED, str(problem), now)
                return None
        elif strategy.peer not in (None, peer) and self.bus.send(strategy.peer, HEARTBEAT):
            text = f"strategy {hello.strategy} is connected already, on another socket"
            self._refuse_hello(peer, RefusedReason.ALREADY_CONNECTED, text, now)
            return None
        if strategy.peer is not None:
            self._by_peer.pop(strategy.peer, None)
        strategy.peer = peer
        strategy.wants_sent = hello.wants_sent
        self._by_peer[peer] = strategy
        self._welcome(strategy, hello.resume_from, now, session_state)
        return strategy

    def acknowledge(self, strategy: Strategy, report_seq: int) -> None:
        """The strategy has processed everything up to this number."""
        oldest = next(iter(strategy.outbox), strategy.next_seq)
        for seq in range(oldest, min(report_seq + 1, strategy.unsent)):
            strategy.outbox.pop(seq, None)

    def tell(self, strategy: Strategy, event: Any) -> bytearray:
        """Number an event and deliver it now or, if the strategy is away or slow, later."""
        seq = strategy.next_seq
        strategy.next_seq = seq + 1
        payload = encode_event(event, seq)
        strategy.outbox[seq] = payload
        if len(strategy.outbox) > self.outbox_max:
            del strategy.outbox[next(iter(strategy.outbox))]
        peer = strategy.peer
        if peer is not None and strategy.unsent == seq and self.bus.send(peer, payload):
            strategy.unsent = strategy.sent_high = seq + 1
        return payload

    def answer(self, peer: bytes, event: Any) -> None:
        """Answer a socket that is bound to no strategy; lost if it does not read."""
        self.bus.send(peer, encode(event))

    def catch_up(self, strategy: Strategy, events_max: int, now: int) -> bool:
        """Send parked events, at most events_max; whether there are more that could be sent."""
        while strategy.peer is not None and strategy.unsent < strategy.next_seq:
            if events_max == 0:
                return True
            events_max -= 1
            if not self._send_next(strategy, strategy.peer, now):
                return False
        return False

    def waiting(self) -> list[Strategy]:
        """Connected strategies with events that were not handed to the bus."""
        return [
            strategy for strategy in self._by_peer.values() if strategy.unsent < strategy.next_seq
        ]

    def _send_next(self, strategy: Strategy, peer: bytes, now: int) -> bool:
        seq = strategy.unsent
        payload = strategy.outbox.get(seq)
        if payload is None:
            kept = next(iter(strategy.outbox), strategy.next_seq)
            text = "these events can no longer be delivered; ask the venue what became of orders"
            gap = Gap(0, self.epoch, "", False, now, seq, kept - 1, text)
            if not self.bus.send(peer, encode_event(gap, kept - 1)):
                return False
            strategy.unsent = kept
        else:
            if seq < strategy.sent_high:
                mark_replayed(payload)
            if not self.bus.send(peer, payload):
                return False
            strategy.unsent = seq + 1
        strategy.sent_high = max(strategy.sent_high, strategy.unsent)
        return True

    def _enter(self, name: str, next_seq: int) -> Strategy:
        number = self.register.strategy_number(name)
        strategy = Strategy(name, number, next_seq)
        self._by_name[name] = self.by_number[number] = strategy
        return strategy

    def _welcome(
        self, strategy: Strategy, resume_from: int | None, now: int, session_state: str
    ) -> None:
        oldest = next(iter(strategy.outbox), strategy.next_seq)
        if resume_from is None:
            strategy.unsent = oldest
        elif resume_from > strategy.next_seq:
            # It knows more than we do: the numbers of this run win, and it sees a gap.
            strategy.unsent = oldest
        else:
            strategy.unsent = max(1, resume_from)
            self.acknowledge(strategy, strategy.unsent - 1)
        welcome = Welcome(
            strategy=strategy.name,
            strategy_number=strategy.number,
            epoch=self.epoch,
            next_seq=strategy.unsent,
            engine_now_ns=now,
            state="ready",
            valid_for_ms_max=self.valid_for_ms_max,
            session_state=session_state,
        )
        if strategy.peer is not None:
            self.bus.send(strategy.peer, encode(welcome))
            self.catch_up(strategy, WELCOME_EVENTS, now)

    def _refuse_hello(self, peer: bytes, reason: RefusedReason, text: str, now: int) -> None:
        self.answer(peer, Refused(0, self.epoch, "", False, now, "", reason.value, text))
