/* cancel: a job that is not to run, or not to run on (reference 5.17). Final at once, also for an
 * active job: its worker learns of it at the next heartbeat. */
#include "core/job_op.h"
#include "core/ops.h"

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_job *op = request;
    struct op_job_reply *reply = ret_reply;
    enum job_state state;
    struct job job;

    if (job_open(tx, op->job_id, REPLY_CANCEL_ERROR, &job, err) != ERR_NONE) {
        return err->code;
    }
    state = (enum job_state)job.state;
    if (!job_may_become(state, JOB_CANCELLED)) {
        return err_reply(err, REPLY_CANCEL_ERROR, "job is %s already", job_state_name(state));
    }
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
    .request = &op_job_message,
    .reply = &op_job_reply_message,
    .apply = apply,
    .help = "cancels a job",
};
