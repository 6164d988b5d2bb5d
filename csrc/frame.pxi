# Framer: a stream of bytes in any chunks -> whole messages.
#
# The framer owns one buffer, lends its free tail to the reader of the socket, and frames in place
# by BodyLength. Four offsets only ever move forward within the buffer:
#
#     framed <= mark <= scanned <= received
#
# framed: first byte of the frame being read; all before it was yielded, dropped or skipped.
# mark: first byte of the header field being read. scanned: all before it was searched, and is not
# searched again. received: end of the bytes. They fall together only when the bytes still needed
# move to the front of the buffer, which happens in feed and get_buffer alone; that starts a new
# generation, and messages of an older one refuse to be read.

cdef enum:
    READ_BYTES = 1 << 16  # room lent to a reader at least
    HINT_BYTES_MAX = 1 << 30
    MESSAGE_BYTES_MAX_MAX = 1 << 30  # offsets within a message are 32 bits wide
    BEGIN_STRING_BYTES_MAX = 16
    KIND_BYTES_MAX = 16
    LENGTH_DIGITS_MAX = 20

# What a step found.
cdef enum:
    NEED_MORE
    WHOLE
    LOST

# What stands at mark.
cdef enum Stage:
    AT_BEGIN_STRING
    AT_BODY_LENGTH
    AT_KIND
    IN_BODY


cdef struct Expected:
    const char *literal  # how the field begins
    Py_ssize_t literal_bytes
    Py_ssize_t value_bytes_max
    const char *problem

cdef Expected[3] HEADER = [
    Expected(b"8=FIX", 5, BEGIN_STRING_BYTES_MAX - 3, b"a message must begin with 8=FIX"),
    Expected(b"9=", 2, LENGTH_DIGITS_MAX, b"BodyLength<9> must be second, digits within bounds"),
    Expected(b"35=", 3, KIND_BYTES_MAX, b"MsgType<35> must be third and within the body"),
]


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
        self.data = <uint8_t *>PyMem_Malloc(capacity + SCAN_PADDING)
        if self.data is NULL:
            raise MemoryError()
        memset(self.data + capacity, 0, SCAN_PADDING)
        self.capacity = capacity

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.data + self.lent_offset, self.lent_bytes, 0, flags)

    def __dealloc__(self):
        PyMem_Free(self.data)


