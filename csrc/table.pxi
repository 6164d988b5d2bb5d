# Table: the rows of one message, or of one repeating group, compiled for both directions.
#
# Plan reads by it and Template writes by it, so there is one idea of what a row is. Values are
# checked here by type; what a value of each type looks like on the wire stands nowhere else.

cdef int64_t TAG_MAX = 999_999_999

# In the order of the TYPE_ constants of value.h.
TYPES = (
    "str", "utf8", "char", "id", "int", "length", "seqnum", "price", "qty", "float", "bool", "utc",
    "data", "group",
)

cdef enum:
    GROUP_DEPTH_MAX = 4
    GROUP_ROWS_MAX = 64  # one bit each
    ROWS_MAX = 4096  # of one table, members of its groups included


cdef struct GroupSpan:
    Py_ssize_t end  # entry behind the group
    uint64_t entries
    int32_t repeated  # a member tag that came twice in one entry, or 0


@cython.internal
@cython.final
@cython.no_gc
cdef class Table:
    """Rows as (tag, name, type, required, rows of a group[, inherited]), in wire order."""

    cdef str owner
    cdef Py_ssize_t count  # of rows that hold a field
    cdef Py_ssize_t ids  # of rows and header tags
    cdef Row *rows
    cdef Lookup lookup  # tag -> row; on top also the tags of all members -> row `ids`, where flat
    cdef bint flat  # no tag of a member is also that of a row, or of another group's member
    cdef uint64_t required_bits
    cdef uint64_t inherited_bits  # of members that an entry has of the entry before
    cdef uint64_t shared_bits  # of members that a table around the group has as well
    cdef Lookup outside  # of a group: the tags of all rows around it, and header tags
    cdef tuple names
    cdef tuple children  # Table or None by row
    cdef dict by_name

    def __cinit__(
        self, str owner not None, rows, header_tags, int depth, around=frozenset(),
        header=frozenset(),
    ):
        rows = tuple(rows)
        known = {int(row[0]) for row in rows}
        passed = sorted({int(tag) for tag in header_tags} - known)
        header = header | frozenset(passed)
        if len(rows) + len(passed) > ROWS_MAX:
            raise LocalProtocolError(f"{owner}: more than {ROWS_MAX} rows")
        if depth > GROUP_DEPTH_MAX:
            raise LocalProtocolError(f"{owner}: groups are nested more than {GROUP_DEPTH_MAX} deep")
        if depth > 0 and not 0 < len(rows) <= GROUP_ROWS_MAX:
            raise LocalProtocolError(f"{owner}: a group has 1 to {GROUP_ROWS_MAX} rows")
        self.owner = owner
        self.allocate(len(rows) + len(passed))
        self.by_name = {}
        children = []
        for row in rows:
            tag, name, type_name, required, members = row[:5]
            children.append(
                self.add_row(
                    tag, name, type_name, required, members, depth, around | known, header
                )
            )
            if tag in around:
                self.shared_bits |= <uint64_t>1 << (self.ids - 1)
            inherited, = row[5:] or (False,)
            if inherited:
                if depth == 0 or members:
                    raise LocalProtocolError(f"{owner}: only a field of a group's entries inherits")
                self.inherited_bits |= <uint64_t>1 << (self.ids - 1)
        self.count = self.ids
        self.names = tuple(self.by_name)
        self.children = tuple(children)
        for tag in passed:
            self.add(tag, TYPE_HEADER, False)
        self.index(depth)
        if depth > 0:
            build_lookup(&self.outside, dict.fromkeys(around | header, 0))

    def __dealloc__(self):
        PyMem_Free(self.rows)
        lookup_free(&self.lookup)
        lookup_free(&self.outside)

    cdef int allocate(self, Py_ssize_t ids) except -1:
        self.rows = <Row *>PyMem_Malloc(max(ids, 1) * sizeof(Row))
        if self.rows is NULL:
            raise MemoryError()
        return 0

    cdef int index(self, int depth) except -1:
        """Build the lookup."""
        cdef Py_ssize_t i
        tags = [self.rows[i].tag for i in range(self.ids)]
        members = self.member_tags()
        self.flat = len(set(tags + members)) == len(tags) + len(members)
        known = dict(zip(tags, range(self.ids)))
        if depth == 0 and self.flat:
            known.update((tag, self.ids) for tag in members)
        if len(known) > ROWS_MAX:
            raise LocalProtocolError(f"{self.owner}: more than {ROWS_MAX} rows")
        return build_lookup(&self.lookup, known)

    cdef list member_tags(self):
        """The tags of all members of all groups, groups within groups included."""
        cdef Py_ssize_t i
        cdef Table child
        found = []
        for child in self.children:
            if child is not None:
                found += [child.rows[i].tag for i in range(child.count)] + child.member_tags()
        return found

    cdef object add_row(
        self, tag, name, type_name, required, members, int depth, around, header
    ):
        """Add a row; the Table of its members, or None. around: tags of all tables so far."""
        where = f"{self.owner}: row {name}<{tag}>"
        if not isinstance(name, str) or name in self.by_name:
            raise LocalProtocolError(f"{where}: the name must be text and its own")
        if type_name not in TYPES:
            raise LocalProtocolError(f"{where}: type {type_name!r} is none of {', '.join(TYPES)}")
        if (type_name == "group") != bool(members):
            raise LocalProtocolError(f"{where}: members belong to type 'group', only there")
        self.by_name[name] = self.ids
        self.add(tag, TYPES.index(type_name), bool(required))
        if depth > 0 and required:
            self.required_bits |= <uint64_t>1 << (self.ids - 1)
        if not members:
            return None
        return Table(f"{self.owner}.{name}", members, (), depth + 1, around, header)

    cdef int add(self, tag, int type, bint required) except -1:
        cdef Row *row = &self.rows[self.ids]
        cdef Py_ssize_t i
        taken = {self.rows[i].tag for i in range(self.ids)}
        if not 0 < tag <= TAG_MAX or tag in taken:
            raise LocalProtocolError(f"{self.owner}: tag {tag} is not 1 to {TAG_MAX}, or is twice")
        row.tag = tag
        row.type = type
        row.required = required
        row.judge = write_judge(type)
        row.prefix_bytes = number_write(row.prefix, row.tag, 1)
        row.prefix[row.prefix_bytes] = 61
        row.prefix_bytes += 1
        self.ids += 1
        return 0

    cdef list entry_behind(self, list entry):
        """The next entry of a group before its fields are read; entry: the one before, or None."""
        cdef uint64_t inherited = self.inherited_bits
        cdef list behind = [None] * self.count
        if entry is not None:
            while inherited != 0:
                behind[__builtin_ctzll(inherited)] = entry[__builtin_ctzll(inherited)]
                inherited &= inherited - 1
        return behind

    cdef inline Py_ssize_t find(self, int32_t tag) noexcept:
        """The row of a tag, or -1; a member of a group is no row."""
        cdef int32_t row = lookup_find(&self.lookup, tag)
        return row if row < self.ids else -1

    cdef bint is_stranger(self, int32_t tag) noexcept:
        """Whether a tag is neither a member of this group nor of any table around it."""
        return lookup_find(&self.lookup, tag) < 0 and lookup_find(&self.outside, tag) < 0

    cdef str label(self, int32_t tag):
        """A row's or a member's tag with its name; a header tag has none."""
        cdef Py_ssize_t row = self.find(tag)
        cdef Table child
        if 0 <= row < self.count:
            return f"{self.names[row]}<{tag}>"
        for child in self.children:
            if child is not None and child.holds(tag):
                return child.label(tag)
        return f"tag {tag}"

    cdef bint holds(self, int32_t tag) noexcept:
        """Whether a tag is a member of this group, or of one in it."""
        cdef Table child
        if self.find(tag) >= 0:
            return True
        for child in self.children:
            if child is not None and child.holds(tag):
                return True
        return False


