/* One field of a message being written: its tag, its value checked by type, its SOH.
 *
 * What may be sent is less than what may be received: numbers without sign, nothing empty, no byte
 * by which one field would become two. The value is copied first and judged where it then stands,
 * in memory of the writer's own, so that vectors may look at a little more than the value. */
#ifndef FIXENGINE_WRITE_H
#define FIXENGINE_WRITE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bytes.h"
#include "number.h"
#include "value.h"

enum {
    WRITE_PREFIX_BYTES = 16, /* room for "tag=", and what is copied of it */
    WRITE_SLACK_BYTES = 64   /* more than what is written, behind it */
};

/* Copy n bytes, at most 32, without a call. Writes up to 32 bytes. */
static inline void write_copy(uint8_t *to, const uint8_t *from, size_t n)
{
    uint64_t first, last;
    uint32_t head, tail;
    if (n >= 16) {
        uint64_t second, third;
        memcpy(&first, from, 8);
        memcpy(&second, from + 8, 8);
        memcpy(&third, from + n - 16, 8);
        memcpy(&last, from + n - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + 8, &second, 8);
        memcpy(to + n - 16, &third, 8);
        memcpy(to + n - 8, &last, 8);
    } else if (n >= 8) {
        memcpy(&first, from, 8);
        memcpy(&last, from + n - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + n - 8, &last, 8);
    } else if (n >= 4) {
        memcpy(&head, from, 4);
        memcpy(&tail, from + n - 4, 4);
        memcpy(to, &head, 4);
        memcpy(to + n - 4, &tail, 4);
    } else if (n > 0) {
        to[0] = from[0];
        to[n / 2] = from[n / 2];
        to[n - 1] = from[n - 1];
    }
}

/* The field CheckSum<10> of bytes with this sum: SCAN_TRAILER_BYTES. */
static inline void write_trailer(uint8_t *to, uint32_t sum)
{
    memcpy(to, "10=", 3);
    to[3] = (uint8_t)('0' + (sum & 0xFF) / 100);
    to[4] = (uint8_t)('0' + (sum & 0xFF) / 10 % 10);
    to[5] = (uint8_t)('0' + (sum & 0xFF) % 10);
    to[6] = SCAN_SOH;
}

/* How the text of a type is judged by vectors. */
enum { JUDGE_NOT, JUDGE_TEXT, JUDGE_DECIMAL, JUDGE_CHARACTER };

/* One row of a table. */
typedef struct {
    int32_t tag;
    int32_t type;
    uint8_t required;
    uint8_t judge;
    int16_t prefix_bytes;
    uint8_t prefix[WRITE_PREFIX_BYTES]; /* "tag=" */
} Row;

/* A value to be written: text, where it lies, or an integer. */
enum { ELEMENT_NIL, ELEMENT_TEXT, ELEMENT_INTEGER };

typedef struct {
    const uint8_t *text;
    int64_t number;
    size_t bytes; /* of text */
    int32_t kind;
} Element;

/* The judge of a type. */
static inline int write_judge(int type)
{
    switch (type) {
    case TYPE_STR:
    case TYPE_ID:
    case TYPE_UTF8:
        return JUDGE_TEXT;
    case TYPE_PRICE:
    case TYPE_QTY:
    case TYPE_FLOAT:
        return JUDGE_DECIMAL;
    case TYPE_CHAR:
        return JUDGE_CHARACTER;
    default:
        return JUDGE_NOT;
    }
}

/* Whether values of this type are text. */
static inline int write_is_text(int type)
{
    return type != TYPE_INT && type != TYPE_LENGTH && type != TYPE_SEQNUM && type != TYPE_DATA
           && type != TYPE_GROUP;
}

/* Whether this text may be sent as a value of this type. */
static inline int write_fits(int type, const uint8_t *p, size_t n)
{
    return n > 0 && write_is_text(type) && value_fits(type, p, n, 0);
}

/* Whether this integer may be sent as a value of this type. */
static inline int write_fits_number(int type, int64_t number)
{
    return type == TYPE_INT || (type == TYPE_LENGTH && number >= 0)
           || (type == TYPE_SEQNUM && number >= 0 && number <= 0xFFFFFFFF);
}

