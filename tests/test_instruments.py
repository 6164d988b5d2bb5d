"""Rules of symbols: which order breaks which, rounding on request, and where rules come from."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from engine_in_memory import Engine
from fixengine import wire
from fixengine.client import Client, NoInstrument
from fixengine.desk.instruments import AGAIN_NS, DOUBTED_NS, SYMBOLS_MAX, Instruments
from fixengine.messages import (
    Instrument,
    InstrumentRequest,
    NewOrderSingle,
    OrderAmendKeepPriorityRequest,
    OrderCancelRequestAndNewOrderSingle,
    PegPriceType,
    Refused,
    Side,
    encode,
    oto,
)
from fixengine.network.instrument_room import NAMES, instrument
from fixengine.network.sources.answers import Because, Filter, Problem, Symbol
from fixengine.network.sources.asks import INSTRUMENTS, KEPT, Ask
from fixengine.network.sources.kept import FILE, Kept
from fixengine.testing import SimulatedEngine
from hypothesis import given
from hypothesis import strategies as st
from sessions_in_memory import WALL_NS

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
BUY, SELL = Side.BUY, Side.SELL
LIMIT, MARKET, STOP = NewOrderSingle.limit, NewOrderSingle.market, NewOrderSingle.stop_loss
S = "BTCUSDT"
RULES = Instrument(
    0,
    0,
    S,
    base_precision=5,
    quote_precision=4,
    min_price="0.01",
    max_price="1000000",
    tick_size="0.01",
    min_qty="0.001",
    max_qty="9000",
    step_size="0.0005",
    market_min_qty="0.002",
    market_max_qty="100",
    min_notional="5",
    max_notional="9000000",
    iceberg_parts_max=10,
)
TOLD_MS = WALL_NS // 1_000_000 - 7_200_000


def test_a_market_order_is_rounded_so_that_it_keeps_its_own_rules() -> None:
    coarse = msgspec.structs.replace(RULES, market_step_size="0.01")
    rounded = coarse.rounded(MARKET(S, BUY, "1.2345"))
    assert (rounded.order_qty, coarse.broken(rounded)) == ("1.23", None)
    rounded = coarse.rounded(MARKET(S, BUY, cash_order_qty="50.00009"))
    assert (rounded.cash_order_qty, coarse.broken(rounded)) == ("50.0000", None)
    assert coarse.rounded(LIMIT(S, BUY, "1.2345", "5")).order_qty == "1.2345"


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        (LIMIT(S, BUY, "0.001", "5000"), None),
        (LIMIT(S, BUY, "0.0010", "5000.010"), None),
        (LIMIT(S, BUY, "0.001", "5000.001"), "PRICE_FILTER"),
        (LIMIT(S, BUY, "1", "0.009"), "PRICE_FILTER"),
        (LIMIT(S, BUY, "0.001", "1000000.01"), "PRICE_FILTER"),
        (LIMIT(S, BUY, "0.0009", "50000"), "LOT_SIZE"),
        (LIMIT(S, BUY, "0.0012", "50000"), "LOT_SIZE"),
        (LIMIT(S, BUY, "9000.5", "50000"), "LOT_SIZE"),
        (LIMIT(S, BUY, "0.001", "4999.99"), "NOTIONAL"),
        (LIMIT(S, BUY, "180.5", "50000"), "NOTIONAL"),
        (LIMIT(S, BUY, "0.011", "5000", max_floor="0.001"), "ICEBERG_PARTS"),
        (LIMIT(S, BUY, "0.010", "5000", max_floor="0.001"), None),
        (LIMIT(S, BUY, "0.010", "5000", max_floor="0.0007"), "LOT_SIZE"),
        (MARKET(S, BUY, "0.002"), None),
        (MARKET(S, BUY, "0.001"), "MARKET_LOT_SIZE"),
        (MARKET(S, BUY, "100.5"), "MARKET_LOT_SIZE"),
        (MARKET(S, BUY, cash_order_qty="50"), None),
        (MARKET(S, BUY, cash_order_qty="50.00001"), "PRECISION"),
        (STOP(S, SELL, "1", "5000"), None),
        (STOP(S, SELL, "1", "5000.005"), "PRICE_FILTER"),
        (LIMIT(S, BUY, "1", None, peg_price_type=PegPriceType.PRIMARY_PEG), None),
        (LIMIT(S, BUY, "0.0012", None, peg_price_type=PegPriceType.PRIMARY_PEG), "LOT_SIZE"),
    ],
)
def test_the_rule_that_an_order_breaks_is_named(order: NewOrderSingle, rule: str | None) -> None:
    broken = RULES.broken(order)
    assert (None if broken is None else broken.rule) == rule


def test_a_part_that_is_zero_is_off() -> None:
    free = Instrument(0, 0, S)
    assert free.broken(LIMIT(S, BUY, "0.00000001", "99999999.12345678")) is None
    assert free.broken(LIMIT(S, BUY, "0.000000001", "1")) is not None, "but for its precision"


def test_amounts_of_any_size_are_counted_in_full() -> None:
    huge = "9" * 40 + ".01"
    broken = Instrument(0, 0, S, tick_size="0.01", step_size="0.00000001").broken(
        LIMIT(S, BUY, huge, huge)
    )
    assert broken is None


AMOUNTS = st.decimals(min_value=0, max_value=10**12, places=8, allow_nan=False)


@given(AMOUNTS, st.sampled_from([BUY, SELL]), st.sampled_from(["0.01", "0.03", "5", "0.00000001"]))
def test_a_rounded_price_is_the_next_that_is_no_worse(value: Decimal, side: str, tick: str) -> None:
    instrument = Instrument(0, 0, S, tick_size=tick)
    found, step = Decimal(instrument.price(value, side)), Decimal(tick)
    assert found % step == 0
    lost = value - found if side == BUY else found - value
    assert 0 <= lost < step


@given(AMOUNTS)
def test_a_rounded_quantity_is_the_next_lower(value: Decimal) -> None:
    found = Decimal(RULES.quantity(value))
    assert found % Decimal("0.0005") == 0 and 0 <= value - found < Decimal("0.0005")


def test_an_order_is_rounded_as_a_copy_and_only_on_request() -> None:
    order = LIMIT(S, SELL, "0.01234", "5000.001", max_floor="0.0061")
    rounded = RULES.rounded(order)
    assert (rounded.order_qty, rounded.price, rounded.max_floor) == ("0.0120", "5000.01", "0.0060")
    assert (order.order_qty, order.price) == ("0.01234", "5000.001")
    stop = RULES.rounded(STOP(S, BUY, "1", "5000.019"))
    assert (stop.trigger_price, stop.price) == ("5000.01", None)
    with pytest.raises(TypeError, match=r"^price: a float"):
        RULES.price(1.5, BUY)  # type: ignore[arg-type]


def test_every_column_comes_from_a_field_of_a_filter() -> None:
    columns = [name for names in NAMES.values() for name in names]
    assert set(columns) <= set(Instrument.__struct_fields__)
    theirs = {name for names in NAMES.values() for name in names.values()}
    assert theirs <= set(Filter.__struct_fields__)


@pytest.mark.parametrize("rule", ["NOTIONAL", "MIN_NOTIONAL"])
def test_the_rule_of_the_notional_has_the_venues_name(rule: str) -> None:
    told = Symbol(S, "TRADING", "BTC", "USDT", filters=(Filter(rule, min_notional="5"),))
    broken = instrument(told).broken(LIMIT(S, BUY, "0.001", "4999"))
    assert broken is not None and broken.rule == rule


@pytest.mark.parametrize(
    ("make", "side", "price", "fits", "fails"),
    [
        (NewOrderSingle.stop_loss, BUY, "60000", "20", "9"),
        (NewOrderSingle.stop_loss, SELL, "40000", "50", "101"),
        (NewOrderSingle.take_profit, SELL, "60000", "10", "21"),
        (NewOrderSingle.take_profit, BUY, "40000", "100", "49"),
        (NewOrderSingle.take_profit, SELL, None, "20", "50"),
        (NewOrderSingle.take_profit, BUY, None, "50", "20"),
    ],
)
def test_how_far_a_stop_may_trail_hangs_on_its_direction(
    make: Any, side: Side, price: str | None, fits: str, fails: str
) -> None:
    names = ("min_trailing_above_delta", "max_trailing_above_delta")
    names += ("min_trailing_below_delta", "max_trailing_below_delta")
    bounds = dict(zip(names, (10, 20, 50, 100), strict=True))
    told = Symbol(S, "TRADING", "BTC", "USDT", filters=(Filter("TRAILING_DELTA", **bounds),))
    rules = instrument(told)
    assert rules.broken(make(S, side, 1, price, trigger_trailing_delta_bips=fits)) is None
    broken = rules.broken(make(S, side, 1, price, trigger_trailing_delta_bips=fails))
    assert broken is not None and broken.rule == "TRAILING_DELTA"
    assert broken.text.startswith(f"trigger_trailing_delta_bips {fails} is ")


# --- what is asked when ---------------------------------------------------------------------


def test_a_symbol_is_asked_for_when_it_is_wanted_then_every_hour_and_in_doubt_at_once() -> None:
    table = Instruments(HOUR_NS)
    assert (table.deadline, table.due(0)) == (None, None)
    table.broken([LIMIT(S, BUY, 1, 1)], 5)
    assert (table.deadline, table.due(5)) == (5, S)
    assert (table.deadline, table.due(5)) == (None, None), "it is asked already"
    table.told(RULES, 5)
    assert table.answered(5) is None
    table.doubt(S, 6)
    assert table.due(6) is None, "it was told just now"
    assert table.deadline == 5 + HOUR_NS
    table.doubt(S, 5 + DOUBTED_NS)
    assert table.due(5 + DOUBTED_NS) == S


def test_nothing_is_due_while_another_answer_comes_first() -> None:
    table = Instruments(HOUR_NS)
    table.hold(True)
    table.want(S, 5)
    assert (table.deadline, table.due(5)) == (None, None)
    table.hold(False)
    assert (table.deadline, table.due(5)) == (5, S)
    table.answered(6)
    assert table.deadline == 6 + HOUR_NS


@pytest.mark.parametrize(("refused", "wait_ns"), [(False, AGAIN_NS), (True, HOUR_NS)])
def test_a_question_that_failed_is_asked_again(refused: bool, wait_ns: int) -> None:
    table = Instruments(HOUR_NS)
    table.want(S, 0)
    assert table.due(0) == S
    table.answered(0, refused)
    assert (table.due(wait_ns - 1), table.due(wait_ns)) == (None, S)


def test_rules_of_an_earlier_run_hold_and_are_asked_for_when_they_are_old() -> None:
    table = Instruments(HOUR_NS)
    table.told(RULES, 0, age_ns=HOUR_NS // 2)
    assert table.broken([LIMIT(S, BUY, 1, "0.001")], 0) is not None
    assert table.deadline == HOUR_NS // 2
    table.told(RULES, 0, age_ns=9 * HOUR_NS)
    assert table.deadline == 0


def test_invented_symbols_have_an_end() -> None:
    table = Instruments(HOUR_NS)
    assert all(table.want(f"S{number}", 0) for number in range(SYMBOLS_MAX))
    assert not table.want("one more", 0)


# --- in the walk ----------------------------------------------------------------------------


class Desk:
    """An engine whose questions to REST the test answers."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.room = self.engine.gateway.instruments
        self.room.inquire = self.ask
        self.asked: list[Ask] = []

    def ask(self, ask: Ask) -> int | Problem:
        self.asked.append(ask)
        return len(self.asked)

    def tick(self) -> None:
        self.room.tick(self.engine.now)

    def answer(self, *rows: Any) -> None:
        self.room.on_rows(len(self.asked), rows, True, self.engine.now, WALL_NS)

    def refused(self, request: Any) -> str | None:
        """The text of the refusal of a request, None where it went out."""
        self.engine.wire.written.clear()
        self.engine.request(request)
        heard = [event for event in self.engine.heard() if isinstance(event, Refused)]
        assert bool(heard) != bool(self.engine.wire.written)
        return heard[0].text if heard else None


