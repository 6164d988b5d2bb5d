"""A message described: names, meanings, groups, verdicts, and what is wrong in words."""

from __future__ import annotations

import dataclasses

import pytest
from fixengine import wire
from fixengine.fix.decode import FIELDS_MAX, Decoded, Decoder
from fixengine.fix.logs import SEPARATORS, messages
from fixengine.fix.tree import PROBLEMS_MAX, Field, fits
from fixengine.fix.venue import Layout, Row, Sender
from fixengine.fix.venues.binance import BINANCE_SPOT
from hypothesis import given
from hypothesis import strategies as st

from bench import corpus

TIME = "20260721-09:07:30.123456"
SIGNATURE = (
    "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
)
API_KEY = "sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb"
# The Logon of the venue's documents (spec section 3), its length and checksum included.
LOGON = (
    f"8=FIX.4.4|9=247|35=A|34=1|49=EXAMPLE|52=20240627-11:17:25.223|56=SPOT|95=88|96={SIGNATURE}"
    f"|98=0|108=30|141=Y|553={API_KEY}|25035=2|10=227|"
)

# A layout with a group in a group, some of whose tags belong to the message as well.
ORDERS = Row(
    73,
    "orders",
    "group",
    rows=(
        Row(11, "cl_ord_id", "str", False, True),
        Row(55, "symbol", "utf8"),
        Row(37, "order_id", "id"),
        Row(25010, "triggers", "group", rows=(Row(25011, "type", "char"), Row(25012, "at", "int"))),
        Row(58, "text", "str"),
    ),
)
LIST_STATUS = Layout(
    b"N",
    "ListStatus",
    frozenset({Sender.VENUE}),
    False,
    (Row(55, "symbol", "utf8"), Row(66, "list_id", "id"), ORDERS, Row(58, "text", "str")),
)
others = tuple(layout for layout in BINANCE_SPOT.layouts if layout.kind != b"N")
VENUE = dataclasses.replace(BINANCE_SPOT, layouts=(*others, LIST_STATUS))

decoder = Decoder(VENUE)


def decode(text: str | bytes) -> Decoded:
    """A message given with '|'."""
    data = text if isinstance(text, bytes) else text.encode().replace(b"|", b"\x01")
    return decoder.decode(data)


def framed(*rest: corpus.Field, kind: str = "8", sender: str = "SPOT") -> Decoded:
    target = "EXAMPLE" if sender == "SPOT" else "SPOT"
    return decode(corpus.framed([*corpus.header(kind, 7, sender, target, TIME), *rest]))


def list_status(*rest: corpus.Field) -> Decoded:
    return framed(*rest, kind="N")


def body(message: Decoded) -> list[object]:
    """What is between header and trailer as tags, a group's count as (tag, entries of such)."""

    def plain(field: Field) -> object:
        if field.entries is None:
            return field.tag
        return field.tag, [[plain(each) for each in entry] for entry in field.entries]

    return [plain(field) for field in message.fields[7:-1]]


def by_tag(message: Decoded) -> dict[int | None, Field]:
    return {field.tag: field for field in message.fields}


# --- what is fine -----------------------------------------------------------------------------


def test_a_message_is_named_and_its_fields_described() -> None:
    message = decode(corpus.er())
    assert (message.kind, message.name, message.seq) == ("8", "ExecutionReport", 12)
    assert (message.sender, message.target, message.sending_time) == ("SPOT", "EXAMPLE", TIME)
    assert (message.problems, message.notes) == ((), ())
    assert message.body_length == ("330", "330", True)
    assert message.check_sum[1:] == (by_tag(message)[10].value, True)
    assert by_tag(message)[54] == Field(54, "Side", "1", "BUY")
    assert by_tag(message)[44] == Field(44, "Price", "64250.12000000", None)
    assert by_tag(message)[35] == Field(35, "MsgType", "8", "ExecutionReport")
    assert [field.tag for field in message.fields[:3]] == [8, 9, 35]


