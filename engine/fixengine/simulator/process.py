"""`fixengine simulate`: the built-in venue as a process.

It owns the clock, the event loop, the files and the signals; everything else is handed to it. One
line on stdout says where it listens; more lines tell of logons and their ends. SIGTERM or SIGINT
logs every session out, completes the record and ends with status 0.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import gc
import ipaddress
import os
import select
import signal
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import uvloop

from fixengine.fix.venue import TIME_SCALE_MAX
from fixengine.screens.streams import complain, drop
from fixengine.simulator import choices, pki, plain
from fixengine.simulator.accounts import BALANCES, client_account
from fixengine.simulator.admission import Credential
from fixengine.simulator.connection import Connection
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.faults import command, names
from fixengine.simulator.faults.active import Faults
from fixengine.simulator.faults.control import Control, ControlError
from fixengine.simulator.instruments import INSTRUMENTS
from fixengine.simulator.listener import Listener, cause
from fixengine.simulator.numbers import NumbersError
from fixengine.simulator.record import Recorder
from fixengine.simulator.server import TICK_S, Server
from fixengine.simulator.tls import Contexts
from fixengine.simulator.venue import DROP_COPY, ORDER_ENTRY, Play, play

if TYPE_CHECKING:
    from fixengine.simulator.web import WebServer

STATE_DIR = Path("~/.local/state/fixengine/simulator")
USAGE_ERROR = 2
FAULTS_EPILOG = """\
Those that meet messages also take kind=8+9 (MsgTypes, or any), after=N and times=N (or always);
all that meet sessions take session=SENDERCOMPID. What is done at once is done at the next Logon.

examples:
  fixengine simulate --fault drop:after=1 --fault split:bytes=1
  fixengine simulate --fault refuse-logon:code=-2015,times=2,session=ENGINE1
  fixengine simulate --drop-copy-port 9100 --control ~/.local/state/fixengine/simulator/control
"""


class SimulatorError(Exception):
    """The venue cannot start or go on; the text is one line for the user."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `fixengine simulate`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=_port, default=9000, help="0 takes any free one (9000)")
    parser.add_argument(
        "--state-dir", type=Path, default=STATE_DIR, help=f"keys and certificates ({STATE_DIR})"
    )
    parser.add_argument(
        "--limits",
        choices=("venue", "off"),
        default="venue",
        help="whether limits on messages, connections and orders hold (venue)",
    )
    parser.add_argument(
        "--time-scale",
        type=_time_scale,
        default=1,
        metavar="N",
        help="divide every interval the venue measures by N (1)",
    )
    parser.add_argument("--record", type=Path, help="write a JSON line for each report sent")
    parser.add_argument("--json", action="store_true", help="print events as JSON lines")
    parser.add_argument(
        "--drop-copy-port", type=_port, help="offer drop copy there; 0 takes any free one"
    )
    parser.add_argument(
        "--web-port",
        type=_port,
        default=0,
        help="REST and user data stream; 0, the default, takes any free one",
    )
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        help="misbehave in this way, for tests; may be repeated",
    )
    parser.add_argument(
        "--choose",
        action="append",
        default=[],
        type=_choice,
        metavar="NAME=WAY",
        help="behave in this way where the venue's documents leave it open; may be repeated",
    )
    parser.add_argument(
        "--control",
        type=Path,
        metavar="PATH",
        help="make a socket there on which `fixengine fault` sets and clears faults",
    )
    plain.add_arguments(parser)
    parser.set_defaults(defaults={one.dest: one.default for one in parser._actions})
    parser.epilog = f"choices:\n{choices.table()}\n\nfaults:\n{command.table()}\n\n{FAULTS_EPILOG}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def run(options: argparse.Namespace) -> int:
    """Run the venue until a signal comes; the exit status."""
    try:
        if plain.asked(options, options.defaults):
            _warn(options.host)
            # Who names a directory, even the usual one, wants the numbers to last.
            state_dir = None if options.state_dir is STATE_DIR else options.state_dir.expanduser()
            plain.run(options, options.json, Teller(options.json).say, state_dir)
            return 0
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(options))
    except (SimulatorError, plain.PlainError, NumbersError, ControlError, pki.PkiError) as problem:
        complain(f"fixengine simulate: {problem}")
        return USAGE_ERROR
    return 0


async def _serve(options: argparse.Namespace) -> None:
    _warn(options.host)
    directory = options.state_dir.expanduser().absolute()
    files = pki.ensure(directory, datetime.datetime.now(datetime.UTC))
    rules = play(options.limits, options.time_scale)
    teller, recorder = Teller(options.json), None
    try:
        if options.record is not None:
            recorder = Recorder(options.record)
        server = _server(options, files, rules, recorder, teller)
        await _listen(options, files, server, teller)
        if recorder is not None:
            recorder.close()
    except OSError as problem:
        if options.record is None:
            raise
        raise SimulatorError(f"--record {options.record}: {problem.strerror}") from problem


def _server(
    options: argparse.Namespace,
    files: pki.Files,
    rules: Play,
    recorder: Recorder | None,
    teller: Teller,
) -> Server:
    account = client_account(BALANCES, rules.limits(ORDER_ENTRY).unfilled_orders)
    credential = Credential(account, pki.read_public_key(files))
    faults = Faults()
    for asked in options.fault:
        faults.add(asked)
    return Server(
        rules,
        Exchange(INSTRUMENTS, limits=rules.limited, choices=dict(options.choose)),
        {pki.read_api_key(files): credential},
        recorder=recorder,
        faults=faults,
        uuid=str(uuid.uuid4()),
        say=teller.say,
    )


