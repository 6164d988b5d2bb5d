# The checksum of the journal's records.

crc32c_prepare()


def crc32c(data not None, uint32_t value=0):
    """CRC32C (Castagnoli, RFC 3720) of bytes-like data, as zlib.crc32 gives CRC-32.

    value: of what came before, where the data comes in parts. The data must lie in one piece, else
    BufferError. OverflowError for a value beyond 32 bits.
    """
    cdef Py_buffer view
    if type(data) is bytes:
        return checked(value, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return checked(value, <const char *>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef inline uint32_t checked(uint32_t value, const char *p, Py_ssize_t n) noexcept:
    return ~crc32c_bytes(~value, <const uint8_t *>p, n)
