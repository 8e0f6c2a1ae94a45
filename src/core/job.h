/* A job as the API shows it (reference 2.1), and the words of its states, priorities and back-offs.
 *
 * The states and their moves; job_move (core/job_move.c) is the only code that changes one:
 *
 *                 enqueue                     fetch                    ack
 *        (none) ----------> PENDING ----------------------> ACTIVE ----------> COMPLETED
 *           |                ^  ^ |                         | | | |
 *           | enqueue        |  | +---- lease expired ------+ | | +-- cancel -> CANCELLED
 *           v   due, retry   |  |                             | |
 *        SCHEDULED ----------+  +---- due ---- RETRYING <-----+ +-- fail, lease expired -> DEAD
 *                                                        fail
 *
 * PENDING, SCHEDULED, RETRYING and ACTIVE go to HELD (hold). HELD goes to PENDING (approve,
 * revise), back to SCHEDULED or RETRYING (approve before the job is due) and to DEAD (reject).
 * COMPLETED, DEAD and CANCELLED go to PENDING (retry). PENDING, SCHEDULED, RETRYING and HELD also
 * go to CANCELLED (cancel) and to DEAD (expired). */
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

/* Why a job is held (A9). Stored in rows: never renumbered. */
enum hold_kind {
    HOLD_NONE,
    HOLD_API,
    HOLD_AGENT,
    HOLD_GUARDRAIL,
    HOLD_BUDGET,
    HOLD_POLICY,
    HOLD_DEPENDENCY,
    HOLD_KIND_COUNT
};

/* When a job's hold on its unique key ends, at the latest (A5). Stored in rows: never renumbered.
 */
enum unique_until {
    UNIQUE_NONE,      /* It has no unique key. */
    UNIQUE_STARTED,   /* At the first claim. */
    UNIQUE_COMPLETED, /* With the job. */
    UNIQUE_PERIOD,    /* With the period, even when the job is completed before. */
    UNIQUE_COUNT
};

/* How an attempt ended (A14). Stored in rows: never renumbered. */
enum job_outcome {
    OUTCOME_NONE,
    OUTCOME_RUNNING,
    OUTCOME_COMPLETED,
    OUTCOME_FAILED,
    OUTCOME_LEASE_EXPIRED,
    OUTCOME_CONTINUED,
    OUTCOME_HELD,
    OUTCOME_CANCELLED,
    OUTCOME_ITERATION_TIMEOUT,
    OUTCOME_COUNT
};

extern const struct words job_state_words;    /* names[JOB_NONE] is NULL. */
extern const struct words job_priority_words; /* "critical", "high", "normal", "low". */
extern const struct words job_backoff_words;
extern const struct words hold_kind_words;    /* "api", "agent", ... */
extern const struct words unique_until_words; /* "started", "completed", "period". */
extern const struct words job_outcome_words;  /* "running", "completed", ... */

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
    struct slice kind;   /* "lease_expired", "rejected" or empty. */
    uint64_t created_at; /* ns. */
};

struct job_hold_object {
    uint32_t kind; /* enum hold_kind. */
    struct slice reason;
    struct slice by;
    uint64_t at;
};

struct job_feedback {
    struct slice text;
    struct slice by;
    uint64_t at;
    uint32_t revision;
};

/* One delivery of a job and what became of it. */
struct job_attempt {
    uint32_t attempt;
    uint64_t started_at; /* ns. */
    uint64_t ended_at;   /* 0 = it runs. */
    uint32_t outcome;    /* enum job_outcome. */
    struct slice worker_id;
    struct slice hostname;
    struct slice error;
    struct slice backtrace;
    uint64_t has; /* Bit 0: duration_ms. */
    uint64_t duration_ms;
};

struct job_attempts {
    struct list attempts; /* struct job_attempt, oldest first. */
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
    const struct job_hold_object *hold; /* NULL = not held. */
    struct slice hold_reason;
    const struct job_feedback *feedback; /* NULL = none. */
    uint32_t revision;
    struct slice unique_key;
    uint32_t unique_until; /* enum unique_until. */
    uint64_t has;          /* Bit 0: retention. */
    uint64_t retention;    /* ms. */
};

extern const struct message job_error_message;
extern const struct message job_hold_message;
extern const struct message job_feedback_message;
extern const struct message job_attempts_message;

#endif
