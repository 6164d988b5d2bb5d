/* Log-bucket histograms of durations, and the clock they are taken with.
 *
 * Below LATENCY_FINE ns each bucket is 1 ns wide; above, every power of two is cut into
 * LATENCY_FINE buckets of equal width. So no bucket is wider than 1/32 of its lower end. All is in
 * 8-byte words, written by one thread and read by anybody who maps the same memory. */
#ifndef FIXENGINE_LATENCY_H
#define FIXENGINE_LATENCY_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    LATENCY_FINE_BITS = 5,
    LATENCY_FINE = 1 << LATENCY_FINE_BITS,
    /* What is longer than 2**40 ns (18 minutes) counts in the last bucket. */
    LATENCY_BITS_MAX = 40,
    LATENCY_BUCKETS = (LATENCY_BITS_MAX - LATENCY_FINE_BITS + 1) * LATENCY_FINE,
};

typedef struct {
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t counts[LATENCY_BUCKETS];
} Latency;

/* The monotonic clock, the one that strategies and gateway read too. */
static inline int64_t latency_now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static inline size_t latency_bucket(uint64_t ns)
{
    if (ns < LATENCY_FINE)
        return (size_t)ns;
    if (ns >> LATENCY_BITS_MAX)
        return LATENCY_BUCKETS - 1;
    int shift = 63 - __builtin_clzll(ns) - LATENCY_FINE_BITS;
    return (size_t)(shift * LATENCY_FINE) + (size_t)(ns >> shift);
}

/* The largest number of nanoseconds that falls into a bucket. */
static inline uint64_t latency_upper(size_t bucket)
{
    if (bucket < LATENCY_FINE)
        return bucket;
    int shift = (int)(bucket / LATENCY_FINE) - 1;
    uint64_t part = LATENCY_FINE + bucket % LATENCY_FINE;
    return ((part + 1) << shift) - 1;
}

/* A duration below 0 (two clocks that disagree) counts as 0. */
static inline void latency_record(Latency *to, int64_t ns)
{
    uint64_t length = ns > 0 ? (uint64_t)ns : 0;
    to->sum_ns += length;
    if (length > to->max_ns)
        to->max_ns = length;
    to->counts[latency_bucket(length)]++;
}

#endif
