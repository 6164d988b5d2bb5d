"""Very many reports for a strategy that stands still (SIGSTOP), over real processes.

    python -m bench.lagging [--reports N]    # 100,000

The venue trades with one big order of that strategy, so much at a time, while another strategy
sends orders one by one and measures each to its first report: first alone, then while the first
strategy reads its reports, and then while it stands still. Told are the medians and 99th
percentiles of the three, the engine's memory in between, and how long the strategy, once it goes
on, takes to have every report: from its queue, from the journal, and from memory.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fixengine.client import Client
from fixengine.demo.run import percentile
from fixengine.messages import ExecutionReport

from bench import count

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from processes import Engine, Stage, hear, limit
from test_faults import Controlled

BURST = 100
TRIPS = 500
RULES = {
    "bus": {"report_buffer_max": 65_536},
    "journal": {"ring_bytes": 64 << 20},
}
STRATEGY = """
import sys
from fixengine.client import Client
from fixengine.messages import ExecutionReport, Gap, NewOrderSingle
with Client(sys.argv[1], "slow", valid_for_ms=5000) as client:
    order = NewOrderSingle.limit("BTCUSDT", "1", "19.9", "40000.00")
    client.submit(order)
    last = 0
    for event in client.reports():
        if isinstance(event, Gap):
            print("gap", event.missing_from, event.missing_to, flush=True)
        elif isinstance(event, ExecutionReport) and event.exec_type == "0":
            print("resting", flush=True)
        elif isinstance(event, ExecutionReport) and event.exec_type == "F":
            last += 1
            if last % 1000 == 0:
                print(last, flush=True)
"""


class Trial:
    """The processes, and what is done with them."""

    def __init__(self, folder: Path, ends: contextlib.ExitStack) -> None:
        one = ends.enter_context(contextlib.closing(Stage(folder)))
        path = folder / "control"
        self.venue = Controlled(one.venue("--control", str(path)), path)
        self.engine: Engine = one.engine(self.venue.venue.place, **RULES)
        self.engine.expect(event="active")
        self.other: Client = one.client(self.engine, "other")
        arguments = [sys.executable, "-c", STRATEGY, self.engine.endpoint]
        self.slow = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        ends.callback(self.slow.kill)
        self.expect("resting")

    def expect(self, line: str) -> None:
        """Read what the strategy says, up to this line; a gap is an error."""
        assert self.slow.stdout is not None
        while (said := self.slow.stdout.readline().strip()) != line:
            if not said or said.startswith("gap"):
                raise RuntimeError(f"the strategy said {said!r}")

    def trips(self, reports: int) -> list[int]:
        """Nanoseconds of round trips, the shortest first, with so many reports of the slow strategy
        between them.
        """
        took = []
        told = 0
        while told < reports or len(took) < TRIPS:
            if told < reports:
                self.venue.fault("burst", count=BURST)
                told += BURST
            begin = time.perf_counter_ns()
            hear(self.other, ExecutionReport, cl_ord_id=self.other.submit(limit("50500.00")))
            took.append(time.perf_counter_ns() - begin)
        return sorted(took)

    def resident_mib(self) -> float:
        """Memory of the engine."""
        pages = Path(f"/proc/{self.engine.pid}/statm").read_text().split()[1]
        return int(pages) * 4096 / (1 << 20)


def show(what: str, took: list[int], trial: Trial) -> None:
    """One line of figures."""
    p50, p99 = percentile(took, 50), percentile(took, 99)
    print(f"{what:28} p50 {p50} us, p99 {p99} us, engine {trial.resident_mib():.0f} MiB")


def main() -> None:
    """See the module's top."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reports", type=count, default=100_000, help="how many (100,000)")
    reports: int = parser.parse_args().reports
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ends:
        trial = Trial(Path(folder), ends)
        show("alone", trial.trips(0), trial)
        read = reports // 10
        show(f"{read:,} reports, read", trial.trips(read), trial)
        trial.slow.send_signal(signal.SIGSTOP)
        for part in range(1, 4):
            took = trial.trips(reports // 3)
            show(f"{part * reports // 3:,}, standing still", took, trial)
        lagging = trial.engine.has_said(event="lagging")
        print("it was cut off" if lagging else "it was not cut off: too few")
        begin = time.monotonic()
        trial.slow.send_signal(signal.SIGCONT)
        trial.expect(str((read + reports // 3 * 3) // 1000 * 1000))
        print(f"all reports read {time.monotonic() - begin:.1f} s after it went on, none missing")


if __name__ == "__main__":
    main()
