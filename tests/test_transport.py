"""The TLS connection over real sockets: what the kernel is told to do with a dead link."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import resource
import socket
import weakref
from pathlib import Path
from typing import Any

import pytest
import uvloop
from fixengine import wire
from fixengine.network import transport
from fixengine.network.transport import USUAL, TcpOptions
from scripted_venue import NO_LINGER, WAIT_S, Acceptor

MORE_THAN_FITS = 8 << 20


async def connected(
    acceptor: Acceptor, lost: asyncio.Queue[str], tcp: TcpOptions = USUAL
) -> transport.TlsTransport:
    """A connection to a peer that has ended the handshake and reads nothing."""
    protocol = transport.TlsTransport(wire.Framer(), lambda: None, lost.put_nowait)
    context = transport.tls_context(acceptor.place.ca_file)
    port = acceptor.place.port
    await asyncio.gather(
        asyncio.to_thread(acceptor.accept),
        transport.connect(protocol, "127.0.0.1", port, context, "localhost", WAIT_S, tcp),
    )
    return protocol


def test_the_kernel_gives_up_a_connection_that_takes_nothing(
    tmp_path: Path,
) -> None:
    acceptor = Acceptor(tmp_path, receive_bytes=4096)

    async def play() -> str:
        lost: asyncio.Queue[str] = asyncio.Queue()
        protocol = await connected(acceptor, lost, TcpOptions(user_timeout_ms=300))
        protocol.write(bytes(MORE_THAN_FITS))
        return await asyncio.wait_for(lost.get(), WAIT_S)

    assert asyncio.run(play()) == "connection lost: Connection timed out"
    acceptor.close()


def test_a_connection_is_made_with_a_bound_for_what_is_not_acknowledged(tmp_path: Path) -> None:
    acceptor = Acceptor(tmp_path)

    async def play() -> int:
        protocol = await connected(acceptor, asyncio.Queue())
        with socket.fromfd(protocol._fd, socket.AF_INET, socket.SOCK_STREAM) as raw:
            value = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        protocol.abort()
        return value

    assert asyncio.run(play()) == 20_000
    acceptor.close()


def test_a_connection_looks_into_the_cards_queue_for_as_long_as_it_was_granted(
    tmp_path: Path,
) -> None:
    acceptor = Acceptor(tmp_path)
    with socket.socket() as fresh:
        before_us = fresh.getsockopt(socket.SOL_SOCKET, transport.SO_BUSY_POLL)
        # More than that takes a right that not everybody has.
        with contextlib.suppress(PermissionError):
            fresh.setsockopt(socket.SOL_SOCKET, transport.SO_BUSY_POLL, before_us + 17)
        granted_us = fresh.getsockopt(socket.SOL_SOCKET, transport.SO_BUSY_POLL)
    tcp = TcpOptions(user_timeout_ms=7000, busy_poll_us=granted_us)

    async def play() -> tuple[int, int]:
        protocol = await connected(acceptor, asyncio.Queue(), tcp)
        with socket.fromfd(protocol._fd, socket.AF_INET, socket.SOCK_STREAM) as raw:
            user_timeout_ms = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            busy_poll_us = raw.getsockopt(socket.SOL_SOCKET, transport.SO_BUSY_POLL)
        protocol.abort()
        return user_timeout_ms, busy_poll_us

    assert asyncio.run(play()) == tcp
    acceptor.close()


def test_what_is_unsent_is_asked_after_each_write_and_while_there_is_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acceptor = Acceptor(tmp_path, receive_bytes=4096)
    asked = 0
    ask = fcntl.ioctl

    def ioctl(*arguments: Any) -> int:
        nonlocal asked
        asked += 1
        return ask(*arguments)

    monkeypatch.setattr(transport.fcntl, "ioctl", ioctl)

    async def play() -> None:
        nonlocal asked
        protocol = await connected(acceptor, asyncio.Queue())
        while protocol.unsent():
            await asyncio.sleep(0)
        asked = 0
        assert (protocol.unsent(), protocol.unsent(), asked) == (0, 0, 0)
        protocol.write(b"little")
        while protocol.unsent():
            await asyncio.sleep(0)
        assert asked > 0
        protocol.write(bytes(MORE_THAN_FITS))
        asked = 0
        # Nobody reads.
        assert protocol.unsent() > 0
        assert protocol.unsent() > 0
        assert asked == 2
        protocol.abort()
        assert protocol.unsent() == -1

    try:
        uvloop.run(play())
    finally:
        acceptor.close()


def in_kernel(protocol: transport.TlsTransport) -> int:
    """Bytes that the kernel has not sent, whatever keeps them."""
    told = bytearray(transport.OUTQ.size)
    fcntl.ioctl(protocol._fd, transport.SIOCOUTQNSD, told)
    return int(transport.OUTQ.unpack(told)[0])


def in_flight(protocol: transport.TlsTransport) -> int:
    """Segments that wait for their acknowledgement."""
    with socket.fromfd(protocol._fd, socket.AF_INET, socket.SOCK_STREAM) as raw:
        size = transport.TCP_INFO_HEAD.size
        told = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size)
    return int(transport.TCP_INFO_HEAD.unpack(told)[2])


MANY = 5000
ORDER = bytes(150)


def test_what_waits_for_nothing_but_an_acknowledgement_does_not_count(tmp_path: Path) -> None:
    acceptor = Acceptor(tmp_path)

    async def play() -> None:
        protocol = await connected(acceptor, asyncio.Queue())
        for _ in range(MANY):
            protocol.write(ORDER)
            if in_kernel(protocol):
                break
        # More than the congestion window takes: the peer's system acknowledges after 40 ms.
        assert in_kernel(protocol) > 0
        assert protocol.unsent() == 0
        for _ in range(MANY):
            protocol.write(ORDER)
            if protocol.unsent():
                break
        assert protocol.unsent() > transport.CONGESTED_BYTES_MAX
        while protocol.unsent():
            await asyncio.sleep(0.001)
        protocol.abort()

    try:
        uvloop.run(play())
    finally:
        acceptor.close()


def test_what_a_peer_has_no_room_for_counts_to_the_byte(tmp_path: Path) -> None:
    acceptor = Acceptor(tmp_path, receive_bytes=4096)

    async def play() -> None:
        protocol = await connected(acceptor, asyncio.Queue())
        for _ in range(MANY):
            protocol.write(ORDER)
            while in_flight(protocol):
                await asyncio.sleep(0.001)
            if in_kernel(protocol):
                break
        assert 0 < in_kernel(protocol) < transport.CONGESTED_BYTES_MAX
        assert protocol.unsent() == in_kernel(protocol)
        # Nor is it a defect where there is no descriptor to ask with.
        here, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
        try:
            assert protocol.unsent() > 0
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (here, most))
        protocol.abort()

    try:
        uvloop.run(play())
    finally:
        acceptor.close()


def test_a_connection_reset_at_once_closes_its_own_descriptor_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acceptor = Acceptor(tmp_path)
    open_tcp = transport._tcp

    given: list[tuple[socket.socket, int]] = []

    async def open_and_reset(*place: Any) -> socket.socket:
        raw = await open_tcp(*place)
        given.append((raw, raw.fileno()))
        peer = await asyncio.to_thread(acceptor.accept_plain)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        peer.close()
        return raw

    async def play() -> None:
        protocol = transport.TlsTransport(wire.Framer(), lambda: None, lambda reason: None)
        context = transport.tls_context(acceptor.place.ca_file)
        place = "127.0.0.1", acceptor.place.port, context, "localhost"
        with pytest.raises(transport.ConnectError, match="TLS handshake: Connection reset"):
            await transport.connect(protocol, *place, WAIT_S)
        ((raw, number),) = given
        # The number may be another's by now: it is closed, and the object knows.
        assert raw.fileno() == -1
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)

    monkeypatch.setattr(transport, "_tcp", open_and_reset)
    try:
        uvloop.run(play())
    finally:
        acceptor.close()


def test_nothing_of_a_connection_that_is_gone_waits_for_the_garbage_collector(
    tmp_path: Path,
) -> None:
    acceptor = Acceptor(tmp_path)

    async def play() -> weakref.ref[transport.TlsTransport]:
        lost = asyncio.Event()
        # As a connector's: whoever is told knows the connection.
        protocol = transport.TlsTransport(
            wire.Framer(), lambda: None, lambda reason: lost.set() if protocol else None
        )
        context = transport.tls_context(acceptor.place.ca_file)
        place = "127.0.0.1", acceptor.place.port, context, "localhost"
        await asyncio.gather(
            asyncio.to_thread(acceptor.accept), transport.connect(protocol, *place, WAIT_S)
        )
        protocol.abort()
        await asyncio.wait_for(lost.wait(), WAIT_S)
        return weakref.ref(protocol)

    gc.collect()
    gc.disable()
    try:
        assert uvloop.run(play())() is None
    finally:
        gc.enable()
    acceptor.close()
