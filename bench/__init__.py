"""Benchmarks. Each file has an empty baseline, checks a digest of its result, and runs small among
the tests with --benchmark-disable. Compare ratios to the baseline of the same run, not times.
"""

from __future__ import annotations

import argparse
import os


def count(text: str) -> int:
    """A command's argument that counts something: 1 or more."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return number


def pin() -> None:
    """Stay on one processor, the last of those allowed; taskset chooses another one."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
