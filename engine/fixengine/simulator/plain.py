"""The options of `fixengine simulate` that make it a classic counterparty, and their walk."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from fixengine.fix.venues.plain import VERSIONS, plain
from fixengine.simulator import echo
from fixengine.simulator.listener import cause
from fixengine.simulator.numbers import Numbers

NEEDED = ("echo", "version", "sender", "target", "plain_tcp")
NOT_HERE = (
    "port",
    "limits",
    "time_scale",
    "record",
    "drop_copy_port",
    "fault",
    "choose",
    "control",
)
"""Options of the other venue, whose counterpart this one has not."""

CALL = "--venue plain --version FIX.4.4 --echo --sender X --target Y --plain-tcp PORT"


class PlainError(Exception):
    """The options do not fit each other, or the port cannot be had; one line for the user."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a classic counterparty."""
    group = parser.add_argument_group(
        "classic counterparty",
        "Plain TCP, one session, orders come back as they were; its numbers start at 1 with each\n"
        f"Logon unless --state-dir is given. All of: {CALL}",
    )
    group.add_argument(
        "--venue", choices=("binance", "plain"), default="binance", help="whom to play (binance)"
    )
    group.add_argument("--version", choices=tuple(VERSIONS), help="the version of FIX")
    group.add_argument("--echo", action="store_true", help="send orders back as they were")
    group.add_argument("--sender", metavar="X", help="SenderCompID of the venue")
    group.add_argument("--target", metavar="Y", help="SenderCompID of the client")
    group.add_argument("--plain-tcp", type=int, metavar="PORT", help="0 takes any free one")


def asked(options: argparse.Namespace, defaults: Mapping[str, Any]) -> bool:
    """Whether the options ask for a classic counterparty.

    Raises PlainError where they ask for it in part, or for what only the other venue has.
    """
    given = [name for name in NEEDED if getattr(options, name) != defaults[name]]
    if options.venue != "plain":
        if given:
            raise PlainError(f"{_flag(given[0])} goes with --venue plain only; try {CALL}")
        return False
    missing = [_flag(name) for name in NEEDED if name not in given]
    if missing:
        raise PlainError(f"--venue plain needs {' and '.join(missing)}; try {CALL}")
    foreign = [_flag(name) for name in NOT_HERE if getattr(options, name) != defaults[name]]
    if foreign:
        raise PlainError(f"{' and '.join(foreign)}: not with --venue plain; leave it out")
    return True


def run(options: argparse.Namespace, json: bool, say: echo.Say, state_dir: Path | None) -> None:
    """Play it until a signal comes. Raises PlainError, NumbersError."""
    venue = plain(options.version, options.sender)
    for name in ("sender", "target"):
        if not re.fullmatch(venue.comp_id_pattern, getattr(options, name)):
            raise PlainError(f"--{name}: expected 1 to 64 printable characters, no blanks")
    if not 0 <= options.plain_tcp <= 0xFFFF:
        raise PlainError(f"--plain-tcp: {options.plain_tcp} is not a number from 0 to 65535")
    numbers = None
    if state_dir is not None:
        numbers = Numbers(state_dir / _file_name(options))

    def listening(host: str, port: int) -> None:
        say(
            "listening",
            None if json else f"plain TCP {options.version} on {host}:{port}",
            **({"host": host, "port": port, "version": options.version} if json else {}),
        )

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(
                echo.serve(
                    venue,
                    options.target,
                    numbers,
                    options.host,
                    options.plain_tcp,
                    say,
                    listening,
                )
            )
    except OSError as problem:
        where = f"{options.host}:{options.plain_tcp}"
        raise PlainError(f"{where}: {cause(problem)}; try another --plain-tcp") from problem
    finally:
        if numbers is not None:
            numbers.close()


def _file_name(options: argparse.Namespace) -> str:
    """A name of its own for each session; CompIDs may hold what a file name may not."""
    ids = [
        re.sub(r"[^A-Za-z0-9]", lambda found: f"_{ord(found[0]):02x}", text)
        for text in (options.version, options.sender, options.target)
    ]
    return "-".join(ids) + ".numbers"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
