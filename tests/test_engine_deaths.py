"""Strategies that die or hang while nothing can be sent for them: their orders end later."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from processes import COMP_IDS, Engine, Running, Stage, stage
from test_faults import Controlled

__all__ = ["stage"]

ORDERS = 5
RULES = {"strategies": {"on_death": "cancel", "grace_ms": 300, "silence_ms_max": 3000}}
SIGNALS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}


def trading(one: Stage, tmp_path: Path) -> tuple[Controlled, Engine, Running]:
    """A venue, an engine, and a strategy with orders that rest."""
    path = tmp_path / "control"
    venue = Controlled(one.venue("--control", str(path)), path)
    engine = one.engine(venue.venue.place, **RULES)
    engine.expect(event="active")
    dying = one.strategy(engine, "dying", *["19000.00"] * ORDERS)
    for _ in range(ORDERS):
        dying.expect(event="ExecutionReport")
    return venue, engine, dying


def end_of(dying: Running, how: str) -> None:
    dying.signal(SIGNALS[how])
    if how == "killed":
        dying.process.wait()


def orders_end(engine: Engine, dying: Running, how: str) -> None:
    """The engine cancels what is open, and one that goes on hears of it."""
    engine.expect(event="gone", text=f"its open orders ({ORDERS}) are cancelled")
    engine.expect(event="gone", text="none of its orders is open any more")
    if how == "stopped":
        dying.signal(signal.SIGCONT)
        for _ in range(ORDERS):
            dying.expect(event="ExecutionReport")


@pytest.mark.parametrize("how", SIGNALS)
def test_orders_of_one_that_died_while_the_link_was_down(
    stage: Stage, tmp_path: Path, how: str
) -> None:
    venue, engine, dying = trading(stage, tmp_path)
    venue.fault("never-accept")
    venue.fault("reset", session=COMP_IDS[0])
    engine.expect(event="down")
    end_of(dying, how)
    gone = engine.expect(event="gone", text=f"its open orders ({ORDERS}) are cancelled")
    assert not engine.has_said(event="active", session=COMP_IDS[1]), "nothing can leave yet"
    assert venue.say(b'{"clear": "all"}')["ok"]
    engine.expect(event="active")
    engine.expect(event="gone", text="none of its orders is open any more")
    assert engine.said.count(gone) == 1
    if how == "stopped":
        dying.signal(signal.SIGCONT)
        dying.expect(event="OrderUnknown")
        for _ in range(ORDERS):
            dying.expect(event="ExecutionReport")
    assert engine.end() == 0


@pytest.mark.parametrize("how", SIGNALS)
def test_orders_of_one_that_died_while_the_engine_was_dead(
    stage: Stage, tmp_path: Path, how: str
) -> None:
    venue, engine, dying = trading(stage, tmp_path)
    engine.end(signal.SIGKILL)
    end_of(dying, how)
    engine = stage.engine(venue.venue.place, **RULES)
    orders_end(engine, dying, how)
    assert engine.end() == 0
