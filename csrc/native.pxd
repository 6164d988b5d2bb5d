# The only door from Cython to the C headers.

from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "bytes.h" nogil:
    uint32_t sum_bytes(const uint8_t *p, size_t n)
    uint32_t sum_bytes_scalar(const uint8_t *p, size_t n)
    size_t find_byte(const uint8_t *p, size_t n, uint8_t wanted)
    size_t find_byte_scalar(const uint8_t *p, size_t n, uint8_t wanted)
    bint bytes_printable(const uint8_t *p, size_t n, bint high)
    bint bytes_utf8(const uint8_t *p, size_t n)


cdef extern from "number.h" nogil:
    enum:
        NUMBER_OK
        NUMBER_SYNTAX
        NUMBER_OVERFLOW
        NUMBER_PRECISION
        NUMBER_DIGITS_MAX
        NUMBER_SCALE_MAX
    int number_read_unsigned(const uint8_t *p, size_t n, uint64_t maximum, uint64_t *out)
    int number_read_signed(const uint8_t *p, size_t n, int64_t *out)
    int number_check_decimal(const uint8_t *p, size_t n, bint sign)
    int number_read_scaled(const uint8_t *p, size_t n, int scale, int64_t *out)
    size_t number_write(uint8_t *to, uint64_t value, size_t digits_min)


cdef extern from "stamp.h" nogil:
    enum:
        STAMP_BYTES_MAX
    const int64_t STAMP_SECOND_NS
    size_t stamp_write(int64_t ns, int decimals, uint8_t *to)
    int stamp_read(const uint8_t *p, size_t n, int64_t *second, int64_t *ns)


cdef extern from "scan.h" nogil:
    enum:
        SCAN_SOH
        SCAN_TRAILER_BYTES
        SCAN_PADDING
        SCAN_BAD_TAG
        SCAN_EMPTY
        SCAN_BAD_DATA
    ctypedef struct ScanEntry:
        int32_t tag
        uint32_t offset
        uint32_t length
    ctypedef struct ScanFault:
        int32_t kind
        int32_t tag
    size_t scan_entries_max(size_t frame_bytes)
    int32_t scan_data_tag(int32_t length_tag)
    bint scan_is_data(int32_t tag)
    size_t scan_fields(const uint8_t *p, size_t n, ScanEntry *out, ScanFault *fault)
    bint scan_is_ordinary(const uint8_t *p, size_t n, ScanEntry *out)
    size_t scan_fields_scalar(const uint8_t *p, size_t n, ScanEntry *out, ScanFault *fault)


cdef extern from "attribute.h":
    Py_ssize_t attribute_offset(PyTypeObject *kind, object found)
    PyObject *attribute_at(object instance, Py_ssize_t offset)