async def _listen(
    options: argparse.Namespace, files: pki.Files, server: Server, teller: Teller
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    failures: list[OSError] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server.tick()
    contexts = Contexts(files, server.faults)
    listeners: list[Listener] = []
    drop_copy_port = control = None
    web = _web_server(server)
    try:
        host, port = _open(options, "port", ORDER_ENTRY, server, contexts, listeners)
        if options.drop_copy_port is not None:
            _, drop_copy_port = _open(
                options, "drop_copy_port", DROP_COPY, server, contexts, listeners
            )
        web_port = await _open_web(options, web, contexts)
        if options.control is not None:
            path = options.control.expanduser().absolute()
            control = await Control(server.faults, server.ask, server.clear).listen(path)
    except (SimulatorError, ControlError):
        for listener in listeners:
            await listener.close()
        await web.close()
        raise
    scale = options.time_scale
    places = {"web_port": web_port, "drop_copy_port": drop_copy_port}
    pki.write_config(files, host, port, time_scale=scale, **places)
    facts = {
        "host": host,
        "port": port,
        "ca_file": str(files.ca_file),
        "api_key_file": str(files.api_key_file),
        "private_key_file": str(files.private_key_file),
        "config_file": str(files.config_file),
        "limits": options.limits,
        "time_scale": scale,
        **places,
    }
    if options.json:
        teller.say("listening", **facts)
    else:
        teller.print(_listening_text(options, facts).encode())
    gc.collect()
    gc.freeze()

    def tick() -> None:
        try:
            server.tick()
        except OSError as problem:
            failures.append(problem)
            stop.set()
        else:
            loop.call_later(TICK_S, tick)

    tick()
    await stop.wait()
    if control is not None:
        control.close()
        options.control.expanduser().unlink(missing_ok=True)
    for listener in listeners:
        await listener.close()
    await web.close()
    await server.stop()
    if failures:
        raise failures[0]


def _open(
    options: argparse.Namespace,
    option: str,
    role: str,
    server: Server,
    contexts: Contexts,
    listeners: list[Listener],
) -> tuple[str, int]:
    """Listen on one port and note it in listeners; the address. Raises SimulatorError."""
    port = getattr(options, option)
    listener = Listener(lambda: Connection(server, role), server.faults, contexts.present)
    try:
        address = listener.listen(options.host, port)
    except OSError as problem:
        raise SimulatorError(
            f"cannot listen on {options.host}:{port}: {cause(problem)};"
            f" choose another --{option.replace('_', '-')}, or 0 for any free one"
        ) from problem
    listeners.append(listener)
    return address


def _web_server(server: Server) -> WebServer:
    # Loads an HTTP server, which the other commands, that only read the options, need not wait for.
    from fixengine.simulator.web import WebServer

    return WebServer(server.rest, server.feeds)


async def _open_web(options: argparse.Namespace, web: WebServer, contexts: Contexts) -> int:
    """Offer REST; the port. Raises SimulatorError."""
    try:
        return await web.listen(options.host, options.web_port, contexts.sound())
    except OSError as problem:
        raise SimulatorError(
            f"cannot listen on {options.host}:{options.web_port}: {cause(problem)};"
            " choose another --web-port, or 0 for any free one"
        ) from problem


def _listening_text(options: argparse.Namespace, facts: dict[str, Any]) -> str:
    drop_copy = facts["drop_copy_port"]
    also = "" if drop_copy is None else f" drop copy on {drop_copy},"
    return (
        f"venue: TLS FIX on {facts['host']}:{facts['port']},{also}"
        f" REST on {facts['web_port']}, limits {options.limits},"
        f" time scale {options.time_scale}; try: fixengine run {facts['config_file']}"
    )


class Teller:
    """Prints events, as JSON lines or as text.

    Nothing here may hold the venue up: a line that stdout does not take at once is left out, and
    a stdout that nobody reads any more is given up.
    """

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._stdout = sys.stdout.fileno()

    def say(self, event: str, text: str | None = None, **facts: object) -> None:
        """Tell of an event. text: a sentence to print instead, where it is not JSON."""
        if self._as_json:
            told = facts if text is None else {**facts, "text": text}
            line = orjson.dumps({"event": event, **told})
        else:
            values = "  ".join(f"{name} {value}" for name, value in facts.items() if value)
            line = f"{event.replace('_', ' ')}: {values}  {text or ''}".rstrip().encode()
        self.print(line)

    def print(self, line: bytes) -> None:
        """One line, if stdout takes it now."""
        # A pipe that is ready takes PIPE_BUF bytes, and lines are shorter.
        if not select.select((), (self._stdout,), (), 0)[1]:
            return
        try:
            os.write(self._stdout, line[: select.PIPE_BUF - 1] + b"\n")
        except BrokenPipeError:
            drop(sys.stdout)
        except OSError:
            # A full disk, for example: this line is lost, a later one may not be.
            return


def _warn(host: str) -> None:
    if not _is_loopback(host):
        complain(f"fixengine simulate: warning: {host} is reachable from other machines")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _fault(text: str) -> names.Asked:
    try:
        return names.read_flag(text)
    except names.FaultError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem


def _choice(text: str) -> tuple[str, str]:
    name, _, way = text.partition("=")
    try:
        choices.choose({name: way})
    except choices.ChoiceError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem
    return name, way


def _port(text: str) -> int:
    return _number(text, 0, 0xFFFF)


def _time_scale(text: str) -> int:
    return _number(text, 1, TIME_SCALE_MAX)


def _number(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
    return int(text)
