/* One pass over a whole frame: the flat index (tag, offset, end) of its fields in wire order,
 * the sum of its bytes, and where each row of a table first stands.
 *
 * Only the first '=' after a SOH separates. A length-prefixed data field may hold SOH and '=':
 * its declared length rules, bounded by the frame. A malformed field is left out and the first
 * one is reported; after a wrong data length nothing more can be trusted and the index ends.
 *
 * The plain loop is the definition. The AVX2 twin takes the ordinary frame, and leaves any other
 * (malformed, with data fields, with tags of more than seven digits) to the plain loop. */
#ifndef FIXENGINE_SCAN_H
#define FIXENGINE_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bytes.h"
#include "lookup.h"
#include "number.h"
#include "pairs.h"

enum { SCAN_SOH = 1, SCAN_TAG_DIGITS_MAX = 9, SCAN_TRAILER_BYTES = 7, SCAN_PADDING = 64 };
enum { SCAN_MARKS_STEP = 16 };

enum { SCAN_OK = 0, SCAN_BAD_TAG = 1, SCAN_EMPTY = 2, SCAN_BAD_DATA = 3 };

typedef struct {
    int32_t tag;
    uint32_t offset; /* of the value, from the first byte of the frame */
    uint32_t end;    /* of the value; the SOH stands there */
} ScanEntry;

static inline uint32_t scan_length(const ScanEntry *entry) { return entry->end - entry->offset; }

typedef struct {
    int32_t kind; /* SCAN_OK or what is wrong with the first malformed field */
    int32_t tag;  /* of that field, 0 where it has no number */
} ScanFault;

typedef struct {
    size_t count; /* of entries */
    uint32_t sum; /* of the bytes before CheckSum<10> */
    int plain;    /* every byte is printable ASCII, or a SOH that ends a field */
    ScanFault fault;
} Scan;

/* Rows to note: marks[row] becomes the number, from 1, of the entry where the row first stands, or
 * 0. The last mark is for tags that are no rows. */
typedef struct {
    Lookup *lookup;
    int32_t *marks; /* room for count of them, and for SCAN_MARKS_STEP more */
    size_t count;
} ScanRows;

/* Most fields of a frame: the shortest is "1=a" and its SOH. */
static inline size_t scan_fields_max(size_t frame_bytes) { return frame_bytes / 4; }

/* The vector loops give a frame up where more SOH than this stand in 64 bytes. */
enum { SCAN_BLOCK_FIELDS_MAX = 16 };

/* Entries to have room for: one a field, and behind them where each field ends: one before the
 * first, those of a last block that is not full, and the few more that are written than count. */
static inline size_t scan_entries_max(size_t frame_bytes)
{
    const size_t fields = scan_fields_max(frame_bytes);
    return fields + (1 + fields + 2 * SCAN_BLOCK_FIELDS_MAX + 2) / 3 + 1;
}

/* One field, as the plain loop reads it. */
typedef struct {
    int32_t tag;     /* 0 where it has no number */
    int32_t problem; /* SCAN_OK, SCAN_BAD_TAG, SCAN_EMPTY, SCAN_BAD_DATA */
    size_t value;
    size_t end; /* of the value; the SOH stands there */
} ScanField;

/* Read the field at `at`. before: the one before it, or NULL for the first. */
static inline ScanField
scan_field(const uint8_t *p, size_t n, size_t at, const ScanField *before)
{
    ScanField field = {0, SCAN_OK, 0, 0};
    const size_t start = at;
    while (at < n && at - start < SCAN_TAG_DIGITS_MAX && (uint8_t)(p[at] - '0') <= 9)
        field.tag = field.tag * 10 + (p[at++] - '0');
    field.value = at + 1;
    if (at == start || at >= n || p[at] != '=' || p[start] == '0') {
        field.problem = SCAN_BAD_TAG;
        field.tag = 0;
        field.end = at + find_byte_scalar(p + at, n - at, SCAN_SOH);
        return field;
    }
    if (before != NULL && before->problem == SCAN_OK && pair_data_tag(before->tag) == field.tag) {
        uint64_t length = 0;
        /* The data and its SOH end before the trailer. */
        if (number_read_unsigned(p + before->value, before->end - before->value, UINT32_MAX,
                                 &length) != NUMBER_OK
            || field.value + length + 1 + SCAN_TRAILER_BYTES > n
            || p[field.value + length] != SCAN_SOH) {
            field.problem = SCAN_BAD_DATA;
            field.tag = before->tag;
            field.end = n;
            return field;
        }
        field.end = field.value + length;
    } else {
        field.end = field.value + find_byte_scalar(p + field.value, n - field.value, SCAN_SOH);
    }
    if (field.end == field.value)
        field.problem = SCAN_EMPTY;
    return field;
}

