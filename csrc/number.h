/* ASCII digits <-> integers, exactly: no float anywhere, overflow is reported, never wrapped. */
#ifndef FIXENGINE_NUMBER_H
#define FIXENGINE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

enum {
    NUMBER_OK = 0,
    NUMBER_SYNTAX = 1,   /* not a number of the form asked for */
    NUMBER_OVERFLOW = 2, /* well formed, but beyond the range */
    NUMBER_PRECISION = 3 /* more decimals than the scale holds */
};

enum { NUMBER_DIGITS_MAX = 20, NUMBER_SCALE_MAX = 18 };

/* Digits only, value <= max. Leading zeros are legal. */
static inline int number_read_unsigned(const uint8_t *p, size_t n, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    int status = NUMBER_OK;
    if (n == 0)
        return NUMBER_SYNTAX;
    for (size_t i = 0; i < n; i++) {
        uint64_t digit = (uint64_t)p[i] - '0';
        if (digit > 9)
            return NUMBER_SYNTAX;
        if (__builtin_mul_overflow(value, 10, &value)
            || __builtin_add_overflow(value, digit, &value))
            status = NUMBER_OVERFLOW;
    }
    *out = value;
    return status == NUMBER_OK && value > max ? NUMBER_OVERFLOW : status;
}

/* Optional '-', digits; the whole range of int64. */
static inline int number_read_signed(const uint8_t *p, size_t n, int64_t *out)
{
    uint64_t size = 0;
    size_t minus = n > 0 && p[0] == '-';
    int status = number_read_unsigned(p + minus, n - minus, (uint64_t)INT64_MAX + minus, &size);
    if (status == NUMBER_OK)
        *out = minus ? (int64_t)(0 - size) : (int64_t)size;
    return status;
}

/* Optional '-' (with sign set), digits, optionally a point and digits. */
static inline int number_check_decimal(const uint8_t *p, size_t n, int sign)
{
    size_t i = sign && n > 0 && p[0] == '-';
    size_t start = i;
    while (i < n && (uint8_t)(p[i] - '0') <= 9)
        i++;
    if (i == start)
        return NUMBER_SYNTAX;
    if (i == n)
        return NUMBER_OK;
    if (p[i] != '.')
        return NUMBER_SYNTAX;
    start = ++i;
    while (i < n && (uint8_t)(p[i] - '0') <= 9)
        i++;
    return i == n && i > start ? NUMBER_OK : NUMBER_SYNTAX;
}

/* Decimal text as mantissa / 10^decimals, every digit kept: "0.10" is 10 / 10^2. */
static inline int
number_read_decimal(const uint8_t *p, size_t n, int64_t *mantissa, int32_t *decimals)
{
    const size_t minus = n > 0 && p[0] == '-';
    uint64_t value = 0;
    size_t point = n;
    if (number_check_decimal(p, n, 1) != NUMBER_OK)
        return NUMBER_SYNTAX;
    for (size_t i = minus; i < n; i++) {
        if (p[i] == '.')
            point = i + 1;
        else if (__builtin_mul_overflow(value, 10, &value)
                 || __builtin_add_overflow(value, (uint64_t)p[i] - '0', &value))
            return NUMBER_OVERFLOW;
    }
    if (value > (uint64_t)INT64_MAX + minus)
        return NUMBER_OVERFLOW;
    *mantissa = minus ? (int64_t)(0 - value) : (int64_t)value;
    *decimals = (int32_t)(n - point);
    return NUMBER_OK;
}

/* Decimal text times 10^scale as int64. Zeros beyond the scale are dropped, other digits there
 * are NUMBER_PRECISION. */
static inline int number_read_scaled(const uint8_t *p, size_t n, int scale, int64_t *out)
{
    size_t minus = n > 0 && p[0] == '-';
    uint64_t value = 0;
    int decimals = -1;
    int status = NUMBER_OK;
    if (number_check_decimal(p, n, 1) != NUMBER_OK)
        return NUMBER_SYNTAX;
    for (size_t i = minus; i < n; i++) {
        if (p[i] == '.') {
            decimals = 0;
            continue;
        }
        uint64_t digit = (uint64_t)p[i] - '0';
        if (decimals >= scale) {
            if (digit != 0)
                return NUMBER_PRECISION;
            continue;
        }
        if (decimals >= 0)
            decimals++;
        if (__builtin_mul_overflow(value, 10, &value)
            || __builtin_add_overflow(value, digit, &value))
            status = NUMBER_OVERFLOW;
    }
    for (int i = decimals < 0 ? 0 : decimals; i < scale; i++)
        if (__builtin_mul_overflow(value, 10, &value))
            status = NUMBER_OVERFLOW;
    if (status != NUMBER_OK || value > (uint64_t)INT64_MAX + minus)
        return NUMBER_OVERFLOW;
    *out = minus ? (int64_t)(0 - value) : (int64_t)value;
    return NUMBER_OK;
}

/* The count of digits of value, 1 to 20. */
static inline size_t number_width(uint64_t value)
{
    size_t width = 1;
    for (; value >= 10000; value /= 10000)
        width += 4;
    return width + (value >= 10) + (value >= 100) + (value >= 1000);
}

/* The digits of value at to, at least digits_min of them (zeros in front); their count. Needs
 * room for the larger of NUMBER_DIGITS_MAX and digits_min. */
static inline size_t number_write(uint8_t *to, uint64_t value, size_t digits_min)
{
    size_t width = number_width(value);
    width = width < digits_min ? digits_min : width;
    size_t i = width;
    for (; i >= 2; i -= 2, value /= 100) {
        const uint32_t pair = (uint32_t)(value % 100), tens = pair * 103 >> 10;
        to[i - 2] = (uint8_t)('0' + tens);
        to[i - 1] = (uint8_t)('0' + pair - tens * 10);
    }
    if (i == 1)
        to[0] = (uint8_t)('0' + value % 10);
    return width;
}

#endif
