"""The commands around the codec's figures: what they print, and when they give none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from bench import codec

ROOT = Path(__file__).parent.parent


def command(name: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *arguments],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )


def test_json_is_by_case() -> None:
    done = command("codec", "--json", "--rounds", "1")
    told = orjson.loads(done.stdout)
    assert done.returncode == codec.is_void(told)
    scalar_to_empty_call = told["scalar:er"]["ratio_to_empty_call"]
    assert f"scalar_to_empty_call {scalar_to_empty_call:g}," in done.stderr.decode()
    assert {*codec.TARGETS, "scalar:er", "scalar:ermix", "empty_call"} <= told.keys()
    for case, found in told.items():
        assert {"ns", "ns_min", "ratio_to_scalar", "ratio_to_empty_call"} <= found.keys(), case
        assert 0 < found["ns_min"] <= found["ns"], case
        assert ("loops" in found) == (":" not in case and case != "empty_call"), case
    assert told["er"]["digest"] == told["ermix"]["digest"]
    assert {f"simplefix:{over}" for over in ("er", "ermix")} <= told.keys()


@pytest.mark.parametrize(
    ("name", "arguments"), [("codec", []), ("compare", ["HEAD"]), ("round_trip", [])]
)
def test_no_rounds_are_refused(name: str, arguments: list[str]) -> None:
    done = command(name, *arguments, "--rounds", "0")
    assert done.returncode == 2
    assert b"--rounds: '0' is not a number of 1 or more" in done.stderr
    assert b"Traceback" not in done.stderr
