/* retry: a job that ended runs again from its first attempt, and a scheduled one runs now
 * (reference 2.3). */
#include "core/job_op.h"
#include "core/ops.h"
#include "core/unique.h"

static enum err_code check(const struct job *job, struct err *err)
{
    enum job_state state = (enum job_state)job->state;

    if (state != JOB_SCHEDULED && !job_state_is_terminal(state)) {
        return err_reply(err, REPLY_RETRY_ERROR,
                         "job is %s; only a scheduled, completed, dead or cancelled one is retried",
                         job_state_name(state));
    }
    return ERR_NONE;
}

/* Live rows are rewritten often: a result waits apart until the next one. */
static bool put_result_apart(struct tx *tx, struct job *job)
{
    struct job_more more;
    struct slice stored;

    if (job->result.size == 0) {
        return true;
    }
    if (!tx_reserve(tx, (size_t)job->more_size + job->result.size)) {
        return false;
    }
    job_more_load(tx, job, &more, &stored);
    more.result = job->result;
    job_more_save(tx, job, &more, stored);
    job->result = slice_of(NULL, 0);
    return true;
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_job *op = request;
    struct op_job_reply *reply = ret_reply;
    enum job_state state;
    struct job job;

    if (job_open(tx, op->job_id, REPLY_RETRY_ERROR, &job, err) != ERR_NONE ||
        check(&job, err) != ERR_NONE ||
        unique_check(tx, &job, job.queue, REPLY_RETRY_ERROR, err) != ERR_NONE) {
        return err->code;
    }
    if (!job_keep_attempt(tx, &job) || !put_result_apart(tx, &job)) {
        return tx_busy(err);
    }
    state = (enum job_state)job.state;
    job.attempt = 0;
    if (job_is_expired(&job, tx->now_ns)) {
        job.expire_at = 0; /* Or it would be given up at once. */
    }
    job_move(tx, &job, JOB_PENDING, EVENT_RETRIED);
    job_save(tx, &job, state);
    reply->status = slice_text("retried");
    return ERR_NONE;
}

const struct op_spec op_retry_spec = {
    .code = OP_RETRY,
    .name = "retry",
    .request = &op_job_message,
    .reply = &op_job_reply_message,
    .apply = apply,
    .help = "runs a finished job again, or a scheduled one now",
};
