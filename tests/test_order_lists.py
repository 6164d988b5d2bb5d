"""Order lists: the venue's table of triggers, the bytes, and what becomes of a list in the walk.

The expected triggers stand here as the documents print them (spec section 9.3), but for the first
one of OTOCO and OPOCO, where they print an action that contradicts the list: that is an argument.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import simplefix  # type: ignore[import-untyped]
from engine_in_memory import EPOCH, NOW, Engine
from fixengine.desk.orders import Kind, Orders
from fixengine.desk.positions import Positions
from fixengine.desk.standings import Standing
from fixengine.desk.unfilled import Unfilled
from fixengine.fix.dictionary import read
from fixengine.fix.dictionary.model import Member
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import (
    ALL_RECEIVED,
    ExecutionReport,
    ListStatus,
    NewOrderList,
    NewOrderSingle,
    OrderCancelRequest,
    Refused,
    Side,
    oco,
    opo,
    opoco,
    oto,
    otoco,
)
from fixengine.network.journal.reader import Record
from fixengine.network.recall import recall_records

BUY, SELL = Side.BUY, Side.SELL
S = "BTCUSDT"
LIMIT, MAKER = NewOrderSingle.limit, NewOrderSingle.limit_maker
STOP, STOP_LIMIT = NewOrderSingle.stop_loss, NewOrderSingle.stop_loss_limit
TAKE, TAKE_LIMIT = NewOrderSingle.take_profit, NewOrderSingle.take_profit_limit
WORKING = LIMIT(S, BUY, "1", "100")
ALL = ALL_RECEIVED

LISTS: list[tuple[str, NewOrderList, str, list[list[tuple[str, int, str]]]]] = [
    (
        "oco sell, maker above",
        oco(STOP(S, SELL, 1, 90), MAKER(S, SELL, 1, 110)),
        "1",
        [[("2", 1, "2")], [("1", 0, "2")]],
    ),
    (
        "oco buy, maker below",
        oco(MAKER(S, BUY, 1, 90), STOP_LIMIT(S, BUY, 1, 111, 110)),
        "1",
        [[("1", 1, "2")], [("2", 0, "2")]],
    ),
    (
        "oco sell, take profit above",
        oco(STOP_LIMIT(S, SELL, 1, 89, 90), TAKE(S, SELL, 1, 110)),
        "1",
        [[("1", 1, "2")], [("1", 0, "2")]],
    ),
    (
        "oco buy, take profit below",
        oco(TAKE_LIMIT(S, BUY, 1, 91, 90), STOP(S, BUY, 1, 110)),
        "1",
        [[("1", 1, "2")], [("1", 0, "2")]],
    ),
    (
        "oco sell, stop loss that only trails",
        oco(STOP(S, SELL, 1, trigger_trailing_delta_bips=50), MAKER(S, SELL, 1, 110)),
        "1",
        [[("2", 1, "2")], [("1", 0, "2")]],
    ),
    (
        "otoco buy, both only trail",
        otoco(
            MAKER(S, SELL, 1, 100),
            TAKE(S, BUY, 1, trigger_trailing_delta_bips=50),
            STOP_LIMIT(S, BUY, 1, 120, trigger_trailing_delta_bips=50),
        ),
        "2",
        [[], [("3", 0, "1"), ("1", 2, "2")], [("3", 0, "1"), ("1", 1, "2")]],
    ),
    ("oto", oto(WORKING, TAKE(S, SELL, 1, 110)), "2", [[], [("3", 0, "1")]]),
    (
        "otoco sell",
        otoco(WORKING, STOP(S, SELL, 1, 90), MAKER(S, SELL, 1, 110)),
        "2",
        [[], [("3", 0, "1"), ("2", 2, "2")], [("3", 0, "1"), ("1", 1, "2")]],
    ),
    (
        "otoco buy, as the documents print it",
        otoco(
            MAKER(S, SELL, 1, 100),
            MAKER(S, BUY, 1, 90),
            STOP(S, BUY, 1, 110),
            first_trigger_action="2",
        ),
        "2",
        [[], [("3", 0, "2"), ("1", 2, "2")], [("3", 0, "2"), ("2", 1, "2")]],
    ),
    (
        "otoco sell, take profit",
        otoco(WORKING, STOP(S, SELL, 1, 90), TAKE(S, SELL, 1, 110)),
        "2",
        [[], [("3", 0, "1"), ("1", 2, "2")], [("3", 0, "1"), ("1", 1, "2")]],
    ),
    ("opo", opo(WORKING, LIMIT(S, SELL, ALL, 110)), "2", [[], [("3", 0, "1")]]),
    (
        "opoco",
        opoco(WORKING, STOP(S, SELL, ALL, 90), MAKER(S, SELL, ALL, 110)),
        "2",
        [[], [("3", 0, "1"), ("2", 2, "2")], [("3", 0, "1"), ("1", 1, "2")]],
    ),
]


def of(request: NewOrderList, name: str = "l") -> NewOrderList:
    """The same with ids, as the client sends it."""
    request.cl_list_id = name
    for at, one in enumerate(request.orders):
        one.order.cl_ord_id = f"{name}-{at}"
    return request


@pytest.mark.parametrize(
    ("made", "contingency", "triggers"), [one[1:] for one in LISTS], ids=[one[0] for one in LISTS]
)
def test_a_list_has_the_triggers_of_the_documents(
    made: NewOrderList, contingency: str, triggers: list[list[tuple[str, int, str]]]
) -> None:
    assert made.contingency_type == contingency
    found = [
        [
            (
                one.list_trigger_type,
                one.list_trigger_trigger_index,
                one.list_trigger_action,
            )
            for one in listed.list_triggering_instructions
        ]
        for listed in made.orders
    ]
    assert found == triggers
    paid = [listed.order.order_qty is None for listed in made.orders]
    assert any(paid) == (made.opo == "Y")


def parts_of(raw: bytes) -> tuple[dict[int, str], list[list[tuple[int, str]]]]:
    """What stands before the orders by a foreign parser, and the fields of each order."""
    parser = simplefix.FixParser()
    parser.append_buffer(raw)
    pairs = [(int(tag), value.decode()) for tag, value in parser.get_message().pairs]
    at = next(index for index, (tag, _) in enumerate(pairs) if tag == 73)
    orders: list[list[tuple[int, str]]] = []
    for tag, value in pairs[at + 1 : -1]:
        if tag == 11:
            orders.append([])
        orders[-1].append((tag, value))
    assert len(orders) == int(pairs[at][1])
    return dict(pairs[:at]), orders


@pytest.mark.parametrize("one", LISTS, ids=lambda one: str(one[0]))
def test_a_list_is_these_bytes_and_the_official_dictionary_has_them(
    one: Any, shared_data: Path
) -> None:
    _, made, contingency, triggers = one
    engine = Engine()
    engine.request(of(made))
    head, orders = parts_of(engine.wire.written[-1])
    assert (head[35], head[1385], head.get(25046)) == ("E", contingency, made.opo)
    members = read((shared_data / "spot-fix-oe.xml").read_bytes()).messages["E"].members
    by_tag = {member.tag: member for member in members}
    assert {25014, 1385} <= head.keys()
    assert head.keys() - {8, 9, 35, 49, 56, 34, 52, 25000} <= by_tag.keys()
    legs: tuple[Member, ...] = by_tag[73].members or ()
    wanted = [member.tag for member in legs]
    for listed, order, triggered in zip(made.orders, orders, triggers, strict=True):
        order_tags = [tag for tag, _ in order if tag not in (25011, 25012, 25013)]
        assert order_tags == [tag for tag in wanted if tag in order_tags], "in the official order"
        values = dict(order)
        assert (values[40], values[54], values[55]) == (
            listed.order.ord_type,
            listed.order.side,
            S,
        )
        assert values.get(38) == listed.order.order_qty
        flat = [(tag, value) for tag, value in order if tag in (25010, 25011, 25012, 25013)]
        expected = [(25010, str(len(triggered)))] if triggered else []
        for kind, index, action in triggered:
            expected += [(25011, kind), (25012, str(index)), (25013, action)]
        assert flat == expected


WRONG: list[tuple[str, Any, str]] = [
    ("two sides", lambda: oco(STOP(S, SELL, 1, 9), MAKER(S, BUY, 1, 10)), "side"),
    ("two quantities", lambda: oco(STOP(S, SELL, 2, 9), MAKER(S, SELL, 1, 10)), "order_qty"),
    ("two makers", lambda: oco(MAKER(S, SELL, 1, 9), MAKER(S, SELL, 1, 10)), "below"),
    ("two stops", lambda: oco(STOP(S, SELL, 1, 9), STOP(S, SELL, 1, 10)), "above"),
    ("a plain limit", lambda: oco(STOP(S, SELL, 1, 9), LIMIT(S, SELL, 1, 10)), "above"),
    ("upside down", lambda: oco(MAKER(S, SELL, 1, 9), STOP(S, SELL, 1, 10)), "below"),
    ("buys upside down", lambda: oco(STOP(S, BUY, 1, 9), MAKER(S, BUY, 1, 10)), "above"),
    ("prices", lambda: oco(STOP(S, SELL, 1, 10), MAKER(S, SELL, 1, 10)), "below"),
    ("prices of buys", lambda: oco(MAKER(S, BUY, 1, 11), STOP(S, BUY, 1, 10)), "below"),
    ("limit price", lambda: oco(TAKE_LIMIT(S, BUY, 1, 11, 9), STOP(S, BUY, 1, 10)), "below"),
    ("two symbols", lambda: oto(WORKING, MAKER("X", SELL, 1, 10)), "symbol"),
    ("working market", lambda: oto(NewOrderSingle.market(S, BUY, 1), WORKING), "working"),
    ("working stop", lambda: oto(STOP_LIMIT(S, BUY, 1, 9, 9), WORKING), "working"),
    (
        "pending by quote",
        lambda: oto(WORKING, NewOrderSingle.market(S, SELL, cash_order_qty=5)),
        "pending",
    ),
    ("routed", lambda: oto(LIMIT(S, BUY, 1, 2, sor=True), WORKING), "sor"),
    ("working sell", lambda: opo(LIMIT(S, SELL, 1, 2), LIMIT(S, SELL, ALL, 3)), "working"),
    ("pending buy", lambda: opo(WORKING, LIMIT(S, BUY, ALL, 3)), "pending"),
    ("pending with quantity", lambda: opo(WORKING, LIMIT(S, SELL, 1, 3)), "pending"),
    ("pair", lambda: otoco(WORKING, MAKER(S, SELL, 1, 9), STOP(S, SELL, 1, 10)), "below"),
    ("open pair", lambda: oco(STOP(S, SELL, ALL, 9), MAKER(S, SELL, ALL, 10)), "order_qty"),
    ("open pending", lambda: oto(WORKING, LIMIT(S, SELL, ALL, 3)), "order_qty"),
    ("open working", lambda: opo(LIMIT(S, BUY, ALL, 2), LIMIT(S, SELL, ALL, 3)), "order_qty"),
    (
        "action",
        lambda: otoco(
            WORKING, STOP(S, SELL, 1, 9), MAKER(S, SELL, 1, 10), first_trigger_action="3"
        ),
        "first_trigger_action",
    ),
]


@pytest.mark.parametrize(
    ("make", "name"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG]
)
def test_orders_that_do_not_fit_are_refused_by_name(make: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        make()


def test_of_a_take_profit_limit_the_limit_price_counts() -> None:
    pair = STOP(S, SELL, 1, 10), TAKE_LIMIT(S, SELL, 1, 11, 9)
    assert [one.order for one in otoco(WORKING, *pair).orders[1:]] == [*pair]


def test_a_stop_loss_that_only_trails_is_told_from_a_take_profit_by_its_direction() -> None:
    stop = STOP(S, SELL, 1, trigger_trailing_delta_bips=50)
    made = oco(stop, TAKE(S, SELL, 1, trigger_trailing_delta_bips=50))
    assert [one.order.trigger_price_direction for one in made.orders] == ["D", None]
    assert stop.trigger_price_direction is None, "alone the venue takes none without a price"


def test_what_is_no_order_is_in_no_list() -> None:
    made: Any = oco(STOP(S, SELL, 1, 9), MAKER(S, SELL, 1, 10))
    for make in (lambda: oco(made, WORKING), lambda: oto(WORKING, made)):
        with pytest.raises(TypeError, match="expected NewOrderSingle, not NewOrderList"):
            make()


# --- in the walk ----------------------------------------------------------------------------


@pytest.fixture
def engine() -> Engine:
    return Engine()


def bracket(name: str = "l") -> NewOrderList:
    return of(otoco(WORKING, STOP(S, SELL, 1, 90), MAKER(S, SELL, 1, 110)), name)


def wire_ids(engine: Engine, at: int = -1) -> list[str]:
    """Of the list, then of its orders."""
    head, orders = parts_of(engine.wire.written[at])
    return [head[25014], *(dict(order)[11] for order in orders)]


def status(
    engine: Engine, kind: str, state: str, ids: list[str], refused: Any = (None,) * 3, **more: Any
) -> None:
    engine.venue_says(
        b"N",
        list_status_type=kind,
        list_order_status=state,
        cl_list_id=ids[0],
        orig_cl_list_id=ids[0],
        orders=tuple((one, S, None, None, *refused) for one in ids[1:]),
        **more,
    )


def told(engine: Engine) -> list[tuple[str, str]]:
    """Kind, and the strategy's id, of what it heard."""
    return [
        (type(one).__name__, getattr(one, "cl_ord_id", "") or getattr(one, "cl_list_id", ""))
        for one in engine.heard()
    ]