def symbol(name: str = S, tick: str = "0.01") -> Symbol:
    price = Filter("PRICE_FILTER", min_price="0.01", max_price="1000000", tick_size=tick)
    lot = Filter("LOT_SIZE", min_qty="0.001", max_qty="9000", step_size="0.001")
    return Symbol(name, "TRADING", "BTC", "USDT", (price, lot), told_ms=TOLD_MS)


@pytest.fixture
def desk() -> Desk:
    """What is kept on disk was asked for, and was nothing."""
    desk = Desk()
    desk.tick()
    assert [ask.call for ask in desk.asked] == [KEPT]
    desk.answer()
    return desk


def test_the_first_order_in_a_symbol_goes_out_and_the_next_is_checked(desk: Desk) -> None:
    assert desk.refused(desk.engine.order("o1", price="1.001")) is None
    desk.tick()
    assert desk.asked[-1] == Ask(INSTRUMENTS, {"symbols": '["BTCUSDT"]'})
    desk.answer(symbol())
    text = desk.refused(desk.engine.order("o2", price="1.001"))
    assert text == (
        "PRICE_FILTER: price 1.001 is no multiple of 0.01 (BTCUSDT, as the venue told on"
        f" {wall_text()})"
    )
    assert desk.refused(desk.engine.order("o2", price="1.01")) is None, "the id may be used again"


