# Packing: a message's columns as MessagePack, so that a report goes on to the bus as it came,
# without an object for each of its fields.

cdef enum:
    PACK_HEAD_BYTES = 9  # of any value at most
    PACK_ROOM = 256  # for what is absent
    PACK_NIL = 0xC0
    PACK_BIN = 0xC4
    PACK_STR = 0xD9


@cython.internal
@cython.final
@cython.no_gc
cdef class Packing:
    """MessagePack being written, the shortest form of each value, as msgspec writes it."""

    cdef uint8_t *data
    cdef Py_ssize_t used
    cdef Py_ssize_t capacity

    def __dealloc__(self):
        PyMem_Free(self.data)

    cdef uint8_t *room(self, Py_ssize_t n) except NULL:
        """Where n more bytes may be written; what room gave before may have moved."""
        cdef uint8_t *data
        if self.capacity - self.used < n:
            data = <uint8_t *>PyMem_Realloc(self.data, 2 * self.capacity + n)
            if data is NULL:
                raise MemoryError()
            self.data = data
            self.capacity = 2 * self.capacity + n
        return self.data + self.used

    cdef int put_raw(self, const void *p, Py_ssize_t n) except -1:
        """Bytes that are MessagePack already."""
        memcpy(self.room(n), p, n)
        self.used += n
        return 0

    cdef int put_nil(self) except -1:
        self.room(1)[0] = PACK_NIL
        self.used += 1
        return 0

    cdef int put_sized(self, uint8_t kind, const uint8_t *p, Py_ssize_t n) except -1:
        """Text or bytes. kind: the first byte of the form with one byte of length."""
        cdef uint8_t *to = self.room(PACK_HEAD_BYTES + n)
        cdef Py_ssize_t head = 2
        if kind == PACK_STR and n < 32:
            to[0] = 0xA0 | n
            head = 1
        elif n <= 0xFF:
            to[0] = kind
            to[1] = n
        elif n <= 0xFFFF:
            to[0] = kind + 1
            head = 1 + big_endian(to + 1, n, 2)
        else:
            to[0] = kind + 2
            head = 1 + big_endian(to + 1, n, 4)
        memcpy(to + head, p, n)
        self.used += head + n
        return 0

    cdef int put_array(self, Py_ssize_t n) except -1:
        """The head of an array of n values."""
        cdef uint8_t *to = self.room(PACK_HEAD_BYTES)
        if n < 16:
            to[0] = 0x90 | n
            self.used += 1
        elif n <= 0xFFFF:
            to[0] = 0xDC
            self.used += 1 + big_endian(to + 1, n, 2)
        else:
            to[0] = 0xDD
            self.used += 1 + big_endian(to + 1, n, 4)
        return 0

    cdef int put_number(self, int64_t number) except -1:
        cdef uint8_t *to = self.room(PACK_HEAD_BYTES)
        cdef int power = 0  # of two: how many bytes
        if -32 <= number < 128:
            to[0] = <uint8_t>number
            self.used += 1
            return 0
        if number < 0:
            while power < 3 and number < -(<int64_t>1 << ((8 << power) - 1)):
                power += 1
            to[0] = 0xD0 + power
        else:
            while power < 3 and number >> (8 << power) != 0:
                power += 1
            to[0] = 0xCC + power
        self.used += 1 + big_endian(to + 1, <uint64_t>number, 1 << power)
        return 0

    cdef int put(self, object value) except -1:
        """What Message.value and Message.extra give."""
        cdef Py_ssize_t n = 0
        cdef const char *p
        if value is None:
            return self.put_nil()
        if type(value) is str:
            p = utf8_of(value, &n)
            return self.put_sized(PACK_STR, <const uint8_t *>p, n)
        if type(value) is bytes:
            p = PyBytes_AS_STRING(value)
            return self.put_sized(PACK_BIN, <const uint8_t *>p, PyBytes_GET_SIZE(value))
        if type(value) is int:
            return self.put_number(PyLong_AsLong(value))
        self.put_array(len(value))
        for one in value:
            self.put(one)
        return 0

    cdef int put_field(self, int type, const uint8_t *p, Py_ssize_t n) except -1:
        """Wire text that fits its type."""
        cdef int64_t number = 0
        if type == TYPE_INT or type == TYPE_LENGTH or type == TYPE_SEQNUM:
            number_read_signed(p, n, &number)
            return self.put_number(number)
        return self.put_sized(PACK_BIN if type == TYPE_DATA else PACK_STR, p, n)


cdef inline Py_ssize_t big_endian(uint8_t *to, uint64_t number, Py_ssize_t n) noexcept:
    """Write the low n bytes of a number, the highest first; n."""
    cdef Py_ssize_t i
    for i in range(n):
        to[i] = <uint8_t>(number >> (8 * (n - 1 - i)))
    return n
