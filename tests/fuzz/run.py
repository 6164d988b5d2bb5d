"""`make fuzz`: build what is fuzzed, fuzz it for FUZZ_SECONDS, and say how much that was.

Only the loops that this machine has are fuzzed; which they are is printed.

Half of the time goes to the C headers, half to the codec through Python, one beside the other. What
a fuzzer finds is left in build/fuzz, its name is printed, and the exit code is 1: put the file into
tests/fuzz/corpus with the fix, so that `make test` proves it from then on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from bench.codec import loops
from fuzz import build
from fuzz.corpus_files import CORPUS

FUZZ = build.ROOT / "build" / "fuzz"
BYTES_MAX = 800
# A whole machine may be stopped for a minute; what takes longer than this hangs.
HANG_S = 300


def start(target: Path, seconds: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A fuzzer in the background, writing to its own log."""
    grown = FUZZ / f"corpus-{target.name}"
    grown.mkdir(parents=True, exist_ok=True)
    with (FUZZ / f"{target.name}.log").open("wb") as log:
        return subprocess.Popen(
            [
                *(target, f"-max_total_time={seconds}", f"-max_len={BYTES_MAX}"),
                *(
                    "-print_final_stats=1",
                    f"-timeout={HANG_S}",
                    f"-report_slow_units={HANG_S}",
                    f"-dict={CORPUS.parent / 'fix.dict'}",
                ),
                *(f"-artifact_prefix={FUZZ}/found-{target.name}-", grown, CORPUS / target.name),
            ],
            stdout=log,
            stderr=log,
            env=environment,
        )


def stat(log: str, name: str) -> int:
    found = re.search(rf"stat::{name}:\s+(\d+)", log)
    return int(found[1]) if found else 0


def main() -> int:
    seconds = int(os.environ.get("FUZZ_SECONDS") or 60)
    try:
        compiler = build.clang()
        sanitized = build.package(
            "asan",
            compiler,
            [*build.SANITIZERS, "-fsanitize=fuzzer-no-link", *build.GENERATED_CODE],
        )
        targets = [build.headers_target(compiler), build.codec_target(compiler)]
    except build.NotHere as problem:
        return build.complain(problem)
    print(f"fuzzing for {seconds} s; logs and findings in {FUZZ.relative_to(build.ROOT)}")
    print(f"loops of the codec on this machine, and no others: {', '.join(loops())}")
    running = [(target, start(target, seconds, build.environment(sanitized))) for target in targets]
    failed = 0
    for target, process in running:
        process.wait()
        log = (FUZZ / f"{target.name}.log").read_text(errors="replace")
        done, rate = stat(log, "number_of_executed_units"), stat(log, "average_exec_per_sec")
        print(f"{target.name:8} {done:>12,} executions, {rate:>8,} a second")
        if process.returncode != 0:
            failed = 1
            print(log[-3000:])
    return failed


if __name__ == "__main__":
    sys.exit(main())
