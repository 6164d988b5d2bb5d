/* UTC timestamps: YYYYMMDD-HH:MM:SS[.sss[sss]] <-> nanoseconds since 1970.
 *
 * The text of the last second is kept: a busy session stamps thousands of messages in one. */
#ifndef FIXENGINE_STAMP_H
#define FIXENGINE_STAMP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "number.h"

enum { STAMP_SECOND_BYTES = 17, STAMP_BYTES_MAX = 24 };

#define STAMP_SECOND_NS 1000000000LL

/* Days since 1970-01-01 of a date of the Gregorian calendar, by eras of 400 years. */
static inline int64_t stamp_days(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* The inverse of stamp_days for days >= 0. */
static inline void stamp_date(int64_t days, uint64_t *year, uint64_t *month, uint64_t *day)
{
    uint64_t z = (uint64_t)days + 719468;
    uint64_t era = z / 146097;
    uint64_t day_of_era = z - era * 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* Text of ns >= 0 with 0, 3 or 6 decimals (cut, not rounded); its length. */
static inline size_t stamp_write(int64_t ns, int decimals, uint8_t *to)
{
    static int64_t cached_second = -1;
    static uint8_t cached[STAMP_SECOND_BYTES];
    int64_t second = ns / STAMP_SECOND_NS;
    if (second != cached_second) {
        uint64_t year, month, day, of_day = (uint64_t)(second % 86400);
        stamp_date(second / 86400, &year, &month, &day);
        number_write(cached, year * 10000 + month * 100 + day, 8);
        cached[8] = '-';
        number_write(cached + 9, of_day / 3600, 2);
        cached[11] = ':';
        number_write(cached + 12, of_day / 60 % 60, 2);
        cached[14] = ':';
        number_write(cached + 15, of_day % 60, 2);
        cached_second = second;
    }
    memcpy(to, cached, STAMP_SECOND_BYTES);
    if (decimals == 0)
        return STAMP_SECOND_BYTES;
    uint64_t micros = (uint64_t)(ns % STAMP_SECOND_NS) / 1000;
    to[STAMP_SECOND_BYTES] = '.';
    number_write(to + STAMP_SECOND_BYTES + 1, decimals == 3 ? micros / 1000 : micros,
                 (size_t)decimals);
    return STAMP_SECOND_BYTES + 1 + (size_t)decimals;
}

/* The n digits at p as a number; *bad is set where one is none. */
static inline uint32_t stamp_digits(const uint8_t *p, int n, uint32_t *bad)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++) {
        uint32_t digit = (uint32_t)p[i] - '0';
        *bad |= digit > 9;
        value = value * 10 + digit;
    }
    return value;
}

/* The instant of a stamp, in seconds and nanoseconds. A leap second (60) is the next second.
 * NUMBER_SYNTAX where the text is none, or no day of the calendar. */
static inline int stamp_read(const uint8_t *p, size_t n, int64_t *second, int64_t *ns)
{
    static const uint8_t days_max[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (n != 17 && n != 21 && n != 24)
        return NUMBER_SYNTAX;
    uint32_t bad = 0;
    uint32_t year = stamp_digits(p, 4, &bad), month = stamp_digits(p + 4, 2, &bad);
    uint32_t day = stamp_digits(p + 6, 2, &bad), hour = stamp_digits(p + 9, 2, &bad);
    uint32_t minute = stamp_digits(p + 12, 2, &bad), of_minute = stamp_digits(p + 15, 2, &bad);
    uint32_t fraction = n == 17   ? 0
                        : n == 21 ? stamp_digits(p + 18, 3, &bad)
                                  : stamp_digits(p + 18, 6, &bad);
    if (bad != 0 || year < 1 || month < 1 || month > 12 || day < 1 || day > days_max[month - 1]
        || hour > 23 || minute > 59 || of_minute > 60 || p[8] != '-' || p[11] != ':'
        || p[14] != ':' || (n > 17 && p[17] != '.'))
        return NUMBER_SYNTAX;
    if (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))
        return NUMBER_SYNTAX;
    *second = stamp_days(year, month, day) * 86400;
    *second += hour * 3600 + minute * 60 + of_minute;
    *ns = (int64_t)fraction * (n == 21 ? 1000000 : 1000);
    return NUMBER_OK;
}

/* Seconds and nanoseconds of a second as one number; 0 where it does not fit 64 bits. */
static inline int stamp_join(int64_t second, int64_t ns, int64_t *out)
{
    return !__builtin_mul_overflow(second, (int64_t)STAMP_SECOND_NS, out)
           && !__builtin_add_overflow(*out, ns, out);
}

#endif
