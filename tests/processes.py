"""Real processes for tests: engines, the built-in venue, strategies, and a venue to be scripted.

A `Stage` starts them, knows their files, and ends them. What a process says on stdout is kept;
`Running.expect` waits for the next line with given values, so nothing here sleeps. An engine that
writes anything to stderr fails its test: in JSON mode all it has to say goes to stdout.

Run as a program this file is a strategy: `python processes.py ENDPOINT NAME PRICE...` rests one
order at each price, tells each event as a JSON line, and goes on listening until it is ended.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import selectors
import signal
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson
import pytest
import simplefix
from fixengine.client import Client
from fixengine.demo.processes import Child
from fixengine.messages import ExecutionReport, NewOrderSingle, OrderCancelReject
from fixengine.network.journal import Record, entries
from fixengine.simulator import pki

WAIT_S = 20.0
SYMBOL = "BTCUSDT"
FAR = "49000.00"
"""The built-in venue quotes BTCUSDT around 50000: a buy at this price rests."""
THROUGH = "50500.00"
COMP_IDS = ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX")
SOH = b"\x01"
NO_LINGER = struct.pack("ii", 1, 0)

Line = dict[str, Any]
Event = TypeVar("Event")


class Running(Child):
    """A process that was started. said: every JSON line it has printed, as far as it was read."""

    def __init__(self, name: str, arguments: list[str], folder: Path) -> None:
        super().__init__(name, arguments, folder)
        self.said: list[Line] = []
        self._looked_at = 0

    def expect(self, **wanted: object) -> Line:
        """The next line with these values; of a `text` a part is enough."""
        deadline = time.monotonic() + WAIT_S
        while True:
            while self._looked_at < len(self.said):
                line = self.said[self._looked_at]
                self._looked_at += 1
                if fits(line, wanted):
                    return line
            if not self._read(deadline):
                raise AssertionError(f"{self.name}: no {wanted} among {self.said}; {self.errors}")

    def before(self, line: Line) -> list[Line]:
        """What it said before this line."""
        return self.said[: self.said.index(line)]

    def warnings(self) -> list[str]:
        """Texts of the lines above "info" that were read."""
        return [line["text"] for line in self.said if line["level"] != "info"]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and answer the exit status; everything it said is read."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end of a process that ends by itself; its exit status."""
        deadline = time.monotonic() + WAIT_S
        while self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def signal(self, number: int) -> None:
        """Send a signal; after SIGSTOP, return once the process stands still."""
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    @property
    def errors(self) -> str:
        """What it wrote to stderr."""
        return self.log.read_text("utf-8", "replace")

    def _read(self, deadline: float) -> bool:
        """Wait for more lines; False at the end of its stdout or of the time."""
        with selectors.DefaultSelector() as ready:
            ready.register(self.out, selectors.EVENT_READ)
            if not ready.select(max(0.0, deadline - time.monotonic())):
                return False
        lines = self.lines()
        self.said += lines or []
        return lines is not None


class Place(NamedTuple):
    """Where a venue listens, and the files that an engine needs to reach it."""

    port: int
    ca_file: Path
    api_key_file: Path
    private_key_file: Path


class Venue(Running):
    """A running `fixengine simulate`; state in folder/name, record in folder/name.jsonl."""

    def __init__(self, name: str, folder: Path, *options: str, port: int = 0) -> None:
        self.record = folder / f"{name}.jsonl"
        arguments = ["fixengine", "simulate", "--port", str(port), "--json", *options]
        arguments += ["--state-dir", str(folder / name), "--record", str(self.record)]
        super().__init__(name, arguments, folder)
        told = self.expect(event="listening")
        files = (Path(told[key]) for key in ("ca_file", "api_key_file", "private_key_file"))
        self.place = Place(told["port"], *files)


