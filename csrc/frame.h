/* The ordinary frame at one look: all its bytes are here, it begins as the last one did up to "9=",
 * BodyLength has at most seven digits, MsgType<35> follows and CheckSum<10> stands where it should.
 * Whatever is not so is for the framer to read step by step; this decides nothing else. */
#ifndef FIXENGINE_FRAME_H
#define FIXENGINE_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { FRAME_PREFIX_MAX = 24, FRAME_KIND_MAX = 16, FRAME_TRAILER_BYTES = 7 };

typedef struct {
    size_t length;
    size_t kind_offset;
    size_t kind_bytes;
} FrameMarks;

/* have: bytes that may be read at p. prefix: "8=FIX.4.4", SOH, "9=", or of length 0. */
static inline int frame_ordinary(const uint8_t *p, size_t have, const uint8_t *prefix,
                                 size_t prefix_bytes, size_t message_bytes_max, FrameMarks *marks)
{
    uint64_t word, trailer;
    if (have < FRAME_PREFIX_MAX + 8 || prefix_bytes < 8 || prefix_bytes > FRAME_PREFIX_MAX)
        return 0;
    uint64_t head, tail, head_wanted, tail_wanted;
    memcpy(&head, p, 8);
    memcpy(&head_wanted, prefix, 8);
    memcpy(&tail, p + prefix_bytes - 8, 8);
    memcpy(&tail_wanted, prefix + prefix_bytes - 8, 8);
    if (((head ^ head_wanted) | (tail ^ tail_wanted)) != 0
        || (prefix_bytes > 16 && memcmp(p + 8, prefix + 8, prefix_bytes - 16) != 0))
        return 0;
    /* BodyLength: digits up to a SOH. */
    const uint8_t *at = p + prefix_bytes;
    size_t body = 0;
    const uint8_t *const digits_end = at + 7;
    for (; *at != 1; at++) {
        const size_t digit = (size_t)*at - '0';
        if (digit > 9 || at == digits_end)
            return 0;
        body = body * 10 + digit;
    }
    at++;
    const size_t length = (size_t)(at - p) + body + FRAME_TRAILER_BYTES;
    if (body < 5 || length > have || length > message_bytes_max)
        return 0;
    /* "35=", a MsgType, SOH. */
    memcpy(&word, at, 8);
    if ((word & 0xFFFFFF) != 0x3D3533)
        return 0;
    size_t kind = 0;
    for (const uint8_t *c = at + 3; kind <= FRAME_KIND_MAX && 3 + kind < body; c++, kind++)
        if (*c <= 0x20 || *c >= 0x7F)
            break;
    if (kind == 0 || kind > FRAME_KIND_MAX || 3 + kind >= body || at[3 + kind] != 1)
        return 0;
    marks->kind_offset = (size_t)(at - p) + 3;
    marks->kind_bytes = kind;
    marks->length = length;
    /* SOH, "10=ddd", SOH. */
    memcpy(&trailer, p + length - 8, 8);
    word = trailer & 0x00000000FFFFFFFFu;
    const uint64_t sums = trailer >> 32 & 0x00FFFFFFu;
    return word == 0x3D303101u && trailer >> 56 == 1
           && (((sums ^ 0x303030u) + 0x767676u) & 0x808080u) == 0
           && ((sums ^ 0x303030u) & 0xF0F0F0u) == 0;
}

#endif