/* The plain loop over the fields. */
static inline void scan_fields_scalar(const uint8_t *p, size_t n, ScanEntry *out, Scan *scan)
{
    ScanField before, field;
    scan->count = 0;
    scan->fault.kind = SCAN_OK;
    scan->fault.tag = 0;
    for (size_t at = 0; at < n; at = field.end + 1) {
        field = scan_field(p, n, at, at == 0 ? NULL : &before);
        before = field;
        if (field.problem == SCAN_OK) {
            ScanEntry *entry = &out[scan->count++];
            entry->tag = field.tag;
            entry->offset = (uint32_t)field.value;
            entry->end = (uint32_t)field.end;
        } else if (scan->fault.kind == SCAN_OK) {
            scan->fault.kind = field.problem;
            scan->fault.tag = field.tag;
        }
    }
}

/* What is wrong where this tag first stands: SCAN_EMPTY, or SCAN_BAD_DATA where wrong data stands
 * before it, which may hide it. SCAN_OK where it stands well, or nowhere. */
static inline ScanFault scan_tag_fault(const uint8_t *p, size_t n, int32_t tag)
{
    ScanField before, field;
    ScanFault fault = {SCAN_OK, tag};
    for (size_t at = 0; at < n; at = field.end + 1) {
        field = scan_field(p, n, at, at == 0 ? NULL : &before);
        before = field;
        if (field.problem == SCAN_BAD_DATA || field.tag == tag) {
            fault.kind = field.problem;
            fault.tag = field.tag;
            break;
        }
    }
    return fault;
}

/* The plain pass; see scan_frame. */
static inline void
scan_frame_scalar(const uint8_t *p, size_t n, const ScanRows *rows, ScanEntry *out, Scan *scan)
{
    int plain = 1;
    scan_fields_scalar(p, n, out, scan);
    scan->sum = sum_bytes_scalar(p, n - SCAN_TRAILER_BYTES);
    for (size_t i = 0; i < n; i++)
        plain &= p[i] == SCAN_SOH || (p[i] >= 0x20 && p[i] < 0x7F);
    memset(rows->marks, 0, rows->count * sizeof(int32_t));
    for (size_t i = scan->count; i-- > 0;) {
        if (i > 0 && pair_data_tag(out[i - 1].tag) == out[i].tag)
            plain &= find_byte_scalar(p + out[i].offset, scan_length(&out[i]), SCAN_SOH)
                     == scan_length(&out[i]);
        const int32_t row = lookup_find(rows->lookup, out[i].tag);
        rows->marks[row < 0 ? (int32_t)rows->count - 1 : row] = (int32_t)i + 1;
    }
    scan->plain = plain;
}

#ifdef FIXENGINE_AVX2
#define SCAN_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt"), always_inline)) static inline

#define SCAN_8(byte) byte, byte, byte, byte, byte, byte, byte, byte
#define SCAN_64(byte) SCAN_8(byte), SCAN_8(byte), SCAN_8(byte), SCAN_8(byte), SCAN_8(byte), \
                      SCAN_8(byte), SCAN_8(byte), SCAN_8(byte)
/* A load from scan_off + 64 - k selects all but the first k of 64 bytes. */
static const uint8_t scan_off[128] __attribute__((aligned(64))) = {SCAN_64(0), SCAN_64(255)};
static const uint8_t scan_places[64] __attribute__((aligned(64))) = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* What the blocks of 64 bytes add up to. */
typedef struct {
    __m256i sums;   /* of the bytes, in four lanes */
    __m256i odd;    /* not zero where a byte is neither printable nor SOH */
    uint64_t empty; /* not zero where a SOH stands right behind a '=' */
    uint64_t equals_last; /* whether the block before ended in '=' */
} ScanTotals;

SCAN_TARGET uint64_t scan_bits(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low)
           | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

