/* What is stored: one struct and one list of field rows for each kind of stored row, in protobuf
 * wire form.
 *
 * Tags are never reused. Rows with a key hold nothing that the key says already. */
#ifndef CORE_ROWS_H
#define CORE_ROWS_H

#include "core/job.h"
#include "core/key.h"
#include "core/queue.h"
#include "wire/protobuf.h"

#define STORED_FORMAT 1
#define RETENTION_MS_DEFAULT (UINT64_C(168) * 3600 * 1000)
#define EVENTS_MAX_DEFAULT UINT64_C(10000000)
#define KEPT_TTL_MS_DEFAULT (UINT64_C(24) * 3600 * 1000)
#define KEPT_MIN_TTL_MS_DEFAULT (UINT64_C(5) * 60 * 1000)
#define KEPT_MAX_DEFAULT UINT64_C(1000000)

/* The one row of TABLE_META: the counters that number things, and the replicated settings. */
struct meta_row {
    uint32_t format;       /* STORED_FORMAT. */
    uint64_t now_ns;       /* Of the last entry. */
    uint64_t job_seq;      /* Of the last job made. */
    uint64_t move_seq;     /* Of the last state change. */
    uint64_t queue_count;  /* The last queue number given. */
    uint64_t event_seq;    /* Of the last event. */
    uint64_t event_oldest; /* First event still stored; event_seq + 1 when there is none. */
    uint64_t event_cut;    /* event_seq when the last cut of old events went through. */
    uint64_t retention_ms;
    uint64_t events_max;
    uint64_t done_count;        /* Rows of TABLE_DONE. */
    uint64_t gone_count;        /* Those of them whose queue was destroyed (job_is_gone). */
    uint64_t purge_due;         /* No row of TABLE_DONE is to go before; 0 = none ever. */
    uint64_t purge_after;       /* Do not look for old jobs before this instant. */
    uint64_t purge_min;         /* purge_due of the rows that the present sweep left. */
    uint64_t purge_left;        /* How many those are. */
    uint64_t purge_cursor_time; /* Job key where that sweep goes on; both 0 = none is under way. */
    uint64_t purge_cursor_seq;
    uint64_t purge_first_time; /* No row of TABLE_DONE has a lesser key. */
    uint64_t purge_first_seq;
    uint64_t purge_own_due;  /* No row of TABLE_PURGE is due before; 0 = there is none. */
    uint64_t kept_seq;       /* Of the last outcome of a keyed request that was kept. */
    uint64_t kept_oldest;    /* No age row of TABLE_KEPT has a lesser number, */
    uint64_t kept_oldest_at; /* and no record is older. */
    uint64_t kept_count;     /* Records. */
    uint64_t kept_evicted;   /* That were let go before their time, ever. */
    uint64_t kept_ttl_ms;    /* struct kept_limits; 0 = the default. */
    uint64_t kept_min_ttl_ms;
    uint64_t kept_max;
};

struct queue_row {
    uint64_t has;
    struct slice name;
    bool paused;
    uint64_t created_at;
    uint64_t completed; /* Terminal jobs of the queue that are stored. The live ones are counted by
                           the index. */
    uint64_t dead;
    uint64_t cancelled;
    uint64_t enqueued_total;
    uint64_t completed_total;
    uint64_t failed_total;
    /* Boundaries: jobs whose last state change is not above them are gone, see job_is_gone. */
    uint64_t cleared_below;
    uint64_t destroyed_below;
    uint64_t paused_at;   /* When paused. */
    uint64_t draining_at; /* When it began to drain; 0 = it does not. */
    bool drained;         /* It drains, and nothing of it was active at the last entry's end. */
    bool destroyed; /* There is no such queue until it is named again; the row keeps its number. */
    struct retention retention;
    uint32_t max_concurrency;  /* Jobs active at most; 0 = no limit. */
    uint32_t rate_limit;       /* Claims at most in any rate_window_ms; 0 = no limit. */
    uint64_t rate_window_ms;   /* Also of a limit that was taken away: claims are kept so long. */
    bool require_lease_token;  /* Who acks, fails or beats without one is refused. */
    uint64_t default_lease_ms; /* Of a claim that asks for none; 0 = the server's. */
};

/* True if the queue has a retention of its own for that state. */
static inline bool retention_has(const struct queue_row *queue, enum retention_bit bit)
{
    return queue->has >> (bit - 1) & 1;
}

/* How an epoch of a lease ended: what a repeated ack or fail is compared with. */
enum lease_verb {
    LEASE_VERB_NONE,
    LEASE_VERB_ACK,
    LEASE_VERB_FAIL,
    LEASE_VERB_RECLAIM,
    LEASE_VERB_CANCEL,
    LEASE_VERB_HOLD
};

struct lease_end {
    uint32_t epoch;     /* 0 = no epoch has ended yet. */
    uint32_t verb;      /* enum lease_verb. */
    uint32_t state;     /* enum job_state that the job moved to. */
    uint32_t remaining; /* Of a fail: attempts_remaining. */
    uint64_t next_at;   /* Of a fail: next_attempt_at. */
};

/* Why a held job is held, by whom, and where it was. All 0 for other jobs, whose run_at it keeps.
 */
