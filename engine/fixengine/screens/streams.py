"""Standard streams that may be closed, full or left by their reader.

A command that prints says so in one line and with its exit status where it cannot; none fails
because a stream that it only might need is missing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


class OutputError(Exception):
    """What was asked for cannot be printed; one line for people."""


def reopen_missing() -> None:
    """Open standard streams that whoever started us has closed, on nothing.

    Call before anything else is opened: a socket or a file that got the number of one would be
    written to as if it were it.
    """
    for number, (name, mode) in enumerate(STREAMS):
        if not _is_open(number):
            # The lowest free number is this one, since those below it are open by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def say(text: str, flush: bool = True) -> None:
    """A line on stdout. Raises OutputError where it takes none, BrokenPipeError where nobody
    reads it any more. flush: now; without it an error may show with a later line.
    """
    with printing():
        print(text, flush=flush)


def complain(text: str) -> None:
    """A line on stderr, if it takes one."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        # There is nowhere left to say it; the exit status does.
        drop(sys.stderr)


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Around what writes to stdout: an error of the stream becomes an OutputError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as problem:
        reason = problem.strerror or problem
        raise OutputError(f"the output cannot be written: {reason}") from problem


def finish() -> None:
    """Write what is left in the streams' buffers, as the interpreter would at its end with a
    traceback where that fails. Raises as `say` does.
    """
    with printing():
        sys.stdout.flush()
    try:
        sys.stderr.flush()
    except OSError:
        # See complain.
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Let a stream go to nothing from now on, with what is left in its buffer."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
