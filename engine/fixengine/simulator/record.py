"""What the venue sent, written by the venue: one JSON line per application message.

The demo and the tests compare this file with what the clients received. A line has session (the
client's SenderCompID), seq (MsgSeqNum), kind (MsgType), exec_id, trade_id (null where the message
has none) and digest, the SHA-256 of the exact bytes of the frame in hex. Admin messages, Reject
among them, are not in it.

The server writes the lines of a wake-up before it gives their frames to TLS. So whatever a client
has received is in the file, also after kill -9; what was only about to be sent may be in it too.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import orjson


class Recorder:
    """Writes the record to a file. Raises OSError where it cannot be created or written."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._pending: list[bytes] = []

    def add(
        self, session: str, seq: int, kind: bytes, values: dict[str, Any], frame: bytes
    ) -> None:
        """Note one message; values are those the frame was written from."""
        line = orjson.dumps(
            {
                "session": session,
                "seq": seq,
                "kind": kind.decode("ascii"),
                "exec_id": values.get("exec_id"),
                "trade_id": values.get("trade_id"),
                "digest": hashlib.sha256(frame).hexdigest(),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        self._pending.append(line)

    def flush(self) -> None:
        """Write what was noted since the last call; OSError where the disk refuses."""
        if not self._pending:
            return
        data = b"".join(self._pending)
        self._pending.clear()
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Write what was noted and close the file."""
        try:
            self.flush()
        finally:
            os.close(self._file)
