/* approve: a held job goes on where it was: it is pending again, or waits for its instant when that
 * is still ahead (A9). */
#include "base/limits.h"
#include "core/job_op.h"
#include "core/ops.h"

#define ROW(tag_, name_)                                                                           \
    .name = #name_, .kind = FIELD_TEXT, .tag = tag_, .offset = offsetof(struct op_approve, name_)

static const struct field fields[] = {
    {ROW(1, job_id), .max = JOB_ID_MAX, .help = "the job to approve"},
    {ROW(2, by), .max = BY_MAX, .help = "who; counts only without authentication"},
    {ROW(3, note), .max = NOTE_MAX, .help = "kept in the job's event"},
    {
        .name = "agent",
        .kind = FIELD_JSON,
        .flags = FIELD_UNSUPPORTED,
        .offset = offsetof(struct op_approve, unsupported),
        .help = "not supported yet",
    },
};

#undef ROW

const struct message op_approve_message = {
    .name = "OpApprove",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_approve),
};

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_approve *op = request;
    struct op_job_reply *reply = ret_reply;
    struct event_note note = {.by = job_op_by(tx, op->by), .note = op->note};
    enum job_state to = JOB_PENDING;
    uint64_t run_at;
    struct job job;

    if (job_open_in(tx, op->job_id, JOB_HELD, REPLY_APPROVE_ERROR, &job, err) != ERR_NONE) {
        return err->code;
    }
    run_at = job.run_at > tx->now_ns ? job.run_at : 0;
    if (run_at) {
        to = (enum job_state)job.hold.from;
    }
    job_move_with(tx, &job, to, EVENT_APPROVED, event_note_json(tx, &note));
    job.run_at = run_at;
    job_save(tx, &job, JOB_HELD);
    reply->status = slice_text("pending");
    reply->state = run_at ? to : JOB_NONE;
    return ERR_NONE;
}

const struct op_spec op_approve_spec = {
    .code = OP_APPROVE,
    .name = "approve",
    .request = &op_approve_message,
    .reply = &op_job_reply_message,
    .apply = apply,
    .help = "lets a held job go on",
};
