/* The job state machine and its rows: see job_move.h and the drawing in job.h. */
#include "core/job_move.h"

#include "base/limits.h"
#include "core/purge.h"
#include "core/purge_own.h"
#include "core/unique.h"

/* A terminal job's row is its result, its other texts and a few numbers. */
#define DONE_ROW_SIZE_MAX (RESULT_MAX + 8 * KIB)

#define TO(state) (1u << (state))

static const uint32_t moves[JOB_STATE_COUNT] = {
    [JOB_NONE] = TO(JOB_PENDING) | TO(JOB_SCHEDULED),
    [JOB_PENDING] = TO(JOB_ACTIVE) | TO(JOB_HELD) | TO(JOB_DEAD) | TO(JOB_CANCELLED),
    [JOB_SCHEDULED] = TO(JOB_PENDING) | TO(JOB_HELD) | TO(JOB_DEAD) | TO(JOB_CANCELLED),
    [JOB_ACTIVE] = TO(JOB_PENDING) | TO(JOB_RETRYING) | TO(JOB_HELD) | TO(JOB_COMPLETED) |
                   TO(JOB_DEAD) | TO(JOB_CANCELLED),
    [JOB_RETRYING] = TO(JOB_PENDING) | TO(JOB_HELD) | TO(JOB_DEAD) | TO(JOB_CANCELLED),
    [JOB_HELD] =
        TO(JOB_PENDING) | TO(JOB_SCHEDULED) | TO(JOB_RETRYING) | TO(JOB_DEAD) | TO(JOB_CANCELLED),
    [JOB_COMPLETED] = TO(JOB_PENDING),
    [JOB_DEAD] = TO(JOB_PENDING),
    [JOB_CANCELLED] = TO(JOB_PENDING),
};

bool job_may_become(enum job_state from, enum job_state to)
{
    assert(from < JOB_STATE_COUNT && to < JOB_STATE_COUNT);
    return (moves[from] & TO(to)) != 0;
}

#undef TO

/* Decodes a row that tx_get or tx_peek has read; false when there is none. */
static bool decode(struct tx *tx, struct job_key key, struct slice value, struct job *ret_job)
{
    struct row_key row = job_row_key(key);
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
    struct row_key row = job_row_key(key);

    if (decode(tx, key, tx_get(tx, TABLE_JOB, &row), ret_job)) {
        assert(ret_job->state == indexed->state);
        return true;
    }
    (void)tx_fail(tx, ERR_CORRUPT, "an indexed job has no row");
    return false;
}

/* The same for a done job; there is none either when it is gone with its queue. */
static bool decode_done(struct tx *tx, struct job_key key, struct slice value, struct job *ret_job)
{
    return decode(tx, key, value, ret_job) &&
           !job_is_gone(&index_queue(tx->index, ret_job->queue)->row, ret_job);
}

bool job_peek(struct tx *tx, struct job_key key, struct job *ret_job)
{
    const struct index_job *indexed = index_find(tx->index, key);
    struct row_key row = job_row_key(key);

    if (indexed) {
        return !index_is_gone(tx->index, indexed) && job_load_live(tx, indexed, ret_job);
    }
    return decode_done(tx, key, tx_peek(tx, TABLE_DONE, &row), ret_job);
}

bool job_load(struct tx *tx, struct job_key key, struct job *ret_job)
{
    if (!job_peek(tx, key, ret_job)) {
        return false;
    }
    if (job_state_is_terminal((enum job_state)ret_job->state)) {
        job_forget_texts(ret_job);
    }
    return true;
}

enum err_code job_unknown(struct slice job_id, enum reply_code refuse, struct err *err)
{
    return err_reply(err, refuse, "job '%.*s' does not exist",
                     (int)(job_id.size > JOB_ID_MAX ? JOB_ID_MAX : job_id.size),
                     job_id.size ? (const char *)job_id.data : "");
}

/* Charges what the row has, but does not begin to read when the largest one would not fit. */
static enum err_code open_done(struct tx *tx, struct job_key key, bool *ret_found,
                               struct job *ret_job, struct err *err)
{
    struct row_key row = job_row_key(key);
    struct slice value;

    if (!tx_reserve(tx, DONE_ROW_SIZE_MAX)) {
        return tx_busy(err);
    }
    value = tx_get(tx, TABLE_DONE, &row);
    assert(value.size <= DONE_ROW_SIZE_MAX);
    tx->read_left += DONE_ROW_SIZE_MAX - value.size;
    *ret_found = decode_done(tx, key, value, ret_job);
    return ERR_NONE;
}

enum err_code job_open(struct tx *tx, struct slice job_id, enum reply_code refuse,
                       struct job *ret_job, struct err *err)
{
    const struct index_job *indexed;
    struct job_key key;
    bool found = false;

