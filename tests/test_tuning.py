"""What is asked of the operating system for speed, and what is told where it refuses.

Who decides is asked with an operating system that is played; what this machine allows is asked of
it in a process of its own, for nothing of that can be taken back.
"""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest
from fixengine.network.bus import Threads
from fixengine.network.config.tuning import Tuning
from fixengine.network.transport import TcpOptions
from fixengine.network.tuning import LINGER_US, UNTUNED, Option, tune


class Played:
    """An operating system with cores that refuses what it is told to, and keeps what was asked."""

    def __init__(self, cores: int, *refused: str, quota: float | None = None) -> None:
        self.here: Set[int] = set(range(cores))
        self.asked: list[tuple[Any, ...]] = []
        self._cores = cores
        self._refused = refused
        self._quota = quota

    def cores(self) -> Set[int]:
        return self.here

    def quota(self) -> float | None:
        return self._quota

    def pin(self, cores: Set[int]) -> None:
        if not cores <= set(range(self._cores)):
            raise OSError(errno.EINVAL, "no such core")
        self.here = cores

    def first_in_first_out(self, priority: int) -> None:
        self._ask("fifo", priority)

    def lock_memory(self) -> None:
        self._ask("lock")

    def busy_poll(self, microseconds: int) -> None:
        self._ask("poll", microseconds)

    def _ask(self, *asked: Any) -> None:
        if asked[0] in self._refused:
            raise OSError(errno.EPERM, f"no {asked[0]}")
        self.asked.append(asked)


def test_what_is_not_wanted_is_not_asked() -> None:
    system = Played(2)
    assert tune(Tuning(), system, True) == UNTUNED
    assert tune(Tuning(), system, False) == UNTUNED._replace(linger_us=LINGER_US)
    assert (system.here, system.asked) == ({0, 1}, [])


def test_what_is_granted_holds() -> None:
    system = Played(4)
    wanted = Tuning(
        cpu=1,
        io_cpu=2,
        fifo_priority=50,
        lock_memory=True,
        busy_poll_us=30,
        tcp_user_timeout_ms=5000,
    )
    tuned = tune(wanted, system, True)
    assert tuned.options == (
        Option("lock_memory", "true"),
        Option("io_cpu", "2"),
        Option("cpu", "1"),
        Option("fifo_priority", "50"),
        Option("busy_poll_us", "30"),
    )
    assert tuned[1:] == (Threads((2,), 50), TcpOptions(5000, 30), False, 0)
    assert system.here == {1}
    assert system.asked == [("lock",), ("fifo", 50), ("poll", 30)]
    assert [str(option) for option in tuned.options][2] == "tuning.cpu = 1"


def test_what_is_refused_is_told_and_is_not_used() -> None:
    system = Played(4, "fifo", "lock", "poll")
    wanted = Tuning(cpu=4, io_cpu=5, fifo_priority=50, lock_memory=True, busy_poll_us=30)
    tuned = tune(wanted, system, True)
    assert tuned.options == (
        Option("lock_memory", "true", "no lock"),
        Option("io_cpu", "5", "no such core"),
        Option("cpu", "4", "no such core"),
        Option("fifo_priority", "50", "no fifo"),
        Option("busy_poll_us", "30", "no poll"),
    )
    assert tuned[1:] == (Threads(), TcpOptions(20_000, 0), False, 0)
    assert (system.here, system.asked) == ({0, 1, 2, 3}, [])
    assert str(tuned.options[2]) == "tuning.cpu = 4 is refused: no such core"


@pytest.mark.parametrize("io_cpu", [None, 7])
def test_threads_of_the_bus_are_not_pinned_with_the_one_that_trades(io_cpu: int | None) -> None:
    assert tune(Tuning(cpu=1, io_cpu=io_cpu), Played(3), True).threads == Threads((0, 1, 2))


def test_the_threads_of_the_bus_are_pinned_and_not_the_one_that_trades() -> None:
    system = Played(3)
    assert tune(Tuning(io_cpu=2), system, True).threads == Threads((2,))
    assert system.here == {0, 1, 2}


