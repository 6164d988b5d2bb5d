"""The engine in memory, as somebody who tests a strategy on it sees it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fixengine.client import AsyncClient, Client, Delivery, HelloRefused, NoAnswer, NotConnected
from fixengine.messages import (
    ExecType,
    ExecutionReport,
    Gap,
    NewOrderSingle,
    OrderUnknown,
    OrdStatus,
    Refused,
    RefusedReason,
    Sent,
    SessionStatus,
    Side,
    Snapshot,
    oco,
)
from fixengine.network.config import ConfigError
from fixengine.testing import FaultError, NothingHappens, SimulatedEngine, SimulationError, clock
from processes import FAR, Stage, hear, limit, stage

__all__ = ["stage"]

EXAMPLES = Path(__file__).parent.parent / "examples"
SECOND_NS = 1_000_000_000
FRESH = 5.0
"""Seconds, simulated ones, after which nothing more comes of what was done."""


@pytest.fixture
def engine() -> Iterator[SimulatedEngine]:
    with SimulatedEngine() as engine:
        yield engine


@pytest.fixture
def client(engine: SimulatedEngine) -> Client:
    return engine.client("maker")


def heard(client: Client, timeout: float = FRESH) -> list[Any]:
    """Everything that comes until nothing more does."""
    return list(client.reports(timeout))


def buy(quantity: str = "0.010", price: str = FAR, **more: Any) -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", Side.BUY, quantity, price, **more)


def states(events: list[Any]) -> list[tuple[str, str]]:
    return [(one.exec_type, one.ord_status) for one in events if isinstance(one, ExecutionReport)]


# --- a strategy's ordinary life -------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["quote_and_cancel", "async_quotes", "rounded_order", "chase", "oco_bracket", "quoting_loop"],
)
def test_the_examples_run_on_it_unchanged(
    engine: SimulatedEngine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(sys, "argv", [name, "--endpoint", engine.endpoint])
    main = __import__(name).main
    status = asyncio.run(main()) if asyncio.iscoroutinefunction(main) else main()
    assert status == 0
    assert engine.venue.orders == []


def quoting(
    engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch, *options: str
) -> tuple[int, Any]:
    """Run examples/quoting_loop.py; its exit status, and the quotes that it left."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(sys, "argv", ["quoting_loop", "--endpoint", engine.endpoint, *options])
    return int(__import__("quoting_loop").main()), engine.venue.orders


