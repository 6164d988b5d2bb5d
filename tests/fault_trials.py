"""An engine and the built-in venue, both at one time scale, for many faults in turn.

They live as long as the tests of a module, and each test takes a strategy of its own. What holds
whatever the venue does is asked at the end, of the journal and the venue's record.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from fixengine.client import Client
from fixengine.messages import ExecutionReport, SessionState, SessionStatus, event_decoder
from fixengine.network.journal import Kind, Record
from processes import Engine, Stage, frames, hear, trade
from scripted_venue import Place, read_frame
from test_faults import Controlled

SCALE = 100
HEARTBEAT_S = 50
"""It lasts half a second: a slow machine is not taken for a silent venue, and pauses are short."""
HEARTBEAT_NS = HEARTBEAT_S * 1_000_000_000 // SCALE
IDS = [f"ID{number}" for number in range(60)]
REPORTS = ("8", "9")
NAMES = itertools.count()


class Trial(Controlled):
    """A stage with both running; a Controlled of its venue."""

    def __init__(self, stage: Stage, folder: Path, *options: str, **sections: Any) -> None:
        path = folder / "control"
        venue = stage.venue("--time-scale", str(SCALE), "--control", str(path), *options)
        super().__init__(venue, path)
        self.stage = stage
        told = next(line for line in venue.said if line["event"] == "listening")
        of_venue: dict[str, Any] = {"time_scale": SCALE, "heartbeat_s": HEARTBEAT_S}
        of_venue["sender_comp_ids"] = IDS
        if told["drop_copy_port"] is not None:
            of_venue |= {"drop_copy": True, "drop_copy_port": told["drop_copy_port"]}
        of_venue |= sections.pop("venue", {})
        place: Place = venue.place
        # A slow disk is another test's matter.
        journal = {"ring_bytes": 1 << 24}
        self.engine: Engine = stage.engine(place, venue=of_venue, journal=journal, **sections)

    def client(self, **options: Any) -> tuple[Client, ExecutionReport]:
        """A new strategy with an order that rests; by its report the session is known."""
        client = self.stage.client(self.engine, f"s{next(NAMES)}", **options)
        return client, trade(client)

    def clear(self) -> None:
        """Let the venue do everything right again."""
        assert self.say(b'{"clear": "all"}')["ok"]

    def records(self, name: str) -> list[Record]:
        """The journal's records of a session."""
        return list(of_session(self.engine.journal(), name))

    def recorded(self) -> list[dict[str, Any]]:
        """What the venue wrote down of each report it sent."""
        return [orjson.loads(line) for line in self.venue.record.read_bytes().splitlines()]


@contextmanager
def trial(folder: Path, *options: str, **sections: Any) -> Iterator[Trial]:
    """Both, started; after the tests nothing may be doubled."""
    stage = Stage(folder)
    try:
        one = Trial(stage, folder, *options, **sections)
        one.engine.expect(event="active")
        yield one
        one.clear()
        assert_nothing_is_doubled(one.engine.journal())
    finally:
        stage.close()


def until_another_session(client: Client, old: str) -> tuple[list[Any], str]:
    """What a strategy is told until another session than the old one is active, and its name."""
    told: list[Any] = []
    while True:
        event = hear(client, object)
        told.append(event)
        if not isinstance(event, SessionStatus) or event.source == old:
            continue
        if event.state == SessionState.ACTIVE:
            return told, event.source


def named(records: list[Record], name: str, kind: int) -> list[dict[int, str]]:
    """Messages of one session; the first value of each tag."""
    return [read_frame(record.data) for record in of_session(records, name) if record.kind == kind]


def of_session(records: list[Record], name: str) -> Iterator[Record]:
    """The records of a session, by its SenderCompID; line numbers are used again."""
    line = None
    for record in records:
        if record.kind == Kind.LINK and record.data.startswith(b"up as "):
            if record.data == b"up as " + name.encode():
                line = record.line
            elif record.line == line:
                line = None
        elif record.line == line is not None:
            yield record


def told_reports(records: list[Record]) -> Counter[tuple[str, str]]:
    """How often each strategy was told each ExecID, by the journal."""
    told: Counter[tuple[str, str]] = Counter()
    for record in records:
        if record.kind != Kind.DELIVERED:
            continue
        name = record.data[1 : 1 + record.data[0]].decode()
        event = event_decoder.decode(record.data[1 + record.data[0] :])
        if isinstance(event, ExecutionReport) and event.exec_id and not event.replayed:
            told[name, event.exec_id] += 1
    return told


def assert_nothing_is_doubled(records: list[Record]) -> None:
    """Each order was written once and each report told once."""
    written = Counter(one[11] for one in frames(records, Kind.FRAME_OUT) if one[35] in ("D", "F"))
    assert set(written.values()) <= {1}
    assert set(told_reports(records).values()) <= {1}


def assert_record_by_record(one: Trial) -> None:
    """Each report of the venue's record lies in the journal, byte for byte, under its session.

    And each was told, once, to one strategy. For trials in which nothing is lost on the way.
    """
    records, recorded = one.engine.journal(), one.recorded()
    for name in {line["session"] for line in recorded}:
        theirs = {line["seq"]: line["digest"] for line in recorded if line["session"] == name}
        ours = {}
        for record in of_session(records, name):
            if record.kind == Kind.FRAME_IN:
                message = read_frame(record.data)
                if message[35] in REPORTS:
                    ours[int(message[34])] = hashlib.sha256(record.data).hexdigest()
        assert ours == theirs
    told = told_reports(records)
    assert set(told.values()) == {1}
    assert {exec_id for _, exec_id in told} == {line["exec_id"] for line in recorded}
    assert_nothing_is_doubled(records)
