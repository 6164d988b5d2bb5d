"""bench/round_trip.py in smoke size, and that its strategy lets no wrong report pass."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zmq
from fixengine.simulator import pki

from bench import native, round_trip
from bench.arms import ROOT, SERVER_NAME, Trips
from bench.figures import Run, run_of, told

FAILS_S = 5.0


@pytest.mark.usefixtures("ends")
def test_every_arm_answers_every_order_in_every_mode() -> None:
    command = [sys.executable, "-m", "bench.round_trip", "--json", "--rounds", "1"]
    command += ["--orders", "60", "--burst", "200"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    measured = {"relay", "engine", "naive", "stunnel"} - set(result["missing"])
    assert {"relay", "engine", "naive"} <= measured
    assert result["modes"].keys() == round_trip.MODES.keys()
    for mode, arms in result["modes"].items():
        assert arms.keys() == measured
        for arm, figures in arms.items():
            assert 0 < figures["p50_us"] <= figures["p99_us"] <= figures["p99_9_us"], (mode, arm)
            assert figures["cpu_us"] > 0, (mode, arm)
        assert arms["relay"]["ratio_to_relay"] == arms["naive"]["ratio_to_naive"] == 1
    assert "target <= 1.35" in round_trip.text(result)


def test_headers_that_are_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "BUILD", tmp_path)
    monkeypatch.setitem(native.HEADERS, "no/such.h", "libnothing-dev")
    with pytest.raises(native.NativeError, match=r"install .*libnothing-dev"):
        native.program("relay")


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("which", pki.WRONG)
def test_the_relay_takes_no_wrong_certificate(tmp_path: Path, which: str) -> None:
    keys = pki.ensure(tmp_path / "keys", datetime.now(UTC))
    certificate = pki.wrong_certificate(keys, which)
    with subprocess.Popen(
        [native.program("venue"), certificate, keys.server_key_file], stdout=subprocess.PIPE
    ) as venue:
        assert venue.stdout is not None
        port = venue.stdout.readline().strip()
        place = f"ipc://{tmp_path}/bus", port, keys.ca_file, SERVER_NAME
        relay = [native.program("relay"), *place]
        try:
            done = subprocess.run(relay, capture_output=True, timeout=FAILS_S, check=False)
        finally:
            venue.kill()
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.endswith(b"certificate verify failed\n")


# The strategy, and a gateway that is this test ----------------------------------------------------


Asked = tuple[zmq.Socket[bytes], subprocess.Popen[bytes]]


@pytest.fixture
def asked(tmp_path: Path, ends: None) -> Iterator[Asked]:
    """A strategy that has sent two orders, and the socket on which they come."""
    endpoint = f"ipc://{tmp_path}/bus"
    with zmq.Context() as context, context.socket(zmq.ROUTER) as bus:
        bus.set(zmq.RCVTIMEO, round(1000 * FAILS_S))
        bus.bind(endpoint)
        with subprocess.Popen(
            [native.program("strategy"), "json", endpoint],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            process.stdin.write(b"2 2 0\n")
            process.stdin.flush()
            try:
                yield bus, process
            finally:
                process.kill()


def orders(bus: zmq.Socket[bytes]) -> tuple[bytes, list[dict[str, Any]]]:
    """The strategy, and the two orders that it sends."""
    got = [bus.recv_multipart() for _ in range(2)]
    return got[0][0], [json.loads(payload) for _, payload in got]


def test_orders_differ_and_their_reports_are_taken_in_any_order(
    asked: Asked,
) -> None:
    bus, process = asked
    peer, (one, other) = orders(bus)
    assert not {*one.values()} & {other[name] for name in ("cl_ord_id", "price", "order_qty")}
    for order in (other, one):
        bus.send_multipart([peer, json.dumps(order).encode()])
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    took_ns, _ = process.stdout.readline().split()
    trips_ns = [int.from_bytes(process.stdout.read(8), sys.byteorder) for _ in range(2)]
    assert 0 < max(trips_ns) <= int(took_ns)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"price": "1.00"}, b"40000.01 is not in its report"),
        ({"order_qty": "9"}, b"0.00002 is not in its report"),
        ({"cl_ord_id": "order-000000009"}, b"a report of an order that waits for none"),
        ({"cl_ord_id": "none"}, b"a report without an id"),
    ],
)
def test_a_report_that_is_not_its_orders_ends_the_strategy(
    asked: Asked, wrong: dict[str, str], text: bytes
) -> None:
    bus, process = asked
    peer, (order, _) = orders(bus)
    bus.send_multipart([peer, json.dumps({**order, **wrong}).encode()])
    _, said = process.communicate(timeout=FAILS_S)
    assert process.returncode == 1
    assert said.startswith(text)


def test_a_second_report_of_an_order_ends_the_strategy(
    asked: Asked,
) -> None:
    bus, process = asked
    peer, (order, _) = orders(bus)
    for _ in range(2):
        bus.send_multipart([peer, json.dumps(order).encode()])
    _, said = process.communicate(timeout=FAILS_S)
    assert said.startswith(b"a report of an order that waits for none")


# Figures ------------------------------------------------------------------------------------------


def run(p50_us: float, p99_us: float = 0.0, cpu_us: float = 1.0) -> Run:
    """A run with these figures."""
    return Run(p50_us, p99_us or 2 * p50_us, 3 * p50_us, p50_us / 2, cpu_us, {"it": cpu_us})


def test_ratios_are_those_of_the_same_round() -> None:
    runs = {
        "relay": [run(100.0, 150.0), run(200.0, 260.0), run(100.0, 160.0)],
        "engine": [run(130.0, 240.0), run(300.0), run(140.0)],
        "naive": [run(500.0), run(1200.0), run(700.0)],
    }
    figures = told({"ping_pong": runs})["ping_pong"]["engine"]
    found = {name: figures[name] for name in ("p50_us", "p50_us_min", "p50_us_max", "p99_us")}
    assert found == {"p50_us": 140.0, "p50_us_min": 130.0, "p50_us_max": 300.0, "p99_us": 240.0}
    ratios = [figures[f"ratio_to_relay{which}"] for which in ("", "_min", "_max")]
    assert ratios == [1.4, 1.3, 1.5]
    assert figures["p99_ratio_to_relay"] == 1.6
    assert (figures["ratio_to_naive"], figures["added_us"]) == (4.0, 40.0)


def test_a_burst_is_compared_by_the_time_of_each_order() -> None:
    slow_median = Run(900.0, 990.0, 990.0, 30.0, 1.0, {"it": 1.0})
    runs = {"relay": [run(20.0)], "engine": [slow_median]}
    assert told({"burst": runs})["burst"]["engine"]["ratio_to_relay"] == 3.0


def test_a_run_is_made_of_its_parts() -> None:
    parts = [
        Trips(4000, [1000, 3000], {"engine": 500, "journal": 100}, ""),  # type: ignore[arg-type]
        Trips(2000, [2000], {"engine": 100, "journal": 200}, ""),  # type: ignore[arg-type]
    ]
    cpu = {"engine": 0.2, "journal": 0.1}
    found = run_of(parts)
    assert found[:4] == (2.0, 3.0, 3.0, 2.0)
    assert found.cpu_us == pytest.approx(0.3)
    assert found.cpu_us_by_process == pytest.approx(cpu)
