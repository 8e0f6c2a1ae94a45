/* The deterministic state machine: entries in, rows and replies out.
 *
 * Same state and same entry give the same bytes, on every machine. An operation is one file in
 * core/ops/, one row in core/ops.c; nothing else decides what it means. Everything here runs on the
 * apply thread. */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "core/kv.h"
#include "wire/field.h"

struct core;
struct tx;

/* Precedes every operation in an entry. */
struct op_head {
    struct slice namespace;   /* Empty = default. */
    struct slice principal;   /* Who asked; empty while there is no authentication. */
    struct slice source;      /* Peer address. */
    struct slice idempotency; /* Hash of the key and its scope (A4); empty = none. */
    struct slice traceparent; /* W3C; empty = none. */
    uint32_t
        unit; /* Operations of an entry with the same non-zero unit succeed or fail together. */
    struct slice fingerprint; /* With a key: hash of the whole request. */
    uint32_t call; /* With a key: operations of an entry with the same number are one request. */
    bool list;     /* With a key: each operation stands alone, and the request succeeds anyhow. */
};

/* What an operation is. Codes are never reused. */
struct op_spec {
    uint32_t code;
    const char *name;              /* "ack". */
    const struct message *request; /* Its struct: fields, REST names, protobuf tags. */
    const struct message *reply;   /* What it answers. */
    /* Checks first, writes after. `reply` is zeroed memory of the reply's size in the entry's
     * arena. An error here is the operation's answer; what must stop the replica goes through
     * tx_fail. */
    enum err_code (*apply)(struct tx *tx, const void *request, void *ret_reply, struct err *err);
    const char *help;
    const struct message *kept; /* What a keyed request keeps of the reply; NULL = as `reply`. */
};

/* The message in which a reply is kept, over the struct of spec->reply. Any thread. */
static inline const struct message *op_spec_kept(const struct op_spec *spec)
{
    return spec->kept ? spec->kept : spec->reply;
}

/* The row of an operation code or name; NULL when there is none. Any thread. */
const struct op_spec *op_find(uint32_t code);
const struct op_spec *op_find_name(const char *name);
/* All rows, for generators and tests. */
const struct op_spec *const *op_all(uint32_t *ret_count);

/* The tables that core keeps its rows in: hand them to the store. */
const struct kv_table *core_tables(uint32_t *ret_count);

/* An entry: what one turn of the loop submits. Built by appending operations, then sealed with the
 * time, which takes ENTRY_TRAILER_SIZE bytes. */
#define ENTRY_TRAILER_SIZE 24
struct buf;
bool entry_add(struct buf *buf, const struct op_spec *spec, const struct op_head *head,
               const void *request);
bool entry_seal(struct buf *buf, uint64_t now_ns, uint64_t seed);

struct op_result {
    const struct op_spec *spec;
    struct err err;    /* code ERR_NONE: done. err.reply is the contract's word. */
    const void *reply; /* spec->reply's struct, valid until the arena is cleared. NULL on error. */
    bool of_unit;      /* err is that of another operation of its unit, which took this one back. */
    bool of_call;      /* err is that of the keyed request as a whole: nothing was done. */
    bool again;        /* Nothing was done: this is the first outcome of the keyed request. */
};

/* A queue that can deliver now and could not, or has more than it had, because of this entry. */
struct core_woken {
    struct slice queue; /* Valid until the next apply. */
};

/* What the entry added to a queue's totals; only of queues where it added something. */
struct core_grown {
    uint32_t queue; /* Its number. */
    uint64_t enqueued;
    uint64_t completed;
    uint64_t failed; /* Attempts. */
};

struct core_applied {
    struct op_result *results; /* One for each operation, in order. */
    uint32_t count;
    struct core_woken *woken;
    uint32_t woken_count;
    struct core_grown *grown; /* Valid until the next apply. */
    uint32_t grown_count;
};

/* How long and how many outcomes of keyed requests are kept (A4). 0 = the default. */
struct kept_limits {
    uint64_t ttl_ms;     /* After that they are let go. */
    uint64_t min_ttl_ms; /* Before that they are never. */
    uint64_t max;        /* Records. */
};

struct core_options {
    uint64_t retention_ms; /* Of terminal jobs; 0 = for ever. */
    uint64_t events_max;   /* Events kept; 0 = store none. */
    struct kept_limits kept;
};

