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

enum { SCAN_SOH = 1, SCAN_TAG_DIGITS_MAX = 9, SCAN_TRAILER_BYTES = 7 };

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

/* Entries a frame of this many bytes can need: the shortest field is "1=a" and its SOH. */
static inline size_t scan_entries_max(size_t frame_bytes) { return frame_bytes / 4 + 1; }

/* The tag of the data field that a length field of FIX 4.4 announces, or 0. */
static inline int32_t scan_data_tag(int32_t length_tag)
{
    switch (length_tag) {
    case 90: case 95: case 212: case 348: case 350: case 352: case 354: case 356: case 358:
    case 360: case 362: case 364: case 445: case 618:
        return length_tag + 1;
    case 93:
        return 89;
    case 621:
        return 622;
    default:
        return 0;
    }
}

/* Whether tag is a data field of one of those pairs. */
static inline int scan_is_data(int32_t tag)
{
    return tag == 89 || (tag > 1 && tag != 94 && scan_data_tag(tag - 1) == tag);
}

/* Index the frame [p, p + n), which ends in SOH; the count of entries written to out, which must
 * have room for scan_entries_max(n). */
static inline size_t scan_fields(const uint8_t *p, size_t n, ScanEntry *out, ScanFault *fault)
{
    size_t count = 0, at = 0;
    int32_t data_tag = 0; /* the field just read announces this one ... */
    fault->kind = SCAN_OK;
    fault->tag = 0;
    while (at < n) {
        const size_t start = at;
        int32_t tag = 0;
        int problem = SCAN_OK;
        while (at < n && at - start < SCAN_TAG_DIGITS_MAX && (uint8_t)(p[at] - '0') <= 9)
            tag = tag * 10 + (p[at++] - '0');
        size_t value = at + 1, end;
        if (at == start || at >= n || p[at] != '=' || p[start] == '0') {
            problem = SCAN_BAD_TAG;
            tag = 0;
            end = at + find_byte(p + at, n - at, SCAN_SOH);
        } else if (data_tag != 0 && tag == data_tag) {
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
            end = value;
            while (end < n && p[end] != SCAN_SOH)
                end++;
        }
        if (problem == SCAN_OK && end == value)
            problem = SCAN_EMPTY;
        if (problem == SCAN_OK) {
            out[count].tag = tag;
            out[count].offset = (uint32_t)value;
            out[count].length = (uint32_t)(end - value);
            count++;
            data_tag = scan_data_tag(tag);
        } else {
            data_tag = 0;
            if (fault->kind == SCAN_OK) {
                fault->kind = problem;
                fault->tag = tag;
            }
        }
        at = end + 1;
    }
    return count;
}

#endif
