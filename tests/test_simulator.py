"""The built-in venue as a process, over TLS, seen by a client that shares no code with it.

Messages are built by hand and read with simplefix; the Logon is signed here. Nothing sleeps: each
test waits for what the venue sends, for its close, or for the end of its process.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import simplefix
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SOH = b"\x01"
WAIT_S = 20.0
UNICODE_SYMBOL = "这是测试币456"
Pairs = list[tuple[int, object]]


def frame(kind: str, pairs: Pairs, *, body_bytes: int | None = None, check_sum: int = 0) -> bytes:
    """A message by hand; body_bytes and check_sum falsify it."""
    body = b"35=" + kind.encode() + SOH
    for tag, value in pairs:
        body += b"%d=" % tag + (value if isinstance(value, bytes) else str(value).encode()) + SOH
    head = b"8=FIX.4.4\x019=%d\x01" % (len(body) if body_bytes is None else body_bytes)
    return head + body + b"10=%03d\x01" % ((sum(head + body) + check_sum) % 256)


class Venue:
    """A running `fixengine simulate`."""

    def __init__(self, state_dir: Path, *options: str) -> None:
        arguments = ["simulate", "--port", "0", "--json", "--state-dir", str(state_dir), *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fixengine", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate(timeout=WAIT_S)[1].decode())
        self.listening: dict[str, Any] = orjson.loads(line)
        self.api_key = Path(self.listening["api_key_file"]).read_text().strip()
        pem = Path(self.listening["private_key_file"]).read_bytes()
        key = serialization.load_pem_private_key(pem, None)
        assert isinstance(key, Ed25519PrivateKey)
        self.key = key

    def connect(self, comp_id: str, **options: Any) -> Client:
        """A TLS connection, not yet logged on."""
        return Client(self, comp_id, **options)

    def logon(self, comp_id: str, **options: Any) -> Client:
        """A session that is logged on."""
        client = Client(self, comp_id)
        client.logon(**options)
        answer = client.read()
        assert answer[35] == "A", answer
        return client

    def stop(self) -> tuple[int, list[dict[str, Any]], str]:
        """SIGTERM; exit status, the events printed, stderr."""
        self.process.send_signal(signal.SIGTERM)
        out, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, [orjson.loads(x) for x in out.splitlines()], errors.decode()


class Client:
    """A foreign FIX client."""

    def __init__(self, venue: Venue, comp_id: str, server_name: str = "fix-oe.simulator") -> None:
        self.venue = venue
        self.comp_id = comp_id
        self.seq = 1
        self.frames: list[bytes] = []
        self._parser = simplefix.FixParser()
        self._tail = b""
        context = ssl.create_default_context(cafile=venue.listening["ca_file"])
        address = (venue.listening["host"], venue.listening["port"])
        raw = socket.create_connection(address, timeout=WAIT_S)
        self.socket = context.wrap_socket(raw, server_hostname=server_name)

    def header(self, ahead_s: float = 0.0, seq: int | None = None) -> Pairs:
        """The header after 35; without seq the next number is taken and consumed."""
        if seq is None:
            seq = self.seq
            self.seq += 1
        now = datetime.now(UTC) + timedelta(seconds=ahead_s)
        stamp = now.strftime("%Y%m%d-%H:%M:%S.%f")
        return [(49, self.comp_id), (56, "SPOT"), (34, seq), (52, stamp)]

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self.socket.sendall(data)

    def send(self, kind: str, pairs: Pairs, **header: Any) -> None:
        """A message with a right header."""
        self.write(frame(kind, self.header(**header) + pairs))

    def logon(self, replace: dict[int, object] | None = None, **header: Any) -> None:
        """A signed Logon; replace changes or, with None, removes fields after signing."""
        head = self.header(**header)
        payload = SOH.join([b"A", *(str(value).encode() for _, value in head)])
        signature = base64.b64encode(self.venue.key.sign(payload))
        pairs: dict[int, object] = {95: 88, 96: signature, 98: 0, 108: 30, 141: "Y"}
        pairs |= {553: self.venue.api_key, 25035: 2}
        for tag, value in (replace or {}).items():
            pairs[tag] = value
        self.write(frame("A", head + [(t, v) for t, v in pairs.items() if v is not None]))

    def order(self, cl_ord_id: str, **changes: object) -> None:
        """A LIMIT GTC order to buy 0.001 BTCUSDT far below the market, with changes t38="2" etc."""
        pairs: dict[int, object] = {11: cl_ord_id, 38: "0.001", 40: "2", 44: "49000", 54: "1"}
        pairs |= {55: "BTCUSDT", 59: "1"}
        pairs |= {int(tag[1:]): value for tag, value in changes.items()}
        self.send("D", [(tag, value) for tag, value in pairs.items() if value is not None])

    def cancel(self, cl_ord_id: str, **changes: object) -> None:
        """An OrderCancelRequest for BTCUSDT."""
        pairs: dict[int, object] = {11: cl_ord_id, 55: "BTCUSDT"}
        pairs |= {int(tag[1:]): value for tag, value in changes.items()}
        self.send("F", list(pairs.items()))

    def read(self) -> dict[int, str]:
        """The next message as the last value of each tag; {} once the venue has closed."""
        while True:
            message = self._parser.get_message()
            if message is not None:
                pairs = [(int(tag), value) for tag, value in message.pairs]
                self.frames.append(message.encode(raw=True))
                return {tag: value.decode() for tag, value in pairs}
            data = self.socket.recv(65536)
            if not data:
                return {}
            self._parser.append_buffer(data)

    def expect(self, **tags: str) -> dict[int, str]:
        """The next message, which must have these values, such as t35="8"."""
        message = self.read()
        wanted = {int(tag[1:]): value for tag, value in tags.items()}
        assert {tag: message.get(tag) for tag in wanted} == wanted, message
        return message

    def expect_close(self) -> None:
        """The venue has nothing more to say and closes."""
        assert self.read() == {}

    def logout(self) -> None:
        """The orderly end."""
        self.send("5", [])
        self.expect(t35="5", t58="Logout acknowledgment.")
        self.expect_close()
        self.socket.close()


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """A venue without limits that all tests share; each uses SenderCompIDs of its own."""
    with running(tmp_path_factory.mktemp("venue"), "--limits", "off", "--time-scale", "10") as one:
        yield one


@contextlib.contextmanager
def running(state_dir: Path, *options: str) -> Iterator[Venue]:
    """A venue of one test."""
    started = Venue(state_dir, *options)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            status, _, errors = started.stop()
            assert (status, errors) == (0, "")
        for pipe in (started.process.stdout, started.process.stderr):
            if pipe is not None:
                pipe.close()
