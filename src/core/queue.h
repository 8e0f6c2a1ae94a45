/* A queue as the API shows it: reference 2.5 and A10. */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include "core/core.h"

/* How long jobs of a queue are kept when they have ended; 0 = not at all. */
struct retention {
    uint64_t completed_ms;
    uint64_t dead_ms;
    uint64_t cancelled_ms;
};

/* 1 + bit number in the `has` beside it. Without its bit, the server's retention counts. */
enum retention_bit { RETENTION_HAS_COMPLETED = 1, RETENTION_HAS_DEAD, RETENTION_HAS_CANCELLED };
#define RETENTION_BITS 7u

/* What a queue has of its own. */
struct queue_retention {
    uint64_t has; /* enum retention_bit. */
    struct retention keep;
};

struct queue_object {
    struct slice name;
    bool paused;
    uint64_t created_at; /* ns. */
    uint64_t pending;    /* Jobs in each state now. */
    uint64_t active;
    uint64_t held;
    uint64_t completed;
    uint64_t dead;
    uint64_t scheduled;
    uint64_t retrying;
    uint64_t cancelled;
    uint64_t enqueued;          /* Jobs of the queue that exist, in any state. */
    uint64_t failed;            /* Failed attempts ever: the same as failed_total. */
    uint64_t ready;             /* Pending without an unmet dependency. */
    uint64_t blocked;           /* Pending with one. */
    uint64_t oldest_pending_at; /* ns; 0 = none. When it became pending. */
    uint64_t has;               /* enum queue_object_bit. */
    uint64_t oldest_ready_age_ms;
    uint64_t enqueued_total; /* Ever. */
    uint64_t completed_total;
    uint64_t failed_total;
    bool draining;
    bool drained;             /* Nothing of it is active any more. */
    uint32_t max_concurrency; /* 0 = no limit, like the next. */
    uint32_t rate_limit;
    uint64_t rate_window_ms;
    const struct queue_retention *retention; /* NULL = the server's. */
    bool require_lease_token;
    uint64_t default_lease; /* ms; 0 = the server's. */
    uint64_t throughput_1m; /* Of the node's memory, as the next two: core leaves them out. */
    uint64_t wait_p50_ms;
    uint64_t wait_p99_ms;
};

enum queue_object_bit {
    QUEUE_HAS_OLDEST_AGE = 1 << 0,
    QUEUE_HAS_THROUGHPUT = 1 << 1,
    QUEUE_HAS_WAITS = 1 << 2,
};

/* Checks a queue name: 1 to QUEUE_NAME_MAX bytes, no control characters, no "::" (A23). ERR_INVALID
 * with REPLY_VALIDATION_ERROR. Any thread. */
enum err_code queue_name_check(struct slice name, struct err *err) MUST_USE;

#endif