@pytest.mark.parametrize("message", [corpus.er(), corpus.nos(), *corpus.ermix(128)])
def test_every_sample_is_fine_and_shows_its_fields(message: bytes) -> None:
    described = decode(message)
    assert (described.problems, described.notes) == ((), ())
    flat = []
    for field in described.fields:
        flat.append(field)
        flat += [each for entry in field.entries or () for each in entry]
    assert "".join(f"{field.tag}={field.value}\x01" for field in flat).encode() == message
    assert all(field.name for field in flat)


def test_session_and_market_data_messages_are_named_and_flat() -> None:
    heartbeat = framed((112, "x"), kind="0", sender="EXAMPLE")
    assert (heartbeat.name, heartbeat.notes) == ("Heartbeat", ())
    refresh = framed(
        (262, "id"), (268, 2),
        (279, 0), (270, "1.5"), (271, "2"), (269, 0), (55, "BTCUSDT"),
        (279, 2), (270, "1.4"), (269, 1),
        kind="X",
    )  # fmt: skip
    assert refresh.name == "MarketDataIncrementalRefresh"
    assert (refresh.problems, refresh.notes) == ((), ())
    assert [field.name for field in refresh.fields[8:11]] == [
        "NoMDEntries", "MDUpdateAction", "MDEntryPx",
    ]  # fmt: skip
    assert refresh.fields[9].meaning == "NEW"
    assert refresh.fields[14].meaning == "DELETE"


def test_secrets_are_masked_at_their_length_unless_asked_for() -> None:
    message = decode(LOGON)
    assert message.problems == ()
    assert by_tag(message)[96].value == "*" * 88
    assert by_tag(message)[553].value == "*" * 64
    shown = Decoder(VENUE, show_secrets=True).decode(LOGON.encode().replace(b"|", b"\x01"))
    assert (by_tag(shown)[96].value, by_tag(shown)[553].value) == (SIGNATURE, API_KEY)
    assert shown.check_sum == message.check_sum


def test_a_data_field_may_hold_the_separator() -> None:
    message = framed((95, 7), (96, b"a\x0110=\x01x"), (98, 0), kind="A", sender="EXAMPLE")
    assert message.problems == ()
    assert by_tag(message)[96].value == "*" * 7


def test_bytes_that_are_not_utf_8_are_shown_escaped() -> None:
    message = framed((148, b"caf\xe9 \xf0\x9f\x92\xb6"), kind="B")
    assert by_tag(message)[148].value == "caf\\xe9 \U0001f4b6"


TEXTS = st.text("0123456789-.:", max_size=26).map(str.encode)
TIMES = st.tuples(
    st.sampled_from([b"2024", b"1900", b"0000", b"9999"]),
    st.sampled_from([b"0229", b"0230", b"1231", b"1301", b"0100"]),
    st.sampled_from([b"-00:00:00", b"-23:59:60", b"-24:00:00", b"-00:60:00", b"-00:00:61"]),
    st.sampled_from([b"", b".", b".5", b".123", b".123456", b".123456789"]),
).map(b"".join)
NUMBERS = st.integers(-(1 << 65), 1 << 65).map(lambda number: b"%023d" % number)

PLANS = {
    form: wire.Plan("News", [(11, "it", form, False, ())])
    for form in wire.TYPES
    if form not in ("group", "data")
}


@pytest.mark.parametrize("form", PLANS)
@given(st.binary(min_size=1, max_size=4) | TEXTS | TIMES | NUMBERS)
def test_values_are_judged_as_the_codec_judges_them(form: str, raw: bytes) -> None:
    raw = raw.replace(b"\x01", b"|") or b"0"
    framer = wire.Framer()
    framer.feed(corpus.framed([(35, "B"), (11, raw)]))
    try:
        PLANS[form].read(next(framer)).value("it")
        fine = True
    except wire.RemoteProtocolError:
        fine = False
    assert fits(form, raw) == fine


# --- groups -----------------------------------------------------------------------------------


