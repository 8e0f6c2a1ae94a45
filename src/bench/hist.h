/* A log-linear histogram of latencies: constant memory, 1 us to 60 s with an error of at most 0.4
 * %.
 *
 * Each power of two of nanoseconds has HIST_STEPS buckets of equal width; a quantile answers with
 * the middle of its bucket. Shorter times fall into the first bucket and longer ones into the last;
 * minimum and maximum are exact. */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include "base/common.h"

#define HIST_STEP_BITS 7
#define HIST_STEPS (1 << HIST_STEP_BITS)
#define HIST_FIRST_BIT 9 /* The first bucket begins at 512 ns. */
#define HIST_LAST_BIT 35 /* The last one ends at 2^36 ns, 68.7 s. */
#define HIST_BUCKETS ((HIST_LAST_BIT - HIST_FIRST_BIT + 1) * HIST_STEPS)

struct hist {
    uint64_t count;
    uint64_t min_ns; /* Only when count > 0. */
    uint64_t max_ns;
    uint64_t buckets[HIST_BUCKETS];
};

/* Empties the histogram. Any thread. */
void hist_clear(struct hist *hist);

/* Counts one latency. Any thread, one at a time. */
void hist_add(struct hist *hist, uint64_t latency_ns);

/* The latency that `fraction` (0..1) of all counted ones do not exceed; 0 when nothing was counted.
 * Any thread. */
uint64_t hist_quantile_ns(const struct hist *hist, double fraction);

#endif
