"""The process that finds events of strategies in the journal again, so that the walk reads no file.

Started by network/archive.py with one end of a SOCK_SEQPACKET pair and the journal's directory; it
ends when the other end is closed. A question names a strategy and the numbers wanted. It is
answered with the events that the journal has of them, lowest first, in packets of a few; after
EVENTS_MAX events the answer ends, and whoever wants more asks on. Where the last answer to a
strategy ended is remembered, so that asking on begins there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from fixengine.messages import report_seq_of
from fixengine.network.journal.place import LINK_NAME
from fixengine.network.journal.process import leave_the_engines_core
from fixengine.network.journal.reader import FileSource, Record, open_scan
from fixengine.network.journal.record import JournalError, Kind, split_named
from fixengine.network.journal.ring import APPENDED, DIRECTORY_OFFSET, ON_DISK
from fixengine.network.journal.writer import File, files

EVENTS_MAX = 1024
"""Events of one answer: so many at most wait in the engine for each strategy."""
PACKET_EVENTS = 32
PACKET_EVENTS_BYTES = 1 << 15
PACKET_BYTES_MAX = 1 << 17
"""An event is as long as its message of the venue, which is far shorter."""
DISK_POLL_S = 0.01


class Question(NamedTuple):
    """The events first..last of a strategy are wanted; the answer comes under the number."""

    number: int
    name: str
    first: int
    last: int


class Found(NamedTuple):
    """A piece of an answer. events: their bytes. until: in the last piece, the number up to which
    nothing else of them is in the journal; 0 in the others. problem: why it cannot be read.
    """

    number: int
    events: list[bytes]
    until: int
    problem: str = ""


encode = msgspec.msgpack.Encoder().encode
question_decoder = msgspec.msgpack.Decoder(Question)
found_decoder = msgspec.msgpack.Decoder(Found)


class Place(NamedTuple):
    """Where in the journal the event `seq` of a strategy, and what follows it, is to be found."""

    file: File
    offset: int
    seq: int


class Archive:
    """Reads the journal in a directory. Raises JournalError where that cannot be."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._left: dict[str, Place] = {}

    def answer(self, question: Question) -> Iterator[Found]:
        """The pieces of the answer; the last one has `until`."""
        events: list[bytes] = []
        size = 0
        for count, (seq, payload) in enumerate(self._events(question), 1):
            events.append(payload)
            size += len(payload)
            if count == EVENTS_MAX or seq == question.last:
                yield Found(question.number, events, seq)
                return
            if len(events) == PACKET_EVENTS or size >= PACKET_EVENTS_BYTES:
                yield Found(question.number, events, 0)
                events, size = [], 0
        yield Found(question.number, events, question.last)

    def _events(self, question: Question) -> Iterator[tuple[int, bytes]]:
        """The events and their numbers; waits for those that are not on disk yet."""
        awaited, _ = self._marks()
        place = self._left.get(question.name)
        if place is None or place.seq > question.first:
            place = self._locate(question)
        wanted = question.first
        while place is not None:
            _, on_disk = self._marks()
            for seq, payload, following in self._scan(question.name, place):
                place = following
                if seq >= wanted:
                    wanted = seq + 1
                    self._left[question.name] = place
                    yield seq, payload
            if on_disk >= awaited:
                return
            time.sleep(DISK_POLL_S)

    def _locate(self, question: Question) -> Place | None:
        """The newest file that begins with an event no later than the first one wanted."""
        oldest = None
        for file in reversed(self._files()):
            oldest = Place(file, 0, 0)
            for seq, _, _ in self._scan(question.name, oldest, only=file):
                if seq <= question.first:
                    return oldest
                break
        return oldest

    def _scan(
        self, name: str, place: Place, only: File | None = None
    ) -> Iterator[tuple[int, bytes, Place]]:
        """Number, bytes and what is behind it, of each event of a strategy from a place on."""
        found = self._files() if only is None else [only]
        later = [file for file in found if file >= place.file]
        for file in later:
            try:
                scan = open_scan(FileSource(file.path))
            except JournalError:
                # It has just begun, or its header is damaged: there is nothing to be had of it.
                continue
            with contextlib.closing(scan):
                if file == place.file and place.offset:
                    scan.offset = place.offset
                for entry in scan.entries(growing=file == later[-1]):
                    if not isinstance(entry, Record) or entry.kind != Kind.DELIVERED:
                        continue
                    owner, payload = split_named(entry.data)
                    if owner == name:
                        seq = report_seq_of(payload)
                        yield seq, payload, Place(file, scan.offset, seq + 1)

    def _files(self) -> list[File]:
        try:
            return files(self._directory)
        except OSError as error:
            raise JournalError(self._directory, f"cannot be read: {error.strerror}") from None

    def _marks(self) -> tuple[int, int]:
        """Positions up to which records were appended to the ring, and which are on disk."""
        try:
            with open(self._directory / LINK_NAME, "rb") as ring:
                head = ring.read(DIRECTORY_OFFSET)
        except FileNotFoundError:
            return 0, 0
        marks = memoryview(head).cast("Q")
        return marks[APPENDED], marks[ON_DISK]


def serve(ours: socket.socket, archive: Archive) -> None:
    """Answer until the other end is closed."""
    while data := ours.recv(PACKET_BYTES_MAX):
        question = question_decoder.decode(data)
        try:
            for found in archive.answer(question):
                ours.send(encode(found))
        except JournalError as problem:
            ours.send(encode(Found(question.number, [], question.last, str(problem))))


def main(descriptor: str, directory: str) -> None:
    """See the module's top."""
    # The network process decides when this one ends, by closing the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leave_the_engines_core()
    with contextlib.suppress(OSError):
        os.nice(5)
    with socket.socket(fileno=int(descriptor)) as ours, contextlib.suppress(ConnectionError):
        serve(ours, Archive(Path(directory)))


if __name__ == "__main__":
    main(*sys.argv[1:])