/* An integer field; the end of it. Needs room for WRITE_PREFIX_BYTES and WRITE_SLACK_BYTES. */
static inline uint8_t *
write_number(uint8_t *to, const uint8_t *prefix, size_t prefix_bytes, int64_t value)
{
    memcpy(to, prefix, WRITE_PREFIX_BYTES);
    to += prefix_bytes;
    *to = '-';
    to += value < 0;
    to += number_write(to, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);
    *to = SCAN_SOH;
    return to + 1;
}

/* Bytes to have room for to write that many elements with that many bytes of text. */
static inline size_t write_bytes_max(size_t count, size_t text_bytes)
{
    return text_bytes + count * (WRITE_PREFIX_BYTES + NUMBER_DIGITS_MAX + 2) + WRITE_SLACK_BYTES;
}

/* Write the element of each row of which present has the bit; the end, or NULL where one may not be
 * sent, and in *bad its row. */
static inline uint8_t *write_elements_scalar(uint8_t *to, const Row *rows, const Element *elements,
                                             uint64_t present, size_t *bad)
{
    for (; present != 0; present &= present - 1) {
        const size_t i = (size_t)__builtin_ctzll(present);
        const Row *row = &rows[i];
        const Element *element = &elements[i];
        *bad = i;
        if (element->kind == ELEMENT_INTEGER) {
            if (!write_fits_number(row->type, element->number))
                return NULL;
            to = write_number(to, row->prefix, (size_t)row->prefix_bytes, element->number);
            continue;
        }
        if (!write_fits(row->type, element->text, element->bytes))
            return NULL;
        memcpy(to, row->prefix, (size_t)row->prefix_bytes);
        to += row->prefix_bytes;
        memcpy(to, element->text, element->bytes);
        to += element->bytes;
        *to++ = SCAN_SOH;
    }
    return to;
}

#ifdef FIXENGINE_AVX2
#define WRITE_TARGET __attribute__((target("avx2,bmi,bmi2"), always_inline)) static inline

/* The bits of those of 16 bytes that a judge objects to: no digits, or not printable ASCII. */
WRITE_TARGET uint32_t write_others(__m128i text, int judge)
{
    if (judge == JUDGE_DECIMAL) {
        const __m128i digits = _mm_xor_si128(text, _mm_set1_epi8('0'));
        return (uint32_t)_mm_movemask_epi8(_mm_adds_epu8(digits, _mm_set1_epi8(118)));
    }
    const __m128i from = _mm_sub_epi8(text, _mm_set1_epi8(0x20));
    return (uint32_t)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_max_epu8(from, _mm_set1_epi8(0x5F)), from));
}

/* Copy n bytes, 1 to 32, in two halves that may overlap; the bits of those a judge objects to. The
 * halves are judged in registers: to load again what was just stored in pieces would stall. */
WRITE_TARGET uint32_t write_copied(uint8_t *to, const uint8_t *from, size_t n, int judge)
{
    if (n >= 16) {
        const __m128i head = _mm_loadu_si128((const __m128i *)from);
        const __m128i tail = _mm_loadu_si128((const __m128i *)(from + n - 16));
        _mm_storeu_si128((__m128i *)to, head);
        _mm_storeu_si128((__m128i *)(to + n - 16), tail);
        return write_others(head, judge) | write_others(tail, judge) << (n - 16);
    }
    if (n >= 8) {
        uint64_t head, tail;
        memcpy(&head, from, 8);
        memcpy(&tail, from + n - 8, 8);
        memcpy(to, &head, 8);
        memcpy(to + n - 8, &tail, 8);
        const uint32_t bits =
            write_others(_mm_set_epi64x((int64_t)tail, (int64_t)head), judge);
        return (bits & 0xFF) | bits >> 8 << (n - 8);
    }
    if (n >= 4) {
        uint32_t head, tail;
        memcpy(&head, from, 4);
        memcpy(&tail, from + n - 4, 4);
        memcpy(to, &head, 4);
        memcpy(to + n - 4, &tail, 4);
        const uint64_t both = (uint64_t)tail << 32 | head;
        const uint32_t bits = write_others(_mm_cvtsi64_si128((int64_t)both), judge);
        return (bits & 0xF) | (bits >> 4 & 0xF) << (n - 4);
    }
    const uint32_t first = from[0], middle = from[n / 2], last = from[n - 1];
    to[0] = (uint8_t)first;
    to[n / 2] = (uint8_t)middle;
    to[n - 1] = (uint8_t)last;
    const uint32_t bits =
        write_others(_mm_cvtsi32_si128((int32_t)(first | middle << 8 | last << 16)), judge);
    return (bits & 1) | (bits >> 1 & 1) << (n / 2) | (bits >> 2 & 1) << (n - 1);
}

