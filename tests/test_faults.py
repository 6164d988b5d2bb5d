"""What the built-in venue does wrong on demand, seen on the wire by a foreign client over TLS."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from fixengine.cli import main
from fixengine.simulator.faults import names
from test_simulator import WAIT_S, Client, Venue, frame, running

pytestmark = pytest.mark.quick

BURST = 4_000
"""More takes the foreign parser, not the venue, too long; the engine is given 10,000 elsewhere."""


class Controlled:
    """A venue and its control socket."""

    def __init__(self, venue: Venue, path: Path) -> None:
        self.venue = venue
        self.path = path

    def say(self, line: bytes) -> dict[str, Any]:
        """One line and its answer."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(WAIT_S)
            peer.connect(str(self.path))
            peer.sendall(line + b"\n")
            with peer.makefile("rb") as answers:
                told: dict[str, Any] = orjson.loads(answers.readline())
        return told

    def fault(self, name: str, **values: object) -> None:
        """Ask for a fault, which must be taken."""
        told = self.say(orjson.dumps({"fault": name, **values}))
        assert told["ok"], told


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controlled]:
    """One venue for all; a second lasts a fiftieth."""
    folder = tmp_path_factory.mktemp("faults")
    path = folder / "control"
    options = ("--limits", "off", "--time-scale", "50", "--control", str(path))
    with running(folder / "state", *options, "--drop-copy-port", "0") as venue:
        yield Controlled(venue, path)


@pytest.fixture
def one(shared: Controlled) -> Iterator[Controlled]:
    """The shared venue, which has no faults and no clients afterwards."""
    yield shared
    assert shared.say(b'{"clear": "all"}')["ok"]
    shared.venue.close_clients()


def logon(one: Controlled, comp_id: str) -> Client:
    """A session whose HeartBtInt does not pass within a test."""
    return one.venue.logon(comp_id, replace={108: 60})


# --- messages of the venue --------------------------------------------------------------------


def test_drop_leaves_a_hole_and_after_and_times_are_kept(one: Controlled) -> None:
    client = logon(one, "DROP")
    one.fault("drop", after=1, times=2, session="DROP")
    for number in range(4):
        client.order(f"d{number}")
    client.expect(t11="d0", t34="2")
    client.expect(t11="d3", t34="5")
    client.logout()


def test_duplicate(one: Controlled) -> None:
    client = logon(one, "DUPL")
    one.fault("duplicate")
    client.order("u0")
    client.expect(t11="u0", t34="2")
    client.expect(t11="u0", t34="2")
    client.logout()


def test_corrupt(one: Controlled) -> None:
    client = logon(one, "CORRUPT")
    one.fault("corrupt")
    client.order("c0")
    client.expect(t11="c0")
    bad = client.frames[-1]
    assert (sum(bad[:-7]) + 1) % 256 == int(bad[-4:-1])
    client.order("c1")
    client.expect(t11="c1", t34="3")
    good = client.frames[-1]
    assert sum(good[:-7]) % 256 == int(good[-4:-1])
    client.logout()


@pytest.mark.parametrize(("fault", "second"), [("hole", "4"), ("duplicate-seq", "2")])
def test_numbers(one: Controlled, fault: str, second: str) -> None:
    client = logon(one, "NUMBERS")
    one.fault(fault)
    client.order(f"{fault}0")
    client.expect(t34="2")
    client.order(f"{fault}1")
    client.expect(t34=second)
    client.logout()


