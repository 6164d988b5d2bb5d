"""Around the network process: what is done to the operating system's process before it trades."""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

import uvloop

from fixengine.fix.keys import Signer
from fixengine.network.config import Config, ConfigError
from fixengine.network.log import Log
from fixengine.network.process import Process
from fixengine.network.state import StateDir

PR_SET_DUMPABLE = 4


def harden(cpu: int | None) -> None:
    """No core dump with keys in it; pin to a core where one is asked for, or raise ConfigError."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if cpu is not None:
        try:
            os.sched_setaffinity(0, {cpu})
        except OSError:
            usable = ", ".join(str(core) for core in sorted(os.sched_getaffinity(0)))
            reason = f"this process may not run on core {cpu}; expected one of {usable}"
            raise ConfigError(f"engine.cpu: {reason}") from None


def run_engine(config: Config, api_key: str, signer: Signer, log: Log) -> int:
    """Run the network process until it is told to end; the exit status.

    0: ended in order, the Logout answered. 1: ended, the Logout not answered. 3: the venue
    refused the Logon for good. 4: a defect of the engine.
    """
    harden(config.engine.cpu)
    state_dir = Path(config.engine.state_dir)

    async def main() -> int:
        return await Process(config, api_key, signer, log).run(state)

    with StateDir(state_dir) as state:
        return uvloop.run(main())