def test_groups_are_nested() -> None:
    message = list_status(
        (55, "A"), (66, 1), (73, 2),
        (11, "a"), (55, "A"), (37, 1), (25010, 2), (25011, 1), (25012, 0), (25011, 3), (25012, 1),
        (11, "b"), (25010, 0), (37, 2), (58, "no"),
        (66, 2),
    )  # fmt: skip
    first = [11, 55, 37, (25010, [[25011, 25012], [25011, 25012]])]
    assert body(message) == [55, 66, (73, [first, [11, (25010, []), 37, 58]]), 66]
    assert message.problems == ("ListID<66> is repeated",)


def test_an_entry_begins_with_the_tag_that_comes_first() -> None:
    message = list_status((73, 2), (55, "A"), (11, "a"), (55, "A"), (11, "b"))
    assert body(message) == [(73, [[55, 11], [55, 11]])]
    assert message.problems == ()


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "NoOrders<73> says 0, 2 entries follow"),
        (1, "NoOrders<73> says 1, 2 entries follow"),
        (3, "NoOrders<73> says 3, 2 entries follow"),
        (4_000_000_000, "NoOrders<73> says 4000000000, 2 entries follow"),
        ("x", "NoOrders<73> 'x' is not a number"),
        ("-1", "NoOrders<73> '-1' is not a number"),
    ],
)
def test_entries_are_shown_whatever_their_count_says(count: object, told: str) -> None:
    message = list_status((73, str(count)), (11, "a"), (37, 1), (11, "b"), (37, 2))
    assert body(message) == [(73, [[11, 37], [11, 37]])]
    assert message.problems == (told,)


def test_a_count_without_entries_and_entries_without_count() -> None:
    message = list_status((73, 1), (66, 1))
    assert (body(message), message.problems) == (
        [(73, []), 66],
        ("NoOrders<73> says 1, no entries follow",),
    )
    message = list_status((66, 1), (11, "a"))
    assert message.problems == ()
    assert message.notes == ("ClOrdID<11> does not belong to ListStatus by the table",)
    assert body(list_status((73, 1))) == [(73, [])]


def test_a_group_may_be_cut_off() -> None:
    message = decode("8=FIX.4.4|9=99|35=N|49=SPOT|73=2|11=a|37=1|11=b")
    assert [[each.tag for each in entry] for entry in message.fields[4].entries or ()] == [
        [11, 37],
        [11],
    ]
    assert [problem[:9] for problem in message.problems] == ["truncated"]


def test_a_tag_of_group_and_message_leaves_the_group_when_it_is_full() -> None:
    message = list_status((73, 1), (11, "a"), (55, "A"), (58, "its"), (58, "all"), (55, "B"))
    assert (body(message), message.problems) == ([(73, [[11, 55, 58]]), 58, 55], ())
    message = list_status((73, 0), (55, "A"))
    assert (body(message), message.problems) == ([(73, []), 55], ())


def test_a_tag_within_an_entry_that_nobody_knows_stays_there() -> None:
    message = list_status((73, 2), (11, "a"), (9999, "x"), (37, 1), (11, "b"), (9999, 1))
    assert body(message) == [(73, [[11, 9999, 37], [11]]), 9999]
    assert message.problems == ()
    assert message.notes == ("tag 9999 is not in the table of binance-spot",)


def test_an_unknown_field_behind_a_nested_group_belongs_where_the_next_known_one_does() -> None:
    nested = ((73, 1), (11, "a"), (25010, 1), (25011, 1), (25012, 0))
    inner, outer = (25010, [[25011, 25012]]), (73, [[11, (25010, [[25011, 25012]])]])
    assert body(list_status(*nested, (9998, 1), (9999, 1), (66, 1))) == [outer, 9998, 9999, 66]
    message = list_status(*nested, (9998, 1), (9999, 1), (37, 1))
    assert body(message) == [(73, [[11, inner, 9998, 9999, 37]])]
    assert body(list_status(*nested, (9998, 1), (9999, 1))) == [outer, 9998, 9999]


