"""Real processes for tests: engines, the built-in venue and strategies.

A `Stage` starts them, knows their files, and ends them. What a process says on stdout is kept;
`Running.expect` waits for the next line with given values, so nothing here sleeps. An engine that
writes anything to stderr fails its test: in JSON mode all it has to say goes to stdout.

Run as a program this file is a strategy: `python processes.py ENDPOINT NAME PRICE...` rests one
order at each price, tells each event as a JSON line, and goes on listening until it is ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from fixengine.client import Client
from fixengine.demo.processes import Child
from fixengine.messages import ExecutionReport, NewOrderSingle
from fixengine.network.journal import Record, entries
from fixengine.network.journal.ring import DRAINER, PAGE_BYTES
from scripted_venue import WAIT_S, Acceptor, Place, read_frame

SYMBOL = "BTCUSDT"
FAR = "49000.00"
"""The built-in venue quotes BTCUSDT around 50000: a buy at this price rests."""
THROUGH = "50500.00"
SCALED = {"time_scale": 10, "heartbeat_s": 60}
"""[venue] of a test that waits for an attempt: a pause is a tenth of it, HeartBtInt six seconds."""
SCALED_VENUE = ("--time-scale", "10")
COMP_IDS = ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX")

Line = dict[str, Any]


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

    def has_said(self, **wanted: object) -> bool:
        """Whether a line with these values is among what it has said until now."""
        while self._read(0):
            pass
        return any(fits(line, wanted) for line in self.said)

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
        self.web_port: int = told["web_port"]


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

    def journal_process(self) -> int:
        """Id of the journal process, once it has begun."""
        deadline = time.monotonic() + WAIT_S
        at = 8 * DRAINER
        while time.monotonic() < deadline:
            page = (self.state_dir / "journal" / "ring").read_bytes()[:PAGE_BYTES]
            if process := int.from_bytes(page[at : at + 8], sys.byteorder):
                return process
        raise AssertionError(f"{self.name}: no journal process")

    def kill(self) -> None:
        """kill -9; return once its journal process has drained what it left, and is gone."""
        process = os.pidfd_open(self.journal_process())
        self.end(signal.SIGKILL)
        assert select.select([process], [], [], WAIT_S)[0], "the journal process stays"
        os.close(process)

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
        """An engine in folder/name, which may have run there before; see `write_config`.

        It keeps no limits unless asked to: new orders would wait for the answer to a LimitQuery.
        """
        sections = {"limits": {"mode": "off"}} | sections
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
        for name in ("journal/ring", "latency"):
            for shared in self.folder.glob(f"*/state/{name}"):
                shared.resolve().unlink(missing_ok=True)
        assert {engine.name: engine.errors for engine in self._engines if engine.errors} == {}


class StrategyProcess(Running):
    """This file as a program."""

    def __init__(self, name: str, endpoint: str, prices: tuple[str, ...], folder: Path) -> None:
        arguments = [Path(__file__).stem, endpoint, name, *prices]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
            super().__init__(f"{name}-{time.monotonic_ns()}", arguments, folder)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage of one test."""
    with contextlib.closing(Stage(tmp_path)) as one:
        yield one


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


def hear(client: Client, *kinds: type, **wanted: object) -> Any:
    """The next event of these kinds with these values; of a `text` a part is enough."""
    passed = []
    for event in client.reports(timeout=WAIT_S):
        if isinstance(event, kinds) and all(
            str(value) in getattr(event, name) if name == "text" else getattr(event, name) == value
            for name, value in wanted.items()
        ):
            return event
        passed.append(event)
    raise AssertionError(f"no {kinds} with {wanted} among {passed}")


def trade(client: Client, price: str = FAR) -> ExecutionReport:
    """Submit an order once a session is active, and answer the acknowledgement."""
    cl_ord_id = client.submit(limit(price))
    report = hear(client, ExecutionReport, cl_ord_id=cl_ord_id, exec_type="0")
    assert isinstance(report, ExecutionReport)
    return report


def frames(records: list[Record], kind: int) -> list[dict[int, str]]:
    """FIX messages of a journal's FRAME_IN or FRAME_OUT records, the first value of each tag."""
    return [read_frame(record.data) for record in records if record.kind == kind]


# --- this file as a program -----------------------------------------------------------------


def main(endpoint: str, name: str, *prices: str) -> None:
    """A strategy; see the module's top."""

    def say(**values: object) -> None:
        print(orjson.dumps(values).decode(), flush=True)

    with Client(endpoint, name, wants_sent=True, valid_for_ms=5000) as client:
        say(event="connected")
        for price in prices:
            client.submit(limit(price))
        for event in client.reports():
            say(event=type(event).__name__, report_seq=event.report_seq)


if __name__ == "__main__":
    main(*sys.argv[1:])
