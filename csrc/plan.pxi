# Plan: a table of fields compiled once, by which messages are read under names.
#
# Where each row first stands is noted in the pass over the frame. The columns that are characters,
# numbers or times become values right behind it, so that reading a report costs one pass; text and
# groups stay where they are until asked for.
#
# A record that read makes has a Reading in front, by which the next read of the same frame by the
# same plan finds it again: however often it is read, a frame has one record of each plan.

cdef uint64_t plans_made = 0


@cython.final
@cython.no_gc
cdef class Plan:
    """Plan(name, rows, columns=(), header_tags=())

    Reads messages of one kind by a table of fields.

    rows: (tag, name, type, required, rows of the group or ()) each, type one of TYPES. A group is
    a row of type "group" at its count tag, nested at most 4 deep.

    A member may have a sixth part, inherited: if true, an entry without it has the value of the
    entry before it in the same group, and only the first entry must have it where it is required.

    Which fields are a group's: its entries begin with whichever member comes first behind the
    count, and it ends where a tag comes that is no member. A tag that is not in this plan at all is
    stepped over where another member follows it: a venue adds fields to entries too, and what the
    table does not know must not hide what it does. A member whose tag is also that of a row
    around the group is the entry's as long as the entry can take it: it is the outer row's, and the
    group at its end, where as many entries as declared have begun and the last of them has such a
    field, or there is none. So a field of the message that follows the group is taken for the last
    entry's if that one lacks it; nothing on the wire tells them apart. Header tags do not count:
    they never follow a group.

    columns: names that Message.values answers for, in that order; a
    name without a row gives None. Without columns: all rows. header_tags: tags that are neither
    rows nor `extra`. Raises LocalProtocolError for a table that contradicts itself.
    """

    cdef uint64_t number  # among all plans ever made
    cdef Table table
    cdef tuple columns
    cdef Py_ssize_t *column_ids
    cdef tuple picked  # the names that Message.pick asked for last, or None
    cdef Py_ssize_t *picked_ids
    cdef ValueColumns at_once
    cdef int32_t *places  # by row: of its value among those read at once, or -1
    cdef Py_ssize_t marks_count  # the rows, header tags, members of groups, others
    cdef Py_ssize_t marks_bytes
    cdef Py_ssize_t record_bytes

    def __cinit__(self, str name not None, rows, columns=(), header_tags=()):
        global plans_made
        cdef Py_ssize_t i
        plans_made += 1
        self.number = plans_made
        self.table = Table(name, rows, header_tags, 0)
        self.columns = tuple(columns) or self.table.names
        self.column_ids = <Py_ssize_t *>PyMem_Malloc(
            max(len(self.columns), 1) * sizeof(Py_ssize_t)
        )
        self.places = <int32_t *>PyMem_Malloc(max(self.table.count, 1) * sizeof(int32_t))
        self.at_once.columns = <ValueColumn *>PyMem_Calloc(
            max(self.table.count, 1), sizeof(ValueColumn)
        )
        if self.column_ids is NULL or self.places is NULL or self.at_once.columns is NULL:
            raise MemoryError()
        for i in range(len(self.columns)):
            self.column_ids[i] = self.table.by_name.get(self.columns[i], -1)
        self.lay_out()

    def __dealloc__(self):
        PyMem_Free(self.column_ids)
        PyMem_Free(self.picked_ids)
        PyMem_Free(self.places)
        PyMem_Free(self.at_once.columns)

    cdef int lay_out(self) except -1:
        """Where marks and values stand in the record of a message."""
        cdef Py_ssize_t row
        cdef int32_t place = 0
        cdef int kind
        asked = {self.column_ids[i] for i in range(len(self.columns))}
        for row in range(self.table.count):
            self.places[row] = -1
        for kind in range(VALUE_CLASSES):
            for row in range(self.table.count):
                if row in asked and value_class(self.table.rows[row].type) == kind:
                    self.at_once.columns[place].row = row
                    self.at_once.columns[place].type = self.table.rows[row].type
                    self.at_once.count[kind] += 1
                    self.places[row] = place
                    place += 1
        self.marks_count = self.table.ids + 2
        # The vector loop clears and reads them by the step.
        self.marks_bytes = (self.marks_count + SCAN_MARKS_STEP) // SCAN_MARKS_STEP
        self.marks_bytes *= SCAN_MARKS_STEP * sizeof(int32_t)
        self.record_bytes = self.marks_bytes + place * sizeof(Value)
        self.record_bytes = (self.record_bytes + LINE_BYTES - 1) // LINE_BYTES * LINE_BYTES
        return 0

    cdef const Py_ssize_t *rows_of(self, tuple names) except NULL:
        """The rows of these names; the pointer holds until others are asked for.

        Raises KeyError for a name that is no row.
        """
        cdef Py_ssize_t *ids
        cdef Py_ssize_t i
        if self.picked is names:
            return self.picked_ids
        found = [self.row_of(name) for name in names]
        ids = <Py_ssize_t *>PyMem_Realloc(
            self.picked_ids, max(len(found), 1) * sizeof(Py_ssize_t)
        )
        if ids is NULL:
            raise MemoryError()
        for i in range(len(found)):
            ids[i] = found[i]
        self.picked_ids = ids
        self.picked = names
        return ids

    cdef Py_ssize_t row_of(self, object name) except -1:
        row = self.table.by_name.get(name)
        if row is None:
            raise KeyError(f"{self.table.owner}: the plan has no row {name!r}")
        return row

    @property
    def name(self):
        """The name the plan was given; errors begin with it."""
        return self.table.owner

    @property
    def names(self):
        """The names of the rows, in table order."""
        return self.table.names

    def read(self, Message message not None):
        """The message as read by this plan: a Message of the same frame, with its names.

        That is the message itself where its framer read it by this plan. Reading it again takes no
        more memory. Never raises for what the message says; Message.check does. Raises
        LocalProtocolError for a message that is no longer valid.
        """
        cdef Message found
        message.frame()
        if message.plan is self:
            return message
        if message.origin is not None:
            message = message.origin
        found = Message.__new__(Message)
        found.arena = message.arena
        found.origin = message
        found.generation = message.generation
        found.offset = message.offset
        found.length = message.length
        found.kind_offset = message.kind_offset
        found.kind_bytes = message.kind_bytes
        found.first = message.first
        found.scan = message.scan
        found.plan = self
        found.record = self.record_of(message)
        if found.record == 0:
            found.record = message.arena.reserve_record(LINE_BYTES + self.record_bytes) + LINE_BYTES
            self.note(found)
            self.read_at_once(found)
            self.keep(found)
        return found

    cdef Py_ssize_t record_of(self, Message message) noexcept:
        """The record that an earlier read of this frame made, or 0."""
        cdef Py_ssize_t record
        # The framer makes several messages of one object; their frames begin at different places.
        if (
            message.readings_generation != message.generation
            or message.readings_offset != message.offset
        ):
            message.readings_generation = message.generation
            message.readings_offset = message.offset
            message.readings = 0
        record = message.readings
        while record != 0 and message.arena.reading(record).plan != self.number:
            record = message.arena.reading(record).earlier
        return record

    cdef void keep(self, Message found) noexcept:
        """So that record_of finds it."""
        cdef Reading *reading = found.arena.reading(found.record)
        reading.plan = self.number
        reading.earlier = found.origin.readings
        found.origin.readings = found.record

    cdef int note(self, Message message) except -1:
        """Mark where each row first stands, stepping over the members of groups."""
        cdef Table table = self.table
        cdef const ScanEntry *entries = message.index()
        cdef int32_t *marks = message.marks()
        cdef size_t at = 0
        cdef Py_ssize_t row
        memset(marks, 0, self.marks_bytes)
        while at < message.scan.count:
            row = table.find(entries[at].tag)
            at += 1
            if row < 0:
                marks[self.marks_count - 1] = at
                continue
            if marks[row] == 0:
                marks[row] = at
            if table.rows[row].type == TYPE_GROUP:
                at = message.pass_group(table.children[row], at, None).end
        return 0

    cdef inline void read_at_once(self, Message message) noexcept:
        """Read the values of a message whose rows are marked."""
        cdef Arena arena = message.arena
        cdef uint8_t *record = arena.records + message.record
        values_read(
            arena.store.data + message.offset,
            arena.entries + message.first,
            <int32_t *>record,
            &self.at_once,
            message.scan.plain,
            <Value *>(record + self.marks_bytes),
            LEVEL,
        )

    cdef inline const Value *known(self, const Value *values, Py_ssize_t row) noexcept:
        """The value of a row that was read at once, or NULL; the row is marked."""
        cdef int32_t place = self.places[row]
        return NULL if place < 0 else &values[place]


