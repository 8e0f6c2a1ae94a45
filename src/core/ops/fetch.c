/* fetch: claims ready jobs for a worker, in strict request order (reference 5.3, A3). */
#include "base/limits.h"
#include "core/job_move.h"
#include "core/ops.h"

/* Expired jobs that one claim turns dead on its way: more are left to the tick. */
#define CLAIM_EXPIRED_MAX 64

/* What a delivered job takes in the reply beside its stored bytes. */
#define DELIVERY_SIZE 1024

#define ROW(kind_, tag_, name_)                                                                    \
    .name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct op_fetch, name_)

static const struct field fields[] = {
    {
        ROW(FIELD_TEXT, 1, queues),
        .flags = FIELD_LIST | FIELD_REQUIRED,
        .max = QUEUE_NAME_MAX,
        .count_max = FETCH_QUEUES_MAX,
        .help = "tried in this order",
    },
    {ROW(FIELD_TEXT, 2, worker_id), .max = WORKER_ID_MAX, .help = "who asks"},
    {ROW(FIELD_TEXT, 3, hostname), .max = HOSTNAME_MAX, .help = "where it runs"},
    {
        ROW(FIELD_I32, 4, timeout),
        .min = INT32_MIN,
        .max = LEASE_MS_MAX / 1000,
        .help = "seconds to wait, and of lease unless lease_duration is given",
    },
    {
        ROW(FIELD_I32, 5, lease_duration),
        .min = INT32_MIN,
        .max = LEASE_MS_MAX / 1000,
        .help = "seconds of lease; default 60",
    },
    {ROW(FIELD_I32, 6, count), .help = "most jobs, 1 (default) to 512; fetch/batch only"},
    {
        ROW(FIELD_I32, 0, wait_ms),
        .bit = OP_FETCH_HAS_WAIT_MS,
        .min = 0,
        .max = POLL_MS_MAX,
        .help = "longest wait for a job",
    },
};

#undef ROW

const struct message op_fetch_message = {
    .name = "OpFetch",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_fetch),
    .has_offset = offsetof(struct op_fetch, has),
};

#define ROW(kind_, tag_, name_, help_)                                                             \
    .name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct op_fetch_job, name_),    \
    .help = help_

static const struct field job_fields[] = {
    {ROW(FIELD_TEXT, 1, job_id, "the job"), .flags = FIELD_ALWAYS},
    {ROW(FIELD_TEXT, 2, queue, "its queue"), .flags = FIELD_ALWAYS},
    {ROW(FIELD_JSON, 3, payload, "what to work on"), .flags = FIELD_ALWAYS},
    {ROW(FIELD_U32, 4, attempt, "1 for the first delivery"), .flags = FIELD_ALWAYS},
    {ROW(FIELD_I32, 5, max_retries, "attempts in all"), .flags = FIELD_ALWAYS},
    {ROW(FIELD_U32, 6, lease_duration, "seconds"), .flags = FIELD_ALWAYS},
    {ROW(FIELD_JSON, 7, checkpoint, "the last one saved")},
    {ROW(FIELD_JSON, 8, tags, "as enqueued")},
    {ROW(FIELD_TEXT, 9, lease_token, "send it back with ack, fail and heartbeat")},
    {ROW(FIELD_TIME, 10, lease_expires_at, "heartbeat before then")},
    {ROW(FIELD_TEXT, 11, traceparent, "W3C trace context of the enqueue")},
    {
        ROW(FIELD_MESSAGE, 12, feedback, "of whoever sent it back"),
        .sub = &job_feedback_message,
    },
    {ROW(FIELD_U32, 13, revision, "how often it was sent back with feedback")},
};

#undef ROW

const struct message op_fetch_job_message = {
    .name = "OpFetchJob",
    .fields = job_fields,
    .field_count = ARRAY_COUNT(job_fields),
    .size = sizeof(struct op_fetch_job),
};

static const struct field reply_fields[] = {
    {
        .name = "jobs",
        .kind = FIELD_MESSAGE,
        .flags = FIELD_LIST | FIELD_ALWAYS,
        .tag = 1,
        .offset = offsetof(struct op_fetch_reply, jobs),
        .sub = &op_fetch_job_message,
        .help = "the claimed jobs; empty when there are none",
    },
};

const struct message op_fetch_reply_message = {
    .name = "OpFetchReply",
    .fields = reply_fields,
    .field_count = ARRAY_COUNT(reply_fields),
    .size = sizeof(struct op_fetch_reply),
};

/* A claim under way. */
struct claim {
    const struct op_fetch *op;
    uint64_t lease_ms; /* 0 = it is the queue's to say. */
    uint32_t count_max;
    uint32_t expired_left;
    struct op_fetch_job *jobs;
    uint32_t count;
};

static uint64_t lease_ms_of(const struct op_fetch *op)
{
    if (op->lease_duration > 0) {
        return (uint64_t)op->lease_duration * 1000;
    }
    return op->timeout > 0 ? (uint64_t)op->timeout * 1000 : 0;
}

static uint64_t lease_ms_in(const struct claim *claim, const struct queue *queue)
{
    if (claim->lease_ms) {
        return claim->lease_ms;
    }
    return queue->row.default_lease_ms ? queue->row.default_lease_ms : LEASE_MS_DEFAULT;
}

