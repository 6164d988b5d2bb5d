"""What a message says in one field, for those who must not stumble over it.

The getters of a Message raise for a malformed field. Who reads a field only to compare it, to log
it, or to find out whose message this is, takes a malformed one for an absent one; whether the
message as a whole may be trusted is somebody else's question.
"""

from __future__ import annotations

from fixengine import wire
from fixengine.fix import fields

TEXT_BYTES_MAX = 256
CHECK_SUM_BYTES = len(b"10=000\x01")


def peek(message: wire.Message, tag: int) -> bytes:
    """The value of the first field with this tag; empty where it is absent or malformed."""
    try:
        value: bytes = message.get(tag, b"")
    except wire.RemoteProtocolError:
        return b""
    return value


def peek_text(message: wire.Message, tag: int) -> str:
    """The same as text; bytes that are no UTF-8 are replaced."""
    return peek(message, tag).decode("utf-8", "replace")


def peek_number(message: wire.Message, tag: int) -> int | None:
    """The integer in the first field with this tag; None where it is absent or malformed."""
    try:
        number: int | None = message.get_int(tag)
    except wire.RemoteProtocolError:
        return None
    return number


def after(seq: int) -> int:
    """The number after this one; SEQNUM rolls over to 0 (spec section 6)."""
    return 0 if seq == fields.SEQ_NUM_MAX else seq + 1


def reread(frame: bytes) -> wire.Message | None:
    """A frame once more, whatever its checksum says; None where it cannot be read at all."""
    framer = wire.Framer()
    checked = frame[:-CHECK_SUM_BYTES]
    framer.feed(checked + b"10=%03d\x01" % (sum(checked) % 256))
    return next(framer, None)


def seq_of(message: wire.Message) -> int | None:
    """MsgSeqNum<34>; None where it is absent, malformed or out of its range."""
    seq = peek_number(message, fields.MSG_SEQ_NUM)
    return seq if seq is not None and 0 <= seq <= fields.SEQ_NUM_MAX else None


def text_of(value: bytes) -> str:
    """Bytes of the peer as text that may be shown and echoed."""
    return printable(value[:TEXT_BYTES_MAX].decode("ascii", "replace"))


def shown(message: wire.Message) -> str:
    """The beginning of a message as a person reads it; the whole is in the journal."""
    return text_of(bytes(message).replace(b"\x01", b"|"))


def printable(text: str) -> str:
    """Printable ASCII only, and bounded: what a Text<58> may hold."""
    return "".join(char if " " <= char <= "~" else "?" for char in text[:TEXT_BYTES_MAX])
