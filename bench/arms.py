"""The arms of the round trip: what stands between the same strategy and the same venue.

relay: relay.c. engine: this engine, limits off. naive: naive.py. stunnel: this engine, whose TLS
ends at stunnel on the same machine, with a venue behind it that speaks plain TCP. Each arm is a
strategy (strategy.c), a venue (venue.c) and what is between them, all processes of their own.
"""

from __future__ import annotations

import array
import contextlib
import datetime
import os
import selectors
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from fixengine.demo.processes import START_TIMEOUT_S, STOP_TIMEOUT_S, Child
from fixengine.demo.run import remove_shared
from fixengine.simulator import pki
from fixengine.simulator.engine_config import engine_config

from bench.native import program

ROOT = Path(__file__).parent.parent
SERVER_NAME = "localhost"
COMP_IDS = "BENCH1", "BENCH2"
PLACEMENTS = "pinned", "awake", "free"
AWAKE = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print("awake", flush=True)
while True:
    pass
"""
"""SCHED_IDLE gives way at once to whoever has something to do."""
UNSENT_BYTES_MAX = 1 << 20
"""In a burst some bytes wait: by default the engine would refuse orders behind them."""


class ArmError(Exception):
    """An arm does not run; the text says which process, and its last words."""


class Program:
    """A process that says one line when it stands. It is stopped by `stop`."""

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT
            )

    @property
    def out(self) -> IO[bytes]:
        """Its stdout."""
        assert self.process.stdout is not None
        return self.process.stdout

    def first_line(self) -> str:
        """What it says first. Raises ArmError where it does not."""
        with selectors.DefaultSelector() as ready:
            ready.register(self.out, selectors.EVENT_READ)
            if not ready.select(START_TIMEOUT_S):
                raise self.failed(f"says nothing in {START_TIMEOUT_S:g} s")
        line = self.out.readline().decode().strip()
        if not line:
            raise self.failed("ended")
        return line

    def failed(self, how: str) -> ArmError:
        """The error that tells of this process, with its last words."""
        said = self._log.read_text("utf-8", "replace").strip().splitlines()
        return ArmError(f"{self.name} {how}; {said[-1] if said else 'its log is empty'}")

    def ask(self, line: str) -> None:
        """Give it a line."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what it says next, or does not, tells why
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.communicate(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


class Trips(NamedTuple):
    """Orders that were sent and answered. took_ns: all together; trips_ns: each, in order.

    cpu_ns: of the processes between strategy and venue, by name. digest: of what was reported.
    """

    took_ns: int
    trips_ns: array.array[int]
    cpu_ns: dict[str, int]
    digest: str


class Arm:
    """One arm, running. between: processes by name, each with the ones it has started."""

    def __init__(self, name: str, strategy: Program, between: dict[str, int]) -> None:
        self.name = name
        self._strategy = strategy
        self._between = between

    def run(self, count: int, window: int, interval_ns: int) -> Trips:
        """So many orders; see strategy.c. Raises ArmError where one is not answered rightly."""
        before = self._cpu_ns()
        self._strategy.ask(f"{count} {window} {interval_ns}")
        line = self._strategy.out.readline().split()
        trips = array.array("Q", self._strategy.out.read(8 * count) if line else b"")
        if len(trips) != count:
            raise self._strategy.failed("ended")
        after = self._cpu_ns()
        cpu = {name: after[name] - before.get(name, 0) for name in after}
        return Trips(int(line[0]), trips, cpu, line[1].decode())

    def _cpu_ns(self) -> dict[str, int]:
        found = {}
        for name, pid in self._between.items():
            found[name] = cpu_ns(pid)
            children = [cpu_ns(child) for child in descendants(pid)]
            if children:
                found[f"{name}'s children"] = sum(children)
        return found


def cpu_ns(pid: int) -> int:
    """Time on a processor of all threads of a process; 0 where it has ended."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            total += int(task.read_text().split()[0])
    return total


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


class Yard:
    """Where arms are started: a folder with keys, the processors, and the end of all processes.

    placement: one of PLACEMENTS. pinned: strategy and venue run on the first processor that is
    allowed, what is between them on the last one: where they land moves a trip by more than most of
    what is compared. The engine is told so by [tuning], as its users would. awake: the same, and no
    processor sleeps, for a process of the lowest class keeps each at work. free: where the kernel
    puts them.
    """

    def __init__(
        self, folder: Path, stack: contextlib.ExitStack, placement: str = "pinned"
    ) -> None:
        self.folder = folder
        self._stack = stack
        allowed = sorted(os.sched_getaffinity(0))
        pinned = placement != "free"
        self.ends = {allowed[0]} if pinned else {*allowed}
        self.between = {allowed[-1]} if pinned else {*allowed}
        self._cpu = allowed[-1] if pinned else None
        now = datetime.datetime.now(datetime.UTC)
        self.keys = pki.ensure(folder / "keys", now)
        for processor in allowed if placement == "awake" else ():
            self.start(f"awake-{processor}", {processor}, sys.executable, "-c", AWAKE).first_line()

    @contextlib.contextmanager
    def on(self, processors: set[int]) -> Iterator[None]:
        """Start processes there."""
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, processors)
        try:
            yield
        finally:
            os.sched_setaffinity(0, allowed)

    def start(self, name: str, processors: set[int], *command: str | Path) -> Program:
        """A process that stands when it has said a line, which is not read yet."""
        with self.on(processors):
            started = Program(name, command, self.folder)
        self._stack.callback(started.stop)
        return started

    def venue(self, name: str, plain: bool = False) -> int:
        """A venue of an arm's own; its port."""
        keys = () if plain else (self.keys.server_certificate_file, self.keys.server_key_file)
        started = self.start(f"{name}-venue", self.ends, program("venue"), *keys)
        return int(started.first_line())

    def strategy(self, name: str, dialect: str, endpoint: str) -> Program:
        """The strategy of an arm, connected."""
        command = program("strategy"), dialect, endpoint
        started = self.start(f"{name}-strategy", self.ends, *command)
        started.first_line()
        return started

    def engine(self, name: str, port: int) -> tuple[Child, str]:
        """An engine that is logged on to the venue at this port, and its endpoint."""
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        self._stack.callback(remove_shared, folder)
        endpoint = f"ipc://{folder}/engine/bus/bus.sock"
        text = engine_config(
            host="127.0.0.1",
            port=port,
            server_name=SERVER_NAME,
            ca_file=self.keys.ca_file,
            api_key_file=self.keys.api_key_file,
            private_key_file=self.keys.private_key_file,
            comp_ids=COMP_IDS,
            state_dir=folder / "engine",
            endpoint=endpoint,
            limits="off",
            unsent_bytes_max=UNSENT_BYTES_MAX,
            cpu=self._cpu,
        )
        config = folder / "engine.toml"
        config.write_text(text)
        started = Child("engine", ["fixengine", "run", str(config), "--json"], folder)
        self._stack.callback(started.stop)
        started.wait_for("active", START_TIMEOUT_S)
        return started, endpoint


def relay(yard: Yard) -> Arm:
    """See the module's top."""
    return _stranger(yard, "relay", "fix", program("relay"))


def naive(yard: Yard) -> Arm:
    """See the module's top."""
    return _stranger(yard, "naive", "json", sys.executable, "-m", "bench.naive")


def _stranger(yard: Yard, name: str, dialect: str, *command: str | Path) -> Arm:
    """A gateway that is told all it needs as arguments."""
    endpoint = f"ipc://{yard.folder}/{name}.sock"
    place = endpoint, str(yard.venue(name)), yard.keys.ca_file, SERVER_NAME
    started = yard.start(name, yard.between, *command, *place)
    started.first_line()
    return Arm(name, yard.strategy(name, dialect, endpoint), {name: started.process.pid})


def engine(yard: Yard) -> Arm:
    """See the module's top."""
    started, endpoint = yard.engine("engine", yard.venue("engine"))
    return Arm("engine", yard.strategy("engine", "bus", endpoint), {"engine": started.pid})


def stunnel(yard: Yard) -> Arm:
    """See the module's top. Raises FileNotFoundError where stunnel is not installed."""
    where = shutil.which("stunnel") or shutil.which("stunnel4")
    if where is None:
        raise FileNotFoundError("stunnel is not installed")
    behind = yard.venue("stunnel", plain=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = yard.folder / "stunnel.conf"
    config.write_text(
        "foreground = yes\npid =\nsyslog = no\noutput = /dev/stdout\n"
        "socket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
        f"[venue]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{behind}\n"
        f"cert = {yard.keys.server_certificate_file}\nkey = {yard.keys.server_key_file}\n"
    )
    tunnel = yard.start("tunnel", yard.between, where, config)
    if not any(b"Configuration successful" in line for line in tunnel.out):
        raise tunnel.failed("ended")
    started, endpoint = yard.engine("stunnel", port)
    between = {"engine": started.pid, "stunnel": tunnel.process.pid}
    return Arm("stunnel", yard.strategy("stunnel", "bus", endpoint), between)


ARMS: dict[str, Callable[[Yard], Arm]] = {
    "relay": relay,
    "engine": engine,
    "stunnel": stunnel,
    "naive": naive,
}
