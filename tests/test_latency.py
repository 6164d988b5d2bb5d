"""Latency figures: what a histogram counts, what a walk takes for a sample, and who can read it."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fixengine import wire
from fixengine.network.latency import (
    BYTES,
    EVERY,
    HEADER_BYTES,
    IN,
    LOOP,
    NAMES,
    OUT,
    VENUE,
    Latency,
    NoLatency,
    read,
)
from fixengine.network.latency_file import LatencyFile, copy
from fixengine.screens import latency as screen

WIDEST = 1 + 1 / 32
LONGEST_NS = 1 << 40


def lengths(seed: int) -> list[int]:
    """Durations of every size, many of them at the edge of a bucket."""
    chance = random.Random(seed)
    spread = [int(2 ** (chance.random() * 39.9)) for _ in range(3000)]
    edges = [(1 << bit) + step for bit in range(39) for step in (-1, 0, 1)]
    return spread + edges + [0, 1, 31, 32, 33]


@pytest.mark.parametrize("seed", range(5))
def test_a_histogram_agrees_with_a_sorted_list(seed: int) -> None:
    histogram, exact = wire.Histogram(), lengths(seed)
    for ns in exact:
        histogram.record(ns)
    exact.sort()
    assert histogram.count == len(exact)
    assert histogram.sum_ns == sum(exact)
    assert histogram.max_ns == exact[-1]
    for share in (0.001, 1, 10, 50, 90, 99, 99.9, 99.99, 100):
        true_ns = exact[max(0, -int(-len(exact) * share // 100) - 1)]
        told = histogram.percentile_ns(share)
        assert told is not None and true_ns <= told <= true_ns * WIDEST, share


def test_buckets_hold_each_duration_once_and_none_is_wide() -> None:
    exact = lengths(7)
    histogram = wire.Histogram()
    for ns in exact:
        histogram.record(ns)
    below = -1
    for upper, count in histogram.buckets():
        assert count == sum(below < ns <= upper for ns in exact)
        one = wire.Histogram()
        one.record(upper)
        one.record(upper + 1)
        assert len(one.buckets()) == 2, upper
        below = upper
    assert below >= max(exact)


def test_what_is_below_zero_or_very_long_is_counted_too() -> None:
    histogram = wire.Histogram()
    for ns in (-5, LONGEST_NS, 1 << 62):
        histogram.record(ns)
    assert histogram.count == 3
    assert histogram.percentile_ns(1) == 0
    assert histogram.max_ns == histogram.percentile_ns(100) == 1 << 62


def test_an_empty_histogram_has_no_percentiles_and_shares_have_bounds() -> None:
    histogram = wire.Histogram()
    assert histogram.percentile_ns(50) is None
    assert histogram.buckets() == []
    for share in (0, -1, 100.1, float("nan")):
        with pytest.raises(wire.LocalProtocolError, match="a share of 0 to 100"):
            histogram.percentile_ns(share)
    with pytest.raises(wire.LocalProtocolError, match="aligned bytes"):
        wire.Histogram(bytearray(8))


def histograms(count: int) -> list[wire.Histogram]:
    return [wire.Histogram() for _ in range(count)]


def counts(of: list[wire.Histogram]) -> list[int]:
    return [one.count for one in of]


def test_one_in_every_is_timed_and_each_stretch_has_it() -> None:
    made = histograms(4)
    walk = wire.Walk(made, 5)
    begun_ns = time.monotonic_ns()
    samples = 0
    for _ in range(23):
        walk.begin()
        walk.lap(0)
        walk.lap(1)
        samples += walk.count(2)
    took_ns = time.monotonic_ns() - begun_ns
    assert samples == 23 // 5
    assert counts(made) == [samples] * 4
    assert sum(one.sum_ns for one in made[:3]) == made[3].sum_ns <= took_ns


def test_one_that_came_in_the_same_read_has_waited_since_then() -> None:
    made = histograms(2)
    walk = wire.Walk(made, 2)
    walk.begin()
    assert walk.count(0) == 0
    walk.begin()
    until_ns = time.monotonic_ns() + 1_000_000
    while time.monotonic_ns() < until_ns:
        pass
    walk.follow()
    assert walk.count(0) == 1
    assert made[-1].sum_ns >= 1_000_000


def test_what_turns_back_or_did_not_begin_is_no_sample_and_the_next_one_is() -> None:
    made = histograms(3)
    walk = wire.Walk(made, 1)
    walk.begin()
    walk.lap(0)
    walk.begin()
    assert walk.count(1) == 0, "a stretch is missing"
    walk.lap(0)
    assert walk.count(1) == 1
    assert walk.count(1) == 0, "it is over"
    assert counts(made) == [1, 1, 1]


def test_a_walk_goes_on_later_with_its_ticket_and_ends_for_all_at_once() -> None:
    made = histograms(5)
    walk = wire.Walk(made, 2)
    tickets = []
    for _ in range(6):
        walk.begin()
        walk.lap(0)
        tickets.append(walk.count(1))
    assert [bool(ticket) for ticket in tickets] == [False, True] * 3
    for ticket in tickets[:-1]:
        walk.resume(ticket, 2)
    walk.finish()
    assert counts(made) == [2] * 5, "the last one was refused"
    walk.resume(tickets[1], 2)
    walk.finish()
    assert counts(made) == [2] * 5, "a ticket is good for one walk"


def test_a_ticket_that_waits_for_too_long_is_void() -> None:
    made = histograms(4)
    walk = wire.Walk(made, 1)
    tickets = []
    for _ in range(65):
        walk.begin()
        tickets.append(walk.count(0))
    walk.resume(tickets[0], 1)
    walk.finish()
    assert counts(made) == [0] * 4
    for ticket in tickets[1:]:
        walk.resume(ticket, 1)
    walk.finish()
    assert counts(made) == [64] * 4


def test_a_walk_says_what_it_needs() -> None:
    for made, every in ((histograms(1), 1), (histograms(9), 1), (histograms(2), 0)):
        with pytest.raises(wire.LocalProtocolError, match="2 to 8 histograms"):
            wire.Walk(made, every)


def test_figures_are_read_while_they_are_counted(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    with LatencyFile(tmp_path, shared) as file:
        assert file.problem is None
        with pytest.raises(NoLatency, match="no figures"):
            read(copy(tmp_path))
        latency = Latency(file.memory)
        latency.head(9, os.getpid())
        latency.loop.record(1_500)
        latency.venue(1_000, 3_000, 4_000, 9_000)
        latency.venue(1_000, None, 4_000, 9_000)
        seen = read(copy(tmp_path))
        assert (seen["epoch"], seen["every"], list(seen["stretches"])) == (9, EVERY, list(NAMES))
        assert seen["stretches"][LOOP]["max_us"] == 1.5
        told = {name: seen["stretches"][f"venue.{name}"] for name in ("transacted", "sent", "read")}
        assert [one["count"] for one in told.values()] == [1, 1, 2]
        assert [one["max_us"] for one in told.values()] == [2.0, 1.0, 5.0]
        latency.loop.record(1_500)
    assert read(copy(tmp_path))["stretches"][LOOP]["count"] == 2, "the last figures stay"
    assert list(shared.iterdir()) == []


def test_an_engine_counts_on_where_nobody_can_look(tmp_path: Path) -> None:
    with LatencyFile(tmp_path, tmp_path / "absent") as file:
        assert file.problem is not None and "No such file" in file.problem
        assert len(file.memory) == BYTES
    with pytest.raises(NoLatency, match=r"is it the engine\.state_dir"):
        copy(tmp_path / "absent")
    (tmp_path / "latency").write_bytes(b"short")
    with pytest.raises(NoLatency, match=f"5 bytes, expected {BYTES}"):
        copy(tmp_path)
    with pytest.raises(NoLatency, match="another version"):
        read(b'{"version":0}'.ljust(HEADER_BYTES, b"\0"))
    for foreign in (b"[1]", b'{"version":1}'):
        with pytest.raises(NoLatency, match="another version"):
            read(foreign.ljust(HEADER_BYTES, b"\0"))


def figures(memory: bytearray) -> dict[str, object]:
    latency = Latency(memory)
    latency.head(1, 2)
    for ns in lengths(3):
        latency.loop.record(ns // 1000)
    return read(bytes(memory))


def test_a_report_that_is_read_before_it_was_sent_moves_the_venues_clock() -> None:
    """As at the start, when only a slow Logon has told how far it is off."""
    memory = bytearray(BYTES)
    latency = Latency(memory)
    latency.head(1, 2)
    latency.venue(written_ns=1000, transacted_ns=6000, sent_ns=7000, read_ns=3000)
    seen = read(bytes(memory))["stretches"]
    assert [seen[name]["max_us"] for name in VENUE] == [1.0, 1.0, 0.0]


def test_the_picture_shows_what_was_counted() -> None:
    told = figures(bytearray(BYTES)) | {"epoch": 1_795_860_173, "running": True}
    drawn = screen.text(told, [LOOP, OUT[-1]])
    assert f"1 message in {EVERY} is timed, since 2026-11-28 10:02:53 UTC; epoch" in drawn
    assert "no engine runs now" not in drawn
    assert f"o {LOOP}" in drawn and f"x {OUT[-1]}" not in drawn
    assert "99.9 %" in drawn
    assert screen.plot({IN[-1]: {"count": 0}}, [IN[-1]]) == ["nothing was timed yet of in.whole"]


def test_scales_of_less_than_a_hundredth_of_a_us_are_told_apart() -> None:
    one = {"count": 2, "buckets_us": [[0.0, 1], [0.02, 1]], "max_us": 0.02}
    labels = [line.split("|")[0].strip() for line in screen.plot({LOOP: one}, [LOOP])[:-3]]
    assert labels[-1] == "0.001"
    assert len(set(labels)) == len(labels)


def test_the_svg_has_a_curve_for_each_stretch_that_was_timed() -> None:

    root = ElementTree.fromstring(screen.svg(figures(bytearray(BYTES)), NAMES))
    curves = root.findall("{*}polyline")
    assert len(curves) == 1
    points = [tuple(map(float, pair.split(","))) for pair in curves[0].attrib["points"].split()]
    assert points == sorted(points, key=lambda point: (point[0], -point[1])), "it never falls"
    empty = bytearray(BYTES)
    Latency(empty).head(1, 2)
    assert not ElementTree.fromstring(screen.svg(read(bytes(empty)), NAMES)).findall("{*}polyline")