def test_field_clock_length_and_order(one: Controlled) -> None:
    client = logon(one, "FIELDS")
    one.fault("padded-length")
    one.fault("header-order")
    one.fault("wrong-clock", ms=-7_200_000 // 2)
    one.fault("field", tag=150, value="")
    client.order("f0")
    report = client.expect(t35="8", t11="f0")
    assert 150 not in report
    assert len(report[9]) == 7
    assert list(report)[2:7] == [35, 34, 49, 52, 56]
    sent, said = (report[tag].split("-")[1][:2] for tag in (52, 60))
    assert (int(said) - int(sent)) % 24 in (0, 1)
    assert report[52] < report[60]
    raw = client.frames[-1]
    start = raw.index(b"35=8")
    assert int(report[9]) == len(raw) - start - 7
    assert sum(raw[:-7]) % 256 == int(raw[-4:-1])


@pytest.mark.parametrize("value", ["5", "0000000000000005", ""])
def test_body_length_is_put_in_its_place(one: Controlled, value: str) -> None:
    client = logon(one, f"LENGTH{len(value)}")
    one.fault("field", tag=9, value=value)
    client.order("l0")
    raw = client.socket.recv(65536)
    written = f"\x019={value}\x01" if value else "\x01"
    assert raw.startswith(f"8=FIX.4.4{written}35=8\x01".encode())
    assert raw.count(b"\x019=") == bool(value)
    assert sum(raw[:-7]) % 256 == int(raw[-4:-1])


@pytest.mark.parametrize("value", ["5", "001", "abc", ""])
def test_check_sum_is_put_in_its_place(one: Controlled, value: str) -> None:
    client = logon(one, f"SUM{value}")
    one.fault("field", tag=10, value=value)
    client.order("s0")
    raw = client.socket.recv(65536)
    body = raw.split(b"\x0135=", 1)[1]
    head, _, rest = raw.partition(b"\x0110=")
    assert rest == (f"{value}\x01".encode() if value else b"")
    length = len(body) + 3 - (len(b"10=\x01" + value.encode()) if value else 0)
    assert f"\x019={length}\x01".encode() in head


def end_of(client: Client) -> str:
    """How TCP ends: ssl itself takes a RST for the end of the stream."""
    with socket.socket(fileno=client.socket.detach()) as raw:
        raw.settimeout(WAIT_S)
        try:
            while raw.recv(65536):
                pass
        except ConnectionResetError:
            return "reset"
    return "fin"


@pytest.mark.parametrize("end", ["reset", "fin"])
def test_cut(one: Controlled, end: str) -> None:
    client = logon(one, f"CUT{end}"[:8])
    one.fault("cut", end=end)
    client.order(f"{end}0")
    heard = client.socket.recv(65536)
    assert heard.startswith(b"8=FIX.4.4")
    assert b"\x0110=" not in heard
    assert end_of(client) == end


# --- the link ---------------------------------------------------------------------------------


def records(client: Client, until: bytes) -> list[int]:
    """Lengths of what each read of one TLS record gives, up to these bytes."""
    seen, lengths = b"", []
    while until not in seen:
        data = client.socket.recv(65536)
        assert data
        seen += data
        lengths.append(len(data))
    return lengths


def test_split_makes_records_of_their_own(one: Controlled) -> None:
    client = logon(one, "SPLIT")
    one.fault("split", bytes=1)
    client.order("s0")
    # An SSL socket hands out one record at a time.
    lengths = records(client, b"\x0110=")
    assert set(lengths) == {1}
    assert len(lengths) > 200


def test_coalesce_holds_until_there_are_enough(one: Controlled) -> None:
    client = logon(one, "COAL")
    one.fault("coalesce", count=4, ms=60_000)
    for number in range(3):
        client.order(f"g{number}")
    client.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.read()
    client.socket.settimeout(WAIT_S)
    client.order("g3")
    assert client.socket.recv(65536).count(b"\x0110=") == 4


def test_coalesce_holds_nothing_for_ever(one: Controlled) -> None:
    client = logon(one, "COALMS")
    one.fault("coalesce", count=1000, ms=200)
    begun = time.monotonic()
    client.order("h0")
    client.order("h1")
    client.expect(t11="h0", t34="2")
    assert time.monotonic() - begun >= 0.19
    client.expect(t11="h1", t34="3")


def test_delay_holds_in_order(one: Controlled) -> None:
    client = logon(one, "DELAY")
    one.fault("delay", ms=300)
    begun = time.monotonic()
    client.order("y0")
    client.order("y1")
    client.expect(t11="y0", t34="2")
    assert time.monotonic() - begun >= 0.29
    client.expect(t11="y1", t34="3")


def test_delay_holds_the_logout_and_the_end_of_the_connection(one: Controlled) -> None:
    client = logon(one, "DELAYEND")
    one.fault("delay", ms=300)
    one.fault("coalesce", count=10)
    begun = time.monotonic()
    client.order("z0")
    client.send("5", [])
    client.expect(t35="8", t11="z0", t34="2")
    client.expect(t35="5", t34="3")
    assert time.monotonic() - begun >= 0.29
    client.expect_close()


def test_black_hole_says_nothing_and_stays(one: Controlled) -> None:
    client = one.venue.logon("HOLE", replace={108: 5})
    one.fault("black-hole", session="HOLE")
    client.order("b0")
    # HeartBtInt lasts a tenth of a second here: five of them pass in silence.
    client.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.read()
    assert logon(one, "HOLE2").comp_id == "HOLE2"


def test_what_is_held_back_is_lost_in_a_black_hole(one: Controlled) -> None:
    client, witness = logon(one, "HELD"), logon(one, "WITNESS")
    one.fault("delay", ms=200, session="HELD")
    client.order("v0")
    witness.expect(t35="8", t11="v0")
    one.fault("black-hole", session="HELD")
    client.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.read()


def test_mute_heartbeats_use_up_no_number(one: Controlled) -> None:
    client = one.venue.logon("MUTE", replace={108: 50})
    one.fault("mute-heartbeats")
    client.send("1", [(112, "x")])
    client.order("m0")
    client.expect(t35="8", t11="m0", t34="2")


def test_stop_reading(one: Controlled) -> None:
    client = logon(one, "STOP")
    one.fault("stop-reading", session="STOP")
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    client.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.write(bytes(1_000_000))


# --- requests ---------------------------------------------------------------------------------


def test_swallow(one: Controlled) -> None:
    client = logon(one, "SWALLOW")
    one.fault("swallow")
    client.order("w0")
    client.order("w1")
    client.expect(t35="8", t11="w1")
    client.cancel("w2", t41="w0")
    client.expect(t35="9", t11="w2", t25016="-2011")
    client.logout()


@pytest.mark.parametrize(
    ("ref", "told"), [("own", "2"), ("absent", None), ("unknown", "1000000000")]
)
def test_reject(one: Controlled, ref: str, told: str | None) -> None:
    client = logon(one, "REJECT")
    one.fault("reject", ref=ref, code=-1008, reason=5, text="no")
    client.order(f"r{ref}")
    message = client.expect(t35="3", t25016="-1008", t373="5", t58="no")
    assert message.get(45) == told
    client.cancel("rc", t41=f"r{ref}")
    client.expect(t35="9", t25016="-2011")
    client.logout()


def test_unknown_outcome(one: Controlled) -> None:
    client = logon(one, "UNKNOWN")
    one.fault("unknown-outcome")
    client.order("k1")
    client.order("k2")
    client.expect(t35="3", t25016="-1007", t45="2", t372="D")
    client.expect(t35="8", t150="0", t11="k1")
    client.expect(t35="3", t25016="-1007", t45="3")
    client.cancel("kc2", t41="k2")
    client.expect(t35="9", t25016="-2011")
    client.cancel("kc1", t41="k1")
    client.expect(t150="4", t41="k1")
    one.fault("unknown-outcome", form="report", carry="never", code=-1006)
    assert one.say(b'{"clear": "unknown-outcome"}') == {"ok": True, "cleared": 2}
    one.fault("unknown-outcome", form="report", carry="never", code=-1006)
    client.order("k3")
    client.expect(t35="8", t150="8", t25016="-1006", t11="k3")
    client.logout()


# --- at once ----------------------------------------------------------------------------------


def test_news_counts_down_and_ends_in_logout(one: Controlled) -> None:
    client = logon(one, "NEWS")
    other = logon(one, "OTHER")
    one.fault("news", session="NEWS", seconds=30)
    for seconds in (30, 20):
        text = f"You'll be disconnected in {seconds} seconds. Please reconnect."
        client.expect(t35="B", t148=text)
    last = "Your connection is about to be closed. Please reconnect."
    client.expect(t35="B", t148=last)
    client.expect(t35="5")
    client.expect_close()
    other.logout()


def test_logout_leaves_the_comp_id_in_quarantine_or_not(one: Controlled) -> None:
    client = logon(one, "LOGOUT")
    one.fault("logout", session="LOGOUT", text="Too many messages")
    client.expect(t35="5", t58="Too many messages")
    client.expect_close()
    again = one.venue.connect("LOGOUT")
    again.logon()
    again.expect(t35="3", t25016="-1033")
    one.fault("clean-ends")
    client = logon(one, "CLEAN")
    one.fault("logout", session="CLEAN")
    client.expect(t35="5")
    logon(one, "CLEAN").logout()


def test_reset_and_fin(one: Controlled) -> None:
    client = logon(one, "RESET")
    one.fault("reset", session="RESET")
    assert end_of(client) == "reset"
    client = logon(one, "FIN")
    one.fault("fin", session="FIN")
    assert end_of(client) == "fin"


def test_garbage_and_second_logon(one: Controlled) -> None:
    client = logon(one, "SECOND")
    one.fault("second-logon", session="SECOND")
    client.expect(t35="A", t34="2", t108="60")
    one.fault("garbage", session="SECOND", bytes=100)
    data = b""
    while len(data) < 100:
        data += client.socket.recv(65536)
    assert (len(data), b"no FIX" in data, b"10=" in data) == (100, True, False)


def test_burst_reports_every_trade_and_the_account_is_right(one: Controlled) -> None:
    client = logon(one, "BURST")
    client.order("big", t38="1")
    client.expect(t11="big", t150="0")
    one.fault("burst", count=BURST, session="BURST")
    trades = set()
    for number in range(BURST):
        report = client.expect(t35="8", t150="F", t11="big", t34=str(3 + number))
        trades.add(report[1003])
    assert len(trades) == BURST
    step = float(report[32])
    assert float(report[14]) == pytest.approx(BURST * step)
    assert float(report[14]) + float(report[151]) == pytest.approx(1.0)


# --- the Logon --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [-1022, -2015, -1021, -1033, -1034])
def test_refuse_logon(one: Controlled, code: int) -> None:
    one.fault("refuse-logon", code=code, session="REFUSED")
    client = one.venue.connect("REFUSED")
    client.logon()
    client.expect(t35="3", t34="1", t25016=str(code))
    client.expect_close()
    one.venue.logon("REFUSED").logout()


@pytest.mark.parametrize(
    ("tag", "value"), [(34, "5"), (34, "0"), (49, "X"), (56, "Y"), (8, "FIX.4.2"), (108, "77")]
)
def test_a_wrong_logon(one: Controlled, tag: int, value: str) -> None:
    one.fault("field", kind="A", tag=tag, value=value)
    client = one.venue.connect("WRONGLOG")
    client.logon()
    message = client.read()
    assert (message[35], message[tag]) == ("A", value)
    client.logout()


@pytest.mark.parametrize(("send", "kind"), [("logout", "5"), ("heartbeat", "0"), ("report", "8")])
def test_instead_of_logon(one: Controlled, send: str, kind: str) -> None:
    one.fault("instead-of-logon", send=send)
    client = one.venue.connect(f"IN{kind}")
    client.logon()
    client.expect(t35=kind, t34="1")


def test_silent(tmp_path: Path) -> None:
    with running(tmp_path, "--fault", "silent", "--time-scale", "50") as venue:
        client = venue.connect("SILENT")
        client.logon()
        client.expect_close()


# --- TLS --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "text"),
    [
        ("other-name", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        ("other-ca", "unable to get local issuer|self-signed|signature failure"),
        ("tls-1.1", "EOF|protocol"),
    ],
)
def test_certificate(one: Controlled, which: str, text: str) -> None:
    one.fault("certificate", which=which)
    with pytest.raises(ssl.SSLError, match=text):
        one.venue.connect("TLS")
    assert one.say(b'{"clear": "certificate"}')["cleared"] == 1
    logon(one, "TLS").logout()


def test_tls_1_1_is_spoken_with_those_who_take_it(one: Controlled) -> None:
    one.fault("certificate", which="tls-1.1")
    listening = one.venue.listening
    context = ssl.create_default_context(cafile=listening["ca_file"])
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection((listening["host"], listening["port"]), timeout=WAIT_S) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as secured,
    ):
        assert secured.version() == "TLSv1.1"


