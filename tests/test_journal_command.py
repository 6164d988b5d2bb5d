"""`fixengine journal` as a user types it: real processes, terminals, full disks, closed pipes."""

from __future__ import annotations

import os
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from fixengine.network.journal import Kind
from journal_story import EPOCH, Run, answered, asked, ids, start, tell

WAIT_S = 60.0
first, second = ids("maker", 1), ids("taker", 2)
STORY = [start(), *asked(first), *asked(second), *answered(first, 1)]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir()
    tell(path, *STORY)
    return path


def begin(*arguments: object, before: Sequence[str] = (), **options: Any) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-m", "fixengine", "journal", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **pipes)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    with process:
        try:
            out, errors = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
    return process.returncode, out, errors


def journal(*arguments: object, **options: Any) -> tuple[int, str, str]:
    return ended(begin(*arguments, **options))


def failed(*arguments: object, **options: Any) -> str:
    """The one line of a command that cannot do what it is asked."""
    status, out, errors = journal(*arguments, **options)
    assert (status, out) == (2, ""), errors
    assert errors.startswith("fixengine: ") and errors.count("\n") == 1
    return errors


def numbers(out: str) -> list[int]:
    return [orjson.loads(line)["sequence"] for line in out.splitlines()]


def test_show_takes_the_filters_together(state: Path) -> None:
    asked_for = ["--strategy", "maker", "--symbol", "BTCUSDT", "--order", first.order_id]
    times = ["--from", "2023-11-14T22:13:20.002", "--to", "2023-11-14 22:13:20.008"]
    status, out, errors = journal("show", state, "--json", *asked_for, *times)
    assert (status, errors, numbers(out)) == (0, "", [3, 4, 8])
    status, out, errors = journal("show", state, "--from", "1h")
    assert (status, out, errors) == (0, "", "")


def test_what_is_wrong_is_one_line(state: Path, tmp_path: Path) -> None:
    assert "--from: expected a UTC time" in failed("show", state, "--from", "noon")
    for tail in ("-1", "9" * 20):
        assert "--tail: expected 0 or more" in failed("follow", state, "--tail", tail)
    text = tmp_path / "text.fxj"
    text.write_text("no journal at all, but long enough to hold a whole header of 64 bytes\n")
    out = tmp_path / "a.csv"
    for what in (["show"], ["follow"], ["verify"], ["export", out]):
        name, *rest = what
        assert f"{text} at offset 0: not a journal file" in failed(name, text, *rest)
        assert "absent" in failed(name, tmp_path / "absent", *rest)
        assert "no journal here" in failed(name, tmp_path, *rest)
    assert not out.exists()
    odd = tmp_path / "new\nline"
    assert r"new\nline: " in failed("show", odd)


def test_no_permission_is_one_line(state: Path, tmp_path: Path) -> None:
    before: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may read everything, and setpriv is not there to change that")
        before = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    out = tmp_path / "home" / "a.csv"
    out.parent.mkdir()
    state.chmod(0)
    assert "Permission denied" in failed("show", state, before=before)
    assert "Permission denied" in failed("verify", state / "journal", before=before)
    state.chmod(0o700)
    (state / "journal" / f"journal-{EPOCH}.fxj").chmod(0)
    assert "Permission denied" in failed("follow", state, before=before)
    (state / "journal" / f"journal-{EPOCH}.fxj").chmod(0o600)
    out.parent.chmod(0o500)
    assert "Permission denied" in failed("export", state, out, before=before)


def test_verify_says_where_and_by_its_status(state: Path) -> None:
    status, out, errors = journal("verify", state)
    assert (status, errors) == (0, "")
    assert out.startswith("sound; 9 records of 1 runs in 1 files, ")
    path = state / "journal" / f"journal-{EPOCH}.fxj"
    raw = bytearray(path.read_bytes())
    raw[70] ^= 1
    path.write_bytes(raw)
    status, out, errors = journal("verify", path)
    assert (status, errors) == (1, "")
    assert f"damage: {path} at offset 64: the record's checksum does not match" in out
    status, out, _ = journal("verify", state, "--json")
    told = orjson.loads(out)
    assert (status, told["sound"], told["problems"][0]["offset"]) == (1, False, 64)


def test_export_and_its_progress_on_a_terminal(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    tell(state, *[(Kind.TICK, b"")] * 3000)
    out = tmp_path / "a.csv"
    status, told, errors = journal("export", state, out)
    assert (status, told, errors) == (0, f"3000 rows in {out}\n", "")
    master, terminal = pty.openpty()
    process = begin("export", state, out, "--force", stderr=terminal)
    os.close(terminal)
    assert process.wait(WAIT_S) == 0
    shown = os.read(master, 1 << 16).decode()
    os.close(master)
    ended(process)
    assert shown.startswith("\r")
    assert " %  " in shown
    assert shown.endswith("\r\x1b[K")


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize("form", ["sqlite", "csv", "jsonl"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, form: str) -> None:
    state, home = tmp_path / "state", tmp_path / "home"
    state.mkdir()
    home.mkdir()
    tell(state, *STORY * 20)
    errors = failed("export", state, home / "out", "--format", form, preexec_fn=limit_file_size)
    assert f"{home}/out: cannot be written: " in errors
    assert os.listdir(home) == []


def lines_until(process: subprocess.Popen[str], wanted: Callable[[str], bool]) -> str:
    """What it prints, up to what is wanted."""
    assert process.stdout is not None
    found = ""
    deadline = time.monotonic() + WAIT_S
    while not wanted(found):
        ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
        assert ready, found
        read = os.read(process.stdout.fileno(), 1 << 16).decode()
        assert read, found
        found += read
    return found


def test_output_that_nobody_reads_ends_it(state: Path) -> None:
    reader, writer = os.pipe()
    process = begin("show", state, stdout=writer)
    os.close(writer)
    os.close(reader)
    assert ended(process) == (1, None, "")
    # Also while there is nothing to write.
    process = begin("follow", state)
    lines_until(process, lambda text: "#9" in text)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.wait(WAIT_S) == 1
    assert process.stderr.read() == ""
    process.stderr.close()


def test_output_that_takes_nothing_is_said(state: Path) -> None:
    with open("/dev/full", "w") as full:
        for what in ("show", "verify"):
            status, _, errors = journal(what, state, stdout=full)
            assert status == 2
            assert errors == (
                "fixengine: the output cannot be written: No space left on device\n"
            ), what


def test_follow_goes_on_over_files_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    run = Run(tmp_path, file_bytes_max=300)
    run.tell(*STORY)
    process = begin("follow", tmp_path, "--json", "--strategy", "maker", "--tail", "1")
    found = lines_until(process, lambda text: text.count("\n") == 1)
    assert numbers(found) == [9]
    run.tell(*asked(second), *asked(first))
    found = lines_until(process, lambda text: text.count("\n") == 3)
    assert numbers(found) == [13, 14, 15]
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, "", "")
    run.end()


def test_follow_rests_while_nothing_comes(state: Path) -> None:
    process = begin("follow", state)
    lines_until(process, lambda text: "#9" in text)
    before = cpu_ticks(process.pid)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)
    assert cpu_ticks(process.pid) - before <= os.sysconf("SC_CLK_TCK") // 5
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130


def cpu_ticks(pid: int) -> int:
    """CPU time that a process has used, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
