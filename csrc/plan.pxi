# Plan: a table of fields compiled once; reads a message into named fields in one pass.
#
# The pass notes where each row's first field stands and steps over groups. Values are made when
# asked for, so a field nobody reads costs nothing but its place in the index.

cdef enum:
    OWN_SLOTS = 96


cdef struct GroupSpan:
    Py_ssize_t end  # entry behind the group
    uint64_t entries
    int32_t repeated  # a member tag that came twice in one entry, or 0


@cython.final
@cython.no_gc
cdef class Plan:
    """Plan(name, rows, columns=(), header_tags=())

    Reads messages of one kind by a table of fields.

    rows: (tag, name, type, required, rows of the group or ()) each, type one of TYPES. A group is
    a row of type "group" at its count tag; it begins with whichever member comes first on the wire
    and is nested at most 4 deep. Values are str for text types (str utf8 char id price qty float
    bool utc), int for int, length and seqnum, bytes for data, and for a group a list of tuples in
    the order of its rows, with None for an absent member.

    columns: names that Fields.values answers for, in that order; a name without a row gives None.
    Without columns: all rows. header_tags: tags that are neither rows nor `extra`.
    Raises LocalProtocolError for a table that contradicts itself.
    """

    cdef Table table
    cdef tuple columns
    cdef Py_ssize_t *column_ids

    def __cinit__(self, str name not None, rows, columns=(), header_tags=()):
        cdef Py_ssize_t i
        self.table = Table(name, rows, header_tags, 0)
        for taken in self.table.names:
            if hasattr(Fields, taken):
                raise LocalProtocolError(f"{name}: no row can be named {taken!r}; Fields has that")
        self.columns = tuple(columns) or self.table.names
        self.column_ids = <Py_ssize_t *>PyMem_Malloc(
            max(len(self.columns), 1) * sizeof(Py_ssize_t)
        )
        if self.column_ids is NULL:
            raise MemoryError()
        for i in range(len(self.columns)):
            self.column_ids[i] = self.table.by_name.get(self.columns[i], -1)

    def __dealloc__(self):
        PyMem_Free(self.column_ids)

    @property
    def name(self):
        """The name the plan was given; errors begin with it."""
        return self.table.owner

    @property
    def names(self):
        """The names of the rows, in table order."""
        return self.table.names

    def read(self, Message message not None):
        """Fields: where each field of the table stands in this message.

        Never raises for what the message says; Fields.check does. Raises LocalProtocolError for a
        message that is no longer valid.
        """
        cdef Table table = self.table
        cdef const ScanEntry *entries = message.index()
        cdef Py_ssize_t count = message.count
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t row
        cdef Py_ssize_t last = -1
        cdef Fields fields = Fields.__new__(Fields)
        fields.slots = fields.own_slots
        if table.ids > OWN_SLOTS:
            fields.slots = <int32_t *>PyMem_Malloc(table.ids * sizeof(int32_t))
            if fields.slots is NULL:
                raise MemoryError()
        memset(fields.slots, 0xFF, table.ids * sizeof(int32_t))
        fields.message = message
        fields.plan = self
        while at < count:
            row = table.find_behind(last, entries[at].tag)
            at += 1
            if row >= 0:
                last = row
                if fields.slots[row] < 0:
                    fields.slots[row] = at - 1
                if table.rows[row].type == TYPE_GROUP:
                    at = pass_group(table.children[row], entries, at, count, None).end
        return fields


cdef GroupSpan pass_group(
    Table table, const ScanEntry *entries, Py_ssize_t at, Py_ssize_t end, list missing
):
    """Step over a group whose first member would stand at `at`.

    An entry ends where the first member's tag comes again, the group where a tag comes that is no
    member. Tags of required members that an entry lacks are added to missing.
    """
    cdef GroupSpan span = GroupSpan(at, 0, 0)
    cdef uint64_t seen = 0
    cdef Py_ssize_t row
    cdef Py_ssize_t delimiter = table.find(entries[at].tag) if at < end else -1
    while span.end < end:
        row = table.find(entries[span.end].tag)
        if row < 0:
            break
        if row == delimiter:
            if span.entries > 0 and missing is not None:
                add_missing(table, seen, missing)
            span.entries += 1
            seen = 0
        elif (seen >> row) & 1:
            span.repeated = entries[span.end].tag
        seen |= <uint64_t>1 << row
        span.end += 1
        if table.rows[row].type == TYPE_GROUP:
            span.end = pass_group(table.children[row], entries, span.end, end, missing).end
    if span.entries > 0 and missing is not None:
        add_missing(table, seen, missing)
    return span