@pytest.mark.parametrize("fault", ["hang-tls", "never-accept"])
def test_no_tls(one: Controlled, fault: str) -> None:
    one.fault(fault)
    address = (one.venue.listening["host"], one.venue.listening["port"])
    context = ssl.create_default_context(cafile=one.venue.listening["ca_file"])
    with socket.create_connection(address, timeout=0.3) as raw, pytest.raises(TimeoutError):
        context.wrap_socket(raw, server_hostname="localhost")
    assert one.say(b'{"clear": "all"}')["cleared"] == 1
    logon(one, "AFTER").logout()


# --- switches of the session ------------------------------------------------------------------


def test_bad_seq_logout(one: Controlled) -> None:
    one.fault("bad-seq-logout")
    client = logon(one, "BADSEQ")
    client.send("0", [], seq=9)
    client.expect(t35="5", t58="MsgSeqNum(34) contains an unexpected value. Expected: '2'.")
    client.expect_close()


def test_every_garbled_message_of_one_read_is_told(one: Controlled) -> None:
    client = logon(one, "GARBLED")
    client.write(b"".join(frame("0", client.header(), check_sum=1) for _ in range(3)))
    for seq in ("2", "3", "4"):
        client.expect(t35="3", t25016="-1177", t45=seq)
    client.logout()


