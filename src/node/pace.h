/* How fast the queues go: figures of the last minutes, in memory only, from what was applied.
 *
 * They begin anew with the process and are of the node that applies, so they are for people and
 * estimates, never for decisions. Times are the cluster's. Loop thread. */
#ifndef NODE_PACE_H
#define NODE_PACE_H

#include "core/core.h"

#define PACE_MINUTES 60
#define PACE_BOUNDS 12

struct queue_pace;

struct pace_minute {
    uint64_t minute; /* Since 1970; 0 = nothing happened here yet. */
    uint64_t enqueued;
    uint64_t completed;
    uint64_t failed;
};

struct pace {
    struct queue_pace **queues; /* By queue number; NULL = nothing happened. */
    uint32_t room;
    uint32_t count;
    uint64_t since_ns;                        /* When it began to count. */
    struct pace_minute total;                 /* Since then. */
    struct pace_minute minutes[PACE_MINUTES]; /* Minute m is at m % PACE_MINUTES. */
};

/* What is known of a queue. */
struct pace_figures {
    uint64_t completed_1m; /* Jobs completed within the last minute. */
    uint64_t starts_1000s; /* Jobs started in 1000 seconds, at the pace of the last five minutes. */
    uint64_t asked_at_ns;  /* When a worker last asked for its jobs; 0 = not yet. */
    bool has_waits;        /* A job was started within the last minutes; then: */
    uint64_t wait_p50_ms;  /* how long they had been ready, rounded to an eighth. */
    uint64_t wait_p99_ms;
};

/* How long all jobs of a queue had been ready when they were started, since the process began. */
struct pace_waits {
    uint64_t counts[PACE_BOUNDS + 1]; /* Up to each of pace_bounds_ms; the last is above them. */
    uint64_t count;
    uint64_t sum_ms;
};

extern const uint64_t pace_bounds_ms[PACE_BOUNDS];

/* Begins to count at now_ns; allocates nothing. */
void pace_init(struct pace *pace, uint64_t now_ns);

/* Frees everything. */
void pace_done(struct pace *pace);

/* What an entry did; a job of a queue was started that had been ready for so long; a worker asked.
 * Without memory, or above PACE_QUEUES_MAX queues, nothing is counted. */
void pace_grown(struct pace *pace, uint64_t now_ns, const struct core_grown *grown, uint32_t count);
void pace_started(struct pace *pace, uint64_t now_ns, uint32_t queue, uint64_t wait_ns);
void pace_asked(struct pace *pace, uint64_t now_ns, uint32_t queue);

/* The figures of a queue by its number; all zero when nothing is known. */
struct pace_figures pace_of(const struct pace *pace, uint64_t now_ns, uint32_t queue);

/* Adds the waits of a queue to *waits. */
void pace_add_waits(const struct pace *pace, uint32_t queue, struct pace_waits *waits);

/* The last PACE_MINUTES minutes, oldest first, this one last. */
void pace_minutes(const struct pace *pace, uint64_t now_ns,
                  struct pace_minute ret_minutes[PACE_MINUTES]);

#endif
