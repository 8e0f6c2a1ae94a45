/* Field rows of everything that is stored: see rows.h. */
#include "core/rows.h"

#define META(kind_, tag_, name_)                                                                   \
    {.name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct meta_row, name_)}

static const struct field meta_fields[] = {
    META(FIELD_U32, 1, format),
    META(FIELD_TIME, 2, now_ns),
    META(FIELD_U64, 3, job_seq),
    META(FIELD_U64, 4, move_seq),
    META(FIELD_U64, 5, queue_count),
    META(FIELD_U64, 6, event_seq),
    META(FIELD_U64, 7, event_oldest),
    META(FIELD_U64, 8, retention_ms),
    META(FIELD_U64, 9, events_max),
    META(FIELD_U64, 10, done_count),
    META(FIELD_TIME, 12, purge_after),
    META(FIELD_TIME, 13, purge_min),
    META(FIELD_TIME, 14, purge_cursor_time),
    META(FIELD_U64, 15, purge_cursor_seq),
    META(FIELD_TIME, 16, purge_first_time),
    META(FIELD_U64, 17, purge_first_seq),
    META(FIELD_U64, 18, event_cut),
    META(FIELD_U64, 50, kept_seq),
    META(FIELD_U64, 51, kept_oldest),
    META(FIELD_TIME, 52, kept_oldest_at),
    META(FIELD_U64, 53, kept_count),
    META(FIELD_U64, 54, kept_evicted),
    META(FIELD_U64, 55, kept_ttl_ms),
    META(FIELD_U64, 56, kept_min_ttl_ms),
    META(FIELD_U64, 57, kept_max),
    META(FIELD_U64, 20, gone_count),
    META(FIELD_TIME, 21, purge_due),
    META(FIELD_U64, 22, purge_left),
    META(FIELD_TIME, 23, purge_own_due),
};

#undef META

const struct message meta_row_message = {
    .name = "MetaRow",
    .fields = meta_fields,
    .field_count = ARRAY_COUNT(meta_fields),
    .size = sizeof(struct meta_row),
};

#define QUEUE(kind_, tag_, name_)                                                                  \
    {.name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct queue_row, name_)}

#define KEPT(tag_, name_, bit_)                                                                    \
    {.name = "retention." #name_,                                                                  \
     .kind = FIELD_U64,                                                                            \
     .tag = tag_,                                                                                  \
     .bit = RETENTION_HAS_##bit_,                                                                  \
     .offset = offsetof(struct queue_row, retention.name_)}

static const struct field queue_fields[] = {
    QUEUE(FIELD_TEXT, 1, name),
    QUEUE(FIELD_BOOL, 2, paused),
    QUEUE(FIELD_TIME, 3, created_at),
    QUEUE(FIELD_U64, 4, completed),
    QUEUE(FIELD_U64, 5, dead),
    QUEUE(FIELD_U64, 6, cancelled),
    QUEUE(FIELD_U64, 7, enqueued_total),
    QUEUE(FIELD_U64, 8, completed_total),
    QUEUE(FIELD_U64, 9, failed_total),
    QUEUE(FIELD_U64, 10, cleared_below),
    QUEUE(FIELD_U64, 11, destroyed_below),
    QUEUE(FIELD_BOOL, 12, destroyed),
    QUEUE(FIELD_TIME, 13, paused_at),
    QUEUE(FIELD_TIME, 14, draining_at),
    QUEUE(FIELD_BOOL, 15, drained),
    QUEUE(FIELD_U32, 16, max_concurrency),
    QUEUE(FIELD_U32, 17, rate_limit),
    QUEUE(FIELD_U64, 18, rate_window_ms),
    KEPT(19, completed_ms, COMPLETED),
    KEPT(20, dead_ms, DEAD),
    KEPT(21, cancelled_ms, CANCELLED),
    QUEUE(FIELD_BOOL, 30, require_lease_token),
    QUEUE(FIELD_U64, 31, default_lease_ms),
};

#undef QUEUE
#undef KEPT

const struct message queue_row_message = {
    .name = "QueueRow",
    .fields = queue_fields,
    .field_count = ARRAY_COUNT(queue_fields),
    .size = sizeof(struct queue_row),
    .has_offset = offsetof(struct queue_row, has),
};