def test_what_an_entry_inherits_is_not_missed() -> None:
    symbol = Row(55, "symbol", "utf8", False, True, inherited=True)
    orders = ORDERS._replace(rows=(Row(11, "cl_ord_id", "str", False, True), symbol))
    layouts = (*others, LIST_STATUS._replace(rows=(orders,)))
    own = Decoder(dataclasses.replace(BINANCE_SPOT, layouts=layouts))
    fields: list[corpus.Field] = [(73, 3), (11, "a"), (11, "b"), (55, "B"), (11, "c")]
    message = own.decode(corpus.framed([*corpus.header("N", 7, "SPOT", "EXAMPLE", TIME), *fields]))
    assert body(message) == [(73, [[11], [11, 55], [11]])]
    assert message.notes == ("entry 1 of NoOrders<73> without Symbol<55>, required by the table",)


def test_a_tag_twice_in_an_entry() -> None:
    message = list_status((73, 2), (11, "a"), (37, 1), (37, 2), (11, "b"))
    assert message.problems == ("OrderID<37> is repeated in entry 1 of NoOrders<73>",)


# --- what is wrong ----------------------------------------------------------------------------

HEAD = "8=FIX.4.4|9=57|35=0|49=SPOT|56=EXAMPLE|34=1|52=20260721-09:07:30.123456|"
FINE = HEAD + "10=198|"


def with_field(kind: str, field: str) -> str:
    """FINE as a message of that kind and with one more field."""
    return FINE.replace("35=0", f"35={kind}").replace("34=1|", f"34=1|{field}|")


WRONG = {
    "checksum": (HEAD + "10=013|", "CheckSum<10> '013' is wrong, should be 198"),
    "checksum form": (HEAD + "10=12|", "CheckSum<10> '12' is not three digits, should be 198"),
    "length": (FINE.replace("9=57", "9=59"), "BodyLength<9> '59' is wrong, should be 57"),
    "length form": (FINE.replace("9=57", "9=x"), "BodyLength<9> 'x' is not a number, should be 57"),
    "length after": ("8=F|35=0|10=000|9=1|", "BodyLength<9> '1' is wrong"),
    "no checksum": (HEAD, "CheckSum<10> is missing"),
    "truncated": (
        HEAD[:-14], "truncated within its last field, no CheckSum<10>: 43 of the 57 bytes",
    ),
    "truncated between": (HEAD[:-28], "truncated, no CheckSum<10>: 29 of the 57 bytes"),
    "only a start": ("8=FIX.4.4|", "truncated, no CheckSum<10>"),
    "no length": (FINE.replace("9=57|", ""), "BodyLength<9> is missing"),
    "no type": (FINE.replace("35=0|", ""), "MsgType<35> is missing"),
    "no number": (FINE.replace("34=1|", ""), "MsgSeqNum<34> is missing"),
    "place": (FINE.replace("35=0|49=SPOT|", "49=SPOT|35=0|"), "MsgType<35> is not the third field"),
    "not last": (FINE + "58=x|", "CheckSum<10> is not the last field"),
    "tag": (FINE.replace("34=1|", "34=1|abc=5|"), "tag 'abc' is not a tag number"),
    "tag 0": (FINE.replace("34=1|", "34=1|0=5|"), "tag '0' is not a tag number"),
    "long tag": (FINE.replace("34=1|", "34=1|" + "1" * 40 + "=5|"), "is not a tag number"),
    "no tag": (FINE.replace("34=1|", "34=1|=5|"), "tag '' is not a tag number"),
    "no equals": (FINE.replace("34=1|", "34=1|what|"), "'what' is not a field"),
    "nothing": (FINE.replace("34=1|", "34=1||"), "an empty field: two separators in a row"),
    "empty": (FINE.replace("34=1|", "34=1|112=|"), "TestReqID<112> has no value"),
    "twice": (FINE.replace("34=1|", "34=1|112=a|112=a|"), "TestReqID<112> is repeated"),
    "number": (with_field("3", "45=x"), "RefSeqNum<45> 'x' is not a whole number"),
    "price": (with_field("8", "44=1e5"), "Price<44> '1e5' is not a decimal number"),
    "bool": (with_field("8", "636=y"), "WorkingIndicator<636> 'y' is not Y or N"),
    "time": (with_field("8", "60=now"), "TransactTime<60> 'now' is not a time such as 2026"),
    "char": (with_field("8", "54=12"), "Side<54> '12' is not one character"),
    "seq": (FINE.replace("34=1", "34=abc"), "MsgSeqNum<34> 'abc' is not a number below 2**32"),
    "seq sign": (FINE.replace("34=1", "34=-7"), "MsgSeqNum<34> '-7' is not a number"),
    "seq size": (FINE.replace("34=1", "34=4294967296"), "MsgSeqNum<34> '4294967296' is not a num"),
    "sent": (FINE.replace("52=2026", "52=2O26"), "is not a time such as 2026"),
    "window": (with_field("D", "25000=zz"), "RecvWindow<25000> 'zz' is not a decimal number"),
    "no digits": (with_field("8", "44=5."), "Price<44> '5.' is not a decimal number"),
    "sign": (with_field("8", "14=-1"), "CumQty<14> '-1' is not a decimal number without sign"),
    "day": (with_field("8", "60=20260230-00:00:00"), "TransactTime<60> '20260230-00:00:00' is"),
    "text": (with_field("8", "58=a\0b"), "Text<58> 'a\0b' is not "),
    "data length": (
        LOGON.replace("95=88", "95=87"), "RawDataLength<95> says 87, RawData<96> has 88 bytes",
    ),
    "no data length": (LOGON.replace("95=88|", ""), "RawData<96> without RawDataLength<95>"),
}  # fmt: skip


