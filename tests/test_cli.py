"""The commands as a user types them: what they print, their exit statuses, and their errors.

An error is one line that names the thing and the next step: on stderr with status 2, or, of
`fixengine check`, a finding with status 1.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from fixengine.cli import main
from fixengine.demo.compare import compare
from fixengine.messages import ExecutionReport
from fixengine.network.state import StateDir
from processes import COMP_IDS, Stage, hear, limit, stage, trade, write_config
from scripted_venue import WAIT_S, Place

__all__ = ["stage"]

COMMANDS = (
    "demo",
    "bench",
    "latency",
    "status",
    "simulate",
    "run",
    "check",
    "config",
    "decode",
    "dictionary",
    "dictionary diff",
    "journal",
    "journal show",
    "journal follow",
    "journal verify",
    "journal export",
)

LIMITED = """
import resource, sys
from fixengine.cli import main
resource.setrlimit(resource.RLIMIT_NOFILE, {})
sys.exit(main())
"""


def start(
    *arguments: str, cwd: Path | None = None, files_max: tuple[int, int] | None = None
) -> subprocess.Popen[str]:
    """files_max: soft and hard limit of open files."""
    module = ["-m", "fixengine"]
    if files_max is not None:
        module = ["-c", LIMITED.format(files_max)]
    return subprocess.Popen(
        [sys.executable, *module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, stdout, stderr; a process that does not end is killed."""
    with process:
        try:
            out, errors = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
    return process.returncode, out, errors


def fixengine(*arguments: str, cwd: Path | None = None) -> tuple[int, str, str]:
    return finish(start(*arguments, cwd=cwd))


def findings(out: str) -> list[tuple[str, bool]]:
    return [(line["name"], line["ok"]) for line in map(orjson.loads, out.splitlines())]


# --- help -------------------------------------------------------------------------------------


def test_every_command_has_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        # In this process: a score of them at once take as many seconds to start.
        with pytest.raises(SystemExit) as ended:
            main([*name.split(), "--help"])
        out, errors = capsys.readouterr()
        assert (ended.value.code, errors) == (0, ""), name
        assert out.startswith(f"usage: fixengine {name} "), name
    status, out, _ = fixengine()
    assert status == 2
    assert all(name.split()[0] in out for name in COMMANDS)


# --- a configuration that cannot work ---------------------------------------------------------


Sections = dict[str, dict[str, Any]]


