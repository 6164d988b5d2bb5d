/* What the value of a field of each type looks like on the wire, and what it means.
 *
 * A decimal is a mantissa and its count of decimals, a time is nanoseconds since 1970: exact, no
 * float. The plain forms are the definition; the vector twins (AVX2 machines) read decimals of at
 * most 16 characters and times of the day at once, and leave the rest to the plain ones. */
#ifndef FIXENGINE_VALUE_H
#define FIXENGINE_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "number.h"
#include "scan.h"
#include "stamp.h"

/* In the order of TYPES in table.pxi. */
enum {
    TYPE_STR,
    TYPE_UTF8,
    TYPE_CHAR,
    TYPE_ID,
    TYPE_INT,
    TYPE_LENGTH,
    TYPE_SEQNUM,
    TYPE_PRICE,
    TYPE_QTY,
    TYPE_FLOAT,
    TYPE_BOOL,
    TYPE_UTC,
    TYPE_DATA,
    TYPE_GROUP,
    TYPE_HEADER /* no row: a tag that Plan knows and passes over */
};

enum {
    VALUE_ABSENT = 0,
    VALUE_OK = 1,
    VALUE_LARGE = 2, /* of the right form, but number cannot hold it */
    VALUE_MALFORMED = 3
};

typedef struct {
    int64_t number;   /* what it says; for text nothing, for a character its byte */
    int32_t decimals; /* of a decimal: it is number / 10^decimals */
    int32_t form;     /* VALUE_... */
} Value;

/* Whether wire text has the form of this type; sign: prices and offsets may be negative. */
static inline int value_fits(int type, const uint8_t *p, size_t n, int sign)
{
    int64_t number, second;
    uint64_t size;
    switch (type) {
    case TYPE_STR:
    case TYPE_ID:
        return bytes_printable(p, n, 0);
    case TYPE_UTF8:
        return bytes_printable(p, n, 0) || (bytes_printable(p, n, 1) && bytes_utf8(p, n));
    case TYPE_CHAR:
        return n == 1 && bytes_printable(p, n, 0);
    case TYPE_INT:
        return number_read_signed(p, n, &number) == NUMBER_OK;
    case TYPE_SEQNUM:
        return number_read_unsigned(p, n, 0xFFFFFFFF, &size) == NUMBER_OK;
    case TYPE_LENGTH:
    case TYPE_GROUP:
        return number_read_unsigned(p, n, INT64_MAX, &size) == NUMBER_OK;
    case TYPE_QTY:
        return number_check_decimal(p, n, 0) == NUMBER_OK;
    case TYPE_PRICE:
    case TYPE_FLOAT:
        return number_check_decimal(p, n, sign) == NUMBER_OK;
    case TYPE_BOOL:
        return n == 1 && (p[0] == 'Y' || p[0] == 'N');
    case TYPE_UTC:
        return stamp_read(p, n, &second, &number) == NUMBER_OK;
    default:
        return 1;
    }
}

/* The plain reader. */
static inline void value_read_scalar(int type, const uint8_t *p, size_t n, Value *out)
{
    int64_t second = 0, ns = 0;
    out->number = 0;
    out->decimals = 0;
    out->form = value_fits(type, p, n, 1) ? VALUE_OK : VALUE_MALFORMED;
    if (out->form == VALUE_MALFORMED)
        return;
    switch (type) {
    case TYPE_CHAR:
    case TYPE_BOOL:
        out->number = p[0];
        break;
    case TYPE_INT:
    case TYPE_LENGTH:
    case TYPE_SEQNUM:
    case TYPE_GROUP:
        number_read_signed(p, n, &out->number);
        break;
    case TYPE_PRICE:
    case TYPE_QTY:
    case TYPE_FLOAT:
        if (number_read_decimal(p, n, &out->number, &out->decimals) != NUMBER_OK)
            out->form = VALUE_LARGE;
        break;
    case TYPE_UTC:
        stamp_read(p, n, &second, &ns);
        if (!stamp_join(second, ns, &out->number))
            out->form = VALUE_LARGE;
        break;
    default:
        break;
    }
}

/* Whether a value needs no second look to say that it is of this type: it was read at once (known,
 * or NULL), or it is text in a frame that is plain. */
