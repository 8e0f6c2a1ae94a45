/* Small random changes of bytes, the same ones for the same seed. For the fuzzers and for tests. */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include "base/slice.h"

/* Two numbers that the code under test has compared and found different. */
struct mutate_compare {
    uint64_t have;
    uint64_t want;
    uint8_t size; /* Bytes: 1, 2, 4 or 8. */
};

struct mutator {
    uint64_t state;            /* Of the random numbers: the seed, not 0. */
    const struct slice *words; /* The dictionary: pieces that the input's form knows. */
    uint32_t word_count;
    const struct mutate_compare *compares; /* Zeroed rows are skipped. */
    uint32_t compare_count;
};

/* A random number below `below`, which is not 0. */
uint64_t mutate_random(struct mutator *mutator, uint64_t below);

/* One small change of bytes[0 .. size), in place; returns the new size, at most size_max. */
size_t mutate(struct mutator *mutator, uint8_t *bytes, size_t size, size_t size_max);

/* Puts the end of another input behind a beginning of this one; returns the new size. */
size_t mutate_splice(struct mutator *mutator, uint8_t *bytes, size_t size, size_t size_max,
                     struct slice other);

#endif
