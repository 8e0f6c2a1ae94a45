/* cancel: a job that is not to run, or not to run on (reference 5.17). Final at once, also for an
 * active job: its worker learns of it at the next heartbeat. */
#include "base/limits.h"
#include "base/reply.h"
#include "core/job_move.h"
#include "core/ops.h"

static const struct field fields[] = {
    {
        .name = "job_id",
        .kind = FIELD_TEXT,
        .tag = 1,
        .offset = offsetof(struct op_cancel, job_id),
        .max = JOB_ID_MAX,
        .help = "the job to cancel",
    },
};

const struct message op_cancel_message = {
    .name = "OpCancel",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_cancel),
};

static const struct field reply_fields[] = {
    {
        .name = "status",
        .kind = FIELD_TEXT,
        .flags = FIELD_ALWAYS,
        .tag = 1,
        .offset = offsetof(struct op_cancel_reply, status),
        .help = "cancelled, or cancelling when it was active",
    },
};

const struct message op_cancel_reply_message = {
    .name = "OpCancelReply",
    .fields = reply_fields,
    .field_count = ARRAY_COUNT(reply_fields),
    .size = sizeof(struct op_cancel_reply),
};

static enum err_code find(struct tx *tx, struct slice job_id, struct job *ret_job, struct err *err)
{
    struct job_key key;

    if (!job_id_parse(job_id, &key) || !job_load(tx, key, ret_job)) {
        return err_reply(err, REPLY_CANCEL_ERROR, "job '%.*s' does not exist",
                         (int)(job_id.size > JOB_ID_MAX ? JOB_ID_MAX : job_id.size),
                         (const char *)job_id.data);
    }
    if (!job_may_become((enum job_state)ret_job->state, JOB_CANCELLED)) {
        return err_reply(err, REPLY_CANCEL_ERROR, "job is %s already",
                         job_state_name((enum job_state)ret_job->state));
    }
    return ERR_NONE;
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_cancel *op = request;
    struct op_cancel_reply *reply = ret_reply;
    enum job_state state;
    struct job job;

    if (find(tx, op->job_id, &job, err) != ERR_NONE) {
        return err->code;
    }
    state = (enum job_state)job.state;
    job_move(tx, &job, JOB_CANCELLED, EVENT_CANCELLED);
    if (state == JOB_ACTIVE) {
        job_end_epoch(&job, LEASE_VERB_CANCEL);
    }
    job_save(tx, &job, state);
    reply->status = slice_text(state == JOB_ACTIVE ? "cancelling" : "cancelled");
    return ERR_NONE;
}

const struct op_spec op_cancel_spec = {
    .code = OP_CANCEL,
    .name = "cancel",
    .request = &op_cancel_message,
    .reply = &op_cancel_reply_message,
    .apply = apply,
    .help = "cancels a job",
};
