/* reject: a held job is dead, or goes back with feedback and perhaps another payload: revise (A9).
 */
#include "base/limits.h"
#include "core/job_op.h"
#include "core/ops.h"
#include "wire/json.h"

#define ROW(tag_, kind_, name_)                                                                    \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct op_reject, name_)

static const struct field fields[] = {
    {ROW(1, FIELD_TEXT, job_id), .max = JOB_ID_MAX, .help = "the job to reject"},
    {ROW(2, FIELD_TEXT, by), .max = BY_MAX, .help = "who; counts only without authentication"},
    {ROW(3, FIELD_TEXT, rejected_by), .max = BY_MAX, .help = "the same as by"},
    {ROW(4, FIELD_TEXT, reason), .max = REASON_MAX, .help = "why; becomes the job's error"},
    {ROW(5, FIELD_BOOL, revise), .help = "back to pending with feedback, instead of dead"},
    {
        ROW(6, FIELD_TEXT, feedback),
        .max = FEEDBACK_MAX,
        .help = "what to do differently; required to revise",
    },
    {ROW(7, FIELD_JSON, payload), .help = "revise: instead of the job's payload"},
    {
        ROW(8, FIELD_JSON, payload_patch),
        .max = PAYLOAD_PATCH_MAX,
        .help = "revise: JSON merge patch (RFC 7396) to the job's payload; not with payload",
    },
    {ROW(9, FIELD_U64, payload_max), .flags = FIELD_INNER, .help = "bound of the new payload"},
};

#undef ROW

const struct message op_reject_message = {
    .name = "OpReject",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_reject),
};

static enum err_code check(const struct op_reject *op, struct err *err)
{
    if (!op->revise && (op->feedback.size || op->payload.size || op->payload_patch.size)) {
        return err_reply(err, REPLY_VALIDATION_ERROR,
                         "feedback, payload and payload_patch need revise");
    }
    if (op->revise && op->feedback.size == 0) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "feedback is required to revise");
    }
    if (op->payload.size && op->payload_patch.size) {
        return err_reply(err, REPLY_VALIDATION_ERROR,
                         "payload and payload_patch exclude each other");
    }
    return ERR_NONE;
}

/* --- Dead ----------------------------------------------------------------------------------------
 */

static struct slice error_text(struct tx *tx, struct slice reason)
{
    struct slice start = slice_text(reason.size ? "rejected: " : "rejected");
    uint8_t *text = tx_array(tx, start.size + reason.size, 1);

    if (!text) {
        return slice_of(NULL, 0);
    }
    memcpy(text, start.data, start.size);
    if (reason.size) {
        memcpy(text + start.size, reason.data, reason.size);
    }
    return slice_of(text, start.size + reason.size);
}

static enum err_code reject(struct tx *tx, const struct op_reject *op, struct job *job,
                            struct slice by, struct err *err)
{
    struct event_note note = {.by = by, .reason = op->reason};
    struct error_row error = {.error = error_text(tx, op->reason), .kind = slice_text("rejected")};

    if (!job_add_error(tx, job, &error)) {
        return tx_busy(err);
    }
    job_move_with(tx, job, JOB_DEAD, EVENT_REJECTED, event_note_json(tx, &note));
    job_event(tx, job, EVENT_DEAD, slice_of(NULL, 0));
    return ERR_NONE;
}

/* --- Back with feedback --------------------------------------------------------------------------
 */

/* The target changed by the patch, in entry memory. */
static enum err_code merge(struct tx *tx, struct slice target, struct slice patch,
                           struct slice *ret_merged, struct err *err)
{
    struct buf buf;
    enum err_code code;

    if (!tx_reserve(tx, 3 * target.size + 17 * patch.size)) {
        return tx_busy(err);
    }
    buf_init(&buf, target.size + patch.size);
    code = json_merge_patch(target, patch, tx->arena, &buf, err);
    if (code == ERR_NOMEM || buf.failed ||
        (!code && !arena_copy(tx->arena, buf_slice(&buf), ret_merged))) {
        code = tx_fail(tx, ERR_NOMEM, "no memory to merge JSON");
    }
    buf_done(&buf);
    return code;
}

