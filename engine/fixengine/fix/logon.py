"""The handshake: what differs between the side that connects and the side that accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.session import Session
from fixengine.fix.states import State
from fixengine.fix.venue import Complaint, Sender, plan


class Initiator:
    """Logs on to a venue.

    sign: the payload's bytes -> the base64 signature; it holds the private key and nobody else
    does. heart_bt_int: seconds. message_handling: MessageHandling<25035>. response_mode:
    ResponseMode<25036>, or None to leave it out. more: further values of the Logon, by name.
    """

    def __init__(
        self,
        api_key: str,
        sign: Callable[[bytes], bytes],
        *,
        heart_bt_int: int,
        message_handling: int,
        response_mode: int | None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self._api_key = api_key
        self._sign = sign
        self.heart_bt_int = heart_bt_int
        self.message_handling = message_handling
        self.response_mode = response_mode
        self.more = more or {}

    def connected(self, session: Session, now: int) -> State:
        """Send the signed Logon."""
        venue = session.venue
        sending_time = session.stamp(now)
        payload = venue.logon_payload(
            session.client_comp_id, venue.venue_comp_id, session.next_out, sending_time
        )
        values = venue.logon_values(
            self._sign(payload),
            self._api_key,
            self.heart_bt_int,
            self.message_handling,
            self.response_mode,
        )
        session.heartbeat_ns = self.heart_bt_int * venue.second_ns
        session.emit_logon({**values, **self.more}, now, sending_time)
        return State.LOGON_SENT

    def logon(self, session: Session, message: wire.Message, now: int) -> Complaint | None:
        """The venue's answer: HeartBtInt<108> must be ours."""
        try:
            heart_bt_int = message.get_int(fields.HEART_BT_INT)
        except wire.RemoteProtocolError as problem:
            return Complaint(None, fields.VALUE_IS_INCORRECT, str(problem))
        if heart_bt_int != self.heart_bt_int:
            text = f"Logon answers HeartBtInt {heart_bt_int}, {self.heart_bt_int} was asked"
            return Complaint(None, fields.VALUE_IS_INCORRECT, text)
        return None


class Acceptor:
    """Lets clients log on.

    judge: (fields of the Logon, the message, now) -> what is wrong with it, or None. It checks
    key, signature, limits and options; syntax was checked before. answer: values of our Logon.
    """

    def __init__(
        self,
        judge: Callable[[wire.Message, wire.Message, int], Complaint | None],
        uuid: str,
    ) -> None:
        self._judge = judge
        self._uuid = uuid
        self._plan: wire.Plan | None = None

    def connected(self, session: Session, now: int) -> State:
        """Wait for the client."""
        return State.LOGON_AWAITED

    def logon(self, session: Session, message: wire.Message, now: int) -> Complaint | None:
        """Judge the client's Logon and answer it."""
        if self._plan is None:
            self._plan = plan(session.venue, fields.LOGON, Sender.CLIENT)
        logon = self._plan.read(message)
        try:
            logon.check()
        except wire.RemoteProtocolError as problem:
            missing = problem.reason == "missing"
            reason = (
                fields.REQUIRED_TAG_MISSING if missing else fields.INCORRECT_DATA_FORMAT_FOR_VALUE
            )
            text = f"Required tag '{problem.tag}' missing." if missing else str(problem)
            return Complaint(-1102, reason, text, problem.tag)
        complaint = self._judge(logon, message, now)
        if complaint is not None:
            return complaint
        heart_bt_int: int = logon.value("heart_bt_int")
        session.heartbeat_ns = heart_bt_int * session.venue.second_ns
        values = {"encrypt_method": 0, "heart_bt_int": heart_bt_int, "uuid": self._uuid}
        session.emit_logon(values, now, session.stamp(now))
        return None
