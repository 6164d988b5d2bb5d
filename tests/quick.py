"""No test over real sockets may take longer than QUICK_S: faults are played with time scaled down.

A module says `pytestmark = pytest.mark.quick`. Only a test that has passed is judged, and only by
its own part, without what sets the stage. A machine that is busy with other things says nothing
about a test: where some process waited for a processor for more than BUSY of the time (the kernel
counts it), the test is named in the summary and not judged.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

QUICK_S = 2.0
BUSY = 0.25
PRESSURE = Path("/proc/pressure/cpu")


class Took(NamedTuple):
    """How long a test took, and in which share of that some process waited for a processor."""

    seconds: float
    busy: float | None

    @property
    def is_slow(self) -> bool:
        """Whether it took too long, for whatever reason."""
        return self.seconds > QUICK_S

    @property
    def is_judged(self) -> bool:
        """Whether that says something about the test."""
        return self.busy is not None and self.busy <= BUSY

    def __str__(self) -> str:
        if self.busy is None:
            return f"{self.seconds:.1f} s; the kernel does not say how busy the machine was"
        return f"{self.seconds:.1f} s, processors were waited for in {self.busy:.0%} of it"


class Watch:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._waited_s = waited_s()

    def took(self) -> Took:
        """So far."""
        seconds = time.monotonic() - self._began
        before, after = self._waited_s, waited_s()
        known = before is not None and after is not None and seconds > 0
        return Took(seconds, (after - before) / seconds if known else None)


def waited_s() -> float | None:
    """Since the machine started, for how long some process had to wait for a processor."""
    with contextlib.suppress(OSError):
        found = re.match(r"some .*total=(\d+)", PRESSURE.read_text())
        return None if found is None else int(found[1]) / 1_000_000
    return None


def summary(unjudged: dict[str, Took]) -> Iterator[str]:
    """What is said at the end of tests that could not be judged, the slowest first."""
    if unjudged:
        yield f"{len(unjudged)} tests took more than {QUICK_S:g} s and were not judged:"
    for name, took in sorted(unjudged.items(), key=lambda item: -item[1].seconds)[:5]:
        yield f"  {name}: {took}"