def wall_text() -> str:
    return wire.stamp(TOLD_MS * 1_000_000, 0).decode()


def test_what_is_kept_on_disk_holds_from_the_first_order_on() -> None:
    desk = Desk()
    desk.tick()
    desk.answer(symbol())
    assert (desk.refused(desk.engine.order("o1", price="1.001")) or "").startswith("PRICE_FILTER:")
    desk.tick()
    assert desk.asked[-1].call == INSTRUMENTS, "it is two hours old"


@pytest.mark.parametrize("answered", [True, False])
def test_a_symbol_waits_for_what_is_kept_on_disk(answered: bool) -> None:
    desk = Desk()
    desk.tick()
    assert desk.refused(desk.engine.order("o1")) is None
    assert desk.room.table.deadline is None, "it would be looked at again and again"
    if answered:
        desk.answer()
    else:
        problem = Problem(Because.FAILED.value, "the process has ended")
        desk.room.on_problem(len(desk.asked), problem, desk.engine.now)
    assert desk.room.table.deadline == desk.engine.now
    desk.tick()
    assert desk.asked[-1].call == INSTRUMENTS
    assert desk.room.table.deadline is None


def test_every_request_with_a_new_order_or_quantity_is_checked(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.engine.report("0", "0")
    desk.engine.heard()
    desk.tick()
    desk.answer(symbol())
    bad = LIMIT(S, BUY, "0.0015", "49000", cl_ord_id="n")
    replacing = OrderCancelRequestAndNewOrderSingle.replacing("o1", bad, cancel_cl_ord_id="c")
    amend = OrderAmendKeepPriorityRequest.to("o1", "0.0005")
    amend.cl_ord_id = "a"
    listed = oto(LIMIT(S, BUY, "1", "49000", cl_ord_id="l0"), bad, cl_list_id="l")
    for request in (bad, replacing, amend, listed):
        assert (desk.refused(request) or "").startswith("LOT_SIZE:"), request


def test_a_wrong_amount_is_named_by_who_writes_the_message(desk: Desk) -> None:
    desk.room.table.told(RULES, desk.engine.now)
    for wrong in ("1e5", "NaN", "Infinity", "x"):
        text = desk.refused(desk.engine.order("o2", price=wrong)) or ""
        assert "price" in text


def test_a_filter_that_fails_at_the_venue_alone_is_asked_for_anew(desk: Desk) -> None:
    desk.engine.request(desk.engine.order("o1"))
    desk.tick()
    desk.answer(symbol())
    desk.engine.now += DOUBTED_NS
    desk.engine.request(desk.engine.order("o2"))
    text = "Filter failure: PRICE_FILTER"
    desk.engine.report("8", "8", venue_code="-1013", text=text, exec_id=None, order_id=None)
    count = len(desk.asked)
    desk.tick()
    assert len(desk.asked) == count + 1


def test_a_strategy_is_told_the_rules_or_why_not(desk: Desk) -> None:
    engine = desk.engine
    for number, name in ((1, S), (2, "NONE")):
        engine.gateway.on_order(b"a", encode(InstrumentRequest(number, name)), engine.now)
    assert engine.heard() == []
    desk.tick()
    desk.answer(symbol())
    desk.tick()
    because = Because.REFUSED.value
    desk.room.on_problem(len(desk.asked), Problem(because, "Invalid symbol.", 400), engine.now)
    told, refused = engine.heard()
    assert isinstance(told, Instrument) and isinstance(refused, Instrument)
    assert (told.request_id, told.symbol, told.tick_size, told.told_ms) == (1, S, "0.01", TOLD_MS)
    assert (refused.request_id, refused.problem) == (2, "Invalid symbol.")
    engine.gateway.on_order(b"a", encode(InstrumentRequest(3, S)), engine.now)
    (again,) = engine.heard()
    assert isinstance(again, Instrument) and again.request_id == 3
    desk.room.step()
    assert not desk.room.untaken


def test_a_symbol_of_which_the_venue_tells_nothing_is_not_asked_for_again_at_once(
    desk: Desk,
) -> None:
    engine = desk.engine
    engine.gateway.on_order(b"a", encode(InstrumentRequest(1, S)), engine.now)
    desk.tick()
    desk.answer()
    (told,) = engine.heard()
    assert isinstance(told, Instrument) and told.problem == "the venue tells nothing of it"
    count = len(desk.asked)
    desk.tick()
    assert len(desk.asked) == count


def test_without_rest_nothing_is_checked_and_that_is_said() -> None:
    engine = Engine()
    engine.gateway.on_order(b"a", encode(InstrumentRequest(1, S)), engine.now)
    (told,) = engine.heard()
    assert isinstance(told, Instrument) and "sources.rest" in told.problem
    engine.request(engine.order("o1", price="1.001"))
    assert len(engine.wire.written) == 1


def test_the_whole_way() -> None:
    with SimulatedEngine() as engine, Client(engine.endpoint, "maker") as client:
        instrument = client.instrument(S)
        assert (instrument.tick_size, instrument.base_asset) == ("0.01000000", "BTC")
        assert instrument.told_ms > 0
        order = LIMIT(S, BUY, "0.0012345678", "49000.009")
        answer = client.submit_and_wait(order)
        assert isinstance(answer.event, Refused)
        assert (answer.event.reason, answer.event.text[:13]) == ("filter", "PRICE_FILTER:")
        answer = client.submit_and_wait(instrument.rounded(order))
        assert answer.event.ord_status == "0"  # type: ignore[union-attr]
        with pytest.raises(NoInstrument, match="Invalid symbol"):
            client.instrument("NOTHING")
        with pytest.raises(TypeError, match=r"^symbol: "):
            client.instrument(5)  # type: ignore[arg-type]


# --- on disk --------------------------------------------------------------------------------


def test_what_is_kept_comes_back_and_grows(tmp_path: Path) -> None:
    assert Kept(tmp_path).load() == ()
    kept = Kept(tmp_path)
    kept.keep([symbol(), symbol("ETHUSDT")])
    kept.keep([symbol(tick="0.1")])
    assert set(Kept(tmp_path).load()) == {symbol(tick="0.1"), symbol("ETHUSDT")}
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("damage", [b"", b"{", b'[{"kind":"Order"}]', b"[5]", b"\xff"])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / FILE).write_bytes(damage)
    kept = Kept(tmp_path)
    assert kept.load() == ()
    kept.keep([symbol()])
    assert Kept(tmp_path).load() == (symbol(),)