    if (!job_id_parse(job_id, &key)) {
        return job_unknown(job_id, refuse, err);
    }
    indexed = index_find(tx->index, key);
    if (indexed) {
        found = !index_is_gone(tx->index, indexed) && job_load_live(tx, indexed, ret_job);
    } else if (open_done(tx, key, &found, ret_job, err) != ERR_NONE) {
        return err->code;
    }
    return found ? ERR_NONE : job_unknown(job_id, refuse, err);
}

static enum table table_of(enum job_state state)
{
    return job_state_is_terminal(state) ? TABLE_DONE : TABLE_JOB;
}

static void save_row(struct tx *tx, const struct job *job, enum table from, enum table to)
{
    struct row_key key = job_row_key(job->key);
    struct slice stored = job->stored;

    if (stored.data && from != to) {
        if (to == TABLE_DONE && purge_at_once(tx, job)) {
            return;
        }
        tx_delete(tx, from, &key, stored);
        stored = slice_of(NULL, 0);
    }
    tx_put(tx, to, &key, stored, tx_encode(tx, &job_row_message, job),
           job->stored.data ? 0 : KV_FRESH);
    if (to == TABLE_DONE) {
        purge_note_due(tx, job);
    }
    if (to == TABLE_DONE && from != to) {
        purge_own_add(tx, job);
    }
}

