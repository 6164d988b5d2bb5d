/* The reference of the codec's ratios: the scalar index loop, as well as it can be written.
 *
 * One pass over a complete message: tag number, value offset and length of each field into an
 * array, and the checksum over all bytes. No intrinsics. Build with gcc -O3. */
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef struct {
    uint32_t tag, offset, length;
} Entry;

size_t scalar_index(const uint8_t *p, size_t n, Entry *out, uint32_t *sum_out)
{
    const uint8_t *at = p, *const end = p + n;
    Entry *to = out;
    uint32_t sum = 0, c;
    while (at < end) {
        uint32_t tag = 0;
        while ((c = *at++) != '=') {
            tag = tag * 10 + (c - '0');
            sum += c;
        }
        const uint8_t *const start = at;
        while ((c = *at++) != 1)
            sum += c;
        sum += '=' + 1;
        to->tag = tag;
        to->offset = (uint32_t)(start - p);
        to->length = (uint32_t)(at - 1 - start);
        to++;
    }
    *sum_out = sum;
    return (size_t)(to - out);
}

static double process_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Index count messages, one behind the other at the offsets, rounds times; ns per message. digest
 * gets a number that depends on every field found. */
double scalar_run(const uint8_t *data, const uint32_t *offsets, size_t count, size_t rounds,
                  uint64_t *digest)
{
    static Entry out[4096];
    uint64_t found = 0;
    const double started = process_ns();
    for (size_t r = 0; r < rounds; r++)
        for (size_t i = 0; i < count; i++) {
            uint32_t sum;
            const size_t fields =
                scalar_index(data + offsets[i], offsets[i + 1] - offsets[i], out, &sum);
            found = found * 31 + fields + sum + out[fields - 1].tag + out[fields / 2].offset;
        }
    const double elapsed = process_ns() - started;
    *digest = found;
    return elapsed / (double)(rounds * count);
}
