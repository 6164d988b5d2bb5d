"""Whom the TLS connection talks to: what it verifies, and what of a cut-off stream it believes.

Whatever carries TLS has to pass these.
"""

from __future__ import annotations

import asyncio
import datetime
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from fixengine import wire
from fixengine.network import transport
from fixengine.simulator import pki
from scripted_venue import WAIT_S, Acceptor, Peer

LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def connect(
    acceptor: Acceptor,
    ca_file: Path,
    server_name: str = "localhost",
    play: Callable[[Peer], None] = lambda peer: None,
) -> tuple[int, str]:
    """Connect, let the peer play; how many bytes came before the end, and how it ended."""

    def accept() -> None:
        try:
            peer = acceptor.accept()
        except (ssl.SSLError, ConnectionError):
            return
        play(peer)

    async def main() -> tuple[int, str]:
        count = 0
        lost: asyncio.Queue[str] = asyncio.Queue()

        class Counting(transport.TlsTransport):
            def buffer_updated(self, nbytes: int) -> None:
                nonlocal count
                count += nbytes
                super().buffer_updated(nbytes)

        one = Counting(wire.Framer(), lambda: None, lost.put_nowait)
        place = "127.0.0.1", acceptor.place.port, transport.tls_context(ca_file), server_name
        accepted = asyncio.create_task(asyncio.to_thread(accept))
        try:
            await transport.connect(one, *place, WAIT_S)
            reason = await asyncio.wait_for(lost.get(), WAIT_S)
            return count, reason
        finally:
            await accepted

    try:
        return uvloop.run(main())
    finally:
        acceptor.close()


def close(peer: Peer) -> None:
    peer.socket.close()


def test_a_chain_of_another_authority_is_refused(tmp_path: Path) -> None:
    other = pki.ensure(tmp_path / "other", datetime.datetime.now(datetime.UTC))
    with pytest.raises(transport.ConnectError, match="certificate was not accepted for localhost"):
        connect(Acceptor(tmp_path / "venue"), other.ca_file, play=close)


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    acceptor = Acceptor(tmp_path / "venue")
    with pytest.raises(transport.ConnectError, match=r"not accepted for venue\.example: Hostname"):
        connect(acceptor, acceptor.place.ca_file, "venue.example", play=close)


def test_a_certificate_that_has_run_out_is_refused(tmp_path: Path) -> None:
    old = pki.ensure(tmp_path / "old", LONG_AGO)

    def use_old(context: ssl.SSLContext) -> None:
        context.load_cert_chain(old.server_certificate_file, old.server_key_file)

    with pytest.raises(transport.ConnectError, match="certificate has expired"):
        connect(Acceptor(tmp_path / "venue", tls=use_old), old.ca_file, play=close)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
def test_a_peer_older_than_tls_1_2_is_refused(tmp_path: Path) -> None:
    def be_old(context: ssl.SSLContext) -> None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    acceptor = Acceptor(tmp_path / "venue", tls=be_old)
    with pytest.raises(transport.ConnectError, match=r"TLS handshake: .*protocol version"):
        connect(acceptor, acceptor.place.ca_file, play=close)


def test_the_name_is_asked_for_and_what_was_said_before_the_end_comes(tmp_path: Path) -> None:
    asked: list[str | None] = []

    def listen(context: ssl.SSLContext) -> None:
        context.sni_callback = lambda _, name, __: asked.append(name)

    def say(peer: Peer) -> None:
        peer.socket.sendall(b"8=FIX.4.4")
        peer.socket.close()

    acceptor = Acceptor(tmp_path / "venue", tls=listen)
    assert connect(acceptor, acceptor.place.ca_file, play=say) == (9, "connection closed")
    assert asked == ["localhost"]


@pytest.mark.parametrize("cut", [b"\x17\x03\x03\x01\x00" + bytes(10), b"\x17\x03"])
def test_nothing_of_a_record_that_is_cut_off_is_believed(tmp_path: Path, cut: bytes) -> None:
    def say(peer: Peer) -> None:
        peer.socket.sendall(b"8=FIX.4.4")
        with socket.socket(fileno=os.dup(peer.socket.fileno())) as raw:
            raw.sendall(cut)
        peer.socket.close()

    acceptor = Acceptor(tmp_path / "venue")
    count, reason = connect(acceptor, acceptor.place.ca_file, play=say)
    assert count == 9
    assert reason.startswith("connection ")


def test_a_record_that_was_forged_ends_the_connection(tmp_path: Path) -> None:
    def say(peer: Peer) -> None:
        peer.socket.sendall(b"8=FIX.4.4")
        with socket.socket(fileno=os.dup(peer.socket.fileno())) as raw:
            raw.sendall(b"\x17\x03\x03\x00\x40" + bytes(64))

    acceptor = Acceptor(tmp_path / "venue")
    count, reason = connect(acceptor, acceptor.place.ca_file, play=say)
    assert count in (0, 9)  # read together, what came before it goes with it
    assert reason.startswith("connection lost: ")