def test_the_message_that_is_made_wrong_is_fine() -> None:
    assert (decode(FINE).problems, decode(FINE).notes) == ((), ())


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_words_and_the_rest_is_shown(case: str) -> None:
    text, told = WRONG[case]
    message = decode(text)
    assert any(told in problem for problem in message.problems), message.problems
    pieces = text.encode().split(b"|")
    assert len(message.fields) == len(pieces) - (not pieces[-1])


def test_no_more_fields_are_described_than_memory_is_for() -> None:
    message = decode(HEAD + "|" * FIELDS_MAX + "10=198|")
    assert len(message.fields) == FIELDS_MAX
    size = len(HEAD) + FIELDS_MAX - HEAD.count("|")
    assert f"too long: only its first {size} bytes are shown" in message.problems
    assert not any("too long" in text for text in decode(HEAD + "|" * 1000 + "10=198|").problems)


def test_verdicts_are_said_even_where_a_part_is_missing() -> None:
    assert decode(HEAD).body_length == ("57", "57", True)
    assert decode(HEAD).check_sum == (None, "198", False)
    assert decode(HEAD[:-14]).body_length == ("57", None, False)
    assert decode(HEAD[:-14]).check_sum == (None, None, False)
    assert decode(FINE.replace("9=57|", "")).body_length == (None, None, False)


def test_what_the_table_does_not_know_is_noted_and_no_problem() -> None:
    message = framed((9999, "x"), (54, 7), kind="Zz")
    assert (message.kind, message.name, message.problems) == ("Zz", None, ())
    assert by_tag(message)[9999] == Field(9999, None, "x", None)
    assert by_tag(message)[54] == Field(54, "Side", "7", None)
    assert message.notes == (
        "MsgType<35> 'Zz' is not in the table of binance-spot",
        "tag 9999 is not in the table of binance-spot",
        "Side<54> '7' is not among the values of the table",
    )


def test_what_the_table_requires_of_the_sender_is_noted() -> None:
    message = framed((11, "a"), kind="D", sender="EXAMPLE")
    assert message.problems == ()
    assert message.notes == tuple(
        f"NewOrderSingle without {name}, required by the table"
        for name in ("OrdType<40>", "Side<54>", "Symbol<55>")
    )
    # The venue's Logon needs other fields than ours.
    reply = framed((98, 0), (108, 30), kind="A")
    assert reply.notes == ("Logon without UUID<25037>, required by the table",)
    # Of what was cut off nothing is known.
    assert decode(corpus.nos()[:60]).notes == ()
    assert not any("is not" in problem for problem in decode(corpus.er()[:200]).problems)