static enum err_code change_payload(struct tx *tx, const struct op_reject *op, struct job *job,
                                    struct err *err)
{
    struct row_key key = job_row_key(job->key);
    struct slice payload = op->payload;
    struct slice stored = {0};

    if (payload.size == 0 && op->payload_patch.size == 0) {
        return ERR_NONE;
    }
    if (!tx_reserve(tx, job->payload_size)) {
        return tx_busy(err);
    }
    if (job->payload_hash) {
        stored = tx_get(tx, TABLE_PAYLOAD, &key);
    }
    if (op->payload_patch.size &&
        merge(tx, stored.data ? stored : slice_text("{}"), op->payload_patch, &payload, err)) {
        return err->code;
    }
    if (op->payload_max && payload.size > op->payload_max) {
        return err_reply(err, REPLY_PAYLOAD_TOO_LARGE,
                         "the payload would have %zu bytes, at most %llu are allowed", payload.size,
                         (unsigned long long)op->payload_max);
    }
    job_payload_save(tx, job, payload, stored);
    return ERR_NONE;
}

/* The feedback is a member of the checkpoint, too, for workers that know no other place. */
static enum err_code add_to_checkpoint(struct tx *tx, struct job_more *more, struct err *err)
{
    enum json_type type = more->checkpoint.size ? json_type_of(more->checkpoint) : JSON_OBJECT;
    struct slice patch = {0};

    if (type != JSON_OBJECT) {
        return ERR_NONE;
    }
    buf_clear(&tx->scratch);
    (void)buf_add_text(&tx->scratch, "{\"feedback\":");
    json_write_text(&tx->scratch, more->feedback_text);
    (void)buf_add_byte(&tx->scratch, '}');
    if (tx->scratch.failed || !arena_copy(tx->arena, buf_slice(&tx->scratch), &patch)) {
        return tx_fail(tx, ERR_NOMEM, "the entry needs more memory than an entry may use");
    }
    return merge(tx, more->checkpoint, patch, &more->checkpoint, err);
}

static enum err_code revise(struct tx *tx, const struct op_reject *op, struct job *job,
                            struct slice by, struct err *err)
{
    struct event_note note = {.by = by, .reason = op->reason, .revision = job->revision + 1};
    struct job_more more;
    struct slice stored;

    if (!tx_reserve(tx, job->more_size)) {
        return tx_busy(err);
    }
    job_more_load(tx, job, &more, &stored);
    more.feedback_text = op->feedback;
    more.feedback_by = by;
    more.feedback_at = tx->now_ns;
    if (add_to_checkpoint(tx, &more, err) || change_payload(tx, op, job, err)) {
        return err->code;
    }
    job_more_save(tx, job, &more, stored);
    job->revision++;
    job->attempt = 0;
    job_move_with(tx, job, JOB_PENDING, EVENT_REVISED, event_note_json(tx, &note));
    return ERR_NONE;
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_reject *op = request;
    struct op_job_reply *reply = ret_reply;
    struct slice by = job_op_by(tx, op->by.size ? op->by : op->rejected_by);
    enum err_code code;
    struct job job;

    if (check(op, err) != ERR_NONE ||
        job_open_in(tx, op->job_id, JOB_HELD, REPLY_REJECT_ERROR, &job, err) != ERR_NONE) {
        return err->code;
    }
    code = op->revise ? revise(tx, op, &job, by, err) : reject(tx, op, &job, by, err);
    if (code) {
        return code;
    }
    job_save(tx, &job, JOB_HELD);
    reply->status = slice_text(job_state_name((enum job_state)job.state));
    return ERR_NONE;
}

const struct op_spec op_reject_spec = {
    .code = OP_REJECT,
    .name = "reject",
    .request = &op_reject_message,
    .reply = &op_job_reply_message,
    .apply = apply,
    .help = "ends a held job, or sends it back with feedback",
};
