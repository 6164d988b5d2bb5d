"""The FIX codec: bytes to messages and back, for any venue that speaks tag=value FIX.

Reading: a Framer turns chunks of a stream into Messages, which are views into its memory; a Plan
reads a Message by a table of fields. Writing: a Template writes one kind of message by the same
table, a Writer writes any message field by field. No socket, no session rule, and no clock but for
stamps (Walk), which tell where the time goes and decide nothing.

What the other side did wrong is a RemoteProtocolError, misuse by the caller a LocalProtocolError.
No error text about a message holds the value of a field: values may be secrets.
"""

cimport cython
from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBUF_WRITABLE,
    PyBuffer_FillInfo,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.memoryview cimport PyMemoryView_FromObject
from cpython.object cimport PyObject, PyTypeObject
from cpython.long cimport PyLong_CheckExact
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport (
    PyUnicode_AsUTF8AndSize,
    PyUnicode_CheckExact,
    PyUnicode_DecodeLatin1,
    PyUnicode_DecodeUTF8,
)
from libc.math cimport ceil
from libc.stdint cimport (
    INT64_MAX,
    UINT32_MAX,
    UINT64_MAX,
    int32_t,
    int64_t,
    uint8_t,
    uint32_t,
    uint64_t,
)
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memmove, memset

from native cimport *

cdef extern from *:
    int __builtin_ctzll(uint64_t bits)

cdef extern from "stdlib.h":
    void *aligned_alloc(size_t alignment, size_t size)

cdef extern from "Python.h":
    long PyLong_AsLong(object value) noexcept
    bint PyErr_Occurred()
    void PyErr_Clear()
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void *PyUnicode_1BYTE_DATA(object text)
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    PyObject **PySequence_Fast_ITEMS(object sequence)

from decimal import Decimal as _Decimal

# Which loops are used; never more than the machine has.
cdef int LEVEL = bytes_level()


class LocalProtocolError(Exception):
    """We, or the caller, did something wrong: nothing was sent and nothing was changed.

    tag: the FIX tag concerned, or None. reason: "misuse", or "value" where a value was refused.
    """

    def __init__(self, text, tag=None, reason="misuse"):
        super().__init__(text)
        self.tag = tag
        self.reason = reason


class RemoteProtocolError(Exception):
    """The other side sent what FIX does not allow.

    tag: the FIX tag concerned, or None. reason: "framing" (the stream cannot be read on), "tag",
    "empty" or "data" (a malformed field), "malformed" (a value of the wrong form), "missing"
    (a required field is absent), "group" (a repeating group that contradicts itself) or "repeated"
    (a field that comes twice). kind and seq: MsgType<35> as bytes and MsgSeqNum<34> as int of the
    message concerned, None where there is none or it cannot be read.
    """

    def __init__(self, text, tag=None, reason="framing"):
        super().__init__(text)
        self.tag = tag
        self.reason = reason
        self.kind = None
        self.seq = None


include "table.pxi"
include "arena.pxi"
include "frame.pxi"
include "pack.pxi"
include "view.pxi"
include "plan.pxi"
include "sheet.pxi"
include "encode.pxi"
include "writer.pxi"
include "stamp.pxi"
include "checksum.pxi"
include "record.pxi"
include "latency.pxi"


# The doors of the tests to the vector loops and their plain twins.

def _twins(bytes data not None, uint8_t wanted):
    """(sum, plain sum, place of wanted, plain place, CRC32C, plain CRC32C)."""
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef size_t n = len(data)
    return (
        sum_bytes(p, n),
        sum_bytes_scalar(p, n),
        find_byte(p, n, wanted),
        find_byte_scalar(p, n, wanted),
        ~crc32c_bytes(0xFFFFFFFF, p, n) & 0xFFFFFFFF,
        ~crc32c_scalar(0xFFFFFFFF, p, n) & 0xFFFFFFFF,
    )


def _level(int wanted=-1):
    """Use plain loops only (0), or those of AVX2 (1) or AVX-512 (2) at most, from now on.

    -1: those of this machine. Returns what is used now.
    """
    global LEVEL
    LEVEL = bytes_level() if wanted < 0 else min(wanted, bytes_level())
    return LEVEL


def _scan(bytes frame not None):
    """The index of these bytes, which end like a frame: SOH, seven bytes, the last of them SOH.

    (entries, fault, sum, plain), and whether a vector loop made it.
    """
    cdef size_t n = len(frame)
    cdef size_t i
    cdef bytes padded = frame + bytes(SCAN_PADDING)
    cdef Scan scan
    cdef ScanRows rows
    cdef int32_t[32] marks
    cdef bint ordinary
    cdef ScanEntry *entries
    if n < 8 or frame[n - 8] != SCAN_SOH or frame[n - 1] != SCAN_SOH:
        raise LocalProtocolError("not the end of a frame")
    entries = <ScanEntry *>PyMem_Malloc(scan_entries_max(n) * sizeof(ScanEntry))
    if entries is NULL:
        raise MemoryError()
    rows.lookup = &COMMON
    rows.marks = marks
    rows.count = 1
    ordinary = scan_frame(
        <const uint8_t *>PyBytes_AS_STRING(padded), n, &rows, entries, &scan, LEVEL
    )
    index = [
        (entries[i].tag, entries[i].offset, scan_length(&entries[i])) for i in range(scan.count)
    ]
    PyMem_Free(entries)
    return (index, (scan.fault.kind, scan.fault.tag), scan.sum, scan.plain), ordinary