static inline int value_is_known_to_fit(int type, int plain, const Value *known)
{
    if (known != NULL)
        return known->form == VALUE_OK || known->form == VALUE_LARGE;
    return plain && (type == TYPE_STR || type == TYPE_ID || type == TYPE_UTF8);
}

/* A column that is read at once. */
typedef struct {
    uint32_t row;
    int32_t type;
} ValueColumn;

enum { VALUE_CHARS, VALUE_DECIMALS, VALUE_TIMES, VALUE_OTHERS, VALUE_CLASSES };

/* Columns by class, one class behind the other, so that each is read by a loop of its own, and
 * their values in the same order. Text is not among them: where it stands is all there is. */
typedef struct {
    ValueColumn *columns;
    size_t count[VALUE_CLASSES];
} ValueColumns;

/* The class of a type, or -1 where its value is not read at once. */
static inline int value_class(int type)
{
    switch (type) {
    case TYPE_CHAR:
        return VALUE_CHARS;
    case TYPE_PRICE:
    case TYPE_QTY:
    case TYPE_FLOAT:
        return VALUE_DECIMALS;
    case TYPE_UTC:
        return VALUE_TIMES;
    case TYPE_INT:
    case TYPE_LENGTH:
    case TYPE_SEQNUM:
    case TYPE_BOOL:
        return VALUE_OTHERS;
    default:
        return -1;
    }
}

/* Of a frame that was scanned: the value of each column, from the entry that its row is marked at.
 * No value is written where the row has no mark. */
static inline void values_read_scalar(const uint8_t *frame, const ScanEntry *entries,
                                      const int32_t *marks, const ValueColumns *columns, Value *out)
{
    const ValueColumn *column = columns->columns;
    for (int class = 0; class < VALUE_CLASSES; class++)
        for (size_t i = 0; i < columns->count[class]; i++, column++, out++)
            if (marks[column->row] != 0) {
                const ScanEntry *entry = &entries[marks[column->row] - 1];
                value_read_scalar(column->type, frame + entry->offset, scan_length(entry), out);
            }
}

#ifdef FIXENGINE_AVX2
#define VALUE_TARGET __attribute__((target("avx2,bmi,bmi2"), always_inline)) static inline
enum { VALUE_VECTOR_BYTES = 16 };

/* A load from value_on + k selects the last k of 16 bytes, one from value_before + k the others. */
static const uint8_t value_on[32] __attribute__((aligned(32))) = {
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
static const uint8_t value_before[32] __attribute__((aligned(32))) = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0};
static const uint8_t value_places[16] __attribute__((aligned(16))) = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

VALUE_TARGET __m128i value_load(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }

/* A value that is as it should be; decimals and form are written as one. */
VALUE_TARGET void value_put(int64_t number, uint32_t decimals, Value *out)
{
    const uint64_t rest = (uint64_t)VALUE_OK << 32 | decimals;
    out->number = number;
    memcpy(&out->decimals, &rest, sizeof rest);
}

/* 16 digits as values, the first in byte 0, as one number. */
VALUE_TARGET int64_t value_of_digits(__m128i digits)
{
    const __m128i tens = _mm_set1_epi16(1 << 8 | 10);
    const __m128i hundreds = _mm_set1_epi32(1 << 16 | 100);
    const __m128i thousands = _mm_set1_epi32(1 << 16 | 10000);
    const __m128i fours = _mm_madd_epi16(_mm_maddubs_epi16(digits, tens), hundreds);
    const uint64_t eights =
        (uint64_t)_mm_cvtsi128_si64(_mm_madd_epi16(_mm_packus_epi32(fours, fours), thousands));
    return (int64_t)((uint64_t)(uint32_t)eights * 100000000 + (eights >> 32));
}

/* A decimal without sign of n characters, 1 to 16, that ends before `behind`; 16 bytes before that
 * may be read. 0 where it is none such: the plain reader decides. */
