"""What the blocking and the asyncio client share: everything but waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from fixengine import __version__
from fixengine.client.arguments import (
    CHARACTERS_SHOWN,
    MS_MAX,
    check_fields,
    check_size,
    check_text,
    check_whole,
)
from fixengine.client.conversation import Conversation, State
from fixengine.client.errors import NotConnected
from fixengine.client.inquiry import Inquiry
from fixengine.client.place import Dealer, find
from fixengine.client.requests import Asked, Requests
from fixengine.messages import (
    REPORT_SEQ_MAX,
    STRATEGY_NAME,
    Ack,
    Heartbeat,
    Hello,
    Welcome,
    encode,
)

ACK_IDLE_NS = 100_000_000
SPEAK_MS = 500
"""How long to wait at most where something may have to be said meanwhile."""
HEARTBEAT = encode(Heartbeat())
T = TypeVar("T")


class Connection(Requests):
    """One strategy's connection to an engine. See Client for the arguments."""

    def __init__(
        self,
        endpoint: str,
        strategy: str,
        *,
        token: str | None = None,
        resume_from: int | None = None,
        wants_sent: bool = False,
        valid_for_ms: int = 1000,
        answer_timeout_ms: int = 5000,
        connect_timeout_ms: int = 5000,
        ack_every: int = 64,
    ) -> None:
        check_text("endpoint", endpoint)
        check_text("strategy", strategy)
        place = find(endpoint)
        if not STRATEGY_NAME.match(strategy):
            shown = strategy[:CHARACTERS_SHOWN]
            raise ValueError(f"strategy: {shown!r} is not 1..32 characters of a-z A-Z 0-9 - _")
        for name, value, highest in (
            ("resume_from", 1 if resume_from is None else resume_from, REPORT_SEQ_MAX),
            ("valid_for_ms", valid_for_ms, MS_MAX),
            ("answer_timeout_ms", answer_timeout_ms, MS_MAX),
            ("connect_timeout_ms", connect_timeout_ms, MS_MAX),
            ("ack_every", ack_every, REPORT_SEQ_MAX),
        ):
            check_whole(name, value, highest)
        hello = Hello(strategy, token, resume_from, wants_sent, f"fixengine {__version__}")
        check_fields(hello)
        check_size(hello, encode(msgspec.structs.replace(hello, resume_from=REPORT_SEQ_MAX)))
        self._endpoint = endpoint
        self._place = place
        self._now = place.now
        self._strategy = strategy
        self._connect_timeout_ms = connect_timeout_ms
        self._ack_every = ack_every
        self._answer_timeout_ms = answer_timeout_ms
        self._acknowledged_ns = 0
        self._said_ns = 0
        self._dealer: Dealer | None = None
        self._conversation = Conversation(
            hello,
            valid_for_ms=valid_for_ms,
            answer_timeout_ms=answer_timeout_ms,
            clock_is_shared=place.clock_is_shared,
            run_id=place.run_id(),
        )
        self._constructed()

    def _constructed(self) -> None:
        """Called last by the constructor."""

    # --- requests ---------------------------------------------------------------------------

    def _request(self, request: Asked) -> str:
        dealer = self._opened()
        self._watch(dealer)
        if self._conversation.state is not State.READY:
            raise NotConnected(f"{self._endpoint}: {self._why_not_ready()}; nothing was sent")
        now = self._now()
        cl_ord_id, payload = self._conversation.complete(request, now)
        if not dealer.send(payload):
            raise NotConnected(
                f"{self._endpoint}: the engine is gone or does not read; {cl_ord_id!r} was not sent"
            )
        self._conversation.sent(cl_ord_id, now)
        self._said_ns = now
        return cl_ord_id

    # --- state ------------------------------------------------------------------------------

    @property
    def strategy(self) -> str:
        """This strategy's name."""
        return self._strategy

    @property
    def epoch(self) -> int:
        """The run of the engine that welcomed this client last; 0 before the first Welcome."""
        return self._conversation.epoch

    @property
    def welcome(self) -> Welcome | None:
        """The engine's last Welcome: its limits and whether it was still recovering."""
        return self._conversation.welcome

    @property
    def last_report_seq(self) -> int:
        """Number of the last processed event: `resume_from` of a next run is this plus 1.

        The event that the strategy has in hand counts when the next one is asked for.
        """
        return self._conversation.processed

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Ids of requests without an answer in the events read so far, the oldest in front.

        Such a request may be live at the venue. One that raised NoAnswer is no longer among them.
        """
        return self._conversation.unanswered

    @property
    def connected(self) -> bool:
        """Whether an engine has welcomed the present connection, as far as is known now."""
        if self._dealer is None:
            return False
        self._watch(self._dealer)
        return self._conversation.state is State.READY

    def close(self) -> None:
        """Acknowledge what was processed and close. A second call does nothing.

        Waits at most a second for the engine to take what was sent. Raises nothing about
        requests that have no answer yet: they are in `unanswered`, may be live, and may also
        have been lost with the connection.
        """
        dealer, self._dealer = self._dealer, None
        if dealer is not None:
            self._acknowledge(dealer, 1)
            self._conversation.disconnected()
            self._leave(dealer)

    def _leave(self, dealer: Dealer) -> None:
        dealer.close()

    # --- the turn ---------------------------------------------------------------------------

    def _opened(self) -> Dealer:
        if self._dealer is None:
            raise NotConnected(f"{self._endpoint}: this client is not open; make a new one")
        return self._dealer

    def _pump(self, dealer: Dealer) -> bool:
        """Read until an event waits (True) or nothing is left and it is time to wait (False).

        Says Hello and acknowledges when all is read, so that nothing of a former connection
        can be taken for an answer to a new Hello. Raises HelloRefused and NoAnswer.
        """
        conversation = self._conversation
        while not conversation.has_events:
            payload = dealer.receive()
            if payload is not None:
                conversation.receive(payload, self._now())
            elif not self._watch(dealer) and not self._speak(dealer):
                conversation.check(self._now())
                return False
        return True

    def _hear(self, dealer: Dealer, inquiry: Inquiry, take: Callable[[], T | None]) -> T | None:
        """Read what is there, events too, until the answer is complete; ask where it is due.

        None: it is time to wait. Raises as `_pump` and take do.
        """
        conversation = self._conversation
        while (answer := take()) is None:
            payload = dealer.receive()
            if payload is not None:
                conversation.receive(payload, self._now())
            elif self._watch(dealer):
                continue
            elif (
                inquiry.is_due and conversation.state is State.READY and dealer.send(inquiry.ask())
            ):
                inquiry.asked()
                # Sending may have taken the sign that something came in.
                if not dealer.readable():
                    return None
            elif not self._speak(dealer):
                return None
        return answer

    def _nothing_heard(self, what: str) -> NotConnected:
        where = f"{self._endpoint}: no {what} within {self._answer_timeout_ms} ms"
        if self._conversation.state is not State.READY:
            return NotConnected(f"{where}: {self._why_not_ready()}")
        return NotConnected(f"{where}; the engine is there and does not answer: is it well?")

    def _watch(self, dealer: Dealer) -> bool:
        """Take note of what happened to the connection; whether anything did."""
        changes = dealer.changes()
        for up in changes:
            if up:
                self._conversation.connected()
            else:
                self._conversation.disconnected()
        return bool(changes)

    def _speak(self, dealer: Dealer) -> bool:
        """Say what is due now; whether something may have come in meanwhile."""
        if self._conversation.state is State.CONNECTED:
            if dealer.send(self._conversation.hello()):
                self._conversation.greeted()
            return dealer.readable()
        now = self._now()
        heartbeat_ns = self._heartbeat_due_ns
        if heartbeat_ns is not None and now >= heartbeat_ns:
            self._said_ns = now
            return dealer.send(HEARTBEAT) and dealer.readable()
        if now < self._quiet_until_ns():
            return False
        return self._acknowledge(dealer, 1) and dealer.readable()

    @property
    def _heartbeat_due_ns(self) -> int | None:
        """When the engine wants to hear something of us."""
        welcome = self._conversation.welcome
        if welcome is None or not welcome.heartbeat_ms or self._conversation.state is State.DOWN:
            return None
        return self._said_ns + welcome.heartbeat_ms * 1_000_000

    def _processed(self, dealer: Dealer) -> None:
        self._conversation.asked_for_next()
        self._acknowledge(dealer, self._ack_every)

    def _acknowledge(self, dealer: Dealer, at_least: int) -> bool:
        """Acknowledge if so many events are due; whether it was sent.

        An Ack that cannot be sent is no loss: the next one covers it.
        """
        conversation = self._conversation
        number = conversation.acknowledgeable
        if conversation.state is not State.READY or number - conversation.acknowledged < at_least:
            return False
        if not dealer.send(encode(Ack(number))):
            return False
        conversation.acknowledged = number
        self._acknowledged_ns = self._now()
        return True

    def _quiet_until_ns(self) -> int:
        """When a client without anything to do acknowledges what it has processed.

        Not at once: in a busy exchange every event is followed by a moment without one, and an
        Ack for each would double the traffic.
        """
        return self._acknowledged_ns + ACK_IDLE_NS

    def _patience_ms(self, until: int | None) -> int | None:
        """How long to wait now, in ms: until the given time or the next unanswered request."""
        deadline = self._conversation.deadline
        if until is None or (deadline is not None and deadline < until):
            until = deadline
        conversation = self._conversation
        if conversation.acknowledgeable > conversation.acknowledged:
            quiet = self._quiet_until_ns()
            until = quiet if until is None else min(until, quiet)
        heartbeat_ns = self._heartbeat_due_ns
        if heartbeat_ns is not None:
            until = heartbeat_ns if until is None else min(until, heartbeat_ns)
        if until is None:
            return None
        return max(0, -((self._now() - until) // 1_000_000))

    def _waits_for_ever(self, until: int | None) -> bool:
        """Whether neither a timeout nor a request without an answer ends the waiting."""
        return until is None and self._conversation.deadline is None

    def _why_not_ready(self) -> str:
        if self._conversation.state is State.DOWN:
            return "no engine is connected; is it running?"
        return "the engine is back but has not welcomed us yet; read reports()"

    def _not_welcomed(self) -> NotConnected:
        where = f"{self._endpoint}: within {self._connect_timeout_ms} ms"
        if self._conversation.state is State.DOWN:
            return NotConnected(
                f"{where} nothing was listening; is the engine running, and is this the endpoint"
                " in its config?"
            )
        return NotConnected(
            f"{where} something listened but did not answer Hello; is it a fixengine engine, and"
            " is it well?"
        )
