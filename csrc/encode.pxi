# Template: the fields of an object -> one whole message of one kind, by a table.
#
# The header is made once; a message patches sequence number and time into it and goes on row by
# row. Values are taken where they lie: from the slots of a Struct, or from a request's bytes as
# they came over the bus. That runs no foreign code, so nothing has to be held. A source with
# attributes of another sort, groups and data fields go the long way, which reads all values before
# it writes one.

# Where an instance keeps no slot for a row: the attribute is looked up, or there is none.
cdef enum:
    LOOK_UP = -1
    NOWHERE = -2

cdef struct Segment:
    Py_ssize_t offset  # in the constants
    Py_ssize_t length
    int patch  # tag of the value that follows, or 0


@cython.final
@cython.no_gc_clear
cdef class Template:
    """Template(begin_string, kind, header, rows, body_length_digits=0, payload=None)

    Writes one kind of message by a table of fields; header and tags are made once, here.

    header: (tag, value) in wire order after 35; value None for 34 and 52, which encode fills in.
    rows: as for Plan, in wire order; `required` means that encode refuses to do without. A data
    row follows its length row, which is computed; an inherited member is written where it is given.
    body_length_digits: BodyLength with zeros in
    front up to that many digits, 0 for plain. payload: (tag, names) of the msgpack array that
    encode_payload takes: its first element, and the names of the others in order, rows among them.

    A value is held to its type, so that no message holds what FIX cannot carry: nothing empty, no
    SOH nor other control character. What a venue takes beyond that is not known here: the pattern
    and length of ids, the values of enums. The engine's gateway refuses those before.

    Raises LocalProtocolError for a table that contradicts itself.
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
    cdef Py_ssize_t *offsets  # by row: of the slot in an instance, or one of the two below
    cdef bint short_way  # for sources of that type: no attribute has to be looked up
    cdef uint64_t required  # rows, one bit each, where the table is a short one
    cdef bint short_table  # at most 64 rows, none of them data
    cdef bytes checked_time  # the last SendingTime that was found right
    cdef bytes payload_tag  # or None
    cdef int32_t *payload_rows  # by element behind the tag: its row, or -1
    cdef Py_ssize_t payload_count
    cdef Element *elements  # by row, of the message being written the short way
    cdef size_t text_bytes  # of them, at most

    def __cinit__(
        self,
        bytes begin_string not None,
        bytes kind not None,
        header,
        rows,
        int body_length_digits=0,
        payload=None,
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
        self.elements = <Element *>PyMem_Calloc(self.table.count + 1, sizeof(Element))
        if self.values is NULL or self.offsets is NULL or self.elements is NULL:
            raise MemoryError()
        self.take_table()
        self.learn(type(None))
        if payload is not None:
            self.take_payload(payload[0], tuple(payload[1]))

    cdef int take_table(self) except -1:
        cdef Py_ssize_t row
        self.short_table = self.table.count <= 64
        for row in range(self.table.count):
            if self.table.rows[row].type == TYPE_DATA:
                self.short_table = False
            elif self.table.rows[row].required and row < 64:
                self.required |= <uint64_t>1 << row
        return 0

    cdef int take_payload(self, str tag, tuple names) except -1:
        cdef Py_ssize_t i
        if not self.short_table:
            raise LocalProtocolError(
                f"message {self.msg_type.decode()}: no payload for data or more than 64 rows"
            )
        self.payload_tag = tag.encode()
        if len(self.payload_tag) > 31:
            raise LocalProtocolError(f"the payload's tag {tag!r} is longer than 31 bytes")
        # As msgpack writes short text.
        self.payload_tag = bytes([0xA0 | len(self.payload_tag)]) + self.payload_tag
        self.payload_count = len(names)
        self.payload_rows = <int32_t *>PyMem_Malloc((len(names) + 1) * sizeof(int32_t))
        if self.payload_rows is NULL:
            raise MemoryError()
        for i in range(self.payload_count):
            self.payload_rows[i] = self.table.by_name.get(names[i], -1)
        return 0

    @property
    def kind(self):
        """MsgType<35> of the messages it writes, as bytes."""
        return self.msg_type

    def __dealloc__(self):
        PyMem_Free(self.segments)
        PyMem_Free(self.values)
        PyMem_Free(self.offsets)
        PyMem_Free(self.elements)
        PyMem_Free(self.payload_rows)

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
        cdef uint64_t present
        if self.busy:
            raise LocalProtocolError("encode was called again while it reads its source")
        if type(source) is not self.source_type:
            self.busy = True  # a metaclass may run other code
            try:
                self.learn(type(source))
            finally:
                self.busy = False
        if self.short_way and self.short_table:
            present = 0
            self.text_bytes = 0
            if self.take_slots(source, &present) and (
                replace is None or self.take_replaced(replace, &present)
            ):
                return self.encode_elements(present, seq, sending_time)
        return self.encode_long(source, seq, sending_time, replace)

    def encode_payload(
        self, bytes payload not None, seq, bytes sending_time not None, dict replace=None
    ):
        """The whole message as bytes, from a request as it came over the bus.

        payload: a msgpack array of the template's `payload`: its tag, then text, integers and nil;
        elements beyond the names are passed over, missing ones are nil. seq, sending_time, replace
        and what is raised: as for encode; also LocalProtocolError for bytes that are no such array,
        and for a table with groups or data. Nothing is decoded into an object.
        """
        cdef uint64_t present = 0
        if self.busy:
            raise LocalProtocolError("encode_payload was called while encode reads its source")
        self.take_elements(payload, &present)
        if replace is not None and not self.take_replaced(replace, &present):
            raise LocalProtocolError(
                f"message {self.msg_type.decode()}: replace holds a group; give encode a Struct"
            )
        return self.encode_elements(present, seq, sending_time)

    # The short way -------------------------------------------------------------------------------

    cdef int begin(self, object seq, bytes sending_time) except -1:
        """The header, with number and time."""
        cdef const char *p = PyBytes_AS_STRING(sending_time)
        cdef Py_ssize_t n = PyBytes_GET_SIZE(sending_time)
        cdef int64_t number = integer_of(
            seq, TYPE_SEQNUM, TAG_MSG_SEQ_NUM, "MsgSeqNum", self.msg_type
        )
        cdef const uint8_t *constants = <const uint8_t *>PyBytes_AS_STRING(self.constants)
        cdef Segment *segment = self.segments
        cdef Segment *end = segment + self.segment_count
        cdef uint8_t *to
        if sending_time is not self.checked_time:
            if not may_be_sent(TYPE_UTC, p, n):
                raise refused_text(TYPE_UTC, p, n, TAG_SENDING_TIME, "SendingTime", self.msg_type)
            self.checked_time = sending_time
        self.sheet.used = HEAD_BYTES
        to = self.sheet.room(PyBytes_GET_SIZE(self.constants) + 2 * WRITE_SLACK_BYTES)
        while segment < end:
            if segment.length <= 32:
                write_copy(to, constants + segment.offset, segment.length)
            else:
                memcpy(to, constants + segment.offset, segment.length)
            to += segment.length
            if segment.patch == TAG_MSG_SEQ_NUM:
                to += number_write(to, number, 1)
            elif segment.patch == TAG_SENDING_TIME:
                write_copy(to, <const uint8_t *>p, n)
                to += n
            segment += 1
        self.sheet.used = to - self.sheet.data
        return 0

    cdef bytes encode_elements(self, uint64_t present, object seq, bytes sending_time):
        """Write the message of the elements of these rows."""
        cdef size_t bad = 0
        cdef Py_ssize_t row
        cdef uint8_t *to
        if self.required & ~present:
            row = lowest_bit(self.required & ~present)
            raise self.absent(self.table, row)
        self.begin(seq, sending_time)
        to = self.sheet.room(write_bytes_max(self.table.count, self.text_bytes))
        to = write_elements(to, self.table.rows, self.elements, present, &bad, LEVEL)
        if to is NULL:
            raise self.unfit(bad)
        self.sheet.used = to - self.sheet.data
        return self.sheet.close()

    cdef object unfit(self, Py_ssize_t row):
        """Why the element of a row may not be sent."""
        cdef Row *spec = &self.table.rows[row]
        cdef Element *element = &self.elements[row]
        name = self.table.names[row]
        if element.kind == ELEMENT_INTEGER:
            if write_is_text(spec.type):
                return refused(spec.tag, name, self.msg_type, "takes str, not int")
            if spec.type == TYPE_LENGTH:
                why = "is a length and cannot be negative"
                return refused(spec.tag, name, self.msg_type, why)
            return refused(spec.tag, name, self.msg_type, f"is not {FORMS[spec.type]}")
        if spec.type == TYPE_GROUP:
            why = "takes a list or tuple of entries, not str"
            return refused(spec.tag, name, self.msg_type, why)
        if not write_is_text(spec.type):
            return refused(spec.tag, name, self.msg_type, "takes an int, not str")
        return refused_text(
            spec.type, <const char *>element.text, element.bytes, spec.tag, name, self.msg_type
        )

    cdef bint take_slots(self, object source, uint64_t *present) except -1:
        """Take the rows from the slots of source; False where that is not all there is to do."""
        cdef Py_ssize_t row
        cdef PyObject *value
        for row in range(self.table.count):
            if self.offsets[row] < 0:
                continue
            value = attribute_at(source, self.offsets[row])
            if value is not NULL and value is not <PyObject *>None:
                if not self.take(row, value):
                    return False
                present[0] |= <uint64_t>1 << row
        return True

    cdef bint take_replaced(self, dict replace, uint64_t *present) except -1:
        """The same for the values of replace."""
        cdef Py_ssize_t row
        for name, value in replace.items():
            # Text of another type may run other code when it is looked up.
            known = self.table.by_name.get(name) if PyUnicode_CheckExact(name) else None
            if known is None:
                raise self.no_row(name)
            row = known
            present[0] &= ~(<uint64_t>1 << row)
            if value is not None:
                if not self.take(row, <PyObject *>value):
                    return False
                present[0] |= <uint64_t>1 << row
        return True

    cdef object no_row(self, object name):
        return LocalProtocolError(
            f"message {self.msg_type.decode()}: replace names {name!r}, which is no row"
        )

    cdef inline bint take(self, Py_ssize_t row, PyObject *value) except -1:
        """Take a value as the element of a row; its text is borrowed. False for a group."""
        cdef Element *element = &self.elements[row]
        cdef Row *spec = &self.table.rows[row]
        cdef Py_ssize_t n = 0
        element.kind = ELEMENT_TEXT
        if PyUnicode_CheckExact(<object>value) and PyUnicode_IS_COMPACT_ASCII(<object>value):
            element.text = <const uint8_t *>PyUnicode_1BYTE_DATA(<object>value)
            element.bytes = PyUnicode_GET_LENGTH(<object>value)
            self.text_bytes += element.bytes
            return True
        if spec.type == TYPE_GROUP:
            return False
        element.bytes = 0
        if write_is_text(spec.type):
            if not isinstance(<object>value, str):
                why = f"takes str, not {type_name(<object>value)}"
                raise refused(spec.tag, self.table.names[row], self.msg_type, why)
            element.text = <const uint8_t *>utf8_of(<object>value, &n)
            element.bytes = n
            self.text_bytes += n
            return True
        element.kind = ELEMENT_INTEGER
        element.number = integer_of(
            <object>value, spec.type, spec.tag, self.table.names[row], self.msg_type
        )
        return True

    cdef int take_elements(self, bytes payload, uint64_t *present) except -1:
        """Take a request apart into elements, by row."""
        cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(payload)
        cdef const uint8_t *end = p + PyBytes_GET_SIZE(payload)
        cdef size_t bad = 0
        cdef Py_ssize_t count, n
        if self.payload_tag is None:
            raise LocalProtocolError(f"message {self.msg_type.decode()}: no payload was named")
        if end > p and p[0] >> 4 == 9:
            count = p[0] & 15
            p += 1
        elif end - p >= 3 and p[0] == 0xDC:
            count = element_number(p + 1, 2)
            p += 3
        else:
            raise self.no_payload("is not a msgpack array")
        self.text_bytes = end - p
        n = PyBytes_GET_SIZE(self.payload_tag)
        if count == 0 or end - p < n or memcmp(p, PyBytes_AS_STRING(self.payload_tag), n) != 0:
            raise self.no_payload(f"does not begin with {self.payload_tag[1:].decode()!r}")
        p += n
        p = elements_read(
            p, end, count - 1, self.payload_rows, self.payload_count, self.elements, present, &bad
        )
        if p is NULL:
            raise self.no_element(bad)
        if p != end:
            raise self.no_payload("does not end with its array")
        return 0

    cdef object no_element(self, size_t at):
        """The error for an element that is no value, named where it is a row."""
        cdef Row *spec
        why = "is cut short, or not text, integer of 64 bits or nil"
        row = self.payload_rows[at] if at < <size_t>self.payload_count else -1
        if row < 0:
            return self.no_payload(f"element {at + 1} {why}")
        spec = &self.table.rows[<Py_ssize_t>row]
        return refused(spec.tag, self.table.names[row], self.msg_type, why)

    cdef object no_payload(self, str why):
        return LocalProtocolError(f"message {self.msg_type.decode()}: the payload {why}")

    # The long way --------------------------------------------------------------------------------

    cdef bytes encode_long(self, object source, object seq, bytes sending_time, dict replace):
        """Read all values, which may run other code; then write, which does not, but for groups."""
        self.busy = True
        try:
            if source is not None:
                self.collect(source)
            if replace is not None:
                self.collect_replaced(replace)
            self.begin(seq, sending_time)
            self.put_rows(self.table, self.values)
            return self.sheet.close()
        finally:
            self.forget()
            self.busy = False

    cdef int collect(self, object source) except -1:
        """Take the value of each row from the attributes of source."""
        cdef PyObject *value
        cdef Py_ssize_t row
        for row in range(self.table.count):
            if self.offsets[row] >= 0:
                value = attribute_at(source, self.offsets[row])
                if value is not NULL:
                    self.keep(row, <object>value)
            elif self.offsets[row] == LOOK_UP:
                self.keep(row, getattr(source, self.table.names[row], None))
        return 0

    cdef int learn(self, source_type) except -1:
        """Find where instances of this type keep the attributes that are rows.

        Once per type: slots of a class are not expected to change after its first message.
        """
        cdef Py_ssize_t row
        cdef bint plain = attribute_is_plain(<PyTypeObject *>source_type)
        self.source_type = None
        self.short_way = True
        for row in range(self.table.count):
            name = self.table.names[row]
            self.offsets[row] = NOWHERE if plain else LOOK_UP
            for base in source_type.__mro__:
                if name in base.__dict__:
                    self.offsets[row] = attribute_offset(
                        <PyTypeObject *>source_type, base.__dict__[name]
                    )
                    break
            self.short_way = self.short_way and self.offsets[row] != LOOK_UP
        self.source_type = source_type
        return 0

    cdef int collect_replaced(self, dict replace) except -1:
        for name, value in replace.items():
            row = self.table.by_name.get(name)
            if row is None:
                raise self.no_row(name)
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


cdef inline Py_ssize_t lowest_bit(uint64_t bits) noexcept:
    """The number of the lowest bit that is set; there is one."""
    return __builtin_ctzll(bits)


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
