"""What must not be read by whoever gets a record or a printout: signatures, keys and passwords.

The journal masks before it writes, and the screens once more before they show, by the same rule.
"""

from __future__ import annotations

import re

SECRET_TAGS = frozenset({96, 553, 554})
"""RawData (the Logon's signature), Username (the API key) and Password."""

SECRET = re.compile(rb"(?:\A|\x01)(95|96|553|554)=")
WITHIN = re.compile(
    rb"((?:96|553|554) *=)(.*?)"
    rb"(?=(?:[\x01|\s]|\^A|<SOH>|\\x01|\\u0001|\\001|\xe2\x90\x81)[0-9]{1,5} *=|\Z)",
    re.DOTALL,
)
"""A secret inside another value, up to what looks like a separator and the next tag. Of what only
looks like a separator a password may have some."""

RAW_DATA_LENGTH = re.compile(rb"[0-9]{1,9}\Z")


def mask(data: bytes) -> bytes:
    """A FIX message with the values of tags 96, 553 and 554 overwritten by '*', length unchanged.

    RawData<96> may hold SOH: the length that tag 95 gives counts, and where it disagrees with the
    next SOH the longer one is masked, up to the end of the field it ends in. Takes any bytes and
    never raises; without such a tag the same object is returned.
    """
    if b"96=" not in data and b"553=" not in data and b"554=" not in data:
        return data
    masked = bytearray(data)
    declared = 0
    at = 0
    while found := SECRET.search(data, at):
        start = found.end()
        end = data.find(b"\x01", start)
        if end < 0:
            end = len(data)
        tag = found[1]
        if tag == b"95":
            value = data[start:end]
            declared = int(value) if RAW_DATA_LENGTH.match(value) else 0
        else:
            if tag == b"96":
                # To the end of the field in which the declared length ends.
                end = data.find(b"\x01", max(end, min(start + declared, len(data))))
                end = len(data) if end < 0 else end
            masked[start:end] = b"*" * (end - start)
        at = end
    return bytes(masked)


def mask_within(value: bytes) -> bytes:
    """One value with what stands behind 96=, 553= or 554= in it overwritten, length unchanged.

    So it is where a separator was lost, or is another one than the rest of the message has: then
    one value holds several fields, and `mask` sees none of them. Rather too much is masked than a
    secret shown. Without such a tag the same object is returned.
    """
    if b"=" not in value:
        return value
    return WITHIN.sub(lambda found: found[1] + b"*" * len(found[2]), value)
