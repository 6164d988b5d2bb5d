"""New orders of every type: what a constructor makes of its words, on the wire and at the venue.

The expected fields stand here as the venue's documents have them (spec sections 9.1 and 9.2). Each
message is held against the official dictionary too: no field and no value that it does not have.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fixengine import wire
from fixengine.fix.dictionary import read
from fixengine.fix.dictionary.model import Dictionary, Member
from fixengine.fix.venue import Complaint, Sender, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import (
    NewOrderSingle,
    PegPriceType,
    SelfTradePreventionMode,
    Side,
    TimeInForce,
    encode,
    request_decoder,
)
from fixengine.messages.rules import PEG_FIELDS, TRIGGER_FIELDS, check_order
from fixengine.simulator.orders import read as read_order
from hypothesis import example, given, settings
from hypothesis import strategies as st

BUY, SELL = Side.BUY, Side.SELL
LIMIT, MAKER, MARKET = NewOrderSingle.limit, NewOrderSingle.limit_maker, NewOrderSingle.market
STOP, STOP_LIMIT = NewOrderSingle.stop_loss, NewOrderSingle.stop_loss_limit
TAKE, TAKE_LIMIT = NewOrderSingle.take_profit, NewOrderSingle.take_profit_limit
TRIGGER = "1100=4 1101=1 1107=2 "
FOK = TimeInForce.FILL_OR_KILL
PRIMARY, MARKET_PEG = PegPriceType.PRIMARY_PEG, PegPriceType.MARKET_PEG

ORDERS: list[tuple[str, NewOrderSingle, str]] = [
    ("limit", LIMIT("S", BUY, "1", "2"), "40=2 54=1 38=1 44=2 59=1"),
    ("fok", LIMIT("S", SELL, "1", "2", time_in_force=FOK), "40=2 54=2 38=1 44=2 59=4"),
    ("sor", LIMIT("S", BUY, "1", "2", sor=True), "40=2 54=1 38=1 44=2 59=1 25032=Y"),
    ("iceberg", LIMIT("S", BUY, "3", "2", max_floor=1), "40=2 54=1 38=3 44=2 59=1 111=1"),
    ("maker", MAKER("S", BUY, "1", "2"), "40=2 18=6 54=1 38=1 44=2"),
    ("hidden maker", MAKER("S", SELL, 9, 2, max_floor=3), "40=2 18=6 54=2 38=9 44=2 111=3"),
    ("market", MARKET("S", BUY, "1"), "40=1 54=1 38=1"),
    ("market by quote", MARKET("S", SELL, cash_order_qty="50"), "40=1 54=2 152=50"),
    ("market sor", MARKET("S", BUY, "1", sor=True), "40=1 54=1 38=1 25032=Y"),
    ("stop buy", STOP("S", BUY, "1", "9"), f"40=3 54=1 38=1 {TRIGGER} 1102=9 1109=U"),
    ("stop sell", STOP("S", SELL, "1", "9"), f"40=3 54=2 38=1 {TRIGGER} 1102=9 1109=D"),
    (
        "trailing stop",
        STOP("S", SELL, "1", "9", trigger_trailing_delta_bips=150),
        f"40=3 54=2 38=1 {TRIGGER} 1102=9 1109=D 25009=150",
    ),
    (
        "stop limit",
        STOP_LIMIT("S", BUY, "1", "8", "9"),
        f"40=4 54=1 38=1 44=8 59=1 {TRIGGER} 1102=9 1109=U",
    ),
    (
        "trailing stop limit",
        STOP_LIMIT("S", SELL, "1", "8", "9", trigger_trailing_delta_bips="5", time_in_force=FOK),
        f"40=4 54=2 38=1 44=8 59=4 {TRIGGER} 1102=9 1109=D 25009=5",
    ),
    ("take buy", TAKE("S", BUY, "1", "9"), f"40=3 54=1 38=1 {TRIGGER} 1102=9 1109=D"),
    ("take sell", TAKE("S", SELL, "1", "9"), f"40=3 54=2 38=1 {TRIGGER} 1102=9 1109=U"),
    (
        "trailing from now",
        TAKE("S", SELL, "1", trigger_trailing_delta_bips=10),
        f"40=3 54=2 38=1 {TRIGGER} 25009=10",
    ),
    (
        "take limit",
        TAKE_LIMIT("S", SELL, "1", "8", "9", max_floor="0.5"),
        f"40=4 54=2 38=1 44=8 59=1 111=0.5 {TRIGGER} 1102=9 1109=U",
    ),
    (
        "take limit from now",
        TAKE_LIMIT("S", BUY, "1", "8", trigger_trailing_delta_bips=10),
        f"40=4 54=1 38=1 44=8 59=1 {TRIGGER} 25009=10",
    ),
    (
        "pegged",
        LIMIT("S", BUY, "1", None, peg_price_type=PRIMARY),
        "40=P 54=1 38=1 59=1 1094=5 835=1",
    ),
    (
        "pegged deeper",
        LIMIT("S", BUY, "1", "2", peg_price_type=MARKET_PEG, peg_offset_value=3),
        "40=P 54=1 38=1 44=2 59=1 1094=4 835=1 836=3 211=3",
    ),
    (
        "pegged maker",
        MAKER("S", SELL, "1", None, peg_price_type=PRIMARY),
        "40=P 18=6 54=2 38=1 1094=5 835=1",
    ),
    (
        "pegged stop",
        STOP_LIMIT("S", SELL, "1", None, "9", peg_price_type=MARKET_PEG),
        f"40=P 54=2 38=1 59=1 1094=4 835=1 {TRIGGER} 1102=9 1109=D",
    ),
    (
        "labelled",
        MARKET(
            "S",
            BUY,
            "1",
            target_strategy=1_000_000,
            strategy_id=-7,
            self_trade_prevention_mode=SelfTradePreventionMode.DECREMENT,
        ),
        "40=1 54=1 38=1 847=1000000 7940=-7 25001=5",
    ),
]
FORM = template(BINANCE_SPOT, b"D", Sender.CLIENT, "ME")
TIME = b"20260101-00:00:00.000000"


def fields_of(raw: bytes) -> dict[int, str]:
    """The fields of a message behind its header, by tag."""
    framer = wire.Framer()
    framer.feed(raw)
    pairs = next(framer).fields()
    header = (8, 9, 35, 49, 56, 34, 52, 10)
    found = {tag: value.decode() for tag, value in pairs if tag not in header}
    assert len(found) == len([tag for tag, _ in pairs if tag not in header])
    return found


def expected(text: str) -> dict[int, str]:
    pairs = (part.partition("=") for part in f"{text} 55=S 11=id".split())
    return {int(tag): value for tag, _, value in pairs}


@pytest.mark.parametrize(("order", "text"), [one[1:] for one in ORDERS], ids=[o[0] for o in ORDERS])
def test_an_order_is_these_fields_on_the_wire(order: NewOrderSingle, text: str) -> None:
    order.cl_ord_id = "id"
    assert fields_of(FORM.encode(order, 1, TIME)) == expected(text)
    payload = encode(order)
    assert fields_of(FORM.encode_payload(payload, 1, TIME)) == expected(text)
    assert request_decoder.decode(payload) == order


def tags_of(members: tuple[Member, ...]) -> set[int]:
    return {member.tag for member in members}


@pytest.fixture(scope="module")
def official(shared_data: Path) -> Dictionary:
    return read((shared_data / "spot-fix-oe.xml").read_bytes())


@pytest.mark.parametrize("text", [one[2] for one in ORDERS], ids=[one[0] for one in ORDERS])
def test_the_official_dictionary_has_each_field_and_value(text: str, official: Dictionary) -> None:
    found = expected(text)
    members = official.messages["D"].members
    assert found.keys() <= tags_of(members)
    assert {member.tag for member in members if member.required == "Y"} <= found.keys()
    for tag, value in found.items():
        assert value in official.enums.get(tag, {value: ""}), tag


@pytest.mark.parametrize("order", [one[1] for one in ORDERS], ids=[one[0] for one in ORDERS])
def test_the_venue_finds_no_fault_in_it(order: NewOrderSingle) -> None:
    assert not isinstance(read_order(order), Complaint)


REFUSED: list[tuple[str, Any, Any, str]] = [
    ("side", LIMIT, ("S", "3", "1", "2"), "side"),
    ("no symbol", LIMIT, ("", BUY, "1", "2"), "symbol"),
    ("nothing", LIMIT, ("S", BUY, 0, "2"), "order_qty"),
    ("free", LIMIT, ("S", BUY, "1", "0.0"), "price"),
    ("no price", LIMIT, ("S", BUY, "1", None), "price"),
    ("no quantity", STOP, ("S", BUY, None, "2"), "order_qty"),
    ("no time in force", LIMIT, ("S", BUY, "1", "2", {"time_in_force": None}), "time_in_force"),
    ("iceberg fok", LIMIT, ("S", BUY, "1", "2", {"time_in_force": "4", "max_floor": 1}), "max_fl"),
    ("iceberg too big", LIMIT, ("S", BUY, "1", "2", {"max_floor": "1.1"}), "max_floor"),
    ("neither amount", MARKET, ("S", BUY), "order_qty"),
    ("both amounts", MARKET, ("S", BUY, "1", {"cash_order_qty": "1"}), "order_qty"),
    ("sor by quote", MARKET, ("S", BUY, {"cash_order_qty": "1", "sor": True}), "sor"),
    ("no trigger", TAKE, ("S", BUY, "1"), "trigger_price"),
    ("half a bip", TAKE, ("S", BUY, "1", {"trigger_trailing_delta_bips": "0.5"}), "trigger_tr"),
    ("no bip", TAKE, ("S", BUY, "1", {"trigger_trailing_delta_bips": 0}), "trigger_trailing"),
    ("peg nowhere", LIMIT, ("S", BUY, "1", "2", {"peg_price_type": "6"}), "peg_price_type"),
    (
        "peg too deep",
        LIMIT,
        ("S", BUY, "1", "2", {"peg_price_type": "4", "peg_offset_value": 101}),
        "peg_offset_value",
    ),
    ("peg offset alone", LIMIT, ("S", BUY, "1", "2", {"peg_offset_value": 1}), "peg_offset_value"),
    ("maker at market", MAKER, ("S", BUY, "1", "2", {"peg_price_type": "4"}), "peg_price_type"),
    (
        "primary fok",
        LIMIT,
        ("S", BUY, "1", "2", {"peg_price_type": "5", "time_in_force": "4"}),
        "time_in_force",
    ),
    ("pegged sor", LIMIT, ("S", BUY, "1", "2", {"peg_price_type": "5", "sor": True}), "sor"),
    ("strategy type", MARKET, ("S", BUY, "1", {"target_strategy": 999_999}), "target_strategy"),
    ("strategy id", MARKET, ("S", BUY, "1", {"strategy_id": "x"}), "strategy_id"),
    ("no digit of ASCII", MARKET, ("S", BUY, "1", {"strategy_id": "²"}), "strategy_id"),
    ("too many digits", MARKET, ("S", BUY, "1", {"target_strategy": "9" * 5000}), "target_st"),
    (
        "prevention",
        LIMIT,
        ("S", BUY, "1", "2", {"self_trade_prevention_mode": "DECREMENT"}),
        "self_trade_prevention_mode",
    ),
]


@pytest.mark.parametrize(
    ("make", "words", "field"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED]
)
def test_what_the_venue_would_refuse_is_refused_by_field(make: Any, words: Any, field: str) -> None:
    options = words[-1] if isinstance(words[-1], dict) else {}
    plain = words[:-1] if options else words
    with pytest.raises(ValueError, match=f"^{field}"):
        make(*plain, **options)


ANY_ORDER: dict[str, st.SearchStrategy[Any]] = {
    "ord_type": st.sampled_from("1234P"),
    "side": st.sampled_from("12"),
    **{
        name: st.none() | st.sampled_from(values)
        for name, values in (
            ("order_qty", ("1", "2")),
            ("price", ("1",)),
            ("cash_order_qty", ("1",)),
            ("time_in_force", ("1", "3", "4")),
            ("exec_inst", ("6",)),
            ("max_floor", ("1", "2")),
            ("trigger_type", ("4",)),
            ("trigger_action", ("1",)),
            ("trigger_price", ("1",)),
            ("trigger_price_type", ("2",)),
            ("trigger_price_direction", ("U", "D")),
            ("trigger_trailing_delta_bips", ("1",)),
            ("peg_offset_value", ("1",)),
            ("peg_price_type", ("4", "5")),
            ("peg_move_type", ("1",)),
            ("peg_offset_type", ("3",)),
            ("sor", ("Y",)),
            ("target_strategy", ("1", "1000000")),
        )
    },
}


@given(st.fixed_dictionaries({}, optional=ANY_ORDER), st.sets(st.sampled_from(sorted(ANY_ORDER))))
@settings(max_examples=400, deadline=None, database=None)
@example(
    {"ord_type": "2", "side": "1", "order_qty": "1", "price": "1", "time_in_force": "1"}, set()
)
def test_what_passes_here_passes_at_the_venue(values: dict[str, Any], without: set[str]) -> None:
    """Two programs by the same documents: ours may be stricter, and never laxer."""
    kept = {name: value for name, value in values.items() if name not in without}
    order = NewOrderSingle(symbol="S", **{"ord_type": "2", "side": "1", **kept})
    try:
        check_order(order)
    except ValueError:
        return
    assert not isinstance(read_order(order), Complaint), order


def test_a_check_looks_at_every_field_there_is() -> None:
    """A field that is new is in no rule yet: then this test asks for one."""
    free = {"cl_ord_id", "epoch", "sent_ns", "valid_for_ms", "recv_window_ms"}
    seen: set[str] = set()

    class Watched(SimpleNamespace):
        def __getattribute__(self, name: str) -> Any:
            seen.add(name)
            return super().__getattribute__(name)

    for _, order, _ in ORDERS:
        check_order(Watched(**{name: getattr(order, name) for name in order.__struct_fields__}))
    assert set(NewOrderSingle.__struct_fields__) - free <= seen
    assert {*TRIGGER_FIELDS, *PEG_FIELDS} <= seen
