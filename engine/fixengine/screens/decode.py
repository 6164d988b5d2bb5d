"""`fixengine decode`: FIX messages from a file or a pipe, made readable.

It reads in pieces and prints each message as soon as it is whole, so that a file of any size and a
log that still grows are the same to it. Status 0 if every message was fine, 1 if one was broken or
none was found, 2 if the input could not be read.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from fixengine.fix.decode import Decoder
from fixengine.fix.logs import messages
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.screens.message import Painter, json_of, one_line, text_of

PIECE_BYTES = 1 << 18
BROKEN = 1
USAGE_ERROR = 2
STDIN = "-"

EXAMPLES = """\
examples:
  fixengine decode session.log                   messages in a log, whatever stands around them
  tail -f session.log | fixengine decode         as they come
  fixengine decode --json session.log | jq .     one JSON object a message
  echo '8=FIX.4.4|9=52|35=0|49=SPOT|56=DESK1|34=7|52=20260721-09:07:30.123|10=116|' |
      fixengine decode                           one that was copied from somewhere

Fields may be separated by SOH, '|', ' | ', ';', '^A', '<SOH>', '[SOH]' or an escape such as
'\\x01'. Values of tags 96, 553 and 554 are masked. Exit status: 0 all messages are fine, 1 one is
broken or none was found, 2 the input cannot be read.
"""


class InputError(Exception):
    """The input cannot be read; the text is one line for the user."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `fixengine decode`."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", nargs="?", metavar="FILE", help="where to read; - is stdin")
    parser.add_argument("--json", action="store_true", help="one JSON object a message")
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="auto: on a terminal, unless NO_COLOR is set",
    )
    parser.add_argument(
        "--show-secrets", action="store_true", help="do not mask tags 96, 553 and 554"
    )


def run(options: argparse.Namespace) -> int:
    """Decode one input; the exit status."""
    try:
        with _opened(options.file) as source:
            total, broken = _show(source, options)
        if total > 1 and not options.json:
            print(f"\n{total} messages, {broken or 'none'} of them broken")
        sys.stdout.flush()
    except InputError as problem:
        print(f"fixengine: {problem}", file=sys.stderr)
        return USAGE_ERROR
    except BrokenPipeError:
        raise
    except OSError as problem:
        print(f"fixengine: stdout: cannot be written: {_reason(problem)}", file=sys.stderr)
        # What is still to be written would fail once more when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return USAGE_ERROR
    if not total:
        print(
            f"fixengine: no FIX message in {_name(options.file)}; one begins with 8=FIX and has a"
            " separator that `fixengine decode --help` lists",
            file=sys.stderr,
        )
        return BROKEN
    return BROKEN if broken else 0


def _show(source: io.RawIOBase, options: argparse.Namespace) -> tuple[int, int]:
    """Print every message; how many there were, and how many of them were broken."""
    decoder = Decoder(BINANCE_SPOT, options.show_secrets)
    paint = Painter(_colours(options.color, sys.stdout))
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        # A terminal without UTF-8 gets escapes, not an error.
        out.reconfigure(errors="backslashreplace")
    total = broken = 0
    for found in messages(_pieces(source, _name(options.file))):
        message = decoder.decode(found.data, found.cut)
        if options.json:
            out.buffer.write(json_of(message, found.line))
        else:
            gap = "\n" if total else ""
            out.write(gap + "\n".join(text_of(message, found.line, paint)) + "\n")
        total += 1
        broken += bool(message.problems)
    return total, broken


def _colours(wanted: str, out: TextIO) -> bool:
    if wanted == "auto":
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return not plain and out.isatty()
    return wanted == "always"


def _name(file: str | None) -> str:
    return "stdin" if file is None or file == STDIN else one_line(file) or "''"


def _opened(file: str | None) -> io.RawIOBase:
    """The input, unbuffered, so that a growing one is read as it comes."""
    try:
        if file is not None and file != STDIN:
            return open(file, "rb", buffering=0)
        if file is None and sys.stdin.isatty():
            raise InputError("nothing to decode: name a FILE, or - to type it in")
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    except (OSError, ValueError) as problem:
        raise InputError(f"{_name(file)}: cannot be read: {_reason(problem)}") from None


def _pieces(source: io.RawIOBase, name: str) -> Iterator[bytes]:
    """The input in pieces; what was decoded is shown before more of it is waited for."""
    while True:
        try:
            piece = source.read(PIECE_BYTES)
        except OSError as problem:
            raise InputError(f"{name}: cannot be read: {_reason(problem)}") from None
        if not piece:
            return
        yield piece
        if len(piece) < PIECE_BYTES:
            sys.stdout.flush()


def _reason(problem: OSError | ValueError) -> str:
    return (isinstance(problem, OSError) and problem.strerror) or str(problem)
