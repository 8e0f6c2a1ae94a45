/* delete: a job and all that is kept of it is gone, whatever its state (reference 5.17). The worker
 * of an active one learns of it at the next heartbeat. */
#include "core/job_op.h"
#include "core/ops.h"

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_job *op = request;
    struct op_job_reply *reply = ret_reply;
    struct job job;

    if (job_open(tx, op->job_id, REPLY_NOT_FOUND, &job, err) != ERR_NONE) {
        return err->code;
    }
    if (!job_remove_parts(tx, &job)) {
        return tx_busy(err);
    }
    job_event(tx, &job, EVENT_DELETED, slice_of(NULL, 0));
    job_remove(tx, &job);
    reply->status = slice_text("deleted");
    return ERR_NONE;
}

const struct op_spec op_delete_spec = {
    .code = OP_DELETE,
    .name = "delete",
    .request = &op_job_message,
    .reply = &op_job_reply_message,
    .apply = apply,
    .help = "removes a job, whatever its state",
};
