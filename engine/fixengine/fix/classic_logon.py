"""The handshake of a classic session: numbers that go on, or start again where one side asks.

Whatever CompIDs, clock and numbers say was judged by the session before it asks here. `logon` says
what is wrong with a Logon and changes nothing; `answer` answers one that is in order.
"""

from __future__ import annotations

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.peek import peek, peek_number
from fixengine.fix.session import Session
from fixengine.fix.states import State
from fixengine.fix.venue import Complaint

SECOND_NS = 1_000_000_000


class ClassicInitiator:
    """Logs on. heart_bt_int: seconds. reset: start both directions at 1 (ResetSeqNumFlag<141>)."""

    def __init__(self, heart_bt_int: int, reset: bool = False) -> None:
        self.heart_bt_int = heart_bt_int
        self.reset = reset

    def connected(self, session: Session, now: int) -> State:
        """Send the Logon, which goes on at the last number unless both are to start again."""
        session.heartbeat_ns = self.heart_bt_int * SECOND_NS
        values = session.venue.logon_values(self.heart_bt_int, self.reset)
        session.emit_logon(values, now, session.stamp(now))
        return State.LOGON_SENT

    def logon(self, session: Session, message: wire.Message, now: int) -> Complaint | None:
        """The answer: HeartBtInt<108> must be ours, and a reset must have been asked for."""
        heart_bt_int = peek_number(message, fields.HEART_BT_INT)
        if heart_bt_int != self.heart_bt_int:
            text = f"Logon answers HeartBtInt {heart_bt_int}, {self.heart_bt_int} was asked"
            return Complaint(None, fields.VALUE_IS_INCORRECT, text)
        asked = self.reset or session.state is not State.LOGON_SENT
        if peek(message, fields.RESET_SEQ_NUM_FLAG) == b"Y" and not asked:
            text = "Logon answers ResetSeqNumFlag Y, which was not asked"
            return Complaint(None, fields.VALUE_IS_INCORRECT, text)
        return None

    def answer(self, session: Session, message: wire.Message, now: int) -> None:
        """The peer started both directions at 1 within the session."""
        values = session.venue.logon_values(self.heart_bt_int, True)
        session.emit_logon(values, now, session.stamp(now))


class ClassicAcceptor:
    """Lets one client log on. reset: every session starts at 1, whatever was before."""

    def __init__(self, reset: bool) -> None:
        self.reset = reset

    def connected(self, session: Session, now: int) -> State:
        """Wait for the client."""
        return State.LOGON_AWAITED

    def logon(self, session: Session, message: wire.Message, now: int) -> Complaint | None:
        """No encryption, HeartBtInt in its bounds, nothing expected of us that was never sent."""
        if peek(message, fields.ENCRYPT_METHOD) != b"0":
            return Complaint(None, fields.VALUE_IS_INCORRECT, "EncryptMethod must be 0")
        heart_bt_int = peek_number(message, fields.HEART_BT_INT)
        low, high = session.venue.heartbeat_s_min, session.venue.heartbeat_s_max
        if heart_bt_int is None or (heart_bt_int and not low <= heart_bt_int <= high):
            text = f"HeartBtInt must be 0 or {low} to {high}"
            return Complaint(None, fields.VALUE_IS_INCORRECT, text)
        expected = peek_number(message, fields.NEXT_EXPECTED_MSG_SEQ_NUM)
        own = 1 if peek(message, fields.RESET_SEQ_NUM_FLAG) == b"Y" else session.next_out
        if expected is not None and expected > own:
            text = f"NextExpectedMsgSeqNum too high, expecting {own} but received {expected}"
            return Complaint(None, fields.VALUE_IS_INCORRECT, text)
        return None

    def answer(self, session: Session, message: wire.Message, now: int) -> None:
        """The same HeartBtInt and ResetSeqNumFlag; NextExpectedMsgSeqNum to who speaks of it."""
        heart_bt_int = peek_number(message, fields.HEART_BT_INT) or 0
        session.heartbeat_ns = heart_bt_int * SECOND_NS
        asked = peek(message, fields.RESET_SEQ_NUM_FLAG) == b"Y"
        values = session.venue.logon_values(heart_bt_int, asked)
        if peek(message, fields.NEXT_EXPECTED_MSG_SEQ_NUM):
            values["next_expected_msg_seq_num"] = session.next_in
        session.emit_logon(values, now, session.stamp(now))
