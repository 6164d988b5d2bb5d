/* The flat index of one whole frame: (tag, offset, length) of each field, in wire order.
 *
 * Only the first '=' after a SOH separates. A length-prefixed data field may hold SOH and '=':
 * its declared length rules, bounded by the frame. A malformed field is left out and the first
 * one is reported; after a wrong data length nothing more can be trusted and the index ends. */
#ifndef FIXENGINE_SCAN_H
#define FIXENGINE_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "number.h"

enum { SCAN_SOH = 1, SCAN_TAG_DIGITS_MAX = 9, SCAN_TRAILER_BYTES = 7, SCAN_PADDING = 64 };

enum { SCAN_OK = 0, SCAN_BAD_TAG = 1, SCAN_EMPTY = 2, SCAN_BAD_DATA = 3 };

typedef struct {
    int32_t tag;
    uint32_t offset; /* of the value, from the first byte of the frame */
    uint32_t length; /* of the value */
} ScanEntry;

typedef struct {
    int32_t kind; /* SCAN_OK or what is wrong with the first malformed field */
    int32_t tag;  /* of that field, 0 where it has no number */
} ScanFault;

/* Entries to have room for: the shortest field is "1=a" and its SOH, and the vector loop writes a
 * few more than it counts. */
static inline size_t scan_entries_max(size_t frame_bytes) { return frame_bytes / 4 + 9; }

/* The tag of the data field that a length field of FIX 4.4 announces, or 0. */
static inline int32_t scan_data_tag(int32_t length_tag)
{
    /* One bit for each length tag below 640: nearly every field is none. */
    static const uint64_t lengths[10] = {
        0, 1ull << (90 - 64) | 1ull << (93 - 64) | 1ull << (95 - 64), 0, 1ull << (212 - 192), 0,
        1ull << (348 - 320) | 1ull << (350 - 320) | 1ull << (352 - 320) | 1ull << (354 - 320)
            | 1ull << (356 - 320) | 1ull << (358 - 320) | 1ull << (360 - 320)
            | 1ull << (362 - 320) | 1ull << (364 - 320),
        1ull << (445 - 384), 0, 0, 1ull << (618 - 576) | 1ull << (621 - 576)};
    const uint32_t tag = length_tag >= 0 && length_tag < 640 ? (uint32_t)length_tag : 0;
    const int32_t announces = lengths[tag / 64] >> (tag % 64) & 1;
    return announces ? (tag == 93 ? 89 : (int32_t)tag + 1) : 0;
}

/* Whether tag is a data field of one of those pairs. */
static inline int scan_is_data(int32_t tag)
{
    return tag == 89 || (tag > 1 && tag != 94 && scan_data_tag(tag - 1) == tag);
}

/* The plain loop; see scan_fields. */
static inline size_t
scan_fields_scalar(const uint8_t *p, size_t n, ScanEntry *out, ScanFault *fault)
{
    size_t count = 0, at = 0;
    int32_t data_tag = 0; /* what the field just read announces, or 0 */
    fault->kind = SCAN_OK;
    fault->tag = 0;
    while (at < n) {
        const size_t start = at;
        int32_t tag = 0;
        int problem = SCAN_OK;
        while (at < n && at - start < SCAN_TAG_DIGITS_MAX && (uint8_t)(p[at] - '0') <= 9)
            tag = tag * 10 + (p[at++] - '0');
        size_t value = at + 1, end = value;
        if (at == start || at >= n || p[at] != '=' || p[start] == '0') {
            problem = SCAN_BAD_TAG;
            tag = 0;
            end = at + find_byte_scalar(p + at, n - at, SCAN_SOH);
        } else if (data_tag == tag) {
            const ScanEntry *announced = &out[count - 1];
            uint64_t length = 0;
            /* The data and its SOH end before the trailer. */
            if (number_read_unsigned(p + announced->offset, announced->length, UINT32_MAX, &length)
                    != NUMBER_OK
                || value + length + 1 + SCAN_TRAILER_BYTES > n || p[value + length] != SCAN_SOH) {
                if (fault->kind == SCAN_OK) {
                    fault->kind = SCAN_BAD_DATA;
                    fault->tag = announced->tag;
                }
                return count;
            }
            end = value + length;
        } else {
            while (end < n && p[end] != SCAN_SOH)
                end++;
        }
        if (problem == SCAN_OK && end == value)
            problem = SCAN_EMPTY;
        data_tag = 0;
        if (problem == SCAN_OK) {
            out[count].tag = tag;
            out[count].offset = (uint32_t)value;
            out[count].length = (uint32_t)(end - value);
            count++;
            data_tag = scan_data_tag(tag);
        } else if (fault->kind == SCAN_OK) {
            fault->kind = problem;
            fault->tag = tag;
        }
        at = end + 1;
    }
    return count;
}

#ifdef FIXENGINE_AVX2
/* Bits of the bytes at p equal to c, and of those that are digits; 64 bytes. */
__attribute__((target("avx2"))) static inline uint64_t scan_mask_avx2(const uint8_t *p, char c)
{
    const __m256i all = _mm256_set1_epi8(c);
    __m256i low = _mm256_loadu_si256((const __m256i *)p);
    __m256i high = _mm256_loadu_si256((const __m256i *)(p + 32));
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, all))
           | (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, all)) << 32;
}

