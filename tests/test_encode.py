"""Template and Writer: values to bytes, refused one by one; one field never becomes two."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pytest
from fixengine.wire import Framer, LocalProtocolError, Message, Plan, Template, Writer, stamp
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import corpus

Row = tuple[int, str, str, bool, Any]

TIME = b"20240627-11:17:25.223"
HEADER: list[tuple[int, bytes | None]] = [(34, None), (49, b"EXAMPLE"), (52, None), (56, b"SPOT")]
LEGS: tuple[Row, ...] = (
    (602, "leg_symbol", "utf8", True, ()),
    (604, "alternates", "group", False, ((605, "alternate", "str", True, ()),)),
    (624, "leg_side", "char", False, ()),
)
ROWS: tuple[Row, ...] = (
    (11, "cl_ord_id", "str", True, ()),
    (38, "order_qty", "qty", False, ()),
    (54, "side", "char", False, ()),
    (55, "symbol", "utf8", False, ()),
    (60, "transact_time", "utc", False, ()),
    (95, "raw_data_length", "length", False, ()),
    (96, "raw_data", "data", False, ()),
    (108, "interval", "int", False, ()),
    (369, "last_seq", "seqnum", False, ()),
    (383, "size_max", "length", False, ()),
    (555, "legs", "group", False, LEGS),
    (37, "order_id", "id", False, ()),
    (141, "reset", "bool", False, ()),
)
TEMPLATE = Template(b"FIX.4.4", b"D", HEADER, ROWS)
PLAN = Plan("D", ROWS, header_tags=(8, 9, 35, 34, 49, 52, 56, 10))


class Side(StrEnum):
    """An enumeration whose values are text."""

    BUY = "1"


def source(**values: Any) -> SimpleNamespace:
    """An object with these attributes, and an id."""
    return SimpleNamespace(**{"cl_ord_id": "id-1", **values})


def body(raw: bytes) -> str:
    """What stands between 56 and 10, readable."""
    text = raw.replace(b"\x01", b"|").decode()
    return text[text.index("|56=SPOT|") + 9 : text.rindex("10=")]


def encoded(**values: Any) -> str:
    """The body of a message with these values."""
    return body(TEMPLATE.encode(source(**values), 1, TIME))


def parsed(raw: bytes) -> Message:
    """The one message in these bytes, without fault."""
    framer = Framer()
    framer.feed(raw)
    message = next(framer)
    assert list(framer) == []
    assert framer.garbled == framer.pending == 0
    assert message.fault is None
    return message


def refused(match: str, **values: Any) -> LocalProtocolError:
    """The error for these values."""
    with pytest.raises(LocalProtocolError, match=match) as caught:
        TEMPLATE.encode(source(**values), 1, TIME)
    assert body(TEMPLATE.encode(source(), 1, TIME)) == "11=id-1|"  # nothing was left behind
    return caught.value


# --- the frame -----------------------------------------------------------------------------------

SIGNATURE = (
    b"4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
)
API_KEY = "sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb"
LOGON = (
    b"8=FIX.4.4|9=247|35=A|34=1|49=EXAMPLE|52=20240627-11:17:25.223|56=SPOT|95=88|96="
    + SIGNATURE
    + b"|98=0|108=30|141=Y|553="
    + API_KEY.encode()
    + b"|25035=2|10=227|"
).replace(b"|", b"\x01")


def test_the_official_logon_by_template() -> None:
    rows: list[Row] = [
        (95, "raw_data_length", "length", True, ()),
        (96, "raw_data", "data", True, ()),
        (98, "encrypt_method", "int", True, ()),
        (108, "heart_bt_int", "int", True, ()),
        (141, "reset", "bool", True, ()),
        (553, "username", "str", True, ()),
        (25035, "message_handling", "int", True, ()),
    ]
    template = Template(b"FIX.4.4", b"A", HEADER, rows)
    values = {
        "raw_data": SIGNATURE,
        "encrypt_method": 0,
        "heart_bt_int": 30,
        "reset": "Y",
        "username": API_KEY,
        "message_handling": 2,
    }
    raw = template.encode(None, 1, TIME, values)
    assert raw == LOGON
    assert len(raw) == 270
    assert template.kind == b"A"


def test_the_official_logon_by_writer() -> None:
    writer = Writer(b"FIX.4.4")
    for _ in range(2):
        writer.start(b"A")
        writer.number(34, 1)
        writer.text(49, "EXAMPLE")
        writer.text(52, TIME)
        writer.text(56, "SPOT")
        writer.data(95, 96, SIGNATURE)
        writer.number(98, 0)
        writer.number(108, 30)
        writer.text(141, "Y")
        writer.text(553, API_KEY)
        writer.number(25035, 2)
        assert writer.finish() == LOGON


@pytest.mark.parametrize("digits", [0, 3, 7, 9])
def test_body_length_plain_or_with_zeros(digits: int) -> None:
    expected = corpus.framed([(35, "0"), (112, "x")], digits=digits)
    template = Template(b"FIX.4.4", b"0", [], [(112, "test_req_id", "str", True, ())], digits)
    assert template.encode(source(test_req_id="x"), 1, TIME) == expected
    writer = Writer(b"FIX.4.4", digits)
    writer.start(b"0")
    writer.text(112, "x")
    assert writer.finish() == expected


@pytest.mark.parametrize("size", [1, 87, 88, 90, 987, 988, 1000, 9_990, 70_000])
def test_lengths_and_sums_of_any_size(size: int) -> None:
    raw = TEMPLATE.encode(source(order_id="x" * size), 1, TIME)
    assert raw == corpus.framed(
        [
            *((35, "D"), (34, 1), (49, "EXAMPLE"), (52, TIME), (56, "SPOT")),
            *((11, "id-1"), (37, "x" * size)),
        ]
    )


@pytest.mark.parametrize("seq", [0, 1, 9, 10, 2**32 - 1])
def test_sequence_number_and_time_are_stamped(seq: int) -> None:
    for time in (b"20240627-11:17:25", TIME, stamp(0)):
        message = parsed(TEMPLATE.encode(source(), seq, time))
        assert message.get_int(34) == seq
        assert message.get(52) == time


@pytest.mark.parametrize("seq", [-1, 2**32, 2**70, True, "1", 1.0, None])
def test_sequence_number_outside_its_range(seq: Any) -> None:
    with pytest.raises(LocalProtocolError, match="<34>"):
        TEMPLATE.encode(source(), seq, TIME)


@pytest.mark.parametrize("time", [b"", b"now", TIME + b"\x0111=2", b"20240627-11:17:25.22"])
def test_time_of_another_form(time: bytes) -> None:
    with pytest.raises(LocalProtocolError, match="<52>"):
        TEMPLATE.encode(source(), 1, time)


# --- rows ----------------------------------------------------------------------------------------


def test_rows_in_table_order_absent_ones_left_out() -> None:
    assert encoded(symbol="BTCUSDT", side="1", order_qty=None) == "11=id-1|54=1|55=BTCUSDT|"


def test_every_type() -> None:
    text = encoded(
        order_qty="0.015",
        side=Side.BUY,
        symbol="这是测试币456",
        transact_time="20240627-11:17:25.223123",
        raw_data=b"a=b",
        interval=-30,
        last_seq=2**32 - 1,
        size_max=7,
        order_id="-1013",
        reset="N",
    )
    assert text == (
        "11=id-1|38=0.015|54=1|55=这是测试币456|60=20240627-11:17:25.223123|95=3|96=a=b|"
        "108=-30|369=4294967295|383=7|37=-1013|141=N|"
    )


def test_replace_stands_before_the_source() -> None:
    order = source(symbol="A", side="1")
    raw = TEMPLATE.encode(order, 1, TIME, {"cl_ord_id": "wire-1", "side": None, "order_qty": "5"})
    assert body(raw) == "11=wire-1|38=5|55=A|"
    assert body(TEMPLATE.encode(order, 1, TIME)) == "11=id-1|54=1|55=A|"
    with pytest.raises(LocalProtocolError, match="colour"):
        TEMPLATE.encode(order, 1, TIME, {"colour": "red"})


def test_required_field_absent() -> None:
    with pytest.raises(LocalProtocolError, match="cl_ord_id<11>") as caught:
        TEMPLATE.encode(SimpleNamespace(), 1, TIME)
    assert caught.value.tag == 11
    with pytest.raises(LocalProtocolError, match="cl_ord_id<11>"):
        TEMPLATE.encode(source(), 1, TIME, {"cl_ord_id": None})


def test_length_is_told_by_the_data() -> None:
    data = b"\x01=10=000\x01"
    raw = TEMPLATE.encode(source(raw_data=data, raw_data_length=3), 1, TIME)
    message = parsed(raw)
    assert message.get_int(95) == len(data)
    assert message.get(96) == data
    assert encoded(raw_data_length=3) == "11=id-1|"


def test_source_may_be_anything_with_attributes() -> None:
    class Slots:
        __slots__ = ("cl_ord_id", "side", "symbol")
        cl_ord_id: str
        symbol: str

    class Lazy:
        cl_ord_id = "class"

        @property
        def symbol(self) -> str:
            return "made"

    order = Slots()
    order.cl_ord_id = "slot"
    order.symbol = "A"  # side stays unset
    for _ in range(3):
        assert body(TEMPLATE.encode(order, 1, TIME)) == "11=slot|55=A|"
        assert body(TEMPLATE.encode(Lazy(), 1, TIME)) == "11=class|55=made|"
        assert encoded(side="2") == "11=id-1|54=2|"


def test_sources_of_several_types_one_after_the_other() -> None:
    class One:
        __slots__ = ("cl_ord_id", "side")
        cl_ord_id: str

    class Other:
        __slots__ = ("a", "b", "c", "cl_ord_id", "d", "side")
        cl_ord_id: str

    class Derived(Other):
        side = "1"

    sources: list[Any] = [One(), Other(), Derived(), source(), One(), Derived()]
    template = Template(b"FIX.4.4", b"D", HEADER, ROWS)
    for order in sources:
        order.cl_ord_id = type(order).__name__
        expected = f"11={type(order).__name__}|" + "54=1|" * isinstance(order, Derived)
        assert body(template.encode(order, 1, TIME)) == expected


# --- groups --------------------------------------------------------------------------------------


def test_groups_of_tuples_and_of_objects() -> None:
    text = encoded(
        legs=[
            ("A", None, "1"),
            SimpleNamespace(leg_symbol="B", alternates=(("x",), ("y",))),
            ["C", [("z",)], None],
        ]
    )
    assert text == "11=id-1|555=3|602=A|624=1|602=B|604=2|605=x|605=y|602=C|604=1|605=z|"


def test_an_empty_group_is_absent() -> None:
    assert encoded(legs=()) == encoded(legs=[]) == encoded(legs=None) == "11=id-1|"


@pytest.mark.parametrize(
    ("legs", "match"),
    [
        ("AB", "legs<555>"),
        ({"a": 1}, "legs<555>"),
        (5, "legs<555>"),
        ([("A", None)], "legs<555>"),
        ([("A", None, "1", "2")], "legs<555>"),
        ([(None, None, "1")], "leg_symbol<602>"),
        (["A"], "leg_symbol<602>"),
        ([None], "leg_symbol<602>"),
        ([("A", [(None,)], None)], "alternate<605>"),
        ([("A\x01", None, None)], "leg_symbol<602>"),
    ],
)
def test_groups_refused(legs: Any, match: str) -> None:
    refused(match, legs=legs)


def test_the_first_member_begins_each_entry() -> None:
    rows: list[Row] = [
        (136, "fees", "group", False, ((137, "a", "str", False, ()), (138, "b", "str", False, ())))
    ]
    template = Template(b"FIX.4.4", b"8", [], rows)
    with pytest.raises(LocalProtocolError, match="a<137>"):
        template.encode(source(fees=[("1", "2"), (None, "2")]), 1, TIME)


def test_required_member_absent() -> None:
    rows: list[Row] = [
        (136, "fees", "group", True, ((137, "a", "qty", False, ()), (138, "b", "str", True, ())))
    ]
    template = Template(b"FIX.4.4", b"8", [], rows)
    with pytest.raises(LocalProtocolError, match="b<138>"):
        template.encode(source(fees=[("1", None)]), 1, TIME)
    with pytest.raises(LocalProtocolError, match="fees<136>"):
        template.encode(source(fees=[]), 1, TIME)


# --- refusals ------------------------------------------------------------------------------------

BAD_TEXT = ["", "a\x01b", "\x00", "a\n", "\x1f", "\x7f", "ü", "a\u0085", "\ud800", "a\x0154=2"]


@pytest.mark.parametrize("value", [*BAD_TEXT, 5, 1.5, b"bytes", True, Decimal(1), object()])
def test_text_refused(value: Any) -> None:
    error = refused("cl_ord_id<11>", cl_ord_id=value)
    assert (error.tag, error.reason) == (11, "value")
    refused("order_id<37>", order_id=value)


@pytest.mark.parametrize("value", ["", "a\x01b", "\x7f", "币\x02", "\ud800", 5, b"bytes"])
def test_utf8_refused(value: Any) -> None:
    refused("symbol<55>", symbol=value)


@pytest.mark.parametrize("value", ["", "12", "\x01", "ü", 1, "\x7f"])
def test_char_refused(value: Any) -> None:
    refused("side<54>", side=value)


@pytest.mark.parametrize("value", ["y", "", "YN", "1", True, False])
def test_bool_refused(value: Any) -> None:
    refused("reset<141>", reset=value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-1",
        "+1",
        "1.",
        ".5",
        "1e5",
        "1,5",
        " 1",
        "1\x01",
        "NaN",
        "1_0",
        "٣",
        1,
        1.5,
        Decimal("1.5"),
    ],
)
def test_quantity_refused(value: Any) -> None:
    refused("order_qty<38>", order_qty=value)


@pytest.mark.parametrize("value", ["20240627", "20240230-00:00:00", "", 5, "20240627-11:17:25\x01"])
def test_time_refused(value: Any) -> None:
    refused("transact_time<60>", transact_time=value)


@pytest.mark.parametrize("value", ["5", 1.0, True, 2**63, -(2**63) - 1, b"5"])
def test_int_refused(value: Any) -> None:
    refused("interval<108>", interval=value)


@pytest.mark.parametrize("value", [-1, 2**32, "1", 0.5])
def test_seqnum_refused(value: Any) -> None:
    refused("last_seq<369>", last_seq=value)


def test_length_and_data_refused() -> None:
    refused("size_max<383>", size_max=-1)
    refused("raw_data<96>", raw_data=b"")
    refused("raw_data<96>", raw_data="text")
    refused("raw_data<96>", raw_data=bytearray(b"x"))


def test_no_error_tells_the_value() -> None:
    assert "hunter2" not in str(refused("cl_ord_id", cl_ord_id="hunter2\x01"))
    assert "hunter2" not in str(refused("order_qty", order_qty="hunter2"))


# --- tables and misuse ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ([(8, b"x")], []),
        ([(9, b"1")], []),
        ([(10, b"1")], []),
        ([(35, b"D")], []),
        ([(49, None)], []),
        ([(49, b"")], []),
        ([(49, b"a\x01b")], []),
        ([(49, "text")], []),
        ([(34, None), (34, None)], []),
        ([(49, b"A"), (49, b"B")], []),
        ([(95, b"1"), (96, b"a")], []),
        ([(11, b"x")], [(11, "cl_ord_id", "str", False, ())]),
        ([], [(8, "a", "str", False, ())]),
        ([], [(9, "a", "int", False, ())]),
        ([], [(10, "a", "str", False, ())]),
        ([], [(35, "a", "str", False, ())]),
        ([], [(95, "a", "length", False, ())]),
        ([], [(96, "a", "data", False, ())]),
        ([], [(96, "a", "str", False, ())]),
        ([], [(95, "a", "int", False, ()), (96, "b", "data", False, ())]),
        (
            [],
            [
                (95, "a", "length", False, ()),
                (5, "c", "str", False, ()),
                (96, "b", "data", False, ()),
            ],
        ),
        ([], [(383, "a", "length", False, ()), (96, "b", "data", False, ())]),
        ([], [(5, "g", "group", False, ((96, "b", "data", False, ()),))]),
    ],
)
def test_tables_that_cannot_be_written(header: list[Any], rows: list[Any]) -> None:
    with pytest.raises(LocalProtocolError):
        Template(b"FIX.4.4", b"D", header, rows)


@pytest.mark.parametrize(
    "begin", [b"", b"FIX", b"FIX.4.4\x01", b"XIF.4.4", b"FIX.4.4.4.4.4.4.4", b"FIX 4"]
)
def test_begin_string_must_be_one(begin: bytes) -> None:
    with pytest.raises(LocalProtocolError, match="begin_string"):
        Template(begin, b"D", [], [])
    with pytest.raises(LocalProtocolError, match="begin_string"):
        Writer(begin)


@pytest.mark.parametrize("kind", [b"", b"A\x01", b"A B", b"A=", b"X" * 17])
def test_kind_must_be_one(kind: bytes) -> None:
    with pytest.raises(LocalProtocolError, match="35"):
        Template(b"FIX.4.4", kind, [], [])
    with pytest.raises(LocalProtocolError, match="35"):
        Writer(b"FIX.4.4").start(kind)


@pytest.mark.parametrize("digits", [-1, 10])
def test_body_length_digits_has_bounds(digits: int) -> None:
    with pytest.raises(LocalProtocolError, match="body_length_digits"):
        Writer(b"FIX.4.4", digits)


def test_encode_within_encode_is_refused_and_the_template_goes_on() -> None:
    class Loop:
        cl_ord_id = "x"

        @property
        def symbol(self) -> str:
            return str(TEMPLATE.encode(source(), 1, TIME))

    class Broken:
        @property
        def symbol(self) -> str:
            raise RuntimeError("broken source")

    with pytest.raises(LocalProtocolError, match="again"):
        TEMPLATE.encode(Loop(), 1, TIME)
    with pytest.raises(RuntimeError, match="broken source"):
        TEMPLATE.encode(Broken(), 1, TIME)
    assert encoded() == "11=id-1|"


def test_templates_of_their_own_in_threads() -> None:
    results: dict[int, set[str]] = {}

    def work(number: int) -> None:
        template = Template(b"FIX.4.4", b"D", HEADER, ROWS)
        results[number] = {
            body(template.encode(source(order_id=str(number)), at, TIME)) for at in range(300)
        }

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: {f"11=id-1|37={number}|"} for number in range(4)}


# --- Writer --------------------------------------------------------------------------------------


def started() -> Writer:
    """A writer with a message begun."""
    writer = Writer(b"FIX.4.4")
    writer.start(b"B")
    return writer


def test_writer_writes_each_kind_of_field() -> None:
    writer = started()
    writer.text(58, "plain = text")
    writer.text(59, b"1")
    writer.utf8(55, "币")
    writer.utf8(15, "币".encode())
    writer.number(34, -5)
    writer.decimal(44, "1.50")
    writer.decimal(38, 7)
    writer.decimal(31, Decimal("1.50"))
    writer.decimal(32, Decimal("1E+2"))
    writer.decimal(14, Decimal("1E-9"))
    writer.data(95, 96, b"\x01=")
    raw = writer.finish()
    assert parsed(raw).fields()[3:-1] == [
        (58, b"plain = text"),
        (59, b"1"),
        (55, "币".encode()),
        (15, "币".encode()),
        (34, b"-5"),
        (44, b"1.50"),
        (38, b"7"),
        (31, b"1.50"),
        (32, b"100"),
        (14, b"0.000000001"),
        (95, b"2"),
        (96, b"\x01="),
    ]


@pytest.mark.parametrize("value", [*BAD_TEXT, b"", b"\x01", b"\xff", 5, None])
def test_writer_text_refused(value: Any) -> None:
    writer = started()
    with pytest.raises(LocalProtocolError, match="58"):
        writer.text(58, value)
    writer.text(1, "x")
    assert parsed(writer.finish()).fields()[3:-1] == [(1, b"x")]


@pytest.mark.parametrize("value", ["", "\x01", b"\xff", b"\xed\xa0\x80", "\ud800", "\x7f", 5])
def test_writer_utf8_refused(value: Any) -> None:
    with pytest.raises(LocalProtocolError, match="55"):
        started().utf8(55, value)


@pytest.mark.parametrize("value", ["5", 5.0, True, 2**63, None])
def test_writer_number_refused(value: Any) -> None:
    with pytest.raises(LocalProtocolError, match="34"):
        started().number(34, value)


@pytest.mark.parametrize(
    "value",
    [
        *("-1", "1e5", "", "1.", 1.5, -1, True, 2**63, b"1", None),
        *(
            Decimal("-1"),
            Decimal("NaN"),
            Decimal("Infinity"),
            Decimal("1E+999999"),
            Decimal("1E-99999"),
        ),
    ],
)
def test_writer_decimal_refused(value: Any) -> None:
    with pytest.raises(LocalProtocolError, match="44"):
        started().decimal(44, value)


@pytest.mark.parametrize("tag", [0, -1, 1_000_000_000, 8, 9, 10, 35, 95, 96, 89, 93, 2**40])
def test_writer_tag_refused(tag: int) -> None:
    writer = started()
    writes: list[Callable[[], object]] = [
        lambda: writer.text(tag, "x"),
        lambda: writer.utf8(tag, "x"),
        lambda: writer.number(tag, 1),
        lambda: writer.decimal(tag, 1),
    ]
    for write in writes:
        with pytest.raises(LocalProtocolError, match=str(tag)):
            write()
    assert len(parsed(writer.finish()).fields()) == 4


@pytest.mark.parametrize("pair", [(96, 95), (95, 97), (1, 2), (0, 0), (94, 95), (2**40, 96)])
def test_writer_knows_the_pairs_of_data(pair: tuple[int, int]) -> None:
    with pytest.raises(LocalProtocolError, match=r"4\.4"):
        started().data(*pair, b"x")


def test_writer_empty_data_refused() -> None:
    with pytest.raises(LocalProtocolError, match="empty"):
        started().data(95, 96, b"")


def test_writer_needs_a_start() -> None:
    writer = Writer(b"FIX.4.4")
    uses: list[Callable[[], object]] = [
        lambda: writer.text(58, "x"),
        lambda: writer.utf8(58, "x"),
        lambda: writer.number(58, 1),
        lambda: writer.decimal(58, 1),
        lambda: writer.data(95, 96, b"x"),
        writer.finish,
    ]
    for use in uses:
        with pytest.raises(LocalProtocolError, match="start"):
            use()
    writer.start(b"0")
    writer.finish()
    with pytest.raises(LocalProtocolError, match="start"):
        writer.finish()


def test_writer_start_forgets_what_was_begun() -> None:
    writer = started()
    writer.text(58, "forgotten")
    writer.start(b"0")
    assert parsed(writer.finish()).fields()[2:-1] == [(35, b"0")]


# --- round trips ---------------------------------------------------------------------------------

ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)
UNICODE = st.text(
    st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]),
    min_size=1,
    max_size=40,
)
AMOUNT = st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,20})?", fullmatch=True)
VALUES = st.fixed_dictionaries(
    {"cl_ord_id": ASCII},
    optional={
        "order_qty": AMOUNT,
        "side": st.characters(min_codepoint=0x20, max_codepoint=0x7E),
        "symbol": UNICODE,
        "transact_time": st.integers(0, 2**62).map(lambda ns: stamp(ns).decode()),
        "raw_data": st.binary(min_size=1, max_size=50),
        "interval": st.integers(-(2**63), 2**63 - 1),
        "last_seq": st.integers(0, 2**32 - 1),
        "size_max": st.integers(0, 2**63 - 1),
        "legs": st.lists(
            st.tuples(
                UNICODE,
                st.none() | st.lists(st.tuples(ASCII), min_size=1, max_size=3),
                st.none() | st.sampled_from("12"),
            ),
            min_size=1,
            max_size=4,
        ),
        "order_id": ASCII,
        "reset": st.sampled_from("YN"),
    },
)


WRITES = st.tuples(
    st.sampled_from(["text", "utf8"]),
    st.integers(11, 9999),
    st.binary(max_size=12) | st.text(max_size=12),
)


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_what_is_encoded_is_decoded(values: dict[str, Any]) -> None:
    raw = TEMPLATE.encode(SimpleNamespace(**values), 1, TIME)
    fields = PLAN.read(parsed(raw))
    fields.check()
    assert fields.extra == []
    assert fields.repeated == ()
    expected = dict(values)
    if "raw_data" in values:
        expected["raw_data_length"] = len(values["raw_data"])
    found = {name: value for name, value in zip(PLAN.names, fields.values(), strict=True)}
    assert {name: value for name, value in found.items() if value is not None} == expected
    # Canonical bytes come out as they went in.
    assert TEMPLATE.encode(SimpleNamespace(**found), 1, TIME) == raw


@given(st.lists(WRITES, max_size=12))
@settings(max_examples=300, deadline=None)
def test_one_field_never_becomes_two(fields: list[tuple[str, int, Any]]) -> None:
    writer = started()
    written = []
    for method, tag, value in fields:
        try:
            getattr(writer, method)(tag, value)
        except LocalProtocolError:
            continue
        written.append((tag, value if isinstance(value, bytes) else value.encode()))
    assert parsed(writer.finish()).fields()[3:-1] == written


@given(
    VALUES, st.sampled_from(["cl_ord_id", "symbol", "order_id", "order_qty"]), st.text(max_size=20)
)
@settings(max_examples=300, deadline=None)
def test_any_text_in_any_row_is_one_field_or_refused(
    values: dict[str, Any], name: str, text: str
) -> None:
    values[name] = text
    try:
        raw = TEMPLATE.encode(SimpleNamespace(**values), 1, TIME)
    except LocalProtocolError as error:
        refusal = str(error)
    else:
        refusal = ""
        fields = PLAN.read(parsed(raw))
        fields.check()
        assert fields.value(name) == text
        assert fields.extra == []
    assert not refusal or name in refusal