class Engine(Running):
    """A running `fixengine run`."""

    def __init__(self, name: str, folder: Path, config: Path, endpoint: str) -> None:
        self.config = config
        self.endpoint = endpoint
        self.state_dir = config.parent / "state"
        super().__init__(name, ["fixengine", "run", str(config), "--json"], folder)

    def journal(self) -> list[Record]:
        """All sound records of all runs; damaged or missing ones fail the test."""
        found = list(entries(self.state_dir))
        assert [entry for entry in found if not isinstance(entry, Record)] == []
        return [entry for entry in found if isinstance(entry, Record)]

    def marks(self) -> dict[str, Any]:
        """The SenderCompIDs that state.json holds as not logged out."""
        marks: dict[str, Any] = orjson.loads((self.state_dir / "state.json").read_bytes())
        return dict(marks["comp_ids"])


class Stage:
    """Starts processes in one folder and ends them all, engines first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ends = contextlib.ExitStack()
        self._acceptors = contextlib.ExitStack()
        self._engines: list[Engine] = []
        self._count = 0

    def venue(self, *options: str, name: str = "venue", port: int = 0) -> Venue:
        """The built-in venue, without its limits; it listens."""
        venue = Venue(name, self.folder, "--limits", "off", *options, port=port)
        self._ends.callback(end, venue)
        return venue

    def acceptor(self, name: str = "acceptor", **options: Any) -> Acceptor:
        """A listening socket that a test plays the venue on; each name has its own authority."""
        acceptor = Acceptor(self.folder / name, **options)
        self._acceptors.callback(acceptor.close)
        return acceptor

    def engine(self, place: Place, *, name: str = "engine", **sections: Line) -> Engine:
        """An engine in folder/name, which may have run there before; see `write_config`."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        config, endpoint = write_config(home, place, **sections)
        self._count += 1
        engine = Engine(f"{name}-{self._count}", self.folder, config, endpoint)
        self._engines.append(engine)
        self._ends.callback(end, engine)
        return engine

    def client(self, engine: Engine, strategy: str = "maker", **options: Any) -> Client:
        """A strategy in this process; it waits for the engine to listen."""
        wait_ms = int(WAIT_S * 1000)
        patient = {"connect_timeout_ms": wait_ms, "answer_timeout_ms": wait_ms}
        options = patient | {"valid_for_ms": 5000} | options
        return self._ends.enter_context(Client(engine.endpoint, strategy, **options))

    def strategy(self, engine: Engine, name: str, *prices: str) -> Running:
        """A strategy as a process of its own; see the module's top."""
        running = StrategyProcess(name, engine.endpoint, prices, self.folder)
        self._ends.callback(end, running)
        return running

    def close(self) -> None:
        """End what runs, and hold the engines to their silence on stderr."""
        # An engine does not wait for the Logout answer of a venue that is gone.
        self._acceptors.close()
        self._ends.close()
        for ring in self.folder.glob("*/state/journal/ring"):
            ring.resolve().unlink(missing_ok=True)
        assert {engine.name: engine.errors for engine in self._engines if engine.errors} == {}


