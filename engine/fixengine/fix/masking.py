"""What must not be read by whoever gets a record or a printout: signatures, keys and passwords.

The journal masks before it writes, and the screens once more before they show, by the same rule.
"""

from __future__ import annotations

import re

SECRET_TAGS = frozenset({96, 553, 554})
"""RawData (the Logon's signature), Username (the API key) and Password."""

SECRET = re.compile(rb"(?:\A|\x01)(95|96|553|554)=")
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
