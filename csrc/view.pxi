# Message: a view of one whole frame in the framer's memory.
#
# It holds offsets, never bytes. What the pass over the frame found stands in the arena that the
# framer keeps for all messages of a generation: the flat index (tag, offset, end) of the
# fields, and where the framer had a plan for this kind, the record of the plan's rows and values.
# So a message is one object, and a field costs no allocation of memory.


@cython.final
@cython.no_gc
cdef class Message:
    """A view of one FIX message, valid until the framer's next feed or get_buffer.

    After that every use raises LocalProtocolError; bytes(message) makes a copy that stays.

    By tag: get, get_int, get_decimal, get_str and fields look at the message as a flat list of
    fields and answer for the first one with that tag, also where it is a member of a repeating
    group. An absent field gives the default; one without value, of the wrong form, or hidden behind
    wrong data raises RemoteProtocolError with its tag, and with kind and seq of the message.

    By name, and groups: value, pick, values, scaled, check, missing, extra and repeated read it by
    a plan, that of Framer(plans=...) or of Plan.read.
    """

    cdef Arena arena
    cdef Plan plan  # or None
    cdef Message origin  # whose index this one shares, or None
    cdef uint64_t generation
    cdef Py_ssize_t offset  # of the frame in the framer's buffer
    cdef Py_ssize_t length
    cdef Py_ssize_t kind_offset  # from the first byte of the frame
    cdef Py_ssize_t kind_bytes
    cdef Py_ssize_t first  # of this message's entries in the framer's arena
    cdef Py_ssize_t record  # of the plan's marks and values in the framer's arena
    cdef Py_ssize_t entries_room  # what stands there for this message
    cdef Py_ssize_t record_room
    cdef Scan scan
    cdef Py_ssize_t readings  # the last record of this frame that Plan.read made, or 0
    cdef uint64_t readings_generation  # which frame that is
    cdef Py_ssize_t readings_offset

    # Where the bytes are -------------------------------------------------------------------------

    cdef inline const uint8_t *frame(self) except NULL:
        """The first byte of the frame; raises where the message is no longer valid."""
        if self.arena is None or self.generation != self.arena.generation:
            raise LocalProtocolError(
                "message used after the framer's next feed or get_buffer;"
                " read it before, or keep bytes(message)"
            )
        return self.arena.store.data + self.offset

    cdef inline const ScanEntry *index(self) except NULL:
        """The entries; the pointer holds until another message is framed."""
        self.frame()
        return self.arena.entries + self.first

    cdef const ScanEntry *find(self, int64_t tag) except? NULL:
        """The first entry with this tag, or NULL; raises where that field is malformed."""
        cdef const uint8_t *p = self.frame()
        cdef const ScanEntry *entry = self.index()
        cdef const ScanEntry *end = entry + self.scan.count
        cdef ScanFault fault
        if self.scan.fault.kind != SCAN_OK and 0 < tag <= TAG_MAX:
            fault = scan_tag_fault(p, self.length, <int32_t>tag)
            if fault.kind != SCAN_OK:
                raise self.fault_of(fault)
        while entry < end:
            if entry.tag == tag:
                return entry
            entry += 1
        return NULL

    cdef bytes value_at(self, Py_ssize_t i):
        """The value of entry i."""
        cdef const ScanEntry *entry = self.index() + i
        return PyBytes_FromStringAndSize(
            <const char *>self.frame() + entry.offset, scan_length(entry)
        )

    # What is wrong -------------------------------------------------------------------------------

    cdef object seq(self):
        """MsgSeqNum<34> for an error text, or None where it cannot be read."""
        cdef const uint8_t *p = self.frame()
        cdef const ScanEntry *entry = self.index()
        cdef uint64_t number = 0
        cdef size_t i
        for i in range(self.scan.count):
            if entry[i].tag == TAG_MSG_SEQ_NUM:
                if number_read_unsigned(
                    p + entry[i].offset, scan_length(&entry[i]), 0xFFFFFFFF, &number
                ) == NUMBER_OK:
                    return number
                return None
        return None

    cdef object wrong(self, object tag, str what, str reason):
        """The error for a violation; values are not shown, they may be secrets."""
        seq = self.seq()
        name = f"MsgType {self.kind.decode('latin-1')}" if self.plan is None else self.plan.name
        problem = RemoteProtocolError(f"{name}, MsgSeqNum {seq}: {what}", tag, reason)
        problem.kind = self.kind
        problem.seq = seq
        return problem

    cdef object malformed(self, int32_t tag, object name, str form):
        """The error for a value of the wrong form."""
        field = f"tag {tag}" if name is None else f"{name}<{tag}>"
        return self.wrong(tag, f"{field} is not {form}", "malformed")

    cdef object fault_of(self, ScanFault fault):
        if fault.kind == SCAN_BAD_TAG:
            return self.wrong(None, "a field does not begin with a tag and '='", "tag")
        if fault.kind == SCAN_EMPTY:
            return self.wrong(fault.tag, f"tag {fault.tag} has no value", "empty")
        what = f"tag {fault.tag} is not the length of the data behind it"
        return self.wrong(fault.tag, what, "data")

    @property
    def fault(self):
        """None, or a RemoteProtocolError (not raised) that tells the first malformed field.

        reason "tag": a tag is not a number of 1 to 9 digits without leading zero (tag None);
        "empty": a tag without value; "data": the declared length of a data field is wrong (tag is
        the length field's), and what stands behind it cannot be told.
        """
        self.frame()
        if self.scan.fault.kind == SCAN_OK:
            return None
        return self.fault_of(self.scan.fault)

    # By tag --------------------------------------------------------------------------------------

    @property
    def kind(self):
        """MsgType<35> as bytes."""
        cdef const char *p = <const char *>self.frame() + self.kind_offset
        return PyBytes_FromStringAndSize(p, self.kind_bytes)

    def get(self, int64_t tag, default=None):
        """Value of the first field with this tag as bytes, or default."""
        cdef const ScanEntry *entry = self.find(tag)
        if entry is NULL:
            return default
        return PyBytes_FromStringAndSize(
            <const char *>self.frame() + entry.offset, scan_length(entry)
        )

    def get_int(self, int64_t tag, default=None):
        """Value of the first field with this tag as int, or default.

        Optional '-' and digits, within 64 bits signed; anything else raises RemoteProtocolError
        with reason "malformed".
        """
        cdef const ScanEntry *entry = self.find(tag)
        cdef int64_t value = 0
        if entry is NULL:
            return default
        if number_read_signed(self.frame() + entry.offset, scan_length(entry), &value) != NUMBER_OK:
            raise self.malformed(entry.tag, None, FORMS[<int>TYPE_INT])
        return value

    def get_decimal(self, int64_t tag, default=None):
        """Value of the first field with this tag as decimal.Decimal, or default.

        Exact. Optional '-', digits, optionally a point and digits; anything else raises
        RemoteProtocolError with reason "malformed".
        """
        cdef const ScanEntry *entry = self.find(tag)
        cdef const uint8_t *p
        if entry is NULL:
            return default
        p = self.frame() + entry.offset
        if number_check_decimal(p, scan_length(entry), True) != NUMBER_OK:
            raise self.malformed(entry.tag, None, FORMS[<int>TYPE_PRICE])
        return _Decimal(PyUnicode_DecodeLatin1(<const char *>p, scan_length(entry), NULL))

    def get_str(self, int64_t tag, default=None):
        """Value of the first field with this tag as str, or default.

        Decoded as UTF-8; bytes that are none raise RemoteProtocolError with reason "malformed".
        """
        cdef const ScanEntry *entry = self.find(tag)
        if entry is NULL:
            return default
        try:
            return PyUnicode_DecodeUTF8(
                <const char *>self.frame() + entry.offset, scan_length(entry), NULL
            )
        except UnicodeDecodeError:
            raise self.malformed(tag, None, FORMS[<int>TYPE_UTF8]) from None

    def seq_from(
        self,
        bytes begin_string not None,
        bytes sender_comp_id not None,
        bytes target_comp_id not None,
    ):
        """MsgSeqNum<34> of a message that has just these three in its header, else -1.

        BeginString<8>, SenderCompID<49> and TargetCompID<56>, the first field of each. -1 also
        where one of the four is absent, where MsgSeqNum is no number of 0 to 4294967295, and for
        any fault of the message: get, get_int and fault tell which.
        """
        cdef const ScanEntry *entry
        cdef int64_t seq = 0
        self.frame()
        if self.scan.fault.kind != SCAN_OK:
            return -1
        if not (
            self.says(TAG_BEGIN_STRING, begin_string)
            and self.says(TAG_SENDER_COMP_ID, sender_comp_id)
            and self.says(TAG_TARGET_COMP_ID, target_comp_id)
        ):
            return -1
        entry = self.find(TAG_MSG_SEQ_NUM)
        if entry is NULL:
            return -1
        if number_read_signed(self.bytes_of(entry), scan_length(entry), &seq) != NUMBER_OK:
            return -1
        return seq if 0 <= seq <= <int64_t>UINT32_MAX else -1

    cdef bint says(self, int64_t tag, bytes value) except -1:
        """Whether the first field with this tag has this value; the message has no fault."""
        cdef const ScanEntry *entry = self.find(tag)
        return (
            entry is not NULL
            and scan_length(entry) == PyBytes_GET_SIZE(value)
            and memcmp(self.bytes_of(entry), PyBytes_AS_STRING(value), scan_length(entry)) == 0
        )

    def fields(self):
        """All fields as (tag, value) in wire order, 8, 9 and 10 included.

        Raises the message's fault where it has one.
        """
        fault = self.fault
        if fault is not None:
            raise fault
        cdef size_t i
        return [(self.index()[i].tag, self.value_at(i)) for i in range(self.scan.count)]

    def __len__(self):
        self.frame()
        return self.length

    def __bytes__(self):
        return PyBytes_FromStringAndSize(<const char *>self.frame(), self.length)

    # By name -------------------------------------------------------------------------------------

    cdef inline int32_t *marks(self) except NULL:
        """By row of the plan: the number, from 1, of the row's first entry, or 0."""
        self.frame()
        if self.plan is None:
            raise LocalProtocolError(
                "the message was read by no plan; use Plan.read or Framer(plans=...)"
            )
        return <int32_t *>(self.arena.records + self.record)

    cdef inline const Value *at_once(self) noexcept:
        """The values that were read with the frame; marks was called before."""
        return <const Value *>(self.arena.records + self.record + self.plan.marks_bytes)

    cdef inline const uint8_t *bytes_of(self, const ScanEntry *entry) noexcept:
        return self.arena.store.data + self.offset + entry.offset

    cdef Py_ssize_t row_of(self, object name) except -1:
        self.marks()
        return self.plan.row_of(name)

    def value(self, str name not None):
        """The value of the plan's row of this name, or None where the field is absent.

        str for text types (str utf8 char id price qty float bool utc), int for int, length and
        seqnum, bytes for data, and for a group a list of tuples in the order of its rows, None for
        an absent member. Raises KeyError for a name that is no row, RemoteProtocolError for a
        malformed value (reason "malformed"), a group that contradicts its count ("group"), and
        where get does: a field without value or hidden. A group is refused for any fault of its
        message: whether that is a member's cannot be told.
        """
        cdef Py_ssize_t row = self.row_of(name)
        cdef int32_t mark = self.marks()[row]
        if self.scan.fault.kind != SCAN_OK:
            self.refuse_doubtful(self.plan.table, row, mark)
        if mark == 0:
            return None
        return self.value_in(
            self.plan.table, row, mark - 1, self.plan.known(self.at_once(), row)
        )

    def pick(self, tuple names not None):
        """The values of the plan's rows of these names, as a tuple; each as value gives it.

        Raises as value does, for the first that is refused. The plan remembers the tuple it was
        asked for last: whoever asks with the very same one spares it finding the rows.
        """
        self.marks()
        return self.several(names, False)

    def scaled(self, str name not None, int scale):
        """The decimal in the plan's row of this name times 10**scale as an int, or None.

        Exact: zeros beyond the scale (0 to 18) are dropped, other digits there, more than 64 bits
        and text that is no decimal raise RemoteProtocolError with reason "malformed"; a field
        without value or hidden as value does. Raises LocalProtocolError where the row's type is
        not price, qty or float.
        """
        cdef Py_ssize_t row = self.row_of(name)
        cdef int32_t mark = self.marks()[row]
        cdef const ScanEntry *entry = self.index() + mark - 1
        cdef int64_t number = 0
        cdef const uint8_t *p
        cdef const Value *known
        check_scale(scale)
        if value_class(self.plan.table.rows[row].type) != value_class(TYPE_PRICE):
            raise LocalProtocolError(f"{self.plan.name}: {name} is not a decimal")
        if self.scan.fault.kind != SCAN_OK:
            self.refuse_doubtful(self.plan.table, row, mark)
        if mark == 0:
            return None
        known = self.plan.known(self.at_once(), row)
        if known is not NULL and known.form == VALUE_OK and known.decimals == scale:
            return known.number
        p = self.bytes_of(entry)
        if not value_fits(
            self.plan.table.rows[row].type, p, scan_length(entry), True
        ) or number_read_scaled(p, scan_length(entry), scale, &number) != NUMBER_OK:
            raise self.malformed(entry.tag, name, f"a decimal number of at most {scale} decimals")
        return number

    def time_ns(self, str name not None):
        """The UTC time in the plan's row of this name as ns since 1970, or None where absent.

        Raises RemoteProtocolError with reason "malformed" for any other text and beyond 64 bits,
        for a field without value or hidden as value does; LocalProtocolError where the row's type
        is not utc.
        """
        cdef Py_ssize_t row = self.row_of(name)
        cdef int32_t mark = self.marks()[row]
        cdef const ScanEntry *entry = self.index() + mark - 1
        cdef int64_t second = 0
        cdef int64_t ns = 0
        cdef const Value *known
        if self.plan.table.rows[row].type != TYPE_UTC:
            raise LocalProtocolError(f"{self.plan.name}: {name} is not a time")
        if self.scan.fault.kind != SCAN_OK:
            self.refuse_doubtful(self.plan.table, row, mark)
        if mark == 0:
            return None
        known = self.plan.known(self.at_once(), row)
        if known is not NULL and known.form == VALUE_OK:
            return known.number
        if stamp_read(self.bytes_of(entry), scan_length(entry), &second, &ns) == NUMBER_OK:
            if stamp_join(second, ns, &ns):
                return ns
        raise self.malformed(entry.tag, name, FORMS[<int>TYPE_UTC])

    def values(self):
        """The plan's columns in order as a tuple, None for what is absent.

        Raises RemoteProtocolError for the first one that value refuses.
        """
        self.marks()
        return self.several(self.plan.columns, True)

    cdef inline tuple several(self, tuple names, bint are_columns):
        """The values of these rows; of the plan's columns some may be of no row."""
        cdef Plan plan = self.plan
        cdef Table table = plan.table
        cdef Py_ssize_t count = len(names)
        cdef Py_ssize_t i, row, mark
        # Making a tuple, and lists for a group, may run other code: pointers are taken behind it.
        cdef tuple found = PyTuple_New(count)
        cdef const Py_ssize_t *rows = plan.column_ids if are_columns else plan.rows_of(names)
        cdef const int32_t *marks = self.marks()
        cdef const uint8_t *frame = self.frame()
        cdef const ScanEntry *entries = self.index()
        cdef const Value *at_once = self.at_once()
        cdef bint doubtful = self.scan.fault.kind != SCAN_OK
        for i in range(count):
            row = rows[i]
            mark = marks[row] if row >= 0 else 0
            if doubtful and row >= 0:
                self.refuse_doubtful(table, row, mark)
            if mark == 0:
                value = None
            elif table.rows[row].type == TYPE_GROUP:
                value = self.group(table, row, mark - 1)
                rows = plan.column_ids if are_columns else plan.rows_of(names)
                marks = self.marks()
                frame = self.frame()
                entries = self.index()
                at_once = self.at_once()
            else:
                value = self.value_here(
                    table, row, frame, &entries[mark - 1], plan.known(at_once, row)
                )
            Py_INCREF(value)
            PyTuple_SET_ITEM(found, i, value)
        return found

    def pack(self, bytes head not None, bytes tail not None):
        """`head`, then what `values` gives and what `extra` gives as MessagePack, then `tail`.

        head and tail: MessagePack, so that it becomes one array. Text is a str, numbers are in
        their shortest form, data is a bin, an absent field nil; a group, and `extra`, is an array
        of arrays, empty where there is none. Raises as values does.
        """
        self.marks()
        cdef Plan plan = self.plan
        cdef Table table = plan.table
        cdef Packing out = Packing()
        cdef Py_ssize_t i, row, mark
        cdef int type
        cdef const ScanEntry *entry
        cdef const int32_t *marks = self.marks()
        cdef const ScanEntry *entries = self.index()
        cdef const Value *at_once = self.at_once()
        cdef bint doubtful = self.scan.fault.kind != SCAN_OK
        out.room(PyBytes_GET_SIZE(head) + PyBytes_GET_SIZE(tail) + 2 * self.length + PACK_ROOM)
        out.put_raw(PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head))
        for i in range(len(plan.columns)):
            row = plan.column_ids[i]
            mark = marks[row] if row >= 0 else 0
            type = table.rows[row].type if row >= 0 else TYPE_STR
            if doubtful and row >= 0:
                self.refuse_doubtful(table, row, mark)
            if mark == 0:
                if type == TYPE_GROUP:
                    out.put_array(0)
                else:
                    out.put_nil()
            elif type == TYPE_GROUP:
                out.put(self.group(table, row, mark - 1))
                # Making lists may run other code: the pointers are taken again behind it.
                marks = self.marks()
                entries = self.index()
                at_once = self.at_once()
            else:
                entry = entries + mark - 1
                self.hold_to_form(table, row, entry, plan.known(at_once, row))
                out.put_field(type, self.bytes_of(entry), scan_length(entry))
        if self.all_differ():
            out.put_array(0)
        else:
            out.put(self.outsiders()[0])
        out.put_raw(PyBytes_AS_STRING(tail), PyBytes_GET_SIZE(tail))
        return PyBytes_FromStringAndSize(<char *>out.data, out.used)

    cdef int refuse_doubtful(self, Table table, Py_ssize_t row, Py_ssize_t mark) except -1:
        """Raise where the fault of this message is, hides or may be within the field of a row."""
        cdef ScanFault fault = self.scan.fault
        if mark == 0 or table.rows[row].type != TYPE_GROUP:
            fault = scan_tag_fault(self.frame(), self.length, table.rows[row].tag)
        if fault.kind != SCAN_OK:
            raise self.fault_of(fault)
        return 0

    cdef inline object value_in(
        self, Table table, Py_ssize_t row, Py_ssize_t at, const Value *known
    ):
        """The value of entry `at`, which is of this row. known: as it was read at once, or NULL."""
        if table.rows[row].type == TYPE_GROUP:
            return self.group(table, row, at)
        return self.value_here(table, row, self.frame(), self.index() + at, known)

    cdef inline object value_here(
        self,
        Table table,
        Py_ssize_t row,
        const uint8_t *frame,
        const ScanEntry *entry,
        const Value *known,
    ):
        """The same for a row that is no group."""
        self.hold_to_form(table, row, entry, known)
        return value_of(
            table.rows[row].type, frame + entry.offset, scan_length(entry), self.scan.plain
        )

    cdef inline int hold_to_form(
        self, Table table, Py_ssize_t row, const ScanEntry *entry, const Value *known
    ) except -1:
        """Raise where a value is not of the form of its row, which is no group."""
        cdef int type = table.rows[row].type
        if not (
            value_is_known_to_fit(type, self.scan.plain, known)
            or value_fits(type, self.bytes_of(entry), scan_length(entry), True)
        ):
            raise self.malformed(entry.tag, table.names[row], FORMS[type])
        return 0

    cdef GroupSpan pass_group(self, Table table, Py_ssize_t at, list missing) except *:
        """The extent of the group whose count stands right before entry `at`."""
        return pass_group(table, self.frame(), self.index(), at, self.scan.count, missing)

    cdef GroupSpan group_span(self, Table parent, Py_ssize_t row, Py_ssize_t at) except *:
        """The extent of the group whose count is entry `at`; raises where it contradicts itself."""
        cdef const ScanEntry *entries = self.index()
        cdef int32_t tag = entries[at].tag
        cdef uint64_t declared = 0
        cdef GroupSpan span = self.pass_group(parent.children[row], at + 1, None)
        name = parent.names[row]
        cdef int status = number_read_unsigned(
            self.bytes_of(&entries[at]), scan_length(&entries[at]), INT64_MAX, &declared
        )
        if status == NUMBER_SYNTAX:
            raise self.malformed(tag, name, FORMS[<int>TYPE_GROUP])
        if status != NUMBER_OK or declared != span.entries:
            what = f"{name}<{tag}>: {span.entries} entries, not as many as it declares"
            raise self.wrong(tag, what, "group")
        if span.repeated != 0:
            member = (<Table>parent.children[row]).label(span.repeated)
            what = f"{name}<{tag}>: {member} comes twice in one entry"
            raise self.wrong(tag, what, "group")
        return span

    cdef list group(self, Table parent, Py_ssize_t row, Py_ssize_t at):
        """The entries of the group whose count is entry `at`."""
        cdef Table table = parent.children[row]
        cdef GroupSpan span = self.group_span(parent, row, at)
        cdef Py_ssize_t member
        cdef int32_t delimiter, tag
        found = []
        entry = None
        at += 1
        delimiter = self.index()[at].tag if span.entries else 0
        while at < span.end:
            # Making values may run other code, so no pointer is kept from one turn to the next.
            tag = self.index()[at].tag
            if tag == delimiter:
                entry = table.entry_behind(entry)
                found.append(entry)
            member = table.find(tag)
            if member < 0:
                at += 1
                continue
            entry[member] = self.value_in(table, member, at, NULL)
            at += 1
            if table.rows[member].type == TYPE_GROUP:
                at = self.pass_group(table.children[member], at, None).end
        return [tuple(found_entry) for found_entry in found]

    # Whether it holds to the plan ----------------------------------------------------------------

    def check(self):
        """Raise RemoteProtocolError for the first violation of the plan's table.

        The message's own fault first; then row by row: a required field that is absent, also
        within a group (reason "missing"), a value of the wrong form or data that is not right
        behind its length ("malformed"), a group that contradicts its count or has a member twice
        in one entry ("group"); last a row that comes twice ("repeated"). The error names tag,
        message and MsgSeqNum.
        """
        cdef Py_ssize_t row
        cdef const int32_t *marks = self.marks()
        cdef Plan plan = self.plan
        cdef Table table = plan.table
        cdef const Value *at_once = self.at_once()
        if self.scan.fault.kind != SCAN_OK:
            raise self.fault_of(self.scan.fault)
        for row in range(table.count):
            if marks[row] != 0:
                if not value_is_known_to_fit(
                    table.rows[row].type, self.scan.plain, plan.known(at_once, row)
                ):
                    self.check_row(table, row)
                    # Making lists may run other code: the pointers are taken again behind it.
                    marks = self.marks()
                    at_once = self.at_once()
            elif table.rows[row].required:
                raise self.absent(table.rows[row].tag)
            if table.rows[row].type == TYPE_DATA and row > 0:
                self.check_data(table, row)
        if not self.all_differ():
            for tag in self.repeated:
                raise self.wrong(tag, f"{table.label(tag)} comes twice", "repeated")

    cdef int check_row(self, Table table, Py_ssize_t row) except -1:
        """The value of a row that is there, and that was not found to fit as it was read."""
        cdef Py_ssize_t at = self.marks()[row] - 1
        cdef const ScanEntry *entry = self.index() + at
        cdef int type = table.rows[row].type
        cdef list missing
        if type == TYPE_GROUP:
            missing = []
            self.group(table, row, at)
            self.pass_group(table.children[row], at + 1, missing)
            for tag in missing:
                raise self.absent(tag)
        elif not value_fits(type, self.bytes_of(entry), scan_length(entry), True):
            raise self.malformed(entry.tag, table.names[row], FORMS[type])
        return 0

    cdef object absent(self, tag):
        return self.wrong(tag, f"{self.plan.table.label(tag)} is required and missing", "missing")

    cdef int check_data(self, Table table, Py_ssize_t row) except -1:
        """Data stands right behind its length, or both are absent."""
        cdef int32_t length_tag = table.rows[row - 1].tag
        cdef int32_t at = self.marks()[row]
        cdef int32_t length_at = self.marks()[row - 1]
        if pair_data_tag(length_tag) == table.rows[row].tag and at != length_at:
            if at != length_at + 1:
                what = f"tag {length_tag} is not right before its data <{table.rows[row].tag}>"
                raise self.wrong(length_tag, what, "malformed")
        return 0

    cdef bint all_differ(self) except -1:
        """Whether each field is of a row of its own; False where that is not certain."""
        cdef const int32_t *marks = self.marks()
        cdef Py_ssize_t row
        cdef size_t marked = 0
        for row in range(self.plan.table.ids):
            marked += marks[row] != 0
        return marked == self.scan.count

    @property
    def missing(self):
        """Tags of required fields that are absent, also within groups, in table order."""
        cdef Table table
        cdef Py_ssize_t row, at
        cdef list found = []
        self.marks()
        table = self.plan.table
        for row in range(table.count):
            at = self.marks()[row]
            if at == 0:
                if table.rows[row].required:
                    found.append(table.rows[row].tag)
            elif table.rows[row].type == TYPE_GROUP:
                self.pass_group(table.children[row], at, found)
        return tuple(found)

    @property
    def extra(self):
        """(tag, value) of each field that the plan does not know, in wire order."""
        if self.all_differ():
            return []
        return self.outsiders()[0]

    @property
    def repeated(self):
        """Tags of the plan that come twice outside groups, once each; the first one counts.

        Unknown tags are not among them: they may be members of a group the plan does not know.
        """
        if self.all_differ():
            return ()
        return tuple(self.outsiders()[1])

    cdef tuple outsiders(self):
        """The unknown fields and the repeated tags."""
        cdef Table table = self.plan.table
        cdef size_t at = 0
        cdef size_t end
        cdef Py_ssize_t row
        cdef int32_t tag
        extra = []
        repeated = {}
        while at < self.scan.count:
            tag = self.index()[at].tag
            row = table.find(tag)
            if row < 0:
                extra.append((tag, self.value_at(at)))
            elif self.marks()[row] != <int32_t>at + 1:
                repeated[tag] = True
            at += 1
            if row >= 0 and table.rows[row].type == TYPE_GROUP:
                end = self.pass_group(table.children[row], at, None).end
                extra += self.strangers(table.children[row], at, end)
                at = end
        return extra, repeated

    cdef list strangers(self, Table table, size_t at, size_t end):
        """The unknown fields among those of a group."""
        found = []
        for at in range(at, end):
            if not table.holds(self.index()[at].tag):
                found.append((self.index()[at].tag, self.value_at(at)))
        return found