def test_who_wrote_it_is_told_by_the_ids_else_by_the_kind() -> None:
    order = corpus.nos()
    swapped = order.replace(b"49=EXAMPLE", b"49=SPOT").replace(b"56=SPOT", b"56=EXAMPLE")
    assert decode(swapped).notes == ("NewOrderSingle <D> is not for the venue to send",)
    strangers = order.replace(b"56=SPOT", b"56=OTHER").replace(b"\x0155=BTCUSDT", b"")
    assert decode(strangers).notes == ("NewOrderSingle without Symbol<55>, required by the table",)


def test_a_checksum_over_masked_secrets_cannot_be_told() -> None:
    masked = LOGON.replace(SIGNATURE, "*" * 88).replace(API_KEY, "*" * 64)
    message = decode(masked)
    assert (message.problems, message.check_sum) == ((), ("227", None, None))
    assert message.notes == ("CheckSum<10> cannot be told: secrets were masked in the input",)
    assert decode(masked.replace("10=227", "10=x")).problems[0].startswith("CheckSum<10> 'x'")


@pytest.mark.parametrize(
    "text",
    [
        "8=F|553=hide|", "8=F|0553=hide|", "8=F| 554=hide|", "8=F|96=hide|", "8=F|553=hide",
        "8=F|95=9|96=no|34=hide|", "8=F|554=no|hide|hide|10=000|", "95=3|96=hide|",
        "8=F|553|=hide|34=1|", "8=F|553 :hide|", "8=F|5\0""53=hide|", "8=F|a554;hide|",
        "8=F|95=6|96=no|553=hide|", "8=F|95=6|96=no|abc=d|hide|",
    ],
)  # fmt: skip
def test_a_secret_does_not_show_in_a_broken_message_either(text: str) -> None:
    assert "hide" not in str(decode(text))


@pytest.mark.parametrize(
    "text",
    [
        "8=F\x019=1|96=hide|553=hide|554=hide|10=000|", "8=F|95=1396=hide|98=0|",
        "8=F|95=496=hide", "8=F|141=Y553=hide|", "8=F|58=x^A554=hide^A10=1|",
        "8=F|58=96=hide it hide|", "8=F|x 553 =hide|", "8=F|35=A553=hide|", "8=F|49=SPOT554=hide|",
        "8=F|9=1 96=hide|35=A|", "8=F|10=078 554=hide|", "8=F|58=a96=no|hide|hide|",
        "8=F|0553=no|hide|", "8=F|52=1\\x01554=a|hide", "8=F|34=1554=hide|",
        "8=F|73=2 553=hide|35=E|", "8=F|35=E|73=1|54=1 553=hide|",
    ],
)  # fmt: skip
def test_a_secret_does_not_show_within_another_value(text: str) -> None:
    assert "hide" not in str(decode(text))
    data = text.encode().replace(b"|", b"\x01")
    assert "hide" in str(Decoder(VENUE, show_secrets=True).decode(data))


def test_what_follows_a_secret_within_a_value_is_shown() -> None:
    message = decode(b"8=F\x0158=x|96=ab c=|98=0 553=d|10=078\x01")
    assert by_tag(message)[58].value == "x|96=*****|98=0 553=*|10=078"
    assert by_tag(decode("8=F|25096=a|1553=b|"))[25096].value == "a"


def test_the_messages_of_every_fix_session_are_named() -> None:
    resend, reset = framed((7, 1), (16, 0), kind="2"), framed((36, 9), kind="4")
    assert (resend.name, reset.name) == ("ResendRequest", "SequenceReset")
    assert by_tag(reset)[35].meaning == "SequenceReset"
    assert "MsgType<35> '4' is not in the table of binance-spot" in reset.notes
    bare = dataclasses.replace(VENUE, kinds={}, layouts=())
    assert Decoder(bare).decode(b"35=2\x01").name == "ResendRequest"


