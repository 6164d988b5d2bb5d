"""The guard: what a message may cost the codec, in instructions and in ratios.

Instructions, counted by callgrind, are the same in every run on every machine (valgrind shows the
program a processor with AVX2 and without AVX-512), so their limits stand 10 % above what was
counted with gcc 12 on CPython 3.11, and a slowdown of 20 % trips them. What only AVX-512 runs is
gated against the AVX2 loops of the same run, behind which it must not fall. Time as a whole is
gated by the ratios of the codec's figures in README.md, 10 % above the worst: a case's shortest
round in a few short runs to its reference's, because what disturbs a round only makes it longer.
Void runs do not count (see codec.py); where most are, nothing is known of the ratios, because one
that is not void is so by chance.

    python -m bench.guard          # counts, limits and ratios; exit status 1 where one is exceeded,
                               # and where the ratios are not known
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fixengine import wire

from bench import codec, pin

PASSES = 4
INSTRUCTIONS_MAX = {"feed": 140, "next": 2885, "encode": 2420, "encode_payload": 2200}
"""A call on average over ermix and its orders; next: iterating over one message and to the end."""
AVX2, AVX512 = 1, 2
RATIOS_MAX = {
    "AVX2": {"er": 1.34, "ermix": 1.24, "nos_struct": 7.9, "nos_payload": 7.3},
    "AVX-512": {"er": 1.25, "ermix": 1.17, "nos_struct": 7.9, "nos_payload": 7.2},
}
"""By the loops that are used; there are no figures of plain ones."""
AVX512_TO_AVX2_MAX = 1.08
RUNS = 5
ROUNDS = 3

FUNCTIONS = {
    "feed": re.compile(r"__pyx_pw_\w*Framer_\d+feed$"),
    "next": re.compile(r"__pyx_pw_\w*Framer_\d+__next__$"),
    "encode": re.compile(r"__pyx_pw_\w*Template_\d+encode$"),
    "encode_payload": re.compile(r"__pyx_pw_\w*Template_\d+encode_payload$"),
}


def work() -> None:
    """What is counted: each report fed and iterated over, each order written in both ways."""
    framer = wire.Framer(plans={b"8": codec.REPORT})
    for _ in range(PASSES):
        for data in codec.ERMIX:
            framer.feed(data)
            for _ in framer:
                pass
        for seq, (order, payload) in enumerate(zip(codec.STRUCTS, codec.PAYLOADS, strict=True)):
            codec.NEW_ORDER.encode(order, seq, b"20260721-09:07:30.123456")
            codec.NEW_ORDER.encode_payload(payload, seq, b"20260721-09:07:30.123456")


def inclusive(profile: str) -> Counter[str]:
    """Cost by function, what it called included, from callgrind's output."""
    names: dict[str, str] = {}
    cost: Counter[str] = Counter()
    called, awaiting = "", False
    for line in profile.splitlines():
        named = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?", line)
        if named:
            kind, number, name = named.groups()
            if name:
                names[number] = name
            if kind == "cfn":
                called = names[number]
        elif line.startswith("calls="):
            awaiting = True
        elif awaiting:
            cost[called] += int(line.split()[-1])
            awaiting = False
    return cost


