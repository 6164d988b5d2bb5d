"""Builds beside the ordinary one, never in its place: under build/, found by PYTHONPATH.

Each is a copy of the package with the codec compiled in another way from the C that Cython made
for the ordinary build, so all of them are of one source.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
GENERATED = ROOT / "build" / "cython" / "csrc" / "wire.c"
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
SANITIZERS = [
    *("-O1", "-g", "-fno-omit-frame-pointer"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
]
# Cython adds 0 to NULL where a call has no arguments; ours is still seen in the C target.
GENERATED_CODE = ["-fno-sanitize=pointer-overflow", "-Wno-everything"]


class NotHere(Exception):
    """Something that must be installed first; the text says what."""


def clang() -> str:
    """A clang whose runtime has the fuzzer and the sanitizers."""
    for name in ("clang", *(f"clang-{version}" for version in range(22, 13, -1))):
        path = shutil.which(name)
        if path is None:
            continue
        probe = subprocess.run(
            [path, "-fsanitize=address,undefined,fuzzer", "-x", "c", "-", "-o", os.devnull],
            input="int LLVMFuzzerTestOneInput(const char *p, unsigned long n)"
            "{ return p == 0 && n; }",
            text=True,
            capture_output=True,
            check=False,
        )
        if probe.returncode == 0:
            return path
    raise NotHere(
        "clang with libFuzzer and the sanitizers is needed;"
        " on Debian: apt-get install clang libclang-rt-dev llvm"
    )


def run(*command: str | Path) -> None:
    """Run a compiler; its own words on failure."""
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT)


def package(name: str, compiler: str, flags: list[str]) -> Path:
    """The package with its codec compiled with these flags; the folder to put on PYTHONPATH."""
    parts = (path for path in CSRC.iterdir() if path.name != "link.pyx" and path.suffix != ".c")
    generated_newest = max(path.stat().st_mtime for path in parts)
    if not GENERATED.exists() or GENERATED.stat().st_mtime < generated_newest:
        raise NotHere(f"{GENERATED.relative_to(ROOT)} is older than csrc; run `make build`")
    folder = ROOT / "build" / name
    target = folder / "fixengine"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        ROOT / "engine" / "fixengine",
        target,
        ignore=shutil.ignore_patterns("*.so", "__pycache__"),
    )
    include = sysconfig.get_path("include")
    run(
        *(compiler, *flags, "-shared", "-fPIC", f"-I{include}", f"-I{CSRC}", GENERATED),
        *("-o", target / f"wire{SUFFIX}"),
    )
    return folder


def headers_target(compiler: str) -> Path:
    """The fuzzer of the C headers alone."""
    target = ROOT / "build" / "fuzz" / "headers"
    target.parent.mkdir(parents=True, exist_ok=True)
    run(
        *(compiler, *SANITIZERS, "-O2", "-fsanitize=fuzzer", "-Wall", "-Wextra", f"-I{CSRC}"),
        *("tests/fuzz/headers.c", "-o", target),
    )
    return target


def codec_target(compiler: str) -> Path:
    """The fuzzer that holds an interpreter."""
    target = ROOT / "build" / "fuzz" / "codec"
    target.parent.mkdir(parents=True, exist_ok=True)
    libdir = sysconfig.get_config_var("LIBDIR")
    version = sysconfig.get_config_var("LDVERSION")
    run(
        *(compiler, *SANITIZERS, "-fsanitize=fuzzer", f"-I{sysconfig.get_path('include')}"),
        *("tests/fuzz/embed.c", "-o", target, "-rdynamic", f"-L{libdir}"),
        *(f"-lpython{version}", f"-Wl,-rpath,{libdir}", "-ldl", "-lm", "-lutil"),
    )
    return target


def environment(*folders: Path) -> dict[str, str]:
    """What a process needs to import the package of the first folder, the tests and the bench."""
    paths = [*folders, ROOT, ROOT / "tests", Path(sysconfig.get_path("purelib"))]
    # Every object of its own size, so that a read past its end is seen.
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONMALLOC": "malloc",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def complain(problem: Exception) -> int:
    """Say what is missing; the exit code."""
    print(problem, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        clang()
    except NotHere as problem:
        sys.exit(complain(problem))
