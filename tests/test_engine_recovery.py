"""Nothing is guessed: what a session could not tell is asked of REST, and told once.

Real processes, TLS and ZeroMQ; the venue's own account of trades is the truth.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from fixengine.client import Client
from fixengine.messages import ExecutionReport, OrderUnknown, Refused, SessionStatus
from processes import Engine, Stage, hear, limit, stage
from test_faults import Controlled

__all__ = ["stage"]

SCALE = 20
IDS = [f"R{number}" for number in range(12)]


class World(Controlled):
    """A venue with a control socket, and engines that ask its REST."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        path = folder / "control"
        venue = stage.venue("--time-scale", str(SCALE), "--control", str(path))
        super().__init__(venue, path)
        self.stage = stage

    def engine(self, name: str = "engine") -> Engine:
        of_venue = {
            "time_scale": SCALE,
            "heartbeat_s": 60,
            "recv_window_ms": 1000,
            "sender_comp_ids": [f"{name[0].upper()}{one}" for one in IDS],
        }
        # With the stream, little would be left to ask.
        sources = {"port": self.venue.web_port, "user_data": False}
        sections: dict[str, Any] = {"venue": of_venue, "sources": sources}
        engine = self.stage.engine(self.venue.place, name=name, **sections)
        engine.expect(event="active")
        return engine


@pytest.fixture
def world(stage: Stage, tmp_path: Path) -> World:
    return World(stage, tmp_path)


def rest(client: Client, **wanted: object) -> ExecutionReport:
    """The next report that REST made."""
    report: ExecutionReport = hear(client, ExecutionReport, source="rest", **wanted)
    return report


def test_what_the_venue_calls_unknown_is_asked(world: World) -> None:
    engine = world.engine()
    client = world.stage.client(engine)
    world.fault("unknown-outcome", carry="alternate")
    done, lost = client.submit(limit()), client.submit(limit())
    assert {hear(client, OrderUnknown).cl_ord_id for _ in range(2)} == {done, lost}
    assert hear(client, SessionStatus, state="recovering").source == "rest"
    # Of one the session told itself; the other was asked for until it could no longer arrive.
    dead = rest(client)
    assert (dead.cl_ord_id, dead.exec_type, dead.ord_status) == (lost, "8", "8")
    assert hear(client, SessionStatus, source="rest", state="active")
    world.say(b'{"clear": "all"}')
    (order,) = client.snapshot().orders
    assert (order.cl_ord_id, order.standing) == (done, "new")
    gone = hear(client, ExecutionReport, cl_ord_id=client.cancel(done))
    assert gone.ord_status == "4"
    assert engine.end() == 0


def test_fills_while_no_engine_ran_are_told_once(world: World) -> None:
    engine = world.engine()
    client = world.stage.client(engine)
    order_id = client.submit(limit())
    hear(client, ExecutionReport, cl_ord_id=order_id)
    engine.end(signal.SIGKILL)
    world.engine("other")
    world.fault("burst", count=5)
    engine = world.engine()
    told = [rest(client) for _ in range(6)]
    assert [one.exec_type for one in told] == ["F"] * 5 + ["I"]
    assert len({one.trade_id for one in told[:5]}) == 5
    assert (told[-1].ord_status, told[-1].cum_qty) == ("1", "0.00005000")
    snapshot = client.snapshot()
    assert snapshot.positions[0].bought == "0.00005000"
    assert [order.standing for order in snapshot.orders] == ["partially_filled"]
    # A third run knows all of it.
    engine.end(signal.SIGKILL)
    engine = world.engine()
    assert rest(client).exec_type == "I"
    assert client.snapshot().positions == snapshot.positions
    assert engine.end() == 0


def test_reports_lost_in_a_hole_are_found(world: World) -> None:
    engine = world.engine()
    client = world.stage.client(engine)
    order_id = client.submit(limit())
    hear(client, ExecutionReport, cl_ord_id=order_id)
    world.fault("drop", after=3, times=2)
    world.fault("burst", count=20)
    fills: list[str | None] = []
    while len(fills) < 20:
        fills.append(hear(client, ExecutionReport, exec_type="F").trade_id)
    assert len(set(fills)) == 20
    assert rest(client, exec_type="I").ord_status == "1"
    assert client.snapshot().positions[0].bought == "0.00020000"
    assert engine.end() == 0


def test_a_strategy_in_question_waits_and_the_process_that_asks_comes_back(world: World) -> None:
    engine = world.engine()
    client = world.stage.client(engine)
    (worker,) = children(engine.pid, "sources.worker")
    os.kill(worker, signal.SIGKILL)
    engine.expect(event="sources", text="it is started again")
    world.fault("unknown-outcome", carry="never")
    order_id = client.submit(limit())
    hear(client, OrderUnknown, cl_ord_id=order_id)
    hear(client, SessionStatus, state="recovering")
    refused = hear(client, Refused, cl_ord_id=client.submit(limit()))
    assert (refused.reason, refused.retry_after_ms) == ("recovering", 500)
    assert rest(client).cl_ord_id == order_id
    world.say(b'{"clear": "all"}')
    assert hear(client, ExecutionReport, cl_ord_id=client.submit(limit())).ord_status == "0"
    assert engine.end() == 0


def children(pid: int, words: str) -> list[int]:
    """The children of a process whose command line has these words."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            line = Path(f"/proc/{child}/cmdline").read_bytes()
            if words.encode() in line:
                found.append(int(child))
    return found
