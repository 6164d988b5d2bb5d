"""A journal that a power failure cut off anywhere: a start goes on from it, and says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.desk.standings import Standing
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import ExecutionReport, OrderUnknown, SessionState, SessionStatus
from fixengine.network.journal import Kind
from fixengine.network.journal.reader import FileSource, Record, open_scan
from fixengine.network.journal.record import split_named
from fixengine.network.journal.verify import Verdict, Verifier
from fixengine.network.journal.writer import files
from fixengine.network.recall import Recalled, recall
from processes import Engine, Stage, Venue, hear, trade

ORDERS_MAX = 1000


class Crash(NamedTuple):
    """What a run left that was killed after two orders. intent_at: where the intent of the second
    one begins in the file. bounds: where records end, from there on. ends: of the first of a kind.
    """

    stage: Stage
    venue: Venue
    state: Path
    first: ExecutionReport
    second: ExecutionReport
    intent_at: int
    bounds: set[int]
    ends: dict[int, int]


def engine_of(stage: Stage, venue: Venue, name: str = "engine") -> Engine:
    return stage.engine(venue.place, name=name, sources={"port": venue.web_port})


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crash]:
    with closing(Stage(tmp_path_factory.mktemp("crash"))) as stage:
        venue = stage.venue()
        engine = engine_of(stage, venue)
        client = stage.client(engine)
        engine.expect(event="active")
        first, second = trade(client), trade(client)
        engine.kill()
        state = stage.folder / "crash"
        shutil.copytree(engine.state_dir, state, ignore=shutil.ignore_patterns("control"))
        (state / "journal" / "ring").unlink(missing_ok=True)
        intent_at, bounds = 0, set[int]()
        ends: dict[int, int] = {}
        with closing(open_scan(FileSource(file_of(state)))) as scan:
            for record in scan:
                assert isinstance(record, Record)
                if wire_id_of(record) == second.wire_cl_ord_id:
                    intent_at = scan.at
                    bounds.add(intent_at)
                if intent_at:
                    bounds.add(scan.offset)
                    ends.setdefault(record.kind, scan.offset)
        yield Crash(stage, venue, state, first, second, intent_at, bounds, ends)


def wire_id_of(record: Record) -> str | None:
    """Whose intent a record is."""
    return split_named(record.data)[0] if record.kind == Kind.INTENT else None


def file_of(state: Path) -> Path:
    """The newest file of a journal."""
    return files(state / "journal")[-1].path


def verified(state: Path) -> Verdict:
    return Verifier(state).run(lambda done, total, records: None)


def recalled(state: Path, orders: Orders) -> Recalled:
    """What a start would find."""
    epoch = files(state / "journal")[-1].epoch + 1
    return recall(state, epoch, BINANCE_SPOT, orders, Positions(), ORDERS_MAX)


def test_a_cut_at_every_byte_of_the_last_order(crash: Crash, tmp_path: Path) -> None:
    state = shutil.copytree(crash.state, tmp_path / "state")
    path = file_of(state)
    size = path.stat().st_size
    intent, frame = crash.ends[Kind.INTENT], crash.ends[Kind.FRAME_OUT]
    assert crash.intent_at < intent < frame < size
    unknown_without_a_frame = 0
    for cut in range(size, crash.intent_at - 1, -1):
        os.truncate(path, cut)
        verdict = verified(state)
        assert verdict.problems == []
        torn = [(one.path, one.what) for one in verdict.torn]
        assert torn == ([] if cut in crash.bounds else [(str(path), "torn")])
        orders = Orders(ORDERS_MAX, ORDERS_MAX)
        found = recalled(state, orders)
        assert len(found.damage) == len(torn)
        assert all(str(path) in text for text in found.damage)
        wire_ids = {order.wire_id for order in found.open}
        known = {crash.first.wire_cl_ord_id}
        if cut >= intent:
            known.add(crash.second.wire_cl_ord_id)
            unknown_without_a_frame += cut < frame
        assert wire_ids == known
        assert all(order.standing is Standing.UNKNOWN for order in orders)
    assert unknown_without_a_frame == frame - intent


@pytest.mark.parametrize(
    ("kind", "back"),
    [
        pytest.param(Kind.INTENT, 1, id="in the intent"),
        pytest.param(Kind.INTENT, 0, id="behind the intent"),
        pytest.param(Kind.FRAME_OUT, 1, id="in the frame"),
        pytest.param(Kind.DELIVERED, 40, id="in the report"),
    ],
)
def test_an_engine_starts_from_a_cut_off_journal(crash: Crash, kind: int, back: int) -> None:
    name = f"cut-{kind}-{back}"
    home = crash.stage.folder / name
    shutil.copytree(crash.state, home / "state")
    path = file_of(home / "state")
    os.truncate(path, crash.ends[kind] - back)
    engine = engine_of(crash.stage, crash.venue, name)
    client = crash.stage.client(engine)
    if back:
        engine.expect(text=f"the journal of an earlier run is damaged: {path}")
    knows = kind != Kind.INTENT or not back
    asked = crash.second if knows else crash.first
    # What the venue has of it is found out, also where nothing shows that it left.
    hear(client, OrderUnknown, cl_ord_id=asked.cl_ord_id)
    found = hear(client, ExecutionReport, cl_ord_id=asked.cl_ord_id, source="rest")
    assert (found.ord_status, found.order_id) == ("0", asked.order_id)
    hear(client, SessionStatus, engine_state=SessionState.ACTIVE)
    trade(client)
    snapshot = {order.cl_ord_id for order in client.snapshot().orders}
    assert (crash.second.cl_ord_id in snapshot) == knows
    assert engine.end() == 0
    verdict = verified(home / "state")
    assert verdict.problems == []
    assert len(verdict.torn) == (back > 0)
