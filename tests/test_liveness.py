"""A strategy that dies: what becomes of its orders, and who may say that it is back."""

from __future__ import annotations

import signal

import pytest
from engine_in_memory import Engine
from fixengine.client import HelloRefused
from fixengine.fix import fields
from fixengine.messages import (
    ExecutionReport,
    Heartbeat,
    OrderAmendKeepPriorityRequest,
    OrderCancelRequest,
    Refused,
    Welcome,
    encode,
)
from fixengine.network.liveness import CANCELS_PER_STEP, Policy
from fixengine.network.slot import Post
from fixengine.network.strategies import Standing
from processes import THROUGH, Stage, hear, limit, stage
from sessions_in_memory import parsed
from test_lines import ROLE, engine_with

__all__ = ["stage"]

SECOND_NS = 1_000_000_000
CANCELS = Policy(cancels=True, grace_ns=2 * SECOND_NS, silence_ns_max=3 * SECOND_NS)


def orders(engine: Engine, count: int, acknowledged: bool = True) -> list[str]:
    """Ids on the wire of new orders of alpha."""
    wires = []
    for number in range(count):
        engine.request(engine.order(f"o{number}"))
        wires.append(engine.last()[11].decode())
        if acknowledged:
            engine.report("0", "0", order_id=str(number))
    engine.wire.written.clear()
    return wires


