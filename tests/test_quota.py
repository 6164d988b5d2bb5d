"""How much of the processors' time control groups leave, as the system's files tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixengine.network.quota import quota_cores


def tell(folder: Path, own: str, files: dict[str, str]) -> float | None:
    """What is found where the system has these files."""
    (folder / "own").write_text(own)
    root = folder / "root"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return quota_cores(root, folder / "own")


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {}, None),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000\n", "a/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "c/cpu.max": "50000 100000\n"}, None),
        # A name of the world outside, of which the container sees the top alone.
        ("0::/outside/deep\n", {"cpu.max": "200000 100000\n"}, 2.0),
        (
            "4:memory:/\n3:cpu,cpuacct:/a\n0::/\n",
            {"cpu/a/cpu.cfs_quota_us": "50000\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
            0.5,
        ),
        ("3:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ("3:cpuset:/\n", {"cpu/cpu.cfs_quota_us": "1\n", "cpu/cpu.cfs_period_us": "2\n"}, None),
        ("0::/\n", {"cpu.max": "what is this\n"}, None),
    ],
)
def test_the_least_of_all_that_hold_counts(
    tmp_path: Path, own: str, files: dict[str, str], cores: float | None
) -> None:
    assert tell(tmp_path, own, files) == cores


def test_where_the_system_tells_nothing_there_is_no_limit(tmp_path: Path) -> None:
    assert quota_cores(tmp_path, tmp_path / "missing") is None
