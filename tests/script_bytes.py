"""Bytes of scripts: read by nothing of the engine, so that a defect of its codec shows."""

from __future__ import annotations

import re

SOH = b"\x01"


def length_field(value: str, body: bytes) -> bytes:
    """BodyLength<9> of a body, as a script wants it."""
    if value == "*":
        value = "%d"
    if value[0] in "+-":
        return b"9=%d\x01" % (len(body) + int(value))
    return b"9=%s\x01" % (value % len(body) if "%" in value else value).encode()


def check_sum_field(value: str, data: bytes) -> bytes:
    """CheckSum<10> of what stands before it, as a script wants it."""
    shift = int(value) if value[0] in "+-" else 0
    if value != "*" and not shift:
        return b"10=%s\x01" % value.encode()
    return b"10=%03d\x01" % ((sum(data) + shift) % 256)


def after(seq: int) -> int:
    """The MsgSeqNum behind this one."""
    return (seq + 1) % (1 << 32)


def flat(frame: bytes) -> list[tuple[int, bytes]]:
    """Tags and values as they stand, read by nothing of the engine; data fields by length."""
    pairs: list[tuple[int, bytes]] = []
    at = 0
    while at < len(frame):
        equals = frame.index(b"=", at)
        tag = int(frame[at:equals])
        end = frame.index(SOH, equals)
        if tag == 96 and pairs and pairs[-1][0] == 95:
            end = equals + 1 + int(pairs[-1][1])
        pairs.append((tag, frame[equals + 1 : end]))
        at = end + 1
    return pairs


def like(pattern: str, text: str) -> bool:
    """Whether a text is the pattern, in which `*` is any text."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), text, re.DOTALL) is not None


def shown(frame: bytes) -> str:
    """A message for people."""
    return frame.replace(SOH, b"|").decode("utf-8", "backslashreplace")


def fault_of(frame: bytes, right: dict[int, bytes]) -> str | None:
    """What is wrong with a message of ours: its first three fields and its last, its BodyLength
    and CheckSum, or one of these values; None where all is right.
    """
    came = flat(frame)
    body = frame[frame.index(b"\x0135=") + 1 : frame.rindex(b"\x0110=") + 1]
    checked = frame[: frame.rindex(b"\x0110=") + 1]
    right = {9: b"%d" % len(body), 10: b"%03d" % (sum(checked) % 256), **right}
    if [tag for tag, _ in came[:3]] != [8, 9, 35] or came[-1][0] != 10:
        return "8, 9, 35 first and 10 last"
    values = dict(came)
    wrong = [tag for tag in right if values.get(tag) != right[tag]]
    return f"{wrong[0]}={right[wrong[0]].decode()}" if wrong else None
