/* The figures that a release must hold, as rows: see bench/README.md. */
#ifndef BENCH_GATES_H
#define BENCH_GATES_H

#include "bench/results.h"

struct gate {
    const char *workload;
    const char *figure;
    bool at_least; /* The median is at least, else at most, the limit. */
    double limit;
};

/* The gate of a figure, or NULL. Any thread. */
const struct gate *gate_find(const char *workload, const char *figure);

/* Whether a median holds the gate. Any thread. */
bool gate_holds(const struct gate *gate, double median);

/* How many measured figures do not hold their gate. Any thread. */
uint32_t gates_failed(const struct results *results);

#endif
