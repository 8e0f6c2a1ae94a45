/* Operations on one job: see job_op.h. */
#include "core/job_op.h"

#include "base/limits.h"
#include "wire/json.h"

static const struct field fields[] = {
    {
        .name = "job_id",
        .kind = FIELD_TEXT,
        .tag = 1,
        .offset = offsetof(struct op_job, job_id),
        .max = JOB_ID_MAX,
        .help = "the job",
    },
};

const struct message op_job_message = {
    .name = "OpJob",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_job),
};

static const struct field reply_fields[] = {
    {
        .name = "status",
        .kind = FIELD_TEXT,
        .flags = FIELD_ALWAYS,
        .tag = 1,
        .offset = offsetof(struct op_job_reply, status),
        .help = "what was done: cancelled, cancelling, retried, deleted, moved, held, pending, "
                "dead, ok",
    },
    {
        .name = "state",
        .kind = FIELD_ENUM,
        .tag = 2,
        .offset = offsetof(struct op_job_reply, state),
        .words = &job_state_words,
        .help = "of a job that was approved before it is due: scheduled or retrying again",
    },
};

const struct message op_job_reply_message = {
    .name = "OpJobReply",
    .fields = reply_fields,
    .field_count = ARRAY_COUNT(reply_fields),
    .size = sizeof(struct op_job_reply),
};

#define ROW(tag_, kind_, name_)                                                                    \
    {.name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct event_note, name_)}

static const struct field note_fields[] = {
    ROW(1, FIELD_TEXT, from),    ROW(2, FIELD_TEXT, to),     ROW(3, FIELD_TEXT, kind),
    ROW(4, FIELD_TEXT, by),      ROW(5, FIELD_TEXT, reason), ROW(6, FIELD_TEXT, note),
    ROW(7, FIELD_U32, revision),
};

#undef ROW

static const struct message note_message = {
    .name = "EventNote",
    .fields = note_fields,
    .field_count = ARRAY_COUNT(note_fields),
    .size = sizeof(struct event_note),
};

struct slice event_note_json(struct tx *tx, const struct event_note *note)
{
    struct slice copy = {0};

    buf_clear(&tx->scratch);
    json_write(&note_message, JSON_REST, note, &tx->scratch);
    if (tx->scratch.failed || !arena_copy(tx->arena, buf_slice(&tx->scratch), &copy)) {
        (void)tx_fail(tx, ERR_NOMEM, "the entry needs more memory than an entry may use");
        return slice_of(NULL, 0);
    }
    return copy;
}

struct slice job_op_by(const struct tx *tx, struct slice named)
{
    return tx->head->principal.size > 0 ? tx->head->principal : named;
}

enum err_code job_open_in(struct tx *tx, struct slice job_id, enum job_state state,
                          enum reply_code refuse, struct job *ret_job, struct err *err)
{
    if (job_open(tx, job_id, refuse, ret_job, err) != ERR_NONE) {
        return err->code;
    }
    if ((enum job_state)ret_job->state != state) {
        return err_reply(err, refuse, "job is %s, not %s",
                         job_state_name((enum job_state)ret_job->state), job_state_name(state));
    }
    return ERR_NONE;
}
