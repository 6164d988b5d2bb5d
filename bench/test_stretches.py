"""bench/stretches.py in smoke size."""

from __future__ import annotations

import pytest

from bench import stretches

ORDERS = 100


@pytest.mark.usefixtures("ends")
def test_every_stretch_is_within_the_trip() -> None:
    found = stretches.measure("ping_pong", ORDERS)
    # Either may be the shorter one: a relay that sleeps is slower than an engine that lingers.
    assert found["relay's trip"] > 0
    walks_us = found["out.whole"] + found["in.whole"]
    assert 0 < walks_us < found["engine's trip"]
    for way, walk in (("out", "out.whole"), ("in", "in.whole")):
        parts = [us for name, us in found.items() if name.startswith(f"{way}.") and name != walk]
        assert 0 < max(parts) < found[walk]
