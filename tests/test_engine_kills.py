"""kill -9 of the engine, again and again, under load: nothing is lost, doubled or guessed.

Now and then something else goes wrong just before: the journal's process is killed or stopped,
engine or venue is stopped for a while, a report is cut in its middle. The truth is the venue's own
account of orders and trades, asked over REST at the end, and what the strategy submitted and heard.
KILLS says how often; `make soak` says many.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import ssl
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fixengine.client import Client, NoAnswer, NotConnected
from fixengine.fix.keys import load_private_key
from fixengine.fix.venues.binance import WEB
from fixengine.messages import (
    ExecutionReport,
    Gap,
    NewOrderSingle,
    OrderCancelRequest,
    Refused,
    request_decoder,
)
from fixengine.network.config.settings import Place
from fixengine.network.journal import Kind, Record
from fixengine.network.journal.record import split_named
from fixengine.network.sources import asks
from fixengine.network.sources.answers import Order, Trade
from fixengine.network.sources.rest import Rest
from fixengine.network.transport import tls_context
from fixengine.simulator import pki
from processes import FAR, SYMBOL, THROUGH, WAIT_S, Engine, Stage, Venue, limit, stage
from scripted_venue import read_frame
from test_faults import Controlled

__all__ = ["stage"]

KILLS = int(os.environ.get("KILLS", "50"))
SEED = int(os.environ.get("SEED", str(time.time_ns() % 1_000_000)))
SCALE = 20
DEAD = ("2", "4", "8", "C")


class Desk:
    """A strategy that trades at random, and all it has done and heard."""

    def __init__(self, client: Client, chance: random.Random) -> None:
        self.client = client
        self.chance = chance
        self.submitted: set[str] = set()
        self.refused: set[str] = set()
        self.fills: list[tuple[str, str]] = []
        self.live: dict[str, str] = {}

    def trade(self, until: float) -> None:
        """Submit and cancel until then, or until the engine is gone."""
        while time.monotonic() < until:
            try:
                if self.live and self.chance.random() < 0.3:
                    self.client.cancel(self.chance.choice(list(self.live)))
                else:
                    price = FAR if self.chance.random() < 0.5 else THROUGH
                    self.submitted.add(self.client.submit(limit(price)))
            except NotConnected:
                return
            self.read(0.002)

    def burst(self, count: int) -> None:
        """Submit so many that trade at once, and read nothing."""
        for _ in range(count):
            try:
                self.submitted.add(self.client.submit(limit(THROUGH)))
            except NotConnected:
                return

    def read(self, timeout: float) -> None:
        """Take what there is, until nothing comes for so long."""
        while True:
            try:
                for event in self.client.reports(timeout=timeout):
                    self.take(event)
                return
            except NoAnswer:
                continue

    def take(self, event: Any) -> None:
        assert not isinstance(event, Gap), event
        if isinstance(event, Refused):
            self.refused.add(event.cl_ord_id)
        elif isinstance(event, ExecutionReport):
            if event.exec_type == "F":
                assert event.trade_id is not None and event.order_id is not None
                self.fills.append((event.order_id, event.trade_id))
            own = event.orig_cl_ord_id or event.cl_ord_id
            if event.ord_status in DEAD:
                self.live.pop(own, None)
            elif event.ord_status in ("0", "1"):
                self.live[own] = event.ord_status

    def wait_for_peace(self) -> list[str]:
        """Read until nothing is unknown or unanswered; ids of the orders that live."""
        deadline = time.monotonic() + 3 * WAIT_S
        while time.monotonic() < deadline:
            self.read(0.3)
            snapshot = self.client.snapshot()
            standings = {order.standing for order in snapshot.orders}
            if standings <= {"new", "partially_filled"} and not self.client.unanswered:
                return sorted(
                    order.report.order_id or "" for order in snapshot.orders if order.report
                )
        raise AssertionError(f"still {standings} after {3 * WAIT_S} s")


def ask(venue: Venue, *questions: asks.Ask) -> list[list[Any]]:
    """What the venue's REST answers."""

    async def all_of_it() -> list[list[Any]]:
        place = Place("127.0.0.1", venue.web_port, pki.SERVER_NAME)
        key = load_private_key(venue.place.private_key_file)
        context: ssl.SSLContext = tls_context(venue.place.ca_file)
        api_key = venue.place.api_key_file.read_text().strip()
        limits = {"weight_max": 1_000_000, "deadline_ms": 10_000}
        answers = []
        async with Rest(WEB, place, api_key, key, context, **limits) as rest:
            for question in questions:
                rows: list[Any] = []
                async for page in rest.pages(question):
                    assert page.problem is None, page.problem
                    rows += page.rows
                answers.append(rows)
        return answers

    return asyncio.run(all_of_it())


