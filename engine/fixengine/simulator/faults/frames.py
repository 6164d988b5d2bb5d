"""What is done to one message of the venue, bytes in and bytes out. No I/O.

The messages are the venue's own and therefore sound, and none of them has a field of raw data: a
message is its fields joined by SOH. A field that is changed keeps its place; BodyLength and
CheckSum are made right again, so that only what was asked for is wrong.
"""

from __future__ import annotations

from fixengine import wire
from fixengine.fix import fields
from fixengine.simulator.faults.active import Active, Faults

SOH = b"\x01"
HEADER_BY_SEQ = (b"34", b"49", b"52", b"56")
GARBAGE = b"8=FIX.4.4\x01this is no FIX message\x01"
CHECK_SUM_DIGITS = 3
CHECK_SUM_BYTES = len(b"10=000\x01")
FRAMING = fields.BODY_LENGTH, fields.CHECK_SUM
REPORT = (
    b"17=1\x0111=nobody\x0137=1\x0138=1.00000000\x0140=2\x0154=1\x0155=BTCUSDT\x0144=1.00000000"
    b"\x01150=0\x0114=0.00000000\x0132=0.00000000\x0139=0"
)

Fields = list[tuple[bytes, bytes]]


def apply(frame: bytes, faults: Faults, session: str) -> list[bytes]:
    """The messages that leave in place of one; none where it is left out."""
    kind = kind_of(frame)
    if kind == fields.LOGON and (found := faults.take("instead-of-logon", session)):
        frame = instead_of_logon(frame, found)
        kind = kind_of(frame)
    if faults.take("drop", session, kind):
        return []
    asked = faults.take_all("field", session, kind)
    values = {found.values["tag"]: found.values["value"].encode() for found in asked}
    body_length, check_sum = (values.pop(tag, None) for tag in FRAMING)
    for tag, value in values.items():
        frame = with_field(frame, tag, value)
    if found := faults.standing("wrong-clock", session):
        frame = with_clock(frame, found.values["ms"])
    if faults.standing("header-order", session):
        frame = with_header_by_seq(frame)
    if found := faults.standing("padded-length", session):
        frame = join(*split(frame), digits=found.values["digits"])
    if body_length is not None:
        frame = with_body_length(frame, body_length)
    if faults.take("corrupt", session, kind):
        frame = corrupt(frame)
    if check_sum is not None:
        frame = with_check_sum(frame, check_sum)
    return [frame, frame] if faults.take("duplicate", session, kind) else [frame]


def kind_of(frame: bytes) -> bytes:
    """MsgType<35>; the third field of every message of the venue."""
    return frame.split(SOH, 3)[2].partition(b"=")[2]


def split(frame: bytes) -> tuple[bytes, Fields]:
    """BeginString, and the fields between BodyLength and CheckSum."""
    parts = frame.split(SOH)
    begin_string = parts[0].partition(b"=")[2]
    pairs = (part.partition(b"=") for part in parts[2:-2])
    return begin_string, [(tag, value) for tag, _, value in pairs]


def join(begin_string: bytes, found: Fields, digits: int = 0) -> bytes:
    """A message of these fields; BodyLength has at least so many digits."""
    body = b"".join(b"%b=%b\x01" % pair for pair in found)
    message = b"8=%b\x019=%b\x01%b" % (begin_string, str(len(body)).zfill(digits).encode(), body)
    return message + b"10=%03d\x01" % (sum(message) % 256)


def with_field(frame: bytes, tag: int, value: bytes) -> bytes:
    """With another value in a field, which is put to the end where it is not there yet.

    An empty value takes the field out.
    """
    begin_string, found = split(frame)
    name = b"%d" % tag
    if tag == fields.BEGIN_STRING:
        return join(value, found)
    if not value:
        return join(begin_string, [pair for pair in found if pair[0] != name])
    if name not in dict(found):
        found.append((name, value))
    return join(begin_string, [(key, value if key == name else old) for key, old in found])


def with_body_length(frame: bytes, value: bytes) -> bytes:
    """With another BodyLength<9>, or without where value is empty, and the CheckSum of that."""
    begin_string, _, body = frame[:-CHECK_SUM_BYTES].split(SOH, 2)
    message = begin_string + SOH + (b"9=%b\x01" % value if value else b"") + body
    return message + b"10=%03d\x01" % (sum(message) % 256)


def with_check_sum(frame: bytes, value: bytes) -> bytes:
    """With another CheckSum<10>, or without where value is empty."""
    return frame[:-CHECK_SUM_BYTES] + (b"10=%b\x01" % value if value else b"")


def with_clock(frame: bytes, ahead_ms: int) -> bytes:
    """With a SendingTime<52> so far ahead."""
    sent = dict(split(frame)[1])[b"52"]
    stamp = wire.stamp(wire.stamp_ns(sent) + ahead_ms * 1_000_000)
    return with_field(frame, fields.SENDING_TIME, stamp)


def with_header_by_seq(frame: bytes) -> bytes:
    """With the header in the order 35, 34, 49, 52, 56."""
    begin_string, found = split(frame)
    head = dict(found)
    first = [found[0], *((tag, head[tag]) for tag in HEADER_BY_SEQ if tag in head)]
    rest = [pair for pair in found[1:] if pair[0] not in HEADER_BY_SEQ]
    return join(begin_string, first + rest)


def corrupt(frame: bytes) -> bytes:
    """With a CheckSum one too high."""
    head, digits = frame[: -CHECK_SUM_DIGITS - 1], frame[-CHECK_SUM_DIGITS - 1 : -1]
    return head + b"%03d\x01" % ((int(digits) + 1) % 256)


def garbage(count: int) -> bytes:
    """So many bytes that are no FIX."""
    return (GARBAGE * (count // len(GARBAGE) + 1))[:count]


def instead_of_logon(frame: bytes, fault: Active) -> bytes:
    """Another message under the header of a Logon."""
    begin_string, found = split(frame)
    head = [pair for pair in found[1:] if pair[0] in (b"49", b"56", b"34", b"52")]
    kind, rest = {
        "heartbeat": (fields.HEARTBEAT, b""),
        "logout": (fields.LOGOUT, b"58=" + (fault.values["text"] or "Not now.").encode()),
        "report": (fields.EXECUTION_REPORT, REPORT),
    }[fault.values["send"]]
    pairs = (part.partition(b"=") for part in rest.split(SOH) if part)
    body = [(tag, value) for tag, _, value in pairs]
    return join(begin_string, [(b"35", kind), *head, *body])