def test_a_message_that_was_cut_says_so() -> None:
    message = decoder.decode(corpus.er()[:100], cut=True)
    assert message.problems[0] == "too long: only its first 100 bytes are shown"


def test_problems_are_limited_and_said_once() -> None:
    message = decode("8=FIX.4.4|" + "".join(f"x{number}=|" * 2 for number in range(100)))
    assert len(message.problems) == PROBLEMS_MAX + 1
    assert message.problems[-1].startswith("and ")
    assert len(set(message.problems)) == len(message.problems)
    long = decode("8=FIX.4.4|" + "x" * 1000 + "|").problems[0]
    assert len(long) < 100


def test_what_is_big_is_shown_too() -> None:
    assert framed((34, 10**30)).seq == 7
    assert decode(FINE.replace("34=1|", "34=" + "9" * 40 + "|")).seq is None
    fields: list[corpus.Field] = [(73, 20_000)]
    for number in range(20_000):
        fields += [(11, number), (25010, 1), (25011, 1)]
    message = list_status(*fields)
    assert message.problems == ()
    assert len(message.fields[7].entries or ()) == 20_000


# --- any bytes --------------------------------------------------------------------------------

PARTS = st.sampled_from(
    [
        b"8=FIX.4.4", b"9=57", b"9=", b"9=-1", b"35=8", b"35=N", b"35=A", b"35=", b"49=SPOT",
        b"34=1", b"52=x", b"10=000", b"10=", b"73=2", b"73=9999999999", b"73=x", b"11=a", b"55=A",
        b"25010=1", b"25011=1", b"58=", b"136=1", b"137=1", b"138=B", b"95=3", b"95=999",
        b"96=a\x01b", b"554=x", b"=", b"", b"a=b", b"00=1", b"1" * 50 + b"=2", b"\xff\xfe",
        b"9999=1",
    ]
)  # fmt: skip


@given(st.lists(PARTS | st.binary(max_size=6), max_size=40).map(b"\x01".join), st.booleans())
def test_any_bytes_are_described(data: bytes, show: bool) -> None:
    for text in (data, data + b"\x01"):
        message = Decoder(VENUE, show_secrets=show).decode(text)
        assert message.problems or message.check_sum.ok is not False


@given(st.binary(max_size=200))
def test_rubbish_is_described(data: bytes) -> None:
    assert decoder.decode(data).problems


@given(st.sampled_from([corpus.er(), corpus.nos(), *corpus.ermix(16)]), st.data())
def test_one_changed_byte_is_told(message: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(message) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != message[at]))
    changed = message[:at] + bytes([byte]) + message[at + 1 :]
    assert decoder.decode(changed).problems


@given(st.sampled_from([corpus.er(), corpus.nos(), *corpus.ermix(16)]), st.sampled_from(SEPARATORS))
def test_every_form_of_text_gives_the_same_tree(message: bytes, separator: bytes) -> None:
    text = b"IN '" + message.replace(b"\x01", separator) + b"'\n"
    assert [decoder.decode(each.data) for each in messages([text])] == [decode(message)]


PLAIN_LOGON = LOGON.replace(f"|553={API_KEY}", f"|553={API_KEY}|554=Pass-word").encode().split(b"|")


@given(
    st.sampled_from(SEPARATORS),
    st.lists(
        st.sampled_from([None, None, *SEPARATORS, b"", b" ", b"\n", b";"]),
        min_size=len(PLAIN_LOGON),
        max_size=len(PLAIN_LOGON),
    ),
)
def test_no_mix_of_separators_shows_a_secret(usual: bytes, others: list[bytes | None]) -> None:
    text = PLAIN_LOGON[0] + usual
    for piece, other in zip(PLAIN_LOGON[1:], others, strict=False):
        text += piece + (usual if other is None else other)
    for found in messages([text]):
        shown = str(decoder.decode(found.data))
        for secret in (SIGNATURE, API_KEY, "Pass-word"):
            assert secret[:8] not in shown and secret[-5:] not in shown
