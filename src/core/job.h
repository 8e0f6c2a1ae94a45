/* A job as the API shows it (reference 2.1), and the words of its states, priorities and back-offs.
 *
 * The states and their moves; job_move (core/job_move.c) is the only code that changes one:
 *
 *                 enqueue                     fetch                    ack
 *        (none) ----------> PENDING ----------------------> ACTIVE ----------> COMPLETED
 *           |                ^  ^ |                         | | | |
 *           | enqueue        |  | +---- lease expired ------+ | | +-- cancel -> CANCELLED
 *           v   due          |  |                             | |
 *        SCHEDULED ----------+  +---- due ---- RETRYING <-----+ +-- fail, lease expired -> DEAD
 *                                                        fail
 *
 * PENDING, SCHEDULED, RETRYING and HELD also go to CANCELLED (cancel) and to DEAD (expired). HELD
 * has no way in yet. */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include "core/core.h"

/* Stored in rows: never renumbered. */
enum job_state {
    JOB_NONE, /* Not a state: where enqueue comes from. */
    JOB_PENDING,
    JOB_SCHEDULED,
    JOB_ACTIVE,
    JOB_RETRYING,
    JOB_HELD,
    JOB_COMPLETED,
    JOB_DEAD,
    JOB_CANCELLED,
    JOB_STATE_COUNT
};

enum job_priority { JOB_CRITICAL, JOB_HIGH, JOB_NORMAL, JOB_LOW, JOB_PRIORITY_COUNT };

/* Stored in rows: never renumbered. */
enum job_backoff {
    JOB_BACKOFF_NONE,
    JOB_BACKOFF_FIXED,
    JOB_BACKOFF_LINEAR,
    JOB_BACKOFF_EXPONENTIAL,
    JOB_BACKOFF_COUNT
};

extern const struct words job_state_words;    /* names[JOB_NONE] is NULL. */
extern const struct words job_priority_words; /* "critical", "high", "normal", "low". */
extern const struct words job_backoff_words;

/* "pending"; "none" for JOB_NONE. Any thread. */
const char *job_state_name(enum job_state state);

/* True for completed, dead and cancelled. Any thread. */
bool job_state_is_terminal(enum job_state state);

struct job_error {
    uint32_t id; /* 1, 2, 3 ... per job. */
    struct slice job_id;
    uint32_t attempt;
    struct slice error;
    struct slice backtrace;
    struct slice kind;   /* "lease_expired" or empty. */
    uint64_t created_at; /* ns. */
};

struct job_object {
    struct slice id;
    struct slice queue;
    uint32_t state;       /* enum job_state. */
    struct slice payload; /* JSON, never empty. */
    uint32_t priority;
    uint32_t attempt;
    int32_t max_retries;
    uint32_t retry_backoff; /* enum job_backoff. */
    uint64_t retry_base_delay_ms;
    uint64_t retry_max_delay_ms;
    struct slice worker_id;
    struct slice hostname;
    struct slice tags; /* JSON, like the next three; empty = absent. */
    struct slice progress;
    struct slice checkpoint;
    struct slice result;
    uint64_t lease_expires_at; /* Times in ns; 0 = unset. */
    uint64_t scheduled_at;
    uint64_t expire_at;
    uint64_t created_at;
    uint64_t started_at;
    uint64_t completed_at;
    uint64_t failed_at;
    struct list errors; /* FIELD_MESSAGE list of struct job_error, oldest first. */
    struct slice traceparent;
};

extern const struct message job_error_message;

#endif
