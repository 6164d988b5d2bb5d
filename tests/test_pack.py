"""Message.pack: what a message says as MessagePack, byte by byte as msgspec writes it."""

from __future__ import annotations

import msgspec
import pytest
from fixengine.fix import fields
from fixengine.fix.venue import Sender, plan
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import ExecutionReport, MiscFee, encode, encode_event, report_head
from fixengine.network.line import REPORT_COLUMNS
from fixengine.network.values import FEES, packed
from fixengine.wire import Framer, LocalProtocolError, Message, Plan, RemoteProtocolError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_plan import ROWS, read

from bench import corpus
from bench.corpus import Field

REPORTS = plan(BINANCE_SPOT, fields.EXECUTION_REPORT, Sender.VENUE, REPORT_COLUMNS)
COLUMNS = ("offset", "cl_ord_id", "nowhere", "fees", "symbol", "interval", "raw_data", "aggressor")
PLAN = Plan("Report", ROWS, COLUMNS, (8, 9, 35, 49, 56, 52, 10))
HEAD = bytes([0x90 + len(COLUMNS) + 1])

words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
lengths = st.sampled_from([1, 31, 32, 255, 256, 65_535, 65_536])
texts = words | lengths.map(lambda n: "x" * n)
unicode_texts = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1)
edges = st.sampled_from([2**n + k for n in (5, 7, 8, 15, 16, 31, 32, 62) for k in (-1, 0, 1)])
numbers = st.integers(-(2**63), 2**63 - 1) | edges | edges.map(lambda n: -n)
fees = st.lists(st.tuples(st.just("1.5"), unicode_texts, st.none() | st.just("4")), max_size=20)


@st.composite
def bodies(draw: st.DrawFn) -> list[Field]:
    """Fields of a message, any of them, and some that no plan knows."""
    body: list[Field] = []
    for tag, values in ((11, texts), (55, unicode_texts | texts), (108, numbers), (211, None)):
        if draw(st.booleans()):
            body.append((tag, "-0.50" if values is None else draw(values)))
    if draw(st.booleans()):
        data = draw(st.binary(min_size=1, max_size=300))
        body += [(95, len(data)), (96, data)]
    if draw(st.booleans()):
        drawn = draw(fees)
        body.append((136, len(drawn)))
        for amount, currency, kind in drawn:
            body += [(137, amount), (138, currency)]
            body += [] if kind is None else [(139, kind)]
    return body + [(tag, draw(words)) for tag in draw(st.lists(st.sampled_from([9001, 70_000])))]


def expected(message: Message) -> list[object]:
    """What is packed: an absent group is an empty array."""
    values = dict(zip(COLUMNS, message.values(), strict=True))
    values["fees"] = values["fees"] or ()
    return [*values.values(), message.extra]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bodies())
def test_it_is_what_msgspec_writes_of_the_values(body: list[Field]) -> None:
    message = read(*body, plan=PLAN)
    assert message.pack(HEAD, b"") == encode(expected(message))


def test_a_report_is_that_of_its_event() -> None:
    framer = Framer()
    for frame in corpus.ermix():
        framer.feed(frame)
        report = REPORTS.read(next(framer))
        head = 1 << 40, 3, "SESSION", False, 12_345, "own", None, "wire", None
        values = list(report.values())
        values[FEES] = tuple(MiscFee(*fee) for fee in values[FEES] or ())
        event = ExecutionReport(*[*head, *values, tuple(report.extra), "WOULD_MATCH"])
        tail = encode("WOULD_MATCH")
        payload = report.pack(report_head(*head), tail)
        assert payload == encode_event(event, 1 << 40)
        assert payload == packed(report, report_head(*head), tail), "the plain twin"
        assert msgspec.msgpack.decode(payload, type=ExecutionReport) == event


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([(55, "S"), (108, "x")], "malformed"),
        ([(136, 2), (137, "1"), (138, "B")], "group"),
        ([(55, b"\xff")], "malformed"),
        ([(11, "")], "empty"),
    ],
)
def test_it_raises_as_values_does(body: list[Field], reason: str) -> None:
    message = read(*body, plan=PLAN)
    for use in (message.values, lambda: message.pack(HEAD, b"")):
        with pytest.raises(RemoteProtocolError) as caught:
            use()
        assert caught.value.reason == reason


def test_a_message_that_is_no_longer_valid_is_not_packed() -> None:
    framer = Framer()
    framer.feed(corpus.er())
    report = REPORTS.read(next(framer))
    framer.feed(corpus.er())
    with pytest.raises(LocalProtocolError, match="after the framer's next feed"):
        report.pack(b"", b"")
