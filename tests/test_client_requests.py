"""Every method of both clients: what goes out, what is refused, and the whole way to the venue.

The whole way is the engine and the built-in venue in memory. What that venue does not play it
answers with a Reject<3> (-1020), which becomes the reject of the request's own kind; what it does
with the others is told where its exchange is tested.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fixengine.client import AsyncClient, Client, NoLimits, NotConnected
from fixengine.messages import (
    ALL_RECEIVED,
    ListStatus,
    Message,
    NewOrderList,
    NewOrderSingle,
    OrderAmendKeepPriorityRequest,
    OrderCancelRequest,
    OrderCancelRequestAndNewOrderSingle,
    OrderMassCancelRequest,
    Side,
    opo,
    oto,
)
from fixengine.testing import SimulatedEngine


def buy(cl_ord_id: str = "", **more: Any) -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", Side.BUY, "1", "49000", cl_ord_id=cl_ord_id, **more)


def sell() -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", Side.SELL, ALL_RECEIVED, "51000")


ASK: dict[str, tuple[Callable[[Client | AsyncClient], str], type[Message]]] = {
    "cancel": (lambda client: client.cancel("o"), OrderCancelRequest),
    "cancel_replace": (
        lambda client: client.cancel_replace("o", buy()),
        OrderCancelRequestAndNewOrderSingle,
    ),
    "amend": (lambda client: client.amend("o", "0.5"), OrderAmendKeepPriorityRequest),
    "submit_list": (lambda client: client.submit_list(oto(buy(), buy())), NewOrderList),
    "opo": (lambda client: client.submit_list(opo(buy(), sell())), NewOrderList),
    "mass_cancel": (lambda client: client.mass_cancel("BTCUSDT"), OrderMassCancelRequest),
}
"""A call of each method, and the kind of its request."""


def id_of(event: Any) -> str:
    return str(event.cl_list_id if isinstance(event, ListStatus) else event.cl_ord_id)


@pytest.fixture
def engine() -> Iterator[SimulatedEngine]:
    with SimulatedEngine() as engine:
        yield engine


@pytest.mark.parametrize("name", ASK)
@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_a_request_goes_the_whole_way_and_is_answered(
    engine: SimulatedEngine, kind: str, name: str
) -> None:
    ask, _ = ASK[name]
    heard: list[Any] = []

    async def asynchronous() -> str:
        async with AsyncClient(engine.endpoint, "maker") as client:
            client.submit(buy("o"))
            async for _ in client.reports(timeout=1):
                pass
            name = ask(client)
            heard.extend([event async for event in client.reports(timeout=1)])
            assert client.unanswered == ()
            return name

    if kind == "asyncio":
        cl_ord_id = asyncio.run(asynchronous())
    else:
        with Client(engine.endpoint, "maker") as client:
            client.submit(buy("o"))
            list(client.reports(timeout=1))
            cl_ord_id = ask(client)
            heard = list(client.reports(timeout=1))
            assert client.unanswered == ()
    expected = {
        "cancel_replace": [("ExecutionReport", None), ("ExecutionReport", None)],
        "cancel": [("ExecutionReport", None)],
        "amend": [("ExecutionReport", None)],
        "opo": [("ListStatus", None)],
        "mass_cancel": [("ExecutionReport", None), ("OrderMassCancelReport", None)],
        "submit_list": [("ListStatus", None), ("ExecutionReport", None), ("ExecutionReport", None)],
    }[name]
    assert [(type(event).__name__, event.venue_code) for event in heard] == expected
    assert cl_ord_id in {id_of(event) for event in heard}


def test_a_replacement_is_completed_as_a_copy(engine: SimulatedEngine) -> None:
    with Client(engine.endpoint, "maker") as client:
        order = buy(valid_for_ms=500)
        first, second = client.cancel_replace("o", order), client.cancel_replace("o", order)
        assert first != second
        assert (order.cl_ord_id, order.epoch) == ("", 0)
        assert client.cancel_replace("o", buy("mine"), cancel_cl_ord_id="half") == "mine"


@pytest.mark.parametrize(
    ("ask", "error", "name"),
    [
        (
            lambda client: client.cancel("o", cancel_restrictions="3"),
            ValueError,
            "cancel_restrictions",
        ),
        (lambda client: client.cancel_replace("no id", buy()), ValueError, "orig_cl_ord_id"),
        (lambda client: client.cancel_replace("o", buy(sor=True)), ValueError, "sor"),
        (lambda client: client.cancel_replace("o", buy(), mode="3"), ValueError, "mode"),
        (
            lambda client: client.cancel_replace("o", buy(), cancel_cl_ord_id="no id"),
            ValueError,
            "cancel_cl_ord_id",
        ),
        (
            lambda client: client.cancel_replace("o", NewOrderSingle(order_qty="1e5")),
            ValueError,
            "order_qty",
        ),
        (lambda client: client.amend("no id", "1"), ValueError, "orig_cl_ord_id"),
        (lambda client: client.amend("o", "0.0"), ValueError, "order_qty"),
        (lambda client: client.amend("o", 0.5), TypeError, "order_qty"),
        (lambda client: client.mass_cancel(5), TypeError, "symbol"),
        (lambda client: client.submit(OrderMassCancelRequest()), TypeError, "submit"),
        (lambda client: client.submit_list(buy()), TypeError, "submit_list"),
        (
            lambda client: client.submit_list(oto(buy(), buy(), cl_list_id="x" * 36)),
            ValueError,
            "cl_ord_id",
        ),
        (
            lambda client: client.submit_list(oto(buy(), buy(), cl_list_id="no id")),
            ValueError,
            "cl_list_id",
        ),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_sent(
    engine: SimulatedEngine, ask: Any, error: type[Exception], name: str
) -> None:
    with Client(engine.endpoint, "maker") as client:
        with pytest.raises(error, match=f"^{name}: "):
            ask(client)
        assert client.unanswered == ()


@pytest.mark.parametrize("name", ASK)
def test_without_a_connection_nothing_is_sent(engine: SimulatedEngine, name: str) -> None:
    client = Client(engine.endpoint, "maker")
    client.close()
    with pytest.raises(NotConnected):
        ASK[name][0](client)


# --- the limits -----------------------------------------------------------------------------


def test_the_venue_is_asked_what_it_counts(engine: SimulatedEngine) -> None:
    with Client(engine.endpoint, "maker") as client:
        client.submit(buy())
        list(client.reports(timeout=1))
        first = client.limits()
        assert [
            (one.limit_type, one.limit_max, one.limit_reset_interval_resolution)
            for one in first.limit_indicators
        ] == [("2", 10_000, "s"), ("1", 200, "s"), ("1", 200_000, "d")]
        assert first.limit_indicators[2].limit_count == 1
        assert client.limits().received_ns == first.received_ns, "of this second"
        list(client.reports(timeout=2))
        assert client.limits().received_ns > first.received_ns


def test_asyncio_asks_too(engine: SimulatedEngine) -> None:
    async def ask() -> int:
        async with AsyncClient(engine.endpoint, "maker") as client:
            return len((await client.limits()).limit_indicators)

    assert asyncio.run(ask()) == 3


def test_why_there_are_no_limits_is_said(engine: SimulatedEngine) -> None:
    with Client(engine.endpoint, "maker") as client:
        list(client.reports(timeout=2))
        engine._running().gateway.lines.carriers.clear()
        with pytest.raises(NoLimits, match="no session is up"):
            client.limits()