cdef GroupSpan pass_group(
    Table table,
    const uint8_t *frame,
    const ScanEntry *entries,
    Py_ssize_t at,
    Py_ssize_t end,
    list missing,
):
    """Step over the group whose count stands right before `at`, by the rule that Plan tells.

    Tags of required members that an entry lacks are added to missing.
    """
    cdef GroupSpan span = GroupSpan(at, 0, 0)
    cdef uint64_t seen = 0
    cdef uint64_t inherited = 0  # from the entries before
    cdef uint64_t declared = UINT64_MAX
    cdef Py_ssize_t row, member
    cdef Py_ssize_t delimiter = table.find(entries[at].tag) if at < end else -1
    if table.shared_bits != 0:
        declared = declared_count(frame, &entries[at - 1])
    while span.end < end:
        member = pass_strangers(table, entries, span, end)
        if member == end:
            break
        row = table.find(entries[member].tag)
        if row < 0:
            break
        if span.entries >= declared and (table.shared_bits >> row) & 1:
            if row == delimiter or (seen >> row) & 1:
                break
        if row == delimiter:
            if span.entries > 0 and missing is not None:
                add_missing(table, seen | inherited, missing)
            span.entries += 1
            inherited |= seen & table.inherited_bits
            seen = 0
        elif (seen >> row) & 1:
            span.repeated = entries[member].tag
        seen |= <uint64_t>1 << row
        span.end = member + 1
        if table.rows[row].type == TYPE_GROUP:
            span.end = pass_group(
                table.children[row], frame, entries, span.end, end, missing
            ).end
    if span.entries > 0 and missing is not None:
        add_missing(table, seen | inherited, missing)
    return span


cdef inline Py_ssize_t pass_strangers(
    Table table, const ScanEntry *entries, GroupSpan span, Py_ssize_t end
) noexcept:
    """Where the next field stands that some table knows; others are only in an entry's middle."""
    cdef Py_ssize_t at = span.end
    while span.entries > 0 and at < end and table.is_stranger(entries[at].tag):
        at += 1
    return at


cdef uint64_t declared_count(const uint8_t *frame, const ScanEntry *entry) noexcept:
    """The count that this field declares; the largest number where it is none."""
    cdef uint64_t declared = 0
    if number_read_unsigned(
        frame + entry.offset, scan_length(entry), INT64_MAX, &declared
    ) != NUMBER_OK:
        return UINT64_MAX
    return declared


cdef int add_missing(Table table, uint64_t seen, list missing) except -1:
    cdef Py_ssize_t row
    for row in range(table.count):
        if (table.required_bits & ~seen) >> row & 1:
            missing.append(table.rows[row].tag)
    return 0
