/* ack: an active job is done (reference 3.3, A3). */
#include "base/limits.h"
#include "core/lease.h"
#include "core/ops.h"

#define ROW(kind_, tag_, name_)                                                                    \
    .name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct op_ack, name_)
#define LATER(name_)                                                                               \
    {.name = name_,                                                                                \
     .kind = FIELD_JSON,                                                                           \
     .flags = FIELD_UNSUPPORTED,                                                                   \
     .offset = offsetof(struct op_ack, unsupported),                                               \
     .help = "not supported yet"}

static const struct field fields[] = {
    {ROW(FIELD_TEXT, 1, job_id), .max = JOB_ID_MAX, .help = "the job that is done"},
    {
        ROW(FIELD_TEXT, 2, lease_token),
        .max = LEASE_TOKEN_MAX,
        .help = "of the delivery; absent = whoever runs it",
    },
    {ROW(FIELD_BOOL, 30, require_token), .flags = FIELD_INNER,
     .help = "a token is required whatever the queue says"},
    {ROW(FIELD_JSON, 3, result), .max = RESULT_MAX, .help = "what it returned"},
    {ROW(FIELD_JSON, 4, checkpoint), .max = CHECKPOINT_MAX, .help = "kept with the job"},
    {ROW(FIELD_TEXT, 5, agent_status), .max = 64, .help = "must be empty: not supported yet"},
    {ROW(FIELD_TEXT, 6, step_status), .max = 64, .help = "must be empty: not supported yet"},
    {ROW(FIELD_TEXT, 7, hold_reason), .max = 1024, .help = "must be empty: not supported yet"},
    {
        .name = "exit_reason",
        .kind = FIELD_TEXT,
        .flags = FIELD_IGNORED,
        .offset = offsetof(struct op_ack, unsupported),
        .help = "accepted, not kept",
    },
    LATER("usage"),
    LATER("hold_payload"),
};

#undef LATER
#undef ROW

const struct message op_ack_message = {
    .name = "OpAck",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_ack),
};

#define ROW(kind_, tag_, name_, help_)                                                             \
    .name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct op_ack_reply, name_),    \
    .flags = FIELD_ALWAYS, .help = help_

static const struct field reply_fields[] = {
    {ROW(FIELD_TEXT, 1, status, "ok")},
};

static const struct field item_reply_fields[] = {
    {ROW(FIELD_TEXT, 2, job_id, "the job")},
    {ROW(FIELD_TEXT, 1, status, "ok")},
    {ROW(FIELD_ENUM, 3, state, "the job's state after it"), .words = &job_state_words},
};

#undef ROW

const struct message op_ack_reply_message = {
    .name = "OpAckReply",
    .fields = reply_fields,
    .field_count = ARRAY_COUNT(reply_fields),
    .size = sizeof(struct op_ack_reply),
};

const struct message op_ack_item_reply_message = {
    .name = "OpAckItemReply",
    .fields = item_reply_fields,
    .field_count = ARRAY_COUNT(item_reply_fields),
    .size = sizeof(struct op_ack_reply),
};

static enum err_code check(const struct op_ack *op, struct err *err)
{
    const char *name = op->agent_status.size  ? "agent_status"
                       : op->step_status.size ? "step_status"
                       : op->hold_reason.size ? "hold_reason"
                                              : NULL;

    if (name) {
        return err_reply(err, REPLY_UNSUPPORTED, "%s is not supported yet", name);
    }
    return ERR_NONE;
}

/* False, with nothing done, when the entry has no room for the old checkpoint. */
static bool store_checkpoint(struct tx *tx, struct job *job, struct slice checkpoint)
{
    struct job_more more;
    struct slice stored;

    if (checkpoint.size == 0) {
        return true;
    }
    if (!tx_reserve(tx, job->more_size)) {
        return false;
    }
    job_more_load(tx, job, &more, &stored);
    more.checkpoint = checkpoint;
    job_more_save(tx, job, &more, stored);
    return true;
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_ack *op = request;
    struct op_ack_reply *reply = ret_reply;
    struct lease_request lease = {op->job_id, op->lease_token, op->require_token, LEASE_VERB_ACK,
                                  REPLY_ACK_ERROR};
    bool repeated;
    struct job job;

    if (check(op, err) != ERR_NONE || lease_open(tx, &lease, &job, &repeated, err) != ERR_NONE) {
        return err->code;
    }
    if (!repeated && !store_checkpoint(tx, &job, op->checkpoint)) {
        return tx_busy(err);
    }
    if (!repeated) {
        job.result = op->result;
        job_move(tx, &job, JOB_COMPLETED, EVENT_COMPLETED);
        job_end_epoch(&job, LEASE_VERB_ACK);
        job_save(tx, &job, JOB_ACTIVE);
    }
    reply->job_id = op->job_id;
    reply->status = slice_text("ok");
    reply->state = job.end.state;
    return ERR_NONE;
}

const struct op_spec op_ack_spec = {
    .code = OP_ACK,
    .name = "ack",
    .request = &op_ack_message,
    .reply = &op_ack_reply_message,
    .kept = &op_ack_item_reply_message,
    .apply = apply,
    .help = "reports that a job is done",
};
