"""What all tests need: a build that is newer than its sources."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from quick import Took, Watch, summary

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
LOOPS = ("plain", "AVX2", "AVX-512")
SLOW = pytest.StashKey[dict[str, Took]]()


def pytest_configure(config: pytest.Config) -> None:
    """Stop where a compiled module is older than its sources: the tests would test old code."""
    config.stash[SLOW] = {}
    package = ROOT / "engine" / "fixengine"
    built = [path for name in ("wire", "link") for path in package.glob(f"{name}.*.so")]
    sources = [path for path in (ROOT / "csrc").iterdir() if path.suffix != ".c"]
    newest = max(path.stat().st_mtime for path in sources)
    if len(built) < 2 or min(path.stat().st_mtime for path in built) < newest:
        pytest.exit(
            "a compiled module is missing or older than csrc; run `make build`", returncode=4
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Fail a test that passed and took too long; see quick.py."""
    watch = Watch()
    yield
    took = watch.took()
    if item.get_closest_marker("quick") is not None and took.is_slow:
        if took.is_judged:
            pytest.fail(f"passed, but took {took}", pytrace=False)
        item.config.stash[SLOW][item.nodeid] = took


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which tests were slow and did not fail for it."""
    for line in summary(config.stash[SLOW]):
        terminalreporter.write_line(line)


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a short name, for sockets in it: their path has at most 107 bytes."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The venue's official dictionaries, where they lie beside this checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the official dictionaries (../shared/data) are not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def hears_signals() -> None:
    """Let the processes under test hear what nohup, or "&" in a script, has them ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(params=LOOPS)
def loops(request: pytest.FixtureRequest) -> Iterator[None]:
    """The codec uses these loops; where the machine has none such, the test is skipped."""
    from fixengine import wire  # not before pytest_configure has looked at what is compiled

    level = LOOPS.index(request.param)
    try:
        if wire._level(level) != level:  # type: ignore[attr-defined]
            pytest.skip(f"the {request.param} loops are not tested: this processor lacks them")
        yield
    finally:
        wire._level(-1)  # type: ignore[attr-defined]
