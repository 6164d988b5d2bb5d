"""Puts a recorded run's inputs into a new engine, in their order and at their times.

A wake-up of the engine may take several inputs before it writes. Where one ended is seen on the
tape: what was recorded next is either another input of the same wake-up, or what it wrote.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fixengine import wire
from fixengine.fix.keys import Signer
from fixengine.messages import (
    NOT_A_MESSAGE,
    Hello,
    Refused,
    SessionStatus,
    encode_event,
    event_decoder,
    request_decoder,
)
from fixengine.network.config import Config
from fixengine.network.journal import JournalError, Kind, Record
from fixengine.network.journal.archive import Found
from fixengine.network.journal.record import CLOSED, ON_DISK, split_named
from fixengine.network.line import Line
from fixengine.network.process import ARCHIVE_ENDED, END, FOUND, NOT_UP, STOP, UP, Process
from fixengine.network.replay.tape import AtEnd, Different, Hole, Placed, Tape
from fixengine.network.replay.world import TapeTransport, Tokens, World
from fixengine.network.sources.packets import (
    Failed,
    FromWorker,
    Rows,
    StreamEvent,
    StreamState,
)
from fixengine.network.state import Content, StateError, StateInMemory
from fixengine.network.strategies import RegisterError

BEGINNING = (Kind.CARRIED, Kind.DELIVERED, Kind.CLOCK)
INPUTS = frozenset(
    {Kind.ORDER, Kind.FRAME_IN, Kind.TICK, Kind.LINK, Kind.CONTROL, Kind.SOURCE, Kind.MARK}
)
ENDS_FRAMES = INPUTS - {Kind.FRAME_IN} | {Kind.FRAME_OUT, Kind.CLOCK}
BAD_FRAME, LOST_FRAMING = b"garbled", b"framing lost: "
GARBLED = b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01"
"""A message whose CheckSum<10> is wrong."""
MALFORMED = "malformed requests: only the head of one is recorded; its refusal was taken over"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
"""Signs the Logons of a replay; their signatures are not compared."""
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
    struct.error,
    wire.LocalProtocolError,
    wire.RemoteProtocolError,
    JournalError,
    RegisterError,
    StateError,
)
"""What a record that no engine wrote can lead to."""
told_decoder: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class Result(NamedTuple):
    """Of one run. compared: records by kind. different: the first difference. skipped: what could
    not be compared, and how often.
    """

    epoch: int
    compared: Counter[int]
    different: Different | None
    skipped: Counter[str]


class Replay:
    """One run. `run` does it."""

    def __init__(self, epoch: int, placed: Iterable[Placed]) -> None:
        """Raises JournalError where the run cannot be replayed at all, Different where its START
        makes no sense.
        """
        self._tape = Tape(placed)
        self._skipped: Counter[str] = Counter()
        self._epoch = epoch
        start = self._start()
        try:
            outside = self._told["wall_offset_ns"], self._told["has_sources"]
            self._world = World(self._tape, start.now_ns, *outside)
            config = msgspec.convert(self._told["config"], Config, dec_hook=_path)
            content = msgspec.convert(self._told["state"]["content"], Content)
            boot_id = self._told["state"]["boot_id"]
        except (msgspec.ValidationError, KeyError, TypeError) as problem:
            reason = f"its START was recorded by another version: {problem}"
            raise JournalError(f"run {epoch}", reason) from None
        # The start takes the next epoch.
        content.epoch = epoch - 1
        self._state = StateInMemory(content, boot_id)
        self._tokens = Tokens()
        if any(one.token_file is not None for one in config.strategy.values()):
            self._tokens.update(dict.fromkeys(config.strategy, b""))
        self._process = Process(
            config, "replayed", Signer(KEY), _say_nothing, self._world, self._tokens
        )
        self._lines: dict[int, Line] = {}

    def run(self) -> Result:
        """Put everything in."""
        different = None
        try:
            self._process.start(self._state)
            while (record := self._tape.peek()) is not None:
                placed = self._tape.placed()
                self._world.now_ns = record.now_ns
                self._put_in(record)
                if self._tape.placed() is placed:
                    raise Different(placed, None)
        except AtEnd:
            pass
        except Different as found:
            different = found
        except Hole as hole:
            different = Different(None, None, str(hole))
        except UNREADABLE as problem:
            different = Different(self._tape.placed(), None, f"it makes no sense: {problem!r}")
        return Result(self._epoch, self._tape.compared, different, self._skipped)

    def _start(self) -> Record:
        for record in self._tape.coming():
            if record.kind == Kind.START:
                try:
                    self._told = orjson.loads(record.data)
                except orjson.JSONDecodeError as problem:
                    raise Different(self._tape.placed(), None, f"START: {problem}") from None
                if "state" not in self._told:
                    reason = "it was recorded by a version that did not record all it read"
                    raise JournalError(f"run {self._epoch}", reason)
                return record
            if record.kind not in BEGINNING:
                break
        raise JournalError(f"run {self._epoch}", "its beginning is not there")

    def _put_in(self, record: Record) -> None:
        process, now = self._process, record.now_ns
        if record.kind == Kind.ORDER:
            self._requests()
        elif record.kind == Kind.FRAME_IN or record.data.startswith((BAD_FRAME, LOST_FRAMING)):
            self._frames(record)
        elif record.kind == Kind.TICK:
            process.on_timer()
        elif record.kind == Kind.LINK:
            self._link(record, record.data.decode())
        elif record.kind == Kind.CONTROL and record.data in (STOP, END):
            (process.stop if record.data == STOP else process.force_end)()
        elif record.kind == Kind.CONTROL and record.data == CLOSED:
            process.journal.append(Kind.CONTROL, now, 0, CLOSED)
        elif record.kind == Kind.CONTROL and record.data == ARCHIVE_ENDED:
            process.on_archive_ended("")
        elif record.kind == Kind.CONTROL and record.data.startswith(FOUND):
            number, numbers, until = orjson.loads(record.data.removeprefix(FOUND))
            event = SessionStatus(0, 0, "", False, 0, "")
            # Nobody gets them: their numbers are all that counts.
            events = [bytes(encode_event(event, seq)) for seq in numbers]
            process.on_found(Found(number, events, until))
        elif record.kind == Kind.SOURCE:
            self._source(record)
        elif record.kind == Kind.MARK:
            (self._world.told.on_disk,) = ON_DISK.unpack(record.data)
            process.on_mark()
        else:
            self._settle(now)

    def _settle(self, now: int) -> None:
        """The end of a wake-up, at the time of what it recorded, if it did."""
        record = self._tape.peek()
        if record is not None and record.kind not in INPUTS:
            now = max(now, record.now_ns)
        self._world.now_ns = now
        self._process.settle(now)

    # --- what strategies sent ---------------------------------------------------------------

    def _requests(self) -> None:
        """The requests of a wake-up: the last one is followed by what was written, or nothing."""
        while (record := self._tape.peek()) is not None and record.kind == Kind.ORDER:
            placed, now = self._tape.placed(), record.now_ns
            self._world.now_ns = now
            name, payload = split_named(record.data)
            self._request((name or "").encode(), payload, now)
            if self._tape.placed() is placed:
                raise Different(placed, None)
        self._settle(now)

    def _request(self, peer: bytes, payload: bytes, now: int) -> None:
        try:
            request = request_decoder.decode(payload)
        except NOT_A_MESSAGE:
            count, _, head = payload.partition(b" bytes: ")
            if count == b"%d" % len(head):
                self._process.gateway.on_order(peer, head, now)
            else:
                self._malformed(peer, now)
            return
        if isinstance(request, Hello):
            self._tokens.hello = request, self._is_token_refused()
        self._process.gateway.on_order(peer, payload, now)

    def _is_token_refused(self) -> bool:
        following = self._tape.peek(1)
        return (
            following is not None
            and following.kind == Kind.READ
            and following.data == b"token refused"
        )

    def _malformed(self, peer: bytes, now: int) -> None:
        """One whose bytes are not on the tape; it took a report number all the same."""
        self._tape.skip()
        self._skipped[MALFORMED] += 1
        gateway = self._process.gateway
        strategy, following = gateway.strategies.of(peer), self._tape.peek()
        if strategy is None or following is None or following.kind != Kind.DELIVERED:
            return
        event = event_decoder.decode(split_named(following.data)[1])
        if isinstance(event, Refused):
            gateway.teller.tell(strategy, event, now)

    # --- the venue --------------------------------------------------------------------------

    def _frames(self, first: Record) -> None:
        """All that came on a line in one wake-up, and was recorded at one time."""
        line, now = self._lines.get(first.line), first.now_ns
        if line is None:
            raise Different(self._tape.placed(), None, f"there is no line {first.line}")
        frames = []
        for record in self._tape.coming():
            if record.now_ns != now or _ends_frames(record, line.number):
                break
            if record.line == line.number and record.kind == Kind.FRAME_IN:
                frames.append(record.data)
            elif record.line == line.number and record.data == BAD_FRAME:
                # It is noted once all of them were read.
                frames.append(GARBLED)
                break
        for data in frames:
            line.framer.feed(data)
        gateway = self._process.gateway
        gateway.on_bytes(line, now)
        lost, following = self._tape.read(LOST_FRAMING, line.number), self._tape.peek()
        if lost is not None and following is not None and following.now_ns == now:
            gateway.on_framing_lost(line, lost.decode(), now)
        self._settle(now)

    def _link(self, record: Record, text: str) -> None:
        process = self._process
        if text.startswith(NOT_UP):
            comp_id, _, why = text.removeprefix(NOT_UP).partition(": ")
            process.on_not_connected(comp_id, why)
        elif text.startswith(UP):
            made = self._world.lines.get(text.removeprefix(UP))
            if made is None:
                raise Different(self._tape.placed(), None, "no such attempt was begun")
            self._lines[record.line] = made
            made.transport = TapeTransport(self._tape, made.number)
            process.on_connected(made)
        elif record.line in self._lines:
            process.on_lost(self._lines[record.line], text)
        else:
            raise Different(self._tape.placed(), None, f"there is no line {record.line}")

    def _source(self, record: Record) -> None:
        told = msgspec.convert(told_decoder.decode(record.data)["told"], FromWorker)
        owner = self._world.owner
        if owner is None:
            raise Different(self._tape.placed(), None, "there are no second sources")
        if isinstance(told, Rows):
            owner.on_rows(told.number, told.rows, told.is_last)
        elif isinstance(told, Failed):
            owner.on_problem(told.number, told.problem)
        elif isinstance(told, StreamState):
            owner.on_stream(told)
        elif isinstance(told, StreamEvent):
            owner.on_event(told.connection, told.event)
        else:
            owner.on_ended(told.text)


def _ends_frames(record: Record, line: int) -> bool:
    """Whether the wake-up in which frames came on a line had taken them all by this record."""
    if record.kind == Kind.FRAME_IN:
        return record.line != line
    if record.kind == Kind.READ:
        return record.data.startswith(b"jitter")
    return record.kind in ENDS_FRAMES


def _path(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value


def _say_nothing(level: str, text: str, **details: object) -> None:
    """The operator was told when it happened."""