def standings(engine: Engine) -> list[str]:
    orders = engine.gateway.orders
    return [str(order.standing) for order in orders if order.kind is Kind.ORDER]


def test_a_list_is_placed_and_its_orders_live(engine: Engine) -> None:
    engine.request(bracket())
    ids = wire_ids(engine)
    status(engine, "4", "3", ids, list_id="7")
    for at, state in ((1, "0"), (2, "A"), (3, "A")):
        engine.report("0", state, cl_ord_id=ids[at], order_id=str(at), list_id="7")
    placed, *reports = engine.heard()
    assert isinstance(placed, ListStatus)
    assert (placed.cl_list_id, placed.list_id, placed.list_order_status) == ("l", "7", "3")
    assert [one.cl_ord_id for one in placed.orders] == ["l-0", "l-1", "l-2"]
    assert [one.cl_ord_id for one in reports if isinstance(one, ExecutionReport)] == [
        "l-0",
        "l-1",
        "l-2",
    ]
    assert standings(engine) == ["new", "pending_new", "pending_new"]
    assert not engine.gateway.waits_for(engine.line)
    status(engine, "4", "3", ids, list_id="7")
    assert engine.heard() == [], "another session says the same"
    status(engine, "5", "6", ids, list_id="7", transact_time="20260101-00:00:00.000000")
    assert told(engine) == [("ListStatus", "l")]


