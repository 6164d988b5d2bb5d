"""Template.encode_payload: a request's bytes on the bus -> its FIX message, nothing decoded."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fixengine.fix.venue import Sender, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import NewOrderSingle, OrderCancelRequest, encode
from fixengine.wire import LocalProtocolError, Template
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import corpus

TIME = b"20260721-09:07:30.123456"
ORDER = template(BINANCE_SPOT, b"D", Sender.CLIENT, "ME", recv_window_ms=5000)
CANCEL = template(BINANCE_SPOT, b"F", Sender.CLIENT, "ME", recv_window_ms=5000)
NUMBERS = Template(
    b"FIX.4.4",
    b"U1",
    [(34, None), (52, None)],
    [
        (1, "int", "int", False, ()),
        (2, "seqnum", "seqnum", False, ()),
        (3, "length", "length", False, ()),
        (5, "text", "str", True, ()),
        (6, "fees", "group", False, ((7, "fee", "qty", True, ()),)),
    ],
    payload=("Numbers", ("skipped", "int", "seqnum", "length", "text", "fees")),
)

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)
VALUE = st.none() | TEXT | st.sampled_from(["0.1", "1", ".5", "5.", ".", "-1", "1e5", "", "\x01"])


def outcome(write: Any, *arguments: Any) -> Any:
    """What was written, or the tag and text of the refusal."""
    try:
        return write(*arguments)
    except LocalProtocolError as refusal:
        return refusal.tag, str(refusal)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_the_same_as_from_a_struct(data: st.DataObject) -> None:
    names = ("symbol", "side", "ord_type", "order_qty", "price", "time_in_force", "sor")
    values = {name: data.draw(VALUE, label=name) or None for name in names}
    order = NewOrderSingle(cl_ord_id=data.draw(TEXT), epoch=data.draw(st.integers(0, 2**63 - 1)))
    for name, value in values.items():
        # Past the constructor, which refuses some of these: what counts is what the codec does.
        setattr(order, name, value if name != "symbol" else value or "这是测试币456")
    replace = data.draw(st.none() | st.fixed_dictionaries({"cl_ord_id": st.none() | TEXT}))
    wanted = outcome(ORDER.encode, order, 7, TIME, replace)
    assert outcome(ORDER.encode_payload, encode(order), 7, TIME, replace) == wanted


def test_cancels_and_the_corpus() -> None:
    cancel = OrderCancelRequest(cl_ord_id="c", orig_cl_ord_id="o", symbol="BTCUSDT", epoch=9)
    ids = {"cl_ord_id": "1-a-2", "orig_cl_ord_id": "1-a-1"}
    written = CANCEL.encode_payload(encode(cancel), 3, TIME, ids)
    assert written == CANCEL.encode(cancel, 3, TIME, ids)
    assert b"\x0111=1-a-2\x0141=1-a-1\x0155=BTCUSDT\x01" in written
    for seq, values in enumerate(corpus.orders()):
        order = NewOrderSingle(**values)
        assert ORDER.encode_payload(encode(order), seq, TIME) == ORDER.encode(order, seq, TIME)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, -1, -33])
def test_integers_of_any_width(number: int) -> None:
    for name, least, most in (("int", -(2**63), 2**63 - 1), ("seqnum", 0, 2**32 - 1)):
        values = {"int": None, "seqnum": None} | {name: number}
        payload = msgspec.msgpack.encode(["Numbers", 5, values["int"], values["seqnum"], None, "x"])
        found = outcome(NUMBERS.encode_payload, payload, 1, TIME)
        if least <= number <= most:
            assert b"=%d\x015=x\x01" % number in found
        else:
            assert found[0] == 2


def test_a_later_client_may_send_more_and_an_earlier_one_less() -> None:
    order = NewOrderSingle.limit("BTCUSDT", "1", "1", "2", cl_ord_id="a")
    parts = msgspec.msgpack.decode(encode(order))
    wanted = ORDER.encode(order, 1, TIME)
    longer = msgspec.msgpack.encode([*parts, "new", None, 7, 2**40])
    assert ORDER.encode_payload(longer, 1, TIME) == wanted
    shorter = msgspec.msgpack.encode(parts[:11])
    assert ORDER.encode_payload(shorter, 1, TIME) == wanted


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not a msgpack array"),
        (b"\xc0", "not a msgpack array"),
        (b"\xdc", "not a msgpack array"),
        (b"\x90", "begin with 'Numbers'"),
        (b"\x91\xa1x", "begin with 'Numbers'"),
        (b"\x92\xa7Number", "begin with 'Numbers'"),
        (msgspec.msgpack.encode(["Numbers", 1.5]), "element 1 is cut short, or not text"),
        (msgspec.msgpack.encode(["Numbers", None, [1]]), "int<1> is cut short, or not text"),
        (msgspec.msgpack.encode(["Numbers", None, True]), "int<1> is cut short, or not text"),
        (msgspec.msgpack.encode(["Numbers", None, 2**63]), "int<1> is cut short, or not text"),
        (msgspec.msgpack.encode(["Numbers", 1])[:-1], "element 1 is cut short"),
        (msgspec.msgpack.encode(["Numbers", "abc"])[:-1], "element 1 is cut short"),
        (msgspec.msgpack.encode(["Numbers", "a" * 300])[:-1], "element 1 is cut short"),
        (b"\x92\xa7Numbers\xdb\xff\xff\xff\xff", "element 1 is cut short"),
        (msgspec.msgpack.encode(["Numbers", None]) + b"\xc0", "does not end with its array"),
        (msgspec.msgpack.encode(["Numbers", None, "7", None, None, "x"]), "int<1>"),
        (msgspec.msgpack.encode(["Numbers", 0, 0, 0, 0, 7]), "text<5>"),
        (msgspec.msgpack.encode(["Numbers", 0, 0, 0, -1, "x"]), "length<3>"),
        (msgspec.msgpack.encode(["Numbers", 0, 0, 0, 0, "x", "group"]), "fees<6> takes a list"),
        (msgspec.msgpack.encode(["Numbers", 0, 0, 0, 0]), "text<5>"),
        (msgspec.msgpack.encode(["Numbers", 0, 0, 0, 0, ""]), "text<5>"),
    ],
)
def test_what_is_no_such_request_is_refused_by_name(payload: bytes, why: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        NUMBERS.encode_payload(payload, 1, TIME)
    assert why in str(caught.value)
    # Nothing of it stays.
    good = msgspec.msgpack.encode(["Numbers", 0, 1, 2, 3, "x"])
    assert b"\x011=1\x012=2\x013=3\x015=x\x0110=" in NUMBERS.encode_payload(good, 1, TIME)


def test_replaced_groups_and_names_that_are_no_rows_are_refused() -> None:
    good = msgspec.msgpack.encode(["Numbers", 0, None, None, None, "x"])
    with pytest.raises(LocalProtocolError, match="group"):
        NUMBERS.encode_payload(good, 1, TIME, {"fees": [("1",)]})
    with pytest.raises(LocalProtocolError, match="'nothing'"):
        NUMBERS.encode_payload(good, 1, TIME, {"nothing": "x"})
    with pytest.raises(LocalProtocolError, match="no payload was named"):
        Template(b"FIX.4.4", b"0", [(34, None), (52, None)], []).encode_payload(b"\x90", 1, TIME)


def test_a_table_that_takes_no_payload() -> None:
    data = [(95, "raw_length", "length", False, ()), (96, "raw", "data", False, ())]
    many = [(tag, f"f{tag}", "str", False, ()) for tag in range(1000, 1065)]
    for rows in (data, many):
        with pytest.raises(LocalProtocolError, match="no payload"):
            Template(b"FIX.4.4", b"U", [(34, None)], rows, payload=("U", ("a",)))
