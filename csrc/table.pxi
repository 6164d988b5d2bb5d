# Table: the rows of one message, or of one repeating group, compiled for both directions.
#
# Plan reads by it and Template writes by it, so there is one idea of what a row is. Values are
# checked here by type; what a value of each type looks like on the wire stands nowhere else.

TYPES = (
    "str", "utf8", "char", "id", "int", "length", "seqnum", "price", "qty", "float", "bool", "utc",
    "data", "group",
)

# The order of TYPES.
cdef enum:
    TYPE_STR
    TYPE_UTF8
    TYPE_CHAR
    TYPE_ID
    TYPE_INT
    TYPE_LENGTH
    TYPE_SEQNUM
    TYPE_PRICE
    TYPE_QTY
    TYPE_FLOAT
    TYPE_BOOL
    TYPE_UTC
    TYPE_DATA
    TYPE_GROUP
    TYPE_HEADER  # no row: a tag that Plan knows and passes over

cdef enum:
    GROUP_DEPTH_MAX = 4
    GROUP_ROWS_MAX = 64  # one bit each
    ROWS_MAX = 4096
    ROW_PREFIX_BYTES = 12


cdef struct Row:
    int32_t tag
    int type
    bint required
    int prefix_bytes
    uint8_t[ROW_PREFIX_BYTES] prefix  # "tag="

cdef struct Slot:
    int32_t tag  # 0: free
    int32_t row


@cython.internal
@cython.final
@cython.no_gc
cdef class Table:
    """Rows as (tag, name, type, required, rows of a group), in wire order."""

    cdef str owner
    cdef Py_ssize_t count  # of rows that hold a field
    cdef Py_ssize_t ids  # of rows and header tags
    cdef Row *rows
    cdef int32_t *next_row  # by row + 1: the row that came behind it last time
    cdef Slot *slots  # tag -> row, open addressing, at most a quarter full
    cdef uint32_t slots_shift
    cdef uint32_t slots_mask
    cdef uint64_t required_bits
    cdef tuple names
    cdef tuple children  # Table or None by row
    cdef dict by_name

    def __cinit__(self, str owner not None, rows, header_tags, int depth):
        rows = tuple(rows)
        known = {int(row[0]) for row in rows}
        passed = sorted({int(tag) for tag in header_tags} - known)
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
            tag, name, type_name, required, members = row
            children.append(self.add_row(tag, name, type_name, required, members, depth))
        self.count = self.ids
        self.names = tuple(self.by_name)
        self.children = tuple(children)
        for tag in passed:
            self.add(tag, TYPE_HEADER, False)

    def __dealloc__(self):
        PyMem_Free(self.rows)
        PyMem_Free(self.next_row)
        PyMem_Free(self.slots)

    cdef int allocate(self, Py_ssize_t ids) except -1:
        cdef uint32_t bits = 3
        while (1 << bits) < 4 * ids:
            bits += 1
        self.rows = <Row *>PyMem_Malloc(max(ids, 1) * sizeof(Row))
        self.next_row = <int32_t *>PyMem_Calloc(ids + 1, sizeof(int32_t))
        self.slots = <Slot *>PyMem_Malloc((1 << bits) * sizeof(Slot))
        if self.rows is NULL or self.next_row is NULL or self.slots is NULL:
            raise MemoryError()
        memset(self.slots, 0, (1 << bits) * sizeof(Slot))
        self.slots_shift = 32 - bits
        self.slots_mask = (1 << bits) - 1
        return 0

    cdef object add_row(self, tag, name, type_name, required, members, int depth):
        """Add a row; the Table of its members, or None."""
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
        return Table(f"{self.owner}.{name}", members, (), depth + 1) if members else None

    cdef int add(self, tag, int type, bint required) except -1:
        cdef Row *row = &self.rows[self.ids]
        cdef uint32_t at
        if not 0 < tag <= TAG_MAX or self.find(tag) >= 0:
            raise LocalProtocolError(f"{self.owner}: tag {tag} is not 1 to {TAG_MAX}, or is twice")
        row.tag = tag
        row.type = type
        row.required = required
        row.prefix_bytes = number_write(row.prefix, row.tag, 1)
        row.prefix[row.prefix_bytes] = 61
        row.prefix_bytes += 1
        at = self.home(row.tag)
        while self.slots[at].tag != 0:
            at = (at + 1) & self.slots_mask
        self.slots[at].tag = row.tag
        self.slots[at].row = self.ids
        self.ids += 1
        return 0

    cdef inline uint32_t home(self, int32_t tag) noexcept:
        return (<uint32_t>tag * <uint32_t>2654435769) >> self.slots_shift

    cdef inline Py_ssize_t find(self, int32_t tag) noexcept:
        """The row of a tag, or -1."""
        cdef uint32_t at = self.home(tag)
        while self.slots[at].tag != tag:
            if self.slots[at].tag == 0:
                return -1
            at = (at + 1) & self.slots_mask
        return self.slots[at].row

    cdef inline Py_ssize_t find_behind(self, Py_ssize_t last, int32_t tag) noexcept:
        """The row of a tag, or -1; last is the row before it on the wire, or -1.

        Messages of one kind come in one order, so what came behind it last time is tried first.
        """
        cdef Py_ssize_t row = self.next_row[last + 1]
        if self.rows[row].tag != tag:
            row = self.find(tag)
            if row >= 0:
                self.next_row[last + 1] = row
        return row


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


cdef inline bint value_fits(int type, const uint8_t *p, size_t n, bint sign) noexcept:
    """Whether wire text has the form of this type; sign: decimals may be negative."""
    cdef int64_t number, second
    cdef uint64_t size
    if type == TYPE_STR or type == TYPE_ID:
        return bytes_printable(p, n, False)
    elif type == TYPE_PRICE or type == TYPE_QTY or type == TYPE_FLOAT:
        return number_check_decimal(p, n, sign) == NUMBER_OK
    elif type == TYPE_CHAR:
        return n == 1 and bytes_printable(p, n, False)
    elif type == TYPE_UTF8:
        return bytes_printable(p, n, False) or (bytes_printable(p, n, True) and bytes_utf8(p, n))
    elif type == TYPE_BOOL:
        return n == 1 and (p[0] == 89 or p[0] == 78)
    elif type == TYPE_UTC:
        return stamp_read(p, n, &second, &number) == NUMBER_OK
    elif type == TYPE_INT:
        return number_read_signed(p, n, &number) == NUMBER_OK
    elif type == TYPE_SEQNUM:
        return number_read_unsigned(p, n, 0xFFFFFFFF, &size) == NUMBER_OK
    elif type == TYPE_LENGTH or type == TYPE_GROUP:
        return number_read_unsigned(p, n, INT64_MAX, &size) == NUMBER_OK
    return True


cdef inline object value_of(int type, const uint8_t *p, Py_ssize_t n):
    """The Python value of wire text that fits its type."""
    cdef int64_t number = 0
    cdef object text
    if type == TYPE_INT or type == TYPE_LENGTH or type == TYPE_SEQNUM:
        number_read_signed(p, n, &number)
        return number
    elif type == TYPE_DATA:
        return PyBytes_FromStringAndSize(<const char *>p, n)
    elif n == 1 or type == TYPE_UTF8:
        # One character gives one of the interpreter's own objects.
        return PyUnicode_DecodeUTF8(<const char *>p, n, NULL)
    text = PyUnicode_New(n, 127)
    memcpy(PyUnicode_1BYTE_DATA(text), p, n)
    return text