def write(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def open_directory(name: str) -> Callable[[Path], Sections]:
    def prepare(home: Path) -> Sections:
        (home / name).mkdir()
        (home / name).chmod(0o755)
        return {}

    return prepare


def file_in_place_of_the_bus(home: Path) -> Sections:
    (home / "bus").mkdir(mode=0o700)
    write(home / "bus" / "b", "dear to somebody")
    return {}


def pipe_in_place_of_the_authority(home: Path) -> Sections:
    os.mkfifo(home / "ca")
    return {"venue": {"ca_file": str(home / "ca")}}


CANNOT_WORK: dict[str, tuple[Callable[[Path], Sections], str, str]] = {
    "misspelt": (
        lambda _: {"venue": {"prot": 9000}},
        "config",
        "venue.prot: unknown key; did you mean port?",
    ),
    "wrong value": (
        lambda _: {"venue": {"heartbeat_s": 4}},
        "config",
        "venue.heartbeat_s: expected an integer 5..60, got 4",
    ),
    "a host that is none": (
        lambda _: {"venue": {"host": "a" * 64}},
        "config",
        "venue.host: expected a host name or address",
    ),
    "no such core": (
        lambda _: {"tuning": {"cpu": 4096}},
        "config",
        "tuning.cpu: expected an integer 0..4095, got 4096",
    ),
    "no key file": (
        lambda home: {"key": {"api_key_file": str(home / "none")}},
        "key",
        "none: cannot be opened: No such file or directory",
    ),
    "key open to others": (
        lambda home: {"key": {"api_key_file": write(home / "key", "x" * 64, 0o644)}},
        "key",
        "key: has mode 0644; expected 0600 or 0400: chmod 600 it",
    ),
    "key that is none": (
        lambda home: {"key": {"private_key_file": write(home / "key", "no PEM")}},
        "key",
        "key: not a PEM file",
    ),
    "state open to others": (
        open_directory("state"),
        "state",
        "state: has mode 0755, open to others; choose a directory of your own with mode 0700",
    ),
    "bus open to others": (
        open_directory("bus"),
        "bus",
        "mode 0755, open to others, who could place orders; choose a directory of your own",
    ),
    "bus in a shared directory": (
        lambda home: {"bus": {"endpoint": "ipc:///tmp/fixengine-test-bus"}},
        "bus",
        "choose a directory of your own",
    ),
    "a file for a bus": (
        file_in_place_of_the_bus,
        "bus",
        "is a file; name a path that is free",
    ),
    "no CA file": (
        lambda home: {"venue": {"ca_file": str(home / "none")}},
        "connect",
        "none: No such file or directory",
    ),
    "a pipe for a CA file": (
        pipe_in_place_of_the_authority,
        "connect",
        "ca: expected a regular file",
    ),
    "CA file without CA": (
        lambda home: {"venue": {"ca_file": write(home / "ca", "no PEM")}},
        "connect",
        "ca: expected PEM certificates",
    ),
}


@pytest.mark.parametrize("case", CANNOT_WORK)
def test_what_cannot_work_is_told_in_one_line(stage: Stage, tmp_path: Path, case: str) -> None:
    prepare, step, text = CANNOT_WORK[case]
    place = stage.acceptor().place
    homes = [tmp_path / command for command in ("run", "check")]
    for home in homes:
        home.mkdir()
        write_config(home, place, **prepare(home))
    # Both at once, each in a home of its own.
    run, check = (start(home.name, str(home / "engine.toml"), "--json") for home in homes)

    status, out, errors = finish(run)
    assert (status, out) == (2, "")
    assert errors.startswith("fixengine: ")
    assert errors.count("\n") == 1
    assert text in errors

    status, out, errors = finish(check)
    assert (status, errors) == (1, "")
    *before, last = map(orjson.loads, out.splitlines())
    assert all(finding["ok"] for finding in before)
    assert (last["name"], last["ok"]) == (step, False)
    assert text in last["text"]
    if case == "a file for a bus":
        assert [(home / "bus" / "b").read_text() for home in homes] == ["dear to somebody"] * 2


@pytest.mark.parametrize("files_max", [6, 10, 64])
@pytest.mark.parametrize("command", ["bench", "check", "demo", "run", "simulate"])
def test_too_few_open_files_are_told_in_one_line(command: str, files_max: int) -> None:
    arguments = ["engine.toml"] if command in ("check", "run") else []
    running = start(command, *arguments, files_max=(files_max, files_max))
    status, out, errors = finish(running)
    assert (status, out) == (2, "")
    assert errors.startswith(f"fixengine: RLIMIT_NOFILE: {files_max} open files are allowed")
    assert "raise the hard limit" in errors and errors.count("\n") == 1


def test_a_low_soft_limit_of_open_files_is_raised(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    options = "--port", "0", "--state-dir", str(tmp_path)
    running = start("simulate", *options, files_max=(10, hard))
    try:
        assert running.stdout is not None
        assert "TLS FIX on" in running.stdout.readline()
    finally:
        running.terminate()
        assert finish(running)[0] == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "engine.toml: cannot be read: No such file or directory"),
        ("[venue\n", "engine.toml: not TOML: Expected ']'"),
        ("", "venue.environment: missing; expected"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "engine.toml"
    if text is not None:
        path.write_text(text)
    run, check = start("run", str(path)), start("check", str(path))
    status, out, errors = finish(run)
    assert (status, out) == (2, "")
    assert errors.startswith(f"fixengine: {tmp_path}") and errors.count("\n") == 1
    assert told in errors
    status, out, errors = finish(check)
    assert (status, errors) == (1, "")
    assert out.startswith("FAIL config: ") and out.count("\n") == 1
    assert told in out


def test_what_the_system_refuses_is_found_by_a_check_which_goes_on(tmp_path: Path) -> None:
    # Nothing listens there, and nothing is asked of it. The engine would trade without both.
    place = Place(1, *(tmp_path / name for name in ("ca", "api_key", "key")))
    path, _ = write_config(tmp_path, place, tuning={"io_cpu": 0, "cpu": 4095})
    status, out, errors = fixengine("check", str(path), "--offline")
    assert (status, errors) == (1, "")
    lines = out.splitlines()
    assert lines[1].startswith("FAIL tuning: tuning.io_cpu = 0 is refused: libzmq has threads")
    text = "tuning.cpu = 4095 is refused: this process may not run there; expected one of 0"
    assert lines[2].startswith(f"FAIL tuning: {text}")
    assert "key: " in lines[3], "what else is wrong is told too"


def test_one_engine_per_state_directory_and_per_bus(stage: Stage, tmp_path: Path) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place)
    client = stage.client(engine)
    peer = acceptor.logon()
    engine.expect(event="active")
    second = start("run", str(engine.config))
    home = tmp_path / "home"
    home.mkdir()
    config, _ = write_config(home, acceptor.place, bus={"endpoint": engine.endpoint})
    thief = start("run", str(config))

    status, out, errors = finish(second)
    assert (status, out) == (2, "")
    assert f"in use by process {engine.pid}; one engine per state directory" in errors
    status, out, errors = finish(thief)
    assert (status, out) == (2, "")
    assert "is in use by another process; one engine per endpoint" in errors
    status, out, _ = fixengine("check", str(config), "--json")
    assert (status, findings(out)[-1]) == (1, ("bus", False))
    # The first one still has both.
    cl_ord_id = client.submit(limit())
    peer.socket.sendall(peer.report(peer.expect("D")))
    assert hear(client, ExecutionReport).cl_ord_id == cl_ord_id


def test_a_port_that_is_taken(stage: Stage, tmp_path: Path) -> None:
    port = stage.acceptor().place.port
    state = str(tmp_path / "venue")
    status, out, errors = fixengine("simulate", "--port", str(port), "--state-dir", state)
    assert (status, out) == (2, "")
    assert errors.startswith(f"fixengine simulate: cannot listen on 127.0.0.1:{port}: ")
    assert errors.count("\n") == 1


# --- check ------------------------------------------------------------------------------------

ALL_WELL = ["config", "key", "state", "bus", "logon"]


def test_check_passes_on_what_works_and_trades_nothing(stage: Stage, tmp_path: Path) -> None:
    venue = stage.venue()
    config, _ = write_config(tmp_path, venue.place)
    status, out, errors = fixengine("check", str(config), "--json")
    assert (status, errors) == (0, "")
    assert findings(out) == [(name, True) for name in ALL_WELL]
    venue.expect(event="logged_on", session="ONE")
    venue.expect(event="logged_out", session="ONE")
    # It leaves nothing behind that would keep the engine from that SenderCompID.
    status, out, _ = fixengine("check", str(config))
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()] == [["ok", f"{n}:"] for n in ALL_WELL]
    venue.expect(event="logged_out", session="ONE")
    assert venue.record.read_bytes() == b""