cdef int add_missing(Table table, uint64_t seen, list missing) except -1:
    cdef Py_ssize_t row
    for row in range(table.count):
        if (table.required_bits & ~seen) >> row & 1:
            missing.append(table.rows[row].tag)
    return 0


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class Fields:
    """What a Plan found in a message, valid as long as the message.

    Each name of the plan is an attribute: its value, or None where the message has no such field.
    Reading a malformed field raises RemoteProtocolError with its tag and reason "malformed", or
    "group" for a group that contradicts its count.
    """

    cdef Message message
    cdef Plan plan
    cdef int32_t *slots  # by row: the entry of its first field, or -1
    cdef int32_t[OWN_SLOTS] own_slots  # room for the slots of an ordinary plan

    def __dealloc__(self):
        if self.slots is not self.own_slots:
            PyMem_Free(self.slots)

    cdef const ScanEntry *entries(self) except NULL:
        if self.message is None:
            raise LocalProtocolError("Fields come from Plan.read")
        return self.message.index()

    # One field -----------------------------------------------------------------------------------

    def __getattribute__(self, name):
        if self.plan is not None:
            row = self.plan.table.by_name.get(name)
            if row is not None:
                return self.value(row)
        return PyObject_GenericGetAttr(self, name)

    def __getattr__(self, name):
        raise AttributeError(f"the plan has no field {name!r}")

    def get(self, name):
        """The value of that field, or None where it is absent.

        Raises KeyError for a name that is not in the plan, RemoteProtocolError for a malformed
        value.
        """
        self.entries()
        return self.value(self.plan.table.by_name[name])

    cdef object value(self, Py_ssize_t row):
        cdef const ScanEntry *entries = self.entries()
        cdef Py_ssize_t at = self.slots[row]
        if at < 0:
            return None
        if self.plan.table.rows[row].type == TYPE_GROUP:
            return self.group(self.plan.table, row, at)
        return self.single(self.plan.table, row, &entries[at])

    cdef inline object single(self, Table table, Py_ssize_t row, const ScanEntry *entry):
        """The value of this entry, which is of this row; the message was found valid."""
        cdef const uint8_t *p = self.bytes_of(entry)
        cdef int type = table.rows[row].type
        if not value_fits(type, p, entry.length, True):
            raise malformed(entry.tag, table.names[row], FORMS[type])
        return value_of(type, p, entry.length)

    cdef inline const uint8_t *bytes_of(self, const ScanEntry *entry) noexcept:
        return self.message.framer.store.data + self.message.offset + entry.offset

    cdef list group(self, Table parent, Py_ssize_t row, Py_ssize_t at):
        """The entries of the group whose count is the entry at `at`."""
        cdef Table table = parent.children[row]
        cdef const ScanEntry *entries = self.entries()
        cdef int32_t tag = entries[at].tag
        cdef const uint8_t *p = self.bytes_of(&entries[at])
        cdef uint64_t declared = 0
        cdef GroupSpan span = pass_group(table, entries, at + 1, self.message.count, None)
        cdef Py_ssize_t member
        name = parent.names[row]
        if number_read_unsigned(p, entries[at].length, INT64_MAX, &declared) == NUMBER_SYNTAX:
            raise malformed(tag, name, FORMS[<int>TYPE_GROUP])
        if declared != span.entries:
            raise RemoteProtocolError(
                f"{name}<{tag}>: {span.entries} entries, not as many as it declares", tag, "group"
            )
        if span.repeated != 0:
            raise RemoteProtocolError(
                f"{name}<{tag}>: tag {span.repeated} comes twice in one entry", tag, "group"
            )
        found = []
        at += 1
        delimiter = entries[at].tag if declared else 0
        while at < span.end:
            # Making values may run other code, so nothing is kept from one turn to the next.
            entries = self.entries()
            if entries[at].tag == delimiter:
                entry = [None] * table.count
                found.append(entry)
            member = table.find(entries[at].tag)
            if table.rows[member].type == TYPE_GROUP:
                entry[member] = self.group(table, member, at)
                entries = self.entries()
                at = pass_group(
                    table.children[member], entries, at + 1, self.message.count, None
                ).end
            else:
                entry[member] = self.single(table, member, &entries[at])
                at += 1
        return [tuple(found_entry) for found_entry in found]

    # All of them ---------------------------------------------------------------------------------

    def values(self):
        """The plan's columns in order as a tuple, None for what is absent.

        Raises RemoteProtocolError for the first malformed value.
        """
        cdef const ScanEntry *entries = self.entries()
        cdef Plan plan = self.plan
        cdef Table table = plan.table
        cdef Py_ssize_t count = len(plan.columns)
        cdef Py_ssize_t i, row, at
        cdef tuple found = PyTuple_New(count)
        for i in range(count):
            row = plan.column_ids[i]
            at = self.slots[row] if row >= 0 else -1
            if at < 0:
                value = None
            elif table.rows[row].type == TYPE_GROUP:
                value = self.group(table, row, at)
                # Making lists may run other code.
                entries = self.entries()
            else:
                value = self.single(table, row, &entries[at])
            Py_INCREF(value)
            PyTuple_SET_ITEM(found, i, value)
        return found

    def check(self):
        """Raise RemoteProtocolError for the first violation of the table.

        The message's own fault first; then row by row: a required field that is absent, also
        within a group (reason "missing"), a value of the wrong form or data that is not right
        behind its length ("malformed"), a group that contradicts its count or has a member twice
        in one entry ("group").
        """
        cdef Py_ssize_t row
        self.entries()
        cdef Table table = self.plan.table
        fault = self.message.fault
        if fault is not None:
            raise fault
        for row in range(table.count):
            if self.slots[row] >= 0:
                self.check_row(table, row)
            if table.rows[row].type == TYPE_DATA and row > 0:
                self.check_data(table, row)
            for tag in self.missing_of(row):
                raise RemoteProtocolError(
                    f"{table.owner}: required tag {tag} is missing", tag, "missing"
                )

    cdef int check_row(self, Table table, Py_ssize_t row) except -1:
        cdef const ScanEntry *entry = self.entries() + self.slots[row]
        cdef int type = table.rows[row].type
        if type == TYPE_GROUP:
            self.group(table, row, self.slots[row])
        elif not value_fits(type, self.bytes_of(entry), entry.length, True):
            raise malformed(entry.tag, table.names[row], FORMS[type])
        return 0

    cdef int check_data(self, Table table, Py_ssize_t row) except -1:
        """Data stands right behind its length, or both are absent."""
        cdef int32_t tag = table.rows[row].tag
        cdef int32_t length_tag = table.rows[row - 1].tag
        cdef Py_ssize_t at = self.slots[row]
        cdef Py_ssize_t length_at = self.slots[row - 1]
        if scan_data_tag(length_tag) == tag and at != length_at and at != length_at + 1:
            raise RemoteProtocolError(
                f"{table.owner}: tag {length_tag} is not right before its data <{tag}>",
                length_tag,
                "malformed",
            )
        return 0

    cdef list missing_of(self, Py_ssize_t row):
        """Required tags that this row lacks: its own, or those of members of its group."""
        cdef Table table = self.plan.table
        cdef list missing = []
        cdef Py_ssize_t at = self.slots[row]
        if at < 0:
            if table.rows[row].required:
                missing.append(table.rows[row].tag)
        elif table.rows[row].type == TYPE_GROUP:
            pass_group(table.children[row], self.entries(), at + 1, self.message.count, missing)
        return missing

    @property
    def missing(self):
        """Tags of required fields that are absent, also within groups, in table order."""
        self.entries()
        cdef Py_ssize_t row
        found = []
        for row in range(self.plan.table.count):
            found += self.missing_of(row)
        return tuple(found)

    @property
    def extra(self):
        """(tag, value) of each field outside groups that the plan does not know, in wire order."""
        return self.outsiders()[0]

    @property
    def repeated(self):
        """Tags of the plan that come twice outside groups, once each; the first one counts.

        Unknown tags are not among them: they may be members of a group the plan does not know.
        """
        return tuple(self.outsiders()[1])

    cdef tuple outsiders(self):
        """The unknown fields and the repeated tags."""
        cdef const ScanEntry *entries = self.entries()
        cdef Table table = self.plan.table
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t row
        extra = []
        repeated = {}
        while at < self.message.count:
            entries = self.entries()
            row = table.find(entries[at].tag)
            if row < 0:
                extra.append((entries[at].tag, self.message.value_at(at)))
            elif self.slots[row] != at:
                repeated[entries[at].tag] = True
            at += 1
            if row >= 0 and table.rows[row].type == TYPE_GROUP:
                at = pass_group(
                    table.children[row], self.entries(), at, self.message.count, None
                ).end
        return extra, repeated
