"""`submit_and_wait` of both clients: an answer rather than a stream, and nothing heard is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fixengine.client import Answer, AsyncClient, Client, NoAnswer, NotDone
from fixengine.messages import (
    ExecutionReport,
    ListStatus,
    NewOrderSingle,
    OrderUnknown,
    Refused,
    Side,
    oco,
    oto,
)
from fixengine.testing import SimulatedEngine

Wait = Callable[..., Answer]


@pytest.fixture
def engine() -> Iterator[SimulatedEngine]:
    with SimulatedEngine() as engine:
        yield engine


@pytest.fixture(params=["blocking", "asyncio"])
def wait(engine: SimulatedEngine, request: Any) -> Iterator[Wait]:
    """submit_and_wait of a client of this kind, called from a plain function."""
    if request.param == "blocking":
        with Client(engine.endpoint, "maker") as client:
            yield client.submit_and_wait
        return
    with asyncio.Runner() as runner:
        opened = AsyncClient(engine.endpoint, "maker")
        runner.run(opened.__aenter__())

        def waiting(*args: Any, **options: Any) -> Answer:
            return runner.run(opened.submit_and_wait(*args, **options))

        yield waiting
        runner.run(opened.__aexit__(None, None, None))


def buy(price: str = "49000", **more: Any) -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.01", price, **more)


def statuses(answer: Answer) -> list[str]:
    return [event.ord_status for event in answer.events if isinstance(event, ExecutionReport)]


def test_until_new_is_the_first_word(wait: Wait) -> None:
    answer = wait(buy(cl_ord_id="o"))
    assert isinstance(answer.event, ExecutionReport)
    assert (answer.event.cl_ord_id, answer.event.ord_status) == ("o", "0")
    assert answer.events == (answer.event,)


def test_until_done_is_the_end(wait: Wait) -> None:
    answer = wait(NewOrderSingle.market("BTCUSDT", Side.BUY, "0.01"), until="done")
    assert statuses(answer) == ["0", "2"]


def test_a_refusal_by_the_venue_is_an_answer_and_the_end(wait: Wait) -> None:
    for until in ("new", "done"):
        answer = wait(buy("0.01"), until=until)
        assert isinstance(answer.event, ExecutionReport)
        assert (answer.event.ord_status, answer.event.reject_reason) == (
            "8",
            "filter:PERCENT_PRICE",
        )


def test_a_refusal_by_the_engine_is_an_answer_and_the_end(wait: Wait) -> None:
    for until in ("new", "done"):
        answer = wait(buy(valid_for_ms=1 << 30), until=until)
        assert isinstance(answer.event, Refused)


def test_a_refused_list_is_an_answer(wait: Wait) -> None:
    answer = wait(oto(buy(), buy("0.01"), cl_list_id="l"), until="done")
    assert isinstance(answer.event, ListStatus)
    assert answer.event.reject_reason == "filter:PERCENT_PRICE"
    assert [one.reject_reason for one in answer.event.orders] == ["filter:PERCENT_PRICE"] * 2


def test_a_list_that_is_placed_is_an_answer(wait: Wait) -> None:
    answer = wait(oto(buy(), buy(), cl_list_id="l"))
    assert isinstance(answer.event, ListStatus)
    assert answer.event.list_order_status == "3"


def test_what_came_of_others_is_in_the_answer_and_nothing_comes_twice(
    engine: SimulatedEngine,
) -> None:
    with Client(engine.endpoint, "maker") as client:
        first = client.submit(buy())
        answer = client.submit_and_wait(buy())
        assert [getattr(event, "cl_ord_id", "") for event in answer.events[:-1]] == [first]
        assert list(client.reports(timeout=1)) == []
        assert client.last_report_seq == answer.event.report_seq


def test_when_the_time_is_over_what_was_heard_is_told(wait: Wait) -> None:
    with pytest.raises(NotDone, match="'o' is not done") as caught:
        wait(buy(cl_ord_id="o"), until="done", timeout=2)
    assert caught.value.cl_ord_id == "o"
    assert [event.ord_status for event in caught.value.events] == ["0"]


def test_an_unknown_outcome_is_an_answer(engine: SimulatedEngine, wait: Wait) -> None:
    engine.venue.fault("unknown-outcome", carry="always")
    assert isinstance(wait(buy()).event, OrderUnknown)


def test_an_unknown_outcome_is_not_the_end(engine: SimulatedEngine, wait: Wait) -> None:
    engine.venue.fault("unknown-outcome", carry="always")
    market = NewOrderSingle.market("BTCUSDT", Side.BUY, "0.01", cl_ord_id="o")
    answer = wait(market, until="done", timeout=60)
    assert "OrderUnknown" in [type(event).__name__ for event in answer.events[:-1]]
    assert statuses(answer)[-1] == "2"


@pytest.mark.parametrize("ids", [("", ""), ("one", "two")])
def test_a_list_that_ended_while_it_was_unknown_has_ended(
    engine: SimulatedEngine, wait: Wait, ids: tuple[str, str]
) -> None:
    stop = NewOrderSingle.stop_loss("BTCUSDT", Side.SELL, "0.01", "40000", cl_ord_id=ids[0])
    maker = NewOrderSingle.limit_maker("BTCUSDT", Side.SELL, "0.01", "60000", cl_ord_id=ids[1])

    def lose() -> None:
        engine.venue.fault("reset")
        engine.venue.fill(ids[1] or "l-1")

    engine.later(2, lose)
    answer = wait(oco(stop, maker, cl_list_id="l"), until="done", timeout=120)
    assert "OrderUnknown" in [type(event).__name__ for event in answer.events]
    assert set(statuses(answer)) >= {"2", "C"}


def test_what_was_heard_before_there_was_no_answer_is_told(
    engine: SimulatedEngine, wait: Wait
) -> None:
    wait(buy(cl_ord_id="first"))
    engine.later(1, lambda: engine.venue.fill("first"))
    engine.venue.fault("swallow", kind="D", times=1)
    with pytest.raises(NoAnswer) as caught:
        wait(buy(cl_ord_id="o"), timeout=60)
    assert caught.value.cl_ord_id == "o"
    assert [event.cl_ord_id for event in caught.value.events] == ["first"]


@pytest.mark.parametrize("options", [{"until": "filled"}, {"timeout": "soon"}])
def test_a_wrong_argument_is_named_and_nothing_is_sent(
    engine: SimulatedEngine, wait: Wait, options: dict[str, Any]
) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{next(iter(options))}: "):
        wait(buy(), **options)
    assert engine.venue.orders == []
