"""Plan and Fields: a table of fields read in one pass, groups and all."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any

import pytest
from fixengine.wire import TYPES, Framer, LocalProtocolError, Message, Plan, RemoteProtocolError
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import corpus
from bench.corpus import Field

Row = tuple[Any, ...]

FEES: tuple[Row, ...] = (
    (137, "amount", "qty", True, ()),
    (138, "currency", "utf8", True, ()),
    (139, "kind", "id", False, ()),
)
ROWS: tuple[Row, ...] = (
    (34, "msg_seq_num", "seqnum", True, ()),
    (11, "cl_ord_id", "str", False, ()),
    (38, "order_qty", "qty", False, ()),
    (54, "side", "char", False, ()),
    (55, "symbol", "utf8", True, ()),
    (60, "transact_time", "utc", False, ()),
    (95, "raw_data_length", "length", False, ()),
    (96, "raw_data", "data", False, ()),
    (108, "interval", "int", False, ()),
    (136, "fees", "group", False, FEES),
    (211, "offset", "float", False, ()),
    (1057, "aggressor", "bool", False, ()),
)
HEADER_TAGS = (8, 9, 35, 49, 56, 52, 10)
PLAN = Plan("Report", ROWS, header_tags=HEADER_TAGS)
BASE: tuple[Field, ...] = ((34, 7), (55, "BTCUSDT"))
BASE_ROW: Row = (55, "symbol", "utf8", True, ())


def read(*fields: Field, plan: Plan = PLAN) -> Message:
    """These fields of a message 8, read by a plan."""
    framer = Framer()
    framer.feed(corpus.framed([(35, "8"), *fields]))
    return plan.read(next(framer))


def read_raw(body: bytes) -> Message:
    """A message 8 with this raw text behind 35, read by the plan."""
    body = b"35=8\x01" + body
    head = b"8=FIX.4.4\x019=%d\x01%s" % (len(body), body)
    framer = Framer()
    framer.feed(b"%s10=%03d\x01" % (head, sum(head) % 256))
    return PLAN.read(next(framer))


def violation(fields: Message) -> tuple[int | None, str]:
    """Tag and reason with which check refuses."""
    with pytest.raises(RemoteProtocolError) as caught:
        fields.check()
    return caught.value.tag, caught.value.reason


# --- values --------------------------------------------------------------------------------------


def test_values_by_name_by_attribute_and_by_column() -> None:
    plan = Plan("Report", ROWS, ("symbol", "no_such_row", "interval", "fees"), HEADER_TAGS)
    fields = read(*BASE, (108, "-30"), (54, "1"), (136, 1), (137, "0.1"), (138, "BNB"), plan=plan)
    fields.check()
    assert fields.value("symbol") == "BTCUSDT"
    assert fields.value("interval") == -30
    assert fields.value("side") == "1"
    assert fields.value("order_qty") is None
    assert fields.values() == ("BTCUSDT", None, -30, [("0.1", "BNB", None)])
    assert plan.names == tuple(row[1] for row in ROWS)
    assert plan.name == "Report"


def test_values_default_to_all_rows() -> None:
    fields = read(*BASE, (60, "20260721-09:07:30.123456"), (95, 3), (96, b"a\x01b"))
    assert fields.values() == (
        *(7, None, None, None, "BTCUSDT", "20260721-09:07:30.123456", 3, b"a\x01b"),
        *(None, None, None, None),
    )


def test_python_type_of_every_fix_type() -> None:
    samples: dict[str, tuple[str | bytes, object]] = {
        "str": ("a=b", "a=b"),
        "utf8": ("币", "币"),
        "char": ("F", "F"),
        "id": ("-1013", "-1013"),
        "int": ("-5", -5),
        "length": ("5", 5),
        "seqnum": ("4294967295", 4294967295),
        "price": ("10.00000000", "10.00000000"),
        "qty": ("0", "0"),
        "float": ("-6000.346", "-6000.346"),
        "bool": ("Y", "Y"),
        "utc": ("20240627-11:17:25", "20240627-11:17:25"),
        "data": (b"\xff", b"\xff"),
    }
    assert {*samples, "group"} == set(TYPES)
    for type_name, (wire_value, value) in samples.items():
        plan = Plan("T", [(5000, "field", type_name, False, ())])
        assert read((5000, wire_value), plan=plan).value("field") == value


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("str", "ü"),
        ("str", b"a\x02b"),
        ("str", b"\x7f"),
        ("id", b"\xff"),
        ("utf8", b"\xff"),
        ("utf8", b"\xc0\xaf"),  # overlong
        ("utf8", b"\xed\xa0\x80"),  # a surrogate
        ("utf8", b"\xf4\x90\x80\x80"),  # beyond Unicode
        ("utf8", b"\xe5\xb8"),  # cut off
        ("utf8", b"a\x02"),
        ("char", "AB"),
        ("char", "ü"),
        ("int", "1.5"),
        ("int", "9223372036854775808"),
        ("length", "-1"),
        ("seqnum", "4294967296"),
        ("seqnum", "-1"),
        ("price", "1e5"),
        ("price", "1."),
        ("qty", ".5"),
        ("float", "NaN"),
        ("bool", "y"),
        ("bool", "YY"),
        ("utc", "20240230-00:00:00"),
        ("utc", "20240627-11:17"),
        ("utc", "20240627-11:17:61"),
    ],
)
def test_a_malformed_value_is_refused_where_it_is_read(type_name: str, value: str | bytes) -> None:
    plan = Plan("T", [(5000, "field", type_name, False, ()), (58, "text", "str", False, ())])
    fields = read((5000, value), (58, "x"), plan=plan)
    for use in (lambda: fields.value("field"), fields.values, fields.check):
        with pytest.raises(RemoteProtocolError, match="field<5000>") as caught:
            use()
        assert (caught.value.tag, caught.value.reason) == (5000, "malformed")
    assert fields.value("text") == "x"


def well_formed(type_name: str, value: bytes) -> bool:
    """What text types hold, said once more in another way."""
    try:
        text = value.decode("ascii" if type_name == "str" else "utf-8")
    except UnicodeDecodeError:
        return False
    return not any(char < " " or char == "\x7f" for char in text)


TEXTS = st.lists(
    st.binary(min_size=1, max_size=4)
    | st.sampled_from(
        [b"ab", b"plain te", b"\x7f", "é币😀".encode(), b"\xe0\x80\xaf", b"\xed\xa0\x80"]
    )
    | st.sampled_from([b"\xf0\x80\x80\xaf", b"\xf4\x90\x80\x80", b"\xe1\x80", b"\xc1\xbf"]),
    min_size=1,
    max_size=12,
)


@given(st.sampled_from(["str", "utf8"]), TEXTS)
@settings(max_examples=500, deadline=None)
def test_text_is_what_python_takes_for_text(type_name: str, pieces: list[bytes]) -> None:
    value = b"".join(pieces).replace(b"\x01", b" ")
    fields = read((5000, value), plan=Plan("T", [(5000, "field", type_name, False, ())]))
    if well_formed(type_name, value):
        assert fields.value("field") == value.decode()
    else:
        assert violation(fields) == (5000, "malformed")


@pytest.mark.parametrize("size", range(1, 40))
def test_no_control_character_hides_at_any_place(size: int) -> None:
    plans = [Plan("T", [(5000, "field", name, False, ())]) for name in ("str", "utf8")]
    for at in range(size):
        for char in (0x00, 0x1F, 0x7F):
            value = b"x" * at + bytes([char]) + b"x" * (size - at - 1)
            for plan in plans:
                assert violation(read((5000, value), plan=plan)) == (5000, "malformed")


def test_a_name_outside_the_plan() -> None:
    fields = read(*BASE)
    with pytest.raises(KeyError, match="nothing"):
        fields.value("nothing")


def test_pick_gives_what_value_gives_whichever_names_were_asked_for_before() -> None:
    fields = read(*BASE, (108, "-30"), (54, "1"), (136, 1), (137, "0.1"), (138, "BNB"))
    again = read((34, 8), (55, "X"), (136, 1), (137, "2"), (138, "Y"))
    tuples: list[tuple[str, ...]] = [
        *(("symbol",), PLAN.names, (), ("fees", "symbol", "fees", "interval", "side")),
        *(("order_qty", "symbol"), PLAN.names[::-1], ("fees",)),
    ]
    for names in [*tuples, *tuples[::-1], *(names for names in tuples for _ in range(2))]:
        for one in (fields, again):
            assert one.pick(names) == tuple(one.value(name) for name in names)


def test_a_name_outside_the_plan_is_picked_by_nobody() -> None:
    fields = read(*BASE)
    good = "symbol", "side"
    for bad in (("symbol", "nothing"), ("no_such_row",), (7,)):
        assert fields.pick(good) == ("BTCUSDT", None)
        for _ in range(2):
            with pytest.raises(KeyError, match=str(bad[-1])):
                fields.pick(bad)  # type: ignore[arg-type]
    assert fields.pick(good) == ("BTCUSDT", None)
    columns = Plan("Report", ROWS, ("symbol", "no_such_row"), HEADER_TAGS)
    with pytest.raises(KeyError, match="no_such_row"):
        read(*BASE, plan=columns).pick(("symbol", "no_such_row"))


def test_order_of_fields_does_not_matter() -> None:
    forward = read((34, 7), (55, "A"), (38, "1"), (11, "x"))
    backward = read((11, "x"), (38, "1"), (55, "A"), (34, 7))
    assert forward.values() == backward.values()


# --- extra, missing, repeated --------------------------------------------------------------------


def test_unknown_fields_pass_through_in_wire_order() -> None:
    fields = read((49, "SPOT"), (9999, "a"), *BASE, (9998, "b=c"), (9999, "d"))
    assert fields.extra == [(9999, b"a"), (9998, b"b=c"), (9999, b"d")]
    assert fields.repeated == ()
    fields.check()


def test_missing_required_fields_are_named() -> None:
    fields = read((11, "x"), (136, 2), (137, "1"), (138, "A"), (139, "4"), (137, "2"))
    assert fields.missing == (34, 55, 138)
    assert violation(fields) == (34, "missing")
    fields = read(*BASE, (136, 1), (138, "A"))
    assert fields.missing == (137,)
    assert violation(fields) == (137, "missing")


def test_required_members_missing_in_any_entry() -> None:
    for lacking in range(3):
        entries: list[Field] = []
        for at in range(3):
            entries += [(137, "1")] if at == lacking else [(137, "1"), (138, "A")]
        fields = read(*BASE, (136, 3), *entries)
        assert fields.missing == (138,)
        assert violation(fields) == (138, "missing")


def test_repeated_fields_the_first_one_counts() -> None:
    fields = read(*BASE, (11, "first"), (11, "second"), (52, "x"), (52, "y"), (11, "third"))
    assert fields.value("cl_ord_id") == "first"
    assert fields.repeated == (11, 52)
    assert fields.extra == []


def test_a_repeated_group_is_stepped_over() -> None:
    group: tuple[Field, ...] = ((136, 1), (137, "1"), (138, "A"))
    fields = read(*BASE, *group, *group, (9999, "x"))
    assert fields.repeated == (136,)
    assert fields.value("fees") == [("1", "A", None)]
    assert fields.extra == [(9999, b"x")]


def test_the_fault_of_the_message_is_the_first_violation() -> None:
    fields = read_raw(b"34=7\x0158=\x01")
    assert fields.value("msg_seq_num") == 7
    assert violation(fields) == (58, "empty")


@pytest.mark.parametrize(
    ("name", "body", "fault"),
    [
        ("order_qty", b"38=", (38, "empty")),
        ("order_qty", b"38=\x0138=7", (38, "empty")),
        ("order_qty", b"95=9\x0196=a\x0138=7", (95, "data")),
        ("transact_time", b"60=", (60, "empty")),
        ("symbol", b"95=9\x0196=a\x0155=X", (95, "data")),
        ("fees", b"136=", (136, "empty")),
        ("fees", b"136=1\x01137=1\x01138=\x01139=x", (138, "empty")),
        ("fees", b"136=1\x01137=1\x01=A\x01139=x", (None, "tag")),
    ],
)
def test_a_field_without_value_or_hidden_is_not_absent(
    name: str, body: bytes, fault: tuple[int | None, str]
) -> None:
    message = read_raw(body + b"\x01")
    calls: list[Callable[[], Any]] = [lambda: message.value(name), message.values]
    calls.append(lambda: message.pick(("cl_ord_id", name)))
    if name == "order_qty":
        calls.append(lambda: message.scaled(name, 2))
    if name == "transact_time":
        calls.append(lambda: message.time_ns(name))
    for call in calls:
        with pytest.raises(RemoteProtocolError) as caught:
            call()
        assert (caught.value.tag, caught.value.reason) == fault


def test_a_fault_behind_or_beside_a_field_does_not_hide_it() -> None:
    message = read_raw(b"38=7\x01=x\x0138=\x0158=\x0195=9\x0196=a\x01")
    assert (message.value("order_qty"), message.scaled("order_qty", 1)) == ("7", 70)
    assert read_raw(b"=x\x0158=\x01").value("fees") is None


def test_data_stands_right_behind_its_length() -> None:
    read(*BASE, (95, 3), (96, "abc")).check()
    assert violation(read(*BASE, (95, 3), (11, "x"), (96, "abc"))) == (95, "malformed")
    assert violation(read(*BASE, (96, "abc"))) == (95, "malformed")
    assert violation(read(*BASE, (95, 3))) == (95, "malformed")


# --- groups --------------------------------------------------------------------------------------


def test_group_members_in_any_order_with_any_first_one() -> None:
    fields = read(*BASE, (136, 2), (138, "A"), (137, "1"), (138, "B"), (139, 4), (137, "2"))
    assert fields.value("fees") == [("1", "A", None), ("2", "B", "4")]
    fields.check()


def test_group_ends_where_a_foreign_tag_comes() -> None:
    fields = read((136, 1), (137, "1"), (138, "A"), *BASE, (9999, "x"))
    assert fields.value("fees") == [("1", "A", None)]
    assert fields.value("symbol") == "BTCUSDT"
    assert fields.extra == [(9999, b"x")]


@pytest.mark.parametrize("strangers", [1, 2, 70])
def test_what_a_venue_adds_to_an_entry_hides_nothing(strangers: int) -> None:
    added: tuple[Field, ...] = ((9999, "new"),) * strangers
    first: tuple[Field, ...] = ((137, "1"), *added, (138, "A"), *added)
    fields = read((136, 2), *first, (137, "2"), (138, "B"), *added, *BASE)
    assert fields.value("fees") == [("1", "A", None), ("2", "B", None)]
    assert fields.value("symbol") == "BTCUSDT"
    assert fields.extra == [(9999, b"new")] * (3 * strangers)
    assert (fields.missing, fields.repeated) == ((), ())
    fields.check()


def test_a_stranger_in_place_of_an_entry_is_not_in_the_group() -> None:
    fields = read((136, 1), (9999, "x"), (137, "1"), (138, "A"), *BASE)
    assert violation(fields) == (136, "group")


def test_what_is_added_to_an_inner_group_or_behind_it() -> None:
    inner = [(201, "value", "str", True, ())]
    rows = [(200, "inner", "group", False, inner), (202, "note", "str", False, ())]
    top = [(34, "seq", "seqnum", True, ()), (199, "outer", "group", False, rows)]
    fields = read(
        *((34, 1), (199, 2), (200, 2), (201, "a"), (777, "x"), (201, "b"), (778, "y"), (202, "n")),
        *((779, "z"), (200, 1), (201, "c"), (780, "w")),
        plan=Plan("Nested", top, (), (8, 9, 10, 35)),
    )
    assert fields.value("outer") == [([("a",), ("b",)], "n"), ([("c",)], None)]
    assert [tag for tag, _ in fields.extra] == [777, 778, 779, 780]
    fields.check()


def test_empty_and_absent_groups() -> None:
    assert read(*BASE).value("fees") is None
    fields = read(*BASE, (136, 0))
    assert fields.value("fees") == []
    fields.check()


@pytest.mark.parametrize("count", ["0", "1", "3", "4000000000", "18446744073709551616"])
def test_group_count_that_lies(count: str) -> None:
    fields = read(*BASE, (136, count), (137, "1"), (138, "A"), (137, "2"), (138, "B"), (9999, "x"))
    assert violation(fields) == (136, "group")
    with pytest.raises(RemoteProtocolError) as caught:
        _ = fields.value("fees")
    assert (caught.value.tag, caught.value.reason) == (136, "group")
    assert fields.extra == [(9999, b"x")]


def test_group_count_of_four_billion_with_nothing_behind() -> None:
    fields = read(*BASE, (136, 4_000_000_000))
    assert violation(fields) == (136, "group")


def test_group_count_that_is_no_number() -> None:
    assert violation(read(*BASE, (136, "x"), (137, "1"), (138, "A"))) == (136, "malformed")
    assert violation(read(*BASE, (136, "-1"))) == (136, "malformed")


def test_member_twice_in_one_entry() -> None:
    fields = read(*BASE, (136, 1), (137, "1"), (138, "A"), (138, "B"))
    assert violation(fields) == (136, "group")


def test_malformed_member() -> None:
    fields = read(*BASE, (136, 1), (137, "x"), (138, "A"))
    assert violation(fields) == (137, "malformed")


def nested(depth: int) -> tuple[Row, ...]:
    """Rows with groups nested this deep; the members at depth d have tags 1000 * d + 1, + 2."""

    def level(at: int) -> tuple[Row, ...]:
        rows: tuple[Row, ...] = ((1000 * at + 1, f"first{at}", "str", True, ()),)
        if at < depth:
            rows += ((1000 * at + 9, f"group{at + 1}", "group", False, level(at + 1)),)
        return (*rows, (1000 * at + 2, f"last{at}", "str", True, ()))

    return ((5000, "group1", "group", False, level(1)),)


def test_nested_groups() -> None:
    plan = Plan("Nested", nested(3))
    fields = read(
        *((5000, 2), (1001, "a"), (1009, 2), (2001, "b"), (2009, 1), (3001, "c"), (3002, "d")),
        *((2002, "e"), (2001, "f"), (2002, "g"), (1002, "h"), (1001, "i"), (1002, "j")),
        plan=plan,
    )
    inner = [("b", [("c", "d")], "e"), ("f", None, "g")]
    assert fields.value("group1") == [("a", inner, "h"), ("i", None, "j")]
    fields.check()
    fields = read((5000, 1), (1001, "a"), (1009, 1), (2001, "b"), (2009, 1), (3001, "c"), plan=plan)
    assert fields.missing == (3002, 2002, 1002)


SHARED: tuple[Row, ...] = (
    (55, "symbol", "utf8", False, ()),
    (73, "orders", "group", False, (
        (11, "id", "str", True, ()),
        (55, "symbol", "utf8", False, ()),
        (555, "legs", "group", False, ((600, "leg", "str", True, ()), (58, "text", "str", 0, ()))),
        (58, "text", "str", False, ()),
    )),
    (58, "text", "str", False, ()),
)  # fmt: skip
ORDER_A: tuple[Field, ...] = ((11, "a"), (55, "A"))
ORDER_B: tuple[Field, ...] = ((11, "b"), (55, "B"), (58, "its"))


@pytest.mark.parametrize(
    ("fields", "symbol", "orders", "text"),
    [
        ([(73, 2), *ORDER_A, *ORDER_B, (58, "all"), (55, "L")],
         "L", [("a", "A", None, None), ("b", "B", None, "its")], "all"),
        ([(73, 1), *ORDER_B, (55, "L"), (58, "all")], "L", [("b", "B", None, "its")], "all"),
        # The first member again: of a row around, it is that row's.
        ([(73, 1), (55, "A"), (11, "a"), (55, "L")], "L", [("a", "A", None, None)], None),
        ([(73, 0), (55, "L"), (58, "all")], "L", [], "all"),
        # What an entry can take, it takes.
        ([(73, 1), *ORDER_A, (58, "all")], None, [("a", "A", None, "all")], None),
        # Out of two groups at once.
        ([(73, 1), (11, "a"), (555, 1), (600, "l"), (58, "leg"), (58, "its"), (58, "all")],
         None, [("a", None, [("l", "leg")], "its")], "all"),
        ([(73, 1), (11, "a"), (58, "its"), (555, 0), (58, "all")],
         None, [("a", None, [], "its")], "all"),
    ],
)  # fmt: skip
def test_a_tag_of_entry_and_message_leaves_the_group_when_it_is_full(
    fields: list[Field], symbol: str | None, orders: list[object], text: str | None
) -> None:
    found = read(*fields, plan=Plan("Shared", SHARED, header_tags=(*HEADER_TAGS, 34)))
    found.check()
    assert found.values() == (symbol, orders, text)
    assert (found.missing, found.extra, found.repeated) == ((), [], ())


@pytest.mark.parametrize("count", ["3", "x", "-1", "99999999999999999999"])
def test_a_group_that_is_not_full_keeps_what_may_be_its_own(count: str) -> None:
    plan = Plan("Shared", SHARED, header_tags=HEADER_TAGS)
    found = read((73, count), *ORDER_A, *ORDER_B, (58, "all"), (55, "L"), plan=plan)
    assert (found.value("symbol"), found.value("text")) == (None, None)
    assert violation(found)[0] == 73


DEPTH: tuple[Row, ...] = (
    (262, "request", "str", True, ()),
    (268, "entries", "group", True, (
        (279, "action", "char", True, ()),
        (270, "price", "price", True, ()),
        (271, "size", "qty", False, ()),
        (55, "symbol", "utf8", True, (), True),
        (25043, "first", "int", False, (), True),
    )),
)  # fmt: skip
DEPTH_PLAN = Plan("Depth", DEPTH, header_tags=HEADER_TAGS)


def test_an_entry_inherits_from_the_one_before() -> None:
    """As market data does (spec section 11.5): what is the same is left out, size is not there."""
    found = read(
        *((262, "r"), (268, 5), (279, 0), (270, "1"), (271, "9"), (55, "A"), (25043, 7)),
        *((279, 2), (270, "2"), (279, 0), (55, "B"), (270, "3"), (271, "8")),
        *((279, 1), (270, "4"), (25043, 8), (279, 2), (270, "5")),
        plan=DEPTH_PLAN,
    )
    assert found.value("entries") == [
        *(("0", "1", "9", "A", 7), ("2", "2", None, "A", 7), ("0", "3", "8", "B", 7)),
        *(("1", "4", None, "B", 8), ("2", "5", None, "B", 8)),
    ]
    assert found.missing == ()
    found.check()


def test_nothing_to_inherit() -> None:
    """Nor from another group's entries: the first entry must have what is required."""
    found = read((262, "r"), (268, 2), (279, 0), (270, "1"), (279, 0), (270, "2"), (55, "A"),
                 plan=DEPTH_PLAN)  # fmt: skip
    assert found.value("entries") == [("0", "1", None, None, None), ("0", "2", None, "A", None)]
    assert violation(found) == (55, "missing")
    legs: tuple[Row, ...] = ((600, "leg", "str", True, ()), (608, "code", "str", False, (), True))
    orders: tuple[Row, ...] = ((11, "id", "str", True, ()), (555, "legs", "group", False, legs))
    found = read(
        *((73, 2), (11, "a"), (555, 2), (600, "l"), (608, "c"), (600, "l")),
        *((11, "b"), (555, 1), (600, "l")),
        plan=Plan("Orders", [(73, "orders", "group", True, orders)]),
    )
    assert found.value("orders") == [("a", [("l", "c"), ("l", "c")]), ("b", [("l", None)])]


