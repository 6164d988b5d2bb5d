"""The state directory: one engine at a time, and what it remembers over crashes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import fixengine
import pytest
from fixengine.network import state as state_module
from fixengine.network.state import ATTEMPTS_KEPT_MAX, StateDir, StateError

S = 1_000_000_000
NOW = 1_700_000_000 * S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state"


def on_disk(path: Path) -> Any:
    return json.loads((path / "state.json").read_text())


# --- directory and lock ---------------------------------------------------------------------


def test_directory_is_made_private(path: Path) -> None:
    with StateDir(path) as state:
        state.next_epoch(NOW)
        assert path.stat().st_mode & 0o777 == 0o700
        assert (path / "state.json").stat().st_mode & 0o777 == 0o600
        assert sorted(os.listdir(path)) == ["lock", "state.json"]


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o770])
def test_directory_open_to_others_is_refused(path: Path, mode: int) -> None:
    path.mkdir(parents=True)
    path.chmod(mode)
    with pytest.raises(StateError, match=f"has mode {mode:04o}, open to others; choose a"):
        StateDir(path)


def test_foreign_directory_is_refused(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give a directory away")
    path.mkdir(parents=True, mode=0o700)
    os.chown(path, 12345, 12345)
    with pytest.raises(StateError, match="belongs to user 12345; expected your own, 0"):
        StateDir(path)


def test_file_in_place_of_the_directory(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with pytest.raises(StateError, match="state: the directory cannot be made: File exists"):
        StateDir(path)
    with pytest.raises(StateError, match="state/x: the directory cannot be made: File exists"):
        StateDir(path / "x")


CHILD = """
import sys
from pathlib import Path
from fixengine.network.state import StateDir
state = StateDir(Path(sys.argv[1]))
state.next_epoch(1)
state.mark_in_use("A", 30, 5)
print("locked", flush=True)
sys.stdin.read()
"""


def test_second_engine_is_refused_until_the_first_is_gone_even_by_kill_9(path: Path) -> None:
    root = Path(fixengine.__file__).parents[1]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(root)},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == b"locked\n"
    with pytest.raises(StateError, match=f"state: in use by process {child.pid}; one engine per"):
        StateDir(path)
    child.send_signal(signal.SIGKILL)
    child.wait(60)
    child.stdin.close()
    child.stdout.close()
    with StateDir(path) as state:
        assert state.locked_until("A", NOW) == NOW + 60 * S


def test_lock_ends_with_close_and_with_an_error(path: Path) -> None:
    with StateDir(path), pytest.raises(StateError, match=f"in use by process {os.getpid()}"):
        StateDir(path)
    (path / "state.json").write_text("{")
    for _ in range(2):
        with pytest.raises(StateError, match="damaged"):
            StateDir(path)
    (path / "state.json").unlink()
    StateDir(path).close()


# --- epoch and numbers ----------------------------------------------------------------------


def test_epoch_follows_the_clock_and_never_falls(path: Path) -> None:
    with StateDir(path) as state:
        assert state.next_epoch(NOW + 5) == 1_700_000_000
        assert on_disk(path)["epoch"] == 1_700_000_000
    with StateDir(path) as state:
        assert state.next_epoch(NOW) == 1_700_000_001
    with StateDir(path) as state:
        assert state.next_epoch(0) == 1_700_000_002
    with StateDir(path) as state:
        assert state.next_epoch(NOW + 100 * S) == 1_700_000_100
        with pytest.raises(StateError, match="4294967296 has more than 32 bits; is the clock righ"):
            state.next_epoch((1 << 32) * S)
        assert state.next_epoch(NOW) == 1_700_000_101


def test_each_new_directory_has_an_origin_of_its_own(tmp_path: Path) -> None:
    origins = set()
    for number in range(8):
        for _ in range(2):
            with StateDir(tmp_path / str(number)) as state:
                state.next_epoch(NOW)
                origins.add(state.origin)
                assert 1 <= state.origin <= 0xFFFF
    assert 1 < len(origins) <= 8


def test_a_directory_from_before_origins_keeps_its_ids(path: Path) -> None:
    with StateDir(path) as state:
        state.next_epoch(NOW)
    content = json.loads((path / "state.json").read_bytes())
    del content["origin"]
    (path / "state.json").write_text(json.dumps(content))
    with StateDir(path) as state:
        state.next_epoch(NOW)
        assert state.origin == 0


def test_strategy_numbers_stay(path: Path) -> None:
    with StateDir(path) as state:
        assert [state.strategy_number(name) for name in "aba"] == [1, 2, 1]
    with StateDir(path) as state:
        assert [state.strategy_number(name) for name in "cba"] == [3, 2, 1]
    assert on_disk(path)["strategies"] == {"a": 1, "b": 2, "c": 3}


def test_strategy_numbers_end_at_16_bits(path: Path) -> None:
    with StateDir(path) as state:
        state.next_epoch(NOW)
    content = on_disk(path)
    content["strategies"] = {"last": 65_535}
    (path / "state.json").write_text(json.dumps(content))
    with StateDir(path) as state:
        assert state.strategy_number("last") == 65_535
        with pytest.raises(StateError, match="all 65535 strategy numbers are taken"):
            state.strategy_number("one more")
        for name in ("", "x" * 65):
            with pytest.raises(StateError, match="1 to 64 characters"):
                state.strategy_number(name)


# --- SenderCompIDs and attempts -------------------------------------------------------------


def test_mark_is_on_disk_before_the_connect_and_gone_after_logout(path: Path) -> None:
    with StateDir(path) as state:
        state.next_epoch(NOW)
        state.mark_in_use("A", 30, NOW)
        assert on_disk(path)["comp_ids"]["A"]["heartbeat_s"] == 30
        assert state.locked_until("A", NOW) == 0
        state.clear("A")
        assert on_disk(path)["comp_ids"] == {}
        state.clear("A")
    with StateDir(path) as state:
        assert state.locked_until("A", NOW) == 0


def test_mark_found_at_start_locks_from_that_start(path: Path) -> None:
    with StateDir(path) as state:
        state.next_epoch(NOW)
        state.mark_in_use("A", 30, NOW)
        state.mark_in_use("B", 10, NOW)
    # The lock counts from when the next run looks; a further restart does not prolong it.
    later = NOW + 3600 * S
    with StateDir(path) as state:
        state.next_epoch(later)
        assert state.locked_until("A", later) == later + 60 * S
        assert state.locked_until("B", later) == later + 20 * S
    with StateDir(path) as state:
        state.next_epoch(later + 30 * S)
        assert state.locked_until("A", later + 30 * S) == later + 60 * S
        assert state.locked_until("A", later + 60 * S) == 0
        assert state.locked_until("B", later + 30 * S) == 0
        state.mark_in_use("A", 5, later + 61 * S)
        assert state.locked_until("A", later + 61 * S) == 0
    with StateDir(path) as state:
        assert state.locked_until("A", later + 99 * S) == later + 109 * S


def test_looking_without_a_run_starts_the_rest_once(path: Path) -> None:
    with StateDir(path) as state:
        state.mark_in_use("A", 30, NOW)
    with StateDir(path) as state:
        assert state.locked_until("A", NOW) == NOW + 60 * S
    with StateDir(path) as state:
        assert state.locked_until("A", NOW + 59 * S) == NOW + 60 * S
        assert state.locked_until("A", NOW + 60 * S) == 0


def test_clock_set_back_does_not_lock_for_long(path: Path) -> None:
    with StateDir(path) as state:
        state.mark_in_use("A", 30, NOW)
    with StateDir(path) as state:
        state.next_epoch(NOW)
        assert state.locked_until("A", NOW - 86_400 * S) == NOW - 86_400 * S + 60 * S


def test_attempts_are_kept_over_restarts(path: Path) -> None:
    with StateDir(path) as state:
        for second in (0, 1, 31):
            state.attempt(NOW + second * S)
    with StateDir(path) as state:
        assert state.attempts(NOW + 40 * S) == [NOW, NOW + S, NOW + 31 * S]
        assert state.attempts(NOW + 601 * S) == [NOW + 31 * S]
        # One that was under way when its process died cannot be made any more.
        assert state.attempts(NOW + 30 * S) == [NOW, NOW + S, NOW + 30 * S]
        state.attempt(NOW + 602 * S)
    assert on_disk(path)["attempts_ns"] == [NOW + 31 * S, NOW + 602 * S]


def test_attempts_of_another_boot_count_as_made_when_this_one_first_asks(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StateDir(path) as state:
        for at in (NOW, NOW + S):
            state.attempt(at)
    boot = tmp_path / "boot_id"
    boot.write_text("another\n")
    monkeypatch.setattr(state_module, "BOOT_ID_FILE", boot)
    # The clock of another boot says nothing here, whether it is ahead or behind.
    with StateDir(path) as state:
        assert state.attempts(7 * S) == [7 * S, 7 * S]
    with StateDir(path) as state:
        assert state.attempts(9 * S) == [7 * S, 7 * S]
    boot.write_text("a third\n")
    with StateDir(path) as state:
        state.attempt(S)
        assert state.attempts(2 * S) == [S, S, S]
    boot.unlink()
    with pytest.raises(StateError, match="boot_id: cannot be read: No such file or directory"):
        StateDir(path)


def test_a_file_from_before_boots_were_told_apart(path: Path) -> None:
    path.mkdir(parents=True, mode=0o700)
    (path / "state.json").write_text(GOOD.replace("[]", f"[{NOW}]"))
    with StateDir(path) as state:
        assert state.attempts(S) == [S]


def test_attempts_are_bounded(path: Path) -> None:
    with StateDir(path) as state:
        state.attempt(NOW)
    content = on_disk(path)
    content["attempts_ns"] = [NOW + at for at in range(ATTEMPTS_KEPT_MAX)]
    (path / "state.json").write_text(json.dumps(content))
    with StateDir(path) as state:
        state.attempt(NOW + ATTEMPTS_KEPT_MAX)
        assert state.attempts(NOW + S)[::999] == [NOW + 1, NOW + ATTEMPTS_KEPT_MAX]
    assert len(on_disk(path)["attempts_ns"]) == ATTEMPTS_KEPT_MAX


# --- damage ---------------------------------------------------------------------------------

GOOD = '{"version":1,"epoch":5,"strategies":{},"comp_ids":{},"attempts_ns":[]}'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "truncated"),
        ("\x00" * 100, "malformed"),
        (GOOD[:-1], "truncated"),
        ('{"version":2}', r"\$.version"),
        ('{"epoch":-1}', r"\$.epoch"),
        ('{"epoch":4294967296}', r"\$.epoch"),
        ('{"epoch":1.5}', r"\$.epoch"),
        ('{"strategies":{"a":0}}', r"\$.strategies"),
        ('{"strategies":{"a":65536}}', r"\$.strategies"),
        ('{"strategies":{"a":1,"b":1}}', "two strategies have one number"),
        ('{"comp_ids":{"A":{}}}', "heartbeat_s"),
        ('{"attempts_ns":["x"]}', r"\$.attempts_ns"),
        ('{"kill_latch":true}', "kill_latch"),
        ("[]", "Expected `object`"),
    ],
)
def test_damaged_file_is_one_clear_error(path: Path, content: str, text: str) -> None:
    path.mkdir(parents=True, mode=0o700)
    (path / "state.json").write_text(content)
    with pytest.raises(StateError, match=text) as caught:
        StateDir(path)
    message = str(caught.value)
    assert message.startswith(f"{path}/state.json: damaged")
    assert message.endswith("put back a copy; or, with no order open, move it away to start anew")
    assert "\n" not in message
    assert (path / "state.json").read_text() == content


def test_bytes_that_are_no_text(path: Path) -> None:
    path.mkdir(parents=True, mode=0o700)
    (path / "state.json").write_bytes(b'{"strategies":{"\xff":1}}')
    with pytest.raises(StateError, match=r"state\.json: damaged"):
        StateDir(path)


def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(path: Path) -> None:
    path.mkdir(parents=True, mode=0o700)
    os.mkfifo(path / "state.json")
    with pytest.raises(StateError, match=r"state\.json: damaged"):
        StateDir(path)


def test_rest_of_a_torn_write_is_harmless(path: Path) -> None:
    with StateDir(path) as state:
        epoch = state.next_epoch(NOW)
    (path / "state.json.new").write_text('{"epo')
    with StateDir(path) as state:
        assert state.next_epoch(0) == epoch + 1


def test_disk_that_refuses_leaves_what_was(path: Path, tmp_path: Path) -> None:
    with StateDir(path) as state:
        epoch = state.next_epoch(NOW)
        (path / "state.json.new").mkdir()
        with pytest.raises(StateError, match=r"state\.json: cannot be written: Is a directory"):
            state.strategy_number("a")
        (path / "state.json.new").rmdir()
        assert on_disk(path)["strategies"] == {}
        assert state.strategy_number("b") == 1
        assert on_disk(path)["epoch"] == epoch
