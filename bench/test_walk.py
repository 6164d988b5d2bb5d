"""The walk as it is timed, in small: every order leaves, every acknowledgement arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import walk


def test_all_that_is_timed_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "ORDERS", 50)
    monkeypatch.setattr(walk, "ROUNDS", 2)
    one = walk.Walk(tmp_path)
    out, back = walk.measure(one)
    assert min(out, back) > 0
    strategy = one.engine.strategies.of(walk.PEER)
    assert strategy is not None
    assert one.gateway.counter == strategy.acknowledged == 100
    one.ring.close(remove=True)
