"""Real engines and what their state directory holds of connection attempts, over restarts."""

from __future__ import annotations

import signal
from typing import Any

import orjson
import pytest
from processes import COMP_IDS, SCALED, Engine, Stage, stage

__all__ = ["stage"]

pytestmark = pytest.mark.quick

IDS = [f"ID{number}" for number in range(12)]
ATTEMPTS_MAX = 15


def on_disk(engine: Engine) -> dict[str, Any]:
    state: dict[str, Any] = orjson.loads((engine.state_dir / "state.json").read_bytes())
    return state


def test_attempts_of_a_run_that_was_killed_count_in_the_next(stage: Stage) -> None:
    acceptor = stage.acceptor()
    venue = {"sender_comp_ids": IDS, "sessions": 9}
    engine = stage.engine(acceptor.place, venue=venue)
    for _ in range(ATTEMPTS_MAX):
        # No TLS: the attempt fails, and its id is free again.
        acceptor.accept_plain().close()
    engine.expect(event="down", text="no more than 15 connection attempts in 30 s")
    assert len(on_disk(engine)["attempts_ns"]) == ATTEMPTS_MAX
    engine.end(signal.SIGKILL)

    again = stage.engine(acceptor.place, venue=venue)
    told = again.expect(event="down")
    assert "no more than 15 connection attempts in 30 s" in told["text"]
    assert [line for line in again.before(told) if line.get("event") == "connecting"] == []
    assert again.end() == 0


def test_an_attempt_is_on_disk_before_its_connection(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place)
    with acceptor.accept_plain():
        assert list(on_disk(engine)["comp_ids"]) == [COMP_IDS[0]]
        assert len(on_disk(engine)["attempts_ns"]) == 1


def test_an_id_rests_as_much_shorter_as_the_venues_intervals_are(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue={"heartbeat_s": 45, "time_scale": 20})
    with acceptor.accept_plain():
        (mark,) = engine.marks().values()
        assert mark["heartbeat_s"] == 3


def test_what_cannot_be_put_on_disk_is_not_connected(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue=SCALED)
    peer = acceptor.logon()
    engine.expect(event="active")
    in_the_way = engine.state_dir / "state.json.new"
    in_the_way.mkdir()
    peer.reset()
    engine.expect(event="down", text="cannot be written: Is a directory")
    in_the_way.rmdir()
    again = acceptor.logon()
    engine.expect(event="active", session=again.comp_id)
    tried = [line["session"] for line in engine.said if line.get("event") == "connecting"]
    failed = [line["session"] for line in engine.said if "cannot be written" in line["text"]]
    assert tried == [peer.comp_id, *dict.fromkeys(failed), again.comp_id], "the first since"
    assert set(on_disk(engine)["comp_ids"]) == {peer.comp_id, again.comp_id}