def test_a_refused_list_ends_all_its_orders_with_one_event(engine: Engine) -> None:
    engine.request(bracket())
    refusal = ("99", "-2010", "The relationship of the prices for the orders is not correct.")
    status(engine, "2", "7", wire_ids(engine), refusal, list_reject_reason="99")
    (event,) = engine.heard()
    assert isinstance(event, ListStatus)
    assert [one.venue_code for one in event.orders] == ["-2010"] * 3
    assert standings(engine) == ["rejected"] * 3
    engine.request(bracket())
    (again,) = engine.heard()
    assert isinstance(again, ListStatus) and again.replayed
    engine.request(engine.order("l-1"))
    assert told(engine) == [("ListStatus", "l")], "an id of one of its orders"


def test_a_cancel_that_is_refused_leaves_the_orders_alone(engine: Engine) -> None:
    engine.request(bracket())
    ids = wire_ids(engine)
    for at in (1, 2, 3):
        engine.report("0", "0", cl_ord_id=ids[at], order_id=str(at))
    engine.heard()
    status(engine, "2", "7", ids)
    assert told(engine) == [("ListStatus", "l")]
    assert standings(engine) == ["new"] * 3


@pytest.mark.parametrize("code", ["-1007", "-1020"])
def test_a_rejected_list_is_refused_or_unknown(engine: Engine, code: str) -> None:
    engine.request(bracket())
    seq = int(dict(parts_of(engine.wire.written[-1])[0])[34])
    engine.venue_says(b"3", ref_seq_num=seq, venue_code=code, text="no")
    if code == "-1020":
        (event,) = engine.heard()
        assert isinstance(event, ListStatus)
        assert (event.venue_code, event.list_order_status) == ("-1020", "7")
        assert standings(engine) == ["rejected"] * 3
    else:
        names = ["l", "l-0", "l-1", "l-2"]
        assert told(engine) == [("OrderUnknown", name) for name in names]
        assert standings(engine) == ["unknown"] * 3
        doubted = [order.cl_ord_id for order in engine.gateway.orders.take_doubted()]
        assert doubted == ["l-0", "l-1", "l-2"]


