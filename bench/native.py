"""The compiled ends of the round trip, built against the system's libzmq and libssl.

    python -m bench.native      # build them; what is missing is named, and the exit status is 1

A program is built when it is first asked for, and again when one of its sources changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "bench"
HEADERS = {"zmq.h": "libzmq3-dev", "openssl/ssl.h": "libssl-dev"}
"""What is included, and the package that brings it where packages are Debian's."""
PROGRAMS = {
    "relay": ("-lzmq", "-lssl", "-lcrypto"),
    "strategy": ("-lzmq", "-lcrypto"),
    "venue": ("-lssl", "-lcrypto"),
}
"""What each is linked with."""
FLAGS = ("-O3", "-Wall", "-Wextra")


class NativeError(Exception):
    """A program cannot be built; the text says why, and what to install."""


def missing() -> list[str]:
    """The packages of the headers that the compiler does not find; "gcc" without a compiler."""
    if shutil.which("gcc") is None:
        return ["gcc"]
    return [package for header, package in HEADERS.items() if not _includes(header)]


def _includes(header: str) -> bool:
    command = ["gcc", "-E", "-x", "c", "-"]
    source = f"#include <{header}>\n".encode()
    return not subprocess.run(command, input=source, capture_output=True, check=False).returncode


def program(name: str) -> Path:
    """Where a program lies, built. name: one of PROGRAMS. Raises NativeError."""
    parts = [HERE / f"{name}.c", *sorted(HERE.glob("*.h"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()
    built = BUILD / f"{name}-{digest[:12]}"
    if built.exists():
        return built
    lacking = missing()
    if lacking:
        raise NativeError(f"bench/{name}.c cannot be built: install {' '.join(lacking)}")
    BUILD.mkdir(parents=True, exist_ok=True)
    made = built.with_suffix(f".{time.time_ns()}")
    command = ["gcc", *FLAGS, "-o", str(made), str(HERE / f"{name}.c"), *PROGRAMS[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NativeError(f"bench/{name}.c cannot be built: {done.stderr.strip()[-600:]}")
    made.replace(built)
    return built


def main() -> int:
    """Entry."""
    try:
        for name in PROGRAMS:
            program(name)
    except NativeError as problem:
        print(f"bench.native: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