@pytest.mark.parametrize(
    ("wanted", "cores", "threads", "linger_us"),
    [
        (Tuning(), 2, False, LINGER_US),
        (Tuning(cpu=1), 2, False, LINGER_US),
        (Tuning(), 1, False, 0),
        (Tuning(), 4, True, 0),
        (Tuning(fifo_priority=1), 4, False, 0),
        (Tuning(linger_us=0), 2, False, 0),
        (Tuning(linger_us=7), 2, True, 7),
    ],
)
def test_it_lingers_where_nobody_waits_for_it(
    wanted: Tuning, cores: int, threads: bool, linger_us: int
) -> None:
    assert tune(wanted, Played(cores), threads).linger_us == linger_us


def test_it_does_not_linger_on_a_core_that_all_share() -> None:
    tuned = tune(Tuning(linger_us=7), Played(1), False)
    text = "it needs 2 cores, and this process may use 1"
    assert (tuned.options, tuned.linger_us) == ((Option("linger_us", "7", text),), 0)


def test_a_container_with_less_time_than_cores_has_as_few() -> None:
    assert tune(Tuning(), Played(8, quota=2.0), False).linger_us == LINGER_US
    assert tune(Tuning(), Played(8, quota=1.5), False).linger_us == 0
    tuned = tune(Tuning(idle="spin"), Played(8, quota=1.5), False)
    text = "it needs 4 cores, and this process may use 1.5"
    assert tuned.options == (Option("idle", "spin", text),)


def test_a_bus_without_threads_has_none_to_be_pinned() -> None:
    system = Played(3)
    tuned = tune(Tuning(io_cpu=2), system, False)
    text = 'libzmq has threads with bus.link = "plain" alone'
    assert tuned.options == (Option("io_cpu", "2", text),)
    assert tuned.threads == Threads()


def test_it_spins_with_four_cores_and_not_with_three() -> None:
    assert tune(Tuning(idle="spin", cpu=3), Played(4), True).spins
    tuned = tune(Tuning(idle="spin", cpu=2), Played(3), True)
    text = "it needs 4 cores, and this process may use 3"
    assert tuned.options == (Option("cpu", "2"), Option("idle", "spin", text))
    assert not tuned.spins


# --- this machine -----------------------------------------------------------------------------

THIS_MACHINE = """
import os, sys
from pathlib import Path
from fixengine.network.bus import Bus
from fixengine.network.config.tuning import Tuning
from fixengine.network.tuning import System, tune

if sys.argv[1] == "nobody" and not os.geteuid():
    os.chown(".", 65534, 65534)
    os.setresuid(65534, 65534, 65534)
core, io_core = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
wanted = Tuning(cpu=core, io_cpu=io_core, fifo_priority=1, lock_memory=True, busy_poll_us=1000)
tuned = tune(wanted, System(), True)
refused = {option.name: option.refused for option in tuned.options}
bus = Bus("ipc://bus/engine", "plain", tuned.threads)
tasks = Path("/proc/self/task")
threads = []
# Each asks for itself as soon as it runs, and takes its name after that.
while sum("ZMQ" in name for _, name in threads) < 2:
    os.sched_yield()
    threads = [(int(at.name), (at / "comm").read_text()) for at in tasks.iterdir()]
for thread, name in threads:
    assert os.sched_getaffinity(thread) == {io_core if "ZMQ" in name else core}, name
    policy = os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK
    assert policy == (os.SCHED_OTHER if refused["fifo_priority"] else os.SCHED_FIFO), name
status = Path("/proc/self/status").read_text().splitlines()
locked_kb = next(int(line.split()[1]) for line in status if line.startswith("VmLck"))
assert (locked_kb > 10_000) == (not refused["lock_memory"]), (locked_kb, refused)
memory = bytearray(1 << 24)
bus.close()
"""


@pytest.mark.parametrize("user", ["me", "nobody"])
def test_this_machine_does_what_it_grants(tmp_path: Path, user: str) -> None:
    command = [sys.executable, "-c", THIS_MACHINE, user]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
