"""Who is connected as which strategy, and what each still has to be told.

A socket is bound to a strategy by Hello. Every event a strategy gets has its own report number;
its bytes stay here until the strategy has acknowledged them, so that a strategy that was slow,
away or restarted is told everything in order. Of more than outbox_max events the older ones are
found in the journal again, by `archive`; what is not there either becomes a Gap, which the strategy
is told of: nothing is dropped silently.

A connected strategy that falls outbox_max events behind is lagging. It is cut off: its socket is
bound to it no more, and so it is as one that is gone, until it says Hello. It is told so as soon as
its queue takes it.

Sans-I/O: `bus` and `archive` are handed in and only asked; what they answer comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from hmac import compare_digest
from typing import Any, Final, NamedTuple, Protocol

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
    report_seq_of,
)

HEARTBEAT = encode(Heartbeat())
SLICE_EVENTS = 32
"""Missed events sent in one go, with the Welcome too, so that nobody else waits: some 150 us."""
NEW_NAMES_PER_SECOND_MAX = 10
"""Names entered in a second, over all sockets: each is written to the disk while nobody trades."""
NAMES_PER_SEAT_MAX = 16
"""Names ever entered for each of strategies_max seats, far below the 65,535 numbers there are."""
NO_TOKENS: Mapping[str, bytes] = {}
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000


class Handed(Enum):
    """What became of bytes handed to the bus: taken, queue full, or nobody there any more."""

    TAKEN = "taken"
    FULL = "full"
    GONE = "gone"


# Looked up once; see fix/session.py.
TAKEN: Final = Handed.TAKEN
GONE: Final = Handed.GONE


class Bus(Protocol):
    """What is asked of the ZeroMQ end."""

    def send(self, peer: bytes, payload: bytes | bytearray) -> Handed:
        """Hand bytes to a peer without waiting."""


class Archive(Protocol):
    """Where events lie that are kept here no more."""

    def ask(self, name: str, first: int, last: int, /) -> int | None:
        """Ask for the events first..last of a strategy. The number under which `found` is told, or
        None: it cannot be asked now.
        """


class RegisterError(Exception):
    """A new strategy cannot be entered; the text says why."""


class Register(Protocol):
    """Where strategy numbers are kept over restarts."""

    def strategy_number(self, name: str) -> int:
        """The number 1..65535 of this name, a new one for a new name; or RegisterError."""


class Standing(NamedTuple):
    """Where a strategy's numbers stand: the next event's, and the last one acknowledged."""

    next_seq: int = 1
    acknowledged: int = 0


class Strategy:
    """One strategy: its report numbers and the events it has not acknowledged.

    next_seq: number of the next event. acknowledged: of the last one it has processed. first:
    of the oldest one kept. unsent: of the first one not handed to the bus on the present
    connection. sent_high: first number that was never handed to any. begun: number of this run's
    first event. heard_ns: when it last said anything, or the engine started. behind: the fewest
    events that were not handed over, since it said Hello. late: events that the archive has found
    and that were not handed over; searched: the number up to which it has none but these; question:
    the one that is open.
    """

    __slots__ = (
        "acknowledged",
        "begun",
        "behind",
        "first",
        "heard_ns",
        "late",
        "name",
        "next_seq",
        "number",
        "outbox",
        "peer",
        "question",
        "searched",
        "sent_high",
        "unsent",
        "wants_sent",
    )

    def __init__(self, name: str, number: int, standing: Standing, heard_ns: int) -> None:
        self.name = name
        self.number = number
        self.next_seq = self.first = self.sent_high = self.begun = standing.next_seq
        self.acknowledged = standing.acknowledged
        self.unsent = standing.acknowledged + 1
        self.heard_ns = heard_ns
        self.peer: bytes | None = None
        self.wants_sent = False
        self.outbox: dict[int, bytes] = {}
        self.behind = 0
        self.late: dict[int, bytes] = {}
        self.searched = 0
        self.question: int | None = None


class Strategies:
    """All strategies of one engine.

    strategies_max: how many may be connected. outbox_max: events kept for one strategy. archive:
    where older ones are; None: nowhere.
    standings: every strategy known from the runs before this one, by name. tokens: the secret of
    each strategy; where there is one, a strategy without is not admitted. heartbeat_ms: how often a
    strategy of a name should be heard. now: when the engine started.

    has_parked: where False, everyone who is connected was told everything, events and answers (see
    questions.py, snapshots.py). Where True it may be otherwise: whoever finds that it is not says
    False.
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
        standings: dict[str, Standing],
        tokens: Mapping[str, bytes] = NO_TOKENS,
        heartbeat_ms: Callable[[str], int] = lambda name: 0,
        now: int = 0,
    ) -> None:
        self.bus = bus
        self.register = register
        self.epoch = epoch
        self.strategies_max = strategies_max
        self.outbox_max = outbox_max
        self.valid_for_ms_max = valid_for_ms_max
        self._tokens = tokens
        self._heartbeat_ms = heartbeat_ms
        self.has_parked = False
        self.by_number: dict[int, Strategy] = {}
        self._by_name: dict[str, Strategy] = {}
        self._by_peer: dict[bytes, Strategy] = {}
        self.archive: Archive | None = None
        self._questions: dict[int, Strategy] = {}
        # Sockets of strategies that were cut off; False: it was not told yet.
        self._cut_off: dict[bytes, tuple[Strategy, bool]] = {}
        self._newly_lagging: list[tuple[Strategy, int]] = []
        self._new_names = 0
        self._new_names_since_ns = -SECOND_NS
        # Reports of their orders may come before they connect again.
        for name, standing in standings.items():
            self._enter(name, standing, now)

    def of(self, peer: bytes) -> Strategy | None:
        """The strategy a socket is bound to."""
        return self._by_peer.get(peer)

    def known(self, name: str) -> Strategy | None:
        """The strategy of this name."""
        return self._by_name.get(name)

    def named(self, name: str, now: int) -> Strategy:
        """The strategy of this name, entered where it never was. Raises RegisterError."""
        return self._by_name.get(name) or self._enter(name, Standing(), now)

    def hello(self, peer: bytes, hello: Hello, now: int, session_state: str) -> Strategy | None:
        """Bind a socket to a strategy and send what it missed; None where it was refused."""
        refusal = self._why_not(peer, hello, now)
        if refusal is not None:
            self._refuse_hello(peer, now, *refusal)
            return None
        strategy = self._by_name.get(hello.strategy)
        if strategy is None:
            too_many = self._why_no_new_name(now)
            if too_many is not None:
                self._refuse_hello(peer, now, *too_many)
                return None
            try:
                strategy = self._enter(hello.strategy, Standing(), now)
            except RegisterError as problem:
                self._refuse_hello(peer, now, RefusedReason.STATE_FAILED, str(problem))
                return None
        self._unbind(strategy)
        strategy.peer = peer
        strategy.heard_ns = now
        strategy.wants_sent = hello.wants_sent
        self._cut_off.pop(peer, None)
        self._by_peer[peer] = strategy
        self._welcome(strategy, peer, hello.resume_from, now, session_state)
        return strategy

    def acknowledge(self, strategy: Strategy, report_seq: int) -> None:
        """The strategy has processed everything up to this number."""
        last = min(report_seq, strategy.unsent - 1)
        for seq in range(strategy.first, last + 1):
            strategy.outbox.pop(seq, None)
        strategy.first = max(strategy.first, last + 1)
        strategy.acknowledged = max(strategy.acknowledged, last)

    def deliver(self, strategy: Strategy, payload: bytes, now: int) -> None:
        """Keep an event that has the strategy's next number, and send it, unless earlier ones are
        still waiting.
        """
        seq = strategy.next_seq
        strategy.next_seq = seq + 1
        strategy.outbox[seq] = payload
        if len(strategy.outbox) > self.outbox_max:
            del strategy.outbox[strategy.first]
            strategy.first += 1
            behind = strategy.next_seq - strategy.unsent
            if behind > strategy.behind + self.outbox_max and strategy.peer is not None:
                self._cut_off[strategy.peer] = strategy, False
                self._newly_lagging.append((strategy, behind))
                self._unbind(strategy)
        peer = strategy.peer
        if peer is None:
            return
        if strategy.unsent != seq or not self._send_next(strategy, peer, now):
            self.has_parked = True

    def restore(self, name: str, unread: list[bytes]) -> None:
        """Events of an earlier run up to the strategy's last number: they may have been read."""
        strategy = self._by_name[name]
        strategy.first = strategy.next_seq - len(unread)
        for seq, payload in enumerate(unread, strategy.first):
            strategy.outbox[seq] = payload

    def lagging(self, peer: bytes, now: int) -> Strategy | None:
        """The strategy that was cut off on this socket; it is told, if it was not yet."""
        strategy, told = self._cut_off.get(peer, (None, True))
        if not told:
            self._tell_lagging(peer, now)
        # Once it is bound to another socket, nobody else speaks for it.
        return None if strategy is None or strategy.peer is not None else strategy

    def take_lagging(self) -> list[tuple[Strategy, int]]:
        """Strategies that were cut off since the last call, and how many events each was behind."""
        taken, self._newly_lagging = self._newly_lagging, []
        return taken

    def found(self, number: int, events: list[bytes], until: int, now: int) -> None:
        """A piece of the archive's answer to a question; see journal/archive.py."""
        strategy = self._questions.get(number)
        if strategy is None:
            return
        for payload in events:
            strategy.late[report_seq_of(payload)] = payload
        if until:
            strategy.searched = until
            self._forget_question(strategy)
        self.catch_up(strategy, SLICE_EVENTS, now)

    def ask_anew(self) -> None:
        """The archive will not answer what it was asked."""
        for strategy in list(self._questions.values()):
            self._forget_question(strategy)

    def answer(self, peer: bytes, event: Any) -> None:
        """Answer a socket that is bound to no strategy; lost if it does not read."""
        self.bus.send(peer, encode(event))

    def catch_up(self, strategy: Strategy, events_max: int, now: int) -> bool:
        """Send parked events, at most events_max; whether there are more that could be sent."""
        while strategy.peer is not None and strategy.unsent < strategy.next_seq:
            if events_max == 0:
                self.has_parked = True
                return True
            events_max -= 1
            if not self._send_next(strategy, strategy.peer, now):
                self.has_parked = True
                return False
        return False

    def probe(self, now: int) -> None:
        """Say a Heartbeat to every connected strategy: those that left without a word are found.
        Tell those that were cut off, and did not take it yet.
        """
        for peer in list(self._cut_off):
            self._tell_lagging(peer, now)
        for strategy in list(self._by_peer.values()):
            if strategy.peer and self.bus.send(strategy.peer, HEARTBEAT) is Handed.GONE:
                self._unbind(strategy)

    def waiting(self) -> list[Strategy]:
        """Connected strategies with events that were not handed to the bus."""
        return [
            strategy for strategy in self._by_peer.values() if strategy.unsent < strategy.next_seq
        ]

    # --- small steps ------------------------------------------------------------------------

    def _why_not(self, peer: bytes, hello: Hello, now: int) -> tuple[RefusedReason, str] | None:
        """Why a Hello is refused, or None."""
        if not STRATEGY_NAME.match(hello.strategy):
            text = "Hello.strategy: expected 1..32 characters of a-z A-Z 0-9 - _"
            return RefusedReason.MALFORMED, text
        if not self.knows_token(hello):
            text = (
                "the token is not this strategy's; give the client what its token_file holds"
                if hello.strategy in self._tokens
                else f"no [strategy.{hello.strategy}] with a token_file is configured"
            )
            return RefusedReason.BAD_TOKEN, text
        bound = self._by_peer.get(peer)
        if bound is not None and bound.name != hello.strategy:
            return RefusedReason.MALFORMED, f"this socket is already bound to {bound.name}"
        strategy = self._by_name.get(hello.strategy)
        if strategy is not None and strategy.peer not in (None, peer):
            alive = self.bus.send(strategy.peer, HEARTBEAT) is not Handed.GONE
            if alive:
                text = f"strategy {hello.strategy} is connected already, on another socket"
                return RefusedReason.ALREADY_CONNECTED, text
            self._unbind(strategy)
        if bound is None and len(self._by_peer) >= self.strategies_max:
            # Who left without a word still has a seat; ask each before turning one away.
            self.probe(now)
            if len(self._by_peer) >= self.strategies_max:
                text = f"bus.strategies_max ({self.strategies_max}) strategies are connected"
                return RefusedReason.LIMIT, text
        return None

    def knows_token(self, hello: Hello) -> bool:
        """Whether it says the strategy's secret, where one is needed."""
        if not self._tokens:
            return True
        token = self._tokens.get(hello.strategy, b"")
        return bool(token) and compare_digest(token, (hello.token or "").encode())

    def _why_no_new_name(self, now: int) -> tuple[RefusedReason, str, int | None] | None:
        """Why no new strategy is entered now, or None, which counts as one entered."""
        names_max = self.strategies_max * NAMES_PER_SEAT_MAX
        if len(self._by_name) >= names_max:
            text = (
                f"{len(self._by_name)} names are known, and bus.strategies_max"
                f" ({self.strategies_max}) allows {names_max}; use one of them, or raise it"
            )
            return RefusedReason.LIMIT, text, None
        if now - self._new_names_since_ns >= SECOND_NS:
            self._new_names_since_ns = now
            self._new_names = 0
        if self._new_names >= NEW_NAMES_PER_SECOND_MAX:
            wait_ns = self._new_names_since_ns + SECOND_NS - now
            text = f"{NEW_NAMES_PER_SECOND_MAX} new strategies were entered in this second"
            return RefusedReason.LIMIT, text, -(-wait_ns // MILLISECOND_NS)
        self._new_names += 1
        return None

    def _tell_lagging(self, peer: bytes, now: int) -> None:
        """Tell a socket that it was cut off, or see whether it is still there."""
        strategy, told = self._cut_off[peer]
        payload = HEARTBEAT
        if not told:
            text = (
                f"more than bus.report_buffer_max ({self.outbox_max}) events behind: cut off until"
                " Hello, and every event is told from there"
            )
            head = 0, self.epoch, "", False, now
            payload = encode(Refused(*head, "", RefusedReason.LAGGING.value, text))
        handed = self.bus.send(peer, payload)
        if handed is GONE:
            del self._cut_off[peer]
        elif handed is TAKEN:
            self._cut_off[peer] = strategy, True

    def _forget_question(self, strategy: Strategy) -> None:
        if strategy.question is not None:
            self._questions.pop(strategy.question, None)
            strategy.question = None

    def _must_wait(self, strategy: Strategy) -> bool:
        """Whether the archive is to say first what it has of the next event."""
        if self.archive is None or strategy.unsent <= strategy.searched:
            return False
        if strategy.question is None:
            asked = strategy.unsent, strategy.first - 1
            strategy.question = self.archive.ask(strategy.name, *asked)
            if strategy.question is not None:
                self._questions[strategy.question] = strategy
        return True

    def _unbind(self, strategy: Strategy) -> None:
        if strategy.peer is not None:
            self._by_peer.pop(strategy.peer, None)
            strategy.peer = None

    def _send_next(self, strategy: Strategy, peer: bytes, now: int) -> bool:
        seq = strategy.unsent
        payload = strategy.outbox.get(seq)
        if payload is None:
            payload = strategy.late.get(seq)
        if payload is None:
            if self._must_wait(strategy):
                return False
            kept = next(iter(strategy.late), strategy.searched + 1)
            kept = strategy.first if kept <= seq else kept
            text = "these events can no longer be delivered; ask the venue what became of orders"
            gap = Gap(0, self.epoch, "", False, now, seq, kept - 1, text)
            handed = self.bus.send(peer, encode_event(gap, kept - 1))
            following = kept
        else:
            if seq < strategy.sent_high:
                again = bytearray(payload)
                mark_replayed(again)
                payload = bytes(again)
            handed = self.bus.send(peer, payload)
            following = seq + 1
        if handed is GONE:
            self._unbind(strategy)
        if handed is not TAKEN:
            return False
        strategy.unsent = following
        strategy.sent_high = max(strategy.sent_high, following)
        if strategy.behind:
            strategy.behind = min(strategy.behind, strategy.next_seq - following)
        if strategy.late:
            strategy.late.pop(seq, None)
        return True

    def _enter(self, name: str, standing: Standing, now: int) -> Strategy:
        number = self.register.strategy_number(name)
        strategy = Strategy(name, number, standing, now)
        self._by_name[name] = self.by_number[number] = strategy
        return strategy

    def _welcome(
        self,
        strategy: Strategy,
        peer: bytes,
        resume_from: int | None,
        now: int,
        session_state: str,
    ) -> None:
        if resume_from is None:
            strategy.unsent = strategy.acknowledged + 1
        elif resume_from > strategy.next_seq or strategy.begun == strategy.sent_high < resume_from:
            # It knows more than we do, or than was handed over before this run, which has handed
            # over nothing yet: the end of that record is lost, as a loss of power leaves it, and
            # the numbers are now those of other events.
            strategy.unsent = max(strategy.acknowledged + 1, strategy.begun)
        else:
            strategy.unsent = max(1, resume_from)
            self.acknowledge(strategy, strategy.unsent - 1)
        strategy.behind = strategy.next_seq - strategy.unsent
        strategy.late.clear()
        strategy.searched = 0
        self._forget_question(strategy)
        welcome = Welcome(
            strategy=strategy.name,
            strategy_number=strategy.number,
            epoch=self.epoch,
            next_seq=strategy.unsent,
            engine_now_ns=now,
            state="ready",
            valid_for_ms_max=self.valid_for_ms_max,
            session_state=session_state,
            heartbeat_ms=self._heartbeat_ms(strategy.name),
        )
        self.bus.send(peer, encode(welcome))
        self.catch_up(strategy, SLICE_EVENTS, now)

    def _refuse_hello(
        self,
        peer: bytes,
        now: int,
        reason: RefusedReason,
        text: str,
        retry_after_ms: int | None = None,
    ) -> None:
        head = 0, self.epoch, "", False, now
        self.answer(peer, Refused(*head, "", reason.value, text, retry_after_ms))