def test_an_entry_inherits_no_group() -> None:
    inner = [(600, "legs", "group", False, [(601, "leg", "str", True, ())], True)]
    for rows in ([(55, "symbol", "str", True, (), True)], [(555, "o", "group", False, inner)]):
        with pytest.raises(LocalProtocolError, match="inherits"):
            Plan("Bad", rows)  # type: ignore[arg-type]


def test_nesting_is_bounded() -> None:
    Plan("Deep", nested(4))
    with pytest.raises(LocalProtocolError, match="nested"):
        Plan("Deeper", nested(5))


def test_a_group_of_many_thousand_entries() -> None:
    count = 50_000
    entries: list[Field] = [(137, "1"), (138, "A")] * count
    fields = read(*BASE, (136, count), *entries)
    assert fields.value("fees") == [("1", "A", None)] * count
    fields.check()


# --- tables and misuse ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        [(0, "a", "str", False, ())],
        [(1_000_000_000, "a", "str", False, ())],
        [(1, "a", "text", False, ())],
        [(1, "a", "str", False, ()), (1, "b", "str", False, ())],
        [(1, "a", "str", False, ()), (2, "a", "str", False, ())],
        [(1, "a", "group", False, ())],
        [(1, "a", "str", False, ((2, "b", "str", False, ()),))],
        [(1, b"a", "str", False, ())],
        [(1, "a", "group", False, [(tag, f"m{tag}", "str", False, ()) for tag in range(1, 66)])],
    ],
)
def test_tables_that_contradict_themselves(rows: list[Any]) -> None:
    with pytest.raises(LocalProtocolError, match=r"Bad"):
        Plan("Bad", rows)