/* How many jobs can be delivered at most: bounds the reply's list. A rate limit looks at the time,
 * so its queue is touched. */
static uint32_t count_ready(struct tx *tx, const struct op_fetch *op, uint32_t count_max)
{
    const struct slice *names = op->queues.items;
    uint64_t ready = 0;

    for (uint32_t i = 0; i < op->queues.count; i++) {
        struct queue *queue = index_queue_find(tx->index, names[i]);

        if (queue && queue->row.rate_limit) {
            index_touch(tx->index, queue);
        }
        ready += queue ? queue_ready(queue) : 0;
    }
    return ready < count_max ? (uint32_t)ready : count_max;
}

/* The stored parts of a delivery. They are only for the reply, so nobody reads them where there is
 * none. */
static void read_parts(struct tx *tx, const struct job *job, struct op_fetch_job *ret_job)
{
    struct row_key key = job_row_key(job->key);
    struct job_more more;
    struct slice stored;

    if (!tx->want_replies) {
        return;
    }
    ret_job->payload = job->payload_hash ? tx_get(tx, TABLE_PAYLOAD, &key) : slice_text("{}");
    if (!ret_job->payload.data) {
        (void)tx_fail(tx, ERR_CORRUPT, "a job's payload is missing");
    }
    job_more_load(tx, job, &more, &stored);
    ret_job->checkpoint = more.checkpoint;
    ret_job->tags = more.tags;
    ret_job->traceparent = more.traceparent;
    if (more.feedback_at) {
        struct job_feedback *feedback = tx_array(tx, 1, sizeof(*feedback));

        if (feedback) {
            *feedback = job_feedback_of(job, &more);
            ret_job->feedback = feedback;
        }
    }
}

static void deliver(struct tx *tx, struct claim *claim, struct queue *queue, struct job *job)
{
    struct op_fetch_job *reply = &claim->jobs[claim->count++];

    job->attempt++;
    job->epoch++;
    job->lease_ms = lease_ms_in(claim, queue);
    job_move(tx, job, JOB_ACTIVE, EVENT_STARTED);
    job->lease_at = tx_after(tx, job->lease_ms);
    job->started_at = tx->now_ns;
    job->worker_id = claim->op->worker_id;
    job->hostname = claim->op->hostname;
    job_save(tx, job, JOB_PENDING);
    if (queue->row.rate_limit) {
        tx_queue_claim(tx, queue);
    }
    *reply = (struct op_fetch_job){
        .job_id = tx_job_id(tx, job->key),
        .queue = queue->row.name,
        .attempt = job->attempt,
        .max_retries = job->max_retries,
        .lease_duration = (uint32_t)(job->lease_ms / 1000),
        .lease_token = lease_token_text(job->key, job->epoch, tx->arena),
        .lease_expires_at = job->lease_at,
        .priority = job->priority,
        .revision = job->revision,
        .ready_at = job->ready_at,
    };
    read_parts(tx, job, reply);
}

/* Takes the queue's first ready job: delivers it, or turns it dead when it is expired. False when
 * the claim must stop at this queue. */
static bool take_first(struct tx *tx, struct claim *claim, struct queue *queue)
{
    const struct index_job *first = index_first_ready(tx->index, queue);
    struct job job;

    if (!first || !job_load_live(tx, first, &job)) {
        return false;
    }
    if (job_is_expired(&job, tx->now_ns)) {
        if (claim->expired_left == 0 || !job_expire(tx, &job)) {
            return false;
        }
        claim->expired_left--;
        job_save(tx, &job, JOB_PENDING);
        return true;
    }
    if (!tx_reserve(tx, (size_t)job.payload_size + job.more_size + DELIVERY_SIZE)) {
        index_touch(tx->index, queue);
        queue->cut = true;
        return false;
    }
    deliver(tx, claim, queue, &job);
    return true;
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_fetch *op = request;
    struct op_fetch_reply *reply = ret_reply;
    uint32_t wanted = op->count > 1 ? (uint32_t)op->count : 1;
    const struct slice *names = op->queues.items;
    struct claim claim = {.op = op, .lease_ms = lease_ms_of(op)};

    claim.expired_left = CLAIM_EXPIRED_MAX;
    claim.count_max = count_ready(tx, op, wanted < FETCH_COUNT_MAX ? wanted : FETCH_COUNT_MAX);
    if (claim.count_max == 0) {
        return ERR_NONE;
    }
    claim.jobs = tx_array(tx, claim.count_max, sizeof(*claim.jobs));
    if (!claim.jobs) {
        return err_set(err, ERR_NOMEM, "no memory");
    }
    for (uint32_t i = 0; i < op->queues.count; i++) {
        struct queue *queue = index_queue_find(tx->index, names[i]);

        while (queue && queue_room(queue) > 0 && claim.count < claim.count_max &&
               take_first(tx, &claim, queue)) {
        }
    }
    reply->jobs = (struct list){.items = claim.jobs, .count = claim.count};
    return ERR_NONE;
}

const struct op_spec op_fetch_spec = {
    .code = OP_FETCH,
    .name = "fetch",
    .request = &op_fetch_message,
    .reply = &op_fetch_reply_message,
    .apply = apply,
    .help = "claims jobs for a worker",
};
