"""What a session does wrong with the messages of its client. No I/O."""

from __future__ import annotations

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.peek import peek_number, peek_text
from fixengine.fix.session import Session
from fixengine.fix.states import State
from fixengine.fix.venue import Complaint
from fixengine.simulator import admission, refusals
from fixengine.simulator.faults import frames
from fixengine.simulator.faults.active import Active, Faults

UNKNOWN_SEQ = 1_000_000_000
LOGON_TEXTS = {
    admission.BAD_SIGNATURE.code: admission.BAD_SIGNATURE,
    admission.BAD_KEY.code: admission.BAD_KEY,
    admission.COMP_ID_IN_USE.code: admission.COMP_ID_IN_USE,
    -1021: refusals.complaint(
        -1021, "Timestamp for this request is outside of the recvWindow.", fields.SENDING_TIME
    ),
    -1034: refusals.complaint(-1034, "Too many concurrent connections; current limit is '10'."),
}
"""What the venue says to the codes it refuses a Logon with."""


def refuses_logon(session: Session, faults: Faults) -> Complaint | None:
    """What a Logon that is in order is refused with."""
    fault = faults.take("refuse-logon", session.client_comp_id)
    if fault is None:
        return None
    code, text = fault.values["code"], fault.values["text"]
    known = LOGON_TEXTS.get(code, refusals.complaint(code, "Not now."))
    return known._replace(text=text) if text else known


def swallows(session: Session, faults: Faults, message: wire.Message, now: int) -> bool:
    """Whether a message is taken, its number used up, and nothing follows."""
    if not faults.active:
        return False
    who = session.client_comp_id or peek_text(message, fields.SENDER_COMP_ID)
    if faults.take("swallow", who, message.kind) is None:
        return False
    session.last_received_ns = now
    session.next_in += 1
    return True


def logs_out_for_seq(session: Session, faults: Faults, message: wire.Message) -> str | None:
    """The text of the Logout that a wrong MsgSeqNum meets, where it meets one."""
    if session.state is not State.ACTIVE:
        return None
    if faults.standing("bad-seq-logout", session.client_comp_id) is None:
        return None
    seq = peek_number(message, fields.MSG_SEQ_NUM)
    if seq is None or seq == session.next_in:
        return None
    return str(session.venue.complaints["bad_seq_num"].text % session.next_in)


def rejects(session: Session, faults: Faults, message: wire.Message, now: int) -> bool:
    """Whether a message was answered with a Reject that it does not deserve."""
    fault = faults.take("reject", session.client_comp_id, message.kind)
    if fault is None:
        return False
    values = fault.values
    text = values["text"] or "Rejected on demand."
    complaint = Complaint(values["code"] or None, values["reason"], text)
    session.reject(complaint, None if values["ref"] == "absent" else message, now)
    if values["ref"] == "unknown":
        frame = frames.with_field(session.output[-1], fields.REF_SEQ_NUM, b"%d" % UNKNOWN_SEQ)
        session.output[-1] = frame
    return True


def unsay_heartbeats(session: Session, faults: Faults) -> None:
    """Take Heartbeats back that stand last in the output, as if they had no number."""
    if faults.standing("mute-heartbeats", session.client_comp_id) is None:
        return
    while session.output and frames.kind_of(session.output[-1]) == fields.HEARTBEAT:
        session.output.pop()
        session.next_out -= 1


def outcome_unknown(fault: Active) -> Complaint:
    """What an order is told whose outcome gets lost."""
    return refusals.OUTCOME_UNKNOWN._replace(code=fault.values["code"])


def is_carried_out(fault: Active, count: int) -> bool:
    """Whether an order whose outcome gets lost is carried out. count: how many came before."""
    carry: str = fault.values["carry"]
    return carry == "always" or (carry == "alternate" and count % 2 == 0)
