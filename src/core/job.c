/* The words of jobs and the job as the API shows it: see job.h. */
#include "core/job.h"

static const char *const state_names[JOB_STATE_COUNT] = {
    [JOB_PENDING] = "pending",   [JOB_SCHEDULED] = "scheduled", [JOB_ACTIVE] = "active",
    [JOB_RETRYING] = "retrying", [JOB_HELD] = "held",           [JOB_COMPLETED] = "completed",
    [JOB_DEAD] = "dead",         [JOB_CANCELLED] = "cancelled",
};

static const char *const priority_names[JOB_PRIORITY_COUNT] = {
    [JOB_CRITICAL] = "critical",
    [JOB_HIGH] = "high",
    [JOB_NORMAL] = "normal",
    [JOB_LOW] = "low",
};

static const char *const backoff_names[JOB_BACKOFF_COUNT] = {
    [JOB_BACKOFF_NONE] = "none",
    [JOB_BACKOFF_FIXED] = "fixed",
    [JOB_BACKOFF_LINEAR] = "linear",
    [JOB_BACKOFF_EXPONENTIAL] = "exponential",
};

static const char *const hold_kind_names[HOLD_KIND_COUNT] = {
    [HOLD_API] = "api",       [HOLD_AGENT] = "agent",   [HOLD_GUARDRAIL] = "guardrail",
    [HOLD_BUDGET] = "budget", [HOLD_POLICY] = "policy", [HOLD_DEPENDENCY] = "dependency",
};

static const char *const unique_until_names[UNIQUE_COUNT] = {
    [UNIQUE_STARTED] = "started",
    [UNIQUE_COMPLETED] = "completed",
    [UNIQUE_PERIOD] = "period",
};

static const char *const outcome_names[OUTCOME_COUNT] = {
    [OUTCOME_RUNNING] = "running",     [OUTCOME_COMPLETED] = "completed",
    [OUTCOME_FAILED] = "failed",       [OUTCOME_LEASE_EXPIRED] = "lease_expired",
    [OUTCOME_CONTINUED] = "continued", [OUTCOME_HELD] = "held",
    [OUTCOME_CANCELLED] = "cancelled", [OUTCOME_ITERATION_TIMEOUT] = "iteration_timeout",
};

const struct words job_state_words = {.names = state_names, .count = JOB_STATE_COUNT};
const struct words job_priority_words = {.names = priority_names, .count = JOB_PRIORITY_COUNT};
const struct words job_backoff_words = {.names = backoff_names, .count = JOB_BACKOFF_COUNT};
const struct words hold_kind_words = {.names = hold_kind_names, .count = HOLD_KIND_COUNT};
const struct words unique_until_words = {.names = unique_until_names, .count = UNIQUE_COUNT};
const struct words job_outcome_words = {.names = outcome_names, .count = OUTCOME_COUNT};

const char *job_state_name(enum job_state state)
{
    return state < JOB_STATE_COUNT && state_names[state] ? state_names[state] : "none";
}

bool job_state_is_terminal(enum job_state state)
{
    return state == JOB_COMPLETED || state == JOB_DEAD || state == JOB_CANCELLED;
}

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct job_error, name_),       \
    .help = help_

static const struct field error_fields[] = {
    {ROW(1, FIELD_U32, id, "1, 2, 3 … per job"), .flags = FIELD_ALWAYS},
    {ROW(2, FIELD_TEXT, job_id, "the job"), .flags = FIELD_ALWAYS},
    {ROW(3, FIELD_U32, attempt, "the attempt that failed"), .flags = FIELD_ALWAYS},
    {ROW(4, FIELD_TEXT, error, "what the worker said"), .flags = FIELD_ALWAYS},
    {ROW(5, FIELD_TEXT, backtrace, "where it happened")},
    {ROW(6, FIELD_TEXT, kind, "lease_expired, rejected; absent for failures of an attempt")},
    {ROW(7, FIELD_TIME, created_at, "when it was recorded"), .flags = FIELD_ALWAYS},
};

#undef ROW

const struct message job_error_message = {
    .name = "JobError",
    .fields = error_fields,
    .field_count = ARRAY_COUNT(error_fields),
    .size = sizeof(struct job_error),
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct job_hold_object, name_), \
    .help = help_

static const struct field hold_fields[] = {
    {
        ROW(1, FIELD_ENUM, kind, "what holds it"),
        .flags = FIELD_ALWAYS,
        .words = &hold_kind_words,
    },
    {ROW(2, FIELD_TEXT, reason, "why"), .flags = FIELD_ALWAYS},
    {ROW(3, FIELD_TEXT, by, "who")},
    {ROW(4, FIELD_TIME, at, "since when"), .flags = FIELD_ALWAYS},
};

#undef ROW

const struct message job_hold_message = {
    .name = "JobHold",
    .fields = hold_fields,
    .field_count = ARRAY_COUNT(hold_fields),
    .size = sizeof(struct job_hold_object),
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct job_feedback, name_),    \
    .help = help_

static const struct field feedback_fields[] = {
    {ROW(1, FIELD_TEXT, text, "what to do differently"), .flags = FIELD_ALWAYS},
    {ROW(2, FIELD_TEXT, by, "who sent the job back")},
    {ROW(3, FIELD_TIME, at, "when"), .flags = FIELD_ALWAYS},
    {ROW(4, FIELD_U32, revision, "of the job, which it made"), .flags = FIELD_ALWAYS},
};

#undef ROW

const struct message job_feedback_message = {
    .name = "JobFeedback",
    .fields = feedback_fields,
    .field_count = ARRAY_COUNT(feedback_fields),
    .size = sizeof(struct job_feedback),
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct job_attempt, name_),     \
    .help = help_

