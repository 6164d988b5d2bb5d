"""The section [tuning] of engine.toml: what is asked of the operating system for speed."""

from __future__ import annotations

from typing import Annotated, Literal

from fixengine.network.config.section import Section, about

CPU_MAX = 4095
LINGER_US_MAX = 10_000
BESIDE_SPIN = 'expected idle = "block" beside it'
STOPPED = "a thread that never waits is stopped by force"


class Tuning(Section, frozen=True, kw_only=True):
    """What is asked of the system for speed; where it refuses, that is told and nothing stops."""

    cpu: Annotated[
        Annotated[int, about("", ge=0, le=CPU_MAX)] | None,
        about("Core to pin the thread to that trades."),
    ] = None
    io_cpu: Annotated[
        Annotated[int, about("", ge=0, le=CPU_MAX)] | None,
        about(
            'Core to pin the threads of libzmq to, which there are with bus.link = "plain". Without'
            " it they run on any core that the process may use."
        ),
    ] = None
    idle: Annotated[
        Literal["block", "spin"],
        about(
            "What to do when there is nothing to do. spin: look again at once, which takes a core"
            " for good and wakes up sooner; with at least 4 cores."
        ),
    ] = "block"
    linger_us: Annotated[
        Annotated[int, about("", ge=0, le=LINGER_US_MAX)] | None,
        about(
            "For how long to look for more, after something has come, before the thread sleeps: who"
            " sleeps is woken late and runs slowly at first. 0: not at all. Default: 50 with at"
            " least 2 cores and neither fifo_priority nor libzmq's threads beside it, else 0."
        ),
    ] = None
    fifo_priority: Annotated[
        Annotated[int, about("", ge=1, le=99)] | None,
        about(
            "Run these threads before all others, under SCHED_FIFO with this priority; not with"
            " spin, for the system stops such a thread after 0.95 s of each second."
        ),
    ] = None
    lock_memory: Annotated[
        bool,
        about(
            "Keep the whole process in memory (mlockall), some 80 MB more than it would use;"
            " needs CAP_IPC_LOCK, or no limit of locked memory (ulimit -l)."
        ),
    ] = False
    busy_poll_us: Annotated[
        int,
        about(
            "SO_BUSY_POLL of the venue's connections: how long a read looks into the network"
            " card's queue itself; waiting for many does where net.core.busy_poll is set. 0: the"
            " system's.",
            ge=0,
            le=10_000,
        ),
    ] = 0
    tcp_user_timeout_ms: Annotated[
        int,
        about(
            "TCP_USER_TIMEOUT of the venue's connections: for how long what was sent may go"
            " without an acknowledgement before the connection is given up.",
            ge=1000,
            le=120_000,
        ),
    ] = 20_000

    @property
    def conflict(self) -> tuple[str, str] | None:
        """A key that does not go with another, and why; None where all fit."""
        if self.linger_us and self.fifo_priority is not None:
            return "linger_us", f"expected 0 beside fifo_priority: {STOPPED}"
        if self.idle == "block":
            return None
        if self.fifo_priority is not None:
            return "fifo_priority", f"{BESIDE_SPIN}: {STOPPED}"
        if self.cpu is not None and self.cpu == self.io_cpu:
            return "io_cpu", f"{BESIDE_SPIN}, or another core than cpu, which spin leaves no time"
        return None