# --- the control socket and the command -------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"garbage", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "say one of"),
        (b'{"fault": "nosuch"}', "no fault 'nosuch'; there are drop,"),
        (b'{"fault": 7}', "no fault 7"),
        (b'{"fault": "drop", "foo": 1}', "drop: no parameter 'foo'; it takes kind, session"),
        (b'{"fault": "delay", "ms": 0}', "delay: ms: 0 is not a number from 1 to"),
        (b'{"fault": "delay", "ms": true}', "delay: ms: True is not a number"),
        (b'{"fault": "delay", "ms": null}', "delay: ms: None is not a number"),
        (b'{"fault": "cut", "end": "x"}', "cut: end: 'x' is none of reset, fin"),
        (b'{"fault": "field"}', "field: say which field"),
        (b'{"fault": "news", "times": 2}', "news: times is for at=logon"),
        (b'{"fault": "news", "session": "NOBODY"}', "news: no session NOBODY is logged on"),
        (b'{"clear": "nosuch"}', "clear: no fault 'nosuch'"),
        (b'{"clear": "all", "x": 1}', "clear: it takes a session"),
        (b"x" * 40_000, "a line is longer than"),
    ],
)
def test_bad_lines_are_told_and_change_nothing(one: Controlled, line: bytes, text: str) -> None:
    told = one.say(line)
    assert (told["ok"], text in told["error"]) == (False, True), told
    assert one.say(b'{"status": true}') == {"ok": True, "faults": []}
    logon(one, "CALM").logout()