VALUE_TARGET int value_decimal(const uint8_t *behind, uint32_t n, __m128i zeros, __m128i above,
                               Value *out)
{
    __m128i digits = _mm_xor_si128(value_load(behind - VALUE_VECTOR_BYTES), zeros);
    digits = _mm_and_si128(digits, value_load(value_on + n));
    const uint32_t others = (uint32_t)_mm_movemask_epi8(_mm_adds_epu8(digits, above));
    uint32_t decimals = 0;
    if (__builtin_expect(others != 0, 1)) {
        /* One point with digits on both sides; what stands before it moves up by one. */
        decimals = 15 - (uint32_t)__builtin_ctz(others);
        if ((others & (others - 1)) != 0 || decimals - 1 >= n - 2
            || *(behind - 1 - decimals) != '.')
            return 0;
        digits = _mm_shuffle_epi8(
            digits, _mm_add_epi8(value_load(value_places), value_load(value_before + decimals)));
    }
    value_put(value_of_digits(digits), decimals, out);
    return 1;
}

/* The dates read last: the text of each, and when it began. */
typedef struct {
    uint64_t date;
    int64_t second;
} ValueDate;

/* A date that belongs into another place is none: so none stands here at first, not even the date
 * of eight NUL bytes in the first place. */
static ValueDate value_dates[16] = {{(uint64_t)1 << 56, 0}};

static inline ValueDate *value_date_place(uint64_t date) { return &value_dates[date >> 56 & 15]; }

/* Keep the date of this time, where it is one of this age. */
static void value_keep_date(const uint8_t *p, size_t n)
{
    uint8_t midnight[STAMP_SECOND_BYTES] = "YYYYMMDD-00:00:00";
    uint64_t date;
    int64_t second, ns;
    if (stamp_read(p, n, &second, &ns) != NUMBER_OK)
        return;
    /* Not from the time's own second: a leap second is already one of the next day. */
    memcpy(midnight, p, 8);
    memcpy(&date, p, 8);
    stamp_read(midnight, STAMP_SECOND_BYTES, &second, &ns);
    if (second >= 0 && second < INT64_MAX / STAMP_SECOND_NS - 2 * 86400) {
        value_date_place(date)->date = date;
        value_date_place(date)->second = second;
    }
}

/* A UTC time with three or six decimals, of a date that is kept; 0 for any other. */
VALUE_TARGET int value_utc(const uint8_t *p, size_t n, Value *out)
{
    const int micros = n == 24;
    uint64_t date;
    if (!micros && n != 21)
        return 0;
    /* The last 16 bytes: "-HH:MM:SS.ffffff", or with three decimals "MDD-HH:MM:SS.fff". */
    const __m128i text = _mm_loadu_si128((const __m128i *)(p + n - VALUE_VECTOR_BYTES));
    const __m128i squeeze = micros
        ? _mm_setr_epi8(1, 2, 4, 5, 7, 8, 10, 11, 12, 13, 14, 15, 0, 3, 6, 9)
        : _mm_setr_epi8(4, 5, 7, 8, 10, 11, 13, 14, 15, -1, -1, -1, 3, 6, 9, 12);
    const __m128i zeros = _mm_set1_epi8('0');
    const __m128i squeezed = _mm_shuffle_epi8(_mm_xor_si128(text, zeros), squeeze);
    /* Twelve digits, then the four marks. */
    const __m128i bounds =
        _mm_setr_epi8(9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, '-' ^ '0', ':' ^ '0', ':' ^ '0',
                      '.' ^ '0');
    const __m128i within = _mm_cmpeq_epi8(_mm_min_epu8(squeezed, bounds), squeezed);
    const uint64_t marks = (uint32_t)_mm_extract_epi32(_mm_xor_si128(squeezed, bounds), 3);
    memcpy(&date, p, 8);
    const ValueDate *kept = value_date_place(date);
    if (kept->date != date || marks != 0 || _mm_movemask_epi8(within) != 0xFFFF)
        return 0;
    const __m128i pairs = _mm_maddubs_epi16(squeezed, _mm_set1_epi16(1 << 8 | 10));
    const uint64_t low = (uint64_t)_mm_cvtsi128_si64(pairs);
    const uint32_t high = (uint32_t)_mm_extract_epi32(pairs, 2);
    const uint32_t hour = low & 0xFF, minute = low >> 16 & 0xFF, second = low >> 32 & 0xFF;
    const uint32_t micro = (uint32_t)(low >> 48) * 10000 + (high & 0xFFFF) * 100 + (high >> 16);
    if (hour > 23 || minute > 59 || second > 60)
        return 0;
    value_put((kept->second + hour * 3600 + minute * 60 + second) * STAMP_SECOND_NS
                  + (int64_t)micro * 1000, 0, out);
    return 1;
}

