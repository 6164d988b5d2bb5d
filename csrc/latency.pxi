# Where the time goes: histograms of durations, and stamps along a walk. Nothing is decided by them.

HISTOGRAM_BYTES = sizeof(Latency)

cdef enum:
    STRETCHES_MAX = 7
    # So many sampled messages may be under way at once, such as orders that wait for the disk.
    TICKETS = 64


cdef struct Ticket:
    int64_t number
    int32_t stage
    int64_t at_ns[STRETCHES_MAX + 1]


@cython.final
cdef class Histogram:
    """Counts durations in buckets of which none is wider than 1/32 of its lower end.

    memory: HISTOGRAM_BYTES to count in, writable, aligned to 8 bytes; what it holds is counted
    on. None: memory of its own. Raises LocalProtocolError for memory of another size or alignment.
    """

    cdef Latency *latency
    cdef Py_buffer view

    def __cinit__(self, memory=None):
        if memory is None:
            memory = bytearray(sizeof(Latency))
        PyObject_GetBuffer(memory, &self.view, PyBUF_WRITABLE)
        if self.view.len != sizeof(Latency) or <size_t>self.view.buf % 8:
            raise LocalProtocolError(f"Histogram: expected {sizeof(Latency)} aligned bytes")
        self.latency = <Latency *>self.view.buf

    def __dealloc__(self):
        PyBuffer_Release(&self.view)

    def record(self, int64_t ns):
        """Count a duration; one below 0 counts as 0."""
        latency_record(self.latency, ns)

    @property
    def count(self):
        """How many durations were counted."""
        cdef uint64_t total = 0
        cdef size_t i
        for i in range(LATENCY_BUCKETS):
            total += self.latency.counts[i]
        return total

    @property
    def max_ns(self):
        """The longest of them, exactly; 0 without any."""
        return self.latency.max_ns

    @property
    def sum_ns(self):
        """All of them together, exactly."""
        return self.latency.sum_ns

    def percentile_ns(self, double share):
        """A bound for the share-th percentile (0 < share <= 100), None where nothing was counted.

        At least the value that so many per cent do not exceed, and at most 1/32 more. Raises
        LocalProtocolError for another share.
        """
        cdef uint64_t wanted, seen = 0
        cdef uint64_t total = self.count
        cdef size_t i = 0
        if not 0 < share <= 100:
            raise LocalProtocolError(f"percentile_ns: expected a share of 0 to 100, not {share:g}")
        if total == 0:
            return None
        wanted = min(total, max(1, <uint64_t>ceil(total * share / 100)))
        while i < LATENCY_BUCKETS - 1:
            seen += self.latency.counts[i]
            if seen >= wanted:
                return min(latency_upper(i), self.latency.max_ns)
            i += 1
        return self.latency.max_ns

    def buckets(self):
        """[(longest duration in the bucket, count)] of all that are not empty, ascending."""
        cdef size_t i
        return [
            (latency_upper(i), self.latency.counts[i])
            for i in range(LATENCY_BUCKETS)
            if self.latency.counts[i]
        ]


@cython.final
cdef class Walk:
    """Times one in `every` of the messages that go a walk to its end, stretch by stretch.

    histograms: one for each stretch (1 to 7), and a last one for the walk as a whole. The stamps
    of a message count once it has gone the whole walk, so all histograms have equal counts. A
    stamp that does not follow on the one before is none: what turned back, or came from elsewhere,
    is not counted. counted_ns: when the last sample that `count` told of had gone the whole walk.
    Raises LocalProtocolError for other numbers.
    """

    cdef readonly int64_t every
    cdef readonly int64_t counted_ns
    cdef int64_t left
    cdef int64_t last
    cdef int64_t begun_ns
    cdef int32_t stretches
    cdef Ticket current
    cdef Ticket tickets[TICKETS]
    cdef Py_ssize_t waiting
    cdef int64_t waits[TICKETS]
    cdef Latency *latencies[STRETCHES_MAX + 1]
    cdef tuple histograms

    def __cinit__(self, histograms, int64_t every):
        self.histograms = tuple(histograms)
        if not 1 < len(self.histograms) <= STRETCHES_MAX + 1 or every < 1:
            raise LocalProtocolError("Walk: expected 2 to 8 histograms, and one in 1 or more")
        for i, one in enumerate(self.histograms):
            if type(one) is not Histogram:
                raise LocalProtocolError(f"Walk: expected a Histogram, not {type(one).__name__}")
            self.latencies[i] = (<Histogram>one).latency
        self.stretches = len(self.histograms) - 1
        self.every = self.left = every
        self.current.stage = -1

    def begin(self):
        """A message may be about to go the walk; whatever went before is over."""
        self.begun_ns = latency_now()
        self.follow()

    cpdef void follow(self) noexcept:
        """`begin` of one that came with it in the same read: it has waited since then."""
        if self.left == 1:
            self.current.at_ns[0] = self.begun_ns
            self.current.stage = 0

    def lap(self, int32_t stretch):
        """The message has gone this stretch, counted from 0."""
        self._lap(&self.current, stretch)

    def count(self, int32_t stretch):
        """`lap`, and the message counts: one in `every` is a sample.

        Of a sample the number of its ticket, where the walk goes on in a later call (`resume`), or
        1 where that was the last stretch; 0 of any other message.
        """
        cdef Ticket *ticket
        if self.left > 1:
            self.left -= 1
            return 0
        if not self._lap(&self.current, stretch):
            return 0
        self.left = self.every
        self.current.stage = -1
        if stretch == self.stretches - 1:
            self._record(&self.current)
            self.counted_ns = self.current.at_ns[self.stretches]
            return 1
        self.last += 1
        ticket = &self.tickets[self.last % TICKETS]
        ticket[0] = self.current
        ticket.stage = stretch + 1
        ticket.number = self.last
        return self.last

    def resume(self, int64_t number, int32_t stretch):
        """The message with this ticket (0: it has none) has gone the last stretch but one.

        The last one is gone by all of them at once: see `finish`.
        """
        cdef Ticket *ticket
        if number == 0:
            return
        ticket = &self.tickets[number % TICKETS]
        if ticket.number == number and self._lap(ticket, stretch) and self.waiting < TICKETS:
            self.waits[self.waiting] = number
            self.waiting += 1

    def finish(self):
        """The messages that were resumed have gone the last stretch."""
        cdef Py_ssize_t i
        cdef Ticket *ticket
        if self.waiting == 0:
            return
        for i in range(self.waiting):
            ticket = &self.tickets[self.waits[i] % TICKETS]
            if ticket.number == self.waits[i] and self._lap(ticket, self.stretches - 1):
                self._record(ticket)
        self.waiting = 0

    cdef inline bint _lap(self, Ticket *ticket, int32_t stretch) noexcept:
        if ticket.stage != stretch or stretch >= self.stretches:
            return False
        ticket.stage = stretch + 1
        ticket.at_ns[stretch + 1] = latency_now()
        return True

    cdef void _record(self, Ticket *ticket) noexcept:
        cdef int32_t i
        for i in range(self.stretches):
            latency_record(self.latencies[i], ticket.at_ns[i + 1] - ticket.at_ns[i])
        latency_record(
            self.latencies[self.stretches], ticket.at_ns[self.stretches] - ticket.at_ns[0]
        )
