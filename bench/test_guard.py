"""The guard of the codec's speed, as it runs in CI; see guard.py."""

from __future__ import annotations

import pytest

from bench import codec, guard

SLOWDOWN = 1.2


def test_no_message_costs_more_instructions_and_a_slowdown_would_be_seen() -> None:
    try:
        found = guard.instructions()
    except FileNotFoundError as problem:
        pytest.skip(f"nothing tight is checked, instructions are not counted: {problem}")
    assert found.keys() == guard.INSTRUCTIONS_MAX.keys()
    assert guard.exceeded(found, guard.INSTRUCTIONS_MAX) == [], found
    slower = {what: SLOWDOWN * count for what, count in found.items()}
    assert guard.exceeded(slower, guard.INSTRUCTIONS_MAX) == [*found], f"limits are lax: {found}"


def test_no_case_falls_behind_its_reference() -> None:
    try:
        found, limits = guard.measured()
    except guard.Unknown as problem:
        pytest.skip(f"the ratios are not checked: {problem}")
    assert guard.exceeded(found, limits) == [], found


def test_avx_512_is_worth_having() -> None:
    quotients = guard.avx512_to_avx2()
    if not quotients:
        pytest.skip("the AVX-512 loops are not measured: this processor lacks them")
    limits = dict.fromkeys(quotients, guard.AVX512_TO_AVX2_MAX)
    assert guard.exceeded(quotients, limits) == [], quotients


# What the guard makes of runs ---------------------------------------------------------------------


def run(loops: str, slowdown: float = 1.0, disturbed: float = 1.0) -> codec.Told:
    """A run with the figures of README.md; disturbed: how much longer the empty call took."""
    er, ermix = {"AVX2": (1.22, 1.13), "AVX-512": (1.14, 1.06)}[loops]
    ns = {
        "scalar:er": 146.0,
        "scalar:ermix": 174.0,
        "empty_call": 23.0 * disturbed,
        "er": 146 * er * slowdown,
        "ermix": 174 * ermix * slowdown,
        "nos_struct": 23 * 7.2 * slowdown,
        "nos_payload": 23 * 6.5 * slowdown,
    }
    return {
        case: {"ns_min": taken, "ratio_to_empty_call": taken / ns["empty_call"]}
        for case, taken in ns.items()
    }


@pytest.mark.parametrize("loops", guard.RATIOS_MAX)
def test_a_slowdown_trips_every_ratio(loops: str) -> None:
    limits = guard.RATIOS_MAX[loops]
    assert limits.keys() == codec.TARGETS.keys()
    assert guard.exceeded(guard.ratios([run(loops)]), limits) == []
    assert guard.exceeded(guard.ratios([run(loops, SLOWDOWN)]), limits) == [*limits]


def test_a_run_whose_reference_was_disturbed_hides_no_slowdown() -> None:
    slow, void = run("AVX2", SLOWDOWN), run("AVX2", SLOWDOWN, disturbed=1.3)
    assert codec.is_void(void)
    expected = guard.ratios([slow])
    assert guard.ratios([slow, void, slow]) == expected
    # Also where it is not so much that the run is void: the other run's reference counts.
    assert guard.ratios([slow, run("AVX2", SLOWDOWN, disturbed=1.02)]) == expected


def test_a_run_that_is_void_but_for_chance_does_not_count() -> None:
    busy = run("AVX2", disturbed=1.04)
    assert not codec.is_void(busy)
    with pytest.raises(guard.Unknown, match="2 of 3 runs are void"):
        guard.ratios([run("AVX2"), busy, busy])


@pytest.mark.parametrize("quiet", [0, 1, 2])
def test_nothing_is_known_where_most_runs_are_void(quiet: int) -> None:
    told = [run("AVX2")] * quiet + [run("AVX2", disturbed=1.3)] * (4 - quiet)
    with pytest.raises(guard.Unknown, match=f"{4 - quiet} of 4 runs are void"):
        guard.ratios(told)


def test_nothing_is_known_where_the_runs_do_not_agree() -> None:
    told = [run("AVX2"), run("AVX2"), run("AVX2", disturbed=1.34)]
    with pytest.raises(guard.Unknown, match="the runs do not agree"):
        guard.ratios(told)
