"""The classic counterparty as a process, over TCP, seen by clients that share no code with it."""

from __future__ import annotations

import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import orjson
import pytest
import simplefix

WAIT_S = 10.0
HEADER = ("35", "97", "627", "628", "630")
ORDER = "35=D|40=1|55=X|54=1|21=1|11=a|60=20260101-00:00:00|97=%s"


class Venue:
    """A running `fixengine simulate --venue plain`."""

    def __init__(self, *options: str, version: str = "FIX.4.4") -> None:
        call = ["--venue", "plain", "--version", version, "--echo", "--json"]
        call += ["--sender", "VENUE", "--target", "ME", "--plain-tcp", "0", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fixengine", "simulate", *call],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.port: int = orjson.loads(self.process.stdout.readline())["port"]

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=WAIT_S)
        assert errors == b""
        return self.process.returncode


class Client:
    """One connection; writes by hand, reads with simplefix."""

    def __init__(self, port: int, seq: int = 1) -> None:
        self.seq = seq
        self.socket = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self.parser = simplefix.FixParser()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, text: str) -> None:
        self.send_together([text])

    def send_together(self, texts: Iterable[str]) -> None:
        """Several messages in the same bytes."""
        self.socket.sendall(b"".join([self._message(text) for text in texts]))

    def _message(self, text: str) -> bytes:
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4", header=True)
        for tag, value in ((34, self.seq), (49, "ME"), (56, "VENUE")):
            message.append_pair(tag, value, header=True)
        message.append_utc_timestamp(52, datetime.now(UTC), header=True)
        for pair in text.split("|"):
            tag, _, value = pair.partition("=")
            message.append_pair(tag, value, header=tag in HEADER)
        self.seq += 1
        encoded: bytes = message.encode()
        return encoded

    def read(self) -> dict[int, str] | None:
        """The next message; None where the venue has closed."""
        while (message := self.parser.get_message()) is None:
            data = self.socket.recv(4096)
            if not data:
                return None
            self.parser.append_buffer(data)
        return {int(tag): value.decode() for tag, value in message}

    def log_on(self, more: str = "") -> dict[int, str]:
        self.send("35=A|98=0|108=30" + more)
        answer = self.read()
        assert answer is not None
        return answer


@pytest.fixture
def venue() -> Iterator[Venue]:
    started = Venue()
    yield started
    assert started.end() == 0


def test_an_order_comes_back_and_its_copy_does_not(venue: Venue) -> None:
    for _ in range(2):
        with Client(venue.port) as client:
            assert client.log_on()[34] == "1"
            client.send(ORDER % "N")
            echoed = client.read()
            assert echoed is not None
            body = list(echoed.items())[7:-1]
            assert body == [
                (11, "a"),
                (21, "1"),
                (40, "1"),
                (54, "1"),
                (55, "X"),
                (60, "20260101-00:00:00"),
            ]
            client.send(ORDER % "Y")
            client.send("35=5")
            answer = client.read()
            assert answer is not None and (answer[35], answer[34]) == ("5", "3")
            assert client.read() is None


def test_a_second_client_is_closed_without_a_word(venue: Venue) -> None:
    with Client(venue.port) as first, Client(venue.port) as second:
        first.log_on()
        second.send("35=A|98=0|108=30")
        assert second.read() is None
        first.send("35=1|112=x")
        answer = first.read()
        assert answer is not None and answer[112] == "x"


def test_a_signal_logs_out(venue: Venue) -> None:
    with Client(venue.port) as client:
        client.log_on()
        venue.process.send_signal(signal.SIGTERM)
        last = client.read()
        assert last is not None and (last[35], last[58]) == ("5", "the venue stops")
        client.send("35=5")
        assert client.read() is None
    venue.process.wait(WAIT_S)


def test_numbers_and_reports_outlive_a_kill(tmp_path: Path) -> None:
    first = Venue("--state-dir", str(tmp_path))
    with Client(first.port) as client:
        client.log_on()
        client.send(ORDER % "N")
        assert client.read() is not None
        first.end(signal.SIGKILL)
        assert client.read() is None
    (file,) = tmp_path.glob("*.numbers")
    with file.open("ab") as torn:
        torn.write(b"out 99 100\n8=FIX")
    second = Venue("--state-dir", str(tmp_path))
    with Client(second.port, seq=3) as client:
        assert client.log_on()[34] == "3"
        client.send("35=2|7=1|16=0")
        told = [client.read() for _ in range(3)]
        assert [message and (message[35], message[34], message.get(11)) for message in told] == [
            ("4", "1", None),
            ("D", "2", "a"),
            ("4", "3", None),
        ]
        client.send("35=5")
        assert client.read() is not None
    with Client(second.port) as client:
        answer = client.log_on()
        assert answer[58] == "MsgSeqNum too low, expecting 6 but received 1"
        assert client.read() is None
    with Client(second.port) as client:
        assert client.log_on("|141=Y")[34] == "1"
    assert second.end() == 0


