/* hold: a job waits for somebody's approval (A9). An active one loses its lease; its worker learns
 * of it at the next heartbeat. */
#include "base/limits.h"
#include "core/job_op.h"
#include "core/ops.h"

#define ROW(tag_, name_)                                                                           \
    .name = #name_, .kind = FIELD_TEXT, .tag = tag_, .offset = offsetof(struct op_hold, name_)

static const struct field fields[] = {
    {ROW(1, job_id), .max = JOB_ID_MAX, .help = "the job to hold"},
    {ROW(2, reason), .max = REASON_MAX, .help = "why"},
    {ROW(3, by), .max = BY_MAX, .help = "who; counts only without authentication"},
};

#undef ROW

const struct message op_hold_message = {
    .name = "OpHold",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_hold),
};

static enum err_code open_job(struct tx *tx, struct slice job_id, struct job *ret_job,
                              struct err *err)
{
    enum job_state state;

    if (job_open(tx, job_id, REPLY_HOLD_ERROR, ret_job, err) != ERR_NONE) {
        return err->code;
    }
    state = (enum job_state)ret_job->state;
    if (state == JOB_HELD) {
        return err_reply(err, REPLY_HOLD_ERROR, "job is held already");
    }
    if (!job_may_become(state, JOB_HELD)) {
        return err_reply(err, REPLY_HOLD_ERROR, "job is %s: there is nothing to hold",
                         job_state_name(state));
    }
    return ERR_NONE;
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_hold *op = request;
    struct op_job_reply *reply = ret_reply;
    struct event_note note = {.kind = slice_text("api"), .reason = op->reason};
    struct error_row ended = {.outcome = OUTCOME_HELD};
    enum job_state state;
    struct job job;

    if (open_job(tx, op->job_id, &job, err) != ERR_NONE) {
        return err->code;
    }
    state = (enum job_state)job.state;
    if (state == JOB_ACTIVE && !job_add_error(tx, &job, &ended)) {
        return tx_busy(err);
    }
    note.by = job_op_by(tx, op->by);
    job_move_with(tx, &job, JOB_HELD, EVENT_HELD, event_note_json(tx, &note));
    job.hold = (struct job_hold){
        .kind = HOLD_API, .from = state, .at = tx->now_ns, .reason = op->reason, .by = note.by};
    if (state == JOB_ACTIVE) {
        job_end_epoch(&job, LEASE_VERB_HOLD);
    }
    job_save(tx, &job, state);
    reply->status = slice_text("held");
    return ERR_NONE;
}

const struct op_spec op_hold_spec = {
    .code = OP_HOLD,
    .name = "hold",
    .request = &op_hold_message,
    .reply = &op_job_reply_message,
    .apply = apply,
    .help = "keeps a job from running until it is approved",
};