/* The bits of the SOH among 64 bytes. */
SCAN_TARGET uint64_t scan_block(__m256i low, __m256i high, ScanTotals *totals)
{
    const __m256i soh = _mm256_set1_epi8(SCAN_SOH), zero = _mm256_setzero_si256();
    const __m256i space = _mm256_set1_epi8(0x20), printable = _mm256_set1_epi8(0x5F);
    const __m256i low_soh = _mm256_cmpeq_epi8(low, soh), high_soh = _mm256_cmpeq_epi8(high, soh);
    const __m256i low_from = _mm256_sub_epi8(low, space), high_from = _mm256_sub_epi8(high, space);
    const __m256i low_odd = _mm256_cmpeq_epi8(_mm256_max_epu8(low_from, printable), low_from);
    const __m256i high_odd = _mm256_cmpeq_epi8(_mm256_max_epu8(high_from, printable), high_from);
    totals->sums = _mm256_add_epi64(
        totals->sums, _mm256_add_epi64(_mm256_sad_epu8(low, zero), _mm256_sad_epu8(high, zero)));
    totals->odd = _mm256_or_si256(
        totals->odd,
        _mm256_or_si256(_mm256_xor_si256(low_odd, low_soh), _mm256_xor_si256(high_odd, high_soh)));
    const __m256i mark = _mm256_set1_epi8('=');
    const uint64_t equals = scan_bits(_mm256_cmpeq_epi8(low, mark), _mm256_cmpeq_epi8(high, mark));
    const uint64_t soh_bits = scan_bits(low_soh, high_soh);
    totals->empty |= (equals << 1 | totals->equals_last) & soh_bits;
    totals->equals_last = equals >> 63;
    return soh_bits;
}

/* Write where each SOH of a block stands; how many, of which no more than SCAN_BLOCK_FIELDS_MAX are
 * written. */
SCAN_TARGET size_t scan_ends(uint64_t soh, size_t at, uint32_t *to)
{
    const size_t count = (size_t)__builtin_popcountll(soh);
    if (__builtin_expect(count > SCAN_BLOCK_FIELDS_MAX, 0))
        return count;
    for (int i = 0; i < 8; i++, soh &= soh - 1)
        to[i] = (uint32_t)at + (uint32_t)_tzcnt_u64(soh);
    for (to += 8; soh != 0; soh &= soh - 1)
        *to++ = (uint32_t)at + (uint32_t)_tzcnt_u64(soh);
    return count;
}

/* The tag in the 1 to 7 digits before '=', read as eight with zeros in front; 0 where one is no
 * digit or the first is 0. word: the text from the tag's first byte on. */
SCAN_TARGET int32_t scan_tag(uint64_t word, unsigned digits)
{
    const uint64_t zeros = 0x3030303030303030u;
    if (digits == 0 || (word & 0xFF) == '0')
        return 0;
    word = (word ^ zeros) << (64 - 8 * digits);
    if (((word + 0x7676767676767676u) | word) & 0x8080808080808080u)
        return 0;
    word = (word * (10 << 8 | 1)) >> 8 & 0x00FF00FF00FF00FFu;
    word = (word * (100 << 16 | 1)) >> 16 & 0x0000FFFF0000FFFFu;
    return (int32_t)(word * ((uint64_t)10000 << 32 | 1) >> 32);
}

/* The sum of the trailer's bytes. */
SCAN_TARGET uint32_t scan_trailer_sum(const uint8_t *p, size_t n)
{
    uint64_t trailer;
    memcpy(&trailer, p + n - 8, 8);
    trailer >>= 64 - 8 * SCAN_TRAILER_BYTES;
    return (uint32_t)_mm_cvtsi128_si64(
        _mm_sad_epu8(_mm_cvtsi64_si128((int64_t)trailer), _mm_setzero_si128()));
}

/* Where each field of a frame ends, its sum, whether it is plain, and the count of fields; 0 where
 * a block has too many, or a '=' stands before a SOH: most likely a field has no value. */
