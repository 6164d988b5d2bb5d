"""Fixtures for tests of strategies; pytest finds them by itself, and nothing is loaded unused.

fix_engine: a SimulatedEngine. `@pytest.mark.fix_engine(house=False, limits="off")` gives it
arguments. fix_client: a Client connected to it as strategy "strategy".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fixengine.client import Client
    from fixengine.testing import SimulatedEngine

MARKER = "fix_engine(**arguments): arguments of the SimulatedEngine that fix_engine gives"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def fix_engine(request: pytest.FixtureRequest) -> Iterator[SimulatedEngine]:
    """An engine and a venue in memory, under a simulated clock; see fixengine.testing."""
    from fixengine.testing import SimulatedEngine

    marker = request.node.get_closest_marker("fix_engine")
    with SimulatedEngine(**(marker.kwargs if marker else {})) as engine:
        yield engine


@pytest.fixture
def fix_client(fix_engine: SimulatedEngine) -> Client:
    """A strategy's connection to fix_engine."""
    return fix_engine.client()
