# Sheet: a message being written, and what may stand in it.
#
# The body goes into a reused buffer that leaves room in front for 8 and 9, whose length is known
# last. Values are checked here, by type, before they are copied: bytes leave a sheet only when the
# message is whole, so a refused value leaves nothing behind and one field never becomes two.

cdef enum:
    HEAD_BYTES = 64  # for 8=, 9= and their values
    SHEET_BYTES_MAX = 1 << 30
    BODY_LENGTH_DIGITS_MAX = 9
    TAG_BEGIN_STRING = 8
    TAG_BODY_LENGTH = 9
    TAG_CHECK_SUM = 10
    TAG_MSG_SEQ_NUM = 34
    TAG_MSG_TYPE = 35
    TAG_SENDER_COMP_ID = 49
    TAG_SENDING_TIME = 52
    TAG_TARGET_COMP_ID = 56


@cython.internal
@cython.final
@cython.no_gc
cdef class Sheet:
    """The body of a message being written, and the frame put around it."""

    cdef uint8_t *data
    cdef Py_ssize_t capacity
    cdef Py_ssize_t used
    cdef bytes head  # "8=FIX.4.4", SOH, "9="
    cdef int body_length_digits

    def __cinit__(self, bytes begin_string not None, int body_length_digits):
        if not (
            begin_string.startswith(b"FIX")
            and 3 < len(begin_string) <= BEGIN_STRING_BYTES_MAX
            and is_word(begin_string)
        ):
            raise LocalProtocolError(f"begin_string {begin_string!r} is none such as b'FIX.4.4'")
        if not 0 <= body_length_digits <= BODY_LENGTH_DIGITS_MAX:
            raise LocalProtocolError(
                f"body_length_digits {body_length_digits} is not 0 to {BODY_LENGTH_DIGITS_MAX}"
            )
        self.head = b"8=" + begin_string + b"\x019="
        self.body_length_digits = body_length_digits
        self.used = HEAD_BYTES
        self.room(1024)

    def __dealloc__(self):
        PyMem_Free(self.data)

    cdef uint8_t *room(self, Py_ssize_t n) except NULL:
        """Where n more bytes may be written; what room gave before may have moved."""
        cdef Py_ssize_t capacity
        cdef uint8_t *data
        if self.capacity - self.used < n:
            if n > SHEET_BYTES_MAX - self.used:
                raise LocalProtocolError(f"a message may have at most {SHEET_BYTES_MAX} bytes")
            capacity = max(2 * self.capacity, self.used + n)
            data = <uint8_t *>PyMem_Realloc(self.data, capacity)
            if data is NULL:
                raise MemoryError()
            self.data = data
            self.capacity = capacity
        return self.data + self.used

    cdef int put_field(
        self, const uint8_t *prefix, Py_ssize_t prefix_bytes, const void *p, Py_ssize_t n
    ) except -1:
        """A whole field; prefix is its tag and '='."""
        cdef uint8_t *to = self.room(prefix_bytes + n + 1)
        memcpy(to, prefix, prefix_bytes)
        memcpy(to + prefix_bytes, p, n)
        to[prefix_bytes + n] = SCAN_SOH
        self.used += prefix_bytes + n + 1
        return 0

    cdef int put_number(
        self, const uint8_t *prefix, Py_ssize_t prefix_bytes, int64_t value
    ) except -1:
        cdef uint8_t[NUMBER_DIGITS_MAX + 1] text
        cdef size_t minus = value < 0
        cdef uint64_t size = 0 - <uint64_t>value if minus else <uint64_t>value
        text[0] = 45
        minus += number_write(text + minus, size, 1)
        return self.put_field(prefix, prefix_bytes, text, minus)

    cdef bytes close(self):
        """The whole message."""
        cdef Py_ssize_t body_bytes = self.used - HEAD_BYTES
        cdef uint8_t[NUMBER_DIGITS_MAX] digits
        cdef Py_ssize_t count = number_write(digits, body_bytes, self.body_length_digits)
        cdef Py_ssize_t head_bytes = PyBytes_GET_SIZE(self.head)
        cdef uint8_t *start = self.data + HEAD_BYTES - 1 - count - head_bytes
        cdef Py_ssize_t length = self.data + self.used - start
        cdef bytes message
        cdef uint8_t *trailer
        write_copy(start, <const uint8_t *>PyBytes_AS_STRING(self.head), head_bytes)
        write_copy(start + head_bytes, digits, count)
        start[head_bytes + count] = SCAN_SOH
        # Made before the sum is taken: meanwhile what was just written in pieces reaches the cache,
        # from where it is read by whole vectors.
        message = PyBytes_FromStringAndSize(NULL, length + SCAN_TRAILER_BYTES)
        trailer = <uint8_t *>PyBytes_AS_STRING(message) + length
        memcpy(PyBytes_AS_STRING(message), start, length)
        write_trailer(trailer, sum_bytes(start, length))
        return message


