"""`fixengine fault`: tell a running venue on its control socket what to do wrong."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from typing import Any

import orjson

from fixengine.screens.streams import complain, say
from fixengine.simulator.faults import names
from fixengine.simulator.faults.names import Parameter, Way

WAIT_S = 10.0
ANSWER_BYTES_MAX = 1 << 20
USAGE_ERROR = 2
FAILED = 1
SHOWN = {"fault", "session", "times"}
"""What `status` tells of each fault, besides its own parameters."""

WHEN = {
    Way.EACH: "once, or as often as --times says",
    Way.STANDING: "until it is cleared",
    Way.ACT: "at once",
}
EXAMPLES = """\
examples:
  fixengine simulate --control ~/.local/state/fixengine/simulator/control
  fixengine fault PATH news --session ENGINE1 --seconds 60
  fixengine fault PATH drop --times 3 --after 1
  fixengine fault PATH delay --ms 250
  fixengine fault PATH clear delay
  fixengine fault PATH status --json
  fixengine simulate --fault drop:times=3,after=1 --fault split:bytes=1

exit status: 0 done, 1 the venue refuses, 2 it cannot be asked
"""


def table() -> str:
    """One line for each fault, for people."""
    lines = []
    for fault in names.FAULTS:
        takes = ", ".join(
            f"{parameter.name}={parameter.default}" if parameter.default != "" else parameter.name
            for parameter in fault.parameters
        )
        lines.append(f"  {fault.name:17} {fault.meaning}" + (f" ({takes})" if takes else ""))
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `fixengine fault`."""
    parser.description = "Tells a running built-in venue what to do wrong."
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("path", type=Path, metavar="PATH", help="the venue's --control socket")
    verbs = parser.add_subparsers(dest="fault", required=True, metavar="FAULT")
    for fault in names.FAULTS:
        text = f"{fault.meaning} [{WHEN[fault.way]}]"
        added = verbs.add_parser(fault.name, help=text, description=text)
        for parameter in names.parameters(fault):
            _add_option(added, parameter)
        _add_json(added)
    added = verbs.add_parser("clear", help="let the venue do it right again")
    added.add_argument("name", choices=("all", *names.BY_NAME), metavar="FAULT|all")
    added.add_argument("--session", help="only what was asked for this SenderCompID")
    _add_json(added)
    _add_json(verbs.add_parser("status", help="which faults hold"))


def run(options: argparse.Namespace) -> int:
    """Ask, and print the answer; the exit status."""
    given = {
        name: value
        for name, value in vars(options).items()
        if name in OPTIONS and value is not None
    }
    if options.fault == "clear":
        asked: dict[str, Any] = {"clear": options.name, **given}
    elif options.fault == "status":
        asked = {"status": True}
    else:
        asked = {"fault": options.fault, **given}
    try:
        line = _ask(options.path.expanduser(), asked)
        told = orjson.loads(line)
    except OSError as problem:
        text = f"fixengine fault: {options.path}: {problem.strerror or problem};"
        complain(f"{text} is it the --control socket of a venue that runs?")
        return USAGE_ERROR
    except orjson.JSONDecodeError:
        told = None
    if not _is_answer(options.fault, told):
        complain(f"fixengine fault: {options.path}: what listens there is no venue")
        return USAGE_ERROR
    if options.json:
        say(line.decode().rstrip())
    elif told["ok"]:
        say(_text(options.fault, told))
    else:
        complain(f"fixengine fault: {told['error']}")
    return 0 if told["ok"] else FAILED


OPTIONS = frozenset(
    parameter.name for fault in names.FAULTS for parameter in names.parameters(fault)
)


def _add_option(parser: argparse.ArgumentParser, parameter: Parameter) -> None:
    default = f" ({parameter.default})" if parameter.default != "" else ""
    choices = f": {', '.join(parameter.choices)}" if parameter.choices else ""
    parser.add_argument(
        f"--{parameter.name}",
        metavar="TEXT" if isinstance(parameter.default, str) else "N",
        help=f"{parameter.meaning}{choices}{default}",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the venue's answer as it is")


def _ask(path: Path, asked: dict[str, Any]) -> bytes:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(WAIT_S)
        peer.connect(str(path))
        peer.sendall(orjson.dumps(asked, option=orjson.OPT_APPEND_NEWLINE))
        data = b""
        while not data.endswith(b"\n") and len(data) < ANSWER_BYTES_MAX:
            more = peer.recv(65_536)
            if not more:
                break
            data += more
        return data


def _is_answer(verb: str, told: Any) -> bool:
    """Whether it is what a venue answers to this verb."""
    if not isinstance(told, dict):
        return False
    if told.get("ok") is not True:
        return told.get("ok") is False and isinstance(told.get("error"), str)
    if verb == "clear":
        return isinstance(told.get("cleared"), int)
    if verb == "status":
        held = told.get("faults")
        return isinstance(held, list) and all(
            isinstance(one, dict) and one.keys() >= SHOWN for one in held
        )
    met = told.get("sessions")
    return isinstance(met, list) and all(isinstance(one, str) for one in met)


def _text(verb: str, told: dict[str, Any]) -> str:
    if verb == "clear":
        return f"cleared: {told['cleared']}"
    if verb == "status":
        lines = []
        for one in told["faults"]:
            times = one.pop("times")
            name, session = one.pop("fault"), one.pop("session") or "every session"
            values = "".join(f"  {key} {value}" for key, value in one.items() if value != "")
            lines.append(f"{name}: {session}{values}" + (f"  times {times}" if times else ""))
        return "\n".join(lines) or "no fault holds"
    met = ", ".join(told["sessions"]) or "no session yet"
    return f"{verb}: {met}"
