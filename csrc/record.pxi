# Appending to the journal's ring: one call a record, and no Python object but what is appended.

@cython.final
cdef class Appender:
    """Appender(memory, first, appended, on_disk, error)

    Puts the journal's records into a mapped ring; one thread appends.

    memory: writable; what lies behind the first `first` bytes of it is the ring, whose size is a
    power of two. appended, on_disk: where in memory the 8-byte marks stand up to which the stream
    is written, and may be overwritten; error: where what the disk said last, 0 where all is well.
    sequence: of the last record, those that found no room among
    them. refused: how many those were. Raises LocalProtocolError for another size, or for marks
    that are not aligned or not in front of the ring.
    """

    cdef Py_buffer view
    cdef RecordRing ring
    cdef uint64_t *appended
    cdef const uint64_t *on_disk
    cdef const uint64_t *error
    cdef uint64_t head
    cdef uint64_t limit
    cdef bint closed
    cdef readonly uint64_t sequence
    cdef readonly uint64_t refused

    def __cinit__(
        self,
        memory not None,
        Py_ssize_t first,
        Py_ssize_t appended,
        Py_ssize_t on_disk,
        Py_ssize_t error,
    ):
        cdef uint8_t *at
        PyObject_GetBuffer(memory, &self.view, PyBUF_WRITABLE)
        at = <uint8_t *>self.view.buf
        if not 8 <= first < self.view.len or (self.view.len - first) & (self.view.len - first - 1):
            raise LocalProtocolError("Appender: the size of a ring is a power of two")
        for mark in (appended, on_disk, error):
            if not 0 <= mark <= first - 8 or <size_t>(at + <Py_ssize_t>mark) % 8:
                raise LocalProtocolError("Appender: a mark is 8 aligned bytes in front of the ring")
        self.ring.memory = at + first
        self.ring.bytes = self.view.len - first
        self.appended = <uint64_t *>(at + appended)
        self.on_disk = <const uint64_t *>(at + on_disk)
        self.error = <const uint64_t *>(at + error)
        self.head = self.appended[0]
        self.limit = self.on_disk[0] + self.ring.bytes

    def __dealloc__(self):
        PyBuffer_Release(&self.view)

    def append(self, uint8_t kind, int64_t now, uint8_t line, data not None):
        """Add one record; False when the ring has no room for it, and then nothing is kept.

        kind: 0..255. now: monotonic ns. line: 0..255. data: bytes-like, secrets already masked.
        Never blocks and makes no system call. Raises OverflowError for a number out of range,
        TypeError for another type of data.
        """
        cdef Py_buffer view
        if type(data) is bytes:
            return self.put(kind, now, line, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            return self.put(kind, now, line, <const char *>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)

    cdef bint put(self, uint8_t kind, int64_t now, uint8_t line, const char *data, Py_ssize_t n):
        cdef uint64_t end = self.head + record_bytes(n)
        self.sequence += 1
        if end > self.limit and not self.make_room(end):
            self.refused += 1
            return False
        record_put(self.ring, self.head, kind, line, self.sequence, now, <const uint8_t *>data, n)
        self.head = end
        record_publish(self.appended, end)
        return True

    cdef bint make_room(self, uint64_t end) noexcept:
        if self.closed:
            return False
        self.limit = self.on_disk[0] + self.ring.bytes
        return end <= self.limit

    def has_room(self, uint64_t room_bytes):
        """Whether the disk takes what is appended, and the ring has this much room left."""
        return (
            not self.closed
            and self.error[0] == 0
            and self.on_disk[0] + self.ring.bytes >= self.head + room_bytes
        )

    def close(self):
        """From now on append refuses everything, and there is no room."""
        self.closed = True
        self.limit = 0

    def release(self):
        """Close, and give the memory back."""
        self.close()
        PyBuffer_Release(&self.view)


def named(name not None, bytes payload not None):
    """Data of a record that has a name: a length byte, the name, then the payload.

    name: text or bytes, cut after 127 bytes. What of a text has no UTF-8 is written as an escape.
    """
    cdef const char *p
    cdef Py_ssize_t n
    cdef bytes data
    cdef uint8_t *to
    if type(name) is str:
        if PyUnicode_IS_COMPACT_ASCII(name):
            p = <const char *>PyUnicode_1BYTE_DATA(name)
            n = PyUnicode_GET_LENGTH(name)
        else:
            name = name.encode("utf-8", "backslashreplace")
    if type(name) is bytes:
        p = PyBytes_AS_STRING(name)
        n = PyBytes_GET_SIZE(name)
    elif type(name) is not str:
        raise TypeError(f"a name is str or bytes, not {type(name).__name__}")
    n = min(n, RECORD_NAME_BYTES_MAX)
    data = PyBytes_FromStringAndSize(NULL, 1 + n + PyBytes_GET_SIZE(payload))
    to = <uint8_t *>PyBytes_AS_STRING(data)
    to[0] = n
    memcpy(to + 1, p, n)
    memcpy(to + 1 + n, PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))
    return data
