# Message: a view of one whole frame in the framer's memory.
#
# It holds offsets, never bytes. The flat index (tag, offset, length) of its fields is made when
# first asked for, in an arena that the framer keeps for all messages of a generation, so neither
# a message nor a field costs an allocation of memory.

cdef int64_t TAG_MAX = 999_999_999


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class Message:
    """A view of one FIX message, valid until the framer's next feed or get_buffer.

    After that every use raises LocalProtocolError; bytes(message) makes a copy that stays. Getters
    look at the message as a flat list of fields and answer for the first one with that tag, also
    where it is a member of a repeating group: groups are read through a Plan.
    """

    cdef Framer framer
    cdef uint64_t generation
    cdef Py_ssize_t offset  # of the frame in the framer's buffer
    cdef Py_ssize_t length
    cdef Py_ssize_t kind_offset  # from the first byte of the frame
    cdef Py_ssize_t kind_bytes
    cdef bint indexed
    cdef Py_ssize_t first  # of this message's entries in the framer's arena
    cdef Py_ssize_t count
    cdef ScanFault scan_fault

    # Where the bytes are -------------------------------------------------------------------------

    cdef inline const uint8_t *frame(self) except NULL:
        """The first byte of the frame; raises where the message is no longer valid."""
        if self.framer is None or self.generation != self.framer.generation:
            raise LocalProtocolError(
                "message used after the framer's next feed or get_buffer;"
                " read it before, or keep bytes(message)"
            )
        return self.framer.store.data + self.offset

    cdef inline ScanEntry *index(self) except NULL:
        """The entries of this message; the pointer holds until the next index() of any message."""
        cdef const uint8_t *p = self.frame()
        cdef ScanEntry *entries
        if not self.indexed:
            entries = self.framer.reserve_entries(scan_entries_max(self.length))
            self.count = scan_fields(p, self.length, entries, &self.scan_fault)
            self.first = self.framer.entries_used
            self.framer.entries_used += self.count
            self.indexed = True
        return self.framer.entries + self.first

    cdef const ScanEntry *find(self, int64_t tag) except? NULL:
        """The first entry with this tag, or NULL."""
        cdef const ScanEntry *entry = self.index()
        cdef const ScanEntry *end = entry + self.count
        while entry < end:
            if entry.tag == tag:
                return entry
            entry += 1
        return NULL

    cdef object absent(self, int64_t tag, object default):
        """The default, unless it is the message's fault that the field cannot be read."""
        if self.scan_fault.kind and (
            self.scan_fault.tag == tag or self.scan_fault.kind == SCAN_BAD_DATA
        ):
            raise self.fault
        return default

    cdef bytes value_at(self, Py_ssize_t i):
        """The value of entry i."""
        cdef const ScanEntry *entry = self.index() + i
        return PyBytes_FromStringAndSize(<const char *>self.frame() + entry.offset, entry.length)

    # What it says --------------------------------------------------------------------------------

    @property
    def kind(self):
        """MsgType<35> as bytes."""
        cdef const char *p = <const char *>self.frame() + self.kind_offset
        return PyBytes_FromStringAndSize(p, self.kind_bytes)

    @property
    def fault(self):
        """None, or a RemoteProtocolError (not raised) that tells the first malformed field.

        reason "tag": a tag is not a number of 1 to 9 digits without leading zero (tag None);
        "empty": a tag without value; "data": the declared length of a data field is wrong (tag is
        the length field's). The getters see the well-formed fields; after wrong data, those before.
        """
        self.index()
        cdef object tag = self.scan_fault.tag if self.scan_fault.tag else None
        if self.scan_fault.kind == SCAN_BAD_TAG:
            return RemoteProtocolError("a field does not begin with a tag and '='", tag, "tag")
        if self.scan_fault.kind == SCAN_EMPTY:
            return RemoteProtocolError(f"tag {tag} has no value", tag, "empty")
        if self.scan_fault.kind == SCAN_BAD_DATA:
            return RemoteProtocolError(
                f"tag {tag} is not the length of the data behind it", tag, "data"
            )
        return None

    def get(self, int64_t tag, default=None):
        """Value of the first field with this tag as bytes, or default.

        Flat: the message is read as one list of fields, groups included; groups are read through
        a Plan. A field without value, or behind a wrong data length, is not there for this getter;
        the typed ones raise the message's fault instead.
        """
        cdef const ScanEntry *entry = self.find(tag)
        if entry is NULL:
            return default
        return PyBytes_FromStringAndSize(<const char *>self.frame() + entry.offset, entry.length)

    def get_int(self, int64_t tag, default=None):
        """Value of the first field with this tag as int, or default.

        Optional '-' and digits, within 64 bits signed; anything else raises RemoteProtocolError
        with reason "malformed".
        """
        cdef const ScanEntry *entry = self.find(tag)
        cdef int64_t value = 0
        if entry is NULL:
            return self.absent(tag, default)
        if number_read_signed(self.frame() + entry.offset, entry.length, &value) != NUMBER_OK:
            raise malformed(entry.tag, None, FORMS[<int>TYPE_INT])
        return value

    def get_decimal(self, int64_t tag, default=None):
        """Value of the first field with this tag as decimal.Decimal, or default.

        Exact. Optional '-', digits, optionally a point and digits; anything else raises
        RemoteProtocolError with reason "malformed".
        """
        cdef const ScanEntry *entry = self.find(tag)
        cdef const uint8_t *p
        if entry is NULL:
            return self.absent(tag, default)
        p = self.frame() + entry.offset
        if number_check_decimal(p, entry.length, True) != NUMBER_OK:
            raise malformed(entry.tag, None, FORMS[<int>TYPE_PRICE])
        return _Decimal(PyUnicode_DecodeLatin1(<const char *>p, entry.length, NULL))

    def get_str(self, int64_t tag, default=None):
        """Value of the first field with this tag as str, or default.

        Decoded as UTF-8; bytes that are none raise RemoteProtocolError with reason "malformed".
        """
        cdef const ScanEntry *entry = self.find(tag)
        if entry is NULL:
            return self.absent(tag, default)
        return decode_utf8(self.frame() + entry.offset, entry.length, entry.tag, None)

    def fields(self):
        """All fields as (tag, value) in wire order, 8, 9 and 10 included.

        Raises the message's fault where it has one.
        """
        fault = self.fault
        if fault is not None:
            raise fault
        cdef Py_ssize_t i
        return [(self.index()[i].tag, self.value_at(i)) for i in range(self.count)]

    def __len__(self):
        self.frame()
        return self.length

    def __bytes__(self):
        return PyBytes_FromStringAndSize(<const char *>self.frame(), self.length)


cdef object malformed(int32_t tag, object name, str form):
    """The error for a value of the wrong form; the value itself may be a secret."""
    field = f"tag {tag}" if name is None else f"{name}<{tag}>"
    return RemoteProtocolError(f"{field} is not {form}", tag, "malformed")


cdef str decode_utf8(const uint8_t *p, Py_ssize_t n, int32_t tag, object name):
    try:
        return PyUnicode_DecodeUTF8(<const char *>p, n, NULL)
    except UnicodeDecodeError:
        raise malformed(tag, name, "UTF-8 text") from None
