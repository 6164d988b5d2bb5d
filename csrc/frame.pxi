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
#
# The ordinary frame (frame.h) is found at one look. What is not all there yet, or not ordinary, is
# read on byte by byte, keeping its place, and the two agree.

cdef enum:
    HINT_BYTES_MAX = 1 << 30
    MESSAGE_BYTES_MAX_MAX = 1 << 30  # offsets within a message are 32 bits wide
    BEGIN_STRING_BYTES_MAX = 16
    KIND_BYTES_MAX = 16
    LENGTH_DIGITS_MAX = 20
    PLANS_MAX = 32

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


@cython.final
@cython.no_gc
cdef class Framer:
    """Framer(message_bytes_max=1048576, resync=False, plans=None)

    Cuts a stream of bytes into FIX messages by BodyLength; iterate over it for the messages.

    Bytes go in by feed, or without a copy by get_buffer and buffer_updated. Iterating yields each
    complete valid Message and stops when more bytes are needed; iterate again after the next feed.
    All messages stay valid until the next feed or get_buffer.

    message_bytes_max: longest message accepted, in bytes, 64 to 2**30. A message whose CheckSum is
    wrong is dropped and counted in `garbled`. Where the stream cannot be framed any more (8, 9,
    35 not the first three fields, a BodyLength that is no number or too large, or no CheckSum
    where it says), resync=False raises RemoteProtocolError with reason "framing", now and on every
    further step, and bytes fed later are dropped; resync=True goes on at the next "8=FIX".

    plans: {MsgType<35> as bytes: Plan}, at most 32. Messages of these kinds are read by their plan
    in the pass that frames them, and have value, values and check without Plan.read.
    """

    cdef Arena arena
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

    cdef uint8_t[32] prefix  # "8=FIX.4.4", SOH, "9=" as the last message had it
    cdef Py_ssize_t prefix_bytes

    # The last two messages yielded. One that nobody else holds any more is yielded again.
    cdef PyObject *newest
    cdef PyObject *older

    cdef tuple plans
    cdef uint64_t[PLANS_MAX + 1] plan_kinds  # as kind_word gives them
    cdef PyObject* plan_of[PLANS_MAX + 1]  # behind the last one: None
    cdef Py_ssize_t plan_count

    cdef Py_ssize_t message_bytes_max
    cdef bint resync
    cdef bint lost
    cdef uint64_t garbled_count
    cdef uint64_t skipped_bytes
    cdef bytes garbled_bytes  # of the last one, or None

    def __cinit__(self, Py_ssize_t message_bytes_max=1 << 20, bint resync=False, plans=None):
        if not 64 <= message_bytes_max <= MESSAGE_BYTES_MAX_MAX:
            raise LocalProtocolError(
                f"message_bytes_max must be 64 to {MESSAGE_BYTES_MAX_MAX}, not {message_bytes_max}"
            )
        self.message_bytes_max = message_bytes_max
        self.resync = resync
        self.arena = Arena()
        self.take_plans({} if plans is None else dict(plans))

    def __dealloc__(self):
        Py_XDECREF(self.newest)
        Py_XDECREF(self.older)

    cdef int take_plans(self, dict plans) except -1:
        cdef bytes kind
        if len(plans) > PLANS_MAX:
            raise LocalProtocolError(f"plans: at most {PLANS_MAX}, not {len(plans)}")
        for key, plan in plans.items():
            if not (
                isinstance(key, bytes)
                and len(key) <= 8
                and is_word(key)
                and isinstance(plan, Plan)
            ):
                raise LocalProtocolError(
                    f"plans: {key!r} must be a MsgType<35> of 1 to 8 bytes, its value a Plan"
                )
            kind = key
            self.plan_kinds[self.plan_count] = kind_word(
                <const uint8_t *>PyBytes_AS_STRING(kind), len(kind)
            )
            self.plan_of[self.plan_count] = <PyObject *>plan
            self.plan_count += 1
        self.plan_of[self.plan_count] = <PyObject *>None
        self.plans = tuple(plans.values())
        return 0

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
        memoryview lives. Raises LocalProtocolError when more than message_bytes_max bytes and one
        read (65536) wait to be iterated over.
        """
        if hint > HINT_BYTES_MAX:
            raise LocalProtocolError(f"get_buffer: hint must be at most {HINT_BYTES_MAX} bytes")
        self.renew(max(hint, <Py_ssize_t>READ_BYTES))
        self.arena.store.open()
        self.arena.store.lent_offset = self.received
        self.arena.store.lent_bytes = self.arena.store.capacity - self.received
        return PyMemoryView_FromObject(self.arena.store)

    def buffer_updated(self, Py_ssize_t count):
        """The first count bytes of what get_buffer lent were written.

        Once per get_buffer. Raises LocalProtocolError for more bytes than were lent.
        """
        if not 0 <= count <= self.arena.store.lent_bytes:
            raise LocalProtocolError(
                f"buffer_updated: {count} bytes, but {self.arena.store.lent_bytes} are lent;"
                " call get_buffer before each read"
            )
        self.arena.store.lent_bytes = 0
        if not self.lost:
            self.received += count
        self.arena.store.close(self.received)

    @cython.always_allow_keywords(False)
    def feed(self, data):
        """Append a copy of these bytes (any bytes-like object, any size).

        Ends the life of all messages. Raises LocalProtocolError when more than message_bytes_max
        bytes and one read (65536) of earlier feeds wait to be iterated over.
        """
        cdef Py_buffer view
        if type(data) is bytes:
            self.append(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
            return
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            self.append(<const char *>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)

    cdef inline int append(self, const char *p, Py_ssize_t n) except -1:
        self.renew(n)
        if not self.lost:
            self.arena.store.open()
            bytes_copy(self.arena.store.data + self.received, <const uint8_t *>p, n, LEVEL)
            self.received += n
            self.arena.store.close(self.received)
        return 0

    cdef inline int renew(self, Py_ssize_t room) except -1:
        """Start a generation with this much room behind received."""
        if self.received != self.framed or room > self.arena.store.capacity:
            self.move_pending(room)
        else:
            self.framed = 0
            self.mark = 0
            self.scanned = 0
            self.received = 0
        self.arena.renew()
        return 0

    cdef int move_pending(self, Py_ssize_t room) except -1:
        """Move the bytes that are still needed where there is room behind them."""
        cdef Py_ssize_t pending = self.received - self.framed
        cdef Py_ssize_t capacity
        cdef Store store = self.arena.store
        assert self.framed <= self.mark <= self.scanned <= self.received <= store.capacity
        if pending > self.message_bytes_max + READ_BYTES:
            raise LocalProtocolError(
                f"framer: {pending} bytes wait, more than message_bytes_max and one read;"
                " iterate over the framer after each feed"
            )
        if pending == 0 or store.capacity - self.received < room:
            if store.capacity < pending + room:
                capacity = min(2 * store.capacity, self.message_bytes_max + 2 * READ_BYTES)
                store = Store(max(capacity, pending + room))
            memmove(store.data, self.arena.store.data + self.framed, pending)
            self.arena.store = store
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
        cdef Message message
        while not self.lost:
            outcome = self.advance()
            if outcome == WHOLE:
                message = self.take()
                if message is not None:
                    return message
            elif outcome == NEED_MORE:
                raise StopIteration
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
        """The whole frame at framed as a Message, or None where its CheckSum is wrong.

        The next frame begins behind it.
        """
        cdef Py_ssize_t frame = self.framed
        cdef Py_ssize_t length = self.frame_end - frame
        cdef const uint8_t *p = self.arena.store.data + frame
        cdef PyObject *plan = self.plan_for(p + self.kind_offset - frame)
        cdef Message message = self.next_message(length, plan)
        cdef ScanRows rows
        cdef int32_t[32] no_marks
        rows.lookup = &COMMON
        rows.marks = no_marks
        rows.count = 1
        if plan is not <PyObject *>None and (<Plan>plan).table.flat:
            rows.lookup = &(<Plan>plan).table.lookup
            rows.marks = <int32_t *>(self.arena.records + message.record)
            rows.count = (<Plan>plan).marks_count
        scan_frame(p, length, &rows, self.arena.entries + message.first, &message.scan, LEVEL)
        if message.scan.sum & 0xFF != self.claimed_sum(p + length):
            self.garbled_count += 1
            self.garbled_bytes = PyBytes_FromStringAndSize(<const char *>p, length)
            self.start_at(self.frame_end)
            message.arena = None
            return None
        message.offset = frame
        message.length = length
        message.kind_offset = self.kind_offset - frame
        message.kind_bytes = self.kind_bytes
        self.start_at(self.frame_end)
        if plan is not <PyObject *>None:
            if not (<Plan>plan).table.flat:
                (<Plan>plan).note(message)
            (<Plan>plan).read_at_once(message)
        return message

    cdef inline Message next_message(self, Py_ssize_t length, PyObject *plan):
        """A message with room for the index of so long a frame, and for the plan's record."""
        cdef Py_ssize_t entries_room = scan_entries_max(length)
        cdef Py_ssize_t record_room
        cdef Arena arena = self.arena
        cdef Message message
        cdef PyObject *spare = self.older
        self.older = self.newest
        if spare is not NULL and spare.ob_refcnt == 1:
            self.newest = spare
        else:
            self.newest = NULL
            Py_XDECREF(spare)
            message = Message.__new__(Message)
            Py_INCREF(message)
            self.newest = <PyObject *>message
        message = <Message>self.newest
        if message.arena is not arena or message.generation != arena.generation:
            if message.arena is not arena:
                message.arena = arena
            message.generation = arena.generation
            message.entries_room = 0
            message.record_room = 0
        if message.entries_room < entries_room:
            message.first = arena.reserve_entries(entries_room)
            message.entries_room = entries_room
        if <PyObject *>message.plan is not plan:
            message.plan = <Plan>plan
        if plan is not <PyObject *>None:
            record_room = (<Plan>plan).record_bytes
            if message.record_room < record_room:
                message.record = arena.reserve_record(record_room)
                message.record_room = record_room
        if <PyObject *>message.origin is not <PyObject *>None:
            message.origin = None
        return message

    cdef inline uint32_t claimed_sum(self, const uint8_t *end) noexcept:
        """CheckSum<10> of the frame that ends there."""
        end -= 4
        return (end[0] - 48) * 100 + (end[1] - 48) * 10 + (end[2] - 48)

    cdef inline PyObject *plan_for(self, const uint8_t *kind) noexcept:
        """The plan for this kind, or None; borrowed."""
        cdef Py_ssize_t i = self.plan_count
        if self.kind_bytes <= 8:
            self.plan_kinds[i] = kind_word(kind, self.kind_bytes)
            i = 0
            while self.plan_kinds[i] != self.plan_kinds[self.plan_count]:
                i += 1
        return self.plan_of[i]

    cdef inline void start_at(self, Py_ssize_t offset) noexcept:
        self.framed = offset
        self.mark = offset
        self.scanned = offset
        self.stage = AT_BEGIN_STRING

    cdef inline int advance(self) noexcept:
        """Read on in the frame at framed: NEED_MORE, WHOLE or LOST."""
        cdef int outcome
        cdef FrameMarks marks
        cdef const uint8_t *data = self.arena.store.data
        if self.scanned == self.received:
            return NEED_MORE
        if self.scanned == self.framed and frame_ordinary(
            data + self.framed,
            self.received - self.framed,
            self.prefix,
            self.prefix_bytes,
            self.message_bytes_max,
            &marks,
        ):
            self.kind_offset = self.framed + marks.kind_offset
            self.kind_bytes = marks.kind_bytes
            self.frame_end = self.framed + marks.length
            return WHOLE
        while self.stage != IN_BODY:
            outcome = self.read_header_field()
            if outcome != WHOLE:
                return outcome
        return self.check_trailer()

    cdef int read_header_field(self) noexcept:
        """Read on in the header field at mark; WHOLE when it is read."""
        cdef const Expected *expected = &HEADER[<int>self.stage]
        cdef const uint8_t *p = self.arena.store.data + self.mark
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
            memset(self.prefix, 0, sizeof(self.prefix))
            memcpy(self.prefix, self.arena.store.data + self.mark, self.prefix_bytes)
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
        cdef const uint8_t *p = self.arena.store.data + offset
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

    cdef void skip(self) noexcept:
        """Go to the next place behind framed where 8=FIX stands or may begin."""
        cdef const uint8_t *data = self.arena.store.data
        cdef Py_ssize_t at = self.framed + 1
        while True:
            at += find_byte(data + at, self.received - at, 56)
            if memcmp(data + at, b"8=FIX", min(self.received - at, <Py_ssize_t>5)) == 0:
                break
            at += 1
        self.skipped_bytes += at - self.framed
        self.start_at(at)


cdef inline uint64_t kind_word(const uint8_t *kind, Py_ssize_t n) noexcept:
    """A MsgType of 1 to 8 bytes as one number."""
    cdef uint64_t word = 0
    if n == 1:
        return kind[0]
    memcpy(&word, kind, n)
    return word
