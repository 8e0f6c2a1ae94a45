/* Many jobs at once: filling a queue by batches, and working it off by batches. */
#ifndef BENCH_BACKLOG_H
#define BENCH_BACKLOG_H

#include "bench/run.h"

#define BACKLOG_CONNECTIONS 16
#define BACKLOG_BATCH 64 /* Of fetch/batch and ack/batch. */

struct backlog_fill {
    const char *name; /* Adds the figure "fill" under this name. */
    const char *queue;
    uint32_t count;
    uint64_t due_ns; /* Nanoseconds since 1970: all jobs are scheduled for it; 0: ready at once. */
};

/* Enqueues fill->count jobs, 1,000 a request. Refused requests are counted and sent again. Errors
 * as client_create and client_turn, ERR_CLOSED also when interrupted. Main thread. */
enum err_code backlog_fill(struct bench *bench, const struct backlog_fill *fill,
                           struct err *err) MUST_USE;

/* Fetches and acks until `count` jobs were acked, and adds "lives" under the name. Errors as
 * backlog_fill, but an interruption is not one. Main thread. */
enum err_code backlog_drain(struct bench *bench, const char *name, const char *queue,
                            uint32_t count, struct err *err) MUST_USE;

#endif
