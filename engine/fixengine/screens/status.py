"""How an engine stands, for people: what its control socket tells, and the latencies beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fixengine.screens.latency import stretches_table
from fixengine.screens.table import table

STRETCHES = ("out.whole", "in.whole", "trip.published", "loop.held")
NO_LIMIT = 1 << 53
"""The built-in venue without limits tells one that nobody reaches."""
SECOND_NS = 1_000_000_000

Rows = Sequence[Mapping[str, Any]]


def text(told: Mapping[str, Any]) -> str:
    """told: as `fixengine status --json` prints it."""
    lines = [f"{name:10} {value}" for name, value in _heads(told)]
    lines += _options(told["tuning"])
    lines += ["", *_sessions(told["sessions"])]
    if told["strategies"]:
        lines += ["", *_strategies(told["strategies"])]
    if told["limits"]:
        lines += ["", *_limits(told["limits"])]
    if told["latency"]:
        shown = {name: told["latency"][name] for name in STRETCHES}
        sampling = f"since the start; 1 message in {told['latency_every']} is timed"
        lines += ["", f"{'latency':10} {sampling}", "", *stretches_table(shown)]
    return "\n".join(lines)


def _heads(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    engine, recovery, journal = told["engine"], told["recovery"], told["journal"]
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(engine["time_ns"] // SECOND_NS))
    state = "stopping" if engine["stopping"] else engine["state"]
    yield "engine", f"{state}, pid {engine['pid']}, epoch {engine['epoch']}, at {at} UTC"
    yield "venue", f"{engine['venue']}, {engine['environment']}"
    yield "bus", engine["bus"].removeprefix("bus: ")
    for text in engine["gone"]:
        yield "GONE", text
    step = recovery["step"] or "REST is not asked: what is unknown stays so until a session tells"
    if count := recovery["in_question"]:
        step = f"{count} order{'s' * (count > 1)} in question; {step}"
    yield "recovery", step
    health = "healthy" if journal["healthy"] else f"NOT healthy: {journal['error']}"
    behind = f"{journal['behind_bytes']} of {journal['written_bytes']} bytes not on disk yet"
    held = f", {journal['held']} requests wait for it" if journal["held"] else ""
    refused = f", {journal['refused']} records did not fit" if journal["refused"] else ""
    yield "journal", f"{health}, {behind}{held}{refused}"


def _options(options: Rows) -> Iterator[str]:
    """What was asked of the system, and what it refused."""
    if not options:
        yield f"{'tuning':10} nothing is asked of the system"
    for option in options:
        refused = f": REFUSED, {option['refused']}" if option["refused"] else ""
        yield f"{'tuning':10} {option['name']} = {option['value']}{refused}"


def _sessions(sessions: Rows) -> list[str]:
    heads = ("session", "role", "state", "up s", "heard s", "unsent", "messages", "clock ms")
    rows: list[tuple[str, ...]] = []
    for one in sessions:
        count_max = one.get("messages_max")
        cells = (
            one["comp_id"] or "-",
            one["role"],
            one["state"],
            _seconds(one.get("up_ms")),
            _seconds(one.get("heard_ms")),
            _number(one.get("unsent_bytes")),
            "-" if count_max is None else _of(one["messages_used"], count_max),
            "-" if one.get("clock_ms") is None else f"{one['clock_ms']:+.1f}",
        )
        rows.append(cells)
    lines = table(heads, rows)
    for one in sessions:
        if one.get("hole"):
            lines.append(f"{one['comp_id']}: {one['hole']}")
        if one.get("next_attempt_ms") is not None:
            text = f"next attempt in {_seconds(one['next_attempt_ms'])} s"
            lines.append(f"{one['comp_id'] or one['role']}: {text}")
    return lines


def _strategies(strategies: Rows) -> list[str]:
    heads = ("strategy", "connected", "open", "behind", "unacknowledged", "heard s")
    rows: list[tuple[str, ...]] = []
    for one in strategies:
        numbers = (_number(one[name]) for name in ("open", "behind", "unacknowledged"))
        is_there = "yes" if one["connected"] else "no"
        rows.append((one["name"], is_there, *numbers, _seconds(one["heard_ms"])))
    return table(heads, rows)


def _limits(limits: Rows) -> list[str]:
    heads = ("unfilled orders", "used", "of")
    rows: list[tuple[str, ...]] = [
        (f"per {one['name']}", str(one["used"]), _limit(one["count_max"])) for one in limits
    ]
    return table(heads, rows)


def _of(used: int, count_max: int) -> str:
    return str(used) if count_max >= NO_LIMIT else f"{used} of {count_max}"


def _limit(count_max: int) -> str:
    return "no limit" if count_max >= NO_LIMIT else str(count_max)


def _seconds(ms: int | None) -> str:
    return "-" if ms is None else f"{ms / 1000:.1f}"


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)
