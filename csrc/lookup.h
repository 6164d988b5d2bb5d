/* Tag -> row of a table, in two ways: by the text "tag=" and by number.
 *
 * By text is for the pass over a frame: the bytes from a field's first to its '=' are one word, and
 * the multiplier was chosen when the table was built so that (nearly) no two known words fall into
 * one place. So a known tag costs one multiplication and one comparison, and its digits are never
 * read. By number is complete and answers for the rest. */
#ifndef FIXENGINE_LOOKUP_H
#define FIXENGINE_LOOKUP_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pairs.h"

enum {
    LOOKUP_WORD_DIGITS_MAX = 7,
    LOOKUP_WORD_BITS = 10,
    LOOKUP_ROWS_MAX = 1 << 15,
    LOOKUP_NONE = -1
};

/* Stands in a place that is free: "==". No text up to its first '=' reads so. */
#define LOOKUP_FREE ((uint64_t)'=' << 8 | '=')

typedef struct {
    uint64_t word; /* the bytes of "tag=", the first lowest, zeros above, or LOOKUP_FREE */
    int32_t tag;
    uint32_t bytes; /* of "tag="; behind the tag, as an entry of the index has its offset */
    uint32_t row;
    uint32_t unused[3]; /* so that no word straddles two lines of the processor's cache */
} LookupWord;

enum { LOOKUP_WORD_SIZE_BITS = 5, LOOKUP_LINE_BYTES = 64 };

_Static_assert(sizeof(LookupWord) == 1 << LOOKUP_WORD_SIZE_BITS, "lookup_place_of counts on it");

typedef struct {
    int32_t tag; /* 0: free */
    int32_t row;
} LookupTag;

typedef struct {
    LookupWord *words; /* 1 << LOOKUP_WORD_BITS */
    LookupWord spare;  /* for a field that is in no place of its own */
    uint64_t multiplier;
    uint32_t tags_shift;
    uint32_t tags_mask;
    LookupTag *tags; /* open addressing, at most a quarter full */
} Lookup;

static inline LookupWord *lookup_place_of(LookupWord *words, uint64_t multiplier, uint64_t word)
{
    /* In bytes: an index would have to be scaled. */
    const uint64_t mask = (((uint64_t)1 << LOOKUP_WORD_BITS) - 1) * sizeof(LookupWord);
    const int shift = 64 - LOOKUP_WORD_BITS - LOOKUP_WORD_SIZE_BITS;
    const uint64_t offset = (word * multiplier) >> shift & mask;
    return (LookupWord *)((char *)words + offset);
}

static inline uint32_t lookup_tag_home(const Lookup *lookup, int32_t tag)
{
    return ((uint32_t)tag * 2654435769u) >> lookup->tags_shift;
}

/* The row of a tag, or LOOKUP_NONE. */
static inline int32_t lookup_find(const Lookup *lookup, int32_t tag)
{
    uint32_t at = lookup_tag_home(lookup, tag);
    while (lookup->tags[at].tag != tag) {
        if (lookup->tags[at].tag == 0)
            return LOOKUP_NONE;
        at = (at + 1) & lookup->tags_mask;
    }
    return lookup->tags[at].row;
}

/* The word of a tag; 0 for one of more than LOOKUP_WORD_DIGITS_MAX digits, and for the length of a
 * data field, by which a pass must not run on. */
static inline uint64_t lookup_word(int32_t tag)
{
    uint64_t word = '=';
    int digits = 0;
    if (pair_data_tag(tag) != 0)
        return 0;
    for (; tag > 0; tag /= 10, digits++)
        word = word << 8 | (uint64_t)('0' + tag % 10);
    return digits <= LOOKUP_WORD_DIGITS_MAX ? word : 0;
}

/* Put every word in its place under this multiplier; the count of those that found it taken. */
static inline size_t
lookup_place(Lookup *lookup, const int32_t *tags, const int32_t *rows, size_t n)
{
    size_t taken = 0;
    for (size_t i = 0; i < (size_t)1 << LOOKUP_WORD_BITS; i++)
        lookup->words[i].word = LOOKUP_FREE;
    for (size_t i = 0; i < n; i++) {
        const uint64_t word = lookup_word(tags[i]);
        LookupWord *place = lookup_place_of(lookup->words, lookup->multiplier, word);
        if (word == 0 || place->word != LOOKUP_FREE) {
            taken++;
            continue;
        }
        place->word = word;
        place->tag = tags[i];
        place->row = (uint32_t)rows[i];
        place->bytes = (uint32_t)(8 - __builtin_clzll(word) / 8);
    }
    return taken;
}

static inline void lookup_free(Lookup *lookup)
{
    free(lookup->words);
    free(lookup->tags);
    lookup->words = NULL;
    lookup->tags = NULL;
}

/* Build from n distinct tags > 0 and rows < LOOKUP_ROWS_MAX; 0 where memory is short. A word that
 * no multiplier gives a place of its own is left to lookup_find, which is slower and gives the
 * same. */
static inline int lookup_build(Lookup *lookup, const int32_t *tags, const int32_t *rows, size_t n)
{
    const int tries_max = 500;
    uint32_t tag_bits = 3;
    uint64_t best = 0, multiplier = 0x9E3779B97F4A7C15u;
    size_t fewest = n + 1;
    while (((size_t)1 << tag_bits) < 4 * n)
        tag_bits++;
    lookup->tags_shift = 32 - tag_bits;
    lookup->tags_mask = ((uint32_t)1 << tag_bits) - 1;
    lookup->words = aligned_alloc(LOOKUP_LINE_BYTES, sizeof(LookupWord) << LOOKUP_WORD_BITS);
    lookup->tags = calloc((size_t)1 << tag_bits, sizeof(LookupTag));
    if (lookup->words == NULL || lookup->tags == NULL) {
        lookup_free(lookup);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t at = lookup_tag_home(lookup, tags[i]);
        while (lookup->tags[at].tag != 0)
            at = (at + 1) & lookup->tags_mask;
        lookup->tags[at].tag = tags[i];
        lookup->tags[at].row = rows[i];
    }
    for (int tries = 0; tries < tries_max && fewest > 0; tries++) {
        lookup->multiplier = multiplier;
        const size_t taken = lookup_place(lookup, tags, rows, n);
        if (taken < fewest) {
            fewest = taken;
            best = multiplier;
        }
        multiplier = multiplier * 6364136223846793005u + 1442695040888963407u;
    }
    lookup->multiplier = best;
    lookup_place(lookup, tags, rows, n);
    return 1;
}

#endif
