"""The vocabulary: append-only, exact about amounts, and open to what is not known yet.

messages.json is the committed list. A failure against it means that an old strategy and a new
engine no longer understand each other; only appending an optional field may change it.
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fixengine import messages
from fixengine.messages import (
    AMOUNTS,
    Ack,
    Balance,
    ExecInst,
    ExecutionReport,
    Gap,
    Hello,
    LimitIndicator,
    ListedOrder,
    ListedOrderStatus,
    ListTriggeringInstruction,
    Message,
    MiscFee,
    NewOrderSingle,
    OpenOrder,
    OrdStatus,
    Position,
    Refused,
    Side,
    Welcome,
    decimal_text,
    encode,
    encode_event,
    event_decoder,
    mark_replayed,
    names_of,
    report_seq_of,
    request_decoder,
    wrong_field,
)
from hypothesis import given
from hypothesis import strategies as st

COMMITTED: dict[str, dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "messages.json").read_text()
)
MESSAGES: list[Any] = sorted(Message.__subclasses__(), key=lambda struct: struct.__name__)
PARTS = Balance, LimitIndicator, ListedOrder, ListedOrderStatus, ListTriggeringInstruction, MiscFee
STRUCTS: list[Any] = [*MESSAGES, *PARTS, OpenOrder, Position]
EVENTS: list[Any] = [struct for struct in MESSAGES if "replayed" in names_of(struct)]


def decoder_of(struct: type[Any]) -> msgspec.msgpack.Decoder[Any]:
    decoders: list[Any] = [event_decoder, request_decoder]
    for decoder in decoders:
        if struct in decoder.type.__args__:
            return decoder  # type: ignore[no-any-return]
    return msgspec.msgpack.Decoder(struct)


def sample(name: str, kind: Any) -> Any:
    """A value that is not the default, for a field of this type."""
    if name == "misc_fees":
        return (MiscFee("0.1", "BNB", "4"), MiscFee("0.2", "BTC"))
    if name == "fees":
        return (("BNB", "0.1"), ("BTC", "0.2"))
    if name == "order":
        return NewOrderSingle("id", symbol="S")
    if name == "orders" and "Listed" in str(kind):
        return (filled(ListedOrderStatus if "Status" in str(kind) else ListedOrder),)
    if name == "limit_indicators":
        return (LimitIndicator("1", 2, 3),)
    if name == "list_triggering_instructions":
        return (ListTriggeringInstruction("1", 0, "2"),)
    if name == "orders":
        order = NewOrderSingle("id", symbol="S")
        return (OpenOrder("id", "wire", "new", order, filled(ExecutionReport)),)
    if name == "balances":
        return (filled(Balance),)
    if name == "positions":
        return (filled(Position),)
    if name == "extra":
        return ((25_999, b"a\x01b"), (7, b""))
    kinds = getattr(kind, "__args__", (kind,))
    if bool in kinds:
        return True
    return len(name) + 1_000_000 if int in kinds else f"{name}-text"


def filled(struct: type[Any]) -> Any:
    fields = msgspec.structs.fields(struct)
    return struct(**{field.name: sample(field.name, field.type) for field in fields})


def refused() -> Refused:
    return Refused(1, 1_700_000_000, "", False, 5, "id", "limit", "text")


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_names_and_order_are_the_committed_ones(struct: type[Any]) -> None:
    committed = COMMITTED[struct.__name__]
    fields = msgspec.structs.fields(struct)
    assert [field.name for field in fields if field.required] == committed["required"]
    assert names_of(struct) == (*committed["required"], *committed["optional"])


def test_the_committed_list_is_complete() -> None:
    assert sorted(COMMITTED) == sorted(struct.__name__ for struct in STRUCTS)


@pytest.mark.parametrize("struct", MESSAGES, ids=lambda struct: struct.__name__)
def test_round_trip(struct: type[Any]) -> None:
    message = filled(struct)
    payload = encode(message)
    columns = msgspec.msgpack.decode(payload)
    assert decoder_of(struct).decode(payload) == message
    assert columns[0] == struct.__name__
    assert len(columns) == 1 + len(names_of(struct))


@pytest.mark.parametrize("struct", MESSAGES, ids=lambda struct: struct.__name__)
def test_a_message_of_an_older_version_decodes_with_defaults(struct: type[Any]) -> None:
    message = filled(struct)
    required = COMMITTED[struct.__name__]["required"]
    columns = msgspec.msgpack.decode(encode(message))[: 1 + len(required)]
    decoded = decoder_of(struct).decode(msgspec.msgpack.encode(columns))
    assert decoded == struct(*(getattr(message, name) for name in required))


@pytest.mark.parametrize("struct", MESSAGES, ids=lambda struct: struct.__name__)
def test_a_message_of_a_newer_version_decodes_without_what_is_new(struct: type[Any]) -> None:
    message = filled(struct)
    columns = [*msgspec.msgpack.decode(encode(message)), "new", 5, None]
    assert decoder_of(struct).decode(msgspec.msgpack.encode(columns)) == message


@pytest.mark.parametrize("struct", MESSAGES, ids=lambda struct: struct.__name__)
def test_a_message_without_a_required_field_is_refused(struct: type[Any]) -> None:
    required = COMMITTED[struct.__name__]["required"]
    columns = msgspec.msgpack.decode(encode(filled(struct)))[: len(required)]
    if required:
        with pytest.raises(msgspec.ValidationError):
            decoder_of(struct).decode(msgspec.msgpack.encode(columns))


def test_a_value_the_venue_adds_tomorrow_reaches_the_strategy() -> None:
    report = filled(ExecutionReport)
    report.exec_type, report.ord_status, report.time_in_force = "Z", "new status", "99"
    decoded: Any = event_decoder.decode(encode(report))
    assert (decoded.exec_type, decoded.ord_status, decoded.time_in_force) == (
        "Z",
        "new status",
        "99",
    )


def test_constants_compare_with_the_characters_of_the_wire() -> None:
    report: Any = event_decoder.decode(encode(filled(ExecutionReport)))
    report.ord_status = "2"
    assert report.ord_status == OrdStatus.FILLED
    order = NewOrderSingle.limit("BTCUSDT", Side.SELL, "1", "2")
    received: Any = request_decoder.decode(encode(order))
    assert received.side == "2"


# --- amounts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.015", "0.015"),
        ("007", "007"),
        (12, "12"),
        (Decimal("1E+2"), "100"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E-8"), "0.00000001"),
    ],
)
def test_amounts_print_plainly(value: Any, text: str) -> None:
    assert decimal_text(value, "price") == text
    assert NewOrderSingle.limit("BTCUSDT", "1", value, value).price == text
    assert NewOrderSingle.market("BTCUSDT", "1", value).order_qty == text
    for name in AMOUNTS:
        assert getattr(NewOrderSingle(**{name: value}), name) == text


def test_nothing_prints_plainly_too() -> None:
    assert decimal_text(0, "price") == "0"


@given(st.integers(0, 10**24), st.integers(-20, 20))
def test_a_decimal_keeps_its_value(digits: int, exponent: int) -> None:
    value = Decimal(digits).scaleb(exponent)
    text = decimal_text(value, "price")
    assert Decimal(text) == value
    assert messages.PLAIN_DECIMAL.match(text)


@pytest.mark.parametrize(
    "value",
    ["", "1.", ".5", "-1", "+1", "1e5", " 1", "1\n", "١", "0x1", "1" * 65]
    + [-1, Decimal(-1), Decimal("NaN"), Decimal("Infinity"), Decimal("-0"), 10**64],
)
def test_what_is_not_a_plain_amount_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^price: "):
        NewOrderSingle.limit("BTCUSDT", "1", "1", value)


@pytest.mark.parametrize("value", [1.5, float("nan"), True, b"1", [1]])
def test_what_is_not_exact_is_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^order_qty: "):
        NewOrderSingle.limit("BTCUSDT", "1", value, "1")


HUGE: dict[str, Any] = {
    "text": "1" * 10_000_000,
    "int": 10**5000,
    "negative int": -(10**5000),
    "digits": Decimal("1" * 5000),
    "exponent": Decimal("1E+200000000"),
    "negative exponent": Decimal("1E-200000000"),
    "zero with an exponent": Decimal("0E+200000000"),
    "payload of a NaN": Decimal("NaN" + "1" * 5000),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_amount_is_refused_at_once_and_in_few_words(name: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match=r"^price: ") as caught:
        decimal_text(HUGE[name], "price")
    assert time.process_time() - started < 0.1
    assert len(str(caught.value)) < 120


def test_text_is_looked_at_on_demand() -> None:
    order = NewOrderSingle(order_qty="1e5", price="1")
    with pytest.raises(ValueError, match=r"^order_qty: '1e5'"):
        order.write_amounts_plainly()
    order.order_qty, order.price = 5, Decimal("1E+2")  # type: ignore[assignment]
    order.write_amounts_plainly()
    assert (order.order_qty, order.price, order.max_floor) == ("5", "100", None)


@pytest.mark.parametrize("name", AMOUNTS)
def test_a_float_is_refused_where_fields_are_named(name: str) -> None:
    fields: dict[str, Any] = {name: 0.1}
    with pytest.raises(TypeError, match=f"^{name}: a float"):
        NewOrderSingle(**fields)


@pytest.mark.parametrize("name", AMOUNTS)
def test_a_float_from_a_foreign_program_is_refused_by_the_decoder(name: str) -> None:
    columns = msgspec.msgpack.decode(encode(NewOrderSingle()))
    columns[1 + names_of(NewOrderSingle).index(name)] = 0.1
    with pytest.raises(msgspec.ValidationError):
        request_decoder.decode(msgspec.msgpack.encode(columns))


@pytest.mark.parametrize(
    ("kind", "values", "name", "why"),
    [
        (NewOrderSingle, ["a", 1, 1, 1, "X", "1", "2", 0.5], "order_qty", "got `float`"),
        (NewOrderSingle, ["a", 1, "now", 1, None], "sent_ns", "got `str`"),
        (NewOrderSingle, ["a", 1, 1, 1 << 70], "valid_for_ms", "int"),
        (NewOrderSingle, ["a", 1, 1, 1, "\ud800"], "symbol", "surrogates"),
        (Hello, ["maker", 5], "token", "got `int`"),
        (Hello, [], "strategy", "missing"),
    ],
)
def test_the_wrong_field_is_found(kind: Any, values: list[Any], name: str, why: str) -> None:
    wrong = wrong_field(kind, values)
    assert wrong is not None
    assert (wrong[0], why in str(wrong[1])) == (name, True)


def test_where_all_fits_no_field_is_wrong() -> None:
    assert wrong_field(NewOrderSingle, ["a", 1]) is None
    assert wrong_field(Hello, ["maker", None, None, True, "", "of a newer version"]) is None


def test_kinds_of_orders() -> None:
    limit = NewOrderSingle.limit("BTCUSDT", "1", "1", "2", time_in_force="4", cl_ord_id="a")
    assert (limit.ord_type, limit.time_in_force, limit.cl_ord_id) == ("2", "4", "a")
    maker = NewOrderSingle.limit_maker("BTCUSDT", "1", "1", "2")
    assert (maker.ord_type, maker.exec_inst) == ("2", ExecInst.PARTICIPATE_DONT_INITIATE)
    quote = NewOrderSingle.market("BTCUSDT", "1", cash_order_qty=Decimal("1E+1"))
    assert (quote.ord_type, quote.order_qty, quote.cash_order_qty) == ("1", None, "10")


@pytest.mark.parametrize("amounts", [{}, {"order_qty": "1", "cash_order_qty": "1"}])
def test_a_market_order_has_exactly_one_amount(amounts: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        NewOrderSingle.market("BTCUSDT", "1", **amounts)


# --- patching -------------------------------------------------------------------------------


@pytest.mark.parametrize("report_seq", [0, 1, 127, 128, 1 << 40])
@pytest.mark.parametrize("struct", EVENTS, ids=lambda struct: struct.__name__)
def test_an_event_is_numbered_in_its_bytes(struct: type[Any], report_seq: int) -> None:
    event = filled(struct)
    event.replayed = False
    payload = encode_event(event, report_seq)
    assert event.report_seq == report_seq
    assert event_decoder.decode(payload) == event
    size = len(payload)
    assert report_seq_of(bytes(payload)) == report_seq
    mark_replayed(payload)
    event.replayed = True
    assert event_decoder.decode(payload) == event
    assert len(payload) == size


@pytest.mark.parametrize("epoch", [0, 127, 128, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32])
@pytest.mark.parametrize("source", ["", "a" * 31, "a" * 32, "a" * 255])
def test_a_replay_is_marked_whatever_stands_before(epoch: int, source: str) -> None:
    event = msgspec.structs.replace(refused(), epoch=epoch, source=source)
    payload = encode_event(event, 9)
    mark_replayed(payload)
    assert event_decoder.decode(payload) == msgspec.structs.replace(
        event, report_seq=9, replayed=True
    )


@pytest.mark.parametrize("message", [Ack(5), Welcome("maker", 1, 1, 1, 5, "ready")])
def test_bytes_without_a_number_have_none(message: Any) -> None:
    with pytest.raises(ValueError, match="report_seq"):
        report_seq_of(encode(message))


def test_bytes_without_a_replayed_column_are_not_marked() -> None:
    welcome = Welcome("maker", 1, 1_700_000_000, 1, 5, "ready")
    payloads = [bytearray(encode(welcome)), bytearray(encode(Ack(5)))]
    for payload in payloads:
        before = bytes(payload)
        with pytest.raises((ValueError, IndexError)):
            mark_replayed(payload)
        assert bytes(payload) == before


def test_directions_hold_every_message() -> None:
    directions = {*messages.Request.__args__, *messages.Event.__args__}
    assert directions == set(MESSAGES)
    assert messages.Heartbeat in messages.Request.__args__
    assert Gap in messages.Event.__args__
