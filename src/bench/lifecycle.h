/* Producers and workers on one queue: the engine of b2, wake and the first half of due.
 *
 * A producer is a connection that enqueues; a worker is one that waits in a fetch, then acks what
 * it got, then fetches again. Closed loop: producers send as fast as they are answered, while at
 * most waiting_max jobs wait. Open loop: job n is meant to be sent at start + n * interval,
 * whatever became of those before it. */
#ifndef BENCH_LIFECYCLE_H
#define BENCH_LIFECYCLE_H

#include "bench/load.h"
#include "bench/request.h"

/* A job was given to a worker; `number` is that of its payload. */
typedef void (*lifecycle_delivery_fn)(void *context, uint64_t number, uint64_t received_ns);

/* The request to send aside, the number-th; and what it was answered. */
typedef struct slice (*lifecycle_aside_next_fn)(void *context, uint64_t number);
typedef void (*lifecycle_aside_reply_fn)(void *context, const struct client_reply *reply);

struct lifecycle_options {
    const char *name;
    const char *queue;
    uint32_t producer_count; /* May be 0: then others enqueue. */
    uint32_t worker_count;
    uint32_t job_count;   /* Jobs that others enqueue; the run ends when they are acked. */
    uint32_t waiting_max; /* Closed loop. */
    uint64_t interval_ns; /* Not 0: open loop. */
    lifecycle_delivery_fn on_delivery; /* May be NULL. */
    void *context;
    /* Something else that is asked meanwhile, on a connection of its own; NULL: nothing. */
    lifecycle_aside_next_fn aside_next;
    lifecycle_aside_reply_fn aside_reply;
    void *aside_context;
    uint64_t aside_interval_ns;
};

struct lifecycle {
    struct load load;
    struct lifecycle_options options;
    struct enqueue_request enqueue;
    struct buf fetch;
    struct buf ack; /* Scratch. */
    bool *acking;   /* A worker each. */
    uint32_t *idle; /* Stack of producers with nothing in flight. */
    uint32_t idle_count;
    uint64_t start_ns;   /* Open loop: the intended time of job 0. */
    uint64_t sent_count; /* Enqueues: also the number of the next one. */
    uint64_t refused_count;
    uint64_t sent_until_ns; /* When producers stop. */
    uint64_t aside_ns;      /* When the next request is sent aside. */
    uint64_t aside_count;
    uint64_t delivered_count;
    uint64_t acked_count;
    bool done; /* All of job_count were acked. */
    struct hist enqueue_latency;
    struct hist ack_latency;
};

/* Connects, and puts all workers into their fetch. Errors as load_init; the caller calls
 * lifecycle_done in each case. Main thread, like all of it. */
enum err_code lifecycle_init(struct lifecycle *life, struct bench *bench,
                             const struct lifecycle_options *options, struct err *err) MUST_USE;
void lifecycle_done(struct lifecycle *life);

/* Runs the window, then lets the workers finish what was enqueued; what is then
 * missing is counted as wrong. load.done counts acks in the window. Errors as client_turn. */
enum err_code lifecycle_run(struct lifecycle *life, struct err *err) MUST_USE;

#endif
