"""Every rule of tests/scripts, for each role its first line names, in simulated time."""

from __future__ import annotations

import pytest
from script_player import play
from script_reader import ROOT, Script, ScriptError, all_scripts

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