def engine_of(stage: Stage, venue: Venue, chance: random.Random) -> Engine:
    of_venue = {
        "time_scale": SCALE,
        "heartbeat_s": 40,
        "recv_window_ms": 1000,
        "sender_comp_ids": [f"K{number}" for number in range(40)],
    }
    sections: dict[str, Any] = {"venue": of_venue, "sources": {"port": venue.web_port}}
    sections["journal"] = {"durability": chance.choice(("process", "power"))}
    return stage.engine(venue.place, limits={"mode": "off"}, **sections)


def written(records: list[Record]) -> Counter[str]:
    """How often an order of each of the strategy's ids was written."""
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for record in records:
        if record.kind == Kind.INTENT:
            wire_id, payload = split_named(record.data)
            request = request_decoder.decode(payload)
            assert isinstance(request, NewOrderSingle | OrderCancelRequest)
            names[wire_id or ""] = request.cl_ord_id
        elif record.kind == Kind.FRAME_OUT:
            frame = read_frame(record.data)
            if frame[35] == "D":
                counts[names[frame[11]]] += 1
    return counts


TROUBLES = (
    *("", "", ""),
    *("link cut", "journal killed", "journal stopped", "engine stopped", "venue stopped"),
)


def die(engine: Engine, venue: Controlled, desk: Desk, trouble: str) -> None:
    """Kill the engine under load, out of this trouble."""
    chance = desk.chance
    journal = engine.journal_process() if trouble.startswith("journal") else 0
    if trouble == "link cut":
        venue.fault("cut", kind="8")
    elif trouble == "journal killed":
        os.kill(journal, signal.SIGKILL)
    elif trouble == "journal stopped":
        os.kill(journal, signal.SIGSTOP)
    elif trouble == "engine stopped":
        engine.signal(signal.SIGSTOP)
    elif trouble == "venue stopped":
        venue.venue.signal(signal.SIGSTOP)
    desk.burst(chance.randrange(20))
    if trouble == "engine stopped":
        time.sleep(chance.uniform(0, 0.05))
        engine.signal(signal.SIGCONT)
    # Some are on their way to the venue then, some not yet out, and some are answered.
    time.sleep(chance.uniform(0, 0.01))
    engine.process.send_signal(signal.SIGKILL)
    if trouble == "journal stopped":
        os.kill(journal, signal.SIGCONT)
    elif trouble == "venue stopped":
        venue.venue.signal(signal.SIGCONT)


@pytest.mark.timeout(120 + 20 * KILLS)
def test_kill_9_at_random_times_loses_and_doubles_nothing(stage: Stage, tmp_path: Path) -> None:
    print(f"SEED={SEED} KILLS={KILLS}")
    chance = random.Random(SEED)
    control = tmp_path / "control"
    venue = stage.venue("--time-scale", str(SCALE), "--control", str(control))
    controlled = Controlled(venue, control)
    engine = engine_of(stage, venue, chance)
    desk = Desk(stage.client(engine), chance)
    engine.expect(event="active")
    # Later it may wait for what became of one order all through each short life.
    desk.submitted.add(desk.client.submit(limit(THROUGH)))
    desk.read(1.0)
    for _ in range(KILLS):
        desk.trade(time.monotonic() + chance.uniform(0, 0.5))
        die(engine, controlled, desk, chance.choice(TROUBLES))
        desk.trade(time.monotonic() + 0.05)
        engine.ended()
        engine = engine_of(stage, venue, chance)
        engine.expect(event="active")
    desk.wait_for_peace()
    last = desk.client.submit(limit(FAR))
    desk.submitted.add(last)
    live = desk.wait_for_peace()
    assert last in desk.live, "no order is taken any more"
    assert engine.end() == 0

    orders: list[Order]
    trades: list[Trade]
    first = asks.all_orders(SYMBOL, from_order_id=1)
    orders, trades = ask(venue, first, asks.trades(SYMBOL, from_id=0))
    counts = written(engine.journal())
    assert set(counts.values()) <= {1}, "an order was written twice"
    assert set(counts) <= desk.submitted
    assert not set(counts) & desk.refused, "refused, and yet it left"
    assert len(orders) <= len(counts)
    assert desk.fills, "nothing was traded"
    told = Counter(desk.fills)
    assert told == Counter((str(one.order_id), str(one.id)) for one in trades)
    for order_id in {order_id for order_id, _ in desk.fills}:
        ids = [int(trade_id) for one, trade_id in desk.fills if one == order_id]
        assert ids == sorted(ids)
    open_there = sorted(
        str(one.order_id) for one in orders if one.status in ("NEW", "PARTIALLY_FILLED")
    )
    assert live == open_there
    for what in ("verify", "replay"):
        command = [sys.executable, "-m", "fixengine", "journal", what, str(engine.state_dir)]
        verdict = subprocess.run(command, capture_output=True, text=True, check=False)
        assert verdict.returncode == 0, verdict.stdout + verdict.stderr
