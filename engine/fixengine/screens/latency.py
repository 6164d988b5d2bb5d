"""Latency figures for people: a table, and percentiles as curves on a terminal or as SVG.

Both pictures have logarithmic axes: to the right the share of messages that were as quick, ever
closer to all of them (0, 90, 99, 99.9 %, ...), upwards the time. A curve ends where the share of
one message begins. Figures come as `network.latency.read` gives them, with `running`: whether
their engine still does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fixengine.screens.table import table

COLUMNS = ("p50_us", "p90_us", "p99_us", "p99_9_us", "max_us")
WIDTH, HEIGHT = 64, 16
MARKS = "ox+*#@%&$~"
COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#edae49", "#6b4e9b", "#00798c", "#8d5b4c", "#555555")
SVG_WIDTH, SVG_HEIGHT, SVG_LEFT, SVG_TOP = 960, 460, 70, 40
SVG_RIGHT, SVG_BOTTOM = 680, 410

Stretches = Mapping[str, Mapping[str, Any]]
"""By name: meaning, count and, where that is not 0, the figures."""


class Curve:
    """Percentiles of one stretch. decades: log10 of 1/(1 - share) where its last message begins."""

    def __init__(self, buckets_us: Sequence[Sequence[float]], max_us: float) -> None:
        self._buckets_us = buckets_us
        self._max_us = max_us
        self._total = sum(count for _, count in buckets_us)
        self.decades = math.log10(self._total)

    def value_us(self, decades: float) -> float:
        """The time that a share of 1 - 10**-decades did not exceed; at least 0.001."""
        wanted = max(1, math.ceil(self._total * (1 - 10**-decades) - 1e-6))
        seen = 0.0
        for upper_us, count in self._buckets_us:
            seen += count
            if seen >= wanted:
                return max(0.001, min(upper_us, self._max_us))
        return max(0.001, self._max_us)


def text(figures: Mapping[str, Any], names: Sequence[str]) -> str:
    """Table of all stretches, and the curves of those named."""
    stretches: Stretches = figures["stretches"]
    # An epoch is the second in which its run began; see network.state.
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(figures["epoch"]))
    sampling = f"1 message in {figures['every']} is timed"
    told = [f"{sampling}, since {since} UTC; epoch {figures['epoch']}, pid {figures['pid']}"]
    if not figures["running"]:
        told.append("no engine runs now: these are its last figures")
    told.append("")
    told += stretches_table(stretches)
    told += ["", *(f"{name:17} {one['meaning']}" for name, one in stretches.items())]
    told += ["", *plot(stretches, names)]
    return "\n".join(told)


def stretches_table(stretches: Stretches) -> list[str]:
    """Lines of a table with a row for each stretch."""
    rows = [
        (name, str(one["count"]), *(_cell(one.get(column)) for column in COLUMNS))
        for name, one in stretches.items()
    ]
    return table(("stretch, times in us", "count", *(column[:-3] for column in COLUMNS)), rows)


def plot(stretches: Stretches, names: Sequence[str]) -> list[str]:
    """Lines of a picture made of characters."""
    curves = _curves(stretches, names)
    if not curves:
        return [f"nothing was timed yet of {', '.join(names)}"]
    decades = max(1.0, *(curve.decades for curve in curves.values()))
    low, high = _span(curves.values())
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for mark, curve in zip(MARKS, curves.values(), strict=False):
        for column in range(WIDTH):
            at = decades * column / (WIDTH - 1)
            if at <= curve.decades:
                share = (math.log10(curve.value_us(at)) - low) / (high - low)
                grid[HEIGHT - 1 - round(share * (HEIGHT - 1))][column] = mark
    lines = []
    for row, cells in enumerate(grid):
        value = 10 ** (high - (high - low) * row / (HEIGHT - 1))
        lines.append(f"{_cell(value):>10} |{''.join(cells).rstrip()}")
    ticks = [" "] * (WIDTH + 8)
    for decade in range(math.floor(decades) + 1):
        column = round((WIDTH - 1) * decade / decades)
        label = _percent(decade)
        ticks[column : column + len(label)] = label
    lines += ["        us +" + "-" * WIDTH, " " * 12 + "".join(ticks).rstrip()]
    legend = (f"{mark} {name}" for mark, name in zip(MARKS, curves, strict=False))
    return [*lines, " " * 12 + "   ".join(legend)]


def svg(figures: Mapping[str, Any], names: Sequence[str]) -> str:
    """The same picture as an SVG document."""
    curves = _curves(figures["stretches"], names)
    decades = max(1.0, *(curve.decades for curve in curves.values())) if curves else 1.0
    low, high = _span(curves.values()) if curves else (0.0, 1.0)

    def x(at: float) -> float:
        return round(SVG_LEFT + (SVG_RIGHT - SVG_LEFT) * at / decades, 1)

    def y(value_us: float) -> float:
        share = (math.log10(value_us) - low) / (high - low)
        return round(SVG_BOTTOM - (SVG_BOTTOM - SVG_TOP) * share, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SVG_WIDTH} {SVG_HEIGHT}"'
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{SVG_WIDTH}" height="{SVG_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{SVG_LEFT}" y="24">latency by percentile, 1 message in {figures["every"]}'
        " timed</text>",
    ]
    for exponent in range(math.floor(low), math.ceil(high) + 1):
        parts.append(_line(SVG_LEFT, y(10**exponent), SVG_RIGHT, y(10**exponent)))
        label = f"{_cell(10.0**exponent)} us"
        parts.append(f'<text x="{SVG_LEFT - 6}" y="{y(10**exponent)}" {END}>{label}</text>')
    for decade in range(math.floor(decades) + 1):
        parts.append(_line(x(decade), SVG_TOP, x(decade), SVG_BOTTOM))
        parts.append(f'<text x="{x(decade)}" y="{SVG_BOTTOM + 20}">{_percent(decade)}</text>')
    for index, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[index % len(COLOURS)]
        dash = ' stroke-dasharray="6 3"' if index >= len(COLOURS) else ""
        steps = range(WIDTH * 4 + 1)
        shares = [curve.decades * step / (WIDTH * 4) for step in steps]
        points = " ".join(f"{x(at)},{y(curve.value_us(at))}" for at in shares)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dash}')
        parts.append(f' points="{points}"/>')
        at = SVG_TOP + 14 + 22 * index
        count = figures["stretches"][name]["count"]
        parts.append(f'<text x="{SVG_RIGHT + 24}" y="{at}" fill="{colour}">{name} ({count})</text>')
    return "\n".join([*parts, "</svg>", ""])


END = 'text-anchor="end" dominant-baseline="middle"'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#dddddd"/>'


def _curves(stretches: Stretches, names: Sequence[str]) -> dict[str, Curve]:
    seen = ((name, stretches[name]) for name in names)
    return {name: Curve(one["buckets_us"], one["max_us"]) for name, one in seen if one["count"] > 0}


def _span(curves: Iterable[Curve]) -> tuple[float, float]:
    """log10 of the lowest and the highest value, widened to whole decades."""
    ends = [(curve.value_us(0), curve.value_us(curve.decades + 1)) for curve in curves]
    low = math.floor(math.log10(min(first for first, _ in ends)))
    high = math.ceil(math.log10(max(last for _, last in ends)))
    return low, max(high, low + 1)


def _percent(decade: int) -> str:
    return "0 %" if decade == 0 else f"{100 - 100 / 10**decade:.{max(0, decade - 2)}f} %"


def _cell(value_us: float | None) -> str:
    if value_us is None:
        return "-"
    if 0 < value_us < 0.1:
        return f"{value_us:.2g}"
    return f"{value_us:.{0 if value_us >= 1000 else 1 if value_us >= 10 else 2}f}"
