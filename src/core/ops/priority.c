/* priority: a job that is not finished gets another one. A pending job goes behind those that have
 * it already. */
#include "base/limits.h"
#include "core/job_op.h"
#include "core/ops.h"

static const struct field fields[] = {
    {
        .name = "job_id",
        .kind = FIELD_TEXT,
        .tag = 1,
        .offset = offsetof(struct op_priority, job_id),
        .max = JOB_ID_MAX,
        .help = "the job",
    },
    {
        .name = "priority",
        .kind = FIELD_ENUM_NUMBER,
        .flags = FIELD_REQUIRED,
        .tag = 2,
        .bit = OP_PRIORITY_HAS_PRIORITY,
        .offset = offsetof(struct op_priority, priority),
        .words = &job_priority_words,
        .help = "critical, high, normal, low, or 0 to 3",
    },
};

const struct message op_priority_message = {
    .name = "OpPriority",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_priority),
    .has_offset = offsetof(struct op_priority, has),
};

static void change(struct tx *tx, struct job *job, uint32_t priority)
{
    struct event_note note = {.from = slice_text(job_priority_words.names[job->priority]),
                              .to = slice_text(job_priority_words.names[priority])};

    job->priority = priority;
    if (job->state == JOB_PENDING) {
        job_requeue(tx, job);
    }
    job_event(tx, job, EVENT_PRIORITY_CHANGED, event_note_json(tx, &note));
    job_save(tx, job, (enum job_state)job->state);
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_priority *op = request;
    struct op_job_reply *reply = ret_reply;
    struct job job;

    if (op->priority >= JOB_PRIORITY_COUNT) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "priority is not known");
    }
    if (job_open(tx, op->job_id, REPLY_PRIORITY_ERROR, &job, err) != ERR_NONE) {
        return err->code;
    }
    if (job_state_is_terminal((enum job_state)job.state)) {
        return err_reply(err, REPLY_PRIORITY_ERROR, "job is %s already",
                         job_state_name((enum job_state)job.state));
    }
    if (job.priority != op->priority) {
        change(tx, &job, op->priority);
    }
    reply->status = slice_text("ok");
    return ERR_NONE;
}

const struct op_spec op_priority_spec = {
    .code = OP_PRIORITY,
    .name = "priority",
    .request = &op_priority_message,
    .reply = &op_job_reply_message,
    .apply = apply,
    .help = "changes the priority of a job that is not finished",
};
