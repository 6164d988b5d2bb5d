"""The demo: the built-in venue, the network process and two strategies, each a process.

It starts them, shows what happens, ends them in order and holds what the strategies received
against what the venue wrote. The exit status is 0 only if nothing is missing, doubled or
invented, fills, cancels and refusals all occurred, and every order was answered.
"""

from __future__ import annotations

import argparse
import contextlib
import selectors
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from fixengine.demo.compare import Comparison, compare
from fixengine.demo.processes import Child, DemoError, Stand, ended_text
from fixengine.demo.signals import Signals, Stopped
from fixengine.screens.streams import complain, say
from fixengine.screens.table import Live, table

STRATEGIES = ("alpha", "beta")
SYMBOL = "BTCUSDT"
COUNTS = ("orders_sent", "orders_acked", "fills", "cancels", "refused")
LINE_EVERY_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `fixengine demo`."""
    parser.add_argument("--orders", type=positive, default=2000, help="orders in all (2000)")
    parser.add_argument("--json", action="store_true", help="print only the summary, as JSON")
    parser.add_argument(
        "--limits",
        choices=("venue", "off"),
        default="off",
        help="whether the built-in venue enforces the venue's rate limits (off)",
    )
    parser.add_argument("--keep", type=Path, help="keep logs and records in this new folder")


def run(options: argparse.Namespace) -> int:
    """Run the demo; the exit status: 128 and the signal's number where one ended it."""
    try:
        with Signals() as signals, signals.cleaning() as stack:
            summary, problems = _run_in(_folder(options, signals, stack), options, signals, stack)
    except DemoError as problem:
        complain(f"demo failed: {problem}")
        return 1
    except Stopped as stopped:
        complain(f"demo {stopped}; its processes have ended")
        return 128 + stopped.number
    if options.json:
        say(orjson.dumps(summary).decode())
    else:
        say(_summary_text(summary))
    for text in problems:
        complain(f"demo failed: {text}")
    return 1 if problems else 0


def _folder(options: argparse.Namespace, signals: Signals, stack: contextlib.ExitStack) -> Path:
    """The folder of this run; a temporary one is removed at the end."""
    if options.keep is None:
        with signals.held():
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="fixengine-"))
            stack.callback(remove_shared, Path(name))
            return Path(name)
    folder: Path = options.keep.absolute()
    _make(folder)
    return folder