void job_save(struct tx *tx, const struct job *job, enum job_state first_state)
{
    const struct index_job *indexed = index_find(tx->index, job->key);
    enum table from = table_of(first_state);
    enum table to = table_of((enum job_state)job->state);
    struct index_job old;
    struct index_job now;

    assert((first_state == JOB_NONE) == !job->stored.data);
    assert((first_state == JOB_NONE || from == TABLE_DONE) == !indexed);
    if (indexed) {
        old = *indexed;
    }
    save_row(tx, job, from, to);
    if (to == TABLE_JOB) {
        now = index_job_of(job);
    }
    if (indexed || to == TABLE_JOB) {
        tx_index(tx, indexed ? &old : NULL, to == TABLE_JOB ? &now : NULL);
    }
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

/* The worker's name stays, for the attempt's sake; see job_shows_worker. */
static void leave(struct job *job, enum job_state to)
{
    if (to != JOB_HELD) {
        job->run_at = 0;
    }
    if (job->state == JOB_HELD) {
        job->hold = (struct job_hold){0};
    }
    if (to != JOB_CANCELLED) {
        job->lease_at = 0;
    }
}

void job_count_done(struct tx *tx, const struct job *job, int by)
{
    struct queue *queue = index_queue(tx->index, job->queue);
    uint64_t change = (uint64_t)(int64_t)by;

    tx_queue_edit(tx, queue);
    tx->meta->done_count += change;
    if (job->state == JOB_COMPLETED) {
        queue->row.completed += change;
    } else if (job->state == JOB_DEAD) {
        queue->row.dead += change;
    } else {
        queue->row.cancelled += change;
    }
}

static void end(struct tx *tx, struct job *job)
{
    struct queue *queue = index_queue(tx->index, job->queue);

    job->ended_at = tx->now_ns;
    job_count_done(tx, job, 1);
    if (job->state == JOB_COMPLETED) {
        job->completed_at = tx->now_ns;
        queue->row.completed_total++;
    } else if (job->state == JOB_DEAD) {
        job->failed_at = tx->now_ns;
    }
    job->purge_at = purge_own_at(job);
}

/* Back from an end: a retry. */
static void begin_again(struct tx *tx, struct job *job)
{
    job_count_done(tx, job, -1);
    purge_own_drop(tx, job);
    job->purge_at = 0;
    job->ended_at = 0;
    job->completed_at = 0;
    job->failed_at = 0;
}

void job_requeue(struct tx *tx, struct job *job)
{
    job->move_seq = ++tx->meta->move_seq;
    if (job->state == JOB_PENDING) {
        job->ready_at = tx->now_ns;
    }
}

void job_move_with(struct tx *tx, struct job *job, enum job_state to, enum event_type type,
                   struct slice data)
{
    enum job_state from = (enum job_state)job->state;

    assert(job_may_become(from, to));
    leave(job, to);
    if (job_state_is_terminal(from)) {
        begin_again(tx, job);
    }
    job->state = to;
    job_requeue(tx, job);
    unique_follow(tx, job, from);
    if (job_state_is_terminal(to)) {
        end(tx, job);
    }
    job_event(tx, job, type, data);
}

void job_move(struct tx *tx, struct job *job, enum job_state to, enum event_type type)
{
    job_move_with(tx, job, to, type, slice_of(NULL, 0));
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

static bool add_record(struct tx *tx, struct job *job, const struct error_row *record)
{
    struct row_key key;

    if (!drop_error(tx, job)) {
        return false;
    }
    job->error_count++;
    key = job_part_key(job->key, job->error_count);
    tx_put(tx, TABLE_ERROR, &key, slice_of(NULL, 0), tx_encode(tx, &error_row_message, record),
           KV_FRESH);
    return true;
}

bool job_add_error(struct tx *tx, struct job *job, struct error_row *error)
{
    error->attempt = job->attempt;
    error->created_at = tx->now_ns;
    if (error->outcome) {
        error->started_at = job->started_at;
        error->worker_id = job->worker_id;
        error->hostname = job->hostname;
    }
    return add_record(tx, job, error);
}

bool job_last_attempt(const struct job *job, struct error_row *ret_record)
{
    struct error_row record = {
        .attempt = job->attempt,
        .started_at = job->started_at,
        .worker_id = job->worker_id,
        .hostname = job->hostname,
    };

    if (job->state == JOB_ACTIVE) {
        record.outcome = OUTCOME_RUNNING;
    } else if (job->state == JOB_COMPLETED) {
        record.outcome = OUTCOME_COMPLETED;
        record.created_at = job->completed_at;
    } else if (job->state == JOB_CANCELLED && job_shows_worker(job)) {
        record.outcome = OUTCOME_CANCELLED;
        record.created_at = job->ended_at;
    } else {
        return false;
    }
    *ret_record = record;
    return true;
}

bool job_keep_attempt(struct tx *tx, struct job *job)
{
    struct error_row record;

    return !job_last_attempt(job, &record) || add_record(tx, job, &record);
}

bool error_row_is_error(const struct error_row *row)
{
    return row->outcome == OUTCOME_NONE || row->outcome == OUTCOME_FAILED ||
           row->outcome == OUTCOME_LEASE_EXPIRED || row->outcome == OUTCOME_ITERATION_TIMEOUT;
}

struct job_feedback job_feedback_of(const struct job *job, const struct job_more *more)
{
    return (struct job_feedback){.text = more->feedback_text,
                                 .by = more->feedback_by,
                                 .at = more->feedback_at,
                                 .revision = job->revision};
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

void job_payload_save(struct tx *tx, struct job *job, struct slice payload, struct slice stored)
{
    struct row_key key = job_row_key(job->key);
    bool is_default = payload.size == 0 || slice_is(payload, "{}");

    if (!is_default) {
        tx_put(tx, TABLE_PAYLOAD, &key, stored, payload, job->stored.data ? 0 : KV_FRESH);
    } else if (stored.data) {
        tx_delete(tx, TABLE_PAYLOAD, &key, stored);
    }
    job->payload_size = is_default ? 0 : (uint32_t)payload.size;
    job->payload_hash = is_default ? 0 : row_hash(TABLE_PAYLOAD, row_key_slice(&key), payload);
}

void job_remove(struct tx *tx, const struct job *job)
{
    const struct index_job *indexed = index_find(tx->index, job->key);
    struct row_key key = job_row_key(job->key);
    struct index_job old;

    tx_delete(tx, table_of((enum job_state)job->state), &key, job->stored);
    if (indexed) {
        old = *indexed;
        tx_index(tx, &old, NULL);
    } else {
        job_count_done(tx, job, -1);
    }
}

static void remove_records(struct tx *tx, const struct job *job, uint32_t count)
{
    for (uint32_t i = job->error_count - count + 1; i <= job->error_count; i++) {
        struct row_key key = job_part_key(job->key, i);
        struct slice old = tx_get(tx, TABLE_ERROR, &key);

        if (!old.data) {
            (void)tx_fail(tx, ERR_CORRUPT, "an error record is missing");
            return;
        }
        tx_delete(tx, TABLE_ERROR, &key, old);
    }
}

bool job_remove_parts(struct tx *tx, const struct job *job)
{
    uint32_t records = job->error_count < ERROR_RECORDS_MAX ? job->error_count : ERROR_RECORDS_MAX;
    size_t undo_size = tx->in_unit ? (size_t)job->payload_size + job->more_size : 0;
    struct row_key key = job_row_key(job->key);

    if (!tx_reserve(tx, (size_t)records * ERROR_ROW_SIZE_MAX + undo_size)) {
        return false;
    }
    remove_records(tx, job, records);
    unique_drop(tx, job);
    purge_own_drop(tx, job);
    if (job->payload_hash) {
        tx_drop(tx, TABLE_PAYLOAD, &key, job->payload_hash);
    }
    if (job->more_hash) {
        tx_drop(tx, TABLE_MORE, &key, job->more_hash);
    }
    return true;
}

bool error_row_read(struct slice value, struct arena *arena, struct error_row *ret_error)
{
    struct err err;

    return value.data &&
           protobuf_read(&error_row_message, value, arena, ret_error, &err) == ERR_NONE;
}
