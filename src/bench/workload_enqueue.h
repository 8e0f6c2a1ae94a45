/* b1, b4, and the same client against the h1 yardstick. */
#ifndef BENCH_WORKLOAD_ENQUEUE_H
#define BENCH_WORKLOAD_ENQUEUE_H

#include "bench/run.h"

#define B4_BATCH 1000
#define B4_CONNECTIONS 4

struct enqueue_options {
    const char *name;
    uint32_t connection_count;
    struct slice request;
    uint32_t jobs_each; /* Jobs that one request counts for. */
};

/* Sends one request over all connections again and again for the window, and adds the figures rate
 * and latency under the name. Errors as client_create and client_turn. Main thread. */
enum err_code enqueue_run(struct bench *bench, const struct enqueue_options *options,
                          struct err *err) MUST_USE;

/* POST /enqueue at each of the connection counts: rows "b1.c<n>". Errors as enqueue_run. Main
 * thread. */
enum err_code workload_b1(struct bench *bench, struct err *err) MUST_USE;

/* POST /enqueue/batch, B4_BATCH jobs a request; the rate is jobs. Errors as enqueue_run. Main
 * thread. */
enum err_code workload_b4(struct bench *bench, struct err *err) MUST_USE;

#endif
