# The only door from Cython to the C headers.

from cpython.object cimport PyObject, PyTypeObject
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "bytes.h" nogil:
    uint32_t sum_bytes(const uint8_t *p, size_t n)
    uint32_t sum_bytes_scalar(const uint8_t *p, size_t n)
    size_t find_byte(const uint8_t *p, size_t n, uint8_t wanted)
    int bytes_level()
    void bytes_copy(uint8_t *to, const uint8_t *start, size_t n, int level)
    size_t find_byte_scalar(const uint8_t *p, size_t n, uint8_t wanted)
    bint bytes_printable(const uint8_t *p, size_t n, bint high)


cdef extern from "record.h" nogil:
    enum:
        RECORD_NAME_BYTES_MAX
    ctypedef struct RecordRing:
        uint8_t *memory
        uint64_t bytes
    uint64_t record_bytes(uint64_t data_bytes)
    void record_put(
        RecordRing ring,
        uint64_t position,
        uint8_t kind,
        uint8_t line,
        uint64_t sequence,
        int64_t now_ns,
        const uint8_t *data,
        size_t n,
    )
    void record_publish(uint64_t *mark, uint64_t position)

cdef extern from "crc32c.h" nogil:
    void crc32c_prepare()
    uint32_t crc32c_bytes(uint32_t crc, const uint8_t *p, size_t n)
    uint32_t crc32c_scalar(uint32_t crc, const uint8_t *p, size_t n)


cdef extern from "guard.h" nogil:
    void guard_close(const void *p, size_t n)
    void guard_open(const void *p, size_t n)


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
    size_t stamp_write(int64_t ns, int decimals, uint8_t *to)
    int stamp_read(const uint8_t *p, size_t n, int64_t *second, int64_t *ns)
    bint stamp_join(int64_t second, int64_t ns, int64_t *out)


cdef extern from "pairs.h" nogil:
    int32_t pair_data_tag(int32_t length_tag)
    bint pair_is_data(int32_t tag)


cdef extern from "lookup.h" nogil:
    ctypedef struct Lookup:
        pass
    bint lookup_build(Lookup *lookup, const int32_t *tags, const int32_t *rows, size_t n)
    void lookup_free(Lookup *lookup)
    int32_t lookup_find(const Lookup *lookup, int32_t tag)


cdef extern from "scan.h" nogil:
    enum:
        SCAN_SOH
        SCAN_TRAILER_BYTES
        SCAN_PADDING
        SCAN_MARKS_STEP
        SCAN_OK
        SCAN_BAD_TAG
        SCAN_EMPTY
        SCAN_BAD_DATA
    ctypedef struct ScanEntry:
        int32_t tag
        uint32_t offset
        uint32_t end
    ctypedef struct ScanFault:
        int32_t kind
        int32_t tag
    ctypedef struct Scan:
        size_t count
        uint32_t sum
        bint plain
        ScanFault fault
    ctypedef struct ScanRows:
        Lookup *lookup
        int32_t *marks
        size_t count
    uint32_t scan_length(const ScanEntry *entry)
    size_t scan_entries_max(size_t frame_bytes)
    bint scan_frame(
        const uint8_t *p, size_t n, const ScanRows *rows, ScanEntry *out, Scan *scan, int level
    )
    ScanFault scan_tag_fault(const uint8_t *p, size_t n, int32_t tag)


cdef extern from "frame.h" nogil:
    ctypedef struct FrameMarks:
        size_t length
        size_t kind_offset
        size_t kind_bytes
    bint frame_ordinary(
        const uint8_t *p,
        size_t have,
        const uint8_t *prefix,
        size_t prefix_bytes,
        size_t message_bytes_max,
        FrameMarks *marks,
    )


cdef extern from "value.h" nogil:
    enum:
        TYPE_STR
        TYPE_UTF8
        TYPE_CHAR
        TYPE_ID
        TYPE_INT
        TYPE_LENGTH
        TYPE_SEQNUM
        TYPE_PRICE
        TYPE_QTY
        TYPE_FLOAT
        TYPE_BOOL
        TYPE_UTC
        TYPE_DATA
        TYPE_GROUP
        TYPE_HEADER
        VALUE_OK
        VALUE_LARGE
        VALUE_CLASSES
    ctypedef struct Value:
        int64_t number
        int32_t decimals
        int32_t form
    ctypedef struct ValueColumn:
        uint32_t row
        int32_t type
    ctypedef struct ValueColumns:
        ValueColumn *columns
        size_t[4] count
    bint value_fits(int type, const uint8_t *p, size_t n, bint sign)
    bint value_is_known_to_fit(int type, bint plain, const Value *known)
    int value_class(int type)
    void values_read(
        const uint8_t *frame,
        const ScanEntry *entries,
        const int32_t *marks,
        const ValueColumns *columns,
        bint plain,
        Value *out,
        int level,
    )


cdef extern from "write.h" nogil:
    enum:
        WRITE_PREFIX_BYTES
        WRITE_SLACK_BYTES
        ELEMENT_TEXT
        ELEMENT_INTEGER
    ctypedef struct Row:
        int32_t tag
        int32_t type
        uint8_t required
        uint8_t judge
        int16_t prefix_bytes
        uint8_t[16] prefix
    ctypedef struct Element:
        const uint8_t *text
        int64_t number
        size_t bytes
        int32_t kind
    void write_trailer(uint8_t *to, uint32_t sum)
    void write_copy(uint8_t *to, const uint8_t *start, size_t n)
    bint write_is_text(int type)
    int write_judge(int type)
    bint write_fits(int type, const uint8_t *p, size_t n)
    size_t write_bytes_max(size_t count, size_t text_bytes)
    uint8_t *write_elements(
        uint8_t *to,
        const Row *rows,
        const Element *elements,
        uint64_t present,
        size_t *bad,
        int level,
    )
    uint64_t element_number(const uint8_t *p, size_t n)
    const uint8_t *elements_read(
        const uint8_t *p,
        const uint8_t *end,
        size_t count,
        const int32_t *rows,
        size_t rows_count,
        Element *elements,
        uint64_t *present,
        size_t *bad,
    )


cdef extern from "attribute.h":
    bint attribute_is_plain(PyTypeObject *kind)
    Py_ssize_t attribute_offset(PyTypeObject *kind, object found)
    PyObject *attribute_at(object instance, Py_ssize_t offset)


cdef extern from "latency.h" nogil:
    enum:
        LATENCY_BUCKETS
    ctypedef struct Latency:
        uint64_t sum_ns
        uint64_t max_ns
        uint64_t[LATENCY_BUCKETS] counts
    int64_t latency_now()
    uint64_t latency_upper(size_t bucket)
    void latency_record(Latency *to, int64_t ns)