def instructions() -> dict[str, float]:
    """Instructions a message, by what is called. Raises FileNotFoundError without valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise FileNotFoundError("valgrind is not installed")
    codec.BUILD.mkdir(parents=True, exist_ok=True)
    profile = codec.BUILD / "callgrind.out"
    subprocess.run(
        [valgrind, "--tool=callgrind", f"--callgrind-out-file={profile}", sys.executable]
        + ["-c", "from bench import guard; guard.work()"],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parent.parent,
    )
    cost = inclusive(profile.read_text(errors="replace"))
    messages = PASSES * len(codec.ERMIX)
    return {
        what: sum(count for name, count in cost.items() if pattern.match(name)) / messages
        for what, pattern in FUNCTIONS.items()
    }


SCALAR_MIN = 6.2
"""Empty calls of the scalar loop below which a run is void here. Beside a busy neighbour it took
5.7 to 6.1, by chance more than the 6 of codec.py, and er 1.29 of it; alone 6.3 to 6.7, and er 1.14.
"""


class Unknown(Exception):
    """The ratios are not known; the text says why."""


LOUD = 5.6
"""Empty calls of the scalar loop below which a neighbour is louder than our own work beside it was,
when the limits of chain.py were taken. It took 4.8 to 5.4 where the chain's p50 came out at 1.42.
"""


def disturbed() -> str:
    """What says that this machine has a loud neighbour, "" where nothing does.

    Python's own work, which branches more, suffers more from one than a loop in C.
    """
    cases = codec.Scalar().over(codec.ER), codec.empty_call
    turns = [[case() for case in cases] for _ in range(codec.ROUNDS)]
    scalar, empty = (statistics.median(took) for took in zip(*turns, strict=True))
    if scalar >= LOUD * empty:
        return ""
    return (
        f"the scalar loop took {scalar / empty:.2f} empty calls, not {LOUD:g} or more;"
        " measure on a quiet machine"
    )


SPREAD_MAX = 1.32
"""Of what the scalar loop took in the runs; on a quiet machine it is below 1.1."""


def ratios(told: Sequence[codec.Told]) -> dict[str, float]:
    """Of these runs, the shortest time of each case to the shortest of its reference.

    Raises Unknown where half of the runs or more are void, or where they do not agree.
    """
    took = [run["scalar:er"]["ratio_to_empty_call"] for run in told]
    runs = [
        run
        for run, one in zip(told, took, strict=True)
        if not codec.is_void(run) and one >= SCALAR_MIN
    ]
    found = ", ".join(f"{one:g}" for one in took)
    if 2 * len(runs) <= len(told):
        raise Unknown(
            f"{len(told) - len(runs)} of {len(told)} runs are void: the scalar loop took {found}"
            " empty calls; measure on a quiet machine"
        )
    if max(took) > SPREAD_MAX * min(took):
        raise Unknown(
            f"the runs do not agree: the scalar loop took {found} empty calls; measure on a quiet"
            " machine"
        )
    shortest = {case: min(run[case]["ns_min"] for run in runs) for case in runs[0]}
    return {
        case: shortest[case] / shortest[f"scalar:{case}" if case.startswith("er") else "empty_call"]
        for case in codec.TARGETS
    }


def measured() -> tuple[dict[str, float], dict[str, float]]:
    """The ratios of a few short runs, and their limits. Raises Unknown without either."""
    used = codec.loops()[-1]
    if used not in RATIOS_MAX:
        raise Unknown(f"there are no figures of the {used} loops")
    told = [codec.measure(ROUNDS, peers=False) for _ in range(RUNS)]
    return ratios(told), RATIOS_MAX[used]


def exceeded(found: Mapping[str, float], limits: Mapping[str, float]) -> list[str]:
    """The names of what is above its limit."""
    return [name for name, limit in limits.items() if found[name] > limit]


def avx512_to_avx2(runs: int = RUNS) -> dict[str, float]:
    """The best quotient of the two loops over reports, in turns; empty without AVX-512."""
    use_level: Callable[[int], int] = getattr(wire, "_level")  # noqa: B009  not for users
    if use_level(-1) < AVX512:
        return {}
    by_plan = {b"8": codec.REPORT}
    found = {}
    for name, messages in (("er", codec.ER), ("ermix", codec.ERMIX)):
        case = codec.read_one_by_one(messages, by_plan)
        quotients = []
        for _ in range(runs + 1):
            took = {level: 0.0 for level in (AVX2, AVX512)}
            for _ in range(ROUNDS):
                for level in took:
                    use_level(level)
                    took[level] += case()
            quotients.append(took[AVX512] / took[AVX2])
        found[name] = min(quotients[1:])
    use_level(-1)
    return found


def main() -> int:
    """Entry."""
    pin()
    parts: list[tuple[str, Mapping[str, float], Mapping[str, float]]] = []
    status = 0
    try:
        parts.append(("instructions", instructions(), INSTRUCTIONS_MAX))
    except FileNotFoundError as problem:
        print(f"NOT COUNTED: {problem}; no other limit is as tight as those of instructions")
    try:
        parts.append(("ratio", *measured()))
    except Unknown as problem:
        print(f"NOT KNOWN: {problem}")
        status = 1
    quotients = avx512_to_avx2()
    if not quotients:
        print("NOT COMPARED: this processor lacks AVX-512, its loops are not measured")
    parts.append(("AVX-512/AVX2", quotients, dict.fromkeys(quotients, AVX512_TO_AVX2_MAX)))
    for what, found, limits in parts:
        over = exceeded(found, limits)
        for name, limit in limits.items():
            verdict = "  EXCEEDED" if name in over else ""
            print(f"{what:14}{name:16}{found[name]:>10.2f}  at most {limit:g}{verdict}")
        status = 1 if over else status
    return status


if __name__ == "__main__":
    sys.exit(main())
