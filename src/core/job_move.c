/* The job state machine and its rows: see job_move.h and the drawing in job.h. */
#include "core/job_move.h"

#include "base/limits.h"

/* An error record is at most the two texts and a few numbers. */
#define ERROR_ROW_SIZE_MAX (ERROR_TEXT_MAX + BACKTRACE_MAX + 256)

#define TO(state) (1u << (state))

static const uint32_t moves[JOB_STATE_COUNT] = {
    [JOB_NONE] = TO(JOB_PENDING) | TO(JOB_SCHEDULED),
    [JOB_PENDING] = TO(JOB_ACTIVE) | TO(JOB_DEAD) | TO(JOB_CANCELLED),
    [JOB_SCHEDULED] = TO(JOB_PENDING) | TO(JOB_DEAD) | TO(JOB_CANCELLED),
    [JOB_ACTIVE] =
        TO(JOB_PENDING) | TO(JOB_RETRYING) | TO(JOB_COMPLETED) | TO(JOB_DEAD) | TO(JOB_CANCELLED),
    [JOB_RETRYING] = TO(JOB_PENDING) | TO(JOB_DEAD) | TO(JOB_CANCELLED),
    [JOB_HELD] = TO(JOB_DEAD) | TO(JOB_CANCELLED),
    [JOB_COMPLETED] = 0,
    [JOB_DEAD] = 0,
    [JOB_CANCELLED] = 0,
};

bool job_may_become(enum job_state from, enum job_state to)
{
    assert(from < JOB_STATE_COUNT && to < JOB_STATE_COUNT);
    return (moves[from] & TO(to)) != 0;
}

#undef TO

static bool read_row(struct tx *tx, enum table table, struct job_key key, struct job *ret_job)
{
    struct row_key row = job_row_key(key);
    struct slice value = tx_get(tx, table, &row);
    struct err err;

    if (!value.data) {
        return false;
    }
    if (job_row_read(row_key_slice(&row), value, tx->arena, ret_job, &err) != ERR_NONE) {
        (void)tx_fail(tx, err.code, err.text);
        return false;
    }
    return true;
}

bool job_load_live(struct tx *tx, const struct index_job *indexed, struct job *ret_job)
{
    struct job_key key = {indexed->time_ns, indexed->seq};

    if (read_row(tx, TABLE_JOB, key, ret_job)) {
        assert(ret_job->state == indexed->state);
        return true;
    }
    (void)tx_fail(tx, ERR_CORRUPT, "an indexed job has no row");
    return false;
}

bool job_load(struct tx *tx, struct job_key key, struct job *ret_job)
{
    const struct index_job *indexed = index_find(tx->index, key);

    if (indexed) {
        return job_load_live(tx, indexed, ret_job);
    }
    return read_row(tx, TABLE_DONE, key, ret_job);
}

static void save_live(struct tx *tx, const struct job *job, const struct row_key *key)
{
    struct slice value = tx_encode(tx, &job_row_message, job);

    tx_put(tx, TABLE_JOB, key, job->stored, value, job->stored.data ? 0 : KV_FRESH);
}

static void save_done(struct tx *tx, const struct job *job, const struct row_key *key)
{
    tx_delete(tx, TABLE_JOB, key, job->stored);
    tx_put(tx, TABLE_DONE, key, slice_of(NULL, 0), tx_encode(tx, &job_row_message, job), 0);
}

void job_save(struct tx *tx, const struct job *job, enum job_state first_state)
{
    const struct index_job *indexed = index_find(tx->index, job->key);
    bool ended = job_state_is_terminal((enum job_state)job->state);
    struct row_key key = job_row_key(job->key);
    struct index_job old;
    struct index_job now;

    assert(!job_state_is_terminal(first_state));
    assert((first_state == JOB_NONE) == !indexed);
    if (indexed) {
        old = *indexed;
    }
    if (ended) {
        save_done(tx, job, &key);
    } else {
        now = index_job_of(job);
        save_live(tx, job, &key);
    }
    tx_index(tx, indexed ? &old : NULL, ended ? NULL : &now);
}

void job_event(struct tx *tx, struct job *job, enum event_type type, struct slice data)
{
    struct event event = {
        .type = type,
        .queue = job->queue,
        .job_seq = job->event_seq + 1,
        .attempt = job->attempt,
        .state = job->state,
        .data = data,
    };
    struct row_key key = job_row_key(job->key);

    if (tx->meta->events_max == 0) {
        return;
    }
    if (!arena_copy(tx->arena, row_key_slice(&key), &event.job)) {
        (void)tx_fail(tx, ERR_NOMEM, "the entry needs more memory than an entry may use");
        return;
    }
    job->event_seq++;
    tx_event(tx, &event);
}

static void leave(struct job *job, enum job_state to)
{
    job->run_at = 0;
    if (job->state != JOB_ACTIVE || to == JOB_CANCELLED) {
        return;
    }
    job->lease_at = 0;
    job->worker_id = slice_of(NULL, 0);
    job->hostname = slice_of(NULL, 0);
}

