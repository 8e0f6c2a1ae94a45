/* heartbeat: workers say that they are still at it, and learn what to drop (reference 3.3, A3). */
#include "base/limits.h"
#include "core/lease.h"
#include "core/ops.h"

#define ROW(kind_, tag_, name_, help_)                                                             \
    .name = #name_, .kind = kind_, .tag = tag_,                                                    \
    .offset = offsetof(struct op_heartbeat_job, name_), .help = help_

static const struct field job_fields[] = {
    {ROW(FIELD_TEXT, 1, lease_token, "of the delivery"), .max = LEASE_TOKEN_MAX},
    {ROW(FIELD_JSON, 2, progress, "shown with the job"), .max = PROGRESS_MAX},
    {ROW(FIELD_JSON, 3, checkpoint, "given to the next delivery"), .max = CHECKPOINT_MAX},
    {
        .name = "usage",
        .kind = FIELD_JSON,
        .flags = FIELD_UNSUPPORTED,
        .offset = offsetof(struct op_heartbeat_job, unsupported),
        .help = "not supported yet",
    },
    {
        .name = "stream_delta",
        .kind = FIELD_TEXT,
        .flags = FIELD_IGNORED,
        .offset = offsetof(struct op_heartbeat_job, unsupported),
        .help = "accepted, not kept",
    },
};

#undef ROW

static const struct message job_message = {
    .name = "OpHeartbeatJob",
    .fields = job_fields,
    .field_count = ARRAY_COUNT(job_fields),
    .size = sizeof(struct op_heartbeat_job),
    .item_size = sizeof(struct op_heartbeat_item),
};

static const struct field fields[] = {
    {
        .name = "jobs",
        .kind = FIELD_MAP,
        .tag = 1,
        .offset = offsetof(struct op_heartbeat, jobs),
        .max = JOB_ID_MAX,
        .count_max = HEARTBEAT_JOBS_MAX,
        .value_offset = offsetof(struct op_heartbeat_item, job),
        .sub = &job_message,
        .help = "the jobs that are being run, by id",
    },
    {
        .name = "require_token",
        .kind = FIELD_BOOL,
        .flags = FIELD_INNER,
        .tag = 30,
        .offset = offsetof(struct op_heartbeat, require_token),
        .help = "a token is required whatever the queue says",
    },
};

const struct message op_heartbeat_message = {
    .name = "OpHeartbeat",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_heartbeat),
};

#define ROW(kind_, tag_, name_, help_)                                                             \
    .name = #name_, .kind = kind_, .tag = tag_,                                                    \
    .offset = offsetof(struct op_heartbeat_job_reply, name_), .help = help_

static const struct field job_reply_fields[] = {
    {ROW(FIELD_TEXT, 1, status, "ok, or cancel: drop the work"), .flags = FIELD_ALWAYS},
    {ROW(FIELD_TEXT, 2, reason, "why to drop it")},
    {ROW(FIELD_TIME, 3, lease_expires_at, "heartbeat again before then")},
};

#undef ROW

static const struct message job_reply_message = {
    .name = "OpHeartbeatJobReply",
    .fields = job_reply_fields,
    .field_count = ARRAY_COUNT(job_reply_fields),
    .size = sizeof(struct op_heartbeat_job_reply),
    .item_size = sizeof(struct op_heartbeat_reply_item),
};

#define ROW(tag_, name_, help_)                                                                    \
    .name = #name_, .tag = tag_, .offset = offsetof(struct op_heartbeat_reply, name_), .help = help_

static const struct field reply_fields[] = {
    {
        ROW(1, jobs, "what each job is to do"),
        .kind = FIELD_MAP,
        .flags = FIELD_ALWAYS,
        .value_offset = offsetof(struct op_heartbeat_reply_item, job),
        .sub = &job_reply_message,
    },
    {ROW(2, acked, "ids to go on with"), .kind = FIELD_TEXT, .flags = FIELD_LIST | FIELD_ALWAYS},
    {ROW(3, unknown, "ids that do not exist"), .kind = FIELD_TEXT,
     .flags = FIELD_LIST | FIELD_ALWAYS},
    {ROW(4, canceled, "ids to drop"), .kind = FIELD_TEXT, .flags = FIELD_LIST | FIELD_ALWAYS},
};

#undef ROW

const struct message op_heartbeat_reply_message = {
    .name = "OpHeartbeatReply",
    .fields = reply_fields,
    .field_count = ARRAY_COUNT(reply_fields),
    .size = sizeof(struct op_heartbeat_reply),
};

static const char *const reasons[JOB_STATE_COUNT] = {
    [JOB_NONE] = "unknown",        [JOB_PENDING] = "pending",  [JOB_SCHEDULED] = "pending",
    [JOB_ACTIVE] = "lease_lost",   [JOB_RETRYING] = "pending", [JOB_HELD] = "held",
    [JOB_COMPLETED] = "completed", [JOB_DEAD] = "dead",        [JOB_CANCELLED] = "cancelled",
};