def test_a_row_may_be_a_header_tag_too() -> None:
    plan = Plan("T", [(34, "msg_seq_num", "seqnum", True, ())], (), (34, 35, 8, 9, 10))
    assert read((34, 5), plan=plan).value("msg_seq_num") == 5


def test_fields_are_valid_as_long_as_their_message() -> None:
    framer = Framer()
    framer.feed(corpus.framed([(35, "8"), *BASE, (136, 1), (137, "1"), (138, "A")]))
    message = next(framer)
    fields = PLAN.read(message)
    assert fields.value("fees") == [("1", "A", None)]
    framer.get_buffer(0)
    uses: list[Callable[[], object]] = [
        lambda: fields.value("symbol"),
        lambda: fields.value("order_qty"),
        lambda: fields.value("fees"),
        lambda: fields.extra,
        lambda: fields.missing,
        lambda: fields.repeated,
        lambda: PLAN.read(message),
        fields.values,
        fields.check,
    ]
    for use in uses:
        with pytest.raises(LocalProtocolError, match="message used after"):
            use()


def test_reading_again_takes_no_more_memory() -> None:
    """Of a view that stays valid: by one plan, by two in turn, and by way of what was read."""
    plans = [Plan("One", ROWS, header_tags=HEADER_TAGS), Plan("Two", [BASE_ROW])]
    framer = Framer()
    framer.feed(corpus.framed([(35, "8"), *BASE, (136, 1), (137, "1"), (138, "A")]))
    message = next(framer)
    read_by = [plan.read(message) for plan in plans]
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for at in range(100_000):
        found = plans[at % 2].read(message if at % 3 else read_by[at % 5 % 2])
        if at % 1000 == 0:
            assert found.values() == read_by[at % 2].values()
            assert found.extra == read_by[at % 2].extra
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 4096