struct job_hold {
    uint32_t kind; /* enum hold_kind. */
    uint32_t from; /* enum job_state that it was held in. */
    uint64_t at;
    struct slice reason;
    struct slice by;
};

#define UNIQUE_UNBOUNDED UINT64_MAX

/* What a job has of its unique key: see core/unique.h. All 0 without one. */
struct job_unique {
    struct slice key;
    uint32_t until; /* enum unique_until. */
    uint64_t
        period_ms;    /* Counted from the enqueue, or the retry that took it anew; 0 = no bound. */
    uint64_t ends_at; /* When the hold ends by time, UNIQUE_UNBOUNDED = never; 0 = it has none. */
};

/* A job, live (TABLE_JOB) or terminal (TABLE_DONE). The payload and what is in job_more lie apart;
 * their sizes and row hashes are here so that a claim can bound its reply and a purge need not read
 * them. */
struct job {
    struct job_key key;  /* From the table key. */
    struct slice stored; /* The bytes it was read from; NULL when it is new. */

    uint32_t state;    /* enum job_state; only job_move writes it. */
    uint32_t priority; /* enum job_priority. */
    uint32_t queue;    /* Queue number. */
    uint32_t backoff;  /* enum job_backoff. */
    uint32_t attempt;
    int32_t max_retries;
    uint64_t base_delay_ms;
    uint64_t max_delay_ms;
    uint32_t epoch;     /* Of the current or last lease; 0 = never claimed. */
    uint64_t lease_ms;  /* Asked at the last claim. */
    uint64_t lease_at;  /* When the lease ends; 0 when not active, but kept by cancel. */
    uint64_t run_at;    /* Scheduled and retrying only, and held from there. */
    uint64_t expire_at; /* 0 = never. */
    uint64_t ready_at;  /* When it last became pending. */
    uint64_t move_seq;  /* Of its last state change; while pending, its place in the order. */
    uint64_t started_at;
    uint64_t completed_at;
    uint64_t failed_at;
    uint64_t ended_at;    /* When it became terminal. */
    uint32_t event_seq;   /* Its events so far. */
    uint32_t error_count; /* Its error records ever; the last ERROR_RECORDS_MAX are stored. */
    uint32_t payload_size;
    uint64_t payload_hash; /* 0 = no row. */
    uint32_t more_size;
    uint64_t more_hash; /* 0 = no row. */
    struct lease_end end;
    struct slice worker_id; /* Of the last attempt; see job_shows_worker. */
    struct slice hostname;
    struct slice result; /* JSON of the last ack; only of a terminal job. */
    struct job_hold hold;
    uint32_t revision; /* How often it was sent back with feedback. */
    struct job_unique unique;
    bool own_retention; /* It is kept for retention_ms after its end, whatever its queue says, */
    uint64_t retention_ms;
    uint64_t purge_at; /* that is, until then, by a row of TABLE_PURGE; 0 = it has none. */
};

struct job_more {
    struct slice tags;
    struct slice checkpoint;
    struct slice progress;
    struct slice traceparent;
    struct slice result; /* Of an ack before the job was retried: live rows stay small. */
    struct slice feedback_text;
    struct slice feedback_by;
    uint64_t feedback_at;
};

/* What a job has as numbered records: its errors, and how its attempts ended but the last. */
struct error_row {
    uint32_t attempt;
    struct slice error;
    struct slice backtrace;
    struct slice kind;
    uint64_t created_at;
    uint32_t outcome; /* enum job_outcome; OUTCOME_NONE: no attempt ended with it. */
    uint64_t started_at;
    struct slice worker_id;
    struct slice hostname;
};

/* Who holds a unique key. */
struct lock_row {
    struct slice job; /* The bytes of the job's key. */
};

/* Claims of a queue under a rate limit, of all entries of one instant. */
struct window_row {
    uint32_t count;
};

extern const struct message meta_row_message;
extern const struct message queue_row_message;
extern const struct message lock_row_message;
extern const struct message window_row_message;
extern const struct message job_row_message;
extern const struct message job_more_message;
extern const struct message error_row_message;

/* When the job is next due: its run, the end of its lease or its expiry; 0 = never. */
uint64_t job_due_ns(const struct job *job);

/* True while the worker of its last attempt is shown: the job is active, or was when it was
 * cancelled. */
bool job_shows_worker(const struct job *job);

/* Empties the texts of a job whose row's bytes are going away: its numbers stay. */
void job_forget_texts(struct job *job);

/* True when the job may not be handed out any more at `now_ns`. */
bool job_is_expired(const struct job *job, uint64_t now_ns);

/* True if the job was there when its queue was destroyed, or was pending, scheduled or retrying
 * when it was cleared, and nothing happened to it since. It is as if it had no row: what is left of
 * it goes with a sweep. */
bool job_is_gone(const struct queue_row *queue, const struct job *job);
bool job_is_gone_at(const struct queue_row *queue, enum job_state state, uint64_t move_seq);

/* Reads a job's row. ERR_CORRUPT when the bytes or their numbers make no sense. */
enum err_code job_row_read(struct slice key, struct slice value, struct arena *arena,
                           struct job *ret_job, struct err *err) MUST_USE;

#endif
