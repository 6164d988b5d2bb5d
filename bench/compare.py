"""Two revisions of the codec, measured in turns.

    python -m bench.compare REVISION [--rounds N]     # or: make bench BASE=REVISION

Builds the revision in build/base, then runs bench.codec there and here in turns, so that a machine
that drifts drifts for both. Printed is the median of each case's ratio here and there, and the
quotient of the two. A turn in which either run is void (see codec.py) does not count. The exit
status is 1 where a case with a target became more than 5 % slower, and 2 where nothing can be told.
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

from bench import codec, count

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


def ratios(tree: Path) -> dict[str, float] | None:
    """One run of bench.codec in this tree: the ratio that each case's target is about.

    None where the run is void. Raises CompareError where bench.codec fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.codec", "--json", "--rounds", "9"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": f"{tree}/engine"},
        capture_output=True,
        check=False,
    )
    # A traceback is a status of 1 too, but prints nothing on stdout.
    if done.returncode not in (0, 1) or not done.stdout:
        raise CompareError(f"bench.codec in {tree}: {done.stderr.decode()[-600:]}")
    if done.returncode == 1:
        return None
    # Other revisions told more beside the cases; references and peers are not compared.
    return {
        case: found["ratio_to_scalar" if case.startswith("er") else "ratio_to_empty_call"]
        for case, found in orjson.loads(done.stdout).items()
        if isinstance(found, dict) and "ratio_to_scalar" in found
        if ":" not in case and case != "empty_call"
    }


Turn = tuple[dict[str, float], dict[str, float]]


def turns(base: Path, here: Path, wanted: int) -> list[Turn]:
    """The ratios there and here in that many turns, without those that are void.

    Raises CompareError where all are.
    """
    found = []
    for _ in range(wanted):
        before, after = ratios(base), ratios(here)
        if before is not None and after is not None:
            found.append((before, after))
    if not found:
        raise CompareError(f"all {wanted} turns are void; measure on a quiet machine")
    if len(found) < wanted:
        print(f"void, and left out: {wanted - len(found)} of {wanted} turns", file=sys.stderr)
    return found


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("revision", help="what to compare the working tree with")
    parser.add_argument("--rounds", type=count, default=ROUNDS, help=f"runs of each ({ROUNDS})")
    options = parser.parse_args()
    try:
        base = built(options.revision)
        runs = turns(base, ROOT, options.rounds)
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
        slower += case in codec.TARGETS and after / before > SLOWER_MAX
        print(f"{case:24}{before:>14.3f}{after:>10.3f}{after / before:>13.3f}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
