"""Choosing records: by strategy, by any id of an order, by symbol, by time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_in_memory import Engine
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import NewOrderSingle, OrderCancelRequestAndNewOrderSingle, oto
from fixengine.network.journal import JournalError, Kind, Record, entries
from fixengine.network.journal.choice import Choice, kind_number, moment_ns, select
from fixengine.network.journal.verify import Verifier
from journal_story import BEGIN_NS, STEP_NS, Told, answered, asked, cancelled, ids, start, tell

first, second = ids("maker", 1), ids("taker", 2)
other = ids("maker", 3, "ETHUSDT")
cancel = ids("maker", 4)

OF_FIRST = [2, 3, 4, 8, 9, 10, 11, 12, 18, 19]
"""Sequence numbers of the first order's records, its cancel's among them."""
STORY = [
    start(),  # 1
    *asked(first),
    *asked(second),  # 5
    *cancelled(first, cancel),  # 8: before the venue named the order
    *answered(first, 1),  # 11
    *asked(other),  # 13
    *answered(second, 1),  # 16
    *answered(first, 2, cancel),  # 18
    *answered(other, 3),  # 20
]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    tell(tmp_path, *STORY)
    return tmp_path


def chosen(state: Path, tail: int | None = None, **wanted: object) -> list[int]:
    choice = Choice()._replace(**wanted)
    found = select(entries(state), choice, BINANCE_SPOT.own, tail)
    return [entry.sequence for entry in found if isinstance(entry, Record)]


@pytest.mark.parametrize("any_id", [first.own, first.wire, first.order_id, cancel.own, cancel.wire])
def test_any_id_of_an_order_finds_all_of_it(state: Path, any_id: str) -> None:
    assert chosen(state, order=any_id) == OF_FIRST


def test_by_strategy(state: Path) -> None:
    assert chosen(state, strategy="taker") == [5, 6, 7, 16, 17]
    assert chosen(state, strategy="maker") == sorted([*OF_FIRST, 13, 14, 15, 20, 21])
    assert chosen(state, strategy="nobody") == []


def test_one_id_of_two_strategies_is_told_apart_by_the_strategy(tmp_path: Path) -> None:
    twin = second._replace(own=first.own)
    tell(tmp_path, *asked(first), *asked(twin), *answered(twin, 1), *answered(first, 1))
    assert chosen(tmp_path, order=first.own) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert chosen(tmp_path, order=first.own, strategy="taker") == [4, 5, 6, 7, 8]
    assert chosen(tmp_path, order=first.wire) == [1, 2, 3, 9, 10]


def test_by_symbol_also_what_does_not_name_it(state: Path) -> None:
    assert chosen(state, symbol="ETHUSDT") == [13, 14, 15, 20, 21]
    # The cancel's ORDER and INTENT name the order only.
    found = chosen(state, symbol="BTCUSDT")
    assert found == sorted([*OF_FIRST, 5, 6, 7, 16, 17])


def test_by_kind_line_and_time(state: Path) -> None:
    assert chosen(state, kind=Kind.INTENT) == [3, 6, 9, 14]
    assert chosen(state, line=2) == []
    from_ns, to_ns = BEGIN_NS + 4 * STEP_NS, BEGIN_NS + 6 * STEP_NS
    assert chosen(state, from_ns=from_ns) == list(range(5, 22))
    assert chosen(state, from_ns=from_ns, to_ns=to_ns) == [5, 6]
    # An order is known by what lies outside of the time as well.
    assert chosen(state, from_ns=from_ns, order=first.order_id, tail=3) == [12, 18, 19]


def test_damage_always_passes(state: Path) -> None:
    with (state / "journal" / f"journal-{BEGIN_NS // 10**9}.fxj").open("ab") as file:
        file.write(b"torn")
    found = list(select(entries(state), Choice(strategy="nobody"), BINANCE_SPOT.own))
    assert len(found) == 1


NOW_NS = 1_772_357_400_000_000_000  # 2026-03-01T09:30:00Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T09:30:00Z", NOW_NS),
        ("2026-03-01 09:30", NOW_NS),
        ("2026-03-01", NOW_NS - 34_200 * 10**9),
        ("2026-03-01T09:30:00.000000001", NOW_NS + 1),
        ("2026-03-01T09:30:01.5", NOW_NS + 1_500_000_000),
        ("90s", NOW_NS - 90 * 10**9),
        ("1h30m", NOW_NS - 5400 * 10**9),
        ("2d", NOW_NS - 2 * 86_400 * 10**9),
        ("250ms", NOW_NS - 250_000_000),
        ("1m1ms", NOW_NS - 60_001_000_000),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert moment_ns("--from", text, NOW_NS) == expected


@pytest.mark.parametrize(
    "text",
    ["", "now", "10", "-5m", "1.5h", "2026-13-01", "2026-00-10", "0000-01-01", "2026-02-30",
     "2026-03-01T24:00", "2026-03-01T09:30:00+01:00", "2026-03-01T09", "５m", "1h\n"],
)  # fmt: skip
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(JournalError, match=r"^--to: (expected a UTC time|there is no such time)"):
        moment_ns("--to", text, NOW_NS)


def test_kind_by_name_or_number() -> None:
    assert kind_number("frame_in") == Kind.FRAME_IN
    assert kind_number("250") == 250
    with pytest.raises(JournalError, match=r"kind: expected one of START, ORDER,.* got 'fill'"):
        kind_number("fill")


def recorded(*requests: Any) -> list[Told]:
    """What the walk records of requests about new orders, the first one answered."""
    engine = Engine()
    for request in requests:
        engine.request(request)
    return [(Kind(kind), data) for kind, data in engine.journal.records]


def test_a_list_is_found_by_its_own_id_and_by_each_of_its_orders(tmp_path: Path) -> None:
    make = NewOrderSingle.limit
    working = make("BTCUSDT", "1", "1", "49000", cl_ord_id="w")
    listed = oto(working, make("BTCUSDT", "2", "1", "51000", cl_ord_id="p"), cl_list_id="l")
    other = make("BTCUSDT", "1", "1", "48000", cl_ord_id="other")
    tell(tmp_path, *recorded(listed, other))
    found = [chosen(tmp_path, order=name) for name in ("l", "w", "p")]
    assert found[0] == found[1] == found[2]
    kinds = [entry.kind for entry in entries(tmp_path) if isinstance(entry, Record)]
    assert [kinds[at - 1] for at in found[0]] == [Kind.ORDER, Kind.INTENT, Kind.FRAME_OUT]


def test_a_cancel_and_the_order_in_its_place_are_found_together(tmp_path: Path) -> None:
    make = NewOrderSingle.limit
    first = make("BTCUSDT", "1", "1", "49000", cl_ord_id="first")
    replacing = OrderCancelRequestAndNewOrderSingle.replacing(
        "first", make("BTCUSDT", "1", "1", "48000", cl_ord_id="n"), cancel_cl_ord_id="half"
    )
    tell(tmp_path, *recorded(first, replacing))
    found = [chosen(tmp_path, order=name) for name in ("first", "n", "half")]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 6
    assert Verifier(tmp_path).run(lambda done, total, records: None).problems == []
