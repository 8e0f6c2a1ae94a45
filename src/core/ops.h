/* What each operation asks and answers: one struct for the request, one for the reply, and the
 * field rows of both.
 *
 * The rows carry the REST names of the contract and the tags of the log form; both JSON and log
 * entries are read straight into these structs. A field with a presence bit (OP_..._HAS_...) counts
 * only when its bit is set: a reader sets it, and so must code that fills a struct by hand.
 * Everything else is absent when zero or empty. A field whose tag is 0 is for the API alone and
 * does not travel in the entry. All slices are borrowed. */
#ifndef CORE_OPS_H
#define CORE_OPS_H

#include "core/job.h"
#include "core/queue.h"

/* Codes are written in log entries: never reused, never renumbered. */
enum op_code {
    OP_ENQUEUE = 1,
    OP_FETCH = 2,
    OP_ACK = 3,
    OP_FAIL = 4,
    OP_HEARTBEAT = 5,
    OP_CANCEL = 6,
    OP_TICK = 7,
    OP_PAUSE = 8,
    OP_RESUME = 9,
    OP_RETRY = 10,
    OP_DELETE = 11,
    OP_MOVE = 12,
    OP_HOLD = 13,
    OP_APPROVE = 14,
    OP_REJECT = 15,
    OP_PRIORITY = 16,
    OP_DRAIN = 20,
    OP_CLEAR = 21,
    OP_DESTROY = 22,
    OP_THROTTLE = 23,
    OP_UNTHROTTLE = 24,
    OP_CONCURRENCY = 25,
    OP_QUEUE_RETENTION = 26,
    OP_QUEUE_LEASE = 27,
};

extern const struct op_spec op_enqueue_spec;
extern const struct op_spec op_fetch_spec;
extern const struct op_spec op_ack_spec;
extern const struct op_spec op_fail_spec;
extern const struct op_spec op_heartbeat_spec;
extern const struct op_spec op_cancel_spec;
extern const struct op_spec op_tick_spec;
extern const struct op_spec op_pause_spec;
extern const struct op_spec op_resume_spec;
extern const struct op_spec op_retry_spec;
extern const struct op_spec op_delete_spec;
extern const struct op_spec op_move_spec;
extern const struct op_spec op_hold_spec;
extern const struct op_spec op_approve_spec;
extern const struct op_spec op_reject_spec;
extern const struct op_spec op_priority_spec;
extern const struct op_spec op_drain_spec;
extern const struct op_spec op_clear_spec;
extern const struct op_spec op_destroy_spec;
extern const struct op_spec op_throttle_spec;
extern const struct op_spec op_unthrottle_spec;
extern const struct op_spec op_concurrency_spec;
extern const struct op_spec op_queue_retention_spec;
extern const struct op_spec op_queue_lease_spec;

/* enqueue: reference 3.1 and A5. Defaults are applied by the operation, not by the reader. */
enum op_enqueue_bit {
    OP_ENQUEUE_HAS_PRIORITY = 1,
    OP_ENQUEUE_HAS_MAX_RETRIES,
    OP_ENQUEUE_HAS_RETRY_BACKOFF,
    OP_ENQUEUE_HAS_RETRY_BASE_DELAY,
    OP_ENQUEUE_HAS_RETRY_MAX_DELAY,
    OP_ENQUEUE_HAS_SCHEDULED_AT,
    OP_ENQUEUE_HAS_DELAY,
    OP_ENQUEUE_HAS_UNIQUE_UNTIL,
    OP_ENQUEUE_HAS_RETENTION,
};

struct op_enqueue {
    uint64_t has; /* Bit n-1 for OP_ENQUEUE_HAS_... = n. */
    struct slice queue;
    struct slice payload;      /* JSON; empty = {}. The API has checked its size. */
    uint32_t priority;         /* 0..3; default 2. */
    int32_t max_retries;       /* Attempts in all; default 3. */
    uint32_t retry_backoff;    /* enum job_backoff; default exponential. */
    uint64_t retry_base_delay; /* ms; default 5 s. */
    uint64_t retry_max_delay;  /* ms; default 10 m; 0 = no cap. */
    uint64_t scheduled_at;     /* ns; not with delay. */
    uint64_t delay;            /* ms from now; not with scheduled_at. */
    uint64_t expire_after;     /* ms; 0 = never. */
    struct slice tags;         /* JSON. */
    struct slice checkpoint;   /* JSON. */
    struct slice unique_key;   /* Empty = none. */
    uint64_t unique_period;    /* ms; 0 = none, or the default if unique_until needs one. */
    uint32_t unique_until;     /* enum unique_until; default: period if there is one. */
    uint64_t retention;        /* ms that it is kept after its end, instead of its queue's. */
    struct slice unsupported;  /* Never set: the place of the reserved names. */
};

/* What became of an enqueue. Of a new job, its state. Stored with outcomes: never renumbered. */
enum enqueue_status {
    ENQUEUE_PENDING = JOB_PENDING,
    ENQUEUE_SCHEDULED = JOB_SCHEDULED,
    ENQUEUE_DUPLICATE = 32
};