/* A core over the rows of `kv`, its indexes built by one scan of the live rows (jobs that are not
 * terminal, queues, meta). `mark` is where the rows stand. ERR_CORRUPT: a row does not decode or an
 * index does not fit; ERR_NOMEM, ERR_IO. */
enum err_code core_open(struct kv *kv, const struct kv_mark *mark,
                        const struct core_options *options, struct core **ret_core,
                        struct err *err) MUST_USE;
void core_close(struct core *core);

/* Other options from now on: the replicated settings follow with the next tick. */
void core_set_options(struct core *core, const struct core_options *options);

/* Applies one entry and commits it to the kv. `bytes` and `arena` must live as long as the results
 * are used. An error means that this replica must stop (ERR_CORRUPT, ERR_NOMEM, ERR_IO): it is
 * never an operation's own failure. Empty bytes are a barrier. */
enum err_code core_apply(struct core *core, uint64_t index, uint64_t term, struct slice bytes,
                         struct arena *arena, struct core_applied *ret_applied,
                         struct err *err) MUST_USE;

/* False where nobody reads replies (replay, followers): claims then do not read payloads for them.
 * Default true. */
void core_want_replies(struct core *core, bool wanted);

/* The mark of the last applied entry, with the state hash. */
struct kv_mark core_mark(const struct core *core);

/* now_ns of the last applied entry: the next one must not be smaller. */
uint64_t core_now_ns(const struct core *core);

/* The instant of the earliest due work (promotion, retry, lease, expiry); UINT64_MAX when there is
 * none. */
uint64_t core_next_due_ns(const struct core *core);

/* How many jobs of a queue can be handed out now (0: none, paused, or no such queue). Never reads
 * the store. */
uint64_t core_ready_count(const struct core *core, struct slice queue);

/* The number of a queue, which it keeps; 0 = there is no such queue. And how many of its jobs are
 * active. */
uint32_t core_queue_number(const struct core *core, struct slice queue);
uint64_t core_active_count(const struct core *core, struct slice queue);

/* True while the job of that key is active. Never reads the store. */
bool core_is_active(const struct core *core, uint64_t time_ns, uint64_t seq);

/* How many jobs are live (not terminal) and their counts. */
uint64_t core_live_count(const struct core *core);

struct core_kept_stats {
    uint64_t records; /* Outcomes of keyed requests that are kept. */
    uint64_t evicted; /* Ever, before their time was over. */
};
struct core_kept_stats core_kept_stats(const struct core *core);

/* Reads for GET: full job object (core/job.h: struct job_object and job_object_message) and queue
 * objects. */
struct job_object;
struct queue_object;
extern const struct message job_object_message;   /* Reference 2.1. */
extern const struct message queue_object_message; /* Reference 2.5 and A10. */

/* The job as the API shows it, in the arena. ERR_NOT_FOUND (also for an id that does not parse).
 * Others stop the replica. */
enum err_code core_job_get(struct core *core, struct slice job_id, struct arena *arena,
                           struct job_object **ret_job, struct err *err) MUST_USE;

/* Its attempts (core/job.h: struct job_attempts and job_attempts_message). Errors as core_job_get.
 */
struct job_attempts;
enum err_code core_attempts_get(struct core *core, struct slice job_id, struct arena *arena,
                                struct job_attempts **ret_attempts, struct err *err) MUST_USE;

/* All queues by name as a struct list of queue_object, in the arena. now_ns for ages. */
enum err_code core_queues_get(struct core *core, uint64_t now_ns, struct arena *arena,
                              struct list *ret_queues, struct err *err) MUST_USE;

/* One queue. ERR_NOT_FOUND: it does not exist, or was destroyed. */
enum err_code core_queue_get(struct core *core, struct slice name, uint64_t now_ns,
                             struct arena *arena, struct queue_object *ret_queue,
                             struct err *err) MUST_USE;

/* Rebuilds the indexes from rows aside and compares them with the live ones: ERR_CORRUPT names the
 * first difference. For tests and verify. */
enum err_code core_check(struct core *core, struct err *err) MUST_USE;

/* Recomputes the state hash by scanning every row. For tests and verify. */
enum err_code core_hash_scan(struct core *core, uint64_t *ret_hash, struct err *err) MUST_USE;

#endif
