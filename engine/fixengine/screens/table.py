"""A small table that is redrawn in place on a terminal, and plain lines elsewhere."""

from __future__ import annotations

from typing import TextIO

from fixengine.screens.streams import printing


class Live:
    """Shows rows that change while something runs.

    On a terminal the table is redrawn where it stands; elsewhere each `show` prints one line.
    """

    def __init__(self, out: TextIO, columns: tuple[str, ...]) -> None:
        self._out = out
        self._columns = columns
        self._drawn = 0
        self._in_place = out.isatty()

    def show(self, rows: list[tuple[str, ...]], line: str) -> None:
        """rows: one cell a column. line: the same, shortened to a line.

        Raises OutputError where the stream takes nothing.
        """
        with printing():
            self._show(rows, line)

    def _show(self, rows: list[tuple[str, ...]], line: str) -> None:
        if not self._in_place:
            print(line, file=self._out, flush=True)
            return
        text = table(self._columns, rows)
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._out.write(up + "".join(f"\x1b[2K{row}\n" for row in text))
        self._out.flush()
        self._drawn = len(text)


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right."""
    grid = [columns, *rows]
    widths = [max(len(row[index]) for row in grid) for index in range(len(columns))]
    lines = [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in grid
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
