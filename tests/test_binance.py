"""The venue table against the official dictionary, and the venue's hooks against its documents."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fixengine import wire
from fixengine.fix.venue import Layout, Row, Sender, plan, template
from fixengine.fix.venues.binance import BINANCE_SPOT, market_data, tables
from fixengine.fix.venues.binance.overrides import OVERRIDES
from fixengine.messages import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
    names_of,
)
from hypothesis import given
from hypothesis import strategies as st

VECTOR_KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u
-----END PRIVATE KEY-----
"""


FILES = {"order_entry": "spot-fix-oe.xml", "market_data": "spot-fix-md.xml"}


class Dictionary:
    """A QuickFIX dictionary, read in the plainest way and not by the reader of the project."""

    def __init__(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        fields = root.findall("fields/field")
        self.names = {int(f.attrib["number"]): f.attrib["name"] for f in fields}
        self.tags = {name: tag for tag, name in self.names.items()}
        self.types = {int(f.attrib["number"]): f.attrib["type"] for f in fields}
        self.enums = {
            int(f.attrib["number"]): {v.attrib["enum"]: v.attrib["description"] for v in f}
            for f in fields
            if len(f)
        }
        self.components = {c.attrib["name"]: c for c in root.findall("components/component")}
        self.messages = {m.attrib["msgtype"]: m for m in root.findall("messages/message")}
        self.kinds = {m.attrib["msgtype"]: m.attrib["name"] for m in self.messages.values()}

    def rows(self, element: ElementTree.Element, path: str) -> Iterator[tuple[str, int, bool]]:
        """(path, tag, required) of every field in a message, in order, groups opened."""
        for child in element:
            name, required = child.attrib["name"], child.attrib["required"] == "Y"
            if child.tag == "component":
                yield from self.rows(self.components[name], path)
                continue
            tag = self.tags[name]
            yield path, tag, required
            yield from self.rows(child, f"{path}/{tag}")


def own_rows(rows: tuple[Row, ...], path: str, sender: Sender) -> Iterator[tuple[str, int, bool]]:
    """The same of a layout, as one side writes it."""
    for row in rows:
        yield path, row.tag, row.request if sender is Sender.CLIENT else row.answer
        yield from own_rows(row.rows, f"{path}/{row.tag}", sender)


@pytest.fixture(scope="module", params=FILES)
def dictionary(request: pytest.FixtureRequest, shared_data: Path) -> tuple[str, Dictionary]:
    return request.param, Dictionary(shared_data / FILES[request.param])


DESCRIBED = [
    *(("order_entry", layout) for layout in tables.LAYOUTS),
    *(("market_data", layout) for layout in market_data.LAYOUTS),
]


@pytest.mark.parametrize(
    ("scope", "layout"), DESCRIBED, ids=lambda each: getattr(each, "name", each)
)
def test_layout_is_that_of_the_official_dictionary(
    scope: str, layout: Layout, shared_data: Path
) -> None:
    theirs = Dictionary(shared_data / FILES[scope])
    kind = layout.kind.decode()
    departures = {
        (item.path, item.tag): item.what
        for item in OVERRIDES
        if item.scope == scope and item.path.partition("/")[0] == kind
    }
    expected = list(theirs.rows(theirs.messages[kind], kind))
    for sender in layout.senders:
        found = list(own_rows(layout.rows, kind, sender))
        found = [row for row in found if departures.get(row[:2]) != "field"]
        if "place" in departures.values():
            found.sort()
            expected.sort()
        assert [row[:2] for row in found] == [row[:2] for row in expected]
        for ours, official in zip(found, expected, strict=True):
            if departures.get(ours[:2]) not in ("required", "place"):
                assert ours == official


def test_every_message_of_the_order_entry_dictionary_has_a_layout(shared_data: Path) -> None:
    theirs = Dictionary(shared_data / FILES["order_entry"])
    assert {layout.kind.decode(): layout.name for layout in tables.LAYOUTS} == theirs.kinds


def groups(rows: tuple[Row, ...], around: frozenset[int]) -> Iterator[tuple[Row, set[int]]]:
    """Each group of a layout, with those of its members that may also stand around it."""
    outer = around | {row.tag for row in rows}
    for row in rows:
        if row.rows:
            yield row, {member.tag for member in row.rows} & outer
            yield from groups(row.rows, outer)


def test_one_message_alone_has_fields_that_are_also_members_of_its_group() -> None:
    """What follows a group may be taken for its last entry's; see wire.Plan.

    ListStatus alone has such fields, and writes them in front. Behind the group the dictionary
    knows them as members only.
    """
    found = {
        (layout.kind, row.tag): shared
        for _, layout in DESCRIBED
        for row, shared in groups(layout.rows, frozenset())
        if shared
    }
    assert found == {(b"N", 73): {55, 103, 25016, 58}}
    list_status = BINANCE_SPOT.layout(b"N", Sender.VENUE)
    assert list_status.rows[-1].tag == 73


def test_names_are_those_of_the_official_dictionaries(dictionary: tuple[str, Dictionary]) -> None:
    scope, theirs = dictionary
    assert {tag: BINANCE_SPOT.names[tag] for tag in theirs.names} == theirs.names
    assert {kind: BINANCE_SPOT.kinds[kind.encode()] for kind in theirs.kinds} == theirs.kinds
    assert BINANCE_SPOT.scopes[scope].tags == theirs.names.keys()
    assert {kind.decode() for kind in BINANCE_SPOT.scopes[scope].kinds} == theirs.kinds.keys()


def test_enumerations_are_complete(dictionary: tuple[str, Dictionary]) -> None:
    scope, theirs = dictionary
    departures = {
        (item.tag, item.what.removeprefix("value ")): (item.theirs, item.ours)
        for item in OVERRIDES
        if item.scope == scope and item.what.startswith("value ")
    }
    assert theirs.enums.keys() == BINANCE_SPOT.enums.keys() & theirs.names.keys()
    for tag, values in theirs.enums.items():
        ours = dict(BINANCE_SPOT.enums[tag])
        if tag == 35:
            ours = {kind: ours[kind] for kind in theirs.kinds}
        for value in values.keys() | ours.keys():
            pair = (values.get(value, ""), ours.get(value, ""))
            assert pair == departures.get((tag, value), pair[:1] * 2), f"{tag}={value}"


def test_nothing_is_named_that_no_document_names() -> None:
    scopes = BINANCE_SPOT.scopes.values()
    prose = {107: "SecurityDesc", 25019: "SecondarySymbol"}
    sbe = {198: "SecondaryOrderID", 528: "OrderCapacity", 25020: "SecondaryExternalAccountID"}
    known = frozenset().union(*(scope.tags for scope in scopes))
    assert {tag: BINANCE_SPOT.names[tag] for tag in BINANCE_SPOT.names.keys() - known} == {
        **prose,
        **sbe,
    }
    kinds = frozenset().union(*(scope.kinds for scope in scopes))
    assert BINANCE_SPOT.kinds.keys() - kinds == {b"2"}
    assert BINANCE_SPOT.enums.keys() <= BINANCE_SPOT.names.keys()
    assert BINANCE_SPOT.enums[35].keys() == {kind.decode() for kind in kinds}


SPELLED = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
NAMED_OTHERWISE = {"ErrorCode": "venue_code"}
"""Every venue has a code of its own; the bus has one name for them."""


def every_row(rows: tuple[Row, ...]) -> Iterator[Row]:
    for row in rows:
        yield row
        yield from every_row(row.rows)


def test_rows_are_named_as_fix_names_them_and_typed_alike_everywhere() -> None:
    types: dict[int, str] = {}
    for layout in tables.LAYOUTS:
        for row in every_row(layout.rows):
            name = BINANCE_SPOT.names[row.tag]
            spelled = name.removeprefix("No") if row.type == "group" else name
            snake = "_".join(SPELLED.findall(spelled)).lower()
            assert row.name == NAMED_OTHERWISE.get(name, snake)
            assert types.setdefault(row.tag, row.type) == row.type, name
            assert (row.type == "group") == bool(row.rows)


def test_a_field_is_required_only_of_who_sends_the_message() -> None:
    for layout in tables.LAYOUTS:
        for row in every_row(layout.rows):
            shared = row.tag in (25011, 25012, 25013)  # of E and of N
            assert not row.request or Sender.CLIENT in layout.senders or shared
            assert not row.answer or Sender.VENUE in layout.senders or shared


def test_utf8_is_taken_where_the_prose_allows_it() -> None:
    """Spec section 6; Currency<15> is market data, 107 and 25019 are in no text message."""
    rows = [row for layout in tables.LAYOUTS for row in every_row(layout.rows)]
    assert {row.tag for row in rows if row.type == "utf8"} == {55, 138, 25028}


def test_every_row_has_a_place_in_its_message() -> None:
    for layout, struct in (
        (tables.EXECUTION_REPORT, ExecutionReport),
        (tables.ORDER_CANCEL_REJECT, OrderCancelReject),
        (tables.NEW_ORDER_SINGLE, NewOrderSingle),
    ):
        assert {row.name for row in layout} <= set(names_of(struct))
    only_lists = {"orig_cl_list_id", "list_id"}
    cancel = {row.name for row in tables.ORDER_CANCEL_REQUEST} - only_lists
    assert cancel <= set(names_of(OrderCancelRequest))


def test_payload_and_signature_are_those_of_the_official_vector() -> None:
    payload = BINANCE_SPOT.logon_payload("EXAMPLE", "SPOT", 1, b"20240627-11:17:25.223")
    assert payload.hex() == (
        "41014558414d504c450153504f5401310132303234303632372d31313a31373a32352e323233"
    )
    key = Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("8244616b4606b8400a66fd0efcbea9af1611fd2540e975b3808b20007d9bcf6e")
    )
    assert base64.b64encode(key.sign(payload)) == (
        b"4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
    )