def test_numbers_that_cannot_be_written_end_it(tmp_path: Path) -> None:
    venue = Venue("--state-dir", str(tmp_path))
    with Client(venue.port) as client:
        client.log_on()
        # What is written next meets a file that may not grow.
        (file,) = tmp_path.glob("*.numbers")
        size = file.stat().st_size
        resource.prlimit(venue.process.pid, resource.RLIMIT_FSIZE, (size, size))
        client.send("35=1|112=x")
        assert client.read() is None
    _, errors = venue.process.communicate(timeout=WAIT_S)
    assert venue.process.returncode == 2
    assert errors.startswith(b"fixengine simulate: the numbers cannot be written: File too large")


def test_a_file_of_numbers_has_one_user(tmp_path: Path) -> None:
    first = Venue("--state-dir", str(tmp_path))
    text = refused("--state-dir", str(tmp_path), *FULL)
    assert "in use by another process" in text
    assert first.end() == 0


FULL = [
    "--venue",
    "plain",
    "--version",
    "FIX.4.4",
    "--echo",
    "--sender",
    "VENUE",
    "--target",
    "ME",
    "--plain-tcp",
    "0",
]


def refused(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fixengine", "simulate", *options],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--venue", "plain"], "needs --echo and --version and --sender and --target and"),
        (FULL[:-2], "needs --plain-tcp"),
        (["--echo"], "--echo goes with --venue plain only"),
        ([*FULL, "--port", "1", "--limits", "off"], "--port and --limits: not with --venue plain"),
        ([*FULL, "--sender", "a b"], "--sender: expected 1 to 64 printable characters"),
        ([*FULL, "--plain-tcp", "70000"], "70000 is not a number from 0 to 65535"),
    ],
)
def test_options_that_do_not_fit_are_named(options: list[str], text: str) -> None:
    assert text in refused(*options)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = refused(*FULL[:-1], str(port))
    assert f"127.0.0.1:{port}: " in text and "try another --plain-tcp" in text


def test_a_foreign_initiator_trades_with_it(venue: Venue, tmp_path: Path) -> None:
    pytest.importorskip("quickfix", reason="the foreign engine (quickfix) is not installed")
    settings = tmp_path / "client.cfg"
    settings.write_text(
        "[DEFAULT]\nConnectionType=initiator\nReconnectInterval=1\nStartTime=00:00:00\n"
        "EndTime=00:00:00\nUseDataDictionary=N\nHeartBtInt=30\nResetOnLogon=Y\n"
        f"FileStorePath={tmp_path}\n"
        "[SESSION]\nBeginString=FIX.4.4\nSenderCompID=ME\nTargetCompID=VENUE\n"
        f"SocketConnectHost=127.0.0.1\nSocketConnectPort={venue.port}\n"
    )
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("foreign_initiator.py")), str(settings)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["logged_on", "order", "back", "logged_out"]


def test_resends_asked_for_in_one_burst_take_no_memory_without_end(venue: Venue) -> None:
    with Client(venue.port) as client:
        client.log_on()
        before = peak_mib(venue.process.pid)
        client.send_together([ORDER % "N" + "|58=" + "x" * 20_000] * 25)
        # Each is answered with half a MiB.
        client.send_together(["35=2|7=1|16=0"] * 100)
        client.socket.shutdown(socket.SHUT_WR)
        came_bytes = 0
        with suppress(ConnectionResetError):
            while data := client.socket.recv(1 << 20):
                came_bytes += len(data)
        assert came_bytes > 1 << 20
        assert peak_mib(venue.process.pid) < before + 25


def peak_mib(pid: int) -> int:
    """The most memory a process has had."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line) // 1024


def test_the_header_is_not_echoed_into_the_body(venue: Venue) -> None:
    with Client(venue.port) as client:
        client.log_on()
        client.send(ORDER % "N" + "|627=1|628=HOP|630=7")
        echoed = client.read()
        assert echoed is not None and echoed[35] == "D"
        assert not {627, 628, 630} & set(echoed)
