# Numbers and time for everybody above: exact text <-> integers.


def stamp(int64_t ns, int digits=6):
    """UTC text of ns since 1970 as bytes, such as b"20240627-11:17:25.223".

    digits: decimals of the second, 0, 3 or 6, cut and not rounded. Raises LocalProtocolError for
    other digits or a time before 1970, OverflowError beyond 64 bits.
    """
    cdef uint8_t[STAMP_BYTES_MAX] text
    if digits != 0 and digits != 3 and digits != 6:
        raise LocalProtocolError(f"stamp: digits must be 0, 3 or 6, not {digits}")
    if ns < 0:
        raise LocalProtocolError(f"stamp: {ns} ns is before 1970")
    return PyBytes_FromStringAndSize(<const char *>text, stamp_write(ns, digits, text))


def stamp_ns(bytes text not None):
    """Nanoseconds since 1970 of a UTC time YYYYMMDD-HH:MM:SS[.sss|.ssssss].

    A leap second (60) counts as the second that follows. Raises RemoteProtocolError with reason
    "malformed" for any other text, or a year that does not fit 64 bits (before 1678, after 2261).
    """
    cdef int64_t second = 0
    cdef int64_t ns = 0
    if stamp_read(<const uint8_t *>PyBytes_AS_STRING(text), len(text), &second, &ns) != NUMBER_OK:
        raise RemoteProtocolError(
            "not a UTC time YYYYMMDD-HH:MM:SS[.sss|.ssssss]", None, "malformed"
        )
    if not stamp_join(second, ns, &ns):
        raise RemoteProtocolError("UTC time beyond 64 bits of nanoseconds", None, "malformed")
    return ns


def scaled(text, int scale):
    """Decimal text (str or bytes) times 10**scale as an int, exactly.

    Takes optional '-', digits, optionally a point and digits; scale is 0 to 18. Zeros beyond the
    scale are dropped. Raises LocalProtocolError for any other text, for other digits beyond the
    scale, and beyond 64 bits signed.
    """
    cdef int64_t value = 0
    cdef int status
    cdef bytes raw
    check_scale(scale)
    if isinstance(text, str):
        raw = (<str>text).encode("utf-8", "replace")
    elif isinstance(text, bytes):
        raw = text
    else:
        raise LocalProtocolError(f"scaled: expected decimal text, not {type(text).__name__}")
    status = number_read_scaled(
        <const uint8_t *>PyBytes_AS_STRING(raw), len(raw), scale, &value
    )
    if status == NUMBER_SYNTAX:
        raise LocalProtocolError(
            f"scaled: {text[:40]!r} is not plain decimal text such as '0.015'", None, "value"
        )
    if status == NUMBER_PRECISION:
        raise LocalProtocolError(
            f"scaled: {text[:40]!r} has more than {scale} decimals", None, "value"
        )
    if status == NUMBER_OVERFLOW:
        raise LocalProtocolError(
            f"scaled: {text[:40]!r} at {scale} decimals does not fit 64 bits", None, "value"
        )
    return value


def unscaled(int64_t value, int scale):
    """value / 10**scale as text with exactly scale decimals.

    scale is 0 to 18, else LocalProtocolError; OverflowError for a value beyond 64 bits signed.
    """
    check_scale(scale)
    cdef uint8_t[NUMBER_DIGITS_MAX] digits
    cdef uint64_t size = <uint64_t>value if value >= 0 else 0 - <uint64_t>value
    cdef size_t n = number_write(digits, size, scale + 1)
    cdef str text = PyUnicode_DecodeLatin1(<const char *>digits, n, NULL)
    cdef str sign = "-" if value < 0 else ""
    if scale == 0:
        return sign + text
    return f"{sign}{text[: n - scale]}.{text[n - scale :]}"


cdef int check_scale(int scale) except -1:
    if not 0 <= scale <= NUMBER_SCALE_MAX:
        raise LocalProtocolError(f"scale must be 0 to {NUMBER_SCALE_MAX}, not {scale}")
    return 0
