"""A test over real sockets takes QUICK_S at most: faults are played with time scaled down.

A module says `pytestmark = pytest.mark.quick`. Only a test that has passed is judged, and only by
its own part, without what sets the stage. One that takes longer is named in the summary; beyond
TOO_SLOW_S it fails, for some machines are half as fast. A machine that is busy with other things
says nothing about a test: where some process waited for a processor for more than BUSY of the time
(the kernel counts it), it is not judged.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

QUICK_S = 2.0
TOO_SLOW_S = 3 * QUICK_S
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
        """Whether the test fails for it."""
        busy = self.busy is None or self.busy > BUSY
        return self.seconds > TOO_SLOW_S and not busy

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


def summary(slow: dict[str, Took]) -> Iterator[str]:
    """What is said at the end of slow tests that did not fail for it, the slowest first."""
    if slow:
        yield f"{len(slow)} tests took more than {QUICK_S:g} s:"
    for name, took in sorted(slow.items(), key=lambda item: -item[1].seconds)[:5]:
        yield f"  {name}: {took}"