def test_check_offline_leaves_the_network_alone(stage: Stage, tmp_path: Path) -> None:
    acceptor = stage.acceptor()
    acceptor.close()
    config, _ = write_config(tmp_path, acceptor.place)
    status, out, errors = fixengine("check", str(config), "--offline", "--json")
    assert (status, errors) == (0, "")
    assert findings(out) == [(name, True) for name in ALL_WELL[:-1]]
    status, out, errors = fixengine("check", str(config), "--json")
    assert (status, errors) == (1, "")
    assert findings(out)[-1] == ("connect", False)


def test_check_says_what_the_venue_and_its_certificate_lack(stage: Stage, tmp_path: Path) -> None:
    venue = stage.venue()
    other = stage.acceptor("other").place
    keys = {
        "api_key_file": str(other.api_key_file),
        "private_key_file": str(other.private_key_file),
    }
    cases: dict[str, tuple[dict[str, Any], str, str]] = {
        "authority": ({"venue": {"ca_file": str(other.ca_file)}}, "connect", "not accepted for"),
        "name": (
            {"venue": {"server_name": "example.com"}},
            "connect",
            "not accepted for example.com",
        ),
        "api key": ({"key": keys}, "logon", "(-2015)"),
        "private key": (
            {"key": {"private_key_file": keys["private_key_file"]}},
            "logon",
            "(-1022)",
        ),
    }
    started = {}
    for name, (sections, _, _) in cases.items():
        home = tmp_path / name
        home.mkdir()
        config, _ = write_config(home, venue.place, **sections)
        started[name] = start("check", str(config), "--json")
    for name, (_, step, text) in cases.items():
        status, out, errors = finish(started[name])
        assert (status, errors) == (1, "")
        last = orjson.loads(out.splitlines()[-1])
        assert (last["name"], last["ok"]) == (step, False), name
        assert text in last["text"], name