@cython.final
@cython.no_gc
cdef class Framer:
    """Framer(message_bytes_max=1048576, resync=False)

    Cuts a stream of bytes into FIX messages by BodyLength; iterate over it for the messages.

    Bytes go in by feed, or without a copy by get_buffer and buffer_updated. Iterating yields each
    complete valid Message and stops when more bytes are needed; iterate again after the next feed.
    All messages stay valid until the next feed or get_buffer.

    message_bytes_max: longest message accepted, in bytes, 64 to 2**30. A message whose CheckSum is
    wrong is dropped and counted in `garbled`. Where the stream cannot be framed any more (8, 9,
    35 not the first three fields, a BodyLength that is no number or too large, or no CheckSum
    where it says), resync=False raises RemoteProtocolError with reason "framing", now and on every
    further step, and bytes fed later are dropped; resync=True goes on at the next "8=FIX".
    """

    cdef Store store
    cdef Py_ssize_t framed
    cdef Py_ssize_t mark
    cdef Py_ssize_t scanned
    cdef Py_ssize_t received
    cdef Stage stage
    cdef int64_t body_bytes  # BodyLength of the frame being read
    cdef Py_ssize_t frame_end  # offset behind the frame being read, known from AT_KIND on
    cdef Py_ssize_t kind_offset
    cdef Py_ssize_t kind_bytes
    cdef const char *problem  # why the last step was LOST

    cdef uint8_t[24] prefix  # "8=FIX.4.4", SOH, "9=" as the last message had it
    cdef Py_ssize_t prefix_bytes

    cdef uint64_t generation
    cdef ScanEntry *entries  # the index of every message of this generation
    cdef Py_ssize_t entries_used
    cdef Py_ssize_t entries_capacity

    cdef Py_ssize_t message_bytes_max
    cdef bint resync
    cdef bint lost
    cdef uint64_t garbled_count
    cdef uint64_t skipped_bytes
    cdef bytes garbled_bytes  # of the last one, or None

    def __cinit__(self, Py_ssize_t message_bytes_max=1 << 20, bint resync=False):
        if not 64 <= message_bytes_max <= MESSAGE_BYTES_MAX_MAX:
            raise LocalProtocolError(
                f"message_bytes_max must be 64 to {MESSAGE_BYTES_MAX_MAX}, not {message_bytes_max}"
            )
        self.message_bytes_max = message_bytes_max
        self.resync = resync
        self.store = Store(4 * READ_BYTES)
        self.generation = 1

    def __dealloc__(self):
        PyMem_Free(self.entries)

    @property
    def garbled(self):
        """Count of messages dropped because their CheckSum was wrong."""
        return self.garbled_count

    @property
    def last_garbled(self):
        """The bytes of the last message dropped so, or None."""
        return self.garbled_bytes

    @property
    def skipped(self):
        """Count of bytes skipped where framing was lost (with resync=True)."""
        return self.skipped_bytes

    @property
    def pending(self):
        """Bytes received that belong to no yielded, dropped or skipped message yet."""
        return self.received - self.framed

    # Bytes in ------------------------------------------------------------------------------------

    def get_buffer(self, Py_ssize_t hint):
        """Writable room for the next read, as a memoryview.

        At least max(hint, 65536) bytes; hint may be -1 for no wish. Ends the life of all messages
        and of what the last get_buffer lent. The memory stays allocated for as long as the
        memoryview lives. Raises LocalProtocolError when more than message_bytes_max bytes wait to
        be iterated over.
        """
        if hint > HINT_BYTES_MAX:
            raise LocalProtocolError(f"get_buffer: hint must be at most {HINT_BYTES_MAX} bytes")
        self.renew(max(hint, <Py_ssize_t>READ_BYTES))
        self.store.lent_offset = self.received
        self.store.lent_bytes = self.store.capacity - self.received
        return PyMemoryView_FromObject(self.store)

    def buffer_updated(self, Py_ssize_t count):
        """The first count bytes of what get_buffer lent were written.

        Once per get_buffer. Raises LocalProtocolError for more bytes than were lent.
        """
        if not 0 <= count <= self.store.lent_bytes:
            raise LocalProtocolError(
                f"buffer_updated: {count} bytes, but {self.store.lent_bytes} are lent;"
                " call get_buffer before each read"
            )
        self.store.lent_bytes = 0
        if not self.lost:
            self.received += count

    def feed(self, data):
        """Append a copy of these bytes (any bytes-like object, any size).

        Ends the life of all messages. Raises LocalProtocolError when more than message_bytes_max
        bytes of earlier feeds wait to be iterated over.
        """
        cdef Py_buffer view
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            self.renew(view.len)
            if not self.lost:
                memmove(self.store.data + self.received, view.buf, view.len)
                self.received += view.len
        finally:
            PyBuffer_Release(&view)

    cdef int renew(self, Py_ssize_t room) except -1:
        """Start a generation with this much room behind received."""
        cdef Py_ssize_t pending = self.received - self.framed
        cdef Py_ssize_t capacity
        cdef Store store = self.store
        assert self.framed <= self.mark <= self.scanned <= self.received <= store.capacity
        if pending > self.message_bytes_max + READ_BYTES:
            raise LocalProtocolError(
                f"framer: {pending} bytes wait, more than message_bytes_max and one read;"
                " iterate over the framer after each feed"
            )
        self.generation += 1
        self.entries_used = 0
        store.lent_bytes = 0
        if pending == 0 or store.capacity - self.received < room:
            if store.capacity < pending + room:
                capacity = min(2 * store.capacity, self.message_bytes_max + 2 * READ_BYTES)
                store = Store(max(capacity, pending + room))
            memmove(store.data, self.store.data + self.framed, pending)
            self.store = store
            self.mark -= self.framed
            self.scanned -= self.framed
            self.frame_end -= self.framed
            self.kind_offset -= self.framed
            self.received = pending
            self.framed = 0
        return 0

    # Messages out --------------------------------------------------------------------------------

    def __iter__(self):
        return self

    def __next__(self):
        cdef int outcome
        while not self.lost:
            outcome = self.advance()
            if outcome == NEED_MORE:
                raise StopIteration
            if outcome == WHOLE:
                if self.sum_is_right():
                    return self.take()
                self.garbled_count += 1
                self.garbled_bytes = PyBytes_FromStringAndSize(
                    <const char *>self.store.data + self.framed, self.frame_end - self.framed
                )
                self.start_at(self.frame_end)
            elif self.resync:
                self.skip()
            else:
                self.lost = True
                # What came behind the break is of no use to anybody.
                self.received = self.scanned
        raise RemoteProtocolError(
            f"framing lost: {self.problem.decode()}; close the connection", None, "framing"
        )

    cdef Message take(self):
        """The whole frame at framed as a Message; the next frame begins behind it."""
        cdef Message message = Message.__new__(Message)
        message.framer = self
        message.generation = self.generation
        message.offset = self.framed
        message.length = self.frame_end - self.framed
        message.kind_offset = self.kind_offset - self.framed
        message.kind_bytes = self.kind_bytes
        self.start_at(self.frame_end)
        return message

    cdef void start_at(self, Py_ssize_t offset) noexcept:
        self.framed = offset
        self.mark = offset
        self.scanned = offset
        self.stage = AT_BEGIN_STRING

    cdef int advance(self) noexcept:
        """Read on in the frame at framed: NEED_MORE, WHOLE or LOST."""
        cdef int outcome
        cdef const uint8_t *data = self.store.data
        if (
            self.scanned == self.framed
            and self.prefix_bytes != 0
            and self.received - self.framed >= self.prefix_bytes
            and memcmp(data + self.framed, self.prefix, self.prefix_bytes) == 0
        ):
            self.mark = self.framed + self.prefix_bytes - 2
            self.scanned = self.framed + self.prefix_bytes
            self.stage = AT_BODY_LENGTH
            self.body_bytes = 0
        while self.stage != IN_BODY:
            outcome = self.read_header_field()
            if outcome != WHOLE:
                return outcome
        return self.check_trailer()

    cdef int read_header_field(self) noexcept:
        """Read on in the header field at mark; WHOLE when it is read."""
        cdef const Expected *expected = &HEADER[<int>self.stage]
        cdef const uint8_t *p = self.store.data + self.mark
        cdef Py_ssize_t n = self.scanned - self.mark
        cdef Py_ssize_t have = self.received - self.mark
        cdef Py_ssize_t value_bytes
        cdef uint8_t c
        self.problem = expected.problem
        while n < have:
            c = p[n]
            value_bytes = n - expected.literal_bytes
            if value_bytes < 0:
                if c != <uint8_t>expected.literal[n]:
                    return LOST
            elif c == SCAN_SOH:
                self.scanned = self.mark + n + 1
                return self.end_header_field(value_bytes)
            elif value_bytes >= expected.value_bytes_max or c < 0x21 or c > 0x7E:
                return LOST
            elif self.stage == AT_BODY_LENGTH:
                if not 48 <= c <= 57:
                    return LOST
                self.body_bytes = self.body_bytes * 10 + (c - 48)
                if self.body_bytes > self.message_bytes_max:
                    return LOST
            elif self.stage == AT_KIND:
                if n + 1 >= self.body_bytes:
                    return LOST
            elif c == 61:
                return LOST
            n += 1
        self.scanned = self.received
        return NEED_MORE

    cdef int end_header_field(self, Py_ssize_t value_bytes) noexcept:
        """The SOH of the header field at mark was found, just before scanned."""
        if value_bytes == 0:
            return LOST
        if self.stage == AT_BEGIN_STRING:
            self.prefix_bytes = self.scanned - self.mark
            memcpy(self.prefix, self.store.data + self.mark, self.prefix_bytes)
            memcpy(self.prefix + self.prefix_bytes, b"9=", 2)
            self.prefix_bytes += 2
            self.body_bytes = 0
            self.stage = AT_BODY_LENGTH
        elif self.stage == AT_BODY_LENGTH:
            self.frame_end = self.scanned + self.body_bytes + SCAN_TRAILER_BYTES
            if self.body_bytes < 5 or self.frame_end - self.framed > self.message_bytes_max:
                return LOST
            self.stage = AT_KIND
        else:
            self.kind_offset = self.mark + 3
            self.kind_bytes = value_bytes
            self.stage = IN_BODY
        self.mark = self.scanned
        return WHOLE

    cdef int check_trailer(self) noexcept:
        """Whether SOH, 10=ddd, SOH ends the frame, as far as its bytes are here."""
        cdef Py_ssize_t offset = self.frame_end - SCAN_TRAILER_BYTES - 1
        cdef const uint8_t *p = self.store.data + offset
        cdef Py_ssize_t have = min(self.received - offset, <Py_ssize_t>SCAN_TRAILER_BYTES + 1)
        cdef Py_ssize_t n
        cdef uint8_t c
        self.problem = b"no CheckSum<10> where BodyLength<9> says"
        for n in range(have):
            c = p[n]
            if 4 <= n <= 6:
                if not 48 <= c <= 57:
                    return LOST
            elif c != <uint8_t>b"\x0110=\0\0\0\x01"[n]:
                return LOST
        if have <= SCAN_TRAILER_BYTES:
            return NEED_MORE
        self.scanned = self.frame_end
        return WHOLE

    cdef bint sum_is_right(self) noexcept:
        cdef const uint8_t *p = self.store.data + self.framed
        cdef Py_ssize_t n = self.frame_end - self.framed
        cdef uint32_t claimed = (p[n - 4] - 48) * 100 + (p[n - 3] - 48) * 10 + (p[n - 2] - 48)
        return sum_bytes(p, n - SCAN_TRAILER_BYTES) % 256 == claimed

    cdef void skip(self) noexcept:
        """Go to the next place behind framed where 8=FIX stands or may begin."""
        cdef const uint8_t *data = self.store.data
        cdef Py_ssize_t at = self.framed + 1
        while True:
            at += find_byte(data + at, self.received - at, 56)
            if memcmp(data + at, b"8=FIX", min(self.received - at, <Py_ssize_t>5)) == 0:
                break
            at += 1
        self.skipped_bytes += at - self.framed
        self.start_at(at)

    cdef ScanEntry *reserve_entries(self, Py_ssize_t count) except NULL:
        """Room for count more entries; what was reserved and used before may move."""
        cdef Py_ssize_t capacity
        cdef ScanEntry *entries
        if self.entries_capacity - self.entries_used < count:
            capacity = max(2 * self.entries_capacity, self.entries_used + count)
            entries = <ScanEntry *>PyMem_Realloc(self.entries, capacity * sizeof(ScanEntry))
            if entries is NULL:
                raise MemoryError()
            self.entries = entries
            self.entries_capacity = capacity
        return self.entries + self.entries_used
