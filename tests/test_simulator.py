"""The built-in venue as a process, over TLS, seen by a client that shares no code with it.

Messages are built by hand and read with simplefix; the Logon is signed here. Nothing sleeps: each
test waits for what the venue sends, for its close, or for the end of its process.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import simplefix
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fixengine.fix import fields
from fixengine.fix.venue import Sender
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.simulator.requests import ANSWER_KINDS
from fixengine.simulator.venue import UNLIMITED, play

SOH = b"\x01"
WAIT_S = 20.0
UNICODE_SYMBOL = "这是测试币456"
Pairs = list[tuple[int, object]]


LIST: dict[int, object] = {25014: "l", 1385: "1", 73: 1, 11: "o1", 55: "BTCUSDT", 54: "1", 40: "1"}
"""A list of one order, which is at the end so that more of it may follow."""


def frame(kind: str, pairs: Pairs, *, body_bytes: int | None = None, check_sum: int = 0) -> bytes:
    """A message by hand; body_bytes and check_sum falsify it."""
    body = b"35=" + kind.encode() + SOH
    for tag, value in pairs:
        body += b"%d=" % tag + (value if isinstance(value, bytes) else str(value).encode()) + SOH
    head = b"8=FIX.4.4\x019=%d\x01" % (len(body) if body_bytes is None else body_bytes)
    return head + body + b"10=%03d\x01" % ((sum(head + body) + check_sum) % 256)


class Venue:
    """A running `fixengine simulate`."""

    def __init__(self, state_dir: Path, *options: str) -> None:
        arguments = ["simulate", "--port", "0", "--json", "--state-dir", str(state_dir), *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fixengine", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate(timeout=WAIT_S)[1].decode())
        os.set_blocking(self.process.stdout.fileno(), False)
        self.clients: list[Client] = []
        self.listening: dict[str, Any] = orjson.loads(line)
        self.api_key = Path(self.listening["api_key_file"]).read_text().strip()
        pem = Path(self.listening["private_key_file"]).read_bytes()
        key = serialization.load_pem_private_key(pem, None)
        assert isinstance(key, Ed25519PrivateKey)
        self.key = key

    def event(self) -> dict[str, Any] | None:
        """The next event it has printed, if any."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return orjson.loads(line) if line else None

    def connect(self, comp_id: str, **options: Any) -> Client:
        """A TLS connection, not yet logged on."""
        client = Client(self, comp_id, **options)
        self.clients.append(client)
        return client

    def logon(self, comp_id: str, **options: Any) -> Client:
        """A session that is logged on."""
        client = self.connect(comp_id)
        client.logon(**options)
        answer = client.read()
        assert answer[35] == "A", answer
        return client

    def close_clients(self) -> None:
        """Close what is still open, without Logout."""
        while self.clients:
            self.clients.pop().socket.close()

    def stop(self) -> tuple[int, list[dict[str, Any]], str]:
        """SIGTERM; exit status, the events printed, stderr."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), True)
        out, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, [orjson.loads(x) for x in out.splitlines()], errors.decode()


class Client:
    """A foreign FIX client."""

    def __init__(self, venue: Venue, comp_id: str, server_name: str = "fix-oe.simulator") -> None:
        self.venue = venue
        self.comp_id = comp_id
        self.seq = 1
        self.frames: list[bytes] = []
        self._parser = simplefix.FixParser()
        self._tail = b""
        context = ssl.create_default_context(cafile=venue.listening["ca_file"])
        address = (venue.listening["host"], venue.listening["port"])
        raw = socket.create_connection(address, timeout=WAIT_S)
        try:
            self.socket = context.wrap_socket(raw, server_hostname=server_name)
        except ssl.SSLError:
            raw.close()
            raise

    def header(self, ahead_s: float = 0.0, seq: int | None = None) -> Pairs:
        """The header after 35; without seq the next number is taken and consumed."""
        if seq is None:
            seq = self.seq
            self.seq += 1
        now = datetime.now(UTC) + timedelta(seconds=ahead_s)
        stamp = now.strftime("%Y%m%d-%H:%M:%S.%f")
        return [(49, self.comp_id), (56, "SPOT"), (34, seq), (52, stamp)]

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self.socket.sendall(data)

    def send(self, kind: str, pairs: Pairs, **header: Any) -> None:
        """A message with a right header."""
        self.write(frame(kind, self.header(**header) + pairs))

    def logon(self, replace: dict[int, object] | None = None, **header: Any) -> None:
        """A signed Logon; replace changes or, with None, removes fields after signing."""
        head = self.header(**header)
        payload = SOH.join([b"A", *(str(value).encode() for _, value in head)])
        signature = base64.b64encode(self.venue.key.sign(payload))
        pairs: dict[int, object] = {95: 88, 96: signature, 98: 0, 108: 30, 141: "Y"}
        pairs |= {553: self.venue.api_key, 25035: 2}
        for tag, value in (replace or {}).items():
            pairs[tag] = value
        self.write(frame("A", head + [(t, v) for t, v in pairs.items() if v is not None]))

    def order(self, cl_ord_id: str, **changes: object) -> None:
        """A LIMIT GTC order to buy 0.001 BTCUSDT far below the market, with changes t38="2" etc."""
        pairs: dict[int, object] = {11: cl_ord_id, 38: "0.001", 40: "2", 44: "49000", 54: "1"}
        pairs |= {55: "BTCUSDT", 59: "1"}
        pairs |= {int(tag[1:]): value for tag, value in changes.items()}
        self.send("D", [(tag, value) for tag, value in pairs.items() if value is not None])

    def cancel(self, cl_ord_id: str, **changes: object) -> None:
        """An OrderCancelRequest for BTCUSDT."""
        pairs: dict[int, object] = {11: cl_ord_id, 55: "BTCUSDT"}
        pairs |= {int(tag[1:]): value for tag, value in changes.items()}
        self.send("F", list(pairs.items()))

    def read(self) -> dict[int, str]:
        """The next message as the last value of each tag; {} once the venue has closed."""
        while True:
            message = self._parser.get_message()
            if message is not None:
                pairs = [(int(tag), value) for tag, value in message.pairs]
                self.frames.append(message.encode(raw=True))
                return {tag: value.decode() for tag, value in pairs}
            data = self.socket.recv(65536)
            if not data:
                return {}
            self._parser.append_buffer(data)

    def expect(self, **tags: str) -> dict[int, str]:
        """The next message, which must have these values, such as t35="8"."""
        message = self.read()
        wanted = {int(tag[1:]): value for tag, value in tags.items()}
        assert {tag: message.get(tag) for tag in wanted} == wanted, message
        return message

    def expect_close(self) -> None:
        """The venue has nothing more to say and closes."""
        assert self.read() == {}

    def logout(self) -> None:
        """The orderly end."""
        self.send("5", [])
        self.expect(t35="5", t58="Logout acknowledgment.")
        self.expect_close()
        self.socket.close()


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """A venue without limits that all tests share; each uses SenderCompIDs of its own."""
    with running(tmp_path_factory.mktemp("venue"), "--limits", "off", "--time-scale", "10") as one:
        yield one


@pytest.fixture(autouse=True)
def clients_end_with_their_test(venue: Venue) -> Iterator[None]:
    yield
    venue.close_clients()


@contextlib.contextmanager
def running(state_dir: Path, *options: str) -> Iterator[Venue]:
    """A venue of one test."""
    started = Venue(state_dir, *options)
    try:
        yield started
    finally:
        started.close_clients()
        if started.process.poll() is None:
            status, _, errors = started.stop()
            assert (status, errors) == (0, "")
        for pipe in (started.process.stdout, started.process.stderr):
            if pipe is not None:
                pipe.close()


# --- the orderly life of a session ------------------------------------------------------------


def test_logon_is_answered_as_the_venue_does(venue: Venue) -> None:
    client = venue.connect("LOGON")
    client.logon({108: 7})
    answer = client.expect(t35="A", t34="1", t49="SPOT", t56="LOGON", t98="0", t108="7")
    assert list(answer)[2:7] == [35, 49, 56, 34, 52]
    assert len(answer[25037]) == 36
    client.logout()


def test_each_name_of_the_certificate_is_accepted_and_no_other(venue: Venue) -> None:
    venue.connect("NAME", server_name="localhost").socket.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        venue.connect("NAME", server_name="fix-oe.binance.com")


def test_heartbeats_and_test_requests(venue: Venue) -> None:
    client = venue.logon("BEAT", replace={108: 5})
    client.send("1", [(112, "are you there? a=b")])
    client.expect(t35="0", t112="are you there? a=b")
    # A HeartBtInt lasts half a second at this time scale. A client that is heard more often than
    # that gets the venue's own heartbeats; one that is silent is asked.
    client.socket.settimeout(0.2)
    while True:
        try:
            message = client.read()
        except TimeoutError:
            client.send("0", [])
        else:
            if message[35] == "0":
                break
            client.send("0", [(112, message[112])])
    assert 112 not in message
    client.socket.settimeout(WAIT_S)
    asked = client.expect(t35="1")
    client.send("0", [(112, asked[112])])
    client.expect(t35="1")
    client.logout()


def test_a_dead_client_is_logged_out(venue: Venue) -> None:
    client = venue.logon("DEAD", replace={108: 5})
    kinds = []
    while message := client.read():
        kinds.append(message[35])
    assert "1" in kinds
    assert kinds[-1] == "5"


def test_a_wrong_answer_to_a_test_request_does_not_count(venue: Venue) -> None:
    client = venue.logon("WRONG", replace={108: 5})
    kinds = []
    while message := client.read():
        kinds.append(message[35])
        if message[35] == "1":
            client.send("0", [(112, "something else")])
    assert kinds[-1] == "5"


# --- orders -----------------------------------------------------------------------------------


def test_an_order_its_fill_and_a_cancel(venue: Venue) -> None:
    client = venue.logon("ORDERS")
    client.order("o1")
    report = client.expect(t35="8", t150="0", t39="0", t11="o1", t38="0.00100000")
    # The field order of the venue's own capture.
    order = "35,49,56,34,52,17,11,37,38,40,54,55,44,59,60,25018,25001,150,14,151,25017,1057,32,39"
    captured = [int(tag) for tag in f"{order},636,25023".split(",")]
    assert list(report) == [8, 9, *captured, 10]
    assert report[60] <= report[52]
    client.order("o2", t44="50100", t38="0.5", t59="3")
    client.expect(t150="0", t11="o2")
    fill = client.expect(t150="F", t39="2", t31="50001.00000000", t32="0.50000000", t1057="Y")
    assert (fill[136], fill[137], fill[138], fill[139]) == ("1", "0.00050000", "BTC", "4")
    client.cancel("c1", t41="o1")
    client.expect(t150="4", t39="4", t11="c1", t41="o1", t37=report[37], t151="0.00000000")
    client.cancel("c2", t37=report[37])
    client.expect(t35="9", t11="c2", t37=report[37], t434="1", t25016="-2011")
    client.order("o3", t44="49000.001")
    client.expect(t150="8", t39="8", t11="o3", t25016="-1013", t58="Filter failure: PRICE_FILTER")
    client.logout()


def test_a_symbol_that_is_not_ascii(venue: Venue) -> None:
    client = venue.logon("UNICODE")
    client.order("o1", t55=UNICODE_SYMBOL, t40="1", t38="10", t44=None, t59=None)
    client.expect(t150="0", t55=UNICODE_SYMBOL)
    client.expect(t150="F", t138="这是测试币")
    client.logout()


def test_the_house_fills_an_order_inside_its_spread(venue: Venue) -> None:
    client = venue.logon("HOUSE")
    client.order("o1", t44="50000.50", t38="0.01")
    client.expect(t150="0", t11="o1")
    client.expect(t150="F", t39="2", t11="o1", t31="50000.50000000", t1057="N")
    client.logout()


def test_every_session_of_the_account_gets_what_succeeds(venue: Venue) -> None:
    one, two = venue.logon("ONE"), venue.logon("TWO")
    acks = venue.logon("ACKS", replace={25036: 2})
    one.order("refused", t38="0")
    one.expect(t150="8", t11="refused")
    one.order("both")
    report = one.expect(t150="0", t11="both")
    same = two.expect(t150="0", t11="both", t56="TWO", t34="2")
    body = [tag for tag in report if tag not in (8, 9, 56, 34, 52, 10)]
    assert [report[tag] for tag in body] == [same[tag] for tag in body]
    acks.order("quiet", t44="50100", t59="3")
    acks.expect(t150="0", t11="quiet", t34="2")
    for client in (one, two):
        client.expect(t150="0", t11="quiet")
        client.expect(t150="F", t11="quiet")
    acks.cancel("away", t41="both")
    acks.expect(t150="4", t11="away", t41="both", t34="3")
    for client in (one, two):
        client.expect(t150="4", t11="away", t41="both")
    for client in (one, two, acks):
        client.logout()


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replace", "header", "code", "reason", "tag"),
    [
        ({96: "A" * 86 + "=="}, {}, "-1022", "8", "96"),
        ({96: "!" * 88}, {}, "-1022", "8", "96"),
        ({553: "x" * 64}, {}, "-2015", "99", "553"),
        ({}, {"ahead_s": 2.0}, "-1021", "10", "52"),
        ({}, {"ahead_s": -6.0}, "-1021", "10", "52"),
        ({}, {"seq": 2}, "-1179", "99", "34"),
        ({108: 4}, {}, "-1130", "5", "108"),
        ({108: 61}, {}, "-1130", "5", "108"),
        ({108: "x"}, {}, "-1102", "6", "108"),
        ({141: "N"}, {}, "-1175", "5", "141"),
        ({98: 1}, {}, "-1130", "5", "98"),
        ({25035: None}, {}, "-1102", "1", "25035"),
        ({25035: 3}, {}, "-1130", "5", "25035"),
        ({25036: 3}, {}, "-1130", "5", "25036"),
        ({9406: "Y"}, {}, "-1184", "99", "9406"),
        ({95: 87}, {}, "-1177", "6", "95"),
        ({43: "Y"}, {}, "-1103", "3", "43"),
        ({11: "x"}, {}, "-1170", "2", "11"),
    ],
)
def test_a_logon_that_is_wrong_is_refused_with_one_reject(
    venue: Venue,
    replace: dict[int, object],
    header: dict[str, Any],
    code: str,
    reason: str,
    tag: str,
) -> None:
    client = venue.connect("REFUSED")
    client.logon(replace, **header)
    client.expect(t35="3", t34="1", t25016=code, t373=reason, t371=tag, t372="A")
    client.expect_close()
    # A refused attempt leaves no quarantine.
    venue.logon("REFUSED").logout()


@pytest.mark.parametrize(
    ("comp_id", "target", "code", "answers"),
    [
        ("TOO_LONG_ID", "SPOT", "-1178", "UNKNOWN"),
        ("SP ACE", "SPOT", "-1178", "UNKNOWN"),
        ("é", "SPOT", "-1178", "UNKNOWN"),
        ("OK", "SPAT", "-1130", "OK"),
    ],
)
def test_comp_ids_have_rules(
    venue: Venue, comp_id: str, target: str, code: str, answers: str
) -> None:
    client = venue.connect(comp_id)
    head = [(tag, target if tag == 56 else value) for tag, value in client.header()]
    payload = SOH.join([b"A", *(str(value).encode() for _, value in head)])
    signature = base64.b64encode(venue.key.sign(payload))
    options: Pairs = [(95, 88), (96, signature), (98, 0), (108, 30), (141, "Y")]
    client.write(frame("A", [*head, *options, (553, venue.api_key), (25035, 2)]))
    client.expect(t35="3", t25016=code, t56=answers)
    client.expect_close()


def test_the_first_message_must_be_a_logon_and_there_is_only_one(venue: Venue) -> None:
    client = venue.connect("FIRST")
    client.send("0", [])
    client.expect(t35="3", t25016="-1180", t372="0")
    client.expect_close()
    client = venue.logon("FIRST")
    client.logon()
    client.expect(t35="3", t25016="-1176", t372="A", t45="2")
    client.order("o1")
    client.expect(t150="0")
    client.cancel("c1", t41="o1")
    client.expect(t150="4")
    client.logout()


def test_sequence_and_names_are_checked_and_the_session_goes_on(venue: Venue) -> None:
    client = venue.logon("SEQ")
    for wrong in (1, 3):
        client.send("0", [], seq=wrong)
        client.expect(
            t35="3",
            t25016="-1179",
            t45=str(wrong),
            t58="MsgSeqNum(34) contains an unexpected value. Expected: '2'.",
        )
    client.comp_id = "OTHER"
    client.send("0", [])
    client.expect(t35="3", t25016="-1178", t45="2", t371="49", t56="SEQ")
    client.comp_id = "SEQ"
    client.send("1", [(112, "x")])
    client.expect(t35="0", t112="x")
    client.logout()


def test_the_clock_rule_of_an_order_is_its_recv_window(venue: Venue) -> None:
    client = venue.logon("CLOCK")

    def order(cl_ord_id: str, age_s: float, window: str | None) -> None:
        window_pairs: Pairs = [] if window is None else [(25000, window)]
        body: Pairs = [(11, cl_ord_id), (38, "0.001"), (40, "2"), (44, "49000"), (54, "1")]
        body += [(55, "BTCUSDT"), (59, "3")]
        client.write(frame("D", client.header(ahead_s=-age_s) + window_pairs + body))

    order("o1", 60.0, None)
    client.expect(t150="0", t11="o1")
    client.expect(t150="C", t11="o1")
    order("o2", 3.0, "2999.5")
    client.expect(t35="3", t25016="-1021", t373="10", t45="3", t372="D")
    order("o3", -1.5, None)
    client.expect(
        t35="3",
        t25016="-1021",
        t58="Timestamp for this request was 1000ms ahead of the server's time.",
    )
    order("o4", 0.0, "60000.001")
    client.expect(t35="3", t25016="-1102", t371="25000")
    order("o5", 0.0, "60000.000")
    client.expect(t150="0", t11="o5")
    client.expect(t150="C", t11="o5")
    client.logout()


@pytest.mark.parametrize(
    ("kind", "changes", "code", "reason", "tag"),
    [
        ("D", {43: "Y"}, "-1103", "3", "43"),
        ("D", {60: "20240101-00:00:00"}, "-1170", "2", "60"),
        ("D", {25014: "list"}, "-1170", "2", "25014"),
        ("D", {11: None}, "-1102", "1", "11"),
        ("D", {55: None}, "-1102", "1", "55"),
        ("D", {38: "1e3"}, "-1102", "6", "38"),
        ("D", {44: "-1"}, "-1102", "6", "44"),
        ("D", {40: "9"}, "-1116", "5", "40"),
        ("D", {54: "3"}, "-1117", "5", "54"),
        ("D", {59: "0"}, "-1115", "5", "59"),
        ("D", {18: "1"}, "-1130", "5", "18"),
        ("D", {25001: "9"}, "-1130", "5", "25001"),
        ("D", {11: "not allowed"}, "-1100", "5", "11"),
        ("D", {11: "x" * 37}, "-1100", "5", "11"),
        ("D", {11: "ключ"}, "-1177", "6", "11"),
        ("D", {7940: "abc"}, "-1102", "6", "7940"),
        ("D", {55: "NOPE"}, "-1121", "5", "55"),
        ("D", {44: "1.123456789"}, "-1111", "99", "44"),
        ("D", {44: None}, "-1102", "1", "44"),
        ("F", {}, "-1102", "1", "37"),
        ("F", {37: "12x"}, "-1102", "6", "37"),
        ("F", {41: "o1", 25002: "3"}, "-1145", "5", "25002"),
        ("F", {41: "o1", 66: "3"}, "-1128", "99", "66"),
        ("XCN", {40: "2", 54: "1", 25033: "1", 25034: "no id"}, "-1100", "5", "25034"),
        ("E", {25014: None}, "-1102", "1", "25014"),
        ("E", {25014: "no id"}, "-1100", "5", "25014"),
        ("E", {1385: "3"}, "-1130", "5", "1385"),
        ("E", {}, "-1188", "16", "73"),
        ("E", {73: 2}, "-1188", "16", "73"),
        ("E", {11: "no id"}, "-1100", "5", "11"),
        ("E", {54: "3"}, "-1117", "5", "54"),
        ("E", {54: None}, "-1102", "1", "54"),
        ("E", {25010: 1, 25011: "9", 25012: 0, 25013: "1"}, "-1130", "5", "25011"),
        ("E", {25010: 1, 25011: "1", 25012: 0}, "-1102", "1", "25013"),
        ("E", {25010: 2, 25011: "1", 25012: 0, 25013: "1"}, "-1188", "16", "25010"),
        ("E", {25010: 1, 25012: 0, 25011: "1", 25013: "1"}, "-1173", "15", "25010"),
        ("V", {}, "-1186", "99", "35"),
        ("2", {7: 1}, "-1130", "5", "35"),
    ],
)
def test_a_message_that_is_wrong_is_rejected_and_the_session_goes_on(
    venue: Venue, kind: str, changes: dict[int, object], code: str, reason: str, tag: str
) -> None:
    client = venue.logon("WRONGMSG")
    pairs: dict[int, object] = {11: "o1", 55: "BTCUSDT"}
    if kind == "D":
        pairs |= {38: "0.001", 40: "2", 44: "49000", 54: "1", 59: "1"}
    if kind == "E":
        pairs = dict(LIST)
    pairs |= changes
    client.send(kind, [(t, v) for t, v in pairs.items() if v is not None])
    client.expect(t35="3", t25016=code, t373=reason, t371=tag, t45="2", t372=kind)
    client.send("1", [(112, "x")])
    client.expect(t35="0", t112="x")
    client.logout()


@pytest.mark.parametrize("kind", ["8", "9", "N", "r", "XAR", "XLR", "W", "U7"])
def test_a_message_that_no_client_sends_is_refused(venue: Venue, kind: str) -> None:
    client = venue.logon("NOTMINE")
    client.send(kind, [(11, "o1"), (55, "BTCUSDT")])
    client.expect(t35="3", t25016="-1130", t373="5", t371="35", t45="2", t372=kind)
    client.logout()


def test_what_the_built_in_venue_plays_is_in_the_table() -> None:
    for sender, kinds in ((Sender.CLIENT, fields.REQUEST_KINDS), (Sender.VENUE, ANSWER_KINDS)):
        played = {
            layout.kind
            for layout in BINANCE_SPOT.layouts
            if not layout.admin and BINANCE_SPOT.plays(layout.kind, sender)
        }
        assert set(kinds) - {b"B"} <= played


def test_a_repeated_tag_and_an_empty_value(venue: Venue) -> None:
    client = venue.logon("TWICE")
    order: Pairs = [(11, "o1"), (38, "1"), (40, "1"), (54, "1"), (55, "BTCUSDT")]
    client.send("D", [*order, (38, "2")])
    client.expect(t35="3", t25016="-1171", t373="13", t371="38", t45="2")
    client.send("D", [*order, (44, "")])
    client.expect(t35="3", t25016="-1177", t373="6", t371="44", t45="3")
    client.logout()


@pytest.mark.parametrize(
    ("kind", "body", "code", "reason", "tag"),
    [
        ("1", [], "-1102", "1", "112"),
        ("0", [(9999, "x")], "-1103", "3", "9999"),
        ("1", [(112, "x"), (38, "1")], "-1170", "2", "38"),
        ("0", [(43, "N")], "-1103", "3", "43"),
        ("0", [(49, "ADMIN")], "-1171", "13", "49"),
        ("0", [(25000, "70000")], "-1102", "6", "25000"),
        ("1", [(112, "é")], "-1177", "6", "112"),
        ("5", [(38, "1")], "-1170", "2", "38"),
        ("B", [(148, "news")], "-1130", "5", "35"),
    ],
)
def test_administrative_messages_are_checked_like_any_other(
    venue: Venue, kind: str, body: Pairs, code: str, reason: str, tag: str
) -> None:
    client = venue.logon("ADMIN")
    client.send(kind, body)
    client.expect(t35="3", t25016=code, t373=reason, t371=tag, t45="2", t372=kind)
    # A Reject is the one thing that is never answered, whatever is wrong with it.
    client.send("3", [(9999, "x")])
    client.send("1", [(112, "x")])
    client.expect(t35="0", t112="x")
    client.logout()


@pytest.mark.parametrize(
    ("tag", "value", "code", "reason", "text"),
    [
        (49, None, "-1102", "1", "Required tag '49' missing."),
        (56, None, "-1102", "1", "Required tag '56' missing."),
        (52, None, "-1102", "1", "Required tag '52' missing."),
        (34, None, "-1102", "1", "Required tag '34' missing."),
        (52, "2026", "-1102", "6", "Value of tag '52' is malformed."),
        (34, "two", "-1102", "6", "Value of tag '34' is malformed."),
        (25000, "abc", "-1102", "6", "Value of tag '25000' is malformed."),
    ],
)
def test_the_header_is_checked_field_by_field(
    venue: Venue, tag: int, value: str | None, code: str, reason: str, text: str
) -> None:
    client = venue.logon("HEADER")
    pairs: dict[int, object] = dict(client.header())
    pairs[tag] = value
    head: Pairs = [(one, value) for one, value in pairs.items() if value is not None]
    client.write(frame("1", [*head, (112, "x")]))
    told = client.expect(t35="3", t25016=code, t373=reason, t371=str(tag), t372="1", t58=text)
    assert told.get(45) == (None if tag == 34 else "2")
    if tag == 34:
        client.seq = 2  # what cannot be read uses up no number
    client.send("1", [(112, "y")])
    client.expect(t35="0", t112="y")
    client.logout()


@pytest.mark.parametrize("field", [b"abc=3", b"=3", b"011=x", b"no field"])
def test_a_tag_that_is_no_number_is_told(venue: Venue, field: bytes) -> None:
    client = venue.logon("TAGNUM")
    stamp = [*client.header(), (112, b"x\x01" + field)]
    client.write(frame("1", stamp))
    client.expect(t35="3", t25016="-1169", t373="0", t45="2", t372="1", t58="Invalid tag number.")
    client.send("1", [(112, "y")])
    client.expect(t35="0", t112="y")
    client.logout()


def test_a_signature_that_is_not_behind_its_length_is_out_of_order(venue: Venue) -> None:
    client = venue.connect("ORDER9X")
    head = client.header()
    payload = SOH.join([b"A", *(str(value).encode() for _, value in head)])
    signature = base64.b64encode(venue.key.sign(payload))
    rest: Pairs = [(98, 0), (96, signature), (108, 30), (141, "Y"), (553, venue.api_key)]
    client.write(frame("A", [*head, (95, 88), *rest, (25035, 2)]))
    text = "Tag '95' specified out of required order."
    client.expect(t35="3", t25016="-1172", t373="14", t371="95", t372="A", t58=text)
    client.expect_close()


def test_a_wrong_check_sum_is_told_and_uses_up_its_number(venue: Venue) -> None:
    client = venue.logon("SUM")
    client.write(frame("0", client.header(), check_sum=1))
    client.expect(t35="3", t25016="-1177", t373="6", t45="2", t372="0")
    # A wrong sum under a wrong number leaves the expectation alone.
    client.write(frame("0", client.header(seq=9), check_sum=1))
    client.expect(t35="3", t25016="-1177", t45="9", t372="0")
    # A number within another field's data is not the message's own.
    client.write(frame("0", [(112, "34=3"), *client.header(seq=9)], check_sum=1))
    client.expect(t35="3", t25016="-1177", t45="9")
    client.send("1", [(112, "x")])
    client.expect(t35="0", t112="x")
    client.logout()


def test_lost_framing_ends_the_session_with_a_word(venue: Venue) -> None:
    client = venue.logon("FRAMING")
    client.write(frame("0", client.header(), body_bytes=20))
    client.expect(t35="3", t25016="-1177")
    client.expect(t35="5")
    client.expect_close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: venue\r\n\r\n",
        frame("A", [(49, "X")], check_sum=1),
    ],
)
def test_garbage_before_the_logon_is_closed_without_a_word(venue: Venue, garbage: bytes) -> None:
    client = venue.connect("GARBAGE")
    client.write(garbage)
    client.expect_close()


def test_a_silent_connection_is_closed(venue: Venue) -> None:
    venue.connect("SILENT").expect_close()


def test_what_does_not_speak_tls_disturbs_nobody(venue: Venue) -> None:
    address = (venue.listening["host"], venue.listening["port"])
    with socket.create_connection(address, timeout=WAIT_S) as raw:
        raw.sendall(b"8=FIX.4.4\x01" * 100)
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(4096):
                pass
    venue.logon("AFTER").logout()


def test_a_comp_id_is_taken_while_in_use_and_in_quarantine_after_an_unclean_end(
    venue: Venue,
) -> None:
    first = venue.logon("TAKEN", replace={108: 5})
    second = venue.connect("TAKEN")
    second.logon()
    second.expect(t35="3", t25016="-1033", t371="49")
    second.expect_close()
    # After a clean end it is free at once, before TCP is closed.
    first.send("5", [])
    first.expect(t35="5")
    second = venue.logon("TAKEN")
    second.logout()
    first.expect_close()
    first = venue.logon("TAKEN", replace={108: 5})
    first.socket.close()
    refused = 0
    deadline = time.monotonic() + WAIT_S
    while True:
        again = venue.connect("TAKEN")
        again.logon()
        answer = again.read()
        if answer[35] == "A":
            break
        assert (answer[25016], time.monotonic() < deadline) == ("-1033", True)
        refused += 1
    assert refused > 0
    again.logout()


# --- limits -----------------------------------------------------------------------------------


def test_limits_and_time_scale_are_data_of_the_table() -> None:
    real, scaled, off = (play(*how) for how in (("venue", 1), ("venue", 100), ("off", 1)))
    for role in ("order_entry", "drop_copy"):
        assert real.limits(role) == BINANCE_SPOT.profiles[role].limits
    assert scaled.limits("order_entry").messages == (10_000, 100_000_000, "10 SECOND")
    assert scaled.limits("order_entry").connection_attempts.interval_ns == 300_000_000
    assert [window.interval_ns for window in scaled.limits("order_entry").unfilled_orders] == [
        100_000_000,
        864_000_000_000,
    ]
    assert scaled.second_ns == 10_000_000
    assert scaled.venue.profiles["drop_copy"].lag_ns == 10_000_000
    free = off.limits("order_entry")
    assert (free.messages.count_max, free.connections_max) == (UNLIMITED, UNLIMITED)
    assert {window.count_max for window in free.unfilled_orders} == {UNLIMITED}
    assert (real.limited, off.limited) == (True, False)


def test_limits_hold_when_they_are_on(tmp_path: Path) -> None:
    with running(tmp_path) as limited:
        sessions, texts = [], []
        for number in range(60):
            client = limited.connect(f"L{number}")
            client.logon()
            answer = client.read()
            if answer[35] == "A":
                sessions.append(client)
                continue
            assert answer[25016] == "-1034"
            client.expect_close()
            if answer[58] not in texts:
                texts.append(answer[58])
            if len(texts) == 2:
                break
        assert len(sessions) == 10
        assert texts[0] == "Too many concurrent connections; current limit is '10'."
        assert texts[1].startswith("Too many connection attempts for account; current limit is 15")
        client = sessions[0]
        for number in range(500):
            client.order(f"o{number}", t59="3")
            answer = client.read()
            if answer[150] == "8":
                break
            client.expect(t150="C")
        assert (answer[25016], answer[58]) == (
            "-1015",
            "Too many new orders; current limit is 200 orders per 10 SECOND.",
        )
        flooder = sessions[1]
        message = {35: ""}
        for number in range(300):
            # Each lot is answered before the next, so that the venue is as far as we are.
            lot = [frame("0", flooder.header()) for _ in range(99)]
            lot.append(frame("1", [*flooder.header(), (112, f"lot {number}")]))
            flooder.write(b"".join(lot))
            while (message := flooder.read())[35] != "5" and message.get(112) != f"lot {number}":
                assert message[35] in ("8", "0")
            if message[35] == "5":
                break
        text = message.get(58)
        assert text == "Too many messages; current limit is '10000' messages per '10 SECOND'."


def test_a_client_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    with running(tmp_path, "--limits", "off") as one:
        deaf = one.logon("DEAF")
        busy = one.logon("BUSY", replace={25036: 2})
        event: dict[str, Any] | None = None
        orders = 0
        while orders < 60_000:
            lines = []
            for number in range(orders, orders + 400):
                pairs: Pairs = [(11, f"o{number:035d}"), (38, "0.001"), (40, "2"), (44, "49000")]
                pairs += [(54, "1"), (55, "BTCUSDT"), (59, "3")]
                lines.append(frame("D", busy.header() + pairs))
            busy.write(b"".join(lines))
            orders += 400
            heard = b""
            while heard.count(b"\x0110=") < 400:
                heard += busy.socket.recv(1 << 20)
            event = one.event()
            if event is not None and event["event"] == "cut_off":
                break
        assert event is not None
        assert (event["event"], event["session"]) == ("cut_off", "DEAF")
        with contextlib.suppress(ConnectionResetError):
            while deaf.socket.recv(1 << 20):
                pass
        busy.logout()


# --- the process ------------------------------------------------------------------------------


def test_the_record_holds_exactly_what_was_sent_and_survives_sigterm(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    with running(tmp_path / "state", "--record", str(record)) as one:
        clients = [one.logon("REC1"), one.logon("REC2")]
        clients[0].order("o1")
        clients[0].order("o2", t44="50100", t59="3")
        clients[0].cancel("c1", t41="o1")
        clients[0].cancel("c2", t41="nope")
        clients[0].order("bad", t55="NOPE")
        one.process.send_signal(signal.SIGTERM)
        heard = []
        for client in clients:
            while message := client.read():
                if message[35] in "89":
                    digest = hashlib.sha256(client.frames[-1]).hexdigest()
                    heard.append((client.comp_id, message, digest))
            assert client.frames[-1].split(b"\x0135=")[1].startswith(b"5")
        status, events, errors = one.stop()
        assert (status, errors) == (0, "")
    lines = [orjson.loads(line) for line in record.read_bytes().splitlines()]
    expected = [
        {
            "session": comp_id,
            "seq": int(message[34]),
            "kind": message[35],
            "exec_id": message.get(17),
            "trade_id": message.get(1003),
            "digest": digest,
        }
        for comp_id, message, digest in heard
    ]
    assert len(expected) == 5 + 4
    key = lambda line: (line["session"], line["seq"])  # noqa: E731
    assert sorted(lines, key=key) == sorted(expected, key=key)
    assert [event["event"] for event in events].count("lost") == 2


def command(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fixengine", "simulate", *options],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def test_what_cannot_start_says_so_in_one_line(venue: Venue, tmp_path: Path) -> None:
    port = str(venue.listening["port"])
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    for options, text in (
        (("--port", port, "--state-dir", str(tmp_path / "a")), "Address already in use"),
        (("--state-dir", str(open_to_all)), "a directory of your own"),
        (("--port", "0", "--state-dir", str(tmp_path / "b"), "--record", "/nowhere/x"), "--record"),
    ):
        done = command(*options)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
        assert text in done.stderr


def test_state_directory_is_relative_to_home_and_another_host_is_warned_about(
    tmp_path: Path,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "fixengine", "simulate", "--port", "0", "--host", "0.0.0.0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"HOME": str(tmp_path)},
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.terminate()
    _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert "0.0.0.0 is reachable from other machines" in errors
    assert str(tmp_path / ".local/state/fixengine/simulator/engine.toml") in line


def test_nobody_has_to_listen_to_what_it_prints(tmp_path: Path) -> None:
    with running(tmp_path) as one:
        assert one.process.stdout is not None
        one.process.stdout.close()
        for comp_id in ("QUIET1", "QUIET2"):
            one.logon(comp_id).logout()
        one.process.terminate()
        assert one.process.wait(WAIT_S) == 0