def test_the_quoting_loop_quotes_again_what_was_filled_up_to_a_position(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with SimulatedEngine(house=False) as engine:
        for seconds in (1, 2):
            engine.later(seconds, lambda: engine.venue.sell("0.001"))
        # Two fills in a row are its position; then only the offer stands.
        engine.later(3, lambda: bests.append(engine.venue.best()))
        for seconds in (4, 5):
            engine.later(seconds, lambda: engine.venue.buy("0.001"))
        engine.later(6, lambda: bests.append(engine.venue.best()))
        engine.later(7, lambda: engine.venue.fault("reset"))
        bests: list[Any] = []
        assert quoting(engine, monkeypatch) == (0, [])
        assert bests == [(None, "50010.00000000"), ("49990.00000000", "50010.00000000")]
        assert "with 0.00000000 after 4 fills; live: []" in capsys.readouterr().out
        assert [one.side for one in engine.venue.trades] == ["1", "1", "2", "2"]


def test_the_quoting_loop_ends_after_so_many_fills_and_where_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with SimulatedEngine(house=False) as engine:
        engine.later(1, lambda: engine.venue.sell("0.001"))
        assert quoting(engine, monkeypatch, "--fills", "1") == (0, [])
        engine.venue.reject_when(lambda order: order.side == Side.SELL)
        assert quoting(engine, monkeypatch) == (1, [])
        assert quoting(engine, monkeypatch, "--mid", "50000.001")[0] == 1


def chase(engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """Run examples/chase.py; its exit status."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(sys, "argv", ["chase", "--endpoint", engine.endpoint, *options])
    return int(__import__("chase").main())


def test_the_chase_moves_its_bid_up_to_its_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with SimulatedEngine(house=False) as engine:
        for seconds in (1.2, 3):
            engine.later(seconds, lambda: engine.venue.sell("0.001", "49000"))
        assert chase(engine, monkeypatch, "--quantity", "0.002", "--limit", "50010") == 0
        assert capsys.readouterr().out.endswith("ended    2 at 50000\n")
        assert [one.price for one in engine.venue.trades] == ["50000.00000000"] * 2


@pytest.mark.parametrize("limit", ["49999", "49998"])
def test_the_chase_gives_up_at_its_limit(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    with SimulatedEngine(house=False) as engine:
        assert chase(engine, monkeypatch, "--limit", limit) == 0
        assert (engine.venue.orders, engine.venue.trades) == ([], [])


@pytest.mark.parametrize("trouble", ["slow", "lost"])
def test_the_chase_leaves_no_bid_of_which_nothing_is_heard(
    monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    with SimulatedEngine(house=False) as engine:
        if trouble == "slow":
            engine.venue.fault("delay", ms=700)
        else:
            engine.venue.fault("cut", kind="8")
        assert chase(engine, monkeypatch, "--limit", "49999") == 0
        assert (engine.venue.orders, engine.venue.trades) == ([], [])


def test_the_chase_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with SimulatedEngine(house=False) as engine:
        engine.venue.reject_when(lambda order: order.price == "49999")
        assert chase(engine, monkeypatch) == 1


def bracket(monkeypatch: pytest.MonkeyPatch, engine: SimulatedEngine) -> int:
    """Run examples/oco_bracket.py; its exit status."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(sys, "argv", ["oco_bracket", "--endpoint", engine.endpoint])
    return int(__import__("oco_bracket").main())


@pytest.mark.parametrize(
    ("price", "sold"), [("50250", "50250.00000000"), ("49750", "49700.00000000")]
)
def test_the_bracket_sells_at_a_profit_or_at_a_loss(
    monkeypatch: pytest.MonkeyPatch, price: str, sold: str
) -> None:
    with SimulatedEngine(house=False) as engine:
        engine.venue.sell("0.02", "50000")
        engine.venue.buy(1, "49700")
        engine.later(3, lambda: engine.venue.sell("0.02", price))
        engine.later(4, lambda: engine.venue.buy("0.02", price))
        assert bracket(monkeypatch, engine) == 0
        assert [one.price for one in engine.venue.trades] == ["50000.00000000", sold]
        assert engine.venue.orders == []


def test_the_bracket_leaves_nothing_when_it_has_sold_a_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stop expires with the first part, so that a cancel of it would end nothing."""
    with SimulatedEngine(house=False) as engine:
        engine.venue.sell("0.01", "50000")
        engine.later(3, lambda: engine.venue.fault("reset"))
        engine.later(30, lambda: engine.venue.buy("0.004", "50250"))
        assert bracket(monkeypatch, engine) == 0, capsys.readouterr()
        assert [one.quantity for one in engine.venue.trades] == ["0.01000000", "0.00400000"]
        assert engine.venue.orders == []


def test_the_bracket_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with SimulatedEngine(house=False) as engine:
        assert bracket(monkeypatch, engine) == 1
        assert "nothing" in capsys.readouterr().out
        engine.venue.sell("0.02", "50000")
        engine.venue.reject_when(lambda order: order.side == Side.SELL)
        assert bracket(monkeypatch, engine) == 1
        assert "Rejected on demand." in capsys.readouterr().out


def test_an_order_is_cancelled_by_its_order_id_alone(
    engine: SimulatedEngine, client: Client
) -> None:
    order = client.submit(buy())
    (report,) = heard(client)
    client.cancel(order_id=report.order_id, symbol="BTCUSDT")
    (end,) = heard(client)
    assert (end.orig_cl_ord_id, end.ord_status) == (order, "4")


def test_a_pair_may_have_a_stop_that_only_trails() -> None:
    with SimulatedEngine(house=False) as engine, engine.client() as client:
        stop = NewOrderSingle.stop_loss("BTCUSDT", Side.SELL, 1, trigger_trailing_delta_bips=100)
        client.submit_list(oco(stop, NewOrderSingle.limit_maker("BTCUSDT", Side.SELL, 1, 52000)))
        for price in (50000, 51000):
            engine.venue.sell("0.01", price)
            engine.venue.buy("0.01")
        engine.venue.buy(2, 50490)
        assert [one.price for one in engine.venue.orders] == [None, "52000.00000000"]
        engine.venue.sell("0.01", 50490)
        states_told = states(heard(client))
        assert ("F", "2") in states_told and ("C", "C") in states_told
        assert engine.venue.orders == []


def test_an_order_rests_is_filled_in_parts_and_is_cancelled(
    engine: SimulatedEngine, client: Client
) -> None:
    order = client.submit(buy())
    (resting,) = engine.venue.orders
    assert (resting.price, resting.leaves_qty) == ("49000.00000000", "0.01000000")
    assert engine.venue.balance("USDT").locked == "490.00000000"

    engine.venue.fill(order, "0.004")
    engine.venue.fill(order, "0.001")
    reports = heard(client)
    assert states(reports) == [("0", "0"), ("F", "1"), ("F", "1")]
    assert [one.cum_qty for one in reports] == ["0.00000000", "0.00400000", "0.00500000"]
    assert reports[0].wire_cl_ord_id == resting.wire_cl_ord_id

    cancel = client.cancel(order)
    (gone,) = heard(client)
    assert (gone.exec_type, gone.cl_ord_id, gone.orig_cl_ord_id) == ("4", cancel, order)
    trades = [(one.order_id, one.quantity, one.is_maker) for one in engine.venue.trades]
    assert trades == [
        (resting.order_id, "0.00400000", True),
        (resting.order_id, "0.00100000", True),
    ]
    with pytest.raises(SimulationError, match=f"no order '{order}' rests"):
        engine.venue.fill(order)


def test_others_trade_with_whoever_stands_first() -> None:
    with SimulatedEngine(house=False) as engine:
        client, venue = engine.client(), engine.venue
        assert venue.best() == (None, None)
        before = venue.buy("1", "50000.00")
        order = client.submit(buy("0.010", "50000.00"))
        venue.sell("1.004", "49999.00")
        assert states(heard(client)) == [("0", "0"), ("F", "1")]
        with pytest.raises(SimulationError, match=f"no order {before} of others"):
            venue.cancel(before)
        after = venue.buy("1", "49000")
        venue.sell("0.006")
        assert states(heard(client)) == [("F", "2")]
        venue.cancel(after)
        assert venue.best() == (None, None)
        assert [one.quantity for one in venue.trades] == ["0.00400000", "0.00600000"]
        with pytest.raises(SimulationError, match="nobody stands on the other side"):
            venue.sell("1")
        with pytest.raises(SimulationError, match="rests at the venue"):
            venue.fill(order)
        with pytest.raises(SimulationError, match="LOT_SIZE"):
            venue.buy("0.000001", "49000")
        with pytest.raises(SimulationError, match="symbol"):
            venue.buy("1", "49000", "NOSUCH")


def test_an_amended_order_is_filled_by_the_id_that_its_strategy_knows(
    engine: SimulatedEngine, client: Client
) -> None:
    order = client.submit(buy())
    heard(client)
    (resting,) = engine.venue.orders
    client.amend(order, "0.008")
    heard(client)
    engine.venue.fill(order, "0.003")
    engine.venue.fill(resting)
    assert states(heard(client)) == [("F", "1"), ("F", "2")]


def test_more_than_is_left_is_not_filled(engine: SimulatedEngine, client: Client) -> None:
    order = client.submit(buy())
    with pytest.raises(SimulationError, match=r"which has 0\.01000000 left"):
        engine.venue.fill(order, "0.011")


def test_the_house_makes_a_market(engine: SimulatedEngine, client: Client) -> None:
    assert engine.venue.best() == ("49999.00000000", "50001.00000000")
    client.submit(NewOrderSingle.market("BTCUSDT", Side.BUY, "0.01"))
    client.submit(buy(price="50000.50"))
    reports = heard(client)
    assert states(reports) == [("0", "0"), ("F", "2"), ("0", "0"), ("F", "2")]
    assert reports[-1].aggressor_indicator == "N"


def test_two_strategies_hear_of_their_own_orders_only(engine: SimulatedEngine) -> None:
    one, two = engine.client("one"), engine.client("two")
    mine, yours = one.submit(buy()), two.submit(buy())
    assert [event.cl_ord_id for event in heard(one)] == [mine]
    assert [event.cl_ord_id for event in heard(two)] == [yours]
    with pytest.raises(HelloRefused, match="connected already"):
        engine.client("one")
    one.close()
    assert engine.client("one").connected


# --- time -----------------------------------------------------------------------------------


def test_silence_takes_simulated_time_only(engine: SimulatedEngine, client: Client) -> None:
    began, began_ns = time.process_time(), engine.now_ns
    assert heard(client, 60) == []
    assert engine.now_ns - began_ns == 60 * SECOND_NS
    assert time.process_time() - began < 10
    client.submit(buy())
    engine.advance(7)
    (report,) = client.reports(timeout=0)
    assert report.received_ns == began_ns + 60 * SECOND_NS
    assert engine.now_ns - began_ns == 67 * SECOND_NS


def test_a_request_that_nobody_answers_raises_no_answer_in_time(
    engine: SimulatedEngine, client: Client
) -> None:
    engine.venue.fault("swallow")
    order, sent_ns = client.submit(buy()), engine.now_ns
    with pytest.raises(NoAnswer) as told:
        heard(client, 60)
    assert told.value.cl_ord_id == order
    assert engine.now_ns - sent_ns == 5 * SECOND_NS


@pytest.mark.parametrize("silence_ms_max", [0, 60_000])
def test_waiting_for_ever_is_an_error(silence_ms_max: int) -> None:
    config = {"strategies": {"silence_ms_max": silence_ms_max}}
    with SimulatedEngine(config=config) as engine:
        client = engine.client()
        with pytest.raises(NothingHappens, match="give it a timeout"):
            next(client.reports())
        client.close()

        async def strategy() -> None:
            async with AsyncClient(engine.endpoint, "async") as waiting:
                await anext(waiting.reports())

        with pytest.raises(NothingHappens):
            asyncio.run(strategy())


def test_a_strategy_that_never_stops_is_an_error(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chase() -> None:
        client.submit(buy())
        for event in client.reports():
            if event.exec_type == ExecType.NEW:
                client.cancel(event.cl_ord_id)
            else:
                client.submit(buy())

    monkeypatch.setattr(clock, "TURNS_AT_ONCE_MAX", 1000)
    with pytest.raises(SimulationError, match="no time passed"):
        chase()


def test_a_test_acts_while_the_strategy_waits(engine: SimulatedEngine, client: Client) -> None:
    began_ns = engine.now_ns
    order = client.submit(buy())
    engine.later(2, lambda: engine.venue.fill(engine.venue.orders[0], "0.004"))
    engine.later(3, lambda: engine.venue.fill(order))
    engine.later(4, engine.restart)
    reports = [one for one in heard(client) if isinstance(one, ExecutionReport)]
    assert states(reports) == [("0", "0"), ("F", "1"), ("F", "2")]
    assert [(one.received_ns - began_ns) // SECOND_NS for one in reports] == [0, 2, 3]
    assert client.epoch == engine.journal.records[0].epoch


@pytest.mark.parametrize("action", ["fill", "wait"])
def test_what_an_action_raises_comes_out_of_reports(
    engine: SimulatedEngine, client: Client, action: str
) -> None:
    def act() -> None:
        if action == "fill":
            engine.venue.fill("nothing")
        else:
            heard(client)

    async def strategy() -> None:
        async with AsyncClient(engine.endpoint, "async") as waiting:
            engine.later(2, act)
            await anext(waiting.reports())

    engine.later(2, act)
    text = "no order 'nothing' rests" if action == "fill" else "can only act"
    with pytest.raises(SimulationError, match=text):
        heard(client)
    with pytest.raises(SimulationError, match=text):
        asyncio.run(strategy())


def test_tasks_wait_for_their_own_deadlines(engine: SimulatedEngine) -> None:
    began_ns = engine.now_ns

    async def listen(client: AsyncClient, timeout: float) -> tuple[int, list[Delivery]]:
        events = [event async for event in client.reports(timeout)]
        return (engine.now_ns - began_ns) // SECOND_NS, events

    async def strategies() -> list[tuple[int, list[Delivery]]]:
        async with (
            AsyncClient(engine.endpoint, "one") as one,
            AsyncClient(engine.endpoint, "two") as two,
        ):
            order = one.submit(buy())
            heard = await asyncio.gather(listen(one, 1), listen(two, 3))
            assert engine.venue.orders and order
            return heard

    (one_s, one_heard), (two_s, two_heard) = asyncio.run(strategies())
    assert (one_s, two_s) == (1, 3)
    assert (states(one_heard), two_heard) == ([("0", "0")], [])


def test_hundreds_of_orders_take_less_than_a_second() -> None:
    with SimulatedEngine(limits="off") as engine:
        client = engine.client()
        began = time.process_time()
        for _ in range(400):
            client.cancel(client.submit(buy()))
        reports = heard(client, 0)
        taken = time.process_time() - began
    assert len(reports) == 800
    assert taken < 1.0


def test_the_same_calls_give_the_same_events() -> None:
    script = Path(__file__).with_name("simulated_twice.py")
    said = {
        subprocess.run(
            [sys.executable, str(script)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
    assert said.pop().count(b"ExecutionReport(") > 20


# --- what goes wrong ------------------------------------------------------------------------


def test_orders_are_rejected_by_rule(engine: SimulatedEngine, client: Client) -> None:
    engine.venue.reject_when(lambda order: order.price > "49", text="Too dear.", code=-1013)
    client.submit(buy())
    (report,) = heard(client)
    assert (report.exec_type, report.text, report.venue_code) == ("8", "Too dear.", "-1013")
    client.submit(buy(price="48000"))
    engine.venue.reject_no_more()
    client.submit(buy())
    assert states(heard(client)) == [("0", "0"), ("0", "0")]


def test_the_engine_refuses_beyond_the_venues_limits(client: Client) -> None:
    orders = [client.submit(buy()) for _ in range(250)]
    events = heard(client)
    refused = [one for one in events if isinstance(one, Refused)]
    assert {one.reason for one in refused} == {RefusedReason.LIMIT.value}
    assert len(refused) + len(states(events)) == len(orders)
    assert refused[0].retry_after_ms


def test_a_lost_link_makes_what_is_open_unknown_and_comes_back(
    engine: SimulatedEngine, client: Client
) -> None:
    order = client.submit(buy())
    heard(client)
    engine.venue.fault("reset")
    events = heard(client)
    assert [one.cl_ord_id for one in events if isinstance(one, OrderUnknown)] == [order]
    stood = [(one.source, one.state) for one in events if isinstance(one, SessionStatus)]
    assert [one for one in stood if one[0] != "rest"] == [
        ("SIM1", "down"),
        ("SIM2", "connecting"),
        ("SIM2", "active"),
    ]
    steps = ["recovering", "recovering", "active"]
    assert [state for source, state in stood if source == "rest"] == steps, "frozen, asked, settled"
    (known,) = (one for one in events if isinstance(one, ExecutionReport))
    assert (known.source, known.exec_type, known.ord_status) == ("rest", "I", "0")
    assert len(engine.venue.orders) == 1
    client.cancel(order)
    assert states(heard(client)) == [("4", "4")]


def test_a_venue_that_cannot_be_reached_is_tried_again(
    engine: SimulatedEngine, client: Client
) -> None:
    engine.venue.is_reachable = False
    engine.venue.fault("fin")
    heard(client)
    client.submit(buy())
    (refused,) = (one for one in heard(client) if isinstance(one, Refused))
    assert refused.reason == RefusedReason.NOT_CONNECTED
    engine.venue.is_reachable = True
    hear(client, SessionStatus, state="active")


def test_a_swallowed_report_is_a_hole_that_is_told(engine: SimulatedEngine, client: Client) -> None:
    order = client.submit(buy())
    heard(client)
    engine.venue.fault("drop", kind="8")
    engine.venue.fill(order, "0.004")
    assert heard(client, 1) == []
    engine.venue.fill(order, "0.001")
    unknown = hear(client, OrderUnknown)
    assert (unknown.cl_ord_id, "MsgSeqNum" in unknown.reason) == (order, True)
    assert [one.quantity for one in engine.venue.trades] == ["0.00400000", "0.00100000"]
    fill = hear(client, ExecutionReport, exec_type="F")
    assert (fill.source, fill.last_qty) == ("rest", "0.00400000")


def test_what_rest_knows_is_told_as_soon_as_it_answers(
    engine: SimulatedEngine, client: Client
) -> None:
    engine.venue.rest_is_reachable = False
    engine.venue.fault("swallow", kind="D")
    order = client.submit(buy())
    engine.venue.fault("reset")
    assert not [one for one in heard(client, 60) if isinstance(one, ExecutionReport)]
    engine.venue.rest_is_reachable = True
    engine.venue.rest_delay_s = 0.5
    rejected = hear(client, ExecutionReport, cl_ord_id=order)
    assert (rejected.source, rejected.ord_status) == ("rest", OrdStatus.REJECTED)
    assert "no such order" in (rejected.text or "")


@pytest.mark.parametrize(
    ("venue", "silence"),
    [
        ({}, "no answer within 15 s"),
        ({"recv_window_ms": 1500}, "no answer within 11.5 s"),
        ({"recv_window_ms": 1500, "time_scale": 20}, "no answer within 2 s"),
    ],
)
def test_an_order_without_an_answer_is_unknown_and_settled(
    venue: dict[str, int], silence: str
) -> None:
    with SimulatedEngine(config={"venue": venue}) as engine:
        client = engine.client(answer_timeout_ms=60_000)
        engine.venue.fault("swallow", kind="D")
        order = client.submit(buy())
        unknown = hear(client, OrderUnknown)
        assert (unknown.cl_ord_id, unknown.reason) == (order, silence)
        engine.advance(30)
        assert hear(client, ExecutionReport, cl_ord_id=order).ord_status == OrdStatus.REJECTED


def test_a_run_that_ends_while_it_takes_over_loses_nothing_of_the_one_before(
    engine: SimulatedEngine, client: Client
) -> None:
    order = client.submit(buy())
    heard(client)
    engine.kill()
    engine.start()
    # As after a kill before START was written.
    del engine.journal.records[:]
    engine.restart()
    engine.venue.fill(order)
    assert hear(client, ExecutionReport, exec_type="F").cl_ord_id == order


def test_news_hands_over_and_loses_nothing(engine: SimulatedEngine, client: Client) -> None:
    order = client.submit(buy())
    heard(client)
    engine.venue.fault("news", seconds=30)
    engine.venue.fill(order, "0.004")
    events = heard(client, 20)
    assert not [one for one in events if isinstance(one, OrderUnknown | Gap)]
    assert states(events) == [("F", "1")]
    last = [one for one in events if isinstance(one, SessionStatus)][-1]
    assert (last.source, last.state, last.engine_state) == ("SIM1", "down", "active")
    client.cancel(order)
    assert hear(client, ExecutionReport).source == "SIM2"


def test_a_mute_link_is_given_up_in_its_time(engine: SimulatedEngine, client: Client) -> None:
    began_ns = engine.now_ns
    engine.venue.fault("black-hole")
    down = hear_slowly(client, "down")
    assert 36 <= (engine.now_ns - began_ns) / SECOND_NS <= 80
    assert down.source == "SIM1"
    engine.venue.clear()
    hear_slowly(client, "active")


def hear_slowly(client: Client, state: str) -> SessionStatus:
    for event in client.reports(timeout=120):
        if isinstance(event, SessionStatus) and event.state == state:
            return event
    raise AssertionError(f"never {state}")


def test_a_slow_venue_takes_simulated_time(engine: SimulatedEngine, client: Client) -> None:
    engine.venue.fault("delay", ms=250)
    sent_ns = engine.now_ns
    client.submit(buy())
    assert heard(client, 0) == []
    (report,) = heard(client)
    assert 250 <= (report.received_ns - sent_ns) / 1_000_000 < 300


def test_a_venue_that_stops_reading_makes_a_backlog(
    engine: SimulatedEngine, client: Client
) -> None:
    engine.venue.fault("stop-reading")
    client.submit(buy())
    engine.advance(0.1)
    client.submit(buy())
    (refused,) = heard(client, 1)
    assert refused.reason == RefusedReason.BACKLOG
    engine.venue.clear()
    assert states(heard(client, 1)) == [("0", "0")]


def test_faults_that_need_tls_or_a_session_are_refused(engine: SimulatedEngine) -> None:
    with pytest.raises(FaultError, match="in memory there is no TLS"):
        engine.venue.fault("certificate")
    with pytest.raises(FaultError, match="no fault 'nonsense'"):
        engine.venue.fault("nonsense")


def test_a_full_journal_refuses_orders_and_lets_cancels_go(
    engine: SimulatedEngine, client: Client
) -> None:
    order = client.submit(buy())
    heard(client)
    engine.journal.healthy = False
    client.submit(buy())
    client.cancel(order)
    events = heard(client)
    assert [one.reason for one in events if isinstance(one, Refused)] == ["journal_full"]
    assert states(events) == [("4", "4")]


# --- runs of the engine ---------------------------------------------------------------------


def test_a_killed_engine_knows_what_was_open_and_what_was_unread(
    engine: SimulatedEngine, client: Client
) -> None:
    order = client.submit(buy(cl_ord_id="mine"))
    (report,) = heard(client)
    epoch = client.epoch
    other = engine.client("other")
    other.submit(buy(cl_ord_id="theirs"))
    other.close()

    engine.restart()
    events = heard(client)
    assert [one.cl_ord_id for one in events if isinstance(one, OrderUnknown)] == [order]
    assert client.epoch > epoch
    assert all(one.report_seq > report.report_seq for one in events)
    replayed = heard(engine.client("other"))
    assert [(one.cl_ord_id, one.exec_type) for one in replayed[:1]] == [("theirs", ExecType.NEW)]

    client.submit(buy(cl_ord_id="mine"))
    assert len(engine.venue.orders) == 2
    client.cancel(order)
    assert hear(client, ExecutionReport, exec_type="4").ord_status == OrdStatus.CANCELED


def test_a_snapshot_survives_a_kill(engine: SimulatedEngine, client: Client) -> None:
    order = client.submit(buy())
    engine.venue.fill(order, "0.004")
    assert heard(client)
    before = client.snapshot()
    engine.restart()
    after = client.snapshot()

    async def strategy() -> Snapshot:
        client.close()
        async with AsyncClient(engine.endpoint, "maker") as another:
            return await another.snapshot()

    for snapshot in (before, after, asyncio.run(strategy())):
        assert [one.cl_ord_id for one in snapshot.orders] == [order]
        assert snapshot.positions == before.positions != ()


def test_the_orders_of_a_strategy_that_is_gone_are_cancelled_in_time() -> None:
    config = {"strategies": {"on_death": "cancel", "grace_ms": 5000}}
    with SimulatedEngine(config=config) as engine:
        client = engine.client("maker")
        client.submit(buy())
        heard(client, 0)
        client.close()
        engine.advance(4)
        assert len(engine.venue.orders) == 1
        engine.advance(4)
        assert engine.venue.orders == []
        assert states(heard(engine.client("maker"))) == [("4", "4")]


def test_a_stopped_engine_is_gone_and_its_orders_stay(
    engine: SimulatedEngine, client: Client
) -> None:
    client.submit(buy())
    heard(client)
    assert (engine.stop(), engine.is_running, client.connected) == (0, False, False)
    with pytest.raises(NotConnected, match="nothing was sent"):
        client.submit(buy())
    with pytest.raises(NotConnected, match="nothing was listening"):
        engine.client("late")
    with pytest.raises(SimulationError, match="does not run"):
        engine.kill()
    assert len(engine.venue.orders) == 1
    engine.start()
    hear(client, SessionStatus, state="active")
    with pytest.raises(SimulationError, match="runs already"):
        engine.start()


def test_an_engine_whose_key_is_refused_ends_by_itself(
    engine: SimulatedEngine, client: Client
) -> None:
    engine.venue.fault("refuse-logon", code=-2015)
    engine.restart()
    assert not engine.is_running
    assert any(line.level == "error" and "for good" in line.text for line in engine.log)
    assert not client.connected


def test_a_config_is_checked_as_a_file_is() -> None:
    with pytest.raises(ConfigError, match=r"venue\.sessions: expected an integer"):
        SimulatedEngine(config={"venue": {"sessions": 0}})
    with SimulatedEngine(config={"venue": {"sessions": 2, "drop_copy": True}}) as engine:
        client = engine.client(wants_sent=True)
        orders = [client.submit(buy()), client.submit(buy())]
        sent = [event.source for event in heard(client) if isinstance(event, Sent)]
        assert sorted(sent) == ["SIM1", "SIM2"]
        engine.venue.fill(orders[0])
        assert states(heard(client)) == [("F", "2")]


def test_nobody_finds_an_engine_that_is_closed() -> None:
    engine = SimulatedEngine()
    endpoint = engine.endpoint
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="no simulated engine"):
        Client(endpoint, "late")


# --- the real thing -------------------------------------------------------------------------

DIFFERENT = {
    "epoch",
    "source",
    "received_ns",
    "wire_cl_ord_id",
    "wire_orig_cl_ord_id",
    "sending_time",
    "transact_time",
    "order_creation_time",
    "working_time",
}
"""Times, and ids that hold a time or come from the configuration."""
NUMBERED = {"order_id", "exec_id", "trade_id"}
"""The house draws from the same numbers at its own times: what counts is which are the same."""


def scenario(client: Client) -> list[dict[str, Any]]:
    """Orders with every kind of end; what was reported of them."""
    events: list[Any] = []

    def play(request: NewOrderSingle, reports: int) -> None:
        client.submit(request)
        listen(reports)

    def listen(count: int) -> None:
        for event in client.reports(timeout=20):
            if isinstance(event, SessionStatus):
                continue
            events.append(event)
            count -= isinstance(event, ExecutionReport)
            if count <= 0:
                return

    play(buy(cl_ord_id="rests"), 1)
    play(buy(price="50001.00", cl_ord_id="takes"), 2)
    play(buy(price="50000.50", cl_ord_id="is-taken"), 2)
    play(buy("4.5", price="50002.00", cl_ord_id="sweeps"), 4)
    play(NewOrderSingle.market("ETHUSDT", Side.SELL, "1.5", cl_ord_id="market"), 2)
    play(buy(cl_ord_id="ioc", time_in_force="3"), 2)
    play(buy("9000", cl_ord_id="too-dear"), 1)
    play(limit(symbol="NOSUCH", cl_ord_id="no-symbol"), 1)
    client.cancel("rests", cl_ord_id="cancel")
    listen(1)
    client.cancel("nothing", cl_ord_id="cancel-2")
    listen(0)
    told: list[dict[str, Any]] = []
    known: dict[tuple[str, Any], int] = {}
    for event in events:
        values = msgspec.structs.asdict(event)
        for name in NUMBERED & values.keys():
            values[name] = values[name] and known.setdefault((name, values[name]), len(known))
        kept = {name: value for name, value in values.items() if name not in DIFFERENT}
        told.append({"type": type(event).__name__, **kept})
    return told


def test_real_processes_say_the_same(stage: Stage) -> None:
    venue = stage.venue()
    # When the rules of a symbol come is another time in each.
    unchecked = {"instruments": {"check": False}}
    running = stage.engine(venue.place, limits={"mode": "off"}, **unchecked)
    running.expect(event="active")
    real = scenario(stage.client(running))
    with SimulatedEngine(limits="off", config=unchecked) as engine:
        simulated = scenario(engine.client("maker"))
    assert simulated == real
    assert len(real) == 17


# --- pytest ---------------------------------------------------------------------------------

README = Path(__file__).parent.parent / "README.md"
PROJECT = """
import sys
import pytest

def test_nothing_is_loaded_unused():
    unwanted = {"fixengine.testing", "fixengine.network", "zmq"}
    assert not unwanted & set(sys.modules)

@pytest.mark.fix_engine(house=False)
def test_an_empty_book(fix_engine):
    assert fix_engine.venue.best() == (None, None)

def test_each_has_its_own(fix_engine):
    assert fix_engine.venue.trades == []
"""


def test_any_project_finds_the_fixtures(tmp_path: Path) -> None:
    section = README.read_text().split("## Testing a strategy")[1]
    (tmp_path / "test_project.py").write_text(PROJECT)
    (tmp_path / "test_readme.py").write_text(section.split("```python")[1].split("```")[0])
    options = ["-q", "--strict-markers", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr
