"""`fixengine bench`: a round trip on the user's own machine, and where the time of it goes."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import orjson

from fixengine.demo.processes import DemoError, Stand
from fixengine.demo.run import positive, remove_shared
from fixengine.demo.signals import Signals, Stopped
from fixengine.network.latency import read
from fixengine.network.latency_file import copy
from fixengine.screens.streams import complain, say
from fixengine.screens.table import table

LIMITS = "off"
ARMS = "round_trip", "bus_alone"
DESCRIPTION = """\
Measures, with this process as the strategy, the engine and the built-in venue each a process:

  submit -> ZeroMQ -> engine -> TLS -> venue and back, to the order's first ExecutionReport

one order at a time, each filled at once. The floor is the bus alone: a socket of the same kind
against a process that sends each order's bytes straight back. Both take turns, for a machine
drifts: what counts is the ratio. p50 is the median of the rounds', p99 and p99.9 the best.
"""

EXAMPLES = """\
examples:
  fixengine bench                          5 rounds of 1000 orders, about ten seconds
  fixengine bench --orders 5000            enough for a steady p99.9
  fixengine bench --json | jq .ratio_p50   for programs
  taskset -c 2,3 fixengine bench           on these processors only
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `fixengine bench`."""
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--orders", type=positive, default=1000, help="orders a round (1000)")
    parser.add_argument("--rounds", type=positive, default=5, help="rounds (5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Measure and print; the exit status: 128 and the signal's number where one ended it."""
    # Other commands, which only learn our options, do without the client.
    from fixengine.client import ClientError
    from fixengine.demo.round_trip import Echo, measure

    try:
        with Signals() as signals, signals.cleaning() as stack:
            with signals.held():
                name = stack.enter_context(tempfile.TemporaryDirectory(prefix="fixengine-"))
                folder = Path(name)
                stack.callback(remove_shared, folder)
            stand = stack.enter_context(Stand(folder, LIMITS, signals.held))
            with signals.held():
                echo = stack.enter_context(Echo(folder))
            result = {"venue_limits": LIMITS} | measure(stand, echo, options.orders, options.rounds)
            result |= _stretches(folder)
    except (DemoError, ClientError) as problem:
        complain(f"fixengine bench: {problem}")
        return 1
    except Stopped as stopped:
        complain(f"bench {stopped}; its processes have ended")
        return 128 + stopped.number
    say(orjson.dumps(result).decode() if options.json else _text(result))
    return 0


def _stretches(folder: Path) -> dict[str, Any]:
    """stretches: what the engine timed itself, without the buckets: 1 message in every."""
    figures = read(copy(folder / "engine"))
    for one in figures["stretches"].values():
        one.pop("buckets_us", None)
    return {"every": figures["every"], "stretches": figures["stretches"]}


def _text(result: dict[str, Any]) -> str:
    columns = ("p50_us", "p99_us_best", "p99_9_us_best")
    rows = [(arm, *(str(result[arm][column]) for column in columns)) for arm in ARMS]
    heads = (f"{result['orders']} orders, us", "p50", "p99", "p99.9")
    ends = ((arm, result[arm]["p50_us_min"], result[arm]["p50_us_max"]) for arm in ARMS)
    spread = ", ".join(f"{arm} {low} to {high}" for arm, low, high in ends)
    added = f"{result['added_us']} us, {result['ratio_p50']} x the bus alone"
    told = ["", f"p50 of the rounds: {spread}", f"engine, TLS and venue add {added}"]
    within = ("p50_us", "p99_us", "p99_9_us")
    stretches = [
        (name, *(str(one.get(column, "-")) for column in within))
        for name, one in result["stretches"].items()
    ]
    inside = table((f"1 in {result['every']}, us", "p50", "p99", "p99.9"), stretches)
    return "\n".join([*table(heads, rows), *told, "", *inside])
