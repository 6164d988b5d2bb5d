"""Limits and drop copy of the built-in venue, seen on the wire by a foreign client over TLS."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from test_faults import Controlled, logon
from test_simulator import Client, running

pytestmark = pytest.mark.quick


def pairs_of(client: Client) -> list[tuple[str, str]]:
    """The entries of the last message's limit group: LimitType and LimitCount."""
    fields = [field.split(b"=", 1) for field in client.frames[-1].split(b"\x01")[:-1]]
    kinds = [value.decode() for tag, value in fields if tag == b"25004"]
    counts = [value.decode() for tag, value in fields if tag == b"25005"]
    return list(zip(kinds, counts, strict=True))


def test_limit_query(tmp_path: Path) -> None:
    with running(tmp_path) as venue:
        client = venue.logon("LIMITS", replace={25036: 2})
        client.order("l0")
        client.expect(t150="0", t11="l0")
        client.send("XLQ", [(6136, "q1")])
        message = client.expect(t35="XLR", t6136="q1", t25003="3")
        counted = dict(pairs_of(client)[:1])
        # The window may have turned between the order and the query.
        assert counted["2"] in ("1", "2")
        assert [kind for kind, _ in pairs_of(client)] == ["2", "1", "1"]
        assert pairs_of(client)[2] == ("1", "1")
        assert (message[25006], message[25007], message[25008]) == ("200000", "1", "d")
        client.logout()


def drop_copy(one: Controlled, comp_id: str, **replace: object) -> Client:
    """A connection to the drop copy port, its Logon sent."""
    listening = one.venue.listening
    port = listening["port"]
    listening["port"] = listening["drop_copy_port"]
    try:
        client = one.venue.connect(comp_id)
    finally:
        listening["port"] = port
    client.logon({108: 60} | {int(tag[1:]): value for tag, value in replace.items()})
    return client


def test_drop_copy(tmp_path: Path) -> None:
    path = tmp_path / "control"
    options = ("--time-scale", "4", "--limits", "off", "--drop-copy-port", "0")
    with running(tmp_path / "state", *options) as venue:
        one = Controlled(venue, path)
        copy = drop_copy(one, "COPY", t9406="Y")
        copy.expect(t35="A", t34="1")
        client = logon(one, "ORDERS")
        begun = time.monotonic()
        client.order("p0")
        report = client.expect(t150="0", t11="p0")
        client.order("bad", t38="0")
        client.expect(t150="8")
        client.cancel("p1", t41="p0")
        client.expect(t150="4")
        copied = copy.expect(t35="8", t34="2", t150="0", t11="p0", t17=report[17])
        assert time.monotonic() - begun >= 0.24
        assert copied[60] == report[60]
        copy.expect(t35="8", t34="3", t150="4", t11="p1")
        copy.order("p2")
        copy.expect(t35="3", t25016="-1183", t372="D")
        copy.send("XLQ", [(6136, "q")])
        copy.expect(t35="XLR", t25003="1", t25004="2")
        client.logout()
        copy.logout()
        refused = drop_copy(one, "COPY2")
        refused.expect(t35="3", t25016="-1185", t371="9406")
        refused.expect_close()


@pytest.mark.parametrize("rejects", [False, True])
def test_drop_copy_is_ended_at_its_61st_message(tmp_path: Path, rejects: bool) -> None:
    options = ("--drop-copy-port", "0", *(("--fault", "breach-rejects") if rejects else ()))
    with running(tmp_path / "state", *options) as venue:
        client = drop_copy(Controlled(venue, tmp_path / "none"), "FLOOD", t9406="Y")
        client.expect(t35="A")
        # The window is aligned to the clock: one that begins while they are sent lets them pass.
        for _ in range(121):
            client.send("0", [])
        text = "Too many messages; current limit is '60' messages per '60 SECOND'."
        if rejects:
            client.expect(t35="3", t25016="-1181", t58=text)
        client.expect(t35="5", t58=text)
        client.expect_close()
