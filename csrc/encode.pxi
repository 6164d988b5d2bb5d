# Template and Writer: values -> one whole message, through a Sheet.

cdef enum:
    DECIMAL_DIGITS_MAX = 1000


cdef struct Segment:
    Py_ssize_t offset  # in the constants
    Py_ssize_t length
    int patch  # tag of the value that follows, or 0


@cython.final
@cython.no_gc
cdef class Template:
    """Template(begin_string, kind, header, rows, body_length_digits=0)

    Writes one kind of message by a table of fields; header and tags are made once, here.

    header: (tag, value) in wire order after 35; value None for 34 and 52, which encode fills in.
    rows: as for Plan, in wire order; `required` means that encode refuses to do without. A data
    row follows its length row, which is computed. body_length_digits: BodyLength with zeros in
    front up to that many digits, 0 for plain. Raises LocalProtocolError for a table that
    contradicts itself.
    """

    cdef readonly bytes kind
    cdef Sheet sheet
    cdef Table table
    cdef bytes constants
    cdef Segment *segments
    cdef Py_ssize_t segment_count
    cdef bint busy

    def __cinit__(
        self,
        bytes begin_string not None,
        bytes kind not None,
        header,
        rows,
        int body_length_digits=0,
    ):
        check_kind(kind)
        self.kind = kind
        self.sheet = Sheet(begin_string, body_length_digits)
        header = [(int(tag), value) for tag, value in header]
        self.table = Table(f"message {kind.decode()}", rows, [tag for tag, value in header], 0)
        check_writable(self.table)
        self.lay_out(header)

    def __dealloc__(self):
        PyMem_Free(self.segments)

    cdef int lay_out(self, list header) except -1:
        """Cut the header into constant segments, each but the last followed by a patch."""
        cdef Segment *segment
        parts = []
        part = b"35=" + self.kind + b"\x01"
        patches = []
        for tag, value in header:
            if tag in (TAG_BEGIN_STRING, TAG_BODY_LENGTH, TAG_CHECK_SUM, TAG_MSG_TYPE):
                raise refused(tag, None, self.kind, "is written by itself; leave it out of header")
            if self.table.rows[self.table.find(tag)].type != TYPE_HEADER:
                raise refused(tag, None, self.kind, "is both a row and in header")
            if tag in (TAG_MSG_SEQ_NUM, TAG_SENDING_TIME) and value is None:
                parts.append(part + b"%d=" % tag)
                part = b"\x01"
                patches.append(tag)
            elif isinstance(value, bytes) and value and not scan_is_paired(tag) and bytes_printable(
                <const uint8_t *>PyBytes_AS_STRING(value), len(value), False
            ):
                part += b"%d=%s\x01" % (tag, value)
            else:
                why = "in header needs printable ASCII bytes; None only for 34 and 52"
                raise refused(tag, None, self.kind, why)
        if len(set(patches)) != len(patches):
            raise LocalProtocolError(f"message {self.kind.decode()}: 34 or 52 twice in header")
        parts.append(part)
        self.constants = b"".join(parts)
        self.segments = <Segment *>PyMem_Malloc(len(parts) * sizeof(Segment))
        if self.segments is NULL:
            raise MemoryError()
        offset = 0
        for part, patch in zip(parts, patches + [0]):
            segment = &self.segments[self.segment_count]
            segment.offset = offset
            segment.length = len(part)
            segment.patch = patch
            offset += segment.length
            self.segment_count += 1
        return 0

    def encode(self, source, seq, bytes sending_time not None, dict replace=None):
        """encode(source, seq, sending_time, replace=None) -> bytes of the whole message.

        source: an object whose attributes are the fields by name; absent or None: left out.
        replace: values that stand before those of source, by name; None leaves the field out.
        seq: MsgSeqNum<34>, 32 bits unsigned. sending_time: UTC text for SendingTime<52>, as stamp
        makes it.

        Values are str for text types, int for int, length and seqnum, bytes for data; a group is a
        list or tuple of entries, each a tuple in row order or an object with attributes, and an
        empty one is left out. Raises LocalProtocolError that names field and tag for a required
        field left out and for any value that is empty, of another type, or not of its form; then
        nothing was written.
        """
        cdef Py_ssize_t row
        if self.busy:
            raise LocalProtocolError("encode was called again while it reads its source")
        self.busy = True
        try:
            self.sheet.used = HEAD_BYTES
            self.put_header(seq, sending_time)
            values = [getattr(source, name, None) for name in self.table.names]
            if replace is not None:
                for name, value in replace.items():
                    if name not in self.table.by_name:
                        raise LocalProtocolError(
                            f"message {self.kind.decode()}: replace names {name!r}, which is no row"
                        )
                    values[self.table.by_name[name]] = value
            self.put_rows(self.table, values)
            return self.sheet.close()
        finally:
            self.busy = False

    cdef int put_header(self, object seq, bytes sending_time) except -1:
        cdef Py_ssize_t i
        cdef Segment *segment
        cdef const char *constants = PyBytes_AS_STRING(self.constants)
        cdef uint8_t[NUMBER_DIGITS_MAX] digits
        cdef int64_t number = integer_of(seq, TYPE_SEQNUM, TAG_MSG_SEQ_NUM, "MsgSeqNum", self.kind)
        check_text(
            TYPE_UTC,
            PyBytes_AS_STRING(sending_time),
            PyBytes_GET_SIZE(sending_time),
            TAG_SENDING_TIME,
            "SendingTime",
            self.kind,
        )
        for i in range(self.segment_count):
            segment = &self.segments[i]
            self.sheet.put(constants + segment.offset, segment.length)
            if segment.patch == TAG_MSG_SEQ_NUM:
                self.sheet.put(digits, number_write(digits, number, 1))
            elif segment.patch == TAG_SENDING_TIME:
                self.sheet.put(PyBytes_AS_STRING(sending_time), PyBytes_GET_SIZE(sending_time))
        return 0

    cdef int put_rows(self, Table table, list values) except -1:
        """Write each row that has a value; values are by row."""
        cdef Py_ssize_t row
        cdef Row *spec
        for row in range(table.count):
            spec = &table.rows[row]
            value = values[row]
            if spec.type == TYPE_LENGTH and scan_data_tag(spec.tag) != 0:
                # Told by the data, which is the next row.
                value = values[row + 1]
                value = len(value) if isinstance(value, bytes) and value else None
            if value is None or (spec.type == TYPE_GROUP and is_empty(value)):
                if spec.required:
                    raise refused(
                        spec.tag, table.names[row], self.kind, "is required and was not given"
                    )
            elif spec.type == TYPE_GROUP:
                self.put_group(table, row, value)
            else:
                self.put_value(table, row, value)
        return 0

    cdef int put_value(self, Table table, Py_ssize_t row, object value) except -1:
        cdef Row *spec = &table.rows[row]
        cdef Py_ssize_t n = 0
        cdef const char *p
        name = table.names[row]
        if spec.type == TYPE_INT or spec.type == TYPE_LENGTH or spec.type == TYPE_SEQNUM:
            return self.sheet.put_number(
                spec.prefix,
                spec.prefix_bytes,
                integer_of(value, spec.type, spec.tag, name, self.kind),
            )
        if spec.type == TYPE_DATA:
            if not isinstance(value, bytes):
                raise refused(spec.tag, name, self.kind, f"takes bytes, not {type_name(value)}")
            n = PyBytes_GET_SIZE(value)
            if n == 0:
                raise refused(spec.tag, name, self.kind, "is empty; leave the field out instead")
            return self.sheet.put_field(
                spec.prefix, spec.prefix_bytes, PyBytes_AS_STRING(value), n
            )
        if not isinstance(value, str):
            raise refused(spec.tag, name, self.kind, f"takes str, not {type_name(value)}")
        p = utf8_of(value, &n)
        check_text(spec.type, p, n, spec.tag, name, self.kind)
        return self.sheet.put_field(spec.prefix, spec.prefix_bytes, p, n)

    cdef int put_group(self, Table table, Py_ssize_t row, object value) except -1:
        cdef Row *spec = &table.rows[row]
        cdef Table members = table.children[row]
        name = table.names[row]
        if not isinstance(value, (list, tuple)):
            why = f"takes a list or tuple of entries, not {type_name(value)}"
            raise refused(spec.tag, name, self.kind, why)
        entries = tuple(value)
        self.sheet.put_number(spec.prefix, spec.prefix_bytes, len(entries))
        for entry in entries:
            if not isinstance(entry, (list, tuple)):
                values = [getattr(entry, member, None) for member in members.names]
            elif len(entry) == members.count:
                values = list(entry)
            else:
                raise refused(
                    spec.tag, name, self.kind, f"takes entries of {members.count} values each"
                )
            if values[0] is None:
                why = "begins each entry of its group and was not given"
                raise refused(members.rows[0].tag, members.names[0], self.kind, why)
            self.put_rows(members, values)
        return 0


