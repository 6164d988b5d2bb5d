"""Who may log on: key, signature, options, SenderCompID, and how many connections. No I/O.

A SenderCompID is taken while its session lives. After an end without the client's own Logout it
stays taken for two HeartBtInt from the close of the connection, and the connection counts for
as long (spec sections 2 and 22.1). A refused attempt counts as an attempt and blocks nothing.
Time is wall clock ns for the windows, which are aligned to the clock, and for the quarantine.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.venue import Complaint, Venue, Window
from fixengine.simulator import refusals
from fixengine.simulator.accounts import Account
from fixengine.simulator.refusals import complaint
from fixengine.simulator.syntax import Syntax
from fixengine.simulator.venue import DROP_COPY

RESET_TEXT = (
    "Continuation of sequence numbers to new session is currently unsupported."
    " Sequence numbers must be reset for each new session."
)
COMP_ID_IN_USE = complaint(
    -1033, "SenderCompID(49) is currently in use on this account.", fields.SENDER_COMP_ID
)
BAD_KEY = complaint(-2015, "Invalid API-key, IP, or permissions for action.", fields.USERNAME)
BAD_SIGNATURE = complaint(-1022, "Signature for this request is not valid.", fields.RAW_DATA)
NO_DROP_COPY_HERE = complaint(
    -1184,
    "DropCopy sessions are not supported on this server. Please reconnect to a drop copy server.",
    9406,
)
ONLY_DROP_COPY_HERE = complaint(
    -1185,
    "Only DropCopy sessions are supported on this server."
    " Either reconnect to order entry server or set `DropCopyFlag` field.",
    9406,
)


@dataclass(slots=True)
class Counter:
    """Events in the current fixed window."""

    index: int = 0
    count: int = 0

    def add(self, window: Window, now: int) -> bool:
        """Count one; False when it is one too many."""
        index = now // window.interval_ns
        if index != self.index:
            self.index, self.count = index, 0
        self.count += 1
        return self.count <= window.count_max


@dataclass(slots=True)
class Taken:
    """A SenderCompID. free_at: wall clock ns at which it is free; None while it is in use."""

    role: str
    free_at: int | None = None


@dataclass(slots=True)
class Credential:
    """An API key of an account, with what is counted per account.

    attempts: by role, each of which has servers of its own. taken: by SenderCompID, which is
    unique over both roles.
    """

    account: Account
    public_key: Ed25519PublicKey
    attempts: dict[str, Counter] = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=dict)


class Admission:
    """Judges Logons for one venue."""

    def __init__(self, venue: Venue, credentials: dict[str, Credential]) -> None:
        self._venue = venue
        self._credentials = credentials
        self._syntax = Syntax(venue, fields.LOGON)
        self._by_address: dict[str, Counter] = {role: Counter() for role in venue.profiles}

    def attempted(self, role: str, now: int) -> bool:
        """Count a connection; all come from one address here. False: too many of them."""
        window = self._venue.profiles[role].limits.connection_attempts
        return self._by_address[role].add(window, now)

    def judge(
        self, message: wire.Message, role: str, within_limit: bool, now: int
    ) -> Complaint | Credential:
        """What is wrong with a Logon, or who it is; the session has checked its header.

        within_limit: what `attempted` said of this connection.
        """
        logon = self._syntax.read(message)
        found = logon if isinstance(logon, Complaint) else self._options(logon, role)
        if found is not None:
            return found
        credential = self._credentials.get(logon.username)
        if credential is None:
            return BAD_KEY
        limits = self._venue.profiles[role].limits
        attempts = credential.attempts.setdefault(role, Counter())
        if not attempts.add(limits.connection_attempts, now):
            return _too_many_attempts("for account", limits.connection_attempts)
        if not within_limit:
            return _too_many_attempts("from IP", limits.connection_attempts)
        if not self._signature_fits(credential, logon, message):
            return BAD_SIGNATURE
        comp_id = message.get_str(fields.SENDER_COMP_ID)
        self._release(credential, now)
        if comp_id in credential.taken:
            return COMP_ID_IN_USE
        count = sum(taken.role == role for taken in credential.taken.values())
        if count >= limits.connections_max:
            most = limits.connections_max
            text = f"Too many concurrent connections; current limit is '{most}'."
            return complaint(-1034, text)
        credential.taken[comp_id] = Taken(role)
        return credential

    def ended(self, credential: Credential, comp_id: str, free_at: int | None) -> None:
        """A session is gone. free_at: end of its quarantine; None after a clean Logout."""
        if free_at is None:
            credential.taken.pop(comp_id, None)
        else:
            credential.taken[comp_id].free_at = free_at

    def _release(self, credential: Credential, now: int) -> None:
        over = [
            comp_id
            for comp_id, taken in credential.taken.items()
            if taken.free_at is not None and taken.free_at <= now
        ]
        for comp_id in over:
            del credential.taken[comp_id]

    def _options(self, logon: Any, role: str) -> Complaint | None:
        venue = self._venue
        if logon.encrypt_method != 0:
            return _not_valid(98)
        if not venue.heartbeat_s_min <= logon.heart_bt_int <= venue.heartbeat_s_max:
            return _not_valid(fields.HEART_BT_INT)
        if logon.reset_seq_num_flag != "Y":
            return complaint(-1175, RESET_TEXT, fields.RESET_SEQ_NUM_FLAG)
        if logon.message_handling not in (1, 2):
            return _not_valid(25035)
        if logon.response_mode not in (None, 1, 2):
            return _not_valid(25036)
        if (logon.drop_copy_flag == "Y") != (role == DROP_COPY):
            return ONLY_DROP_COPY_HERE if role == DROP_COPY else NO_DROP_COPY_HERE
        if logon.uuid is not None:
            return refusals.complaint(
                -1170, "Tag '25037' not defined for this message type.", 25037
            )
        return None

    def _signature_fits(self, credential: Credential, logon: Any, message: wire.Message) -> bool:
        payload = self._venue.logon_payload(
            message.get_str(fields.SENDER_COMP_ID),
            message.get_str(fields.TARGET_COMP_ID),
            message.get_int(fields.MSG_SEQ_NUM),
            message.get(fields.SENDING_TIME),
        )
        try:
            signature = base64.b64decode(logon.raw_data, validate=True)
            credential.public_key.verify(signature, payload)
        except (binascii.Error, InvalidSignature):
            return False
        return True


def _not_valid(tag: int) -> Complaint:
    return complaint(-1130, f"Data sent for parameter '{tag}' is not valid.", tag)


def _too_many_attempts(whose: str, window: Window) -> Complaint:
    text = (
        f"Too many connection attempts {whose};"
        f" current limit is {window.count_max} per '{window.name}'."
    )
    return complaint(-1034, text)
