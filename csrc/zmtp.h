/* ZMTP 3.1 with the NULL mechanism, as far as a ROUTER among processes of one user needs it: what
 * stands in a greeting, in a READY and before a frame (rfc.zeromq.org/spec/37).
 *
 * Nothing here touches a socket. What comes from a peer may be anything. */
#ifndef FIXENGINE_ZMTP_H
#define FIXENGINE_ZMTP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    ZMTP_GREETING_BYTES = 64,
    ZMTP_MORE = 1,
    ZMTP_LONG = 2,
    ZMTP_COMMAND = 4,
    ZMTP_HEAD_BYTES_MAX = 9,
    ZMTP_NAME_BYTES_MAX = 255,
    ZMTP_CONTEXT_BYTES_MAX = 16,
};

/* signature, version 3.1, mechanism, as-server 0, filler */
static inline void zmtp_greeting(uint8_t *to)
{
    memset(to, 0, ZMTP_GREETING_BYTES);
    to[0] = 0xff;
    to[8] = 1;
    to[9] = 0x7f;
    to[10] = 3;
    to[11] = 1;
    memcpy(to + 12, "NULL", 4);
}

/* Whether a greeting is one of version 3 or later with the mechanism NULL. */
static inline int zmtp_greets(const uint8_t *p)
{
    static const uint8_t mechanism[20] = "NULL";
    return p[0] == 0xff && (p[9] & 1) && p[10] >= 3 && memcmp(p + 12, mechanism, 20) == 0;
}

/* The head of a frame: how many bytes it has, 0 where they are not all here, -1 where it is
 * none. */
static inline int zmtp_head(const uint8_t *p, size_t have, int *flags, uint64_t *size)
{
    if (have < 2)
        return 0;
    *flags = p[0];
    /* A command is one frame. */
    if ((p[0] & ~(ZMTP_MORE | ZMTP_LONG | ZMTP_COMMAND)) != 0
        || (p[0] & (ZMTP_MORE | ZMTP_COMMAND)) == (ZMTP_MORE | ZMTP_COMMAND))
        return -1;
    if (!(p[0] & ZMTP_LONG)) {
        *size = p[1];
        return 2;
    }
    if (have < ZMTP_HEAD_BYTES_MAX)
        return 0;
    uint64_t wide;
    memcpy(&wide, p + 1, 8);
    *size = __builtin_bswap64(wide);
    return ZMTP_HEAD_BYTES_MAX;
}

/* Writes the head of a frame that ends its message; how many bytes it has. */
static inline size_t zmtp_put_head(uint8_t *to, uint64_t size)
{
    if (size <= 255) {
        to[0] = 0;
        to[1] = (uint8_t)size;
        return 2;
    }
    const uint64_t wide = __builtin_bswap64(size);
    to[0] = ZMTP_LONG;
    memcpy(to + 1, &wide, 8);
    return ZMTP_HEAD_BYTES_MAX;
}

/* The whole frame of a ROUTER's READY. */
static const char zmtp_router[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06ROUTER";
enum { ZMTP_ROUTER_BYTES = sizeof zmtp_router - 1 };

static inline int zmtp_is(const uint8_t *p, size_t size, const char *text)
{
    if (size != strlen(text))
        return 0;
    for (size_t at = 0; at < size; at++)
        /* Names of properties are told apart without regard to case; none here has an '@'. */
        if ((p[at] | 0x20) != (text[at] | 0x20))
            return 0;
    return 1;
}

/* Whether the body of a command is a READY of a peer that a ROUTER may talk to. name: its
 * Identity, of length 0 where it has none. */
static inline int zmtp_ready(const uint8_t *p, size_t size, const uint8_t **name,
                             size_t *name_bytes)
{
    const uint8_t *const end = p + size;
    int talks = 0;
    *name = p;
    *name_bytes = 0;
    if (size < 6 || memcmp(p, "\x05READY", 6) != 0)
        return 0;
    for (p += 6; p < end;) {
        const size_t key_bytes = *p++;
        if ((size_t)(end - p) < key_bytes + 4)
            return 0;
        const uint8_t *const key = p;
        uint32_t wide;
        memcpy(&wide, p + key_bytes, 4);
        const size_t value_bytes = __builtin_bswap32(wide);
        p += key_bytes + 4;
        if ((size_t)(end - p) < value_bytes)
            return 0;
        if (zmtp_is(key, key_bytes, "Identity")) {
            if (value_bytes > ZMTP_NAME_BYTES_MAX)
                return 0;
            *name = p;
            *name_bytes = value_bytes;
        } else if (zmtp_is(key, key_bytes, "Socket-Type")) {
            talks = zmtp_is(p, value_bytes, "DEALER") || zmtp_is(p, value_bytes, "REQ")
                    || zmtp_is(p, value_bytes, "ROUTER");
        }
        p += value_bytes;
    }
    return talks;
}

/* The PONG to the body of a command, if that is a PING: bytes of the frame written to `to`, which
 * has room for 7 + ZMTP_CONTEXT_BYTES_MAX; else 0. */
static inline size_t zmtp_pong(uint8_t *to, const uint8_t *p, size_t size)
{
    if (size < 7 || size > 7 + ZMTP_CONTEXT_BYTES_MAX || memcmp(p, "\x04PING", 5) != 0)
        return 0;
    const size_t context = size - 7;
    memcpy(to, "\x04\0\x04PONG", 7);
    to[1] = (uint8_t)(5 + context);
    memcpy(to + 7, p + 7, context);
    return 7 + context;
}

#endif
