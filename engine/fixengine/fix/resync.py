"""Framing that goes on behind what is garbled, as classic FIX asks.

A wrong CheckSum or BodyLength, a third field that is not MsgType: the message is dropped without
a word and the next one shows the hole in the numbers. A frame ends at the first CheckSum<10> at or
behind the place BodyLength names; so a length that is too long takes the next message with it.
The frame itself is judged by the codec's framer, never here.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixengine import wire

START = b"8=FIX"
BEGIN_STRING_BYTES_MAX = 16
LENGTH_DIGITS_MAX = 9
CHECK_SUM = b"\x0110="
CHECK_SUM_BYTES = len(b"\x0110=000\x01")


class Resync:
    """Bytes in any chunks -> messages; the memory is bounded by message_bytes_max and one chunk.

    garbled: how many frames were dropped. last_garbled: the last of them, as far as it was cut. A
    message yielded stays valid until the next one.
    """

    def __init__(self, message_bytes_max: int) -> None:
        self.garbled = 0
        self.last_garbled: bytes | None = None
        self._message_bytes_max = message_bytes_max
        self._buffer = bytearray()
        self._framer = wire.Framer(message_bytes_max=message_bytes_max)

    def feed(self, data: bytes) -> None:
        """Append bytes."""
        self._buffer += data

    def __iter__(self) -> Iterator[wire.Message]:
        while (frame := self._frame()) is not None:
            message = self._message(frame)
            if message is None:
                self.garbled += 1
                self.last_garbled = frame
            else:
                yield message

    def _message(self, frame: bytes) -> wire.Message | None:
        self._framer.feed(frame)
        try:
            message = next(self._framer, None)
        except wire.RemoteProtocolError:
            message = None
        if message is None or self._framer.pending:
            self._framer = wire.Framer(message_bytes_max=self._message_bytes_max)
            return None
        return message

    def _frame(self) -> bytes | None:
        """The next frame by its outline, cut from the buffer; None: more bytes are needed."""
        buffer = self._buffer
        no_end_from = len(buffer)  # so that no byte is searched for an end once for each start
        while True:
            start = buffer.find(START)
            if start < 0:
                del buffer[: max(0, len(buffer) - len(START) + 1)]
                return None
            del buffer[:start]
            no_end_from -= start
            due = self._due()
            if due == 0:
                return None
            if due > 0:
                if len(buffer) < due:
                    return None
                at = buffer.find(CHECK_SUM, due - 1, max(0, no_end_from + len(CHECK_SUM) - 1))
                end = buffer.find(b"\x01", at + len(CHECK_SUM)) + 1 if at >= 0 else 0
                if end:
                    frame = bytes(buffer[:end])
                    del buffer[:end]
                    return frame
                if len(buffer) <= self._message_bytes_max:
                    return None
                no_end_from = min(no_end_from, due - 1 if at < 0 else at)
            self.garbled += 1
            self.last_garbled = START
            del buffer[: len(START)]
            no_end_from -= len(START)

    def _due(self) -> int:
        """Where BodyLength says that the body ends; 0: more bytes are needed, -1: no frame."""
        buffer = self._buffer
        first = buffer.find(b"\x01", 0, BEGIN_STRING_BYTES_MAX)
        if first < 0:
            return 0 if len(buffer) < BEGIN_STRING_BYTES_MAX else -1
        digits_at = first + len(b"\x019=")
        if not b"\x019=".startswith(buffer[first:digits_at]):
            return -1
        second = buffer.find(b"\x01", digits_at, digits_at + LENGTH_DIGITS_MAX + 1)
        if second < 0:
            return 0 if len(buffer) <= digits_at + LENGTH_DIGITS_MAX else -1
        digits = buffer[digits_at:second]
        if not digits.isdigit():
            return -1
        due = second + 1 + int(digits)
        return due if due + CHECK_SUM_BYTES - 1 <= self._message_bytes_max else -1
