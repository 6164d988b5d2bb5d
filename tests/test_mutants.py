"""The known bugs of `make mutants` still fit the source: whether each is caught takes longer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mutants import MUTANTS, ROOT, Mutant, patch


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_known_bug_fits_the_source(tmp_path: Path, mutant: Mutant) -> None:
    for name, _, _ in mutant.patches:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "engine" / "fixengine" / name, tmp_path / name)
    patch(mutant, tmp_path)