/* Whether text of n bytes, of which the judge objects to these, may be sent. */
WRITE_TARGET int write_judged(int judge, uint32_t others, const uint8_t *text, size_t n)
{
    if (judge != JUDGE_DECIMAL || others == 0)
        return others == 0 && (judge != JUDGE_CHARACTER || n == 1);
    const uint32_t point = (uint32_t)__builtin_ctz(others);
    return (others & (others - 1)) == 0 && text[point] == '.' && point >= 1 && point + 1 < n;
}

/* The same by vectors, for text of 1 to 32 bytes; the rest, and what the judge does not know, is
 * for the plain loop to decide. */
__attribute__((target("avx2,bmi,bmi2"))) static inline uint8_t *
write_elements_avx2(uint8_t *to, const Row *rows, const Element *elements, uint64_t present,
                    size_t *bad)
{
    for (; present != 0; present &= present - 1) {
        const size_t i = (size_t)__builtin_ctzll(present);
        const Row *row = &rows[i];
        const Element *element = &elements[i];
        const size_t n = element->bytes;
        if (element->kind == ELEMENT_TEXT && n - 1 < 32 && row->judge != JUDGE_NOT) {
            uint8_t *value = to + row->prefix_bytes;
            memcpy(to, row->prefix, WRITE_PREFIX_BYTES);
            const uint32_t others = write_copied(value, element->text, n, row->judge);
            if (write_judged(row->judge, others, element->text, n)) {
                value[n] = SCAN_SOH;
                to = value + n + 1;
                continue;
            }
        }
        to = write_elements_scalar(to, rows, elements, (uint64_t)1 << i, bad);
        if (to == NULL)
            return NULL;
    }
    return to;
}

/* The same for processors with AVX-512: a text of any length is one load and one store. */
__attribute__((target("avx512f,avx512bw,avx2,bmi,bmi2"))) static inline uint8_t *
write_elements_avx512(uint8_t *to, const Row *rows, const Element *elements, uint64_t present,
                      size_t *bad)
{
    for (; present != 0; present &= present - 1) {
        const size_t i = (size_t)__builtin_ctzll(present);
        const Row *row = &rows[i];
        const Element *element = &elements[i];
        const size_t n = element->bytes;
        if (element->kind == ELEMENT_TEXT && n - 1 < 32 && row->judge != JUDGE_NOT) {
            const int decimal = row->judge == JUDGE_DECIMAL;
            const __mmask64 within = _bzhi_u64(~(uint64_t)0, (uint32_t)n);
            const __m512i text = _mm512_maskz_loadu_epi8(within, element->text);
            const __m512i from = _mm512_sub_epi8(text, _mm512_set1_epi8(decimal ? '0' : 0x20));
            const uint32_t others = (uint32_t)_mm512_mask_cmpgt_epu8_mask(
                within, from, _mm512_set1_epi8(decimal ? 9 : 0x5E));
            uint8_t *value = to + row->prefix_bytes;
            memcpy(to, row->prefix, WRITE_PREFIX_BYTES);
            _mm256_storeu_si256((__m256i *)value, _mm512_castsi512_si256(text));
            if (write_judged(row->judge, others, element->text, n)) {
                value[n] = SCAN_SOH;
                to = value + n + 1;
                continue;
            }
        }
        to = write_elements_scalar(to, rows, elements, (uint64_t)1 << i, bad);
        if (to == NULL)
            return NULL;
    }
    return to;
}
#endif