class StrategyProcess(Running):
    """This file as a program."""

    def __init__(self, name: str, endpoint: str, prices: tuple[str, ...], folder: Path) -> None:
        arguments = [Path(__file__).stem, endpoint, name, *prices]
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = str(Path(__file__).parent)
        try:
            super().__init__(f"{name}-{time.monotonic_ns()}", arguments, folder)
        finally:
            del os.environ["PYTHONPATH"]
            if before is not None:
                os.environ["PYTHONPATH"] = before


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage of one test."""
    one = Stage(tmp_path)
    yield one
    one.close()


def end(running: Running) -> None:
    """End a process whatever its state, and close its pipe."""
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGCONT)
    running.stop()
    running.out.close()


def fits(line: Line, wanted: dict[str, object]) -> bool:
    """Whether a line has these values."""
    return all(
        str(value) in str(line.get(name)) if name == "text" else line.get(name) == value
        for name, value in wanted.items()
    )


def write_config(home: Path, place: Place, **sections: Line) -> tuple[Path, str]:
    """engine.toml for a place with short waits; sections replace or, with None, remove values."""
    endpoint = f"ipc://{home}/bus/b"
    config: dict[str, Line] = {
        "venue": {
            "environment": "simulator",
            "port": place.port,
            "server_name": "localhost",
            "ca_file": str(place.ca_file),
            "sender_comp_ids": list(COMP_IDS),
            "heartbeat_s": 5,
            "connect_timeout_ms": 1000,
            "logon_timeout_ms": 1000,
            "logout_timeout_ms": 500,
        },
        "key": {
            "api_key_file": str(place.api_key_file),
            "private_key_file": str(place.private_key_file),
        },
        "bus": {"endpoint": endpoint},
        "engine": {"state_dir": "state"},
        "journal": {"ring_bytes": 1 << 20},
    }
    for section, values in sections.items():
        config[section] = config.get(section, {}) | values
    lines = []
    for section, values in config.items():
        lines.append(f"[{section}]")
        # JSON's texts, numbers and flat lists are TOML's too.
        pairs = ((name, value) for name, value in values.items() if value is not None)
        lines += [f"{name} = {orjson.dumps(value).decode()}" for name, value in pairs]
    path = home / "engine.toml"
    path.write_text("\n".join(lines) + "\n")
    return path, endpoint


# --- a strategy -----------------------------------------------------------------------------


def limit(price: str = FAR, **changes: Any) -> NewOrderSingle:
    """An order to buy; it rests at the built-in venue."""
    order = NewOrderSingle.limit(SYMBOL, "1", "0.001", price)
    for name, value in changes.items():
        setattr(order, name, value)
    return order


def hear(client: Client, kind: type[Event], **wanted: object) -> Event:
    """The next event of this kind with these values; of a `text` a part is enough."""
    passed = []
    for event in client.reports(timeout=WAIT_S):
        if isinstance(event, kind) and all(
            str(value) in getattr(event, name) if name == "text" else getattr(event, name) == value
            for name, value in wanted.items()
        ):
            return event
        passed.append(event)
    raise AssertionError(f"no {kind.__name__} with {wanted} among {passed}")


def trade(client: Client, price: str = FAR) -> ExecutionReport:
    """Submit an order once a session is active, and answer the acknowledgement."""
    cl_ord_id = client.submit(limit(price))
    return hear(client, ExecutionReport, cl_ord_id=cl_ord_id, exec_type="0")


def frames(records: list[Record], kind: int) -> list[dict[int, str]]:
    """FIX messages of a journal's FRAME_IN or FRAME_OUT records, the first value of each tag."""
    return [read_frame(record.data) for record in records if record.kind == kind]


def read_frame(data: bytes) -> dict[int, str]:
    """A FIX message by a foreign parser, the first value of each tag."""
    parser = simplefix.FixParser()
    parser.append_buffer(data)
    message = parser.get_message()
    assert message is not None, data
    return first_values(message)


def first_values(message: Any) -> dict[int, str]:
    """The first value of each tag of a message that simplefix has read."""
    return {int(tag): value.decode() for tag, value in reversed(message.pairs)}


# --- a venue to be scripted -----------------------------------------------------------------


