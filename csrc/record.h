/* A record of the journal, put into a ring: header, data, padding and checksum, as
 * network/journal/record.py draws them. */
#ifndef FIXENGINE_RECORD_H
#define FIXENGINE_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "crc32c.h"

enum { RECORD_PREFIX_BYTES = 8, RECORD_HEADER_BYTES = 32, RECORD_MAGIC = 0x314A5846 };
/* A message of the bus starts above, so a name is told from it. */
enum { RECORD_NAME_BYTES_MAX = 127 };

typedef struct {
    uint8_t *memory;
    uint64_t bytes; /* a power of two */
} RecordRing;

/* Little-endian, whatever this machine is; compilers make one store of it. */
static inline void record_put_number(uint8_t *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

/* Bytes that a record with so much data takes. */
static inline uint64_t record_bytes(uint64_t data_bytes)
{
    return (RECORD_HEADER_BYTES + data_bytes + 7) & ~(uint64_t)7;
}

/* Copy n bytes to a position of the stream, round the ring's end where it lies between. */
static inline void record_copy(RecordRing ring, uint64_t position, const uint8_t *from, size_t n)
{
    const uint64_t at = position & (ring.bytes - 1);
    const uint64_t first = ring.bytes - at < n ? ring.bytes - at : n;
    memcpy(ring.memory + at, from, first);
    memcpy(ring.memory, from + first, n - first);
}

/* Put one record at a position; the caller has made sure of the room for record_bytes(n). */
static inline void record_put(RecordRing ring, uint64_t position, uint8_t kind, uint8_t line,
                              uint64_t sequence, int64_t now_ns, const uint8_t *data, size_t n)
{
    static const uint8_t zeros[8] = {0};
    const size_t padding = record_bytes(n) - RECORD_HEADER_BYTES - n;
    uint8_t header[RECORD_HEADER_BYTES];
    uint32_t crc;
    record_put_number(header + 8, n, 4);
    header[12] = kind;
    header[13] = line;
    record_put_number(header + 14, 0, 2);
    record_put_number(header + 16, sequence, 8);
    record_put_number(header + 24, (uint64_t)now_ns, 8);
    crc = crc32c_bytes(~0u, header + RECORD_PREFIX_BYTES, sizeof header - RECORD_PREFIX_BYTES);
    crc = crc32c_bytes(crc, data, n);
    crc = crc32c_bytes(crc, zeros, padding);
    record_put_number(header, RECORD_MAGIC, 4);
    record_put_number(header + 4, ~crc, 4);
    record_copy(ring, position, header, sizeof header);
    record_copy(ring, position + sizeof header, data, n);
    record_copy(ring, position + sizeof header + n, zeros, padding);
}

/* One aligned store, behind everything that was stored before. */
static inline void record_publish(uint64_t *mark, uint64_t position)
{
    __atomic_store_n(mark, position, __ATOMIC_RELEASE);
}

#endif
