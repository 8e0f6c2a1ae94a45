/* A queue as plain as can be: one array of jobs, searched from end to end. What core answers must
 * be what this answers.
 *
 * It shares with core only the structs of requests and replies. It knows nothing of rows, indexes
 * or bytes. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "core/job.h"
#include "core/ops.h"

#define MODEL_JOBS_MAX 30000
#define MODEL_QUEUES_MAX 16
#define MODEL_RATE_MAX 8
#define MODEL_TEXT_MAX 64
#define MODEL_RECORDS_MAX 50

struct model_text {
    char text[MODEL_TEXT_MAX]; /* "" = absent. */
};

struct model_job {
    bool gone; /* Purged. */
    struct model_text id;
    uint32_t queue;
    enum job_state state;
    uint32_t priority;
    uint32_t backoff;
    int64_t attempt;
    int64_t max_retries;
    uint64_t base_ms;
    uint64_t max_ms;
    uint64_t ready_order;
    uint64_t ready_at;
    uint64_t run_at;
    uint64_t expire_at;
    uint64_t created_at;
    uint64_t started_at;
    uint64_t completed_at;
    uint64_t failed_at;
    uint64_t ended_at;
    uint64_t lease_end;
    uint64_t lease_ms;
    uint32_t epoch;
    uint32_t last_epoch; /* That ended, how, and what was answered. */
    char last_verb;      /* 'a', 'f', 'r', 'c' or 0. */
    uint32_t last_state;
    uint64_t last_next_at;
    uint32_t last_remaining;
    uint32_t records;                 /* Ever; the last 50 are kept. */
    bool is_error[MODEL_RECORDS_MAX]; /* Or only an attempt that ended, by number mod 50. */
    struct model_text last_error;
    struct model_text payload;
    struct model_text tags;
    struct model_text checkpoint;
    struct model_text progress;
    struct model_text result;
    struct model_text worker;
    struct model_text host;
    enum job_state held_from;
    struct model_text reason;
    struct model_text by;
    struct model_text feedback;
    uint64_t feedback_at;
    uint32_t revision;
    bool own_retention;
    uint64_t retention_ms; /* Counts if it has its own. */
    struct model_text unique_key;
    uint32_t unique_until; /* enum unique_until. */
    uint64_t unique_period_ms;
    uint64_t unique_ends_at; /* It holds the key until then. */
};

struct model_queue {
    struct model_text name;
    bool exists; /* It was not destroyed. */
    bool paused;
    bool draining;
    uint32_t max_concurrency;
    uint32_t rate_limit;
    uint64_t window_ns;
    uint64_t claims[MODEL_RATE_MAX]; /* Instants of the last ones under the limit, newest first. */
    struct queue_retention keep;
    bool needs_token;
    uint64_t lease_ms; /* Of a claim that asks for none; 0 = 60 s. */
    uint64_t created_at;
    uint64_t enqueued;
    uint64_t completed;
    uint64_t failed;
};

struct model {
    struct model_job jobs[MODEL_JOBS_MAX];
    uint32_t job_count;
    struct model_queue queues[MODEL_QUEUES_MAX];
    uint32_t queue_count;
    uint64_t ready_order;
    uint64_t now_ns;
    struct arena *arena; /* For replies. */
};

/* The answer of an operation: REPLY_NONE and the reply filled, or the contract's code. For enqueue
 * the reply's job_id is the one that core made: the model learns it. */
uint16_t model_apply(struct model *model, uint32_t code, const void *request, void *reply);

/* The job of that id; NULL when there is none. */
struct model_job *model_find(struct model *model, const char *id);

/* How long the job is kept after its end, at least. */
uint64_t model_retention_ns(const struct model *model, const struct model_job *job);

/* How many records of errors are kept, and of attempts that ended with a record or run. */
uint32_t model_errors(const struct model_job *job);

/* Jobs of a queue in a state. */
uint64_t model_count(const struct model *model, uint32_t queue, enum job_state state);

#endif
