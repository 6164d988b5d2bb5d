"""What is held against the time a test takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import quick
from quick import Took, Watch


@pytest.mark.parametrize(
    ("took", "slow", "judged"),
    [
        (Took(1.9, 0.0), False, False),
        (Took(2.1, 0.0), True, False),
        (Took(6.1, 0.0), True, True),
        (Took(9.0, 0.2), True, True),
        (Took(9.0, 0.3), True, False),
        (Took(9.0, None), True, False),
    ],
)
def test_a_slow_test_fails_where_the_machine_was_not_busy(
    took: Took, slow: bool, judged: bool
) -> None:
    assert (took.is_slow, took.is_judged) == (slow, judged)
    text = "\n".join(quick.summary({"a::b": took}))
    assert f"a::b: {took.seconds:.1f} s" in text


def test_what_the_kernel_counts_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pressure = tmp_path / "cpu"
    monkeypatch.setattr(quick, "PRESSURE", pressure)
    assert quick.waited_s() is None
    assert Watch().took().busy is None
    pressure.write_text("some avg10=0.12 avg60=0.00 avg300=0.00 total=2500000\nfull total=7\n")
    assert quick.waited_s() == 2.5
    watch = Watch()
    assert watch.took().busy == 0
