"""What the venue does at once to sessions that are logged on; and News, which goes on by itself.

Maintenance is News every ten seconds with a number that counts down, then a last text with ten
seconds left, then Logout (spec sections 2 and 22.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fixengine.fix import fields
from fixengine.fix.states import State
from fixengine.simulator.connection import Connection
from fixengine.simulator.delivery import Delivery
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.faults import frames
from fixengine.simulator.faults.names import Asked, FaultError
from fixengine.simulator.venue import Play

NEWS_EVERY_S = 10
COUNTDOWN = "You'll be disconnected in %d seconds. Please reconnect."
LAST_NEWS = "Your connection is about to be closed. Please reconnect."
MAINTENANCE = "The server is going into maintenance."
LOGOUT = "Logged out on demand."

End = Callable[[Connection, str, int], None]
"""end(connection, text, now): the venue logs a session out."""


@dataclass(slots=True)
class Countdown:
    """Maintenance of one session: what is left, and when (monotonic ns) it is told next."""

    connection: Connection
    seconds: int
    next_ns: int


class Acts:
    """Carries acts out; see the module's top."""

    def __init__(
        self, play: Play, exchange: Exchange, delivery: Delivery, end: End, uuid: str
    ) -> None:
        self._play = play
        self._exchange = exchange
        self._delivery = delivery
        self._end = end
        self._uuid = uuid
        self._countdowns: list[Countdown] = []

    def do(self, asked: Asked, connections: list[Connection], now: int) -> None:
        """Carry out an act on each of these sessions. FaultError where that cannot be."""
        name, values = asked.fault.name, asked.values
        if name == "burst":
            self._burst(connections, values["count"], now)
            return
        for connection in connections:
            if name == "news":
                self.clear(name, connection.comp_id)
                self._countdowns.append(Countdown(connection, values["seconds"], now))
            elif name == "logout":
                self._end(connection, values["text"] or LOGOUT, now)
            elif name == "garbage":
                connection.link.write_raw(frames.garbage(values["bytes"]))
            elif name == "second-logon":
                self._logon(connection, now)
            else:
                connection.link.end(name)
        self.tick(now)

    def clear(self, name: str | None, session: str | None) -> int:
        """Stop counting down; how many were."""
        if name not in (None, "news"):
            return 0
        before = len(self._countdowns)
        self._countdowns = [
            one for one in self._countdowns if session not in (None, one.connection.comp_id)
        ]
        return before - len(self._countdowns)

    def tick(self, now: int) -> None:
        """Time has passed."""
        for one in list(self._countdowns):
            if one.connection.session.state is not State.ACTIVE:
                self._countdowns.remove(one)
            elif now >= one.next_ns:
                self._count_down(one, now)

    def _count_down(self, one: Countdown, now: int) -> None:
        if one.seconds <= 0:
            self._countdowns.remove(one)
            self._end(one.connection, MAINTENANCE, now)
            return
        last = one.seconds <= NEWS_EVERY_S
        headline = LAST_NEWS if last else COUNTDOWN % one.seconds
        self._delivery.answer(one.connection, fields.NEWS, {"headline": headline}, now)
        one.seconds = 0 if last else one.seconds - NEWS_EVERY_S
        one.next_ns += NEWS_EVERY_S * self._play.second_ns

    def _logon(self, connection: Connection, now: int) -> None:
        session = connection.session
        heart_bt_int = session.heartbeat_ns // self._play.second_ns
        values = {"encrypt_method": 0, "heart_bt_int": heart_bt_int, "uuid": self._uuid}
        session.emit_logon(values, now, session.stamp(now))
        self._delivery.wants_flush(connection)

    def _burst(self, connections: list[Connection], count: int, now: int) -> None:
        credential = connections[0].credential
        assert credential is not None
        wall = now + connections[0].session.offset_ns
        answers = self._exchange.burst(credential.account, count, wall)
        if isinstance(answers, str):
            raise FaultError(f"burst: {answers}")
        self._delivery.deliver(answers, None, now)
