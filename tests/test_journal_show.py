"""What people and programs are shown of the journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fixengine import messages
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.network.journal import (
    Damage,
    Entry,
    Journal,
    JournalError,
    Kind,
    Missing,
    Record,
    named,
)
from fixengine.network.journal.choice import Choice, select
from fixengine.network.journal.record import Carried
from fixengine.network.journal.show import show, show_json, show_text, utc_text
from hypothesis import given
from hypothesis import strategies as st

WALL_NS = 1_719_487_045_223_000_456  # 2024-06-27T11:17:25.223000456Z

order = messages.NewOrderSingle.limit("BTCUSDT", "1", "0.5", "10.00", cl_ord_id="a-1")
report = messages.ExecutionReport(
    report_seq=3,
    epoch=7,
    source="EX1",
    replayed=False,
    received_ns=5,
    cl_ord_id="a-1",
    orig_cl_ord_id=None,
    wire_cl_ord_id="1-7-1",
    wire_orig_cl_ord_id=None,
    symbol="BTCUSDT",
    exec_type="F",
    ord_status="2",
    misc_fees=(messages.MiscFee("0.001", "BNB"),),
    extra=((25999, b"\xff\x1b"),),
)


def record(kind: int, data: bytes, sequence: int = 1, line: int = 0, now_ns: int = 100) -> Record:
    return Record(7, sequence, kind, line, 0, now_ns, WALL_NS, data)


def text_of(entry: Entry) -> str:
    return list(show_text([entry]))[-1]


def content_of(entry: Entry) -> Any:
    (line,) = show_json([entry])
    return json.loads(line)["content"]


def test_frame_in_both_forms() -> None:
    frame = b"8=FIX.4.4\x019=5\x0135=A\x0195=3\x0196=a\x01b\x01553=KEY\x0158=\xc3\xa9\x0110=000\x01"
    shown = record(Kind.FRAME_OUT, frame, sequence=17, line=2)
    assert list(show_text([shown])) == [
        "-- run 7",
        "2024-06-27T11:17:25.223000456Z +0ns #17 FRAME_OUT line 2"
        " 8=FIX.4.4|9=5|35=A|95=3|96=***|553=***|58=é|10=000|",
    ]
    (line,) = show_json([shown])
    assert json.loads(line) == {
        "epoch": 7,
        "sequence": 17,
        "kind": "FRAME_OUT",
        "line": 2,
        "flags": 0,
        "now_ns": 100,
        "time": "2024-06-27T11:17:25.223000456Z",
        "content": {
            "frame": "8=FIX.4.4\x019=5\x0135=A\x0195=3\x0196=***\x01553=***\x0158=é\x0110=000\x01"
        },
    }


def test_a_request_carried_over_is_readable() -> None:
    entry = Carried(1, "a-1", "BTCUSDT", "final", "77", None, ["E5"], messages.encode(report))
    shown = content_of(record(Kind.CARRIED, named("1-7-1", messages.encode(entry))))
    outcome = shown.pop("outcome")
    assert shown == {
        "wire_cl_ord_id": "1-7-1",
        "strategy": 1,
        "cl_ord_id": "a-1",
        "symbol": "BTCUSDT",
        "standing": "final",
        "order_id": "77",
        "seen": ["E5"],
    }
    assert (outcome["message"], outcome["exec_type"]) == ("ExecutionReport", "F")
    entry.outcome = None
    entry.filled, entry.request = 50_000_000, messages.encode(order)
    shown = content_of(record(Kind.CARRIED, named("1-7-1", messages.encode(entry))))
    assert (shown["filled"], shown["request"]["price"]) == ("0.50000000", "10.00")
    entry.filled, entry.request = 0, b""
    text = text_of(record(Kind.CARRIED, named("1-7-1", messages.encode(entry))))
    assert text.endswith(
        " CARRIED line 0 wire_cl_ord_id=1-7-1 strategy=1 cl_ord_id=a-1 symbol=BTCUSDT"
        ' standing=final order_id=77 seen=["E5"]'
    )
    assert content_of(record(Kind.CARRIED, named("1-7-1", b"\x90"))) == {
        "wire_cl_ord_id": "1-7-1",
        "hex": "90",
    }


def test_garbage_in_a_frame_cannot_steer_a_terminal() -> None:
    shown = record(Kind.FRAME_IN, b"8=FIX\x01\x1b[2J\x00\n\xff\x01")
    assert text_of(shown).endswith(r" 8=FIX|\x1b[2J\x00\n\xff|")
    assert content_of(shown) == {"hex": "383d464958011b5b324a000aff01"}


def test_times_are_relative_to_the_line_before() -> None:
    lines = list(show_text([record(6, b"", now_ns=100), record(7, b"", now_ns=1350)]))
    assert lines[2] == "2024-06-27T11:17:25.223000456Z +1250ns #1 TICK line 0"


def test_orders_and_reports_are_decoded() -> None:
    payload = messages.encode(order)
    assert text_of(record(Kind.ORDER, named("quoter.x1", payload))).endswith(
        " ORDER line 0 NewOrderSingle peer=quoter.x1 cl_ord_id=a-1 epoch=0 sent_ns=0"
        " valid_for_ms=0 symbol=BTCUSDT side=1 ord_type=2 order_qty=0.5 price=10.00 time_in_force=1"
        " recv_window_ms=0"
    )
    intent = content_of(record(Kind.INTENT, named("1-7-1", payload)))
    assert intent["wire_cl_ord_id"] == "1-7-1"
    assert (intent["message"], intent["price"]) == ("NewOrderSingle", "10.00")
    # The name may be left off.
    assert content_of(record(Kind.ORDER, payload))["message"] == "NewOrderSingle"
    delivered = content_of(record(Kind.DELIVERED, named("quoter", messages.encode(report))))
    assert (delivered["strategy"], delivered["message"]) == ("quoter", "ExecutionReport")
    assert delivered["misc_fees"] == [{"misc_fee_amt": "0.001", "misc_fee_curr": "BNB"}]
    assert delivered["extra"] == [[25999, "\\xff\x1b"]]


def test_token_of_a_hello_is_never_shown() -> None:
    shown = record(
        Kind.STRATEGY, named("quoter.x1", messages.encode(messages.Hello("quoter", "T0K3N")))
    )
    assert "T0K3N" not in text_of(shown)
    assert content_of(shown)["token"] == "*****"


@pytest.mark.parametrize(
    ("kind", "data", "text", "content"),
    [
        (Kind.START, b'{"epoch":7}', '{"epoch":7}', {"value": {"epoch": 7}}),
        (Kind.LINK, b"up\x07", r"up\x07", {"text": "up\x07"}),
        (Kind.LINK, b"\xff", "ff", {"hex": "ff"}),
        (Kind.CONTROL, b"[1]", "[1]", {"value": [1]}),
        (Kind.CLOCK, bytes(8), "wall_offset_ns=0", {"wall_offset_ns": 0}),
        (Kind.CLOCK, bytes(3), "000000", {"hex": "000000"}),
        (Kind.ORDER, b"\x93abc", "93616263", {"hex": "93616263"}),
        (Kind.STRATEGY, named("quoter", b""), "strategy=quoter", {"strategy": "quoter"}),
        (250, b"\x00\x01", "0001", {"hex": "0001"}),
    ],
)
def test_other_kinds(kind: int, data: bytes, text: str, content: Any) -> None:
    assert text_of(record(kind, data)).endswith(f" line 0 {text}")
    assert content_of(record(kind, data)) == content


def test_unknown_kind_has_a_name() -> None:
    assert " KIND_250 line 0" in text_of(record(250, b""))


def test_damage_and_missing_records_are_shown() -> None:
    damage = Damage("/j/journal-7.fxj", 64, 40, "the record's checksum does not match", False)
    assert text_of(damage) == (
        "-- damage: /j/journal-7.fxj at offset 64: the record's checksum does not match (40 bytes)"
    )
    assert text_of(damage._replace(last=True)).startswith("-- torn last record: ")
    assert text_of(Missing(7, 5, 2)) == "-- 2 records missing from #5 on (run 7)"
    assert [json.loads(line) for line in show_json([damage, Missing(7, 5, 2)])] == [
        {
            "damage": {
                "path": "/j/journal-7.fxj",
                "offset": 64,
                "byte_count": 40,
                "reason": "the record's checksum does not match",
                "last": False,
            }
        },
        {"missing": {"epoch": 7, "sequence": 5, "record_count": 2}},
    ]


def test_time_beyond_any_calendar_is_shown_as_a_number() -> None:
    assert utc_text(10**30) == f"{10**30}ns"
    assert utc_text(-1) == "1969-12-31T23:59:59.999999999Z"


def test_select() -> None:
    damage = Damage("x", 0, 1, "y", False)
    found: list[Entry] = [record(5, b"", 1, 1), record(4, b"", 2, 1), damage, record(5, b"", 3, 2)]

    def chosen(tail: int | None = None, **wanted: Any) -> list[Entry]:
        return list(select(found, Choice(**wanted), BINANCE_SPOT.own, tail))

    assert chosen() == found
    assert chosen(kind=5) == [found[0], damage, found[3]]
    assert chosen(line=1) == [found[0], found[1], damage]
    assert chosen(kind=5, line=2, tail=1) == [found[3]]
    assert chosen(tail=0) == []


@given(st.integers(0, 255), st.integers(-(1 << 63), (1 << 63) - 1), st.binary(max_size=60))
def test_whatever_a_record_holds_it_is_one_printable_line(
    kind: int, wall_ns: int, data: bytes
) -> None:
    shown = Record(7, 1, kind, 0, 0, 0, wall_ns, data)
    assert text_of(shown).isprintable()
    (line,) = show_json([shown])
    json.loads(line)
    assert "\n" not in line


def test_show_a_state_directory(tmp_path: Path) -> None:
    journal = Journal.open(
        tmp_path, 7, 0, ring_bytes=4096, file_bytes_max=1 << 20, shared_memory=tmp_path
    )
    for number in range(5):
        assert journal.append(Kind.LINK, number, number % 2, b"up")
    assert journal.append(Kind.TICK, 5, 0, b"")
    assert journal.close(60)
    own = BINANCE_SPOT.own
    lines = list(show(tmp_path, False, Choice(kind=Kind.LINK, line=0), own, tail=2))
    assert [line.split()[2:] for line in lines[1:]] == [
        ["#3", "LINK", "line", "0", "up"],
        ["#5", "LINK", "line", "0", "up"],
    ]
    assert len(list(show(tmp_path / "journal" / "journal-7.fxj", True, Choice(), own))) == 6
    with pytest.raises(JournalError, match="no journal here"):
        list(show(Path("/proc/self/fd"), False, Choice(), own))
