"""The journal's record format, byte by byte. All integers are little-endian.

A run of the engine (one epoch) writes one stream of records. The stream is cut at record
boundaries into files `journal-<epoch>.fxj`, `journal-<epoch>-1.fxj`, `journal-<epoch>-2.fxj`, ...

A file is a header of 64 bytes, then records, each beginning at a multiple of 8:

    offset  type  file header
         0  8s    magic "FXJ\\x02\\r\\n\\x1a\\n" (the fourth byte is the version of the format)
         8  u32   bytes of this header: 64
        12  u32   CRC32C of bytes 16..63
        16  u64   epoch of the run
        24  u64   number of the file within the run, from 0
        32  u64   base: position in the run's stream of the first byte after this header
        40  i64   wall_offset_ns: add it to a now_ns to get nanoseconds since 1970 UTC
        48  16s   zeros

    offset  type  record
         0  u32   magic 0x314A5846 ("FXJ1")
         4  u32   CRC32C of everything that follows: bytes 8 to the end of the padding
         8  u32   bytes of data, without padding
        12  u8    kind
        13  u8    line: number of the venue session, 0 where none is concerned
        14  u16   flags: 0 in this version; a reader ignores the ones it does not know
        16  u64   sequence: 1 for the first record of a run, then rising by one
        24  i64   now_ns: the engine's monotonic clock when the thing happened
        32        data, then zeros up to the next multiple of 8

CRC32C is the checksum of RFC 3720. Version 1 had CRC-32 (zlib's) in its place, in the header and
in the records, and was otherwise the same; it is read as ever, and a run that an older engine began
is brought to its end in it.

A record that a full ring refused has used up its sequence number, so a hole in the sequence tells
how many records are missing. Position p of the stream stands in the file at 64 + p - base: writing
the same part of the stream again changes nothing.

Data by kind: FRAME_IN and FRAME_OUT hold one FIX message, secrets masked. ORDER, INTENT, DELIVERED,
STRATEGY, CARRIED, DROPPED, ACK and HANDED_OVER hold `named(name, payload)`: a length byte, that
many bytes of name (who sent it, the wire id, who gets it), then the message of the bus; DROPPED and
STRATEGY have no more than the name, CARRIED a request as an earlier run left it, or within a run an
order of others that was adopted (`Carried`), HANDED_OVER whose an order is now (`HandedOver`).
CLOCK holds the wall offset as i64. START, LINK, CONTROL and SOURCE (what a second source answered
or told) hold UTF-8 text or JSON; a run that ends in order ends with a CONTROL "closed". MARK holds,
as u64, the position up to which the stream is on disk: orders that waited for it may leave. READ
holds text: a word, and what was read from outside under it to decide something ("jitter 512",
"unsent 1448", "bus full PEER"), most of it only when it is not what it was. TICK holds nothing.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import msgspec

from fixengine import wire

MAGIC = 0x314A5846
MAGIC_BYTES = b"FXJ1"
HEADER_BYTES = 32
PREFIX = struct.Struct("<II")
"""Magic and checksum; the checksum covers all that follows them."""
FIELDS = struct.Struct("<IBBHQq")
"""Length of data, kind, line, flags, sequence, now_ns."""
DATA_BYTES_MAX = 64 << 20
"""A reader takes a longer length for damage."""

FILE_MAGIC = b"FXJ%c\r\n\x1a\n"
VERSION = 2
Checksum = Callable[[bytes | memoryview], int]
CHECKSUMS: dict[int, Checksum] = {1: zlib.crc32, VERSION: wire.crc32c}
"""By the version of the format."""
FILE_HEADER_BYTES = 64
FILE_START = struct.Struct("<8sII")
FILE_FIELDS = struct.Struct("<QQQq16s")

WALL_OFFSET = struct.Struct("<q")
ON_DISK = struct.Struct("<Q")
CLOSED = b"closed"
"""Data of the CONTROL record with which a run ends that ends in order."""
NAME_BYTES_MAX = 127
"""A message of the bus is a msgpack array and starts above 127, so a name is told from it."""


class Kind(IntEnum):
    """What a record holds. A reader passes on numbers that it does not know."""

    START = 1
    ORDER = 2
    INTENT = 3
    FRAME_OUT = 4
    FRAME_IN = 5
    DELIVERED = 6
    TICK = 7
    CLOCK = 8
    LINK = 9
    CONTROL = 10
    STRATEGY = 11
    CARRIED = 12
    DROPPED = 13
    ACK = 14
    SOURCE = 15
    MARK = 16
    READ = 17
    HANDED_OVER = 18


NAMED = frozenset(
    {
        Kind.ORDER,
        Kind.INTENT,
        Kind.DELIVERED,
        Kind.STRATEGY,
        Kind.CARRIED,
        Kind.DROPPED,
        Kind.ACK,
        Kind.HANDED_OVER,
    }
)
FRAMES = frozenset({Kind.FRAME_OUT, Kind.FRAME_IN})


class Carried(msgspec.Struct, array_like=True):
    """What a CARRIED record holds: a request as an earlier run left it. Its name is the wire id.

    strategy: number. standing: of the order table. target_wire_id: of a cancel, the order it is
    for. seen: keys of the reports that were taken. outcome: the bus event that answers the
    request's id, None where there is none yet. filled, cum_qty: as in the order table, in units of
    10**-8. request: an order as the bus brought it. finished: the how-many-th of the requests that
    are over it is, 0 where it is not over. former: of an order that was handed over, number and id
    of each strategy that had it before. in_doubt: as in the order table.
    kind: of the order table; None from an engine that knew orders and cancels only. whole_wire_id:
    of what left behind another request in its message, such as an order of a list, that request.
    """

    strategy: int
    cl_ord_id: str
    symbol: str
    standing: str
    order_id: str | None
    target_wire_id: str | None
    seen: list[str]
    outcome: bytes | None
    filled: int = 0
    cum_qty: int = 0
    request: bytes = b""
    finished: int = 0
    former: tuple[tuple[int, str], ...] = ()
    in_doubt: bool = False
    kind: str | None = None
    whole_wire_id: str | None = None


class HandedOver(msgspec.Struct, array_like=True):
    """What a HANDED_OVER record holds; its name is the wire id of an order.

    strategy, heir: number and name of whose it is from then on. cl_ord_id: its id there.
    """

    strategy: int
    heir: str
    cl_ord_id: str


carried_decoder = msgspec.msgpack.Decoder(Carried)
handed_over_decoder = msgspec.msgpack.Decoder(HandedOver)


class JournalError(Exception):
    """A journal file or ring cannot be used. path names it; offset is in bytes, where known."""

    def __init__(self, path: object, reason: str, offset: int | None = None) -> None:
        where = "" if offset is None else f" at offset {offset}"
        super().__init__(f"{path}{where}: {reason}")
        self.path = str(path)
        self.reason = reason
        self.offset = offset


class FileHeader(NamedTuple):
    """The header of a journal file; see the top of this module."""

    epoch: int
    number: int
    base: int
    wall_offset_ns: int
    version: int = VERSION

    def pack(self) -> bytes:
        """The 64 bytes of the header."""
        fields = FILE_FIELDS.pack(*self[:-1], bytes(16))
        checksum = CHECKSUMS[self.version](fields)
        return FILE_START.pack(FILE_MAGIC % self.version, FILE_HEADER_BYTES, checksum) + fields

    @classmethod
    def unpack(cls, data: bytes) -> FileHeader:
        """The header in the first 64 bytes of a file; ValueError says what is wrong with them."""
        if len(data) < FILE_HEADER_BYTES:
            raise ValueError(
                f"the file header is cut off: {len(data)} of {FILE_HEADER_BYTES} bytes"
            )
        magic, size, checksum = FILE_START.unpack_from(data)
        if magic[:3] != FILE_MAGIC[:3]:
            raise ValueError("not a journal file")
        version = magic[3]
        known = version in CHECKSUMS and magic == FILE_MAGIC % version
        if not known or size != FILE_HEADER_BYTES:
            raise ValueError(f"journal format {version}, but this engine reads 1 to {VERSION}")
        fields = data[FILE_START.size : FILE_HEADER_BYTES]
        if CHECKSUMS[version](fields) != checksum:
            raise ValueError("the file header is damaged: its checksum does not match")
        epoch, number, base, wall_offset_ns, _ = FILE_FIELDS.unpack(fields)
        return cls(epoch, number, base, wall_offset_ns, version)


def padded(data_bytes: int) -> int:
    """Bytes that a record with so much data takes."""
    return (HEADER_BYTES + data_bytes + 7) & -8


named = wire.named
"""Data of the records that have a name; see wire.named."""


def split_named(data: bytes) -> tuple[str | None, bytes]:
    """(name, payload) of what `named` made; (None, data) where the data starts with no name."""
    if not data or data[0] > NAME_BYTES_MAX or data[0] >= len(data):
        return None, data
    end = 1 + data[0]
    return data[1:end].decode(errors="backslashreplace"), data[end:]


def mask_value(data: bytes, secret: bytes) -> bytes:
    """data with every occurrence of secret overwritten by '*', length unchanged.

    For what is not FIX, such as the token of a Hello. An empty secret changes nothing.
    """
    return data.replace(secret, b"*" * len(secret)) if secret else data