static inline uint8_t *write_elements(uint8_t *to, const Row *rows, const Element *elements,
                                      uint64_t present, size_t *bad, int level)
{
#ifdef FIXENGINE_AVX2
    if (level == BYTES_AVX512)
        return write_elements_avx512(to, rows, elements, present, bad);
    if (level == BYTES_AVX2)
        return write_elements_avx2(to, rows, elements, present, bad);
#endif
    (void)level;
    return write_elements_scalar(to, rows, elements, present, bad);
}

/* The unsigned number in n bytes, the highest first. */
static inline uint64_t element_number(const uint8_t *p, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}

/* Read the element at p, before end; the byte behind it, or NULL where it is cut short or of no
 * kind above. */
static inline const uint8_t *element_read(const uint8_t *p, const uint8_t *end, Element *out)
{
    if (p >= end)
        return NULL;
    const uint8_t head = *p++;
    const size_t left = (size_t)(end - p);
    size_t n;
    if (head == 0xC0) {
        out->kind = ELEMENT_NIL;
        return p;
    }
    if ((head & 0xE0) == 0xA0 || (head >= 0xD9 && head <= 0xDB)) {
        const size_t width = head < 0xD9 ? 0 : (size_t)1 << (head - 0xD9);
        if (left < width)
            return NULL;
        n = width == 0 ? head & 0x1F : (size_t)element_number(p, width);
        if (left - width < n)
            return NULL;
        out->kind = ELEMENT_TEXT;
        out->text = p + width;
        out->bytes = n;
        return p + width + n;
    }
    out->kind = ELEMENT_INTEGER;
    if (head <= 0x7F || head >= 0xE0) {
        out->number = (int8_t)head;
        return p;
    }
    if ((head >= 0xCC && head <= 0xCF) || (head >= 0xD0 && head <= 0xD3)) {
        n = (size_t)1 << ((head - 0xCC) & 3);
        if (left < n)
            return NULL;
        const uint64_t value = element_number(p, n);
        const unsigned unused = (unsigned)(64 - 8 * n);
        out->number = head >= 0xD0 ? (int64_t)(value << unused) >> unused : (int64_t)value;
        if (head == 0xCF && value > INT64_MAX)
            return NULL;
        return p + n;
    }
    return NULL;
}

/* Read the elements of an array at p into those of their rows; rows: by element, its row, or -1 for
 * one that is passed over. *present gets a bit for each row that is not nil. Returns the byte
 * behind the last, or NULL and in *bad which is none. */
static inline const uint8_t *elements_read(const uint8_t *p, const uint8_t *end, size_t count,
                                           const int32_t *rows, size_t rows_count,
                                           Element *elements, uint64_t *present, size_t *bad)
{
    for (size_t i = 0; i < count; i++) {
        if (p < end && *p == 0xC0) {
            p++;
            /* Where one is nil, more are. */
            for (uint64_t eight; i + 8 < count && end - p >= 8; i += 8, p += 8) {
                memcpy(&eight, p, 8);
                if (eight != 0xC0C0C0C0C0C0C0C0u)
                    break;
            }
            continue;
        }
        Element other;
        const int32_t row = i < rows_count ? rows[i] : -1;
        Element *element = row < 0 ? &other : &elements[row];
        /* Short text, the ordinary one, at once. */
        if (p < end && (*p & 0xE0) == 0xA0 && end - p > (*p & 0x1F)) {
            element->kind = ELEMENT_TEXT;
            element->text = p + 1;
            element->bytes = *p & 0x1F;
            p += 1 + element->bytes;
        } else if (row < 0 && end - p >= 9 && *p >= 0xCC && *p <= 0xCF) {
            p += 1 + ((size_t)1 << (*p & 3)); /* a number that is no row */
        } else if ((p = element_read(p, end, element)) == NULL) {
            *bad = i;
            return NULL;
        }
        if (row >= 0)
            *present |= (uint64_t)1 << row;
    }
    return p;
}

#endif
