"""What the account has: asked of REST, kept current by the stream, or an error that says why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from fixengine.client import AsyncClient, Client, NoBalances
from fixengine.messages import Balances, ExecutionReport, NewOrderSingle, Side
from fixengine.network.journal import Kind
from fixengine.testing import SimulatedEngine
from processes import FAR, Stage, hear, stage
from scripted_venue import WAIT_S
from test_user_stream import FOLLOWED, push, stream

__all__ = ["stage"]

OWNED = {"BTC": "2", "USDT": "1000"}


@pytest.fixture
def engine() -> Iterator[SimulatedEngine]:
    with SimulatedEngine(balances=OWNED) as engine:
        yield engine


@pytest.fixture
def followed() -> Iterator[SimulatedEngine]:
    with SimulatedEngine(balances=OWNED, config=FOLLOWED) as engine:
        engine.advance(5)
        yield engine


def amounts(told: Balances) -> dict[str, tuple[str, str]]:
    return {one.asset: (one.free, one.locked) for one in told.balances}


def resting(client: Client) -> str:
    order = client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.010", FAR))
    hear(client, ExecutionReport, cl_ord_id=order)
    return order


def asked(engine: SimulatedEngine) -> int:
    """How often REST told the account."""
    told = [record.data for record in engine.journal.records if record.kind == Kind.SOURCE]
    rows = [one[2] for one in map(_packet, told) if one[0] == "Rows"]
    return sum(one[0]["kind"] == "Account" for one in rows if one)


def _packet(data: bytes) -> list[Any]:
    packet: list[Any] = orjson.loads(data)["told"]
    return packet


def test_rest_is_asked_once_a_second_at_most(engine: SimulatedEngine) -> None:
    client, other = engine.client("maker"), engine.client("other")
    told = client.balances()
    assert amounts(told) == {
        "BTC": ("2.00000000", "0.00000000"),
        "USDT": ("1000.00000000", "0.00000000"),
    }
    assert (told.source, told.epoch) == ("rest", client.epoch)
    assert told.received_ns == engine.now_ns
    assert told.update_time is None
    assert other.balances().balances == told.balances
    assert asked(engine) == 1
    order = resting(client)
    engine.advance(1)
    told = client.balances()
    assert amounts(told)["USDT"] == ("510.00000000", "490.00000000")
    assert (told.update_time or "").startswith("20260101-00:00:0")
    assert asked(engine) == 2
    engine.venue.fill(order)
    engine.advance(1)
    assert amounts(client.balances())["USDT"] == ("510.00000000", "0.00000000")


def test_the_stream_keeps_an_answer_current(followed: SimulatedEngine) -> None:
    client = followed.client("maker")
    assert client.balances().source == "rest"
    order = resting(client)
    followed.advance(60)
    told = client.balances()
    assert amounts(told)["USDT"] == ("510.00000000", "490.00000000")
    assert told.source == "user_data"
    client.cancel(order)
    followed.advance(60)
    assert amounts(client.balances())["USDT"] == ("1000.00000000", "0.00000000")
    assert asked(followed) == 1


@pytest.mark.parametrize("how", ["cut", "balanceUpdate", "externalLockUpdate", "broken"])
def test_what_the_stream_cannot_tell_is_asked_again(followed: SimulatedEngine, how: str) -> None:
    client = followed.client("maker")
    client.balances()
    if how == "cut":
        followed.venue.cut_stream()
    elif how == "broken":
        stream(followed, {"e": "outboundAccountPosition", "E": 1, "u": 1, "B": [{"a": "BTC"}]})
    else:
        stream(followed, {"e": how, "E": 1, "a": "BTC", "d": "1.00000000", "T": 1})
    followed.advance(5)
    client.balances()
    assert asked(followed) == 2
    followed.advance(5)
    client.balances()
    assert asked(followed) == 2, "from then on it is kept again"


def test_a_transfer_while_rest_is_asked_is_not_in_its_answer(followed: SimulatedEngine) -> None:
    client = followed.client("maker")
    followed.venue.rest_delay_s = 1.0
    move = {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "1.00000000", "T": 1}
    followed.later(0.5, lambda: push(followed, move))
    for count in (1, 2):
        client.balances()
        followed.advance(5)
        assert asked(followed) == count


def test_an_answer_from_before_the_stream_is_not_kept() -> None:
    with SimulatedEngine(balances=OWNED, config=FOLLOWED) as engine:
        client = engine.client("maker")
        for count in (1, 2, 2):
            client.balances()
            engine.advance(5)
            assert asked(engine) == count


def test_of_one_asset_the_later_word_holds(followed: SimulatedEngine) -> None:
    client = followed.client("maker")
    followed.venue.rest_delay_s = 1.0
    followed.later(0.5, lambda: resting_later(followed))
    told = client.balances()
    # REST tells how things stood when it was asked.
    assert amounts(told)["USDT"] == ("510.00000000", "490.00000000")


def resting_later(engine: SimulatedEngine) -> None:
    engine.venue.place(Side.BUY, "0.010", FAR)


def position(at_ms: int, free: str) -> dict[str, Any]:
    """What the stream tells of BTC."""
    held = {"a": "BTC", "f": free, "l": "0.00000000"}
    return {"e": "outboundAccountPosition", "E": at_ms, "u": at_ms, "B": [held]}


def test_what_the_stream_tells_later_than_rest_and_is_older_changes_nothing(
    followed: SimulatedEngine,
) -> None:
    client = followed.client("maker")
    resting(client)
    assert amounts(client.balances())["BTC"][0] == "2.00000000"
    stream(followed, position(1, "1.00000000"))
    assert amounts(client.balances())["BTC"][0] == "2.00000000"


def test_what_a_stream_told_that_was_lost_is_not_held_against_rest(
    followed: SimulatedEngine,
) -> None:
    """Of two changes in one millisecond the stream may have told the first, and ended."""
    client = followed.client("maker")
    client.balances()
    stream(followed, position(1_800_000_000_000, "1.00000000"))
    assert amounts(client.balances())["BTC"][0] == "1.00000000"
    followed.venue.cut_stream()
    followed.advance(0.1)
    assert amounts(client.balances())["BTC"][0] == "2.00000000"


def test_without_rest_the_reason_is_told() -> None:
    with SimulatedEngine(config={"sources": {"rest": False}}) as engine:
        client = engine.client("maker")
        with pytest.raises(NoBalances, match="no second source tells balances"):
            client.balances()


def test_a_source_that_fails_says_so(engine: SimulatedEngine) -> None:
    client = engine.client("maker", answer_timeout_ms=20_000)
    engine.venue.rest_is_reachable = False
    with pytest.raises(NoBalances, match="account: no answer within 10 s"):
        client.balances()
    engine.venue.rest_is_reachable = True
    assert amounts(client.balances())


def test_the_async_client_asks_too(engine: SimulatedEngine) -> None:
    async def main() -> Balances:
        async with AsyncClient(engine.endpoint, "maker") as client:
            return await client.balances()

    assert amounts(asyncio.run(main()))["BTC"] == ("2.00000000", "0.00000000")


def test_a_strategy_that_does_not_read_gets_its_answer_later(engine: SimulatedEngine) -> None:
    room = engine._running().gateway.balances
    client = engine.client("maker")
    strategies = engine._running().strategies
    strategy = strategies.known("maker")
    assert strategy is not None and strategy.peer is not None
    dealer = engine._hub.dealers[strategy.peer]
    taken: list[bytes] = []
    refusals = iter([False, False, True])

    def take(payload: bytes) -> bool:
        if b"Balances" in payload:
            taken.append(payload)
            return next(refusals)
        return True

    dealer.take = take  # type: ignore[method-assign]
    room.ask(strategy, strategy.peer, 1, engine.now_ns)
    engine.advance(1)
    assert len(taken) == 3
    assert not room.questions.untaken
    client.close()


def test_real_processes_say_the_same(stage: Stage) -> None:
    venue = stage.venue("--time-scale", "20")
    of_venue: dict[str, Any] = {"time_scale": 20, "heartbeat_s": 60}
    sources = {"port": venue.web_port}
    engine = stage.engine(venue.place, venue=of_venue, sources=sources)
    engine.expect(event="active")
    client = stage.client(engine)
    before = amounts(client.balances())
    resting(client)
    deadline = time.monotonic() + WAIT_S
    while (now := amounts(client.balances())) == before and time.monotonic() < deadline:
        list(client.reports(timeout=0.1))
    assert now["USDT"][1] == "490.00000000"
    assert engine.end() == 0


def test_rest_is_not_asked_beyond_our_share_of_its_weight_limit() -> None:
    with SimulatedEngine(balances=OWNED, config={"sources": {"weight_percent": 2}}) as engine:
        client = engine.client("maker")
        engine.advance(5)

        def ask_again_and_again() -> None:
            for _ in range(7):
                client.balances()
                engine.advance(2)

        with pytest.raises(NoBalances, match="no weight is free"):
            ask_again_and_again()
        assert engine.venue.rest_weight <= 120
        engine.advance(60)
        assert amounts(client.balances())["BTC"] == ("2.00000000", "0.00000000")
