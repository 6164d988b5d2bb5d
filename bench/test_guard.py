"""The guard of the codec's speed, as it runs in CI; see guard.py."""

from __future__ import annotations

import pytest

from bench import guard


def test_no_message_costs_more_instructions() -> None:
    try:
        found = guard.instructions()
    except FileNotFoundError as problem:
        pytest.skip(f"instructions are not counted: {problem}")
    assert found.keys() == guard.INSTRUCTIONS_MAX.keys()
    for what, limit in guard.INSTRUCTIONS_MAX.items():
        assert 0 < found[what] <= limit, f"{what}: {found[what]:.0f} instructions, at most {limit}"


def test_no_case_falls_behind_its_reference() -> None:
    for case, ratio in guard.ratios().items():
        limit = guard.RATIOS_MAX[case]
        assert 0 < ratio <= limit, f"{case}: {ratio:.2f} times its reference, at most {limit}"


def test_avx_512_is_worth_having() -> None:
    for case, quotient in guard.avx512_to_avx2().items():
        limit = guard.AVX512_TO_AVX2_MAX
        assert 0 < quotient <= limit, f"{case}: AVX-512 takes {quotient:.2f} of AVX2's time"
