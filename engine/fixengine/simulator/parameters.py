"""Parameters of a web request: read one by one, each refused in the venue's words.

`Wrong` is raised here and caught where the answer is made, so that reading is a straight line.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fixengine import wire
from fixengine.fix.venues.binance.rules import COMPLAINTS

MILLISECOND_NS = 1_000_000
DIGITS_MS_MAX = 13
"""Later than the year 2286 in ms: what has more digits is in microseconds."""
SKEW_AHEAD_NS = 1_000_000_000
RECV_WINDOW_NS_DEFAULT, RECV_WINDOW_NS_MAX = 5000 * MILLISECOND_NS, 60_000 * MILLISECOND_NS
LEGAL = {
    "symbol": (re.compile(r"\w[\w\-._]{0,49}\Z"), r"^[\w\-._&&[^a-z]]{1,50}$"),
    "number": (re.compile(r"[0-9]{1,19}\Z", re.ASCII), "^[0-9]{1,20}$"),
    "window": (re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?\Z"), r"^[0-9]{1,5}(\.[0-9]{1,3})?$"),
    "client id": (re.compile(r"[a-zA-Z0-9-_]{1,36}\Z"), "^[a-zA-Z0-9-_]{1,36}$"),
}


class Wrong(Exception):
    """A request the venue refuses. status: of HTTP; code, text: of the body."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text


def missing(name: str) -> Wrong:
    """A parameter that has to be there."""
    text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return Wrong(400, -1102, text)


class Parameters:
    """What was sent, and what of it was read."""

    def __init__(self, given: Iterable[tuple[str, str]]) -> None:
        self._given: dict[str, str] = {}
        self._read: set[str] = set()
        for name, value in given:
            if name in self._given:
                raise Wrong(400, -1101, "Duplicate values for a parameter detected.")
            self._given[name] = value

    @classmethod
    def of_query(cls, query: str) -> Parameters:
        """Those of a percent-encoded query string."""
        pairs = [piece.partition("=") for piece in query.split("&") if piece]
        return cls((_decoded(name), _decoded(value)) for name, _, value in pairs)

    def text(self, name: str, form: str) -> str | None:
        """A value of one of the forms above, or None where it was not sent."""
        self._read.add(name)
        value = self._given.get(name)
        if value is None:
            return None
        if not value:
            raise Wrong(400, -1105, f"Parameter '{name}' was empty.")
        pattern, shown = LEGAL[form]
        if not pattern.match(value):
            text = f"Illegal characters found in parameter '{name}'; legal range is '{shown}'."
            raise Wrong(400, -1100, text)
        return value

    def number(self, name: str) -> int | None:
        """An integer, or None where it was not sent."""
        value = self.text(name, "number")
        return None if value is None else int(value)

    def raw(self, name: str) -> str | None:
        """A value of any form."""
        self._read.add(name)
        return self._given.get(name)

    def nothing_else(self) -> None:
        """Refuse what nobody asked for."""
        if self._given.keys() - self._read:
            text = (
                f"Not all sent parameters were read; read '{len(self._read & self._given.keys())}'"
                f" parameter(s) but was sent '{len(self._given)}'."
            )
            raise Wrong(400, -1104, text)

    def in_time(self, now: int) -> None:
        """Check timestamp and recvWindow. now: wall clock ns."""
        timestamp = self.number("timestamp")
        if timestamp is None:
            raise missing("timestamp")
        window = self.text("recvWindow", "window")
        window_ns = RECV_WINDOW_NS_DEFAULT if window is None else wire.scaled(window, 6)
        if window_ns > RECV_WINDOW_NS_MAX:
            raise Wrong(400, -1131, "'recvWindow' must be less than 60000.")
        unit = MILLISECOND_NS if timestamp < 10**DIGITS_MS_MAX else MILLISECOND_NS // 1000
        sent_ns = timestamp * unit
        if sent_ns >= now + SKEW_AHEAD_NS:
            raise Wrong(400, -1021, COMPLAINTS["ahead_of_time"].text)
        if now - sent_ns > window_ns:
            raise Wrong(400, -1021, COMPLAINTS["outside_recv_window"].text)


def check_signature(key: Ed25519PublicKey, payload: bytes, signature: str) -> None:
    """Refuse a signature that is not the key's over these very bytes."""
    try:
        key.verify(base64.b64decode(signature, validate=True), payload)
    except (binascii.Error, InvalidSignature, ValueError):
        raise Wrong(400, -1022, "Signature for this request is not valid.") from None


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise Wrong(400, -1100, "Illegal characters found in a parameter.") from None