struct op_enqueue_reply {
    struct slice job_id;
    uint32_t status; /* enum enqueue_status. */
    bool unique_existing;
    uint32_t state; /* The next three of a duplicate: enum job_state of the job that there is. */
    struct slice result;   /* JSON; empty unless that is completed. */
    uint64_t completed_at; /* ns; likewise 0. */
};

extern const struct message op_enqueue_message;
extern const struct message op_enqueue_reply_message;

/* fetch: reference 3.2. Claims up to `count` jobs in strict request order; an empty reply is
 * success. */
struct op_fetch {
    uint64_t has;
    struct list queues; /* struct slice. */
    struct slice worker_id;
    struct slice hostname;
    int32_t timeout; /* Seconds of lease if > 0, when lease_duration is not. Also the API's poll
                        time. */
    int32_t lease_duration; /* Seconds of lease if > 0; else `timeout`; else 60. */
    int32_t count;          /* Clamped to 1..FETCH_COUNT_MAX. Single fetch: set it to 1. */
    int32_t wait_ms;        /* API only. */
};

enum op_fetch_bit { OP_FETCH_HAS_WAIT_MS = 1 };

/* One delivered job. As REST JSON it is the whole answer of a single fetch. */
struct op_fetch_job {
    struct slice job_id;
    struct slice queue;
    struct slice payload; /* JSON, never empty. */
    uint32_t attempt;
    int32_t max_retries;
    uint32_t lease_duration; /* Seconds. */
    struct slice checkpoint; /* JSON or empty. */
    struct slice tags;       /* JSON or empty. */
    struct slice lease_token;
    uint64_t lease_expires_at; /* ns. */
    struct slice traceparent;
    uint32_t priority;                   /* Not in REST JSON. */
    const struct job_feedback *feedback; /* NULL = none. */
    uint32_t revision;
    uint64_t ready_at; /* ns; since when it was ready. For the node alone. */
};

struct op_fetch_reply {
    struct list jobs; /* FIELD_MESSAGE list of struct op_fetch_job. */
};

extern const struct message op_fetch_message;
extern const struct message op_fetch_job_message;
extern const struct message op_fetch_reply_message; /* {"jobs":[...]}: fetch/batch. */

/* ack: reference 3.3 and A3. The path's job id goes into job_id after the body was read. */
struct op_ack {
    struct slice job_id;
    struct slice lease_token;  /* Empty = none sent. */
    bool require_token;        /* --require-lease-token, as of the server that asks. */
    struct slice result;       /* JSON or empty. */
    struct slice checkpoint;   /* JSON or empty. */
    struct slice agent_status; /* Not empty: UNSUPPORTED. Likewise the next two. */
    struct slice step_status;
    struct slice hold_reason;
    struct slice unsupported;
};

struct op_ack_reply {
    struct slice job_id;
    struct slice status; /* "ok". */
    uint32_t state;      /* enum job_state that the job moved to. */
};

extern const struct message op_ack_message;
extern const struct message op_ack_reply_message; /* {"status":"ok"}: single ack. */
extern const struct message
    op_ack_item_reply_message; /* {"job_id","status","state"}: items of ack/batch. */

/* fail: reference 3.3, 5.6 and A3. */
struct op_fail {
    struct slice job_id;
    struct slice lease_token;
    bool require_token;     /* As for an ack. */
    struct slice error;     /* Cut at ERROR_TEXT_MAX. */
    struct slice backtrace; /* Cut at BACKTRACE_MAX. */
    bool no_retry;          /* Dead at once. */
    struct slice unsupported;
};

struct op_fail_reply {
    uint32_t status;             /* enum job_state: retrying or dead. */
    uint64_t next_attempt_at;    /* ns; 0 = none. */
    uint32_t attempts_remaining; /* 0 when dead. */
};

extern const struct message op_fail_message;
extern const struct message op_fail_reply_message;

/* heartbeat: reference 3.3 and A3. */
struct op_heartbeat_job {
    struct slice lease_token;
    struct slice progress;   /* JSON or empty. */
    struct slice checkpoint; /* JSON or empty. */
    struct slice unsupported;
};

/* Item of the request's map. */
struct op_heartbeat_item {
    struct slice key; /* Job id. */
    struct op_heartbeat_job job;
};

struct op_heartbeat {
    struct list jobs;   /* struct op_heartbeat_item. */
    bool require_token; /* As for an ack. */
};

struct op_heartbeat_job_reply {
    struct slice status; /* "ok" or "cancel". */
    struct slice
        reason; /* lease_lost, cancelled, held, completed, dead, pending, unknown; empty when ok. */
    uint64_t lease_expires_at; /* ns; 0 when cancel. */
    struct slice worker_id;    /* Who runs it, when ok. For the node alone, as the next. */
    struct slice hostname;
};

/* Item of the reply's map. */
struct op_heartbeat_reply_item {
    struct slice key;
    struct op_heartbeat_job_reply job;
};

struct op_heartbeat_reply {
    struct list jobs;     /* struct op_heartbeat_reply_item, in request order. */
    struct list acked;    /* struct slice: ids with status ok. */
    struct list unknown;  /* Ids that do not exist. */
    struct list canceled; /* The other ids with status cancel. */
};

