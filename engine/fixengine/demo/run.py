"""The demo: the built-in venue, the network process and two strategies, each a process.

It starts them, shows what happens, ends them in order and holds what the strategies received
against what the venue wrote. The exit status is 0 only if nothing is missing, doubled or
invented, fills, cancels and refusals all occurred, and every order was answered.
"""

from __future__ import annotations

import argparse
import contextlib
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import orjson

from fixengine.demo.compare import compare
from fixengine.screens.table import Live, table

STRATEGIES = ("alpha", "beta")
SYMBOL = "BTCUSDT"
COUNTS = ("orders_sent", "orders_acked", "fills", "cancels", "refused")
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
LINE_EVERY_S = 1.0


class DemoError(Exception):
    """The demo could not run; the text says which process failed and where its log is."""


class Child:
    """One process of the demo, whose stdout is JSON lines and whose stderr is a log file."""

    def __init__(self, name: str, arguments: list[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._log_file = self.log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log_file,
        )
        self._tail = b""

    @property
    def out(self) -> IO[bytes]:
        """Its stdout."""
        assert self.process.stdout is not None
        return self.process.stdout

    def lines(self) -> list[dict[str, Any]] | None:
        """JSON lines that have come since the last call; None at the end."""
        chunk = self.out.read1(1 << 20)  # type: ignore[attr-defined]
        if not chunk:
            return None
        *whole, self._tail = (self._tail + chunk).split(b"\n")
        return [orjson.loads(line) for line in whole if line]

    def wait_for(self, event: str, timeout_s: float) -> dict[str, Any]:
        """The first line with this event; DemoError where it does not come."""
        deadline = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as ready:
            ready.register(self.out, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                if not ready.select(deadline - time.monotonic()):
                    break
                lines = self.lines()
                if lines is None:
                    break
                for line in lines:
                    if line.get("event") == event:
                        return line
        raise DemoError(f"{self.name}: no '{event}' within {timeout_s:g} s; {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log, for an error message."""
        text = self.log.read_text("utf-8", "replace").strip().splitlines()
        return text[-1] if text else "its log is empty"

    def stop(self) -> int:
        """SIGTERM, and the exit status; killed if it does not end."""
        if self.process.poll() is None:
            self.process.terminate()
        # What it still prints must be read, or it may wait for ever to write.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.communicate(timeout=STOP_TIMEOUT_S)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log_file.close()
        return self.process.returncode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `fixengine demo`."""
    parser.add_argument("--orders", type=_positive, default=2000, help="orders in all (2000)")
    parser.add_argument("--json", action="store_true", help="print only the summary, as JSON")
    parser.add_argument(
        "--limits",
        choices=("venue", "off"),
        default="off",
        help="whether the built-in venue enforces the venue's rate limits (off)",
    )
    parser.add_argument("--keep", type=Path, help="keep logs and records in this new folder")


def run(options: argparse.Namespace) -> int:
    """Run the demo; the exit status."""
    with contextlib.ExitStack() as stack:
        if options.keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fixengine-")))
        else:
            folder = options.keep
            folder.mkdir(parents=True, mode=0o700)
        try:
            summary, problems = _run_in(folder, options, stack)
        except DemoError as problem:
            print(f"demo failed: {problem}", file=sys.stderr)
            return 1
    if options.json:
        sys.stdout.buffer.write(orjson.dumps(summary) + b"\n")
        sys.stdout.flush()
    else:
        _print_summary(summary, problems, options)
    for problem in problems:
        print(f"demo failed: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _run_in(
    folder: Path, options: argparse.Namespace, stack: contextlib.ExitStack
) -> tuple[dict[str, Any], list[str]]:
    say = (lambda text: None) if options.json else (lambda text: print(text, flush=True))
    written = folder / "venue.jsonl"
    venue = Child(
        "venue",
        [
            *("fixengine", "simulate", "--port", "0", "--json", "--limits", options.limits),
            *("--state-dir", str(folder / "venue"), "--record", str(written)),
        ],
        folder,
    )
    stack.callback(venue.stop)
    listening = venue.wait_for("listening", START_TIMEOUT_S)
    say(
        f"venue      pid {venue.process.pid}: TLS FIX on {listening['host']}:{listening['port']},"
        f" venue limits {options.limits}"
    )
    config = folder / "engine.toml"
    endpoint = f"ipc://{folder}/engine/bus/bus.sock"
    config.write_text(_config(listening, folder, endpoint, options.limits))
    engine = Child("engine", ["fixengine", "run", str(config), "--json"], folder)
    stack.callback(engine.stop)
    engine.wait_for("active", START_TIMEOUT_S)
    say(f"engine     pid {engine.process.pid}: logged on; bus {endpoint}")
    received = [folder / f"{name}.jsonl" for name in STRATEGIES]
    strategies = []
    for index, name in enumerate(STRATEGIES):
        share = options.orders // 2 + (options.orders % 2 if index == 0 else 0)
        if share:
            arguments = ["fixengine.demo.strategy", "--endpoint", endpoint, "--strategy", name]
            arguments += ["--symbol", SYMBOL, "--orders", str(share)]
            arguments += ["--received", str(received[index])]
            strategies.append(Child(name, arguments, folder))
            stack.callback(strategies[-1].stop)
            say(f"strategy   pid {strategies[-1].process.pid}: {name}, {share} orders")
    done = _follow(strategies, None if options.json else Live(sys.stdout, ("", *COUNTS)))
    elapsed_s = max((line.get("elapsed_ns", 0) for line in done.values()), default=0) / 1e9
    problems = [
        f"strategy {name}: {line.get('text', 'ended without a word')}"
        for name, line in done.items()
        if line.get("event") != "done"
    ]
    for child in strategies:
        child.stop()
    engine_status, venue_status = engine.stop(), venue.stop()
    if engine_status:
        problems.append(f"engine: exit status {engine_status}; {engine.last_words()}")
    if venue_status:
        problems.append(f"venue: exit status {venue_status}; {venue.last_words()}")
    found = compare(written, [path for path in received if path.exists()])
    pids = {
        "venue": venue.process.pid,
        "engine": engine.process.pid,
        "strategies": [child.process.pid for child in strategies],
    }
    return _judge(done, found, elapsed_s, pids, options.limits, problems)


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
    done: dict[str, dict[str, Any]],
    found: Any,
    elapsed_s: float,
    pids: dict[str, Any],
    limits: str,
    problems: list[str],
) -> tuple[dict[str, Any], list[str]]:
    totals = {count: sum(line.get(count, 0) for line in done.values()) for count in COUNTS}
    latencies = sorted(ns for line in done.values() for ns in line.get("latencies_ns", ()))
    summary = {
        **totals,
        "reports_delivered": found.delivered,
        "reports_missing": found.missing,
        "reports_duplicated": found.duplicated + found.invented,
        "elapsed_s": round(elapsed_s, 3),
        "orders_per_s": round(totals["orders_sent"] / elapsed_s, 1) if elapsed_s else 0.0,
        "latency_us": {
            name: percentile(latencies, share)
            for name, share in (("p50", 50), ("p90", 90), ("p99", 99), ("p99_9", 99.9))
        }
        | {"max": percentile(latencies, 100)},
        "pids": pids,
        "limits": limits,
    }
    problems.extend(found.examples)
    if found.duplicated:
        problems.append(f"{found.duplicated} reports were received more than once")
    problems.extend(
        f"no {count} occurred; run more orders" for count in COUNTS[2:] if not totals[count]
    )
    if totals["orders_acked"] + totals["refused"] != totals["orders_sent"]:
        problems.append("orders_acked + refused is not orders_sent")
    return summary, problems


def percentile(ordered_ns: list[int], share: float) -> float | None:
    """The share-th percentile of ordered values, in microseconds; None where there is none."""
    if not ordered_ns:
        return None
    index = min(len(ordered_ns) - 1, max(0, -(-len(ordered_ns) * share // 100) - 1))
    return round(ordered_ns[int(index)] / 1000, 1)


def _print_summary(
    summary: dict[str, Any], problems: list[str], options: argparse.Namespace
) -> None:
    latency = summary["latency_us"]
    rows = [
        ("orders sent", str(summary["orders_sent"])),
        ("acknowledged", str(summary["orders_acked"])),
        ("fills", str(summary["fills"])),
        ("cancelled", str(summary["cancels"])),
        ("refused", str(summary["refused"])),
        ("orders per second", str(summary["orders_per_s"])),
        ("reports delivered", str(summary["reports_delivered"])),
        ("reports missing", str(summary["reports_missing"])),
        ("reports duplicated", str(summary["reports_duplicated"])),
    ]
    rows += [(f"latency {name}", f"{value} us") for name, value in latency.items()]
    print()
    print("\n".join(table((f"summary, venue limits {options.limits}", ""), rows)))
    verdict = "NOT equal to" if problems else "exactly"
    print(f"\nWhat the strategies received is {verdict} what the venue wrote.")


def _config(listening: dict[str, Any], folder: Path, endpoint: str, limits: str) -> str:
    return f"""\
[venue]
environment = "simulator"
host = "{listening["host"]}"
port = {listening["port"]}
server_name = "localhost"
ca_file = "{listening["ca_file"]}"
sender_comp_ids = ["DEMO1", "DEMO2"]

[key]
api_key_file = "{listening["api_key_file"]}"
private_key_file = "{listening["private_key_file"]}"

[bus]
endpoint = "{endpoint}"

[engine]
state_dir = "{folder}/engine"

[limits]
mode = "{limits}"
"""


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value
