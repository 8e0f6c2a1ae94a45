/* enqueue: a new job, pending or scheduled (reference 5.1, A5). */
#include "base/limits.h"
#include "base/reply.h"
#include "core/job_move.h"
#include "core/ops.h"
#include "core/queue.h"
#include "core/tags.h"
#include "core/unique.h"

#define MAX_RETRIES_DEFAULT 3
#define BASE_DELAY_MS_DEFAULT 5000
#define MAX_DELAY_MS_DEFAULT 600000
#define TAGS_SIZE_MAX (64 * KIB)
#define UNIQUE_PERIOD_MS_DEFAULT (UINT64_C(3600) * 1000)

#define ROW(kind_, tag_, name_)                                                                    \
    .name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct op_enqueue, name_)
#define LATER(name_)                                                                               \
    {.name = name_,                                                                                \
     .kind = FIELD_JSON,                                                                           \
     .flags = FIELD_UNSUPPORTED,                                                                   \
     .offset = offsetof(struct op_enqueue, unsupported),                                           \
     .help = "not supported yet"}

static const struct field fields[] = {
    {
        ROW(FIELD_TEXT, 1, queue),
        .flags = FIELD_REQUIRED,
        .max = QUEUE_NAME_MAX,
        .help = "the queue; made when it does not exist",
    },
    {ROW(FIELD_JSON, 2, payload), .help = "what the worker is given; default {}"},
    {
        ROW(FIELD_ENUM_NUMBER, 3, priority),
        .bit = OP_ENQUEUE_HAS_PRIORITY,
        .words = &job_priority_words,
        .help = "critical, high, normal (default), low, or 0 to 3",
    },
    {
        ROW(FIELD_I32, 4, max_retries),
        .bit = OP_ENQUEUE_HAS_MAX_RETRIES,
        .help = "attempts in all; default 3",
    },
    {
        ROW(FIELD_ENUM, 5, retry_backoff),
        .bit = OP_ENQUEUE_HAS_RETRY_BACKOFF,
        .words = &job_backoff_words,
        .help = "none, fixed, linear, exponential (default)",
    },
    {
        ROW(FIELD_DURATION, 6, retry_base_delay),
        .bit = OP_ENQUEUE_HAS_RETRY_BASE_DELAY,
        .help = "first delay; default 5s",
    },
    {
        ROW(FIELD_DURATION, 7, retry_max_delay),
        .bit = OP_ENQUEUE_HAS_RETRY_MAX_DELAY,
        .help = "longest delay, 0 = no bound; default 10m",
    },
    {
        ROW(FIELD_TIME, 8, scheduled_at),
        .bit = OP_ENQUEUE_HAS_SCHEDULED_AT,
        .help = "when it becomes pending; not with delay",
    },
    {
        ROW(FIELD_DURATION, 9, delay),
        .bit = OP_ENQUEUE_HAS_DELAY,
        .help = "the same as a duration from now",
    },
    {ROW(FIELD_DURATION, 10, expire_after), .help = "given up when not done by then; 0 = never"},
    {
        ROW(FIELD_JSON, 11, tags),
        .max = TAGS_SIZE_MAX,
        .help = "an object of up to 32 strings, numbers, booleans, or any JSON",
    },
    {
        ROW(FIELD_JSON, 12, checkpoint),
        .max = CHECKPOINT_MAX,
        .help = "given to the first fetch",
    },
    {
        ROW(FIELD_TEXT, 13, unique_key),
        .max = UNIQUE_KEY_MAX,
        .help = "no job is made while another one of the queue holds this key",
    },
    {
        ROW(FIELD_DURATION, 14, unique_period),
        .flags = FIELD_LENIENT,
        .help = "how long the key is held at most, also in whole seconds; 0 = none was given",
    },
    {
        ROW(FIELD_ENUM, 15, unique_until),
        .bit = OP_ENQUEUE_HAS_UNIQUE_UNTIL,
        .words = &unique_until_words,
        .help = "when it is let go of: started, completed (default), or period (default with a "
                "unique_period; else of 1h), which outlives completion",
    },
    {
        ROW(FIELD_DURATION, 16, retention),
        .bit = OP_ENQUEUE_HAS_RETENTION,
        .help = "how long it is kept when it has ended, instead of its queue's; 0s = not at all",
    },
    LATER("depends_on"),
    LATER("on_dependency_failure"),
    LATER("chain"),
    LATER("chain_id"),
    LATER("chain_step"),
    LATER("chain_config"),
    LATER("agent"),
    LATER("parent_id"),
    LATER("batch"),
    LATER("fair_key"),
    LATER("fair_weight"),
};

#undef LATER
#undef ROW

