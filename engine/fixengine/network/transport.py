"""The TLS connection: lends the framer's buffer, writes, closes. No rules.

Decrypted bytes land straight in the framer's buffer; the owner is called once a read. TLS is
always verified: chain, host name, SNI, TLS 1.2 or newer; there is no way to switch that off.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import ssl
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast

from fixengine import wire

READ_BYTES_MIN = 1 << 16
SEND_BUFFER_BYTES = 1 << 15
TLS_END_S = 1.0
"""How long a peer may take to end TLS; it has nothing to say then, and TCP waits for it."""
SIOCOUTQNSD = 0x894B
"""Linux: bytes in the socket's send queue that were not sent yet."""
SO_BUSY_POLL = 46
"""Linux's number of it, which Python does not name."""


class TcpOptions(NamedTuple):
    """How a connection is opened; see [tuning]. busy_poll_us 0: as the system has it."""

    user_timeout_ms: int = 20_000
    busy_poll_us: int = 0


USUAL = TcpOptions()
OUTQ = struct.Struct("=i")
"""What SIOCOUTQNSD tells."""
TCP_INFO_HEAD = struct.Struct("=2x2B20xI52xI60xI")
"""Of struct tcp_info (linux/tcp.h): retransmits, probes, unacked, snd_cwnd, notsent_bytes."""
CONGESTED_BYTES_MAX = 1 << 14
"""What the congestion window alone may hold back: some 80 orders."""


class ConnectError(Exception):
    """No TLS connection came to be; the text says why, for people."""


class TlsTransport(asyncio.BufferedProtocol):
    """One TLS connection of a line.

    on_bytes: called after each read, with the bytes in the framer. on_lost: called once when the
    connection is gone, with the reason.
    """

    def __init__(
        self,
        framer: wire.Framer,
        on_bytes: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._framer = framer
        self._on_bytes = on_bytes
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._fd = -1
        self._closing = False
        self._broken = False
        self._all_sent = False
        self._gone = asyncio.Event()
        self._outq = bytearray(OUTQ.size)

    # --- what a line asks of it -------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Give bytes to TLS; never blocks."""
        if self._transport is not None:
            self._all_sent = False
            self._transport.write(data)

    @property
    def alive(self) -> bool:
        """Whether what is written now can still leave."""
        if self._transport is None or self._broken or self._closing:
            return False
        return not self._transport.is_closing()

    def unsent(self) -> int:
        """Bytes given but not sent: those in user space and those the kernel still holds; -1 where
        it is not alive. What the congestion window alone holds back does not count.

        It costs a system call only where that is not known: when nothing was left once, nothing is
        left until more is written. The loop closes the descriptor a turn before it says so: who
        writes in that turn is told so afterwards, as one who wrote just before.
        """
        transport = self._transport
        if transport is None or self._broken or self._closing or transport.is_closing():
            return -1
        if self._all_sent:
            return 0
        try:
            fcntl.ioctl(self._fd, SIOCOUTQNSD, self._outq)
        except OSError:
            self._broken = True
            return -1
        (in_kernel,) = OUTQ.unpack(self._outq)
        unsent = transport.get_write_buffer_size() + int(in_kernel)
        self._all_sent = unsent == 0
        if in_kernel and unsent <= CONGESTED_BYTES_MAX and self._is_congested():
            return 0
        return unsent

    def _is_congested(self) -> bool:
        """Whether the kernel waits for nothing but an acknowledgement, of a peer that has room.

        A connection begins, and goes on after a rest, with ten segments until the first of them is
        acknowledged (RFC 6928): a ladder of orders would be refused from the eleventh on. A peer
        that does not read acknowledges and has no room; on a path that is dead there is soon a
        retransmission.
        """
        try:
            # The loop's own socket object has no such call.
            with socket.socket(fileno=os.dup(self._fd)) as raw:
                told = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_HEAD.size)
        except OSError:
            # No descriptor is left: whatever holds the bytes back, they count.
            return False
        retransmits, probes, unacked, snd_cwnd, notsent_bytes = TCP_INFO_HEAD.unpack(told)
        # An acknowledgement may have come since the bytes were counted.
        return not notsent_bytes or (unacked >= snd_cwnd and not retransmits and not probes)

    def close(self) -> None:
        """Close after what was written, but do not wait for a peer that stopped reading."""
        if self._transport is not None and not self._closing:
            stuck = self.unsent() > 0
            self._closing = True
            if stuck:
                self._transport.abort()
            else:
                self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._closing = True
            self._transport.abort()

    async def wait_closed(self, timeout_s: float) -> None:
        """Wait until a connection that was asked to close is gone; cut it after timeout_s."""
        if self._transport is None:
            return
        try:
            await asyncio.wait_for(self._gone.wait(), timeout_s)
        except TimeoutError:
            self.abort()

    # --- what the event loop calls ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        # uvloop's transports are no subclasses of asyncio's, though they offer the same.
        self._transport = cast(asyncio.Transport, transport)
        raw = transport.get_extra_info("socket")
        self._fd = raw.fileno()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to decrypt to."""
        return self._framer.get_buffer(max(sizehint, READ_BYTES_MIN))

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes were decrypted into the framer's buffer."""
        self._framer.buffer_updated(nbytes)
        self._on_bytes()

    def eof_received(self) -> bool:
        """The peer closed its side: nothing more will come, so close ours."""
        return False

    def connection_lost(self, problem: Exception | None) -> None:
        """The connection is gone."""
        self._transport = None
        self._gone.set()
        lost = f"connection lost: {cause_text(problem)}" if problem else "connection closed"
        self._on_lost(lost)
        # Who was told holds us, and the line: nothing of either is left to the garbage collector.
        self._on_lost = self._on_bytes = _ignore