def test_an_unknown_outcome_of_one_order_is_one_of_the_list(engine: Engine) -> None:
    engine.request(bracket())
    status(engine, "2", "7", wire_ids(engine), ("99", "-1006", "odd"))
    assert [kind for kind, _ in told(engine)] == ["OrderUnknown"] * 4
    assert standings(engine) == ["unknown"] * 3


def test_the_cancel_of_one_order_ends_the_list(engine: Engine) -> None:
    engine.request(of(oto(WORKING, MAKER(S, SELL, 1, 110))))
    ids = wire_ids(engine)
    for at in (1, 2):
        engine.report("0", "0", cl_ord_id=ids[at], order_id=str(at))
    engine.request(OrderCancelRequest("c", orig_cl_ord_id="l-0"))
    cancel = engine.last()[11].decode()
    engine.heard()
    for at in (2, 1):
        engine.report("4", "4", cl_ord_id=cancel, orig_cl_ord_id=ids[at], order_id=str(at))
    reports = [one for one in engine.heard() if isinstance(one, ExecutionReport)]
    assert [(one.cl_ord_id, one.orig_cl_ord_id) for one in reports] == [("c", "l-1"), ("c", "l-0")]
    assert standings(engine) == ["canceled"] * 2


def wrong(**changes: Any) -> NewOrderList:
    made = bracket()
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_the_shortest_recv_window_is_that_of_the_list(engine: Engine) -> None:
    request = bracket()
    request.orders[1].order.recv_window_ms, request.orders[2].order.recv_window_ms = 400, 300
    engine.request(request)
    assert parts_of(engine.wire.written[-1])[0][25000] == "300"