const struct message op_enqueue_message = {
    .name = "OpEnqueue",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_enqueue),
    .has_offset = offsetof(struct op_enqueue, has),
};

static const char *const status_names[] = {
    [ENQUEUE_PENDING] = "pending",
    [ENQUEUE_SCHEDULED] = "scheduled",
    [ENQUEUE_DUPLICATE] = "duplicate",
};

static const struct words status_words = {.names = status_names,
                                          .count = ARRAY_COUNT(status_names)};

#define ROW(kind_, tag_, name_)                                                                    \
    .name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct op_enqueue_reply, name_)

static const struct field reply_fields[] = {
    {ROW(FIELD_TEXT, 1, job_id), .flags = FIELD_ALWAYS, .help = "the new job"},
    {
        ROW(FIELD_ENUM, 2, status),
        .flags = FIELD_ALWAYS,
        .words = &status_words,
        .help = "pending or scheduled; duplicate: there is a job with the key, and no other",
    },
    {
        ROW(FIELD_BOOL, 3, unique_existing),
        .flags = FIELD_ALWAYS,
        .help = "a job with the same unique key existed",
    },
    {
        ROW(FIELD_ENUM, 4, state),
        .words = &job_state_words,
        .help = "of that job, as the next two",
    },
    {ROW(FIELD_JSON, 5, result), .help = "when it is completed"},
    {ROW(FIELD_TIME, 6, completed_at), .help = "when it was completed"},
};

#undef ROW

const struct message op_enqueue_reply_message = {
    .name = "OpEnqueueReply",
    .fields = reply_fields,
    .field_count = ARRAY_COUNT(reply_fields),
    .size = sizeof(struct op_enqueue_reply),
};

static bool has(const struct op_enqueue *op, enum op_enqueue_bit bit)
{
    return (op->has >> (bit - 1)) & 1;
}

static enum err_code check(struct tx *tx, const struct op_enqueue *op, struct err *err)
{
    if (queue_name_check(op->queue, err) != ERR_NONE) {
        return err->code;
    }
    if (op->priority >= JOB_PRIORITY_COUNT || op->retry_backoff >= JOB_BACKOFF_COUNT) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "priority or retry_backoff is not known");
    }
    if (has(op, OP_ENQUEUE_HAS_SCHEDULED_AT) && has(op, OP_ENQUEUE_HAS_DELAY)) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "scheduled_at and delay exclude each other");
    }
    if (has(op, OP_ENQUEUE_HAS_UNIQUE_UNTIL) &&
        (op->unique_key.size == 0 || op->unique_until == UNIQUE_NONE ||
         op->unique_until >= UNIQUE_COUNT)) {
        return err_reply(err, REPLY_VALIDATION_ERROR,
                         "unique_until needs a unique_key, and is started, completed or period");
    }
    if (tags_check(op->tags, tx->arena, err) == ERR_NOMEM) {
        return tx_fail(tx, ERR_NOMEM, err->text);
    }
    return err->code;
}

static uint64_t or_default(const struct op_enqueue *op, enum op_enqueue_bit bit, uint64_t value,
                           uint64_t value_default)
{
    return has(op, bit) ? value : value_default;
}

/* A period alone, as older clients may send it, has no meaning. */
static struct job_unique make_unique(const struct op_enqueue *op)
{
    struct job_unique unique = {
        .key = op->unique_key,
        .until = op->unique_period ? UNIQUE_PERIOD : UNIQUE_COMPLETED,
        .period_ms = op->unique_period,
    };

    if (op->unique_key.size == 0) {
        return (struct job_unique){0};
    }
    if (has(op, OP_ENQUEUE_HAS_UNIQUE_UNTIL)) {
        unique.until = op->unique_until;
    }
    if (unique.until == UNIQUE_PERIOD && unique.period_ms == 0) {
        unique.period_ms = UNIQUE_PERIOD_MS_DEFAULT;
    }
    return unique;
}

/* A job as the request describes it, in no state yet. */
static struct job make_job(const struct tx *tx, const struct op_enqueue *op)
{
    struct job job = {
        .key = {tx->now_ns, tx->meta->job_seq},
        .priority = (uint32_t)or_default(op, OP_ENQUEUE_HAS_PRIORITY, op->priority, JOB_NORMAL),
        .backoff = (uint32_t)or_default(op, OP_ENQUEUE_HAS_RETRY_BACKOFF, op->retry_backoff,
                                        JOB_BACKOFF_EXPONENTIAL),
        .max_retries = has(op, OP_ENQUEUE_HAS_MAX_RETRIES) ? op->max_retries : MAX_RETRIES_DEFAULT,
        .base_delay_ms = or_default(op, OP_ENQUEUE_HAS_RETRY_BASE_DELAY, op->retry_base_delay,
                                    BASE_DELAY_MS_DEFAULT),
        .max_delay_ms = or_default(op, OP_ENQUEUE_HAS_RETRY_MAX_DELAY, op->retry_max_delay,
                                   MAX_DELAY_MS_DEFAULT),
        .unique = make_unique(op),
        .own_retention = has(op, OP_ENQUEUE_HAS_RETENTION),
        .retention_ms = or_default(op, OP_ENQUEUE_HAS_RETENTION, op->retention, 0),
    };

