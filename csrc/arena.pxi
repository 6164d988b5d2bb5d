# Arena: the memory of a framer and its messages.
#
# Bytes come into a Store, which lends its free tail to the reader of the socket. What was found in
# them, the index of each message and the record of its plan, stands in two growing blocks of the
# arena. All of it is of one generation: when the next begins, the space is used anew, and messages
# of the last one know by its number that they are no longer valid.

cdef enum:
    READ_BYTES = 1 << 16  # room lent to a reader at least
    LINE_BYTES = 64  # of the processor's cache


cdef struct Reading:
    uint64_t plan  # number of the plan that made the record
    Py_ssize_t earlier  # record of the same frame by another plan, or 0


cdef void *lines_allocate(size_t count) except NULL:
    """Memory that begins with a cache line, so that vectors do not straddle two; for free."""
    cdef void *memory = aligned_alloc(LINE_BYTES, (count // LINE_BYTES + 1) * LINE_BYTES)
    if memory is NULL:
        raise MemoryError()
    return memory


@cython.internal
@cython.final
@cython.no_gc
cdef class Store:
    """The memory of a framer, alive for as long as a memoryview of it is."""

    cdef uint8_t *data
    cdef Py_ssize_t capacity
    cdef Py_ssize_t lent_offset
    cdef Py_ssize_t lent_bytes

    def __cinit__(self, Py_ssize_t capacity):
        self.data = <uint8_t *>lines_allocate(capacity + SCAN_PADDING)
        memset(self.data + capacity, 0, SCAN_PADDING)
        self.capacity = capacity

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.data + self.lent_offset, self.lent_bytes, 0, flags)

    cdef inline void open(self) noexcept:
        """All of it may be written."""
        guard_open(self.data, self.capacity + SCAN_PADDING)

    cdef inline void close(self, Py_ssize_t received) noexcept:
        """Nothing further behind the received bytes than the loops look may be read."""
        guard_close(self.data + received + SCAN_PADDING, self.capacity - received)

    def __dealloc__(self):
        if self.data is not NULL:
            self.open()
        free(self.data)


@cython.internal
@cython.final
@cython.no_gc
cdef class Arena:
    """What a framer and its messages share: the bytes, what was found in them, and since when."""

    cdef Store store
    cdef uint64_t generation
    cdef ScanEntry *entries  # the index of every message of this generation
    cdef Py_ssize_t entries_used
    cdef Py_ssize_t entries_capacity
    cdef uint8_t *records  # marks and values of every message read by a plan
    cdef Py_ssize_t records_used
    cdef Py_ssize_t records_capacity

    def __cinit__(self):
        self.store = Store(4 * READ_BYTES)
        self.generation = 1

    def __dealloc__(self):
        free(self.entries)
        free(self.records)

    cdef inline void renew(self) noexcept:
        """Start a generation."""
        self.generation += 1
        self.entries_used = 0
        self.records_used = 0
        self.store.lent_bytes = 0

    cdef inline Py_ssize_t reserve_entries(self, Py_ssize_t count) except -1:
        """The first of count entries; what entries pointed to before may have moved."""
        cdef Py_ssize_t first = self.entries_used
        if self.entries_capacity - first < count:
            self.grow_entries(count)
        self.entries_used = first + count
        return first

    cdef int grow_entries(self, Py_ssize_t count) except -1:
        cdef Py_ssize_t capacity = max(2 * self.entries_capacity, self.entries_used + count)
        cdef ScanEntry *entries = <ScanEntry *>lines_allocate(capacity * sizeof(ScanEntry))
        if self.entries_used > 0:
            memcpy(entries, self.entries, self.entries_used * sizeof(ScanEntry))
        free(self.entries)
        self.entries = entries
        self.entries_capacity = capacity
        return 0

    cdef inline Py_ssize_t reserve_record(self, Py_ssize_t count) except -1:
        """The offset of count bytes of records; what records pointed to before may have moved."""
        cdef Py_ssize_t offset = self.records_used
        if self.records_capacity - offset < count:
            self.grow_records(count)
        self.records_used = offset + count
        return offset

    cdef inline Reading *reading(self, Py_ssize_t record) noexcept:
        """What stands in front of a record that Plan.read made."""
        return <Reading *>(self.records + record - LINE_BYTES)

    cdef int grow_records(self, Py_ssize_t count) except -1:
        cdef Py_ssize_t capacity = max(2 * self.records_capacity, self.records_used + count)
        cdef uint8_t *records = <uint8_t *>lines_allocate(capacity)
        if self.records_used > 0:
            memcpy(records, self.records, self.records_used)
        free(self.records)
        self.records = records
        self.records_capacity = capacity
        return 0