#define JOB(kind_, tag_, name_)                                                                    \
    {.name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct job, name_)}

/* In the order in which most rows have them, so that readers find the next field at once. */
static const struct field job_fields[] = {
    JOB(FIELD_U32, 1, state),
    JOB(FIELD_U32, 2, priority),
    JOB(FIELD_U32, 3, queue),
    JOB(FIELD_U32, 4, backoff),
    JOB(FIELD_U32, 5, attempt),
    JOB(FIELD_I32, 6, max_retries),
    JOB(FIELD_U64, 7, base_delay_ms),
    JOB(FIELD_U64, 8, max_delay_ms),
    JOB(FIELD_U32, 9, epoch),
    JOB(FIELD_U64, 10, lease_ms),
    JOB(FIELD_TIME, 11, lease_at),
    JOB(FIELD_TIME, 12, run_at),
    JOB(FIELD_TIME, 13, expire_at),
    JOB(FIELD_TIME, 14, ready_at),
    JOB(FIELD_U64, 15, move_seq),
    JOB(FIELD_TIME, 16, started_at),
    JOB(FIELD_TIME, 17, completed_at),
    JOB(FIELD_TIME, 18, failed_at),
    JOB(FIELD_TIME, 19, ended_at),
    JOB(FIELD_U32, 20, event_seq),
    JOB(FIELD_U32, 21, error_count),
    JOB(FIELD_U32, 22, payload_size),
    JOB(FIELD_TIME, 23, payload_hash),
    JOB(FIELD_U32, 24, more_size),
    JOB(FIELD_TIME, 25, more_hash),
    JOB(FIELD_U32, 26, end.epoch),
    JOB(FIELD_U32, 27, end.verb),
    JOB(FIELD_U32, 28, end.state),
    JOB(FIELD_U32, 29, end.remaining),
    JOB(FIELD_TIME, 30, end.next_at),
    JOB(FIELD_TEXT, 31, worker_id),
    JOB(FIELD_TEXT, 32, hostname),
    JOB(FIELD_JSON, 33, result),
    JOB(FIELD_U32, 34, hold.kind),
    JOB(FIELD_U32, 35, hold.from),
    JOB(FIELD_TIME, 36, hold.at),
    JOB(FIELD_TEXT, 37, hold.reason),
    JOB(FIELD_TEXT, 38, hold.by),
    JOB(FIELD_U32, 39, revision),
    JOB(FIELD_TEXT, 40, unique.key),
    JOB(FIELD_U32, 41, unique.until),
    JOB(FIELD_U64, 42, unique.period_ms),
    JOB(FIELD_TIME, 43, unique.ends_at),
    JOB(FIELD_BOOL, 44, own_retention),
    JOB(FIELD_U64, 45, retention_ms),
    JOB(FIELD_TIME, 46, purge_at),
};

#undef JOB

const struct message job_row_message = {
    .name = "JobRow",
    .fields = job_fields,
    .field_count = ARRAY_COUNT(job_fields),
    .size = sizeof(struct job),
};

static const struct field lock_fields[] = {
    {
        .name = "job",
        .kind = FIELD_BYTES,
        .tag = 1,
        .offset = offsetof(struct lock_row, job),
    },
};

const struct message lock_row_message = {
    .name = "LockRow",
    .fields = lock_fields,
    .field_count = ARRAY_COUNT(lock_fields),
    .size = sizeof(struct lock_row),
};

static const struct field window_fields[] = {
    {
        .name = "count",
        .kind = FIELD_U32,
        .tag = 1,
        .offset = offsetof(struct window_row, count),
    },
};

const struct message window_row_message = {
    .name = "WindowRow",
    .fields = window_fields,
    .field_count = ARRAY_COUNT(window_fields),
    .size = sizeof(struct window_row),
};

#define MORE(tag_, kind_, name_)                                                                   \
    {.name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct job_more, name_)}

static const struct field more_fields[] = {
    MORE(1, FIELD_JSON, tags),        MORE(2, FIELD_JSON, checkpoint),
    MORE(3, FIELD_JSON, progress),    MORE(4, FIELD_TEXT, traceparent),
    MORE(5, FIELD_JSON, result),      MORE(6, FIELD_TEXT, feedback_text),
    MORE(7, FIELD_TEXT, feedback_by), MORE(8, FIELD_TIME, feedback_at),
};

