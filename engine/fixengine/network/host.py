"""Around the network process: what is done to the operating system's process before it trades."""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import uvloop

from fixengine.fix.keys import Signer
from fixengine.network.config import Config
from fixengine.network.control import Control, Piece
from fixengine.network.latency import Latency
from fixengine.network.latency_file import LatencyFile
from fixengine.network.linger import Linger
from fixengine.network.log import Log
from fixengine.network.process import Process
from fixengine.network.serving import run
from fixengine.network.state import StateDir
from fixengine.network.status import pieces
from fixengine.network.surroundings import Machine
from fixengine.network.tuning import System, tune

PR_SET_DUMPABLE = 4


def harden() -> None:
    """No core dump with keys in it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def raise_open_files(log: Log) -> None:
    """Allow as many open files as the hard limit does.

    Each connection to the bus takes one. The compiled link turns away who comes when there is none
    left; with bus.link = "plain", libzmq ends the process then (ipc_listener.cpp; ZMQ_BACKLOG
    bounds only what was not accepted yet, ZMQ_IPC_FILTER_UID looks after accept), so whoever runs
    as this user and opens more connections than the hard limit can still end the engine.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as problem:
        log("warning", f"the limit of open files stays at {soft}, below {hard}: {problem}")


def spin(loop: asyncio.AbstractEventLoop) -> None:
    """Never let the loop wait: it looks whether anything came, and looks again."""
    loop.call_soon(spin, loop)


def run_engine(
    config: Config, api_key: str, signer: Signer, tokens: Mapping[str, bytes], log: Log
) -> int:
    """Run the network process until it is told to end; the exit status.

    0: ended in order, the Logout answered. 1: ended, the Logout not answered. 3: the venue
    refused the Logon for good. 4: a defect of the engine.
    """
    harden()
    raise_open_files(log)
    tuned = tune(config.tuning, System(), config.bus.link == "plain")
    for option in tuned.options:
        log("warning" if option.refused else "info", str(option))
    state_dir = Path(config.engine.state_dir)

    async def main() -> int:
        loop = asyncio.get_running_loop()
        process = Process(config, api_key, signer, log, Machine(tuned), tokens, latency)
        if tuned.spins:
            spin(loop)
        elif tuned.linger_us:
            process.on_woken = Linger(loop, time.monotonic_ns, tuned.linger_us).on_woken

        def tell() -> Iterator[Piece]:
            return pieces(process, tuned.options, os.getpid(), time.monotonic_ns())

        async with Control(state.path, tell, latency.loop.record) as control:
            if control.problem is not None:
                log("warning", f"fixengine status cannot ask this engine: {control.problem}")
            return await run(process, state)

    with StateDir(state_dir) as state, LatencyFile(state.path) as figures:
        if figures.problem is not None:
            log("warning", f"no other process can read the latency figures: {figures.problem}")
        latency = Latency(figures.memory)
        return uvloop.run(main())