def test_a_list_that_is_none_is_refused(engine: Engine) -> None:
    other = bracket()
    other.orders[1].order.symbol = "ETHUSDT"
    twice = bracket()
    twice.orders[1].order.cl_ord_id = "l-0"
    many = bracket()
    many.orders += of(oto(MAKER(S, BUY, 1, 8), MAKER(S, SELL, 1, 9)), "m").orders
    for at, one in enumerate(many.orders):
        one.order.cl_ord_id = f"l-{at}"
    names = ("orders", "orders", "cl_ord_id", "orders", "cl_ord_id")
    engine.wire.written.clear()
    requests = (wrong(orders=()), other, twice, many, wrong(cl_list_id="no id"))
    for request, name in zip(requests, names, strict=True):
        engine.request(request)
        (event,) = engine.heard()
        assert isinstance(event, Refused) and event.reason == "invalid_field"
        assert event.text.startswith(f"{name}: ")
    assert engine.wire.written == []
    assert list(engine.gateway.orders) == []


def test_each_order_of_a_list_counts_as_unfilled() -> None:
    engine = Engine(unfilled=Unfilled([(5, 10_000_000_000, "10 SECOND")]))
    engine.venue_says(b"XLR", req_id="limits-1", limit_indicators=(("1", 0, 5, 10, "s"),))
    engine.request(bracket())
    engine.wire.written.clear()
    engine.request(bracket("m"))
    (event,) = engine.heard()
    assert isinstance(event, Refused) and event.reason == "limit"
    assert engine.wire.written == []
    engine.request(of(oto(WORKING, MAKER(S, SELL, 1, 110)), "n"))
    assert len(engine.wire.written) == 1, "two more fit"
    late = bracket("late")
    engine.request(late)
    assert [one.reason for one in engine.heard() if isinstance(one, Refused)] == ["limit"]


def test_the_next_run_knows_the_list_and_its_orders(engine: Engine) -> None:
    engine.request(bracket())
    engine.request(bracket("m"))
    refusal = ("99", "-2010", "no")
    status(engine, "2", "7", wire_ids(engine), refusal)
    engine.request(bracket("late"), flush=False)
    engine.gateway.flush(engine.now + 10_000_000_000)
    orders = Orders(1000, 100)
    records = [
        Record(EPOCH, sequence, kind, 0, 0, NOW, NOW, data)
        for sequence, (kind, data) in enumerate(engine.journal.records, 1)
    ]
    assert recall_records(records, BINANCE_SPOT, orders, Positions(), 100).damage == ()
    found = {order.cl_ord_id: (order.kind, order.standing) for order in orders}
    live = {f"l-{at}": (Kind.ORDER, Standing.UNKNOWN) for at in range(3)}
    ended = {f"m-{at}": (Kind.ORDER, Standing.REJECTED) for at in range(3)}
    lists = {"l": (Kind.LIST, Standing.UNKNOWN), "m": (Kind.LIST, Standing.DONE)}
    assert found == {**lists, **live, **ended}
    for order in orders:
        known = engine.gateway.orders.find(1, order.cl_ord_id)
        assert known is not None
        assert (order.wire_id, order.request) == (known.wire_id, known.request)