def test_check_logs_on_to_the_drop_copy_too(tmp_path: Path, stage: Stage) -> None:
    acceptor = stage.acceptor()
    copies = stage.acceptor()
    venue = {"drop_copy": True, "drop_copy_port": copies.place.port}
    config, _ = write_config(tmp_path, acceptor.place, venue=venue)
    for flag, status in (("Y", 0), ("", 1)):
        process = start("check", str(config), "--json")
        acceptor.logon().logout()
        peer = copies.accept()
        if flag:
            assert peer.answer_logon()[9406] == flag
            peer.logout()
        else:
            peer.comp_id = peer.expect("A")[49]
            peer.send("3", {45: 1, 372: "A", 373: 99, 25016: -1185, 58: "no drop copy"})
            assert peer.read() == {}
        ended, out, errors = finish(process)
        assert (ended, errors) == (status, "")
        last = orjson.loads(out.splitlines()[-1])
        assert ("drop copy" in last["text"], last["ok"]) == (True, not status)


def test_check_keeps_the_venues_rules_and_says_for_how_long(tmp_path: Path, stage: Stage) -> None:
    acceptor = stage.acceptor()
    config, _ = write_config(tmp_path, acceptor.place)
    acceptor.close()
    with StateDir(tmp_path / "state") as state:
        for _ in range(15):
            state.attempt(time.monotonic_ns())
    status, out, _ = fixengine("check", str(config), "--json")
    last = orjson.loads(out.splitlines()[-1])
    assert (status, last["name"]) == (1, "logon"), "nothing was connected"
    limit_text = "the venue takes no more than 15 connection attempts in 30 s; try again in "
    assert last["text"].startswith(limit_text)
    assert 0 < int(last["text"].removeprefix(limit_text).removesuffix(" s")) <= 31
    with StateDir(tmp_path / "state") as state:
        assert len(state.attempts(time.monotonic_ns())) == 15, "what was not made is not counted"

    other = tmp_path / "other"
    other.mkdir()
    config, _ = write_config(other, acceptor.place)
    with StateDir(other / "state") as state:
        for comp_id in COMP_IDS:
            state.mark_in_use(comp_id, 5, time.time_ns())
    status, out, _ = fixengine("check", str(config), "--json")
    text = orjson.loads(out.splitlines()[-1])["text"]
    assert (status, text) == (
        1,
        "every SenderCompID rests after an unclean end of its session; try again in 10 s",
    )


# --- config and journal -----------------------------------------------------------------------


def test_config_prints_a_file_that_is_one(tmp_path: Path) -> None:
    status, out, errors = fixengine("config")
    assert (status, errors) == (0, "")
    sections = tomllib.loads(out)
    expected = {"venue", "key", "bus", "engine", "limits", "journal", "log"}
    expected |= {"sources", "strategies", "orders", "instruments", "tuning"}
    assert set(sections) == expected
    path = tmp_path / "engine.toml"
    path.write_text(out)
    status, out, errors = fixengine("check", str(path), "--offline")
    assert (status, errors) == (1, "")
    assert "FAIL key: " in out


