"""Asks the operating system for what [tuning] wants, and keeps what it said.

A refusal stops nothing: an engine that trades a little slower is worth more than one that does not
come back. Each is told in the log, in `fixengine status` and by `fixengine check`.

`System` is this machine; `tune` decides, and is told by whoever is given it what is allowed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
from collections.abc import Callable, Set
from typing import NamedTuple, Protocol

from fixengine.network.bus import Threads
from fixengine.network.config.tuning import Tuning
from fixengine.network.quota import quota_cores
from fixengine.network.transport import SO_BUSY_POLL, TcpOptions

LINGER_CORES_MIN = 2
"""With one, a strategy has to wait for the thread that looks whether it has sent something."""
LINGER_US = 50
"""What the loop lingers where nobody says: that long do an answer's bytes take on one machine."""
SPIN_CORES_MIN = 4
"""With fewer, the journal and the strategies have to wait for the one that spins."""
MCL_CURRENT, MCL_FUTURE = 1, 2


class Option(NamedTuple):
    """An option that was asked for. refused: why it does not hold, for people; "" where it does."""

    name: str
    value: str
    refused: str = ""

    def __str__(self) -> str:
        shown = f"tuning.{self.name} = {self.value}"
        return f"{shown} is refused: {self.refused}" if self.refused else shown


class Tuned(NamedTuple):
    """What holds from now on. options: those asked for. threads, tcp: what the bus and the venue's
    connections are to be opened with. spins: whether the loop is not to wait. linger_us: for how
    long it is not to, after something has come.
    """

    options: tuple[Option, ...]
    threads: Threads
    tcp: TcpOptions
    spins: bool
    linger_us: int


UNTUNED = Tuned((), Threads(), TcpOptions(), spins=False, linger_us=0)


class Operating(Protocol):
    """What is asked of an operating system. Each raises OSError where it refuses."""

    def cores(self) -> Set[int]:
        """Where this thread may run."""

    def quota(self) -> float | None:
        """How many cores' time it may take; None: that of all these."""

    def pin(self, cores: Set[int], /) -> None:
        """Let this thread, and those it begins, run there only."""

    def first_in_first_out(self, priority: int, /) -> None:
        """Let this thread, and none that it begins, run before all others: SCHED_FIFO."""

    def lock_memory(self) -> None:
        """Never take a page from this process, nor let it fail to get one for that."""

    def busy_poll(self, microseconds: int, /) -> None:
        """Whether a socket may have this SO_BUSY_POLL."""


def tune(wanted: Tuning, system: Operating, bus_has_threads: bool) -> Tuned:
    """Do it for the calling thread, which is the one that will trade; call it before the bus is
    opened. Nothing is asked of the system that is not wanted.

    bus_has_threads: whether libzmq will run some beside it.
    """
    options: list[Option] = []

    def holds(name: str, value: object, ask: Callable[[], object]) -> bool:
        refused = ""
        try:
            ask()
        except OSError as problem:
            refused = problem.strerror or str(problem)
        options.append(Option(name, str(value).lower(), refused))
        return not refused

    def look(core: int) -> None:
        if not bus_has_threads:
            raise OSError(errno.EINVAL, 'libzmq has threads with bus.link = "plain" alone')
        # libzmq ends the process where its own thread may not run there.
        system.pin({core})
        system.pin(allowed)

    def need(cores_min: int) -> None:
        if usable < cores_min:
            text = f"it needs {cores_min} cores, and this process may use {usable:g}"
            raise OSError(errno.EINVAL, text)

    allowed = system.cores()
    quota = system.quota()
    usable = len(allowed) if quota is None else min(len(allowed), quota)
    cores: tuple[int, ...] = ()
    priority = busy_poll_us = 0
    cpu, io_cpu, fifo = wanted.cpu, wanted.io_cpu, wanted.fifo_priority
    if wanted.lock_memory:
        holds("lock_memory", True, system.lock_memory)
    if io_cpu is not None and holds("io_cpu", io_cpu, lambda: look(io_cpu)):
        cores = (io_cpu,)
    if cpu is not None and holds("cpu", cpu, lambda: system.pin({cpu})):
        # What this thread begins would be pinned with it.
        cores = cores or tuple(sorted(allowed))
    if fifo is not None and holds("fifo_priority", fifo, lambda: system.first_in_first_out(fifo)):
        priority = fifo
    wait_us = wanted.busy_poll_us
    if wait_us and holds("busy_poll_us", wait_us, lambda: system.busy_poll(wait_us)):
        busy_poll_us = wait_us
    spins = wanted.idle == "spin" and holds("idle", "spin", lambda: need(SPIN_CORES_MIN))
    linger_us = wanted.linger_us
    if linger_us is None:
        safe = usable >= LINGER_CORES_MIN and fifo is None and not bus_has_threads
        linger_us = LINGER_US if safe else 0
    elif linger_us and not holds("linger_us", linger_us, lambda: need(LINGER_CORES_MIN)):
        linger_us = 0
    tcp = TcpOptions(wanted.tcp_user_timeout_ms, busy_poll_us)
    return Tuned(tuple(options), Threads(cores, priority), tcp, spins, linger_us)


class System:
    """This machine's; see Operating."""

    def cores(self) -> Set[int]:
        """See Operating."""
        return os.sched_getaffinity(0)

    def quota(self) -> float | None:
        """See Operating."""
        return quota_cores()

    def pin(self, cores: Set[int]) -> None:
        """See Operating."""
        try:
            os.sched_setaffinity(0, cores)
        except OSError as problem:
            usable = ", ".join(str(core) for core in sorted(os.sched_getaffinity(0)))
            text = f"this process may not run there; expected one of {usable}"
            raise OSError(problem.errno, text) from None

    def first_in_first_out(self, priority: int) -> None:
        """See Operating."""
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        try:
            os.sched_setscheduler(0, policy, os.sched_param(priority))
        except OSError as problem:
            text = f"{problem.strerror}; it needs CAP_SYS_NICE, or a limit (ulimit -r) as high"
            raise OSError(problem.errno, text) from None

    def lock_memory(self) -> None:
        """See Operating. A limit is none for who has CAP_IPC_LOCK, and that the system alone knows.

        With MCL_FUTURE under a limit, memory asked for beyond it would end the engine while it
        trades. So it is refused at once.
        """
        libc = ctypes.CDLL(None, use_errno=True)
        limit, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, most))
        page = ctypes.create_string_buffer(1)
        is_free = libc.mlock(page, 1) == 0
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (most, most))
        if not is_free and most != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, most))
            text = f"no more than {most} bytes may be locked; it needs CAP_IPC_LOCK, or no limit"
            raise OSError(errno.EPERM, f"{text} (ulimit -l unlimited)")
        if libc.mlockall(MCL_CURRENT | MCL_FUTURE):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def busy_poll(self, microseconds: int) -> None:
        """See Operating."""
        with socket.socket() as trial:
            try:
                trial.setsockopt(socket.SOL_SOCKET, SO_BUSY_POLL, microseconds)
            except OSError as problem:
                text = f"{problem.strerror}; more than net.core.busy_read needs CAP_NET_ADMIN"
                raise OSError(problem.errno, text) from None
