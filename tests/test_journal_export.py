"""The journal as a table: what the files hold, and that they are whole or not there."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixengine.network.journal import Damage, Entry, JournalError, Missing, entries
from fixengine.network.journal.export import COLUMNS, FORMATS, export, format_of
from journal_story import EPOCH, answered, asked, cancelled, ids, start, tell

first, cancel = ids("maker", 1), ids("maker", 2)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir()
    story = [start(), *asked(first), *answered(first, 1), *cancelled(first, cancel)]
    tell(path, *story, *answered(first, 2, cancel))
    return path


def rows(path: Path) -> list[dict[str, object]]:
    with sqlite3.connect(path) as base:
        found = base.execute(f"SELECT {', '.join(COLUMNS)} FROM records").fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in found]


def test_sqlite(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.db"
    assert export(entries(state), out, "sqlite", False) == 11
    found = rows(out)
    assert [row["kind"] for row in found[1:6]] == [
        "ORDER", "INTENT", "FRAME_OUT", "FRAME_IN", "DELIVERED",
    ]  # fmt: skip
    assert {row["epoch"] for row in found} == {EPOCH}
    order, intent, frame, answer, told = found[1:6]
    assert (order["strategy"], order["cl_ord_id"], order["wire_cl_ord_id"]) == (
        "maker", first.own, None,
    )  # fmt: skip
    assert (intent["cl_ord_id"], intent["wire_cl_ord_id"]) == (first.own, first.wire)
    assert (frame["msg_type"], frame["wire_cl_ord_id"], frame["symbol"]) == (
        "D", first.wire, "BTCUSDT",
    )  # fmt: skip
    # Not 0.1 and not 50: text, as it was.
    assert [(row["order_qty"], row["price"]) for row in (order, frame, told)] == [
        ("0.10", "50.0")
    ] * 3
    assert (answer["order_id"], answer["exec_type"]) == (first.order_id, "0")
    assert (told["report_seq"], told["order_id"], told["message"]) == (
        1, first.order_id, "ExecutionReport",
    )  # fmt: skip
    last = found[-1]
    assert (last["cl_ord_id"], last["orig_cl_ord_id"]) == (cancel.own, first.own)
    assert (last["wire_cl_ord_id"], last["wire_orig_cl_ord_id"]) == (cancel.wire, first.wire)
    assert order["time"] == "2023-11-14T22:13:20.001000000Z"
    assert json.loads(str(told["content"]))["price"] == "50.0"


def test_csv_and_json_lines_hold_the_same(state: Path, tmp_path: Path) -> None:
    export(entries(state), tmp_path / "a.db", "sqlite", False)
    export(entries(state), tmp_path / "a.csv", "csv", False)
    assert export(entries(state), tmp_path / "a.jsonl", "jsonl", False) == 11
    with (tmp_path / "a.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert table == [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in rows(tmp_path / "a.db")
    ]
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["content"] for line in lines] == [json.loads(row["content"]) for row in table]


def test_damage_is_a_row(tmp_path: Path) -> None:
    found: list[Entry] = [Damage("j", 64, 8, "no record begins here", False), Missing(7, 3, 2)]
    assert export(found, tmp_path / "a.db", "sqlite", False) == 2
    damage, missing = rows(tmp_path / "a.db")
    assert (damage["kind"], json.loads(str(damage["content"]))["offset"]) == ("DAMAGE", 64)
    assert (missing["kind"], missing["epoch"], missing["sequence"]) == ("MISSING", 7, 3)


def test_numbers_beyond_63_bits_are_text(tmp_path: Path) -> None:
    export([Missing((1 << 64) - 1, 1, 1)], tmp_path / "a.db", "sqlite", False)
    assert rows(tmp_path / "a.db")[0]["epoch"] == str((1 << 64) - 1)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_whole_or_not_there(state: Path, tmp_path: Path, form: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    out = home / "out"

    def breaks() -> Iterator[Entry]:
        for count, entry in enumerate(entries(state)):
            if count == 4:
                raise JournalError("journal", "broken")
            yield entry

    with pytest.raises(JournalError, match="broken"):
        export(breaks(), out, form, False)
    assert os.listdir(home) == []
    out.write_text("mine")
    with pytest.raises(JournalError, match=r"out: is there already; .* --force"):
        export(entries(state), out, form, False)
    with pytest.raises(JournalError, match="broken"):
        export(breaks(), out, form, True)
    assert out.read_text() == "mine"
    export(entries(state), out, form, True)
    assert os.listdir(home) == ["out"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.stat().st_size > 1000


@pytest.mark.parametrize("place", [Path("/dev/null"), Path("/tmp")])
def test_only_a_file_is_replaced(state: Path, place: Path) -> None:
    with pytest.raises(JournalError, match="is there already"):
        export(entries(state), place, "csv", True)
    assert not place.is_file()


def test_nowhere_to_write_is_named(state: Path, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"absent/a\.csv: cannot be written: No such file"):
        export(entries(state), tmp_path / "absent" / "a.csv", "csv", False)


def test_format_by_name(tmp_path: Path) -> None:
    assert format_of(Path("a.DB"), None) == "sqlite"
    assert format_of(Path("a.ndjson"), None) == "jsonl"
    assert format_of(Path("a.db"), "csv") == "csv"
    with pytest.raises(JournalError, match=r"a\.txt: expected a name ending in one of \.sqlite"):
        format_of(Path("a.txt"), None)