__attribute__((target("avx2"))) static inline uint64_t scan_digits_avx2(const uint8_t *p)
{
    const __m256i bias = _mm256_set1_epi8((char)(127 - '9')), floor = _mm256_set1_epi8(127 - 10);
    __m256i low = _mm256_loadu_si256((const __m256i *)p);
    __m256i high = _mm256_loadu_si256((const __m256i *)(p + 32));
    low = _mm256_cmpgt_epi8(_mm256_add_epi8(low, bias), floor);
    high = _mm256_cmpgt_epi8(_mm256_add_epi8(high, bias), floor);
    return (uint32_t)_mm256_movemask_epi8(low)
           | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

/* The tag in the 1 to 7 digits before '=', read as eight with zeros in front. */
static inline int32_t scan_tag(const uint8_t *p, unsigned digits)
{
    uint64_t word;
    memcpy(&word, p, 8);
    word = word << (64 - 8 * digits) & 0x0F0F0F0F0F0F0F0Fu;
    word = (word * (10 << 8 | 1)) >> 8 & 0x00FF00FF00FF00FFu;
    word = (word * (100 << 16 | 1)) >> 16 & 0x0000FFFF0000FFFFu;
    return (int32_t)(word * ((uint64_t)10000 << 32 | 1) >> 32);
}

/* The same index for the ordinary frame: every field well formed, no tag of more than 7 digits,
 * no length-prefixed data. 0 where the frame is anything else; then the plain loop decides.
 *
 * For 64 bytes at a time, one bit each: where fields start, and by a carry that runs from each
 * start through everything that is not '=', the first '=' behind it. */
__attribute__((target("avx2,bmi,bmi2,popcnt"))) static inline size_t
scan_fields_avx2(const uint8_t *p, size_t n, ScanEntry *out)
{
    size_t fields = 0, values = 0;
    uint64_t in_tag = 0, at_start = 1, at_value = 0, bad = 0;
    for (size_t at = 0; at < n; at += 64) {
        const uint64_t inside = n - at < 64 ? ((uint64_t)1 << (n - at)) - 1 : ~(uint64_t)0;
        const uint64_t soh = scan_mask_avx2(p + at, SCAN_SOH) & inside;
        const uint64_t equals = scan_mask_avx2(p + at, '=') & inside;
        const uint64_t starts = (soh << 1 | at_start) & inside;
        uint64_t sum, firsts, tags;
        uint64_t carry = __builtin_add_overflow(~equals, starts, &sum);
        carry |= __builtin_add_overflow(sum, in_tag, &sum);
        firsts = sum & equals;
        tags = firsts - starts - in_tag;
        bad |= tags & inside & ~scan_digits_avx2(p + at);
        bad |= starts & (scan_mask_avx2(p + at, '0') | equals);
        bad |= soh & (firsts << 1 | at_value);
        if (bad != 0 || __builtin_popcountll(soh) > 16 || __builtin_popcountll(firsts) > 16)
            return 0;
        in_tag = carry;
        at_start = soh >> 63;
        at_value = firsts >> 63;
        ScanEntry *to = out + values;
        values += (size_t)__builtin_popcountll(firsts);
        for (int i = 0; i < 6; i++, firsts &= firsts - 1)
            to[i].offset = (uint32_t)at + (uint32_t)_tzcnt_u64(firsts);
        for (to += 6; firsts != 0; firsts &= firsts - 1)
            (to++)->offset = (uint32_t)at + (uint32_t)_tzcnt_u64(firsts);
        uint64_t ends = soh;
        to = out + fields;
        fields += (size_t)__builtin_popcountll(ends);
        for (int i = 0; i < 6; i++, ends &= ends - 1)
            to[i].length = (uint32_t)at + (uint32_t)_tzcnt_u64(ends);
        for (to += 6; ends != 0; ends &= ends - 1)
            (to++)->length = (uint32_t)at + (uint32_t)_tzcnt_u64(ends);
    }
    if (fields != values) /* cannot be after these checks; what follows must not rest on that */
        return 0;
    uint32_t start = 0;
    for (size_t i = 0; i < fields; i++) {
        const uint32_t equals = out[i].offset, end = out[i].length, digits = equals - start;
        if (digits > 7)
            return 0;
        out[i].tag = scan_tag(p + start, digits);
        out[i].offset = equals + 1;
        out[i].length = end - equals - 1;
        if (scan_data_tag(out[i].tag) != 0)
            return 0;
        start = end + 1;
    }
    return fields;
}
#endif

/* Whether the vector loop takes this frame; for the test that it is not idle. */
static inline int scan_is_ordinary(const uint8_t *p, size_t n, ScanEntry *out)
{
#ifdef FIXENGINE_AVX2
    return bytes_have_avx2() && scan_fields_avx2(p, n, out) != 0;
#else
    (void)p, (void)n, (void)out;
    return 0;
#endif
}

/* Index the frame [p, p + n), which ends in SOH and behind which SCAN_PADDING bytes may be read;
 * the count of entries, written to out, which has room for scan_entries_max(n). */
static inline size_t scan_fields(const uint8_t *p, size_t n, ScanEntry *out, ScanFault *fault)
{
#ifdef FIXENGINE_AVX2
    size_t count;
    if (bytes_have_avx2() && (count = scan_fields_avx2(p, n, out)) != 0) {
        fault->kind = SCAN_OK;
        fault->tag = 0;
        return count;
    }
#endif
    return scan_fields_scalar(p, n, out, fault);
}

#endif
