"""Misbehaviour on demand, for tests of clients: what the venue does wrong when it is told to.

One fault is named for the life of the venue; without one nothing here does anything. Orders and
accounts stay right under every fault, only the session lies or is silent.
"""

from __future__ import annotations

import asyncio
import socket
from enum import StrEnum

from fixengine.fix.session import Session

RECEIVE_BYTES = 4096
GARBAGE = b"8=FIX.4.4\x01this is no FIX message\x01" * 4


class Fault(StrEnum):
    """What --fault takes.

    STOP_READING: reads nothing more after the Logon, so that a client's bytes stay unsent.
    GARBAGE_AFTER_LOGON: sends bytes that are no FIX after it. MUTE: never answers anything.
    UNKNOWN_OUTCOME: answers each order with -1007; the first, third, ... of a session is carried
    out nevertheless, and its reports follow, the others are not. HOLE: leaves out one MsgSeqNum
    after a session's first report. DUPLICATE_SEQ: uses that report's MsgSeqNum a second time.
    """

    STOP_READING = "stop-reading"
    GARBAGE_AFTER_LOGON = "garbage-after-logon"
    MUTE = "mute"
    UNKNOWN_OUTCOME = "unknown-outcome"
    HOLE = "hole"
    DUPLICATE_SEQ = "duplicate-seq"


class Faults:
    """The fault as one connection plays it."""

    def __init__(self, fault: Fault | None) -> None:
        self._fault = fault
        self._sent = 0
        self._orders = 0

    @property
    def is_mute(self) -> bool:
        """Whether what is read is forgotten."""
        return self._fault is Fault.MUTE

    @property
    def loses_outcome(self) -> bool:
        """Whether orders are answered with -1007."""
        return self._fault is Fault.UNKNOWN_OUTCOME

    def accepts_secretly(self) -> bool:
        """Whether the order whose outcome was lost is carried out; counts it."""
        self._orders += 1
        return self._orders % 2 == 1

    def logged_on(self, transport: asyncio.Transport, session: Session) -> None:
        """The session has just logged on; its Logon is not written yet."""
        if self._fault is Fault.STOP_READING:
            # Without the limits half a megabyte more would be read ahead and thrown away.
            transport.set_read_buffer_limits(high=0)  # type: ignore[attr-defined]
            peer = transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            transport.pause_reading()
        elif self._fault is Fault.GARBAGE_AFTER_LOGON:
            session.output.append(GARBAGE)

    def sent(self, session: Session) -> None:
        """A report was given its MsgSeqNum."""
        self._sent += 1
        if self._sent == 1:
            if self._fault is Fault.HOLE:
                session.next_out += 1
            elif self._fault is Fault.DUPLICATE_SEQ:
                session.next_out -= 1
