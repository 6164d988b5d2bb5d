# Writer: any message, field by field; for what has no table.

cdef enum:
    DECIMAL_DIGITS_MAX = 1000


@cython.final
@cython.no_gc
cdef class Writer:
    """Writer(begin_string, body_length_digits=0)

    Writes any message field by field: start, then fields in wire order, then finish. Refuses the
    same values as Template, with LocalProtocolError; a refused field is not written, and the
    message may go on without it. body_length_digits: as for Template.
    """

    cdef Sheet sheet
    cdef bytes kind  # of the message begun, or None

    def __cinit__(self, bytes begin_string not None, int body_length_digits=0):
        self.sheet = Sheet(begin_string, body_length_digits)

    def start(self, bytes kind not None):
        """Begin a message of this MsgType<35>; one begun before is forgotten."""
        check_kind(kind)
        self.kind = kind
        self.sheet.used = HEAD_BYTES
        self.sheet.put_field(b"35=", 3, PyBytes_AS_STRING(kind), len(kind))

    def text(self, int64_t tag, value):
        """A field of printable ASCII, from str or bytes."""
        self.put_text(tag, TYPE_STR, value)

    def utf8(self, int64_t tag, value):
        """A field of UTF-8 text without control characters, from str or bytes."""
        self.put_text(tag, TYPE_UTF8, value)

    def number(self, int64_t tag, value):
        """An integer field, from an int of 64 bits signed."""
        cdef uint8_t[WRITE_PREFIX_BYTES] prefix
        cdef Py_ssize_t prefix_bytes = self.open(tag, prefix)
        self.sheet.put_number(
            prefix, prefix_bytes, integer_of(value, TYPE_INT, tag, None, self.kind)
        )

    def decimal(self, int64_t tag, value):
        """An unsigned decimal field, from plain decimal text, int or Decimal.

        The digits are written as they are: Decimal("1.50") becomes 1.50, Decimal("1E+2") 100.
        """
        if isinstance(value, _Decimal):
            # A finite exponent may still ask for a million zeros.
            if not value.is_finite() or abs(value.adjusted()) > DECIMAL_DIGITS_MAX:
                raise refused(tag, None, self.begun(), "is not a finite decimal of a sane size")
            value = format(value, "f")
        elif isinstance(value, int) and not isinstance(value, bool):
            value = str(integer_of(value, TYPE_INT, tag, None, self.begun()))
        elif not isinstance(value, str):
            why = f"takes decimal text, int or Decimal, not {type_name(value)}"
            raise refused(tag, None, self.begun(), why)
        self.put_text(tag, TYPE_QTY, value)

    def data(self, int64_t length_tag, int64_t tag, bytes value not None):
        """A length field and the raw data it announces.

        Only the pairs of FIX 4.4, such as 95 and 96: a reader that does not know the pair would
        take SOH in the data for the end of the field.
        """
        cdef uint8_t[WRITE_PREFIX_BYTES] prefix
        self.begun()
        if not 0 < length_tag <= TAG_MAX or tag <= 0 or pair_data_tag(length_tag) != tag:
            raise LocalProtocolError(
                f"{length_tag} and {tag} are no length and data of FIX 4.4, such as 95 and 96", tag
            )
        if len(value) == 0:
            raise refused(tag, None, self.kind, "is empty; leave both fields out instead")
        self.sheet.room(len(value) + 3 * WRITE_PREFIX_BYTES + NUMBER_DIGITS_MAX)
        self.sheet.put_number(prefix, write_prefix(length_tag, prefix), len(value))
        self.sheet.put_field(
            prefix, write_prefix(tag, prefix), PyBytes_AS_STRING(value), len(value)
        )

    def finish(self):
        """The whole message as bytes; the writer is ready for the next start."""
        self.begun()
        self.kind = None
        return self.sheet.close()

    cdef bytes begun(self):
        if self.kind is None:
            raise LocalProtocolError("writer: no message is begun; call start first")
        return self.kind

    cdef Py_ssize_t open(self, int64_t tag, uint8_t *prefix) except -1:
        """Check that a field with this tag may be written now; write its prefix."""
        self.begun()
        if not 0 < tag <= TAG_MAX:
            raise LocalProtocolError(f"writer: tag {tag} must be 1 to {TAG_MAX}")
        if tag in (TAG_BEGIN_STRING, TAG_BODY_LENGTH, TAG_CHECK_SUM, TAG_MSG_TYPE):
            raise LocalProtocolError(f"writer: tag {tag} is written by start and finish", tag)
        if scan_is_paired(tag):
            raise LocalProtocolError(f"writer: tag {tag} is written by data, with its pair", tag)
        return write_prefix(tag, prefix)

    cdef int put_text(self, int64_t tag, int type, object value) except -1:
        cdef uint8_t[WRITE_PREFIX_BYTES] prefix
        cdef Py_ssize_t prefix_bytes = self.open(tag, prefix)
        cdef Py_ssize_t n = 0
        cdef const char *p
        if isinstance(value, bytes):
            p = PyBytes_AS_STRING(value)
            n = PyBytes_GET_SIZE(value)
        elif isinstance(value, str):
            p = utf8_of(value, &n)
        else:
            raise refused(tag, None, self.kind, f"takes str or bytes, not {type_name(value)}")
        if not may_be_sent(type, p, n):
            raise refused_text(type, p, n, tag, None, self.kind)
        return self.sheet.put_field(prefix, prefix_bytes, p, n)
