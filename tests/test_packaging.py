"""What a user installs: the source distribution is whole, builds, and imports elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import fixengine
import pytest
from fixengine import __version__

ROOT = Path(__file__).parent.parent


@pytest.mark.timeout(300)
def test_a_source_distribution_builds_and_imports_in_an_empty_place(tmp_path: Path) -> None:
    def python(*arguments: str, **environment: str) -> str:
        command = [sys.executable, *arguments]
        env = {**os.environ, **environment}
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    source = tmp_path / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    for name in filter(None, map(os.fsdecode, tracked)):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = "from setuptools import build_meta as b; import os; os.chdir('source')"
    python("-c", f"{build}; print(b.build_sdist('..'))")
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in packed.getnames()}
    parts = {f"csrc/{path.name}" for path in (ROOT / "csrc").iterdir() if path.suffix != ".c"}
    assert parts <= names
    target = tmp_path / "installed"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    python(*install, "--no-index", "--target", str(target), str(archive))
    code = (
        "import fixengine, fixengine.wire as w, fixengine.link as l;"
        " print(fixengine.__file__, w.__file__, l.__file__)"
    )
    where = python("-c", code, PYTHONPATH=str(target), PYTHONSAFEPATH="1").split()
    assert all(place.startswith(str(target)) for place in where)
    assert (target / "fixengine" / "py.typed").exists()
    assert (target / "fixengine" / "wire.pyi").exists()
    assert (target / "fixengine" / "link.pyi").exists()
    (facts,) = target.glob(f"fixengine-{__version__}.dist-info")
    # pytest finds the fixtures by it, and nobody else needs pytest.
    assert (
        "[pytest11]\nfixengine = fixengine.pytest_plugin"
        in (facts / "entry_points.txt").read_text()
    )
    assert "pytest" not in (facts / "METADATA").read_text().split("\n\n")[0]


@pytest.mark.parametrize(
    ("program", "missing"),
    [
        ("import fixengine.wire", "wire, the compiled codec"),
        ("from fixengine import wire", "wire, the compiled codec"),
        ("from fixengine import link", "link, the compiled end of the bus"),
        ("from fixengine.cli import main; sys.exit(main([]))", "wire, the compiled codec"),
    ],
)
def test_a_module_that_is_not_compiled_is_told_with_the_next_step(
    tmp_path: Path, program: str, missing: str
) -> None:
    package = Path(fixengine.__file__).parent
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(package, tmp_path / "fixengine", ignore=ignored)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, fixengine.client; {program}"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"fixengine.{missing}, is missing" in done.stderr
    assert "`make build`" in done.stderr.splitlines()[-1]
