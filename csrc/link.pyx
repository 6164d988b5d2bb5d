"""The compiled end of the bus: ZeroMQ messages in and out without exceptions or frame objects.

It calls the libzmq that pyzmq has loaded, on a socket that pyzmq has made: found through the
module that pyzmq itself calls it with, for a second libzmq would know nothing of that socket.
"Nothing there", "queue full" and "nobody there" are values; an exception is a defect.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, ENOTSOCK
from libc.stdint cimport uintptr_t
from libc.string cimport memcmp

import os
from typing import Any

cdef extern from "errno.h":
    int EHOSTUNREACH

cdef extern from "dlfcn.h":
    enum:
        RTLD_LAZY
        RTLD_NOLOAD
    void *dlopen(const char *name, int flags)
    void *dlsym(void *handle, const char *name)
    int dlclose(void *handle)

# zmq.h of libzmq 4, whose numbers and 64 bytes of a message are a promise to programs.
cdef enum:
    ZMQ_DONTWAIT = 1
    ZMQ_SNDMORE = 2
    ZMQ_EVENTS = 15
    ZMQ_POLLIN = 1

ctypedef union ZmqMessage:
    unsigned char opaque[64]
    void *aligned

ctypedef void (*ZmqVersion)(int *, int *, int *) noexcept
ctypedef int (*ZmqErrno)() noexcept
ctypedef int (*ZmqSend)(void *, const void *, size_t, int) noexcept
ctypedef int (*ZmqGetOption)(void *, int, void *, size_t *) noexcept
ctypedef int (*OfMessage)(ZmqMessage *) noexcept
ctypedef int (*ZmqReceive)(ZmqMessage *, void *, int) noexcept
ctypedef void *(*ZmqData)(ZmqMessage *) noexcept
ctypedef size_t (*ZmqSize)(ZmqMessage *) noexcept


class LinkError(Exception):
    """The libzmq that pyzmq has loaded cannot be called; the text says why, for people."""


cdef void *_symbol(void *handle, const char *name) except NULL:
    cdef void *found = dlsym(handle, name)
    if found is NULL:
        raise LinkError(f"{(<bytes>name).decode()} is not found in the libzmq that pyzmq uses")
    return found


@cython.final
cdef class Link:
    """The compiled end of a ROUTER of pyzmq.

    underlying: the socket's address, `Socket.underlying`. module: the file of the extension
    module that pyzmq calls libzmq with. version: libzmq's, as pyzmq tells it. outcomes: what
    `send` says where the bytes were taken, where the queue is full, and where nobody is there.
    Raises LinkError. The socket belongs to its maker, who calls `close` here before closing it.
    """

    cdef void *_socket
    cdef void *_handle
    cdef ZmqErrno _errno
    cdef ZmqSend _send
    cdef ZmqGetOption _get_option
    cdef OfMessage _init
    cdef OfMessage _end
    cdef OfMessage _more
    cdef ZmqReceive _receive
    cdef ZmqData _data
    cdef ZmqSize _size
    cdef bytes _peer  # who spoke last: mostly the same speaks again, and its hash is known
    cdef object _taken
    cdef object _full
    cdef object _gone
    # libzmq found nothing and was not called since: what comes now, the descriptor tells.
    cdef bint _is_drained

    def __cinit__(
        self,
        underlying: int,
        module: str,
        version: tuple[int, int, int],
        outcomes: tuple[Any, Any, Any],
    ) -> None:
        cdef bytes name = os.fsencode(module)
        self._peer = b""
        self._taken, self._full, self._gone = outcomes
        self._is_drained = False
        self._handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD)
        if self._handle is NULL:
            raise LinkError(f"{module} is not loaded")
        self._check(version)
        self._errno = <ZmqErrno>_symbol(self._handle, b"zmq_errno")
        self._send = <ZmqSend>_symbol(self._handle, b"zmq_send")
        self._get_option = <ZmqGetOption>_symbol(self._handle, b"zmq_getsockopt")
        self._init = <OfMessage>_symbol(self._handle, b"zmq_msg_init")
        self._end = <OfMessage>_symbol(self._handle, b"zmq_msg_close")
        self._more = <OfMessage>_symbol(self._handle, b"zmq_msg_more")
        self._receive = <ZmqReceive>_symbol(self._handle, b"zmq_msg_recv")
        self._data = <ZmqData>_symbol(self._handle, b"zmq_msg_data")
        self._size = <ZmqSize>_symbol(self._handle, b"zmq_msg_size")
        self._socket = <void *><uintptr_t>underlying

    def __dealloc__(self):
        if self._handle is not NULL:
            dlclose(self._handle)

    cdef int _check(self, version) except -1:
        """LinkError unless what is found is the libzmq that made the socket."""
        cdef int major = 0, minor = 0, patch = 0
        (<ZmqVersion>_symbol(self._handle, b"zmq_version"))(&major, &minor, &patch)
        if (major, minor, patch) != version or major != 4:
            raise LinkError(f"found libzmq {major}.{minor}.{patch}, and pyzmq uses {version}")
        return 0

    def readable(self) -> bool:
        """Whether a message is waiting that the descriptor will not tell of: ask after each send.

        The descriptor tells edges only, and libzmq takes an edge away whenever it is called. Where
        it has found nothing and was not called since, False is certain, and it is not asked: that
        takes system calls. What has come since then the descriptor tells.
        """
        cdef int events = 0
        cdef size_t size = sizeof(int)
        self._open()
        if self._is_drained:
            return False
        while self._get_option(self._socket, ZMQ_EVENTS, &events, &size) < 0:
            if self._errno() != EINTR:
                self._fail()
        self._is_drained = (events & ZMQ_POLLIN) == 0
        return not self._is_drained

    def receive(self) -> tuple[bytes, bytes] | None:
        """(peer, payload) of the next message, or None; b"" for one of more parts than that."""
        cdef ZmqMessage message
        cdef bytes peer, payload
        cdef int more
        self._open()
        self._is_drained = False
        self._init(&message)
        try:
            if self._part(&message) == EAGAIN:
                self._is_drained = True
                return None
            peer = self._same_peer(&message)
            more = self._more(&message)
            if not more:
                return peer, b""
            # The parts of a message come together: EAGAIN between them is a defect.
            if self._part(&message) == EAGAIN:
                self._fail()
            if not self._more(&message):
                payload = PyBytes_FromStringAndSize(
                    <char *>self._data(&message), <Py_ssize_t>self._size(&message)
                )
                return peer, payload
            while self._more(&message):
                if self._part(&message) == EAGAIN:
                    self._fail()
            return peer, b""
        finally:
            self._end(&message)

    def send(self, peer: bytes, payload: bytes | bytearray) -> Any:
        """Hand bytes to a peer without waiting; one of `outcomes`."""
        cdef Py_buffer view
        cdef int code
        self._open()
        self._is_drained = False
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        try:
            code = self._put(
                PyBytes_AS_STRING(peer), <size_t>PyBytes_GET_SIZE(peer), ZMQ_DONTWAIT | ZMQ_SNDMORE
            )
            if code == EAGAIN:
                return self._full
            if code == EHOSTUNREACH:
                return self._gone
            # Who the message is for is settled: what follows goes there or nowhere, never waits.
            if code == 0:
                code = self._put(view.buf, <size_t>view.len, ZMQ_DONTWAIT)
            if code:
                raise OSError(code, os.strerror(code))
            return self._taken
        finally:
            PyBuffer_Release(&view)

    def close(self) -> None:
        """Touch the socket no more."""
        self._socket = NULL

    cdef int _open(self) except -1:
        if self._socket is NULL:
            raise OSError(ENOTSOCK, os.strerror(ENOTSOCK))
        return 0

    cdef int _fail(self) except -1:
        cdef int code = self._errno()
        raise OSError(code, os.strerror(code))

    cdef int _part(self, ZmqMessage *message) except -1:
        """The next part into a message that was begun; EAGAIN where there is none, else 0."""
        cdef int code
        while self._receive(message, self._socket, ZMQ_DONTWAIT) < 0:
            code = self._errno()
            if code == EAGAIN:
                return EAGAIN
            if code != EINTR:
                raise OSError(code, os.strerror(code))
        return 0

    cdef bytes _same_peer(self, ZmqMessage *message):
        cdef Py_ssize_t size = <Py_ssize_t>self._size(message)
        cdef const char *data = <const char *>self._data(message)
        if size != PyBytes_GET_SIZE(self._peer) or memcmp(
            data, PyBytes_AS_STRING(self._peer), <size_t>size
        ):
            self._peer = PyBytes_FromStringAndSize(data, size)
        return self._peer

    cdef int _put(self, const void *data, size_t size, int flags) noexcept:
        """Send a part; 0, or why not."""
        cdef int code
        while self._send(self._socket, data, size, flags) < 0:
            code = self._errno()
            if code != EINTR:
                return code
        return 0
