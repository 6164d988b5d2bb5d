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
import ssl
import sys
import uuid
from pathlib import Path
from typing import Any

import orjson
import uvloop

from fixengine.screens.streams import complain, drop
from fixengine.simulator import pki
from fixengine.simulator.accounts import Account
from fixengine.simulator.admission import Credential
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.faults import Fault
from fixengine.simulator.instruments import INSTRUMENTS, units
from fixengine.simulator.record import Recorder
from fixengine.simulator.server import TICK_S, Connection, Server
from fixengine.simulator.venue import TIME_SCALE_MAX, Play, play

STATE_DIR = Path("~/.local/state/fixengine/simulator")
TLS_TIMEOUT_S = 10.0
TLS_CLOSE_TIMEOUT_S = 1.0
BACKLOG_MAX = 100
USAGE_ERROR = 2
FEE_PPM = 1000
BALANCES = {
    "USDT": "100000000",
    "BTC": "1000",
    "ETH": "10000",
    "BNB": "10000",
    "这是测试币": "100000",
    "456": "100000",
}


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
    faults = [fault.value for fault in Fault]
    parser.add_argument("--fault", choices=faults, help="misbehave in this way, for tests")


def run(options: argparse.Namespace) -> int:
    """Run the venue until a signal comes; the exit status."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(options))
    except (SimulatorError, pki.PkiError) as problem:
        complain(f"fixengine simulate: {problem}")
        return USAGE_ERROR
    return 0


async def _serve(options: argparse.Namespace) -> None:
    if not _is_loopback(options.host):
        complain(f"fixengine simulate: warning: {options.host} is reachable from other machines")
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
    account = Account(
        "simulator",
        {asset: units(text) for asset, text in BALANCES.items()},
        maker_ppm=FEE_PPM,
        taker_ppm=FEE_PPM,
        unfilled_orders=rules.limits.unfilled_orders,
    )
    credential = Credential(account, pki.read_public_key(files))
    return Server(
        rules,
        Exchange(INSTRUMENTS, limits=rules.limited),
        {pki.read_api_key(files): credential},
        recorder=recorder,
        fault=None if options.fault is None else Fault(options.fault),
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
    try:
        listener = await loop.create_server(
            lambda: Connection(server),
            options.host,
            options.port,
            ssl=_tls_context(files),
            backlog=BACKLOG_MAX,
            ssl_handshake_timeout=TLS_TIMEOUT_S,
            ssl_shutdown_timeout=TLS_CLOSE_TIMEOUT_S,
        )
    except OSError as problem:
        raise SimulatorError(
            f"cannot listen on {options.host}:{options.port}: {_cause(problem)};"
            " choose another --port, or 0 for any free one"
        ) from problem
    host, port = listener.sockets[0].getsockname()[:2]
    pki.write_config(files, host, port)
    facts = {
        "host": host,
        "port": port,
        "ca_file": str(files.ca_file),
        "api_key_file": str(files.api_key_file),
        "private_key_file": str(files.private_key_file),
        "config_file": str(files.config_file),
        "limits": options.limits,
        "time_scale": options.time_scale,
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
    listener.close()
    await server.stop()
    if failures:
        raise failures[0]


def _cause(problem: OSError) -> str:
    # asyncio's own text repeats the address; that of a failed name look-up has no errno.
    known = isinstance(problem.errno, int) and problem.errno > 0
    return os.strerror(problem.errno or 0) if known else str(problem)


def _tls_context(files: pki.Files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.server_certificate_file, files.server_key_file)
    return context


def _listening_text(options: argparse.Namespace, facts: dict[str, Any]) -> str:
    return (
        f"venue: TLS FIX on {facts['host']}:{facts['port']}, limits {options.limits},"
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


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(text: str) -> int:
    return _number(text, 0, 0xFFFF)


def _time_scale(text: str) -> int:
    return _number(text, 1, TIME_SCALE_MAX)


def _number(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
    return int(text)