extern const struct message op_heartbeat_message;
extern const struct message op_heartbeat_reply_message;

/* Operations on one job, which they name. cancel (reference 5.17), retry and delete ask no more. */
struct op_job {
    struct slice job_id;
};

struct op_job_reply {
    struct slice status; /* "cancelled", "retried", "moved" ... */
    uint32_t state;      /* enum job_state, where the status does not tell it; else JOB_NONE. */
};

extern const struct message op_job_message;
extern const struct message op_job_reply_message;

/* move: reference 3.5. The queue is made when it does not exist. */
struct op_move {
    struct slice job_id;
    struct slice queue;
};

extern const struct message op_move_message;

/* priority: changes the place of a job that is not finished. */
enum op_priority_bit { OP_PRIORITY_HAS_PRIORITY = 1 };

struct op_priority {
    uint64_t has;
    struct slice job_id;
    uint32_t priority; /* 0..3; required. */
};

extern const struct message op_priority_message;

/* hold, approve, reject: A9. `by` counts only while nobody is authenticated. */
struct op_hold {
    struct slice job_id;
    struct slice reason;
    struct slice by;
};

struct op_approve {
    struct slice job_id;
    struct slice by;
    struct slice note; /* Kept in the event. */
    struct slice unsupported;
};

struct op_reject {
    struct slice job_id;
    struct slice by;
    struct slice rejected_by; /* The same, by its older name; `by` wins. */
    struct slice reason;
    bool revise;                /* Send it back instead; `feedback` is required then. */
    struct slice feedback;      /* The next four: with revise only. */
    struct slice payload;       /* JSON: instead of the present one. */
    struct slice payload_patch; /* JSON merge patch to it. Not with payload. */
    uint64_t payload_max;       /* The server's --max-payload-size; 0 = no bound. */
};

extern const struct message op_hold_message;
extern const struct message op_approve_message;
extern const struct message op_reject_message;

/* tick: does the work that is due, at most TICK_JOBS_MAX jobs. Submitted by the leader's timer;
 * fill it with core_tick. Due work that is left stays due (core_next_due_ns), so the next tick
 * follows at once. Not allowed in a unit. */
enum op_tick_bit { OP_TICK_HAS_RETENTION = 1, OP_TICK_HAS_EVENTS_MAX, OP_TICK_HAS_KEPT };

struct op_tick {
    uint64_t has;
    uint64_t retention_ms; /* New value of the replicated setting; 0 = for ever. */
    uint64_t events_max;   /* Likewise; 0 = store none. */
    struct kept_limits kept;
};

struct op_tick_reply {
    uint32_t promoted;  /* Scheduled and retrying jobs that became pending. */
    uint32_t reclaimed; /* Leases that ran out. */
    uint32_t expired;
    uint32_t purged;
    uint32_t events_cut; /* Event records (one an entry) that were dropped. */
    uint32_t kept_cut;   /* Outcomes of keyed requests that were let go. */
    bool more;           /* The bound was reached. */
    uint32_t swept;      /* Jobs of cleared and destroyed queues whose rows were removed. */
};

extern const struct message op_tick_message;
extern const struct message op_tick_reply_message;

/* What the leader's timer is to submit now. Apply thread. */
void core_tick(const struct core *core, struct op_tick *ret_tick);

/* pause, resume, drain, clear, destroy: reference 3.4 and A10. All but destroy create the queue. */
struct op_queue {
    struct slice queue;
};

struct op_queue_reply {
    struct slice
        status; /* "paused", "resumed", "draining"; "ok" of operations that set something. */
};

struct op_clear_reply {
    struct slice status; /* "cleared". */
    uint64_t cleared;    /* Jobs that were pending, scheduled or retrying. */
};

struct op_destroy_reply {
    struct slice status; /* "deleted". */
    uint64_t deleted;    /* Jobs in any state. */
};

/* throttle and concurrency: reference 3.4, 5.4, 5.5 and A10. unthrottle is struct op_queue. */
struct op_throttle {
    struct slice queue;
    int64_t rate;
    int64_t window_ms;
};

struct op_concurrency {
    struct slice queue;
    int64_t max; /* 0 or less = no limit. */
};

/* queue_retention and queue_lease: A10. */
struct op_queue_retention {
    uint64_t has; /* enum retention_bit, as in a queue's row. */
    struct slice queue;
    struct retention keep;
};

enum op_queue_lease_bit { OP_QUEUE_LEASE_HAS_DEFAULT = 1 };

struct op_queue_lease {
    uint64_t has;
    struct slice queue;
    bool require_token;
    uint64_t default_lease; /* ms. */
};

extern const struct message op_queue_retention_message;
extern const struct message op_queue_lease_message;
extern const struct message op_throttle_message;
extern const struct message op_concurrency_message;
extern const struct message op_queue_message;
extern const struct message op_queue_reply_message;
extern const struct message op_clear_reply_message;
extern const struct message op_destroy_reply_message;

#endif