def test_a_frame_is_not_taken_for_the_one_before_at_its_place() -> None:
    """Framers make messages of the same objects and the same memory again and again."""
    framer = Framer()
    for at in range(20):
        for n in range(5):
            extra: list[Field] = [(60, "x")] * (n * at % 7)
            framer.feed(corpus.framed([(35, "8"), *extra, (34, at), (55, f"S{n}")]))
        assert [PLAN.read(message).value("symbol") for message in framer] == [
            f"S{n}" for n in range(5)
        ]


def test_a_message_read_by_no_plan_has_no_names() -> None:
    framer = Framer()
    framer.feed(corpus.framed([(35, "8"), *BASE]))
    message = next(framer)
    uses: list[Callable[[], object]] = [
        lambda: message.value("a"),
        lambda: message.extra,
        message.values,
        message.check,
    ]
    for use in uses:
        with pytest.raises(LocalProtocolError, match="read by no plan"):
            use()
    for nobody in (Message(),):
        with pytest.raises(LocalProtocolError):
            nobody.value("symbol")
    with pytest.raises(TypeError):
        PLAN.read(None)  # type: ignore[arg-type]


TAGS = st.sampled_from([11, 34, 38, 54, 55, 60, 95, 96, 108, 136, 137, 138, 139, 211, 7])


@given(st.lists(st.tuples(TAGS, st.binary(min_size=1, max_size=6)), max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_message_is_read_or_refused(fields: list[Field]) -> None:
    framer = Framer()
    framer.feed(corpus.framed([(35, "8"), *fields]))
    found = PLAN.read(next(framer))
    assert isinstance(found.extra, list)
    assert isinstance(found.missing, tuple)
    assert isinstance(found.repeated, tuple)
    reason = ""
    try:
        found.check()
    except RemoteProtocolError as error:
        reason = error.reason
    if reason:
        assert reason in ("tag", "empty", "data", "missing", "malformed", "group", "repeated")
    else:
        assert found.missing == ()
        found.values()
