"""What a message says in one field, for those who must not stumble over it.

The getters of a Message raise for a malformed field. Who reads a field only to compare it, to log
it, or to find out whose message this is, takes a malformed one for an absent one; whether the
message as a whole may be trusted is somebody else's question.
"""

from __future__ import annotations

from fixengine import wire


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
