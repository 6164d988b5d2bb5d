/* CRC32C (Castagnoli), the checksum of iSCSI (RFC 3720): by the instruction of SSE4.2, and in plain
 * C by eight tables.
 *
 * The plain loop is the definition; its twin must give the same answer and is picked at run time.
 * Both take the register, so that a text may come in parts: begin with ~0 and invert the end. */
#ifndef FIXENGINE_CRC32C_H
#define FIXENGINE_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The polynomial 0x1EDC6F41 with its bits reversed. */
#define CRC32C_POLYNOMIAL 0x82F63B78u

/* [k][b]: what a byte b does to the register once k more zero bytes have followed it. */
static uint32_t crc32c_table[8][256];

/* Fill the tables; once, before any sum. */
static inline void crc32c_prepare(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
        crc32c_table[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t b = 0; b < 256; b++) {
            const uint32_t before = crc32c_table[k - 1][b];
            crc32c_table[k][b] = (before >> 8) ^ crc32c_table[0][before & 255];
        }
}

static inline uint32_t crc32c_scalar(uint32_t crc, const uint8_t *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        /* By shifts, so that the order of this machine's bytes does not matter. */
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = crc32c_table[7][crc & 255] ^ crc32c_table[6][crc >> 8 & 255]
              ^ crc32c_table[5][crc >> 16 & 255] ^ crc32c_table[4][crc >> 24]
              ^ crc32c_table[3][p[4]] ^ crc32c_table[2][p[5]] ^ crc32c_table[1][p[6]]
              ^ crc32c_table[0][p[7]];
    }
    for (; n > 0; p++, n--)
        crc = (crc >> 8) ^ crc32c_table[0][(crc ^ *p) & 255];
    return crc;
}

#if defined(__x86_64__) && defined(__GNUC__)
#define FIXENGINE_CRC32C 1
#include <immintrin.h>

__attribute__((target("sse4.2"))) static inline uint32_t
crc32c_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
    uint64_t wide = crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; n > 0; p++, n--)
        crc = _mm_crc32_u8(crc, *p);
    return crc;
}
#endif

static inline uint32_t crc32c_bytes(uint32_t crc, const uint8_t *p, size_t n)
{
#ifdef FIXENGINE_CRC32C
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_sse42(crc, p, n);
#endif
    return crc32c_scalar(crc, p, n);
}

#endif
