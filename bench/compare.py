"""Two revisions of the codec, measured in turns.

    python -m bench.compare REVISION [--rounds N]     # or: make bench BASE=REVISION

Builds the revision in build/base, then runs bench.codec there and here in turns, so that a machine
that drifts drifts for both. Printed is the median of each case's ratio here and there, and the
quotient of the two; the exit status is 1 where a case with a target became more than 5 % slower.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
from pathlib import Path

import orjson

ROOT = Path(__file__).parent.parent
ROUNDS = 7
SLOWER_MAX = 1.05


class CompareError(Exception):
    """The revision cannot be measured; the text says why."""


def output(*command: str) -> bytes:
    """stdout of a command. Raises CompareError with what it said where it failed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        raise CompareError(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[-600:]}")
    return done.stdout


def built(revision: str) -> Path:
    """The tree of a revision with its codec built, made once."""
    commit = output("git", "rev-parse", "--verify", f"{revision}^{{commit}}").decode().strip()
    tree = ROOT / "build" / "base" / commit
    if (tree / "built").exists():
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(output("git", "archive", commit))) as archive:
        archive.extractall(tree, filter="data")
    if not (tree / "bench" / "codec.py").exists():
        raise CompareError(f"{revision} has no bench.codec; compare with a later revision")
    print(f"building {revision} ...", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=tree,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise CompareError(f"{revision} does not build: {done.stderr.decode()[-600:]}")
    (tree / "built").touch()
    return tree


def ratios(tree: Path) -> dict[str, float]:
    """One run of bench.codec in this tree: the ratio that each case's target is about."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.codec", "--json", "--rounds", "9"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": f"{tree}/engine"},
        capture_output=True,
        check=False,
    )
    if not done.stdout:
        raise CompareError(f"bench.codec in {tree}: {done.stderr.decode()[-600:]}")
    told = orjson.loads(done.stdout)
    return {
        case: found["ratio_to_scalar" if case.startswith("er") else "ratio_to_empty_call"]
        for case, found in told.items()
        if isinstance(found, dict) and "ratio_to_scalar" in found and ":" not in case
    }


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("revision", help="what to compare the working tree with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"runs of each ({ROUNDS})")
    options = parser.parse_args()
    try:
        base = built(options.revision)
        runs = [(ratios(base), ratios(ROOT)) for _ in range(options.rounds)]
    except CompareError as problem:
        print(f"bench.compare: {problem}", file=sys.stderr)
        return 2
    slower = 0
    print(f"{'case':24}{options.revision[:14]:>14}{'here':>10}{'here / base':>13}")
    for case in runs[0][1]:
        if case not in runs[0][0]:
            continue
        before = statistics.median(run[0][case] for run in runs)
        after = statistics.median(run[1][case] for run in runs)
        guarded = case in ("er", "ermix", "nos_struct", "nos_payload")
        slower += guarded and after / before > SLOWER_MAX
        print(f"{case:24}{before:>14.3f}{after:>10.3f}{after / before:>13.3f}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
