"""The commands. Thin: each parses its options, calls a room, and turns its errors into a line."""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fixengine import __version__
from fixengine.screens import streams

USAGE_ERROR = 2
FILES_MIN = 128
"""Open files with which a command that has an event loop gets along. With too few to make the loop
uvloop raises, or ends the process.
"""
WITH_LOOP = frozenset({"bench", "check", "demo", "run", "simulate"})

EXAMPLES = """\
examples:
  fixengine demo                         the whole walk on the built-in venue, with a summary
  fixengine demo --json --orders 2000    the same for programs
  fixengine simulate --port 9000         the built-in venue alone
  fixengine fault PATH news              tell a running venue what to do wrong
  fixengine check engine.toml            would this configuration work?
  fixengine run engine.toml              the network process
  fixengine status engine.toml           how a running engine stands
  fixengine journal show STATE_DIR       what an engine did, record by record
  fixengine journal verify STATE_DIR     is its journal sound?
  fixengine latency engine.toml          how long each stretch of the walk takes, with a picture
  fixengine bench                        a round trip on this machine, beside the floor
  fixengine decode session.log           FIX messages in any log, made readable
  fixengine dictionary diff FILE.xml     what a newer dictionary of the venue has changed
  fixengine config                       every key of engine.toml with its default
"""


DIFF_EXAMPLE = """\
example:
  fixengine dictionary diff spot-fix-oe.xml
  fixengine dictionary diff spot-fix-oe.xml --json | jq '.differences[].text'

exit status: 0 nothing differs, 1 something differs, 2 the file cannot be compared
"""


LATENCY_EXAMPLES = """\
examples:
  fixengine latency engine.toml                      table and percentile plot
  fixengine latency STATE_DIR --svg latency.svg      every stretch as a curve, for a browser
  fixengine latency STATE_DIR --stretch out.written  the plot of one stretch
  fixengine latency STATE_DIR --json | jq '.stretches["out.whole"].p99_us'

exit status: 0 shown, 2 there is nothing to show
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the command; the exit status."""
    streams.reopen_missing()
    try:
        try:
            return _command(arguments)
        finally:
            streams.finish()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output left (`... | head`); nothing more can be said.
        streams.drop(sys.stdout)
        return 1
    except streams.OutputError as problem:
        streams.drop(sys.stdout)
        return _fail(problem)


def _command(arguments: Sequence[str] | None) -> int:
    try:
        import fixengine.wire  # noqa: F401
    except ImportError as problem:
        streams.complain(f"fixengine: {problem}")
        return USAGE_ERROR
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser(given)
    options = parser.parse_args(given)
    if options.command is None:
        parser.print_help()
        return USAGE_ERROR
    if options.command in WITH_LOOP and not _may_open_files():
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        text = f"RLIMIT_NOFILE: {most} open files are allowed at most, and {FILES_MIN} are needed"
        return _fail(f"{text}; raise the hard limit (ulimit -n, or LimitNOFILE= of a service)")
    status: int = options.action(options)
    return status


def _may_open_files() -> bool:
    """Whether FILES_MIN open files are allowed; where the hard limit lets us, they are after it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES_MIN:
        return True
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MIN, hard))
    except (OSError, ValueError):
        return False
    return True


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """All commands; the arguments of those that are named in what is given.

    Each brings along what it runs on, and of that no other command should have to wait for.
    """
    parser = argparse.ArgumentParser(
        prog="fixengine",
        description="A low-latency FIX execution gateway.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"fixengine {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (told, add) in COMMANDS.items():
        added = commands.add_parser(name, help=told)
        if name in given:
            add(added)
    return parser


def _offer(parser: argparse.ArgumentParser, room: Any) -> None:
    """A command that is all of a room's: its `add_arguments`, and `run`."""
    room.add_arguments(parser)
    parser.set_defaults(action=room.run)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    from fixengine.demo import run

    _offer(parser, run)


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    from fixengine.simulator import process

    _offer(parser, process)


def _add_fault(parser: argparse.ArgumentParser) -> None:
    from fixengine.simulator.faults import command

    _offer(parser, command)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, help="engine.toml")
    parser.add_argument("--json", action="store_true", help="log JSON lines to stdout")
    parser.set_defaults(action=_run)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, help="engine.toml")
    parser.add_argument("--offline", action="store_true", help="do not touch the network")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON lines")
    parser.set_defaults(action=_check)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    from fixengine.demo import bench

    _offer(parser, bench)


def _add_decode(parser: argparse.ArgumentParser) -> None:
    from fixengine.screens import decode

    _offer(parser, decode)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(action=_config)


def _add_journal(parser: argparse.ArgumentParser) -> None:
    from fixengine.network.journal import command

    _offer(parser, command)