cdef int check_writable(Table table) except -1:
    """What Template asks of a table beyond what Plan does."""
    cdef Py_ssize_t row
    cdef Row *spec
    cdef bint paired
    for row in range(table.count):
        spec = &table.rows[row]
        where = f"{table.owner}: row {table.names[row]}<{spec.tag}>"
        if spec.tag in (TAG_BEGIN_STRING, TAG_BODY_LENGTH, TAG_CHECK_SUM, TAG_MSG_TYPE):
            raise LocalProtocolError(f"{where}: 8, 9, 10 and 35 are written by themselves")
        if spec.type == TYPE_DATA or scan_is_data(spec.tag):
            if (
                spec.type != TYPE_DATA
                or row == 0
                or table.rows[row - 1].type != TYPE_LENGTH
                or scan_data_tag(table.rows[row - 1].tag) != spec.tag
            ):
                raise LocalProtocolError(f"{where}: data stands right behind its length row")
        if scan_data_tag(spec.tag) != 0 and (
            spec.type != TYPE_LENGTH
            or row + 1 == table.count
            or table.rows[row + 1].type != TYPE_DATA
        ):
            raise LocalProtocolError(f"{where}: a length of data stands right before its data row")
        if spec.type == TYPE_GROUP:
            check_writable(table.children[row])
    return 0


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
        """start(kind): begin a message of this MsgType<35>; one begun before is forgotten."""
        check_kind(kind)
        self.kind = kind
        self.sheet.used = HEAD_BYTES
        self.sheet.put_field(b"35=", 3, PyBytes_AS_STRING(kind), len(kind))

    def text(self, int64_t tag, value):
        """text(tag, value): a field of printable ASCII, from str or bytes."""
        self.put_text(tag, TYPE_STR, value)

    def utf8(self, int64_t tag, value):
        """utf8(tag, value): a field of UTF-8 text, from str or bytes."""
        self.put_text(tag, TYPE_UTF8, value)

    def number(self, int64_t tag, value):
        """number(tag, value): an integer field, from an int of 64 bits signed."""
        cdef uint8_t[ROW_PREFIX_BYTES] prefix
        cdef Py_ssize_t prefix_bytes = self.open(tag, prefix)
        self.sheet.put_number(
            prefix, prefix_bytes, integer_of(value, TYPE_INT, tag, None, self.kind)
        )

    def decimal(self, int64_t tag, value):
        """decimal(tag, value): an unsigned decimal field, from plain decimal text, int or Decimal.

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
        """data(length_tag, tag, value): a length field and the raw data it announces.

        Only the pairs of FIX 4.4, such as 95 and 96: a reader that does not know the pair would
        take SOH in the data for the end of the field.
        """
        cdef uint8_t[ROW_PREFIX_BYTES] prefix
        self.begun()
        if not 0 < length_tag <= TAG_MAX or tag <= 0 or scan_data_tag(length_tag) != tag:
            raise LocalProtocolError(
                f"{length_tag} and {tag} are no length and data of FIX 4.4, such as 95 and 96", tag
            )
        if len(value) == 0:
            raise refused(tag, None, self.kind, "is empty; leave both fields out instead")
        self.sheet.room(len(value) + 3 * ROW_PREFIX_BYTES + NUMBER_DIGITS_MAX)
        self.sheet.put_number(prefix, write_prefix(length_tag, prefix), len(value))
        self.sheet.put_field(
            prefix, write_prefix(tag, prefix), PyBytes_AS_STRING(value), len(value)
        )

    def finish(self):
        """finish() -> bytes of the whole message; the writer is ready for the next start."""
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
        cdef uint8_t[ROW_PREFIX_BYTES] prefix
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
        check_text(type, p, n, tag, None, self.kind)
        return self.sheet.put_field(prefix, prefix_bytes, p, n)
