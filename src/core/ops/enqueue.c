/* enqueue: a new job, pending or scheduled (reference 5.1, A5). */
#include "base/limits.h"
#include "base/reply.h"
#include "core/job_move.h"
#include "core/ops.h"
#include "core/queue.h"
#include "core/tags.h"

#define MAX_RETRIES_DEFAULT 3
#define BASE_DELAY_MS_DEFAULT 5000
#define MAX_DELAY_MS_DEFAULT 600000
#define TAGS_SIZE_MAX (64 * KIB)

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
    LATER("unique_key"),
    LATER("unique_period"),
    LATER("unique_until"),
    LATER("depends_on"),
    LATER("on_dependency_failure"),
    LATER("chain"),
    LATER("chain_id"),
    LATER("chain_step"),
    LATER("chain_config"),
    LATER("agent"),
    LATER("parent_id"),
    LATER("batch"),
    LATER("retention"),
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

#define ROW(kind_, tag_, name_)                                                                    \
    .name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct op_enqueue_reply, name_)

static const struct field reply_fields[] = {
    {ROW(FIELD_TEXT, 1, job_id), .flags = FIELD_ALWAYS, .help = "the new job"},
    {
        ROW(FIELD_ENUM, 2, status),
        .flags = FIELD_ALWAYS,
        .words = &job_state_words,
        .help = "pending or scheduled",
    },
    {
        ROW(FIELD_BOOL, 3, unique_existing),
        .flags = FIELD_ALWAYS,
        .help = "a job with the same unique key existed",
    },
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

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_enqueue *op = request;
    struct op_enqueue_reply *reply = ret_reply;
    struct queue *queue;
    struct job job;

    if (check(tx, op, err) != ERR_NONE) {
        return err->code;
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