    if (op->expire_after) {
        job.expire_at = tx_after(tx, op->expire_after);
    }
    return job;
}

static void store_more(struct tx *tx, struct job *job, const struct op_enqueue *op)
{
    struct job_more more = {
        .tags = op->tags,
        .checkpoint = op->checkpoint,
        .traceparent = tx->head->traceparent,
    };

    if (more.tags.size || more.checkpoint.size || more.traceparent.size) {
        job_more_save(tx, job, &more, slice_of(NULL, 0));
    }
}

static void start(struct tx *tx, struct job *job, const struct op_enqueue *op)
{
    if (has(op, OP_ENQUEUE_HAS_SCHEDULED_AT) || has(op, OP_ENQUEUE_HAS_DELAY)) {
        job_move(tx, job, JOB_SCHEDULED, EVENT_ENQUEUED);
        job->run_at = has(op, OP_ENQUEUE_HAS_DELAY) ? tx_after(tx, op->delay) : op->scheduled_at;
        job->run_at = job->run_at ? job->run_at : 1; /* 0 would mean never. */
    } else {
        job_move(tx, job, JOB_PENDING, EVENT_ENQUEUED);
    }
}

/* The result as a completed job shows it: of its last ack that had one. Many may ask for it, so it
 * is bounded like anything else that an entry reads. */
static enum err_code read_result(struct tx *tx, const struct job *job, struct slice *ret_result,
                                 struct err *err)
{
    struct job_more more;
    struct slice stored;

    if (!tx_reserve(tx, job->result.size ? job->result.size : job->more_size)) {
        return tx_busy(err);
    }
    if (job->result.size == 0) {
        job_more_load(tx, job, &more, &stored);
        *ret_result = more.result;
    } else if (!arena_copy(tx->arena, job->result, ret_result)) {
        return tx_fail(tx, ERR_NOMEM, "the entry needs more memory than an entry may use");
    }
    return ERR_NONE;
}

static enum err_code answer_duplicate(struct tx *tx, const struct op_enqueue *op,
                                      const struct job *holder, struct op_enqueue_reply *reply,
                                      struct err *err)
{
    if (!slice_equal(holder->unique.key, op->unique_key)) {
        return err_reply(err, REPLY_VALIDATION_ERROR,
                         "unique_key has the same hash as another one of the queue");
    }
    if (holder->state == JOB_COMPLETED &&
        read_result(tx, holder, &reply->result, err) != ERR_NONE) {
        return err->code;
    }
    reply->job_id = tx_job_id(tx, holder->key);
    reply->status = ENQUEUE_DUPLICATE;
    reply->unique_existing = true;
    reply->state = holder->state;
    reply->completed_at = holder->completed_at;
    return ERR_NONE;
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_enqueue *op = request;
    struct op_enqueue_reply *reply = ret_reply;
    struct queue *queue;
    struct job job;

    if (check(tx, op, err) != ERR_NONE) {
        return err->code;
    }
    queue = op->unique_key.size ? index_queue_find(tx->index, op->queue) : NULL;
    if (queue && unique_find(tx, queue->number, op->unique_key, &job)) {
        return answer_duplicate(tx, op, &job, reply, err);
    }
    queue = tx_queue(tx, op->queue);
    if (!queue) {
        return err_set(err, ERR_NOMEM, "no memory");
    }
    tx->meta->job_seq++;
    job = make_job(tx, op);
    job.queue = queue->number;
    job_payload_save(tx, &job, op->payload, slice_of(NULL, 0));
    store_more(tx, &job, op);
    tx_queue_edit(tx, queue);
    queue->row.enqueued_total++;
    start(tx, &job, op);
    job_save(tx, &job, JOB_NONE);
    reply->job_id = tx_job_id(tx, job.key);
    reply->status = job.state;
    return ERR_NONE;
}

const struct op_spec op_enqueue_spec = {
    .code = OP_ENQUEUE,
    .name = "enqueue",
    .request = &op_enqueue_message,
    .reply = &op_enqueue_reply_message,
    .apply = apply,
    .help = "puts a job into a queue",
};
