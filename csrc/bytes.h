/* Sum bytes, find one, copy them, tell what text they are: loops over bytes that know no FIX.
 *
 * The plain loop is the definition; the AVX2 twin must give the same answer and is picked at run
 * time, so one build runs on any x86-64. Neither reads outside [p, p + n). */
#ifndef FIXENGINE_BYTES_H
#define FIXENGINE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The sum of n bytes, modulo 2^32. */
static inline uint32_t sum_bytes_scalar(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += p[i];
    return sum;
}

/* The position of the first byte equal to wanted, or n. */
static inline size_t find_byte_scalar(const uint8_t *p, size_t n, uint8_t wanted)
{
    size_t i = 0;
    while (i < n && p[i] != wanted)
        i++;
    return i;
}

#if defined(__x86_64__) && defined(__GNUC__)
#define FIXENGINE_AVX2 1
#include <immintrin.h>

/* 32 zeros, then 32 ones: a load from at + k keeps the last k bytes of a vector. */
static const uint8_t bytes_tail_mask[64] __attribute__((aligned(64))) = {
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

/* Needs n >= 32. The last vector overlaps the one before; what was counted is masked out. */
__attribute__((target("avx2"))) static inline uint32_t
sum_bytes_avx2(const uint8_t *p, size_t n)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i sums = zero;
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        sums = _mm256_add_epi64(
            sums, _mm256_sad_epu8(_mm256_loadu_si256((const __m256i *)(p + i)), zero));
    __m256i mask = _mm256_loadu_si256((const __m256i *)(bytes_tail_mask + (n - i)));
    __m256i last = _mm256_loadu_si256((const __m256i *)(p + n - 32));
    sums = _mm256_add_epi64(sums, _mm256_sad_epu8(_mm256_and_si256(last, mask), zero));
    __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return (uint32_t)(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
}

/* Needs n >= 32. */
__attribute__((target("avx2,bmi,bmi2"))) static inline size_t
find_byte_avx2(const uint8_t *p, size_t n, uint8_t wanted)
{
    const __m256i all = _mm256_set1_epi8((char)wanted);
    size_t i = 0;
    for (;;) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(p + i));
        uint32_t hits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, all));
        if (hits != 0)
            return i + (size_t)__builtin_ctz(hits);
        if (i + 32 == n)
            return n;
        i = i + 64 <= n ? i + 32 : n - 32;
    }
}
#endif

enum { BYTES_PLAIN = 0, BYTES_AVX2 = 1, BYTES_AVX512 = 2 };

/* What this processor has: AVX2 with BMI2, and on top AVX-512 with VBMI2. */
static inline int bytes_level(void)
{
#ifdef FIXENGINE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        return __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bw")
                   ? BYTES_AVX512
                   : BYTES_AVX2;
#endif
    return BYTES_PLAIN;
}

static inline uint32_t sum_bytes(const uint8_t *p, size_t n)
{
#ifdef FIXENGINE_AVX2
    if (n >= 32 && bytes_level() != BYTES_PLAIN)
        return sum_bytes_avx2(p, n);
#endif
    return sum_bytes_scalar(p, n);
}

static inline size_t find_byte(const uint8_t *p, size_t n, uint8_t wanted)
{
#ifdef FIXENGINE_AVX2
    if (n >= 32 && bytes_level() != BYTES_PLAIN)
        return find_byte_avx2(p, n, wanted);
#endif
    return find_byte_scalar(p, n, wanted);
}

#ifdef FIXENGINE_AVX2
/* Copy n bytes, 32 to 1024, to where none of theirs stands, or to a lower address. */
__attribute__((target("avx2"))) static inline void
bytes_copy_avx2(uint8_t *to, const uint8_t *from, size_t n)
{
    const __m256i last = _mm256_loadu_si256((const __m256i *)(from + n - 32));
    for (size_t i = 0; i + 32 < n; i += 32)
        _mm256_storeu_si256((__m256i *)(to + i),
                            _mm256_loadu_si256((const __m256i *)(from + i)));
    _mm256_storeu_si256((__m256i *)(to + n - 32), last);
}
#endif

/* Copy n bytes; the two places may overlap. */
static inline void bytes_copy(uint8_t *to, const uint8_t *from, size_t n, int level)
{
#ifdef FIXENGINE_AVX2
    /* Less than n where `to` lies within what is copied. */
    const size_t ahead = (size_t)((uintptr_t)to - (uintptr_t)from);
    if (level != BYTES_PLAIN && n >= 32 && n <= 1024 && ahead >= n) {
        bytes_copy_avx2(to, from, n);
        return;
    }
#endif
    (void)level;
    memmove(to, from, n);
}

/* Whether each byte is 0x20..0x7E, and with high set also 0x80..0xFF: no byte that could end a
 * field or hide in a log. Eight bytes at a time. */
static inline int bytes_printable(const uint8_t *p, size_t n, int high)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t bad = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w, low, below, deleted;
        memcpy(&w, p + i, 8);
        low = w & (ones * 0x7F);
        below = ~(low + ones * 0x60) & ~w; /* 0x00..0x1F */
        deleted = ~((low ^ (ones * 0x7F)) + ones * 0x7F) & ~w; /* 0x7F */
        bad |= below | deleted | (high ? 0 : w);
    }
    bad &= ones * 0x80;
    for (; i < n; i++)
        bad |= (uint64_t)(p[i] < 0x20 || p[i] == 0x7F || (!high && p[i] > 0x7F));
    return bad == 0;
}

/* Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
static inline int bytes_utf8(const uint8_t *p, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint8_t c = p[i++];
        if (c < 0x80)
            continue;
        if (c < 0xC2 || c > 0xF4)
            return 0;
        size_t more = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
        if (n - i < more)
            return 0;
        uint8_t low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
        uint8_t high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
        if (p[i] < low || p[i] > high)
            return 0;
        for (i++; --more > 0; i++)
            if ((p[i] & 0xC0) != 0x80)
                return 0;
    }
    return 1;
}

#endif
