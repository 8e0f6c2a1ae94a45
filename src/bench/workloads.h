/* The workloads beside those of workload_enqueue.h; each adds its figures under its name. */
#ifndef BENCH_WORKLOADS_H
#define BENCH_WORKLOADS_H

#include "bench/run.h"

#define WORKLOADS_MAX 16

/* b2: producers and workers together, closed loop. Figures: lives, latencies of enqueue and ack.
 * ERR_CLOSED, ERR_IO. All of these: main thread. */
enum err_code workload_b2(struct bench *bench, struct err *err) MUST_USE;

/* wake: from the intended time of an enqueue to its delivery to a waiting worker, at a fixed rate.
 * Errors as b2. */
enum err_code workload_wake(struct bench *bench, struct err *err) MUST_USE;

/* drain: fills a queue by batches, then works it off by batches of 64. Errors as b2. */
enum err_code workload_drain(struct bench *bench, struct err *err) MUST_USE;

/* restart: fills a queue, kills the server, starts it again on what it left. Errors as b2 and
 * server_process_start. */
enum err_code workload_restart(struct bench *bench, struct err *err) MUST_USE;

/* due: jobs due one by one, then many at one instant. Errors as b2. */
enum err_code workload_due(struct bench *bench, struct err *err) MUST_USE;

/* How b2 runs: name and queue are for the caller to set. */
struct lifecycle_options;
struct lifecycle_options workload_b2_options(const struct bench *bench);

/* view: b2 with the view and without, its lag, pages of searches. Errors as b2 and
 * server_process_start. */
enum err_code workload_view(struct bench *bench, struct err *err) MUST_USE;

/* b10: workers that wait for nothing. Needs the server's pid: ERR_UNSUPPORTED without. Errors as
 * b2. */
enum err_code workload_b10(struct bench *bench, struct err *err) MUST_USE;

#endif