def wait(engine: Engine, seconds: float) -> None:
    """Let time pass as the process does: a tick at every step of cancels, then a flush."""
    end = engine.now + int(seconds * SECOND_NS)
    while engine.now < end:
        engine.now = min(end, engine.now + SECOND_NS // 20)
        engine.gateway.on_tick(engine.now)
        engine.gateway.flush(engine.now)


def cancelled(engine: Engine) -> list[str]:
    """OrderIDs<37>, or where there is none OrigClOrdIDs<41>, of the cancels written since."""
    frames = [parsed(frame) for frame in engine.wire.written]
    engine.wire.written.clear()
    return [
        (frame.get(37) or frame[41]).decode()
        for frame in frames
        if frame[35] == fields.ORDER_CANCEL_REQUEST
    ]


def test_orders_of_a_strategy_that_is_gone_are_cancelled_by_order_id_after_its_grace() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    orders(engine, 3)
    engine.hello(b"b", "beta")
    engine.request(engine.order("theirs"), peer=b"b")
    engine.wire.written.clear()
    engine.bus.gone |= {b"a", b"b"}
    wait(engine, 1.9)
    assert cancelled(engine) == []
    wait(engine, 0.2)
    assert cancelled(engine) == ["0", "1", "2"]
    assert engine.log[-1] == "strategy alpha is gone: its open orders (3) are cancelled"
    wait(engine, 4)
    assert cancelled(engine) == [], "one cancel of each is under way"
    for number in range(3):
        engine.report("4", "4", order_id=str(number), cl_ord_id="web")
        wait(engine, 0.1)
    assert engine.log[-1] == "strategy alpha: none of its orders is open any more"
    wait(engine, 10)
    assert [text for text in engine.log if "alpha" in text][2:] == [engine.log[4]], "said once"


def test_the_grace_of_a_quiet_one_begins_when_it_leaves() -> None:
    engine = Engine(policies={"alpha": Policy(cancels=True, grace_ns=2 * SECOND_NS)})
    orders(engine, 1)
    wait(engine, 20)
    engine.bus.gone.add(b"a")
    wait(engine, 1.9)
    assert cancelled(engine) == []
    engine.bus.gone.clear()
    engine.hello(b"a2", "alpha")
    wait(engine, 5)
    assert cancelled(engine) == []
    engine.bus.gone.add(b"a2")
    wait(engine, 3.1)
    assert cancelled(engine) == ["0"]


def test_an_order_without_an_order_id_is_cancelled_by_its_client_id() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    wires = orders(engine, 1, acknowledged=False)
    engine.bus.gone.add(b"a")
    wait(engine, 3)
    assert cancelled(engine) == wires


def test_what_is_kept_is_kept_and_that_is_said_once() -> None:
    engine = Engine()
    orders(engine, 2)
    engine.bus.gone.add(b"a")
    wait(engine, 20)
    assert cancelled(engine) == []
    assert engine.log[1:] == ["strategy alpha is gone: its open orders (2) stay"]


def test_many_cancels_are_paced() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    orders(engine, 3 * CANCELS_PER_STEP)
    engine.bus.gone.add(b"a")
    wait(engine, 2)
    assert engine.gateway.liveness.deadline is None
    wait(engine, 0.05)
    assert len(cancelled(engine)) == CANCELS_PER_STEP
    assert engine.gateway.liveness.deadline == engine.now + SECOND_NS // 20
    wait(engine, 0.1)
    assert len(cancelled(engine)) == 2 * CANCELS_PER_STEP


def test_a_strategy_that_is_back_keeps_the_rest_and_is_told_of_what_was_cancelled() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    wires = orders(engine, CANCELS_PER_STEP + 5)
    engine.heard()
    engine.bus.gone.add(b"a")
    wait(engine, 2.06)
    (first, *_) = [parsed(frame) for frame in engine.wire.written]
    assert len(cancelled(engine)) == CANCELS_PER_STEP
    engine.report("4", "4", cl_ord_id=first[11].decode(), orig_cl_ord_id=wires[0], order_id="0")
    engine.hello(b"a2", "alpha")
    welcome, *events = engine.heard(b"a2")
    assert isinstance(welcome, Welcome)
    (report,) = [event for event in events if getattr(event, "orig_cl_ord_id", None) == "o0"]
    assert isinstance(report, ExecutionReport)
    assert report.cl_ord_id.startswith("engine-")
    wait(engine, 2.9)
    assert cancelled(engine) == []


def test_a_cancel_that_comes_to_nothing_is_sent_again() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    orders(engine, 1)
    engine.bus.gone.add(b"a")
    wait(engine, 2.06)
    cancel = engine.last()[11].decode()
    assert cancelled(engine) == ["0"]
    ids = {"cl_ord_id": cancel, "order_id": "0", "symbol": "BTCUSDT"}
    engine.venue_says(b"9", cxl_rej_response_to="1", venue_code="-2011", text="no", **ids)
    wait(engine, 0.4)
    assert cancelled(engine) == []
    wait(engine, 0.1)
    assert cancelled(engine) == ["0"]


def test_the_strategy_s_own_cancel_is_left_to_do_its_work() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    orders(engine, 1)
    engine.request(OrderCancelRequest("mine", orig_cl_ord_id="o0"))
    assert cancelled(engine) == ["0"]
    engine.bus.gone.add(b"a")
    wait(engine, 4)
    assert cancelled(engine) == []


def test_an_amend_under_way_is_no_cancel() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    orders(engine, 1)
    amend = OrderAmendKeepPriorityRequest.to("o0", "0.5")
    amend.cl_ord_id = "mine"
    engine.request(amend)
    engine.wire.written.clear()
    engine.bus.gone.add(b"a")
    wait(engine, 2.1)
    assert cancelled(engine) == ["0"]


def test_cancels_wait_for_a_session_that_takes_them() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    orders(engine, 1)
    engine.bus.gone.add(b"a")
    engine.wire.unsent_bytes = 1 << 20
    wait(engine, 3)
    assert cancelled(engine) == []
    engine.wire.unsent_bytes = 0
    wait(engine, 0.1)
    assert cancelled(engine) == ["0"]


def test_a_cancel_that_nobody_answers_is_sent_again() -> None:
    """Its session ended with it under way, and no second source tells what became of it."""
    engine = Engine(policies={"alpha": CANCELS})
    orders(engine, 1)
    engine.bus.gone.add(b"a")
    wait(engine, 2.06)
    assert cancelled(engine) == ["0"]
    engine.gateway.orders.lost(engine.line.number, unwatched=True)
    wait(engine, 4.9)
    assert cancelled(engine) == []
    wait(engine, 0.2)
    assert cancelled(engine) == ["0"]


def test_orders_of_a_session_that_is_stuck_do_not_hold_up_the_others() -> None:
    posts = Post(0, ROLE, True), Post(1, ROLE, True)
    engine, (stuck, other) = engine_with(*posts, policies={"alpha": CANCELS})
    for number in range(4):
        engine.request(engine.order(f"o{number}"))
    assert len(stuck.written) == len(other.written) == 2
    stuck.wire.unsent_bytes = 1 << 20
    engine.bus.gone.add(b"a")
    wait(engine, 2.1)
    assert [frame[35] for frame in stuck.written] == [b"D", b"D"]
    assert [frame[35] for frame in other.written] == [b"D", b"D", b"F", b"F"]
    stuck.wire.unsent_bytes = 0
    wait(engine, 0.1)
    assert [frame[35] for frame in stuck.written] == [b"D", b"D", b"F", b"F"]


def test_an_engine_that_was_stopped_reads_what_came_before_it_calls_anybody_silent() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    orders(engine, 1)
    engine.now += 10 * SECOND_NS
    engine.gateway.on_tick(engine.now)
    assert engine.gateway.liveness.deadline == engine.now + SECOND_NS // 20
    engine.gateway.on_order(b"a", encode(Heartbeat()), engine.now)
    wait(engine, 1)
    assert cancelled(engine) == []
    assert engine.gateway.liveness.deadline is None
    assert not any("says nothing" in text for text in engine.log)


def test_the_end_of_all_does_not_wait_for_the_next_step() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    orders(engine, 1)
    engine.now += 10 * SECOND_NS
    engine.gateway.on_tick(engine.now)
    engine.gateway.liveness.end_all()
    assert engine.gateway.liveness.deadline == 0


def test_one_that_is_connected_and_says_nothing_is_gone_until_it_speaks() -> None:
    engine = Engine(policies={"alpha": CANCELS})
    orders(engine, 1)
    wait(engine, 2.9)
    engine.gateway.on_order(b"a", encode(Heartbeat()), engine.now)
    wait(engine, 2.9)
    assert cancelled(engine) == []
    wait(engine, 0.2)
    assert cancelled(engine) == ["0"]
    assert engine.log[-1].startswith("strategy alpha says nothing for 3050 ms: its open orders")
    engine.gateway.on_order(b"a", encode(Heartbeat()), engine.now)
    wait(engine, 2.9)
    assert cancelled(engine) == []


def test_one_that_never_came_back_after_a_restart_is_gone_after_its_grace() -> None:
    engine = Engine(policies={"alpha": CANCELS}, standings={"alpha": Standing()})
    table = engine.gateway.orders
    old = table.open(1, "old", "w-old", "BTCUSDT")
    table.name(old, "77")
    table.unknown(old)
    wait(engine, 1.9)
    assert cancelled(engine) == []
    wait(engine, 0.2)
    assert cancelled(engine) == ["77"]


# --- tokens -----------------------------------------------------------------------------------

TOKENS = {"alpha": b"secret of alpha", "beta": b"secret of beta"}


@pytest.mark.parametrize(
    ("name", "token", "text"),
    [
        ("alpha", None, "the token is not this strategy's"),
        ("alpha", "", "the token is not this strategy's"),
        ("alpha", "secret of beta", "the token is not this strategy's"),
        ("gamma", None, "no [strategy.gamma] with a token_file is configured"),
        ("gamma", "", "no [strategy.gamma] with a token_file"),
    ],
)
def test_without_its_token_nobody_is_a_strategy(name: str, token: str | None, text: str) -> None:
    engine = Engine(tokens=TOKENS, standings={})
    engine.hello(b"x", name, token=token)
    (refused,) = engine.heard(b"x")
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.cl_ord_id) == ("bad_token", "")
    assert text in refused.text
    assert "secret" not in refused.text


