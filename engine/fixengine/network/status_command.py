"""`fixengine status`: asks a running engine how it stands, and shows it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import orjson

from fixengine.network.config import ConfigError, state_dir_of
from fixengine.network.control import NoAnswer, ask
from fixengine.network.latency import NoLatency, read
from fixengine.network.latency_file import copy
from fixengine.screens import status, streams

USAGE_ERROR = 2
EXAMPLES = """\
examples:
  fixengine status engine.toml
  fixengine status STATE_DIR --json | jq '.sessions[] | {comp_id, state}'
  fixengine status STATE_DIR --json | jq -e '.engine.state == "active"'
  fixengine status STATE_DIR --json | jq '.tuning[] | select(.refused != "")'

exit status: 0 shown, 2 no engine answers there
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `fixengine status`."""
    parser.description = (
        "Shows how a running engine stands: sessions, strategies, limits, journal, recovery, what\n"
        "the system has refused of [tuning], and latencies with the loop's lag since the start.\n"
        "The engine answers in pieces of some ten microseconds, between orders."
    )
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="engine.toml, or the engine's state_dir"
    )
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Ask, and print the answer; the exit status."""
    try:
        state_dir = state_dir_of(options.path)
        told = ask(state_dir)
    except (ConfigError, NoAnswer) as problem:
        streams.complain(f"fixengine: {problem}")
        return USAGE_ERROR
    told |= latencies(state_dir, told["engine"]["epoch"])
    streams.say(orjson.dumps(told).decode() if options.json else status.text(told))
    return 0


def latencies(state_dir: Path, epoch: int) -> dict[str, Any]:
    """latency: the figures of this run, of which 1 message in latency_every is timed; none where
    its memory is not shared, which its log has told.
    """
    try:
        figures = read(copy(state_dir))
    except NoLatency:
        return {"latency": {}}
    if figures["epoch"] != epoch:
        return {"latency": {}}
    for one in figures["stretches"].values():
        one.pop("buckets_us", None)
    return {"latency": figures["stretches"], "latency_every": figures["every"]}