def _add_dictionary(parser: argparse.ArgumentParser) -> None:
    inner = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    added = inner.add_parser(
        "diff",
        help="say what an official dictionary has changed",
        description=(
            "Compares an official QuickFIX dictionary of the venue with the table this engine\n"
            "reads and writes by: messages, fields, groups, order, required, types, values.\n"
            "Departures that the table explains are only counted."
        ),
        epilog=DIFF_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.add_argument("file", type=Path, metavar="FILE.xml", help="the venue's dictionary")
    added.add_argument("--json", action="store_true", help="print one JSON object")
    added.set_defaults(action=_dictionary_diff)


def _add_status(parser: argparse.ArgumentParser) -> None:
    from fixengine.network import status_command

    _offer(parser, status_command)


def _add_latency(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Shows how long messages take on each stretch of the way through an engine, since it was\n"
        "started; nothing resets them but a new start. It reads shared memory and takes nothing\n"
        "from the engine. Of an engine that has ended it shows the last figures, and says so."
    )
    parser.epilog = LATENCY_EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="engine.toml, or the engine's state_dir"
    )
    parser.add_argument("--json", action="store_true", help="print all figures as one JSON object")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the picture to this file")
    parser.add_argument(
        "--stretch",
        action="append",
        metavar="NAME",
        help="draw this one; may be repeated (out.whole, in.whole, loop.held; in SVG all)",
    )
    parser.set_defaults(action=_latency)


def _latency(options: argparse.Namespace) -> int:
    import orjson

    from fixengine.network.config import ConfigError, state_dir_of
    from fixengine.network.latency import LOOP, NAMES, NoLatency, read
    from fixengine.network.latency_file import copy, is_running
    from fixengine.screens import latency

    wrong = [name for name in options.stretch or () if name not in NAMES]
    if wrong:
        return _fail(f"--stretch {wrong[0]}: expected one of {', '.join(NAMES)}")
    try:
        state_dir = state_dir_of(options.path)
        figures = read(copy(state_dir))
        figures["running"] = is_running(state_dir, figures["pid"])
        if options.svg is not None:
            options.svg.write_text(latency.svg(figures, options.stretch or NAMES))
    except (ConfigError, NoLatency) as problem:
        return _fail(problem)
    except OSError as problem:
        return _fail(f"--svg {options.svg}: {problem.strerror or problem}")
    if options.json:
        streams.say(orjson.dumps(figures).decode())
    elif options.svg is None:
        streams.say(latency.text(figures, options.stretch or ("out.whole", "in.whole", LOOP)))
    return 0


COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "demo": ("run the main job on the built-in venue", _add_demo),
    "simulate": ("run the built-in venue alone", _add_simulate),
    "fault": ("tell a running venue what to do wrong", _add_fault),
    "run": ("run the network process", _add_run),
    "check": ("say whether a configuration would work", _add_check),
    "status": ("show how a running engine stands", _add_status),
    "latency": ("show how long each stretch takes", _add_latency),
    "bench": ("measure a round trip on this machine", _add_bench),
    "decode": ("make FIX messages readable", _add_decode),
    "config": ("print every key of engine.toml", _add_config),
    "dictionary": ("look into the venue's dictionaries", _add_dictionary),
    "journal": ("look into a journal", _add_journal),
}
"""What each does, and what adds its arguments."""


def _fail(text: object) -> int:
    streams.complain(f"fixengine: {text}")
    return USAGE_ERROR


def _run(options: argparse.Namespace) -> int:
    from fixengine.fix.keys import KeyFileError, read_tokens
    from fixengine.fix.keys import load as load_keys
    from fixengine.network.bus import BusError
    from fixengine.network.config import ConfigError, load
    from fixengine.network.host import run_engine
    from fixengine.network.journal import JournalError
    from fixengine.network.log import Log
    from fixengine.network.state import StateError
    from fixengine.network.transport import ConnectError

    try:
        config = load(options.config)
        api_key, signer = load_keys(config.key)
        tokens = read_tokens({name: one.token_file for name, one in config.strategy.items()})
        log = Log(options.json or config.log.json, config.log.level)
        try:
            return run_engine(config, api_key, signer, tokens, log)
        finally:
            log.close()
    except (ConfigError, KeyFileError, StateError, BusError, JournalError, ConnectError) as problem:
        return _fail(problem)


def _check(options: argparse.Namespace) -> int:
    import orjson

    from fixengine.network.check import Step, check
    from fixengine.network.config import ConfigError, load

    def show(step: Step) -> None:
        if options.json:
            streams.say(orjson.dumps(step._asdict()).decode())
        else:
            streams.say(f"{'ok  ' if step.ok else 'FAIL'} {step.name}: {step.text}")

    try:
        config = load(options.config)
    except ConfigError as problem:
        show(Step("config", False, str(problem)))
        return 1
    return 0 if check(config, show, options.offline) else 1


def _config(options: argparse.Namespace) -> int:
    from fixengine.network.config import describe

    streams.say(describe())
    return 0


def _dictionary_diff(options: argparse.Namespace) -> int:
    import orjson

    from fixengine.fix import dictionary
    from fixengine.fix.venues.binance import BINANCE_SPOT

    try:
        with options.file.open("rb") as file:
            data = file.read(dictionary.BYTES_MAX + 1)
        theirs = dictionary.read(data)
        scope = dictionary.scope_of(BINANCE_SPOT, theirs)
    except OSError as problem:
        return _fail(f"{options.file}: {problem.strerror or problem}")
    except (dictionary.DictionaryError, ValueError) as problem:
        return _fail(f"{options.file}: {problem}")
    ours = dictionary.own(BINANCE_SPOT, scope)
    explained = tuple(item for item in BINANCE_SPOT.overrides if item.scope == scope)
    found = dictionary.compare(theirs, ours, explained)
    if options.json:
        told = dictionary.as_json(BINANCE_SPOT, scope, theirs, ours, found)
        text = orjson.dumps(told).decode()
    else:
        text = "\n".join(dictionary.lines(BINANCE_SPOT, scope, theirs, ours, found))
    streams.say(text)
    return 1 if found.new else 0
