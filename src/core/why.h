/* Why a job is not running (A8): every gate that holds it, in the order of the contract.
 *
 * Answered from rows and indexes. What only a leader's memory knows (is there a worker, how fast
 * does the queue go) is added by who has that: see why_add_gate. Nothing here changes anything. */
#ifndef CORE_WHY_H
#define CORE_WHY_H

#include "core/core.h"

/* In the order in which they are listed. */
enum why_kind {
    WHY_NONE,
    WHY_PAUSED,
    WHY_DRAINING,
    WHY_SCHEDULED,
    WHY_RETRY_BACKOFF,
    WHY_RATE_LIMIT,
    WHY_CONCURRENCY,
    WHY_HELD,
    WHY_ACTIVE,
    WHY_NO_WORKER,
    WHY_EXPIRED,
    WHY_TERMINAL,
    WHY_KIND_COUNT
};

enum why_gate_bit { WHY_GATE_HAS_ATTEMPT = 1, WHY_GATE_HAS_ESTIMATE };

struct why_gate {
    uint64_t has;  /* Bit n-1 for WHY_GATE_HAS_... = n. */
    uint32_t gate; /* enum why_kind. */
    struct slice text;
    struct slice queue;
    uint64_t since; /* Times in ns; 0 = not known or does not apply. */
    uint64_t until;
    bool estimate; /* `until` is a guess. */
    uint32_t attempt;
    struct slice last_error;
    uint64_t limit; /* Of claims in window_ms, or of active jobs. */
    uint64_t window_ms;
    uint64_t used; /* Claims in the window now. */
    uint64_t active;
    struct list holders; /* struct slice: ids of active jobs, the first WHY_HOLDERS_MAX. */
    struct slice reason;
    struct slice kind;
    struct slice by;
    struct slice worker_id;
    uint64_t lease_expires_at;
    uint64_t last_seen;
    bool unknown; /* Nobody can tell yet. */
    uint64_t at;
    struct slice state;
};

enum why_bit { WHY_HAS_AHEAD = 1, WHY_HAS_AHEAD_AT_LEAST, WHY_HAS_ESTIMATE };

struct why {
    uint64_t has; /* Bit n-1 for WHY_HAS_... = n. */
    struct slice job_id;
    uint32_t state; /* enum job_state. */
    bool runnable;  /* A worker that asks now may get it, after those ahead. */
    uint64_t index; /* What it follows from, */
    uint64_t at;    /* and when. */
    struct slice summary;
    struct list gates; /* struct why_gate; room for WHY_KIND_COUNT. */
    uint64_t ahead;    /* Jobs that go first in its queue. */
    uint64_t ahead_at_least;
    uint64_t estimated_start; /* ns; 0 = there is no telling. */
    bool estimate;            /* It follows from how fast the queue goes. */
    struct slice queue;       /* Not shown. */
};

extern const struct message why_message;

/* The gates of a job at `now_ns`, in the arena. ERR_NOT_FOUND; others stop the replica. Apply
 * thread. */
enum err_code core_why(struct core *core, struct slice job_id, uint64_t now_ns, struct arena *arena,
                       struct why **ret_why, struct err *err) MUST_USE;

/* Puts a gate into its place in the order. There is room for one of each kind. */
void why_add_gate(struct why *why, const struct why_gate *gate);

/* Says when it may start: when all of its gates tell, or, from how many jobs the queue starts in a
 * thousand seconds, when those ahead are gone; and sums up. `rate` 0 = not known. Last. */
void why_sum_up(struct why *why, uint64_t rate_per_1000s);

#endif