static const struct field attempt_fields[] = {
    {ROW(1, FIELD_U32, attempt, "1 for the first; again after a retry"), .flags = FIELD_ALWAYS},
    {ROW(2, FIELD_TIME, started_at, "when it was handed out"), .flags = FIELD_ALWAYS},
    {ROW(3, FIELD_TIME, ended_at, "when it ended")},
    {
        ROW(4, FIELD_ENUM, outcome, "what became of it"),
        .flags = FIELD_ALWAYS,
        .words = &job_outcome_words,
    },
    {ROW(5, FIELD_TEXT, worker_id, "who ran it"), .flags = FIELD_ALWAYS},
    {ROW(6, FIELD_TEXT, hostname, "where it ran")},
    {ROW(7, FIELD_TEXT, error, "what the worker said")},
    {ROW(8, FIELD_TEXT, backtrace, "where it happened")},
    {ROW(9, FIELD_U64, duration_ms, "how long it ran"), .bit = 1},
};

#undef ROW

static const struct message job_attempt_message = {
    .name = "JobAttempt",
    .fields = attempt_fields,
    .field_count = ARRAY_COUNT(attempt_fields),
    .size = sizeof(struct job_attempt),
    .has_offset = offsetof(struct job_attempt, has),
};

static const struct field attempts_fields[] = {
    {
        .name = "attempts",
        .kind = FIELD_MESSAGE,
        .flags = FIELD_LIST | FIELD_ALWAYS,
        .tag = 1,
        .offset = offsetof(struct job_attempts, attempts),
        .sub = &job_attempt_message,
        .help = "oldest first",
    },
};

const struct message job_attempts_message = {
    .name = "JobAttempts",
    .fields = attempts_fields,
    .field_count = ARRAY_COUNT(attempts_fields),
    .size = sizeof(struct job_attempts),
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct job_object, name_),      \
    .help = help_

static const struct field job_fields[] = {
    {ROW(1, FIELD_TEXT, id, "the job's id"), .flags = FIELD_ALWAYS},
    {ROW(2, FIELD_TEXT, queue, "its queue"), .flags = FIELD_ALWAYS},
    {ROW(3, FIELD_ENUM, state, "its state"), .flags = FIELD_ALWAYS, .words = &job_state_words},
    {ROW(4, FIELD_JSON, payload, "what the worker is given"), .flags = FIELD_ALWAYS},
    {
        ROW(5, FIELD_ENUM_NUMBER, priority, "0 critical, 1 high, 2 normal, 3 low"),
        .flags = FIELD_ALWAYS,
        .words = &job_priority_words,
    },
    {ROW(6, FIELD_U32, attempt, "deliveries so far"), .flags = FIELD_ALWAYS},
    {ROW(7, FIELD_I32, max_retries, "attempts in all"), .flags = FIELD_ALWAYS},
    {
        ROW(8, FIELD_ENUM, retry_backoff, "how delays grow"),
        .flags = FIELD_ALWAYS,
        .words = &job_backoff_words,
    },
    {ROW(9, FIELD_U64, retry_base_delay_ms, "first delay"), .flags = FIELD_ALWAYS},
    {ROW(10, FIELD_U64, retry_max_delay_ms, "longest delay"), .flags = FIELD_ALWAYS},
    {ROW(11, FIELD_TEXT, worker_id, "who runs it")},
    {ROW(12, FIELD_TEXT, hostname, "where it runs")},
    {ROW(13, FIELD_JSON, tags, "as enqueued")},
    {ROW(14, FIELD_JSON, progress, "of the last heartbeat that had one")},
    {ROW(15, FIELD_JSON, checkpoint, "of enqueue, heartbeat or ack")},
    {ROW(16, FIELD_JSON, result, "of the ack")},
    {ROW(17, FIELD_TIME, lease_expires_at, "end of the lease")},
    {ROW(18, FIELD_TIME, scheduled_at, "when it becomes pending; kept while held")},
    {ROW(19, FIELD_TIME, expire_at, "when it is given up")},
    {ROW(20, FIELD_TIME, created_at, "when it was enqueued"), .flags = FIELD_ALWAYS},
    {ROW(21, FIELD_TIME, started_at, "last delivery")},
    {ROW(22, FIELD_TIME, completed_at, "when it was acknowledged")},
    {ROW(23, FIELD_TIME, failed_at, "last failure")},
    {
        ROW(24, FIELD_MESSAGE, errors, "the last failures, oldest first"),
        .flags = FIELD_LIST,
        .sub = &job_error_message,
    },
    {ROW(25, FIELD_TEXT, traceparent, "W3C trace context of the enqueue")},
    {ROW(26, FIELD_MESSAGE, hold, "while it is held"), .sub = &job_hold_message},
    {ROW(27, FIELD_TEXT, hold_reason, "hold.reason")},
    {
        ROW(28, FIELD_MESSAGE, feedback, "of the last revise"),
        .sub = &job_feedback_message,
    },
    {ROW(29, FIELD_U32, revision, "how often it was sent back with feedback")},
    {ROW(30, FIELD_TEXT, unique_key, "as enqueued")},
    {ROW(31, FIELD_ENUM, unique_until, "when it lets go of that"), .words = &unique_until_words},
    {ROW(32, FIELD_DURATION, retention, "how long it is kept when it has ended"), .bit = 1},
};

#undef ROW

const struct message job_object_message = {
    .name = "Job",
    .fields = job_fields,
    .field_count = ARRAY_COUNT(job_fields),
    .size = sizeof(struct job_object),
    .has_offset = offsetof(struct job_object, has),
};