def test_status_says_how_often_only_where_that_is_counted(one: Controlled) -> None:
    one.fault("delay", ms=1)
    one.fault("news", at="logon", times=2, seconds=30)
    held = one.say(b'{"status": true}')["faults"]
    assert [(each["fault"], each["times"]) for each in held] == [("delay", None), ("news", 2)]
    for comp_id in ("STATUS1", "STATUS2"):
        logon(one, comp_id).expect(t35="B")
    assert [each["fault"] for each in one.say(b'{"status": true}')["faults"]] == ["delay"]


@pytest.mark.parametrize(
    "answer",
    [b"[1]", b"7", b"{}", b'{"ok":true}', b'{"ok":false}', b'{"ok":1,"sessions":[]}',
     b'{"ok":true,"faults":[1],"cleared":"x","sessions":[1]}', b"", b"\xff"],
)  # fmt: skip
def test_what_is_no_venue_is_told_in_a_line(
    tmp_path: Path, answer: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        for verb in (["drop"], ["clear", "all"], ["status"]):
            thread = threading.Thread(target=say_once, args=(listening, answer))
            thread.start()
            assert main(["fault", str(path), *verb]) == 2
            thread.join()
            assert capsys.readouterr().err == (
                f"fixengine fault: {path}: what listens there is no venue\n"
            )


def say_once(listening: socket.socket, answer: bytes) -> None:
    peer, _ = listening.accept()
    with peer:
        peer.recv(1000)
        peer.sendall(answer + b"\n")


def test_a_line_that_is_never_finished_disturbs_nobody(one: Controlled) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(one.path))
        peer.sendall(b'{"fault": "dro')
    one.fault("drop", session="NOBODY")
    (held,) = one.say(b'{"status": true}')["faults"]
    assert (held["fault"], held["session"], held["times"]) == ("drop", "NOBODY", 1)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("open/c", "is open to others"),
        ("file", "no socket"),
        ("", "another venue listens there"),
        ("x" * 100, "choose a shorter"),
    ],
    ids=["open to all", "a file", "taken", "long"],
)
def test_the_socket_is_private(one: Controlled, tmp_path: Path, place: str, text: str) -> None:
    assert stat.S_IMODE(one.path.stat().st_mode) == 0o600
    (tmp_path / "open").mkdir(mode=0o755)
    regular = tmp_path / "file"
    regular.write_text("x")
    path = str(tmp_path / place if place else one.path)
    options = ("--port", "0", "--state-dir", str(tmp_path / "s"), "--control", path)
    done = fixengine("simulate", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr and len(done.stderr.splitlines()) == 1
    assert regular.read_text() == "x"


def fixengine(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "fixengine", *arguments],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def test_the_command(one: Controlled) -> None:
    client = logon(one, "CLI")
    ask = "fault", str(one.path), "logout", "--session", "CLI", "--text", "bye"
    with ThreadPoolExecutor(1) as other:
        asked = other.submit(fixengine, *ask)
        # The command may start slowly: meanwhile the venue asks whether we live.
        while (message := client.read())[35] != "5":
            client.send("0", [(112, message[112])] if message[35] == "1" else [])
        done = asked.result()
    assert message[58] == "bye"
    assert (done.returncode, done.stdout, done.stderr) == (0, "logout: CLI\n", "")


def test_the_command_says_what_was_done(
    one: Controlled, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*words: str) -> tuple[int, str]:
        status = main(["fault", *words])
        return status, capsys.readouterr().out

    path = str(one.path)
    status, said = ask(path, "delay", "--ms", "0", "--json")
    assert (status, orjson.loads(said)["ok"]) == (1, False)
    status, _ = ask(path, "drop", "--times", "always")
    assert status == 0
    assert ask(path, "status") == (0, "drop: every session  kind 8+9\n")
    assert ask(path, "clear", "drop") == (0, "cleared: 1\n")
    assert main(["fault", "/nowhere/at/all", "status"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("nosuch", "no fault 'nosuch'"),
        ("delay:ms", "'ms' is no key=value"),
        ("news:at=now", "at=now is for a running venue"),
    ],
)
def test_flags_are_checked(flag: str, text: str) -> None:
    done = fixengine("simulate", "--fault", flag)
    assert done.returncode == 2 and text in done.stderr


def test_help_names_every_fault() -> None:
    text = fixengine("simulate", "--help").stdout
    for name in names.BY_NAME:
        assert f"\n  {name} " in text
