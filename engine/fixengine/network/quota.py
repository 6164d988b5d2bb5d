"""What control groups leave a process of the processors' time: a container may see eight cores and
have the time of one. Who takes more is stopped until the next period, for tens of milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def quota_cores(root: Path = ROOT, own: Path = OWN) -> float | None:
    """How many cores' time this process may take; None: that of all it may run on.

    root: where control groups are mounted. own: which ones it is in, as the system tells
    (cgroups(7)); of each and of those above it the least counts. What cannot be read is no limit.
    """
    found: list[float] = []
    for folder in _folders(root, own):
        # Version 2 has both numbers in one file, version 1 one in each of two.
        numbers = _words(folder / "cpu.max")
        if not numbers:
            numbers = _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us")
        if len(numbers) == 2 and all(number.isdigit() for number in numbers):
            quota_us, period_us = map(int, numbers)
            found.append(quota_us / max(1, period_us))
    return min(found, default=None)


def _folders(root: Path, own: Path) -> Iterator[Path]:
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "cpu" if controllers else root
        # In a container the name may be one outside, and then only the top is there.
        here = top / name.strip("/")
        yield from (here, *(above for above in here.parents if above.is_relative_to(top)))


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