def _ignore(*_: object) -> None:
    """A connection that is gone tells nothing more."""


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """The client context; ca_file None trusts the system's authorities.

    Raises ConnectError for a file that holds no certificates.
    """
    try:
        # Opening a pipe would wait for a writer.
        if ca_file is not None and not stat.S_ISREG(ca_file.stat().st_mode):
            raise ConnectError(f"venue.ca_file: {ca_file}: expected a regular file")
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as problem:
        unreadable = not isinstance(problem, ssl.SSLError)
        reason = problem.strerror if unreadable else "expected PEM certificates"
        raise ConnectError(f"venue.ca_file: {ca_file}: {reason}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def connect(
    protocol: TlsTransport,
    host: str,
    port: int,
    context: ssl.SSLContext,
    server_name: str,
    timeout_s: float,
    tcp: TcpOptions = USUAL,
) -> None:
    """Connect and finish the TLS handshake within timeout_s, or raise ConnectError."""
    loop = asyncio.get_running_loop()
    where = f"{host}:{port}"
    phase = "TCP connection"
    try:
        async with asyncio.timeout(timeout_s):
            raw = await _tcp(loop, host, port, tcp)
            phase = "TLS handshake"
            made = os.fstat(raw.fileno())
            try:
                await loop.create_connection(
                    lambda: protocol,
                    sock=raw,
                    ssl=context,
                    server_hostname=server_name,
                    ssl_shutdown_timeout=TLS_END_S,
                )
            except BaseException:
                _let_go(raw, made)
                raise
    except TimeoutError:
        text = f"no TLS connection within {timeout_s:g} s, in the {phase}"
        raise ConnectError(f"{where}: {text}") from None
    except ssl.SSLCertVerificationError as problem:
        raise ConnectError(
            f"{where}: the certificate was not accepted for {server_name}: "
            f"{problem.verify_message or problem}"
        ) from None
    except (ssl.SSLError, OSError) as problem:
        raise ConnectError(f"{where}: {phase}: {cause_text(problem)}") from None


def _let_go(raw: socket.socket, made: os.stat_result) -> None:
    """Close a socket that the loop has failed with, unless the loop has closed it.

    A connection that is reset before the loop has noted whose descriptor it holds is closed there
    by number, and the object is left with that number: by now it may be a file of another thread's.
    """
    try:
        is_ours = os.path.samestat(os.fstat(raw.fileno()), made)
    except OSError:
        is_ours = False
    if is_ours:
        raw.close()
    else:
        raw.detach()


def cause_text(problem: Exception) -> str:
    """What went wrong, for people; never empty, as the text of a bare exception would be."""
    of_system = isinstance(problem, OSError) and not isinstance(problem, ssl.SSLError)
    number = getattr(problem, "errno", None)
    if of_system and isinstance(number, int) and number > 0:
        # asyncio's own text of a failed connect repeats the address and hides the reason. A failed
        # name look-up has no errno of the system's.
        return os.strerror(number)
    if str(problem):
        return str(problem)
    known: dict[type[Exception], int] = {
        ConnectionResetError: errno.ECONNRESET,
        ConnectionAbortedError: errno.ECONNABORTED,
        BrokenPipeError: errno.EPIPE,
    }
    number = known.get(type(problem))
    return type(problem).__name__ if number is None else os.strerror(number)


async def _tcp(
    loop: asyncio.AbstractEventLoop, host: str, port: int, tcp: TcpOptions
) -> socket.socket:
    problem: OSError | None = None
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, kind, proto, _, address in infos:
        raw = socket.socket(family, kind, proto)
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, tcp.user_timeout_ms)
        if tcp.busy_poll_us:
            raw.setsockopt(socket.SOL_SOCKET, SO_BUSY_POLL, tcp.busy_poll_us)
        # A small buffer, so that unsent orders show instead of hiding in the kernel.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        try:
            await loop.sock_connect(raw, address)
        except OSError as failed:
            raw.close()
            problem = failed
        except BaseException:
            raw.close()
            raise
        else:
            return raw
    raise problem or OSError(f"{host} has no address")
