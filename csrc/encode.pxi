# Template: the fields of an object -> one whole message of one kind, by a table.

cdef struct Segment:
    Py_ssize_t offset  # in the constants
    Py_ssize_t length
    int patch  # tag of the value that follows, or 0


@cython.final
@cython.no_gc_clear
cdef class Template:
    """Template(begin_string, kind, header, rows, body_length_digits=0)

    Writes one kind of message by a table of fields; header and tags are made once, here.

    header: (tag, value) in wire order after 35; value None for 34 and 52, which encode fills in.
    rows: as for Plan, in wire order; `required` means that encode refuses to do without. A data
    row follows its length row, which is computed. body_length_digits: BodyLength with zeros in
    front up to that many digits, 0 for plain. Raises LocalProtocolError for a table that
    contradicts itself.
    """

    cdef bytes msg_type
    cdef Sheet sheet
    cdef Table table
    cdef bytes constants
    cdef Segment *segments
    cdef Py_ssize_t segment_count
    cdef bint busy
    cdef PyObject **values  # by row, of the message being written
    cdef object source_type  # the type offsets are of
    cdef Py_ssize_t *offsets  # by row: of the slot in an instance, or -1: look the attribute up

    def __cinit__(
        self,
        bytes begin_string not None,
        bytes kind not None,
        header,
        rows,
        int body_length_digits=0,
    ):
        check_kind(kind)
        self.msg_type = kind
        self.sheet = Sheet(begin_string, body_length_digits)
        header = [(int(tag), value) for tag, value in header]
        tags = [tag for tag, value in header]
        if len(set(tags)) != len(tags):
            raise LocalProtocolError(f"message {kind.decode()}: a tag comes twice in header")
        self.table = Table(f"message {kind.decode()}", rows, tags, 0)
        check_writable(self.table)
        self.lay_out(header)
        self.values = <PyObject **>PyMem_Calloc(self.table.count + 1, sizeof(PyObject *))
        self.offsets = <Py_ssize_t *>PyMem_Calloc(self.table.count + 1, sizeof(Py_ssize_t))
        if self.values is NULL or self.offsets is NULL:
            raise MemoryError()

    @property
    def kind(self):
        """MsgType<35> of the messages it writes, as bytes."""
        return self.msg_type

    def __dealloc__(self):
        PyMem_Free(self.segments)
        PyMem_Free(self.values)
        PyMem_Free(self.offsets)

    cdef int lay_out(self, list header) except -1:
        """Cut the header into constant segments, each but the last followed by a patch."""
        cdef Segment *segment
        parts = []
        part = b"35=" + self.msg_type + b"\x01"
        patches = []
        for tag, value in header:
            if tag in (TAG_BEGIN_STRING, TAG_BODY_LENGTH, TAG_CHECK_SUM, TAG_MSG_TYPE):
                why = "is written by itself; leave it out of header"
                raise refused(tag, None, self.msg_type, why)
            if self.table.rows[self.table.find(tag)].type != TYPE_HEADER:
                raise refused(tag, None, self.msg_type, "is both a row and in header")
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
                raise refused(tag, None, self.msg_type, why)
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
        """The whole message as bytes.

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
        if self.busy:
            raise LocalProtocolError("encode was called again while it reads its source")
        self.busy = True
        try:
            # All values first: reading them may run other code, writing does not, but for groups.
            if source is not None:
                self.collect(source)
            if replace is not None:
                self.collect_replaced(replace)
            self.sheet.used = HEAD_BYTES
            self.put_header(seq, sending_time)
            self.put_rows(self.table, self.values)
            return self.sheet.close()
        finally:
            self.forget()
            self.busy = False

    cdef int collect(self, object source) except -1:
        """Take the value of each row from the attributes of source."""
        cdef PyObject *value
        cdef Py_ssize_t row
        if type(source) is not self.source_type:
            self.learn(type(source))
        for row in range(self.table.count):
            if self.offsets[row] >= 0:
                value = attribute_at(source, self.offsets[row])
                if value is not NULL:
                    self.keep(row, <object>value)
            else:
                self.keep(row, getattr(source, self.table.names[row], None))
        return 0

    cdef int learn(self, source_type) except -1:
        """Find where instances of this type keep the attributes that are rows.

        Once per type: slots of a class are not expected to change after its first message.
        """
        cdef Py_ssize_t row
        self.source_type = None
        for row in range(self.table.count):
            name = self.table.names[row]
            self.offsets[row] = -1
            for base in source_type.__mro__:
                if name in base.__dict__:
                    self.offsets[row] = attribute_offset(
                        <PyTypeObject *>source_type, base.__dict__[name]
                    )
                    break
        self.source_type = source_type
        return 0

    cdef int collect_replaced(self, dict replace) except -1:
        for name, value in replace.items():
            row = self.table.by_name.get(name)
            if row is None:
                raise LocalProtocolError(
                    f"message {self.msg_type.decode()}: replace names {name!r}, which is no row"
                )
            self.keep(row, value)
        return 0

    cdef int keep(self, Py_ssize_t row, object value) except -1:
        """Hold a value until the message is written; NULL stands for None."""
        cdef PyObject *before = self.values[row]
        self.values[row] = NULL
        if value is not None:
            Py_INCREF(value)
            self.values[row] = <PyObject *>value
        Py_XDECREF(before)
        return 0

    cdef void forget(self) noexcept:
        cdef Py_ssize_t row
        cdef PyObject *before
        for row in range(self.table.count):
            before = self.values[row]
            self.values[row] = NULL
            Py_XDECREF(before)

    cdef int put_header(self, object seq, bytes sending_time) except -1:
        cdef Py_ssize_t i
        cdef Segment *segment
        cdef const char *constants = PyBytes_AS_STRING(self.constants)
        cdef uint8_t[NUMBER_DIGITS_MAX] digits
        cdef int64_t number = integer_of(
            seq, TYPE_SEQNUM, TAG_MSG_SEQ_NUM, "MsgSeqNum", self.msg_type
        )
        cdef const char *p = PyBytes_AS_STRING(sending_time)
        cdef Py_ssize_t n = PyBytes_GET_SIZE(sending_time)
        if not may_be_sent(TYPE_UTC, p, n):
            raise refused_text(TYPE_UTC, p, n, TAG_SENDING_TIME, "SendingTime", self.msg_type)
        for i in range(self.segment_count):
            segment = &self.segments[i]
            self.sheet.put(constants + segment.offset, segment.length)
            if segment.patch == TAG_MSG_SEQ_NUM:
                self.sheet.put(digits, number_write(digits, number, 1))
            elif segment.patch == TAG_SENDING_TIME:
                self.sheet.put(p, n)
        return 0

    cdef int put_rows(self, Table table, PyObject **values) except -1:
        """Write each row that has a value; values are by row, NULL or None where there is none."""
        cdef Py_ssize_t row
        cdef Row *spec
        for row in range(table.count):
            spec = &table.rows[row]
            if spec.type == TYPE_LENGTH and pair_data_tag(spec.tag) != 0:
                # Told by the data, which is the next row.
                self.put_length(table, row, values[row + 1])
            elif values[row] is NULL or values[row] is <PyObject *>None:
                if spec.required:
                    raise self.absent(table, row)
            elif spec.type == TYPE_GROUP:
                self.put_group(table, row, <object>values[row])
            else:
                self.put_value(table, row, <object>values[row])
        return 0

    cdef object absent(self, Table table, Py_ssize_t row):
        return refused(
            table.rows[row].tag, table.names[row], self.msg_type, "is required and was not given"
        )

    cdef int put_length(self, Table table, Py_ssize_t row, PyObject *data) except -1:
        cdef Row *spec = &table.rows[row]
        if data is NULL or data is <PyObject *>None:
            if spec.required:
                raise self.absent(table, row)
        elif isinstance(<object>data, bytes):
            self.sheet.put_number(spec.prefix, spec.prefix_bytes, PyBytes_GET_SIZE(<object>data))
        # Anything else is refused with the data row.
        return 0

    cdef int put_value(self, Table table, Py_ssize_t row, object value) except -1:
        cdef Row *spec = &table.rows[row]
        cdef Py_ssize_t n = 0
        cdef const char *p
        if spec.type == TYPE_INT or spec.type == TYPE_LENGTH or spec.type == TYPE_SEQNUM:
            return self.sheet.put_number(
                spec.prefix,
                spec.prefix_bytes,
                integer_of(value, spec.type, spec.tag, table.names[row], self.msg_type),
            )
        if spec.type == TYPE_DATA:
            if not isinstance(value, bytes) or len(<bytes>value) == 0:
                raise refused(
                    spec.tag, table.names[row], self.msg_type, "takes bytes, and not an empty one"
                )
            p = PyBytes_AS_STRING(value)
            n = PyBytes_GET_SIZE(value)
        elif isinstance(value, str):
            p = utf8_of(value, &n)
            if not may_be_sent(spec.type, p, n):
                raise refused_text(spec.type, p, n, spec.tag, table.names[row], self.msg_type)
        else:
            raise refused(
                spec.tag, table.names[row], self.msg_type, f"takes str, not {type_name(value)}"
            )
        return self.sheet.put_field(spec.prefix, spec.prefix_bytes, p, n)

    cdef int put_group(self, Table table, Py_ssize_t row, object value) except -1:
        cdef Row *spec = &table.rows[row]
        cdef Table members = table.children[row]
        name = table.names[row]
        if not isinstance(value, (list, tuple)):
            why = f"takes a list or tuple of entries, not {type_name(value)}"
            raise refused(spec.tag, name, self.msg_type, why)
        entries = tuple(value)
        if not entries:
            if spec.required:
                raise self.absent(table, row)
            return 0
        self.sheet.put_number(spec.prefix, spec.prefix_bytes, len(entries))
        for entry in entries:
            # A tuple: nothing that runs while its values are written can change it.
            if not isinstance(entry, (list, tuple)):
                values = tuple([getattr(entry, member, None) for member in members.names])
            elif len(entry) == members.count:
                values = tuple(entry)
            else:
                raise refused(
                    spec.tag, name, self.msg_type, f"takes entries of {members.count} values each"
                )
            if values[0] is None:
                why = "begins each entry of its group and was not given"
                raise refused(members.rows[0].tag, members.names[0], self.msg_type, why)
            self.put_rows(members, PySequence_Fast_ITEMS(values))
        return 0


cdef int check_writable(Table table) except -1:
    """What Template asks of a table beyond what Plan does."""
    cdef Py_ssize_t row
    cdef Row *spec
    for row in range(table.count):
        spec = &table.rows[row]
        where = f"{table.owner}: row {table.names[row]}<{spec.tag}>"
        if spec.tag in (TAG_BEGIN_STRING, TAG_BODY_LENGTH, TAG_CHECK_SUM, TAG_MSG_TYPE):
            raise LocalProtocolError(f"{where}: 8, 9, 10 and 35 are written by themselves")
        if spec.type == TYPE_DATA or pair_is_data(spec.tag):
            if (
                spec.type != TYPE_DATA
                or row == 0
                or table.rows[row - 1].type != TYPE_LENGTH
                or pair_data_tag(table.rows[row - 1].tag) != spec.tag
            ):
                raise LocalProtocolError(f"{where}: data stands right behind its length row")
        if pair_data_tag(spec.tag) != 0 and (
            spec.type != TYPE_LENGTH
            or row + 1 == table.count
            or table.rows[row + 1].type != TYPE_DATA
        ):
            raise LocalProtocolError(f"{where}: a length of data stands right before its data row")
        if spec.type == TYPE_GROUP:
            check_writable(table.children[row])
    return 0