cdef bint is_word(bytes text):
    """Whether text is 1 or more printable ASCII characters without space and '='."""
    return (
        len(text) > 0
        and bytes_printable(<const uint8_t *>PyBytes_AS_STRING(text), len(text), False)
        and b" " not in text
        and b"=" not in text
    )


cdef int check_kind(bytes kind) except -1:
    if kind is None or len(kind) > KIND_BYTES_MAX or not is_word(kind):
        raise LocalProtocolError(f"kind {kind!r} is no MsgType<35> such as b'D'", TAG_MSG_TYPE)
    return 0


cdef object refused(int32_t tag, object name, object kind, str why):
    """The error for a value that may not be sent; the value itself may be a secret."""
    field = f"tag {tag}" if name is None else f"{name}<{tag}>"
    return LocalProtocolError(f"message {kind.decode()}: {field} {why}", tag, "value")


cdef inline bint may_be_sent(int type, const char *p, Py_ssize_t n) noexcept:
    """Whether this text may be sent as a value of a type that is text in Python."""
    return p is not NULL and write_fits(type, <const uint8_t *>p, n)


cdef object refused_text(
    int type, const char *p, Py_ssize_t n, int32_t tag, object name, object kind
):
    """Why it may not."""
    if p is NULL:
        return refused(tag, name, kind, "is not Unicode text")
    if n == 0:
        return refused(tag, name, kind, "is empty; leave the field out instead")
    return refused(tag, name, kind, f"is not {FORMS[type]}")


cdef int64_t integer_of(object value, int type, int32_t tag, object name, object kind) except? -1:
    """A Python int within the range of the type."""
    cdef int64_t number
    if not PyLong_CheckExact(value) and (not isinstance(value, int) or isinstance(value, bool)):
        raise refused(tag, name, kind, f"takes an int, not {type_name(value)}")
    number = PyLong_AsLong(value)
    if number == -1 and PyErr_Occurred():
        PyErr_Clear()
        raise refused(tag, name, kind, f"is not {FORMS[type]}")
    if type == TYPE_SEQNUM and <uint64_t>number > UINT32_MAX:
        raise refused(tag, name, kind, f"is not {FORMS[type]}")
    if type == TYPE_LENGTH and number < 0:
        raise refused(tag, name, kind, "is a length and cannot be negative")
    return number


cdef str type_name(object value):
    return type(value).__name__


cdef inline const char *utf8_of(object text, Py_ssize_t *n) except? NULL:
    """The UTF-8 bytes of a str, alive as long as it; NULL where it holds lone surrogates."""
    if PyUnicode_IS_COMPACT_ASCII(text):
        n[0] = PyUnicode_GET_LENGTH(text)
        return <const char *>PyUnicode_1BYTE_DATA(text)
    return encode_utf8(text, n)


cdef const char *encode_utf8(object text, Py_ssize_t *n) except? NULL:
    try:
        return PyUnicode_AsUTF8AndSize(text, n)
    except UnicodeEncodeError:
        n[0] = 0  # CPython 3.13 has written -1 there
        return NULL


cdef bint scan_is_paired(int32_t tag) noexcept:
    """Whether tag is the length or the data of a length-prefixed pair."""
    return pair_data_tag(tag) != 0 or pair_is_data(tag)


cdef Py_ssize_t write_prefix(int32_t tag, uint8_t *to) noexcept:
    """Write tag and '='; the count of bytes."""
    cdef Py_ssize_t n = number_write(to, tag, 1)
    to[n] = 61
    return n + 1
