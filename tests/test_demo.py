"""The demo end to end, and that its comparison would notice a lost, doubled or changed report."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from fixengine.demo.compare import Comparison, compare
from fixengine.demo.run import percentile
from fixengine.demo.strategy import MIXTURE, received_lines
from fixengine.messages import ExecutionReport
from fixengine.screens.table import Live, table

KEYS = {
    "orders_sent",
    "orders_acked",
    "fills",
    "cancels",
    "refused",
    "reports_delivered",
    "reports_missing",
    "reports_duplicated",
    "elapsed_s",
    "orders_per_s",
    "latency_us",
    "pids",
}


def demo(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "fixengine", "demo", *arguments]
    return subprocess.run(command, capture_output=True, timeout=100, check=False)


def test_the_walk_loses_doubles_and_changes_nothing() -> None:
    done = demo("--json", "--orders", "400")
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.splitlines()
    assert len(lines) == 1, "one JSON object and nothing else"
    summary = orjson.loads(lines[0])
    assert summary.keys() >= KEYS
    assert summary["orders_sent"] == 400
    assert summary["orders_acked"] + summary["refused"] == 400
    assert min(summary[name] for name in ("fills", "cancels", "refused")) > 0
    assert (summary["reports_missing"], summary["reports_duplicated"]) == (0, 0)
    assert summary["reports_delivered"] > summary["orders_acked"]
    assert list(summary["latency_us"]) == ["p50", "p90", "p99", "p99_9", "max"]
    pids = [summary["pids"]["venue"], summary["pids"]["engine"], *summary["pids"]["strategies"]]
    assert len(set(pids)) == 4


def test_too_few_orders_to_see_everything_is_a_failure_that_says_so(tmp_path: Path) -> None:
    done = demo("--json", "--orders", "1", "--keep", str(tmp_path / "kept"))
    assert done.returncode == 1
    assert b"no fills occurred" in done.stderr
    assert orjson.loads(done.stdout)["orders_sent"] == 1
    assert (tmp_path / "kept" / "venue.jsonl").exists()


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_count_that_is_none_is_refused_by_name(count: str) -> None:
    done = demo("--orders", count)
    assert done.returncode == 2
    assert b"--orders" in done.stderr
    assert b"Traceback" not in done.stderr


def line(seq: int, digest: str = "d") -> bytes:
    entry = {"session": "A", "seq": seq, "kind": "8", "exec_id": "1", "trade_id": None}
    return orjson.dumps({**entry, "digest": digest}) + b"\n"


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([1, 2, 3], (3, 0, 0, 0)),
        ([3, 1, 2], (3, 0, 0, 0)),
        ([1, 3], (2, 1, 0, 0)),
        ([1, 2, 2, 3], (3, 0, 1, 0)),
        ([1, 2, 3, 9], (3, 0, 0, 1)),
        ([9, 9], (0, 3, 1, 1)),
        ([], (0, 3, 0, 0)),
    ],
)
def test_the_comparison_sees(
    tmp_path: Path, heard: list[int], expected: tuple[int, int, int, int]
) -> None:
    (tmp_path / "venue").write_bytes(b"".join(map(line, (1, 2, 3))))
    (tmp_path / "a").write_bytes(b"".join(map(line, heard)))
    found = compare(tmp_path / "venue", [tmp_path / "a"])
    assert found[:4] == expected


def test_the_comparison_sees_one_changed_byte(tmp_path: Path) -> None:
    (tmp_path / "venue").write_bytes(line(1))
    (tmp_path / "a").write_bytes(line(1, "other"))
    found = compare(tmp_path / "venue", [tmp_path / "a"])
    assert isinstance(found, Comparison)
    assert (found.delivered, found.missing, found.invented) == (0, 1, 1)


def test_a_strategys_digest_is_over_the_venues_bytes() -> None:
    ids = "o", None, "1-1-1", None
    event = ExecutionReport(1, 5, "ME", False, 0, *ids, "BTCUSDT", "0", "0")
    event.msg_seq_num, event.sending_time = 2, "20260101-00:00:00.000000"
    event.ord_type, event.side, event.cum_qty, event.last_qty = "2", "1", "0", "0"
    (before,) = received_lines([event])
    event.cl_ord_id = "another name"
    assert received_lines([event]) == [before], "the strategy's own id is not on the wire"
    event.cum_qty = "0.0"
    assert received_lines([event]) != [before]


def test_the_mixture_has_every_kind_of_order() -> None:
    made = [make("1", "BTCUSDT") for make in MIXTURE]
    kinds = {
        (order.ord_type, order.time_in_force, order.exec_inst, order.cash_order_qty is None)
        for order in made
    }
    assert kinds == {
        ("2", "1", None, True),
        ("2", "3", None, True),
        ("2", "4", None, True),
        ("2", None, "6", True),
        ("1", None, None, True),
        ("1", None, None, False),
    }


def test_percentiles_are_values_that_occurred() -> None:
    values = [1000, 2000, 3000, 4000]
    assert [percentile(values, share) for share in (1, 25, 50, 75, 99.9, 100)] == [
        1.0,
        1.0,
        2.0,
        3.0,
        4.0,
        4.0,
    ]
    assert percentile([], 50) is None


def test_a_table_is_plain_lines_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    live = Live(out, ("", "n"))
    live.show([("a", "1")], "n 1")
    assert out.getvalue() == "n 1\n"
    assert table(("", "n"), [("alpha", "12")]) == ["        n", "---------", "alpha  12"]
