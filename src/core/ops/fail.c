/* fail: an attempt did not work; the job retries or is dead (reference 5.6, A3). */
#include "base/limits.h"
#include "core/lease.h"
#include "core/ops.h"
#include "core/retry.h"
#include "core/text.h"

#define ROW(kind_, tag_, name_)                                                                    \
    .name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct op_fail, name_)

static const struct field fields[] = {
    {ROW(FIELD_TEXT, 1, job_id), .max = JOB_ID_MAX, .help = "the job that failed"},
    {
        ROW(FIELD_TEXT, 2, lease_token),
        .max = LEASE_TOKEN_MAX,
        .help = "of the delivery; absent = whoever runs it",
    },
    {ROW(FIELD_BOOL, 30, require_token), .flags = FIELD_INNER,
     .help = "a token is required whatever the queue says"},
    {
        ROW(FIELD_TEXT, 3, error),
        .flags = FIELD_CUT,
        .max = ERROR_TEXT_MAX,
        .help = "what happened; cut at 8 KiB",
    },
    {
        ROW(FIELD_TEXT, 4, backtrace),
        .flags = FIELD_CUT,
        .max = BACKTRACE_MAX,
        .help = "where; cut at 64 KiB",
    },
    {ROW(FIELD_BOOL, 5, no_retry), .help = "dead at once"},
    {
        .name = "provider_error",
        .kind = FIELD_BOOL,
        .flags = FIELD_IGNORED,
        .offset = offsetof(struct op_fail, unsupported),
        .help = "accepted, not kept",
    },
    {
        .name = "usage",
        .kind = FIELD_JSON,
        .flags = FIELD_UNSUPPORTED,
        .offset = offsetof(struct op_fail, unsupported),
        .help = "not supported yet",
    },
};

#undef ROW

const struct message op_fail_message = {
    .name = "OpFail",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_fail),
};

#define ROW(kind_, tag_, name_, help_)                                                             \
    .name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct op_fail_reply, name_),   \
    .help = help_

static const struct field reply_fields[] = {
    {
        ROW(FIELD_ENUM, 1, status, "retrying or dead"),
        .flags = FIELD_ALWAYS,
        .words = &job_state_words,
    },
    {ROW(FIELD_TIME, 2, next_attempt_at, "when it becomes pending again")},
    {ROW(FIELD_U32, 3, attempts_remaining, "attempts left"), .flags = FIELD_ALWAYS},
};

#undef ROW

const struct message op_fail_reply_message = {
    .name = "OpFailReply",
    .fields = reply_fields,
    .field_count = ARRAY_COUNT(reply_fields),
    .size = sizeof(struct op_fail_reply),
};

static uint32_t attempts_remaining(const struct job *job, bool no_retry)
{
    int64_t remaining = (int64_t)job->max_retries - (int64_t)job->attempt;

    return no_retry || remaining <= 0 ? 0 : (uint32_t)remaining;
}

static void retry(struct tx *tx, struct job *job, uint32_t remaining)
{
    uint64_t delay_ms = retry_delay_ms((enum job_backoff)job->backoff, job->base_delay_ms,
                                       job->max_delay_ms, job->attempt);

    job_move(tx, job, JOB_RETRYING, EVENT_RETRYING);
    job->run_at = tx_after(tx, delay_ms);
    job_end_epoch(job, LEASE_VERB_FAIL);
    job->end.remaining = remaining;
    job->end.next_at = job->run_at;
}

static void fail(struct tx *tx, struct job *job, bool no_retry)
{
    struct queue *queue = index_queue(tx->index, job->queue);
    uint32_t remaining = attempts_remaining(job, no_retry);

    tx_queue_edit(tx, queue);
    queue->row.failed_total++;
    job->failed_at = tx->now_ns;
    job_event(tx, job, EVENT_FAILED, slice_of(NULL, 0));
    if (remaining > 0) {
        retry(tx, job, remaining);
    } else {
        job_move(tx, job, JOB_DEAD, EVENT_DEAD);
        job_end_epoch(job, LEASE_VERB_FAIL);
    }
    job_save(tx, job, JOB_ACTIVE);
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_fail *op = request;
    struct op_fail_reply *reply = ret_reply;
    struct lease_request lease = {op->job_id, op->lease_token, op->require_token, LEASE_VERB_FAIL,
                                  REPLY_FAIL_ERROR};
    struct error_row error = {.outcome = OUTCOME_FAILED};
    bool repeated;
    struct job job;

    if (lease_open(tx, &lease, &job, &repeated, err) != ERR_NONE) {
        return err->code;
    }
    error.error = text_bounded(tx, op->error, ERROR_TEXT_MAX);
    error.backtrace = text_bounded(tx, op->backtrace, BACKTRACE_MAX);
    if (!repeated && !job_add_error(tx, &job, &error)) {
        return tx_busy(err);
    }
    if (!repeated) {
        fail(tx, &job, op->no_retry);
    }
    reply->status = job.end.state;
    reply->next_attempt_at = job.end.next_at;
    reply->attempts_remaining = job.end.remaining;
    return ERR_NONE;
}

const struct op_spec op_fail_spec = {
    .code = OP_FAIL,
    .name = "fail",
    .request = &op_fail_message,
    .reply = &op_fail_reply_message,
    .apply = apply,
    .help = "reports that an attempt failed",
};