class Acceptor:
    """A listening socket with the certificates of a built-in venue.

    tls: changes the server's context before it listens. receive_bytes: the size of its sockets'
    receive buffers. plain: speak no TLS at all.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tls: Callable[[ssl.SSLContext], None] | None = None,
        receive_bytes: int | None = None,
    ) -> None:
        files = pki.ensure(folder, datetime.datetime.now(datetime.UTC))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.server_certificate_file, files.server_key_file)
        if tls is not None:
            tls(self._context)
        self._open: list[socket.socket] = []
        listener = socket.socket()
        self._open.append(listener)
        self._listener = listener
        if receive_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        listener.settimeout(WAIT_S)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        self.place = Place(port, files.ca_file, files.api_key_file, files.private_key_file)

    def close(self) -> None:
        """Close it and every connection."""
        for one in self._open:
            one.close()

    def accept_plain(self) -> socket.socket:
        """The next TCP connection."""
        raw = self._listener.accept()[0]
        raw.settimeout(WAIT_S)
        self._open.append(raw)
        return raw

    def accept(self) -> Peer:
        """The next connection, TLS done; ssl.SSLError where that fails."""
        secured = self._context.wrap_socket(self.accept_plain(), server_side=True)
        self._open.append(secured)
        return Peer(secured)

    def logon(self) -> Peer:
        """The next connection, logged on."""
        peer = self.accept()
        peer.answer_logon()
        return peer


class Peer:
    """The venue's end of one connection. seq: MsgSeqNum of the next message."""

    def __init__(self, secured: ssl.SSLSocket) -> None:
        self.socket = secured
        self.seq = 1
        self.comp_id = ""
        self.received: list[dict[int, str]] = []
        self._parser = simplefix.FixParser()

    def read(self) -> dict[int, str]:
        """The next message; {} at the end of the connection."""
        while True:
            message = self._parser.get_message()
            if message is not None:
                values = first_values(message)
                self.received.append(values)
                return values
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                self.socket.close()
                return {}
            self._parser.append_buffer(data)

    def read_to_end(self) -> list[dict[int, str]]:
        """Every message up to the end of the connection."""
        return list(iter(self.read, {}))

    def expect(self, kind: str) -> dict[int, str]:
        """The next message of this MsgType; Heartbeats and TestRequests are passed over."""
        while (values := self.read()) and values[35] in "01" and values[35] != kind:
            pass
        assert values.get(35) == kind, values
        return values

    def answer_logon(self, **changes: object) -> dict[int, str]:
        """Read the Logon and accept it; changes as `frame` takes them."""
        logon = self.expect("A")
        self.comp_id = logon[49]
        self.send("A", {98: 0, 108: logon[108], 25037: "uuid"}, **changes)
        return logon

    def frame(self, kind: str, fields: dict[int, object], **changes: object) -> bytes:
        """A message under the next MsgSeqNum; changes such as t34=7, t150=None replace fields."""
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H:%M:%S.%f")
        head: dict[int, object] = {49: "SPOT", 56: self.comp_id, 34: self.seq, 52: stamp}
        self.seq += 1
        fields = head | fields | {int(name[1:]): value for name, value in changes.items()}
        pairs = ((tag, value) for tag, value in fields.items() if value is not None)
        body = f"35={kind}\x01" + "".join(f"{tag}={value}\x01" for tag, value in pairs)
        message = f"8=FIX.4.4\x019={len(body)}\x01{body}".encode()
        return message + b"10=%03d\x01" % (sum(message) % 256)

    def send(self, kind: str, fields: dict[int, object], **changes: object) -> None:
        """Write a message."""
        self.socket.sendall(self.frame(kind, fields, **changes))

    def report(self, order: dict[int, str], **changes: object) -> bytes:
        """An ExecutionReport that acknowledges an order as it was received."""
        fields: dict[int, object] = {17: self.seq, 11: order[11], 37: 100 + self.seq}
        fields |= {38: order[38], 40: order[40], 54: order[54], 55: order[55], 44: order[44]}
        fields |= {150: "0", 14: "0", 151: order[38], 32: "0", 39: "0"}
        return self.frame("8", fields, **changes)

    def logout(self) -> None:
        """Read to the engine's Logout, answer it, and see the end."""
        self.expect("5")
        self.send("5", {})
        assert self.read() == {}

    def reset(self) -> None:
        """Cut the connection off with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        os.close(self.socket.detach())


# --- this file as a program -----------------------------------------------------------------


def main(endpoint: str, name: str, *prices: str) -> None:
    """A strategy; see the module's top."""

    def say(**values: object) -> None:
        print(orjson.dumps(values).decode(), flush=True)

    with Client(endpoint, name) as client:
        say(event="connected", level="info")
        for price in prices:
            client.submit(limit(price))
        for event in client.reports():
            known = isinstance(event, ExecutionReport | OrderCancelReject)
            about = event.cl_ord_id if known else ""
            kind = type(event).__name__
            say(event=kind, level="info", report_seq=event.report_seq, cl_ord_id=about)


if __name__ == "__main__":
    main(*sys.argv[1:])