def test_recv_window_stands_right_after_sending_time() -> None:
    form = template(BINANCE_SPOT, b"D", Sender.CLIENT, "ME", 5000)
    order = NewOrderSingle.limit("BTCUSDT", "1", "1", "2", cl_ord_id="a")
    frame = form.encode(order, 7, b"20260101-00:00:00.000000")
    assert frame.startswith(b"8=FIX.4.4\x019=")
    assert (
        b"35=D\x0149=ME\x0156=SPOT\x0134=7\x0152=20260101-00:00:00.000000\x0125000=5000\x01"
        in frame
    )


@given(
    st.integers(1, 0xFFFF),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, (1 << 48) - 1),
)
def test_ids_are_ours_and_fit_the_venues_pattern(number: int, epoch: int, counter: int) -> None:
    made = BINANCE_SPOT.make_cl_ord_id(number, epoch, counter)
    assert re.match(BINANCE_SPOT.id_pattern, made)
    assert BINANCE_SPOT.own(made) == (number, epoch, counter)


@pytest.mark.parametrize(
    "foreign", ["", "web_1", "a-b", "1-2-3-4", "0-1-1", "1_0-1-1", "+1-1-1", "A-1-1", "zzzz-1-1"]
)
def test_foreign_ids_are_not_ours(foreign: str) -> None:
    assert BINANCE_SPOT.own(foreign) is None


def test_a_plan_reads_what_a_template_writes() -> None:
    form = template(BINANCE_SPOT, b"9", Sender.VENUE, "ME")
    values = {
        "cl_ord_id": "c",
        "orig_cl_ord_id": "o",
        "symbol": "这是测试币456",
        "cxl_rej_response_to": "1",
        "venue_code": "-2011",
        "text": "Unknown order sent.",
    }
    framer = wire.Framer()
    framer.feed(form.encode(None, 3, b"20260101-00:00:00.000000", values))
    read = plan(BINANCE_SPOT, b"9", Sender.VENUE).read(next(framer))
    read.check()
    assert {name: read.value(name) for name in values} == values
    assert read.value("msg_seq_num") == 3
    assert read.extra == []