/* The plain reader, out of the way: inlined it would take the loops' registers. */
__attribute__((noinline)) static void
value_read_plainly(int type, const uint8_t *frame, const ScanEntry *entry, Value *out)
{
    value_read_scalar(type, frame + entry->offset, scan_length(entry), out);
}

VALUE_TARGET void value_chars(const uint8_t *frame, const ScanEntry *restrict entries,
                              const int32_t *restrict marks, const ValueColumn *column,
                              const ValueColumn *end, int plain, Value *restrict out)
{
    for (; column < end; column++, out++) {
        const size_t mark = (size_t)marks[column->row];
        if (mark == 0)
            continue;
        const ScanEntry *entry = &entries[mark - 1];
        if (__builtin_expect(plain && scan_length(entry) == 1, 1))
            value_put(frame[entry->offset], 0, out);
        else
            value_read_plainly(column->type, frame, entry, out);
    }
}

VALUE_TARGET void value_decimals(const uint8_t *frame, const ScanEntry *restrict entries,
                                 const int32_t *restrict marks, const ValueColumn *column,
                                 const ValueColumn *end, Value *restrict out)
{
    /* above: what added to a byte sets its top bit where it is above 9. */
    __m128i zeros = _mm_set1_epi8('0'), above = _mm_set1_epi8(0x7F - 9);
    __asm__("" : "+x"(zeros), "+x"(above)); /* made once, and not in every turn */
    for (; column < end; column++, out++) {
        const size_t mark = (size_t)marks[column->row];
        if (mark == 0)
            continue;
        const ScanEntry *entry = &entries[mark - 1];
        const uint32_t n = scan_length(entry);
        if (__builtin_expect(n > VALUE_VECTOR_BYTES || entry->end < VALUE_VECTOR_BYTES
                             || !value_decimal(frame + entry->end, n, zeros, above, out), 0))
            value_read_plainly(column->type, frame, entry, out);
    }
}

VALUE_TARGET void value_times(const uint8_t *frame, const ScanEntry *restrict entries,
                              const int32_t *restrict marks, const ValueColumn *column,
                              const ValueColumn *end, Value *restrict out)
{
    for (; column < end; column++, out++) {
        const size_t mark = (size_t)marks[column->row];
        if (mark == 0)
            continue;
        const ScanEntry *entry = &entries[mark - 1];
        const uint8_t *p = frame + entry->offset;
        if (__builtin_expect(!value_utc(p, scan_length(entry), out), 0)) {
            value_keep_date(p, scan_length(entry));
            value_read_plainly(column->type, frame, entry, out);
        }
    }
}

__attribute__((target("avx2,bmi,bmi2"), noinline)) static void
values_read_avx2(const uint8_t *frame, const ScanEntry *restrict entries,
                 const int32_t *restrict marks, const ValueColumns *columns, int plain,
                 Value *restrict out)
{
    const ValueColumn *column = columns->columns, *end = column + columns->count[VALUE_CHARS];
    value_chars(frame, entries, marks, column, end, plain, out);
    out += end - column;
    column = end, end += columns->count[VALUE_DECIMALS];
    value_decimals(frame, entries, marks, column, end, out);
    out += end - column;
    column = end, end += columns->count[VALUE_TIMES];
    value_times(frame, entries, marks, column, end, out);
    out += end - column;
    column = end, end += columns->count[VALUE_OTHERS];
    for (; column < end; column++, out++)
        if (marks[column->row] != 0)
            value_read_plainly(column->type, frame, &entries[marks[column->row] - 1], out);
}
#endif

static inline void values_read(const uint8_t *frame, const ScanEntry *entries,
                               const int32_t *marks, const ValueColumns *columns, int plain,
                               Value *out, int level)
{
#ifdef FIXENGINE_AVX2
    if (level != BYTES_PLAIN) {
        values_read_avx2(frame, entries, marks, columns, plain, out);
        return;
    }
#endif
    (void)plain, (void)level;
    values_read_scalar(frame, entries, marks, columns, out);
}

#endif