def test_journal_show(stage: Stage, tmp_path: Path) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place)
    client = stage.client(engine)
    engine.expect(event="active")
    report, *_ = [trade(client) for _ in range(3)]
    assert engine.end() == 0
    # The next run takes over what is open, which makes records of its own.
    again = stage.engine(venue.place)
    again.expect(event="active")
    assert again.end() == 0
    state = str(engine.state_dir)
    calls = {
        "text": start("journal", "show", state),
        "json": start("journal", "show", state, "--json"),
        "kind": start("journal", "show", state, "--json", "--kind", "intent"),
        "tail": start("journal", "show", state, "--tail", "2"),
        "wrong kind": start("journal", "show", state, "--kind", "NONE"),
        "nowhere": start("journal", "show", str(tmp_path / "nowhere")),
    }
    done = {name: finish(process) for name, process in calls.items()}
    for name, (status, out, errors) in done.items():
        if name in ("wrong kind", "nowhere"):
            assert (status, out) == (2, "")
            assert errors.startswith("fixengine: ") and errors.count("\n") == 1
            assert ("INTENT" if name == "wrong kind" else name) in errors
        else:
            assert (status, errors) == (0, ""), name

    text, lines = done["text"][1].splitlines(), done["json"][1].splitlines()
    assert text[0] == f"-- run {report.epoch}"
    assert len(text) == len(lines) + 2
    records = [orjson.loads(line) for line in lines]
    kinds = {record["kind"] for record in records}
    assert kinds >= {"START", "STRATEGY", "LINK", "ORDER", "ACK", "CARRIED"}
    wire_id = report.wire_cl_ord_id
    walk = [record["kind"] for record in records if wire_id in str(record["content"])]
    assert walk[:4] == ["INTENT", "FRAME_OUT", "FRAME_IN", "DELIVERED"]
    intent = orjson.loads(done["kind"][1].splitlines()[0])["content"]
    assert (intent["wire_cl_ord_id"], intent["cl_ord_id"]) == (wire_id, report.cl_ord_id)
    assert [line.split("#")[1] for line in done["tail"][1].splitlines() if "#" in line] == [
        line.split("#")[1] for line in text[-2:]
    ]


# --- demo -------------------------------------------------------------------------------------

KEYS = [
    "orders_sent", "orders_acked", "fills", "cancels", "refused", "reports_delivered",
    "reports_missing", "reports_duplicated", "elapsed_s", "orders_per_s", "latency_us", "pids",
]  # fmt: skip


def test_demo_json_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    # A relative folder, so that nothing depends on where the command is run.
    status, out, errors = fixengine(
        "demo", "--json", "--orders", "60", "--keep", "kept", cwd=tmp_path
    )
    assert (status, errors) == (0, "")
    summary = orjson.loads(out)
    assert out.count("\n") == 1
    assert list(summary)[: len(KEYS)] == KEYS
    assert list(summary["latency_us"]) == ["p50", "p90", "p99", "p99_9", "max"]
    assert summary["orders_sent"] == summary["orders_acked"] + summary["refused"] == 60
    assert min(summary[name] for name in ("fills", "cancels", "refused")) > 0
    assert (summary["reports_missing"], summary["reports_duplicated"]) == (0, 0)
    pids = [summary["pids"]["venue"], summary["pids"]["engine"], *summary["pids"]["strategies"]]
    assert len(set(pids)) == 4
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    kept = tmp_path / "kept"
    found = compare(kept / "venue.jsonl", [kept / "alpha.jsonl", kept / "beta.jsonl"])
    assert found.delivered == summary["reports_delivered"] > 60
    assert found[1:4] == (0, 0, 0)


def test_demo_fails_where_not_everything_occurred_and_for_people(tmp_path: Path) -> None:
    few = start("demo", "--orders", "2")
    kept = start("demo", "--keep", str(tmp_path))
    none = start("demo", "--orders", "0")
    status, out, errors = finish(few)
    assert status == 1
    assert errors.splitlines()[-1] == "demo failed: no refused occurred; run more orders"
    assert "orders sent" in out and "What the strategies received is exactly" in out
    status, _, errors = finish(kept)
    assert (status, errors) == (
        1,
        f"demo failed: --keep {tmp_path}: File exists; name a new folder\n",
    )
    status, _, errors = finish(none)
    assert status == 2
    assert errors.splitlines()[-1].endswith("argument --orders: '0' is not a number of 1 or more")