# What a value is, by type: the error says that it is not that.
cdef tuple FORMS = (
    "printable ASCII text",
    "printable UTF-8 text",
    "one printable ASCII character",
    "printable ASCII text",
    "an integer of 64 bits",
    "a length",
    "a sequence number of 32 bits",
    "a decimal number such as 0.015",
    "a decimal number such as 0.015",
    "a decimal number such as 0.015",
    "Y or N",
    "a UTC time YYYYMMDD-HH:MM:SS[.sss[sss]]",
    "raw data",
    "the count of its entries",
)


cdef inline object value_of(int type, const uint8_t *p, Py_ssize_t n, bint plain):
    """The Python value of wire text that fits its type. plain: it is known to be ASCII."""
    cdef int64_t number = 0
    cdef object text
    if type == TYPE_INT or type == TYPE_LENGTH or type == TYPE_SEQNUM:
        number_read_signed(p, n, &number)
        return number
    elif type == TYPE_DATA:
        return PyBytes_FromStringAndSize(<const char *>p, n)
    elif n == 1 and p[0] < 128:
        return <object>CHARACTERS[p[0]]
    elif type == TYPE_UTF8 and not plain:
        return PyUnicode_DecodeUTF8(<const char *>p, n, NULL)
    text = PyUnicode_New(n, 127)
    memcpy(PyUnicode_1BYTE_DATA(text), p, n)
    return text


# The text of each ASCII character: one object each, for ever.
cdef tuple characters = tuple([chr(code) for code in range(128)])
cdef PyObject **CHARACTERS = PySequence_Fast_ITEMS(characters)


# For messages that no plan is for: tags that are known at a glance, all of row 0. Any other costs a
# little more.
cdef Lookup COMMON


cdef int build_common() except -1:
    """Build COMMON, once."""
    tags = list(range(1, 160)) + [
        198, 200, 262, 263, 264, 265, 266, 267, 268, 269, 270, 271, 272, 273, 279, 336, 371, 372,
        373, 380, 393, 434, 453, 523, 552, 553, 554, 574, 625, 636, 789, 839, 847, 911, 1003, 1057,
        1128, 1137, 1328, 5000, 7940, 9406, 25000, 25001, 25016, 25017, 25018, 25021, 25022, 25023,
        25024, 25025, 25026, 25027, 25028, 25032, 25035, 25036, 25037, 25056,
    ]
    return build_lookup(&COMMON, dict.fromkeys(tags, 0))


cdef int build_lookup(Lookup *lookup, dict rows) except -1:
    """Build a lookup of {tag: row}."""
    cdef size_t count = len(rows)
    cdef size_t at = 0
    cdef bint built
    cdef int32_t *both = <int32_t *>PyMem_Malloc((2 * count + 1) * sizeof(int32_t))
    if both is NULL:
        raise MemoryError()
    for tag, row in rows.items():
        both[at] = tag
        both[count + at] = row
        at += 1
    built = lookup_build(lookup, both, both + count, count)
    PyMem_Free(both)
    if not built:
        raise MemoryError()
    return 0


build_common()