SCAN_TARGET int scan_blocks(const uint8_t *p, size_t n, uint32_t *ends, Scan *scan)
{
    ScanTotals totals = {_mm256_setzero_si256(), _mm256_setzero_si256(), 0, 0};
    size_t count = 1, found, at = 0;
    ends[0] = UINT32_MAX; /* the first field begins behind it, at 0 */
    for (; at + 64 <= n; at += 64) {
        const __m256i low = _mm256_loadu_si256((const __m256i *)(p + at));
        const __m256i high = _mm256_loadu_si256((const __m256i *)(p + at + 32));
        found = scan_ends(scan_block(low, high, &totals), at, ends + count);
        if (found > SCAN_BLOCK_FIELDS_MAX)
            return 0;
        count += found;
    }
    /* What stands behind the frame is taken for spaces, which add 0x20 each to the sum. */
    const __m256i space = _mm256_set1_epi8(0x20);
    const uint8_t *off = scan_off + 64 - (n - at);
    const __m256i low = _mm256_blendv_epi8(_mm256_loadu_si256((const __m256i *)(p + at)), space,
                                           _mm256_loadu_si256((const __m256i *)off));
    const __m256i high =
        _mm256_blendv_epi8(_mm256_loadu_si256((const __m256i *)(p + at + 32)), space,
                           _mm256_loadu_si256((const __m256i *)(off + 32)));
    found = scan_ends(scan_block(low, high, &totals), at, ends + count);
    if (found > SCAN_BLOCK_FIELDS_MAX)
        return 0;
    const __m128i half = _mm_add_epi64(
        _mm256_castsi256_si128(totals.sums), _mm256_extracti128_si256(totals.sums, 1));
    scan->sum = (uint32_t)(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
    scan->sum -= scan_trailer_sum(p, n) + 0x20 * (uint32_t)(at + 64 - n);
    scan->plain = _mm256_testz_si256(totals.odd, totals.odd);
    scan->count = count + found - 1;
    return totals.empty == 0 && scan->count <= scan_fields_max(n);
}

/* Tag and row of a field whose text up to '=' is in no place of its own; NULL where the plain loop
 * must decide. word: the text from the field's first byte on. */
__attribute__((target("avx2,bmi,bmi2,popcnt"), noinline)) static const LookupWord *
scan_rare(const ScanRows *rows, uint64_t word)
{
    Lookup *lookup = rows->lookup;
    unsigned digits = 0;
    while (digits <= LOOKUP_WORD_DIGITS_MAX && (word >> 8 * digits & 0xFF) != '=')
        digits++;
    const int32_t tag = digits > LOOKUP_WORD_DIGITS_MAX ? 0 : scan_tag(word, digits);
    if (tag == 0 || pair_data_tag(tag) != 0)
        return NULL;
    const int32_t row = lookup_find(lookup, tag);
    lookup->spare.tag = tag;
    lookup->spare.row = row < 0 ? (uint32_t)rows->count - 1 : (uint32_t)row;
    lookup->spare.bytes = digits + 1;
    return &lookup->spare;
}

_Static_assert(offsetof(ScanEntry, tag) == 0 && offsetof(ScanEntry, offset) == 4
                   && offsetof(LookupWord, bytes) == offsetof(LookupWord, tag) + 4,
               "tag and offset of an entry are written as one");

/* The fields of a frame whose ends are known; 0 where one is not ordinary. Not inlined: what the
 * blocks keep in registers would push the loop's own out of them. */
__attribute__((target("avx2,bmi,bmi2,popcnt"), noinline)) static int
scan_ordinary(const uint8_t *restrict p, const ScanRows *rows, const uint32_t *restrict ends,
              ScanEntry *restrict out, Scan *scan)
{
    LookupWord *const words = rows->lookup->words;
    const uint64_t multiplier = rows->lookup->multiplier;
    int32_t *restrict marks = rows->marks;
    for (size_t i = 0; i < rows->count; i += SCAN_MARKS_STEP) {
        _mm256_storeu_si256((__m256i *)(marks + i), _mm256_setzero_si256());
        _mm256_storeu_si256((__m256i *)(marks + i + SCAN_MARKS_STEP / 2), _mm256_setzero_si256());
        __asm__ volatile(""); /* a call of memset costs more than it stores */
    }
    uint32_t end = ends[scan->count];
    /* From the last field to the first, so that the first of a row is the one that stays. */
    for (size_t i = scan->count; i > 0; i--) {
        const uint32_t before = ends[i - 1], start = before + 1;
        uint64_t word, head;
        memcpy(&word, p + start, 8);
        /* Of digits and '=', only '=' comes to have the top bit. Other bytes do not matter: with
         * them in it, or without '=' at its end, a name is none that is known. */
        const uint64_t marked = (word + 0x4343434343434343u) & 0x8080808080808080u;
        const uint64_t name = word & _blsmsk_u64(marked);
        const LookupWord *known = lookup_place_of(words, multiplier, name);
        if (__builtin_expect(known->word != name, 0)) {
            known = scan_rare(rows, word);
            if (known == NULL)
                return 0;
        }
        ScanEntry *entry = &out[i - 1];
        memcpy(&head, &known->tag, 8);
        head += (uint64_t)start << 32;
        memcpy(entry, &head, 8);
        entry->end = end;
        end = before;
        marks[known->row] = (int32_t)i;
    }
    scan->fault.kind = SCAN_OK;
    scan->fault.tag = 0;
    return 1;
}

__attribute__((target("avx2,bmi,bmi2,popcnt"))) static inline int scan_frame_avx2(
    const uint8_t *p, size_t n, const ScanRows *rows, ScanEntry *out, Scan *scan)
{
    uint32_t *ends = (uint32_t *)(out + scan_fields_max(n));
    return scan_blocks(p, n, ends, scan) && scan_ordinary(p, rows, ends, out, scan);
}

/* The blocks again, for processors with AVX-512 VBMI2: the ends are written by one compression. */
#define SCAN_TARGET_512                                                                            \
    __attribute__((target("avx512f,avx512bw,avx512vbmi2,avx2,bmi,bmi2,popcnt")))

SCAN_TARGET_512 static inline int scan_frame_avx512(
    const uint8_t *p, size_t n, const ScanRows *rows, ScanEntry *out, Scan *scan)
{
    uint32_t *ends = (uint32_t *)(out + scan_fields_max(n));
    const __m512i places = _mm512_loadu_si512(scan_places), zero = _mm512_setzero_si512();
    __m512i sums = zero;
    uint64_t odd = 0, empty = 0, equals_last = 0;
    size_t count = 1;
    ends[0] = UINT32_MAX;
    for (size_t at = 0; at < n; at += 64) {
        const __mmask64 inside = _bzhi_u64(~(uint64_t)0, (uint32_t)(n - at < 64 ? n - at : 64));
        const __m512i bytes = _mm512_maskz_loadu_epi8(inside, p + at);
        const __mmask64 soh = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(SCAN_SOH));
        const __mmask64 printable = _mm512_cmplt_epu8_mask(
            _mm512_sub_epi8(bytes, _mm512_set1_epi8(0x20)), _mm512_set1_epi8(0x5F));
        const size_t found = (size_t)__builtin_popcountll(soh);
        if (found > SCAN_BLOCK_FIELDS_MAX)
            return 0;
        const uint64_t equals = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('='));
        empty |= (equals << 1 | equals_last) & soh;
        equals_last = equals >> 63;
        odd |= inside ^ (soh | printable);
        sums = _mm512_add_epi64(sums, _mm512_sad_epu8(bytes, zero));
        const __m128i in_block =
            _mm512_castsi512_si128(_mm512_maskz_compress_epi8(soh, places));
        _mm256_storeu_si256((__m256i *)(ends + count),
                            _mm256_add_epi32(_mm256_cvtepu8_epi32(in_block),
                                             _mm256_set1_epi32((int32_t)at)));
        if (__builtin_expect(found > 8, 0))
            _mm256_storeu_si256((__m256i *)(ends + count + 8),
                                _mm256_add_epi32(_mm256_cvtepu8_epi32(_mm_srli_si128(in_block, 8)),
                                                 _mm256_set1_epi32((int32_t)at)));
        count += found;
    }
    scan->sum = (uint32_t)_mm512_reduce_add_epi64(sums) - scan_trailer_sum(p, n);
    scan->plain = odd == 0;
    scan->count = count - 1;
    return empty == 0 && scan->count <= scan_fields_max(n)
           && scan_ordinary(p, rows, ends, out, scan);
}
#endif

/* Index the frame [p, p + n), which ends in SOH, "10=ddd", SOH and behind which SCAN_PADDING bytes
 * may be read. out has room for scan_entries_max(n). level: BYTES_..., no more than bytes_level.
 * Returns whether a vector loop did it. */
static inline int scan_frame(const uint8_t *p, size_t n, const ScanRows *rows, ScanEntry *out,
                             Scan *scan, int level)
{
#ifdef FIXENGINE_AVX2
    if (level == BYTES_AVX512 && scan_frame_avx512(p, n, rows, out, scan))
        return 1;
    if (level == BYTES_AVX2 && scan_frame_avx2(p, n, rows, out, scan))
        return 1;
#endif
    (void)level;
    scan_frame_scalar(p, n, rows, out, scan);
    return 0;
}

#endif
