/* What the queries answer, by field rows: see query.h. */
#include "view/replies.h"

#include "core/job.h"
#include "view/query.h"

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct job_object, name_),      \
    .help = help_

/* The summary of a job (reference 2.2) is the job without what is large or seldom wanted; the tags
 * are those of the whole job. */
static const struct field summary_fields[] = {
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
    {ROW(11, FIELD_TEXT, worker_id, "who runs it")},
    {ROW(12, FIELD_TEXT, hostname, "where it runs")},
    {ROW(13, FIELD_JSON, tags, "as enqueued")},
    {ROW(18, FIELD_TIME, scheduled_at, "when it becomes pending; kept while held")},
    {ROW(19, FIELD_TIME, expire_at, "when it is given up")},
    {ROW(20, FIELD_TIME, created_at, "when it was enqueued"), .flags = FIELD_ALWAYS},
    {ROW(21, FIELD_TIME, started_at, "last delivery")},
    {ROW(22, FIELD_TIME, completed_at, "when it was acknowledged")},
    {ROW(23, FIELD_TIME, failed_at, "last failure")},
    {ROW(26, FIELD_MESSAGE, hold, "while it is held"), .sub = &job_hold_message},
    {ROW(27, FIELD_TEXT, hold_reason, "hold.reason")},
    {ROW(30, FIELD_TEXT, unique_key, "as enqueued")},
};

#undef ROW

const struct message job_summary_message = {
    .name = "JobSummary",
    .fields = summary_fields,
    .field_count = ARRAY_COUNT(summary_fields),
    .size = sizeof(struct job_object),
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct search_reply, name_),    \
    .help = help_

/* The jobs first: search_rest_message is the rows behind them. */
static const struct field search_fields[] = {
    {
        ROW(1, FIELD_MESSAGE, jobs, "the page"),
        .flags = FIELD_LIST | FIELD_ALWAYS,
        .sub = &job_summary_message,
    },
    {ROW(2, FIELD_U64, total, "jobs that match"), .flags = FIELD_ALWAYS},
    {
        ROW(3, FIELD_BOOL, total_exact, "false: at least so many do"),
        .flags = FIELD_ALWAYS,
    },
    {ROW(4, FIELD_TEXT, cursor, "for the next page; only when there is one")},
    {ROW(5, FIELD_BOOL, has_more, "there is another page"), .flags = FIELD_ALWAYS},
    {ROW(6, FIELD_BOOL, incomplete, "the time was over: what was not looked at may match, too")},
    {ROW(7, FIELD_U64, view_index, "the entry that this follows from"), .flags = FIELD_ALWAYS},
    {ROW(9, FIELD_U64, view_lag_ms, "how long something is done that this does not show")},
    {ROW(8, FIELD_U64, duration_ms, "how long it took"), .flags = FIELD_ALWAYS},
};

#undef ROW

const struct message search_reply_message = {
    .name = "SearchResponse",
    .fields = search_fields,
    .field_count = ARRAY_COUNT(search_fields),
    .size = sizeof(struct search_reply),
};

const struct message search_rest_message = {
    .name = "SearchResponse",
    .fields = search_fields + 1,
    .field_count = ARRAY_COUNT(search_fields) - 1,
    .size = sizeof(struct search_reply),
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct error_group, name_),     \
    .help = help_

static const struct field group_fields[] = {
    {ROW(1, FIELD_TEXT, fingerprint, "of the first line without what differs each time"),
     .flags = FIELD_ALWAYS},
    {ROW(2, FIELD_TEXT, sample, "the newest of them"), .flags = FIELD_ALWAYS},
    {ROW(3, FIELD_U64, count, "how many there are"), .flags = FIELD_ALWAYS},
    {ROW(4, FIELD_TIME, first_seen, "the oldest in the period"), .flags = FIELD_ALWAYS},
    {ROW(5, FIELD_TIME, last_seen, "the newest"), .flags = FIELD_ALWAYS},
    {ROW(6, FIELD_TEXT, queues, "the queues of their jobs"), .flags = FIELD_LIST | FIELD_ALWAYS},
    {ROW(7, FIELD_TEXT, job_ids, "the last jobs, at most five"),
     .flags = FIELD_LIST | FIELD_ALWAYS},
};

#undef ROW

static const struct message error_group_message = {
    .name = "ErrorGroup",
    .fields = group_fields,
    .field_count = ARRAY_COUNT(group_fields),
    .size = sizeof(struct error_group),
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct errors_reply, name_),    \
    .help = help_

static const struct field errors_fields[] = {
    {
        ROW(1, FIELD_MESSAGE, groups, "the most frequent first"),
        .flags = FIELD_LIST | FIELD_ALWAYS,
        .sub = &error_group_message,
    },
    {ROW(2, FIELD_BOOL, incomplete, "older errors of the period were not looked at")},
    {ROW(3, FIELD_U64, view_index, "the entry that this follows from"), .flags = FIELD_ALWAYS},
};

#undef ROW

const struct message errors_reply_message = {
    .name = "ErrorsResponse",
    .fields = errors_fields,
    .field_count = ARRAY_COUNT(errors_fields),
    .size = sizeof(struct errors_reply),
};
