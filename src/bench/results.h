/* What was measured: figures of workloads, one value a round, and the failures that happened
 * meanwhile. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "base/common.h"
#include "base/slice.h"

#define RESULTS_NAME_MAX 24
#define RESULTS_RUNS_MAX 100
#define RESULTS_FIGURES_MAX 160
#define RESULTS_WORKLOADS_MAX 32
#define RESULTS_STATUS_MAX 600

#define UNIT_RATE "1/s" /* The one unit that ratios to the yardsticks are made of. */
#define UNIT_RATIO "x"

struct figure {
    char workload[RESULTS_NAME_MAX];
    char name[RESULTS_NAME_MAX];
    const char *unit; /* Static. */
    uint32_t count;
    uint32_t closed_count; /* Values of rounds that are over. */
    double values[RESULTS_RUNS_MAX];
};

/* Replies that were not 2xx. Slot 0 counts lost connections, slot 1 what a workload itself found
 * wrong. */
#define STATUS_LOST 0
#define STATUS_WRONG 1
struct failures {
    char workload[RESULTS_NAME_MAX];
    uint64_t total;
    uint64_t by_status[RESULTS_STATUS_MAX];
    char first[160]; /* The start of the first one's text. */
};

struct results {
    struct figure figures[RESULTS_FIGURES_MAX];
    uint32_t figure_count;
    struct failures failures[RESULTS_WORKLOADS_MAX];
    uint32_t failures_count;
    bool interrupted;
};

struct summary {
    double median, min, max, p25, p75;
    uint32_t count;
};

/* Adds this round's value of a figure; `unit` is static text. A value over the bounds is dropped.
 * One thread. */
void results_add(struct results *results, const char *workload, const char *name, const char *unit,
                 double value);

/* Counts one failure of a workload: an HTTP status, STATUS_LOST or STATUS_WRONG. One thread. */
void results_fail(struct results *results, const char *workload, uint16_t status,
                  struct slice text);

/* Ends a round: gives each "rate" and "lives" of this round its ratios to the rates of h1 and sync
 * of the same round, as figures
 * "<name>_per_h1" and "<name>_per_sync". One thread. */
void results_close_round(struct results *results);

/* The figure, or NULL. Any thread. */
const struct figure *results_find(const struct results *results, const char *workload,
                                  const char *name);

/* The failures of a workload, or NULL when it had none. Any thread. */
const struct failures *results_failures(const struct results *results, const char *workload);

/* Median, extremes and quartiles of a figure that has at least one value. Any thread. */
struct summary figure_summary(const struct figure *figure);

/* Whether more of this unit is better. Any thread. */
bool unit_more_is_better(const char *unit);

#endif