def test_with_its_token_a_strategy_is_welcome() -> None:
    engine = Engine(tokens=TOKENS, standings={})
    engine.hello(b"x", "beta", token="secret of beta")
    assert isinstance(engine.heard(b"x")[0], Welcome)
    assert not any(b"secret of beta" in data for _, data in engine.journal.records)


# --- real processes ---------------------------------------------------------------------------


def test_a_killed_strategy_leaves_no_order_behind(stage: Stage) -> None:
    venue = stage.venue()
    rules = {"on_death": "cancel", "grace_ms": 300}
    engine = stage.engine(
        venue.place, **{"strategies": rules, "strategy.other": {"on_death": "keep"}}
    )
    engine.expect(event="active")
    other = stage.client(engine, "other")
    kept = other.submit(limit())
    hear(other, ExecutionReport, cl_ord_id=kept)
    dying = stage.strategy(engine, "dying", *["19000.00"] * 30)
    for _ in range(30):
        dying.expect(event="ExecutionReport")
    dying.end(signal.SIGKILL)
    engine.expect(event="gone", text="strategy dying is gone: its open orders (30) are cancelled")
    engine.expect(event="gone", text="strategy dying: none of its orders is open any more")
    heir = stage.client(engine, "dying")
    reports = [hear(heir, ExecutionReport, exec_type="4") for _ in range(30)]
    assert len({report.orig_cl_ord_id for report in reports}) == 30
    assert heir.snapshot().orders == ()
    assert [order.cl_ord_id for order in other.snapshot().orders] == [kept]
    assert engine.end() == 0


def test_a_stopped_strategy_is_gone_too(stage: Stage) -> None:
    venue = stage.venue()
    rules = {"on_death": "cancel", "silence_ms_max": 3000}
    engine = stage.engine(venue.place, strategies=rules)
    engine.expect(event="active")
    dying = stage.strategy(engine, "dying", "19000.00")
    dying.expect(event="ExecutionReport")
    alive = stage.client(engine, "alive")
    assert alive.welcome is not None and alive.welcome.heartbeat_ms == 1000
    kept = alive.submit(limit())
    dying.signal(signal.SIGSTOP)
    heard = list(alive.reports(timeout=4))
    assert [event.cl_ord_id for event in heard if isinstance(event, ExecutionReport)] == [kept]
    engine.expect(event="gone", text="strategy dying says nothing")
    assert [order.cl_ord_id for order in alive.snapshot().orders] == [kept]
    dying.signal(signal.SIGCONT)
    dying.expect(event="ExecutionReport")
    assert engine.end() == 0
    gone = [line["text"] for line in engine.said if "says nothing for" in line["text"]]
    assert [text.split()[1] for text in gone] == ["dying"]


def test_a_token_file_admits_whoever_holds_it(stage: Stage) -> None:
    venue = stage.venue()
    token = stage.folder / "maker.token"
    token.write_text("0123456789abcdef\n")
    token.chmod(0o600)
    engine = stage.engine(venue.place, **{"strategy.maker": {"token_file": str(token)}})
    with pytest.raises(HelloRefused, match=r"bad_token.*what its token_file holds"):
        stage.client(engine)
    client = stage.client(engine, token=token.read_text().strip())
    engine.expect(event="active")
    hear(client, ExecutionReport, cl_ord_id=client.submit(limit(THROUGH)), ord_status="2")
    assert engine.end() == 0
    for place in (engine.log, *engine.state_dir.rglob("*.fxj")):
        assert b"0123456789abcdef" not in place.read_bytes()