/* The least key and the least end of done jobs tell the purge where and when to start. */
static void note_done(struct tx *tx, const struct job *job)
{
    struct meta_row *meta = tx->meta;
    struct row_key key = job_row_key(job->key);
    struct row_key first =
        job_row_key((struct job_key){meta->purge_first_time, meta->purge_first_seq});

    if (meta->done_count == 0) {
        meta->purge_floor = tx->now_ns;
    }
    if (meta->done_count == 0 || slice_compare(row_key_slice(&key), row_key_slice(&first)) < 0) {
        meta->purge_first_time = job->key.time_ns;
        meta->purge_first_seq = job->key.seq;
    }
    meta->done_count++;
}

static void end(struct tx *tx, struct job *job, enum job_state state)
{
    struct queue *queue = index_queue(tx->index, job->queue);

    job->ended_at = tx->now_ns;
    note_done(tx, job);
    tx_queue_edit(tx, queue);
    if (state == JOB_COMPLETED) {
        job->completed_at = tx->now_ns;
        queue->row.completed++;
        queue->row.completed_total++;
    } else if (state == JOB_DEAD) {
        job->failed_at = tx->now_ns;
        queue->row.dead++;
    } else {
        queue->row.cancelled++;
    }
}

void job_move(struct tx *tx, struct job *job, enum job_state to, enum event_type type)
{
    assert(job_may_become((enum job_state)job->state, to));
    leave(job, to);
    job->state = to;
    job->move_seq = ++tx->meta->move_seq;
    if (to == JOB_PENDING) {
        job->ready_at = tx->now_ns;
    } else if (job_state_is_terminal(to)) {
        end(tx, job, to);
    }
    job_event(tx, job, type, slice_of(NULL, 0));
}

void job_end_epoch(struct job *job, enum lease_verb verb)
{
    job->end = (struct lease_end){.epoch = job->epoch, .verb = verb, .state = job->state};
}

/* Removes the record that is one too many. */
static bool drop_error(struct tx *tx, const struct job *job)
{
    struct row_key key = job_part_key(job->key, job->error_count + 1 - ERROR_RECORDS_MAX);
    struct slice old;

    if (job->error_count < ERROR_RECORDS_MAX) {
        return true;
    }
    if (!tx_reserve(tx, ERROR_ROW_SIZE_MAX)) {
        return false;
    }
    old = tx_get(tx, TABLE_ERROR, &key);
    if (!old.data) {
        (void)tx_fail(tx, ERR_CORRUPT, "an error record is missing");
        return true;
    }
    tx_delete(tx, TABLE_ERROR, &key, old);
    return true;
}

bool job_add_error(struct tx *tx, struct job *job, struct error_row *error)
{
    struct row_key key;

    if (!drop_error(tx, job)) {
        return false;
    }
    job->error_count++;
    error->attempt = job->attempt;
    error->created_at = tx->now_ns;
    key = job_part_key(job->key, job->error_count);
    tx_put(tx, TABLE_ERROR, &key, slice_of(NULL, 0), tx_encode(tx, &error_row_message, error),
           KV_FRESH);
    return true;
}

bool job_expire(struct tx *tx, struct job *job)
{
    struct error_row error = {.error = slice_text("job expired")};

    if (!job_add_error(tx, job, &error)) {
        return false;
    }
    job_move(tx, job, JOB_DEAD, EVENT_EXPIRED);
    job_event(tx, job, EVENT_DEAD, slice_of(NULL, 0));
    return true;
}

void job_more_load(struct tx *tx, const struct job *job, struct job_more *ret_more,
                   struct slice *ret_stored)
{
    struct row_key key = job_row_key(job->key);
    struct err err;

    *ret_more = (struct job_more){0};
    *ret_stored = slice_of(NULL, 0);
    if (job->more_hash == 0) {
        return;
    }
    *ret_stored = tx_get(tx, TABLE_MORE, &key);
    if (!ret_stored->data ||
        protobuf_read(&job_more_message, *ret_stored, tx->arena, ret_more, &err) != ERR_NONE) {
        (void)tx_fail(tx, ERR_CORRUPT, "a job's row of tags and checkpoint does not decode");
        *ret_more = (struct job_more){0};
    }
}

void job_more_save(struct tx *tx, struct job *job, const struct job_more *more, struct slice stored)
{
    struct row_key key = job_row_key(job->key);
    struct slice value = tx_encode(tx, &job_more_message, more);

    if (!value.data) {
        return;
    }
    tx_put(tx, TABLE_MORE, &key, stored, value, stored.data ? 0 : KV_FRESH);
    job->more_size = (uint32_t)value.size;
    job->more_hash = row_hash(TABLE_MORE, row_key_slice(&key), value);
}

bool error_row_read(struct slice value, struct arena *arena, struct error_row *ret_error)
{
    struct err err;

    return value.data &&
           protobuf_read(&error_row_message, value, arena, ret_error, &err) == ERR_NONE;
}
