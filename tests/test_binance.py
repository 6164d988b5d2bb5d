"""The venue table against the official dictionary, and the venue's hooks against its documents."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fixengine import wire
from fixengine.fix.venue import Row, Sender, plan, template
from fixengine.fix.venues.binance import BINANCE_SPOT, tables
from fixengine.messages import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
    names_of,
)
from hypothesis import given
from hypothesis import strategies as st

# Where the venue's prose and its dictionary disagree, or where we type a field on purpose in
# another way than the dictionary does (spec section 15). Tag -> (dictionary's type, ours).
OVERRIDES = {
    835: ("INT", "id"),
    103: ("INT", "id"),
    139: ("INT", "id"),
    574: ("STRING", "str"),
    25002: ("INT", "id"),
    25016: ("INT", "id"),
    25021: ("INT", "id"),
    25056: ("INT", "id"),
    847: ("INT", "id"),
    7940: ("INT", "id"),
    25009: ("INT", "id"),
    37: ("INT", "id"),
    17: ("INT", "id"),
    66: ("INT", "id"),
    70: ("INT", "id"),
    1003: ("INT", "id"),
    25024: ("INT", "id"),
    25027: ("INT", "id"),
    25029: ("INT", "id"),
    55: ("STRING", "utf8"),
    138: ("STRING", "utf8"),
    25028: ("STRING", "utf8"),
}
TYPES = {
    "STRING": "str",
    "CHAR": "char",
    "INT": "int",
    "LENGTH": "length",
    "NUMINGROUP": "group",
    "PRICE": "price",
    "QTY": "qty",
    "FLOAT": "float",
    "BOOLEAN": "bool",
    "DATA": "data",
    "UTCTIMESTAMP": "utc",
    "SEQNUM": "seqnum",
}
# Required by the prose where the dictionary has N, because one message there covers both sides.
REQUIRED_BY_PROSE = {
    ("A", 98),
    ("A", 95),
    ("A", 96),
    ("A", 141),
    ("A", 553),
    ("A", 25035),
    ("A", 25037),
}
VECTOR_KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u
-----END PRIVATE KEY-----
"""


class Dictionary:
    """A QuickFIX dictionary, its components expanded."""

    def __init__(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        self.numbers = {
            f.get("name"): int(f.get("number") or 0) for f in root.iter("field") if f.get("number")
        }
        self.types = {
            int(f.get("number") or 0): f.get("type") for f in root.iter("field") if f.get("number")
        }
        self.enums = {
            int(f.get("number") or 0): {v.get("enum"): v.get("description") for v in f}
            for f in root.iter("field")
            if f.get("number") and len(f)
        }
        self.components = {c.get("name"): c for c in root.find("components") or []}
        self.messages = {m.get("msgtype"): m for m in root.find("messages") or []}

    def rows(self, element: ElementTree.Element) -> list[tuple[int, bool, list]]:
        """(tag, required, group members) of a message, in order."""
        rows: list[tuple[int, bool, list]] = []
        for child in element:
            required = child.get("required") == "Y"
            if child.tag == "component":
                rows += self.rows(self.components[child.get("name")])
            elif child.tag == "group":
                rows.append((self.numbers[child.get("name")], required, self.rows(child)))
            else:
                rows.append((self.numbers[child.get("name")], required, []))
        return rows


@pytest.fixture(scope="module")
def dictionary(shared_data: Path) -> Dictionary:
    return Dictionary(shared_data / "spot-fix-oe.xml")


def check_rows(kind: str, ours: tuple[Row, ...], theirs: list, dictionary: Dictionary) -> None:
    assert {row.tag for row in ours} == {tag for tag, _, _ in theirs}, kind
    by_tag = {row.tag: row for row in ours}
    for tag, required, members in theirs:
        row = by_tag[tag]
        expected = OVERRIDES.get(tag, (dictionary.types[tag], TYPES[dictionary.types[tag]]))
        assert (dictionary.types[tag], row.type) == expected, f"{kind} {tag}"
        if (kind, tag) not in REQUIRED_BY_PROSE:
            assert (row.request or row.answer) == required, f"{kind} {tag}"
        if members:
            check_rows(kind, row.rows, members, dictionary)


@pytest.mark.parametrize("layout", tables.LAYOUTS, ids=lambda layout: layout.name)
def test_layout_is_that_of_the_official_dictionary(layout, dictionary: Dictionary) -> None:
    kind = layout.kind.decode()
    message = dictionary.messages[kind]
    assert message.get("name") == layout.name
    check_rows(kind, layout.rows, dictionary.rows(message), dictionary)


def test_body_order_is_that_of_the_official_dictionary(dictionary: Dictionary) -> None:
    for layout in tables.LAYOUTS:
        if layout.admin:
            continue
        theirs = [tag for tag, _, _ in dictionary.rows(dictionary.messages[layout.kind.decode()])]
        assert [row.tag for row in layout.rows] == theirs, layout.name


def test_enumerations_are_complete(dictionary: Dictionary) -> None:
    used = {row.tag for layout in tables.LAYOUTS for row in layout.rows}
    used |= {row.tag for row in tables.MISC_FEES}
    for tag in used & set(dictionary.enums):
        ours = dict(BINANCE_SPOT.enums.get(tag, {}))
        if tag == 373:
            assert ours.pop("12") == "XML_VALIDATION_ERROR", "only in the prose"
        if tag == 1109:
            # The dictionary spells a sentence where the prose says UP and DOWN.
            assert ours == {"U": "UP", "D": "DOWN"}
            assert set(ours) == set(dictionary.enums[tag])
            continue
        assert ours == dictionary.enums[tag], tag


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
    assert {name: read.get(name) for name in values} == values
    assert read.get("msg_seq_num") == 3
    assert read.extra == []
