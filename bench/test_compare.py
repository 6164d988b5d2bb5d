"""What compare makes of the runs of two trees: here of programs that tell a run and its status."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from bench import compare

RATIOS = {"ratio_to_scalar": 1.5, "ratio_to_empty_call": 7.5}
TOLD = orjson.dumps(
    {
        "er": RATIOS,
        "nos_struct": RATIOS,
        "scalar:er": RATIOS,
        "simplefix:er": RATIOS,
        "empty_call": RATIOS,
        # As earlier revisions told it.
        "scalar_ns": {"er": 146.0},
        "loops": "AVX2",
    }
).decode()


def tree(folder: Path, *statuses: int, told: str = TOLD) -> Path:
    """One whose bench.codec tells this, each run with the next of these statuses."""
    (folder / "bench").mkdir(parents=True)
    (folder / "runs").mkdir()
    (folder / "bench" / "codec.py").write_text(
        "import pathlib, sys\n"
        "runs = pathlib.Path('runs')\n"
        "at = len(list(runs.iterdir()))\n"
        "(runs / str(at)).touch()\n"
        f"print({told!r}, end='')\n"
        f"sys.exit({statuses!r}[at])\n"
    )
    return folder


def test_the_ratios_of_cases_are_those_of_their_targets(tmp_path: Path) -> None:
    assert compare.ratios(tree(tmp_path, 0)) == {"er": 1.5, "nos_struct": 7.5}


@pytest.mark.parametrize(("status", "told"), [(2, TOLD), (1, "")])
def test_a_run_that_fails_is_an_error(tmp_path: Path, status: int, told: str) -> None:
    program = tree(tmp_path, status, told=told)
    with pytest.raises(compare.CompareError, match=r"bench\.codec in"):
        compare.ratios(program)


def test_turns_with_a_void_run_do_not_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, here = tree(tmp_path / "base", 1, 0, 0), tree(tmp_path / "here", 0, 1, 0)
    assert len(compare.turns(base, here, 3)) == 1
    assert "void, and left out: 2 of 3 turns" in capsys.readouterr().err


def test_nothing_is_told_where_all_turns_are_void(tmp_path: Path) -> None:
    base, here = tree(tmp_path / "base", 1, 0), tree(tmp_path / "here", 0, 1)
    with pytest.raises(compare.CompareError, match="all 2 turns are void"):
        compare.turns(base, here, 2)