/* A heartbeat's token: sent or not, and what it names. */
struct beat_token {
    bool sent;
    bool required;
    struct job_key key;
    uint32_t epoch;
};

/* Without a token, whoever beats is taken for the one that runs the job: where that is not enough,
 * it is taken for one that lost its lease. */
static bool is_current(const struct tx *tx, const struct job *job, const struct beat_token *token)
{
    if (job->state != JOB_ACTIVE) {
        return false;
    }
    if (!token->sent) {
        return !lease_token_required(tx, job, token->required);
    }
    return token->epoch == job->epoch && token->key.seq == job->key.seq &&
           token->key.time_ns == job->key.time_ns;
}

/* Keeps what the worker sent. False when the entry has no room for what was kept before. */
static bool store_parts(struct tx *tx, struct job *job, const struct op_heartbeat_job *beat)
{
    struct job_more more;
    struct slice stored;

    if (beat->progress.size == 0 && beat->checkpoint.size == 0) {
        return true;
    }
    if (!tx_reserve(tx, job->more_size)) {
        return false;
    }
    job_more_load(tx, job, &more, &stored);
    if (beat->progress.size) {
        more.progress = beat->progress;
        job_event(tx, job, EVENT_PROGRESS, beat->progress);
    }
    if (beat->checkpoint.size) {
        more.checkpoint = beat->checkpoint;
    }
    job_more_save(tx, job, &more, stored);
    return true;
}

static enum err_code beat(struct tx *tx, const struct op_heartbeat_item *item, bool require_token,
                          struct op_heartbeat_job_reply *ret_reply, enum job_state *ret_state,
                          struct err *err)
{
    struct beat_token token = {.sent = item->job.lease_token.size > 0, .required = require_token};
    struct job_key key;
    struct job job;

    if (token.sent &&
        lease_token_parse(item->job.lease_token, &token.key, &token.epoch, err) != ERR_NONE) {
        return err->code;
    }
    if (!job_id_parse(item->key, &key) || !job_load(tx, key, &job)) {
        job.state = JOB_NONE;
    }
    *ret_state = (enum job_state)job.state;
    if (job.state == JOB_NONE || !is_current(tx, &job, &token)) {
        ret_reply->status = slice_text("cancel");
        ret_reply->reason = slice_text(reasons[job.state]);
        return ERR_NONE;
    }
    if (!store_parts(tx, &job, &item->job)) {
        return tx_busy(err);
    }
    job.lease_at = tx_after(tx, job.lease_ms);
    job_save(tx, &job, JOB_ACTIVE);
    ret_reply->status = slice_text("ok");
    ret_reply->lease_expires_at = job.lease_at;
    ret_reply->worker_id = job.worker_id;
    ret_reply->hostname = job.hostname;
    return ERR_NONE;
}

static void add_id(struct list *list, struct slice id)
{
    ((struct slice *)list->items)[list->count++] = id;
}

/* The lists of the reply with room for all ids. */
static bool make_lists(struct tx *tx, struct op_heartbeat_reply *reply, uint32_t count)
{
    reply->jobs.items = tx_array(tx, count, sizeof(struct op_heartbeat_reply_item));
    reply->acked.items = tx_array(tx, count, sizeof(struct slice));
    reply->unknown.items = tx_array(tx, count, sizeof(struct slice));
    reply->canceled.items = tx_array(tx, count, sizeof(struct slice));
    return !tx_failed(tx);
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_heartbeat *op = request;
    const struct op_heartbeat_item *items = op->jobs.items;
    struct op_heartbeat_reply *reply = ret_reply;

    if (!make_lists(tx, reply, op->jobs.count)) {
        return err_set(err, ERR_NOMEM, "no memory");
    }
    for (uint32_t i = 0; i < op->jobs.count; i++) {
        struct op_heartbeat_reply_item *answers = reply->jobs.items;
        struct op_heartbeat_reply_item *answer = &answers[reply->jobs.count++];
        enum job_state state;

        answer->key = items[i].key;
        if (beat(tx, &items[i], op->require_token, &answer->job, &state, err) != ERR_NONE) {
            return err->code;
        }
        if (answer->job.lease_expires_at) {
            add_id(&reply->acked, items[i].key);
        } else {
            add_id(state == JOB_NONE ? &reply->unknown : &reply->canceled, items[i].key);
        }
    }
    return ERR_NONE;
}

const struct op_spec op_heartbeat_spec = {
    .code = OP_HEARTBEAT,
    .name = "heartbeat",
    .request = &op_heartbeat_message,
    .reply = &op_heartbeat_reply_message,
    .apply = apply,
    .help = "extends the leases of jobs that are being run",
};