def remove_shared(folder: Path) -> None:
    """Remove the journal's ring and the latency figures in shared memory, which an engine that was
    killed leaves for its next run: here there will be none.
    """
    for name in ("journal/ring", "latency"):
        (folder / "engine" / name).resolve().unlink(missing_ok=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as problem:
        raise DemoError(f"--keep {folder}: {problem.strerror}; name a new folder") from None


def _run_in(
    folder: Path, options: argparse.Namespace, signals: Signals, stack: contextlib.ExitStack
) -> tuple[dict[str, Any], list[str]]:
    def tell(text: str) -> None:
        if not options.json:
            say(text)

    stand = stack.enter_context(Stand(folder, options.limits, signals.held))
    held = {"limits": options.limits, "time_scale": stand.time_scale}
    tell(
        f"venue      pid {stand.venue.pid}: TLS FIX on {stand.where},"
        f" limits {options.limits}, time scale {stand.time_scale}"
    )
    tell(f"engine     pid {stand.engine.pid}: logged on; bus {stand.endpoint}")
    strategies = []
    for index, name in enumerate(STRATEGIES):
        share = options.orders // 2 + (options.orders % 2 if index == 0 else 0)
        if share:
            with signals.held():
                strategies.append(Child(name, _arguments(stand, folder, name, share), folder))
                stack.callback(strategies[-1].stop)
            tell(f"strategy   pid {strategies[-1].pid}: {name}, {share} orders")
    last = _follow(strategies, None if options.json else Live(sys.stdout, ("", *COUNTS)))
    problems = []
    for child in strategies:
        status = child.stop()
        if last[child.name].get("event") != "done":
            problems.append(_failure(child, status, last[child.name]))
    problems += stand.stop()
    received = [path for child in strategies if (path := _received(folder, child.name)).exists()]
    found = compare(stand.written, received)
    pids = {
        "venue": stand.venue.pid,
        "engine": stand.engine.pid,
        "strategies": [child.pid for child in strategies],
    }
    return _judge(last, found, {"pids": pids, **held}, problems)


def _received(folder: Path, strategy: str) -> Path:
    """The file in which a strategy records what it received."""
    return folder / f"{strategy}.jsonl"


def _arguments(stand: Stand, folder: Path, name: str, orders: int) -> list[str]:
    arguments = ["fixengine.demo.strategy", "--endpoint", stand.endpoint, "--strategy", name]
    arguments += ["--symbol", SYMBOL, "--orders", str(orders)]
    return [*arguments, "--received", str(_received(folder, name))]


def _failure(child: Child, status: int, line: dict[str, Any]) -> str:
    """Why a strategy did not say "done". line: its last one."""
    if line.get("event") == "failed":
        return f"strategy {child.name}: {line['text']}"
    return (
        f"strategy {child.name} {ended_text(status)} without a record of what it received, so all"
        f" its reports count as missing and its orders as far as it told; {child.last_words()}"
    )


def _follow(strategies: list[Child], live: Live | None) -> dict[str, dict[str, Any]]:
    """Show progress until every strategy has ended; its last line by name."""
    last: dict[str, dict[str, Any]] = {child.name: {} for child in strategies}
    shown = time.monotonic()
    with selectors.DefaultSelector() as ready:
        for child in strategies:
            ready.register(child.out, selectors.EVENT_READ, child)
        while ready.get_map():
            for key, _ in ready.select(LINE_EVERY_S):
                lines = key.data.lines()
                if lines is None:
                    ready.unregister(key.fileobj)
                elif lines:
                    last[key.data.name] = lines[-1]
            if live is not None and (time.monotonic() - shown > LINE_EVERY_S / 4):
                shown = time.monotonic()
                _show(live, last)
    if live is not None:
        _show(live, last)
    return last


def _show(live: Live, last: dict[str, dict[str, Any]]) -> None:
    rows = [(name, *(str(line.get(count, 0)) for count in COUNTS)) for name, line in last.items()]
    totals = {count: sum(line.get(count, 0) for line in last.values()) for count in COUNTS}
    live.show(rows, "  ".join(f"{count} {total}" for count, total in totals.items()))


def _judge(
    last: dict[str, dict[str, Any]],
    found: Comparison,
    facts: dict[str, Any],
    problems: list[str],
) -> tuple[dict[str, Any], list[str]]:
    """The summary and everything that is wrong. last: each strategy's last line. facts: what else
    belongs into the summary.
    """
    lines = last.values()
    totals = {count: sum(line.get(count, 0) for line in lines) for count in COUNTS}
    latencies = sorted(ns for line in lines for ns in line.get("latencies_ns", ()))
    elapsed_s = max((line.get("elapsed_ns", 0) for line in lines), default=0) / 1e9
    problems = [*problems, *found.examples]
    if found.missing:
        problems.append(f"{found.missing} reports that the venue wrote were not received")
    if found.duplicated:
        problems.append(f"{found.duplicated} reports were received more than once")
    if found.invented:
        problems.append(f"{found.invented} reports were received that the venue did not write")
    problems.extend(
        f"no {count} occurred; run more orders" for count in COUNTS[2:] if not totals[count]
    )
    if totals["orders_acked"] + totals["refused"] != totals["orders_sent"]:
        problems.append("orders_acked + refused is not orders_sent")
    summary = {
        **totals,
        "reports_delivered": found.delivered,
        "reports_missing": found.missing,
        "reports_duplicated": found.duplicated,
        "elapsed_s": round(elapsed_s, 3),
        "orders_per_s": round(totals["orders_sent"] / elapsed_s, 1) if elapsed_s else 0.0,
        "latency_us": {
            name: percentile(latencies, share)
            for name, share in (("p50", 50), ("p90", 90), ("p99", 99), ("p99_9", 99.9))
        }
        | {"max": percentile(latencies, 100)},
        **facts,
        "reports_invented": found.invented,
        "problems": problems,
    }
    return summary, problems


def percentile(ordered_ns: list[int], share: float) -> float | None:
    """The share-th percentile of ordered values, in microseconds; None where there is none."""
    if not ordered_ns:
        return None
    index = min(len(ordered_ns) - 1, max(0, -(-len(ordered_ns) * share // 100) - 1))
    return round(ordered_ns[int(index)] / 1000, 1)


def _summary_text(summary: dict[str, Any]) -> str:
    latency = summary["latency_us"]
    rows: list[tuple[str, ...]] = [
        ("orders sent", str(summary["orders_sent"])),
        ("acknowledged", str(summary["orders_acked"])),
        ("fills", str(summary["fills"])),
        ("cancelled", str(summary["cancels"])),
        ("refused", str(summary["refused"])),
        ("orders per second", str(summary["orders_per_s"])),
        ("reports delivered", str(summary["reports_delivered"])),
        ("reports missing", str(summary["reports_missing"])),
        ("reports duplicated", str(summary["reports_duplicated"])),
        ("reports invented", str(summary["reports_invented"])),
    ]
    rows += [(f"latency {name}", f"{value} us") for name, value in latency.items()]
    title = f"summary, venue limits {summary['limits']}, time scale {summary['time_scale']}"
    kinds = ("missing", "duplicated", "invented")
    differ = any(summary[f"reports_{kind}"] for kind in kinds)
    verdict = "NOT equal to" if differ else "exactly"
    told = f"What the strategies received is {verdict} what the venue wrote."
    return "\n".join(("", *table((title, ""), rows), "", told))


def positive(text: str) -> int:
    """A command's argument that counts something."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)
