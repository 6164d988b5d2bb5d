"""Every rule of tests/scripts, for each role its first line names, in simulated time."""

from __future__ import annotations

from pathlib import Path

import pytest
from script_player import play
from script_reader import ROOT, Script, ScriptError, all_scripts, read

RUNS = [
    pytest.param(script, role, id=f"{script.path.relative_to(ROOT).with_suffix('')}-{role}")
    for script in all_scripts()
    for role in script.roles
]


@pytest.mark.parametrize(("script", "role"), RUNS)
def test_rule(script: Script, role: str) -> None:
    try:
        play(script, role)
    except ScriptError as problem:
        # File, line, what was expected and what came: the stack adds nothing to that.
        pytest.fail(str(problem), pytrace=False)


# --- a script that is wrong, or that something else happens than it says -------------------------

HEAD = "venue binance FIX.4.4, role initiator, scenario 2-a"
RULE = "rule Something holds."


def written(place: Path, *lines: str) -> Path:
    path = place / "x.fix"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("lines", "line", "text"),
    [
        (["expect 35=5"], 3, "there was no connection"),
        (["log on", "expect 35=5"], 4, "expected 35=5, came nothing"),
        (["log on", "# so", "", "send 35=1|112=x"], 7, "expected nothing, came 8=FIX.4.4|"),
        (
            ["log on", "send 35=1|112=x", "expect 35=0|112=y"],
            5,
            "expected 112=y at its place, came",
        ),
        (["log on", "send 35=1|112=x", "expect 112=x|35=0"], 5, "expected 35=0 at its place, came"),
        (["log on", "send 35=1|112=x", "expect 35=0|!112"], 5, "expected no tag 112, came"),
        (["log on", "send 35=1|112=x", "expect nothing"], 5, "expected nothing, came 8=FIX.4.4|"),
        (["log on", "send 35=8|17=1"], 5, "expected nothing, came"),
        (["log on", "send 35=8|17=1", "delivered 17=2"], 5, "expected 17=2, came"),
        (["log on", "send 35=B|148=x"], 5, "expected nothing, came ('news'"),
        (["log on", "send 35=B|148=x", "told news text=y"], 5, "expected news text=y, came news"),
        (["log on", "send 35=5", "expect 35=5", "told logged_out"], 7, "does not say so"),
        (["log on", "expect close"], 4, "expected us to close the connection, it is open"),
        (["log on", "state closed"], 4, "expected closed, came active"),
        (["log on", "peer closes", "told lost", "send 35=0"], 6, "there is no connection"),
        (["log on", "send 35-0"], 4, "'35-0': expected tag=value or !tag"),
        (["advance 30"], 3, "'30': expected a time such as 30s or 500ms"),
        (["order a"], 3, "needs the clause `engine`"),
        (["conect"], 3, "no such verb"),
    ],
)
def test_an_error_names_file_line_and_what_came(
    tmp_path: Path, lines: list[str], line: int, text: str
) -> None:
    path = written(tmp_path, HEAD, RULE, *lines)
    with pytest.raises(ScriptError) as caught:
        play(read(path), "initiator")
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        [HEAD],
        [HEAD, "log on", "expect nothing"],
        ["venue binance FIX.4.4, role initiator", RULE, "log on"],
        ["venue binance FIX.4.4, role broker, scenario 3", RULE, "log on"],
        ["venue binance, role initiator, scenario 3", RULE, "log on"],
        [f"{HEAD}, fast", RULE, "log on"],
    ],
)
def test_a_script_that_cannot_be_read_says_so(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(ScriptError, match=r"x\.fix:1: "):
        read(written(tmp_path, *lines))


def test_a_number_that_is_named_is_held_to_be_that_one(tmp_path: Path) -> None:
    lines = ["log on", "say a", "expect 11=a", "send 35=1|112=x", "expect 34=9"]
    path = written(tmp_path, HEAD, RULE, *lines)
    with pytest.raises(ScriptError, match=r"expected 34=9 at its place, came .*34=3"):
        play(read(path), "initiator")
