"""`make coverage`: which lines of csrc the tests run, and at least LEAST percent of them.

The codec is built a second time with gcc's counters and the tests of the codec run on it. gcov
counts lines of the C that Cython made; above each piece of that C Cython wrote which line of csrc
it is of, so a line of a .pyx or .pxi was run where any line of C below its mark was. A header's
lines are counted as they are.
"""

from __future__ import annotations

import collections
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from fuzz import build

LEAST = 95.0
TESTS = (
    *("frame", "view", "plan", "encode", "number", "levels", "reference", "properties", "hostile"),
    *("fuzz", "wire_foreign", "tables_round_trip", "crc32c", "pack", "journal_ring", "latency"),
)

Lines = dict[str, dict[int, int]]


def marks(generated: list[str]) -> dict[int, tuple[str, int]]:
    """By line of the generated C, from 1: the line of csrc it was made of."""
    found = {}
    here: tuple[str, int] | None = None
    for at, text in enumerate(generated, 1):
        match = re.search(r'"(?:[^"]*/)?(\w+\.(?:pyx|pxi))":(\d+)\s*$', text)
        if match and text.lstrip().startswith(("/*", "*")):
            here = match[1], int(match[2])
        elif text.startswith("}") or text.startswith("/* Python wrapper */"):
            here = None  # what Cython adds around a function is of no line
        elif here is not None:
            found[at] = here
    return found


def counted(folder: Path) -> Lines:
    """By file of csrc and line: how often it was run."""
    gcda = next(folder.rglob("*.gcda"))
    subprocess.run(["gcov", "--json-format", gcda], cwd=folder, check=True, capture_output=True)
    lines: Lines = collections.defaultdict(dict)
    of = marks(build.GENERATED.read_text().split("\n"))
    for path in folder.glob("*.gcov.json.gz"):
        for file in json.loads(gzip.decompress(path.read_bytes()))["files"]:
            name = Path(file["file"]).name
            for line in file["lines"]:
                source, number = name, line["line_number"]
                if name == build.GENERATED.name:
                    if number not in of:
                        continue
                    source, number = of[number]
                elif not (build.CSRC / name).exists():
                    continue
                runs = lines[source]
                runs[number] = runs.get(number, 0) + line["count"]
    return lines


def report(lines: Lines) -> float:
    """Print a row a file; the percentage of all."""
    run = total = 0
    for name, counts in sorted(lines.items()):
        hit = sum(count > 0 for count in counts.values())
        missed = [number for number, count in sorted(counts.items()) if count == 0]
        print(
            f"{name:14}{hit:6} of {len(counts):5} lines {100 * hit / len(counts):6.1f} %  "
            + " ".join(map(str, missed))
        )
        run += hit
        total += len(counts)
    percent = 100 * run / total
    print(f"{'csrc':14}{run:6} of {total:5} lines {percent:6.1f} %  (at least {LEAST} %)")
    return percent


def main() -> int:
    if shutil.which("gcov") is None or shutil.which("gcc") is None:
        return build.complain(build.NotHere("gcc and gcov are needed; Debian: apt-get install gcc"))
    folder = build.ROOT / "build" / "coverage"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        build.package("coverage", "gcc", ["-O0", "-g", "--coverage", "-w"])
    except build.NotHere as problem:
        return build.complain(problem)
    files = [build.ROOT / "tests" / f"test_{name}.py" for name in TESTS]
    environment = {**build.environment(folder), "GCOV_PREFIX_STRIP": "0"}
    del environment["PYTHONMALLOC"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", *files],
        cwd=build.ROOT,
        env=environment,
        check=False,
    )
    if result.returncode != 0:
        print("tests failed; coverage is of what ran", file=sys.stderr)
    return int(report(counted(folder)) < LEAST)


if __name__ == "__main__":
    os.chdir(build.ROOT)
    sys.exit(main())
