"""What the tests of the round trip need: its compiled ends."""

from __future__ import annotations

import pytest

from bench import native


@pytest.fixture(scope="session")
def ends() -> None:
    """The relay, the strategy and the venue. `make test` installs what they need where it can; the
    benchmark itself fails without, and these tests say why they did not run.
    """
    try:
        for name in native.PROGRAMS:
            native.program(name)
    except native.NativeError as problem:
        pytest.skip(str(problem))