#undef MORE

const struct message job_more_message = {
    .name = "JobMore",
    .fields = more_fields,
    .field_count = ARRAY_COUNT(more_fields),
    .size = sizeof(struct job_more),
};

#define ERROR(tag_, kind_, name_)                                                                  \
    {.name = #name_, .kind = kind_, .tag = tag_, .offset = offsetof(struct error_row, name_)}

static const struct field error_fields[] = {
    ERROR(1, FIELD_U32, attempt),     ERROR(2, FIELD_TEXT, error),
    ERROR(3, FIELD_TEXT, backtrace),  ERROR(4, FIELD_TEXT, kind),
    ERROR(5, FIELD_TIME, created_at), ERROR(6, FIELD_U32, outcome),
    ERROR(7, FIELD_TIME, started_at), ERROR(8, FIELD_TEXT, worker_id),
    ERROR(9, FIELD_TEXT, hostname),
};

#undef ERROR

const struct message error_row_message = {
    .name = "ErrorRow",
    .fields = error_fields,
    .field_count = ARRAY_COUNT(error_fields),
    .size = sizeof(struct error_row),
};

uint64_t job_due_ns(const struct job *job)
{
    switch ((enum job_state)job->state) {
    case JOB_ACTIVE:
        return job->lease_at;
    case JOB_SCHEDULED:
    case JOB_RETRYING:
        return job->expire_at && job->expire_at < job->run_at ? job->expire_at : job->run_at;
    case JOB_PENDING:
    case JOB_HELD:
        return job->expire_at;
    default:
        return 0;
    }
}

bool job_shows_worker(const struct job *job)
{
    return job->state == JOB_ACTIVE || (job->state == JOB_CANCELLED && job->lease_at != 0);
}

void job_forget_texts(struct job *job)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(job_fields); i++) {
        enum field_kind kind = job_fields[i].kind;

        if (kind == FIELD_TEXT || kind == FIELD_JSON) {
            memset((uint8_t *)job + job_fields[i].offset, 0, sizeof(struct slice));
        }
    }
    job->stored = slice_of(NULL, 0);
}

bool job_is_expired(const struct job *job, uint64_t now_ns)
{
    return job->expire_at != 0 && job->expire_at <= now_ns;
}

/* 0 is no boundary: rows from before state changes had numbers have 0, too, and are not gone. */
static bool is_below(uint64_t move_seq, uint64_t boundary)
{
    return boundary != 0 && move_seq <= boundary;
}

bool job_is_gone_at(const struct queue_row *queue, enum job_state state, uint64_t move_seq)
{
    bool clearable = state == JOB_PENDING || state == JOB_SCHEDULED || state == JOB_RETRYING;

    return is_below(move_seq, queue->destroyed_below) ||
           (clearable && is_below(move_seq, queue->cleared_below));
}

bool job_is_gone(const struct queue_row *queue, const struct job *job)
{
    return job_is_gone_at(queue, (enum job_state)job->state, job->move_seq);
}

enum err_code job_row_read(struct slice key, struct slice value, struct arena *arena,
                           struct job *ret_job, struct err *err)
{
    struct job job;

    if (protobuf_read(&job_row_message, value, arena, &job, err) != ERR_NONE) {
        return err_set(err, ERR_CORRUPT, "the row of a job does not decode");
    }
    if (key.size != JOB_KEY_SIZE || !job_key_read(key, &job.key)) {
        return err_set(err, ERR_CORRUPT, "the key of a job has %zu bytes", key.size);
    }
    if (job.state <= JOB_NONE || job.state >= JOB_STATE_COUNT ||
        job.priority >= JOB_PRIORITY_COUNT || job.backoff >= JOB_BACKOFF_COUNT ||
        job.hold.from >= JOB_STATE_COUNT || job.hold.kind >= HOLD_KIND_COUNT ||
        job.unique.until >= UNIQUE_COUNT ||
        (job.unique.until == UNIQUE_NONE) != (job.unique.key.size == 0)) {
        return err_set(err, ERR_CORRUPT, "a job's row has state %u, priority %u, back-off %u",
                       job.state, job.priority, job.backoff);
    }
    job.stored = value;
    *ret_job = job;
    return ERR_NONE;
}
