"""The engine's end of the bus, compiled: a ROUTER of ZeroMQ that speaks ZMTP on sockets itself.

libzmq passes every message between two threads, and each passing wakes one of them up; where the
strategies are on the same machine, that is most of what a message takes. Here the thread that
decides reads and writes the sockets, and nobody else does. The strategies' end stays libzmq's.

"Queue full" and "nobody there" are values; an exception is a defect.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EBADF, EINTR, EMFILE, ENFILE, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

import os
import time
from typing import Any

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_DONTWAIT
        MSG_NOSIGNAL
        SHUT_WR
        SOCK_CLOEXEC
        SOCK_NONBLOCK
    int accept4(int fd, void *address, void *size, int flags)
    Py_ssize_t recv(int fd, void *to, size_t size, int flags)
    Py_ssize_t send(int fd, const void *data, size_t size, int flags)
    int shutdown(int fd, int how)

cdef extern from "<sys/epoll.h>" nogil:
    enum:
        EPOLLERR
        EPOLLHUP
        EPOLLIN
        EPOLLOUT
        EPOLL_CLOEXEC
        EPOLL_CTL_ADD
        EPOLL_CTL_MOD
    ctypedef union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int what, int fd, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int events_max, int timeout_ms)

cdef extern from "<poll.h>" nogil:
    enum:
        POLLOUT
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *fds, unsigned long count, int timeout_ms)

cdef extern from "<fcntl.h>" nogil:
    enum:
        O_CLOEXEC
        O_RDONLY
    int open(const char *path, int flags)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef extern from "zmtp.h" nogil:
    enum:
        ZMTP_COMMAND
        ZMTP_CONTEXT_BYTES_MAX
        ZMTP_GREETING_BYTES
        ZMTP_HEAD_BYTES_MAX
        ZMTP_MORE
        ZMTP_ROUTER_BYTES
    const char *zmtp_router
    void zmtp_greeting(uint8_t *to)
    bint zmtp_greets(const uint8_t *p)
    int zmtp_head(const uint8_t *p, size_t have, int *flags, uint64_t *size)
    size_t zmtp_put_head(uint8_t *to, uint64_t size)
    bint zmtp_ready(const uint8_t *p, size_t size, const uint8_t **name, size_t *name_bytes)
    size_t zmtp_pong(uint8_t *to, const uint8_t *p, size_t size)

cdef enum:
    EVENTS_MAX = 64
    # After so many looks that found one peer alone it is read without asking who, so often.
    STREAK_MIN = 2
    STREAK_MAX = 16
    # Who sends more at once than some orders would keep the others waiting too long for that.
    STREAK_BYTES_MAX = 1 << 10
    # Frames that are no message, looked at before others' sockets and the venue's have their turn.
    PASSED_MAX = 256
    # Read at once from one peer, and kept of what it sent: some 80 orders.
    IN_BYTES = 1 << 14
    OUT_BYTES_MIN = 1 << 12
    # What a peer leaves unread before its queue is full: some 10,000 reports.
    OUT_BYTES_MAX = 1 << 22

cdef enum Stage:
    GREETING  # its greeting has not come
    GREETED  # its READY has not come
    STANDING


@cython.final
cdef class _Peer:
    """One connection. fd: -1 once it is closed. name: its Identity, once it stands."""

    cdef int fd
    cdef Stage stage
    cdef bytes name
    # What it sent and nobody has taken: input[begin:end].
    cdef uint8_t *input
    cdef size_t begin
    cdef size_t end
    # What it is sent and the system has not taken: output[out_begin:out_end].
    cdef uint8_t *output
    cdef size_t out_begin
    cdef size_t out_end
    cdef size_t capacity
    cdef bint in_parts  # within a message of more parts than one
    cdef bint waits  # stands among those that may have a message
    cdef bint written  # stands among those that were sent something since `flush`
    cdef bint blocked  # the system takes no more; it tells when it does

    def __cinit__(self, int fd):
        self.fd = fd
        self.stage = GREETING
        self.input = <uint8_t *>malloc(IN_BYTES)
        if self.input is NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.fd >= 0:
            close(self.fd)
        free(self.input)
        free(self.output)

    cdef void put(self, const void *data, size_t size) noexcept:
        """Append to the output, where `reserve` has made room."""
        memcpy(self.output + self.out_end, data, size)
        self.out_end += size

    cdef int reserve(self, size_t size) except -1:
        """Let so much more fit into the output."""
        cdef size_t wanted, have = self.out_end - self.out_begin
        if self.capacity - self.out_end < size:
            if self.out_begin:
                memmove(self.output, self.output + self.out_begin, have)
                self.out_begin, self.out_end = 0, have
            wanted = self.capacity or OUT_BYTES_MIN
            while wanted < have + size:
                wanted *= 2
            self._resize(wanted)
        return 0

    cdef int taken(self, size_t size) except -1:
        """The system has taken so much of the output."""
        self.out_begin += size
        if self.out_begin == self.out_end:
            self.out_begin = self.out_end = 0
            if self.capacity > IN_BYTES:
                # It had not read for a while.
                self._resize(OUT_BYTES_MIN)
        return 0

    cdef int _resize(self, size_t wanted) except -1:
        cdef void *made
        if wanted != self.capacity:
            made = realloc(self.output, wanted)
            if made is NULL:
                raise MemoryError
            self.output = <uint8_t *>made
            self.capacity = wanted
        return 0


@cython.final
cdef class Link:
    """A ROUTER on a socket that listens, which stays its maker's.

    listener: the socket's descriptor, non-blocking. connections_max: how many peers may be
    connected; then whoever has not said who it is makes room for the next, and else that is turned
    away. message_bytes_max: who sends a longer one is cut off; below 16 KiB. outcomes: what `send`
    says where the bytes were taken, where the queue is full, and where nobody is there.

    fd: a descriptor that is readable as long as something is to be done here: `receive` does it.
    turned_away: how many came and had no room.
    Raises OSError where the system has no descriptor left, or the socket is none.
    """

    cdef readonly int fd
    cdef readonly uint64_t turned_away
    cdef bint _begun  # fd and _spare are descriptors or -1, not the 0 they are made with
    cdef int _listener
    cdef int _spare  # given up for a moment to turn somebody away where no descriptor is left
    cdef size_t _message_bytes_max
    cdef Py_ssize_t _connections_max
    cdef dict _by_fd
    cdef dict _by_name
    cdef list _waiting  # peers of whom a message may be here
    cdef Py_ssize_t _turn  # whose message is taken next: one of each in turns
    cdef bint _looked  # at the sockets, since `flush`, or since `receive` last found nothing
    cdef _Peer _last  # who alone had something when the system was last asked who has
    cdef int _streak  # how often in a row that was so
    cdef list _written  # peers that were sent something since `flush`
    cdef uint32_t _nameless
    cdef object _taken
    cdef object _full
    cdef object _gone

    def __cinit__(
        self,
        listener: int,
        connections_max: int,
        message_bytes_max: int,
        outcomes: tuple[Any, Any, Any],
    ) -> None:
        self.fd = self._spare = -1
        self._begun = True
        if not 0 < message_bytes_max <= IN_BYTES - ZMTP_HEAD_BYTES_MAX:
            raise ValueError(f"message_bytes_max: {message_bytes_max} is not below {IN_BYTES}")
        self._listener = listener
        self._connections_max = connections_max
        self._message_bytes_max = message_bytes_max
        self._by_fd, self._by_name = {}, {}
        self._waiting, self._written = [], []
        self._taken, self._full, self._gone = outcomes
        self.fd = epoll_create1(EPOLL_CLOEXEC)
        if self.fd < 0:
            _fail(errno)
        self._spare = open(b"/dev/null", O_RDONLY | O_CLOEXEC)
        if self._spare < 0:
            _fail(errno)
        self._watch(listener, EPOLL_CTL_ADD, EPOLLIN)

    def __dealloc__(self):
        if self._begun:
            self._close_own()

    def receive(self) -> tuple[bytes, bytes] | None:
        """(peer, payload) of the next message; b"" for one of more parts than that.

        None: nothing was here when it last looked, or much that is no message; `flush` says which.
        What has come since, fd tells. What is to be answered to a sign of life leaves with `flush`.
        """
        cdef _Peer peer
        cdef bytes payload
        cdef bint passed
        cdef int passed_left = PASSED_MAX
        self._open()
        if not self._looked:
            # Also where somebody's messages wait: they may be thousands, and others have one.
            self._look()
            self._looked = True
        while self._waiting:
            if self._turn >= len(self._waiting):
                self._turn = 0
            peer = <_Peer>self._waiting[self._turn]
            passed = False
            payload = self._message(peer, &passed)
            if peer.begin == peer.end or (payload is None and not passed):
                self._waiting[self._turn] = self._waiting[-1]
                self._waiting.pop()
                peer.waits = False
            else:
                self._turn += 1
            if payload is not None:
                return peer.name, payload
            if passed:
                passed_left -= 1
                if passed_left == 0:
                    break
        self._looked = False
        return None

    def send(self, peer: bytes, payload: bytes | bytearray) -> Any:
        """Hand bytes to a peer; one of `outcomes`. The first since `flush` leave at once, the
        others with it.
        """
        cdef Py_buffer view
        cdef uint8_t head[ZMTP_HEAD_BYTES_MAX]
        cdef size_t head_bytes
        self._open()
        cdef _Peer to = <_Peer>self._by_name.get(peer)
        if to is None:
            return self._gone
        if to.out_end - to.out_begin >= OUT_BYTES_MAX:
            if not to.blocked:
                self._write(to)
            if to.out_end - to.out_begin >= OUT_BYTES_MAX:
                return self._full
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        try:
            head_bytes = zmtp_put_head(head, <uint64_t>view.len)
            # For both at once: a head without its body would take the next message for it.
            to.reserve(head_bytes + <size_t>view.len)
            to.put(head, head_bytes)
            to.put(view.buf, <size_t>view.len)
        finally:
            PyBuffer_Release(&view)
        if not to.written:
            to.written = True
            self._written.append(to)
            if not to.blocked:
                self._write(to)
                if self._by_name.get(peer) is not to:
                    return self._gone
        return self._taken

    def flush(self) -> bool:
        """Send what was handed over; whether a message is here that fd does not tell of."""
        cdef _Peer peer
        self._open()
        if self._spare < 0:
            self._look_for_spare()
        if self._written:
            for peer in self._written:
                peer.written = False
                if peer.out_begin < peer.out_end and not peer.blocked and peer.fd >= 0:
                    self._write(peer)
            self._written.clear()
        self._looked = False
        return bool(self._waiting)

    def close(self, wait_ms: int) -> None:
        """Send what was handed over, waiting so long in all for peers that do not read, and close
        every connection. The socket that listens stays open.
        """
        cdef _Peer peer
        cdef pollfd asked
        cdef int ready
        if self.fd < 0:
            return
        until_ns = time.monotonic_ns() + wait_ms * 1_000_000
        for peer in list(self._by_fd.values()):
            while peer.out_begin < peer.out_end:
                asked.fd, asked.events, asked.revents = peer.fd, POLLOUT, 0
                left_ms = max(0, until_ns - time.monotonic_ns()) // 1_000_000
                ready = poll(&asked, 1, left_ms)
                if ready == 0 or (ready < 0 and errno != EINTR):
                    break
                self._write(peer)
            self._leave(peer)
        self._close_own()

    # --- small steps ------------------------------------------------------------------------

    cdef int _open(self) except -1:
        if self.fd < 0:
            _fail(EBADF)
        return 0

    cdef void _close_own(self) noexcept:
        if self.fd >= 0:
            close(self.fd)
        if self._spare >= 0:
            close(self._spare)
        self.fd = self._spare = -1

    cdef int _watch(self, int fd, int what, uint32_t events) except -1:
        cdef epoll_event event
        event.events = events
        event.data.fd = fd
        if epoll_ctl(self.fd, what, fd, &event) < 0:
            _fail(errno)
        return 0

    cdef int _look(self) except -1:
        """Do what the sockets tell of."""
        cdef epoll_event events[EVENTS_MAX]
        cdef _Peer peer
        cdef size_t size
        cdef int count = -1
        if not self._waiting and STREAK_MIN <= self._streak < STREAK_MAX and self._last.fd >= 0:
            # Most likely it is the same again, and reading says so at the price of asking who.
            self._read(self._last)
            if self._waiting:
                size = self._last.end - self._last.begin
                self._streak = self._streak + 1 if size <= STREAK_BYTES_MAX else 0
                return 0
            self._streak = 0
        while count < 0:
            count = epoll_wait(self.fd, events, EVENTS_MAX, 0)
            if count < 0 and errno != EINTR:
                _fail(errno)
        for at in range(count):
            if events[at].data.fd == self._listener:
                self._accept()
                continue
            peer = <_Peer>self._by_fd.get(events[at].data.fd)
            # One that left meanwhile may have been told of, too.
            if peer is None:
                continue
            if events[at].events & EPOLLOUT:
                self._write(peer)
            if peer.fd >= 0 and events[at].events & (EPOLLIN | EPOLLHUP | EPOLLERR):
                self._read(peer)
            self._streak = min(self._streak + 1, STREAK_MIN) if peer is self._last else 0
            self._last = peer
        return 0

    cdef int _accept(self) except -1:
        cdef uint8_t greeting[ZMTP_GREETING_BYTES]
        cdef int fd = accept4(self._listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd < 0:
            # EAGAIN, or one that went away meanwhile: the system tells again.
            if (errno == EMFILE or errno == ENFILE) and not self._make_room():
                self._turn_away()
            return 0
        if len(self._by_fd) >= self._connections_max and not self._make_room():
            close(fd)
            self.turned_away += 1
            return 0
        cdef _Peer peer = _Peer(fd)
        cdef epoll_event event
        event.events, event.data.fd = EPOLLIN, fd
        if epoll_ctl(self.fd, EPOLL_CTL_ADD, fd, &event) < 0:
            # A limit of the system's; it goes as it came.
            return 0
        self._by_fd[fd] = peer
        peer.reserve(ZMTP_GREETING_BYTES)
        zmtp_greeting(greeting)
        peer.put(greeting, ZMTP_GREETING_BYTES)
        self._write(peer)
        return 0

    cdef int _turn_away(self) except -1:
        """No descriptor is left: close who has come, or the system would tell of it for ever."""
        close(self._spare)
        cdef int fd = accept4(self._listener, NULL, NULL, SOCK_CLOEXEC)
        if fd >= 0:
            close(fd)
            self.turned_away += 1
        self._spare = open(b"/dev/null", O_RDONLY | O_CLOEXEC)
        if self._spare < 0:
            # It went to somebody else. Until `flush` finds one nobody is heard of who comes.
            self._watch(self._listener, EPOLL_CTL_MOD, 0)
        return 0

    cdef int _look_for_spare(self) except -1:
        self._spare = open(b"/dev/null", O_RDONLY | O_CLOEXEC)
        if self._spare >= 0:
            self._watch(self._listener, EPOLL_CTL_MOD, EPOLLIN)
        return 0

    cdef bint _make_room(self) except -1:
        """Close who came first and has not said who it is; whether there was one."""
        cdef _Peer peer
        for peer in self._by_fd.values():
            if peer.stage != STANDING:
                self._leave(peer)
                return True
        return False

    cdef int _leave(self, _Peer peer) except -1:
        """Close a connection. What it sent before is taken nevertheless."""
        del self._by_fd[peer.fd]
        close(peer.fd)
        peer.fd = -1
        peer.out_begin = peer.out_end = 0
        self._forget(peer)
        return 0

    cdef int _forget(self, _Peer peer) except -1:
        """Send a peer nothing any more."""
        if self._by_name.get(peer.name) is peer:
            del self._by_name[peer.name]
        return 0

    cdef int _write(self, _Peer peer) except -1:
        cdef Py_ssize_t size
        while peer.out_begin < peer.out_end:
            size = send(
                peer.fd,
                peer.output + peer.out_begin,
                peer.out_end - peer.out_begin,
                MSG_DONTWAIT | MSG_NOSIGNAL,
            )
            if size >= 0:
                peer.taken(<size_t>size)
            elif errno == EAGAIN:
                if not peer.blocked:
                    peer.blocked = True
                    self._watch(peer.fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT)
                return 0
            elif errno != EINTR:
                # It has gone, and may have said something before: what it sent is read to its end.
                # If it is only that the system had no memory, it sees an end and comes again.
                shutdown(peer.fd, SHUT_WR)
                peer.out_begin = peer.out_end = 0
                self._forget(peer)
        if peer.blocked:
            peer.blocked = False
            self._watch(peer.fd, EPOLL_CTL_MOD, EPOLLIN)
        return 0

    cdef int _read(self, _Peer peer) except -1:
        cdef Py_ssize_t size = -1
        if peer.begin:
            memmove(peer.input, peer.input + peer.begin, peer.end - peer.begin)
            peer.end -= peer.begin
            peer.begin = 0
        if peer.end == IN_BYTES:
            # First what is here is taken; with no room, recv would seem to tell of an end.
            return 0
        while size < 0:
            size = recv(peer.fd, peer.input + peer.end, IN_BYTES - peer.end, MSG_DONTWAIT)
            if size < 0 and errno == EAGAIN:
                return 0
            if size == 0 or (size < 0 and errno != EINTR):
                self._leave(peer)
                return 0
        peer.end += <size_t>size
        if peer.stage != STANDING:
            self._shake_hands(peer)
        if peer.stage == STANDING and peer.begin < peer.end and not peer.waits:
            peer.waits = True
            self._waiting.append(peer)
        return 0

    cdef int _shake_hands(self, _Peer peer) except -1:
        cdef int flags, head
        cdef uint64_t size
        cdef const uint8_t *name
        cdef size_t name_bytes
        if peer.stage == GREETING:
            if peer.end < ZMTP_GREETING_BYTES:
                return 0
            if not zmtp_greets(peer.input):
                return self._leave(peer)
            peer.begin = ZMTP_GREETING_BYTES
            peer.stage = GREETED
        head = zmtp_head(peer.input + peer.begin, peer.end - peer.begin, &flags, &size)
        if head < 0 or (head and not (flags & ZMTP_COMMAND and size <= self._message_bytes_max)):
            return self._leave(peer)
        if head == 0 or peer.end - peer.begin < <size_t>head + size:
            return 0
        if not zmtp_ready(peer.input + peer.begin + head, size, &name, &name_bytes):
            return self._leave(peer)
        peer.begin += <size_t>head + size
        return self._name(peer, PyBytes_FromStringAndSize(<char *>name, <Py_ssize_t>name_bytes))

    cdef int _name(self, _Peer peer, bytes name) except -1:
        """Let a peer be who it says it is, unless somebody else is. It hears our READY then alone,
        so who is turned away has sent no message yet, and comes again.
        """
        cdef _Peer other
        if not name:
            self._nameless += 1
            # As libzmq does: a zero byte, which a name should not begin with, and a number.
            name = b"\0" + self._nameless.to_bytes(4, "big")
        for other in list(self._by_fd.values()):
            if other.name == name:
                # It may have gone, which is not read yet; who is sent nothing any more may be here.
                self._read(other)
                if other.fd >= 0:
                    return self._leave(peer)
        for other in self._waiting:
            if other.name == name:
                # First all that it said before it went.
                return self._leave(peer)
        peer.name = name
        peer.stage = STANDING
        self._by_name[name] = peer
        peer.reserve(ZMTP_ROUTER_BYTES)
        peer.put(zmtp_router, ZMTP_ROUTER_BYTES)
        return self._write(peer)

    cdef bytes _message(self, _Peer peer, bint *passed):
        """The next message of a peer; b"" for one of more parts than one. None: it is not here, or
        passed is set: what was next is no message, and something may follow.
        """
        cdef int flags, head
        cdef uint64_t size
        cdef uint8_t *body
        head = zmtp_head(peer.input + peer.begin, peer.end - peer.begin, &flags, &size)
        if head < 0 or (head and size > self._message_bytes_max):
            peer.begin = peer.end = 0
            if peer.fd >= 0:
                self._leave(peer)
            return None
        if head == 0 or peer.end - peer.begin < <size_t>head + size:
            return None
        body = peer.input + peer.begin + head
        peer.begin += <size_t>head + size
        if flags & ZMTP_COMMAND:
            self._obey(peer, body, size)
        elif flags & ZMTP_MORE:
            peer.in_parts = True
        elif peer.in_parts:
            peer.in_parts = False
            return b""
        else:
            return PyBytes_FromStringAndSize(<char *>body, <Py_ssize_t>size)
        passed[0] = True
        return None

    cdef int _obey(self, _Peer peer, const uint8_t *body, size_t size) except -1:
        """Answer a PING; no other command asks for anything of a ROUTER."""
        cdef uint8_t frame[7 + ZMTP_CONTEXT_BYTES_MAX]
        cdef size_t frame_bytes = zmtp_pong(frame, body, size)
        if self._by_name.get(peer.name) is not peer:
            return 0
        # Who leaves so much unread hears by that, once it reads, that somebody is here; answers to
        # all that it asks would take the memory that its reports may.
        if frame_bytes and peer.out_end - peer.out_begin < OUT_BYTES_MIN:
            peer.reserve(frame_bytes)
            peer.put(frame, frame_bytes)
            # Not at once: a thousand PINGs would be a thousand system calls.
            if not peer.written:
                peer.written = True
                self._written.append(peer)
        return 0


cdef int _fail(int code) except -1:
    raise OSError(code, os.strerror(code))
