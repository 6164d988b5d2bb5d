"""What an engine tells of itself: in the simulated one piece by piece, and of a real one once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from fixengine.client import Client
from fixengine.messages import NewOrderSingle, Side
from fixengine.network import status_command
from fixengine.network.latency import Latency
from fixengine.network.latency_file import LatencyFile
from fixengine.network.status import STRATEGIES_PER_PIECE, pieces
from fixengine.network.tuning import Option
from fixengine.screens import status
from fixengine.testing import SimulatedEngine
from processes import Stage, stage, trade

__all__ = ["stage"]
REFUSED = Option("cpu", "9", "no such core")


def told_of(engine: SimulatedEngine, options: Sequence[Option] = ()) -> dict[str, Any]:
    """The pieces joined, as they go over the socket."""
    told: dict[str, Any] = {}
    for name, value in pieces(engine._running(), options, 77, engine.now_ns):
        told[name] = told.get(name, []) + value if isinstance(value, list) else value
    answer: dict[str, Any] = orjson.loads(orjson.dumps(told))
    return answer


def buy(client: Client, count: int) -> None:
    for _ in range(count):
        client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.001", "49000"))


def test_sessions_strategies_and_limits_are_told(
    fix_engine: SimulatedEngine, fix_client: Client
) -> None:
    buy(fix_client, 3)
    assert len(list(fix_client.reports(timeout=1))) >= 3
    told = told_of(fix_engine, [REFUSED])
    assert told["engine"]["state"] == "active"
    assert (told["engine"]["pid"], told["engine"]["stopping"]) == (77, False)
    assert told["tuning"] == [{"name": "cpu", "value": "9", "refused": "no such core"}]
    (session,) = told["sessions"]
    assert (session["role"], session["state"]) == ("order_entry", "active")
    assert session["up_ms"] >= session["heard_ms"] >= 0
    # A Logon, a LimitQuery and three orders.
    assert (session["messages_used"], session["messages_max"]) == (5, 10_000)
    assert (session["unsent_bytes"], session["clock_ms"]) == (0, 0)
    (strategy,) = told["strategies"]
    assert (strategy["connected"], strategy["open"], strategy["behind"]) == (True, 3, 0)
    assert [limit["used"] for limit in told["limits"]] == [3, 3]
    assert told["recovery"]["in_question"] == 0
    assert told["journal"] == {"held": 0}
    # Once their windows are over nothing counts, though nobody asked to send anything.
    fix_engine.advance(11)
    told = told_of(fix_engine)
    assert told["sessions"][0]["messages_used"] == 0
    assert [limit["used"] for limit in told["limits"]] == [0, 3]


def test_orders_in_question_and_a_session_that_waits_are_told(
    fix_engine: SimulatedEngine, fix_client: Client
) -> None:
    buy(fix_client, 2)
    assert list(fix_client.reports(timeout=1))
    fix_engine.venue.fault("swallow")
    buy(fix_client, 1)
    fix_engine.venue.fault("reset")
    fix_engine.advance(1)
    told = told_of(fix_engine)
    assert told["engine"]["state"] == "down"
    (session,) = told["sessions"]
    assert session["state"] == "down"
    assert 0 < session["next_attempt_ms"] <= 1500
    assert told["recovery"]["in_question"] >= 1
    assert told["recovery"]["step"].startswith("nobody tells of fills now")
    text = status.text(told | {"journal": HEALTHY, "latency": {}})
    assert f"next attempt in {session['next_attempt_ms'] / 1000:.1f} s" in text
    assert "in question; nobody tells of fills now" in text


def test_a_stopping_engine_waits_for_no_attempt(fix_engine: SimulatedEngine) -> None:
    fix_engine.venue.fault("reset")
    fix_engine.advance(0.1)
    fix_engine._running().gateway.gate.stopping = True
    told = told_of(fix_engine) | {"journal": HEALTHY, "latency": {}}
    (session,) = told["sessions"]
    assert session["next_attempt_ms"] is None
    assert status.text(told).startswith("engine     stopping, pid 77, ")


@pytest.mark.parametrize("is_of_this_run", [True, False])
def test_latencies_of_another_run_are_not_shown(
    fix_engine: SimulatedEngine, tmp_path: Path, is_of_this_run: bool
) -> None:
    epoch = told_of(fix_engine)["engine"]["epoch"]
    with LatencyFile(tmp_path) as figures:
        Latency(figures.memory).head(epoch if is_of_this_run else epoch - 1, 77)
        assert bool(status_command.latencies(tmp_path, epoch)) is is_of_this_run


HEALTHY = {
    "held": 0,
    "healthy": True,
    "error": None,
    "process": 5,
    "written_bytes": 100,
    "behind_bytes": 10,
    "ring_bytes": 4096,
    "refused": 0,
}


def test_what_is_wrong_is_written_large(fix_engine: SimulatedEngine) -> None:
    ill = {"healthy": False, "error": "journal: No space left on device", "held": 3, "refused": 1}
    told = told_of(fix_engine, [REFUSED]) | {"journal": HEALTHY | ill, "latency": {}}
    lines = status.text(told).splitlines()
    assert "tuning     cpu = 9: REFUSED, no such core" in lines
    assert (
        "journal    NOT healthy: journal: No space left on device, 10 of 100 bytes not on disk yet,"
        " 3 requests wait for it, 1 records did not fit"
    ) in lines


def test_no_piece_tells_of_more_than_a_few_strategies(fix_engine: SimulatedEngine) -> None:
    strategies = fix_engine._running().strategies
    for number in range(3 * STRATEGIES_PER_PIECE):
        strategies.named(f"strategy-{number}", fix_engine.now_ns)
    parts = list(pieces(fix_engine._running(), [], 77, fix_engine.now_ns))
    sizes = [len(value) for name, value in parts if name == "strategies"]
    assert sum(sizes) >= 3 * STRATEGIES_PER_PIECE
    assert max(sizes) == STRATEGIES_PER_PIECE
    assert max(len(value) for name, value in parts if name == "sessions") == 1


def test_telling_changes_nothing(fix_engine: SimulatedEngine, fix_client: Client) -> None:
    buy(fix_client, 2)
    before = fix_engine.journal.appended
    first = told_of(fix_engine)
    assert told_of(fix_engine) == first
    assert fix_engine.journal.appended == before


# --- a real engine ----------------------------------------------------------------------------


def fixengine_status(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fixengine", "status", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_status_of_an_engine_that_runs_and_of_one_that_does_not(stage: Stage) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place, tuning={"cpu": 4095}, limits={"mode": "venue"})
    client = stage.client(engine)
    engine.expect(level="warning", text="tuning.cpu = 4095 is refused: this process may not run")
    engine.expect(event="active")
    trade(client)

    done = fixengine_status(engine.state_dir, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = orjson.loads(done.stdout)
    assert (told["engine"]["pid"], told["engine"]["state"]) == (engine.pid, "active")
    assert told["engine"]["bus"].startswith("bus: ")
    assert told["journal"]["healthy"] and told["journal"]["process"] == engine.journal_process()
    assert [one["comp_id"] for one in told["sessions"]] == ["ONE"]
    assert [(one["name"], one["open"]) for one in told["strategies"]] == [("maker", 1)]
    # How much of them counts is over in ten seconds, or at midnight.
    assert [one["name"] for one in told["limits"]] == ["10 SECOND", "1 DAY"]
    assert [one["name"] for one in told["tuning"]] == ["cpu"]
    assert told["latency"]["loop.held"]["count"] > 0

    done = fixengine_status(engine.config)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"engine     active, pid {engine.pid}, " in done.stdout
    assert "tuning     cpu = 4095: REFUSED, this process may not run there" in done.stdout
    assert "loop.held" in done.stdout

    assert engine.end() == 0
    done = fixengine_status(engine.config)
    text = "no engine runs with this state directory; start one with fixengine run"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"fixengine: {engine.state_dir}: {text}\n"
