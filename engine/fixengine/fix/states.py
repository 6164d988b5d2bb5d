"""The states of a session and what leads from one to the next, as data.

    DISCONNECTED -> LOGON_SENT | LOGON_AWAITED -> ACTIVE -> LOGOUT_SENT -> CLOSED

TRANSITIONS names, for a state and a kind of message, the method of Session that deals with it;
OTHERWISE the one for every other kind. Neither knows which side we are.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import NamedTuple

from fixengine.fix import fields


class State(StrEnum):
    """Where a session stands."""

    DISCONNECTED = "disconnected"
    LOGON_SENT = "logon_sent"
    LOGON_AWAITED = "logon_awaited"
    ACTIVE = "active"
    LOGOUT_SENT = "logout_sent"
    CLOSED = "closed"


class Verdict(Enum):
    """What a received message is to the owner of the session."""

    APPLICATION = "application"
    ADMIN = "admin"
    REJECT = "reject"
    DROP = "drop"


class Happening(StrEnum):
    """Kinds of Event."""

    LOGGED_ON = "logged_on"
    LOGON_REFUSED = "logon_refused"
    LOGGED_OUT = "logged_out"
    LOST = "lost"
    STALE = "stale"
    NEWS = "news"
    WARNING = "warning"
    PASSED_OVER = "passed_over"


class Event(NamedTuple):
    """Something the owner must know.

    text: of PASSED_OVER, the ClOrdID of an order that the peer asked for again, and that was not
    sent again. code: the venue's error code where it gave one; of PASSED_OVER, the order's
    MsgSeqNum. clean: of LOGGED_OUT, whether the Logout was ours and answered, so that the venue
    holds nothing against our SenderCompID.
    """

    kind: Happening
    text: str
    code: int | None = None
    clean: bool = False


TRANSITIONS = {
    (State.LOGON_SENT, fields.LOGON): "_logon_answered",
    (State.LOGON_SENT, fields.REJECT): "_logon_refused",
    (State.LOGON_SENT, fields.LOGOUT): "_logon_refused",
    (State.LOGON_AWAITED, fields.LOGON): "_logon_asked",
    (State.ACTIVE, fields.HEARTBEAT): "_heartbeat",
    (State.ACTIVE, fields.TEST_REQUEST): "_test_request",
    (State.ACTIVE, fields.REJECT): "_reject",
    (State.ACTIVE, fields.LOGOUT): "_logout_asked",
    (State.ACTIVE, fields.NEWS): "_news",
    (State.ACTIVE, fields.LOGON): "_second_logon",
    (State.LOGOUT_SENT, fields.HEARTBEAT): "_heartbeat",
    (State.LOGOUT_SENT, fields.TEST_REQUEST): "_test_request",
    (State.LOGOUT_SENT, fields.REJECT): "_reject",
    (State.LOGOUT_SENT, fields.LOGOUT): "_logout_answered",
    (State.LOGOUT_SENT, fields.NEWS): "_news",
    (State.LOGOUT_SENT, fields.LOGON): "_second_logon",
}
OTHERWISE = {
    State.DISCONNECTED: "_after_the_end",
    State.LOGON_SENT: "_before_logon",
    State.LOGON_AWAITED: "_before_logon",
    State.ACTIVE: "_application",
    State.LOGOUT_SENT: "_application",
    State.CLOSED: "_after_the_end",
}
